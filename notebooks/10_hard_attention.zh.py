# %% [markdown]
# # 10 · 没有斜率的选择：硬注意力，以及从自己的话里学习
#
# **学完这一课，你能够** 推导得分函数估计量，说明基线为什么只改变它的方差而不改变均值，通过列出全部结果来证明一个估计量是对的，训练每次只看一处的注意力，并用梯度穿不过去的奖励来训练描述模型：CIDEr-D，以及真假本身。
#
# **用时** 阅读约 45 分钟，笔记本电脑上计算约两分钟 · **数据** 无需下载 · **对应** 综述第 3.1.2 节。

# %%
import inspect
import itertools
from statistics import NormalDist

import checks
import matplotlib.pyplot as plt
import numpy as np

import mmscratch as mm
from mmscratch import ops
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.models import hard_captioner, self_critical
from mmscratch.models.hard_captioner import HardAttentionCaptioner
from mmscratch.tasks.captioning.data import load_split
from mmscratch.tasks.captioning.hard_attention import figures_of, train_attention
from mmscratch.tasks.captioning.model import describe
from mmscratch.tasks.captioning.samples import make_reward
from mmscratch.tasks.captioning.self_critical import SelfCriticalSettings, go_on, rewarded
from mmscratch.tasks.captioning.settings import CaptionSettings

mm.kernels.use("reference")  # the floor in plain NumPy: nothing to compile
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
rng = np.random.default_rng(0)
RED, GREEN, GREY = "#c0392b", "#2c7a4b", "#7f8c8d"

# %% [markdown]
# ## 1 · 期望的梯度
#
# 软注意力把所有区域混在一起，混合是有斜率的。只看 **一个** 区域则是选择，而选择没有斜率：把分数 $e$ 稍微动一动，选中的还是同一个区域。会动的，是每种选择的*可能性*。设 $\alpha = \mathrm{softmax}(e)$，$s \sim \alpha$，奖励为 $f(s)$，则
#
# $$\frac{\partial}{\partial e}\,\mathbb E_s[f(s)] = \sum_s f(s)\,\frac{\partial \alpha_s}{\partial e}
# = \sum_s \alpha_s\, f(s)\,\frac{\partial \ln \alpha_s}{\partial e}
# = \mathbb E_s\!\left[f(s)\,\frac{\partial \ln \alpha_s}{\partial e}\right],$$
#
# 因为 $\partial\alpha = \alpha\,\partial\ln\alpha$。最后一式是期望，所以可以用样本来估计：抽一个 $s$，看它挣得多少，再乘上 **得分**（score）$\partial\ln\alpha_s/\partial e = \mathrm{onehot}(s) - \alpha$（Williams，1992，称之为 REINFORCE）。对 $f$ 没有任何要求：不必可导，连连续都不必。
#
# 取四个区域，奖励仿照描述任务里的样子：对数似然，全是负数。

# %%
f = np.array([-3.0, -7.0, -4.0, -6.0])
e = mm.tensor(np.array([0.5, -0.3, 0.1, -1.0]), requires_grad=True)
alpha = ops.softmax(e)
(alpha * mm.tensor(f)).sum().backward()
exact, alpha = e.grad, alpha.detach().numpy()

s = rng.choice(4, size=200_000, p=alpha)
scores = np.eye(4) - alpha  # row s: ∂ ln α_s / ∂e
samples = f[s][:, None] * scores[s]
print("exact            ", exact.round(2))
print("mean of samples  ", samples.mean(axis=0).round(2))
print("and their spread ", samples.std(axis=0).round(2))

# %% [markdown]
# 均值是对的，可是样本的散布是梯度本身的好几倍。不论好坏，每个样本挣到的都是负奖励，于是每种选择都被压得*更不*可能；只有压得多与少之间的差别，在大量样本上平均之后，才指向正确的方向。
#
# **基线。** 得分的均值是零：$\mathbb E_s[\partial\ln\alpha_s] = \sum_s\partial\alpha_s = \partial 1 = 0$。所以可以从奖励里减去一个与 $s$ 无关的数 $b$：均值不变，散布则变成 $f - b$ 的散布。方差是 $b$ 的抛物线：

# %%
baselines = np.linspace(-9, 1, 101)


def noise(b):
    """Total variance of (f(s) − b)(onehot(s) − α), exactly: four outcomes with their probabilities."""
    each = (f - b)[:, None] * scores
    return (alpha @ each**2 - (alpha @ each) ** 2).sum()


mean = alpha @ f
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2))
axes[0].plot(baselines, [noise(b) for b in baselines], color=GREY)
for b, name, colour in ((0.0, "no baseline", RED), (mean, "b = E[f]", GREEN)):
    axes[0].plot(b, noise(b), "o", color=colour, label=name)
    n = np.arange(1, 3001)
    each = (f[s[: 40 * 3000]] - b)[:, None] * scores[s[: 40 * 3000]]
    running = each.reshape(40, 3000, 4).cumsum(axis=1) / n[:, None]
    error = np.sqrt(((running - exact) ** 2).sum(axis=2).mean(axis=0))
    axes[1].loglog(n, error, color=colour)
    axes[1].loglog(n, np.sqrt(noise(b) / n), ":", color=colour)
axes[0].set(xlabel="baseline b", ylabel="variance of one sample")
axes[0].legend(frameon=False)
axes[1].set(xlabel="samples", ylabel="error of the mean", title="dotted: σ/√n")
axes[1].axhline(np.sqrt((exact**2).sum()), color="k", lw=0.8)
axes[1].text(3000, np.sqrt((exact**2).sum()) * 1.15, "length of the gradient", fontsize=8, ha="right")
plt.tight_layout()
plt.show()
print(f"with b = E[f] the variance is {noise(0) / noise(mean):.1f} times smaller")

# %% [markdown]
# 右图：没有基线时，要达到同样的精度，需要十几倍的样本。左图还说明：基线若猜得离谱，反而会*更糟*。
#
# ## 2 · 硬注意力
#
# Xu 等人（2015，§4.1）让描述模型每说一个词只看一个区域：$s_t \sim \mathrm{Categorical}(\alpha_t)$，$z_t = \beta_t\,a_{s_t}$。一句描述的似然要对所有"看的路径"求和，共 $R^T$ 条。由 Jensen 不等式得到一个下界，它的梯度可以抽样：
#
# $$\ln p(y) = \ln\sum_s p(s)\,p(y\mid s)\;\ge\; L_s = \sum_s p(s)\ln p(y\mid s),$$
#
# $$\nabla L_s = \mathbb E_s\big[\,\nabla\ln p(y\mid s) + (\ln p(y\mid s) - b)\,\nabla\ln p(s)\,\big] .$$
#
# 第一项教模型看着某处时该说什么，第二项教它该看哪里。下面是库里的损失（奖励被 detach：它是一个数，不是函数）：

# %%
print(inspect.getsource(hard_captioner.variational_loss))

# %% [markdown]
# **它对吗？** 这样的损失里写错一个符号，照样能训练出一点东西；差一个因子则根本看不出来。所以取一个小到能把所有路径都写出来的模型：四个区域、两个词，$4^2 = 16$ 条路径。这时 $L_s$ 就是一个和，自动求导能精确地求出它的梯度，而抽样的损失必须逐个坐标与之相符。

# %%
R, T, D, V = 4, 2, 5, 7
model = HardAttentionCaptioner(
    V, D, hidden=6, embedding=4, attention=3, half_sampling=False, generator=mm.Generator(1)
).to("float64")
for p in model.parameters():
    p.data = 2 * p.data  # so that attention is far from even
picture, caption = 2 * rng.normal(size=(1, R, D)), np.array([[1, 5, 3]])
paths = np.array(list(itertools.product(range(R), repeat=T)))


def copies(n):
    """The picture and its caption, n times."""
    return mm.tensor(np.repeat(picture, n, axis=0)), mm.tensor(np.repeat(caption, n, axis=0))


def gradient(loss):
    """∂loss/∂(all parameters), as one vector."""
    model.zero_grad()
    loss.backward()
    return np.concatenate(
        [np.zeros(p.size) if p.grad is None else p.grad.ravel() for p in model.parameters()]
    )


logits, path = model.trace(*copies(len(paths)), paths)
log_y = logits.log_softmax().gather(2, np.repeat(caption[:, 1:, None], len(paths), axis=0)).squeeze(2).sum(1)
log_s = path.log_p(mm.tensor(np.ones((len(paths), T))))
exact = gradient(-(log_s.exp() * log_y).sum() / T)
p_s, log_y = np.exp(log_s.detach().numpy()), log_y.detach().numpy()
print(f"{len(paths)} paths, probabilities sum to {p_s.sum():.6f}; {len(exact)} parameters")
print(f"the bound L_s = {p_s @ log_y:.3f} is below ln p(y) = {np.log(p_s @ np.exp(log_y)):.3f}")

# %%
expected = p_s @ log_y


def outcomes(b):
    """What the loss's gradient is for each of the 16 paths, with baseline b."""
    rows = []
    for s in paths:
        model.baseline.data = np.asarray(float(b))
        rows.append(gradient(model.bound_loss(*copies(1), pad=0, s=s[None])[0]))
    return np.array(rows)


def spread(rows):
    """Variance by coordinate, exactly."""
    return p_s @ rows**2 - (p_s @ rows) ** 2


without, with_mean = outcomes(0.0), outcomes(expected)
for name, rows in (("no baseline", without), ("b = E ln p", with_mean)):
    print(f"{name}: mean over all paths is the exact gradient:", np.allclose(p_s @ rows, exact, atol=1e-12))
print(f"total variance falls by a factor of {spread(without).sum() / spread(with_mean).sum():.1f}")

# %% [markdown]
# 两种做法都严格无偏。再来检验抽样器本身：让模型在一个批次里抽 4,000 条路径。每个坐标与精确梯度的距离，以它自己的标准误为单位来量。坐标这么多，总有几个会碰巧偏得远，所以界限用 Bonferroni 的：对 **全体坐标合起来** 是 99 %。旁边再画两个错误：奖励的符号写反，以及漏掉第二项。

# %%
n = 4000
limit = NormalDist().inv_cdf(1 - 0.01 / 2 / len(exact))
error = np.sqrt(np.maximum(spread(with_mean), 1e-30) / n)
figure, ax = plt.subplots(figsize=(7, 3.2))
for weight, name, colour in (
    (1.0, "the loss", GREEN),
    (-1.0, "sign of the reward", RED),
    (0.0, "no second term", GREY),
):
    model.generator, model.baseline.data = mm.Generator(7), np.asarray(p_s @ log_y)
    sampled = gradient(model.bound_loss(*copies(n), pad=0, reward_weight=weight)[0])
    z = np.sort(np.abs(sampled - exact)[error > 1e-12] / error[error > 1e-12])
    ax.semilogy(z, color=colour, label=name)
    print(f"{name:20} all coordinates inside the interval: {bool((z < limit).all())}")
ax.axhline(limit, color="k", lw=0.8, ls=":")
ax.set(xlabel="coordinates, sorted", ylabel="standard errors", ylim=(1e-3, None))
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 3 · 场景上的硬注意力
#
# 论文里有两个实用的办法。**基线** 是滑动平均 $b \leftarrow 0.9\,b + 0.1\,\ln p(y\mid s)$；它在算完损失*之后*才更新，这样 $b$ 就不知道这次抽到了什么。另外，每个序列以 ½ 的概率用期望 $\mathbb E[s] = \alpha$（即软注意力）代替抽样：噪声减半，而且这些序列用普通的梯度就能教会模型看哪里。评估时，库的默认做法是取最可能的区域：只看一处，每次都一样。
#
# 这里两种模型都学习单个物体的描述，用同样的文字，从来没有人告诉它们该看哪里。

# %%
SPEC = "scenes:train=600,val=200,test=200,level=1,lang=en"
train, val, test = (load_split(SPEC, name) for name in ("train", "val", "test"))
vocabulary = Vocabulary.from_tokens(train.sentences())
settings = CaptionSettings(
    steps=200, batch_size=64, hidden=48, embedding=32, attention=32, attention_supervision=0.0
)
looking = {kind: train_attention(kind, vocabulary, settings, train, seed=0) for kind in ("soft", "hard")}
found = {kind: figures_of(trained, vocabulary, test) for kind, trained in looking.items()}

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 2.6))
for ax, key, title in (
    (axes[0], "truth rate: true", "true captions"),
    (axes[1], "pointing", "words that look at their object"),
):
    values = [found[kind][key] for kind in ("soft", "hard")]
    for x, (value, colour) in enumerate(zip(values, (GREY, GREEN), strict=True)):
        ax.bar(x, value, color=colour)
        ax.text(x, value + 0.02, f"{value:.0%}", ha="center")
    ax.set(xticks=[0, 1], xticklabels=["soft", "hard"], ylim=(0, 1.15), title=title)
axes[1].axhline(found["hard"]["chance"], color="k", ls=":", lw=1)
axes[1].text(0.5, found["hard"]["chance"] + 0.02, "chance", ha="center", fontsize=8)
plt.tight_layout()
plt.show()

# %%
one = test.floats()[:1]
figure, axes = plt.subplots(2, 9, figsize=(12, 3.2))
for row, (kind, trained) in zip(axes, looking.items(), strict=True):
    words, _, looks = describe(trained, vocabulary, trained.encode(one), max_length=8)
    row[0].imshow(test.images[0])
    row[0].set_ylabel(kind)
    for ax in row:
        ax.set(xticks=[], yticks=[])
        ax.axis("on" if ax is row[0] else "off")
    for ax, word, look in zip(row[1:], words[0], looks[0], strict=False):
        if kind == "hard":
            look = (look == look.max()).astype(float)
        ax.imshow(test.images[0], alpha=0.5)
        ax.imshow(np.kron(look, np.ones((8, 8))), cmap="Greens", alpha=0.6, vmin=0, vmax=1)
        ax.set_title(word, fontsize=9)
plt.tight_layout()
plt.show()

# %% [markdown]
# 上排是软注意力，下排是硬注意力：一个词一个方格。从图里可以看出硬注意力在这里为什么领先：它认定一个物体，就说这一个；软注意力把三个混在一起，说出了第四个。这只是一个种子、一次短训练，算不上规律。描述两个物体时，目光必须在句子中途移开，训练 400 步之后硬注意力反而落后：成立的描述占 15 %（用期望时 22 %），软注意力 27 %（`python -m mmscratch.tasks.captioning.hard_attention --steps 400`，种子 0）。
#
# 读硬注意力的图要小心。一个词所需要的信息，也许在更早的一眼里就已进入状态；没有什么迫使模型在说到它的时候*再看*一次。很久以前，读那篇论文代码的人就为此困惑过。
#
# ## 4 · 从自己的话里学习
#
# 在参考描述上训练，有两点不自然。模型从来见不到自己 **犯的错**（使用时，每个词无论对错都会被送回去）；训练所最小化的 $-\ln p$ 也不是用来评判它的东西：评判用的是 CIDEr-D，或者真假。计划采样（scheduled sampling，Bengio 等，2015）时不时把模型自己的词送回去，补救了前一点；但它是有偏的，因为目标词不再与前面说过的话相配（Huszár，2015）。得分函数把两点一并解决。现在整句描述 $\hat w$ 就是那个选择，而奖励 $r(\hat w)$ 可以是任何数：
#
# $$\nabla J = \mathbb E_{\hat w\sim p}\big[\,(r(\hat w) - b)\,\nabla\ln p(\hat w)\,\big],\qquad
# \ln p(\hat w) = \sum_t \ln p(\hat w_t\mid\hat w_{<t},\text{picture}) .$$
#
# Rennie 等人（2017）取模型自己 **贪心** 描述的奖励作为 $b$，"自临界"（self-critical）由此得名。后来的变体给每幅图抽 $k$ 句描述，每一句都与 **其余各句** 的均值相比。必须是其余各句：若均值里含有 $\hat w$ 自己，它就与 $\hat w$ 有关，梯度会缩小到 $(k-1)/k$。

# %%
print(inspect.getsource(self_critical.policy_loss))
reward = {
    name: {split: make_reward(name, data, train) for split, data in (("train", train), ("val", val))}
    for name in ("cider", "truth")
}
sentence = test.captions[0][0]
judge = make_reward("cider", test, train)
broken, whole = judge([sentence[:-1], sentence], [0, 0])
print(f"CIDEr-D of {' '.join(sentence)!r}: {whole:.2f}; with its last word missing: {broken:.2f}")
print("truth:", make_reward("truth", test, train)([sentence, sentence[:-1]], [0, 0]))

# %% [markdown]
# 两次训练都从第 3 节的软注意力模型出发，它已经从文字学过。每 15 步，用*抽样*的描述来描述验证集图片，两种奖励都读出来，不管正在训练的是哪一种。

# %%
captioner = looking["soft"]
begun = captioner.state_dict()
own = SelfCriticalSettings(steps=60, pictures=32, samples=4, lr=1e-3, validate_every=15)
judges = {name: parts["val"] for name, parts in reward.items()}
curves, said = (
    {},
    {"words": describe(captioner, vocabulary, captioner.encode(val.floats()[:4]), max_length=20)[0]},
)
for name in ("cider", "truth"):
    captioner.load_state_dict(begun)
    curves[name] = [rewarded(captioner, vocabulary, val, judges)]

    def keep_point(curve=curves[name]):
        """One more point of the curve."""
        curve.append(rewarded(captioner, vocabulary, val, judges))
        return curve[-1]

    go_on(captioner, vocabulary, train, reward[name]["train"], own, seed=0, validate=keep_point)
    said[name] = describe(captioner, vocabulary, captioner.encode(val.floats()[:4]), max_length=20)[0]

# %%
figure, axes = plt.subplots(1, 3, figsize=(11, 3))
for ax, key, title in zip(
    axes,
    ("cider, drawn", "truth, drawn", "different captions"),
    ("CIDEr-D of drawn captions", "truth of drawn captions", "different greedy captions"),
    strict=True,
):
    for name, colour in (("cider", RED), ("truth", GREEN)):
        values = [point[key] for point in curves[name][: own.steps // own.validate_every + 1]]
        ax.plot(
            np.arange(len(values)) * own.validate_every,
            values,
            "o-",
            ms=4,
            color=colour,
            label=f"trained on {name}",
        )
    ax.set(xlabel="self-critical steps", title=title)
axes[0].legend(frameon=False, fontsize=8)
plt.tight_layout()
plt.show()
for name in curves:
    first, last = curves[name][0], curves[name][-1]
    print(
        f"trained on {name}: its own reward rose on validation:",
        last[f"{name}, drawn"] > first[f"{name}, drawn"],
    )

# %%
figure, axes = plt.subplots(1, 4, figsize=(12, 3.4))
for i, ax in enumerate(axes):
    ax.imshow(val.images[i])
    ax.set(xticks=[], yticks=[])
    lines = [f"{name}: {' '.join(said[name][i])}" for name in said]
    ax.set_xlabel("\n".join(lines), fontsize=7, loc="left")
plt.tight_layout()
plt.show()

# %% [markdown]
# 每种训练都提高了它付钱买的东西。**付钱买的是什么，正是这一课的要点。** 真假奖励用最省事的办法让描述成立：不说颜色。"一个大圆"几乎从不会错，五六句这样的话就应付了所有图片，CIDEr-D 则跌去一半以上。CIDEr-D 为与参考描述共有的词付钱，所以保住了颜色；它偏爱大多数参考描述共用的那种开头，至于句子成立不成立，不关它的事。在描述两个物体的任务上，它把自己的分数提高了（贪心从 2.8 到 3.0），成立的描述却 **变少** 了（此前 55 %，此后 44 %）。描述模型做的是奖励所说的，而不是我们心里想的。
#
# `python -m mmscratch.tasks.captioning.self_critical` 用更多的场景、每句两个物体来测量这一点（上面的数字是它的种子 0），并有一个对照：用同样的步数继续从文字学习。
#
# ## 练习
#
# 在标记之间写代码，运行该单元，再运行下面的检查。检查一秒之内给出回答，并指出哪里不对。
#
# **10.1** 给定 `alpha` (R,) 和 [0, 1) 中的一个数 `u`，抽出一个区域：概率累加到第几个区域时，首次超过 `u`。


# %%
def choose_region(alpha, u):
    """The region that u falls into."""
    ### BEGIN SOLUTION
    return int((np.cumsum(alpha) <= u).sum())
    ### END SOLUTION


# %%
checks.choose_region(choose_region)

# %% [markdown]
# **10.2** 对分数 $e$ 的得分函数梯度：在样本 `s` (N,) 上对 $(f_s - b)(\mathrm{onehot}(s) - \alpha)$ 求平均。`f` (R,) 是每个区域的奖励。


# %%
def score_gradient(alpha, f, s, b):
    """The estimate of ∂E[f]/∂e from samples: (R,)."""
    ### BEGIN SOLUTION
    return ((f[s] - b)[:, None] * (np.eye(len(alpha))[s] - alpha)).mean(axis=0)
    ### END SOLUTION


# %%
checks.score_gradient(score_gradient)

# %% [markdown]
# **10.3** $P$ 幅图各有 $k$ 句描述，奖励为 (P, k)：求每一句的优势，即它的奖励减去同一幅图 **其余** 描述奖励的均值。


# %%
def advantage(reward):
    """r − mean of the others: (P, k)."""
    ### BEGIN SOLUTION
    k = reward.shape[1]
    others = (reward.sum(axis=1, keepdims=True) - reward) / (k - 1)
    return reward - others
    ### END SOLUTION


# %%
checks.advantage(advantage)

# %% [markdown]
# **10.4** 用反 sigmoid 的计划采样，$\varepsilon_i = k/(k + e^{i/k})$：到第几步 $i$ 时，模型自己的词与老师的词一样多？


# %%
def half_way(k):
    """The step i (a float) at which ε_i = ½."""
    ### BEGIN SOLUTION
    return k * np.log(k)
    ### END SOLUTION


# %%
checks.half_way(half_way)

# %% [markdown]
# ## 现在你知道了
#
# * $\nabla\mathbb E[f] = \mathbb E[f\,\nabla\ln p]$：这就是选择的梯度，不要求 $f$ 有斜率；代价是噪声。
# * 不知道样本的基线不动均值，却可能消去大部分噪声。
# * 检验估计量，要把一个小例子的全部结果写出来：均值应严格相符，样本应落在对全体坐标同时成立的区间之内，而错误应落在区间之外。
# * 硬注意力最大化的是一个下界；半抽样和滑动基线让它的噪声不至于失控。
# * 自临界训练会提高它的奖励。那是不是你想要的，要看奖励是什么。
#
# 接着可以读 `mmscratch/models/hard_captioner.py`、`self_critical.py` 和 `scheduled_sampling.py`。
