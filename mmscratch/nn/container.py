"""Modules that hold other modules under the names 0, 1, 2, …"""

from .module import Module

__all__ = ["ModuleList", "Sequential"]


class ModuleList(Module):
    """A list whose entries are children: ``layers.0``, ``layers.1``, … in the ``state_dict``."""

    def __init__(self, modules=()):
        self.extend(modules)

    def append(self, module):
        """Add one more; returns self."""
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}: expected a Module, got {type(module).__name__}")
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules):
        """Add several; returns self."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self):
        return sum(1 for _ in self.children())

    def __iter__(self):
        return self.children()

    def __getitem__(self, index):
        chosen = list(self.children())[index]
        return type(self)(*_arguments(self, chosen)) if isinstance(index, slice) else chosen


class Sequential(ModuleList):
    """Modules one after the other.

    Forward    y = f_n(… f_2(f_1(x)))
    Shapes     x (…) → y (…), whatever the modules make of it
    """

    def __init__(self, *modules):
        self.extend(modules)

    def forward(self, x):
        for module in self:
            x = module(x)
        return x


def _arguments(container, modules):
    return modules if isinstance(container, Sequential) else (modules,)
