# %% [markdown]
# # 8 · 编码器与解码器：一幅图，许多句话
#
# **学完这一课，你能够** 写出给定图像时一句话的概率，用带掩码的交叉熵和教师强制来训练它，凭一条曲线判断描述模型究竟有没有看图，并在模型里把句子找出来：贪心、集束、采样。
#
# **用时** 阅读约 50 分钟，笔记本电脑上计算约 2 分钟 · **数据** 无需下载 · **对应** 综述 §3.1.1：编码器–解码器式的图像描述。

# %%
import inspect
import itertools

import checks
import matplotlib.pyplot as plt
import numpy as np

import mmscratch as mm
from mmscratch import ops, optim
from mmscratch.data.batches import CaptionBatches
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.decoding import SearchOptions, beam_search, diverse_beam_search, greedy, search
from mmscratch.models.caption_losses import caption_loss
from mmscratch.models.nic import NICDecoder
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.random import Generator
from mmscratch.tasks.captioning.data import load_scenes

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
data = "scenes:train=3000,val=0,test=300,level=1,lang=en"
trained, held_out = load_scenes(data, "train"), load_scenes(data, "test")
print(len(trained), "pictures to learn from,", len(held_out), "to be judged on; of the first:")
print("\n".join(" ".join(caption) for caption in trained.captions[0]))

# %% [markdown]
# ## 1 · 一句话的概率
#
# 图像描述模型就是一个“眼前摆着图”的语言模型。由链式法则，不需要任何假设：
#
# $$\log p(S \mid I) = \sum_{t=1}^{T} \log p(S_t \mid I, S_0, \dots, S_{t-1}) .$$
#
# 要让这个式子成立，还得添上两个句子里本来没有的词。**开始符** $S_0$：第一个词之前也得有个词。**结束符** $S_T$：没有它，所有句子的概率加起来不等于 1，模型也不知道何时该住口。第三个是**填充符**，它把长短不一的句子补成一个矩形：

# %%
vocabulary = Vocabulary.from_tokens(trained.sentences())
short, long = "a big red circle".split(), "a small cyan square is in the picture".split()
rows = [vocabulary.encode(short), vocabulary.encode(long)]
tokens = np.array([row + [vocabulary.pad] * (len(rows[1]) - len(row)) for row in rows])
print(" ".join(vocabulary.words[4:]), "\n")
for row in tokens:
    print(" ".join(vocabulary.words[t] for t in row))

# %% [markdown]
# **教师强制（teacher forcing）。** 训练时问第 $t$ 个词，给模型看的总是*正确*的前文，不管它自己会说什么。于是输入是去掉最后一个词的句子，目标是去掉第一个词的同一句话，所有句子的所有时刻合成一批：
#
# $$\mathcal L = -\frac{\sum_{b,t} m_{b,t} \log p(S_{b,t} \mid I_b, S_{b,<t})}{\sum_{b,t} m_{b,t}},
# \qquad m_{b,t} = 1 \text{（当 } S_{b,t} \text{ 不是填充符）}.$$
#
# 掩码绝非细枝末节。一个什么都不懂的模型，每个词的损失是 $\log V$；现在让它只对填充符有把握（任何模型训练几步之后都会如此），再对所有位置取平均：

# %%
targets = tokens[:, 1:]
logits = np.zeros((*targets.shape, len(vocabulary)))
logits[targets == vocabulary.pad, vocabulary.pad] = 20
everywhere = ops.cross_entropy(logits.reshape(-1, len(vocabulary)), targets.reshape(-1))
masked = caption_loss(mm.tensor(logits), mm.tensor(targets), vocabulary.pad)
print(
    f"log V {np.log(len(vocabulary)):.3f}   masked {masked.item():.3f}   with padding {float(everywhere):.3f}"
)

# %% [markdown]
# 模型什么也没学到，可不加掩码的损失却低了四分之一，而且低多少还取决于句子怎样凑成一批。两篇论文里的“损失”，单凭这一点就可能不可比。
#
# ## 2 · 看一眼，说一句
#
# NIC（Vinyals 等，2015）由两个网络组成：一个读，一个写。编码器把图像变成向量 $f$，解码器是一个 LSTM。告诉它“看见了什么”有两种办法：当作所有词之前的一个词，
#
# $$h, c = \mathrm{LSTM}(W_i f;\ 0, 0), \qquad
# h_t, c_t = \mathrm{LSTM}(W_e S_{t-1};\ h_{t-1}, c_{t-1}), \qquad
# p(S_t \mid \cdot) = \mathrm{softmax}(L_o h_t + b),$$
#
# 或者当作初始状态，$h_0 = \tanh(W_h f)$，$c_0 = \tanh(W_c f)$。两种办法都只看图*一次*：忘掉的，就再也找不回来了。
#
# 这里的 $f$ 是场景网络中最可能有物体的八个格子的平均。整个模型就是一个 start 和一个 step：

# %%
print(inspect.getsource(NICDecoder.start))
print(inspect.getsource(NICDecoder.step))

# %% [markdown]
# 教师强制，就是让这个 step 沿着正确的词一步步走下去。既然这些词事先都知道，训练时就可以把所有时刻一次算完；但它必须是同一个函数：

# %%
network = load_pretrained()
cells = {split.name: network.regions(split.floats(), 8)[0] for split in (trained, held_out)}
features = {name: x.mean(axis=1, keepdims=True) for name, x in cells.items()}  # (N, 1, D)
model = NICDecoder(len(vocabulary), features["train"].shape[2], hidden=96, generator=Generator(0)).eval()
two = mm.tensor(features["train"][:2])
with mm.no_grad():
    at_once, _ = model(two, mm.tensor(tokens))
    state, by_step = model.start(two), []
    for t in range(targets.shape[1]):
        state, logits, _ = model.step(state, mm.tensor(tokens[:, t]))
        by_step.append(logits.numpy())
print("the same logits at every step:", np.allclose(np.stack(by_step, axis=1), at_once.numpy(), atol=1e-5))

# %% [markdown]
# ## 3 · 它看图了吗？
#
# 对图像描述模型最常听到的抱怨是：*不管什么图，说的都是同一句话*。而损失可能一直很好看，因为一句话里大部分是语法。所以要量一量图像到底值多少：同一批留出的句子，先配上自己的图，再配上**另一幅**图，各算一次损失。不看图的模型，两次结果相同。


# %%
def batches(split, size, generator=None):
    """Captions of a split, and for each batch which pictures they belong to."""
    of = [(i, caption) for i, many in enumerate(split.captions) for caption in many]
    picture = np.array([i for i, _ in of])
    words = [vocabulary.encode(caption) for _, caption in of]
    loader = CaptionBatches(split.images, words, picture, batch_size=size, generator=generator, pixels=False)
    return ((batch, picture[batch.index]) for _ in itertools.count() for batch in loader)


def loss_of(model, batch, seen):
    logits, _ = model(mm.tensor(seen), mm.tensor(batch.tokens))
    return caption_loss(logits, mm.tensor(np.ascontiguousarray(batch.targets)), vocabulary.pad)


check, of_picture = next(batches(held_out, 5 * len(held_out)))
another = np.roll(np.arange(len(held_out)), 1)


def meter(model, seen):
    """Loss with the true pictures, and with each caption beside another picture."""
    model.eval()
    with mm.no_grad():
        pair = [loss_of(model, check, x[of_picture]).item() for x in (seen, seen[another])]
    model.train()
    return pair


def learn(model, train_seen, held_out_seen, steps=450):
    """Train; → the meter's readings, one row (step, true, another) each 50 steps."""
    optimizer = optim.AdamW(model.parameters(), lr=4e-3)
    schedule = optim.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    order = np.random.Generator(np.random.Philox(0))
    readings = [(0, *meter(model, held_out_seen))]
    for n, (batch, picture) in zip(range(1, steps + 1), batches(trained, 128, order), strict=False):
        loss = loss_of(model, batch, train_seen[picture])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if n % 50 == 0:
            readings.append((n, *meter(model, held_out_seen)))
    model.eval()
    return np.array(readings)


runs = {}
runs["as they come"] = learn(model.train(), features["train"], features[held_out.name])
print("spread of the features:", float(features["train"].std()).__round__())

# %% [markdown]
# 这些特征来自一个只有 ReLU、没有归一化的网络：没有负数，散布有好几个单位，大的有几十，而且大部分是所有图像共有的。这会一路传下去：读完图像之后，任意两幅图的状态几乎指着同一个方向，还有一部分门已经饱和，那里 $\sigma' = \sigma(1 - \sigma)$ 几乎不让梯度通过。办法是减去均值、除以标准差，两者都只用*训练*图像来算：

# %%
mean, deviation = features["train"].mean(axis=(0, 1)), features["train"].std(axis=(0, 1)) + 1e-6
scaled = {name: (x - mean) / deviation for name, x in features.items()}


def alike(seen):
    """Mean cosine of the states h that a new model has of a hundred pictures."""
    with mm.no_grad():
        ((h, _),) = NICDecoder(len(vocabulary), len(mean), generator=Generator(0)).start(
            mm.tensor(seen[:100])
        )
    cosine = ops.cosine_similarity_matrix(h.numpy(), h.numpy())
    return cosine[np.triu_indices(100, 1)].mean()


before, after = alike(features["train"]), alike(scaled["train"])
print(f"cosine of two pictures' states: {before:.1f} as they come, {after:.1f} scaled")

models = {
    name: NICDecoder(
        len(vocabulary), len(mean), hidden=96, init="input" if name == "scaled" else "state",
        generator=Generator(0),
    )
    for name in ("scaled", "scaled, as initial state")
}  # fmt: skip
for name, one in models.items():
    runs[name] = learn(one, scaled["train"], scaled[held_out.name])

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.2), sharey=True)
for ax, (name, run) in zip(axes, runs.items(), strict=True):
    ax.fill_between(run[:, 0], run[:, 1], run[:, 2], color="#2f7fff", alpha=0.15)
    ax.plot(run[:, 0], run[:, 2], color="#c0392b", label="another picture")
    ax.plot(run[:, 0], run[:, 1], color="#2f7fff", label="the true picture")
    ax.set(title=name, xlabel="step", ylim=(0.45, 1.25))
axes[0].set_ylabel("loss, nats a word")
axes[0].legend(frameon=False, fontsize=8)
plt.show()
worth = {name: run[-1, 2] - run[-1, 1] for name, run in runs.items()}
others = [worth["scaled"], worth["scaled, as initial state"]]
print("scaled, the picture is worth more than 0.15 nats a word, as input and as state:", min(others) > 0.15)
print("as they come, not half of that:", worth["as they come"] < min(others) / 2)

# %% [markdown]
# 左图就是那种病，一条曲线便能查出来：损失降得很漂亮，两条线却几乎没有分开。治好它只需两行算术。上面那条线后来*升高*，正是应该的：相信图像的模型，看到配着别的图的句子自然会吃惊。
#
# ## 4 · 贪心搜索，以及它说得有多真
#
# 模型给出的是句子的概率；要生成描述，就得在其中搜索。贪心法：一次又一次取最可能的词，直到取到结束符。

# %%
model = models["scaled"]
pictures = len(held_out)
with mm.no_grad():
    state = model.start(mm.tensor(scaled[held_out.name]))


def say(how, **options):
    """Captions of all held-out pictures as lists of words, and their log p."""
    found, log_p, _ = search(
        model.step, state, pictures, vocabulary.start, vocabulary.end, 20, SearchOptions(how, **options),
        Generator(1), forbidden=(vocabulary.pad, vocabulary.start, vocabulary.unk),
    )  # fmt: skip
    return [[vocabulary.words[t] for t in row] for row in found], log_p


said, greedy_log_p = say("greedy")
figure, axes = plt.subplots(1, 5, figsize=(11, 2.6))
true = held_out.judge(said, range(pictures))
for ax, image, caption, right in zip(axes, held_out.images, said, true, strict=False):
    ax.imshow(image)
    ax.set(xticks=[], yticks=[])
    ax.set_title("\n".join([" ".join(caption[:4]), " ".join(caption[4:]), "true" if right else "false"]),
                 fontsize=8, color="#2e7d32" if right else "#c0392b")  # fmt: skip
plt.show()

# %% [markdown]
# 单独一个正确率说明不了什么，要有对照。**多数句**：对每幅图都说训练集里最常见的那句话。**照抄**：取最相似的训练图像的第一句描述，一切检索方法都以它为对照。还有：把模型自己的描述配到别的图上。

# %%
here, there = scaled[held_out.name][:, 0], scaled["train"][:, 0]
nearest = (here**2).sum(1)[:, None] - 2 * here @ there.T + (there**2).sum(1)
copied = [trained.captions[i][0] for i in nearest.argmin(axis=1)]
candidates = {
    "majority": [trained.majority()] * pictures,
    "another picture's": [said[i] for i in another],
    "copying": copied,
    "greedy": said,
    "beam of 3": say("beam", width=3)[0],
    "beam of 10": say("beam", width=10)[0],
}
rate = {name: held_out.truth(captions)["true"] for name, captions in candidates.items()}
figure, ax = plt.subplots(figsize=(6, 2.6))
ax.barh(list(rate), list(rate.values()), color=["#bbbbbb"] * 3 + ["#2f7fff"] * 3)
ax.set(xlabel="share of true captions, held-out pictures", xlim=(0, 1))
ax.invert_yaxis()
plt.show()
controls = [rate[name] for name in ("majority", "another picture's", "copying")]
print("greedy is better than every control:", rate["greedy"] > max(controls))
scenes_of = [{w for o in graph.objects for w in (o.size, o.colour, o.shape)} for graph in held_out.scenes]
content = {w for words in scenes_of for w in words}
false = [i for i in range(pictures) if not true[i]]
mixed = np.mean([set(said[i]) & content <= scenes_of[i] for i in false])
print("of the false captions, more than a third say only what is there, of different objects:", mixed > 1 / 3)

# %% [markdown]
# 最后一行道出了“一幅图一个向量”的弱点：这个物体的 *big*，那个物体的 *red*，第三个物体的 *circle*。样样都在图里，合起来却没有一句真话。格子的平均值说不清哪些属性属于同一个物体，模型又不能再看一眼。第 9 课会让它再看。
#
# ## 5 · 集束搜索
#
# 贪心法每步取最好的词，得到的却不是最好的句子。下面只有三个词，其中 $a$ 开头很好，却总也结束不了：

# %%
words = ["start", "end", "a", "b"]
table = np.array([[0, 0, 0.6, 0.4], [0, 1, 0, 0], [0, 0.3, 0.4, 0.3], [0, 0.9, 0.05, 0.05]])


def toy(state, token):
    """Words depend on the word before alone: log p = log table[before]."""
    with np.errstate(divide="ignore"):
        return state, mm.tensor(np.log(table[token.numpy()])), None


def named(ids):
    return " ".join(words[i] for i in ids)


tokens, log_p, _ = greedy(toy, None, 1, 0, 1, max_length=3)
print(f"greedy       {named(tokens[0]):8} p = {np.exp(log_p[0]):.3f}, and has not ended")
for width in (1, 2, len(words) ** 3):
    best = beam_search(toy, None, 1, 0, 1, 3, width)[0][0]
    print(f"width {width:2}     {named(best.tokens):8} p = {np.exp(best.log_p):.3f}, ended: {best.finished}")


def probability(sentence):
    path = [0, *sentence, 1]
    return np.prod([table[before, word] for before, word in itertools.pairwise(path)])


every = [s for n in range(3) for s in itertools.product((2, 3), repeat=n)]
print("all there are", {named(s) or "–": round(float(probability(s)), 3) for s in every})

# %% [markdown]
# *集束（beam）* 同时保留 $W$ 个最好的开头。它们共有 $W \cdot V$ 种续写，其中最可能的 $W$ 种留下；结束了的离开集束，到已完成的句子里排名。$W = 1$ 就是贪心；$W \ge V^T$ 时什么也不会丢，集束搜索就是穷举。什么时候可以停？对数之和只会变小：一旦最可能的开头都比不上已完成的最好的句子，它的后代就不可能赢了。
#
# 下面是宽度为 4 的集束在一幅图上长出的树。灰色：后来被丢掉；蓝色：一直走到了结束。

# %%
steps = []
one = 2
with mm.no_grad():
    alone = model.start(mm.tensor(scaled[held_out.name][one : one + 1]))
found = beam_search(
    model.step, alone, 1, vocabulary.start, vocabulary.end, 12, 4, early_stopping=False,
    watch=lambda *step: steps.append([x[0] for x in step]),
)[0]  # fmt: skip


def prefixes():
    """Every beginning that was ever in the beam: (words) → log p."""
    before, tree = [()], {}
    for parent, word, log_p in steps:
        before = [(*before[p], int(w)) for p, w in zip(parent, word, strict=True)]
        tree |= {w: p for w, p in zip(before, log_p, strict=True) if p > -np.inf}
    return tree


tree = prefixes()
last = vocabulary.end
best = {(*h.tokens, last)[:n] for h in found for n in range(1, len(h.tokens) + 2)}
tree = {w: p for w, p in tree.items() if len(w) <= max(map(len, best))}
height, free = {}, 0.0


def arrange(beginning):
    """Heights of a tree: leaves one below the other, the others in the middle of their children."""
    global free
    children = sorted((w for w in tree if w[:-1] == beginning), key=lambda w: -tree[w])
    if not children:
        free -= 1
        height[beginning] = free
        return
    for child in children:
        arrange(child)
    height[beginning] = (height[children[0]] + height[children[-1]]) / 2


arrange(())
figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6), width_ratios=(1, 4.2))
left.imshow(held_out.images[one])
left.set(xticks=[], yticks=[])
for beginning, log_p in tree.items():
    colour = "#2f7fff" if beginning in best else "#bbbbbb"
    n = len(beginning)
    right.plot([n - 1 + 0.34 * (n > 1), n - 0.34], [height[beginning[:-1]], height[beginning]], color=colour,
               lw=0.8 + 3 * np.exp(log_p), zorder=1)  # fmt: skip
    word = "■" if beginning[-1] == last else vocabulary.words[beginning[-1]]
    right.text(n, height[beginning], word, ha="center", va="center", fontsize=8, color=colour)
for h in found:
    right.text(
        len(h.tokens) + 1.2, height[(*h.tokens, last)], f"{np.exp(h.log_p):.2f}", fontsize=8, va="center"
    )
right.axis("off")
plt.show()
for h in found:
    sentence = [vocabulary.words[t] for t in h.tokens]
    print(f"{' '.join(sentence):42} {'true' if held_out.judge([sentence], [one])[0] else 'false'}")

# %% [markdown]
# 看看 *a* 的命运：它开头很好，可是走 *a* 这条路，第三个词就得说出颜色；走 *i see a* 这条路，第五个词才说。谁必须先作决定，谁的和就会暂时小一些。所以集束也可能丢掉贪心本来能找到的句子：一个开头被另外几个看上去更好、结局却更差的挤掉了。就全部图像平均而言，集束越宽，找到的句子越可能；对单独一幅图，它什么也不保证，除非宽到穷举。

# %%
wide, wide_log_p = say("beam", width=10)
narrow_log_p = say("beam", width=2)[1]
print(
    "of some picture a beam of 2 says something less likely than greedy:",
    (narrow_log_p < greedy_log_p - 1e-3).any(),
)
print("a beam of 10 finds likelier sentences on average:", wide_log_p.mean() > greedy_log_p.mean())
lengths = [
    np.mean([len(s) for s in say("beam", width=10, length_penalty=a)[0]]) for a in (0.0, 1.0, 2.0, 4.0)
]
print("the stronger the length penalty, the longer the captions:", all(np.diff(lengths) >= 0))

# %% [markdown]
# 最后一行的原因：每多一个词，$\log p$ 就更小，所以集束偏爱短句。Wu 等（2016）除以 $\left(\frac{5 + n}{6}\right)^{\alpha}$。这是口味，不是定理；报告分数时要写明 $\alpha$。
#
# 集束给出的四个最好的句子，常常是同一句话的四种说法。*多样集束*（Vijayakumar 等，2018）把集束分组，后面的组若用了前面的组刚说过的词，就要付出 $\lambda$ 的代价：

# %%
plain = beam_search(model.step, state, pictures, vocabulary.start, vocabulary.end, 12, 4)
diverse = diverse_beam_search(model.step, state, pictures, vocabulary.start, vocabulary.end, 12, 4, 4, 1.0)


def kinds(found):
    """How many different words of content the sentences of a picture hold, on average."""
    return np.mean(
        [len({t for h in many for t in h.tokens if vocabulary.words[t] in content}) for many in found]
    )


print("diverse beams speak of more:", kinds(diverse) > kinds(plain))

# %% [markdown]
# ## 6 · 采样
#
# 也可以从模型里*抽取*句子：$S_t \sim q$，其中 $q_v \propto p_v^{1/\tau}$。温度 $\tau$ 从贪心（$\tau \to 0$）经过模型本身（$\tau = 1$）一直到噪声。常用两种办法砍掉不太可能的词：只留最可能的 $k$ 个（Fan 等，2018），或者只留*核*（nucleus）：概率加起来达到 $p$ 的最少的几个词（Holtzman 等，2020）。

# %%
temperatures = [0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0]
curves = {"true": [], "grammatical": [], "different": []}
for temperature in temperatures:
    drawn, _ = say("sample", temperature=temperature)
    judged = held_out.truth(drawn)
    for name in ("true", "grammatical"):
        curves[name].append(judged[name])
    curves["different"].append(len({tuple(s) for s in drawn}) / pictures)
figure, ax = plt.subplots(figsize=(5.4, 3.2))
for name, curve in curves.items():
    ax.plot(temperatures, curve, marker="o", ms=3, label=name)
ax.set(xlabel="temperature", ylabel="share of the captions", ylim=(0, 1.05))
ax.legend(frameon=False, fontsize=8, ncol=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
plt.show()
nucleus_grammar = held_out.truth(say("sample", temperature=2.0, top_p=0.8)[0])["grammatical"]
print("hotter is more varied:", curves["different"][0] < curves["different"][-1])
print("and less true:", curves["true"][0] > curves["true"][-1])
print(
    "a nucleus of 0.8 keeps the grammar at temperature 2:", nucleus_grammar > curves["grammatical"][-1] + 0.2
)

# %% [markdown]
# ## §3.1.1 需要订正之处
#
# | 综述的说法 | 应当补充 |
# |---|---|
# | 编码器和解码器端到端训练 | 开始符、结束符和填充符；掩码；教师强制 |
# | 解码器生成句子 | 要靠搜索，搜索方法是结果的一部分：报告分数时写明 |
# | 图像是解码器的输入 | 要先缩放；还要给出配上别的图时的损失，否则它可能根本没看 |
# | 举几个描述得好的例子 | 给出正确率，并与多数句和照抄对照 |
#
# ## 练习
#
# **8.1** 由对数概率计算第 1 节的损失：只对不是填充符的位置取平均。


# %%
def word_loss(log_p, targets, pad):
    """log_p (B, T, V), targets (B, T) → a number."""
    ### BEGIN SOLUTION
    picked = np.take_along_axis(log_p, targets[:, :, None], axis=2)[:, :, 0]
    real = targets != pad
    return -picked[real].sum() / real.sum()
    ### END SOLUTION


# %%
checks.word_loss(word_loss)

# %% [markdown]
# **8.2** 集束的一步：已知 $H$ 个假设的 $\log p$ 之和，以及各自下一个词的得分，求最好的 `width` 种续写，好的在前，每种写成三元组（假设，词，和）。


# %%
def grow(sums, scores, width):
    """sums (H,), scores (H, V) → list of (hypothesis, word, sum)."""
    ### BEGIN SOLUTION
    total = sums[:, None] + scores
    order = np.argsort(-total, axis=None, kind="stable")[:width]
    return [(int(i) // scores.shape[1], int(i) % scores.shape[1], float(total.flat[i])) for i in order]
    ### END SOLUTION


# %%
checks.grow(grow)

# %% [markdown]
# **8.3** 核：在概率 `p` 中，取加起来达到 `mass` 的最少的几个，其余为 0，留下的再缩放到和为 1。


# %%
def nucleus(p, mass):
    """p (V,), mass in (0, 1] → (V,)."""
    ### BEGIN SOLUTION
    order = np.argsort(-p, kind="stable")
    count = np.searchsorted(np.cumsum(p[order]), mass) + 1
    kept = np.zeros_like(p)
    kept[order[:count]] = p[order[:count]]
    return kept / kept.sum()
    ### END SOLUTION


# %%
checks.nucleus(nucleus)
