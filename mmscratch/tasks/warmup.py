"""Compile the kernels now rather than at first use; the machine code stays on disk for later processes.

Each row calls kernels of the cpu floor twice, small and large, since the two sizes have compiled loops of
their own. float32, in which models train, unless told otherwise.
"""

import time

import numpy as np

from .. import kernels
from ..data.progress import progress_bar
from ..kernels.interface import FORMULAS

__all__ = ["run"]

MANY = 1 << 17  # entries: above every threshold from which a kernel uses its parallel loops


def run(dtype="float32", progress=True):
    """Compile all kernels for one dtype; returns the exit code 0."""

    if not kernels.has_numba():
        print("Numba is not installed: there is nothing to compile, the reference floor serves")
        return 0
    from ..kernels.jit import cache_folder

    k = kernels.floor("cpu")
    rows = [*_formulas(k, dtype), *_layers(k, dtype)]
    began = time.perf_counter()
    bar = progress_bar(rows, unit="kernel", show=progress)
    for name, call in bar:
        bar.set_postfix_str(name)
        call()
    seconds = time.perf_counter() - began
    print(f"{len(rows)} calls compiled, or found compiled in {cache_folder()}: {seconds:.0f} s")
    return 0


def _random(dtype, *shape):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def _formulas(k, dtype):
    """The scalar formulas with loops of their own: arrays first, then numbers, as ``FORMULAS`` says."""
    x = _random(dtype, MANY)
    numbers = {"clip": 2, "elu": 1, "leaky_relu": 1, "selu": 2, "hard_sigmoid": 2}
    for arity, names in FORMULAS.items():
        for name in names:
            count = numbers.get(name.removesuffix("_backward"), 0)
            operands = [x] * (arity - count) + [0.25, 0.5][:count]
            yield name, lambda name=name, operands=operands: k.map(name, *operands)


def _layers(k, dtype):
    """One row a kernel that has compiled loops, with its backward."""
    yield "layout", lambda: _moves(k, dtype)
    for scale in (1, 16):
        n, d = 32 * scale, 128  # the larger is above every threshold but that of moves
        x, dy = _random(dtype, n, d), _random(dtype, n, d)
        mask = x > 0
        index = np.arange(n) % d
        yield "softmax", lambda x=x, m=mask: (k.softmax(x, None), k.softmax(x, m))
        yield "softmax_backward", lambda x=x, dy=dy: k.softmax_backward(dy, k.softmax(x, None))
        yield "log_softmax", lambda x=x, m=mask: (k.log_softmax(x, None), k.log_softmax(x, m))
        yield "log_softmax_backward", lambda x=x, dy=dy: k.log_softmax_backward(dy, x)
        yield "cross_entropy", lambda x=x, i=index: _cross_entropy(k, x, i)
        yield "take", lambda x=x, i=index: k.take_add(k.take(x, i % len(x)), i % len(x), len(x))
        yield "take_along", lambda x=x, i=index: _take_along(k, x, i)
        yield "normalize", lambda x=x, n=n, d=d: _normalize(k, x, n, d)
        yield "l2_normalize", lambda x=x, dy=dy: k.l2_normalize_backward(dy, *k.l2_normalize(x, 1e-12), 1e-12)
        yield "cosine_topk", lambda x=x: k.cosine_topk(x[:4].copy(), x, 3, False)
        yield "dropout", lambda x=x: k.dropout(x, 0.5, 1, 0)
        yield "additive_scores", lambda x=x, dy=dy: _additive(k, x, dy)
        yield "attention", lambda s=scale: _attention(k, dtype, 8 * s)
        yield "convolution", lambda s=scale: _convolution(k, dtype, 4 * s)
        yield "pooling", lambda s=scale: _pooling(k, dtype, 4 * s)
        yield "recurrence", lambda s=scale: _recurrence(k, dtype, 8 * s)
        yield "attentive", lambda s=scale: _attentive(k, dtype, 8 * s)
        yield "optimizers", lambda x=x, dy=dy: _optimizers(k, x.ravel().copy(), dy.ravel())


def _cross_entropy(k, x, target):
    loss, _, lse = k.cross_entropy(x, target, None, -100, 0.0)
    k.cross_entropy_backward(loss, x, target, lse, None, -100, 0.0)


def _take_along(k, x, index):
    index = np.repeat(index[:, None], x.shape[1], axis=1)
    k.take_along_add(k.take_along(x, index, 1), index, 1, x.shape[1])


def _moves(k, dtype):
    x = _random(dtype, 64, 64, 8, 8)
    k.permute(x, (0, 2, 3, 1)), k.permute(x[..., :2].copy(), (0, 3, 1, 2))
    k.place(x, (0, 0, 1, 1), (1, 1, 1, 1), (64, 64, 10, 10), 0)


def _normalize(k, x, n, d):
    for shape, across in (((n, 1, d, 1), False), ((n, d // 8, 1, 8), True), ((n, d, 1, 1), True)):
        y, mean, rstd = k.normalize(x.reshape(shape), None, None, 1e-5, across, True)
        k.normalize_backward(y, x.reshape(shape), None, mean, rstd, across, True)


def _additive(k, x, dy):
    q, m = x[None, :4].copy(), dy[None]
    k.additive_scores_backward(k.additive_scores(q, m, x[0]), q, m, x[0])


def _attention(k, dtype, length):
    q = _random(dtype, 4, 4, length, 32)
    for mask in (None, np.ones((1, 1, 1, length), bool), np.zeros((1, 1, 1, length), dtype)):
        out, p = k.attention(q, q, q, mask, True, 0.2)
        k.attention_backward(out, q, q, q, p, 0.2)


def _convolution(k, dtype, batch):
    x, w = _random(dtype, batch, 8, 16, 16), _random(dtype, 8, 8, 3, 3)
    where = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    y = k.conv(x, w, None, *where)
    k.conv_input_gradient(y, w, x.shape, *where)
    k.conv_weight_gradient(y, x, w.shape, *where)


def _pooling(k, dtype, batch):
    x = _random(dtype, batch, 8, 16, 16)
    where = ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1))
    for kind in ("max", "average"):
        y, index = k.pool(kind, x, *where, (8, 8), False)
        k.pool_backward(kind, y, index, x.shape, *where, False)


def _recurrence(k, dtype, batch):
    x, h, b = _random(dtype, 3, batch, 32), np.zeros((batch, 64), dtype), np.zeros(256, dtype)
    w_ih, w_hh = _random(dtype, 256, 32), _random(dtype, 256, 64)
    hs, h_last, c_last, gates, cells = k.lstm(x, w_ih, w_hh, b, h, h, None, False)
    k.lstm_backward(hs, h_last, c_last, x, w_ih, w_hh, h, h, hs, gates, cells, None, False)
    w_ih, w_hh, b = w_ih[:192].copy(), w_hh[:192].copy(), b[:192].copy()
    hs, h_last, gates = k.gru(x, w_ih, w_hh, b, b, h, None, False)
    k.gru_backward(hs, h_last, x, w_ih, w_hh, h, hs, gates, None, False)


def _attentive(k, dtype, batch):
    x, regions, projected = (
        _random(dtype, *shape) for shape in ((2, batch, 8), (batch, 4, 8), (batch, 4, 8))
    )
    h, b, v = np.zeros((batch, 16), dtype), np.zeros(64, dtype), np.zeros(8, dtype)
    w_ih, w_hh, w_ask = (_random(dtype, *shape) for shape in ((64, 16), (64, 16), (9, 16)))
    hs, zs, alphas, *rest = k.attentive_lstm(
        x, regions, projected, h, h, w_ih, w_hh, b, w_ask, b[:9].copy(), v, True
    )
    k.attentive_lstm_backward(
        hs, zs, alphas, regions, projected, h, w_ih, w_hh, w_ask, v, hs, alphas, *rest, True
    )


def _optimizers(k, x, g):
    state = np.zeros_like(x)
    k.sgd_step(x, g, state, 1e-3, 0.9, 0.0, 0.0, False, False)
    k.sgd_step(x, g, None, 1e-3, 0.0, 0.0, 0.0, False, False)
    k.adam_step(x, g, state, np.abs(state), 1e-3, 0.9, 0.999, 1e-8, 0.0, True, 1)
    k.adagrad_step(x, g, np.abs(state), 1e-3, 1e-8, 0.0)
    k.clip_global_norm([g], 1.0)
