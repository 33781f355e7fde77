"""Connectionist temporal classification: labels for frames when only their order is known (Graves, Fernández,
Gomez & Schmidhuber, 2006).

Each frame t says y_t(k) of K labels, one of them the blank. A path π, a label a frame, is read by merging
repeats and then leaving out blanks, B(a a – a b b) = a a b; p(l | x) sums all paths that are read as l:

    p(l | x) = Σ_{π: B(π) = l} Π_t y_t(π_t)                                               (eq. 2, 3)

With blanks around and between the labels, l' = – l_1 – l_2 – … –, of length 2U + 1, paths move along l' by
0, 1 or 2 places, the last only onto a label that differs from the one before it:

    α_t(s) = (α_{t−1}(s) + α_{t−1}(s − 1) + [l'_s ≠ –, l'_s ≠ l'_{s−2}] α_{t−1}(s − 2)) y_t(l'_s)    (eq. 6)
    β      the same from the end, here without y_t:  p(l | x) = Σ_s α_t(s) β_t(s)  for any t        (eq. 14)
    γ_t(s) = α_t(s) β_t(s) / p(l | x), the probability that the path is at s in frame t

and −ln p has the gradient −Σ_{s: l'_s = k} γ_t(s) by ln y_t(k); through a softmax, y_t(k) − Σ γ (eq. 16).
All on logarithms, one line of NumPy a frame for the whole batch. γ is the soft alignment of frames to labels;
the best path (α with max for Σ) is the forced one.
"""

import numpy as np

from .. import ops
from ..autograd import primitive

__all__ = ["collapsed", "ctc_greedy", "ctc_loss", "ctc_occupancy", "ctc_prefix_beam", "forced_alignment"]


def ctc_loss(log_probs, targets, input_lengths, target_lengths, *, blank=0, reduction="mean",
             zero_infinity=False):  # fmt: skip
    """−ln p(l | x) of a batch, from ln y, which is what log_softmax gives.

    Forward    ℓ_b = −ln p(l_b | x_b); "mean": the mean over b of ℓ_b / max(U_b, 1), as PyTorch has it
    Shapes     log_probs (T, B, K), targets int (B, U), input_lengths, target_lengths (B,) → ℓ () or (B,)
    Errors     ValueError for shapes, lengths or labels that do not fit
    Note       ∞ where the frames are too few for the labels; zero_infinity: 0 there, and no gradient
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'ctc_loss: reduction must be "mean", "sum" or "none", got {reduction!r}')
    loss = _ctc_rows(log_probs, targets, input_lengths, target_lengths, blank=blank, zero=zero_infinity)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return ops.sum(loss)
    lengths = np.maximum(np.asarray(target_lengths), 1).astype(str(loss.dtype))
    return ops.mean(loss / lengths)


@primitive
def _ctc_rows(log_probs, targets, input_lengths, target_lengths, *, blank, zero):
    """−ln p(l | x) of each row.

    Forward    ℓ = −ln Σ_{π: B(π) = l} Π_t y_t(π_t), by α
    Backward   ∂ℓ/∂ ln y_t(k) = −Σ_{s: l'_s = k} γ_t(s), the expected number of times that the path says k
    Shapes     log_probs (T, B, K), targets (B, U), input_lengths (B,), target_lengths (B,) → ℓ (B,)
    """
    lattice = _Lattice("ctc_loss", log_probs, targets, input_lengths, target_lengths, blank)
    alpha, loss = lattice.forward()
    lost = np.isinf(loss)
    loss = np.where(lost & zero, 0.0, loss)

    def backward(dy):
        gamma = lattice.occupancy(alpha)
        grad = np.zeros(log_probs.shape)
        for s in range(gamma.shape[2]):  # several places of l' may say one label
            np.add.at(grad, (slice(None), np.arange(grad.shape[1]), lattice.labels[:, s]), -gamma[:, :, s])
        return (grad * np.asarray(dy)[:, None]).astype(log_probs.dtype), None, None, None

    return loss.astype(log_probs.dtype), backward


def ctc_occupancy(log_probs, target, blank=0):
    """p(frame t belongs to label u | l, x): the soft alignment of one sequence.

    Shapes     log_probs (T, K), target int (U,) → (T, U); what is missing to 1 in a row is blank
    Errors     as ``ctc_loss``; ValueError where the frames are too few
    """
    lattice = _one("ctc_occupancy", log_probs, target, blank)
    alpha, loss = lattice.forward()
    _refuse_short("ctc_occupancy", loss, log_probs, target)
    return lattice.occupancy(alpha)[:, 0, 1::2]


def forced_alignment(log_probs, target, blank=0):
    """The likeliest path that is read as the target.

    Forward    argmax_{π: B(π) = l} Π_t y_t(π_t), by α with max for Σ (Viterbi)
    Shapes     log_probs (T, K), target int (U,) → place in the target int (T,), −1 blank; ln p of the path
    Errors     as ``ctc_occupancy``
    """
    lattice = _one("forced_alignment", log_probs, target, blank)
    best, loss = lattice.forward(np.maximum.reduce)
    _refuse_short("forced_alignment", loss, log_probs, target)
    best, skip = best[:, 0], lattice.skip[0]
    s = len(skip) - 1
    s = s - 1 if s and best[-1, s - 1] > best[-1, s] else s
    path = [s]
    for t in range(len(best) - 1, 0, -1):
        reach = [s - k for k in range(3 if skip[s] else 2) if s >= k]
        s = max(reach, key=lambda s, t=t: best[t - 1, s])
        path.append(s)
    path = np.array(path[::-1])
    return np.where(path % 2, path // 2, -1), -float(loss[0])


def collapsed(path, blank=0):
    """B: merge repeats, then leave out blanks; a list of labels."""
    path = [int(k) for k in path]
    return [k for k, before in zip(path, [None, *path], strict=False) if k != before and k != blank]


def ctc_greedy(log_probs, blank=0):
    """Best path decoding: B(argmax of each frame). Not always the likeliest labelling (§3.2).

    Shapes     log_probs (T, K) → list of labels
    """
    return collapsed(_frames("ctc_greedy", log_probs).argmax(1), blank)


def ctc_prefix_beam(log_probs, width=16, blank=0):
    """Labellings by their whole probability, prefixes grown frame by frame (Graves et al., 2006, §3.2; in a
    beam: Hannun et al., 2014).

    Every prefix has p_b, its probability with the last frame blank, and p_n, with the last frame its last
    label. A frame may add a blank, the last label again (which prolongs p_n, and is a new label only after a
    blank), or another label.

    Shapes     log_probs (T, K) → [(labels, ln p), …], the likeliest first, at most ``width``
    Note       with a width that no frame fills, ln p is exact, and the first is the likeliest of all
    """
    y = _frames("ctc_prefix_beam", log_probs)
    if width < 1:
        raise ValueError(f"ctc_prefix_beam: width: expected at least 1, got {width}")
    beam = {(): (0.0, -np.inf)}
    labels = [k for k in range(y.shape[1]) if k != blank]
    for frame in y:
        found = {}

        def add(prefix, p_blank, p_label, found=found):
            before = found.get(prefix, (-np.inf, -np.inf))
            found[prefix] = (np.logaddexp(before[0], p_blank), np.logaddexp(before[1], p_label))

        for prefix, (p_blank, p_label) in beam.items():
            both = np.logaddexp(p_blank, p_label)
            add(prefix, both + frame[blank], p_label + frame[prefix[-1]] if prefix else -np.inf)
            for k in labels:
                add((*prefix, k), -np.inf, (p_blank if prefix[-1:] == (k,) else both) + frame[k])
        possible = [prefix for prefix, p in found.items() if max(p) > -np.inf]
        ranked = sorted(possible, key=lambda prefix: -np.logaddexp(*found[prefix]))
        beam = {prefix: found[prefix] for prefix in ranked[:width]}
    return [(list(prefix), float(np.logaddexp(*p))) for prefix, p in beam.items()]


class _Lattice:
    """l' of a batch, padded, and the two passes over it."""

    def __init__(self, who, log_probs, targets, input_lengths, target_lengths, blank):
        self.y, targets, self.frames, self.length = _checked(
            who, log_probs, targets, input_lengths, target_lengths, blank
        )
        b, u = targets.shape
        self.labels = np.full((b, 2 * u + 1), blank)
        self.labels[:, 1::2] = np.where(np.arange(u) < self.length[:, None], targets, blank)
        self.skip = np.zeros(self.labels.shape, bool)
        self.skip[:, 3::2] = targets[:, 1:] != targets[:, :-1]
        self.last = 2 * self.length
        self.said = np.take_along_axis(self.y, self.labels[None], 2)  # ln y_t(l'_s): (T, B, S)

    def forward(self, add=np.logaddexp.reduce):
        """ln α (T, B, S) and −ln p (B,); with ``add`` the maximum, of the best path."""
        alpha = np.full(self.said.shape, -np.inf)
        alpha[0, :, :2] = self.said[0, :, :2]
        for t in range(1, len(alpha)):
            alpha[t] = add(_three(alpha[t - 1], self.skip)) + self.said[t]
        row = np.arange(len(self.last))
        end = alpha[self.frames - 1, row]
        ends = np.stack([end[row, self.last], np.where(self.last > 0, end[row, self.last - 1], -np.inf)])
        return alpha, -add(ends)

    def occupancy(self, alpha):
        """γ (T, B, S); 0 where no path reads as the target."""
        frames, _, width = alpha.shape
        beta = np.full(alpha.shape, -np.inf)
        place = np.arange(width)
        ends = (place <= self.last[:, None]) & (place >= self.last[:, None] - 1)
        skip = np.pad(self.skip, ((0, 0), (0, 2)))[:, 2:][:, ::-1]  # may one skip from here to two places on?
        for t in range(frames - 1, -1, -1):
            if t < frames - 1:
                ahead = (beta[t + 1] + self.said[t + 1])[:, ::-1]
                beta[t] = np.logaddexp.reduce(_three(ahead, skip))[:, ::-1]
            final = (self.frames - 1 == t)[:, None]
            beta[t] = np.where(final, np.where(ends, 0.0, -np.inf), beta[t])
        both = alpha + beta
        inside = np.arange(frames)[:, None] < self.frames
        total = np.logaddexp.reduce(both, axis=2)
        known = inside & np.isfinite(total)
        return np.where(known[:, :, None], np.exp(both - np.where(known, total, 0)[:, :, None]), 0.0)


def _three(x, skip):
    """x(s), x(s − 1), and x(s − 2) where one may skip: (3, B, S)."""
    one, two = (np.pad(x, ((0, 0), (k, 0)), constant_values=-np.inf)[:, : x.shape[1]] for k in (1, 2))
    return np.stack([x, one, np.where(skip, two, -np.inf)])


def _one(who, log_probs, target, blank):
    y, target = _frames(who, log_probs), np.asarray(target, np.int64)
    if target.ndim != 1:
        raise ValueError(f"{who}: target: expected (U,), got {target.shape}")
    return _Lattice(who, y[:, None], target[None], [len(y)], [len(target)], blank)


def _frames(who, log_probs):
    y = np.asarray(log_probs, np.float64)
    if y.ndim != 2 or 0 in y.shape:
        raise ValueError(f"{who}: log_probs: expected (T, K), got {y.shape}")
    return y


def _refuse_short(who, loss, log_probs, target):
    if not np.isfinite(loss[0]):
        raise ValueError(f"{who}: no path of {len(log_probs)} frames is read as the {len(target)} labels")


def _checked(who, log_probs, targets, input_lengths, target_lengths, blank):
    y, targets = np.asarray(log_probs, np.float64), np.asarray(targets)
    frames, length = np.asarray(input_lengths), np.asarray(target_lengths)
    if y.ndim != 3 or 0 in y.shape or targets.ndim != 2 or len(targets) != y.shape[1]:
        raise ValueError(
            f"{who}: expected log_probs (T, B, K), targets (B, U), got {y.shape}, {targets.shape}"
        )
    for name, x, low, high in (
        ("input_lengths", frames, 1, y.shape[0]),
        ("target_lengths", length, 0, targets.shape[1]),
    ):
        if x.shape != (y.shape[1],) or x.dtype.kind not in "iu" or (x < low).any() or (x > high).any():
            raise ValueError(f"{who}: {name}: expected {y.shape[1]} integers from {low} to {high}, got {x!r}")
    if not 0 <= blank < y.shape[2]:
        raise ValueError(f"{who}: blank: expected 0 to {y.shape[2] - 1}, got {blank}")
    real = targets[np.arange(targets.shape[1]) < length[:, None]]
    if real.size and (real.min() < 0 or real.max() >= y.shape[2] or (real == blank).any()):
        raise ValueError(
            f"{who}: targets: expected labels 0 to {y.shape[2] - 1} other than the blank {blank}"
        )
    return y, targets.astype(np.int64), frames, length
