"""Reverse-mode automatic differentiation: what is computed forwards leaves steps to walk back.

An operation is one function on raw arrays, a *rule*, that returns its result and a function
``backward`` from the result's gradient to one gradient an input. ``primitive`` makes a rule work on
nodes: it runs the rule on their arrays and remembers a ``Step``. ``Node.backward`` walks the steps.

Source: Linnainmaa (1970); Griewank & Walther, Evaluating Derivatives (2008), chapter 3.
"""

import contextlib
import functools
import heapq
import inspect
import itertools
import threading
import traceback
import weakref

from . import kernels

__all__ = ["Node", "Step", "detect_anomaly", "is_grad_enabled", "no_grad", "primitive"]

_births = itertools.count()


class _Mode(threading.local):
    grad = True
    anomaly = False


_mode = _Mode()


class no_grad(contextlib.ContextDecorator):
    """Within it (``with no_grad():`` or as a decorator) operations leave no steps behind."""

    def __enter__(self):
        self._before, _mode.grad = _mode.grad, False

    def __exit__(self, *exception):
        _mode.grad = self._before


class detect_anomaly(contextlib.ContextDecorator):
    """Within it, the first operation whose result or gradient is not finite raises FloatingPointError.

    The error names the operation, the shapes, and the line that called it. Slow: for debugging.
    """

    def __enter__(self):
        self._before, _mode.anomaly = _mode.anomaly, True

    def __exit__(self, *exception):
        _mode.anomaly = self._before


def is_grad_enabled():
    """Do operations leave steps behind now?"""
    return _mode.grad


class Step:
    """One operation that was carried out: whom its gradients go to, and how to compute them.

    targets    for each input: the Step it came from, the leaf Node it is, or None (no gradient wanted)
    slots      for each input: which result of that Step it was
    outputs    (shape, dtype, floor) of each result, so that an unused one can get a zero gradient
    birth      its number in the order of creation

    A step knows arrays (through ``backward``) and earlier steps, never its own results: references
    point backwards only, so there is no cycle, and the graph is freed as soon as the loss goes.
    """

    __slots__ = ("op", "backward", "targets", "slots", "outputs", "birth", "watchers", "origin")

    def __init__(self, op, backward, inputs, results):
        self.op = op
        self.backward = backward
        self.targets = [_target(x) for x in inputs]
        self.slots = [x.slot if isinstance(x, Node) else 0 for x in inputs]
        self.outputs = [(r.shape, r.dtype, kernels.of(r)) for r in results] if len(results) > 1 else None
        self.birth = next(_births)
        self.watchers = None
        self.origin = _caller() if _mode.anomaly else None


def _target(x):
    if not isinstance(x, Node) or not x.requires_grad:
        return None
    return x if x.step is None else x.step


class Node:
    """An array, and where it came from.

    data            the array itself, on whatever device it lives
    grad            ∂(what backward was called on)/∂data, an array of the same shape, or None
    requires_grad   should gradients reach it?
    step, slot      the operation that made it and which of its results it is; step is None for a leaf
    """

    __slots__ = ("data", "grad", "requires_grad", "step", "slot", "__weakref__")

    def __init__(self, data, requires_grad=False):
        self.data = data
        self.grad = None
        self.requires_grad = requires_grad
        self.step = None
        self.slot = 0

    @classmethod
    def result_type(cls):
        """The class of what operations on it give."""
        return Node

    def retain_grad(self):
        """Keep ``grad`` here too, though this is no leaf (a leaf that requires it always has one)."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: this tensor does not require a gradient")
        if self.step is not None:
            self.step.watchers = [*(self.step.watchers or ()), (self.slot, weakref.ref(self))]

    def backward(self, gradient=None, retain_graph=False):
        """Add ∂self/∂leaf to ``leaf.grad`` for every leaf that self was computed from.

        gradient: ∂L/∂self, the shape of self; 1 if self has a single element.
        retain_graph: keep the steps' memory, so that backward may be called again. Otherwise it is
        freed, and a second call is an error. Gradients add up until ``grad`` is set to None.

        Why in the order of birth, newest first: a step is born after all of its inputs. So when it is
        the newest step left, every step that used its result has already been walked, and its gradient,
        a sum over all of those uses, is complete. Taking it any earlier would pass on part of the sum
        (and the rest a second time): that is what goes wrong with ``b = a + a; c = b + b`` in a
        depth-first walk. No recursion, so depth is not limited.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "backward: this tensor does not require a gradient; "
                "set requires_grad=True on a leaf it is computed from (and compute it outside no_grad)"
            )
        gradient = _seed(self, gradient)
        if self.step is None:
            _accumulate(self, gradient)
            return
        pending = {self.step: _gradients(self.step, self.slot, gradient)}
        queue = [(-self.step.birth, self.step)]
        while queue:
            _, step = heapq.heappop(queue)
            for target, slot, g in _walk(step, pending.pop(step), retain_graph):
                if isinstance(target, Node):
                    _accumulate(target, g)
                elif target in pending:
                    seen = pending[target]
                    seen[slot] = g if seen[slot] is None else _add(seen[slot], g)
                else:
                    pending[target] = _gradients(target, slot, g)
                    heapq.heappush(queue, (-target.birth, target))


def _seed(node, gradient):
    if gradient is None:
        if node.data.size != 1:
            raise RuntimeError(
                f"backward: self has shape {node.data.shape}; only a single element has an obvious "
                "gradient of 1, so give backward(gradient) of the same shape, or reduce (.sum()) first"
            )
        return kernels.of(node.data).full(node.data.shape, 1.0, node.data.dtype)
    gradient = gradient.data if isinstance(gradient, Node) else gradient
    if tuple(gradient.shape) != tuple(node.data.shape):
        raise ValueError(
            f"backward: gradient has shape {tuple(gradient.shape)}, self has {tuple(node.data.shape)}"
        )
    return gradient


def _gradients(step, slot, g):
    """The gradients of a step's results, only that of one slot known so far."""
    gradients = [None] * (1 if step.outputs is None else len(step.outputs))
    gradients[slot] = g
    return gradients


def _walk(step, gradients, retain_graph):
    """Run one step backwards: (target, slot, gradient) for each input that wants one."""
    if step.backward is None:
        raise RuntimeError(
            f"backward: the memory of {step.op} was freed by an earlier backward through it; "
            "call that one with retain_graph=True, or compute the forward pass again"
        )
    if step.watchers:
        for slot, reference in step.watchers:
            node = reference()
            if node is not None and gradients[slot] is not None:
                _accumulate(node, gradients[slot])
    if step.outputs is not None:
        gradients = [
            floor.full(shape, 0, dtype) if g is None else g
            for g, (shape, dtype, floor) in zip(gradients, step.outputs, strict=True)
        ]
    results = step.backward(*gradients)
    if not retain_graph:
        step.backward = None
    if not isinstance(results, tuple):
        results = (results,)
    for target, slot, g in zip(step.targets, step.slots, results, strict=True):
        if target is not None:
            g = g() if callable(g) else g
            if _mode.anomaly:
                _refuse_nonfinite(g, f"the gradient of {step.op}", step.origin)
            if g is not None:
                yield target, slot, g


def _add(a, b):
    return kernels.of(a).map("add", a, b)


def _accumulate(node, g):
    """Never in place: an array may be the gradient of several inputs at once (of both in a + b)."""
    node.grad = g if node.grad is None else _add(node.grad, g)


def primitive(rule):
    """Make a rule on raw arrays work on nodes.

    rule(x, y, …, *, options) → (result, backward). Its positional parameters are the arrays (some may
    default to None); its options are keyword-only. ``result`` is an array or a tuple of arrays.
    ``backward(dresult, …)`` gives one gradient for each positional parameter, in their order: an
    array of that input's shape; None where there is none to give (an index, a mask); or a function
    without arguments that computes it, called only if that input wants it (for the dear ones).

    Called with arrays only, the primitive gives arrays; with any Node, nodes.
    """
    parameters = inspect.signature(rule).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    names = [p.name for p in positional]
    defaults = [p.default for p in positional]

    @functools.wraps(rule)
    def apply(*inputs, **options):
        if not variadic and (len(inputs) < len(names) or options):
            inputs = _fill_in(rule, inputs, options, names, defaults)
        cls = None
        wants = False
        arrays = []
        for x in inputs:
            if isinstance(x, Node):
                cls = cls or x.result_type()
                wants = wants or x.requires_grad
                arrays.append(x.data)
            else:
                arrays.append(x)
        result, backward = rule(*arrays, **options)
        if _mode.anomaly:
            for r in result if isinstance(result, tuple) else (result,):
                _refuse_nonfinite(r, f"the result of {rule.__name__}", _caller())
        if cls is None:
            return result
        wants = wants and _mode.grad
        if not isinstance(result, tuple):
            node = cls(result)
            if wants and result.dtype.kind == "f":
                node.requires_grad, node.step = True, Step(rule.__name__, backward, inputs, (result,))
            return node
        step = Step(rule.__name__, backward, inputs, result) if wants else None
        nodes = tuple(cls(r) for r in result)
        for slot, node in enumerate(nodes):
            if step is not None and node.data.dtype.kind == "f":
                node.requires_grad, node.step, node.slot = True, step, slot
        return nodes

    apply.rule = rule
    return apply


def _fill_in(rule, inputs, options, names, defaults):
    """Positional parameters given by name or left to their default, put in their places."""
    if len(inputs) > len(names):
        raise TypeError(f"{rule.__name__}: takes {len(names)} arrays, got {len(inputs)}; options go by name")
    inputs = list(inputs)
    for name, default in zip(names[len(inputs) :], defaults[len(inputs) :], strict=True):
        value = options.pop(name, default)
        if value is inspect.Parameter.empty:
            raise TypeError(f"{rule.__name__}: argument {name!r} is missing")
        inputs.append(value)
    return inputs


def _refuse_nonfinite(array, what, origin):
    if not hasattr(array, "dtype") or array.dtype.kind != "f" or array.size == 0:
        return
    floor = kernels.of(array)
    finite = floor.cast(floor.map("isfinite", array), "float64")
    share = float(floor.reduce("sum", finite, tuple(range(finite.ndim)), False).reshape(1)[0]) / array.size
    if share < 1.0:
        raise FloatingPointError(
            f"{what}, shape {tuple(array.shape)}, has {array.size - round(share * array.size)} "
            f"entries that are not finite{f' ({origin})' if origin else ''}"
        )


def _caller():
    """file:line of the nearest frame outside this package's engine."""
    for frame in reversed(traceback.extract_stack()):
        if not frame.filename.endswith("autograd.py") and "ops" not in frame.filename.split("mmscratch")[-1]:
            if not frame.filename.endswith("tensor.py"):
                return f"called at {frame.filename}:{frame.lineno}"
    return None
