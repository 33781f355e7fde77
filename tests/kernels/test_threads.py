"""Threads share the work and never change a bit of the result."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from judge import draw

from mmscratch import kernels

numba = pytest.importorskip("numba")
CONV = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
POOL = ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))
SHAPE = (4, 8, 31, 33)


def attention(floor, x):
    query = x.reshape(4, 8, 33, 31)
    out, probability = floor.attention(query, query, query, None, True, 0.2)
    return out, *floor.attention_backward(out, query, query, query, probability, 0.2)


def convolution(floor, x):
    weight = draw(np.random.default_rng(1), (6, 8, 3, 3), x.dtype)
    y = floor.conv(x, weight, None, *CONV)
    return (
        y,
        floor.conv_input_gradient(y, weight, x.shape, *CONV),
        floor.conv_weight_gradient(y, x, weight.shape, *CONV),
    )


def pooling(floor, x):
    y, index = floor.pool("max", x, *POOL, (16, 17), False)
    z, _ = floor.pool("average", x, *POOL, (16, 17), False)
    return (
        *(y, index, z),
        floor.pool_backward("max", y, index, x.shape, *POOL, False),
        floor.pool_backward("average", z, None, x.shape, *POOL, False),
    )


def normalization(floor, x):
    x = x.reshape(4, 2, 4, -1)
    results = []
    for across_batch in (False, True):
        y, mean, rstd = floor.normalize(x, None, None, 1e-5, across_batch, True)
        results += [y, mean, rstd, *floor.normalize_backward(x, x * x, None, mean, rstd, across_batch, True)]
    return results


def losses(floor, x):
    x = np.tile(x.reshape(124, 264), (4, 1))
    target = np.arange(len(x)) % 264
    loss, weight, lse = floor.cross_entropy(x, target, None, -100, 0.1)
    return loss, lse, floor.cross_entropy_backward(loss, x, target, lse, None, -100, 0.1)


def lookups(floor, x):
    x = x.reshape(124, 264)
    index = np.arange(400) * 7 % 124
    y, along = floor.take(x, index), np.abs(x * 1000).astype(np.int64) % 264
    z = floor.take_along(x, along, 1)
    return y, floor.take_add(y, index, 124), z, floor.take_along_add(z, along, 1, 264)


def moves(floor, x):
    x = np.tile(x, (16, 1, 1, 1))
    y = floor.permute(x, (0, 2, 3, 1))
    return y, floor.place(x, (0, 0, 1, 1), (1, 1, 1, 1), (64, 8, 33, 35), 0), floor.concatenate([y, y], 3)


def sums(floor, x):
    x = np.tile(x, (1, 2, 1, 1))
    return [floor.reduce("sum", x, axes, False) for axes in ((0, 2, 3), (0,), (3,), (0, 1, 2, 3))]


def clipping(floor, x):
    norm, clipped = floor.clip_global_norm([np.tile(x, (4, 1, 1, 1)), x], 1.0)
    return norm, *clipped


def additive(floor, x):
    query, key = x[:, 0], np.ascontiguousarray(x[:, 1, ::2])
    e = floor.additive_scores(query, key, x[0, 0, 0])
    return e, *floor.additive_scores_backward(e, query, key, x[0, 0, 0])


WORKS = [attention, additive, convolution, pooling, normalization, losses, lookups, moves, sums, clipping]


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="this machine gives Numba one thread")
@pytest.mark.parametrize("work", WORKS)
def test_one_thread_and_two_give_the_same_bits(work, dtype):
    floor = kernels.floor("cpu")
    x = draw(np.random.default_rng(0), SHAPE, dtype)
    before = numba.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            numba.set_num_threads(threads)
            results.append(work(floor, x))
    finally:
        numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert one.tobytes() == two.tobytes()


# ── settings of the process ─────────────────────────────────────────────────────────────────────
FAULTS = """
import resource
import numpy as np
import mmscratch
from mmscratch import kernels
{before}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2):
    np.ones(1 << 23)
start = faults()
for _ in range(5):
    np.ones(1 << 23)
print(faults() - start)
"""


def run(code, **environment):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is one of glibc")
def test_freed_memory_is_used_again_once_the_floor_is_in_use_and_not_before():
    """Counted in pages that the system had to bring: 16384 an array of 64 MB, or 32 huge ones, or none."""
    used = run(FAULTS.format(before="kernels.host()"))
    unused = run(FAULTS.format(before=""))
    kept = run(FAULTS.format(before="kernels.host()"), MMSCRATCH_MALLOC="keep")
    assert int(used.stdout) < 30 < 100 < min(int(unused.stdout), int(kept.stdout))


def test_settings_refuse_what_they_do_not_know():
    wrong = run("from mmscratch import kernels; kernels.host()", MMSCRATCH_MALLOC="jemalloc")
    assert "MMSCRATCH_MALLOC: expected 'keep' or nothing, got 'jemalloc'" in wrong.stderr
    wrong = run("from mmscratch import kernels; kernels.host()", MMSCRATCH_BLAS_THREADS="0")
    assert "MMSCRATCH_BLAS_THREADS: expected a number of threads or 'keep', got '0'" in wrong.stderr


WAITING = """
import os
from mmscratch import kernels
before = os.environ.get("GOMP_SPINCOUNT")
floor = kernels.host()
loaded = any("libgomp" in line for line in open("/proc/self/maps"))
print(before, os.environ.get("GOMP_SPINCOUNT"), loaded)
"""


@pytest.mark.skipif(platform.system() != "Linux", reason="reads /proc")
def test_idle_threads_are_told_to_give_up_their_cores_before_openmp_is_loaded():
    clean = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    for given, expected in (
        ({}, "None 10000 False"),
        ({"GOMP_SPINCOUNT": "7"}, "7 7 False"),
        ({"OMP_WAIT_POLICY": "active"}, "None None False"),
    ):
        environment = clean | {"PYTHONPATH": os.pathsep.join(sys.path)} | given
        done = subprocess.run(
            [sys.executable, "-c", WAITING], env=environment, capture_output=True, text=True
        )
        assert done.stdout.strip() == expected, done.stderr
