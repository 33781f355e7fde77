"""Rows of indexing by number."""

import numpy
from table import Row, real, whole

from mmscratch import ops


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


ROWS = [
    Row(
        "take",
        ops.take,
        take_twin(0),
        [
            ("row", real(4), whole(3)),
            ("odd", real(4, 2), whole(3)),
            ("matrix index", real(4, 2), whole(3, 2)),
            ("0-d index", real(4, 2), whole()),
            ("empty", real(4, 2), whole(0)),
            ("negative", real(4, 2), whole(5, low=-4)),
            ("large", real(401, 31), whole(500, high=401)),
        ],
    ),
    Row(
        "take",
        lambda x, i: ops.take(x, i, axis=1),
        lambda np, x, i: x[:, i],
        [
            ("odd", real(3, 4), whole(5)),
            ("three axes", real(2, 4, 3), whole(2, 2)),
            ("large", real(31, 401), whole(50)),
        ],
    ),
    Row(
        "take",
        lambda x: ops.take(x, [2, 0, 2], axis=-1),
        lambda np, x: x[..., [2, 0, 2]],
        [("a list", real(2, 3))],
    ),
    *(
        Row(
            "take_along",
            lambda x, i, a=a: ops.take_along(x, i, axis=a),
            lambda np, x, i, a=a: numpy.take_along_axis(x, i, a),
            [
                ("odd", real(4, 4), whole(4, 4)),
                ("negative", real(4, 4), whole(4, 4, low=-4)),
                ("large", real(101, 101), whole(101, 101, high=101)),
            ],
            hips=False,
        )
        for a in (0, 1, -1)
    ),
    Row(
        "take_along",
        lambda x, i: ops.take_along(x, i, axis=1),
        lambda np, x, i: numpy.take_along_axis(x, i, 1),
        [
            ("shorter", real(3, 4), whole(3, 2)),
            ("longer", real(3, 4), whole(3, 6)),
            ("empty", real(3, 4), whole(3, 0)),
            ("three axes", real(2, 4, 3), whole(2, 1, 3)),
        ],
        hips=False,
    ),
    *(
        Row(
            "scatter_add",
            lambda x, i, s, a=a: ops.scatter_add(x, i, s, axis=a),
            lambda np, x, i, s, a=a: added(x, i, s, a),
            [
                ("odd", real(4, 4), whole(4, 4), real(4, 4)),
                ("three axes", real(4, 4, 2), whole(4, 4, 2), real(4, 4, 2)),
                ("large", real(101, 101), whole(101, 101, high=101), real(101, 101)),
            ],
            hips=False,
        )
        for a in (0, 1)
    ),
    Row(
        "scatter_add",
        lambda x, i, s: ops.scatter_add(x, i, s, axis=1),
        lambda np, x, i, s: added(x, i, s, 1),
        [("shorter", real(3, 4), whole(3, 2), real(3, 2)), ("longer", real(3, 4), whole(3, 6), real(3, 6))],
        hips=False,
    ),
    Row(
        "index_add",
        ops.index_add,
        lambda np, x, i, s: x + np.dot(one_hot(np, i, x.shape[0]).T.astype(float), s),
        [
            ("row", real(4), whole(6), real(6)),
            ("odd", real(4, 3), whole(6), real(6, 3)),
            ("empty", real(4, 3), whole(0), real(0, 3)),
            ("large", real(101, 31), whole(400, high=101), real(400, 31)),
        ],
    ),
    Row(
        "one_hot",
        lambda i: ops.one_hot(i, num_classes=5),
        lambda np, i: one_hot(np, i, 5),
        [
            ("0-d", whole()),
            ("row", whole(6)),
            ("odd", whole(3, 5)),
            ("empty", whole(0, 3)),
            ("large", whole(301, 31)),
        ],
        smooth=False,
    ),
    Row(
        "embedding",
        ops.embedding,
        take_twin(0),
        [
            ("odd", real(4, 3), whole(5)),
            ("matrix index", real(4, 3), whole(2, 3)),
            ("0-d", real(4, 3), whole()),
            ("empty", real(4, 3), whole(0, 2)),
            ("large", real(401, 31), whole(20, 30, high=401)),
        ],
    ),
    Row(
        "embedding",
        lambda w, i: ops.where(
            ops.cast(ops.unsqueeze(ops.equal(i, 1), axis=-1), dtype="bool"),
            0.0,
            ops.embedding(w, i, padding_idx=1),
        ),
        lambda np, w, i: np.where((i == 1)[..., None], 0.0, w[i]),
        [("padding", real(4, 3), whole(2, 5))],
    ),
]


def added(x, i, s, axis):
    y = x.copy()
    places = list(numpy.indices(i.shape, sparse=True))
    places[axis] = i
    numpy.add.at(y, tuple(places), s)
    return y
