# %% [markdown]
# # 5 · 把图像变成向量
#
# **学完这一课，你能够** 说清卷积看见了什么、它的梯度是什么，认出图像模型里最常见的“无声错误”，把方框变成向量，亲手算出交并比、非极大值抑制和平均精度，读懂检测器的输出，并让场景图的结点彼此“听见”。
#
# **用时** 阅读约 45 分钟，笔记本电脑上计算约 40 秒 · **数据** 无需下载 · **对应** 综述 §2.1：CNN 特征、目标检测特征、场景图特征。

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
# ## 1 · 卷积看见了什么
#
# 卷积把一小块权重放到图像的每一个位置上，问：这里像不像我？
#
# $$y_{k}[i, j] = b_k + \sum_{c, u, v} W_{k,c}[u, v]\; x_c[i + u,\ j + v] .$$
#
# 各处用的是同一组权重：在一个角落学到的，处处都会（LeCun 等，1998）。每一行都是 $(-1, 0, 1)$ 的窗口，只对“向右变亮”的边缘有反应，对平坦的地方毫无反应。

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
# 反过来，一个权重的梯度，是在所有位置上把它压住的像素乘以那里输出的梯度，再加起来：
#
# $$\frac{\partial L}{\partial W_{k,c}[u, v]} = \sum_{i, j} \frac{\partial L}{\partial y_k[i, j]}\; x_c[i + u,\ j + v],$$
#
# 还是一次相关运算，只不过是图像与梯度之间的。用导数的定义来核对：

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
# ## 2 · 没有人画过的滤波器
#
# 场景网络的第一层有 32 个 3 × 3 像素的窗口，是在分辨形状、颜色和大小的过程中学会的。上排：其中八个，画成它们所寻找的颜色；下排：它们在哪里找到了。

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
# 再经过三层，8 × 8 个格子各由 128 个数描述。图像描述模型所“注意”的，就是这张 *网格特征*（Xu 等，2015）。
#
# ## 3 · 第一个无声的错误
#
# 网络只认识训练时那种样子的图像：通道次序、尺度、均值。换一种样子，什么也不会报错：形状对得上，数也照样算出来。公开的权重各不相同：PyTorch 的 VGG 要红绿蓝、范围 $[0, 1]$、减均值再除以标准差；Keras 和 Caffe 的要蓝绿红、范围 $[0, 255]$、减去 $(103.939, 116.779, 123.68)$。我们的网络要红绿蓝、范围 $[0, 1]$：


# %%
def all_right(images):
    """Shares of shape, colour and size that the scene network names right."""
    found = attributes.judge(network, dataclasses.replace(split, images=images))
    return {head: round(found[f"{head} right"], 1) for head in ("shape", "colour", "size")}


print("as trained            ", all_right(split.images))
print("blue and red exchanged", all_right(np.ascontiguousarray(split.images[..., ::-1])))
print("a quarter as bright   ", all_right(split.images // 4))

# %% [markdown]
# 两次都没有任何报错。通道弄反时，形状和大小全对，这个错误可能几个月都没人发现：这正是最坏的一类错误。请用一张你知道答案的图像来检验预处理。
#
# ## 4 · 从方框到向量
#
# 格子不管物体到哪里为止，*区域* 才管：一个方框，以及网格在框内的内容。方框不会正好落在格子上，所以要在每个小区间里取几个点，用双线性插值从格子之间读数（RoIAlign，He 等，2017）。读数和求平均都能拆成 $y$ 方向与 $x$ 方向两部分之积，因此整个区域就是两次小矩阵乘法 $Y = A\,X B^{\mathsf T}$，梯度就是 $A^{\mathsf T}\,\partial Y\,B$。
#
# 这个世界知道自己的方框：这样得到的是 *先知*（oracle）特征。方框的位置和大小也一并附上。

# %%
grid = network.features(mm.tensor(split.floats()[:4]))
boxes = [scenes.boxes(scene) for scene in split.scenes[:4]]
regions = region_features(grid, boxes, 64)
print("regions", regions.values.shape, " objects of each picture", regions.lengths)
print("box", boxes[0][0], "→ geometry", regions.values[0, 0, -5:].round(2))

# %% [markdown]
# ## 5 · 方框怎样才算对？
#
# *交并比*（IoU）：两个方框共有的面积，除以它们合起来盖住的面积。手算：两个边长 10 的正方形，其中一个右移 5：共有 $5 \cdot 10 = 50$，合起来 $100 + 100 - 50 = 150$，交并比是 $1/3$。通常从 $1/2$ 起才算检测正确。

# %%
print("IoU", box_iou([[0, 0, 10, 10]], [[5, 0, 15, 10], [0, 0, 10, 10], [20, 0, 30, 10]]).round(3)[0])

# %% [markdown]
# 检测器会把同一个物体说上好几遍，因为相邻的格子都看见了它。*非极大值抑制* 留下得分最高的方框，丢掉与它重叠过多的，再对剩下的继续这样做。

# %%
print(inspect.getsource(nms))
found = load_detector()
said = split.floats()[:4]
before = sum(len(d) for d in found.detect(split.floats(), threshold=0.02, iou=1.0, most=64))
after = sum(len(d) for d in found.detect(split.floats(), threshold=0.02, iou=0.5, most=64))
objects = sum(len(scene) for scene in split.scenes)
print("boxes before and after, an object:", round(before / objects, 1), round(after / objects, 1))

# %% [markdown]
# **平均精度**（AP）。把所有图像的所有检测按得分排序。取前 $k$ 个时，*精确率* 是其中正确的比例，*召回率* 是已找到的物体的比例。设有三个物体，检测依次为对、错、对：
#
# | 取到 | 精确率 | 召回率 |
# |---|---|---|
# | 1 | 1 | 1/3 |
# | 2 | 1/2 | 1/3 |
# | 3 | 2/3 | 2/3 |
#
# 先把每个精确率换成“在这个召回率或更高处的最大精确率”，曲线下的面积就是 AP：$\tfrac13 \cdot 1 + \tfrac13 \cdot \tfrac23 + \tfrac13 \cdot 0 = \tfrac59$。Pascal VOC 自 2010 年起这样算；COCO 则在 101 个召回率上读这条曲线。仅此一点，两篇论文的“AP”就可能不同。

# %%
square, second, third = [0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]
detections = [([square, [60, 0, 70, 10], second], [0.9, 0.8, 0.7])]
for convention in ("voc", "coco"):
    print(convention, round(average_precision(detections, [[square, second, third]], 0.5, convention), 4))

# %% [markdown]
# ## 6 · 检测器
#
# 每个格子要说：有多大把握某个物体的中心在我这里，它的方框相对于我在哪里，它是哪一类。对边长为 $s$、位于第 $i$ 行第 $j$ 列的格子，方框写成 $t = (c_x/s - j,\ c_y/s - i,\ \ln(w/s),\ \ln(h/s))$。几乎所有格子都是空的，所以容易判断的格子必须占很小的分量：focal loss 给交叉熵乘上 $(1 - p_t)^2$。
#
# 这里只用 24 个场景训练几秒钟：

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
# 它从这些场景里学到了一点东西。随库发布的权重看过 4,000 个场景（`mmscratch train detection`）；下面是它在从未见过的图像上画的方框，黑色是真值：

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
# 第三条曲线是对照：用的是 *另一张* 图像的方框。它贴着底线，可见检测器确实在看图。学到的区域与先知区域的用法一样，即 `found.regions(pictures)`；但用它们喂出来的模型是另一个模型，绝不要把两者放进表格的同一行。
#
# ## 7 · 物体组成的图
#
# 场景图说明谁相对于谁处在什么关系。*图卷积*（Kipf & Welling，2017）让每个结点听见它的邻居和它自己：
#
# $$H' = \hat A H W, \qquad \hat A = \tilde D^{-1/2}(A + I)\tilde D^{-1/2} .$$
#
# 式中的度数 $\tilde D$ 使邻居多的结点不至于“嗓门”太大。手算三个结点连成的一条路：加上自环后度数是 2、3、2，于是 $\hat A_{11} = 1/2$，$\hat A_{12} = 1/\sqrt 6$。

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
# 这有用吗？问每个结点：*离你最近的物体是什么颜色？* 它自己的属性对此一无所知。关系网络（R-GCN，Schlichtkrull 等，2018）给每一种边各配一个矩阵，直接就能读出答案；同一个网络去掉边，就只剩随机水平，六分之一。

# %%
learn = load_scenes("scenes:train=0,val=0,test=400,heldout_pairs=0,positions=all,seed=6", "test").scenes
for which in ("whole", "no edges"):
    answer = neighbours.measure(learn, split.scenes, "rgcn", which, steps=100)["right"]
    print(f"{which:9} more than 9 in 10 right: {answer > 0.9},  more than 1 in 4: {answer > 0.25}")

# %% [markdown]
# ## §2.1 需要更正之处
#
# | 综述说 | 我们发现 |
# |---|---|
# | 使用预训练 CNN 的特征 | 要用 *它的* 预处理；换一种不会报错，只会答得更差 |
# | 检测得到物体的特征 | 给定的方框与找到的方框是两个实验，要说明是哪一个 |
# | 检测器的精度 | AP 有多种约定：匹配、插值、阈值，都要写明 |
# | 场景图描述关系 | 普通 GCN 分不清“左”和“右”：边需要类型 |
#
# ## 练习
#
# **5.1** 两个方框 $x_0, y_0, x_1, y_1$（半开区间）的交并比。它们可能互不相交。


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
# **5.2** 非极大值抑制：已知所有两两交并比的矩阵和得分，给出留下的方框的编号，得分高的在前。一个方框若与某个留下的方框的交并比大于阈值，就被去掉。


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
# **5.3** 平均精度（所有点）：`right` 按得分从高到低说明每个检测是否找到了物体；一共有 `count` 个物体。


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
# **5.4** 一次不带权重的图卷积 $\hat A H$，`adjacency` 对称且没有自环。


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
