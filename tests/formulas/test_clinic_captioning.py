"""The survey's captioning listing (§5.1): each of its faults, done with our library, fails, and how.

Six faults are described in lesson 7. Where the library can know, it refuses, and the message names the
argument and both shapes. Where it cannot (a wrong mean is a picture too), it is silent, and measured.
The repaired version stands at the end: VGG16, two LSTM layers, words in, words out.
"""

import numpy as np
import pytest

from mmscratch import nn, ops, optim
from mmscratch.autograd import no_grad
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.decoding import greedy
from mmscratch.models.caption_losses import caption_loss
from mmscratch.models.lrcn import LRCN
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.random import Generator
from mmscratch.representations.image import VGG, grid_features, preprocess_keras, preprocess_torchvision
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.image import attributes
from mmscratch.tensor import Tensor

PAD, START, END = Vocabulary.pad, Vocabulary.start, Vocabulary.end
SPEC = "scenes:train=48,val=0,test=32,level=1,count=1,heldout_pairs=0,positions=all,seed=7"


@pytest.fixture(scope="module")
def vgg():
    """VGG16's convolutions with random weights; a small head, since captions need none."""
    return VGG(16, grid=1, hidden=8, classes=1, generator=Generator(0)).eval()


@pytest.fixture(scope="module")
def split():
    return load_scenes(SPEC, "train")


def grid(*shape):
    return Tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32))


# ── 1 · a keyword that does not exist ───────────────────────────────────────────────────────────
@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_misspelt_keyword_is_refused_by_name(layer):
    message = rf"{layer.__name__}: unknown argument 'return_sequence' \(there are: input_size, "
    with pytest.raises(TypeError, match=message):
        layer(512, 256, return_sequence=True)
    with pytest.raises(TypeError, match=r"'batch_firts'; did you mean 'batch_first'\?"):
        layer(512, 256, batch_firts=True)


# ── 2 · a map is no sequence ────────────────────────────────────────────────────────────────────
def test_a_map_given_to_an_lstm_is_refused_with_both_shapes():
    lstm = nn.LSTM(512, 8, batch_first=True)
    with pytest.raises(ValueError, match=r"LSTM: x has shape \(2, 512, 7, 7\), expected \(B, T, 512\)"):
        lstm(grid(2, 512, 7, 7))


def test_a_map_given_to_a_captioner_is_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"LRCN: regions must be \(B, R, 512\), got \(2, 512, 7, 7\)"):
        LRCN(9, 512, 8, 4)(grid(2, 512, 7, 7), Tensor(np.ones((2, 3), np.int64)))


def test_flattening_without_moving_the_channels_last_fits_and_is_wrong():
    """The shapes are right, and of 25,088 numbers less than one in a thousand stands where it should."""
    maps = np.arange(512 * 49).reshape(1, 512, 7, 7)
    right = maps.reshape(1, 512, 49).transpose(0, 2, 1)
    wrong = maps.reshape(1, 49, 512)
    assert right.shape == wrong.shape
    assert (right == wrong).mean() < 0.001
    np.testing.assert_array_equal(right[0, 7 * 3 + 2], maps[0, :, 3, 2])


# ── 3 · one distribution is no sentence ─────────────────────────────────────────────────────────
class LastState(nn.Module):
    """What the listing describes once 1 and 2 are repaired: cells read as if they were time; one answer."""

    def __init__(self, vocabulary_size, generator):
        self.lstm = nn.LSTM(512, 16, 2, batch_first=True, generator=generator)
        self.out = nn.Linear(16, vocabulary_size, generator=generator)

    def forward(self, regions):
        return self.out(self.lstm(regions)[0][:, -1])


def test_the_last_state_gives_one_word_for_a_picture_and_no_sentence():
    p = ops.softmax(LastState(9, Generator(0))(grid(4, 49, 512))).detach().numpy()
    assert p.shape == (4, 9)  # no axis of time
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)


def test_two_captions_of_different_length_cannot_be_its_target():
    logits = LastState(9, Generator(0))(grid(2, 49, 512))
    captions = np.array([[4, 5, END, PAD, PAD], [4, 6, 7, 8, END]])
    with pytest.raises(ValueError, match=r"logits \(2, 9\) need a target of shape \(2,\) .* got \(2, 5\)"):
        ops.cross_entropy(logits, Tensor(captions))


def test_repeating_its_distribution_over_time_says_one_word_again_and_again():
    """With the best possible p, −log p a word is the entropy of the caption's words, not 0."""
    caption = np.array([4, 5, 6, END])
    logits = np.zeros(9)
    for _ in range(2000):
        p = np.exp(logits) / np.exp(logits).sum()
        logits -= 0.5 * (p - np.bincount(caption, minlength=9) / 4)
    loss = -np.log(np.exp(logits) / np.exp(logits).sum())[caption].mean()
    assert loss == pytest.approx(np.log(4), abs=0.01)


def test_what_the_listing_never_reads_is_the_words():
    """No argument takes the word before: the same answer whatever was said; the repaired one hears it."""
    model, regions = LRCN(9, 512, 16, 8, generator=Generator(0)).eval(), grid(1, 49, 512)
    with no_grad():
        state = model.start(regions)
        one, other = (model.step(state, Tensor(np.array([w])))[1].numpy() for w in (START, 5))
    assert np.abs(one - other).max() > 1e-3
    with pytest.raises(TypeError):
        LastState(9, Generator(0))(regions, Tensor(np.array([[START]])))


# ── 4 · targets, loss, accuracy ─────────────────────────────────────────────────────────────────
def test_captions_as_text_are_refused():
    with pytest.raises(TypeError, match=r"cross_entropy: target must be an array or a tensor .* got a list"):
        ops.cross_entropy(grid(2, 9), ["a red circle", "a big blue square"])
    with pytest.raises(TypeError, match=r"Vocabulary.encode: tokens: expected a list of tokens, got the str"):
        Vocabulary(["red"]).encode("a red circle")
    with pytest.raises(TypeError, match=r"embedding: index must be of integers"):
        nn.Embedding(9, 4)(np.array([["a", "red"]]))


def test_one_hot_targets_put_classes_on_the_axis_of_time():
    """Silent: (B, T, V) against one-hot (B, T, V) fits, and the softmax runs over the words of a sentence."""
    target = np.array([[4, 5, 4, END], [4, 6, 4, END]])  # a red a …: one word twice
    onehot = np.eye(9)[target]
    even = Tensor(np.zeros((2, 4, 9)))
    assert ops.cross_entropy(even, Tensor(onehot)).item() == pytest.approx(np.log(4) * 4 / 9)  # not ln 9
    assert caption_loss(even, Tensor(target), PAD).item() == pytest.approx(np.log(9))
    certain = Tensor(60.0 * onehot)  # a model that is right and sure
    assert caption_loss(certain, Tensor(target), PAD).item() < 1e-6
    assert ops.cross_entropy(certain, Tensor(onehot)).item() == pytest.approx(2 * np.log(2) / 9)  # not 0


def test_accuracy_that_counts_padding_praises_a_model_that_knows_nothing(split):
    """A model that always says <pad> is right wherever nothing was to be said."""
    vocabulary = Vocabulary.from_tokens(split.sentences())
    length = 20  # a common setting: everything is padded to it
    target = np.full((len(split.sentences()), length), PAD)
    for row, sentence in zip(target, split.sentences(), strict=True):
        ids = vocabulary.encode(sentence)[1:]
        row[: len(ids)] = ids
    said, real = np.full_like(target, PAD), target != PAD
    assert (said == target).mean() > 0.6
    assert (said == target)[real].mean() == 0


def test_a_loss_over_padding_is_small_where_nothing_was_learnt(split):
    """Sure of <pad>, without a clue of words: the mean over all places hides it, the masked mean does not."""
    target = np.full((4, 20), PAD)
    target[:, :4] = [4, 5, 6, END]
    logits = np.zeros((4, 20, 9))
    logits[:, 4:, PAD] = 20
    everywhere = ops.cross_entropy(Tensor(logits.reshape(80, 9)), Tensor(target.reshape(80))).item()
    assert everywhere == pytest.approx(np.log(9) * 4 / 20, rel=1e-3)
    assert caption_loss(Tensor(logits), Tensor(target), PAD).item() == pytest.approx(np.log(9), rel=1e-6)


# ── 5 · preprocessing and the encoder ───────────────────────────────────────────────────────────
def test_without_preprocessing_features_move_and_nothing_is_said(vgg, split):
    """Raw bytes, red for blue, the other weights' mean: numbers come out, as another picture's would."""
    pictures = split.images[:8]
    right = preprocess_keras(pictures, size=64)
    inputs = {
        "bytes": pictures.transpose(0, 3, 1, 2).astype(np.float32),
        "red and blue": np.ascontiguousarray(right[:, ::-1]),
        "the other's": preprocess_torchvision(pictures, 64, 64),
    }
    with no_grad():
        wanted = vgg.features(Tensor(right)).numpy()
        moved = {name: vgg.features(Tensor(np.ascontiguousarray(x))).numpy() for name, x in inputs.items()}
    apart = np.linalg.norm(wanted - wanted[[*range(1, 8), 0]])  # what tells one picture from the next
    distance = {name: np.linalg.norm(x - wanted) / apart for name, x in moved.items()}
    assert distance["bytes"] > 2 and distance["red and blue"] > 0.3 and distance["the other's"] > 2, distance


def test_the_encoder_has_14_7_million_weights_that_adam_may_move(vgg):
    assert sum(p.data.size for p in vgg.features.parameters()) == 14_714_688
    assert all(p.requires_grad for p in vgg.features.parameters())  # trainable unless one says otherwise


def captions_loss(decoder, regions, vocabulary, split, n):
    tokens = [vocabulary.encode(many[0]) for many in split.captions[:n]]
    array = np.full((n, max(map(len, tokens))), PAD)
    for row, ids in zip(array, tokens, strict=True):
        row[: len(ids)] = ids
    logits, _ = decoder(regions, Tensor(array))
    return caption_loss(logits, Tensor(np.ascontiguousarray(array[:, 1:])), PAD)


def test_training_the_encoder_at_adam_1e_3_forgets_what_it_knew(split):
    """A few steps of caption loss: the trained network's attributes suffer; frozen, nothing moves."""
    test, vocabulary, right = load_scenes(SPEC, "test"), Vocabulary.from_tokens(split.sentences()), {}
    for trained in (False, True):
        encoder = load_pretrained().requires_grad_(trained)
        decoder = LRCN(len(vocabulary), encoder.channels, 32, 16, generator=Generator(0))
        optimizer = optim.Adam([p for m in (encoder, decoder) for p in m.parameters()], lr=1e-3)
        for _ in range(10):
            maps = encoder.features(Tensor(split.floats()[:16]))
            regions = maps.reshape(16, encoder.channels, 64).permute(0, 2, 1)
            loss = captions_loss(decoder, regions, vocabulary, split, 16)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        right[trained] = attributes.judge(encoder, test)["colour right"]
    assert right[False] > 0.95
    assert right[True] < right[False] - 0.1, right


# ── 6 · from a picture to words ─────────────────────────────────────────────────────────────────
def test_a_picture_without_a_batch_axis_is_refused_with_both_shapes(vgg):
    with pytest.raises(ValueError, match=r"Conv2d: x has shape \(3, 64, 64\), expected \(B, 3, H, W\)"):
        vgg.features(grid(3, 64, 64))
    with pytest.raises(ValueError, match=r"LRCN: regions must be \(B, R, 512\), got \(49, 512\)"):
        LRCN(9, 512, 8, 4)(grid(49, 512), Tensor(np.ones((1, 3), np.int64)))
    with pytest.raises(ValueError, match=r"LRCN: regions must be \(B, R, 512\), got \(49, 512\)"):
        LRCN(9, 512, 8, 4).start(grid(49, 512))


def test_channels_last_are_refused_with_both_shapes(vgg):
    with pytest.raises(ValueError, match=r"Conv2d: x has shape \(1, 64, 64, 3\), expected \(B, 3, H, W\)"):
        vgg.features(grid(1, 64, 64, 3))


def test_probabilities_are_not_words():
    """Words are looked up by number, up to <end>; a probability is no number of a word."""
    vocabulary = Vocabulary(["a", "red", "circle"])
    p = ops.softmax(LastState(len(vocabulary), Generator(0))(grid(1, 49, 512))).detach().numpy()
    assert vocabulary.decode(p[0]) == []  # int() of a probability is 0, <pad>: dropped
    assert vocabulary.decode([START, 4, 5, 6, END, 4]) == ["a", "red", "circle"]


# ── the repaired version ────────────────────────────────────────────────────────────────────────
def learn(regions, split, steps, seed=0):
    """The repaired listing: frozen features, words in, start and end, masked loss. → model, vocabulary."""
    vocabulary = Vocabulary.from_tokens(split.sentences())
    model = LRCN(len(vocabulary), regions.shape[2], 64, 32, generator=Generator(seed))
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(steps):
        loss = captions_loss(model, Tensor(regions), vocabulary, split, len(split))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval(), vocabulary, loss.item()


def describe(model, vocabulary, regions):
    with no_grad():
        state = model.start(Tensor(regions))
    said, _, _ = greedy(model.step, state, len(regions), START, END, 12)
    return [[vocabulary.words[w] for w in words] for words in said]


def test_the_repaired_version_runs_from_vgg16_to_sentences(vgg, split):
    """49 regions of 512 at 224 × 224, and sentences of different length from one model."""
    whole = grid_features(vgg, split.images[:1])
    assert whole.values.shape == (1, 49, 512)
    pictures = load_scenes(SPEC, "train")
    pictures.images, pictures.captions = pictures.images[:8], pictures.captions[:8]
    regions = grid_features(vgg, pictures.images, size=64, crop=64).values
    assert regions.shape == (8, 4, 512)
    regions = ((regions - regions.mean((0, 1))) / (regions.std((0, 1)) + 1e-3)).astype(np.float32)
    model, vocabulary, loss = learn(regions, pictures, 200)
    said = describe(model, vocabulary, regions)
    own = sum(s == many[0] for s, many in zip(said, pictures.captions, strict=True))
    other = sum(s == many[0] for s, many in zip(said[1:] + said[:1], pictures.captions, strict=True))
    assert loss < 0.1 and own >= 7 and other <= 2  # it knows these eight, and looks to know which
    assert len({len(s) for s in said}) > 1
