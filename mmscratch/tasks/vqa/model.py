"""Models of visual questions, by the name that ``--set model=`` gives them, and what they are shown."""

import numpy as np

from ... import ops
from ...data.scenes import object_cells
from ...models.film_network import FiLMNetwork
from ...models.program_network import ProgramNetwork
from ...models.relation_network import RelationNetwork
from ...models.scene_reader import ROW
from ...models.transformer_fusion import TransformerFusion
from ...models.vqa_attention import Glimpses, StackedAttention, WordGlimpses
from ...models.vqa_coattention import CoAttention
from ...models.vqa_joint import JointEmbedding, PictureCNN
from ...models.vqa_top_down import TopDownVQA
from ...random import Generator
from ...tensor import tensor
from ..run import RunError
from .boxes import box_size, scene_boxes
from .features import CHANNELS, detected_rows, scene_grids

__all__ = ["ATTENDING", "attention_loss", "make_model", "noun_cells", "shown"]

NOUNS = 2

ATTENDING = {
    "san": (StackedAttention, ("question", "hops")),
    "glimpses": (Glimpses, ("question", "fusion", "glimpses")),
    "word-glimpses": (WordGlimpses, ("fusion", "glimpses")),
    "coattention": (CoAttention, ("order",)),
    "topdown": (TopDownVQA, ("question",)),
}
"""Those that attend: name → class, and which settings are arguments of its own."""


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
        model = _build_attending(settings, len(vocabulary), len(answers), options)
    else:
        model = JointEmbedding(len(vocabulary), len(answers), settings.fusion, pool=settings.pool, **options)
    if settings.encoder in ("frozen", "detected"):
        for part in model.modules():
            if isinstance(part, PictureCNN):
                part.read_grids(rows or CHANNELS, options["generator"])
    return model


def shown(settings, images, graphs=None, progress=False):
    """What is computed once of pictures (N, 64, 64, 3) for the settings' model; None: it sees them."""
    if settings.model == "topdown":
        return _boxes_of(settings, images, graphs)
    if settings.encoder == "frozen":
        return scene_grids(images, progress=progress)
    return detected_rows(images, progress=progress) if settings.encoder == "detected" else None


def _build_attending(settings, words, answers, options):
    """The model of these settings, untrained; ``options`` are those that all models have."""
    cls, own = ATTENDING[settings.model]
    given = {k: v for k, v in options.items() if k != "question"}
    if cls is TopDownVQA:
        del given["channels"]
        given["size"] = box_size()
    elif settings.encoder == "detected":
        given["channels"] = ROW
    return cls(words, answers, **given, **{name: getattr(settings, name) for name in own})


def _boxes_of(settings, images, graphs):
    """The boxes of pictures as the settings want them, the scenes' graphs being given or None.

    Errors     RunError for boxes=true where the scenes are not known
    """
    if settings.boxes == "true" and graphs is None:
        raise RunError("boxes", "the true boxes are known of scenes alone; expected boxes=found")
    return scene_boxes(images, graphs if settings.boxes == "true" else None)


def noun_cells(questions, grid=8):
    """Where to look for each noun of each question: int8 (M, 2, n), −1 where there is nothing (more).

    The cells of the centres of the objects that the noun stands for. Errors: RunError for other data
    """
    if questions.named is None:
        raise RunError("supervision", "where to look is known of scenes alone; expected supervision=0")
    cells = object_cells(questions.scenes, grid)
    found = np.full((len(questions), NOUNS, cells.shape[1]), -1, np.int8)
    for row, nouns, i in zip(found, questions.named, questions.image_of, strict=True):
        for place, objects in zip(row, nouns, strict=False):
            place[: len(objects)] = cells[i][list(objects)]
    return found


def attention_loss(maps, cells):
    """Pull the first glimpse to what the first noun stands for, the second to the second's.

    Forward    L = −mean over the nouns with objects of (1/n) Σ_{i ∈ their cells} ln α_gi
    Shapes     maps (M, G, R), G ≥ 2; cells (M, 2, n) of −1 … R − 1 → ()
    Source     Liu et al., 2017 (captions); Qiao, Dong & Xu, 2018 (questions, towards where people look)
    """
    target = np.zeros((*cells.shape[:2], maps.shape[2]), np.float32)
    m, g, k = np.nonzero(cells >= 0)
    np.add.at(target, (m, g, cells[m, g, k]), 1)
    n = target.sum(2, keepdims=True)
    target /= np.maximum(n, 1)
    log = ops.log(maps[:, : cells.shape[1]] + 1e-6)
    return -ops.sum(log * tensor(target, maps.dtype, device=maps.device)) * (1 / max((n > 0).sum(), 1))
