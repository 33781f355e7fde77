"""Hard attention: at each word the captioner looks at one region, drawn at random, and learns by trial.

Xu, Ba, Kiros, Cho, Courville, Salakhutdinov, Zemel & Bengio, 2015, §4.1. Symbols as in ``captioner.py``, and

    s_t      (B,)         the region that is looked at: s_t ~ Categorical(α_t)
    z_t      (B, D)       context: β_t a_{s_t}, in place of β_t Σ_i α_ti a_i

log p(y | a) = log Σ_s p(s | a) p(y | s, a) sums over R^T paths. Jensen's inequality gives a bound, and
∇p = p ∇log p (the score function) its gradient as an expectation, so that samples of s suffice:

    L_s  = Σ_s p(s | a) log p(y | s, a) ≤ log p(y | a)
    ∇L_s = E_s[ ∇log p(y | s, a) + log p(y | s, a) ∇log p(s | a) ],  log p(s | a) = Σ_t log α_{t, s_t}

The second term is noisy. As E_s[∇log p(s | a)] = 0, a baseline b that does not depend on s may be taken from
log p(y | s, a) there: the mean stays, the variance falls (Williams, 1992; Mnih, Heess, Graves & Kavukcuoglu,
2014).
"""

import numpy as np

from .. import nn, ops, random
from ..tensor import Tensor
from .caption_decoder import check_words
from .captioner import AttentionCaptioner

__all__ = ["HardAttentionCaptioner", "Path", "variational_loss"]


class Path:
    """How a picture was looked at while T words were said.

    log_alpha   (B, T, R)  log α_t
    weights     (B, T, R)  what took the place of α_t in the context: a 1 at s_t, or α_t itself
    sampled     (B,)       1 where s_t was drawn, 0 where expectations were used; an array
    """

    __slots__ = ("log_alpha", "sampled", "weights")

    def __init__(self, log_alpha, weights, sampled):
        self.log_alpha, self.weights, self.sampled = log_alpha, weights, sampled

    def log_p(self, mask):
        """log p(s | a) over the words that count: mask (B, T) → (B,); 0 where nothing was drawn."""
        chosen = (self.log_alpha * self.weights.detach()).sum(2)
        return (chosen * mask).sum(1) * Tensor(self.sampled)

    def entropy(self, mask):
        """Σ_t H[α_t], H = −Σ_i α_i log α_i, over the words that count: (B,)."""
        return -((self.log_alpha.exp() * self.log_alpha).sum(2) * mask).sum(1)


class HardAttentionCaptioner(AttentionCaptioner):
    """Regions to a distribution over captions; one region is looked at for each word.

    Forward    the soft captioner's equations with z_t = β_t Σ_i w_ti a_i, and
               in training     w_t = onehot(s_t), s_t ~ Categorical(α_t); with ``half_sampling`` each sequence
                               has, with probability ½, w_t = E[onehot(s_t)] = α_t for all of its words
               in evaluation   w_t = onehot(argmax_i α_ti), or α_t with ``look="expectation"``
    Shapes     regions (B, R, D), tokens (B, T + 1) → logits (B, T, V), α (B, T, R)
    Errors     ValueError naming the shapes that were expected
    Source     Xu et al., 2015, §4.1

    look        "argmax" is the default: it is the model whose bound was learnt, with its likeliest choice, it
                looks at one region and says at which. "expectation" evaluates the soft model, which only half
                sampling has trained.
    generator   of initial weights, then of the choices; a checkpoint holds its place
    baseline    b ← 0.9 b + 0.1 log p(y | s), of each batch's mean; a buffer, saved with the weights
    """

    MOMENTUM = 0.9

    def __init__(self, vocabulary_size, region_size, hidden=128, embedding=64, attention=64, dropout=0.0,
                 query="previous", half_sampling=True, look="argmax", generator=None):  # fmt: skip
        super().__init__(
            vocabulary_size, region_size, hidden, embedding, attention, dropout, query, generator=generator
        )
        if look not in ("argmax", "expectation"):
            raise ValueError(f"HardAttentionCaptioner: look must be 'argmax' or 'expectation', got {look!r}")
        self.half_sampling, self.look, self.generator = bool(half_sampling), look, generator
        self.baseline = nn.Buffer(np.zeros((), np.float32))

    def start(self, regions):
        """(B, R, D) → state = (a, W_a a, h_0, c_0, z_0, which sequences are sampled (B,), or None)."""
        state = super().start(regions)
        if not self.training:
            return *state, None
        sampled = np.ones(regions.shape[0], regions.dtype)
        if self.half_sampling:
            sampled = (self._uniform(regions.shape[0]) < 0.5).astype(regions.dtype)
        return *state, Tensor(sampled)

    def choose(self, alpha, sampled):
        """w (B, R) for α (B, R): where it looks at this word."""
        if sampled is None:
            return alpha if self.look == "expectation" else _one_hot(alpha.detach().numpy().argmax(1), alpha)
        cumulative = alpha.detach().numpy().cumsum(axis=1, dtype=np.float64)
        u = self._uniform(len(cumulative)) * cumulative[:, -1]
        s = (cumulative <= u[:, None]).sum(axis=1).clip(max=alpha.shape[1] - 1)
        drawn = sampled.reshape(-1, 1)
        return drawn * _one_hot(s, alpha) + (1 - drawn) * alpha

    def _uniform(self, n):
        generator = random.default_generator if self.generator is None else self.generator
        return generator.uniform((n,), dtype="float64")

    def glance(self, regions, projected, h, sampled, given=None):
        """log α, w (B, R) and the gated context z (B, D) for the state h; given: w, instead of a choice."""
        e = ops.additive_scores(self.U_a(h).unsqueeze(1), projected, self.v.weight.squeeze(0)).squeeze(1)
        log_alpha = e.log_softmax()
        weights = self.choose(log_alpha.exp(), sampled) if given is None else given
        z = ops.sigmoid(self.beta(h)) * ops.matmul(weights.unsqueeze(1), regions).squeeze(1)
        return log_alpha, weights, z

    def advance(self, state, embedded, given=None):
        """One step: state, E y_{t−1} (B, E) → state, (log α, w, h_t, z_t)."""
        regions, projected, h, c, z, sampled = state
        if self.query == "previous":
            log_alpha, weights, z = self.glance(regions, projected, h, sampled, given)
        h, c = self.lstm(ops.concatenate([embedded, z], axis=1), (h, c))
        if self.query == "current":
            log_alpha, weights, z = self.glance(regions, projected, h, sampled, given)
        return (regions, projected, h, c, z, sampled), (log_alpha, weights, h, z)

    def step(self, state, token):
        """For decoding: state, token (B,) → state, logits (B, V), α (B, R)."""
        embedded = self.E(token)
        state, (log_alpha, _, h, z) = self.advance(state, embedded)
        return state, self.predict(embedded, h, z), log_alpha.exp()

    def forward(self, regions, tokens):
        """Teacher forcing: after tokens[:, :t + 1], the logits of tokens[:, t + 1]; and α."""
        logits, path = self.trace(regions, tokens)
        return logits, path.log_alpha.exp()

    def trace(self, regions, tokens, s=None):
        """Teacher forcing → logits (B, T, V), the ``Path``; s (B, T): look there, draw nothing."""
        check_words(self, regions, tokens)
        state, embedded, found = self.start(regions), self.E(tokens[:, :-1]), []
        if s is not None:
            s = np.asarray(s)
            if s.shape != (tokens.shape[0], tokens.shape[1] - 1):
                raise ValueError(
                    f"HardAttentionCaptioner: s must be (B, T) = {(tokens.shape[0], tokens.shape[1] - 1)}, "
                    f"got {s.shape}"
                )
            given = _one_hot(s, regions, regions.shape[1])
        for t in range(tokens.shape[1] - 1):
            state, seen = self.advance(state, embedded[:, t], None if s is None else given[:, t])
            found.append(seen)
        log_alpha, weights, h, z = (ops.stack(list(x), axis=1) for x in zip(*found, strict=True))
        sampled = np.zeros(tokens.shape[0], log_alpha.dtype) if state[5] is None else state[5].numpy()
        if s is not None:
            sampled = np.ones_like(sampled)
        return self.predict(embedded, h, z), Path(log_alpha, weights, sampled)

    def bound_loss(self, regions, tokens, pad, reward_weight=1.0, entropy_weight=0.0, s=None):
        """The loss of a batch (see ``variational_loss``), and α (B, T, R); in training the baseline moves on.

        The batch's own log p(y | s) enters the baseline after the loss: b must not depend on s.
        """
        logits, path = self.trace(regions, tokens, s)
        target = tokens[:, 1:].detach().numpy()
        mask = (target != pad).astype(logits.dtype)
        log_p = (logits.log_softmax().gather(2, target[:, :, None]).squeeze(2) * Tensor(mask)).sum(1)
        loss = variational_loss(
            log_p, path.log_p(Tensor(mask)), path.entropy(Tensor(mask)), self.baseline.item(),
            mask.sum(), reward_weight, entropy_weight,
        )  # fmt: skip
        drawn = path.sampled > 0
        if self.training and drawn.any():
            mean = log_p.detach().numpy()[drawn].mean()
            moved = self.MOMENTUM * self.baseline.item() + (1 - self.MOMENTUM) * mean
            self.baseline.data = np.asarray(moved, self.baseline.dtype)
        return loss, path.log_alpha.exp()


def variational_loss(log_p, log_s, entropy, baseline, words, reward_weight=1.0, entropy_weight=0.0):
    """−(1/N) Σ_b [ log p(y|s) + λ_r (log p(y|s) − b) log p(s) + λ_e Σ_t H[α_t] ].

    Backward   the reward log p(y | s) − b is a constant: with λ_r = 1 and λ_e = 0 the gradient's expectation
               over s is −∇L_s / N, whatever b is. (The value estimates nothing: only its gradient does.)
    Shapes     log_p = log p(y | s), log_s = log p(s), entropy (B,), each summed over the caption's words →
               (); N = words, the number of words in the batch, so that with λ_r = λ_e = 0 it is
               ``caption_loss``
    Source     Xu et al., 2015, §4.1; Williams, 1992
    """
    reward = log_p.detach() - baseline
    total = log_p + reward * log_s * reward_weight + entropy * entropy_weight
    return -total.sum() / float(words)


def _one_hot(s, like, count=None):
    """(…,) integers → (…, R) of the dtype and on the device of ``like`` (whose last axis is R)."""
    count = like.shape[-1] if count is None else count
    return Tensor(np.eye(count, dtype=like.dtype)[s]).to(like.device)
