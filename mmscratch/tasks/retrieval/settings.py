"""What ``--set`` may change of a retrieval run."""

import dataclasses

from ...models.retrieval_losses import LOSSES
from ...models.scan import DIRECTIONS, POOLINGS, RECTIFIERS
from ...models.text_towers import TEXT_TOWERS
from ...models.two_towers import SCORES
from ..features.grids import NETWORKS
from ..run import check_settings

__all__ = ["PAIRS", "RetrievalSettings"]

PAIRS = {
    "picture-text": ("picture", "text"),
    "sound-text": ("sound", "text"),
    "picture-sound": ("picture", "sound"),
}
"""What is asked for what: the senses of the first and of the second tower."""
REGIONS = ("regions", "boxes", *NETWORKS)
PICTURES = ("regions", "boxes", "cnn", "finetune", "vit", *NETWORKS)

_CHOICES = {
    "model": ("towers", "scan"),
    "scale_regions": ("auto", "yes", "no"),
    "direction": DIRECTIONS,
    "pooling": POOLINGS,
    "rectifier": tuple(RECTIFIERS),
    "pair": tuple(PAIRS),
    "text": TEXT_TOWERS,
    "picture": PICTURES,
    "loss": tuple(LOSSES),
    "score": tuple(SCORES),
    "several": ("share", "mask"),
}


@dataclasses.dataclass
class RetrievalSettings:
    """What ``--set`` may change, with its defaults.

    model      towers; scan: stacked cross attention of regions and words (read by a GRU both ways), which
               takes no text, hidden, layers, heads, dropout, bidirectional, score, queue, momentum
    pair       picture-text, sound-text or picture-sound (sounds: of the scenes alone)
    text       lstm, gru, transformer, bow: the text tower
    picture    regions: the ``regions`` cells of the shipped scene network that most likely hold an object;
               boxes: those of the shipped detector; cnn: from pixels, with random weights; finetune: the same
               beginning with the scene network's; vit: a small Vision Transformer from pixels; vgg16,
               vgg16-keras, resnet18, resnet50: a published network's last grid, computed once, kept on disk
    weights    of a published network: the file, as its publisher has it
    loss       sum, hardest (VSE++), infonce (CLIP), siglip
    score      cosine, or order (order embeddings: with loss=sum, margin=0.05 as in the paper)
    margin     of sum and hardest; warmup: in so many steps the hardest negative takes over from the mean
    temperature    where infonce begins
    several    further positives of a batch, the same picture or the same caption: share the target, or mask
    queue      0, or how many encoded pairs serve as negatives beside the batch; momentum: of the towers that
               encode them
    size       of the common space; hidden, embedding, layers, heads, dropout, bidirectional: of the towers
    direction, pooling, rectifier, smooth, sharpness    of scan, see ``models.scan``: who asks (text, image,
               both), lse | lse-mean | mean, leaky | relu, λ1 and λ2 (0: the paper's for the direction)
    scale_regions    read every feature of the regions with mean 0 and deviation 1 over the training pictures:
               auto: of scan and of published networks; yes; no
    patience   stop when so many validations in a row were not better, 0: never
    alarm      speak when the loss was blind, or all scores one, for so many steps
    """

    model: str = "towers"
    pair: str = "picture-text"
    text: str = "lstm"
    picture: str = "regions"
    loss: str = "infonce"
    score: str = "cosine"
    steps: int = 1500
    batch_size: int = 128
    lr: float = 2e-3
    weight_decay: float = 0.0
    size: int = 128
    hidden: int = 128
    embedding: int = 64
    layers: int = 1
    heads: int = 4
    dropout: float = 0.0
    bidirectional: bool = False
    regions: int = 8
    weights: str = ""
    margin: float = 0.2
    warmup: int = 300
    temperature: float = 0.07
    several: str = "share"
    queue: int = 0
    momentum: float = 0.995
    direction: str = "text"
    pooling: str = "lse"
    rectifier: str = "leaky"
    smooth: float = 0.0
    sharpness: float = 0.0
    scale_regions: str = "auto"
    clip: float = 5.0
    min_count: int = 1
    validate_every: int = 250
    patience: int = 0
    checkpoint_every: int = 500
    alarm: int = 100

    def __post_init__(self):
        for key, allowed in _CHOICES.items():
            if getattr(self, key) not in allowed:
                raise ValueError(f"{key}: expected {' or '.join(allowed)}, got {getattr(self, key)!r}")
        check_settings(
            self, "steps", "batch_size", "size", "hidden", "embedding", "layers", "heads", "regions",
            "min_count", "validate_every", "checkpoint_every", "alarm",
        )  # fmt: skip
        if self.batch_size < 2:
            raise ValueError(f"batch_size: expected at least 2, got {self.batch_size}: no negatives")
        if bool(self.weights) != (self.picture in NETWORKS):
            wanted = "a file of weights" if self.picture in NETWORKS else "none"
            raise ValueError(f"weights: picture {self.picture!r} takes {wanted}, got {self.weights!r}")
        for key in ("margin", "temperature"):
            if not getattr(self, key) > 0:
                raise ValueError(f"{key}: expected more than 0, got {getattr(self, key)}")
        for key in ("dropout", "momentum"):
            if not 0 <= getattr(self, key) < 1:
                raise ValueError(f"{key}: expected 0 ≤ p < 1, got {getattr(self, key)}")
        for key in ("warmup", "queue", "patience", "weight_decay"):
            if getattr(self, key) < 0:
                raise ValueError(f"{key}: expected at least 0, got {getattr(self, key)}")
        if self.text == "transformer" and self.hidden % self.heads:
            raise ValueError(f"heads: {self.heads} must divide hidden, {self.hidden}")
        if not 0 <= self.smooth <= 40 or not self.sharpness >= 0:
            raise ValueError(
                "smooth, sharpness: expected 0 (the paper's), smooth up to 40, sharpness above 0, "
                f"got {self.smooth} and {self.sharpness}"
            )
        if self.model == "scan":
            wanted = {"pair": ("picture-text",), "picture": REGIONS, "score": ("cosine",), "queue": (0,)}
            for key, known in wanted.items():
                if getattr(self, key) not in known:
                    raise ValueError(
                        f"{key}: model=scan takes {' or '.join(map(str, known))}, got {getattr(self, key)!r}"
                    )
        if self.score == "order" and self.loss in ("infonce", "siglip"):
            raise ValueError(f"score: order goes with loss=sum or hardest, got {self.loss!r}")

    @property
    def senses(self):
        """("picture", "text"), … of the first and the second tower."""
        return PAIRS[self.pair]

    @property
    def scaled(self):
        """Are regions scaled? Never where there are none."""
        if "picture" not in self.senses or self.picture not in REGIONS or self.scale_regions == "no":
            return False
        return self.scale_regions == "yes" or self.model == "scan" or self.picture in NETWORKS
