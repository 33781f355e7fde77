"""The caption models by name, so that a setting chooses one: ``mmscratch train caption --set model=…``.

nic-input     one vector, read as the first word                  Vinyals et al., 2015
nic-state     one vector, where the state begins                  Vinyals et al., 2015; Xu et al., 2015
soft          soft attention, additive scores                     Xu et al., 2015
soft-dot      soft attention, scores an inner product             Luong et al., 2015
top-down      two LSTMs, one that looks and one that speaks       Anderson et al., 2018
transformer   attention to words and regions, nothing recurs      Vaswani et al., 2017
"""

from .captioner import AttentionCaptioner
from .nic import NICDecoder
from .top_down import TopDownCaptioner
from .transformer_captioner import TransformerCaptioner

__all__ = ["CAPTION_MODELS", "build_captioner"]

CAPTION_MODELS = {
    "nic-input": (NICDecoder, {"init": "input"}, ("embedding", "layers")),
    "nic-state": (NICDecoder, {"init": "state"}, ("embedding", "layers")),
    "soft": (AttentionCaptioner, {}, ("embedding", "attention", "query")),
    "soft-dot": (AttentionCaptioner, {"score": "dot"}, ("embedding", "attention", "query")),
    "top-down": (TopDownCaptioner, {}, ("embedding", "attention")),
    "transformer": (TransformerCaptioner, {}, ("layers", "heads")),
}
"""name → class, options that the name fixes, which sizes and options it takes besides the common ones."""


def build_captioner(name, vocabulary_size, region_size, hidden=128, embedding=64, attention=64, dropout=0.0,
                    query="current", layers=None, heads=4, generator=None):  # fmt: skip
    """The caption model of a name, with those of the sizes and options that it has.

    All take hidden and dropout; nic-… embedding and layers; soft… embedding, attention and query; top-down
    embedding and attention; transformer layers and heads (its words are as wide as its hidden vectors).
    layers None: as many as the model has unless told (NIC 1, the Transformer 2).
    Errors     ValueError for an unknown name, saying the known ones, and as the model's own
    """
    if name not in CAPTION_MODELS:
        raise ValueError(f"model: expected one of {', '.join(CAPTION_MODELS)}, got {name!r}")
    model, fixed, taken = CAPTION_MODELS[name]
    given = {"embedding": embedding, "attention": attention, "query": query, "layers": layers, "heads": heads}
    options = {option: given[option] for option in taken if given[option] is not None} | fixed
    return model(vocabulary_size, region_size, hidden, dropout=dropout, generator=generator, **options)
