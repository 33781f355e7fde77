# %% [markdown]
# # B · Why did the model say so? And the challenges that are left
#
# **You will be able to** divide a score among pixels so that nothing is lost (integrated gradients) and say when the sum is right to the last digit, derive Grad-CAM and occlusion, score a map against a true mask beside chance and beside a network that knows nothing, divide a result among modalities exactly (Shapley), and measure the survey's three challenges: few labels, modalities that lie apart, models that do not explain themselves.
#
# **Time** about 45 minutes of reading, one minute of computing on a laptop · **Data** none to download · **Follows** §7.2 of the survey.

# %%
import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import nn, ops
from mmscratch.autograd import no_grad
from mmscratch.data.regimes import REGIMES, make_regime, posterior
from mmscratch.explain import (
    grad_cam,
    integrated_gradients,
    modality_gap,
    modality_shapley,
    occlusion,
    roll_out,
    shapley_values,
    shares,
    shift_towards,
)
from mmscratch.models.retrieval_losses import build_loss
from mmscratch.models.scene_cnn import SceneCNN, load_pretrained
from mmscratch.optim import Adam
from mmscratch.random import Generator
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.explain.scarcity import features_of, jitter, mean_precision, names_in
from mmscratch.tasks.explain.table import ask_for_objects, judge, maps_of, named_score
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · Integrated gradients: nothing is lost
#
# A gradient says what a *small* change does. Where a score is saturated it is near zero, however much it depends on the pixel. Sundararajan et al. (2017) walk from a baseline $x'$ (nothing to see) to $x$ and collect:
#
# $$\mathrm{IG}_i = (x_i - x'_i)\int_0^1 \frac{\partial F}{\partial x_i}\big(x' + \alpha(x-x')\big)\,d\alpha .$$
#
# **Completeness.** Let $\gamma(\alpha) = x' + \alpha(x-x')$. Then $\frac{d}{d\alpha}F(\gamma(\alpha)) = \sum_i (x_i-x'_i)\,\partial_i F(\gamma(\alpha))$, and integrating,
#
# $$\boxed{\;\sum_i \mathrm{IG}_i = F(x) - F(x')\;}$$
#
# The integral is a sum in practice. The library takes Gauss and Legendre's places: $n$ of them are exact for polynomials of degree $2n-1$ *of $\alpha$*. So a smooth network (tanh, GELU) needs few; a ReLU network is a line with kinks, and there the gap falls as $1/n$ only.


# %%
def small_network(activation):
    """A network of two layers in double precision, and its score."""
    g = Generator(3)
    layers = nn.Sequential(nn.Linear(6, 32, generator=g), activation, nn.Linear(32, 1, generator=g))
    layers = layers.to("float64")
    return lambda x: ops.squeeze(layers(x), axis=1)


x, start = 3 * rng.normal(size=(8, 6)), np.zeros((1, 6))
counts, gaps = (1, 2, 4, 8, 16, 32, 64), {}
for name, activation in (("tanh", nn.Tanh()), ("GELU", nn.GELU()), ("ReLU", nn.ReLU())):
    score = small_network(activation)
    results = [integrated_gradients(score, x, start, steps=n) for n in counts]
    gaps[name] = [float(np.abs(r.gap).max()) for r in results]
    print(f"{name}: ΣIG = ΔF to 1e-6 with 64 points:", gaps[name][-1] < 1e-6)
saturated = small_network(nn.Tanh())
far = Tensor(30 * x, requires_grad=True)
saturated(far).sum().backward()
along = np.abs(integrated_gradients(saturated, 30 * x, start, steps=128).values / (30 * x)).mean()
print(f"far out, the gradient over the mean slope of the way: {np.abs(far.grad).mean() / along:.2f}")
figure, ax = plt.subplots(figsize=(5.5, 3))
for (name, line), colour in zip(gaps.items(), (BLUE, GREEN, RED), strict=True):
    ax.loglog(counts, np.maximum(line, 1e-16), marker="o", color=colour, label=name)
ax.loglog(counts, 0.5 / np.array(counts), "k:", lw=1, label="1/n")
ax.axhline(1e-6, color=GREY, lw=0.8)
ax.set(xlabel="points of the way, n", ylabel="|ΣIG − ΔF|")
ax.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## 2 · Grad-CAM, and what it has to do with the last layer
#
# A convolutional layer gives maps $A^k$ $(h, w)$. Grad-CAM (Selvaraju et al., 2017) weighs them by their mean gradient,
#
# $$\alpha_k = \frac{1}{hw}\sum_{ij}\frac{\partial F}{\partial A^k_{ij}},\qquad M = \max\Big(0,\ \sum_k \alpha_k A^k\Big).$$
#
# Why the mean? Where the network ends in a mean over places and a linear layer, $F = \sum_k w_k\,\frac1{hw}\sum_{ij}A^k_{ij}$, every gradient is $w_k/hw$, so $\alpha_k = w_k/hw$, and $F = \sum_{ij}\big(\sum_k \alpha_k A^k_{ij}\big)$: the map (before the maximum) *is* the score, place by place. For other networks it is a first-order guess, and coarse: 8 × 8 places here.
#
# ## 3 · Occlusion: cover it and see
#
# No gradient: cover a window, see by how much the score falls (Zeiler & Fergus, 2014). If windows tile the picture and the score adds up over them, the falls share it out, too: $\sum_w \big(F(x) - F(x_{\setminus w})\big) = F(x) - F(\text{all covered})$. It costs a forward pass a window.

# %%
layer = nn.Conv2d(3, 5, 3, padding=1, activation="relu", generator=Generator(1)).to("float64")
w = rng.normal(size=5)


def pooled(images):
    """The mean over places, then a linear layer."""
    return ops.sum(ops.mean(layer(images), axis=(2, 3)) * Tensor(w[None]), axis=1)


images = rng.normal(size=(2, 3, 8, 8))
with no_grad():
    A, F = layer(Tensor(images)).numpy(), pooled(Tensor(images)).numpy()
per_place = np.einsum("k,bkij->bij", w / 64, A)
print("the map sums to the score: ", np.allclose(per_place.sum((1, 2)), F))
print("Grad-CAM is its rectified: ", np.allclose(grad_cam(pooled, images, layer), np.maximum(per_place, 0)))
weigh = Tensor(rng.normal(size=(1, 3, 8, 8)))
drops = occlusion(lambda t: ops.sum(ops.flatten(t * weigh, start=1), axis=1), images, window=4, stride=4)
whole = (images * weigh.numpy()).sum((1, 2, 3))
print("tiles share an additive score:", np.allclose(drops.sum((1, 2)) / 16, whole))

# %% [markdown]
# ## 4 · Five explainers beside the true mask
#
# The scene network (lesson 5) is asked: "is there a red circle?" Its score is $F = \ln\sum_{\text{cells}}\exp(\text{objectness} + \text{shape} + \text{colour})$; nothing in it says *where*. We know where: the world gives the mask. Three controls stand beside every map: an even one (chance), one that knows the picture and no network (how far each pixel differs from the background), and the same method on a network of *random weights* (Adebayo et al., 2018). A method that draws the same map for random weights explains the picture.

# %%
SPEC = "scenes:train=0,val=0,test=20,count=3-4,heldout_pairs=0,positions=all,seed=5"
asked = ask_for_objects(load_scenes(SPEC, "test-iid"), 12)
trained, stranger = load_pretrained(), SceneCNN(generator=Generator(0)).eval()
METHODS = ("gradient", "integrated gradients", "guided backpropagation", "Grad-CAM", "occlusion")
KNOWS_NOTHING = "difference from the background"
one = asked[3:4]
figure, axes = plt.subplots(2, 7, figsize=(12, 3.8))
for row, network in zip(axes, (trained, stranger), strict=True):
    row[0].imshow(one.images[0].transpose(1, 2, 0))
    row[0].set_ylabel("trained" if network is trained else "random weights", fontsize=9)
    row[1].imshow(one.masks[0], cmap="gray")
    for ax, method in zip(row[2:], METHODS, strict=True):
        heat = maps_of(method, network, one)[0]
        ax.imshow(heat / np.quantile(heat, 0.998).clip(1e-12), cmap="inferno", vmin=0, vmax=1)
        ax.contour(one.masks[0].astype(float), [0.5], colors="w", linewidths=0.7)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
for ax, title in zip(axes[0], ("picture", "true mask", *METHODS), strict=True):
    ax.set_title(title.replace(" ", "\n"), fontsize=8)
plt.tight_layout()
plt.show()
quick = METHODS[:4]  # occlusion takes 225 forward passes a picture: `mmscratch table explain` has its row
table = {name: judge(maps_of(name, trained, asked), asked) for name in (KNOWS_NOTHING, *quick)}
random_weights = {name: judge(maps_of(name, stranger, asked), asked)["pointing"] for name in quick}
chance = table["gradient"]["pointing, chance"]
print("all four point better than chance, and than on random weights:",
      all(table[m]["pointing"] > max(chance, random_weights[m]) for m in quick))  # fmt: skip
print("a map that knows no network points at the other objects more often:",
      table[KNOWS_NOTHING]["others"] > table[KNOWS_NOTHING]["pointing"])  # fmt: skip
lines = integrated_gradients(named_score(trained), one.images, one.background, context=one.named, steps=64)
print("this network is rectified, so the sum is nearly right, not exactly:",
      abs(lines.gap[0]) < 0.1 * abs(lines.change[0]), abs(lines.gap[0]) > 1e-6)  # fmt: skip

# %% [markdown]
# An even map, as Grad-CAM's on random weights here, says that no channel speaks for the score: it counts as chance. The full table, 300 objects and three networks of random weights, is in [docs/results.md](../docs/results.md): `mmscratch table explain`.
#
# A sixth way, **rollout** (appendix A), multiplies attention through the layers. It is a sum over all ways through the network, and it has one hole: the map does not depend on the question.

# %%
attention = [rng.dirichlet(np.ones(4), size=(1, 4)) for _ in range(3)]
half = [np.eye(4) / 2 + a[0] / 2 for a in attention]
ways = sum(
    half[2][0, k] * half[1][k, j] * half[0][j, 2] for j in range(4) for k in range(4)
)  # from place 0 on top to place 2 below
print("rollout is the sum over all ways:", np.isclose(ways, roll_out(attention)[0, 0, 2]))

# %% [markdown]
# ## 5 · Which modality did it? Shapley, exactly
#
# Pixels are many, modalities few. Let $v(S)$ be what is reached with the modalities $S$ alone. The share of $i$ is the mean of what it adds, over all orders of arrival:
#
# $$\varphi_i = \sum_{S\subseteq N\setminus\{i\}}\frac{|S|!\,(M-|S|-1)!}{M!}\,\big(v(S\cup\{i\}) - v(S)\big),\qquad \sum_i\varphi_i = v(N) - v(\emptyset).$$
#
# With $M$ modalities there are $2^M$ coalitions: eight for picture, sound and text. No sampling. Below, $v$ is the share of right answers that *Bayes' rule* reaches in lesson 16's four worlds, so that the division is about the world, and about no model: in XOR nobody brings anything alone, and both get a quarter.


# %%
def bayes_reaches(data):
    """v(S): the share of right answers of Bayes' rule that is given the modalities S."""

    def value(present):
        p = posterior(data, "first" in present, "second" in present)
        coin = np.isclose(p, 0.5, atol=1e-9)
        return np.where(coin, 0.5, (p > 0.5) == data.target).mean()

    return value


worlds = {name: bayes_reaches(make_regime(name, 1200, seed=1, noise=0.3)) for name in REGIMES}
phi = {name: shapley_values(value, ("first", "second")) for name, value in worlds.items()}
for name, value in worlds.items():
    total, both, none = sum(phi[name].values()), value(frozenset(phi[name])), value(frozenset())
    print(f"{name:10} first {phi[name]['first']:+.2f}, second {phi[name]['second']:+.2f};",
          "efficient:", np.isclose(total, both - none))  # fmt: skip
a, b = rng.normal(size=(2, 5, 3))
products = modality_shapley(
    lambda picture, text: ops.sum(picture * text, axis=1),
    {"picture": a, "text": b},
    {"picture": 0.0, "text": 0.0},
)  # a product of both, as lesson 14's
print("a product's score is halved:", np.allclose(products["picture"], products["text"]))
print("and so are the shares (MM-SHAP):", shares(products)["picture"].round(2).tolist())
figure, ax = plt.subplots(figsize=(6, 2.8))
for k, (side, colour) in enumerate((("first", BLUE), ("second", GREEN))):
    bars = ax.bar(np.arange(4) + 0.36 * k, [phi[n][side] for n in phi], 0.34, color=colour, label=side)
    ax.bar_label(bars, fmt="%.2f", fontsize=8)
ax.set(
    xticks=np.arange(4) + 0.18, xticklabels=list(phi), ylabel="share of what is above a coin", ylim=(0, 0.56)
)
ax.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## 6 · First challenge: few labels
#
# Somebody has named the objects in $N$ pictures, not their places. How good is a classifier of the 24 names? To see the curve in a second, the classifier is the simplest one, ridge regression, $w = (X^{\mathsf T}X + \lambda I)^{-1}X^{\mathsf T}y$; what differs is $X$: **pixels** (8 × 8 blocks); pixels with every picture also mirrored and shifted (**augmented**); or the greatest value of each channel of the shipped scene network (**transfer**). Average precision, mean over names; three drawings of the $N$ pictures.

# %%
POOL = "scenes:train=400,val=0,test=200,count=3-5,heldout_pairs=0,positions=all,seed=11"
learn, held = load_scenes(POOL, "train"), load_scenes(POOL, "test-iid")
names, held_names = names_in(learn.scenes), names_in(held.scenes)


def blocks(images):
    """The mean colour of each 8 × 8 block: (N, 192)."""
    return images.reshape(len(images), 3, 8, 8, 8, 8).mean((3, 5)).reshape(len(images), -1)


def loudest(images):
    """The greatest value of each channel of the shipped network: (N, 128)."""
    return features_of(trained, images).max((2, 3))


def with_copies(images, times=4):
    """The pictures, and mirrored and shifted ones."""
    return np.concatenate([images, *(jitter(images, Generator(k)) for k in range(times))])


def ridge_precision(X, y, Z, penalty):
    """Learn on X and y, judge on Z: mean average precision."""
    mean, spread = X.mean(0), X.std(0) + 1e-3
    X, Z = (X - mean) / spread, (Z - mean) / spread
    w = np.linalg.solve(X.T @ X + penalty * len(X) * np.eye(X.shape[1]), X.T @ (y - y.mean(0)))
    return mean_precision(Z @ w, held_names)


sizes = (12, 25, 50, 100, 200, 400)
pixels, deep = learn.floats(), loudest(learn.floats())
held_pixels, held_deep = blocks(held.floats()), loudest(held.floats())
curves = {"pixels": [], "augmented": [], "transfer": []}
for n in sizes:
    for name, line in curves.items():
        line.append([])
        for seed in range(3):
            rows = np.random.default_rng(seed).permutation(400)[:n]
            if name == "transfer":
                line[-1].append(ridge_precision(deep[rows], names[rows], held_deep, 0.3))
            else:
                many = with_copies(pixels[rows]) if name == "augmented" else pixels[rows]
                told = np.tile(names[rows], (len(many) // n, 1))
                line[-1].append(ridge_precision(blocks(many), told, held_pixels, 0.3))
nothing = mean_precision(np.zeros(held_names.shape), held_names)
figure, ax = plt.subplots(figsize=(6, 3.2))
for (name, line), colour in zip(curves.items(), (RED, "#d68910", GREEN), strict=True):
    line = np.array(line)
    ax.plot(sizes, line.mean(1), marker="o", color=colour, label=name)
    ax.fill_between(sizes, line.min(1), line.max(1), color=colour, alpha=0.15, lw=0)
ax.axhline(nothing, color="k", ls=":", lw=1, label="no picture")
ax.set(xscale="log", xlabel="pictures that are named", ylabel="mean average precision", ylim=(0, 1))
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.legend(frameon=False, fontsize=8)
plt.show()
print(
    "transfer with 25 pictures beats pixels with 400:",
    np.mean(curves["transfer"][1]) > np.mean(curves["pixels"][-1]),
)

# %% [markdown]
# Be fair to the red line: the green one stands on a network that was told shape, colour and place of every object in 4,000 *other* pictures. Transfer does not do without labels; it takes them from where they are. With networks in the place of ridge regression: `mmscratch table explain --block scarcity`.
#
# ## 7 · Second challenge: modalities lie apart
#
# Two towers end in one space, and yet pictures and texts lie in two separate cones of it (Liang et al., 2022): the **modality gap** $\Delta = \|\overline{\hat v} - \overline{\hat t}\|$. It is there before the first step, since a random network maps everything into a narrow cone, and two networks into two. Does training close it? InfoNCE compares along a row; what $\Delta$ adds to all scores alike cancels in the softmax. It closes what keeps pairs from being told apart.


# %%
def tower(size, seed):
    """Two layers into 32 dimensions."""
    g = Generator(seed)
    return nn.Sequential(nn.Linear(size, 64, generator=g), nn.ReLU(), nn.Linear(64, 32, generator=g))


scale = deep.std(0) + 1e-3
towers = tower(128, 1), tower(24, 2)  # the loudest features, and the names that a caption tells
inputs = [(deep / scale).astype(np.float32), names]
tests = [(held_deep / scale).astype(np.float32), held_names]
loss = build_loss("infonce")
optimizer = Adam([*towers[0].parameters(), *towers[1].parameters(), *loss.parameters()], lr=3e-3)


def unit(y):
    """Rows of length 1."""
    return y / ops.sqrt(ops.sum(y * y, axis=1, keepdims=True))


def vectors():
    """Both towers' vectors of the test pictures."""
    with no_grad():
        return [unit(t(Tensor(x))).numpy() for t, x in zip(towers, tests, strict=True)]


def first_right(v, t):
    """Recall at 1: how often one's own caption, or one that says the same, comes first."""
    best = (v @ t.T).argmax(1)
    return float((held_names[best] == held_names).all(1).mean())


before, history = vectors(), []
random = np.random.default_rng(0)
for step in range(241):
    if step % 20 == 0:
        v, t = vectors()
        history.append((step, modality_gap(v, t).distance, first_right(v, t)))
    rows = random.permutation(400)[:64]
    v, t = (unit(f(Tensor(x[rows]))) for f, x in zip(towers, inputs, strict=True))
    loss.settle()
    value = loss(ops.matmul(v, ops.transpose(t)))
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
after = vectors()
moved = shift_towards(*after)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.3))
for ax, (v, t), title in ((axes[0], before, "before"), (axes[1], after, "after")):
    both = np.concatenate([v, t]) - np.concatenate([v, t]).mean(0)
    places = both @ np.linalg.svd(both, full_matrices=False)[2][:2].T
    ax.scatter(*places[:200].T, s=8, color=BLUE, label="pictures")
    ax.scatter(*places[200:].T, s=8, color=RED, label="names")
    ax.set_title(f"{title} training: gap {modality_gap(v, t).distance:.2f}", fontsize=9)
    ax.set_aspect("equal", "datalim")
axes[0].legend(frameon=False, fontsize=8)
steps, gap, recall = np.transpose(history)
axes[2].plot(steps, gap, color=GREY, label="gap")
axes[2].plot(steps, recall, color=GREEN, label="right at first")
axes[2].set(xlabel="steps", ylim=(0, 1.6))
axes[2].legend(frameon=False, fontsize=8)
plt.tight_layout()
plt.show()
print("the gap is smaller after training:", gap[-1] < gap[0], " and not closed:", gap[-1] > 0.05)
print("moving both clouds together changes recall by less than 0.1:",
      abs(first_right(*moved) - first_right(*after)) < 0.1)  # fmt: skip

# %% [markdown]
# Recall is low here: the greatest value of each channel says what there is, and hardly which colour belongs to which shape. Small towers that see regions, with three seeds: 37.9 % before the clouds are moved together and 38.1 % after (`mmscratch table explain --block gap --steps 100`).
#
# ## 8 · Third challenge: explaining
#
# The three challenges of §7.2, with what was measured:
#
# | the survey | measured | what helps | where |
# |---|---|---|---|
# | labels are scarce | learning curves, three seeds, beside "no picture" | features learnt where labels are; augmentation that keeps the truth | section 6; `table explain --block scarcity` |
# | modalities differ | the gap before and after training, recall when it is closed | a loss that compares pairs; fusion that fits the interaction | section 7; lessons 12, 16, 17 |
# | models do not explain themselves | maps against masks, beside chance and random weights | completeness as a test; controls for every map | sections 1–5; `table explain` |
# | (no word on cost) | parameters, operations, memory of every method | counting | `table explain --block cost` |
#
# **What an explanation is not.** It says what moved *this score of this model*. If the model is right for a wrong reason, a good explanation shows the wrong reason. Pictures that look convincing prove nothing: on photographs, maps of some methods hardly change when the weights are drawn at random (Adebayo et al., 2018). Hence the controls.
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it.
#
# **B.1** Integrated gradients by the midpoint rule: `slope(x)` gives $\nabla F$ at one point (D,); from `x`, `start` (D,) and `n` points $\alpha_k = (k + \tfrac12)/n$ the attributions (D,).


# %%
def straight_way(slope, x, start, n):
    """(D,)."""
    ### BEGIN SOLUTION
    total = sum(slope(start + (k + 0.5) / n * (x - start)) for k in range(n))
    return (x - start) * total / n
    ### END SOLUTION


# %%
checks.straight_way(straight_way)

# %% [markdown]
# **B.2** Grad-CAM from a layer's maps `A` (K, h, w) and the gradient `dA` of the score with respect to them: the map (h, w).


# %%
def weighed_channels(A, dA):
    """(h, w)."""
    ### BEGIN SOLUTION
    return np.maximum(np.tensordot(dA.mean((1, 2)), A, 1), 0)
    ### END SOLUTION


# %%
checks.weighed_channels(weighed_channels)

# %% [markdown]
# **B.3** Shapley values: `value` takes a frozenset of players and gives a number; `players` is a list. Give {player: share}. (As the mean over all orders, `itertools.permutations`, or by the formula.)


# %%
def fair_shares(value, players):
    """{player: share}."""
    ### BEGIN SOLUTION
    import itertools

    orders = list(itertools.permutations(players))
    found = dict.fromkeys(players, 0.0)
    for order in orders:
        for k, player in enumerate(order):
            added = value(frozenset(order[: k + 1])) - value(frozenset(order[:k]))
            found[player] += added / len(orders)
    return found
    ### END SOLUTION


# %%
checks.fair_shares(fair_shares)

# %% [markdown]
# ## What you know now
#
# * $\sum\mathrm{IG} = \Delta F$: to rounding for smooth networks, as $1/n$ for rectified ones.
# * Grad-CAM is the score itself where a mean and a linear layer end the network.
# * A map is scored, beside chance, beside a map that knows no network, and beside random weights.
# * Shapley divides exactly among modalities; what it divides has to be said.
# * Transfer takes labels from elsewhere; the modality gap shrinks as far as the loss asks, and no further.
#
# Read on in `mmscratch/explain/`, `tasks/explain/table.py`, `tasks/explain/scarcity.py`, `tasks/explain/gap.py`.
