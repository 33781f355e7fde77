# %% [markdown]
# # 11 · 怎样给描述打分
#
# **学完这一课，你能够** 亲手并用库算出 BLEU、ROUGE-L、CIDEr、METEOR-lite 和 SPICE，说清它们各自真正问的是什么，解释 CIDEr 为什么会是 0、BLEU-4 为什么会是 0，并用数字说明一句流利的谎话为什么能胜过一句真话。
#
# **用时** 阅读约 45 分钟，笔记本电脑上计算约 15 秒 · **数据** 无需下载 · **对应** 综述第 3.1 节（图像描述生成）。

# %%
from dataclasses import replace

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import metrics
from mmscratch.data import scenes
from mmscratch.data.scenes.relations import INVERSE
from mmscratch.data.tokenizers.ptb import ptb_tokenize
from mmscratch.metrics.bleu import bleu_counts
from mmscratch.metrics.captions import words
from mmscratch.metrics.meteor_lite import align
from mmscratch.metrics.rouge import lcs_length

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED = "#2c7a4b", "#c0392b"

# %% [markdown]
# ## 1 · 候选句与参考句
#
# 一幅图没有**唯一**正确的描述。所以测试集为每幅图准备几句由人写的**参考句**，**候选句**要同它们全部比较。没有谁去看图：除了最后一个，本课所有的分数都是拿句子比句子。
#
# 这里取 200 幅各有两个物体的图。每幅有六句真的描述：第一句当候选句，其余五句当参考句。

# %%
pictures = [scenes.sample_scene(seed, scenes.SceneOptions(count=2)) for seed in range(200)]
several = [scenes.captions(s, level=2, n=6, relations="spatial") for s in pictures]
candidates = [many[0].text for many in several]
references = [[c.text for c in many[1:]] for many in several]

figure, ax = plt.subplots(figsize=(2.2, 2.2))
ax.imshow(scenes.render(pictures[0]))
ax.axis("off")
plt.show()
print("candidate: ", candidates[0])
print("references:", *references[0], sep="\n    ")

# %% [markdown]
# ### 什么算一个词？
#
# 计数之前要先把句子切成词，而两篇论文的数字从这里就开始分道扬镳。COCO 的评测用斯坦福的宾州树库分词器，全部转成小写，再丢掉一张表上的标点。库里把它的规则写了出来（`data/tokenizers/ptb.py`），旁边还有一种更朴素的切法；nlg-eval 只按空格切，于是 “park.” 和 “park” 成了两个词。

# %%
text = "Children's kites aren't in St. James Park, it's 5:55."
for name, cut in (("ptb", ptb_tokenize), ("words", words), ("space", str.split)):
    print(f"{name:6}", " | ".join(cut(text)))

# %% [markdown]
# ## 2 · BLEU：我说的话有多少在参考句里？
#
# Papineni 等人（2002）看的是**精确率**：候选句的 $n$ 元组有多大比例出现在某句参考句中。若照直数，“the the the the the the the” 就是满分。所以每个 $n$ 元组 $g$ 最多只能算它在**一句**参考句里出现的次数，这就是**截断**：
#
# $$p_n = \frac{\sum_{g} \min\bigl(\mathrm{count}_c(g),\ \max_j \mathrm{count}_{r_j}(g)\bigr)}{\sum_g \mathrm{count}_c(g)} .$$
#
# 精确率偏爱短句：只说一个 “a” 几乎总是对的。于是要有**短句惩罚**，$c$ 是候选句的长度，$r$ 是长度最接近的参考句的长度；再用几何平均把 $n = 1 \ldots N$ 合起来：
#
# $$\mathrm{BP} = \begin{cases}1 & c \ge r\\ e^{\,1 - r/c} & c < r\end{cases},\qquad
# \mathrm{BLEU}_N = \mathrm{BP}\cdot\Bigl(\prod_{n=1}^N p_n\Bigr)^{1/N}.$$

# %%
paper = bleu_counts("the the the the the the the".split(), [
    "the cat is on the mat".split(), "there is a cat on the mat".split()])  # fmt: skip
print(f"the paper's example: {paper.matches[0]} of {paper.guesses[0]} count after clipping")

counts = bleu_counts(candidates[0].split(), [r.split() for r in references[0]])
precisions = np.array(counts.matches) / np.array(counts.guesses)
print("matches", counts.matches, "of", counts.guesses)
print("c =", counts.length, " r =", counts.reference_length)
penalty = min(1, np.exp(1 - counts.reference_length / counts.length))
print("by hand:    ", np.round([penalty * np.prod(precisions[:n]) ** (1 / n) for n in (1, 2, 3, 4)], 4))
print("the library:", np.round(metrics.bleu_per_image(candidates[:1], references[:1])[0], 4))

# %% [markdown]
# ### 给语料打分，而不是给一句话打分
#
# 缺一个共同的四元组，乘积就成了 0；而许多好句子同任何参考句都没有共同的四元组。BLEU 是为**语料**设计的：先把所有句子的计数加起来，**然后**才做除法。各句分数的平均是另一个数，而且取决于怎样处理那些 0（**平滑**）。报告时要说明是哪一种。

# %%
said, meant = "a cross above a red circle", ["there is a green cross above a circle"]
for smoothing in ("none", "coco", "add-one"):
    value = metrics.sentence_bleu(said, meant, smoothing=smoothing)
    print(f"BLEU-4 of one sentence, smoothing {smoothing:8} {value:.6f}")
each = np.array([b[3] for b in metrics.bleu_per_image(candidates, references)])
print(f"200 pictures: BLEU-4 of the corpus {metrics.corpus_bleu(candidates, references)[3]:.4f}")
print(f"mean over sentences {each.mean():.4f}, sentences at 0: {(each < 1e-3).mean():.0%}")

# %% [markdown]
# ## 3 · ROUGE-L：最长的公共线索
#
# Lin（2004）看的是最长公共**子序列**：词的先后要一致，中间可以有空隙。每个词一行地填一张表，就得到它的长度，
#
# $$L_{i,j} = \begin{cases}L_{i-1,j-1}+1 & a_i = b_j\\ \max(L_{i-1,j}, L_{i,j-1}) & \text{否则，}\end{cases}$$
#
# 由此有精确率 $P = L/|c|$、召回率 $R = L/|r|$；因为召回率应更重要，取 $\beta = 1.2$：
#
# $$F = \frac{(1+\beta^2)\,P R}{R + \beta^2 P}.$$
#
# COCO 的工具里，最好的 $P$ 和最好的 $R$ 是**分别**挑的，可能来自两句不同的参考句。

# %%
c, rs = candidates[0].split(), [r.split() for r in references[0]]
lengths = [lcs_length(c, r) for r in rs]
p, r = max(lengths) / len(c), max(n / len(s) for n, s in zip(lengths, rs, strict=True))
print("common words in order:", lengths, f"  P = {p:.3f}, R = {r:.3f}")
print(f"F by hand {(1 + 1.44) * p * r / (r + 1.44 * p):.4f},",
      f"the library {metrics.rouge_l_per_image(candidates[:1], references[:1])[0]:.4f}")  # fmt: skip

# %% [markdown]
# ## 4 · CIDEr：能把图分开的词
#
# “there is a” 每句参考句里都有，什么也没说。Vedantam、Zitnick 与 Parikh（2015）用 **tf-idf** 给每个 $n$ 元组 $g$ 加权：它在句中出现几次，乘以 $N$ 幅图中有多“少”的图在参考句里有它，
#
# $$w_g = \mathrm{tf}_g\cdot\bigl(\ln N - \ln \mathrm{df}_g\bigr),$$
#
# 再对 $n = 1 \ldots 4$ 分别求候选句的向量与每句参考句的向量的余弦。大家以 CIDEr 之名报告的其实是 **CIDEr-D**：重复的词最多算到参考句里的次数，长度之差用高斯函数惩罚，最后一律乘 10：
#
# $$\mathrm{CIDEr\text{-}D} = \frac{10}{4}\sum_{n=1}^4 \frac1m\sum_{j=1}^m e^{-\frac{(l_c - l_j)^2}{2\sigma^2}}\;
# \frac{\min(w_c, w_j)\cdot w_j}{\lVert w_c\rVert\,\lVert w_j\rVert},\qquad \sigma = 6 .$$

# %%
frequency = metrics.DocumentFrequency.of(references)
known = sorted({w for many in references for r in many for w in r.split()}, key=lambda w: frequency.idf((w,)))
sizes = [1, 2, 3, 5, 10, 20, 50, 100, 200]
grown = [metrics.cider_d_per_image(candidates[:n], references[:n])[0] for n in sizes]

figure, axes = plt.subplots(1, 2, figsize=(10, 3.2))
axes[0].barh(known, [frequency.idf((w,)) for w in known], color=GREEN)
axes[0].set(xlabel="idf: ln N − ln df", title="what a word is worth")
axes[0].tick_params(axis="y", labelsize=7)
axes[1].semilogx(sizes, grown, "o-", color=RED)
axes[1].set(xlabel="pictures in the test set", ylabel="CIDEr of picture 0", title="the same sentence")
plt.tight_layout()
plt.show()
print("alone:", grown[0], "  among 200:", round(grown[-1], 3))

# %% [markdown]
# **单独一幅图的 CIDEr 总是 0**，不管说什么：$N = 1$ 时参考句里每个词都有 $\mathrm{df} = 1$，于是 $\ln 1 - \ln 1 = 0$，权重全为 0。这不是描述的错，也不是代码的错。右图里，同一幅图的同一句描述，测试集里一来第二幅图，就从 0 跳到 5 以上，此后每来一些图又上下游移：权重属于测试集。所以两个 CIDEr 只有出自同一个测试集（或同一份文档频率：`frequency=`）才能比较；CIDEr 大于 1 也不奇怪，它的范围是 0 … 10。

# %% [markdown]
# ## 5 · METEOR-lite：词、词干与次序
#
# Banerjee 与 Lavie（2005）把词一对一地对齐，先对相同的词，再对**词干**相同的词（Porter，1980：“circles” 和 “circle”）。设有 $m$ 个匹配，$P = m/|c|$，$R = m/|r|$，召回率的分量是精确率的九倍，匹配散开则受罚：**块**是两边都连续不断的一串匹配，
#
# $$\mathrm{score} = \Bigl(1 - \tfrac12\bigl(\tfrac{\mathrm{chunks}}{m}\bigr)^3\Bigr)\cdot\frac{10\,PR}{R + 9P}.$$
#
# 论文里的 METEOR 1.5 还认得同义词和改写，它们来自随 Java 程序发布的表。没有这些表，数字就是另一个数字，所以库里把自己的叫作 `METEOR_lite`，你也应当这样叫。

# %%
print([metrics.porter_stem(w) for w in "circles circle relational connected connection".split()])
said, meant = "the president spoke to the audience", "the president then spoke to the audience"
a = align(said.split(), meant.split())
p, r = a.matches / a.length, a.matches / a.reference_length
print(f"{a.matches} matches in {a.chunks} chunks:",
      f"{(1 - 0.5 * (a.chunks / a.matches) ** 3) * 10 * p * r / (r + 9 * p):.4f} by hand,",
      f"{metrics.meteor_lite_per_image([said], [[meant]])[0]:.4f} the library")  # fmt: skip

# %% [markdown]
# ## 6 · SPICE：比说了什么，不比怎么说
#
# 前面的分数看的都是排成一行的词。Anderson 等人（2016）把每句话解析成**场景图**，再比较元组的集合：物体、属性、关系。记 $T(\cdot)$ 为一个图的元组，
#
# $$P = \frac{|T(c)\cap T(r)|}{|T(c)|},\qquad R = \frac{|T(c)\cap T(r)|}{|T(r)|},\qquad
# \mathrm{SPICE} = \frac{2PR}{P+R}.$$
#
# 参考图是所有参考句的图的并集。SPICE 自己的解析器会出错；我们这个世界的文法每句话恰好只有一种解析，所以这里的 SPICE 是精确的。

# %%
for text in ("a green triangle is below a red circle", "below a red circle there is a green triangle"):
    print(sorted(scenes.caption_tuples(text), key=lambda t: (len(t), t)))
right, wrong = "a red circle is left of a blue circle", "a blue circle is left of a red circle"
print(
    "\nthe same tuples:",
    scenes.caption_tuples(right) == scenes.caption_tuples(wrong),
    "  ",
    right,
    "/",
    wrong,
)

# %% [markdown]
# 改写后的句子元组不变：这是 $n$ 元组做不到的。但请看最后一行。元组说的是**类**：有圆，圆是红的，圆是蓝的，圆在圆的左边。究竟哪个是红的，像在词袋里一样丢掉了。
#
# ## 7 · 真
#
# 关于一句描述，我们想知道的是它**是否属实**。在第 1 课的世界里这可以判定：解析句子，在场景上执行。依次问四个问题：
#
# * **合乎文法**：能解析吗？
# * **物体为真**：它提到的每个物体都在吗？
# * **关系为真**：它对它们所说的成立吗？
# * **覆盖率**：它说到了场景的多少？
#
# 两个物体高低只差 3 个像素，能说一个在另一个“上面”吗？这个世界有 6 像素的**死区**，其间两种说法都不真；报告比率时应说明有没有执行死区。这一切都不需要参考句。

# %%
lie = "a green triangle is above a red circle"
for text in (candidates[0], lie, "a green triangle", "a green above triangle"):
    t = scenes.truth(text, pictures[0])
    print(f"{text:40} grammatical {t.grammatical!s:5}  objects {t.objects!s:5}  relation {t.relation!s:5}",
          f" true {t.true!s:5}  speaks of {len(t.mentioned)} of {len(pictures[0])}")  # fmt: skip

# %% [markdown]
# ## 8 · 实验：分数对真假
#
# 取每句真的候选句，每次只改一处。于是真假已知，做了什么手脚也已知。

# %%
rng = np.random.default_rng(0)


def edits(i):
    """What becomes of the candidate of picture i: {edit: sentence}."""
    scene, caption = pictures[i], several[i][0]
    m = caption.meaning
    absent = next(c for c in scenes.COLOURS if c not in {o.colour for o in scene.objects})

    def say(meaning, template=caption.template):
        return scenes.make_caption(meaning, scene, template=template).text

    return {
        "untouched": caption.text,
        "paraphrased": say(scenes.Related(m.b, INVERSE[m.relation], m.a), template=4),
        "one object only": say(scenes.Exists(m.a), template=0),
        "wrong colour": say(replace(m, a=replace(m.a, colour=absent))),
        "wrong relation": say(replace(m, relation=INVERSE[m.relation])),
        "objects swapped": say(replace(m, a=m.b, b=m.a)),
        "another picture's": several[(i + 1) % len(several)][0].text,
        "words shuffled": " ".join(rng.permutation(caption.text.split())),
    }


edited = [edits(i) for i in range(len(pictures))]
for name, text in edited[0].items():
    print(f"{name:18} {text:46} {'true' if scenes.truth(text, pictures[0]).true else 'false'}")

# %%
SCORES = ("Bleu_1", "Bleu_4", "METEOR_lite", "ROUGE_L", "CIDEr", "SPICE")
names = list(edited[0])
score, true = {}, {}
print(f"{'':18}" + "".join(f"{s:>13}" for s in SCORES) + f"{'truth rate':>13}")
for name in names:
    texts = [e[name] for e in edited]
    whole = metrics.score_captions(texts, references)
    whole["SPICE"] = scenes.spice(texts, references=references)["SPICE"]
    rates = scenes.truth_rate(texts, pictures)
    print(f"{name:18}" + "".join(f"{whole[s]:13.3f}" for s in SCORES) + f"{rates['true']:13.3f}")
    rows = metrics.score_captions_per_image(texts, references)
    score[name] = {s: np.array([r[s] for r in rows]) for s in SCORES[:-1]}
    score[name]["SPICE"] = np.array(scenes.spice_per_sentence(texts, references=references))
    true[name] = np.array([scenes.truth(t, s).true for t, s in zip(texts, pictures, strict=True)])

# %% [markdown]
# 看 **wrong relation** 和 **objects swapped** 两行：**这些描述句句流利，却几乎没有一句是真的**，而 BLEU、ROUGE-L 和 CIDEr 给它们的分数同未改动的句子差不了多少。CIDEr 让它们比真的改写句还高出五分之一，ROUGE-L 更把 **objects swapped** 排在所有句子之上。七个词里只错了一个，而在 $n$ 元组眼里词词平等。（仍然为真的 6 %，是两个物体一模一样的图。）打乱词序丝毫不减 BLEU-1：一元组不认次序。而 **one object only** 虽然简略却句句属实，反倒排在大多数谎话之下。

# %%
jitter = np.random.default_rng(1).uniform(-0.3, 0.3, len(pictures))
figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharey=True)
for ax, s in zip(axes, ("Bleu_4", "CIDEr", "SPICE"), strict=True):
    for k, name in enumerate(names):
        colours = np.where(true[name], GREEN, RED)
        ax.scatter(score[name][s], k + jitter, s=5, c=colours, alpha=0.6, linewidths=0)
    ax.set(title=s, xlabel="score of one caption")
axes[0].set(yticks=range(len(names)), yticklabels=names)
axes[0].invert_yaxis()
axes[2].plot([], [], "o", color=GREEN, label="true")
axes[2].plot([], [], "o", color=RED, label="false")
axes[2].legend(frameon=False, loc="lower right")
plt.tight_layout()
plt.show()

# %% [markdown]
# 每个点是一句描述。假如分数知道真假，绿点就该在红点的右边。归结成一个数：在**同一幅图**的一真一假组成的所有句对中，真句得分更高的占多少（打平算一半）？抛硬币得 0.5，在场景上执行得 1。


# %%
def rightly_ordered(of):
    """Share of (true, false) pairs of one picture in which the true caption scores higher."""
    shares = []
    for i in range(len(pictures)):
        good = [of(name)[i] for name in names if true[name][i]]
        bad = [of(name)[i] for name in names if not true[name][i]]
        d = np.subtract.outer(good, bad).round(9)
        shares.append(np.mean((d > 0) + 0.5 * (d == 0)))
    return np.mean(shares)


order = {s: rightly_ordered(lambda name, s=s: score[name][s]) for s in SCORES}
order["execution"] = rightly_ordered(lambda name: 1.0 * true[name])
figure, ax = plt.subplots(figsize=(6.5, 2.8))
bars = ax.barh(list(order), list(order.values()), color=["#7f8c8d"] * 5 + ["#2980b9", GREEN])
ax.bar_label(bars, fmt="%.2f", padding=3)
ax.axvline(0.5, color="k", ls=":", lw=1)
ax.set(xlim=(0, 1.1), xlabel="pairs in which the true caption scores higher; dotted: a coin")
ax.invert_yaxis()
plt.tight_layout()
plt.show()

# %% [markdown]
# 所以这些分数量的是**与参考句有多像**。在各种错误都会犯的系统之间，像与好大体一致，它们当初也是这样被验证的。但它们证明不了一句描述是真的，错误小而流利时尤其如此；而为提高其中一个分数而训练的模型（第 10 课），学到的就是像。由此养成三个习惯：
#
# * 写明指标的变体、分词器和测试集；不同测试集的 CIDEr 不可比，单句的 BLEU 与语料的 BLEU 也不可比；
# * 把对照写在旁边：最常见的那句描述，以及**别的**图的描述；
# * 凡能判定真假之处，就去判定。
#
# 对 COCO 的文件，可用命令行：
#
#     mmscratch score captions results.json --references captions_val2014.json --json scores.json
#
# ## 练习
#
# 把答案写在两行标记之间，运行单元格，再运行下面的检查。检查在一秒内作答，并说出哪里不对。
#
# **11.1** 候选句（词的列表）在截断之后有几个词算数？也就是 $p_1$ 的分子。


# %%
def clipped(candidate, references):
    """Matched unigrams after clipping; references are lists of words."""
    ### BEGIN SOLUTION
    most = {w: max(r.count(w) for r in references) for w in candidate}
    return sum(min(candidate.count(w), n) for w, n in most.items())
    ### END SOLUTION


# %%
checks.clipped(clipped)

# %% [markdown]
# **11.2** 候选句有 `c` 个词，各参考句的长度是 `lengths`，求短句惩罚。取最接近的长度；一样近时取较短的。


# %%
def brevity(c, lengths):
    """The factor BP; c is at least 1."""
    ### BEGIN SOLUTION
    r = min(lengths, key=lambda n: (abs(n - c), n))
    return 1.0 if c >= r else float(np.exp(1 - r / c))
    ### END SOLUTION


# %%
checks.brevity(brevity)

# %% [markdown]
# **11.3** 一个词在句中出现 `tf` 次，`images` 幅图中有 `df` 幅的参考句里有它，求它的权重。哪句参考句里都没有的词，当作有一幅。


# %%
def word_weight(tf, df, images):
    """tf-idf as CIDEr has it."""
    ### BEGIN SOLUTION
    return tf * (np.log(images) - np.log(max(df, 1)))
    ### END SOLUTION


# %%
checks.word_weight(word_weight)

# %% [markdown]
# **11.4** 两个元组列表的 SPICE。同一元组在列表里出现两次只算一次；一个也不匹配时得 0。


# %%
def tuples_f1(said, meant):
    """F1 of two sets of tuples."""
    ### BEGIN SOLUTION
    a, b = set(said), set(meant)
    return 2 * len(a & b) / (len(a) + len(b)) if a & b else 0.0
    ### END SOLUTION


# %%
checks.tuples_f1(tuples_f1)

# %% [markdown]
# ## 现在你知道了
#
# * BLEU 是带短句惩罚的截断精确率，用于语料；ROUGE-L 是公共子序列；CIDEr-D 是 tf-idf 向量的余弦，只有一幅图时为 0；METEOR-lite 是对齐加上对块的惩罚；SPICE 是元组的 F1。
# * 它们量的都是与参考句有多像。只差一个词的流利谎话，比老实的改写更像参考句。
# * 真可以拆成合乎文法、物体为真、关系为真和覆盖率，而这需要一个能判定真假的世界。
#
# 接着读 `mmscratch/metrics/`：每个公式都写明出处，每个都有测试，与 COCO 工具、nlg-eval 和 NLTK 对过账。
