"""What may be set of a training on visual questions."""

import dataclasses

from ...models.vqa_coattention import ORDERS
from ...models.vqa_joint import FUSIONS, POOLS
from ...models.vqa_questions import QUESTIONS
from ..run import check_settings
from .boxes import BOXES
from .model import ATTENDING

__all__ = ["VQASettings"]


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
                 shipped detector finds, for joint, models that attend, relation and transformer; scratch:
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
        rows = ("joint", "relation", "transformer", *ATTENDING)
        if self.encoder == "detected" and (self.model not in rows or self.model == "topdown"):
            raise ValueError(f"encoder: detected is not for model={self.model}")
        if self.encoder == "detected" and self.model == "joint" and self.pool == "flat":
            raise ValueError("pool: expected max with encoder=detected, whose objects come in no order")
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
