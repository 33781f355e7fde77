# %% [markdown]
# # 16 · The fusion zoo
#
# **You will be able to** tell early, intermediate, late and hybrid fusion apart (and say which of them the survey calls late), prove what decisions that are
# only added up can never learn, derive tensor fusion and show that low-rank fusion is the same map with a cheaper weight, read a gate, weigh several losses by
# how far each generalises, and judge a model that must do without a modality.
#
# **Time** about 45 minutes of reading, one minute of computing on a laptop · **Data** none to download · **Follows** §2.2 and §7.1 of the survey.

# %%
import itertools

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch.autograd import no_grad
from mmscratch.data.regimes import REGIMES, best_alone, best_sum_of_posteriors
from mmscratch.models.fusion import FUSIONS, make
from mmscratch.models.fusion.blending import blending_weights, overfitting_to_generalisation
from mmscratch.models.fusion.low_rank import LowRankFusion
from mmscratch.models.fusion.tensor_fusion import TensorFusion
from mmscratch.random import Generator
from mmscratch.tasks.fusion.table import controls, judge
from mmscratch.tasks.fusion.training import FusionSettings, split_of, train
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY, GOLD = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d", "#b7950b"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · Three words, and a fourth
#
# §2.2 has three kinds of fusion. *Early*: features side by side, then one model. *Late*: each modality's features are extracted, joined, and handed on. *Hybrid*: both.
# In the literature (Atrey et al., 2010; Baltrušaitis et al., 2019) **late means that decisions are joined**: each modality has a model of its own that says a
# posterior, and only the posteriors meet. What the survey describes under that name is *intermediate* (feature-level) fusion. The difference is not one of taste: section 2 proves it.
#
# | | what meets | in the library |
# |---|---|---|
# | early | inputs | `early` |
# | intermediate | features | `intermediate`, `tensor`, `low-rank`, `bilinear` and its cheaper kin, `gated`, `mag`, `film` |
# | late | decisions | `late-weighted`, `late-product`, `late-stacking` |
# | hybrid | both | `hybrid` |
# | at several levels (§7.1) | every layer | `multi-level` |
# | adaptive (§7.1) | whatever is useful in *this* row | `attention`, `experts`, and `mult`, where sequences look at each other |
#
# One interface for all: vectors or sequences in, a vector (of late ones the logarithm of a posterior) out.

# %%
x, y = Tensor(rng.normal(size=(5, 8))), Tensor(rng.normal(size=(5, 6)))
size = {}
for name in FUSIONS:
    fuse = make(name, (8, 6), 16, Generator(0))
    size[name] = sum(p.size for p in fuse.parameters())
    for p in fuse.parameters():
        p.data = p.data.astype(np.float64)
    for b in fuse.buffers():
        b.data = b.data.astype(np.float64)
    with no_grad():
        assert fuse(x, y).shape == (5, 16)
print(len(FUSIONS), "fusions of 8 and 6 numbers to 16; parameters:")
for k in range(0, len(size), 5):
    print("  ".join(f"{name} {count}" for name, count in list(size.items())[k : k + 5]))

# %% [markdown]
# ## 2 · What a sum of decisions cannot learn
#
# Let the first modality carry $a=\pm1$, the second $b=\pm1$, all four cells be equally frequent, and the answer be $y=1$ where $a\ne b$ (XOR). A text that says "lovely weather" and a picture
# that shows rain: each alone says nothing about irony. Three claims.
#
# **Each modality alone, and every pool of their exact posteriors: 50 %.** Given $a$, the two values of $b$ are equally frequent, so $p(y=1\mid a)=\tfrac12$; likewise $p(y=1\mid b)=\tfrac12$.
# A rule that sees these two numbers sees the same in all four cells, so it says the same in all, and is right in two. $\square$
#
# **Every sum $s = f(a)+g(b)$, trained however one likes: at most 75 %.** Let $t = 2y-1 = -ab$ be the sign that $s$ should have. Add up over the cells:
#
# $$\sum_{a,b} t\,s = -\sum_{a,b} ab\,\big(f(a)+g(b)\big) = -\sum_a a f(a)\underbrace{\sum_b b}_{0} - \sum_b b\,g(b)\underbrace{\sum_a a}_{0} = 0 .$$
#
# Were all four cells right, each $t\,s$ would be positive, and so would be their sum. So one at least is wrong. $\square$ Three can be reached: $f=(-1,2)$, $g=(0,-3)$.
#
# **A bilinear score: 100 %.** $s=-ab$.
#
# The first claim is about *exact* posteriors, the second about *any* functions: for a product of experts and for stacking, $\log p_1-\log p_0$ is a sum; for a weighted mean, $p_1-\tfrac12$ is one.

# %%
CELLS = np.array(list(itertools.product((-1, 1), repeat=2)), float)
A, B = CELLS[:, :1], CELLS[:, 1:]
WANTED = -CELLS.prod(1)


def share(score):
    """How many cells a score tells by its sign; 0 is a coin."""
    return float(np.where(np.sign(score) == 0, 0.5, np.sign(score) == WANTED).mean())


print("exact posteriors, pooled:", best_sum_of_posteriors("synergy"), " each alone:", best_alone("synergy"))
values = np.array(list(itertools.product(range(-3, 4), repeat=4)), float)  # f(−1), f(1), g(−1), g(1)
place = (CELLS > 0).astype(int)
sums = values[:, place[:, 0]] + values[:, 2 + place[:, 1]]
print(
    f"{len(values)} sums f + g: the best tells", max(map(share, sums)), " the product:", share(-(A * B)[:, 0])
)


def best_of(name, draws=100):
    """The best share of a fusion whose parameters are drawn at random, again and again."""
    found, random = [], np.random.default_rng(1)
    late = name.startswith("late")
    for _ in range(draws):
        fuse = make(name, (1, 1), 2, Generator(0), **({"width": 8} if late else {}))
        for p in fuse.parameters():
            p.data = random.normal(size=p.shape) * 2
        with no_grad():
            h = fuse(Tensor(A), Tensor(B)).numpy()
        found.append(share(h[:, 1] - h[:, 0]))
    return max(found)


drawn = {name: best_of(name) for name in ("late-weighted", "late-product", "late-stacking", "tensor", "film")}
grid = np.linspace(-1.6, 1.6, 81)
a, b = np.meshgrid(grid, grid)
third = (1.5 * a + 0.5) + (-1.5 * b - 1.5)  # f(±1) = −1, 2; g(±1) = 0, −3
figure, axes = plt.subplots(1, 4, figsize=(12.5, 3), width_ratios=[1, 1, 1, 1.35])
for ax, z, title in zip(
    axes,
    (0 * a, third, -a * b),
    ("mean of posteriors: 50 %", "a sum: 75 %", "a product: 100 %"),
    strict=False,
):
    ax.contourf(a, b, np.clip(z, -2, 2), levels=np.linspace(-2, 2, 21), cmap="PuOr", alpha=0.7)
    for (p, q), t in zip(CELLS, WANTED, strict=True):
        ax.plot(p, q, "o" if t > 0 else "s", ms=11, mfc="#5e3c99" if t > 0 else "#e66101", mec="white")
    ax.set(title=title, xticks=[-1, 1], yticks=[-1, 1], xlabel="a", ylabel="b", aspect="equal")
axes[3].barh(list(drawn), list(drawn.values()), color=[RED] * 3 + [GREEN] * 2, height=0.6)
axes[3].axvline(0.75, color="k", ls=":")
axes[3].set(xlim=(0, 1.05), title="best of 100 random draws", xticks=[0, 0.25, 0.5, 0.75, 1])
axes[3].invert_yaxis()
plt.tight_layout()
plt.show()
print({name: found for name, found in drawn.items()})

# %% [markdown]
# The back door: a layer with relu *above* the joined features can make a product of a sum ($|a+b|-1$ is $ab$ on these cells). That is why intermediate fusion passes and late fusion does not: what counts is whether
# there is a layer that sees both **before** anything is decided.
#
# ## 3 · All products: tensor fusion, and its cheaper twin
#
# Tensor fusion (Zadeh et al., 2017) puts a one behind each vector and takes every product:
#
# $$Z = \begin{bmatrix}x\\1\end{bmatrix}\otimes\begin{bmatrix}y\\1\end{bmatrix},\qquad h_k = \sum_{i,j} W_{kij}\,Z_{ij} + b_k .$$
#
# The ones keep what is less than a product: row by row $Z$ holds every $x_iy_j$, every $x_i$, every $y_j$, and 1. If $y$ is missing ($y=0$), what remains is a linear map of $x$: nothing else breaks.
# The price is $H\prod_m(D_m+1)$ weights, a product over the modalities.
#
# Low-rank fusion (Liu et al., 2018) writes $W_k=\sum_{r\le R} u_{kr}\otimes v_{kr}$ and never builds $Z$. **Claim**: it is the same map. *Proof.* For one $k$,
#
# $$\sum_{i,j}\Big(\sum_r u_{ri}v_{rj}\Big)\tilde x_i\tilde y_j = \sum_r\Big(\sum_i u_{ri}\tilde x_i\Big)\Big(\sum_j v_{rj}\tilde y_j\Big) = \sum_r (u_r\cdot\tilde x)(v_r\cdot\tilde y). \qquad\square$$
#
# Sums and products changed places, and nothing was left out. It costs $RH\sum_m(D_m+1)$: a *sum* over the modalities. Every $W$ is of that kind when $R$ is large enough; with a small $R$ one bets that few ways to meet suffice.
# With three modalities of sizes 8, 6 and 4, in float64:

# %%
sizes, H, R = (8, 6, 4), 5, 3
low, full = LowRankFusion(sizes, H, Generator(1), rank=R), TensorFusion(sizes, H, Generator(2))
for p in (*low.parameters(), *full.parameters()):
    p.data = rng.normal(size=p.shape)
full.linear.weight.data, full.linear.bias.data = low.tensor_weight(), low.bias.data
three = [Tensor(rng.normal(size=(200, d))) for d in sizes]
with no_grad():
    apart = np.abs(low(*three).numpy() - full(*three).numpy()).max() / np.abs(full(*three).numpy()).max()
print("low-rank = tensor fusion of the tensor that it stands for, to 1e-10:", bool(apart < 1e-10))
print("weights:", sum(p.size for p in low.parameters()), "for", sum(p.size for p in full.parameters()))

many, D, H = np.arange(2, 7), 32, 64
figure, axes = plt.subplots(1, 2, figsize=(10, 2.9))
axes[0].semilogy(many, H * (D + 1.0) ** many, "o-", color=RED, label="tensor: H Π (D + 1)")
axes[0].semilogy(many, 4 * H * (D + 1.0) * many, "o-", color=GREEN, label="low-rank, R = 4: R H Σ (D + 1)")
axes[0].set(xlabel="modalities of 32 numbers, H = 64", ylabel="weights", xticks=many)
axes[0].legend(frameon=False, fontsize=8)
core = low.tensor_weight().reshape(5, 9, 7, 5)[0]
spectrum = [np.linalg.svd(np.moveaxis(core, m, 0).reshape(core.shape[m], -1))[1] for m in range(3)]
for m, (s, colour) in enumerate(zip(spectrum, (BLUE, GOLD, GREY), strict=True)):
    axes[1].semilogy(np.arange(1, len(s) + 1), np.maximum(s / s[0], 1e-17), "o-", color=colour, label=m + 1)
axes[1].axvline(R + 0.5, color="k", ls=":")
axes[1].set(xlabel="singular value", ylabel="over the largest", title="unfolded along each modality: rank 3")
axes[1].title.set_fontsize(10)
axes[1].legend(frameon=False, fontsize=8, title="modality")
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 4 · Whom to believe, row by row
#
# A gate chooses anew for each row. Three of the kind:
#
# * **Gated unit** (Arevalo et al., 2017): $z=\sigma(W_z[x;y])$, $h = z\odot\tanh(W_xx) + (1-z)\odot\tanh(W_yy)$: a number between 0 and 1 for each feature.
# * **Adaptation gate** (MAG; Rahman et al., 2020): $\bar x = x + \alpha\,s$: the others may shift the leading modality by $s$, no further than a share of its own length.
# * **Mixture of experts** (Jacobs et al., 1991): $h=\sum_k g_kE_k$ with $g = \mathrm{softmax}(W_g[x;y])$, one expert for each modality and one for both. An expert whose modality is missing has a gate of exactly 0.
#
# Watch the last, trained in a world where both modalities say the same, with one of them left out from time to time:

# %%
LEARN = FusionSettings(train=240, held=120, test=480, steps=80, batch_size=80, noise=0.2, dropout=0.3)
mixture = train("experts", "redundant", 0, LEARN)
test = split_of("redundant", "test", 0, LEARN)
SEEN = {"both there": (True, True), "no first": (False, True), "no second": (True, False)}


def gates_of(seen):
    """The mean gate of each expert on the test rows."""
    fuse, views = mixture.fuse, [Tensor(v) for v in (test.first, test.second)]
    means = [v.numpy().sum(1) / m.sum(1, keepdims=True) for v, m in zip(views, test.masks, strict=True)]
    there = np.tile(np.array(seen, np.float32), (len(test), 1))
    means = [Tensor((v * there[:, [m]]).astype(np.float32)) for m, v in enumerate(means)]
    with no_grad():
        return fuse.gates(means, Tensor(there)).numpy().mean(0)


gates = np.array([gates_of(seen) for seen in SEEN.values()])
figure, ax = plt.subplots(figsize=(7.5, 2.2))
left = np.zeros(3)
for k, (expert, colour) in enumerate(zip(("first", "second", "joint"), (BLUE, GOLD, GREEN), strict=True)):
    ax.barh(list(SEEN), gates[:, k], left=left, color=colour, label=expert, height=0.6)
    left += gates[:, k]
ax.invert_yaxis()
ax.set(xlim=(0, 1), xlabel="mean gate of each expert")
ax.legend(frameon=False, ncol=3, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.25))
plt.show()
print("gates sum to 1:", np.allclose(gates.sum(1), 1, atol=1e-5))
print(
    "a missing modality's expert, and the joint one, are silent:",
    gates[1, [0, 2]].tolist(),
    gates[2, 1:].tolist(),
)

# %% [markdown]
# ## 5 · Which fusion learns which world
#
# Four worlds in which we know what each modality tells: **redundant** (both say $y$), **unique** (the first alone), **additive** ($y=1$ where $a+b>0$), **synergy** (XOR). What is sent is buried in noise and in short
# sequences that are not aligned. Since the noise is ours, Bayes' rule can be computed: no method can do better, but for luck. A small run of ten methods:

# %%
QUICK = FusionSettings(train=120, held=120, test=240, steps=60, batch_size=60, noise=0.1, dropout=0.0)
METHODS = ("late-weighted", "late-product", "late-stacking", "hybrid", "early", "intermediate", "tensor",
           "gated", "film", "blended")  # fmt: skip
board = {}
for regime in REGIMES:
    told = controls(regime, 0, QUICK)
    board[regime] = {name: told[name]["both"] for name in ("Bayes' rule", "mean posterior", "first")}
    tested = split_of(regime, "test", 0, QUICK)
    board[regime] |= {name: judge(train(name, regime, 0, QUICK), tested)["both"] for name in METHODS}
rows = list(board["synergy"])
table = np.array([[board[regime][name] for regime in REGIMES] for name in rows])
figure, ax = plt.subplots(figsize=(6, 4.6))
ax.imshow(table, vmin=0.5, vmax=1, cmap="YlGnBu", aspect="auto")
for i, row in enumerate(table):
    for j, value in enumerate(row):
        ax.text(j, i, f"{100 * value:.0f}", ha="center", va="center", color="w" if value > 0.8 else "k")
ax.axhline(2.5, color="w", lw=4)
ax.set(xticks=range(4), xticklabels=list(REGIMES), yticks=range(len(rows)), yticklabels=rows)
ax.tick_params(length=0)
ax.xaxis.tick_top()
plt.show()
synergy = board["synergy"]
late = [synergy[name] for name in METHODS if name.startswith("late")]
print("synergy, mean of the exact posteriors:", synergy["mean posterior"])
print("synergy, late fusions, none above 75 %:", bool(max(late) <= 0.75))
print(
    "synergy, tensor, film, intermediate above 90 %:",
    min(synergy[n] for n in ("tensor", "film", "intermediate")) > 0.9,
)
others = [board[r][n] for r in ("redundant", "unique", "additive") for n in METHODS]
print("the other three worlds, every method above 80 %:", min(others) > 0.8)

# %% [markdown]
# Read it by columns. In the first three worlds all are about equally good: whoever compares fusions there compares noise. **Only synergy separates them**, and it separates them as the proofs say. The full table, of all methods, three seeds, with each
# modality missing: `mmscratch table fusion`, and in `docs/results.md`.
#
# ## 6 · Gradient blending: which loss to listen to
#
# A network for both modalities may end up worse than one for the better of the two: they learn, and learn by heart, at different speeds. Give each modality a head of its own beside the joint one, and train $L=\sum_k w_kL_k$. With which $w$?
# (Wang, Tran & Feiszli, 2020.) Take a step along each loss; let $G_k$ be what it wins on rows that were held back, and let its overfitting be random, $o_k$, independent, with mean 0 and $\mathbb E\,o_k^2=O_k^2$. The blend's overfitting, over what it wins:
#
# $$\mathbb E\Big(\frac{\sum_k w_ko_k}{\sum_k w_kG_k}\Big)^2 = \frac{\sum_k w_k^2O_k^2}{\big(\sum_k w_kG_k\big)^2}\ \ge\ \frac1{\sum_k G_k^2/O_k^2} .$$
#
# *Proof* (Cauchy–Schwarz): $\big(\sum_k w_kG_k\big)^2=\big(\sum_k w_kO_k\cdot\tfrac{G_k}{O_k}\big)^2\le\sum_k w_k^2O_k^2\cdot\sum_k\tfrac{G_k^2}{O_k^2}$, with equality where $w_kO_k\propto G_k/O_k$, that is
#
# $$\boxed{\;w_k\propto\frac{G_k}{O_k^2}\;}\qquad\square$$
#
# What wins nothing gets 0, and overfitting counts twice.

# %%
gain, overfit = np.array([0.5, 0.4]), np.array([0.6, 0.25])
training = np.array([[2.0, 2.0], [2.0 - 0.5 - 0.6, 2.0 - 0.4 - 0.25]])
validation = np.array([[2.0, 2.0], [1.5, 1.6]])
best = blending_weights(training, validation)
w = np.linspace(0, 1, 201)
ratio = [overfitting_to_generalisation((s, 1 - s), gain, overfit) for s in w]
drawn = rng.normal(size=(40_000, 2)) * overfit
points = w[::20]
sampled = [np.mean((drawn @ (s, 1 - s) / (gain @ (s, 1 - s))) ** 2) for s in points]
figure, ax = plt.subplots(figsize=(6.5, 2.7))
ax.plot(w, ratio, color=GREEN, label="formula")
ax.plot(points, sampled, "o", color=GREY, label="40,000 draws")
ax.axvline(best[0], color=RED, ls=":", label="w ∝ G / O²")
ax.axhline(1 / np.sum(gain**2 / overfit**2), color="k", ls=":", lw=1, label="the bound")
ax.set(xlabel="weight of the first loss", ylabel="overfitting / gain, squared")
ax.legend(frameon=False, fontsize=8)
plt.show()
print(
    "the bound is reached at w ∝ G/O²:", np.isclose(min(ratio), 1 / np.sum(gain**2 / overfit**2), rtol=1e-3)
)
print("weights:", best.round(3).tolist())
heard = {regime: train("blended", regime, 0, QUICK).weights for regime in ("unique", "synergy")}
print("world 'unique': the second modality's head gets less than a tenth:", bool(heard["unique"][1] < 0.1))
print("world 'synergy': the joint head gets the most:", bool(heard["synergy"].argmax() == 2))

# %% [markdown]
# The last line is no slip, and the paper does not warn of it. On XOR a head of one modality can learn nothing; but its random beginning was a hair worse than $\ln 2$, so it "wins" a hair, and it overfits by a hair.
# **A hair over the square of a hair is any number.** Here the joint head learns all the same, since Adam forgets the scale of a loss of its own; with longer training (the defaults of `mmscratch table fusion`, seed 0) such heads got their 0. Look at $G$ and $O$ before you trust a $w$.
#
# ## 7 · When a modality is missing
#
# A microphone fails, a post has no picture. The rule of the library: what is missing is *never read* (not even a NaN in its place), the fusion sees a zero, and is told. But a network that never met that in training need not be
# prepared for it. **Modality dropout** (Neverova et al., 2016) leaves modalities out at random while training; it never leaves out all. Three cases, without it and with it, below Bayes' rule:

# %%
HARD = {"train": 240, "held": 120, "test": 480, "steps": 80, "batch_size": 80, "noise": 0.3}
HOW = ("both", "no first", "no second")
CASES = (("redundant", "intermediate"), ("redundant", "attention"), ("synergy", "intermediate"))
figure, axes = plt.subplots(1, 3, figsize=(12.5, 2.8), sharey=True)
found = {}
for ax, (regime, name) in zip(axes, CASES, strict=True):
    for p in (0.0, 0.3):
        settings = FusionSettings(**HARD, dropout=p)
        said = judge(train(name, regime, 0, settings), split_of(regime, "test", 0, settings))
        found[regime, name, p] = [said[how] for how in HOW]
    tops = controls(regime, 0, settings)["Bayes' rule"]
    shown = (
        ("never left out", found[regime, name, 0.0], GREY),
        ("left out with p = 0.3", found[regime, name, 0.3], GREEN),
        ("Bayes' rule", [tops[how] for how in HOW], BLUE),
    )
    for k, (label, values, colour) in enumerate(shown):
        bars = ax.bar(np.arange(3) + 0.28 * (k - 1), values, 0.26, color=colour, label=label, alpha=0.85)
        ax.bar_label(bars, fmt="%.2f", fontsize=7)
    ax.axhline(0.5, color="k", ls=":")
    ax.set(title=f"{regime}: {name}", xticks=range(3), xticklabels=HOW, ylim=(0, 1.25))
axes[2].legend(frameon=False, fontsize=8, loc="upper right")
plt.tight_layout()
plt.show()
alone = {key: min(values[1:]) for key, values in found.items()}
print("redundant, intermediate: it needs no dropout:", bool(alone["redundant", "intermediate", 0.0] > 0.9))
print("redundant, attention: it does:", [bool(alone["redundant", "attention", p] > 0.8) for p in (0.0, 0.3)])
print("synergy, one missing, near ½:", bool(max(found["synergy", "intermediate", 0.3][1:]) < 0.6))

# %% [markdown]
# A linear layer over both features learns a sum of evidence, of which a part may be missing. Attention over modalities may learn to hear one alone; left with the other, it asks a branch that was never taught. Where the modalities repeat each other, this can be mended in training. Where only both together tell, no training brings back what is not there: Bayes' rule itself is at ½. **A missing-modality score without the ceiling beside it says nothing.**
#
# ## What to correct in §2.2 and §7.1
#
# | the survey | what it should be |
# |---|---|
# | late fusion joins *features* after extraction | that is intermediate; late joins decisions, and is additive |
# | hybrid has the advantages of both | of a weighted mean of posteriors: its joint expert must carry synergy alone |
# | "more effective fusion": multi-level, adaptive | effective *for which interaction*? Only synergy separates methods; say the regime and the ceiling |
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it.
#
# **16.1** Tensor fusion of one pair: `x` (D,), `y` (E,) and `W` (H, D + 1, E + 1), the last row and column for the ones.


# %%
def all_products(x, y, W):
    """h, (H,)."""
    ### BEGIN SOLUTION
    return np.einsum("kij,i,j->k", W, np.append(x, 1), np.append(y, 1))
    ### END SOLUTION


# %%
checks.all_products(all_products)

# %% [markdown]
# **16.2** The tensor that low-rank fusion stands for: from `u` (R, H, D + 1) and `v` (R, H, E + 1) to W (H, D + 1, E + 1).


# %%
def unfolded(u, v):
    """W, (H, D + 1, E + 1)."""
    ### BEGIN SOLUTION
    return np.einsum("rki,rkj->kij", u, v)
    ### END SOLUTION


# %%
checks.unfolded(unfolded)

# %% [markdown]
# **16.3** The weights of a blend, from each loss on training rows and on rows held back, before (row 0) and after (row 1): `training`, `validation` (2, K). $G$ is what was won on held-back rows (what grew there wins 0),
# $O$ how much the gap validation − training has widened.


# %%
def blend_of(training, validation):
    """w, (K,), sum 1."""
    ### BEGIN SOLUTION
    G = np.maximum(validation[0] - validation[1], 0)
    wider = (validation[1] - training[1]) - (validation[0] - training[0])
    w = G / wider**2
    return w / w.sum()
    ### END SOLUTION


# %%
checks.blend_of(blend_of)

# %% [markdown]
# ## What you know now
#
# * Early joins inputs, intermediate features, late decisions, hybrid both; the survey's "late" is intermediate.
# * On XOR: 50 % for each modality and for every pool of exact posteriors, 75 % for any sum, 100 % for a product.
# * Low-rank fusion *is* tensor fusion, with a weight that is a sum of $R$ outer products: a sum instead of a product of sizes.
# * Gates choose row by row; a missing modality's expert is silent.
# * Of redundant, unique, additive and synergy, only the last tells fusions apart.
# * Blend losses by $G/O^2$; leave modalities out in training; print the ceiling.
#
# Read on in `mmscratch/models/fusion/`, one file a method; `data/regimes` has the worlds and their Bayes' rule. Lesson 17 asks which part of one modality belongs to which part of the other.
