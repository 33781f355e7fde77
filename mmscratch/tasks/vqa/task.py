"""Visual question answering: trained, judged beside its controls, and asked.

    mmscratch train vqa --data easy-vqa:DIR --out RUN
    mmscratch evaluate RUN --split test_even
    mmscratch ask RUN picture.png "what color is the shape?"

Where the data has no val, a tenth of the training pictures is held out for it, the same whatever the seed;
the weights that are best there are kept.
"""

import dataclasses
import json
import sys

import numpy as np

from ... import ops, optim
from ...autograd import no_grad
from ...data.image import read_image, to_float
from ...data.vocabulary import Vocabulary
from ...models.program_network import ProgramNetwork
from ...models.vqa_questions import QuestionBatch
from ...tensor import Tensor
from ...train import fit, load_checkpoint
from ..captioning.model import load_vocabulary
from ..run import Run, RunError, plan, write_json
from .data import Asked, Prior, VQABatches, known_answers, load, words_of
from .judge import answers_of, judge
from .model import attention_loss, make_model, noun_cells, shown
from .program import ProgramBatches, ProgramValidation, eyes, program_figures
from .settings import VQASettings

__all__ = ["ask", "evaluate", "load_model", "train"]


def asked_of(settings, questions, vocabulary, answers, progress=False):
    """A ``QuestionSet`` as the settings' model is shown it."""
    inputs = shown(settings, questions.images, questions.scenes, progress)
    return Asked(questions, vocabulary, answers, inputs)


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True):
    """Train as ``mmscratch train vqa`` does; returns the Run."""
    run, data, seed, settings = plan("vqa", VQASettings, data, out, seed, assignments, resume)
    settings = settings.of(data)
    trained, checked = (load(data, name, progress=progress) for name in ("train", "val"))
    resume = run is not None
    if run is None:
        run = Run.create(out, "vqa", data, seed, dataclasses.asdict(settings))
    if not (run.folder / "prior.json").exists():
        words = Vocabulary.from_tokens(words_of(q) for q in trained.questions)
        write_json(run.folder / "vocabulary.json", list(words.words[4:]))
        write_json(run.folder / "answers.json", known_answers(data, trained, settings.answers))
        whole = load(data, "train+val") if trained.name == "easy-vqa" else trained
        write_json(run.folder / "prior.json", Prior.of(whole).to_json())
    vocabulary, answers = load_vocabulary(run), _answers(run)
    model = make_model(settings, vocabulary, answers, run.seed)
    trained, checked = (asked_of(settings, p, vocabulary, answers, progress) for p in (trained, checked))
    looks = noun_cells(trained.questions) if settings.supervision else None
    soft = settings.loss == "soft"
    batches = VQABatches(trained, settings.batch_size, run.seed, soft, settings.shift, looks)
    by_program = settings.model == "program"
    if by_program:
        eyes(model, settings.detector)
        batches = ProgramBatches(trained, settings.batch_size, run.seed)
    optimizer = optim.Adam(model.parameters(), lr=settings.lr)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=settings.epochs * len(batches))

    def loss(batch):
        if by_program:
            return model.writer.loss(*batch)
        images, questions, image_of, target, *cells = batch
        if not cells:
            return model.head.loss(model(Tensor(images), questions, image_of), target)
        logits, maps, _ = model.look(model.regions(Tensor(images)), questions, image_of)
        return model.head.loss(logits, target) + attention_loss(maps, cells[0]) * settings.supervision

    def validate():
        return {"val_accuracy": float((answers_of(model, checked) == checked.target).mean())}

    if by_program:
        validate = ProgramValidation(model, checked)
    fit(
        model, loss, batches, optimizer=optimizer, schedule=schedule, epochs=settings.epochs,
        clip=settings.clip or None, validate=validate, checkpoint_every=len(batches), run=run.folder,
        resume=resume, progress=progress,
    )  # fmt: skip
    return run


def load_model(run):
    """(model, vocabulary, answers, prior) of a run, the best on validation.

    Errors     RunError where the run is of another task or its settings do not fit; CheckpointError
    """
    if run.task != "vqa":
        raise RunError(run.folder, f"is a run of task {run.task!r}, expected 'vqa'")
    settings = settings_of(run)
    vocabulary, answers = load_vocabulary(run), _answers(run)
    model = make_model(settings, vocabulary, answers, run.seed)
    load_checkpoint(run.folder, model=model, which="best")
    return model.eval(), vocabulary, answers, Prior.read(run.folder / "prior.json")


def settings_of(run):
    """The ``VQASettings`` of a run; RunError where they do not fit."""
    try:
        return VQASettings(**run.settings).of(run.data)
    except (TypeError, ValueError) as e:
        raise RunError(run.folder / "run.json", f"settings: {e}") from None


def _answers(run):
    path = run.folder / "answers.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise RunError(path, f"cannot be read ({type(e).__name__}: {e})") from None
    if not isinstance(found, list) or not found or not all(isinstance(a, str) for a in found):
        raise RunError(path, "is no list of answers")
    return found


def evaluate(run, data=None, split="val"):
    """Figures of a run on one split, beside its controls; see ``judge.py``. Warnings: to stderr."""
    model, vocabulary, answers, prior = load_model(run)
    asked = asked_of(settings_of(run), load(data or run.data, split), vocabulary, answers)
    figures = judge(model, asked, prior, vocabulary, run.seed)
    if isinstance(model, ProgramNetwork):
        figures |= program_figures(model, asked)
    if "warning" in figures:
        print(f"mmscratch: {figures['warning']}", file=sys.stderr)
    return figures


def ask(run, image, question, most=3):
    """The likeliest answers to a question about a picture file: [{"answer", "probability"}], best first.

    Errors     DataError for the file; RunError for an empty question
    """
    if not question.strip():
        raise RunError("QUESTION", "is empty")
    model, vocabulary, answers, _ = load_model(run)
    picture = read_image(image, 64)
    inputs = shown(settings_of(run), picture[None])
    inputs = to_float(picture[None]) if inputs is None else inputs.astype(np.float32)
    unknown = [w for w in words_of(question) if w not in vocabulary]
    if unknown:
        print(f"mmscratch: not in the training questions: {', '.join(unknown)}", file=sys.stderr)
    batch = QuestionBatch.of([vocabulary.encode(words_of(question), add_ends=False)])
    with no_grad():
        logits = model(Tensor(inputs), batch, np.zeros(1, np.int64))
        p = ops.softmax(logits) if model.head.kind == "softmax" else ops.sigmoid(logits)
    p = p.numpy()[0]
    order = np.argsort(-p, kind="stable")[:most]
    return [{"answer": answers[k], "probability": float(p[k])} for k in order]
