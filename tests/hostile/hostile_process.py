"""A format's damaged files in a process of its own, watched from outside."""

import collections
import multiprocessing
import pathlib
import resource
import tempfile

from hostile_formats import BY_NAME
from hostile_judge import Reader, cases

ADDRESS_SPACE = 3 << 30
BEGIN = 600
"""Seconds for a process to begin: it imports, and makes its good file, for which kernels may be compiled."""
PATIENCE = 60
"""Seconds by the clock without a verdict after which a process is ended, however busy the machine."""


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
                while here.poll(PATIENCE if what else BEGIN):
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
