"""Programs as sentences: written front to back for a model to learn, and read again.

    [same[colour] unique filter[shape=circle] scene unique filter[shape=cross] scene]

Prefix order (Johnson et al., 2017, "Inferring and executing programs", §3.1): a step, then what it reads, its
first input first. Every step says how many inputs it has, so no bracket is needed and every sentence has one
reading or none.
"""

from collections.abc import Sequence

from .graph import ATTRIBUTES
from .programs import Program, ProgramError
from .relations import SPATIAL

__all__ = ["PROGRAM_TOKENS", "SIGNATURES", "program_of", "program_tokens"]

SIGNATURES = {
    "scene": ((), "set"),
    "filter": (("set",), "set"),
    "exclude": (("set",), "set"),
    "unique": (("set",), "object"),
    "exist": (("set",), "truth"),
    "count": (("set",), "number"),
    "query": (("object",), "value"),
    "holds": (("object", "object"), "truth"),
    "direction": (("object", "object"), "value"),
    "same": (("object", "object"), "truth"),
    "greater": (("number", "number"), "truth"),
    "less": (("number", "number"), "truth"),
    "and": (("truth", "truth"), "truth"),
    "or": (("truth", "truth"), "truth"),
    "not": (("truth",), "truth"),
}
"""Op → (kinds of its inputs, kind of its value)."""

LONGEST = 200
"""Tokens of a program that is read; a question of this world needs nine."""

_NAMED = ("shape", "colour", "size")
_VALUES = [(name, value) for name in _NAMED for value in ATTRIBUTES[name]]
_FIELDS = {
    **{op: [{"attribute": n, "value": v} for n, v in _VALUES] for op in ("filter", "exclude")},
    **{op: [{"attribute": n} for n in _NAMED] for op in ("query", "same")},
    "holds": [{"relation": r} for r in SPATIAL],
}


def _name(step: dict) -> str:
    fields = {k: v for k, v in step.items() if k not in ("op", "inputs")}
    if "value" in fields:
        return f"{step['op']}[{fields['attribute']}={fields['value']}]"
    return f"{step['op']}[{next(iter(fields.values()))}]" if fields else step["op"]


_STEPS = {_name({"op": op, **f}): (op, f) for op in SIGNATURES for f in _FIELDS.get(op, [{}])}
PROGRAM_TOKENS = tuple(_STEPS)
"""Every token that a program may have."""


def program_tokens(program: Program) -> tuple[str, ...]:
    """The sentence of a program, its last step first; what two steps read is written twice.

    Errors     ValueError for an empty program, or a step that no token stands for
    """
    if not program:
        raise ValueError("an empty program")

    def write(index):
        name = _name(program[index])
        if name not in _STEPS:
            raise ValueError(f"step {index} of the program: no token stands for {name!r}")
        return [name, *(t for i in program[index].get("inputs", []) for t in write(i))]

    return tuple(write(len(program) - 1))


def program_of(tokens: Sequence[str]) -> Program:
    """The program of a sentence; every step is listed after what it reads.

    Errors     ProgramError where the sentence ends too soon or too late or is too long, a step reads what it
               cannot (the count of a count), or the whole is no answer but a set or an object
    """
    steps: Program = []
    if len(tokens) > LONGEST:
        raise ProgramError(f"more than {LONGEST} tokens, got {len(tokens)}")

    def read(at, wanted):
        """The step that begins at a token → the place after it, its index."""
        if at >= len(tokens):
            raise ProgramError("the program ends before its steps have all their inputs")
        if tokens[at] not in _STEPS:
            raise ProgramError(f"no step is called {tokens[at]!r}")
        op, fields = _STEPS[tokens[at]]
        kinds, kind = SIGNATURES[op]
        if kind not in wanted:
            raise ProgramError(f"{tokens[at]} gives {kind}, expected {' or '.join(wanted)}")
        at, inputs = at + 1, []
        for each in kinds:
            at, index = read(at, (each,))
            inputs.append(index)
        steps.append({"op": op, "inputs": inputs, **fields})
        return at, len(steps) - 1

    end, _ = read(0, ("truth", "number", "value"))
    if end < len(tokens):
        raise ProgramError(f"the program is complete before its token {end}, {tokens[end]}")
    return steps
