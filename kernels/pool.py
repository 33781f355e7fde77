"""One loop over the threads, for all kernels: a kernel says what *one task* does, and this runs the tasks.

    @parallel
    def scale(task, x, y, factor):            # compiled; task = 0, 1, …, count − 1
        …

    scale(count, x, y, factor)                # from Python: every task, on all threads
    scale.rounds(n, count, x, y, factor)      # tasks 0 … count − 1; these done, count … 2 count − 1; n times

Numba's ``parallel=True`` compiles the body of each loop several times over (as the function of a thread,
wrapped, and within its caller), which for a kernel of many vectors is seconds. Here every kernel is compiled
once, as a plain function, and one driver, compiled once for all, calls it by its address: the team of threads
of ``team.py``, or where there is none ``_loop``, of Numba:

    Python → launch (packs the arguments into a block of memory) → driver → entry (unpacks) → the task

``launch``, ``entry`` and the task are compiled in one piece. A single task is run where it is, without waking
a thread. Tasks of a round must not depend on each other, and their number must follow from the sizes alone:
then results are the same on any number of threads.
"""

import functools

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import parts, team
from .cpu import threads
from .cpu.simd import borrowed
from .jit import njit, prange

__all__ = ["parallel"]

_WORD = ir.IntType(64)


def parallel(function=None, *, cache=True):
    """The function of (task, *arguments) as one of (count, *arguments) that runs tasks 0 … count − 1.

    ``.task`` is the compiled function of one task, for use within other compiled functions.
    """
    if function is None:
        return lambda f: parallel(f, cache=cache)
    task = njit(function, cache=cache)
    launch = _launch_of(function, task, cache)

    def call(count, *arguments, number=1):
        if count <= 0 or number <= 0:
            return
        drive = team.address() or _loop_address()
        with threads.door:
            failed = launch(drive, number, count, *arguments)
        if failed:
            raise MemoryError(f"{function.__name__}: a task found no memory for its scratch")

    def rounds(number, count, *arguments):
        call(count, *arguments, number=number)

    call = functools.update_wrapper(call, function)
    call.rounds = rounds
    call.task = task
    return call


# ── the way in: arguments in a block of memory ───────────────────────────────────────────────────
def _launch_of(function, task, cache):
    """``launch(driver's address, rounds, count, *arguments)``: 0 if all went well, 1 if a task failed."""
    run = _run_of(task)

    def launch(drive, rounds, count, *arguments):
        return run(drive, rounds, count, arguments)

    launch.__module__ = function.__module__
    launch.__qualname__ = f"{function.__qualname__}.launch"  # by which the cache knows it
    return njit(launch, cache=cache)


def _run_of(task):
    """The body of ``launch`` for one kernel."""

    @intrinsic
    def run(typing, drive, rounds, count, arguments):
        compiled = parts.compiled(task, (types.intp, *arguments.types))

        def generate(context, builder, signature, values):
            entry = _entry(context, builder.module, compiled, arguments)
            failed, packed = _pack(context, builder, arguments, values[3])
            one = builder.icmp_signed("==", values[2], _WORD(1))
            with builder.if_else(one) as (alone, several):
                with alone, cgutils.for_range(builder, values[1]) as loop:
                    builder.call(entry, [loop.index, packed])
                with several:
                    address = builder.ptrtoint(entry, _WORD)
                    _call_driver(context, builder, values[0], [address, *values[1:3], packed])
            return builder.load(failed)

        return types.int64(drive, rounds, count, arguments), generate

    return run


def _block(context, kinds):
    """The LLVM type of the block of memory: has a task failed?, then the arguments."""
    return ir.LiteralStructType([_WORD, context.get_value_type(kinds)])


def _pack(context, builder, kinds, arguments):
    """A block that holds the arguments while the caller runs: where failure is noted, and its address."""
    block = cgutils.alloca_once(builder, _block(context, kinds))
    failed = cgutils.gep_inbounds(builder, block, 0, 0)
    builder.store(_WORD(0), failed)
    builder.store(arguments, cgutils.gep_inbounds(builder, block, 0, 1))
    return failed, builder.ptrtoint(block, _WORD)


def _entry(context, module, compiled, kinds):
    """``entry(task, address of the block)``: run one task; a failure is noted in the block."""
    entry = ir.Function(module, team.ENTRY, name=module.get_unique_name("entry"))
    entry.linkage = "internal"
    builder = ir.IRBuilder(entry.append_basic_block())
    task, address = entry.args
    block = builder.inttoptr(address, _block(context, kinds).as_pointer())
    packed = builder.load(cgutils.gep_inbounds(builder, block, 0, 1))
    arguments = [  # counting users of arrays task by task, the threads would wait for each other's counts
        borrowed(context, builder, kind, builder.extract_value(packed, i)) for i, kind in enumerate(kinds)
    ]
    context.add_linking_libs([compiled.library])
    status, _ = context.call_internal_no_propagate(
        builder, compiled.fndesc, compiled.signature, [task, *arguments]
    )
    with builder.if_then(status.is_error, likely=False):
        builder.store(_WORD(1), cgutils.gep_inbounds(builder, block, 0, 0))
    builder.ret_void()
    return entry


# ── the loop ─────────────────────────────────────────────────────────────────────────────────────
def _call_driver(context, builder, address, values):
    """Call the compiled driver at that address."""
    kind = context.call_conv.get_function_type(types.none, team.DRIVE)
    drive = builder.inttoptr(address, kind.as_pointer())
    unused = [cgutils.alloca_once(builder, argument.pointee) for argument in kind.args[:2]]
    builder.call(drive, [*unused, *values])


@njit(parallel=True)
def _loop(entry, rounds, count, block):
    for number in range(rounds):
        for task in prange(count):
            team.run_entry(entry, number * count + task, block)


@functools.cache
def _loop_address():
    _loop.kernel.compile(team.DRIVE)
    result = _loop.kernel.overloads[team.DRIVE]
    return result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
