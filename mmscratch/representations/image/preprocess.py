"""What published weights expect of a picture. The wrong one of these fails silently: worse, but no error.

                 torchvision                               keras ("caffe")
resized          shorter side to 256, bilinear with        to 224 × 224, sides apart, nearest pixel
                 antialiasing (Pillow's)                   (``load_img``), or bilinear
cut              the middle 224 × 224                      nothing
channels         R, G, B                                   B, G, R
values           (x/255 − mean)/std of ImageNet            x − (103.939, 116.779, 123.68)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ...data.image import normalize, to_float

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "CAFFE_MEAN",
    "PREPROCESS",
    "preprocess_keras",
    "preprocess_torchvision",
]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # R, G, B of values in [0, 1]
CAFFE_MEAN = (103.939, 116.779, 123.68)  # B, G, R of values in [0, 255]


def preprocess_torchvision(pictures: Sequence[np.ndarray], size: int = 256, crop: int = 224) -> np.ndarray:
    """Pictures for weights of torchvision's VGG and ResNet (its ``IMAGENET1K_V1``).

    Forward    y[c] = (cut(resize(x))[c] / 255 − mean[c]) / std[c];  the longer side becomes ⌊size·long/short⌋
    Shapes     uint8 (H, W, 3), each of its own size → float32 (B, 3, crop, crop)
    Errors     ValueError naming the picture that is not uint8 (H, W, 3), or where crop is more than size
    """
    if not 1 <= crop <= size:
        raise ValueError(f"preprocess_torchvision: crop must be in 1 … size = {size}, got {crop}")
    cut = np.empty((len(pictures), crop, crop, 3), np.uint8)
    for i, picture in enumerate(_checked("preprocess_torchvision", pictures)):
        h, w = picture.shape[:2]
        sides = (size, int(size * h / w)) if w <= h else (int(size * w / h), size)
        resized = np.asarray(Image.fromarray(picture).resize(sides, Image.Resampling.BILINEAR))
        top, left = (round((n - crop) / 2) for n in resized.shape[:2])
        cut[i] = resized[top : top + crop, left : left + crop]
    return normalize(to_float(cut), IMAGENET_MEAN, IMAGENET_STD)


def preprocess_keras(
    pictures: Sequence[np.ndarray], size: int = 224, resample: str = "nearest"
) -> np.ndarray:
    """Pictures for weights of Keras's VGG and the authors' own: ``preprocess_input`` in mode caffe.

    Forward    y = x[B, G, R] − (103.939, 116.779, 123.68)
    Shapes     uint8 (H, W, 3), each of its own size → float32 (B, 3, size, size)
    Errors     ValueError naming the picture that is not uint8 (H, W, 3), or for an unknown ``resample``
    """
    kinds = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR}
    if resample not in kinds:
        raise ValueError(f"preprocess_keras: resample must be one of {', '.join(kinds)}, got {resample!r}")
    resized = np.empty((len(pictures), size, size, 3), np.float32)
    for i, picture in enumerate(_checked("preprocess_keras", pictures)):
        resized[i] = np.asarray(Image.fromarray(picture).resize((size, size), kinds[resample]))
    return np.ascontiguousarray((resized[..., ::-1] - np.float32(CAFFE_MEAN)).transpose(0, 3, 1, 2))


def _checked(title, pictures):
    for number, picture in enumerate(pictures):
        picture = np.asarray(picture)
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            raise ValueError(
                f"{title}: picture {number} is {picture.dtype} {picture.shape}, expected uint8 (H, W, 3)"
            )
        yield np.ascontiguousarray(picture)


PREPROCESS = {"torchvision": preprocess_torchvision, "keras": preprocess_keras}
"""Name → function."""
