"""Convolution 3 × 3 with a quarter of the multiplications. Equals ``conv`` and ``conv_input_gradient``.

Four outputs of a filter of three taps take 12 multiplications, done one by one. Winograd: 6 are enough.
Take numbers as coefficients of polynomials: a product is fixed by its values at six points, and the value
of a product is the product of the values. So evaluate, multiply point by point, and interpolate:

    Forward    y = Aᵀ [ (G g) ⊙ (Bᵀ d) ]                       d: 6 pixels, g: 3 taps, y: 4 outputs
    in 2-d     y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A                a tile of 6 × 6 pixels → 4 × 4 outputs

(A filter's outputs are the transpose of a product of polynomials, so d and y have changed roles.) B, G and
A hold powers of the points 0, ±1, ±2, ∞; ``winograd_transforms.py`` lists them. They are constant and small:
applying them is a few additions. What is left to multiply is 36 numbers instead of 16 · 9 = 144, a quarter.
Summed over input channels, position f of the 36 by position, that is a matrix product, the thing that
this machine does best:

    U[f, k, c] = (G g Gᵀ)_f of filter (k, c)          V[f, c, t] = (Bᵀ d B)_f of tile t, channel c
    M[f, k, t] = Σ_c U[f, k, c] · V[f, c, t]          y of tile t, channel k = φ(Aᵀ M[·, k, t] A + bias[k])

Tiles are 4 apart and overlap by two pixels. Neighbouring tiles lie in the lanes of a vector, so images stay
in their usual order (B, C, H, W) and nothing is rearranged but in registers (``winograd_tiles.py``).

    Backward   dx is the same convolution of dy with every filter turned round and k, c swapped;
               dW: ``winograd_weights.py``
    Errors     evaluation at ±2 makes numbers grow, so rounding weighs more than in a plain sum. Against
               float64, over the rms of the result, 64 channels of normal numbers: F(4×4) rms 1.1e-6,
               largest 3e-5; F(2×2) rms 2e-7, largest 2e-6, like a plain sum of products (tested).
               ``kernels.precise()`` asks for F(2×2): points 0, ±1, ∞; one multiplication for 2.25, not 4
    Source     Winograd, Arithmetic Complexity of Computations (1980); Lavin & Gray, Fast Algorithms for
               Convolutional Neural Networks (2016), section 4
"""

import numpy as np

from ..precision import is_precise
from .simd import LANES
from .winograd_blocks import BLOCK, CHUNK, PANEL, SHARE, blocks, filter_panels, panels, stage

__all__ = ["aligned_array", "conv", "flat", "input_gradient", "part", "tile_size"]

TASKS = 32
"""Into at most so many tasks the blocks are divided."""

FEW = 2
"""Up to so many tiles for each filter the filters are divided among the tasks, not the tiles."""

MANY = 16
"""From so many panels of filters on a task takes CHUNK of them: fewer tasks read V fewer times."""

ACTIVATIONS = {None: 0, "relu": 1, "tanh": 2, "sigmoid": 3}


def conv(x, weight, bias, padding, activation=None, groups=1):
    """y[b, k, o] = φ(bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o + j − padding₀])."""
    out = [n + sum(p) - 2 for n, p in zip(x.shape[2:], padding, strict=True)]
    y, step = np.empty((len(x), len(weight), *out), np.float32), weight.shape[1] * 9
    corner, bias = (padding[0][0], padding[1][0]), np.empty(0, np.float32) if bias is None else flat(bias)
    for g, w in enumerate(np.split(weight, groups)):
        some = bias[g * len(w) : (g + 1) * len(w)]
        _apply(x, _whole_panels(w, 0), (0, step, 9, 1), corner, some, activation, y, g, groups)
    return y


def input_gradient(dy, weight, x_shape, padding, groups=1):
    """dx[b, c, i] = Σ_{k, j} weight[k, c, j] · dy[b, k, i − j + padding₀]: filters turned round."""
    dx, corner = np.empty(x_shape, np.float32), (2 - padding[0][0], 2 - padding[1][0])
    for g, w in enumerate(np.split(weight, groups)):
        filters = _whole_panels(w, 1)
        turned = 8, 9, filters.shape[1] * 9, -1
        _apply(dy, filters, turned, corner, np.empty(0, np.float32), None, dx, g, groups)
    return dx


def tile_size():
    """The side m of an output tile: 4, in precise mode 2."""
    return 2 if is_precise() else 4


def flat(x):
    """The numbers of an array in C order, one after the other."""
    return np.ascontiguousarray(x).reshape(-1)


def _apply(x, weight, filters, padding, bias, activation, y, group, groups):
    """y of a group by the filters at weight[at + k · lane + c · step + j · tap]."""
    m = tile_size()
    (x_flat, image), (y_flat, out) = part(x, group, groups), part(y, group, groups)
    channels, grid = image[0], (-(-out[1] // m), -(-out[2] // m))
    total, n2 = len(x) * grid[0] * grid[1], (m + 2) ** 2
    w_flat, activation = flat(weight), ACTIVATIONS[activation]
    number, width = -(-total // BLOCK), -(-out[0] // PANEL)
    if total <= FEW * out[0]:
        v = aligned_array(number * n2 * (channels * BLOCK + LANES))
        stage(number * -(-channels // SHARE), m, x_flat, image, grid, padding, total, v)
        some = CHUNK if width >= MANY else 1
        tasks = -(-width // some)
        filter_panels(
            tasks, m, w_flat, filters, some, channels, grid, total, v, bias, activation, y_flat, out
        )
    else:
        u, tasks = aligned_array(width * n2 * (channels + 1) * PANEL), min(TASKS, number)
        panels(width, m, w_flat, filters, channels, u)
        blocks(tasks, tasks, m, x_flat, image, grid, padding, total, u, bias, activation, y_flat, out)


def part(x, group, groups):
    """(numbers from the group's first channel on, (its channels, height, width, from image to image))."""
    channels, height, width = x.shape[1] // groups, *x.shape[2:]
    size = channels * height * width
    return flat(x)[group * size :], (channels, height, width, groups * size)


def aligned_array(size):
    """As ``winograd_tiles.aligned``."""
    room = np.empty(size + 16, np.float32)
    skip = -room.ctypes.data % 64 // 4
    return room[skip : skip + size]


def _whole_panels(weight, axis):
    """Zero filters added along the axis until panels are full."""
    missing = -weight.shape[axis] % PANEL
    if not missing:
        return weight
    return np.pad(weight, [(0, missing if a == axis else 0) for a in range(weight.ndim)])
