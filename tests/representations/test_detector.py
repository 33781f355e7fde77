"""The detector: its targets, what it decodes, its regions. Training is tested in tests/tasks."""

import numpy as np
import pytest

from mmscratch.data import scenes
from mmscratch.gradcheck import gradcheck
from mmscratch.random import Generator
from mmscratch.representations.image.boxes import encode_boxes
from mmscratch.representations.image.detector import Detector, detection_targets
from mmscratch.representations.image.regions import box_geometry, region_features
from mmscratch.tensor import Tensor

BOXES = [np.array([[0, 16, 12, 28], [30, 40, 50, 60.0]]), np.zeros((0, 4)), np.array([[40, 8, 60, 20.0]])]
KINDS = {"kind": [np.array([1, 2]), np.zeros(0, int), np.array([0])]}


def small(**options):
    return Detector((4, 4, 6, 6), {"kind": 3}, generator=Generator(0), **options)


def pictures(count=3, side=64):
    return np.random.default_rng(0).uniform(0, 1, (count, 3, side, side)).astype(np.float32)


def test_the_cell_of_the_centre_answers():
    """Centres (6, 22), (40, 50) and (50, 14): column 0 row 2, column 5 row 6, column 6 row 1."""
    found = detection_targets(BOXES, KINDS, 64)
    assert np.argwhere(found["objectness"]).tolist() == [[0, 2, 0], [0, 6, 5], [2, 1, 6]]
    assert found["box"][0, 6, 5].tolist() == [30, 40, 50, 60]
    assert (found["kind"][0, 2, 0], found["kind"][0, 6, 5], found["kind"][2, 1, 6]) == (1, 2, 0)
    assert (found["kind"] >= 0).sum() == 3


def test_no_two_objects_of_a_scene_meet_in_a_cell():
    graphs = [scenes.sample_scene(seed) for seed in range(400)]
    found = detection_targets([scenes.boxes(s) for s in graphs], {}, 64)
    assert found["objectness"].sum() == sum(map(len, graphs))


def test_bad_targets_are_named():
    with pytest.raises(ValueError, match="picture 0 has a box centred outside"):
        detection_targets([np.array([[60, 0, 80, 10]])], {}, 64)
    with pytest.raises(ValueError, match="x0 < x1"):
        detection_targets([np.array([[10, 0, 10, 10]])], {}, 64)
    with pytest.raises(ValueError, match="multiple of the stride 8"):
        detection_targets([], {}, 60)
    with pytest.raises(ValueError, match="sides multiples of 8"):
        small()(Tensor(pictures(side=60)))


def told(model, targets):
    """Logits that say the targets: what a perfect network would give."""
    count, g, _ = targets["objectness"].shape
    logits = np.full((count, 1 + 4 + 3, g, g), 0.0, np.float32)
    logits[:, 0] = np.where(targets["objectness"] > 0, 6.0, -6.0)
    for b, i, j in np.argwhere(targets["objectness"]):
        code = encode_boxes(targets["box"][b, i, j], [[i, j]], 8)[0]
        inside = np.clip(code[:2], 1e-6, 1 - 1e-6)
        logits[b, 1:3, i, j] = np.log(inside / (1 - inside))
        logits[b, 3:5, i, j] = code[2:]
        logits[b, 5 + targets["kind"][b, i, j], i, j] = 9
    return logits


def test_what_is_told_is_found(monkeypatch):
    model = small().eval()
    targets = detection_targets(BOXES, KINDS, 64)
    features = Tensor(np.ones((3, 6, 8, 8), np.float32))
    monkeypatch.setattr(Detector, "forward", lambda self, x: (features, Tensor(told(self, targets))))
    found = model.detect(pictures())
    for d, boxes, kinds in zip(found, BOXES, KINDS["kind"], strict=True):
        assert len(d) == len(boxes)
        order = np.lexsort((d.boxes[:, 0],))
        np.testing.assert_allclose(d.boxes[order], boxes, atol=1e-3)
        assert d.labels["kind"][order].tolist() == kinds.tolist()
        assert (d.scores > 0.99).all()
    assert model.loss(Tensor(told(model, targets)), targets).item() < 0.01
    regions = model.regions(pictures())
    assert regions.mask.sum(1).tolist() == [2, 0, 1] and regions.values.shape == (3, 2, 6 + 5)
    np.testing.assert_allclose(regions.values[2, 0], [*np.ones(6), 40 / 64, 8 / 64, 60 / 64, 20 / 64,
                                                      20 * 12 / 64**2], rtol=1e-4)  # fmt: skip


def test_the_loss_is_that_of_the_formula_by_hand():
    """One picture of one cell with one object: every term written out."""
    model = Detector((1, 1, 1, 1), {"kind": 2})
    targets = detection_targets([np.array([[1, 2, 7, 6.0]])], {"kind": [np.array([1])]}, 8)
    logits = np.array([0.3, -0.2, 0.4, -0.1, 0.2, 0.5, -0.5], np.float32).reshape(1, 7, 1, 1)
    p = 1 / (1 + np.exp(-0.3))
    focal = -0.25 * (1 - p) ** 2 * np.log(p)
    u, v = 1 / (1 + np.exp(0.2)), 1 / (1 + np.exp(-0.4))
    cx, cy, w, h = 8 * u, 8 * v, 8 * np.exp(-0.1), 8 * np.exp(0.2)
    x0, y0, x1, y1 = cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2
    common = (min(x1, 7) - max(x0, 1)) * (min(y1, 6) - max(y0, 2))
    union = w * h + 24 - common
    hull = (max(x1, 7) - min(x0, 1)) * (max(y1, 6) - min(y0, 2))
    giou = common / union - (hull - union) / hull
    e = np.abs(np.array([u, v, -0.1, 0.2]) - [0.5, 0.5, np.log(6 / 8), np.log(4 / 8)])
    smooth = np.where(e < 0.1, e * e / 0.2, e - 0.05).mean()
    ce = np.log(1 + np.exp(1.0))
    assert model.loss(Tensor(logits), targets).item() == pytest.approx(
        focal + 1 - giou + smooth + ce, rel=1e-5
    )


def test_the_gradient_of_the_loss_is_the_derivative():
    model = Detector((1, 1, 1, 1), {"kind": 2})
    targets = detection_targets([np.array([[1, 2, 7, 6.0], [9, 0, 14, 7]])], {"kind": [np.array([1, 0])]}, 16)
    logits = np.random.default_rng(4).normal(size=(1, 7, 2, 2))
    assert gradcheck(lambda x: model.loss(x, targets), logits)


def test_a_picture_without_objects_has_a_loss():
    targets = detection_targets([np.zeros((0, 4))], {"kind": [np.zeros(0, int)]}, 64)
    assert np.isfinite(small().loss(Tensor(np.zeros((1, 8, 8, 8), np.float32)), targets).item())


def test_it_begins_sure_that_there_is_nothing():
    found = small().eval().detect(pictures(), threshold=0.1)
    assert all(len(d) == 0 for d in found)
    assert small().eval().regions(pictures()).values.shape[1] == 0


# ── regions ─────────────────────────────────────────────────────────────────────────────────────
def test_geometry_by_hand():
    found = box_geometry([[16, 8, 48, 24]], (32, 64))
    assert found[0] == pytest.approx([0.25, 0.25, 0.75, 0.75, 0.25])


def test_oracle_regions_of_a_known_grid():
    """A grid whose one channel is the column: a box's feature is its centre's column."""
    grid = np.broadcast_to(np.arange(8.0, dtype=np.float32), (3, 1, 8, 8))
    found = region_features(grid, BOXES, 64)
    assert found.values.shape == (3, 2, 6) and found.mask.tolist() == [[1, 1], [0, 0], [1, 0]]
    assert found.values[0, 1, 0] == pytest.approx(40 / 8 - 0.5)
    assert found.values[2, 0, 0] == pytest.approx(50 / 8 - 0.5)
    assert not found.values[1].any()
    bins = region_features(grid, BOXES, 64, output_size=2)
    assert bins.values.shape == (3, 2, 4 + 5)


def test_bad_regions_are_named():
    with pytest.raises(ValueError, match="boxes of 2"):
        region_features(np.zeros((3, 1, 8, 8), np.float32), BOXES[:2], 64)
    with pytest.raises(ValueError, match="not the form of a picture"):
        region_features(np.zeros((3, 1, 8, 8), np.float32), BOXES, (64, 32))
