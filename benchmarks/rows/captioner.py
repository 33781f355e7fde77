"""A training step of the attention captioner as ``mmscratch train caption`` runs it, beside a twin in torch.

Our side is the task's own model, loader and loss under ``train.fit``, one step a call: encoder (where it
is finetuned), attention and LSTM over the words, both losses, gradients, clipping, AdamW, the schedule.
The batch is made beforehand on both sides, and is the same at every call.
"""

import functools

import numpy as np

from mmscratch import Generator, optim
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.tasks.captioning.data import load_split
from mmscratch.tasks.captioning.model import PictureCaptioner
from mmscratch.tasks.captioning.settings import CaptionSettings
from mmscratch.tasks.captioning.task import CaptionLoader
from mmscratch.train import fit

from ..case import Case, Row
from ..twins import captioner as twins

TOPIC = "A training step of the attention captioner"
STEPS = 1_000_000  # of the schedule: far beyond what is timed


def rows():
    for encoder in ("finetune", "frozen"):
        settings = CaptionSettings(encoder=encoder)
        what = "with its encoder" if encoder == "finetune" else "on regions computed before"
        sizes = f"{settings.batch_size} pictures, H {settings.hidden}"
        setup = functools.partial(step, encoder=encoder)
        yield Row(f"captioner/{encoder}", TOPIC, what, sizes, setup, targets={"torch": 0.7})
        yield Row(
            f"captioner/{encoder}-memory", TOPIC, f"{what}, peak memory", sizes, setup,
            targets={"torch": 1.0}, kind="memory",
            small=functools.partial(step, encoder=encoder, batch_size=2),
        )  # fmt: skip


def parts(encoder, batch_size):
    """The task's model, loader and first batch."""
    settings = CaptionSettings(encoder=encoder, batch_size=batch_size)
    split = load_split(f"scenes:train={batch_size},val=2,test=2,questions=6,references=1", "train")
    vocabulary = Vocabulary.from_tokens(split.sentences())
    model = PictureCaptioner(len(vocabulary), settings, Generator(0))
    loader = CaptionLoader(model, vocabulary, settings, split, seed=0)
    return settings, model, loader, next(iter(loader.batches))


def step(place, encoder, batch_size=None):
    settings, model, loader, batch = parts(encoder, batch_size or CaptionSettings.batch_size)
    parameters = model.trained_parameters()
    twin = (
        None if place.torch is None else twins.build(place.torch, model)
    )  # with the weights as they are now
    optimizer = optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=STEPS)

    def ours():
        fitted = fit(
            model, loader.loss, [batch], optimizer=optimizer, schedule=schedule, clip=settings.clip, steps=1,
            progress=False,
        )  # fmt: skip
        return [np.float32(fitted.loss)]

    case = Case(ours, check=lambda results: results[:1])
    if twin is not None:
        case.peers["torch"] = {"": torch_step(place.torch, twin, settings, model, loader, batch)}
    return case


def torch_inputs(torch, twin, model, loader, batch):
    """() → regions, tokens, spoken of the batch, as torch's; a trained encoder computes its regions anew."""
    picture = loader.image_of[batch.index]
    tokens = torch.from_numpy(batch.tokens)
    spoken = torch.from_numpy(loader.spoken_regions(batch, picture))
    if model.frozen:
        regions = torch.from_numpy(loader.regions[picture])
        return lambda: (regions, tokens, spoken)
    images = torch.from_numpy(batch.images)
    return lambda: (twin.grid_regions(images), tokens, spoken)


def torch_step(torch, twin, settings, model, loader, batch):
    inputs = torch_inputs(torch, twin, model, loader, batch)
    parameters = list((twin.decoder if model.frozen else twin).parameters())
    kwargs = {"lr": settings.lr, "weight_decay": settings.weight_decay, "fused": True}
    optimizer = torch.optim.AdamW(parameters, **kwargs)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=STEPS)
    return twins.train_step(
        torch, lambda: twin.loss(*inputs(), Vocabulary.pad, settings.attention_supervision), parameters,
        optimizer, schedule, settings.clip,
    )  # fmt: skip
