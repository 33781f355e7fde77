"""Is a gradient right? The judge is the definition of the derivative, in float64.

    gradcheck(lambda q, k: attention(q, k, k)[0], randn(2, 3), randn(4, 3))

Each entry of the Jacobian is measured by central differences at two or more step lengths and extrapolated
(Richardson, 1911; Ridders, 1982), which removes the errors of second and higher order: with h = 10⁻³ what is
left of truncation and rounding is about 10⁻¹¹. So the tolerance of 10⁻⁶ judges the gradient and not the
measurement. The analytic Jacobian is compared with it entry by entry, one output at a time, and then once
more through one random cotangent, which fills all of dy at once.
"""

import numpy as np

from .tensor import Tensor

__all__ = ["gradcheck"]

_LEVELS = 4
"""So often is h halved at most."""


def gradcheck(function, *inputs, eps=1e-3, rtol=1e-6, atol=1e-8, seed=0):
    """True if the gradients of ``function`` are right at ``inputs``; AssertionError saying where not.

    function   takes tensors, gives a tensor or a tuple of them (results without a gradient, such as
               an index, are passed over). The same inputs must give the same result.
    inputs     tensors or arrays. Those of floats are taken in float64 and checked; the others
               (indices, masks) and whatever is no array are handed on as they are.
    eps        step length h, times max(1, |x|); no kink of the function may lie closer than that

    An entry is right where |analytic − numeric| ≤ atol + rtol · |numeric|.
    """
    points = [_point(x) for x in inputs]
    checked = [i for i, x in enumerate(points) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    if not checked:
        raise ValueError(f"gradcheck: none of the {len(inputs)} inputs is an array of floats")

    values = _values(function, points)
    again = _values(function, points)
    if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(values, again, strict=True)):
        raise ValueError(
            "gradcheck: two calls on the same inputs differ; give a fresh, seeded generator in it"
        )
    if not values:
        raise AssertionError("gradcheck: no result of the function requires a gradient")

    numeric = {i: _numeric_jacobian(function, points, i, eps) for i in checked}
    leaves, results = _call(function, points, requires_grad=True)
    results = [r for r in results if r.requires_grad]
    row = 0
    for o, value in enumerate(values):
        for j in range(value.size):
            cotangent = np.zeros_like(value)
            cotangent.reshape(-1)[j] = 1.0
            gradients = _pull_back(leaves, checked, [(results[o], cotangent)])
            for i in checked:
                place = f"∂output {o}{_entry(j, value.shape)}"
                _compare(gradients[i], numeric[i][0][row], numeric[i][1][row], i, place, rtol, atol)
            row += 1

    generator = np.random.default_rng(seed)
    cotangents = [generator.standard_normal(v.shape) for v in values]
    flat = np.concatenate([c.reshape(-1) for c in cotangents])
    gradients = _pull_back(leaves, checked, list(zip(results, cotangents, strict=True)))
    for i in checked:
        # Sums of many terms: what counts is the size of the terms, not what is left after they cancel.
        scale = atol * (1 + np.abs(flat).sum()) + rtol * (np.abs(flat) @ np.abs(numeric[i][0]))
        place = "random cotangent, ∂⟨cotangent, output⟩"
        _compare(gradients[i], flat @ numeric[i][0], None, i, place, rtol, scale.reshape(points[i].shape))
    return True


def _point(x):
    x = x.detach().numpy() if isinstance(x, Tensor) else x
    if isinstance(x, (np.ndarray, np.floating)) and x.dtype.kind == "f":
        return np.array(x, dtype=np.float64, order="C")
    return x


def _call(function, points, requires_grad=False):
    """The function on fresh tensors → those tensors, and its results of floats."""
    leaves = [
        Tensor(x, requires_grad=requires_grad and x.dtype.kind == "f") if isinstance(x, np.ndarray) else x
        for x in points
    ]
    results = function(*leaves)
    if isinstance(results, Tensor):
        results = (results,)
    if not isinstance(results, (tuple, list)) or not all(isinstance(r, Tensor) for r in results):
        raise TypeError("gradcheck: function must return a tensor or a tuple of tensors")
    return leaves, [r for r in results if r.dtype.kind == "f"]


def _values(function, points):
    """The results that depend on the checked inputs, as host arrays."""
    return [r.detach().numpy() for r in _call(function, points, requires_grad=True)[1] if r.requires_grad]


def _pull_back(leaves, checked, pairs):
    """Σ cotangentᵀ · ∂result for each checked input, by backward through the (result, cotangent) pairs."""
    for i in checked:
        leaves[i].grad = None
    for result, cotangent in pairs:
        result.backward(Tensor(cotangent).to(result.device), retain_graph=True)
    gradients = {}
    for i in checked:
        x, g = leaves[i].data, leaves[i].grad
        if g is not None and (g.shape != x.shape or g.dtype != x.dtype):
            raise AssertionError(
                f"gradcheck: the gradient of input {i} has shape {tuple(g.shape)} and dtype {g.dtype}, "
                f"the input {x.shape} and {x.dtype}"
            )
        gradients[i] = np.zeros_like(x) if g is None else g
    return gradients


def _numeric_jacobian(function, points, i, eps):
    """∂(all outputs, in order)/∂points[i] → (outputs, entries), and how far D(h) is from D(h/2)."""

    def at(entry, value):
        moved = list(points)
        moved[i] = points[i].copy()
        moved[i].reshape(-1)[entry] = value
        return np.concatenate([v.reshape(-1) for v in _values(function, moved)])

    columns, spread = [], []
    for entry, x in enumerate(points[i].reshape(-1)):

        def slope(h, entry=entry, x=x):
            above, below = x + h, x - h
            return (at(entry, above) - at(entry, below)) / (above - below)

        limit, change = _extrapolate(slope, eps * max(1.0, abs(x)))
        columns.append(limit)
        spread.append(change)
    outputs = sum(v.size for v in _values(function, points))
    if not columns:
        return np.zeros((outputs, 0)), np.zeros((outputs, 0))
    return np.stack(columns, axis=1), np.stack(spread, axis=1)


def _extrapolate(slope, h):
    """The limit of slope(h) as h → 0, and slope(h/2) − slope(h).

    row[k] is free of the error terms up to h²ᵏ. Two step lengths do for a function that is gently curved;
    where the last term taken out was large, h is halved again.
    """
    row = [slope(h)]
    change = None
    for _ in range(_LEVELS):
        h /= 2
        older, row = row, [slope(h)]
        for k, before in enumerate(older, start=1):
            row.append((4**k * row[-1] - before) / (4**k - 1))
        change = row[0] - older[0] if change is None else change
        if np.all(np.abs(row[-1] - row[-2]) <= 1e-5 * (1e-2 + np.abs(row[-1]))):
            break
    return row[-1], change


def _compare(analytic, numeric, spread, i, place, rtol, atol):
    numeric = numeric.reshape(analytic.shape)
    error = np.abs(analytic - numeric)
    wrong = ~(error <= atol + rtol * np.abs(numeric))
    if not wrong.any():
        return
    entry = int(np.argmax(np.where(wrong, np.where(np.isnan(error), np.inf, error), -1.0)))
    text = (
        f"gradcheck: {place}/∂input {i}{_entry(entry, analytic.shape)}: "
        f"analytic {analytic.reshape(-1)[entry]:.10g}, numeric {numeric.reshape(-1)[entry]:.10g}; "
        f"{int(wrong.sum())} of {wrong.size} entries of this input are wrong"
    )
    if spread is not None and abs(spread.reshape(-1)[entry]) > 1e-2 * (
        1e-3 + abs(numeric.reshape(-1)[entry])
    ):
        text += " (the measured slope changes with the step length: is there a kink here?)"
    raise AssertionError(text)


def _entry(flat, shape):
    return str([int(n) for n in np.unravel_index(flat, shape)]) if shape else ""
