"""A searchable folder of pictures: their vectors by a trained retrieval model, their names and captions.

    pictures.index     the vectors, in an index of ``mmscratch.search``
    pictures.json      names, captions, and which model made the vectors (the sha256 of its weights); last

A query must be encoded by the same model: vectors of another one lie in another space, and what is near there
means nothing. So a query by another model is refused.
"""

import os
import pathlib
import shutil
import tempfile

import numpy as np

from ...data.errors import DataError
from ...data.files import inside, read_json, require_folder
from ...data.image import read_image
from ...data.picture_folder import find_pictures
from ...data.progress import progress_bar
from ...data.scenes import SIDE
from ...distributed import SERIAL, bounds, owned
from ...search import load_index, make_index
from ...train.checkpoint import digest
from ..features.sharded import rows_to_first
from ..run import RunError, write_json

__all__ = ["Hit", "PictureIndex", "fingerprint", "index_settings", "read_pictures"]

FORMAT = 1
FILES = ("pictures.index", "pictures.json")
BATCH = 64
"""Pictures that are read and encoded at a time: on many ranks, too, so that the bits are the same."""
MAX_JSON = 1 << 30


class Hit(dict):
    """rank from 1, file, score (the cosine), captions."""


def fingerprint(model):
    """The sha256 of a retrieval model's weights."""
    return digest(model.model.state_dict())


def index_settings(method, count, size):
    """Settings that suit ``count`` vectors of ``size`` numbers; what search takes by itself where they do."""
    if method != "ivfpq":
        return {}
    parts = max(p for p in range(1, max(1, size // 4) + 1) if size % p == 0)
    cells = max(1, min(4096, int(4 * count**0.5), count // 16))
    few = {"cells": cells, "parts": parts, "codewords": max(1, min(256, count // 8))}
    return {**few, "probes": max(1, min(cells, 16)), "rerank": min(200, max(1, count))}


def read_pictures(files):
    """uint8 (N, 64, 64, 3), as the retrieval models read them."""
    return np.stack([read_image(file, SIDE) for file in files])


class PictureIndex:
    """``build`` or ``open``; then ``near`` a query's vector.

    folder: of the pictures; pictures: what ``find_pictures`` found; model: fingerprint; run: its folder
    """

    def __init__(self, folder, names, captions, index, model, run):
        self.folder, self.names, self.captions = pathlib.Path(folder), names, captions
        self.index, self.model, self.run = index, model, run

    @classmethod
    def build(cls, folder, model, run, method="exact", *, comm=SERIAL, progress=False):
        """All pictures of a folder, encoded: each rank of ``comm`` encodes some, and rank 0 indexes all.

        Blocks of BATCH pictures are dealt out, and a block's vectors do not depend on who encodes it: the
        index is the same to the bit on any number of ranks.
        → the PictureIndex on rank 0, None on the others
        Errors     DataError naming a picture that cannot be read, on all ranks
        """
        folder, found = comm.first(lambda: (require_folder(folder), find_pictures(folder)))
        blocks = [found[i : i + BATCH] for i in range(0, len(found), BATCH)]
        mine = [blocks[b] for b in owned(len(blocks), comm)]

        def encode():
            vectors = []
            with progress_bar(total=sum(map(len, mine)), label="pictures", show=progress) as bar:
                for part in mine:
                    vectors.append(model.encode_pictures(read_pictures([folder / p.name for p in part])))
                    bar.update(len(part))
            return vectors

        vectors = comm.together(encode)
        told = comm.gather([(v.shape[1], v.dtype.str) for v in vectors])
        size, dtype = next(t for rank in told for t in rank)
        items = [sum(map(len, blocks[a:b])) for a, b in bounds(len(blocks), comm.size)]
        vectors = rows_to_first(comm, np.concatenate([np.empty((0, size), dtype), *vectors]), items)

        if comm.rank:
            return None
        index = make_index(method, size, **index_settings(method, len(vectors), size)).build(vectors)
        names, captions = [p.name for p in found], [list(p.captions) for p in found]
        return cls(folder.resolve(), names, captions, index, fingerprint(model), str(run))

    def save(self, out, *, force=False):
        """Write the folder, whole or not at all; ``force`` replaces one that holds just an index."""
        out = pathlib.Path(out)
        if out.exists() and not out.is_dir():
            raise DataError(out, "is a file, expected a folder for the index")
        there = sorted(p.name for p in out.iterdir()) if out.is_dir() else []
        if there and not (force and set(there) <= set(FILES)):
            raise DataError(out, "is not empty; choose another folder, or --force to replace an index")
        out.parent.mkdir(parents=True, exist_ok=True)
        work = pathlib.Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
        old = work.with_name(work.name + ".old")
        try:
            self.index.save(work / FILES[0])
            pictures = [
                {"file": name, "captions": list(texts)}
                for name, texts in zip(self.names, self.captions, strict=True)
            ]
            about = {"format": FORMAT, "folder": str(self.folder), "run": self.run, "model": self.model}
            write_json(work / FILES[1], {**about, "pictures": pictures})
            os.chmod(work, 0o755)  # mkdtemp's is for the owner alone
            if out.exists():
                os.replace(out, old)
            os.replace(work, out)
        finally:
            shutil.rmtree(work, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)

    @classmethod
    def open(cls, path):
        """What ``save`` wrote. Errors: DataError for any other folder, or files that are no pair."""
        path = require_folder(path)
        about = path / FILES[1]
        if not about.is_file():
            raise DataError(path, f"is no index of pictures: it has no {FILES[1]}")
        record = read_json(about, MAX_JSON, dict)
        try:
            if record["format"] != FORMAT:
                raise DataError(about, f"has format {record['format']!r}, this version reads {FORMAT}")
            names = [str(p["file"]) for p in record["pictures"]]
            captions = [[str(c) for c in p["captions"]] for p in record["pictures"]]
            folder, run, model = (record[key] for key in ("folder", "run", "model"))
            if not all(isinstance(text, str) for text in (folder, run, model)):
                raise TypeError("folder, run and model must be text")
        except (KeyError, TypeError) as error:
            raise DataError(about, f"is damaged ({type(error).__name__}: {error})") from None
        for name in names:
            inside(pathlib.Path(folder), name, about)
        index = load_index(path / FILES[0])
        if len(index) != len(names):
            raise DataError(path, f"has {len(index)} vectors and {len(names)} pictures")
        return cls(folder, names, captions, index, model, run)

    def check(self, model, run):
        """RunError unless the model is the one that made the vectors."""
        if fingerprint(model) != self.model:
            raise RunError(
                run, f"is another model than the one whose vectors the index holds (made from {self.run})"
            )

    def near(self, vectors, k=10):
        """The k nearest pictures of each vector: a list of lists of ``Hit``."""
        k = min(k, len(self.index))
        scores, ids = self.index.search(np.atleast_2d(vectors), k)
        return [
            [
                Hit(rank=n + 1, file=self.names[i], score=float(s), captions=self.captions[i])
                for n, (s, i) in enumerate(zip(row, mine, strict=True))
                if i >= 0
            ]
            for row, mine in zip(scores, ids, strict=True)
        ]

    def path(self, hit):
        """Where a hit's picture is."""
        return self.folder / hit["file"]
