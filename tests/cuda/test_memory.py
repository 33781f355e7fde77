"""Device memory: the two doors and their counters, the free list, no silent copies; launching."""

import copy
import gc
import pickle
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pytest


def moved(memory, action):
    """What the counters say the action did."""
    before = memory.counters.snapshot()
    result = action()
    return result, memory.counters.snapshot() - before


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (2, 0, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "uint32", "bool"])
def test_round_trip(memory, shape, dtype):
    x = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    device, up = moved(memory, lambda: memory.upload(x))
    assert (device.shape, device.dtype, device.ndim, device.size, device.nbytes) == (
        x.shape, x.dtype, x.ndim, x.size, x.nbytes)  # fmt: skip
    y, down = moved(memory, lambda: memory.download(device))
    np.testing.assert_array_equal(y, x)
    assert y.dtype == x.dtype and y.shape == x.shape
    assert (up.uploads, up.downloads, down.uploads, down.downloads) == (1, 0, 0, 1)


def test_upload_of_a_strided_array_and_independence(memory):
    x = np.arange(12.0).reshape(3, 4)
    device = memory.upload(x.T[::2])
    x[...] = -1
    np.testing.assert_array_equal(memory.download(device), np.arange(12.0).reshape(3, 4).T[::2])


def test_upload_refuses_what_is_no_number(memory):
    with pytest.raises(TypeError, match="upload: expected numbers or bools, got dtype <U1"):
        memory.upload(np.array(["a"]))
    with pytest.raises(TypeError, match="download: expected a device array, got ndarray"):
        memory.download(np.ones(2))


def test_memory_is_handed_out_again(memory):
    memory.empty((1000,), np.float32)
    gc.collect()
    array, first = moved(memory, lambda: memory.empty((1000,), np.float32))
    assert (first.allocations, first.reuses) == (0, 1)
    view = array.reshape(10, 100)
    block = array.block.raw
    del array
    other, second = moved(memory, lambda: memory.empty((1000,), np.float32))
    assert other.block.raw is not block, "a view keeps its memory"
    del view
    again = memory.empty((500,), np.float64)  # the same size in bytes
    assert again.block.raw is block


def test_block_sizes_are_few_and_waste_little(memory):
    for nbytes in (1, 511, 512, 513, 1000, 4097, 10**6, 10**9 + 7):
        size = memory.block_size(nbytes)
        assert nbytes <= size and (size == 512 or size <= 1.25 * nbytes) and size % 64 == 0
    assert len({memory.block_size(n) for n in range(1, 1 << 20)}) < 50


def test_lasting_memory_is_not_taken_from_the_free_list(memory):
    memory.empty((1000,), np.float32)
    with memory.lasting():
        kept, first = moved(memory, lambda: memory.empty((1000,), np.float32))
    _, second = moved(memory, lambda: memory.empty((1000,), np.float32))
    assert (first.allocations, first.reuses) == (1, 0) and (second.allocations, second.reuses) == (0, 1)
    del kept
    _, third = moved(memory, lambda: [memory.empty((1000,), np.float32) for _ in range(2)])
    assert third.allocations == 0, "lasting memory, too, is handed out again once its array is gone"


def test_release_gives_memory_back(memory):
    memory.empty((777,), np.float64)
    memory.release()
    _, did = moved(memory, lambda: memory.empty((777,), np.float64))
    assert did.allocations == 1


def test_a_full_device_releases_and_tries_again(memory, monkeypatch):
    from numba import cuda

    real, calls = cuda.device_array, []

    def refuse(times):
        def device_array(*arguments):
            calls.append(arguments)
            if len(calls) <= times:
                raise RuntimeError("CUDA_ERROR_OUT_OF_MEMORY")
            return real(*arguments)

        calls.clear()
        monkeypatch.setattr(cuda, "device_array", device_array)

    refuse(1)
    assert memory.empty((123457,), np.float32).size == 123457 and len(calls) == 2
    refuse(9)
    memory.release()
    with pytest.raises(MemoryError, match="no block of .* bytes is free"):
        memory.empty((123457,), np.float32)


def test_reshape_shares_memory_and_checks(memory):
    x = memory.upload(np.arange(6.0))
    assert x.reshape(2, 3).block is x.block
    assert x.reshape((3, -1)).shape == (3, 2) and x.reshape(-1).shape == (6,) and x.reshape([6]).shape == (6,)
    assert memory.upload(np.array(1.0)).reshape(1).shape == (1,)
    assert memory.empty((0, 3), np.float32).reshape(3, -1).shape == (3, 0)
    with pytest.raises(ValueError, match=r"an array of shape \(6,\) has no shape \(4, 2\)"):
        x.reshape(4, 2)
    with pytest.raises(ValueError, match="has no shape"):
        x.reshape(-1, 4)


def test_rows_are_a_window_on_the_same_memory(memory, floor):
    x = memory.upload(np.arange(12.0).reshape(4, 3))
    np.testing.assert_array_equal(memory.download(x.rows(1, 3)), np.arange(3.0, 9.0).reshape(2, 3))
    total = floor.reduce("sum", x.rows(2, 4), (0, 1), False)
    assert memory.download(total) == np.arange(6.0, 12.0).sum()


def test_copies(memory):
    x = memory.upload(np.arange(6.0).reshape(2, 3))
    y, did = moved(memory, lambda: copy.deepcopy(x))
    assert (did.uploads, did.downloads) == (0, 0) and y.block is not x.block
    np.testing.assert_array_equal(memory.download(y), memory.download(x))
    assert copy.deepcopy(memory.upload(np.ones((0, 2)))).shape == (0, 2)
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(x)


def test_item_and_single_entries(memory):
    x = memory.upload(np.arange(4, dtype=np.float32))
    assert x[2] == 2 and x[-1] == 3 and len(x) == 4
    assert memory.upload(np.array(2.5)).item() == 2.5
    with pytest.raises(ValueError, match=r"expected a single entry, got shape \(4,\)"):
        x.item()
    with pytest.raises(TypeError, match="0-d"):
        len(memory.upload(np.array(1.0)))
    for index in (slice(0, 2), 9, (0, 0)):
        with pytest.raises(TypeError, match="indexed by"):
            x[index]


def test_numpy_never_copies_silently(memory):
    x = memory.upload(np.ones(3))
    with pytest.raises(TypeError, match="never made silently"):
        np.asarray(x)
    with pytest.raises(TypeError, match="never made silently"):
        np.ones(3) + x


def test_host_arrays_are_refused_by_kernels(memory, floor):
    x = memory.upload(np.ones((2, 3)))
    with pytest.raises(TypeError, match=r"Host array used in CUDA kernel: operand 1 of add is a ndarray"):
        floor.map("add", x, np.ones((2, 3)))
    with pytest.raises(TypeError, match=r"Host array used in CUDA kernel.*shape \(3,\)"):
        floor.linear(x, memory.upload(np.ones((3, 3))), np.ones(3))


def test_numbas_warning_about_host_arrays_is_an_error():
    """The launcher refuses them before Numba can warn; pytest's configuration is the second lock."""
    message = "Host array used in CUDA kernel will incur copy overhead to/from device."
    with pytest.raises(UserWarning, match="Host array"):
        warnings.warn(message, stacklevel=1)
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    options = tomllib.loads(project.read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert "error:Host array used in CUDA kernel" in options["filterwarnings"]


def test_sums_do_not_depend_on_the_grid(floor, memory, monkeypatch):
    """The same bits whatever number of blocks computes them."""
    import importlib

    launch = importlib.import_module("mmscratch.kernels.cuda.launch")
    rng = np.random.default_rng(0)
    x = memory.upload(rng.standard_normal((7, 45)).astype(np.float32))
    index = memory.upload(rng.integers(0, 3, 7))

    def everything():
        results = [floor.reduce("sum", x, (1,), False), floor.reduce("sum", x, (0,), False)]
        results += [floor.softmax(x, None), floor.take_add(x, index, 3), floor.matmul(x, x, False, True)]
        return [memory.download(r).tobytes() for r in results]

    first = everything()
    for blocks in (1, 7):
        monkeypatch.setattr(launch, "MAX_BLOCKS", blocks)
        assert everything() == first


def test_which_cuda_serves():
    import importlib

    launch = importlib.import_module("mmscratch.kernels.cuda.launch")
    assert launch.SIMULATOR == (launch.IMPLEMENTATION == "simulator")
    assert launch.BLOCK & (launch.BLOCK - 1) == 0


def test_each_shared_array_has_a_line_of_its_own():
    """The simulator tells them apart by their line: two on one line would be one array."""
    folder = Path(__file__).resolve().parents[2] / "kernels" / "cuda"
    lines = [line for path in folder.glob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    found = [line for line in lines if "cuda.shared.array(" in line]
    assert len(found) > 10 and all(line.count("shared.array(") == 1 for line in found)
    assert not [line for line in lines if "shfl" in line or "atomic." in line]
