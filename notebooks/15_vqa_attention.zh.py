# %% [markdown]
# # 15 · 视觉问答里的注意力
#
# **你能够** 推导堆叠注意力和它的第二眼；证明只看一眼答不了什么（有几个，在哪一边）；写出让词与区域互相看的协同注意力；把关系网络拆开，使任何一对物体都不必并排摆放；并且与随机水平并列地测量模型在看哪里。
#
# **用时** 阅读约 45 分钟，笔记本电脑上计算约一分钟 · **数据** 无需下载 · **对应** 综述 §3.3.2。

# %%
import dataclasses

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import ops, optim
from mmscratch.autograd import no_grad
from mmscratch.data import scenes
from mmscratch.data.image import to_float
from mmscratch.data.scenes import COLOURS, SHAPES
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.data.vqa import QuestionSet
from mmscratch.metrics.attention import pointing_game
from mmscratch.models.relation_network import Pairs, RelationNetwork
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.models.vqa_attention import StackedAttention, WordGlimpses
from mmscratch.models.vqa_coattention import CoAttention, Parallel
from mmscratch.models.vqa_joint import JointEmbedding
from mmscratch.models.vqa_questions import QuestionBatch
from mmscratch.random import Generator
from mmscratch.tasks.figures import attention_grid
from mmscratch.tasks.vqa.data import Asked, Prior, words_of
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · 问题看一眼，再看一眼
#
# 第 14 课在谁也还没提问之前，就把整张图变成了一个向量。图里若有三个物体，它就是一锅混合物：有红，有蓝，有圆，有十字，可谁是什么样的？§3.3.2 让问题给各区域 $f_1,\dots,f_R$ 加权。在堆叠注意力（Yang 等，2016）里，$v_i = \tanh(W_I f_i + b_I)$，$u^0 = q$，跳数 $k = 1, 2$：
#
# $$e^k_i = w_k^{\mathsf T}\tanh(W^k v_i + U^k u^{k-1} + b^k),\qquad p^k = \mathrm{softmax}(e^k),\qquad u^k = u^{k-1} + \sum_i p^k_i\, v_i ,$$
#
# 答案从 $u^2$ 读出。第一跳找到问题所说的东西；得到的 $u^1$ 既知道问题 *又* 知道看见了什么，第二跳便用它来问。相加是为了留住问题：没有 $u^{k-1}$，看过第一眼就把问题忘了。梯度就是第 9 课的框，$\partial L/\partial e_i = p_i\,(v_i - \hat v)^{\mathsf T} d$。拿库里的模型与上面几行对照：

# %%
san = StackedAttention(9, 4, channels=(8, 6), hidden=5, generator=Generator(0))
f = rng.normal(size=(1, 7, 8)).astype(np.float32)  # 7 regions: 6 channels and a place
asked = QuestionBatch.of([[4, 5, 6]])


def weight(layer):
    """Weight and bias (or 0) of a linear layer."""
    return layer.weight.detach().numpy(), 0 if layer.bias is None else layer.bias.detach().numpy()


def affine(layer, x):
    """The layer, in NumPy."""
    W, b = weight(layer)
    return x @ W.T + b


def softened(e):
    """Softmax of the last axis."""
    e = np.exp(e - e.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


with no_grad():
    z, maps, _ = san.look(Tensor(f), asked, np.array([0]))
    v, u = np.tanh(affine(san.value, f[0])), san.questions(asked).numpy()[0]
    for key, query, score, found in zip(san.keys, san.queries, san.scores, maps.numpy()[0], strict=True):
        p = softened(np.tanh(affine(key, v) + affine(query, u)) @ weight(score)[0][0])
        print("hop as written:", np.allclose(p, found, atol=1e-5))
        u = u + p @ v
    print("answer as written:", np.allclose(san.head(Tensor(u[None])).numpy(), z.numpy(), atol=1e-5))

# %% [markdown]
# ## 2 · 只看一眼看不见的东西
#
# **有几个。** 权重之和为一。图里有一个红色的圆，或者三个一模一样的，$\sum_i p_i f_i$ 都相同：归一化的东西不会数数。（$\sigma(e_i)$ 的 *和* 会；库里的 `WordGlimpses` 就带着一个。）
#
# **在哪一边。** “圆在方块的左边吗？”一眼看两个，得到 $\hat x = \tfrac12(x_1 + x_2)$。把两个物体的位置对调，答案就反过来了，$\hat x$ 却不变。一般地说：设权重只取决于物体 *是什么*，与它在哪里无关。权重为 $p, 1-p$ 时，这一眼说的是 $p\,x_1 + (1-p)\,x_2$：一个数，两个未知数。需要 **两眼，各有各的词**，然后拿 $x_1 - x_2$ 的符号去对照“左”这个词：这是一个乘积。

# %%
what = rng.normal(size=(2, 4))  # of the circle and of the square
w = rng.normal(size=4)


def glance(things, places):
    """One look, weighted by what things are: what is seen, and where."""
    p = softened(things @ w)
    return np.concatenate([p @ things, p @ places])


one, three = what[:1], np.repeat(what[:1], 3, axis=0)
print(
    "one or three alike, seen the same:",
    np.allclose(glance(one, np.zeros((1, 2))), glance(three, np.zeros((3, 2)))),
)
even = np.stack([what[0], what[0] + 3 * np.array([w[1], -w[0], 0, 0])])  # two things that weigh the same
here, there = np.array([[-0.5, 0.2], [0.7, 0.2]]), np.array([[0.7, 0.2], [-0.5, 0.2]])
print("places exchanged, seen the same: ", np.allclose(glance(even, here), glance(even, there)))
for name, places in (("circle left", here), ("circle right", there)):
    first, second = places  # two looks, one for each word
    print(f"two looks, {name:13} x₁ − x₂ = {first[0] - second[0]:+.1f}")

# %% [markdown]
# ## 3 · 问题也要被看
#
# §3.3.2 的第二条给 *词* 加权。但由谁来加？综述没有说是谁在问。有两种答案。
#
# **词瞥视**（部分取自 Yu 等，2018）。每一瞥 $g$ 对词有自己的口味：$\beta_g = \mathrm{softmax}_t\, p_g^{\mathsf T}\tanh(W y_t)$，$y_t$ 是各个词（由双向 LSTM 带上邻居）；它读到 $q_g = \sum_t\beta_{gt}\,y_t$，再用它去看，$\alpha_g = \mathrm{softmax}_i\,\tau\,(W_q q_g)\cdot(W_f f_i)$。对两瞥，取它们所见之差，再乘上问题：正是第 2 节的乘积。
#
# **协同注意力**（Lu 等，2016）：词 $Q$ $(T, d)$ 与区域 $V$ $(R, d)$ 互相提问，凭的是每个词与每个区域的亲和度：
#
# $$C = \tanh(Q W_b V^{\mathsf T}),\quad H^v = \tanh(V W_v + C^{\mathsf T} Q W_q),\quad H^q = \tanh(Q W_q + C\, V W_v),$$
#
# $$a^v = \mathrm{softmax}(H^v w_v),\quad a^q = \mathrm{softmax}(H^q w_q),\qquad \hat v = \sum_i a^v_i v_i,\quad \hat q = \sum_t a^q_t q_t .$$
#
# 它是 *分层* 的：对词做一遍，对一到三个词的短语做一遍（卷积，取最大值），对读到目前为止的句子再做一遍（LSTM）；三个结果从小到大拼起来。

# %%
T, R, d = 5, 7, 6
co = Parallel(d, Generator(0))
Q, V = (rng.normal(size=(1, n, d)).astype(np.float32) for n in (T, R))
with no_grad():
    seen, read = co(Tensor(Q), Tensor(V), Tensor(np.ones((1, T), bool)))[1::-1]
C = np.tanh(affine(co.affinity, Q[0]) @ V[0].T)
QW, VW = affine(co.q, Q[0]), affine(co.v, V[0])
a_v = softened(np.tanh(VW + C.T @ QW) @ weight(co.hv)[0][0])
a_q = softened(np.tanh(QW + C @ VW) @ weight(co.hq)[0][0])
print("regions as written:", np.allclose(a_v @ V[0], seen.numpy()[0], atol=1e-5))
print("words as written:  ", np.allclose(a_q @ Q[0], read.numpy()[0], atol=1e-5))

# %% [markdown]
# ## 4 · 所有的对，却没有一对
#
# 关系网络（Santoro 等，2017）不做选择：*每一个* 有序的物体对都拿到问题面前，各自的回答加起来，$s = \sum_{i,j} g(o_i, o_j, q)$。64 个格子就是 4096 对，每一对有两个物体加一个问题那么宽。不过第一层在 relu 之前是线性的，
#
# $$W[o_i; o_j; q] = A\,o_i + B\,o_j + C\,q ,$$
#
# 所以 $A\,o_i$ 和 $B\,o_j$ 对每个 *物体* 只算一次，成对的只是它们的和：$R$ 个物体只要 $2R$ 次乘积，而不是 $R^2$ 次。

# %%
pairs = Pairs(8, 5, 6, layers=1, generator=Generator(0))
objects, question = f[0], rng.normal(size=5).astype(np.float32)
A, B, C = (weight(layer)[0] for layer in (pairs.first, pairs.second, pairs.asked))
bias = weight(pairs.first)[1]
W = np.concatenate([A, B, C], axis=1)  # the layer as the paper has it
side_by_side = [np.maximum(W @ np.concatenate([a, b, question]) + bias, 0) for a in objects for b in objects]
with no_grad():
    left, right = pairs.first(Tensor(f)), pairs.second(Tensor(f))
    found = pairs(left, right, pairs.asked(Tensor(question[None]))).numpy()[0]
print(
    "sum over pairs, over √(number of pairs):",
    np.allclose(np.sum(side_by_side, 0) / len(objects), found, atol=1e-4),
)

# %% [markdown]
# ## 5 · 三个图形，三类问题
#
# 600 张图，每张三个物体，形状和颜色各不相同，每张大约十个问题：颜色、形状和关系（“圆在方块的左边吗？”，各种先后次序都问，所以“是”与“否”一样多）。**组合**：有四对（红圆、蓝方、绿三角、黄十字）在训练里从不出现。第二个测试只问它们：按 CLEVR 的叫法称为 *CoGenT*。那里的词和颜色全都认识，新的只是组合。
#
# 所有模型看到的区域都一样：在场景网络（第 5 课）的 64 个格子里，取最可能有物体的八个，带上位置，每个通道标准化。（不标准化，数值高达 100，第 1 节里的每个 tanh 就都关死了：见第 14 课。）位置的两个数乘以 6：否则在 130 个数里几乎听不见它们。

# %%
SPEC = "scenes:train=600,val=0,test=120,count=3,level=1,references=1,heldout_pairs=0,positions=all,seed=15"
HELD = {("red", "circle"), ("blue", "square"), ("green", "triangle"), ("yellow", "cross")}
KINDS = ("colour", "shape", "relation")


def three_shapes(split, seed, held=False):
    """Pictures of three shapes and their questions; ``held``: about pairs that training does not show."""
    random, graphs, rows = np.random.default_rng(seed), [], []
    for number, scene in enumerate(scenes.load(SPEC).split(split).graphs):
        looks = [*HELD]
        while any(look in HELD for look in looks) != held or len(looks) > 3:
            looks = list(
                zip(
                    random.permutation(COLOURS)[:3].tolist(),
                    random.permutation(SHAPES).tolist(),
                    strict=False,
                )
            )
        things = tuple(
            dataclasses.replace(o, colour=c, shape=s) for o, (c, s) in zip(scene.objects, looks, strict=True)
        )
        graphs.append(dataclasses.replace(scene, objects=things))
        new = [k for k, look in enumerate(looks) if look in HELD or not held]
        for k in new:
            colour, shape = looks[k]
            rows.append((number, "colour", f"what color is the {shape}?", colour, (k,)))
            rows.append((number, "shape", f"what shape is the {colour} thing?", shape, (k,)))
        for i, j in ((i, j) for i in range(3) for j in range(3) if i != j and (i in new or j in new)):
            dx, dy = things[j].x - things[i].x, things[j].y - things[i].y
            for words, ahead in (("left of", dx), ("right of", -dx), ("above", dy), ("below", -dy)):
                if abs(ahead) >= 6 and random.random() < 0.25:
                    text = f"is the {looks[i][1]} {words} the {looks[j][1]}?"
                    rows.append((number, "relation", text, "yes" if ahead > 0 else "no", (i, j)))
    image_of, kinds, texts, answers, supports = zip(*rows, strict=True)
    return QuestionSet(
        "three shapes", scenes.render_all(graphs), np.array(image_of), texts, answers,
        tuple((a,) for a in answers), kinds, tuple(range(len(rows))), None, tuple(graphs), supports,
    )  # fmt: skip


parts = {
    "train": three_shapes("train", 0),
    "test": three_shapes("test-iid", 1),
    "cogent": three_shapes("test-iid", 2, True),
}
vocabulary = Vocabulary.from_tokens(words_of(q) for q in parts["train"].questions)
known = ("yes", "no", *COLOURS, *SHAPES)
asked = {name: Asked(part, vocabulary, known) for name, part in parts.items()}
prior = Prior.of(parts["train"])
network = load_pretrained()
regions, cells = {}, {}
for name, part in parts.items():
    regions[name], cells[name] = network.regions(to_float(part.images), count=8)
mean, spread = (of(regions["train"][:, :, :-2], axis=(0, 1)) for of in (np.mean, np.std))
for x in regions.values():
    x[:, :, :-2] = (x[:, :, :-2] - mean) / (spread + 0.1)
    x[:, :, -2:] *= 6


def shares(part, right):
    """The share of right answers of each kind."""
    kinds = np.array(parts[part].types)
    return {kind: float(right[kinds == kind].mean()) for kind in KINDS}


blind = {
    p: shares(p, np.array(prior.blind(parts[p].questions), object) == np.array(parts[p].answers))
    for p in parts
}
print({p: len(part) for p, part in parts.items()}, "questions")
for p in ("test", "cogent"):
    print(f"question only, {p}:", ", ".join(f"{kind} {share:.0%}" for kind, share in blind[p].items()))

# %% [markdown]
# 有一条线很怪：在 CoGenT 上，只看问题的模型对颜色和形状 *全部* 答错。训练里对“圆”最常见的回答肯定不是红，因为那里没有红色的圆。知道先验的人，比瞎猜的人还糟。
#
# ## 6 · 五个模型，一张表

# %%
W, K, SIZE = len(vocabulary), len(known), regions["train"].shape[2]


def made(name):
    """An untrained model that reads regions."""
    options = {"hidden": 64, "generator": Generator(2)}
    if name == "joint embedding":
        return JointEmbedding(W, K, "film", "lstm", channels=(8, SIZE), **options)
    if name == "relation network":
        return RelationNetwork(W, K, rows=SIZE, fusion="film", **options)
    cls = {"stacked attention": StackedAttention, "co-attention": CoAttention, "word glimpses": WordGlimpses}[
        name
    ]
    return cls(W, K, channels=(8, SIZE - 2), **options, **({"glimpses": 2} if cls is WordGlimpses else {}))


def logits(model, part, images, chosen, image_of):
    """Answers of questions about pictures, from their regions."""
    x, batch = Tensor(regions[part][images]), asked[part].batch(chosen)
    if isinstance(model, JointEmbedding):
        return model.answer(ops.max(x, axis=1), batch, image_of)
    return (
        model.answer(x, batch, image_of)
        if isinstance(model, RelationNetwork)
        else model.look(x, batch, image_of)[0]
    )


def right(model, part):
    """Which questions of a part are answered right: bool (M,)."""
    every = asked[part]
    with no_grad():
        z = logits(model.eval(), part, np.arange(len(regions[part])), np.arange(len(every)), every.image_of)
    return z.numpy().argmax(1) == every.target


def where_objects_are(part):
    """Which of the eight regions each object's centre lies in: (N, 3), −1 where in none."""
    centres = scenes.object_cells(list(parts[part].scenes), grid=8)
    same = cells[part][:, None, :] == centres[:, :, None]
    return np.where(same.any(2), same.argmax(2), -1)


def told(maps, chosen, images, image_of):
    """Mean −ln of what glimpses 1 and 2 of a relation give to the first and the second object."""
    home, support = where["train"][images], [parts["train"].supports[m] for m in chosen]
    target = np.array(
        [home[n][list(s)] if len(s) == 2 else (-1, -1) for n, s in zip(image_of, support, strict=True)]
    )
    m, g = np.nonzero(target >= 0)
    return -ops.log(maps[m, g, target[m, g]] + 1e-6).mean()


def learnt(name, steps, batch=32, lr=4e-3, teach=False):
    """The trained model; ``teach``: told where the objects of relations are."""
    model, random = made(name).train(), np.random.default_rng(0)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    schedule = optim.OneCycleLR(optimizer, max_lr=lr, total_steps=steps)
    for _ in range(steps):
        images = random.choice(len(regions["train"]), batch, replace=False)
        chosen, image_of = asked["train"].about(images)
        if teach:
            x, words = Tensor(regions["train"][images]), asked["train"].batch(chosen)
            z, maps, _ = model.look(x, words, image_of)
        else:
            z = logits(model, "train", images, chosen, image_of)
        loss = model.head.loss(z, asked["train"].target[chosen])
        if teach:
            loss = loss + told(maps, chosen, images, image_of)
        optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
    return model.eval()


where = {name: where_objects_are(name) for name in parts}
models = {
    "joint embedding": learnt("joint embedding", 300),
    "stacked attention": learnt("stacked attention", 300),
    "co-attention": learnt("co-attention", 250, batch=16),
    "relation network": learnt("relation network", 200),
    "word glimpses": learnt("word glimpses", 600),
    "word glimpses, told": learnt("word glimpses", 600, teach=True),
}
table = {name: {p: shares(p, right(model, p)) for p in ("test", "cogent")} for name, model in models.items()}
rows = {"question only": blind, **table}
figure, axes = plt.subplots(1, 2, figsize=(10, 3), sharey=True)
for ax, p, title in zip(
    axes, ("test", "cogent"), ("pairs as in training", "new pairs (CoGenT)"), strict=True
):
    values = np.array([[rows[name][p][kind] for kind in KINDS] for name in rows])
    ax.imshow(values, cmap="Greens", vmin=0, vmax=1.7, aspect="auto")
    for (i, j), x in np.ndenumerate(values):
        ax.text(j, i, f"{x:.2f}", ha="center", va="center", fontsize=9)
    ax.set(xticks=range(3), xticklabels=KINDS, yticks=range(len(rows)), yticklabels=rows, title=title)
plt.tight_layout()
plt.show()
attends, free, taught = (
    table[n]["test"] for n in ("stacked attention", "word glimpses", "word glimpses, told")
)
none = table["joint embedding"]["test"]
print("attention beats none, colour and shape:", all(attends[k] > none[k] + 0.2 for k in ("colour", "shape")))
print("stacked attention, relations: at chance:", abs(attends["relation"] - 0.5) < 0.08)
print("told where to look, relations:", "above 0.8" if taught["relation"] > 0.8 else "below 0.8")

# %% [markdown]
# 从表里可以读出三件事。
#
# 1. **有注意力胜过没有**，只要找到一个物体就行的时候：堆叠注意力和词瞥视几乎读对了每种颜色和形状，联合嵌入的那锅混合物只说出一半。协同注意力和关系网络还在半路上；它们要更多步（每一步也更久）。
# 2. **关系在于看两眼。** 联合嵌入、堆叠注意力和协同注意力都停在随机水平，关系网络虽然把每一对都摆在面前，在这么少的步数里也一样。词瞥视 *能够* 做到，可训练能不能找到那两眼要看运气：两个位置没有都找到之前，找到哪一个也没用，这是和第 14 课一样的平台。三个种子各训练 600 步，得到 0.51（这里展示的）、0.75 和 0.99。最后一行是 **告诉** 了它看哪里的：对关系问题，把第一瞥在第一个物体上、第二瞥在第二个物体上的 $-\ln\alpha$ 加进损失。这样三个种子都达到 0.99。
# 3. **新的组合** 让谁都要付出代价；凡是那锅混合物或先验在说“圆，所以不是红的”，赢来的就全部输光。看会有帮助，因为可以去找 *圆*，到那里读出颜色；但它并不保证，没人教的词瞥视就是例子。（这是一个种子的数字；换一个种子，这一行会变，头两行的次序不会。）
#
# ## 7 · 它们在看哪里？量一量
#
# 注意力图在打分之前不算解释。*指点*：权重最大的区域是否落在决定答案的物体上？与之并列的是随机水平：均匀地看整张图，以及均匀地看那八个区域，选它们正是因为那里有东西。对关系问题，第一瞥按第一个物体打分，第二瞥按第二个物体。

# %%
test = parts["test"]
masks = [scenes.masks(scene) for scene in test.scenes]


def looks(model):
    """Maps of all test questions over the regions (M, G, 8), and the words of each (M, G, T) or None."""
    every = asked["test"]
    with no_grad():
        _, maps, words = model.look(
            Tensor(regions["test"]), every.batch(np.arange(len(every))), every.image_of
        )
    return maps.numpy(), None if words is None else words.numpy()


def pointing_at(maps, chosen, which):
    """Pointing of some questions at their ``which``-th object; chance of picture and of regions."""
    n = test.image_of[chosen]
    grids = np.stack(
        [attention_grid(maps[[m]], cells["test"][k], 8)[0] for m, k in zip(chosen, n, strict=True)]
    )
    evenly = np.stack([attention_grid(np.full((1, 8), 1 / 8), cells["test"][k], 8)[0] for k in n])
    things = np.stack([masks[k][test.supports[m][which]] for m, k in zip(chosen, n, strict=True)])
    score = pointing_game(grids, things)
    return score.mean, score.mean_chance, pointing_game(evenly, things).mean


kinds = np.array(test.types)
single, double = np.flatnonzero(kinds != "relation"), np.flatnonzero(kinds == "relation")
maps = {name: looks(models[name])[0] for name in models if hasattr(models[name], "look")}
scored = {
    "stacked, hop 1": pointing_at(maps["stacked attention"][:, 0], single, 0),
    "stacked, hop 2": pointing_at(maps["stacked attention"][:, 1], single, 0),
    "co-attention, sentence": pointing_at(maps["co-attention"][:, 2], single, 0),
    "word glimpses, 1": pointing_at(maps["word glimpses"][:, 0], single, 0),
    "word glimpses, 2": pointing_at(maps["word glimpses"][:, 1], single, 0),
    "relation, free, 1": pointing_at(maps["word glimpses"][:, 0], double, 0),
    "relation, free, 2": pointing_at(maps["word glimpses"][:, 1], double, 1),
    "relation, told, 1": pointing_at(maps["word glimpses, told"][:, 0], double, 0),
    "relation, told, 2": pointing_at(maps["word glimpses, told"][:, 1], double, 1),
}
figure, ax = plt.subplots(figsize=(8, 3.2))
bars = ax.barh(range(9), [v[0] for v in scored.values()], color=[BLUE] * 5 + [GREY] * 2 + [GREEN] * 2)
ax.bar_label(bars, fmt="%.2f", fontsize=8)
for k, name in ((1, "even, picture"), (2, "even, 8 regions")):
    ax.axvline(np.mean([v[k] for v in scored.values()]), color="k", ls=(":", "--")[k - 1], lw=1, label=name)
ax.set(yticks=range(9), yticklabels=scored, xlim=(0, 1), xlabel="pointing at the object that decides")
ax.invert_yaxis()
ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
hops = [scored[f"stacked, hop {k}"] for k in (1, 2)]
print(
    "a hop of stacked attention points better than an even look:", max(h[0] for h in hops) > hops[0][2] + 0.1
)
print(
    "told glimpses point twice as well as an even look:",
    all(scored[f"relation, told, {k}"][0] > 2 * hops[0][2] for k in (1, 2)),
)

# %% [markdown]
# 没有哪张图能到 1：一个区域的 64 个像素很少全落在物体上。看最后两组：对关系问题，没人教过的瞥视找到两个物体的次数，比教过的少。它们的答案里缺的正是这个。
#
# ## 8 · 词 × 区域
#
# 一个问题，两瞥。左边是图像，区域编了号；然后是每一瞥 *读* 什么（$\beta$）、*看* 哪里（$\alpha$）；右边是 $J_{ti} = \tfrac1G\sum_g\beta_{gt}\,\alpha_{gi}$：哪个词看了哪个区域。

# %%
model = models["word glimpses, told"]
good = [m for m in double if (where["test"][test.image_of[m]][list(test.supports[m])] >= 0).all()][4]
n, words = test.image_of[good], words_of(test.questions[good])
alpha, beta = looks(model)
alpha, beta = alpha[good], beta[good][:, : len(words)]
J = np.einsum("gt,gi->ti", beta, alpha) / len(alpha)
figure, axes = plt.subplots(1, 5, figsize=(12, 2.9), width_ratios=[1, 1, 1, 0.9, 1.2])
for k, ax in enumerate(axes[:3]):
    ax.imshow(test.images[n])
    ax.set(xticks=[], yticks=[])
    if k:
        shade = np.zeros((64, 64, 4))
        grid = attention_grid(alpha[[k - 1]], cells["test"][n], 8)[0]
        shade[..., 3] = 0.85 * (1 - (grid / grid.max()).repeat(8, 0).repeat(8, 1))
        ax.imshow(shade)
        ax.set_title(f"glimpse {k} looks", fontsize=9)
for i, cell in enumerate(cells["test"][n]):
    axes[0].text(cell % 8 * 8 + 4, cell // 8 * 8 + 4, str(i + 1), ha="center", va="center", fontsize=7)
axes[0].set_title(test.questions[good], fontsize=8)
axes[3].imshow(beta.T, cmap="Greens", vmin=0, vmax=1, aspect="auto")
axes[3].set(
    xticks=range(2), xticklabels=["1", "2"], yticks=range(len(words)), yticklabels=words, title="reads"
)
axes[4].imshow(J, cmap="Greens", vmin=0, vmax=0.5, aspect="auto")
axes[4].set(xticks=range(8), xticklabels=range(1, 9), yticks=[], title="word × region")
for ax in axes[3:]:
    ax.title.set_fontsize(9)
plt.tight_layout()
plt.show()
print("the whole map sums to one:", np.isclose(J.sum(), 1, atol=1e-4))

# %% [markdown]
# 在命令行里，用于场景的十类问题：
#
#     mmscratch train vqa --data scenes --set model=word-glimpses --out RUN
#     mmscratch evaluate RUN --split test-cogent
#
# ## §3.3.2 需要更正之处
#
# | 综述的说法 | 应该是 |
# |---|---|
# | 问题与区域之间的权重 | 还有第二眼，由第一眼所见来问 |
# | 问题注意力：词与词之间的权重 | 必须说清 *谁* 在问：每一瞥自己，或者图像（协同注意力） |
# | 加权后的特征输入模型 | 加权平均不会数数，也分不清左右：要用求和，要看两眼 |
# | （怎样评判，一字未提） | 注意力图要对照掩码打分，与随机水平并列；新的组合单独测试 |
#
# ## 练习
#
# 在标记之间作答，运行该单元，再运行下面的检查。
#
# **15.1** 堆叠注意力的一跳，区域上不加 tanh：由 `v`（R，d）、`u`（d，）、`W` 和 `U`（a，d）以及 `w`（a，），求新的查询 $u + \sum_i p_i v_i$，其中 $p = \mathrm{softmax}_i\, w^{\mathsf T}\tanh(W v_i + U u)$。


# %%
def hop(v, u, W, U, w):
    """The new query, (d,)."""
    ### BEGIN SOLUTION
    e = np.tanh(v @ W.T + U @ u) @ w
    p = np.exp(e - e.max())
    return u + p @ v / p.sum()
    ### END SOLUTION


# %%
checks.hop(hop)

# %% [markdown]
# **15.2** 对所有有序对（包括 `i = j`）求 $\mathrm{relu}(a_i + b_j + c)$ 之和，给你 `a`、`b`（n，H）和 `c`（H，）：第 4 节，不带那个系数。


# %%
def all_pairs(a, b, c):
    """(H,)."""
    ### BEGIN SOLUTION
    return np.maximum(a[:, None] + b[None] + c, 0).sum((0, 1))
    ### END SOLUTION


# %%
checks.all_pairs(all_pairs)

# %% [markdown]
# **15.3** 哪个词看了哪个区域：由 `beta`（G，T）和 `alpha`（G，R）（各行之和为一），求第 8 节的表（T，R），整张表之和为一。


# %%
def word_by_region(beta, alpha):
    """(T, R)."""
    ### BEGIN SOLUTION
    return beta.T @ alpha / len(alpha)
    ### END SOLUTION


# %%
checks.word_by_region(word_by_region)

# %% [markdown]
# ## 现在你知道
#
# * 堆叠注意力看一眼，把所见加到问题上，再看一眼。
# * 归一化的东西不会数数，一眼分不清左右。两眼，各有各的词，再乘上它们的差，就可以。
# * 协同注意力让词与区域互相提问，分三层。
# * 关系网络的第一层可以拆开，所以没有哪一对需要并排摆放。
# * 结构能做到是一回事，训练能找到是另一回事：对关系来说全凭运气，直到有人说出该看哪里。
# * 注意力图要打分，与随机水平并列。新的组合单独测试。
#
# 接着读 `mmscratch/models/` 里的 `vqa_attention`、`vqa_coattention`、`relation_network`，以及 `tasks/vqa/attention`。
