"""Our njit: an edit is always seen, an unchanged source is not compiled twice, nothing needs a disk."""

import os
import pathlib
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from mmscratch import kernels

pytest.importorskip("numba")
KERNELS = pathlib.Path(kernels.__file__).parent

TINY = {
    "__init__.py": "",
    "cpu/__init__.py": "",
    "cpu/helper.py": "from ..jit import njit\n\n@njit\ndef helper(x):\n    return x + 2\n",
    "cpu/caller.py": (
        "from ..jit import njit\nfrom .helper import helper\n\n"
        "@njit\ndef call(x):\n    return 2 * helper(x)\n"
    ),
}


@pytest.fixture
def tiny(tmp_path):
    """A package of two kernel files and our jit.py, with a cache of its own: run(code) → what it prints."""
    package = tmp_path / "tiny"
    for name, text in TINY.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    for name in ("jit.py", "parts.py", "cpu/threads.py"):
        shutil.copy(KERNELS / name, package / name)
    return package


def start(home, code, cache):
    path = os.pathsep.join([str(home), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    environment = {**os.environ, "PYTHONPATH": path, "MMSCRATCH_CACHE_DIR": str(cache)}
    # Python's own .pyc files know an edit by time and size only, and these tests leave both as they were.
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run(home, code, cache):
    process = start(home, code, cache)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    return out.decode().split()


CALL = "from tiny.cpu.caller import call; print(call({x}))"


def compiled(cache):
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(cache.rglob("*.bin"))}


def test_an_edited_helper_in_another_file_is_seen(tiny, tmp_path):
    cache = tmp_path / "cache"
    assert run(tmp_path, CALL.format(x=1), cache) == ["6"]
    helper = tiny / "cpu" / "helper.py"
    before = helper.stat()
    helper.write_text(helper.read_text().replace("x + 2", "x + 9"))
    os.utime(helper, ns=(before.st_atime_ns, before.st_mtime_ns))  # not even the clock gives it away
    assert run(tmp_path, CALL.format(x=1), cache) == ["20"]


@pytest.mark.slow
def test_an_edited_helper_of_the_cpu_floor_is_seen(tmp_path):
    """The same with the library's own kernels: the order of neighbours comes from a helper of topk."""
    (tmp_path / "mmscratch").mkdir()
    (tmp_path / "mmscratch" / "__init__.py").touch()
    copy = tmp_path / "mmscratch" / "kernels"
    shutil.copytree(KERNELS, copy, ignore=shutil.ignore_patterns("__pycache__", "cuda"))
    code = (
        "import numpy as np; from mmscratch import kernels; "
        "d = np.linspace(-1, 1, 60000, dtype=np.float32).reshape(-1, 1) + 2; "
        "d = np.concatenate([d, 1 / d], axis=1); "
        "print(kernels.floor('cpu').cosine_topk(d[:1], d, 1, False)[1][0, 0])"
    )
    assert run(tmp_path, code, tmp_path / "cache") == ["0"]
    helper = copy / "cpu" / "topk_loops.py"
    text = helper.read_text()
    assert "return a > b or" in text
    helper.write_text(text.replace("return a > b or", "return a < b or"))
    assert run(tmp_path, code, tmp_path / "cache") != ["0"]


def test_an_edit_outside_the_kernels_is_seen(tiny, tmp_path):
    """A compiled function of another package, of which only a constant changes."""
    other = tmp_path / "other.py"
    other.write_text("from tiny.jit import njit\n\n@njit\ndef call(x):\n    return x + 1\n")
    code, cache = "from other import call; print(call(1))", tmp_path / "cache"
    assert run(tmp_path, code, cache) == ["2"]
    first = compiled(cache)
    assert run(tmp_path, code, cache) == ["2"] and compiled(cache) == first
    other.write_text(other.read_text().replace("x + 1", "x + 5"))
    assert run(tmp_path, code, cache) == ["6"]


def test_the_second_run_compiles_nothing(tiny, tmp_path):
    cache = tmp_path / "cache"
    run(tmp_path, CALL.format(x=1), cache)
    first = compiled(cache)
    assert len(first) == 1  # the caller, with the helper as a part of it, for int64
    assert run(tmp_path, CALL.format(x=1), cache) == ["6"]
    assert compiled(cache) == first
    assert run(tmp_path, CALL.format(x=0.5), cache) == ["5.0"]  # another type: another file
    assert len(compiled(cache)) == 2


def test_a_damaged_file_is_compiled_anew(tiny, tmp_path):
    cache = tmp_path / "cache"
    run(tmp_path, CALL.format(x=1), cache)
    for file in compiled(cache):
        file.write_bytes(file.read_bytes()[:100])
    assert run(tmp_path, CALL.format(x=1), cache) == ["6"]


def test_no_place_to_write(tiny, tmp_path):
    """The cache folder would lie under a plain file: no one, root included, can make it."""
    (tmp_path / "file").write_text("not a folder")
    assert run(tmp_path, CALL.format(x=1), tmp_path / "file" / "cache") == ["6"]
    code = "from tiny.jit import cache_folder; print(cache_folder())"
    assert run(tmp_path, code, tmp_path / "file" / "cache") == ["None"]


@pytest.mark.slow
def test_processes_at_once(tiny, tmp_path):
    """Four start together on an empty cache, two types of argument: all are right, and so is what stays."""
    cache = tmp_path / "cache"
    arguments = ["1", "0.5", "1", "0.5"]
    processes = [start(tmp_path, CALL.format(x=x), cache) for x in arguments]
    outputs = [p.communicate(timeout=120)[0].decode().strip() for p in processes]
    assert outputs == ["6", "5.0", "6", "5.0"]
    assert len(compiled(cache)) == 2 and not list(cache.rglob("*.tmp"))
    assert [run(tmp_path, CALL.format(x=x), cache) for x in arguments[:2]] == [["6"], ["5.0"]]


def test_only_the_newest_folders_stay(tiny, tmp_path):
    cache = tmp_path / "cache"
    for n in range(6):
        folder = cache / f"{n:016x}"
        folder.mkdir(parents=True)
        os.utime(folder, (n, n))
    (cache / "something of mine").mkdir()
    folder = run(tmp_path, "from tiny.jit import cache_folder; print(cache_folder())", cache)[0]
    left = {p.name for p in cache.iterdir()}
    assert left == {pathlib.Path(folder).name, *(f"{n:016x}" for n in (3, 4, 5)), "something of mine"}


def test_the_user_cache_is_the_default(tiny, tmp_path):
    code = "from tiny.jit import _base; print(_base())"
    home = run(tmp_path, "import os; os.environ.update(XDG_CACHE_HOME='/somewhere'); " + code, "")
    if sys.platform.startswith("linux"):
        assert home == ["/somewhere/mmscratch"]


def test_division_by_zero_is_infinite():
    from mmscratch.kernels.jit import njit

    divide = njit(lambda a, b: a / b)
    assert divide(1.0, 0.0) == np.inf and np.isnan(divide(0.0, 0.0))


def test_parallel_functions_run_one_at_a_time():
    from mmscratch.kernels.cpu import threads

    inside, most = [0], [0]

    def kernel():
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.001)
        inside[0] -= 1

    call = threads.through_the_door(kernel)
    workers = [threading.Thread(target=lambda: [call() for _ in range(5)]) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert most[0] == 1 and call.kernel is kernel


@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_two_python_threads_on_every_layer(layer, tmp_path):
    """The workqueue layer would abort the process if two of its loops ever ran at once."""
    code = f"""
import threading, numba, numpy as np
numba.config.THREADING_LAYER = {layer!r}
from mmscratch import kernels
x = np.ones(300_000, np.float32)
work = lambda: [kernels.floor("cpu").map("sigmoid", x) for _ in range(30)]
both = [threading.Thread(target=work) for _ in range(2)]
[t.start() for t in both]; [t.join() for t in both]
print(numba.threading_layer())
"""
    process = start(tmp_path, code, os.environ.get("MMSCRATCH_CACHE_DIR", ""))
    out, err = process.communicate(timeout=120)
    if b"No threading layer could be loaded" in err:
        pytest.skip(f"Numba has no {layer} threading layer here")
    assert process.returncode == 0 and out.decode().split() == [layer], err.decode()
