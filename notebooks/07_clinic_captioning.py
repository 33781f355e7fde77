# %% [markdown]
# # 7 · The clinic: code that looks like a captioner
#
# **You will be able to** find what keeps a plausible captioning program from captioning, tell the faults that
# shout from those that stay silent, measure the silent ones, say why one distribution is no sentence, and
# write the version that works.
#
# **Time** about 35 minutes of reading, one minute of computing on a laptop · **Data** none to download ·
# **Follows** §5.1 of the survey (its first listing).

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
# ## 1 · The patient
#
# The listing of §5.1 plans this: VGG16 without its classifier turns a picture into a map of features; two LSTM
# layers of 256 units and a softmax layer over the vocabulary stand on it, in a plain list; the whole is
# trained with Adam on cross-entropy while it reports accuracy; at the end the model is asked for the caption
# of one picture. A reader nods. We examine it in the order in which it would fail, with our library in place
# of Keras: first the faults that speak.


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
# Four faults, four errors, and each names what came and what was expected:
#
# 1. **A keyword that does not exist.** The listing writes the singular of `return_sequences`. Ours needs no such
#    switch: an LSTM always returns the outputs of all steps, and the last state beside them.
# 2. **A map is no sequence.** A recurrent layer reads (batch, time, features); VGG16's map is (batch, 512, 7, 7).
#    It has to become 49 regions of 512 numbers.
# 3. **Captions are no numbers.** `captions`, `images`, `vocab_size` are never defined. Text has first to become
#    tokens, the tokens numbers, with an end.
# 4. **One picture is no batch.** It lacks its first axis.
#
# Repair number 2 the quick way, and you meet the first fault that says nothing.


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
# Both have the shape (1, 49, 512). In the first, "region 23" holds eleven channels of *all 49 places*: the
# regions are mixed, the rest of the program runs, and all that one sees is a loss that falls badly. The
# channels must be moved last before the places are made one axis.
#
# ## 2 · One distribution is no sentence
#
# Suppose that all of this is repaired. What remains is this: the 49 regions are read as if they were time, the
# last state goes to the softmax, and out comes *one* distribution over words for each picture.


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
# There is no axis of time in (2, 10). Two captions of four and five words (the end is one) cannot be its
# target; the loss says so. It is an image classifier with an LSTM in it.
#
# Could we say the same distribution $p$ again at every step? Then the best that training can reach is, with
# $n_w$ the number of times that word $w$ occurs among the $T$ words of the one true caption,
#
# $$\min_p\; -\frac1T\sum_{t=1}^{T}\ln p(y_t) \;=\; -\sum_w \frac{n_w}{T}\ln\frac{n_w}{T}\;,$$
#
# the entropy of its bag of words, for $p_w = n_w/T$ (Gibbs' inequality). For four different words that is
# $\ln 4$, as much as guessing among them, although there is *nothing* to guess. And the likeliest word is the
# same at each step: "red red red red". A sentence has the distribution
#
# $$p(y_1, \dots, y_T \mid \text{picture}) = \prod_{t=1}^{T} p(y_t \mid y_1, \dots, y_{t-1}, \text{picture}),$$
#
# and each factor needs **the words before** as an input. That takes four things which the listing lacks:
# an embedding for the word before, a `<start>` for the first step, an `<end>` that can be said, and the true
# words shifted by one as inputs in training (*teacher forcing*).

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
# ## 3 · A loss on the wrong axis, an accuracy that praises
#
# Give the model an axis of time and the loss of the listing, `categorical_crossentropy`, still wants one-hot
# targets: $B \cdot T \cdot V$ numbers where $B \cdot T$ are enough (with $B=128$, $T=20$, $V=10\,000$: 102 MB
# against 20 kB). It is worse in a library whose classes stand on axis 1, as in PyTorch and ours. Logits and
# one-hot targets, both (B, T, V), fit together, and the softmax runs over *time*:

# %%
onehot = np.eye(len(words))[target]
even, certain = np.zeros((2, 5, len(words))), 60.0 * onehot
for name, logits in (("knows nothing", even), ("right and certain", certain)):
    wrong = ops.cross_entropy(Tensor(logits), Tensor(onehot)).item()
    masked = caption_loss(Tensor(logits), Tensor(target), PAD).item()
    print(f"{name:18} one-hot on (B, T, V): {wrong:.3f}   words, padding ignored: {masked:.3f}")
print("ln V =", round(float(np.log(len(words))), 3))

# %% [markdown]
# No error; but a model that knows nothing has 0.805 and not $\ln V$. Compare the loss at the start with
# $\ln V$: this one line finds half of all such bugs.
#
# **Accuracy.** Sentences are padded to one length. If places where nothing is to be said count as well, a model
# that *only* says `<pad>` is a good one:

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
# The same model, worth nothing, has any accuracy you like, by the choice of a length. The loss has the same
# hole: it must be a mean over the words alone (`caption_loss` does it), or it falls by learning to say nothing.
#
# ## 4 · The picture is not what the network knows
#
# The listing feeds pictures as they are. VGG16's published weights want blue, green, red less the means
# (103.939, 116.779, 123.68), Keras's and the authors' way; torchvision's want red, green, blue in $[0, 1]$,
# less a mean, over a deviation. Nothing stops you. How far do features move? We measure in units of the
# distance between *different pictures*, for that is what a captioner reads.
#
# We have no published file here, so these are VGG16's 14,714,688 convolution weights **drawn at random** (He et
# al., 2015). They know no objects; that distances between pictures survive in them is known
# (random convolutions keep much of the colour and the place). To use real ones:
# `VGG.published(16, "vgg16.pth")`.

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
# A wrong scale throws every picture farther off than two pictures lie apart. Exchanged channels move it by
# less, so they are found last.
#
# **The encoder learns too.** Whoever builds a model on VGG16 and compiles it trains all of it, unless told
# otherwise, here with Adam at its default rate 0.001. Adam moves *every* weight by about the rate in each
# step, however small its gradient, and a fresh decoder sends back noise at first. What a network knew goes
# within some steps. Random weights know nothing, so we show it on one that does: the scene network, which
# tells colours, shapes and sizes.

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
# Freeze the encoder, then, at least until the decoder has learnt something. There is a prize for that: the
# features never change, so they can be computed **once**.
#
# ## 5 · The repaired version
#
# 1. Preprocess as the weights want it; VGG16, frozen; the map to regions, channels last; once.
# 2. Words: tokens, numbers, `<start>` and `<end>`, padding.
# 3. At each step the word before and the picture go into two LSTM layers, and *every* state gives a distribution
#    (LRCN, Donahue et al., 2015): $x_t = [E y_{t-1};\ \tanh(W_v \bar a)]$.
# 4. The loss counts words only. The encoder is not trained.
# 5. To describe a picture: from `<start>` on, take the likeliest word, feed it back, until `<end>`; then numbers
#    to words.
#
# At 224 × 224 a picture gives 49 regions. Our pictures are 64 × 64, which gives 2 × 2 regions of 512 numbers and
# is twelve times as fast; 1,850 pictures take some 20 seconds. Each shows one object, each has five captions.
# For comparison the same decoder gets the features of our *scene network*, which was trained to see these objects.

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
# Fluent sentences prove nothing: "a red circle" is fluent whatever the picture shows. In this world every
# sentence can be *executed* on the scene, so we know whether it is true. Beside it stand two controls: the
# caption that occurs most often, said of every picture; and the model's sentences, each held against another
# picture.

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
# (Above: what VGG16's features led to; below: the scene network's; green is true.) Even random features carry
# colour and some of the rest, far above the controls, and below what trained features say. That gap is *what
# pretraining is for*: it was in the survey's plan, and with the right file and the right preprocessing it would be
# here.
#
# ## 6 · The chart
#
# All six, with what one sees and what helps:

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
# The shaded ones are silent. That is why every fault of this lesson has a test in the library
# (`tests/formulas/test_clinic_captioning.py`) which asserts the failure itself.
#
# ## What to correct in §5.1
#
# | the survey | what it should be |
# |---|---|
# | the LSTM "decodes the features" | it has to hear the words before; else it is a classifier |
# | categorical cross-entropy | over the words of the sentence, padding left out, class numbers as targets |
# | accuracy | of words that are there; better: BLEU, CIDEr (lesson 11), or truth |
# | pretrained VGG16 | with its own preprocessing, and frozen at first |
# | predict gives the caption | it gives probabilities; decoding is a search of its own (lesson 8) |
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it.
#
# **7.1** A map to regions: `maps` (B, C, H, W) → (B, H·W, C), region $y \cdot W + x$ being the cell in row $y$,
# column $x$.


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
# **7.2** Teacher forcing: from `tokens` (B, T + 1), with start and end, the words that go in and the words that
# should come out, both (B, T).


# %%
def shifted(tokens):
    """tokens (B, T + 1) → (what goes in, what should come out), each (B, T)."""
    ### BEGIN SOLUTION
    return tokens[:, :-1], tokens[:, 1:]
    ### END SOLUTION


# %%
checks.shifted(shifted)

# %% [markdown]
# **7.3** Accuracy of the words: `said` and `target` (B, T); places where the target is `pad` do not count.


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
# **7.4** The loop that was missing. `next_word(words)` takes the list of words so far, `[start]` at first, and gives
# the probabilities of the next (V,). Say the likeliest until `end` or until there are `most` words; return the
# words without start and end.


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
