"""Compiled functions as parts of others: machine code is made once, for the whole.

Numba compiles a function that another one calls as if Python would call it too: with wrappers, through all
of LLVM's optimisation, to machine code. Then its unoptimised twin within the caller goes the same way again,
and once more for the caller's caller. A part stops before that: its types are inferred, its LLVM code is
written down, and the function that Python calls takes it from there and is optimised in one piece.

So a function has two lives: what Python calls is a Numba dispatcher as ever; compiled callers see its
double, which has parts only. Where Numba's internals have moved, there are no doubles: slower to compile,
the same code.
"""

import numba

try:
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import Compiler
except ImportError:
    JITCodeLibrary = Compiler = None

__all__ = ["compiled", "lend"]


def lend(dispatcher, options):
    """Let compiled callers of the function use its double."""
    if Compiler is None or not hasattr(dispatcher, "get_call_template"):
        return
    twin = []

    def double():
        if not twin:
            own = {**options, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
            twin.append(numba.njit(dispatcher.py_func, pipeline_class=_PartCompiler, **own))
        return twin[0]

    dispatcher.get_call_template = lambda args, kws: double().get_call_template(args, kws)
    dispatcher.get_overload = lambda signature: double().get_overload(signature)
    dispatcher.double = double


def compiled(dispatcher, kinds):
    """Numba's CompileResult of the function for those types, to be linked into a caller."""
    dispatcher = dispatcher.double() if hasattr(dispatcher, "double") else dispatcher
    dispatcher.compile(kinds)
    return dispatcher.overloads[kinds]


if Compiler is not None:

    class _PartCompiler(Compiler):
        """Numba's pipeline, into a library that stays in parts."""

        def __init__(self, typingctx, targetctx, library, args, return_type, flags, locals):
            library = _Parts(targetctx.codegen(), "part")
            super().__init__(typingctx, targetctx, library, args, return_type, flags, locals)

    class _Parts(JITCodeLibrary):
        """LLVM code that is linked into other libraries and never becomes machine code itself."""

        def _optimize_final_module(self):
            pass

        def _finalize_final_module(self):
            self._finalize_dynamic_globals()
            self._finalized = True

        def get_pointer_to_function(self, name):
            return 0

        @property
        def codegen(self):
            return self

        def set_env(self, name, env):
            pass  # there is no memory for it: parts use no Python objects
