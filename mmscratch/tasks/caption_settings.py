"""What ``--set`` may change of a captioning run."""

import dataclasses

from ..models.scene_cnn import SceneCNN
from .caption_features import NETWORKS
from .run import check_settings

__all__ = ["CaptionSettings"]

_CHOICES = {
    "encoder": ("auto", "frozen", "boxes", "finetune", "scratch", *NETWORKS),
    "query": ("current", "previous"),
}


@dataclasses.dataclass
class CaptionSettings:
    """What ``--set`` may change, with its defaults.

    encoder    frozen: the shipped scene network, its best ``regions`` cells; boxes: the shipped detector, its
               best ``regions`` boxes; finetune: the scene network is trained too, all cells; scratch: from
               random weights; auto: frozen for scenes, finetune for other pictures; vgg16, vgg16-keras,
               resnet18, resnet50: a published network's last grid, computed once and kept on disk
    weights    of a published network: the file, as its publisher has it
    query      current: the state that has heard the last word asks; previous: the paper's order
    attention_supervision    weight of the loss that points attention at the object a word mentions
                             (scenes, and not of a published network's grid)
    """

    steps: int = 1500
    batch_size: int = 128
    lr: float = 4e-3
    weight_decay: float = 0.0
    hidden: int = 128
    embedding: int = 64
    attention: int = 64
    dropout: float = 0.0
    query: str = "current"
    encoder: str = "auto"
    weights: str = ""
    regions: int = 8
    attention_supervision: float = 1.0
    doubly_stochastic: float = 0.0
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
            self, "steps", "batch_size", "hidden", "embedding", "attention", "regions", "min_count"
        )
        if bool(self.weights) != (self.encoder in NETWORKS):
            wanted = "a file of weights" if self.encoder in NETWORKS else "none"
            raise ValueError(f"weights: encoder {self.encoder!r} takes {wanted}, got {self.weights!r}")
        if self.regions > SceneCNN.GRID**2:
            raise ValueError(f"regions: expected at most {SceneCNN.GRID**2}, got {self.regions}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: expected 0 ≤ p < 1, got {self.dropout}")
