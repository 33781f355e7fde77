"""Small Transformers whose weights follow from a seed, so that goldens hold outputs and gradients alone."""

import numpy as np

BERT = {
    "vocab_size": 23,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 9,
}
CLIP = {
    "embed_dim": 6,
    "image_resolution": 12,
    "vision_layers": 2,
    "vision_width": 8,
    "vision_patch_size": 4,
    "context_length": 7,
    "vocab_size": 15,
    "transformer_width": 8,
    "transformer_heads": 2,
    "transformer_layers": 2,
    "vision_heads": 2,
}


def drawn(shapes, seed):
    """name → shape: float64 arrays, norms near 1, the rest N(0, 0.4²); in the order of the names."""
    random = np.random.default_rng(seed)
    state = {}
    for name in sorted(shapes):
        array = np.asarray(0.4 * random.standard_normal(shapes[name]))
        norm = name.endswith("weight") and any(part in name.lower() for part in ("norm", "ln_"))
        state[name] = 1 + 0.5 * array if norm else array
    return state


def bert_inputs():
    """ids, segments (3, 8), mask (3, 8): one sentence without padding, two with.

    Without the number 0: transformers gives the vector of [PAD] no gradient, the paper's model does.
    """
    random = np.random.default_rng(5)
    ids, segments = random.integers(1, BERT["vocab_size"], (3, 8)), random.integers(0, 2, (3, 8))
    return ids, segments, np.arange(8) < np.array([[8], [5], [3]])


def clip_inputs():
    """image (2, 3, 12, 12), ids (3, 7): after the greatest id comes padding, and an end mark again."""
    random = np.random.default_rng(6)
    ids = np.array([[13, 4, 5, 14, 0, 0, 0], [13, 14, 2, 14, 0, 0, 0], [13, 1, 2, 3, 4, 5, 14]])
    return random.standard_normal((2, 3, 12, 12)), ids


def waves(shape):
    """cos(0, 1, 2 …): what outputs are multiplied with before they are added up to a loss."""
    return np.cos(np.arange(np.prod(shape), dtype=np.float64)).reshape(shape)
