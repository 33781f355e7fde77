"""Caption batches: what is in them, and that a stopped epoch goes on exactly."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmscratch.data import CaptionBatch, CaptionBatches, CaptionSet, Vocabulary

IMAGES = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)
CAPTIONS = [[1, 5, 2], [1, 5, 6, 7, 2], [1, 2], [1, 8, 9, 2], [1, 6, 2]]
IMAGE_OF = [0, 0, 1, 2, 2]


def batches(**options):
    options = {"batch_size": 2, **options}
    return CaptionBatches(IMAGES, CAPTIONS, IMAGE_OF, **options)


def indices(stream):
    return [batch.index.tolist() for batch in stream]


def test_contents():
    links = [[-1] * len(c) for c in CAPTIONS]
    links[1] = [-1, 0, 0, 3, -1]
    first = next(iter(batches(links=links)))
    assert first.tokens.tolist() == [[1, 5, 2, 0, 0], [1, 5, 6, 7, 2]]
    assert first.lengths.tolist() == [3, 5]
    assert first.links.tolist() == [[-1] * 5, [-1, 0, 0, 3, -1]]
    assert first.images.dtype == np.float32 and first.images.shape == (2, 3, 2, 2)
    np.testing.assert_array_equal(first.images[1, :, 0, 1] * 255, IMAGES[0, 0, 1])
    assert first.inputs.tolist() == [[1, 5, 2, 0], [1, 5, 6, 7]]
    assert first.targets.tolist() == [[5, 2, 0, 0], [5, 6, 7, 2]]
    assert first.mask.tolist() == [[True, True, False, False], [True] * 4]
    assert len(first) == 2


def test_padding_is_as_long_as_the_longest_of_the_batch():
    assert [b.tokens.shape for b in batches()] == [(2, 5), (2, 4), (1, 3)]


def test_frozen_and_checked():
    batch = batches().batch([0])
    with pytest.raises(AttributeError):
        batch.tokens = None
    with pytest.raises(ValueError, match=r"lengths: expected \(1,\).*got \(2,\)"):
        CaptionBatch(batch.images, batch.tokens, np.zeros(2), batch.links, batch.index)
    with pytest.raises(ValueError, match="do not fit"):
        CaptionBatch(batch.images[:0], batch.tokens, batch.lengths, batch.links, batch.index)


def test_order_and_last_batch():
    assert indices(batches()) == [[0, 1], [2, 3], [4]]
    assert indices(batches(drop_last=True)) == [[0, 1], [2, 3]]
    assert len(batches()) == 3 and len(batches(drop_last=True)) == 2
    assert indices(batches(batch_size=9)) == [[0, 1, 2, 3, 4]]


def test_normalised_and_left_out_pixels():
    batch = next(iter(batches(mean=[0.1, 0.2, 0.3], std=[1, 2, 4])))
    want = (IMAGES[0, 0, 0] / 255 - [0.1, 0.2, 0.3]) / [1, 2, 4]
    np.testing.assert_allclose(batch.images[0, :, 0, 0], want, rtol=1e-5)
    assert next(iter(batches(pixels=False))).images is None


GENERATORS = {
    "pcg": np.random.PCG64,
    "philox": np.random.Philox,
    "mt": np.random.MT19937,
    "sfc": np.random.SFC64,
}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 25), st.sampled_from(sorted(GENERATORS)), st.booleans(), st.integers(1, 6))
def test_a_stopped_run_goes_on_with_the_same_batches(stop, kind, drop_last, batch_size):
    def make(seed):
        generator = np.random.Generator(GENERATORS[kind](seed))
        return batches(generator=generator, drop_last=drop_last, batch_size=batch_size)

    if batch_size > 5 and drop_last:
        return
    whole, stopped, resumed = make(3), make(3), make(99)
    stream = whole.forever()
    want = [next(stream).index.tolist() for _ in range(40)]
    stream = stopped.forever()
    for _ in range(stop):
        next(stream)
    resumed.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
    stream = resumed.forever()
    assert [next(stream).index.tolist() for _ in range(40 - stop)] == want[stop:]
    assert resumed.epoch == whole.epoch


def test_state_between_epochs():
    one, two = (batches(generator=np.random.default_rng(s)) for s in (0, 1))
    list(one)
    two.load_state_dict(one.state_dict())
    assert indices(one) == indices(two) and one.epoch == two.epoch == 2


def test_every_epoch_is_a_new_permutation():
    data = batches(generator=np.random.default_rng(0))
    epochs = [sum(indices(data), []) for _ in range(8)]
    assert all(sorted(e) == [0, 1, 2, 3, 4] for e in epochs)
    assert len({tuple(e) for e in epochs}) > 1


def test_breaking_off_starts_a_new_epoch():
    data = batches()
    next(iter(data))
    assert indices(data) == [[0, 1], [2, 3], [4]]


def test_from_a_set_takes_the_true_captions():
    captions = (("a red one", "a blue one"), (), ("a red one",))
    data = CaptionSet("x", "en", IMAGES, captions, ("a", "b", "c"), ((0.0, 1.0), (), (1.0,)))
    vocabulary = Vocabulary(["a", "red", "blue", "one"])
    (batch,) = CaptionBatches.of(data, vocabulary, batch_size=8)
    assert [vocabulary.decode(t) for t in batch.tokens] == [["a", "blue", "one"], ["a", "red", "one"]]
    np.testing.assert_array_equal(batch.images[1, :, 0, 0] * 255, IMAGES[2, 0, 0])
    assert data.false_captions() == [["a red one"], [], []]
    assert data.subset([2, 0]).ids == ("c", "a")


def test_mismatches_are_refused():
    with pytest.raises(ValueError, match="5 captions but 3 images"):
        CaptionBatches(IMAGES, CAPTIONS, batch_size=2)
    with pytest.raises(ValueError, match="image_of: expected 5 entries, got 2"):
        CaptionBatches(IMAGES, CAPTIONS, [0, 1], batch_size=2)
    with pytest.raises(ValueError, match="expected 0…2, got 0…3"):
        CaptionBatches(IMAGES, CAPTIONS, [0, 1, 2, 3, 0], batch_size=2)
    with pytest.raises(ValueError, match="links: expected 5 lists, got 1"):
        batches(links=[[0]])
    with pytest.raises(ValueError, match=r"links\[0\]: expected 3 entries"):
        batches(links=[[0]] * 5)
    with pytest.raises(ValueError, match=r"captions\[0\]: expected at least <start>"):
        CaptionBatches(IMAGES, [[1]] * 3, batch_size=2)
    for size in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="batch_size"):
            batches(batch_size=size)
    with pytest.raises(ValueError, match="both or neither"):
        batches(mean=[0, 0, 0])
    with pytest.raises(ValueError, match="no batch of 9"):
        next(batches(batch_size=9, drop_last=True).forever())
    data = batches(generator=np.random.default_rng(0))
    with pytest.raises(ValueError, match="batch_size: state has 2, expected 3"):
        batches(batch_size=3).load_state_dict(data.state_dict())
    with pytest.raises(ValueError, match="generator"):
        batches().load_state_dict(data.state_dict())
    with pytest.raises(ValueError, match="generator"):
        other = batches(generator=np.random.Generator(np.random.Philox(0)))
        other.load_state_dict(data.state_dict())


def test_caption_set_checks_its_parts():
    with pytest.raises(ValueError, match="captions: expected 3 entries"):
        CaptionSet("x", "en", IMAGES, ((),), (1, 2, 3))
    with pytest.raises(ValueError, match="only once"):
        CaptionSet("x", "en", IMAGES, ((), (), ()), (1, 1, 3))
    with pytest.raises(ValueError, match=r"agreement\[0\]"):
        CaptionSet("x", "en", IMAGES, (("a",), (), ()), (1, 2, 3), ((), (), ()))
