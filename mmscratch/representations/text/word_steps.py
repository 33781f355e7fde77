"""What Word2Vec and GloVe do with one example after the other: the formulas, on NumPy arrays.

Both write into the matrices they are given. ``word_loops`` holds their compiled twins, which serve float32
where the cpu floor serves NumPy arrays and D is a multiple of 16 (``padded``); the functions with an
underscore are the formulas and the judge.
"""

from __future__ import annotations

import numpy as np

from ... import kernels

__all__ = ["glove_pass", "logistic_pass", "padded"]


def padded(size):
    """D filled up to whole vectors; where 0 is put into both matrices, 0 is added."""
    return -(-size // 16) * 16


def logistic_pass(inputs, outputs, context, context_at, target, label, target_at, rates):
    """One step of gradient descent for each example, in order; → Σ ℓ.

    Forward    h = mean of inputs[c], c in the context;   s_k = outputs[t_k] · h
               ℓ = −Σ_k ln σ(s_k) where y_k = 1, −ln σ(−s_k) where y_k = 0
    Backward   ∂ℓ/∂s_k = σ(s_k) − y_k;   ∂ℓ/∂u_{t_k} = (σ(s_k) − y_k) h;
               ∂ℓ/∂h = Σ_k (σ(s_k) − y_k) u_{t_k},  and an equal part of it for each context word
    Update     at rate η, which goes evenly from rates[0] to rates[1]: targets one after the other, each
               adding to ∂ℓ/∂h before it is changed, then the context

    With one context word this is the skip-gram, with many CBOW; targets are a word and its noise, or a path
    in a Huffman tree. The equal parts are the gradient of the mean; the program of Mikolov et al. (2013a)
    gives each word all of ∂ℓ/∂h, which is why its CBOW wants another rate (İrsoy, Benton & Stratos, 2021).

    Shapes     inputs (V, D), outputs (W, D); example i has context[context_at[i] : context_at[i + 1]] and
               target, label [target_at[i] : target_at[i + 1]]
    """
    if _compiled(inputs):
        from . import word_loops as loops

        scores = np.zeros(2 * int(np.diff(target_at).max(initial=0)), np.float32)
        return loops.logistic_pass(
            inputs.reshape(-1), outputs.reshape(-1), inputs.shape[1], context, context_at,
            target, label, target_at, (float(rates[0]), float(rates[1])), scores,
        )  # fmt: skip
    return _logistic_pass(inputs, outputs, context, context_at, target, label, target_at, rates)


def _logistic_pass(inputs, outputs, context, context_at, target, label, target_at, rates):
    loss, n = 0.0, len(context_at) - 1
    for i in range(n):
        rate = rates[0] + (rates[1] - rates[0]) * i / n
        c = context[context_at[i] : context_at[i + 1]]
        span = slice(target_at[i], target_at[i + 1])
        t, y = target[span], label[span]
        h = inputs[c].mean(axis=0)
        s = outputs[t] @ h
        loss += float(np.logaddexp(0, s).sum() - y @ s)  # −ln σ(s) = ln(1 + e^s) − s
        step = rate * (y - 0.5 * (1 + np.tanh(0.5 * s)))  # σ(s), without overflow
        towards = np.zeros_like(h)
        for t_k, step_k in zip(t, step, strict=True):
            towards += step_k * outputs[t_k]
            outputs[t_k] += step_k * h
        np.add.at(inputs, c, towards / len(c))
    return loss


def glove_pass(w, context_w, bias, context_bias, squares, i, j, ln_x, weight, rate):
    """One AdaGrad step for each pair of words, in order; → Σ ½ f d².

    Forward    d = w_i · w̃_j + b_i + b̃_j − ln X_ij;   J = ½ Σ f(X_ij) d²   (Pennington et al., 2014, eq. 8)
    Backward   ∂J/∂w_i = f d w̃_j;   ∂J/∂w̃_j = f d w_i;   ∂J/∂b_i = ∂J/∂b̃_j = f d
    Update     G += g²;   θ −= η g / √G       (Duchi et al., 2011), for every number its own G

    (The paper has no ½; it is in the authors' program, whose rate this one takes.)

    Shapes     w, context_w (V, D), bias, context_bias (V,); squares: the G of the four, in that order;
               i, j int32 (N,), ln_x, weight f(X) (N,)
    """
    if _compiled(w):
        from . import word_loops as loops

        flat = [a.reshape(-1) for a in (w, context_w, bias, context_bias, *squares)]
        return loops.glove_pass(*flat, w.shape[1], i, j, ln_x, weight, float(rate))
    return _glove_pass(w, context_w, bias, context_bias, squares, i, j, ln_x, weight, rate)


def _glove_pass(w, context_w, bias, context_bias, squares, i, j, ln_x, weight, rate):
    cost = 0.0
    for a, b, goal, f in zip(i, j, ln_x, weight, strict=True):
        d = w[a] @ context_w[b] + bias[a] + context_bias[b] - goal
        cost += 0.5 * float(f * d * d)
        gradients = f * d * context_w[b], f * d * w[a], f * d, f * d
        places = (w, a), (context_w, b), (bias, a), (context_bias, b)
        for (parameter, row), total, g in zip(places, squares, gradients, strict=True):
            total[row] += g * g
            parameter[row] -= rate * g / np.sqrt(total[row])
    return cost


def _compiled(x):
    """Are there compiled twins for such an array?"""
    return (
        x.dtype == np.float32
        and x.shape[1] == padded(x.shape[1])
        and kernels.host().__name__.endswith(".cpu")
    )
