"""Attention through many layers: rollout, and attention weighed with its gradient.

A weight of the last layer says which *states* were looked at, not which words or patches: those states are
mixtures themselves. Rollout multiplies the layers together. It knows the input, and not what was asked: the
map is the same for every class. Gradient × attention takes each weight as far as the score hangs on it.
"""

import contextlib

import numpy as np

from ..autograd import no_grad
from ..nn import DotAttention, MultiheadAttention
from ..ops.attention import attention_twin
from ..tensor import Tensor
from .tape import arrays, gradients, rows, score, score_on_tape

__all__ = [
    "attention_relevance", "attention_rollout", "class_map", "gradient_attention", "roll_out",
    "watch_attention",
]  # fmt: skip


@contextlib.contextmanager
def watch_attention(model, layers=None):
    """Within it, the weights of attention are kept in the order in which they are computed, as tensors.

    with watch_attention(model) as kept:
        model(x)                              # kept[l] (B, G, Lq, Lk), or (…, Lq, Lk) of a DotAttention

    layers     those to watch: all ``MultiheadAttention`` and ``DotAttention`` of the model unless given
    Note       the composed twin of attention serves meanwhile, since the fused one computes its result past
               its weights: only in the twin does a gradient reach them
    """
    if layers is None:
        layers = [m for m in model.modules() if isinstance(m, MultiheadAttention | DotAttention)]
    if not layers:
        raise ValueError("watch_attention: model: has no layer of attention")
    kept = []

    def seen(query, key, value, mask=None, **options):
        output, weights = attention_twin(query, key, value, mask, **options)
        kept.append(weights)
        return output, weights

    with contextlib.ExitStack() as stack:
        for layer in layers:
            stack.callback(_put, layer, vars(layer).get("rule"))
            layer.rule = seen
        yield kept


def _put(layer, before):
    del layer.rule
    if before is not None:
        layer.rule = before


def roll_out(weights, residual=0.5):
    """Attention multiplied through the layers, with the residual beside it.

    Forward    Â_l = ρ I + (1 − ρ) mean over heads of A_l, its rows brought to sum 1;  R = Â_L ⋯ Â_2 Â_1
               so R_ij = Σ over all ways from place i of the last layer to j of the first, Π of their weights
    Shapes     weights: L arrays (B, G, T, T) or (B, T, T), first layer first → R (B, T, T), rows of sum 1
    Errors     ValueError for no layer, shapes that differ, or ρ outside [0, 1]
    Source     Abnar & Zuidema, 2020, §3 with A = 0.5 W_att + 0.5 I (their "attention flow" is another way)
    """
    if not 0 <= residual <= 1:
        raise ValueError(f"roll_out: residual: expected a number from 0 to 1, got {residual!r}")
    mixed = [
        residual * np.eye(a.shape[-1]) + (1 - residual) * (a.mean(1) if a.ndim == 4 else a)
        for a in _squares("roll_out", weights)
    ]
    found = np.eye(mixed[0].shape[-1])
    for a in mixed:
        total = a.sum(-1, keepdims=True)  # not 1 where a place saw nothing
        found = a / np.where(total > 0, total, 1) @ found
    return found


def attention_rollout(function, inputs, model, *, context=(), layers=None, residual=0.5):
    """``roll_out`` of the weights that a model computes for these inputs; the score itself does not matter.

    Shapes     inputs: an array (B, …) or several, context: arrays (B, …) → R (B, T, T)
    Errors     ValueError where the watched layers are not self-attention over one length
    """
    xs = arrays("attention_rollout", inputs)
    with watch_attention(model, layers) as kept, no_grad():
        score("attention_rollout", function, [Tensor(x) for x in xs], rows("context", context, len(xs[0])))
    return roll_out([w.numpy() for w in kept], residual)


def gradient_attention(function, inputs, model, *, context=(), layers=None):
    """Each weight of attention times what the score hangs on it, layer by layer.

    Forward    Ā_l = mean over heads of max(0, A_l ⊙ ∂F/∂A_l)
    Shapes     inputs: an array (B, …) or several, context: arrays (B, …) → L arrays (B, Lq, Lk)
    Source     Chefer, Gur & Wolf, 2021, eq. 5; Barkan et al., 2021 (of one layer)
    """
    title = "gradient_attention"
    xs = arrays(title, inputs)
    with watch_attention(model, layers) as kept:
        given = [Tensor(x, requires_grad=True) for x in xs]
        scores = score_on_tape(title, function, given, rows(title, context, len(xs[0])))
    slopes = gradients(scores, *kept)
    found = [
        np.maximum(a.detach().numpy() * g, 0).astype(np.float64) for a, g in zip(kept, slopes, strict=True)
    ]
    return [a.mean(1) if a.ndim == 4 else a for a in found]


def attention_relevance(weighed):
    """Gradient × attention through the layers: how much each place of the input speaks for the score.

    Forward    R = I;  R ← R + Ā_l R, layer by layer: I is the residual, and nothing is brought to sum 1
    Shapes     weighed: L arrays (B, T, T) of ``gradient_attention`` → R (B, T, T)
    Errors     ValueError for no layer, or shapes that differ
    Source     Chefer, Gur & Wolf, 2021, eq. 6 (self-attention)
    """
    found = np.eye(np.shape(weighed[0])[-1]) if len(weighed) else None
    for a in _squares("attention_relevance", weighed):
        found = found + a @ found
    return found


def class_map(relevance, grid=None):
    """What the class token, place 0, looks at: the other places as a picture.

    Shapes     relevance (B, 1 + h·w, 1 + h·w), grid (h, w), a square unless given → map (B, h, w)
    Errors     ValueError where the places do not fill the grid
    """
    relevance = np.asarray(relevance)
    places = relevance.shape[-1] - 1
    side = int(round(places**0.5))
    height, width = (side, side) if grid is None else grid
    if relevance.ndim != 3 or relevance.shape[1] != places + 1 or height * width != places:
        raise ValueError(
            f"class_map: relevance: expected (B, T, T) with T = 1 + {height}·{width}, got {relevance.shape}"
        )
    return relevance[:, 0, 1:].reshape(-1, height, width)


def _squares(title, weights):
    found = [np.asarray(a, np.float64) for a in weights]
    shapes = [a.shape for a in found]
    square = all(a.ndim in (3, 4) and a.shape[-1] == a.shape[-2] for a in found)
    if not found or not square or len({(s[0], s[-1]) for s in shapes}) != 1:
        raise ValueError(
            f"{title}: weights: expected self-attention of one length in every layer, (B, T, T) or "
            f"(B, G, T, T), got {shapes}; choose layers="
        )
    return found
