"""Fuzz the reader of one format, a row of ``hostile_formats``.

python -m tests.hostile.fuzz FORMAT [--seconds 60] [--corpus DIR]     (from the checkout's root)

With atheris (pip install atheris) its coverage leads the way; without it our own mutations are read, one
after the other. Another exception than ours, more than a second or too much memory ends the search: the
file is kept as crash-…, and the exit code is not 0.
"""

import argparse
import contextlib
import hashlib
import itertools
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

try:
    import atheris
except ImportError:
    atheris = None

with atheris.instrument_imports(include=["mmscratch"]) if atheris else contextlib.nullcontext():
    import hostile_damage as damage
    from hostile_formats import BY_NAME
    from hostile_judge import Case, Reader

FIRST = 1_000_000
"""Our mutations are numbered from here: not those that the report has seen."""


class Found(AssertionError):
    """A reader's fault."""


class Target:
    """The reader of a format, to be called with bytes; count: how many it has read."""

    def __init__(self, form, folder):
        self.reader, self.count = Reader(form, pathlib.Path(folder)), 0

    def __call__(self, data):
        """Raises ``Found`` where the bytes are not refused as they should be, nor read.

        Bytes that were made up may be a good file of another content; so only what no file may do is a fault.
        """
        self.count += 1
        verdict, said = self.reader.judge(Case("", bytes(data), told=False))
        if verdict not in ("refused", "same", "other"):
            raise Found(f"{verdict} {said}".strip())


def by_mutations(target, seconds, first=FIRST):
    """Our own mutations for so many seconds; the bytes that were a fault, and what was said, or None."""
    form, good, until = target.reader.form, target.reader.good, time.monotonic() + seconds
    for number in itertools.count(first):
        if time.monotonic() >= until:
            return None
        for _, data in damage.mutations(good, form.name, number, 1, form.tokens):
            try:
                target(data)
            except Found as fault:
                return data, str(fault)


def main(argv=None):
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile.fuzz", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("format", choices=list(BY_NAME), metavar="FORMAT", help=" · ".join(BY_NAME))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument(
        "--first", type=int, default=FIRST, help="number of the first mutation, without atheris"
    )
    parser.add_argument("--corpus", metavar="DIR", help="for atheris: where inputs are kept from run to run")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        target = Target(BY_NAME[args.format], pathlib.Path(folder) / "files")
        if atheris:
            corpus = pathlib.Path(args.corpus or pathlib.Path(folder) / "corpus")
            corpus.mkdir(parents=True, exist_ok=True)
            (corpus / "good").write_bytes(target.reader.good)
            if target.reader.form.tokens:
                (corpus / "tokens").write_bytes(b" ".join(target.reader.form.tokens))
            atheris.Setup([sys.argv[0], f"-max_total_time={max(1, int(args.seconds))}", str(corpus)], target)
            atheris.Fuzz()  # ends the process itself; keeps a fault as crash-…
        print("atheris is not installed (pip install atheris): reading our own mutations", file=sys.stderr)
        found = by_mutations(target, args.seconds, args.first)
    if found is None:
        print(f"{args.format}: {target.count:,} files read, no fault")
        return 0
    data, said = found
    kept = pathlib.Path(f"crash-{hashlib.sha256(data).hexdigest()[:16]}")
    kept.write_bytes(data)
    print(f"{args.format}: {said}: kept in {kept}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
