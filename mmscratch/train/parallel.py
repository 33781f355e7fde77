"""Data-parallel steps whose result does not depend on the number of ranks.

A batch is cut into a fixed number of shards. Each shard's gradient is a function of the shard, the weights
and the step alone, whichever rank computes it:

    random numbers    every generator is put to a stream of its own, drawn from (seed, place, shard)
    buffers           each shard begins with those of the step's beginning (batch norm: statistics are a
                      shard's own); afterwards a buffer is the shards' mean, weighted by their share; a buffer
                      of integers is that of the first shard that is not empty
    sums              follow one binary tree over the shards (``distributed.tree``)

    L = Σ_s share_s L_s,   g = Σ_s share_s ∂L_s/∂w          share_s = B_s / B, of B items of the batch

The sums travel as in an all-reduce cut in two: each rank adds up one piece of the vector (reduce-scatter) and
hands it to all (all-gather). With c_q the nodes of the tree that rank q adds up by itself, rank r receives

    4 (|piece_r| Σ_{q≠r} c_q + P − |piece_r|)  bytes a step, P parameters and buffers in float32

which is the ring's 8 P (n − 1)/n where every c_q is 1 (12 shards: n = 1, 3, 6, 12).
"""

import dataclasses
import hashlib
from typing import Any

import numpy as np

from .. import distributed
from ..distributed import SERIAL, Communicator, bounds, owned, partials, root, tree_sum
from ..nn.module import like
from ..tensor import Tensor

__all__ = ["Parallel", "Shard", "Shards", "cut_rows", "received_a_step"]


@dataclasses.dataclass(frozen=True)
class Parallel:
    """Who takes part, and into how many shards a batch is cut.

    The number of shards belongs to the training, as the seed does: other shards, other last bits. 12 can be
    had evenly by 1, 2, 3, 4, 6 and 12 ranks.
    Errors     DistributedError where there are more ranks than shards
    """

    comm: Communicator = SERIAL
    shards: int = 12

    def __post_init__(self):
        if isinstance(self.shards, bool) or not isinstance(self.shards, int) or self.shards < 1:
            raise distributed.DistributedError(
                f"--shards: expected a whole number of at least 1, got {self.shards!r}"
            )
        if self.shards < self.comm.size:
            raise distributed.DistributedError(
                f"--shards: {self.comm.size} ranks need at least as many shards, got {self.shards}"
            )


@dataclasses.dataclass(frozen=True)
class Shard:
    """A part of a batch: its number, its share of the items, what ``loss_of_batch`` takes (None: empty)."""

    number: int
    share: float
    batch: Any


def cut_rows(batch, count):
    """An array, or a tuple, list or dict of arrays with one number of rows, cut into ``count`` ``Shard``s.

    Right for a loss that is the mean over rows. Errors: TypeError for anything else
    """
    arrays = _leaves(batch)
    rows = {len(a) if np.ndim(a) else None for a in arrays}
    if len(rows) != 1 or None in rows:
        shapes = ", ".join(str(np.shape(a)) for a in arrays)
        raise TypeError(f"cut_rows: expected arrays of one number of rows, got {shapes or 'none'}")
    total = rows.pop()
    return [
        Shard(number, (b - a) / total if total else 0.0, _take(batch, a, b) if b > a else None)
        for number, (a, b) in enumerate(bounds(total, count))
    ]


def _leaves(batch):
    if isinstance(batch, np.ndarray):
        return [batch]
    if isinstance(batch, tuple | list | dict):
        values = batch.values() if isinstance(batch, dict) else batch
        return [leaf for value in values for leaf in _leaves(value)]
    raise TypeError(f"cut_rows: a {type(batch).__name__} cannot be cut into rows; give fit a cut")


def _take(batch, a, b):
    if isinstance(batch, np.ndarray):
        return np.ascontiguousarray(batch[a:b])
    if isinstance(batch, dict):
        return {key: _take(value, a, b) for key, value in batch.items()}
    return type(batch)(_take(value, a, b) for value in batch)


class Shards:
    """The sharded step of a training: ``gradients`` in place of forward and backward.

    loss    shard's batch → (loss, metrics), as the training's own
    cut     (batch, count) → ``Shard``s
    """

    def __init__(self, parallel, cut, loss, model, optimizer, everything):
        self.parallel, self.comm, self.count = parallel, parallel.comm, parallel.shards
        self.cut, self.loss, self.model = cut or cut_rows, loss, model
        self.everything = everything
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.dtype = np.result_type(*(p.dtype for p in self.parameters))
        self.mine = owned(self.count, self.comm)

    @property
    def buffers(self):
        return [b for b in self.model.buffers() if b.dtype.kind == "f"]

    @property
    def counters(self):
        return [b for b in self.model.buffers() if b.dtype.kind != "f"]

    # ── the same beginning, and the same end ─────────────────────────────────────────────────────
    def begin(self, at):
        """Everything as rank 0 has it, on every rank; → rank 0's ``at``."""
        comm, own = self.comm, None
        if comm.rank == 0:
            own = self.everything.state_dict(), at
        state, at = comm.broadcast(own)
        if comm.rank:
            self.everything.load_state_dict(state, "rank 0")
        return at

    def check(self, digest):
        """DistributedError unless all ranks have the same weights."""
        found = self.comm.gather(digest)
        if len(set(found)) > 1:
            other = next(r for r, d in enumerate(found) if d != found[0])
            raise self.comm.agreed(
                distributed.DistributedError(
                    f"rank {other} has other weights than rank 0: are all ranks on the same kind of "
                    "processor, with the same versions?"
                )
            )

    # ── a step ───────────────────────────────────────────────────────────────────────────────────
    def gradients(self, batch, asked):
        """Leave the batch's gradients on the parameters; → loss, metrics, whether any rank was ``asked`` to
        stop. Where the loss is not finite, no gradient is left."""
        shards = self.cut(batch, self.count)
        if len(shards) != self.count:
            raise ValueError(f"fit: cut gave {len(shards)} shards, expected {self.count}")
        start, said = _Start(self.everything, self.model), {}

        def leaf(number):
            return self._leaf(shards[number], start, said)

        nodes = partials(self.mine.start, self.mine.stop, self.count)
        sums = {node: tree_sum(node, leaf, self.count) for node in nodes}
        start.restore()
        told = self.comm.gather((said, asked))
        said = dict(sorted((k, v) for one, _ in told for k, v in one.items()))
        loss, metrics = _means(shards, said)
        if np.isfinite(loss):
            self._share(sums, said)
        start.move_on()
        return loss, metrics, any(a for _, a in told)

    def _leaf(self, shard, start, said):
        """share · (gradients, buffers) of one shard as a vector; what else there is to say: to ``said``."""
        if shard.batch is None:
            return None
        start.shard(shard.number)
        self.model.zero_grad()
        loss, metrics = self.loss(shard.batch)
        (loss * shard.share).backward()
        moved = [b.detach().numpy() * np.float32(shard.share) for b in self.buffers]
        grads = [None if p.grad is None else Tensor(p.grad).numpy() for p in self.parameters]
        has = [g is not None for g in grads]
        parts = [np.zeros(p.size) if g is None else g for p, g in zip(self.parameters, grads, strict=True)]
        counters = [b.detach().numpy().copy() for b in self.counters]
        said[shard.number] = loss.item(), metrics, has, counters
        self.model.zero_grad()
        return np.concatenate([x.reshape(-1) for x in (*parts, *moved)], dtype=self.dtype)

    def _share(self, sums, said):
        """Add up over all ranks, and put the sums where they belong."""
        comm, total = self.comm, self._length()
        pieces = bounds(total, comm.size)
        a, b = pieces[comm.rank]
        mine = [s for s in sums.values() if s is not None]
        parts = [np.concatenate([np.empty(0, self.dtype), *(s[i:j] for s in mine)]) for i, j in pieces]
        nodes = [self._nodes(q, said) for q in range(comm.size)]
        found = comm.exchange(parts, [len(n) * (b - a) for n in nodes])
        known = {node: None for q in range(comm.size) for node in self._nodes(q)}
        for there, block in zip(nodes, found, strict=True):
            known |= dict(zip(there, block.reshape(len(there), b - a), strict=True))
        piece = tree_sum(root(self.count), None, self.count, known)
        vector = comm.collect(piece, [j - i for i, j in pieces])
        has = [any(flags) for flags in zip(*(h for _, _, h, _ in said.values()), strict=True)]
        first = next(iter(said.values()))
        place = 0
        for p, one in zip(self.parameters, has, strict=True):
            part = vector[place : place + p.size].reshape(p.shape)
            p.grad = like(p, part) if one else None
            place += p.size
        for buffer in self.buffers:
            buffer.data = like(buffer, vector[place : place + buffer.size].reshape(buffer.shape))
            place += buffer.size
        for buffer, value in zip(self.counters, first[3], strict=True):
            buffer.data = like(buffer, value)

    def _nodes(self, rank, said=None):
        """The nodes that a rank adds up by itself; with ``said`` those that are not empty."""
        nodes = partials(*bounds(self.count, self.comm.size)[rank], self.count)
        if said is None:
            return nodes
        return [(n, i) for n, i in nodes if any(s in said for s in range(i << n, (i + 1) << n))]

    def _length(self):
        return sum(p.size for p in self.parameters) + sum(b.size for b in self.buffers)

    def explain(self, batch, one):
        """The first that any shard, in their order, has to say of what is not finite: ``one(batch)``."""
        shards, start, found = self.cut(batch, self.count), _Start(self.everything, self.model), None
        for number in self.mine:
            if found is None and shards[number].batch is not None:
                start.shard(number)
                found = one(shards[number].batch)
        start.restore()
        return next((text for text in self.comm.gather(found) if text is not None), None)


class _Start:
    """Generators and buffers as they are at the beginning of a step."""

    def __init__(self, everything, model):
        self.generators = [(g, g.state_dict()) for g in everything.generators.values()]
        self.buffers = [(b, b.data) for b in model.buffers()]

    def shard(self, number):
        """Go to where a shard begins."""
        for place, (g, state) in enumerate(self.generators):
            text = f"{state['seed']} {state['offset']} {place} {number}"
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
            g.load_state_dict({"seed": seed, "offset": 0})
        for buffer, data in self.buffers:
            buffer.data = data

    def restore(self):
        """Go back to the beginning."""
        for g, state in self.generators:
            g.load_state_dict(state)
        for buffer, data in self.buffers:
            buffer.data = data

    def move_on(self):
        """The next step's streams are others."""
        for g, state in self.generators:
            g.load_state_dict({**state, "offset": state["offset"] + 1})


def _means(shards, said):
    """Σ share · value of the losses, and of each metric over the shards that told it."""
    loss = float(sum(shards[s].share * value for s, (value, *_) in said.items()))
    metrics = {}
    for s, (_, told, *_) in said.items():
        for name, value in told.items():
            total, weight = metrics.get(name, (0.0, 0.0))
            metrics[name] = total + shards[s].share * value, weight + shards[s].share
    return loss, {name: total / weight for name, (total, weight) in metrics.items()}


def received_a_step(numbers, shards, size, rank):
    """Bytes of gradients and buffers that a rank receives in a step, of ``numbers`` in float32 (the module's
    formula; batches that fill every shard)."""
    pieces = bounds(numbers, size)
    mine = pieces[rank][1] - pieces[rank][0]
    others = sum(len(partials(*b, shards)) for q, b in enumerate(bounds(shards, size)) if q != rank)
    return 4 * (mine * others + numbers - mine)
