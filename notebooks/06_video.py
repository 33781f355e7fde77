# %% [markdown]
# # 6b · Video: the arrow of time
#
# **You will be able to** prove that a bag of frames cannot tell a clip from its reversal, convolve over
# space and time by hand, factorise that convolution and count its weights, and train a net that sees which
# way time runs.
#
# **Time** about 25 minutes of reading, one minute of computing on a laptop · **Data** none to download ·
# **Follows** §2.1 of the survey.

# %%
import inspect

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import ops, optim
from mmscratch.data import scenes
from mmscratch.random import Generator
from mmscratch.representations.video import C3D, FrameBag, VideoResNet, c3d, resnet, to_clips
from mmscratch.tasks.video.clips import ClipBatches, arrow, scores
from mmscratch.tensor import Tensor
from mmscratch.train import fit

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · A clip is an array with four axes
#
# Time, height, width, colour: $x \in \{0,\dots,255\}^{T\times H\times W\times 3}$. In our world a clip is
# a scene graph for each frame, so of every frame everything is known. Something happens in it: one of
# twelve events, six pairs of antonyms.

# %%
print(scenes.EVENTS)
clip = scenes.make_clip(3, "enters")
frames = scenes.render_clip(clip)
print(clip.event, frames.shape, frames.dtype)
print("x of the one that enters:", clip.positions[:, clip.actors[0], 0].tolist())


# %%
def strip(ax, frames, title):
    """Frames side by side."""
    gap = max(frames.shape[2] // 20, 1)
    apart = np.pad(frames, ((0, 0), (0, 0), (0, gap), (0, 0)), constant_values=255)
    ax.imshow(np.concatenate(list(apart), axis=1), interpolation="nearest")
    ax.set_title(title, fontsize=9, loc="left")
    ax.axis("off")


events = scenes.EVENTS[::2]
figure, axes = plt.subplots(len(events), 1, figsize=(9, 7.6))
for seed, (event, ax) in enumerate(zip(events, axes, strict=True)):
    shown = scenes.render_clip(scenes.make_clip(seed, event, noise=0.0))
    strip(ax, shown, f"{event}  (backwards: {scenes.ANTONYM[event]})")
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 2 · What frames alone cannot know
#
# Shown backwards, the clip is true as well, under the opposite label. Both clips consist of **the same
# frames**, to the last bit of noise. Let $h_t = f(x_t)$ be anything that is computed from frame $t$ alone,
# and let a model see their mean. Addition does not ask in which order:
#
# $$\frac1T\sum_{t=1}^{T} f(x_t) = \frac1T\sum_{t=1}^{T} f(x_{T+1-t}).$$
#
# So the two clips get the same scores, whatever $f$ is and however long it was trained. Of two clips with
# opposite labels one answer is right once: **exactly 50 %**.

# %%
back = clip.reversed()
print(clip.event, "↔", back.event)
print("the same frames:", np.array_equal(scenes.render_clip(back), frames[::-1]))
both = Tensor(np.concatenate([to_clips(frames[:, ::2, ::2]), to_clips(frames[::-1, ::2, ::2])]))
for name, net in (("bag of frames", FrameBag(12, generator=Generator(0))),
                  ("C3D, small", C3D(12, ((4,), (8,)), 16, 8, 32, 0.0, generator=Generator(0)))):  # fmt: skip
    a, b = net(both).detach().numpy()
    print(f"{name:14} same scores forwards and backwards: {np.allclose(a, b, atol=1e-5)}")

# %% [markdown]
# ## 3 · Convolution over space and time
#
# One more axis, and nothing else (Ji et al., 2013; Tran et al., 2015):
#
# $$y[k, t, o] = b[k] + \sum_{c}\sum_{i}\sum_{j} W[k, c, i, j]\; x[c,\, t + i,\, o + j],$$
#
# $i$ runs over frames, $o$ and $j$ are pairs (row, column). By hand: a dot moves right, one place a frame. The
# kernel asks *here now, and one to the right in the next frame?* Forwards it is answered with 2, backwards
# never.

# %%
dot = np.eye(4)[None, None, :, None, :]  # (batch 1, channel 1, time 4, row 1, column 4)
kernel = np.zeros((1, 1, 2, 1, 2))
kernel[0, 0, 0, 0, 0] = kernel[0, 0, 1, 0, 1] = 1
answers = {}
for name, x in (("forwards", dot), ("backwards", np.ascontiguousarray(dot[:, :, ::-1]))):
    answers[name] = ops.conv3d(x, kernel)[0, 0, :, 0]
    print(name, answers[name].astype(int).tolist())

# %%
figure, axes = plt.subplots(1, 5, figsize=(9, 2.1), width_ratios=[4, 2, 3, 4, 3])
pictures = [("a dot moves right", dot[0, 0, :, 0]), ("kernel", kernel[0, 0, :, 0]),
            ("answer", answers["forwards"]), ("backwards", dot[0, 0, ::-1, 0]),
            ("answer", answers["backwards"])]  # fmt: skip
for (title, values), ax in zip(pictures, axes, strict=True):
    ax.imshow(values, cmap="Greys", vmin=0, vmax=2)
    ax.set(title=title, xticks=[], yticks=[], xlabel="place", ylabel="time")
    ax.title.set_fontsize(9)
    for (t, place), value in np.ndenumerate(values):
        ax.text(place, t, int(value), ha="center", va="center", color="white" if value > 1 else "0.4")
plt.tight_layout()
plt.show()

# %% [markdown]
# C3D is eight of these in a row, all $3\times3\times3$, with pooling between them. The first pooling leaves
# time alone. Its parameters, from the table of the paper:

# %%
total, n_in, lines = 0, 3, []
for stage in c3d.PAPER:
    for n_out in stage:
        total += 27 * n_in * n_out + n_out
        n_in = n_out
print(f"eight convolutions        {total:12,}")
dense = (512 * 1 * 4 * 4 + 1) * 4096 + (4096 + 1) * 4096
print(f"fc6 and fc7               {dense:12,}")
for classes in (101, 487):
    print(f"whole, {classes} classes        {total + dense + classes * 4097:12,}")

# %% [markdown]
# ## 4 · (2 + 1) dimensions
#
# A $t\times d\times d$ convolution can be taken apart: first over space ($1\times d\times d$) into $M$
# channels, then over time ($t\times1\times1$). Tran et al. (2018) choose $M$ so that the weights are as many
# as before:
#
# $$M\,(d^2 N_\text{in} + t\,N_\text{out}) = t\,d^2 N_\text{in} N_\text{out}\quad\Rightarrow\quad
# M = \left\lfloor\frac{t\,d^2 N_\text{in} N_\text{out}}{d^2 N_\text{in} + t\,N_\text{out}}\right\rfloor .$$
#
# What is gained: a nonlinearity between the two, and two simpler problems for the optimizer.

# %%
print(inspect.getsource(resnet.middle_width))
for n_in, n_out in ((64, 64), (64, 128), (128, 128), (256, 512)):
    m = resnet.middle_width(n_in, n_out)
    parts = m * (9 * n_in + 3 * n_out)
    print(f"{n_in:4} → {n_out:4}  M = {m:4}  whole {27 * n_in * n_out:9,}  in two {parts:9,}")

# %% [markdown]
# ## 5 · Which way does time run?
#
# Two nets learn the twelve events from the same clips: the bag of frames, and a small R(2+1)D. Two figures
# on clips that neither has seen: the **event**, right of twelve; and the **arrow**, whether the right event
# scores higher than its antonym (chance: 50 %).

# %%
clips = scenes.load_clips("clips:train=360,val=12,test=60,size=16,frames=6,stills=1")
train, test = clips.split("train"), clips.split("test")


def teach(model, epochs=16, lr=8e-3):
    """Cross-entropy on all training clips, a learning rate that rises and falls."""
    batches = ClipBatches(train.frames, train.labels, 24, seed=0)
    optimizer, steps = optim.AdamW(model.parameters(), lr=lr), epochs * len(batches)
    fit(
        model, lambda batch: ops.cross_entropy(model(Tensor(batch[0])), Tensor(batch[1])), batches,
        optimizer=optimizer, steps=steps, clip=5.0, progress=False,
        schedule=optim.OneCycleLR(optimizer, max_lr=lr, total_steps=steps),
    )  # fmt: skip
    return model


nets = {
    "bag of frames": teach(FrameBag(12, (8, 16), 32, generator=Generator(0))),
    "R(2+1)D": teach(VideoResNet("2+1", 12, (8, 16), (1, 1), stem=6, stem_size=3, generator=Generator(0))),
}
found = {name: scores(net, test.frames) for name, net in nets.items()}
points = {name: float(arrow(s, test.labels).mean()) for name, s in found.items()}
print("the bag's arrow is 50 %:              ", abs(points["bag of frames"] - 0.5) < 0.02)
print("R(2+1)D's arrow is right in over 90 %:", points["R(2+1)D"] > 0.9)

# %%
rows = [0, 1, 6, 7, 10, 11]
figure, axes = plt.subplots(len(rows), 1, figsize=(9, 7.4))
for i, ax in zip(rows, axes, strict=True):
    said = [f"{name}: {scenes.EVENTS[s[i].argmax()]}" for name, s in found.items()]
    strip(ax, test.frames[i], f"{test.clips[i].event}      " + "      ".join(said))
plt.tight_layout()
plt.show()

# %% [markdown]
# Each pair of rows is one clip and its reversal: the bag says the same twice. And if the frames of the
# clips are shuffled at test time, what the other net has learned is worth nothing:

# %%
order = np.argsort(rng.random((len(test), 6)), axis=1)
mixed = np.take_along_axis(test.frames, order[:, :, None, None, None], axis=1)
shuffled_arrow = float(arrow(scores(nets["R(2+1)D"], mixed), test.labels).mean())
print("shuffled frames: near chance", abs(shuffled_arrow - 0.5) < 0.15)

# %% [markdown]
# ## Exercises
#
# Write between the marks, run the cell, then the check below it.
#
# **6.5** Show a clip backwards. `frames` is (T, H, W, 3); nothing else may change.


# %%
def backwards(frames):
    """(T, H, W, 3) → the same frames from the last to the first."""
    ### BEGIN SOLUTION
    return frames[::-1]
    ### END SOLUTION


# %%
checks.backwards(backwards)

# %% [markdown]
# **6.6** Convolution over time alone: `x` (T,), `w` (I,), $y[t] = \sum_i w[i]\,x[t+i]$, without padding.


# %%
def convolve_time(x, w):
    """x (T,), w (I,) → y (T − I + 1,)."""
    ### BEGIN SOLUTION
    return np.array([(w * x[t : t + len(w)]).sum() for t in range(len(x) - len(w) + 1)])
    ### END SOLUTION


# %%
checks.convolve_time(convolve_time)

# %% [markdown]
# **6.7** How many weights does a (2+1)D convolution have (no bias), from `n_in` to `n_out` channels with a
# $t\times d\times d$ window? First find $M$, then count both parts.


# %%
def factorised_weights(n_in, n_out, t, d):
    """Weights of 1×d×d to M channels and t×1×1 to n_out."""
    ### BEGIN SOLUTION
    m = t * d * d * n_in * n_out // (d * d * n_in + t * n_out)
    return m * (d * d * n_in + t * n_out)
    ### END SOLUTION


# %%
checks.factorised_weights(factorised_weights)
