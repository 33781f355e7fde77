"""What every caption model is: a start and a step. Training and search are folds over that step.

    start      regions (B, R, D) → state: nested tuples of tensors (or None), every tensor with B first
    step       state, the word before (B,) → state, logits of the next (B, V), where it looked (B, R) or None

Training folds the step over the words of a reference (teacher forcing), search (``mmscratch.decoding``) over
the words it chose itself: there is one model, and not a second one for inference that may differ from it.
A model that can take all steps at once (one product for all words, a causal mask) overrides ``forward``;
a test holds both to the same numbers.
"""

from .. import nn, ops
from .caption_losses import log_frequencies

__all__ = ["CaptionDecoder", "check_pictures", "check_words"]


class CaptionDecoder(nn.Module):
    """The fold of a step over given words; a model states ``region_size``, ``start`` and ``step``.

    Forward    state_0 = start(regions); state_t, logits_t, α_t = step(state_{t−1}, tokens[:, t − 1])
    Shapes     regions (B, R, D), tokens (B, T + 1) → logits (B, T, V), α (B, T, R), or None for α; and mask
               (B, R) bool, True where a region is real, for models whose ``start`` takes one
    Errors     ValueError naming the shapes that were expected
    """

    region_size: int

    def start(self, regions):
        """What decoding needs of a picture: (B, R, D) → state."""
        raise NotImplementedError

    def step(self, state, token):
        """state, token (B,) → state, logits (B, V), α (B, R) or None."""
        raise NotImplementedError

    def forward(self, regions, tokens, mask=None):
        """Teacher forcing: after tokens[:, :t + 1], the logits of tokens[:, t + 1]."""
        check_words(self, regions, tokens)
        state, logits, looks = self.start(regions) if mask is None else self.start(regions, mask), [], []
        for t in range(tokens.shape[1] - 1):
            state, scores, alpha = self.step(state, tokens[:, t])
            logits.append(scores)
            looks.append(alpha)
        return ops.stack(logits, axis=1), None if looks[0] is None else ops.stack(looks, axis=1)

    def begin_with_frequencies(self, counts, smoothing=1.0):
        """Let the output layer's bias be the log of how frequent each word is; returns self.

        Forward    b_v = log((n_v + s) / Σ_w (n_w + s)), so that the other weights need not learn it: with
                   them at 0 the loss of the first step is the entropy of the words, and not log V
        Shapes     counts (V,): how often each word is a target in the training captions
        Source     Karpathy & Fei-Fei's neuraltalk, 2015
        """
        nn.init.set_(self.L_o.bias, log_frequencies(counts, len(self.L_o.bias), smoothing))
        return self


def check_pictures(model, regions):
    """Refuse regions that are not (B, R, D) with the model's D."""
    if regions.ndim != 3 or regions.shape[2] != model.region_size:
        raise ValueError(
            f"{type(model).__name__}: regions must be (B, R, {model.region_size}), got {tuple(regions.shape)}"
        )


def check_words(model, regions, tokens):
    """Refuse regions that are not (B, R, D), and tokens that are not (B, T + 1) for the same B."""
    check_pictures(model, regions)
    if tokens.ndim != 2 or tokens.shape[0] != regions.shape[0] or tokens.shape[1] < 2:
        raise ValueError(
            f"{type(model).__name__}: tokens must be (B, T + 1) with B = {regions.shape[0]} and T ≥ 1, "
            f"got {tuple(tokens.shape)}"
        )
