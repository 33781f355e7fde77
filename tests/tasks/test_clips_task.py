"""Reversed clips: the command, what its figures mean, and that nets which see time pass a bag of frames."""

import json

import numpy as np
import pytest

from mmscratch.data import scenes
from mmscratch.tasks.video import clips as task


class Told:
    """A net that knows the labels of clips by their bytes, and may be wrong about the arrow."""

    training = False

    def __init__(self, split, arrow):
        self.answers = {
            task.to_clips(f[None]).tobytes(): int(n if arrow else task.OTHER[n])
            for f, n in zip(split.frames, split.labels, strict=True)
        }

    def eval(self):
        pass

    def train(self, mode):
        pass

    def __call__(self, x):
        found = np.zeros((len(x.numpy()), 12), np.float32)
        for row, clip in zip(found, x.numpy(), strict=True):
            row[self.answers.get(clip[None].tobytes(), 0)] = 1
        return type("Scores", (), {"numpy": lambda self: found})()


@pytest.fixture(scope="module")
def few():
    return scenes.load_clips("clips:train=6,val=6,test=12,size=16,frames=4")


def test_figures_of_a_net_that_knows_and_of_one_that_is_always_backwards(few):
    split = few.split("test")
    knows, backwards = (task.judge(Told(split, arrow), split) for arrow in (True, False))
    assert knows["event"] == knows["arrow"] == 1 and all(knows[e] == (1, 1) for e in scenes.EVENTS)
    assert backwards["event"] == backwards["arrow"] == 0
    assert knows["first"] <= 0.6  # a still picture is none of the clips


def test_equal_scores_are_half_right():
    labels = np.arange(12)
    assert (task.arrow(np.zeros((12, 12)), labels) == 0.5).all()
    assert (task.arrow(np.eye(12), labels) == 1).all()
    assert (task.arrow(np.eye(12)[task.OTHER], labels) == 0).all()


def test_controls_keep_the_frames(few):
    frames = few.split("test").frames
    mixed, still = task.shuffled(frames), task.first_frame(frames)
    for a, b in zip(frames, mixed, strict=True):
        assert sorted(f.tobytes() for f in a) == sorted(f.tobytes() for f in b)
    assert not np.array_equal(frames, mixed) and np.array_equal(mixed, task.shuffled(frames))
    assert (still == frames[:, :1]).all() and still.shape == frames.shape


def test_batches_go_on_where_they_were(few):
    split = few.split("train")
    whole = [labels.tolist() for _, labels in task.ClipBatches(split.frames, split.labels, 5, 3)]
    assert sorted(sum(whole, [])) == sorted(split.labels.tolist())
    first = task.ClipBatches(split.frames, split.labels, 5, 3)
    next(iter(first))
    second = task.ClipBatches(split.frames, split.labels, 5, 3)
    second.load_state_dict(first.state_dict())
    assert [labels.tolist() for _, labels in second] == whole[1:]


def test_the_command(tmp_path, capsys):
    data = "clips:train=6,val=6,test=6,size=16,frames=4"
    arguments = ["--data", data, "--models", "bag", "--epochs", "1", "--quiet"]
    files = ["--figure", str(tmp_path / "a.png"), "--json", str(tmp_path / "a.json")]
    assert task.main(arguments + files) == 0
    out = capsys.readouterr().out
    assert "frame bag" in out and "12 clips to learn from, 12 to test on" in out and "clockwise" in out
    figures = json.loads((tmp_path / "a.json").read_text())["figures"]["bag"][0]
    assert abs(figures["arrow"] - 0.5) <= 1 / 12
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert task.main(["--data", "clips:pears=3", "--quiet"]) == 2
    assert "unknown key" in capsys.readouterr().err
    assert task.main([*arguments, "--seeds", "0"]) == 2


@pytest.mark.slow
def test_nets_that_see_time_pass_a_bag_of_frames():
    """240 test clips, seed 0: the bag is at 50 %, R(2+1)D above 90 %, and no better than it when shuffled."""
    clips = scenes.load_clips("clips:train=480,val=24,test=120,size=16,frames=6,stills=1")
    figures = {name: task.judge(task.learn(name, clips, epochs=e, batch_size=24, lr=8e-3, progress=False),
                                clips.split("test"))
               for name, e in (("bag", 4), ("r2plus1d", 12))}  # fmt: skip
    assert abs(figures["bag"]["arrow"] - 0.5) < 0.02 and figures["bag"]["event"] <= 0.51
    assert figures["r2plus1d"]["arrow"] >= 0.9 and abs(figures["r2plus1d"]["shuffled"] - 0.5) < 0.12


def test_c3d_hands_signals_on():
    """Begun for ReLUs: no layer loses the signal's size, whose square six small layers would cut by 6⁶."""
    from mmscratch import Generator, tensor

    net = task.MODELS["c3d"](8, 16, Generator(0))
    assert not any(p.detach().numpy().any() for p in net.parameters() if p.ndim == 1)
    x = tensor(np.random.default_rng(0).normal(size=(2, 3, 8, 16, 16)).astype(np.float32))
    for name in net.convolutions:
        before, x = (x * x).mean().item(), getattr(net, name[1])(x)
        assert 0.5 < (x * x).mean().item() / before < 1.5, name
    h = tensor(np.random.default_rng(1).normal(size=(500, net.flat)).astype(np.float32))
    for layer in (net.fc6, net.fc7):
        before, h = (h * h).mean().item(), layer(h)
        assert 0.5 < (h * h).mean().item() / before < 1.7
