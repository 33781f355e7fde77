"""The survey's trends, measured: Transformers beside CNN and LSTM, deep graph networks."""
