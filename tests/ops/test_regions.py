"""RoIAlign: what it refuses, and what it must do whatever its formula."""

import numpy as np
import pytest

from mmscratch import ops

X = np.random.default_rng(0).normal(size=(2, 3, 6, 8))


def test_a_constant_map_gives_the_constant():
    y = ops.roi_align(np.full((1, 1, 6, 8), 2.5), [[1, 1, 5.5, 4.2]], [0], output_size=3)
    np.testing.assert_allclose(y, 2.5)


def test_a_linear_map_gives_its_value_at_the_centre():
    """x[v, u] = 2u − v is read off exactly; the mean over a box is its value in the middle."""
    v, u = np.mgrid[:6, :8]
    x = (2.0 * u - v)[None, None]
    box = np.array([[1.2, 1.6, 6.4, 4.8]])
    y = ops.roi_align(x, box, [0], output_size=1)
    assert y.item() == pytest.approx(2 * ((1.2 + 6.4) / 2 - 0.5) - ((1.6 + 4.8) / 2 - 0.5))


def test_boxes_of_whole_cells_are_block_means():
    y = ops.roi_align(X, [[2, 0, 6, 4]], [1], output_size=2, sampling_ratio=2)
    np.testing.assert_allclose(y[0], X[1, :, 0:4, 2:6].reshape(3, 2, 2, 2, 2).mean((2, 4)))


@pytest.mark.parametrize(
    "boxes, index, options, error, message",
    [
        (np.zeros((1, 5)), [0], {}, ValueError, r"\(1, 5\)"),
        (np.zeros((2, 4)), [0], {}, ValueError, r"\(2, 4\) and \(1,\)"),
        (np.zeros((1, 4)), [2], {}, IndexError, "2 is out of range"),
        (np.zeros((1, 4)), [0], {"output_size": 0}, ValueError, "output_size"),
        (np.zeros((1, 4)), [0], {"sampling_ratio": -1}, ValueError, "sampling_ratio"),
    ],
)
def test_bad_input_is_named(boxes, index, options, error, message):
    with pytest.raises(error, match=message):
        ops.roi_align(X, boxes, index, **{"output_size": 2, **options})
    with pytest.raises(ValueError, match="4 axes"):
        ops.roi_align(X[0], [[0, 0, 1, 1]], [0], output_size=1)
