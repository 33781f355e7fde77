"""Word2Vec's and GloVe's single steps: gradients by differences, compiled against formula, what is drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from word_cases import as_float32, glove_example, logistic_example

from mmscratch import kernels
from mmscratch.random import Generator
from mmscratch.representations.text import Corpus, cooccurrences
from mmscratch.representations.text.corpus import Noise, ahead, chunks, keep_probability, take_rows, windows
from mmscratch.representations.text.huffman import huffman_paths
from mmscratch.representations.text.word_steps import (
    _glove_pass,
    _logistic_pass,
    glove_pass,
    logistic_pass,
    padded,
)

needs_numba = pytest.mark.skipif(not kernels.has_numba(), reason="needs Numba")


# ── the formulas ─────────────────────────────────────────────────────────────────────────────────
def test_logistic_step_follows_its_gradient():
    """One example of three context words, one of them twice: the step is −η ∂ℓ, by central differences."""
    inputs, outputs, *_ = logistic_example(0, words=5, rows=6)
    context, target, label = (
        np.array([1, 3, 1], np.int32),
        np.array([2, 0, 5], np.int32),
        np.array([1.0, 0, 0]),
    )
    example = context, np.array([0, 3]), target, label, np.array([0, 3])

    def loss():
        s = outputs[target] @ inputs[context].mean(axis=0)
        return np.logaddexp(0, np.where(label == 1, -s, s)).sum()

    gradients = [differences(loss, x) for x in (inputs, outputs)]
    before, rate = [inputs.copy(), outputs.copy()], 1e-6
    expected = loss()
    assert _logistic_pass(inputs, outputs, *example, (rate, rate)) == pytest.approx(expected, rel=1e-12)
    for x, old, g in zip((inputs, outputs), before, gradients, strict=True):
        np.testing.assert_allclose((x - old) / rate, -g, rtol=1e-4, atol=1e-6)


def test_glove_step_follows_its_gradient():
    w, v, b, c, squares, *_ = glove_example(0, words=4)
    pair = [np.array([k], np.int32) for k in (1, 2)]
    goal, f, rate = np.array([0.7]), np.array([0.3]), 1e-6

    def cost():
        return 0.5 * f[0] * (w[1] @ v[2] + b[1] + c[2] - goal[0]) ** 2

    parameters = w, v, b, c
    gradients = [differences(cost, x) for x in parameters]
    before, expected = [x.copy() for x in parameters], cost()
    assert _glove_pass(*parameters, squares, *pair, goal, f, rate) == pytest.approx(expected, rel=1e-12)
    for x, old, g, total in zip(parameters, before, gradients, squares, strict=True):
        np.testing.assert_allclose(total, 1 + g**2, rtol=1e-6)
        np.testing.assert_allclose((x - old) / rate, -g / np.sqrt(1 + g**2), rtol=1e-4, atol=1e-6)


def differences(f, x, step=1e-5):
    g = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        old = x[place]
        x[place] = old + step
        up = f()
        x[place] = old - step
        g[place], x[place] = (up - f()) / (2 * step), old
    return g


def test_loss_of_zero_vectors():
    inputs, outputs, *rest = logistic_example(1)
    outputs[:] = 0
    rest[-1] = (0.0, 0.0)
    assert _logistic_pass(inputs, outputs, *rest) == pytest.approx(len(rest[2]) * np.log(2))


def test_rate_falls_evenly():
    """Two equal examples far apart in rate: the first step is 3 times the second."""
    one = np.ones((2, 1))
    example = np.array([0, 1], np.int32), np.arange(3), np.array([0, 1], np.int32), np.zeros(2), np.arange(3)
    outputs = one.copy()
    _logistic_pass(one, outputs, *example, (0.3, -0.1))
    np.testing.assert_allclose((1 - outputs[0]) / (1 - outputs[1]), 3)


# ── the compiled twins ───────────────────────────────────────────────────────────────────────────
@needs_numba
@pytest.mark.parametrize(
    ("context", "targets"),
    [((1, 1), (6, 6)), ((1, 9), (6, 6)), ((1, 1), (1, 40)), ((2, 5), (1, 17))],
    ids=["skip-gram", "cbow", "tree", "both"],
)
@pytest.mark.parametrize("width", [16, 48, 112])
def test_compiled_logistic_pass(width, context, targets):
    exact = logistic_example(2, width, n=300, context=context, targets=targets)
    exact[-1] = 0.02, 0.01  # where vectors grow without end, so does what was rounded
    fast = as_float32(exact)
    with kernels.use("cpu"):
        loss = logistic_pass(*fast)
    wanted = _logistic_pass(*exact)
    assert loss == pytest.approx(wanted, rel=1e-5)
    for ours, theirs in zip(fast[:2], exact[:2], strict=True):
        assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max()


@needs_numba
def test_compiled_logistic_pass_far_out():
    """Scores of ±1000: σ is 0 or 1, the loss is |s|, nothing overflows."""
    x = np.full((1, 16), 8.0)
    for sign in (1, -1):
        exact = [x.copy(), sign * x, np.zeros(2, np.int32), np.arange(3), np.array([0, 0], np.int32),
                 np.array([0, 1], np.float32), np.arange(3), (1e-3, 1e-3)]  # fmt: skip
        fast = as_float32(exact)
        with kernels.use("cpu"):
            loss = logistic_pass(*fast)
        assert loss == pytest.approx(_logistic_pass(*exact), rel=1e-5) and loss > 900
        np.testing.assert_allclose(fast[0], exact[0], rtol=1e-5)


@needs_numba
@pytest.mark.parametrize("width", [16, 64])
def test_compiled_glove_pass(width):
    exact = glove_example(3, width, n=400)
    fast = as_float32(exact)
    with kernels.use("cpu"):
        cost = glove_pass(*fast)
    assert cost == pytest.approx(_glove_pass(*exact), rel=1e-5)
    for ours, theirs in zip([*fast[:4], *fast[4]], [*exact[:4], *exact[4]], strict=True):
        assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max()


def test_other_arrays_take_the_formula():
    """float64, a width of part of a vector, and the reference floor."""
    for arguments in (logistic_example(4), as_float32(logistic_example(4, width=5))):
        again = as_float32(arguments) if arguments[0].dtype == np.float32 else [np.copy(a) for a in arguments]
        assert logistic_pass(*arguments) == _logistic_pass(*again)
    with kernels.use("reference"):
        a, b = (as_float32(logistic_example(5)) for _ in range(2))
        assert logistic_pass(*a) == _logistic_pass(*b)
        np.testing.assert_array_equal(a[0], b[0])
    assert [padded(n) for n in (1, 16, 17)] == [16, 16, 32]


# ── what is drawn ────────────────────────────────────────────────────────────────────────────────
@given(st.lists(st.lists(st.integers(4, 9), max_size=6), min_size=1, max_size=5), st.integers(1, 4))
def test_windows_by_hand(sentences, widest):
    reach = np.random.default_rng(0).integers(1, widest + 1, sum(map(len, sentences)))
    sentence = np.repeat(np.arange(len(sentences)), [len(s) for s in sentences])
    wanted = [
        (c, o)
        for c in range(len(sentence))
        for o in range(len(sentence))
        if o != c and abs(o - c) <= reach[c] and sentence[o] == sentence[c]
    ]
    centre, context = windows(sentence, reach)
    assert list(zip(centre.tolist(), context.tolist(), strict=True)) == wanted


@given(st.lists(st.lists(st.integers(4, 9), max_size=6), min_size=1, max_size=8), st.randoms())
def test_corpus_gives_sentences_in_any_order(sentences, draw):
    words = [[f"w{i}" for i in s] for s in sentences]
    if not any(words):
        with pytest.raises(ValueError, match="none of"):
            Corpus.from_sentences(words)
        return
    corpus = Corpus.from_sentences(words)
    order = list(range(len(words)))
    draw.shuffle(order)
    ids, place = corpus.sentences(np.array(order))
    spoken = [corpus.vocabulary.words[i] for i in ids]
    assert spoken == [w for n in order for w in words[n]]
    assert [order[p] for p in place] == [n for n in order for _ in words[n]]
    assert corpus.counts.sum() == len(corpus) == sum(map(len, words))


def test_rare_words_leave_no_gap():
    corpus = Corpus.from_sentences([["a", "rare", "b"], ["b", "a"]], min_count=2)
    assert [corpus.vocabulary.words[i] for i in corpus.ids] == ["a", "b", "b", "a"]
    assert corpus.starts.tolist() == [0, 2, 4]


def test_chunks_hold_whole_sentences_once():
    starts = np.concatenate([[0], np.cumsum(np.random.default_rng(0).integers(0, 9000, 40))])
    order = np.random.default_rng(1).permutation(40)
    parts = chunks(starts, order)
    np.testing.assert_array_equal(np.concatenate(parts), order)
    assert len(parts) > 3 and all(np.diff(starts)[p].sum() <= 20_000 + 9000 for p in parts)


def test_ahead_keeps_order_and_errors():
    assert list(ahead(iter(range(1, 50)))) == list(range(1, 50))

    def breaks():
        yield 1
        raise ArithmeticError("within")

    found = ahead(breaks())
    assert next(found) == 1
    with pytest.raises(ArithmeticError, match="within"):
        next(found)


def test_keep_probability():
    counts = np.array([0, 900, 99, 1])
    keep = keep_probability(counts, 0.01)
    f = counts[1:] / 1000
    np.testing.assert_allclose(keep[1:], np.minimum(1, np.sqrt(0.01 / f) + 0.01 / f))
    assert keep[3] == 1 and keep_probability(counts, 0).tolist() == [1] * 4
    with pytest.raises(ValueError, match="at least 0, got -1"):
        keep_probability(counts, -1)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40).filter(any), st.sampled_from([0.75, 1.0, 0.0]))
def test_noise_tables_hold_the_distribution_exactly(counts, power):
    noise = Noise(np.array(counts), power)
    weight = np.array([c**power if c else 0 for c in counts], float)
    np.testing.assert_allclose(noise.probability, weight / weight.sum())
    height = (noise.limit.astype(np.float64) + 1) / 2**32
    held = height.copy()
    np.add.at(held, noise.alias, 1 - height)
    np.testing.assert_allclose(held / len(counts), noise.probability, atol=1e-9 * len(counts))


def test_noise_is_drawn_as_often():
    counts = np.array([0, 1, 16, 81, 0, 256])
    noise, n = Noise(counts), 200_000
    drawn = np.bincount(noise.draw(n, Generator(0)), minlength=6)
    wanted = n * np.array([0, 1, 8, 27, 0, 64]) / 100
    assert drawn[0] == drawn[4] == 0
    assert (np.abs(drawn - wanted)[[1, 2, 3, 5]] < 5 * np.sqrt(wanted[[1, 2, 3, 5]])).all()
    with pytest.raises(ValueError, match="at least one word"):
        Noise(np.zeros(3, int))


@given(st.lists(st.integers(0, 50), min_size=2, max_size=30).filter(lambda c: sum(x > 0 for x in c) > 1))
def test_huffman_codes(counts):
    """Prefix-free and full (Kraft: Σ 2^−length = 1), optimal (length × count as small as Huffman's sum)."""
    counts = np.array(counts)
    starts, node, label = huffman_paths(counts)
    lengths = np.diff(starts)
    assert (lengths[counts == 0] == 0).all() and sum(2.0 ** -lengths[counts > 0]) == 1
    heap, cost = sorted(counts[counts > 0].tolist()), 0
    while len(heap) > 1:
        both = heap[0] + heap[1]
        heap, cost = sorted([*heap[2:], both]), cost + both
    assert (lengths * counts).sum() == cost
    assert set(node) == set(range((counts > 0).sum() - 1)) and set(label) <= {0.0, 1.0}
    assert {int(node[s]) for s in starts[:-1][counts > 0]} == {(counts > 0).sum() - 2}  # the root comes first


def test_hierarchical_softmax_is_a_distribution():
    r = np.random.default_rng(0)
    starts, node, label = huffman_paths(np.array([5, 0, 3, 2, 9, 1, 1]))
    u, h = r.standard_normal((5, 8)), r.standard_normal(8)
    p = []
    for begin, end in zip(starts[:-1], starts[1:], strict=True):
        s = u[node[begin:end]] @ h
        p.append(np.prod(1 / (1 + np.exp(np.where(label[begin:end] == 1, -s, s)))) if end > begin else 0)
    assert sum(p) == pytest.approx(1)
    with pytest.raises(ValueError, match="at least two words"):
        huffman_paths(np.array([0, 3]))


def test_take_rows():
    values, at = take_rows(np.array([0, 2, 2, 5]), np.arange(10, 15), np.array([2, 0, 1, 2]))
    assert values.tolist() == [12, 13, 14, 10, 11, 12, 13, 14] and at.tolist() == [0, 3, 5, 5, 8]


def test_cooccurrences_by_hand():
    corpus = Corpus.from_sentences([["a", "b", "c", "a"], ["b", "a"]])
    i, j, x = cooccurrences(corpus, window=2)
    words = corpus.vocabulary.words
    found = {(words[a], words[b]): v for a, b, v in zip(i, j, x, strict=True)}
    one_way = {("a", "b"): 2.0, ("b", "c"): 1.0, ("a", "c"): 1.5, ("a", "a"): 0}
    one_way[("a", "b")] += 0.5
    both = {**one_way, **{(b, a): v for (a, b), v in one_way.items()}}
    assert found == {pair: v for pair, v in both.items() if v}
    with pytest.raises(ValueError, match="at least 1, got 0"):
        cooccurrences(corpus, 0)
