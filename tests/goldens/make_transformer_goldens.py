"""Freeze what PyTorch computes for a small BERT and a small CLIP: outputs and gradients, in float64.

    python tests/goldens/make_transformer_goldens.py     (needs torch, transformers; writes transformers.npz)

The weights follow from a seed (``transformer_cases.drawn``), so they are not stored. BERT is transformers'
own. CLIP is written out here in torch to the layout of OpenAI's release, and must give the same as
transformers' CLIPModel before anything is written. The loss is Σ y ⊙ cos(0, 1, …) over all outputs.
"""

import pathlib
import sys

import numpy as np
import torch
import transformers
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "representations"))
import transformer_cases as cases  # noqa: E402

OUT = HERE / "transformers.npz"


def fill(model, seed):
    """The model in float64 with the weights of a seed; shared ones by their first name."""
    model = model.double().eval()
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    state = cases.drawn(shapes, seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.from_numpy(state[name]))
    return model


def freeze(found, name, model, outputs):
    """Outputs and gradients under ``name``."""
    sum((y * torch.from_numpy(cases.waves(tuple(y.shape)))).sum() for y in outputs.values()).backward()
    found.update({f"{name}/output/{k}": y.detach().numpy() for k, y in outputs.items()})
    found.update({f"{name}/gradient/{k}": p.grad.numpy() for k, p in model.named_parameters()})


def bert(found, name, act):
    config = transformers.BertConfig(**cases.BERT, hidden_act=act)
    model = fill(transformers.BertForPreTraining(config), 1)
    ids, segments, mask = (torch.from_numpy(np.asarray(a, np.int64)) for a in cases.bert_inputs())
    inner = model.bert(ids, attention_mask=mask, token_type_ids=segments)
    words, follows = model.cls(inner.last_hidden_state, inner.pooler_output)
    outputs = {
        "x": inner.last_hidden_state,
        "pooled": inner.pooler_output,
        "words": words,
        "follows": follows,
    }
    freeze(found, name, model, outputs)


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width, heads, mask):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", QuickGELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))
        self.mask = mask

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, attn_mask=self.mask, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Blocks(nn.Module):
    def __init__(self, width, layers, heads, mask=None):
        super().__init__()
        self.resblocks = nn.Sequential(*(Block(width, heads, mask) for _ in range(layers)))

    def forward(self, x):
        return self.resblocks(x)


class Vision(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, patch = c["vision_width"], c["vision_patch_size"]
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(
            torch.zeros((c["image_resolution"] // patch) ** 2 + 1, width)
        )
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Blocks(width, c["vision_layers"], c["vision_heads"])
        self.proj = nn.Parameter(torch.zeros(width, c["embed_dim"]))

    def forward(self, image):
        x = self.conv1(image).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(x), 1, -1)
        x = self.ln_pre(torch.cat([first, x], 1) + self.positional_embedding)
        return self.ln_post(self.transformer(x)[:, 0]) @ self.proj


class CLIP(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, length = c["transformer_width"], c["context_length"]
        self.visual = Vision(c)
        mask = torch.full((length, length), float("-inf"), dtype=torch.float64).triu(1)
        self.transformer = Blocks(width, c["transformer_layers"], c["transformer_heads"], mask)
        self.token_embedding = nn.Embedding(c["vocab_size"], width)
        self.positional_embedding = nn.Parameter(torch.zeros(length, width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.zeros(width, c["embed_dim"]))
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def text(self, ids):
        x = self.ln_final(self.transformer(self.token_embedding(ids) + self.positional_embedding))
        return x[torch.arange(len(ids)), ids.argmax(-1)] @ self.text_projection

    def forward(self, image, ids):
        image, text = self.visual(image), self.text(ids)
        unit = [x / x.norm(dim=-1, keepdim=True) for x in (image, text)]
        return image, text, self.logit_scale.exp() * unit[0] @ unit[1].T


def as_transformers(model, c):
    """transformers' CLIPModel with the weights of ours."""
    vision = {
        "hidden_size": c["vision_width"], "intermediate_size": 4 * c["vision_width"],
        "num_hidden_layers": c["vision_layers"], "num_attention_heads": c["vision_heads"],
        "image_size": c["image_resolution"], "patch_size": c["vision_patch_size"],
    }  # fmt: skip
    text = {
        "vocab_size": c["vocab_size"], "hidden_size": c["transformer_width"],
        "intermediate_size": 4 * c["transformer_width"], "num_hidden_layers": c["transformer_layers"],
        "num_attention_heads": c["transformer_heads"], "max_position_embeddings": c["context_length"],
        "eos_token_id": c["vocab_size"] - 1, "bos_token_id": 13, "pad_token_id": 0,
    }  # fmt: skip
    config = transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=c["embed_dim"])
    theirs = transformers.CLIPModel(config).double().eval()
    state = {"logit_scale": model.logit_scale}
    v, t = "vision_model.", "text_model."
    for name, p in model.named_parameters():
        tower = v if name.startswith("visual.") else t
        name = name.removeprefix("visual.")
        if ".attn.in_proj_" in name:
            for part, array in zip("qkv", p.chunk(3), strict=True):
                new = name.replace(".attn.in_proj_", f".self_attn.{part}_proj.")
                state[tower + new.replace("transformer.resblocks", "encoder.layers")] = array
            continue
        for ours, new in (
            ("transformer.resblocks", "encoder.layers"), (".attn.", ".self_attn."),
            (".ln_1.", ".layer_norm1."), (".ln_2.", ".layer_norm2."), ("c_fc", "fc1"), ("c_proj", "fc2"),
            ("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm"), ("ln_final", "final_layer_norm"),
            ("conv1", "embeddings.patch_embedding"), ("class_embedding", "embeddings.class_embedding"),
            ("token_embedding", "embeddings.token_embedding"),
        ):  # fmt: skip
            name = name.replace(ours, new)
        if name == "positional_embedding":
            state[tower + "embeddings.position_embedding.weight"] = p
        elif name == "proj":
            state["visual_projection.weight"] = p.T
        elif name == "text_projection":
            state["text_projection.weight"] = p.T
        elif name != "logit_scale":
            state[tower + name] = p
    missing, unexpected = theirs.load_state_dict({k: a.detach() for k, a in state.items()}, strict=False)
    assert not unexpected and all("position_ids" in name for name in missing), (missing, unexpected)
    return theirs


def clip(found):
    model = fill(CLIP(cases.CLIP), 2)
    image, ids = (torch.from_numpy(a) for a in cases.clip_inputs())
    image_vector, text_vector, logits = model(image, ids)
    theirs = as_transformers(model, cases.CLIP)(pixel_values=image, input_ids=ids)
    assert torch.allclose(theirs.logits_per_image, logits, atol=1e-10)
    assert torch.allclose(theirs.logits_per_text, logits.T, atol=1e-10)
    freeze(found, "clip", model, {"image": image_vector, "text": text_vector, "logits": logits})


def main():
    found = {}
    bert(found, "bert", "gelu")
    bert(found, "bert-tanh", "gelu_new")
    found = {k: a for k, a in found.items() if not k.startswith("bert-tanh/gradient")}
    clip(found)
    names = np.frombuffer("\n".join(found).encode(), np.uint8)
    shapes = np.concatenate([[a.ndim, *a.shape] for a in found.values()])
    values = np.concatenate([a.ravel() for a in found.values()])
    np.savez_compressed(OUT, names=names, shapes=shapes, values=values)
    print(f"{OUT.name}: {len(found)} arrays, {values.size} numbers, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
