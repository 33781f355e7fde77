"""The lessons: both languages, their built notebooks, their exercises and checks, and the builder."""

import ast
import base64
import importlib
import importlib.util
import io
import pathlib
import re
import sys
import time

import nbformat
import numpy as np
import pytest

import mmscratch as mm
from mmscratch import models, nn, ops, optim
from mmscratch.autograd import Node, Step
from mmscratch.data import scenes
from mmscratch.kernels import interface
from mmscratch.models import scene_cnn
from mmscratch.representations.video import resnet

NOTEBOOKS = pathlib.Path(__file__).resolve().parents[1] / "notebooks"


def module(name):
    spec = importlib.util.spec_from_file_location(f"lesson_{name}", NOTEBOOKS / f"{name}.py")
    found = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


build, checks = module("build"), module("checks")
LESSONS = build.sources()
ENGLISH = [p for p in LESSONS if not p.name.endswith(".zh.py")]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
lessons = pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
english = pytest.mark.parametrize("path", ENGLISH, ids=lambda p: p.stem)


# ── sources and notebooks ───────────────────────────────────────────────────────────────────────
@english
def test_both_languages_have_the_same_code(path):
    ours, theirs = build.read(path), build.read(path.with_suffix(".zh.py"))
    assert [c.cell_type for c in ours.cells] == [c.cell_type for c in theirs.cells]
    assert build.code(ours) == build.code(theirs)
    for a, b in zip(ours.cells, theirs.cells, strict=True):
        if a.cell_type == "markdown":
            assert CHINESE.search(b.source), f"not translated: {b.source[:80]}"
            assert not CHINESE.search(a.source)
            assert a.source.count("$$") == b.source.count("$$"), b.source[:80]
            assert a.source.count("\n#") == b.source.count("\n#"), b.source[:80]
    lines = [line for source in build.code(ours) for line in source.split("\n")]
    assert not any("#" in line and CHINESE.search(line.split("#")[-1]) for line in lines)


@english
def test_code_is_the_same_to_the_byte(path):
    """Not only after parsing: the files differ in their comment lines under [markdown] marks alone."""
    texts = []
    for source in (path, path.with_suffix(".zh.py")):
        cells = re.split(r"(?m)^(?=# %%)", source.read_text(encoding="utf-8"))
        texts.append([c for c in cells if not c.startswith("# %% [markdown]")])
    assert texts[0] == texts[1]


@lessons
def test_the_notebook_is_built_from_its_source(path):
    stored = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    source = build.read(path)
    assert [(c.cell_type, c.id, c.source) for c in stored.cells] == [
        (c.cell_type, c.id, c.source) for c in source.cells
    ], f"python notebooks/build.py {path.name.partition('_')[0]}"
    nbformat.validate(stored)
    ran = [c for c in stored.cells if c.cell_type == "code"]
    assert [c.execution_count for c in ran] == list(range(1, len(ran) + 1))
    assert sum("image/png" in o.get("data", {}) for c in ran for o in c.outputs) >= 3
    assert not any(o.output_type == "error" or o.get("name") == "stderr" for c in ran for o in c.outputs)
    places = (str(NOTEBOOKS.parent), "/root/", "/home/", "/Users/", "/tmp/", "site-packages")
    machine = "|".join(map(re.escape, places))
    assert not re.search(machine, path.with_suffix(".ipynb").read_text("utf-8"))


@english
def test_the_top_says_what_one_needs_to_know(path):
    for source, words in ((path, ("You will be able to", "Time", "Data", "Follows")),
                          (path.with_suffix(".zh.py"), ("你能够", "用时", "数据", "对应"))):  # fmt: skip
        top = build.read(source).cells[0].source
        assert top.startswith("# ") and all(f"**{w}" in top or w in top for w in words)


@english
def test_no_lesson_defines_what_the_library_has(path):
    library = {n for part in (mm, ops, nn, optim, scenes, models, scene_cnn, interface, mm.autograd)
               for n in dir(part) if not n.startswith("_")}  # fmt: skip
    defined = {n.name for n in ast.walk(ast.parse("\n".join(build.code(build.read(path)))))
               if isinstance(n, ast.FunctionDef | ast.ClassDef)}  # fmt: skip
    assert not defined & library - {"forward"}


# ── exercises ───────────────────────────────────────────────────────────────────────────────────
def functions(path, student=False):
    """All functions of a lesson, by name; with ``student``, as the reader meets them."""
    notebook = build.read(path)
    if student:
        notebook = build.without_solutions(notebook)
    tree = ast.parse("\n".join(build.code(notebook)))
    space = {"np": np, "mm": mm, "ops": ops, "scenes": scenes, "Node": Node, "Step": Step}
    definitions = ast.Module([n for n in tree.body if isinstance(n, ast.FunctionDef)], [])
    for node in definitions.body:
        node.decorator_list = []
    exec(compile(definitions, path.name, "exec"), space)
    return space


def exercises(path):
    cells = build.code(build.read(path))
    return [s.split("(")[0].removeprefix("checks.") for s in cells if s.startswith("checks.")]


OF = {name: path for path in ENGLISH for name in exercises(path)}


def test_every_check_is_used_and_every_lesson_has_exercises():
    assert set(OF) == set(checks.EXERCISES) == set(WRONG)
    assert all(3 <= len(exercises(path)) <= 4 for path in ENGLISH)


@pytest.mark.parametrize("name", sorted(OF))
def test_the_solution_passes_within_a_second(name, capsys):
    solution = functions(OF[name])[name]
    begun = time.process_time()
    checks.EXERCISES[name](solution)
    assert time.process_time() - begun < 1
    assert capsys.readouterr().out == f"{name}: right\n"


@pytest.mark.parametrize("name", sorted(OF))
def test_the_unwritten_answer_gets_the_first_hint(name):
    answer = functions(OF[name], student=True)[name]
    with pytest.raises(checks.Hint, match="nothing is written between the marks yet") as failure:
        checks.EXERCISES[name](answer)
    assert checks.EXERCISES[name].start in str(failure.value)


def depth_first(pass_on):
    def walk(result):
        arrivals, grads, total = functions(OF["walk"])["arrivals"], {}, {}

        def arrive(target, g):
            if isinstance(target, Node):
                grads[target] = grads.get(target, 0) + g
                return
            first = target not in total
            total[target] = total.get(target, 0) + g
            passed = pass_on(first, g, total[target])
            if passed is not None:
                for step, h in arrivals(target, passed):
                    arrive(step, h)

        arrive(result.step, np.ones_like(result.data))
        return grads

    return walk


def by_birth(choose, add=True):
    def walk(result):
        arrivals = functions(OF["walk"])["arrivals"]
        grads, waiting = {}, {result.step: np.ones_like(result.data)}
        while waiting:
            step = choose(waiting, key=lambda s: s.birth)
            for target, g in arrivals(step, waiting.pop(step)):
                home = grads if isinstance(target, Node) else waiting
                home[target] = home[target] + g if add and target in home else g
        return grads

    return walk


def lost_rows(dy, index, rows):
    g = np.zeros((rows, dy.shape[-1]))
    g[index] += dy
    return g


def mean_rows(dy, index, rows):
    g, n = np.zeros((rows, dy.shape[-1])), np.zeros(rows)
    np.add.at(g, index, dy)
    np.add.at(n, index, 1)
    return g / np.maximum(n, 1)[:, None]


def all_rows(dy, index, rows):
    return np.zeros((rows, dy.shape[-1])) + dy.sum(axis=tuple(range(dy.ndim - 1)))


def square_of(x, marks):
    return ((x[:, None] - marks) ** 2).sum(-1)


def plate(x, marks):
    square = square_of(x, marks)
    return square * np.log(np.where(square > 0, square, 1))


def e_softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def minus_infinity(scores, mask):
    s = np.where(mask, scores, -np.inf)
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def greatest_of_all(scores, mask):
    e = np.where(mask, np.exp(scores - scores.max(-1, keepdims=True)), 0)
    total = e.sum(-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def cosines(q, rows):
    return rows @ q / np.maximum(np.linalg.norm(rows, axis=1), 1e-12)


def cosines_of(m, count, shift):
    k, j = np.arange(count)[:, None], np.arange(len(m))
    return np.cos(np.pi * k * (j + shift) / len(m)) @ m


def box(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def majority(pairs):
    answers = [a for _, a in pairs]
    return max(sorted(set(answers)), key=answers.count) if answers else None


def own(pairs, question):
    return majority([p for p in pairs if p[0] == question])


def size(a, extra=0):
    return (a[2] - a[0] + extra) * (a[3] - a[1] + extra)


def uncut(a, b, extra=0, least=-np.inf):
    sides = [min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + extra for k in (0, 1)]
    return max(sides[0], least) * max(sides[1], least)


def shared(a, b, extra=0):
    return uncut(a, b, extra, 0)


def keep(iou, key, threshold):
    kept = []
    for i in np.argsort(key, kind="stable"):
        if all(iou[i, j] <= threshold for j in kept):
            kept.append(int(i))
    return kept


def envelope(right):
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    return np.maximum.accumulate(precision[::-1])[::-1]


def pairs_of(parts, each=lambda count: count):
    seen = {}
    for word, count in parts.items():
        for pair in zip(word, word[1:], strict=False):
            seen[pair] = seen.get(pair, 0) + each(count)
    return seen


def nearest(c, lengths):
    return min(lengths, key=lambda n: (abs(n - c), n))


def sigma(x):
    return 1 / (1 + np.exp(-x))


def judged(condition):
    return lambda sentences, scene: [s for s in sentences if condition(scenes.truth(s, scene))]


def loop(next_word, start, end, most, keep=1):
    words = [start]
    while len(words) <= most and (word := int(np.argmax(next_word(words)))) != end:
        words.append(word)
    return words[keep:]


def picked(log_p, targets):
    return np.take_along_axis(log_p, targets[:, :, None], axis=2)[:, :, 0]


def continued(total, width, order=None, swap=False):
    order = np.argsort(-total if order is None else order, axis=None, kind="stable")[:width]
    places = [divmod(int(i), total.shape[1]) for i in order]
    return [((w, h) if swap else (h, w)) + (total[h, w],) for h, w in places]


def reaching(p, mass, extra=1, order=None):
    order = np.argsort(-p, kind="stable") if order is None else order
    kept = np.zeros_like(p)
    count = np.searchsorted(np.cumsum(p[order]), mass) + extra
    kept[order[:count]] = p[order[:count]]
    return kept / max(kept.sum(), 1e-9)


def best_gain(y, first=2):
    return np.sort(2.0**y - 1)[::-1] @ (1 / np.log2(np.arange(len(y)) + first))


def swap(y, i, j, first=2):
    gain, discount = 2.0**y - 1, 1 / np.log2(np.arange(len(y)) + first)
    return abs(gain[i] - gain[j]) * abs(discount[i] - discount[j]) / best_gain(y, first)


def step(w, z, alpha, most):
    new = min(max(alpha + (1 - w @ z) / (z @ z), 0.0), most)
    return new, w + (new - alpha) * z


def worst(S, m, of=lambda v: v.max(1).sum(), out=-np.inf, least=0):
    over = m + S - S.diagonal()[:, None]
    np.fill_diagonal(over, out)
    return of(np.maximum(over, least))


def drawers(place, values, d):
    found = np.zeros(d)
    np.add.at(found, place, values)
    return found


def answered(questions, answers, new, true, rest=None):
    by = {q: [a for p, a in zip(questions, answers, strict=True) if p == q] for q in questions}
    rest = max(answers, key=answers.count) if rest is None else rest
    said = [max(by[q], key=by[q].count) if q in by else rest for q in new]
    return np.array([a == t for a, t in zip(said, true, strict=True)])


def cheapest_by(d, moves):
    g = np.full(d.shape, np.inf)
    for i, j in np.ndindex(d.shape):
        before = [g[i - y, j - x] for y, x in moves if i >= y and j >= x]
        g[i, j] = d[i, j] + (0 if i == j == 0 else min(before, default=np.inf))
    return float(g[-1, -1])


def em_counts(t, pairs, shared=True):
    counts = np.zeros(t.shape)
    for units, words in pairs:
        for f in words:
            counts[units, f] += t[units, f] / (t[units, f].sum() if shared else 1)
    return counts


def marked(lines):
    return [(len(m), title) for m, _, title in (x.partition(" ") for x in lines) if m.startswith("#")]


def norm_back(x, above, gamma, along=True, middle=True, ddof=0):
    sigma = x.std(1, ddof=ddof, keepdims=True)
    hat, g = (x - x.mean(1, keepdims=True)) / sigma, gamma * above
    return (g - middle * g.mean(1, keepdims=True) - along * hat * (g * hat).mean(1, keepdims=True)) / sigma


def rolled(layers, kept=0.5, heads=lambda a: a.mean(0), turned=False):
    found = np.eye(layers[0].shape[-1])
    for a in layers:
        mixed = kept * np.eye(len(found)) + (1 - kept) * heads(a)
        found = found @ mixed if turned else mixed @ found
    return found


def graph_back(A, X, W, above, loops=1, side=-0.5, walks=True, heard=True):
    a = A + loops * np.eye(len(A))
    degree = a.sum(1)
    hat = degree[:, None] ** side * a * degree ** (-1 - side if side == -1 else side)
    return (hat @ above if walks else above) @ W.T, (hat @ X if heard else X).T @ above


def midpoints(slope, x, start, n, shift=0.5, count=None):
    slopes = sum(slope(start + (k + shift) / n * (x - start)) for k in range(n))
    return (x - start) * slopes / (n if count is None else count)


def added(value, players, chosen):
    return {
        p: float(np.mean([value(s | {p}) - value(s) for s in chosen(frozenset(players) - {p})]))
        for p in players
    }


def subsets(rest):
    rest = sorted(rest)
    return [frozenset(r for k, r in enumerate(rest) if n >> k & 1) for n in range(2 ** len(rest))]


WRONG = {
    "clipped": [
        lambda c, rs: len(c),
        lambda c, rs: sum(min(c.count(w), sum(r.count(w) for r in rs)) for w in set(c)),
        lambda c, rs: sum(any(w in r for r in rs) for w in set(c)),
        lambda c, rs: sum(min(c.count(w), max(r.count(w) for r in rs)) for w in set(c)) / len(c),
        lambda c, rs: sum(max(r.count(w) for r in rs) for w in set(c)),
        lambda c, rs: None,
    ],
    "brevity": [
        lambda c, n: np.exp(1 - c / nearest(c, n)),
        lambda c, n: min(1, c / nearest(c, n)),
        lambda c, n: np.exp(1 - nearest(c, n) / c),
        lambda c, n: min(1, np.exp(1 - min(n) / c)),
        lambda c, n: min(1, np.exp(1 - max(n) / c)),
        lambda c, n: min(1, np.exp(1 - min(n, key=lambda k: (abs(k - c), -k)) / c)),
    ],
    "word_weight": [
        lambda tf, df, n: np.log(n / max(df, 1)),
        lambda tf, df, n: tf * np.log(max(df, 1) / n),
        lambda tf, df, n: tf * np.log2(n / max(df, 1)),
        lambda tf, df, n: tf * (np.log((1 + n) / (1 + df)) + 1),
        lambda tf, df, n: tf * (np.log(n) - np.log(np.float64(df))),
        lambda tf, df, n: tf * np.log(n / (df or 2)),
    ],
    "tuples_f1": [
        lambda a, b: len({*a} & {*b}) / max(len({*a}), 1),
        lambda a, b: len({*a} & {*b}) / max(len({*b}), 1),
        lambda a, b: len({*a} & {*b}) / max(len({*a} | {*b}), 1),
        lambda a, b: len({*a} & {*b}) / max(len({*a}) + len({*b}), 1),
        lambda a, b: 2 * sum(t in b for t in a) / max(len(a) + len(b), 1),
        lambda a, b: None,
    ],
    "word_loss": [
        lambda p, y, pad: -picked(p, y).mean(),
        lambda p, y, pad: -picked(p, y)[y != pad].sum() / y.size,
        lambda p, y, pad: -picked(p, y)[y != pad].sum(),
        lambda p, y, pad: picked(p, y)[y != pad].mean(),
        lambda p, y, pad: -np.mean([row[t != pad].mean() for row, t in zip(picked(p, y), y, strict=True)]),
        lambda p, y, pad: -picked(p, y)[y != 0].mean(),
        lambda p, y, pad: -picked(p, y),
        lambda p, y, pad: None,
    ],
    "grow": [
        lambda sums, scores, width: continued(sums[:, None] + scores, width, -scores),
        lambda sums, scores, width: continued(sums[:, None] + scores, width, sums[:, None] + scores),
        lambda sums, scores, width: continued(sums[:, None] + scores, width, swap=True),
        lambda sums, scores, width: continued(sums[:, None] + scores, width + 1),
        lambda sums, scores, width: continued(scores, width, -(sums[:, None] + scores)),
        lambda sums, scores, width: [(2, 2, -2.0), (1, 0, -2.25), (0, 1, -3.0), (2, 0, -3.0)],
        lambda sums, scores, width: None,
    ],
    "nucleus": [
        lambda p, mass: reaching(p, mass) * np.sort(p)[::-1][:2].sum(),
        lambda p, mass: reaching(p, mass, 0),
        lambda p, mass: reaching(p, mass, 2),
        lambda p, mass: np.where(p >= mass, p, 0),
        lambda p, mass: reaching(p, mass, 1, np.arange(len(p))),
        lambda p, mass: np.sort(reaching(p, mass))[::-1],
        lambda p, mass: None,
    ],
    "best_pair": [
        lambda p: max(pairs_of(p, lambda n: 1), key=pairs_of(p, lambda n: 1).get),
        lambda p: (lambda s: min(s, key=lambda k: (s[k], k)))(pairs_of(p)),
        lambda p: max((w for w in p if len(w) == 2), key=p.get),
        lambda p: (lambda s: max(s, key=lambda k: (s[k], k)))(pairs_of(p)),
        lambda p: pairs_of(p),
        lambda p: None,
    ],
    "plain_weights": [
        lambda x: x * np.log(len(x) / (x > 0).sum(0)),
        lambda x: x * (np.log((1 + len(x)) / (1 + (x > 0).sum(0))) + 1),
        lambda x: x * np.log(x.sum() / np.maximum(x.sum(0), 1)),
        lambda x: (x > 0) * np.log(len(x) / np.maximum((x > 0).sum(0), 1)),
        lambda x: x * np.log(np.maximum((x > 0).sum(0), 1) / len(x)),
        lambda x: x * np.log2(len(x) / np.maximum((x > 0).sum(0), 1)),
    ],
    "noise_gradient": [
        lambda v, u: sigma(u @ v) @ u,
        lambda v, u: (sigma(u @ v) - 1) @ u,
        lambda v, u: (np.eye(len(u))[0] - sigma(u @ v)) @ u,
        lambda v, u: (sigma(u @ v) - np.eye(len(u))[0]) @ u / len(u),
        lambda v, u: (sigma(u @ v) - np.eye(len(u))[0]) * v,
    ],
    "hide": [
        lambda ids, c, f, w, m: np.where(f < 0.8, m, np.where(f < 0.9, w, ids)),
        lambda ids, c, f, w, m: np.where(c, m, ids),
        lambda ids, c, f, w, m: np.where(c & (f < 0.8), m, ids),
        lambda ids, c, f, w, m: np.where(c, np.where(f < 0.8, m, w), ids),
        lambda ids, c, f, w, m: np.where(c, np.where(f <= 0.8, m, np.where(f < 0.9, w, ids)), ids),
        lambda ids, c, f, w, m: np.where(c, np.where(f < 0.8, w, ids), ids),
    ],
    "stands_left": [
        lambda s, i, j: s.objects[i].x < s.objects[j].x,
        lambda s, i, j: s.objects[j].y - s.objects[i].y >= 6,
        lambda s, i, j: s.objects[i].x - s.objects[j].x >= 6,
        lambda s, i, j: s.objects[j].x - s.objects[i].x > 6,
        lambda s, i, j: abs(s.objects[j].x - s.objects[i].x) >= 6,
        lambda s, i, j: None,
    ],
    "lies": [
        judged(lambda t: not t.true),
        judged(lambda t: t.true),
        judged(lambda t: t.grammatical and not t.objects),
        judged(lambda t: t.grammatical and t.relation is False),
        lambda sentences, scene: [not scenes.truth(s, scene).true for s in sentences],
        lambda sentences, scene: sorted(judged(lambda t: t.grammatical and not t.true)(sentences, scene)),
    ],
    "box_of": [
        lambda m: (box(m)[1], box(m)[0], box(m)[3], box(m)[2]),
        lambda m: (box(m)[0], box(m)[1], box(m)[2] - 1, box(m)[3] - 1),
        lambda m: (box(m)[0], box(m)[1], box(m)[2] - box(m)[0], box(m)[3] - box(m)[1]),
        lambda m: (0, 0, m.shape[1], m.shape[0]),
    ],
    "blind_accuracy": [
        lambda train, test: np.mean([majority(train) == a for _, a in test]),
        lambda train, test: np.mean([own(train, q) == a for q, a in test]),
        lambda train, test: np.mean([own(test, q) == a for q, a in test]),
        lambda train, test: sum((own(train, q) or majority(train)) == a for q, a in test),
        lambda train, test: np.mean([own(train, q) == a for q, a in test if own(train, q)]),
    ],
    "scores_gradient": [
        lambda p, dp: p * dp,
        lambda p, dp: p * (1 - p) * dp,
        lambda p, dp: p * (dp - dp.sum(-1, keepdims=True)),
        lambda p, dp: p * (dp - (p * dp).sum(0)),
        lambda p, dp: p * (dp - (p * dp).sum()),
        lambda p, dp: p * ((p * dp).sum(-1, keepdims=True) - dp),
    ],
    "masked_weights": [
        lambda s, m: ops.softmax(s),
        lambda s, m: ops.softmax(s) * m,
        lambda s, m: ops.softmax(s * m),
        lambda s, m: ops.softmax(s, ~m),
        lambda s, m: ops.softmax(np.where(m, s, -5.0)),
        minus_infinity,
        greatest_of_all,
        lambda s, m: np.nan_to_num(e_softmax(np.where(m, s, -np.inf))),
    ],
    "cosine_gradient": [
        lambda a, b: unit(b) - unit(a) @ unit(b) * unit(a),
        lambda a, b: unit(b) / np.linalg.norm(a),
        lambda a, b: (unit(a) @ unit(b) * unit(a) - unit(b)) / np.linalg.norm(a),
        lambda a, b: (unit(a) - unit(a) @ unit(b) * unit(b)) / np.linalg.norm(b),
        lambda a, b: (b - unit(a) @ unit(b) * a) / np.linalg.norm(a),
        lambda a, b: unit(a) @ unit(b),
    ],
    "most_similar": [
        lambda q, d, n: np.argsort(-(d @ q), kind="stable")[:n],
        lambda q, d, n: np.argsort(cosines(q, d), kind="stable")[:n],
        lambda q, d, n: np.argsort(((d - q) ** 2).sum(1), kind="stable")[:n],
        lambda q, d, n: np.argsort(-(d @ q / np.linalg.norm(d, axis=1)), kind="stable")[:n],
        lambda q, d, n: np.argsort(-cosines(q, d), kind="stable"),
        lambda q, d, n: np.sort(cosines(q, d))[::-1][:n],
    ],
    "bell": [
        lambda x: np.exp(-x * x),
        lambda x: (np.exp(-x * x), lambda dy: -2 * x * np.exp(-x * x)),
        lambda x: (np.exp(-x * x), lambda dy: dy * 2 * x * np.exp(-x * x)),
        lambda x: (np.exp(-x * x), lambda dy: -dy * x * np.exp(-x * x)),
        lambda x: (np.exp(-x * x), lambda dy: -2 * x * dy),
        lambda x: (np.exp(x * x), lambda dy: dy * 2 * x * np.exp(x * x)),
    ],
    "walk": [
        depth_first(lambda first, g, total: total),
        depth_first(lambda first, g, total: g if first else None),
        depth_first(lambda first, g, total: g),
        by_birth(min),
        by_birth(max, add=False),
        lambda result: None,
    ],
    "sum_to": [
        lambda dy, shape: dy.sum(tuple(i for i, n in enumerate(shape) if n == 1)),
        lambda dy, shape: dy.mean(1, keepdims=True),
        lambda dy, shape: dy[:, :1],
        lambda dy, shape: dy.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True),
        lambda dy, shape: dy.sum(tuple(range(dy.ndim - len(shape)))),
    ],
    "cut": [
        lambda x, n, h: np.array([x[s : s + n] for s in range(0, len(x) - n + 1, h)]).T[:, :3],
        lambda x, n, h: np.array([x[s : s + n] for s in range(0, len(x) - n, h)]),
        lambda x, n, h: np.array([np.resize(x[s : s + n], n) for s in range(0, len(x), h)]),
        lambda x, n, h: np.array([x[s - 1 : s - 1 + n] for s in range(1, len(x) - n + 2, h)]) - 1,
        lambda x, n, h: np.array([x[s : s + n] for s in range(0, len(x) - n + 1, n)]),
    ],
    "band_weights": [
        lambda f, a, b, c: np.minimum((f - a) / (b - a), (c - f) / (c - b)),
        lambda f, a, b, c: np.maximum(0, np.maximum((f - a) / (b - a), (c - f) / (c - b))),
        lambda f, a, b, c: np.maximum(0, 1 - abs(f - (a + c) / 2) / ((c - a) / 2)),
        lambda f, a, b, c: np.maximum(0, np.minimum((f - a) / (b - a), (c - f) / (c - a))),
        lambda f, a, b, c: np.maximum(0, np.minimum(1, np.minimum((f - a) / (b - a), (c - f) / 400))),
    ],
    "loudest": [
        lambda x, rate: 1 + abs(np.fft.rfft(x))[1:].argmax(),
        lambda x, rate: abs(np.fft.rfft(x * np.hanning(len(x)))).argmax() * rate / len(x),
        lambda x, rate: (1 + abs(np.fft.rfft(x))[1:].argmax()) * rate / 1000,
        lambda x, rate: abs(np.fft.rfft(x))[1:].argmax() * rate / len(x),
        lambda x, rate: np.flatnonzero(abs(np.fft.rfft(x - x.mean())) > 50)[-1] * rate / len(x),
    ],
    "cepstrum": [
        lambda m, n: np.sqrt(2 / len(m)) * cosines_of(m, n, 0.5),
        lambda m, n: cosines_of(m, n, 0.5),
        lambda m, n: np.r_[np.sqrt(0.5), np.ones(n - 1)] * np.sqrt(2 / len(m)) * cosines_of(m, n, 0.0),
        lambda m, n: np.r_[np.sqrt(0.5), np.ones(n - 1)] * np.sqrt(2 / n) * cosines_of(m[:n], n, 0.5),
    ],
    "choose_region": [
        lambda a, u: int(a.argmax()),
        lambda a, u: int((np.cumsum(a) < u).sum()),
        lambda a, u: int(u * len(a)),
        lambda a, u: np.cumsum(a) <= u,
        lambda a, u: len(a) - 1 - int((np.cumsum(a[::-1]) <= u).sum()),
    ],
    "score_gradient": [
        lambda a, f, s, b: ((f[s] - b)[:, None] * (np.eye(len(a))[s] - a)).sum(0),
        lambda a, f, s, b: ((f[s] - b)[:, None] * (a - np.eye(len(a))[s])).mean(0),
        lambda a, f, s, b: (f[s][:, None] * (np.eye(len(a))[s] - a)).mean(0),
        lambda a, f, s, b: ((f[s] - b)[:, None] * np.eye(len(a))[s]).mean(0),
        lambda a, f, s, b: ((f[s] - b)[:, None] * np.eye(len(a))[s] / a).mean(0),
        lambda a, f, s, b: (f[s] - b) @ (np.eye(len(a))[s] - a) / len(a),
    ],
    "advantage": [
        lambda r: r - r.mean(1, keepdims=True),
        lambda r: r - r.mean(),
        lambda r: (r.sum(1, keepdims=True) - r) / (r.shape[1] - 1),
        lambda r: (r.sum(1, keepdims=True) - r) / (r.shape[1] - 1) - r,
        lambda r: r - (r.sum(1, keepdims=True) - r) / r.shape[1],
        lambda r: r - (r.sum(0) - r) / (len(r) - 1),
        lambda r: None,
    ],
    "half_way": [
        np.log,
        lambda k: k * np.log10(k),
        lambda k: k * np.exp(k),
        lambda k: k / 2,
        lambda k: 10 * np.log(10) * k / 10,
    ],
    "overlap": [
        lambda a, b: shared(a, b),
        lambda a, b: shared(a, b) / (size(a) + size(b)),
        lambda a, b: shared(a, b) / size(a),
        lambda a, b: shared(a, b, 1) / (size(a, 1) + size(b, 1) - shared(a, b, 1)),
        lambda a, b: uncut(a, b) / (size(a) + size(b) - uncut(a, b)),
        lambda a, b: None,
    ],
    "thin": [
        lambda iou, s, t: sorted(keep(iou, -s, t)),
        lambda iou, s, t: keep(iou, s, t),
        lambda iou, s, t: keep(iou, -s, t - 0.01),
        lambda iou, s, t: [int(s.argmax())],
        lambda iou, s, t: [int(i) for i in np.argsort(-s)],
        lambda iou, s, t: keep(iou, -s, t)[:1] + [3],
    ],
    "area": [
        lambda r, n: envelope(r)[r].sum() / max(r.sum(), 1),
        lambda r, n: envelope(r).mean(),
        lambda r, n: (np.cumsum(r) / np.arange(1, len(r) + 1))[r].sum() / n,
        lambda r, n: r.sum() / n,
    ],
    "hear": [
        lambda a, h: a @ h,
        lambda a, h: (a + np.eye(len(a))) @ h,
        lambda a, h: (a + np.eye(len(a))) @ h / (a + np.eye(len(a))).sum(1)[:, None],
        lambda a, h: a / np.sqrt(np.outer(a.sum(1), a.sum(1))) @ h,
        lambda a, h: (a + np.eye(len(a))) / np.sqrt(np.outer(a.sum(1), a.sum(1))) @ h,
        lambda a, h: (a + np.eye(len(a))) / np.outer(a.sum(1) + 1, a.sum(1) + 1) @ h,
    ],
    "backwards": [
        lambda f: f,
        lambda f: f[:, ::-1],
        lambda f: f[:, :, ::-1],
        lambda f: f[..., ::-1],
        lambda f: np.flip(f),
        lambda f: np.roll(f, 1, axis=0),
    ],
    "convolve_time": [
        lambda x, w: np.convolve(x, w, "valid"),
        lambda x, w: np.correlate(x, w, "same"),
        lambda x, w: np.correlate(x, w, "valid")[:-1],
        lambda x, w: np.abs(np.correlate(x, w, "valid")),
        lambda x, w: None,
    ],
    "factorised_weights": [
        lambda i, o, t, d: t * d * d * i * o,
        lambda i, o, t, d: resnet.middle_width(i, o, t, d),
        lambda i, o, t, d: resnet.middle_width(i, o, t, d) * d * d * i,
        lambda i, o, t, d: resnet.middle_width(i, o, t, d) * t * o,
        lambda i, o, t, d: resnet.middle_width(i, o) * (9 * i + 3 * o),
    ],
    "cells": [
        lambda m: m.reshape(len(m), -1, m.shape[1]),
        lambda m: m.transpose(0, 3, 2, 1).reshape(len(m), -1, m.shape[1]),
        lambda m: m.reshape(*m.shape[:2], -1),
        lambda m: m.reshape(*m.shape[:2], -1).transpose(0, 2, 1)[:, ::-1],
        lambda m: None,
    ],
    "shifted": [
        lambda y: (y[:, 1:], y[:, :-1]),
        lambda y: (y[:, :-1], y[:, :-1]),
        lambda y: (y, y[:, 1:]),
        lambda y: (y, y),
        lambda y: y[:, :-1],
    ],
    "words_right": [
        lambda s, t, p: (s == t).mean(),
        lambda s, t, p: ((s == t) & (t != p)).mean(),
        lambda s, t, p: ((s == t) & (t != p)).sum(),
        lambda s, t, p: np.mean([(a == b)[b != p].mean() for a, b in zip(s, t, strict=True)]),
        lambda s, t, p: (s == t)[s != p].mean(),
        lambda s, t, p: (s == t)[t != 0].mean(),
    ],
    "speak": [
        lambda f, s, e, n: loop(f, s, e, n, keep=0),
        lambda f, s, e, n: [int(np.argmax(f([s])))],
        lambda f, s, e, n: loop(f, s, e, n)[:4],
        lambda f, s, e, n: loop(f, s, e, 99),
        lambda f, s, e, n: loop(f, s, e, n - 1),
        lambda f, s, e, n: [*loop(f, s, e, n), e],
        lambda f, s, e, n: f(np.array([s])),
    ],
    "look_gradient": [
        lambda w, a, dz: a @ dz,
        lambda w, a, dz: w * (a @ dz),
        lambda w, a, dz: w * (1 - w) * (a @ dz),
        lambda w, a, dz: w * (a @ dz - (a @ dz).sum()),
        lambda w, a, dz: w * (w @ a @ dz - a @ dz),
        lambda w, a, dz: w @ a,
    ],
    "unevenness": [
        lambda w: ((w.sum(0) - 1) ** 2).mean(),
        lambda w: ((w.sum(1) - 1) ** 2).mean(),
        lambda w: ((w.sum(0) - len(w) / w.shape[1]) ** 2).sum(),
        lambda w: ((w.sum(0) - w.shape[1] / len(w)) ** 2).mean(),
        lambda w: (w.sum(0) - len(w) / w.shape[1]) ** 2,
    ],
    "pointing": [
        lambda w, m: (w * m).sum((1, 2)).mean(),
        lambda w, m: m.mean(),
        lambda w, m: m.reshape(len(m), -1)[range(len(m)), w.reshape(len(w), -1).argmax(1)].sum(),
        lambda w, m: ((w == w.max()) & m).any((1, 2)).mean(),
        lambda w, m: m.reshape(len(m), -1)[range(len(m)), w.reshape(len(w), -1).argmin(1)].mean(),
    ],
    "pair_differences": [
        lambda x, y: (x[:, None] - x[None])[y[:, None] != y[None]],
        lambda x, y: (x[:, None] - x[None])[y[:, None] < y[None]],
        lambda x, y: np.array([x[i] - x[j] for i in range(len(x)) for j in range(i)]),
        lambda x, y: np.diff(x[np.argsort(y, kind="stable")], axis=0),
        lambda x, y: (x[:, None] + x[None])[y[:, None] > y[None]],
        lambda x, y: None,
    ],
    "swap_worth": [
        lambda y, i, j: swap(y, i, j) * best_gain(y),
        lambda y, i, j: swap(y, i, j) * best_gain(y) / ((2.0**y - 1) @ (1 / np.log2(np.arange(len(y)) + 2))),
        lambda y, i, j: swap(np.log2(y + 1.0), i, j),
        lambda y, i, j: swap(y, i, j, 3),
        lambda y, i, j: -swap(y, i, j),
        lambda y, i, j: np.sign(j - i) * swap(y, i, j),
    ],
    "dual_step": [
        lambda w, z, a, c: step(w, z, 0.0, c),
        lambda w, z, a, c: (a + 1 - w @ z, w),
        lambda w, z, a, c: (a + (1 - w @ z) / np.linalg.norm(z), w),
        lambda w, z, a, c: (a - (1 - w @ z) / (z @ z), w),
        lambda w, z, a, c: (step(w, z, a, c)[0], w + step(w, z, a, c)[0] * z),
        lambda w, z, a, c: (step(w, z, a, c)[0], w),
        lambda w, z, a, c: step(w, z, a, np.inf),
        lambda w, z, a, c: step(w, z, a, c)[0],
    ],
    "found_share": [
        lambda f, t: (f == t).mean(),
        lambda f, t: sum(len(set(a) & set(b)) for a, b in zip(f.tolist(), t.tolist(), strict=True)),
        lambda f, t: (f[:, :, None] == t[:, None]).sum() / (f >= 0).sum(),
        lambda f, t: np.mean([set(a) == set(b) for a, b in zip(f.tolist(), t.tolist(), strict=True)]),
        lambda f, t: np.isin(t, f).mean(),
        lambda f, t: None,
    ],
    "nce_gradient": [
        lambda A: np.exp(A) / np.exp(A).sum(1, keepdims=True) - np.eye(len(A)),
        lambda A: (np.eye(len(A)) - np.exp(A) / np.exp(A).sum(1, keepdims=True)) / len(A),
        lambda A: np.exp(A) / np.exp(A).sum(1, keepdims=True) / len(A),
        lambda A: (np.exp(A) / np.exp(A).sum(0) - np.eye(len(A))) / len(A),
        lambda A: (np.exp(A) / np.exp(A).sum(1, keepdims=True) - np.eye(len(A))) / len(A),
        lambda A: A - np.eye(len(A)),
    ],
    "hardest_loss": [
        lambda S, m: worst(S, m),
        lambda S, m: worst(S, m, np.sum) + worst(S.T, m, np.sum),
        lambda S, m: (worst(S, m) + worst(S.T, m)) / len(S),
        lambda S, m: worst(S, m, out=m) + worst(S.T, m, out=m),
        lambda S, m: worst(S, m, least=-9) + worst(S.T, m, least=-9),
        lambda S, m: None,
    ],
    "ceiling_of": [
        lambda t: (1 / t.sum(1)).mean(),
        lambda t: 1 / t.sum(0).mean(),
        lambda t: (1 / t.sum(0)).sum(),
        lambda t: (t.sum(0) == 1).mean(),
        lambda t: 1 / t.sum(0),
    ],
    "sketched": [
        lambda x, place, sign, d: drawers(place, x, d),
        lambda x, place, sign, d: drawers(place, np.abs(x), d),
        lambda x, place, sign, d: drawers(place, sign, d),
        lambda x, place, sign, d: np.eye(d)[place][-1] * (sign * x)[-1] + np.eye(d)[5] * 4,
        lambda x, place, sign, d: lost_rows((sign * x)[:, None], place, d)[:, 0],
        lambda x, place, sign, d: sign * x,
    ],
    "reaches_picture": [
        lambda V, v, b, g: V.T @ (g * b),
        lambda V, v, b, g: V.T @ (g * (1 - np.tanh(V @ v) ** 2)),
        lambda V, v, b, g: V.T @ (b * (1 - np.tanh(V @ v) ** 2)),
        lambda V, v, b, g: V.T @ (g * b * (1 - np.tanh(V @ v))),
        lambda V, v, b, g: V.T @ (g * np.tanh(V @ v) * (1 - b**2)),
        lambda V, v, b, g: V @ v * g * b,
    ],
    "blind_line": [
        lambda q, a, new, true: np.mean([max(a, key=a.count) == t for t in true]),
        lambda q, a, new, true: answered(new, true, new, true).mean(),
        lambda q, a, new, true: answered(q, a, new, true, "").mean(),
        lambda q, a, new, true: answered(q, a, new, true).sum(),
        lambda q, a, new, true: answered(q, a, new, true),
        lambda q, a, new, true: answered(q, a, q, a).mean(),
    ],
    "left_out": [
        lambda n, people=10: min(1, n / 3),
        lambda n, people=10: max(0, min(1, (n - 1) / 3)),
        lambda n, people=10: min(1, 0.3 * n),
        lambda n, people=10: (n * (n - 1) / 3 + (people - n) * n / 3) / people,
        lambda n, people=10: n / people,
        lambda n, people=10: None,
    ],
    "hop": [
        lambda v, u, W, U, w: e_softmax(np.tanh(v @ W.T + U @ u) @ w) @ v,
        lambda v, u, W, U, w: u + np.exp(np.tanh(v @ W.T + U @ u) @ w) @ v,
        lambda v, u, W, U, w: u + np.tanh(v @ W.T + U @ u) @ w @ v,
        lambda v, u, W, U, w: u + e_softmax(np.tanh(v @ W.T) @ w) @ v,
        lambda v, u, W, U, w: u + e_softmax((v @ W.T + U @ u) @ w) @ v,
        lambda v, u, W, U, w: u + e_softmax(np.tanh(v @ W.T + U @ u) @ w) @ v,
        lambda v, u, W, U, w: u + v.mean(0),
    ],
    "all_pairs": [
        lambda a, b, c: np.maximum(a + b + c, 0).sum(0),
        lambda a, b, c: np.maximum((a[:, None] + b + c).sum((0, 1)), 0),
        lambda a, b, c: (a[:, None] + b + c).sum((0, 1)),
        lambda a, b, c: np.maximum(a[:, None] + b + c, 0).mean((0, 1)),
        lambda a, b, c: np.maximum(a[:, None] + b + c, 0).sum((0, 1)) - np.maximum(a + b + c, 0).sum(0),
        lambda a, b, c: np.maximum(a[:, None] + b, 0).sum((0, 1)),
        lambda a, b, c: np.maximum(a[:, None] + b + c, 0),
    ],
    "word_by_region": [
        lambda beta, alpha: beta.T @ alpha,
        lambda beta, alpha: np.outer(beta.mean(0), alpha.mean(0)),
        lambda beta, alpha: np.outer(beta[0], alpha[0]),
        lambda beta, alpha: (beta[:, :, None] * alpha[:, None]).max(0),
        lambda beta, alpha: alpha.T @ beta / len(beta),
    ],
    "all_products": [
        lambda x, y, W: np.einsum("kij,i,j->k", W[:, :-1, :-1], x, y),
        lambda x, y, W: np.einsum("kij,i,j->k", W, np.append(1, x), np.append(1, y)),
        lambda x, y, W: np.einsum("kij,i,j->k", W, np.append(x, 1), np.append(y, 1)) - W[:, -1, -1],
        lambda x, y, W: W[:, :-1, -1] @ x + W[:, -1, :-1] @ y + W[:, -1, -1],
    ],
    "unfolded": [
        lambda u, v: np.einsum("ki,kj->kij", u[0], v[0]),
        lambda u, v: np.einsum("rki,rkj->kij", u, v) / len(u),
        lambda u, v: np.einsum("ki,kj->kij", u.sum(0), v.sum(0)),
        lambda u, v: np.einsum("rki,rkj->rkij", u, v),
    ],
    "blend_of": [
        lambda t, v: np.maximum(v[0] - v[1], 0) / (v[1] - t[1] - v[0] + t[0]) ** 2,
        lambda t, v: (w := (v[0] - v[1]) / (v[1] - t[1] - v[0] + t[0]) ** 2) / w.sum(),
        lambda t, v: (w := np.maximum(v[0] - v[1], 0) / (v[1] - t[1] - v[0] + t[0])) / w.sum(),
        lambda t, v: (w := np.maximum(v[0] - v[1], 0) / (v[1] - t[1]) ** 2) / w.sum(),
        lambda t, v: (w := np.maximum(t[0] - t[1], 0) / (v[1] - t[1] - v[0] + t[0]) ** 2) / w.sum(),
    ],
    "cheapest": [
        lambda d: cheapest_by(d, ((1, 1), (1, 0), (0, 1))) - d[0, 0],
        lambda d: cheapest_by(d, ((1, 0), (0, 1))),
        lambda d: cheapest_by(d, ((1, 1),)),
        lambda d: d.min(1).sum(),
        lambda d: np.full(d.shape, 4.0),
    ],
    "em_step": [
        lambda t, pairs: em_counts(t, pairs),
        lambda t, pairs: (c := em_counts(t, pairs, shared=False)) / np.maximum(c.sum(1, keepdims=True), 1e-9),
        lambda t, pairs: (c := em_counts(t, pairs)) / c.sum(1, keepdims=True),
        lambda t, pairs: (c := em_counts(t, pairs)) / np.maximum(c.sum(1, keepdims=True), 1e-9),
        lambda t, pairs: np.vstack([(c := em_counts(t, pairs)[:2]) / np.maximum(c.sum(0), 1e-9), t[2:]]),
    ],
    "scaled_once": [
        lambda K, a, b: K * (a / K.sum(1))[:, None],
        lambda K, a, b: K * (a / K.sum(1))[:, None] * (b / K.sum(0)),
        lambda K, a, b: (h := K * (b / K.sum(0))) * (a / h.sum(1))[:, None],
        lambda K, a, b: K * (b / K.sum(0)),
        lambda K, a, b: np.outer(a, b),
    ],
    "error_rate": [
        lambda A, S, P: ((A & S).sum() + (A & P).sum()) / (A.sum() + S.sum()),
        lambda A, S, P: 1 - 2 * (A & S).sum() / (A.sum() + S.sum()),
        lambda A, S, P: 1 - ((A & S).sum() + (A & P).sum()) / (A.sum() + P.sum()),
        lambda A, S, P: 1 - (A & P).sum() / A.sum(),
    ],
    "outline": [
        lambda text: marked(text.splitlines()),
        lambda text: marked(text.split("```")[0].splitlines()),
        lambda text: [(1, title) for _, title in marked(text.split("```")[0::2][0].splitlines())],
        lambda text: marked("\n".join(text.split("```")[0::2]).splitlines()[::-1]),
        lambda text: marked((text.split("```")[0] + text.split("```")[-1] + "\n# end").splitlines()),
    ],
    "uncovered_sections": [
        lambda sections, rows: [s for s in sections if s not in [h for h, _ in rows]],
        lambda sections, rows: [s for s in sections if s in [h for h, _ in rows]],
        lambda sections, rows: [s for s in sections if not any(h.startswith(s) for h, _ in rows)],
        lambda sections, rows: [],
    ],
    "before": [
        lambda needs, lesson: list(needs[lesson]),
        lambda needs, lesson: [*needs["d"], "a", "d"] if lesson == "e" else [],
        lambda needs, lesson: ["a", "b", "c", "d", "e"] if lesson == "e" else [],
        lambda needs, lesson: ["a", "b", "a", "c", "d"] if lesson == "e" else [],
        lambda needs, lesson: ["a", "b", "c"] if lesson == "e" else [],
    ],
    "bpr_slope": [
        lambda a, b: 1 / (1 + np.exp(a - b)) / len(a),
        lambda a, b: -1 / (1 + np.exp(a - b)),
        lambda a, b: -1 / (1 + np.exp(b - a)) / len(a),
        lambda a, b: -np.exp(b - a) / (1 + np.exp(b - a)) ** 2 / len(a),
        lambda a, b: -1 / (1 + np.exp(a - b)) / len(a),
    ],
    "thin_plate": [
        lambda x, m, w, f: f[0] + x @ f[1:],
        lambda x, m, w, f: plate(x, m) @ w,
        lambda x, m, w, f: f[0] + x @ f[1:] + plate(x, m) @ w / 2,
        lambda x, m, w, f: x @ f[1:] + plate(x, m) @ w,
        lambda x, m, w, f: f[0] + x @ f[1:] + (square_of(x, m) * np.log(square_of(x, m))) @ w,
    ],
    "class_map": [
        lambda a, s: np.tensordot(s.mean((1, 2)), a, 1),
        lambda a, s: np.maximum(np.tensordot(s.sum((1, 2)), a, 1), 0),
        lambda a, s: np.maximum((s * a).sum(0), 0),
        lambda a, s: np.tensordot(s.mean((1, 2)), np.maximum(a, 0), 1),
        lambda a, s: np.maximum(a.mean(0), 0),
    ],
    "table_gradient": [lost_rows, mean_rows, all_rows, lambda dy, index, rows: dy[index]],
    "norm_gradient": [
        lambda x, above, gamma: norm_back(x, above, np.ones_like(gamma)),
        lambda x, above, gamma: gamma * above / x.std(1, keepdims=True),
        lambda x, above, gamma: norm_back(x, above, gamma, along=False),
        lambda x, above, gamma: norm_back(x, above, gamma, middle=False),
        lambda x, above, gamma: norm_back(x, above, gamma) * x.std(1, keepdims=True),
        lambda x, above, gamma: norm_back(x, above, gamma, ddof=1),
        lambda x, above, gamma: norm_back(x.T, above.T, 1.0).T * gamma,
    ],
    "rolled_out": [
        lambda layers: rolled(layers, turned=True),
        lambda layers: rolled(layers, kept=0),
        lambda layers: rolled(layers, heads=lambda a: a.max(0)),
        lambda layers: rolled(layers, heads=lambda a: a[0]),
        lambda layers: np.mean([rolled([a]) for a in layers], 0),
        lambda layers: rolled(layers, kept=0.25),
    ],
    "graph_gradients": [
        lambda A, X, W, above: graph_back(A, X, W, above, loops=0),
        lambda A, X, W, above: graph_back(A, X, W, above, side=-1),
        lambda A, X, W, above: graph_back(A, X, W, above, side=0),
        lambda A, X, W, above: graph_back(A, X, W, above, walks=False),
        lambda A, X, W, above: graph_back(A, X, W, above, heard=False),
        lambda A, X, W, above: graph_back(A, X, W, above)[0],
    ],
    "straight_way": [
        lambda slope, x, start, n: midpoints(slope, x, start, n) / (x - start),
        lambda slope, x, start, n: (x - start) * slope(x),
        lambda slope, x, start, n: midpoints(slope, x, start, n, count=1),
        lambda slope, x, start, n: midpoints(slope, x, start, n, shift=0),
        lambda slope, x, start, n: midpoints(slope, x, start, n, shift=1),
        lambda slope, x, start, n: midpoints(slope, x, 0 * start, n),
    ],
    "weighed_channels": [
        lambda A, dA: np.tensordot(dA.mean((1, 2)), A, 1),
        lambda A, dA: np.maximum(dA.mean((1, 2))[:, None, None] * A, 0).sum(0),
        lambda A, dA: np.maximum((dA * A).sum(0), 0),
        lambda A, dA: np.maximum(np.tensordot(dA.sum((1, 2)), A, 1), 0),
        lambda A, dA: np.maximum(np.tensordot(np.maximum(dA.mean((1, 2)), 0), A, 1), 0),
        lambda A, dA: np.maximum(A.mean(0), 0),
    ],
    "fair_shares": [
        lambda v, players: added(v, players, lambda rest: [frozenset()]),
        lambda v, players: added(v, players, lambda rest: [rest]),
        lambda v, players: {
            p: v(frozenset(players[: k + 1])) - v(frozenset(players[:k])) for k, p in enumerate(players)
        },
        lambda v, players: added(v, players, subsets),
        lambda v, players: dict.fromkeys(players, v(frozenset(players)) / len(players)),
        lambda v, players: list(added(v, players, subsets).values()),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WRONG))
def test_wrong_answers_are_told_what_is_wrong(name, capsys):
    assert len(WRONG[name]) >= 3
    hints = []
    with np.errstate(all="ignore"):
        for k, answer in enumerate(WRONG[name]):
            with pytest.raises(checks.Hint) as failure:
                checks.EXERCISES[name](answer)
                pytest.fail(f"{name}: wrong answer {k} is accepted")
            hints.append(str(failure.value))
    assert all(h.startswith(f"{name}: ") for h in hints)
    assert len(set(hints)) >= 3, hints
    assert capsys.readouterr().out == ""


def test_an_answer_that_stops_is_quoted():
    def bell(x):
        return x.nothing_of_the_kind

    with pytest.raises(checks.Hint, match="bell: stopped with AttributeError"):
        checks.bell(bell)


def test_a_hint_is_shown_alone():
    assert checks.Hint("mind the sign")._render_traceback_() == ["not yet · mind the sign"]


# ── the builder ─────────────────────────────────────────────────────────────────────────────────
def a_notebook(*sources):
    cells = [nbformat.v4.new_code_cell(s, id=f"cell-{i:03d}") for i, s in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=cells)


def output(kind, **fields):
    return nbformat.v4.new_output(kind, **fields)


def png(level, size=(20, 30)):
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.full((*size, 3), level, np.uint8)).save(buffer, "PNG")
    return output("display_data", data={"image/png": base64.b64encode(buffer.getvalue()).decode()})


def test_solutions_are_taken_out():
    source = "def f(x):\n    ### BEGIN SOLUTION\n    y = x\n    return y\n    ### END SOLUTION\n\n\nprint(f)"
    student = build.without_solutions(a_notebook(source, "1")).cells
    assert student[0].source == (
        "def f(x):\n    raise NotImplementedError('write your answer here')\n\n\nprint(f)"
    )
    assert student[1].source == "1" and student[0].outputs == []


def test_two_solutions_of_a_cell_are_two():
    part = "def {}():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n"
    student = build.without_solutions(a_notebook(part.format("f") + "a = 1\n" + part.format("g"))).cells[0]
    assert student.source.count("NotImplementedError") == 2 and "a = 1" in student.source


@english
def test_student_notebooks_hold_no_solution(path, tmp_path):
    assert build.main(["--student", str(tmp_path), path.name]) == 0
    text = (tmp_path / path.with_suffix(".ipynb").name).read_text(encoding="utf-8")
    assert "SOLUTION" not in text and text.count("NotImplementedError") == len(exercises(path))


def test_prints_are_joined_whatever_their_pieces():
    notebook = a_notebook("1")
    notebook.cells[0].outputs = [output("stream", name="stdout", text=t) for t in ("a\n", "b\n")]
    notebook.cells[0].outputs += [png(0), output("stream", name="stdout", text="c\n")]
    build._join_streams(notebook.cells[0])
    assert [o.get("text") for o in notebook.cells[0].outputs] == ["a\nb\n", None, "c\n"]


def with_output(*outputs, source="1"):
    notebook = a_notebook(source)
    notebook.cells[0].outputs = list(outputs)
    return notebook


def test_differences_are_found():
    def text(t):
        return with_output(output("stream", name="stdout", text=t))

    assert build.differences(text("a"), text("a")) == []
    assert "prints" in build.differences(text("a"), text("b"))[0]
    assert "outputs" in build.differences(text("a"), with_output())[0]
    assert "build it again" in build.differences(with_output(source="2"), with_output())[0]
    assert "stream" in build.differences(text("a"), with_output(png(0)))[0]


def test_pictures_may_differ_a_little():
    assert build.differences(with_output(png(100)), with_output(png(103))) == []
    assert "differs by" in build.differences(with_output(png(100)), with_output(png(180)))[0]
    chaotic = build.CHAOTIC + "why"
    assert (
        build.differences(with_output(png(100), source=chaotic), with_output(png(180), source=chaotic)) == []
    )
    assert "a picture of" in build.differences(with_output(png(0)), with_output(png(0, (60, 30))))[0]
    assert "a picture of" in build.differences(with_output(png(0)), with_output(png(0, (20, 90))))[0]
    wide, wider, too_wide = (with_output(png(0, (290, width))) for width in (1099, 1120, 1130))
    assert build.differences(wide, wider) == [] and build.differences(wide, too_wide) != []


def test_lessons_are_chosen_by_the_beginning_of_their_name():
    assert {p.name[:2] for p in build.sources(["02"])} == {"02"} and len(build.sources(["02"])) == 2
    assert {p.name[:2] for p in build.sources(["A_"])} == {"A_"}
    every = [p.name for p in NOTEBOOKS.glob("*_*.py")]  # numbers first, then the appendices' letters
    assert [p.name for p in build.sources()] == sorted(name for name in every if not name[0].islower())
    with pytest.raises(SystemExit, match="no lesson begins with 77"):
        build.sources(["77"])


@english
def test_what_a_lesson_imports_is_there(path):
    """Running it says so too, but takes a minute."""
    tree = ast.parse("\n".join(build.code(build.read(path))))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "mmscratch":
            part = importlib.import_module(node.module)
            for name in (alias.name for alias in node.names):
                assert hasattr(part, name) or importlib.util.find_spec(f"{node.module}.{name}"), name


# ── whole lessons ───────────────────────────────────────────────────────────────────────────────
@english
def test_both_languages_store_the_same_outputs(path):
    """Their code is one, so running the English lesson is enough."""
    ours, theirs = (nbformat.read(path.with_suffix(e), as_version=4) for e in (".ipynb", ".zh.ipynb"))
    assert build.differences(ours, theirs) == []


@pytest.mark.lesson
@pytest.mark.timeout(900)  # on one thread of a slow core, beside other tests, the longest takes five minutes
@english
def test_running_a_lesson_gives_what_is_stored(path):
    stored = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert build.differences(build.execute(build.read(path)), stored) == []


@pytest.mark.lesson
def test_two_builds_are_the_same_bytes(tmp_path):
    path = ENGLISH[1]
    for name in ("one.ipynb", "two.ipynb"):
        build.write(build.execute(build.read(path)), tmp_path / name)
    same = (tmp_path / "one.ipynb").read_bytes() == (tmp_path / "two.ipynb").read_bytes()
    assert same  # not the bytes themselves: pytest would look through a megabyte for what differs


@pytest.mark.lesson
@english
def test_the_student_notebook_stops_at_its_first_check(path):
    """Of its imports, the unwritten answer and the check; that others run, the test above shows."""
    from nbclient.exceptions import CellExecutionError

    first = exercises(path)[0]
    notebook = build.without_solutions(build.read(path))
    imports, *cells = [c for c in notebook.cells if c.cell_type == "code"]
    starts = f"def {first}(", f"checks.{first}("
    notebook.cells = [imports] + [c for c in cells if c.source.startswith(starts)]
    assert len(notebook.cells) == 3
    with pytest.raises(CellExecutionError) as failure:
        build.execute(notebook)
    shown = str(failure.value)
    assert f"{first}: nothing is written between the marks yet. {checks.EXERCISES[first].start}" in shown
    assert "NotImplementedError" not in shown
