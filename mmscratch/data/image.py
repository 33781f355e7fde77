"""Images from files, always as uint8 RGB, and as the float arrays that a network reads.

What each kind of file becomes:

    grey (L), 1 bit       the same value in the three channels (1 bit: 0 and 255)
    16 bit, 32 bit grey   divided by 257, so that 65535 → 255; values outside 0…65535 are clipped
    float grey            values are taken as 0…1 when none exceeds 1, else as 0…255; clipped
    LA, PA, RGBA, P with transparency
                          laid over `background` (white unless told otherwise)
    P, CMYK, YCbCr, LAB, HSV   converted to RGB by Pillow
    EXIF orientation      applied, so the picture is upright
    animation             its first frame
"""

from __future__ import annotations

import io
import logging
import os
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import DataError
from .files import read_bytes
from .picture_parts import check_png

MAX_PIXELS = 50_000_000  # a 50-megapixel photograph; 150 MB as RGB
MAX_FILE_BYTES = 256 << 20
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
WHITE = (255, 255, 255)

# A damaged file ends in our one line; Pillow's own remarks reach only those who have set up logging.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def read_image(
    path: str | os.PathLike,
    size: int | tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
    background: tuple[int, int, int] = WHITE,
) -> np.ndarray:
    """Read one image file.

    Forward    pixels of the file, upright, over `background`, resized to `size` with an antialiased triangle
               (bilinear) filter; `size` is (height, width), or one number for a square
    Shapes     → uint8 (H, W, 3)
    Errors     DataError naming the file for anything that cannot be shown as a picture:
               missing, a folder, 0 bytes, truncated, another kind of file, more than `max_pixels`
    """
    return decode_image(read_bytes(path, MAX_FILE_BYTES), path, size, max_pixels, background)


def decode_image(
    data: bytes,
    path: str | os.PathLike,
    size: int | tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
    background: tuple[int, int, int] = WHITE,
) -> np.ndarray:
    """`read_image` for bytes already in memory; `path` is the name that errors carry."""
    target = _target_size(size)
    if not data:
        raise DataError(path, "is empty (0 bytes)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # remarks on damaged metadata: the pixels decide
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise DataError(
                        path, f"has {width} x {height} pixels, more than the limit of {max_pixels:,}"
                    )
                if image.format == "PNG":
                    check_png(data, path)
                image.seek(0)
                image.load()
                rgb = _to_rgb(ImageOps.exif_transpose(image), background)
                if target is not None and rgb.size != target:
                    rgb = rgb.resize(target, Image.Resampling.BILINEAR)
                return np.array(rgb, dtype=np.uint8)
        except DataError:
            raise
        except UnidentifiedImageError:
            raise DataError(path, f"is not an image ({', '.join(FORMATS)} are read)") from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise DataError(path, f"has too many pixels ({error})") from None
        except MemoryError:
            raise DataError(path, "does not fit into memory") from None
        except Exception as error:  # a broken file can raise almost anything inside a decoder
            what = str(error) or type(error).__name__
            raise DataError(path, f"is truncated or damaged ({what})") from None


def _target_size(size) -> tuple[int, int] | None:
    """(width, height) as Pillow wants it, from our (height, width) or one number."""
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, (tuple, list, np.ndarray)) else (size, size)
    good = len(pair) == 2 and all(isinstance(s, (int, np.integer)) and s >= 1 for s in pair)
    if not good:
        raise ValueError(f"size: expected a positive int or (height, width), got {size!r}")
    return int(pair[1]), int(pair[0])


def _to_rgb(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_deep_grey(np.asarray(image))).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        over = Image.new("RGBA", image.size, (*background, 255))
        over.alpha_composite(image.convert("RGBA"))
        return over.convert("RGB")
    return image.convert("RGB")


def _deep_grey(values: np.ndarray) -> np.ndarray:
    """Grey of more than 8 bits → uint8; Pillow's own conversion would clip at 255 instead of scaling."""
    if np.issubdtype(values.dtype, np.floating):
        values = np.nan_to_num(values.astype(np.float64), posinf=255.0, neginf=0.0)
        scale = 255.0 if values.max(initial=0.0) <= 1.0 else 1.0
    else:
        scale = 1.0 / 257.0
    return np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)


def to_float(images: np.ndarray) -> np.ndarray:
    """Pixels for a network: channels first, float32 in [0, 1].

    Forward    y[b, c, h, w] = x[b, h, w, c] / 255
    Shapes     uint8 (B, H, W, C) → (B, C, H, W); a single image (H, W, C) → (1, C, H, W)
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(
            f"to_float: images: expected uint8 (B, H, W, C) or (H, W, C), got {images.dtype} {images.shape}"
        )
    if images.ndim == 3:
        images = images[None]
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)


def normalize(images: np.ndarray, mean, std) -> np.ndarray:
    """Centre and scale each channel.

    Forward    y[b, c] = (x[b, c] − mean[c]) / std[c]
    Shapes     (B, C, H, W), mean (C,), std (C,) → (B, C, H, W), dtype of x
    """
    images = np.asarray(images)
    if images.ndim != 4 or not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"normalize: images: expected float (B, C, H, W), got {images.dtype} {images.shape}")
    mean, std = (np.asarray(v, dtype=images.dtype) for v in (mean, std))
    for name, value in (("mean", mean), ("std", std)):
        if value.shape != (images.shape[1],):
            raise ValueError(
                f"normalize: {name}: expected shape ({images.shape[1]},) for images {images.shape}, "
                f"got {value.shape}"
            )
    if not (std > 0).all():
        raise ValueError(f"normalize: std: expected positive numbers, got {std.tolist()}")
    return (images - mean[:, None, None]) / std[:, None, None]


def channel_statistics(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel over images, heights and widths.

    Shapes     (B, C, H, W) → (C,), (C,) in float64; a constant channel gets std 1, to be divisible
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.size == 0:
        raise ValueError(f"channel_statistics: images: expected (B, C, H, W), not empty, got {images.shape}")
    mean = images.mean(axis=(0, 2, 3), dtype=np.float64)
    std = images.std(axis=(0, 2, 3), dtype=np.float64)
    return mean, np.where(std > 0, std, 1.0)


def resize_images(images: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Resize a stack with the filter of `read_image`.

    Shapes     uint8 (B, H, W, 3) → uint8 (B, *size, 3)
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(
            f"resize_images: images: expected uint8 (B, H, W, 3), got {images.dtype} {images.shape}"
        )
    width, height = target = _target_size(size)
    if images.shape[1:3] == (height, width):
        return images
    resized = np.empty((len(images), height, width, 3), dtype=np.uint8)
    for i, image in enumerate(images):
        resized[i] = np.asarray(Image.fromarray(image).resize(target, Image.Resampling.BILINEAR))
    return resized
