# %% [markdown]
# # 5 · Pictures as vectors
#
# **You will be able to** say what a convolution sees and what its gradient is, spot the most common silent
# bug of image models, turn boxes into vectors, compute IoU, non-maximum suppression and average precision by
# hand, read a detector's output, and let the nodes of a scene graph hear each other.
#
# **Time** about 45 minutes of reading, 40 seconds of computing on a laptop · **Data** none to download ·
# **Follows** §2.1 of the survey: CNN features, detection features, scene-graph features.

# %%
import dataclasses
import inspect

import checks
import matplotlib.pyplot as plt
import numpy as np

import mmscratch as mm
from mmscratch import ops, optim
from mmscratch.data import scenes
from mmscratch.data.image import to_float
from mmscratch.metrics import average_precision, box_iou, precision_recall
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.nn.graph import normalized_adjacency
from mmscratch.random import Generator
from mmscratch.representations.image import (
    Detector,
    load_detector,
    nms,
    region_features,
    scene_graphs,
)
from mmscratch.representations.image.detector import detection_targets
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.image import attributes, detection, neighbours

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
split = load_scenes("scenes:train=0,val=0,test=120,heldout_pairs=0,positions=all,seed=5", "test")
picture = split.floats()[:1]  # (1, 3, 64, 64)

# %% [markdown]
# ## 1 · What a convolution sees
#
# A convolution lays a small window of weights on every place of a picture and asks: how much does it look
# like this here?
#
# $$y_{k}[i, j] = b_k + \sum_{c, u, v} W_{k,c}[u, v]\; x_c[i + u,\ j + v] .$$
#
# The same weights everywhere: what is learnt in one corner is known in all (LeCun et al., 1998). A window
# with the rows $(-1, 0, 1)$ answers to edges where it gets brighter to the right, and to nothing flat.

# %%
upright = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
windows = np.stack([np.stack([w / 3] * 3) for w in (upright, upright.T)]).astype(np.float32)
edges = ops.conv2d(picture, windows, padding=1)
patch = picture[0, :, 19:22, 29:32]
print(
    "by hand at row 20, column 30:", np.allclose((windows[0] * patch).sum(), edges[0, 0, 20, 30], atol=1e-5)
)

figure, axes = plt.subplots(1, 3, figsize=(8, 2.8))
axes[0].imshow(split.images[0])
for ax, found, title in zip(axes[1:], edges[0], ("brighter to the right", "brighter below"), strict=True):
    ax.imshow(found, cmap="RdBu_r", vmin=-2.5, vmax=2.5)
    ax.set_title(title)
for ax in axes:
    ax.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Going back, the gradient of a weight adds up, over all places, the pixel that it was laid on times the
# gradient of what came out:
#
# $$\frac{\partial L}{\partial W_{k,c}[u, v]} = \sum_{i, j} \frac{\partial L}{\partial y_k[i, j]}\; x_c[i + u,\ j + v],$$
#
# a correlation again, of the picture with the gradient. The definition of the derivative agrees:

# %%
x = mm.tensor(np.random.default_rng(0).normal(size=(1, 2, 4, 4)))
weight = mm.tensor(np.random.default_rng(1).normal(size=(1, 2, 3, 3)), requires_grad=True)
y = ops.conv2d(x, weight)
dy = np.arange(1.0, 5).reshape(1, 1, 2, 2)
y.backward(mm.tensor(dy))
by_hand = sum(dy[0, 0, i, j] * x.data[0, :, i : i + 3, j : j + 3] for i in range(2) for j in range(2))
print(
    "a correlation:",
    np.allclose(weight.grad[0], by_hand),
    "  gradcheck:",
    mm.gradcheck(ops.conv2d, x, weight),
)

# %% [markdown]
# ## 2 · Filters nobody drew
#
# The scene network's first layer has 32 windows of 3 × 3 pixels, learnt by telling shapes, colours and sizes
# apart. Above: eight of them, as the colours that they look for. Below: where they find it.

# %%
network = load_pretrained()
filters = network.conv1.weight.detach().numpy()
maps = network.conv1(mm.tensor(picture - 0.5)).detach().numpy()[0]
strongest = np.argsort(-maps.max((1, 2)), kind="stable")[:8]
figure, axes = plt.subplots(2, 8, figsize=(9.5, 2.6))
for ax, k in zip(axes.T, strongest, strict=True):
    ax[0].imshow(0.5 + 0.5 * filters[k].transpose(1, 2, 0) / np.abs(filters[k]).max())
    ax[1].imshow(maps[k], cmap="magma")
    for a in ax:
        a.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("window")
axes[1, 0].set_ylabel("answer")
plt.show()
print("a picture", picture.shape, "becomes", network.features(mm.tensor(picture)).shape)

# %% [markdown]
# Three strided layers later, each of 8 × 8 cells is described by 128 numbers. This *grid of features* is
# what captioners attend to (Xu et al., 2015).
#
# ## 3 · The first silent bug
#
# A network knows pictures only in the form in which it was trained: order of channels, scale, mean. Give it
# another and nothing stops: the shapes fit, numbers come out. Published weights differ: PyTorch's VGG wants
# red-green-blue in $[0, 1]$, less a mean, over a deviation; Keras's and Caffe's want blue-green-red in
# $[0, 255]$ less $(103.939, 116.779, 123.68)$. Our network wants red-green-blue in $[0, 1]$:


# %%
def all_right(images):
    """Shares of shape, colour and size that the scene network names right."""
    found = attributes.judge(network, dataclasses.replace(split, images=images))
    return {head: round(found[f"{head} right"], 1) for head in ("shape", "colour", "size")}


print("as trained            ", all_right(split.images))
print("blue and red exchanged", all_right(np.ascontiguousarray(split.images[..., ::-1])))
print("a quarter as bright   ", all_right(split.images // 4))

# %% [markdown]
# No error either time. With the channels exchanged all shapes and sizes are right, so the mistake may go
# unnoticed for months: the worst kind of bug. Test your preprocessing with a picture whose answer you know.
#
# ## 4 · From boxes to vectors
#
# Cells do not care where objects end. *Regions* do: a box, and what the grid holds inside it. Boxes do not
# fall on cells, so the grid is read between them, bilinearly, at a few points per bin (RoIAlign, He et al.,
# 2017). Since both the reading and the mean are products of a part in $y$ and one in $x$, a whole region is
# two small matrix products, $Y = A\,X B^{\mathsf T}$, and so the gradient is $A^{\mathsf T}\,\partial Y\,B$.
#
# The world knows its boxes: these regions are *oracle* features. Where the box is, and its size, go along.

# %%
grid = network.features(mm.tensor(split.floats()[:4]))
boxes = [scenes.boxes(scene) for scene in split.scenes[:4]]
regions = region_features(grid, boxes, 64)
print("regions", regions.values.shape, " objects of each picture", regions.lengths)
print("box", boxes[0][0], "→ geometry", regions.values[0, 0, -5:].round(2))

# %% [markdown]
# ## 5 · When is a box right?
#
# *Intersection over union*: what two boxes share, over what they cover together. By hand, two squares of
# side 10, one shifted by 5 to the right: they share $5 \cdot 10 = 50$, and cover $100 + 100 - 50 = 150$. IoU
# is $1/3$. A detection usually counts as right from $1/2$ on.

# %%
print("IoU", box_iou([[0, 0, 10, 10]], [[5, 0, 15, 10], [0, 0, 10, 10], [20, 0, 30, 10]]).round(3)[0])

# %% [markdown]
# A detector says one thing several times, from neighbouring cells. *Non-maximum suppression* keeps the
# best-scoring box, drops all that overlap it too much, and goes on with what is left.

# %%
print(inspect.getsource(nms))
found = load_detector()
said = split.floats()[:4]
before = sum(len(d) for d in found.detect(split.floats(), threshold=0.02, iou=1.0, most=64))
after = sum(len(d) for d in found.detect(split.floats(), threshold=0.02, iou=0.5, most=64))
objects = sum(len(scene) for scene in split.scenes)
print("boxes before and after, an object:", round(before / objects, 1), round(after / objects, 1))

# %% [markdown]
# **Average precision.** Sort all detections of all pictures by score. After the $k$ best, *precision* is the
# share of them that is right, *recall* the share of the objects that was found. Three objects, and
# detections that are right, wrong, right:
#
# | after | precision | recall |
# |---|---|---|
# | 1 | 1 | 1/3 |
# | 2 | 1/2 | 1/3 |
# | 3 | 2/3 | 2/3 |
#
# AP is the area under the curve once each precision is replaced by the best at this recall or later:
# $\tfrac13 \cdot 1 + \tfrac13 \cdot \tfrac23 + \tfrac13 \cdot 0 = \tfrac59$. So says Pascal VOC since 2010; COCO
# reads the curve at 101 recalls instead. Two papers' "AP" may differ by that alone.

# %%
square, second, third = [0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]
detections = [([square, [60, 0, 70, 10], second], [0.9, 0.8, 0.7])]
for convention in ("voc", "coco"):
    print(convention, round(average_precision(detections, [[square, second, third]], 0.5, convention), 4))

# %% [markdown]
# ## 6 · A detector
#
# Every cell says: how sure it is that an object's centre lies in it, the box beside the cell, and the kind.
# A box is coded by $t = (c_x/s - j,\ c_y/s - i,\ \ln(w/s),\ \ln(h/s))$ for the cell in row $i$, column $j$, of
# side $s$. Nearly all cells are empty, so what is easy must weigh little: the focal loss multiplies the
# cross-entropy by $(1 - p_t)^2$.
#
# Trained here on 24 scenes only, for a few seconds:

# %%
few = [scenes.sample_scene(seed) for seed in range(24)]
few_pictures = to_float(np.stack([scenes.render(scene) for scene in few]))
targets = detection_targets(*detection.truths(few), 64)
pupil = Detector((12, 24, 32, 32), generator=Generator(0))
optimizer = optim.Adam(pupil.parameters(), lr=5e-3)
losses = []
for _ in range(60):
    loss = pupil.loss(pupil(mm.tensor(few_pictures))[1], targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print("the loss falls to less than a half:", losses[-1] < losses[0] / 2)

# %% [markdown]
# It has learnt something of these scenes. The weights that ship saw 4,000 (`mmscratch train detection`); their
# boxes on pictures that they never saw, with the truth in black:

# %%
figure, axes = plt.subplots(1, 4, figsize=(10, 2.9))
for ax, image, true, d in zip(axes, split.images, boxes, found.detect(said, threshold=0.3), strict=False):
    ax.imshow(image)
    for shown, style in ((true, {"ec": "black", "lw": 2.4}), (d.boxes, {"ec": "#ff2fa0", "lw": 1.2})):
        for x0, y0, x1, y1 in shown:
            ax.add_patch(plt.Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, **style))
    for (x0, y0, *_), score, k in zip(d.boxes, d.scores, d.labels["shape"], strict=True):
        ax.text(x0, y0 - 1.5, f"{scenes.SHAPES[k]} {score:.1f}", fontsize=6)
    ax.set(xticks=[], yticks=[])
plt.show()

# %%
true = detection.truths(split.scenes)[0]
trained = [(d.boxes, d.scores) for d in found.detect(split.floats())]
pupils = [(d.boxes, d.scores) for d in pupil.eval().detect(split.floats())]
others = {"4,000 scenes": trained, "24 scenes": pupils, "control": trained[1:] + trained[:1]}
figure, ax = plt.subplots(figsize=(5, 3.2))
for name, each in others.items():
    curve = precision_recall(each, true)
    ax.plot(curve.recall, curve.precision, label=name)
ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.05))
ax.legend(frameon=False, fontsize=8, title="detector trained on")
plt.show()
scores = {name: average_precision(each, true) for name, each in others.items()}
print("AP@.5 of 4,000 scenes above .95:", scores["4,000 scenes"] > 0.95)
print("AP@.5 of another picture's boxes below .05:", scores["control"] < 0.05)
print("24 scenes teach less than 4,000:", scores["24 scenes"] < scores["4,000 scenes"])

# %% [markdown]
# The third curve is the control: boxes of *another* picture lie at the floor, so the detector does look. Learned
# regions go the same way as oracle ones, `found.regions(pictures)`, but a model fed with them is another
# model: never put both into one row of a table.
#
# ## 7 · A graph of objects
#
# A scene graph says who stands how to whom. A *graph convolution* (Kipf & Welling, 2017) lets each node hear
# its neighbours, and itself:
#
# $$H' = \hat A H W, \qquad \hat A = \tilde D^{-1/2}(A + I)\tilde D^{-1/2} .$$
#
# The degrees $\tilde D$ are in it so that nodes with many neighbours do not shout. By hand, a path of three:
# the degrees with loops are 2, 3, 2, and so $\hat A_{11} = 1/2$, $\hat A_{12} = 1/\sqrt 6$.

# %%
path = np.array([[[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]])
print(normalized_adjacency(mm.tensor(path)).numpy()[0].round(3))
graphs = scene_graphs(split.scenes[1:2])
figure, axes = plt.subplots(1, 4, figsize=(9, 2.6))
for ax, name in zip(axes, ("left", "above", "bigger", "nearest"), strict=True):
    ax.imshow(graphs.edges[0, graphs.relations.index(name)], cmap="Greys", vmin=0, vmax=1)
    ax.set(title=name, xlabel="who stands so", ylabel="to whom", xticks=range(5), yticks=range(5))
plt.show()

# %% [markdown]
# Does it help? Ask every node: *what colour is the object nearest to you?* Its own attributes say nothing of
# it. A relational network (R-GCN, Schlichtkrull et al., 2018), with a matrix for each kind of edge, reads it
# off; the same network without edges is at chance, one in six.

# %%
learn = load_scenes("scenes:train=0,val=0,test=400,heldout_pairs=0,positions=all,seed=6", "test").scenes
for which in ("whole", "no edges"):
    answer = neighbours.measure(learn, split.scenes, "rgcn", which, steps=100)["right"]
    print(f"{which:9} more than 9 in 10 right: {answer > 0.9},  more than 1 in 4: {answer > 0.25}")

# %% [markdown]
# ## What to correct in §2.1
#
# | the survey says | what we found |
# |---|---|
# | use a pretrained CNN's features | with *its* preprocessing; another one gives no error, only worse answers |
# | detection yields the objects' features | given boxes and found boxes are two experiments; say which |
# | precision of a detector | AP has conventions: matching, interpolation, threshold; name them |
# | a scene graph describes relations | a plain GCN cannot tell *left* from *right*: edges need types |
#
# ## Exercises
#
# **5.1** Intersection over union of two boxes $x_0, y_0, x_1, y_1$ (half-open). They may be apart.


# %%
def overlap(a, b):
    """a, b: four numbers each → IoU."""
    ### BEGIN SOLUTION
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)
    ### END SOLUTION


# %%
checks.overlap(overlap)

# %% [markdown]
# **5.2** Non-maximum suppression: from the matrix of all IoUs and the scores, the numbers of the boxes that
# stay, best first. A box goes if its IoU with one that stays is larger than the threshold.


# %%
def thin(iou, scores, threshold):
    """iou (N, N), scores (N,) → list of numbers."""
    ### BEGIN SOLUTION
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(iou[i, j] <= threshold for j in kept):
            kept.append(int(i))
    return kept
    ### END SOLUTION


# %%
checks.thin(thin)

# %% [markdown]
# **5.3** Average precision, all points: `right` says of each detection, best score first, whether it found an
# object; `count` objects were there to be found.


# %%
def area(right, count):
    """right: bool (N,), best first; count → AP."""
    ### BEGIN SOLUTION
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    best_later = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best_later[np.asarray(right, bool)].sum() / count)
    ### END SOLUTION


# %%
checks.area(area)

# %% [markdown]
# **5.4** One graph convolution without weights: $\hat A H$, for a symmetric `adjacency` without loops.


# %%
def hear(adjacency, h):
    """adjacency (N, N) of 0 and 1, h (N, D) → (N, D)."""
    ### BEGIN SOLUTION
    loops = adjacency + np.eye(len(adjacency))
    root = 1 / np.sqrt(loops.sum(axis=1))
    return (root[:, None] * loops * root) @ h
    ### END SOLUTION


# %%
checks.hear(hear)
