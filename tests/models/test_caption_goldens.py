"""The caption models give what the same models give that were written with PyTorch's layers."""

import json
import pathlib

import numpy as np
import pytest

from mmscratch.models.captioner import AttentionCaptioner
from mmscratch.models.nic import NICDecoder
from mmscratch.models.top_down import TopDownCaptioner
from mmscratch.models.transformer_captioner import TransformerCaptioner
from mmscratch.tensor import Tensor

FILE = pathlib.Path(__file__).parents[1] / "goldens" / "caption_models.npz"
V, D, SIZES = 6, 4, {"hidden": 4, "embedding": 3}
SOFT = {**SIZES, "attention": 3}
WIDE = {"hidden": 4, "layers": 2, "heads": 2, "feedforward": 5}
MODELS = {
    "nic-input": lambda: NICDecoder(V, D, **SIZES, layers=2, init="input"),
    "nic-state": lambda: NICDecoder(V, D, **SIZES, layers=2, init="state"),
    "soft-additive-previous": lambda: AttentionCaptioner(V, D, **SOFT),
    "soft-additive-current": lambda: AttentionCaptioner(V, D, **SOFT, query="current", gate=False),
    "soft-dot-previous": lambda: AttentionCaptioner(V, D, **SOFT, score="dot", gate=False),
    "soft-dot-current": lambda: AttentionCaptioner(V, D, **SOFT, query="current", score="dot"),
    "top-down": lambda: TopDownCaptioner(V, D, **SOFT),
    "top-down-masked": lambda: TopDownCaptioner(V, D, **SOFT),
    "transformer-pre": lambda: TransformerCaptioner(V, D, **WIDE),
    "transformer-post": lambda: TransformerCaptioner(V, D, **WIDE, norm_first=False),
}


with np.load(FILE, allow_pickle=False) as archive:
    VALUES, INDEX = archive["values"], json.loads(archive["index"].tobytes())


def frozen(case):
    """{what: {name: array}} of one model."""
    found = {}
    for key, (shape, dtype, at) in INDEX.items():
        name, what, which = key.split("/")
        if name == case:
            array = VALUES[at : at + int(np.prod(shape))].reshape(shape).astype(dtype)
            found.setdefault(what, {})[which] = array
    return found


def cosines(x):
    return Tensor(np.cos(np.arange(x.size, dtype=np.float64)).reshape(x.shape))


@pytest.mark.parametrize("case", MODELS)
def test_the_twin_in_torch(case):
    golden, model = frozen(case), MODELS[case]().to("float64")
    model.load_state_dict(golden["state"])
    regions = Tensor(golden["given"]["regions"], requires_grad=True)
    mask = golden["given"].get("mask")
    results = model(regions, Tensor(golden["given"]["tokens"]), *([] if mask is None else [mask]))
    results = {n: x for n, x in zip(("logits", "alpha"), results, strict=True) if x is not None}
    assert results.keys() == golden["gives"].keys()
    for name, x in results.items():
        np.testing.assert_allclose(
            x.detach().numpy(), golden["gives"][name], rtol=1e-9, atol=1e-12, err_msg=name
        )
    sum((x * cosines(x)).sum() for x in results.values()).backward()
    gradients = {n: p.grad for n, p in model.named_parameters()} | {"regions": regions.grad}
    assert gradients.keys() == golden["gradient"].keys()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, golden["gradient"][name], rtol=1e-8, atol=1e-11, err_msg=name)


def test_every_frozen_model_is_held():
    assert {key.split("/")[0] for key in INDEX} == MODELS.keys()
