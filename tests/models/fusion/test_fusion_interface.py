"""What every fusion promises: gradients, masks that hide, modalities that may be missing, clear errors."""

import numpy as np
import pytest
from fusion_checks import array, check_gradients, double

from mmscratch.gradcheck import gradcheck
from mmscratch.models.fusion import FUSIONS, Fusion, make
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(5)
X, Y = RANDOM.normal(size=(3, 4)), RANDOM.normal(size=(3, 2))
XS, YS = RANDOM.normal(size=(3, 5, 4)), RANDOM.normal(size=(3, 5, 2))
OPTIONS = {"mult": {"width": 2}, "mcb": {"sketch": 8}, "mlb": {"rank": 5}, "low-rank": {"rank": 2}}


def build(name, seed=1, hidden=3, sizes=(4, 2)):
    return double(make(name, sizes, hidden, Generator(0), **OPTIONS.get(name, {})), seed)


def of(fuse, *inputs, **options):
    return array(fuse(*(Tensor(x) for x in inputs), **options))


@pytest.mark.parametrize("name", FUSIONS)
def test_gradients(name):
    fuse = build(name)
    if name == "mult":  # its many parameters are held to PyTorch's gradients in test_fusion_goldens.py
        gradcheck(fuse, X[:2], Y[:2], eps=1e-4)
        return
    check_gradients(fuse, fuse, X, Y)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_row_is_fused_by_itself(name):
    fuse = build(name)
    assert isinstance(fuse, Fusion)
    found = of(fuse, X, Y)
    assert found.shape == (3, 3)
    np.testing.assert_allclose(of(fuse, X[::-1].copy(), Y[::-1].copy())[::-1], found, atol=1e-12)
    np.testing.assert_allclose(of(fuse, X[:1], Y[:1]), found[:1], atol=1e-12)
    np.testing.assert_array_equal(of(fuse, X, Y, present=np.ones((3, 2), bool)), found)
    if fuse.decides:
        np.testing.assert_allclose(np.exp(found).sum(1), 1, atol=1e-12)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_missing_modality_is_never_read(name):
    """Not even a NaN in its place changes anything, and no gradient reaches it."""
    fuse = build(name)
    present = np.array([[True, True], [False, True], [True, False]])
    wild_x, wild_y = X.copy(), Y.copy()
    wild_x[1], wild_y[2] = np.nan, 1e9
    first, second = Tensor(wild_x, requires_grad=True), Tensor(wild_y, requires_grad=True)
    h = fuse(first, second, present=present)
    np.testing.assert_allclose(array(h), of(fuse, X, Y, present=present), atol=1e-12)
    np.testing.assert_allclose(array(h)[0], of(fuse, X, Y)[0], atol=1e-12)
    (h * h).sum().backward()
    assert (first.grad[1] == 0).all() and (second.grad[2] == 0).all()
    assert np.isfinite(first.grad).all() and np.isfinite(second.grad).all()


@pytest.mark.parametrize("name", FUSIONS)
def test_steps_that_pad_are_never_read(name):
    fuse = build(name)
    lengths = np.array([5, 2, 3])
    mask = np.arange(5) < lengths[:, None]
    wild_x, wild_y = XS.copy(), YS.copy()
    wild_x[~mask], wild_y[~mask] = np.inf, np.nan
    found = of(fuse, wild_x, wild_y, masks=(mask, mask))
    for i, n in enumerate(lengths):
        alone = of(fuse, XS[i : i + 1, :n].copy(), YS[i : i + 1, :n].copy())
        np.testing.assert_allclose(found[i : i + 1], alone, atol=1e-12)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_sequence_without_a_step_is_missing(name):
    fuse = build(name)
    mask = np.array([[True] * 5, [False] * 5, [True] * 5])
    present = np.array([[True, True], [True, False], [True, True]])
    np.testing.assert_allclose(
        of(fuse, XS, YS, masks=(None, mask)), of(fuse, XS, YS, present=present), atol=1e-12
    )


@pytest.mark.parametrize("name", ["tensor", "low-rank", "gated", "mag", "late-product", "experts", "early"])
def test_three_modalities(name):
    z = RANDOM.normal(size=(3, 1))
    fuse = build(name, sizes=(4, 2, 1))
    assert of(fuse, X, Y, z).shape == (3, 3)
    check_gradients(fuse, fuse, X, Y, z)


def test_refused():
    fuse = build("early")
    with pytest.raises(ValueError, match="fusion: expected one of early, .*, got 'sum'"):
        make("sum", (4, 2), 3)
    with pytest.raises(ValueError, match=r"modality 1 has shape \(3, 4\), expected \(3, 2\) or \(3, N, 2\)"):
        of(fuse, X, X)
    with pytest.raises(ValueError, match="expected 2 modalities .*, got 1"):
        of(fuse, X)
    with pytest.raises(ValueError, match=r"present: expected bool \(3, 2\), got bool \(3,\)"):
        of(fuse, X, Y, present=np.ones(3, bool))
    with pytest.raises(ValueError, match=r"masks\[0\]: expected bool \(3, 5\), got float64"):
        of(fuse, XS, YS, masks=(np.ones((3, 5)), None))
    with pytest.raises(ValueError, match="masks: expected one for each of 2"):
        of(fuse, XS, YS, masks=(None,))
    with pytest.raises(ValueError, match=r"row 1: every modality is missing"):
        of(fuse, X, Y, present=np.array([[True, True], [False, False], [True, False]]))
    with pytest.raises(ValueError, match="sequences of one length, aligned step by step, got 5, 3"):
        of(fuse, XS, YS[:, :3].copy())
    with pytest.raises(ValueError, match="modality 1 has 3 steps, expected 1 or, as the first, 5"):
        of(build("mag"), XS, YS[:, :3].copy())
    with pytest.raises(ValueError, match="sizes: expected at least 2 modalities"):
        make("tensor", (4,), 3)
    with pytest.raises(ValueError, match="sizes: expected two modalities"):
        make("mlb", (4, 2, 3), 3)
    with pytest.raises(ValueError, match="hidden must be a positive integer"):
        make("tensor", (4, 2), 0)
    with pytest.raises(ValueError, match="top: expected 1 … 3, got 4"):
        make("experts", (4, 2), 3, top=4)
    with pytest.raises(ValueError, match="beta: expected more than 0"):
        make("mag", (4, 2), 3, beta=0)
