"""Scene graphs as features: what stands in them, and that a network hears through their edges."""

import numpy as np
import pytest

from mmscratch.data import scenes
from mmscratch.data.scenes import relations
from mmscratch.representations.image import SceneGraphEncoder, SceneGraphs, scene_graphs
from mmscratch.tasks.image.neighbours import graph_data, measure

SCENES = [scenes.sample_scene(seed) for seed in (12, 3, 40)]


def test_nodes_are_the_attributes():
    graphs = scene_graphs(SCENES)
    assert graphs.nodes.lengths.tolist() == [len(s) for s in SCENES]
    for b, scene in enumerate(SCENES):
        for i, o in enumerate(scene.objects):
            row = graphs.nodes.values[b, i]
            assert row.sum() == 4
            assert row[scenes.SHAPES.index(o.shape)] == 1
            assert row[4 + scenes.COLOURS.index(o.colour)] == 1
            assert row[10 + scenes.SIZES.index(o.size)] == 1


def test_an_edge_says_who_stands_how_to_whom():
    graphs = scene_graphs(SCENES)
    for b, scene in enumerate(SCENES):
        for r, name in enumerate(graphs.relations):
            for i in range(len(scene)):
                for j in range(len(scene)):
                    assert graphs.edges[b, r, i, j] == relations.holds(scene, name, j, i)
        n = len(scene)
        assert not graphs.edges[b, :, n:].any() and not graphs.edges[b, :, :, n:].any()


def test_relations_may_be_chosen():
    graphs = scene_graphs(SCENES, ("above", "nearest"))
    assert graphs.relations == ("above", "nearest") and graphs.edges.shape[1] == 2
    assert np.array_equal(
        graphs.edges[:, 0], scene_graphs(SCENES).edges[:, relations.RELATIONS.index("above")]
    )


@pytest.mark.parametrize("kind", SceneGraphEncoder.KINDS)
def test_encoded_nodes_are_features(kind):
    graphs = scene_graphs(SCENES)
    found = SceneGraphEncoder(9, hidden=16, kind=kind).encode(graphs)
    assert found.values.shape == (*graphs.nodes.mask.shape, 16)
    assert np.array_equal(found.mask, graphs.nodes.mask)
    assert not found.values[~found.mask].any() and found.values[found.mask].any()


def test_bad_input_is_named():
    graphs = scene_graphs(SCENES)
    with pytest.raises(ValueError, match="relations must be among left"):
        scene_graphs(SCENES, ("beside",))
    with pytest.raises(ValueError, match="edges must be bool"):
        SceneGraphs(graphs.nodes, graphs.edges[:, :2], graphs.relations)
    with pytest.raises(ValueError, match="rgcn, gat, gcn, got 'gnn'"):
        SceneGraphEncoder(9, kind="gnn")
    with pytest.raises(ValueError, match="edges must be one of"):
        graph_data(SCENES, "some")


@pytest.mark.slow
def test_the_graph_answers_what_attributes_cannot():
    """The colour of the nearest object: a relational network reads it off; without edges it is at chance."""
    trained, asked = ([scenes.sample_scene(s) for s in r] for r in (range(700), range(5000, 5300)))
    whole = measure(trained, asked, "rgcn", "whole", steps=120)
    alone = measure(trained, asked, "rgcn", "no edges", steps=120)
    error = 3 * (1 / 6 * 5 / 6 / whole["objects"]) ** 0.5
    assert whole["right"] > 0.97 and whole["any other"] < 0.6
    assert abs(alone["right"] - 1 / 6) < error + 0.02 and alone["majority"] < 0.25


def test_a_target_is_the_nearest_objects_colour():
    nodes, _, _, target = graph_data(SCENES)
    for b, scene in enumerate(SCENES):
        for i in range(len(scene)):
            j = scenes.nearest(scene, i)
            assert target[b, i] == (-1 if j is None else scenes.COLOURS.index(scene.objects[j].colour))
    _, alone, _, _ = graph_data(SCENES, "no edges")
    assert not alone.any() and (target[nodes.sum(-1) == 0] == -1).all()
