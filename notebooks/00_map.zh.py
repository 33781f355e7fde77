# %% [markdown]
# # 0 · 地图
#
# **你能够** 为综述的每一节找到推导它的课、实现它的模块、以及拿公式管住它的测试；按“先讲后用”的顺序阅读各课；并且会做这门课的练习（在标记之间写代码，运行检查，读提示）。
#
# **用时** 阅读约 15 分钟，计算一秒钟 · **数据** 无需下载 · **对应** 综述全文。

# %%
import checks
import matplotlib.pyplot as plt
import numpy as np
from survey_map import NEEDS, ROWS, SECTIONS, kin

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY, GOLD = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d", "#b7950b"

# %% [markdown]
# ## 1 · 一篇综述，和它许下的诺言
#
# 这篇中文综述连同小节共三十五节，列出了多模态学习拿文本能做什么：每种模态怎样变成向量（§2.1），向量怎样合在一起（§2.2），它们的哪些部分彼此对应（§2.3）；三个任务（§3）；两个公式（§4）；两段代码（§5，两段都跑不通：第 7 课和第 12 课把它们修好）；应用（§6）；趋势与未解的问题（§7）。它提到几十种方法，一种也没有推导。**这门课推导它们、造出它们、并测量它们**，用的是一个真相已知的世界。
#
# 每一节都有三样东西：有推导的 *课*，有方法的 *模块*，公式错了就变红的 *测试*。哪一节对应哪些，只记在一个文件里：`notebooks/survey_map.py`，一样东西一行；有一个测试读的是同一个文件，只要哪一节缺了三者之一、哪个名字不存在、或者各节不再与综述一致，它就失败。

# %%
LESSONS = list(NEEDS)
grid = np.zeros((len(SECTIONS), len(LESSONS)))
for i, section in enumerate(SECTIONS):
    for _, _, lessons, _, _ in kin(section):
        for lesson in lessons.split():
            own = any(lesson in row[2].split() for row in ROWS if row[0] == section)
            grid[i, LESSONS.index(lesson)] = 1.0 if own else 0.45
figure, ax = plt.subplots(figsize=(2.2 + 0.36 * len(LESSONS), 0.235 * len(SECTIONS) + 1))
ax.imshow(grid, cmap="Greens", vmin=0, vmax=1.2, aspect="auto")
ax.set(xticks=range(len(LESSONS)), yticks=range(len(SECTIONS)))
ax.set_xticklabels([lesson.replace("_", " ") for lesson in LESSONS], rotation=60, ha="left", fontsize=7)
ax.xaxis.tick_top()
ax.set_yticklabels([f"§{number} {english}" for number, (_, english) in SECTIONS.items()], fontsize=7)
for k, number in enumerate(SECTIONS):
    if k and "." not in number:
        ax.axhline(k - 0.5, color=GREY, lw=0.8)
ax.set_xticks(np.arange(len(LESSONS)) - 0.5, minor=True)
ax.grid(which="minor", axis="x", color="#e8e8e8", lw=0.6)
ax.tick_params(length=0, which="both")
plt.show()
print(len(SECTIONS), "sections; without a lesson, module or test:",
      sum(not any(row[k] for row in kin(s)) for s in SECTIONS for k in (2, 3, 4)))  # fmt: skip

# %% [markdown]
# 深色：就是这一节；浅色：它下面的小节。先在这里查一节，再到下面的清单里找它的模块与测试，路径分别相对于 `mmscratch/` 与 `tests/`：

# %%
for section, (_, english) in SECTIONS.items():
    rows = [row for row in ROWS if row[0] == section]
    print(f"§{section} {english}")
    for _, what, lessons, modules, tests in rows:
        number = " ".join(lesson.split("_")[0] for lesson in lessons.split()) or "–"
        print(f"    {what}")
        print(f"        lesson {number} · {modules} · {tests}")

# %% [markdown]
# ## 2 · 按什么顺序
#
# 箭头从一课指向建立在它之上的一课。想做图像描述的人和想做检索的人，走的路不一样：

# %%
depth = {}
for lesson, needs in NEEDS.items():
    depth[lesson] = 1 + max((depth[n] for n in needs.split()), default=-1)
layers = {d: [n for n in NEEDS if depth[n] == d] for d in sorted(set(depth.values()))}
place = {n: (d, (len(layer) - 1) / 2 - k) for d, layer in layers.items() for k, n in enumerate(layer)}
figure, ax = plt.subplots(figsize=(13, 4.6))
for lesson, needs in NEEDS.items():
    for n in needs.split():
        (x0, y0), (x1, y1) = place[n], place[lesson]
        ax.annotate("", (x1 - 0.36, y1), (x0 + 0.36, y0), arrowprops={"arrowstyle": "->", "color": GREY})
for lesson, (x, y) in place.items():
    number, _, name = lesson.partition("_")
    box = {"boxstyle": "round,pad=0.35", "fc": "#e6f2ea", "ec": GREEN}
    ax.text(x, y, f"{number}\n{name.replace('_', ' ')}", ha="center", va="center", fontsize=7.5, bbox=box)
ax.set(xlim=(-0.6, max(layers) + 0.6), ylim=(-3, 3))
ax.axis("off")
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 3 · 东西放在哪里
#
# 库是一层层盖起来的，导入只能向下：有一个测试读遍所有导入语句来保证。从底层起：`kernels`（算术，三种写法）、`autograd` 与 `ops`（规则和它们的导数）、`nn`、`optim`、`train`；然后是 `representations`、`alignment`、`decoding`；再上面是 `models`、`ranking`、`search`、`explain`；最上面是 `tasks` 和命令行。旁边是 `data` 与 `metrics`，它们对模型一无所知。各部分为综述每一章出了多少次力：

# %%
parts = sorted({m.split("/")[0].removesuffix(".py") for row in ROWS for m in row[3].split()})
chapters = [s for s in SECTIONS if "." not in s]
count = np.array(
    [
        [
            sum(m.split("/")[0].removesuffix(".py") == part for row in kin(c) for m in row[3].split())
            for part in parts
        ]
        for c in chapters
    ]
)
figure, ax = plt.subplots(figsize=(8.5, 3.2))
ax.imshow(count, cmap="Blues", vmin=0, vmax=count.max() * 1.2, aspect="auto")
for (i, j), value in np.ndenumerate(count):
    if value:
        ax.text(j, i, value, ha="center", va="center", fontsize=8, color="w" if value > 8 else "k")
ax.set(xticks=range(len(parts)), yticks=range(len(chapters)))
ax.set_xticklabels(parts, rotation=40, ha="right", fontsize=8)
ax.set_yticklabels([f"§{c} {SECTIONS[c][1]}" for c in chapters], fontsize=8)
ax.tick_params(length=0)
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 4 · 怎样读一课
#
# 一课先推导公式，再说明库里的就是同一个公式，然后让你看它工作。末尾是练习：两个标记之间是解答（用 `python notebooks/build.py --student mine` 做出来的笔记本里则是空的），下面是检查，它要么说 *对了*，要么说 **哪里** 不对。用三个关于地图本身的练习试试看。
#
# ## 练习
#
# **0.1** 一段 Markdown 文本的标题：`[(级别, 标题), …]`。以一个或多个“#”加空格开头的行是标题。但在围栏代码里，即两行以三个反引号开头的行之间，“#”是注释的开头（综述的代码里有十三处）。


# %%
def outline(text):
    """[(level, title)] in the order of the text."""
    ### BEGIN SOLUTION
    found, fenced = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif line.startswith("#") and not fenced:
            marks, _, title = line.partition(" ")
            found.append((len(marks), title.strip()))
    return found
    ### END SOLUTION


# %%
checks.outline(outline)

# %% [markdown]
# **0.2** 哪些 `sections` 自己没有、下面也没有任何东西？`rows` 是（节，内容）；“3”包含“3.1.2”，但不包含“30”。


# %%
def uncovered_sections(sections, rows):
    """A list, in the order of ``sections``."""
    ### BEGIN SOLUTION
    have = [section for section, _ in rows]
    return [s for s in sections if not any(h == s or h.startswith(s + ".") for h in have)]
    ### END SOLUTION


# %%
checks.uncovered_sections(uncovered_sections)

# %% [markdown]
# **0.3** 读一课 `lesson` 之前必须读的全部课，每课一次，而且每一课都排在它自己所需的课之后。`needs` 把一课映到它直接依赖的课的列表。


# %%
def before(needs, lesson):
    """A list without ``lesson`` itself."""
    ### BEGIN SOLUTION
    found = []
    for n in needs[lesson]:
        found += [m for m in [*before(needs, n), n] if m not in found]
    return found
    ### END SOLUTION


# %%
checks.before(before)

# %%
for goal in ("10_hard_attention", "13_learning_to_rank", "17_alignment"):
    direct = {lesson: needs.split() for lesson, needs in NEEDS.items()}
    path = [lesson.split("_")[0] for lesson in before(direct, goal)]
    print(f"before {goal}: {' → '.join(path)}")

# %% [markdown]
# ## 现在你知道
#
# * 综述的每一节都有一课、一个模块和一个测试；`notebooks/survey_map.py` 说明是哪些，并有测试管着它。
# * 课与课之间有依赖；箭头给出你想走的那条路的顺序。
# * 导入只能向下，从任务到内核。
#
# 从第 1 课开始吧。
