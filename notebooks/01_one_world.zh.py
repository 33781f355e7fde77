# %% [markdown]
# # 1 · 一个世界，四种模态
#
# **学完这一课，你能够** 把综述的每一章放到一张由五个挑战组成的地图上，造出一个凡事皆知的场景，说清一句描述 *为真* 是什么意思并让机器来判定，还能分辨哪些数据集非看图不可、哪些闭着眼睛也能答对。
#
# **用时** 阅读约 35 分钟，笔记本电脑上计算约 20 秒 · **数据** 无需下载 · **对应** 综述第 1、8 节。

# %%
import inspect
from dataclasses import replace

import checks
import matplotlib.pyplot as plt
import numpy as np

from mmscratch.data import scenes
from mmscratch.data.scenes import meaning, programs, question_forms, relations
from mmscratch.data.scenes.gates import majority_accuracy
from mmscratch.data.scenes.render import paint, signed_distance

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## 1 · 一张地图
#
# *模态* 是事物呈现给我们的方式：文字、图像、声音、视频。多模态学习就是同时从好几种方式中学习。综述罗列的是任务和技术；Baltrušaitis、Ahuja 和 Morency（2019）换了个问法：这件事 **难在哪里**？他们找到五处，综述的每一章都能对号入座：
#
# | 挑战 | 问的是什么 | 综述中的位置 | 常见的回答 |
# |---|---|---|---|
# | **表示**（representation） | 怎样把一种模态写成数，又怎样让两种模态可以比较 | §2.1 | 词向量、CNN 特征、MFCC、C3D |
# | **翻译**（translation） | 一种模态里的内容，怎样用另一种模态说出来 | §3.1，未用此名 | 图像描述：编码器、解码器、注意力 |
# | **对齐**（alignment） | 这边的哪一部分对应那边的哪一部分 | §2.3；§3.1.2、§3.3.2 的注意力 | 时间规整、注意力 |
# | **融合**（fusion） | 怎样综合几种模态作出判断 | §2.2；§3.3、§6.2 | 早期、晚期、混合融合；视觉问答 |
# | **协同学习**（co-learning） | 一种模态怎样帮助另一种模态学习 | 未提及；隐含在 §1.3 的“数据稀缺”里 | 预训练、迁移 |
#
# 检索（§3.2）是表示的一种用法：把两种模态放进同一个空间，谁近谁入选。§1.3 的几项挑战在本课程中都会变成可以测量的量：*模态间差异* 是双塔之间的间隙，*数据稀缺* 是准确率随样本数变化的曲线，*计算复杂度* 是乘法的次数。
#
# ## 2 · 一个种子，一个场景
#
# 常用的数据集动辄几十 GB，而画面里究竟有些什么，谁也说不全。所以本课程自带一个世界：灰底上的彩色图形。**一个整数决定一张场景图（scene graph），其余一切都从这张图推出**：像素、掩码、描述、问题。

# %%
scene = scenes.sample_scene(12)
for i, o in enumerate(scene.objects):
    print(
        f"object {i}: {o.size:5} {o.colour:6} {o.shape:8} centre ({o.x:.1f}, {o.y:.1f}) radius {o.radius:.0f}"
    )
print("the same again:", scenes.sample_scene(12) == scene, "  fingerprint:", scene.hash()[:12])

# %% [markdown]
# ### 由公式得到像素
#
# 每种形状都有一个到轮廓的带符号距离 $d$，内部为负。一个像素被覆盖的比例是
#
# $$\mathrm{coverage} = \mathrm{clip}\left(\tfrac12 - d,\ 0,\ 1\right),$$
#
# 这使边缘在一个像素的宽度内平滑过渡；物体的 **掩码** 就是 $d < 0$ 的地方。手算一例：3 号物体是红色圆形，中心 $(7.8, 10.3)$，半径 6。第 10 行第 12 列的像素，中心在 $(12.5, 10.5)$，于是 $d = \sqrt{4.7^2 + 0.2^2} - 6 = -1.3$：在内部，完全被覆盖。下面是库里的公式，以及它算出的同一个数：

# %%
print(inspect.getsource(signed_distance))
red = scene.objects[3]
d = signed_distance("circle", np.array(12.5 - red.x), np.array(10.5 - red.y), red.radius)
masks = scenes.masks(scene)
print(f"centre ({red.x:.1f}, {red.y:.1f})   d = {d:.1f}   in the mask: {masks[3, 10, 12]}")

# %%
image = scenes.render(scene)
colours = [scenes.object_rgb(o) for o in scene.objects]

figure, axes = plt.subplots(1, 3, figsize=(8.5, 3))
axes[0].imshow(image)
axes[0].set_title("pixels (64 × 64 × 3)")
layers = np.ones((64, 64, 3))
for mask, colour in zip(masks, colours, strict=True):
    layers[mask] = colour
axes[1].imshow(layers)
axes[1].set_title("masks, exact")
axes[2].imshow(image, alpha=0.35)
for i, (x0, y0, x1, y1) in enumerate(scenes.boxes(scene)):
    axes[2].add_patch(plt.Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, lw=1.5))
    axes[2].text(x0, y0 - 2, str(i), fontsize=9, weight="bold")
axes[2].set_title("boxes, numbered")
for ax in axes:
    ax.set(xticks=[], yticks=[])
plt.show()

# Do mask and picture agree? Well inside a mask the mean colour is the object's own.
for i in range(len(scene)):
    inside = masks[i] & np.isclose(paint(scene), colours[i]).all(axis=2)
    seen = (image[inside] / 255).mean(axis=0)
    print(f"object {i}: painted {colours[i].round(2)}, mean of the pixels {seen.round(2)}")

# %% [markdown]
# ## 3 · 四个层次、两种语言的描述
#
# 第 1 层说一个物体，第 2 层说两个物体的关系，第 3 层按阅读次序列出全部物体，第 4 层计数和否定。每句描述都逐词知道 **自己说的是哪个物体**：这就是对齐，白送的。

# %%
for level in (1, 2, 3, 4):
    for language in ("en", "zh"):
        caption = scenes.captions(scene, level, language, n=1)[0]
        print(level, language, caption.text)
        print("      ", list(zip(caption.tokens, caption.links, strict=True))[:6], "…")


# %%
def write(axes, caption, x, y, width):
    """A caption, each word on the colour of the object that it speaks of; one unit is one letter."""
    start = x
    for word, link in zip(caption.tokens, caption.links, strict=True):
        if x + len(word) > start + width:
            x, y = start, y - 1.6
        paper = {"fc": "none", "ec": "none"} if link < 0 else {"fc": (*colours[link], 0.35), "ec": "none"}
        axes.text(x, y, word, family="monospace", fontsize=10, va="center", bbox={"pad": 1.5, **paper})
        x += len(word) + 1
    return y - 2.2


figure, axes = plt.subplots(figsize=(8.5, 2.6))
axes.set(xlim=(0, 76), ylim=(-11.5, 1))
axes.axis("off")
y = 0
for level in (1, 2, 3, 4):
    axes.text(0, y, str(level), color="0.5", va="center")
    y = write(axes, scenes.captions(scene, level, "en", n=1)[0], 3, y, 70)
plt.show()

# %% [markdown]
# ## 4 · “真”是什么意思
#
# 多数评价指标只看一句描述像不像参考答案。在这里可以要求得更多：先把句子 **解析** 成意义，再把意义放到场景图上 **执行**，结果非真即假。
#
# 手算一例：*a red circle is to the left of a purple cross*（一个红色圆形在一个紫色十字形的左边）。意义是 $\mathrm{Related}(\text{red circle},\ \text{left},\ \text{purple cross})$。红色圆形：3 号物体，$x = 7.8$。紫色十字形：2 号物体，$x = 25.1$。“在左边”要求两者之差（17.3）不小于 6 个像素。为真。

# %%
print(inspect.getsource(scenes.truth))
print(inspect.getsource(meaning.witnesses))

# %%
sentences = {
    "a red circle is to the left of a purple cross": "en",
    "a purple cross is to the left of a red circle": "en",
    "a blue circle is to the left of a purple cross": "en",
    "exactly two green objects are small": "en",
    "left circle a of is red": "en",
    "一个红色圆形在一个紫色十字形的左边": "zh",
    "一个红色圆形在一个紫色十字形的右边": "zh",
}
for sentence, language in sentences.items():
    found = scenes.truth(sentence, scene, language)
    print(f"{str(found.true):6} {sentence}")
    if not found.true:
        why = found.reason or (
            "it is all there, but the relation fails" if found.objects else "no such object"
        )
        print("       ", why)

# %% [markdown]
# 第二句与第一句用的词一模一样。靠数公共词的指标分不出它们，执行却可以。那么解析器本身可信吗？证明方法是 **往返**：说出去的话，听回来必须还是原来的意思，每个层次、每种语言都不许有例外，而且句句为真。

# %%
trips = true = total = 0
for seed in range(150):
    other = scenes.sample_scene(seed)
    for language in ("en", "zh"):
        for level in (1, 2, 3, 4):
            for caption in scenes.captions(other, level, language, n=2 if level != 3 else 1):
                trips += scenes.parse(caption.text, language) == caption.meaning
                true += scenes.truth(caption.text, other, language).true
                total += 1
print(f"{total} captions: understood as meant {trips / total:.0%}, true {true / total:.0%}")

# %% [markdown]
# ### 死区
#
# 怎样才算在 *左边*？只差一个像素，没有人会说“左边”。所以空间关系从相差 6 个像素起才成立；更近的一对是含糊的：*左* 和 *右* 都为假，也没有任何描述或问题会依赖它们。一个连这种关系也拿来提问的世界，教给模型的只会是噪声。

# %%
print(inspect.getsource(relations.holds).split('    if relation == "above"')[0])
still = scenes.Object("square", "blue", "small", "solid", 32.0, 46.0, 6.0)
moved = scenes.Object("circle", "red", "small", "solid", 32.0, 18.0, 6.0)


def pair(shift):
    """The circle above the square, shifted to the right by so many pixels."""
    return scenes.Scene(0, (replace(moved, x=32.0 + shift), still))


figure, axes = plt.subplots(1, 4, figsize=(9.5, 2.4), width_ratios=[1, 1, 1, 2])
for shift, ax in zip((-14, -4, 14), axes, strict=False):
    ax.imshow(scenes.render(pair(shift)))
    said = [r for r in ("left", "right") if relations.holds(pair(shift), r, 0, 1)]
    ax.set(title=f"Δx = {shift}\n{said[0] if said else 'neither'}", xticks=[], yticks=[])
shifts = np.arange(-20, 20.5, 0.5)
for height, relation in enumerate(("right", "left")):
    holds = [relations.holds(pair(s), relation, 0, 1) for s in shifts]
    axes[3].fill_between(shifts, height, height + np.array(holds) * 0.8, step="mid", alpha=0.7)
axes[3].axvspan(-6, 6, color="0.9", zorder=0)
axes[3].set(yticks=[0.4, 1.4], yticklabels=["right", "left"], xlabel="Δx in pixels")
axes[3].set_title("where each holds; the dead zone is grey", fontsize=9)
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 5 · 问题就是程序
#
# 每个问题都带着自己的程序，做法同 CLEVR（Johnson 等，2017）：一串步骤，每一步读取前面步骤的结果。最后一步的值就是答案，被数过或被单独挑出的物体就是答案的依据。

# %%
question = scenes.make_question(3, "count")
print(question.text, "→", question.answer)
run = scenes.execute(question.program, question.scene)
for i, (step, value) in enumerate(zip(question.program, run.values, strict=True)):
    reads = f"of step {step['inputs'][0]}" if step["inputs"] else ""
    print(f"  step {i}: {step['op']:7}{reads:10} {step.get('value', ''):6} → {value}")

first, second, edit = scenes.make_pair(5, "relate")
print("\na minimal pair:", first.text)
print(f"  {first.answer}; object {edit.object} moved: {second.answer}")

# %% [markdown]
# ## 6 · 闭着眼睛能答对吗？
#
# 先用最顺手的办法出题：画一个场景，随便问点什么。然后让一个 **看不到图** 的模型来答：对每一句问题，它总回答训练集中最常见的那个答案。如果它得分不低，神经网络也会学会这一招，从此不再看图。库里的办法是 *先定答案*：问题和答案都均匀抽取，然后才去造一个符合该答案的场景。


# %%
def scene_first(seed, family):
    """(question, answer) the obvious way: a scene, then any question of the family that it can answer."""
    draws = scenes.Draws(seed, 99)
    while True:
        form = question_forms.draw_form(family, draws)
        try:
            answer = scenes.execute(form.program(), scenes.sample_scene(draws.integers(1 << 40))).answer
        except programs.ProgramError:
            continue
        return scenes.ask(form, "en", 0)[0], answer


def answer_first(seed, family):
    """(question, answer) the library's way."""
    asked = scenes.make_question(seed, family)
    return scenes.ask(asked.form, "en", 0)[0], asked.answer


families = ("exist", "count", "query_shape", "logic")
blind = {}
for make in (scene_first, answer_first):
    for family in families:
        pairs = [make(seed, family) for seed in range(2400)]
        blind[make, family] = majority_accuracy(pairs[:1800], pairs[1800:])
print("answered without the picture:")
for family in families:
    chance = 1 / len(scenes.ANSWERS[family])
    print(f"  {family:12} chance {chance:.0%}   scene first {blind[scene_first, family]:.0%}   "
          f"answer first {blind[answer_first, family]:.0%}")  # fmt: skip

# %%
figure, ax = plt.subplots(figsize=(7, 2.8))
x = np.arange(len(families))
ax.bar(x - 0.2, [blind[scene_first, f] for f in families], 0.36, label="scene first", color="#c0392b")
ax.bar(x + 0.2, [blind[answer_first, f] for f in families], 0.36, label="answer first", color="#2c7a4b")
for i, family in enumerate(families):
    chance = 1 / len(scenes.ANSWERS[family])
    ax.plot([i - 0.42, i + 0.42], [chance, chance], color="black", lw=1.5, label="chance" if i == 0 else None)
ax.set(xticks=x, xticklabels=families, ylim=(0, 1.15), title="right without looking")
ax.legend(frameon=False, loc="upper center", ncols=3)
plt.show()

# %% [markdown]
# 形状是均匀抽取的，所以 *什么形状* 一类的问题从一开始就是公平的；是非题和计数题则不然：能问到的东西大多不在画面里。可见在 *is there a red circle?* 上得 85 % 的准确率，也许只说明它什么也没看。在本课程里，每个得分旁边都写着盲答模型的得分。
#
# ## 7 · 同一个场景的几种模态
#
# 现在已经有的：像素、两种语言的文字、问题，以及它们背后的图。**声音和视频片段要到第 6 课才从同一张图推出**：那时每个物体会变成一个音符（形状定音色，颜色定音高），物体也会动起来。它们在那里才实现，所以这里不作展示。

# %%
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.2), width_ratios=[1, 1.15, 1.5])
axes[0].imshow(image)
axes[0].set(title="image", xticks=[], yticks=[])

for relation, line in (("left", "-"), ("above", ":")):
    for i in range(len(scene)):
        for j in range(len(scene)):
            if relations.holds(scene, relation, i, j) and scenes.nearest(scene, j) in (i, None):
                a, b = scene.objects[i], scene.objects[j]
                arrow = {"arrowstyle": "-|>", "ls": line, "shrinkA": 13, "shrinkB": 13, "color": "0.4"}
                bend = {"connectionstyle": f"arc3,rad={0.12 if line == '-' else -0.35}"}
                axes[1].annotate("", (b.x, b.y), (a.x, a.y), arrowprops={**arrow, **bend})
for i, (o, colour) in enumerate(zip(scene.objects, colours, strict=True)):
    axes[1].scatter(o.x, o.y, s=420, color=colour)
    axes[1].text(o.x, o.y, str(i), color="white", weight="bold", ha="center", va="center")
    axes[1].text(o.x, o.y + 9.5, f"{o.size} {o.colour}\n{o.shape}", fontsize=7, ha="center", va="center")
axes[1].set(xlim=(-6, 70), ylim=(68, -4), xticks=[], yticks=[], title="graph (— left of, ··· above)")

axes[2].set(xlim=(0, 46), ylim=(-17, 2), title="text, and a question")
axes[2].axis("off")
y = 0
for level in (2, 4):
    y = write(axes[2], scenes.captions(scene, level, "en", n=1)[0], 0, y, 44)
form = question_forms.Form("query_colour", "", (scenes.Noun(shape="cross", size="big"),))
text = scenes.ask(form, "en", 0)[0]
axes[2].text(0, y - 2, f"{text}", fontsize=9.5, style="italic")
axes[2].text(0, y - 4, f"→ {scenes.execute(form.program(), scene).answer}", fontsize=9.5, weight="bold")
for ax in axes:
    ax.title.set_fontsize(10)
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 练习
#
# 把答案写在两行标记之间，运行该单元，再运行它下面的检查。检查在一秒之内给出结果，并说明 *哪里* 不对。
#
# **1.1** 物体 `i` 是否在物体 `j` 的左边（要考虑死区）？用 `scene.objects[i].x` 和常数 `scenes.DEAD_ZONE`。


# %%
def stands_left(scene, i, j):
    """True if object i is left of object j by at least the dead zone."""
    ### BEGIN SOLUTION
    return scene.objects[j].x - scene.objects[i].x >= scenes.DEAD_ZONE
    ### END SOLUTION


# %%
checks.stands_left(stands_left)

# %% [markdown]
# **1.2** 找出谎话。给定若干英文句子，返回其中合乎语法 **并且** 对该场景为假的句子，保持原来的次序。`scenes.truth(sentence, scene)` 两样都会告诉你。


# %%
def lies(sentences, scene):
    """The sentences that say something, and something false."""
    ### BEGIN SOLUTION
    judged = [(sentence, scenes.truth(sentence, scene)) for sentence in sentences]
    return [sentence for sentence, found in judged if found.grammatical and not found.true]
    ### END SOLUTION


# %%
checks.lies(lies)

# %% [markdown]
# **1.3** 求掩码的紧致包围盒，取半开区间：`(x0, y0, x1, y1)`，使 `mask[y0:y1, x0:x1]` 恰好包住全部。


# %%
def box_of(mask):
    """mask (H, W) bool, not empty → x0, y0, x1, y1."""
    ### BEGIN SOLUTION
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    ### END SOLUTION


# %%
checks.box_of(box_of)

# %% [markdown]
# **1.4** 第 6 节的盲答模型。从 `train`（由（问题，答案）组成的列表）中学会每个问题最常见的答案；没见过的问题，用全体中最常见的答案。返回在 `test` 上答对的比例。


# %%
def blind_accuracy(train, test):
    """Lists of (question, answer) → accuracy of the majority answer in [0, 1]."""
    ### BEGIN SOLUTION
    counts, everything = {}, {}
    for asked, answer in train:
        for table in (counts.setdefault(asked, {}), everything):
            table[answer] = table.get(answer, 0) + 1
    guesses = {asked: max(table, key=table.get) for asked, table in counts.items()}
    fallback = max(everything, key=everything.get)
    return sum(guesses.get(asked, fallback) == answer for asked, answer in test) / len(test)
    ### END SOLUTION


# %%
checks.blind_accuracy(blind_accuracy)
