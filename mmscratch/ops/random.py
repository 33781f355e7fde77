"""Dropout: the only operation that draws random numbers itself."""

from .. import kernels, random
from ..autograd import primitive
from .check import check_arrays, check_number

__all__ = ["dropout"]


@primitive
def dropout(x, *, p=0.5, generator=None):
    """Inverted dropout (Srivastava et al., 2014): each entry is kept with probability 1 − p.

    Forward    y[i] = x[i]/(1 − p) if u_i ≥ p else 0, u_i the next numbers of the generator, so that E[y] = x
    Backward   ∂L/∂x[i] = ∂L/∂y[i]/(1 − p) where x[i] was kept, else 0: drawn again, not stored
    Shapes     x (…) → y (…)
    Errors     ValueError for p outside [0, 1]
    Note       it always drops: whether a model is training is the caller's business. generator None:
               ``mmscratch.random.default_generator``
    """
    check_arrays("dropout", x=x)
    check_number("dropout", "p", p)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be between 0 and 1, got {p}")
    k = kernels.of(x)
    generator = random.default_generator if generator is None else generator
    if not isinstance(generator, random.Generator):
        raise TypeError(f"dropout: generator must be a Generator, got {type(generator).__name__}")
    offset, seed = generator.take(x.size), generator.seed

    def drop(a):
        return k.dropout(a, p, seed, offset) if p < 1 else k.full(tuple(a.shape), 0, a.dtype)

    return drop(x), drop
