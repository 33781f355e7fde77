"""Models of questions that attend, by the name that ``--set model=`` gives them."""

from ..models.scene_reader import ROW
from ..models.vqa_attention import Glimpses, StackedAttention, WordGlimpses
from ..models.vqa_coattention import CoAttention
from ..models.vqa_top_down import TopDownVQA
from .run import RunError
from .vqa_boxes import box_size, scene_boxes

__all__ = ["ATTENDING", "boxes_of", "build_attending"]

ATTENDING = {
    "san": (StackedAttention, ("question", "hops")),
    "glimpses": (Glimpses, ("question", "fusion", "glimpses")),
    "word-glimpses": (WordGlimpses, ("fusion", "glimpses")),
    "coattention": (CoAttention, ("order",)),
    "topdown": (TopDownVQA, ("question",)),
}
"""Name → class, and which settings are arguments of its own."""


def build_attending(settings, words, answers, options):
    """The model of these settings, untrained; ``options`` are those that all models have."""
    cls, own = ATTENDING[settings.model]
    given = {k: v for k, v in options.items() if k != "question"}
    if cls is TopDownVQA:
        del given["channels"]
        given["size"] = box_size()
    elif settings.encoder == "detected":
        given["channels"] = ROW
    return cls(words, answers, **given, **{name: getattr(settings, name) for name in own})


def boxes_of(settings, images, graphs):
    """The boxes of pictures as the settings want them, the scenes' graphs being given or None.

    Errors     RunError for boxes=true where the scenes are not known
    """
    if settings.boxes == "true" and graphs is None:
        raise RunError("boxes", "the true boxes are known of scenes alone; expected boxes=found")
    return scene_boxes(images, graphs if settings.boxes == "true" else None)
