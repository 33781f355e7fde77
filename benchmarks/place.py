"""Where a comparison happens: the device, which libraries are there, and arrays for either side.

All libraries get as many threads as our kernels use, and one allocator: the settings that our cpu floor
gives the C library hold for the process, so for every side of a row.
"""

import importlib
import importlib.util
import warnings

import numpy as np

from mmscratch import kernels
from mmscratch.tensor import Tensor, tensor

__all__ = ["LIBRARIES", "Place", "as_array", "backward_step", "gpu", "missing", "threads"]

ALWAYS = ("torch", "faiss")
"""Libraries that are set up before anything is timed."""

LATER = ("tokenizers", "gensim", "librosa", "lightgbm", "pycocoevalcap")
"""Libraries of a few rows: imported by the first that asks."""

LIBRARIES = ALWAYS + LATER


def threads():
    """Threads that our kernels use."""
    kernels.floor("cpu")
    import numba

    return numba.get_num_threads()


def gpu():
    """The name of a usable NVIDIA GPU, or None. Numba's simulator is none."""
    from numba import config, cuda

    if config.ENABLE_CUDASIM:
        return None
    try:
        name = cuda.get_current_device().name
    except Exception:  # no driver, no device, no toolkit: each has an error of its own
        return None
    return name.decode() if isinstance(name, bytes) else str(name)


def missing():
    """One line about the libraries that are not installed and how to get them, or None."""
    names = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    return f"without {', '.join(names)}: pip install 'mmscratch[oracle]' brings them" if names else None


class Place:
    """device: "cpu" or "cuda"; libraries: those that may be used (of ``LIBRARIES``), if installed.

    torch, faiss, tokenizers, …: the modules of ``LIBRARIES``, or None where they are missing.
    """

    def __init__(self, device="cpu", libraries=LIBRARIES):
        self.device, self.libraries = device, libraries
        for name in ALWAYS:
            setattr(self, name, self._module(name))
        if self.torch is not None:
            self.torch.set_num_threads(threads())
            self.torch.backends.cuda.matmul.allow_tf32 = False
            self.torch.backends.cudnn.allow_tf32 = False
            if device == "cuda" and not self.torch.cuda.is_available():
                self.torch = None
        if self.faiss is not None:
            self.faiss.omp_set_num_threads(threads())
            if device == "cuda":
                self.faiss = None

    def _module(self, name):
        there = name in self.libraries and importlib.util.find_spec(name) is not None
        return importlib.import_module(name) if there else None

    def __getattr__(self, name):
        if name not in LATER:
            raise AttributeError(f"a place has no {name!r}")
        module = self._module(name)
        setattr(self, name, module)
        return module

    def ours(self, array, grad=False):
        """Our tensor with these numbers, on the device."""
        if self.device == "cpu":
            return Tensor(np.ascontiguousarray(array), grad)
        return tensor(array, requires_grad=grad, device="cuda")

    def theirs(self, array, grad=False):
        """Torch's tensor with these numbers, on the device; on the cpu it shares the array's memory."""
        t = self.torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
        return t.requires_grad_() if grad else t

    def finish(self):
        """Wait until the device has done all that was asked of it."""
        if self.device == "cuda":
            from numba import cuda

            cuda.synchronize()
            if self.torch is not None:
                self.torch.cuda.synchronize()

    def traced(self, module, example):
        """A torch module after torch.jit's trace, freeze and optimisation for inference."""
        jit = self.torch.jit
        with warnings.catch_warnings(), self.torch.inference_mode():
            warnings.simplefilter("ignore")
            return jit.optimize_for_inference(jit.freeze(jit.trace(module.eval(), example)))


def backward_step(forward, leaves, gradient):
    """A call that goes forwards and backwards; the same words serve our tensors and torch's.

    forward: () → result; leaves: the tensors that get gradients; gradient of the result (None for a scalar).
    → the result, then the gradients
    """

    def call():
        for leaf in leaves:
            leaf.grad = None
        y = forward()
        y.backward(gradient)
        return [y, *(leaf.grad for leaf in leaves)]

    return call


def as_array(x):
    """Any library's array as NumPy's."""
    if isinstance(x, np.ndarray | np.generic | float | int):
        return np.asarray(x)
    if type(x).__module__.startswith("torch"):
        return x.detach().cpu().numpy()
    return (x.detach() if isinstance(x, Tensor) else Tensor(x)).numpy()
