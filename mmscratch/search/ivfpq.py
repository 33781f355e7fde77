"""Cells with lists, rows as short codes (Jégou, Douze & Schmid, 2011, sections III and IV)."""

import importlib

import numpy as np

from .. import kernels
from .clusters import kmeans
from .fast_scan import PARTS, WORDS, blocks_of
from .index import Index, check_whole
from .panel import Panel
from .quantizer import ProductQuantizer
from .rescore import best_of
from .rows import LINE, grown

__all__ = ["IVFPQ", "scan"]

SAMPLE = 64
"""Rows a cell that are learnt from, at most."""

CHUNK = 256
"""Queries whose coarse scores are held at a time."""


class IVFPQ(Index):
    """An inverted file of product-quantised residuals, with exact scores for the best.

    Learn      centres c of C cells by k-means; codewords of the residuals r = x − c(x) (``quantizer``)
    Add        x goes to its nearest cell's list, as the m bytes of r̂
    Search     the ``probes`` cells nearest to q are gone through: q · x ≈ q · c + q · r̂,

                   q · r̂ = Σ_j q_j · u_{j,code_j}        m look-ups in a table that q makes once (ADC, eq. 13)

               and the ``rerank`` rows with the largest sums are scored exactly

    dimension    D, a multiple of m
    cells        C; about √N to 4 √N
    parts        m: bytes a row
    codewords    K ≤ 256 a part
    probes       cells gone through: recall against time; may be changed
    rerank       rows scored exactly (at least k); 0: none, the sums are the scores, and rows are not stored
    seed         of both clusterings

    In the paper distances are ‖q − c − r̂‖²; of rows of unit length the cosine says the same, and its table is
    the same for all cells. A search beside the rows costs C D + K D + (probed rows) · m + rerank · D.

    With K ≤ 16 and ``rerank``, lists are gone through in registers (``fast_scan``), rows a dozen times as
    quickly: twice as many parts of 16 codewords then find as much as parts of 256, in less time.
    """

    method = "ivfpq"
    needs_training = True

    def __init__(
        self, dimension, *, cells=256, parts=16, codewords=256, probes=8, rerank=100, iterations=10, seed=0
    ):
        self.cells, self.parts, self.codewords = cells, parts, codewords
        self.probes, self.rerank, self.iterations, self.seed = probes, rerank, iterations, seed
        super().__init__(dimension)
        self._check()
        self._kept = self.rerank > 0
        self._cell = np.zeros(0, np.int64)
        self._code = np.zeros((0, parts), np.uint8)
        self._forget()

    def _forget(self):
        """The lists, which are made anew at the next search."""
        self._lists = self._blocks = None

    def _check(self):
        check_whole("IVFPQ", "cells", self.cells, 1, 1 << 24)
        check_whole("IVFPQ", "parts", self.parts, 1, self.dimension)
        check_whole("IVFPQ", "codewords", self.codewords, 1, 256)
        check_whole("IVFPQ", "probes", self.probes, 1, self.cells)
        check_whole("IVFPQ", "rerank", self.rerank, 0, 1 << 24)
        check_whole("IVFPQ", "iterations", self.iterations, 1, 10_000)
        check_whole("IVFPQ", "seed", self.seed, 0, 2**63 - 1)
        if self.dimension % self.parts:
            raise ValueError(f"IVFPQ: parts={self.parts} do not divide dimension={self.dimension}")
        if getattr(self, "_kept", True) is False and self.rerank:
            raise ValueError("IVFPQ: rerank: this index was made with rerank=0 and holds no rows to score")

    def _train(self, x):
        self._check()
        least = max(self.cells, self.codewords)
        if len(x) < least:
            raise ValueError(f"IVFPQ.train: {least} centres need at least as many rows, got {len(x)}")
        x = x[:, : self.dimension]
        if len(x) > len(chosen := self.sample(len(x))):
            x = x[chosen]
        self._set(kmeans(x, self.cells, seed=self.seed, iterations=self.iterations), None)
        rest = x - self._centres[self._coarse.nearest(x)]
        book = ProductQuantizer.train(
            rest, self.parts, self.codewords, seed=self.seed, iterations=self.iterations
        )
        self._set(self._centres, book)

    def sample(self, count):
        """Which of ``count`` rows are learnt from: numbers (S,), rising; all where they are few."""
        most = SAMPLE * max(self.cells, self.codewords)
        if count <= most:
            return np.arange(count)
        return np.sort(np.random.default_rng(self.seed).choice(count, most, replace=False))

    def learnt(self):
        """(centres (C, D), codewords (m, K, D/m)): what ``train`` has found."""
        return self._centres, self._book.codewords

    def take(self, centres, codewords):
        """What another index of these settings has learnt, as if by ``train``; → self."""
        self._set(np.ascontiguousarray(centres, np.float32), ProductQuantizer(codewords))
        self.trained = True
        return self

    def _set(self, centres, book):
        self._centres, self._coarse, self._book = centres, Panel(centres), book
        if book is not None:
            count = -(-book.count // LINE) * LINE
            self._panels = np.zeros((book.parts, book.piece, count), np.float32)
            self._panels[:, :, : book.count] = book.codewords.transpose(0, 2, 1)

    def _insert(self, x):
        first, last = self.count, self.count + len(x)
        if self._kept:
            self.rows.extend(x)
        x = x[:, : self.dimension]
        self._cell, self._code = grown(self._cell, first, last), grown(self._code, first, last)
        for a in range(0, len(x), 1 << 16):
            part = x[a : a + (1 << 16)]
            cell = self._coarse.nearest(part)
            end = first + a + len(part)
            self._cell[first + a : end] = cell
            self._code[first + a : end] = self._book.encode(part - self._centres[cell])
        self._forget()

    def _settle(self):
        """Codes and ids in the order of cells, made at the first search after an ``add``."""
        cell = self._cell[: self.count]
        if self._in_registers() and self._blocks is None:
            self._blocks = blocks_of(self._code[: self.count], cell, self.cells)
        elif not self._in_registers() and self._lists is None:
            order = np.argsort(cell, kind="stable")
            starts = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=self.cells))])
            self._lists = self._code[: self.count][order], order, starts
        return self._blocks if self._in_registers() else self._lists

    def _in_registers(self):
        """Is this a ``fast_scan``?"""
        return self.rerank > 0 and self.codewords <= WORDS and self.parts <= PARTS

    def _search(self, q, k):
        self._check()
        score, found = np.empty((len(q), k), np.float32), np.empty((len(q), k), np.int64)
        for first in range(0, len(q), CHUNK):
            part = np.s_[first : first + CHUNK]
            near, sums = self.near(q[part], min(self.count, max(self.rerank, k)))
            if self.rerank:
                score[part], found[part] = best_of(q[part], self.rows.all(), near, k)
            else:
                order = np.lexsort((near, -sums), axis=1)[:, :k]
                score[part] = np.take_along_axis(sums, order, 1)
                found[part] = np.take_along_axis(near, order, 1)
        return score, found

    def near(self, q, most):
        """The ``most`` rows with the largest sums in the probed cells, in any order.

        Shapes     q (Q, padded D) of unit length → id, sum (Q, most); −1 and −∞ where there are fewer
        """
        lists = self._settle()
        coarse = np.ascontiguousarray(self._coarse.products(q))
        near, sums = np.empty((len(q), most), np.int64), np.empty((len(q), most), np.float32)
        given = q, coarse, self._coarse.offset[: self.cells], self._panels
        fast = self._in_registers()
        step = _steps("fast_scan" if fast else "ivfpq")
        tasks = -(-len(q) // step.TASK)
        if fast:
            step.fast_scan(tasks, *given, self.codewords, *lists, self.probes, near, sums)
        else:
            step.scan(tasks, *given, *lists, self.probes, near, sums)
        return near, sums

    def _arrays(self):
        if not self.trained:
            return {}
        learnt = {"centres": self._centres, "codewords": self._book.codewords}
        rows = {"cell": self._cell[: self.count], "code": self._code[: self.count]}
        return learnt | rows | (super()._arrays() if self._kept else {})

    def _restore(self, arrays):
        if not self.trained:
            if self.count:
                raise ValueError("it has rows, but was not trained")
            return
        piece = self.dimension // self.parts
        book = arrays.take("codewords", np.float32, (self.parts, self.codewords, piece), -1e3, 1e3)
        centres = arrays.take("centres", np.float32, (self.cells, self.dimension), -1e3, 1e3)
        self._set(centres, ProductQuantizer(book))
        self._cell = arrays.take("cell", np.int64, (self.count,), 0, self.cells - 1)
        self._code = arrays.take("code", np.uint8, (self.count, self.parts), 0, self.codewords - 1)
        if self._kept:
            super()._restore(arrays)


# ── the formula ──────────────────────────────────────────────────────────────────────────────────
TASK = 16


def scan(tasks, queries, coarse, half, panels, codes, ids, starts, probes, candidates, found):
    """The R rows of largest q · c + Σ_j q_j · u_{j,code_j} in the cells of largest q · c − ½‖c‖²."""
    parts, piece, _ = panels.shape
    candidates[:], found[:] = -1, -np.inf
    for q, row in enumerate(coarse):
        pieces = queries[q, : parts * piece].reshape(parts, piece)
        table = np.einsum("jd,jdc->jc", pieces, panels)
        cells = np.argsort(-(row + half), kind="stable")[:probes]
        places = np.concatenate([np.arange(starts[c], starts[c + 1]) for c in cells])
        base = np.repeat(row[cells], starts[cells + 1] - starts[cells])
        sums = base + table[np.arange(parts), codes[places]].sum(axis=1)
        best = np.lexsort((ids[places], -sums))[: candidates.shape[1]]
        candidates[q, : len(best)], found[q, : len(best)] = ids[places[best]], sums[best]


def _steps(name):
    """The module of that name on the reference floor, its compiled twin on the cpu floor."""
    if kernels.host().__name__.endswith(".cpu"):
        name += "_loops"
    return importlib.import_module(f".{name}", __package__)
