"""What a pickle says, without running it.

A pickle is a program for a small stack machine, and two of its instructions call any function of any module
(GLOBAL, REDUCE): loading one is running one. ``pickletools.genops`` only lists the instructions. Here those
that build numbers, text, tuples, lists and dicts are carried out, and a name (GLOBAL) becomes what the
caller's table has under it: that table is all there can be, nothing is imported and nothing else is called.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping

__all__ = ["PickleError", "interpret"]

MAX_STEPS = 8_000_000  # a tensor takes about 40
PUSHED = {
    "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT",
    "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
}  # fmt: skip
"""Instructions that push their argument."""
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
NOTHING = {"PROTO", "FRAME"}
MARK = object()


class PickleError(ValueError):
    """A pickle that says something else than it may."""


def interpret(data: bytes, names: Mapping[str, object], persistent: Callable[[object], object]) -> object:
    """The value of a pickle.

    names        "module name" → what stands for it: a value, or a ``Callable`` that REDUCE may call
    persistent   what BINPERSID makes of its argument
    Errors       PickleError naming a name or an instruction that is not allowed, or the place of damage
    """
    machine = _Machine(names, persistent)
    try:
        for number, (operation, argument, position) in enumerate(pickletools.genops(data)):
            if number == MAX_STEPS:
                raise PickleError(f"the pickle has more than {MAX_STEPS:,} instructions")
            if machine.step(operation.name, argument):
                return machine.result(position)
    except PickleError:
        raise
    except Exception as error:  # a broken stream: an empty stack, a missing memo, a cut argument
        raise PickleError(f"the pickle is damaged ({type(error).__name__}: {str(error)[:80]})") from None
    raise PickleError("the pickle is cut: it does not end with STOP")


class _Machine:
    def __init__(self, names, persistent):
        self.names, self.persistent = names, persistent
        self.stack, self.memo = [], {}

    def step(self, name, argument):
        """One instruction; True for the last."""
        if name in PUSHED:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[int(argument)] = self._top()
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memo[int(argument)])
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self._top()
        elif name == "GLOBAL":
            self.stack.append(self._named(argument))
        elif name == "STOP":
            return True
        elif name not in NOTHING:
            method = getattr(self, f"_{name.lower()}", None)
            if method is None or name not in METHODS:
                raise PickleError(f"the pickle uses the instruction {name}, which is not allowed")
            method()
        return False

    def result(self, position):
        value = self._pop()
        if self.stack:
            raise PickleError(f"the pickle leaves {len(self.stack)} values behind at byte {position}")
        return value

    def _top(self):
        if self.stack[-1] is MARK:
            raise PickleError("the pickle uses a mark as a value")
        return self.stack[-1]

    def _pop(self):
        value = self._top()
        del self.stack[-1]
        return value

    def _since_mark(self):
        place = len(self.stack) - 1
        while self.stack[place] is not MARK:
            place -= 1
            if place < 0:
                raise PickleError("the pickle lacks a mark")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def _named(self, name):
        if not isinstance(name, str) or name not in self.names:
            raise PickleError(f"the pickle asks for {name!r}, which is not allowed; nothing was run")
        return self.names[name]

    # ── instructions ─────────────────────────────────────────────────────────────────────────────
    def _mark(self):
        self.stack.append(MARK)

    def _empty_dict(self):
        self.stack.append({})

    def _empty_list(self):
        self.stack.append([])

    def _empty_tuple(self):
        self.stack.append(())

    def _tuple(self):
        self.stack.append(tuple(self._since_mark()))

    def _tuple1(self):
        self._join(1)

    def _tuple2(self):
        self._join(2)

    def _tuple3(self):
        self._join(3)

    def _join(self, n):
        items = [self._pop() for _ in range(n)]
        self.stack.append(tuple(items[::-1]))

    def _list(self):
        self.stack.append(self._since_mark())

    def _dict(self):
        items = self._since_mark()
        self.stack.append({})
        self._set(items)

    def _append(self):
        value = self._pop()
        self._of(list).append(value)

    def _appends(self):
        items = self._since_mark()
        self._of(list).extend(items)

    def _setitem(self):
        value = self._pop()
        key = self._pop()
        self._set([key, value])

    def _setitems(self):
        self._set(self._since_mark())

    def _set(self, items):
        target = self._of(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int | float | bool | None):
                raise PickleError(f"the pickle has a {type(key).__name__} as a key")
            target[key] = value

    def _of(self, kind):
        value = self._top()
        if type(value) is not kind:
            raise PickleError(f"the pickle fills a {type(value).__name__} as if it were a {kind.__name__}")
        return value

    def _stack_global(self):
        name, module = self._pop(), self._pop()
        self.stack.append(self._named(f"{module} {name}"))

    def _reduce(self):
        arguments, function = self._pop(), self._pop()
        if type(arguments) is not tuple or not callable(function):
            raise PickleError(f"the pickle calls a {type(function).__name__}, which is no function")
        self.stack.append(function(*arguments))

    def _build(self):
        """Attributes of an object: a dict's (``_metadata`` of a state_dict) are left out, others refused."""
        state = self._pop()
        if type(self._top()) is not dict or type(state) is not dict:
            raise PickleError(f"the pickle sets attributes of a {type(self._top()).__name__}")

    def _binpersid(self):
        self.stack.append(self.persistent(self._pop()))


METHODS = {
    "MARK", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "LIST", "DICT",
    "APPEND", "APPENDS", "SETITEM", "SETITEMS", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID",
}  # fmt: skip
