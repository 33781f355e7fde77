"""A small training with everything that has state in it; run as a program it is what the kill test kills.

python small_training.py RUN STEPS [--resume]
"""

import sys

import numpy as np

from mmscratch import kernels, nn, ops, optim
from mmscratch.random import Generator
from mmscratch.tensor import tensor
from mmscratch.train import digest, fit

DATA = np.random.default_rng(0).normal(size=(22, 3)).astype(np.float32)
GOAL = np.sin(DATA.sum(1, keepdims=True))


class Net(nn.Module):
    def __init__(self, seed=0):
        generator = Generator(seed)
        self.first = nn.Linear(3, 8, generator=generator)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.2, generator=generator)
        self.other = nn.Dropout(0.1)  # draws from the default generator
        self.last = nn.Linear(8, 1, generator=generator)

    def forward(self, x):
        return self.last(self.other(self.drop(ops.tanh(self.norm(self.first(x))))))


def shuffled(generator):
    """Six batches of an epoch, in an order drawn at its start."""
    order = generator.permutation(len(DATA))
    for i in range(0, len(DATA), 4):
        yield DATA[order[i : i + 4]], GOAL[order[i : i + 4]]


def parts(seed=0):
    """Model, options of fit."""
    model = Net(seed)
    optimizer = optim.AdamW(model.parameters(), lr=0.02)
    schedule = optim.CosineAnnealingLR(optimizer, 60)

    def loss(batch):
        x, y = batch
        return ops.mse_loss(model(tensor(x)), tensor(y)), {"spread": float(y.std())}

    def validate():
        return {"val_loss": ops.mse_loss(model(tensor(DATA)), tensor(GOAL)).item()}

    return model, {
        "loss_of_batch": loss, "batches": shuffled, "optimizer": optimizer, "schedule": schedule,
        "validate": validate, "generator": Generator(9), "clip": 1.0, "progress": False,
    }  # fmt: skip


if __name__ == "__main__":
    kernels.use("reference")
    run, steps = sys.argv[1], int(sys.argv[2])
    model, options = parts()
    print("ready", flush=True)
    fit(model, run=run, steps=steps, checkpoint_every=2, resume="--resume" in sys.argv, **options)
    print(digest(model.state_dict()), flush=True)
