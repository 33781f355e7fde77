"""The checks of the lessons' exercises: each takes the reader's function, and says *what* is wrong with it.

    checks.bell(bell)

A check prints "bell: right", or raises a ``Hint``, within a second.
"""

import functools

import numpy as np

import mmscratch as mm
from mmscratch import ops
from mmscratch.autograd import primitive
from mmscratch.data import scenes

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


# ── lesson 11 ───────────────────────────────────────────────────────────────────────────────────
@exercise("For each word: the smaller of its count here and its greatest count in one reference; then sum.")
def clipped(ask):
    the = ["the"] * 7
    cat = [["the", "cat", "is", "on", "the", "mat"], ["there", "is", "a", "cat", "on", "the", "mat"]]
    got = ask(list(the), [list(r) for r in cat])
    _require(got is not None, "it gives None: is there a return?")
    _require(got != 7, "7 of 7 is unclipped: no reference has seven times 'the'")
    _require(got != 3, "3 adds up the references; a word may count as often as in the one that has most")
    _require(got != 1, "'the' stands twice in the first reference: 2, not 1")
    _require(abs(got - 2 / 7) > 1e-9, "this is p₁ itself; the numerator is asked for")
    _require(got == 2, f"the paper's example gives 2, not {got}")
    got = ask(["a", "b", "b", "c"], [["b", "a"], ["b", "b", "b", "d"]])
    _require(got != 5, "a word counts at most as often as in the candidate")
    _require(got == 3, f"a b b c against (b a) and (b b b d): 1 + 2 + 0 = 3, not {got}")
    _require(ask(["a"], [[], ["b"]]) == 0, "a word of no reference counts 0")


@exercise("First r, with min over lengths and a key; then 1 where c ≥ r, else exp(1 − r / c).")
def brevity(ask):
    got = ask(4, [8])
    _require(got is not None, "it gives None: is there a return?")
    _require(
        not _close(got, np.exp(1 - 4 / 8)), "the ratio is turned round: exp(1 − r/c) with r > c is below 1"
    )
    _require(not _close(got, 0.5), "this is c / r; the penalty is exp(1 − r/c)")
    _require(_close(got, np.exp(-1)), f"c = 4, r = 8: exp(1 − 8/4) = 0.368, not {float(got):.3f}")
    _require(_close(ask(9, [7]), 1.0), "a candidate longer than r is not punished, and not rewarded")
    _require(
        not _close(ask(6, [5, 7]), np.exp(1 - 7 / 6)), "5 and 7 are equally near to 6: the shorter one counts"
    )
    _require(_close(ask(6, [5, 7]), 1.0), "5 and 7 are equally near to 6: r = 5, so there is no penalty")
    near = ask(6, [3, 7, 12])
    _require(not _close(near, 1.0), "r is the nearest length, 7, not the shortest")
    _require(not _close(near, np.exp(1 - 12 / 6)), "r is the nearest length, 7, not the longest")
    _require(
        _close(near, np.exp(1 - 7 / 6)),
        "of 3, 7 and 12 the nearest to 6 is 7: neither the mean nor the first",
    )


@exercise("tf · (ln N − ln max(1, df)), with N the number of pictures.")
def word_weight(ask):
    got = ask(2, 5, 100)
    _require(got is not None, "it gives None: is there a return?")
    _require(not _close(got, np.log(20)), "tf is missing: a word that stands twice weighs twice")
    _require(not _close(got, -2 * np.log(20)), "the sign is turned round: rare words weigh more")
    _require(not _close(got, 2 * np.log2(20)), "this is log₂; CIDEr has the natural logarithm")
    smooth = 2 * (np.log(101 / 6) + 1)
    _require(not _close(got, smooth), "this is the smooth convention of lesson 4; CIDEr has ln N − ln df")
    _require(_close(got, 2 * np.log(20)), f"tf 2, df 5, N 100: 2 ln 20 = 5.991, not {float(got):.3f}")
    with np.errstate(all="ignore"):
        new = ask(1, 0, 100)
    _require(np.isfinite(new), "df = 0 gives infinity: a word of no reference counts as if it were in one")
    _require(_close(new, np.log(100)), "df = 0 counts as 1: ln 100")
    _require(_close(ask(3, 1, 1), 0.0), "one picture: ln 1 − ln 1 = 0")


@exercise("Make sets of both; 2 · |both| / (|a| + |b|), and 0 where they share nothing.")
def tuples_f1(ask):
    circle, red, left = ("circle",), ("circle", "red"), ("circle", "left", "square")
    got = ask([circle, red, ("cross",)], [circle, red, left, ("square",)])
    _require(got is not None, "it gives None: is there a return?")
    _require(not _close(got, 2 / 3), "this is the precision alone")
    _require(not _close(got, 2 / 4), "this is the recall alone")
    _require(not _close(got, 2 / 5), "this is intersection over union; F1 is 2 · |both| / (|a| + |b|)")
    _require(not _close(got, 2 / 7), "a factor 2 is missing: F1 of two equal sets is 1")
    _require(_close(got, 4 / 7), f"two of three match two of four: F1 = 4/7 = 0.571, not {float(got):.3f}")
    twice = ask([circle, circle, red], [circle])
    _require(not _close(twice, 2 / 4) and not _close(twice, 1.0), "a tuple that stands twice counts once")
    _require(
        _close(twice, 2 / 3),
        f"(circle) twice and (circle, red) against (circle): 2/3, not {float(twice):.3f}",
    )
    for a, b in (([circle], [left]), ([], [circle]), ([], [])):
        _require(
            _close(ask(list(a), list(b)), 0.0), "where nothing matches, an empty list too, the score is 0"
        )


# ── lesson 4 ────────────────────────────────────────────────────────────────────────────────────
@exercise("Count every pair of neighbours, each as often as its word occurs; then the largest count.")
def best_pair(ask):
    parts = {("b", "a", "b", "a"): 1, ("z", "y"): 4, ("c", "d", "e"): 3, ("x", "d", "e"): 2, ("q",): 99}
    got = ask(dict(parts))
    _require(got is not None, "it gives None: is there a return?")
    _require(isinstance(got, tuple) and len(got) == 2, "return the pair, a tuple of two parts")
    _require(got != ("b", "a"), "every word counts as often as it occurs: ('d', 'e') stands in 3 + 2 words")
    _require(got != ("z", "y"), "add up over all words: ('d', 'e') occurs in two of them, 3 + 2 times")
    _require(got != ("x", "d"), "the largest count is asked for, not the smallest")
    _require(got == ("d", "e"), f"expected ('d', 'e'), which occurs 5 times, got {got}")
    tie = ask({("n", "m"): 2, ("c", "d"): 2, ("a", "z"): 1})
    _require(tie == ("c", "d"), f"of equals the first in the alphabet: ('c', 'd'), not {tie}")
    twice = ask({("a", "b", "a", "b"): 1, ("c", "d"): 1})
    _require(twice == ("a", "b"), "a pair that stands twice in a word counts twice")


@exercise("df = (counts > 0).sum(axis=0); then counts · ln(N / df), and no division by 0.")
def plain_weights(ask):
    counts = np.array([[2.0, 1, 0, 0], [1, 0, 3, 0], [4, 0, 0, 0], [1, 1, 0, 0]])
    with np.errstate(all="ignore"):
        w = _array("counts (4, 4)", ask(counts.copy()), (4, 4))
    df = np.array([4, 2, 1, 1])
    right = counts * np.log(4 / df)
    smooth = counts * (np.log(5 / (1 + np.array([4, 2, 1, 0]))) + 1)
    _require(not np.isnan(w[:, 3]).any(), "a word of no text gives 0 · ln(N / 0); it must weigh 0")
    _require(not _close(w, smooth), "this is the smooth convention; plain is ln(N / df)")
    _require(not w[:, 0].any(), "a word of all texts weighs ln 1 = 0: df counts texts, not occurrences")
    _require(not _close(w, (counts > 0) * np.log(4 / df)), "multiply by the count x_w: twice is twice")
    _require(not _close(w, -right), "the sign is turned round: ln(N / df), not ln(df / N)")
    _require(not _close(w, right / np.log(2)), "this is log₂; the natural logarithm is asked for")
    _require(_close(w, right), "not x_w · ln(N / df_w)")


@exercise("∂ℓ/∂x is σ(x) − 1 for the true neighbour and σ(x) for noise; times u, and summed.")
def noise_gradient(ask):
    v = np.array([0.5, -1.0, 0.25])
    u = np.array([[1.0, 0.5, -0.5], [0.2, 0.1, 0.4], [-1.0, 2.0, 0.0]])
    g = _array("v (3,), u (3, 3)", ask(v.copy(), u.copy()), (3,))
    s = 1 / (1 + np.exp(-(u @ v)))
    right = (s - np.array([1.0, 0, 0])) @ u
    _require(not _close(g, s @ u), "the true neighbour is treated as noise: its slope is σ(x) − 1")
    _require(not _close(g, (s - 1) @ u), "the noise is treated as true: its slope is σ(x)")
    _require(not _close(g, -right), "the sign is turned round: this is the way down, −∂ℓ/∂v")
    _require(not _close(g, right / 3), "this is the mean; the loss is a sum")
    _require(not _close(g, (s - np.array([1.0, 0, 0])) * v), "∂x/∂v is u, not v")
    _require(_close(g, right), "not Σ (σ(u · v) − y) u")


@exercise("Two np.where, one in the other, say what a chosen token becomes; a third keeps the others.")
def hide(ask):
    ids = np.array([[11, 12, 13, 14, 15, 16]])
    chosen = np.array([[True, True, True, True, False, False]])
    fate = np.array([[0.1, 0.85, 0.95, 0.8, 0.1, 0.85]])
    other = ids + 50
    got = _array("one row of six", ask(ids.copy(), chosen, fate, other, 4), (1, 6))[0].tolist()
    _require(got[4:] == [15, 16], "a token that was not chosen is never changed")
    _require(got[0] == 4, "a chosen token with fate 0.1 becomes the mask")
    _require(got[1] != 12, "from 0.8 to 0.9 the random word: it is not used")
    _require(got[1] != 4, "only below 0.8 comes the mask")
    _require(got[2] == 13, "from 0.9 on the token stays as it is")
    _require(got[3] != 4, "0.8 itself is no longer below 0.8")
    _require(got == [4, 62, 13, 64, 15, 16], f"expected [4, 62, 13, 64, 15, 16], got {got}")


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
        first = next(i for i, f in enumerate(step.backward) if f is not None)
        step.backward[first] = _once(step.backward[first])
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


# ── lesson 2 ────────────────────────────────────────────────────────────────────────────────────
@exercise("The formula is p ⊙ (dp − Σ p ⊙ dp), the sum along the last axis.")
def scores_gradient(ask):
    p = ops.softmax(np.array([[2.0, 1.0, 0.0], [0.0, 0.5, -1.0]]))
    dp = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 1.0]])
    g = _array("p, dp (2, 3)", ask(p, dp), (2, 3))
    right = p * (dp - (p * dp).sum(-1, keepdims=True))
    _require(not _close(g, p * dp), "this is p ⊙ dp; the weights compete, so subtract Σ p ⊙ dp inside")
    _require(not _close(g, p * (1 - p) * dp), "this is the diagonal of the Jacobian alone; −p pᵀ is missing")
    _require(not _close(g, -right), "the sign is turned round")
    _require(not _close(g, p * (dp - (p * dp).sum())), "sum over each row, not over the whole array")
    _require(not _close(g, p * (dp - (p * dp).sum(0))), "sum over the last axis: a row is one softmax")
    _require(not _close(g, p * (dp - dp.sum(-1, keepdims=True))), "the sum is of p ⊙ dp, not of dp alone")
    _require(
        _close(g.sum(-1), np.zeros(2)), "each row of the result must sum to 0: shifting all scores is free"
    )
    _require(_close(g, right), "not p ⊙ (dp − Σ p ⊙ dp)")


@exercise("Take exp of scores minus the largest allowed one, put 0 where mask is False, divide by the sum.")
def masked_weights(ask):
    scores, mask = np.array([[0.0, 1.0, 2.0, 5.0]]), np.array([[True, True, True, False]])
    w = _array("scores (1, 4)", ask(scores, mask), (1, 4))
    full, right = ops.softmax(scores), ops.softmax(scores, mask)
    _require(not _close(w, full), "the mask is not used")
    _require(not _close(w, ops.softmax(scores, ~mask)), "the mask is turned round: True takes part")
    _require(
        not _close(w, full * mask), "weights set to 0 after the softmax: what remains no longer sums to 1"
    )
    _require(
        not _close(w, ops.softmax(scores * mask)),
        "a score of 0 is no mask, since exp(0) = 1; a masked score is −∞",
    )
    _require(w[0, 3] == 0, "a masked weight must be exactly 0")
    _require(_close(w, right), "the allowed weights are not a softmax")
    with np.errstate(all="ignore"):
        empty = _array("a row without any True", ask(scores, np.zeros((1, 4), bool)), (1, 4))
        huge = _array("scores of 3000", ask(np.array([[3000.0, 2999.0, 9000.0]]), mask[:, 1:]), (1, 3))
    _require(not np.isnan(empty).any(), "a row in which nothing is allowed gives 0/0; it must be all zeros")
    _require(not empty.any(), "a row in which nothing is allowed must be all zeros")
    _require(
        np.isfinite(huge).all(),
        "scores of 3000 overflow: subtract the row's largest allowed score before exp",
    )
    _require(
        _close(huge, ops.softmax(np.array([[1.0, 0.0, 0.0]]), mask[:, 1:])),
        "large scores give wrong weights: subtract the largest ALLOWED score, not the largest of all",
    )


@exercise("Make both unit vectors first; then (b̂ − cos · â) / ‖a‖.")
def cosine_gradient(ask):
    a, b = np.array([3.0, 0.0, 4.0]), np.array([1.0, 2.0, 2.0])
    g = _array("a, b (3,)", ask(a, b), (3,))
    a_hat, b_hat = a / 5, b / 3
    right = (b_hat - (a_hat @ b_hat) * a_hat) / 5
    _require(not _close(g, right * 5), "divide by ‖a‖: a long vector turns slowly")
    _require(not _close(g, b_hat / 5), "the part along a is not taken away: − cos · â is missing")
    _require(not _close(g, -right), "the sign is turned round: the gradient points towards b")
    _require(not _close(g, (a_hat - (a_hat @ b_hat) * b_hat) / 3), "this is the gradient of b, not of a")
    _require(
        not _close(g, (b - (a_hat @ b_hat) * a) / 5), "use unit vectors: b̂ and â, not b and a, in the bracket"
    )
    _require(abs(a @ g) < 1e-9, f"a · gradient should be 0 (it is tangent), not {a @ g:.3g}")
    _require(_close(g, right), "not (b̂ − cos · â) / ‖a‖")


@exercise("Divide every dot product by the row's length (by 1 where it is 0), then sort, falling.")
def most_similar(ask):
    query = np.array([1.0, 1.0, 0.0])
    rows = np.array([[1.0, 0.9, 0.1], [9.0, 0.0, 9.0], [0.0, 0.0, 0.0], [0.1, 0.1, 0.0], [-1.0, -1.0, 0.0]])
    with np.errstate(all="ignore"):
        got = _array("5 rows, count 5", ask(query, rows, 5), (5,))
        few = np.asarray(ask(query, rows, 2))
    got = got.tolist()
    _require(got != [1, 0, 3, 2, 4], "ranked by the bare dot product: the long row 1 wins; divide by lengths")
    _require(got != [4, 2, 1, 0, 3], "worst first: sort falling (the greatest cosine is the best)")
    by_distance = np.argsort(((rows - query) ** 2).sum(1), kind="stable").tolist()
    _require(got != by_distance, "ranked by the distance of rows as they are; only unit vectors rank alike")
    _require(sorted(got) == list(range(5)), f"expected row numbers 0 … 4, each once, got {got}")
    _require(got.index(2) == 3, "the zero row has cosine 0: before the opposite row 4, after all others")
    _require(got == [3, 0, 1, 2, 4], f"expected [3, 0, 1, 2, 4], got {got}")
    _require(few.tolist() == [3, 0], "count says how many to return")


# ── lesson 1 ────────────────────────────────────────────────────────────────────────────────────
def _pair(x0, y0, x1, y1):
    """A scene of a circle at (x0, y0) and a square at (x1, y1)."""
    circle = scenes.Object("circle", "red", "small", "solid", x0, y0, 6.0)
    square = scenes.Object("square", "blue", "small", "solid", x1, y1, 6.0)
    return scenes.Scene(0, (circle, square))


@exercise("Compare scene.objects[j].x − scene.objects[i].x with scenes.DEAD_ZONE.")
def stands_left(ask):
    _require(ask(_pair(10.0, 20.0, 50.0, 20.0), 0, 1) is not None, "it gives None: is there a return?")
    _require(ask(_pair(10.0, 20.0, 50.0, 20.0), 0, 1), "x = 10 is left of x = 50: x grows to the right")
    _require(not ask(_pair(50.0, 20.0, 10.0, 20.0), 0, 1), "x = 50 is not left of x = 10")
    _require(
        not ask(_pair(30.0, 10.0, 30.0, 50.0), 0, 1), "one above the other is not left: compare x, not y"
    )
    _require(
        not ask(_pair(30.0, 10.0, 34.0, 50.0), 0, 1), "4 pixels apart is ambiguous: the dead zone is not used"
    )
    _require(ask(_pair(30.0, 10.0, 36.0, 50.0), 0, 1), "exactly 6 pixels count: it holds from 6 on (≥)")
    _require(not ask(_pair(10.0, 20.0, 50.0, 20.0), 1, 0), "i and j are mixed up: the question is about i")


@exercise("Ask scenes.truth(sentence, scene), and look at its fields grammatical and true.")
def lies(ask):
    scene = _pair(10.0, 20.0, 50.0, 20.0)
    honest, crossed = (
        "a red circle is to the left of a blue square",
        "a red circle is to the right of a blue square",
    )
    absent, gibberish = "a green cross is in the picture", "circle red a left"
    got = ask([crossed, honest, gibberish, absent], scene)
    _require(got is not None, "it gives None: is there a return?")
    got = list(got)
    _require(all(isinstance(s, str) for s in got), "return the sentences themselves, not numbers or truths")
    _require(
        gibberish not in got, "what does not parse says nothing, so it is no lie: ask for grammatical too"
    )
    _require(honest not in got, "a true sentence is among the lies: `true` must be False")
    _require(crossed in got, "everything is there, but the relation is false: that is a lie too")
    _require(absent in got, "a sentence about an object that is not there is a lie too")
    _require(got == [crossed, absent], "keep the order in which the sentences came, each once")


@exercise("mask.any(axis=1) says which rows are touched; take the first, and the last plus 1.")
def box_of(ask):
    mask = np.zeros((9, 12), bool)
    mask[2:5, 6:11] = True
    mask[2, 6] = False
    box = ask(mask)
    _require(box is not None and len(box) == 4, "return four numbers: x0, y0, x1, y1")
    box, right = tuple(int(n) for n in box), (6, 2, 11, 5)
    _require(box != (2, 6, 5, 11), "x and y are exchanged: rows are y, and come first only in mask[y, x]")
    _require(box != (6, 2, 10, 4), "the box is half-open: x1 and y1 lie one beyond the last pixel")
    _require(box != (6, 2, 5, 3), "this is x0, y0, width, height; x1 and y1 are asked for")
    _require(box == right, f"expected {right}, got {box}")
    one = np.zeros((4, 4), bool)
    one[3, 0] = True
    _require(tuple(int(n) for n in ask(one)) == (0, 3, 1, 4), "a single pixel has a box of one by one")


@exercise("Count answers for each question in train; keep the most frequent; compare with test.")
def blind_accuracy(ask):
    train = [("a?", "yes")] * 3 + [("a?", "no")] * 1 + [("b?", "no")] * 4 + [("c?", "yes")] * 2
    train += [("c?", "no")] * 1 + [("d?", "no")] * 1
    test = [("a?", "yes"), ("a?", "no"), ("b?", "yes"), ("c?", "yes"), ("new?", "no")]
    got = ask(train, test)
    _require(got is not None, "it gives None: is there a return?")
    _require(abs(got - 3) > 1e-9 and abs(got - 60) > 1e-9, "return a share in [0, 1], no count or percent")
    _require(
        abs(got - 2 / 5) > 1e-9,
        "either one answer for all questions (look at each question's own), or no answer to one never seen "
        "(take the most frequent of all)",
    )
    _require(abs(got - 4 / 5) > 1e-9, "the majority was taken from test: that is peeking; learn from train")
    _require(abs(got - 3 / 4) > 1e-9 and abs(got - 1) > 1e-9, "every test question counts, the unseen too")
    _require(abs(got - 3 / 5) < 1e-9, f"expected 0.6 on the check's questions, got {got:.3g}")


# ── lesson 6, sound ─────────────────────────────────────────────────────────────────────────────
@exercise("Frame t is x[t·hop : t·hop + length]; the last one ends at or before the end of x.")
def cut(ask):
    x = np.arange(10.0)
    got = np.asarray(ask(x, 4, 3))
    _require(got.dtype != object and got.ndim == 2, f"expected an array (frames, length), got {got.shape}")
    right = np.stack([x[0:4], x[3:7], x[6:10]])
    _require(got.shape != (4, 3), "the array is turned round: one row a frame")
    _require(got.shape != (2, 4), "a frame is missing at the end: the last may end with the signal itself")
    _require(got.shape[0] != 4, "there are too many frames: the last ones do not lie wholly inside")
    _require(not _close(got[:, 1:], right[:, :-1]), "every frame begins one sample too early")
    _require(_close(got, right), f"length 4, hop 3 of 0 … 9: expected {right.tolist()}, got {got.tolist()}")
    _require(np.asarray(ask(x, 4, 4)).shape == (2, 4), "length 4, hop 4 of ten samples: two frames")
    _require(_close(np.asarray(ask(x, 2, 5)), [[0, 1], [5, 6]]), "a hop longer than the frame leaves gaps")


@exercise("Two straight lines, (f − low)/(peak − low) and (high − f)/(high − peak): which holds where?")
def band_weights(ask):
    f = np.array([0.0, 100, 150, 200, 300, 400, 500, 900])
    got = _array("f (8,)", ask(f, 100.0, 200.0, 500.0), (8,))
    right = np.array([0, 0, 0.5, 1, 2 / 3, 1 / 3, 0, 0])
    _require(got.min() >= 0, "weights below 0: beyond low and high the band hears nothing")
    _require(got.max() <= 1, "weights above 1: take the smaller of the two lines, not the greater")
    _require(got[3] == 1, f"at the peak the weight is 1, not {got[3]:g}")
    _require(not _close(got[4], 0.25) and not _close(got[4], 0.5), "the falling side goes from peak to high")
    _require(_close(got, right), f"expected {right.round(3).tolist()}, got {got.round(3).tolist()}")


@exercise("np.fft.rfft of the signal without its mean; bin k of N samples is k · rate / N hertz.")
def loudest(ask):
    t = np.arange(1000) / 2000
    tone = np.sin(2 * np.pi * 440 * t)
    got = float(ask(tone, 2000))
    _require(abs(got - 220) > 1e-6, "this is the number of the bin; a bin is rate / N hertz wide")
    _require(abs(got - 440) < 1e-6, f"a tone of 440 Hz, 1000 samples at 2000 a second: got {got:g}")
    got = float(ask(tone + 5, 2000))
    _require(
        got > 4, "a constant was added, and the loudest is now near 0 Hz: take the mean away, leave bin 0"
    )
    _require(abs(got - 440) < 1e-6, f"440 Hz and a constant: got {got:g}")
    t = np.arange(4000) / 8000
    got = float(ask(np.sin(2 * np.pi * 110 * t) + 0.5 * np.sin(2 * np.pi * 330 * t), 8000))
    _require(abs(got - 330) > 1e-6, "that is the highest peak in hertz, not the greatest magnitude")
    _require(abs(got - 110) < 1e-6, f"110 Hz at 8000 samples a second: got {got:g}")


@exercise("Rows √(2/M)·cos(πk(j + ½)/M); the first is smaller by √½.")
def cepstrum(ask):
    m = np.array([1.0, 3.0, 2.0, -1.0])
    k, j = np.arange(4)[:, None], np.arange(4)
    rows = np.cos(np.pi * k * (j + 0.5) / 4)
    right = np.sqrt([1 / 4, 1 / 2, 1 / 2, 1 / 2]) * (rows @ m)
    got = _array("m (4,), count 4", ask(m, 4), (4,))
    _require(not _close(got, np.sqrt(1 / 2) * (rows @ m)), "c0 has a scale of its own: √(1/M)")
    _require(not _close(got, rows @ m), "the scales s_k are missing")
    _require(not _close(got[1:], (np.sqrt(1 / 2) * np.cos(np.pi * k * j / 4) @ m)[1:]), "j + ½, not j")
    _require(
        not _close(got[1:], (np.sqrt(1 / 2) * np.sin(np.pi * k * (j + 0.5) / 4) @ m)[1:]), "cos, not sin"
    )
    _require(_close(got, right), f"expected {right.round(4).tolist()}, got {got.round(4).tolist()}")
    few = _array("m (4,), count 2", ask(m, 2), (2,))
    _require(_close(few, right[:2]), "count says how many are kept, M stays the length of m")


# ── lesson 10 ───────────────────────────────────────────────────────────────────────────────────
@exercise("np.cumsum(alpha) is the sum so far; count the regions at which it does not exceed u yet.")
def choose_region(ask):
    alpha = np.array([0.25, 0.5, 0.0, 0.25])
    got = ask(alpha.copy(), 0.5)
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0 and got == int(got), f"return one whole number, the region; got {got!r}")
    _require(
        ask(alpha.copy(), 0.1) != 1 or ask(alpha.copy(), 0.9) != 1, "always the likeliest: that draws nothing"
    )
    _require(ask(alpha.copy(), 0.1) == 0, "u = 0.1 is below the first 0.25: region 0")
    _require(got == 1, f"u = 0.5 lies between 0.25 and 0.75: region 1, not {got}")
    _require(
        ask(alpha.copy(), 0.75) != 2,
        "region 2 has probability 0 and must never be drawn: exceeds, not reaches",
    )
    _require(ask(alpha.copy(), 0.75) == 3, "at u = 0.75 the sum so far exceeds u at region 3 first")
    _require(ask(alpha.copy(), 0.25) == 1, "at u = 0.25 exactly it is region 1: the sum has to exceed u")


@exercise("One row a sample: (f[s] − b)[:, None] · (np.eye(R)[s] − alpha); then the mean over the rows.")
def score_gradient(ask):
    alpha, f = np.array([0.5, 0.3, 0.2]), np.array([1.0, -2.0, 4.0])
    s, b = np.array([0, 2, 2, 1, 0]), 0.5
    g = _array("s (5,)", ask(alpha.copy(), f.copy(), s.copy(), b), (3,))
    hot = np.eye(3)[s]
    right = ((f[s] - b)[:, None] * (hot - alpha)).mean(0)
    _require(not _close(g, right * 5), "this is the sum over the samples; their mean is asked for")
    _require(not _close(g, -right), "the sign is turned round: onehot(s) − α, not α − onehot(s)")
    _require(not _close(g, (f[s][:, None] * (hot - alpha)).mean(0)), "the baseline b is not subtracted")
    _require(not _close(g, ((f[s] - b)[:, None] * hot).mean(0)), "the score is onehot(s) − α; α is missing")
    _require(
        not _close(g, ((f[s] - b)[:, None] * hot / alpha).mean(0)),
        "this is the slope with respect to α itself; the scores e go through the softmax",
    )
    _require(_close(g, right), f"expected {right.round(3).tolist()}, got {g.round(3).tolist()}")


@exercise("Sum over the picture's captions, minus the caption's own reward, divided by k − 1.")
def advantage(ask):
    reward = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]])
    a = _array("reward (2, 3)", ask(reward.copy()), (2, 3))
    others = (reward.sum(1, keepdims=True) - reward) / 2
    _require(not _close(a, reward - reward.mean(1, keepdims=True)), "this mean contains the caption itself")
    _require(not _close(a, reward - reward.mean()), "the mean is over all pictures; each picture has its own")
    _require(not _close(a, others), "that is the baseline; the advantage is the reward minus it")
    _require(not _close(a, others - reward), "the sign is turned round: better than the others is positive")
    _require(
        not _close(a, reward - (reward.sum(1, keepdims=True) - reward) / 3), "there are k − 1 others, not k"
    )
    _require(
        not _close(a, reward - (reward.sum(0) - reward)), "the captions of a picture are in a row (axis 1)"
    )
    _require(_close(a, reward - others), f"expected {(reward - others).tolist()}, got {a.tolist()}")


@exercise("k / (k + x) = ½ where x = k. For which i is e^{i/k} = k?")
def half_way(ask):
    got = ask(10.0)
    _require(got is not None, "it gives None: is there a return?")
    got = float(got)
    _require(abs(got - np.log(10)) > 1e-6, "that is i/k; multiply by k")
    _require(abs(got - 10 * np.log10(10)) > 1e-6, "the exponential is e's: take the natural logarithm")
    _require(abs(got - 10 * np.exp(10)) > 1, "the inverse of e^x is asked for")
    _require(abs(got - 10 * np.log(10)) < 1e-6, f"k = 10: expected about 23.03, got {got:.4g}")
    _require(abs(float(ask(2.0)) - 2 * np.log(2)) < 1e-9, "right for k = 10, but not for k = 2")


# ── lesson 5 ────────────────────────────────────────────────────────────────────────────────────
@exercise(
    "The shared box begins at the larger of the lower corners and ends at the smaller of the upper ones."
)
def overlap(ask):
    def value(a, b):
        got = ask(a, b)
        _require(got is not None, "it gives None: is there a return?")
        return float(got)

    half = value((0, 0, 10, 10), (5, 0, 15, 10))
    _require(not _close(half, 50), "this is the shared area; divide it by the area of the union")
    _require(not _close(half, 50 / 200), "the union counts the shared part once: |A| + |B| − |A ∩ B|")
    _require(not _close(half, 0.5), "divide by the union, not by one of the boxes")
    _require(not _close(half, 66 / 176), "the boxes are half-open: a width is x1 − x0, without + 1")
    _require(_close(half, 1 / 3), f"two squares, one shifted by half, have IoU 1/3, not {half:.3g}")
    apart = value((0, 0, 2, 2), (5, 5, 9, 9))
    _require(apart == 0, "boxes apart on both axes: two negative sides make a positive area; cut at 0 first")
    beside = value((0, 0, 2, 2), (5, 0, 9, 2))
    _require(beside == 0, f"boxes apart on one axis share nothing: expected 0, got {beside:.3g}")
    tall = value((0, 0, 4, 8), (0, 2, 4, 10))
    _require(_close(tall, 24 / 40), "boxes that are not square come out wrong: are x and y exchanged?")


@exercise("Go through the boxes from the best score down; keep one unless it overlaps one that was kept.")
def thin(ask):
    iou = np.array([[1, 0.6, 0.1, 0], [0.6, 1, 0.6, 0], [0.1, 0.6, 1, 0.5], [0, 0, 0.5, 1.0]])
    got = ask(iou, np.array([0.7, 0.8, 0.9, 0.1]), 0.5)
    _require(got is not None, "it gives None: is there a return?")
    got = [int(i) for i in got]
    _require(got != [0, 2, 3], "these boxes stay, but not in this order: best score first")
    _require(got != [3, 0, 2], "begin with the best score, not with the worst")
    _require(got != [2], "a box that was dropped suppresses nothing; compare with those that were kept")
    _require(3 in got, "IoU equal to the threshold is no reason to go: only a larger one is")
    _require(0 in got, "box 0 overlaps only box 1, which is gone by then: it stays")
    _require(1 not in got, "box 1 overlaps the best box by 0.6: it must go")
    _require(got == [2, 0, 3], f"expected [2, 0, 3], got {got}")


@exercise("Precision after each detection; then at each right one the best precision from there on.")
def area(ask):
    got = ask(np.array([True, False, True]), 3)
    _require(got is not None, "it gives None: is there a return?")
    _require(not _close(got, 5 / 6), "the objects that were never found count too: divide by count")
    _require(not _close(got, 13 / 18), "only detections that are right add recall; this is the mean over all")
    _require(not _close(got, 2 / 3), "this is the recall or the precision at the end, not the area")
    _require(_close(got, 5 / 9), f"right, wrong, right of three objects is 5/9, not {float(got):.3g}")
    late = float(ask(np.array([False, True, True, True]), 3))
    plain = (1 / 2 + 2 / 3 + 3 / 4) / 3
    _require(not _close(late, plain), "take the best precision at this recall *or later* before summing")
    _require(_close(late, 3 / 4), f"wrong, then three right: the envelope is 3/4 everywhere, not {late:.3g}")
    _require(float(ask(np.array([False, False]), 2)) == 0, "nothing found is 0")


@exercise("Add the loops first; then divide by the roots of the degrees, in rows and in columns.")
def hear(ask):
    a, h = np.array([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]), np.array([[1.0, 0], [0, 2], [3, 1]])
    got = _array("hear", ask(a.copy(), h.copy()), (3, 2))
    loops = a + np.eye(3)
    _require(not _close(got, a @ h), "each node hears itself too (+ I), and degrees are divided out")
    _require(not _close(got, loops @ h), "the degrees are missing: nodes with many neighbours shout")
    _require(
        not _close(got, loops @ h / loops.sum(1)[:, None]),
        "this is the mean of the neighbours, D⁻¹(A + I)H; put √D on both sides instead",
    )
    d = a.sum(1)
    bare = a / np.sqrt(np.outer(d, d))
    _require(not _close(got, bare @ h), "the loops are missing: A + I")
    late = loops / np.sqrt(np.outer(d, d))
    _require(not _close(got, late @ h), "the degrees must be counted with the loops, those of A + I")
    d = loops.sum(1)
    _require(not _close(got, loops / np.outer(d, d) @ h), "the degrees go in with the power −½ on each side")
    _require(_close(got, loops / np.sqrt(np.outer(d, d)) @ h), "this is not D^−½ (A + I) D^−½ H")


# ── lesson 6, video ─────────────────────────────────────────────────────────────────────────────
@exercise("Slicing with a step of −1 walks an axis backwards; time is the first axis.")
def backwards(ask):
    frames = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)
    got = _array("frames (3, 2, 2, 3)", ask(frames.copy()), (3, 2, 2, 3))
    _require(not np.array_equal(got, frames), "these are the frames as they came")
    for axis, what in ((1, "upside down: that is the axis of rows"), (2, "mirrored: the axis of columns"),
                       (3, "with red and blue exchanged: the axis of colours")):  # fmt: skip
        _require(not np.array_equal(got, np.flip(frames, axis)), f"each frame is {what}")
    _require(not np.array_equal(got, np.flip(frames)), "every axis is turned round; only time should be")
    _require(np.array_equal(got, frames[::-1]), "the last frame should come first, the rest follow")


@exercise("For each t from 0 to T − I: the sum of w times the I entries of x that begin at t.")
def convolve_time(ask):
    x, w = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([1.0, 0.0, -3.0])
    got = ask(x, w)
    _require(got is not None, "it gives None: is there a return?")
    got, right = np.asarray(got), np.correlate(x, w, "valid")
    _require(got.shape != (5,), "5 numbers: without padding the window fits T − I + 1 = 3 times")
    _require(got.shape != (2,), "2 numbers: the last window, which ends at the last entry, is missing")
    _require(got.shape == (3,), f"the result has shape {got.shape}, expected (3,)")
    _require(not _close(got, np.convolve(x, w, "valid")), "the kernel is flipped; nets do not flip it")
    _require(_close(got, right), "not Σ_i w[i] x[t + i]")


@exercise("M = t·d²·n_in·n_out // (d²·n_in + t·n_out); then M·d²·n_in + M·t·n_out.")
def factorised_weights(ask):
    got, right = ask(64, 128, 3, 3), 230 * (9 * 64 + 3 * 128)
    _require(got is not None, "it gives None: is there a return?")
    _require(got != 230, "that is M itself; the weights of both parts are asked for")
    _require(got != 27 * 64 * 128, "that is the whole convolution; M is rounded down, so the two have less")
    _require(got != 230 * 9 * 64, "only the part over space is counted")
    _require(got != 230 * 3 * 128, "only the part over time is counted")
    _require(float(got) == int(got), "a number of weights is whole: round M down with //")
    _require(got == right, f"64 to 128 channels, 3×3×3: expected {right:,}, got {got:,}")
    _require(ask(3, 45, 3, 7) == 70 * (49 * 3 + 3 * 45), "d is not always 3: try 3 to 45 channels, 3×7×7")


# ── lesson 7 ────────────────────────────────────────────────────────────────────────────────────
@exercise("First join rows and columns: (B, C, H·W); then exchange the last two axes.")
def cells(ask):
    maps = np.arange(2 * 3 * 2 * 4).reshape(2, 3, 2, 4)
    got = _array("maps (2, 3, 2, 4)", ask(maps.copy()), (2, 8, 3))
    right = np.array([[maps[b, :, y, x] for y in range(2) for x in range(4)] for b in range(2)])
    _require(not np.array_equal(got, maps.reshape(2, 8, 3)), "the channels are mixed: move them last first")
    columns = maps.transpose(0, 3, 2, 1).reshape(2, 8, 3)
    _require(not np.array_equal(got, columns), "column by column; region y · W + x goes row by row")
    _require(np.array_equal(got, right), "region y · W + x must be maps[b, :, y, x]")


@exercise("What goes in is all but the last; what should come out is all but the first.")
def shifted(ask):
    tokens = np.array([[1, 7, 8, 2, 0], [1, 9, 5, 6, 2]])
    got = ask(tokens.copy())
    _require(isinstance(got, tuple) and len(got) == 2, "return two arrays: what goes in, what comes out")
    given, wanted = (np.asarray(x) for x in got)
    _require(given.shape == wanted.shape, "both must be as long: leave one word out of each")
    _require(given.shape == (2, 4), f"from (2, 5) expected two (2, 4), got {given.shape}")
    _require(not np.array_equal(given, wanted), "each word would only be copied: shift one of them")
    _require(not np.array_equal(given, tokens[:, 1:]), "the two are exchanged: <start> goes in")
    _require(np.array_equal(given, tokens[:, :-1]), "<start> goes in first, and the last word never")
    _require(np.array_equal(wanted, tokens[:, 1:]), "after <start> should come the first word")


@exercise("real = target != pad; then the mean of (said == target) over those places.")
def words_right(ask):
    target = np.array([[5, 6, 2, 0, 0, 0], [7, 2, 0, 0, 0, 0]])
    said = np.array([[5, 6, 9, 0, 0, 0], [8, 2, 3, 0, 0, 0]])
    got = ask(said.copy(), target.copy(), 0)
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0, "one number is asked for")
    _require(not np.isclose(got, 3 / 6), "places where pad is *said* are left out; the target decides")
    _require(not np.isclose(got, (said == target).mean()), "padding is counted: only words should be")
    _require(not np.isclose(got, 3 / 12), "divide by the number of words, not of places")
    _require(not np.isclose(got, 7 / 12), "this is a mean over the sentences; every word counts the same")
    _require(not np.isclose(got, 3), "this is a number of words, not their share")
    _require(np.isclose(got, 3 / 5), f"3 of 5 words are right, got {float(got):.3f}")
    other = float(ask(np.array([[4, 4]]), np.array([[4, 9]]), 9))
    _require(np.isclose(other, 1), "pad need not be 0: use the argument")


@exercise("words = [start]; ask, take the argmax, stop at end, append, until there are most.")
def speak(ask):
    table = {1: 4, 4: 5, 5: 4, 6: 2}  # 4 5 4 5 … until the sentence is four words long, then 6, then the end

    def next_word(words):
        _require(isinstance(words, list) and words[:1] == [1], "give next_word a list that begins with start")
        p = np.full(8, 0.05)
        p[6 if len(words) == 5 else table[words[-1]]] = 0.65
        return p

    def at_once(words):
        return np.eye(8)[2]

    got = ask(next_word, 1, 2, 12)
    _require(got is not None, "it gives None: is there a return?")
    got = [int(w) for w in got]
    _require(got[:1] != [1], "the start was not said: leave it out")
    _require(got[-1:] != [2], "the end is not a word: leave it out")
    _require(len(got) > 1, "one word is no sentence: feed each word back and ask again")
    _require(got == [4, 5, 4, 5, 6], f"expected [4, 5, 4, 5, 6], got {got}")
    _require(list(ask(at_once, 1, 2, 12)) == [], "where the end comes at once, nothing is said")
    short = list(ask(next_word, 1, 2, 3))
    _require(len(short) <= 3, "stop after ``most`` words: a model may never say end")
    _require(len(short) == 3, f"``most`` words may be said: 3, not {len(short)}")


# ── lesson 8 ────────────────────────────────────────────────────────────────────────────────────
@exercise("Pick each target's log p; add up those that are not padding; divide by how many they are; minus.")
def word_loss(ask):
    log_p = np.log(np.array([[[0.2, 0.5, 0.3], [0.1, 0.3, 0.6]], [[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]]]))
    targets = np.array([[1, 2], [1, 0]])
    got = ask(log_p.copy(), targets.copy(), 0)
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0, f"one number is asked for, not an array of shape {np.shape(got)}")
    real = np.log([0.5, 0.6, 0.25])
    every = np.append(real, np.log(0.9))
    _require(not _close(got, -every.mean()), "the padding counts too; leave out targets that are pad")
    _require(
        not _close(got, -real.sum() / 4), "divide by the number of words, not by all places of the batch"
    )
    _require(not _close(got, -real.sum()), "this is the sum; the mean over the words is asked for")
    _require(not _close(got, real.mean()), "the sign: a loss is minus the mean of log p")
    by_sentence = -(real[:2].mean() + real[2]) / 2
    _require(
        not _close(got, by_sentence), "this is the mean of the sentences' means: every word counts the same"
    )
    _require(_close(got, -real.mean()), f"expected {-real.mean():.4f}, got {float(got):.4f}")
    other = ask(log_p.copy(), np.array([[1, 0], [2, 2]]), 1)
    _require(_close(other, -np.log([0.1, 0.25, 0.05]).mean()), "pad is not always 0: use the argument")


@exercise(
    "sums[:, None] + scores is the table of all candidates; sort it, flattened; divmod gives the place."
)
def grow(ask):
    sums = np.array([-1.0, -2.0, -1.5])
    scores = np.array([[-3.0, -2.0, -4.0, -2.5], [-0.25, -1.0, -3.0, -3.0], [-1.5, -2.75, -0.5, -9.0]])
    got = ask(sums.copy(), scores.copy(), 4)
    _require(got is not None, "it gives None: is there a return?")
    got = [tuple(one) for one in got]
    _require(all(len(one) == 3 for one in got), "each continuation is (hypothesis, word, sum)")
    right = [(2, 2, -2.0), (1, 0, -2.25), (0, 1, -3.0), (1, 1, -3.0)]
    places = [one[:2] for one in got]
    _require(len(got) == 4, f"width 4: expected 4 continuations, got {len(got)}")
    _require(
        places != [(1, 0), (2, 2), (1, 1), (2, 0)], "add the sum so far: this is the order of the scores"
    )
    _require(places != [(2, 3), (0, 2), (1, 2), (1, 3)], "the largest sums are the best, not the smallest")
    _require(
        places != [(2, 2), (1, 0), (0, 1), (2, 0)],
        "a hypothesis may go on with several words, all of them kept",
    )
    _require(places != [(w, h) for h, w, _ in right], "hypothesis first, then the word")
    wanted = [one[:2] for one in right]
    _require(places == wanted, f"expected the places {wanted}, got {places}")
    sums_said = [one[2] for one in got]
    _require(_close(sums_said, [one[2] for one in right]), "the third is the new sum, log p so far")


@exercise(
    "Sort falling, cumulate, keep up to and with the word that reaches the mass; then divide by the sum."
)
def nucleus(ask):
    p = np.array([0.1, 0.4, 0.05, 0.25, 0.2])
    got = _array("p (5,)", ask(p.copy(), 0.6), (5,))
    two, three = np.array([0, 0.4, 0, 0.25, 0]), np.array([0, 0.4, 0, 0.25, 0.2])
    _require(not _close(got, two), "scale what is left: a distribution sums to 1")
    _require(
        not _close(got, np.array([0, 1.0, 0, 0, 0])),
        "0.4 is not yet 0.6: the word that reaches the mass stays",
    )
    _require(
        not _close(got, three / three.sum()), "0.4 + 0.25 reaches 0.6 already; one word too many is kept"
    )
    _require(got.any(), "the mass is of the words together, not of each")
    _require(
        not _close(got, np.array([0.1, 0.4, 0.05, 0.25, 0]) / 0.8),
        "the likeliest words first, not the first ones",
    )
    _require(_close(got, two / 0.65), "the words stay where they were; those dropped have 0")
    whole = _array("all of p", ask(p.copy(), 1.0), (5,))
    _require(_close(whole, p), "a mass of 1 keeps every word")
    _require(_close(ask(p.copy(), 0.3), np.eye(5)[1]), "at least the likeliest word stays")


# ── lesson 9 ────────────────────────────────────────────────────────────────────────────────────
@exercise("∂z/∂α_i is a_i, so g_i = a_i · dz; then back through the softmax: α_i (g_i − Σ_j α_j g_j).")
def look_gradient(ask):
    alpha = np.array([0.5, 0.3, 0.2])
    a = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 0.25]])
    dz = np.array([2.0, -1.0])
    got = _array("alpha (3,), a (3, 2), dz (2,)", ask(alpha.copy(), a.copy(), dz.copy()), (3,))
    g = a @ dz
    right = alpha * (g - alpha @ g)
    _require(not _close(got, g), "this is ∂L/∂α; the softmax is still to come")
    _require(not _close(got, alpha * g), "the mean Σ_j α_j g_j is missing: the weights compete")
    _require(not _close(got, alpha * (1 - alpha) * g), "this is a sigmoid's slope: the others count too")
    _require(not _close(got, alpha * (g - g.sum())), "subtract the mean under α, not the sum")
    _require(not _close(got, -right), "the sign is turned round")
    _require(_close(got, right), "not α_i (a_i · dz − Σ_j α_j a_j · dz)")


@exercise("How often each region was seen: Σ_t α_ti over the words; τ is the number of words over R.")
def unevenness(ask):
    alpha = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.9, 0.05, 0.05]])
    got = ask(alpha.copy())
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0, "one number is asked for: the mean over the regions")
    seen = alpha.sum(0)
    right = ((seen - 4 / 3) ** 2).mean()
    _require(not np.isclose(got, ((seen - 1) ** 2).mean()), "the paper's target 1 cannot be met: use T/R")
    _require(not np.isclose(got, ((alpha.sum(1) - 1) ** 2).mean()), "sum over the words, not the regions")
    _require(not np.isclose(got, ((seen - 3 / 4) ** 2).mean()), "τ is T/R; this is R/T")
    _require(not np.isclose(got, right * 3), "the mean over the regions is asked for, not the sum")
    _require(np.isclose(got, right), f"expected {right:.4f}, got {float(got):.4f}")
    _require(np.isclose(ask(np.full((6, 3), 1 / 3)), 0), "even looks should cost nothing")


@exercise("The flat index of each map's largest weight; is the mask true there?")
def pointing(ask):
    maps = np.array([[[0.05, 0.7], [0.15, 0.1]], [[0.3, 0.1], [0.2, 0.4]], [[0.1, 0.1], [0.5, 0.3]],
                     [[0.26, 0.24], [0.25, 0.25]]])  # fmt: skip
    masks = np.array([[[0, 1], [0, 0]], [[1, 0], [1, 0]], [[0, 1], [0, 1]], [[1, 1], [0, 0]]], bool)
    got = ask(maps.copy(), masks.copy())
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0, "one number is asked for")
    _require(not np.isclose(got, (maps * masks).sum((1, 2)).mean()), "this is the mass inside, no pointing")
    _require(not np.isclose(got, masks.mean()), "this is chance: the share of the picture in the masks")
    _require(not np.isclose(got, 2), "the share is asked for, not the number")
    flat = (maps == maps.max()) & masks
    _require(not np.isclose(got, flat.any((1, 2)).mean()), "each map has its own largest weight")
    _require(np.isclose(got, 0.5), f"two of four point inside: 0.5, got {float(got):.3f}")


# ── lesson 13 ───────────────────────────────────────────────────────────────────────────────────
@exercise("np.nonzero(y[:, None] > y[None]) gives the pairs (i, j).")
def pair_differences(ask):
    x, y = np.array([[1.0, 2.0], [0.0, 5.0], [4.0, 4.0], [3.0, -1.0]]), np.array([1, 0, 2, 1])
    got = ask(x.copy(), y.copy())
    _require(got is not None, "it gives None: is there a return?")
    got = np.asarray(got)
    _require(got.ndim == 2 and got.shape[1] == 2, f"expected differences (P, 2), got {got.shape}")
    right = np.array([x[i] - x[j] for i, j in ((0, 1), (2, 0), (2, 1), (2, 3), (3, 1))])

    def falling(a):
        return a[np.lexsort(a.T)]

    _require(len(got) != 10, "each pair stands twice, once with each sign")
    _require(len(got) != 6, "documents 0 and 3 have one grade: no pair")
    _require(len(got) != 3, "all pairs are asked for, not only neighbours in the order")
    _require(len(got) == 5, f"five pairs have two grades, got {len(got)}")
    _require(not _close(falling(got), falling(-right)), "turned round: the better document first")
    _require(_close(falling(got), falling(right)), "these are not x_i − x_j of the pairs with y_i > y_j")
    none = np.asarray(ask(x[:1].copy(), y[:1].copy()))
    _require(none.size == 0, "one document has no pair")


@exercise("|2^y_i − 2^y_j| · |1/log₂(i + 2) − 1/log₂(j + 2)|, over DCG of the best order.")
def swap_worth(ask):
    y = np.array([0, 3, 1, 2, 0])
    gain, discount = 2.0**y - 1, 1 / np.log2(np.arange(5) + 2)
    best = np.sort(gain)[::-1] @ discount
    got = ask(y.copy(), 0, 3)
    _require(got is not None, "it gives None: is there a return?")
    g, d = 3.0, discount[0] - discount[3]
    _require(not _close(got, g * d), "this is ΔDCG; divide by DCG of the best order")
    _require(not _close(got, g * d / (gain @ discount)), "DCG of the best order, not of this one")
    linear = np.sort(y)[::-1] @ discount
    _require(not _close(got, 2 * d / linear), "gains are 2^y − 1, not y")
    late = 1 / np.log2(np.arange(1, 6) + 2)
    _require(
        not _close(got, g * (late[0] - late[3]) / (np.sort(gain)[::-1] @ late)),
        "places count from 0, ranks from 1: 1/log₂(1 + rank)",
    )
    _require(not _close(got, -g * d / best), "its size is asked for, without a sign")
    _require(_close(got, g * d / best), f"expected {g * d / best:.4f}, got {float(got):.4f}")
    _require(_close(ask(y.copy(), 3, 0), g * d / best), "the two places may come in either order")
    _require(_close(ask(y.copy(), 0, 4), 0.0), "two of one grade: the swap is worth nothing")


@exercise("new = clip(alpha + (1 − w·z)/‖z‖², 0, C); w moves by (new − alpha) z.")
def dual_step(ask):
    w, z = np.array([0.5, -0.25]), np.array([1.0, 2.0])
    got = ask(w.copy(), z.copy(), 0.1, 10.0)
    _require(isinstance(got, tuple | list) and len(got) == 2, "two things are asked for: alpha, w")
    alpha, moved = got
    _require(not _close(alpha, 0.2), "the step is added to the old alpha")
    _require(not _close(alpha, 1.1), "divide by ‖z‖²: the parabola's curvature")
    _require(not _close(alpha, 0.1 + 1 / np.sqrt(5)), "divide by ‖z‖², not by the length")
    _require(not _close(alpha, -0.1) and not _close(alpha, 0.0), "the sign of the step is turned round")
    _require(_close(alpha, 0.3), f"alpha: 0.1 + (1 − 0)/5 = 0.3, got {float(alpha):.3f}")
    moved = _array("w", moved, (2,))
    _require(not _close(moved, w + 0.3 * z), "w moves by the change of alpha, not by all of it")
    _require(not _close(moved, w), "w has to follow: w = Σ α_k z_k")
    _require(_close(moved, w + 0.2 * z), "w + (new − alpha) z is asked for")
    alpha, moved = ask(w.copy(), z.copy(), 0.1, 0.25)
    _require(_close(alpha, 0.25), "alpha is at most C")
    _require(_close(moved, w + 0.15 * z), "where alpha was cut off, w moves by what is left of the step")
    alpha, _ = ask(10 * z, z.copy(), 0.1, 1.0)
    _require(_close(alpha, 0.0), "alpha is at least 0")


@exercise("For each query the ids that stand in both rows; all of them over true.size.")
def found_share(ask):
    found = np.array([[3, 1, 7], [9, -1, -1], [5, 6, 4]])
    true = np.array([[1, 2, 3], [8, 9, 7], [4, 5, 6]])
    got = ask(found.copy(), true.copy())
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0, "one number is asked for: the mean over the queries")
    _require(not _close(got, 0.0), "ids may stand in any order: a place is not compared with a place")
    _require(not _close(got, 6.0), "the share is asked for, not the number")
    _require(not _close(got, 6 / 7), "−1 is no id: the share is of the true ones")
    _require(not _close(got, 1 / 3), "a row counts by its share, not only where all were found")
    _require(not _close(got, 7 / 9), "7 is no neighbour of the first query: each row by itself")
    _require(not _close(got, 8 / 9), "7 is no neighbour of the first query: each row by itself")
    _require(_close(got, 6 / 9), f"2 + 1 + 3 of 9 were found: 0.667, got {float(got):.3f}")


# ── lesson 12 ───────────────────────────────────────────────────────────────────────────────────
@exercise("A softmax over each row, less the unit matrix, over B.")
def nce_gradient(ask):
    A = np.array([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0], [0.5, 0.5, -0.5]])
    got = _array("A (3, 3)", ask(A.copy()), (3, 3))
    P = np.exp(A) / np.exp(A).sum(1, keepdims=True)
    right = (P - np.eye(3)) / 3
    _require(not _close(got, 3 * right), "the loss is a mean over the rows: divide by B")
    _require(not _close(got, -right), "the sign is turned round: the true pair's gradient is negative")
    _require(not _close(got, P / 3), "the true pair is missing: P − I")
    columns = np.exp(A) / np.exp(A).sum(0)
    _require(not _close(got, (columns - np.eye(3)) / 3), "rows ask here: the softmax runs over each row")
    _require(_close(got, right), "not (P − I)/B")
    _require(np.isfinite(ask(A + 1000)).all(), "subtract the row's maximum before exp: 1000 overflows")


@exercise("Rows: m + S − S_ii, the diagonal left out, at least 0, the largest of each row; the same of S.T.")
def hardest_loss(ask):
    S = np.array([[0.9, 0.8, 0.1], [0.2, 0.3, 0.4], [0.6, 0.0, 0.5]])
    got = ask(S.copy(), 0.2)
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0, "one number is asked for")

    def rows(S, of):
        over = np.maximum(0.2 + S - S.diagonal()[:, None], 0)
        np.fill_diagonal(over, 0)
        return of(over)

    def both(of):
        return rows(S, of) + rows(S.T, of)

    right = both(lambda v: v.max(1).sum())
    _require(not _close(got, rows(S, lambda v: v.max(1).sum())), "columns ask, too: the same of S.T")
    _require(not _close(got, both(np.sum)), "this is the sum hinge; the worst one of each row counts")
    _require(not _close(got, right / 3) and not _close(got, right / 6), "the sum is asked for, not the mean")
    _require(_close(got, right), f"expected {right:.2f}, got {float(got):.2f}")
    _require(not _close(ask(np.eye(3), 0.2), 1.2), "the diagonal is no negative of itself: leave it out")
    _require(_close(ask(np.eye(3), 0.2), 0.0), "nothing is inside the margin here: the loss is 0, not below")
    _require(_close(ask(np.zeros((4, 4)), 0.5), 4.0), "all equal: 2 · 4 · 0.5 = 4, the blind value")


@exercise("A caption true of m pictures finds its own first with 1/m; the mean over captions.")
def ceiling_of(ask):
    truth = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], bool)
    got = ask(truth.copy())
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0, "one number is asked for: the mean over the captions")
    _require(not _close(got, (1 / truth.sum(1)).mean()), "captions ask: count along the pictures' axis")
    _require(not _close(got, 1 / truth.sum(0).mean()), "the mean of 1/m, not 1 over the mean of m")
    _require(not _close(got, (1 / truth.sum(0)).sum()), "the mean over the captions, not the sum")
    _require(not _close(got, (truth.sum(0) == 1).mean()), "who guesses among m is right with 1/m, not never")
    _require(_close(got, (1 / truth.sum(0)).mean()), "not the mean of 1/m over the captions")


# ── lesson 14 ───────────────────────────────────────────────────────────────────────────────────
@exercise("A vector of zeros; add sign[i] · x[i] in drawer place[i], for every i: np.add.at does it.")
def sketched(ask):
    x, place = np.array([1.0, 2.0, 3.0, -4.0, 0.5]), np.array([2, 0, 2, 5, 0])
    sign = np.array([1.0, -1.0, -1.0, -1.0, -1.0])
    got = _array("sketched", ask(x.copy(), place.copy(), sign.copy(), 6), (6,))

    def filled(values):
        found = np.zeros(6)
        np.add.at(found, place, values)
        return found

    lost = np.zeros(6)
    lost[place] = sign * x
    alone = np.zeros(6)
    alone[place] += sign * x
    _require(not _close(got, lost) and not _close(got, alone),
             "two indices share a drawer, and one of them is lost: a sum is wanted (np.add.at)")  # fmt: skip
    _require(not _close(got, filled(x)), "the signs are missing")
    _require(not _close(got, filled(sign)), "these are the signs alone: times x")
    _require(not _close(got, filled(np.abs(x))), "a sign is a factor of x, not its absolute value")
    _require(_close(got, filled(sign * x)), f"expected {filled(sign * x)}, got {got}")


@exercise("a = tanh(V v); back from h = a ⊙ b: times g, times b, times the slope of tanh, then through V.")
def reaches_picture(ask):
    random = np.random.default_rng(14)
    V, v, b, g = (
        random.normal(size=(3, 5)),
        random.normal(size=5),
        random.normal(size=3),
        random.normal(size=3),
    )
    got = _array("reaches_picture", ask(V.copy(), v.copy(), b.copy(), g.copy()), (5,))
    a = np.tanh(V @ v)
    right = V.T @ (g * b * (1 - a**2))
    _require(not _close(got, V.T @ (g * b)), "tanh has a slope: 1 − a²")
    _require(not _close(got, V.T @ (g * (1 - a**2))), "h = a ⊙ b: the question's factor b is missing")
    _require(not _close(got, V.T @ (g * a * (1 - b**2))), "this is the way to the question, with V")
    _require(not _close(got, V.T @ (b * (1 - a**2))), "g comes from above, and is missing")
    _require(not _close(got, V.T @ (g * b * (1 - a))), "the slope of tanh is 1 − a², not 1 − a")
    _require(not _close(got, V.T @ (g * b * a * (1 - a))), "a(1 − a) is the slope of the sigmoid")
    _require(_close(got, right), "not the gradient of Σ g ⊙ tanh(V v) ⊙ b")


@exercise("Gather the training answers of each wording; say the commonest; compare with the new answers.")
def blind_line(ask):
    asked = [
        "what?",
        "what?",
        "what?",
        "is it?",
        "is it?",
        "is it?",
        "is it?",
        "what?",
        "who?",
        "who?",
        "who?",
    ]
    said = ["red", "red", "blue", "no", "no", "yes", "no", "blue", "me", "me", "me"]
    asked, said = asked + ["what?"], said + ["red"]
    new = ["what?", "what?", "is it?", "is it?", "is it?", "who?", "whose?", "whose?", "what?", "what?"]
    true = ["blue", "red", "yes", "yes", "no", "me", "red", "no", "blue", "blue"]
    got = ask(list(asked), list(said), list(new), list(true))
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0, "one share is asked for")
    _require(got <= 1, "a share is asked for, not a number of questions")
    majority = max(said, key=said.count)
    _require(not _close(got, np.mean([majority == t for t in true])),
             "this is the majority line: one answer for all; each wording has its own")  # fmt: skip

    def line(questions, answers, rest):
        by = {}
        for q, a in zip(questions, answers, strict=True):
            by.setdefault(q, []).append(a)
        return np.mean([(max(by[q], key=by[q].count) if q in by else rest) == t
                        for q, t in zip(new, true, strict=True)])  # fmt: skip

    _require(
        not _close(got, line(new, true, None)),
        "count on the training questions, not on those that are judged",
    )
    _require(
        not _close(got, line(asked, said, None)), "a wording that is new gets the commonest training answer"
    )
    _require(_close(got, line(asked, said, majority)), f"here it is {line(asked, said, majority)}, not {got}")


@exercise("Leave each person out: n times there are n − 1 left who gave it, people − n times n.")
def left_out(ask):
    got = [ask(n) for n in range(11)]
    _require(None not in got, "it gives None: is there a return?")
    right = [0, 0.3, 0.6, 0.9, *[1.0] * 7]
    _require(not _close(got, [min(1, n / 3) for n in range(11)]), "min(1, n/3) leaves nobody out")
    _require(not _close(got, [max(0, min(1, (n - 1) / 3)) for n in range(11)]),
             "only those who gave the answer have n − 1 others; for the rest it is n")  # fmt: skip
    _require(max(got) <= 1 + 1e-9, "each set gives at most 1: the minimum is inside the mean")
    _require(_close(got, right), f"of ten people: 0, .3, .6, .9, 1, …, not {np.round(got[:5], 3)}")
    for n, people, value in ((1, 5, 4 / 15), (2, 4, 0.5), (3, 6, 5 / 6)):
        _require(_close(ask(n, people), value),
                 f"min(1, .3 n) is right for ten people only; {n} of {people} is {value:.3f}")  # fmt: skip


# ── lesson 15 ───────────────────────────────────────────────────────────────────────────────────
@exercise("Scores w · tanh(W v_i + U u), their softmax over the regions, the weighted mean, and u added.")
def hop(ask):
    random = np.random.default_rng(15)
    v, u = random.normal(size=(4, 3)), random.normal(size=3)
    W, U, w = random.normal(size=(5, 3)), random.normal(size=(5, 3)), 2 * random.normal(size=5)
    got = _array("hop", ask(v.copy(), u.copy(), W.copy(), U.copy(), w.copy()), (3,))
    e = np.tanh(v @ W.T + U @ u) @ w
    p = np.exp(e) / np.exp(e).sum()
    _require(not _close(got, p @ v), "what was seen is added to the question: u is missing")
    _require(not _close(got, u + np.exp(e) @ v), "the weights have to sum to one: divide by the sum of exp")
    _require(not _close(got, u + e @ v), "these are scores, not weights: softmax over the regions")
    alone = np.tanh(v @ W.T) @ w
    _require(
        not _close(got, u + np.exp(alone) / np.exp(alone).sum() @ v),
        "the question does not ask: U u is missing",
    )
    raw = (v @ W.T + U @ u) @ w
    _require(not _close(got, u + np.exp(raw) / np.exp(raw).sum() @ v), "tanh is missing")
    _require(not _close(got, u + v.mean(0)), "this looks at all regions evenly")
    _require(_close(got, u + p @ v), "not u + Σ p_i v_i")
    _require(np.isfinite(ask(v, u, W, U, 1000 * w)).all(), "exp overflows: subtract the greatest score first")


@exercise("Broadcast: a[:, None] + b[None] + c is (n, n, H); relu, then the sum over both.")
def all_pairs(ask):
    random = np.random.default_rng(16)
    a, b, c = random.normal(size=(3, 4)), random.normal(size=(3, 4)), random.normal(size=4)
    got = _array("all_pairs", ask(a.copy(), b.copy(), c.copy()), (4,))
    each = np.maximum(a[:, None] + b[None] + c, 0)
    _require(not _close(got, np.maximum(a + b + c, 0).sum(0)), "these are the pairs i = j alone")
    _require(
        not _close(got, np.maximum((a[:, None] + b[None] + c).sum((0, 1)), 0)),
        "relu of each pair, then the sum",
    )
    _require(not _close(got, (a[:, None] + b[None] + c).sum((0, 1))), "relu is missing")
    _require(not _close(got, each.mean((0, 1))), "the sum is asked for, not the mean")
    _require(not _close(got, each.sum((0, 1)) - np.maximum(a + b + c, 0).sum(0)), "i = j is a pair, too")
    _require(not _close(got, np.maximum(a[:, None] + b[None], 0).sum((0, 1))), "c, the question, is missing")
    _require(_close(got, each.sum((0, 1))), f"expected {each.sum((0, 1)).round(3)}, got {got.round(3)}")


@exercise("For each glimpse the outer product of its words and its regions; the mean over the glimpses.")
def word_by_region(ask):
    random = np.random.default_rng(17)
    beta, alpha = random.dirichlet(np.ones(4), 3), random.dirichlet(np.ones(5), 3)
    got = _array("word_by_region", ask(beta.copy(), alpha.copy()), (4, 5))
    right = np.einsum("gt,gi->ti", beta, alpha) / 3
    _require(not _close(got, 3 * right), "it sums to the number of glimpses: the mean is asked for")
    _require(not _close(got, np.outer(beta.mean(0), alpha.mean(0))),
             "the mean of products, not the product of means: each glimpse has its own words")  # fmt: skip
    _require(not _close(got, np.outer(beta[0], alpha[0])), "all glimpses count, not the first alone")
    _require(
        not _close(got, np.einsum("gt,gi->gti", beta, alpha).max(0)),
        "the mean over glimpses, not the greatest",
    )
    _require(_close(got, right), "not the mean over glimpses of β_t α_i")


# ── lesson 16 ───────────────────────────────────────────────────────────────────────────────────
@exercise("Put a 1 behind each vector; then the sum over i and j of W_kij x_i y_j.")
def all_products(ask):
    random = np.random.default_rng(18)
    x, y, W = random.normal(size=3), random.normal(size=2), random.normal(size=(4, 4, 3))
    got = _array("all_products", ask(x.copy(), y.copy(), W.copy()), (4,))
    both = np.einsum("kij,i,j->k", W[:, :3, :2], x, y)
    right = np.einsum("kij,i,j->k", W, np.append(x, 1), np.append(y, 1))
    front = np.einsum("kij,i,j->k", W, np.append(1, x), np.append(1, y))
    _require(not _close(got, both), "only the products x_i y_j: the ones are missing, and each vector alone")
    _require(not _close(got, front), "the ones stand behind the vectors, not in front")
    _require(not _close(got, right - W[:, 3, 2]), "the last entry, 1 · 1, is missing")
    _require(_close(got, right), "not Σ_ij W_kij [x; 1]_i [y; 1]_j")


@exercise("An outer product of u and v for each r and k; the sum is over r.")
def unfolded(ask):
    random = np.random.default_rng(19)
    u, v = random.normal(size=(2, 3, 4)), random.normal(size=(2, 3, 5))
    got = _array("unfolded", ask(u.copy(), v.copy()), (3, 4, 5))
    terms = np.einsum("rki,rkj->rkij", u, v)
    _require(not _close(got, terms[0]), "this is the first term alone: sum over all r")
    _require(not _close(got, terms.mean(0)), "the sum over r, not the mean")
    _require(
        not _close(got, np.einsum("ki,kj->kij", u.sum(0), v.sum(0))),
        "the sum of products, not the product of sums: u of one r never meets v of another",
    )
    _require(_close(got, terms.sum(0)), "not Σ_r u_rki v_rkj")


@exercise("First G, with 0 where the loss grew; then the change of the gap; then G over its square.")
def blend_of(ask):
    training = np.array([[2.0, 2.0, 2.0], [0.5, 1.25, 1.0]])
    validation = np.array([[2.0, 2.25, 2.0], [1.5, 1.75, 2.5]])
    with np.errstate(all="ignore"):
        got = _array("blend_of", ask(training.copy(), validation.copy()), (3,))
    gain, wider = np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.25, 1.5])

    def scaled(w):
        return w / w.sum()

    _require(not _close(got, gain / wider**2), "the weights are to sum to 1")
    _require(
        not _close(got, scaled(np.array([0.5, 0.5, -0.5]) / wider**2)), "what grew on held-back rows wins 0"
    )
    _require(not _close(got, scaled(gain / wider)), "overfitting counts squared")
    _require(not _close(got, scaled(gain / np.array([1.0, 0.5, 1.5]) ** 2)),
             "O is how much the gap has *changed*: it may have been there before")  # fmt: skip
    won = np.maximum(training[0] - training[1], 0)
    _require(not _close(got, scaled(won / wider**2)), "G is won on held-back rows, not on training rows")
    _require(_close(got, scaled(gain / wider**2)), "not G / O², over its sum")


# ── lesson 17 ───────────────────────────────────────────────────────────────────────────────────
@exercise("A table with a border of ∞ and a 0 in its corner; row by row, d plus the least of three.")
def cheapest(ask):
    d = np.array([[1.0, 2.0, 9.0], [4.0, 1.0, 3.0], [9.0, 8.0, 2.0]])
    got = ask(d.copy())
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0, "one number is asked for: g at the last cell")
    _require(not _close(got, 3.0), "less than any path costs: d of the first cell counts too")
    _require(_close(got, 4.0), f"the diagonal costs 1 + 1 + 2 = 4 here, not {float(got):g}")
    bent = np.array([[1.0, 1.0, 5.0, 9.0], [9.0, 9.0, 1.0, 1.0], [9.0, 9.0, 9.0, 1.0]])
    got = float(ask(bent.copy()))
    _require(not _close(got, 10.0), "this path goes along and down only; a diagonal step is one step too")
    _require(_close(got, 4.0), f"along, then twice diagonally: 1 + 1 + 1 + 1 = 4, not {got:g}")
    line = np.array([[1.0, 2.0, 3.0]])
    _require(_close(ask(line.copy()), 6.0), "one row: the path goes through all its cells")


@exercise("For each word the shares t[units, f] over their sum; add them up by (unit, word); then rows to 1.")
def em_step(ask):
    t = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
    pairs = [([0, 1], [0, 1]), ([0], [1]), ([1, 0], [0, 0])]
    counts = np.zeros((3, 3))
    hard, raw = np.zeros((3, 3)), np.zeros((3, 3))
    for units, words in pairs:
        for f in words:
            counts[units, f] += t[units, f] / t[units, f].sum()
            raw[units, f] += t[units, f]
            hard[units[int(np.argmax(t[units, f]))], f] += 1

    def rows(c):
        total = c.sum(1, keepdims=True)
        return np.where(total > 0, c / np.where(total > 0, total, 1), t)

    with np.errstate(all="ignore"):
        got = _array("em_step", ask(t.copy(), [(list(e), list(f)) for e, f in pairs]), (3, 3))
    _require(not _close(got, counts), "these are the counts c: each row is to be divided by its sum")
    _require(not _close(got, rows(hard)), "each word is shared among the units, not given to the likeliest")
    _require(not _close(got, rows(raw)), "the shares of one word sum to 1: divide by the sum over its units")
    _require(np.isfinite(got).all(), "unit 2 is in no pair: 0 / 0; it keeps its row")
    _require(_close(got[2], t[2]), "unit 2 is in no pair: it keeps its row")
    columns = counts / np.maximum(counts.sum(0, keepdims=True), 1e-300)
    _require(not _close(got[:2], columns[:2]), "t(· | e) sums to 1 over the words: rows, not columns")
    _require(_close(got, rows(counts)), "not c(f | e) / Σ_f c(f | e)")


@exercise("K times (a / row sums) as a column; then times (b / column sums of *that*).")
def scaled_once(ask):
    random = np.random.default_rng(20)
    K, a, b = random.random((3, 2)) + 0.1, np.array([0.5, 0.2, 0.3]), np.array([0.6, 0.4])
    got = _array("scaled_once", ask(K.copy(), a.copy(), b.copy()), (3, 2))
    half = K * (a / K.sum(1))[:, None]
    other = K * (b / K.sum(0))
    _require(not _close(got, half), "this is the first half: the columns are still to be scaled")
    _require(not _close(got, half * (b / K.sum(0))), "column sums of what the first half has made, not of K")
    _require(not _close(got, other), "the rows are to be scaled first")
    _require(
        not _close(got, other * (a / other.sum(1))[:, None]),
        "rows first, then columns: here it is turned round",
    )
    _require(
        _close(got, half * (b / half.sum(0))), "the columns do not sum to b, or the rows were not scaled"
    )


@exercise("Four counts: in A and S, in A and P, in A, in S.")
def error_rate(ask):
    A = np.array([[1, 0, 1, 0], [0, 1, 1, 0]], bool)
    S = np.array([[1, 0, 0, 0], [0, 1, 0, 1]], bool)
    P = S | np.array([[0, 0, 1, 0], [0, 0, 0, 0]], bool)
    got = ask(A.copy(), S.copy(), P.copy())
    _require(got is not None, "it gives None: is there a return?")
    _require(np.ndim(got) == 0, "one number is asked for")
    _require(not _close(got, 5 / 7), "0 is right: this is 1 − AER")
    _require(not _close(got, 1 - 4 / 7), "what is possible counts too: |A ∩ S| + |A ∩ P|")
    _require(not _close(got, 1 - 5 / 8), "in the denominator |A| + |S|, not |A| + |P|")
    _require(not _close(got, 1 - 3 / 4), "this is 1 − precision: the sure links that were not found count")
    _require(_close(got, 2 / 7), f"1 − (2 + 3) / (4 + 3) = 0.286, not {float(got):.3f}")


# ── lesson 0 ────────────────────────────────────────────────────────────────────────────────────
@exercise("Go through the lines; a line that begins with three backquotes turns code on or off.")
def outline(ask):
    text = "# One\n\ntext # no\n## Two words\n```python\n# a comment\n## another\n```\n### Three\n"
    got = ask(text)
    _require(got is not None, "it gives None: is there a return?")
    got = [tuple(pair) for pair in got]
    right = [(1, "One"), (2, "Two words"), (3, "Three")]
    _require((1, "a comment") not in got and (2, "another") not in got, "fenced code is read as headings")
    _require((3, "Three") in got or len(got) != 2, "after the second fence it is text again")
    _require([level for level, _ in got] == [1, 2, 3], f"the levels are 1, 2, 3, not {[n for n, _ in got]}")
    _require(got == right, f"expected {right}, got {got}")
    _require([tuple(p) for p in ask("```\n# x\n```\n```\n# y\n```\n# z")] == [(1, "z")],
             "two blocks of code: each is turned off again")  # fmt: skip


@exercise("For each section: does any row's section equal it, or begin with it and a full stop?")
def uncovered_sections(ask):
    sections = ["1", "1.1", "1.2", "3", "30", "4"]
    rows = [("1.1", "a"), ("3.1.2", "b"), ("30", "c"), ("1.1", "d")]
    got = ask(list(sections), list(rows))
    _require(got is not None, "it gives None: is there a return?")
    _require("1" not in got and "3" not in got, "a section is covered by what is below it: 3 by 3.1.2")
    _require(list(got) != ["1.1", "30"], "these are covered: those that are not are asked for")
    _require(list(got) == ["1.2", "4"], f"expected ['1.2', '4'], got {list(got)}")
    _require(list(ask(["3"], [("30", "c")])) == ["3"], "30 is not below 3: a full stop must follow")


@exercise(
    "For each lesson that it needs: all before that one, then the one; what is there already, not again."
)
def before(ask):
    needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d", "a"]}
    got = ask({k: list(v) for k, v in needs.items()}, "e")
    _require(got is not None, "it gives None: is there a return?")
    got = list(got)
    _require("e" not in got, "the lesson itself is not read before itself")
    _require(set(got) >= {"a", "b", "c"}, "what is needed is needed by way of others too: e needs d needs b")
    _require(len(got) == len(set(got)), "each once")
    _require(set(got) == {"a", "b", "c", "d"}, f"expected a, b, c, d in some order, got {got}")
    for k, lesson in enumerate(got):
        _require(set(needs[lesson]) <= set(got[:k]), f"{lesson} stands before what it needs itself")
    _require(list(ask(needs, "a")) == [], "a needs nothing: an empty list")


# ── lesson 18 ───────────────────────────────────────────────────────────────────────────────────
@exercise("With d = above − below: −(1 − σ(d)) divided by the number of pairs.")
def bpr_slope(ask):
    random = np.random.default_rng(18)
    above, below = random.normal(size=(2, 7))
    got = _array("bpr_slope", ask(above.copy(), below.copy()), (7,))
    sigma = 1 / (1 + np.exp(below - above))
    right = -(1 - sigma) / 7
    _require(not _close(got, -right), "the sign: L falls as the score of what was taken rises")
    _require(not _close(got, 7 * right), "L is a mean: divide by the number of pairs")
    _require(not _close(got, -sigma / 7), "this pulls most at pairs that are in order: 1 − σ, not σ")
    _require(not _close(got, -sigma * (1 - sigma) / 7), "that is the slope of σ, not of ln σ: divide by σ")
    _require(_close(got, right), f"expected {right.round(3)}, got {got.round(3)}")
    with np.errstate(over="raise"):
        try:
            far = ask(np.array([-1e3, 1e3]), np.zeros(2))
        except Hint:
            raise Hint("it stops where scores are large: exp overflows") from None
    _require(_close(far, [-0.5, 0]), "for scores of ±1000 it should be −1/2 and 0")


@exercise("a + A x, and of each landmark its weight times r² ln r², r being the distance.")
def thin_plate(ask):
    random = np.random.default_rng(19)
    points, landmarks = random.normal(size=(6, 2)), random.normal(size=(4, 2))
    weights, affine = random.normal(size=(4, 2)), random.normal(size=(3, 2))
    points[0] = landmarks[0]
    got = _array("thin_plate", ask(points.copy(), landmarks.copy(), weights.copy(), affine.copy()), (6, 2))
    _require(np.isfinite(got).all(), "at a landmark r = 0, and 0 · ln 0 is no number: U(0) = 0")
    square = ((points[:, None] - landmarks) ** 2).sum(-1)
    bumps = square * np.log(np.where(square > 0, square, 1))
    flat = affine[0] + points @ affine[1:]
    _require(not _close(got, flat), "the bumps are missing")
    _require(not _close(got, bumps @ weights), "the affine part is missing")
    _require(not _close(got, flat + bumps @ weights / 2), "r² ln r is half of U: ours has ln r²")
    _require(not _close(got, points @ affine[1:] + bumps @ weights), "a, the first row of affine, is missing")
    _require(_close(got, flat + bumps @ weights), "not a + A x + Σ w_i U(‖x − x_i‖)")


@exercise("α_k is the mean of the slopes over the places; then the sum over channels, nothing below 0.")
def class_map(ask):
    random = np.random.default_rng(20)
    a, slopes = random.normal(size=(2, 5, 3, 4))
    got = _array("class_map", ask(a.copy(), slopes.copy()), (3, 4))
    alpha = slopes.mean((1, 2))
    whole = np.tensordot(alpha, a, 1)
    _require(not _close(got, whole), "what speaks against the grade is cut off: nothing below 0")
    _require(not _close(got, 12 * np.maximum(whole, 0)), "α is the mean over the places, not the sum")
    _require(not _close(got, np.maximum((slopes * a).sum(0), 0)),
             "each channel has one weight, the mean of its slopes, not one at each place")  # fmt: skip
    _require(
        not _close(got, np.tensordot(alpha, np.maximum(a, 0), 1)), "the rectifier stands outside the sum"
    )
    _require(not _close(got, np.maximum(a.mean(0), 0)), "α is missing")
    _require(_close(got, np.maximum(whole, 0)), "not max(0, Σ_k α_k A^k)")


# ── appendix A ──────────────────────────────────────────────────────────────────────────────────
@exercise("x̂ and σ first; g = γ ⊙ ∂L/∂y; then (g − mean g − x̂ · mean(g ⊙ x̂)) / σ, row by row.")
def norm_gradient(ask):
    random = np.random.default_rng(18)
    x, above, gamma = random.normal(size=(3, 5)), random.normal(size=(3, 5)), random.normal(size=5)
    got = _array("norm_gradient", ask(x.copy(), above.copy(), gamma.copy()), (3, 5))

    def back(g, spread, along=True, middle=True):
        hat = (x - x.mean(1, keepdims=True)) / spread
        g = g - middle * g.mean(1, keepdims=True) - along * hat * (g * hat).mean(1, keepdims=True)
        return g / spread

    sigma = x.std(1, keepdims=True)
    _require(not _close(got, back(above, sigma)), "gamma is missing: what arrives at x̂ is γ ⊙ ∂L/∂y")
    _require(not _close(got, back(gamma * above, sigma, along=False, middle=False)),
             "μ and σ depend on x, too: two terms are missing")  # fmt: skip
    _require(
        not _close(got, back(gamma * above, sigma, along=False)), "σ depends on x: x̂ · mean(g ⊙ x̂) is missing"
    )
    _require(not _close(got, back(gamma * above, sigma, middle=False)), "μ depends on x: mean(g) is missing")
    _require(not _close(got, back(gamma * above, sigma) * sigma), "it has to be divided by σ at the end")
    _require(not _close(got, back(gamma * above, x.std(1, ddof=1, keepdims=True))),
             "σ² is the mean of the squares, over D and not D − 1")  # fmt: skip
    _require(_close(got, back(gamma * above, sigma)), "not the gradient of layer normalisation, row by row")


@exercise("Half the identity and half the mean over heads, for each layer; a later layer stands to the left.")
def rolled_out(ask):
    random = np.random.default_rng(19)
    layers = [random.dirichlet(np.ones(4), size=(2, 4)) for _ in range(3)]
    got = _array("rolled_out", ask([a.copy() for a in layers]), (4, 4))

    def product(kept, order, heads=lambda a: a.mean(0)):
        found = np.eye(4)
        for a in layers:
            mixed = kept * np.eye(4) + (1 - kept) * heads(a)
            found = mixed @ found if order else found @ mixed
        return found

    _require(
        not _close(got, product(0.5, False)), "the order is turned round: the last layer stands on the left"
    )
    _require(
        not _close(got, product(0.0, True)), "the residual is missing: half of every layer is the identity"
    )
    _require(not _close(got, product(0.5, True, lambda a: a.max(0))), "the mean over heads, not the greatest")
    _require(not _close(got, product(0.5, True, lambda a: a[0])), "all heads count, not the first alone")
    mixed = [0.5 * np.eye(4) + 0.5 * a.mean(0) for a in layers]
    _require(not _close(got, sum(mixed) / 3), "the layers follow one another: a product, not a mean")
    _require(_close(got, product(0.5, True)), "not Â_3 Â_2 Â_1")
    _require(_close(got.sum(1), np.ones(4)), "rows of R sum to one")


@exercise("Â = D̃^−½ (A + I) D̃^−½ with D̃ the row sums of A + I; then Â Ẏ Wᵀ, and (Â X)ᵀ Ẏ.")
def graph_gradients(ask):
    random = np.random.default_rng(20)
    A = np.array([[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]], float)
    X, W, above = random.normal(size=(4, 3)), random.normal(size=(3, 2)), random.normal(size=(4, 2))
    got = ask(A.copy(), X.copy(), W.copy(), above.copy())
    _require(got is not None, "it gives None: is there a return?")
    _require(isinstance(got, tuple | list) and len(got) == 2, "two gradients are asked for: dX, dW")
    dX, dW = _array("graph_gradients: dX", got[0], (4, 3)), _array("graph_gradients: dW", got[1], (3, 2))

    def normalised(a):
        root = 1 / np.sqrt(a.sum(1))
        return root[:, None] * a * root

    loops = A + np.eye(4)
    hat = normalised(loops)
    _require(not _close(dX, normalised(A) @ above @ W.T), "a node hears itself as well: A + I")
    _require(not _close(dX, loops / loops.sum(1, keepdims=True) @ above @ W.T),
             "this is D̃^−1 (A + I); half of it stands on either side")  # fmt: skip
    _require(not _close(dX, loops @ above @ W.T), "Â is normalised: D̃^−½ on both sides")
    _require(not _close(dX, above @ W.T), "the gradient walks along the edges, too: Â Ẏ Wᵀ")
    _require(_close(dX, hat @ above @ W.T), "dX is not Â Ẏ Wᵀ")
    _require(not _close(dW, X.T @ above), "the layer multiplied W by Â X, not by X")
    _require(_close(dW, (hat @ X).T @ above), "dW is not (Â X)ᵀ Ẏ")


# ── appendix B ──────────────────────────────────────────────────────────────────────────────────
@exercise("The mean of slope at start + (k + ½)/n · (x − start), times (x − start).")
def straight_way(ask):
    x, start = np.array([2.0, -1.0, 3.0]), np.array([0.5, 1.0, 0.0])

    def slope(p):  # of F = p₀² p₁ + p₂³
        return np.array([2 * p[0] * p[1], p[0] ** 2, 3 * p[2] ** 2])

    def sums(places, n):
        return (x - start) * sum(slope(start + a * (x - start)) for a in places) / n

    got = _array("straight_way", ask(slope, x.copy(), start.copy(), 8), (3,))
    middle = (np.arange(8) + 0.5) / 8
    _require(not _close(got, sums(middle, 8) / (x - start)), "x − start is missing in front of the integral")
    _require(
        not _close(got, (x - start) * slope(x)), "this is gradient × input at x alone: walk the whole way"
    )
    _require(not _close(got, sums(middle, 1)), "the mean of the slopes, not their sum: divide by n")
    _require(not _close(got, sums(np.arange(8) / 8, 8)), "the places are (k + ½)/n, not k/n")
    _require(not _close(got, sums(np.arange(1, 9) / 8, 8)), "the places are (k + ½)/n, not (k + 1)/n")
    _require(not _close(got, x * sum(slope(a * x) for a in middle) / 8), "the way begins at start, not at 0")
    _require(_close(got, sums(middle, 8)), f"expected {sums(middle, 8).round(4)}, got {got.round(4)}")


@exercise("The mean of dA over the places weighs each map; add up the maps; nothing below 0.")
def weighed_channels(ask):
    random = np.random.default_rng(21)
    A, dA = random.normal(size=(4, 3, 5)), random.normal(size=(4, 3, 5))
    got = _array("weighed_channels", ask(A.copy(), dA.copy()), (3, 5))
    weigh = dA.mean((1, 2))[:, None, None]
    right = np.maximum((weigh * A).sum(0), 0)
    _require(not _close(got, (weigh * A).sum(0)), "what speaks against the score is cut off: max(0, …)")
    _require(
        not _close(got, np.maximum(weigh * A, 0).sum(0)), "the maximum comes after the sum over channels"
    )
    _require(
        not _close(got, np.maximum((dA * A).sum(0), 0)), "one weight a channel: the mean of its gradient"
    )
    _require(not _close(got, 15 * right), "the mean over places, not the sum")
    _require(not _close(got, np.maximum((np.maximum(weigh, 0) * A).sum(0), 0)), "weights may be negative")
    _require(
        not _close(got, np.maximum(A.mean(0), 0)), "the channels are not alike: the gradient weighs them"
    )
    _require(_close(got, right), "not max(0, Σ_k α_k A^k)")


@exercise(
    "For every order of arrival: what each adds to those who came before; then the mean over the orders."
)
def fair_shares(ask):
    worth = {"": 1.0, "a": 3.0, "b": 1.0, "c": 2.0, "ab": 7.0, "ac": 4.0, "bc": 2.0, "abc": 12.0}

    def value(players):
        return worth["".join(sorted(players))]

    got = ask(value, ["a", "b", "c"])
    _require(got is not None, "it gives None: is there a return?")
    _require(
        isinstance(got, dict) and set(got) == {"a", "b", "c"}, "a dictionary {player: share} is asked for"
    )
    found = np.array([got[p] for p in "abc"], float)
    alone = np.array([worth[p] - worth[""] for p in "abc"])
    last = np.array([worth["abc"] - worth["abc".replace(p, "")] for p in "abc"])
    _require(not _close(found, alone), "what each adds to nobody is one coalition; all count")
    _require(not _close(found, last), "what each adds to all others is one coalition; all count")
    _require(
        not _close(found, np.array([2.0, 4.0, 5.0])), "this is one order of arrival; the mean of all six"
    )
    every = {
        p: np.mean([worth["".join(sorted(s + p))] - worth[s] for s in worth if p not in s]) for p in "abc"
    }
    _require(not _close(found, np.array([every[p] for p in "abc"])),
             "coalitions do not count alike: those of no other and of all others a third each")  # fmt: skip
    right = np.array([16 / 3, 10 / 3, 7 / 3])
    _require(not _close(found, 6 * right), "this is the sum over the six orders; the mean is asked for")
    _require(_close(found.sum(), 11.0), f"shares sum to v(all) − v(nobody) = 11, not {found.sum():.3g}")
    _require(_close(found, right), f"here they are {right.round(3)}, not {found.round(3)}")
    _require(_close(ask(lambda s: len(s) * 2.0, ["x"])["x"], 2.0), "a single player gets all")
