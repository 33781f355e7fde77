"""Rows of errors: for each operation what it must refuse, and what the message must say.

A message begins with the operation's name; the pattern says what else it names: the argument, what came, what
was expected. Each input is given as arrays and as tensors.
"""

import numpy
from table import Row, bad, mask, real

from mmscratch import ops


def zeros(*shape):
    return numpy.zeros(shape, numpy.float32)


def ints(*shape):
    return numpy.zeros(shape, numpy.int64)


TEXT = numpy.array(["a", "b"])
COMPLEX = numpy.ones(3, complex)
NO_ARRAY = [
    bad("array of numbers, got list", [1.0, -1.0]),
    bad("array of numbers, got NoneType", None),
    bad("array of numbers, got an array of <U1", TEXT),
]
X = real(3, 4)

NO_ERRORS = {
    "run": "carries states through time for a step that is given: no operation on arrays by itself",
}
"""Operations without an error input, and why: no other may have none."""

ERRORS = {}


def add(names, *errors):
    for op in names.split():
        ERRORS.setdefault(op, []).extend(errors)


# ── entry by entry ──────────────────────────────────────────────────────────────────────────────
add(
    "neg abs sign exp log sqrt rsqrt reciprocal square sin cos erf floor ceil round relu relu6 sigmoid "
    "log_sigmoid tanh softplus gelu silu mish elu selu celu leaky_relu hard_sigmoid hard_swish hard_tanh "
    "softsign tanhshrink threshold logical_not isnan isfinite",
    *NO_ARRAY,
    bad("got an array of complex128", COMPLEX),
)
add("neg sign", bad("truth values", mask(3)))
add("gelu", bad("approximate must be 'none' or 'tanh', got 'erf'", X, approximate="erf"))
add("elu", bad("alpha must be a number, got 'one'", X, alpha="one"))
add("selu", bad("alpha must be a number, got None", X, alpha=None), bad("gamma.*got 'g'", X, gamma="g"))
add("celu", bad("alpha must be a number", X, alpha="one"), bad("alpha must not be 0, got 0", X, alpha=0))
add("leaky_relu", bad(r"negative_slope must be a number, got \(\)", X, negative_slope=()))
add("hard_sigmoid", bad("slope.*got None", X, slope=None), bad("offset.*got 'o'", X, offset="o"))
add("hard_tanh", bad("min must be a number, got None", X, min=None), bad("max.*got 'm'", X, max="m"))
add(
    "threshold",
    bad("threshold must be a number, got None", X, threshold=None),
    bad("value.*'v'", X, value="v"),
)
add(
    "clip",
    bad("array of numbers, got list", [1.0], min=0),
    bad("give min, max, or both", X),
    bad("min must be a number or None, got str", X, min="low"),
    bad("got bool", mask(3), min=0),
)
add(
    "cast",
    bad("got list", [1.0], dtype="int64"),
    bad("dtype must name floats, integers or bool, got 'number'", X, dtype="number"),
    bad("got 'complex64'", X, dtype="complex64"),
    bad("got None", X, dtype=None),
)
add(
    "prelu",
    bad("x must be.*got list", [1.0], real(1)),
    bad("weight must be.*got float", X, 0.1),
    bad(r"got weight \(3,\) and x \(3, 4\)", X, real(3)),
)
add(
    "glu",
    bad("got list", [1.0]),
    bad(r"x \(3, 5\) must have an even size", real(3, 5)),
    bad("axis 2", X, axis=2),
)
add(
    "add sub mul div pow remainder maximum minimum equal not_equal less less_equal greater greater_equal "
    "logical_and logical_or logical_xor",
    bad(r"shapes \(3, 4\) and \(3,\) do not broadcast", X, real(3)),
    bad("arrays or numbers, got list", X, [1.0]),
    bad("arrays or numbers, got str", "x", X),
    bad("got float and int", 1.0, 2),
    bad("got an array of <U1", TEXT, TEXT),
)
add("sub", bad("got bool and bool", mask(3), mask(3)))
add(
    "where",
    bad("condition must be a bool array.*got float32", X, X, X),
    bad("condition must be a bool array.*got list", [True], X, X),
    bad(r"\(3, 4\) and \(3, 4\) and \(3,\) do not broadcast", mask(3, 4), X, real(3)),
    bad("got str", mask(3, 4), X, "b"),
)

# ── reductions and scans ────────────────────────────────────────────────────────────────────────
REDUCTIONS = "sum mean max min prod var std logsumexp norm all any"
add(
    REDUCTIONS,
    *NO_ARRAY,
    bad("axis 2 is out of range for an array with 2 axes", X, axis=2),
    bad(r"axis \(0, -2\) names one axis twice", X, axis=(0, -2)),
    bad("axis must be an int, got 'rows'", X, axis="rows"),
    bad("axis must be an int, got 1.0", X, axis=1.0),
)
add(
    "argmax argmin",
    *NO_ARRAY,
    bad("axis -3 is out of range", X, axis=-3),
    bad("axis must be an int, got True", X, axis=True),
    bad(r"no entry along axis \(0,\) of x \(0, 3\)", real(0, 3), axis=0),
)
add("max min logsumexp", bad(r"no entry along axis \(0,\) of x \(0, 3\)", real(0, 3), axis=0))
add(
    "var std",
    bad(r"correction=1 entries along axis \(0,\) of x \(1, 3\), has 1", real(1, 3), axis=0),
    bad("correction must be a number, got None", X, correction=None),
)
add("norm", bad("p must be at least 1.*got 0.5", X, p=0.5), bad("p must be a number, got 'fro'", X, p="fro"))
add("cumsum cumprod", *(bad(e.text, *e.inputs, axis=0) for e in NO_ARRAY))
add(
    "cumsum cumprod",
    bad("axis 2 is out of range", X, axis=2),
    bad("axis must be an int, got None", X, axis=None),
)
add(
    "topk",
    bad("got list", [1.0], k=1),
    bad(r"k must be an int from 0 to 4 \(axis 1 of x \(3, 4\)\), got 5", X, k=5),
    bad("got -1", X, k=-1),
    bad("got 1.5", X, k=1.5),
    bad("axis 2", X, k=1, axis=2),
)
add(
    "sort",
    *NO_ARRAY,
    bad("axis 2 is out of range", X, axis=2),
    bad("axis must be an int, got None", X, axis=None),
)
add("softmax log_softmax", bad("axis 2 is out of range", X, axis=2))
add(
    "softmax log_softmax",
    bad("got list", [1.0]),
    bad("mask must be bool.*got float32", X, X),
    bad("mask must be.*got list", X, [True]),
    bad(r"\(3, 4\) and \(3,\) do not broadcast", X, mask(3)),
    bad(r"mask \(2, 3, 4\) must broadcast to x \(3, 4\)", X, mask(2, 3, 4)),
)

# ── shape ───────────────────────────────────────────────────────────────────────────────────────
add(
    "reshape",
    bad("got list", [1.0], shape=(1,)),
    bad(r"x \(3, 4\) has 12 entries, which do not fit the shape \(5, -1\)", X, shape=(5, -1)),
    bad(r"shape \(-1, -1\)", X, shape=(-1, -1)),
    bad("shape must be an int or several, got 'flat'", X, shape="flat"),
    bad(r"got \(2.5, 4\)", X, shape=(2.5, 4)),
)
add(
    "flatten",
    *NO_ARRAY,
    bad("start 2 is out of range", X, start=2),
    bad(r"start 1 must not come after end 0 .*\(3, 4\)", X, start=1, end=0),
)
add(
    "squeeze",
    *NO_ARRAY,
    bad("axis 2 is out of range", X, axis=2),
    bad("axis must be an int, got 'a'", X, axis="a"),
)
add(
    "unsqueeze",
    bad("got list", [1.0], axis=0),
    bad("axis 4 is out of range for an array with 3 axes", X, axis=4),
    bad(r"axis \(0, 0\) names one place twice", X, axis=(0, 0)),
)
add(
    "permute",
    bad("got list", [1.0], axes=(0,)),
    bad(r"axes \(0,\) must name each of the 2 axes of x \(3, 4\) once", X, axes=(0,)),
    bad("axes 2 is out of range", X, axes=(0, 2)),
    bad("axes must be an int or several, got None", X, axes=None),
)
add("transpose", *NO_ARRAY, bad("axis0 -2 is out of range for an array with 1 axes", real(3)))
add("transpose", bad("axis1 must be an int, got 'T'", X, axis1="T"))
add(
    "broadcast_to",
    bad("got list", [1.0], shape=(3,)),
    bad(r"x \(3, 4\) does not broadcast to \(3, 5\)", X, shape=(3, 5)),
    bad("shape must be an int or several, got None", X, shape=None),
)
add(
    "flip",
    bad("got list", [1.0], axes=0),
    bad("axes 2 is out of range", X, axes=2),
    bad("got 'x'", X, axes="x"),
)
add(
    "roll",
    bad("got list", [1.0], shift=1, axis=0),
    bad("axis 2 is out of range", X, shift=1, axis=2),
    bad("shift must be an int.*got .*0.5", X, shift=0.5, axis=0),
)
add(
    "tile",
    bad("got list", [1.0], repeats=2),
    bad(r"repeats must not be negative, got \(2, -1\)", X, repeats=(2, -1)),
    bad("repeats must be an int or several, got 1.5", X, repeats=1.5),
)
add(
    "concatenate",
    bad(r"\(3, 4\) and \(3, 5\) must agree on every axis but 0", [zeros(3, 4), zeros(3, 5)]),
    bad(r"\(3,\) and \(3, 4\)", [zeros(3), zeros(3, 4)]),
)
add("stack", bad(r"one shape, got \(3, 4\) and \(3, 5\)", [zeros(3, 4), zeros(3, 5)]), bad("got none", []))
add("concatenate", bad("at least one tensor", []))
add(
    "concatenate stack",
    bad("expected a list of tensors, got NoneType", None),
    bad(r"tensors\[1\] must be a tensor.*got list", [zeros(3), [1.0]]),
    bad("axis 3 is out of range", [zeros(3, 4), zeros(3, 4)], axis=3),
)
add(
    "split",
    bad("got list", [1.0], sizes=1),
    bad(r"sizes \(1, 1\) must add up to 3, axis 0 of x \(3, 4\)", X, sizes=(1, 1)),
    bad("sizes must be positive, got 0", X, sizes=0),
    bad("sizes must be an int or several, got 1.5", X, sizes=1.5),
    bad("axis 2", X, sizes=1, axis=2),
)
add(
    "chunk",
    bad("got list", [1.0], chunks=1),
    bad("chunks must be positive, got 0", X, chunks=0),
    bad("chunks must be an int", X, chunks=None),
    bad("axis 2", X, chunks=1, axis=2),
)
add(
    "tril triu",
    bad("got list", [[1.0]]),
    bad(r"at least two axes, got shape \(3,\)", real(3)),
    bad("diagonal must be an int.*0.5", X, diagonal=0.5),
)
add(
    "pad",
    bad("got list", [1.0], pads=((1, 1),)),
    bad(r"one pair \(before, after\) for each axis of x \(3, 4\), got \(\(1, 1\),\)", X, pads=((1, 1),)),
    bad("got 1", X, pads=1),
    bad("mode must be 'constant', 'reflect' or 'edge', got 'wrap'", X, pads=((0, 0), (0, 0)), mode="wrap"),
    bad(r"take away more than there is of x \(3, 4\)", X, pads=((-4, 0), (0, 0))),
    bad(
        r"reflection of 3 needs more entries than axis 0 has \(3\)", X, pads=((3, 0), (0, 0)), mode="reflect"
    ),
    bad("value must be a number, got 'v'", X, pads=((1, 0), (0, 0)), value="v"),
)

# ── indexing ────────────────────────────────────────────────────────────────────────────────────
add(
    "strided_slice",
    bad("got list", [1.0], starts=(0,), steps=(1,), sizes=(1,)),
    bad(r"inside x \(3, 4\)", X, starts=(0, 0), steps=(1, 2), sizes=(3, 3)),
    bad(r"starts \(0,\)", X, starts=(0,), steps=(1,), sizes=(1,)),
    bad("sizes must be an int or several, got None", X, starts=(0, 0), steps=(1, 1), sizes=None),
)
add(
    "index",
    bad("got list", [1.0], key=0),
    bad(r"3 is out of range for axis 0 of x \(3, 4\)", X, key=3),
    bad(r"3 indices for x \(3, 4\), which has 2 axes", X, key=(0, 0, 0)),
    bad("only one …", X, key=(..., ...)),
    bad("got 'rows'", X, key="rows"),
    bad("use where", X, key=mask(3)(numpy.random.default_rng(0), None)),
)
add(
    "take",
    bad("x must be.*got list", [1.0], ints(1)),
    bad(r"index 3 is out of range for an axis of size 3 \(x \(3, 4\)\)", X, ints(2) + 3),
    bad("index must be of integers, got float32", X, zeros(2)),
    bad("index must be of integers, got 'first'", X, "first"),
    bad("axis 2 is out of range", X, ints(2), axis=2),
)
add(
    "take_along",
    bad("x must be.*got list", [1.0], ints(1), axis=0),
    bad(r"index \(2, 4\) must have the shape of x \(3, 4\) except along axis 1", X, ints(2, 4), axis=1),
    bad("index 4 is out of range", X, ints(3, 2) + 4, axis=1),
    bad("index must be of integers, got float32", X, zeros(3, 2), axis=1),
)
add(
    "scatter_add",
    bad("src must be.*got list", X, ints(3, 2), [1.0], axis=1),
    bad(r"src \(3, 1\) and index \(3, 2\)", X, ints(3, 2), zeros(3, 1), axis=1),
    bad(r"index \(2, 4\) must have the shape of x \(3, 4\)", X, ints(2, 4), zeros(2, 4), axis=1),
    bad("index -5 is out of range", X, ints(3, 2) - 5, zeros(3, 2), axis=1),
)
add(
    "index_add",
    bad("x must be.*got list", [1.0], ints(1), zeros(1)),
    bad("at least one axis", real(), ints(1), zeros(1)),
    bad(r"src \(2, 3\) must have the shape of index \(2,\).*x \(3, 4\)", X, ints(2), zeros(2, 3)),
    bad("index 9 is out of range for an axis of size 3", X, ints(2) + 9, zeros(2, 4)),
)
add(
    "one_hot",
    bad("index must be.*got list", [1], num_classes=3),
    bad("index 3 is out of range", ints(2) + 3, num_classes=3),
    bad("index must be of integers, got float32", zeros(2), num_classes=3),
    bad("num_classes must be at least 1, got 0", ints(2), num_classes=0),
    bad("num_classes must be an int", ints(2), num_classes=None),
    bad("dtype must name.*'number'", ints(2), num_classes=3, dtype="number"),
)
add(
    "embedding",
    bad("weight must be.*got list", [[1.0]], ints(1)),
    bad(r"weight must have shape \(V, D\), got \(3,\)", real(3), ints(1)),
    bad("index -1 is out of range", X, ints(2) - 1),
    bad("index must be of integers", X, zeros(2)),
    bad("padding_idx 3 is out of range", X, ints(2), padding_idx=3),
)

# ── products ────────────────────────────────────────────────────────────────────────────────────
DOUBLE = numpy.zeros((4, 2))
add(
    "matmul",
    bad("expected two tensors, got .* and list", X, [1.0]),
    bad(r"a \(3, 4\) has 4 columns and b \(3, 4\) has 3 rows", X, X),
    bad(r"a \(\) and b \(3, 4\)", real(), X),
    bad("a float32, b float64", X, DOUBLE),
    bad(r"shapes \(2,\) and \(3,\) do not broadcast", real(2, 1, 4), real(3, 4, 1)),
)
add(
    "linear",
    bad("weight must be.*got list", X, [[1.0]]),
    bad(r"x \(3, 4\) and weight \(2, 3\) must be", X, real(2, 3)),
    bad(r"bias must have shape \(2,\), got \(3,\)", X, real(2, 4), real(3)),
    bad("x float32, weight float64", X, DOUBLE.T),
    bad("activation must be None or one of .*got 'gelu'", X, real(2, 4), activation="gelu"),
)
add("dot", bad("a must be.*got list", [1.0], real(1)), bad(r"a \(3,\) and b \(4,\)", real(3), real(4)))
add("dot", bad(r"two vectors of one size, got a \(3, 4\) and b \(3, 4\)", X, X))
add("outer", bad("b must be.*got float", real(3), 1.0), bad(r"a \(3, 4\) and b \(3,\)", X, real(3)))
add(
    "bilinear",
    bad("a must be.*got list", [1.0], X, real(2, 2, 4)),
    bad(r"a \(3, 2\), b \(3, 4\) and weight \(2, 3, 4\)", real(3, 2), X, real(2, 3, 4)),
    bad(r"bias must have shape \(2,\), got \(3,\)", real(3, 2), X, real(2, 2, 4), real(3)),
    bad(r"\(2,\) and \(3,\) do not broadcast", real(2, 2), X, real(2, 2, 4)),
)
add(
    "einsum",
    bad("equation must be a string.*got NoneType", None, X),
    bad("is for 2 operands, got 1", "ij,jk->ik", X),
    bad(r"'ijk' of 'ijk' does not fit an operand of shape \(3, 4\)", "ijk", X),
    bad(r"axis 'j' has sizes 4 and 3 \(operands \(3, 4\) and \(3, 2\)\)", "ij,jk", X, real(3, 2)),
    bad("the output names 'k'", "ij->k", X),
    bad("a letter twice", "ij->ii", X),
    bad("operand 0 must be.*got list", "i->", [1.0]),
)

# ── attention ───────────────────────────────────────────────────────────────────────────────────
q = zeros(2, 3, 4)
add(
    "attention attention_twin",
    bad("query must be.*got list", [1.0], q, q),
    bad("mask must be.*got list", q, q, q, [True]),
    bad(r"last axis, got query \(2, 3, 4\), key \(2, 3, 5\)", q, zeros(2, 3, 5), q),
    bad(r"one length.*key \(2, 3, 4\), value \(2, 4, 4\)", q, q, zeros(2, 4, 4)),
    bad(r"mask \(2, 3\) must broadcast to \(2, 3, 3\)", q, q, q, numpy.ones((2, 3), bool)),
    bad("scale must be a number, got 'root'", q, q, q, scale="root"),
)
add(
    "attention",
    bad(r"leading axes must be equal.*key \(1, 3, 4\)", q, zeros(1, 3, 4), q),
    bad("mask must be bool.*got int64", q, q, q, ints(3, 3)),
    bad(r"equal ranks, got query \(4,\)", zeros(4), q, q),
)
add("attention_twin", bad(r"\(2,\) and \(3,\) and \(2,\) do not broadcast", q, zeros(3, 3, 4), q))
w = zeros(5, 4)
add(
    "additive_attention",
    bad("w_query must be.*got list", q, q, q, [1.0], w, zeros(5)),
    bad(r"weight must be \(A, D\).*w_query \(5, 3\)", q, q, q, zeros(5, 3), w, zeros(5)),
    bad(r"key and value of one length, got .*value \(2, 4, 4\)", q, q, zeros(2, 4, 4), w, w, zeros(5)),
    bad("mask must be bool.*got float32", q, q, q, w, w, zeros(5), zeros(3, 3)),
    bad(r"mask \(2, 2\) must broadcast to \(2, 3, 3\)", q, q, q, w, w, zeros(5), numpy.ones((2, 2), bool)),
    bad(r"bias must have shape \(5,\), got \(4,\)", q, q, q, w, w, zeros(5), None, zeros(4)),
)
add(
    "additive_scores",
    bad("weight must be.*got float", q, q, 1.0),
    bad(r"weight \(1, 4\)", q, q, zeros(1, 4)),
    bad(r"last axis.*weight \(3,\)", q, q, zeros(3)),
    bad(r"leading axes must broadcast.*key \(3, 2, 4\)", q, zeros(3, 2, 4), zeros(4)),
)

# ── windows ─────────────────────────────────────────────────────────────────────────────────────
for n in (1, 2, 3):
    side = (5,) * n
    x, w = zeros(1, 4, *side), zeros(6, 2, *(3,) * n)
    shape = r"\(1, 4, " + ", ".join(map(str, side)) + r"\)"
    add(
        f"conv{n}d conv_transpose{n}d",
        bad("x must be.*got list", [1.0], w),
        bad("weight must be.*got list", x, [1.0]),
        bad(rf"x must have {n + 2} axes .*got shape \(4, 5.*batch axis", x[0], w),
        bad(rf"weight must have {n + 2} axes, got shape \(6, 2", x, w[..., 0]),
        bad("expected floats, got x int64", x.astype(numpy.int64), w),
        bad("stride must be an int or.*got 0", x, w, stride=0),
        bad("dilation must be an int or.*got 'a'", x, w, dilation="a"),
        bad('padding must be an int, ints, pairs, "same" or "valid", got \'full\'', x, w, padding="full"),
        bad("stride must be an int or", x, w, stride=(1,) * (n + 1)),
    )
    add(
        f"conv{n}d",
        bad(rf"x {shape} has 4 channels, but weight .* with groups=1 reads 2", x, w),
        bad("groups=4 must be an integer that divides weight's first axis, 6", x, w, groups=4),
        bad(r"bias must have shape \(6,\), got \(5,\)", x, w, zeros(5), groups=2),
        bad("window of 7", x, zeros(6, 4, *(7,) * n)),
        bad('"same" needs stride 1', x, w, groups=2, padding="same", stride=2),
        bad("activation must be None or one of", x, w, groups=2, activation="gelu"),
    )
    v = zeros(4, 2, *(3,) * n)
    add(
        f"conv_transpose{n}d",
        bad(r"output_padding \(1.* must be below stride", x, v, output_padding=1),
        bad(rf"x {shape} has 4 channels, but weight \(6, 2", x, w),
        bad("groups=3", x, v, groups=3),
        bad(r"bias must have shape \(2,\), got \(3,\)", x, v, zeros(3)),
        bad("leaves nothing of the output", x, v, padding=9),
    )
    pool = [
        bad("x must be.*got list", [1.0], kernel_size=2),
        bad(rf"x must have {n + 2} axes", x[0], kernel_size=2),
        bad("window of 6 positions .* axis of 5", x, kernel_size=6),
        bad("kernel_size must be an int or.*at least 1, got 0", x, kernel_size=0),
        bad("stride must be.*got 1.5", x, kernel_size=2, stride=1.5),
        bad("padding must be.*got -1", x, kernel_size=2, padding=-1),
    ]
    add(f"max_pool{n}d avg_pool{n}d", *pool)
    adaptive = [
        bad("x must be.*got list", [1.0], output_size=2),
        bad(rf"x must have {n + 2} axes", x[0], output_size=2),
        bad("output_size must be an int or", x, output_size=(2,) * (n + 1)),
        bad("output_size.*got", x, output_size=0),
        bad("nothing to pool", x[..., :0], output_size=1),
    ]
    add(f"adaptive_max_pool{n}d adaptive_avg_pool{n}d", *adaptive)
    add(f"avg_pool{n}d", bad("got bool", x > 0, kernel_size=2))
    add(f"adaptive_avg_pool{n}d", bad("got bool", x > 0, output_size=2))
    defaults = {"n": n, "stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}
    for op, more in (("max_pool", {}), ("avg_pool", {"count_include_pad": True})):
        add(op, *(bad(e.text, *e.inputs, op=op, **{**defaults, **more, **e.options}) for e in pool))
    for op in ("adaptive_max_pool", "adaptive_avg_pool"):
        add(op, *(bad(e.text, *e.inputs, op=op, n=n, **e.options) for e in adaptive))

image = zeros(1, 4, 5, 5)
add(
    "global_avg_pool global_max_pool",
    *NO_ARRAY,
    bad(r"batch, channels, space…\).*got shape \(3, 4\)", X),
    bad(r"with something in it, got shape \(1, 2, 0\)", real(1, 2, 0)),
)
add(
    "lp_pool",
    bad("x must be.*got list", [1.0], p=2, kernel_size=2),
    bad(r"got p=0, shape \(1, 4, 5, 5\)", image, p=0, kernel_size=2),
    bad("p must be a number, got None", image, p=None, kernel_size=2),
    bad(r"3 to 5 axes.*shape \(3, 4\)", X, p=2, kernel_size=2),
    bad("window of 6", image, p=2, kernel_size=6),
    bad("x must hold floats, got int64", ints(1, 4, 5, 5), p=2, kernel_size=2),
)
add(
    "max_unpool",
    bad("index must be.*got list", image, [0], output_size=(9, 9)),
    bad(r"x \(1, 4, 5, 5\) and index \(1, 4, 5, 4\)", image, ints(1, 4, 5, 4), output_size=(9, 9)),
    bad(
        r"output_size one entry for each axis of space, got \(9,\)", image, ints(1, 4, 5, 5), output_size=(9,)
    ),
    bad("index must be int64, got float32", image, image, output_size=(9, 9)),
    bad("index 81 is out of range for an axis of size 81", image, ints(1, 4, 5, 5) + 81, output_size=(9, 9)),
    bad("output_size must be an int or several, got None", image, ints(1, 4, 5, 5), output_size=None),
)
box = numpy.zeros((1, 4))
add(
    "roi_align",
    bad("x must be.*got list", [1.0], box, ints(1), output_size=2),
    bad(r"x must have 4 axes .*got shape \(4, 5, 5\)", image[0], box, ints(1), output_size=2),
    bad(
        r"boxes must be \(R, 4\) and index \(R,\), got \(1, 5\)",
        image,
        numpy.zeros((1, 5)),
        ints(1),
        output_size=2,
    ),
    bad("index 2 is out of range", image, box, ints(1) + 2, output_size=2),
    bad("boxes must hold numbers, got <U1", image, TEXT, ints(1), output_size=2),
    bad("index must hold integers, got float32", image, box, zeros(1), output_size=2),
    bad("output_size.*got 0", image, box, ints(1), output_size=0),
    bad(
        "sampling_ratio must be an integer of at least 0, got -1",
        image,
        box,
        ints(1),
        output_size=2,
        sampling_ratio=-1,
    ),
    bad("spatial_scale must be a number, got None", image, box, ints(1), output_size=2, spatial_scale=None),
)

# ── normalization and similarity ────────────────────────────────────────────────────────────────
add(
    "batch_norm batch_norm_train instance_norm",
    bad("x must be.*got list", [1.0]),
    bad("weight must be.*got list", image, [1.0]),
    bad(r"weight must have shape \(4,\) for x \(1, 4, 5, 5\), got \(3,\)", image, zeros(3)),
    bad(r"bias must have shape \(4,\).*got \(3,\)", image, None, zeros(3)),
    bad("eps must be at least 0, got -1", image, eps=-1),
    bad("eps must be a number, got None", image, eps=None),
    bad(r"at least . axes, got shape \(4,\)", zeros(4)),
)
add("batch_norm_train", bad(r"more than one value a channel, got x \(1, 4\)", zeros(1, 4)))
add(
    "batch_norm",
    bad(r"more than one value a channel, got x \(1, 4\)", zeros(1, 4), training=True),
    bad("momentum must be a number, got None", image, momentum=None),
    bad("go together", image, running_mean=zeros(4)),
    bad(
        r"running_mean must have shape \(4,\).*got \(3,\)", image, running_mean=zeros(3), running_var=zeros(4)
    ),
    bad(
        "running_mean must be a tensor in training",
        image,
        running_mean=zeros(4),
        running_var=zeros(4),
        training=True,
    ),
)
add(
    "film",
    bad("x must be.*got list", [1.0], X, X),
    bad("gamma must be.*got list", X, [1.0], X),
    bad("floats of one dtype, got x float32, gamma float32, beta int64", X, X, ints(3, 4)),
    bad(r"\(N, C, space…\), got shape \(4,\)", zeros(4), zeros(4), zeros(4)),
    bad(r"gamma must be \(1, 4\) like x's, got \(4,\)", image, zeros(4), zeros(1, 4)),
    bad(r"beta must be \(1, 4\) like x's, got \(1, 4, 1, 1\)", image, zeros(1, 4), zeros(1, 4, 1, 1)),
)
add("instance_norm", bad(r"at least 3 axes, got shape \(3, 4\)", X))
add(
    "group_norm",
    bad("x must be.*got list", [1.0], num_groups=1),
    bad(r"num_groups=3 must divide the 4 channels of \(1, 4, 5, 5\)", image, num_groups=3),
    bad("num_groups=None", image, num_groups=None),
    bad(r"weight must have shape \(4,\).*got \(3,\)", image, zeros(3), num_groups=2),
    bad("eps must be at least 0, got -1", image, num_groups=2, eps=-1),
)
add(
    "layer_norm layer_norm_twin rms_norm",
    bad("x must be.*got list", [1.0], normalized_shape=1),
    bad(r"x \(2, 3, 4\) must end in normalized_shape \(3,\)", q, normalized_shape=(3,)),
    bad(r"weight must have shape \(4,\).*got \(3,\)", q, zeros(3), normalized_shape=4),
    bad("normalized_shape must be an int or several, got 'last'", q, normalized_shape="last"),
    bad("eps must be at least 0, got -1", q, normalized_shape=4, eps=-1),
)
add("layer_norm layer_norm_twin", bad(r"bias must have shape \(4,\)", q, None, zeros(3), normalized_shape=4))
add("normalize normalize_rows", *NO_ARRAY)
add(
    "normalize normalize_rows",
    bad("eps must be positive, got 0.0", q, eps=0.0),
    bad("eps.*got None", q, eps=None),
)
add(
    "normalize",
    bad("axis 3 is out of range", q, axis=3),
    bad("axis must be an int, got 'row'", q, axis="row"),
)
add("normalize_rows", bad(r"at least one axis, got x \(\)", real()))
add(
    "cosine_similarity cosine_similarity_twin",
    bad("b must be.*got list", X, [1.0]),
    bad(r"along axis -1, got \(3, 4\) and \(3, 5\)", X, real(3, 5)),
    bad(r"along axis 2, got", X, X, axis=2),
    bad(r"\(2, 4\) and \(3, 4\) do not broadcast", real(2, 4), X),
    bad("axis must be an int.*None", X, X, axis=None),
    bad("eps must be positive, got 0", X, X, eps=0),
)
add(
    "cosine_similarity_matrix",
    bad("a must be.*got list", [[1.0]], X),
    bad(r"one D, got \(3, 4\) and \(2, 5\)", X, real(2, 5)),
    bad("eps must be positive, got -1", X, X, eps=-1),
)
add(
    "cosine_topk",
    bad("queries must be.*got list", [[1.0]], X, k=1),
    bad(r"queries \(N, D\) and database \(M, D\) with one D, got \(3, 4\) and \(2, 5\)", X, real(2, 5), k=1),
    bad("k=4 must be between 1 and the 3 rows", X, X, k=4),
    bad("k=0 ", X, X, k=0),
    bad("k=1.5 ", X, X, k=1.5),
)
add(
    "dropout",
    *NO_ARRAY,
    bad("p must be between 0 and 1, got 1.5", X, p=1.5),
    bad("p must be a number, got 'half'", X, p="half"),
    bad("generator must be a Generator, got int", X, generator=3),
)

# ── recurrence ──────────────────────────────────────────────────────────────────────────────────
for ops_of, gates, states in (("lstm lstm_twin", 4, 2), ("gru gru_twin", 3, 1), ("rnn", 1, 1)):
    none, h = (None,) * states, (zeros(2, 2),) * states
    w_ih, w_hh = zeros(gates * 3, 4), zeros(gates * 3, 3)
    add(
        ops_of,
        bad("x must be.*got list", [1.0], *none, w_ih, w_hh),
        bad("w_hh must be.*got NoneType", q, *none, w_ih, None),
        bad(r"x must have 3 axes \(time, batch, features\).*got x \(3, 4\)", q[0], *none, w_ih, w_hh),
        bad(rf"w_ih must have shape \({gates * 3}, 4\) for x \(2, 3, 4\).*got", q, *none, zeros(5, 4), w_hh),
        bad(r"h0 must have shape \(3, 3\).*got \(2, 2\)", q, *h, w_ih, w_hh),
        bad(rf"b_ih must have shape \({gates * 3},\).*got \(2,\)", q, *none, w_ih, w_hh, zeros(2)),
        bad("b_hh must be.*got float", q, *none, w_ih, w_hh, None, 0.5),
        bad("lengths must be int64, got float32", q, *none, w_ih, w_hh, None, None, zeros(3)),
        bad(r"lengths must have shape \(3,\).*got \(2,\)", q, *none, w_ih, w_hh, None, None, ints(2)),
    )
for op, gates, states in (("lstm_cell", 4, 2), ("gru_cell", 3, 1)):
    x, h = zeros(3, 4), (zeros(3, 2),) * states
    w_ih, w_hh = zeros(gates * 2, 4), zeros(gates * 2, 2)
    add(
        op,
        bad("x must be.*got list", [1.0], *h, w_ih, w_hh),
        bad("h must be.*got NoneType", x, None, *h[1:], w_ih, w_hh),
        bad(r"x must have 2 axes \(batch, features\).*got x \(2, 3, 4\)", q, *h, w_ih, w_hh),
        bad(r"h must have shape \(3, 2\).*got \(3, 5\)", x, zeros(3, 5), *h[1:], w_ih, w_hh),
        bad(rf"w_ih must have shape \({gates * 2}, 4\)", x, *h, zeros(5, 4), w_hh),
        bad(rf"b_ih must have shape \({gates * 2},\)", x, *h, w_ih, w_hh, zeros(3)),
    )
add(
    "rnn",
    bad("nonlinearity must be .*got 'sin'", q, None, zeros(2, 4), zeros(2, 2), nonlinearity="sin"),
)
add(
    "lstm_twin",
    bad(
        r"peephole must have shape \(3, 2\), got \(2, 2\)",
        *(q, None, None, zeros(8, 4), zeros(8, 2), None, None, None, zeros(2, 2)),
    ),
    bad("clip must be at least 0, got -1", q, None, None, zeros(8, 4), zeros(8, 2), clip=-1),
)
add("gru_twin", bad("clip must be a number, got 'no'", q, None, zeros(6, 4), zeros(6, 2), clip="no"))

# ── losses ──────────────────────────────────────────────────────────────────────────────────────
add(
    "cross_entropy cross_entropy_twin nll_loss",
    bad("must be a tensor or an array of numbers, got list", [[1.0]], ints(1)),
    bad("target must be .*list", X, [0, 1, 2]),
    bad(r"\(3, 4\) need a target of shape \(3,\) .*got \(2,\)", X, ints(2)),
    bad(r"target must be in \[0, 4\).*got 4", X, ints(3) + 4),
    bad(r"weight must have shape \(4,\), got \(3,\)", X, ints(3), zeros(3)),
    bad("target must hold int64 class numbers, got int32", X, ints(3).astype(numpy.int32)),
    bad('reduction must be "mean", "sum" or "none", got \'avg\'', X, ints(3), reduction="avg"),
    bad("ignore_index must be an int.*None", X, ints(3), ignore_index=None),
    bad(r"got a single number", real(), ints()),
)
add(
    "cross_entropy cross_entropy_twin",
    bad("label_smoothing must be between 0 and 1, got 2", X, ints(3), label_smoothing=2),
    bad("label_smoothing must be a number, got None", X, ints(3), label_smoothing=None),
)
add(
    "cross_entropy", bad(r"probabilities must have the shape of logits \(3, 4\), got \(3, 5\)", X, real(3, 5))
)
for op, names in (
    ("mse_loss", "prediction target"),
    ("l1_loss", "prediction target"),
    ("huber_loss", "prediction target"),
    ("smooth_l1_loss", "prediction target"),
    ("kl_div", "log_prediction target"),
    ("hinge_embedding_loss", "x target"),
    ("binary_cross_entropy", "probability target"),
    ("binary_cross_entropy_with_logits", "logits target"),
):
    first, second = names.split()
    add(
        op,
        bad(f"{first} must be.*got list", [1.0], real(1)),
        bad(f"{second} must be.*got float", X, 1.0),
        bad(rf"{first} and {second} must have one shape, got \(3,\) and \(3, 1\)", real(3), real(3, 1)),
        bad('reduction must be "mean", "sum" or "none", got \'avg\'', X, X, reduction="avg"),
    )
add(
    "huber_loss",
    bad("threshold must be positive, got 0.0", X, X, delta=0.0),
    bad("got None", X, X, delta=None),
)
add(
    "smooth_l1_loss",
    bad("positive, got -1", X, X, beta=-1),
    bad("beta must be a number, got None", X, X, beta=None),
)
add(
    "binary_cross_entropy binary_cross_entropy_with_logits",
    bad(r"\(3, 4\) and \(3,\) do not broadcast", X, X, real(3)),
    bad(r"weight \(2, 3, 4\) must broadcast to \(3, 4\)", X, X, real(2, 3, 4)),
    bad("weight must be.*got float", X, X, 0.5),
)
add("binary_cross_entropy_with_logits", bad("pos_weight must be.*got float", X, X, None, 0.5))
add(
    "cosine_embedding_loss",
    bad("a must be.*got list", [1.0], X, real(3)),
    bad(r"a and b must have one shape, got \(3, 4\) and \(2, 4\)", X, real(2, 4), real(3)),
    bad(r"cos\(a, b\) and target must have one shape, got \(3,\) and \(2,\)", X, X, real(2)),
    bad("margin must be a number, got None", X, X, real(3), margin=None),
    bad("reduction must be", X, X, real(3), reduction="avg"),
)
add(
    "margin_ranking_loss",
    bad("b must be.*got list", X, [1.0], X),
    bad(r"a and b must have one shape, got \(3, 4\) and \(4,\)", X, real(4), X),
    bad(r"a and target must have one shape, got \(3, 4\) and \(3,\)", X, X, real(3)),
    bad("margin must be a number, got 'm'", X, X, X, margin="m"),
    bad("reduction must be", X, X, X, reduction="avg"),
)
add(
    "triplet_margin_loss",
    bad("positive must be.*got list", X, [1.0], X),
    bad(r"anchor and negative must have one shape, got \(3, 4\) and \(3, 5\)", X, X, real(3, 5)),
    bad("p must be at least 1, got 0", X, X, X, p=0),
    bad("margin must be a number, got None", X, X, X, margin=None),
    bad("eps must be a number, got None", X, X, X, eps=None),
    bad("reduction must be", X, X, X, reduction="avg"),
)
add("hinge_embedding_loss", bad("margin must be a number, got None", X, X, margin=None))

ROWS = [Row(op, getattr(ops, op), None, [], errors=errors) for op, errors in ERRORS.items()]
