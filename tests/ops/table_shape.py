"""Rows of reductions, scans, shapes, indexing and linear algebra."""

import functools

import numpy
from table import Row, apart, mask, positive, real, whole

from mmscratch import ops

SHAPES = {"0-d": (), "one": (1,), "odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)}
EMPTY = {"empty": (0, 3)}


def of(shapes, make=real):
    return [(name, make(*shape)) for name, shape in shapes.items()]


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
        Row(op, lambda x: function(x, keepdims=True), lambda np, x: twin(np, x, keepdims=True), plain, **options),
        Row(op, lambda x: function(x, axis=-1), lambda np, x: twin(np, x, axis=-1), with_axis + last, **options),
        Row(op, lambda x: function(x, axis=0, keepdims=True), lambda np, x: twin(np, x, axis=0, keepdims=True),
            with_axis + every, **options),
        Row(op, lambda x: function(x, axis=(0, -1)), lambda np, x: twin(np, x, axis=(0, 2)), deep, **options),
    ]  # fmt: skip


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
    Row("sum", ops.sum, lambda np, x: np.sum(x), [("bools", mask(3, 5)), ("ints", whole(3, 5))], smooth=False),
    *axes_of("mean", named("mean"), empty=False),
    *axes_of("max", named("max"), apart, empty=False),
    *axes_of("min", named("min"), apart, empty=False),
    Row("max", lambda x: ops.max(x, axis=1), lambda np, x: np.max(x, axis=1), [("ints", whole(3, 5))], smooth=False),
    *axes_of("prod", named("prod"), positive, {k: v for k, v in SHAPES.items() if k != "large"} | {"long": (2, 40)},
             rtol32=1e-3),
    *(Row(name, functools.partial(getattr(ops, name), correction=c), lambda np, x, n=name, c=c: spread(n, c)(np, x),
          of(SEVERAL)) for name in ("var", "std") for c in (0, 1)),
    *(Row(name, functools.partial(getattr(ops, name), axis=(0, 2), keepdims=k),
          lambda np, x, n=name, k=k: spread(n, 1)(np, x, axis=(0, 2), keepdims=k),
          [("three axes", real(2, 3, 4)), ("large", real(11, 31, 131))]) for name in ("var", "std") for k in (True, False)),
    *(Row(name, functools.partial(getattr(ops, name), axis=1), lambda np, x, n=name: spread(n, 1)(np, x, axis=1),
          of({"odd": (3, 5), "three axes": (2, 3, 4), "empty": (0, 3), "large": (31, 131)})) for name in ("var", "std")),
    *axes_of("logsumexp", logsumexp, empty=False),
    *axes_of("norm", p_norm(2), apart, hips=False),
    *(Row("norm", functools.partial(ops.norm, p=p), lambda np, x, p=p: p_norm(p)(np, x), of(SHAPES, apart), hips=False)
      for p in (1, 3, numpy.inf)),
    *(Row("norm", functools.partial(ops.norm, p=p, axis=1), lambda np, x, p=p: p_norm(p)(np, x, axis=1),
          of({"odd": (3, 5), "three axes": (2, 3, 4), "large": (31, 131)}, apart), hips=False) for p in (1, 1.5, numpy.inf)),
    *(Row(name, getattr(ops, name), lambda np, x, n=name: np.asarray(getattr(np, n)(x)), of(SHAPES, apart), **LEVEL)
      for name in ("argmax", "argmin")),
    *(Row(name, functools.partial(getattr(ops, name), axis=axis, keepdims=k),
          lambda np, x, n=name, axis=axis, k=k: getattr(np, n)(x, axis=axis, keepdims=k),
          of({"odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)}, apart), **LEVEL)
      for name in ("argmax", "argmin") for axis in (0, -1) for k in (False, True)),
    *(Row(name, functools.partial(getattr(ops, name), axis=axis),
          lambda np, x, n=name, axis=axis: getattr(np, n)(x, axis=axis),
          of({"odd": (3, 5), "three axes": (2, 3, 4), "empty": (0, 3), "large": (301, 131)}, make), **LEVEL)
      for name in ("all", "any") for axis in (None, 0, -1) for make in (mask, whole)),
]  # fmt: skip

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
    *(Row("cumsum", functools.partial(ops.cumsum, axis=axis, exclusive=e, reverse=r), scanned("cumsum", axis, e, r),
          of(LINES if axis else {k: v for k, v in LINES.items() if k != "empty"}))
      for axis in (0, -1) for e in (False, True) for r in (False, True)),
    *(Row("cumprod", functools.partial(ops.cumprod, axis=axis, exclusive=e, reverse=r), scanned("cumprod", axis, e, r),
          of({"one": (1,), "row": (6,), "odd": (3, 5), "three axes": (2, 3, 4), "long": (9, 40)}, make), hips=False)
      for axis in (0, -1) for e in (False, True) for r in (False, True) for make in (positive, with_zeros)),
    *(Row("topk", functools.partial(ops.topk, k=k, axis=axis, largest=largest), sorted_along(axis, k, largest),
          of({"odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)}, apart), hips=False)
      for k in (0, 1, 2) for axis in (1, -1) for largest in (True, False)),
    *(Row("topk", functools.partial(ops.topk, k=2, axis=0), sorted_along(0, 2, True),
          of({"ties": (9, 4)}, whole), hips=False, smooth=False) for _ in (0,)),
    *(Row("sort", functools.partial(ops.sort, descending=d), lambda np, x, d=d: sorted_along(-1, x.shape[-1], d)(np, x),
          of(LINES, apart), hips=False) for d in (False, True)),
]  # fmt: skip


KEYS = [
    (1,), (-1,), (slice(None), 2), (slice(None, None, 2),), (slice(None, None, -1),), (slice(2, 0, -1), slice(1, 4)),
    (..., 0), (0, ...), (None,), (slice(None), None, 3), (..., None), (slice(5, 1),), (slice(-2, None), slice(None, -1)),
    ([0, 2, 2],), (slice(None), [1, -1]), ([0, 1], [2, 3]), (numpy.array([[0, 1], [2, 0]]),), (1, [0, 3]),
    (slice(None), numpy.array([[1], [2]])), (slice(1, 3), [0, 0, 4]), (),
]  # fmt: skip
DEEP_KEYS = [
    (slice(None), [0, 2], [1, 3]), ([0, 1], slice(None), [1, 3]), (..., [0, 1]), (0, ..., 1), (slice(None), 1, [0, 0]),
    (None, slice(None), [[0], [1]], [1, 2]), ([1, 0], 1), (..., slice(None, None, -2)),
]  # fmt: skip


def pads(mode, widths):
    names = {"constant": {"mode": "constant", "constant_values": 0.5}, "reflect": {"mode": "reflect"},
             "edge": {"mode": "edge"}}  # fmt: skip
    return lambda np, x: numpy.pad(x, widths, **names[mode])


SHAPE = [
    Row("reshape", lambda x: ops.reshape(x, shape=(5, 3)), lambda np, x: np.reshape(x, (5, 3)), [("odd", real(3, 5))]),
    Row("reshape", lambda x: ops.reshape(x, shape=(2, -1)), lambda np, x: np.reshape(x, (2, -1)),
        of({"three axes": (2, 3, 4), "large": (302, 131)})),
    Row("reshape", lambda x: ops.reshape(x, shape=()), lambda np, x: np.reshape(x, ()), [("one", real(1))]),
    Row("reshape", lambda x: ops.reshape(x, shape=(3, 0)), lambda np, x: np.reshape(x, (3, 0)), [("empty", real(0, 4))]),
    Row("flatten", ops.flatten, lambda np, x: np.reshape(x, (-1,)), of(SHAPES | EMPTY)),
    Row("flatten", lambda x: ops.flatten(x, start=1), lambda np, x: np.reshape(x, (x.shape[0], -1)),
        of({"odd": (3, 5), "three axes": (2, 3, 4)})),
    Row("squeeze", ops.squeeze, lambda np, x: np.squeeze(x), of({"odd": (1, 3, 1), "0-d": (), "one": (1, 1)})),
    Row("squeeze", lambda x: ops.squeeze(x, axis=0), lambda np, x: x[0], of({"odd": (1, 3, 1), "one": (1,)})),
    Row("unsqueeze", lambda x: ops.unsqueeze(x, axis=0), lambda np, x: x[None], of(SHAPES | EMPTY)),
    Row("unsqueeze", lambda x: ops.unsqueeze(x, axis=-1), lambda np, x: x[..., None], of(SHAPES | EMPTY)),
    Row("permute", lambda x: ops.permute(x, axes=(2, 0, -2)), lambda np, x: np.transpose(x, (2, 0, 1)),
        of({"three axes": (2, 3, 4), "empty": (2, 0, 3), "large": (31, 17, 64)})),
    Row("permute", lambda x: ops.permute(x, axes=(1, 0)), lambda np, x: np.transpose(x),
        of({"odd": (3, 5), "one": (1, 1), "empty": (0, 3), "large": (301, 131)})),
    Row("transpose", ops.transpose, lambda np, x: np.swapaxes(x, -1, -2),
        of({"odd": (3, 5), "three axes": (2, 3, 4), "empty": (0, 3), "large": (301, 131)})),
    Row("transpose", lambda x: ops.transpose(x, axis0=0, axis1=2), lambda np, x: np.swapaxes(x, 0, 2),
        of({"three axes": (2, 3, 4), "large": (31, 17, 64)})),
    Row("broadcast_to", lambda x: ops.broadcast_to(x, shape=(2, 3, 4)),
        lambda np, x: x * np.ones((2, 3, 4)),
        of({"0-d": (), "one": (1,), "odd": (3, 1), "row": (4,), "three axes": (2, 1, 1), "same": (2, 3, 4)})),
    Row("broadcast_to", lambda x: ops.broadcast_to(x, shape=(0, 3)), lambda np, x: x * np.ones((0, 3)),
        of({"empty": (1, 3)})),
    Row("flip", lambda x: ops.flip(x, axes=0), lambda np, x: np.flip(x, 0),
        of({"one": (1,), "row": (6,), "odd": (3, 5), "empty": (0, 3), "large": (301, 131)}), hips=False),
    Row("flip", lambda x: ops.flip(x, axes=(0, -1)), lambda np, x: np.flip(x, (0, -1)),
        of({"odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)}), hips=False),
    *(Row("roll", lambda x, s=s: ops.roll(x, shift=s, axis=-1), lambda np, x, s=s: np.roll(x, s, -1),
          of({"row": (6,), "odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)})) for s in (0, 1, -2, 9)),
    *(Row("tile", lambda x, r=r: ops.tile(x, repeats=r), lambda np, x, r=r: np.tile(x, r),
          of({"0-d": (), "row": (4,), "odd": (3, 5), "empty": (0, 3)}), hips=False) for r in (2, (2, 3), (2, 1, 2))),
    *(Row("concatenate", lambda a, b, axis=axis: ops.concatenate([a, b], axis=axis),
          lambda np, a, b, axis=axis: np.concatenate([a, b], axis=axis),
          [("odd", real(3, 5), real(3, 5)), ("three axes", real(2, 3, 4), real(2, 3, 4)),
           ("large", real(301, 131), real(301, 131))]) for axis in (0, 1, -1)),
    Row("concatenate", lambda a, b, c: ops.concatenate((a, b, c)), lambda np, a, b, c: np.concatenate((a, b, c)),
        [("empty", real(2, 3), real(0, 3), real(1, 3)), ("one", real(1), real(2), real(1))]),
    Row("concatenate", lambda a: ops.concatenate((a, a)), lambda np, a: np.concatenate((a, a)), of({"twice": (2, 3)})),
    *(Row("stack", lambda a, b, axis=axis: ops.stack([a, b], axis=axis),
          lambda np, a, b, axis=axis: np.stack([a, b], axis=axis),
          [("odd", real(3, 5), real(3, 5)), ("large", real(301, 131), real(301, 131)), ("one", real(1), real(1))])
      for axis in (0, 1, -1)),
    Row("stack", lambda a, b: ops.stack([a, b]), lambda np, a, b: np.stack([a, b]), [("0-d", real(), real())]),
    Row("split", lambda x: ops.split(x, sizes=(1, 3, 1), axis=1), lambda np, x: (x[:, :1], x[:, 1:4], x[:, 4:]),
        of({"odd": (3, 5), "empty": (0, 5), "large": (3001, 5)})),
    Row("split", lambda x: ops.split(x, sizes=2), lambda np, x: tuple(x[i : i + 2] for i in range(0, len(x), 2)),
        of({"odd": (5, 3), "row": (6,), "one": (1, 2)})),
    Row("split", lambda x: ops.split(x, sizes=2)[1], lambda np, x: x[2:4], of({"one piece used": (5, 3)})),
    Row("chunk", lambda x: ops.chunk(x, chunks=3), lambda np, x: tuple(x[i : i + 2] for i in range(0, len(x), 2)),
        of({"odd": (5, 3), "row": (6,)})),
    *(Row(name, lambda x, n=name, d=d: getattr(ops, n)(x, diagonal=d), lambda np, x, n=name, d=d: getattr(np, n)(x, d),
          of({"odd": (3, 5), "square": (4, 4), "one": (1, 1), "large": (301, 131)}))
      for name in ("tril", "triu") for d in (0, 1, -2)),
    Row("tril", ops.tril, lambda np, x: numpy.tril(x), of({"three axes": (2, 3, 4)}), hips=False),
    *(Row("pad", lambda x, m=m, w=w: ops.pad(x, pads=w, mode=m, value=0.5), pads(m, w),
          of({"odd": (3, 5), "large": (301, 131)}), hips=False)
      for m in ("constant", "reflect", "edge") for w in (((1, 2), (0, 1)), ((0, 0), (2, 4)), ((2, 2), (0, 0)))),
    Row("pad", lambda x: ops.pad(x, pads=((-1, 1), (2, -3))), lambda np, x: numpy.pad(x[1:, :2], ((0, 1), (2, 0))),
        of({"odd": (3, 5)}), hips=False),
    Row("pad", lambda x: ops.pad(x, pads=()), lambda np, x: x * 1.0, of({"0-d": ()})),
    Row("pad", lambda x: ops.pad(x, pads=((1, 1), (0, 0))), lambda np, x: numpy.pad(x, ((1, 1), (0, 0))),
        of({"empty": (0, 3)}), hips=False),
    *(Row("index", lambda x, key=key: ops.index(x, key=key), lambda np, x, key=key: x[key] * 1.0,
          of({"odd": (3, 5), "large": (301, 131)})) for key in KEYS),
    *(Row("index", lambda x, key=key: ops.index(x, key=key), lambda np, x, key=key: x[key] * 1.0,
          of({"three axes": (2, 3, 4), "large": (31, 17, 64)})) for key in DEEP_KEYS),
    Row("strided_slice", lambda x: ops.strided_slice(x, starts=(2, 1), steps=(-1, 2), sizes=(3, 2)),
        lambda np, x: x[::-1, 1::2][-3:][:3, :2] if x.shape[0] == 3 else x[2::-1, 1:5:2], of({"odd": (3, 5), "large": (301, 131)})),
]  # fmt: skip


def take_twin(axis):
    """Through a product with 0 and 1, so that HIPS differentiates it by a rule of another kind."""

    def twin(np, x, i):
        x = np.swapaxes(x, axis, -1)
        pick = (numpy.arange(x.shape[-1])[:, None] == (i.reshape(-1) % max(x.shape[-1], 1))[None]).astype(
            float
        )
        y = np.reshape(np.dot(x, pick), x.shape[:-1] + i.shape)
        n = i.ndim
        return (
            np.moveaxis(y, tuple(range(y.ndim - n, y.ndim)), tuple(range(axis, axis + n))) if axis == 0 else y
        )

    return twin


def one_hot(np, i, n):
    return (numpy.asarray(i)[..., None] == numpy.arange(n)).astype("int64")


INDEXING = [
    Row("take", ops.take, take_twin(0),
        [("row", real(4), whole(3)), ("odd", real(4, 2), whole(3)), ("matrix index", real(4, 2), whole(3, 2)),
         ("0-d index", real(4, 2), whole()), ("empty", real(4, 2), whole(0)), ("negative", real(4, 2), whole(5, low=-4)),
         ("large", real(401, 31), whole(500, high=401))]),
    Row("take", lambda x, i: ops.take(x, i, axis=1), lambda np, x, i: x[:, i],
        [("odd", real(3, 4), whole(5)), ("three axes", real(2, 4, 3), whole(2, 2)), ("large", real(31, 401), whole(50))]),
    Row("take", lambda x: ops.take(x, [2, 0, 2], axis=-1), lambda np, x: x[..., [2, 0, 2]], [("a list", real(2, 3))]),
    *(Row("take_along", lambda x, i, a=a: ops.take_along(x, i, axis=a),
          lambda np, x, i, a=a: numpy.take_along_axis(x, i, a),
          [("odd", real(4, 4), whole(4, 4)), ("negative", real(4, 4), whole(4, 4, low=-4)),
           ("large", real(101, 101), whole(101, 101, high=101))], hips=False) for a in (0, 1, -1)),
    Row("take_along", lambda x, i: ops.take_along(x, i, axis=1), lambda np, x, i: numpy.take_along_axis(x, i, 1),
        [("shorter", real(3, 4), whole(3, 2)), ("longer", real(3, 4), whole(3, 6)), ("empty", real(3, 4), whole(3, 0)),
         ("three axes", real(2, 4, 3), whole(2, 1, 3))], hips=False),
    *(Row("scatter_add", lambda x, i, s, a=a: ops.scatter_add(x, i, s, axis=a),
          lambda np, x, i, s, a=a: added(x, i, s, a),
          [("odd", real(4, 4), whole(4, 4), real(4, 4)), ("three axes", real(4, 4, 2), whole(4, 4, 2), real(4, 4, 2)),
           ("large", real(101, 101), whole(101, 101, high=101), real(101, 101))], hips=False) for a in (0, 1)),
    Row("scatter_add", lambda x, i, s: ops.scatter_add(x, i, s, axis=1), lambda np, x, i, s: added(x, i, s, 1),
        [("shorter", real(3, 4), whole(3, 2), real(3, 2)), ("longer", real(3, 4), whole(3, 6), real(3, 6))], hips=False),
    Row("index_add", ops.index_add, lambda np, x, i, s: x + np.dot(one_hot(np, i, x.shape[0]).T.astype(float), s),
        [("row", real(4), whole(6), real(6)), ("odd", real(4, 3), whole(6), real(6, 3)),
         ("empty", real(4, 3), whole(0), real(0, 3)), ("large", real(101, 31), whole(400, high=101), real(400, 31))]),
    Row("one_hot", lambda i: ops.one_hot(i, num_classes=5), lambda np, i: one_hot(np, i, 5),
        [("0-d", whole()), ("row", whole(6)), ("odd", whole(3, 5)), ("empty", whole(0, 3)), ("large", whole(301, 31))],
        smooth=False),
    Row("embedding", ops.embedding, take_twin(0),
        [("odd", real(4, 3), whole(5)), ("matrix index", real(4, 3), whole(2, 3)), ("0-d", real(4, 3), whole()),
         ("empty", real(4, 3), whole(0, 2)), ("large", real(401, 31), whole(20, 30, high=401))]),
    Row("embedding", lambda w, i: ops.where(ops.cast(ops.unsqueeze(ops.equal(i, 1), axis=-1), dtype="bool"), 0.0,
                                            ops.embedding(w, i, padding_idx=1)),
        lambda np, w, i: np.where((i == 1)[..., None], 0.0, w[i]), [("padding", real(4, 3), whole(2, 5))]),
]  # fmt: skip


def added(x, i, s, axis):
    y = x.copy()
    places = list(numpy.indices(i.shape, sparse=True))
    places[axis] = i
    numpy.add.at(y, tuple(places), s)
    return y


PAIRS = [
    ("vectors", real(5), real(5)), ("row by matrix", real(5), real(5, 3)), ("matrix by column", real(2, 5), real(5)),
    ("odd", real(3, 5), real(5, 2)), ("one", real(1, 1), real(1, 1)), ("batched", real(2, 3, 4), real(2, 4, 2)),
    ("batch by matrix", real(2, 3, 4), real(4, 2)), ("matrix by batch", real(3, 4), real(2, 4, 2)),
    ("broadcast batches", real(2, 1, 2, 3), real(3, 3, 2)), ("batch by column", real(2, 3, 4), real(4)),
    ("row by batch", real(4), real(2, 4, 3)), ("large", real(131, 70), real(70, 90)),
    ("large batch", real(5, 64, 33), real(5, 33, 40)),
]  # fmt: skip
EMPTY_PAIRS = [("no rows", real(0, 3), real(3, 2)), ("no columns", real(2, 3), real(3, 0)), ("nothing inside", real(2, 0),
               real(0, 3)), ("no batch", real(0, 2, 3), real(3, 4))]  # fmt: skip

EQUATIONS = [
    ("ij,jk->ik", (3, 4), (4, 2)), ("bqd,bkd->bqk", (2, 3, 4), (2, 2, 4)), ("ij,jk", (3, 4), (4, 2)), ("ij->ji", (3, 4)),
    ("ij->", (3, 4)), ("ij->j", (3, 4)), ("ii->i", (4, 4)), ("ii", (4, 4)), ("bii->bi", (2, 3, 3)), ("i,j->ij", (3,), (4,)),
    ("ij,ij->ij", (3, 4), (3, 4)), ("ij,ij->", (3, 4), (3, 4)), ("...ij,...jk->...ik", (2, 3, 4), (4, 2)),
    ("...,...->...", (2, 3), (2, 3)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)), ("bhqd,bhkd->bhqk", (1, 2, 3, 2), (1, 2, 2, 2)),
    ("...i->...", (2, 3, 4)), ("ij,k->ikj", (2, 3), (2,)), ("i...,i...->...", (3, 2), (3, 2)), ("iij->j", (3, 3, 2)),
    ("ba,ca", (2, 3), (4, 3)), ("ij,ji->", (2, 3), (3, 2)), (",ij->ij", (), (2, 3)),
]  # fmt: skip

LINEAR = [
    Row("matmul", ops.matmul, lambda np, a, b: np.matmul(a, b), PAIRS),
    Row("matmul", ops.matmul, lambda np, a, b: np.matmul(a, b), EMPTY_PAIRS, hips=False),
    Row("linear", ops.linear, lambda np, x, w: np.matmul(x, w.T),
        [("row", real(4), real(3, 4)), ("odd", real(2, 4), real(3, 4)), ("three axes", real(2, 3, 4), real(2, 4)),
         ("one", real(1, 1), real(1, 1)), ("large", real(200, 70), real(90, 70))]),
    Row("linear", ops.linear, lambda np, x, w, b: np.matmul(x, w.T) + b,
        [("row", real(4), real(3, 4), real(3)), ("odd", real(2, 4), real(3, 4), real(3)),
         ("three axes", real(2, 3, 4), real(2, 4), real(2)), ("large", real(20, 30, 70), real(90, 70), real(90))]),
    Row("linear", ops.linear, lambda np, x, w, b: numpy.matmul(x, w.T) + b,
        [("empty", real(0, 4), real(3, 4), real(3))], hips=False),
    Row("bilinear", ops.bilinear, lambda np, a, b, w, c: np.einsum("nd,kdh,nh->nk", a, w, b) + c,
        [("odd", real(3, 2), real(3, 4), real(2, 2, 4), real(2)), ("large", real(40, 21), real(40, 34), real(5, 21, 34),
         real(5))], rtol32=1e-4),
    Row("bilinear", ops.bilinear, lambda np, a, b, w: np.einsum("d,kdh,h->k", a, w, b), [("row", real(2), real(4), real(2, 2, 4))]),
    Row("dot", ops.dot, lambda np, a, b: np.dot(a, b), [("row", real(5), real(5)), ("one", real(1), real(1)),
                                                        ("large", real(5000), real(5000))]),
    Row("outer", ops.outer, lambda np, a, b: np.outer(a, b), [("row", real(5), real(3)), ("one", real(1), real(1)),
                                                              ("large", real(300), real(200))]),
    *(Row("einsum", functools.partial(ops.einsum, e), lambda np, *x, e=e: np.asarray(np.einsum(e, *x)) if np is numpy
          else np.einsum(e, *x), [(e, *(real(*s) for s in shapes))], hips=e not in ("ii->i", "ii", "bii->bi", "iij->j"))
      for e, *shapes in EQUATIONS),
    Row("einsum", functools.partial(ops.einsum, "nqhd,nkhd->nhqk"), lambda np, a, b: np.einsum("nqhd,nkhd->nhqk", a, b),
        [("large", real(4, 30, 4, 16), real(4, 40, 4, 16)), ("odd", real(1, 2, 3, 2), real(1, 3, 3, 2))]),
]  # fmt: skip

ROWS = REDUCTION + SCAN + SHAPE + INDEXING + LINEAR
