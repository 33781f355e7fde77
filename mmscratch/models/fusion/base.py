"""What all fusions share: how modalities come in, how one may be missing, and what is handed to ``join``."""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...nn.check import positive
from ...tensor import tensor

__all__ = ["Fusion", "Paired", "last_step", "lookup", "mean_over"]


class Fusion(nn.Module):
    """Several modalities to one vector: ``fuse(first, second, *more, masks=None, present=None)``.

    Shapes     x_m (B, D_m) or (B, N_m, D_m), masks[m] (B, N_m) or None, present (B, M) → h (B, H)
    Errors     ValueError naming the modality, what came, and what was expected

    masks      one for each modality, bool, True takes part: which steps of a sequence are real
    present    bool, True is there. What stands where a modality is missing is never read; a sequence of
               which no step takes part is missing too. The fusion sees zeros in its place (what standardised
               features are on average), and where its formula can leave a modality out, it does.

    A subclass writes ``join(x, there)``: x are the vectors (B, D_m), of a sequence the mean over its steps,
    and ``there`` floats (B, M), 0 where missing. With ``sequences`` x are (B, N_m, D_m), a vector being one
    step, and ``join(x, there, masks)`` gets bool masks (B, N_m), all False where missing. ``decides``: h are
    the logarithms of posteriors of H classes, and not features.
    """

    sequences = False
    decides = False
    fewest = 2

    def __init__(self, sizes, hidden):
        sizes = tuple(sizes)
        name = type(self).__name__
        if len(sizes) < self.fewest:
            raise ValueError(f"{name}: sizes: expected at least {self.fewest} modalities, got {sizes}")
        positive(self, hidden=hidden, **{f"sizes[{m}]": size for m, size in enumerate(sizes)})
        self.sizes, self.hidden = sizes, hidden

    def join(self, x, there, masks=None):
        """The fusion itself."""
        raise NotImplementedError(f"{type(self).__name__}: join is not written")

    def forward(self, first, second=None, *more, masks=None, present=None):
        inputs = [first, *([] if second is None else [second]), *more]
        x, there, masks = self._prepared(inputs, masks, present)
        if self.sequences:
            return self.join(x, there, masks)
        return self.join([mean_over(v, mask) for v, mask in zip(x, masks, strict=True)], there)

    def _prepared(self, inputs, masks, present):
        """Every modality as (B, N, D) with zeros where nothing is, floats (B, M), masks (B, N)."""
        name, m = type(self).__name__, len(self.sizes)
        if len(inputs) != m:
            raise ValueError(f"{name}: expected {m} modalities (sizes {self.sizes}), got {len(inputs)}")
        masks = [None] * m if masks is None else list(masks)
        if len(masks) != m:
            raise ValueError(f"{name}: masks: expected one for each of {m} modalities, got {len(masks)}")
        batch = inputs[0].shape[0]
        steps = [self._steps(i, x, batch) for i, x in enumerate(inputs)]
        masks = [self._mask(i, *pair) for i, pair in enumerate(zip(masks, steps, strict=True))]
        if present is not None:
            present = _truth(f"{name}: present", present, (batch, m), inputs[0].device)
            masks = [ops.logical_and(mask, present[:, i : i + 1]) for i, mask in enumerate(masks)]
        there = ops.stack([ops.any(mask, axis=1) for mask in masks], axis=1)
        nothing = ~there.numpy().any(axis=1)
        if nothing.any():
            raise ValueError(f"{name}: row {int(nothing.argmax())}: every modality is missing")
        x = [ops.where(mask[:, :, None], v, 0.0) for v, mask in zip(steps, masks, strict=True)]
        return x, ops.cast(there, dtype=inputs[0].dtype), masks

    def _steps(self, i, x, batch):
        fine = x.ndim in (2, 3) and x.shape[0] == batch and x.shape[-1] == self.sizes[i] and x.shape[1] > 0
        if not fine:
            raise ValueError(
                f"{type(self).__name__}: modality {i} has shape {tuple(x.shape)}, expected "
                f"({batch}, {self.sizes[i]}) or ({batch}, N, {self.sizes[i]})"
            )
        return ops.unsqueeze(x, axis=1) if x.ndim == 2 else x

    def _mask(self, i, mask, x):
        if mask is None:
            return tensor(np.ones(x.shape[:2], bool), device=x.device)
        return _truth(f"{type(self).__name__}: masks[{i}]", mask, tuple(x.shape[:2]), x.device)

    def extra_repr(self):
        return f"{self.sizes}, {self.hidden}"


class Paired(Fusion):
    """A fusion of two vectors, as visual question answering has them, in the common interface.

    Forward    h = pair(x_1, x_2), zeros where a modality is missing
    Shapes     x_m (B, D_m) → h (B, H)
    """

    def __init__(self, pair, sizes, hidden, generator=None, **options):
        super().__init__(sizes, hidden)
        if len(self.sizes) != 2:
            raise ValueError(f"{pair.__name__}: sizes: expected two modalities, got {self.sizes}")
        self.pair = pair(*self.sizes, hidden, generator, **options)

    def join(self, x, there):
        return self.pair(*x)


def mean_over(x, mask):
    """The mean over the steps that take part, 0 where none does: x (B, N, D), mask (B, N) → (B, D)."""
    mask = ops.cast(mask, dtype=x.dtype)
    count = ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1.0)
    return ops.sum(x * mask[:, :, None], axis=1) / count


def last_step(x, mask):
    """The last step that takes part, 0 where none does: x (B, N, D), mask (B, N) → (B, D)."""
    taking = mask.detach().numpy()
    steps = np.arange(1, taking.shape[1] + 1)
    place = np.where(taking, steps, 0).max(axis=1)
    chosen = tensor(steps == place[:, None], device=x.device)
    return ops.sum(ops.where(chosen[:, :, None], x, 0.0), axis=1)


def _truth(what, value, shape, device):
    value = value.detach().numpy() if hasattr(value, "detach") else np.asarray(value)
    if value.dtype != np.bool_ or value.shape != shape:
        raise ValueError(f"{what}: expected bool {shape}, got {value.dtype} {value.shape}")
    return tensor(value, device=device)


def lookup(table, what, name):
    """table[name]; a ValueError that tells what is known."""
    if name not in table:
        raise ValueError(f"{what}: expected one of {', '.join(table)}, got {name!r}")
    return table[name]
