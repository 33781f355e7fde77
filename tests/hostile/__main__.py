"""Damage files of every format the library reads, and count what becomes of them.

python -m tests.hostile --mutations 10000 --report FILE     (from the checkout's root)

Each format is read in a process of its own with a limit on its memory: a reader that dies, or does not come
back, is a finding and not the end of the report. ``--mutations`` are dealt out to the formats; truncations
and turned bits come on top. The exit code is 1 where a wrong load, a crash, a hang or too much memory was
seen.
"""

import argparse
import collections
import pathlib
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from hostile_attacks import ATTACKS, attack  # noqa: E402
from hostile_damage import EVERY  # noqa: E402
from hostile_formats import BY_NAME, FORMATS  # noqa: E402
from hostile_judge import VERDICTS  # noqa: E402
from hostile_process import examine  # noqa: E402

LETTERS = {"none": "none", "header": "header", "all": "every byte"}


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__.partition("\n")[0])
    parser.add_argument("--mutations", type=int, default=10_000, help="in all formats together")
    parser.add_argument(
        "--cuts", type=int, default=EVERY, help="truncations a format, every one where they suffice"
    )
    parser.add_argument("--formats", nargs="*", default=list(BY_NAME), choices=list(BY_NAME), metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1, help="formats at a time")
    parser.add_argument("--report", help="a file to write the table to as well")
    args = parser.parse_args(argv)
    chosen = [form for form in FORMATS if form.name in args.formats]
    began, total, all_told, failures, lines = time.monotonic(), collections.Counter(), 0, [], []

    def say(line):
        print(line, flush=True)
        lines.append(line)

    say(f"| {'format':26} | {'sealed':10} | {' | '.join(f'{v:>7}' for v in VERDICTS)} |")
    say(f"|{'-' * 28}|{'-' * 12}|{'|'.join(['-' * 9] * len(VERDICTS))}|")
    shares = [args.mutations // len(chosen) + (k < args.mutations % len(chosen)) for k in range(len(chosen))]
    # Threads only wait: the work is done in processes.
    found = ThreadPoolExecutor(args.jobs).map(examine, chosen, shares, [args.cuts] * len(chosen))
    for form, (counts, told, bad) in zip(chosen, found, strict=True):
        numbers = " | ".join(f"{counts[v]:7}" for v in VERDICTS)
        say(f"| {form.name:26} | {LETTERS[form.sealed]:10} | {numbers} |")
        total += counts
        all_told += told
        failures += bad
    refused = 0
    for name in ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            fault = attack(name, pathlib.Path(folder))
        refused += fault is None
        failures += [] if fault is None else [f"attack, {name}: {fault}"]
    say(f"| {'all':26} | {'':10} | {' | '.join(f'{total[v]:7}' for v in VERDICTS)} |")
    say("")
    say(f"{total['wrong']} wrong loads of {all_told:,} damaged files whose format lets a reader tell")
    say(
        f"{total['crash']} crashes, {total['slow']} longer than a second, {total['memory']} beyond the "
        f"memory bound, of {sum(total.values()):,} damaged files of {len(chosen)} kinds"
    )
    say(f"{refused} of {len(ATTACKS)} files made to harm (bombs, payloads, paths, lying sizes) refused")
    lines += ["", *failures]
    print("\n".join(failures))
    print(f"{time.monotonic() - began:.0f} s")
    if args.report:
        pathlib.Path(args.report).write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
