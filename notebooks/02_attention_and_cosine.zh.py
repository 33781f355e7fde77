# %% [markdown]
# # 2 · 注意力与余弦，逐行推导
#
# **学完这一课，你能够** 手算注意力，说出少写一个 $\sqrt d$ 的代价，写出 softmax 的雅可比矩阵和余弦的梯度，正确地使用掩码，并解释为什么在学到任何东西之前，词向量不能和图像区域直接比较。
#
# **用时** 阅读约 40 分钟，笔记本电脑上计算约半分钟 · **数据** 无需下载 · **对应** 综述第 4.1、4.2 节。

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
# ## 1 · 公式，以及一个手算的例子
#
# 查询（query）发问，键（key）回答自己有多契合，值（value）再按这个比例混合（Vaswani 等，2017）：
#
# $$P = \mathrm{softmax}\!\left(\frac{QK^{\mathsf T}}{\sqrt d}\right),\qquad O = PV,\qquad
# \mathrm{softmax}(s)_i = \frac{e^{s_i}}{\sum_j e^{s_j}} .$$
#
# 综述的公式里没有 $\sqrt d$，第 3 节会看到后果。一个查询 $q = (1, 0)$，三个键：
#
# | 键 | 值 | $q\cdot k$ | $/\sqrt2$ | $\exp$ | 权重 |
# |---|---|---|---|---|---|
# | $(2, 0)$ | $(10, 0)$ | 2 | 1.41 | 4.11 | 0.58 |
# | $(0, 1)$ | $(0, 10)$ | 0 | 0 | 1.00 | 0.14 |
# | $(1, 1)$ | $(5, 5)$ | 1 | 0.71 | 2.03 | 0.28 |
#
# 三个指数之和为 7.14，各自除以它，每个权重便落在 $[0, 1]$ 内，这一点综述说了；更要紧的一点它没有说：**权重之和为 1**。输出是 $0.58\,(10, 0) + 0.14\,(0, 10) + 0.28\,(5, 5) = (7.18, 2.82)$：

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
# `ops.attention` 背后是一个计算核（kernel）。先看它在参考实现里的公式，再看它的 **孪生版本**（twin）：同一件事用普通运算拼出来，测试拿它作证，检验计算核没有算错。

# %%
print(inspect.getsource(mm.kernels.floor("reference").attention))
print(inspect.getsource(ops.attention_twin))

# %%
x = [rng.normal(size=s) for s in ((2, 4), (3, 4), (3, 2))]
same = all(np.allclose(u, w) for u, w in zip(ops.attention(*x), ops.attention_twin(*x), strict=True))
print("kernel = twin:", same)
print("gradcheck:    ", mm.gradcheck(ops.attention, *x))

# %% [markdown]
# ## 2 · softmax 的雅可比矩阵
#
# 由 $p_i = e^{s_i}/\sum_j e^{s_j}$ 得 $\partial p_i/\partial s_j = p_i(\delta_{ij} - p_j)$，即
#
# $$J = \mathrm{diag}(p) - p\,p^{\mathsf T}.$$
#
# 它每一行之和都是 0，因为权重总和恒为 1：一方所得即他方所失。训练时没有人真的去造这个矩阵。反向传播只要 $J\,\mathrm dp$，一行就够：$p \odot (\mathrm dp - \sum p\odot\mathrm dp)$。

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
# 分数越大，$p$ 越接近单独的一个 1，矩阵的颜色就越淡：**梯度过不去了**。矩阵的迹 $\sum_i p_i(1 - p_i)$ 可以衡量 softmax 这扇门还开着多大。
#
# ## 3 · 为什么要除以 $\sqrt d$
#
# 设 $q$ 与 $k$ 的各分量相互独立，均值 0，方差 1。$q\cdot k$ 是 $d$ 个乘积之和，**方差为 $d$**：$d = 512$ 时，±22 的分数稀松平常，而 $e^{22}$ 足以压倒其余一切。除以 $\sqrt d$，方差就回到 1，与 $d$ 无关。取 49 个键，正好是 7 × 7 的区域网格：

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
# 不做缩放，什么都还没学，一个键就几乎独占了全部权重，梯度只剩下约十分之一。做了缩放，向量多宽都不要紧。
#
# ## 4 · 掩码，以及注意力看不见的东西
#
# 句子长短不一，补齐用的空位不该被注意到。做法是在 softmax **之前** 把被遮住的分数换成 $-\infty$，这样留下的权重之和仍是 1。（事后把权重清零做不到这一点；把分数置 0 更不算遮住，因为 $e^0 = 1$ 是个再正常不过的权重。）*因果* 掩码只让位置 $i$ 看见 $j \le i$。

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
# 那么次序呢？把键连同对应的值一起打乱，输出不变；把查询打乱，输出跟着同样打乱。注意力看到的是一个 **集合**。想让它知道词序或者画面中的位置，就得把这些信息放进向量里，位置编码正是为此而设。

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
# ## 5 · 综述里的猫和狗，换上真正的向量
#
# 综述举的例子：图像里有一只猫和一只狗；查询是“猫”的词向量，键和值是各区域的特征；于是输出里猫的成分居多。我们把这出戏排一遍。**圆形扮猫，正方形扮狗**。区域用的是真实特征：每幅画取 8 个格子，由随库附带的卷积网络算出（它在 scenes 世界的属性上训练过，见第 5 课）。词向量则随机抽取：此时还一无所知。

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
# 例子略过的第一件事就在这里：从文字来的 16 个数和从图像来的 130 个数，**根本没有点积可言**。就算宽度相同也无济于事：词向量的第 7 个分量和区域的第 7 个分量毫不相干。两者要先各自被带进一个公共空间，靠的是 **学出来的** 矩阵：
#
# $$q = W_Q\,\text{word},\qquad k_i = W_K\,\text{region}_i,\qquad v_i = \text{region}_i .$$
#
# （第二件事：键和值一般并不相同。这里键经过投影，值没有。）
#
# 从哪里学呢？没有人告诉模型猫在哪儿。我们只问被点名的动物是 **什么颜色**，并且要求一个线性分类器从输出 $O$ 里读出答案。要答对，注意力就必须找到它。


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
# 训练前，光均匀地散在八个区域上；训练后，它落在被点名的那一个上，尽管从来没有人给它指过。这就是综述 §2.3 所说 *隐式对齐* 的最小样例。综述的最后一句“猫的特征占比较高”，现在也能量一量了，用的正是本课的另一个公式：

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
# ## 6 · 余弦
#
# $$\cos(a, b) = \frac{a\cdot b}{\lVert a\rVert\,\lVert b\rVert} \in [-1, 1]$$
#
# 综述的例子是对的：$a = (1, 0, 1)$ 与 $b = (0, 1, 1)$ 的点积为 1，长度都是 $\sqrt2$，所以 $\cos = 1/2$。库里的做法是先化成单位向量再相乘：

# %%
a, b = np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])
hand = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
print("by hand", hand.round(3), " library", ops.cosine_similarity(a, b).round(3))
print(inspect.getsource(ops.cosine_similarity))
print(inspect.getsource(similarity.normalize_rows))

# %% [markdown]
# ### 它的梯度是切向的
#
# 记 $\hat a = a/\lVert a\rVert$，$\hat b = b/\lVert b\rVert$，则
#
# $$\frac{\partial\cos}{\partial a} = \frac{\hat b - \cos(a, b)\,\hat a}{\lVert a\rVert},
# \qquad a\cdot\frac{\partial\cos}{\partial a} = \frac{\lVert a\rVert}{\lVert a\rVert}\,(\cos - \cos) = 0 .$$
#
# 从 $\hat b$ 里去掉沿 $a$ 的那一份，剩下的把 $a$ 转向 $b$。$a$ 的长短不影响余弦，所以梯度在 $a$ 的方向上没有分量；而且 $a$ 越长，梯度越小：长向量转得慢。用综述那一对手算：$\hat b - \tfrac12\hat a = \tfrac{1}{\sqrt2}(-\tfrac12, 1, \tfrac12)$，再除以 $\sqrt2$，得 $(-0.25,\ 0.5,\ 0.25)$。

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
# 还有三件事综述没有提。
#
# **零向量没有方向。** 公式变成 0 除以 0。库里给长度设了下限，所以零向量与任何向量的余弦都是 0，检索结果里不会冒出 *NaN*。
#
# **对单位向量来说，按余弦排序与按距离排序是一回事。** 因为 $\lVert\hat a - \hat b\rVert^2 = 1 - 2\hat a\cdot\hat b + 1$：
#
# $$\lVert\hat a - \hat b\rVert^2 = 2 - 2\cos(a, b) .$$
#
# **只用点积，排法就不同了**：长向量不必相似也能取胜。

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
# ## 第 4 节该怎样订正
#
# | 综述的说法 | 我们的发现 |
# |---|---|
# | 权重是 $\mathrm{softmax}(QK^{\mathsf T})$ | 要除以 $\sqrt d$，否则训练还没开始 softmax 就已经关死 |
# | softmax 把权重归一化到 $[0, 1]$ | 还要加上每行 **之和为 1**；没有被遮住的权重绝不会恰好为 0 |
# | 查询可以是“猫”的词向量，键是各区域的特征 | 它们分属两个空间，中间需要学出来的 $W_Q$、$W_K$ |
# | 同一批特征充当一对 $(K, V)$ | 键和值可以有各自的投影，一般 $K \ne V$ |
# | 余弦衡量方向是否相似 | 没错；但它在零向量处无定义，取值在 $[-1, 1]$，对长度不置一词 |
#
# ## 练习
#
# **2.1** softmax 的反向：已知权重 `p` 和损失对权重的梯度 `dp`（最后一轴为一行），求损失对分数的梯度。不要构造雅可比矩阵。


# %%
def scores_gradient(p, dp):
    """p, dp (…, K) → ∂L/∂scores (…, K)."""
    ### BEGIN SOLUTION
    return p * (dp - (p * dp).sum(axis=-1, keepdims=True))
    ### END SOLUTION


# %%
checks.scores_gradient(scores_gradient)

# %% [markdown]
# **2.2** 带掩码的权重：在 `mask` 为 True 处沿最后一轴做 softmax，其余位置恰好为 0。若一行里一个都不许看，就全为 0。分数可能大到几千。


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
# **2.3** 按上面的公式写出 $\cos(a, b)$ 对 $a$ 的梯度，两个向量都不为零。


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
# **2.4** 检索：返回 `database` 中与 `query` 余弦最大的 `count` 行的行号，最好的在前。库里可能有一行全零，它的余弦算作 0。


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
