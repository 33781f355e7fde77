"""The docstring of every operation: its parts, the alphabet of its shapes, and whether they are true.

A ``Shapes`` line reads  x (…, D), weight (K, D) → y (…, K).  A letter is a size, the same wherever it
stands; "…" is any number of axes; 3H a multiple. The rows of the tables are called and their shapes put
into the line.
"""

import inspect
import re

import numpy as np
import pytest
import table

from mmscratch import kernels, ops

PARTS = ("Forward", "Backward", "Shapes", "Errors", "Note")
NAMES = sorted(ops.__all__)
ALPHABET = set("BTRSDHVCNLMKGJOEIPQWAF") | {"Lq", "Lk"}


def parts_of(function):
    """Part name → its text."""
    found, part = {}, None
    for line in inspect.getdoc(function).split("\n"):
        match = re.match(r"([A-Z][a-z]+) {2,}(.*)", line)
        if match and match[1] in PARTS:
            part = match[1]
            found[part] = match[2]
        elif part and line.startswith("  "):
            found[part] += " " + line.strip()
        else:
            part = None
    return found


def shapes_of(function):
    """For the inputs and for the results: [(name, [possible axes, …]), …]; None among them is anything."""
    left, _, right = parts_of(function)["Shapes"].partition("→")
    inputs = _read(left, {})
    return inputs, _read(right, dict(inputs))


def _read(side, known):
    """One side of the arrow. "a, b (…)" describes both, "(…) or (…)" two ways, "y like x" y as x."""
    entries, end = [], 0
    for group in re.finditer(r"\(([^()]*)\)|(?:^|, )\s*([\w']+) like (\w+)", side):
        if group[3]:
            entries.append((group[2], known[group[3]]))
        else:
            before = side[end : group.start()].strip(" ,")
            axes = [a.strip() for a in group[1].split(",") if a.strip()]
            if before == "or":
                entries[-1][1].append(axes)
            elif not any(" " in a for a in axes) and "=" not in before:
                free = [None] if "broadcasting to" in before else []
                entries += [(name.split()[0], [*free, axes]) for name in before.split(", ")]
        end = group.end()
    return entries


def fits(possible, shape, sizes):
    """Does a shape fit its description, given the sizes of the letters so far (which it adds to)?"""
    for axes in possible:
        trial = dict(sizes)
        if axes is None or _fits(axes, shape, trial):
            sizes.update(trial)
            return True
    return False


def _fits(axes, shape, sizes):
    if sum("…" in a for a in axes) > 1 or any("…" in a and a != "…" for a in axes):
        return len(shape) >= sum("…" not in a for a in axes)  # how many axes each … stands for is left open
    if "…" in axes:
        at = axes.index("…")
        tail = len(axes) - at - 1
        if len(shape) < at + tail:
            return False
        axes = axes[:at] + axes[at + 1 :]
        shape = shape[:at] + (shape[len(shape) - tail :] if tail else ())
    if len(axes) != len(shape):
        return False
    for axis, size in zip(axes, shape, strict=True):
        if axis.isdigit() and int(axis) != size:
            return False
        if axis in ALPHABET and sizes.setdefault(axis, size) != size:
            return False
        multiple = re.fullmatch(r"(\d)([A-Z])", axis)
        if multiple and size != int(multiple[1]) * sizes.get(multiple[2], size // int(multiple[1])):
            return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_the_parts_are_there(name):
    function = getattr(ops, name)
    if function is ops.run:
        pytest.skip("runs a cell over time: no formula of its own")
    parts = parts_of(function)
    rule = hasattr(function, "rule")
    missing = {"Forward", "Shapes"} | ({"Backward"} if rule else set()) - set(parts)
    assert not missing - set(parts), f"{name}: its docstring lacks {sorted(missing - set(parts))}"
    assert rule or "Backward" in parts or "compose" in inspect.getdoc(function), (
        f"{name}: a rule, or composed?"
    )


@pytest.mark.parametrize("name", NAMES)
def test_shapes_keep_to_the_alphabet(name):
    if name == "run":
        pytest.skip("no operation by itself")
    inputs, results = shapes_of(getattr(ops, name))
    assert inputs and results, f"{name}: Shapes must read inputs → results"
    for _, possible in inputs + results:
        for axis in (a for axes in possible if axes for a in axes):
            for letter in re.findall(r"[A-Z][a-z]?", axis):
                assert letter in ALPHABET, f"{name}: {letter!r} in {axis!r} is not in the alphabet"


@pytest.mark.parametrize("name", sorted(table.by_op()))
def test_shapes_are_those_of_real_calls(name):
    inputs_said, results_said = shapes_of(getattr(ops, name))
    checked = 0
    for row in table.by_op()[name]:
        if row.function is not getattr(ops, name):
            continue  # called in another form: options may change the shapes
        for case in row.cases:
            inputs = table.make_inputs(row, case, np.float64)
            if name == "matmul" and any(x.ndim == 1 for x in inputs):
                continue  # a vector counts as a row or a column
            sizes = {}
            with kernels.use("reference"):
                results = row.function(*inputs)
            results = results if isinstance(results, tuple) else (results,)
            for (what, axes), x in zip(inputs_said, inputs, strict=False):
                if not isinstance(x, np.ndarray):
                    continue
                assert fits(axes, x.shape, sizes), f"{name}, {case[0]}: {what} {axes} is {x.shape} ({sizes})"
            for (what, axes), y in zip(results_said, results, strict=True):
                assert fits(axes, y.shape, sizes), f"{name}, {case[0]}: {what} {axes} is {y.shape} ({sizes})"
            checked += 1
    if not checked:
        pytest.skip("no row calls it in its plain form")


def test_the_reader_of_shapes_rejects_what_is_wrong():
    assert fits([["…", "M", "K"]], (2, 3, 4), {}) and fits([["M"]], (3,), {"M": 3})
    assert fits([["3H"]], (6,), {"H": 2}) and fits([["C"], ["1"]], (1,), {"C": 3})
    assert not fits([["M"]], (3,), {"M": 4}) and not fits([["3H"]], (7,), {"H": 2})
    assert not fits([["…", "M", "K"]], (3,), {}) and not fits([[]], (3,), {})
