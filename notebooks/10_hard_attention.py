# %% [markdown]
# # 10 · Choices that have no slope: hard attention, and learning from one's own words
#
# **You will be able to** derive the score-function estimator, say why a baseline changes its variance and not
# its mean, prove an estimator right by writing out every outcome, train attention that looks at one place at
# a time, and train a captioner on rewards that no gradient passes through: CIDEr-D, and truth itself.
#
# **Time** about 45 minutes of reading, two minutes of computing on a laptop · **Data** none to download ·
# **Follows** §3.1.2 of the survey.

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
# ## 1 · The gradient of an expectation
#
# Soft attention mixes all regions, and a mixture has a slope. Looking at **one** region is a choice, and a
# choice has none: move the scores $e$ a little, and the same region is chosen. What moves is how *likely* each
# choice is. With $\alpha = \mathrm{softmax}(e)$, $s \sim \alpha$ and a reward $f(s)$,
#
# $$\frac{\partial}{\partial e}\,\mathbb E_s[f(s)] = \sum_s f(s)\,\frac{\partial \alpha_s}{\partial e}
# = \sum_s \alpha_s\, f(s)\,\frac{\partial \ln \alpha_s}{\partial e}
# = \mathbb E_s\!\left[f(s)\,\frac{\partial \ln \alpha_s}{\partial e}\right],$$
#
# because $\partial\alpha = \alpha\,\partial\ln\alpha$. The last form is an expectation, so samples estimate it: draw
# $s$, see what it earns, and multiply by the **score** $\partial\ln\alpha_s/\partial e = \mathrm{onehot}(s) - \alpha$
# (Williams, 1992, called it REINFORCE). Nothing is asked of $f$: no slope, not even continuity.
#
# Four regions, and rewards such as captions have them: log-likelihoods, all negative.

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
# The mean is right; the spread is several times as large as the gradient itself. Every sample, good or bad,
# earned a negative reward, so every choice is made *less* likely, and only the differences in how much, averaged
# over many samples, point the right way.
#
# **A baseline.** The mean score is zero, $\mathbb E_s[\partial\ln\alpha_s] = \sum_s\partial\alpha_s = \partial 1 = 0$.
# So a number $b$ that does not depend on $s$ may be subtracted from the reward: the mean stays, and the spread
# is that of $f - b$. The variance is a parabola in $b$:

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
# On the right: without a baseline it takes a dozen times as many samples to get as near. A baseline that is a bad
# guess makes things *worse*, which is what the left half says.
#
# ## 2 · Hard attention
#
# Xu et al. (2015, §4.1) let the captioner look at one region a word, $s_t \sim \mathrm{Categorical}(\alpha_t)$
# and $z_t = \beta_t\,a_{s_t}$. The likelihood of a caption sums over all paths of looks, $R^T$ of them. Jensen's
# inequality gives a bound with a gradient that can be sampled:
#
# $$\ln p(y) = \ln\sum_s p(s)\,p(y\mid s)\;\ge\; L_s = \sum_s p(s)\ln p(y\mid s),$$
#
# $$\nabla L_s = \mathbb E_s\big[\,\nabla\ln p(y\mid s) + (\ln p(y\mid s) - b)\,\nabla\ln p(s)\,\big] .$$
#
# The first term teaches what to say at a given look, the second where to look. This is the loss of the library
# (the reward is detached: it is a number, not a function):

# %%
print(inspect.getsource(hard_captioner.variational_loss))

# %% [markdown]
# **Is it right?** A wrong sign in such a loss still trains, a little; a factor cannot be seen at all. So take a
# captioner so small that every path can be written out: four regions, two words, $4^2 = 16$ paths. Then $L_s$ is a
# sum, autograd differentiates it exactly, and the sampled loss must agree, coordinate by coordinate.

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
# Exactly unbiased, both. Now the sampler itself: 4,000 paths drawn by the model in one batch. Each coordinate's
# distance from the exact gradient is measured in its standard errors. With this many coordinates some will be far
# by chance, so the limit is Bonferroni's: 99 % for **all together**. Two faults are drawn beside: the sign of the
# reward, and the second term forgotten.

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
# ## 3 · Hard attention on scenes
#
# Two practical devices of the paper. The **baseline** is a running mean, $b \leftarrow 0.9\,b + 0.1\,\ln p(y\mid s)$;
# it is updated *after* the loss, so that $b$ does not know the sample. And with probability ½ a sequence uses the
# expectation $\mathbb E[s] = \alpha$ (soft attention) in place of samples: it halves the noise, and those
# sequences teach where to look by an ordinary gradient. In evaluation the library's default is the likeliest
# region: one look, the same every time.
#
# Both kinds learn one-object captions here, from the same words, without ever being told where to look.

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
# Above soft attention, below hard: one square a word. The picture tells why the hard captioner is ahead here. It
# settles on one object and speaks of that one; the soft one mixes all three, and names a fourth. This is one seed
# and a short training, no law. For captions of two objects the look has to move on in mid-sentence, and after 400
# steps hard attention was behind: 15 % true (22 % by expectation), soft 27 %
# (`python -m mmscratch.tasks.captioning.hard_attention --steps 400`, seed 0).
#
# Read hard maps with care. What a word needs may have reached the state at an earlier look; nothing forces the
# model to look *again* when it says it. Readers of the paper's code were puzzled by this long before you.
#
# ## 4 · Learning from one's own words
#
# Two things are odd about training on references. The model never sees its **own** mistakes (in use, each word is
# fed back, right or wrong), and what is minimised, $-\ln p$ of the words, is not what it is judged by: CIDEr-D, or
# truth. Scheduled sampling (Bengio et al., 2015) mends the first by feeding back own words now and then; it is biased,
# for its targets no longer fit what was said before (Huszár, 2015). The score function mends both. Now the whole caption
# $\hat w$ is the choice, and its reward $r(\hat w)$ is any number at all:
#
# $$\nabla J = \mathbb E_{\hat w\sim p}\big[\,(r(\hat w) - b)\,\nabla\ln p(\hat w)\,\big],\qquad
# \ln p(\hat w) = \sum_t \ln p(\hat w_t\mid\hat w_{<t},\text{picture}) .$$
#
# Rennie et al. (2017) take for $b$ the reward of the model's own **greedy** caption: hence *self-critical*. A later
# variant draws $k$ captions of each picture, and each is measured against the mean of the **others**. Of the others
# only: a mean that contains $\hat w$ itself depends on it, and shrinks the gradient by $(k-1)/k$.

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
# Both start from the soft captioner of section 3, which has learnt from words. Every 15 steps the validation pictures are described by *drawn*
# captions, and both rewards are read off, whichever is being trained.

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
# Each training raises what it is paid for. **What is paid for is the lesson.** The reward *truth* makes captions
# true in the cheapest way there is: it leaves out the colour. "A big circle" is hardly ever false, half a dozen such
# sentences serve for all pictures, and CIDEr-D falls to less than half. CIDEr-D pays for words that the references share,
# and so keeps the colours; it prefers the one opening that most references have, and whether the sentence holds
# is none of its business. On captions of two objects it raised its own figure (2.8 to 3.0, greedy) while **fewer**
# captions were true (55 % before, 44 % after). A captioner does what its reward says, and not what was meant.
#
# `python -m mmscratch.tasks.captioning.self_critical` measures this with more scenes and two objects a caption (the figures
# above are its seed 0), beside a control that goes on learning from words for as many steps.
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it. A check answers within a second and says
# what is wrong.
#
# **10.1** Draw a region from `alpha` (R,), given one number `u` from [0, 1): the first region at which the sum of
# the probabilities so far exceeds `u`.


# %%
def choose_region(alpha, u):
    """The region that u falls into."""
    ### BEGIN SOLUTION
    return int((np.cumsum(alpha) <= u).sum())
    ### END SOLUTION


# %%
checks.choose_region(choose_region)

# %% [markdown]
# **10.2** The score-function gradient with respect to the scores $e$: the mean over the samples `s` (N,) of
# $(f_s - b)(\mathrm{onehot}(s) - \alpha)$. `f` (R,) holds the reward of each region.


# %%
def score_gradient(alpha, f, s, b):
    """The estimate of ∂E[f]/∂e from samples: (R,)."""
    ### BEGIN SOLUTION
    return ((f[s] - b)[:, None] * (np.eye(len(alpha))[s] - alpha)).mean(axis=0)
    ### END SOLUTION


# %%
checks.score_gradient(score_gradient)

# %% [markdown]
# **10.3** Rewards of $k$ captions for each of $P$ pictures, (P, k): the advantage of each, its reward minus the mean
# reward of the **other** captions of its picture.


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
# **10.4** Scheduled sampling with the inverse sigmoid, $\varepsilon_i = k/(k + e^{i/k})$: after how many steps
# $i$ are as many words the model's own as the teacher's?


# %%
def half_way(k):
    """The step i (a float) at which ε_i = ½."""
    ### BEGIN SOLUTION
    return k * np.log(k)
    ### END SOLUTION


# %%
checks.half_way(half_way)

# %% [markdown]
# ## What you know now
#
# * $\nabla\mathbb E[f] = \mathbb E[f\,\nabla\ln p]$: the gradient of a choice, with no slope asked of $f$. Noise is the
#   price.
# * A baseline that does not know the sample leaves the mean alone and may remove most of the noise.
# * An estimator is checked by writing out all outcomes of a small case: mean exactly, samples within an interval
#   that holds for all coordinates together, and faults outside of it.
# * Hard attention maximises a bound; half sampling and a running baseline keep its noise in hand.
# * Self-critical training raises its reward. Whether that is what you wanted depends on the reward.
#
# Read on in `mmscratch/models/hard_captioner.py`, `self_critical.py` and `scheduled_sampling.py`.
