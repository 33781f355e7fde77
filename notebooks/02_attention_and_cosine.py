# %% [markdown]
# # 2 · Attention and cosine, line by line
#
# **You will be able to** compute attention by hand, say what the missing $\sqrt d$ costs, write the
# Jacobian of the softmax and the gradient of the cosine, mask correctly, and explain why a word vector
# cannot be compared with a picture's region before something is learned.
#
# **Time** about 40 minutes of reading, half a minute of computing on a laptop · **Data** none to download ·
# **Follows** §4.1 and §4.2 of the survey.

# %%
import inspect

import checks
import matplotlib.pyplot as plt
import numpy as np

import mmscratch as mm
from mmscratch import nn, ops, optim
from mmscratch.data import scenes
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.ops import similarity

mm.kernels.use("reference")  # the floor in plain NumPy: every kernel is its formula
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · The formula, and one example by hand
#
# A query asks, keys answer how well they fit, and the values are mixed in that proportion
# (Vaswani et al., 2017):
#
# $$P = \mathrm{softmax}\!\left(\frac{QK^{\mathsf T}}{\sqrt d}\right),\qquad O = PV,\qquad
# \mathrm{softmax}(s)_i = \frac{e^{s_i}}{\sum_j e^{s_j}} .$$
#
# The survey writes it without $\sqrt d$; section 3 shows what that does. One query $q = (1, 0)$, three keys:
#
# | key | value | $q\cdot k$ | $/\sqrt2$ | $\exp$ | weight |
# |---|---|---|---|---|---|
# | $(2, 0)$ | $(10, 0)$ | 2 | 1.41 | 4.11 | 0.58 |
# | $(0, 1)$ | $(0, 10)$ | 0 | 0 | 1.00 | 0.14 |
# | $(1, 1)$ | $(5, 5)$ | 1 | 0.71 | 2.03 | 0.28 |
#
# The exponentials sum to 7.14; divided by that, every weight lies in $[0, 1]$, as the survey says, and,
# which it does not say and which matters more, **together they are 1**. The output is
# $0.58\,(10, 0) + 0.14\,(0, 10) + 0.28\,(5, 5) = (7.18, 2.82)$:

# %%
q = np.array([[1.0, 0.0]])
k = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
v = np.array([[10.0, 0.0], [0.0, 10.0], [5.0, 5.0]])

e = np.exp(q @ k.T / np.sqrt(2))
p = e / e.sum()
print("by hand     weights", p.round(2)[0], " output", (p @ v).round(2)[0])
output, probability = ops.attention(q, k, v)
print("the library weights", probability.round(2)[0], " output", output.round(2)[0])

# %% [markdown]
# `ops.attention` runs one kernel. Its formula on the reference floor, and below it the **twin**: the same
# composed of plain operations, which is the test's witness that the kernel is right.

# %%
print(inspect.getsource(mm.kernels.floor("reference").attention))
print(inspect.getsource(ops.attention_twin))

# %%
x = [rng.normal(size=s) for s in ((2, 4), (3, 4), (3, 2))]
same = all(np.allclose(u, w) for u, w in zip(ops.attention(*x), ops.attention_twin(*x), strict=True))
print("kernel = twin:", same)
print("gradcheck:    ", mm.gradcheck(ops.attention, *x))

# %% [markdown]
# ## 2 · The Jacobian of the softmax
#
# From $p_i = e^{s_i}/\sum_j e^{s_j}$ follows $\partial p_i/\partial s_j = p_i(\delta_{ij} - p_j)$, or
#
# $$J = \mathrm{diag}(p) - p\,p^{\mathsf T}.$$
#
# Its rows sum to 0, since the weights always sum to 1: what one gains the others lose. Nobody builds this
# matrix in training. Backward needs only $J\,\mathrm dp$, and that is one line: $p \odot (\mathrm dp - \sum
# p\odot\mathrm dp)$.

# %%
print(inspect.getsource(ops.softmax))
print(inspect.getsource(mm.kernels.floor("reference").softmax_backward))

# %%
s = np.array([2.0, 1.0, 0.0])
p = ops.softmax(s)
formula = np.diag(p) - np.outer(p, p)
h = 1e-5
measured = np.stack([(ops.softmax(s + h * n) - ops.softmax(s - h * n)) / (2 * h) for n in np.eye(3)], axis=1)
print(formula.round(3))
print("largest difference from central differences below 1e-9:", np.abs(formula - measured).max() < 1e-9)
print("each row sums to 0:", np.allclose(formula.sum(axis=1), 0))
print("gradcheck:", mm.gradcheck(ops.softmax, s))

# %%
figure, axes = plt.subplots(1, 4, figsize=(9, 2.5), width_ratios=[1, 1, 1, 0.06])
for factor, ax in zip((1, 3, 9), axes, strict=False):
    p = ops.softmax(factor * np.array([1.0, 0.6, 0.2, -0.4]))
    image = ax.imshow(np.diag(p) - np.outer(p, p), cmap="RdBu", vmin=-0.25, vmax=0.25)
    ax.set(title=f"scores × {factor}\np = {p.round(2)}", xticks=[], yticks=[])
    ax.title.set_fontsize(8.5)
figure.colorbar(image, cax=axes[3], label="∂p/∂s")
plt.show()

# %% [markdown]
# The larger the scores, the nearer $p$ comes to a single 1, and the paler the matrix: **no gradient gets
# through**. Its trace, $\sum_i p_i(1 - p_i)$, measures how open the softmax still is.
#
# ## 3 · Why $\sqrt d$
#
# Let the entries of $q$ and $k$ be independent with mean 0 and variance 1. Then $q\cdot k$ is a sum of $d$
# products and has **variance $d$**: at $d = 512$ scores of ±22 are ordinary, and $e^{22}$ beats everything
# else. Dividing by
# $\sqrt d$ brings the variance back to 1, whatever $d$ is. With 49 keys, as many as a 7 × 7 grid of regions:

# %%
sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
measures = {"unscaled": [], "scaled": []}
for d in sizes:
    queries, keys = rng.normal(size=(400, d)), rng.normal(size=(400, 49, d))
    scores = np.einsum("nd,nkd->nk", queries, keys)
    for name, factor in (("unscaled", 1.0), ("scaled", d**-0.5)):
        p = ops.softmax(factor * scores)
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
        measures[name].append([p.max(axis=1).mean(), entropy.mean(), (p * (1 - p)).sum(axis=1).mean()])
measures = {name: np.array(rows) for name, rows in measures.items()}

print("        largest weight      entropy (≤ 3.89)    trace of the Jacobian")
print("   d    bare    scaled      bare    scaled      bare    scaled")
for i, d in enumerate(sizes):
    if d in (1, 8, 64, 512):
        u, w = measures["unscaled"][i], measures["scaled"][i]
        columns = "        ".join(f"{u[j]:.2f}    {w[j]:.2f}" for j in range(3))
        print(f"{d:4}    {columns}")

# %%
figure, axes = plt.subplots(1, 3, figsize=(9.5, 2.9))
colours = {"unscaled": "#c0392b", "scaled": "#2c7a4b"}
for name, rows in measures.items():
    for column, ax in zip((1, 2), axes, strict=False):
        ax.semilogx(sizes, rows[:, column], "o-", ms=4, color=colours[name], label=name)
axes[0].axhline(np.log(49), color="0.6", ls=":")
axes[0].text(1, np.log(49) - 0.06, "ln 49: all keys alike", fontsize=8, color="0.4", va="top")
axes[0].set(title="entropy of the weights", xlabel="d", ylim=(0, 4.2))
axes[1].set(title="trace of the Jacobian", xlabel="d", ylim=(0, 1.05))
axes[1].legend(frameon=False, loc="lower left")
one = rng.normal(size=(49, 64)) @ rng.normal(size=64)
for name, factor in (("unscaled", 1.0), ("scaled", 1 / 8)):
    axes[2].plot(np.sort(ops.softmax(factor * one))[::-1], color=colours[name])
axes[2].set(title="the 49 weights of one query, d = 64", xlabel="keys, best first")
for ax in axes:
    ax.title.set_fontsize(10)
plt.tight_layout()
plt.show()

# %% [markdown]
# Unscaled, one key takes nearly everything before anything has been learned, and hardly a tenth of the
# gradient is left. Scaled, width no longer matters.
#
# ## 4 · Masks, and what attention cannot see
#
# Sentences have different lengths; the padding must not be attended to. A masked score becomes $-\infty$
# **before** the softmax, so that the weights that remain still sum to 1. (Zeroing weights afterwards does
# not do that, and a score of 0 is no mask: $e^0 = 1$ is a perfectly good weight.) A *causal* mask lets
# position $i$ see only $j \le i$.

# %%
tokens = rng.normal(size=(6, 8))
words_only = np.array([True, True, True, True, False, False])  # two places of padding
views = {
    "no mask": ops.attention(tokens, tokens, tokens)[1],
    "padding masked": ops.attention(tokens, tokens, tokens, words_only)[1],
    "causal": ops.attention(tokens, tokens, tokens, causal=True)[1],
}
figure, axes = plt.subplots(1, 3, figsize=(8, 2.7))
for (name, weights), ax in zip(views.items(), axes, strict=True):
    ax.imshow(weights, cmap="viridis", vmin=0, vmax=1)
    ax.set(title=name, xlabel="key", ylabel="query", xticks=range(6), yticks=range(6))
plt.tight_layout()
plt.show()
print("every row sums to 1:", all(np.allclose(w.sum(axis=1), 1) for w in views.values()))
print("weight on padding:", views["padding masked"][:, 4:].max())

# %% [markdown]
# And order? Shuffle the keys together with their values: the output stays. Shuffle the queries: the output
# is shuffled likewise. Attention looks at a **set**. Whoever wants word order or place in the picture must
# put it into the vectors, as position encodings do.

# %%
order = rng.permutation(6)
plain = ops.attention(tokens, tokens, tokens)[0]
print(
    "keys shuffled, output as before:   ",
    np.allclose(ops.attention(tokens, tokens[order], tokens[order])[0], plain),
)
print(
    "queries shuffled, output likewise: ",
    np.allclose(ops.attention(tokens[order], tokens, tokens)[0], plain[order]),
)

# %% [markdown]
# ## 5 · The survey's cat and dog, with real vectors
#
# The survey's example: a picture shows a cat and a dog; the query is the word vector of *cat*, keys and
# values are the regions' features; so the output is mostly cat. Let us stage it. The **circle plays the
# cat, the square plays the dog**. The regions are real features, 8 cells of each picture, from a
# convolutional network that ships with the library (trained on attributes of scenes; lesson 5). The word
# vectors are drawn at random: nothing is known yet.

# %%
WORDS = scenes.SHAPES  # circle: the cat, square: the dog, and two more animals
pool = [scenes.sample_scene(seed, scenes.SceneOptions(count=2)) for seed in range(560)]
pool = [s for s in pool if s.objects[0].shape != s.objects[1].shape][:400]
pictures = scenes.render_all(pool)
pixels = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32) / 255
regions, cells = load_pretrained().regions(pixels, count=8, batch_size=32)
print("pictures", pictures.shape, " regions", regions.shape)

word_vectors = rng.normal(size=(4, 16))
cat = word_vectors[[WORDS.index("circle")]]
try:
    ops.attention(cat, regions[0].astype(float), regions[0].astype(float))
except ValueError as error:
    print(error)

# %% [markdown]
# That is the first thing the example passes over: 16 numbers learned from text and 130 numbers from a
# picture have **no dot product**. Equal widths would not help either. Entry 7 of a word vector and entry 7
# of a region have nothing to do with each other. Both must first be carried into a common space, by
# matrices that are **learned**:
#
# $$q = W_Q\,\text{word},\qquad k_i = W_K\,\text{region}_i,\qquad v_i = \text{region}_i .$$
#
# (The second thing: keys and values are not the same in general. Here keys are projected and values are
# not.)
#
# What should they learn from? Nobody tells the model where the cat is. We only ask **what colour** the
# named animal has, and a linear classifier must read the answer off the output $O$. To be right, attention
# has to find it.


# %%
class Asker(nn.Module):
    """A word looks for its region; the colour is read off what it found."""

    def __init__(self, generator):
        self.words = nn.Embedding(len(WORDS), 16, generator=generator)
        self.query = nn.Linear(16, 32, bias=False, generator=generator)  # W_Q
        self.key = nn.Linear(regions.shape[-1], 32, bias=False, generator=generator)  # W_K
        self.colour = nn.Linear(regions.shape[-1], len(scenes.COLOURS), generator=generator)

    def forward(self, word, seen):
        query = self.query(self.words(word)).unsqueeze(1)
        output, weights = ops.attention(query, self.key(seen), seen)
        return self.colour(output.squeeze(1)), output.squeeze(1), weights.squeeze(1)


# Two questions a picture, one for each of its objects; the last 80 pictures are for testing.
picture = np.repeat(np.arange(len(pool)), 2)
asked = [o for s in pool for o in s.objects]
word = np.array([WORDS.index(o.shape) for o in asked])
colour = np.array([scenes.COLOURS.index(o.colour) for o in asked])
place = scenes.object_cells(pool)[:, :2]  # where its centre is: for judging only, never for training
features = (regions / regions.std(axis=(0, 1), keepdims=True).clip(1e-6)).astype(np.float64)
train, test = np.arange(640), np.arange(640, 800)


def judge(model):
    """Share of test questions whose colour is right, and whose heaviest region is the named object's cell."""
    with mm.no_grad():
        logits, output, weights = model(word[test], mm.tensor(features[picture[test]]))
    found = cells[picture[test], weights.numpy().argmax(axis=1)]
    right = logits.numpy().argmax(axis=1) == colour[test]
    return right.mean(), (found == place.reshape(-1)[test]).mean(), weights.numpy(), output.numpy()


model = Asker(mm.Generator(1)).to("float64")
before = judge(model)
optimizer, shuffle = optim.Adam(model.parameters(), lr=0.01), mm.Generator(2)
for _ in range(30):
    for batch in np.split(train[shuffle.permutation(len(train))], 10):
        loss = ops.cross_entropy(model(word[batch], mm.tensor(features[picture[batch]]))[0], colour[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
after = judge(model)
print("             colour right   the named animal's cell is the heaviest")
print(f"untrained        {before[0]:4.0%}          {before[1]:4.0%}   (chance 1 in 8)")
print(f"trained          {after[0]:4.0%}          {after[1]:4.0%}")

# %%
actors = [i for i in range(320, 400) if {o.shape for o in pool[i].objects} == {"circle", "square"}][:2]
acts = [(before, "circle"), (before, "square"), (after, "circle"), (after, "square")]
titles = ["before: “cat”", "before: “dog”", "after: “cat”", "after: “dog”"]
figure, axes = plt.subplots(2, 5, figsize=(9, 4))
for row, i in zip(axes, actors, strict=True):
    row[0].imshow(pictures[i])
    shapes = [o.shape for o in pool[i].objects]
    for ax, (state, name) in zip(row[1:], acts, strict=True):
        light = np.zeros(64)
        light[cells[i]] = state[2][2 * (i - 320) + shapes.index(name)]
        light = np.sqrt(np.kron(light.reshape(8, 8), np.ones((8, 8))))[
            :, :, None
        ]  # the root shows small ones
        ax.imshow(pictures[i] / 255 * (0.12 + 0.88 * light))
for ax, title in zip(axes[0], ["circle = cat\nsquare = dog", *titles], strict=True):
    ax.set_title(title, fontsize=9)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
plt.tight_layout()
plt.show()

# %% [markdown]
# Before, the light is spread over all eight regions; after, it falls on the one that was named, though no
# one ever pointed at it. That is the survey's *implicit alignment* (§2.3) in its smallest form. And its
# last claim, that the cat's features prevail in $O$, can now be measured, by the other formula of this
# lesson:

# %%
where = cells[picture[test]]
own, other = place.reshape(-1)[test], place[:, ::-1].reshape(-1)[test]
both = np.flatnonzero((where == own[:, None]).any(1) & (where == other[:, None]).any(1))
seen = features[picture[test]]
for name, state in (("untrained", before), ("trained", after)):
    like = []
    for cell in (own, other):
        region = seen[both, (where[both] == cell[both, None]).argmax(axis=1)]
        like.append(ops.cosine_similarity(state[3][both], region).mean())
    print(f"{name:9}  cosine of O with the named animal {like[0]:.2f}, with the other {like[1]:.2f}")

# %% [markdown]
# ## 6 · Cosine
#
# $$\cos(a, b) = \frac{a\cdot b}{\lVert a\rVert\,\lVert b\rVert} \in [-1, 1]$$
#
# The survey's example is right: $a = (1, 0, 1)$ and $b = (0, 1, 1)$ have $a\cdot b = 1$ and lengths
# $\sqrt2$, so
# $\cos = 1/2$. The library makes unit vectors first and multiplies them:

# %%
a, b = np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])
hand = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
print("by hand", hand.round(3), " library", ops.cosine_similarity(a, b).round(3))
print(inspect.getsource(ops.cosine_similarity))
print(inspect.getsource(similarity.normalize_rows))

# %% [markdown]
# ### Its gradient is tangent
#
# With $\hat a = a/\lVert a\rVert$ and $\hat b = b/\lVert b\rVert$,
#
# $$\frac{\partial\cos}{\partial a} = \frac{\hat b - \cos(a, b)\,\hat a}{\lVert a\rVert},
# \qquad a\cdot\frac{\partial\cos}{\partial a} = \frac{\lVert a\rVert}{\lVert a\rVert}\,(\cos - \cos) = 0 .$$
#
# What of $\hat b$ points along $a$ is taken away; the rest turns $a$ towards $b$. The length of $a$ changes
# nothing, so no gradient points along it. And the longer $a$, the smaller the gradient: long vectors turn
# slowly. By hand, for the survey's pair: $\hat b - \tfrac12\hat a = \tfrac{1}{\sqrt2}(-\tfrac12, 1,
# \tfrac12)$, divided by $\sqrt2$:
# $(-0.25,\ 0.5,\ 0.25)$.

# %%
leaf = mm.tensor(a, requires_grad=True)
ops.cosine_similarity(leaf, b).backward()
print("gradient", leaf.grad.round(3), "  a · gradient is 0:", abs(float(a @ leaf.grad)) < 1e-12)
print("gradcheck", mm.gradcheck(ops.cosine_similarity, a, b))

# %%
ticks = np.linspace(-2, 2, 121)
plane = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
target = np.array([0.8, 0.6])
figure, ax = plt.subplots(figsize=(4.8, 4.2))
picture_of_cos = ops.cosine_similarity(plane, target).reshape(121, 121)
shown = ax.imshow(
    picture_of_cos, origin="lower", extent=(-2, 2, -2, 2), cmap="RdBu_r", alpha=0.6, vmin=-1, vmax=1
)
for radius in (0.6, 1.1, 1.7):
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    points = mm.tensor(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), requires_grad=True)
    ops.cosine_similarity(points, mm.tensor(target)).sum().backward()
    ax.plot(*(radius * np.stack([np.cos(ticks * np.pi / 2), np.sin(ticks * np.pi / 2)])), color="0.5", lw=0.6)
    ax.quiver(*points.data.T, *points.grad.T, angles="xy", scale_units="xy", scale=3, width=0.006)
ax.quiver(0, 0, *target, angles="xy", scale_units="xy", scale=1, color="#2c7a4b", width=0.012)
ax.text(*(target * 1.08), "b", color="#2c7a4b", weight="bold")
ax.set(xticks=[], yticks=[], title="cos(a, b) over the plane of a, and its gradient")
ax.title.set_fontsize(10)
figure.colorbar(shown)
plt.show()

# %% [markdown]
# Three more things that the survey does not say.
#
# **The zero vector has no direction.** The formula divides 0 by 0. The library bounds the length from
# below, so a zero vector has cosine 0 with everything, and no search result turns into *not a number*.
#
# **Cosine and distance rank alike, on unit vectors.** From $\lVert\hat a - \hat b\rVert^2 = 1 - 2\hat
# a\cdot\hat b + 1$:
#
# $$\lVert\hat a - \hat b\rVert^2 = 2 - 2\cos(a, b) .$$
#
# **The bare dot product ranks otherwise**: a long vector wins without being similar.

# %%
print("cosine with zero:", ops.cosine_similarity(np.zeros(3), b))
query = np.array([1.0, 0.5, -0.5])
database = np.array([[1.0, 0.5, -0.4], [0.2, 0.1, -0.1], [0.0, 1.0, 0.0], [6.0, -4.0, 3.0], [-1.0, 0.0, 1.0]])
unit, unit_query = ops.normalize(database), ops.normalize(query)
distance = ((unit - unit_query) ** 2).sum(axis=1)
cosines = ops.cosine_similarity(database, query)
print("‖â − b̂‖² = 2 − 2 cos:", np.allclose(distance, 2 - 2 * cosines))
print("nearest first, by cosine     ", np.argsort(-cosines))
print("nearest first, by distance   ", np.argsort(distance))
print("nearest first, by dot product", np.argsort(-(database @ query)), " (vector 3 is the long one)")

# %% [markdown]
# ## What to correct in §4
#
# | the survey says | what we found |
# |---|---|
# | weights are $\mathrm{softmax}(QK^{\mathsf T})$ | divide by $\sqrt d$, or the softmax is shut before training begins |
# | softmax brings the weights into $[0, 1]$ | and makes each row **sum to 1**; inside, a weight is never exactly 0 unless masked |
# | the query can be the word vector of *cat*, keys the regions' features | two spaces: learned $W_Q$, $W_K$ come between |
# | one pair $(K, V)$ from the same features | they may be projected differently; $K \ne V$ in general |
# | cosine measures likeness of direction | true; but it is undefined at 0, lies in $[-1, 1]$, and says nothing about length |
#
# ## Exercises
#
# **2.1** The softmax backwards: from the weights `p` and the gradient `dp` of the loss with respect to them
# (both with rows along the last axis) to the gradient with respect to the scores. Do not build the
# Jacobian.


# %%
def scores_gradient(p, dp):
    """p, dp (…, K) → ∂L/∂scores (…, K)."""
    ### BEGIN SOLUTION
    return p * (dp - (p * dp).sum(axis=-1, keepdims=True))
    ### END SOLUTION


# %%
checks.scores_gradient(scores_gradient)

# %% [markdown]
# **2.2** Masked weights: softmax over the last axis where `mask` is True, exactly 0 elsewhere. A row in
# which nothing is allowed is all zeros. Scores may be in the thousands.


# %%
def masked_weights(scores, mask):
    """scores (…, K), mask bool of the same shape → weights (…, K)."""
    ### BEGIN SOLUTION
    top = np.where(mask, scores, -np.inf).max(axis=-1, keepdims=True)
    e = np.where(mask, np.exp(np.minimum(scores - np.where(np.isfinite(top), top, 0), 0)), 0)
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)
    ### END SOLUTION


# %%
checks.masked_weights(masked_weights)

# %% [markdown]
# **2.3** The gradient of $\cos(a, b)$ with respect to $a$, from the formula above, for two vectors that are
# not zero.


# %%
def cosine_gradient(a, b):
    """a, b (D,) → ∂cos/∂a (D,)."""
    ### BEGIN SOLUTION
    length = np.linalg.norm(a)
    a_hat, b_hat = a / length, b / np.linalg.norm(b)
    return (b_hat - (a_hat @ b_hat) * a_hat) / length
    ### END SOLUTION


# %%
checks.cosine_gradient(cosine_gradient)

# %% [markdown]
# **2.4** Search: the row numbers of the `count` rows of `database` with the greatest cosine to `query`,
# best first. The database may hold a zero row; it has cosine 0.


# %%
def most_similar(query, database, count):
    """query (D,), database (N, D) → row numbers (count,)."""
    ### BEGIN SOLUTION
    lengths = np.linalg.norm(database, axis=1)
    cosines = database @ query / np.where(lengths == 0, 1, lengths)
    return np.argsort(-cosines, kind="stable")[:count]
    ### END SOLUTION


# %%
checks.most_similar(most_similar)
