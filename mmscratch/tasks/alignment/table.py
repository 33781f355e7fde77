"""Explicit and implicit alignment on one scale: every method by alignment error rate and pointing.

    python -m mmscratch.tasks.alignment.table
    python -m mmscratch.tasks.alignment.table --seeds 1 --of words --figure docs/alignment.png

Two alignments of scenes whose truth is known: words of a caption with the objects (``words.py`` says
what belongs to what, and what each method is given), frames of a sound with the objects of a clip
(``sound.py``). A seed draws other scenes and another beginning of whatever is learnt. Links are the
weights above a threshold, that of the lowest error on validation scenes; test scenes are looked at once.
"""

from __future__ import annotations

import argparse
import io
import sys

import numpy as np

from ...alignment import links_above
from ...metrics.alignment import alignment_scores, best_threshold, pointing
from ..run import RunError, write_json

__all__ = ["add_options", "alignment_figure", "figures_of", "main", "run_table"]

OF = ("words", "sound")
COLUMNS = ("AER", "precision", "recall", "pointing")


def figures_of(weights, checked, tested):
    """All figures of one method: its threshold from one list of pairs, the rest from the other."""
    said = [np.asarray(weights(pair)) for pair in checked]
    threshold = best_threshold(said, *_truth(checked))
    said = [np.asarray(weights(pair)) for pair in tested]
    score = pointing(said, _truth(tested)[0])
    found = alignment_scores(links_above(said, threshold), *_truth(tested))
    return found | {"pointing": score.mean, "chance": score.mean_chance, "threshold": threshold}


def _truth(pairs):
    return [p.sure for p in pairs], [p.possible for p in pairs]


def rows_of(of, seed, scenes, lang):
    """(method, figures) of one seed, one after the other."""
    sizes = (scenes, max(scenes // 10, 10), max(scenes // 5, 20))
    if of == "words":
        from .words import WORD_METHODS, load_words

        train, checked, tested = load_words(seed, *sizes, lang=lang)
        for name, method in WORD_METHODS.items():
            yield name, figures_of(method(train, seed, lang), checked, tested)
    else:
        from .sound import SOUND_METHODS, load_sounds

        train, checked, tested = load_sounds(seed, *(max(n // 3, 10) for n in sizes))
        for name, method in SOUND_METHODS.items():
            weights = method(train, seed)

            def audible(pair, weights=weights):  # silence is linked to nothing
                return weights(pair) * pair.loud[:, None]

            yield name, figures_of(audible, checked, tested)


def run_table(args):
    """Print the table of some options, write what they ask for; the exit code."""
    for option, value, least in (("--seeds", args.seeds, 1), ("--scenes", args.scenes, 30)):
        if value < least:
            raise RunError(option, f"expected at least {least}, got {value}")
    from ..captioning.table import summarise

    record = {}
    for of in args.of:
        for seed in range(args.seeds):
            for name, figures in rows_of(of, seed, args.scenes, args.lang):
                record.setdefault(of, {}).setdefault(name, []).append(figures)
        print(f"{_TITLE[of]:26}" + "".join(f"{c:>22}" for c in COLUMNS) + f"{'chance':>10}")
        for name, found in record[of].items():
            print(_line(name, summarise(found)), flush=True)
        if args.json:
            write_json(args.json, record)
    if args.figure:
        alignment_figure(args.figure, seed=0, scenes=args.scenes, lang=args.lang)
    return 0


_TITLE = {"words": "words – objects", "sound": "sound – objects of a clip"}


def _line(name, summary):
    cells = [f"{name:26}"]
    for column in COLUMNS:
        if column not in summary or np.isnan(summary[column][0]):
            cells.append(f"{'–':>22}")
            continue
        mean, low, high = summary[column]
        cells.append(f"{mean:.3f} ({low:.3f}–{high:.3f})".rjust(22))
    return "".join(cells) + f"{summary['chance'][0]:10.3f}"


def alignment_figure(path, seed=0, scenes=600, lang="en"):
    """One test caption and one test sound as several methods align them, true links framed; → path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from ...data.files import write_whole
    from .sound import SOUND_METHODS, load_sounds
    from .words import WORD_METHODS, load_words

    figure = Figure(figsize=(13, 9.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 5, height_ratios=(1, 0.75))
    train, _, tested = load_words(seed, scenes, 10, 40, lang)
    pair = min(tested, key=_instructive)
    names = ("IBM-1", "IBM-1 + DTW", "attention (SCAN)", "lexicon, phrases")
    _picture(axes[0, 0], pair)
    for axis, name in zip(axes[0, 1:], names, strict=True):
        _matrix(axis, WORD_METHODS[name](train, seed, lang)(pair), pair, name)
        if lang == "en":
            axis.set_yticks(range(len(pair.tokens)), pair.tokens, fontsize=8)
        axis.set_xticks(range(len(pair.order)), range(1, len(pair.order) + 1))
    train, _, tested = load_sounds(seed, max(scenes // 3, 30), 10, 20)
    heard = max(tested, key=lambda p: len(p.colours) + len(set(p.colours)) / 10)
    axes[1, 0].imshow(heard.mel.T, origin="lower", aspect="auto", cmap="magma")
    axes[1, 0].set(title="the sound (mel bands)", xlabel="frame of 20 ms", yticks=[])
    for axis, name in zip(axes[1, 1:], ("diagonal", "DTW", "IBM-1", "CTC, forced"), strict=True):
        weights = SOUND_METHODS[name](train, seed)(heard) * heard.loud[:, None]
        _matrix(axis, weights.T, heard, name, turned=True)
        axis.set_yticks(range(len(heard.colours)), heard.colours, fontsize=8)
        axis.set_xlabel("frame of 20 ms")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    write_whole(path, buffer.getvalue())
    return path


def _instructive(pair):
    """Few words, four objects, and a colour or shape that two of them share, but no phrase of two."""
    unclear = (pair.possible.any(1) & ~pair.sure.any(1)).sum() - len(pair.attributes)
    shared = len({a[0] for a in pair.attributes}) + len({a[1] for a in pair.attributes})
    return abs(len(pair.attributes) - 4), unclear > 0, shared, len(pair.tokens)


def _picture(axis, pair):
    from ...data.scenes import render

    axis.imshow(render(pair.scene))
    for n, i in enumerate(pair.order):
        o = pair.scene.objects[i]
        axis.text(o.x, o.y, str(n + 1), ha="center", va="center", fontsize=11, weight="bold")
    axis.set(title="objects in reading order", xticks=[], yticks=[])


def _matrix(axis, weights, pair, title, turned=False):
    axis.imshow(weights, cmap="Blues", vmin=0, vmax=max(weights.max(), 1e-9), aspect="auto")
    sure, possible = (x.T if turned else x for x in (pair.sure, pair.possible))
    if turned:
        for n, row in enumerate(possible):
            t = np.flatnonzero(row)
            axis.plot([t[0] - 0.5, t[-1] + 0.5], [n + 0.42, n + 0.42], color="#d95f02", lw=2)
    else:
        for j, i in np.argwhere(possible):
            style = dict(color="#d95f02", lw=1.6, ls="-" if sure[j, i] else ":")
            axis.plot([i - 0.45, i + 0.45, i + 0.45, i - 0.45, i - 0.45],
                      [j - 0.42, j - 0.42, j + 0.42, j + 0.42, j - 0.42], **style)  # fmt: skip
    axis.set_title(title, fontsize=10)


def add_options(parser):
    """The table's options, for whichever command offers it."""
    parser.add_argument(
        "--of", nargs="+", choices=OF, default=list(OF), help="which alignments (default: both)"
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1 (default: 3)")
    parser.add_argument(
        "--scenes", type=int, default=600, metavar="N",
        help="scenes to learn from; a tenth to choose thresholds, a fifth to test; of sounds a third",
    )  # fmt: skip
    parser.add_argument("--lang", choices=["en", "zh"], default="en", help="of the captions")
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    parser.add_argument("--figure", metavar="PNG", help="one caption and one sound, method by method")


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.alignment.table",
        description="Explicit and implicit alignment on one scale.",
    )
    add_options(parser)
    try:
        return run_table(parser.parse_args(arguments))
    except (RunError, OSError) as error:
        print(f"table alignment: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
