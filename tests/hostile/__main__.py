"""Damage files of every format the library reads, and count what becomes of them.

python -m tests.hostile --mutations 10000 --report FILE     (from the checkout's root)

Each format is read in a process of its own with a limit on its memory: a reader that dies, or does not come
back, is a finding and not the end of the report. ``--mutations`` are dealt out to the formats; truncations and
turned bits come on top. The exit code is 1 where a wrong load, a crash, a hang or too much memory was seen.
"""

import argparse
import collections
import multiprocessing
import pathlib
import resource
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from hostile_attacks import ATTACKS, attack  # noqa: E402
from hostile_damage import EVERY  # noqa: E402
from hostile_formats import BY_NAME, FORMATS  # noqa: E402
from hostile_judge import VERDICTS, Reader, cases  # noqa: E402

ADDRESS_SPACE = 3 << 30
PATIENCE = 60
"""Seconds by the clock without a verdict after which a process is ended, however busy the machine."""
LETTERS = {"none": "none", "header": "header", "all": "every byte"}


def work(name, folder, mutations, cuts, skip, pipe):
    """In a process of its own: (number, told, verdict, said) of every case from ``skip`` on, then None."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    form = BY_NAME[name]
    reader = Reader(form, pathlib.Path(folder))
    for number, case in enumerate(cases(form, reader.good, mutations, cuts, None)):
        if number >= skip:
            pipe.send((number, case.told, "begun", case.what))
            pipe.send((number, case.told, *reader.judge(case)))
    pipe.send(None)


def examine(form, mutations, cuts):
    """→ (Counter of verdicts, told, failures) of one format, its process begun again where it died."""
    counts, told, failures, skip, what = collections.Counter(), 0, [], 0, ""
    context = multiprocessing.get_context("spawn")
    while True:
        here, there = context.Pipe(duplex=False)
        with tempfile.TemporaryDirectory() as folder:
            process = context.Process(target=work, args=(form.name, folder, mutations, cuts, skip, there))
            process.start()
            there.close()
            verdict = None
            try:
                while here.poll(PATIENCE):
                    message = here.recv()
                    if message is None:
                        process.join()
                        return counts, told, failures
                    number, known, result, said = message
                    if result == "begun":
                        skip, what = number + 1, said
                        continue
                    counts[result] += 1
                    told += known
                    if result not in ("refused", "same", "other"):
                        failures.append(f"{form.name}, {what}: {result} {said}".rstrip())
                verdict = "slow"
            except EOFError:
                verdict = "crash"
            process.kill()
            process.join()
        if not what:
            raise SystemExit(f"{form.name}: the process ended before its first case")
        counts[verdict] += 1
        told += known
        failures.append(f"{form.name}, {what}: {verdict}, exit {process.exitcode}")


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__.partition("\n")[0])
    parser.add_argument("--mutations", type=int, default=10_000, help="in all formats together")
    parser.add_argument(
        "--cuts", type=int, default=EVERY, help="truncations a format, every one where they suffice"
    )
    parser.add_argument("--formats", nargs="*", default=list(BY_NAME), choices=list(BY_NAME), metavar="NAME")
    parser.add_argument("--report", help="a file to write the table to as well")
    args = parser.parse_args(argv)
    chosen = [form for form in FORMATS if form.name in args.formats]
    began, total, all_told, failures, lines = time.monotonic(), collections.Counter(), 0, [], []

    def say(line):
        print(line, flush=True)
        lines.append(line)

    say(f"| {'format':26} | {'sealed':10} | {' | '.join(f'{v:>7}' for v in VERDICTS)} |")
    say(f"|{'-' * 28}|{'-' * 12}|{'|'.join(['-' * 9] * len(VERDICTS))}|")
    for place, form in enumerate(chosen):
        share = args.mutations // len(chosen) + (place < args.mutations % len(chosen))
        counts, told, bad = examine(form, share, args.cuts)
        say(
            f"| {form.name:26} | {LETTERS[form.sealed]:10} | {' | '.join(f'{counts[v]:7}' for v in VERDICTS)} |"
        )
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
        f"{total['crash']} crashes, {total['slow']} longer than a second, {total['memory']} beyond the memory "
        f"bound, of {sum(total.values()):,} damaged files of {len(chosen)} kinds"
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
