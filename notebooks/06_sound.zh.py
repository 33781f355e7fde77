# %% [markdown]
# # 6a · 声音：从波形到系数
#
# **学完这一课，你能够** 说出短短一帧的傅里叶变换看得见什么、看不见什么，选择窗函数，由各帧还原信号，亲手搭一个梅尔滤波器组，讲清从波形到 MFCC 每一步丢掉了什么，并明白两个工具包的 MFCC 为什么不能混用。
#
# **用时** 阅读约 40 分钟，笔记本电脑上计算约半分钟 · **数据** 无需下载 · **对应** 综述第 2.1 节（语音与声音）。

# %%
import checks
import matplotlib.pyplot as plt
import numpy as np

import mmscratch as mm
from mmscratch import nn, ops, optim
from mmscratch.data import scenes
from mmscratch.representations import audio

mm.kernels.use("reference")  # the floor in plain NumPy: nothing to compile
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
rng = np.random.default_rng(0)
RATE = 8000

# %% [markdown]
# ## 1 · 听得见的场景
#
# 第 1 课说过：场景里的每个物体也是一个音符。**形状定音色，颜色定音高，大小定响度，$x$ 定起音时刻**：画面从左到右奏出来。一个音符是若干谐波之和，
#
# $$n(t) = \sum_k a_k \sin(2\pi k f_0 t),$$
#
# 音高 $f_0$ 取自颜色，配方 $a_k$ 取自形状：圆是纯正弦，正方形是方波（奇数 $k$，$1/k$），三角形是三角波（奇数 $k$，$\pm1/k^2$），十字是锯齿波（所有 $k$，$1/k$）。

# %%
scene = scenes.sample_scene(21, scenes.SceneOptions(count=4))
x = scenes.render_sound(scene, RATE)
for o in sorted(scene.objects, key=lambda o: o.x):
    print(f"{scenes.onset(o):.2f} s  {scenes.PITCHES[o.colour]:5.1f} Hz  {o.size} {o.colour} {o.shape}")

figure, axes = plt.subplots(1, 2, figsize=(9.5, 2.6), width_ratios=[1, 3])
axes[0].imshow(scenes.render(scene))
axes[0].set(xticks=[], yticks=[])
axes[1].plot(np.arange(len(x)) / RATE, x, lw=0.5)
for o in scene.objects:
    axes[1].axvline(scenes.onset(o), color="#c0392b", lw=0.8)
axes[1].set(xlabel="seconds", title="its sound, and where its notes begin")
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 2 · 一帧，以及它的窗
#
# 离散傅里叶变换问的是：$N$ 个采样点里，每个频率各有多少。
#
# $$X_k = \sum_{n=0}^{N-1} x_n\, e^{-2\pi i k n/N},\qquad \text{第 } k \text{ 格对应 } k\cdot\frac{\text{采样率}}{N}\text{ 赫兹。}$$
#
# 它以为这一帧会无限重复下去。如果帧里装不下整数个周期，接缝处就有跳变，而跳变含有一切频率：能量 **泄漏** 到每一格。两端降到 0 的窗把接缝缝上，代价是谱峰变宽。

# %%
n = np.arange(256)
figure, axes = plt.subplots(1, 2, figsize=(9.5, 2.8), sharey=True)
for cycles, ax in zip((32, 32.5), axes, strict=True):
    tone = np.sin(2 * np.pi * cycles * n / 256)
    for name, colour in (("rectangular", "#c0392b"), ("hann", "#2c7a4b")):
        spectrum = abs(np.fft.rfft(tone * audio.window(name, 256)))
        decibels = audio.power_to_db((spectrum / spectrum.max()) ** 2, top_db=120)
        ax.plot(n[:129] * RATE / 256, decibels, color=colour, label=name)
    ax.set(title=f"{cycles} cycles in the frame", xlabel="Hz", ylim=(-105, 5))
axes[0].set_ylabel("dB")
axes[1].legend(frameon=False)
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 3 · 一帧接一帧：声谱图
#
# 短时傅里叶变换取彼此重叠的帧，相邻两帧相隔一个 *帧移* $H$，逐帧变换。长帧分得清频率，短帧分得清时刻，**没有哪种帧能两者兼得**（$\Delta f\,\Delta t$ 有下界）。

# %%
figure, axes = plt.subplots(1, 3, figsize=(10.5, 3), sharey=True)
for length, ax in zip((64, 512, 2048), axes, strict=True):
    power = abs(audio.stft(x, length, 32)) ** 2
    picture = audio.power_to_db(power, top_db=60)
    ax.imshow(picture.T, origin="lower", aspect="auto", extent=(0, 1, 0, RATE / 2), cmap="magma")
    ax.set(title=f"frames of {1000 * length // RATE} ms", xlabel="seconds")
axes[0].set_ylabel("Hz")
plt.tight_layout()
plt.show()

# %% [markdown]
# 每个音符都是一把梳子，每个谐波是一根齿；圆的梳子只有一根齿。8 毫秒的帧里，起音清清楚楚，梳齿却糊成一片；256 毫秒的帧正好反过来。
#
# 只要每个采样点都落在某个窗之下，就什么也没有丢。还原的办法：各帧再乘一次窗，错位相加，除以窗平方之和（Griffin 与 Lim，1984）：
#
# $$x[n] = \frac{\sum_t w[n - tH]\; y_t[n - tH]}{\sum_t w^2[n - tH]} .$$

# %%
spectrum = audio.stft(x.astype(np.float64), 256, 64)
back = audio.istft(spectrum, 64, length=len(x))
print("frames × bins:", spectrum.shape, "  put together again to 1e-12:", np.abs(back - x).max() < 1e-12)
window = np.asarray(audio.window("hann", 256))
total = sum(np.roll(window**2, 64 * k) for k in range(4))
print("Hann², four times a hop of N/4 apart, sums to", total.min().round(6), "…", total.max().round(6))

# %% [markdown]
# ## 4 · 梅尔刻度
#
# 对耳朵来说，200 到 300 赫兹是一大步，3200 到 3300 赫兹几乎听不出差别。梅尔刻度在 1 千赫以下近乎线性，以上是对数。通行的公式有 **两个**：
#
# $$m_{\text{HTK}} = 2595\,\log_{10}\!\left(1 + \frac{f}{700}\right),\qquad
# m_{\text{Slaney}} = \begin{cases} 3f/200 & f < 1000\\ 15 + 27\,\ln(f/1000)/\ln 6.4 & \text{其余}\end{cases}$$
#
# 梅尔滤波器组在梅尔刻度上等距地取角点，每相邻三点架起一个三角形；每个频带把自己三角形下的功率加起来。

# %%
for f in (200, 1000, 4000):
    htk, slaney = (audio.hz_to_mel(f, scale) for scale in ("htk", "slaney"))
    print(f"{f:5} Hz = {htk:7.1f} mel (HTK) = {slaney:5.2f} mel (Slaney)")
figure, axes = plt.subplots(1, 2, figsize=(9.5, 2.6))
hertz = np.arange(129) * RATE / 256
for norm, ax in zip((None, "slaney"), axes, strict=True):
    bank = audio.mel_filterbank(RATE, 256, 12, norm=norm)
    ax.plot(hertz, bank.T, lw=1)
    ax.set(xlabel="Hz", title="height 1" if norm is None else "equal area (Slaney's norm)")
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 5 · 取对数，余弦变换：MFCC
#
# 响度是按比例听的，所以取对数。对数还把 *声源 × 滤波器* 变成了和：人声是带谐波的嗡嗡声经过口腔的滤波，$\ln(\text{嗡声}\cdot\text{口腔}) = \ln\text{嗡声} + \ln\text{口腔}$。沿频率看，口腔是一条 **慢** 曲线，谐波的梳子是一条 **快** 曲线；余弦变换把快慢分开（Davis 与 Mermelstein，1980）：
#
# $$c_k = s_k\sum_{j=0}^{M-1} \ln m_j\,\cos\!\left(\frac{\pi k (j + \frac12)}{M}\right),\qquad
# s_0 = \sqrt{\tfrac1M},\quad s_k = \sqrt{\tfrac2M} .$$
#
# $c_0$ 是响度，$c_1$ 是低频与高频之比，依此类推；留下前面十来个。

# %%
options = audio.preset("kaldi", RATE, energy=None)
bands = audio.log_mel(x, options).values[0]
coefficients = audio.mfcc(x, options).values[0]
figure, axes = plt.subplots(1, 2, figsize=(9.5, 2.8))
axes[0].imshow(bands.T, origin="lower", aspect="auto", cmap="magma")
axes[0].set(title=f"log-mel, {bands.shape[1]} bands", xlabel="frame (10 ms)")
axes[1].imshow(
    coefficients[:, 1:].T, origin="lower", aspect="auto", cmap="RdBu_r", extent=(0, len(bands), 0.5, 12.5)
)
axes[1].set(title="MFCC 1 … 12", xlabel="frame (10 ms)")
plt.tight_layout()
plt.show()

noise = 1e-3 * rng.normal(size=len(x))
plain, louder = (audio.mfcc(factor * (x + noise), options).values[0] for factor in (1, 3))
change = (louder - plain).mean(axis=0)
print(
    "three times as loud: c0 changes by",
    change[0].round(2),
    " and √23 · 2 ln 3 is",
    (np.sqrt(23) * 2 * np.log(3)).round(2),
)
print("all other coefficients by less than 1e-3:", abs(change[1:]).max() < 1e-3)

# %% [markdown]
# ### 工具包各行其是
#
# 帧长、窗、填充、刻度、归一化、对数、倒谱提升：每个工具包选得都不一样。MFCC 这个名字什么也保证不了。要给训练好的模型喂特征，就必须照它训练时的做法来算，一步不差。

# %%
for name in audio.PRESETS:
    found = audio.mfcc(x, audio.preset(name, RATE)).values[0]
    size, low, high = found.shape, found.min(), found.max()
    print(f"{name:8} {size[0]:3} frames × {size[1]} coefficients, from {low:8.1f} to {high:6.1f}")

# %% [markdown]
# ## 6 · 音色还剩多少，音高还剩多少？
#
# 教科书说：MFCC 保留音色，丢掉音高。这里每个音符的真相都是已知的，所以可以量一量。600 个单物体场景，加一点噪声；每个音符取它各帧 MFCC 的平均，再由一个线性读取器（softmax 回归）根据前 $K$ 个系数（不含 $c_0$）猜形状和颜色。

# %%
alone = [scenes.sample_scene(seed, scenes.SceneOptions(count=1)) for seed in range(600)]
clips = [scenes.render_sound(s) + 1e-3 * rng.normal(size=RATE) for s in alone]
frames = audio.mfcc(clips, options).values
starts = [int(100 * scenes.onset(s.objects[0])) + 2 for s in alone]
notes = np.array([f[t : t + 20].mean(axis=0) for f, t in zip(frames, starts, strict=True)])
truth = {
    "shape (timbre)": np.array([scenes.SHAPES.index(s.objects[0].shape) for s in alone]),
    "colour (pitch)": np.array([scenes.COLOURS.index(s.objects[0].colour) for s in alone]),
}


def reading(features, labels, train=400):
    """Share of the clips after the first ``train`` whose label a linear reader gets right."""
    z = ((features - features[:train].mean(0)) / features[:train].std(0)).astype(np.float64)
    reader = nn.Linear(z.shape[1], labels.max() + 1, generator=mm.Generator(0)).to("float64")
    optimizer = optim.Adam(reader.parameters(), lr=0.1)
    for _ in range(300):
        loss = ops.cross_entropy(reader(mm.tensor(z[:train])), labels[:train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with mm.no_grad():
        guesses = reader(mm.tensor(z[train:])).numpy().argmax(axis=1)
    return (guesses == labels[train:]).mean()


kept = np.arange(1, 13)
curves = {name: [reading(notes[:, 1 : 1 + k], labels) for k in kept] for name, labels in truth.items()}
figure, ax = plt.subplots(figsize=(5.5, 3))
for (name, values), chance, colour in zip(
    curves.items(), (1 / 4, 1 / 6), ("#2c7a4b", "#c0392b"), strict=True
):
    ax.plot(kept, values, "o-", ms=4, color=colour, label=name)
    ax.axhline(chance, color=colour, ls=":", lw=1)
ax.set(xlabel="coefficients kept: c1 … cK", ylabel="share read rightly", ylim=(0, 1.05))
ax.legend(frameon=False)
plt.show()
for k in (4, 12):
    print(f"c1 … c{k}: " + ", ".join(f"{name} {values[k - 1]:.0%}" for name, values in curves.items()))

# %% [markdown]
# 可见那句话只对了一半。**少数几个低阶系数早就装下了音色，那时还装不下音高**：它们就是那条慢曲线。但音高并没有消失：十二个系数全用上，音高照样读得出来，因为低音的前几个谐波落在不同的梅尔频带里。丢掉音高的不是余弦变换，而是 **截断**。要识别陌生人念的数字，就得教会模型音高无关紧要（`mmscratch train digits` 随机弯曲频率轴，正是为此）。
#
# ## 练习
#
# 把答案写在两个标记之间，运行该格，再运行下面的检查。检查在一秒之内作答，并指出错在哪里。
#
# **6.1** 把信号切成长度为 `length`、相隔 `hop` 的帧，只要完全落在信号之内的：数组 (frames, length)。


# %%
def cut(x, length, hop):
    """Overlapping frames of x."""
    ### BEGIN SOLUTION
    starts = range(0, len(x) - length + 1, hop)
    return np.array([x[s : s + length] for s in starts])
    ### END SOLUTION


# %%
checks.cut(cut)

# %% [markdown]
# **6.2** 一个梅尔频带在各频率 `f`（数组）上的权重：到 `low` 为止是 0，升到 `peak` 处为 1，再降到 `high` 处为 0，之外都是 0。


# %%
def band_weights(f, low, peak, high):
    """Weights of one band."""
    ### BEGIN SOLUTION
    return np.maximum(0, np.minimum((f - low) / (peak - low), (high - f) / (high - peak)))
    ### END SOLUTION


# %%
checks.band_weights(band_weights)

# %% [markdown]
# **6.3** 信号 `x` 每秒 `rate` 个采样点，其中哪个频率（赫兹）的幅度最大？平均值不算：它落在第 0 格，不是音。


# %%
def loudest(x, rate):
    """The loudest frequency in Hz."""
    ### BEGIN SOLUTION
    magnitude = abs(np.fft.rfft(x - x.mean()))
    return magnitude.argmax() * rate / len(x)
    ### END SOLUTION


# %%
checks.loudest(loudest)

# %% [markdown]
# **6.4** 对数 `m` (M,) 按第 5 节求前 `count` 个系数 $c_k$：数组 (count,)。


# %%
def cepstrum(m, count):
    """The first coefficients of the orthonormal cosine transform."""
    ### BEGIN SOLUTION
    k, j = np.arange(count)[:, None], np.arange(len(m))
    c = np.sqrt(2 / len(m)) * np.cos(np.pi * k * (j + 0.5) / len(m)) @ m
    c[0] /= np.sqrt(2)
    return c
    ### END SOLUTION


# %%
checks.cepstrum(cepstrum)

# %% [markdown]
# ## 现在你知道了
#
# * 一帧的频谱是时间与频率之间的一笔交易；泄漏多少由窗决定。
# * 窗重叠时，分帧什么也不丢：带相位的声谱图就是信号本身；**功率** 谱图丢掉的是相位。
# * 梅尔频带丢掉频率的细节，对数把响度变成相加，余弦变换把快慢分开，截断丢掉快的部分。
# * 特征究竟是什么，要由全部选择一起说明，单凭名字不够：`audio.preset("librosa")`、`"htk"`、`"kaldi"`。
#
# 接着读 `mmscratch/representations/audio/`：每个公式都写明出处，每个都有测试，与 librosa、Kaldi、MATLAB 或 SciPy 对过账。
