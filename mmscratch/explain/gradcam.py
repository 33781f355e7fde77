"""Grad-CAM: which places of a convolutional layer speak for a score; guided, which pixels of them."""

import contextlib

import numpy as np

from .. import kernels, nn
from ..autograd import Step, primitive
from ..tensor import Tensor
from .tape import arrays, gradients, intercept, rows, score_on_tape, steps_of

__all__ = ["enlarge", "grad_cam", "guided_backpropagation", "guided_grad_cam"]


def grad_cam(function, images, layer, *, context=()):
    """Gradient-weighted class activation map of a layer.

    Forward    α_k = mean_{ij} ∂F/∂A^k_ij;  map = max(0, Σ_k α_k A^k)
    Shapes     images (B, …), the layer's result A (B, K, h, w), context: arrays (B, …) → map (B, h, w)
    Errors     ValueError where ``function`` does not go through ``layer`` once, or A has other axes
    Source     Selvaraju et al., 2017, eq. 1 and 2. Where the layer is pooled to its mean and a linear layer
               follows, α_k is that class's weight over h·w, and the map Zhou et al.'s (2016) CAM, rectified

    layer: a module that the function calls, usually the last convolution. What lies below it is not walked.
    A map of zeros says that no channel speaks for the score.
    """
    title = "grad_cam"
    (x,), kept = arrays(title, images), []

    def begin_here(y):
        if not isinstance(y, Tensor):
            raise ValueError(f"{title}: layer: expected one tensor as its result, got {type(y).__name__}")
        kept.append(Tensor(y.detach().data, requires_grad=True))
        return kept[-1]

    with intercept(layer, begin_here):
        scores = score_on_tape(title, function, [Tensor(x)], rows(title, context, len(x)))
    if len(kept) != 1:
        raise ValueError(
            f"{title}: layer: expected function to call it once, it was called {len(kept)} times"
        )
    a = kept[0].data
    if a.ndim != 4 or len(a) != len(x):
        raise ValueError(f"{title}: layer: expected a result (B, K, h, w) with B {len(x)}, got {a.shape}")
    slope = gradients(scores, kept[0])[0].astype(np.float64)
    alpha = slope.mean((2, 3))
    return np.maximum(np.einsum("bk,bkij->bij", alpha, a.astype(np.float64)), 0)


@primitive
def _only_rises(y):
    """The identity, through which only positive gradients pass.

    Forward    z = y
    Backward   ∂L/∂y = max(∂L/∂z, 0): no derivative of anything, on purpose
    Shapes     y (…) → z (…)
    """
    k = kernels.of(y)
    return k.cast(y, y.dtype), lambda dz: k.map("relu", dz)


def guided_backpropagation(function, images, model, *, context=()):
    """The gradient of the picture with negative gradients stopped at every ReLU.

    Forward    the network's;  backward, at y = max(0, a): ∂a = [y > 0] · max(0, ∂y)
    Shapes     images (B, …), context: arrays (B, …) → (B, …) float64
    Errors     ValueError where a ReLU is no layer of ``model`` and cannot be guided
    Source     Springenberg, Dosovitskiy, Brox & Riedmiller, 2015, §3.4

    model: its layers ``nn.ReLU``, and those with ``activation="relu"``, are guided. On photographs the map
    draws edges whatever the weights are (Adebayo et al., 2018): look at a network of random weights too.
    """
    title = "guided_backpropagation"
    (x,) = arrays(title, images)
    pixels = Tensor(x, requires_grad=True)
    with contextlib.ExitStack() as stack:
        for module in model.modules():
            if isinstance(module, nn.ReLU) or getattr(module, "activation", None) == "relu":
                stack.enter_context(intercept(module, _only_rises))
        scores = score_on_tape(title, function, [pixels], rows(title, context, len(x)))
    steps = list(steps_of(scores))
    guided = {t for s in steps if s.op == "only_rises" for t in s.targets if isinstance(t, Step)}
    if not guided:
        raise ValueError(f"{title}: model: none of its layers that function calls is a ReLU or ends in one")
    if any(s.op == "relu" and s not in guided for s in steps):
        raise ValueError(f"{title}: function: computes a relu that is no layer of model; make it an nn.ReLU")
    return gradients(scores, pixels)[0].astype(np.float64)


def guided_grad_cam(function, images, layer, model, *, context=()):
    """Guided backpropagation where Grad-CAM looks: the pixels of one, weighed with the places of the other.

    Forward    enlarge(Grad-CAM) ⊙ guided backpropagation
    Shapes     images (B, C, H, W), context: arrays (B, …) → (B, C, H, W) float64
    Source     Selvaraju et al., 2017, §3.3
    """
    found = guided_backpropagation(function, images, model, context=context)
    coarse = grad_cam(function, images, layer, context=context)
    return found * enlarge(coarse, found.shape[-2:])[:, None]


def enlarge(maps, size):
    """Maps of places as maps of pixels: linear between the centres of the places, constant beyond them.

    Forward    y[i, j] = Σ_{uv} (1 − |i' − u|)₊ (1 − |j' − v|)₊ x[u, v],
               i' = (i + ½) h/H − ½, held in [0, h − 1]
    Shapes     maps (B, h, w), size (H, W) → (B, H, W)
    Errors     ValueError for another rank
    """
    maps = np.asarray(maps)
    if maps.ndim != 3:
        raise ValueError(f"enlarge: maps: expected (B, h, w), got {maps.shape}")
    down, across = (_hats(a, b) for a, b in zip(size, maps.shape[1:], strict=True))
    return np.einsum("iu,buv,jv->bij", down, maps, across, optimize=True)


def _hats(n, places):
    """(n, places): how much each place counts at each of n pixels."""
    at = np.clip((np.arange(n) + 0.5) * places / n - 0.5, 0, places - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(places)), 0)
