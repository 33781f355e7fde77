"""Convolution and transposed convolution layers over one, two or three axes of space."""

from .. import ops
from ..ops.epilogue import check_activation
from . import init
from .check import positive, shape, tuple_of
from .linear import zeros
from .module import Module

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}


class _Convolution(Module):
    """What all six share: sizes, parameters, how they begin."""

    axes = None
    operation = None

    def _build(self, weight_shape, bias, generator):
        self.weight = zeros(*weight_shape)
        self.bias = zeros(self.out_channels) if bias else None
        self.reset_parameters(generator)

    def _sizes(self, in_channels, out_channels, kernel_size, stride, dilation, groups):
        positive(self, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{type(self).__name__}: groups {groups} must divide in_channels {in_channels} "
                f"and out_channels {out_channels}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        for name, value in (("kernel_size", kernel_size), ("stride", stride), ("dilation", dilation)):
            sizes = tuple_of(self, name, value, self.axes)
            for size in sizes:
                positive(self, **{name: size})
            setattr(self, name, sizes)

    def reset_parameters(self, generator=None):
        """Draw the parameters anew."""
        init.fan_in_uniform_(self.weight, self.bias, generator)

    def _check(self, x):
        shape(self, "x", x, "B", self.in_channels, *("D", "H", "W")[-self.axes :])

    def extra_repr(self):
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, groups={self.groups}, bias={self.bias is not None}"
        )


class _Conv(_Convolution):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
                 bias=True, padding_mode="zeros", *, activation=None, generator=None):  # fmt: skip
        check_activation(type(self).__name__, activation)
        self.activation = activation
        self._sizes(in_channels, out_channels, kernel_size, stride, dilation, groups)
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"{type(self).__name__}: padding_mode must be one of {tuple(PADDING_MODES)}, "
                f"got {padding_mode!r}"
            )
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(
                f"{type(self).__name__}: padding must be 'same', 'valid', an int or ints, got {padding!r}"
            )
        self.padding = padding if isinstance(padding, str) else tuple_of(self, "padding", padding, self.axes)
        self.padding_mode = padding_mode
        self._build((out_channels, in_channels // groups, *self.kernel_size), bias, generator)

    def forward(self, x):
        self._check(x)
        padding = self.padding
        if self.padding_mode != "zeros" and padding != "valid":
            x = ops.pad(x, pads=((0, 0), (0, 0), *self._pairs()), mode=PADDING_MODES[self.padding_mode])
            padding = 0
        return self.operation(
            x, self.weight, self.bias, stride=self.stride, padding=padding, dilation=self.dilation,
            groups=self.groups, activation=self.activation,
        )  # fmt: skip

    def _pairs(self):
        """The padding before and after each axis, spelt out."""
        if self.padding != "same":
            return tuple(p if isinstance(p, tuple | list) else (p, p) for p in self.padding)
        reach = (d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True))
        return tuple((r // 2, r - r // 2) for r in reach)


class Conv1d(_Conv):
    """Convolution over time (LeCun et al., 1989), as a cross-correlation.

    Forward    y[k, o] = φ(b[k] + Σ_{c, j} W[k, c, j] x[c, o·stride + j·dilation − padding]);
               activation φ: None, "relu", "tanh" or "sigmoid", in the same pass
    Shapes     x (B, C, W), weight (K, C/groups, J), bias (K,) → y (B, K, O),
               O = (W + 2·padding − dilation·(J − 1) − 1) // stride + 1
    Errors     ValueError where x is not (B, C, W)
    Begins     weight, bias ~ U(−b, b), b = 1/√(C/groups · J)
    """

    axes, operation = 1, staticmethod(ops.conv1d)


class Conv2d(_Conv):
    """Convolution over a picture: ``Conv1d`` with two axes of space.

    Forward    y[k, o] = b[k] + Σ_{c, j} W[k, c, j] x[c, o·stride + j·dilation − padding], o and j pairs
    Shapes     x (B, C, H, W), weight (K, C/groups, J, I), bias (K,) → y (B, K, O, P)
    Errors     ValueError where x is not (B, C, H, W)
    """

    axes, operation = 2, staticmethod(ops.conv2d)


class Conv3d(_Conv):
    """Convolution over a clip or a volume: ``Conv1d`` with three axes of space.

    Forward    y[k, o] = b[k] + Σ_{c, j} W[k, c, j] x[c, o·stride + j·dilation − padding], o and j triples
    Shapes     x (B, C, D, H, W), weight (K, C/groups, J, I, L), bias (K,) → y (B, K, O, P, Q)
    Errors     ValueError where x is not (B, C, D, H, W)
    """

    axes, operation = 3, staticmethod(ops.conv3d)


class _ConvTranspose(_Convolution):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0,
                 groups=1, bias=True, dilation=1, *, generator=None):  # fmt: skip
        self._sizes(in_channels, out_channels, kernel_size, stride, dilation, groups)
        self.padding = tuple_of(self, "padding", padding, self.axes)
        self.output_padding = tuple_of(self, "output_padding", output_padding, self.axes)
        self._build((in_channels, out_channels // groups, *self.kernel_size), bias, generator)

    def forward(self, x):
        self._check(x)
        return self.operation(
            x, self.weight, self.bias, stride=self.stride, padding=self.padding,
            output_padding=self.output_padding, dilation=self.dilation, groups=self.groups,
        )  # fmt: skip


class ConvTranspose1d(_ConvTranspose):
    """The transpose of ``Conv1d`` (Zeiler et al., 2010): each input entry writes a scaled kernel.

    Forward    y[k, i] = b[k] + Σ_{c, j, o: o·stride + j·dilation − padding = i} W[c, k, j] x[c, o]
    Shapes     x (B, C, W), weight (C, K/groups, J), bias (K,) → y (B, K, O),
               O = (W − 1)·stride − 2·padding + dilation·(J − 1) + output_padding + 1
    Errors     ValueError where x is not (B, C, W)
    """

    axes, operation = 1, staticmethod(ops.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """``ConvTranspose1d`` with two axes of space.

    Forward    y[k, i] = b[k] + Σ_{c, j, o: o·stride + j·dilation − padding = i} W[c, k, j] x[c, o], pairs
    Shapes     x (B, C, H, W), weight (C, K/groups, J, I), bias (K,) → y (B, K, O, P)
    Errors     ValueError where x is not (B, C, H, W)
    """

    axes, operation = 2, staticmethod(ops.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """``ConvTranspose1d`` with three axes of space.

    Forward    y[k, i] = b[k] + Σ_{c, j, o: o·stride + j·dilation − padding = i} W[c, k, j] x[c, o], triples
    Shapes     x (B, C, D, H, W), weight (C, K/groups, J, I, L), bias (K,) → y (B, K, O, P, Q)
    Errors     ValueError where x is not (B, C, D, H, W)
    """

    axes, operation = 3, staticmethod(ops.conv_transpose3d)
