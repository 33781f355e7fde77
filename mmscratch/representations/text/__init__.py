"""Text as vectors: bag of words, TF-IDF, Word2Vec, GloVe, BERT."""
