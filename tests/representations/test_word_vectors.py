"""Word2Vec and GloVe as wholes: what they converge to, what they learn, the same from a seed; and files."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from word_cases import expected_pairs, grammar_sentences

from mmscratch import kernels
from mmscratch.data import DataError, Vocabulary, tokenize
from mmscratch.metrics import spearman
from mmscratch.representations.text import (
    Corpus,
    GloVe,
    Word2Vec,
    WordVectors,
    agreement,
    cooccurrences,
    read_pairs,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_numba = pytest.mark.skipif(not kernels.has_numba(), reason="the formulas in NumPy take minutes")
COLOURS = {"red", "green", "blue", "yellow", "purple", "cyan"}
SHAPES = {"circle", "square", "triangle", "cross"}
SMALL = [["a", "red", "dog"], ["a", "blue", "cat"], ["the", "dog"], [], ["cat"]] * 3


@pytest.fixture(scope="module", params=["en", "zh"])
def grammar(request):
    return Corpus.from_sentences(grammar_sentences(request.param))


# ── what they converge to ────────────────────────────────────────────────────────────────────────
@needs_numba
def test_skip_gram_factorises_pmi(grammar):
    """u · v + ln k against the exact PMI of every pair that the grammar says (Levy & Goldberg, 2014)."""
    k, window = 5, 3
    x = expected_pairs(grammar, window)
    with np.errstate(divide="ignore", invalid="ignore"):
        pmi = np.log(x * x.sum() / np.outer(x.sum(1), x.sum(0)))
    settings = {"size": 48, "window": window, "negatives": k, "subsample": 0, "noise_power": 1, "epochs": 8}
    m = Word2Vec(**settings, seed=1).fit(grammar)
    learned = m.inputs @ m.outputs.T + np.log(k)
    said = x > 0
    assert said.sum() > 450
    assert np.corrcoef(learned[said], pmi[said])[0, 1] > 0.9
    assert abs((learned - pmi)[said].mean()) < 0.15  # without ln k it would be 1.6
    assert m.losses[-1] < m.losses[0]


@needs_numba
def test_glove_factorises_ln_x(grammar):
    """w_i · w̃_j + b_i + b̃_j = ln X_ij, where X is large enough to weigh in full."""
    m = GloVe(32, window=3, epochs=200, lr=0.2, seed=1).fit(grammar)
    i, j, x = cooccurrences(grammar, 3)
    learned = (m.w[i] * m.context_w[j]).sum(axis=1) + m.bias[i] + m.context_bias[j]
    heavy = x >= 100
    assert heavy.sum() > 200
    assert np.abs(learned - np.log(x))[heavy].mean() < 0.02
    assert np.corrcoef(learned[heavy], np.log(x)[heavy])[0, 1] > 0.999
    assert m.losses[-1] < 1e-3 * m.losses[0]


# ── what they learn ──────────────────────────────────────────────────────────────────────────────
@needs_numba
@pytest.mark.parametrize(
    "learn",
    [
        lambda c: Word2Vec(32, epochs=3, subsample=0).fit(c),
        lambda c: Word2Vec(32, epochs=3, subsample=0, softmax="hierarchical").fit(c),
        lambda c: Word2Vec(32, epochs=3, subsample=0, model="cbow").fit(c),
        lambda c: Word2Vec(32, epochs=3, subsample=0, model="cbow", softmax="hierarchical").fit(c),
        lambda c: GloVe(32, window=3, epochs=100).fit(c),
    ],
    ids=["sgns", "skip-gram tree", "cbow", "cbow tree", "glove"],
)
def test_colours_and_shapes_stand_together(learn):
    vectors = learn(Corpus.from_sentences(grammar_sentences())).vectors
    for group in (COLOURS, SHAPES):
        for word in group:
            near = {w for w, _ in vectors.nearest(word, len(group) - 1)}
            assert len(near & group) >= len(group) - 2, (word, near)


@needs_numba
@pytest.mark.slow
def test_captions_teach_what_people_call_similar():
    """COCO captions (247,000 words) against WordSim-353 and MEN: measured, with a wide margin below."""
    file = SHARED / "text_corpora" / "coco_val2014_captions_4733.jsonl.gz"
    if not file.exists():
        pytest.skip("needs ../shared/data/text_corpora")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        captions = [c for line in lines for c in json.loads(line)["captions"]]
    corpus = Corpus.from_sentences([tokenize(c, punctuation=False) for c in captions], min_count=5)
    men = read_pairs(SHARED / "word_similarity" / "EN-MEN-first2000.txt")
    for m, least in ((Word2Vec(100, epochs=15), 0.3), (GloVe(100, epochs=25, x_max=10), 0.15)):
        found = agreement(m.fit(corpus).vectors, men)
        assert found.known > 900 and found.rho > least, found


# ── the same again ───────────────────────────────────────────────────────────────────────────────
SETTINGS = [
    {"subsample": 0.1},
    {"subsample": 0.1, "model": "cbow"},
    {"subsample": 0.1, "softmax": "hierarchical"},
    {"shrink": False, "subsample": 0, "dtype": "float64"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_seed_gives_the_same(settings):
    def learn(seed):
        return Word2Vec(20, epochs=2, seed=seed, **settings).fit(SMALL)

    first, second, other = learn(3), learn(3), learn(4)
    np.testing.assert_array_equal(first.inputs, second.inputs)
    np.testing.assert_array_equal(first.outputs, second.outputs)
    assert first.losses == second.losses and len(first.losses) == 2
    assert not np.array_equal(first.inputs, other.inputs) and first.outputs.any()
    assert first.inputs.shape == (len(first.vocabulary), 20)
    assert first.inputs.dtype == settings.get("dtype", "float32")


@needs_numba
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_both_host_floors_learn_the_same(settings):
    found = []
    for floor in ("cpu", "reference"):
        with kernels.use(floor):
            found.append(Word2Vec(20, epochs=3, lr=0.3, **settings).fit(SMALL))
    np.testing.assert_allclose(found[0].inputs, found[1].inputs, atol=1e-6)
    np.testing.assert_allclose(found[0].outputs, found[1].outputs, atol=1e-6)
    np.testing.assert_allclose(found[0].losses, found[1].losses, rtol=1e-6)


@needs_numba
def test_glove_is_the_same_on_both_floors_and_twice():
    found = []
    for floor in ("cpu", "cpu", "reference"):
        with kernels.use(floor):
            found.append(GloVe(20, epochs=3, x_max=2, seed=5).fit(SMALL))
    np.testing.assert_array_equal(found[0].vectors.vectors, found[1].vectors.vectors)
    np.testing.assert_allclose(found[0].vectors.vectors, found[2].vectors.vectors, atol=1e-6)
    np.testing.assert_allclose(found[0].losses, found[2].losses, rtol=1e-5)
    np.testing.assert_array_equal(found[0].vectors.vectors, (found[0].w + found[0].context_w)[4:])


def test_progress_reaches_the_end():
    seen = []
    Word2Vec(4, epochs=2).fit(SMALL, progress=lambda *a: seen.append(a))
    assert seen[-1][0] == seen[-1][1] == 2 * sum(map(len, SMALL))
    GloVe(4, epochs=2).fit(SMALL, progress=lambda *a: seen.append(a))
    assert seen[-1] == (2, 2)


def test_rows_are_the_numbers_of_the_vocabulary():
    """So they fit nn.Embedding; <pad> and its like are never moved by a noise word."""
    m = Word2Vec(8, epochs=1, subsample=0).fit(SMALL)
    assert m.vocabulary.words[:4] == Vocabulary().words
    assert not m.outputs[:4].any() and m.outputs[4:].any(axis=1).all()
    assert m.vectors.words == m.vocabulary.words[4:]
    np.testing.assert_array_equal(m.vectors["dog"], m.inputs[m.vocabulary.index("dog")])


# ── word vectors ─────────────────────────────────────────────────────────────────────────────────
def points():
    words = ["king", "man", "woman", "queen", "pear"]
    return WordVectors(words, np.array([[3, 1.0], [1, 1], [1, -1], [3, -1], [-1, 0]], np.float32))


def test_nearest_and_analogy():
    vectors = points()
    assert vectors.similarity("man", "woman") == pytest.approx(0, abs=1e-6)
    assert [w for w, _ in vectors.nearest("king", 2)] == ["man", "queen"]
    assert vectors.nearest("king", 9)[-1] == ("pear", pytest.approx(-3 / np.sqrt(10)))
    assert vectors.analogy("man", "king", "woman")[0][0] == "queen"
    assert "king" in vectors and "x" not in vectors and len(vectors) == 5
    assert repr(vectors) == "WordVectors(5 words, 2 dimensions)"
    with pytest.raises(KeyError, match="'x' is not among the 5 words"):
        vectors.nearest("x")


def test_texts_become_features():
    features = points().encode(["King of pear", "", "man"])
    assert features.values.shape == (3, 3, 2)
    assert features.mask.tolist() == [[True, False, True], [False] * 3, [True, False, False]]
    np.testing.assert_array_equal(features.values[0], [[3, 1], [0, 0], [-1, 0]])
    with pytest.raises(TypeError, match="put it in a list"):
        points().encode("king")


def test_save_and_load(tmp_path):
    file = tmp_path / "vectors.npz"
    points().save(file)
    again = WordVectors.load(file)
    assert again.words == points().words
    np.testing.assert_array_equal(again.vectors, points().vectors)
    np.savez(file, words=np.zeros(3))
    with pytest.raises(DataError, match=r"expected vectors and words"):
        WordVectors.load(file)
    np.savez(file, words=np.frombuffer(b"a\nb", np.uint8), vectors=np.zeros((3, 2)))
    with pytest.raises(DataError, match=r"floats \(2, D\)"):
        WordVectors.load(file)


@pytest.mark.parametrize("header", ["", "3 2\n"])
def test_published_text_files(tmp_path, header):
    file = tmp_path / "vectors.txt"
    file.write_text(header + "the 1 2.5\n. . . -1e-3 4\n3 2 1\n", encoding="utf-8")
    vectors = WordVectors.from_text(file)
    assert vectors.words == ("the", ". . .", "3")
    np.testing.assert_allclose(vectors.vectors, [[1, 2.5], [-1e-3, 4], [2, 1]])
    assert WordVectors.from_text(file, limit=1).words == ("the",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 1\n", "line 2: expected a word and 2"),
        ("a 1 2\nb 1 x\n", "line 2: expected a word and 2 numbers"),
        ("a 1 nan\n", "line 1: expected a word and 2 finite numbers"),
        ("a\n", "line 1"),
        ("a 1\na 2\n", "'a' is there more than once"),
        ("\n", "holds no word vectors"),
    ],
)
def test_bad_text_files(tmp_path, text, message):
    file = tmp_path / "vectors.txt"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        WordVectors.from_text(file)


# ── agreement with people ────────────────────────────────────────────────────────────────────────
def test_spearman_is_scipys():
    r = np.random.default_rng(0)
    for n in (2, 3, 50):
        a, b = r.integers(0, 9, n), r.standard_normal(n)
        a[0], a[1] = 1, 2
        assert spearman(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic)
    assert spearman([1, 2, 3], [1, 8, 27]) == 1 and np.isnan(spearman([1, 1], [1, 2]))
    for bad in (([1], [1]), ([1, 2], [1, 2, 3]), ([1, 2], [1, np.nan])):
        with pytest.raises(ValueError, match="spearman"):
            spearman(*bad)


def test_agreement_counts_what_is_known(tmp_path):
    file = tmp_path / "pairs.txt"
    file.write_text("# comment\nKing\tman\t9\nman woman 5\nking pear 1\nking zebra 3\n")
    pairs = read_pairs(file)
    assert len(pairs) == 4 and pairs[0] == ("King", "man", 9)
    found = agreement(points(), pairs)
    assert found == type(found)(pytest.approx(1), 3, 4) and "3 of 4 pairs (75%)" in str(found)
    assert np.isnan(agreement(points(), pairs[3:]).rho)
    for text in ("a b\n", "a b c\n", "a b 1 2\n", "a b nan\n", "# only\n"):
        file.write_text(text)
        with pytest.raises(DataError, match="pairs"):
            read_pairs(file)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Word2Vec(0), "size: expected at least 1, got 0"),
        (lambda: Word2Vec(negatives=0), "negatives: expected at least 1"),
        (lambda: Word2Vec(model="skipgram"), "'skip-gram' or 'cbow', got 'skipgram'"),
        (lambda: Word2Vec(softmax="full"), "'negative' or 'hierarchical', got 'full'"),
        (lambda: Word2Vec().vectors, "call fit"),
        (lambda: Word2Vec().fit([]), "none of 0 sentences"),
        (lambda: GloVe(x_max=0), "x_max: expected a positive number"),
        (lambda: GloVe(epochs=0), "epochs: expected at least 1"),
        (lambda: GloVe().vectors, "call fit"),
        (lambda: GloVe().fit([["a"], ["b"]]), "no sentence has two words"),
        (lambda: WordVectors(["a"], np.zeros((2, 3))), r"floats \(1, D\)"),
        (lambda: WordVectors(["a", "a"], np.zeros((2, 3))), "'a' is there more than once"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
