"""Searching a folder of pictures: what ``mmscratch search build`` and ``mmscratch search query`` do."""

import pathlib

from ...data.image import read_image
from ...data.scenes import SIDE
from ...distributed import SERIAL
from ..retrieval.model import load_model
from ..run import Run, RunError, write_json
from .composed import Composer, changes
from .index import PictureIndex, read_pictures
from .sheet import search_sheet

__all__ = ["build", "query"]


def build(folder, run, out, method="exact", *, comm=SERIAL, force=False, progress=True):
    """Encode the pictures of a folder by a trained retrieval run, index them, save it.

    comm    the ranks that encode; rank 0 alone shows progress, indexes, and writes
    → the PictureIndex, None on other ranks than rank 0
    """
    model = comm.together(lambda: load_model(Run.open(run)))
    found = PictureIndex.build(folder, model, run, method, comm=comm, progress=progress and comm.rank == 0)
    comm.first(lambda: found.save(out, force=force))
    return found


def query(path, *, text=None, image=None, like=None, but=None, run=None, k=10, json=None, sheet=None):
    """Ask an index: by ``text``, by a picture (``image``), or by ``like`` a picture ``but`` with other words.

    run    the model's folder, where it is not where it was at building
    json, sheet    files to write what was found to
    → {"query", "unknown": words that training did not show, "changes" of a composed one, "found": [Hit]}

    Errors     RunError where not exactly one way of asking is given, no word of the text is known, or the
               model is another one
    """
    ways = [text is not None, image is not None, like is not None or but is not None]
    if sum(ways) != 1 or (like is None) != (but is None):
        raise RunError("search query", 'expected one of "TEXT", --image FILE, or --like FILE --but WORDS')
    if k < 1:
        raise RunError("--k", f"expected 1 or more, got {k}")
    wanted = changes(but) if but is not None else None
    if text is not None and not text.strip():
        raise RunError("search query", "the text is empty")
    index = PictureIndex.open(path)
    run = run or index.run
    model = load_model(Run.open(run))
    index.check(model, run)
    answer = {"query": text if text is not None else str(image or like)}
    if text is not None:
        known, answer["unknown"] = model.known_words(text)
        if not known:
            raise RunError("search query", f"no word of {text!r} is among those of the training captions")
        vector = model.encode_texts([text])[0]
    else:
        vector = model.encode_pictures(read_pictures([image or like]))[0]
    if wanted:
        answer["query"] = f"like {like}, but {but}"
        composer = Composer(model, [c for many in index.captions for c in many])
        vector, told = composer.compose(vector, wanted)
        answer["changes"] = [{"old": old, "new": new} for old, new in told]
    answer["found"] = index.near(vector, k)[0]
    if json:
        write_json(json, answer)
    if sheet:
        _sheet(sheet, answer, index, image or like)
    return answer


def _sheet(path, answer, index, asked):
    rows = []
    for hit in answer["found"]:
        said = hit["captions"][0] if hit["captions"] else hit["file"]
        rows.append((read_image(index.path(hit), 4 * SIDE), hit["score"], said))
    title = answer["query"]
    if "changes" in answer:
        told = ", ".join(f"{c['new']} for {c['old']}" for c in answer["changes"])
        title = f"like {pathlib.Path(asked).name}, but {told}"
    elif asked is not None:
        title = f"near {pathlib.Path(asked).name}"
    search_sheet(path, title, rows, None if asked is None else read_image(asked, 4 * SIDE))
