"""Rows of shapes: joining, cutting, padding, slicing."""

import numpy
from table import EMPTY, SHAPES, Row, of, real

from mmscratch import ops

KEYS = [
    (1,),
    (-1,),
    (slice(None), 2),
    (slice(None, None, 2),),
    (slice(None, None, -1),),
    (slice(2, 0, -1), slice(1, 4)),
    (..., 0),
    (0, ...),
    (None,),
    (slice(None), None, 3),
    (..., None),
    (slice(5, 1),),
    (slice(-2, None), slice(None, -1)),
    ([0, 2, 2],),
    (slice(None), [1, -1]),
    ([0, 1], [2, 3]),
    (numpy.array([[0, 1], [2, 0]]),),
    (1, [0, 3]),
    (slice(None), numpy.array([[1], [2]])),
    (slice(1, 3), [0, 0, 4]),
    (),
]
DEEP_KEYS = [
    (slice(None), [0, 2], [1, 3]),
    ([0, 1], slice(None), [1, 3]),
    (..., [0, 1]),
    (0, ..., 1),
    (slice(None), 1, [0, 0]),
    (None, slice(None), [[0], [1]], [1, 2]),
    ([1, 0], 1),
    (..., slice(None, None, -2)),
]


def pads(mode, widths):
    names = {
        "constant": {"mode": "constant", "constant_values": 0.5},
        "reflect": {"mode": "reflect"},
        "edge": {"mode": "edge"},
    }
    return lambda np, x: numpy.pad(x, widths, **names[mode])


ROWS = [
    Row(
        "reshape",
        lambda x: ops.reshape(x, shape=(5, 3)),
        lambda np, x: np.reshape(x, (5, 3)),
        [("odd", real(3, 5))],
    ),
    Row(
        "reshape",
        lambda x: ops.reshape(x, shape=(2, -1)),
        lambda np, x: np.reshape(x, (2, -1)),
        of({"three axes": (2, 3, 4), "large": (302, 131)}),
    ),
    Row("reshape", lambda x: ops.reshape(x, shape=()), lambda np, x: np.reshape(x, ()), [("one", real(1))]),
    Row(
        "reshape",
        lambda x: ops.reshape(x, shape=(3, 0)),
        lambda np, x: np.reshape(x, (3, 0)),
        [("empty", real(0, 4))],
    ),
    Row("flatten", ops.flatten, lambda np, x: np.reshape(x, (-1,)), of(SHAPES | EMPTY)),
    Row(
        "flatten",
        lambda x: ops.flatten(x, start=1),
        lambda np, x: np.reshape(x, (x.shape[0], -1)),
        of({"odd": (3, 5), "three axes": (2, 3, 4)}),
    ),
    Row(
        "squeeze", ops.squeeze, lambda np, x: np.squeeze(x), of({"odd": (1, 3, 1), "0-d": (), "one": (1, 1)})
    ),
    Row("squeeze", lambda x: ops.squeeze(x, axis=0), lambda np, x: x[0], of({"odd": (1, 3, 1), "one": (1,)})),
    Row("unsqueeze", lambda x: ops.unsqueeze(x, axis=0), lambda np, x: x[None], of(SHAPES | EMPTY)),
    Row("unsqueeze", lambda x: ops.unsqueeze(x, axis=-1), lambda np, x: x[..., None], of(SHAPES | EMPTY)),
    Row(
        "permute",
        lambda x: ops.permute(x, axes=(2, 0, -2)),
        lambda np, x: np.transpose(x, (2, 0, 1)),
        of({"three axes": (2, 3, 4), "empty": (2, 0, 3), "large": (31, 17, 64)}),
    ),
    Row(
        "permute",
        lambda x: ops.permute(x, axes=(1, 0)),
        lambda np, x: np.transpose(x),
        of({"odd": (3, 5), "one": (1, 1), "empty": (0, 3), "large": (301, 131)}),
    ),
    Row(
        "transpose",
        ops.transpose,
        lambda np, x: np.swapaxes(x, -1, -2),
        of({"odd": (3, 5), "three axes": (2, 3, 4), "empty": (0, 3), "large": (301, 131)}),
    ),
    Row(
        "transpose",
        lambda x: ops.transpose(x, axis0=0, axis1=2),
        lambda np, x: np.swapaxes(x, 0, 2),
        of({"three axes": (2, 3, 4), "large": (31, 17, 64)}),
    ),
    Row(
        "broadcast_to",
        lambda x: ops.broadcast_to(x, shape=(2, 3, 4)),
        lambda np, x: x * np.ones((2, 3, 4)),
        of({"0-d": (), "one": (1,), "odd": (3, 1), "row": (4,), "three axes": (2, 1, 1), "same": (2, 3, 4)}),
    ),
    Row(
        "broadcast_to",
        lambda x: ops.broadcast_to(x, shape=(0, 3)),
        lambda np, x: x * np.ones((0, 3)),
        of({"empty": (1, 3)}),
    ),
    Row(
        "flip",
        lambda x: ops.flip(x, axes=0),
        lambda np, x: np.flip(x, 0),
        of({"one": (1,), "row": (6,), "odd": (3, 5), "empty": (0, 3), "large": (301, 131)}),
        hips=False,
    ),
    Row(
        "flip",
        lambda x: ops.flip(x, axes=(0, -1)),
        lambda np, x: np.flip(x, (0, -1)),
        of({"odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)}),
        hips=False,
    ),
    *(
        Row(
            "roll",
            lambda x, s=s: ops.roll(x, shift=s, axis=-1),
            lambda np, x, s=s: np.roll(x, s, -1),
            of({"row": (6,), "odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)}),
        )
        for s in (0, 1, -2, 9)
    ),
    *(
        Row(
            "tile",
            lambda x, r=r: ops.tile(x, repeats=r),
            lambda np, x, r=r: np.tile(x, r),
            of({"0-d": (), "row": (4,), "odd": (3, 5), "empty": (0, 3)}),
            hips=False,
        )
        for r in (2, (2, 3), (2, 1, 2))
    ),
    *(
        Row(
            "concatenate",
            lambda a, b, axis=axis: ops.concatenate([a, b], axis=axis),
            lambda np, a, b, axis=axis: np.concatenate([a, b], axis=axis),
            [
                ("odd", real(3, 5), real(3, 5)),
                ("three axes", real(2, 3, 4), real(2, 3, 4)),
                ("large", real(301, 131), real(301, 131)),
            ],
        )
        for axis in (0, 1, -1)
    ),
    Row(
        "concatenate",
        lambda a, b, c: ops.concatenate((a, b, c)),
        lambda np, a, b, c: np.concatenate((a, b, c)),
        [("empty", real(2, 3), real(0, 3), real(1, 3)), ("one", real(1), real(2), real(1))],
    ),
    Row(
        "concatenate",
        lambda a: ops.concatenate((a, a)),
        lambda np, a: np.concatenate((a, a)),
        of({"twice": (2, 3)}),
    ),
    *(
        Row(
            "stack",
            lambda a, b, axis=axis: ops.stack([a, b], axis=axis),
            lambda np, a, b, axis=axis: np.stack([a, b], axis=axis),
            [
                ("odd", real(3, 5), real(3, 5)),
                ("large", real(301, 131), real(301, 131)),
                ("one", real(1), real(1)),
            ],
        )
        for axis in (0, 1, -1)
    ),
    Row(
        "stack", lambda a, b: ops.stack([a, b]), lambda np, a, b: np.stack([a, b]), [("0-d", real(), real())]
    ),
    Row(
        "split",
        lambda x: ops.split(x, sizes=(1, 3, 1), axis=1),
        lambda np, x: (x[:, :1], x[:, 1:4], x[:, 4:]),
        of({"odd": (3, 5), "empty": (0, 5), "large": (3001, 5)}),
    ),
    Row(
        "split",
        lambda x: ops.split(x, sizes=2),
        lambda np, x: tuple(x[i : i + 2] for i in range(0, len(x), 2)),
        of({"odd": (5, 3), "row": (6,), "one": (1, 2)}),
    ),
    Row("split", lambda x: ops.split(x, sizes=2)[1], lambda np, x: x[2:4], of({"one piece used": (5, 3)})),
    Row(
        "chunk",
        lambda x: ops.chunk(x, chunks=3),
        lambda np, x: tuple(x[i : i + 2] for i in range(0, len(x), 2)),
        of({"odd": (5, 3), "row": (6,)}),
    ),
    *(
        Row(
            name,
            lambda x, n=name, d=d: getattr(ops, n)(x, diagonal=d),
            lambda np, x, n=name, d=d: getattr(np, n)(x, d),
            of({"odd": (3, 5), "square": (4, 4), "one": (1, 1), "large": (301, 131)}),
        )
        for name in ("tril", "triu")
        for d in (0, 1, -2)
    ),
    Row("tril", ops.tril, lambda np, x: numpy.tril(x), of({"three axes": (2, 3, 4)}), hips=False),
    *(
        Row(
            "pad",
            lambda x, m=m, w=w: ops.pad(x, pads=w, mode=m, value=0.5),
            pads(m, w),
            of({"odd": (3, 5), "large": (301, 131)}),
            hips=False,
        )
        for m in ("constant", "reflect", "edge")
        for w in (((1, 2), (0, 1)), ((0, 0), (2, 4)), ((2, 2), (0, 0)))
    ),
    Row(
        "pad",
        lambda x: ops.pad(x, pads=((-1, 1), (2, -3))),
        lambda np, x: numpy.pad(x[1:, :2], ((0, 1), (2, 0))),
        of({"odd": (3, 5)}),
        hips=False,
    ),
    Row("pad", lambda x: ops.pad(x, pads=()), lambda np, x: x * 1.0, of({"0-d": ()})),
    Row(
        "pad",
        lambda x: ops.pad(x, pads=((1, 1), (0, 0))),
        lambda np, x: numpy.pad(x, ((1, 1), (0, 0))),
        of({"empty": (0, 3)}),
        hips=False,
    ),
    *(
        Row(
            "index",
            lambda x, key=key: ops.index(x, key=key),
            lambda np, x, key=key: x[key] * 1.0,
            of({"odd": (3, 5), "large": (301, 131)}),
        )
        for key in KEYS
    ),
    *(
        Row(
            "index",
            lambda x, key=key: ops.index(x, key=key),
            lambda np, x, key=key: x[key] * 1.0,
            of({"three axes": (2, 3, 4), "large": (31, 17, 64)}),
        )
        for key in DEEP_KEYS
    ),
    Row(
        "strided_slice",
        lambda x: ops.strided_slice(x, starts=(2, 1), steps=(-1, 2), sizes=(3, 2)),
        lambda np, x: x[::-1, 1::2][-3:][:3, :2] if x.shape[0] == 3 else x[2::-1, 1:5:2],
        of({"odd": (3, 5), "large": (301, 131)}),
    ),
]
