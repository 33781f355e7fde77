"""Where do the questions look? Maps scored against the objects that decide the answer, and drawn.

    python -m mmscratch.tasks.vqa.attention RUN --out docs/vqa_attention.png

Of each question of the scenes, the objects that its program looks at; questions with none ("is there a red
cross", and there is none) are left out. Pointing game, mass inside and IoU of equal area, each beside its
chance, that of a map that knows nothing; of the mean over a model's glimpses and of each of them.

A cell is seldom covered by its object: no map over cells points better than "at most", which looks at the
cell that has most of it. A glimpse whose question names two objects may rest on one: it points well, and has
half of the mask.

Models that look at found objects (``encoder=detected``) are scored by objects instead of pixels: a found one
is right where its place lies on one that decides. Their chance is that of looking at all found objects alike.
"""

from __future__ import annotations

import argparse
import math
import pathlib
import sys

import numpy as np

from ...data import scenes
from ...data.errors import DataError
from ...metrics.attention import attention_scores
from ...tensor import Tensor
from ...train import CheckpointError
from ..figures import COLOURS
from ..run import Run, RunError
from .data import load, words_of

__all__ = ["attention_figures", "maps_of", "question_figure", "main"]


def weights_of(model, asked, chosen, batch_size=250):
    """Where the model looks of some questions: (M, G, cells), or (M, G, objects found)."""
    found = []
    for i in range(0, len(chosen), batch_size):
        some = chosen[i : i + batch_size]
        pictures, place = np.unique(asked.image_of[some], return_inverse=True)
        shown = Tensor(asked.pixels(pictures))
        found.append(model.attention(shown, asked.batch(some), place.reshape(-1)))
    return np.concatenate(found)


def maps_of(model, asked, chosen, batch_size=250):
    """The maps of some questions, laid out as pictures: (M, G, side, side)."""
    maps = weights_of(model, asked, chosen, batch_size)
    side = math.isqrt(maps.shape[2])
    if side * side != maps.shape[2]:
        raise ValueError(f"maps_of: expected a square of cells, got {maps.shape[2]}")
    return maps.reshape(*maps.shape[:2], side, side)


def attention_figures(model, asked, most=2000):
    """{"attention: pointing", "attention: pointing, chance", …, "attention: pointing, glimpse 1", …}.

    Empty of models that do not attend, and where it is not known which objects decide. Scored are the first
    ``most`` questions that have such objects; where a model looks at found objects, those with one found.
    """
    questions = asked.questions
    if not hasattr(model, "attention") or questions.supports is None:
        return {}
    chosen = np.array([m for m, ids in enumerate(questions.supports) if ids][:most])
    if not len(chosen):
        return {}
    masks = np.stack([
        scenes.masks(questions.scenes[questions.image_of[m]])[list(questions.supports[m])].any(0)
        for m in chosen
    ])  # fmt: skip
    if looks_at_objects(model, asked):
        right, there = _found_objects(asked.grids[asked.image_of[chosen]], masks)
        known = right.any(1)
        if not known.any():
            return {}
        weights, right, there = weights_of(model, asked, chosen[known]), right[known], there[known]
        return _named(weights, lambda looks: _object_scores(looks, right, there))
    maps = maps_of(model, asked, chosen)
    found = _named(maps, lambda looks: attention_scores(looks, masks, "area"))
    side = maps.shape[2]
    inside = masks.reshape(len(masks), side, masks.shape[1] // side, side, -1).mean((2, 4))
    return found | {"attention: pointing, at most": float(inside.max((1, 2)).mean())}


def looks_at_objects(model, asked):
    """Whether the model attends to rows of found objects; top-down attention spreads its boxes over cells."""
    return asked.grids is not None and asked.grids.ndim == 3 and not hasattr(model, "grid")


def _named(maps, score):
    """The scores of the mean over the glimpses, and, where there are several, of each without its chance."""
    found = {f"attention: {name}": value for name, value in score(maps.mean(1)).items()}
    for g in range(maps.shape[1] if maps.shape[1] > 1 else 0):
        found |= {
            f"attention: {name}, glimpse {g + 1}": value
            for name, value in score(maps[:, g]).items()
            if name != "maps" and "chance" not in name
        }
    return found


def _found_objects(rows, masks):
    """Which rows of ``object_rows`` are objects, and which of these lie on a mask: two of (M, R) bool.

    Shapes     rows (M, R, 15): P(there), x and y from −1 to 1, …; masks (M, H, W)
    """
    there = rows[:, :, 0] > 0.5
    size = np.array(masks.shape[:0:-1])  # W, H
    x, y = np.clip((rows[:, :, 1:3] + 1) / 2 * size, 0, size - 1).astype(int).transpose(2, 0, 1)
    return there & masks[np.arange(len(masks))[:, None], y, x], there


def _object_scores(looks, right, there):
    """``attention_scores`` of weights over found objects, a picture's objects in place of its pixels.

    Shapes     looks (M, R), right and there (M, R) bool
    """
    counts, found = there.sum(1), {}
    for n in np.unique(counts):
        some = counts == n
        kept = there[some]
        rows = (
            a[some][kept].reshape(-1, 1, n) for a in (looks + 1e-12, right)
        )  # all may look at an empty row
        for name, value in attention_scores(*rows, "area").items():
            found[name] = found.get(name, 0.0) + value * (1 if name == "maps" else float(some.mean()))
    return found


def question_figure(path, image, words, maps, joint=None, title="", answer="", right=None):
    """One question about one picture: where each glimpse looked, and which word looked where.

    The answer stands over the picture, green where it is right and red where it is wrong (None: black).

    Shapes     image (H, W, 3) uint8; words: T strings; maps (G, g, g); joint (T, g, g), or None of a model
               that asks with the whole question
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows, columns = (1, 1 + len(maps)) if joint is None else (2, max(1 + len(maps), len(words)))
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.3 * columns, 1.65 * rows + 0.45), squeeze=False, dpi=120
    )
    for axis in axes.flat:
        axis.axis("off")
    axes[0][0].imshow(image)
    colour = "k" if right is None else COLOURS["true" if right else "false"]
    axes[0][0].set_title(answer, fontsize=11, pad=3, color=colour)
    for axis, look, k in zip(axes[0][1:], maps, range(1, len(maps) + 1), strict=False):
        _shade(axis, image, look)
        axis.set_title(f"glimpse {k}", fontsize=9, pad=3)
    for axis, word, look in zip(axes[-1], words, [] if joint is None else joint, strict=False):
        # a word's part of all that was looked at: faint where the glimpses did not read it
        _shade(axis, image, look, float(np.max(joint)))
        axis.set_title(f"{word}\n{100 * look.sum():.0f} %", fontsize=9, pad=3)
    figure.suptitle(title, fontsize=11, y=0.995)
    figure.tight_layout(pad=0.4)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return pathlib.Path(path)


def _shade(axis, image, look, top=None):
    axis.imshow(image)
    shade = np.zeros((*look.shape, 4))
    shade[..., 3] = 0.75 * (1 - np.clip(look / max(look.max() if top is None else top, 1e-9), 0, 1))
    size = (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5)
    axis.imshow(shade, extent=size, interpolation="bilinear")


def draw(run, path, split="val", number=None):
    """The figure of one question of a run's data; ``number`` None: the first about a relation of two things
    that is answered right."""
    from .judge import answers_of
    from .task import asked_of, load_model, settings_of

    model, vocabulary, answers, _ = load_model(run)
    asked = asked_of(settings_of(run), load(run.data, split), vocabulary, answers)
    if not hasattr(model, "attention"):
        raise RunError(run.folder, f"is of model={run.settings['model']}, which does not attend")
    if looks_at_objects(model, asked):
        raise RunError(run.folder, "is of a model that looks at found objects; cells are drawn")
    said = answers_of(model, asked)
    if number is None:
        right = np.flatnonzero((said == asked.target) & (np.array(asked.questions.types) == "query_relation"))
        number = int(right[0]) if len(right) else 0
    if not 0 <= number < len(asked):
        raise RunError("--question", f"expected 0 … {len(asked) - 1}, got {number}")
    one, picture = np.array([number]), asked.image_of[[number]]
    shown, batch, place = Tensor(asked.pixels(picture)), asked.batch(one), np.zeros(1, np.int64)
    maps = maps_of(model, asked, one)[0]
    joint = model.words_by_cells(shown, batch, place)
    joint = None if joint is None else joint[0].reshape(-1, *maps.shape[1:])
    question = asked.questions.questions[number]
    answer, right = answers[said[number]], said[number] == asked.target[number]
    image = np.asarray(asked.images[picture])[0]
    return question_figure(path, image, words_of(question), maps, joint, question, answer, right)


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.vqa.attention", description="Draw where a question looked."
    )
    parser.add_argument("folder", metavar="RUN", help="of mmscratch train vqa, of a model that attends")
    parser.add_argument("--out", required=True, metavar="PNG")
    parser.add_argument("--split", default="val", metavar="NAME")
    parser.add_argument(
        "--question", type=int, metavar="N", help="default: the first right one of a relation"
    )
    args = parser.parse_args(arguments)
    try:
        print(draw(Run.open(args.folder, "vqa"), args.out, args.split, args.question))
    except (DataError, RunError, CheckpointError, OSError) as error:
        print(f"vqa.attention: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
