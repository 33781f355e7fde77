"""Text alone: word vectors, and BERT pretrained on what is said of scenes."""
