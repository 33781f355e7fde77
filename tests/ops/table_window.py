"""Rows of convolution and pooling. The twins walk over taps and windows with nothing but slices and sums."""

import itertools
import math

from table import Row, apart, real

from mmscratch import ops


def _each(value, n):
    return tuple(value) if isinstance(value, tuple | list) else (value,) * n


def _pairs(padding, n):
    return tuple(p if isinstance(p, tuple) else (p, p) for p in _each(padding, n))


# ── convolution ──────────────────────────────────────────────────────────────────────────────────
def conv(np, x, w, b, stride=1, padding=0, dilation=1, groups=1):
    n = w.ndim - 2
    stride, dilation = _each(stride, n), _each(dilation, n)
    x = np.pad(x, ((0, 0), (0, 0), *_pairs(padding, n)), "constant")
    size = [
        (s - d * (j - 1) - 1) // t + 1
        for s, j, t, d in zip(x.shape[2:], w.shape[2:], stride, dilation, strict=True)
    ]
    inner, outer = w.shape[1], w.shape[0] // groups
    parts = []
    for g in range(groups):
        total = 0.0
        for tap in itertools.product(*map(range, w.shape[2:])):
            where = tuple(
                slice(j * d, j * d + t * (o - 1) + 1, t)
                for j, d, t, o in zip(tap, dilation, stride, size, strict=True)
            )
            seen = x[(slice(None), slice(g * inner, (g + 1) * inner), *where)]
            weight = w[(slice(g * outer, (g + 1) * outer), slice(None), *tap)]
            total = total + np.einsum("bc...,kc->bk...", seen, weight)
        parts.append(total)
    y = np.concatenate(parts, axis=1)
    return y if b is None else y + np.reshape(b, (-1,) + (1,) * n)


def spread(np, x, stride):
    """stride − 1 zeros between any two positions of every spatial axis."""
    for axis, t in enumerate(stride, start=2):
        wide = np.stack([x] + [x * 0.0] * (t - 1), axis=axis + 1)
        wide = np.reshape(wide, x.shape[:axis] + (x.shape[axis] * t,) + x.shape[axis + 1 :])
        x = wide[(slice(None),) * axis + (slice(0, (x.shape[axis] - 1) * t + 1),)]
    return x


def conv_transpose(np, x, w, b, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """The convolution of the spread input with the flipped kernel, its two channel axes exchanged."""
    n = w.ndim - 2
    stride, dilation, more = _each(stride, n), _each(dilation, n), _each(output_padding, n)
    flipped = w[(slice(None), slice(None), *(slice(None, None, -1),) * n)]
    inner = w.shape[0] // groups
    flipped = np.concatenate(
        [np.swapaxes(flipped[g * inner : (g + 1) * inner], 0, 1) for g in range(groups)], axis=0
    )
    extent = [d * (j - 1) for d, j in zip(dilation, w.shape[2:], strict=True)]
    pads = tuple((e, e + m) for e, m in zip(extent, more, strict=True))
    y = conv(np, spread(np, x, stride), flipped, None, 1, pads, dilation, groups)
    cut = tuple(slice(p, s - q) for (p, q), s in zip(_pairs(padding, n), y.shape[2:], strict=True))
    y = y[(slice(None), slice(None), *cut)]
    return y if b is None else y + np.reshape(b, (-1,) + (1,) * n)


# name of the shape class, shape of x, shape of weight, options; then with and without a bias
CONV = {
    1: [
        ("one", (1, 1, 1), (1, 1, 1), {}),
        ("odd", (2, 3, 7), (2, 3, 3), {}),
        ("stride, padding", (2, 2, 8), (3, 2, 3), {"stride": 2, "padding": 1}),
        ("uneven padding, dilation", (1, 2, 7), (2, 2, 3), {"padding": ((2, 1),), "dilation": 2}),
        ("groups", (2, 4, 6), (6, 2, 2), {"groups": 2}),
        ("depthwise", (1, 3, 5), (3, 1, 3), {"groups": 3, "padding": 1}),
        ("empty batch", (0, 2, 5), (2, 2, 3), {}),
        ("large", (3, 16, 130), (24, 16, 5), {"padding": 2}),
    ],
    2: [
        ("one", (1, 1, 1, 1), (1, 1, 1, 1), {}),
        ("odd", (1, 2, 5, 4), (2, 2, 3, 2), {}),
        ("stride, padding", (1, 2, 5, 6), (2, 2, 3, 3), {"stride": (2, 1), "padding": (1, 0)}),
        (
            "uneven padding, dilation",
            (1, 1, 5, 6),
            (2, 1, 2, 2),
            {"padding": ((0, 1), (2, 1)), "dilation": (2, 3)},
        ),
        ("groups", (1, 4, 3, 4), (4, 2, 2, 2), {"groups": 2, "stride": 2}),
        ("pointwise", (2, 3, 3, 2), (4, 3, 1, 1), {}),
        ("large", (2, 8, 33, 29), (16, 8, 3, 3), {"padding": 1}),
    ],
    3: [
        ("one", (1, 1, 1, 1, 1), (1, 1, 1, 1, 1), {}),
        ("odd", (1, 1, 3, 4, 3), (2, 1, 2, 2, 2), {}),
        ("stride, padding", (1, 1, 4, 3, 3), (1, 1, 2, 2, 2), {"stride": (2, 1, 2), "padding": (1, 0, 1)}),
        ("dilation, groups", (1, 2, 4, 3, 3), (2, 1, 2, 2, 2), {"dilation": (2, 1, 1), "groups": 2}),
        ("large", (1, 4, 9, 11, 10), (6, 4, 3, 3, 3), {"padding": 1}),
    ],
}

TRANSPOSED = {
    1: [
        ("one", (1, 1, 1), (1, 1, 1), {}),
        ("odd", (2, 3, 5), (3, 2, 3), {}),
        ("stride, padding", (2, 2, 4), (2, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
        (
            "dilated, output padding above the stride",
            (1, 2, 4),
            (2, 2, 3),
            {"dilation": 3, "output_padding": 2},
        ),
        ("groups", (1, 4, 3), (4, 3, 2), {"groups": 2, "stride": 3}),
        ("large", (2, 12, 70), (12, 9, 4), {"stride": 2, "padding": 1}),
    ],
    2: [
        ("one", (1, 1, 1, 1), (1, 1, 1, 1), {}),
        ("odd", (1, 2, 3, 2), (2, 2, 2, 3), {}),
        (
            "stride, padding",
            (1, 2, 3, 3),
            (2, 1, 3, 3),
            {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2)},
        ),
        ("uneven padding", (1, 1, 3, 3), (1, 2, 3, 2), {"padding": ((0, 1), (1, 0)), "dilation": (1, 2)}),
        ("groups", (1, 4, 2, 2), (4, 1, 2, 2), {"groups": 2}),
        ("large", (2, 8, 15, 17), (8, 6, 3, 3), {"stride": 2}),
    ],
    3: [
        ("one", (1, 1, 1, 1, 1), (1, 1, 1, 1, 1), {}),
        ("odd", (1, 2, 2, 2, 3), (2, 1, 2, 2, 2), {}),
        (
            "stride, padding",
            (1, 1, 2, 3, 2),
            (1, 2, 2, 3, 2),
            {"stride": 2, "padding": (0, 1, 0), "output_padding": 1},
        ),
        ("large", (1, 4, 5, 6, 7), (4, 5, 3, 3, 3), {"stride": 2}),
    ],
}


def _conv_rows(kind, table, twin, channels):
    rows = []
    for n, entries in table.items():
        function = getattr(ops, f"{kind}{n}d")
        for name, x, w, options in entries:
            bias = channels(w, options)
            rows.append(
                Row(
                    f"{kind}{n}d",
                    lambda x, w, b, f=function, o=options: f(x, w, b, **o),
                    lambda np, x, w, b, o=options: twin(np, x, w, b, **o),
                    [(name, real(*x), real(*w), real(bias)), (f"{name}, no bias", real(*x), real(*w), None)],
                )
            )
    return rows


ROWS = _conv_rows("conv", CONV, conv, lambda w, o: w[0])
ROWS += _conv_rows("conv_transpose", TRANSPOSED, conv_transpose, lambda w, o: w[1] * o.get("groups", 1))


# ── pooling ──────────────────────────────────────────────────────────────────────────────────────
def windows(shape, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    """For each axis a list of windows: the positions inside, and how many lie inside the padded axis."""
    n = len(shape)
    kernel, dilation = _each(kernel, n), _each(dilation, n)
    stride = kernel if stride is None else _each(stride, n)
    tables = []
    for size, k, t, (before, after), d in zip(
        shape, kernel, stride, _pairs(padding, n), dilation, strict=True
    ):
        room = size + before + after - d * (k - 1) - 1
        count = (math.ceil if ceil_mode else math.floor)(room / t) + 1
        if ceil_mode and (count - 1) * t >= size + before:
            count -= 1
        axis = []
        for o in range(count):
            places = [o * t - before + j * d for j in range(k)]
            axis.append(([p for p in places if 0 <= p < size], sum(p < size + after for p in places)))
        tables.append(axis)
    return tables


def adaptive_windows(shape, out):
    tables = []
    for size, count in zip(shape, _each(out, len(shape)), strict=True):
        edges = [(o * size // count, -(-(o + 1) * size // count)) for o in range(count or size)]
        tables.append([(list(range(a, b)), b - a) for a, b in edges])
    return tables


def pooled(np, x, tables, reduce):
    """reduce(window, positions in the padded input) for every window."""
    axes = tuple(range(2, x.ndim))
    results = []
    for window in itertools.product(*tables):
        part = x
        for axis, (places, _) in zip(axes, window, strict=True):
            part = part[(slice(None),) * axis + (places,)]
        results.append(reduce(part, math.prod(count for _, count in window), axes))
    return np.reshape(np.stack(results, axis=-1), x.shape[:2] + tuple(map(len, tables)))


def max_twin(np, x, tables):
    return pooled(np, x, tables, lambda part, _, axes: np.max(part, axis=axes))


def avg_twin(np, x, tables, include):
    return pooled(
        np,
        x,
        tables,
        lambda part, count, axes: np.sum(part, axis=axes) / (count if include else math.prod(part.shape[2:])),
    )


POOL = {
    1: [
        ("one", (1, 1, 1), {"kernel_size": 1}),
        ("odd", (2, 3, 7), {"kernel_size": 3}),
        ("overlap, padding", (2, 1, 7), {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("dilation", (1, 2, 8), {"kernel_size": 2, "dilation": 3, "stride": 1}),
        ("overhang", (1, 2, 6), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
        (
            "overhang, padding",
            (1, 1, 6),
            {"kernel_size": 2, "stride": 3, "padding": ((1, 0),), "ceil_mode": True},
        ),
        ("large", (2, 9, 160), {"kernel_size": 4, "stride": 2}),
    ],
    2: [
        ("odd", (1, 2, 5, 7), {"kernel_size": 2}),
        ("overlap, padding", (1, 1, 5, 6), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}),
        ("overhang", (1, 1, 5, 6), {"kernel_size": (2, 3), "stride": 2, "padding": 1, "ceil_mode": True}),
        ("dilation", (1, 1, 6, 6), {"kernel_size": 2, "dilation": (2, 3), "stride": 2}),
        ("large", (2, 4, 28, 31), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ],
    3: [
        ("odd", (1, 1, 3, 4, 5), {"kernel_size": 2}),
        (
            "overlap, padding",
            (1, 1, 3, 4, 3),
            {"kernel_size": (1, 2, 3), "stride": (1, 2, 1), "padding": (0, 1, 1)},
        ),
        ("overhang", (1, 1, 3, 4, 5), {"kernel_size": 2, "stride": 2, "ceil_mode": True}),
        ("large", (1, 3, 8, 9, 10), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ],
}
ADAPTIVE = {
    1: [
        ("one", (1, 1, 4), 1),
        ("odd", (2, 2, 7), 3),
        ("all", (1, 2, 4), 4),
        ("more", (1, 1, 3), 5),
        ("large", (2, 5, 101), 7),
    ],
    2: [("odd", (1, 2, 5, 4), (2, 3)), ("one", (1, 2, 3, 4), 1), ("large", (2, 4, 21, 17), (5, 3))],
    3: [("odd", (1, 1, 4, 3, 5), (2, 2, 3)), ("large", (1, 2, 9, 8, 7), 3)],
}


def _renamed(options):
    return {("kernel" if k == "kernel_size" else k): v for k, v in options.items()}


for _n, _entries in POOL.items():
    for _name, _shape, _options in _entries:
        _tables = windows(_shape[2:], **_renamed(_options))
        ROWS += [
            Row(
                f"max_pool{_n}d",
                lambda x, o=_options, name=f"max_pool{_n}d": getattr(ops, name)(x, **o),
                lambda np, x, t=_tables: max_twin(np, x, t),
                [(_name, apart(*_shape))],
            ),
            Row(
                "max_pool",
                lambda x, o=_options, n=_n: ops.max_pool(
                    x,
                    op="max_pool",
                    n=n,
                    **{"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, **o},
                ),
                None,
                [(f"{_name}, {_n} axes", apart(*_shape))],
            ),
        ]
        for _include in (True, False):
            _more = {**_options, "count_include_pad": _include}
            ROWS += [
                Row(
                    f"avg_pool{_n}d",
                    lambda x, o=_more, name=f"avg_pool{_n}d": getattr(ops, name)(x, **o),
                    lambda np, x, t=_tables, i=_include: avg_twin(np, x, t, i),
                    [(f"{_name}, {_include}", real(*_shape))],
                ),
                Row(
                    "avg_pool",
                    lambda x, o=_more, n=_n: ops.avg_pool(
                        x,
                        op="avg_pool",
                        n=n,
                        **{"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, **o},
                    ),
                    None,
                    [(f"{_name}, {_n} axes, {_include}", real(*_shape))],
                ),
            ]
        ROWS.append(
            Row(
                "lp_pool",
                lambda x, o=_options: ops.lp_pool(x, p=3, **o),
                lambda np, x, t=_tables: pooled(
                    np, x, t, lambda part, _, axes: np.sum(np.abs(part) ** 3, axis=axes) ** (1 / 3)
                ),
                [(f"{_name}, {_n} axes", apart(*_shape))],
            )
        )

for _n, _entries in ADAPTIVE.items():
    for _name, _shape, _size in _entries:
        _tables = adaptive_windows(_shape[2:], _size)
        ROWS += [
            Row(
                f"adaptive_max_pool{_n}d",
                lambda x, s=_size, name=f"adaptive_max_pool{_n}d": getattr(ops, name)(x, output_size=s),
                lambda np, x, t=_tables: max_twin(np, x, t),
                [(_name, apart(*_shape))],
            ),
            Row(
                f"adaptive_avg_pool{_n}d",
                lambda x, s=_size, name=f"adaptive_avg_pool{_n}d": getattr(ops, name)(x, output_size=s),
                lambda np, x, t=_tables: avg_twin(np, x, t, True),
                [(_name, real(*_shape))],
            ),
            Row(
                "adaptive_max_pool",
                lambda x, s=_size, n=_n: ops.adaptive_max_pool(x, op="", n=n, output_size=s)[0],
                lambda np, x, t=_tables: max_twin(np, x, t),
                [(f"{_name}, {_n} axes", apart(*_shape))],
            ),
            Row(
                "adaptive_avg_pool",
                lambda x, s=_size, n=_n: ops.adaptive_avg_pool(x, op="", n=n, output_size=s),
                lambda np, x, t=_tables: avg_twin(np, x, t, False),
                [(f"{_name}, {_n} axes", real(*_shape))],
            ),
        ]

SPACES = [
    ("one", (1, 1, 1)),
    ("odd", (2, 3, 5)),
    ("two axes", (2, 3, 3, 4)),
    ("three axes", (1, 2, 2, 3, 2)),
    ("empty batch", (0, 2, 3)),
    ("large", (3, 7, 40, 31)),
]


def _space(x):
    return tuple(range(2, x.ndim))


def unpooled(np, x, index):
    """One-hot rows do what writing at positions does."""
    flat = np.reshape(x, x.shape[:2] + (-1,))
    hot = index.reshape(*x.shape[:2], -1)[..., None] == np.arange(24)
    return np.reshape(np.sum(flat[..., None] * hot, axis=2), x.shape[:2] + (4, 6))


def _places(rng, dtype):
    return rng.random((2, 3, 24)).argsort(axis=-1)[..., :6].reshape(2, 3, 2, 3)


ROWS += [
    Row(
        "global_avg_pool",
        ops.global_avg_pool,
        lambda np, x: np.mean(x, axis=_space(x), keepdims=True),
        [(name, real(*shape)) for name, shape in SPACES],
    ),
    Row(
        "global_max_pool",
        ops.global_max_pool,
        lambda np, x: np.max(x, axis=_space(x), keepdims=True),
        [(name, apart(*shape)) for name, shape in SPACES if name != "empty batch"],
    ),
    Row(
        "max_unpool",
        lambda x, i: ops.max_unpool(x, i, output_size=(4, 6)),
        unpooled,
        [("odd", real(2, 3, 2, 3), _places)],
    ),
]
