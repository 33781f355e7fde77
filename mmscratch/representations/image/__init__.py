"""Pictures as vectors.

CLIP.from_state_dict(state).features(pictures)     patches of a Vision Transformer, Features (B, N, D)
"""

from ...lazy import names

_HOME = {
    "CLIP": "clip",
    "CLIPConfig": "clip",
    "VisionTransformer": "vit",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
