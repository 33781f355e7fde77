"""The sharded step: the number of ranks does not show, and a shard's share is what the formula says."""

import numpy as np
import pytest
from small_training import DATA, GOAL, Net, parts

from mmscratch import kernels, nn, ops, optim, random
from mmscratch.distributed import SERIAL, DistributedError, run_threads
from mmscratch.random import Generator
from mmscratch.tensor import tensor
from mmscratch.train import (
    CheckpointError,
    Parallel,
    Shard,
    TrainingError,
    cut_rows,
    digest,
    fit,
    read_journal,
    received_a_step,
)


@pytest.fixture(autouse=True, scope="module")
def reference_floor():
    with kernels.use("reference"):
        yield


def whole_batches(generator):
    """Two batches of all rows an epoch, each in an order that is drawn."""
    for _ in range(2):
        order = generator.permutation(len(DATA))
        yield DATA[order], GOAL[order]


def train(comm=SERIAL, run=None, steps=13, shards=6, **more):
    """→ digest, Fitted: dropout of two generators, batch norm, a generator that draws the order."""
    model, options = parts()
    given = {"steps": steps, "run": run, "parallel": Parallel(comm, shards)}
    given |= options | {"batches": whole_batches} | more
    fitted = fit(model, **given)
    return digest(model.state_dict()), fitted


@pytest.fixture(scope="module")
def whole():
    random.manual_seed(1)
    return train()


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 6])
def test_any_number_of_ranks_gives_the_same_bits(whole, ranks):
    random.manual_seed(1)
    found = run_threads(ranks, train)
    assert found == [whole] * ranks
    assert whole[1].step == 13 and whole[1].metrics["val_loss"] > 0


def test_stopped_and_resumed_on_other_ranks(tmp_path, whole):
    """Rank 0 alone writes; four go on where two stopped, and end as one that never did."""
    random.manual_seed(1)
    run_threads(2, lambda c: train(c, tmp_path, steps=7, checkpoint_every=3))
    assert [p.name for p in sorted((tmp_path / "checkpoints").glob("step-*"))] == [
        "step-00000006.safetensors", "step-00000007.safetensors",
    ]  # fmt: skip
    random.manual_seed(5)  # what the checkpoint says counts
    found = run_threads(4, lambda c: train(c, tmp_path, resume=True))
    assert [f[0] for f in found] == [whole[0]] * 4
    assert [r["step"] for r in read_journal(tmp_path) if "loss" in r] == list(range(1, 14))


def test_shards_belong_to_the_run(tmp_path):
    train(run=tmp_path, steps=2)
    with pytest.raises(CheckpointError, match="trained with --shards 6, which cannot become --shards 4"):
        train(run=tmp_path, resume=True, shards=4)
    with pytest.raises(CheckpointError, match="cannot become no --distributed"):
        train(run=tmp_path, resume=True, parallel=None)
    random.manual_seed(1)
    assert train(shards=4)[0] != train(shards=6)[0]  # batch norm and dropout are a shard's own


class Plain(nn.Module):
    """Nothing random, nothing that looks at the whole batch."""

    def __init__(self):
        self.first = nn.Linear(3, 8, generator=Generator(0)).to("float64")
        self.last = nn.Linear(8, 1, generator=Generator(1)).to("float64")

    def forward(self, x):
        return self.last(ops.tanh(self.first(x)))


def plain(steps=1, parallel=None, cut=None, clip=None):
    model = Plain()
    batch = DATA.astype(np.float64), GOAL.astype(np.float64)

    def loss(one):
        x, y = one
        return ops.mse_loss(model(tensor(x)), tensor(y)), {"spread": float(y.std())}

    optimizer = optim.SGD(model.parameters(), lr=0.1)
    fitted = fit(model, loss, [batch], optimizer=optimizer, steps=steps, parallel=parallel, cut=cut,
                 progress=False, clip=clip)  # fmt: skip
    return model, fitted


@pytest.mark.parametrize("shards", [1, 5, 12, 22, 40])
def test_the_gradient_is_that_of_the_batch(shards):
    """Up to rounding; 22 rows, so some shards are larger, and of 40 some are empty."""
    (one, a), (other, b) = plain(3, clip=0.05), plain(3, Parallel(shards=shards), clip=0.05)
    assert b.loss == pytest.approx(a.loss, rel=1e-12)
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(q.detach().numpy(), p.detach().numpy(), rtol=1e-10, atol=1e-13)


def test_a_wrong_share_shows():
    """The seeded fault: every shard counted alike, where their sizes differ."""

    def alike(batch, count):
        return [Shard(s.number, 1 / count, s.batch) for s in cut_rows(batch, count)]

    right, wrong = plain(1, Parallel(shards=5))[0], plain(1, Parallel(shards=5), alike)[0]
    assert not np.allclose(
        right.first.weight.detach().numpy(), wrong.first.weight.detach().numpy(), rtol=1e-6
    )


def test_masks_are_of_the_shard_and_the_step():
    """Every shard of every step draws another mask, whoever computes it."""

    class Masks(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(np.ones(40, np.float32))
            self.drop = nn.Dropout(0.5, generator=Generator(3))

    def collect(comm):
        model, seen = Masks(), {}

        def loss(batch):
            kept = model.drop(model.weight)
            seen[len(seen) // 2, float(batch[0])] = tuple(kept.detach().numpy() > 0)
            return kept.sum()

        fit(model, loss, [np.arange(4.0)], optimizer=optim.SGD(model.parameters(), lr=0.0), steps=3,
            parallel=Parallel(comm, 4), progress=False)  # fmt: skip
        return seen

    first, second = run_threads(2, collect)
    together = {**first, **second}
    assert len(together) == len(set(together.values())) == 12


def test_batch_norm_averages_the_shards():
    """running ← 0.9 · running + 0.1 · Σ share · the shard's mean; one batch is counted, not six."""

    def one(comm):
        model = Net()
        model.norm.train()

        def loss(batch):
            return model.norm(model.first(tensor(batch))).sum()

        fit(model, loss, [DATA], optimizer=optim.SGD(model.parameters(), lr=0.0), steps=1,
            parallel=Parallel(comm, 6), progress=False)  # fmt: skip
        return model

    model = one(SERIAL)
    hidden = DATA @ model.first.weight.detach().numpy().T + model.first.bias.detach().numpy()
    np.testing.assert_allclose(model.norm.running_mean.numpy(), 0.1 * hidden.mean(0), rtol=1e-4, atol=1e-6)
    assert int(model.norm.num_batches_tracked.data) == 1
    for other in run_threads(3, one):
        assert digest(other.state_dict()) == digest(model.state_dict())


def test_what_is_not_finite_is_told_by_all_ranks_alike():
    def go(comm):
        model = Plain()

        def loss(batch):
            y = model(tensor(batch)).sum()
            return y / 0.0 if 21 in batch[:, 0] else y

        try:
            fit(model, loss, [np.arange(66.0).reshape(22, 3)], parallel=Parallel(comm, 6), steps=1,
                optimizer=optim.SGD(model.parameters(), lr=0.1), progress=False)  # fmt: skip
        except TrainingError as error:
            return str(error), error.told

    found = run_threads(3, go)
    assert len({text for text, _ in found}) == 1 and "step 1 (epoch 0): the loss is" in found[0][0]
    assert "first not finite: the result of div" in found[0][0]
    assert [told for _, told in found] == [False, True, True]


def test_volume_is_what_the_formula_says():
    numbers = sum(p.size for p in Plain().parameters())

    def go(comm):
        plain(3, Parallel(comm, 12))
        return comm.received["arrays"] / 3

    for ranks in (1, 2, 3, 4):
        wanted = [2 * received_a_step(numbers, 12, ranks, r) for r in range(ranks)]  # float64: twice as much
        assert run_threads(ranks, go) == wanted
    assert received_a_step(1200, 12, 3, 0) == 4 * 2 * 1200 * 2 // 3  # the ring's
    assert received_a_step(1200, 12, 1, 0) == 0


def test_bad_input_is_told():
    with pytest.raises(DistributedError, match="--shards: expected a whole number of at least 1, got 0"):
        Parallel(shards=0)
    with pytest.raises(DistributedError, match="3 ranks need at least as many shards, got 2"):
        run_threads(3, lambda comm: Parallel(comm, 2))
    with pytest.raises(
        TypeError, match=r"cut_rows: expected arrays of one number of rows, got \(2, 3\), \(4,\)"
    ):
        cut_rows((np.ones((2, 3)), np.ones(4)), 2)
    with pytest.raises(TypeError, match="a str cannot be cut into rows; give fit a cut"):
        cut_rows("words", 2)


def test_ranks_that_drifted_apart_are_found(tmp_path):
    def go(comm):
        model = Plain()

        def loss(batch):
            if comm.rank == 1:
                model.first.bias.data += 1e-9
            return model(tensor(batch)).sum()

        fit(model, loss, [DATA.astype(np.float64)], parallel=Parallel(comm, 2), steps=2, run=tmp_path,
            optimizer=optim.SGD(model.parameters(), lr=0.1), progress=False)  # fmt: skip

    with pytest.raises(DistributedError, match="rank 1 has other weights than rank 0"):
        run_threads(2, go)
