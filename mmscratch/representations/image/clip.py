"""CLIP: a picture and its caption meet in one space (Radford et al., 2021).

model = CLIP.from_state_dict(state)                  weights of OpenAI's release, under their own names
image = model.encode_image(preprocess(pictures))     (B, E)
text = model.encode_text(ids)                        (B, E); ids of data.tokenizers.CLIPBPE.encode_batch
per_image, per_text = model(pixels, ids)             exp(τ) · cos of every picture with every text
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

import numpy as np
from PIL import Image

from ... import nn, ops
from ...autograd import no_grad
from ...data.image import normalize, to_float
from ...nn import init
from ...tensor import Tensor
from ..blank import Blank
from ..features import Features
from .vit import Transformer, VisionTransformer

__all__ = ["CLIP", "CLIPConfig", "MEAN", "STD", "preprocess"]

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of each channel of CLIP's training pictures, in [0, 1]."""


@dataclasses.dataclass(frozen=True)
class CLIPConfig:
    """Sizes of both towers; the defaults are ViT-B/32.

    vision_heads   None: one for every 64 of vision_width, as in all published models
    """

    embed_dim: int = 512
    image_resolution: int = 224
    vision_layers: int = 12
    vision_width: int = 768
    vision_patch_size: int = 32
    context_length: int = 77
    vocab_size: int = 49408
    transformer_width: int = 512
    transformer_heads: int = 8
    transformer_layers: int = 12
    vision_heads: int | None = None

    @property
    def heads(self):
        """Of the image tower."""
        return self.vision_heads or max(1, self.vision_width // 64)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, np.ndarray]) -> CLIPConfig:
        """The sizes that arrays under OpenAI's names have; one head for every 64 of a width.

        Errors     KeyError naming an entry that is missing
        """
        wanted = (
            "visual.conv1.weight", "visual.positional_embedding", "token_embedding.weight",
            "positional_embedding", "text_projection",
        )  # fmt: skip
        for name in wanted:
            if name not in state:
                raise KeyError(f"CLIP: {name} is not among the weights; has the image tower no ViT?")
        width, _, _, patch = state["visual.conv1.weight"].shape
        grid = round((len(state["visual.positional_embedding"]) - 1) ** 0.5)
        vocabulary, text_width = state["token_embedding.weight"].shape
        return cls(
            embed_dim=state["text_projection"].shape[1],
            image_resolution=grid * patch,
            vision_layers=_count(state, r"visual\.transformer\.resblocks\.(\d+)\."),
            vision_width=width,
            vision_patch_size=patch,
            context_length=len(state["positional_embedding"]),
            vocab_size=vocabulary,
            transformer_width=text_width,
            transformer_heads=max(1, text_width // 64),
            transformer_layers=_count(state, r"transformer\.resblocks\.(\d+)\."),
        )

    def parameters(self) -> int:
        """How many numbers both towers learn: 151,277,313 for ViT-B/32."""

        def tower(width, layers):  # norms, attention, network of each block; one norm after them
            return layers * (4 * width + 4 * width * (width + 1) + 8 * width * width + 5 * width) + 2 * width

        d, w, e = self.vision_width, self.transformer_width, self.embed_dim
        places = 1 + (self.image_resolution // self.vision_patch_size) ** 2
        vision = 3 * d * self.vision_patch_size**2 + d + places * d + 2 * d + d * e
        text = (self.vocab_size + self.context_length) * w + w * e
        return vision + tower(d, self.vision_layers) + text + tower(w, self.transformer_layers) + 1


class CLIP(nn.Module):
    """Two towers and a temperature.

    Forward    i = ViT(image), t = LN(Transformer(W[ids] + P))_end W_t, where "end" is the place of the
               greatest id, <|endoftext|>;  S = exp(τ) · î t̂ᵀ with rows of length 1
    Shapes     image (B, 3, R, R), ids (C, T) → S (B, C), Sᵀ (C, B)
    Errors     ValueError naming the argument whose shape does not fit
    Begins     τ = ln(1/0.07), word table ~ N(0, 0.02²), text positions ~ N(0, 0.01²); Radford et al., §2.5
    Source     Radford et al., 2021, fig. 3
    """

    def __init__(self, config=None, *, generator=None):
        self.config = c = CLIPConfig() if config is None else config
        self.visual = VisionTransformer(
            c.image_resolution, c.vision_patch_size, c.vision_width, c.vision_layers, c.heads, c.embed_dim,
            generator=generator,
        )  # fmt: skip
        width = c.transformer_width
        self.transformer = Transformer(
            width, c.transformer_layers, c.transformer_heads, causal=True, generator=generator
        )
        self.token_embedding = nn.Embedding(c.vocab_size, width, generator=Blank())
        self.positional_embedding = nn.Parameter(np.zeros((c.context_length, width), np.float32))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(np.zeros((width, c.embed_dim), np.float32))
        self.logit_scale = nn.Parameter(np.full((), np.log(1 / 0.07), np.float32))
        init.normal_(self.token_embedding.weight, std=0.02, generator=generator)
        init.normal_(self.positional_embedding, std=0.01, generator=generator)
        init.normal_(self.text_projection, std=width**-0.5, generator=generator)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, np.ndarray]) -> CLIP:
        """The network of OpenAI's weights, of whatever size, in evaluation mode.

        Errors     KeyError, ValueError naming what is missing, too many, or of another shape
        """
        sizes = (
            "input_resolution",
            "context_length",
            "vocab_size",
        )  # numbers that the release has beside them
        state = {name: array for name, array in state.items() if name not in sizes}
        model = cls(CLIPConfig.from_state_dict(state), generator=Blank())
        model.load_state_dict(state)
        return model.eval()

    def encode_image(self, image):
        """image (B, 3, R, R), preprocessed → (B, E); not yet of length 1."""
        return self.visual(image)

    def encode_text(self, ids, tokens=False):
        """ids (B, T), filled up with 0 → (B, E); with ``tokens`` the vectors of all places, (B, T, D)."""
        if ids.ndim != 2 or ids.shape[1] > self.config.context_length:
            raise ValueError(
                f"CLIP: ids has shape {tuple(ids.shape)}, expected (B, T) with T at most "
                f"{self.config.context_length}"
            )
        x = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        x = self.ln_final(self.transformer(x))
        if tokens:
            return x
        ids = ids.numpy() if isinstance(ids, Tensor) else np.asarray(ids)
        b, t = ids.shape
        end = np.arange(b) * t + ids.argmax(axis=1)
        return ops.take(ops.reshape(x, shape=(b * t, -1)), end) @ self.text_projection

    def forward(self, image, ids):
        image, text = ops.normalize(self.encode_image(image)), ops.normalize(self.encode_text(ids))
        per_image = ops.exp(self.logit_scale) * (image @ text.T)
        return per_image, per_image.T

    def features(self, pictures: Iterable[np.ndarray], batch_size: int = 32) -> Features:
        """Pictures, uint8 (H, W, 3) each, as their patches' vectors: Features (B, (R/p)², D)."""
        pixels = preprocess(pictures, self.config.image_resolution)
        found = []
        with no_grad():
            for i in range(0, len(pixels), batch_size):
                y = self.visual(Tensor(pixels[i : i + batch_size]), tokens=True)
                found.append(np.array(y.numpy()[:, 1:]))
        values = np.concatenate(found)
        return Features(values, np.ones(values.shape[:2], bool))


def preprocess(pictures: Iterable[np.ndarray], size: int = 224) -> np.ndarray:
    """Pictures as CLIP was shown them.

    Forward    the shorter side to ``size`` by Pillow's bicubic filter (the longer one in proportion, rounded
               down), the centre cut out, (x / 255 − mean) / std for each channel
    Shapes     B pictures, uint8 (H, W, 3) each → (B, 3, size, size) float32
    Errors     ValueError naming the picture that is something else, or where there is none
    """
    cut = [_cut(number, np.asarray(picture), size) for number, picture in enumerate(pictures)]
    if not cut:
        raise ValueError("preprocess: pictures: expected at least one, got none")
    return normalize(to_float(np.stack(cut)), MEAN, STD)


def _cut(number, picture, size):
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ValueError(
            f"preprocess: pictures[{number}]: expected uint8 (H, W, 3), got {picture.dtype} {picture.shape}"
        )
    height, width = picture.shape[:2]
    short = min(height, width)
    height, width = (size if n == short else int(size * n / short) for n in (height, width))
    if (height, width) != picture.shape[:2]:
        resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
        picture = np.asarray(resized)
    # Python's round, as torchvision's CenterCrop has it: half a pixel goes to the even one
    top, left = round((height - size) / 2), round((width - size) / 2)
    return picture[top : top + size, left : left + size]


def _count(state, pattern):
    numbers = [int(match.group(1)) for name in state if (match := re.match(pattern, name))]
    if not numbers:
        raise KeyError(f"CLIP: no entry is named {pattern}".replace("\\", ""))
    return 1 + max(numbers)
