"""One loop over the threads, for all kernels: a kernel says what *one task* does, and this runs the tasks.

    @parallel
    def scale(task, x, y, factor):            # compiled; task = 0, 1, …, count − 1
        …

    scale(count, x, y, factor)                # from Python: every task, on all threads
    scale.rounds(n, count, x, y, factor)      # tasks 0 … count − 1; these done, count … 2 count − 1; n times

Numba's ``parallel=True`` compiles the body of each loop several times over (as the function of a thread,
wrapped, and within its caller), which for a kernel of many vectors is seconds. Here every kernel is compiled
once, as a plain function, and one parallel loop, ``_drive``, compiled once for all, calls it by its address:

    Python → _launch (packs the arguments into a block of memory) → _drive → entry (unpacks) → the task

A single task is run where it is, without waking a thread. Tasks of a round must not depend on each other, and
their number must follow from the sizes alone: then results are the same on any number of threads.
"""

import functools
import hashlib
import types as python_types

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .cpu import threads
from .jit import njit, prange

__all__ = ["parallel"]

_ENTRY = (types.intp, types.intp, types.TypeRef(types.intp))
"""What an entry takes: the task, the address of the packed arguments, and (nothing but) their type."""

_DRIVE = (types.intp,) * 4
"""What ``_drive`` takes."""

_SIGNATURES = 16
"""So many combinations of argument types a kernel may have."""


def parallel(function=None, *, cache=True):
    """The function of (task, *arguments) as one of (count, *arguments) that runs tasks 0 … count − 1.

    ``.task`` is the compiled function of one task, for use within other compiled functions.
    """
    if function is None:
        return lambda f: parallel(f, cache=cache)
    entry = _entry_of(function, cache)
    known = np.zeros(
        (_SIGNATURES, 2), np.int64
    )  # (hash of the argument types, address of the entry for them)
    launch = threads.through_the_door(_launch)

    @functools.wraps(function)
    def call(count, *arguments):
        rounds(1, count, *arguments)

    def rounds(number, count, *arguments):
        if count <= 0 or number <= 0:
            return
        outcome = launch(_drive_address(), known, number, count, *arguments)
        if outcome == _UNKNOWN:
            _make_known(known, entry, arguments)
            outcome = launch(_drive_address(), known, number, count, *arguments)
        if outcome:
            raise MemoryError(f"{function.__name__}: a task found no memory for its scratch")

    call.rounds = rounds
    call.task = njit(function, cache=cache)
    return call


_UNKNOWN = 2


def _make_known(known, entry, arguments):
    kinds = types.Tuple([numba.typeof(x) for x in arguments])
    signature = (types.intp, types.intp, types.TypeRef(kinds))
    entry.compile(signature)
    row = np.flatnonzero(known[:, 0] == 0)[0]  # IndexError: more combinations than any kernel should have
    known[row] = _hash(kinds), _address(entry, signature)


def _address(dispatcher, signature):
    result = dispatcher.overloads[tuple(signature)]
    return result.library.get_pointer_to_function(result.fndesc.llvm_func_name)


def _hash(kinds):
    """A number that tells argument types apart, the same in every process."""
    digest = hashlib.sha256(repr([str(k) for k in kinds]).encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True) | 1  # never 0


# ── the way in: arguments in a block of memory ───────────────────────────────────────────────────
def _block(context, kinds):
    """The LLVM type of that block: has a task failed?, then the arguments."""
    return ir.LiteralStructType([ir.IntType(64), context.get_value_type(kinds)])


@intrinsic
def _pack(typing, arguments):
    """The address of a block that holds the arguments for as long as the caller runs."""

    def generate(context, builder, signature, values):
        block = cgutils.alloca_once(builder, _block(context, arguments))
        builder.store(ir.IntType(64)(0), cgutils.gep_inbounds(builder, block, 0, 0))
        builder.store(values[0], cgutils.gep_inbounds(builder, block, 0, 1))
        return builder.ptrtoint(block, ir.IntType(64))

    return types.intp(arguments), generate


def _borrowed(context, builder, kind, value):
    """The value, with arrays (also those in tuples) that do not know whose memory theirs is."""
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo = ir.Constant(array.meminfo.type, None)
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        for i, inner in enumerate(kind.types):
            part = _borrowed(context, builder, inner, builder.extract_value(value, i))
            value = builder.insert_value(value, part, i)
    return value


@intrinsic
def _unpack(typing, address, kinds):
    """The arguments in the block at that address; arrays as borrowed ones, which are not counted.

    (Counting their users task by task, the threads would wait for each other's counts.)
    """
    inner = kinds.instance_type

    def generate(context, builder, signature, values):
        block = builder.inttoptr(values[0], _block(context, inner).as_pointer())
        return _borrowed(context, builder, inner, builder.load(cgutils.gep_inbounds(builder, block, 0, 1)))

    return inner(address, kinds), generate


@intrinsic
def _hash_of(typing, arguments):
    number = _hash(arguments)
    return types.int64(arguments), lambda context, builder, signature, values: ir.IntType(64)(number)


@intrinsic
def _peek(typing, address):
    """The first number of the block: has a task failed?"""

    def generate(context, builder, signature, values):
        return builder.load(builder.inttoptr(values[0], ir.IntType(64).as_pointer()))

    return types.int64(address), generate


def _call_native(context, builder, address, values, kinds):
    """Call the compiled function at that address; 0 if it succeeded."""
    function_type = context.call_conv.get_function_type(types.none, kinds)
    function = builder.inttoptr(address, function_type.as_pointer())
    result, error = function_type.args[0].pointee, function_type.args[1].pointee
    unused = cgutils.alloca_once_value(builder, ir.Constant(result, None))
    raised = cgutils.alloca_once_value(builder, ir.Constant(error, None))
    return builder.call(function, [unused, raised, *values])


@intrinsic
def _run_entry(typing, entry, task, block):
    """Run one task; a failure is noted in the block."""

    def generate(context, builder, signature, values):
        address, number, packed = values
        nothing = ir.Constant(context.get_value_type(_ENTRY[2]), None)
        status = _call_native(context, builder, address, [number, packed, nothing], _ENTRY)
        with builder.if_then(builder.icmp_signed("!=", status, ir.Constant(status.type, 0)), likely=False):
            builder.store(ir.IntType(64)(1), builder.inttoptr(packed, ir.IntType(64).as_pointer()))
        return context.get_dummy_value()

    return types.none(entry, task, block), generate


@intrinsic
def _run_drive(typing, drive, entry, rounds, count, block):
    def generate(context, builder, signature, values):
        _call_native(context, builder, values[0], values[1:], _DRIVE)
        return context.get_dummy_value()

    return types.none(drive, entry, rounds, count, block), generate


# ── the loop, and the door to it ─────────────────────────────────────────────────────────────────
@njit(parallel=True)
def _drive(entry, rounds, count, block):
    for number in range(rounds):
        for task in prange(count):
            _run_entry(entry, number * count + task, block)


@functools.cache
def _drive_address():
    _drive.kernel.compile(_DRIVE)
    return _address(_drive.kernel, _DRIVE)


@njit
def _launch(drive, known, rounds, count, *arguments):
    """Run the tasks; 0 if all went well, 1 if one failed, _UNKNOWN if these argument types are new."""
    wanted, entry = _hash_of(arguments), 0
    for row in range(known.shape[0]):
        if known[row, 0] == wanted:
            entry = known[row, 1]
    if entry == 0:
        return _UNKNOWN
    block = _pack(arguments)
    if count == 1:
        for task in range(rounds):
            _run_entry(entry, task, block)
    else:
        _run_drive(drive, entry, rounds, count, block)
    return _peek(block)


_SOURCE = """
def entry(task, address, kinds):
    {names} = _unpack(address, kinds)
    _task(task, {names})
"""


def _entry_of(function, cache):
    """``entry(task, address of the block, its type)`` around the function, compiled in one piece with it."""
    names = ", ".join(f"_{i}" for i in range(function.__code__.co_argcount - 1)) + ","
    space = {
        "_unpack": _unpack,
        "_task": numba.njit(inline="always")(function),
        "__name__": function.__module__,
    }
    exec(_SOURCE.format(names=names), space)
    entry = python_types.FunctionType(space["entry"].__code__, space, f"{function.__name__}_entry")
    entry.__qualname__ = f"{function.__qualname__}_entry"
    return njit(entry, cache=cache, no_cpython_wrapper=True)
