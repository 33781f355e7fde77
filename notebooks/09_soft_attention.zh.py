# %% [markdown]
# # 9 · 软注意力：逐词决定看哪里
#
# **学完这一课，你能够** 亲手推导 Bahdanau 注意力及其梯度，说清门控和双随机惩罚的作用、以及惩罚项发表时的目标为什么无法达到，在两种提问方式和两种打分方式之间做选择，并 *测量* 模型说到一样东西时是否真的在看它。
#
# **用时** 阅读约 45 分钟，笔记本电脑上计算约两分钟 · **数据** 无需下载 · **对应** 综述 §3.1.2（软注意力）。

# %%
import checks
import matplotlib.pyplot as plt
import numpy as np

import mmscratch as mm
from mmscratch import ops
from mmscratch.autograd import no_grad
from mmscratch.data import scenes
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.metrics.attention import mass_inside, pointing_game
from mmscratch.models.caption_losses import doubly_stochastic_penalty
from mmscratch.models.captioner import AttentionCaptioner
from mmscratch.random import Generator
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.captioning.model import PictureCaptioner, describe
from mmscratch.tasks.captioning.settings import CaptionSettings
from mmscratch.tasks.captioning.task import learn
from mmscratch.tasks.figures import attention_grid
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · 每个词看一眼
#
# 第 7 课的描述模型看到的是各区域的 *平均*，每一步都一样：图里有两个物体，它看到的是混合物。Xu 等（2015）让解码器在每一步 $t$ 重新选择。设区域为 $a_1, \dots, a_R$，解码器状态为 $h$（式 4 至 6，门控见 §4.2.1）：
#
# $$e_{ti} = v^{\mathsf T}\tanh(W_a a_i + U_a h), \qquad
# \alpha_{ti} = \frac{\exp e_{ti}}{\sum_j \exp e_{tj}}, \qquad
# \hat z_t = \sum_i \alpha_{ti}\, a_i, \qquad z_t = \beta_t\,\hat z_t .$$
#
# $e$ 由一个小网络给出，表示区域有多合适（Bahdanau、Cho 和 Bengio，2015）；$\alpha$ 把它变成 *对区域* 求和为 1 的权重；$\hat z$ 是看到的内容；门 $\beta_t = \sigma(w_\beta^{\mathsf T} h + b)$ 说明对这个词来说看图到底有多重要（“的”根本不用看）。
#
# **§3.1.2 需要更正之处。** 综述说权重在“图像特征与每个单词之间”。其实它在 *第 t 步的状态* 与 $R$ 个区域之间：看的时候那个词还不存在，它正是看了之后才说出来的。

# %%
R, D, A, H = 5, 4, 3, 6
a, h = rng.normal(size=(R, D)), rng.normal(size=H)
W_a, U_a, v, w = rng.normal(size=(A, D)), rng.normal(size=(A, H)), rng.normal(size=A), rng.normal(size=H)

s = np.tanh(a @ W_a.T + U_a @ h)  # (R, A)
e = s @ v
alpha = np.exp(e - e.max()) / np.exp(e - e.max()).sum()
seen = alpha @ a
beta = 1 / (1 + np.exp(-w @ h))
z = beta * seen
print("weights", alpha.round(3), " sum", alpha.sum().round(12), " gate", beta.round(3))

# %% [markdown]
# ## 2 · 亲手求梯度
#
# 设模型其余部分交给我们 $g = \partial L/\partial z$。从最后一行往回走。
#
# * 门：$\partial L/\partial\beta = \hat z^{\mathsf T} g$，再经过 sigmoid，$\partial L/\partial(w_\beta^{\mathsf T}h) = \beta(1-\beta)\,\hat z^{\mathsf T} g$；而 $\partial L/\partial\hat z = \beta g =: d$。
# * 加权和：$\partial L/\partial\alpha_i = a_i^{\mathsf T} d$，另有 $\alpha_i d$ 传给 $a_i$。
# * softmax（第 2 课）：$\partial L/\partial e_i = \alpha_i\bigl(a_i^{\mathsf T}d - \sum_j\alpha_j a_j^{\mathsf T}d\bigr)$。其中的和就是 $\hat z^{\mathsf T}d$，于是
#
# $$\boxed{\;\frac{\partial L}{\partial e_i} = \alpha_i\,(a_i - \hat z)^{\mathsf T}\, d\;}$$
#
# * 打分：记 $s_i = \tanh(\cdot)$，$u_i = \dfrac{\partial L}{\partial e_i}\; v \odot (1 - s_i^2)$ 传给 $W_a$ 的是 $\sum_i u_i a_i^{\mathsf T}$，传给 $U_a$ 的是 $(\sum_i u_i)h^{\mathsf T}$，传给 $a_i$ 的是 $W_a^{\mathsf T}u_i$，传给 $h$ 的是 $U_a^{\mathsf T}\sum_i u_i$；$\partial L/\partial v = \sum_i \frac{\partial L}{\partial e_i} s_i$。
#
# 看框里的式子：*从现在看到的内容出发*，如果某个区域正位于损失希望上下文去的方向，它的权重就增加。而 $\alpha_i \approx 0$ 的区域得不到梯度：注意力若过早做出选择，就再也找不回来。

# %%
g = rng.normal(size=D)
d = beta * g
de = alpha * ((a - seen) @ d)
u = de[:, None] * v * (1 - s**2)
gate_slope = beta * (1 - beta) * (seen @ g)
by_hand = {
    "regions": np.outer(alpha, d) + u @ W_a,
    "state": U_a.T @ u.sum(0) + gate_slope * w,
    "W_a": u.T @ a,
    "U_a": np.outer(u.sum(0), h),
    "v": de @ s,
    "w": gate_slope * h,
}

leaves = {name: mm.tensor(x, requires_grad=True) for name, x in
          zip(by_hand, (a, h, W_a, U_a, v, w), strict=True)}  # fmt: skip
keys = ops.matmul(leaves["regions"], leaves["W_a"].transpose(0, 1)).reshape(1, R, A)
query = ops.matmul(leaves["U_a"], leaves["state"]).reshape(1, 1, A)
weights = ops.softmax(ops.additive_scores(query, keys, leaves["v"])).reshape(R)
gate = ops.sigmoid((leaves["w"] * leaves["state"]).sum())
context = gate * ops.matmul(weights, leaves["regions"])
(context * mm.tensor(g)).sum().backward()
for name, value in by_hand.items():
    print(f"{name:8} by hand = autograd: {np.allclose(leaves[name].grad, value, rtol=1e-10)}")
print("the energies' gradients sum to zero:", bool(abs(de.sum()) < 1e-12))

# %% [markdown]
# ## 3 · 处处看得一样多：一个谁也达不到的目标
#
# 为了不让哪个区域被遗忘，Xu 等加了一项惩罚（式 14）：在整句描述中，每个区域都应被看一次，$\lambda\sum_i\bigl(1 - \sum_t \alpha_{ti}\bigr)^2$。数一数：每一步恰好分出去 1，所以 $\sum_i\sum_t\alpha_{ti} = T$，由柯西–施瓦茨不等式
#
# $$\sum_{i=1}^{R}\Bigl(1 - \sum_t\alpha_{ti}\Bigr)^2 \;\ge\; \frac1R\Bigl(\sum_i\bigl(1 - \sum_t\alpha_{ti}\bigr)\Bigr)^2 = \frac{(R-T)^2}{R},$$
#
# 各区域被看得同样多、即各为 $\tau = T/R$ 时取等号。$T = 10$ 个词、$R = 196$ 个格子时，下限是 176.5：不管学成什么样，打印出来的惩罚永远不会接近零。库里的 `doubly_stochastic_penalty` 用的是能够达到的目标 $\tau$。
#
# 错误的目标有害吗？求导得 $-2(1 - s_i)$ 与 $-2(\tau - s_i)$，其中 $s_i = \sum_t\alpha_{ti}$；两者之差 **对每个区域都是同一个数**，而 softmax 的雅可比矩阵把常数变成零（见上面的框：$\sum_i \alpha_i (c - c) = 0$）。所以两者对能量的梯度 *相等*。

# %%
T, cells = 10, 196
print("floor of the paper's penalty:", round((cells - T) ** 2 / cells, 1))
energies = rng.normal(size=(1, T, cells))
ones, slopes, values = np.ones((1, T)), [], []
for penalty in (lambda p: ((1 - p.sum(1)) ** 2).mean(), lambda p: doubly_stochastic_penalty(p, Tensor(ones))):
    leaf = mm.tensor(energies, requires_grad=True)
    value = penalty(ops.softmax(leaf))
    value.backward()
    slopes.append(leaf.grad)
    values.append(value.item())
print("a region, target 1:", round(values[0], 4), "  target τ:", round(values[1], 4))
print("equal gradients of the energies:", np.allclose(*slopes, atol=1e-12))

# %% [markdown]
# 不可达的目标伤不着训练的人，却会误导看日志的人，以及比较两篇论文里权重 $\lambda$ 的人。
#
# ## 4 · 由谁来问：听到词之前的状态，还是之后的？
#
# 论文里提问的是 $h_{t-1}$。它还没有 *听到* 前一个词 $y_{t-1}$：这个词要和上下文一起进入 LSTM。说完“a blue”之后，模型去找形状，却 **不知道自己说过 blue**；如果图里有蓝色的圆和红色的十字，它就可能说成“a blue cross”。若让 LSTM 先读这个词，再由 *新* 状态 $h_t$ 来问（Luong、Pham 和 Manning，2015；Lu 等，2017），它就知道了。
#
# $$\text{previous:}\quad z_t = \text{look}(h_{t-1}),\ h_t = \text{LSTM}([E y_{t-1}; z_t], h_{t-1}) \qquad
# \text{current:}\quad h_t = \text{LSTM}([E y_{t-1}; z_{t-1}], h_{t-1}),\ z_t = \text{look}(h_t)$$
#
# 这只是一行之差，即 `query=`，不用训练就能展示：换掉最后一个词，看目光是否改变。

# %%
picture = Tensor(rng.normal(size=(1, R, D)).astype(np.float32))
for query in ("previous", "current"):
    model = AttentionCaptioner(9, D, hidden=8, embedding=6, attention=5, query=query, generator=Generator(0))
    with no_grad():
        looks = [model(picture, Tensor(np.array([[1, 4, word, 0]])))[1].numpy()[0, 2] for word in (5, 6)]
    print(f"query {query:8} the look after the word depends on the word: {not np.allclose(*looks)}")

# %% [markdown]
# ## 5 · 两种打分方式
#
# *加性*（Bahdanau 等，2015）是一个单隐层网络：每步要算 $R \cdot A$ 次 tanh。*点积*（Luong 等，2015，称为“general”；缩放取自 Vaswani 等，2017）只是一次乘积，$e_{ti} = (W_a a_i)^{\mathsf T}(U_a h)/\sqrt A$：更省，没有 $v$；若不缩放，$A$ 变大时会饱和（第 2 课）。哪个更好要问数据。我们一次问完。
#
# ## 6 · 实验
#
# 图像里有两个物体，描述是第 2 级的（“a red circle is above a blue cross”）。区域取最可能有东西的 16 个格子，特征来自场景网络。每次只改一处。*注意力监督*（Liu 等，2017）对提到物体的词加上 $-\ln\alpha_{t,i(t)}$，$i(t)$ 是那个物体所在的格子：这个世界知道答案。

# %%
spec = "scenes:train=2000,val=0,test=120,level=2,count=2,relations=spatial,references=2"
train, test = (
    load_scenes(spec + ",heldout_pairs=0,positions=all,seed=9", part) for part in ("train", "test")
)
vocabulary = Vocabulary.from_tokens(train.sentences())
print(" ".join(train.captions[0][0]), "· words mention the object", train.links[0][0])


def trained(**options):
    """A captioner on frozen regions, trained for some hundred steps."""
    settings = CaptionSettings(
        steps=500, batch_size=64, lr=6e-3, hidden=96, embedding=48, attention=48, regions=16,
        encoder="frozen", **options,
    )  # fmt: skip
    model = PictureCaptioner(len(vocabulary), settings, Generator(0))
    learn(model, vocabulary, settings, train, test, seed=0, progress=False)
    return model.eval()


models = {
    "attention supervised": trained(attention_supervision=1.0),
    "not supervised": trained(attention_supervision=0.0),
    "previous state asks": trained(attention_supervision=1.0, query="previous"),
    "dot score": trained(attention_supervision=1.0, model="soft-dot"),
}

# %% [markdown]
# **怎样给目光打分。** 对 *真* 描述中提到物体的每个词：最大的权重是否落在物体的像素上（*指点游戏*，Zhang 等，2018）？有多少权重落在上面（*框内质量*）？一个格子的权重平摊到它的 64 个像素上，所以即使格子选得完美也到不了 1。**随机水平** 是均匀地看所得：看整张图像，就是物体占图像的比例；只看那 16 个格子则更高，因为选它们正是由于那里有东西。**上限** 是每次都选最好的格子。

# %%
masks = [scenes.masks(scene) for scene in test.scenes]


def looked(model):
    """Of every word that mentions an object: map, even map (8, 8), the object's mask (64, 64), the word."""
    regions, cell = seen
    lines = [(i, k) for i, captions in enumerate(test.captions) for k in range(len(captions))]
    tokens = np.full((len(lines), 1 + max(len(test.captions[i][k]) + 1 for i, k in lines)), Vocabulary.pad)
    for row, (i, k) in zip(tokens, lines, strict=True):
        ids = vocabulary.encode(test.captions[i][k])
        row[: len(ids)] = ids
    with no_grad():
        _, alpha = model.decoder(Tensor(regions[[i for i, _ in lines]]), Tensor(tokens))
    maps, even, things, said = [], [], [], []
    for row, (i, k) in zip(alpha.numpy(), lines, strict=True):
        grid = attention_grid(row, cell[i], 8)
        for t, thing in enumerate(test.links[i][k]):
            if thing >= 0:
                maps.append(grid[t])
                even.append(attention_grid(np.full((1, 16), 1 / 16), cell[i], 8)[0])
                things.append(masks[i][thing])
                said.append(test.captions[i][k][t])
    return np.array(maps), np.array(even), np.array(things), np.array(said)


seen = models["not supervised"].encode(test.floats())  # the same for all: the encoder is frozen
found, shapes = {}, {}
for name, model in models.items():
    maps, even, things, words = looked(model)
    points = pointing_game(maps, things)
    shapes[name] = points.values[np.isin(words, scenes.SHAPES)].mean()
    truth = test.truth(describe(model, vocabulary, seen, max_length=24)[0])
    found[name] = [truth["objects"], truth["true"], points.mean, mass_inside(maps, things).mean]
floors = {"picture": points.mean_chance, "16 cells": pointing_game(even, things).mean}
share = things.reshape(len(things), 8, 8, 8, 8).mean((2, 4))  # of each cell that the object covers
ceiling = pointing_game(share, things).mean

figure, axes = plt.subplots(1, 2, figsize=(10, 3), width_ratios=[1, 1])
for ax, (first, second), labels in zip(axes, ((0, 1), (2, 3)), (("objects true", "whole sentence true"),
                                       ("pointing", "mass inside")), strict=True):  # fmt: skip
    for i, values in enumerate(found.values()):
        ax.barh(i - 0.18, values[first], 0.34, color="C0", label=labels[0] if i == 0 else None)
        ax.barh(i + 0.18, values[second], 0.34, color="C1", label=labels[1] if i == 0 else None)
    ax.set(yticks=range(len(found)), yticklabels=found if ax is axes[0] else [""] * len(found), xlim=(0, 1))
    ax.invert_yaxis()
    ax.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2)
for k, (name, x) in enumerate([*floors.items(), ("ceiling", ceiling)]):
    axes[1].axvline(x, color="0.4", ls=":", lw=1)
    axes[1].text(x, 3.68, name, ha=("right", "left", "center")[k], va="top", fontsize=7, color="0.4")
plt.tight_layout()
plt.show()
taught, free, previous, dot = found.values()
print("every model points twice as well as an even look at the 16 cells:",
      min(values[2] for values in found.values()) > 2 * floors["16 cells"])  # fmt: skip
print("taught, it points better, and says more that is true:", taught[2] > free[2] and taught[1] > free[1])
print("who has heard the colour points better at the shape:",
      shapes["attention supervised"] > shapes["previous state asks"] + 0.05)  # fmt: skip


# %% [markdown]
# 只有一个种子、几百步：看次序，不要看小数。没有人教过的注意力，大约在三分之一的词上指着自己正在说的东西：远高于均匀地看，又远低于同一模型被告知该看哪里之后的表现（一半以上）。“注意力显示模型在看哪里”这句话，必须 *测量* 才能说。而且告诉它之后，**句子** 也更真：两个物体都说对的图像，从大约一半升到五张里的四张。由前一个状态来问时，颜色之后的形状指得更差（大约一半的词，而不是三分之二），物体会被混在一起，正如第 4 节所料。谁也到不了上限：描述可以从任一物体说起，在头几个词之前，没有模型能知道是哪一个。
#
# ## 7 · 逐词观看
#
# 两个模型，同一张图像；每张图上方是 *带着这一眼* 说出的词。暗处是没有看的地方。

# %%
figure, axes = plt.subplots(4, 12, figsize=(12, 4.6))
for row, (name, i) in enumerate([(n, i) for i in (0, 1) for n in ("not supervised", "attention supervised")]):
    (line,), _, (grids,) = describe(models[name], vocabulary, [x[i : i + 1] for x in seen], max_length=24)
    for ax in axes[row]:
        ax.axis("off")
    axes[row, 0].imshow(test.images[i])
    true = test.judge([line], [i])[0]
    axes[row, 0].set_title(name.replace(" s", "\ns"), fontsize=8, color="#17692b" if true else "#aa1111")
    for ax, word, grid in zip(axes[row, 1:], line, grids, strict=False):
        shade = np.zeros((64, 64, 4))
        shade[..., 3] = 0.85 * (1 - (grid / grid.max()).repeat(8, 0).repeat(8, 1))
        ax.imshow(test.images[i])
        ax.imshow(shade)
        ax.set_title(word, fontsize=9)
plt.tight_layout(pad=0.4)
plt.show()

# %% [markdown]
# ## 8 · 门学到了什么
#
# 没有人告诉 $\beta_t$ 哪些词需要看图。下面是模型即将说出真描述中的每个词时，门的平均值：

# %%
decoder, gates = models["attention supervised"].decoder, {}
for i, captions in enumerate(test.captions[:60]):
    with no_grad():
        state = decoder.start(Tensor(seen[0][i : i + 1]))
        for before, word in zip(vocabulary.encode(captions[0]), [*captions[0], "<end>"], strict=False):
            state, _, _ = decoder.step(state, Tensor(np.array([before])))
            gates.setdefault(word, []).append(ops.sigmoid(decoder.beta(state[2])).item())
means = sorted(((np.mean(x), word) for word, x in gates.items() if len(x) >= 10), reverse=True)
figure, ax = plt.subplots(figsize=(9, 2.4))
kinds = {**dict.fromkeys(scenes.COLOURS, "#2c7a5b"), **dict.fromkeys(scenes.SHAPES, "#3b6fb0")}
ax.bar([word for _, word in means], [m for m, _ in means], color=[kinds.get(w, "0.7") for _, w in means])
ax.set(ylabel="gate β", ylim=(0, 1))
ax.tick_params(axis="x", rotation=60)
plt.show()

# %% [markdown]
# 绿色是颜色，蓝色是形状，灰色是其余的词。门在形状之前开得最大，其次是在 “a” 之前：说完这个词，模型就必须选定物体；在 “of”、“to”、“the” 之前几乎关着，因为这些词由前面的词就能决定。
#
# ## 需要更正之处（表）
#
# | 综述的说法 | 应该是 |
# |---|---|
# | 权重在特征与 *每个单词* 之间 | 在每一步的状态与 $R$ 个区域之间 |
# | 加权后的特征输入解码器 | 还要过门，并且也送进输出层（式 7） |
# | （论文）每个区域看一次 | 看 $T/R$ 次：只有这样才可能 |
# | 注意力显示模型用了什么 | 要测量：指点准确率与随机水平并列；教过它，它才指得准 |
#
# ## 练习
#
# 在标记之间作答，运行该单元，再运行下面的检查。
#
# **9.1** 第 2 节框里的式子。由 `alpha`（R，）、`a`（R，D）和 `d` = ∂L/∂ẑ（D，）求能量的梯度（R，）。


# %%
def look_gradient(alpha, a, d):
    """→ ∂L/∂e (R,)."""
    ### BEGIN SOLUTION
    return alpha * ((a - alpha @ a) @ d)
    ### END SOLUTION


# %%
checks.look_gradient(look_gradient)

# %% [markdown]
# **9.2** 一句没有补齐的描述的双随机惩罚，用能够达到的目标，对区域求平均；`alpha`（T，R）。


# %%
def unevenness(alpha):
    """alpha (T, R) → mean_i (T/R − Σ_t α_ti)²."""
    ### BEGIN SOLUTION
    steps, count = alpha.shape
    return ((steps / count - alpha.sum(0)) ** 2).mean()
    ### END SOLUTION


# %%
checks.unevenness(unevenness)

# %% [markdown]
# **9.3** 指点游戏（注意力图与掩码同样大小）：最大权重落在各自掩码（N，h，w）之内的注意力图（N，h，w）所占的比例。


# %%
def pointing(maps, masks):
    """Share of maps that point into their mask."""
    ### BEGIN SOLUTION
    place = maps.reshape(len(maps), -1).argmax(1)
    return masks.reshape(len(masks), -1)[np.arange(len(maps)), place].mean()
    ### END SOLUTION


# %%
checks.pointing(pointing)
