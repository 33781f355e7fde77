"""Unit length and cosine similarity."""

from .. import kernels
from ..autograd import no_grad, primitive
from . import arithmetic, elementary
from .broadcast import broadcast_shapes, normalize_axis
from .check import check_arrays, check_number, integers
from .linear import linear
from .reduction import sum as sum_of
from .shape import transpose

__all__ = [
    "cosine_similarity", "cosine_similarity_matrix", "cosine_similarity_twin", "cosine_topk",
    "normalize", "normalize_rows",
]  # fmt: skip


@primitive
def normalize_rows(x, *, eps=1e-12):
    """Rows of unit length.

    Forward    y = x / max(‖x‖, eps) along the last axis
    Backward   ∂L/∂x = (dy − y (y · dy)) / ‖x‖, tangent to the sphere; dy/eps where ‖x‖ < eps
    Shapes     x (…, D) → y (…, D)
    Errors     ValueError for a 0-d x or an eps that is not positive
    """
    check_arrays("normalize_rows", x=x)
    _check_eps("normalize_rows", eps)
    if x.ndim == 0:
        raise ValueError(f"normalize_rows: needs at least one axis, got x {tuple(x.shape)}")
    k = kernels.of(x)
    rows = (x.size // x.shape[-1] if x.shape[-1] else 0, x.shape[-1])
    y, norm = k.l2_normalize(x.reshape(rows), eps)

    def backward(dy):
        return k.l2_normalize_backward(dy.reshape(rows), y, norm, eps).reshape(x.shape)

    return y.reshape(x.shape), backward


def normalize(x, *, axis=-1, eps=1e-12):
    """Vectors of unit length along an axis, composed: ``normalize_rows`` with that axis last.

    Forward    y = x / max(‖x‖, eps)
    Shapes     x (…, D, …) → y (…, D, …)
    Note       a zero vector stays zero
    """
    check_arrays("normalize", x=x)
    _check_eps("normalize", eps)
    axis = normalize_axis("normalize", axis, x.ndim)
    if axis == x.ndim - 1:
        return normalize_rows(x, eps=eps)
    return transpose(normalize_rows(transpose(x, axis0=axis, axis1=-1), eps=eps), axis0=axis, axis1=-1)


def cosine_similarity(a, b, *, axis=-1, eps=1e-8):
    """The cosine of the angle between vectors, composed.

    Forward    cos = (a · b) / (max(‖a‖, eps) · max(‖b‖, eps));
               hence ∂cos/∂a = (b̂ − cos · â)/‖a‖, which is orthogonal to a
    Shapes     a, b (…, D, …) that broadcast, D the same → cos (…), the axis gone
    Errors     ValueError where the axis is not of one length, or names two different places (arrays of
               different rank with an axis that is counted from the left)
    Note       a zero vector has cosine 0 with everything; N vectors beside M need axes of their own
               (a[:, None], b[None]), or ``cosine_similarity_matrix``
    """
    _check_axis("cosine_similarity", a, b, axis)
    _check_eps("cosine_similarity", eps)
    product = arithmetic.mul(normalize(a, axis=axis, eps=eps), normalize(b, axis=axis, eps=eps))
    return sum_of(product, axis=axis)


def cosine_similarity_twin(a, b, *, axis=-1, eps=1e-8):
    """The cosine line by line: ``cosine_similarity`` composed of plain operations.

    Forward    cos = Σ a ⊙ b / (max(√Σ a², eps) · max(√Σ b², eps))
    Shapes     a, b (…, D, …) that broadcast, D the same → cos (…), the axis gone
    Errors     as ``cosine_similarity``
    """
    _check_axis("cosine_similarity_twin", a, b, axis)
    _check_eps("cosine_similarity_twin", eps)

    def length(x):
        # √ has no slope at 0: there the maximum is eps, and the square stays away from the root.
        square = sum_of(elementary.square(x), axis=axis)
        return elementary.sqrt(arithmetic.maximum(square, eps * eps))

    dot = sum_of(arithmetic.mul(a, b), axis=axis)
    return arithmetic.div(dot, arithmetic.mul(length(a), length(b)))


def cosine_similarity_matrix(a, b, *, eps=1e-12):
    """The cosine of every row of a with every row of b, composed.

    Forward    C = Â B̂ᵀ, rows of unit length
    Shapes     a (N, D), b (M, D) → C (N, M)
    Errors     ValueError where the rows differ in length
    """
    _check_rows("cosine_similarity_matrix", "a", a, "b", b)
    _check_eps("cosine_similarity_matrix", eps)
    return linear(normalize(a, eps=eps), normalize(b, eps=eps))


@primitive
def _topk_rule(queries, database, *, k, normalized):
    """Search.

    Forward    the k rows of database with the largest (q · d)/(‖q‖ ‖d‖) for each query, falling
    Backward   none: a search gives data
    Shapes     queries (Q, D), database (N, D) → score (Q, k), id (Q, k)
    """
    result = kernels.of(queries).cosine_topk(queries, database, k, normalized)
    return tuple(result), lambda *_: (None, None)


def cosine_topk(queries, database, *, k, normalized=False):
    """The nearest rows of a database by cosine, composed around one kernel; data, without gradient.

    Forward    the k rows with the largest (q · d)/(‖q‖ ‖d‖) for each query, falling, lower id first on ties
    Shapes     queries (Q, D), database (N, D) → score (Q, k), id (Q, k)
    Errors     ValueError where rows differ in length, or k is not in 1 … N
    Note       normalized: all rows have unit length already
    """
    _check_rows("cosine_topk", "queries", queries, "database", database)
    if not isinstance(k, int) or not 1 <= k <= database.shape[0]:
        raise ValueError(
            f"cosine_topk: k={k!r} must be between 1 and the {database.shape[0]} rows of the database"
        )
    with no_grad():
        return _topk_rule(queries, database, k=k, normalized=bool(normalized))


def _check_eps(op, eps):
    check_number(op, "eps", eps)
    if not eps > 0:
        raise ValueError(f"{op}: eps must be positive, got {eps!r}")


def _check_axis(op, a, b, axis):
    """A cosine is of two vectors of one length: broadcasting must not make a vector of one number."""
    check_arrays(op, a=a, b=b)
    (axis,) = integers(op, "axis", (axis,))
    inside = all(-x.ndim <= axis < x.ndim for x in (a, b))
    if not inside or (axis >= 0 and a.ndim != b.ndim) or a.shape[axis] != b.shape[axis]:
        raise ValueError(
            f"{op}: expected a and b with vectors of one length along axis {axis}, "
            f"got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    broadcast_shapes(op, a, b)


def _check_rows(op, name_a, a, name_b, b):
    check_arrays(op, **{name_a: a, name_b: b})
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"{op}: expected {name_a} (N, D) and {name_b} (M, D) with one D, "
            f"got {tuple(a.shape)} and {tuple(b.shape)}"
        )
