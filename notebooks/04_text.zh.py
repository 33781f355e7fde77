# %% [markdown]
# # 4 · 把文本变成向量
#
# **学完这一课，你能够** 用四种方式切分文本，按稀有程度给词加权，推导 Word2Vec 与 GloVe 收敛到什么并用精确数值检验，读懂一张词的地图，并说出 BERT 有而词表没有的东西。
#
# **用时** 阅读约 50 分钟，笔记本电脑上计算不到一分钟 · **数据** 无需下载 · **对应** 综述第 2.1 节（文本表示）。

# %%
import collections
import itertools

import checks
import matplotlib.pyplot as plt
import numpy as np

import mmscratch as mm
from mmscratch.data import scenes
from mmscratch.data.scenes.realise import realise
from mmscratch.data.tokenizers import GPT2BPE, WordPiece, WordTokenizer
from mmscratch.data.tokenizers.byte_pairs import CHARACTER_OF
from mmscratch.representations.text import TFIDF, BagOfWords, Corpus, GloVe, Word2Vec, load_scene_bert

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## 1 · 什么是词元？
#
# 网络只认数字，所以文本要先切开，再给每一块编号。最自然的块是整个 **词**，但词表总有尽头，不在表上的词一律变成同一个 `<unk>`。**WordPiece**（BERT）把生词从左边起切成最长的已知片段，`##` 表示这一片不在词首。**字节对**（GPT-2、CLIP）从字节开始，字节只有 256 种，再反复合并出现最多的相邻一对：于是没有什么是未知的。

# %%
words = WordTokenizer.of_scenes("en")
pieces = WordPiece(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##like", "##ly", "red", "##der", "a"]
)
print("words:    ", words.tokenize("a redder circle"), "→", words.decode(words.encode("a redder circle")))
print("WordPiece:", pieces.tokenize("a redder unlikely circle"))

# %% [markdown]
# 我们用六个词学习字节对，做法与 Sennrich、Haddow 和 Birch（2016）相同：数相邻对，把最多的一对处处合并，再来一遍。


# %%
def joined(word, pair):
    """A word, a tuple of parts, with a pair of neighbours made into one part."""
    out = []
    for part in word:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return tuple(out)


corpus = collections.Counter({"low": 5, "lower": 2, "newest": 6, "widest": 3, "new": 4, "wide": 2})
parts = {tuple(word): count for word, count in corpus.items()}
merges = []
for _ in range(7):
    pairs = collections.Counter()
    for word, count in parts.items():
        for pair in itertools.pairwise(word):
            pairs[pair] += count
    best = min(pairs, key=lambda p: (-pairs[p], p))
    merges.append(best)
    parts = {joined(word, best): count for word, count in parts.items()}
print("merges:", [" + ".join(pair) for pair in merges])

bytewise = GPT2BPE([*CHARACTER_OF, *map("".join, merges), "<|endoftext|>"], merges)
for text in ("lowest", "newer", "左"):
    print(f"{text:7}", bytewise.tokenize(text), "→", bytewise.decode(bytewise.encode(text)))

# %% [markdown]
# *lowest* 从未出现过，它的部分 *low* 和 *est* 出现过。那个汉字是三个字节：没有学到它的片段，却能完整还原。
#
# ## 2 · 词袋与齐普夫定律
#
# 最简单的文本向量就是数词。一种语言里多数词很少见，少数词到处都是：按频率排序，第 $r$ 个词出现的次数约为第一个词的 $1/r$（Zipf，1935）。

# %%
graphs = [scenes.sample_scene(seed, scenes.SceneOptions(count=3)) for seed in range(600)]
texts = [c.text for g in graphs for level in (1, 2, 3) for c in scenes.captions(g, level, n=1)]
counts = np.array(sorted(collections.Counter(" ".join(texts).split()).values(), reverse=True))
figure, ax = plt.subplots(figsize=(5, 2.8))
ax.loglog(np.arange(1, len(counts) + 1), counts, "o-", ms=3, label="captions of scenes")
ax.loglog([1, len(counts)], [counts[0], counts[0] / len(counts)], "--", color="0.6", label="1 / rank")
ax.set(xlabel="rank of the word", ylabel="how often")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# 只有几十个词的小世界只在一定范围内服从这条定律：六种颜色机会均等，就是中间那段平台。
#
# 常见的词说明不了一段文本。TF-IDF（Spärck Jones，1972）按稀有程度给每个计数加权。它有 **两种约定**，论文很少说明用的是哪一种。设共有 $N$ 段文本，其中 $\mathrm{df}_w$ 段含有词 $w$：
#
# $$\text{plain: } x_w \ln\frac{N}{\mathrm{df}_w},\qquad
# \text{smooth: } x_w\Big(\ln\frac{1+N}{1+\mathrm{df}_w} + 1\Big),\text{ 然后每段文本除以自身的长度。}$$

# %%
few = ["a red circle", "a red square", "a blue circle is above a red square"]
for convention in ("plain", "smooth"):
    weigh = TFIDF(convention).fit(few)
    row = weigh.weights(few)[2]
    print(f"{convention:7}", {w: round(float(x), 2) for w, x in zip(weigh.words, row, strict=True)})

left, right = "a red circle is left of a blue square", "a blue square is left of a red circle"
bag = BagOfWords().fit([left, right]).counts([left, right])
print("the two sentences have the same bag:", bool((bag[0] == bag[1]).all()))

# %% [markdown]
# 在 plain 约定里，三段文本都有的 *a* 和 *red* 权重为 **零**；在 smooth 约定里它们还保留一些。而任何权重都找不回 **顺序**：谁在谁的左边，在学习开始之前就已经丢了。
#
# ## 3 · Word2Vec 分解了一张表
#
# “观其伴，知其词”（Firth，1957）。带负采样的 skip-gram（Mikolov 等，2013）给每个词 $c$ 一个向量 $v_c$，给每个邻词 $o$ 一个向量 $u_o$，然后问：这一对真的出现过吗，还是 $o$ 只是按频率抽出来的 $k$ 个词之一？
#
# $$\ell = -\ln\sigma(u_o\cdot v_c) - \sum_{i=1}^{k}\ln\sigma(-u_{n_i}\cdot v_c).$$
#
# 记 $x = u_o\cdot v_c$，对整个语料求和：这一对出现 $\#(c,o)$ 次，作为噪声被抽到 $k\,\#(c)\,\#(o)/N$ 次。令对 $x$ 的导数为零：
#
# $$\#(c,o)\,\sigma(-x) = k\,\frac{\#(c)\,\#(o)}{N}\,\sigma(x)
# \;\Rightarrow\; x = \ln\frac{\#(c,o)\,N}{\#(c)\,\#(o)} - \ln k = \mathrm{PMI}(c,o) - \ln k .$$
#
# 因此正如 Levy 和 Goldberg（2014）所说：网络分解的是 **点互信息**（PMI）表。通常没人能检验这一点，因为英语真正的 PMI 是未知的。这里却是已知的：场景的语法可以全部写出来。


# %%
def every_sentence(lang):
    """Level 1 with every noun, level 2 with every pair of nouns and six relations, in every phrasing."""
    choices = itertools.product((*scenes.SHAPES, None), (*scenes.COLOURS, None), (*scenes.SIZES, None))
    meanings = [scenes.Exists(scenes.Noun(s, c, z)) for s, c, z in choices if s or c or z]
    nouns = [scenes.Noun(s, c) for s in scenes.SHAPES for c in scenes.COLOURS]
    names = ("left", "right", "above", "below", "bigger", "smaller")
    meanings += [scenes.Related(a, r, b) for r in names for a in nouns for b in nouns if a != b]
    for meaning in meanings:
        level = 1 if isinstance(meaning, scenes.Exists) else 2
        for template in scenes.templates(level, lang):
            yield [word for word, _ in realise(meaning, lang, template)]


def expected(corpus, window):
    """How often each word is drawn beside each other, a centre looking 1 … window words far."""
    x = np.zeros((len(corpus.vocabulary),) * 2)
    for begin, end in itertools.pairwise(corpus.starts):
        ids = corpus.ids[begin:end]
        for d in range(1, window + 1):
            share = (window - d + 1) / window
            np.add.at(x, (ids[:-d], ids[d:]), share)
            np.add.at(x, (ids[d:], ids[:-d]), share)
    return x


grammar = Corpus.from_sentences(every_sentence("en"))
x = expected(grammar, 3)
with np.errstate(divide="ignore", invalid="ignore"):
    pmi = np.log(x * x.sum() / np.outer(x.sum(1), x.sum(0)))
k = 5
sgns = Word2Vec(48, window=3, negatives=k, subsample=0, noise_power=1, epochs=8, seed=1).fit(grammar)
scores = sgns.inputs @ sgns.outputs.T
said = x > 0
r = np.corrcoef(scores[said], pmi[said])[0, 1]
print(f"{len(grammar.starts) - 1:,} sentences; correlation above 0.9: {r > 0.9}")
print(f"PMI − u·v is ln k on average, within 0.15: {abs((pmi - scores)[said].mean() - np.log(k)) < 0.15}")

# %%
figure, ax = plt.subplots(figsize=(4.2, 3.6))
ax.scatter(pmi[said], (scores + np.log(k))[said], s=6, alpha=0.5)
ends = [pmi[said].min(), pmi[said].max()]
ax.plot(ends, ends, "--", color="0.5")
ax.set(xlabel="exact PMI of the grammar", ylabel="u · v + ln k", title="every pair that is said")
plt.show()

# %% [markdown]
# **GloVe**（Pennington 等，2014）先写下这张表，再用最小二乘分解它：$J = \tfrac12\sum_{ij} f(X_{ij})\,(w_i\cdot\tilde w_j + b_i + \tilde b_j - \ln X_{ij})^2$。两条路几乎通到同一处，看几个词的近邻便知：

# %%
glove = GloVe(32, window=3, epochs=60, seed=1).fit(grammar)
COLOURS, SHAPES = scenes.COLOURS, scenes.SHAPES
for word in ("red", "circle"):
    group = set(COLOURS if word in COLOURS else SHAPES)
    for name, vectors in (("SGNS", sgns.vectors), ("GloVe", glove.vectors)):
        near = [w for w, _ in vectors.nearest(word, len(group) - 1)]
        print(f"{word:7} {name:6} neighbours of its own kind: {sum(w in group for w in near)} of {len(near)}")

# %% [markdown]
# ## 4 · 词的地图
#
# 向量差别最大的两个方向（主成分，由奇异值分解得到）构成一张地图。没有人告诉过网络颜色是颜色。


# %%
def two_directions(rows):
    """Rows projected onto their first two principal components."""
    centred = rows - rows.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return u[:, :2] * s[:2]


def label(ax, places, words, size=7):
    """Words beside their points; labels that would overlap push each other apart, a line leads back."""
    dots = ax.transData.transform(places) * 72 / ax.figure.dpi  # in points, as the size of the letters
    half = np.array([(0.3 * size * len(w), 0.55 * size) for w in words])
    at = dots + half * (1, 0) + (4, 3) + 1e-3 * np.arange(len(words))[:, None]
    boxes = np.concatenate([half, np.full_like(half, 2.5)])  # the labels, then the dots, which stay
    for _ in range(500):
        apart = at[:, None] - np.concatenate([at, dots])
        overlap = half[:, None] + boxes - abs(apart)
        push = np.where((overlap > 0).all(axis=2), 0.25 * overlap[..., 1] * np.sign(apart[..., 1]), 0)
        at[:, 1] += push.sum(axis=1)
    for word, place, offset in zip(words, places, at - dots, strict=True):
        ax.annotate(
            word, place, xytext=offset, textcoords="offset points", fontsize=size, ha="center", va="center",
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "0.6", "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip


groups = {
    "colour": COLOURS,
    "shape": SHAPES,
    "relation": ("left", "right", "above", "below", "bigger", "smaller"),
    "other": ("a", "is", "the", "of", "to", "than"),
}
listed = [(w, kind) for kind, members in groups.items() for w in members if w in sgns.vectors]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8))
for ax, (title, vectors) in zip(axes, (("SGNS", sgns.vectors), ("GloVe", glove.vectors)), strict=True):
    places = two_directions(np.stack([vectors[w] for w, _ in listed]))
    for i, kind in enumerate(groups):
        chosen = [n for n, (_, other) in enumerate(listed) if other == kind]
        ax.scatter(*places[chosen].T, s=14, color=f"C{i}", label=kind)
    ax.set(title=title, xticks=[], yticks=[])
    ax.margins(0.12)
axes[0].legend(frameon=False, fontsize=7)
plt.tight_layout()
for ax in axes:
    label(ax, np.concatenate([c.get_offsets() for c in ax.collections]), [word for word, _ in listed])
plt.show()

# %% [markdown]
# ## 5 · BERT：句子里的词
#
# 词表只给 *circle* 一个向量，不管这个圆在做什么。BERT（Devlin 等，2019）给每个 **位置** 一个向量，并通过注意力（第 2 课）让它看到左右所有其他位置。它靠猜被藏起来的词元来学习：选出 15 %，其中 80 % 变成 `[MASK]`，10 % 换成别的词，10 % 保持原样。第二个问题是：两个句子是否连在一起。
#
# 库里带有一个小的 BERT，由 `mmscratch train bert` 在场景的句子上预训练而成。把两个句子中第二句的每个词依次藏起来：

# %%
mm.kernels.use("reference")
model, tokenizer = load_scene_bert()
print("parameters:", sum(p.size for p in model.parameters()), " tokens:", len(tokenizer))
pair = "i see only a red circle and a blue square", "a red circle is to the left of a blue square"
ids, segments = (np.array(row) for row in tokenizer.encode_pair(*pair))
asked = np.flatnonzero((segments == 1) & (ids >= 5))  # every word of the second sentence
hidden, parts = np.repeat(ids[None], len(asked), axis=0), np.repeat(segments[None], len(asked), axis=0)
hidden[np.arange(len(asked)), asked] = tokenizer.vocabulary["[MASK]"]
with mm.no_grad():
    logits = model(hidden, parts)[0].numpy()
for n, place in enumerate(asked):
    best = [tokenizer.tokens[i] for i in np.argsort(-logits[n, place])[:3]]
    print(f"{tokenizer.tokens[ids[place]]:7} hidden, BERT guesses: {', '.join(best)}")

# %% [markdown]
# 语法决定的词都找到了，猜的种类也总是对的：颜色猜颜色，形状猜形状，方位猜方位。*究竟是哪种* 颜色写在第一句里，注意力本可以去取；三层网络和六分钟的训练几乎还没有学会。配方文件里的数字说明了这一点：在从未见过的场景上，被藏的词猜对 71 %（只看频率 19 %，只看左右两个邻词 56 %）；“两个句子是否相连”答对 68 %（瞎猜 50 %，数一数共同的词也有 67 %）。没有这些对照，两个数字看上去都会比实际更好。它看向哪里？下面是被藏的 *left* 的注意力：

# %%
n = int(np.flatnonzero(ids[asked] == tokenizer.vocabulary["left"])[0])
place = asked[n]
with mm.no_grad():
    weights = model.bert(hidden[[n]], parts[[n]], trace=True)[3]
labels = [tokenizer.tokens[i] for i in hidden[n]]
figure, axes = plt.subplots(len(weights), 1, figsize=(9, 1.5 * len(weights) + 0.8))
for number, (ax, w) in enumerate(zip(axes, weights, strict=True)):
    ax.imshow(w.numpy()[0, :, place], vmin=0, vmax=1, cmap="viridis", aspect="auto")
    ax.set(ylabel=f"layer {number + 1}", yticks=range(w.shape[1]), xticks=range(len(labels)))
    ax.set_xticklabels(labels if ax is axes[-1] else [], rotation=45, fontsize=8)
axes[0].set_title("attention of the hidden place, a row for each head", fontsize=10)
plt.tight_layout()
plt.show()

# %% [markdown]
# **一个词，许多向量。** 取 *circle* 作句子主语的时候，和作比较对象的时候；再取两个句子里的 *left*。

# %%
first = [f"a {c} circle is to the {side} of a {d} square" for c in COLOURS for d in COLOURS
         for side in ("left", "right")]  # fmt: skip
second = [f"a {d} square is to the {side} of a {c} circle" for c in COLOURS for d in COLOURS
          for side in ("left", "right")]  # fmt: skip
circle = tokenizer.vocabulary["circle"]


def at_word(sentences, number):
    """The last layer's vector at the place of a token, for each sentence of the same length."""
    rows = np.array([tokenizer.encode(s, special_tokens=True) for s in sentences])
    with mm.no_grad():
        x = model.bert(rows)[0].numpy()
    return x[np.arange(len(rows)), (rows == number).argmax(axis=1)]


roles = [at_word(first, circle), at_word(second, circle)]
places = two_directions(np.concatenate(roles))
figure, ax = plt.subplots(figsize=(4.6, 3.2))
ax.scatter(*places[: len(first)].T, s=14, label="a … circle is to the …")
ax.scatter(*places[len(first) :].T, s=14, label="… of a … circle")
ax.set(title=f"{len(places)} vectors of one word, “circle”", xticks=[], yticks=[])
ax.legend(frameon=False, fontsize=8)
plt.show()
left_of = at_word(["a red circle is to the left of a blue square"], tokenizer.vocabulary["left"])[0]
other = at_word(["a green cross is to the left of a red triangle"], tokenizer.vocabulary["left"])[0]
cosine = left_of @ other / np.linalg.norm(left_of) / np.linalg.norm(other)
print(f"BERT: “left” in two sentences: the same vector: {bool(np.allclose(left_of, other))}, "
      f"cosine below 1: {cosine < 0.999}")  # fmt: skip

# %% [markdown]
# 综述把 BERT 和词袋、Word2Vec 并列，当作又一种词表示。它其实是另一类东西：其他的是表，BERT 是句子的函数。
#
# | 综述的说法 | 要补充的 |
# |---|---|
# | 词袋和 TF-IDF 表示文本 | 丢了顺序；TF-IDF 有两种约定 |
# | Word2Vec 学习词向量 | 它分解 PMI − ln k，而且可以检验 |
# | GloVe 利用全局统计 | Word2Vec 在期望意义上也是 |
# | BERT 给出词向量 | 每个句子的每个位置各有一个 |
#
# ## 练习
#
# **4.1** 学习字节对的一步：给定一些词（由部分组成的元组）及其次数，返回出现最多的相邻一对；次数相同时取字母序最前的。


# %%
def best_pair(parts):
    """parts: dict of tuples of str → count; → a tuple of two str."""
    ### BEGIN SOLUTION
    seen = {}
    for word, count in parts.items():
        for pair in zip(word, word[1:], strict=False):
            seen[pair] = seen.get(pair, 0) + count
    return min(seen, key=lambda pair: (-seen[pair], pair))
    ### END SOLUTION


# %%
checks.best_pair(best_pair)

# %% [markdown]
# **4.2** 由所有文本的计数算 plain 约定的 TF-IDF。没有任何文本含有的词，权重为 0。


# %%
def plain_weights(counts):
    """counts (N, D) → weights (N, D), x_w ln(N / df_w)."""
    ### BEGIN SOLUTION
    df = (counts > 0).sum(axis=0)
    return counts * np.log(len(counts) / np.maximum(df, 1))
    ### END SOLUTION


# %%
checks.plain_weights(plain_weights)

# %% [markdown]
# **4.3** 第 3 节的损失对 $v_c$ 的梯度：已知向量 `v`，以及一个真邻词（第一行）和 $k$ 个噪声词的行 `u`。


# %%
def noise_gradient(v, u):
    """v (D,), u (1 + k, D), the true one first → ∂ℓ/∂v (D,)."""
    ### BEGIN SOLUTION
    slope = 1 / (1 + np.exp(-(u @ v)))
    slope[0] -= 1
    return slope @ u
    ### END SOLUTION


# %%
checks.noise_gradient(noise_gradient)

# %% [markdown]
# **4.4** BERT 对选中词元的遮盖：`fate`（每个词元一个 $[0, 1)$ 内的数）小于 0.8 的换成掩码，0.8 到 0.9 的换成随机词，其余保持原样。没有选中的不变。


# %%
def hide(ids, chosen, fate, random_words, mask):
    """ids, random_words integers, chosen bool, fate floats, all (B, T); mask a number → (B, T)."""
    ### BEGIN SOLUTION
    changed = np.where(fate < 0.8, mask, np.where(fate < 0.9, random_words, ids))
    return np.where(chosen, changed, ids)
    ### END SOLUTION


# %%
checks.hide(hide)
