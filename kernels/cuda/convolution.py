"""Convolution over 1 to 3 spatial axes as implicit matrix products. Equal to ``reference.convolution``.

Fewer than three spatial axes are filled up in front with axes of one entry. Each group is one matrix
product of ``product.py``, whose matrix of windows is never written out (Chetlur et al., 2014): entries are
read where they lie.

    forward           y[k, (b, o)] = φ(bias[k] + Σ_{(c, j)} W[k, (c, j)] · X[(c, j), (b, o)])
    input gradient    dx[c, (b, i)] = Σ_{(k, j)} W[(k, j), c] · dY[(k, j), (b, i)]
    weight gradient   dW[k, (c, j)] = Σ_{(b, o)} dY[k, (b, o)] · X[(b, o), (c, j)]

A kernel of one tap that moves by one and is not padded is a plain product over channels: the windows are
the entries themselves. Errors are those of the sums: as many roundings as terms at most.
"""

import math as host_math

from .launch import device
from .memory import empty
from .product import Target, product
from .reduce import reduce
from .stride import divisors, quotient
from .tile import Operand, batch

__all__ = ["conv", "conv_input_gradient", "conv_parameter_gradients", "conv_weight_gradient"]

# Address parameters of the windows, after the nine of tile.py; three axes each, a divisor is three numbers:
#   9 S, the input's spatial sizes   18 J, the kernel's   27 O, the output's   36 stride
#  45 padding before   48 dilation   51 channels of a batch entry of the array in question (all groups)
_S, _J, _O, _STRIDE, _PADDING, _DILATION, _CHANNELS = 9, 18, 27, 36, 45, 48, 51


@device
def _split(i, p, at):
    """(channel or batch entry, and three coordinates) of a flat index; the sizes' divisors stand at p[at]."""
    a = quotient(i, p, at + 6)
    i2 = i - a * p[at + 6]
    b = quotient(a, p, at + 3)
    i1 = a - b * p[at + 3]
    c = quotient(b, p, at)
    return c, b - c * p[at], i1, i2


@device
def _at_place(x, start, place, tap, p):
    """X[(c, j), (b, o)] = x[b, c, o·stride + j·dilation − padding], 0 outside; (b, o) is the free index."""
    b, o0, o1, o2 = _split(place, p, _O)
    c, j0, j1, j2 = _split(tap, p, _J)
    i0 = o0 * p[_STRIDE] + j0 * p[_DILATION] - p[_PADDING]
    i1 = o1 * p[_STRIDE + 3] + j1 * p[_DILATION + 1] - p[_PADDING + 1]
    i2 = o2 * p[_STRIDE + 6] + j2 * p[_DILATION + 2] - p[_PADDING + 2]
    if i0 < 0 or i0 >= p[_S] or i1 < 0 or i1 >= p[_S + 3] or i2 < 0 or i2 >= p[_S + 6]:
        return x.dtype.type(0)
    return x[start + (((b * p[_CHANNELS] + c) * p[_S] + i0) * p[_S + 3] + i1) * p[_S + 6] + i2]


@device
def _at_tap(x, start, tap, place, p):
    """The same entry; here the tap (c, j) is the free index."""
    return _at_place(x, start, place, tap, p)


@device
def _came_from(dy, start, place, tap, p):
    """dY[(k, j), (b, i)] = dy[b, k, o] with o·stride + j·dilation − padding = i, 0 where no o is."""
    b, i0, i1, i2 = _split(place, p, _S)
    k, j0, j1, j2 = _split(tap, p, _J)
    n0 = i0 + p[_PADDING] - j0 * p[_DILATION]
    n1 = i1 + p[_PADDING + 1] - j1 * p[_DILATION + 1]
    n2 = i2 + p[_PADDING + 2] - j2 * p[_DILATION + 2]
    if n0 < 0 or n1 < 0 or n2 < 0:
        return dy.dtype.type(0)
    o0, o1, o2 = quotient(n0, p, _STRIDE), quotient(n1, p, _STRIDE + 3), quotient(n2, p, _STRIDE + 6)
    if n0 != o0 * p[_STRIDE] or n1 != o1 * p[_STRIDE + 3] or n2 != o2 * p[_STRIDE + 6]:
        return dy.dtype.type(0)
    if o0 >= p[_O] or o1 >= p[_O + 3] or o2 >= p[_O + 6]:
        return dy.dtype.type(0)
    return dy[start + (((b * p[_CHANNELS] + k) * p[_O] + o0) * p[_O + 3] + o1) * p[_O + 6] + o2]


# A batch entry's channels, each a row of positions: p[9:12] divisors of the positions, p[12] channels.
@device
def _channel_of(x, start, place, channel, p):
    """x[b, channel, o] for the free index (b, o)."""
    b = quotient(place, p, 9)
    return x[start + (b * p[12] + channel) * p[9] + (place - b * p[9])]


@device
def _place_of(x, start, channel, place, p):
    """x[b, channel, o] for the free index channel."""
    return _channel_of(x, start, place, channel, p)


@device
def _store_by_channel(start, channel, place, p):
    """Where out[b, channel, o] lies, for the result (channel, (b, o))."""
    b = quotient(place, p, 9)
    return start + (b * p[12] + channel) * p[9] + (place - b * p[9])


@device
def _weight_columns(weight, start, c, tap, p):
    """W[(k, j), c]: p[9:12] divisors of the taps, p[12] channels of a group."""
    k = quotient(tap, p, 9)
    return weight[start + (k * p[12] + c) * p[9] + (tap - k * p[9])]


class _Geometry:
    """Sizes of a convolution, of x, weight and y, and what its three products are told of them."""

    def __init__(self, x_shape, weight_shape, out, stride, padding, dilation, groups):
        self.batch, self.channels, self.kernels, self.groups = x_shape[0], x_shape[1], weight_shape[0], groups
        self.inside, self.places = host_math.prod(x_shape[2:]), host_math.prod(out)
        self.taps = host_math.prod(weight_shape[2:])
        self.group_channels, self.group_kernels = weight_shape[1], weight_shape[0] // groups
        before = tuple(pair[0] for pair in padding)
        self.plain = self.taps == 1 and set(stride) == {1} and not any(map(any, padding))
        axes = [(x_shape[2:], 1), (weight_shape[2:], 1), (out, 1), (stride, 1), (before, 0), (dilation, 1)]
        s, j, o, step, pad, reach = ((fill,) * (3 - len(v)) + tuple(v) for v, fill in axes)
        self.window = (*divisors(*s, *j, *o, *step), *pad, *reach)

    def of_group(self, step):
        """Address parameters of a batch of groups that lie ``step`` entries apart."""
        return batch((self.groups,), (step,))

    def x_windows(self, x, by_place):
        """x as the matrix of windows, its places or its taps as free index."""
        place = self.of_group(self.group_channels * self.inside)
        if self.plain:
            load = _channel_of if by_place else _place_of
            return Operand(x, (*place, *divisors(self.inside), self.channels), by_place, load)
        load = _at_place if by_place else _at_tap
        return Operand(x, (*place, *self.window, self.channels), by_place, load)

    def by_channel(self, step_channels, places, channels):
        """Address parameters of an array (B, channels, places), ``step_channels`` channels a group."""
        return *self.of_group(step_channels * places), *divisors(places), channels


def conv(x, weight, bias, stride, padding, dilation, groups, activation=None):
    """y[b, k, o] = φ(bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o·stride + j·dilation − padding₀])."""
    axes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    out = tuple((n + p[0] + p[1] - d * (j - 1) - 1) // s + 1 for n, j, s, p, d in axes)
    y = empty((x.shape[0], weight.shape[0], *out), x.dtype)
    g = _Geometry(x.shape, weight.shape, out, stride, padding, dilation, groups)
    terms = g.group_channels * g.taps
    rows = Operand(weight, (*g.of_group(g.group_kernels * terms), terms, 1), False)
    target = Target(
        y, g.by_channel(g.group_kernels, g.places, g.kernels), _store_by_channel, g.places % 4 == 0,
        bias, (g.group_kernels, 1, 0), activation,
    )  # fmt: skip
    return product(target, rows, g.x_windows(x, True), (groups, g.group_kernels, g.batch * g.places, terms))


def conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups):
    """dx[b, c, i] = Σ_{k, j, o: o·stride + j·dilation − padding₀ = i} weight[k, c, j] · dy[b, k, o]."""
    dx = empty(x_shape, dy.dtype)
    g = _Geometry(dx.shape, weight.shape, dy.shape[2:], stride, padding, dilation, groups)
    own = g.of_group(g.group_kernels * g.group_channels * g.taps)
    if g.taps == 1:
        columns = Operand(weight, (*own, 1, g.group_channels), True)
    else:
        columns = Operand(weight, (*own, *divisors(g.taps), g.group_channels), False, _weight_columns)
    if g.plain:
        sources = Operand(dy, g.by_channel(g.group_kernels, g.places, g.kernels), True, _channel_of)
    else:
        place = (*g.of_group(g.group_kernels * g.places), *g.window, g.kernels)
        sources = Operand(dy, place, True, _came_from)
    place = g.by_channel(g.group_channels, g.inside, g.channels)
    target = Target(dx, place, _store_by_channel, g.inside % 4 == 0)
    sizes = (groups, g.group_channels, g.batch * g.inside, g.group_kernels * g.taps)
    return product(target, columns, sources, sizes)


def conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o·stride + j·dilation − padding₀]."""
    dweight = empty(weight_shape, dy.dtype)
    g = _Geometry(x.shape, dweight.shape, dy.shape[2:], stride, padding, dilation, groups)
    rows = Operand(dy, g.by_channel(g.group_kernels, g.places, g.kernels), False, _place_of)
    terms = g.group_channels * g.taps
    target = Target(dweight, (*g.of_group(g.group_kernels * terms), terms, 1), groups=terms % 4 == 0)
    return product(target, rows, g.x_windows(x, False), (groups, g.group_kernels, terms, g.batch * g.places))


def conv_parameter_gradients(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW, and db[k] = Σ_{b, o} dy[b, k, o]."""
    dweight = conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups)
    return dweight, reduce("sum", dy, (0, *range(2, dy.ndim)), False)
