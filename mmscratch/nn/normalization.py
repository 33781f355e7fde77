"""Normalization layers; the formulas are in ``ops.normalization``."""

import numpy as np

from .. import ops
from ..autograd import no_grad
from .check import positive, shape
from .init import ones_, zeros_
from .linear import zeros
from .module import Buffer, Module

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d",
    "InstanceNorm3d", "LayerNorm", "RMSNorm",
]  # fmt: skip

RANKS = {2: "(B, C)", 3: "(B, C, W)", 4: "(B, C, H, W)", 5: "(B, C, D, H, W)"}


class _Norm(Module):
    """weight and bias, if wanted, beginning as 1 and 0."""

    def _affine(self, sizes, weight, bias):
        self.weight = zeros(*sizes) if weight else None
        self.bias = zeros(*sizes) if bias else None
        self.reset_parameters()

    def reset_parameters(self, generator=None):
        """weight 1, bias 0 (nothing is drawn)."""
        if self.weight is not None:
            ones_(self.weight)
        if self.bias is not None:
            zeros_(self.bias)


class _RunningNorm(_Norm):
    """What batch and instance norm share: running averages, and how they move."""

    ranks = ()

    def __init__(self, num_features, eps, momentum, affine, track_running_stats):
        positive(self, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.track_running_stats = bool(track_running_stats)
        self._affine((num_features,), affine, affine)
        if track_running_stats:
            self.running_mean = Buffer(np.zeros(num_features, np.float32))
            self.running_var = Buffer(np.ones(num_features, np.float32))
            self.num_batches_tracked = Buffer(np.zeros((), np.int64))

    def _check(self, x):
        if x.ndim not in self.ranks:
            axes = " or ".join(RANKS[r] for r in self.ranks)
            raise ValueError(
                f"{type(self).__name__}: x has shape {tuple(x.shape)}, expected {axes} with C = "
                f"{self.num_features}"
            )
        shape(self, "x", x, "B", self.num_features, *("D", "H", "W")[5 - x.ndim :])

    def _count(self):
        """One more batch; the weight of that batch in the running averages."""
        self.num_batches_tracked.data = np.array(self.num_batches_tracked.data + 1)
        return 1 / int(self.num_batches_tracked.data) if self.momentum is None else self.momentum

    def extra_repr(self):
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class _BatchNorm(_RunningNorm):
    """Each channel normalized over the batch and all positions (Ioffe & Szegedy, 2015).

    Forward    y = (x − μ)/√(σ² + eps) · weight + bias; in training μ, σ² of this batch, else running averages
    Shapes     x (B, C, S…), weight, bias, running_mean, running_var (C,) → y (B, C, S…)
    Errors     ValueError for another rank or number of channels

    In training running ← (1 − momentum) · running + momentum · batch (σ² unbiased); momentum None: the mean
    over all batches so far.
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def forward(self, x):
        self._check(x)
        options = {"training": self.training or not self.track_running_stats, "eps": self.eps}
        if self.track_running_stats:
            options |= {"running_mean": self.running_mean, "running_var": self.running_var}
            if self.training:
                options["momentum"] = self._count()
        return ops.batch_norm(x, self.weight, self.bias, **options)


class BatchNorm1d(_BatchNorm):
    __doc__ = "For x (B, C) or (B, C, W). " + _BatchNorm.__doc__
    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = "For x (B, C, H, W). " + _BatchNorm.__doc__
    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = "For x (B, C, D, H, W). " + _BatchNorm.__doc__
    ranks = (5,)


class _InstanceNorm(_RunningNorm):
    """Each channel of each sample normalized over its positions (Ulyanov, Vedaldi & Lempitsky, 2016).

    Forward    y = (x − μ)/√(σ² + eps) · weight + bias, μ and σ² of the sample's channel
    Shapes     x (B, C, S…), weight, bias (C,) → y (B, C, S…)
    Errors     ValueError for another rank or number of channels

    With ``track_running_stats`` evaluation uses running averages, as ``BatchNorm`` does
    (``num_batches_tracked`` stays 0, as in PyTorch).
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False):
        if momentum is None:
            raise ValueError(f"{type(self).__name__}: momentum must be a number, got None")
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def forward(self, x):
        self._check(x)
        if self.track_running_stats and not self.training:
            return ops.batch_norm(
                x, self.weight, self.bias, running_mean=self.running_mean, running_var=self.running_var,
                training=False, eps=self.eps,
            )  # fmt: skip
        if self.track_running_stats:
            self._track(x)
        return ops.instance_norm(x, self.weight, self.bias, eps=self.eps)

    def _track(self, x):
        momentum, space = self.momentum, tuple(range(2, x.ndim))
        with no_grad():
            seen = ops.mean(ops.mean(x, axis=space), axis=0), ops.mean(ops.var(x, axis=space), axis=0)
            for running, batch in zip((self.running_mean, self.running_var), seen, strict=True):
                running.data = (running * (1 - momentum) + batch * momentum).data


class InstanceNorm1d(_InstanceNorm):
    __doc__ = "For x (B, C, W). " + _InstanceNorm.__doc__
    ranks = (3,)


class InstanceNorm2d(_InstanceNorm):
    __doc__ = "For x (B, C, H, W). " + _InstanceNorm.__doc__
    ranks = (4,)


class InstanceNorm3d(_InstanceNorm):
    __doc__ = "For x (B, C, D, H, W). " + _InstanceNorm.__doc__
    ranks = (5,)


def _trailing(module, normalized_shape):
    sizes = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    for size in sizes:
        positive(module, normalized_shape=size)
    return sizes


class LayerNorm(_Norm):
    """Each position normalized over its features (Ba, Kiros & Hinton, 2016).

    Forward    y = (x − μ)/√(σ² + eps) ⊙ weight + bias, μ and σ² over the last axes
    Shapes     x (…, S…), weight, bias (S…) with S… normalized_shape → y (…, S…)
    Errors     ValueError where x does not end in normalized_shape
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True):
        self.normalized_shape, self.eps = _trailing(self, normalized_shape), eps
        self._affine(self.normalized_shape, elementwise_affine, elementwise_affine and bias)

    def forward(self, x):
        shape(self, "x", x, ..., *self.normalized_shape)
        return ops.layer_norm(x, self.weight, self.bias, normalized_shape=self.normalized_shape, eps=self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}"


class RMSNorm(_Norm):
    """Each position divided by the root of its mean square (Zhang & Sennrich, 2019).

    Forward    y = x/√(mean x² + eps) ⊙ weight, the mean over the last axes; eps None: the dtype's epsilon
    Shapes     x (…, S…), weight (S…) with S… normalized_shape → y (…, S…)
    Errors     ValueError where x does not end in normalized_shape
    """

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True):
        self.normalized_shape, self.eps = _trailing(self, normalized_shape), eps
        self._affine(self.normalized_shape, elementwise_affine, False)

    def forward(self, x):
        shape(self, "x", x, ..., *self.normalized_shape)
        return ops.rms_norm(x, self.weight, normalized_shape=self.normalized_shape, eps=self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}"


class GroupNorm(_Norm):
    """Each group of channels of each sample normalized over its channels and positions (Wu & He, 2018).

    Forward    y = (x − μ)/√(σ² + eps) · weight + bias, μ and σ² over a group's C/G channels and all positions
    Shapes     x (B, C, S…), weight, bias (C,) → y (B, C, S…)
    Errors     ValueError where groups do not divide the channels, or x has other channels
    """

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True):
        positive(self, num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_groups {num_groups} must divide num_channels {num_channels}")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._affine((num_channels,), affine, affine)

    def forward(self, x):
        shape(self, "x", x, "B", self.num_channels, *("S",) * (x.ndim - 2))
        return ops.group_norm(x, self.weight, self.bias, num_groups=self.num_groups, eps=self.eps)

    def extra_repr(self):
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}"
