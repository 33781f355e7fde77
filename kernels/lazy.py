"""A floor's attributes are its kernels, each file imported when one of its kernels is first asked for."""

import importlib

from .interface import FILES

_FILE_OF = {name: file for file, names in FILES.items() for name in names}


def attributes(namespace):
    """``__getattr__`` and ``__dir__`` for the ``__init__`` of a floor (PEP 562); found kernels stay."""
    package = namespace["__name__"]

    def __getattr__(name):
        if name not in _FILE_OF:
            raise AttributeError(f"{package} has no kernel {name!r}; interface.py lists them")
        module = importlib.import_module(f"{package}.{_FILE_OF[name]}")
        kernel = namespace[name] = getattr(module, name)
        return kernel

    def __dir__():
        return sorted({*namespace, *_FILE_OF})

    return __getattr__, __dir__
