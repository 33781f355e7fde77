"""Text: WordPiece beside the tokenizers package, Word2Vec beside gensim.

The language is made up, so that the rows need no file: 20,000 words of two to five syllables, spoken as often
as Zipf's law has it, in sentences with capitals and marks. The vocabulary of pieces holds the most frequent
words, and all syllables and letters, at the beginning of a word and within one.
"""

import functools
import itertools
import os

import numpy as np

from mmscratch.data.tokenizers import WordPiece
from mmscratch.representations.text import Word2Vec

from ..case import Case, Row
from ..place import threads

TOPIC = "Text"
WORDS, KNOWN, SENTENCES, LENGTH = 20_000, 5_000, 20_000, 12
SETTINGS = {
    "sgns": ({}, {"sg": 1, "negative": 5}),
    "tree": ({"softmax": "hierarchical"}, {"sg": 1, "hs": 1, "negative": 0}),
    "cbow": ({"model": "cbow"}, {"sg": 0, "negative": 5}),
}
WHAT = {
    "sgns": "skip-gram, 5 noise words",
    "tree": "skip-gram, hierarchical softmax",
    "cbow": "CBOW, 5 noise words",
}


def rows():
    for memory, target in (("new", 0.5), ("known", 0.25)):
        yield Row(
            f"wordpiece/{memory}", TOPIC, f"WordPiece, all words {memory}", f"{SENTENCES:,} sentences",
            functools.partial(wordpiece, known=memory == "known"), libraries=("tokenizers",),
            targets={"tokenizers": target},
        )  # fmt: skip
    for name in SETTINGS:
        yield Row(
            f"word2vec/{name}", TOPIC, f"Word2Vec from sentences, {WHAT[name]}",
            f"{SENTENCES * LENGTH:,} words, D 100", functools.partial(word2vec, name=name),
            libraries=("gensim",), targets={"gensim": 0.8},
        )  # fmt: skip


@functools.cache
def language():
    """All words, the most frequent first, and sentences as arrays of word numbers."""
    r = np.random.default_rng(0)
    syllables = ["".join(s) for s in itertools.product("bcdfghklmnprstvz", "aeiou", ["", "n", "r", "s"])]
    words = dict.fromkeys("".join(r.choice(syllables, r.integers(2, 6))) for _ in range(2 * WORDS))
    words = list(words)[:WORDS]
    share = 1 / (2.7 + np.arange(WORDS))
    spoken = r.choice(WORDS, (SENTENCES, LENGTH), p=share / share.sum())
    letters = sorted({c for s in syllables for c in s})
    pieces = [*letters, *syllables, *words[:KNOWN]]
    pieces += [f"##{p}" for p in (*letters, *syllables)]
    return words, spoken, list(dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *".,?", *pieces]))


@functools.cache
def texts():
    """The sentences as one writes them."""
    words, spoken, _ = language()
    written = []
    for number, row in enumerate(spoken):
        sentence = [words[i] for i in row]
        sentence[4] += ","
        written.append(" ".join(sentence).capitalize() + ".?"[number % 5 == 0])
    return written


def wordpiece(place, known):
    """Numbers of every sentence; "new": with an empty memory of words, as in the first minutes of a run."""
    lines, (*_, vocabulary) = texts(), language()
    tokenizer = WordPiece(vocabulary)

    def ours():
        if not known:
            tokenizer.forget()
        return [[tokenizer.encode(line) for line in lines]]

    case = Case(ours, check=lambda results: [np.fromiter(itertools.chain(*results[0]), np.int64)])
    if place.tokenizers is not None:
        bert = place.tokenizers.BertWordPieceTokenizer({t: i for i, t in enumerate(vocabulary)})._tokenizer

        def theirs(encode, parallel):
            os.environ["TOKENIZERS_PARALLELISM"] = str(parallel).lower()
            return [[e.ids for e in encode(lines, add_special_tokens=False)]]

        case.peers["tokenizers"] = {
            f"{name}, {'all threads' if parallel else '1 thread'}": functools.partial(
                theirs, encode, parallel
            )
            for name, encode in (("encode_batch", bert.encode_batch), ("fast", bert.encode_batch_fast))
            for parallel in (False, True)
        }
    return case


def word2vec(place, name):
    """One pass over the sentences, words counted first. (Other random numbers: results differ.)"""
    words, spoken, _ = language()
    sentences = [[words[i] for i in row] for row in spoken]
    settings, their_settings = SETTINGS[name]

    def ours():
        return [Word2Vec(100, epochs=1, **settings).fit(sentences).inputs]

    case = Case(ours, check=lambda results: [])
    if place.gensim is not None:
        from gensim.models import Word2Vec as Theirs

        def theirs(workers):
            model = Theirs(
                sentences, vector_size=100, window=5, min_count=1, sample=1e-3, epochs=1, workers=workers,
                **their_settings,
            )  # fmt: skip
            return [model.wv.vectors]

        case.peers["gensim"] = {
            f"{n} thread{'s' * (n > 1)}": functools.partial(theirs, n) for n in sorted({1, threads()})
        }
    return case
