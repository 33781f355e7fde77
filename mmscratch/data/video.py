"""Clips from files and to files: always uint8 RGB frames with the time that each is shown.

What is read:

    GIF, animated PNG or WebP    its frames over white, each with its own duration
    a folder                     its pictures in the order of their names (2 before 10), one size for all
    npz                          the array `frames` (T, H, W, 3) uint8; `milliseconds` (T,) if it is there

Other containers (MP4, AVI) need a decoder that this library does not bring: export their frames first, with
`ffmpeg -i FILE -r 12 DIR/%04d.png` for example. GIF has 256 colours a frame, so a rendered clip comes back
from it within a few grey levels; PNG and npz give back the very pixels. Writers of GIF and PNG join frames
that are equal and follow each other into one with a longer duration.
"""

from __future__ import annotations

import dataclasses
import io
import os
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from .errors import DataError
from .files import check_file, read_arrays, read_bytes, write_whole
from .image import MAX_FILE_BYTES, MAX_PIXELS, WHITE, read_image, resize_images
from .picture_parts import check_gif, check_png

__all__ = [
    "MAX_FRAMES",
    "Video",
    "crop_frames",
    "read_video",
    "resize_frames",
    "sample_frames",
    "write_video",
]

MAX_FRAMES = 10_000  # almost seven minutes at 25 frames a second
MAX_VIDEO_PIXELS = 1 << 29  # of all frames together: 1.5 GB as RGB
ANIMATIONS = ("GIF", "PNG", "WEBP")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
PARTS = {"GIF": check_gif, "PNG": check_png}
MILLISECONDS = 100  # what browsers take for a frame that names no duration


@dataclasses.dataclass(frozen=True)
class Video:
    """frames (T, H, W, 3) uint8; milliseconds (T,) int64, how long each is shown."""

    frames: np.ndarray
    milliseconds: np.ndarray

    def __post_init__(self):
        check_frames("Video", self.frames)
        if self.milliseconds.shape != (len(self.frames),) or self.milliseconds.dtype.kind not in "iu":
            raise ValueError(
                f"Video: milliseconds must be integers ({len(self.frames)},), "
                f"got {self.milliseconds.dtype} {self.milliseconds.shape}"
            )

    def __len__(self):
        return len(self.frames)


def check_frames(name: str, frames) -> np.ndarray:
    """Frames as an array, or a ValueError that says what came and what a clip is."""
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        raise ValueError(
            f"{name}: frames: expected uint8 (T, H, W, 3), not empty, got {frames.dtype} {frames.shape}"
        )
    return frames


def read_video(
    path: str | os.PathLike, max_frames: int = MAX_FRAMES, max_pixels: int = MAX_VIDEO_PIXELS
) -> Video:
    """Read a clip from an animation, a folder of pictures or an npz file.

    Errors     DataError naming the file: missing, empty, another kind of file, damaged, frames of several
               sizes, more than `max_frames` frames or `max_pixels` pixels in all of them together
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path, max_frames, max_pixels)
    check_file(path, MAX_FILE_BYTES if path.suffix != ".npz" else 4 * max_pixels)
    if path.suffix == ".npz":
        return _read_npz(path, max_frames, max_pixels)
    return _read_animation(path, max_frames, max_pixels)


def _within(path, count, height, width, max_frames, max_pixels):
    if count > max_frames:
        raise DataError(path, f"has {count:,} frames, more than the limit of {max_frames:,}")
    if count * height * width > max_pixels:
        raise DataError(
            path,
            f"has {count} frames of {width} x {height} pixels, more than the limit of {max_pixels:,} pixels",
        )


def _read_animation(path, max_frames, max_pixels):
    data = read_bytes(path, MAX_FILE_BYTES)
    frames, times = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=ANIMATIONS) as image:
                width, height = image.size
                _within(path, 1, height, width, max_frames, min(max_pixels, MAX_PIXELS))
                _within(path, getattr(image, "n_frames", 1), height, width, max_frames, max_pixels)
                if image.format in PARTS:
                    PARTS[image.format](data, path)
                for number, frame in enumerate(ImageSequence.Iterator(image), 1):
                    _within(path, number, height, width, max_frames, max_pixels)
                    over = Image.new("RGBA", frame.size, (*WHITE, 255))
                    over.alpha_composite(frame.convert("RGBA"))
                    frames.append(np.array(over.convert("RGB")))
                    times.append(round(float(frame.info.get("duration") or MILLISECONDS)))
        except DataError:
            raise
        except UnidentifiedImageError:
            raise DataError(
                path, "is no clip (GIF, PNG, WebP, npz and folders of pictures are read)"
            ) from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise DataError(path, f"has too many pixels ({error})") from None
        except Exception as error:  # a broken file can raise almost anything inside a decoder
            raise DataError(path, f"is truncated or damaged ({error or type(error).__name__})") from None
    if any(frame.shape != frames[0].shape for frame in frames):
        raise DataError(path, "has frames of several sizes")
    return Video(np.stack(frames), np.array(times, np.int64))


def _read_folder(folder, max_frames, max_pixels):
    def order(path):
        return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)], path.name

    paths = sorted((p for p in folder.iterdir() if p.suffix.lower() in PICTURES and p.is_file()), key=order)
    if not paths:
        raise DataError(folder, f"holds no picture ({', '.join(PICTURES)})")
    _within(folder, len(paths), 1, 1, max_frames, max_pixels)
    frames = []
    for number, path in enumerate(paths, 1):
        frame = read_image(path)
        if frames and frame.shape != frames[0].shape:
            sizes = [f"{f.shape[1]} x {f.shape[0]}" for f in (frame, frames[0])]
            raise DataError(path, f"has {sizes[0]} pixels, the first frame {sizes[1]}")
        _within(folder, number, *frame.shape[:2], max_frames, max_pixels)
        frames.append(frame)
    return Video(np.stack(frames), np.full(len(frames), MILLISECONDS, np.int64))


def _read_npz(path, max_frames, max_pixels):
    arrays = read_arrays(path, 4 * max_pixels)
    if "frames" not in arrays:
        raise DataError(path, f"holds the arrays {sorted(arrays)}, expected frames")
    frames = arrays["frames"]
    try:
        check_frames("npz", frames)
        _within(path, *frames.shape[:3], max_frames, max_pixels)
        return Video(frames, arrays.get("milliseconds", np.full(len(frames), MILLISECONDS, np.int64)))
    except DataError:
        raise
    except ValueError as error:
        raise DataError(path, f"holds no clip: {error}") from None


def write_video(path: str | os.PathLike, frames: np.ndarray, milliseconds: int = MILLISECONDS) -> None:
    """Write frames as an endless GIF or animated PNG, or as npz, by the name's ending; whole or not at all.

    Errors     ValueError for another ending, or frames that are not uint8 (T, H, W, 3)
    """
    path, frames = Path(path), check_frames("write_video", frames)
    buffer = io.BytesIO()
    if path.suffix == ".npz":
        times = np.full(len(frames), milliseconds, np.int64)
        np.savez_compressed(buffer, frames=frames, milliseconds=times)
    elif path.suffix in (".gif", ".png"):
        first, *rest = (Image.fromarray(frame) for frame in frames)
        kind = path.suffix[1:].upper()
        first.save(buffer, kind, save_all=True, append_images=rest, duration=milliseconds, loop=0)
    else:
        raise ValueError(f"write_video: path must end in .gif, .png or .npz, got {path.name!r}")
    write_whole(path, buffer.getvalue())


def sample_frames(total: int, count: int, how: str = "uniform", stride: int = 1, start: int = 0):
    """Which frames to look at: int64 (count,).

    uniform    the middles of `count` equal parts: ⌊(2i + 1)·total / (2·count)⌋; a clip shorter than `count`
               shows some frames more than once, in order
    stride     start, start + stride, …; beyond the end the last frame again
    Errors     ValueError for a number below 1, an unknown `how`, or a start outside the clip
    """
    for name, value, least in (
        ("total", total, 1),
        ("count", count, 1),
        ("stride", stride, 1),
        ("start", start, 0),
    ):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"sample_frames: {name} must be an integer of at least {least}, got {value!r}")
    if how == "uniform":
        return (2 * np.arange(count) + 1) * total // (2 * count)
    if how != "stride":
        raise ValueError(f"sample_frames: how must be uniform or stride, got {how!r}")
    if start >= total:
        raise ValueError(f"sample_frames: start {start} is outside a clip of {total} frames")
    return np.minimum(start + stride * np.arange(count), total - 1)


def resize_frames(frames: np.ndarray, size: int | tuple[int, int], short_side: bool = False) -> np.ndarray:
    """Frames at another size: (height, width), one number for a square, or that for the shorter side alone.

    Shapes     uint8 (T, H, W, 3) → uint8 (T, *size, 3)
    """
    frames = check_frames("resize_frames", frames)
    if short_side:
        if isinstance(size, tuple | list):
            raise ValueError(f"resize_frames: short_side takes one number, got {size!r}")
        scale = size / min(frames.shape[1:3])
        size = tuple(max(round(side * scale), size) for side in frames.shape[1:3])
    return resize_images(frames, size)


def crop_frames(frames: np.ndarray, size: int | tuple[int, int], corner: tuple[int, int] | None = None):
    """The same window of every frame: the middle, or from a corner (row, column).

    Shapes     uint8 (T, H, W, 3) → uint8 (T, *size, 3)
    Errors     ValueError where the window does not lie inside the frames
    """
    frames = check_frames("crop_frames", frames)
    height, width = size if isinstance(size, tuple | list) else (size, size)
    room = frames.shape[1] - height, frames.shape[2] - width
    top, left = (room[0] // 2, room[1] // 2) if corner is None else corner
    if min(height, width) < 1 or not (0 <= top <= room[0] and 0 <= left <= room[1]):
        raise ValueError(
            f"crop_frames: a window of {(height, width)} at {(top, left)} is not inside frames "
            f"{frames.shape[1:3]}"
        )
    return frames[:, top : top + height, left : left + width]
