"""A training step of a model of visual questions, as ``mmscratch train vqa`` runs it, beside a twin in torch.

Our side is the task's own model, batches and loss under ``train.fit``, one step a call: convolutions, the
LSTM over the question's words, two FiLM blocks, the loss, gradients, clipping, Adam, the schedule. The batch
is made beforehand on both sides, and is the same at every call.
"""

import functools

import numpy as np

from mmscratch import Tensor, optim
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.tasks.vqa.data import Asked, VQABatches, known_answers, load, words_of
from mmscratch.tasks.vqa.model import make_model
from mmscratch.tasks.vqa.settings import VQASettings
from mmscratch.train import fit

from ..case import Case, Row
from ..twins import vqa as twins
from ..twins.captioner import train_step

TOPIC = "A training step on visual questions"
STEPS = 1_000_000  # of the schedule: far beyond what is timed
PICTURES = 64


def rows():
    sizes = f"{PICTURES} pictures, a question each"
    yield Row("vqa/film", TOPIC, "FiLM network, LSTM", sizes, step, targets={"torch": 0.7})
    yield Row(
        "vqa/film-memory", TOPIC, "FiLM network, LSTM, peak memory", sizes, step, targets={"torch": 1.0},
        kind="memory", small=functools.partial(step, pictures=4),
    )  # fmt: skip


def parts(pictures):
    """Settings, the task's model and its first batch."""
    settings = VQASettings(model="film", question="lstm", encoder="scratch")
    data = f"scenes:train=2,val=2,test=2,questions={pictures}"
    found = load(data, "train")
    vocabulary = Vocabulary.from_tokens(words_of(q) for q in found.questions)
    answers = known_answers(data, found, settings.answers)
    model = make_model(settings, vocabulary, answers, seed=0)
    return settings, model, next(iter(VQABatches(Asked(found, vocabulary, answers), pictures, seed=0)))


def loss_of(model):
    """The task's loss of a batch."""

    def loss(batch):
        images, questions, image_of, target = batch
        return model.head.loss(model(Tensor(images), questions, image_of), target)

    return loss


def step(place, pictures=PICTURES):
    settings, model, batch = parts(pictures)
    twin = None if place.torch is None else twins.build(place.torch, model)  # with the weights as they are
    optimizer = optim.Adam(model.parameters(), lr=settings.lr)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=STEPS)
    loss = loss_of(model)

    def ours():
        fitted = fit(
            model, loss, [batch], optimizer=optimizer, schedule=schedule, clip=settings.clip, steps=1,
            progress=False,
        )  # fmt: skip
        return [np.float32(fitted.loss)]

    case = Case(ours, check=lambda results: results[:1])
    if twin is not None:
        case.peers["torch"] = {"": torch_step(place.torch, twin, settings, batch)}
    return case


def torch_inputs(torch, batch):
    """The batch as the twin's loss takes it."""
    images, questions, image_of, target = batch
    return [
        torch.from_numpy(np.ascontiguousarray(a))
        for a in (images, questions.ids, questions.lengths, questions.which, image_of, target)
    ]


def torch_step(torch, twin, settings, batch):
    inputs, parameters = torch_inputs(torch, batch), list(twin.parameters())
    optimizer = torch.optim.Adam(parameters, lr=settings.lr, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=STEPS)
    return train_step(torch, lambda: twin.loss(*inputs), parameters, optimizer, schedule, settings.clip)
