"""How parameters move: optimizers, and schedules for the learning rate."""

from .optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, clip_grad_norm_
from .schedules import (
    CosineAnnealingLR,
    LambdaLR,
    LinearWarmup,
    OneCycleLR,
    ReduceLROnPlateau,
    Schedule,
    StepLR,
)

__all__ = [
    "SGD", "Adagrad", "Adam", "AdamW", "CosineAnnealingLR", "LambdaLR", "LinearWarmup", "OneCycleLR",
    "Optimizer", "ReduceLROnPlateau", "Schedule", "StepLR", "clip_grad_norm_",
]  # fmt: skip
