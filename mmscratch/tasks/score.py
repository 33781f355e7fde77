"""``mmscratch score``: files of captions, rankings or answers against what is right."""

import dataclasses

from ..data.caption_files import load_scored_captions
from ..data.errors import DataError
from ..data.trec import load_qrels, load_run
from ..data.vqa_results import load_annotations, load_results
from ..metrics.captions import DEFAULT_TOKENIZER, chosen_metrics, score_captions, score_captions_per_image
from ..metrics.trec import evaluate_queries, evaluate_run
from ..metrics.vqa import vqa_accuracy
from .run import RunError

__all__ = ["Scored", "score_files", "score_ranking", "score_vqa"]


@dataclasses.dataclass
class Scored:
    """Scores of a file of captions.

    scores      metric → value, of the whole
    per_image   [{"image_id", metric → value}], in the candidates' order; None where it was not asked for
    notes       what the reader of the scores should know
    """

    scores: dict
    per_image: list | None
    notes: list

    def to_dict(self):
        """What ``--json`` writes: the scores, and "per_image" where it was asked for."""
        return self.scores | ({} if self.per_image is None else {"per_image": self.per_image})


def score_files(candidates, references=(), metrics=None, tokenizer=None, per_image=False):
    """Score a file of captions; see ``data.caption_files`` for the formats.

    metrics     names of metrics; "METEOR_lite,CIDEr" is two; None: all but CIDEr_plain
    tokenizer   words, ptb or space; None: words, and space for what is cut into words already: text files,
                which nlg-eval reads so, and captions that the file gives _tokenized
    Errors      RunError for an unknown metric; DataError for files
    """
    names = [name for part in metrics or () for name in part.split(",") if name]
    try:
        chosen = chosen_metrics(names if metrics else None)
    except ValueError as e:
        raise RunError("--metrics", str(e).removeprefix("metrics: ")) from None
    found = load_scored_captions(candidates, references, as_written=tokenizer is not None)
    tokenizer = tokenizer or ("space" if found.words else DEFAULT_TOKENIZER)
    pair = found.candidates, found.references
    notes = [f"{len(found.ids)} images, tokenizer {tokenizer}"]
    if found.unscored:
        notes.append(f"{found.unscored} more images have references but no candidate: they are left out")
    if len(found.ids) == 1 and "CIDEr" in chosen:
        notes.append("CIDEr of a single image is 0: its document frequencies need several")
    rows = None
    if per_image:
        each = score_captions_per_image(*pair, chosen, tokenizer=tokenizer)
        rows = [{"image_id": i} | scores for i, scores in zip(found.ids, each, strict=True)]
    return Scored(score_captions(*pair, chosen, tokenizer=tokenizer), rows, notes)


def score_ranking(qrels, run, per_query=False):
    """trec_eval's measures of a run: {measure: mean over the queries}, "per_query" with those of each.

    Errors     DataError for a file that cannot be read; RunError where no query is in both
    """
    judged, ranked = load_qrels(qrels), load_run(run)
    try:
        means = evaluate_run(judged, ranked)
    except ValueError:
        raise RunError(run, f"has no query that {qrels} judges") from None
    return means | ({"per_query": evaluate_queries(judged, ranked)} if per_query else {})


def score_vqa(results, annotations):
    """Official VQA accuracy of a file of results: shares under "accuracy", "answer types", "question types"
    and "per question"; under "overall", "perAnswerType", "perQuestionType" the official tools' rounded %.

    Errors     DataError for a file that cannot be read; RunError where the two ask different questions
    """
    try:
        found = vqa_accuracy(load_results(results), load_annotations(annotations))
    except ValueError as e:
        if isinstance(e, DataError):
            raise
        raise RunError(results, str(e).removeprefix("vqa_accuracy: results: ")) from None
    record = {"accuracy": found["accuracy"], "questions": found["questions"]}
    record["overall"] = round(100 * found["accuracy"], 2)
    for ours, theirs in (("answer types", "perAnswerType"), ("question types", "perQuestionType")):
        rows = found[ours]
        record[theirs] = {name: round(100 * share, 2) for name, (share, _) in rows.items()}
        record[ours] = {name: {"accuracy": share, "questions": n} for name, (share, n) in rows.items()}
    return record | {"per question": {str(i): score for i, score in found["per_question"].items()}}
