"""The progress bar: one look for all that takes a while."""

import sys

from tqdm import tqdm

__all__ = ["progress_bar"]


def progress_bar(iterable=None, label=None, *, show, **options):
    """tqdm on standard error if ``show``; in a log, a line every 15 s rather than ten a second."""
    interval = 0.1 if sys.stderr.isatty() else 15
    return tqdm(iterable, label, disable=not show, mininterval=interval, **options)
