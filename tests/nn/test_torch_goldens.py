"""Layers, losses, optimizers and schedules give PyTorch's numbers, with PyTorch's state_dict as it is."""

import json
import pathlib

import numpy as np
import pytest

from mmscratch import kernels, nn, ops, optim
from mmscratch.tensor import Tensor, tensor

FILE = pathlib.Path(__file__).parents[1] / "goldens" / "torch_layers.npz"
with np.load(FILE) as archive:
    VALUES, INDEX = archive["values"], json.loads(archive["index"].tobytes())

TIGHT = {"rtol": 1e-9, "atol": 1e-9}
SINGLE = {"rtol": 1e-7, "atol": 1e-7}  # PyTorch's gradient of Hardsigmoid has 1/6 in single precision


def get(entry):
    """The array of an entry of the index."""
    size = int(np.prod(entry["shape"]))
    values = VALUES[entry["at"] : entry["at"] + size]
    return values.reshape(entry["shape"]).astype(entry["dtype"])


def is_entry(value):
    return isinstance(value, dict) and "at" in value


def title(case):
    options = ",".join(
        f"{k}={v}" for k, v in {**case["kwargs"], **case["options"]}.items() if not is_entry(v)
    )
    return f"{case['class']}({','.join(map(str, case['args']))};{options};{len(case['inputs'])})"


def build(case):
    name = case["class"]
    if name in ("TransformerEncoder", "TransformerDecoder"):
        layer = getattr(nn, name + "Layer")(4, 2, dim_feedforward=3, dropout=0.0, batch_first=True)
        return getattr(nn, name)(layer, 2, norm=nn.LayerNorm(4))
    args = [tuple(a) if isinstance(a, list) else a for a in case["args"]]
    kwargs = {
        k: tuple(v) if isinstance(v, list) and "weight" not in k else v for k, v in case["kwargs"].items()
    }
    return getattr(nn, name)(*args, **kwargs)


def flatten(values):
    found = []
    for v in values if isinstance(values, tuple | list) else [values]:
        found += flatten(v) if isinstance(v, tuple | list) else [v]
    return found


def total(outputs):
    """Σ y ⊙ cos(0, 1, 2 …) over all floating outputs."""
    parts = []
    for y in outputs:
        if y.dtype.kind == "f" and y.requires_grad:
            parts.append((y * Tensor(np.cos(np.arange(y.size, dtype=np.float64)).reshape(y.shape))).sum())
    return sum(parts[1:], parts[0])


@pytest.mark.parametrize("floor", ["reference", pytest.param("cpu", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", INDEX["layers"], ids=title)
def test_layer_is_pytorchs(case, floor):
    if floor == "cpu" and not kernels.has_numba():
        pytest.skip("Numba is not installed")
    with kernels.use(floor):
        compare(case)


def compare(case):
    module = build(case).to("float64").train(case["training"])
    if case["kind"] == "layer":
        state = {name: get(e) for name, e in case["state"].items()}
        assert list(module.state_dict()) == list(state), "names or their order differ"
        module.load_state_dict(state)

    def leaf(entry):
        array = get(entry)
        return tensor(array, requires_grad=array.dtype.kind == "f")

    inputs = [tuple(leaf(e) for e in i) if isinstance(i, list) else leaf(i) for i in case["inputs"]]
    options = {k: tensor(get(v)) if is_entry(v) else v for k, v in case["options"].items()}
    if "lengths" in options:
        options["lengths"] = np.array(options["lengths"])
    outputs = flatten(module(*inputs, **options))
    assert len(outputs) == len(case["outputs"])
    for y, entry in zip(outputs, case["outputs"], strict=True):
        expected = get(entry)
        assert y.shape == expected.shape and y.dtype == expected.dtype
        np.testing.assert_allclose(y.detach().numpy(), expected, **TIGHT)
    total(outputs).backward()
    close = SINGLE if case["class"] == "Hardsigmoid" else TIGHT
    for x, entry in zip(flatten(inputs), case["input_grads"], strict=True):
        if entry is not None:
            np.testing.assert_allclose(x.grad, get(entry), err_msg="gradient of an input", **close)
    for name, p in module.named_parameters():
        entry = case["parameter_grads"][name]
        if entry is not None:
            np.testing.assert_allclose(p.grad, get(entry), err_msg=f"gradient of {name}", **TIGHT)
    for name, b in module.named_buffers():
        if name in case["after"]:
            np.testing.assert_allclose(b.numpy(), get(case["after"][name]), err_msg=f"{name} after", **TIGHT)


def test_goldens_are_many_and_small():
    names = {case["class"] for case in INDEX["layers"]}
    assert len(INDEX["layers"]) > 110 and len(names) > 70
    assert FILE.stat().st_size < 300_000


@pytest.mark.parametrize("case", INDEX["optimizers"], ids=lambda c: f"{c['name']}-{c['options']}")
def test_optimizer_is_pytorchs(case):
    params = [nn.Parameter(get(e).copy()) for e in case["start"]]
    optimizer = getattr(optim, case["name"])(params, **case["options"])
    for step in case["steps"]:
        optimizer.zero_grad()
        sum((ops.sin(p * 3.0) / 3.0 + p * p * 0.05).sum() for p in params).backward()
        optimizer.step()
        for p, entry in zip(params, step, strict=True):
            np.testing.assert_allclose(p.data, get(entry), **TIGHT)


@pytest.mark.parametrize("case", INDEX["schedules"], ids=lambda c: f"{c['name']}-{c['options']}")
def test_schedule_is_pytorchs(case):
    optimizer = optim.SGD([nn.Parameter(np.zeros(1))], lr=0.3, momentum=0.9)
    schedule = getattr(optim, case["name"])(optimizer, **case["options"])
    group, rates, momenta = optimizer.param_groups[0], [], []
    for metric in INDEX["metrics"]:
        rates.append(group["lr"])
        momenta.append(group["momentum"])
        schedule.step(*([metric] if case["name"] == "ReduceLROnPlateau" else []))
    np.testing.assert_allclose(rates, get(case["rates"]), rtol=1e-9)
    np.testing.assert_allclose(momenta, get(case["momenta"]), rtol=1e-9)
