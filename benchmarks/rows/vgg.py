"""VGG16 (Simonyan & Zisserman, 2015), forward."""

from functools import partial

import numpy as np

from mmscratch import no_grad

from ..case import Case, Row
from ..twins import vgg

TOPIC = "VGG16, forward"


def rows():
    for batch in (1, 8):
        yield Row(
            f"vgg/features-{batch}", TOPIC, f"13 convolutions, 5 pools, batch {batch}",
            f"({batch}, 3, 224, 224)",
            partial(forward, batch=batch, whole=False), targets={"torch": 0.40},
            flops=batch * vgg.flops(whole=False),
        )  # fmt: skip
    yield Row(
        "vgg/whole-1", TOPIC, "with the classifier, batch 1", "(1, 3, 224, 224)",
        partial(forward, batch=1, whole=True), targets={"torch": 0.50}, flops=vgg.flops(whole=True),
    )  # fmt: skip


def forward(place, batch, whole, side=224):
    weights = vgg.weights(whole)
    image = np.random.default_rng(1).standard_normal((batch, 3, side, side), dtype=np.float32)
    mine, x = [place.ours(w) for w in weights], place.ours(image)

    def ours():
        with no_grad():
            return [vgg.ours(mine, x)]

    if place.torch is None:
        return Case(ours)
    torch, y = place.torch, place.theirs(image)
    model = vgg.twin(torch, weights).to(place.device)
    last = vgg.twin(torch, weights).to(place.device, memory_format=torch.channels_last)
    z = y.contiguous(memory_format=torch.channels_last)
    models = {"NCHW": (model, y), "channels_last": (last, z), "jit": (place.traced(model, y), y)}

    def call(network, pictures):
        with torch.inference_mode():
            return [network(pictures)]

    return Case(ours, {"torch": {name: partial(call, *pair) for name, pair in models.items()}})
