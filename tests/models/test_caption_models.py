"""The caption models by name: each is built as told, learns, and is searched like any other."""

import caption_checks as checks
import numpy as np
import pytest

from mmscratch import optim
from mmscratch.autograd import no_grad
from mmscratch.decoding import greedy
from mmscratch.models.caption_losses import caption_loss
from mmscratch.models.caption_models import CAPTION_MODELS, build_captioner
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

B, R, D, V = 4, 3, 5, 9
SIZES = {"hidden": 8, "embedding": 6, "attention": 4, "layers": 2, "heads": 2}
PAD, START, END = 0, 1, 2


@pytest.fixture(params=CAPTION_MODELS)
def model(request):
    return build_captioner(request.param, V, D, **SIZES, generator=Generator(1))


def test_all_models_are_there():
    assert {"nic-input", "nic-state", "soft", "soft-dot", "top-down", "transformer"} <= set(CAPTION_MODELS)


def test_unknown_names_are_told_the_known_ones():
    with pytest.raises(ValueError, match="nic-input, .*transformer.*, got 'lstm'"):
        build_captioner("lstm", V, D)


def test_options_reach_the_models_that_have_them():
    assert len(build_captioner("nic-input", V, D, layers=3).lstm) == 3
    assert len(build_captioner("nic-input", V, D).lstm) == 1
    assert build_captioner("nic-state", V, D).init == "state"
    assert build_captioner("soft", V, D, query="previous").query == "previous"
    assert build_captioner("soft-dot", V, D).score == "dot"
    assert build_captioner("soft", V, D).score == "additive"
    transformer = build_captioner("transformer", V, D, hidden=12, layers=2, heads=3)
    assert [layer.self_attn.num_heads for layer in transformer.decoder.layers] == [3, 3]
    assert transformer.E.weight.shape == (V, 12)
    assert build_captioner("top-down", V, D, dropout=0.3).dropout.p == 0.3


@pytest.mark.parametrize("name", CAPTION_MODELS)
def test_same_seed_same_weights(name):
    one, two = (build_captioner(name, V, D, generator=Generator(1)).state_dict() for _ in range(2))
    assert one.keys() == two.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], two[key])


def test_fold_and_search(model):
    """Every model folds to what it gives at once; a greedy sentence is the likeliest word at each place."""
    rng = np.random.default_rng(0)
    regions, tokens = rng.normal(size=(B, R, D)), rng.integers(3, V, (B, 6))
    model.to("float64").eval()
    checks.fold_is_forward(model, regions, tokens)
    with no_grad():
        said, log_p, looks = greedy(model.step, model.start(Tensor(regions)), B, START, END, max_length=6)
        for b, words in enumerate(said):
            ended = [*words, END] if len(words) < 6 else words
            given = Tensor(np.array([[START, *ended]]))
            logits, alpha = model(Tensor(regions[b : b + 1]), given)
            scores = logits.log_softmax().numpy()[0]
            assert scores.argmax(1).tolist() == ended
            assert log_p[b] == pytest.approx(scores.max(1).sum())
            assert (looks is None) == (alpha is None)
            if looks is not None:
                np.testing.assert_allclose(looks[b], alpha.numpy()[0][: len(words)], rtol=1e-9)


def test_learns_to_say_what_a_picture_shows(model):
    """Each picture has its own sentence: the loss goes far below that of any model blind to the picture."""
    rng = np.random.default_rng(3)
    regions = Tensor(rng.normal(size=(B, R, D)).astype("float32"))
    words = np.array([[3, 4, 5, END], [4, 5, 6, END], [5, 6, END, PAD], [6, 3, 4, END]])
    tokens = Tensor(np.concatenate([np.full((B, 1), START), words], axis=1))
    target, optimizer = Tensor(words), optim.AdamW(list(model.parameters()), lr=2e-2, weight_decay=0.0)
    for _ in range(80):
        loss = caption_loss(model(regions, tokens)[0], target, PAD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    blind = np.log(4) / 4  # who must guess the first word of four, and knows the rest by heart
    assert loss.item() < blind / 4
    with no_grad():
        said, _, _ = greedy(model.step, model.start(regions), B, START, END, max_length=6)
    assert said == [[w for w in row if w > END] for row in words.tolist()]
