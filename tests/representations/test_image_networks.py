"""VGG and ResNet against torch (frozen), their sizes, weights of files and of Keras, grids of features."""

import pathlib

import image_cases
import numpy as np
import pytest

from mmscratch.random import Generator
from mmscratch.representations import Features
from mmscratch.representations.blank import Blank
from mmscratch.representations.image import (
    VGG,
    ResNet,
    grid_features,
    keras_vgg,
    preprocess_torchvision,
    timm_vgg,
)
from mmscratch.representations.image.vgg import convolution_names
from mmscratch.tensor import Tensor
from mmscratch.weights import load_into

FILE = pathlib.Path(__file__).resolve().parents[1] / "goldens" / "image.npz"
KINDS = {"VGG": VGG, "ResNet": ResNet}


@pytest.fixture(scope="module")
def goldens():
    """name → array."""
    found, at = {}, 0
    with np.load(FILE) as file:
        values = file["values"].astype(np.float64)
        for line in file["index"].tobytes().decode().split("\n"):
            *name, tail = line.rsplit("/", 1)
            last, *shape = tail.split(" ")
            shape = tuple(map(int, shape))
            found["/".join([*name, last])] = values[at : at + int(np.prod(shape))].reshape(shape)
            at += int(np.prod(shape))
    return found


def build(name, dtype):
    kind, options, shape = image_cases.CASES[name]
    options = {**options, **({"dropout": 0.0} if kind == "VGG" else {})}
    network = KINDS[kind](**options, generator=Blank()).to(dtype)
    load_into(network, image_cases.fill({k: v.shape for k, v in network.state_dict().items()}))
    return network, Tensor(image_cases.picture(shape).astype(dtype), requires_grad=True)


def close(found, wanted, name, relative):
    """Within ``relative`` of the golden's largest entry."""
    scale = max(np.abs(wanted).max(), 0.01)  # a bias before a batch norm has no gradient but rounding
    np.testing.assert_allclose(found, wanted, rtol=relative, atol=relative * scale, err_msg=name)


@pytest.mark.parametrize("name", image_cases.CASES)
@pytest.mark.parametrize(
    ("mode", "dtype", "relative"),
    # Not training in float32: dividing by the deviation of a few entries, fifty times, leaves no four digits.
    [
        pytest.param("eval", "float64", 1e-6, marks=pytest.mark.slow),  # float32 goes the same way by default
        ("train", "float64", 1e-6),
        ("eval", "float32", 1e-4),
    ],
)
def test_forward_and_gradients_are_torchs(goldens, name, mode, dtype, relative):
    network, x = build(name, dtype)
    key = f"{name}/{mode}/"
    digest = image_cases.digest
    close(digest(network.eval().features(x).detach().numpy()), goldens[key + "grid"], "grid", relative)
    network.train(mode == "train")
    y = network(x)
    close(y.detach().numpy(), goldens[key + "logits"], "logits", relative)
    (y * Tensor(image_cases.weigh(y.shape).astype(dtype))).sum().backward()
    close(digest(x.grad), goldens[key + "input"], "gradient of x", relative)
    gradients = {k for k in goldens if k.startswith(key + "gradient/")}
    for parameter, p in network.named_parameters():
        gradients.remove(f"{key}gradient/{parameter}")
        close(digest(p.grad), goldens[f"{key}gradient/{parameter}"], parameter, relative)
    assert not gradients
    for buffer, b in network.named_buffers():
        if f"{key}after/{buffer}" in goldens:
            close(digest(b.numpy()), goldens[f"{key}after/{buffer}"], buffer, relative)


def test_goldens_are_small():
    assert FILE.stat().st_size < 300_000


@pytest.mark.parametrize(
    ("network", "options", "count", "features"),
    [
        (VGG, {"plan": 16}, 138_357_544, 14_714_688),
        (ResNet, {"depth": 18}, 11_689_512, None),
        (ResNet, {"depth": 34}, 21_797_672, None),
        (ResNet, {"depth": 50}, 25_557_032, None),
    ],
)
def test_published_numbers_of_parameters(network, options, count, features):
    built = network(**options, generator=Blank())
    assert sum(p.size for p in built.parameters()) == count
    if features:
        assert sum(p.size for p in built.features.parameters()) == features


def test_the_other_plans():
    """Without the classifier, which all share: 9,404,992 and 20,024,384 (the published totals less it)."""
    for plan, batch_norm, count in ((13, False, 9_404_992), (19, False, 20_024_384), (16, True, 14_723_136)):
        network = VGG(plan, batch_norm=batch_norm, hidden=1, classes=1, grid=1, generator=Blank())
        assert sum(p.size for p in network.features.parameters()) == count


def test_names_are_torchvisions():
    names = list(VGG(16, hidden=1, grid=1, generator=Blank()).state_dict())
    assert names[:4] == ["features.0.weight", "features.0.bias", "features.2.weight", "features.2.bias"]
    assert names[24:] == [f"{n}.{k}" for n in ("features.28", "classifier.0", "classifier.3", "classifier.6")
                          for k in ("weight", "bias")]  # fmt: skip
    names = list(VGG(11, batch_norm=True, hidden=1, grid=1, generator=Blank()).state_dict())
    kinds = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert names[2:7] == [f"features.1.{k}" for k in kinds]
    assert "features.25.weight" in names and "features.26.weight" in names
    names = list(ResNet(50, width=2, generator=Blank()).state_dict())
    assert names[0] == "conv1.weight" and names[-2:] == ["fc.weight", "fc.bias"]
    assert {"layer1.0.downsample.0.weight", "layer2.3.bn3.running_var", "layer4.2.conv3.weight"} <= set(names)
    assert "layer1.1.downsample.0.weight" not in names and "layer1.0.conv1.bias" not in names


def test_a_file_becomes_a_network(tmp_path):
    whole = ResNet(18, width=4, classes=3, generator=Generator(1))
    np.savez(tmp_path / "x.npz", **{k: v for k, v in whole.state_dict().items() if "tracked" not in k})
    found = ResNet.published(18, tmp_path / "x.npz", width=4, classes=3)
    assert not found.training
    x = Tensor(image_cases.picture((1, 3, 40, 40)).astype(np.float32))
    np.testing.assert_array_equal(found(x).detach().numpy(), whole.eval()(x).detach().numpy())
    with pytest.raises(ValueError, match="missing: layer1.0.conv3.weight, .*wrong shapes: layer1.0.conv1"):
        ResNet.published(50, tmp_path / "x.npz", width=4, classes=3)


def keras_forward(arrays, plan, x):
    """What Keras computes, with its own layout: x (B, H, W, C), kernels (H, W, I, O), float64."""
    block = number = 1
    for entry in plan:
        if entry == "pool":
            b, h, w, c = x.shape
            x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(b, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))
            block, number = block + 1, 1
            continue
        kernel, bias = (arrays[f"block{block}_conv{number}/{k}:0"] for k in ("kernel", "bias"))
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), (3, 3), axis=(1, 2)
        )
        x, number = np.maximum(np.einsum("bhwcyx,yxco->bhwo", windows, kernel) + bias, 0), number + 1
    x = x.reshape(len(x), -1)
    for name in ("fc1", "fc2"):
        x = np.maximum(x @ arrays[f"{name}/kernel:0"] + arrays[f"{name}/bias:0"], 0)
    return x @ arrays["predictions/kernel:0"] + arrays["predictions/bias:0"]


def keras_arrays(plan, grid, hidden, classes):
    shapes, c, block, number = {}, 3, 1, 1
    for entry in plan:
        if entry == "pool":
            block, number = block + 1, 1
        else:
            shapes[f"block{block}_conv{number}"], c, number = (3, 3, c, entry), entry, number + 1
    shapes |= {"fc1": (grid * grid * c, hidden), "fc2": (hidden, hidden), "predictions": (hidden, classes)}
    random, found = np.random.default_rng(3), {}
    for name, shape in shapes.items():
        found[f"{name}/kernel:0"] = random.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))
        found[f"{name}/bias:0"] = random.normal(size=shape[-1]) * 0.1
    return found


def test_weights_of_keras_give_what_keras_computes():
    plan, options = (4, 5, "pool", 6, "pool"), {"classes": 3, "hidden": 8, "grid": 3}
    arrays = keras_arrays(plan, 3, 8, 3)
    network = VGG(plan, **options, generator=Blank()).to("float64").eval()
    load_into(network, arrays, keras_vgg(network))
    x = image_cases.picture((2, 12, 12, 3))
    found = network(Tensor(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))).detach().numpy()
    np.testing.assert_allclose(found, keras_forward(arrays, plan, x), rtol=1e-9)
    old = {k.replace("/kernel:0", "_W_1:0").replace("/bias:0", "_b_1:0"): v for k, v in arrays.items()}
    load_into(
        network, {f"{k.split('_W')[0].split('_b_')[0]}/{k}": v for k, v in old.items()}, keras_vgg(network)
    )
    np.testing.assert_array_equal(
        network(Tensor(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))).detach().numpy(), found
    )
    with pytest.raises(ValueError, match="'block9_conv1/kernel:0' is no array of this VGG"):
        keras_vgg(network)({"block9_conv1/kernel:0": np.zeros(1)})
    with pytest.raises(ValueError, match="expected 4 axes"):
        keras_vgg(network)({"block1_conv1/kernel:0": np.zeros(1)})


def test_weights_of_timm():
    """Its convolutional end computes what the linear layers do on the flattened grid."""
    network = VGG((4, "pool"), classes=3, hidden=5, grid=2, generator=Generator(0)).eval()
    state = network.state_dict()
    theirs = {
        {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"}.get(
            k.rpartition(".")[0], k.rpartition(".")[0]
        ) + "." + k.rpartition(".")[2]: v
        for k, v in state.items()
    }  # fmt: skip
    theirs["pre_logits.fc1.weight"] = state["classifier.0.weight"].reshape(5, 4, 2, 2)
    theirs["pre_logits.fc2.weight"] = state["classifier.3.weight"][:, :, None, None]
    found = timm_vgg(theirs)
    assert set(found) == set(state)
    for name, array in state.items():
        np.testing.assert_array_equal(found[name], array)


def test_names_of_convolutions_are_the_papers():
    names = convolution_names(VGG(16, hidden=1, grid=1, generator=Blank()))
    assert len(names) == 13 and names[1, 1] == "features.0" and names[3, 2] == "features.12"
    assert names[5, 3] == "features.28"


def pictures(*shapes):
    return [np.random.default_rng(i).integers(0, 256, (*s, 3), dtype=np.uint8) for i, s in enumerate(shapes)]


def test_grid_features():
    network = ResNet(18, width=2, generator=Generator(0))
    given = pictures((300, 260), (224, 500), (64, 64))
    found = grid_features(network, given, batch_size=2)
    assert isinstance(found, Features) and found.values.shape == (3, 49, 16) and found.mask.all()
    assert network.training
    x = Tensor(preprocess_torchvision(given[2:]))
    grid = network.eval().features(x).detach().numpy()
    np.testing.assert_allclose(found.values[2, 7 * 2 + 5], grid[0, :, 2, 5], rtol=1e-5, atol=1e-6)
    vgg = VGG((2, "pool", 3, "pool", 3, "pool", 3, "pool", 3, "pool"), hidden=1, generator=Generator(0))
    assert grid_features(vgg, given[:1], "keras").values.shape == (1, 49, 3)


def test_refusals():
    network = ResNet(18, width=1, generator=Blank())
    with pytest.raises(ValueError, match="depth must be one of 18, 34, 50, got 101"):
        ResNet(101)
    with pytest.raises(ValueError, match="plan must be one of 11, 13, 16, 19, got 12"):
        VGG(12)
    with pytest.raises(ValueError, match="preprocess must be one of torchvision, keras, got 'caffe2'"):
        grid_features(network, pictures((9, 9)), "caffe2")
    with pytest.raises(ValueError, match="at least one picture"):
        grid_features(network, [])
    with pytest.raises(ValueError, match="picture 0 is float64"):
        grid_features(network, [np.zeros((4, 4, 3))])
    with pytest.raises(ValueError, match="batch_size"):
        grid_features(network, pictures((9, 9)), batch_size=0)
