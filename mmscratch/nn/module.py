"""Module: what holds parameters, and finds them by looking at its own attributes.

Nothing is registered and nothing is intercepted: a parameter is an attribute that is a ``Parameter``,
a child is an attribute that is a ``Module``, in the order in which the attributes were first set.
"""

import copy

import numpy as np

from .. import kernels
from ..random import Generator
from ..tensor import Tensor

__all__ = ["Buffer", "Module", "Parameter"]


class Parameter(Tensor):
    """A tensor to be learnt: as an attribute of a Module it belongs to ``parameters()``."""

    __slots__ = ()

    def __init__(self, data, requires_grad=True):
        super().__init__(data, requires_grad=requires_grad)

    def __deepcopy__(self, memo):
        return type(self)(_copy(self.data), self.requires_grad)


class Buffer(Tensor):
    """State that is saved and moved but not learnt, such as the running mean of a batch norm.

    persistent: is it part of ``state_dict()``?  A buffer of integers stays on the host: it counts something.
    """

    __slots__ = ("persistent",)

    def __init__(self, data, persistent=True):
        super().__init__(data)
        self.persistent = persistent

    def __deepcopy__(self, memo):
        return type(self)(_copy(self.data), self.persistent)


def _copy(array):
    return kernels.of(array).cast(array, array.dtype)


class Module:
    """A function with parameters. Write ``forward``; assign parameters and children in ``__init__``.

    class Affine(Module):
        def __init__(self, size):
            self.weight = Parameter(np.ones(size, np.float32))
            self.inner = Linear(size, size)

        def forward(self, x):
            return self.inner(x) * self.weight
    """

    training = True

    def __call__(self, *inputs, **options):
        return self.forward(*inputs, **options)

    def forward(self, *inputs, **options):
        raise NotImplementedError(f"{type(self).__name__}: forward is not written")

    # ── walking ──────────────────────────────────────────────────────────────────────────────────
    def _own(self, kind):
        """(name, value) of the attributes of a kind, in the order of their first assignment."""
        for name, value in vars(self).items():
            if isinstance(value, kind):
                yield name, value
            elif isinstance(value, list | tuple) and any(isinstance(v, Module | Parameter) for v in value):
                raise TypeError(
                    f"{type(self).__name__}: attribute {name!r} is a plain {type(value).__name__} that holds "
                    "modules or parameters, which would be forgotten; use ModuleList, or one attribute each"
                )

    def named_children(self):
        """(name, module) of the direct children."""
        yield from self._own(Module)

    def children(self):
        """The direct children."""
        for _, child in self.named_children():
            yield child

    def named_modules(self, prefix=""):
        """(dotted name, module) of self and all below, parents first; a shared module once."""
        seen = set()
        for name, module in self._walk(prefix):
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self):
        """self and all modules below."""
        for _, module in self.named_modules():
            yield module

    def _walk(self, prefix=""):
        """Like ``named_modules``, but a shared module under each of its names."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child._walk(_join(prefix, name))

    def _named(self, kind, shared):
        seen = set()
        for prefix, module in self._walk():
            for name, value in module._own(kind):
                if shared or id(value) not in seen:
                    seen.add(id(value))
                    yield _join(prefix, name), value

    def named_parameters(self):
        """(dotted name, parameter); a parameter that has two names is listed once, under the first."""
        yield from self._named(Parameter, shared=False)

    def parameters(self):
        """All parameters of self and the modules below, each once, always in the same order."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_buffers(self):
        """(dotted name, buffer), each once."""
        yield from self._named(Buffer, shared=False)

    def buffers(self):
        """All buffers, each once."""
        for _, buffer in self.named_buffers():
            yield buffer

    def named_generators(self):
        """(dotted name, generator) of the random generators that modules hold, each once."""
        yield from self._named(Generator, shared=False)

    # ── modes ────────────────────────────────────────────────────────────────────────────────────
    def train(self, mode=True):
        """Training behaviour (dropout drops, batch norm counts) for self and all below; returns self."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self):
        """Evaluation behaviour; returns self."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Learn these parameters, or leave them as they are (``False``); returns self."""
        for parameter in self.parameters():
            parameter.requires_grad = bool(requires_grad)
        return self

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def apply(self, function):
        """function(module) for every module, children before parents; returns self."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def to(self, target):
        """Parameters and floating buffers on a device ("cpu", "cuda") or in a dtype; returns self.

        The parameters stay the same objects, so an optimizer made before keeps them (not its state:
        make optimizers after moving). Gradients are forgotten.
        """
        for value in (*self.parameters(), *self.buffers()):
            if value.data.dtype.kind == "f":
                value.data, value.grad = value.detach().to(target).data, None
        return self

    def copy(self):
        """A module with its own copies of all parameters and buffers; generators stay shared."""
        return copy.deepcopy(self, {id(g): g for _, g in self.named_generators()})

    # ── state ────────────────────────────────────────────────────────────────────────────────────
    def _state(self):
        """name → Parameter or Buffer, as PyTorch orders and names them; shared ones under each name."""
        state = {}
        for prefix, module in self._walk():
            for kind in (Parameter, Buffer):
                for name, value in module._own(kind):
                    if kind is Parameter or value.persistent:
                        state[_join(prefix, name)] = value
        return state

    def state_dict(self):
        """name → NumPy array: copies of all parameters and persistent buffers, in a fixed order."""
        return {name: np.array(value.detach().numpy()) for name, value in self._state().items()}

    def load_state_dict(self, state, strict=True):
        """Take over the arrays of ``state`` (name → array or Tensor), in this module's dtype and device.

        Returns (missing, unexpected) names. With ``strict`` both must be empty.
        Errors     KeyError naming missing and unexpected keys; ValueError naming every key of another shape
        """
        own = self._state()
        missing = [name for name in own if name not in state]
        unexpected = [name for name in state if name not in own]
        title = f"{type(self).__name__}.load_state_dict"
        if strict and (missing or unexpected):
            told = [f"{what} {', '.join(names)}" for what, names in
                    (("missing", missing), ("unexpected", unexpected)) if names]  # fmt: skip
            raise KeyError(f"{title}: {'; '.join(told)}")
        arrays = {name: _array(state[name], f"{title}: {name}") for name in own if name in state}
        wrong = [
            f"{name} has shape {array.shape}, expected {tuple(own[name].shape)}"
            for name, array in arrays.items()
            if array.shape != tuple(own[name].shape)
        ]
        if wrong:
            raise ValueError(f"{title}: {'; '.join(wrong)}")
        for name, array in arrays.items():  # only now, so that a refused state changes nothing
            own[name].data = like(own[name], array)
        return missing, unexpected

    # ── looks ────────────────────────────────────────────────────────────────────────────────────
    def extra_repr(self):
        """What ``repr`` puts between the brackets: sizes and options."""
        return ""

    def __repr__(self):
        lines = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        head = f"{type(self).__name__}({self.extra_repr()}"
        return head + ")" if not lines else head + "".join(f"\n  {line}" for line in lines) + "\n)"


def like(tensor, array):
    """The host array as the tensor's data could be: its dtype, on its device, in memory of its own."""
    array = np.array(array, dtype=tensor.dtype, order="C")
    return Tensor(array).to(tensor.device).data


def _array(value, where):
    array = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{where}: expected numbers, got dtype {array.dtype}")
    return array


def _join(prefix, name):
    return f"{prefix}.{name}" if prefix else name
