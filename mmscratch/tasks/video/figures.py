"""Clips drawn as strips of frames, with what nets say of them."""

import io
import pathlib

import numpy as np

from ...data.files import write_whole
from ...data.scenes import EVENTS, render_clip

__all__ = ["clip_strips"]


def clip_strips(path, split, answers, pairs=6):
    """One row a clip, its reversal below it; at the right each net's event, green where it is right.

    Shapes     split: a ClipSplit; answers: {title: scores (N, 12)}; the first `pairs` pairs are drawn
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = min(2 * pairs, len(split))
    figure, axes = plt.subplots(rows, 1, figsize=(11, 0.92 * rows), dpi=110, squeeze=False)
    for i, axis in enumerate(axes[:, 0]):
        clip = split.clips[i]
        frames = render_clip(clip)
        gap = np.full((frames.shape[1], 3, 3), 255, np.uint8)
        strip = np.concatenate([part for frame in frames for part in (frame, gap)], axis=1)
        axis.imshow(strip)
        axis.axis("off")
        axis.text(-6, 32, clip.event, ha="right", va="center", fontsize=9, weight="bold")
        for n, (title, found) in enumerate(answers.items()):
            said = EVENTS[int(found[i].argmax())]
            colour = "#17692b" if said == clip.event else "#aa1111"
            axis.text(strip.shape[1] + 4, 12 + 20 * n, f"{title}: {said}", fontsize=8, va="center",
                      color=colour)  # fmt: skip
    figure.subplots_adjust(left=0.13, right=0.76, top=0.995, bottom=0.005, hspace=0.08)
    buffer = io.BytesIO()
    figure.savefig(buffer, metadata={"Software": None})
    plt.close(figure)
    _write_small(path, buffer)
    return pathlib.Path(path)


def _write_small(path, buffer):
    """The picture with 96 colours: pixel noise in all colours would make a file of megabytes."""
    from PIL import Image

    small = io.BytesIO()
    Image.open(buffer).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    write_whole(path, small.getvalue())
