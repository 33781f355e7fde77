"""The retrieval task: pictures, captions and sounds that find each other, trained and judged.

    mmscratch train retrieval --data scenes:train=12000,level=3,describe=full --out RUN
        --set text=lstm picture=regions loss=infonce
    mmscratch train retrieval --data scenes:train=12000,level=2,relations=spatial --out RUN
        --set model=scan direction=text
    mmscratch evaluate RUN --split test

``model.load_model`` opens a run to encode pictures and texts, for search.
"""

import dataclasses
import sys

from ... import optim
from ...data.vocabulary import Vocabulary
from ...metrics.retrieval import cross_modal_scores
from ...random import Generator
from ...train import fit
from ..captioning.model import load_vocabulary
from ..features.grids import check_weights
from ..run import Run, plan, write_json
from .data import PairBatches, gallery, load
from .judge import judge
from .model import load_model, make_model, make_senses, untrained
from .settings import RetrievalSettings

__all__ = ["evaluate", "learn", "train"]

SOME = 1000  # pictures, whose mean and deviation stand for the training set's


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True):
    """Train as ``mmscratch train retrieval`` does; returns the Run."""
    run, data, seed, settings = plan("retrieval", RetrievalSettings, data, out, seed, assignments, resume)
    if settings.weights:
        check_weights(settings.weights)
    trained, checked = (load(data, name, progress=progress) for name in ("train", "val"))
    resume = run is not None
    if run is None:
        run = Run.create(out, "retrieval", data, seed, dataclasses.asdict(settings))
    vocabulary = None
    if "text" in settings.senses:
        if not (run.folder / "vocabulary.json").exists():
            words = Vocabulary.from_tokens(trained.sentences(), min_count=settings.min_count)
            write_json(run.folder / "vocabulary.json", list(words.words[4:]))
        vocabulary = load_vocabulary(run)
    senses = make_senses(settings, vocabulary, data)
    model = make_model(senses, settings, Generator(seed))
    learn(model, senses, settings, trained, checked, seed, run=run.folder, resume=resume, progress=progress)
    return run


def learn(model, senses, settings, trained, checked, seed=0, *, run=None, resume=False, progress=True):
    """Fit a ``Retriever`` on one split, watching another; the loop itself is ``train.fit``.

    Validation is instance recall both ways among the watched split's pictures; the weights with the greatest
    rsum, 100 · Σ R@1, 5, 10 (Lee et al., 2018), are kept.
    """
    pairs, watched = (gallery(split, senses, progress=progress) for split in (trained, checked))
    if settings.scaled:
        model.scale_by(pairs.first[:SOME])
    batches = PairBatches(pairs, settings.batch_size, seed)
    optimizer = optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=settings.steps)

    def loss(batch):
        step = batches.steps - 1  # this batch is handed out already
        value, figures, line = model.loss_of(
            senses[0].batch(pairs.first, batch.first), senses[1].batch(pairs.second, batch.second),
            batch.first, batch.words, share=min(step / settings.warmup, 1.0) if settings.warmup else 1.0,
        )  # fmt: skip
        if line is not None:
            print(f"alarm, step {step + 1}: {line}", file=sys.stderr, flush=True)
        return value, figures

    def validate():
        found = cross_modal_scores(model.similarity(senses, watched), watched.owner, lists=False)
        return {
            "val_rsum": found["rsum"],
            "val_first_R1": found["i→t R@1"],
            "val_second_R1": found["t→i R@1"],
        }

    return fit(
        model, loss, batches, optimizer=optimizer, schedule=schedule, steps=settings.steps,
        clip=settings.clip or None, validate=validate, validate_every=settings.validate_every,
        monitor="val_rsum", patience=settings.patience or None, checkpoint_every=settings.checkpoint_every,
        run=run, resume=resume, progress=progress,
    )  # fmt: skip


def evaluate(run, data=None, split="val", lists=True):
    """Figures of a trained run on one split, beside ceilings and controls; see ``judge.py``.

    lists    False leaves out MAP and NDCG, which sort every row
    """
    found = load_model(run)
    checked = load(data or run.data, split)
    _, before = untrained(run, found.settings)
    return judge(found, before, checked, run, lists)
