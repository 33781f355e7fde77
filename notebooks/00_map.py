# %% [markdown]
# # 0 · The map
#
# **You will be able to** find, for each section of the survey, the lesson that derives it, the module that has it and the test that holds it to its formula; read
# the lessons in an order in which nothing is used before it is explained; and do an exercise of this course (write between marks, run a check, read its hint).
#
# **Time** about 15 minutes of reading, a second of computing · **Data** none to download · **Follows** all of the survey.

# %%
import checks
import matplotlib.pyplot as plt
import numpy as np
from survey_map import NEEDS, ROWS, SECTIONS, kin

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
GREEN, RED, BLUE, GREY, GOLD = "#2c7a4b", "#c0392b", "#2980b9", "#7f8c8d", "#b7950b"

# %% [markdown]
# ## 1 · A survey, and what it promises
#
# A survey in Chinese, of thirty-five sections and subsections, names what multimodal learning does with text: how each modality becomes a vector (§2.1), how vectors are joined (§2.2) and which of their parts belong together (§2.3); three tasks (§3); two formulas (§4);
# two listings (§5, both of which fail when run: lessons 7 and 12 mend them); uses (§6), trends and open questions (§7). It names dozens of methods, and derives none. **This course derives them, builds them, and measures them** in a world whose truth is known.
#
# Every section has three things: a *lesson* with the derivation, a *module* with the method, a *test* that goes red when the formula is wrong. Which, is kept in one file, `notebooks/survey_map.py`, a line for each thing; a test reads the same file and fails
# if a section is without one of the three, if something that is named is not there, or if the sections are no longer the survey's.

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
# Dark: the section itself; light: a section below it. Look a section up here; then find its modules and tests in this list, paths below `mmscratch/` and `tests/`:

# %%
for section, (_, english) in SECTIONS.items():
    rows = [row for row in ROWS if row[0] == section]
    print(f"§{section} {english}")
    for _, what, lessons, modules, tests in rows:
        number = " ".join(lesson.split("_")[0] for lesson in lessons.split()) or "–"
        print(f"    {what}")
        print(f"        lesson {number} · {modules} · {tests}")

# %% [markdown]
# ## 2 · In which order
#
# An arrow goes from a lesson to one that builds on it. Whoever wants captions needs another way through than whoever wants search:

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
# ## 3 · Where things live
#
# The library is built in storeys, and imports point down: a test reads every import and says so. From the bottom: `kernels` (arithmetic, three times over), `autograd` and `ops` (rules with their derivatives), `nn`, `optim`, `train`; then `representations`, `alignment`, `decoding`;
# then `models`, `ranking`, `search`, `explain`; on top `tasks` and the command line. Beside them `data` and `metrics`, which know nothing of models. How often each part serves a chapter of the survey:

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
# ## 4 · How a lesson is read
#
# A lesson derives a formula, shows that the library has the same one, and lets you see it work. At its end are exercises: between two marks stands a solution (in the notebooks that you make with `python notebooks/build.py --student mine` stands nothing), and below it a check, which either
# says *right* or says **what** is wrong. Try it with three that are about the map itself.
#
# ## Exercises
#
# **0.1** The headings of a Markdown text: `[(level, title), …]`. A heading is a line that begins with one or more "#" and a space. But in fenced code, between two lines that begin with three backquotes, "#" begins a comment (the survey's listings have thirteen).


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
# **0.2** Which `sections` have nothing of their own and nothing below them? `rows` are (section, what), and "3" covers "3.1.2" but not "30".


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
# **0.3** All that must be read before a `lesson`, each once, and none before what it needs itself. `needs` maps a lesson to the list of those it builds on directly.


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
# ## What you know now
#
# * Each section of the survey has a lesson, a module and a test; `notebooks/survey_map.py` says which, and a test holds it to that.
# * Lessons build on each other; the arrows give the order for what you are after.
# * Imports point down, from tasks to kernels.
#
# Begin with lesson 1.
