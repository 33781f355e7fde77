"""What attention, O = softmax(QKᵀ/√d) V, must do: checks of any implementation.

An implementation is ``attend(query, key, value, mask=None) → (output, probability)`` on NumPy arrays,
query (Lq, D), key (Lk, D), value (Lk, E), mask (Lq, Lk) bool with True for what takes part. Each check raises
AssertionError. The same checks that the library passes must fail on faulty variants.
"""

import math

import numpy as np

RNG = np.random.default_rng(41)
Q, K, V = RNG.standard_normal((5, 8)), RNG.standard_normal((7, 8)), RNG.standard_normal((7, 3))


def rows_are_probabilities(attend):
    """αᵢⱼ ≥ 0 and Σⱼ αᵢⱼ = 1: more than lying between 0 and 1."""
    _, p = attend(Q, K, V)
    assert p.shape == (5, 7) and (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=-1), 1.0, rtol=1e-12)


def is_the_formula(attend):
    """Entry by entry, with nothing but ``math``."""
    o, p = attend(Q, K, V)
    for i, query in enumerate(Q):
        score = [math.exp(sum(a * b for a, b in zip(query, key, strict=True)) / math.sqrt(8)) for key in K]
        alpha = [s / sum(score) for s in score]
        np.testing.assert_allclose(p[i], alpha, rtol=1e-10)
        np.testing.assert_allclose(
            o[i], [sum(a * v for a, v in zip(alpha, V[:, e], strict=True)) for e in range(3)]
        )


def order_of_keys_does_not_matter(attend):
    """Permuting pairs (k, v) permutes α and leaves O; permuting queries permutes O."""
    o, p = attend(Q, K, V)
    keys, queries = RNG.permutation(7), RNG.permutation(5)
    o_keys, p_keys = attend(Q, K[keys], V[keys])
    np.testing.assert_allclose(o_keys, o, rtol=1e-10)
    np.testing.assert_allclose(p_keys, p[:, keys], rtol=1e-10)
    np.testing.assert_allclose(attend(Q[queries], K, V)[0], o[queries], rtol=1e-10)


def masked_keys_get_nothing(attend):
    """α = 0 exactly where the mask is False, and the rest is as if those keys were not there."""
    keep = np.array([True, False, True, True, False, True, False])
    o, p = attend(Q, K, V, np.broadcast_to(keep, (5, 7)).copy())
    assert (p[:, ~keep] == 0).all()
    o_few, p_few = attend(Q, K[keep], V[keep])
    np.testing.assert_allclose(p[:, keep], p_few, rtol=1e-10)
    np.testing.assert_allclose(o, o_few, rtol=1e-10)


def a_mean_of_the_values(attend):
    """O is a mean of the rows of V: it lies between their extremes, and equal values come out unchanged."""
    o, _ = attend(Q, K, V)
    assert (o <= V.max(axis=0) + 1e-12).all() and (o >= V.min(axis=0) - 1e-12).all()
    np.testing.assert_allclose(attend(Q, K, np.ones((7, 3)))[0], 1.0, rtol=1e-12)


def large_scores_do_not_overflow(attend):
    """exp(1000) is ∞: only with the maximum taken away first are the weights numbers."""
    with np.errstate(all="ignore"):
        o, p = attend(Q * 1000, K, V)
    assert np.isfinite(o).all() and np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=-1), 1.0)
    assert (p.argmax(axis=-1) == (Q @ K.T).argmax(axis=-1)).all()


def the_right_key_is_found(attend):
    """Orthogonal keys, and a query along one of them: that one gets the most, the others equally little."""
    keys = np.eye(4) * 4
    o, p = attend(keys[2:3], keys, np.eye(4))
    assert p.argmax() == 2 and np.allclose(np.delete(p[0], 2), p[0, 0]) and np.allclose(o, p)


def saturation(attend, d, worlds=60, draws=20, keys=49):
    """Mean of max α and of tr(∂α/∂s) = Σ α(1 − α) for queries and keys of unit variance, 49 regions."""
    rng = np.random.default_rng(d)
    p = []
    for _ in range(worlds):
        q, k = rng.standard_normal((draws, d)), rng.standard_normal((keys, d))
        p.append(attend(q, k, np.zeros((keys, 1)))[1])
    p = np.concatenate(p)
    return p.max(axis=-1).mean(), (p * (1 - p)).sum(axis=-1).mean()


SCALED = {1: (0.11, 0.95), 8: (0.12, 0.95), 64: (0.13, 0.95), 512: (0.13, 0.95)}
UNSCALED = {1: (0.11, 0.95), 8: (0.44, 0.70), 64: (0.80, 0.28), 512: (0.93, 0.10)}
"""Width d → mean of the largest weight, trace of the Jacobian."""


def does_not_saturate(attend):
    """Divided by √d the scores keep their variance: neither figure depends on the width."""
    for d, (top, trace) in SCALED.items():
        found = saturation(attend, d)
        assert abs(found[0] - top) < 0.02 and abs(found[1] - trace) < 0.02, (d, found)


CHECKS = [
    rows_are_probabilities, is_the_formula, order_of_keys_does_not_matter, masked_keys_get_nothing,
    a_mean_of_the_values, large_scores_do_not_overflow, the_right_key_is_found, does_not_saturate,
]  # fmt: skip
