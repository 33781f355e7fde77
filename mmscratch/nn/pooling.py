"""Pooling layers; the formulas are in ``ops.pooling``."""

from .. import ops
from .check import tuple_of
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d",
    "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
]  # fmt: skip


class _Pool(Module):
    """``options`` names the attributes that ``operation`` gets."""

    operation = None
    options = ()

    def forward(self, x):
        return self.operation(x, **{name: getattr(self, name) for name in self.options})

    def extra_repr(self):
        return ", ".join(f"{name}={getattr(self, name)}" for name in self.options)


class _MaxPool(_Pool):
    options = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")

    def __init__(
        self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False
    ):
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode


class MaxPool1d(_MaxPool):
    """The largest of each window: x (B, C, W) → y (B, C, O)."""

    operation = staticmethod(ops.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest of each window: x (B, C, H, W) → y (B, C, O, P)."""

    operation = staticmethod(ops.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest of each window: x (B, C, D, H, W) → y (B, C, O, P, Q)."""

    operation = staticmethod(ops.max_pool3d)


class _AvgPool(_Pool):
    options = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad


class AvgPool1d(_AvgPool):
    """The mean of each window: x (B, C, W) → y (B, C, O)."""

    operation = staticmethod(ops.avg_pool1d)


class AvgPool2d(_AvgPool):
    """The mean of each window: x (B, C, H, W) → y (B, C, O, P)."""

    operation = staticmethod(ops.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window: x (B, C, D, H, W) → y (B, C, O, P, Q)."""

    operation = staticmethod(ops.avg_pool3d)


class _AdaptiveAvgPool(_Pool):
    options = ("output_size",)

    def __init__(self, output_size):
        self.output_size = output_size


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of ``output_size`` windows that cover the axis: x (B, C, W) → y (B, C, O)."""

    operation = staticmethod(ops.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of ``output_size`` windows an axis: x (B, C, H, W) → y (B, C, O, P)."""

    operation = staticmethod(ops.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of ``output_size`` windows an axis: x (B, C, D, H, W) → y (B, C, O, P, Q)."""

    operation = staticmethod(ops.adaptive_avg_pool3d)


class _AdaptiveMaxPool(_Pool):
    options = ("output_size", "return_indices")

    def __init__(self, output_size, return_indices=False):
        self.output_size = output_size
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of ``output_size`` windows that cover the axis: x (B, C, W) → y (B, C, O)."""

    operation = staticmethod(ops.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of ``output_size`` windows an axis: x (B, C, H, W) → y (B, C, O, P)."""

    operation = staticmethod(ops.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima of ``output_size`` windows an axis: x (B, C, D, H, W) → y (B, C, O, P, Q)."""

    operation = staticmethod(ops.adaptive_max_pool3d)


class _LPPool(_Pool):
    """The p-norm of each window, y = (Σ |x|^p)^(1/p) (Sermanet et al., 2012)."""

    axes = None
    options = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        self.norm_type, self.ceil_mode = norm_type, ceil_mode
        self.kernel_size = tuple_of(self, "kernel_size", kernel_size, self.axes)
        self.stride = self.kernel_size if stride is None else tuple_of(self, "stride", stride, self.axes)

    def forward(self, x):
        return ops.lp_pool(
            x, p=self.norm_type, kernel_size=self.kernel_size, stride=self.stride, ceil_mode=self.ceil_mode
        )


class LPPool1d(_LPPool):
    """The p-norm of each window: x (B, C, W) → y (B, C, O)."""

    axes = 1


class LPPool2d(_LPPool):
    """The p-norm of each window: x (B, C, H, W) → y (B, C, O, P)."""

    axes = 2


class LPPool3d(_LPPool):
    """The p-norm of each window: x (B, C, D, H, W) → y (B, C, O, P, Q)."""

    axes = 3


class _MaxUnpool(Module):
    """Puts maxima back where max pooling found them, zero elsewhere (Zeiler & Fergus, 2014)."""

    axes = None

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size = tuple_of(self, "kernel_size", kernel_size, self.axes)
        self.stride = self.kernel_size if stride is None else tuple_of(self, "stride", stride, self.axes)
        self.padding = tuple_of(self, "padding", padding, self.axes)

    def forward(self, x, indices, output_size=None):
        if output_size is None:
            options = zip(x.shape[2:], self.stride, self.padding, self.kernel_size, strict=True)
            output_size = tuple((n - 1) * s - 2 * p + k for n, s, p, k in options)
        return ops.max_unpool(x, indices, output_size=tuple(output_size)[-self.axes :])


class MaxUnpool1d(_MaxUnpool):
    """x, indices (B, C, O) → y (B, C, W)."""

    axes = 1


class MaxUnpool2d(_MaxUnpool):
    """x, indices (B, C, O, P) → y (B, C, H, W)."""

    axes = 2


class MaxUnpool3d(_MaxUnpool):
    """x, indices (B, C, O, P, Q) → y (B, C, D, H, W)."""

    axes = 3
