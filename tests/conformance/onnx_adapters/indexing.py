"""Gathering and scattering, one-hot, selection."""

import math

import numpy as np

from mmscratch import ops

from .registry import adapter


@adapter("Gather")
def gather(c):
    x, axis = c.x[0], c.get("axis", 0)
    return ops.take(x, c.x[1] % x.shape[axis] if c.x[1].size else c.x[1], axis=axis)


@adapter("GatherElements")
def gather_elements(c):
    x, axis = c.x[0], c.get("axis", 0) % c.x[0].ndim
    index = c.x[1] % x.shape[axis]
    # Other axes may be shorter in the index than in x.
    cut = tuple(slice(None) if a == axis else slice(n) for a, n in enumerate(index.shape))
    return ops.take_along(ops.index(x, key=cut), index, axis=axis)


def _flat_positions(index, shape):
    """index (…, K) into the first K axes of shape → flat positions (…)."""
    k = index.shape[-1]
    position = np.zeros(index.shape[:-1], np.int64)
    for i in range(k):
        position = position * shape[i] + index[..., i] % shape[i]
    return position


@adapter("GatherND")
def gather_nd(c):
    x, index, b = c.x[0], c.x[1], c.get("batch_dims", 0)
    batch, k = math.prod(x.shape[:b]), index.shape[-1]
    lead, inner, rest = x.shape[:b], x.shape[b : b + k], x.shape[b + k :]
    position = _flat_positions(index, inner).reshape(batch, -1)
    position = position + np.arange(batch)[:, None] * math.prod(inner)
    rows = ops.reshape(x, shape=(batch * math.prod(inner), *rest))
    return ops.reshape(ops.take(rows, position), shape=(*lead, *index.shape[b:-1], *rest))


def _scatter_rows(rows, position, updates, reduction):
    """rows (N, R) with updates (U, R) put at position (U,): in place of what was there, or combined."""
    if reduction == "add":
        return ops.index_add(rows, position, updates)
    touched = ops.greater(ops.index_add(np.zeros(len(rows)), position, np.ones(len(position))), 0.0)
    if reduction == "none":
        # Of several updates of one place the last counts, as if they were carried out in order.
        last = {int(p): i for i, p in enumerate(position)}
        keep = np.array(sorted(last.values()), np.int64)
        placed = ops.index_add(np.zeros_like(rows), position[keep], ops.take(updates, keep))
        return ops.where(touched[:, None], placed, rows)
    # Each place against each update: those that do not meet hold what changes nothing.
    limits = (
        (-np.inf, np.inf) if rows.dtype.kind == "f" else (np.iinfo(rows.dtype).min, np.iinfo(rows.dtype).max)
    )
    neutral = {"mul": 1, "max": limits[0], "min": limits[1]}[reduction]
    meet = ops.equal(np.arange(len(rows))[:, None], position[None, :])[:, :, None]
    table = ops.where(meet, updates[None], np.full((), neutral, rows.dtype))
    combine = {"mul": ops.mul, "max": ops.maximum, "min": ops.minimum}[reduction]
    over = {"mul": ops.prod, "max": ops.max, "min": ops.min}[reduction]
    return combine(rows, over(table, axis=1))


@adapter("ScatterElements", "Scatter")
def scatter_elements(c):
    x, index, updates = c.x
    axis = c.get("axis", 0) % x.ndim
    at = list(np.indices(index.shape))
    at[axis] = index % x.shape[axis]
    position = np.ravel_multi_index(at, x.shape).reshape(-1).astype(np.int64)
    rows = ops.reshape(x, shape=(-1, 1))
    y = _scatter_rows(rows, position, ops.reshape(updates, shape=(-1, 1)), c.get("reduction", "none"))
    return ops.reshape(y, shape=x.shape)


@adapter("ScatterND")
def scatter_nd(c):
    x, index, updates = c.x
    k = index.shape[-1]
    n, row = math.prod(x.shape[:k]), math.prod(x.shape[k:])
    position = _flat_positions(index, x.shape[:k]).reshape(-1)
    y = _scatter_rows(
        ops.reshape(x, shape=(n, row)), position, ops.reshape(updates, shape=(position.size, row)),
        c.get("reduction", "none"),
    )  # fmt: skip
    return ops.reshape(y, shape=x.shape)


@adapter("OneHot", out="T2")
def one_hot(c):
    depth, (off, on) = c.ints(1)[0], c.x[2]
    index = c.x[0]
    whole = np.asarray(index).astype(np.int64)
    inside = (whole >= -depth) & (whole < depth)  # a number out of range gives a row without the on value
    hot = ops.one_hot(np.ascontiguousarray(np.where(inside, whole, 0) % depth), num_classes=depth)
    hot = ops.logical_and(ops.equal(hot, 1), np.ascontiguousarray(inside[..., None]))
    y = ops.where(hot, np.full((), on, c.x[2].dtype), np.full((), off, c.x[2].dtype))
    axis = c.get("axis", -1)
    axis = axis + y.ndim if axis < 0 else axis
    order = [*range(y.ndim - 1)]
    order.insert(axis, y.ndim - 1)
    return ops.permute(y, axes=tuple(order))


@adapter("Compress")
def compress(c):
    x, chosen, axis = c.x[0], np.flatnonzero(c.x[1]).astype(np.int64), c.get("axis")
    if axis is None:
        x, axis = ops.reshape(x, shape=(-1,)), 0
    return ops.take(x, chosen, axis=axis)


@adapter("TfIdfVectorizer", out="float32")
def tf_idf(c):
    """Counts of n-grams, with gaps of up to ``max_skip_count``: a comparison at every position, summed."""
    x, word = c.x[0], c.get("pool_int64s") or c.get("pool_strings")
    starts = [*c.get("ngram_counts"), len(word)]
    words = np.asarray(word)
    if x.dtype.kind in "UO":
        _, number = np.unique(
            np.concatenate([x.reshape(-1).astype(str), words.astype(str)]), return_inverse=True
        )
        x, words = number[: x.size].reshape(x.shape).astype(np.int64), number[x.size :].astype(np.int64)
    rows = ops.reshape(x, shape=(-1, x.shape[-1]))
    columns, at = c.get("ngram_indexes"), 0
    counts = [ops.mul(ops.sum(rows, axis=1), 0)] * (max(columns) + 1)
    for n in range(1, len(starts)):
        for start in range(starts[n - 1], starts[n], n):
            if c.get("min_gram_length") <= n <= c.get("max_gram_length"):
                counts[columns[at]] = _occurrences(rows, words[start : start + n], c.get("max_skip_count"))
            at += 1
    y = ops.cast(ops.stack(counts, axis=1), dtype="float32")
    weights = np.asarray(c.get("weights", np.ones(len(columns))), np.float32)
    by_column = np.ones(len(counts), np.float32)
    by_column[columns] = weights
    if c.get("mode") != "TF":
        seen = ops.cast(ops.greater(y, 0.0), dtype="float32")
        y = ops.mul(seen if c.get("mode") == "IDF" else y, by_column)
    return ops.reshape(y, shape=(*x.shape[:-1], len(counts)))


def _occurrences(rows, gram, skips):
    """How often the n-gram stands in each row (N, L), its words 1 … skips + 1 apart."""
    n, total = len(gram), ops.mul(ops.sum(rows, axis=1), 0)
    for distance in range(1, (skips if n > 1 else 0) + 2):
        size = rows.shape[1] - (n - 1) * distance
        if size <= 0:
            continue
        here = ops.equal(ops.index(rows, key=(slice(None), slice(0, size))), int(gram[0]))
        for i in range(1, n):
            at = i * distance
            there = ops.equal(ops.index(rows, key=(slice(None), slice(at, at + size))), int(gram[i]))
            here = ops.logical_and(here, there)
        total = ops.add(total, ops.sum(here, axis=1))
    return total
