"""Questions as functional programs (in the manner of CLEVR, Johnson et al., 2017), executed on a scene graph.

A program is a list of steps, each a JSON object {"op", "inputs": indices of earlier steps, …}; the last
step's value is the answer. Ops:

scene                            → all objects
filter attribute value           set → its objects with that value
exclude attribute value          set → its objects without that value
unique                           set of one → that object
exist, count                     set → yes/no, number
query attribute                  object → value
holds relation                   object, object → yes/no (an ambiguous pair is an error)
direction                        object, object → left, right, above or below (an ambiguous pair is an error)
same attribute                   object, object → yes/no
greater, less                    number, number → yes/no
and, or, not                     yes/no → yes/no
"""

from dataclasses import dataclass

from .graph import ATTRIBUTES, Scene
from .meaning import Noun
from .relations import INVERSE, direction, holds

Program = list[dict]


class ProgramError(ValueError):
    """A program that has no answer on this scene: its presuppositions fail."""


@dataclass(frozen=True, slots=True)
class Run:
    """Every step's value, the answer as text, and the ids of the objects that support it."""

    values: tuple
    answer: str
    supports: tuple[int, ...]


_SET_READERS = ("unique", "exist", "count")


def execute(program: Program, scene: Scene) -> Run:
    """Run a program on a scene.

    Errors     ProgramError where a unique object is not unique or a pair is ambiguous; ValueError for a
               bad program
    """
    if not program:
        raise ValueError("an empty program")
    values: list = []
    supports: set[int] = set()
    for index, step in enumerate(program):
        inputs = step.get("inputs", [])
        if not all(isinstance(k, int) and 0 <= k < index for k in inputs):
            raise ValueError(
                f"step {index} ({step.get('op')}) reads {inputs}, expected indices below {index}"
            )
        if step.get("op") not in _OPS:
            raise ValueError(f"step {index}: op must be one of {', '.join(_OPS)}, got {step.get('op')!r}")
        arguments = [values[k] for k in inputs]
        if step["op"] in _SET_READERS:
            supports.update(arguments[0])
        values.append(_OPS[step["op"]](scene, step, *arguments))
    return Run(tuple(values), _text(values[-1]), tuple(sorted(supports)))


def named(program: Program, scene: Scene) -> tuple[tuple[int, ...], ...]:
    """The objects that each noun of a question stands for, in the order of the program: of "is the red cross
    left of the circle" two of one each, of "how many crosses" one of them all (perhaps none)."""
    values = execute(program, scene).values
    return tuple(tuple(values[s["inputs"][0]]) for s in program if s["op"] in _SET_READERS)


def _text(value) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _unique(scene, step, objects):
    if len(objects) != 1:
        raise ProgramError(f"unique of {len(objects)} objects")
    return objects[0]


def _holds(scene, step, i, j):
    if holds(scene, step["relation"], i, j):
        return True
    if not holds(scene, INVERSE[step["relation"]], i, j):
        raise ProgramError(f"objects {i} and {j} are ambiguous for {step['relation']}")
    return False


def _direction(scene, step, i, j):
    found = direction(scene, i, j)
    if found is None:
        raise ProgramError(f"objects {i} and {j} have no one direction")
    return found


def _having(scene, step, objects, wanted):
    name, value = step["attribute"], step["value"]
    if value not in ATTRIBUTES.get(name, ()):
        raise ValueError(f"no attribute {name!r} with value {value!r}")
    return [i for i in objects if (getattr(scene.objects[i], name) == value) == wanted]


_OPS = {
    "scene": lambda scene, step: list(range(len(scene))),
    "filter": lambda scene, step, objects: _having(scene, step, objects, True),
    "exclude": lambda scene, step, objects: _having(scene, step, objects, False),
    "unique": _unique,
    "exist": lambda scene, step, objects: bool(objects),
    "count": lambda scene, step, objects: len(objects),
    "query": lambda scene, step, i: getattr(scene.objects[i], step["attribute"]),
    "holds": _holds,
    "direction": _direction,
    "same": lambda scene, step, i, j: (
        getattr(scene.objects[i], step["attribute"]) == getattr(scene.objects[j], step["attribute"])
    ),
    "greater": lambda scene, step, a, b: a > b,
    "less": lambda scene, step, a, b: a < b,
    "and": lambda scene, step, a, b: a and b,
    "or": lambda scene, step, a, b: a or b,
    "not": lambda scene, step, a: not a,
}


def is_degenerate(program: Program, scene: Scene) -> bool:
    """Whether some word of the question does no work on this scene.

    Each filter (or exclude) is dropped in turn; the question is degenerate if then the answer and every set
    that is tested, counted or made unique stay what they were. (For "is there a red circle?", answered yes,
    no weaker question can be answered no: what must change there is the set that is found.)
    """
    answer = execute(program, scene)
    read = _sets(program, answer)
    for index, step in enumerate(program):
        if step["op"] not in ("filter", "exclude"):
            continue
        shorter = drop(program, index)
        try:
            other = execute(shorter, scene)
        except ProgramError:
            continue
        if other.answer == answer.answer and _sets(shorter, other) == read:
            return True
    return False


def _sets(program: Program, run: Run) -> list:
    return [run.values[step["inputs"][0]] for step in program if step["op"] in _SET_READERS]


def drop(program: Program, index: int) -> Program:
    """The program without step `index`: whoever read it reads its first input instead."""
    source = program[index]["inputs"][0]
    out = []
    for k, step in enumerate(program):
        if k != index:
            inputs = [source if i == index else i for i in step.get("inputs", [])]
            out.append({**step, "inputs": [i - (i > index) for i in inputs]})
    return out


class Builder:
    """Writes a program step by step; every method returns the index of the step that it added."""

    def __init__(self):
        self.steps: Program = []

    def add(self, op: str, *inputs: int, **fields) -> int:
        self.steps.append({"op": op, "inputs": list(inputs), **fields})
        return len(self.steps) - 1

    def select(self, noun: Noun) -> int:
        at = self.add("scene")
        for name, value in noun.items():
            at = self.add("filter", at, attribute=name, value=value)
        return at

    def the(self, noun: Noun) -> int:
        return self.add("unique", self.select(noun))
