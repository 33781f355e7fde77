"""Device memory: arrays, the free list they come from, and the two doors to the host.

Blocks of memory are kept when their last array goes and handed out again, so a training step that
repeats the shapes of the one before allocates nothing (and never waits for the device to free).
A block may be handed out while queued kernels still use its old content: whoever gets it queues
behind them on the same stream, so the order stays right.

What stays for good (an optimizer's state) is made under ``lasting()``, of new memory: had it taken what the
passes of the first step left, the second step would miss it and allocate again.
"""

import contextlib
import math
import threading
from dataclasses import dataclass

import numpy as np

__all__ = ["Counters", "DeviceArray", "counters", "download", "empty", "lasting", "release", "upload"]


@dataclass
class Counters:
    """What has happened so far; read it before and after, and subtract."""

    uploads: int = 0
    downloads: int = 0
    allocations: int = 0
    reuses: int = 0

    def snapshot(self):
        """A copy that stands still."""
        return Counters(self.uploads, self.downloads, self.allocations, self.reuses)

    def __sub__(self, before):
        return Counters(
            self.uploads - before.uploads,
            self.downloads - before.downloads,
            self.allocations - before.allocations,
            self.reuses - before.reuses,
        )


counters = Counters()
_free = {}
_lock = threading.Lock()
_mode = threading.local()


@contextlib.contextmanager
def lasting():
    """Arrays made meanwhile get memory of their own and leave the free list to those that come and go."""
    before = getattr(_mode, "lasting", False)
    _mode.lasting = True
    try:
        yield
    finally:
        _mode.lasting = before


def block_size(nbytes):
    """nbytes rounded up to {4, 5, 6, 7} · 2ᵏ, at least 512: few sizes, at most a quarter unused."""
    if nbytes <= 512:
        return 512
    unit = 1 << ((nbytes - 1).bit_length() - 3)
    return -(-nbytes // unit) * unit


class _Block:
    """A piece of device memory, with the flat arrays through which kernels have seen it."""

    __slots__ = ("raw", "views", "size")

    def __init__(self, size):
        self.size = size
        with _lock:
            kept = None if getattr(_mode, "lasting", False) else _free.get(size)
            if kept:
                self.raw, self.views = kept.pop()
                counters.reuses += 1
                return
        self.raw, self.views = _allocate(size), {}
        counters.allocations += 1

    def __del__(self):
        raw = getattr(self, "raw", None)  # None where the allocation failed
        if raw is not None and _free is not None:
            _free.setdefault(self.size, []).append((raw, self.views))  # atomic: needs no lock

    def flat(self, dtype, start, count):
        """``count`` entries from entry ``start`` on, as Numba's device array; kept for the next time.

        Never fewer than one entry, for a launch wants memory; no kernel touches it where count is 0.
        """
        key = (dtype, start, count)
        view = self.views.get(key)
        if view is None:
            if len(self.views) >= 256:
                self.views.clear()
            view = self.views[key] = self.raw.view(dtype)[start : start + max(count, 1)]
        return view


def _allocate(size):
    from numba import cuda

    try:
        return cuda.device_array(size, np.uint8)
    except Exception as first:
        if "memory" not in str(first).lower():
            raise
        release()
        try:
            return cuda.device_array(size, np.uint8)
        except Exception as error:
            raise MemoryError(f"device memory: no block of {size} bytes is free: {error}") from None


def release():
    """Give every unused block back to the device."""
    with _lock:
        _free.clear()


class DeviceArray:
    """A contiguous array in device memory. It computes nothing: the kernels do.

    shape, dtype, ndim, size, nbytes   as in NumPy
    reshape                            the same memory under another shape
    """

    __slots__ = ("block", "start", "shape", "dtype", "size", "__weakref__")

    def __init__(self, shape, dtype, block=None, start=0):
        self.shape = tuple(map(int, shape))
        self.dtype = np.dtype(dtype)
        self.size = math.prod(self.shape)
        self.start = start
        self.block = _Block(block_size(self.size * self.dtype.itemsize)) if block is None else block

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def nbytes(self):
        return self.size * self.dtype.itemsize

    @property
    def flat(self):
        """All entries in one row, as Numba's device array: what kernels get."""
        return self.block.flat(self.dtype, self.start, self.size)

    def reshape(self, *shape):
        """The same memory under another shape; one axis may be -1."""
        shape = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
        if -1 in shape:
            known = -math.prod(shape)
            shape = tuple(self.size // known if n == -1 and known else max(n, 0) for n in shape)
        if math.prod(shape) != self.size:
            raise ValueError(f"reshape: an array of shape {self.shape} has no shape {tuple(shape)}")
        return DeviceArray(shape, self.dtype, self.block, self.start)

    def rows(self, first, last):
        """Entries first … last − 1 of the leading axis, in the same memory."""
        width = math.prod(self.shape[1:])
        shape = (last - first, *self.shape[1:])
        return DeviceArray(shape, self.dtype, self.block, self.start + first * width)

    def item(self):
        """The only entry, as a Python number (this waits for the device)."""
        if self.size != 1:
            raise ValueError(f"item: expected a single entry, got shape {self.shape}")
        return download(self).item()

    def __getitem__(self, index):
        if self.ndim == 1 and isinstance(index, int) and -self.size <= index < self.size:
            return download(self.rows(index % self.size, index % self.size + 1))[0]
        raise TypeError(
            f"device array of shape {self.shape}: indexed by {index!r}; outside kernels only one entry of a "
            "1-d array can be read (and that waits for the device); use ops.index, or .numpy() first"
        )

    def __len__(self):
        if not self.shape:
            raise TypeError("len: a 0-d device array has no length")
        return self.shape[0]

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            f"device array of shape {self.shape}: NumPy asked for its content; "
            "a copy to the host is never made silently: use .numpy() on the tensor, or memory.download"
        )

    @property
    def __cuda_array_interface__(self):
        """Lets CuPy, PyTorch and others look at the same memory."""
        return {**self.flat.__cuda_array_interface__, "shape": self.shape, "strides": None}

    def __deepcopy__(self, seen):
        """The same numbers in memory of their own, copied on the device."""
        copy = DeviceArray(self.shape, self.dtype)
        if self.size:
            copy.flat.copy_to_device(self.flat)
        return copy

    def __reduce__(self):
        raise TypeError("pickle: a device array stays in its process; download it first, with .numpy()")

    def __repr__(self):
        return f"<device array {self.dtype} {self.shape}>"


def empty(shape, dtype):
    """A new device array with whatever was in its memory."""
    return DeviceArray(shape, dtype)


def upload(array):
    """A NumPy array's copy on the device."""
    array = np.asarray(array, order="C")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"upload: expected numbers or bools, got dtype {array.dtype}")
    copy = DeviceArray(array.shape, array.dtype)
    counters.uploads += 1
    if array.size:
        copy.flat.copy_to_device(array.reshape(-1))
    return copy


def download(array):
    """A device array's copy on the host; waits until it has been computed."""
    if not isinstance(array, DeviceArray):
        raise TypeError(f"download: expected a device array, got {type(array).__name__}")
    counters.downloads += 1
    if array.size == 0:
        return np.empty(array.shape, array.dtype)
    return np.asarray(array.flat.copy_to_host()).reshape(array.shape)
