# %% [markdown]
# # B · 模型为什么这么说？以及剩下的挑战
#
# **你能够** 把一个得分分摊给各像素而一点不丢（积分梯度），并说明这个和何时精确到最后一位；推导 Grad-CAM 与遮挡法；把解释图与真实掩码比对，旁边摆上随机水平和一个什么都不知道的网络；把结果精确地分给各模态（Shapley）；并测量综述的三个挑战：标注稀少、模态相距甚远、模型不解释自己。
#
# **用时** 阅读约 45 分钟，笔记本电脑上计算约一分钟 · **数据** 无需下载 · **对应** 综述 §7.2。

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
# ## 1 · 积分梯度：一点不丢
#
# 梯度说的是 *微小* 的改变会怎样。得分饱和处梯度几乎为零，不论它多么依赖那个像素。Sundararajan 等（2017）从基线 $x'$（什么都看不见）走到 $x$，一路收集：
#
# $$\mathrm{IG}_i = (x_i - x'_i)\int_0^1 \frac{\partial F}{\partial x_i}\big(x' + \alpha(x-x')\big)\,d\alpha .$$
#
# **完备性。** 设 $\gamma(\alpha) = x' + \alpha(x-x')$，则 $\frac{d}{d\alpha}F(\gamma(\alpha)) = \sum_i (x_i-x'_i)\,\partial_i F(\gamma(\alpha))$，积分即得
#
# $$\boxed{\;\sum_i \mathrm{IG}_i = F(x) - F(x')\;}$$
#
# 实际计算时积分是求和。库里用高斯–勒让德节点：$n$ 个节点对 *关于 $\alpha$ 的* $2n-1$ 次多项式精确。所以光滑的网络（tanh、GELU）只需很少；ReLU 网络沿途是带拐点的折线，误差只按 $1/n$ 下降。


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
# ## 2 · Grad-CAM，以及它与最后一层的关系
#
# 卷积层给出图 $A^k$ $(h, w)$。Grad-CAM（Selvaraju 等，2017）用平均梯度给它们加权，
#
# $$\alpha_k = \frac{1}{hw}\sum_{ij}\frac{\partial F}{\partial A^k_{ij}},\qquad M = \max\Big(0,\ \sum_k \alpha_k A^k\Big).$$
#
# 为什么取平均？若网络以“对位置取平均，再接线性层”结尾，$F = \sum_k w_k\,\frac1{hw}\sum_{ij}A^k_{ij}$，那么每个梯度都是 $w_k/hw$，于是 $\alpha_k = w_k/hw$，且 $F = \sum_{ij}\big(\sum_k \alpha_k A^k_{ij}\big)$：这张图（取正部之前）*就是* 得分在各处的分摊。对别的网络它是一阶近似，而且粗：这里只有 8 × 8 处。
#
# ## 3 · 遮挡法：盖住看看
#
# 不用梯度：盖住一个窗口，看得分掉了多少（Zeiler 与 Fergus，2014）。若窗口铺满图像且得分在窗口上可加，则各处的下降也把得分分完：$\sum_w \big(F(x) - F(x_{\setminus w})\big) = F(x) - F(\text{全盖住})$。代价是每个窗口一次前向。

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
# ## 4 · 五种解释，旁边是真实掩码
#
# 问场景网络（第 5 课）：“有红色的圆吗？”它的得分是 $F = \ln\sum_{\text{格}}\exp(\text{有无} + \text{形状} + \text{颜色})$；里面没有任何东西说 *在哪里*。我们知道在哪里：世界给了掩码。每张图旁边有三个对照：均匀图（随机水平）；只知道图像、不知道网络的图（每个像素与背景差多远）；以及同一方法用在 *随机权重* 的网络上（Adebayo 等，2018）。随机权重也画出同样的图的方法，解释的是图像而不是模型。

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
# 一张均匀的图（如这里随机权重上的 Grad-CAM）说的是没有通道支持这个得分：按随机水平计。完整的表（300 个物体，三个随机权重的网络）在 [docs/results.md](../docs/results.md)：`mmscratch table explain`。
#
# 第六种方法，**展开**（附录 A），把注意力逐层相乘。它是穿过网络的所有路径之和，而它有一个漏洞：图与问题无关。

# %%
attention = [rng.dirichlet(np.ones(4), size=(1, 4)) for _ in range(3)]
half = [np.eye(4) / 2 + a[0] / 2 for a in attention]
ways = sum(
    half[2][0, k] * half[1][k, j] * half[0][j, 2] for j in range(4) for k in range(4)
)  # from place 0 on top to place 2 below
print("rollout is the sum over all ways:", np.isclose(ways, roll_out(attention)[0, 0, 2]))

# %% [markdown]
# ## 5 · 是哪个模态干的？精确的 Shapley
#
# 像素很多，模态很少。设 $v(S)$ 是只用模态 $S$ 能达到的结果。$i$ 的份额是它所增加的量，在所有到场次序上取平均：
#
# $$\varphi_i = \sum_{S\subseteq N\setminus\{i\}}\frac{|S|!\,(M-|S|-1)!}{M!}\,\big(v(S\cup\{i\}) - v(S)\big),\qquad \sum_i\varphi_i = v(N) - v(\emptyset).$$
#
# $M$ 个模态有 $2^M$ 个联盟：图像、声音、文本三者是八个。不用抽样。下面的 $v$ 是 *贝叶斯法则* 在第 16 课四个世界里达到的正确率，因此分的是世界，与任何模型无关：在异或里谁单独都带不来什么，两者各得四分之一。


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
# ## 6 · 第一个挑战：标注稀少
#
# 有人给 $N$ 张图里的物体写了名字，没写位置。24 个名字的分类器能有多好？为了一秒钟看到曲线，用最简单的分类器，岭回归 $w = (X^{\mathsf T}X + \lambda I)^{-1}X^{\mathsf T}y$；不同的只是 $X$：**像素**（8 × 8 的块）；像素，且每张图再加镜像和平移的副本（**增广**）；或者现成场景网络每个通道的最大值（**迁移**）。平均精度，对名字取平均；$N$ 张图抽三次。

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
# 对红线要公平：绿线站在一个网络上，它曾被告知 4,000 张 *别的* 图里每个物体的形状、颜色和位置。迁移并不是不用标注，而是从有标注的地方取来。用网络代替岭回归的版本：`mmscratch table explain --block scarcity`。
#
# ## 7 · 第二个挑战：模态相距甚远
#
# 两座塔通向同一个空间，可图像与文本却在其中两个分开的锥里（Liang 等，2022）：**模态间隙** $\Delta = \|\overline{\hat v} - \overline{\hat t}\|$。第一步之前它就在，因为随机网络把一切映进一个窄锥，两个网络就是两个锥。训练会消除它吗？InfoNCE 沿一行比较；$\Delta$ 给所有得分加上的同一个量在 softmax 里抵消。训练只消除妨碍辨认配对的那部分。


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
# 这里召回率低：每个通道的最大值说的是有什么，几乎不说哪种颜色属于哪种形状。能看区域的小塔、三个种子：把两团移到一起之前 37.9 %，之后 38.1 %（`mmscratch table explain --block gap --steps 100`）。
#
# ## 8 · 第三个挑战：解释
#
# §7.2 的三个挑战，以及测到了什么：
#
# | 综述 | 测量 | 什么有帮助 | 在哪里 |
# |---|---|---|---|
# | 标注稀少 | 学习曲线，三个种子，旁边是“不看图” | 在有标注处学到的特征；保持真值的增广 | 第 6 节；`table explain --block scarcity` |
# | 模态间差异 | 训练前后的间隙，合拢后的召回 | 比较配对的损失；与交互方式相配的融合 | 第 7 节；第 12、16、17 课 |
# | 模型不解释自己 | 图对掩码，旁边是随机水平和随机权重 | 把完备性当作测试；每张图都有对照 | 第 1–5 节；`table explain` |
# | （没提花费） | 每种方法的参数、运算、内存 | 数一数 | `table explain --block cost` |
#
# **解释不是什么。** 它说的是什么推动了 *这个模型的这个得分*。模型若因错误的理由而答对，好的解释显示的就是那个错误的理由。看起来令人信服的图什么也不证明：在照片上，有些方法的图在权重随机时几乎不变（Adebayo 等，2018）。所以要有对照。
#
# ## 练习
#
# 写在标记之间，运行该格，再运行下面的检查。
#
# **B.1** 用中点法做积分梯度：`slope(x)` 给出一点处的 $\nabla F$ (D,)；由 `x`、`start` (D,) 和 `n` 个点 $\alpha_k = (k + \tfrac12)/n$，求归因 (D,)。


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
# **B.2** Grad-CAM：由一层的图 `A` (K, h, w) 和得分对它们的梯度 `dA`，求解释图 (h, w)。


# %%
def weighed_channels(A, dA):
    """(h, w)."""
    ### BEGIN SOLUTION
    return np.maximum(np.tensordot(dA.mean((1, 2)), A, 1), 0)
    ### END SOLUTION


# %%
checks.weighed_channels(weighed_channels)

# %% [markdown]
# **B.3** Shapley 值：`value` 取一个玩家的 frozenset 给出一个数；`players` 是列表。给出 {玩家: 份额}。（按所有次序的平均，`itertools.permutations`，或按公式。）


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
# ## 现在你知道
#
# * $\sum\mathrm{IG} = \Delta F$：光滑网络精确到舍入误差，ReLU 网络按 $1/n$。
# * 若网络以平均和线性层结尾，Grad-CAM 就是得分本身。
# * 解释图要打分，旁边是随机水平、不知道网络的图、随机权重。
# * Shapley 精确地分给各模态；分的是什么，要说清楚。
# * 迁移从别处取来标注；模态间隙只缩小到损失所要求的程度。
#
# 继续读 `mmscratch/explain/`、`tasks/explain/table.py`、`tasks/explain/scarcity.py`、`tasks/explain/gap.py`。
