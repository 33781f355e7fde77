"""Cases: elementwise, reductions, layout, indexing."""

import numpy as np
from cuda_cases import add, reference

from mmscratch.kernels.interface import FORMULAS


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
    "0-d": ((), (), False),
    "all": ((3, 5), (0, 1), False),
    "one": ((1, 1), (1,), True),
    "row": ((3, 7), (1,), False),
    "long row": ((2, 50), (1,), True),
    "column": ((21, 3), (0,), False),
    "two of three": ((3, 4, 5), (0, 2), True),
    "middle": ((2, 9, 3), (1,), False),
    "no axis": ((2, 3), (), False),
    "no rows": ((0, 3), (1,), False),
}
for kind in ("sum", "max", "min", "prod"):
    for name, (shape, axes, keepdims) in REDUCED.items():
        add(
            "reduce",
            f"{kind} {name}",
            lambda draw, dtype, a=(kind, shape, axes, keepdims): (a[0], draw(*a[1]), *a[2:]),
        )
    add(
        "reduce",
        f"{kind} integers",
        lambda draw, dtype, kind=kind: (kind, np.arange(1, 9).reshape(2, 4), (0,), False),
    )
for kind in ("max", "min"):
    add(
        "reduce",
        f"{kind} NaN",
        lambda draw, dtype, kind=kind: (kind, np.array([1, np.nan, 3] * 7, dtype), (0,), False),
    )
    for shape, axis in [((5,), 0), ((2, 30), 1), ((7, 3), 0), ((2, 4, 3), 1), ((1,), 0)]:
        add(
            "argreduce",
            f"{kind} {shape} {axis}",
            lambda draw, dtype, a=(kind, shape, axis): (a[0], draw(*a[1]), a[2]),
        )
    add("argreduce", f"{kind} ties", lambda draw, dtype, kind=kind: (kind, draw(3, 20).round(), 1))
    add(
        "argreduce",
        f"{kind} NaN",
        lambda draw, dtype, kind=kind: (kind, np.array([1, np.nan, 3, np.nan] * 4, dtype), 0),
    )
for name, (shape, axes, _) in REDUCED.items():

    def shares(draw, dtype, a=(shape, axes)):
        x = draw(*a[0]).round()
        y = reference.reduce("max", x, a[1], True) if x.size else np.empty((0, 1), dtype)
        return draw(*y.shape), x, y, a[1]

    add("extreme_backward", name, shares)
add("reduce", "sum nothing", lambda draw, dtype: ("sum", draw(0, 3), (0,), False))
add("reduce", "prod nothing", lambda draw, dtype: ("prod", draw(0, 3), (0, 1), True))
add("reduce", "sum bools", lambda draw, dtype: ("sum", draw(3, 4) > 0, (1,), False))
add("reduce", "max bools", lambda draw, dtype: ("max", draw(3, 4) > 0, (1,), False))
for kind in ("sum", "prod"):
    for shape, axis in [((5,), 0), ((3, 11), 1), ((7, 3), 0), ((2, 4, 3), 1), ((0, 2), 0), ((1,), 0)]:
        for exclusive in (False, True):
            for reverse in (False, True):
                options = (kind, shape, axis, exclusive, reverse)
                add(
                    "scan",
                    " ".join(map(str, options)),
                    lambda draw, dtype, a=options: (a[0], draw(*a[1]), *a[2:]),
                )
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
add("take_add", "numbers", lambda draw, dtype: (draw(2, 3), INDEX, 5))
add(
    "take_add",
    "a crowded row",
    lambda draw, dtype: (draw(21, 3), np.where(draw(21) > -0.5, 6, draw.rng.integers(0, 9, 21)), 9),
)
add("take_add", "empty", lambda draw, dtype: (draw(0, 2), np.zeros((0,), np.int64), 3))
for axis, other in ((0, (5, 3)), (1, (2, 5))):
    add("take_along", f"axis {axis}", lambda draw, dtype, a=(axis, other): (draw(*a[1]), INDEX, a[0]))
    add("take_along_add", f"axis {axis}", lambda draw, dtype, a=axis: (draw(2, 3), INDEX, a, 5))
