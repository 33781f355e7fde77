"""How the captioner's data-parallel step scales here, and how many bytes it moves: formula and counter.

    python -m benchmarks.scaling --ranks 1 2

starts ``mpiexec`` for every line. Strong: batches of 192 captions in 12 shards, on n ranks. Weak: 96 captions
and 6 shards a rank. ``wall`` is a step's median, ``cpu`` the processor seconds of all ranks (waiting not
counted): on a machine that others use, cpu says what the step costs and wall what the neighbours leave.
α and β are those of ``benchmarks.projection``: the time of a tiny exchange, and what a byte adds to it.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np

__all__ = ["main"]

DATA = "scenes:train=300,val=10,test=10"
ITEMS = 16  # of a shard


def worker(shards, steps):
    """What one rank does; rank 0 prints a line of JSON."""
    from mmscratch import optim
    from mmscratch.distributed import connect
    from mmscratch.train import Parallel, fit, received_a_step

    with connect("mpi") as comm:
        from mmscratch.data.vocabulary import Vocabulary
        from mmscratch.random import Generator
        from mmscratch.tasks.captioning.data import load_split
        from mmscratch.tasks.captioning.model import PictureCaptioner
        from mmscratch.tasks.captioning.settings import CaptionSettings
        from mmscratch.tasks.captioning.task import CaptionLoader

        split = load_split(DATA, "train")
        settings = CaptionSettings(batch_size=ITEMS * shards).for_data(DATA)
        vocabulary = Vocabulary.from_tokens(split.sentences())
        model = PictureCaptioner(len(vocabulary), settings, Generator(0))
        loader = CaptionLoader(model, vocabulary, settings, split, 0, lazy=True)
        loader.batches.drop_last = True
        optimizer = optim.AdamW(model.trained_parameters(), lr=1e-3)
        times = []

        def cut(batch, count):
            times.append((time.perf_counter(), time.process_time(), comm.received["arrays"]))
            return loader.cut(batch, count)

        fit(model, loader.loss, loader.batches, optimizer=optimizer, steps=steps + 3, cut=cut, clip=5.0,
            parallel=Parallel(comm, shards), progress=False)  # fmt: skip
        wall, cpu, received = (np.diff(x)[2:] for x in zip(*times, strict=True))
        numbers = sum(p.size for p in model.trained_parameters()) + sum(
            b.size for b in model.buffers() if b.dtype.kind == "f"
        )
        told = comm.gather((float(np.median(wall)), float(np.median(cpu)), received.tolist()))
        formula = [received_a_step(numbers, shards, comm.size, r) for r in range(comm.size)]
        small, large = _exchange(comm, 2), _exchange(comm, 1 << 20)
        if comm.rank == 0:
            counted = [int(np.median(r)) for _, _, r in told]
            print(json.dumps({
                "wall": max(w for w, _, _ in told), "cpu": sum(c for _, c, _ in told), "numbers": numbers,
                "counted": counted, "formula": formula, "alpha": small,
                "beta": (large - small) / (4 << 20) if comm.size > 1 else None,
            }))  # fmt: skip


def _exchange(comm, numbers, rounds=30):
    """Median seconds to send so many float32 to everybody else and get as many."""
    parts, seconds = [np.zeros(numbers, np.float32)] * comm.size, []
    for _ in range(rounds):
        comm.gather(None)
        began = time.perf_counter()
        comm.exchange(parts, [numbers] * comm.size)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def run(mpiexec, ranks, shards, steps):
    """One line's figures, from a job of its own."""
    worker = [sys.executable, "-m", "benchmarks.scaling", "--worker", str(shards), "--steps", str(steps)]
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(
        [mpiexec, "-n", str(ranks), *worker], capture_output=True, text=True, env=environment
    )
    if done.returncode:
        raise SystemExit(f"scaling: mpiexec -n {ranks} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__.split("\n")[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=20, help="timed steps a line")
    parser.add_argument("--worker", type=int, metavar="SHARDS", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.worker:
        return worker(args.worker, args.steps)
    beside = pathlib.Path(sys.executable).parent
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join([str(beside), os.environ.get("PATH", "")]))
    if mpiexec is None:
        raise SystemExit("scaling: there is no mpiexec: pip install mpi4py mpich")
    print(f"{os.cpu_count()} cores, a thread a rank, load before: {os.getloadavg()[0]:.1f}")
    for kind, shards_of in (("strong", lambda n: 12), ("weak", lambda n: 6 * n)):
        first = None
        for n in args.ranks:
            found = run(mpiexec, n, shards_of(n), args.steps)
            first = first or (n, found)
            work = shards_of(n) / shards_of(first[0])
            wall, cpu = found["wall"], found["cpu"]
            faster, share = work * first[1]["wall"] / wall, work * first[1]["cpu"] / cpu
            print(f"{kind:6} {n} ranks, {shards_of(n):2} shards of {ITEMS}: wall {1e3 * wall:7.1f} ms, cpu "
                  f"{1e3 * cpu:7.1f} ms a step; {faster:4.2f} times the rate of {first[0]}, cpu efficiency "
                  f"{share:5.1%}; a rank received {found['counted']} bytes, formula {found['formula']}",
                  flush=True)  # fmt: skip
            if n > 1:
                print(f"       α {1e6 * found['alpha']:.0f} µs, 1/β {1e-9 / found['beta']:.2f} GB/s, "
                      f"P {found['numbers']:,}", flush=True)  # fmt: skip
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
