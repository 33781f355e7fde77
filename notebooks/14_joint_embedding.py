# %% [markdown]
# # 14 · Visual question answering by joint embedding
#
# **You will be able to** prove why adding a picture's vector to a question's cannot answer, say what a bilinear form costs and how
# MLB, MUTAN and MCB pay less, derive count sketches and their convolution, recognise a model that does not look at the picture (and say
# where its gradient went), and count the official VQA accuracy by hand.
#
# **Time** about 45 minutes of reading, one minute of computing on a laptop · **Data** none to download · **Follows** §3.3.1 of the survey.

# %%
import dataclasses

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch import ops, optim
from mmscratch.autograd import no_grad
from mmscratch.data import scenes
from mmscratch.data.scenes import COLOURS, SHAPES
from mmscratch.data.scenes.questions import annotators, make_question
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.data.vqa import QuestionSet
from mmscratch.metrics.vqa import answer_accuracy, normalize_answer, soft_scores
from mmscratch.models.fusion.bilinear import MLB, MUTAN, circular_convolution, count_sketch_matrix
from mmscratch.models.fusion.film import FiLM
from mmscratch.models.vqa_joint import JointEmbedding
from mmscratch.random import Generator
from mmscratch.tasks.vqa.data import Asked, Prior, VQABatches, words_of
from mmscratch.tasks.vqa.judge import answers_of, judge
from mmscratch.tensor import Tensor
from mmscratch.train import fit

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY, GOLD = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d", "#b7950b"
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1 · Four boxes, and what is not said about the third
#
# §3.3.1 has four: a CNN makes a vector $v$ of the picture, an RNN a vector $q$ of the question, both are mapped into one space, a classifier
# chooses among the frequent answers. The third box is left empty. *In one space* they lie as soon as both have 128 numbers. But the
# answer depends on **how they meet**: on that alone it is decided whether the model looks at the picture at all.
#
# The obvious way is to add them, or to put them side by side before a linear layer, which is the same: $W[v;q] = W_v v + W_q q$. **Claim**: a model whose
# logits are $f(v) + g(q)$ cannot tell *red?* from *blue?*. *Proof.* Two pictures, a red one and a blue one, two questions. Let $z$ be the logit of "yes" less
# that of "no". It must be positive for (red, red?) and (blue, blue?), and negative for the other two, so
#
# $$z(\text{red},\text{red?}) - z(\text{red},\text{blue?}) - z(\text{blue},\text{red?}) + z(\text{blue},\text{blue?}) > 0 .$$
#
# With $z = f + g$ everything cancels in this sum: it is $0$, whatever $f$ and $g$ are. $\square$ At most three of the four can be right. A *product* of two numbers does it:
# $z = v q$ with $v, q = \pm1$.

# %%
wanted = np.array([[1, -1], [-1, 1]])  # pictures × questions
f, g = rng.normal(size=(100_000, 2, 1)), rng.normal(size=(100_000, 1, 2))
right = (np.sign(f + g) == wanted).sum((1, 2))
print("sums f + g, 100,000 draws: right in at most", right.max(), "of 4 cells")
v = q = np.array([1, -1])
print("product: right in", int((np.sign(np.outer(v, q)) == wanted).sum()), "of 4 cells")

# %% [markdown]
# A layer with relu above the sum can do it (`concat` of the library has one): it may *learn* to multiply. The methods that follow have the product built in.
#
# ## 2 · Every number times every number, and what it costs
#
# The most general product is the bilinear form, one matrix for each output:
#
# $$h_k = v^{\mathsf T} T_k\, q = \sum_{i,j} T_{kij}\, v_i\, q_j ,\qquad k = 1,\dots,H .$$
#
# With the usual sizes ($v$: 2048, $q$: 2400, 1000 answers) $T$ has five thousand million numbers. Three ways to pay less, each a $T$ of a smaller kind:
#
# * **MLB** (Kim et al., 2017): $h = P\,(Vv \odot Uq)$. Written out, $T_k = \sum_{r\le R} P_{kr}\, V_r U_r^{\mathsf T}$: a matrix of rank $R$, and all $k$ share its factors.
# * **MUTAN** (Ben-younes et al., 2017): first $\tilde v = W_v v$ and $\tilde q = W_q q$ (Tucker), then $h = \sum_{r\le R} M_r\tilde v \odot N_r\tilde q$: each
#   output has a small matrix of its own, of rank $R$.
# * **MCB** (Fukui et al., 2016): all products, but thrown into $d$ drawers at random: section 3.
#
# Both papers put a tanh on each factor. (What it does we shall see in section 6.) The library's modules against the sums as they are written here:

# %%
M, D, E, H, R = 3, 5, 4, 6, 2
v, q = rng.normal(size=(M, D)).astype(np.float32), rng.normal(size=(M, E)).astype(np.float32)
mlb, mutan = MLB(D, E, H, Generator(1), rank=R), MUTAN(D, E, H, Generator(1), rank=R)


def factors(module):
    """The module's two factors after tanh, (M, …) each."""
    with no_grad():
        return module.v(Tensor(v)).numpy(), module.q(Tensor(q)).numpy()


P, V, U = (layer.weight.detach().numpy() for layer in (mlb.join, mlb.v, mlb.q))
T_mlb = np.einsum("kr,ri,rj->kij", P, V, U)
a, b = factors(mlb)
with no_grad():
    same = np.allclose(
        mlb(Tensor(v), Tensor(q)).numpy(), (a * b) @ P.T + mlb.join.bias.detach().numpy(), atol=1e-5
    )
print("MLB as written:", same, " ranks of its T_k:", np.linalg.matrix_rank(T_mlb).tolist())

m, n = (layer.weight.detach().numpy().reshape(R, H, H) for layer in (mutan.m, mutan.n))
T_mutan = np.einsum("rki,rkj->kij", m, n)  # between the factors
a, b = factors(mutan)
with no_grad():
    same = np.allclose(
        mutan(Tensor(v), Tensor(q)).numpy(), np.einsum("kij,mi,mj->mk", T_mutan, a, b), atol=1e-5
    )
print("MUTAN as written:", same, " ranks of its T_k:", np.linalg.matrix_rank(T_mutan).tolist())

D, E, H = 2048, 2400, 1000
price = {
    "full": D * E * H,
    "MLB, R = 1200": 1200 * (D + E + H),
    "MUTAN, R = 5, 360 wide": 360 * (D + E) + 2 * 5 * 360 * 360 + 360 * H,
    "MCB, d = 16000": 16000 * H,
}
for name, count in price.items():
    print(f"{name:24}{count / 1e6:9.1f} million")

# %% [markdown]
# **FiLM** (Perez et al., 2018) has the product too: the question makes a factor and a summand for each channel, $h = \mathrm{relu}\big((1+\gamma)\odot Wv + \beta\big)$ with
# $[\gamma;\beta] = Uq + c$. Multiply out: $Wv$ alone, $q$ alone, and $\gamma\odot Wv$, which is MLB's product. It is a bilinear form of $[v;1]$ and $[q;1]$. The constants look like
# decoration; they will be the whole difference.

# %%
with no_grad():
    film = FiLM(5, 4, 6, Generator(2))
    Wv = film.v(Tensor(v)).numpy()
    gamma, beta = np.split(film.q(Tensor(q)).numpy(), 2, axis=1)
    print(
        "FiLM as written:",
        np.allclose(film(Tensor(v), Tensor(q)).numpy(), np.maximum((1 + gamma) * Wv + beta, 0), atol=1e-5),
    )

# %% [markdown]
# ## 3 · All products in d drawers: count sketch
#
# Give each index $i$ of a vector a drawer $h(i)\in\{1,\dots,d\}$ and a sign $s(i) = \pm1$, drawn once. The **count sketch** (Charikar et al., 2002) throws $x_i$ with its sign into its drawer:
#
# $$\Psi(x)_k = \sum_{i:\,h(i)=k} s(i)\, x_i .$$
#
# *Claim*: $\mathbb E\langle\Psi(x),\Psi(y)\rangle = \langle x,y\rangle$. *Proof*: the inner product is $\sum_{i,j} [h(i)=h(j)]\,s(i)s(j)\,x_iy_j$. For $i = j$ the factor is 1. For $i\ne j$ the mean of
# $s(i)s(j)$ is $0$. $\square$ The variance comes from pairs that share a drawer, so it falls like $1/d$.
#
# Now the point. The sketch of the outer product $v\otimes q$, with drawer $h(i)+h'(j) \bmod d$ and sign $s(i)s'(j)$, has in drawer $k$
#
# $$\sum_{h(i)+h'(j)\equiv k} s(i)v_i\,s'(j)q_j = \sum_{l} \Psi(v)_l\,\Psi'(q)_{k-l} = (\Psi(v) * \Psi'(q))_k ,$$
#
# a **circular convolution**, hence by FFT $F^{-1}(F\Psi(v)\odot F\Psi'(q))$ (Pham & Pagh, 2013). The $D\cdot E$ products never exist.

# %%
d, D, E = 32, 12, 9
S, S2 = count_sketch_matrix(D, d, rng), count_sketch_matrix(E, d, rng)
v, q = rng.normal(size=D).astype(np.float32), rng.normal(size=E).astype(np.float32)
place, place2 = abs(S).argmax(0), abs(S2).argmax(0)
sign, sign2 = S.sum(0), S2.sum(0)
drawers = np.zeros(d)
np.add.at(drawers, (place[:, None] + place2) % d, np.outer(sign * v, sign2 * q))
by_sum = [sum((S @ v)[i] * (S2 @ q)[(k - i) % d] for i in range(d)) for k in range(d)]
by_fft = circular_convolution((S @ v)[None], (S2 @ q)[None])[0]
print("sketch of the outer product = convolution of the sketches:", np.allclose(drawers, by_sum, atol=1e-5))
print("                            = by FFT:", np.allclose(drawers, by_fft, atol=1e-5))

x, y = rng.normal(size=(2, 200))
x, y = x / np.linalg.norm(x), 0.6 * x / np.linalg.norm(x) + 0.8 * y / np.linalg.norm(y)
found = {}
for d in (16, 64, 256, 1024):
    draws = [count_sketch_matrix(200, d, rng) for _ in range(400)]
    found[d] = np.array([(s @ x) @ (s @ y) for s in draws])
figure, axes = plt.subplots(1, 2, figsize=(10, 2.9))
for d, colour in ((16, GREY), (256, GREEN)):
    axes[0].hist(found[d], bins=np.linspace(-0.4, 1.6, 51), color=colour, alpha=0.7, label=f"d = {d}")
axes[0].axvline(x @ y, color=RED, ls=":", label="⟨x, y⟩")
axes[0].set(xlabel="⟨Ψ(x), Ψ(y)⟩ over 400 draws", yticks=[])
axes[0].legend(frameon=False, fontsize=8)
axes[1].loglog(list(found), [s.std() for s in found.values()], "o-", color=GREEN, label="spread of the draws")
axes[1].loglog(list(found), 1.2 / np.sqrt(list(found)), ":", color="k", label="∝ 1/√d")
axes[1].set(xlabel="drawers d", xticks=list(found), xticklabels=list(found))
axes[1].minorticks_off()
axes[1].legend(frameon=False, fontsize=8)
plt.tight_layout()
plt.show()
print("the mean is ⟨x, y⟩:", all(abs(s.mean() - x @ y) < 4 * s.std() / 20 for s in found.values()))

# %% [markdown]
# ## 4 · A small world with a strong prior
#
# easy-VQA (Zhou, 2019) has one coloured shape in each picture, and thirteen answers. We draw one like it: 1,600 pictures of 32 × 32 pixels, eight questions each. Two ask
# what the shape or its colour is, six ask whether there is (or is not) something. Most things are not there, and so **much can be answered without a picture.**

# %%
SPEC = "scenes:train=1600,val=0,test=400,level=1,references=1,count=1,heldout_pairs=0,positions=all,seed=14"


def one_shape(split, seed):
    """Pictures of one shape, eight questions each: a QuestionSet."""
    random, images, rows = np.random.default_rng(seed), [], []
    for number, scene in enumerate(scenes.load(SPEC).split(split).graphs):
        x, y = random.uniform(12, 20, 2)
        o = dataclasses.replace(scene.objects[0], x=float(x), y=float(y), size="big", radius=10.0)
        images.append(scenes.render(dataclasses.replace(scene, objects=(o,)))[:32, :32])
        named = ("shape", o.shape)[random.integers(2)]
        asked = [("what shape is there?", o.shape), (f"what color is the {named}?", o.colour)]
        things = [(f"{c} shape", c == o.colour) for c in COLOURS] + [(s, s == o.shape) for s in SHAPES]
        for k in random.choice(len(things), 6, replace=False):
            thing, there = things[k]
            no = bool(random.integers(2))
            asked.append((f"is there {('a', 'no')[no]} {thing}?", "yes" if there != no else "no"))
        rows += [(number, *pair) for pair in asked]
    image_of, questions, answers = zip(*rows, strict=True)
    return QuestionSet(
        "one shape", np.stack(images), np.array(image_of), questions, answers, tuple((a,) for a in answers),
        tuple("yes/no" if a in ("yes", "no") else "other" for a in answers), tuple(range(len(rows))),
    )  # fmt: skip


train, test = one_shape("train", 0), one_shape("test-iid", 1)
figure, axes = plt.subplots(1, 6, figsize=(11, 2.7))
for k, ax in enumerate(axes):
    ax.imshow(train.images[k])
    of = np.flatnonzero(train.image_of == k)[[0, 1, 2, 3]]
    ax.set_title("\n".join(f"{train.questions[i]} {train.answers[i]}" for i in of), fontsize=6.5)
    ax.set(xticks=[], yticks=[])
plt.tight_layout()
plt.show()

prior = Prior.of(train)
truth = np.array(test.answers, object)
kind = np.array(test.types, object)
blind = np.array(prior.blind(test.questions), object) == truth
print(
    len(train), "training questions in", len(prior.questions), "wordings,", len(set(train.answers)), "answers"
)
print(f"always {prior.majority!r}: {(truth == prior.majority).mean():.1%}")
print(f"the commonest answer of each wording: {blind.mean():.1%}", end=" ")
print(f"(yes/no {blind[kind == 'yes/no'].mean():.1%}, other {blind[kind == 'other'].mean():.1%})")

# %% [markdown]
# **Almost two thirds, and no pixel was read.** That is the *question-only* line. On easy-VQA itself it is 67.2 %, and a network that was printed with "68.4 % after the first epoch" had
# just learnt it. A VQA score without this line beside it says nothing.
#
# ## 5 · Training: the plateau, and the escape
#
# Four models that differ in one line, the fusion. All else is the same: a small CNN, of whose last grid each filter's **maximum** over all places is $v$; a bag of words for $q$; a softmax over 12 answers.
# (Why the maximum: the mean would be filled with cells in which there is nothing.) A picture is computed once for its eight questions.

# %%
known = ("yes", "no", *SHAPES, *COLOURS)
vocabulary = Vocabulary.from_tokens(words_of(q) for q in train.questions)
learnt, tested = Asked(train, vocabulary, known), Asked(test, vocabulary, known)
EPOCHS = 10


def factor(model, pictures=200):
    """The picture's factor in the fusion: (pictures, H), before the question comes in."""
    with no_grad():
        v = model.pictures(Tensor(tested.pixels(np.arange(pictures))))
        v = ops.normalize(v) if type(model.fusion).__name__ == "Product" else v
        return model.fusion.v(v).numpy()


def trained(fusion, seed=0):
    """→ the model, its test accuracy after each epoch, and how open its tanh is then: mean of 1 − a²."""
    model = JointEmbedding(
        len(vocabulary), len(known), fusion, channels=(16, 32, 32), hidden=64, generator=Generator(seed)
    )
    batches, curve, gate = VQABatches(learnt, 16, seed), [], []
    optimizer = optim.Adam(model.parameters(), lr=6e-3)
    schedule = optim.OneCycleLR(optimizer, max_lr=6e-3, total_steps=EPOCHS * len(batches))

    def loss_of(batch):
        images, questions, image_of, target = batch
        return model.head.loss(model(Tensor(images), questions, image_of), target)

    def look():
        curve.append(float((answers_of(model, tested) == tested.target).mean()))
        if fusion in ("mlb", "product"):
            gate.append(float((1 - factor(model) ** 2).mean()))
        return {"accuracy": curve[-1]}

    fit(
        model, loss_of, batches, optimizer=optimizer, schedule=schedule, epochs=EPOCHS, clip=5.0,
        validate=look, checkpoint_every=len(batches), progress=False,
    )  # fmt: skip
    return model.eval(), np.array(curve), np.array(gate)


runs = {name: trained(name) for name in ("film", "concat", "product", "mlb")}
COLOUR = {"film": GREEN, "concat": BLUE, "product": GOLD, "mlb": RED}
figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.1), width_ratios=[1.4, 1, 1])
for name, (_, curve, gate) in runs.items():
    axes[0].plot(np.arange(1, EPOCHS + 1), curve, "o-", ms=3, color=COLOUR[name], label=name)
    if len(gate):
        axes[1].semilogy(np.arange(1, EPOCHS + 1), np.maximum(gate, 1e-8), "o-", ms=3, color=COLOUR[name])
axes[0].axhline(blind.mean(), color="k", ls=":", label="question only")
axes[0].set(xlabel="epoch", ylabel="test accuracy", ylim=(0.3, 1.02))
axes[0].legend(frameon=False, fontsize=8, ncol=2, loc="lower right")
axes[1].set(xlabel="epoch", title="how open the picture's tanh is: mean of 1 − a²", ylim=(1e-8, 2))
a = factor(runs["mlb"][0], 60)
axes[2].imshow(a[:, :40], cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
axes[2].set(title="MLB: a of 60 pictures", xlabel="component", ylabel="picture")
for ax in axes[1:]:
    ax.title.set_fontsize(9)
plt.tight_layout()
plt.show()
last = {name: curve[-1] for name, (_, curve, _) in runs.items()}
print("mlb, tanh ⊙ tanh, at the question-only line:", bool(abs(last["mlb"] - blind.mean()) < 0.03))
print("film far above it:", bool(last["film"] > blind.mean() + 0.2))

# %% [markdown]
# MLB's curve is a flat line, at what the question alone tells. It is not slow: its loss fell, *and then it had learnt all it will learn*. The same plateau is on easy-VQA (a product of two tanh stayed there
# for 30 epochs). `product`, which first brings $v$ to length 1, also rests there, and escapes sooner or later, or not, as the seed is. FiLM leaves the line at once, and so does `concat`: its relu layer has
# learnt to multiply. Here that is easy, with twelve answers and one shape; the proof of section 1 holds for what is below the relu.
#
# ## 6 · Where the gradient went
#
# Look at the right-hand picture: every row is the same. Whatever the picture, its factor is the same vector of $\pm1$. Let $a = \tanh(Vv)$, $b = \tanh(Uq)$, $h = a\odot b$, and let $g = \partial L/\partial h$ come from above. Then
#
# $$\boxed{\;\frac{\partial L}{\partial v} = V^{\mathsf T}\big[\,g\odot b\odot(1-a^2)\,\big]\;}\qquad\qquad \frac{\partial L}{\partial q} = U^{\mathsf T}\big[\,g\odot a\odot(1-b^2)\,\big].$$
#
# 1. In the first epochs the prior is what can be won quickest. The picture's factor helps as an *amplifier* of $b$: each $|a|$ larger is a larger answer to the question.
# 2. $v$ is a maximum of relus: no entry is negative, and all pictures' $v$ point in much the same direction. A push on $V$ along that direction moves *all* pictures' $a$ in the same way, to $\pm1$.
# 3. There $1-a^2 = 0$, and with it the box on the left: for the CNN the training is over. The question's part, on the right, goes on with $a$ as a constant. That **is** the question-only model, exactly.
#
# `product` divides by $\lVert v\rVert$, so $Vv$ stays small and the gate is open for longer. FiLM has $\partial L/\partial v = W^{\mathsf T}[(1+\gamma)\odot g']$: nothing saturates, and even before the question has learnt anything ($\gamma = 0$), the 1 lets the
# gradient through. That is what the decoration is for. (The box by the engine:)

# %%
D, H = 5, 4
V, v, b, g = rng.normal(size=(H, D)), rng.normal(size=D), rng.normal(size=H), rng.normal(size=H)
leaf = Tensor(v[None], requires_grad=True)
(ops.tanh(ops.linear(leaf, Tensor(V))) * Tensor(b) * Tensor(g)).sum().backward()
box = V.T @ (g * b * (1 - np.tanh(V @ v) ** 2))
print("∂L/∂v as in the box:", np.allclose(leaf.grad[0], box, rtol=1e-10))
v_all = np.stack([x.reshape(-1) for x in factor(runs["mlb"][0])])
print("MLB: pictures differ in a by less than a hundredth:", bool(v_all.std(0).mean() < 0.01))


def to_pictures(model):
    """Size of ∂L/∂v over that of ∂L/∂q, on one batch."""
    images, questions, image_of, target = next(iter(VQABatches(learnt, 64, 5)))
    v, q = model.pictures(Tensor(images)), model.questions(questions)
    v, q = (Tensor(x.numpy(), requires_grad=True) for x in (v.detach(), q.detach()))
    h = model.fusion(ops.take(v, image_of), ops.take(q, questions.which))
    model.head.loss(model.head(h), target).backward()
    scale = [np.linalg.norm(x.grad) * np.linalg.norm(x.data) for x in (v, q)]
    return scale[0] / scale[1]


print(
    "relative gradient at the picture below a thousandth of the question's, mlb:",
    bool(to_pictures(runs["mlb"][0]) < 1e-3),
)
print("... film:", bool(to_pictures(runs["film"][0]) < 1e-3))

# %% [markdown]
# ## 7 · Four controls beside every score
#
# | control | what it gives away |
# |---|---|
# | majority | the commonest answer of all |
# | question-only | the commonest answer of each wording |
# | image-only | what the model says where the question is averaged away |
# | shuffled images | the trained model, asked about *another* picture |
#
# The last is the sharpest: **who answers as well about a foreign picture has not looked.** `mmscratch evaluate` prints them all, and warns where the model is not better than one of them by three standard errors.

# %%
figures = {name: judge(runs[name][0], tested, prior, vocabulary) for name in ("film", "mlb")}
columns = ("accuracy", "shuffled images", "question-only", "image-only", "majority")
figure, ax = plt.subplots(figsize=(8, 2.8))
for k, (name, values) in enumerate(figures.items()):
    bars = ax.bar(
        np.arange(5) + 0.38 * (k - 0.5), [values[c] for c in columns], 0.36, color=COLOUR[name], label=name
    )
    ax.bar_label(bars, fmt="%.2f", fontsize=8)
ax.set(xticks=range(5), xticklabels=columns, ylim=(0, 1.15), ylabel="test questions")
ax.legend(frameon=False, fontsize=8)
plt.show()
for name, values in figures.items():
    cost = values["accuracy"] - values["shuffled images"]
    size = "more than 0.2" if cost > 0.2 else "nothing" if abs(cost) < 0.02 else "little"
    told = "not better than question-only" if "question-only" in values.get("warning", "") else "none"
    print(f"{name:5} the shuffled pictures cost {size}; warning: {told}")

# %% [markdown]
# (FiLM with shuffled pictures falls *below* the question-only line: it trusts the picture, and the picture is the wrong one.)
#
# ## 8 · When ten people answer: the official accuracy, and soft scores
#
# In VQA ten people answer each question, and they disagree. The official accuracy of an answer is counted ten times, each time without one person $k$, and averaged (Antol et al., 2015):
#
# $$\mathrm{acc} = \frac1{10}\sum_{k=1}^{10}\min\Big(1,\ \frac{n_{-k}}{3}\Big).$$
#
# If $n$ gave the answer: for those $n$ the others are $n-1$, for the other $10-n$ they are $n$. With $n = 2$: $\frac1{10}(2\cdot\frac13 + 8\cdot\frac23) = 0.6$. So $0, .3, .6, .9, 1$ for $n = 0, 1, 2, 3, \ge 4$. It is **not** $\min(1, n/3)$, which is often written and gives 1 for three. And answers are normalised
# ("Two" → "2", articles away) *only where the people disagree*: an oddity of the official program that published figures depend on.

# %%
n = np.arange(11)
official = [answer_accuracy("red", ["red"] * k + ["blue"] * (10 - k)) for k in n]
print(
    "official:",
    [round(x, 6) for x in official[:6]],
    " min(1, n/3):",
    np.minimum(1, n[:4] / 3).round(2).tolist(),
)
said = ["2"] * 6 + ["Two"] * 4
print(
    "'two', people disagree in spelling:",
    answer_accuracy("two", said),
    "· all say 'Two':",
    answer_accuracy("two", ["Two"] * 10),
)
print("normalised:", normalize_answer("The two dogs."), "·", normalize_answer("dont"))

asked = [make_question(seed, "count") for seed in range(300)]
people = [annotators(question) for question in asked]
best = np.mean([answer_accuracy(x.answer, everyone) for x, everyone in zip(asked, people, strict=True)])
one = np.mean([answer_accuracy(everyone[0], everyone[1:]) for everyone in people])
print("simulated people, who err one time in ten:", end=" ")
print(f"the truth scores {best:.3f}, one of them against the others {one:.3f}")

# %% [markdown]
# The classifier may be taught with those scores instead of one right answer (Teney et al., 2018): a yes or no for every answer, towards $s_k = \min(1, 0.3\,n_k)$, which for ten people *is* the official accuracy of answer $k$:
#
# $$L = -\sum_k s_k\ln\sigma(z_k) + (1-s_k)\ln(1-\sigma(z_k)),\qquad \frac{\partial L}{\partial z_k} = \sigma(z_k) - s_k .$$
#
# Where a question comes again and again with other people, the minimum is at $\sigma(z_k) = \mathbb E\,s_k$: the model learns **the expected score of each answer**, just what the largest of should be said. Softmax learns how often each answer
# was the *chosen* one. Take a picture about which opinions are 45 % "teal", 40 % "green", 15 % "blue":

# %%
names, p = ("teal", "green", "blue"), (0.45, 0.40, 0.15)
crowd = [rng.choice(names, 10, p=p).tolist() for _ in range(2000)]
scores = np.array([[soft_scores(c).get(a, 0.0) for a in names] for c in crowd])
chosen = np.array([max(names, key=c.count) for c in crowd])
learns = {
    "softmax: share as the chosen answer": [(chosen == a).mean() for a in names],
    "soft: expected score": scores.mean(0),
}
figure, axes = plt.subplots(1, 2, figsize=(10, 2.8))
axes[0].step(n, official, "o-", where="mid", color=GREEN, label="official")
axes[0].plot(n, np.minimum(1, n / 3), "x:", color=RED, label="min(1, n/3)")
axes[0].set(xlabel="people who gave the answer, of ten", ylabel="accuracy")
axes[0].legend(frameon=False, fontsize=8)
for k, (name, values) in enumerate(learns.items()):
    bars = axes[1].bar(np.arange(3) + 0.38 * (k - 0.5), values, 0.36, color=(GREY, GREEN)[k], label=name)
    axes[1].bar_label(bars, fmt="%.2f", fontsize=8)
axes[1].set(xticks=range(3), xticklabels=names, ylim=(0, 1.3))
axes[1].legend(frameon=False, fontsize=8)
plt.tight_layout()
plt.show()
by_hand = [np.mean([answer_accuracy(a, c) for c in crowd]) for a in names]
print("the expected score is the expected official accuracy:", np.allclose(by_hand, scores.mean(0)))

# %% [markdown]
# Softmax makes "green" look like an also-ran; saying it would earn nearly as much. From the command line, on easy-VQA or your own files in VQA's formats:
#
#     mmscratch train vqa --data easy-vqa:DIR --out RUN
#     mmscratch evaluate RUN --split test
#     mmscratch ask RUN picture.png "what color is the shape?"
#
# ## What to correct in §3.3.1
#
# | the survey | what it should be |
# |---|---|
# | both are mapped into one vector space | and then *multiplied*: a sum cannot answer, whatever the space |
# | a classifier predicts the answer | among the frequent answers; by softmax, or by soft scores where people disagree |
# | (no word on judging) | question-only and shuffled pictures beside every score; the official accuracy is over leave-one-out sets |
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it.
#
# **14.1** The count sketch of `x` (D,), with drawers `place` (D,) in 0 … d − 1 and `sign` (D,) of ±1. Several indices may share a drawer.


# %%
def sketched(x, place, sign, d):
    """Ψ(x), (d,)."""
    ### BEGIN SOLUTION
    found = np.zeros(d)
    np.add.at(found, place, sign * x)
    return found
    ### END SOLUTION


# %%
checks.sketched(sketched)

# %% [markdown]
# **14.2** The box of section 6: from `V` (H, D), `v` (D,), the question's factor `b` (H,) and `g` = ∂L/∂h (H,), the gradient that reaches the picture, for $h = \tanh(Vv)\odot b$.


# %%
def reaches_picture(V, v, b, g):
    """∂L/∂v, (D,)."""
    ### BEGIN SOLUTION
    return V.T @ (g * b * (1 - np.tanh(V @ v) ** 2))
    ### END SOLUTION


# %%
checks.reaches_picture(reaches_picture)

# %% [markdown]
# **14.3** The question-only line: the share of right answers of one who says, of each wording, what was answered most often *in training*, and to a wording that is new the commonest training answer of all. Four lists of strings.


# %%
def blind_line(questions, answers, new_questions, new_answers):
    """A share between 0 and 1."""
    ### BEGIN SOLUTION
    by = {}
    for q, a in zip(questions, answers, strict=True):
        by.setdefault(q, []).append(a)
    majority = max(answers, key=answers.count)
    said = [max(by[q], key=by[q].count) if q in by else majority for q in new_questions]
    return float(np.mean([s == a for s, a in zip(said, new_answers, strict=True)]))
    ### END SOLUTION


# %%
checks.blind_line(blind_line)

# %% [markdown]
# **14.4** The official accuracy of an answer that `n` of `people` gave, over the leave-one-out sets (no normalisation).


# %%
def left_out(n, people=10):
    """A number between 0 and 1."""
    ### BEGIN SOLUTION
    return (n * min(1, (n - 1) / 3) + (people - n) * min(1, n / 3)) / people
    ### END SOLUTION


# %%
checks.left_out(left_out)

# %% [markdown]
# ## What you know now
#
# * A sum of a picture's and a question's scores is right in three of four cells at most. They must be multiplied, or a layer must learn to.
# * MLB, MUTAN and MCB are bilinear forms of low rank, of low rank per output, and thrown into drawers. Sketches keep inner products on average; the sketch of all products is a convolution.
# * A product of two tanh can saturate on the side of the picture: the gradient has a factor $1-a^2$. What is left is the question-only model.
# * FiLM's 1 + γ lets the gradient through from the first step.
# * Question-only and shuffled pictures stand beside every score.
# * The official accuracy: 0, .3, .6, .9, 1. Soft scores teach it.
#
# Read on in `mmscratch/models/`: `vqa_joint`, `fusion/bilinear`, `film_network`; and `tasks/vqa/judge`. Lesson 15 lets the question choose *where* to look.
