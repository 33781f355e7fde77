"""Spoken digits, leave-one-speaker-out: the table of all folds and seeds, with its floors.

    python -m mmscratch.tasks.audio.digit_folds recordings.zip --seeds 3

Each fold trains on all speakers but one and is judged once on that one. Rows: always the most frequent digit;
logistic regression on pooled MFCC; the network; both with clips normalised by themselves ("utterance"), and
by all of their speaker's clips ("speaker": no label is used, but more than one clip of a new speaker is
needed).

    python -m mmscratch.tasks.audio.digit_folds recordings.zip --committee
    python -m mmscratch.tasks.audio.digit_folds recordings.zip --choose
    python -m mmscratch.tasks.audio.digit_folds recordings.zip --own theo:colours=true,contrast=true …

The first judges the candidates below together, so that nothing is chosen. The second chooses one of them for
each fold within its training speakers alone: every one of them is left out in turn, and whom the fold holds
out is never heard, in training or in judgement. The third judges folds with settings of their own.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np

from ...data.errors import DataError
from ...data.fsdd import load_fsdd
from ...metrics.classification import majority_baseline
from ...representations.audio import mfcc, preset
from ..run import RunError, settings_from
from .digits import DigitSettings, learn, pictures, scores

__all__ = ["CANDIDATES", "choose", "folds", "linear_baseline", "main"]

CANDIDATES = ("colours=false", "colours=true", "colours=false,depth=9") + tuple(
    f"colours=true,{change}" for change in ("contrast=true", "order=14", "coarse=2", "time=0.2", "noise=-0.5")
)
"""What ``--choose`` chooses from unless told: what training hears, what the network sees, how it pools."""


def folds(digits, settings, seeds, report=lambda *_: None):
    """Accuracy of the network on each speaker, trained on the others: {speaker: [of each seed]}.

    settings     DigitSettings of all folds, or {speaker: those of the fold that holds this one out}; a list
                 of them is a committee, see ``_right``
    """
    found = {}
    settings = settings if isinstance(settings, dict) else dict.fromkeys(digits.names, settings)
    for name, own in settings.items():
        held = digits.speakers == name
        found[name] = []
        for seed in range(seeds):
            found[name].append(_right(digits, ~held, [held], own, seed)[0])
            report(name, seed, found[name][-1])
    return found


def choose(digits, candidates, report=lambda *_: None):
    """For each fold the mean accuracy of each candidate over its training speakers, each left out in turn.

    candidates   settings; returns {speaker: [of each candidate]}
    Note         two trainings that leave the same two speakers out are one, so n speakers ask for
                 n(n − 1)/2 trainings a candidate
    """
    names = digits.names
    found = {name: [] for name in names}
    for settings in candidates:
        inner = {name: [] for name in names}
        for out in itertools.combinations(names, 2):
            heard = ~np.isin(digits.speakers, out)
            figures = _right(digits, heard, [digits.speakers == name for name in out], settings, 0)
            for fold, validated, right in zip(out, out[::-1], figures[::-1], strict=True):
                inner[fold].append(right)
                report(fold, validated, right)
        for name in names:
            found[name].append(float(np.mean(inner[name])))
    return found


def _right(digits, heard, judged, settings, seed):
    """Accuracies on the clips of each mask in ``judged`` of a network that has heard those of ``heard``.

    settings     or a list of them: a committee, a network of each, whose log-probabilities are added. It
                 needs no choice between them (Hansen & Salamon, 1990; the product of experts: Hinton, 2002)
    """
    committee = settings if isinstance(settings, list) else [settings]
    total = [0.0] * len(judged)
    for own in committee:
        x = pictures(digits, own)
        model = learn(x[heard], digits.digits[heard], digits.speakers[heard], own, seed)
        total = [so_far + scores(model, x[mask], own) for so_far, mask in zip(total, judged, strict=True)]
    return [
        float((score.argmax(1) == digits.digits[mask]).mean())
        for score, mask in zip(total, judged, strict=True)
    ]


def linear_baseline(digits, by="utterance", parts=8):
    """Kaldi's 13 MFCC, their means over each eighth of the clip, logistic regression: {speaker: accuracy}.

    Forward    min ½‖W‖² + Σ cross-entropy(softmax(W x + b)), by L-BFGS; x standardised by the training clips
    by         "utterance": c_0 less its mean over the clip, so that loudness says nothing; "speaker": all
               of x standardised by the speaker's clips besides
    """
    features = mfcc(digits.clips, preset("kaldi", digits.sample_rate, energy=None), "float64")
    clips = [features.values[i, : features.lengths[i]] for i in range(len(digits))]
    for c in clips:
        c[:, 0] -= c[:, 0].mean()
    x = np.array([np.concatenate([p.mean(0) for p in np.array_split(c, parts)]) for c in clips])
    if by == "speaker":
        for name in digits.names:
            own = digits.speakers == name
            x[own] = (x[own] - x[own].mean(0)) / x[own].std(0)
    found = {}
    for name in digits.names:
        held = digits.speakers == name
        z = (x - x[~held].mean(0)) / x[~held].std(0)
        w = logistic_regression(z[~held], digits.digits[~held])
        found[name] = float(((z[held] @ w[:-1] + w[-1]).argmax(1) == digits.digits[held]).mean())
    return found


def logistic_regression(x, labels, penalty=1.0):
    """Weights (D + 1, classes), the last row the bias; the bias is not penalised."""
    from scipy.optimize import minimize

    classes = labels.max() + 1
    x1, wanted = np.c_[x, np.ones(len(x))], np.eye(classes)[labels]
    there = np.r_[np.full(x.shape[1], penalty), 0.0][:, None]

    def loss_and_gradient(flat):
        w = flat.reshape(-1, classes)
        logits = x1 @ w
        logits -= logits.max(1, keepdims=True)
        log_sum = np.log(np.exp(logits).sum(1, keepdims=True))
        loss = (wanted * (log_sum - logits)).sum() + 0.5 * (there * w * w).sum()
        return loss, (x1.T @ (np.exp(logits - log_sum) - wanted) + there * w).ravel()

    start = np.zeros(x1.shape[1] * classes)
    return minimize(
        loss_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000}
    ).x.reshape(-1, classes)


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad file or option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.audio.digit_folds",
        description="Spoken digits, leave-one-speaker-out.",
    )
    parser.add_argument("recordings", metavar="PATH", type=Path, help="recordings.zip, or a folder of WAV")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1")
    parser.add_argument("--normalise", nargs="+", choices=["utterance", "speaker"],
                        default=["utterance", "speaker"])  # fmt: skip
    parser.add_argument(
        "--folds", nargs="+", metavar="SPEAKER", help="hold these out (default: each in turn)"
    )
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="as mmscratch train digits")
    parser.add_argument("--own", nargs="+", default=[], metavar="SPEAKER:KEY=VALUE[,…]",
                        help="settings of the fold that holds this speaker out")  # fmt: skip
    parser.add_argument(
        "--committee",
        nargs="*",
        metavar="KEY=VALUE[,…]",
        help="networks of all these together (default: those that --choose chooses from)",
    )
    parser.add_argument("--choose", nargs="*", metavar="KEY=VALUE[,…]", help="choose among these instead")
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except (DataError, RunError, OSError) as error:
        print(f"digit_folds: {error}", file=sys.stderr)
        return 2


def _run(args):
    if args.seeds < 1:
        raise RunError("--seeds", f"expected at least 1, got {args.seeds}")
    digits = load_fsdd(args.recordings)
    if len(digits.names) < 3:
        raise DataError(args.recordings, f"has the speakers {', '.join(digits.names)}, expected 3 or more")
    names = args.folds or digits.names
    if unknown := [name for name in names if name not in digits.names]:
        raise RunError("--folds", f"expected some of {', '.join(digits.names)}, got {unknown[0]}")
    each = _each if args.committee is None else _committees
    settings = {by: each(names, args, by) for by in args.normalise}
    print(f"{'':34}", *(f"{name:>9}" for name in names), "     mean", flush=True)
    if args.choose is not None:
        _choose(digits, names, args)
        return 0
    y, speakers = digits.digits, digits.speakers
    _row("majority", {n: majority_baseline(y[speakers != n], y[speakers == n]) for n in names})
    for by in settings:
        found = linear_baseline(digits, by)
        _row(f"MFCC, logistic, per {by}", {name: found[name] for name in names})
    what = "network" if args.committee is None else "committee"
    for by, each in settings.items():
        found = folds(digits, each, args.seeds)
        _row(f"{what}, per {by}", {name: float(np.mean(found[name])) for name in found})
        by_seed = np.mean([found[name] for name in found], axis=0)
        print(f"{'  means of the seeds':34}", *(f"{100 * v:8.1f}%" for v in by_seed), flush=True)
    return 0


def _each(names, args, by):
    """{speaker: settings of the fold that holds this one out}."""
    own = {name: [] for name in names}
    for item in args.own:
        name, _, values = item.partition(":")
        if name not in own or not values:
            raise RunError("--own", f"expected SPEAKER:KEY=VALUE of {', '.join(own)}, got {item!r}")
        own[name] = values.split(",")
    plain = [*args.set, f"normalise={by}"]
    return {name: settings_from(DigitSettings, [*plain, *own[name]]) for name in own}


def _candidates(items, args, by):
    return [settings_from(DigitSettings, [*args.set, *i.split(","), f"normalise={by}"]) for i in items]


def _committees(names, args, by):
    """{speaker: the committee of the fold that holds this one out}: the same for all."""
    return dict.fromkeys(names, _candidates(args.committee or CANDIDATES, args, by))


def _choose(digits, names, args):
    items = args.choose or CANDIDATES
    for by in args.normalise:
        sets = _candidates(items, args, by)
        found = {name: [] for name in names}
        for item, candidate in zip(items, sets, strict=True):
            figures = choose(digits, [candidate])
            for name in names:
                found[name] += figures[name]
            _row(f"{by}, {item}"[:34], {name: found[name][-1] for name in names})
        for name in found:
            print(f"  chosen for {name}: {items[int(np.argmax(found[name]))]}", flush=True)


def _row(title, of):
    values = [*of.values(), float(np.mean([*of.values()]))]
    print(f"{title:34}", *(f"{100 * v:8.1f}%" for v in values), flush=True)


if __name__ == "__main__":
    sys.exit(main())
