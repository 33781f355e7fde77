"""Small trainings behind the alignment table, seconds each; none is ever told a link."""

import numpy as np

from ... import nn, ops, optim
from ...alignment import Fragments, ctc_loss, fragment_loss, fragment_scores, ranking_loss, word_weights
from ...autograd import no_grad
from ...models.retrieval_losses import SumHinge
from ...models.scan import SCAN
from ...random import Generator
from ...tensor import Tensor

__all__ = ["Frames", "train_ctc", "train_fragments", "train_scan"]

_scans = {}


class Numbers:
    """Words as numbers from 1; 0 is padding and every unknown word."""

    def __init__(self, pairs):
        self.index = {w: k + 1 for k, w in enumerate(dict.fromkeys(w for p in pairs for w in p.tokens))}

    def __len__(self):
        return len(self.index) + 1

    def batch(self, pairs):
        """features (B, R, A) and their mask (B, R), tokens (B, T) and theirs (B, T)."""
        regions, region_mask = _padded([p.features for p in pairs])
        rows = [np.array([self.index.get(w, 0) for w in p.tokens])[:, None] for p in pairs]
        tokens, mask = _padded(rows)
        return regions, region_mask, tokens[:, :, 0], mask


def _padded(rows):
    mask = np.arange(max(map(len, rows))) < np.array([len(row) for row in rows])[:, None]
    out = np.zeros((*mask.shape, rows[0].shape[1]), rows[0].dtype)
    out[mask] = np.concatenate(rows)
    return out, mask


def _learn(model, pairs, seed, steps, size, lr, loss_of):
    """Adam on random batches."""
    draw, optimizer = np.random.default_rng([seed, 7]), optim.Adam(model.parameters(), lr=lr)
    for step in range(steps):
        chosen = draw.choice(len(pairs), min(size, len(pairs)), replace=False)
        loss = loss_of([pairs[k] for k in chosen], step)
        optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()


def train_scan(pairs, seed, steps=150, size=24):
    """Stacked cross attention, text → image → (pair → α (J, N), cosines (J, N)); kept for the next caller."""
    key = (id(pairs), seed, steps)
    if key not in _scans:
        _scans.clear()
        _scans[key] = pairs, _trained_scan(pairs, seed, steps, size)
    return _scans[key][1]


def _trained_scan(pairs, seed, steps, size):
    numbers, width = Numbers(pairs), pairs[0].features.shape[1]
    model = SCAN(len(numbers), width, 64, 32, pooling="mean", generator=Generator(seed))
    loss_of = SumHinge(0.2)

    def loss(batch, step):
        regions, there, tokens, mask = numbers.batch(batch)
        return loss_of(model(Tensor(regions), Tensor(tokens), mask.sum(1), Tensor(there))) * (1 / len(batch))

    _learn(model, pairs, seed, steps, size, 0.003, loss)

    def look(pair):
        regions, there, tokens, mask = numbers.batch([pair])
        with no_grad():
            v = model.encode_regions(Tensor(regions), Tensor(there))
            e = model.encode_words(Tensor(tokens), mask.sum(1))
            alpha = model.attention(v, e).numpy()[0]
        return alpha, (e[0].numpy()[0] @ v[0].numpy()[0].T).astype(np.float64)

    return look


def train_fragments(pairs, seed, steps=300, size=16):
    """Fragments by both losses → (pair → weights (J, N))."""
    numbers, width = Numbers(pairs), pairs[0].features.shape[1]
    model = Fragments(len(numbers), width, generator=Generator(seed))

    def loss(batch, step):
        regions, there, tokens, mask = numbers.batch(batch)
        products = model(Tensor(regions), tokens)
        total = ranking_loss(fragment_scores(products, there, mask, "best"), 1.0)
        return total + fragment_loss(products, there, mask)

    _learn(model, pairs, seed, steps, size, 0.005, loss)

    def weights(pair):
        regions, _, tokens, _ = numbers.batch([pair])
        with no_grad():
            return word_weights(model(Tensor(regions), tokens).numpy()[0, 0])

    return weights


class Frames(nn.Module):
    """ln y of each frame from itself and two neighbours on each side.

    Forward    y_t = softmax(W_2 max(0, W_1 [x_{t−2} … x_{t+2}] + b_1) + b_2)
    Shapes     x (T, B, D) → ln y (T, B, K)
    """

    def __init__(self, size, labels, hidden=64, generator=None):
        super().__init__()
        self.first = nn.Linear(5 * size, hidden, activation="relu", generator=generator)
        self.second = nn.Linear(hidden, labels, generator=generator)

    def forward(self, x):
        padded = np.pad(x, ((2, 2), (0, 0), (0, 0)), mode="edge")
        near = np.concatenate([padded[k : k + len(x)] for k in range(5)], axis=2)
        return ops.log_softmax(self.second(self.first(Tensor(near))), axis=2)


def train_ctc(features, labels, seed, steps=200, size=24):
    """Frames to labels 1 … K by CTC, from the labels' order alone → (features (T, D) → ln y (T, K + 1)).

    Shapes     features (N, T, D), labels: N lists
    """
    mean, spread = features.mean((0, 1)), features.std((0, 1)) + 1e-6
    model = Frames(features.shape[2], max(map(max, labels)) + 1, generator=Generator(seed))

    def prepared(x):
        return ((x - mean) / spread).astype(np.float32)

    def loss(batch, step):
        x = prepared(np.stack([x for x, _ in batch], axis=1))
        targets, mask = _padded([np.array(row)[:, None] for _, row in batch])
        frames = np.full(len(batch), len(x))
        return ctc_loss(model(x), targets[:, :, 0], frames, mask.sum(1))

    _learn(model, list(zip(features, labels, strict=True)), seed, steps, size, 0.01, loss)

    def log_probs(x):
        with no_grad():
            return model(prepared(x)[:, None]).numpy()[:, 0].astype(np.float64)

    return log_probs
