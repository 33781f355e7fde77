"""Activations that a product applies while it writes its result."""

__all__ = ["FUSED", "before_activation", "check_activation"]

FUSED = ("relu", "tanh", "sigmoid")
"""Those whose gradient can be told from their result: x is not kept, and never written."""


def check_activation(op, activation):
    """ValueError in the name of ``op`` unless activation is None or one of FUSED."""
    if activation is not None and activation not in FUSED:
        raise ValueError(f"{op}: activation must be None or one of {FUSED}, got {activation!r}")


def before_activation(k, activation, dy, y):
    """∂L/∂(what went into the activation), of dy = ∂L/∂y."""
    return dy if activation is None else k.map(f"{activation}_backward", dy, y)
