"""The survey's retrieval listing (§5.2): each of its faults, done with our library, fails, and how.

Five faults are described in lesson 12. Two of them are silent in PyTorch: batch and time change places, and a
cosine broadcasts. Where the library can know, it refuses, and the message names both shapes; where it
cannot, the failure is measured. The repaired version stands at the end: two towers, and what joins them.
"""

import itertools
import pathlib

import numpy as np
import pytest

from mmscratch import nn, ops, optim
from mmscratch.autograd import no_grad
from mmscratch.data.batches import pad
from mmscratch.data.errors import DataError
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.metrics.retrieval import cross_modal_scores
from mmscratch.models.picture_towers import RegionTower
from mmscratch.models.retrieval_losses import HardestNegative, InfoNCE
from mmscratch.models.text_towers import RecurrentTower
from mmscratch.models.two_towers import TwoTowers
from mmscratch.random import Generator
from mmscratch.representations.image import VGG, grid_features
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tensor import Tensor

GOLDENS = pathlib.Path(__file__).resolve().parents[1] / "goldens"


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def reader():
    """Embedding and LSTM with PyTorch's defaults (time first), and the same LSTM with the batch first."""
    generator = Generator(0)
    words = nn.Embedding(20, 5, generator=generator)
    listing, repaired = nn.LSTM(5, 32, generator=generator), nn.LSTM(5, 32, batch_first=True)
    repaired.load_state_dict(listing.state_dict())
    return words, listing, repaired


def last_state(reader, tokens, lengths=None, *, repaired):
    words, listing, other = reader
    with no_grad():
        _, (h, _) = (other if repaired else listing)(words(Tensor(tokens)), lengths=lengths)
    return h.numpy()


# ── 1 · names that are not there ────────────────────────────────────────────────────────────────
def test_what_was_never_imported_is_a_name_error():
    with pytest.raises(NameError, match="name 'models' is not defined"):
        eval("models.vgg16(pretrained=True)", {})


def test_weights_are_a_file_and_one_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TypeError, match="pretrained"):
        VGG(16, pretrained=True)
    with pytest.raises(DataError, match="vgg16.pth"):
        VGG.published(16, tmp_path / "vgg16.pth", hidden=8, classes=1, grid=1)


# ── 2 · silent: batch and time change places ────────────────────────────────────────────────────
TOKENS = np.random.default_rng(0).integers(0, 20, (4, 7))


def test_four_sentences_of_seven_words_are_read_as_seven_of_four(reader):
    """No error, and a shape with a batch axis of 7; PyTorch says the same."""
    assert last_state(reader, TOKENS, repaired=False).shape == (1, 7, 32)
    assert tuple(np.load(GOLDENS / "clinic.npz")["swapped"]) == (1, 7, 32)
    assert last_state(reader, TOKENS, repaired=True).shape == (1, 4, 32)


def test_what_is_read_then_is_a_word_of_every_sentence(reader):
    """Change one sentence: all seven vectors move. In the repaired one only its own does."""
    other = TOKENS.copy()
    other[2] = (other[2] + 1) % 20
    for repaired, wanted in ((False, [True] * 7), (True, [False, False, True, False])):
        before, after = (last_state(reader, t, repaired=repaired)[0] for t in (TOKENS, other))
        assert (np.abs(before - after).max(1) > 1e-4).tolist() == wanted


def test_where_there_are_as_many_sentences_as_words_no_shape_tells(reader):
    """B = T: right shape, wrong vectors. A row that moves with its neighbours is the symptom that stays."""
    tokens = np.random.default_rng(1).integers(0, 20, (7, 7))
    wrong, right = (last_state(reader, tokens, repaired=r)[0] for r in (False, True))
    assert wrong.shape == right.shape
    assert np.abs(wrong - right).max() > 0.01
    np.testing.assert_allclose(wrong, last_state(reader, tokens.T, repaired=True)[0], atol=1e-6)


def test_lengths_make_it_loud(reader):
    with pytest.raises(ValueError, match=r"LSTM: lengths must be 7 integers, got int64 \(4,\)"):
        last_state(reader, TOKENS, np.full(4, 7), repaired=False)


# ── 3 · silent: a cosine that broadcasts ────────────────────────────────────────────────────────
def cosine_as_pytorch(a, b, axis=1):
    """torch.cosine_similarity: broadcast first, then lengths and products along one axis."""
    a, b = np.broadcast_arrays(a, b)
    return (a * b).sum(axis) / (np.linalg.norm(a, axis=axis) * np.linalg.norm(b, axis=axis))


def text_and_map(batch, hidden):
    return normal(1, batch, hidden), np.maximum(normal(batch, 512, 7, 7, seed=1), 0)


def test_a_state_and_a_map_of_common_sizes_do_not_fit():
    state, maps = text_and_map(4, 32)
    with pytest.raises(ValueError, match="broadcast"):
        cosine_as_pytorch(state, maps)
    with pytest.raises(ValueError, match=r"got \(1, 4, 32\) and \(4, 512, 7, 7\)"):
        ops.cosine_similarity(Tensor(state), Tensor(maps), axis=1)


@pytest.mark.parametrize("batch, hidden", [(7, 7), (1, 7), (7, 1)])
def test_at_some_sizes_they_broadcast_and_ours_refuses_still(batch, hidden):
    """Where H and B are 7 or 1, PyTorch gives (B, 7, 7) numbers. Ours wants vectors of one length."""
    state, maps = text_and_map(batch, hidden)
    assert cosine_as_pytorch(state, maps).shape == (batch, 7, 7)
    for cosine in (ops.cosine_similarity, ops.cosine_similarity_twin):
        with pytest.raises(ValueError, match=rf"got \(1, {batch}, {hidden}\) and \({batch}, 512, 7, 7\)"):
            cosine(Tensor(state), Tensor(maps), axis=1)


def test_of_the_text_only_a_sign_is_left():
    """The channels' axis is new to the text: one number repeated 512 times is all that it compares.

    cos = t Σ_c m_c / (√512 |t| ‖m‖) = sign(t) · Σ m / (√512 ‖m‖);   as PyTorch has it (golden)
    """
    r = np.random.default_rng(0)
    state, maps = r.standard_normal((1, 7, 7)), np.maximum(r.standard_normal((7, 512, 7, 7)), 0)
    said = np.load(GOLDENS / "clinic.npz")["cosine"]
    np.testing.assert_allclose(cosine_as_pytorch(state, maps), said, atol=1e-12)
    evenness = maps.sum(1) / (np.sqrt(512) * np.linalg.norm(maps, axis=1))
    np.testing.assert_allclose(said, np.sign(state) * evenness, atol=1e-12)
    np.testing.assert_allclose(cosine_as_pytorch(5 * np.abs(state), maps), np.abs(said), atol=1e-12)


@pytest.mark.parametrize("axis, shapes", [(1, [(3, 4), (4,)]), (-1, [(3, 1), (3, 4)]), (2, [(3, 4)] * 2)])
def test_vectors_of_two_lengths_have_no_cosine(axis, shapes):
    a, b = (Tensor(normal(*s)) for s in shapes)
    with pytest.raises(ValueError, match=rf"one length along axis {axis}"):
        ops.cosine_similarity(a, b, axis=axis)


# ── 4 · no pooling, no projection, no length, padding, pairs ────────────────────────────────────
def test_a_map_and_a_vector_of_another_width_have_no_cosine():
    text, maps = Tensor(normal(4, 256)), Tensor(normal(4, 512, 7, 7))
    with pytest.raises(ValueError, match=r"with one D, got \(4, 256\) and \(4, 512, 7, 7\)"):
        ops.cosine_similarity_matrix(text, maps)
    pooled = maps.mean((2, 3))
    with pytest.raises(ValueError, match=r"with one D, got \(4, 256\) and \(4, 512\)"):
        ops.cosine_similarity_matrix(text, pooled)
    assert ops.cosine_similarity_matrix(text, nn.Linear(512, 256)(pooled)).shape == (4, 4)


def test_without_unit_length_the_longest_picture_wins():
    """Scale one picture of fifty: a product puts it first for every query that it agrees with at all."""
    queries, pictures = normal(200, 16), normal(50, 16, seed=1)
    bright = pictures.copy()
    bright[7] *= 100
    first = (queries @ bright.T).argmax(1) == 7
    np.testing.assert_array_equal(first, queries @ pictures[7] > 0)
    unit = ops.cosine_similarity_matrix
    np.testing.assert_allclose(unit(queries, bright), unit(queries, pictures), atol=1e-6)


def padded(words, width):
    tokens = np.zeros((1, width), np.int64)
    tokens[0, : len(words)] = words
    return tokens


def test_padding_is_read_unless_lengths_say_where_a_sentence_ends(reader):
    """The vector of the same five words moves with the width of the batch; with lengths it does not."""
    words, short = [3, 1, 4, 1, 5], None
    for width in (5, 8, 20):
        read = last_state(reader, padded(words, width), repaired=True)[0, 0]
        real = last_state(reader, padded(words, width), np.array([5]), repaired=True)[0, 0]
        short = real if short is None else short
        np.testing.assert_allclose(real, short, atol=1e-6)
        moved = np.linalg.norm(read - short) / np.linalg.norm(short)
        assert moved < 1e-6 if width == 5 else moved > 0.3


def test_a_padding_vector_of_zeros_is_no_cure(reader):
    """An LSTM that reads zeros still forgets and remembers: its biases and its state go on."""
    _, _, lstm = reader
    words = nn.Embedding(20, 5, padding_idx=0, generator=Generator(0))
    assert not words.weight.detach().numpy()[0].any()
    wide, short = (last_state((words, None, lstm), padded([3, 1, 4], w), repaired=True) for w in (20, 3))
    assert np.linalg.norm(wide - short) > 0.3 * np.linalg.norm(short)


def test_pairs_are_the_diagonal_and_hold_no_order():
    """B numbers where a search needs B × B: whatever stands beside the diagonal, they say the same."""
    text, pictures = normal(6, 8), normal(6, 8, seed=1)
    pairs, table = ops.cosine_similarity(text, pictures), ops.cosine_similarity_matrix(text, pictures)
    assert pairs.shape == (6,) and table.shape == (6, 6)
    np.testing.assert_allclose(pairs, table.diagonal(), atol=1e-6)
    same = ops.cosine_similarity(text[:, None], pictures[None])
    np.testing.assert_allclose(same, table, atol=1e-6)
    blind = np.ones((6, 8), np.float32)  # towers that say one thing of everything
    assert (ops.cosine_similarity(blind, blind) > 0.999).all(), "perfect pairs"
    assert np.ptp(ops.cosine_similarity_matrix(blind, blind)) < 1e-6, "and nothing to rank by"


# ── 5 · no loss: recall at 1 is 1/N ─────────────────────────────────────────────────────────────
def first_is_own(table):
    """Recall at 1 of a square table whose diagonal is true."""
    return (table.argmax(1) == np.arange(len(table))).mean()


def test_over_all_pairings_recall_at_1_is_exactly_one_in_n():
    """Whatever the table: in 1/N of the pairings a query's first document is its own."""
    table = np.random.default_rng(0).normal(size=(5, 5))
    found = [first_is_own(table[:, list(p)]) for p in itertools.permutations(range(5))]
    assert np.mean(found) == pytest.approx(1 / 5, abs=1e-12)


# ── the repaired version ────────────────────────────────────────────────────────────────────────
SPEC = "scenes:train=300,val=0,test=0,level=1,references=1,count=1,heldout_pairs=0,positions=all,seed=12"


@pytest.fixture(scope="module")
def gallery():
    """Pictures of one object, each of another kind: VGG16's regions, captions as numbers."""
    split = load_scenes(SPEC, "train")
    of = {(o.size, o.colour, o.shape): i for i, s in enumerate(split.scenes) for o in s.objects}
    chosen = sorted(of.values())[:32]
    vgg = VGG(16, grid=1, hidden=8, classes=1, generator=Generator(0)).eval()
    regions = grid_features(vgg, split.images[chosen], size=64, crop=64).values
    assert regions.shape == (32, 4, 512)
    regions = (regions - regions.mean((0, 1))) / (regions.std((0, 1)) + 1e-3)
    vocabulary = Vocabulary.from_tokens(split.sentences())
    tokens, lengths = pad([vocabulary.encode(split.captions[i][0]) for i in chosen], Vocabulary.pad)
    assert len(np.unique(lengths)) > 1  # so padding is in the batch
    return Tensor(regions.astype(np.float32)), tokens, lengths, len(vocabulary)


def repaired(gallery, seed):
    """VGG16's cells summed and projected; an LSTM that knows where sentences end; unit length; all pairs."""
    regions, _, _, words = gallery
    g = Generator(seed)
    pictures = RegionTower(regions.shape[2], 32, 64, generator=g)
    return TwoTowers(pictures, RecurrentTower("lstm", words, 32, 16, 32, generator=g))


def recall_at_1(towers, gallery):
    regions, tokens, lengths, _ = gallery
    with no_grad():
        found = cross_modal_scores(towers((regions,), (tokens, lengths)).numpy(), np.arange(len(tokens)))
    return np.mean([found["i→t R@1"], found["t→i R@1"]])


def test_before_training_recall_at_1_is_one_in_n(gallery):
    """Twenty draws of weights: their mean lies within three standard errors of 1/32."""
    found = [recall_at_1(repaired(gallery, seed), gallery) for seed in range(20)]
    assert abs(np.mean(found) - 1 / 32) < 3 * np.std(found, ddof=1) / np.sqrt(20) + 1e-9, found
    assert max(found) < 0.15


@pytest.mark.parametrize("loss", [InfoNCE(), HardestNegative()], ids=["InfoNCE", "hardest negative"])
def test_the_repaired_version_learns_who_belongs_to_whom(gallery, loss):
    regions, tokens, lengths, _ = gallery
    towers = repaired(gallery, 0)
    optimizer = optim.Adam([*towers.parameters(), *loss.parameters()], lr=3e-3)
    for step in range(200):
        if isinstance(loss, HardestNegative):
            loss.share = min(1, step / 100)
        value = loss(towers((regions,), (tokens, lengths)))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert recall_at_1(towers, gallery) > 0.9  # of 1/32 = 0.03
    with no_grad():
        v = towers.encode("first", regions)
        alone = towers.encode("second", tokens[:1, : lengths[0]], lengths[:1])
        beside = towers.encode("second", tokens[:8], lengths[:8])
    np.testing.assert_allclose(np.linalg.norm(v.numpy(), axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(beside.numpy()[:1], alone.numpy(), atol=1e-5)  # nor neighbours, nor padding
