"""Arguments for every kernel of interface.py, small and of every class: 0-d, empty, one, odd, broadcast, ties.

CASES maps a kernel's name to (class, build) pairs; build(draw, dtype) gives the kernel's arguments as
the host floors take them. ``draw(*shape)`` gives normal numbers of that dtype.
"""

import functools

import numpy as np

from mmscratch import kernels
from mmscratch.kernels.interface import FORMULAS

reference = kernels.floor("reference")
CASES = {}


def draws(dtype, seed=0):
    rng = np.random.default_rng(seed)
    draw = lambda *shape: np.asarray(rng.standard_normal(shape), dtype)  # noqa: E731
    draw.rng = rng
    return draw


def case(kernel, name):
    """Decorator: the function builds arguments for the kernel."""

    def keep(build):
        CASES.setdefault(kernel, []).append((name, build))
        return build

    return keep


def add(kernel, name, build):
    CASES.setdefault(kernel, []).append((name, build))


# ── elementwise ──────────────────────────────────────────────────────────────────────────────────
def operands(formula, arity, draw, shapes):
    """Arrays on which the formula is defined."""
    arrays = [draw(*s) for s in shapes]
    if formula in ("log", "sqrt", "pow"):
        arrays[0] = np.abs(arrays[0]) + arrays[0].dtype.type(0.1)
    if formula.startswith("logical"):
        arrays = [a > 0 for a in arrays]
    if formula == "where":
        arrays[0] = arrays[0] > 0
    if formula == "round":
        arrays = [np.round(a * 4) / a.dtype.type(2) for a in arrays]
    return arrays


SHAPES = [((3, 5),) * 4, ((2, 1, 3), (4, 1), (3,), ())]
for arity, names in FORMULAS.items():
    for formula in names:
        for kind, shapes in zip(("odd", "broadcast"), SHAPES, strict=True):

            def build(draw, dtype, formula=formula, arity=arity, shapes=shapes):
                return (formula, *operands(formula, arity, draw, shapes[:arity]))

            add("map", f"{formula} {kind}", build)
add("map", "0-d", lambda draw, dtype: ("add", draw(), draw()))
add("map", "empty", lambda draw, dtype: ("add", draw(0, 3), draw(3)))
add("map", "one", lambda draw, dtype: ("mul", draw(1), draw(1, 1)))
add("map", "number", lambda draw, dtype: ("less", draw(3), 0.1))
add("map", "numbers", lambda draw, dtype: ("where", draw(5) > 0, 1.5, draw(5)))
add("map", "number first", lambda draw, dtype: ("sub", 2, draw(5)))
add("map", "integers", lambda draw, dtype: ("add", np.arange(5), 2))
add("map", "integers and floats", lambda draw, dtype: ("mul", np.arange(5), draw(5).astype(np.float64)))
add("map", "bools", lambda draw, dtype: ("equal", draw(5) > 0, draw(5) > 0))
add("map", "logic of floats", lambda draw, dtype: ("logical_or", draw(5).round(), draw(5)))
add("map", "not a number", lambda draw, dtype: ("maximum", np.array([1, np.nan, -np.inf], dtype), draw(3)))
add("map", "infinite", lambda draw, dtype: ("log", np.array([0, -1, np.inf, np.nan], dtype)))
add("map", "overflow", lambda draw, dtype: ("exp", np.array([-1e4, 1e4], dtype)))
add("map", "five axes", lambda draw, dtype: ("add", draw(2, 1, 2, 1, 2), draw(1, 3, 1, 2, 1)))
for to in ("float32", "float64", "int64", "bool"):
    add("cast", f"to {to}", lambda draw, dtype, to=to: (draw(3, 4) * 3, np.dtype(to)))
add("cast", "from bool", lambda draw, dtype: (draw(5) > 0, np.dtype(dtype)))
add("cast", "0-d", lambda draw, dtype: (draw(), "int64"))
add("full", "odd", lambda draw, dtype: ((2, 3), 1.5, dtype))
add("full", "0-d", lambda draw, dtype: ((), -np.inf, np.dtype(dtype)))
add("full", "empty", lambda draw, dtype: ((0, 2), 1, np.int64))
add("full", "bool", lambda draw, dtype: ((3,), True, bool))

# ── reductions ───────────────────────────────────────────────────────────────────────────────────
REDUCED = {
    "0-d": ((), (), False), "all": ((3, 5), (0, 1), False), "one": ((1, 1), (1,), True), "row": ((3, 7), (1,), False),
    "long row": ((2, 50), (1,), True), "column": ((21, 3), (0,), False), "two of three": ((3, 4, 5), (0, 2), True),
    "middle": ((2, 9, 3), (1,), False), "no axis": ((2, 3), (), False), "no rows": ((0, 3), (1,), False),
}  # fmt: skip
for kind in ("sum", "max", "min", "prod"):
    for name, (shape, axes, keepdims) in REDUCED.items():
        add("reduce", f"{kind} {name}", lambda draw, dtype, a=(kind, shape, axes, keepdims): (a[0], draw(*a[1]), *a[2:]))
    add("reduce", f"{kind} integers", lambda draw, dtype, kind=kind: (kind, np.arange(1, 9).reshape(2, 4), (0,), False))
for kind in ("max", "min"):
    add("reduce", f"{kind} NaN", lambda draw, dtype, kind=kind: (kind, np.array([1, np.nan, 3] * 7, dtype), (0,), False))
    for shape, axis in [((5,), 0), ((2, 30), 1), ((7, 3), 0), ((2, 4, 3), 1), ((1,), 0)]:
        add("argreduce", f"{kind} {shape} {axis}", lambda draw, dtype, a=(kind, shape, axis): (a[0], draw(*a[1]), a[2]))
    add("argreduce", f"{kind} ties", lambda draw, dtype, kind=kind: (kind, draw(3, 20).round(), 1))
    add("argreduce", f"{kind} NaN", lambda draw, dtype, kind=kind: (kind, np.array([1, np.nan, 3, np.nan] * 4, dtype), 0))
add("reduce", "sum nothing", lambda draw, dtype: ("sum", draw(0, 3), (0,), False))
add("reduce", "prod nothing", lambda draw, dtype: ("prod", draw(0, 3), (0, 1), True))
add("reduce", "sum bools", lambda draw, dtype: ("sum", draw(3, 4) > 0, (1,), False))
add("reduce", "max bools", lambda draw, dtype: ("max", draw(3, 4) > 0, (1,), False))
for kind in ("sum", "prod"):
    for shape, axis in [((5,), 0), ((3, 11), 1), ((7, 3), 0), ((2, 4, 3), 1), ((0, 2), 0), ((1,), 0)]:
        for exclusive in (False, True):
            for reverse in (False, True):
                options = (kind, shape, axis, exclusive, reverse)
                add("scan", " ".join(map(str, options)), lambda draw, dtype, a=options: (a[0], draw(*a[1]), *a[2:]))
add("scan", "integers", lambda draw, dtype: ("sum", np.arange(6).reshape(2, 3), 1, False, False))
add("topk", "odd", lambda draw, dtype: (draw(3, 7), 2))
add("topk", "one", lambda draw, dtype: (draw(1), 1))
add("topk", "all", lambda draw, dtype: (draw(2, 3, 4), 4))
add("topk", "ties over chunks", lambda draw, dtype: (draw(2, 50).round(), 5))
add("topk", "NaN", lambda draw, dtype: (np.array([1, np.nan, 3, np.nan, -np.inf], dtype), 4))
add("topk", "integers", lambda draw, dtype: (np.array([[3, 1, 3, 2]]), 3))

# ── layout and indexing ──────────────────────────────────────────────────────────────────────────
add("permute", "0-d", lambda draw, dtype: (draw(), ()))
add("permute", "odd", lambda draw, dtype: (draw(2, 3, 4), (2, 0, 1)))
add("permute", "same", lambda draw, dtype: (draw(2, 3), (0, 1)))
add("permute", "empty", lambda draw, dtype: (draw(2, 0), (1, 0)))
add("permute", "bools", lambda draw, dtype: (draw(2, 3) > 0, (1, 0)))
add("expand", "0-d", lambda draw, dtype: (draw(), (2, 3)))
add("expand", "odd", lambda draw, dtype: (draw(3, 1), (2, 3, 4)))
add("expand", "empty", lambda draw, dtype: (draw(1, 3), (0, 3)))
add("slice", "backwards", lambda draw, dtype: (draw(5, 6), (4, 1), (-2, 2), (3, 2)))
add("slice", "empty", lambda draw, dtype: (draw(5), (2,), (1,), (0,)))
add("slice", "0-d", lambda draw, dtype: (draw(), (), (), ()))
add("place", "backwards", lambda draw, dtype: (draw(3, 2), (4, 1), (-2, 2), (5, 6), 0.5))
add("place", "empty", lambda draw, dtype: (draw(0), (1,), (1,), (3,), 0.0))
add("place", "integers", lambda draw, dtype: (np.arange(3), (0,), (2,), (6,), -1))
add("concatenate", "odd", lambda draw, dtype: ([draw(2, 3), draw(2, 1), draw(2, 0)], 1))
add("concatenate", "one", lambda draw, dtype: ([draw(3)], 0))
INDEX = np.array([[1, 0, 4], [1, 1, 2]])
add("take", "rows", lambda draw, dtype: (draw(5, 3), INDEX))
add("take", "0-d index", lambda draw, dtype: (draw(5, 2), np.array(3)))
add("take", "numbers", lambda draw, dtype: (draw(5), INDEX))
add("take", "empty", lambda draw, dtype: (draw(5, 2), np.zeros((0,), np.int64)))
add("take_add", "rows that meet", lambda draw, dtype: (draw(2, 3, 4), INDEX, 5))
add("take_add", "many rows", lambda draw, dtype: (draw(2, 3), INDEX, 130))
add("take_add", "empty", lambda draw, dtype: (draw(0, 2), np.zeros((0,), np.int64), 3))
for axis, other in ((0, (5, 3)), (1, (2, 5))):
    add("take_along", f"axis {axis}", lambda draw, dtype, a=(axis, other): (draw(*a[1]), INDEX, a[0]))
    add("take_along_add", f"axis {axis}", lambda draw, dtype, a=axis: (draw(2, 3), INDEX, a, 5))

# ── products, softmax, loss, attention ───────────────────────────────────────────────────────────
PRODUCTS = {
    "one": ((1, 1), (1, 1), False, False), "tiles": ((9, 11), (11, 10), False, False),
    "a transposed": ((5, 9), (5, 10), True, False), "b transposed": ((9, 5), (10, 5), False, True),
    "both": ((7, 9), (8, 7), True, True), "slim": ((2, 30), (30, 9), False, False), "parts": ((9, 20), (20, 8), False, False),
    "batched": ((2, 1, 5, 3), (3, 3, 6), False, False), "batched, b transposed": ((2, 3, 4), (2, 5, 4), False, True),
    "same b": ((2, 3, 4), (4, 5), False, False), "nothing summed": ((3, 0), (0, 2), False, False), "empty": ((0, 3), (3, 2), False, False),
    "four batch axes": ((2, 1, 2, 1, 2, 2), (1, 2, 1, 2, 2, 2), False, False),
}  # fmt: skip
for name, (a, b, ta, tb) in PRODUCTS.items():
    add("matmul", name, lambda draw, dtype, s=(a, b, ta, tb): (draw(*s[0]), draw(*s[1]), *s[2:]))
add("linear", "bias", lambda draw, dtype: (draw(9, 5), draw(10, 5), draw(10)))
add("linear", "slim", lambda draw, dtype: (draw(2, 5), draw(3, 5), draw(3)))
add("linear", "no bias", lambda draw, dtype: (draw(5, 4), draw(9, 4), None))
add("linear", "empty", lambda draw, dtype: (draw(0, 4), draw(3, 4), draw(3)))


def row_mask(draw, *shape):
    mask = draw(*shape) > 0
    if len(shape) > 1:
        mask[1] = False
    return mask


for name in ("softmax", "log_softmax"):
    back = getattr(reference, name)
    add(name, "odd", lambda draw, dtype: (draw(3, 7), None))
    add(name, "one", lambda draw, dtype: (draw(1), None))
    add(name, "empty", lambda draw, dtype: (draw(0, 3), None))
    add(name, "large", lambda draw, dtype: (draw(2, 5) * 1000, None))
    add(name, "masked", lambda draw, dtype: (draw(3, 7), row_mask(draw, 3, 7)))
    add(name, "mask broadcast", lambda draw, dtype: (draw(2, 3, 4), row_mask(draw, 3, 1)))
    add(name, "mask of one row", lambda draw, dtype: (draw(3, 4), row_mask(draw, 4)))
    add(name, "no score", lambda draw, dtype: (np.array([[-np.inf, 0, 1]], dtype), None))
    add(f"{name}_backward", "odd", lambda draw, dtype, f=back: (draw(3, 7), f(draw(3, 7), None)))
    add(f"{name}_backward", "masked", lambda draw, dtype, f=back: (draw(3, 7), f(draw(3, 7), row_mask(draw, 3, 7))))
for smoothing in (0.0, 0.1):
    for weighted in (False, True):

        def loss(draw, dtype, smoothing=smoothing, weighted=weighted):
            weight = np.abs(draw(6)) if weighted else None
            return draw(4, 6), np.array([1, -100, 5, 2]), weight, -100, smoothing

        def loss_back(draw, dtype, loss=loss):
            x, t, *options = loss(draw, dtype)
            return draw(4), x, t, reference.cross_entropy(x, t, *options)[2], *options

        add("cross_entropy", f"{smoothing} {weighted}", loss)
        add("cross_entropy_backward", f"{smoothing} {weighted}", loss_back)
add("cross_entropy", "empty", lambda draw, dtype: (draw(0, 3), np.zeros(0, np.int64), None, -100, 0.0))
MASKS = {
    "no mask": lambda draw: None, "float": lambda draw: draw(1, 2, 3, 5), "bool": lambda draw: draw(2, 1, 3, 5) > 0,
    "sees nothing": lambda draw: np.zeros((1, 1, 3, 1), bool), "keys": lambda draw: draw(2, 1, 1, 5) > -0.5,
}  # fmt: skip
for name, mask in MASKS.items():
    for causal in (False, True):

        def heads(draw, dtype, mask=mask, causal=causal):
            return draw(2, 2, 3, 4), draw(2, 2, 5, 4), draw(2, 2, 5, 3), mask(draw), causal, 0.5

        def heads_back(draw, dtype, heads=heads):
            query, key, value, mask, causal, scale = heads(draw, dtype)
            probability = reference.attention(query, key, value, mask, causal, scale)[1]
            return draw(2, 2, 3, 3), query, key, value, probability, scale

        add("attention", f"{name} {causal}", heads)
        add("attention_backward", f"{name} {causal}", heads_back)
add("attention", "one", lambda draw, dtype: (draw(1, 1, 1, 1), draw(1, 1, 1, 1), draw(1, 1, 1, 1), None, True, 1.0))

# ── convolution, pooling, normalization ──────────────────────────────────────────────────────────
CONVOLUTIONS = {  # x, weight, stride, padding, dilation, groups
    "one": ((1, 1, 1), (1, 1, 1), (1,), ((0, 0),), (1,), 1),
    "1-d": ((2, 3, 9), (4, 3, 3), (2,), ((1, 2),), (2,), 1),
    "2-d grouped": ((2, 4, 6, 5), (6, 2, 3, 2), (1, 2), ((1, 0), (0, 1)), (1, 1), 2),
    "2-d tiles": ((2, 8, 4, 4), (8, 8, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "depthwise": ((1, 4, 5, 5), (4, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 4),
    "3-d": ((1, 2, 4, 3, 4), (3, 2, 2, 2, 2), (1, 1, 2), ((0, 0), (1, 0), (0, 0)), (1, 2, 1), 1),
    "rows left over": ((1, 2, 6, 5), (2, 2, 2, 2), (3, 2), ((0, 0), (0, 0)), (1, 1), 1),
    "no batch": ((0, 2, 4), (3, 2, 2), (1,), ((0, 0),), (1,), 1),
}
for name, (xs, ws, *options) in CONVOLUTIONS.items():

    def conv(draw, dtype, xs=xs, ws=ws, options=options):
        return draw(*xs), draw(*ws), draw(ws[0]), *options

    def conv_dx(draw, dtype, xs=xs, ws=ws, options=options):
        x, w = draw(*xs), draw(*ws)
        return draw(*reference.conv(x, w, None, *options).shape), w, xs, *options

    def conv_dw(draw, dtype, xs=xs, ws=ws, options=options):
        x, w = draw(*xs), draw(*ws)
        return draw(*reference.conv(x, w, None, *options).shape), x, ws, *options

    add("conv", name, conv)
    add("conv_input_gradient", name, conv_dx)
    add("conv_weight_gradient", name, conv_dw)
add("conv", "no bias", lambda draw, dtype: (draw(1, 2, 5), draw(3, 2, 2), None, (1,), ((0, 0),), (1,), 1))
POOLS = {  # x, kernel, stride, padding, dilation, out
    "1-d": ((2, 2, 7), (3,), (2,), ((1, 1),), (1,), (4,)),
    "dilated": ((1, 2, 5, 6), (2, 3), (2, 1), ((1, 0), (0, 1)), (1, 2), (3, 3)),
    "3-d": ((1, 1, 4, 4, 4), (2, 2, 2), (2, 2, 1), ((0, 0),) * 3, (1, 1, 1), (2, 2, 3)),
    "adaptive": ((2, 1, 5, 7), None, None, None, None, (3, 2)),
    "overhanging": ((1, 1, 5), (2,), (2,), ((0, 0),), (1,), (3,)),
    "one": ((1, 1, 1), (1,), (1,), ((0, 0),), (1,), (1,)),
    "no batch": ((0, 1, 4), (2,), (2,), ((0, 0),), (1,), (2,)),
}
for kind in ("max", "average"):
    for name, (xs, *geometry, out) in POOLS.items():
        for counted in (False, True):

            def pool(draw, dtype, a=(kind, xs, geometry, out, counted)):
                kind, xs, geometry, out, counted = a
                return kind, draw(*xs), *geometry, out, counted

            def pool_back(draw, dtype, pool=pool):
                kind, x, *geometry, out, counted = pool(draw, dtype)
                y, index = reference.pool(kind, x, *geometry, out, counted)
                return kind, draw(*y.shape), index, x.shape, *geometry, counted

            add("pool", f"{kind} {name} {counted}", pool)
            add("pool_backward", f"{kind} {name} {counted}", pool_back)
add("pool", "NaN and ties", lambda draw, dtype: (
    "max", np.array([[[1, 1, np.nan, 2, np.nan]]], dtype), (3,), (1,), ((0, 0),), (1,), (3,), False))  # fmt: skip
NORMS = {  # x, across_batch, center
    "batch": ((4, 3, 1, 5), True, True), "batch, one position": ((6, 3, 1, 1), True, True),
    "layer": ((5, 1, 7, 1), False, True), "group": ((2, 2, 3, 4), False, True), "RMS": ((3, 1, 6, 1), False, False),
    "instance": ((2, 3, 1, 5), False, True), "one": ((1, 1, 1, 1), False, True),
}  # fmt: skip
for name, (shape, across, center) in NORMS.items():
    for weighted in (False, True):

        def norm(draw, dtype, a=(shape, across, center, weighted)):
            shape, across, center, weighted = a
            width = shape[1] * shape[2]
            weight, bias = (draw(width), draw(width)) if weighted else (None, None)
            return draw(*shape), weight, bias, 1e-3, across, center

        def norm_back(draw, dtype, norm=norm):
            x, weight, bias, eps, across, center = norm(draw, dtype)
            _, mean, rstd = reference.normalize(x, weight, bias, eps, across, center)
            return draw(*x.shape), x, weight, mean, rstd, across, center

        add("normalize", f"{name} {weighted}", norm)
        add("normalize_backward", f"{name} {weighted}", norm_back)
add("normalize", "weight only", lambda draw, dtype: (draw(2, 1, 3, 1), draw(3), None, 1e-3, False, True))

# ── recurrence: T 3, B 3, D 4, H 2 ───────────────────────────────────────────────────────────────
LENGTHS = {"full": None, "lengths": np.array([3, 1, 2]), "an empty sequence": np.array([0, 3, 1])}
for name, lengths in LENGTHS.items():
    for reverse in (False, True):

        def lstm(draw, dtype, a=(lengths, reverse)):
            return draw(3, 3, 4), draw(8, 4), draw(8, 2), draw(8), draw(3, 2), draw(3, 2), *a

        def lstm_back(draw, dtype, lstm=lstm):
            x, w_ih, w_hh, bias, h0, c0, *a = lstm(draw, dtype)
            hs, h, c, gates, cells = reference.lstm(x, w_ih, w_hh, bias, h0, c0, *a)
            return draw(3, 3, 2), draw(3, 2), draw(3, 2), x, w_ih, w_hh, h0, c0, hs, gates, cells, *a

        def gru(draw, dtype, a=(lengths, reverse)):
            return draw(3, 3, 4), draw(6, 4), draw(6, 2), draw(6), draw(6), draw(3, 2), *a

        def gru_back(draw, dtype, gru=gru):
            x, w_ih, w_hh, b_ih, b_hh, h0, *a = gru(draw, dtype)
            hs, h, gates = reference.gru(x, w_ih, w_hh, b_ih, b_hh, h0, *a)
            return draw(3, 3, 2), draw(3, 2), x, w_ih, w_hh, h0, hs, gates, *a

        for kernel, build in (("lstm", lstm), ("lstm_backward", lstm_back), ("gru", gru), ("gru_backward", gru_back)):
            add(kernel, f"{name} {reverse}", build)
add("lstm_cell", "odd", lambda draw, dtype: (draw(3, 8), draw(3, 2)))
add("lstm_cell_backward", "odd", lambda draw, dtype: tuple(draw(3, n) for n in (2, 2, 8, 2, 2)))
add("gru_cell", "odd", lambda draw, dtype: (draw(3, 6), draw(3, 6), draw(3, 2)))
add("gru_cell_backward", "odd", lambda draw, dtype: (draw(3, 2), draw(3, 8), draw(3, 2)))

# ── similarity, random numbers ───────────────────────────────────────────────────────────────────
@case("l2_normalize", "a zero row")
def _(draw, dtype):
    x = draw(4, 5)
    x[2] = 0
    return x, 1e-6


add("l2_normalize", "empty", lambda draw, dtype: (draw(0, 5), 1e-6))


@case("l2_normalize_backward", "some below eps")
def _(draw, dtype):
    y, norm = reference.l2_normalize(draw(5, 4), 2.0)
    assert (norm < 2).any() and (norm > 2).any()
    return draw(5, 4), y, norm, 2.0


def search(draw, dtype, n, k, normalized):
    database = draw(n, 4)
    database[2] = 0
    database[n - 1] = database[0]
    return draw(3, 4), database, k, normalized


for n, k, normalized in ((7, 3, True), (40, 5, False), (19, 19, False)):
    add("cosine_topk", f"{n} {k} {normalized}", functools.partial(search, n=n, k=k, normalized=normalized))
for count, seed, offset in ((10, 5, 3), (1, 2**64 - 3, 0), (0, 1, 1), (9, 1, 2**34 - 2)):
    add("random_bits", f"{count} {seed} {offset}", lambda draw, dtype, a=(count, seed, offset): a)
for shape, p, seed, offset in (((3, 5), 0.4, 7, 3), ((), 0.5, 1, 0), ((0,), 0.5, 1, 0), ((4,), 1.0, 1, 0), ((4,), 0.0, 1, 5)):
    add("dropout", f"{shape} {p}", lambda draw, dtype, a=(shape, p, seed, offset): (draw(*a[0]), *a[1:]))

# ── optimizers ───────────────────────────────────────────────────────────────────────────────────
SGD = {
    "plain": (False, 0.1, 0.0, 0.0, 0.0, False, True), "decay": (False, 0.1, 0.0, 0.0, 0.3, False, False),
    "first": (True, 0.1, 0.9, 0.1, 0.3, False, True), "nesterov": (True, 0.1, 0.9, 0.0, 0.3, True, False),
    "dampening": (True, 0.1, 0.9, 0.4, 0.0, False, False),
}  # fmt: skip
for name, (buffered, *options) in SGD.items():
    add("sgd_step", name, lambda draw, dtype, a=(buffered, options): (
        draw(3, 4), draw(3, 4), draw(3, 4) if a[0] else None, *a[1]))  # fmt: skip
for decoupled in (False, True):
    add("adam_step", f"{decoupled}", lambda draw, dtype, d=decoupled: (
        draw(3, 4), draw(3, 4), draw(3, 4), np.abs(draw(3, 4)), 0.1, 0.9, 0.99, 1e-8, 0.3, d, 3))  # fmt: skip
add("adagrad_step", "decay", lambda draw, dtype: (draw(3, 4), draw(3, 4), np.abs(draw(3, 4)), 0.1, 1e-8, 0.3))
for limit in (0.5, 1e3):
    add("clip_global_norm", f"{limit}", lambda draw, dtype, limit=limit: ([draw(3, 4), draw(17), draw()], limit))
add("clip_global_norm", "not finite", lambda draw, dtype: ([draw(3), np.array([np.inf, 1], dtype)], 0.5))
add("clip_global_norm", "nothing", lambda draw, dtype: ([], 0.5))
add("clip_global_norm", "an empty one", lambda draw, dtype: ([draw(0, 2), draw(3)], 0.5))
