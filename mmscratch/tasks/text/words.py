"""Learn word vectors from a file of sentences, and ask how well they agree with people.

    python -m mmscratch.tasks.text.words CORPUS --pairs EN-MEN.txt EN-WS-353.txt --models sgns glove --seeds 3

CORPUS     text, a sentence a line; or JSON, an object a line with a list ``captions``; either may be gzipped
pairs      two words and a human score a line
Each line of the result: the model, then for each file Spearman's ρ (mean over the seeds, and its range) and
of how many pairs both words are known. The other pairs are left out, so ρ says nothing without coverage.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from ...data.errors import DataError
from ...data.files import decode_text, field, read_gzipped
from ...data.progress import progress_bar
from ...data.text import tokenize
from ...representations.text import Corpus, GloVe, Word2Vec, agreement, read_pairs

__all__ = ["MODELS", "learn", "main", "read_sentences"]

MAX_BYTES = 1 << 30

MODELS = {
    "sgns": lambda size, epochs, seed: Word2Vec(size, epochs=epochs, seed=seed),
    "tree": lambda size, epochs, seed: Word2Vec(size, softmax="hierarchical", epochs=epochs, seed=seed),
    "cbow": lambda size, epochs, seed: Word2Vec(size, model="cbow", epochs=epochs, seed=seed),
    "glove": lambda size, epochs, seed: GloVe(size, x_max=10, epochs=epochs, seed=seed),
}
"""Name → settings. GloVe's x_max is for a corpus of 10⁵ to 10⁷ words; the paper's 100 was for 10⁹."""


def read_sentences(path) -> list[list[str]]:
    """The words of every sentence, in lower case and without marks.

    Errors     DataError for a file that holds none, or JSON without captions
    """
    data = read_gzipped(path, MAX_BYTES)
    lines = [line for line in decode_text(data, path).split("\n") if line.strip()]
    if lines and lines[0].lstrip().startswith("{"):
        lines = [text for number, line in enumerate(lines, 1) for text in _captions(line, path, number)]
    sentences = [words for line in lines if (words := tokenize(line, punctuation=False))]
    if not sentences:
        raise DataError(path, "holds no sentence")
    return sentences


def _captions(line, path, number):
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(path, f"line {number}: not JSON ({error})") from None
    captions = field(record, "captions", list, path, f"line {number}")
    if not all(isinstance(text, str) for text in captions):
        raise DataError(path, f"line {number}: 'captions' holds something else than text")
    return captions


def learn(name, corpus, size, epochs, seed, progress=True):
    """One of MODELS fitted to a corpus, with a progress bar."""
    with progress_bar(label=f"{name}, seed {seed}", show=progress) as bar:

        def move(done, total):
            bar.total = total
            bar.update(done - bar.n)

        return MODELS[name](size, epochs, seed).fit(corpus, progress=move)


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad file or option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.text.words",
        description="Learn word vectors and ask how they agree with people.",
    )
    parser.add_argument("corpus", metavar="CORPUS", type=Path)
    parser.add_argument("--pairs", nargs="+", metavar="FILE", type=Path, default=[])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 … N − 1")
    parser.add_argument("--out", type=Path, metavar="FILE", help="vectors of the last model, as npz")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except (DataError, ValueError, OSError) as error:
        print(f"words: {error}", file=sys.stderr)
        return 2


def _run(args):
    if args.seeds < 1:
        raise ValueError(f"--seeds: expected at least 1, got {args.seeds}")
    pairs = {path.stem: read_pairs(path) for path in args.pairs}
    corpus = Corpus.from_sentences(read_sentences(args.corpus), min_count=args.min_count)
    print(f"{len(corpus.starts) - 1:,} sentences, {len(corpus):,} words of {len(corpus.vocabulary) - 4:,}")
    for name in args.models:
        found = {stem: [] for stem in pairs}
        for seed in range(args.seeds):
            model = learn(name, corpus, args.size, args.epochs, seed, progress=not args.quiet)
            for stem, listed in pairs.items():
                found[stem].append(agreement(model.vectors, listed))
        print(
            f"{name:6}", *(f"{stem}: {_summary(each)}" for stem, each in found.items()), sep="  ", flush=True
        )
    if args.out is not None:
        model.vectors.save(args.out)
    return 0


def _summary(found):
    rho = np.array([each.rho for each in found])
    span = f" ({rho.min():.3f} … {rho.max():.3f})" if len(rho) > 1 else ""
    return f"ρ = {rho.mean():.3f}{span} on {found[0].known} of {found[0].pairs} pairs"


if __name__ == "__main__":
    sys.exit(main())
