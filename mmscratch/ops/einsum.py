"""Einstein's summation: any sum of products, written as letters."""

import math
import string

from . import indexing, reduction, shape
from .arithmetic import add
from .broadcast import broadcast_shapes
from .check import check_arrays, check_optional
from .linear import Lead, matmul

__all__ = ["bilinear", "einsum"]


def einsum(equation, *operands):
    """Sum of products over named axes (Einstein, 1916), as np.einsum; composed of permute, sum and matmul.

    einsum("bqd,bkd->bqk", query, key): a letter is an axis; letters that are missing on the right are summed
    over. Without "->" the result has the letters that occur once, in alphabetic order. "..." stands for the
    remaining axes, which broadcast. A letter twice in one operand takes the diagonal.

    Forward    y[output letters] = Σ_{other letters} Π_k x_k[letters of k]
    Shapes     operands (…) → y (…)
    Errors     ValueError where the equation does not fit the operands, or sizes of one letter differ
    """
    if not isinstance(equation, str):
        raise TypeError(f"einsum: equation must be a string ('ij,jk->ik'), got {type(equation).__name__}")
    check_arrays("einsum", **{f"operand {i}": x for i, x in enumerate(operands)})
    terms, output = _read(equation, operands)
    sizes = _sizes(equation, terms, operands)
    parts = [_diagonal(x, term) for x, term in zip(operands, terms, strict=True)]
    x, letters = parts[0]
    for i, (other, more) in enumerate(parts[1:], start=1):
        needed = set(output).union(*(term for _, term in parts[i + 1 :]))
        x, letters = _contract(x, letters, other, more, needed)
    x, letters = _sum_out(x, letters, set(output))
    missing = [c for c in output if c not in letters]
    if missing:
        raise ValueError(f"einsum: {equation!r}: the output names {missing[0]!r}, which no operand has")
    x = shape.permute(x, axes=tuple(letters.index(c) for c in output)) if letters != list(output) else x
    # Axes that every operand had as 1 stay 1; the others were already widened by the product.
    wanted = tuple(sizes[c] for c in output)
    return x if tuple(x.shape) == wanted else shape.broadcast_to(x, shape=wanted)


def _read(equation, operands):
    """The letters of each operand and of the output, the axes of "..." given capital stand-ins."""
    text = equation.replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {equation!r} is for {len(terms)} operands, got {len(operands)}")
    spare = [c for c in string.ascii_letters + "".join(map(chr, range(0x3B1, 0x3C9))) if c not in text]
    rest = 0
    for term, x in zip(terms, operands, strict=True):
        named = term.replace("...", "", 1)
        if any(c not in string.ascii_letters for c in named):
            raise ValueError(f"einsum: {equation!r}: expected letters, ',', '->' and '...'")
        if (x.ndim < len(named)) if "..." in term else (x.ndim != len(named)):
            raise ValueError(
                f"einsum: {term!r} of {equation!r} does not fit an operand of shape {tuple(x.shape)}"
            )
        rest = max(rest, x.ndim - len(named))
    hidden = "".join(spare[:rest])
    expanded = []
    for term, x in zip(terms, operands, strict=True):
        own = x.ndim - len(term.replace("...", "", 1))
        expanded.append(term.replace("...", hidden[len(hidden) - own :]))
    if not arrow:
        named = left.replace("...", "").replace(",", "")
        output = "..." + "".join(sorted(c for c in set(named) if named.count(c) == 1))
    output = output.replace("...", hidden)
    if len(set(output)) < len(output):
        raise ValueError(f"einsum: {equation!r}: the output names a letter twice")
    return expanded, output


def _sizes(equation, terms, operands):
    sizes = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            seen = sizes.setdefault(letter, n)
            if seen != n and 1 not in (seen, n):
                shapes = " and ".join(str(tuple(o.shape)) for o in operands)
                raise ValueError(
                    f"einsum: {equation!r}: axis {letter!r} has sizes {seen} and {n} (operands {shapes})"
                )
            sizes[letter] = n if seen == 1 else seen
    return sizes


def _diagonal(x, term):
    """x with each letter once: of a repeated letter only the entries where its axes agree are kept."""
    letters = list(term)
    for letter in sorted(set(term)):
        while letters.count(letter) > 1:
            i = letters.index(letter)
            j = letters.index(letter, i + 1)
            n = x.shape[i]
            if x.shape[j] != n:
                raise ValueError(
                    f"einsum: {letter!r} stands for axes of sizes {n} and {x.shape[j]} of one operand"
                )
            order = [a for a in range(x.ndim) if a not in (i, j)]
            x = shape.permute(x, axes=(*order, i, j))
            x = shape.reshape(x, shape=(*x.shape[:-2], n * n))
            x = indexing.index(x, key=(..., slice(None, None, n + 1))) if n else x
            letters = [letters[a] for a in order] + [letter]
    return x, letters


def _sum_out(x, letters, needed):
    """x summed over the letters that nobody needs any more."""
    axes = tuple(i for i, c in enumerate(letters) if c not in needed)
    return (reduction.sum(x, axis=axes), [c for c in letters if c in needed]) if axes else (x, letters)


def _contract(a, left, b, right, needed):
    """Two operands to one: shared letters nobody needs are the inner sum of a batched matrix product."""
    a, left = _sum_out(a, left, needed | set(right))
    b, right = _sum_out(b, right, needed | set(left))
    batch = [c for c in left if c in right and c in needed]
    inner = [c for c in left if c in right and c not in needed]
    rows, columns = [c for c in left if c not in right], [c for c in right if c not in left]

    def arrange(x, letters, first, second, common):
        """x as a stack of matrices (batch…, Π first, Π second); an inner axis of 1 widened."""
        x = shape.permute(x, axes=tuple(letters.index(c) for c in (*batch, *first, *second)))
        sizes = [common.get(c, n) for c, n in zip((*batch, *first, *second), x.shape, strict=True)]
        x = shape.broadcast_to(x, shape=tuple(sizes)) if tuple(sizes) != tuple(x.shape) else x
        m = len(batch)
        widths = math.prod(sizes[m : m + len(first)]), math.prod(sizes[m + len(first) :])
        return shape.reshape(x, shape=(*sizes[:m], *widths))

    size_a, size_b = dict(zip(left, a.shape, strict=True)), dict(zip(right, b.shape, strict=True))
    common = {c: size_b[c] if size_a[c] == 1 else size_a[c] for c in inner}
    y = matmul(arrange(a, left, rows, inner, common), arrange(b, right, inner, columns, common))
    sizes = [*y.shape[: len(batch)], *(size_a[c] for c in rows), *(size_b[c] for c in columns)]
    return shape.reshape(y, shape=tuple(sizes)), [*batch, *rows, *columns]


def bilinear(a, b, weight, bias=None):
    """A number for each pair of vectors and each matrix; composed of einsum.

    Forward    y_k = aᵀ W_k b + bias_k
    Shapes     a (…, D), b (…, H), weight (K, D, H), bias (K,) → y (…, K)
    Errors     ValueError where the sizes differ
    """
    check_arrays("bilinear", a=a, b=b, weight=weight)
    check_optional("bilinear", bias=bias)
    if weight.ndim != 3 or not a.ndim or not b.ndim or (a.shape[-1], b.shape[-1]) != tuple(weight.shape[1:]):
        raise ValueError(
            f"bilinear: a {tuple(a.shape)}, b {tuple(b.shape)} and weight {tuple(weight.shape)} must be "
            "(…, D), (…, H) and (K, D, H)"
        )
    broadcast_shapes("bilinear", Lead(a, 1), Lead(b, 1))
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ValueError(f"bilinear: bias must have shape {(weight.shape[0],)}, got {tuple(bias.shape)}")
    y = einsum("...d,kdh,...h->...k", a, weight, b)
    return y if bias is None else add(y, bias)
