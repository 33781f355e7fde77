"""The reader of handwritten digits: IDX, npz, folders, and files that are none of these."""

import gzip
import pathlib
import struct

import numpy as np
import pytest

from mmscratch.data import DataError
from mmscratch.data.mnist import load_mnist, read_idx, split_digits

REAL = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "mnist"


def idx(array, code=8):
    array = np.asarray(array)
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def digits(n=20):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (n, 28, 28), dtype=np.uint8), (np.arange(n) % 10).astype(np.uint8)


@pytest.mark.parametrize("packed", [True, False])
def test_idx(tmp_path, packed):
    images, labels = digits()
    pack, end = (gzip.compress, ".gz") if packed else (bytes, "")
    for part in ("train", "t10k"):
        n = 20 if part == "train" else 10
        (tmp_path / f"{part}-images-idx3-ubyte{end}").write_bytes(pack(idx(images[:n])))
        (tmp_path / f"{part}-labels-idx1-ubyte{end}").write_bytes(pack(idx(labels[:n])))
    found = load_mnist(tmp_path)
    np.testing.assert_array_equal(found.images, images)
    assert found.labels.tolist() == labels.tolist() and found.labels.dtype == np.int64
    assert len(load_mnist(tmp_path, "t10k")) == 10


@pytest.mark.parametrize(("code", "dtype"), [(9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")])
def test_other_numbers(tmp_path, code, dtype):
    values = np.array([[1, -2, 3], [4, 5, -6]], dtype)
    (tmp_path / "x").write_bytes(idx(values, code))
    found = read_idx(tmp_path / "x")
    np.testing.assert_array_equal(found, values)
    assert found.dtype.isnative


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04", "is not IDX"),
        (bytes([0, 0, 7, 1]), "is not IDX"),
        (bytes([0, 0, 8, 0]), "is not IDX"),
        (bytes([0, 0, 8, 3, 0, 0]), "sizes are not complete"),
        (idx(np.zeros(5, np.uint8))[:-1], "holds 4 bytes of numbers, its sizes .5,. say 5"),
        (idx(np.zeros(5, np.uint8)) + b"x", "holds 6 bytes"),
        (bytes([0, 0, 8, 4]) + b"\xff" * 16, "say 340"),
        (gzip.compress(idx(np.zeros(5, np.uint8)))[:-9], "gzip"),
    ],
)
def test_wrong_idx(tmp_path, data, message):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "x")


def test_npz_and_folders(tmp_path):
    images, labels = digits()
    np.savez(tmp_path / "some.npz", images=images, labels=labels, index=np.arange(20))
    for path in (tmp_path, tmp_path / "some.npz"):
        np.testing.assert_array_equal(load_mnist(path).images, images)
    np.savez(tmp_path / "other.npz", images=images)
    with pytest.raises(DataError, match="neither train-images-idx3-ubyte"):
        load_mnist(tmp_path)
    with pytest.raises(DataError, match="lacks labels; it holds images"):
        load_mnist(tmp_path / "other.npz")
    for wrong, message in (
        ({"images": images[:, :27], "labels": labels}, "has images uint8 .20, 27, 28."),
        ({"images": images, "labels": labels[:5]}, "has labels uint8 .5,., expected 20"),
        ({"images": images, "labels": labels + 3}, "not 0 … 9"),
        ({"images": images[:0], "labels": labels[:0]}, "no pictures"),
    ):
        np.savez(tmp_path / "other.npz", **wrong)
        with pytest.raises(DataError, match=message):
            load_mnist(tmp_path / "other.npz")
    with pytest.raises(DataError, match="no such folder"):
        load_mnist(tmp_path / "none")
    with pytest.raises(ValueError, match="part must be"):
        load_mnist(tmp_path, "test")


def test_the_split_is_fixed_and_a_partition(tmp_path):
    images, labels = digits(100)
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    whole = load_mnist(tmp_path)
    train, held_out = split_digits(whole)
    assert (len(train), len(held_out)) == (80, 20)
    both = np.concatenate([train.images, held_out.images])
    assert {i.tobytes() for i in both} == {i.tobytes() for i in images} and len(both) == 100
    np.testing.assert_array_equal(split_digits(whole)[1].images, held_out.images)
    assert not np.array_equal(split_digits(whole, seed=1)[1].labels, held_out.labels)
    with pytest.raises(ValueError, match="leaves a part empty"):
        split_digits(whole, 0.001)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/mnist")
def test_the_real_ones():
    train, held_out = split_digits(load_mnist(REAL))
    assert (len(train), len(held_out)) == (5600, 1400)
    assert set(train.labels) == set(held_out.labels) == set(range(10))
    seen = {i.tobytes() for i in train.images}
    assert not any(i.tobytes() in seen for i in held_out.images)
