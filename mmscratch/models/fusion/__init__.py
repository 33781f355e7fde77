"""Fusion: several modalities to one vector. One file a method, one interface, one list of names.

    fuse = make("low-rank", sizes=(8, 6), hidden=16, generator=Generator(0))
    h = fuse(first, second, masks=(None, mask), present=present)            # (B, 16)

The words as the literature has them (Baltrušaitis et al., 2019): early joins inputs, intermediate joins
features, late joins decisions, hybrid does both at once. Surveys that say "late" of joined features mean
intermediate.
"""

from functools import partial

from .adaptation_gate import AdaptationGate
from .adaptive import ModalityAttention
from .base import Fusion, Paired, lookup
from .bilinear import MCB, MLB, MUTAN
from .cross_modal import CrossModalFusion
from .early import EarlyFusion
from .experts import MixtureOfExperts
from .film import FiLM
from .gated import GatedUnit
from .hybrid import HybridFusion
from .intermediate import IntermediateFusion
from .late import ProductOfExperts, Stacking, WeightedPosteriors
from .low_rank import LowRankFusion
from .multi_level import CentralNetwork
from .multiplicative import MultiplicativeInteraction
from .tensor_fusion import TensorFusion

__all__ = ["FUSIONS", "Fusion", "make"]

FUSIONS = {
    "early": EarlyFusion,
    "late-weighted": WeightedPosteriors,
    "late-product": ProductOfExperts,
    "late-stacking": Stacking,
    "intermediate": IntermediateFusion,
    "hybrid": HybridFusion,
    "tensor": TensorFusion,
    "low-rank": LowRankFusion,
    "bilinear": partial(Paired, MultiplicativeInteraction),
    "mlb": partial(Paired, MLB),
    "mutan": partial(Paired, MUTAN),
    "mcb": partial(Paired, MCB),
    "gated": GatedUnit,
    "mag": AdaptationGate,
    "film": partial(Paired, FiLM),
    "mult": CrossModalFusion,
    "attention": ModalityAttention,
    "experts": MixtureOfExperts,
    "multi-level": CentralNetwork,
}
"""Name → function of (sizes, hidden, generator=, the method's options)."""


def make(name, sizes, hidden, generator=None, **options):
    """The fusion of that name: of late ones and hybrid, ``hidden`` is the number of classes.

    Errors     ValueError for an unknown name, telling those there are
    """
    return lookup(FUSIONS, "fusion", name)(sizes, hidden, generator=generator, **options)
