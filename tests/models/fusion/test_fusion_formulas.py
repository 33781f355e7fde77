"""Each fusion against its formula, written out in NumPy for one row at a time; and what follows from it."""

import numpy as np
import pytest
from fusion_checks import array, dense, double, relu, sigmoid, softmax

from mmscratch import ops
from mmscratch.models.fusion import make
from mmscratch.models.fusion.tensor_fusion import TensorFusion, outer_product, with_one
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(7)
X, Y, Z = (RANDOM.normal(size=(4, d)) for d in (4, 3, 2))
XS, YS = RANDOM.normal(size=(4, 5, 4)), RANDOM.normal(size=(4, 5, 3))


def build(name, sizes=(4, 3), hidden=3, **options):
    return double(make(name, sizes, hidden, Generator(0), **options), seed=2)


def rows(fuse, *inputs, **options):
    return array(fuse(*(Tensor(x) for x in inputs), **options))


def log_softmax(x):
    return np.log(softmax(x))


def expert(net, x):
    return log_softmax(dense(net[1], dense(net[0], x, relu)))


# ── tensor and low-rank ─────────────────────────────────────────────────────────────────────────────
def test_tensor_fusion_is_a_linear_map_of_the_outer_product():
    fuse = build("tensor", (4, 3, 2), 5)
    w = array(fuse.linear.weight).reshape(5, 5, 4, 3)
    one = [np.append(x, 1) for x in (X[1], Y[1], Z[1])]
    wanted = np.einsum("habc,a,b,c->h", w, *one) + array(fuse.linear.bias)
    np.testing.assert_allclose(rows(fuse, X, Y, Z)[1], wanted, rtol=1e-12)


def test_the_tensor_holds_every_modality_alone_every_pair_and_one():
    z = outer_product([with_one(v) for v in (X, Y)]).reshape(4, 5, 4)
    np.testing.assert_array_equal(z[:, :4, 3], X)
    np.testing.assert_array_equal(z[:, 4, :3], Y)
    np.testing.assert_array_equal(z[:, 4, 3], np.ones(4))
    np.testing.assert_allclose(z[:, :4, :3], np.einsum("bi,bj->bij", X, Y))


def test_without_a_modality_tensor_fusion_is_that_of_the_others():
    """The ones leave it out exactly: the weights that remain are those of a fusion of the others."""
    fuse = build("tensor", (4, 3, 2), 5)
    present = np.tile([True, False, True], (4, 1))
    pair = build("tensor", (4, 2), 5)
    w = array(fuse.linear.weight).reshape(5, 5, 4, 3)[:, :, -1, :]
    pair.linear.weight.data, pair.linear.bias.data = w.reshape(5, -1).copy(), fuse.linear.bias.data
    np.testing.assert_allclose(rows(fuse, X, Y, Z, present=present), rows(pair, X, Z), rtol=1e-12)


@pytest.mark.parametrize("sizes", [(4, 3), (4, 3, 2)])
@pytest.mark.parametrize("rank", [1, 2, 5])
def test_low_rank_is_tensor_fusion_of_the_tensor_it_stands_for(sizes, rank):
    low = build("low-rank", sizes, 5, rank=rank)
    full = TensorFusion(sizes, 5, Generator(1))
    full.linear.weight.data, full.linear.bias.data = low.tensor_weight(), low.bias.data
    inputs = (X, Y, Z)[: len(sizes)]
    np.testing.assert_allclose(rows(low, *inputs), rows(full, *inputs), rtol=1e-10, atol=1e-10)
    core = low.tensor_weight().reshape(5, *(d + 1 for d in sizes))
    for h in range(5):  # the rank of every unfolding is at most R
        for axis in range(len(sizes)):
            unfolded = np.moveaxis(core[h], axis, 0).reshape(sizes[axis] + 1, -1)
            assert np.linalg.matrix_rank(unfolded, tol=1e-10) <= rank
    gradients = []  # and so are the gradients of the inputs
    for fuse in (low, full):
        leaves = [Tensor(x, requires_grad=True) for x in inputs]
        ops.sum(ops.square(fuse(*leaves))).backward()
        gradients.append([leaf.grad for leaf in leaves])
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_any_tensor_is_of_low_rank_when_the_rank_is_large_enough():
    """Rank 5 · 4: one term for each pair of entries makes the whole tensor of 4 + 1 and 3 + 1."""
    full = build("tensor", (4, 3), 2)
    low = build("low-rank", (4, 3), 2, rank=20)
    w = array(full.linear.weight).reshape(2, 5, 4)
    first, second = np.zeros((20, 2, 5)), np.zeros((20, 2, 4))
    for r, (i, j) in enumerate(np.ndindex(5, 4)):
        first[r, :, i], second[r, :, j] = w[:, i, j], 1
    low.factors[0].weight.data, low.factors[1].weight.data = first.reshape(40, 5), second.reshape(40, 4)
    low.rank_weight.data, low.bias.data = np.ones(20), full.linear.bias.data
    np.testing.assert_allclose(rows(low, X, Y), rows(full, X, Y), rtol=1e-10)


def test_what_they_cost():
    sizes, hidden, rank = (30, 20, 10), 16, 4
    count = {n: sum(p.size for p in make(n, sizes, hidden).parameters()) for n in ("tensor", "low-rank")}
    assert count["tensor"] == hidden * (31 * 21 * 11 + 1)
    assert count["low-rank"] == rank * hidden * (31 + 21 + 11) + rank + hidden


def test_a_multiplicative_interaction_is_tensor_fusion_of_two():
    mi, full = build("bilinear", (4, 3), 5), build("tensor", (4, 3), 5)
    w = np.zeros((5, 5, 4))
    w[:, :4, :3], w[:, :4, 3] = array(mi.pair.both.weight), array(mi.pair.v.weight)
    w[:, 4, :3], w[:, 4, 3] = array(mi.pair.q.weight), array(mi.pair.both.bias)
    full.linear.weight.data, full.linear.bias.data = w.reshape(5, -1), np.zeros(5)
    np.testing.assert_allclose(rows(mi, X, Y), rows(full, X, Y), rtol=1e-12)


# ── early, intermediate, late, hybrid ───────────────────────────────────────────────────────────────
def test_early_is_its_formula():
    fuse = build("early")
    for i, h in enumerate(rows(fuse, XS, YS)):
        steps = [dense(fuse.step, np.append(x, y), relu) for x, y in zip(XS[i], YS[i], strict=True)]
        np.testing.assert_allclose(h, dense(fuse.out, np.mean(steps, axis=0), relu), rtol=1e-10, atol=1e-12)


def test_early_repeats_a_vector_at_every_step():
    fuse = build("early")
    wanted = rows(fuse, XS, np.tile(Y[:, None], (1, 5, 1)))
    np.testing.assert_allclose(rows(fuse, XS, Y), wanted, rtol=1e-12)


def test_intermediate_is_its_formula():
    fuse = build("intermediate")
    for h, x, y in zip(rows(fuse, X, Y), X, Y, strict=True):
        z = np.append(dense(fuse.features[0], x, relu), dense(fuse.features[1], y, relu))
        np.testing.assert_allclose(h, dense(fuse.out, z, relu), rtol=1e-10, atol=1e-12)


def test_the_late_ones_are_their_formulas():
    fuses = {name: build(f"late-{name}") for name in ("weighted", "product", "stacking")}
    for name, fuse in fuses.items():
        for h, x, y in zip(rows(fuse, X, Y), X, Y, strict=True):
            p, q = (expert(e, v) for e, v in zip(fuse.experts, (x, y), strict=True))
            if name == "weighted":
                w = softmax(array(fuse.weight))
                wanted = np.log(w[0] * np.exp(p) + w[1] * np.exp(q))
            elif name == "product":
                wanted = log_softmax(array(fuse.exponent) @ np.stack([p, q]))
            else:
                wanted = log_softmax(dense(fuse.second, np.append(p, q)))
            np.testing.assert_allclose(h, wanted, rtol=1e-10)


def test_late_ones_begin_as_the_mean_the_product_and_the_geometric_mean():
    for name in ("weighted", "product", "stacking"):
        fuse = double(make(f"late-{name}", (4, 3), 3, Generator(3)))
        h = rows(fuse, X, Y)
        log_p = np.stack([array(p) for p in fuse.parts(Tensor(X), Tensor(Y))[0]])
        if name == "weighted":
            wanted = np.exp(log_p).mean(0)
        else:
            wanted = np.exp(log_p.sum(0) if name == "product" else log_p.mean(0))
            wanted /= wanted.sum(1, keepdims=True)
        np.testing.assert_allclose(np.exp(h), wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["late-weighted", "late-product", "late-stacking"])
def test_late_without_a_modality_is_the_other_alone(name):
    fuse = double(make(name, (4, 3), 3, Generator(3)))
    p = array(fuse.parts(Tensor(X), Tensor(Y))[0][0])
    found = rows(fuse, X, Y, present=np.tile([True, False], (4, 1)))
    if name == "late-stacking":  # beside a second that knows nothing
        p = np.log(np.exp(p / 2) / np.exp(p / 2).sum(1, keepdims=True))
    np.testing.assert_allclose(found, p, atol=1e-6)


def test_a_product_of_experts_is_bayes_rule_for_independent_views():
    prior, a, b = np.array([0.5, 0.5]), np.array([0.9, 0.2]), np.array([0.4, 0.7])  # p(x | y), p(z | y)
    exact = prior * a * b / (prior * a * b).sum()
    alone = [np.log(prior * v / (prior * v).sum())[None] for v in (a, b)]
    fuse = double(make("late-product", (1, 1), 2, Generator(0)))
    found = fuse.combine([Tensor(v) for v in alone], Tensor(np.ones((1, 2))))
    np.testing.assert_allclose(np.exp(array(found))[0], exact, rtol=1e-12)


def test_experts_learn_by_themselves_and_the_mixture_leaves_them_be():
    fuse = build("late-stacking")
    target = np.array([0, 2, 1, 1])
    fuse.mixing_loss(target, Tensor(X), Tensor(Y)).backward()
    assert all(p.grad is None for p in fuse.experts.parameters()) and fuse.second.weight.grad is not None
    fuse.zero_grad()
    present = np.array([[True, True], [True, False], [True, True], [True, False]])
    loss = fuse.expert_loss(target, Tensor(X), Tensor(Y), present=present)
    loss.backward()
    assert fuse.second.weight.grad is None and fuse.experts[1][0].weight.grad is not None
    p = [expert(fuse.experts[0], X[i])[k] for i, k in enumerate(target)]
    q = [expert(fuse.experts[1], Y[i])[target[i]] for i in (0, 2)]
    assert loss.item() == pytest.approx(-np.mean(p) - np.mean(q), rel=1e-10)


def test_hybrid_is_its_formula():
    fuse = build("hybrid")
    present = np.array([[True, True]] * 3 + [[True, False]])
    for h, x, y, there in zip(rows(fuse, X, Y, present=present), X, Y, present, strict=True):
        said = [expert(fuse.experts[0], x), expert(fuse.experts[1], y), expert(fuse.joint, np.append(x, y))]
        may = [True, *there[1:], there.all()]
        w = softmax(array(fuse.weight)[may])
        np.testing.assert_allclose(np.exp(h), w @ np.exp(said)[may], rtol=1e-10)


# ── gates, experts, levels ──────────────────────────────────────────────────────────────────────────
def test_gated_unit_is_its_formula():
    fuse, three = build("gated"), build("gated", (4, 3, 2))
    for i in range(4):
        a, b = (dense(n, v[i], np.tanh) for n, v in zip(fuse.values, (X, Y), strict=True))
        z = dense(fuse.gate, np.append(X[i], Y[i]), sigmoid)
        np.testing.assert_allclose(rows(fuse, X, Y)[i], z * a + (1 - z) * b, rtol=1e-10)
        all_three = np.concatenate([X[i], Y[i], Z[i]])
        z = dense(three.gate, all_three, sigmoid).reshape(3, 3)
        h = np.stack([dense(n, v[i], np.tanh) for n, v in zip(three.values, (X, Y, Z), strict=True)])
        np.testing.assert_allclose(rows(three, X, Y, Z)[i], (z * h).sum(0), rtol=1e-10)


def mag_step(fuse, x, y, beta):
    z = dense(fuse.lead, x)
    s = dense(fuse.gates[0], np.append(y, z), relu) * dense(fuse.shifts[0], y) + array(fuse.bias)
    shifted = z + min(beta * np.linalg.norm(z) / np.linalg.norm(s), 1) * s
    centred = shifted - shifted.mean()
    unit = centred / np.sqrt(shifted.var() + 1e-5)
    return unit * array(fuse.norm.weight) + array(fuse.norm.bias), z, shifted


@pytest.mark.parametrize("beta", [0.01, 1.0, 100.0])
def test_adaptation_gate_is_its_formula(beta):
    fuse = build("mag", beta=beta)
    for i, h in enumerate(rows(fuse, XS, YS)):
        steps = [mag_step(fuse, x, y, beta)[0] for x, y in zip(XS[i], YS[i], strict=True)]
        np.testing.assert_allclose(h, np.mean(steps, axis=0), rtol=1e-9)
    np.testing.assert_allclose(rows(fuse, X, Y)[0], mag_step(fuse, X[0], Y[0], beta)[0], rtol=1e-9)


def test_adaptation_gate_does_not_shift_far_and_nothing_without_its_lead():
    fuse = build("mag", beta=0.3)
    lead, shifted = array(fuse.lead(Tensor(XS))), array(fuse.shifted([Tensor(XS), Tensor(YS)]))
    far = np.linalg.norm(shifted - lead, axis=2) / np.linalg.norm(lead, axis=2)
    assert (far <= 0.3 + 1e-12).all() and far.max() > 0.29
    missing = rows(fuse, X, Y, present=np.tile([False, True], (4, 1)))
    np.testing.assert_array_equal(missing, np.zeros((4, 3)))
    fuse.bias.data[:] = 0  # S = 0 where the second is missing: only the lead is left, and no 0/0
    alone = rows(fuse, X, Y, present=np.tile([True, False], (4, 1)))
    np.testing.assert_allclose(alone, array(fuse.norm(fuse.lead(Tensor(X)))), rtol=1e-12)


def test_attention_over_modalities_is_its_formula():
    fuse = build("attention")
    for h, x, y in zip(rows(fuse, X, Y), X, Y, strict=True):
        e = [
            dense(s, dense(k, v, np.tanh))[0] for s, k, v in zip(fuse.scores, fuse.keys, (x, y), strict=True)
        ]
        a = softmax(np.array(e))
        total = a[0] * dense(fuse.values[0], x) + a[1] * dense(fuse.values[1], y)
        np.testing.assert_allclose(h, np.tanh(total), rtol=1e-10)
    found = rows(fuse, X, Y, present=np.tile([False, True], (4, 1)))
    np.testing.assert_allclose(found, [dense(fuse.values[1], y, np.tanh) for y in Y], rtol=1e-10)


@pytest.mark.parametrize("top", [None, 1, 2])
def test_mixture_of_experts_is_its_formula(top):
    fuse = build("experts", top=top)
    there = np.array([[1, 1], [1, 1], [1, 0], [0, 1]])
    for h, x, y, t in zip(rows(fuse, X, Y, present=there > 0), X, Y, there, strict=True):
        x, y = x * t[0], y * t[1]
        both = np.append(x, y)
        said = [dense(n, v, relu) for n, v in zip(fuse.alone, (x, y), strict=True)]
        said.append(dense(fuse.joint[1], dense(fuse.joint[0], both, relu), relu))
        scores = dense(fuse.gate, np.append(both, t))
        scores[[t[0] == 0, t[1] == 0, t.min() == 0]] = -np.inf
        if top:
            scores[np.argsort(-scores)[top:]] = -np.inf
        np.testing.assert_allclose(h, softmax(scores) @ np.stack(said), rtol=1e-10, atol=1e-12)
    ones = ops.sum(fuse.gates([Tensor(X), Tensor(Y)], Tensor(there * 1.0)), axis=1)
    np.testing.assert_allclose(array(ones), np.ones(4), rtol=1e-12)


def test_central_network_is_its_formula():
    fuse = build("multi-level")
    alpha = array(fuse.alpha)
    for h, x, y in zip(rows(fuse, X, Y), X, Y, strict=True):
        c, own = np.zeros(3), [x, y]
        for i in range(2):
            own = [dense(net[i], v, relu) for net, v in zip(fuse.own, own, strict=True)]
            c = dense(fuse.central[i], alpha[i, 0] * c + alpha[i, 1] * own[0] + alpha[i, 2] * own[1], relu)
        np.testing.assert_allclose(h, c, rtol=1e-10, atol=1e-12)


def test_film_is_its_formula():
    fuse = build("film").pair
    for h, x, y in zip(rows(fuse, X, Y), X, Y, strict=True):
        gamma, beta = np.split(dense(fuse.q, y), 2)
        np.testing.assert_allclose(h, relu((1 + gamma) * dense(fuse.v, x) + beta), rtol=1e-10, atol=1e-12)
