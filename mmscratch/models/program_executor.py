"""Programs executed on what is seen: every step a module over the objects of a picture, in probabilities.

Each module of a question's program (Andreas et al., 2016; Johnson et al., 2017) takes what its inputs say of
the R objects that may be there, and hands on a share of each. On a scene that is known for certain all shares
are 0 or 1, and the answer is that of ``data.scenes.programs.execute``.

    kind      shape     what                      kind      shape      what
    set       (N, R)    w_i = P(i is in it)       truth     (N, 2)     P(yes), P(no)
    object    (N, R)    u_i = P(i is the one)     number    (N, R + 1) P(0), P(1), … P(R)
                                                  value     (N, K)     P of each of its K values

    scene     w_i = P(i is there)               filter    w_i P_i(v)          exclude   w_i (1 − P_i(v))
    unique    u_i ∝ w_i Π_{j≠i} (1 − w_j)       exist     1 − Π_i (1 − w_i)
    count     Σ over the sets of k objects of Π_{in it} w_i Π_{not in it} (1 − w_j), by R convolutions
    query     Σ_i u_i P_i(v)                    same      Σ_ij u_i t_j Σ_v P_i(v) P_j(v), 1 for i = j
    holds     Σ_ij u_i t_j σ(d_ij / τ), d_ij how far i lies on that side of j
    direction Σ_ij u_i t_j softmax over the four sides of d_ij / τ
    greater   Σ_{a > b} p_a q_b     less   the converse     and, or, not   of independent truths

What is taken for independent is so where a program uses an object once. Where there is no such object, or
several for certain, all of P(unique) is 0 and so is every answer: the question has none.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..data.scenes.graph import ATTRIBUTES
from ..data.scenes.relations import SPATIAL

__all__ = ["NAMED", "ObjectTables", "answer_shares", "tables_of_scenes"]

NAMED = ("shape", "colour", "size")


@dataclasses.dataclass(frozen=True)
class ObjectTables:
    """What is known of up to R objects in each of N pictures; float64.

    present  (N, R), how likely each is there      place    (N, R, 2), x and y of its centre in pixels
    shares   attribute → (N, R, K), how likely it has each value
    blur     τ, how far from its place an object may well be; 0: the places are exact
    """

    present: np.ndarray
    place: np.ndarray
    shares: dict
    blur: float = 0.0

    def __len__(self):
        return len(self.present)

    def take(self, pictures):
        """The tables of these pictures, one a number."""
        shares = {name: s[pictures] for name, s in self.shares.items()}
        return ObjectTables(self.present[pictures], self.place[pictures], shares, self.blur)


def tables_of_scenes(scenes):
    """What is true of scene graphs, as tables of certainties: the oracle."""
    n, r = len(scenes), max((len(s) for s in scenes), default=0) or 1
    present, place = np.zeros((n, r)), np.zeros((n, r, 2))
    shares = {name: np.zeros((n, r, len(ATTRIBUTES[name]))) for name in NAMED}
    for k, scene in enumerate(scenes):
        for i, o in enumerate(scene.objects):
            present[k, i], place[k, i] = 1, (o.x, o.y)
            for name in NAMED:
                shares[name][k, i, ATTRIBUTES[name].index(getattr(o, name))] = 1
    return ObjectTables(present, place, shares)


def answer_shares(program, tables):
    """How likely each answer to a program is in each picture: (the answers, shares (N, A)).

    A row sums to one, or to less where the question may have no answer.
    Errors     ValueError for an operation that is not known
    """
    values, names = [], ()
    for index, step in enumerate(program):
        if step.get("op") not in _MODULES:
            raise ValueError(f"step {index}: op must be one of {', '.join(_MODULES)}, got {step.get('op')!r}")
        names, module = _MODULES[step["op"]]
        values.append(module(tables, step, *(values[i] for i in step.get("inputs", []))))
    if callable(names):
        names = names(program[-1], tables)
    return tuple(names), values[-1]


def _having(tables, step, w):
    at = ATTRIBUTES[step["attribute"]].index(step["value"])
    return w, tables.shares[step["attribute"]][:, :, at]


def _filter(tables, step, w):
    w, p = _having(tables, step, w)
    return w * p


def _exclude(tables, step, w):
    w, p = _having(tables, step, w)
    return w * (1 - p)


def _unique(tables, step, w):
    others = np.repeat(1 - w[:, None, :], w.shape[1], axis=1)
    others[:, np.arange(w.shape[1]), np.arange(w.shape[1])] = 1
    only = w * others.prod(2)
    total = only.sum(1, keepdims=True)
    return np.divide(only, total, out=np.zeros_like(only), where=total > 0)


def _truth(yes, total=1.0):
    return np.stack([yes, total - yes], axis=1)


def _exist(tables, step, w):
    return _truth(1 - (1 - w).prod(1))


def _count(tables, step, w):
    p = np.zeros((len(w), w.shape[1] + 1))
    p[:, 0] = 1
    for i in range(w.shape[1]):
        p[:, 1:] = p[:, 1:] * (1 - w[:, i, None]) + p[:, :-1] * w[:, i, None]
        p[:, 0] *= 1 - w[:, i]
    return p


def _query(tables, step, u):
    return np.einsum("ni,nik->nk", u, tables.shares[step["attribute"]])


def _same(tables, step, u, t):
    p = tables.shares[step["attribute"]]
    alike = np.einsum("nik,njk->nij", p, p)
    alike[:, np.arange(p.shape[1]), np.arange(p.shape[1])] = 1
    return _truth(np.einsum("ni,nij,nj->n", u, alike, t), u.sum(1) * t.sum(1))


def _sides(tables):
    """How far i lies to the left of j, right, above and below, in units of τ: (N, R, R, 4)."""
    d = tables.place[:, :, None] - tables.place[:, None, :]
    d = np.stack([-d[..., 0], d[..., 0], -d[..., 1], d[..., 1]], axis=3)
    return d / tables.blur if tables.blur else d * 1e9


def _holds(tables, step, u, t):
    d = _sides(tables)[..., SPATIAL.index(step["relation"])]
    yes = 0.5 * (1 + np.tanh(d / 2))
    return _truth(np.einsum("ni,nij,nj->n", u, yes, t), u.sum(1) * t.sum(1))


def _direction(tables, step, u, t):
    d = _sides(tables)
    e = np.exp(d - d.max(3, keepdims=True))
    return np.einsum("ni,nijk,nj->nk", u, e / e.sum(3, keepdims=True), t)


def _greater(tables, step, p, q):
    more = np.tril(np.ones((p.shape[1], q.shape[1])), -1)
    return _truth(np.einsum("na,ab,nb->n", p, more, q))


def _and(tables, step, a, b):
    return _truth(a[:, 0] * b[:, 0], a.sum(1) * b.sum(1))


def _or(tables, step, a, b):
    total, no = a.sum(1) * b.sum(1), a[:, 1] * b[:, 1]
    return _truth(total - no, total)


YES_NO = ("yes", "no")
_MODULES = {
    "scene": ((), lambda tables, step: tables.present),
    "filter": ((), _filter),
    "exclude": ((), _exclude),
    "unique": ((), _unique),
    "exist": (YES_NO, _exist),
    "count": (lambda step, tables: [str(k) for k in range(tables.present.shape[1] + 1)], _count),
    "query": (lambda step, tables: ATTRIBUTES[step["attribute"]], _query),
    "holds": (YES_NO, _holds),
    "direction": (SPATIAL, _direction),
    "same": (YES_NO, _same),
    "greater": (YES_NO, _greater),
    "less": (YES_NO, lambda tables, step, p, q: _greater(tables, step, q, p)),
    "and": (YES_NO, _and),
    "or": (YES_NO, _or),
    "not": (YES_NO, lambda tables, step, a: a[:, ::-1]),
}
"""Op → the names of its answers (or step, tables → names), module(tables, step, *inputs)."""
