"""Running sums and products, and the k largest: results that keep an order along an axis."""

from .. import kernels
from ..autograd import primitive
from .broadcast import normalize_axis
from .check import check_arrays

__all__ = ["cumsum", "cumprod", "topk", "sort"]


def positions(k, n):
    """0, 1, …, n − 1 as float64 on a floor, without a visit to the host."""
    return k.scan("sum", k.full((n,), 1.0, "float64"), 0, True, False)


@primitive
def cumsum(x, *, axis, exclusive=False, reverse=False):
    """Running sum along an axis.

    Forward    y_i = Σ_{j≤i} x_j; exclusive: j < i; reverse: j ≥ i (or j > i)
    Backward   ∂L/∂x_j = Σ_{i≥j} ∂L/∂y_i: the same sum, run the other way
    Shapes     x (…) → y (…)
    Errors     ValueError for an axis out of range
    """
    check_arrays("cumsum", x=x)
    axis = normalize_axis("cumsum", axis, x.ndim)
    k = kernels.of(x)
    y = k.scan("sum", x, axis, exclusive, reverse)
    return y, lambda dy: k.scan("sum", dy, axis, exclusive, not reverse)


@primitive
def cumprod(x, *, axis, exclusive=False, reverse=False):
    """Running product along an axis.

    Forward    y_i = Π_{j≤i} x_j; exclusive: j < i; reverse: j ≥ i (or j > i)
    Backward   ∂L/∂x_j = (Π_{l<j} x_l) Σ_{i≥j} ∂L/∂y_i Π_{j<l≤i} x_l
    Shapes     x (…) → y (…)
    Errors     ValueError for an axis out of range
    Note       The gradient never divides, so zeros do no harm; it takes n² numbers for an axis of size n.
    """
    check_arrays("cumprod", x=x)
    axis = normalize_axis("cumprod", axis, x.ndim)
    k = kernels.of(x)
    y = k.scan("prod", x, axis, exclusive, reverse)

    def backward(dy):
        last = x.ndim - 1
        order = tuple({axis: last, last: axis}.get(i, i) for i in range(x.ndim))
        rows, drows = k.permute(x, order), k.permute(dy, order)
        n, shape = rows.shape[last], tuple(rows.shape)
        place = positions(k, n)
        j, i = place.reshape((n, 1)), place.reshape((1, n))
        later = k.map("less" if not reverse else "greater", j, i)  # i comes after j in the order of the scan
        # between[…, j, i] = Π x_l over the l after j up to i
        factors = k.map("where", later, rows.reshape((*shape[:-1], 1, n)), 1.0)
        between = k.scan("prod", factors, last + 1, exclusive, reverse)
        reached = later if exclusive else k.map("logical_or", later, k.map("equal", j, i))
        terms = k.map("mul", between, drows.reshape((*shape[:-1], 1, n)))
        total = k.reduce("sum", k.map("where", reached, terms, 0.0), (last + 1,), False)
        before = k.scan("prod", rows, last, True, reverse)
        return k.permute(k.map("mul", before, total), order)

    return y, backward


@primitive
def topk(x, *, k, axis=-1, largest=True):
    """The k largest entries along an axis, falling, and where they are; or the smallest, rising.

    Forward    values = x[index], index the positions of the k largest; the lower position first on ties
    Backward   ∂L/∂x[index] = ∂L/∂values, 0 elsewhere
    Shapes     x (…) → values (…), index (…)
    Errors     ValueError for k below 0 or above the size of the axis
    """
    check_arrays("topk", x=x)
    axis = normalize_axis("topk", axis, x.ndim)
    n = x.shape[axis]
    if isinstance(k, bool) or not hasattr(k, "__index__") or not 0 <= k.__index__() <= n:
        raise ValueError(
            f"topk: k must be an int from 0 to {n} (axis {axis} of x {tuple(x.shape)}), got {k!r}"
        )
    f = kernels.of(x)
    last = x.ndim - 1
    order = tuple({axis: last, last: axis}.get(i, i) for i in range(x.ndim))
    rows = x if axis == last else f.permute(x, order)
    values, index = f.topk(rows if largest else f.map("neg", rows), k.__index__())
    values = values if largest else f.map("neg", values)
    if axis != last:
        values, index = f.permute(values, order), f.permute(index, order)
    return (values, index), lambda dvalues, dindex: f.take_along_add(dvalues, index, axis, n)


def sort(x, *, axis=-1, descending=False):
    """The entries in order along an axis, and where each was; composed of topk.

    Forward    values = x[index], rising, or falling with descending; the lower position first on ties
    Shapes     x (…) → values (…), index (…)
    """
    check_arrays("sort", x=x)
    axis = normalize_axis("sort", axis, x.ndim)
    return topk(x, k=x.shape[axis], axis=axis, largest=descending)
