"""Readers of two modalities: what each encoder must and must not see, gradients, errors."""

import numpy as np
import pytest

from mmscratch.autograd import no_grad
from mmscratch.data.applications import molecules, scans
from mmscratch.gradcheck import gradcheck
from mmscratch.models.applications.readers import (
    GraphEncoder,
    PairReader,
    ScanEncoder,
    SeriesEncoder,
    WordEncoder,
    word_ids,
)
from mmscratch.random import Generator
from mmscratch.tensor import tensor

random = np.random.default_rng(0)
MOLECULES = molecules.make_molecules(4, seed=1)


def _graph(kind):
    return GraphEncoder(len(molecules.ATOMS), kind, 8, generator=Generator(0)).eval()


def test_words_are_numbered_from_one_and_unknown_ones_are_nothing():
    ids, vocabulary = word_ids(["b a", "a c a"])
    assert vocabulary == {"a": 1, "b": 2, "c": 3} and ids.tolist() == [[2, 1, 0], [1, 3, 1]]
    again, same = word_ids([["a", "x"]], vocabulary)
    assert again.tolist() == [[1, 0]] and same is vocabulary
    with pytest.raises(ValueError, match="word_ids: texts: expected at least one word"):
        word_ids(["", ""])


def test_padding_is_not_read_and_order_is():
    encoder = WordEncoder(5, generator=Generator(0)).eval()
    with no_grad():
        a = encoder(np.array([[1, 2, 0], [3, 0, 0]])).numpy()
        b = encoder(np.array([[1, 2, 0, 0, 0], [0, 0, 0, 0, 0]])).numpy()
        c = encoder(np.array([[2, 1, 0]])).numpy()
    np.testing.assert_allclose(a[0], b[0], atol=1e-6)
    np.testing.assert_array_equal(b[1], 0)
    assert np.abs(a[0] - c[0]).max() > 1e-3


@pytest.mark.parametrize("kind", ["gcn", "gat", "bag"])
def test_a_molecule_is_its_graph_and_not_its_numbering(kind):
    encoder, order = _graph(kind), random.permutation(molecules.MOST)
    m = MOLECULES
    with no_grad():
        one = encoder(m.atoms, m.bonds).numpy()
        other = encoder(m.atoms[:, order], m.bonds[:, order][:, :, order]).numpy()
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_bag_cannot_tell_twins_and_a_graph_network_can():
    m = MOLECULES
    first = [int(np.flatnonzero((m.pair == p) & m.joined)[0]) for p in range(4)]
    second = [int(np.flatnonzero((m.pair == p) & ~m.joined)[0]) for p in range(4)]
    with no_grad():
        for kind, apart in (("bag", False), ("gcn", True), ("gat", True)):
            h = _graph(kind)(m.atoms, m.bonds).numpy()
            assert (np.abs(h[first] - h[second]).max() > 1e-4) == apart


def test_pictures_become_the_mean_of_their_grid():
    encoder = ScanEncoder(generator=Generator(0)).eval()
    images = tensor(scans.make_scans(4).images)
    with no_grad():
        grid = encoder.grid(images).numpy()
        np.testing.assert_allclose(encoder(images).numpy(), grid.mean((2, 3)), rtol=1e-5)
        assert encoder.lesion_logits(images).shape == (4, 8, 8) and grid.shape == (4, 32, 8, 8)


@pytest.mark.parametrize("fusion", ["tensor", "gated", "intermediate"])
def test_what_is_missing_is_not_read(fusion):
    encoders = [SeriesEncoder(3, 6, Generator(0)), WordEncoder(5, 4, 6, Generator(1))]
    model = PairReader(encoders, (6, 6), 2, fusion, hidden=6, generator=Generator(2)).eval()
    x, ids = tensor(random.normal(size=(4, 5, 3)).astype(np.float32)), random.integers(1, 6, (4, 7))
    with no_grad():
        for seen, others in (((True, False), (x, 6 - ids)), ((False, True), (-x, ids))):
            present = np.tile(seen, (4, 1))
            one = model((x,), (ids,), present=present).numpy()
            np.testing.assert_allclose(
                one, model((others[0],), (others[1],), present=present).numpy(), atol=1e-6
            )
            assert np.abs(one - model((x,), (ids,)).numpy()).max() > 1e-4


def test_gradient_of_the_whole_with_respect_to_a_series():
    encoders = [SeriesEncoder(2, 3, Generator(0)), WordEncoder(5, 3, 3, Generator(1))]
    model = PairReader(encoders, (3, 3), 2, "tensor", hidden=4, generator=Generator(2)).eval()
    for p in model.parameters():
        p.data = p.data.astype(np.float64)
    ids = np.array([[1, 2, 0], [4, 5, 3]])
    assert gradcheck(lambda x: model.loss(np.array([0, 1]), (x,), (ids,)), random.normal(size=(2, 3, 2)))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: GraphEncoder(4, "sage"), "kind: expected one of gcn, gat, bag, got 'sage'"),
        (lambda: PairReader([], (3, 3), 2, only=2), "only: expected None, 0 or 1, got 2"),
        (lambda: PairReader([], (3, 3), 2, "late-product"), "fusion: expected one that gives features"),
        (lambda: PairReader([], (3, 3), 2, "no such"), "expected one of early"),
    ],
)
def test_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
