# %% [markdown]
# # 1 · One world, four modalities
#
# **You will be able to** place every chapter of the survey on a map of five challenges, make a scene of
# which everything is known, say what it means for a caption to be *true* and have a machine decide it, and
# tell a data set that must be looked at from one that can be answered blindly.
#
# **Time** about 35 minutes of reading, 20 seconds of computing on a laptop · **Data** none to download ·
# **Follows** §1 and §8 of the survey.

# %%
import inspect
from dataclasses import replace

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch.data import scenes
from mmscratch.data.scenes import meaning, programs, question_forms, relations
from mmscratch.data.scenes.gates import majority_accuracy
from mmscratch.data.scenes.render import paint, signed_distance

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## 1 · A map
#
# A *modality* is a way in which something is given: text, image, sound, video. Multimodal learning is
# learning from several at once. The survey lists tasks and techniques; Baltrušaitis, Ahuja & Morency (2019)
# ask instead what is **hard** about it, and find five things. Every chapter of the survey has its place
# among them:
#
# | challenge | the question | in the survey | typical answers |
# |---|---|---|---|
# | **representation** | how to write a modality as numbers, and make two comparable | §2.1 | word vectors, CNN features, MFCC, C3D |
# | **translation** | how to say in one modality what is given in another | §3.1, without this name | captioning: encoder, decoder, attention |
# | **alignment** | which part here belongs to which part there | §2.3; attention in §3.1.2, §3.3.2 | time warping, attention |
# | **fusion** | how to decide from several modalities together | §2.2; §3.3, §6.2 | early, late, hybrid; question answering |
# | **co-learning** | how one modality helps to learn another | not named; behind "scarce data" in §1.3 | pretraining, transfer |
#
# Retrieval (§3.2) is representation put to use: two modalities in one space, and the nearest wins. The
# challenges of §1.3 return as measurements: *heterogeneity* as the gap between two towers, *scarce data* as
# a curve of accuracy over the number of examples, *cost* as a count of multiplications.
#
# ## 2 · One seed, one scene
#
# The usual data sets weigh gigabytes, and nobody knows everything that is in their pictures. So this course
# brings its own world: coloured shapes on a grey ground. **One integer gives one scene graph, and
# everything else is derived from the graph**: pixels, masks, captions, questions.

# %%
scene = scenes.sample_scene(12)
for i, o in enumerate(scene.objects):
    print(
        f"object {i}: {o.size:5} {o.colour:6} {o.shape:8} centre ({o.x:.1f}, {o.y:.1f}) radius {o.radius:.0f}"
    )
print("the same again:", scenes.sample_scene(12) == scene, "  fingerprint:", scene.hash()[:12])

# %% [markdown]
# ### Pixels from a formula
#
# Each shape has a signed distance $d$ to its outline, negative inside. A pixel is covered to the share
#
# $$\mathrm{coverage} = \mathrm{clip}\left(\tfrac12 - d,\ 0,\ 1\right),$$
#
# which smooths the edge over one pixel, and the object's **mask** is $d < 0$. By hand, the red circle,
# object 3, with centre $(7.8, 10.3)$ and radius 6: the pixel in column 12 and row 10 has its centre at
# $(12.5, 10.5)$, so
# $d = \sqrt{4.7^2 + 0.2^2} - 6 = -1.3$: inside, wholly covered. The library's formula, and the same number:

# %%
print(inspect.getsource(signed_distance))
red = scene.objects[3]
d = signed_distance("circle", np.array(12.5 - red.x), np.array(10.5 - red.y), red.radius)
masks = scenes.masks(scene)
print(f"centre ({red.x:.1f}, {red.y:.1f})   d = {d:.1f}   in the mask: {masks[3, 10, 12]}")

# %%
image = scenes.render(scene)
colours = [scenes.object_rgb(o) for o in scene.objects]

figure, axes = plt.subplots(1, 3, figsize=(8.5, 3))
axes[0].imshow(image)
axes[0].set_title("pixels (64 × 64 × 3)")
layers = np.ones((64, 64, 3))
for mask, colour in zip(masks, colours, strict=True):
    layers[mask] = colour
axes[1].imshow(layers)
axes[1].set_title("masks, exact")
axes[2].imshow(image, alpha=0.35)
for i, (x0, y0, x1, y1) in enumerate(scenes.boxes(scene)):
    axes[2].add_patch(plt.Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, lw=1.5))
    axes[2].text(x0, y0 - 2, str(i), fontsize=9, weight="bold")
axes[2].set_title("boxes, numbered")
for ax in axes:
    ax.set(xticks=[], yticks=[])
plt.show()

# Do mask and picture agree? Well inside a mask the mean colour is the object's own.
for i in range(len(scene)):
    inside = masks[i] & np.isclose(paint(scene), colours[i]).all(axis=2)
    seen = (image[inside] / 255).mean(axis=0)
    print(f"object {i}: painted {colours[i].round(2)}, mean of the pixels {seen.round(2)}")

# %% [markdown]
# ## 3 · Captions at four levels, in two languages
#
# Level 1 names an object, level 2 relates two, level 3 lists all in reading order, level 4 counts and
# denies. Every caption knows, word by word, **which object it speaks of**: that is alignment, given for
# free.

# %%
for level in (1, 2, 3, 4):
    for language in ("en", "zh"):
        caption = scenes.captions(scene, level, language, n=1)[0]
        print(level, language, caption.text)
        print("      ", list(zip(caption.tokens, caption.links, strict=True))[:6], "…")


# %%
def write(axes, caption, x, y, width):
    """A caption, each word on the colour of the object that it speaks of; one unit is one letter."""
    start = x
    for word, link in zip(caption.tokens, caption.links, strict=True):
        if x + len(word) > start + width:
            x, y = start, y - 1.6
        paper = {"fc": "none", "ec": "none"} if link < 0 else {"fc": (*colours[link], 0.35), "ec": "none"}
        axes.text(x, y, word, family="monospace", fontsize=10, va="center", bbox={"pad": 1.5, **paper})
        x += len(word) + 1
    return y - 2.2


figure, axes = plt.subplots(figsize=(8.5, 2.6))
axes.set(xlim=(0, 76), ylim=(-11.5, 1))
axes.axis("off")
y = 0
for level in (1, 2, 3, 4):
    axes.text(0, y, str(level), color="0.5", va="center")
    y = write(axes, scenes.captions(scene, level, "en", n=1)[0], 3, y, 70)
plt.show()

# %% [markdown]
# ## 4 · What "true" means
#
# A caption that resembles a reference is called good by most metrics. Here we can ask for more. **Parse**
# the sentence into a meaning, **execute** the meaning on the scene graph, and it is true or it is not.
#
# By hand: *a red circle is to the left of a purple cross*. The meaning is
# $\mathrm{Related}(\text{red circle},\ \text{left},\ \text{purple cross})$. Red circles: object 3, at $x = 7.8$. Purple crosses:
# object 2, at $x = 25.1$. Left means that the difference, 17.3, is at least 6 pixels. True.

# %%
print(inspect.getsource(scenes.truth))
print(inspect.getsource(meaning.witnesses))

# %%
sentences = {
    "a red circle is to the left of a purple cross": "en",
    "a purple cross is to the left of a red circle": "en",
    "a blue circle is to the left of a purple cross": "en",
    "exactly two green objects are small": "en",
    "left circle a of is red": "en",
    "一个红色圆形在一个紫色十字形的左边": "zh",
    "一个红色圆形在一个紫色十字形的右边": "zh",
}
for sentence, language in sentences.items():
    found = scenes.truth(sentence, scene, language)
    print(f"{str(found.true):6} {sentence}")
    if not found.true:
        why = found.reason or (
            "it is all there, but the relation fails" if found.objects else "no such object"
        )
        print("       ", why)

# %% [markdown]
# The second sentence uses exactly the words of the first. A metric that counts common words cannot tell
# them apart; execution can. Does the parser itself deserve trust? The proof is a **round trip**: what is
# said must be understood as what was meant, for every level and language, without exception, and all of it
# must be true.

# %%
trips = true = total = 0
for seed in range(150):
    other = scenes.sample_scene(seed)
    for language in ("en", "zh"):
        for level in (1, 2, 3, 4):
            for caption in scenes.captions(other, level, language, n=2 if level != 3 else 1):
                trips += scenes.parse(caption.text, language) == caption.meaning
                true += scenes.truth(caption.text, other, language).true
                total += 1
print(f"{total} captions: understood as meant {trips / total:.0%}, true {true / total:.0%}")

# %% [markdown]
# ### The dead zone
#
# When is something *left* of something else? One pixel of difference nobody would call left. So a spatial
# relation holds from 6 pixels on; nearer pairs are ambiguous: both *left* and *right* are false, and no
# caption or question ever depends on them. A world that asked about them would teach noise.

# %%
print(inspect.getsource(relations.holds).split('    if relation == "above"')[0])
still = scenes.Object("square", "blue", "small", "solid", 32.0, 46.0, 6.0)
moved = scenes.Object("circle", "red", "small", "solid", 32.0, 18.0, 6.0)


def pair(shift):
    """The circle above the square, shifted to the right by so many pixels."""
    return scenes.Scene(0, (replace(moved, x=32.0 + shift), still))


figure, axes = plt.subplots(1, 4, figsize=(9.5, 2.4), width_ratios=[1, 1, 1, 2])
for shift, ax in zip((-14, -4, 14), axes, strict=False):
    ax.imshow(scenes.render(pair(shift)))
    said = [r for r in ("left", "right") if relations.holds(pair(shift), r, 0, 1)]
    ax.set(title=f"Δx = {shift}\n{said[0] if said else 'neither'}", xticks=[], yticks=[])
shifts = np.arange(-20, 20.5, 0.5)
for height, relation in enumerate(("right", "left")):
    holds = [relations.holds(pair(s), relation, 0, 1) for s in shifts]
    axes[3].fill_between(shifts, height, height + np.array(holds) * 0.8, step="mid", alpha=0.7)
axes[3].axvspan(-6, 6, color="0.9", zorder=0)
axes[3].set(yticks=[0.4, 1.4], yticklabels=["right", "left"], xlabel="Δx in pixels")
axes[3].set_title("where each holds; the dead zone is grey", fontsize=9)
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 5 · Questions are programs
#
# A question carries its program, as in CLEVR (Johnson et al., 2017): a list of steps, each reading the
# results of earlier ones. Its last value is the answer, and the objects that were counted or singled out
# are its support.

# %%
question = scenes.make_question(3, "count")
print(question.text, "→", question.answer)
run = scenes.execute(question.program, question.scene)
for i, (step, value) in enumerate(zip(question.program, run.values, strict=True)):
    reads = f"of step {step['inputs'][0]}" if step["inputs"] else ""
    print(f"  step {i}: {step['op']:7}{reads:10} {step.get('value', ''):6} → {value}")

first, second, edit = scenes.make_pair(5, "relate")
print("\na minimal pair:", first.text)
print(f"  {first.answer}; object {edit.object} moved: {second.answer}")

# %% [markdown]
# ## 6 · Can it be answered blindly?
#
# Make questions the obvious way: draw a scene, then ask anything about it. Then let a model answer
# **without the picture**: for every question text, the answer that was most frequent in training. If that
# scores well, a network will learn it too, and never look. The library's way is *answer first*: draw the
# question and its answer, each evenly, and only then build a scene in which it is so.


# %%
def scene_first(seed, family):
    """(question, answer) the obvious way: a scene, then any question of the family that it can answer."""
    draws = scenes.Draws(seed, 99)
    while True:
        form = question_forms.draw_form(family, draws)
        try:
            answer = scenes.execute(form.program(), scenes.sample_scene(draws.integers(1 << 40))).answer
        except programs.ProgramError:
            continue
        return scenes.ask(form, "en", 0)[0], answer


def answer_first(seed, family):
    """(question, answer) the library's way."""
    asked = scenes.make_question(seed, family)
    return scenes.ask(asked.form, "en", 0)[0], asked.answer


families = ("exist", "count", "query_shape", "logic")
blind = {}
for make in (scene_first, answer_first):
    for family in families:
        pairs = [make(seed, family) for seed in range(2400)]
        blind[make, family] = majority_accuracy(pairs[:1800], pairs[1800:])
print("answered without the picture:")
for family in families:
    chance = 1 / len(scenes.ANSWERS[family])
    print(f"  {family:12} chance {chance:.0%}   scene first {blind[scene_first, family]:.0%}   "
          f"answer first {blind[answer_first, family]:.0%}")  # fmt: skip

# %%
figure, ax = plt.subplots(figsize=(7, 2.8))
x = np.arange(len(families))
ax.bar(x - 0.2, [blind[scene_first, f] for f in families], 0.36, label="scene first", color="#c0392b")
ax.bar(x + 0.2, [blind[answer_first, f] for f in families], 0.36, label="answer first", color="#2c7a4b")
for i, family in enumerate(families):
    chance = 1 / len(scenes.ANSWERS[family])
    ax.plot([i - 0.42, i + 0.42], [chance, chance], color="black", lw=1.5, label="chance" if i == 0 else None)
ax.set(xticks=x, xticklabels=families, ylim=(0, 1.15), title="right without looking")
ax.legend(frameon=False, loc="upper center", ncols=3)
plt.show()

# %% [markdown]
# Shapes are drawn evenly, so *what shape* was fair from the start; yes/no and counting were not: most
# things one can ask for are not there. An accuracy of 85 % on *is there a red circle?* may thus mean: has
# seen nothing. Beside every score of this course stands what a blind model reaches.
#
# ## 7 · The same scene in its modalities
#
# What exists now: pixels, text in two languages, questions, and the graph behind them. **Sound and clips
# are derived from the same graph in lesson 6**: there each object becomes a note (its shape the timbre, its
# colour the pitch), and objects move. They are not shown here, because they are built there.

# %%
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.2), width_ratios=[1, 1.15, 1.5])
axes[0].imshow(image)
axes[0].set(title="image", xticks=[], yticks=[])

for relation, line in (("left", "-"), ("above", ":")):
    for i in range(len(scene)):
        for j in range(len(scene)):
            if relations.holds(scene, relation, i, j) and scenes.nearest(scene, j) in (i, None):
                a, b = scene.objects[i], scene.objects[j]
                arrow = {"arrowstyle": "-|>", "ls": line, "shrinkA": 13, "shrinkB": 13, "color": "0.4"}
                bend = {"connectionstyle": f"arc3,rad={0.12 if line == '-' else -0.35}"}
                axes[1].annotate("", (b.x, b.y), (a.x, a.y), arrowprops={**arrow, **bend})
for i, (o, colour) in enumerate(zip(scene.objects, colours, strict=True)):
    axes[1].scatter(o.x, o.y, s=420, color=colour)
    axes[1].text(o.x, o.y, str(i), color="white", weight="bold", ha="center", va="center")
    axes[1].text(o.x, o.y + 9.5, f"{o.size} {o.colour}\n{o.shape}", fontsize=7, ha="center", va="center")
axes[1].set(xlim=(-6, 70), ylim=(68, -4), xticks=[], yticks=[], title="graph (— left of, ··· above)")

axes[2].set(xlim=(0, 46), ylim=(-17, 2), title="text, and a question")
axes[2].axis("off")
y = 0
for level in (2, 4):
    y = write(axes[2], scenes.captions(scene, level, "en", n=1)[0], 0, y, 44)
form = question_forms.Form("query_colour", "", (scenes.Noun(shape="cross", size="big"),))
text = scenes.ask(form, "en", 0)[0]
axes[2].text(0, y - 2, f"{text}", fontsize=9.5, style="italic")
axes[2].text(0, y - 4, f"→ {scenes.execute(form.program(), scene).answer}", fontsize=9.5, weight="bold")
for ax in axes:
    ax.title.set_fontsize(10)
plt.tight_layout()
plt.show()

# %% [markdown]
# ## Exercises
#
# Write between the marks, run the cell, then the check below it. A check answers within a second and says
# what is wrong.
#
# **1.1** Does object `i` stand left of object `j`, dead zone included? Use `scene.objects[i].x` and the
# number `scenes.DEAD_ZONE`.


# %%
def stands_left(scene, i, j):
    """True if object i is left of object j by at least the dead zone."""
    ### BEGIN SOLUTION
    return scene.objects[j].x - scene.objects[i].x >= scenes.DEAD_ZONE
    ### END SOLUTION


# %%
checks.stands_left(stands_left)

# %% [markdown]
# **1.2** Find the lies. Of a list of English sentences return those that are grammatical **and** false of
# the scene, in their order. `scenes.truth(sentence, scene)` tells both.


# %%
def lies(sentences, scene):
    """The sentences that say something, and something false."""
    ### BEGIN SOLUTION
    judged = [(sentence, scenes.truth(sentence, scene)) for sentence in sentences]
    return [sentence for sentence, found in judged if found.grammatical and not found.true]
    ### END SOLUTION


# %%
checks.lies(lies)

# %% [markdown]
# **1.3** The tight box of a mask, half-open: `(x0, y0, x1, y1)` such that `mask[y0:y1, x0:x1]` holds it all.


# %%
def box_of(mask):
    """mask (H, W) bool, not empty → x0, y0, x1, y1."""
    ### BEGIN SOLUTION
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    ### END SOLUTION


# %%
checks.box_of(box_of)

# %% [markdown]
# **1.4** The blind model of section 6. Learn from `train`, a list of (question, answer), the most frequent
# answer to each question; answer a question that was never seen with the most frequent answer of all.
# Return the share of `test` that is right.


# %%
def blind_accuracy(train, test):
    """Lists of (question, answer) → accuracy of the majority answer in [0, 1]."""
    ### BEGIN SOLUTION
    counts, everything = {}, {}
    for asked, answer in train:
        for table in (counts.setdefault(asked, {}), everything):
            table[answer] = table.get(answer, 0) + 1
    guesses = {asked: max(table, key=table.get) for asked, table in counts.items()}
    fallback = max(everything, key=everything.get)
    return sum(guesses.get(asked, fallback) == answer for asked, answer in test) / len(test)
    ### END SOLUTION


# %%
checks.blind_accuracy(blind_accuracy)
