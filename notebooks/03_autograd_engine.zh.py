# %% [markdown]
# # 3 · 自动求导引擎
#
# **学完这一课，你能够** 说清一条求导规则要向引擎交出什么，画出一个公式运行后留下的计算图，解释为什么反向传播要按“出生次序”进行，写出广播与词嵌入的梯度，用一行代码证明梯度正确，并用这些零件训练一个小模型。
#
# **用时** 阅读约 40 分钟，笔记本电脑上计算约 20 秒 · **数据** 无需下载 · **对应** 综述第 4、5 节：综述的代码清单把求导交给 TensorFlow 和 PyTorch，这里我们打开盖子看看里面。

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
# ## 1 · 一条规则要交出什么
#
# 设损失 $L$ 依赖于 $y = f(x)$。链式法则告诉我们
#
# $$\frac{\partial L}{\partial x} = J^{\mathsf T}\,\frac{\partial L}{\partial y},
# \qquad J_{ij} = \frac{\partial y_i}{\partial x_j}.$$
#
# 因此谁都不必了解整个损失函数。只要每个运算都会把 **结果** 的梯度变成各个 **输入** 的梯度，引擎只管把它们一站一站往回送。
#
# 先手算一遍：$y = a \cdot b + a$，取 $a = 2$，$b = 3$。
#
# | 向前算 | 向回传 |
# |---|---|
# | $p = a \cdot b = 6$ | $\partial y/\partial p = 1$，所以 $a$ 收到 $b = 3$，$b$ 收到 $a = 2$ |
# | $y = p + a = 8$ | $a$ 还直接收到一个 $1$ |
# | | 合起来 $\partial y/\partial a = 4$，$\partial y/\partial b = 2$ |
#
# 在本库里，一个运算就是一个作用于裸数组的函数，叫作 *规则*（rule）。它返回结果和返回的路：每个输入一个函数，由结果的梯度求出它自己的梯度。乘法的全部内容如下：

# %%
print(inspect.getsource(ops.mul))

# %% [markdown]
# `da` 和 `db` 就是两个梯度，各是 $\partial L/\partial y$ 的函数。不需要梯度的输入，引擎会当场丢掉它的函数：既不计算，也不保留数组。（`to_a` 与 `to_b` 用来撤销广播，见第 4 节。）我们先绕开引擎直接问规则，再问引擎：

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
# ## 2 · 引擎记住了什么：Step
#
# `@primitive` 把规则包了一层：从张量里取出数组，运行规则，然后在结果背后留下一个 `Step`。一个 Step 知道自己的名字、自己的 `backward`、各输入的梯度该送往哪里（`targets`：更早的某个 Step，或者一个叶子），以及 **自己是什么时候出生的**。它并不认识自己的结果：所有引用都指向过去，图里没有环，损失一旦被丢弃，整张图立刻随之释放。

# %%
y = a * b + a
step = y.step
print("y came from", step.op, "whose inputs came from", [getattr(t, "op", "a leaf") for t in step.targets])
print("the product is older than the sum:", step.targets[0].birth < step.birth)


# %% [markdown]
# 有了这些 Step，任何公式都能画出来。下面是第 2 课里的余弦，由最普通的运算组合而成：
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
# 从 `a` 和 `b` 各伸出两支箭头：一支通向点积，一支通向自身的长度，传回来的两份梯度要相加。（`maximum` 让平方根远离 0，因为平方根在 0 处没有斜率。）
#
# ## 3 · 按什么次序走？一种会出错的走法
#
# 取一个最小的、某个值被用了两次的图：
#
# $$b = a + a, \qquad c = b + b, \qquad \frac{\partial c}{\partial a} = 4 .$$
#
# 最诱人的办法是遇到箭头就立刻跟过去，也就是深度优先。可当第二支箭头走到 $b$ 时，$b$ 已经来过一次了：这回该往下传什么？有三种回答，没有一种令人满意。


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
# *传迄今的总和*：第一份贡献被传了两遍，得 6。*只在第一次传*：第二份被忘掉了，得 2。*来什么传什么*：结果是对的，但它要走遍每一条 **路径**，而连续 $n$ 次翻倍就有 $2^n$ 条。
#
# 补救的办法一句话就能说完：**一个步骤总是在它所有的输入之后出生；所以当它是剩下的步骤里最新的一个时，凡是用过它结果的步骤都已走完，它的梯度已经收齐。** 每次取最新的那个，每个只走一次。下面就是库里的走法，等候中的步骤放在一个堆里：

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
# 这里也没有递归，所以再深的图也只是多花点时间：

# %%
x = mm.tensor(np.array(1.0), requires_grad=True)
y = x
for _ in range(5000):
    y = y * 1.0
y.backward()
print("5000 steps deep:", float(x.grad))

# %% [markdown]
# ## 4 · 广播的反向是求和
#
# 广播把数组沿某个轴重复。于是 $x$ 的一个元素供 $y$ 的好几个元素使用，链式法则要求把它们各自传回来的梯度加起来。手算：长度为 2 的列加长度为 3 的行，
#
# $$\begin{pmatrix}10\\20\end{pmatrix} + \begin{pmatrix}1&2&3\end{pmatrix}
# = \begin{pmatrix}11&12&13\\21&22&23\end{pmatrix}$$
#
# 若 $\partial L/\partial y$ 处处为 1，列的每个元素应得 3，行的每个元素应得 2。库里只有一处写着这件事，所有规则都调用它：

# %%
print(inspect.getsource(reduce_to))

# %%
column = mm.tensor(np.array([[10.0], [20.0]]), requires_grad=True)
row = mm.tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
(column + row).sum().backward()
print("column", column.grad.ravel(), " row", row.grad)
print("gradcheck:", mm.gradcheck(lambda u, v: u * v, column, row))

# %% [markdown]
# ## 5 · 查词表是复制，所以梯度是累加
#
# 词嵌入是一张表 $W$，每个词占一行；查表即 $y_i = W_{\mathrm{index}_i}$。在 *red left of red*（红在红的左边）这句话里，*red* 那一行被用了两次，所以
#
# $$\frac{\partial L}{\partial W_v} = \sum_{i:\ \mathrm{index}_i = v} \frac{\partial L}{\partial y_i}.$$
#
# 这叫 **散射累加**（scatter-add）。NumPy 里最顺手的写法会不声不响地算错：`g[index] += dy` 的右边在写入之前只读取一次，同一行若有两份梯度，只有最后一份留得下来。

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
# ## 6 · 谁来评判梯度？
#
# 导数的定义。`gradcheck` 在 float64 下用中心差分测出雅可比矩阵的每一个元素，步长取 $h$ 与 $h/2$ 各一次，
#
# $$D(h) = \frac{f(x+h) - f(x-h)}{2h} = f'(x) + O(h^2), \qquad \frac{4 D(h/2) - D(h)}{3} = f'(x) + O(h^4),$$
#
# 再同 `backward` 的说法逐个比较。用起来只要一行，标准却很严：相对误差 $10^{-6}$。

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
# ## 7 · 合起来用：一个词是什么颜色？
#
# 这是第一个连接两种模态的模型。scenes 世界（第 1 课）里的每个物体既有一个颜色 **词**，又有 **像素** 的 RGB 值，后者最多抖动 10 %。一个词只得到两个数组成的向量（`Embedding`），一个小网络把它涂成颜色（`Linear`），两者都由 `Adam` 来学。能学到多好是事先知道的：抖动谁也猜不到，所以对一个词最好的回答就是该颜色的平均值，剩下的损失正是抖动的方差。

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
# 没有人告诉模型该把词放在哪里。它自己把它们在平面上铺开，好让后面的网络分得清：这是本课程里第一批在另一种模态中有含义的词向量。
#
# ## 练习
#
# 把答案写在两行标记之间，运行该单元，再运行它下面的检查。检查在一秒之内给出结果，并说明 *哪里* 不对。
#
# **3.1** 用 NumPy 裸数组写出 $y = e^{-x^2}$ 的规则：返回结果和 `backward`。


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
# **3.2** 按正确的次序走。前面的 `arrivals(step, g)` 会给出一对对（去处，梯度）。返回一个字典：叶子 → 梯度。每个步骤只许走一次。


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
# **3.3** 撤销广播：某个形状为 `shape` 的数组被广播成了 `dy` 的形状，求它的梯度。


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
# **3.4** 一张有 `rows` 行的向量表在 `index`（任意形状）处被读取，求这张表的梯度。


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
