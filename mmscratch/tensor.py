"""The tensor: a node with the syntax of NumPy and PyTorch. Every operator and method is a name for an op.

    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    (x @ x.T).sum().backward()
    x.grad

``data`` and ``grad`` are raw arrays. Two doors lead between host and device: ``.to("cuda")`` in, ``.numpy()``
and ``.item()`` out (``.to("cpu")`` likewise).
"""

import numpy as np

from . import kernels, ops, random
from .autograd import Node, primitive

__all__ = ["Tensor", "arange", "eye", "full", "ones", "rand", "randn", "tensor", "zeros"]


def _on_device(x):
    return hasattr(x, "dtype") and not isinstance(x, (np.ndarray, np.generic))


def tensor(data, dtype=None, requires_grad=False, device=None):
    """A new leaf that holds a copy of data: numbers, nested lists, an array, or a tensor.

    Python floats become float32; arrays keep their dtype. device: "cpu" or "cuda"; else where data is.
    """
    if isinstance(data, Node):
        data = data.data
    if not _on_device(data):
        array = np.array(data, dtype=dtype, order="C")
        if dtype is None and array.dtype == np.float64 and not isinstance(data, (np.ndarray, np.generic)):
            array = array.astype(np.float32)
        if array.dtype.kind not in "fiub" or array.dtype == np.float16:
            raise TypeError(f"tensor: expected floats, integers or truth values, got dtype {array.dtype}")
        return Tensor(_moved(array, device or "cpu"), _wanting("tensor", array.dtype, requires_grad))
    floor = kernels.of(data)
    array = floor.cast(data, data.dtype if dtype is None else dtype)
    return Tensor(_moved(array, device or "cuda"), _wanting("tensor", array.dtype, requires_grad))


def _wanting(op, dtype, requires_grad):
    if requires_grad and dtype.kind != "f":
        raise TypeError(f"{op}: only floats can require a gradient, got dtype {dtype}")
    return bool(requires_grad)


def _moved(array, device):
    """The array on that device: itself if it is there, else a copy. The only door between the two."""
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device: expected 'cpu' or 'cuda', got {device!r}")
    if _on_device(array) == (device == "cuda"):
        return array
    from .kernels.cuda import memory

    return memory.upload(array) if device == "cuda" else memory.download(array)


@primitive
def _move(x, *, device):
    """The same numbers on another device.

    Forward    y = x, on device
    Backward   ∂L/∂x = ∂L/∂y, on the device of x
    Shapes     x (…) → y (…)
    """
    home = "cuda" if _on_device(x) else "cpu"
    return _moved(x, device), lambda dy: _moved(dy, home)


def _is_dtype(target):
    """Does this name a dtype, and not a device?"""
    try:
        np.dtype(target)
    except TypeError:
        return False
    return True


def _options(axis, keepdims, dim, keepdim):
    """Axis and keepdims, under NumPy's or PyTorch's names."""
    return {"axis": axis if dim is None else dim, "keepdims": keepdims if keepdim is None else keepdim}


def _reduction(op):
    def method(self, axis=None, keepdims=False, *, dim=None, keepdim=None, **options):
        return op(self, **_options(axis, keepdims, dim, keepdim), **options)

    method.__name__, method.__doc__ = op.__name__, op.__doc__
    return method


def _along(op, default=None):
    """A method whose only option is an axis."""

    def method(self, axis=default, *, dim=None, **options):
        return op(self, axis=axis if dim is None else dim, **options)

    method.__name__, method.__doc__ = op.__name__, op.__doc__
    return method


def _swapped(op):
    """The operator with its operand on the left: 1 - x."""

    def method(self, other):
        return op(other, self)

    return method


def _sizes(sizes):
    """The arguments of x.reshape(2, 3) or x.reshape((2, 3))."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


class Tensor(Node):
    """An array with operators, and a memory of where it came from (see ``autograd.Node``).

    Comparisons give tensors of truth values; ``hash`` and ``is`` go by identity. Use ``tensor(…)`` to make
    one from numbers; the constructor takes a contiguous array as it is.
    """

    __slots__ = ()
    __array_ufunc__ = None  # so that array + tensor asks the tensor, and does not go entry by entry

    # ── what it is ──────────────────────────────────────────────────────────────────────────────
    @property
    def shape(self):
        return tuple(self.data.shape)

    @property
    def dtype(self):
        return self.data.dtype

    @property
    def ndim(self):
        return self.data.ndim

    @property
    def size(self):
        """The number of entries, as in NumPy (PyTorch's numel)."""
        return self.data.size

    @property
    def device(self):
        return "cuda" if _on_device(self.data) else "cpu"

    @property
    def is_leaf(self):
        return self.step is None

    @property
    def T(self):
        """With all axes in the opposite order."""
        return ops.permute(self, axes=tuple(reversed(range(self.ndim))))

    @property
    def mT(self):
        """With the last two axes exchanged."""
        return ops.transpose(self)

    def numel(self):
        return self.data.size

    def dim(self):
        return self.data.ndim

    def __repr__(self):
        values = np.array2string(
            _moved(self.data, "cpu"), precision=4, threshold=20, edgeitems=3, separator=", "
        )
        extra = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        extra += "" if self.device == "cpu" else f", device={self.device!r}"
        if self.step is not None:
            extra += f", step={self.step.op}"
        elif self.requires_grad:
            extra += ", requires_grad=True"
        return "tensor(" + values.replace("\n", "\n       ") + extra + ")"

    def __len__(self):
        if self.ndim == 0:
            raise TypeError("len: a tensor without axes has no length")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        if self.size != 1:
            raise ValueError(
                f"bool: a tensor of shape {self.shape} is neither true nor false; use .any() or .all()"
            )
        return bool(self.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        if self.dtype.kind not in "iu":
            raise TypeError(f"index: only a tensor of integers can serve as one, got dtype {self.dtype}")
        return int(self.item())

    __hash__ = object.__hash__

    # ── in and out ──────────────────────────────────────────────────────────────────────────────
    def item(self):
        """The only entry, as a Python number."""
        if self.size != 1:
            raise ValueError(
                f"item: expected a single entry, got shape {self.shape}; reduce first, or use .tolist()"
            )
        return _moved(self.data, "cpu").item()

    def numpy(self):
        """The values as an array on the host: its own array there (do not write to it), or a download."""
        if self.requires_grad:
            raise RuntimeError("numpy: gradients do not follow into NumPy; say .detach().numpy()")
        return _moved(self.data, "cpu")

    def __array__(self, dtype=None, copy=None):
        array = self.numpy()
        if copy is False and dtype is not None and np.dtype(dtype) != array.dtype:
            raise ValueError(f"array: a tensor of {array.dtype} is not {np.dtype(dtype)} without a copy")
        return array.astype(dtype or array.dtype, copy=bool(copy))

    def tolist(self):
        return _moved(self.data, "cpu").tolist()

    def to(self, target):
        """The same numbers on another device ("cpu", "cuda") or with another dtype; self if it has them."""
        if isinstance(target, str) and target in ("cpu", "cuda"):
            return self if target == self.device else _move(self, device=target)
        if not _is_dtype(target):
            raise ValueError(f"to: expected 'cpu', 'cuda' or a dtype, got {target!r}")
        dtype = np.dtype(target)
        return self if dtype == self.dtype else ops.cast(self, dtype=dtype)

    def cpu(self):
        return self.to("cpu")

    def cuda(self):
        return self.to("cuda")

    def float(self):
        return self.to(np.float32)

    def double(self):
        return self.to(np.float64)

    def long(self):
        return self.to(np.int64)

    def bool(self):
        return self.to(np.bool_)

    def detach(self):
        """The same array as a leaf without a gradient: what is computed from it does not reach back."""
        return Tensor(self.data)

    def clone(self):
        """A copy; gradients go through it."""
        return ops.cast(self, dtype=self.dtype)

    def requires_grad_(self, requires_grad=True):
        """Set requires_grad, and return self."""
        if self.step is not None:
            raise RuntimeError(
                "requires_grad_: this tensor was computed; it can only be set on a leaf (detach first)"
            )
        self.requires_grad = _wanting("requires_grad_", self.dtype, requires_grad)
        return self

    # ── arithmetic and comparison ───────────────────────────────────────────────────────────────
    __add__ = __radd__ = add = ops.add
    __sub__ = sub = ops.sub
    __rsub__ = _swapped(ops.sub)
    __mul__ = __rmul__ = mul = ops.mul
    __truediv__ = div = ops.div
    __rtruediv__ = _swapped(ops.div)
    __pow__ = pow = ops.pow
    __rpow__ = _swapped(ops.pow)
    __mod__ = remainder = ops.remainder
    __rmod__ = _swapped(ops.remainder)
    __matmul__ = matmul = ops.matmul
    __rmatmul__ = _swapped(ops.matmul)
    __neg__ = neg = ops.neg
    __abs__ = abs = ops.abs
    __eq__, __ne__ = ops.equal, ops.not_equal
    __lt__, __le__ = ops.less, ops.less_equal
    __gt__, __ge__ = ops.greater, ops.greater_equal
    __and__ = __rand__ = logical_and = ops.logical_and
    __or__ = __ror__ = logical_or = ops.logical_or
    __xor__ = __rxor__ = logical_xor = ops.logical_xor
    __invert__ = logical_not = ops.logical_not

    exp, log, sqrt, rsqrt, square, reciprocal = (
        ops.exp,
        ops.log,
        ops.sqrt,
        ops.rsqrt,
        ops.square,
        ops.reciprocal,
    )
    sin, cos, erf, sign, floor, ceil, round = (
        ops.sin,
        ops.cos,
        ops.erf,
        ops.sign,
        ops.floor,
        ops.ceil,
        ops.round,
    )
    sigmoid, tanh, relu, maximum, minimum = ops.sigmoid, ops.tanh, ops.relu, ops.maximum, ops.minimum
    isnan, isfinite, dot, outer = ops.isnan, ops.isfinite, ops.dot, ops.outer

    def clip(self, min=None, max=None):
        return ops.clip(self, min=min, max=max)

    clamp = clip

    def where(self, condition, other):
        """self where condition, else other (as PyTorch's method)."""
        return ops.where(condition, self, other)

    def masked_fill(self, mask, value):
        """value where mask, else self."""
        return ops.where(mask, value, self)

    # ── reductions ──────────────────────────────────────────────────────────────────────────────
    sum, mean, prod = _reduction(ops.sum), _reduction(ops.mean), _reduction(ops.prod)
    max, min = _reduction(ops.max), _reduction(ops.min)
    var, std = _reduction(ops.var), _reduction(ops.std)
    logsumexp, norm = _reduction(ops.logsumexp), _reduction(ops.norm)
    argmax, argmin = _reduction(ops.argmax), _reduction(ops.argmin)
    all, any = _reduction(ops.all), _reduction(ops.any)
    cumsum, cumprod = _along(ops.cumsum), _along(ops.cumprod)
    softmax, log_softmax = _along(ops.softmax, -1), _along(ops.log_softmax, -1)
    sort = _along(ops.sort, -1)

    def topk(self, k, axis=-1, largest=True, *, dim=None):
        return ops.topk(self, k=k, axis=axis if dim is None else dim, largest=largest)

    # ── shape ───────────────────────────────────────────────────────────────────────────────────
    squeeze, unsqueeze = _along(ops.squeeze), _along(ops.unsqueeze)

    def reshape(self, *shape):
        return ops.reshape(self, shape=_sizes(shape))

    view = reshape

    def flatten(self, start=0, end=-1):
        return ops.flatten(self, start=start, end=end)

    def permute(self, *axes):
        return ops.permute(self, axes=_sizes(axes))

    def transpose(self, axis0=-2, axis1=-1):
        return ops.transpose(self, axis0=axis0, axis1=axis1)

    def broadcast_to(self, *shape):
        return ops.broadcast_to(self, shape=_sizes(shape))

    expand = broadcast_to

    def tile(self, *repeats):
        return ops.tile(self, repeats=_sizes(repeats))

    repeat = tile

    def flip(self, *axes):
        return ops.flip(self, axes=_sizes(axes))

    def roll(self, shift, axis):
        return ops.roll(self, shift=shift, axis=axis)

    def split(self, sizes, axis=0):
        return ops.split(self, sizes=sizes, axis=axis)

    def chunk(self, chunks, axis=0):
        return ops.chunk(self, chunks=chunks, axis=axis)

    def unbind(self, axis=0):
        """The entries along an axis, one tensor each."""
        return tuple(piece.squeeze(axis) for piece in self.split(1, axis)) if self.shape[axis] else ()

    def pad(self, pads, mode="constant", value=0.0):
        return ops.pad(self, pads=pads, mode=mode, value=value)

    def tril(self, diagonal=0):
        return ops.tril(self, diagonal=diagonal)

    def triu(self, diagonal=0):
        return ops.triu(self, diagonal=diagonal)

    # ── entries ─────────────────────────────────────────────────────────────────────────────────
    def __getitem__(self, key):
        return ops.index(self, key=key)

    def __setitem__(self, key, value):
        raise TypeError(
            "a tensor's entries are not assigned to, since steps may hold them; make a new tensor: "
            "where(mask, value, x), x.masked_fill(mask, value), concatenate, or scatter_add"
        )

    def take(self, index, axis=0):
        return ops.take(self, index, axis=axis)

    def gather(self, axis, index):
        """PyTorch's gather(dim, index): see ops.take_along."""
        return ops.take_along(self, index, axis=axis)

    def scatter_add(self, axis, index, src):
        """PyTorch's scatter_add(dim, index, src)."""
        return ops.scatter_add(self, index, src, axis=axis)


Tensor.result_class = Tensor


# ── tensors from nothing ────────────────────────────────────────────────────────────────────────
def full(shape, value, dtype="float32", requires_grad=False, device="cpu"):
    """A tensor full of one value."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return tensor(np.full(shape, value, dtype), requires_grad=requires_grad, device=device)


def zeros(*shape, **options):
    """zeros(2, 3) or zeros((2, 3)): see full."""
    return full(_sizes(shape), 0, **options)


def ones(*shape, **options):
    """ones(2, 3) or ones((2, 3)): see full."""
    return full(_sizes(shape), 1, **options)


def arange(*bounds, dtype=None, device="cpu"):
    """arange(stop), arange(start, stop) or arange(start, stop, step): int64 of ints, float32 of floats."""
    if dtype is None:
        dtype = "int64" if all(isinstance(b, int) for b in bounds) else "float32"
    return tensor(np.arange(*bounds), dtype, device=device)


def eye(n, dtype="float32", device="cpu"):
    """The identity matrix."""
    return tensor(np.eye(n, dtype=dtype), device=device)


def randn(*shape, dtype="float32", requires_grad=False, device="cpu", generator=None):
    """Standard normal numbers from a generator (the default one unless given)."""
    draw = (generator or random.default_generator).normal(_sizes(shape), dtype=dtype)
    return tensor(draw, requires_grad=requires_grad, device=device)


def rand(*shape, dtype="float32", requires_grad=False, device="cpu", generator=None):
    """Numbers evenly from [0, 1) from a generator (the default one unless given)."""
    draw = (generator or random.default_generator).uniform(_sizes(shape), dtype=dtype)
    return tensor(draw, requires_grad=requires_grad, device=device)
