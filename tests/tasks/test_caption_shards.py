"""A captioner's batch in shards: the shares add up to the batch's own loss and gradient."""

import numpy as np
import pytest

from mmscratch import kernels
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.random import Generator
from mmscratch.tasks.captioning.data import load_split
from mmscratch.tasks.captioning.model import PictureCaptioner
from mmscratch.tasks.captioning.settings import CaptionSettings
from mmscratch.tasks.captioning.task import CaptionLoader, CaptionShard

DATA = "scenes:train=12,val=2,test=2,level=2,references=2"


@pytest.fixture(autouse=True, scope="module")
def reference_floor():
    with kernels.use("reference"):
        yield


@pytest.fixture(scope="module")
def split():
    return load_split(DATA, "train")


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {n: p.grad.copy() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("more", [
    {"doubly_stochastic": 0.5, "label_smoothing": 0.1},
    {"encoder": "finetune", "attention_supervision": 0.3},
    {"model": "nic-input"},
])  # fmt: skip
@pytest.mark.parametrize("count", [5, 12])
def test_shares_add_up(split, more, count):
    """Sentences of several lengths, words that speak of nothing: means count by what they are of."""
    settings = CaptionSettings(batch_size=10, hidden=8, embedding=6, attention=4, **more).for_data(DATA)
    vocabulary = Vocabulary.from_tokens(split.sentences())
    model = PictureCaptioner(len(vocabulary), settings, Generator(0))
    loader = CaptionLoader(model, vocabulary, settings, split, 0, lazy=True)
    batch = next(iter(loader.batches))
    assert batch.images is None and len(set(batch.lengths)) > 1
    whole = loader.loss(batch)
    wanted, value, total, found = gradients(model, whole), whole.item(), 0.0, {}
    shards = loader.cut(batch, count)
    assert sum(s.share for s in shards) == pytest.approx(1) and len(shards) == count
    assert [s.batch is None for s in shards].count(True) == max(count - 10, 0)
    for shard in shards:
        if shard.batch is not None:
            loss = loader.loss(shard.batch) * shard.share
            total += loss.item()
            for name, g in gradients(model, loss).items():
                found[name] = found.get(name, 0) + g
    assert total == pytest.approx(value, rel=1e-5)
    assert found.keys() == wanted.keys()
    for name, g in wanted.items():
        np.testing.assert_allclose(found[name], g, rtol=2e-3, atol=2e-5, err_msg=name)


def test_a_mean_that_counts_shards_alike_shows(split):
    """The seeded fault: words weighted 1 in every shard."""
    settings = CaptionSettings(batch_size=10, hidden=8, embedding=6, attention_supervision=0).for_data(DATA)
    vocabulary = Vocabulary.from_tokens(split.sentences())
    model = PictureCaptioner(len(vocabulary), settings, Generator(0))
    loader = CaptionLoader(model, vocabulary, settings, split, 0)
    batch = next(iter(loader.batches))
    alike = [(s.share, CaptionShard(s.batch.batch, 0, 1, 1, None)) for s in loader.cut(batch, 5)]
    total = sum((loader.loss(shard) * share).item() for share, shard in alike)
    assert abs(total - loader.loss(batch).item()) > 1e-4
