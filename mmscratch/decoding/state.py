"""What a decoder remembers, taken row by row: a search follows some hypotheses and drops others.

    Tensor (N, …)          one row a hypothesis, whatever the other sizes, which may grow from word to word
                           (keys and values (N, t, D)): rows are taken
    tuple, list, dict      nested as deep as one likes; named tuples too
    Shared(anything)       the same for all rows: handed on untouched
    anything else          (None, a number, a string): the same for all rows too

A tensor without a row for each hypothesis has to be wrapped in ``Shared``, since nothing else tells it apart
from one that has them; a step takes it out with ``.value`` and puts it back.
"""

import dataclasses
from typing import Any

import numpy as np

from .. import ops
from ..tensor import Tensor

__all__ = ["Shared", "leaves", "take_rows"]


@dataclasses.dataclass(frozen=True)
class Shared:
    """A part of the state that all rows share."""

    value: Any


def take_rows(state, rows, count, untouched=frozenset()):
    """The state of the hypotheses ``rows`` (integers (M,)) of ``count``.

    Forward    state'[m] = state[rows[m]] for every tensor of it
    untouched  the ids of tensors which are handed on as they are
    Errors     ValueError for a tensor whose first size is not ``count``
    """
    index = Tensor(np.asarray(rows, np.int64))

    def taken(x):
        if id(x) in untouched:
            return x
        if x.ndim == 0 or x.shape[0] != count:
            raise ValueError(
                f"state: expected tensors with {count} rows, one a hypothesis (wrap others in Shared), got "
                f"{tuple(x.shape)}"
            )
        return ops.take(x, index.to(x.device), axis=0)

    return _map(taken, state)


def leaves(state):
    """The tensors of a state that have a row for each hypothesis, in order."""
    found = []
    _map(found.append, state)
    return found


def _map(function, state):
    if isinstance(state, Tensor):
        return function(state)
    if isinstance(state, dict):
        return {key: _map(function, value) for key, value in state.items()}
    if isinstance(state, tuple | list):
        parts = [_map(function, part) for part in state]
        if hasattr(state, "_fields"):
            return type(state)(*parts)
        return type(state)(parts)
    return state
