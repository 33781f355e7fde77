"""Our njit: Numba's, with a disk cache that never serves stale code, and safer defaults.

Numba's own ``cache=True`` looks at the one file a function stands in: edit a helper in another file and
the old machine code goes on running. Here the cache is a folder named after a hash of *all* kernel
sources, so any edit starts a new one:

    <user cache>/mmscratch/<hash of sources, Python, Numba, CPU>/<function>-<signature>.bin

``MMSCRATCH_CACHE_DIR`` replaces ``<user cache>/mmscratch``. Where nothing can be written, and with
a Numba whose internals have moved, functions are compiled in each process anew: slower, never wrong.
"""

import contextlib
import functools
import gc
import hashlib
import os
import pathlib
import pickle
import re
import shutil
import sys
import tempfile
import threading

import llvmlite
import llvmlite.binding
import numba
from numba import prange
from numba.core.serialize import dumps

from . import parts
from .cpu import threads

__all__ = ["cache_folder", "njit", "prange"]

_KEEP = 4  # cache folders that survive, newest first: switching between a few versions stays fast
_PARALLEL = {
    **dict.fromkeys(("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil"), False),
    "fusion": False,  # it merges loops whose dependence goes through an address: wrong results
    "prange": True,
}
_THREADS_ONLY = {"NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY"}
_lock = threading.Lock()
_folder = None  # (path or None, source hash), once it is known


def njit(function=None, *, parallel=False, cache=True, **options):
    """``numba.njit`` with our cache, used the same way: ``@njit`` or ``@njit(parallel=True, …)``.

    parallel=True runs ``prange`` loops on threads and changes nothing else: no fusing of loops, no
    hidden parallel array expressions. Such a function goes through the door of ``cpu.threads`` when
    called from Python; the bare compiled one is its ``.kernel``.
    Division by zero gives ∞ or NaN as in NumPy, and the interpreter is let go during a call.

    A function is known to the cache by module, name and signature; so do not pass functions as
    arguments (their type has a new name in every process): let them be globals.
    """
    if function is None:
        return lambda f: njit(f, parallel=parallel, cache=cache, **options)
    options = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True, **options}
    dispatcher = numba.njit(function, parallel=dict(_PARALLEL) if parallel is True else parallel, **options)
    if not hasattr(dispatcher, "_cache"):  # NUMBA_DISABLE_JIT=1 left plain Python
        return dispatcher
    dispatcher.compile = _without_collection(dispatcher.compile)
    if not parallel:
        parts.lend(dispatcher, options)
    if cache:
        dispatcher._cache = _Cache(function)
    return threads.through_the_door(dispatcher) if parallel else dispatcher


def _without_collection(compile):
    """Compile with Python's search for cyclic garbage at rest: it took a tenth of the time."""

    @functools.wraps(compile)
    def call(signature):
        searching = gc.isenabled()
        gc.disable()
        try:
            return compile(signature)
        finally:
            if searching:
                gc.enable()

    return call


class _Cache:
    """What a Numba dispatcher asks before compiling and tells afterwards: one file a signature.

    A file is written under another name and moved into place, so a process reads a whole one or none.
    (Numba's own index lets two processes give one file name to two signatures.)
    """

    cache_path = None

    def __init__(self, function):
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._code = function.__code__.co_code + _file_elsewhere(function)

    def _file(self, signature, codegen):
        folder = cache_folder()
        if folder is None:
            return None
        key = repr((self._name, signature, codegen.magic_tuple())).encode() + self._code
        readable = re.sub(r"\W+", "_", self._name)[-60:]
        return folder / f"{readable}-{hashlib.sha256(key).hexdigest()[:24]}.bin"

    def load_overload(self, signature, target):
        target.refresh()
        try:
            data = self._file(signature, target.codegen()).read_bytes()
            return numba.core.compiler.CompileResult._rebuild(target, *pickle.loads(data))
        except Exception:  # no such file, or one that this process cannot use: compile
            return None

    def save_overload(self, signature, result):
        if result.lifted or result.library.has_dynamic_globals:
            return
        with contextlib.suppress(Exception):  # disk full, folder gone: the function works all the same
            file = self._file(signature, result.library.codegen)
            if _source_hash() == _folder[1]:  # else a source was edited while this process ran
                _write(file, dumps(result._reduce()))

    def flush(self):
        pass


def _file_elsewhere(function):
    """The file of a function outside kernels/: the name of the cache folder knows only those within."""
    file = pathlib.Path(function.__code__.co_filename)
    if pathlib.Path(__file__).parent in file.parents:
        return b""
    try:
        return file.read_bytes()
    except OSError:  # typed into a notebook
        return b""


def _write(file, data):
    handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise


def cache_folder():
    """The folder of compiled code that belongs to these sources (made now), or None if there can be none."""
    global _folder
    with _lock:
        if _folder is None:
            try:
                source = _source_hash()
                _folder = _make_folder(_base(), _machine_hash(source)), source
            except (OSError, RuntimeError):  # RuntimeError: no home folder
                _folder = None, None
        return _folder[0]


def _base():
    given = os.environ.get("MMSCRATCH_CACHE_DIR")
    if given:
        return pathlib.Path(given).expanduser()
    if sys.platform == "win32":
        user = os.environ.get("LOCALAPPDATA") or pathlib.Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        user = pathlib.Path.home() / "Library" / "Caches"
    else:
        user = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(user) / "mmscratch"


def _source_hash():
    """Of every file in kernels/, names and contents."""
    here = pathlib.Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(here.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(here).as_posix()}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def _machine_hash(source):
    """Of the sources and all else that machine code depends on."""
    settings = {k: v for k, v in os.environ.items() if k.startswith("NUMBA_") and k not in _THREADS_ONLY}
    settings["MMSCRATCH_VECTOR_BYTES"] = os.environ.get("MMSCRATCH_VECTOR_BYTES")  # see cpu/simd.py
    cpu = llvmlite.binding.get_host_cpu_name()
    settings = sorted(settings.items(), key=str)
    parts = (source, numba.__version__, llvmlite.__version__, sys.version, cpu, settings)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _make_folder(base, name):
    folder = base / name
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):  # is it really writable?
        pass
    os.utime(folder)  # used now: the newest
    _prune(base)
    return folder


def _prune(base):
    """Remove all but the newest folders (only such as we name). A process that still uses one recompiles."""
    folders = [f for f in base.iterdir() if re.fullmatch("[0-9a-f]{16}", f.name) and f.is_dir()]

    def age(folder):
        with contextlib.suppress(OSError):
            return -folder.stat().st_mtime
        return 0.0

    for folder in sorted(folders, key=age)[_KEEP:]:
        shutil.rmtree(folder, ignore_errors=True)
