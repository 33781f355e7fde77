"""Bias gates: what can be answered without the image, or without the question.

Chance is 1 / (number of the family's answers). `question_only` is the better of two blind models: the
majority answer of each question text, and a logistic regression on its bag of words. `image_only` sees an
exact summary of the scene (counts of shapes, colours, sizes, pairs, and how many counts are 0, 1, 2, 3)
but not the question.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from .graph import COLOURS, SHAPES, SIZES, Scene
from .question_forms import ANSWERS
from .questions import Question


def logistic_regression(
    x: np.ndarray, y: np.ndarray, classes: int, penalty: float = 1e-3, steps: int = 150
) -> np.ndarray:
    """Multinomial logistic regression by Nesterov's accelerated gradient, full batch.

    Forward    L = −mean log softmax(x W)[y] + ½ penalty ‖W‖²
    Backward   ∂L/∂W = xᵀ (softmax(x W) − onehot(y)) / n + penalty W
    Shapes     x (n, features) · y (n,) int → W (features, classes)
    """
    n = len(x)
    wanted = np.eye(classes)[y]
    rate = 1.0 / (0.5 * np.linalg.norm(x, 2) ** 2 / n + penalty)  # 1 / Lipschitz constant of the gradient
    w = ahead = np.zeros((x.shape[1], classes))
    for t in range(steps):
        scores = x @ ahead
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        step = ahead - rate * (x.T @ (p - wanted) / n + penalty * ahead)
        ahead = step + t / (t + 3) * (step - w)
        w = step
    return w


def _standardise(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, spread = train.mean(0), train.std(0)
    spread[spread == 0] = 1
    return tuple(np.column_stack([np.ones(len(x)), (x - mean) / spread]) for x in (train, test))


def _fitted_accuracy(train_x, train_y, test_x, test_y, classes: int) -> float:
    train_x, test_x = _standardise(train_x, test_x)
    w = logistic_regression(train_x, train_y, classes)
    return float(((test_x @ w).argmax(1) == test_y).mean())


def majority_accuracy(train: Sequence[tuple[object, str]], test: Sequence[tuple[object, str]]) -> float:
    """Accuracy of answering, for each key, the answer seen most often with it in training (unseen key:
    overall)."""
    table: dict[object, Counter] = defaultdict(Counter)
    for key, answer in train:
        table[key][answer] += 1
        table[None][answer] += 1
    best = {key: counter.most_common(1)[0][0] for key, counter in table.items()}
    return sum(best.get(key, best[None]) == answer for key, answer in test) / len(test)


def bag_of_words(questions: Sequence[Question], index: dict[str, int]) -> np.ndarray:
    """How often each indexed word stands in each question: (questions, words)."""
    out = np.zeros((len(questions), len(index)))
    for row, question in zip(out, questions, strict=True):
        for token in question.tokens:
            if token in index:
                row[index[token]] += 1
    return out


def scene_summary(scene: Scene) -> list[float]:
    """Counts of every shape, colour, size, (colour, shape), (size, shape); how many of each kind are 0, 1,
    2, 3."""
    shapes = Counter(o.shape for o in scene.objects)
    colours = Counter(o.colour for o in scene.objects)
    sizes = Counter(o.size for o in scene.objects)
    pairs = Counter((o.colour, o.shape) for o in scene.objects)
    sized = Counter((o.size, o.shape) for o in scene.objects)
    out = [shapes[s] for s in SHAPES] + [colours[c] for c in COLOURS] + [sizes[s] for s in SIZES]
    out += [pairs[c, s] for c in COLOURS for s in SHAPES] + [sized[z, s] for z in SIZES for s in SHAPES]
    out += [[shapes[s] for s in SHAPES].count(k) for k in range(4)]
    out += [[colours[c] for c in COLOURS].count(k) for k in range(4)]
    return [float(v) for v in out]


def family_gates(train: Sequence[Question], test: Sequence[Question]) -> dict[str, float]:
    """Gates of one family: chance, question_majority, question_words, question_only, image_only, all in
    [0, 1]."""
    families = {q.family for q in (*train, *test)}
    if len(families) != 1 or not train or not test:
        raise ValueError(
            f"questions of exactly one family are expected on both sides, got {sorted(families)}"
        )
    answers = ANSWERS[families.pop()]
    train_y, test_y = (np.array([answers.index(q.answer) for q in qs]) for qs in (train, test))
    index = {word: k for k, word in enumerate(sorted({t for q in train for t in q.tokens}))}
    majority = majority_accuracy([(q.text, q.answer) for q in train], [(q.text, q.answer) for q in test])
    bags = bag_of_words(train, index), bag_of_words(test, index)
    words = _fitted_accuracy(bags[0], train_y, bags[1], test_y, len(answers))
    seen = [np.array([scene_summary(q.scene) for q in qs]) for qs in (train, test)]
    overall = majority_accuracy([(None, q.answer) for q in train], [(None, q.answer) for q in test])
    image = _fitted_accuracy(seen[0], train_y, seen[1], test_y, len(answers))
    return {
        "chance": 1 / len(answers),
        "question_majority": majority,
        "question_words": words,
        "question_only": max(majority, words),
        "image_only": max(image, overall),
    }


def gates(train: Sequence[Question], test: Sequence[Question]) -> dict[str, dict[str, float]]:
    """`family_gates` of every family that occurs on both sides."""
    out = {}
    for family in ANSWERS:
        sides = [[q for q in qs if q.family == family] for qs in (train, test)]
        if all(sides):
            out[family] = family_gates(*sides)
    return out
