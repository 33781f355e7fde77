"""C3D and (2+1)D: parameter counts from the papers' tables, PyTorch's numbers, and what a bag cannot see."""

import json
import pathlib

import numpy as np
import pytest
from video_cases import draw

from mmscratch import nn, ops
from mmscratch.data import scenes
from mmscratch.gradcheck import gradcheck
from mmscratch.random import Generator
from mmscratch.representations.video import C3D, FrameBag, VideoResNet, middle_width, to_clips
from mmscratch.representations.video.c3d import PAPER
from mmscratch.representations.video.resnet import BasicBlock, Conv2Plus1d
from mmscratch.tensor import Tensor

FILE = pathlib.Path(__file__).resolve().parents[1] / "goldens" / "video.npz"
GOLDENS = np.load(FILE)
INDEX = json.loads(str(GOLDENS["index"]))


def count(model):
    return sum(p.size for p in model.parameters())


# ── counts ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("classes", "total"), [(487, 79_991_015), (101, 78_409_573)])
def test_c3d_has_the_papers_parameters(classes, total, monkeypatch):
    """By the table, by a plain sum, and by the shapes that the net would allocate (nothing is drawn)."""
    table, n_in = 0, 3
    for stage in PAPER:
        for n_out in stage:
            table += 27 * n_in * n_out + n_out
            n_in = n_out
    assert table == 27_655_936
    table += (512 * 1 * 4 * 4) * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * classes + classes
    assert table == total
    monkeypatch.setattr(nn.init, "fan_in_uniform_", lambda *args: None)
    net = C3D(classes)
    assert count(net) == total and net.flat == 8192
    names = [name for _, name in net.convolutions]
    assert names == ["conv1a", "conv2a", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"]
    assert [p["kernel_size"] for p in net.pools] == [(1, 2, 2)] + [(2, 2, 2)] * 4
    assert [p["padding"] for p in net.pools] == [(0, 0, 0)] * 4 + [(0, 1, 1)]


@pytest.mark.parametrize(("kind", "total"), [("2+1", 31_505_325), ("3", 33_371_472)])
def test_video_resnets_have_the_published_parameters(kind, total, monkeypatch):
    monkeypatch.setattr(nn.init, "fan_in_uniform_", lambda *args: None)
    monkeypatch.setattr(nn.init, "kaiming_normal_", lambda *args, **options: None)
    assert count(VideoResNet(kind)) == total


@pytest.mark.parametrize(("n_in", "n_out"), [(3, 64), (16, 16), (64, 64), (64, 128), (7, 5)])
def test_factorised_convolution_has_as_many_weights_as_the_whole_one(n_in, n_out):
    m, whole = middle_width(n_in, n_out), 27 * n_in * n_out
    assert m == int(27 * n_in * n_out / (9 * n_in + 3 * n_out))
    parts = Conv2Plus1d(n_in, n_out)
    weights = sum(p.size for p in (parts[0].weight, parts[3].weight))
    assert whole - (9 * n_in + 3 * n_out) < weights <= whole
    assert middle_width(64, 64) == 144 and middle_width(3, 64, 3, 7) == 83


# ── PyTorch's numbers ───────────────────────────────────────────────────────────────────────────
def build(name):
    if name == "c3d":
        return C3D(5, ((2,), (3,), (4, 4), (5, 5), (6, 6)), 7, 16, 48, dropout=0.0)
    return VideoResNet("3" if name.startswith("r3d") else "2+1", 5, (4, 6), (1, 2), stem=3)


@pytest.mark.parametrize("name", [k for k in INDEX if k != "torch"])
def test_nets_give_pytorchs_scores_and_gradients(name):
    model = build(name)
    for p in model.parameters():
        p.data = p.data.astype(np.float64)
    for b in model.buffers():
        if b.data.dtype.kind == "f":
            b.data = b.data.astype(np.float64)
    state = model.state_dict()
    drawn = draw({k: v.shape for k, v in state.items() if v.dtype.kind == "f"}, 1)
    model.load_state_dict({**state, **drawn})
    model.train("training" in name)
    shape = (2, 3, 16, 48, 48) if name == "c3d" else (2, 3, 4, 12, 10)
    x = Tensor(np.random.default_rng(2).normal(size=shape), requires_grad=True)
    y = model(x)
    close = {"rtol": 1e-6, "atol": 1e-8}
    np.testing.assert_allclose(y.detach().numpy(), GOLDENS[f"{name}/y"], **close)
    (y * np.cos(np.arange(y.size, dtype=float)).reshape(y.shape)).sum().backward()
    np.testing.assert_allclose(x.grad.ravel()[:: max(x.size // 500, 1)], GOLDENS[f"{name}/dx"], **close)
    gradients = {k: np.asarray(p.grad) for k, p in model.named_parameters()}
    assert sorted(gradients) == INDEX[name]
    norms = [np.linalg.norm(gradients[k]) for k in INDEX[name]]
    np.testing.assert_allclose(norms, GOLDENS[f"{name}/norm"], **close)
    first = np.concatenate([gradients[k].ravel()[:8] for k in INDEX[name]])
    np.testing.assert_allclose(first, GOLDENS[f"{name}/first"], **close)


def test_goldens_are_small():
    assert FILE.stat().st_size < 60_000


# ── properties ──────────────────────────────────────────────────────────────────────────────────
def test_3d_convolution_by_hand():
    """An edge that moves: the kernel (−1, +1) in time answers where something came or went."""
    x = np.zeros((1, 1, 3, 1, 4))
    x[0, 0, 0, 0, 1] = x[0, 0, 1, 0, 2] = x[0, 0, 2, 0, 3] = 1  # a dot that moves right
    w = np.zeros((1, 1, 2, 1, 2))
    w[0, 0, 0, 0, 0] = w[0, 0, 1, 0, 1] = 1  # now here, next frame one to the right
    y = ops.conv3d(x, w)[0, 0, :, 0]
    assert y.tolist() == [[0, 2, 0], [0, 0, 2]]
    back = ops.conv3d(np.ascontiguousarray(x[:, :, ::-1]), w)[0, 0, :, 0]
    assert back.max() == 1  # the same frames backwards never answer 2


def test_separable_kernel_is_its_two_parts():
    """W[i, j] = u[i] v[j] over time and space: one convolution equals the two of (2+1)D."""
    random = np.random.default_rng(0)
    x, u, v = random.normal(size=(2, 1, 5, 6, 7)), random.normal(size=3), random.normal(size=(3, 3))
    whole = ops.conv3d(x, (u[:, None, None] * v)[None, None], padding=1)
    space = ops.conv3d(x, v[None, None, None], padding=(0, 1, 1))
    parts = ops.conv3d(space, u[None, None, :, None, None], padding=(1, 0, 0))
    np.testing.assert_allclose(whole, parts, rtol=1e-12, atol=1e-12)


def test_gradients_of_a_block_and_of_conv3d():
    random = np.random.default_rng(1)
    gradcheck(
        lambda x, w: ops.conv3d(x, w, padding=1), random.normal(size=(1, 2, 3, 3, 2)),
        random.normal(size=(2, 2, 3, 3, 3)),
    )  # fmt: skip
    block = BasicBlock("2+1", 2, 3, 2, generator=Generator(0))
    for p in block.parameters():
        p.data = p.data.astype(np.float64)
    gradcheck(block, random.normal(size=(2, 2, 2, 3, 2)))


@pytest.fixture(scope="module")
def clips():
    return scenes.load_clips("clips:train=1,val=6,test=6").split("test")


@pytest.mark.parametrize("seed", range(3))
def test_a_bag_of_frames_gives_a_clip_and_its_reversal_the_same_scores(clips, seed):
    """The proof that 50 % is all it can reach, whatever its weights; nets that see time do differ."""
    x = Tensor(to_clips(clips.frames))
    bag = FrameBag(12, generator=Generator(seed))(x).detach().numpy()
    np.testing.assert_allclose(bag[0::2], bag[1::2], atol=1e-5)
    assert np.abs(bag[0] - bag[2]).max() > 1e-4  # it does see something
    for net in (
        C3D(12, ((4,), (8,)), 16, 8, 32, dropout=0.0, generator=Generator(seed)),
        VideoResNet("2+1", 12, (8,), (1,), stem=8, stem_size=3, generator=Generator(seed)),
    ):
        found = net(x).detach().numpy()
        assert np.abs(found[0::2] - found[1::2]).max() > 1e-4


def test_a_c3d_whose_kernels_do_not_look_at_time_is_a_bag_too(clips):
    """Only the middle slice of each kernel, and a mean over time at the end: the arrow is gone."""
    net = C3D(12, ((4,), (8,)), 16, 8, 32, dropout=0.0, generator=Generator(0))
    for _, name in net.convolutions:
        weight = getattr(net, name).weight
        only = np.zeros_like(weight.data)
        only[:, :, 1] = weight.data[:, :, 1]
        weight.data = only
    net.eval()
    grid = net.grid(Tensor(to_clips(clips.frames))).detach().numpy().mean(axis=2)
    np.testing.assert_allclose(grid[0::2], grid[1::2], atol=1e-5)


def test_wrong_shapes_are_named():
    net = C3D(3, ((2,), (2,)), 4, 4, 16)
    with pytest.raises(ValueError, match=r"C3D: x has shape \(2, 3, 4, 16, 8\), expected clips \(B, 3, 4"):
        net(Tensor(np.zeros((2, 3, 4, 16, 8), "f")))
    with pytest.raises(ValueError, match="pool3 meets 1 frames"):
        C3D(3, ((2,), (2,), (2,)), 4, 2, 16)
    with pytest.raises(ValueError, match=r"VideoResNet: x has shape \(2, 1, 4, 8, 8\), expected clips"):
        VideoResNet("3", 3, (2,), (1,))(Tensor(np.zeros((2, 1, 4, 8, 8), "f")))
    with pytest.raises(ValueError, match="kind must be one of"):
        VideoResNet("4", 3)
    with pytest.raises(ValueError, match="as many"):
        VideoResNet("3", 3, (2, 2), (1,))
    with pytest.raises(ValueError, match=r"FrameBag: x has shape \(1, 3, 8, 8\)"):
        FrameBag(3)(Tensor(np.zeros((1, 3, 8, 8), "f")))
