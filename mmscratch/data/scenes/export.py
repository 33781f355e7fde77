"""Export to files: PNG images, COCO captions, VQA v2 questions and annotations, and the graphs themselves.

    dataset.json                                              options, sizes, priors
    images/SPLIT/scenes_SPLIT_000000000001.png                images of the captions
    images/vqa-SPLIT/scenes_vqa-SPLIT_000000000001.png        images of the questions
    annotations/captions_SPLIT.json                           COCO captions
    questions/v2_OpenEnded_scenes_SPLIT_questions.json        VQA v2
    questions/v2_scenes_SPLIT_annotations.json
    graphs/SPLIT.jsonl, graphs/vqa-SPLIT.jsonl                one graph a line, with its image id

Tests carry minimal pairs: two questions with the same `pair_id`. Keys beyond the two formats are extra keys,
which their readers ignore.
"""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..errors import DataError
from ..progress import progress_bar
from .dataset import Scenes, Split, answer_priors, load, priors
from .graph import SIDE, Scene
from .options import LoadOptions
from .questions import ERROR_RATE, Question, annotators
from .render import render
from .splits import QUESTION_SPLITS, TESTS, check_split

MAIN_SPLITS = ("train", "val", "test-iid")
_LICENSE = {"id": 1, "name": "MIT", "url": "https://opensource.org/license/mit"}


def export_scenes(
    options: LoadOptions | str,
    out: str | os.PathLike,
    progress: bool = True,
    force: bool = False,
    splits: Sequence[str] = MAIN_SPLITS,
) -> dict:
    """Write the data set of `options` under `out`; returns the summary that `dataset.json` holds.

    Everything is written to a folder beside `out` and renamed into place at the end: `out` is never half
    full. `force` replaces what an export wrote and leaves any other file in `out` alone.

    Errors     DataError naming `out` where it is a file, or not empty without `force`, or cannot be written
    """
    out = Path(out)
    for name in splits:
        check_split(name)
    scenes = load(options, progress)
    if out.exists() and not out.is_dir():
        raise DataError(out, "is a file, a folder was expected")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise DataError(out, "is not empty; choose another folder, or replace it with force")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
    except OSError as error:
        raise DataError(out, f"cannot be written ({error.strerror or error})") from None
    try:
        summary = _write(scenes, work / "new", splits, progress)
        _move_in(work / "new", out, work / "old")
    except OSError as error:
        raise DataError(out, f"cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return summary


def _move_in(new: Path, out: Path, old: Path) -> None:
    """Rename the finished folder to `out`, or its entries one by one into a folder that holds other files."""
    if not out.exists() or not any(out.iterdir()):
        os.replace(new, out)
        return
    old.mkdir()
    for entry in sorted(new.iterdir(), key=lambda p: p.name == "dataset.json"):  # the summary last
        if (out / entry.name).exists():
            os.replace(out / entry.name, old / entry.name)
        os.replace(entry, out / entry.name)


def _write(scenes: Scenes, folder: Path, splits: Sequence[str], progress: bool) -> dict:
    summary = {"description": "scenes", "options": str(scenes.options), "splits": {}}
    for name in ("annotations", "questions", "graphs", "images"):
        (folder / name).mkdir(parents=True)
    for name in splits:
        split = scenes.split(name)
        _images(folder, name, split.graphs, progress)
        _captions(folder, split)
        asked, pair_ids = _questions_of(scenes, name)
        _images(folder, f"vqa-{name}", [q.scene for q in asked], progress)
        _vqa(folder, name, asked, pair_ids)
        summary["splits"][name] = {
            "images": len(split),
            "captions": sum(map(len, split.captions)),
            "questions": len(asked),
            "priors": priors(split.graphs),
            "answers": answer_priors(asked),
        }
    _json(folder / "dataset.json", summary)
    return summary


def _json(path: Path, value) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _file_name(name: str, index: int) -> str:
    return f"scenes_{name}_{index + 1:012d}.png"


def _images(folder: Path, name: str, graphs: list[Scene], progress: bool) -> None:
    target = folder / "images" / name
    target.mkdir()
    with (folder / "graphs" / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for k, scene in enumerate(progress_bar(graphs, f"writing {name}", unit="image", show=progress)):
            Image.fromarray(render(scene)).save(target / _file_name(name, k), compress_level=1)
            file.write(json.dumps({"image_id": k + 1, **scene.to_dict()}) + "\n")


def _info(what: str) -> dict:
    return {
        "description": f"mmscratch scenes: {what}",
        "version": "1.0",
        "url": "",
        "contributor": "mmscratch",
    }


def _captions(folder: Path, split: Split) -> None:
    """COCO captions: images and annotations joined by image_id."""
    images = [
        {"id": k + 1, "width": SIDE, "height": SIDE, "file_name": _file_name(split.name, k), "license": 1}
        for k in range(len(split))
    ]
    annotations: list[dict] = []
    for k, said in enumerate(split.captions):
        for c in said:
            one = {"id": len(annotations) + 1, "image_id": k + 1, "caption": c.text}
            annotations.append(one | {"tokens": list(c.tokens), "links": list(c.links)})
    _json(
        folder / "annotations" / f"captions_{split.name}.json",
        {
            "info": _info(f"captions, {split.name}"),
            "licenses": [_LICENSE],
            "images": images,
            "annotations": annotations,
        },
    )


def _questions_of(scenes: Scenes, name: str) -> tuple[list[Question], list[int]]:
    """Questions of a split and, in tests, the number of each one's minimal pair; none where a split has
    none."""
    if name not in QUESTION_SPLITS:
        return [], []
    if name not in TESTS:
        asked = scenes.questions(name)
        return asked, [0] * len(asked)
    pairs = scenes.pairs(name)
    return [q for p in pairs for q in (p.first, p.second)], [k // 2 + 1 for k in range(2 * len(pairs))]


def _vqa(folder: Path, name: str, asked: list[Question], pair_ids: list[int]) -> None:
    """VQA v2: questions, and annotations with ten answers each, joined by question_id."""
    head = {"info": _info(f"questions, {name}"), "license": _LICENSE}
    head |= {"data_type": "scenes", "data_subtype": f"vqa-{name}"}
    questions, annotations = [], []
    for k, (q, pair) in enumerate(zip(asked, pair_ids, strict=True)):
        ids = {"question_id": k + 1, "image_id": k + 1}
        extra = {"pair_id": pair} if pair else {}
        questions.append(ids | {"question": q.text} | extra)
        annotations.append(ids | _annotation(q) | extra)
    stem = folder / "questions"
    _json(
        stem / f"v2_OpenEnded_scenes_{name}_questions.json",
        {**head, "task_type": "Open-Ended", "questions": questions},
    )
    _json(stem / f"v2_scenes_{name}_annotations.json", {**head, "annotations": annotations})


def _annotation(q: Question) -> dict:
    answers = annotators(q)
    counts = Counter(answers)
    frequent = max(counts, key=lambda a: (counts[a], a == q.answer))
    kind = {"yes": "yes/no", "no": "yes/no"}.get(q.answer, "number" if q.answer.isdigit() else "other")
    return {
        "question_type": q.family,
        "answer_type": kind,
        "multiple_choice_answer": frequent,
        "answers": [
            {"answer_id": k + 1, "answer": a, "answer_confidence": "yes"} for k, a in enumerate(answers)
        ],
        "true_answer": q.answer,
        "error_rate": ERROR_RATE,
        "program": q.program,
        "supports": list(q.supports),
    }
