"""All operations under one name: ``ops.softmax``. On arrays they give arrays, on tensors tensors.

Each file holds one family; each rule is one function with its formula, forwards and backwards. What is no
tensor or array of numbers is refused with a TypeError that names operation and argument (``check.py``),
before anything is computed; what else is refused is said in each docstring, under Errors.
"""

from . import (
    activation,
    arithmetic,
    attention,
    comparison,
    convolution,
    distance_loss,
    einsum,
    elementary,
    indexing,
    linear,
    loss,
    modulation,
    normalization,
    padding,
    pool_rules,
    pooling,
    random,
    recurrence,
    recurrence_twins,
    reduction,
    regions,
    scan,
    shape,
    similarity,
    softmax,
    triangle,
)

_FILES = [
    arithmetic, elementary, comparison, activation, softmax, reduction, scan, shape, triangle, indexing,
    padding, linear, einsum, attention, convolution, pool_rules, pooling, regions, normalization, modulation,
    recurrence, recurrence_twins, similarity, random, loss, distance_loss,
]  # fmt: skip

# A name of an operation wins over a file of the same name: ops.linear is the operation.
for _file in _FILES:
    globals().update({name: getattr(_file, name) for name in _file.__all__})

__all__ = sorted(name for file in _FILES for name in file.__all__)
