"""What explanations need of a network: a gradient in its middle, without a word changed in the network."""

import contextlib

import numpy as np

from ..autograd import Node, Step, enable_grad
from ..tensor import Tensor

__all__ = ["gradients", "intercept", "score", "steps_of"]


@contextlib.contextmanager
def intercept(module, hook):
    """Within it, whatever ``module`` gives is hook(what it would have given).

    kept = []
    with intercept(model.conv4, lambda y: kept.append(y) or y):
        model(images)

    hook       result → result; one that returns what it got only looks
    Note       ``Module.__call__`` asks for ``self.forward``, so an attribute of that name on the one module
               stands before its class's. A caller that goes past ``__call__`` is not intercepted
    """
    before = vars(module).get("forward")
    forward = module.forward

    def intercepted(*inputs, **options):
        return hook(forward(*inputs, **options))

    module.forward = intercepted
    try:
        yield
    finally:
        del module.forward
        if before is not None:
            module.forward = before


def steps_of(node):
    """Every step that the node was computed by, each once."""
    seen, stack = set(), [node.step] if node.step is not None else []
    while stack:
        step = stack.pop()
        if step not in seen:
            seen.add(step)
            yield step
            stack.extend(t for t in step.targets if isinstance(t, Step))


def gradients(outputs, *nodes):
    """∂(Σ outputs)/∂node of each node, arrays; zeros of a node that the outputs do not depend on.

    nodes      leaves that require a gradient, or intermediate results
    Note       other leaves keep the gradients that they have: their targets are taken off the tape, so those
               of the parameters are not even computed. The tape is used up
    """
    wanted = {id(node) for node in nodes}
    for step in steps_of(outputs):
        for i, target in enumerate(step.targets):
            if isinstance(target, Node) and id(target) not in wanted:
                step.targets[i] = None
                if type(step.backward) is list:
                    step.backward[i] = None
    for node in nodes:
        node.grad = None
        node.retain_grad()
    outputs.backward(np.ones(outputs.shape, outputs.dtype))
    return [np.zeros_like(n.data) if n.grad is None else n.grad for n in nodes]


def score(title, function, inputs, context=(), count=None):
    """function(*inputs, *context), made sure to be one number an example: a tensor (B,).

    Errors     ValueError in the name of ``title`` for another shape
    """
    count = len(inputs[0]) if count is None else count
    found = function(*inputs, *context)
    if not isinstance(found, Tensor) or tuple(found.shape) != (count,):
        came = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(
            f"{title}: function: expected a tensor of shape ({count},), one score each, got {came}"
        )
    return found


def score_on_tape(title, function, inputs, context=(), count=None):
    """The same with a gradient.

    Errors     ValueError where the scores do not hang together with the inputs
    """
    with enable_grad():
        found = score(title, function, inputs, context, count)
    if not found.requires_grad:
        raise ValueError(
            f"{title}: function: its scores have no gradient; compute them from the tensors it is given, "
            "with operations of ops and nn"
        )
    return found


def arrays(title, inputs):
    """One array or a tuple of them as a list of float arrays of one length.

    Errors     TypeError for other dtypes, ValueError where lengths differ
    """
    found = [np.ascontiguousarray(x) for x in (inputs if isinstance(inputs, tuple | list) else (inputs,))]
    for x in found:
        if x.dtype not in (np.float32, np.float64):
            raise TypeError(f"{title}: inputs: expected float32 or float64, got {x.dtype}")
        if x.ndim == 0 or len(x) != len(found[0]) or len(x) == 0:
            raise ValueError(
                f"{title}: inputs: expected one row an example and the same number of rows in each, got "
                f"{[y.shape for y in found]}"
            )
    return found


def rows(title, context, count):
    """The context as a list of arrays of ``count`` rows."""
    found = [np.asarray(c) for c in context]
    for c in found:
        if c.ndim == 0 or len(c) != count:
            raise ValueError(f"{title}: context: expected {count} rows in each array, got shape {c.shape}")
    return found
