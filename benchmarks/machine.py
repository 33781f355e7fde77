"""The machine: what it is, and the most it can do, measured in this process."""

import concurrent.futures
import functools
import importlib.metadata
import os
import pathlib
import platform
import time

import numpy as np

import mmscratch
from mmscratch import kernels

from .place import gpu, threads

__all__ = ["Peaks", "describe"]

VERSIONS = (
    "numpy", "scipy", "numba", "llvmlite", "torch", "faiss-cpu", "tokenizers", "gensim", "librosa",
    "lightgbm", "pycocoevalcap",
)  # fmt: skip


def describe(device="cpu"):
    """What must stand beside a table: machine, threads, versions."""
    versions = {"mmscratch": mmscratch.__version__, "python": platform.python_version()}
    for name in VERSIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    found = {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads": threads(),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "versions": versions,
    }
    return found | ({"gpu": gpu()} if device == "cuda" else {})


def cpu_model():
    """The CPU's name, with the vector instructions that matter here."""
    info = pathlib.Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor() or platform.machine()
    text = info.read_text(encoding="utf-8", errors="replace")
    fields = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    fields = {k.strip(): v.strip() for k, v in fields.items()}
    name = fields.get("model name", platform.machine())
    family = fields.get("cpu family"), fields.get("model")
    flags = set(fields.get("flags", "").split())
    vectors = next((v for v, flag in (("AVX-512", "avx512f"), ("AVX2", "avx2")) if flag in flags), "")
    parts = [f"family {family[0]} model {family[1]}" if all(family) else "", vectors]
    return ", ".join([name, *filter(None, parts)])


def _memory():
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


class Peaks:
    """FLOP/s and bytes/s that this machine reaches on the simplest loops; each measured once, when asked."""

    def __init__(self, place):
        self.place = place

    @functools.cached_property
    def flops(self):
        """float32 FLOP/s: of the loop that does nothing but fused multiply-add, where our vectors serve.

        Elsewhere, and on a GPU, the best of our own and torch's product of two large matrices.
        """
        if self.place.device == "cpu":
            from .fma import flops_per_second

            peak = flops_per_second(threads())
            if peak is not None:
                return peak
        rng, n = np.random.default_rng(0), 2048 if self.place.device == "cpu" else 8192
        a = rng.standard_normal((n, n), dtype=np.float32)
        x = self.place.ours(a)
        calls = [lambda: mmscratch.ops.matmul(x, x)]
        if self.place.torch is not None:
            t = self.place.theirs(a)
            calls.append(lambda: t @ t)
        return max(2 * n**3 / _best(call, self.place.finish) for call in calls)

    @functools.cached_property
    def copy(self):
        """Bytes read and written a second by copying 256 MB: the best of the ways at hand."""
        source = np.ones(64 << 20, np.float32)
        if self.place.device == "cuda":
            x = self.place.ours(source)
            calls = [lambda: kernels.of(x.data).cast(x.data, np.float32)]
        else:
            target = np.empty_like(source)
            target.fill(0)
            calls = [lambda: _copy_by_threads(source, target)]
        if self.place.torch is not None:
            s = self.place.theirs(source)
            t = s.clone()
            calls.append(lambda: t.copy_(s))
        return max(2 * source.nbytes / _best(call, self.place.finish) for call in calls)

    def of(self, row):
        """The peak that bounds a row, or None."""
        return self.flops if row.flops is not None else self.copy if row.moved is not None else None


def _copy_by_threads(source, target):
    parts = threads()
    with concurrent.futures.ThreadPoolExecutor(parts) as pool:
        list(pool.map(np.copyto, np.array_split(target, parts), np.array_split(source, parts)))


def _best(call, finish, times=6):
    call()
    finish()
    best = float("inf")
    for _ in range(times):
        time.sleep(0.03)
        began = time.perf_counter()
        call()
        finish()
        best = min(best, time.perf_counter() - began)
    return best
