"""Questions about the scenes world as a `QuestionSet`: a scene a question, or minimal pairs in tests."""

from __future__ import annotations

import numpy as np

from .scenes.dataset import load, render_all
from .scenes.programs import named
from .scenes.questions import annotators
from .scenes.splits import QUESTION_SPLITS, TESTS
from .vqa import QuestionSet


def load_scene_questions(spec: str, split: str = "train", progress: bool = False) -> QuestionSet:
    """The questions of one split of "scenes:…".

    `types` are the families; `answers` what is true of the scene, `all_answers` what ten simulated annotators
    say. A test split holds minimal pairs, one half after the other: `pairs` numbers them. `supports` are the
    objects that the question's program has looked at (none, where there is nothing of what is asked for).

    Errors     ValueError for a split that has no questions
    """
    if split not in QUESTION_SPLITS:
        raise ValueError(
            f"load_scene_questions: split: expected one of {', '.join(QUESTION_SPLITS)}, got {split!r}"
        )
    scenes = load(spec, progress)
    if split in TESTS:
        asked = [q for pair in scenes.pairs(split) for q in (pair.first, pair.second)]
    else:
        asked = scenes.questions(split)
    return QuestionSet(
        "scenes",
        render_all([q.scene for q in asked], progress, f"images of {split}"),
        np.arange(len(asked)),
        tuple(q.text for q in asked),
        tuple(q.answer for q in asked),
        tuple(tuple(annotators(q)) for q in asked),
        tuple(q.family for q in asked),
        tuple(range(len(asked))),
        np.arange(len(asked)) // 2 if split in TESTS else None,
        tuple(q.scene for q in asked),
        tuple(q.supports for q in asked),
        tuple(named(q.program, q.scene) for q in asked),
    )
