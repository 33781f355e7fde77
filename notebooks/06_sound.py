# %% [markdown]
# # 6a · Sound: from waves to coefficients
#
# **You will be able to** say what a Fourier transform of a short frame shows and hides, choose a window, put a
# signal together again from its frames, build a mel bank by hand, explain what each step from wave to MFCC
# throws away, and know why the MFCC of two toolkits must not be mixed.
#
# **Time** about 40 minutes of reading, half a minute of computing on a laptop · **Data** none to download ·
# **Follows** §2.1 of the survey (speech and sound).

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
# ## 1 · A scene that can be heard
#
# Lesson 1 promised it: every object of a scene is also a note. **Shape is the timbre, colour the pitch, size
# the level, and $x$ the onset**: the picture is played from left to right. A note is a sum of harmonics,
#
# $$n(t) = \sum_k a_k \sin(2\pi k f_0 t),$$
#
# with the pitch $f_0$ from the colour and the recipe $a_k$ from the shape: a circle is a pure sine, a square
# a square wave (odd $k$, $1/k$), a triangle a triangle wave (odd $k$, $\pm1/k^2$), a cross a sawtooth (all
# $k$, $1/k$).

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
# ## 2 · One frame, and its window
#
# The discrete Fourier transform asks how much of each frequency is in $N$ samples:
#
# $$X_k = \sum_{n=0}^{N-1} x_n\, e^{-2\pi i k n/N},\qquad \text{bin } k \text{ is } k\cdot\frac{\text{rate}}{N}\text{ Hz.}$$
#
# It thinks that the frame repeats for ever. If the tone does not fit a whole number of times, the seam is a
# jump, and the jump has all frequencies: energy **leaks** into every bin. A window that goes to 0 at both ends
# closes the seam. The price: the peak becomes wider.

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
# ## 3 · Frames one after another: the spectrogram
#
# The short-time transform takes overlapping frames, a *hop* $H$ apart, and transforms each. Long frames tell
# frequencies apart, short ones moments; **no frame does both** ($\Delta f\,\Delta t$ is bounded from below).

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
# The notes are combs: one tooth at each harmonic, the circle a comb of one. At 8 ms the onsets are sharp and
# the teeth melt together; at 256 ms it is the other way round.
#
# Nothing is lost as long as every sample lies under some window. Overlapping frames are put back by
# adding them with the window once more, and dividing by what the squared windows sum to (Griffin & Lim, 1984):
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
# ## 4 · The mel scale
#
# From 200 to 300 Hz is a large step to the ear, from 3,200 to 3,300 Hz hardly one. The mel scale is nearly
# linear below 1 kHz and logarithmic above. **Two formulas** are in use:
#
# $$m_{\text{HTK}} = 2595\,\log_{10}\!\left(1 + \frac{f}{700}\right),\qquad
# m_{\text{Slaney}} = \begin{cases} 3f/200 & f < 1000\\ 15 + 27\,\ln(f/1000)/\ln 6.4 & \text{else}\end{cases}$$
#
# A mel bank places corners evenly in mel and lays a triangle over every three neighbours. Each band sums
# the power under its triangle.

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
# ## 5 · Logarithm, cosine transform: MFCC
#
# Loudness is heard in ratios, so the logarithm is taken. It also turns *source × filter* into a sum: a voice
# is a buzz with harmonics, filtered by a mouth, and $\ln(\text{buzz}\cdot\text{mouth}) = \ln\text{buzz} +
# \ln\text{mouth}$. The mouth is a **slow** curve over frequency, the comb of harmonics a **fast** one. The
# cosine transform sorts slow from fast (Davis & Mermelstein, 1980):
#
# $$c_k = s_k\sum_{j=0}^{M-1} \ln m_j\,\cos\!\left(\frac{\pi k (j + \frac12)}{M}\right),\qquad
# s_0 = \sqrt{\tfrac1M},\quad s_k = \sqrt{\tfrac2M} .$$
#
# $c_0$ is the loudness, $c_1$ low against high frequencies, and so on; keep the first dozen.

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
# ### Toolkits do not agree
#
# Frame length, window, padding, scale, norm, logarithm, lifter: every toolkit has chosen otherwise. The name
# MFCC promises nothing. Whoever feeds a trained model must make features exactly as its training did.

# %%
for name in audio.PRESETS:
    found = audio.mfcc(x, audio.preset(name, RATE)).values[0]
    size, low, high = found.shape, found.min(), found.max()
    print(f"{name:8} {size[0]:3} frames × {size[1]} coefficients, from {low:8.1f} to {high:6.1f}")

# %% [markdown]
# ## 6 · What is left of timbre, and what of pitch?
#
# A textbook says: MFCC keep the timbre and drop the pitch. Here the truth about every note is known, so this
# can be measured. 600 scenes of one object, a little noise; each note becomes the mean of its MFCC frames,
# and a linear reader (softmax regression) guesses shape and colour from the first $K$ coefficients, without $c_0$.

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
# So the sentence is half true. **A few low coefficients hold the timbre when they do not hold the pitch yet**:
# they are the slow curve. But the pitch is not gone: with all twelve it is read as well, since the first
# harmonics of a low note fall into separate mel bands. What drops pitch is not the cosine transform but
# **cutting it off**. A recogniser of strangers' digits has to be taught that pitch does not matter
# (`mmscratch train digits` bends the frequency axis at random for that reason).
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it. A check answers within a second and says
# what is wrong.
#
# **6.1** Cut a signal into frames of `length` samples, a `hop` apart, those that lie wholly inside: an array
# (frames, length).


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
# **6.2** The weight of a mel band at the frequencies `f` (an array): 0 up to `low`, rising to 1 at `peak`, back to 0
# at `high`, and 0 beyond.


# %%
def band_weights(f, low, peak, high):
    """Weights of one band."""
    ### BEGIN SOLUTION
    return np.maximum(0, np.minimum((f - low) / (peak - low), (high - f) / (high - peak)))
    ### END SOLUTION


# %%
checks.band_weights(band_weights)

# %% [markdown]
# **6.3** Which frequency (in Hz) has the greatest magnitude in the signal `x` with `rate` samples a second? Leave the
# mean out: it stands in bin 0 and is no tone.


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
# **6.4** The first `count` coefficients $c_k$ of section 5 of the logarithms `m` (M,): an array (count,).


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
# ## What you know now
#
# * A frame's spectrum is a bargain between time and frequency; the window decides how much leaks.
# * With overlapping windows, frames lose nothing: a spectrogram with its phases is the signal. The **power**
#   spectrogram has lost the phases.
# * Mel bands lose fine frequency, the logarithm makes loudness a sum, the cosine transform sorts slow from
#   fast, and cutting it off loses the fast part.
# * Which features they are is said by all choices together, not by a name: `audio.preset("librosa")`,
#   `"htk"`, `"kaldi"`.
#
# Read on in `mmscratch/representations/audio/`: each formula with its source, each held to librosa, Kaldi,
# MATLAB or SciPy by a test.
