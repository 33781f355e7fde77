"""What ``--set`` may change of a captioning run."""

import dataclasses

from ...models import scheduled_sampling as schedules
from ...models.caption_models import CAPTION_MODELS
from ...models.scene_cnn import SceneCNN
from ..features.grids import NETWORKS
from ..run import check_settings

__all__ = ["CaptionSettings"]

_CHOICES = {
    "encoder": ("auto", "frozen", "boxes", "finetune", "scratch", *NETWORKS),
    "model": tuple(CAPTION_MODELS),
    "query": ("current", "previous"),
    "scheduled_sampling": ("none", "linear", "exponential", "inverse-sigmoid"),
}


@dataclasses.dataclass
class CaptionSettings:
    """What ``--set`` may change, with its defaults.

    model      the decoder: see ``models.caption_models``
    encoder    frozen: the shipped scene network, its best ``regions`` cells; boxes: the shipped detector, its
               best ``regions`` boxes; finetune: the scene network is trained too, all cells; scratch: from
               random weights; auto: frozen for scenes, finetune for other pictures; vgg16, vgg16-keras,
               resnet18, resnet50: a published network's last grid, computed once and kept on disk
    weights    of a published network: the file, as its publisher has it
    scale_regions    every feature of the regions with mean 0 and deviation 1 over the training pictures (of a
               frozen encoder): models that look at their mean alone, nic-…, need it
    query      current: the state that has heard the last word asks; previous: the paper's order
    attention_supervision    weight of the loss that points attention at the object a word mentions
                             (scenes, and not of a published network's grid)
    layers, heads            of the models that have several; layers 0: as many as the model has unless told
    label_smoothing          ε, spread over all words
    unigram_bias             begin with each word as likely as it is in the training captions
    scheduled_sampling       none: teacher forcing; linear, exponential, inverse-sigmoid: more and more of the
                             model's own words are fed back, own_words of them in the last step
    hard_reward, hard_entropy    of the model "hard": λ_r and λ_e
    half_sampling            of the same: with probability ½ a caption has expectations instead of samples
    """

    model: str = "soft"
    steps: int = 1500
    batch_size: int = 128
    lr: float = 4e-3
    weight_decay: float = 0.0
    hidden: int = 128
    embedding: int = 64
    attention: int = 64
    layers: int = 0
    heads: int = 4
    dropout: float = 0.0
    query: str = "current"
    encoder: str = "auto"
    weights: str = ""
    regions: int = 8
    scale_regions: bool = False
    attention_supervision: float = 1.0
    doubly_stochastic: float = 0.0
    label_smoothing: float = 0.0
    unigram_bias: bool = False
    scheduled_sampling: str = "none"
    own_words: float = 0.25
    hard_reward: float = 1.0
    hard_entropy: float = 0.01
    half_sampling: bool = True
    clip: float = 5.0
    min_count: int = 1
    validate_every: int = 500
    patience: int = 0
    checkpoint_every: int = 500

    def for_data(self, data):
        """These settings with ``auto`` decided."""
        if self.encoder != "auto":
            return self
        return dataclasses.replace(self, encoder="frozen" if data.startswith("scenes") else "finetune")

    def __post_init__(self):
        for key, allowed in _CHOICES.items():
            if getattr(self, key) not in allowed:
                raise ValueError(f"{key}: expected {' or '.join(allowed)}, got {getattr(self, key)!r}")
        check_settings(
            self, "steps", "batch_size", "hidden", "embedding", "attention", "heads", "regions", "min_count"
        )  # fmt: skip
        if bool(self.weights) != (self.encoder in NETWORKS):
            wanted = "a file of weights" if self.encoder in NETWORKS else "none"
            raise ValueError(f"weights: encoder {self.encoder!r} takes {wanted}, got {self.weights!r}")
        if self.regions > SceneCNN.GRID**2:
            raise ValueError(f"regions: expected at most {SceneCNN.GRID**2}, got {self.regions}")
        if self.scale_regions and self.encoder in ("finetune", "scratch"):
            raise ValueError(f"scale_regions: needs a frozen encoder, got encoder {self.encoder!r}")
        if self.layers < 0:
            raise ValueError(f"layers: expected at least 0, got {self.layers}")
        for key in ("dropout", "label_smoothing"):
            if not 0 <= getattr(self, key) < 1:
                raise ValueError(f"{key}: expected 0 ≤ p < 1, got {getattr(self, key)}")
        if not 0 < self.own_words <= 1:
            raise ValueError(f"own_words: expected 0 < p ≤ 1, got {self.own_words}")
        if self.model == "hard" and self.scheduled_sampling != "none":
            raise ValueError("scheduled_sampling: model 'hard' has samples of its own; expected none")

    def epsilon(self, step):
        """How much of what is fed back is the reference's at this step, from 1 to 1 − own_words."""
        if self.scheduled_sampling == "none":
            return 1.0
        last, least = max(self.steps - 1, 1), 1 - self.own_words
        if self.scheduled_sampling == "linear":
            return schedules.linear(step, self.own_words / last, least=least)
        least = max(least, 0.01)  # neither of these reaches 0
        if self.scheduled_sampling == "exponential":
            return schedules.exponential(step, least ** (1 / last))
        return schedules.inverse_sigmoid(step, _falls_to(least, last))


def _falls_to(least, last):
    """k ≥ 1 with which the inverse sigmoid is at ``least`` in step ``last``, by bisection."""
    low, high = 1.0, float(max(last, 2))
    for _ in range(60):
        k = (low + high) / 2
        low, high = (low, k) if schedules.inverse_sigmoid(last, k) > least else (k, high)
    return low
