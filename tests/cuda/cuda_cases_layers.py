"""Cases: products, softmax, loss, attention, convolution, pooling, norms, recurrence, the rest."""

import functools

import numpy as np
from cuda_cases import add, reference

# ── products, softmax, loss, attention ───────────────────────────────────────────────────────────
PRODUCTS = {
    "one": ((1, 1), (1, 1), False, False),
    "tiles": ((9, 11), (11, 10), False, False),
    "a transposed": ((5, 9), (5, 10), True, False),
    "b transposed": ((9, 5), (10, 5), False, True),
    "both": ((7, 9), (8, 7), True, True),
    "whole tiles": ((16, 8), (8, 16), False, False),
    "aligned, b transposed": ((10, 12), (8, 12), False, True),
    "aligned, a transposed": ((12, 9), (12, 16), True, False),
    "aligned, both": ((8, 12), (16, 8), True, True),
    "many tiles": ((18, 5), (5, 17), False, False),
    "slim": ((2, 30), (30, 9), False, False),
    "slim, aligned": ((3, 12), (9, 12), False, True),
    "slim, a transposed": ((12, 3), (9, 12), True, True),
    "slim columns": ((9, 12), (12, 2), False, False),
    "slim columns, b transposed": ((9, 12), (3, 12), False, True),
    "slim batch": ((3, 2, 8), (3, 8, 5), False, False),
    "parts": ((9, 20), (20, 8), False, False),
    "batched": ((2, 1, 5, 3), (3, 3, 6), False, False),
    "batched, b transposed": ((2, 3, 4), (2, 5, 4), False, True),
    "same b": ((2, 3, 4), (4, 5), False, False),
    "nothing summed": ((3, 0), (0, 2), False, False),
    "empty": ((0, 3), (3, 2), False, False),
    "four batch axes": ((2, 1, 2, 1, 2, 2), (1, 2, 1, 2, 2, 2), False, False),
}
for name, (a, b, ta, tb) in PRODUCTS.items():
    add("matmul", name, lambda draw, dtype, s=(a, b, ta, tb): (draw(*s[0]), draw(*s[1]), *s[2:]))
add("linear", "bias", lambda draw, dtype: (draw(9, 5), draw(10, 5), draw(10)))
add("linear", "slim", lambda draw, dtype: (draw(2, 5), draw(3, 5), draw(3)))
add("linear", "no bias", lambda draw, dtype: (draw(5, 4), draw(9, 4), None))
for activation in ("relu", "tanh", "sigmoid"):
    add("linear", activation, lambda draw, dtype, a=activation: (draw(9, 8), draw(12, 8), draw(12), a))
    add(
        "linear",
        f"slim, {activation}",
        lambda draw, dtype, a=activation: (draw(3, 8), draw(5, 8), draw(5), a),
    )
add("linear", "parts and bias", lambda draw, dtype: (draw(6, 30), draw(7, 30), draw(7), "tanh"))
add("linear", "slim parts and bias", lambda draw, dtype: (draw(2, 36), draw(3, 36), draw(3), "relu"))
add("linear", "no bias, relu", lambda draw, dtype: (draw(5, 4), draw(9, 4), None, "relu"))
add("linear", "empty", lambda draw, dtype: (draw(0, 4), draw(3, 4), draw(3)))


def row_mask(draw, *shape):
    mask = draw(*shape) > 0
    if len(shape) > 1:
        mask[1] = False
    return mask


ADDITIVE = {
    "one": (1, 1, 1, 1),
    "odd": (2, 3, 4, 7),
    "long": (1, 2, 3, 21),
    "no keys": (1, 2, 0, 3),
    "empty": (0, 2, 3, 4),
}
for name, (b, m, n, a) in ADDITIVE.items():
    add(
        "additive_scores",
        name,
        lambda draw, dtype, b=b, m=m, n=n, a=a: (draw(b, m, a), draw(b, n, a), draw(a)),
    )
    add(
        "additive_scores_backward",
        name,
        lambda draw, dtype, b=b, m=m, n=n, a=a: (draw(b, m, n), draw(b, m, a), draw(b, n, a), draw(a)),
    )

for name in ("softmax", "log_softmax"):
    back = getattr(reference, name)
    add(name, "odd", lambda draw, dtype: (draw(3, 7), None))
    add(name, "one", lambda draw, dtype: (draw(1), None))
    add(name, "long", lambda draw, dtype: (draw(3, 21), None))
    add(name, "long, masked", lambda draw, dtype: (draw(3, 21), row_mask(draw, 3, 21)))
    add(name, "short rows", lambda draw, dtype: (draw(7, 2), None))
    add(name, "no score anywhere", lambda draw, dtype: (np.full((2, 9), -np.inf, dtype), None))
    add(name, "infinite", lambda draw, dtype: (np.array([[np.inf, 0, 1], [np.nan, 2, 3]], dtype), None))
    add(f"{name}_backward", "long", lambda draw, dtype, f=back: (draw(3, 21), f(draw(3, 21), None)))
    add(f"{name}_backward", "short rows", lambda draw, dtype, f=back: (draw(7, 2), f(draw(7, 2), None)))
    add(name, "empty", lambda draw, dtype: (draw(0, 3), None))
    add(name, "large", lambda draw, dtype: (draw(2, 5) * 1000, None))
    add(name, "masked", lambda draw, dtype: (draw(3, 7), row_mask(draw, 3, 7)))
    add(name, "mask broadcast", lambda draw, dtype: (draw(2, 3, 4), row_mask(draw, 3, 1)))
    add(name, "mask of one row", lambda draw, dtype: (draw(3, 4), row_mask(draw, 4)))
    add(name, "no score", lambda draw, dtype: (np.array([[-np.inf, 0, 1]], dtype), None))
    add(f"{name}_backward", "odd", lambda draw, dtype, f=back: (draw(3, 7), f(draw(3, 7), None)))
    add(
        f"{name}_backward",
        "masked",
        lambda draw, dtype, f=back: (draw(3, 7), f(draw(3, 7), row_mask(draw, 3, 7))),
    )
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
add(
    "cross_entropy",
    "long rows",
    lambda draw, dtype: (draw(3, 21) * 9, np.array([20, 0, -100]), None, -100, 0.2),
)
add(
    "cross_entropy",
    "no score",
    lambda draw, dtype: (
        np.array([[-np.inf, 0, 1], [-np.inf] * 3], dtype),
        np.array([1, 0]),
        None,
        -100,
        0.0,
    ),
)
add("cross_entropy", "empty", lambda draw, dtype: (draw(0, 3), np.zeros(0, np.int64), None, -100, 0.0))
MASKS = {
    "no mask": lambda draw: None,
    "float": lambda draw: draw(1, 2, 3, 5),
    "bool": lambda draw: draw(2, 1, 3, 5) > 0,
    "sees nothing": lambda draw: np.zeros((1, 1, 3, 1), bool),
    "keys": lambda draw: draw(2, 1, 1, 5) > -0.5,
}
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


def long_heads(draw, dtype, causal=False):
    """More keys than shared memory holds (in the simulator), several tiles of queries."""
    mask = draw(1, 1, 5, 9) > -1
    return draw(1, 2, 5, 8), draw(1, 2, 9, 8), draw(1, 2, 9, 12), mask, causal, 0.5


def long_heads_back(draw, dtype):
    query, key, value, *rest = long_heads(draw, dtype)
    return draw(1, 2, 5, 12), query, key, value, reference.attention(query, key, value, *rest)[1], 0.5


add("attention", "long", long_heads)
add("attention", "long, causal", functools.partial(long_heads, causal=True))
add("attention_backward", "long", long_heads_back)


def few_keys(draw, dtype, keys):
    return draw(1, 1, 2, 3), draw(1, 1, keys, 3), draw(1, 1, keys, 2), None, False, 1.0


def few_keys_back(draw, dtype, keys):
    return draw(1, 1, 2, 2), *few_keys(draw, dtype, keys)[:3], draw(1, 1, 2, keys), 1.0


for name, keys in (("no key", 0), ("one key", 1)):
    add("attention", name, functools.partial(few_keys, keys=keys))
    add("attention_backward", name, functools.partial(few_keys_back, keys=keys))
add(
    "attention",
    "one",
    lambda draw, dtype: (draw(1, 1, 1, 1), draw(1, 1, 1, 1), draw(1, 1, 1, 1), None, True, 1.0),
)

# ── convolution, pooling, normalization ──────────────────────────────────────────────────────────
CONVOLUTIONS = {  # x, weight, stride, padding, dilation, groups
    "one": ((1, 1, 1), (1, 1, 1), (1,), ((0, 0),), (1,), 1),
    "1-d": ((2, 3, 9), (4, 3, 3), (2,), ((1, 2),), (2,), 1),
    "2-d grouped": ((2, 4, 6, 5), (6, 2, 3, 2), (1, 2), ((1, 0), (0, 1)), (1, 1), 2),
    "2-d tiles": ((2, 8, 4, 4), (8, 8, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "1x1, odd": ((2, 5, 3, 3), (6, 5, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "1x1 strided": ((2, 5, 5, 4), (6, 5, 1, 1), (2, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "1x1 padded": ((1, 5, 3, 3), (5, 5, 1, 1), (1, 1), ((1, 0), (0, 1)), (1, 1), 1),
    "2-d wide": ((2, 5, 6, 6), (6, 5, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
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

    def conv_activated(draw, dtype, conv=conv):
        return *conv(draw, dtype), "relu"

    add("conv", name, conv)
    add("conv", f"{name}, relu", conv_activated)
    add("conv_input_gradient", name, conv_dx)
    add("conv_weight_gradient", name, conv_dw)
    add("conv_parameter_gradients", name, conv_dw)
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
add(
    "pool",
    "NaN and ties",
    lambda draw, dtype: (
        "max",
        np.array([[[1, 1, np.nan, 2, np.nan]]], dtype),
        (3,),
        (1,),
        ((0, 0),),
        (1,),
        (3,),
        False,
    ),
)
NORMS = {  # x, across_batch, center
    "batch": ((4, 3, 1, 5), True, True),
    "batch, one position": ((6, 3, 1, 1), True, True),
    "layer": ((5, 1, 7, 1), False, True),
    "group": ((2, 2, 3, 4), False, True),
    "long": ((3, 1, 21, 1), False, True),
    "long RMS": ((2, 1, 21, 1), False, False),
    "short": ((7, 1, 2, 1), False, True),
    "RMS": ((3, 1, 6, 1), False, False),
    "instance": ((2, 3, 1, 5), False, True),
    "one": ((1, 1, 1, 1), False, True),
}
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
add(
    "normalize",
    "far from zero",
    lambda draw, dtype: (draw(2, 1, 21, 1) + dtype(1000), None, None, 1e-3, False, True),
)
add("normalize", "weight only", lambda draw, dtype: (draw(2, 1, 3, 1), draw(3), None, 1e-3, False, True))

for name, shape in {"odd": (3, 5), "space": (2, 3, 4, 5), "no items": (0, 3, 2)}.items():
    for relu in (False, True):

        def modulated(draw, dtype, shape=shape, relu=relu):
            return draw(*shape), draw(*shape[:2]), draw(*shape[:2]), relu

        def modulated_back(draw, dtype, modulated=modulated):
            x, gamma, beta, relu = modulated(draw, dtype)
            return draw(*x.shape), x, gamma, reference.film(x, gamma, beta, True) if relu else None

        add("film", f"{name} {relu}", modulated)
        add("film_backward", f"{name} {relu}", modulated_back)
    add("bias_relu_backward", name, lambda draw, dtype, shape=shape: (draw(*shape), draw(*shape)))

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

        for kernel, build in (
            ("lstm", lstm),
            ("lstm_backward", lstm_back),
            ("gru", gru),
            ("gru_backward", gru_back),
        ):
            add(kernel, f"{name} {reverse}", build)

for current in (False, True):  # T 2, B 3, E 2, D 3, H 2, R 4, A 3

    def attentive(draw, dtype, current=current):
        shapes = ((2, 3, 2), (3, 4, 3), (3, 4, 3), (3, 2), (3, 2), (8, 5), (8, 2), (8,), (4, 2), (4,), (3,))
        return *(draw(*s) for s in shapes), current

    def attentive_back(draw, dtype, attentive=attentive):
        x, regions, projected, h0, c0, w_ih, w_hh, bias, w_ask, b_ask, weight, current = given = attentive(
            draw, dtype
        )
        hs, _, *rest = reference.attentive_lstm(*given)
        shared = regions, projected, c0, w_ih, w_hh, w_ask, weight
        return draw(2, 3, 2), draw(2, 3, 3), draw(2, 3, 4), *shared, hs, *rest, current

    add("attentive_lstm", f"{current}", attentive)
    add("attentive_lstm_backward", f"{current}", attentive_back)


def wide_lstm(draw, dtype):
    """Several tiles: B 5, H 8, and lengths."""
    return (
        draw(2, 5, 4),
        draw(32, 4),
        draw(32, 8),
        draw(32),
        draw(5, 8),
        draw(5, 8),
        np.array([2, 1, 2, 0, 2]),
        False,
    )


def wide_lstm_back(draw, dtype):
    x, w_ih, w_hh, bias, h0, c0, *a = wide_lstm(draw, dtype)
    hs, h, c, gates, cells = reference.lstm(x, w_ih, w_hh, bias, h0, c0, *a)
    return draw(2, 5, 8), draw(5, 8), draw(5, 8), x, w_ih, w_hh, h0, c0, hs, gates, cells, *a


def wide_gru(draw, dtype):
    return draw(2, 9, 4), draw(15, 4), draw(15, 5), draw(15), draw(15), draw(9, 5), None, True


def wide_gru_back(draw, dtype):
    x, w_ih, w_hh, b_ih, b_hh, h0, *a = wide_gru(draw, dtype)
    hs, h, gates = reference.gru(x, w_ih, w_hh, b_ih, b_hh, h0, *a)
    return draw(2, 9, 5), draw(9, 5), x, w_ih, w_hh, h0, hs, gates, *a


add("lstm", "wide", wide_lstm)
add("lstm_backward", "wide", wide_lstm_back)
add("gru", "wide", wide_gru)
add("gru_backward", "wide", wide_gru_back)
add("lstm_cell", "odd", lambda draw, dtype: (draw(3, 8), draw(3, 2)))
add("lstm_cell_backward", "odd", lambda draw, dtype: tuple(draw(3, n) for n in (2, 2, 8, 2, 2)))
add("gru_cell", "odd", lambda draw, dtype: (draw(3, 6), draw(3, 6), draw(3, 2)))
add("gru_cell_backward", "odd", lambda draw, dtype: (draw(3, 2), draw(3, 8), draw(3, 2)))


# ── similarity, random numbers ───────────────────────────────────────────────────────────────────
def zero_row(draw, dtype):
    x = draw(4, 5)
    x[2] = 0
    return x, 1e-6


def below_eps(draw, dtype):
    y, norm = reference.l2_normalize(draw(5, 4), 2.0)
    assert (norm < 2).any() and (norm > 2).any()
    return draw(5, 4), y, norm, 2.0


add("l2_normalize", "a zero row", zero_row)
add("l2_normalize_backward", "some below eps", below_eps)
add("l2_normalize", "empty", lambda draw, dtype: (draw(0, 5), 1e-6))


def search(draw, dtype, n, k, normalized):
    database = draw(n, 4)
    database[2] = 0
    database[n - 1] = database[0]
    return draw(3, 4), database, k, normalized


for n, k, normalized in ((7, 3, True), (40, 5, False), (19, 19, False), (21, 4, False), (3, 3, True)):
    add("cosine_topk", f"{n} {k} {normalized}", functools.partial(search, n=n, k=k, normalized=normalized))
for count, seed, offset in ((10, 5, 3), (1, 2**64 - 3, 0), (0, 1, 1), (9, 1, 2**34 - 2)):
    add("random_bits", f"{count} {seed} {offset}", lambda draw, dtype, a=(count, seed, offset): a)
for shape, p, seed, offset in (
    ((3, 5), 0.4, 7, 3),
    ((), 0.5, 1, 0),
    ((0,), 0.5, 1, 0),
    ((4,), 1.0, 1, 0),
    ((4,), 0.0, 1, 5),
):
    add("dropout", f"{shape} {p}", lambda draw, dtype, a=(shape, p, seed, offset): (draw(*a[0]), *a[1:]))

# ── optimizers ───────────────────────────────────────────────────────────────────────────────────
SGD = {
    "plain": (False, 0.1, 0.0, 0.0, 0.0, False, True),
    "decay": (False, 0.1, 0.0, 0.0, 0.3, False, False),
    "first": (True, 0.1, 0.9, 0.1, 0.3, False, True),
    "nesterov": (True, 0.1, 0.9, 0.0, 0.3, True, False),
    "dampening": (True, 0.1, 0.9, 0.4, 0.0, False, False),
}
for name, (buffered, *options) in SGD.items():
    add(
        "sgd_step",
        name,
        lambda draw, dtype, a=(buffered, options): (
            draw(3, 4),
            draw(3, 4),
            draw(3, 4) if a[0] else None,
            *a[1],
        ),
    )
for decoupled in (False, True):
    add(
        "adam_step",
        f"{decoupled}",
        lambda draw, dtype, d=decoupled: (
            draw(3, 4),
            draw(3, 4),
            draw(3, 4),
            np.abs(draw(3, 4)),
            0.1,
            0.9,
            0.99,
            1e-8,
            0.3,
            d,
            3,
        ),
    )
add("adagrad_step", "decay", lambda draw, dtype: (draw(3, 4), draw(3, 4), np.abs(draw(3, 4)), 0.1, 1e-8, 0.3))
for limit in (0.5, 1e3):
    add(
        "clip_global_norm",
        f"{limit}",
        lambda draw, dtype, limit=limit: ([draw(3, 4), draw(17), draw()], limit),
    )
add("clip_global_norm", "not finite", lambda draw, dtype: ([draw(3), np.array([np.inf, 1], dtype)], 0.5))
add("clip_global_norm", "nothing", lambda draw, dtype: ([], 0.5))
add("clip_global_norm", "an empty one", lambda draw, dtype: ([draw(0, 2), draw(3)], 0.5))
