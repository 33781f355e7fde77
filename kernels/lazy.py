"""A floor's attributes are its kernels, each file imported when one of its kernels is first asked for."""

import importlib
import sys
import types

from .interface import FILES

_FILE_OF = {name: file for file, names in FILES.items() for name in names}


class _Floor(types.ModuleType):
    """A package in which a file named after one of its kernels (softmax.softmax) does not hide it.

    Importing a file sets the package's attribute of that name to the module, whoever imports it.
    """

    def __setattr__(self, name, value):
        if isinstance(value, types.ModuleType):
            value = getattr(value, name, value)
        super().__setattr__(name, value)


def attributes(namespace):
    """``__getattr__`` and ``__dir__`` for the ``__init__`` of a floor (PEP 562); found kernels stay."""
    package = namespace["__name__"]
    sys.modules[package].__class__ = _Floor

    def __getattr__(name):
        if name not in _FILE_OF:
            raise AttributeError(f"{package} has no kernel {name!r}; interface.py lists them")
        module = importlib.import_module(f"{package}.{_FILE_OF[name]}")
        kernel = namespace[name] = getattr(module, name)
        return kernel

    def __dir__():
        return sorted({*namespace, *_FILE_OF})

    return __getattr__, __dir__
