"""Rows of reductions and scans."""

import functools

import numpy
from table import EMPTY, SHAPES, Row, apart, mask, of, positive, real, whole

from mmscratch import ops


def axes_of(op, twin, make=real, shapes=SHAPES, empty=True, **options):
    """Rows for a reduction: over everything, one axis, several, kept or not."""
    plain = of(shapes, make)
    with_axis = [c for c in plain if c[0] != "0-d"]
    deep = [("three axes", make(2, 3, 4))] + ([("large", make(11, 31, 131))] if "large" in shapes else [])
    function = getattr(ops, op)
    every = of(EMPTY, make) if empty else []
    last = of({"empty, another axis": (0, 3)}, make)
    return [
        Row(op, function, lambda np, x: twin(np, x), plain + every, **options),
        Row(
            op,
            lambda x: function(x, keepdims=True),
            lambda np, x: twin(np, x, keepdims=True),
            plain,
            **options,
        ),
        Row(
            op,
            lambda x: function(x, axis=-1),
            lambda np, x: twin(np, x, axis=-1),
            with_axis + last,
            **options,
        ),
        Row(
            op,
            lambda x: function(x, axis=0, keepdims=True),
            lambda np, x: twin(np, x, axis=0, keepdims=True),
            with_axis + every,
            **options,
        ),
        Row(op, lambda x: function(x, axis=(0, -1)), lambda np, x: twin(np, x, axis=(0, 2)), deep, **options),
    ]


def named(name):
    return lambda np, x, **axes: getattr(np, name)(x, **axes)


def spread(name, correction):
    return lambda np, x, **axes: getattr(np, name)(x, ddof=correction, **axes)


def logsumexp(np, x, **axes):
    return np.log(np.sum(np.exp(x), **axes))


def p_norm(p):
    if p == numpy.inf:
        return lambda np, x, **axes: np.max(np.abs(x), **axes)
    return lambda np, x, **axes: np.sum(np.abs(x) ** p, **axes) ** (1 / p)


SEVERAL = {"one": (2,), "odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)}
LEVEL = {"smooth": False}

REDUCTION = [
    *axes_of("sum", named("sum")),
    Row(
        "sum", ops.sum, lambda np, x: np.sum(x), [("bools", mask(3, 5)), ("ints", whole(3, 5))], smooth=False
    ),
    *axes_of("mean", named("mean"), empty=False),
    *axes_of("max", named("max"), apart, empty=False),
    *axes_of("min", named("min"), apart, empty=False),
    Row(
        "max",
        lambda x: ops.max(x, axis=1),
        lambda np, x: np.max(x, axis=1),
        [("ints", whole(3, 5))],
        smooth=False,
    ),
    *axes_of(
        "prod",
        named("prod"),
        positive,
        {k: v for k, v in SHAPES.items() if k != "large"} | {"long": (2, 40)},
        rtol32=1e-3,
    ),
    *(
        Row(
            name,
            functools.partial(getattr(ops, name), correction=c),
            lambda np, x, n=name, c=c: spread(n, c)(np, x),
            of(SEVERAL),
        )
        for name in ("var", "std")
        for c in (0, 1)
    ),
    *(
        Row(
            name,
            functools.partial(getattr(ops, name), axis=(0, 2), keepdims=k),
            lambda np, x, n=name, k=k: spread(n, 1)(np, x, axis=(0, 2), keepdims=k),
            [("three axes", real(2, 3, 4)), ("large", real(11, 31, 131))],
        )
        for name in ("var", "std")
        for k in (True, False)
    ),
    *(
        Row(
            name,
            functools.partial(getattr(ops, name), axis=1),
            lambda np, x, n=name: spread(n, 1)(np, x, axis=1),
            of({"odd": (3, 5), "three axes": (2, 3, 4), "empty": (0, 3), "large": (31, 131)}),
        )
        for name in ("var", "std")
    ),
    *axes_of("logsumexp", logsumexp, empty=False),
    *axes_of("norm", p_norm(2), apart, hips=False),
    *(
        Row(
            "norm",
            functools.partial(ops.norm, p=p),
            lambda np, x, p=p: p_norm(p)(np, x),
            of(SHAPES, apart),
            hips=False,
        )
        for p in (1, 3, numpy.inf)
    ),
    *(
        Row(
            "norm",
            functools.partial(ops.norm, p=p, axis=1),
            lambda np, x, p=p: p_norm(p)(np, x, axis=1),
            of({"odd": (3, 5), "three axes": (2, 3, 4), "large": (31, 131)}, apart),
            hips=False,
        )
        for p in (1, 1.5, numpy.inf)
    ),
    *(
        Row(
            name,
            getattr(ops, name),
            lambda np, x, n=name: np.asarray(getattr(np, n)(x)),
            of(SHAPES, apart),
            **LEVEL,
        )
        for name in ("argmax", "argmin")
    ),
    *(
        Row(
            name,
            functools.partial(getattr(ops, name), axis=axis, keepdims=k),
            lambda np, x, n=name, axis=axis, k=k: getattr(np, n)(x, axis=axis, keepdims=k),
            of({"odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)}, apart),
            **LEVEL,
        )
        for name in ("argmax", "argmin")
        for axis in (0, -1)
        for k in (False, True)
    ),
    *(
        Row(
            name,
            functools.partial(getattr(ops, name), axis=axis),
            lambda np, x, n=name, axis=axis: getattr(np, n)(x, axis=axis),
            of({"odd": (3, 5), "three axes": (2, 3, 4), "empty": (0, 3), "large": (301, 131)}, make),
            **LEVEL,
        )
        for name in ("all", "any")
        for axis in (None, 0, -1)
        for make in (mask, whole)
    ),
]

LINES = {
    "one": (1,),
    "row": (6,),
    "odd": (3, 5),
    "three axes": (2, 3, 4),
    "empty": (0, 3),
    "large": (301, 131),
}


def scanned(name, axis, exclusive, reverse):
    """A running sum or product, by NumPy."""

    def twin(np, x):
        x = np.swapaxes(x, axis, -1)
        x = x[..., ::-1] if reverse else x
        if exclusive:
            first = np.ones(x.shape[:-1] + (1,)) * (1.0 if name == "cumprod" else 0.0)
            x = np.concatenate([first, x], axis=-1)[..., : x.shape[-1]]
        y = getattr(np, name)(x, axis=-1)
        return np.swapaxes(y[..., ::-1] if reverse else y, axis, -1)

    return twin


def with_zeros(*shape):
    def make(rng, dtype):
        return (rng.uniform(0.4, 1.4, shape) * (rng.random(shape) > 0.3)).astype(dtype)

    return make


def sorted_along(axis, k, largest):
    def twin(np, x):
        order = numpy.argsort(-x if largest else x, axis=axis, kind="stable") if np is numpy else None
        index = numpy.take(order, range(k), axis=axis)
        return numpy.take_along_axis(x, index, axis=axis), index

    return twin


SCAN = [
    *(
        Row(
            "cumsum",
            functools.partial(ops.cumsum, axis=axis, exclusive=e, reverse=r),
            scanned("cumsum", axis, e, r),
            of(LINES if axis else {k: v for k, v in LINES.items() if k != "empty"}),
        )
        for axis in (0, -1)
        for e in (False, True)
        for r in (False, True)
    ),
    *(
        Row(
            "cumprod",
            functools.partial(ops.cumprod, axis=axis, exclusive=e, reverse=r),
            scanned("cumprod", axis, e, r),
            of({"one": (1,), "row": (6,), "odd": (3, 5), "three axes": (2, 3, 4), "long": (9, 40)}, make),
            hips=False,
        )
        for axis in (0, -1)
        for e in (False, True)
        for r in (False, True)
        for make in (positive, with_zeros)
    ),
    *(
        Row(
            "topk",
            functools.partial(ops.topk, k=k, axis=axis, largest=largest),
            sorted_along(axis, k, largest),
            of({"odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)}, apart),
            hips=False,
        )
        for k in (0, 1, 2)
        for axis in (1, -1)
        for largest in (True, False)
    ),
    *(
        Row(
            "topk",
            functools.partial(ops.topk, k=2, axis=0),
            sorted_along(0, 2, True),
            of({"ties": (9, 4)}, whole),
            hips=False,
            smooth=False,
        )
        for _ in (0,)
    ),
    *(
        Row(
            "sort",
            functools.partial(ops.sort, descending=d),
            lambda np, x, d=d: sorted_along(-1, x.shape[-1], d)(np, x),
            of(LINES, apart),
            hips=False,
        )
        for d in (False, True)
    ),
]

ROWS = REDUCTION + SCAN
