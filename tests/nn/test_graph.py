"""Graph layers: PyTorch's numbers for the papers' formulas, gradients, and what must not matter."""

import pathlib

import numpy as np
import pytest

from mmscratch import kernels, nn
from mmscratch.gradcheck import gradcheck
from mmscratch.nn.graph import normalized_adjacency
from mmscratch.tensor import Tensor

with np.load(pathlib.Path(__file__).parents[1] / "goldens" / "graph.npz") as archive:
    GOLD = dict(archive)

MAKE = {
    "gcn": (lambda: nn.GCNConv(3, 4), "symmetric"),
    "rgcn": (lambda: nn.RGCNConv(3, 4, 3), "relations"),
    "gat": (lambda: nn.GATConv(3, 4, heads=2), "edges"),
    "gat_mean": (lambda: nn.GATConv(3, 4, heads=2, concat=False), "edges"),
    "gat_typed": (lambda: nn.GATConv(3, 4, heads=2, relations=3), "relations"),
}
kinds = pytest.mark.parametrize("kind", sorted(MAKE))


def layer(kind, dtype="float64"):
    make, edges = MAKE[kind]
    module = make().to(dtype)
    module.load_state_dict({n: GOLD[f"{kind}/{n}"] for n, _ in module.named_parameters()})
    return module, GOLD[edges]


@kinds
@pytest.mark.parametrize("floor", ["reference", "cpu"])
def test_values_and_gradients_are_those_of_the_plain_program(kind, floor):
    if floor == "cpu" and not kernels.has_numba():
        pytest.skip("Numba is not installed")
    with kernels.use(floor):
        module, edges = layer(kind)
        x = Tensor(GOLD["x"], requires_grad=True)
        y = module(x, Tensor(edges), Tensor(GOLD["mask"]))
        np.testing.assert_allclose(y.detach().numpy(), GOLD[f"{kind}/y"], rtol=1e-10, atol=1e-12)
        (y * Tensor(np.cos(np.arange(y.size)).reshape(y.shape))).sum().backward()
        np.testing.assert_allclose(x.grad, GOLD[f"{kind}/dx"], rtol=1e-9, atol=1e-12)
        for name, p in module.named_parameters():
            np.testing.assert_allclose(p.grad, GOLD[f"{kind}/d{name}"], rtol=1e-9, atol=1e-12, err_msg=name)


@kinds
def test_single_precision_is_as_near_as_it_can_be(kind):
    module, edges = layer(kind, "float32")
    y = module(Tensor(GOLD["x"].astype(np.float32)), Tensor(edges), Tensor(GOLD["mask"])).detach().numpy()
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, GOLD[f"{kind}/y"], rtol=1e-4, atol=1e-5)


@kinds
def test_gradients_are_the_derivatives(kind):
    module, edges = layer(kind)
    names = [n for n, _ in module.named_parameters()]
    edges, mask = Tensor(edges[1:, ..., :3, :3]), Tensor(GOLD["mask"][1:, :3])

    def function(x, *values):
        for name, value in zip(names, values, strict=True):
            setattr(module, name, value)
        return module(x, edges, mask)

    state = [GOLD[f"{kind}/{n}"] for n in names]
    with kernels.use("reference"):
        assert gradcheck(function, GOLD["x"][1:, :3], *state)


@kinds
def test_the_order_of_nodes_does_not_matter(kind):
    """f(Px, PAPᵀ) = P f(x, A)."""
    module, edges = layer(kind)
    order = np.random.default_rng(1).permutation(5)
    y = module(Tensor(GOLD["x"]), Tensor(edges), Tensor(GOLD["mask"])).detach().numpy()
    moved = (
        module(
            Tensor(GOLD["x"][:, order]),
            Tensor(np.ascontiguousarray(edges[..., order, :][..., order])),
            Tensor(GOLD["mask"][:, order]),
        )
        .detach()
        .numpy()
    )
    np.testing.assert_allclose(moved, y[:, order], rtol=1e-12, atol=1e-12)


@kinds
def test_what_stands_where_no_node_is_does_not_matter(kind):
    module, edges = layer(kind)
    y = module(Tensor(GOLD["x"]), Tensor(edges), Tensor(GOLD["mask"])).detach().numpy()
    x, edges = GOLD["x"].copy(), edges.copy()
    x[1, 3:] = 99.0
    edges[1, ..., :3, 3:] = True
    again = module(Tensor(x), Tensor(edges), Tensor(GOLD["mask"])).detach().numpy()
    np.testing.assert_allclose(again, y, rtol=1e-12, atol=1e-12)
    assert not again[1, 3:].any()


@kinds
def test_only_neighbours_are_heard(kind):
    module, edges = layer(kind)
    x = Tensor(GOLD["x"], requires_grad=True)
    any_edge = edges if edges.ndim == 3 else edges.any(1)
    module(x, Tensor(edges), Tensor(GOLD["mask"]))[0, 2].sum().backward()
    heard = np.abs(x.grad[0]).sum(1) > 0
    assert heard.tolist() == (any_edge[0, 2] | (np.arange(5) == 2)).tolist()
    assert not x.grad[1].any()


def test_the_normalised_adjacency_by_hand():
    """A path of three: degrees with loops 2, 3, 2."""
    a = np.array([[[0, 1, 0], [1, 0, 1], [0, 1, 0]]], float)
    s = 1 / np.sqrt(6)
    expected = [[1 / 2, s, 0], [s, 1 / 3, s], [0, s, 1 / 2]]
    np.testing.assert_allclose(normalized_adjacency(Tensor(a)).detach().numpy()[0], expected)
    assert np.linalg.eigvalsh(expected).max() == pytest.approx(1)  # so that layers do not blow up


def test_attention_is_a_distribution_over_the_neighbours_and_itself():
    module, edges = layer("gat")
    _, alpha = module(Tensor(GOLD["x"]), Tensor(edges), Tensor(GOLD["mask"]), need_weights=True)
    alpha = alpha.detach().numpy()
    allowed = (edges | np.eye(5, dtype=bool)) & GOLD["mask"][:, None, :]
    assert not alpha[~np.broadcast_to(allowed[:, None], alpha.shape)].any()
    np.testing.assert_allclose(alpha.sum(-1)[:, 0][GOLD["mask"]], 1)


def test_bases_make_the_weights_of_relations():
    module = nn.RGCNConv(3, 4, 3, bases=2).to("float64")
    whole = nn.RGCNConv(3, 4, 3).to("float64")
    mixed = np.einsum("rp,pkd->rkd", module.coefficients.detach().numpy(), module.bases.detach().numpy())
    whole.load_state_dict(
        {"weight": mixed, "root": module.root.detach().numpy(), "bias": module.bias.detach().numpy()}
    )
    inputs = Tensor(GOLD["x"]), Tensor(GOLD["relations"]), Tensor(GOLD["mask"])
    np.testing.assert_allclose(module(*inputs).detach().numpy(), whole(*inputs).detach().numpy(), rtol=1e-12)
    assert sum(p.size for p in module.parameters()) == 2 * 12 + 6 + 12 + 4


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, a, m: nn.GCNConv(3, 4)(x[0], a[:, 0], m), "x has shape"),
        (lambda x, a, m: nn.GCNConv(3, 4)(x, a, m), "adjacency has shape"),
        (lambda x, a, m: nn.RGCNConv(3, 4, 2)(x, a, m), "adjacency has shape"),
        (lambda x, a, m: nn.GATConv(3, 4)(x, a[:, 0], m[:, :4]), "mask has shape"),
        (lambda x, a, m: nn.GATConv(3, 4)(x, a[:, 0], m * 1.0), "mask must be bool"),
        (lambda x, a, m: nn.GATConv(3, 0), "out_features must be a positive integer"),
    ],
)
def test_bad_input_is_named(call, message):
    x, a, m = GOLD["x"].astype(np.float32), GOLD["relations"], GOLD["mask"]
    with pytest.raises(ValueError, match=message):
        call(x, a, m)
