"""Seeds, graphs, images, masks, relations, targets."""

import hashlib
import json
import subprocess
import sys
from math import hypot

import numpy as np
import pytest

from mmscratch.data.scenes import (
    COLOURS,
    SHAPES,
    Draws,
    Object,
    Scene,
    SceneOptions,
    boxes,
    cell_targets,
    colour_rgb,
    direction,
    holds,
    mask_grid,
    masks,
    nearest,
    object_cells,
    object_rgb,
    reading_order,
    relation_matrix,
    render,
    sample_scene,
)
from mmscratch.data.scenes.render import paint

OPTIONS = {
    "default": SceneOptions(),
    "striped": SceneOptions(striped=True),
    "occlusion": SceneOptions(occlusion=True, count=5),
    "six": SceneOptions(count=6),
    "held": SceneOptions(heldout=frozenset({("red", "circle")}), quadrants="seen"),
}


def digest(seeds, options):
    h = hashlib.sha256()
    for seed in seeds:
        scene = sample_scene(seed, options)
        h.update(scene.to_json().encode())
        h.update(render(scene).tobytes())
    return h.hexdigest()


# Frozen: a change here is a change of every data set that was ever drawn.
FROZEN = {
    "default": "e18db5d791c98d3800087d32043d004cd6b3210cfb8b6965161a7b6b801b2748",
    "striped": "a59151757f878424d4e13e482d7edc993fe655c2f2c019c085b5312f517fcc39",
    "occlusion": "5587a58adf476e51358387ba5e262578cb434f19cbe4a1769a3d4b8cc8805f39",
    "six": "d3d9e5ab9cc894a107bd0d84f3ab0bfea162413c7cd2448c014077acdf353c5f",
    "held": "6292e28480f9cf92503dcef790ca6b991a413c6151deb16445f233587d876551",
}


@pytest.mark.parametrize("name", OPTIONS)
def test_graph_and_image_are_frozen(name):
    assert digest([0, 1, 2, 3, 2**63, 2**64 - 1], OPTIONS[name]) == FROZEN[name]


def test_a_fresh_process_draws_the_same():
    code = "from mmscratch.data.scenes import *; print(sample_scene(7).hash(), render(sample_scene(7)).sum())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    scene = sample_scene(7)
    assert run.stdout.split() == [scene.hash(), str(render(scene).sum())]


def test_draws_are_philox_words_and_uniform():
    raw = np.random.Philox(key=np.array([5, 0], dtype=np.uint64)).random_raw(3).tolist()
    draws = Draws(5)
    assert [draws.word() for _ in range(3)] == raw
    counts = np.bincount([Draws(s).integers(6) for s in range(3000)], minlength=6)
    assert abs(counts - 500).max() < 5 * np.sqrt(500)
    assert sorted(Draws(1).shuffled(range(9))) == list(range(9))
    words = Draws(9, 1).words16(7)
    assert words.tolist() == Draws(9, 1).words16(8).tolist()[:7]


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "3", True, None])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="seed must be an integer"):
        sample_scene(seed)


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"count": 0}, "count"),
        ({"count": (3, 2)}, "count"),
        ({"count": 7}, "count"),
        ({"noise": -0.1}, "noise"),
        ({"gap": 9}, "gap"),
        ({"quadrants": "left"}, "quadrants"),
        ({"heldout": {("pink", "circle")}}, "heldout"),
        ({"heldout": {("red", "circle")}, "required": {("red", "circle")}}, "required"),
    ],
)
def test_bad_options_name_the_field(bad, word):
    with pytest.raises(ValueError, match=word):
        SceneOptions(**bad)


def test_json_round_trip_and_refusal():
    for seed in range(50):
        scene = sample_scene(seed, OPTIONS["striped"])
        again = Scene.from_dict(json.loads(scene.to_json()))
        assert again == scene and again.hash() == scene.hash()
    data = scene.to_dict()
    data["objects"][0]["shape"] = "star"
    with pytest.raises(ValueError, match=r"objects\[0\].shape is 'star'"):
        Scene.from_dict(data)
    with pytest.raises(ValueError, match="not a scene graph"):
        Scene.from_dict({"seed": 1})


@pytest.mark.parametrize("name", OPTIONS)
def test_scenes_keep_their_rules(name):
    options = OPTIONS[name]
    low, high = options.counts
    for seed in range(300):
        scene = sample_scene(seed, options)
        assert low <= len(scene) <= high
        assert 0.85 <= scene.background <= 1
        for i, o in enumerate(scene.objects):
            assert o.radius == {"small": 6, "big": 10}[o.size]
            assert o.radius <= min(o.x, o.y) and max(o.x, o.y) <= 64 - o.radius
            assert all(0.9 <= j <= 1.1 for j in o.jitter)
            assert (o.x * 16).is_integer() and (o.y * 16).is_integer()
            assert (o.colour, o.shape) not in options.heldout
            assert options.striped or o.texture == "solid"
            for other in scene.objects[:i]:
                apart = hypot(o.x - other.x, o.y - other.y)
                assert apart >= (8.5 if options.occlusion else o.radius + other.radius + 2)


def test_attributes_are_uniform():
    objects = [o for seed in range(2000) for o in sample_scene(seed).objects]
    n = len(objects)
    for shape in SHAPES:
        for colour in COLOURS:
            share = sum(o.shape == shape and o.colour == colour for o in objects) / n
            assert abs(share - 1 / 24) < 4.5 * np.sqrt(1 / 24 / n)


def inside(o, px, py):
    """An independent test of a point: corner lists and cross products instead of distances."""
    x, y, r = px - o.x, py - o.y, o.radius
    if o.shape == "circle":
        return x * x + y * y < r * r
    if o.shape == "square":
        side = r / np.sqrt(2)
        return -side < x < side and -side < y < side
    if o.shape == "cross":
        long, short = r * 15 / 16, r * 5 / 16
        return (abs(x) < long and abs(y) < short) or (abs(x) < short and abs(y) < long)
    corners = [(0, -r), (r * np.sqrt(0.75), r / 2), (-r * np.sqrt(0.75), r / 2)]
    turns = []
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        turns.append((bx - ax) * (y - ay) - (by - ay) * (x - ax))
    return min(turns) > 1e-12


@pytest.mark.parametrize("name", ["default", "striped", "occlusion", "six"])
def test_mask_is_the_graph(name):
    for seed in range(12):
        scene = sample_scene(seed, OPTIONS[name])
        found, whole, tight = masks(scene), masks(scene, visible=False), boxes(scene)
        for row in range(64):
            for column in range(64):
                here = [i for i, o in enumerate(scene.objects) if inside(o, column + 0.5, row + 0.5)]
                assert np.flatnonzero(whole[:, row, column]).tolist() == here
                assert np.flatnonzero(found[:, row, column]).tolist() == here[-1:]
        for mask, (x0, y0, x1, y1) in zip(found, tight, strict=True):
            assert mask.any() and mask[y0:y1, x0:x1].sum() == mask.sum()
            assert mask[y0].any() and mask[y1 - 1].any() and mask[:, x0].any() and mask[:, x1 - 1].any()


def test_every_object_stays_visible_under_occlusion():
    for seed in range(200):
        scene = sample_scene(seed, OPTIONS["occlusion"])
        seen, whole = masks(scene).sum((1, 2)), masks(scene, visible=False).sum((1, 2))
        assert (seen >= 0.05 * whole).all() and (seen > 5).all()


def test_image_shows_graph_colours_and_noise():
    """Deep inside a mask the image is the object's colour, far outside the background, plus N(0, 0.02)."""
    errors = []
    for seed in range(40):
        scene = sample_scene(seed)
        image, clean = render(scene) / 255, paint(scene)
        outside = np.ones((64, 64), bool)
        for o, mask in zip(scene.objects, masks(scene), strict=True):
            core = mask.copy()
            for axis in (0, 1):
                core &= np.roll(core, 1, axis) & np.roll(core, -1, axis)
            assert np.abs(clean[core] - object_rgb(o)).max(initial=0) < 1e-12
            rows, columns = np.mgrid[:64, :64] + 0.5
            outside &= np.hypot(columns - o.x, rows - o.y) > o.radius + 1
        assert np.abs(clean[outside] - scene.background).max() < 1e-12
        middle = (clean > 0.1) & (clean < 0.9)
        errors.append((image - clean)[middle])
    errors = np.concatenate(errors)
    assert abs(errors.mean()) < 2e-4 and abs(errors.std() - 0.0195) < 3e-4
    assert (
        render(Scene(0, (), 0.875, 0.0)).min() == render(Scene(0, (), 0.875, 0.0)).max() == round(0.875 * 255)
    )


def test_antialiasing_keeps_the_area():
    """Coverage sums to the area of the outline, whatever the fraction of the centre."""
    area = {
        "circle": np.pi * 100,
        "square": 200,
        "triangle": 0.75 * np.sqrt(3) * 100,
        "cross": 4 * 100 * (2 * 15 / 16 * 5 / 16 - (5 / 16) ** 2),
    }
    for shape in SHAPES:
        for dx in (0.0, 0.25, 0.5, 0.8125):
            o = Object(shape, "red", "big", "solid", 30 + dx, 33 - dx, 10.0)
            covered = ((1 - paint(Scene(0, (o,), 1.0, 0.0))) / (1 - object_rgb(o)))[..., 1].sum()
            assert abs(covered - area[shape]) < 0.03 * area[shape], shape


def test_colours_stay_apart_under_jitter():
    rng = np.random.default_rng(0)
    names = list(colour_rgb)
    table = np.array([colour_rgb[n] for n in names])
    for _ in range(2000):
        k = rng.integers(6)
        seen = np.minimum(table[k] * rng.uniform(0.9, 1.1, 3), 1)
        assert np.argmin(((table - seen) ** 2).sum(1)) == k


def scene_of(*places, sizes=None):
    sizes = sizes or ["small"] * len(places)
    radius = {"small": 6.0, "big": 10.0}
    return Scene(
        0,
        tuple(
            Object("circle", "red", s, "solid", float(x), float(y), radius[s])
            for (x, y), s in zip(places, sizes, strict=True)
        ),
    )


def test_dead_zone_is_six_pixels_inclusive():
    assert holds(scene_of((10, 10), (16, 30)), "left", 0, 1)
    assert not holds(scene_of((10, 10), (15.9375, 30)), "left", 0, 1)
    assert not holds(scene_of((10, 10), (15.9375, 30)), "right", 1, 0)
    assert holds(scene_of((10, 10), (10.0625, 30)), "left", 0, 1, dead_zone=0)
    assert not holds(scene_of((10, 10), (10, 30)), "left", 0, 1, dead_zone=0)
    assert holds(scene_of((10, 10), (10, 16)), "above", 0, 1) and holds(
        scene_of((10, 10), (10, 16)), "below", 1, 0
    )
    with pytest.raises(ValueError, match="relation must be one of"):
        holds(scene_of((1, 1), (9, 9)), "beside", 0, 1)


def test_nearest_and_direction():
    scene = scene_of((10, 10), (30, 10), (10, 50))
    assert nearest(scene, 0) == 1 and holds(scene, "nearest", 1, 0)
    assert nearest(scene_of((30, 30), (10, 30), (51, 30)), 0) is None
    assert nearest(scene_of((30, 30)), 0) is None
    assert nearest(scene_of((30, 30), (10, 30), (52, 30)), 0) == 1  # two pixels of lead are enough
    assert nearest(scene_of((30, 30), (10, 30), (51.9375, 30)), 0) is None
    assert nearest(scene_of((30, 30), (10, 30), (50.0625, 30)), 0, dead_zone=0) == 1
    assert direction(scene, 0, 1) == "left" and direction(scene, 2, 0) == "below"
    assert direction(scene_of((10, 10), (30, 32)), 0, 1) is None


def test_relation_matrix_is_antisymmetric():
    for seed in range(50):
        scene = sample_scene(seed)
        m = {k: np.array(v) for k, v in relation_matrix(scene).items()}
        assert (m["left"] == m["right"].T).all() and (m["above"] == m["below"].T).all()
        assert (m["bigger"] == m["smaller"].T).all() and not (m["left"] & m["right"]).any()
        assert all(not np.diag(v).any() for v in m.values())
        assert (m["nearest"].sum(0) <= 1).all()
        for i, a in enumerate(scene.objects):
            for j, b in enumerate(scene.objects):
                assert m["left"][i, j] == (b.x - a.x >= 6)
        assert sorted(reading_order(scene)) == list(range(len(scene)))


def test_cell_targets_say_what_stands_where():
    scenes = [sample_scene(seed, SceneOptions(count=(1, 6), striped=True)) for seed in range(60)]
    for grid in (4, 8, 16):
        t = cell_targets(scenes, grid)
        cells = object_cells(scenes, grid)
        assert t["objectness"].shape == (60, grid, grid)
        for k, scene in enumerate(scenes):
            for i, o in enumerate(scene.objects):
                row, column = int(o.y / (64 / grid)), int(o.x / (64 / grid))
                assert cells[k, i] == row * grid + column
                if grid >= 8:
                    assert t["object"][k, row, column] == i
                    assert SHAPES[t["shape"][k, row, column]] == o.shape
                    assert COLOURS[t["colour"][k, row, column]] == o.colour
            assert (cells[k, len(scene) :] == -1).all()
            if grid >= 8:
                assert t["objectness"][k].sum() == len(scene)
            assert ((t["object"][k] >= 0) == (t["objectness"][k] == 1)).all()
            shares = mask_grid(scene, grid)
            np.testing.assert_allclose(shares.sum((1, 2)), 1)
    with pytest.raises(ValueError, match="grid must divide"):
        cell_targets(scenes, 7)
