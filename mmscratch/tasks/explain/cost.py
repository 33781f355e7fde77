"""What every method costs: parameters, operations and memory for one example, counted on the tape.

    mmscratch table explain --block cost

One picture, one question, one caption of eight words; 60 words in the vocabulary; fusions of two sequences of
four steps, 64 and 32 wide. Of explanations: how many pictures go through the network for one map, forwards
and backwards, counted while it is made.
"""

from __future__ import annotations

import contextlib
from functools import partial

import numpy as np

from ...explain import cost
from ...explain.tape import intercept
from ...models.caption_models import CAPTION_MODELS, build_captioner
from ...models.fusion import FUSIONS
from ...models.fusion.classifier import FusionClassifier
from ...models.relation_network import RelationNetwork
from ...models.scene_cnn import SceneCNN, load_pretrained
from ...models.scene_vit import SceneViT
from ...models.vqa_attention import Glimpses, StackedAttention, WordGlimpses
from ...models.vqa_coattention import CoAttention
from ...models.vqa_joint import JointEmbedding
from ...models.vqa_questions import QuestionBatch
from ...random import Generator
from ...tensor import Tensor

__all__ = ["cost_block", "model_costs", "passes_of"]

WORDS, ANSWERS, REGIONS, WIDTH = 60, 20, 8, 130
QUESTIONS = {
    "joint embedding, FiLM": (JointEmbedding, {}),
    "stacked attention": (StackedAttention, {}),
    "glimpses": (Glimpses, {}),
    "word glimpses": (WordGlimpses, {}),
    "co-attention": (CoAttention, {}),
    "relation network": (RelationNetwork, {}),
}


def model_costs():
    """(group, name, ``Cost``) of one example, method by method."""
    random = np.random.default_rng(0)

    def drawn(*shape):
        return random.normal(size=shape).astype(np.float32)

    picture = drawn(1, 3, 64, 64)
    for name, network in (("CNN", SceneCNN), ("ViT", SceneViT)):
        model = network(generator=Generator(0))
        yield "pictures", name, cost(model, picture, function=lambda x, m=model: m(x)[1])
    for name in CAPTION_MODELS:
        model = build_captioner(name, WORDS, WIDTH, generator=Generator(0)).eval()
        yield "captions", name, cost(model, drawn(1, REGIONS, WIDTH), function=partial(_say, model))
    asked = QuestionBatch.of([list(range(4, 10))])
    for name, (network, options) in QUESTIONS.items():
        model = network(WORDS, ANSWERS, generator=Generator(0), **options).eval()
        found = cost(model, picture, function=lambda x, m=model: m(x, asked, np.zeros(1, np.int64)))
        yield "questions", name, found
    for name in FUSIONS:
        model = FusionClassifier(name, (64, 32), 2, 16, Generator(0)).eval()
        yield "fusions", name, cost(model, drawn(1, 4, 64), drawn(1, 4, 32), function=model)


def _say(model, regions, words=8):
    """The logits of so many words, one after the other, as in decoding: the fused steps hide what they do."""
    state, found = model.start(regions), []
    for token in range(4, 4 + words):
        state, logits, *_ = model.step(state, Tensor(np.array([token])))
        found.append(logits)
    return found


def passes_of(method, model, asked):
    """(forward, backward): how many pictures go through the network for one map, counted.

    A pass backwards is counted where the network was called with a gradient to keep.
    """
    counted = [0, 0]

    def look(y):
        first = y[0] if isinstance(y, tuple) else y
        counted[0] += len(first)
        counted[1] += len(first) if first.requires_grad else 0
        return y

    frozen = [(p, p.requires_grad) for p in model.parameters()]
    with contextlib.ExitStack() as stack:
        for p, before in frozen:  # a parameter that wants a gradient would hide which passes need one
            p.requires_grad = False
            stack.callback(setattr, p, "requires_grad", before)
        stack.enter_context(intercept(model, look))
        method(model, asked)
    return tuple(n // len(asked) for n in counted)


def cost_block(args):
    """Print all; the record {group: {name: {"parameters", "flops", "activations"}}}."""
    record = {}
    print(f"{'one example':34}{'parameters':>12}{'operations':>14}{'memory, bytes':>15}")
    for group, name, found in model_costs():
        record.setdefault(group, {})[name] = {
            "parameters": found.parameters, "flops": found.flops, "activations": found.activations,
        }  # fmt: skip
        print(
            f"{group + ': ' + name:34}{found.parameters:12,}{found.flops:14,}{found.activations:15,}",
            flush=True,
        )
    from .table import METHODS, ask_for_objects, load_scenes

    asked = ask_for_objects(load_scenes(args.data, args.split), 2)
    print(f"\n{'a map':34}{'forwards':>12}{'backwards':>14}")
    record["explanations"] = {}
    for name, method in METHODS.items():
        forward, backward = passes_of(method, load_pretrained(), asked)
        record["explanations"][name] = {"forwards": forward, "backwards": backward}
        print(f"{name:34}{forward:12,}{backward:14,}", flush=True)
    return record
