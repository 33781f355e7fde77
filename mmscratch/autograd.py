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
import sys
import threading
import weakref

from numpy import generic, ndarray

from . import kernels

__all__ = ["Node", "Step", "detect_anomaly", "enable_grad", "is_grad_enabled", "no_grad", "primitive"]

_births = itertools.count()

_HOST = (ndarray, float, int)
"""What operands on the host mostly are."""


class _Mode(threading.local):
    """Each thread has its own: what one switches off stays on in the others."""

    def __init__(self):
        self.grad = True
        self.anomaly = False
        self.before = []


_mode = _Mode()


class _Switch(contextlib.ContextDecorator):
    """Sets one field of the mode within a ``with`` block or a decorated function, and puts it back."""

    field, value = None, None

    def __enter__(self):
        # The earlier value lies with the thread, not in self: a decorator's self is shared by all calls.
        _mode.before.append(getattr(_mode, self.field))
        setattr(_mode, self.field, self.value)

    def __exit__(self, *exception):
        setattr(_mode, self.field, _mode.before.pop())


class no_grad(_Switch):
    """Within it (``with no_grad():`` or as a decorator) operations leave no steps behind."""

    field, value = "grad", False


class enable_grad(_Switch):
    """Within it operations leave steps behind again, inside a ``no_grad``."""

    field, value = "grad", True


class detect_anomaly(_Switch):
    """Within it, the first operation whose result or gradient is not finite raises FloatingPointError.

    The error names the operation, the shapes, and the line that called it. Slow: for debugging.
    """

    field, value = "anomaly", True


def is_grad_enabled():
    """Do operations leave steps behind now?"""
    return _mode.grad


class Step:
    """One operation that was carried out: whom its gradients go to, and how to compute them.

    targets    for each input: the Step it came from, the leaf Node it is, or None (no gradient wanted)
    slots      for each input: which result of that Step it was; None if each was the first
    backward   the function that gives all gradients, or a list of one function for each input (see
               ``primitive``); None once it was freed
    outputs    of several results, for each a function that makes its gradient of zeros, in case it was
               not used; None for a single result
    birth      its number in the order of creation
    watchers   the results that keep their gradient (``retain_grad``): pairs of slot and weak reference
    origin     file and line it was asked for at, under ``detect_anomaly``

    A step knows arrays (through ``backward``) and earlier steps, never its own results: references
    point backwards only, so there is no cycle, and the graph is freed as soon as the loss goes.
    """

    __slots__ = ("op", "backward", "targets", "slots", "outputs", "birth", "watchers", "origin")

    def __init__(self, op, backward, targets, slots, results=None, origin=None):
        self.op = op
        self.backward = backward
        self.targets = targets
        self.slots = slots
        self.outputs = None if results is None else [_blank(r) for r in results]
        self.birth = next(_births)
        self.watchers = None
        self.origin = origin


class Node:
    """An array, and where it came from.

    data            the array itself, on whatever device it lives
    grad            ∂(what backward was called on)/∂data, an array of the same shape, or None
    requires_grad   should gradients reach it?
    step, slot      the operation that made it and which of its results it is; step is None for a leaf
    """

    __slots__ = ("data", "grad", "requires_grad", "step", "slot", "__weakref__")

    result_class = None
    """The class of what operations on it give; Node itself until a subclass says otherwise."""

    def __init__(self, data, requires_grad=False, step=None, slot=0):
        self.data = data
        self.grad = None
        self.requires_grad = requires_grad
        self.step = step
        self.slot = slot

    def retain_grad(self):
        """Keep ``grad`` here too, though this is no leaf (a leaf that requires it always has one)."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: this tensor does not require a gradient")
        if self.step is not None:
            watchers = [w for w in self.step.watchers or () if w[1]() is not self]
            self.step.watchers = [*watchers, (self.slot, weakref.ref(self))]

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
        push, pop = heapq.heappush, heapq.heappop
        anomaly = _mode.anomaly
        while queue:
            step = pop(queue)[1]
            gradients = _walk(step, pending.pop(step), retain_graph)
            targets, slots = step.targets, step.slots
            for i, g in enumerate(gradients):
                if g is None:
                    continue
                if anomaly:
                    _refuse_nonfinite(g, f"the gradient of {step.op}", step.origin)
                target, slot = targets[i], slots[i] if slots else 0
                if type(target) is not Step:
                    _accumulate(target, g)
                elif target not in pending:
                    pending[target] = [g] if target.outputs is None else _gradients(target, slot, g)
                    push(queue, (-target.birth, target))
                else:
                    seen = pending[target]
                    seen[slot] = g if seen[slot] is None else _add(seen[slot], g)


Node.result_class = Node


def _seed(node, gradient):
    data = node.data
    floor = kernels.of(data)
    if gradient is None:
        if data.size != 1:
            raise RuntimeError(
                f"backward: self has shape {tuple(data.shape)}; only a single element has an obvious "
                "gradient of 1, so give backward(gradient) of the same shape, or reduce (.sum()) first"
            )
        return floor.full(data.shape, 1.0, data.dtype)
    gradient = gradient.data if isinstance(gradient, Node) else gradient
    if not hasattr(gradient, "dtype") or tuple(gradient.shape) != tuple(data.shape):
        came = f"shape {tuple(gradient.shape)}" if hasattr(gradient, "dtype") else type(gradient).__name__
        raise ValueError(
            f"backward: gradient is {came}; expected an array of self's shape {tuple(data.shape)}"
        )
    _refuse_mixed("backward", (data, gradient))
    return gradient if gradient.dtype == data.dtype else floor.cast(gradient, data.dtype)


def _blank(result):
    """A function that makes the gradient of a result nobody used; it does not hold the result itself."""
    if result.dtype.kind != "f":
        return lambda: None
    return functools.partial(kernels.of(result).full, tuple(result.shape), 0, result.dtype)


def _gradients(step, slot, g):
    """The gradients of a step's results, only that of one slot known so far."""
    if step.outputs is None:
        return [g]
    gradients = [None] * len(step.outputs)
    gradients[slot] = g
    return gradients


def _walk(step, gradients, retain_graph):
    """Run one step backwards, from its results' gradients to one an input, None where none is wanted."""
    backward = step.backward
    if backward is None:
        raise RuntimeError(
            f"backward: the memory of {step.op} was freed by an earlier backward through it; "
            "call that one with retain_graph=True, or compute the forward pass again"
        )
    if step.watchers:
        for slot, reference in step.watchers:
            node = reference()
            if node is not None and gradients[slot] is not None:
                _accumulate(node, gradients[slot])
    if step.outputs is not None and not getattr(backward, "takes_none", False):
        gradients = [zero() if g is None else g for g, zero in zip(gradients, step.outputs, strict=True)]
    if not retain_graph:
        step.backward = None
    if type(backward) is list:  # one function for each input that wants a gradient
        return [None if function is None else function(*gradients) for function in backward]
    found = backward(*gradients)
    found = found if type(found) is tuple else (found,)
    wanted = [None if t is None else g for t, g in zip(step.targets, found, strict=True)]
    return [g() if callable(g) else g for g in wanted]


def _add(a, b):
    return kernels.of(a).map("add", a, b)


def _accumulate(node, g):
    """Never in place: an array may be the gradient of several inputs at once (of both in a + b)."""
    node.grad = g if node.grad is None else _add(node.grad, g)


def primitive(rule):
    """Make a rule on raw arrays work on nodes.

    rule(x, y, …, *, options) → (result, backward). Its positional parameters are the arrays (some may
    default to None); its options are keyword-only. ``result`` is an array or a tuple of arrays.
    ``backward`` has one of two forms:

    function   backward(dresult, …) gives the gradients of all positional parameters, in their order: each an
               array of that input's shape; or None where there is none to give (an index, a mask); or a
               function without arguments that computes it, called only if that input wants it.
               The form for gradients that share work, and for a single input.
    tuple      (dx, dy, …): for each positional parameter a function dx(dresult, …) that gives its gradient,
               or None. Those of inputs that want no gradient are dropped at once, and so are the arrays that
               nothing but they would have needed: x·w keeps w for dx, but not x where w is a constant.
               The form for gradients that have nothing to do with each other.

    Of several results, one that was not used has a gradient of zeros (None for integers); a backward
    with the attribute ``takes_none`` gets None for it instead, and may save itself the work.

    Called with arrays only, the primitive gives arrays; with any Node, nodes. A NumPy scalar counts as
    a Python number: it takes on the dtype of the arrays it meets.
    """
    op = rule.__name__.strip("_")
    parameters = inspect.signature(rule).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    names = [p.name for p in positional]
    defaults = [p.default for p in positional]
    count = None if variadic else len(names)

    def apply(*inputs, **options):
        if len(inputs) != count and not variadic:
            inputs = _fill_in(op, inputs, options, names, defaults)
        cls = slots = None
        wants = foreign = False
        arrays, targets = [], []
        for x in inputs:
            target = None
            if isinstance(x, Node):
                cls = cls or x.result_class
                if x.requires_grad:
                    wants, target = True, x.step or x
                    if x.slot:
                        slots = slots or [0] * len(inputs)
                        slots[len(targets)] = x.slot
                x = x.data
            if type(x) is not ndarray:
                if isinstance(x, generic):
                    x = x.item()
                elif hasattr(x, "dtype"):
                    foreign = True
            arrays.append(x)
            targets.append(target)
        if foreign:
            _refuse_mixed(op, arrays)
        result, backward = rule(*arrays, **options)
        if _mode.anomaly:
            for r in result if type(result) is tuple else (result,):
                _refuse_nonfinite(r, f"the result of {op}", _caller())
        if cls is None:
            return result
        if not wants or not _mode.grad:
            return tuple(map(cls, result)) if type(result) is tuple else cls(result)
        return _recorded(op, cls, result, backward, targets, slots)

    if count == 2:
        apply = _unrolled(op, rule, apply)
    apply = functools.update_wrapper(apply, rule)
    apply.rule = rule
    return apply


def _unrolled(op, rule, general):
    """``general`` for two operands, without its loops: recording costs half as much.

    What is rare is left to it: options, arrays on a device, one of several results, detecting anomalies.
    """

    def apply(*inputs, **options):
        if len(inputs) != 2 or options:
            return general(*inputs, **options)
        a, b = inputs
        cls = to_a = to_b = None
        slot = 0
        if isinstance(a, Node):
            cls = a.result_class
            if a.requires_grad:
                to_a, slot = a.step or a, a.slot
            a = a.data
        if isinstance(b, Node):
            cls = cls or b.result_class
            if b.requires_grad:
                to_b, slot = b.step or b, slot or b.slot
            b = b.data
        if slot or type(a) is not ndarray or type(b) not in _HOST or _mode.anomaly:
            return general(*inputs)
        result, backward = rule(a, b)
        if cls is None:
            return result
        if (to_a is None and to_b is None) or not _mode.grad:
            return tuple(map(cls, result)) if type(result) is tuple else cls(result)
        if type(result) is tuple or type(backward) is not tuple or len(backward) != 2:
            return _recorded(op, cls, result, backward, [to_a, to_b], None)
        da, db = backward
        backward = [None if to_a is None else da, None if to_b is None else db]
        step = Step(op, backward, [to_a, to_b], None)
        return cls(result, True, step) if result.dtype.kind == "f" else cls(result)

    return apply


def _recorded(op, cls, result, backward, targets, slots):
    """The results of an operation as nodes that remember its step."""
    if type(backward) is tuple:
        if len(backward) != len(targets):
            raise ValueError(f"{op}: {len(backward)} functions in backward for {len(targets)} inputs")
        backward = list(backward)
        for i, target in enumerate(targets):
            if target is None:
                backward[i] = None
    origin = _caller() if _mode.anomaly else None
    if type(result) is tuple:
        step = Step(op, backward, targets, slots, result, origin)
        return tuple([_node(cls, r, step, slot) for slot, r in enumerate(result)])
    return _node(cls, result, Step(op, backward, targets, slots, None, origin))


def _node(cls, array, step, slot=0):
    """One result of a step as a node; integers and truth values have no gradient, so no past either."""
    return cls(array, True, step, slot) if array.dtype.kind == "f" else cls(array)


def _fill_in(op, inputs, options, names, defaults):
    """Positional parameters given by name or left to their default, put in their places."""
    if len(inputs) > len(names):
        raise TypeError(f"{op}: takes {len(names)} arrays, got {len(inputs)}; options go by name")
    inputs = list(inputs)
    for name, default in zip(names[len(inputs) :], defaults[len(inputs) :], strict=True):
        value = options.pop(name, default)
        if value is inspect.Parameter.empty:
            raise TypeError(f"{op}: argument {name!r} is missing")
        inputs.append(value)
    return inputs


def _refuse_mixed(op, arrays):
    """An operation runs where its arrays are, so they must be in one place."""
    places = {"cpu" if isinstance(x, ndarray) else "cuda" for x in arrays if hasattr(x, "dtype")}
    if len(places) > 1:
        raise TypeError(
            f"{op}: some arrays are on the cpu and some on cuda; move them with .to(device) first"
        )


def _refuse_nonfinite(array, what, origin):
    if not hasattr(array, "dtype") or array.dtype.kind != "f" or array.size == 0:
        return
    floor = kernels.of(array)
    finite = floor.cast(floor.map("isfinite", array), "float64")
    count = floor.reduce("sum", finite, tuple(range(finite.ndim)), False).reshape((1,))
    if not isinstance(count, ndarray):
        from .kernels.cuda import memory

        count = memory.download(count)
    if count[0] < array.size:
        wrong = array.size - int(count[0])
        raise FloatingPointError(
            f"{what}, shape {tuple(array.shape)}, has {wrong} entries that are not finite"
            f"{f' (called at {origin})' if origin else ''}"
        )


_ENGINE = ("autograd", "ops", "tensor", "kernels")
"""The modules of this package that carry operations out; an error points at the line that asked for one."""


def _caller():
    """file:line of the nearest frame outside the engine."""
    package = __name__.rpartition(".")[0]
    frame = sys._getframe(1)
    while frame is not None:
        owner, *rest = frame.f_globals.get("__name__", "").split(".")
        if owner != package or not rest or rest[0] not in _ENGINE:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return None
