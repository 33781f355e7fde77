# %% [markdown]
# # 17 · 对齐：谁属于谁
#
# **你能够** 区分“以对齐为目标”和“对齐只是副产品”，用确定与可能两种链接计算对齐错误率，推导时间规整的动态规划并画出路径，推导 IBM 模型 1 的 EM 并证明似然从不下降，用 Sinkhorn 迭代让运输方案的两个边缘都精确成立，以及不逐条列举就把 CTC 的所有路径加起来。
#
# **用时** 阅读约 50 分钟，笔记本电脑上计算约半分钟 · **数据** 无需下载 · **对应** 综述 §2.3。

# %%
import itertools

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch.alignment import (
    IBM1,
    collapsed,
    ctc_loss,
    ctc_occupancy,
    dtw,
    forced_alignment,
    links_above,
    sinkhorn,
    soft_alignment,
)
from mmscratch.data import scenes
from mmscratch.data.scenes import COLOURS
from mmscratch.metrics.alignment import alignment_scores, best_threshold, pointing
from mmscratch.tasks.alignment.sound import costs, load_sounds
from mmscratch.tasks.alignment.words import WORD_METHODS, load_words
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY, GOLD = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d", "#b7950b"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · 两个词，一把尺子
#
# §2.3 按 *手段* 区分两种对齐：显式靠规则或知识库，隐式靠学习。文献（Baltrušaitis 等，2019）按 *目标* 区分：**显式** 对齐就是想要的结果，**隐式** 对齐是别的事情（翻译、排序）的副产品。时间规整既不学习也不懂任何规则，可见两种用法并不一样。我们不必争论：在我们的世界里真相是已知的，所以全部方法可以用同一把尺子量。
#
# 描述里的一个词属于一个物体。有些链接是 **确定的**（$S$）：短语只符合一个物体，其中的“red”。有些只是 **可能的**（$P\supseteq S$）：冠词，或者符合两个物体的短语。对一种方法给出的链接 $A$（Och 与 Ney，2003）
#
# $$\mathrm{precision}=\frac{|A\cap P|}{|A|},\qquad \mathrm{recall}=\frac{|A\cap S|}{|S|},\qquad \mathrm{AER}=1-\frac{|A\cap S|+|A\cap P|}{|A|+|S|}.$$
#
# 漏掉可能的链接不扣分，说出来也不扣分。$S=P$ 时 AER 就是 $1-F_1$：代入 $A\cap S=A\cap P$ 比较即可。

# %%
train, held, tested = load_words(0, train=250, val=25, test=50)
pair = next(p for p in tested if len(p.order) == 4 and (p.possible & ~p.sure).any())


def matrix(ax, weights, pair, title):
    """Weights of words (columns) on objects (rows); a box where a link is sure, dots where possible."""
    ax.imshow(np.asarray(weights, float).T, vmin=0, vmax=1, cmap="Greens", aspect="auto")
    for j, i in np.argwhere(pair.possible):
        sure = pair.sure[j, i]
        box = plt.Rectangle(
            (j - 0.5, i - 0.5), 1, 1, fill=False, ec="#e67e22", ls="-" if sure else ":", lw=1.5
        )
        ax.add_patch(box)
    ax.set(xticks=range(len(pair.tokens)), yticks=range(len(pair.order)))
    ax.set_xticklabels(pair.tokens, rotation=90, fontsize=7)
    ax.set_yticklabels([" ".join(a[::-1]) for a in pair.attributes], fontsize=7)
    ax.set_title(title, fontsize=9)


figure, axes = plt.subplots(1, 2, figsize=(11, 2.9), width_ratios=[1, 3.2])
axes[0].imshow(scenes.render(pair.scene))
axes[0].set(xticks=[], yticks=[])
matrix(axes[1], pair.sure, pair, "the truth: sure (box) and possible (dots)")
plt.tight_layout()
plt.show()
A = pair.sure.copy()
A[np.argwhere(pair.sure)[0][0]] = False  # one sure link is not found
A |= pair.possible & ~pair.sure  # all possible ones are said
by_hand = 1 - ((A & pair.sure).sum() + (A & pair.possible).sum()) / (A.sum() + pair.sure.sum())
scores = alignment_scores([A], [pair.sure], [pair.possible])
print({name: round(value, 4) for name, value in scores.items()}, " by hand:", round(float(by_hand), 4))

# %% [markdown]
# ## 2 · 规整：最便宜的走法
#
# 两个序列以不同的速度说同一件事；$d_{ij}$ 是把一边的第 $i$ 个单元和另一边的第 $j$ 个单元当作同一个的代价。路径从 $(1,1)$ 走到 $(I,J)$，每一步在一边或两边前进。这样的路径数目按 $5.8^{n}$ 增长。但设 $g_{ij}$ 是 *到* $(i,j)$ 最便宜的走法：最后一步来自三个格子之一，而之前那一段本身也必须最便宜（否则可以换上更便宜的）：
#
# $$\boxed{\;g_{ij}=d_{ij}+\min\big(g_{i-1,j-1},\ g_{i-1,j},\ g_{i,j-1}\big)\;}\qquad g_{11}=d_{11}.$$
#
# 一共 $IJ$ 步，再沿着最小值往回走，就得到路径（Sakoe 与 Chiba，1978）。


# %%
def all_paths(i, j):
    """Every monotone path from (0, 0) to (i, j)."""
    if i < 0 or j < 0:
        return []
    if (i, j) == (0, 0):
        return [[(0, 0)]]
    before = all_paths(i - 1, j - 1) + all_paths(i - 1, j) + all_paths(i, j - 1)
    return [[*path, (i, j)] for path in before]


d = rng.random((5, 6))
every = all_paths(4, 5)
listed = min(sum(d[cell] for cell in path) for path in every)
print(
    len(every), "paths of a 5 × 6 table; the cheapest as the programme says:", np.isclose(dtw(d).cost, listed)
)

# %% [markdown]
# 来自我们世界的一个例子：场景里的物体从左到右依次发声，音高由颜色决定；一道幕布把同一个场景在视频里从左到右揭开，快慢不均。$d$ 是一减去 *刚听到的* 与 *刚出现的* 的余弦。**软** 规整（Cuturi 与 Blondel，2017）用 $-\gamma\ln\sum e^{-\cdot/\gamma}$ 代替最小值；它对 $d_{ij}$ 的梯度是一个概率 $e_{ij}$：按权重 $e^{-\mathrm{cost}/\gamma}$ 抽取的路径经过这一格的概率。

# %%
_, _, sounds = load_sounds(0, train=10, val=10, test=10)
heard = next(s for s in sounds if len(s.colours) == 4)
cost = costs(heard)
warp = dtw(cost)
figure, axes = plt.subplots(1, 4, figsize=(13, 3.3), sharey=True)
axes[0].imshow(cost, cmap="Greys_r", aspect="auto")
axes[0].plot(warp.path[:, 1], warp.path[:, 0], color=RED, lw=2)
axes[0].set(title="cost d, and the cheapest path", ylabel="frame of the sound")
axes[1].imshow(warp.table, cmap="viridis", aspect="auto")
axes[1].plot(warp.path[:, 1], warp.path[:, 0], color="w", lw=1)
axes[1].set(title="cheapest way to each cell, g")
for ax, gamma in zip(axes[2:], (0.02, 0.5), strict=True):
    ax.imshow(soft_alignment(cost, gamma), vmin=0, vmax=1, cmap="Greens", aspect="auto")
    ax.set(title=f"soft paths, γ = {gamma}")
for ax in axes:
    ax.set(xlabel="frame of the clip")
    ax.title.set_fontsize(9)
    for k in range(4):  # where the newest object of the clip changes, and where a note begins
        new, note = np.flatnonzero(heard.shown == k), np.flatnonzero(heard.sure[:, k])
        if len(new) and len(note):
            ax.plot(new[0], note[0], "o", mfc="none", mec="#e67e22", ms=9, mew=2)
plt.tight_layout()
plt.show()
e = soft_alignment(cost, 1e-4)
on = np.zeros(cost.shape, bool)
on[tuple(warp.path.T)] = True
print("γ → 0: the mass of the soft paths costs what the cheapest one costs:",
      np.isclose((e * cost).sum(), warp.cost, atol=1e-2))  # fmt: skip
print("the path is monotone:", bool((np.diff(warp.path, axis=0) >= 0).all()))

# %% [markdown]
# 圆圈：一个物体的音符与它的出现。路径经过其中大多数，而没有人告诉过它任何一个。
#
# ## 3 · 模型 1：用 EM 把词当作翻译
#
# 没有顺序，也还知道 *谁和谁一起出现*。IBM 模型 1（Brown 等，1993）：每个词 $f_j$ 先在另一边等可能地挑一个单元 $e_i$（某个物体的属性，或空单元 $e_0$），再由 $t(f\mid e)$ 产生自己。它挑了哪一个，即 $a_j$，是隐藏的：
#
# $$P(f\mid e)\ \propto\ \prod_{j}\sum_{i=0}^{I} t(f_j\mid e_i).$$
#
# （这是对 $(I+1)^J$ 种对齐求和，但每个 $j$ 各挑各的，所以成了许多小和的乘积。）**EM**：在现有的 $t$ 之下，$f_j$ 有多大可能来自 $e_i$？把这些份额当作观测来计数，再归一化：
#
# $$q_j(i)=\frac{t(f_j\mid e_i)}{\sum_k t(f_j\mid e_k)},\qquad c(f\mid e)=\sum_{\text{pairs}}\sum_{j:\,f_j=f}\ \sum_{i:\,e_i=e} q_j(i),\qquad t(f\mid e)\leftarrow\frac{c(f\mid e)}{\sum_{f'}c(f'\mid e)} .$$
#
# **断言**：$\ln P$ 从不下降。*证明*：对任意新的 $t'$，由 Jensen 不等式，
#
# $$\ln\sum_i t'(f_j\mid e_i)=\ln\sum_i q_j(i)\frac{t'(f_j\mid e_i)}{q_j(i)}\ \ge\ \sum_i q_j(i)\ln\frac{t'(f_j\mid e_i)}{q_j(i)},$$
#
# 在 $t'=t$ 处取等号，因为那时分式与 $i$ 无关。对所有词求和，右边等于 $\sum_{e,f}c(f\mid e)\ln t'(f\mid e)$ 加一个常数，它在 $t'$ 等于归一化的 $c$ 时最大（Gibbs）。所以 M 步抬高了一个在 $t$ 处与 $\ln P$ 相切的下界。$\square$ 又因为 $\ln\sum_i t$ 对 $t$ 是凹的，不存在会爬错的山头。

# %%
flat = [[value for attributes in p.attributes for value in attributes] for p in train]
words = [p.tokens for p in train]
model = IBM1().fit(flat, words, iterations=20)
climb = np.array(model.log_likelihood) / sum(map(len, words))
figure, axes = plt.subplots(1, 2, figsize=(12, 4), width_ratios=[1, 1.9])
axes[0].plot(climb, "o-", color=GREEN, ms=4)
axes[0].set(xlabel="iteration", ylabel="ln P per word, nats")
t, sources, targets = model.t, ["(nothing)", *model.sources[1:]], model.targets
axes[1].imshow(t, cmap="Greens", aspect="auto", vmin=0, vmax=1)
axes[1].set(xticks=range(len(targets)), yticks=range(len(sources)), title="t(word | attribute)")
axes[1].set_xticklabels(targets, rotation=90, fontsize=7)
axes[1].set_yticklabels(sources, fontsize=7)
plt.tight_layout()
plt.show()
print("ln P never falls:", bool((np.diff(model.log_likelihood) >= -1e-9).all()))
print("rows of t sum to 1:", np.allclose(t.sum(1), 1))
learnt = {e: targets[t[1 + k].argmax()] for k, e in enumerate(model.sources[1:])}
print("the colours' best words:", {c: learnt[c] for c in COLOURS})

# %% [markdown]
# 没有人说过“red”就是红色。不属于任何东西的词（冠词、“and”、逗号）归了空单元，也归了“small”和“big”：这些描述从不提大小，所以它们和空单元一样，每句话里都在场。但词只认得 *属性*：有两个红色物体时，它说一半一半。这时顺序或边缘约束就有用了。
#
# ## 4 · 运输：谁也不能剩下
#
# 在物体上做 softmax，十个词可以挤在一个物体上，另一个无人问津。**运输方案** $P\ge0$ 的两个边缘都是固定的：行和为 $a$，列和为 $b$。带熵奖励的最便宜方案（Cuturi，2013）
#
# $$\min_P\ \langle P,C\rangle-\varepsilon H(P),\qquad P\mathbf 1=a,\quad P^{\mathsf T}\mathbf 1=b ,$$
#
# 形式很简单。令拉格朗日函数的导数为零：$C_{ji}+\varepsilon\ln P_{ji}-f_j-g_i=0$，于是
#
# $$P_{ji}=e^{f_j/\varepsilon}\;e^{-C_{ji}/\varepsilon}\;e^{g_i/\varepsilon}:$$
#
# 就是矩阵 $e^{-C/\varepsilon}$ 的每一行、每一列各乘一个数。**Sinkhorn 迭代** 先缩放各行使行和为 $a$，再缩放各列使列和为 $b$，这会稍稍弄坏行和，如此反复。只缩放一次行，*就是* softmax：注意力是停在第一个半步的 Sinkhorn。

# %%
n = 6
x, z = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) * 0.8
z[0] = 0  # in the middle: near to everything
C = ((x[:, None] - z) ** 2).sum(2)


def by_row(C, epsilon):
    """A softmax of each row, rows of sum 1/n."""
    w = np.exp(-(C - C.min(1, keepdims=True)) / epsilon)
    return w / w.sum(1, keepdims=True) / len(C)


best = min(itertools.permutations(range(n)), key=lambda p: C[range(n), p].sum())
figure, axes = plt.subplots(1, 5, figsize=(13, 2.8), width_ratios=[1, 1, 1, 1, 1.5])
axes[0].imshow(by_row(C, 0.5) * n, vmin=0, vmax=1, cmap="Blues")
axes[0].set_title("softmax, ε = 0.5", fontsize=9)
plans = {}
for ax, epsilon in zip(axes[1:4], (5.0, 0.5, 0.01), strict=True):
    plans[epsilon] = sinkhorn(C, epsilon)
    ax.imshow(plans[epsilon].plan * n, vmin=0, vmax=1, cmap="Greens")
    ax.set_title(f"Sinkhorn, ε = {epsilon:g}", fontsize=9)
axes[3].plot(best, range(n), "o", mfc="none", mec="#e67e22", ms=11, mew=2)
for ax in axes[:4]:
    ax.set(xticks=[], yticks=[], xlabel="one side", ylabel="the other")
width = 0.38
axes[4].bar(np.arange(n) - width / 2, by_row(C, 0.5).sum(0) * n, width, color=BLUE, label="softmax")
axes[4].bar(np.arange(n) + width / 2, plans[0.5].plan.sum(0) * n, width, color=GREEN, label="Sinkhorn")
axes[4].axhline(1, color="k", ls=":")
axes[4].set_title("how much each column is used", fontsize=9)
axes[4].legend(frameon=False, fontsize=8)
plt.tight_layout()
plt.show()
for epsilon, plan in plans.items():
    margins = max(np.abs(plan.plan.sum(1) - 1 / n).max(), np.abs(plan.plan.sum(0) - 1 / n).max())
    print(f"ε = {epsilon:g}: margins exact to 1e-8:", bool(margins < 1e-8))
print("ε → 0 is the best assignment:", np.array_equal(plans[0.01].plan.argmax(1), best))
print("ε → ∞ is a bᵀ:", np.allclose(sinkhorn(C, 1e5).plan, 1 / n**2, atol=1e-5))

# %% [markdown]
# ## 5 · CTC：只知道顺序
#
# 有声音的帧，有听到了什么的列表，没有时间。每一帧 $t$ 对各个标签和空白“–”说出 $y_t(k)$。读一条路径时先合并重复、再去掉空白：B(a a – a b b) = a a b。一个列表的概率是 *所有* 读作它的路径之和：
#
# $$p(l\mid x)=\sum_{\pi:\,B(\pi)=l}\ \prod_t y_t(\pi_t).$$
#
# 这又是规整，只是用和代替最小值：在标签周围放上空白，$l' = (–,l_1,–,l_2,–)$，沿 $l'$ 每次走 0、1 或 2 格，走 2 格只能是跨过不同标签之间的空白（Graves 等，2006）：
#
# $$\alpha_t(s)=\big(\alpha_{t-1}(s)+\alpha_{t-1}(s-1)+[\,l'_s\ne –,\ l'_s\ne l'_{s-2}\,]\;\alpha_{t-1}(s-2)\big)\,y_t(l'_s).$$
#
# $\ln p$ 对 $\ln y_t(k)$ 的梯度，是路径在第 $t$ 帧说 $k$ 的概率：和第 2 节一样，**软对齐就是梯度**。

# %%
y = rng.dirichlet(np.full(3, 0.7), size=7)  # seven frames; blank, a, b
target = [1, 1, 2]
listed = [p for p in itertools.product(range(3), repeat=7) if collapsed(p) == target]
p = sum(np.prod(y[np.arange(7), list(path)]) for path in listed)
leaf = Tensor(np.log(y)[:, None], requires_grad=True)
loss = ctc_loss(leaf, np.array([target]), np.array([7]), np.array([3]), reduction="sum")
loss.backward()
share = (
    np.array(
        [
            [sum(np.prod(y[np.arange(7), list(q)]) for q in listed if q[t] == k) for k in range(3)]
            for t in range(7)
        ]
    )
    / p
)
print(f"{len(listed)} of {3**7} paths are read as a a b; −ln of their sum is the loss:",
      np.isclose(loss.item(), -np.log(p), rtol=1e-10))  # fmt: skip
print("−gradient = how probably a path says k in frame t:", np.allclose(-leaf.grad[:, 0], share, atol=1e-10))

T = 40
centres, labels = (5, 14, 27, 34), [1, 2, 1, 3]
z = np.zeros((T, 4))
z[:, 0] = 1.5
for c, k in zip(centres, labels, strict=True):
    z[:, k] += 5 * np.exp(-(((np.arange(T) - c) / 2.5) ** 2))
log_y = z + rng.normal(size=z.shape) * 0.7
log_y -= np.log(np.exp(log_y).sum(1, keepdims=True))
place, _ = forced_alignment(log_y, labels)
figure, axes = plt.subplots(1, 2, figsize=(12, 2.8))
for k, colour in enumerate((GREY, RED, BLUE, GOLD)):
    axes[0].plot(np.exp(log_y[:, k]), color=colour, label="–abc"[k])
axes[0].set(xlabel="frame", ylabel="y", title="what the frames say", ylim=(0, 1.25))
axes[0].legend(frameon=False, fontsize=8, ncol=4, loc="upper right")
axes[1].imshow(ctc_occupancy(log_y, labels).T, cmap="Greens", aspect="auto", vmin=0, vmax=1)
spoken = np.flatnonzero(place >= 0)
axes[1].plot(spoken, place[spoken], ".", color=RED, label="the likeliest path")
axes[1].plot(centres, range(4), "o", mfc="none", mec="#e67e22", ms=11, mew=2, label="truth")
axes[1].set(xlabel="frame", yticks=range(4), yticklabels=list("abac"), title="occupancy of each label")
axes[1].legend(frameon=False, fontsize=8, loc="lower left")
plt.tight_layout()
plt.show()
print("each label's largest occupancy within 3 frames of the truth:",
      bool((np.abs(ctc_occupancy(log_y, labels).argmax(0) - centres) <= 3).all()))  # fmt: skip

# %% [markdown]
# ## 6 · 同一把尺子
#
# 七种词与物体的对齐方法，阈值都在验证场景上选定；AER 与 *指向*（一个词最强的链接是否落在它的物体上）在 50 个之前没看过的场景上计算：

# %%
NAMES = ("uniform (chance)", "diagonal", "lexicon, phrases", "IBM-1", "IBM-1 + Sinkhorn", "IBM-1 + DTW",
         "IBM-1 + soft-DTW")  # fmt: skip
truth = [[p.sure for p in tested], [p.possible for p in tested]]
board, drawn = {}, {}
for name in NAMES:
    weights = WORD_METHODS[name](train, 0, "en")
    threshold = best_threshold([weights(p) for p in held], [p.sure for p in held], [p.possible for p in held])
    said = [weights(p) for p in tested]
    board[name] = alignment_scores(links_above(said, threshold), *truth) | {
        "pointing": pointing(said, truth[0]).mean
    }
    drawn[name] = weights(pair)
figure, axes = plt.subplots(2, 2, figsize=(12, 5), sharex=True)
for ax, name in zip(axes.flat, ("lexicon, phrases", "IBM-1", "IBM-1 + Sinkhorn", "IBM-1 + DTW"), strict=True):
    matrix(ax, drawn[name], pair, name)
plt.tight_layout()
plt.show()
print(f"{'':18}{'AER':>7}{'precision':>11}{'recall':>8}{'pointing':>10}")
for name, row in board.items():
    print(f"{name:18}{row['AER']:7.3f}{row['precision']:11.3f}{row['recall']:8.3f}{row['pointing']:10.3f}")

# %% [markdown]
# 在由规则造出来的世界里，规则是完美的：这里词典就是标准答案，可是遇到一个同义词它就没办法了。单独的模型 1 会混淆共享某个属性的物体；加上顺序（DTW），这种错误大半消失。单靠固定的边缘帮助不大：它说的是 *多少*，不是 *哪里*。
# 全部方法（包括注意力与片段）、三个种子、还有声音的表：`mmscratch table alignment`，记在 `docs/results.md`。
#
# ## §2.3 该改正什么
#
# | 综述 | 应该是 |
# |---|---|
# | 显式：用规则或知识库 | 显式：对齐本身是目标；规则是一种手段，规整与 CTC 是另外的手段 |
# | 隐式：学来的 | 隐式：副产品（注意力、翻译器里的模型 1）；也可以既是学来的 *又* 是显式的 |
# | （没说怎样评判） | 对照确定与可能的链接：AER、精确率、召回率、指向，旁边写上随机水平 |
#
# ## 练习
#
# 在标记之间写代码，运行这一格，再运行下面的检查。
#
# **17.1** 按方框里的递推，求穿过代价表 `d` (I, J) 的最便宜路径的代价。


# %%
def cheapest(d):
    """g at the last cell: a number."""
    ### BEGIN SOLUTION
    g = np.full((d.shape[0] + 1, d.shape[1] + 1), np.inf)
    g[0, 0] = 0
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            g[i + 1, j + 1] = d[i, j] + min(g[i, j], g[i, j + 1], g[i + 1, j])
    return float(g[-1, -1])
    ### END SOLUTION


# %%
checks.cheapest(cheapest)

# %% [markdown]
# **17.2** 模型 1 的一步 EM：`t` (E, F)，行和为 1；`pairs` 是（单元，词）的列表，两者都是行号与列号的列表。没有空单元。没有任何计数的单元保持原来的行。


# %%
def em_step(t, pairs):
    """The new t, (E, F)."""
    ### BEGIN SOLUTION
    counts = np.zeros(t.shape)
    for units, words in pairs:
        for f in words:
            q = t[units, f] / t[units, f].sum()
            np.add.at(counts, (units, f), q)
    total = counts.sum(1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1), t)
    ### END SOLUTION


# %%
checks.em_step(em_step)

# %% [markdown]
# **17.3** 正矩阵 `K` (J, I) 的一步 Sinkhorn：先缩放各行，使行和为 `a` (J,)；再缩放所得矩阵的各列，使列和为 `b` (I,)。


# %%
def scaled_once(K, a, b):
    """A matrix (J, I) whose columns sum to b."""
    ### BEGIN SOLUTION
    K = K * (a / K.sum(1))[:, None]
    return K * (b / K.sum(0))
    ### END SOLUTION


# %%
checks.scaled_once(scaled_once)

# %% [markdown]
# **17.4** 形状相同的布尔矩阵 `A`、`S`、`P` 的对齐错误率。


# %%
def error_rate(A, S, P):
    """A number; 0 is right."""
    ### BEGIN SOLUTION
    return 1 - ((A & S).sum() + (A & P).sum()) / (A.sum() + S.sum())
    ### END SOLUTION


# %%
checks.error_rate(error_rate)

# %% [markdown]
# ## 现在你知道
#
# * 显式与隐式按目标区分，不按手段；真相已知时，一律用 AER 与指向来评判。
# * 规整：到一格最便宜的走法来自三格之一。软的版本，梯度就是链接的概率。
# * 模型 1：EM 抬高一个与似然相切的下界，所以似然从不下降；对所有对齐求和是许多和的乘积。
# * 运输固定两个边缘；Sinkhorn 的第一个半步就是 softmax 注意力。
# * CTC 是在标签与空白上用求和做的规整；它的梯度就是对齐。
#
# 接着读 `mmscratch/alignment/`，一种方法一个文件，还有 `metrics/alignment`。第 9 课里，注意力是描述模型学到的一种对齐；第 13 课有词与区域的堆叠交叉注意力。
