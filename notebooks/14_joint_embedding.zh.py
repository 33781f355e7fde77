# %% [markdown]
# # 14 · 联合嵌入的视觉问答
#
# **你能够** 证明为什么把图像向量与问题向量相加答不了问题，说出双线性形式的代价，以及 MLB、MUTAN、MCB 怎样省下来；推导计数草图（count sketch）和它们的卷积；认出一个根本没看图的模型（并说清它的梯度去了哪里）；亲手算出官方的 VQA 准确率。
#
# **用时** 阅读约 45 分钟，笔记本电脑上计算约一分钟 · **数据** 无需下载 · **对应** 综述 §3.3.1。

# %%
import dataclasses

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import ops, optim
from mmscratch.autograd import no_grad
from mmscratch.data import scenes
from mmscratch.data.scenes import COLOURS, SHAPES
from mmscratch.data.scenes.questions import annotators, make_question
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.data.vqa import QuestionSet
from mmscratch.metrics.vqa import answer_accuracy, normalize_answer, soft_scores
from mmscratch.models.fusion.bilinear import MLB, MUTAN, circular_convolution, count_sketch_matrix
from mmscratch.models.fusion.film import FiLM
from mmscratch.models.vqa_joint import JointEmbedding
from mmscratch.random import Generator
from mmscratch.tasks.vqa.data import Asked, Prior, VQABatches, words_of
from mmscratch.tasks.vqa.judge import answers_of, judge
from mmscratch.tensor import Tensor
from mmscratch.train import fit

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY, GOLD = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d", "#b7950b"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · 四个方框，以及第三个方框没有说的话
#
# §3.3.1 画了四个方框：CNN 把图像变成向量 $v$，RNN 把问题变成向量 $q$，两者映射到同一个空间，再由分类器在常见答案里挑一个。第三个方框是空的。两个向量都有 128 个数，就已经“在同一个空间”里了。可是答案取决于 **它们怎样相遇**：模型到底看不看图，只由这一点决定。
#
# 最容易想到的是相加，或者并排放好再过一个线性层，其实是一回事：$W[v;q] = W_v v + W_q q$。**断言**：logit 形如 $f(v) + g(q)$ 的模型分不清 *是红的吗？* 和 *是蓝的吗？*。*证明*：取一红一蓝两张图，两个问题，记 $z$ 为“是”与“否”的 logit 之差。（红，红？）和（蓝，蓝？）两格要求 $z$ 为正，另外两格要求为负，于是
#
# $$z(\text{red},\text{red?}) - z(\text{red},\text{blue?}) - z(\text{blue},\text{red?}) + z(\text{blue},\text{blue?}) > 0 .$$
#
# 若 $z = f + g$，这个和里所有项都抵消了：不管 $f$、$g$ 是什么，它都等于 $0$。$\square$ 所以四格里最多对三格。两个数的 *乘积* 却做得到：$z = v q$，$v, q = \pm1$。

# %%
wanted = np.array([[1, -1], [-1, 1]])  # pictures × questions
f, g = rng.normal(size=(100_000, 2, 1)), rng.normal(size=(100_000, 1, 2))
right = (np.sign(f + g) == wanted).sum((1, 2))
print("sums f + g, 100,000 draws: right in at most", right.max(), "of 4 cells")
v = q = np.array([1, -1])
print("product: right in", int((np.sign(np.outer(v, q)) == wanted).sum()), "of 4 cells")

# %% [markdown]
# 在和的上面加一层 relu 也可以（库里的 `concat` 就有一层）：它可以 *学会* 相乘。下面的方法则把乘积直接造了进去。
#
# ## 2 · 每个数乘每个数，要花多少钱
#
# 最一般的乘积是双线性形式，每个输出一个矩阵：
#
# $$h_k = v^{\mathsf T} T_k\, q = \sum_{i,j} T_{kij}\, v_i\, q_j ,\qquad k = 1,\dots,H .$$
#
# 按常用的尺寸（$v$：2048，$q$：2400，1000 个答案），$T$ 有近五十亿个数。少花钱有三种办法，各是一种更小的 $T$：
#
# * **MLB**（Kim 等，2017）：$h = P\,(Vv \odot Uq)$。展开就是 $T_k = \sum_{r\le R} P_{kr}\, V_r U_r^{\mathsf T}$：秩为 $R$ 的矩阵，所有的 $k$ 共用因子。
# * **MUTAN**（Ben-younes 等，2017）：先算 $\tilde v = W_v v$、$\tilde q = W_q q$（Tucker 分解），再算 $h = \sum_{r\le R} M_r\tilde v \odot N_r\tilde q$：每个输出有自己的小矩阵，秩为 $R$。
# * **MCB**（Fukui 等，2016）：所有乘积都要，但随机扔进 $d$ 个抽屉：见第 3 节。
#
# 前两篇论文都给两个因子各加了一个 tanh。（它会做出什么事，第 6 节再看。）下面拿库里的模块与这里写的求和式对照：

# %%
M, D, E, H, R = 3, 5, 4, 6, 2
v, q = rng.normal(size=(M, D)).astype(np.float32), rng.normal(size=(M, E)).astype(np.float32)
mlb, mutan = MLB(D, E, H, Generator(1), rank=R), MUTAN(D, E, H, Generator(1), rank=R)


def factors(module):
    """The module's two factors after tanh, (M, …) each."""
    with no_grad():
        return module.v(Tensor(v)).numpy(), module.q(Tensor(q)).numpy()


P, V, U = (layer.weight.detach().numpy() for layer in (mlb.join, mlb.v, mlb.q))
T_mlb = np.einsum("kr,ri,rj->kij", P, V, U)
a, b = factors(mlb)
with no_grad():
    same = np.allclose(
        mlb(Tensor(v), Tensor(q)).numpy(), (a * b) @ P.T + mlb.join.bias.detach().numpy(), atol=1e-5
    )
print("MLB as written:", same, " ranks of its T_k:", np.linalg.matrix_rank(T_mlb).tolist())

m, n = (layer.weight.detach().numpy().reshape(R, H, H) for layer in (mutan.m, mutan.n))
T_mutan = np.einsum("rki,rkj->kij", m, n)  # between the factors
a, b = factors(mutan)
with no_grad():
    same = np.allclose(
        mutan(Tensor(v), Tensor(q)).numpy(), np.einsum("kij,mi,mj->mk", T_mutan, a, b), atol=1e-5
    )
print("MUTAN as written:", same, " ranks of its T_k:", np.linalg.matrix_rank(T_mutan).tolist())

D, E, H = 2048, 2400, 1000
price = {
    "full": D * E * H,
    "MLB, R = 1200": 1200 * (D + E + H),
    "MUTAN, R = 5, 360 wide": 360 * (D + E) + 2 * 5 * 360 * 360 + 360 * H,
    "MCB, d = 16000": 16000 * H,
}
for name, count in price.items():
    print(f"{name:24}{count / 1e6:9.1f} million")

# %% [markdown]
# **FiLM**（Perez 等，2018）里也有乘积：问题给每个通道一个系数和一个加数，$h = \mathrm{relu}\big((1+\gamma)\odot Wv + \beta\big)$，其中 $[\gamma;\beta] = Uq + c$。乘开来看：单独的 $Wv$，单独的 $q$，还有 $\gamma\odot Wv$，也就是 MLB 的乘积。它是 $[v;1]$ 与 $[q;1]$ 的双线性形式。那几个常数 1 看上去像装饰，后面会发现，全部差别就在它们身上。

# %%
with no_grad():
    film = FiLM(5, 4, 6, Generator(2))
    Wv = film.v(Tensor(v)).numpy()
    gamma, beta = np.split(film.q(Tensor(q)).numpy(), 2, axis=1)
    print(
        "FiLM as written:",
        np.allclose(film(Tensor(v), Tensor(q)).numpy(), np.maximum((1 + gamma) * Wv + beta, 0), atol=1e-5),
    )

# %% [markdown]
# ## 3 · 把所有乘积装进 d 个抽屉：计数草图
#
# 给向量的每个下标 $i$ 分配一个抽屉 $h(i)\in\{1,\dots,d\}$ 和一个符号 $s(i) = \pm1$，只抽一次签。**计数草图**（Charikar 等，2002）把 $x_i$ 带着符号扔进它的抽屉：
#
# $$\Psi(x)_k = \sum_{i:\,h(i)=k} s(i)\, x_i .$$
#
# *断言*：$\mathbb E\langle\Psi(x),\Psi(y)\rangle = \langle x,y\rangle$。*证明*：内积等于 $\sum_{i,j} [h(i)=h(j)]\,s(i)s(j)\,x_iy_j$。$i = j$ 时系数是 1；$i\ne j$ 时 $s(i)s(j)$ 的均值是 $0$。$\square$ 方差来自落进同一个抽屉的下标对，所以按 $1/d$ 下降。
#
# 关键在这里。取外积 $v\otimes q$ 的草图，抽屉为 $h(i)+h'(j) \bmod d$，符号为 $s(i)s'(j)$，第 $k$ 个抽屉里是
#
# $$\sum_{h(i)+h'(j)\equiv k} s(i)v_i\,s'(j)q_j = \sum_{l} \Psi(v)_l\,\Psi'(q)_{k-l} = (\Psi(v) * \Psi'(q))_k ,$$
#
# 正是 **循环卷积**，因此可以用 FFT 算：$F^{-1}(F\Psi(v)\odot F\Psi'(q))$（Pham 和 Pagh，2013）。那 $D\cdot E$ 个乘积从来没有出现过。

# %%
d, D, E = 32, 12, 9
S, S2 = count_sketch_matrix(D, d, rng), count_sketch_matrix(E, d, rng)
v, q = rng.normal(size=D).astype(np.float32), rng.normal(size=E).astype(np.float32)
place, place2 = abs(S).argmax(0), abs(S2).argmax(0)
sign, sign2 = S.sum(0), S2.sum(0)
drawers = np.zeros(d)
np.add.at(drawers, (place[:, None] + place2) % d, np.outer(sign * v, sign2 * q))
by_sum = [sum((S @ v)[i] * (S2 @ q)[(k - i) % d] for i in range(d)) for k in range(d)]
by_fft = circular_convolution((S @ v)[None], (S2 @ q)[None])[0]
print("sketch of the outer product = convolution of the sketches:", np.allclose(drawers, by_sum, atol=1e-5))
print("                            = by FFT:", np.allclose(drawers, by_fft, atol=1e-5))

x, y = rng.normal(size=(2, 200))
x, y = x / np.linalg.norm(x), 0.6 * x / np.linalg.norm(x) + 0.8 * y / np.linalg.norm(y)
found = {}
for d in (16, 64, 256, 1024):
    draws = [count_sketch_matrix(200, d, rng) for _ in range(400)]
    found[d] = np.array([(s @ x) @ (s @ y) for s in draws])
figure, axes = plt.subplots(1, 2, figsize=(10, 2.9))
for d, colour in ((16, GREY), (256, GREEN)):
    axes[0].hist(found[d], bins=np.linspace(-0.4, 1.6, 51), color=colour, alpha=0.7, label=f"d = {d}")
axes[0].axvline(x @ y, color=RED, ls=":", label="⟨x, y⟩")
axes[0].set(xlabel="⟨Ψ(x), Ψ(y)⟩ over 400 draws", yticks=[])
axes[0].legend(frameon=False, fontsize=8)
axes[1].loglog(list(found), [s.std() for s in found.values()], "o-", color=GREEN, label="spread of the draws")
axes[1].loglog(list(found), 1.2 / np.sqrt(list(found)), ":", color="k", label="∝ 1/√d")
axes[1].set(xlabel="drawers d", xticks=list(found), xticklabels=list(found))
axes[1].minorticks_off()
axes[1].legend(frameon=False, fontsize=8)
plt.tight_layout()
plt.show()
print("the mean is ⟨x, y⟩:", all(abs(s.mean() - x @ y) < 4 * s.std() / 20 for s in found.values()))

# %% [markdown]
# ## 4 · 一个先验很强的小世界
#
# easy-VQA（Zhou，2019）每张图只有一个彩色图形，一共十三种答案。我们照样画一个：1,600 张 32 × 32 像素的图，每张八个问题。两个问形状或颜色是什么，六个问某样东西有没有。大多数东西都没有，所以 **许多问题不看图就能答对。**

# %%
SPEC = "scenes:train=1600,val=0,test=400,level=1,references=1,count=1,heldout_pairs=0,positions=all,seed=14"


def one_shape(split, seed):
    """Pictures of one shape, eight questions each: a QuestionSet."""
    random, images, rows = np.random.default_rng(seed), [], []
    for number, scene in enumerate(scenes.load(SPEC).split(split).graphs):
        x, y = random.uniform(12, 20, 2)
        o = dataclasses.replace(scene.objects[0], x=float(x), y=float(y), size="big", radius=10.0)
        images.append(scenes.render(dataclasses.replace(scene, objects=(o,)))[:32, :32])
        named = ("shape", o.shape)[random.integers(2)]
        asked = [("what shape is there?", o.shape), (f"what color is the {named}?", o.colour)]
        things = [(f"{c} shape", c == o.colour) for c in COLOURS] + [(s, s == o.shape) for s in SHAPES]
        for k in random.choice(len(things), 6, replace=False):
            thing, there = things[k]
            no = bool(random.integers(2))
            asked.append((f"is there {('a', 'no')[no]} {thing}?", "yes" if there != no else "no"))
        rows += [(number, *pair) for pair in asked]
    image_of, questions, answers = zip(*rows, strict=True)
    return QuestionSet(
        "one shape", np.stack(images), np.array(image_of), questions, answers, tuple((a,) for a in answers),
        tuple("yes/no" if a in ("yes", "no") else "other" for a in answers), tuple(range(len(rows))),
    )  # fmt: skip


train, test = one_shape("train", 0), one_shape("test-iid", 1)
figure, axes = plt.subplots(1, 6, figsize=(11, 2.7))
for k, ax in enumerate(axes):
    ax.imshow(train.images[k])
    of = np.flatnonzero(train.image_of == k)[[0, 1, 2, 3]]
    ax.set_title("\n".join(f"{train.questions[i]} {train.answers[i]}" for i in of), fontsize=6.5)
    ax.set(xticks=[], yticks=[])
plt.tight_layout()
plt.show()

prior = Prior.of(train)
truth = np.array(test.answers, object)
kind = np.array(test.types, object)
blind = np.array(prior.blind(test.questions), object) == truth
print(
    len(train), "training questions in", len(prior.questions), "wordings,", len(set(train.answers)), "answers"
)
print(f"always {prior.majority!r}: {(truth == prior.majority).mean():.1%}")
print(f"the commonest answer of each wording: {blind.mean():.1%}", end=" ")
print(f"(yes/no {blind[kind == 'yes/no'].mean():.1%}, other {blind[kind == 'other'].mean():.1%})")

# %% [markdown]
# **将近三分之二，而一个像素也没有读。** 这就是 *只看问题* 的线。在真正的 easy-VQA 上它是 67.2%；有个网络报告“第一轮之后 68.4%”，其实只学到了这条线。不与这条线并列的 VQA 分数，什么也说明不了。
#
# ## 5 · 训练：平台，以及逃离
#
# 四个模型，只有融合那一行不同。其余都一样：一个小 CNN，取最后一层网格上每个滤波器在所有位置的 **最大值** 作为 $v$；问题用词袋得到 $q$；softmax 在 12 个答案上。（为什么取最大值：取平均会被什么也没有的格子填满。）每张图只算一次，供它的八个问题共用。

# %%
known = ("yes", "no", *SHAPES, *COLOURS)
vocabulary = Vocabulary.from_tokens(words_of(q) for q in train.questions)
learnt, tested = Asked(train, vocabulary, known), Asked(test, vocabulary, known)
EPOCHS = 10


def factor(model, pictures=200):
    """The picture's factor in the fusion: (pictures, H), before the question comes in."""
    with no_grad():
        v = model.pictures(Tensor(tested.pixels(np.arange(pictures))))
        v = ops.normalize(v) if type(model.fusion).__name__ == "Product" else v
        return model.fusion.v(v).numpy()


def trained(fusion, seed=0):
    """→ the model, its test accuracy after each epoch, and how open its tanh is then: mean of 1 − a²."""
    model = JointEmbedding(
        len(vocabulary), len(known), fusion, channels=(16, 32, 32), hidden=64, generator=Generator(seed)
    )
    batches, curve, gate = VQABatches(learnt, 16, seed), [], []
    optimizer = optim.Adam(model.parameters(), lr=6e-3)
    schedule = optim.OneCycleLR(optimizer, max_lr=6e-3, total_steps=EPOCHS * len(batches))

    def loss_of(batch):
        images, questions, image_of, target = batch
        return model.head.loss(model(Tensor(images), questions, image_of), target)

    def look():
        curve.append(float((answers_of(model, tested) == tested.target).mean()))
        if fusion in ("mlb", "product"):
            gate.append(float((1 - factor(model) ** 2).mean()))
        return {"accuracy": curve[-1]}

    fit(
        model, loss_of, batches, optimizer=optimizer, schedule=schedule, epochs=EPOCHS, clip=5.0,
        validate=look, checkpoint_every=len(batches), progress=False,
    )  # fmt: skip
    return model.eval(), np.array(curve), np.array(gate)


runs = {name: trained(name) for name in ("film", "concat", "product", "mlb")}
COLOUR = {"film": GREEN, "concat": BLUE, "product": GOLD, "mlb": RED}
figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.1), width_ratios=[1.4, 1, 1])
for name, (_, curve, gate) in runs.items():
    axes[0].plot(np.arange(1, EPOCHS + 1), curve, "o-", ms=3, color=COLOUR[name], label=name)
    if len(gate):
        axes[1].semilogy(np.arange(1, EPOCHS + 1), np.maximum(gate, 1e-8), "o-", ms=3, color=COLOUR[name])
axes[0].axhline(blind.mean(), color="k", ls=":", label="question only")
axes[0].set(xlabel="epoch", ylabel="test accuracy", ylim=(0.3, 1.02))
axes[0].legend(frameon=False, fontsize=8, ncol=2, loc="lower right")
axes[1].set(xlabel="epoch", title="how open the picture's tanh is: mean of 1 − a²", ylim=(1e-8, 2))
a = factor(runs["mlb"][0], 60)
axes[2].imshow(a[:, :40], cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
axes[2].set(title="MLB: a of 60 pictures", xlabel="component", ylabel="picture")
for ax in axes[1:]:
    ax.title.set_fontsize(9)
plt.tight_layout()
plt.show()
last = {name: curve[-1] for name, (_, curve, _) in runs.items()}
print("mlb, tanh ⊙ tanh, at the question-only line:", bool(abs(last["mlb"] - blind.mean()) < 0.03))
print("film far above it:", bool(last["film"] > blind.mean() + 0.2))

# %% [markdown]
# MLB 的曲线是一条平线，高度正是问题本身所能告诉的。它不是学得慢：它的损失降下来了，*然后就学完了它会学的一切*。easy-VQA 上也有同样的平台（两个 tanh 相乘的模型在那里停了 30 轮）。`product` 先把 $v$ 化为单位长度，它也会在那里歇脚，早晚会逃出来，或者逃不出来，要看种子。FiLM 立刻就离开了这条线，`concat` 也一样：它的 relu 层学会了相乘。在这里这很容易，只有十二个答案、一个图形；第 1 节的证明说的是 relu 之下的部分。
#
# ## 6 · 梯度去了哪里
#
# 看右边的图：每一行都相同。不管是哪张图，它的因子都是同一个由 $\pm1$ 组成的向量。设 $a = \tanh(Vv)$，$b = \tanh(Uq)$，$h = a\odot b$，上游传来 $g = \partial L/\partial h$。那么
#
# $$\boxed{\;\frac{\partial L}{\partial v} = V^{\mathsf T}\big[\,g\odot b\odot(1-a^2)\,\big]\;}\qquad\qquad \frac{\partial L}{\partial q} = U^{\mathsf T}\big[\,g\odot a\odot(1-b^2)\,\big].$$
#
# 1. 头几轮里，最快能赢得的是先验。图像因子的用处是给 $b$ 当 *放大器*：$|a|$ 越大，对问题的回应就越强。
# 2. $v$ 是 relu 的最大值：没有负的分量，所有图的 $v$ 方向都差不多。$V$ 沿这个方向推一下，*所有* 图的 $a$ 就一起朝 $\pm1$ 走。
# 3. 到了那里 $1-a^2 = 0$，左边的框也就是零：对 CNN 来说训练结束了。右边问题那一支则继续学，把 $a$ 当常数。这 **恰恰就是** 只看问题的模型。
#
# `product` 除以 $\lVert v\rVert$，$Vv$ 保持得小，门就开得久一些。FiLM 的 $\partial L/\partial v = W^{\mathsf T}[(1+\gamma)\odot g']$：没有什么会饱和，而且在问题还什么都没学到的时候（$\gamma = 0$），那个 1 就已经让梯度通过。装饰原来是干这个用的。（用引擎验证框里的式子：）

# %%
D, H = 5, 4
V, v, b, g = rng.normal(size=(H, D)), rng.normal(size=D), rng.normal(size=H), rng.normal(size=H)
leaf = Tensor(v[None], requires_grad=True)
(ops.tanh(ops.linear(leaf, Tensor(V))) * Tensor(b) * Tensor(g)).sum().backward()
box = V.T @ (g * b * (1 - np.tanh(V @ v) ** 2))
print("∂L/∂v as in the box:", np.allclose(leaf.grad[0], box, rtol=1e-10))
v_all = np.stack([x.reshape(-1) for x in factor(runs["mlb"][0])])
print("MLB: pictures differ in a by less than a hundredth:", bool(v_all.std(0).mean() < 0.01))


def to_pictures(model):
    """Size of ∂L/∂v over that of ∂L/∂q, on one batch."""
    images, questions, image_of, target = next(iter(VQABatches(learnt, 64, 5)))
    v, q = model.pictures(Tensor(images)), model.questions(questions)
    v, q = (Tensor(x.numpy(), requires_grad=True) for x in (v.detach(), q.detach()))
    h = model.fusion(ops.take(v, image_of), ops.take(q, questions.which))
    model.head.loss(model.head(h), target).backward()
    scale = [np.linalg.norm(x.grad) * np.linalg.norm(x.data) for x in (v, q)]
    return scale[0] / scale[1]


print(
    "relative gradient at the picture below a thousandth of the question's, mlb:",
    bool(to_pictures(runs["mlb"][0]) < 1e-3),
)
print("... film:", bool(to_pictures(runs["film"][0]) < 1e-3))

# %% [markdown]
# ## 7 · 每个分数旁边的四个对照
#
# | 对照 | 它揭示什么 |
# |---|---|
# | 多数答案 | 全体里最常见的答案 |
# | 只看问题 | 每种问法最常见的答案 |
# | 只看图像 | 把问题平均掉以后模型怎么说 |
# | 打乱图像 | 拿 *另一张* 图去问训练好的模型 |
#
# 最后一个最锋利：**换一张不相干的图还答得一样好，就是没看图。** `mmscratch evaluate` 把它们全部打印出来；如果模型没有比其中某个高出三个标准误，还会给出警告。

# %%
figures = {name: judge(runs[name][0], tested, prior, vocabulary) for name in ("film", "mlb")}
columns = ("accuracy", "shuffled images", "question-only", "image-only", "majority")
figure, ax = plt.subplots(figsize=(8, 2.8))
for k, (name, values) in enumerate(figures.items()):
    bars = ax.bar(
        np.arange(5) + 0.38 * (k - 0.5), [values[c] for c in columns], 0.36, color=COLOUR[name], label=name
    )
    ax.bar_label(bars, fmt="%.2f", fontsize=8)
ax.set(xticks=range(5), xticklabels=columns, ylim=(0, 1.15), ylabel="test questions")
ax.legend(frameon=False, fontsize=8)
plt.show()
for name, values in figures.items():
    cost = values["accuracy"] - values["shuffled images"]
    size = "more than 0.2" if cost > 0.2 else "nothing" if abs(cost) < 0.02 else "little"
    told = "not better than question-only" if "question-only" in values.get("warning", "") else "none"
    print(f"{name:5} the shuffled pictures cost {size}; warning: {told}")

# %% [markdown]
# （打乱图像以后，FiLM *低于* 只看问题的线：它相信图像，而图像是错的。）
#
# ## 8 · 十个人回答时：官方准确率与软分数
#
# VQA 里每个问题由十个人回答，而他们并不一致。一个答案的官方准确率要算十次，每次去掉一个人 $k$，再取平均（Antol 等，2015）：
#
# $$\mathrm{acc} = \frac1{10}\sum_{k=1}^{10}\min\Big(1,\ \frac{n_{-k}}{3}\Big).$$
#
# 设有 $n$ 个人给出这个答案：去掉他们当中的一个，还剩 $n-1$ 个；去掉另外 $10-n$ 人中的一个，还剩 $n$ 个。$n = 2$ 时：$\frac1{10}(2\cdot\frac13 + 8\cdot\frac23) = 0.6$。于是 $n = 0, 1, 2, 3, \ge 4$ 对应 $0, .3, .6, .9, 1$。它 **不是** 常见的写法 $\min(1, n/3)$，后者三个人就给 1。还有，答案只在 *人们意见不一时* 才做规范化（“Two” → “2”，去掉冠词）：这是官方程序的一个怪处，已发表的数字都受它影响。

# %%
n = np.arange(11)
official = [answer_accuracy("red", ["red"] * k + ["blue"] * (10 - k)) for k in n]
print(
    "official:",
    [round(x, 6) for x in official[:6]],
    " min(1, n/3):",
    np.minimum(1, n[:4] / 3).round(2).tolist(),
)
said = ["2"] * 6 + ["Two"] * 4
print(
    "'two', people disagree in spelling:",
    answer_accuracy("two", said),
    "· all say 'Two':",
    answer_accuracy("two", ["Two"] * 10),
)
print("normalised:", normalize_answer("The two dogs."), "·", normalize_answer("dont"))

asked = [make_question(seed, "count") for seed in range(300)]
people = [annotators(question) for question in asked]
best = np.mean([answer_accuracy(x.answer, everyone) for x, everyone in zip(asked, people, strict=True)])
one = np.mean([answer_accuracy(everyone[0], everyone[1:]) for everyone in people])
print("simulated people, who err one time in ten:", end=" ")
print(f"the truth scores {best:.3f}, one of them against the others {one:.3f}")

# %% [markdown]
# 分类器可以不学唯一的正确答案，而去学这些分数（Teney 等，2018）：对每个答案各判一次是或否，目标是 $s_k = \min(1, 0.3\,n_k)$；十个人的时候，它 *就是* 答案 $k$ 的官方准确率：
#
# $$L = -\sum_k s_k\ln\sigma(z_k) + (1-s_k)\ln(1-\sigma(z_k)),\qquad \frac{\partial L}{\partial z_k} = \sigma(z_k) - s_k .$$
#
# 如果同一个问题一再出现，每次换一批人，极小值在 $\sigma(z_k) = \mathbb E\,s_k$：模型学到的是 **每个答案的期望得分**，而该说的正是其中最大的那个。softmax 学到的则是每个答案有多常 *被选为* 正确答案。设对一张图的看法是 45%“teal”、40%“green”、15%“blue”：

# %%
names, p = ("teal", "green", "blue"), (0.45, 0.40, 0.15)
crowd = [rng.choice(names, 10, p=p).tolist() for _ in range(2000)]
scores = np.array([[soft_scores(c).get(a, 0.0) for a in names] for c in crowd])
chosen = np.array([max(names, key=c.count) for c in crowd])
learns = {
    "softmax: share as the chosen answer": [(chosen == a).mean() for a in names],
    "soft: expected score": scores.mean(0),
}
figure, axes = plt.subplots(1, 2, figsize=(10, 2.8))
axes[0].step(n, official, "o-", where="mid", color=GREEN, label="official")
axes[0].plot(n, np.minimum(1, n / 3), "x:", color=RED, label="min(1, n/3)")
axes[0].set(xlabel="people who gave the answer, of ten", ylabel="accuracy")
axes[0].legend(frameon=False, fontsize=8)
for k, (name, values) in enumerate(learns.items()):
    bars = axes[1].bar(np.arange(3) + 0.38 * (k - 0.5), values, 0.36, color=(GREY, GREEN)[k], label=name)
    axes[1].bar_label(bars, fmt="%.2f", fontsize=8)
axes[1].set(xticks=range(3), xticklabels=names, ylim=(0, 1.3))
axes[1].legend(frameon=False, fontsize=8)
plt.tight_layout()
plt.show()
by_hand = [np.mean([answer_accuracy(a, c) for c in crowd]) for a in names]
print("the expected score is the expected official accuracy:", np.allclose(by_hand, scores.mean(0)))

# %% [markdown]
# softmax 让“green”看上去像个陪跑的，而说它得分其实差不了多少。在命令行里，用 easy-VQA 或者你自己的 VQA 格式文件：
#
#     mmscratch train vqa --data easy-vqa:DIR --out RUN
#     mmscratch evaluate RUN --split test
#     mmscratch ask RUN picture.png "what color is the shape?"
#
# ## §3.3.1 需要更正之处
#
# | 综述的说法 | 应该是 |
# |---|---|
# | 两者映射到同一个向量空间 | 然后还要 *相乘*：不管在哪个空间，相加都答不了 |
# | 分类器预测答案 | 在常见答案里选；用 softmax，或者在人们意见不一时用软分数 |
# | （怎样评判，一字未提） | 每个分数旁边都要有只看问题和打乱图像；官方准确率是对留一集合取平均 |
#
# ## 练习
#
# 在标记之间作答，运行该单元，再运行下面的检查。
#
# **14.1** `x`（D，）的计数草图，抽屉 `place`（D，）取 0 … d − 1，`sign`（D，）取 ±1。几个下标可以共用一个抽屉。


# %%
def sketched(x, place, sign, d):
    """Ψ(x), (d,)."""
    ### BEGIN SOLUTION
    found = np.zeros(d)
    np.add.at(found, place, sign * x)
    return found
    ### END SOLUTION


# %%
checks.sketched(sketched)

# %% [markdown]
# **14.2** 第 6 节的框：由 `V`（H，D）、`v`（D，）、问题的因子 `b`（H，）和 `g` = ∂L/∂h（H，），求 $h = \tanh(Vv)\odot b$ 时到达图像的梯度。


# %%
def reaches_picture(V, v, b, g):
    """∂L/∂v, (D,)."""
    ### BEGIN SOLUTION
    return V.T @ (g * b * (1 - np.tanh(V @ v) ** 2))
    ### END SOLUTION


# %%
checks.reaches_picture(reaches_picture)

# %% [markdown]
# **14.3** 只看问题的线：对每种问法，说 *训练里* 最常见的回答；没见过的问法，就说训练里全体最常见的答案；这样答对的比例是多少？给你四个字符串列表。


# %%
def blind_line(questions, answers, new_questions, new_answers):
    """A share between 0 and 1."""
    ### BEGIN SOLUTION
    by = {}
    for q, a in zip(questions, answers, strict=True):
        by.setdefault(q, []).append(a)
    majority = max(answers, key=answers.count)
    said = [max(by[q], key=by[q].count) if q in by else majority for q in new_questions]
    return float(np.mean([s == a for s, a in zip(said, new_answers, strict=True)]))
    ### END SOLUTION


# %%
checks.blind_line(blind_line)

# %% [markdown]
# **14.4** 在 `people` 个人里有 `n` 个人给出某个答案，按留一集合求它的官方准确率（不做规范化）。


# %%
def left_out(n, people=10):
    """A number between 0 and 1."""
    ### BEGIN SOLUTION
    return (n * min(1, (n - 1) / 3) + (people - n) * min(1, n / 3)) / people
    ### END SOLUTION


# %%
checks.left_out(left_out)

# %% [markdown]
# ## 现在你知道
#
# * 图像的分数加问题的分数，四格里最多对三格。两者必须相乘，或者由一层网络学会相乘。
# * MLB、MUTAN、MCB 都是双线性形式：低秩的，每个输出低秩的，以及扔进抽屉的。草图在平均意义上保持内积；所有乘积的草图是一个卷积。
# * 两个 tanh 的乘积会在图像一侧饱和：梯度里有因子 $1-a^2$。剩下的就是只看问题的模型。
# * FiLM 的 1 + γ 从第一步起就让梯度通过。
# * 每个分数旁边都要有只看问题和打乱图像这两个对照。
# * 官方准确率：0，.3，.6，.9，1。软分数教的正是它。
#
# 接着读 `mmscratch/models/` 里的 `vqa_joint`、`fusion/bilinear`、`film_network`，以及 `tasks/vqa/judge`。第 15 课让问题来选择看 *哪里*。
