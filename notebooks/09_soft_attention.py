# %% [markdown]
# # 9 · Soft attention: where to look, word by word
#
# **You will be able to** derive Bahdanau's attention and its gradient by hand, say what the gate and the doubly
# stochastic penalty do and why the penalty's published target cannot be met, choose between two ways to ask and
# two ways to score, and *measure* whether a model looks at what it speaks of.
#
# **Time** about 45 minutes of reading, two minutes of computing on a laptop · **Data** none to download ·
# **Follows** §3.1.2 of the survey (soft attention).

# %%
import checks
import matplotlib.pyplot as plt
import numpy as np

import mmscratch as mm
from mmscratch import ops
from mmscratch.autograd import no_grad
from mmscratch.data import scenes
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.metrics.attention import mass_inside, pointing_game
from mmscratch.models.caption_losses import doubly_stochastic_penalty
from mmscratch.models.captioner import AttentionCaptioner
from mmscratch.random import Generator
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.captioning.model import PictureCaptioner, describe
from mmscratch.tasks.captioning.settings import CaptionSettings
from mmscratch.tasks.captioning.task import learn
from mmscratch.tasks.figures import attention_grid
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · A look for each word
#
# The captioner of lesson 7 sees the *mean* of the regions, the same at every step: of two objects it sees a
# mixture. Xu et al. (2015) let the decoder choose anew at each step $t$. From regions $a_1, \dots, a_R$ and the
# decoder's state $h$ (eq. 4 to 6, and §4.2.1 for the gate):
#
# $$e_{ti} = v^{\mathsf T}\tanh(W_a a_i + U_a h), \qquad
# \alpha_{ti} = \frac{\exp e_{ti}}{\sum_j \exp e_{tj}}, \qquad
# \hat z_t = \sum_i \alpha_{ti}\, a_i, \qquad z_t = \beta_t\,\hat z_t .$$
#
# $e$ is how well a region fits, by a small network (Bahdanau, Cho & Bengio, 2015); $\alpha$ makes weights of it
# that sum to one *over the regions*; $\hat z$ is what is seen; the gate $\beta_t = \sigma(w_\beta^{\mathsf T} h + b)$ says
# how much seeing matters for this word at all ("of" needs none).
#
# **What to correct in §3.1.2.** The survey has weights "between the picture's features and each word". They stand
# between the *state at step t* and the $R$ regions: the word does not exist yet when one looks, it is what comes
# out of looking.

# %%
R, D, A, H = 5, 4, 3, 6
a, h = rng.normal(size=(R, D)), rng.normal(size=H)
W_a, U_a, v, w = rng.normal(size=(A, D)), rng.normal(size=(A, H)), rng.normal(size=A), rng.normal(size=H)

s = np.tanh(a @ W_a.T + U_a @ h)  # (R, A)
e = s @ v
alpha = np.exp(e - e.max()) / np.exp(e - e.max()).sum()
seen = alpha @ a
beta = 1 / (1 + np.exp(-w @ h))
z = beta * seen
print("weights", alpha.round(3), " sum", alpha.sum().round(12), " gate", beta.round(3))

# %% [markdown]
# ## 2 · The gradient by hand
#
# Let the rest of the model hand us $g = \partial L/\partial z$. Mirror the lines from the last to the first.
#
# * Gate: $\partial L/\partial\beta = \hat z^{\mathsf T} g$, through the sigmoid $\partial L/\partial(w_\beta^{\mathsf T}h) = \beta(1-\beta)\,\hat z^{\mathsf T} g$;
#   and $\partial L/\partial\hat z = \beta g =: d$.
# * Sum: $\partial L/\partial\alpha_i = a_i^{\mathsf T} d$, and $\alpha_i d$ goes to $a_i$.
# * Softmax (lesson 2): $\partial L/\partial e_i = \alpha_i\bigl(a_i^{\mathsf T}d - \sum_j\alpha_j a_j^{\mathsf T}d\bigr)$. The sum is $\hat z^{\mathsf T}d$, and so
#
# $$\boxed{\;\frac{\partial L}{\partial e_i} = \alpha_i\,(a_i - \hat z)^{\mathsf T}\, d\;}$$
#
# * Score: with $s_i = \tanh(\cdot)$, $u_i = \dfrac{\partial L}{\partial e_i}\; v \odot (1 - s_i^2)$ goes to $W_a$ as $\sum_i u_i a_i^{\mathsf T}$, to
#   $U_a$ as $(\sum_i u_i)h^{\mathsf T}$, to $a_i$ as $W_a^{\mathsf T}u_i$, to $h$ as $U_a^{\mathsf T}\sum_i u_i$; $\partial L/\partial v = \sum_i \frac{\partial L}{\partial e_i} s_i$.
#
# Read the box: a region gains weight if it lies, *seen from what is looked at now*, where the loss wants the
# context to go. And a region with $\alpha_i \approx 0$ gets no gradient: attention that has chosen too early does
# not find back.

# %%
g = rng.normal(size=D)
d = beta * g
de = alpha * ((a - seen) @ d)
u = de[:, None] * v * (1 - s**2)
gate_slope = beta * (1 - beta) * (seen @ g)
by_hand = {
    "regions": np.outer(alpha, d) + u @ W_a,
    "state": U_a.T @ u.sum(0) + gate_slope * w,
    "W_a": u.T @ a,
    "U_a": np.outer(u.sum(0), h),
    "v": de @ s,
    "w": gate_slope * h,
}

leaves = {name: mm.tensor(x, requires_grad=True) for name, x in
          zip(by_hand, (a, h, W_a, U_a, v, w), strict=True)}  # fmt: skip
keys = ops.matmul(leaves["regions"], leaves["W_a"].transpose(0, 1)).reshape(1, R, A)
query = ops.matmul(leaves["U_a"], leaves["state"]).reshape(1, 1, A)
weights = ops.softmax(ops.additive_scores(query, keys, leaves["v"])).reshape(R)
gate = ops.sigmoid((leaves["w"] * leaves["state"]).sum())
context = gate * ops.matmul(weights, leaves["regions"])
(context * mm.tensor(g)).sum().backward()
for name, value in by_hand.items():
    print(f"{name:8} by hand = autograd: {np.allclose(leaves[name].grad, value, rtol=1e-10)}")
print("the energies' gradients sum to zero:", bool(abs(de.sum()) < 1e-12))

# %% [markdown]
# ## 3 · Look everywhere as often: a target that nobody can meet
#
# Xu et al. add a penalty so that no region is forgotten (eq. 14): over the whole caption, each should be looked at
# once, $\lambda\sum_i\bigl(1 - \sum_t \alpha_{ti}\bigr)^2$. Count: every step gives away exactly one, so $\sum_i\sum_t\alpha_{ti} = T$, and by
# Cauchy–Schwarz
#
# $$\sum_{i=1}^{R}\Bigl(1 - \sum_t\alpha_{ti}\Bigr)^2 \;\ge\; \frac1R\Bigl(\sum_i\bigl(1 - \sum_t\alpha_{ti}\bigr)\Bigr)^2 = \frac{(R-T)^2}{R},$$
#
# with equality where all regions are seen equally, $\tau = T/R$ each. For $T = 10$ words and $R = 196$ cells the
# floor is 176.5: the printed penalty never comes near zero, whatever is learnt. The library's
# `doubly_stochastic_penalty` takes the target that can be met, $\tau$.
#
# Does the wrong target do harm? Differentiate: $-2(1 - s_i)$ and $-2(\tau - s_i)$, $s_i = \sum_t\alpha_{ti}$, differ by
# **the same number for every region**, and the softmax's Jacobian takes a constant to zero
# (the box above: $\sum_i \alpha_i (c - c) = 0$). So the gradients of the energies are *equal*.

# %%
T, cells = 10, 196
print("floor of the paper's penalty:", round((cells - T) ** 2 / cells, 1))
energies = rng.normal(size=(1, T, cells))
ones, slopes, values = np.ones((1, T)), [], []
for penalty in (lambda p: ((1 - p.sum(1)) ** 2).mean(), lambda p: doubly_stochastic_penalty(p, Tensor(ones))):
    leaf = mm.tensor(energies, requires_grad=True)
    value = penalty(ops.softmax(leaf))
    value.backward()
    slopes.append(leaf.grad)
    values.append(value.item())
print("a region, target 1:", round(values[0], 4), "  target τ:", round(values[1], 4))
print("equal gradients of the energies:", np.allclose(*slopes, atol=1e-12))

# %% [markdown]
# The infeasible target harms nobody who trains and everybody who reads the log, or who compares the
# weight $\lambda$ of two papers.
#
# ## 4 · Who asks: the state before the word, or after it?
#
# In the paper the state that asks is $h_{t-1}$. It has not yet *heard* the word before, $y_{t-1}$: that enters the LSTM
# together with the context. After "a blue" the model looks for the shape **without knowing that it said blue**;
# where a picture holds a blue circle and a red cross, it may say "a blue cross". If instead the LSTM first reads the
# word, and the *new* state $h_t$ asks (Luong, Pham & Manning, 2015; Lu et al., 2017), it knows.
#
# $$\text{previous:}\quad z_t = \text{look}(h_{t-1}),\ h_t = \text{LSTM}([E y_{t-1}; z_t], h_{t-1}) \qquad
# \text{current:}\quad h_t = \text{LSTM}([E y_{t-1}; z_{t-1}], h_{t-1}),\ z_t = \text{look}(h_t)$$
#
# It is a matter of a line, `query=`, and can be shown without training: exchange the last word and see whether the
# look changes.

# %%
picture = Tensor(rng.normal(size=(1, R, D)).astype(np.float32))
for query in ("previous", "current"):
    model = AttentionCaptioner(9, D, hidden=8, embedding=6, attention=5, query=query, generator=Generator(0))
    with no_grad():
        looks = [model(picture, Tensor(np.array([[1, 4, word, 0]])))[1].numpy()[0, 2] for word in (5, 6)]
    print(f"query {query:8} the look after the word depends on the word: {not np.allclose(*looks)}")

# %% [markdown]
# ## 5 · Two ways to score
#
# *Additive* (Bahdanau et al., 2015) is a network with one hidden layer: $R \cdot A$ evaluations of tanh a step. *Dot*
# (Luong et al., 2015, "general"; the scale is Vaswani et al.'s, 2017) is one product,
# $e_{ti} = (W_a a_i)^{\mathsf T}(U_a h)/\sqrt A$: cheaper, no $v$, and without the scale it saturates as $A$ grows (lesson 2).
# Which is better is a question for data. Let us ask all of it at once.
#
# ## 6 · The experiment
#
# Pictures with two objects, captions of level 2 ("a red circle is above a blue cross"). The regions are the 16 cells
# most likely to hold something, with features of the scene network. One thing is changed at a time. *Attention
# supervision* (Liu et al., 2017) adds $-\ln\alpha_{t,i(t)}$ for words that mention an object, $i(t)$ its cell: the world knows
# it.

# %%
spec = "scenes:train=2000,val=0,test=120,level=2,count=2,relations=spatial,references=2"
train, test = (
    load_scenes(spec + ",heldout_pairs=0,positions=all,seed=9", part) for part in ("train", "test")
)
vocabulary = Vocabulary.from_tokens(train.sentences())
print(" ".join(train.captions[0][0]), "· words mention the object", train.links[0][0])


def trained(**options):
    """A captioner on frozen regions, trained for some hundred steps."""
    settings = CaptionSettings(
        steps=500, batch_size=64, lr=6e-3, hidden=96, embedding=48, attention=48, regions=16,
        encoder="frozen", **options,
    )  # fmt: skip
    model = PictureCaptioner(len(vocabulary), settings, Generator(0))
    learn(model, vocabulary, settings, train, test, seed=0, progress=False)
    return model.eval()


models = {
    "attention supervised": trained(attention_supervision=1.0),
    "not supervised": trained(attention_supervision=0.0),
    "previous state asks": trained(attention_supervision=1.0, query="previous"),
    "dot score": trained(attention_supervision=1.0, model="soft-dot"),
}

# %% [markdown]
# **How to score a look.** For every word of a *true* caption that mentions an object: does the largest weight lie on
# the object's pixels (*pointing game*, Zhang et al., 2018)? How much of the weight does (*mass inside*)? A cell's weight is spread
# over its 64 pixels, so even a perfect choice of cell does not reach 1. **Chance** is what an even look
# gets: over the whole picture, the share that the object covers; over the 16 cells, more, since they were chosen
# because something stands there. The **ceiling** is the best cell, always.

# %%
masks = [scenes.masks(scene) for scene in test.scenes]


def looked(model):
    """Of every word that mentions an object: map, even map (8, 8), the object's mask (64, 64), the word."""
    regions, cell = seen
    lines = [(i, k) for i, captions in enumerate(test.captions) for k in range(len(captions))]
    tokens = np.full((len(lines), 1 + max(len(test.captions[i][k]) + 1 for i, k in lines)), Vocabulary.pad)
    for row, (i, k) in zip(tokens, lines, strict=True):
        ids = vocabulary.encode(test.captions[i][k])
        row[: len(ids)] = ids
    with no_grad():
        _, alpha = model.decoder(Tensor(regions[[i for i, _ in lines]]), Tensor(tokens))
    maps, even, things, said = [], [], [], []
    for row, (i, k) in zip(alpha.numpy(), lines, strict=True):
        grid = attention_grid(row, cell[i], 8)
        for t, thing in enumerate(test.links[i][k]):
            if thing >= 0:
                maps.append(grid[t])
                even.append(attention_grid(np.full((1, 16), 1 / 16), cell[i], 8)[0])
                things.append(masks[i][thing])
                said.append(test.captions[i][k][t])
    return np.array(maps), np.array(even), np.array(things), np.array(said)


seen = models["not supervised"].encode(test.floats())  # the same for all: the encoder is frozen
found, shapes = {}, {}
for name, model in models.items():
    maps, even, things, words = looked(model)
    points = pointing_game(maps, things)
    shapes[name] = points.values[np.isin(words, scenes.SHAPES)].mean()
    truth = test.truth(describe(model, vocabulary, seen, max_length=24)[0])
    found[name] = [truth["objects"], truth["true"], points.mean, mass_inside(maps, things).mean]
floors = {"picture": points.mean_chance, "16 cells": pointing_game(even, things).mean}
share = things.reshape(len(things), 8, 8, 8, 8).mean((2, 4))  # of each cell that the object covers
ceiling = pointing_game(share, things).mean

figure, axes = plt.subplots(1, 2, figsize=(10, 3), width_ratios=[1, 1])
for ax, (first, second), labels in zip(axes, ((0, 1), (2, 3)), (("objects true", "whole sentence true"),
                                       ("pointing", "mass inside")), strict=True):  # fmt: skip
    for i, values in enumerate(found.values()):
        ax.barh(i - 0.18, values[first], 0.34, color="C0", label=labels[0] if i == 0 else None)
        ax.barh(i + 0.18, values[second], 0.34, color="C1", label=labels[1] if i == 0 else None)
    ax.set(yticks=range(len(found)), yticklabels=found if ax is axes[0] else [""] * len(found), xlim=(0, 1))
    ax.invert_yaxis()
    ax.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2)
for k, (name, x) in enumerate([*floors.items(), ("ceiling", ceiling)]):
    axes[1].axvline(x, color="0.4", ls=":", lw=1)
    axes[1].text(x, 3.68, name, ha=("right", "left", "center")[k], va="top", fontsize=7, color="0.4")
plt.tight_layout()
plt.show()
taught, free, previous, dot = found.values()
print("every model points twice as well as an even look at the 16 cells:",
      min(values[2] for values in found.values()) > 2 * floors["16 cells"])  # fmt: skip
print("taught, it points better, and says more that is true:", taught[2] > free[2] and taught[1] > free[1])
print("who has heard the colour points better at the shape:",
      shapes["attention supervised"] > shapes["previous state asks"] + 0.05)  # fmt: skip


# %% [markdown]
# One seed and few steps: read the order, not the digits. Untaught attention points at what the model speaks of in
# about a third of the words: far above an even look, and far below what the same model does when it is told where
# (more than half). "Attention shows where it looks" has to be *measured*. And being told makes the **sentences**
# truer: both objects are right in four pictures of five and not in every second one. Where the previous state asks,
# the shape after a colour is pointed at worse (in about a half of the words, not two thirds) and objects get mixed, as
# section 4 foretold. Nobody reaches the ceiling: captions begin with either object, and before the first words no
# model can know with which.
#
# ## 7 · Word by word
#
# Two models, the same picture; above each map the word that was said *with* that look. Dark is where it did not look.

# %%
figure, axes = plt.subplots(4, 12, figsize=(12, 4.6))
for row, (name, i) in enumerate([(n, i) for i in (0, 1) for n in ("not supervised", "attention supervised")]):
    (line,), _, (grids,) = describe(models[name], vocabulary, [x[i : i + 1] for x in seen], max_length=24)
    for ax in axes[row]:
        ax.axis("off")
    axes[row, 0].imshow(test.images[i])
    true = test.judge([line], [i])[0]
    axes[row, 0].set_title(name.replace(" s", "\ns"), fontsize=8, color="#17692b" if true else "#aa1111")
    for ax, word, grid in zip(axes[row, 1:], line, grids, strict=False):
        shade = np.zeros((64, 64, 4))
        shade[..., 3] = 0.85 * (1 - (grid / grid.max()).repeat(8, 0).repeat(8, 1))
        ax.imshow(test.images[i])
        ax.imshow(shade)
        ax.set_title(word, fontsize=9)
plt.tight_layout(pad=0.4)
plt.show()

# %% [markdown]
# ## 8 · What the gate has learnt
#
# Nobody told $\beta_t$ which words need the picture. Its mean for each word of the true captions, while the model is
# about to say it:

# %%
decoder, gates = models["attention supervised"].decoder, {}
for i, captions in enumerate(test.captions[:60]):
    with no_grad():
        state = decoder.start(Tensor(seen[0][i : i + 1]))
        for before, word in zip(vocabulary.encode(captions[0]), [*captions[0], "<end>"], strict=False):
            state, _, _ = decoder.step(state, Tensor(np.array([before])))
            gates.setdefault(word, []).append(ops.sigmoid(decoder.beta(state[2])).item())
means = sorted(((np.mean(x), word) for word, x in gates.items() if len(x) >= 10), reverse=True)
figure, ax = plt.subplots(figsize=(9, 2.4))
kinds = {**dict.fromkeys(scenes.COLOURS, "#2c7a5b"), **dict.fromkeys(scenes.SHAPES, "#3b6fb0")}
ax.bar([word for _, word in means], [m for m, _ in means], color=[kinds.get(w, "0.7") for _, w in means])
ax.set(ylabel="gate β", ylim=(0, 1))
ax.tick_params(axis="x", rotation=60)
plt.show()

# %% [markdown]
# Green are colours, blue are shapes, grey the rest. The gate opens widest before shapes, then before "a", the word
# after which the model must have chosen its object; it is nearly shut before "of", "to" and "the", which the words
# before decide.
#
# ## What to correct, in a table
#
# | the survey says | it should be |
# |---|---|
# | weights between features and *each word* | between the state at each step and the $R$ regions |
# | weighted features are fed to the decoder | and gated; and to the output layer as well (eq. 7) |
# | (the paper) every region is looked at once | $T/R$ times: only that can be |
# | attention shows what the model uses | measure it: pointing beside chance; it is better where it was taught |
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it.
#
# **9.1** The box of section 2. From `alpha` (R,), `a` (R, D) and `d` = ∂L/∂ẑ (D,) the gradient of the energies (R,).


# %%
def look_gradient(alpha, a, d):
    """→ ∂L/∂e (R,)."""
    ### BEGIN SOLUTION
    return alpha * ((a - alpha @ a) @ d)
    ### END SOLUTION


# %%
checks.look_gradient(look_gradient)

# %% [markdown]
# **9.2** The doubly stochastic penalty of one caption without padding, with the target that can be met, as a mean over
# the regions; `alpha` (T, R).


# %%
def unevenness(alpha):
    """alpha (T, R) → mean_i (T/R − Σ_t α_ti)²."""
    ### BEGIN SOLUTION
    steps, count = alpha.shape
    return ((steps / count - alpha.sum(0)) ** 2).mean()
    ### END SOLUTION


# %%
checks.unevenness(unevenness)

# %% [markdown]
# **9.3** The pointing game, where maps and masks have the same size: the share of maps (N, h, w) whose largest
# weight lies inside its mask (N, h, w).


# %%
def pointing(maps, masks):
    """Share of maps that point into their mask."""
    ### BEGIN SOLUTION
    place = maps.reshape(len(maps), -1).argmax(1)
    return masks.reshape(len(masks), -1)[np.arange(len(maps)), place].mean()
    ### END SOLUTION


# %%
checks.pointing(pointing)
