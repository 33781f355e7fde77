"""Threads share the work and never change a bit of the result."""

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


def clipping(floor, x):
    norm, clipped = floor.clip_global_norm([np.tile(x, (4, 1, 1, 1)), x], 1.0)
    return norm, *clipped


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="this machine gives Numba one thread")
@pytest.mark.parametrize("work", [attention, convolution, pooling, normalization, clipping])
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
