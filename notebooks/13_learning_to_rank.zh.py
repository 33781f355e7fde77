# %% [markdown]
# # 13 · 排序学习，以及排序之前的检索
#
# **学完这一课，你能够** 把“这个该排在那个前面”写成支持向量机并推出它的对偶问题，说清 LambdaRank 的 λ 是什么、为什么它不需要损失函数，推出提升树叶子的取值，证明直接拼接会让线性排序器看不见查询，并搭起两级检索：先由快速索引取回候选，再由排序器排好次序。
#
# **用时** 阅读约 45 分钟，笔记本电脑上计算约一分钟 · **数据** 无需下载 · **对应** 综述 §3.2.2。

# %%
import time
import warnings

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import ops, search
from mmscratch.autograd import no_grad
from mmscratch.data import scenes
from mmscratch.data.image import to_float
from mmscratch.data.scenes import COLOURS, SHAPES, relevance_matrix
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.ranking import LambdaMART, LambdaRank, RankSVM, concatenation, interactions, ndcg, query_part
from mmscratch.ranking.gain import best_dcg, discounts, gains, ndcg_of_queries
from mmscratch.ranking.pairwise import pulls, swap_scales
from mmscratch.search.fast_scan import bytes_of
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · 我们要的是什么
#
# 一个查询带着一批文档，每篇都有人评过等级：0 是“毫不相干”，3 是“正是这个”。排序器给每篇文档打一个分，而真正起作用的只是分数的**次序**。读者总是从上往下看，越靠上的越有用，所以每篇文档的收益 $2^y-1$ 要按名次 $r$ 打折，再除以最佳次序所能得到的总和（Järvelin & Kekäläinen，2002）：
#
# $$\mathrm{NDCG}@k = \frac{1}{\mathrm{DCG}^*@k}\sum_{r=1}^{k}\frac{2^{y_r}-1}{\log_2(1+r)} .$$

# %%
y = np.array([3, 0, 1, 2])
for name, scores in (("best", [4, 1, 2, 3]), ("two below swapped", [4, 1, 3, 2]), ("worst", [1, 4, 3, 2])):
    print(f"{name:18}", round(ndcg(y, np.array(scores), [4], k=4), 4))

# %% [markdown]
# 排在顶上的错代价大，往下的错代价小。可是把 NDCG 看作分数的函数，它是一级级的台阶：分数动一点点，名次并不变，凡是有斜率的地方斜率都是 0，没法沿着梯度爬。本课的三种排序器，就是绕开这一点的三条路。
#
# ## 2 · RankSVM：把成对比较写成 SVM
#
# Joachims（2002）要求得少一些：同一个查询的任意**一对**文档，好的那篇得分要更高，分数取 $s(x)=w\cdot x$。于是要 $w\cdot x_i>w\cdot x_j$；记差向量 $z_k=x_i-x_j$，
#
# $$w\cdot z_k \ge 1 - \xi_k,\quad \xi_k \ge 0 ,\qquad \min_{w,\,\xi}\ \tfrac12\|w\|^2 + C\sum_k \xi_k .$$
#
# 这就是差向量上的支持向量机，样本全属一类，没有截距（有也会消掉）。一篇文档的特征里，常有一大部分只说明**它属于哪个查询**，在 $z$ 里这部分也消掉了。记住这一点：在这里它是好事，到第 5 节它会变成坏事。
#
# **对偶问题。** 给每个约束配一个乘子 $\alpha_k\ge0$（给 $\xi_k\ge0$ 配 $\mu_k\ge0$）：
#
# $$L = \tfrac12\|w\|^2 + C\sum_k\xi_k - \sum_k\alpha_k(w\cdot z_k - 1 + \xi_k) - \sum_k\mu_k\xi_k .$$
#
# 在最小点，$\partial L/\partial w=0$ 给出 $w=\sum_k\alpha_k z_k$，$\partial L/\partial\xi_k=0$ 给出 $\alpha_k=C-\mu_k\le C$。代回去，$\xi$ 就不见了：
#
# $$\max_{0\le\alpha_k\le C}\ \sum_k\alpha_k - \tfrac12\Big\|\sum_k\alpha_k z_k\Big\|^2 .$$
#
# 单看一个坐标，这是一条抛物线，斜率 $1-w\cdot z_k$，曲率 $\|z_k\|^2$，最佳值一步就能写出，再在两端截断（Hsieh 等，2008）：
#
# $$\alpha_k \leftarrow \mathrm{clip}\Big(\alpha_k + \frac{1 - w\cdot z_k}{\|z_k\|^2},\ 0,\ C\Big) .$$
#
# 任何可行的 $\alpha$ 都给出下界，任何 $w$ 都给出上界。两者一旦相遇，就再没有什么可争的了。

# %%
queries, each = 4, 9
offset = 4 * rng.standard_normal((queries, 1, 2))  # what is the same for all documents of a query
plane = rng.standard_normal((queries, each, 2))
wanted = plane @ np.array([0.8, 0.6]) + 0.25 * rng.standard_normal((queries, each))
labels = np.digitize(wanted, [-0.6, 0.3, 1.0]).reshape(-1)
toy, toy_groups = (plane + offset).reshape(-1, 2), np.full(queries, each)


def stopped_after(epochs):
    """RankSVM after so many rounds of the dual: upper and lower bound."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it has not arrived, which is the point
        model = RankSVM(C=1.0, tol=1e-6, max_iter=epochs).fit(toy, labels, toy_groups)
    return model.objective_, model.objective_ - model.dual_gap_


svm = RankSVM(C=1.0, tol=1e-6).fit(toy, labels, toy_groups)
rounds = np.arange(1, 31)
upper, lower = np.array([stopped_after(int(n)) for n in rounds]).T
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
for q, marker in enumerate("osD^"):
    part = slice(q * each, (q + 1) * each)
    dots = axes[0].scatter(*toy[part].T, c=labels[part], marker=marker, cmap="viridis", vmin=0, vmax=3, s=30)
centre = toy.mean(0)
axes[0].annotate("", centre + 2.5 * svm.coef_ / np.linalg.norm(svm.coef_), centre,
                 arrowprops={"arrowstyle": "-|>", "color": RED, "lw": 2})  # fmt: skip
axes[0].set_title("four queries (signs), grades (colours), and w", fontsize=10)
axes[0].set_aspect("equal")
figure.colorbar(dots, ax=axes[0], ticks=range(4))
axes[1].plot(rounds, upper, color=RED, label="primal: an upper bound")
axes[1].plot(rounds, lower, color=BLUE, label="dual: a lower bound")
axes[1].set(xlabel="rounds over all pairs", ylabel="objective", yscale="log")
axes[1].legend(frameon=False)
plt.tight_layout()
plt.show()
print("NDCG@5", round(svm.score(toy, labels, toy_groups), 3), " gap", f"{abs(svm.dual_gap_):.0e}")
moved = RankSVM(C=1.0, tol=1e-6).fit(plane.reshape(-1, 2), labels, toy_groups)
print("the same w without the queries' offsets:", np.allclose(moved.coef_, svm.coef_, atol=1e-4))

# %% [markdown]
# （测试拿它与 scikit-learn 在全部差向量上的 `LinearSVC` 对照：两种铰链损失下，$w$ 前四位都一致。）
#
# ## 3 · λ，以及一次对换值多少
#
# RankSVM 对每一对错序一视同仁，不管它在第 1 名还是第 1000 名。RankNet（Burges 等，2005）看的还是这些对，只是代价变得光滑；它的斜率就是后面一切的 λ：
#
# $$\ell = \sum_{y_i>y_j}\ln\big(1+e^{-\sigma(s_i-s_j)}\big),\qquad
# \lambda_{ij} = \frac{\partial\ell_{ij}}{\partial s_i} = \frac{-\sigma}{1+e^{\sigma(s_i-s_j)}} = -\frac{\partial\ell_{ij}}{\partial s_j} .$$
#
# 一篇文档的 $\lambda_i$ 是它所在各对之和，也就是**它被拉得多用力**，负值表示往上拉。传到网络里去的只有这些拉力，从来不是 $\ell$。于是 Burges、Ragno 与 Le（2006）想：那就直接写下**我们想要的**拉力，给每一对乘上“两者对换，NDCG 能变多少”。名次 $r_i$ 与 $r_j$ 对换时，DCG 里只有两项会变，所以
#
# $$|\Delta\mathrm{NDCG}_{ij}| = \frac{1}{\mathrm{DCG}^*}\,\big|2^{y_i}-2^{y_j}\big|\,\Big|\frac1{\log_2(1+r_i)}-\frac1{\log_2(1+r_j)}\Big| .$$
#
# 真是这样吗？把一张列表里的每一对都换一遍看看：

# %%
ranked = np.array([0, 2, 1, 0, 3, 0, 1, 0])  # grades, in the order of the scores
n = len(ranked)
whole = ndcg(ranked, -np.arange(n), [n], k=None)
worst = 0.0
for i in range(n):
    for j in range(i):
        swapped = ranked.copy()
        swapped[[i, j]] = ranked[[j, i]]
        change = abs(ndcg(swapped, -np.arange(n), [n], k=None) - whole)
        gain, discount = (np.ptp(of[[i, j]]) for of in (gains(ranked), discounts(n)))
        worst = max(worst, abs(change - gain * discount / best_dcg(ranked)))
print(f"largest error of the formula over {n * (n - 1) // 2} swaps: {worst:.0e}")

# %% [markdown]
# 现在看两者的差别。例子仿照 Burges 所画：四十篇文档，只有两篇相关，排在第 3 和第 34 名。还可以像 LightGBM 那样，把两篇都不在前 $T$ 名的对略去不计。

# %%
count = 40
relevant = np.zeros(count, np.int64)
relevant[[2, 33]] = 1
falling, bounds = np.linspace(1.5, -1.5, count), np.array([0, count])
pulled = {
    "RankNet": pulls(falling, relevant, bounds)[1],
    "LambdaRank": pulls(falling, relevant, bounds, scales=swap_scales(relevant, bounds))[1],
    "LambdaRank, T = 5": pulls(
        falling, relevant, bounds, scales=swap_scales(relevant, bounds, 5), truncation=5
    )[1],
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True)
for ax, (name, pull) in zip(axes, pulled.items(), strict=True):
    ax.barh(np.arange(1, count + 1), -pull / np.abs(pull).max(), color=np.where(relevant, GREEN, GREY))
    ax.axvline(0, color="k", lw=0.8)
    ax.set(xlabel="pull (−λ), largest = 1: to the right is up", title=name, xlim=(-1.05, 1.05))
axes[0].set(ylabel="rank", yticks=(1, 3, 10, 20, 34, 40))
axes[0].invert_yaxis()
plt.tight_layout()
plt.show()
for name, pull in pulled.items():
    print(f"{name:18} the lower one is pulled {pull[33] / pull[2]:.2f} times as hard as the upper one, "
          f"rank 1 pushed {pull[0] / pull[7]:4.1f} times as hard as rank 8")  # fmt: skip
print("all pulls of a query cancel:", all(abs(pull.sum()) < 1e-12 for pull in pulled.values()))

# %% [markdown]
# RankNet 把力气花在远远落后的那一篇上，因为错序的对里它最多；而对不相关的各篇，它推得差不多一样重。LambdaRank 推的是挡在顶上的那几篇；取 $T=5$ 时，它对够得着顶端的那一篇拉得更用力。同一个查询的拉力总和为零：有往上的，就要把别的往下压。λ 是哪个损失函数的梯度？没有人写下过这样的损失（权重取决于名次，而名次是跳变的），也用不着写：NDCG 照样上升。
#
# ## 4 · MART：跟着拉力走的树
#
# 提升模型是许多小树之和，$s=\eta\,(f_1+f_2+\dots)$。第 $t$ 棵树拟合前面各棵留下的东西：$\lambda_i$，以及二阶导数 $h_i=\sum\sigma^2wP(1-P)$。设一片叶子给它的文档都加上 $v$，展开到二阶：
#
# $$\sum_{i\in\text{leaf}}\big(\lambda_i v + \tfrac12 h_i v^2\big) + \tfrac12\,l\,v^2
# \quad\Longrightarrow\quad v = -\frac{\sum\lambda_i}{\sum h_i + l}\;,$$
#
# 即每片叶子走一步牛顿法。（Friedman，2001；配上 λ 便是 LambdaMART：Burges，2010。）拿库里一片“森林”的第一棵树来验证：

# %%
one = LambdaMART(1, 1.0, num_leaves=3, min_data_in_leaf=5, l2=1.0, feature_fraction=1.0,
                 bagging_fraction=1.0, norm=False).fit(toy, labels, toy_groups)  # fmt: skip
edges = np.concatenate([[0], np.cumsum(toy_groups)])
_, slope, curve = pulls(np.zeros(len(toy)), labels, edges, scales=swap_scales(labels, edges))
said = one.predict(toy)
for value in np.unique(said):
    leaf = said == value
    newton = -slope[leaf].sum() / (curve[leaf].sum() + 1)
    print(f"{leaf.sum():2} documents: leaf {value:+.4f}, −Σλ/(Σh + l) {newton:+.4f}")

# %% [markdown]
# 库里的做法与 LightGBM 相同：每个特征至多切成 255 级，用直方图累加 λ 和 h，每次总是劈开收益最大的那片叶子。测试拿 λ 和 h 与 LightGBM 自己的数值对照（前四位一致，`lambdarank_norm` 开与关都比），拿十二棵树与它的预测对照；在它的示例数据上按查询做交叉验证，两者不相上下。
#
# ## 5 · 描述找图像
#
# 现在来看综述 §3.2.2 的办法：把文本特征和图像特征拼在一起，用 RankSVM 或 LambdaRank 排序。这里查询是一句描述，说两个物体和它们的相对位置；文档是一幅图；等级是算出来的：第一个物体在，得一分；第二个在，再得一分；关系成立，再得一分（3 分当且仅当整句为真）。

# %%
SPEC = "scenes:train=500,val=0,test=600,level=2,references=1,relations=spatial"
world = scenes.load(SPEC + ",heldout_pairs=0,positions=all,seed=13")
KINDS = [(colour, shape) for colour in COLOURS for shape in SHAPES]
WAYS = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "below": (0, 1)}
eye = np.eye(len(KINDS))
network = load_pretrained()


def cells(split):
    """In each of a picture's 64 cells: is there a centre of an object of this kind? (N, 64, 24)"""
    with no_grad():
        _, logits = network(Tensor(to_float(split.images)))
    heads = {name: part.reshape(len(split), -1, 64) for name, part in network.split(logits).items()}
    there = ops.sigmoid(heads["objectness"]).numpy()[:, 0]
    colour, shape = (ops.softmax(heads[name], axis=1).numpy() for name in ("colour", "shape"))
    return np.einsum("nr,ncr,nsr->nrcs", there, colour, shape).reshape(len(split), 64, -1)


class Shelf:
    """Pictures of a split with the captions that look for them: what all rankers get."""

    def __init__(self, name, asked):
        split = world.split(name)
        self.split, self.meanings = split, [c[0].meaning for c in split.captions[:asked]]
        self.cells = cells(split)
        self.pictures = self.cells.max(1)  # (N, 24): the document's vector
        pairs = [[KINDS.index((noun.colour, noun.shape)) for noun in (m.a, m.b)] for m in self.meanings]
        self.first, self.second = np.array(pairs).T
        self.texts = eye[self.first] + eye[self.second]  # (Q, 24): what the caption speaks of
        self.ways = np.array([WAYS[m.relation] for m in self.meanings], float)  # (Q, 2): and where to
        self.grades = relevance_matrix(self.meanings, split.graphs).T  # (Q, N)

    def lists(self, each, seed):
        """For every caption a list of pictures, of all grades where there are some."""
        r = np.random.default_rng(seed)
        picked = []
        for row in self.grades:
            of = [r.permutation(np.flatnonzero(row == g))[:n] for g, n in enumerate(each)]
            picked.append(r.permutation(np.concatenate(of)))
        self.lists_, self.groups = picked, np.array([len(p) for p in picked])
        self.documents = self.pictures[np.concatenate(picked)]
        self.y = np.concatenate([self.grades[q, p] for q, p in enumerate(picked)])
        return self


train = Shelf("train", 300).lists((6, 6, 5, 3), 0)
test = Shelf("test-iid", 300).lists((6, 6, 5, 3), 1)
print(len(train.y), "judged documents to learn from; of grade 0, 1, 2, 3:", np.bincount(train.y))
k = 4
figure, axes = plt.subplots(1, 6, figsize=(11, 2.1))
shown = test.lists_[k][np.argsort(-test.grades[k, test.lists_[k]], kind="stable")][::3]
for ax, p in zip(axes, shown, strict=False):
    ax.imshow(test.split.images[p])
    ax.set(xticks=[], yticks=[], xlabel=f"grade {test.grades[k, p]}")
figure.suptitle(test.split.captions[k][0].text, y=1.02)
plt.show()

# %% [markdown]
# 文本向量说明 24 类（红圆、红方……）中提到了哪些，以及方向；图像向量说明我们的场景网络有多大把握认为每一类在图里。（这里的文本向量由语法得来；第 12 课两边都是学出来的。）先照综述的说法做：**拼接** $x=[q;\,d]$，再用线性分数。
#
# $$s(q, d_i) - s(q, d_j) = w_q\cdot q + w_d\cdot d_i - w_q\cdot q - w_d\cdot d_j = w_d\cdot(d_i - d_j)$$
#
# **查询不见了。** 不管问什么，图像都排成同一个次序。再怎么训练、再多数据也没有用：这不是学得好不好的问题。


# %%
def beside(shelf):
    """[query; document]."""
    return concatenation(np.concatenate([shelf.texts, shelf.ways], 1), shelf.documents, shelf.groups)


blind = RankSVM(0.01, tol=0.1).fit(beside(train), train.y, train.groups)
unasked = RankSVM(0.01, tol=0.1).fit(train.documents, train.y, train.groups)  # never sees the query
spread = query_part(beside(train), train.groups)
print("differences inside a query: largest in the query's part", spread[:26].max(), " in the document's",
      spread[26:].max().round(2))  # fmt: skip
print("weights of the query's part:", np.abs(blind.coef_[:26]).max().round(12))
same = np.allclose(blind.coef_[26:], unasked.coef_)
print("the other weights are those of a ranker that never sees it:", same)
orders = set()
for q in range(100):
    asked = np.concatenate([test.texts[q : q + 1], test.ways[q : q + 1]], 1)
    orders.add(tuple(np.argsort(blind.predict(concatenation(asked, test.pictures[:50], [50])))))
print("orders of the same 50 pictures for 100 different captions:", len(orders))

# %% [markdown]
# 出路有两条。要么换一个非线性的排序器，让两者在里面相遇；要么让它们**事先**在特征里相遇：乘积 $q\odot d$、距离 $|q-d|$、余弦。对乘积取线性分数，就是双线性型 $q^\top Wd$。这些特征都看不见**关系**：一个只说“有什么”的向量，不说“在哪里”。为此，词要到图里去看。像 SCAN（Lee 等，2018）那样，每个名词把注意力分配到 64 个格子上，再沿描述所说的方向比较两者的平均位置。

# %%
SIDE = (np.arange(8) + 0.5) / 8 * 2 - 1
PLACES = np.stack(np.meshgrid(SIDE, SIDE), -1).reshape(64, 2)  # (x, y) of each cell


def look(shelf, lists):
    """Of each document: is the first there, the second, both; how far is the first that way?"""
    found = []
    for q, pictures in enumerate(lists):
        maps = shelf.cells[pictures][:, :, [shelf.first[q], shelf.second[q]]]  # (n, 64, 2)
        sure = maps.max(1)
        where = np.einsum("nrk,rd->nkd", maps / (maps.sum(1, keepdims=True) + 1e-6), PLACES)
        along = (where[:, 0] - where[:, 1]) @ shelf.ways[q]
        found.append(np.column_stack([sure, sure.prod(1), along]))
    return np.concatenate(found)


def together(shelf):
    """Product, distance and cosine of the caption's vector and the picture's."""
    return interactions(shelf.texts, shelf.documents, shelf.groups)


FEATURES = {
    "document\nalone": lambda shelf: shelf.documents,
    "side by side\n[q; d]": beside,
    "where q and d\nmeet": together,
    "and words\nlook": lambda shelf: np.concatenate([together(shelf), look(shelf, shelf.lists_)], 1),
}
RANKERS = {
    "RankSVM": lambda: RankSVM(0.01, tol=0.1),
    "LambdaRank": lambda: LambdaRank((32,), epochs=30, lr=3e-3, weight_decay=0.01),
    "LambdaMART": lambda: LambdaMART(150, 0.1, min_data_in_leaf=20, l2=1.0, feature_fraction=0.5),
}
chance = np.mean([ndcg(test.y, rng.random(len(test.y)), test.groups) for _ in range(20)])
reached, models = {}, {}
for features, of in FEATURES.items():
    x, unseen = of(train), of(test)
    for name, make in RANKERS.items():
        models[features, name] = make().fit(x, train.y, train.groups)
        reached[features, name] = ndcg_of_queries(test.y, models[features, name].predict(unseen), test.groups)

figure, ax = plt.subplots(figsize=(8.5, 3.4))
for k, (name, colour) in enumerate(zip(RANKERS, (RED, BLUE, GREEN), strict=True)):
    values = [reached[f, name] for f in FEATURES]
    error = [v.std() / np.sqrt(len(v)) for v in values]
    at = np.arange(4) + 0.27 * (k - 1)
    bars = ax.bar(at, [v.mean() for v in values], 0.25, color=colour, label=name, yerr=error)
    ax.bar_label(bars, fmt="%.2f", fontsize=8)
ax.axhline(chance, color="k", ls=":", lw=1, label="random order")
ax.set(xticks=range(4), xticklabels=FEATURES, ylim=(0, 1.08), ylabel="NDCG@5, captions not seen")
ax.legend(frameon=False, ncol=4, loc="upper left", fontsize=8)
plt.show()

# %% [markdown]
# 从左往右读。
#
# * **只看文档**并不是抛硬币：物体多的图能满足更多的描述，看不见查询的排序器学到的就是这个。所以分数高于随机**什么也证明不了**；该比的对照是“去掉查询”。
# * **并排放**：RankSVM 与看不见查询的那一个**完全**相同，正如推导所说。网络和树能在内部让两者相遇，但要许多样本。
# * **让两者相遇**：这时一条直线就够了。
# * **让词去看**：只有它分得清“在左边”和“在右边”，分得清 3 分和 2 分。

# %%
mean = {key: value.mean() for key, value in reached.items()}
alone, side, meet, words = FEATURES
print("blind is blind, to the digit:", mean[side, "RankSVM"] == mean[alone, "RankSVM"])
line, net = mean[meet, "RankSVM"], mean[side, "LambdaRank"]
print("a line on products beats a network on concatenation:", line > net)
print("words that look are worth more than any change of ranker:",
      min(mean[words, r] for r in RANKERS) > max(mean[meet, r] for r in RANKERS) + 0.1)  # fmt: skip

# %% [markdown]
# ## 6 · 先检索，再排序
#
# 排序器若对每个查询都把每幅图看一遍，图像一多就太慢。因此分成两级：**索引**从图像向量里取回几十个候选，排序器再把它们排好。第一级只要每幅图一个向量、一次内积；内积装不下的东西（让词去看），留给第二级。
#
# 库里有四种索引，接口相同。**Exact** 逐行看。**LSH** 只记随机投影的正负号，到各位相符的地方去找：夹角为 $\theta$ 的两个向量，一位不符的概率是 $\theta/\pi$（Charikar，2002）。**IVF-PQ** 只看 k 均值里最近的几个单元，每行存成几个字节的码（Jégou 等，2011）。**HNSW** 在近邻图上由粗到细地走（Malkov & Yashunin，2018）。除第一种外都可能漏：付出的是**召回率**，即真正的近邻找到了多少，换来的是速度。两个数单独拿出来都没有意义。下图画前者：各方法的旋钮拧到哪里，找回多少；后者因机器而异，要在空闲的机器上量：`python -m benchmarks.curve` 画召回率对速度的曲线。

# %%
rows, asked = search.clustered(60_000, 64, seed=0), search.clustered(200, 64, seed=1)
_, true = search.Exact(64).build(rows).search(asked, k=10)


def seconds(index):
    """One query at a time, as a user asks: the median."""
    found = []
    for one in asked:
        begun = time.perf_counter()
        index.search(one, k=10)
        found.append(time.perf_counter() - begun)
    return np.median(found)


curves = {"LSH": [], "IVF-PQ": [], "HNSW": []}
indices = {
    "LSH": (search.LSH(64), "probes", (1, 2, 4, 8, 16, 32, 64)),
    "IVF-PQ": (search.IVFPQ(64, cells=256), "probes", (1, 2, 4, 8, 16, 32)),
    "HNSW": (search.HNSW(64), "ef_search", (10, 20, 40, 80, 160)),
}
for name, (index, knob, values) in indices.items():
    index.build(rows)
    for value in values:
        setattr(index, knob, value)
        curves[name].append((value, search.recall(index.search(asked, k=10)[1], true)))
figure, ax = plt.subplots(figsize=(6.5, 3.4))
for (name, points), colour in zip(curves.items(), (RED, BLUE, GREEN), strict=True):
    ax.plot(*np.array(points).T, "o-", color=colour, label=f"{name}: {indices[name][1]}")
ax.set(xlabel="how hard it looks", ylabel="recall@10", ylim=(0, 1.02))
ax.set_xscale("log", base=2)
ax.xaxis.set_major_formatter("{x:.0f}")
ax.legend(frameon=False)
plt.show()
walk = indices["HNSW"][0]
walk.ef_search = 40
print("nine of ten are found:", curves["HNSW"][2][1] > 0.9)
print("and more than twice as quickly as by looking at every row:",
      2 * seconds(walk) < seconds(search.Exact(64).build(rows)))  # fmt: skip

# %% [markdown]
# **半个字节的码。** IVF-PQ 的时间花在逐行扫描上：一行有几段，就要在查询的表里查几次，而处理器一次只能查两三个数。若每段只有 16 个码字，一段的表就小到舍入成字节后能放进一个寄存器；有一条指令，能同时用 32 个码去查它（*fast scan*：André、Kermarrec 与 Le Scouarnec，2015）。两段各 16 个码字，与一段 256 个码字一样占一个字节，所以行并不变长。记 $\delta$ 为一个字节的步长，$l$ 为各段最小项之和：
#
# $$q\cdot\hat r=\sum_j q_j\cdot u_{j,c_j}\approx l+\delta\sum_j b_{j,c_j},\qquad b_{j,c}=\Big\lfloor\frac{q_j\cdot u_{j,c}-l_j}{\delta}+\tfrac12\Big\rfloor$$
#
# $m$ 段里每段至多差 $\delta/2$。当作分数嫌粗；但这些和只决定哪些行去精确打分。

# %%
halves = search.IVFPQ(64, cells=256, parts=32, codewords=16).build(rows)
centres, codebook = halves.learnt()
some = rows[:2000]
cell = (some @ centres.T - 0.5 * (centres**2).sum(1)).argmax(1)
code = search.ProductQuantizer(codebook).encode(some - centres[cell])
entries = np.einsum("jd,jkd->jk", asked[0].reshape(32, 2), codebook)
b, low, step = bytes_of(entries)
floats = entries[np.arange(32), code].sum(1)
from_bytes = low + step * b[np.arange(32), code].sum(1, dtype=int)
figure, ax = plt.subplots(figsize=(3.6, 3.4))
ax.plot(floats, from_bytes, ".", color=BLUE, markersize=2)
ax.set(xlabel="sum of 32 floats", ylabel="sum of 32 bytes, brought back", aspect="equal")
plt.show()
print("never off by more than half a step a part:", np.abs(from_bytes - floats).max() <= 32 * step / 2 + 1e-6)
bytes16 = indices["IVF-PQ"][0]
bytes16.probes = halves.probes = 16
found = [search.recall(one.search(asked, k=10)[1], true) for one in (bytes16, halves)]
print("with as short rows, as many are found, to two in a hundred:", abs(found[0] - found[1]) < 0.02)

# %% [markdown]
# 现在轮到我们的图：把它们的向量放进索引，每句描述从 600 幅里取 60 幅，交给第 5 节的排序器。

# %%
index = search.HNSW(len(KINDS)).build(test.pictures)
_, candidates = index.search(test.texts, k=60)
best = models[words, "LambdaMART"]


def reorder(lists):
    """Scores of the candidates by the ranker whose words look."""
    groups = np.array([len(p) for p in lists])
    meet = interactions(test.texts, test.pictures[np.concatenate(lists)], groups)
    scores = best.predict(np.concatenate([meet, look(test, lists)], 1))
    return np.split(scores, np.cumsum(groups)[:-1])


def over_all(lists, scores):
    """NDCG@5 over the whole gallery: what was not brought stands behind."""
    whole = np.full(test.grades.shape, -np.inf)
    for row, pictures, s in zip(whole, lists, scores, strict=True):
        row[pictures] = s
    gallery = np.full(len(whole), whole.shape[1])
    return ndcg(test.grades.reshape(-1), whole.reshape(-1), gallery, k=5)


first = over_all(candidates, [-np.arange(60.0)] * len(candidates))
second = over_all(candidates, reorder(candidates))
everything = [np.arange(len(test.pictures))] * len(test.texts)
most = over_all(everything, reorder(everything))
brought = np.mean([(test.grades[q, p] == 3).sum() / max((test.grades[q] == 3).sum(), 1)
                   for q, p in enumerate(candidates)])  # fmt: skip
figure, ax = plt.subplots(figsize=(7, 1.9))
bars = ax.barh(["index alone", "index, then ranker", "ranker on all 600"], [first, second, most],
               color=[GREY, GREEN, BLUE])  # fmt: skip
ax.bar_label(bars, fmt="%.2f", padding=3)
ax.set(xlim=(0, 1.1), xlabel="NDCG@5 over the whole gallery")
ax.invert_yaxis()
plt.tight_layout()
plt.show()
print("nearly all true pictures are among the candidates:", brought > 0.95)
print("a tenth of the work is worth as much:", second > most - 0.01)

q = next(q for q in range(len(candidates)) if (test.grades[q, candidates[q][:6]] == 3).sum() <= 2
         and (test.grades[q] == 3).sum() >= 5)  # fmt: skip
orders = {"index": candidates[q][:6], "then ranker": candidates[q][np.argsort(-reorder(candidates)[q])[:6]]}
figure, axes = plt.subplots(2, 6, figsize=(10, 3.6))
for line, (name, pictures) in zip(axes, orders.items(), strict=True):
    for ax, p in zip(line, pictures, strict=True):
        ax.imshow(test.split.images[p])
        ax.set(xticks=[], yticks=[])
        for side in ax.spines.values():
            side.set(visible=True, linewidth=3, edgecolor=GREEN if test.grades[q, p] == 3 else RED)
    line[0].set_ylabel(name)
figure.suptitle(test.split.captions[q][0].text)
plt.show()

# %% [markdown]
# （绿框：描述为真。）索引取回的图里**东西**都对；排序器再把位置也对的排到前面。索引漏掉的，哪个排序器也救不回来：所以第一级看召回率，第二级看 NDCG。
#
# 对自己的一文件夹图像，可用命令行：`mmscratch search build` 和 `mmscratch search query`。
#
# ## §3.2.2 该怎么改
#
# | 综述 | 应当是 |
# |---|---|
# | 拼接特征，用 RankSVM 排序 | 拼接上的线性分数看不见查询：要让文本与图像相遇（乘积、距离、余弦、注意力），或者换非线性的排序器 |
# | 对“拼接后的特征”排序 | 排的是**同一个查询的文档**；跨查询的对没有意义 |
# | RankSVM、LambdaRank“等” | 它们的差别在于数什么：数错序的对，还是按错在顶上的代价来数 |
# | 只有一级 | 先用索引取候选（看召回率），再用排序器（看 NDCG） |
#
# ## 练习
#
# 把答案写在两行标记之间，运行单元格，再运行下面的检查。检查在一秒内作答，并说出哪里不对。
#
# **13.1** 一个查询的全部差向量：`x` (n, D) 和等级 `y` (n,) → 所有 $y_i>y_j$ 的 $x_i-x_j$，次序不限。


# %%
def pair_differences(x, y):
    """Differences (P, D), the better document first."""
    ### BEGIN SOLUTION
    i, j = np.nonzero(y[:, None] > y[None])
    return x[i] - x[j]
    ### END SOLUTION


# %%
checks.pair_differences(pair_differences)

# %% [markdown]
# **13.2** 一个查询的文档已按分数排好，等级为 `y`。把位置 `i` 与 `j`（从 0 数起）的两篇对换，NDCG（取全部名次）会变多少？


# %%
def swap_worth(y, i, j):
    """|ΔNDCG| of the swap."""
    ### BEGIN SOLUTION
    gain, discount = 2.0**y - 1, 1 / np.log2(np.arange(len(y)) + 2)
    best = (np.sort(gain)[::-1] * discount).sum()
    return abs(gain[i] - gain[j]) * abs(discount[i] - discount[j]) / best
    ### END SOLUTION


# %%
checks.swap_worth(swap_worth)

# %% [markdown]
# **13.3** 对偶问题的一步：由 `w` (D,)、差向量 `z` (D,)、`alpha` 和 `C`，求新的 $\alpha_k$ 和新的 $w$。


# %%
def dual_step(w, z, alpha, C):
    """→ alpha, w."""
    ### BEGIN SOLUTION
    new = min(max(alpha + (1 - w @ z) / (z @ z), 0.0), C)
    return new, w + (new - alpha) * z
    ### END SOLUTION


# %%
checks.dual_step(dual_step)

# %% [markdown]
# **13.4** 检索的召回率：`found` 和 `true` 是编号 (Q, k)，次序不限；`found` 里的 −1 表示“没有”。真正的近邻找到了多大一部分？


# %%
def found_share(found, true):
    """A number between 0 and 1."""
    ### BEGIN SOLUTION
    hits = [len(set(f) & set(t)) for f, t in zip(found.tolist(), true.tolist(), strict=True)]
    return sum(hits) / true.size
    ### END SOLUTION


# %%
checks.found_share(found_share)

# %% [markdown]
# ## 现在你知道了
#
# * RankSVM 是查询内部差向量上的 SVM。它的对偶问题一次解一对，何时停下由间隙说了算。
# * LambdaRank 直接写下想要的拉力：RankNet 的拉力，乘上一次对换对 NDCG 的影响。LambdaMART 让树跟着拉力走，每片叶子一步牛顿法。
# * 凡是同一查询的文档都相同的东西，在线性分数里都会消掉：偏移是这样，查询本身也是这样。
# * 让查询与文档在哪里相遇，比用哪一种排序器更要紧。
# * 检索有两级、两种度量；不写召回率的速度等于没说。
#
# 接着读 `mmscratch/ranking/`（先 `gain`、`pairwise`，再各个排序器）和 `mmscratch/search/`。对你自己评过等级的数据：`python -m mmscratch.ranking.cross_validate FILE`。
