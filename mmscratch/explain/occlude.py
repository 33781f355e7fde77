"""Occlusion: what a score loses when a part of the picture is covered. Needs no gradient."""

import numpy as np

from ..autograd import no_grad
from ..tensor import Tensor
from .tape import arrays, rows, score

__all__ = ["occlusion"]


def occlusion(function, images, *, window=8, stride=4, fill=0.0, context=(), batch_size=64):
    """Slide a window over the picture and write down, at the pixels it covers, what the score falls by.

    Forward    drop_w = F(x) − F(x with the window w filled);  map_p = mean of drop_w over the w that cover p
    Shapes     images (B, C, H, W), fill broadcasting to them, context: arrays (B, …) → map (B, H, W) float64
    Errors     ValueError for a window that does not fit or leaves pixels between windows
    Source     Zeiler & Fergus, 2014, §4.2 (a grey square; they draw F itself where the square's centre is)

    Windows begin every ``stride`` pixels, and at the far edge, so that every pixel is covered. Windows that
    tile the picture, under a score that adds up over them, share it out: Σ drop = F(x) − F(all filled). A
    picture has about (H/stride)² windows, a forward pass each. ``fill`` decides what "absent" is: grey, the
    picture's own background, its blurred self. Pixels at the edge lie in fewer windows than others.
    """
    title = "occlusion"
    (x,) = arrays(title, images)
    if x.ndim != 4:
        raise ValueError(f"{title}: images: expected (B, C, H, W), got {x.shape}")
    corners = [_corners(title, n, window, stride) for n in x.shape[2:]]
    context = rows(title, context, len(x))
    try:
        fill = np.broadcast_to(np.asarray(fill, x.dtype), x.shape)
    except ValueError:
        raise ValueError(
            f"{title}: fill: expected a shape that broadcasts to {x.shape}, got {np.shape(fill)}"
        ) from None
    whole = _scores(function, x, context, np.arange(len(x)), batch_size)
    total, count = np.zeros((len(x), *x.shape[2:])), np.zeros(x.shape[2:])
    places = [(slice(i, i + window), slice(j, j + window)) for i in corners[0] for j in corners[1]]
    for down, across in places:
        count[down, across] += 1
    together = max(1, batch_size // len(x))  # so many windows of all pictures at once
    for first in range(0, len(places), together):
        part = places[first : first + together]
        covered = np.repeat(x[None], len(part), axis=0)
        for k, (down, across) in enumerate(part):
            covered[k, :, :, down, across] = fill[:, :, down, across]
        owner = np.tile(np.arange(len(x)), len(part))
        found = _scores(function, covered.reshape(-1, *x.shape[1:]), context, owner, batch_size)
        for (down, across), left in zip(part, found.reshape(len(part), -1), strict=True):
            total[:, down, across] += (whole - left)[:, None, None]
    return total / count


def _corners(title, n, window, stride):
    for name, value, most in (("window", window, n), ("stride", stride, window)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ValueError(f"{title}: {name}: expected an integer from 1 to {most}, got {value!r}")
    return sorted({*range(0, n - window + 1, stride), n - window})


def _scores(function, x, context, owner, batch_size):
    found = []
    for first in range(0, len(x), batch_size):
        part = slice(first, first + batch_size)
        with no_grad():
            given = [Tensor(np.ascontiguousarray(x[part]))]
            found.append(score("occlusion", function, given, [c[owner[part]] for c in context]).numpy())
    return np.concatenate(found).astype(np.float64)
