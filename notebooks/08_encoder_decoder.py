# %% [markdown]
# # 8 · Encoder and decoder: one picture, many sentences
#
# **You will be able to** write down the probability of a sentence given a picture, train it with masked
# cross-entropy and teacher forcing, tell with one curve whether a captioner looks at its picture at all, and
# find sentences in it: greedily, with beams, by sampling.
#
# **Time** about 50 minutes of reading, 2 minutes of computing on a laptop · **Data** none to download ·
# **Follows** §3.1.1 of the survey: image captioning by encoder and decoder.

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
# ## 1 · The probability of a sentence
#
# A captioner is a language model with a picture before its eyes. By the chain rule, without any assumption,
#
# $$\log p(S \mid I) = \sum_{t=1}^{T} \log p(S_t \mid I, S_0, \dots, S_{t-1}) .$$
#
# Two words make this work that no caption holds. **Start**, $S_0$: there must be a word before the first.
# **End**, $S_T$: without it, the probabilities of the sentences do not sum to one, and nobody knows when to
# stop talking. A third, **padding**, fills a batch of sentences of unequal length up to a rectangle:

# %%
vocabulary = Vocabulary.from_tokens(trained.sentences())
short, long = "a big red circle".split(), "a small cyan square is in the picture".split()
rows = [vocabulary.encode(short), vocabulary.encode(long)]
tokens = np.array([row + [vocabulary.pad] * (len(rows[1]) - len(row)) for row in rows])
print(" ".join(vocabulary.words[4:]), "\n")
for row in tokens:
    print(" ".join(vocabulary.words[t] for t in row))

# %% [markdown]
# **Teacher forcing.** In training the model is asked for word $t$ after the *true* words before it, whatever it
# would have said itself. So the input is the sentence without its last token, the target the same without its
# first, and all steps of all sentences are one batch:
#
# $$\mathcal L = -\frac{\sum_{b,t} m_{b,t} \log p(S_{b,t} \mid I_b, S_{b,<t})}{\sum_{b,t} m_{b,t}},
# \qquad m_{b,t} = 1 \text{ where } S_{b,t} \text{ is not padding.}$$
#
# The mask is not a detail. A model which knew nothing would have the loss $\log V$ of each word; let us give it
# certainty about padding, as every model has after a few steps, and average over all places:

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
# Nothing has been learnt, and the loss without a mask is a quarter better, by an amount that depends on how
# the captions were batched. Two papers' "loss" may differ by that alone.
#
# ## 2 · Show and tell
#
# In NIC (Vinyals et al., 2015) one network reads, another one writes. The encoder makes the picture a vector
# $f$; the decoder is an LSTM. Two ways to tell it what was seen: as a word before all words,
#
# $$h, c = \mathrm{LSTM}(W_i f;\ 0, 0), \qquad
# h_t, c_t = \mathrm{LSTM}(W_e S_{t-1};\ h_{t-1}, c_{t-1}), \qquad
# p(S_t \mid \cdot) = \mathrm{softmax}(L_o h_t + b),$$
#
# or as the state to begin from, $h_0 = \tanh(W_h f)$, $c_0 = \tanh(W_c f)$. In both the picture is seen *once*:
# what the model forgets of it is gone.
#
# Here $f$ is the mean of the eight cells of the scene network which most likely hold an object. The whole
# model is a start and a step:

# %%
print(inspect.getsource(NICDecoder.start))
print(inspect.getsource(NICDecoder.step))

# %% [markdown]
# Teacher forcing is that step, folded over the true words. Since these are known beforehand, training may do
# all steps at once; it must be the same function:

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
# ## 3 · Does it look at the picture?
#
# The first complaint about every captioner: *it says the same of every picture*. Its loss may look fine all
# the while, for most of a caption is grammar. So measure what the picture is worth: the loss on held-out
# captions with the true picture, and with **another** picture in its place. A model that does not look has
# the same loss twice.


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
# These features come from a network of rectifiers without normalisation: none is negative, they spread over
# several units, up to dozens, and most of that all pictures have in common. It carries over: after the picture is
# read, the states of any two pictures point nearly the same way, and a part of the gates is saturated, where
# $\sigma' = \sigma(1 - \sigma)$ lets no gradient through. Less the mean, over the deviation, both of the
# *training* pictures:

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
# On the left the illness, caught by one curve: the loss falls nicely, and the two lines hardly part. It is cured
# by two lines of arithmetic. That the upper line *rises* later is as it should be: who believes the picture
# is surprised by the caption of another one.
#
# ## 4 · Greedy, and how true it is
#
# The model is a probability of sentences; to caption is to search it. Greedily: the likeliest word, again and
# again, until it is the end.

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
# A rate alone says nothing. **Majority**: the most frequent caption of the training set, for every picture.
# **Copying**: the first caption of the most similar training picture, the control of every retrieval. And the
# model's own captions beside other pictures.

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
# The last line is the weakness of one vector for a picture: the *big* of one object, the *red* of a second,
# the *circle* of a third. Everything is in the picture, and yet nothing is true. The mean of the cells does not
# say what belongs together, and the model cannot look again. Lesson 9 lets it.
#
# ## 5 · Beams
#
# Greedy search takes the best word, not the best sentence. Three words, where $a$ begins well and never ends:

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
# A *beam* keeps the $W$ best beginnings. Of their $W \cdot V$ continuations the $W$ likeliest stay; one that
# ends leaves the beam and is ranked among the finished. $W = 1$ is greedy; with $W \ge V^T$ nothing is ever
# dropped, and the beam is exhaustive search. When may it stop? A sum of logarithms only falls: as soon as the
# likeliest beginning is below the best finished sentence, no child of it can win.
#
# Here is the tree that a beam of four grows on one picture. Grey: dropped later. Blue: ended.

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
# See how *a* fares: it begins well, but then the colour has to be said at the third word, after *i see a* at the
# fifth, and who must decide early has the smaller sum for a while. So a beam, too, may lose what greedy would
# have found: a beginning is pushed out by others that look better and end worse. Over all pictures wider beams
# find likelier sentences; for each single one they promise nothing, until they are exhaustive.

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
# The last line: each word more makes $\log p$ smaller, so beams like short sentences. Wu et al. (2016) divide
# by $\left(\frac{5 + n}{6}\right)^{\alpha}$. It is a taste, not a theorem; tell $\alpha$ with each score.
#
# The four best of a beam are often one sentence in four guises. *Diverse* beams (Vijayakumar et al., 2018) are
# groups, of which each pays $\lambda$ for a word that an earlier group has just said:

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
# ## 6 · Sampling
#
# One may also *draw* from the model, $S_t \sim q$ with $q_v \propto p_v^{1/\tau}$. The temperature $\tau$ goes
# from greedy ($\tau \to 0$) over the model itself ($\tau = 1$) to noise. Two cuts of the unlikely words are
# common: the $k$ likeliest (Fan et al., 2018), or the *nucleus*: the fewest words whose probabilities reach
# $p$ together (Holtzman et al., 2020).

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
# ## What to correct in §3.1.1
#
# | the survey says | what to add |
# |---|---|
# | an encoder and a decoder, trained end to end | start, end and padding; a mask; teacher forcing |
# | the decoder generates the sentence | by a search, which is part of the result: name it with the score |
# | the image is the decoder's input | scaled; show the loss with another picture, or it may look away |
# | examples of good captions | a rate, beside majority and copying |
#
# ## Exercises
#
# **8.1** The loss of section 1 from log-probabilities: mean over what is not padding.


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
# **8.2** One step of a beam: from the sums $\log p$ of $H$ hypotheses and the scores of their next words, the
# `width` best continuations, the best first, as triples (hypothesis, word, sum).


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
# **8.3** The nucleus: of the probabilities `p`, the fewest that together reach `mass`; 0 for the others, and
# the rest scaled to sum to 1.


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
