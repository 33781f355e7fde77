"""The tensor's syntax: each operator is the op it names, and what is refused says why."""

import subprocess
import sys

import numpy as np
import pytest

import mmscratch
from mmscratch import Tensor, arange, eye, full, ones, ops, rand, randn, tensor, zeros
from mmscratch.random import Generator

A = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], dtype=np.float32)
B = np.array([[2.0, 2.0, 0.5], [1.0, 3.0, 2.0]], dtype=np.float32)


# ── making one ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "data, dtype",
    [
        (1.5, "float32"),
        ([1, 2], "int64"),
        ([1.0, 2], "float32"),
        ([True, False], "bool"),
        (np.ones(2), "float64"),
        (np.float64(2.0), "float64"),
        (np.ones(2, np.float32), "float32"),
        ([], "float32"),
    ],
)
def test_dtype_of_a_new_tensor(data, dtype):
    assert tensor(data).dtype == dtype


def test_tensor_copies_and_is_contiguous():
    array = np.arange(6.0).reshape(2, 3)
    x = tensor(array.T)
    array[:] = 0
    assert x.tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] and x.data.flags.c_contiguous


@pytest.mark.parametrize("data", ["text", [None], np.array([1j]), np.ones(2, np.float16)])
def test_what_holds_no_numbers_is_refused(data):
    with pytest.raises((TypeError, ValueError)):
        tensor(data)


def test_only_floats_require_a_gradient():
    with pytest.raises(TypeError, match="only floats"):
        tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="only floats"):
        tensor([1, 2]).requires_grad_()


def test_a_ragged_list_is_refused():
    with pytest.raises(ValueError):
        tensor([[1, 2], [3]])


def test_tensors_from_nothing():
    assert zeros(2, 3).shape == zeros((2, 3)).shape == (2, 3) and zeros(2).dtype == np.float32
    assert ones(2, dtype="float64").tolist() == [1.0, 1.0] and full((2,), 7).tolist() == [7.0, 7.0]
    assert arange(3).tolist() == [0, 1, 2] and arange(3).dtype == np.int64
    assert arange(1.0, 2.0, 0.5).tolist() == [1.0, 1.5] and eye(2).tolist() == [[1, 0], [0, 1]]
    a, b = (randn(2, 3, generator=Generator(3)) for _ in "ab")
    assert np.array_equal(a.numpy(), b.numpy()) and a.dtype == np.float32
    assert rand(100).min().item() >= 0 and randn(2, requires_grad=True).requires_grad


# ── operators and methods are NumPy's functions of the same arrays ──────────────────────────────
@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: a / b,
        lambda a, b: abs(a) ** b,
        lambda a, b: a % b,
        lambda a, b: a @ b.T,
        lambda a, b: -a,
        lambda a, b: abs(a),
        lambda a, b: 2 + a,
        lambda a, b: 2 - a,
        lambda a, b: 2 * a,
        lambda a, b: 2 / a,
        lambda a, b: 2**a,
        lambda a, b: 7 % b,
        lambda a, b: a**2,
        lambda a, b: a / 2,
        lambda a, b: a < b,
        lambda a, b: a <= b,
        lambda a, b: a > b,
        lambda a, b: a >= b,
        lambda a, b: a == b,
        lambda a, b: a != b,
        lambda a, b: (a > 0) & (b > 1),
        lambda a, b: (a > 0) | (b > 1),
        lambda a, b: (a > 0) ^ (b > 1),
        lambda a, b: ~(a > 0),
        lambda a, b: a > 2,
        lambda a, b: a[0],
        lambda a, b: a[:, 1:],
        lambda a, b: a[..., None],
        lambda a, b: a[1, [0, 2]],
        lambda a, b: a.T,
        lambda a, b: a.sum(),
        lambda a, b: a.sum(0),
        lambda a, b: a.sum(axis=1, keepdims=True),
        lambda a, b: a.mean(1),
        lambda a, b: a.max(),
        lambda a, b: a.min(axis=0),
        lambda a, b: a.prod(1),
        lambda a, b: a.argmax(1),
        lambda a, b: a.argmin(),
        lambda a, b: a.cumsum(1),
        lambda a, b: a.reshape(3, 2),
        lambda a, b: a.reshape((3, -1)),
        lambda a, b: a.flatten(),
        lambda a, b: a.clip(-1, 2),
        lambda a, b: (a > 0).all(),
        lambda a, b: (a > 0).any(1),
        lambda a, b: a.sum((0, 1)),
        lambda a, b: a.squeeze(),
        lambda a, b: a[[1, 0]],
        lambda a, b: a[-1, ::-1],
        lambda a, b: (a > 0).sum(1),
        lambda a, b: a[()],
    ],
)
def test_the_same_expression_on_tensors_and_on_arrays(function):
    expected = function(A, B)
    result = function(tensor(A), tensor(B))
    assert isinstance(result, Tensor)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)
    assert result.dtype.kind == np.asarray(expected).dtype.kind


def test_pytorchs_call_forms():
    x = tensor(A)
    assert x.sum(dim=1, keepdim=True).shape == (2, 1)
    assert x.softmax(dim=0).sum(0).tolist() == pytest.approx([1, 1, 1])
    assert x.log_softmax(-1).shape == x.view(2, 3).shape == (2, 3)
    assert x.unsqueeze(1).shape == (2, 1, 3) and x.unsqueeze(dim=-1).squeeze(-1).shape == (2, 3)
    assert x.permute(1, 0).shape == x.transpose(0, 1).shape == x.mT.shape == (3, 2)
    assert x.expand(4, 2, 3).shape == (4, 2, 3) and x.repeat(2, 1).shape == (4, 3)
    assert x.clamp(min=0).min().item() == 0
    assert x.masked_fill(x < 0, 9).tolist() == [[1, 9, 3], [4, 5, 9]]
    assert x.where(x > 0, 0).tolist() == [[1, 0, 3], [4, 5, 0]]
    assert x.gather(1, tensor([[0], [2]])).tolist() == [[1], [-6]]
    assert zeros(2, 3).scatter_add(1, tensor([[0], [2]]), ones(2, 1)).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert [p.shape for p in x.split(2, 1)] == [(2, 2), (2, 1)] and len(x.chunk(2, 1)) == 2
    assert [r.tolist() for r in x.unbind()] == A.tolist()
    assert x.var(1, correction=0).tolist() == pytest.approx(A.var(1).tolist(), rel=1e-5)
    assert x.norm().item() == pytest.approx(np.linalg.norm(A)) and x.std().item() == pytest.approx(
        A.std(ddof=1)
    )
    values, index = x.topk(2, dim=1)
    assert values.tolist() == [[3, 1], [5, 4]] and index.tolist() == [[2, 0], [1, 0]]
    assert x.numel() == x.size == 6 and x.dim() == x.ndim == 2


def test_arrays_and_numpy_scalars_on_either_side():
    x = tensor(A, requires_grad=True)
    for result in (B + x, x + B, np.float32(2) * x, x * np.float64(2), np.sqrt(2.0) * x):
        assert isinstance(result, Tensor) and result.requires_grad and result.dtype == np.float32


def test_numpys_own_functions_do_not_swallow_tensors():
    with pytest.raises(TypeError):
        np.exp(tensor(A))


def test_integers():
    i = tensor([3, 4])
    assert (i + 1).dtype == (i * i).dtype == np.int64 and (i / 2).tolist() == [1.5, 2.0]
    assert (i + 0.5).tolist() == [3.5, 4.5] and i.float().dtype == np.float32
    assert i.exp().dtype == np.float32 and i.mean().item() == 3.5
    assert [10, 20, 30, 40, 50][i[0]] == 40
    with pytest.raises(TypeError, match="only a tensor of integers"):
        [1, 2][tensor(1.0)]


# ── Python's protocols ──────────────────────────────────────────────────────────────────────────
def test_truth_length_iteration_numbers():
    x = tensor(A)
    assert (
        len(x) == 2 and [r.shape for r in x] == [(3,), (3,)] and float(x[0, 0]) == 1.0 and int(x[1, 1]) == 5
    )
    assert bool(tensor(1.0)) and not tensor([[0.0]])
    with pytest.raises(ValueError, match=r"shape \(2, 3\) is neither true nor false"):
        bool(x > 0)
    with pytest.raises(TypeError, match="no length"):
        len(tensor(1.0))
    with pytest.raises(ValueError, match=r"item: expected a single entry, got shape \(2, 3\)"):
        x.item()


def test_hash_by_identity_and_equality_by_entry():
    x, y = tensor(A), tensor(A)
    assert {x: 1}[x] == 1 and len({x, y}) == 2 and (x == y).all()


def test_repr_is_short():
    assert repr(tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(tensor([1, 2])) == "tensor([1, 2], dtype=int64)"
    x = tensor([1.0], requires_grad=True)
    assert repr(x) == "tensor([1.], requires_grad=True)" and repr(x * 2) == "tensor([2.], step=mul)"
    assert len(repr(randn(1000, 1000))) < 600


def test_numpy_and_asarray_only_without_gradient():
    x = tensor(A, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"detach\(\)\.numpy\(\)"):
        x.numpy()
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        np.asarray(x)
    assert np.array_equal(np.asarray(x.detach()), A)
    assert np.asarray(x.detach(), dtype=np.float64).dtype == np.float64
    y = np.array(x.detach())
    y[:] = 0
    assert x.tolist() == A.tolist()


def test_entries_are_not_assigned_to():
    x = tensor(A)
    with pytest.raises(TypeError, match=r"where\(mask, value, x\)"):
        x[0] = 1
    before = x
    x += 1  # a new tensor under the same name
    assert before.tolist() == A.tolist() and x is not before


def test_detach_clone_to():
    x = tensor(A, requires_grad=True)
    assert not x.detach().requires_grad and x.detach().data is x.data
    y = x.clone()
    assert y.data is not x.data and y.requires_grad
    x.to("float64").sum().backward()
    assert x.grad.dtype == np.float32 and x.to("float32") is x and x.to("cpu") is x
    assert x.double().dtype == np.float64 and x.long().dtype == np.int64 and not x.long().requires_grad
    assert x.bool().dtype == np.bool_ and x.is_leaf and not y.is_leaf and x.device == "cpu"
    with pytest.raises(ValueError, match="expected 'cpu', 'cuda' or a dtype, got 'gpu'"):
        x.to("gpu")
    with pytest.raises(RuntimeError, match="only be set on a leaf"):
        y.requires_grad_(False)


def test_mixed_precision_gives_each_leaf_its_own_dtype():
    a, b = tensor(A, requires_grad=True), tensor(B.astype(np.float64), requires_grad=True)
    (a * b + a).sum().backward()
    assert a.grad.dtype == np.float32 and b.grad.dtype == np.float64


# ── errors name the operation, the shapes, and what to do ───────────────────────────────────────
@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: x + zeros(4), ValueError, r"add: shapes \(2, 3\) and \(4,\) do not broadcast"),
        (lambda x: x + [1, 2, 3], TypeError, r"add: expected tensors, arrays or numbers, got list"),
        (lambda x: x == None, TypeError, r"equal: .*NoneType"),  # noqa: E711
        (lambda x: x @ x, ValueError, r"matmul: a \(2, 3\) has 3 columns and b \(2, 3\) has 2 rows"),
        (lambda x: x @ 2.0, TypeError, r"matmul: expected two tensors, got ndarray and float"),
        (lambda x: x @ tensor(B.T.astype(float)), TypeError, r"matmul: .*float32.*float64"),
        (lambda x: x.sum(2), ValueError, r"sum: axis 2 is out of range for an array with 2 axes"),
        (lambda x: x.sum((0, 0)), ValueError, r"sum: axis \(0, 0\) names one axis twice"),
        (lambda x: x.sum(1.0), TypeError, r"sum: axis must be an int, got 1.0"),
        (lambda x: zeros(0, 3).max(0), ValueError, r"max: there is no entry along axis \(0,\) of x \(0, 3\)"),
        (lambda x: x[:, :1].var(1), ValueError, r"var: needs more than correction=1 entries"),
        (lambda x: x.reshape(4, 2), ValueError, r"reshape: x \(2, 3\) has 6 entries.*\(4, 2\)"),
        (lambda x: x.reshape(-1, 4), ValueError, r"reshape: x \(2, 3\)"),
        (lambda x: x.permute(0, 0), ValueError, r"permute: axes \(0, 0\) must name each of the 2 axes"),
        (lambda x: x.expand(4, 3), ValueError, r"broadcast_to: x \(2, 3\) does not broadcast to \(4, 3\)"),
        (
            lambda x: ops.concatenate([x, zeros(2, 2)]),
            ValueError,
            r"concatenate: shapes \(2, 3\) and \(2, 2\)",
        ),
        (lambda x: ops.concatenate([]), ValueError, r"concatenate: give at least one"),
        (lambda x: ops.stack([x, zeros(2, 2)]), ValueError, r"stack: expected tensors of one shape"),
        (lambda x: x.split((1, 1), 1), ValueError, r"split: sizes \(1, 1\) must add up to 3"),
        (lambda x: x[2], IndexError, r"index: 2 is out of range for axis 0 of x \(2, 3\)"),
        (lambda x: x[0, 0, 0], IndexError, r"3 indices for x \(2, 3\)"),
        (lambda x: x[x > 0], TypeError, r"mask.*where"),
        (lambda x: x[0.5], TypeError, r"index: expected ints, slices"),
        (lambda x: x[[0, 5]], IndexError, r"index 5 is out of range for an axis of size 2"),
        (lambda x: x.take(tensor([0.0])), TypeError, r"take: index must be of integers, got float32"),
        (lambda x: ops.where(x, x, x), TypeError, r"where: condition must be a bool array"),
        (lambda x: ops.clip(x), ValueError, r"clip: give min, max, or both"),
        (lambda x: ops.softmax(x, zeros(2, 3)), TypeError, r"softmax: mask must be bool"),
        (lambda x: ops.softmax(x, zeros(4) > 0), ValueError, r"softmax"),
        (
            lambda x: ops.softmax(x, zeros(5, 2, 3) > 0),
            ValueError,
            r"mask \(5, 2, 3\) must broadcast to x \(2, 3\)",
        ),
        (lambda x: ops.linear(x, zeros(4, 2)), ValueError, r"linear: x \(2, 3\) and weight \(4, 2\)"),
        (
            lambda x: ops.linear(x, zeros(4, 3), zeros(3)),
            ValueError,
            r"bias must have shape \(4,\), got \(3,\)",
        ),
        (lambda x: ops.topk(x, k=4), ValueError, r"topk: k must be an int from 0 to 3"),
        (lambda x: ops.pad(x, pads=((1, 1),)), ValueError, r"pad: pads must be one pair"),
        (
            lambda x: ops.pad(x, pads=((2, 0), (0, 0)), mode="reflect"),
            ValueError,
            r"reflection of 2 needs more",
        ),
        (lambda x: ops.einsum("ij,jk->ik", x, x), ValueError, r"axis 'j' has sizes 3 and 2"),
        (lambda x: ops.einsum("ij->k", x), ValueError, r"output names 'k'"),
        (lambda x: ops.embedding(x, tensor([2])), IndexError, r"embedding: index 2 is out of range"),
        (
            lambda x: ops.one_hot(tensor([-1]), num_classes=3),
            IndexError,
            r"one_hot: index -1 is out of range",
        ),
        (lambda x: ops.norm(x, p=0), ValueError, r"norm: p must be at least 1"),
        (lambda x: ops.exp(2.0), TypeError, r"exp: expected a tensor or an array of numbers, got float"),
        (lambda x: ops.gelu(x, approximate="no"), ValueError, r"gelu: approximate must be"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(tensor(A))


# ── the package ─────────────────────────────────────────────────────────────────────────────────
def test_import_is_light():
    code = (
        "import time; t = time.perf_counter(); import numpy; n = time.perf_counter(); import mmscratch\n"
        "import sys; print([m for m in ('numba', 'scipy', 'matplotlib', 'PIL') if m in sys.modules])\n"
        "print(time.perf_counter() - n)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert shown[0] == "[]"
    assert float(shown[1]) < 1.0  # 0.1 s when the machine is idle


def test_every_name_that_is_promised_is_there():
    for name in mmscratch.__all__:
        assert getattr(mmscratch, name) is not None
    assert callable(mmscratch.gradcheck) and set(mmscratch.__all__) <= set(dir(mmscratch))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mmscratch.nothing  # noqa: B018
