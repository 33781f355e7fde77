"""Clips as `Features`: frames as grids, frames by a picture's net, stretches of time by a clip's net."""

import numpy as np

from ...autograd import no_grad
from ...data.image import to_float
from ...data.video import check_frames, crop_frames, resize_frames, sample_frames
from ...tensor import Tensor
from ..features import Features

__all__ = ["clip_features", "frame_features", "grid_features", "to_clips", "windows"]


def to_clips(frames):
    """Pixels for a clip's net: channels before time, float32 in [−½, ½].

    Forward    y[b, c, t, h, w] = x[b, t, h, w, c] / 255 − ½
    Shapes     uint8 (B, T, H, W, 3) → (B, 3, T, H, W); one clip (T, H, W, 3) → (1, 3, T, H, W)
    Errors     ValueError for another dtype or shape
    """
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim not in (4, 5) or frames.shape[-1] != 3:
        raise ValueError(
            f"to_clips: frames: expected uint8 (B, T, H, W, 3) or (T, H, W, 3), "
            f"got {frames.dtype} {frames.shape}"
        )
    frames = frames[None] if frames.ndim == 4 else frames
    return np.ascontiguousarray(frames.transpose(0, 4, 1, 2, 3), np.float32) / np.float32(255) - np.float32(
        0.5
    )


def windows(total, length=16, step=8):
    """Where stretches of `length` frames begin, `step` apart; the last one ends at the last frame.

    A clip shorter than `length` has one stretch, whose last frame is then repeated (`sample_frames`).
    """
    for name, value in (("total", total), ("length", length), ("step", step)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"windows: {name} must be an integer of at least 1, got {value!r}")
    starts = list(range(0, max(total - length, 0) + 1, step))
    return starts if starts[-1] + length >= total else [*starts, total - length]


def grid_features(clips, grid=8):
    """Each frame as the mean colours of `grid` × `grid` cells: no net, nothing learned.

    Forward    f[t, (i, j, c)] = mean of frame t over rows ⌊i·H/g⌋ … ⌊(i+1)·H/g⌋ − 1, columns likewise, / 255
    Shapes     clips: B arrays uint8 (T_b, H, W, 3) → Features (B, max T_b, 3·grid²), one vector a frame
    Errors     ValueError where a frame has fewer rows or columns than the grid
    """
    rows = []
    for clip in clips:
        clip = check_frames("grid_features", clip)
        if min(clip.shape[1:3]) < grid:
            raise ValueError(f"grid_features: frames of {clip.shape[1:3]} have no {grid} × {grid} cells")
        total = clip.astype(np.float32)
        for axis in (1, 2):
            starts = np.arange(grid) * clip.shape[axis] // grid
            sizes = np.diff([*starts, clip.shape[axis]]).astype(np.float32)
            sums = np.add.reduceat(total, starts, axis=axis)
            total = sums / np.expand_dims(sizes, tuple(a for a in range(4) if a != axis))
        rows.append(total.reshape(len(clip), -1) / np.float32(255))
    return Features.stack(rows)


def frame_features(clips, encoder, count=None, size=None, batch_size=64):
    """Each frame by a net for pictures.

    Forward    f[t] = mean over space of encoder(frame t), for `count` frames of even distance (all if None)
    Shapes     clips: B arrays uint8 (T_b, H, W, 3); encoder: Tensor (N, 3, S, S) in [0, 1] → (N, C, h, w) or
               (N, C) → Features (B, max T, C), one vector a frame
    """
    rows = []
    for clip in clips:
        clip = check_frames("frame_features", clip)
        if count is not None:
            clip = clip[sample_frames(len(clip), count)]
        if size is not None:
            clip = resize_frames(clip, size)
        found = [
            _encode(encoder, to_float(clip[i : i + batch_size])) for i in range(0, len(clip), batch_size)
        ]
        found = np.concatenate(found)
        rows.append(found.reshape(*found.shape[:2], -1).mean(axis=2))
    return Features.stack(rows)


def clip_features(clips, net, length=16, size=112, step=8, batch_size=8, normalise=False):
    """Stretches of time by a net for clips, as the paper describes videos.

    Forward    f[n] = net.features(frames start_n … start_n + length − 1), of the middle square at `size`;
               normalise: f[n] / ‖f[n]‖
    Shapes     clips: B arrays uint8 (T_b, H, W, 3) → Features (B, max N_b, D), one vector a stretch
    Source     Tran et al., 2015, section 3.2: 16 frames, 8 shared by neighbours, fc6; a whole video is
               the mean (``Features.mean``), divided by its length
    """
    rows = []
    for clip in clips:
        clip = check_frames("clip_features", clip)
        square = resize_frames(crop_frames(clip, min(clip.shape[1:3])), size)
        cut = [
            square[sample_frames(len(clip), length, "stride", start=s)]
            for s in windows(len(clip), length, step)
        ]
        found = [
            _encode(net.features, to_clips(np.stack(cut[i : i + batch_size])), net)
            for i in range(0, len(cut), batch_size)
        ]
        row = np.concatenate(found)
        if normalise:
            row = row / np.maximum(np.linalg.norm(row, axis=1, keepdims=True), 1e-12)
        rows.append(row)
    return Features.stack(rows)


def _encode(function, pixels, net=None):
    """The values of a net in evaluation mode, without gradients; the mode is put back."""
    net = function if net is None else net
    training = getattr(net, "training", False)
    if training:
        net.eval()
    try:
        with no_grad():
            return function(Tensor(pixels)).numpy()
    finally:
        if training:
            net.train()
