"""The survey's §4.1, α = softmax(QKᵀ), O = αV: what it leaves out, and that the library has it.

It leaves out the scale 1/√d, without which α saturates as the width grows; that rows sum to one (not only
lie in [0, 1]); and the mask. Source: Vaswani et al. (2017), eq. 1 and footnote 4.
"""

import math

import numpy as np
import pytest
from attention_checks import CHECKS, SCALED, UNSCALED, K, Q, V, saturation

from mmscratch import Tensor, gradcheck, kernels, ops


def softmax(s, axis=-1, shift=True):
    e = np.exp(s - s.max(axis=axis, keepdims=True) if shift else s)
    return e / e.sum(axis=axis, keepdims=True)


def attend(score=lambda q, k: q @ k.T / math.sqrt(q.shape[-1]), normalize=softmax, hide=None):
    """An implementation in NumPy, of which a part may be replaced by a faulty one."""

    def run(q, k, v, mask=None):
        s = score(q, k)
        if mask is not None and hide is not None:
            s = hide(s, mask)
        elif mask is not None:
            s = np.where(mask, s, -np.inf)
        p = normalize(s)
        return p @ v, p

    return run


FAULTS = {
    "sign of the score": attend(score=lambda q, k: -q @ k.T / math.sqrt(q.shape[-1])),
    "softmax over queries": attend(normalize=lambda s: softmax(s, axis=0)),
    "no scale": attend(score=lambda q, k: q @ k.T),
    "scale d": attend(score=lambda q, k: q @ k.T / q.shape[-1]),
    "no shift by the maximum": attend(normalize=lambda s: softmax(s, shift=False)),
    "mask the wrong way round": attend(hide=lambda s, m: np.where(m, -np.inf, s)),
    "mask after the softmax": lambda q, k, v, mask=None: _masked_late(q, k, v, mask),
    "mask by a score of 0": attend(hide=lambda s, m: np.where(m, s, 0.0)),
    "not normalized": attend(normalize=lambda s: np.exp(s - s.max(axis=-1, keepdims=True))),
    "sigmoid: in [0, 1], but no sum of one": attend(normalize=lambda s: 1 / (1 + np.exp(-s))),
    "values in another order": lambda q, k, v, mask=None: attend()(q, k, v[::-1], mask),
}


def _masked_late(q, k, v, mask):
    p = softmax(q @ k.T / math.sqrt(q.shape[-1]))
    p = p if mask is None else p * mask
    return p @ v, p


@pytest.fixture(params=["reference", "cpu"])
def floor(request):
    if request.param == "cpu" and not kernels.has_numba():
        pytest.skip("the cpu floor needs Numba")
    with kernels.use(request.param):
        yield request.param


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", ["attention", "attention_twin"])
def test_the_library_passes(check, name, floor):
    check(getattr(ops, name))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught(fault):
    caught = [check.__name__ for check in CHECKS if _fails(check, FAULTS[fault])]
    assert caught, f"no check sees: {fault}"
    assert not [check.__name__ for check in CHECKS if _fails(check, attend())], "the right formula must pass"


def _fails(check, implementation):
    with np.errstate(all="ignore"):
        try:
            check(implementation)
        except AssertionError:
            return True
    return False


# ── saturation, with and without the scale ───────────────────────────────────────────────────────
@pytest.mark.parametrize("d", UNSCALED)
def test_unscaled_attention_saturates(d, floor):
    """The formula as the survey prints it: at d = 512 one key has nearly all, and no gradient passes."""
    top, trace = saturation(lambda q, k, v: ops.attention(q, k, v, scale=1.0), d)
    assert abs(top - UNSCALED[d][0]) < 0.02 and abs(trace - UNSCALED[d][1]) < 0.02, (top, trace)
    scaled_top, scaled_trace = saturation(ops.attention, d)
    assert abs(scaled_top - SCALED[d][0]) < 0.02 and abs(scaled_trace - SCALED[d][1]) < 0.02
    if d > 1:
        assert top > 2 * scaled_top and trace < 0.8 * scaled_trace


def test_the_gradient_vanishes_with_saturation(floor):
    """That is why it matters: ∂O/∂Q falls with tr(∂α/∂s)."""

    def slope(d, scale):
        rng = np.random.default_rng(d)
        q = Tensor(rng.standard_normal((50, d)), requires_grad=True)
        k, v = rng.standard_normal((49, d)), rng.standard_normal((49, 4))
        ops.sum(ops.attention(q, k, v, scale=scale)[0]).backward()
        factor = 1 / math.sqrt(d) if scale is None else scale
        return np.abs(q.grad).mean() / factor  # what the factor itself does is not saturation

    scaled = slope(512, None) / slope(8, None)
    unscaled = slope(512, 1.0) / slope(8, 1.0)
    assert unscaled < 0.5 < scaled < 2


# ── the Jacobian ─────────────────────────────────────────────────────────────────────────────────
def test_the_jacobian_of_softmax(floor):
    """∂α/∂s = diag(α) − α αᵀ: symmetric, its rows sum to 0, no eigenvalue below 0."""
    s = np.random.default_rng(3).standard_normal(6)
    p = ops.softmax(s)
    jacobian = []
    for i in range(6):
        x = Tensor(s, requires_grad=True)
        ops.softmax(x).backward(Tensor(np.eye(6)[i]))
        jacobian.append(x.grad)
    jacobian = np.array(jacobian)
    np.testing.assert_allclose(jacobian, np.diag(p) - np.outer(p, p), atol=1e-15)
    np.testing.assert_allclose(jacobian, jacobian.T, atol=1e-15)
    np.testing.assert_allclose(jacobian.sum(axis=1), 0, atol=1e-15)
    assert np.linalg.eigvalsh(jacobian).min() > -1e-15
    for wrong in (np.diag(p) + np.outer(p, p), np.diag(p), np.diag(p * (1 - p))):
        assert not np.allclose(jacobian, wrong, atol=1e-3), "this check must see a wrong Jacobian"


def test_gradients_are_derivatives(floor):
    mask = np.array([[True, True, False], [True, False, True]])
    assert gradcheck(ops.attention, Q[:2, :3], K[:3, :3], V[:3, :2], mask)


def test_the_cat_is_found_among_regions(floor):
    """The survey's example. A word and a region must first be brought into one space: hence W_Q and W_K."""
    rng = np.random.default_rng(7)
    concept = rng.standard_normal((2, 16))  # what a cat and a dog have in common with their pictures
    word, look = rng.standard_normal((16, 20)), rng.standard_normal((16, 24))
    words, regions = concept @ word, concept[[1, 0, 1, 1]] @ look  # the cat is the second region
    to_shared = np.linalg.pinv(word), np.linalg.pinv(look)
    with pytest.raises(ValueError, match="last axis"):
        ops.attention(words, regions, regions)
    query, key = words @ to_shared[0], regions @ to_shared[1]
    _, p = ops.attention(query[:1], key, regions)
    assert p.argmax() == 1 and p[0, 1] > 0.5
