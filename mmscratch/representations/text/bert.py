"""BERT: a deep bidirectional Transformer, and the two heads that it is pretrained with (Devlin et al., 2019).

    model = BertForPreTraining(BertConfig(vocab_size=len(tokenizer), hidden_size=64), generator=Generator(0))
    words, scores = model(ids, segments, mask)

Unlike Word2Vec's, its vectors depend on the sentence: "left" is one thing in "left of" and another in "left
the room". Names and defaults of the configuration are those of a published config.json.
"""

from __future__ import annotations

import dataclasses
import functools
import os

import numpy as np

from ... import nn, ops
from ...data.errors import DataError
from ...data.files import read_json
from ...nn import init
from ...random import Generator, default_generator
from ..blank import Blank

__all__ = ["BERT", "BertConfig", "BertForPreTraining", "begin"]

ACTIVATIONS = {
    "gelu": ops.gelu,
    "gelu_new": functools.partial(ops.gelu, approximate="tanh"),
    "gelu_pytorch_tanh": functools.partial(ops.gelu, approximate="tanh"),
    "relu": ops.relu,
}
MAX_CONFIG_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """Sizes of a BERT; the defaults are BERT-base, uncased.

    Errors     ValueError naming the entry, what came and what was expected
    """

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, int) and (
                isinstance(value, bool) or not isinstance(value, int) or value < 1
            ):
                raise ValueError(f"BertConfig: {field.name}: expected a positive integer, got {value!r}")
            if isinstance(field.default, float) and not (
                isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1
            ):
                raise ValueError(f"BertConfig: {field.name}: expected a number in [0, 1), got {value!r}")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"BertConfig: num_attention_heads: {self.num_attention_heads} must divide "
                f"hidden_size {self.hidden_size} evenly"
            )
        if self.hidden_act not in ACTIVATIONS:
            raise ValueError(
                f"BertConfig: hidden_act: expected one of {', '.join(ACTIVATIONS)}, got {self.hidden_act!r}"
            )

    @classmethod
    def from_json(cls, path: str | os.PathLike) -> BertConfig:
        """From a published config.json; what it has beyond the fields above does not change the network.

        Errors     DataError for a file that is none, or of a network that is no BERT
        """
        record = read_json(path, MAX_CONFIG_BYTES, dict)
        if record.get("model_type", "bert") != "bert":
            raise DataError(path, f"'model_type' is {record['model_type']!r}, expected 'bert'")
        if record.get("position_embedding_type", "absolute") != "absolute":
            raise DataError(
                path, f"'position_embedding_type' is {record['position_embedding_type']!r}, not 'absolute'"
            )
        if record.get("is_decoder") or record.get("add_cross_attention"):
            raise DataError(path, "describes a decoder, an encoder was expected")
        known = {field.name for field in dataclasses.fields(cls)}
        try:
            return cls(**{key: value for key, value in record.items() if key in known})
        except ValueError as error:
            raise DataError(path, str(error)) from None

    def parameters(self, pooler: bool = True) -> int:
        """How many numbers the encoder learns: 109,482,240 for BERT-base."""
        d, f = self.hidden_size, self.intermediate_size
        tables = (self.vocab_size + self.max_position_embeddings + self.type_vocab_size) * d + 2 * d
        layer = 4 * (d * d + d) + (d * f + f) + (f * d + d) + 2 * 2 * d
        return tables + self.num_hidden_layers * layer + (d * d + d if pooler else 0)


class BertEmbeddings(nn.Module):
    """What a token is, where it stands, and to which of two sentences it belongs, added.

    Forward    x_t = LN(W[id_t] + P[t] + S[segment_t])
    Shapes     ids, segments (B, T) integers → x (B, T, D)
    Errors     ValueError where T exceeds the positions that there are
    Source     Devlin et al., 2019, fig. 2
    """

    def __init__(self, config, generator):
        d = config.hidden_size
        self.word = nn.Embedding(config.vocab_size, d, generator=generator)
        self.position = nn.Embedding(config.max_position_embeddings, d, generator=generator)
        self.segment = nn.Embedding(config.type_vocab_size, d, generator=generator)
        self.norm = nn.LayerNorm(d, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob, generator=generator)

    def forward(self, ids, segments=None):
        if ids.ndim != 2:
            raise ValueError(f"BERT: ids has shape {tuple(ids.shape)}, expected (B, T)")
        b, t = ids.shape
        if t > self.position.num_embeddings:
            raise ValueError(
                f"BERT: ids has shape {(b, t)}, but there are {self.position.num_embeddings} positions"
            )
        if segments is None:
            rows = self.segment.weight[0]
        elif tuple(segments.shape) != (b, t):
            raise ValueError(f"BERT: segments has shape {tuple(segments.shape)}, expected {(b, t)} as ids")
        else:
            rows = self.segment(segments)
        return self.dropout(self.norm(self.word(ids) + self.position.weight[:t] + rows))


class BertLayer(nn.TransformerEncoderLayer):
    """One block: attention to both sides, then a network at each position; the norms after the residuals.

    Forward    a = LN(x + drop(attention(x, x, x)));  y = LN(a + drop(W₂ GELU(W₁ a + b₁) + b₂))
    Shapes     x (B, T, D), hidden (B, T) bool, True at padding → y (B, T, D), weights (B, G, T, T)
    Source     Vaswani et al., 2017, §3.1; Devlin et al., 2019, §3. GELU is the exact one, with erf.
    """

    def __init__(self, config, generator):
        super().__init__(
            config.hidden_size, config.num_attention_heads, config.intermediate_size,
            config.hidden_dropout_prob, ACTIVATIONS[config.hidden_act], config.layer_norm_eps,
            batch_first=True, generator=generator,
        )  # fmt: skip
        self.self_attn.dropout = float(config.attention_probs_dropout_prob)
        self.dropout = nn.Dropout(0.0)  # BERT drops nothing between W₁ and W₂

    def forward(self, x, hidden=None):
        attended, weights = self.self_attn(
            x, x, x, key_padding_mask=hidden, average_attn_weights=False
        )  # fmt: skip
        a = self.norm1(x + self.dropout1(attended))
        return self.norm2(a + self.dropout2(self.linear2(self.activation(self.linear1(a))))), weights


class BERT(nn.Module):
    """The encoder: embeddings, L blocks, and the pooler, tanh of an affine map of the first token's vector.

    Forward    x⁰ = embeddings;  xˡ = block_l(xˡ⁻¹);  pooled = tanh(W x^L_0 + b)
    Shapes     ids (B, T), segments (B, T) in {0, 1}, mask (B, T) bool, True where a token is
               → x (B, T, D), pooled (B, D), None without a pooler;
               with ``trace``: also the L + 1 x, and the L attention weights (B, G, T, T)
    Errors     ValueError naming the argument whose shape does not fit
    Begins     matrices and tables ~ N(0, 0.02²), biases 0, norms 1 and 0
    """

    def __init__(self, config=None, pooler=True, *, generator=None):
        self.config = config = BertConfig() if config is None else config
        blank = Blank()
        self.embeddings = BertEmbeddings(config, blank)
        self.layers = nn.ModuleList(BertLayer(config, blank) for _ in range(config.num_hidden_layers))
        d = config.hidden_size
        self.pooler = nn.Linear(d, d, activation="tanh", generator=blank) if pooler else None
        begin(self, config.initializer_range, generator)

    def forward(self, ids, segments=None, mask=None, trace=False):
        x = self.embeddings(ids, segments)
        if mask is not None and tuple(mask.shape) != tuple(ids.shape):
            raise ValueError(f"BERT: mask has shape {tuple(mask.shape)}, expected {tuple(ids.shape)} as ids")
        hidden = None if mask is None else ops.logical_not(mask)
        states, weights = [x], []
        for layer in self.layers:
            x, w = layer(x, hidden)
            if trace:
                states.append(x)
                weights.append(w)
        pooled = None if self.pooler is None else self.pooler(x[:, 0])
        return (x, pooled, states, weights) if trace else (x, pooled)


class MaskedWords(nn.Module):
    """Which token was here? The table of the embeddings is used once more, transposed.

    Forward    logits = LN(GELU(W x + b)) Eᵀ + c,  E the table of word embeddings, c a bias for each token
    Shapes     x (…, D), table (V, D) → logits (…, V)
    Source     Devlin et al., 2019, §3.1 (task 1); tied tables: Press & Wolf, 2017
    """

    def __init__(self, config, generator):
        d = config.hidden_size
        self.dense = nn.Linear(d, d, generator=generator)
        self.norm = nn.LayerNorm(d, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(np.zeros(config.vocab_size, np.float32))
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, x, table):
        return ops.linear(self.norm(self.activation(self.dense(x))), table, self.bias)


class BertForPreTraining(nn.Module):
    """BERT with its two questions: which tokens were masked, and does the second sentence follow the first?

    Forward    words = MaskedWords(x);  follows = W pooled + b, class 0: it follows, class 1: it does not
    Shapes     ids, segments, mask (B, T); at (M,) flat places b·T + t, or None for all
               → words (M, V) or (B, T, V), follows (B, 2)
    """

    def __init__(self, config=None, *, generator=None):
        blank = Blank()
        self.bert = BERT(config, generator=generator)
        self.config = config = self.bert.config
        self.words = MaskedWords(config, blank)
        self.follows = nn.Linear(config.hidden_size, 2, generator=blank)
        begin(self.words, config.initializer_range, generator)
        begin(self.follows, config.initializer_range, generator)

    def forward(self, ids, segments=None, mask=None, at=None):
        x, pooled = self.bert(ids, segments, mask)
        if at is not None:
            x = ops.take(ops.reshape(x, shape=(-1, x.shape[-1])), at)
        return self.words(x, self.bert.embeddings.word.weight), self.follows(pooled)

    def loss(self, words, follows, targets, second):
        """Mean cross entropy over the masked tokens plus that over the pairs (Devlin et al., 2019, A.2).

        Shapes     words (M, V), follows (B, 2), targets (M,), second (B,) → ()
        """
        return ops.cross_entropy(words, targets) + ops.cross_entropy(follows, second)


def begin(model, std, generator: Generator | None):
    """Draw matrices and tables from N(0, std²); from now on dropout draws from ``generator``."""
    generator = default_generator if generator is None else generator
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.MultiheadAttention):
            init.normal_(module.in_proj_weight, std=std, generator=generator)
        if isinstance(module, nn.MultiheadAttention | nn.Dropout):
            module.generator = generator
    return model
