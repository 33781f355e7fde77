"""Classes that are only named: a picture is of the class whose sentences lie nearest (Radford et al., 2021).

Nothing is trained. Each class is described by prompts, "a photo of a circle", "there is only a circle"; the
mean of their vectors is the class's vector, and the pictures' cosines with all of them are the scores.
"""

import numpy as np

__all__ = ["ZeroShotClassifier", "prompts"]


def prompts(templates, names):
    """{class: its sentences}: every template said of every one of the class's names.

    templates    sentences with {} in the place of the name
    names        {class: a name, or a list of names}
    Errors       ValueError naming a template without {}
    """
    for template in templates:
        if "{}" not in template:
            raise ValueError(f"prompts: template {template!r} has no {{}} where the name goes")
    each = {k: [v] if isinstance(v, str) else list(v) for k, v in names.items()}
    return {k: [t.replace("{}", name) for t in templates for name in v] for k, v in each.items()}


class ZeroShotClassifier:
    """Classes from sentences.

    Forward    w_k = m_k / ‖m_k‖, m_k = (1/P) Σ_p t̂_kp over the class's prompts, each of unit length;
               scores = V Wᵀ, the class is the greatest
    Shapes     pictures' rows v (N, E) → scores (N, K), classes (N,)
    Errors     ValueError for fewer than two classes, a class without prompts, or rows of another width
    Source     Radford et al., 2021, §3.1.2; averaging in the space of vectors: §3.1.4

    encode_texts    list of str → rows (N, E), as a ``tasks.retrieval.model.Retrieval`` has it
    """

    def __init__(self, encode_texts, prompts_of_class):
        if len(prompts_of_class) < 2:
            raise ValueError(f"ZeroShotClassifier: expected at least 2 classes, got {len(prompts_of_class)}")
        self.classes = list(prompts_of_class)
        for name, sentences in prompts_of_class.items():
            if isinstance(sentences, str) or not len(sentences):
                raise ValueError(f"ZeroShotClassifier: class {name!r}: expected a list of prompts")
        flat = [s for sentences in prompts_of_class.values() for s in sentences]
        rows = _unit(np.asarray(encode_texts(flat)))
        ends = np.cumsum([len(s) for s in prompts_of_class.values()])
        self.weight = _unit(np.stack([part.mean(0) for part in np.split(rows, ends[:-1])]))

    def scores(self, pictures):
        """Cosines of the pictures' rows with each class: (N, E) → (N, K)."""
        pictures = np.asarray(pictures)
        if pictures.ndim != 2 or pictures.shape[1] != self.weight.shape[1]:
            raise ValueError(
                f"ZeroShotClassifier: pictures: expected (N, {self.weight.shape[1]}), got {pictures.shape}"
            )
        return _unit(pictures) @ self.weight.T

    def classify(self, pictures):
        """Numbers of the likeliest classes, in the order of ``classes``: (N, E) → (N,)."""
        return self.scores(pictures).argmax(1)


def _unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
