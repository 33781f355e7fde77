"""Scores of generated captions, of classifiers and of detectors, on NumPy and the standard library only."""

from ..lazy import names

_HOME = {
    "corpus_bleu": "bleu",
    "bleu_per_image": "bleu",
    "sentence_bleu": "bleu",
    "corpus_rouge_l": "rouge",
    "rouge_l_per_image": "rouge",
    "corpus_cider": "cider",
    "cider_per_image": "cider",
    "corpus_cider_d": "cider",
    "cider_d_per_image": "cider",
    "DocumentFrequency": "cider",
    "score_captions": "captions",
    "score_captions_per_image": "captions",
    "corpus_meteor_lite": "meteor_lite",
    "meteor_lite_per_image": "meteor_lite",
    "porter_stem": "porter",
    "accuracy": "classification",
    "per_class": "classification",
    "confusion_matrix": "classification",
    "majority_baseline": "classification",
    "wilson_interval": "classification",
    "bootstrap_interval": "classification",
    "spearman": "correlation",
    "average_precision": "detection",
    "box_iou": "detection",
    "coco_average_precision": "detection",
    "match_boxes": "detection",
    "mean_average_precision": "detection",
    "precision_recall": "detection",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
