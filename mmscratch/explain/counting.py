"""What a model costs: parameters, floating-point operations, memory; counted on the tape, not estimated.

A step knows its operation and not its shapes. But a walk backwards shows them all: the gradient that comes
to a step has the shape of its result, the gradients that leave it the shapes of its inputs. So one backward
pass, in which every step writes down what passes, counts whatever was computed, in layers or between them.
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..tensor import Tensor
from .tape import steps_of

__all__ = ["Cost", "cost"]


@dataclass(frozen=True)
class Cost:
    """What was counted.

    parameters      numbers to be learnt
    flops           floating-point operations of the forward pass: an addition and a product are two
    by_op           the same, {operation: flops}, dearest first
    activations     bytes of all results on the tape, which training keeps until the backward pass (an upper
                    bound: a result that no gradient needs may go earlier)
    """

    parameters: int
    flops: int
    by_op: dict
    activations: int

    def __str__(self):
        dear = ", ".join(f"{op} {_short(n)}" for op, n in list(self.by_op.items())[:3])
        return (
            f"{_short(self.parameters)} parameters, {_short(self.flops)} flops ({dear}), "
            f"{_short(self.activations)} bytes of activations"
        )


def cost(model, *inputs, function=None):
    """Count what ``model`` does with these inputs.

    Forward    matmul (n, k)(k, m): 2nmk;  linear: 2 rows·D·K;  convolution: 2 results·(C/groups)·window;
               transposed convolution: 2 arguments·(K/groups)·window;  attention: 2 Lq·Lk·(D + E) a head;
               additive scores: 4 Lq·Lk·A;  lstm, gru: 2 B·T·(D + H)·gates·H;  any other that computes: 1 a
               number of its result, or of its largest input where it reduces;  moving and choosing: 0
    Shapes     inputs: arrays or tensors, those of floats get a gradient; function(*tensors) → a tensor or
               several, the model itself unless given → ``Cost``
    Errors     ValueError where the result has no gradient, or for a formula of many steps in one operation
               (``FUSED``), whose inner products the tape does not show: count its twin
    Note       batches count as they are: give one example for the cost of one. Steps that no gradient reaches
               are not counted: of integers, or of constants. exp and division count as one operation
    """
    given, before = [_leaf(x) for x in inputs], [(p, p.grad, p.requires_grad) for p in model.parameters()]
    try:
        model.requires_grad_(True)  # a frozen weight costs as much
        seen = _walk((function or model)(*given))
    finally:
        for parameter, grad, requires_grad in before:
            parameter.grad, parameter.requires_grad = grad, requires_grad
    by_op, activations = Counter(), 0
    for op, outs, ins in seen:
        by_op[op] += _flops(op, [shape for shape, _ in outs], [s and s[0] for s in ins])
        activations += sum(math.prod(shape) * size for shape, size in outs)
    dearest = {op: n for op, n in by_op.most_common() if n}
    return Cost(sum(p.size for p in model.parameters()), sum(dearest.values()), dearest, activations)


def _walk(results):
    """(op, shapes of results, shapes of inputs) of every step that made the results."""
    results = results if isinstance(results, tuple | list) else (results,)
    ends = [r for r in results if isinstance(r, Tensor) and r.requires_grad and r.step is not None]
    if not ends:
        raise ValueError("cost: the result has no gradient: nothing of the model is on the tape")
    seen = []
    steps = {s for end in ends for s in steps_of(end)}
    for step in steps:
        step.backward = _recorder(step, seen)
    for end in ends:
        end.backward(np.ones(end.shape, end.dtype), retain_graph=True)
    return list({id(step): (step.op, outs, ins) for step, outs, ins in seen}.values())  # each step once


def _leaf(x):
    data = x.data if isinstance(x, Tensor) else x
    if isinstance(data, np.ndarray) and data.dtype.kind == "f":
        return Tensor(np.ascontiguousarray(data), requires_grad=True)
    return x


def _recorder(step, seen):
    """The step's backward, which writes (step, shapes of results, shapes of inputs) into ``seen``."""
    backward = step.backward

    def recorded(*gradients):
        if type(backward) is list:
            found = [None if f is None else f(*gradients) for f in backward]
        else:
            found = backward(*gradients)
            found = found if type(found) is tuple else (found,)
        found = [
            None if target is None else g() if callable(g) else g
            for target, g in zip(step.targets, found, strict=True)
        ]
        results = [
            zero() if g is None else g for g, zero in zip(gradients, step.outputs or gradients, strict=True)
        ]
        outs = [_shape(g) for g in results if g is not None]  # None: integers
        seen.append((step, outs, [_shape(g) for g in found]))
        return tuple(found)

    recorded.takes_none = getattr(backward, "takes_none", False)
    return recorded


def _shape(g):
    return None if g is None else (tuple(g.shape), g.dtype.itemsize)


MOVES = {
    "broadcast_to", "cast", "clip", "embedding", "flip", "max_unpool", "move", "permute", "reshape", "split",
    "strided_slice", "take", "take_along", "topk", "tril", "triu", "where",
}  # fmt: skip


FUSED = {"ctc_rows", "decode_steps", "sinkhorn_cost", "soft_dtw"}


def _flops(op, outs, ins):
    """Operations of one step: the shapes of its results, and of its inputs (None of one without gradient)."""
    if op.lstrip("_") in FUSED:
        raise ValueError(f"cost: {op}: many steps in one operation; count the same formula step by step")
    if op in MOVES:
        return 0
    out = math.prod(outs[0])
    if op == "linear":
        return 2 * out * (ins[1][1] if ins[1] else ins[0][-1])
    if op == "matmul":
        return 2 * out * _inner(ins)
    if op.startswith("conv"):
        if ins[1] is None:
            raise ValueError(f"cost: {op}: its weight is no parameter, so its shape is not on the tape")
        if op.startswith("conv_transpose"):  # every number of the argument goes out through the window
            if ins[0] is None:
                raise ValueError(f"cost: {op}: its argument is a constant, so its shape is not on the tape")
            return 2 * math.prod(ins[0]) * math.prod(ins[1][1:])
        return 2 * out * math.prod(ins[1][1:])
    if op in ("attention", "additive_scores"):
        query, key = _both(op, ins[0], ins[1])
        places = math.prod(query[:-1]) * key[-2]
        if op == "additive_scores":
            return 4 * places * query[-1]
        return 2 * places * (query[-1] + outs[0][-1])
    if op in ("lstm", "gru"):
        hidden = outs[0][-1]
        inner = next(w[1] for w in ins[2:] if w and len(w) == 2 and w[0] in (3 * hidden, 4 * hidden))
        return 2 * math.prod(outs[0][:2]) * (inner + hidden) * hidden * (4 if op == "lstm" else 3)
    return max(out, *(math.prod(s) for s in ins if s))


def _both(op, query, key):
    if query is None or key is None:
        raise ValueError(f"cost: {op}: query or key is a constant, so its shape is not on the tape")
    return query, key


def _inner(shapes):
    """The length that a matrix product sums over: the left's last axis, the right's last but one."""
    left, right = shapes
    if left:
        return left[-1]
    return right[-2] if len(right) > 1 else right[0]


def _short(n):
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return str(n)
