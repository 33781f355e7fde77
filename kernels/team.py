"""A team of threads that stays together for all rounds of a kernel: one OpenMP region, one count.

Numba's own parallel loop meets three times in every round, and plans each anew: 4 µs on two threads. Here the
threads come together once, take each the same share of every round (what a core has in its cache from one
round it finds there in the next), and wait for each other on a number that goes up: a tenth of that.

    region begins → share of round 0 → all done? → share of round 1 → … → region ends

The OpenMP runtime is the one that Numba's layer "omp" has loaded: there is one pool of threads, not two. With
Numba's other layers, and in a process made by fork, ``address()`` is None, and ``pool.py`` falls back on
Numba's loop.
"""

import ctypes
import functools
import os
import platform

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import parts
from .jit import njit

__all__ = ["DRIVE", "ENTRY", "address", "run_entry"]

_WORD = ir.IntType(64)
_POINTER = ir.IntType(8).as_pointer()

ENTRY = ir.FunctionType(ir.VoidType(), (_WORD, _WORD))
"""What a kernel's entry takes: the task, and the address of its packed arguments."""

DRIVE = (types.intp,) * 4
"""What drives a kernel takes: the address of its entry, rounds, tasks a round, address of the arguments."""

_SPINS = 2000
"""So often a thread looks whether the others are done before it offers its core to whoever wants it."""

_LINE = 8
"""Words in a line of the cache: what threads write to lies on one that nobody else reads."""

_RUNTIME = {
    "GOMP_parallel": ir.FunctionType(ir.VoidType(), (_POINTER, _POINTER, ir.IntType(32), ir.IntType(32))),
    "omp_get_thread_num": ir.FunctionType(ir.IntType(32), ()),
    "omp_get_num_threads": ir.FunctionType(ir.IntType(32), ()),
    "sched_yield": ir.FunctionType(ir.IntType(32), ()),
}
"""What is called of the OpenMP runtime and of the C library."""


# ── words of generated code ──────────────────────────────────────────────────────────────────────
def _runtime(builder, name, *values):
    """Call one of ``_RUNTIME``."""
    function = cgutils.get_or_insert_function(builder.module, _RUNTIME[name], _known_as(name))
    return builder.call(function, values)


def _known_as(name):
    return f"mmscratch_{name}"


@intrinsic
def run_entry(typing, entry, task, block):
    """Run one task of the kernel whose entry is at that address."""

    def generate(context, builder, signature, values):
        builder.call(builder.inttoptr(values[0], ENTRY.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.none(entry, task, block), generate


@intrinsic
def _count_up(typing, address):
    """Add 1 to the number there; all that was written before is seen by whoever sees it."""

    def generate(context, builder, signature, values):
        builder.atomic_rmw("add", builder.inttoptr(values[0], _WORD.as_pointer()), _WORD(1), "acq_rel")
        return context.get_dummy_value()

    return types.none(address), generate


@intrinsic
def _look(typing, address):
    """The number there, as it is now."""

    def generate(context, builder, signature, values):
        if platform.machine().lower() in ("x86_64", "amd64"):  # let the core's other thread have the units
            kind = ir.FunctionType(ir.VoidType(), ())
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), ())
        return builder.load_atomic(builder.inttoptr(values[0], _WORD.as_pointer()), "acquire", 8)

    return types.intp(address), generate


@intrinsic
def _give_way(typing):
    """Offer the core to another thread of the machine."""

    def generate(context, builder, signature, values):
        _runtime(builder, "sched_yield")
        return context.get_dummy_value()

    return types.none(), generate


# ── a member of the team, and the team ───────────────────────────────────────────────────────────
@njit
def _member(thread, threads, plan):
    """What one thread does. plan: entry, rounds, count, block; one line on: how many shares are done."""
    entry, rounds, count, block = _at(plan, 0), _at(plan, 1), _at(plan, 2), _at(plan, 3)
    done = plan + 8 * _LINE
    first, last = count * thread // threads, count * (thread + 1) // threads
    for number in range(rounds):
        for task in range(first, last):
            run_entry(entry, number * count + task, block)
        if number + 1 < rounds:
            _count_up(done)
            spins = 0
            while _look(done) < (number + 1) * threads:
                spins += 1
                if spins % _SPINS == 0:
                    _give_way()


@intrinsic
def _at(typing, address, i):
    """The i-th word there."""

    def generate(context, builder, signature, values):
        words = builder.inttoptr(values[0], _WORD.as_pointer())
        return builder.load(builder.gep(words, [values[1]]))

    return types.intp(address, i), generate


@intrinsic
def _team(typing, entry, rounds, count, block, threads):
    """Run ``_member`` on so many threads, and wait for them."""
    member = parts.compiled(_member, (types.intp,) * 3)

    def generate(context, builder, signature, values):
        plan = cgutils.alloca_once(builder, ir.ArrayType(_WORD, 2 * _LINE))
        plan.align = 8 * _LINE
        for i, value in enumerate([*values[:4], *[_WORD(0)] * _LINE]):
            place = i if i < 4 else _LINE + i - 4
            builder.store(value, cgutils.gep_inbounds(builder, plan, 0, place))
        region = _region(context, builder.module, member)
        threads = builder.trunc(values[4], ir.IntType(32))
        _runtime(
            builder, "GOMP_parallel", builder.bitcast(region, _POINTER), builder.bitcast(plan, _POINTER),
            threads, ir.IntType(32)(0),
        )  # fmt: skip
        return context.get_dummy_value()

    return types.none(entry, rounds, count, block, threads), generate


def _region(context, module, member):
    """The function that every thread of an OpenMP region runs: it asks who it is, and is that member."""
    region = ir.Function(
        module, ir.FunctionType(ir.VoidType(), (_POINTER,)), module.get_unique_name("region")
    )
    region.linkage = "internal"
    builder = ir.IRBuilder(region.append_basic_block())
    who, of = (
        builder.zext(_runtime(builder, f"omp_get_{name}"), _WORD) for name in ("thread_num", "num_threads")
    )
    context.add_linking_libs([member.library])
    plan = builder.ptrtoint(region.args[0], _WORD)
    context.call_internal_no_propagate(builder, member.fndesc, member.signature, [who, of, plan])
    builder.ret_void()
    return region


@njit
def _drive(entry, rounds, count, block):
    _team(entry, rounds, count, block, min(count, numba.get_num_threads()))


@functools.cache
def address():
    """Where the compiled team begins, to be called as ``DRIVE`` says; None where there is no such runtime."""
    runtime = _loaded_runtime()
    if runtime is None:
        return None
    for name, found in runtime.items():
        llvmlite.binding.add_symbol(_known_as(name), found)
    _drive.compile(DRIVE)
    result = _drive.overloads[DRIVE]
    return result.library.get_pointer_to_function(result.fndesc.llvm_func_name)


def _loaded_runtime():
    """{name: address} of ``_RUNTIME`` in the OpenMP that Numba has loaded, or None."""
    from numba.np.ufunc import parallel

    parallel._launch_threads()
    if _forked or numba.threading_layer() != "omp":
        return None
    try:
        from numba.np.ufunc import omppool

        library = ctypes.CDLL(omppool.__file__)  # what it depends on is looked through as well
        return {name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in _RUNTIME}
    except (ImportError, OSError, AttributeError):
        return None


_forked = False


def _after_fork():
    """OpenMP's threads do not survive a fork: have Numba's loop say so, rather than wait for them."""
    global _forked
    _forked = True
    address.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
