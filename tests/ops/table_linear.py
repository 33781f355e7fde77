"""Rows of linear algebra."""

import functools

import numpy
from table import Row, real

from mmscratch import ops

PAIRS = [
    ("vectors", real(5), real(5)),
    ("row by matrix", real(5), real(5, 3)),
    ("matrix by column", real(2, 5), real(5)),
    ("odd", real(3, 5), real(5, 2)),
    ("one", real(1, 1), real(1, 1)),
    ("batched", real(2, 3, 4), real(2, 4, 2)),
    ("batch by matrix", real(2, 3, 4), real(4, 2)),
    ("matrix by batch", real(3, 4), real(2, 4, 2)),
    ("broadcast batches", real(2, 1, 2, 3), real(3, 3, 2)),
    ("batch by column", real(2, 3, 4), real(4)),
    ("row by batch", real(4), real(2, 4, 3)),
    ("large", real(131, 70), real(70, 90)),
    ("large batch", real(5, 64, 33), real(5, 33, 40)),
]
EMPTY_PAIRS = [
    ("no rows", real(0, 3), real(3, 2)),
    ("no columns", real(2, 3), real(3, 0)),
    ("nothing inside", real(2, 0), real(0, 3)),
    ("no batch", real(0, 2, 3), real(3, 4)),
]

EQUATIONS = [
    ("ij,jk->ik", (3, 4), (4, 2)),
    ("bqd,bkd->bqk", (2, 3, 4), (2, 2, 4)),
    ("ij,jk", (3, 4), (4, 2)),
    ("ij->ji", (3, 4)),
    ("ij->", (3, 4)),
    ("ij->j", (3, 4)),
    ("ii->i", (4, 4)),
    ("ii", (4, 4)),
    ("bii->bi", (2, 3, 3)),
    ("i,j->ij", (3,), (4,)),
    ("ij,ij->ij", (3, 4), (3, 4)),
    ("ij,ij->", (3, 4), (3, 4)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 2)),
    ("...,...->...", (2, 3), (2, 3)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("bhqd,bhkd->bhqk", (1, 2, 3, 2), (1, 2, 2, 2)),
    ("...i->...", (2, 3, 4)),
    ("ij,k->ikj", (2, 3), (2,)),
    ("i...,i...->...", (3, 2), (3, 2)),
    ("iij->j", (3, 3, 2)),
    ("ba,ca", (2, 3), (4, 3)),
    ("ij,ji->", (2, 3), (3, 2)),
    (",ij->ij", (), (2, 3)),
]

ROWS = [
    Row("matmul", ops.matmul, lambda np, a, b: np.matmul(a, b), PAIRS),
    Row("matmul", ops.matmul, lambda np, a, b: np.matmul(a, b), EMPTY_PAIRS, hips=False),
    Row(
        "linear",
        ops.linear,
        lambda np, x, w: np.matmul(x, w.T),
        [
            ("row", real(4), real(3, 4)),
            ("odd", real(2, 4), real(3, 4)),
            ("three axes", real(2, 3, 4), real(2, 4)),
            ("one", real(1, 1), real(1, 1)),
            ("large", real(200, 70), real(90, 70)),
        ],
    ),
    Row(
        "linear",
        ops.linear,
        lambda np, x, w, b: np.matmul(x, w.T) + b,
        [
            ("row", real(4), real(3, 4), real(3)),
            ("odd", real(2, 4), real(3, 4), real(3)),
            ("three axes", real(2, 3, 4), real(2, 4), real(2)),
            ("large", real(20, 30, 70), real(90, 70), real(90)),
        ],
    ),
    Row(
        "linear",
        ops.linear,
        lambda np, x, w, b: numpy.matmul(x, w.T) + b,
        [("empty", real(0, 4), real(3, 4), real(3))],
        hips=False,
    ),
    Row(
        "linear",
        lambda x, w, b: ops.linear(x, w, b, activation="tanh"),
        lambda np, x, w, b: np.tanh(np.matmul(x, w.T) + b),
        [("row", real(4), real(3, 4), real(3)), ("three axes", real(2, 3, 4), real(2, 4), real(2))],
    ),
    Row(
        "linear",
        lambda x, w, b: ops.linear(x, w, b, activation="sigmoid"),
        lambda np, x, w, b: 1 / (1 + np.exp(-np.matmul(x, w.T) - b)),
        [("odd", real(2, 4), real(3, 4), real(3))],
    ),
    Row(
        "linear",
        lambda x, w, b: ops.linear(x, w, b, activation="relu"),
        lambda np, x, w, b: np.maximum(np.matmul(x, w.T) + b, 0),
        [("odd", real(2, 4), real(3, 4), real(3)), ("large", real(20, 30, 70), real(90, 70), real(90))],
    ),
    Row(
        "bilinear",
        ops.bilinear,
        lambda np, a, b, w, c: np.einsum("nd,kdh,nh->nk", a, w, b) + c,
        [
            ("odd", real(3, 2), real(3, 4), real(2, 2, 4), real(2)),
            ("large", real(40, 21), real(40, 34), real(5, 21, 34), real(5)),
        ],
        rtol32=1e-4,
    ),
    Row(
        "bilinear",
        ops.bilinear,
        lambda np, a, b, w: np.einsum("d,kdh,h->k", a, w, b),
        [("row", real(2), real(4), real(2, 2, 4))],
    ),
    Row(
        "dot",
        ops.dot,
        lambda np, a, b: np.dot(a, b),
        [("row", real(5), real(5)), ("one", real(1), real(1)), ("large", real(5000), real(5000))],
    ),
    Row(
        "outer",
        ops.outer,
        lambda np, a, b: np.outer(a, b),
        [("row", real(5), real(3)), ("one", real(1), real(1)), ("large", real(300), real(200))],
    ),
    *(
        Row(
            "einsum",
            functools.partial(ops.einsum, e),
            lambda np, *x, e=e: np.asarray(np.einsum(e, *x)) if np is numpy else np.einsum(e, *x),
            [(e, *(real(*s) for s in shapes))],
            hips=e not in ("ii->i", "ii", "bii->bi", "iij->j"),
        )
        for e, *shapes in EQUATIONS
    ),
    Row(
        "einsum",
        functools.partial(ops.einsum, "nqhd,nkhd->nhqk"),
        lambda np, a, b: np.einsum("nqhd,nkhd->nhqk", a, b),
        [("large", real(4, 30, 4, 16), real(4, 40, 4, 16)), ("odd", real(1, 2, 3, 2), real(1, 3, 3, 2))],
    ),
]
