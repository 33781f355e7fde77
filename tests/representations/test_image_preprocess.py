"""The two preprocessings against Pillow and plain arithmetic, step by step as their makers do it."""

import numpy as np
import pytest
from PIL import Image

from mmscratch.representations.image import preprocess_keras, preprocess_torchvision

SHAPES = [(300, 400), (400, 300), (256, 256), (256, 259), (257, 383), (100, 31), (224, 225), (32, 500)]


def picture(shape):
    return np.random.default_rng(shape[0]).integers(0, 256, (*shape, 3), dtype=np.uint8)


def as_torchvision(array):
    """Resize(256), CenterCrop(224), ToTensor, Normalize, on Pillow's own image throughout."""
    image = Image.fromarray(array)
    w, h = image.size
    short, long = min(w, h), max(w, h)
    new_long = int(256 * long / short)
    image = image.resize((256, new_long) if w <= h else (new_long, 256), Image.BILINEAR)
    w, h = image.size
    top, left = int(round((h - 224) / 2.0)), int(round((w - 224) / 2.0))
    image = image.crop((left, top, left + 224, top + 224))
    x = np.asarray(image, np.float32) / np.float32(255)
    return ((x - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])).transpose(2, 0, 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_torchvision(shape):
    found = preprocess_torchvision([picture(shape)])
    assert found.shape == (1, 3, 224, 224) and found.dtype == np.float32
    np.testing.assert_array_equal(found[0], as_torchvision(picture(shape)))


@pytest.mark.parametrize("resample", ["nearest", "bilinear"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_keras(shape, resample):
    found = preprocess_keras([picture(shape)], resample=resample)
    kind = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR}[resample]
    x = np.asarray(Image.fromarray(picture(shape)).resize((224, 224), kind), np.float32)
    r, g, b = x[..., 0] - np.float32(123.68), x[..., 1] - np.float32(116.779), x[..., 2] - np.float32(103.939)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0], np.stack([b, g, r]))


def test_red_stands_where_each_wants_it():
    red = np.zeros((224, 224, 3), np.uint8)
    red[..., 0] = 255
    theirs, keras = preprocess_torchvision([red])[0], preprocess_keras([red])[0]
    np.testing.assert_allclose(
        theirs[:, 0, 0], [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-5
    )
    np.testing.assert_allclose(keras[:, 0, 0], [-103.939, -116.779, 255 - 123.68], rtol=1e-5)


def test_other_sizes_and_refusals():
    assert preprocess_torchvision([picture((90, 80))] * 2, size=40, crop=32).shape == (2, 3, 32, 32)
    assert preprocess_keras([picture((90, 80))], size=48).shape == (1, 3, 48, 48)
    with pytest.raises(ValueError, match="crop must be in 1 … size = 40, got 41"):
        preprocess_torchvision([], size=40, crop=41)
    with pytest.raises(ValueError, match="resample must be one of nearest, bilinear, got 'cubic'"):
        preprocess_keras([picture((9, 9))], resample="cubic")
    with pytest.raises(ValueError, match=r"picture 1 is uint8 \(9, 9\), expected uint8 \(H, W, 3\)"):
        preprocess_torchvision([picture((9, 9)), picture((9, 9))[..., 0]])
