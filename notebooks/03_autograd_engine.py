# %% [markdown]
# # 3 · The autograd engine
#
# **You will be able to** say what a differentiation rule owes the engine, draw the graph that a formula
# leaves behind, explain why the steps are walked by order of birth, write the gradients of broadcasting and
# of an embedding, prove a gradient right in one line, and train a small model with all of it.
#
# **Time** about 40 minutes of reading, 20 seconds of computing on a laptop · **Data** none to download ·
# **Follows** §4 and §5 of the survey: its listings hand the derivatives to TensorFlow and PyTorch; here we
# look inside.

# %%
import inspect
from collections import Counter

import checks
import matplotlib.pyplot as plt
import numpy as np

import mmscratch as mm
from mmscratch import nn, ops, optim
from mmscratch.autograd import Node, Step, primitive
from mmscratch.data import scenes
from mmscratch.ops.broadcast import reduce_to

mm.kernels.use("reference")  # the floor in plain NumPy: every kernel is its formula
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})


# %% [markdown]
# ## 1 · What a rule owes the engine
#
# Let a loss $L$ depend on $y = f(x)$. The chain rule says
#
# $$\frac{\partial L}{\partial x} = J^{\mathsf T}\,\frac{\partial L}{\partial y},
# \qquad J_{ij} = \frac{\partial y_i}{\partial x_j}.$$
#
# So nobody has to know the whole loss. If every operation can turn the gradient of its **result** into the
# gradients of its **inputs**, the engine only has to carry them along.
#
# By hand: $y = a \cdot b + a$ at $a = 2$, $b = 3$.
#
# | going forward | going back |
# |---|---|
# | $p = a \cdot b = 6$ | $\partial y/\partial p = 1$, so $a$ receives $b = 3$ and $b$ receives $a = 2$ |
# | $y = p + a = 8$ | $a$ receives another $1$ directly |
# | | together $\partial y/\partial a = 4$, $\partial y/\partial b = 2$ |
#
# In the library an operation is one function on raw arrays, a *rule*. It returns its result and the way
# back: for each input a function from the result's gradient to its own. This is all there is to
# multiplication:

# %%
print(inspect.getsource(ops.mul))

# %% [markdown]
# `da` and `db` are the two gradients, each a function of $\partial L/\partial y$. The engine drops those of
# inputs that want no gradient: nothing is computed for them, and no array kept. (`to_a` and `to_b` undo
# broadcasting, see section 4.) Let us ask the rule itself, without any engine, and then the engine:

# %%
two, three = np.array(2.0), np.array(3.0)
result, backward = ops.mul.rule(two, three)
print("the rule:   result", result, " gradients", [float(f(np.array(1.0))) for f in backward])

a = mm.tensor(two, requires_grad=True)
b = mm.tensor(three, requires_grad=True)
y = a * b + a
y.backward()
print("the engine: result", y.item(), " gradients", [float(a.grad), float(b.grad)])

# %% [markdown]
# ## 2 · What is remembered: steps
#
# `@primitive` wraps the rule. It takes the arrays out of the tensors, runs the rule, and leaves one `Step`
# behind the result. A step knows its name, its `backward`, where the gradients of its inputs go (`targets`:
# an earlier step, or a leaf), and **when it was born**. It does not know its own result: all references
# point to the past, so there is no cycle, and when the loss is dropped the whole graph is freed at once.

# %%
y = a * b + a
step = y.step
print("y came from", step.op, "whose inputs came from", [getattr(t, "op", "a leaf") for t in step.targets])
print("the product is older than the sum:", step.targets[0].birth < step.birth)


# %% [markdown]
# From the steps we can draw any formula. Here is the cosine of lesson 2, composed of plain operations:
#
# $$\cos(a, b) = \frac{a \cdot b}{\lVert a\rVert\,\lVert b\rVert}$$


# %%
def steps_of(result):
    """All steps that a result was computed by, oldest first."""
    found, left = set(), [result.step]
    while left:
        step = left.pop()
        if step not in found:
            found.add(step)
            left += [t for t in step.targets if isinstance(t, Step)]
    return sorted(found, key=lambda s: s.birth)


def draw(result, names, axes):
    """The graph of a result, from left to right; each step with its place by birth and in the walk back."""
    steps = steps_of(result)
    column, height = {leaf: 0 for leaf in names}, {leaf: -i for i, leaf in enumerate(names)}
    for s in steps:
        column[s] = 1 + max(column[t] for t in s.targets if t in column)
        height[s] = np.mean([height[t] for t in s.targets if t in column])
    for c in range(
        1, max(column.values()) + 1
    ):  # steps of one column keep their order, with room between them
        members = sorted((s for s in steps if column[s] == c), key=lambda s: -height[s])
        for above, below in zip(members, members[1:], strict=False):
            height[below] = min(height[below], height[above] - 0.45)
    for s in steps:
        for t, times in Counter(t for t in s.targets if t in column).items():
            # Two arrows to one place part; a long one makes way for the boxes between.
            long = 0.2 * (column[s] - column[t] > 2)
            for bend in (long,) if times == 1 else (0.25, -0.25):
                arrow = {"arrowstyle": "-|>", "color": "0.6", "shrinkA": 14, "shrinkB": 17}
                arrow["connectionstyle"] = f"arc3,rad={bend}"
                axes.annotate("", (column[s], height[s]), (column[t], height[t]), arrowprops=arrow)
    for leaf, name in names.items():
        axes.text(0, height[leaf], name, ha="center", va="center", fontsize=11, weight="bold",
                  bbox={"boxstyle": "circle", "fc": "#dcecff", "ec": "#3572b0"})  # fmt: skip
    for i, s in enumerate(steps):
        text = f"{s.op}\n{i + 1} → · ← {len(steps) - i}"
        axes.text(column[s], height[s], text, ha="center", va="center", fontsize=7.5,
                  bbox={"boxstyle": "round", "fc": "#fff4dc", "ec": "#c08a2b"})  # fmt: skip
    axes.set(
        xlim=(-0.4, max(column.values()) + 0.5), ylim=(min(height.values()) - 0.4, max(height.values()) + 0.4)
    )
    axes.axis("off")


# %%
a = mm.tensor(np.array([1.0, 0.0, 1.0]), requires_grad=True)
b = mm.tensor(np.array([0.0, 1.0, 1.0]), requires_grad=True)
cosine = ops.cosine_similarity_twin(a, b)

figure, axes = plt.subplots(figsize=(9, 3.2))
draw(cosine, {a: "a", b: "b"}, axes)
axes.set_title("cos(a, b): → order of birth, ← order of the walk back", fontsize=10)
plt.show()
cosine.backward()
print(
    "cos", round(cosine.item(), 3), " ∂cos/∂a", a.grad.round(3), " a · ∂cos/∂a", f"{abs(a.data @ a.grad):.6f}"
)

# %% [markdown]
# Two arrows leave each of `a` and `b`: one to the dot product, one to its own length. Their gradients add
# up. (The `maximum` keeps the square root away from 0, where it has no slope.)
#
# ## 3 · In which order? A walk that goes wrong
#
# Take the smallest graph with a reused value:
#
# $$b = a + a, \qquad c = b + b, \qquad \frac{\partial c}{\partial a} = 4 .$$
#
# The tempting way is to follow each arrow as soon as it is met, depth first. When the second arrow into $b$
# is met, $b$ has been seen before: what should be passed on now? There are three answers, and none is good.


# %%
def arrivals(step, g):
    """(target, gradient) for every input of a step that wants one."""
    for target, function in zip(step.targets, step.backward, strict=True):
        if target is not None:
            yield target, function(g)


def depth_first(result, pass_on):
    """Gradients of the leaves by a depth-first walk, and how often a step's backward was called."""
    grads, total, calls = {}, {}, 0

    def arrive(target, g):
        nonlocal calls
        if isinstance(target, Node):
            grads[target] = grads.get(target, 0) + g
            return
        first = target not in total
        total[target] = total.get(target, 0) + g
        passed = pass_on(first, g, total[target])
        if passed is not None:
            calls += 1
            for next_target, next_g in arrivals(target, passed):
                arrive(next_target, next_g)

    arrive(result.step, np.ones_like(result.data))
    return grads, calls


walks = {
    "pass on the sum so far": lambda first, g, total: total,
    "pass on the first time only": lambda first, g, total: g if first else None,
    "pass on what has just come": lambda first, g, total: g,
}
a = mm.tensor(np.array(1.0), requires_grad=True)
b = a + a
c = b + b
for name, pass_on in walks.items():
    grads, calls = depth_first(c, pass_on)
    print(f"{name:28} ∂c/∂a = {grads[a]:.0f}   calls of backward: {calls}")

# %% [markdown]
# *The sum so far* passes the first contribution on twice: 6. *The first time only* forgets the second: 2.
# *What has just come* is right, but it walks every **path**: a chain of $n$ doublings has $2^n$ of them.
#
# The repair is one sentence long. **A step is born after all of its inputs, so when it is the newest one
# left, everything that used its result has been walked, and its gradient is complete.** Take the newest
# first, once. This is the library's walk; a heap holds the steps that wait:

# %%
print(inspect.getsource(Node.backward))

# %%
c.backward()
print("in order of birth: ∂c/∂a =", float(a.grad))

depths, called = range(1, 13), []
for n in depths:
    x = mm.tensor(np.array(1.0), requires_grad=True)
    y = x
    for _ in range(n):
        y = y + y
    called.append(depth_first(y, walks["pass on what has just come"])[1])

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), width_ratios=[1.1, 1])
a = mm.tensor(np.array(1.0), requires_grad=True)
b = a + a
draw(b + b, {a: "a"}, left)
left.set(title="b = a + a;  c = b + b", ylim=(-0.6, 0.6))
right.semilogy(depths, called, "o-", color="#c0392b", label="path by path")
right.semilogy(depths, list(depths), "o-", color="#2c7a4b", label="by birth, each step once")
right.set(xlabel="doublings in a row", ylabel="calls of backward")
right.legend(frameon=False)
plt.show()

# %% [markdown]
# There is no recursion in it either, so depth costs nothing but time:

# %%
x = mm.tensor(np.array(1.0), requires_grad=True)
y = x
for _ in range(5000):
    y = y * 1.0
y.backward()
print("5000 steps deep:", float(x.grad))

# %% [markdown]
# ## 4 · Broadcasting backwards is summing
#
# Broadcasting repeats an array along an axis. One entry of $x$ then serves several entries of $y$, and the
# chain rule adds up what comes back from each. By hand, a column of 2 plus a row of 3:
#
# $$\begin{pmatrix}10\\20\end{pmatrix} + \begin{pmatrix}1&2&3\end{pmatrix}
# = \begin{pmatrix}11&12&13\\21&22&23\end{pmatrix}$$
#
# With $\partial L/\partial y = 1$ everywhere, each entry of the column is owed 3, each entry of the row 2.
# The library says so in one place, and all rules call it:

# %%
print(inspect.getsource(reduce_to))

# %%
column = mm.tensor(np.array([[10.0], [20.0]]), requires_grad=True)
row = mm.tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
(column + row).sum().backward()
print("column", column.grad.ravel(), " row", row.grad)
print("gradcheck:", mm.gradcheck(lambda u, v: u * v, column, row))

# %% [markdown]
# ## 5 · Looking up a word is copying, so its gradient adds
#
# An embedding is a table $W$ with a row for each word; the lookup is $y_i = W_{\mathrm{index}_i}$. In the
# sentence *red left of red* the row of *red* is used twice, so
#
# $$\frac{\partial L}{\partial W_v} = \sum_{i:\ \mathrm{index}_i = v} \frac{\partial L}{\partial y_i}.$$
#
# This is a **scatter-add**. NumPy's obvious line gets it wrong without a word: in `g[index] += dy` the
# right side is read once before anything is written, and of two gradients for one row only the last
# survives.

# %%
index = np.array([0, 1, 0])  # red left red
dy = np.array([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])

lost = np.zeros((2, 2))
lost[index] += dy
kept = np.zeros((2, 2))
np.add.at(kept, index, dy)
print("g[index] += dy      row of red:", lost[0])
print("np.add.at           row of red:", kept[0])

table = mm.tensor(np.zeros((2, 2)), requires_grad=True)
ops.embedding(table, index).backward(dy)
print("the library         row of red:", table.grad[0])

# %%
print(inspect.getsource(ops.embedding))
print(inspect.getsource(mm.kernels.floor("reference").take_add))

# %% [markdown]
# ## 6 · Who judges a gradient?
#
# The definition of the derivative. `gradcheck` measures every entry of the Jacobian by central differences
# in float64, with step $h$ and $h/2$,
#
# $$D(h) = \frac{f(x+h) - f(x-h)}{2h} = f'(x) + O(h^2), \qquad \frac{4 D(h/2) - D(h)}{3} = f'(x) + O(h^4),$$
#
# and compares it with what `backward` says. It is one line, and it is strict: $10^{-6}$ relative.

# %%
rng = np.random.default_rng(0)
print("cosine   ", mm.gradcheck(ops.cosine_similarity, rng.normal(size=4), rng.normal(size=4)))
print("embedding", mm.gradcheck(lambda w: ops.embedding(w, [0, 1, 0]), rng.normal(size=(2, 2))))


@primitive
def careless_square(x):
    """x², by someone who forgot that the derivative of x² is 2x."""
    return x * x, lambda dy: dy * x


try:
    mm.gradcheck(careless_square, np.array([1.0, 3.0]))
except AssertionError as error:
    print("a lost factor is found at", str(error).split("gradcheck: ")[1].split(": analytic")[0])

# %% [markdown]
# ## 7 · All of it at work: what colour is a word?
#
# A first model that joins two modalities. The scenes world (lesson 1) gives objects with a colour **word**
# and the **pixels'** RGB, which jitters by up to 10 %. A word gets a vector of only two numbers
# (`Embedding`), a small network paints it (`Linear`), and `Adam` makes both. What can be reached is known:
# nobody can foresee the jitter, so the best answer to a word is its mean colour, and the loss that remains
# is the jitter's variance.

# %%
objects = [o for seed in range(300) for o in scenes.sample_scene(seed).objects]
word = np.array([scenes.COLOURS.index(o.colour) for o in objects])
rgb = np.array([scenes.object_rgb(o) for o in objects])
means = np.stack([rgb[word == v].mean(axis=0) for v in range(len(scenes.COLOURS))])
floor = ((rgb - means[word]) ** 2).mean()
print(len(objects), "objects, for instance", objects[0].colour, rgb[0].round(2))


class Painter(nn.Module):
    def __init__(self, generator):
        self.words = nn.Embedding(len(scenes.COLOURS), 2, generator=generator)
        self.hidden = nn.Linear(2, 16, generator=generator)
        self.paint = nn.Linear(16, 3, generator=generator)

    def colour(self, vectors):
        return ops.sigmoid(self.paint(ops.tanh(self.hidden(vectors))))

    def forward(self, index):
        return self.colour(self.words(index))


model = Painter(mm.Generator(3)).to("float64")
optimizer = optim.Adam(model.parameters(), lr=0.03)
losses = []
for _ in range(400):
    loss = ops.mse_loss(model(word), mm.tensor(rgb))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"loss: first {losses[0]:.3f}, last {losses[-1]:.4f}, best possible {floor:.4f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=[1, 1.1])
left.semilogy(losses, color="#3572b0", label="mean squared error")
left.axhline(floor, color="0.4", ls="--", label="variance of the jitter")
left.set(xlabel="step of Adam")
left.legend(frameon=False)

vectors = model.words.weight.data
reach = np.abs(vectors).max() + 0.6
grid = np.stack(np.meshgrid(np.linspace(-reach, reach, 160), np.linspace(-reach, reach, 160)), axis=-1)
with mm.no_grad():
    field = model.colour(mm.tensor(grid.reshape(-1, 2))).numpy().reshape(160, 160, 3)
right.imshow(field, origin="lower", extent=(-reach, reach, -reach, reach), aspect="auto")
right.scatter(*vectors.T, c="white", edgecolors="black", zorder=3)
for name, (u, v) in zip(scenes.COLOURS, vectors, strict=True):
    right.text(u, v + 0.12 * reach, name, ha="center", color="white", weight="bold", fontsize=9)
right.set(title="the plane of word vectors, painted by the model", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Nobody told the model where to put the words. It spread them over the plane so that the painter can tell
# them apart: the first word vectors of this course that mean something in another modality.
#
# ## Exercises
#
# Write between the marks, run the cell, then the check below it. A check answers within a second and says
# what is wrong.
#
# **3.1** Write the rule of $y = e^{-x^2}$ on raw NumPy arrays: return the result and `backward`.


# %%
def bell(x):
    """x → (e^(−x²), backward), where backward(dy) gives ∂L/∂x."""
    ### BEGIN SOLUTION
    y = np.exp(-x * x)
    return y, lambda dy: dy * (-2 * x * y)
    ### END SOLUTION


# %%
checks.bell(bell)

# %% [markdown]
# **3.2** Walk in the right order. `arrivals(step, g)` from above gives you pairs (target, gradient). Return
# a dict from each leaf to its gradient. Each step may be walked only once.


# %%
def walk(result):
    """{leaf: ∂result/∂leaf} for a result with a single element."""
    ### BEGIN SOLUTION
    grads, waiting = {}, {result.step: np.ones_like(result.data)}
    while waiting:
        step = max(waiting, key=lambda s: s.birth)
        for target, g in arrivals(step, waiting.pop(step)):
            home = grads if isinstance(target, Node) else waiting
            home[target] = home[target] + g if target in home else g
    return grads
    ### END SOLUTION


# %%
checks.walk(walk)

# %% [markdown]
# **3.3** Undo a broadcast: an array of some `shape` was repeated to the shape of `dy`. Give its gradient.


# %%
def sum_to(dy, shape):
    """The gradient of an array of that shape, which was broadcast to the shape of dy."""
    ### BEGIN SOLUTION
    dy = dy.sum(axis=tuple(range(dy.ndim - len(shape))))
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and dy.shape[i] != 1)
    return dy.sum(axis=repeated, keepdims=True)
    ### END SOLUTION


# %%
checks.sum_to(sum_to)

# %% [markdown]
# **3.4** The gradient of a table of `rows` vectors that was read at the places `index` (any shape).


# %%
def table_gradient(dy, index, rows):
    """dy (I…, D), index (I…) → (rows, D)."""
    ### BEGIN SOLUTION
    gradient = np.zeros((rows, dy.shape[-1]), dy.dtype)
    np.add.at(gradient, index, dy)
    return gradient
    ### END SOLUTION


# %%
checks.table_gradient(table_gradient)
