# %% [markdown]
# # 11 · How to score a caption
#
# **You will be able to** compute BLEU, ROUGE-L, CIDEr, METEOR-lite and SPICE by hand and with the library, say
# which question each of them really asks, explain a CIDEr of 0 and a BLEU-4 of 0, and show with numbers why a
# fluent lie can beat a true sentence.
#
# **Time** about 45 minutes of reading, 15 seconds of computing on a laptop · **Data** none to download ·
# **Follows** §3.1 of the survey (image captioning).

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
# ## 1 · A candidate and its references
#
# A picture has no *one* right caption. So a test set holds several **references** for each picture, written by
# people, and a **candidate** is compared with all of them. Nobody looks at the picture: except for the last
# one, every score of this lesson compares sentences with sentences.
#
# Our world has 200 pictures of two objects here. Each has six true captions: the first plays the candidate, the
# other five are the references.

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
# ### What is a word?
#
# Before any counting, sentences are cut into words, and here the numbers of two papers already part. The COCO
# evaluation runs Stanford's Penn-Treebank tokenizer, puts everything into lower case, and drops a list of
# marks. The library writes its rules out (`data/tokenizers/ptb.py`) beside a plainer cut; that nlg-eval splits
# at spaces alone makes "park." another word than "park".

# %%
text = "Children's kites aren't in St. James Park, it's 5:55."
for name, cut in (("ptb", ptb_tokenize), ("words", words), ("space", str.split)):
    print(f"{name:6}", " | ".join(cut(text)))

# %% [markdown]
# ## 2 · BLEU: how much of what I say is in the references?
#
# Papineni et al. (2002) ask for **precision**: the share of the candidate's $n$-grams that some reference has.
# Counting naively, "the the the the the the the" would be perfect. So each $n$-gram $g$ may only count as
# often as it occurs in *one* reference: **clipping**,
#
# $$p_n = \frac{\sum_{g} \min\bigl(\mathrm{count}_c(g),\ \max_j \mathrm{count}_{r_j}(g)\bigr)}{\sum_g \mathrm{count}_c(g)} .$$
#
# Precision loves short sentences: saying "a" is nearly always right. So there is a **brevity penalty**, with $c$
# the candidate's length and $r$ that of the reference nearest in length, and the geometric mean joins
# $n = 1 \ldots N$:
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
# ### Of a corpus, not of a sentence
#
# One missing 4-gram makes the product 0, and many good sentences share no 4-gram with any reference. BLEU was made
# for **corpora**: the counts of all sentences are added *before* anything is divided. The mean of sentence scores is
# another number, and depends on what one does with the zeros (*smoothing*). Say which you print.

# %%
said, meant = "a cross above a red circle", ["there is a green cross above a circle"]
for smoothing in ("none", "coco", "add-one"):
    value = metrics.sentence_bleu(said, meant, smoothing=smoothing)
    print(f"BLEU-4 of one sentence, smoothing {smoothing:8} {value:.6f}")
each = np.array([b[3] for b in metrics.bleu_per_image(candidates, references)])
print(f"200 pictures: BLEU-4 of the corpus {metrics.corpus_bleu(candidates, references)[3]:.4f}")
print(f"mean over sentences {each.mean():.4f}, sentences at 0: {(each < 1e-3).mean():.0%}")

# %% [markdown]
# ## 3 · ROUGE-L: the longest common thread
#
# Lin (2004) asks for the longest common **subsequence**: words in the same order, with gaps allowed. A table with
# one row a word gives its length,
#
# $$L_{i,j} = \begin{cases}L_{i-1,j-1}+1 & a_i = b_j\\ \max(L_{i-1,j}, L_{i,j-1}) & \text{else,}\end{cases}$$
#
# and with it precision $P = L/|c|$, recall $R = L/|r|$ and, since recall is to count more, $\beta = 1.2$ in
#
# $$F = \frac{(1+\beta^2)\,P R}{R + \beta^2 P}.$$
#
# In the COCO tools the best $P$ and the best $R$ are taken *separately*, perhaps from two references.

# %%
c, rs = candidates[0].split(), [r.split() for r in references[0]]
lengths = [lcs_length(c, r) for r in rs]
p, r = max(lengths) / len(c), max(n / len(s) for n, s in zip(lengths, rs, strict=True))
print("common words in order:", lengths, f"  P = {p:.3f}, R = {r:.3f}")
print(f"F by hand {(1 + 1.44) * p * r / (r + 1.44 * p):.4f},",
      f"the library {metrics.rouge_l_per_image(candidates[:1], references[:1])[0]:.4f}")  # fmt: skip

# %% [markdown]
# ## 4 · CIDEr: words that tell pictures apart
#
# "there is a" is in every reference and says nothing. Vedantam, Zitnick & Parikh (2015) weigh each $n$-gram $g$ by
# **tf-idf**: how often it is in the sentence, times how few of the $N$ pictures have it in a reference,
#
# $$w_g = \mathrm{tf}_g\cdot\bigl(\ln N - \ln \mathrm{df}_g\bigr),$$
#
# and take the cosine between the candidate's vector and each reference's, for $n = 1 \ldots 4$. What everyone prints
# under the name CIDEr is **CIDEr-D**: a repeated word counts at most as often as in the reference, a Gaussian
# punishes a difference in length, and everything is multiplied by 10:
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
# **CIDEr of one picture is 0**, whatever is said: with $N = 1$ every word of a reference has $\mathrm{df} = 1$, so
# $\ln 1 - \ln 1 = 0$, and every weight is 0. It is no fault of the caption and no fault of the code. On the right,
# the same caption of the same picture jumps from 0 to above 5 when a second picture joins the test set, and wanders
# with each that follows: the weights are the test set's. So two CIDErs can only be compared when they come from the
# same test set (or the same document frequencies: `frequency=`), and a CIDEr above 1 is no wonder, since the range is
# 0 … 10.

# %% [markdown]
# ## 5 · METEOR-lite: words, stems, and order
#
# Banerjee & Lavie (2005) align words one to one, first equal ones, then equal **stems** (Porter, 1980: "circles" and
# "circle"). With $m$ matches, $P = m/|c|$ and $R = m/|r|$, recall counts nine times as much, and scattered matches are
# punished: a **chunk** is a row of matches that is unbroken on both sides,
#
# $$\mathrm{score} = \Bigl(1 - \tfrac12\bigl(\tfrac{\mathrm{chunks}}{m}\bigr)^3\Bigr)\cdot\frac{10\,PR}{R + 9P}.$$
#
# The METEOR 1.5 of the papers also knows synonyms and paraphrases, from tables that come with a Java program. Without
# them the number is another one, so the library calls its own `METEOR_lite`, and you should too.

# %%
print([metrics.porter_stem(w) for w in "circles circle relational connected connection".split()])
said, meant = "the president spoke to the audience", "the president then spoke to the audience"
a = align(said.split(), meant.split())
p, r = a.matches / a.length, a.matches / a.reference_length
print(f"{a.matches} matches in {a.chunks} chunks:",
      f"{(1 - 0.5 * (a.chunks / a.matches) ** 3) * 10 * p * r / (r + 9 * p):.4f} by hand,",
      f"{metrics.meteor_lite_per_image([said], [[meant]])[0]:.4f} the library")  # fmt: skip

# %% [markdown]
# ## 6 · SPICE: compare what is said, not how
#
# All scores so far look at words in a row. Anderson et al. (2016) parse each sentence into a **scene graph** and
# compare sets of tuples: objects, attributes, relations. With $T(\cdot)$ the tuples of a graph,
#
# $$P = \frac{|T(c)\cap T(r)|}{|T(c)|},\qquad R = \frac{|T(c)\cap T(r)|}{|T(r)|},\qquad
# \mathrm{SPICE} = \frac{2PR}{P+R}.$$
#
# The reference graph is the union of all references'. SPICE's own parser makes mistakes; the grammar of our world has
# exactly one parse a sentence, so here SPICE is exact.

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
# A paraphrase has the same tuples: what $n$-grams cannot do. But look at the last line. Tuples name *classes*: there
# is a circle, it is red, it is blue, a circle is left of a circle. Which of them is red is lost, as in a bag of words.
#
# ## 7 · Truth
#
# What we want to know of a caption is whether it is **so**. In the world of lesson 1 that can be decided: parse the
# sentence, execute it on the scene. Four questions, asked one after the other:
#
# * **grammaticality**: does it parse?
# * **object truth**: is every object that it names there?
# * **relation truth**: does what it says about them hold?
# * **coverage**: how much of the scene does it speak of?
#
# Of two objects 3 pixels apart in height, is one "above" the other? The world has a **dead zone** of 6 pixels in which
# neither is true; a rate should say whether it was enforced. No reference is needed for any of this.

# %%
lie = "a green triangle is above a red circle"
for text in (candidates[0], lie, "a green triangle", "a green above triangle"):
    t = scenes.truth(text, pictures[0])
    print(f"{text:40} grammatical {t.grammatical!s:5}  objects {t.objects!s:5}  relation {t.relation!s:5}",
          f" true {t.true!s:5}  speaks of {len(t.mentioned)} of {len(pictures[0])}")  # fmt: skip

# %% [markdown]
# ## 8 · The experiment: scores against truth
#
# Take each true candidate and edit it, one thing at a time. Truth is then known, and so is what was done.

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
# Read the rows of *wrong relation* and *objects swapped*: **every one of these captions is fluent, and hardly one is
# true**, yet BLEU, ROUGE-L and CIDEr give them nearly what they give the untouched sentence. CIDEr puts them a fifth
# above the true paraphrase, and ROUGE-L ranks *objects swapped* above everything else. One word of seven is wrong, and
# to an $n$-gram all words are alike. (The 6 % that stay true have two equal objects.) Shuffled words keep all of
# BLEU-1: unigrams know no order. And the true, if meagre, *one object only* is put below most of the lies.

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
# Each dot is a caption. If a score knew the truth, green would lie to the right of red. To put it into one number: of
# all pairs of a true and a false caption *of the same picture*, in how many has the true one the higher score (a tie is
# half)? A coin gets 0.5, execution on the scene 1.


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
# So these scores measure **likeness to references**. Across systems that make honest mistakes of all kinds, likeness
# and quality go together, and that is what they were validated for. They are no proof that a caption is true, least of all
# when the errors are small and fluent; and a model trained to raise one of them (lesson 10) learns likeness. Three
# habits follow:
#
# * print the metric's variant, tokenizer and test set; never compare CIDEr across test sets, or BLEU of sentences with BLEU of corpora;
# * print it beside controls: the most frequent caption, and the captions of *other* pictures;
# * where truth can be decided, decide it.
#
# From the command line, for COCO's files:
#
#     mmscratch score captions results.json --references captions_val2014.json --json scores.json
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it. A check answers within a second and says
# what is wrong.
#
# **11.1** How many words of the candidate (a list of words) count after clipping, that is, the numerator of $p_1$?


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
# **11.2** The brevity penalty of a candidate of `c` words whose references have the lengths `lengths`. The nearest
# length counts; of two that are equally near, the shorter.


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
# **11.3** The weight of a word that is `tf` times in a sentence, in the references of `df` of `images` pictures. A word
# of no reference counts as if it were in one.


# %%
def word_weight(tf, df, images):
    """tf-idf as CIDEr has it."""
    ### BEGIN SOLUTION
    return tf * (np.log(images) - np.log(max(df, 1)))
    ### END SOLUTION


# %%
checks.word_weight(word_weight)

# %% [markdown]
# **11.4** SPICE of two lists of tuples. A tuple that stands twice in a list counts once; where nothing matches, 0.


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
# ## What you know now
#
# * BLEU is clipped precision with a brevity penalty, for corpora; ROUGE-L a common subsequence; CIDEr-D a cosine of
#   tf-idf vectors, which is 0 for one picture; METEOR-lite an alignment with a penalty for chunks; SPICE an F1 of tuples.
# * All of them measure likeness to references. A fluent lie that differs in one word is more like them than an honest
#   paraphrase.
# * Truth splits into grammaticality, object truth, relation truth and coverage, and needs a world in which it can be
#   decided.
#
# Read on in `mmscratch/metrics/`: each formula with its source, held to the COCO tools, nlg-eval and NLTK by tests.
