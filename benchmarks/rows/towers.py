"""A training step of two towers, as ``mmscratch train retrieval`` runs it, beside a twin in torch.

Our side is the task's own model, senses and loss under ``train.fit``, one step a call: regions of a frozen
network and an LSTM over the words, InfoNCE both ways, the watch for collapse, gradients, clipping, AdamW, the
schedule. The batch is made beforehand on both sides, and is the same at every call.
"""

import functools

import numpy as np

from mmscratch import Generator, optim
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.models.momentum import same_item
from mmscratch.tasks.retrieval.data import PairBatches, gallery, load
from mmscratch.tasks.retrieval.model import make_model, make_senses
from mmscratch.tasks.retrieval.settings import RetrievalSettings
from mmscratch.train import fit

from ..case import Case, Row
from ..twins import towers as twins
from ..twins.captioner import train_step

TOPIC = "A training step of two towers"
STEPS = 1_000_000  # of the schedule: far beyond what is timed
PAIRS = RetrievalSettings.batch_size


def rows():
    what, sizes = "regions, LSTM, InfoNCE", f"{PAIRS} pairs, H {RetrievalSettings.hidden}"
    yield Row("towers/infonce", TOPIC, what, sizes, step, targets={"torch": 0.7})
    yield Row(
        "towers/infonce-memory", TOPIC, f"{what}, peak memory", sizes, step, targets={"torch": 1.0},
        kind="memory", small=functools.partial(step, pairs=2),
    )  # fmt: skip


def parts(pairs):
    """Settings, the task's model and its first batch: the towers' arguments, and who the pairs are."""
    settings = RetrievalSettings(batch_size=pairs)
    data = f"scenes:train={pairs},val=2,test=2,level=3,describe=full"
    split = load(data, "train")
    senses = make_senses(settings, Vocabulary.from_tokens(split.sentences()), data)
    model = make_model(senses, settings, Generator(0))
    found = gallery(split, senses)
    batch = next(iter(PairBatches(found, pairs, seed=0)))
    first, second = senses[0].batch(found.first, batch.first), senses[1].batch(found.second, batch.second)
    return settings, model, (first, second, batch.first, batch.words)


def step(place, pairs=PAIRS):
    settings, model, batch = parts(pairs)
    twin = None if place.torch is None else twins.build(place.torch, model)  # with the weights as they are
    kwargs = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    optimizer = optim.AdamW(model.parameters(), **kwargs)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=STEPS)

    def ours():
        fitted = fit(
            model, lambda b: model.loss_of(*b)[:2], [batch], optimizer=optimizer, schedule=schedule,
            clip=settings.clip, steps=1, progress=False,
        )  # fmt: skip
        return [np.float32(fitted.loss)]

    case = Case(ours, check=lambda results: results[:1])
    if twin is not None:
        inputs, parameters = torch_inputs(place.torch, batch), list(twin.parameters())
        adam = place.torch.optim.AdamW(parameters, **kwargs, fused=True)
        schedule_ = place.torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=settings.lr, total_steps=STEPS)
        loss = functools.partial(twin.loss, *inputs)
        case.peers["torch"] = {"": train_step(place.torch, loss, parameters, adam, schedule_, settings.clip)}
    return case


def torch_inputs(torch, batch):
    """The batch as the twin's loss takes it."""
    (regions,), (tokens, lengths), items, words = batch
    positives = same_item(items, words).astype(np.float32)
    return [torch.from_numpy(np.ascontiguousarray(a)) for a in (regions.numpy(), tokens, lengths, positives)]
