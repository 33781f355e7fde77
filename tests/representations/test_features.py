"""Features: padding, masks, means, files."""

import numpy as np
import pytest

from mmscratch.data import DataError
from mmscratch.representations import Features


def test_items_are_padded_to_the_longest():
    f = Features.stack([np.ones((2, 3)), np.zeros((0, 3)), 2 * np.ones((4, 3), np.float32)])
    assert f.values.shape == (3, 4, 3) and f.values.dtype == np.float64 and len(f) == 3
    assert f.lengths.tolist() == [2, 0, 4]
    assert f.values[0].sum() == 6 and not f.values[0, 2:].any()
    assert Features.stack([np.ones((1, 2), np.float32)]).values.dtype == np.float32


def test_the_mean_is_of_what_is_there():
    f = Features.stack([[[1.0, 2.0], [3.0, 4.0]], np.zeros((0, 2)), [[5.0, 6.0]]])
    np.testing.assert_array_equal(f.mean(), [[2, 3], [0, 0], [5, 6]])


@pytest.mark.parametrize("items, message", [
    ([], "none"), ([np.ones(3)], "item 0"),
    ([np.ones((2, 3)), np.ones((2, 4))], r"item 1 .*\(2, 4\).*\(N, 3\)"),
])  # fmt: skip
def test_items_that_do_not_fit_are_named(items, message):
    with pytest.raises(ValueError, match=message):
        Features.stack(items)


def test_values_and_mask_must_fit():
    with pytest.raises(ValueError, match=r"mask must be bool \(2, 3\)"):
        Features(np.zeros((2, 3, 4)), np.ones((2, 4), bool))
    with pytest.raises(ValueError, match="values must be floats"):
        Features(np.zeros((2, 3, 4), int), np.ones((2, 3), bool))


def test_a_file_gives_back_what_was_saved(tmp_path):
    f = Features.stack([np.arange(6.0).reshape(2, 3), np.ones((1, 3))])
    f.save(tmp_path / "f.npz")
    g = Features.load(tmp_path / "f.npz")
    np.testing.assert_array_equal(f.values, g.values)
    np.testing.assert_array_equal(f.mask, g.mask)


def test_a_wrong_file_is_named(tmp_path):
    np.savez(tmp_path / "x.npz", values=np.zeros(3))
    with pytest.raises(DataError, match="x.npz.*values"):
        Features.load(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", values=np.zeros((1, 2, 3)), mask=np.zeros((1, 3)))
    with pytest.raises(DataError, match="y.npz.*mask must be bool"):
        Features.load(tmp_path / "y.npz")
