# %% [markdown]
# # A · Transformer 与图网络
#
# **你能够** 写出多头注意力，并说明没有位置时它看不见什么；推导层归一化、GCN 与 GAT 的反向；用注意力展开（rollout）读懂一个视觉 Transformer；证明图网络太深时会发生什么。
#
# **用时** 阅读约 45 分钟，笔记本电脑上计算约一分钟 · **数据** 无需下载 · **对应** 综述 §7.1。

# %%
import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import nn, ops
from mmscratch.autograd import no_grad
from mmscratch.data import scenes
from mmscratch.data.communities import make_communities
from mmscratch.explain import class_map, roll_out
from mmscratch.metrics import dirichlet_energy
from mmscratch.models.scene_cnn import SceneCNN
from mmscratch.models.scene_vit import SceneViT
from mmscratch.models.transformer_captioner import TransformerCaptioner
from mmscratch.nn.graph import normalized_adjacency
from mmscratch.optim import AdamW, OneCycleLR
from mmscratch.random import Generator
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.image.attributes import SceneBatches, judge, targets_of
from mmscratch.tasks.trends.graphs import figures_of, propagate, train
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · 多个头
#
# 第 2 课推导过一个头，$\mathrm{softmax}(QK^{\mathsf T}/\sqrt d)\,V$。Transformer（Vaswani 等，2017）把 $G$ 个头并排，每个头有自己的子空间：
#
# $$\mathrm{head}_g = \mathrm{softmax}\!\Big(\tfrac{(XW_g^Q)(XW_g^K)^{\mathsf T}}{\sqrt{D/G}}\Big)\,XW_g^V,\qquad Y = [\mathrm{head}_1;\dots;\mathrm{head}_G]\,W_o .$$
#
# 花费与一个全宽的头相同，因为每个头只有 $D/G$ 列；但一个词可以既看它的名词 *又* 看它的动词，而单个 softmax 只能二选一或混在一起。
#
# 它看不见的是 **顺序**。设 $P$ 是各行的一个置换。得分变成 $P S P^{\mathsf T}$，softmax 逐行计算，于是 $f(PX) = P f(X)$：换了位置的词带着自己的结果走，别的什么也没有发生。所以位置必须 *加* 到词上。

# %%
D, G, T = 12, 3, 5
layer = nn.MultiheadAttention(D, G, batch_first=True, generator=Generator(0))
X = rng.normal(size=(1, T, D)).astype(np.float32)


def row_softmax(s):
    """Softmax of the last axis."""
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


with no_grad():
    Y, weights = layer(Tensor(X), Tensor(X), Tensor(X), average_attn_weights=False)
W, b = layer.in_proj_weight.detach().numpy(), layer.in_proj_bias.detach().numpy()
Q, K, V = ((X[0] @ W[k * D : (k + 1) * D].T + b[k * D : (k + 1) * D]) for k in range(3))
heads = []
for g in range(G):
    own = slice(g * D // G, (g + 1) * D // G)  # the columns of this head
    A = row_softmax(Q[:, own] @ K[:, own].T / np.sqrt(D // G))
    print(f"head {g + 1}, weights as written:", np.allclose(A, weights.numpy()[0, g], atol=1e-5))
    heads.append(A @ V[:, own])
out = np.concatenate(heads, 1) @ layer.out_proj.weight.detach().numpy().T
print("output as written:", np.allclose(out + layer.out_proj.bias.detach().numpy(), Y.numpy()[0], atol=1e-5))
order = rng.permutation(T)
moved = Tensor(np.ascontiguousarray(X[:, order]))
with no_grad():
    again = layer(moved, moved, moved)[0].numpy()
print("f(PX) = P f(X):   ", np.allclose(again[0], Y.numpy()[0][order], atol=1e-5))

# %% [markdown]
# ## 2 · 层归一化，以及回来的路
#
# $$\hat x = \frac{x-\mu}{\sigma},\qquad \mu = \tfrac1D\sum_i x_i,\quad \sigma^2 = \tfrac1D\sum_i (x_i-\mu)^2,\qquad y = \gamma\odot\hat x + \beta .$$
#
# 设 $g = \gamma\odot\partial L/\partial y$ 为到达 $\hat x$ 的梯度。由 $\partial\mu/\partial x_j = \tfrac1D$ 与 $\partial\sigma/\partial x_j = \tfrac1D\,\hat x_j$，
#
# $$\frac{\partial\hat x_i}{\partial x_j} = \frac1\sigma\Big(\delta_{ij} - \tfrac1D - \tfrac1D\,\hat x_i\hat x_j\Big)\quad\Longrightarrow\quad \boxed{\;\frac{\partial L}{\partial x} = \frac1\sigma\Big(g - \overline{g} - \hat x\;\overline{g\odot\hat x}\Big)\;}$$
#
# 括号是一个投影：$g$ 在 $\mathbf 1$ 方向和 $\hat x$ 方向上的分量被去掉。必须如此，因为给 $x$ 加常数、或把 $x-\mu$ 拉长，都不改变 $y$：沿这两个方向损失是平的。

# %%
x = Tensor(rng.normal(size=(4, D)), requires_grad=True)
gamma, beta = rng.normal(size=D), rng.normal(size=D)
above = rng.normal(size=(4, D))  # ∂L/∂y
y = ops.layer_norm(x, Tensor(gamma), Tensor(beta), normalized_shape=D, eps=0.0)
(y * Tensor(above)).sum().backward()
mu, sigma = x.data.mean(1, keepdims=True), x.data.std(1, keepdims=True)
hat, g = (x.data - mu) / sigma, gamma * above
by_hand = (g - g.mean(1, keepdims=True) - hat * (g * hat).mean(1, keepdims=True)) / sigma
print("as derived:           ", np.allclose(by_hand, x.grad))
print("flat along 1 and x̂:   ", np.allclose(x.grad.sum(1), 0), np.allclose((x.grad * hat).sum(1), 0))

# %% [markdown]
# ## 3 · 把图像当作句子
#
# 视觉 Transformer（Dosovitskiy 等，2021）把图像切成块，每块当作一个词，加上位置和一个 *类别记号*，其余交给注意力：逐块 $x \leftarrow x + \mathrm{MHA}(\mathrm{LN}(x))$，再 $x \leftarrow x + \mathrm{MLP}(\mathrm{LN}(x))$。
#
# 我们的 ViT 做场景网络自己的任务（第 5 课）：8 × 8 个格子里各有什么？一块就是一格，8 × 8 像素。旁边是一个运算量相近的 CNN，用 *同样的* 500 张图，同样的步数。CNN 的形式已经告诉了它两件事：邻居属于一起；在这里成立的，在那里也成立。ViT 要从 500 张图里自己学会这两件事。

# %%
trained, checked = (
    load_scenes("scenes:train=500,val=0,test=150,heldout_pairs=0,positions=all,seed=7", part)
    for part in ("train", "test-iid")
)
NETWORKS = {
    "CNN": (SceneCNN((16, 24, 32, 32), generator=Generator(0)), 5e-3),
    "ViT": (SceneViT(32, 2, 4, generator=Generator(0)), 4e-3),
}
SHOWN = ("objectness right (cells)", "shape right", "colour right", "size right")
found = {}
for name, (model, rate) in NETWORKS.items():
    optimizer = AdamW(model.parameters(), lr=rate)
    schedule = OneCycleLR(optimizer, max_lr=rate, total_steps=160)
    batches = SceneBatches(trained.images, targets_of(trained.scenes), 32, 0)
    for _ in range(10):
        for images, targets in batches:
            loss = model.attribute_loss(model(Tensor(images))[1], targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    found[name] = judge(model, checked)
    model.eval()
base = [found["CNN"][k] for k in ("objectness right, majority", *(f"{s}, majority" for s in SHOWN[1:]))]
figure, ax = plt.subplots(figsize=(7.5, 3))
for k, (name, colour) in enumerate({"CNN": BLUE, "ViT": GREEN}.items()):
    bars = ax.bar(np.arange(4) + 0.36 * k, [found[name][s] for s in SHOWN], 0.34, color=colour, label=name)
    ax.bar_label(bars, fmt="%.2f", fontsize=8)
ax.scatter(np.arange(4) + 0.18, base, marker="_", s=1800, color="k", lw=1, label="majority")
ax.set(xticks=np.arange(4) + 0.18, xticklabels=[s.removesuffix(" (cells)") for s in SHOWN], ylim=(0, 1.12))
ax.legend(frameon=False, fontsize=8, ncols=3, loc="upper center")
plt.show()
print("with 500 pictures the CNN knows more shapes:", found["CNN"][SHOWN[1]] > found["ViT"][SHOWN[1]])

# %% [markdown]
# 更多图、三个种子的表见 `mmscratch table trends --block encoder`。有几百万张图时顺序会倒过来（那正是论文的要点）；只有几百张时，形式比自由更值钱。
#
# ## 4 · 它在看哪里？把注意力展开
#
# 第二块的一个权重说的是看了哪个 *状态*；但那个状态本身已是混合物。展开（Abnar 与 Zuidema，2020）把每层与残差各取一半，再相乘：
#
# $$\hat A_l = \tfrac12 I + \tfrac12\,\tfrac1G\sum_g A_l^g,\qquad R = \hat A_L\cdots\hat A_2\hat A_1 .$$
#
# 每个 $\hat A_l$ 的行和为一，$R$ 也就如此；$R_{ij}$ 是从顶上的 $i$ 到底下的 $j$ 所有路径上权重乘积之和。下图：一个物体所在块的那一行。

# %%
model = NETWORKS["ViT"][0]
pictures = checked.floats()[:3]
with no_grad():
    weights = [w.numpy() for w in model(Tensor(pictures), trace=True)[2]]
R = roll_out(weights)
print("rows of R sum to one:", np.allclose(R.sum(-1), 1, atol=1e-5))
half = [np.eye(65) / 2 + w[0].mean(0) / 2 for w in weights]
print("two layers, as written:", np.allclose(half[1] @ half[0], R[0], atol=1e-5))
cells = scenes.object_cells(list(checked.scenes[:3]), grid=8)
figure, axes = plt.subplots(3, 4, figsize=(8, 6))
for n, row in enumerate(axes):
    cell = cells[n][0]
    own = [w[n].mean(0)[1 + cell, 1:].reshape(8, 8) for w in weights]
    rolled = R[n, 1 + cell, 1:].copy()
    rolled[cell] = 0  # the way that stays, a quarter or more, would outshine the others
    row[0].imshow(pictures[n].transpose(1, 2, 0))
    row[0].add_patch(
        plt.Rectangle((cell % 8 * 8 - 0.5, cell // 8 * 8 - 0.5), 8, 8, fill=False, ec="k", lw=1.5)
    )
    for ax, heat in zip(row[1:], [*own, rolled.reshape(8, 8)], strict=True):
        ax.imshow(heat, cmap="inferno", vmin=0)
    for ax in row:
        ax.set(xticks=[], yticks=[])
for ax, title in zip(
    axes[0], ("picture, one patch", "block 1, heads' mean", "block 2", "rollout, others"), strict=True
):
    ax.set_title(title, fontsize=9)
plt.tight_layout()
plt.show()
seen = class_map(R)
print("the class token's map:", seen.shape, "- the same for every question: rollout knows no class")

# %% [markdown]
# ## 5 · 解码器，以及它为什么不能看未来
#
# 会写的 Transformer（第 8 课的解码器，去掉循环）是同样的层加一个掩码：第 $t$ 个词只看第 $1,\dots,t$ 个词。于是训练时所有词一起算，而逐个写出的数完全相同。两点都可以检验：一是用梯度，二是直接比较。

# %%
writer = TransformerCaptioner(20, 6, hidden=16, layers=2, heads=2, generator=Generator(0)).eval()
regions = Tensor(rng.normal(size=(1, 4, 6)).astype(np.float32))
words = np.array([[1, 5, 9, 7, 3, 2]])
z = writer(regions, Tensor(words))[0]
z[0, 2].sum().backward()  # the third prediction
reached = np.abs(writer.E.weight.grad).sum(1) > 0
print(
    "words that the third prediction hears:", np.flatnonzero(reached).tolist(), "of", words[0, :-1].tolist()
)
state, steps = writer.start(regions), []
with no_grad():
    for word in words[0, :-1]:
        state, now, _ = writer.step(state, Tensor(np.array([word])))
        steps.append(now.numpy()[0])
print("one by one = all at once:", np.allclose(steps, z.detach().numpy()[0], atol=1e-5))

# %% [markdown]
# ## 6 · GCN：图上的一层，及其反向
#
# 结点特征 $X$ $(N, D)$，边 $A$。图卷积（Kipf 与 Welling，2017）让每个结点听见邻居和自己：
#
# $$Y = \hat A X W,\qquad \hat A = \tilde D^{-1/2}(A + I)\tilde D^{-1/2},\quad \tilde D_{ii} = 1 + d_i .$$
#
# 记 $\dot Y = \partial L/\partial Y$；因为 $\hat A$ 对称，
#
# $$\boxed{\;\dot W = (\hat A X)^{\mathsf T}\,\dot Y,\qquad \dot X = \hat A\,\dot Y\,W^{\mathsf T}\;}$$
#
# 梯度也沿着边走：反向就是再传播一次。（图像和词也是图：第 5 课的物体与关系；自注意力则是“人人相识”的图上的一层，边是算出来的。）

# %%
graph = make_communities(nodes=60, told=5, seed=3)
A = graph.adjacency[None].astype(np.float64)
hat_A = normalized_adjacency(Tensor(A)).numpy()[0]
gcn = nn.GCNConv(graph.x.shape[1], 4, bias=False, generator=Generator(0)).to("float64")
X = Tensor(graph.x[None].astype(np.float64), requires_grad=True)
Y = gcn(X, Tensor(A))
above = rng.normal(size=Y.shape)
(Y * Tensor(above)).sum().backward()
W = gcn.weight.detach().numpy().T  # the library keeps Wᵀ, as every linear layer
print("forward: ", np.allclose(hat_A @ X.data[0] @ W, Y.detach().numpy()[0]))
print("dW:      ", np.allclose((hat_A @ X.data[0]).T @ above[0], gcn.weight.grad.T))
print("dX:      ", np.allclose(hat_A @ above[0] @ W.T, X.grad[0]))

# %% [markdown]
# ## 7 · GAT：学出来的边
#
# 图注意力（Veličković 等，2018）计算每条边的权重，$z_i = W^{\mathsf T} x_i$：
#
# $$e_{ij} = \mathrm{LeakyReLU}(u^{\mathsf T} z_i + v^{\mathsf T} z_j),\qquad \alpha_{ij} = \mathrm{softmax}_{j\in N(i)\cup\{i\}}\,e_{ij},\qquad y_i = \sum_j \alpha_{ij} z_j .$$
#
# 反向按镜像的次序（$\lambda_{ij}$ 是 LeakyReLU 的斜率，1 或 0.2）：
#
# $$\dot\alpha_{ij} = \dot y_i\cdot z_j,\qquad \dot e_{ij} = \alpha_{ij}\Big(\dot\alpha_{ij} - \sum_k \alpha_{ik}\dot\alpha_{ik}\Big)\lambda_{ij},\qquad \dot u = \sum_{ij}\dot e_{ij}\,z_i,\quad \dot v = \sum_{ij}\dot e_{ij}\,z_j,$$
#
# $$\dot z_j = \sum_i \alpha_{ij}\,\dot y_i \;+\; u\sum_k \dot e_{jk} \;+\; v\sum_i \dot e_{ij} .$$
#
# 一个结点收到三封信：作为被听见者，作为提问者，作为被问者。

# %%
gat = nn.GATConv(graph.x.shape[1], 4, bias=False, generator=Generator(1)).to("float64")
X = Tensor(graph.x[None].astype(np.float64), requires_grad=True)
Y, alpha = gat(X, Tensor(A), need_weights=True)
(Y * Tensor(above)).sum().backward()
W, u, v = (p.detach().numpy() for p in (gat.weight, gat.source, gat.target))
z, dy = X.data[0] @ W.T, above[0]
s = (z @ u[0])[:, None] + (z @ v[0])[None]
edges = graph.adjacency | np.eye(60, dtype=bool)
a = row_softmax(np.where(edges, np.where(s > 0, s, 0.2 * s), -1e9))
print(
    "alpha:   ",
    np.allclose(a, alpha.detach().numpy()[0, 0]),
    " y:",
    np.allclose(a @ z, Y.detach().numpy()[0]),
)
da = dy @ z.T
de = a * (da - (a * da).sum(1, keepdims=True)) * np.where(s > 0, 1, 0.2)
print(
    "du, dv:  ",
    np.allclose(de.sum(1) @ z, gat.source.grad[0]),
    np.allclose(de.sum(0) @ z, gat.target.grad[0]),
)
dz = a.T @ dy + np.outer(de.sum(1), u[0]) + np.outer(de.sum(0), v[0])
print("dW, dX:  ", np.allclose(dz.T @ X.data[0], gat.weight.grad), np.allclose(dz @ W, X.grad[0]))

# %% [markdown]
# ## 8 · 太深：所有结点变成一个
#
# $\hat A$ 对称；图连通时特征值 $1 = \lambda_1 > |\lambda_2| \ge \dots$，第一特征向量 $u_1 \propto \tilde D^{1/2}\mathbf 1$（验证：$\hat A\tilde D^{1/2}\mathbf 1 = \tilde D^{-1/2}(A+I)\mathbf 1 = \tilde D^{1/2}\mathbf 1$）。所以
#
# $$\hat A^k X = \sum_i \lambda_i^k\,u_i u_i^{\mathsf T} X \;\longrightarrow\; u_1 u_1^{\mathsf T} X,\qquad \text{其余部分至多 } |\lambda_2|^k\,\|X\| .$$
#
# 许多层之后，结点的特征只是一个仅由 *度数* 决定的数，乘以同一个方向：区分结点的东西全没了。这就是 **过平滑**（Li 等，2018；Oono 与 Suzuki，2020）。走了多远，由狄利克雷能量 $\mathrm{tr}(X^{\mathsf T}(I-\hat A)X)/\|X\|^2$ 说明：沿着边还有多少不同。

# %%
values, vectors = np.linalg.eigh(hat_A)
degree = 1 + graph.adjacency.sum(1)
top = np.sqrt(degree / degree.sum())
print("eigenvalue 1, eigenvector √(1 + d):", np.isclose(values[-1], 1), np.allclose(hat_A @ top, top))
second = np.abs(values[:-1]).max()
limit, size = np.outer(top, top @ graph.x), np.linalg.norm(graph.x)
powers = np.arange(0, 25)
signals = [propagate(graph.x, graph.adjacency, k) for k in powers]
rest = [np.linalg.norm(s - limit) / size for s in signals]
print("the rest is below |λ₂|^k:", all(r <= second**k + 1e-12 for r, k in zip(rest, powers, strict=True)))
energy = [dirichlet_energy(s, graph.adjacency) for s in signals]
depths = (1, 2, 4, 8)
right, alike = {}, {}
for name, residual in (("GCN", False), ("with residual", True)):
    fits = [figures_of(train(graph, "gcn", residual, d, 0, steps=60), graph) for d in depths]
    right[name], alike[name] = [f["test"] for f in fits], [f["train"] for f in fits]
alone = figures_of(train(graph, "gcn", False, 0, 0, steps=60), graph)["test"]
figure, axes = plt.subplots(1, 3, figsize=(11, 3.1))
axes[0].semilogy(powers, rest, color=RED, label="what is left beside $u_1$")
axes[0].semilogy(powers, second**powers, "k:", label="$|λ_2|^k$")
axes[0].semilogy(powers, energy, color=BLUE, label="energy / ‖X‖²")
axes[0].set(xlabel="k", title="$\\hat A^k X$, nothing learnt")
for ax, told, title in ((axes[1], alike, "told nodes right"), (axes[2], right, "test nodes right")):
    for (name, line), style in zip(told.items(), ("-", "--"), strict=True):
        ax.plot(depths, line, style, marker="o", color=RED, label=name)
    ax.axhline(1 / 3, color=GREY, ls=":", lw=1)
    ax.set(xscale="log", xlabel="layers", title=title, ylim=(0.2, 1.05))
    ax.set_xticks(depths, depths)
    ax.minorticks_off()
axes[2].axhline(alone, color="k", ls=":", lw=1, label="no edges")
for ax in (axes[0], axes[2]):
    ax.legend(frameon=False, fontsize=8)
plt.tight_layout()
plt.show()
print("two layers beat none, and eight without residual are worse than two:",
      right["GCN"][1] > alone and right["GCN"][3] < right["GCN"][1])  # fmt: skip

# %% [markdown]
# 两层比没有好：邻居多半是同类，对他们取平均会去掉噪声。再深，信号也被去掉了。中间的图提醒我们不要急着下结论：没有残差的深网络在 *被告知的* 结点上也失败，所以问题也在训练。残差对两者都有帮助。`mmscratch table trends --block graphs` 还有 GAT，到 16 层，三个种子。
#
# ## §7.1 要改正什么
#
# | 综述 | 应当是 |
# |---|---|
# | Transformer 是更强大的表示 | 数据足够时；图少的时候，同样花费的 CNN 懂得更多 |
# | 图神经网络是更强大的表示 | 两层时；层数多了所有结点变成一个，除非留住输入 |
# | （没说它们看不见什么） | 没有位置的注意力看不见顺序；GCN 看得见谁，看不见哪种关系（R-GCN：第 5 课） |
# | 多层次、自适应融合 | 第 16 课：`multi-level`、`attention`、`experts` |
#
# ## 练习
#
# 写在标记之间，运行该格，再运行下面的检查。
#
# **A.1** 层归一化的梯度：由 `x`、`above` $= \partial L/\partial y$ (B, D) 和 `gamma` (D,)，求 $\partial L/\partial x$ (B, D)，不用 eps。


# %%
def norm_gradient(x, above, gamma):
    """(B, D)."""
    ### BEGIN SOLUTION
    sigma = x.std(1, keepdims=True)
    hat, g = (x - x.mean(1, keepdims=True)) / sigma, gamma * above
    return (g - g.mean(1, keepdims=True) - hat * (g * hat).mean(1, keepdims=True)) / sigma
    ### END SOLUTION


# %%
checks.norm_gradient(norm_gradient)

# %% [markdown]
# **A.2** 展开：由注意力权重的列表 `layers`（第一层在前，每个 (G, T, T)），求第 4 节的矩阵 $R$ (T, T)。


# %%
def rolled_out(layers):
    """(T, T)."""
    ### BEGIN SOLUTION
    found = np.eye(layers[0].shape[-1])
    for weights in layers:
        found = (0.5 * np.eye(len(found)) + 0.5 * weights.mean(0)) @ found
    return found
    ### END SOLUTION


# %%
checks.rolled_out(rolled_out)

# %% [markdown]
# **A.3** 图卷积回来的路：由边 `A` (N, N)、`X` (N, D)、`W` (D, K) 和 `above` $= \dot Y$ (N, K)，求第 6 节的一对 $\dot X$、$\dot W$。


# %%
def graph_gradients(A, X, W, above):
    """(N, D) and (D, K)."""
    ### BEGIN SOLUTION
    loops = A + np.eye(len(A))
    root = 1 / np.sqrt(loops.sum(1))
    hat_A = root[:, None] * loops * root
    return hat_A @ above @ W.T, (hat_A @ X).T @ above
    ### END SOLUTION


# %%
checks.graph_gradients(graph_gradients)

# %% [markdown]
# ## 现在你知道
#
# * 多个头的花费与一个相同。没有位置的注意力对顺序是盲的：$f(PX) = Pf(X)$。
# * 层归一化的梯度是投影：$\mathbf 1$ 方向没有，$\hat x$ 方向也没有。
# * CNN 由形式得知的，ViT 要去学；图少时看得出来。
# * 展开把注意力逐层相乘，而它不知道问题是什么。
# * GCN 的梯度是再一次传播；GAT 的结点收到三封信。
# * $\hat A^k X \to u_1u_1^{\mathsf T}X$：深度使所有结点成为一个。残差使它们分开。
#
# 继续读 `mmscratch/nn/graph.py`、`representations/image/vit.py`、`models/scene_vit.py`、`explain/rollout.py`、`tasks/trends/table.py`。
