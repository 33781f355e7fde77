"""Features of many files on many ranks: ``mmscratch features … --distributed mpi``.

Files are cut into blocks of BLOCK, in their order; a block's features are a function of the block alone, and
rank 0 joins them. So the result is the same to the bit on any number of ranks.
"""

import numpy as np

from ...distributed import bounds, owned
from ...representations.features import Features
from ..run import RunError
from .extract import extract, files_of

__all__ = ["BLOCK", "extract_sharded", "rows_to_first"]

BLOCK = 16
"""Files that are read and computed at a time."""

ALONE = {
    "text": "which words there are, and how rare, is counted over all files",
    "audio": "that all files have one sample rate is seen from all of them",
}


def extract_sharded(comm, sense, paths, *given):
    """``extract`` of the files that paths stand for; Features on rank 0, None on the others.

    given      preset, kind, rate, weights
    Errors     RunError for text and audio, where an item is no function of its own file; those of
               ``extract``, on all ranks
    """
    if sense in ALONE:
        raise comm.agreed(RunError("--distributed", f"not for {sense}: {ALONE[sense]}; for image, video"))
    files = comm.first(lambda: files_of(sense, paths))
    blocks = [files[i : i + BLOCK] for i in range(0, len(files), BLOCK)]
    mine = owned(len(blocks), comm)
    parts = comm.together(lambda: [extract(sense, blocks[b], *given) for b in mine])
    shapes = [s for told in comm.gather([(p.values.shape, p.values.dtype.str) for p in parts]) for s in told]
    if len({(shape[2], dtype) for shape, dtype in shapes}) != 1:
        raise comm.agreed(RunError("features", f"blocks of files gave vectors of different kinds: {shapes}"))
    n, (_, _, d), dtype = max(shape[1] for shape, _ in shapes), shapes[0][0], shapes[0][1]
    values = np.zeros((sum(len(p) for p in parts), n, d), dtype)
    mask = np.zeros(values.shape[:2], np.uint8)
    place = 0
    for part in parts:
        here = np.s_[place : place + len(part), : part.values.shape[1]]
        values[here], mask[here] = part.values, part.mask
        place += len(part)
    items = [sum(shape[0] for shape, _ in shapes[a:b]) for a, b in bounds(len(blocks), comm.size)]
    values, mask = (rows_to_first(comm, x, items) for x in (values, mask))
    return Features(values, mask.astype(bool)) if comm.rank == 0 else None


def rows_to_first(comm, array, items):
    """All ranks' rows, in the order of the ranks, on rank 0; none on the others.

    Shapes     array (items[rank], …), of the same dtype on all ranks
    """
    size, flat = int(np.prod(array.shape[1:])), array.reshape(-1)
    parts = [flat if q == 0 else flat[:0] for q in range(comm.size)]
    sizes = [count * size if comm.rank == 0 else 0 for count in items]
    rows = sum(items) if comm.rank == 0 else 0
    return np.concatenate(comm.exchange(parts, sizes)).reshape(rows, *array.shape[1:])
