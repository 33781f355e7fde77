"""Reading pictures: every mode, and every kind of file that is not one."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mmscratch.data import DataError, channel_statistics, normalize, read_image, resize_images, to_float
from mmscratch.data.image import decode_image

RGB = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3) * 2


def png(image: np.ndarray | Image.Image, **options) -> bytes:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    file = io.BytesIO()
    image.save(file, options.pop("format", "PNG"), **options)
    return file.getvalue()


def written(tmp_path, data: bytes, name="picture.png"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def header_only_png(width, height):
    """A valid PNG header that promises pixels which are not there."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100))


def refuses(path, *words):
    with pytest.raises(DataError) as caught:
        read_image(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    for word in words:
        assert word in text
    assert isinstance(caught.value, ValueError) and caught.value.path == path
    return text


@pytest.mark.parametrize(
    ("format", "name"), [("PNG", "a.png"), ("BMP", "a.bmp"), ("TIFF", "a.tif"), ("PPM", "a")]
)
def test_lossless_formats_come_back_exactly(tmp_path, format, name):
    image = read_image(written(tmp_path, png(RGB, format=format), name))
    assert image.dtype == np.uint8 and image.flags.writeable and image.flags.c_contiguous
    np.testing.assert_array_equal(image, RGB)


def test_jpeg_comes_back_nearly(tmp_path):
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    image = read_image(written(tmp_path, png(flat, format="JPEG", quality=95), "a.jpg"))
    assert np.abs(image.astype(int) - flat).max() <= 3


def test_missing_folder_and_empty(tmp_path):
    refuses(tmp_path / "none.png", "no such file")
    refuses(tmp_path, "folder")
    refuses(written(tmp_path, b""), "0 bytes")
    os.mkfifo(tmp_path / "pipe")
    refuses(tmp_path / "pipe", "not a regular file")


@pytest.mark.parametrize(
    "data", [b"hello", b"<svg></svg>", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff"]
)
def test_what_is_not_a_picture(tmp_path, data):
    refuses(written(tmp_path, data))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_every_truncation_is_refused_or_harmless(tmp_path, format):
    """A cut may lose only what follows the last pixel; then the picture is the whole one."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    data = png(noise, format=format)
    whole = decode_image(data, "x")
    for length in [*range(1, 64), *range(64, len(data), max(1, len(data) // 60))]:
        try:
            image = decode_image(data[:length], "x")
        except DataError:
            continue
        np.testing.assert_array_equal(image, whole)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_mutations_raise_only_our_exception(data):
    source = png(RGB, format=data.draw(st.sampled_from(["PNG", "GIF", "BMP", "TIFF", "JPEG"])))
    place = data.draw(st.integers(0, len(source) - 1))
    broken = source[:place] + data.draw(st.binary(min_size=1, max_size=8)) + source[place + 1 :]
    try:
        image = decode_image(broken, "x", max_pixels=10_000)
    except DataError:
        return
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3


def test_bombs_are_refused_before_they_are_unpacked(tmp_path):
    refuses(written(tmp_path, header_only_png(60_000, 60_000)), "pixels")
    refuses(written(tmp_path, header_only_png(10_000, 10_000)), "pixels")
    path = written(tmp_path, png(np.zeros((20, 20, 3), np.uint8)))
    with pytest.raises(DataError, match="20 x 20 pixels, more than the limit of 399"):
        read_image(path, max_pixels=399)
    assert read_image(path, max_pixels=400).shape == (20, 20, 3)


def test_truncated_says_so(tmp_path):
    data = png(np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8))
    refuses(written(tmp_path, data[: len(data) // 2]), "truncated")


def test_a_name_with_a_newline_stays_one_line(tmp_path):
    with pytest.raises(DataError) as caught:
        read_image(tmp_path / "a\nb.png")
    assert "\n" not in str(caught.value) and "a\\nb.png" in str(caught.value)
    with pytest.raises(DataError):
        read_image("a\0b.png")


def test_grey_and_one_bit_are_repeated(tmp_path):
    grey = np.arange(20, dtype=np.uint8).reshape(4, 5) * 12
    image = read_image(written(tmp_path, png(grey)))
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, axis=2))
    bits = read_image(written(tmp_path, png(Image.fromarray(grey > 100))))
    np.testing.assert_array_equal(bits[..., 0], np.where(grey > 100, 255, 0))


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    deep = np.array([[0, 257, 65535, 32768]], dtype=np.uint16)
    image = read_image(written(tmp_path, png(deep)))
    assert image[0, :, 0].tolist() == [0, 1, 255, 128]
    same = read_image(written(tmp_path, png(Image.fromarray(deep.astype(np.int32)), format="TIFF"), "b.tif"))
    np.testing.assert_array_equal(same, image)


@pytest.mark.parametrize(("values", "want"), [([0, 0.5, 1], [0, 128, 255]), ([0, 100, 300], [0, 100, 255])])
def test_float_grey(tmp_path, values, want):
    image = Image.fromarray(np.array([values], dtype=np.float32))
    assert read_image(written(tmp_path, png(image, format="TIFF"), "a.tif"))[0, :, 0].tolist() == want


def test_transparency_shows_the_background(tmp_path):
    rgba = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 51]]], np.uint8)
    path = written(tmp_path, png(rgba))
    assert read_image(path)[0].tolist() == [[255, 255, 255], [10, 20, 30], [204, 204, 204]]
    assert read_image(path, background=(0, 0, 100))[0].tolist() == [[0, 0, 100], [10, 20, 30], [0, 0, 80]]
    la = written(tmp_path, png(Image.fromarray(rgba[..., [0, 3]], "LA")))
    assert read_image(la)[0, :2].tolist() == [[255] * 3, [10] * 3]


def test_palettes_with_and_without_a_transparent_entry(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    assert read_image(written(tmp_path, png(image)))[0].tolist() == [[255, 0, 0], [0, 255, 0]]
    assert read_image(written(tmp_path, png(image, transparency=1)))[0].tolist() == [[255, 0, 0], [255] * 3]


def test_cmyk(tmp_path):
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = read_image(written(tmp_path, png(image, format="TIFF"), "a.tif"))[0, 0]
    assert red[0] > 250 and red[1] < 5 and red[2] < 5


def test_exif_orientation_turns_the_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate a quarter clockwise to see it upright
    image = read_image(written(tmp_path, png(RGB, exif=exif)))
    np.testing.assert_array_equal(image, np.rot90(RGB, -1))


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue", "lime")]
    path = written(tmp_path, png(frames[0], format="GIF", save_all=True, append_images=frames[1:]), "a.gif")
    assert (read_image(path) == [255, 0, 0]).all()


def test_resize_is_height_first_and_antialiased(tmp_path):
    stripes = np.zeros((64, 32, 3), np.uint8)
    stripes[:, ::2] = 255
    path = written(tmp_path, png(stripes))
    small = read_image(path, size=(16, 8))
    assert small.shape == (16, 8, 3)
    assert np.abs(small.astype(int) - 128).max() <= 16  # averaged; picking single columns would give 0 or 255
    assert read_image(path, size=9).shape == (9, 9, 3)
    stack = resize_images(np.stack([stripes, stripes]), (16, 8))
    np.testing.assert_array_equal(stack[1], small)


@pytest.mark.parametrize("size", [0, -3, (4,), (4, 0), 2.5, "8"])
def test_bad_sizes(tmp_path, size):
    path = written(tmp_path, png(RGB))
    with pytest.raises((ValueError, TypeError), match="size") as caught:
        read_image(path, size=size)
    assert not isinstance(caught.value, DataError)


def test_to_float_and_normalize():
    x = to_float(np.stack([RGB, RGB]))
    assert x.dtype == np.float32 and x.shape == (2, 3, 5, 7) and x.flags.c_contiguous
    assert x[1, 2, 3, 4] == np.float32(RGB[3, 4, 2]) / np.float32(255)
    mean, std = channel_statistics(x)
    y = normalize(x, mean, std)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 2, 3)), 1, atol=1e-5)
    assert channel_statistics(np.ones((1, 1, 2, 2)))[1] == 1


def test_to_float_and_normalize_refuse():
    with pytest.raises(ValueError, match="float64"):
        to_float(np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match=r"mean: expected shape \(3,\).*got \(2,\)"):
        normalize(np.zeros((1, 3, 2, 2)), [0, 0], [1, 1, 1])
    with pytest.raises(ValueError, match="std: expected positive"):
        normalize(np.zeros((1, 3, 2, 2)), [0, 0, 0], [1, 0, 1])
    with pytest.raises(ValueError, match="resize_images"):
        resize_images(np.zeros((4, 4, 3), np.uint8), 2)
