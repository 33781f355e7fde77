"""Towers against PyTorch's goldens and what they promise; scores; the queue; the alarms."""

import pathlib

import numpy as np
import pytest

from mmscratch import ops
from mmscratch.gradcheck import gradcheck
from mmscratch.models.collapse import Watch
from mmscratch.models.momentum import MomentumQueue, same_item
from mmscratch.models.picture_towers import PatchTower, PixelTower, RegionTower, SoundTower
from mmscratch.models.retrieval_losses import InfoNCE
from mmscratch.models.text_towers import TEXT_TOWERS, RecurrentTower, build_text_tower
from mmscratch.models.two_towers import TwoTowers, order_scores, score_matrix
from mmscratch.random import Generator
from mmscratch.tensor import Tensor, tensor

GOLDENS = pathlib.Path(__file__).parents[1] / "goldens" / "retrieval.npz"
LENGTHS = np.array([7, 3, 1, 5])


@pytest.fixture
def words():
    return np.random.default_rng(0).integers(4, 20, (4, 7))


def text(name, **options):
    return build_text_tower(name, 20, 6, embedding=5, hidden=8, generator=Generator(0), **options)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_recurrent_towers_are_pytorchs_on_packed_sequences(kind, both):
    with np.load(GOLDENS, allow_pickle=False) as file:
        golden = {k.partition("/")[2]: file[k] for k in file.files if k.startswith(f"{kind}/{int(both)}/")}
        golden = {k.removeprefix(f"{int(both)}/"): v for k, v in golden.items()}
        tokens, lengths = file["tokens"], file["lengths"]
    tower = RecurrentTower(kind, 11, 3, embedding=3, hidden=4, bidirectional=both).to("float64")
    tower.load_state_dict({k[2:]: v for k, v in golden.items() if k.startswith("p/")})
    y = tower(tokens, lengths)
    np.testing.assert_allclose(y.detach().numpy(), golden["y"], rtol=1e-9, atol=1e-12)
    ops.sum(y * Tensor(np.cos(np.arange(y.size)).reshape(y.shape))).backward()
    for name, parameter in tower.named_parameters():
        np.testing.assert_allclose(parameter.grad, golden[f"g/{name}"], rtol=1e-8, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", TEXT_TOWERS)
def test_filling_does_not_matter_and_words_do(name, words):
    tower = text(name)
    beyond = np.arange(7) >= LENGTHS[:, None]
    a, b = tower(words, LENGTHS), tower(np.where(beyond, 0, words), LENGTHS)
    np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    longer = np.concatenate([words, np.full((4, 3), 9)], axis=1)
    np.testing.assert_allclose(tower(longer, LENGTHS).detach().numpy(), a.detach().numpy(), atol=1e-6)
    other = words.copy()
    other[0, 6] = 3
    changed = np.abs(tower(other, LENGTHS).detach().numpy() - a.detach().numpy()).max(1)
    assert changed[0] > 1e-6 and not changed[1:].any()


@pytest.mark.parametrize("name", TEXT_TOWERS)
def test_only_the_bag_ignores_order(name):
    tower = text(name)
    a, b = (tower(np.array([s]), np.array([3])).detach().numpy() for s in ([4, 5, 6], [6, 4, 5]))
    assert np.allclose(a, b, atol=1e-6) == (name == "bow")


@pytest.mark.parametrize("name", TEXT_TOWERS)
def test_text_towers_refuse_what_does_not_fit(name, words):
    with pytest.raises(ValueError, match=r"tokens must be integers \(B, T\), got float64"):
        text(name)(words * 1.0, LENGTHS)
    with pytest.raises(ValueError, match=r"lengths must lie in 1 … 7, got 0 … 5"):
        text(name)(words, np.array([0, 3, 1, 5]))
    with pytest.raises(ValueError, match="lengths must be 4 integers"):
        text(name)(words, LENGTHS[:3])


def test_text_tower_names():
    with pytest.raises(ValueError, match="text: expected lstm or gru or transformer or bow, got 'bert'"):
        text("bert")


def test_regions_are_a_set_that_is_counted():
    """By hand; any order; a second region counts; a masked one does not."""
    tower = RegionTower(3, 2, hidden=4, generator=Generator(0)).to("float64").eval()
    p = {k: v.astype(float) for k, v in tower.state_dict().items()}
    x = np.random.default_rng(0).normal(size=(1, 3, 3))
    each = [np.maximum(p["W1.weight"] @ a + p["W1.bias"], 0) for a in x[0]]
    each = [np.maximum(p["W1a.weight"] @ a + p["W1a.bias"], 0) for a in each]
    y = p["W3.weight"] @ np.maximum(p["W2.weight"] @ sum(each) + p["W2.bias"], 0) + p["W3.bias"]

    def run(regions, mask=None):
        return tower(tensor(regions, "float64"), mask).detach().numpy()[0]

    np.testing.assert_allclose(run(x), y, rtol=1e-10)
    np.testing.assert_allclose(run(x[:, ::-1].copy()), y, rtol=1e-10)
    assert np.abs(run(np.concatenate([x, x[:, :1]], 1)) - y).max() > 1e-6
    more = np.concatenate([x, np.full((1, 1, 3), np.nan)], 1)
    np.testing.assert_allclose(run(more, np.array([[True, True, True, False]])), y, rtol=1e-10)
    ops.sum(tower(tensor(more, "float64"), np.array([[True, True, True, False]]))).backward()
    assert all(np.isfinite(p.grad).all() for p in tower.parameters())
    with pytest.raises(ValueError, match=r"regions must be \(B, R, 3\), got \(1, 3, 2\)"):
        run(x[:, :, :2].copy())


def test_scaled_regions_are_read_with_mean_zero_and_deviation_one():
    x = np.random.default_rng(0).normal(5, [1, 10, 100], size=(40, 3, 3)).astype(np.float32)
    plain, scaled = (RegionTower(3, 2, hidden=4, scaled=s, generator=Generator(0)) for s in (False, True))
    scaled.scale_by(x)
    by_hand = (x - x.mean((0, 1))) / x.std((0, 1))
    np.testing.assert_allclose(scaled(tensor(x)).detach().numpy(), plain(tensor(by_hand)).detach().numpy(),
                               atol=1e-4)  # fmt: skip
    assert set(scaled.state_dict()) - set(plain.state_dict()) == {"middle", "spread"}


@pytest.mark.parametrize("tower", [PixelTower, PatchTower])
def test_pixel_towers_see_where_things_are(tower):
    tower = tower(6, generator=Generator(0))
    image = np.full((2, 3, 64, 64), 0.9, np.float32)
    image[0, 0, 8:24, 8:24] = image[1, 0, 40:56, 40:56] = 0
    y = tower(tensor(image))
    assert y.shape == (2, 6)
    assert np.abs(y.detach().numpy()[0] - y.detach().numpy()[1]).max() > 1e-5
    ops.sum(ops.square(y)).backward()
    assert all(p.grad is not None for n, p in tower.named_parameters() if "heads" not in n)


def test_sound_tower_keeps_the_time():
    tower = SoundTower(6, frames=48, bands=64, generator=Generator(0)).eval()
    x = np.zeros((2, 48, 64), np.float32)
    x[0, 4:8, 20], x[1, 36:40, 20] = 1, 1
    y = tower(tensor(x)).detach().numpy()
    assert y.shape == (2, 6) and np.abs(y[0] - y[1]).max() > 1e-5


def test_order_scores_by_hand_and_their_gradient():
    rng = np.random.default_rng(0)
    v, t = np.abs(rng.normal(size=(3, 4))), np.abs(rng.normal(size=(5, 4)))
    wanted = [[-sum(max(0, b - a) ** 2 for a, b in zip(x, y, strict=True)) for y in t] for x in v]
    np.testing.assert_allclose(order_scores(v, t), wanted, rtol=1e-12)
    assert gradcheck(order_scores, v, t)
    assert (order_scores(t * 2, t).diagonal() == 0).all()  # says less than is there: true


def pair(score="cosine"):
    return TwoTowers(RegionTower(3, 6, hidden=8, generator=Generator(1)), text("lstm"), score)


@pytest.mark.parametrize("score", ["cosine", "order"])
def test_two_towers_give_rows_of_unit_length_and_all_scores(score, words):
    towers = pair(score)
    x = np.random.default_rng(1).normal(size=(3, 2, 3)).astype(np.float32)
    v, t = towers.encode("first", Tensor(x)).detach(), towers.encode("second", words, LENGTHS).detach()
    for rows in (v, t):
        np.testing.assert_allclose(np.linalg.norm(rows.numpy(), axis=1), 1, atol=1e-6)
    s = towers((Tensor(x),), (words, LENGTHS)).detach().numpy()
    np.testing.assert_allclose(s, score_matrix(towers, v.numpy(), t.numpy()), atol=1e-6)
    if score == "cosine":
        np.testing.assert_allclose(s, v.numpy() @ t.numpy().T, atol=1e-6)
    else:
        assert (v.numpy() >= 0).all() and (t.numpy() >= 0).all() and (s <= 0).all()


def test_two_towers_must_meet():
    with pytest.raises(ValueError, match="end in 5 and 6"):
        TwoTowers(RegionTower(3, 5, hidden=4), text("bow"))
    with pytest.raises(ValueError, match="score: expected cosine or order, got 'dot'"):
        pair("dot")


def test_same_picture_or_same_caption():
    items, captions = np.array([0, 1, 0, 2]), np.array([5, 6, 7, 6])
    found = same_item(items, captions)
    wanted = np.eye(4, dtype=bool)
    wanted[0, 2] = wanted[2, 0] = wanted[1, 3] = wanted[3, 1] = True
    np.testing.assert_array_equal(found, wanted)
    none = np.array([-1, -1, -1, -1])
    np.testing.assert_array_equal(same_item(none, captions), captions[:, None] == captions)


def batch(k, words):
    x = Tensor(np.random.default_rng(k).normal(size=(4, 2, 3)).astype(np.float32))
    return (x,), (words, LENGTHS), np.arange(4) + 4 * k, np.arange(4) + 40 * k


def test_queue_follows_keeps_and_forgets(words):
    towers = pair()
    queue = MomentumQueue(towers, size=6, momentum=0.9)
    assert list(queue.parameters()) == [] and queue.filled == 0
    before = {k: v.numpy() for k, v in queue.slow.named_buffers()}
    for p in towers.parameters():
        p.data = p.detach().numpy() + 1
    seen = []
    for k, columns in enumerate((4, 8, 10)):
        first, second, items, captions = batch(k, words)
        v, t = towers.encode("first", *first), towers.encode("second", *second)
        rows, cols, positives, _ = queue(towers, v, t, first, second, items, captions)
        assert rows.shape == cols.shape == positives.shape == (4, columns)
        np.testing.assert_array_equal(positives, np.eye(4, columns, dtype=bool))
        if seen:  # the newest of the queue are the last batch's, as they were encoded then
            np.testing.assert_allclose(rows.detach().numpy()[:, 4:8], v.detach().numpy() @ seen[-1][1].T,
                                       atol=1e-6)  # fmt: skip
            np.testing.assert_allclose(cols.detach().numpy()[:, 4:8], t.detach().numpy() @ seen[-1][0].T,
                                       atol=1e-6)  # fmt: skip
        slow = [queue.slow.encode(n, *i).numpy() for n, i in (("first", first), ("second", second))]
        seen.append(slow)
        InfoNCE()(rows, cols, positives, positives).backward()
    assert queue.filled == 6
    np.testing.assert_array_equal(queue.numbers.numpy()[0], [8, 9, 10, 11, 4, 5])
    for name, buffer in queue.slow.named_buffers():  # θ + 1 followed three times: 1 − 0.9³ of the way
        np.testing.assert_allclose(buffer.numpy(), before[name] + (1 - 0.9**3), atol=1e-5)
    again, (first, second, *_) = np.array([8, 0, 1, 2]), batch(3, words)
    out = queue(towers, v.detach(), t.detach(), first, second, again, np.array([-1, -1, 85, -1]))
    wanted = np.eye(4, 10, dtype=bool)
    wanted[0, 4] = True  # picture 8 is in the queue
    np.testing.assert_array_equal(out[2], wanted)


def test_queue_is_saved_whole(words):
    a, b = (MomentumQueue(pair(), 6) for _ in range(2))
    first, second, items, captions = batch(0, words)
    towers = pair()
    a(
        towers,
        towers.encode("first", *first),
        towers.encode("second", *second),
        first,
        second,
        items,
        captions,
    )
    b.load_state_dict(a.state_dict())
    np.testing.assert_array_equal(a.rows.numpy(), b.rows.numpy())
    assert b.filled == 4
    with pytest.raises(ValueError, match="momentum: expected 0 ≤ m < 1, got 1"):
        MomentumQueue(pair(), 6, 1)


def test_watch_speaks_once_when_the_loss_stays_blind():
    watch, scores = Watch(patience=3), np.array([0.0, 1.0])
    blind = float(np.log(128))
    told = [watch(loss, blind, scores) for loss in (blind * 0.9, *[blind] * 4, blind * 0.5, *[blind] * 3)]
    assert [t.line is not None for t in told] == [False] * 3 + [True] + [False] * 4 + [True]
    assert "ln 128" in told[3].line and "do not see" in told[3].line
    assert [t.figures["alarm"] for t in told] == [0, 0, 0, 1, 1, 0, 0, 0, 1]
    assert told[0].figures["loss_above_blind"] == pytest.approx(0.9)


def test_watch_tells_collapse_and_counts_on_after_a_resume():
    watch = Watch(patience=3)
    for _ in range(2):
        assert watch(51.2, 51.2, np.full((4, 4), 0.7)).line is None
    other = Watch(patience=3)
    other.load_state_dict(watch.state_dict())
    assert "one point" in other(51.2, 51.2, np.full((4, 4), 0.7)).line
    assert watch(0.0, 0.0, np.array([0.0, 1.0])).figures["alarm"] == 0  # a batch without negatives


def test_hardest_negative_from_the_start_collapses_and_is_told(words):
    """The plateau of VSE++ at 2·B·m is stable: no gradient separates equal vectors."""
    from mmscratch.models.retrieval_losses import HardestNegative

    loss, watch = HardestNegative(0.2), Watch(patience=2)
    v = np.tile(np.array([[0.6, 0.8]], np.float32), (4, 1))
    for _ in range(2):
        s = v @ v.T
        value = loss(Tensor(s)).item()
        assert value == pytest.approx(2 * 4 * 0.2, rel=1e-5)
        alarm = watch(value, loss.blind(4), s)
    assert alarm.figures["alarm"] == 1 and "collapse" in alarm.line
