# %% [markdown]
# # A · Transformer and graph networks
#
# **You will be able to** write down attention with several heads and say what it cannot see without places, derive what flows back through layer normalisation, GCN and GAT, read a Vision Transformer by rolling its attention out, and prove what happens to a graph network that is too deep.
#
# **Time** about 45 minutes of reading, one minute of computing on a laptop · **Data** none to download · **Follows** §7.1 of the survey.

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
# ## 1 · Several heads
#
# Lesson 2 derived one head, $\mathrm{softmax}(QK^{\mathsf T}/\sqrt d)\,V$. A Transformer (Vaswani et al., 2017) has $G$ of them side by side, each in a subspace of its own:
#
# $$\mathrm{head}_g = \mathrm{softmax}\!\Big(\tfrac{(XW_g^Q)(XW_g^K)^{\mathsf T}}{\sqrt{D/G}}\Big)\,XW_g^V,\qquad Y = [\mathrm{head}_1;\dots;\mathrm{head}_G]\,W_o .$$
#
# It costs what one head of full width costs, for each head has only $D/G$ columns; but a word can look at its noun *and* at its verb, where one softmax must choose or mix.
#
# What it cannot see is **order**. Let $P$ be a permutation of the rows. Scores become $P S P^{\mathsf T}$, the softmax works row by row, and so $f(PX) = P f(X)$: words that change places take their results with them, and nothing else happens. That is why places must be *added* to the words.

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
# ## 2 · Layer normalisation, and the way back
#
# $$\hat x = \frac{x-\mu}{\sigma},\qquad \mu = \tfrac1D\sum_i x_i,\quad \sigma^2 = \tfrac1D\sum_i (x_i-\mu)^2,\qquad y = \gamma\odot\hat x + \beta .$$
#
# Let $g = \gamma\odot\partial L/\partial y$ be what arrives at $\hat x$. From $\partial\mu/\partial x_j = \tfrac1D$ and $\partial\sigma/\partial x_j = \tfrac1D\,\hat x_j$,
#
# $$\frac{\partial\hat x_i}{\partial x_j} = \frac1\sigma\Big(\delta_{ij} - \tfrac1D - \tfrac1D\,\hat x_i\hat x_j\Big)\quad\Longrightarrow\quad \boxed{\;\frac{\partial L}{\partial x} = \frac1\sigma\Big(g - \overline{g} - \hat x\;\overline{g\odot\hat x}\Big)\;}$$
#
# The bracket is a projection: what $g$ has along $\mathbf 1$ and along $\hat x$ is taken away. It has to be so, since neither adding a constant to $x$ nor stretching $x - \mu$ changes $y$: along those two directions the loss is flat.

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
# ## 3 · A picture as a sentence
#
# A Vision Transformer (Dosovitskiy et al., 2021) cuts the picture into patches, takes each as a word, adds a place and a *class token*, and lets attention do the rest: block by block $x \leftarrow x + \mathrm{MHA}(\mathrm{LN}(x))$, then $x \leftarrow x + \mathrm{MLP}(\mathrm{LN}(x))$.
#
# Ours gets the scene network's own task (lesson 5): what lies in each of the 8 × 8 cells? One patch is one cell, 8 × 8 pixels. Beside it a CNN of about as many operations, on the *same* 500 pictures, with the same number of steps. The CNN is told two things by its form: neighbours belong together, and what holds here holds there. The ViT must learn both from 500 pictures.

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
# The table with more pictures and three seeds is `mmscratch table trends --block encoder`. With millions of pictures the order turns round (that is the paper's point); with hundreds the form is worth more than freedom.
#
# ## 4 · Where does it look? Rolling attention out
#
# A weight of the second block says which *state* was looked at; but that state is a mixture already. Rollout (Abnar & Zuidema, 2020) mixes half of each layer with the residual, and multiplies:
#
# $$\hat A_l = \tfrac12 I + \tfrac12\,\tfrac1G\sum_g A_l^g,\qquad R = \hat A_L\cdots\hat A_2\hat A_1 .$$
#
# Since every $\hat A_l$ has rows that sum to one, so has $R$; and $R_{ij}$ is the sum over all ways from $i$ on top to $j$ below of the product of their weights. Below: the row of one object's patch.

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
# ## 5 · A decoder, and why it must not see the future
#
# A Transformer that writes (lesson 8's decoder without recurrence) has the same layer with a mask: word $t$ sees words $1,\dots,t$. Then all words are trained at once, and writing one by one gives the same numbers. Both can be tested: with a gradient, and by comparing.

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
# ## 6 · GCN: a layer on a graph, and back
#
# Nodes with features $X$ $(N, D)$, edges $A$. A graph convolution (Kipf & Welling, 2017) lets each node hear its neighbours and itself:
#
# $$Y = \hat A X W,\qquad \hat A = \tilde D^{-1/2}(A + I)\tilde D^{-1/2},\quad \tilde D_{ii} = 1 + d_i .$$
#
# With $\dot Y = \partial L/\partial Y$, and since $\hat A$ is symmetric,
#
# $$\boxed{\;\dot W = (\hat A X)^{\mathsf T}\,\dot Y,\qquad \dot X = \hat A\,\dot Y\,W^{\mathsf T}\;}$$
#
# The gradient walks along the edges as well: backwards is one more propagation. (Picture and words are a graph, too: objects and their relations, lesson 5; self-attention is a layer on the graph in which everybody knows everybody, with edges that are computed.)

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
# ## 7 · GAT: edges that are learnt
#
# Graph attention (Veličković et al., 2018) computes the weight of each edge, with $z_i = W^{\mathsf T} x_i$:
#
# $$e_{ij} = \mathrm{LeakyReLU}(u^{\mathsf T} z_i + v^{\mathsf T} z_j),\qquad \alpha_{ij} = \mathrm{softmax}_{j\in N(i)\cup\{i\}}\,e_{ij},\qquad y_i = \sum_j \alpha_{ij} z_j .$$
#
# Backwards, in the mirror's order ($\lambda_{ij}$ is the slope of LeakyReLU, 1 or 0.2):
#
# $$\dot\alpha_{ij} = \dot y_i\cdot z_j,\qquad \dot e_{ij} = \alpha_{ij}\Big(\dot\alpha_{ij} - \sum_k \alpha_{ik}\dot\alpha_{ik}\Big)\lambda_{ij},\qquad \dot u = \sum_{ij}\dot e_{ij}\,z_i,\quad \dot v = \sum_{ij}\dot e_{ij}\,z_j,$$
#
# $$\dot z_j = \sum_i \alpha_{ij}\,\dot y_i \;+\; u\sum_k \dot e_{jk} \;+\; v\sum_i \dot e_{ij} .$$
#
# A node gets three letters: as one that was heard, as one that asked, as one that was asked.

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
# ## 8 · Too deep: all nodes become one
#
# $\hat A$ is symmetric; of a connected graph its eigenvalues are $1 = \lambda_1 > |\lambda_2| \ge \dots$, and the first eigenvector is $u_1 \propto \tilde D^{1/2}\mathbf 1$ (check: $\hat A\tilde D^{1/2}\mathbf 1 = \tilde D^{-1/2}(A+I)\mathbf 1 = \tilde D^{1/2}\mathbf 1$). So
#
# $$\hat A^k X = \sum_i \lambda_i^k\,u_i u_i^{\mathsf T} X \;\longrightarrow\; u_1 u_1^{\mathsf T} X,\qquad \text{and the rest is at most } |\lambda_2|^k\,\|X\| .$$
#
# After many layers a node's features are a number that depends on its *degree* alone, times one direction: whatever told the nodes apart is gone. That is **over-smoothing** (Li et al., 2018; Oono & Suzuki, 2020). How far it has gone says the Dirichlet energy $\mathrm{tr}(X^{\mathsf T}(I-\hat A)X)/\|X\|^2$: how much is different along the edges.

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
# Two layers are better than none: neighbours are mostly of one's own kind, and the mean over them takes the noise away. Depth then takes the signal, too. The middle picture warns of a hasty word: a deep plain network also fails on the nodes *it was told*, so the trouble is one of training as well. The residual helps with both. `mmscratch table trends --block graphs` has GAT beside it, to 16 layers, with three seeds.
#
# ## What to correct in §7.1
#
# | the survey | what it should be |
# |---|---|
# | Transformers are stronger representations | with enough data; with few pictures a CNN of the same cost knows more |
# | graph networks are stronger representations | two layers of them; many make all nodes one, unless the input is kept |
# | (no word on what they cannot see) | attention without places sees no order; GCN sees who, not which relation (R-GCN: lesson 5) |
# | multi-level, adaptive fusion | lesson 16: `multi-level`, `attention`, `experts` |
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it.
#
# **A.1** The gradient of layer normalisation: from `x`, `above` $= \partial L/\partial y$ (B, D) and `gamma` (D,), $\partial L/\partial x$ (B, D), with no eps.


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
# **A.2** Rollout: from a list of attention weights `layers`, first layer first, each (G, T, T), the matrix $R$ (T, T) of section 4.


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
# **A.3** A graph convolution's way back: from edges `A` (N, N), `X` (N, D), `W` (D, K) and `above` $= \dot Y$ (N, K) the pair $\dot X$, $\dot W$ of section 6.


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
# ## What you know now
#
# * Several heads cost what one costs. Attention without places is blind to order: $f(PX) = Pf(X)$.
# * Layer normalisation's gradient is a projection: nothing along $\mathbf 1$, nothing along $\hat x$.
# * A ViT learns what a CNN is told by its form; with few pictures that shows.
# * Rollout multiplies attention through the layers, and knows no question.
# * GCN's gradient is one more propagation; GAT's nodes get three letters.
# * $\hat A^k X \to u_1u_1^{\mathsf T}X$: depth makes all nodes one. Residuals keep them apart.
#
# Read on in `mmscratch/nn/graph.py`, `representations/image/vit.py`, `models/scene_vit.py`, `explain/rollout.py`, `tasks/trends/table.py`.
