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

from .. import ops, optim
from ..autograd import no_grad
from ..data.image import read_image, to_float
from ..data.vocabulary import Vocabulary
from ..models.film_network import FiLMNetwork
from ..models.program_network import ProgramNetwork
from ..models.relation_network import RelationNetwork
from ..models.scene_reader import ROW
from ..models.transformer_fusion import TransformerFusion
from ..models.vqa_coattention import ORDERS
from ..models.vqa_joint import FUSIONS, POOLS, JointEmbedding, PictureCNN
from ..models.vqa_questions import QUESTIONS, QuestionBatch
from ..random import Generator
from ..tensor import Tensor
from ..train import fit, load_checkpoint
from .caption_model import load_vocabulary
from .run import Run, RunError, check_settings, plan, write_json
from .vqa_boxes import BOXES
from .vqa_data import Asked, Prior, VQABatches, known_answers, load, words_of
from .vqa_features import CHANNELS, detected_rows, scene_grids
from .vqa_judge import answers_of, judge
from .vqa_model import ATTENDING, attention_loss, boxes_of, build_attending, noun_cells
from .vqa_program import ProgramBatches, ProgramValidation, eyes, program_figures

__all__ = ["VQASettings", "ask", "evaluate", "load_model", "train"]


@dataclasses.dataclass
class VQASettings:
    """What ``--set`` may change, with its defaults.

    model        joint: a vector of each, brought together; film: a network over the picture's cells;
                 san: stacked attention, ``hops`` looks at the cells, one after the other;
                 glimpses: ``glimpses`` looks side by side, asked by the whole question; word-glimpses: each
                 asked by words of its own; coattention: words and cells attend to each other (``order``);
                 topdown: one look at ``boxes``;
                 relation: all ordered pairs of cells, which wants question=lstm;
                 transformer: words and cells as one sequence;
                 program: a program, learnt from the scenes' own, on what a detector sees
    fusion       of model=joint, glimpses and word-glimpses: film, product, concat, mlb, mutan or mcb;
                 of model=relation: film, or concat, which is the paper's
    pool         of model=joint: max, the strongest cell of each channel, or flat, all cells (64 × 64 pixels)
    question     bow, lstm or both of them side by side
    encoder      frozen: the cells of the shipped scene network, computed once; detected: rows of what the
                 shipped detector finds, for models that attend, relation and transformer; scratch:
                 convolutions of the model's own; auto: frozen for the scenes
    loss         softmax, or soft: a yes or no to each answer, towards soft scores
    batch_size   pictures in a batch, each with all its questions
    lr           the greatest of the one-cycle schedule
    shift        pictures are moved by up to so many pixels in training; 0: they stay
    width        channels of the first convolution; the others have 2, 4 and 4 times as many
    hidden       size of the question's vector and of the joint one
    blocks       of model=film; layers of model=transformer
    detector     of model=program: a run of `mmscratch train detection`; none: the weights that ship
    hops         of model=san
    glimpses     of model=glimpses and word-glimpses
    supervision  of model=word-glimpses, on scenes: weight of the loss that points the first glimpse at what
                 the first noun stands for, the second at the second's; 0: it is left to find that out, which
                 24,000 questions teach it hardly (47 % after 11 epochs, 99 % after 8 with 1)
    boxes        of model=topdown: found by the shipped detector, or true, the scenes' own
    order        of model=coattention: parallel or alternating
    answers      how many of the most frequent answers are known, where the data does not list them
    """

    model: str = "joint"
    fusion: str = "film"
    pool: str = "max"
    question: str = "bow"
    encoder: str = "auto"
    loss: str = "softmax"
    epochs: int = 16
    batch_size: int = 32
    lr: float = 4e-3
    shift: int = 4
    width: int = 16
    hidden: int = 128
    blocks: int = 2
    detector: str = ""
    hops: int = 2
    glimpses: int = 4
    supervision: float = 0.0
    boxes: str = "found"
    order: str = "parallel"
    answers: int = 1000
    clip: float = 5.0

    def __post_init__(self):
        known = {
            "model": ("joint", "film", "relation", "transformer", "program", *ATTENDING),
            "fusion": FUSIONS,
            "pool": POOLS,
            "question": QUESTIONS,
            "encoder": ("auto", "frozen", "scratch", "detected"),
            "loss": ("softmax", "soft"),
            "boxes": BOXES,
            "order": ORDERS,
        }
        for key, values in known.items():
            if getattr(self, key) not in values:
                raise ValueError(f"{key}: expected {' or '.join(values)}, got {getattr(self, key)!r}")
        check_settings(
            self, "epochs", "batch_size", "width", "hidden", "blocks", "answers", "hops", "glimpses"
        )
        rows = ("relation", "transformer", *ATTENDING)
        if self.encoder == "detected" and (self.model not in rows or self.model == "topdown"):
            raise ValueError(f"encoder: detected is not for model={self.model}")
        if self.model == "relation" and self.fusion not in ("film", "concat"):
            raise ValueError(f"fusion: expected film or concat for model=relation, got {self.fusion!r}")
        if self.model == "transformer" and self.hidden % 4:
            raise ValueError(f"hidden: expected a multiple of its 4 heads, got {self.hidden}")
        if self.clip < 0 or self.shift < 0:
            raise ValueError(f"clip, shift: expected at least 0, got {self.clip}, {self.shift}")
        supervised = self.model == "word-glimpses" and self.glimpses > 1 and self.encoder != "detected"
        if self.supervision < 0 or (self.supervision and not supervised):
            raise ValueError(
                f"supervision: expected 0, or more with model=word-glimpses, cells and two glimpses or more, "
                f"got {self.supervision}"
            )

    def of(self, data):
        """These settings with the encoder that ``auto`` means for the data."""
        if self.model == "program":
            return dataclasses.replace(self, encoder="scratch")  # its detector sees the pictures themselves
        if self.encoder != "auto":
            return self
        return dataclasses.replace(self, encoder="frozen" if data.startswith("scenes") else "scratch")


def make_model(settings, vocabulary, answers, seed):
    """The settings' model, untrained."""
    w = settings.width
    options = {
        "question": settings.question, "loss": settings.loss, "channels": (w, 2 * w, 4 * w, 4 * w),
        "hidden": settings.hidden, "generator": Generator(seed),
    }  # fmt: skip
    rows = ROW if settings.encoder == "detected" else None
    if settings.model == "film":
        model = FiLMNetwork(len(vocabulary), len(answers), blocks=settings.blocks, **options)
    elif settings.model == "relation":
        model = RelationNetwork(len(vocabulary), len(answers), fusion=settings.fusion, rows=rows, **options)
    elif settings.model == "transformer":
        del options["question"]  # it reads the words itself
        model = TransformerFusion(len(vocabulary), len(answers), layers=settings.blocks, **options, rows=rows)
    elif settings.model == "program":
        model = ProgramNetwork(len(vocabulary), answers, settings.hidden, generator=options["generator"])
    elif settings.model in ATTENDING:
        model = build_attending(settings, len(vocabulary), len(answers), options)
    else:
        model = JointEmbedding(len(vocabulary), len(answers), settings.fusion, pool=settings.pool, **options)
    if settings.encoder == "frozen":
        for part in model.modules():
            if isinstance(part, PictureCNN):
                part.read_grids(CHANNELS, options["generator"])
    return model


def shown(settings, images, graphs=None, progress=False):
    """What is computed once of pictures (N, 64, 64, 3) for the settings' model; None: it sees them."""
    if settings.model == "topdown":
        return boxes_of(settings, images, graphs)
    if settings.encoder == "frozen":
        return scene_grids(images, progress=progress)
    return detected_rows(images, progress=progress) if settings.encoder == "detected" else None


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
    """Figures of a run on one split, beside its controls; see ``vqa_judge.judge``. Warnings: to stderr."""
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
