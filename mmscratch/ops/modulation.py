"""Feature-wise linear modulation: what one input says of each channel of another."""

from .. import kernels
from ..autograd import primitive
from .check import check_arrays

__all__ = ["film"]


@primitive
def film(x, gamma, beta, *, relu=False):
    """Feature-wise linear modulation (Perez et al., 2018, eq. 2), and a rectifier in the same pass.

    Forward    y[n,c,s] = (1 + γ[n,c]) x[n,c,s] + β[n,c];  with relu max(0, ·) of it
    Backward   g = ∂L/∂y, with relu only where y > 0;  ∂L/∂x = (1 + γ) ⊙ g;  ∂L/∂γ = Σ_s g ⊙ x;  ∂L/∂β = Σ_s g
    Shapes     x (N, C, S…), γ and β (N, C) → y like x
    Errors     TypeError for what is not floats of one dtype; ValueError for a rank below 2, or a γ or β that
               does not fit
    Note       1 + γ: at the start x passes through
    """
    check_arrays("film", x=x, gamma=gamma, beta=beta)
    if x.dtype.kind != "f" or not x.dtype == gamma.dtype == beta.dtype:
        raise TypeError(
            f"film: expected floats of one dtype, got x {x.dtype}, gamma {gamma.dtype}, beta {beta.dtype}"
        )
    if x.ndim < 2:
        raise ValueError(f"film: x must be (N, C, space…), got shape {tuple(x.shape)}")
    for name, given in (("gamma", gamma), ("beta", beta)):
        if tuple(given.shape) != tuple(x.shape[:2]):
            raise ValueError(f"film: {name} must be {tuple(x.shape[:2])} like x's, got {tuple(given.shape)}")
    k = kernels.of(x)
    y = k.film(x, gamma, beta, relu)
    return y, lambda dy: k.film_backward(dy, x, gamma, y if relu else None)
