"""Which part of one modality belongs to which part of another: words and objects, sounds and frames.

Explicit, where the alignment itself is sought:

    lexicon      rules of a knowledge base: "red" is an interval of hues            and of shape tests
    warping      dynamic time warping, the cheapest monotone path                   Sakoe & Chiba, 1978
    soft_warping the same with a soft minimum, so with a gradient                   Cuturi & Blondel, 2017
    ctc          all monotone labellings of frames: loss, decoding, forced paths    Graves et al., 2006

Implicit, where it is a latent by-product of something else that is learnt:

    ibm1         words as translations of attributes, by EM                         Brown et al., 1993
    transport    entropic optimal transport                                         Cuturi, 2013
    fragments    parts of pictures and sentences that score their pair              Karpathy et al., 2014
    attention    weights that a trained model looks with, as an alignment           (an adapter)

(The other usage calls explicit what works by rules and implicit what is learnt; then warping and CTC lie
between.) All give weights (J, I) of units j of one side on units i of the other; ``links`` makes links of
them, and ``metrics.alignment`` judges all on one scale.
"""

from ..lazy import names

_HOME = {
    "Fragments": "fragments",
    "KNOWLEDGE": "lexicon",
    "Lexicon": "lexicon",
    "IBM1": "ibm1",
    "STEPS": "warping",
    "Warp": "warping",
    "band": "warping",
    "collapsed": "ctc",
    "ctc_greedy": "ctc",
    "ctc_loss": "ctc",
    "ctc_occupancy": "ctc",
    "ctc_prefix_beam": "ctc",
    "dtw": "warping",
    "forced_alignment": "ctc",
    "fragment_loss": "fragments",
    "fragment_scores": "fragments",
    "grouped": "links",
    "links_above": "links",
    "map_weights": "attention",
    "measured": "lexicon",
    "normalised": "links",
    "parallelogram": "warping",
    "path_links": "warping",
    "Plan": "transport",
    "sinkhorn": "transport",
    "sinkhorn_cost": "transport",
    "ranking_loss": "fragments",
    "soft_alignment": "soft_warping",
    "soft_dtw": "soft_warping",
    "squared_distances": "warping",
    "symmetrised": "links",
    "with_null": "transport",
    "word_weights": "fragments",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
