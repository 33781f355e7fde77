# %% [markdown]
# # 12 · Two towers, and the clinic of a retrieval listing
#
# **You will be able to** find what keeps a plausible retrieval program from finding anything, prove that recall
# at 1 before training is $1/N$, derive the gradients of the sum hinge, of the hardest negative and of InfoNCE, read off a
# loss whether a model sees at all, train two towers from VGG16's features to a small CLIP, and judge them by
# instance and by truth.
#
# **Time** about 50 minutes of reading, two minutes of computing on a laptop · **Data** none to download ·
# **Follows** §3.2.1 and §5.2 of the survey (its second listing).

# %%
import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import nn, ops, optim
from mmscratch.autograd import no_grad
from mmscratch.data.batches import pad
from mmscratch.data.scenes import parse, relevance, tokenise
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.metrics.retrieval import ambiguity_ceiling, cross_modal_scores, semantic_scores
from mmscratch.models.collapse import Watch
from mmscratch.models.momentum import same_item
from mmscratch.models.picture_towers import RegionTower
from mmscratch.models.retrieval_losses import HardestNegative, InfoNCE, SumHinge
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.models.text_towers import RecurrentTower
from mmscratch.models.two_towers import TwoTowers
from mmscratch.random import Generator
from mmscratch.representations.image import VGG, grid_features
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.retrieval.data import gallery
from mmscratch.tasks.retrieval.judge import truth_matrix
from mmscratch.tasks.retrieval.model import Retriever, make_senses
from mmscratch.tasks.retrieval.settings import RetrievalSettings
from mmscratch.tasks.retrieval.task import learn
from mmscratch.tensor import Tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · The patient
#
# The listing of §5.2 plans two towers in PyTorch. The text tower embeds words and runs an LSTM; its last hidden state is
# the text's vector. The picture tower is the convolutional part of VGG16 with published weights. A model holds
# both and returns both outputs. Where training would stand there is a comment with three dots. At the end the cosine of
# the two outputs is called the similarity. We examine it in the order in which it would fail, with our library in
# place of PyTorch: first the faults that speak.


# %%
def says(title, attempt):
    """What happens, in one line."""
    try:
        print(f"{title:28} no error, {tuple(attempt().shape)}")
    except (NameError, TypeError, ValueError) as error:
        print(f"{title:28} {type(error).__name__}: {error}")


g = Generator(0)
words_of, lstm = nn.Embedding(20, 5, generator=g), nn.LSTM(5, 32, generator=g)
maps = Tensor(np.maximum(rng.normal(size=(4, 512, 7, 7)), 0).astype(np.float32))
tokens = rng.integers(0, 20, (4, 7))  # four sentences of seven words
_, (state, _) = lstm(words_of(Tensor(tokens)))

says("a name never imported", lambda: models.vgg16())  # noqa: F821
says("a switch that is no file", lambda: VGG(16, pretrained=True))
says("a state beside a map", lambda: ops.cosine_similarity(state[:, :4], maps, axis=1))
says("pooled, but not projected", lambda: ops.cosine_similarity_matrix(state[0, :4], maps.mean((2, 3))))
says("the state of four sentences", lambda: state)

# %% [markdown]
# 1. **A name.** `models` was never imported. Weights are a file, and are opened with `VGG.published(16, "vgg16.pth")`.
# 2. **A state is no map.** The LSTM gives (layers, batch, hidden), VGG16 gives (batch, 512, 7, 7). The map has to be
#    *pooled* over its 49 places.
# 3. **Two widths.** 32 (or 256) hidden units and 512 channels have no cosine. Both have to be *projected* into one space.
# 4. **The last line is no error**, and it is wrong. Four sentences went in, and the state has a batch of *seven*.
#
# ## 2 · Silent: batch and time change places
#
# An LSTM of PyTorch (and ours) reads (time, batch, features) unless `batch_first=True` is said. The listing passes (batch, time)
# to it. So it reads four words of seven sentences: the $j$-th word of every sentence, one after the other. The shape may
# give it away; where $B = T$ not even that does. What always does: **change one sentence, and see which vectors move**.

# %%
first = nn.LSTM(5, 32, batch_first=True)
first.load_state_dict(lstm.state_dict())  # the same weights


def read(layer, tokens, lengths=None):
    """The last state (vectors, 32)."""
    with no_grad():
        return layer(words_of(Tensor(tokens)), lengths=lengths)[1][0].numpy()[0]


square = rng.integers(1, 20, (7, 7))
moved = {"as in the listing": lstm, "batch first": first}
figure, axes = plt.subplots(1, 3, figsize=(10.5, 3), width_ratios=[1, 1, 1.3])
for ax, (name, layer) in zip(axes, moved.items(), strict=False):
    before, far = read(layer, square), np.zeros((7, 7))
    for i in range(7):
        other = square.copy()
        other[i] = other[i] % 19 + 1
        far[i] = np.linalg.norm(read(layer, other) - before, axis=1)
    ax.imshow(far, cmap="Greens", vmin=0)
    ax.set(
        title=name, xlabel="vector that moves", ylabel="sentence changed", xticks=range(7), yticks=range(7)
    )
    print(
        f"{name:18} shape {before.shape}, vectors that move with one sentence: {int((far > 1e-4).sum(1)[0])}"
    )
widths = np.arange(5, 31)
for name, lengths, colour in (("padding read", None, RED), ("with lengths", np.array([5]), GREEN)):
    short = read(first, square[:1, :5])[0]
    far = []
    for width in widths:
        filled = np.zeros((1, width), np.int64)
        filled[0, :5] = square[0, :5]
        vector = read(first, filled, lengths)[0]
        far.append(vector @ short / np.linalg.norm(vector) / np.linalg.norm(short))
    axes[2].plot(widths, far, color=colour, label=name)
axes[2].set(xlabel="width of the batch", ylabel="cosine with the unpadded", ylim=(-0.15, 1.05))
axes[2].legend(frameon=False, loc="center right")
plt.tight_layout()
plt.show()
says("lengths make it loud", lambda: lstm(words_of(Tensor(tokens)), lengths=np.full(4, 7))[0])

# %% [markdown]
# On the right a third silent fault: sentences of a batch are filled up to one length, and the LSTM reads the filling as
# if it were words. The same five words mean something else in a longer batch. With `lengths` the last state is that of
# the last *word*. (A `padding_idx` of zeros is no cure: the LSTM's biases and state go on.) And lengths are one number for each
# *sentence*, so they also make exchanged axes loud.
#
# ## 3 · Silent: a cosine that broadcasts
#
# `torch.cosine_similarity(state, map)` compares along axis 1. At the usual sizes it stops. But it broadcasts first, so where hidden size
# and batch are 7 or 1, (1, B, H) fits (B, 512, 7, 7) and out come (B, 7, 7) numbers. What are they? Axis 1 of the map is the
# channels. The text has no such axis: each of its numbers $t$ is repeated 512 times.
#
# $$\cos = \frac{\sum_c t\,m_c}{\sqrt{\sum_c t^2}\,\|m\|} = \frac{t\sum_c m_c}{\sqrt{512}\,|t|\,\|m\|} = \mathrm{sign}(t)\cdot\frac{\sum_c m_c}{\sqrt{512}\,\|m\|}$$
#
# **Of the text, one sign is left.** (A test holds this to what PyTorch says, to twelve digits.) Our `cosine_similarity` wants vectors of
# one length and refuses:


# %%
def as_pytorch(a, b):
    """Broadcast, then compare along axis 1."""
    a, b = np.broadcast_arrays(a, b)
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


text, picture = rng.normal(size=(1, 7, 7)), np.maximum(rng.normal(size=(7, 512, 7, 7)), 0)
said = as_pytorch(text, picture)
evenness = picture.sum(1) / np.sqrt(512) / np.linalg.norm(picture, axis=1)
print(
    "shape",
    said.shape,
    " is sign(t) times how even the channels are:",
    np.allclose(said, np.sign(text) * evenness),
)
print("the same for a text a thousand times as long:", np.allclose(said, as_pytorch(1000 * text, picture)))
says("ours", lambda: ops.cosine_similarity(Tensor(text), Tensor(picture), axis=1))

# %% [markdown]
# Suppose pooling and projection are there: $B$ text vectors, $B$ picture vectors, and the cosine of row with row gives $B$
# numbers. That is the *diagonal* of what a search needs: **each with each**, $S = VT^\top$ with rows of unit length. From the
# diagonal nothing can be ranked: towers that say one thing of everything have perfect pairs. And unit length is needed: in a
# mere product the longest vector is everybody's favourite.

# %%
same = np.ones((6, 8))
print("pairs of two constant towers:  ", ops.cosine_similarity(same, same).round(3))
print("their table is all one number: ", np.ptp(ops.cosine_similarity_matrix(same, same)) < 1e-9)
queries, shelf = rng.normal(size=(500, 16)), rng.normal(size=(50, 16))
shelf[7] *= 100
print(f"product: picture 7 comes first for {((queries @ shelf.T).argmax(1) == 7).mean():.0%} of all queries, "
      f"cosine: {(ops.cosine_similarity_matrix(queries, shelf).argmax(1) == 7).mean():.0%}")  # fmt: skip

# %% [markdown]
# ## 4 · No loss: recall at 1 is 1/N
#
# The last fault is the three dots. Nothing joins the towers: each has random weights of its own (or published ones, learnt for something
# else). **Claim**: whatever the table $S$ is, over all pairings of $N$ texts with $N$ pictures the mean recall at 1 is exactly
# $1/N$. *Proof*: each text has one favourite. In a random pairing this favourite is its own picture with probability $1/N$; sum and
# divide by $N$. $\square$
#
# Towers that know nothing of the pairing are in that position. Let us build the towers as they should be and look. 48 pictures of one object
# each, of all 48 kinds (size, colour, shape), that training will not show; VGG16's convolutions at 64 × 64 give 2 × 2 regions of 512 numbers.
# We have no published file here, so they are drawn at random, as in lesson 7; beside them the regions of our scene network.

# %%
SPEC = "scenes:train=1200,val=0,test=300,level=1,references=1,count=1,heldout_pairs=0,positions=all,seed=12"
train, test = load_scenes(SPEC, "train"), load_scenes(SPEC, "test")


def kind(scene):
    """Size, colour and shape of the one object."""
    return scene.objects[0].size, scene.objects[0].colour, scene.objects[0].shape


chosen = sorted({kind(s): i for i, s in enumerate(test.scenes)}.values())
vocabulary = Vocabulary.from_tokens(train.sentences())
captions = [vocabulary.encode(many[0]) for many in train.captions]
asked = pad([vocabulary.encode(test.captions[i][0]) for i in chosen], Vocabulary.pad)
kinds = {k: n for n, k in enumerate(sorted({kind(s) for s in train.scenes}))}
which = np.array([kinds[kind(s)] for s in train.scenes])
N = len(chosen)

vgg = VGG(16, grid=1, hidden=8, classes=1, generator=Generator(0)).eval()
network = load_pretrained()
features = {
    "VGG16, random weights": [
        grid_features(vgg, images, size=64, crop=64, batch_size=16).values
        for images in (train.images, test.images[chosen])
    ],
    "scene network": [network.regions(x, count=4)[0] for x in (train.floats(), test.floats()[chosen])],
}
for name, (known, unseen) in features.items():
    mean, spread = known.mean((0, 1)), known.std((0, 1)) + 1e-3  # of the training pictures
    features[name] = [Tensor((x - mean) / spread) for x in (known, unseen)]


def towers(regions, seed, texts=None):
    """Regions projected and summed up, and an LSTM with lengths, into 64 numbers of unit length."""
    g = Generator(seed)
    pictures = RegionTower(regions.shape[2], 64, 128, generator=g)
    return TwoTowers(pictures, (texts or RecurrentTower)("lstm", len(vocabulary), 64, 32, 64, generator=g))


def table(model, regions):
    """S (N, N): pictures × captions."""
    with no_grad():
        return model((regions,), asked).numpy()


def first_share(S):
    """Recall at 1, texts asking; the true picture of each is on the diagonal."""
    return (S.argmax(0) == np.arange(len(S))).mean()


unseen = features["VGG16, random weights"][1]
untrained = [table(towers(unseen, seed), unseen) for seed in range(20)]
any_table = rng.normal(size=(N, N))
pairings = [first_share(any_table[rng.permutation(N)]) for _ in range(2000)]
figure, ax = plt.subplots(figsize=(6, 2.6))
values = np.arange(8) / N
ax.bar(
    values,
    [np.isclose(pairings, v).mean() for v in values],
    0.6 / N,
    color="0.8",
    label="any table, 2,000 pairings",
)
found = [first_share(S) for S in untrained]
shares = [np.isclose(found, v).mean() for v in values]
ax.bar(values, shares, 0.25 / N, color=BLUE, label="20 untrained models")
ax.axvline(1 / N, color=RED, ls=":", label="1/N")
ax.set(xlabel="recall at 1", ylabel="share")
ax.legend(frameon=False, fontsize=8)
plt.show()
print(f"1/N = {1 / N:.4f}; mean over pairings {np.mean(pairings):.3f}")
print("untrained models agree with it:", abs(np.mean([first_share(S) for S in untrained]) - 1 / N) < 0.012)
favourites = [np.bincount(S.argmax(0), minlength=N).max() for S in untrained]
print(
    "their favourites are few: one picture comes first for",
    int(np.median(favourites)),
    "of",
    N,
    "captions, in the median",
)

# %% [markdown]
# Many captions share a favourite: two random towers point into narrow cones, and the picture nearest to the captions' cone comes first for
# nearly all. (If it does for *all*, recall at 1 is $1/N$ exactly: for one of them it is right.)
#
# ## 5 · What joins them
#
# A batch has $B$ pairs; $S_{ij}$ is picture $i$ with text $j$, and on the diagonal are the true ones. Three losses, each with both directions (rows
# ask, columns ask). Write $v_{ij} = m + S_{ij} - S_{ii}$ for what row $i$'s wrong text $j$ has above its right one, plus a margin.
#
# **Sum hinge** (Kiros et al., 2014): $L = \sum_i\sum_{j\ne i}[v_{ij}]_+ + \text{columns}$. Each violated triple pulls with force 1:
#
# $$\frac{\partial L_{\text{row}}}{\partial S_{ij}} = [v_{ij}>0] \ (j\ne i),\qquad \frac{\partial L_{\text{row}}}{\partial S_{ii}} = -\#\{j: v_{ij}>0\}.$$
#
# **Hardest negative**, VSE++ (Faghri et al., 2018): the sum over $j$ becomes a maximum. One wrong text of each row, the worst, gets all the force.
#
# **InfoNCE** (van den Oord et al., 2018), CLIP's: is the row's own text the likeliest of all? With $P = \mathrm{softmax}_j(e^\tau S_{ij})$,
# $L_{\text{row}} = -\frac1B\sum_i\ln P_{ii}$, and as for every softmax with cross entropy
#
# $$\frac{\partial L_{\text{row}}}{\partial (e^\tau S)} = \frac{P - I}{B},\qquad L = \tfrac12(L_{\text{row}}+L_{\text{column}}).$$
#
# The wrong ones share the force by how likely they are: a soft hardest negative, as hard as the temperature is low. Check all three.

# %%
B, m = 6, 0.2
S = np.clip(0.5 * np.eye(B) + 0.3 * rng.normal(size=(B, B)), -1, 1)


def from_library(loss):
    """The loss and ∂L/∂S."""
    leaf = Tensor(S, requires_grad=True)
    value = loss(leaf)
    value.backward()
    return value.item(), leaf.grad


def both_ways(one_way):
    """A gradient of rows, of rows and columns."""
    return one_way(S) + one_way(S.T).T


def hinge(S, hardest):
    over = m + S - S.diagonal()[:, None]
    np.fill_diagonal(over, -np.inf)
    pulls = (over > 0) & ((over == over.max(1, keepdims=True)) | (not hardest))
    return pulls - np.diag(pulls.sum(1)).astype(float)


def nce(S):
    P = np.exp(S / 0.07)
    return (P / P.sum(1, keepdims=True) - np.eye(B)) / (B * 0.07)


by_hand = {
    "sum hinge": (SumHinge(m), both_ways(lambda S: hinge(S, False))),
    "hardest negative": (HardestNegative(m), both_ways(lambda S: hinge(S, True))),
    "InfoNCE": (InfoNCE(), both_ways(nce) / 2),
}
figure, axes = plt.subplots(1, 4, figsize=(10.5, 2.7))
axes[0].imshow(S, cmap="viridis", vmin=-1, vmax=1)
axes[0].set_title("S", fontsize=10)
for ax, (name, (loss, gradient)) in zip(axes[1:], by_hand.items(), strict=True):
    value, found = from_library(loss)
    ax.imshow(-found / np.abs(found).max(), cmap="PiYG", vmin=-1, vmax=1)
    ax.set_title(name, fontsize=10)
    agrees = np.allclose(found, gradient, atol=1e-6)
    print(f"{name:17} loss {value:6.3f}, gradient as by hand: {agrees}")
for ax in axes:
    ax.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# (Green is pulled together, red pushed apart.) One trap that all three share: in a batch there may be two captions that are **true of one
# picture** ("a big red circle", twice). Off the diagonal is then a pair that belongs together, and the loss would punish the model for
# being right. The library's losses take a table of such positives; `same_item` makes it.
#
# ### What a blind model pays
#
# A model that gives every pair the same score has a loss that can be computed beforehand. All $v_{ij} = m$, so the sum hinge is $2B(B-1)m$ and the hardest
# negative $2Bm$; all $P = 1/B$, so InfoNCE is $\ln B$. **Know these numbers.** A training that stays at one of them has learnt nothing, however
# smooth its curve is. Two trainings that do; and in both the library's alarm speaks.
#
# * **Batch and time exchanged**, $B = T = 16$, InfoNCE: no error, and vector $j$ knows nothing of sentence $j$.
# * **The hardest negative from the first step on**: the worst of 63 wrong texts of an untrained model pulls everything into one point,
#   where all scores are one. (The cure: begin with the mean of all negatives, and let the worst take over.)


# %%
class Exchanged(RecurrentTower):
    """The listing's text tower: (batch, time) given to an LSTM that reads (time, batch), and no lengths."""

    def forward(self, tokens, lengths):
        _, (h, _) = self.rnn(self.E(Tensor(tokens)))
        return self.W(h[-1])


def train_towers(regions, loss, steps, batch=64, width=0, warmup=0, texts=None, seed=0):
    """→ the model, loss over blind at each step, what the alarm said."""
    model, watch, told, curve = towers(regions, seed, texts), Watch(patience=60), [], []
    optimizer = optim.Adam([*model.parameters(), *loss.parameters()], lr=2e-3)
    r = np.random.default_rng(seed)
    for step in range(steps):
        i = r.choice(len(captions), batch, replace=False)
        tokens, lengths = pad([captions[k] for k in i], Vocabulary.pad)
        tokens = np.pad(tokens, ((0, 0), (0, max(width - tokens.shape[1], 0))))
        positives = same_item(i, which[i])
        if isinstance(loss, HardestNegative):
            loss.share = min(1.0, step / warmup) if warmup else 1.0
        scores = model((Tensor(regions.numpy()[i]),), (tokens, lengths))
        value = loss(scores, None, positives)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        seen = watch(value.item(), loss.blind(positives), scores.detach().numpy())
        curve.append(seen.figures["loss_above_blind"])
        told += [seen.line] if seen.line else []
    return model, np.array(curve), told


known = features["scene network"][0]
runs = {
    "InfoNCE, batch and time exchanged": (InfoNCE(), {"batch": 16, "width": 16, "texts": Exchanged}),
    "InfoNCE, repaired": (InfoNCE(), {"batch": 16, "width": 16}),
    "hardest negative from the start": (HardestNegative(m), {}),
    "hardest negative, warmed up": (HardestNegative(m), {"warmup": 100}),
}
figure, ax = plt.subplots(figsize=(7, 3))
for (name, (loss, options)), colour, line in zip(
    runs.items(), (RED, GREEN, RED, GREEN), ("-", "-", "--", "--"), strict=True
):
    _, curve, told = train_towers(known, loss, 250, **options)
    ax.plot(np.convolve(curve, np.ones(10) / 10, "valid"), line, color=colour, label=name)
    print(f"{name}: {'at its blind value' if abs(curve[-20:].mean() - 1) < 0.05 else 'below it'}")
    for words in told:
        print("    alarm ·", words.split(";")[0].split(" (spread")[0].split(" about")[0])
ax.axhline(1, color="k", lw=0.8)
ax.set(xlabel="step", ylabel="loss / blind", ylim=(0, 1.6))
ax.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## 6 · The repaired listing
#
# 1. Pictures: the weights' own preprocessing, VGG16 frozen and computed once, its map as regions; projected, summed up.
# 2. Texts: tokens, numbers, *lengths*, batch and time where they belong; the last word's state, projected.
# 3. Both to unit length, all pairs, a loss that joins them, true pairs off the diagonal left out.

# %%
# chaotic: on another kind of processor the last bits differ, and with them this picture
reached = {"1/N, 5/N, 10/N": [k / N for k in (1, 5, 10)]}
for name, (known, unseen) in features.items():
    model, _, _ = train_towers(known, InfoNCE(), 400 if "VGG" in name else 150)
    found = cross_modal_scores(table(model, unseen), np.arange(N))
    reached[name] = [(found[f"i→t R@{k}"] + found[f"t→i R@{k}"]) / 2 for k in (1, 5, 10)]
figure, ax = plt.subplots(figsize=(6.5, 2.8))
for n, (name, values) in enumerate(reached.items()):
    bars = ax.bar(np.arange(3) + 0.27 * (n - 1), values, 0.25, color=(GREY, BLUE, GREEN)[n], label=name)
    ax.bar_label(bars, fmt="%.2f", fontsize=8)
ax.set(xticks=range(3), xticklabels=["R@1", "R@5", "R@10"], ylim=(0, 1.12), ylabel="48 pictures not seen")
ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
print("random VGG16 is three times chance:", reached["VGG16, random weights"][0] > 3 / N)
print("features that know the objects put all first:", reached["scene network"][0] > 0.95)

# %% [markdown]
# Even random convolutions, read by a trained projection, are far above $1/N$. What lies between blue and green is what pretraining is for.
#
# ## 7 · A small CLIP
#
# Now many objects, and captions that name all of them in full ("a big red circle, a small blue cross and …"), 2,000 pictures, the same two
# towers from the library's task, three losses, one after the other: 500 pictures that training did not show. That is what
# `mmscratch train retrieval` does.

# %%
LONG = "scenes:train=2000,val=100,test=500,level=3,describe=full,references=2,count=2-4"
SHORT = "scenes:train=1500,val=100,test=500,level=1,references=3,count=2-4"
EVERYWHERE = ",heldout_pairs=0,positions=all,seed=12"


class Trained:
    """Two towers of the task, before and after training, with their tables."""

    def __init__(self, spec, steps, **settings):
        settings = RetrievalSettings(steps=steps, validate_every=10**6, warmup=150, **settings)
        train, val, self.test = (load_scenes(spec, name) for name in ("train", "val", "test"))
        self.senses = make_senses(settings, Vocabulary.from_tokens(train.sentences()), spec)
        self.model = Retriever(self.senses, settings, Generator(0))
        self.pairs = gallery(self.test, self.senses)
        self.before = self.vectors()
        learn(self.model, self.senses, settings, train, val, progress=False)
        self.after = self.vectors()

    def vectors(self):
        """All pictures and all captions, rows of unit length."""
        sides = zip(("first", "second"), self.senses, (self.pairs.first, self.pairs.second), strict=True)
        return [self.model.encode(side, sense, entries) for side, sense, entries in sides]


clips = {name: Trained(LONG + EVERYWHERE, 300, loss=name) for name in ("sum", "hardest", "infonce")}
short = Trained(SHORT + EVERYWHERE, 200)
clip = clips["infonce"]
truth = truth_matrix(clip.test)
ceiling = ambiguity_ceiling(truth == 3, clip.pairs.owner)
figure, ax = plt.subplots(figsize=(6.5, 2.6))
for n, (way, colour) in enumerate((("i→t", BLUE), ("t→i", GREEN))):
    scores = [
        cross_modal_scores(c.after[0] @ c.after[1].T, c.pairs.owner)[f"{way} R@1"] for c in clips.values()
    ]
    bars = ax.bar(
        np.arange(3) + 0.3 * (n - 0.5),
        scores,
        0.28,
        color=colour,
        label={"i→t": "picture asks", "t→i": "caption asks"}[way],
    )
    ax.bar_label(bars, fmt="%.2f", fontsize=8)
ax.axhline(ceiling["t→i R@1"], color="k", ls=":", lw=1, label="ceiling of truth")
ax.set(
    xticks=range(3),
    xticklabels=["sum hinge", "hardest negative", "InfoNCE"],
    ylim=(0, 1.12),
    ylabel="R@1 among 500",
)
ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
found = [cross_modal_scores(c.after[0] @ c.after[1].T, c.pairs.owner) for c in clips.values()]
print(f"1/N = {1 / 500}; all three above 0.7:", min(f["t→i R@1"] for f in found) > 0.7)

# %% [markdown]
# **The ceiling.** A caption may be true of another picture, too. Whoever knows exactly which captions are true of which pictures, and nothing else, still
# has to guess among $m$ true ones, so recall at 1 is at most the mean of $1/m$. For captions that say everything it is near 1. For short ones, "a red
# circle", it is tiny, and an *instance* recall says nothing about a model:

# %%
rows = []
for name, c in (("all objects, in full", clip), ("one object", short)):
    S, grades = c.after[0] @ c.after[1].T, truth_matrix(c.test)
    own, true = cross_modal_scores(S, c.pairs.owner), semantic_scores(S, grades)
    most = ambiguity_ceiling(grades == 3, c.pairs.owner)
    rows.append([name] + [of[f"t→i R@{k}"] for of in (own, most, true) for k in (1, 10)])
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharey=True)
for ax, (name, *values) in zip(axes, rows, strict=True):
    for n, kind in enumerate(("R@1", "R@10")):
        bars = ax.bar(
            np.arange(3) + 0.4 * (n - 0.5), values[n::2], 0.38, color=("#3b6fb6", "#d0743c")[n], label=kind
        )
        ax.bar_label(bars, fmt="%.2f", fontsize=8)
    ax.set(xticks=range(3), xticklabels=["instance", "its ceiling", "semantic"], ylim=(0, 1.15), title=name)
axes[1].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
print(
    "short captions: near the ceiling by instance, and right by truth:",
    rows[1][1] > 0.5 * rows[1][3] and rows[1][5] > 0.7,
)

# %% [markdown]
# **Semantic recall** counts a picture as found if the caption is *true* of it, whoever wrote it for which. Its own ceiling is 1.
# The two answer different questions; say which you report, and print the ceiling beside it.
#
# ### The table, and the gap

# %%
figure, axes = plt.subplots(1, 4, figsize=(11, 2.9), width_ratios=[1, 1, 1.15, 1.15])
some = np.arange(24)
for k, (name, (v, t)) in enumerate((("before", clip.before), ("after", clip.after))):
    own = [np.flatnonzero(clip.pairs.owner == p)[0] for p in some]
    axes[k].imshow(v[some] @ t[own].T, cmap="viridis")
    axes[k].set(xticks=[], yticks=[], title=f"S {name}", xlabel="captions", ylabel="pictures")
    both = np.concatenate([v, t])
    plane = np.linalg.svd(both - both.mean(0), full_matrices=False)[2][:2]
    for rows_, colour, label in ((v, BLUE, "pictures"), (t, RED, "captions")):
        axes[2 + k].scatter(
            *((rows_ - both.mean(0)) @ plane.T).T, s=4, color=colour, label=label, linewidths=0
        )
    axes[2 + k].set(title=f"{name}: two directions of most spread", xticks=[], yticks=[])
    axes[2 + k].title.set_fontsize(9)
axes[2].legend(frameon=False, fontsize=8, markerscale=2)
plt.tight_layout()
plt.show()


def gap(v, t):
    """Distance of the two modalities' means."""
    return np.linalg.norm(v.mean(0) - t.mean(0))


for name, (v, t) in (("before", clip.before), ("after", clip.after)):
    within = np.mean([np.linalg.norm(x - x.mean(0), axis=1).mean() for x in (v, t)])
    print(f"{name:7} the means lie farther apart than each modality spreads:", bool(gap(v, t) > within))
print("the gap has shrunk to less than half:", bool(gap(*clip.after) < gap(*clip.before) / 2))

# %% [markdown]
# Before training both modalities sit in narrow cones of their own (Liang et al., 2022, called their distance the **modality gap**): a random network
# maps everything into nearly one direction, and two networks choose two. The loss pulls pairs together, but it asks only for
# *differences* inside a row and would allow a gap to stay. Here it is nearly closed; in CLIP's published weights much of it is left, which
# is harmless where one modality is ranked, and a trap where pictures and texts are ranked in one list.
#
# Last, what it is for. Ask with captions of two pictures that training did not show:

# %%
# chaotic: on another kind of processor the last bits differ, and with them this picture
questions = [" ".join(clip.test.captions[p][0]) for p in (3, 8)]
v = clip.after[0]
encoded = [clip.senses[1].vocabulary.encode(tokenise(q, "en")) for q in questions]
t = clip.model.encode("second", clip.senses[1], encoded)
figure, axes = plt.subplots(2, 6, figsize=(10, 4.4))
for line, q, row in zip(axes, questions, t @ v.T, strict=True):
    meaning = parse(" ".join(tokenise(q, "en")), "en")
    for ax, p in zip(line, np.argsort(-row)[:6], strict=True):
        ax.imshow(clip.test.images[p])
        ax.set(xticks=[], yticks=[])
        grade = relevance(meaning, clip.test.scenes[p])
        ax.set_xlabel(f"grade {grade}", fontsize=8)
    line[2].set_title(q, fontsize=9)
plt.show()

# %% [markdown]
# (Grade 3: every object is there, and no other.) From the command line, on your own data:
#
#     mmscratch train retrieval --data coco:DIR --out RUN
#     mmscratch evaluate RUN --split test
#
# ## What to correct in §5.2
#
# | the listing | what it should be |
# |---|---|
# | `models`, `pretrained=True` | an import, and a file of weights |
# | an LSTM by default, (batch, time) given | `batch_first=True`, and lengths: else the words of all sentences are mixed, and padding is read |
# | hidden state and 512 × 7 × 7 map | pooled, projected into one space, brought to unit length |
# | the cosine of the two outputs | the table of each with each; where it broadcasts, one sign of the text is left |
# | three dots | a loss that joins the towers; before it recall at 1 is 1/N |
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it. A check answers within a second and says
# what is wrong.
#
# **12.1** InfoNCE of rows: from the logits `A` (B, B), temperature already in them, the gradient of
# $-\frac1B\sum_i\ln P_{ii}$ with respect to `A`.


# %%
def nce_gradient(A):
    """∂L_row/∂A, (B, B)."""
    ### BEGIN SOLUTION
    P = np.exp(A - A.max(1, keepdims=True))
    return (P / P.sum(1, keepdims=True) - np.eye(len(A))) / len(A)
    ### END SOLUTION


# %%
checks.nce_gradient(nce_gradient)

# %% [markdown]
# **12.2** The loss of the hardest negative, both directions summed over all rows and columns, from `S` (B, B) and the margin `m`.


# %%
def hardest_loss(S, m):
    """VSE++ at its full strength; a number."""
    ### BEGIN SOLUTION
    total = 0.0
    for way in (S, S.T):
        over = m + way - way.diagonal()[:, None]
        np.fill_diagonal(over, 0)
        total += np.maximum(over, 0).max(1).sum()
    return total
    ### END SOLUTION


# %%
checks.hardest_loss(hardest_loss)

# %% [markdown]
# **12.3** The ceiling of recall at 1 for captions that ask: `truth` (P, C) says which caption is true of which picture (each of at least
# one, its own). A ranker that knows the truth and nothing else guesses among the true ones.


# %%
def ceiling_of(truth):
    """A number between 0 and 1."""
    ### BEGIN SOLUTION
    return (1 / truth.sum(0)).mean()
    ### END SOLUTION


# %%
checks.ceiling_of(ceiling_of)

# %% [markdown]
# ## What you know now
#
# * Two silent faults: batch and time exchanged (change one sentence and see what moves), and a cosine that broadcasts (of the text one sign is left).
# * Two towers need pooling, projection, lengths, unit length, the whole table, and a loss; before it recall at 1 is 1/N.
# * The sum hinge pulls all violated pairs, VSE++ the worst, InfoNCE all by how likely they are.
# * A blind model pays 2B(B−1)m, 2Bm, ln B. A curve that stays there has learnt nothing.
# * Instance recall has a ceiling of its own; semantic recall asks for truth. Print which, and the ceiling.
#
# Read on in `mmscratch/models/`: `two_towers`, `retrieval_losses`, `collapse`, `momentum`, and `scan`, in which words look at regions.
