# %% [markdown]
# # 17 · Alignment: which belongs to which
#
# **You will be able to** tell alignment that is the goal from alignment that falls out of something else, compute alignment error rate with sure and possible links,
# derive the dynamic programme of time warping and draw its path, derive EM for IBM Model 1 and prove that its likelihood never falls, make both margins of a
# transport plan exact with Sinkhorn's iterations, and sum all paths of CTC without listing them.
#
# **Time** about 50 minutes of reading, half a minute of computing on a laptop · **Data** none to download · **Follows** §2.3 of the survey.

# %%
import itertools

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch.alignment import (
    IBM1,
    collapsed,
    ctc_loss,
    ctc_occupancy,
    dtw,
    forced_alignment,
    links_above,
    sinkhorn,
    soft_alignment,
)
from mmscratch.data import scenes
from mmscratch.data.scenes import COLOURS
from mmscratch.metrics.alignment import alignment_scores, best_threshold, pointing
from mmscratch.tasks.alignment.sound import costs, load_sounds
from mmscratch.tasks.alignment.words import WORD_METHODS, load_words
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY, GOLD = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d", "#b7950b"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · Two words, one scale
#
# §2.3 tells two kinds of alignment by their *means*: explicit works by rules or a knowledge base, implicit is learnt. The literature (Baltrušaitis et al., 2019) tells them by their *goal*: **explicit** alignment is what one
# wants, **implicit** alignment is a by-product of something else, of translating or ranking. Time warping, which learns nothing and knows no rule, shows that the two usages differ. We need not quarrel: in our world the truth is known, so all can be
# put on one scale.
#
# A word of a caption belongs to an object. Some links are **sure** ($S$): "red" in a phrase that fits one object. Some are merely **possible** ($P\supseteq S$): the article, or a phrase that fits two. For the links $A$ of a method (Och & Ney, 2003)
#
# $$\mathrm{precision}=\frac{|A\cap P|}{|A|},\qquad \mathrm{recall}=\frac{|A\cap S|}{|S|},\qquad \mathrm{AER}=1-\frac{|A\cap S|+|A\cap P|}{|A|+|S|}.$$
#
# Nothing is lost by leaving out a possible link, nor by saying it. With $S=P$, AER is $1-F_1$: put $A\cap S=A\cap P$ in and compare.

# %%
train, held, tested = load_words(0, train=250, val=25, test=50)
pair = next(p for p in tested if len(p.order) == 4 and (p.possible & ~p.sure).any())


def matrix(ax, weights, pair, title):
    """Weights of words (columns) on objects (rows); a box where a link is sure, dots where possible."""
    ax.imshow(np.asarray(weights, float).T, vmin=0, vmax=1, cmap="Greens", aspect="auto")
    for j, i in np.argwhere(pair.possible):
        sure = pair.sure[j, i]
        box = plt.Rectangle(
            (j - 0.5, i - 0.5), 1, 1, fill=False, ec="#e67e22", ls="-" if sure else ":", lw=1.5
        )
        ax.add_patch(box)
    ax.set(xticks=range(len(pair.tokens)), yticks=range(len(pair.order)))
    ax.set_xticklabels(pair.tokens, rotation=90, fontsize=7)
    ax.set_yticklabels([" ".join(a[::-1]) for a in pair.attributes], fontsize=7)
    ax.set_title(title, fontsize=9)


figure, axes = plt.subplots(1, 2, figsize=(11, 2.9), width_ratios=[1, 3.2])
axes[0].imshow(scenes.render(pair.scene))
axes[0].set(xticks=[], yticks=[])
matrix(axes[1], pair.sure, pair, "the truth: sure (box) and possible (dots)")
plt.tight_layout()
plt.show()
A = pair.sure.copy()
A[np.argwhere(pair.sure)[0][0]] = False  # one sure link is not found
A |= pair.possible & ~pair.sure  # all possible ones are said
by_hand = 1 - ((A & pair.sure).sum() + (A & pair.possible).sum()) / (A.sum() + pair.sure.sum())
scores = alignment_scores([A], [pair.sure], [pair.possible])
print({name: round(value, 4) for name, value in scores.items()}, " by hand:", round(float(by_hand), 4))

# %% [markdown]
# ## 2 · Warping: the cheapest way through
#
# Two sequences tell the same at different speeds; $d_{ij}$ is what it costs to call unit $i$ of one and unit $j$ of the other the same. A path goes from $(1,1)$ to $(I,J)$, each step forwards in one or both. The number of such paths grows
# like $5.8^{n}$. But let $g_{ij}$ be the cheapest way *to* $(i,j)$. The last step came from one of three cells, and what went before must itself have been cheapest (else one could put the cheaper one in its place):
#
# $$\boxed{\;g_{ij}=d_{ij}+\min\big(g_{i-1,j-1},\ g_{i-1,j},\ g_{i,j-1}\big)\;}\qquad g_{11}=d_{11}.$$
#
# $IJ$ steps, and walking back along the minima gives the path (Sakoe & Chiba, 1978).


# %%
def all_paths(i, j):
    """Every monotone path from (0, 0) to (i, j)."""
    if i < 0 or j < 0:
        return []
    if (i, j) == (0, 0):
        return [[(0, 0)]]
    before = all_paths(i - 1, j - 1) + all_paths(i - 1, j) + all_paths(i, j - 1)
    return [[*path, (i, j)] for path in before]


d = rng.random((5, 6))
every = all_paths(4, 5)
listed = min(sum(d[cell] for cell in path) for path in every)
print(
    len(every), "paths of a 5 × 6 table; the cheapest as the programme says:", np.isclose(dtw(d).cost, listed)
)

# %% [markdown]
# A case from our world: the objects of a scene sound one after the other, from left to right, each with the pitch of its colour; a curtain uncovers the same scene in a clip, at its own uneven speed. $d$ is one minus the cosine of *what was just heard* and
# *what has just appeared*. **Soft** warping (Cuturi & Blondel, 2017) takes $-\gamma\ln\sum e^{-\cdot/\gamma}$ for the minimum; its gradient by $d_{ij}$ is the probability $e_{ij}$ that a path, drawn with weight
# $e^{-\mathrm{cost}/\gamma}$, goes through the cell.

# %%
_, _, sounds = load_sounds(0, train=10, val=10, test=10)
heard = next(s for s in sounds if len(s.colours) == 4)
cost = costs(heard)
warp = dtw(cost)
figure, axes = plt.subplots(1, 4, figsize=(13, 3.3), sharey=True)
axes[0].imshow(cost, cmap="Greys_r", aspect="auto")
axes[0].plot(warp.path[:, 1], warp.path[:, 0], color=RED, lw=2)
axes[0].set(title="cost d, and the cheapest path", ylabel="frame of the sound")
axes[1].imshow(warp.table, cmap="viridis", aspect="auto")
axes[1].plot(warp.path[:, 1], warp.path[:, 0], color="w", lw=1)
axes[1].set(title="cheapest way to each cell, g")
for ax, gamma in zip(axes[2:], (0.02, 0.5), strict=True):
    ax.imshow(soft_alignment(cost, gamma), vmin=0, vmax=1, cmap="Greens", aspect="auto")
    ax.set(title=f"soft paths, γ = {gamma}")
for ax in axes:
    ax.set(xlabel="frame of the clip")
    ax.title.set_fontsize(9)
    for k in range(4):  # where the newest object of the clip changes, and where a note begins
        new, note = np.flatnonzero(heard.shown == k), np.flatnonzero(heard.sure[:, k])
        if len(new) and len(note):
            ax.plot(new[0], note[0], "o", mfc="none", mec="#e67e22", ms=9, mew=2)
plt.tight_layout()
plt.show()
e = soft_alignment(cost, 1e-4)
on = np.zeros(cost.shape, bool)
on[tuple(warp.path.T)] = True
print("γ → 0: the mass of the soft paths costs what the cheapest one costs:",
      np.isclose((e * cost).sum(), warp.cost, atol=1e-2))  # fmt: skip
print("the path is monotone:", bool((np.diff(warp.path, axis=0) >= 0).all()))

# %% [markdown]
# Circles: an object's note and its appearance. The path goes through most of them and is told of none.
#
# ## 3 · Model 1: words as translations, by EM
#
# Without order there is still *who occurs with whom*. IBM's Model 1 (Brown et al., 1993): every word $f_j$ picks one unit $e_i$ of the other side (an attribute of some object, or the empty $e_0$), all alike, then itself from $t(f\mid e)$. Which one it picked, $a_j$, is hidden:
#
# $$P(f\mid e)\ \propto\ \prod_{j}\sum_{i=0}^{I} t(f_j\mid e_i).$$
#
# (A sum over $(I+1)^J$ alignments, but each $j$ chooses by itself, so it is a product of small sums.) **EM**: with the present $t$, how probably did $f_j$ come from $e_i$? Count these shares as if they were observations, and normalise:
#
# $$q_j(i)=\frac{t(f_j\mid e_i)}{\sum_k t(f_j\mid e_k)},\qquad c(f\mid e)=\sum_{\text{pairs}}\sum_{j:\,f_j=f}\ \sum_{i:\,e_i=e} q_j(i),\qquad t(f\mid e)\leftarrow\frac{c(f\mid e)}{\sum_{f'}c(f'\mid e)} .$$
#
# **Claim**: $\ln P$ never falls. *Proof.* For any new $t'$, by Jensen's inequality,
#
# $$\ln\sum_i t'(f_j\mid e_i)=\ln\sum_i q_j(i)\frac{t'(f_j\mid e_i)}{q_j(i)}\ \ge\ \sum_i q_j(i)\ln\frac{t'(f_j\mid e_i)}{q_j(i)},$$
#
# with equality at $t'=t$, where the fraction does not depend on $i$. Summed over all words, the right side is $\sum_{e,f}c(f\mid e)\ln t'(f\mid e)$ plus a constant, and that is greatest where $t'$ is $c$ normalised (Gibbs). So the M step raises a lower bound that touches $\ln P$ at $t$. $\square$ And since $\ln\sum_i t$ is concave in $t$, there
# is no wrong hill to climb.

# %%
flat = [[value for attributes in p.attributes for value in attributes] for p in train]
words = [p.tokens for p in train]
model = IBM1().fit(flat, words, iterations=20)
climb = np.array(model.log_likelihood) / sum(map(len, words))
figure, axes = plt.subplots(1, 2, figsize=(12, 4), width_ratios=[1, 1.9])
axes[0].plot(climb, "o-", color=GREEN, ms=4)
axes[0].set(xlabel="iteration", ylabel="ln P per word, nats")
t, sources, targets = model.t, ["(nothing)", *model.sources[1:]], model.targets
axes[1].imshow(t, cmap="Greens", aspect="auto", vmin=0, vmax=1)
axes[1].set(xticks=range(len(targets)), yticks=range(len(sources)), title="t(word | attribute)")
axes[1].set_xticklabels(targets, rotation=90, fontsize=7)
axes[1].set_yticklabels(sources, fontsize=7)
plt.tight_layout()
plt.show()
print("ln P never falls:", bool((np.diff(model.log_likelihood) >= -1e-9).all()))
print("rows of t sum to 1:", np.allclose(t.sum(1), 1))
learnt = {e: targets[t[1 + k].argmax()] for k, e in enumerate(model.sources[1:])}
print("the colours' best words:", {c: learnt[c] for c in COLOURS})

# %% [markdown]
# Nobody said that "red" is red. What belongs to nothing (articles, "and", the comma) went to the empty unit, and to "small" and "big", which these captions never name: they are with every sentence, as the empty unit is. But a word knows only *attributes*: of two red objects it says half and half. That is where order, or a margin, helps.
#
# ## 4 · Transport: nobody may be left over
#
# A softmax over objects lets ten words crowd on one object and leaves another alone. A **transport plan** $P\ge0$ has both margins fixed: row sums $a$, column sums $b$. The cheapest with an entropy bonus (Cuturi, 2013),
#
# $$\min_P\ \langle P,C\rangle-\varepsilon H(P),\qquad P\mathbf 1=a,\quad P^{\mathsf T}\mathbf 1=b ,$$
#
# has a simple form. Set the derivative of the Lagrangian to zero: $C_{ji}+\varepsilon\ln P_{ji}-f_j-g_i=0$, hence
#
# $$P_{ji}=e^{f_j/\varepsilon}\;e^{-C_{ji}/\varepsilon}\;e^{g_i/\varepsilon}:$$
#
# the matrix $e^{-C/\varepsilon}$ with each row and each column scaled. **Sinkhorn's iterations** scale the rows until they sum to $a$, then the columns until they sum to $b$, which spoils the rows a little, and so on. One scaling of the rows alone *is* softmax: attention is Sinkhorn, stopped at the first half step.

# %%
n = 6
x, z = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) * 0.8
z[0] = 0  # in the middle: near to everything
C = ((x[:, None] - z) ** 2).sum(2)


def by_row(C, epsilon):
    """A softmax of each row, rows of sum 1/n."""
    w = np.exp(-(C - C.min(1, keepdims=True)) / epsilon)
    return w / w.sum(1, keepdims=True) / len(C)


best = min(itertools.permutations(range(n)), key=lambda p: C[range(n), p].sum())
figure, axes = plt.subplots(1, 5, figsize=(13, 2.8), width_ratios=[1, 1, 1, 1, 1.5])
axes[0].imshow(by_row(C, 0.5) * n, vmin=0, vmax=1, cmap="Blues")
axes[0].set_title("softmax, ε = 0.5", fontsize=9)
plans = {}
for ax, epsilon in zip(axes[1:4], (5.0, 0.5, 0.01), strict=True):
    plans[epsilon] = sinkhorn(C, epsilon)
    ax.imshow(plans[epsilon].plan * n, vmin=0, vmax=1, cmap="Greens")
    ax.set_title(f"Sinkhorn, ε = {epsilon:g}", fontsize=9)
axes[3].plot(best, range(n), "o", mfc="none", mec="#e67e22", ms=11, mew=2)
for ax in axes[:4]:
    ax.set(xticks=[], yticks=[], xlabel="one side", ylabel="the other")
width = 0.38
axes[4].bar(np.arange(n) - width / 2, by_row(C, 0.5).sum(0) * n, width, color=BLUE, label="softmax")
axes[4].bar(np.arange(n) + width / 2, plans[0.5].plan.sum(0) * n, width, color=GREEN, label="Sinkhorn")
axes[4].axhline(1, color="k", ls=":")
axes[4].set_title("how much each column is used", fontsize=9)
axes[4].legend(frameon=False, fontsize=8)
plt.tight_layout()
plt.show()
for epsilon, plan in plans.items():
    margins = max(np.abs(plan.plan.sum(1) - 1 / n).max(), np.abs(plan.plan.sum(0) - 1 / n).max())
    print(f"ε = {epsilon:g}: margins exact to 1e-8:", bool(margins < 1e-8))
print("ε → 0 is the best assignment:", np.array_equal(plans[0.01].plan.argmax(1), best))
print("ε → ∞ is a bᵀ:", np.allclose(sinkhorn(C, 1e5).plan, 1 / n**2, atol=1e-5))

# %% [markdown]
# ## 5 · CTC: only the order is known
#
# Sound frames and a list of what is heard, without times. Each frame $t$ says $y_t(k)$ of the labels and of a blank "–". A path is read by merging repeats, then dropping blanks: B(a a – a b b) = a a b. The probability of a list sums *all* paths that are read as it:
#
# $$p(l\mid x)=\sum_{\pi:\,B(\pi)=l}\ \prod_t y_t(\pi_t).$$
#
# Warping again, with a sum for the minimum: put blanks around the labels, $l' = (–,l_1,–,l_2,–)$, and move through $l'$ by 0, 1 or 2 places, by 2 only over a blank between different labels (Graves et al., 2006):
#
# $$\alpha_t(s)=\big(\alpha_{t-1}(s)+\alpha_{t-1}(s-1)+[\,l'_s\ne –,\ l'_s\ne l'_{s-2}\,]\;\alpha_{t-1}(s-2)\big)\,y_t(l'_s).$$
#
# The gradient of $\ln p$ by $\ln y_t(k)$ is how probably a path says $k$ in frame $t$: **the soft alignment is the gradient**, as in section 2.

# %%
y = rng.dirichlet(np.full(3, 0.7), size=7)  # seven frames; blank, a, b
target = [1, 1, 2]
listed = [p for p in itertools.product(range(3), repeat=7) if collapsed(p) == target]
p = sum(np.prod(y[np.arange(7), list(path)]) for path in listed)
leaf = Tensor(np.log(y)[:, None], requires_grad=True)
loss = ctc_loss(leaf, np.array([target]), np.array([7]), np.array([3]), reduction="sum")
loss.backward()
share = (
    np.array(
        [
            [sum(np.prod(y[np.arange(7), list(q)]) for q in listed if q[t] == k) for k in range(3)]
            for t in range(7)
        ]
    )
    / p
)
print(f"{len(listed)} of {3**7} paths are read as a a b; −ln of their sum is the loss:",
      np.isclose(loss.item(), -np.log(p), rtol=1e-10))  # fmt: skip
print("−gradient = how probably a path says k in frame t:", np.allclose(-leaf.grad[:, 0], share, atol=1e-10))

T = 40
centres, labels = (5, 14, 27, 34), [1, 2, 1, 3]
z = np.zeros((T, 4))
z[:, 0] = 1.5
for c, k in zip(centres, labels, strict=True):
    z[:, k] += 5 * np.exp(-(((np.arange(T) - c) / 2.5) ** 2))
log_y = z + rng.normal(size=z.shape) * 0.7
log_y -= np.log(np.exp(log_y).sum(1, keepdims=True))
place, _ = forced_alignment(log_y, labels)
figure, axes = plt.subplots(1, 2, figsize=(12, 2.8))
for k, colour in enumerate((GREY, RED, BLUE, GOLD)):
    axes[0].plot(np.exp(log_y[:, k]), color=colour, label="–abc"[k])
axes[0].set(xlabel="frame", ylabel="y", title="what the frames say", ylim=(0, 1.25))
axes[0].legend(frameon=False, fontsize=8, ncol=4, loc="upper right")
axes[1].imshow(ctc_occupancy(log_y, labels).T, cmap="Greens", aspect="auto", vmin=0, vmax=1)
spoken = np.flatnonzero(place >= 0)
axes[1].plot(spoken, place[spoken], ".", color=RED, label="the likeliest path")
axes[1].plot(centres, range(4), "o", mfc="none", mec="#e67e22", ms=11, mew=2, label="truth")
axes[1].set(xlabel="frame", yticks=range(4), yticklabels=list("abac"), title="occupancy of each label")
axes[1].legend(frameon=False, fontsize=8, loc="lower left")
plt.tight_layout()
plt.show()
print("each label's largest occupancy within 3 frames of the truth:",
      bool((np.abs(ctc_occupancy(log_y, labels).argmax(0) - centres) <= 3).all()))  # fmt: skip

# %% [markdown]
# ## 6 · All on one scale
#
# Seven aligners of words with objects, the threshold of each chosen on validation scenes, AER and *pointing* (does the strongest link of a word lie on its object?) on 50 scenes that were not looked at before:

# %%
NAMES = ("uniform (chance)", "diagonal", "lexicon, phrases", "IBM-1", "IBM-1 + Sinkhorn", "IBM-1 + DTW",
         "IBM-1 + soft-DTW")  # fmt: skip
truth = [[p.sure for p in tested], [p.possible for p in tested]]
board, drawn = {}, {}
for name in NAMES:
    weights = WORD_METHODS[name](train, 0, "en")
    threshold = best_threshold([weights(p) for p in held], [p.sure for p in held], [p.possible for p in held])
    said = [weights(p) for p in tested]
    board[name] = alignment_scores(links_above(said, threshold), *truth) | {
        "pointing": pointing(said, truth[0]).mean
    }
    drawn[name] = weights(pair)
figure, axes = plt.subplots(2, 2, figsize=(12, 5), sharex=True)
for ax, name in zip(axes.flat, ("lexicon, phrases", "IBM-1", "IBM-1 + Sinkhorn", "IBM-1 + DTW"), strict=True):
    matrix(ax, drawn[name], pair, name)
plt.tight_layout()
plt.show()
print(f"{'':18}{'AER':>7}{'precision':>11}{'recall':>8}{'pointing':>10}")
for name, row in board.items():
    print(f"{name:18}{row['AER']:7.3f}{row['precision']:11.3f}{row['recall']:8.3f}{row['pointing']:10.3f}")

# %% [markdown]
# Rules are perfect in a world made of rules: the lexicon is the oracle here, and would be helpless before a synonym. Model 1 alone confuses objects that share an attribute; with order (DTW) most of that is gone. A fixed margin by itself helps little: it says *how much*, not *where*.
# The table of all methods, with attention and fragments, three seeds and sounds: `mmscratch table alignment`, and in `docs/results.md`.
#
# ## What to correct in §2.3
#
# | the survey | what it should be |
# |---|---|
# | explicit: by rules or a knowledge base | explicit: alignment is the aim; rules are one means, warping and CTC are others |
# | implicit: learnt | implicit: a by-product (attention, Model 1 inside a translator); it may be learnt *and* explicit |
# | (no word on judging) | against sure and possible links: AER, precision, recall, pointing, chance beside them |
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it.
#
# **17.1** The cost of the cheapest path through a table of costs `d` (I, J), by the recursion in the box.


# %%
def cheapest(d):
    """g at the last cell: a number."""
    ### BEGIN SOLUTION
    g = np.full((d.shape[0] + 1, d.shape[1] + 1), np.inf)
    g[0, 0] = 0
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            g[i + 1, j + 1] = d[i, j] + min(g[i, j], g[i, j + 1], g[i + 1, j])
    return float(g[-1, -1])
    ### END SOLUTION


# %%
checks.cheapest(cheapest)

# %% [markdown]
# **17.2** One step of EM for Model 1: `t` (E, F), rows of sum 1, and `pairs`, a list of (units, words), two lists of row and column numbers. No empty unit. A unit without any count keeps its row.


# %%
def em_step(t, pairs):
    """The new t, (E, F)."""
    ### BEGIN SOLUTION
    counts = np.zeros(t.shape)
    for units, words in pairs:
        for f in words:
            q = t[units, f] / t[units, f].sum()
            np.add.at(counts, (units, f), q)
    total = counts.sum(1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1), t)
    ### END SOLUTION


# %%
checks.em_step(em_step)

# %% [markdown]
# **17.3** One step of Sinkhorn for a positive matrix `K` (J, I): scale its rows so that they sum to `a` (J,), then the columns of the result so that they sum to `b` (I,).


# %%
def scaled_once(K, a, b):
    """A matrix (J, I) whose columns sum to b."""
    ### BEGIN SOLUTION
    K = K * (a / K.sum(1))[:, None]
    return K * (b / K.sum(0))
    ### END SOLUTION


# %%
checks.scaled_once(scaled_once)

# %% [markdown]
# **17.4** Alignment error rate of boolean matrices `A`, `S`, `P` of one shape.


# %%
def error_rate(A, S, P):
    """A number; 0 is right."""
    ### BEGIN SOLUTION
    return 1 - ((A & S).sum() + (A & P).sum()) / (A.sum() + S.sum())
    ### END SOLUTION


# %%
checks.error_rate(error_rate)

# %% [markdown]
# ## What you know now
#
# * Explicit and implicit are told by the goal, not by the means; on known truth all are judged by AER and pointing.
# * Warping: the cheapest way to a cell comes from one of three cells. Softly, its gradient is a probability of links.
# * Model 1: EM raises a bound that touches the likelihood, so it never falls; the sum over alignments is a product of sums.
# * Transport fixes both margins; one half step of Sinkhorn is softmax attention.
# * CTC is warping with sums over labels and blanks; its gradient is the alignment.
#
# Read on in `mmscratch/alignment/`, one file a method, and `metrics/alignment`. Lesson 9 has attention as an alignment that a captioner learns, lesson 13 the stacked cross attention of words and regions.
