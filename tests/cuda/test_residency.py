"""Forward, backward and update stay on the device: nothing is copied, and soon nothing is allocated.

The model has one of each kind of layer: convolution, pooling, batch norm, embedding, LSTM, attention,
layer norm, dropout, linear, cross-entropy; gradients are clipped, the optimizer is Adam.
"""

import gc

import numpy as np
import pytest

from mmscratch import kernels, nn, ops, optim, tensor
from mmscratch.random import Generator


class Captioner(nn.Module):
    """A picture and the words so far → the next word, at every place."""

    def __init__(self, words, size, generator):
        super().__init__()
        self.conv = nn.Conv2d(1, size, 2, generator=generator)
        self.norm = nn.BatchNorm2d(size)
        self.embedding = nn.Embedding(words, size, generator=generator)
        self.lstm = nn.LSTM(size, size, batch_first=True, generator=generator)
        self.attention = nn.MultiheadAttention(size, 2, batch_first=True, generator=generator)
        self.after = nn.LayerNorm(size)
        self.dropout = nn.Dropout(0.25, generator=generator)
        self.out = nn.Linear(size, words, generator=generator)

    def forward(self, image, word):
        regions = ops.max_pool2d(ops.relu(self.norm(self.conv(image))), kernel_size=2)
        regions = regions.flatten(2).transpose(1, 2)
        state, _ = self.lstm(self.embedding(word))
        seen, _ = self.attention(state, regions, regions)
        return self.out(self.dropout(self.after(state + seen)))


WORDS, SIZE = 5, 4


def build(device, make=optim.Adam, **options):
    generator = Generator(0)
    model = Captioner(WORDS, SIZE, generator).to(device)
    optimizer = make(model.parameters(), **options)
    rng = np.random.default_rng(0)
    image = tensor(rng.standard_normal((2, 1, 5, 5)).astype(np.float32)).to(device)
    word = tensor(rng.integers(0, WORDS, (2, 3))).to(device)
    target = tensor(rng.integers(0, WORDS, (6,))).to(device)

    def step():
        model.zero_grad()
        logits = model(image, word).reshape(6, WORDS)
        loss = ops.cross_entropy(logits, target)
        loss.backward()
        norm = optim.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss, norm

    return model, step


def test_a_training_step_stays_on_the_device(memory):
    gc.collect()
    memory.release()
    model, step = build("cuda")
    gc.disable()  # reference counting alone must hand the memory back
    try:
        deltas = []
        for _ in range(4):
            before = memory.counters.snapshot()
            loss, norm = step()
            assert isinstance(loss.data, memory.DeviceArray) and isinstance(norm.data, memory.DeviceArray)
            del loss, norm
            deltas.append(memory.counters.snapshot() - before)
    finally:
        gc.enable()
    assert [(d.uploads, d.downloads) for d in deltas] == [(0, 0)] * 4
    # Adam's state, made within the first step, has memory of its own, not what the passes need again.
    assert deltas[0].allocations > 0
    assert [d.allocations for d in deltas[1:]] == [0, 0, 0]
    assert deltas[1].reuses == deltas[2].reuses == deltas[3].reuses > 100
    assert all(isinstance(p.data, memory.DeviceArray) for p in model.parameters())


def test_the_device_learns_what_the_host_learns():
    """The same losses, gradient norms and weights: initial weights and dropout are the same bits."""
    numbers, weights = {}, {}
    with kernels.use("reference"):
        for device in ("cpu", "cuda"):
            model, step = build(device, optim.SGD, lr=0.5, momentum=0.9)  # Adam would enlarge rounding
            numbers[device] = [(loss.item(), norm.item()) for loss, norm in (step() for _ in range(3))]
            weights[device] = {name: p.detach().numpy() for name, p in model.named_parameters()}
    np.testing.assert_allclose(numbers["cuda"], numbers["cpu"], rtol=1e-4)
    assert numbers["cpu"][2][0] < numbers["cpu"][0][0]
    for name, expected in weights["cpu"].items():
        np.testing.assert_allclose(weights["cuda"][name], expected, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.AdamW, optim.Adagrad])
def test_other_optimizers_stay_on_the_device(optimizer, memory):
    p = nn.Parameter(np.ones((3, 4), np.float32)).to("cuda")
    options = {"momentum": 0.9, "nesterov": True} if optimizer is optim.SGD else {}
    model = nn.Linear(4, 3).to("cuda")
    chosen = optimizer(model.parameters(), lr=0.1, weight_decay=0.1, **options)
    counts = []
    for _ in range(3):
        before = memory.counters.snapshot()
        model.zero_grad()
        model(p.detach()).sum().backward()
        chosen.step()
        did = memory.counters.snapshot() - before
        counts.append((did.uploads, did.downloads))
    assert counts == [(0, 0)] * 3
    assert did.allocations == 0
