"""What answers are worth: accuracy, and beside it what is reached without looking, or without asking."""

import math

import numpy as np

from ...autograd import no_grad
from ...metrics.classification import wilson_interval
from ...metrics.vqa import answer_accuracy
from ...models.vqa_questions import QuestionBatch
from ...tensor import Tensor
from .attention import attention_figures
from .data import words_of

__all__ = ["answers_of", "judge"]

SIGMAS = 3
WORDINGS = 256  # at most so many of the training questions stand for all of them in the image-only control,
PASSES = 1 << 16  # and fewer where there are many pictures: so many answers in all, but at least 16 a picture


def answers_of(model, asked, shuffle=None, batch_size=250):
    """What the model answers: numbers (M,).

    shuffle    None, or a Generator: each picture is taken for another one, none for itself
    """
    order = np.arange(len(asked.images))
    if shuffle is not None and len(order) > 1:
        ring = shuffle.permutation(len(order))
        order[ring] = np.roll(ring, 1)
    found = np.empty(len(asked), np.int64)
    model.eval()
    for i in range(0, len(order), batch_size):
        images = np.arange(i, min(i + batch_size, len(order)))
        chosen, image_of = asked.about(images)
        if len(chosen):
            with no_grad():
                logits = model(Tensor(asked.pixels(order[images])), asked.batch(chosen), image_of)
            found[chosen] = logits.numpy().argmax(1)
    return found


def image_only(model, asked, prior, vocabulary, batch_size=50):
    """The answer that a picture makes likeliest, whatever was asked: numbers (N,).

    Forward    argmax_a Σ_q p(q) p(a | q, v): the model's own probabilities, over the training questions or a
               sample of them. Who trusts the model and does not hear the question answers so
    """
    known, weight = prior.some_questions(min(WORDINGS, max(16, PASSES // len(asked.images))))
    wordings = QuestionBatch.of([vocabulary.encode(words_of(q), add_ends=False) for q in known])
    found = []
    for i in range(0, len(asked.images), batch_size):
        images = np.arange(i, min(i + batch_size, len(asked.images)))
        which = np.tile(wordings.which, len(images))
        batch = QuestionBatch(wordings.ids, wordings.lengths, which)
        with no_grad():
            logits = model(
                Tensor(asked.pixels(images)), batch, np.repeat(np.arange(len(images)), len(known))
            ).numpy().astype(np.float64)  # fmt: skip
        logits = logits.reshape(len(images), len(known), -1)
        e = np.exp(logits - logits.max(2, keepdims=True))
        found.append(np.einsum("q,nqk->nk", weight, e / e.sum(2, keepdims=True)).argmax(1))
    return np.concatenate(found)


def judge(model, asked, prior, vocabulary, seed=0):
    """Figures of a model on one split.

    accuracy              the share that is answered right, with Wilson's interval of 95 %
    majority              always the commonest answer of the training questions, see ``Prior``
    question-only         the commonest training answer of the same wording, of its kind where that is new
    image-only            ``image_only``
    shuffled images       the model's answers about other pictures than the question's
    VQA accuracy          the official one, where questions have several annotators
    pair consistency      the share of minimal pairs of which both halves are right
    accuracy, TYPE        of each kind of question; so are question-only and shuffled images
    attention: …          of models that attend, about scenes: see ``attention.py``
    warning               where the model is not better than a control by three standard errors
    """
    told, wanted = asked.questions, np.array(asked.questions.answers, object)
    names = np.array(asked.answers, object)
    said = names[answers_of(model, asked)]
    right = {
        "accuracy": said == wanted,
        "majority": prior.majority == wanted,
        "question-only": np.array(prior.blind(told.questions, told.types), object) == wanted,
        "image-only": names[image_only(model, asked, prior, vocabulary)][asked.image_of] == wanted,
        "shuffled images": names[answers_of(model, asked, np.random.default_rng(seed))] == wanted,
    }
    right = {name: values.astype(bool) for name, values in right.items()}
    low, high = wilson_interval(int(right["accuracy"].sum()), len(asked))
    figures = {"questions": len(asked), "images": len(asked.images)}
    figures |= {name: float(values.mean()) for name, values in right.items()}
    figures |= {"accuracy, 95 % interval from": low, "accuracy, 95 % interval to": high}
    everyone = asked.questions.all_answers
    if min(len(a) for a in everyone) > 1:
        scores = [answer_accuracy(a, others) for a, others in zip(said, everyone, strict=True)]
        figures["VQA accuracy"] = float(np.mean(scores))
    if asked.questions.pairs is not None:
        pairs = asked.questions.pairs
        n = np.bincount(pairs)
        both = np.bincount(pairs, right["accuracy"])[n > 0] == n[n > 0]
        figures["pair consistency"] = float(both.mean())
    types = np.array(asked.questions.types, object)
    for kind in sorted(set(types)):
        if kind:
            for name in ("accuracy", "question-only", "shuffled images"):
                figures[f"{name}, {kind}"] = float(right[name][types == kind].mean())
    return figures | attention_figures(model, asked) | warnings(right)


def warnings(right):
    """{"warning": …} where the answers are not better than a control's, else {}: right is {name: bool (M,)}.

    Forward    better: mean d > 3 · std(d) / √M,  d_m = right_m − right of the control_m
    """
    model = right["accuracy"].astype(np.float64)
    no_better = []
    for name in ("majority", "question-only", "image-only", "shuffled images"):
        d = model - right[name]
        if not d.mean() > SIGMAS * d.std() / math.sqrt(len(d)):
            no_better.append(name)
    if not no_better:
        return {}
    return {"warning": f"not better than {', '.join(no_better)}: it may not be looking at the pictures"}
