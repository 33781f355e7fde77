"""Accuracy of answers to visual questions, as the VQA evaluation server has it (Antol et al., 2015)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

# Written with their apostrophes; what is mended is the same word with one of them left out. Those that would
# begin with a capital I are not here: words are in lower case when they are looked up, "im" stays "im".
_CONTRACTIONS = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd
he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've
needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've
somebody'll somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll
that's there'd there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've
we've weren't what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's
who've why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've
you'll you're you've
""".split()
CONTRACTIONS = {
    word[:i] + word[i + 1 :]: word for word in _CONTRACTIONS for i, c in enumerate(word) if c == "'"
} | {"somebody'd": "somebodyd"}  # the official table has this one the wrong way round
NUMBERS = {"none": "0"} | {
    word: str(n)
    for n, word in enumerate("zero one two three four five six seven eight nine ten".split())
}  # fmt: skip
ARTICLES = ("a", "an", "the")
MARKS = ';/[]"{}()=+\\_-><@`,?!'
_BETWEEN_DIGITS = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")  # also the one after a digit: "3." is "3"
_PERIODS = int(re.UNICODE)  # at most so many are taken out: the official call gives a flag for a count


def clean_answer(text: str) -> str:
    """What is done to every answer before any comparison: newlines and tabs become spaces, ends are cut."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def normalize_answer(text: str) -> str:
    """An answer by the official rules of VQA.

    Forward    1. each of ;/[]"{}()=+\\_-><@`,?! is left out where the text has it beside a space (or has
                  a comma between two digits), anywhere in it; else it becomes a space
               2. a full stop that no digit follows is left out ("3.5" keeps its own)
               3. lower case; words are what spaces divide
               4. none, zero, one … ten become 0 … 10; a, an and the are left out
               5. contractions without their apostrophe get it back ("dont" → "don't")
    Note       apostrophes and colons are no marks. The rules of the server's code, oddities included: it is
               what published figures were counted with
    """
    found = text
    numeral = _BETWEEN_DIGITS.search(text) is not None
    for mark in MARKS:
        apart = numeral or f"{mark} " in text or f" {mark}" in text
        found = found.replace(mark, "" if apart else " ")
    words = (NUMBERS.get(word, word) for word in _PERIOD.sub("", found, count=_PERIODS).lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def answer_accuracy(answer: str, said: Sequence[str]) -> float:
    """Accuracy of one answer against those of (ten) annotators (Antol et al., 2015; VQA v2 alike).

    Forward    1/N Σ_k min(1, n_k / 3),   n_k how many of the annotators but the k-th said the answer.
               Of ten, n agreeing give 0, .3, .6, .9, 1 for n = 0, 1, 2, 3, ≥ 4
    Errors     ValueError for fewer than two annotators
    Note       answers, the machine's too, are normalised only where the annotators disagree: where all ten
               say "Two", "two" is wrong
    """
    if isinstance(said, str) or len(said) < 2:
        raise ValueError(f"answer_accuracy: said: expected at least 2 annotators' answers, got {said!r}")
    answer, said = clean_answer(answer), [clean_answer(a) for a in said]
    if len(set(said)) > 1:
        answer, said = normalize_answer(answer), [normalize_answer(a) for a in said]
    n = said.count(answer)
    return sum(min(1.0, (n - (a == answer)) / 3) for a in said) / len(said)


def soft_scores(said: Sequence[str]) -> dict[str, float]:
    """What a classifier of answers is trained towards (Teney et al., 2018): {normalised answer: score}.

    Forward    min(1, 0.3 n) of an answer that n annotators gave
    Note       of ten annotators it is ``answer_accuracy`` of the answer
    """
    counts = Counter(normalize_answer(clean_answer(a)) for a in said)
    return {answer: min(1.0, 0.3 * n) for answer, n in counts.items()}


def vqa_accuracy(results: Mapping, annotations: Mapping) -> dict:
    """Official accuracy of a file of results: overall, by type of answer and by type of question.

    results       {question id: answer}
    annotations   {question id: {"answers": [str], "answer_type": str, "question_type": str}}, the same ids
    Returns       {"accuracy": share, "questions": N, "per_question": {id: share},
                  "answer types": {type: (share, N)}, "question types": {type: (share, N)}}
    Errors        ValueError where the ids differ, or there are none
    """
    missing, foreign = annotations.keys() - results.keys(), results.keys() - annotations.keys()
    if missing or foreign or not annotations:
        raise ValueError(
            f"vqa_accuracy: results: expected one for each of {len(annotations)} questions; "
            f"{len(missing)} lack one (such as {_some(missing)}), "
            f"{len(foreign)} are about none (such as {_some(foreign)})"
        )
    scores = {i: answer_accuracy(results[i], note["answers"]) for i, note in annotations.items()}
    by = {"answer_type": {}, "question_type": {}}
    for i, note in annotations.items():
        for key, groups in by.items():
            groups.setdefault(note[key], []).append(scores[i])
    means = {
        key: {name: (sum(values) / len(values), len(values)) for name, values in sorted(groups.items())}
        for key, groups in by.items()
    }
    return {
        "accuracy": sum(scores.values()) / len(scores),
        "questions": len(scores),
        "per_question": scores,
        "answer types": means["answer_type"],
        "question types": means["question_type"],
    }


def _some(ids) -> str:
    return repr(min(ids, key=str)) if ids else "–"
