"""Arrays of a file into the parameters of a module, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

__all__ = ["load_into", "under"]

SHOWN = 20
COUNTERS = "num_batches_tracked"


def load_into(
    module,
    arrays: Mapping[str, np.ndarray],
    map: Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]] | None = None,
    strict: bool = True,
) -> tuple[list[str], list[str]]:
    """Give a module the arrays of a file; returns the names (missing, unexpected).

    module     an ``nn.Module``: whatever has named_parameters, named_buffers and load_state_dict
    map        arrays under the file's names → arrays under the module's names, such as ``keras_vgg``
    strict     refuse missing and unexpected names. A counter of batches (``num_batches_tracked``), which
               files from before 2018 lack, is never missed: it takes no part in what a network computes
    Errors     ValueError that lists all missing, unexpected and wrongly shaped names; nothing is loaded then
    """
    title = f"load_into: {type(module).__name__}"
    named = dict(map(arrays)) if map is not None else dict(arrays)
    own, _ = module.load_state_dict({}, strict=False)  # every name, also a second one of a shared parameter
    missing = [name for name in own if name not in named and not name.endswith(COUNTERS)]
    unexpected = [name for name in named if name not in set(own)]
    shapes = {name: tuple(p.shape) for name, p in (*module.named_parameters(), *module.named_buffers())}
    wrong = [
        f"{name} {np.shape(array)}, expected {shapes[name]}"
        for name, array in named.items()
        if name in shapes and np.shape(array) != shapes[name]
    ]
    told = [("wrong shapes", wrong)]
    if strict:
        told = [("missing", missing), ("unexpected", unexpected), *told]
    if any(names for _, names in told):
        raise ValueError(f"{title}: " + "; ".join(_listed(what, names) for what, names in told if names))
    module.load_state_dict({name: array for name, array in named.items() if name in set(own)}, strict=False)
    return missing, unexpected


def under(prefix: str) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """A map for ``load_into``: only the names that begin with ``prefix``, without it.

    under("state_dict.") for a training's checkpoint, under("module.") for a model that was saved in parallel.
    """
    return lambda arrays: {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _listed(what, names):
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} {what}: {', '.join(names[:SHOWN])}{more}"
