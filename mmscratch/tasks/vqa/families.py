"""What models of questions reach by kind of question, beside what is reached blind: one table, its figure."""

import math
from types import SimpleNamespace

import numpy as np

from ...data.scenes.gates import gates
from ...data.scenes.question_forms import ANSWERS

__all__ = ["CONTROLS", "RELATIONS", "blind", "by_family", "claims", "draw_families", "family_table"]

RELATIONS = "relate", "query_relation"
"""The families that are about where two things lie: is it left of …, on which side of …"""
CONTROLS = "chance", "question-only", "image-only"
ALL = "all"
WIDTH = 15


def blind(trained, checked):
    """{family: {control: share}} of what needs no model of both: see ``data.scenes.gates``.

    chance           one of the family's answers
    question-only    the better of the commonest training answer of the wording, and a logistic regression on
                     the bag of its words
    image-only       a logistic regression on an exact summary of the scene, or the commonest answer
    """
    found = gates(_as_asked(trained), _as_asked(checked))
    table = {family: {c: g[c.replace("-", "_")] for c in CONTROLS} for family, g in found.items()}
    share = {f: sum(kind == f for kind in checked.types) / len(checked) for f in table}
    table["relations"] = _mean(table, share, RELATIONS)
    table[ALL] = _mean(table, share, [f for f in ANSWERS if f in table])
    return table


def _as_asked(questions):
    """A ``QuestionSet`` of scenes as ``gates`` reads questions."""
    return [
        SimpleNamespace(family=kind, answer=a, text=q, tokens=tuple(q.split()), scene=questions.scenes[i])
        for kind, a, q, i in zip(
            questions.types, questions.answers, questions.questions, questions.image_of, strict=True
        )
    ]


def _mean(table, share, families):
    there = [f for f in families if f in table]
    if not there:
        return dict.fromkeys(CONTROLS, float("nan"))
    return {c: _weighted([table[f][c] for f in there], [share[f] for f in there]) for c in CONTROLS}


def _weighted(values, weights):
    return float(np.dot(values, weights) / sum(weights))


def by_family(found, name="accuracy"):
    """{family: [a share a seed]} of a model, from the figures of ``judge.judge`` of several seeds."""
    families = [f for f in ANSWERS if f"{name}, {f}" in found[0]]
    table = {f: [figures[f"{name}, {f}"] for figures in found] for f in families}
    places = [f for f in RELATIONS if f in table]
    if places:  # as many questions of each family in a split
        table["relations"] = [float(np.mean(s)) for s in zip(*(table[f] for f in places), strict=True)]
    return table | {ALL: [figures[name] for figures in found]}


def family_table(split, models, controls, questions):
    """The table of one split as text: a row a family, a column a control or a model, in per cent.

    models    {title: [figures of ``judge``, a seed each]};  controls    of ``blind``
    """
    seeds = len(next(iter(models.values())))
    of_model = {title: by_family(found) for title, found in models.items()}
    lines = [f"{split}: {questions} questions, {seeds} seed{'s' * (seeds > 1)}; per cent that are right"]
    lines.append(f"{'':18}" + "".join(f"{name:>{WIDTH}}" for name in (*CONTROLS, *models)))
    for family in controls:
        cells = [100 * controls[family][c] for c in CONTROLS]
        cells += [100 * float(np.mean(table[family])) for table in of_model.values()]
        lines.append(f"{family:18}" + "".join(f"{cell:{WIDTH}.1f}" for cell in cells))
    blank = " " * WIDTH * len(CONTROLS)
    for name, figure in (
        ("minimal pairs", "pair consistency"), ("shuffled pictures", "shuffled images"),
        ("commonest answer", "majority"), ("picture alone", "image-only"),
    ):  # fmt: skip
        if figure in next(iter(models.values()))[0]:
            cells = [100 * float(np.mean([f[figure] for f in found])) for found in models.values()]
            lines.append(f"{name:18}{blank}" + "".join(f"{cell:{WIDTH}.1f}" for cell in cells))
    if seeds > 1:
        spans = [f"{100 * min(t[ALL]):.1f}–{100 * max(t[ALL]):.1f}" for t in of_model.values()]
        lines.append(f"{'all, seeds':18}{blank}" + "".join(f"{span:>{WIDTH}}" for span in spans))
    told = [title for title, found in models.items() if any("warning" in f for f in found)]
    return "\n".join(lines + [f"not better than blind in at least one seed: {', '.join(told)}"] * bool(told))


def claims(models, questions, none, attending):
    """Two claims of the literature, held against one split: lines that say shown or refuted.

    none         the titles without attention (CNN + LSTM);  attending    those that attend to regions
    questions    how many, of which two families in ten are relations

    Forward      shown: d > 2 √(p₁ (1 − p₁) / n + p₂ (1 − p₂) / n), d = p₁ − p₂ of the means over the seeds
    """
    of_model = {title: by_family(found) for title, found in models.items()}
    none, attending = ([t for t in names if t in of_model] for names in (none, attending))
    if not none or not attending:
        return []
    best_none = max(none, key=lambda t: np.mean(of_model[t][ALL]))
    lines = [
        _claim(f"attention > none, all: {t} beside {best_none}", of_model[t][ALL], of_model[best_none][ALL],
               questions)
        for t in attending
    ]  # fmt: skip
    apart = max((t for t in of_model if t not in none), key=lambda t: np.mean(of_model[t]["relations"]))
    few = round(questions * len(RELATIONS) / len(ANSWERS))
    for base in none:
        title = f"relations need more than CNN + LSTM: {apart} beside {base}"
        lines.append(_claim(title, of_model[apart]["relations"], of_model[base]["relations"], few))
    return lines


def _claim(title, more, less, n):
    p, q = float(np.mean(more)), float(np.mean(less))
    error = math.sqrt((p * (1 - p) + q * (1 - q)) / n)
    verdict = "shown" if p - q > 2 * error else "refuted" if q - p > 2 * error else "undecided"
    return f"{title}: {100 * p:.1f} − {100 * q:.1f} = {100 * (p - q):+.1f} ± {200 * error:.1f}: {verdict}"


def draw_families(path, splits):
    """Accuracy by family, a bar a model and the controls as lines; a panel a split.

    splits    {title: ({model: [figures, a seed each]}, controls of ``blind``)}
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(len(splits), 1, figsize=(13, 3.1 * len(splits)), squeeze=False, dpi=110)
    for axis, (title, (models, controls)) in zip(axes[:, 0], splits.items(), strict=True):
        families = [f for f in controls if f != "relations"]
        x, width = np.arange(len(families)), 0.84 / len(models)
        colours = plt.get_cmap("tab10" if len(models) <= 10 else "tab20").colors
        for k, (model, found) in enumerate(models.items()):
            table = by_family(found)
            means = [100 * np.mean(table[f]) for f in families]
            spans = [[100 * abs(end(table[f]) - np.mean(table[f])) for f in families] for end in (min, max)]
            axis.bar(
                x - 0.42 + (k + 0.5) * width, means, width, yerr=spans if len(found) > 1 else None,
                color=colours[k], label=model, error_kw={"linewidth": 0.8},
            )  # fmt: skip
        for control, style in (("question-only", "-"), ("image-only", ":")):
            for i, family in enumerate(families):
                y = 100 * controls[family][control]
                label = control if i == 0 else None
                axis.plot([i - 0.45, i + 0.45], [y, y], style, color="k", linewidth=1.6, label=label)
        axis.set_xticks(x, [f.replace("_", "\n") for f in families])
        axis.set_ylim(0, 101)
        axis.set_xlim(-0.5, len(families) - 0.5)
        axis.set_ylabel("right, %")
        axis.set_title(title, fontsize=11)
        axis.spines[["top", "right"]].set_visible(False)
    names = axes[0, 0].get_legend_handles_labels()
    figure.legend(*names, ncols=min(len(names[1]), 10), loc="lower center", frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.055 if len(splits) > 1 else 0.1, 1, 1))
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return path
