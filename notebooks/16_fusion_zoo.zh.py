# %% [markdown]
# # 16 · 融合动物园
#
# **你能够** 分清早期、中间、晚期与混合融合（并指出综述把哪一种叫作晚期），证明只会相加的决策永远学不会什么，推导张量融合并说明低秩融合是同一个映射、只是权重更便宜，读懂门控，按泛化能力给几个损失分配权重，以及评判一个缺了模态的模型。
#
# **用时** 阅读约 45 分钟，笔记本电脑上计算约一分钟 · **数据** 无需下载 · **对应** 综述 §2.2 与 §7.1。

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
# ## 1 · 三个词，还有第四个
#
# §2.2 说融合有三种。*早期*：特征并排放好，再交给一个模型。*晚期*：每个模态先各自提特征，再合在一起往后送。*混合*：两者都用。
# 可是文献里（Atrey 等，2010；Baltrušaitis 等，2019）**晚期指的是把决策合在一起**：每个模态都有自己的模型，各自说出一个后验，相遇的只有后验。综述用这个名字描述的其实是 *中间*（特征级）融合。这不是口味问题：第 2 节会证明它们的差别。
#
# | | 相遇的是什么 | 库里的名字 |
# |---|---|---|
# | 早期 | 输入 | `early` |
# | 中间 | 特征 | `intermediate`、`tensor`、`low-rank`、`bilinear` 及其便宜的亲戚、`gated`、`mag`、`film` |
# | 晚期 | 决策 | `late-weighted`、`late-product`、`late-stacking` |
# | 混合 | 两者 | `hybrid` |
# | 多层次（§7.1） | 每一层 | `multi-level` |
# | 自适应（§7.1） | *这一行* 里有用的东西 | `attention`、`experts`，以及让序列互相注视的 `mult` |
#
# 它们共用一个接口：进去的是向量或序列，出来的是一个向量（晚期融合给出后验的对数）。

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
# ## 2 · 决策之和学不会的事
#
# 设第一个模态带着 $a=\pm1$，第二个带着 $b=\pm1$，四格等可能，答案是 $a\ne b$ 时 $y=1$（异或）。文字写着“天气真好”，图上在下雨：单看哪一边都看不出反讽。三个断言。
#
# **每个模态单独看，以及对两个精确后验的任何汇总：50 %。** 给定 $a$ 时，$b$ 的两个值等可能，所以 $p(y=1\mid a)=\tfrac12$；同理 $p(y=1\mid b)=\tfrac12$。一条只看这两个数的规则，在四格里看到的都一样，于是说的也都一样，只对两格。$\square$
#
# **任何和 $s = f(a)+g(b)$，不管怎样训练：最多 75 %。** 记 $t = 2y-1 = -ab$ 为 $s$ 应有的符号。对四格求和：
#
# $$\sum_{a,b} t\,s = -\sum_{a,b} ab\,\big(f(a)+g(b)\big) = -\sum_a a f(a)\underbrace{\sum_b b}_{0} - \sum_b b\,g(b)\underbrace{\sum_a a}_{0} = 0 .$$
#
# 要是四格全对，每个 $t\,s$ 都为正，和也就为正。所以至少错一格。$\square$ 三格是够得着的：$f=(-1,2)$，$g=(0,-3)$。
#
# **双线性分数：100 %。** $s=-ab$。
#
# 第一个断言说的是 *精确* 后验，第二个说的是 *任意* 函数：对专家乘积和堆叠（stacking），$\log p_1-\log p_0$ 是一个和；对加权平均，$p_1-\tfrac12$ 是一个和。

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
# 后门在这里：在合并后的特征 *上面* 加一层 relu，就能从和造出积（在这四格上 $|a+b|-1$ 就是 $ab$）。所以中间融合过得去，晚期融合过不去：关键在于 **做出决定之前**，有没有一层同时看到两边。
#
# ## 3 · 所有乘积：张量融合，和它便宜的孪生兄弟
#
# 张量融合（Zadeh 等，2017）在每个向量后面补一个 1，再取所有乘积：
#
# $$Z = \begin{bmatrix}x\\1\end{bmatrix}\otimes\begin{bmatrix}y\\1\end{bmatrix},\qquad h_k = \sum_{i,j} W_{kij}\,Z_{ij} + b_k .$$
#
# 补上的 1 保住了比乘积更简单的东西：$Z$ 里有每个 $x_iy_j$、每个 $x_i$、每个 $y_j$，还有 1。如果 $y$ 缺失（$y=0$），剩下的就是 $x$ 的线性映射，别的什么也没坏。
# 代价是 $H\prod_m(D_m+1)$ 个权重：对模态是 *连乘*。
#
# 低秩融合（Liu 等，2018）把权重写成 $W_k=\sum_{r\le R} u_{kr}\otimes v_{kr}$，从不造出 $Z$。**断言**：它是同一个映射。*证明*：固定一个 $k$，
#
# $$\sum_{i,j}\Big(\sum_r u_{ri}v_{rj}\Big)\tilde x_i\tilde y_j = \sum_r\Big(\sum_i u_{ri}\tilde x_i\Big)\Big(\sum_j v_{rj}\tilde y_j\Big) = \sum_r (u_r\cdot\tilde x)(v_r\cdot\tilde y). \qquad\square$$
#
# 求和与乘积换了位置，什么都没丢。它只要 $RH\sum_m(D_m+1)$ 个权重：对模态是 *连加*。$R$ 足够大时任何 $W$ 都是这种形式；$R$ 小，就是赌“相遇的方式”没有几种。
# 三个模态，大小为 8、6、4，用 float64：

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
# ## 4 · 该信谁，逐行决定
#
# 门控对每一行重新选择。三个例子：
#
# * **门控单元**（Arevalo 等，2017）：$z=\sigma(W_z[x;y])$，$h = z\odot\tanh(W_xx) + (1-z)\odot\tanh(W_yy)$：每个特征一个 0 到 1 之间的数。
# * **适应门**（MAG；Rahman 等，2020）：$\bar x = x + \alpha\,s$：其他模态可以把主导模态推开 $s$，但不超过它自身长度的一个比例。
# * **专家混合**（Jacobs 等，1991）：$h=\sum_k g_kE_k$，$g = \mathrm{softmax}(W_g[x;y])$，每个模态一个专家，再加一个同时看两边的专家。某个模态缺失时，它的专家的门恰好是 0。
#
# 来看最后一种。训练它的世界里两个模态说的是同一件事，并且不时去掉其中一个：

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
# ## 5 · 哪种融合学得会哪种世界
#
# 四个世界，我们知道每个模态各说了多少：**冗余**（两边都说出 $y$）、**独有**（只有第一个说）、**相加**（$a+b>0$ 时 $y=1$）、**协同**（异或）。信息埋在噪声里，放在没有对齐的短序列里。噪声是我们自己加的，所以贝叶斯规则算得出来：除了运气，没有方法能超过它。下面小跑一次，十种方法：

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
# 按列读。前三个世界里大家都差不多：在那里比较融合方法，比的是噪声。**只有协同把它们分开**，而且恰好按证明说的那样分开。完整的表（全部方法、三个种子、每个模态缺失时）由 `mmscratch table fusion` 给出，记在 `docs/results.md`。
#
# ## 6 · 梯度混合：听哪个损失的
#
# 同时看两个模态的网络，可能还不如只看较好那个模态的网络：它们学得有快有慢，死记硬背也有快有慢。除了联合的输出头，给每个模态也加一个自己的头，训练 $L=\sum_k w_kL_k$。$w$ 取多少？
# （Wang、Tran 与 Feiszli，2020。）沿每个损失走一步；设 $G_k$ 是它在留出数据上赢得的，过拟合是随机的 $o_k$，相互独立，均值为 0，$\mathbb E\,o_k^2=O_k^2$。混合之后，过拟合与所得之比是
#
# $$\mathbb E\Big(\frac{\sum_k w_ko_k}{\sum_k w_kG_k}\Big)^2 = \frac{\sum_k w_k^2O_k^2}{\big(\sum_k w_kG_k\big)^2}\ \ge\ \frac1{\sum_k G_k^2/O_k^2} .$$
#
# *证明*（柯西–施瓦茨）：$\big(\sum_k w_kG_k\big)^2=\big(\sum_k w_kO_k\cdot\tfrac{G_k}{O_k}\big)^2\le\sum_k w_k^2O_k^2\cdot\sum_k\tfrac{G_k^2}{O_k^2}$，等号在 $w_kO_k\propto G_k/O_k$ 时成立，也就是
#
# $$\boxed{\;w_k\propto\frac{G_k}{O_k^2}\;}\qquad\square$$
#
# 什么也没赢得的损失得 0；过拟合要算两次。

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
# 最后一行不是笔误，论文也没有提醒这一点。在异或上，单个模态的头什么也学不到；但它随机的起点比 $\ln 2$ 差一丝，于是“赢得”一丝，过拟合也只有一丝。**一丝除以一丝的平方，可以是任何数。** 这里联合的头照样学会了，因为 Adam 不在乎它那个损失的尺度；训练更久（`mmscratch table fusion` 的默认设置，种子 0）时，这样的头得到了 0。相信 $w$ 之前，先看看 $G$ 和 $O$。
#
# ## 7 · 缺了一个模态
#
# 麦克风坏了，帖子没有配图。库里的规矩：缺失的东西 *从不读取*（哪怕那里放着 NaN），融合看到的是零，并且知道它缺了。可是训练时从没遇到过这种事的网络，未必有准备。**模态丢弃**（Neverova 等，2016）在训练时随机去掉模态，但绝不全部去掉。三种情形，用与不用，旁边是贝叶斯规则：

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
# 两组特征上的线性层学到的是证据之和，少一部分也无妨。模态上的注意力可能学会只听其中一个；只剩另一个时，它去问一条从没教过的支路。模态互相重复时，这在训练里补得回来。只有合在一起才说明问题时，怎样训练也变不出不在那里的东西：贝叶斯规则自己就在 ½。**缺失模态的分数，旁边没有上限，就什么也没说。**
#
# ## §2.2 与 §7.1 该改正什么
#
# | 综述 | 应该是 |
# |---|---|
# | 晚期融合在提取之后合并 *特征* | 那是中间融合；晚期合并的是决策，而且是相加的 |
# | 混合融合兼有两者的优势 | 它是后验的加权平均：协同只能由其中的联合专家承担 |
# | “更有效的融合”：多层次、自适应 | 有效是对 *哪种交互* 而言？只有协同能分开各种方法；要说明是哪种世界、上限是多少 |
#
# ## 练习
#
# 在标记之间写代码，运行这一格，再运行下面的检查。
#
# **16.1** 一对向量的张量融合：`x` (D,)、`y` (E,) 和 `W` (H, D + 1, E + 1)，最后一行、最后一列对应补上的 1。


# %%
def all_products(x, y, W):
    """h, (H,)."""
    ### BEGIN SOLUTION
    return np.einsum("kij,i,j->k", W, np.append(x, 1), np.append(y, 1))
    ### END SOLUTION


# %%
checks.all_products(all_products)

# %% [markdown]
# **16.2** 低秩融合所代表的张量：由 `u` (R, H, D + 1) 与 `v` (R, H, E + 1) 求 W (H, D + 1, E + 1)。


# %%
def unfolded(u, v):
    """W, (H, D + 1, E + 1)."""
    ### BEGIN SOLUTION
    return np.einsum("rki,rkj->kij", u, v)
    ### END SOLUTION


# %%
checks.unfolded(unfolded)

# %% [markdown]
# **16.3** 混合的权重。已知每个损失在训练数据和留出数据上、之前（第 0 行）与之后（第 1 行）的值：`training`、`validation` (2, K)。$G$ 是在留出数据上赢得的（反而变大的算赢得 0），$O$ 是“留出 − 训练”之差扩大了多少。


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
# ## 现在你知道
#
# * 早期合并输入，中间合并特征，晚期合并决策，混合两者都有；综述所说的“晚期”是中间融合。
# * 异或上：单个模态和精确后验的任何汇总 50 %，任何和 75 %，乘积 100 %。
# * 低秩融合 *就是* 张量融合，权重是 $R$ 个外积之和：大小从连乘变成连加。
# * 门控逐行选择；缺失模态的专家沉默。
# * 冗余、独有、相加、协同之中，只有最后一种分得出融合方法的高下。
# * 按 $G/O^2$ 混合损失；训练时去掉模态；把上限写在旁边。
#
# 接着读 `mmscratch/models/fusion/`，一种方法一个文件；`data/regimes` 里有这些世界和它们的贝叶斯规则。第 17 课问：一个模态的哪一部分属于另一个模态的哪一部分。
