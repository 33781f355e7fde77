# %% [markdown]
# # 18 · 应用：买什么，合不合身，病在哪里
#
# **学完这一课，你能够** 推出 BPR 的梯度并说清它在拉谁，解释为什么新商品对隐因子不可见、对图像却可见，解出薄板样条并用它把衬衫穿到人形上，以及用*它看了哪里*来评判一个医学网络，并与随机水平并列。
#
# **用时** 阅读约 40 分钟，笔记本电脑上计算约一分钟 · **数据** 无需下载 · **对应** 综述 §6。

# %%
import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch.data import scenes
from mmscratch.data.applications import garments
from mmscratch.data.applications.scans import make_scans
from mmscratch.data.applications.shop import make_shop
from mmscratch.models.applications.readers import word_ids
from mmscratch.models.applications.recommenders import bpr_loss
from mmscratch.models.applications.thin_plate import AffineMap, ThinPlateSpline
from mmscratch.tasks.applications import medical, recommendation, tryon
from mmscratch.tasks.applications.learning import picture_features, right
from mmscratch.tensor import tensor

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d"

# %% [markdown]
# ## 1 · §6 许诺了什么，怎样才算做到
#
# 综述在三个领域里列了九项应用。只列用途而不说怎样才算成功，等于没说。所以这里给每一项一个小世界，其中正确答案已知，旁边摆上任何人所能做到的最好（**先知**），以及不费力气就能得到的（**对照**）。
#
# | 综述的说法 | 这里所问的问题 | 先知 |
# |---|---|---|
# | 用文本或图像搜商品 | “像这个，但要绿的”：排第一的图对不对？ | 一句为真的描述 |
# | 推荐商品 | 160 件东西里，这位用户接下来拿哪件？ | 用户的真实效用 |
# | 虚拟试衣 | 衬衫偏了多少像素？ | 身体自己的映射 |
# | 推荐内容 | 接下来看什么，为什么？ | 对隐藏动机用贝叶斯法则 |
# | 情感分析 | 四种世界里的文字、图像与声音 | 世界自己的分数 |
# | 谣言检测 | 图说的与文说的一致吗，又是怎样传开的？ | 场景图 |
# | 医学影像分析 | 哪一级，病灶在哪里？ | 掩码 |
# | 药物研发 | 这个分子在这种试验里有没有活性？ | 规则 |
# | 健康管理 | 没有护理记录时，谁会恶化？ | 对所见之物用贝叶斯法则 |
#
# 除两项以外，都是 `mmscratch table applications` 的一部分。情感与谣言各有自己的表：`mmscratch table sentiment` 和 `mmscratch table rumour`。本课挑三项：一项关于口味，一项关于几何，一项关于证据。
#
# ## 2 · 推荐：偏好是一个差
#
# 300 位用户，160 件以图像示人的东西。每位用户对看得见的（形状、颜色、大小、纹理）各有各的权重，另有一些图上看不出来的因素；还有的东西就是受欢迎。我们看到的是**拿了什么**，从来看不到不喜欢什么：没拿的，也许只是没见过。120 件早就在店里，40 件是新的。

# %%
shop = make_shop(seed=18)
user = 4
order = np.argsort(-shop.utility[user])
figure, axes = plt.subplots(2, 8, figsize=(10.5, 3))
for row, items, title in zip(axes, (order[:8], order[-8:]), ("liked best", "liked least"), strict=True):
    for axis, i in zip(row, items, strict=True):
        axis.imshow(scenes.render(shop.scenes[i]))
        state = (
            "new"
            if i >= shop.warm
            else "taken"
            if i in shop.train[user]
            else "kept back"
            if i in shop.test[user]
            else "–"
        )
        axis.set(xticks=[], yticks=[])
        axis.set_xlabel(f"{shop.utility[user, i]:+.1f} {state}", fontsize=8)
    row[0].set_ylabel(title)
plt.tight_layout()
plt.show()

# %% [markdown]
# Rendle 等（2009）由此得出结论：不要给每一对预测一个数，只要求 $u$ 拿了的 $i$ 得分高于没拿的 $j$。贝叶斯个性化排序用逻辑函数表示这个次序，$p(i >_u j) = \sigma(x_{ui} - x_{uj})$，并希望所有次序都可能：
#
# $$L = -\frac1B\sum_{(u,i,j)} \ln\sigma(d),\qquad d = x_{ui} - x_{uj} .$$
#
# **梯度。** 由 $\sigma' = \sigma(1-\sigma)$ 得 $\frac{\mathrm d}{\mathrm dd}\ln\sigma(d) = 1 - \sigma(d)$，所以
#
# $$\frac{\partial L}{\partial x_{ui}} = -\frac{1-\sigma(d)}{B} = -\frac{\partial L}{\partial x_{uj}} .$$
#
# 次序正确且差距很大的一对（$\sigma\to1$）几乎不拉；次序颠倒的一对用尽全力去拉。如果得分是隐因子的内积，$x_{ui} = b_i + \gamma_u\cdot\gamma_i$，剩下的交给链式法则：
#
# $$\frac{\partial L}{\partial\gamma_u} \propto -(1-\sigma)\,(\gamma_i-\gamma_j),\qquad
# \frac{\partial L}{\partial\gamma_i} \propto -(1-\sigma)\,\gamma_u,\qquad
# \frac{\partial L}{\partial\gamma_j} \propto +(1-\sigma)\,\gamma_u .$$
#
# 于是用户靠近拿了的，远离没拿的。那么**新**商品的 $\gamma_i$ 往哪里走？它从来当不了 $i$，因为没有人拿过它。它停在起点：怎么训练都没用。这就是冷启动，毛病不在优化器，而在公式。

# %%
d = np.linspace(-5, 5, 101)
above, below = tensor(d, requires_grad=True), tensor(np.zeros(101), requires_grad=True)
bpr_loss(above, below).backward()
derived = -(1 - 1 / (1 + np.exp(-d))) / 101
print("largest difference from what we derived:", f"{np.abs(above.grad - derived).max():.0e}",
      "; i and j are pulled alike:", np.allclose(above.grad, -below.grad))  # fmt: skip

# %% [markdown]
# He 与 McAuley（2016）让得分也去看图。$f_i$ 是图像的特征（这里取我们的场景网络在物体处的输出），$E$ 把它压成少数几个数，$\theta_u$ 是用户的视觉口味：
#
# $$x_{ui} = b_i + \gamma_u\cdot\gamma_i + \theta_u\cdot(E f_i) + \beta'\cdot f_i .$$
#
# $E$ 和 $\theta_u$ 从*别的*商品学来。新商品的后两项立刻可知。旁边还有用交替最小二乘的矩阵分解（Hu、Koren 与 Volinsky，2008），它终究还是拟合数值：拿过的为 1，其余为 0，前者权重更大。

# %%
settings = recommendation.SETTINGS(steps=240)
features, known = picture_features(shop.scenes), shop.counts > 0
scored = {
    "oracle": shop.utility,
    "visible taste": shop.visible,
    "popularity": np.tile(shop.counts.astype(float), (len(shop.utility), 1)),
}
for name in ("MF", "BPR", "VBPR"):
    scored[name] = recommendation.train(name, shop, features, settings, 0).scores(known)
print(f"{'':15}" + "".join(f"{name:>13}" for name in recommendation.FIGURES))
for name, scores in scored.items():
    found = recommendation.judge(shop, scores)
    print(f"{name:15}" + "".join(f"{100 * found[f]:13.1f}" for f in recommendation.FIGURES))

# %% [markdown]
# 只在新商品之间排（“cold”两列），流行度、MF 和 BPR 给每件的分都一样；并列按所有次序的平均来算，所以三者得到同一个数，即随机水平。“visible taste”是效用中图像所能说明的那部分的次序：只有图像的人谁也超不过它。步数这么少，VBPR 才刚开始看，只比随机水平高一点；`docs/results.md` 里另一个种子的结果是它的两倍。再按一件东西*被拿过多少次*来看：在没被拿的东西里，有多大比例得分低于留出的那一件。

# %%
figure, axis = plt.subplots(figsize=(7.5, 3.6))
for (name, scores), colour in zip(
    scored.items(), (GREEN, "#8e44ad", GREY, "#e67e22", RED, BLUE), strict=True
):
    found = recommendation.by_counts(shop, scores)
    axis.plot(
        list(found),
        list(found.values()),
        "o",
        color=colour,
        label=name,
        ls=":" if name in ("oracle", "visible taste") else "-",
    )
axis.axhline(0.5, color="k", lw=0.8, ls="--")
axis.set(
    xlabel="how often the item was taken in training", ylabel="AUC of what was kept back", ylim=(0, 1.02)
)
axis.legend(frameon=False, ncol=3, fontsize=8)
plt.tight_layout()
plt.show()

# %% [markdown]
# 最右边大家都好，单凭流行度也行：很多人拿过的，还会有很多人拿。最左边流行度不如抛硬币，因为少有人拿的排在最后。新商品在 BPR 榜上的位置与*这位*用户毫无关系：它对所有人的得分都是 0，高于学到的冷门，低于热门。
#
# ## 3 · 试衣：弯得最少的映射
#
# 商店要在*你的*照片上展示衬衫，就得把平放的衬衫映到身体上。做这件事的网络（Han 等，2018）里藏着一个能在纸上解完的小问题：身体上的若干**地标** $x_i$ 对应衬衫上的 $y_i$；中间的一切往哪里去？在所有经过地标的映射里，取弯得最少的那个：
#
# $$\min_f\ \iint f_{xx}^2 + 2f_{xy}^2 + f_{yy}^2 \quad\text{满足}\quad f(x_i) = y_i .$$
#
# 已知（Duchon；Bookstein，1989）它的形式是一个仿射映射，加上每个地标一个鼓包：
#
# $$f(x) = a + Ax + \sum_i w_i\,U(\|x-x_i\|),\qquad U(r) = r^2\ln r^2 ,$$
#
# $U$ 就是一块薄金属板在一点受推时的形状。为了让远处只剩仿射部分，鼓包既不许有总和，也不许有矩：$\sum w_i = 0$，$\sum w_i x_i = 0$。令 $K_{ij} = U(\|x_i-x_j\|)$，$P = [1\ x_i]$，全部条件合成一个线性方程组：
#
# $$\begin{pmatrix} K+\lambda I & P\\ P^\top & 0\end{pmatrix}\begin{pmatrix} W\\ (a\ A)^\top\end{pmatrix} = \begin{pmatrix} Y\\ 0\end{pmatrix} .$$
#
# $\lambda = 0$ 时经过地标；$\lambda > 0$ 时可以偏一点，换来少弯一点；$\lambda\to\infty$ 时只剩最佳仿射映射。（测试拿它与 SciPy 的 `RBFInterpolator` 对照，弯曲能则与上面的积分对照。）

# %%
body, (shirt, alpha) = garments.draw_body(5), garments.draw_garment(5)
marks = garments.landmarks()
placed, flat = body.place(marks), garments.flat_grid(marks)
ways = {
    "no warp": lambda xy: xy,
    "affine": AffineMap(placed, flat),
    "thin plate": ThinPlateSpline(placed, flat),
    "true map": lambda xy: garments.flat_grid(body.flatten(xy)),
}
true = tryon.dress(body, shirt, alpha, ways["true map"])
figure, axes = plt.subplots(1, 6, figsize=(11, 2.3))
for axis, picture, points in zip(
    axes, (shirt + (1 - alpha[..., None]), garments.person(body)), (flat, placed), strict=False
):
    axis.imshow(picture, extent=(0, 64, 64, 0))
    axis.plot(*points.T, ".", color=RED, ms=3)
for axis, (name, warp) in zip(axes[2:], ways.items(), strict=True):
    dressed = tryon.dress(body, shirt, alpha, warp)
    axis.imshow(dressed[0], extent=(0, 64, 64, 0))
    axis.set_title(name, fontsize=9)
    axis.set_xlabel(f"off by {tryon.judge(dressed, true)['error']:.2f} px", fontsize=8)
for axis in axes:
    axis.set(xticks=[], yticks=[])
plt.tight_layout()
plt.show()

# %% [markdown]
# 图是**倒着**铺上去的：对人形的每个像素，映射说出该看衬衫的哪里，所以没有像素会空着。然后是 $\alpha\cdot\text{衬衫} + (1-\alpha)\cdot\text{人形}$（Porter 与 Duff，1984）。我们的身体有闭式的真映射，所以误差是一个数。它怎样随地标变化：有多少个，又有多准？


# %%
def error_of(across, down, noise=0.0, smoothing=0.0, bodies=range(30, 42)):
    """Mean error over some bodies, in pixels, of a spline and of an affine map."""
    random, grid, found = np.random.default_rng(0), garments.landmarks(across, down), []
    for one in map(garments.draw_body, bodies):
        seen = one.place(grid) + random.normal(scale=noise, size=grid.shape)
        asked = one.place(garments.landmarks(9, 9))
        wanted = garments.flat_grid(one.flatten(asked))
        maps = (
            ThinPlateSpline(seen, garments.flat_grid(grid), smoothing),
            AffineMap(seen, garments.flat_grid(grid)),
        )
        found.append([np.sqrt(((f(asked) - wanted) ** 2).sum(1).mean()) for f in maps])
    return np.mean(found, axis=0)


sizes = [(2, 2), (2, 3), (3, 3), (3, 4), (4, 5), (6, 7)]
exact = np.array([error_of(*s) for s in sizes])
lambdas = [0, 3, 30, 300, 3000, 30000]
rough = np.array([error_of(4, 5, noise=1.0, smoothing=v) for v in lambdas])
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True)
axes[0].plot([a * b for a, b in sizes], exact[:, 0], "o-", color=BLUE, label="thin plate")
axes[0].plot([a * b for a, b in sizes], exact[:, 1], "o-", color=GREY, label="affine")
axes[0].set(xlabel="landmarks, exact", ylabel="error in pixels")
axes[1].plot(range(6), rough[:, 0], "o-", color=BLUE, label="thin plate")
axes[1].plot(range(6), rough[:, 1], "o-", color=GREY, label="affine")
axes[1].set(
    xlabel="λ, with 20 landmarks off by one pixel", xticks=range(6), xticklabels=lambdas, ylim=(0, None)
)
axes[0].legend(frameon=False)
plt.tight_layout()
plt.show()
print("with few exact landmarks the plate is no better than the affine map, with many it is:",
      bool(exact[-1, 0] < 0.2 * exact[-1, 1]))  # fmt: skip
print("with inexact ones some smoothing beats none and beats all:", 0 < rough[:, 0].argmin() < 5)

# %% [markdown]
# ## 4 · 证据：一张扫描、一份报告，以及网络看了哪里
#
# 扫描图上有一个病灶，或者是实性的（亮），或者是囊性的（暗）；报告说它有没有长大。级别是坏兆头的个数：0、1 或 2。数一数：只看扫描图的人，有一半病例在两级之间定不下来；只看报告也一样；而第 1 级本身就占一半病人。**50 %** 是每个模态单独所能达到的上限。

# %%
patients, others = make_scans(480, seed=18), make_scans(200, seed=19)
ids, vocabulary = word_ids(patients.reports)
asked, _ = word_ids(others.reports, vocabulary)
quick = medical.SETTINGS()
model = medical.train(patients, ids, len(vocabulary), quick, 0)


def share_right(reports):
    """How often the grade is right, with these reports."""
    return right(lambda r: model((tensor(others.images[r]),), (reports[r],)), others.target)


print(f"own report {share_right(asked):.2f}, another patient's {share_right(asked[::-1]):.2f}, always 1 .50")

# %% [markdown]
# 医生会问*为什么*。Grad-CAM（Selvaraju 等，2017）取网络的最后一张网格 $A^k_{ij}$，问该级别的得分 $F$ 怎样依赖它的每个通道：
#
# $$\alpha_k = \frac1{hw}\sum_{ij}\frac{\partial F}{\partial A^k_{ij}},\qquad M_{ij} = \Big(\sum_k\alpha_k A^k_{ij}\Big)_+ .$$
#
# 这个世界知道病灶的掩码，所以这张图可以*打分*：最大值落在病灶上吗，有多少质量在上面，一张什么都不知道的图又会得多少？

# %%
maps = medical.maps_of(model, others, asked)
rows = {
    "Grad-CAM": maps,
    "of another patient": maps[::-1],
    "knows nothing": np.ones_like(maps),
}
for name, some in rows.items():
    found = medical.attention_scores(some, others.masks, threshold="area")
    print(
        f"{name:20}" + "".join(f"   {k} {100 * found[k]:5.1f} %" for k in ("pointing", "IoU", "mass inside"))
    )
figure, axes = plt.subplots(2, 6, figsize=(10.5, 3.7))
for k, (top, bottom) in enumerate(axes.T):
    top.imshow(others.images[k, 0], cmap="gray")
    top.contour(others.masks[k], [0.5], colors=[GREEN], linewidths=1)
    top.set_title(f"grade {others.target[k]}", fontsize=9)
    bottom.imshow(others.images[k, 0], cmap="gray")
    bottom.imshow(maps[k], cmap="inferno", alpha=0.65)
    bottom.contour(others.masks[k], [0.5], colors=["w"], linewidths=1)
    for axis in (top, bottom):
        axis.set(xticks=[], yticks=[])
plt.tight_layout()
plt.show()

# %% [markdown]
# 两点提醒。图落在病灶上，并不证明网络用*对*了它；图落在别处，却一定说明有问题。还有，不带随机水平的数字什么也没说：病灶很大时，怎么画都能打中。
#
# ## 5 · 其余几项，各一行
#
# * **内容推荐**：一次浏览的动机是隐藏的（访客变换的是颜色、形状还是主题），所以只看最后一件不够；三样里图像说明两样，标题说明第三样。
# * **分子**：成分相同的孪生分子，其中一个的 N 与 O 相连；“相连”异或“碱性”则有活性。数一数：只看图、只看文字、以及原子袋加文字，都只对一半。
# * **健康**：给定真相时，体征与护理记录相互独立，所以贝叶斯法则把两个对数相加，缺一个就去掉一个。网络只有在训练中见过缺失的模态（模态丢弃）才会这样做。
# * **情感**与**谣言**：`mmscratch table sentiment`、`mmscratch table rumour`。
#
# 其余都由 `mmscratch table applications` 生成，含种子、对照与先知。
#
# ## 练习
#
# 在标记之间作答，运行该单元，再运行下面的检查。
#
# **18.1** BPR 的梯度：由得分 `above` 与 `below`（B，），求 $L=-\frac1B\sum\ln\sigma(x_{ui}-x_{uj})$ 的 $\partial L/\partial x_{ui}$，（B，）。得分可能很大。


# %%
def bpr_slope(above, below):
    """(B,)."""
    ### BEGIN SOLUTION
    return -0.5 * (1 - np.tanh((above - below) / 2)) / len(above)
    ### END SOLUTION


# %%
checks.bpr_slope(bpr_slope)

# %% [markdown]
# **18.2** 已经解好的薄板样条：由 `points`（M，2）、`landmarks`（N，2）、`weights`（N，2）和 `affine`（3，2）（第一行是 $a$），求 $f$ 的值（M，2）。$U(0)=0$。


# %%
def thin_plate(points, landmarks, weights, affine):
    """(M, 2)."""
    ### BEGIN SOLUTION
    square = ((points[:, None] - landmarks) ** 2).sum(-1)
    bumps = square * np.log(np.where(square > 0, square, 1))
    return affine[0] + points @ affine[1:] + bumps @ weights
    ### END SOLUTION


# %%
checks.thin_plate(thin_plate)

# %% [markdown]
# **18.3** 一幅图的 Grad-CAM：由网格 `a`（K，h，w）与斜率 `slopes` $\partial F/\partial A$（K，h，w），求图（h，w）。


# %%
def class_map(a, slopes):
    """(h, w)."""
    ### BEGIN SOLUTION
    alpha = slopes.mean((1, 2))
    return np.maximum(np.tensordot(alpha, a, 1), 0)
    ### END SOLUTION


# %%
checks.class_map(class_map)

# %% [markdown]
# ## 现在你知道
#
# * BPR 按 $1-\sigma$ 把拿了的与没拿的拉开：次序错得越厉害，拉得越狠。
# * 新商品的隐因子永远得不到梯度；它的图像能补上一部分，但不会多于图像所能说明的。
# * 弯得最少的映射就是一个线性方程组。地标不准，就需要平滑。
# * 数一数就能事先知道单个模态的上限；融合要与它比，图要与随机水平比。
#
# 接着读 `mmscratch/models/applications/` 和 `mmscratch/tasks/applications/`。
