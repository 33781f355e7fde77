# %% [markdown]
# # 6b · 视频：时间之箭
#
# **学完这一课，你能够** 证明“帧的集合”分不清一个片段与它的倒放，手算时空卷积，把这种卷积分解并数清权重，再训练一个看得出时间方向的网络。
#
# **用时** 阅读约 25 分钟，笔记本电脑上计算约一分钟 · **数据** 无需下载 · **对应** 综述第 2.1 节。

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
# ## 1 · 片段是一个四轴数组
#
# 时间、高、宽、颜色：$x \in \{0,\dots,255\}^{T\times H\times W\times 3}$。在我们的世界里，片段的每一帧都有一张场景图，所以每一帧的一切都是已知的。片段里会发生一件事，共十二种，六对反义词。

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
# ## 2 · 单看各帧无法知道的事
#
# 倒着放，片段同样真实，只是标签变成了反义词。两个片段由**同样的帧**组成，连噪声的最后一位都相同。设 $h_t = f(x_t)$ 是只由第 $t$ 帧算出的任何东西，模型只看它们的平均。加法不问先后：
#
# $$\frac1T\sum_{t=1}^{T} f(x_t) = \frac1T\sum_{t=1}^{T} f(x_{T+1-t}).$$
#
# 所以不论 $f$ 是什么、训练了多久，两个片段得到的分数都一样。标签相反的两个片段，同一个答案恰好对一次：**正好 50 %**。

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
# ## 3 · 时空卷积
#
# 只多一个轴，别的都不变（Ji 等，2013；Tran 等，2015）：
#
# $$y[k, t, o] = b[k] + \sum_{c}\sum_{i}\sum_{j} W[k, c, i, j]\; x[c,\, t + i,\, o + j],$$
#
# $i$ 跑遍各帧，$o$ 与 $j$ 是（行，列）对。手算一例：一个点向右移动，每帧一格。卷积核问的是：*此刻在这里，下一帧在右边一格吗？* 正放时答案是 2，倒放时从来不是。

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
# C3D 就是八层这样的卷积，全是 $3\times3\times3$，中间夹着池化。第一次池化不动时间轴。按论文的表格数一数参数：

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
# ## 4 · (2 + 1) 维
#
# $t\times d\times d$ 的卷积可以拆开：先在空间上（$1\times d\times d$）卷到 $M$ 个通道，再在时间上（$t\times1\times1$）卷。Tran 等（2018）选取 $M$，使权重的个数与原来相同：
#
# $$M\,(d^2 N_\text{in} + t\,N_\text{out}) = t\,d^2 N_\text{in} N_\text{out}\quad\Rightarrow\quad
# M = \left\lfloor\frac{t\,d^2 N_\text{in} N_\text{out}}{d^2 N_\text{in} + t\,N_\text{out}}\right\rfloor .$$
#
# 好处是：两者之间多了一次非线性，优化器面对的是两个更简单的问题。

# %%
print(inspect.getsource(resnet.middle_width))
for n_in, n_out in ((64, 64), (64, 128), (128, 128), (256, 512)):
    m = resnet.middle_width(n_in, n_out)
    parts = m * (9 * n_in + 3 * n_out)
    print(f"{n_in:4} → {n_out:4}  M = {m:4}  whole {27 * n_in * n_out:9,}  in two {parts:9,}")

# %% [markdown]
# ## 5 · 时间朝哪边走？
#
# 两个网络在同样的片段上学习十二种事件：帧的集合，以及一个小的 R(2+1)D。在两者都没见过的片段上看两个数字：**事件**，十二选一是否正确；**箭头**，正确事件的分数是否高于它的反义词（瞎猜是 50 %）。

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
# 每两行是一个片段和它的倒放：帧的集合两次说的是同一句话。如果测试时把帧的次序打乱，另一个网络学到的东西也就一文不值了：

# %%
order = np.argsort(rng.random((len(test), 6)), axis=1)
mixed = np.take_along_axis(test.frames, order[:, :, None, None, None], axis=1)
shuffled_arrow = float(arrow(scores(nets["R(2+1)D"], mixed), test.labels).mean())
print("shuffled frames: near chance", abs(shuffled_arrow - 0.5) < 0.15)

# %% [markdown]
# ## 练习
#
# 在两个标记之间书写，运行该单元，再运行下面的检查。
#
# **6.5** 把片段倒过来放。`frames` 的形状是 (T, H, W, 3)，别的都不许变。


# %%
def backwards(frames):
    """(T, H, W, 3) → the same frames from the last to the first."""
    ### BEGIN SOLUTION
    return frames[::-1]
    ### END SOLUTION


# %%
checks.backwards(backwards)

# %% [markdown]
# **6.6** 只在时间上卷积：`x` (T,)，`w` (I,)，$y[t] = \sum_i w[i]\,x[t+i]$，不填充。


# %%
def convolve_time(x, w):
    """x (T,), w (I,) → y (T − I + 1,)."""
    ### BEGIN SOLUTION
    return np.array([(w * x[t : t + len(w)]).sum() for t in range(len(x) - len(w) + 1)])
    ### END SOLUTION


# %%
checks.convolve_time(convolve_time)

# %% [markdown]
# **6.7** 一个 (2+1) 维卷积有多少权重（不含偏置）？从 `n_in` 到 `n_out` 个通道，窗口为 $t\times d\times d$。先求 $M$，再数两个部分。


# %%
def factorised_weights(n_in, n_out, t, d):
    """Weights of 1×d×d to M channels and t×1×1 to n_out."""
    ### BEGIN SOLUTION
    m = t * d * d * n_in * n_out // (d * d * n_in + t * n_out)
    return m * (d * d * n_in + t * n_out)
    ### END SOLUTION


# %%
checks.factorised_weights(factorised_weights)
