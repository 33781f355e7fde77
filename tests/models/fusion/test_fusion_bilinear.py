"""Bilinear fusions against their formulas written out, and what a count sketch promises."""

import numpy as np
import pytest

from mmscratch.gradcheck import gradcheck
from mmscratch.models.fusion.bilinear import MCB, MLB, MUTAN, circular_convolution, count_sketch_matrix
from mmscratch.models.fusion.multiplicative import MultiplicativeInteraction
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(0)
V, Q = RANDOM.normal(size=(4, 6)), RANDOM.normal(size=(4, 5))


def double(module):
    for parameter in module.parameters():
        parameter.data = parameter.data.astype(np.float64)
    return module


def weights(layer):
    bias = 0 if layer.bias is None else layer.bias.detach().numpy()
    return layer.weight.detach().numpy(), bias


def dense(layer, x):
    w, b = weights(layer)
    return w @ x + b


def test_mlb_is_its_formula():
    mlb = double(MLB(6, 5, 3, Generator(0), rank=7))
    found = mlb(Tensor(V), Tensor(Q)).detach().numpy()
    for h, v, q in zip(found, V, Q, strict=True):
        wanted = dense(mlb.join, np.tanh(dense(mlb.v, v)) * np.tanh(dense(mlb.q, q)))
        np.testing.assert_allclose(h, wanted, rtol=1e-12)


def test_mutan_is_a_tensor_of_low_rank():
    """The sum over r is a full trilinear form whose slices have rank R."""
    mutan = double(MUTAN(6, 5, 3, Generator(0), rank=2))
    m, n = (weights(layer)[0].reshape(2, 3, 3) for layer in (mutan.m, mutan.n))
    core = np.einsum("rki,rkj->kij", m, n)
    found = mutan(Tensor(V), Tensor(Q)).detach().numpy()
    for h, v, q in zip(found, V, Q, strict=True):
        v, q = np.tanh(dense(mutan.v, v)), np.tanh(dense(mutan.q, q))
        np.testing.assert_allclose(h, np.einsum("kij,i,j->k", core, v, q), rtol=1e-10)
    assert all(np.linalg.matrix_rank(c) <= 2 for c in core)


@pytest.mark.parametrize("d", [1, 2, 7, 8])
def test_convolution_is_the_sum(d):
    a, b = RANDOM.normal(size=(2, 3, d))
    wanted = [
        [sum(x[i] * y[(k - i) % d] for i in range(d)) for k in range(d)] for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(circular_convolution(a, b), wanted, atol=1e-12)
    gradcheck(circular_convolution, Tensor(a, requires_grad=True), Tensor(b, requires_grad=True))


def test_two_sketches_convolved_are_the_sketch_of_the_outer_product():
    d, random = 16, np.random.default_rng(1)
    sv, sq = count_sketch_matrix(6, d, random), count_sketch_matrix(5, d, random)
    assert (np.abs(sv).sum(0) == 1).all() and (np.abs(sq).sum(0) == 1).all()
    wanted = np.zeros((4, d))
    for i in range(6):
        for j in range(5):
            place = (np.abs(sv[:, i]).argmax() + np.abs(sq[:, j]).argmax()) % d
            wanted[:, place] += sv[:, i].sum() * sq[:, j].sum() * V[:, i] * Q[:, j]
    np.testing.assert_allclose(circular_convolution(V @ sv.T, Q @ sq.T), wanted, atol=1e-12)


def test_a_sketch_keeps_products_on_average():
    x, y = V[0], V[1]
    found = [
        (s @ x) @ (s @ y) for s in (count_sketch_matrix(6, 32, np.random.default_rng(k)) for k in range(2000))
    ]
    assert np.mean(found) == pytest.approx(x @ y, abs=4 * np.std(found) / 2000**0.5)


def test_mcb_is_its_formula():
    mcb = double(MCB(6, 5, 3, Generator(0), sketch=16))
    sv, sq = (s.numpy().astype(np.float64) for s in (mcb.sketch_v, mcb.sketch_q))
    mcb.sketch_v.data, mcb.sketch_q.data = sv, sq
    found = mcb(Tensor(V), Tensor(Q)).detach().numpy()
    z = circular_convolution(V @ sv.T, Q @ sq.T)
    s = np.sign(z) * np.sqrt(np.abs(z))
    s /= np.linalg.norm(s, axis=1, keepdims=True)
    np.testing.assert_allclose(found, [dense(mcb.join, row) for row in s], atol=1e-5)
    other = MCB(6, 5, 3, Generator(0), sketch=16)
    np.testing.assert_array_equal(other.sketch_v.numpy(), sv)  # the sketches follow from the seed


def test_refused():
    with pytest.raises(ValueError, match=r"a \(4, 6\) and b \(4, 5\): expected the same"):
        circular_convolution(V, Q)


def test_a_pure_product_sees_no_modality_alone():
    """MCB holds v ⊗ q and nothing else, so (−v, −q) is (v, q) to it: of y = sign v with sign v = sign q,
    which either tells, it can learn nothing. The ones of tensor fusion, and biases, keep what each tells."""
    mcb, full = double(MCB(6, 5, 3, Generator(0), sketch=16)), double(MultiplicativeInteraction(6, 5, 3))
    for s in (mcb.sketch_v, mcb.sketch_q):
        s.data = s.data.astype(np.float64)
    found = mcb(Tensor(V), Tensor(Q)).detach().numpy()
    np.testing.assert_allclose(mcb(Tensor(-V), Tensor(-Q)).detach().numpy(), found, atol=1e-12)
    moved = full(Tensor(-V), Tensor(-Q)).detach().numpy() - full(Tensor(V), Tensor(Q)).detach().numpy()
    assert np.abs(moved).min() > 1e-3
