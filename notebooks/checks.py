"""The checks of the lessons' exercises: each takes the reader's function, and says *what* is wrong with it.

    checks.bell(bell)

A check prints "bell: right", or raises a ``Hint``, within a second.
"""

import functools

import numpy as np

import mmscratch as mm
from mmscratch import ops
from mmscratch.autograd import primitive

__all__ = ["EXERCISES", "Hint"]

EXERCISES = {}
"""Name of the exercise → its check."""


class Hint(AssertionError):
    """What is wrong with an answer. A notebook shows this sentence alone, without the check's own lines."""

    def _render_traceback_(self):
        return [f"not yet · {self}"]


def exercise(start):
    """judge(ask) → check(answer). ``ask`` calls the answer; ``start`` is said where nothing is written."""

    def decorate(judge):
        name = judge.__name__

        @functools.wraps(judge)
        def check(answer):
            def ask(*inputs):
                try:
                    return answer(*inputs)
                except Hint:
                    raise
                except NotImplementedError:
                    raise Hint(f"nothing is written between the marks yet. {start}") from None
                except Exception as error:
                    raise Hint(f"stopped with {type(error).__name__}: {error}") from error

            try:
                judge(ask)
            except Hint as hint:
                raise Hint(f"{name}: {hint}") from hint.__cause__
            print(f"{name}: right")

        check.start = start
        EXERCISES[name] = check
        return check

    return decorate


def _close(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-6, atol=1e-9))


def _require(condition, hint):
    if not condition:
        raise Hint(hint)


def _array(what, value, shape):
    """The answer as an array, or a hint that names both shapes."""
    _require(value is not None, f"{what} gives None: is there a return?")
    value = value.numpy() if isinstance(value, mm.Tensor) else np.asarray(value)
    _require(value.shape == shape, f"{what}: the result has shape {value.shape}, expected {shape}")
    return value


# ── lesson 3 ────────────────────────────────────────────────────────────────────────────────────
@exercise("Compute y first, then return y and a function of dy.")
def bell(ask):
    x, dy = np.array([-1.0, 0.25, 2.0]), np.array([2.0, -3.0, 5.0])
    answer = ask(x)
    two = isinstance(answer, tuple) and len(answer) == 2 and callable(answer[1])
    _require(two, "return two things, the result and the function backward")
    y, backward = answer
    _require(_close(y, np.exp(-(x**2))), "the forward value is not exp(−x²); mind the sign and the square")
    slope = -2 * x * np.exp(-(x**2))
    g = _array("backward(dy)", backward(dy), (3,))
    _require(not _close(g, slope), "this is the derivative alone; backward must multiply it by dy")
    _require(not _close(g, -dy * slope), "the gradient has the wrong sign (the exponent is −x²)")
    _require(not _close(g, dy * slope / 2), "a factor 2 is missing: the derivative of x² is 2x")
    _require(not _close(g, -2 * x * dy), "the factor exp(−x²) is missing: exp is its own derivative")
    _require(_close(g, dy * slope), "backward is not dy · (−2x) · exp(−x²)")
    rule = primitive(lambda t: ask(t))
    try:
        mm.gradcheck(rule, x)
    except AssertionError as error:
        raise Hint(str(error)) from None


def _counted(result):
    """Have every step below a result stop a walk that takes it twice."""
    left, seen = [result.step], set()
    while left:
        step = left.pop()
        if step in seen:
            continue
        seen.add(step)
        left += [t for t in step.targets if hasattr(t, "targets")]
        step.backward = _once(step.backward)
    return result


def _once(backward):
    called = []

    def watched(*g):
        called.append(1)
        _require(
            len(called) == 1,
            "a step was walked twice, so the first time its gradient was not complete; take the newest "
            "waiting step (the greatest birth)",
        )
        return backward(*g)

    return watched


def _leaf(value):
    return mm.tensor(np.array(value), requires_grad=True)


@exercise("Keep a dict of the steps that wait, with their gradients; take the one with the greatest birth.")
def walk(ask):
    a = _leaf(1.0)
    b = a + a
    c = b + b
    grads = ask(c)
    _require(isinstance(grads, dict) and a in grads, "return a dict that has an entry for every leaf")
    value, known = float(grads[a]), "b = a + a; c = b + b gives"
    _require(value != 2, f"{known} 2: what b receives the second time is forgotten")
    _require(value != 6, f"{known} 6: what b received first is passed on twice")
    _require(value != 1, f"{known} 1: gradients that meet must be added, not replaced")
    _require(value == 4, f"{known} {value:g} for ∂c/∂a, expected 4")
    ask(_counted(c))
    a, b = _leaf(2.0), _leaf(3.0)
    p = a * b
    grads = ask(_counted(p * p + p + a))
    _require(set(map(id, grads)) == {id(a), id(b)}, "the dict must hold the leaves, and nothing else")
    got = float(grads[a]), float(grads[b])
    _require(got == (40, 26), f"p = a·b; y = p·p + p + a at (2, 3) has the gradients (40, 26), not {got}")
    x = _leaf(1.0)
    y = x
    for _ in range(40):
        y = y + y
    _require(float(ask(_counted(y))[x]) == 2.0**40, "forty doublings in a row should give 2⁴⁰")


@exercise("Which axes were added on the left, and which had length 1? Sum over both.")
def sum_to(ask):
    dy = np.arange(1.0, 7.0).reshape(2, 3)
    column = np.asarray(ask(dy, (2, 1)))
    _require(column.shape != (2,), "shape (2, 1) came back as (2,): keep the summed axis (keepdims=True)")
    column = _array("dy (2, 3) to (2, 1)", column, (2, 1))
    mean = dy.mean(1, keepdims=True)
    _require(not _close(column, mean), "this is the mean; the chain rule asks for the sum")
    _require(not _close(column, dy[:, :1]), "only the first copy's gradient is kept; all of them add up")
    _require(_close(column, 3 * mean), "the entries along the repeated axis must be summed")
    row = _array("dy (2, 3) to (3,)", ask(dy, (3,)), (3,))
    _require(_close(row, dy.sum(0)), "an axis that broadcasting added on the left must be summed away")
    big = np.arange(24.0).reshape(2, 3, 4)
    both = _array("dy (2, 3, 4) to (3, 1)", ask(big, (3, 1)), (3, 1))
    _require(_close(both, big.sum((0, 2))[:, None]), "new axes and axes of length 1 may come together")
    number = _array("dy (2, 3) to ()", ask(dy, ()), ())
    _require(_close(number, dy.sum()), "a number was repeated everywhere")
    same = _array("dy (2, 3) to (2, 3)", ask(dy, (2, 3)), (2, 3))
    _require(_close(same, dy), "nothing was repeated, so dy must come back as it is")
    one = _array("dy (1, 3) to (1, 3)", ask(dy[:1], (1, 3)), (1, 3))
    _require(_close(one, dy[:1]), "an axis of length 1 that stayed 1 was not repeated")


@exercise("Begin with zeros of shape (rows, D) and add each row of dy where index says.")
def table_gradient(ask):
    index, dy = np.array([2, 0, 2]), np.array([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]])
    g = _array("the gradient of a table (4, 2)", ask(dy, index, 4), (4, 2))
    right = np.array([[3.0, 4.0], [0, 0], [11.0, 22.0], [0, 0]])
    alone = _close(g[2], dy[2]) or _close(g[2], dy[0])
    _require(not alone, "row 2 is read twice but keeps one gradient: g[index] += dy loses one (np.add.at)")
    _require(not _close(g[2], right[2] / 2), "repeated rows are averaged; the chain rule sums")
    _require(not g[[1, 3]].any(), "rows that were never read must get zero")
    _require(_close(g, right), f"expected {right.tolist()}, got {g.tolist()}")
    places = np.array([[0, 1], [1, 1]])
    g = _array("index (2, 2), dy (2, 2, 3)", ask(np.ones((2, 2, 3)), places, 2), (2, 3))
    _require(_close(g, [[1.0] * 3, [3.0] * 3]), "index may have any shape; add over all its places")
    table = mm.tensor(np.zeros((4, 2)), requires_grad=True)
    ops.embedding(table, index).backward(dy)
    _require(_close(table.grad, right), "the library disagrees")
