"""Text as vectors: bag of words, TF-IDF, Word2Vec, GloVe, BERT.

BagOfWords().fit(texts).encode(texts)        Features (B, 1, D)
TFIDF("smooth").fit(texts).encode(texts)     the same, rare words weighing more
Word2Vec(100).fit(sentences).vectors         WordVectors: nearest, analogy, encode → Features (B, N, D)
GloVe(100).fit(sentences).vectors            the same from counts of neighbours
SentenceEncoder.from_folder(path).encode(texts)   a published BERT: Features (B, N, D), depending on context
"""

from ...lazy import names

_HOME = {
    "BERT": "bert",
    "BagOfWords": "bags",
    "BertConfig": "bert",
    "BertForPreTraining": "bert",
    "Corpus": "corpus",
    "GloVe": "glove",
    "SentenceEncoder": "sentences",
    "TFIDF": "bags",
    "Word2Vec": "word2vec",
    "WordVectors": "word_vectors",
    "agreement": "word_similarity",
    "cooccurrences": "glove",
    "load_scene_bert": "scene_bert",
    "read_pairs": "word_similarity",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
