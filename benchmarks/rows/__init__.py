"""The rows, by topic. A row is added where its feature is; nothing is listed that is not built."""

from . import (
    attention,
    audio,
    captioner,
    captions,
    convolution,
    cuda,
    elementwise,
    linear,
    ranking,
    recurrence,
    search,
    start,
    tape,
    text,
    towers,
    vgg,
    vqa,
)

__all__ = ["every"]

_TOPICS = (
    vgg,
    convolution,
    linear,
    recurrence,
    attention,
    elementwise,
    search,
    ranking,
    tape,
    text,
    audio,
    captions,
    captioner,
    towers,
    vqa,
    start,
    cuda,
)


def every(device=None):
    """All rows, or those of one device."""
    return [row for topic in _TOPICS for row in topic.rows() if device in (None, row.device)]
