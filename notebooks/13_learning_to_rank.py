# %% [markdown]
# # 13 · Learning to rank, and searching before it
#
# **You will be able to** turn "this one above that one" into a support vector machine and derive its dual, say
# what LambdaRank's λ is and why it needs no loss, derive the leaf of a boosted tree, prove that plain
# concatenation makes a linear ranker blind to the query, and build a search in two stages: a quick index that
# finds candidates, and a ranker that puts them in order.
#
# **Time** about 45 minutes of reading, one minute of computing on a laptop · **Data** none to download ·
# **Follows** §3.2.2 of the survey.

# %%
import time
import warnings

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import ops, search
from mmscratch.autograd import no_grad
from mmscratch.data import scenes
from mmscratch.data.image import to_float
from mmscratch.data.scenes import COLOURS, SHAPES, relevance_matrix
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.ranking import LambdaMART, LambdaRank, RankSVM, concatenation, interactions, ndcg, query_part
from mmscratch.ranking.gain import best_dcg, discounts, gains, ndcg_of_queries
from mmscratch.ranking.pairwise import pulls, swap_scales
from mmscratch.search.fast_scan import bytes_of
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · What is wanted
#
# A query comes with documents, each judged: 0 means "not at all", 3 means "just that". A ranker gives each
# document a score, and only the **order** of the scores matters. Who reads from the top finds most use in what
# stands there, so the gain $2^y - 1$ of each document is discounted by its rank $r$, and the whole is divided by
# what the best order would get (Järvelin & Kekäläinen, 2002):
#
# $$\mathrm{NDCG}@k = \frac{1}{\mathrm{DCG}^*@k}\sum_{r=1}^{k}\frac{2^{y_r}-1}{\log_2(1+r)} .$$

# %%
y = np.array([3, 0, 1, 2])
for name, scores in (("best", [4, 1, 2, 3]), ("two below swapped", [4, 1, 3, 2]), ("worst", [1, 4, 3, 2])):
    print(f"{name:18}", round(ndcg(y, np.array(scores), [4], k=4), 4))

# %% [markdown]
# An error at the top costs much, one further down little. But NDCG as a function of the scores is a staircase:
# move a score a little, and no rank changes; its slope is 0 wherever there is one. It cannot be climbed by gradient.
# The three rankers of this lesson are three ways around that.
#
# ## 2 · RankSVM: pairs as an SVM
#
# Joachims (2002) asks for less: in each *pair* of documents of one query, the better one should have the
# higher score, $s(x) = w\cdot x$. So $w\cdot x_i > w\cdot x_j$, or with the difference $z_k = x_i - x_j$,
#
# $$w\cdot z_k \ge 1 - \xi_k,\quad \xi_k \ge 0 ,\qquad \min_{w,\,\xi}\ \tfrac12\|w\|^2 + C\sum_k \xi_k .$$
#
# It is a support vector machine on differences, all of one class, without an intercept (which would cancel). A large
# part of a document's features often says only *which query* it belongs to. In $z$ that cancels, too. Remember
# this: it is a blessing here, and in section 5 it will be a curse.
#
# **The dual.** Give each constraint a multiplier $\alpha_k \ge 0$ (and $\mu_k\ge0$ for $\xi_k\ge0$):
#
# $$L = \tfrac12\|w\|^2 + C\sum_k\xi_k - \sum_k\alpha_k(w\cdot z_k - 1 + \xi_k) - \sum_k\mu_k\xi_k .$$
#
# At the minimum $\partial L/\partial w = 0$ gives $w = \sum_k\alpha_k z_k$, and $\partial L/\partial\xi_k = 0$ gives
# $\alpha_k = C - \mu_k \le C$. Put both in, and $\xi$ is gone:
#
# $$\max_{0\le\alpha_k\le C}\ \sum_k\alpha_k - \tfrac12\Big\|\sum_k\alpha_k z_k\Big\|^2 .$$
#
# In one coordinate this is a parabola, with slope $1 - w\cdot z_k$ and curvature $\|z_k\|^2$, so its best value is
# known at once, cut off at the ends (Hsieh et al., 2008):
#
# $$\alpha_k \leftarrow \mathrm{clip}\Big(\alpha_k + \frac{1 - w\cdot z_k}{\|z_k\|^2},\ 0,\ C\Big) .$$
#
# Every feasible $\alpha$ is a lower bound, every $w$ an upper one. When they meet, there is nothing left to argue.

# %%
queries, each = 4, 9
offset = 4 * rng.standard_normal((queries, 1, 2))  # what is the same for all documents of a query
plane = rng.standard_normal((queries, each, 2))
wanted = plane @ np.array([0.8, 0.6]) + 0.25 * rng.standard_normal((queries, each))
labels = np.digitize(wanted, [-0.6, 0.3, 1.0]).reshape(-1)
toy, toy_groups = (plane + offset).reshape(-1, 2), np.full(queries, each)


def stopped_after(epochs):
    """RankSVM after so many rounds of the dual: upper and lower bound."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it has not arrived, which is the point
        model = RankSVM(C=1.0, tol=1e-6, max_iter=epochs).fit(toy, labels, toy_groups)
    return model.objective_, model.objective_ - model.dual_gap_


svm = RankSVM(C=1.0, tol=1e-6).fit(toy, labels, toy_groups)
rounds = np.arange(1, 31)
upper, lower = np.array([stopped_after(int(n)) for n in rounds]).T
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
for q, marker in enumerate("osD^"):
    part = slice(q * each, (q + 1) * each)
    dots = axes[0].scatter(*toy[part].T, c=labels[part], marker=marker, cmap="viridis", vmin=0, vmax=3, s=30)
centre = toy.mean(0)
axes[0].annotate("", centre + 2.5 * svm.coef_ / np.linalg.norm(svm.coef_), centre,
                 arrowprops={"arrowstyle": "-|>", "color": RED, "lw": 2})  # fmt: skip
axes[0].set_title("four queries (signs), grades (colours), and w", fontsize=10)
axes[0].set_aspect("equal")
figure.colorbar(dots, ax=axes[0], ticks=range(4))
axes[1].plot(rounds, upper, color=RED, label="primal: an upper bound")
axes[1].plot(rounds, lower, color=BLUE, label="dual: a lower bound")
axes[1].set(xlabel="rounds over all pairs", ylabel="objective", yscale="log")
axes[1].legend(frameon=False)
plt.tight_layout()
plt.show()
print("NDCG@5", round(svm.score(toy, labels, toy_groups), 3), " gap", f"{abs(svm.dual_gap_):.0e}")
moved = RankSVM(C=1.0, tol=1e-6).fit(plane.reshape(-1, 2), labels, toy_groups)
print("the same w without the queries' offsets:", np.allclose(moved.coef_, svm.coef_, atol=1e-4))

# %% [markdown]
# (Tests hold this to scikit-learn's `LinearSVC` on all pair differences: the same $w$ to four digits, for both
# kinds of hinge.)
#
# ## 3 · λ, and what a swap is worth
#
# RankSVM counts every wrong pair alike, on rank 1 as on rank 1000. RankNet (Burges et al., 2005) has the same
# pairs with a smooth price; its slope is the λ of all that follows:
#
# $$\ell = \sum_{y_i>y_j}\ln\big(1+e^{-\sigma(s_i-s_j)}\big),\qquad
# \lambda_{ij} = \frac{\partial\ell_{ij}}{\partial s_i} = \frac{-\sigma}{1+e^{\sigma(s_i-s_j)}} = -\frac{\partial\ell_{ij}}{\partial s_j} .$$
#
# A document's $\lambda_i$ is the sum over its pairs: *how hard it is pulled*, upwards where it is negative. Only these
# pulls reach the network, never $\ell$. So, thought Burges, Ragno & Le (2006), let us write down the pulls **we want**:
# multiply each by what NDCG would win if the two changed places. In a swap of ranks $r_i$ and $r_j$ only two terms
# of DCG change, and
#
# $$|\Delta\mathrm{NDCG}_{ij}| = \frac{1}{\mathrm{DCG}^*}\,\big|2^{y_i}-2^{y_j}\big|\,\Big|\frac1{\log_2(1+r_i)}-\frac1{\log_2(1+r_j)}\Big| .$$
#
# Is that so? Swap every pair of a list and look:

# %%
ranked = np.array([0, 2, 1, 0, 3, 0, 1, 0])  # grades, in the order of the scores
n = len(ranked)
whole = ndcg(ranked, -np.arange(n), [n], k=None)
worst = 0.0
for i in range(n):
    for j in range(i):
        swapped = ranked.copy()
        swapped[[i, j]] = ranked[[j, i]]
        change = abs(ndcg(swapped, -np.arange(n), [n], k=None) - whole)
        gain, discount = (np.ptp(of[[i, j]]) for of in (gains(ranked), discounts(n)))
        worst = max(worst, abs(change - gain * discount / best_dcg(ranked)))
print(f"largest error of the formula over {n * (n - 1) // 2} swaps: {worst:.0e}")

# %% [markdown]
# Now the difference, on the kind of example that Burges draws: forty documents, of which two are relevant, on ranks 3
# and 34. As LightGBM does, one may also leave out pairs of which neither stands among the first $T$.

# %%
count = 40
relevant = np.zeros(count, np.int64)
relevant[[2, 33]] = 1
falling, bounds = np.linspace(1.5, -1.5, count), np.array([0, count])
pulled = {
    "RankNet": pulls(falling, relevant, bounds)[1],
    "LambdaRank": pulls(falling, relevant, bounds, scales=swap_scales(relevant, bounds))[1],
    "LambdaRank, T = 5": pulls(
        falling, relevant, bounds, scales=swap_scales(relevant, bounds, 5), truncation=5
    )[1],
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True)
for ax, (name, pull) in zip(axes, pulled.items(), strict=True):
    ax.barh(np.arange(1, count + 1), -pull / np.abs(pull).max(), color=np.where(relevant, GREEN, GREY))
    ax.axvline(0, color="k", lw=0.8)
    ax.set(xlabel="pull (−λ), largest = 1: to the right is up", title=name, xlim=(-1.05, 1.05))
axes[0].set(ylabel="rank", yticks=(1, 3, 10, 20, 34, 40))
axes[0].invert_yaxis()
plt.tight_layout()
plt.show()
for name, pull in pulled.items():
    print(f"{name:18} the lower one is pulled {pull[33] / pull[2]:.2f} times as hard as the upper one, "
          f"rank 1 pushed {pull[0] / pull[7]:4.1f} times as hard as rank 8")  # fmt: skip
print("all pulls of a query cancel:", all(abs(pull.sum()) < 1e-12 for pull in pulled.values()))

# %% [markdown]
# RankNet spends itself on the document that is far down, since it is in most wrong pairs, and pushes all irrelevant ones
# alike. LambdaRank pushes down what blocks the top, and with $T = 5$ it pulls harder at the document that can reach it.
# All pulls of a query cancel: what goes up must push something down. No loss was written down of which λ would be the
# gradient (the weights depend on ranks, which jump), and none is needed: it climbs NDCG all the same.
#
# ## 4 · MART: trees that follow the pulls
#
# A boosted model is a sum of small trees, $s = \eta\,(f_1 + f_2 + \dots)$. Tree $t$ is grown on what the ones before left
# over: on $\lambda_i$ and on the second derivatives $h_i = \sum\sigma^2 w P(1-P)$. Let a leaf add $v$ to its documents.
# To second order
#
# $$\sum_{i\in\text{leaf}}\big(\lambda_i v + \tfrac12 h_i v^2\big) + \tfrac12\,l\,v^2
# \quad\Longrightarrow\quad v = -\frac{\sum\lambda_i}{\sum h_i + l}\;,$$
#
# a Newton step, one for each leaf. (Friedman, 2001; with λ it is LambdaMART: Burges, 2010.) Check it on the first tree of
# a forest of the library:

# %%
one = LambdaMART(1, 1.0, num_leaves=3, min_data_in_leaf=5, l2=1.0, feature_fraction=1.0,
                 bagging_fraction=1.0, norm=False).fit(toy, labels, toy_groups)  # fmt: skip
edges = np.concatenate([[0], np.cumsum(toy_groups)])
_, slope, curve = pulls(np.zeros(len(toy)), labels, edges, scales=swap_scales(labels, edges))
said = one.predict(toy)
for value in np.unique(said):
    leaf = said == value
    newton = -slope[leaf].sum() / (curve[leaf].sum() + 1)
    print(f"{leaf.sum():2} documents: leaf {value:+.4f}, −Σλ/(Σh + l) {newton:+.4f}")

# %% [markdown]
# The library cuts features into at most 255 steps, counts λ and h in histograms, and always splits the leaf that wins
# most, as LightGBM does. Tests hold λ and h to LightGBM's own (to four digits, with its
# `lambdarank_norm` on and off), and twelve trees to its predictions; on its example data, by cross-validation over
# queries, the two are level.
#
# ## 5 · Captions that look for pictures
#
# Now §3.2.2 of the survey: "concatenate text features and picture features, and rank with RankSVM or LambdaRank".
# A query is a caption of two objects and where they lie, a document is a picture, and the grade is computed: one point each
# for the first object, for the second, and for the relation (3 exactly if the caption is true).

# %%
SPEC = "scenes:train=500,val=0,test=600,level=2,references=1,relations=spatial"
world = scenes.load(SPEC + ",heldout_pairs=0,positions=all,seed=13")
KINDS = [(colour, shape) for colour in COLOURS for shape in SHAPES]
WAYS = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "below": (0, 1)}
eye = np.eye(len(KINDS))
network = load_pretrained()


def cells(split):
    """In each of a picture's 64 cells: is there a centre of an object of this kind? (N, 64, 24)"""
    with no_grad():
        _, logits = network(Tensor(to_float(split.images)))
    heads = {name: part.reshape(len(split), -1, 64) for name, part in network.split(logits).items()}
    there = ops.sigmoid(heads["objectness"]).numpy()[:, 0]
    colour, shape = (ops.softmax(heads[name], axis=1).numpy() for name in ("colour", "shape"))
    return np.einsum("nr,ncr,nsr->nrcs", there, colour, shape).reshape(len(split), 64, -1)


class Shelf:
    """Pictures of a split with the captions that look for them: what all rankers get."""

    def __init__(self, name, asked):
        split = world.split(name)
        self.split, self.meanings = split, [c[0].meaning for c in split.captions[:asked]]
        self.cells = cells(split)
        self.pictures = self.cells.max(1)  # (N, 24): the document's vector
        pairs = [[KINDS.index((noun.colour, noun.shape)) for noun in (m.a, m.b)] for m in self.meanings]
        self.first, self.second = np.array(pairs).T
        self.texts = eye[self.first] + eye[self.second]  # (Q, 24): what the caption speaks of
        self.ways = np.array([WAYS[m.relation] for m in self.meanings], float)  # (Q, 2): and where to
        self.grades = relevance_matrix(self.meanings, split.graphs).T  # (Q, N)

    def lists(self, each, seed):
        """For every caption a list of pictures, of all grades where there are some."""
        r = np.random.default_rng(seed)
        picked = []
        for row in self.grades:
            of = [r.permutation(np.flatnonzero(row == g))[:n] for g, n in enumerate(each)]
            picked.append(r.permutation(np.concatenate(of)))
        self.lists_, self.groups = picked, np.array([len(p) for p in picked])
        self.documents = self.pictures[np.concatenate(picked)]
        self.y = np.concatenate([self.grades[q, p] for q, p in enumerate(picked)])
        return self


train = Shelf("train", 300).lists((6, 6, 5, 3), 0)
test = Shelf("test-iid", 300).lists((6, 6, 5, 3), 1)
print(len(train.y), "judged documents to learn from; of grade 0, 1, 2, 3:", np.bincount(train.y))
k = 4
figure, axes = plt.subplots(1, 6, figsize=(11, 2.1))
shown = test.lists_[k][np.argsort(-test.grades[k, test.lists_[k]], kind="stable")][::3]
for ax, p in zip(axes, shown, strict=False):
    ax.imshow(test.split.images[p])
    ax.set(xticks=[], yticks=[], xlabel=f"grade {test.grades[k, p]}")
figure.suptitle(test.split.captions[k][0].text, y=1.02)
plt.show()

# %% [markdown]
# A text vector says which of the 24 kinds (red circle, red square, …) are spoken of, and the direction; a picture
# vector, how sure our scene network is that each kind is in it. (The text vector comes from the grammar here. Lesson 12
# learns both.) First, as the survey has it: **concatenation**, $x = [q;\,d]$, and the linear score.
#
# $$s(q, d_i) - s(q, d_j) = w_q\cdot q + w_d\cdot d_i - w_q\cdot q - w_d\cdot d_j = w_d\cdot(d_i - d_j)$$
#
# **The query is gone.** Whatever is asked, the pictures stand in one and the same order. No training and no amount of data
# can help: it is no question of learning.


# %%
def beside(shelf):
    """[query; document]."""
    return concatenation(np.concatenate([shelf.texts, shelf.ways], 1), shelf.documents, shelf.groups)


blind = RankSVM(0.01, tol=0.1).fit(beside(train), train.y, train.groups)
unasked = RankSVM(0.01, tol=0.1).fit(train.documents, train.y, train.groups)  # never sees the query
spread = query_part(beside(train), train.groups)
print("differences inside a query: largest in the query's part", spread[:26].max(), " in the document's",
      spread[26:].max().round(2))  # fmt: skip
print("weights of the query's part:", np.abs(blind.coef_[:26]).max().round(12))
same = np.allclose(blind.coef_[26:], unasked.coef_)
print("the other weights are those of a ranker that never sees it:", same)
orders = set()
for q in range(100):
    asked = np.concatenate([test.texts[q : q + 1], test.ways[q : q + 1]], 1)
    orders.add(tuple(np.argsort(blind.predict(concatenation(asked, test.pictures[:50], [50])))))
print("orders of the same 50 pictures for 100 different captions:", len(orders))

# %% [markdown]
# Two ways out. A ranker that is not linear may let the two meet inside. Or we let them meet **before**, in the features:
# their product $q\odot d$, their distance $|q - d|$, their cosine; a linear score of products is a bilinear form
# $q^\top W d$. What none of these can see is the *relation*: a vector that says what is there does not say where. For this
# the words have to look into the picture. Each noun distributes its attention over the 64 cells, as in SCAN (Lee et al., 2018),
# and the two mean places are compared along the direction that the caption names.

# %%
SIDE = (np.arange(8) + 0.5) / 8 * 2 - 1
PLACES = np.stack(np.meshgrid(SIDE, SIDE), -1).reshape(64, 2)  # (x, y) of each cell


def look(shelf, lists):
    """Of each document: is the first there, the second, both; how far is the first that way?"""
    found = []
    for q, pictures in enumerate(lists):
        maps = shelf.cells[pictures][:, :, [shelf.first[q], shelf.second[q]]]  # (n, 64, 2)
        sure = maps.max(1)
        where = np.einsum("nrk,rd->nkd", maps / (maps.sum(1, keepdims=True) + 1e-6), PLACES)
        along = (where[:, 0] - where[:, 1]) @ shelf.ways[q]
        found.append(np.column_stack([sure, sure.prod(1), along]))
    return np.concatenate(found)


def together(shelf):
    """Product, distance and cosine of the caption's vector and the picture's."""
    return interactions(shelf.texts, shelf.documents, shelf.groups)


FEATURES = {
    "document\nalone": lambda shelf: shelf.documents,
    "side by side\n[q; d]": beside,
    "where q and d\nmeet": together,
    "and words\nlook": lambda shelf: np.concatenate([together(shelf), look(shelf, shelf.lists_)], 1),
}
RANKERS = {
    "RankSVM": lambda: RankSVM(0.01, tol=0.1),
    "LambdaRank": lambda: LambdaRank((32,), epochs=30, lr=3e-3, weight_decay=0.01),
    "LambdaMART": lambda: LambdaMART(150, 0.1, min_data_in_leaf=20, l2=1.0, feature_fraction=0.5),
}
chance = np.mean([ndcg(test.y, rng.random(len(test.y)), test.groups) for _ in range(20)])
reached, models = {}, {}
for features, of in FEATURES.items():
    x, unseen = of(train), of(test)
    for name, make in RANKERS.items():
        models[features, name] = make().fit(x, train.y, train.groups)
        reached[features, name] = ndcg_of_queries(test.y, models[features, name].predict(unseen), test.groups)

figure, ax = plt.subplots(figsize=(8.5, 3.4))
for k, (name, colour) in enumerate(zip(RANKERS, (RED, BLUE, GREEN), strict=True)):
    values = [reached[f, name] for f in FEATURES]
    error = [v.std() / np.sqrt(len(v)) for v in values]
    at = np.arange(4) + 0.27 * (k - 1)
    bars = ax.bar(at, [v.mean() for v in values], 0.25, color=colour, label=name, yerr=error)
    ax.bar_label(bars, fmt="%.2f", fontsize=8)
ax.axhline(chance, color="k", ls=":", lw=1, label="random order")
ax.set(xticks=range(4), xticklabels=FEATURES, ylim=(0, 1.08), ylabel="NDCG@5, captions not seen")
ax.legend(frameon=False, ncol=4, loc="upper left", fontsize=8)
plt.show()

# %% [markdown]
# Read it from the left.
#
# * **Document alone** is no coin: pictures with more objects satisfy more captions. A blind ranker has that to learn,
#   and a score that is above chance *proves nothing*; the control must be "without the query".
# * **Side by side**: RankSVM is *exactly* the blind one, as derived. A network and trees bring the two together themselves,
#   and need many examples for it.
# * **Where they meet**: now a line is enough.
# * **Words look**: only this tells "left of" from "right of", grade 3 from grade 2.

# %%
mean = {key: value.mean() for key, value in reached.items()}
alone, side, meet, words = FEATURES
print("blind is blind, to the digit:", mean[side, "RankSVM"] == mean[alone, "RankSVM"])
line, net = mean[meet, "RankSVM"], mean[side, "LambdaRank"]
print("a line on products beats a network on concatenation:", line > net)
print("words that look are worth more than any change of ranker:",
      min(mean[words, r] for r in RANKERS) > max(mean[meet, r] for r in RANKERS) + 0.1)  # fmt: skip

# %% [markdown]
# ## 6 · Search first, then rank
#
# A ranker that looks at every picture for every query is slow where there are millions. So there are two stages: an
# **index** of picture vectors gives some dozens of candidates, and the ranker orders these. The first needs one vector a
# picture and an inner product; what does not fit into that (words that look) waits for the second.
#
# The library has four indices behind one interface. **Exact** looks at every row. **LSH** keeps the signs of random
# projections and looks where bits agree: two vectors at angle $\theta$ disagree in a bit with probability $\theta/\pi$
# (Charikar, 2002). **IVF-PQ** looks into the nearest cells of a k-means, where each row is a code of some bytes (Jégou et
# al., 2011). **HNSW** walks a graph of neighbours, coarse to fine (Malkov & Yashunin, 2018). All but the first may miss
# some: one pays with **recall**, the share of true neighbours found, and buys speed. Neither number means anything
# without the other. Below is the first, as each method's knob is turned; the second is the machine's, so it is measured
# where nothing else runs: `python -m benchmarks.curve` draws recall against speed.

# %%
rows, asked = search.clustered(60_000, 64, seed=0), search.clustered(200, 64, seed=1)
_, true = search.Exact(64).build(rows).search(asked, k=10)


def seconds(index):
    """One query at a time, as a user asks: the median."""
    found = []
    for one in asked:
        begun = time.perf_counter()
        index.search(one, k=10)
        found.append(time.perf_counter() - begun)
    return np.median(found)


curves = {"LSH": [], "IVF-PQ": [], "HNSW": []}
indices = {
    "LSH": (search.LSH(64), "probes", (1, 2, 4, 8, 16, 32, 64)),
    "IVF-PQ": (search.IVFPQ(64, cells=256), "probes", (1, 2, 4, 8, 16, 32)),
    "HNSW": (search.HNSW(64), "ef_search", (10, 20, 40, 80, 160)),
}
for name, (index, knob, values) in indices.items():
    index.build(rows)
    for value in values:
        setattr(index, knob, value)
        curves[name].append((value, search.recall(index.search(asked, k=10)[1], true)))
figure, ax = plt.subplots(figsize=(6.5, 3.4))
for (name, points), colour in zip(curves.items(), (RED, BLUE, GREEN), strict=True):
    ax.plot(*np.array(points).T, "o-", color=colour, label=f"{name}: {indices[name][1]}")
ax.set(xlabel="how hard it looks", ylabel="recall@10", ylim=(0, 1.02))
ax.set_xscale("log", base=2)
ax.xaxis.set_major_formatter("{x:.0f}")
ax.legend(frameon=False)
plt.show()
walk = indices["HNSW"][0]
walk.ef_search = 40
print("nine of ten are found:", curves["HNSW"][2][1] > 0.9)
print("and more than twice as quickly as by looking at every row:",
      2 * seconds(walk) < seconds(search.Exact(64).build(rows)))  # fmt: skip

# %% [markdown]
# **Codes of half a byte.** An IVF-PQ spends its time on the lists: for each row as many look-ups in the query's table as it
# has parts, and a processor does two or three look-ups at a time. With 16 codewords a part, a part's table is so small that
# its entries, rounded to bytes, fit one register; and there is an instruction that looks up 32 codes in it at once (*fast
# scan*: André, Kermarrec & Le Scouarnec, 2015). Two parts of 16 words take the byte of one part of 256, so a row is as short
# as before. With $\delta$ the step of a byte and $l$ the sum of each part's smallest entry:
#
# $$q\cdot\hat r=\sum_j q_j\cdot u_{j,c_j}\approx l+\delta\sum_j b_{j,c_j},\qquad b_{j,c}=\Big\lfloor\frac{q_j\cdot u_{j,c}-l_j}{\delta}+\tfrac12\Big\rfloor$$
#
# Each of $m$ parts is off by at most $\delta/2$. That would be coarse for a score; but the sums only say which rows are
# scored exactly.

# %%
halves = search.IVFPQ(64, cells=256, parts=32, codewords=16).build(rows)
centres, codebook = halves.learnt()
some = rows[:2000]
cell = (some @ centres.T - 0.5 * (centres**2).sum(1)).argmax(1)
code = search.ProductQuantizer(codebook).encode(some - centres[cell])
entries = np.einsum("jd,jkd->jk", asked[0].reshape(32, 2), codebook)
b, low, step = bytes_of(entries)
floats = entries[np.arange(32), code].sum(1)
from_bytes = low + step * b[np.arange(32), code].sum(1, dtype=int)
figure, ax = plt.subplots(figsize=(3.6, 3.4))
ax.plot(floats, from_bytes, ".", color=BLUE, markersize=2)
ax.set(xlabel="sum of 32 floats", ylabel="sum of 32 bytes, brought back", aspect="equal")
plt.show()
print("never off by more than half a step a part:", np.abs(from_bytes - floats).max() <= 32 * step / 2 + 1e-6)
bytes16 = indices["IVF-PQ"][0]
bytes16.probes = halves.probes = 16
found = [search.recall(one.search(asked, k=10)[1], true) for one in (bytes16, halves)]
print("with as short rows, as many are found, to two in a hundred:", abs(found[0] - found[1]) < 0.02)

# %% [markdown]
# Now our pictures: their vectors into an index, and for each caption 60 of 600 into the ranker of section 5.

# %%
index = search.HNSW(len(KINDS)).build(test.pictures)
_, candidates = index.search(test.texts, k=60)
best = models[words, "LambdaMART"]


def reorder(lists):
    """Scores of the candidates by the ranker whose words look."""
    groups = np.array([len(p) for p in lists])
    meet = interactions(test.texts, test.pictures[np.concatenate(lists)], groups)
    scores = best.predict(np.concatenate([meet, look(test, lists)], 1))
    return np.split(scores, np.cumsum(groups)[:-1])


def over_all(lists, scores):
    """NDCG@5 over the whole gallery: what was not brought stands behind."""
    whole = np.full(test.grades.shape, -np.inf)
    for row, pictures, s in zip(whole, lists, scores, strict=True):
        row[pictures] = s
    gallery = np.full(len(whole), whole.shape[1])
    return ndcg(test.grades.reshape(-1), whole.reshape(-1), gallery, k=5)


first = over_all(candidates, [-np.arange(60.0)] * len(candidates))
second = over_all(candidates, reorder(candidates))
everything = [np.arange(len(test.pictures))] * len(test.texts)
most = over_all(everything, reorder(everything))
brought = np.mean([(test.grades[q, p] == 3).sum() / max((test.grades[q] == 3).sum(), 1)
                   for q, p in enumerate(candidates)])  # fmt: skip
figure, ax = plt.subplots(figsize=(7, 1.9))
bars = ax.barh(["index alone", "index, then ranker", "ranker on all 600"], [first, second, most],
               color=[GREY, GREEN, BLUE])  # fmt: skip
ax.bar_label(bars, fmt="%.2f", padding=3)
ax.set(xlim=(0, 1.1), xlabel="NDCG@5 over the whole gallery")
ax.invert_yaxis()
plt.tight_layout()
plt.show()
print("nearly all true pictures are among the candidates:", brought > 0.95)
print("a tenth of the work is worth as much:", second > most - 0.01)

q = next(q for q in range(len(candidates)) if (test.grades[q, candidates[q][:6]] == 3).sum() <= 2
         and (test.grades[q] == 3).sum() >= 5)  # fmt: skip
orders = {"index": candidates[q][:6], "then ranker": candidates[q][np.argsort(-reorder(candidates)[q])[:6]]}
figure, axes = plt.subplots(2, 6, figsize=(10, 3.6))
for line, (name, pictures) in zip(axes, orders.items(), strict=True):
    for ax, p in zip(line, pictures, strict=True):
        ax.imshow(test.split.images[p])
        ax.set(xticks=[], yticks=[])
        for side in ax.spines.values():
            side.set(visible=True, linewidth=3, edgecolor=GREEN if test.grades[q, p] == 3 else RED)
    line[0].set_ylabel(name)
figure.suptitle(test.split.captions[q][0].text)
plt.show()

# %% [markdown]
# (Green frames: the caption is true.) The index brings pictures with the right *things*; the ranker puts those first in which
# they also stand right. What the index misses, no ranker brings back: so the first stage is judged by recall, the second
# by NDCG.
#
# From the command line, over a folder of your own pictures: `mmscratch search build` and `mmscratch search query`.
#
# ## What to correct in §3.2.2
#
# | the survey | what it should be |
# |---|---|
# | concatenate the features, rank with RankSVM | a linear score of a concatenation does not see the query: make text and picture meet (products, distances, cosine, attention), or take a ranker that is not linear |
# | rankers order "the concatenated features" | they order the *documents of one query*; pairs of two queries mean nothing |
# | RankSVM, LambdaRank "etc." | what differs is what they count: wrong pairs, or wrong pairs by what they cost at the top |
# | one stage | an index for candidates (recall), then the ranker (NDCG) |
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it. A check answers within a second and says
# what is wrong.
#
# **13.1** All pair differences of one query: `x` (n, D) and grades `y` (n,) → all $x_i - x_j$ with $y_i > y_j$, in any order.


# %%
def pair_differences(x, y):
    """Differences (P, D), the better document first."""
    ### BEGIN SOLUTION
    i, j = np.nonzero(y[:, None] > y[None])
    return x[i] - x[j]
    ### END SOLUTION


# %%
checks.pair_differences(pair_differences)

# %% [markdown]
# **13.2** The documents of a query stand in the order of their scores, with grades `y`. By how much does NDCG (all ranks)
# change if those at places `i` and `j` (from 0) are swapped?


# %%
def swap_worth(y, i, j):
    """|ΔNDCG| of the swap."""
    ### BEGIN SOLUTION
    gain, discount = 2.0**y - 1, 1 / np.log2(np.arange(len(y)) + 2)
    best = (np.sort(gain)[::-1] * discount).sum()
    return abs(gain[i] - gain[j]) * abs(discount[i] - discount[j]) / best
    ### END SOLUTION


# %%
checks.swap_worth(swap_worth)

# %% [markdown]
# **13.3** One step of the dual: the new $\alpha_k$ and the new $w$, from `w` (D,), the difference `z` (D,), `alpha` and `C`.


# %%
def dual_step(w, z, alpha, C):
    """→ alpha, w."""
    ### BEGIN SOLUTION
    new = min(max(alpha + (1 - w @ z) / (z @ z), 0.0), C)
    return new, w + (new - alpha) * z
    ### END SOLUTION


# %%
checks.dual_step(dual_step)

# %% [markdown]
# **13.4** Recall of a search: `found` and `true` are ids (Q, k), in any order; −1 in `found` means "none". Which share of the
# true ones was found?


# %%
def found_share(found, true):
    """A number between 0 and 1."""
    ### BEGIN SOLUTION
    hits = [len(set(f) & set(t)) for f, t in zip(found.tolist(), true.tolist(), strict=True)]
    return sum(hits) / true.size
    ### END SOLUTION


# %%
checks.found_share(found_share)

# %% [markdown]
# ## What you know now
#
# * RankSVM is an SVM on differences inside a query. Its dual is solved one pair at a time, and the gap says when to stop.
# * LambdaRank writes down the pulls that it wants: RankNet's, times what a swap does to NDCG. LambdaMART lets trees follow them, a
#   Newton step a leaf.
# * What is the same for all documents of a query cancels in every linear score: offsets, and the query itself.
# * Where query and document meet is worth more than which ranker one takes.
# * Search has two stages with two measures, and a speed without a recall beside it says nothing.
#
# Read on in `mmscratch/ranking/` (`gain`, `pairwise`, then the rankers) and `mmscratch/search/`. With your own judged data:
# `python -m mmscratch.ranking.cross_validate FILE`.
