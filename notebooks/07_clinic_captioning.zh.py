# %% [markdown]
# # 7 · 诊所：一段貌似能描述图像的代码
#
# **学完这一课，你能够** 找出是什么让一段看似合理的程序写不出描述，分清会报错的毛病和不出声的毛病，把不出声的毛病量出来，说明为什么“一个分布”不是一句话，并写出真正能用的版本。
#
# **用时** 阅读约 35 分钟，笔记本电脑上计算约一分钟 · **数据** 无需下载 · **对应** 综述 §5.1（第一段代码）。

# %%
import dataclasses

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import nn, ops, optim
from mmscratch.autograd import no_grad
from mmscratch.data.batches import CaptionBatches
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.decoding import greedy
from mmscratch.models.caption_losses import caption_loss
from mmscratch.models.lrcn import LRCN
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.random import Generator
from mmscratch.representations.image import VGG, grid_features, preprocess_keras, preprocess_torchvision
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.image import attributes
from mmscratch.tensor import Tensor
from mmscratch.train import fit

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
PAD, START, END = Vocabulary.pad, Vocabulary.start, Vocabulary.end
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · 病人
#
# §5.1 的代码打算这样做：VGG16 去掉分类器，把图像变成一张特征图；上面按顺序叠两层 256 个单元的 LSTM，再接一个覆盖词表的 softmax 层；用 Adam 最小化交叉熵来训练整个模型，同时报告准确率；最后拿一张图像去问模型要描述。读者看了会点头。我们用自己的库代替 Keras，按它出错的先后顺序来检查：先看会出声的毛病。


# %%
def says(title, attempt):
    """What happens, in one line."""
    try:
        print(f"{title:24} no error, {attempt().shape}")
    except (TypeError, ValueError) as error:
        print(f"{title:24} {type(error).__name__}: {error}")


vgg = VGG(16, grid=1, hidden=8, classes=1, generator=Generator(0)).eval()
maps = Tensor(rng.normal(size=(2, 512, 7, 7)).astype(np.float32))
picture = Tensor(rng.random((3, 64, 64), dtype=np.float32))
lstm = nn.LSTM(512, 256, num_layers=2, batch_first=True, generator=Generator(0))

says("a misspelt keyword", lambda: nn.LSTM(512, 256, return_sequence=True))
says("a map for a sequence", lambda: lstm(maps)[0])
says("captions that are text", lambda: ops.cross_entropy(maps[:, :9, 0, 0], ["a red circle", "a square"]))
says("a picture, no batch", lambda: vgg.features(picture))

# %% [markdown]
# 四个毛病，四个报错，每一个都说明了来的是什么、应该是什么：
#
# 1. **关键字不存在。** 代码里把 `return_sequences` 写成了单数。我们的 LSTM 不需要这个开关：它总是返回每一步的输出，外加最后的状态。
# 2. **特征图不是序列。** 循环层读的是（批，时间，特征），而 VGG16 给出的是（批，512，7，7）。要先把它变成 49 个区域，每个区域 512 个数。
# 3. **描述不是数。** `captions`、`images`、`vocab_size` 从未定义。文本要先切成词元，词元要编号，还要有结束符。
# 4. **一张图像不是一批。** 它少了第一个轴。
#
# 第 2 条如果图快，随手一改，就会遇到第一个不出声的毛病。


# %%
@dataclasses.dataclass
class Cell:
    """Which channel, row and column of the map each number of a region came from."""

    channel: np.ndarray
    row: np.ndarray
    column: np.ndarray


def origin(flatten):
    """Where the numbers of region 23 (row 3, column 2) come from, with this way to flatten."""
    places = np.indices((512, 7, 7))[:, None]  # channel, row, column of every number
    return Cell(*(flatten(p)[0, 23] for p in places))


quick = origin(lambda a: a.reshape(1, 49, 512))
right = origin(lambda a: a.reshape(1, 512, 49).transpose(0, 2, 1))
for name, cell in (("reshape alone", quick), ("channels moved last", right)):
    places = {(int(y), int(x)) for y, x in zip(cell.row, cell.column, strict=True)}
    print(f"{name:20} channels {cell.channel.min():3}–{cell.channel.max():3}, from {len(places):2} places")


# %% [markdown]
# 两者的形状都是（1，49，512）。但第一种做法里，“第 23 个区域”装的是 *全部 49 个位置* 的十一个通道：区域被搅在一起，程序照跑，能看到的只是损失降得不好。必须先把通道移到最后，再把位置并成一个轴。
#
# ## 2 · 一个分布不是一句话
#
# 假设上面这些都改好了。剩下的是：49 个区域被当作时间来读，最后的状态送进 softmax，于是每张图像得到 *一个* 关于词的分布。


# %%
class Listing(nn.Module):
    """The listing with its spelling and its shapes repaired."""

    def __init__(self, vocabulary_size, generator):
        self.lstm = nn.LSTM(512, 256, num_layers=2, batch_first=True, generator=generator)
        self.dense = nn.Linear(256, vocabulary_size, generator=generator)

    def forward(self, regions):
        outputs, _ = self.lstm(regions)
        return self.dense(outputs[:, -1])


words = Vocabulary(["a", "red", "circle", "big", "blue", "square"])
captions = [words.encode(s.split()) for s in ("a red circle", "a big blue square")]
target = np.full((2, 5), PAD)
for line, ids in zip(target, captions, strict=True):
    line[: len(ids) - 1] = ids[1:]
print(target)
listing = Listing(len(words), Generator(0))
regions = maps.reshape(2, 512, 49).permute(0, 2, 1)
says("the listing", lambda: listing(regions))
says("against two captions", lambda: ops.cross_entropy(listing(regions), Tensor(target)))

# %% [markdown]
# （2，10）里没有时间轴。两句描述分别有四个和五个词（结束符也算一个），不可能做它的目标，损失函数也正是这么说的。这是一个夹着 LSTM 的图像分类器。
#
# 能不能每一步都重复同一个分布 $p$？设唯一正确的描述有 $T$ 个词，词 $w$ 出现 $n_w$ 次，那么训练所能达到的最好结果是
#
# $$\min_p\; -\frac1T\sum_{t=1}^{T}\ln p(y_t) \;=\; -\sum_w \frac{n_w}{T}\ln\frac{n_w}{T}\;,$$
#
# 即这句话词袋的熵，在 $p_w = n_w/T$ 时取到（吉布斯不等式）。四个不同的词就是 $\ln 4$，等于在四个词里瞎猜，尽管其实 *没有什么可猜的*。而且每一步最可能的词都一样：“红 红 红 红”。一句话的分布是
#
# $$p(y_1, \dots, y_T \mid \text{picture}) = \prod_{t=1}^{T} p(y_t \mid y_1, \dots, y_{t-1}, \text{picture}),$$
#
# 每个因子都要以 **前面的词** 为输入。这需要代码里缺少的四样东西：前一个词的嵌入，供第一步使用的 `<start>`，能够说出口的 `<end>`，以及训练时把正确的词错开一位作为输入（*教师强制*）。

# %%
counts = np.bincount(target[0][target[0] != PAD])
share = counts[counts > 0] / counts.sum()
print("the best loss a word of one distribution:", round(float(-(share * np.log(share)).sum()), 4))
print("ln 4:                                    ", round(float(np.log(4)), 4))

boxes = {
    "the listing": ["picture\n(B, 3, 224, 224)", "VGG16, trained too\n(B, 512, 7, 7)",
                    "49 cells read\nas if time\n(B, 49, 512)", "LSTM, LSTM:\nlast state\n(B, 256)",
                    "softmax\n(B, V)", "one word?"],
    "repaired": ["picture, VGG's\npreprocessing\n(B, 3, 224, 224)", "VGG16, frozen\n(B, 49, 512)",
                 "mean → W_v: (B, E)\nbeside E y₀…y_T₋₁\n(B, T, 2E)", "LSTM, LSTM:\nall states\n(B, T, H)",
                 "logits\n(B, T, V)", "y₁…y_T\nthen <end>"],
}  # fmt: skip
figure, axes = plt.subplots(2, 1, figsize=(10.5, 3.6))
for ax, (name, steps), colour in zip(axes, boxes.items(), ("#b04a3a", "#2c7a5b"), strict=True):
    for i, text in enumerate(steps):
        style = {"boxstyle": "round,pad=0.45", "fc": "white", "ec": colour, "lw": 1.4}
        ax.text(i, 0, text, ha="center", va="center", fontsize=8, bbox=style)
        if i:
            ax.annotate("", (i - 0.42, 0), (i - 0.56, 0), arrowprops={"arrowstyle": "->", "color": colour})
    ax.set(xlim=(-0.55, 5.5), ylim=(-0.5, 0.75))
    ax.set_title(name, loc="left", fontsize=10, color=colour)
    ax.axis("off")
axes[1].annotate("its own word is the next input", (2, -0.33), (5, -0.33), fontsize=8, va="center",
                 color="#2c7a5b", arrowprops={"arrowstyle": "->", "color": "#2c7a5b"})  # fmt: skip
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 3 · 放错轴的损失，乱夸人的准确率
#
# 就算给模型加上时间轴，代码里的损失 `categorical_crossentropy` 仍然要求 one-hot 目标：本来 $B \cdot T$ 个数就够了，却要 $B \cdot T \cdot V$ 个（取 $B=128$、$T=20$、$V=10\,000$：102 MB 对 20 kB）。如果库像 PyTorch 和我们一样把类别放在第 1 轴，情况更糟：logits 与 one-hot 目标同为（B，T，V），对得上，而 softmax 却沿着 *时间* 归一化：

# %%
onehot = np.eye(len(words))[target]
even, certain = np.zeros((2, 5, len(words))), 60.0 * onehot
for name, logits in (("knows nothing", even), ("right and certain", certain)):
    wrong = ops.cross_entropy(Tensor(logits), Tensor(onehot)).item()
    masked = caption_loss(Tensor(logits), Tensor(target), PAD).item()
    print(f"{name:18} one-hot on (B, T, V): {wrong:.3f}   words, padding ignored: {masked:.3f}")
print("ln V =", round(float(np.log(len(words))), 3))

# %% [markdown]
# 没有报错；可是一个一无所知的模型得到的是 0.805，而不是 $\ln V$。把开始时的损失与 $\ln V$ 比一比：单凭这一行就能揪出一半这类错误。
#
# **准确率。** 句子要补齐到同一长度。如果把本来就没有话要说的位置也算进去，一个 *只会* 说 `<pad>` 的模型就成了好模型：

# %%
spec = "scenes:train=1600,val=0,test=250,level=1,count=1,heldout_pairs=0,positions=all,seed=7"
train, test = load_scenes(spec, "train"), load_scenes(spec, "test")
vocabulary = Vocabulary.from_tokens(train.sentences())
tokens = [vocabulary.encode(sentence) for sentence in train.sentences()]
for length in (10, 20, 40):
    truth = np.full((len(tokens), length), PAD)
    for line, ids in zip(truth, tokens, strict=True):
        line[: len(ids) - 1] = ids[1:]
    said, real = np.full_like(truth, PAD), truth != PAD
    everywhere, masked = (said == truth).mean(), (said == truth)[real].mean()
    print(f"padded to {length}: accuracy {everywhere:5.1%} everywhere, {masked:.0%} where words are")

# %% [markdown]
# 同一个毫无价值的模型，只要挑一个长度，想要多高的准确率都有。损失也有同样的漏洞：必须只对真正的词求平均（`caption_loss` 就是这样），否则学会不说话，损失就降了。
#
# ## 4 · 图像不是网络认识的样子
#
# 代码把图像原样送进去。VGG16 公开的权重，Keras 和原作者的要蓝、绿、红，减去均值（103.939，116.779，123.68）；torchvision 的要红、绿、蓝，范围 $[0, 1]$，减均值再除以标准差。弄错了什么也不会拦你。特征会移动多远？我们以 *不同图像* 之间的距离为单位来量，因为描述模型读的正是这种差别。
#
# 这里没有公开的权重文件，所以 VGG16 的 14,714,688 个卷积权重是 **随机抽取** 的（He 等，2015）。它们不认识任何物体；但图像之间的距离在其中仍能保留下来（随机卷积会保留许多颜色和位置的信息）。要用真正的权重：`VGG.published(16, "vgg16.pth")`。

# %%
vgg.features.requires_grad_(False)
print("weights of the encoder:", f"{sum(p.data.size for p in vgg.features.parameters()):,}")
pictures = train.images[:16]
right = preprocess_keras(pictures, size=64)
inputs = {
    "as bytes": pictures.transpose(0, 3, 1, 2).astype(np.float32),
    "red for blue": right[:, ::-1],
    "torchvision's for Keras's": preprocess_torchvision(pictures, 64, 64),
}
with no_grad():
    wanted = vgg.features(Tensor(right)).numpy()
    seen = {name: vgg.features(Tensor(np.ascontiguousarray(x))).numpy() for name, x in inputs.items()}
apart = np.linalg.norm(wanted - np.roll(wanted, 1, axis=0))
for name, x in seen.items():
    print(f"{name:26} moved by {np.linalg.norm(x - wanted) / apart:.1f} × the distance between two pictures")

# %% [markdown]
# 尺度弄错，每张图像偏离的距离都超过两张图像之间的距离。通道弄反则偏得少些，因此最晚才被发现。
#
# **编码器也在学。** 在 VGG16 上搭模型、编译、训练，如果不另外声明，整个网络都会被训练，这里用的是 Adam，默认学习率 0.001。不论梯度多小，Adam 每一步都把 *每个* 权重移动大约一个学习率那么多，而刚初始化的解码器传回来的起初只是噪声。网络原来会的东西，几步之内就没了。随机权重本来什么也不会，所以换一个会的来看：能分辨颜色、形状和大小的场景网络。

# %%
ids = np.full((32, max(map(len, tokens))), PAD)
for line, sentence in zip(ids, tokens[:160:5], strict=True):
    line[: len(sentence)] = sentence
wanted_words = Tensor(np.ascontiguousarray(ids[:, 1:]))


def knows(encoder):
    """Shares of shapes, colours and sizes that the network still names right."""
    figures = attributes.judge(encoder, test)
    return [figures[f"{head} right"] for head in ("shape", "colour", "size")]


def finetune(trainable, checked=(0, 2, 5, 10, 20, 30)):
    """Caption loss, Adam at 0.001; what the encoder knows after so many steps."""
    encoder = load_pretrained().requires_grad_(trainable)
    decoder = LRCN(len(vocabulary), encoder.channels, 64, 32, generator=Generator(0))
    optimizer = optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    found = [knows(encoder)]
    for step in range(1, checked[-1] + 1):
        grid = encoder.features(Tensor(train.floats()[:32]))
        logits, _ = decoder(grid.reshape(32, encoder.channels, 64).permute(0, 2, 1), Tensor(ids))
        optimizer.zero_grad()
        caption_loss(logits, wanted_words, PAD).backward()
        optimizer.step()
        if step in checked:
            found.append(knows(encoder))
    return checked, np.array(found)


figure, ax = plt.subplots(figsize=(6, 3))
for trainable, style in ((False, "--"), (True, "-")):
    steps, found = finetune(trainable)
    for k, head in enumerate(("shape", "colour", "size")):
        name = f"{head}, {'trained' if trainable else 'frozen'}"
        ax.plot(steps, found[:, k], style, color=f"C{k}", label=name)
    print("trained" if trainable else "frozen ", "| all three heads keep 95 %:", bool(found[-1].min() > 0.95))
ax.set(xlabel="steps of Adam at 0.001", ylabel="attributes right", ylim=(0, 1.03))
ax.legend(frameon=False, fontsize=8, ncol=2)
plt.show()

# %% [markdown]
# 所以要冻结编码器，至少等解码器先学到一点东西。这样做还有奖励：特征从此不变，**只需计算一次**。
#
# ## 5 · 修好的版本
#
# 1. 按权重的要求预处理；VGG16 冻结；特征图变成区域，通道移到最后；只算一次。
# 2. 词：切成词元，编号，加上 `<start>` 和 `<end>`，补齐。
# 3. 每一步把前一个词和图像一起送进两层 LSTM，*每个* 状态都给出一个分布（LRCN，Donahue 等，2015）：$x_t = [E y_{t-1};\ \tanh(W_v \bar a)]$。
# 4. 损失只数真正的词，编码器不参加训练。
# 5. 描述一张图像：从 `<start>` 开始，取最可能的词，再把它喂回去，直到 `<end>`；最后把编号换成词。
#
# 224 × 224 的图像给出 49 个区域。我们的图像是 64 × 64，给出 2 × 2 个 512 维的区域，快十二倍；1,850 张图像约需 20 秒。每张图像有一个物体、五句描述。作为比较，同一个解码器再换上我们 *场景网络* 的特征：它受过训练，认得这些物体。

# %%
print("one picture at 224 × 224:", grid_features(vgg, train.images[:1]).values.shape)
network = load_pretrained()
features = {
    "VGG16, random weights": [
        grid_features(vgg, split.images, size=64, crop=64, batch_size=16).values for split in (train, test)
    ],
    "scene network": [network.regions(split.floats(), count=4)[0] for split in (train, test)],
}
for name, (regions, _) in features.items():
    print(f"{name:22}", regions.shape)


def learn(regions, steps, seed=0):
    """Two LSTM layers on frozen regions, teacher forcing, padding ignored."""
    model = LRCN(len(vocabulary), regions.shape[2], hidden=128, embedding=64, generator=Generator(seed))
    picture_of = np.repeat(np.arange(len(train)), [len(many) for many in train.captions])
    order = np.random.Generator(np.random.Philox(seed))
    batches = CaptionBatches(train.images, tokens, picture_of, batch_size=64, generator=order, pixels=False)

    def loss_of(batch):
        logits, _ = model(Tensor(regions[picture_of[batch.index]]), Tensor(batch.tokens))
        return caption_loss(logits, Tensor(np.ascontiguousarray(batch.targets)), PAD)

    optimizer = optim.Adam(model.parameters(), lr=4e-3)
    schedule = optim.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    fit(
        model, loss_of, batches, optimizer=optimizer, schedule=schedule, steps=steps, clip=5.0, progress=False
    )
    return model.eval()


def describe(model, regions):
    """The likeliest word, step by step, until the end; numbers to words."""
    with no_grad():
        state = model.start(Tensor(regions))
    said, _, _ = greedy(model.step, state, len(regions), START, END, max_length=12)
    return [vocabulary.decode(line) for line in said]


sentences = {}
for (name, (regions, unseen)), steps in zip(features.items(), (800, 300), strict=True):
    mean, spread = regions.mean((0, 1)), regions.std((0, 1)) + 1e-3
    regions, unseen = ((x - mean) / spread for x in (regions, unseen))  # from the training pictures
    sentences[name] = describe(learn(regions, steps), unseen)


# %% [markdown]
# 句子通顺说明不了什么：不管图像里有什么，“a red circle” 都很通顺。在这个世界里，每句话都可以在场景上 *执行*，因此知道它是真是假。旁边放两个对照：对每张图像都说训练集中最常见的那句；以及把模型的句子错配到另一张图像上。

# %%
rates = {"most frequent caption": [test.truth([train.majority()] * len(test))["true"]] * 2}
for name, said in sentences.items():
    rates[name] = [test.truth(said)["true"], test.truth(said[1:] + said[:1])["true"]]
figure, axes = plt.subplots(1, 6, figsize=(11, 2.6), width_ratios=[3.4, 1.3, 1, 1, 1, 1])
for i, (own, other) in enumerate(rates.values()):
    axes[0].barh(i - 0.18, own, 0.34, color="C0", label="own picture" if i == 0 else None)
    axes[0].barh(i + 0.18, other, 0.34, color="0.75", label="another picture" if i == 0 else None)
axes[0].set(yticks=range(3), yticklabels=[n.replace(", ", ",\n") for n in rates], xlim=(0, 1))
axes[0].set_xlabel("share of true sentences")
axes[0].invert_yaxis()
axes[0].legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.02, 0.55))
axes[1].axis("off")
for ax, i in zip(axes[2:], (0, 1, 2, 3), strict=True):
    ax.imshow(test.images[i])
    ax.set(xticks=[], yticks=[])
    lines = [" ".join(said[i][-4:]) if len(said[i]) < 6 else " ".join(said[i]) for said in sentences.values()]
    for k, (line, said) in enumerate(zip(lines, sentences.values(), strict=True)):
        true = test.judge([said[i]], [i])[0]
        line = line.replace(" is in", "\nis in")
        ax.text(0.5, -0.08 - 0.3 * k, line, transform=ax.transAxes, ha="center", va="top", fontsize=7,
                color="#17692b" if true else "#aa1111")  # fmt: skip
plt.show()
vgg_rate, scene_rate = (rates[name] for name in sentences)
floor = max(vgg_rate[1], rates["most frequent caption"][0])
print("random VGG16 says three times as many truths as either control:", vgg_rate[0] > 3 * floor)
print("features that were trained say more than 9 truths in 10:", scene_rate[0] > 0.9)

# %% [markdown]
# （上一行是 VGG16 特征说的，下一行是场景网络特征说的；绿色为真。）即使是随机特征，也带有颜色和一部分别的信息，远高于两个对照，又低于受过训练的特征。这个差距正是 *预训练的意义*：综述的计划里有它，只要文件对、预处理对，它就会出现。
#
# ## 6 · 病历
#
# 六个毛病，各自看到什么、怎样治：

# %%
chart = [
    ("fault", "what you see", "repair"),
    ("1 a keyword in the singular", "TypeError: unknown argument", "every step's output is returned anyway"),
    ("2 a 7 × 7 map\ngiven to an LSTM", "ValueError, both shapes\n(reshape alone: silent, mixed)",
     "49 regions of 512:\nchannels last, then flatten"),
    ("3 only the last state;\nno words go in", "(B, V): one word for a picture;\nloss ≥ entropy of the words",
     "the word before, <start>, <end>,\nteacher forcing: (B, T, V)"),
    ("4 data undefined, one-hot loss,\naccuracy over padding",
     "TypeError for text; silent: 0.805 for ln V,\nany accuracy you like",
     "vocabulary; numbers as targets;\npadding ignored in loss and accuracy"),
    ("5 no preprocessing;\nencoder trained at 0.001",
     "silent: features off by several pictures;\nattributes forgotten in 30 steps",
     "the weights' own preprocessing;\nfreeze, compute once"),
    ("6 no batch axis;\nprobabilities for words", "ValueError, both shapes;\nnumbers between 0 and 1",
     "add the axis; loop until <end>;\nnumbers to words"),
]  # fmt: skip
figure, ax = plt.subplots(figsize=(10.5, 3.9))
ax.axis("off")
table = ax.table([row for row in chart[1:]], colLabels=chart[0], cellLoc="left", bbox=[0, 0, 1, 1],
                 colWidths=[0.27, 0.37, 0.36])  # fmt: skip
table.auto_set_font_size(False)
table.set_fontsize(8.5)
for (i, j), cell in table.get_celld().items():
    silent = j == 1 and "silent" in chart[i][1]
    cell.set(edgecolor="0.85", facecolor="0.93" if i == 0 else "#fdf1d8" if silent else "white")
plt.show()

# %% [markdown]
# 涂了底色的不出声。正因如此，本课的每个毛病在库里都有一个测试（`tests/formulas/test_clinic_captioning.py`），断言的就是失败本身。
#
# ## §5.1 需要更正之处
#
# | 综述的说法 | 应该是 |
# |---|---|
# | LSTM“把特征解码成描述” | 它必须听到前面的词，否则只是分类器 |
# | 分类交叉熵 | 对句中的词求，去掉补齐，目标用类别编号 |
# | 准确率 | 只算真正的词；更好的是 BLEU、CIDEr（第 11 课），或者真假 |
# | 预训练的 VGG16 | 用它自己的预处理，开始时冻结 |
# | predict 给出描述 | 它给出概率；解码另是一种搜索（第 8 课） |
#
# ## 练习
#
# 在标记之间作答，运行该单元，再运行下面的检查。
#
# **7.1** 特征图变区域：`maps`（B，C，H，W）→（B，H·W，C），第 $y \cdot W + x$ 个区域是第 $y$ 行、第 $x$ 列的格子。


# %%
def cells(maps):
    """maps (B, C, H, W) → (B, H·W, C)."""
    ### BEGIN SOLUTION
    b, c, h, w = maps.shape
    return maps.reshape(b, c, h * w).transpose(0, 2, 1)
    ### END SOLUTION


# %%
checks.cells(cells)

# %% [markdown]
# **7.2** 教师强制：`tokens`（B，T + 1）带有开始符和结束符，给出送进去的词和应该出来的词，都是（B，T）。


# %%
def shifted(tokens):
    """tokens (B, T + 1) → (what goes in, what should come out), each (B, T)."""
    ### BEGIN SOLUTION
    return tokens[:, :-1], tokens[:, 1:]
    ### END SOLUTION


# %%
checks.shifted(shifted)

# %% [markdown]
# **7.3** 词的准确率：`said` 与 `target` 都是（B，T）；目标为 `pad` 的位置不算。


# %%
def words_right(said, target, pad):
    """Share of the words that are right, padding left out."""
    ### BEGIN SOLUTION
    real = target != pad
    return (said == target)[real].mean()
    ### END SOLUTION


# %%
checks.words_right(words_right)

# %% [markdown]
# **7.4** 缺少的那个循环。`next_word(words)` 接受到目前为止的词的列表（开始时是 `[start]`），给出下一个词的概率（V，）。每次说最可能的词，直到 `end`，或者已有 `most` 个词；返回不含开始符和结束符的词。


# %%
def speak(next_word, start, end, most):
    """→ list of word numbers, at most ``most``."""
    ### BEGIN SOLUTION
    words = [start]
    while len(words) <= most:
        word = int(np.argmax(next_word(words)))
        if word == end:
            break
        words.append(word)
    return words[1:]
    ### END SOLUTION


# %%
checks.speak(speak)
