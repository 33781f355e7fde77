"""The loop: what it does at every step, and that stopping and going on changes no bit."""

import contextlib
import os
import signal

import numpy as np
import pytest
from small_training import DATA, GOAL, parts

from mmscratch import kernels, nn, ops, optim, random
from mmscratch.tensor import tensor
from mmscratch.train import CheckpointError, TrainingError, digest, fit, load_checkpoint, read_journal
from mmscratch.train.checkpoint import read


@pytest.fixture(autouse=True, scope="module")
def reference_floor():
    """The loop knows nothing of floors; this one needs no compiling."""
    with kernels.use("reference"):
        yield


def train(run=None, seed=0, **more):
    """→ model, Fitted of the small training; options can be replaced."""
    random.manual_seed(1)
    model, options = parts(seed)
    given = {"steps": 20, **options, "run": run, **more}
    if "epochs" in more and "steps" not in more:
        del given["steps"]
    return model, fit(model, **given)


def without_seconds(run):
    return [{k: v for k, v in r.items() if k != "seconds"} for r in read_journal(run)]


def everything(run):
    """All that a run leaves, but the time."""
    last = read(sorted((run / "checkpoints").glob("step-*"))[-1])
    last.pop("journal")
    return repr(last), without_seconds(run), digest(read(run / "checkpoints" / "best.safetensors")["model"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nobody interrupts."""
    run = tmp_path_factory.mktemp("whole")
    model, _ = train(run, checkpoint_every=5)
    return digest(model.state_dict()), everything(run)


def test_learns():
    model, fitted = train(steps=400, schedule=None)
    assert fitted.step == 400 and fitted.stopped == "end" and fitted.metrics["val_loss"] < 0.5 * GOAL.var()
    assert fitted.best <= fitted.metrics["val_loss"] and fitted.best_step <= 400


def test_two_runs_are_equal_to_the_bit(tmp_path, whole):
    model, _ = train(tmp_path, checkpoint_every=5)
    assert (digest(model.state_dict()), everything(tmp_path)) == whole
    assert digest(train(seed=1)[0].state_dict()) != whole[0]


def test_without_a_run_it_is_the_same_training(whole):
    assert digest(train()[0].state_dict()) == whole[0]


@pytest.mark.parametrize("stop", [1, 5, 6, 7, 12, 13])
def test_resumed_anywhere_it_ends_the_same(tmp_path, whole, stop):
    """Also at the end of an epoch (6, 12) and one after."""

    class Stop(Exception):
        pass

    model, options = parts()
    random.manual_seed(1)
    loss, count = options["loss_of_batch"], [0]

    def failing(batch):
        count[0] += 1
        if count[0] > stop:
            raise Stop
        return loss(batch)

    with pytest.raises(Stop):
        fit(model, **{**options, "loss_of_batch": failing}, steps=20, run=tmp_path, checkpoint_every=1)
    random.manual_seed(12345)  # another process would begin elsewhere
    other, options = parts(seed=3)
    fit(other, **options, steps=20, run=tmp_path, checkpoint_every=5, resume=True)
    assert (digest(other.state_dict()), everything(tmp_path)) == whole


class Stateful:
    """Batches that continue by themselves."""

    def __init__(self):
        self.epoch, self.position = 0, 0

    def __iter__(self):
        order = np.random.default_rng(self.epoch).permutation(len(DATA))
        while self.position < 6:
            chosen = order[4 * self.position :][:4]
            self.position += 1
            yield DATA[chosen], GOAL[chosen]
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self):
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        self.epoch, self.position = state["epoch"], state["position"]


@pytest.mark.parametrize(
    "make", [Stateful, lambda: [(DATA[i : i + 4], GOAL[i : i + 4]) for i in range(0, 22, 4)]]
)
@pytest.mark.parametrize("stop", [3, 6, 11])
def test_other_kinds_of_batches_resume_too(tmp_path, make, stop):
    expected = digest(train(batches=make(), generator=None)[0].state_dict())
    train(tmp_path, batches=make(), generator=None, steps=stop)
    model, _ = train(tmp_path, batches=make(), generator=None, resume=True)
    # A cosine over 60 steps does not know of the shorter run, so both are one training.
    assert digest(model.state_dict()) == expected


def test_resume_of_a_finished_run_changes_nothing(tmp_path, whole):
    train(tmp_path, checkpoint_every=5)
    model, fitted = train(tmp_path, checkpoint_every=5, resume=True)
    assert (digest(model.state_dict()), everything(tmp_path)) == whole and fitted.step == 20


def test_resume_without_checkpoints_begins(tmp_path, whole):
    model, _ = train(tmp_path, checkpoint_every=5, resume=True)
    assert digest(model.state_dict()) == whole[0]


@pytest.fixture
def interruptible():
    """SIGINT raises, as in a terminal: what a shell starts in the background is born ignoring it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_control_c_finishes_the_step_saves_and_is_raised(tmp_path, whole, interruptible):
    random.manual_seed(1)
    model, options = parts()
    loss, count = options["loss_of_batch"], [0]

    def interrupted(batch):
        count[0] += 1
        if count[0] == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return loss(batch)

    with pytest.raises(KeyboardInterrupt):
        fit(model, **{**options, "loss_of_batch": interrupted}, steps=20, run=tmp_path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert [p.name for p in (tmp_path / "checkpoints").glob("step*")] == ["step-00000008.safetensors"]
    model, _ = train(tmp_path, checkpoint_every=5, resume=True)
    assert (digest(model.state_dict()), everything(tmp_path)) == whole


def test_interrupt_raised_inside_a_step_saves_what_was_before_it(tmp_path, whole):
    random.manual_seed(1)
    model, options = parts()
    loss, count = options["loss_of_batch"], [0]

    def interrupted(batch):
        result, count[0] = loss(batch), count[0] + 1
        if count[0] == 8:
            raise KeyboardInterrupt
        return result

    with pytest.raises(KeyboardInterrupt):
        fit(model, **{**options, "loss_of_batch": interrupted}, steps=20, run=tmp_path)
    assert [p.name for p in (tmp_path / "checkpoints").glob("step*")] == ["step-00000007.safetensors"]
    model, _ = train(tmp_path, checkpoint_every=5, resume=True)
    assert (digest(model.state_dict()), everything(tmp_path)) == whole


def test_interrupt_inside_an_update_saves_nothing_half_done(tmp_path, whole):
    random.manual_seed(1)
    model, options = parts()
    step, count = options["optimizer"].step, [0]

    def interrupted():
        count[0] += 1
        if count[0] == 8:
            model.first.weight.data[...] = 0
            raise KeyboardInterrupt
        step()

    options["optimizer"].step = interrupted
    with pytest.raises(KeyboardInterrupt):
        fit(model, **options, steps=20, run=tmp_path, checkpoint_every=3)
    assert sorted(p.name[:13] for p in (tmp_path / "checkpoints").glob("step*"))[-1] == "step-00000006"
    model, _ = train(tmp_path, checkpoint_every=5, resume=True)
    assert (digest(model.state_dict()), everything(tmp_path)) == whole


def test_journal_has_a_line_a_step_and_a_validation(tmp_path):
    train(tmp_path, steps=14)
    records = without_seconds(tmp_path)
    steps = [r for r in records if "loss" in r]
    assert [r["step"] for r in steps] == list(range(1, 15)) and [r["epoch"] for r in steps][5:7] == [0, 1]
    assert set(steps[0]) == {"step", "epoch", "loss", "lr", "metrics"}
    assert set(steps[0]["metrics"]) == {"spread", "norm"}
    assert [r["step"] for r in records if "validation" in r] == [6, 12, 14]
    assert steps[0]["lr"] == 0.02 and steps[1]["lr"] < 0.02


def test_epochs_and_log_every(tmp_path):
    _, fitted = train(tmp_path, epochs=2, log_every=5, validate=None)
    assert fitted.step == 12 and fitted.epoch == 2
    assert [r["step"] for r in read_journal(tmp_path)] == [5, 10]


def test_validation_is_in_evaluation_mode_without_gradients():
    model, options = parts()
    seen = []

    def validate():
        y = model(tensor(DATA))
        seen.append((model.training, model.drop.training, y.requires_grad))
        return {"accuracy": 1.0}

    fit(model, **{**options, "validate": validate}, steps=7, validate_every=3)
    assert seen == [(False, False, False)] * 3  # after 3, 6, and the end
    assert model.training


@pytest.mark.parametrize(
    ("name", "values", "stop", "best"),
    [
        ("val_loss", [3, 2, 2, 2.5, 1], 4, 2),
        ("accuracy", [0.1, 0.5, 0.4, 0.5, 0.9], 4, 2),
        ("val_loss", [3, 3.5, 2, 2.5, 2.2, 1], 5, 3),
        ("val_loss", [float("nan"), 2, float("nan"), 3, 1], 4, 2),
    ],
)
def test_early_stopping_on_a_metric(tmp_path, name, values, stop, best):
    values_left = list(values)
    weights = {}
    model, options = parts()

    def validate():
        weights[len(values) - len(values_left) + 1] = digest(model.state_dict())
        return {"other": 0.0, name: values_left.pop(0)}

    options |= {"validate": validate, "monitor": name, "patience": 2, "validate_every": 1}
    fitted = fit(model, **options, steps=50, run=tmp_path)
    assert (fitted.stopped, fitted.step, fitted.best_step, fitted.best) == (
        "patience",
        stop,
        best,
        values[best - 1],
    )
    other, _ = parts(seed=5)
    assert load_checkpoint(tmp_path, model=other)["step"] == best
    assert digest(other.state_dict()) == weights[best]
    assert load_checkpoint(tmp_path, model=other, which="last")["step"] == stop
    assert digest(other.state_dict()) == digest(model.state_dict())
    again = fit(model, **options, steps=50, run=tmp_path, resume=True)
    assert again.step == stop, "a run that stopped early stays stopped"


@pytest.mark.parametrize("on_disk", [False, True])
def test_restore_best(tmp_path, on_disk):
    values, weights = [3.0, 1.0, 2.0, 4.0], []
    model, options = parts()

    def validate():
        weights.append(digest(model.state_dict()))
        return {"val_loss": values[len(weights) - 1]}

    options |= {"validate": validate, "validate_every": 1, "restore_best": True}
    fit(model, **options, steps=4, run=tmp_path if on_disk else None)
    assert digest(model.state_dict()) == weights[1]


def test_plateau_schedule_is_stepped_by_validation():
    model, options = parts()
    schedule = optim.ReduceLROnPlateau(options["optimizer"], patience=0, factor=0.5)
    options |= {"schedule": schedule, "validate": lambda: {"val_loss": 1.0}, "validate_every": 2}
    fit(model, **options, steps=8)
    assert options["optimizer"].param_groups[0]["lr"] == pytest.approx(0.02 / 8)


# ── what is not finite ───────────────────────────────────────────────────────────────────────────
def test_nonfinite_loss_names_step_and_operation(tmp_path):
    model, options = parts()
    loss, count = options["loss_of_batch"], [0]

    def breaking(batch):
        x, y = batch
        count[0] += 1
        if count[0] > 4:
            return ops.log(model(tensor(x)) * 0.0 - 1.0).sum()
        return loss(batch)

    with pytest.raises(
        TrainingError, match=r"step 5 \(epoch 0\): the loss is nan; .*result of log.*test_fit.py"
    ):
        fit(model, **{**options, "loss_of_batch": breaking}, steps=20, run=tmp_path, checkpoint_every=1)
    assert sorted(p.name for p in (tmp_path / "checkpoints").glob("step*"))[-1] == "step-00000004.safetensors"
    assert len(read_journal(tmp_path)) == 4


def test_nonfinite_gradient_names_its_operation():
    w = nn.Parameter(np.zeros(3))
    model = nn.Module()
    model.w = w
    with pytest.raises(TrainingError, match="norm of the gradients is (nan|inf); .*gradient of sqrt"):
        fit(
            model,
            lambda b: ops.sqrt(w * 1.0).sum(),
            [1],
            optimizer=optim.SGD([w]),
            steps=1,
            clip=1.0,
            progress=False,
        )
    assert not w.data.any()


def test_a_parameter_that_was_not_finite_before_is_named():
    model, options = parts()
    model.first.bias.data = np.full(8, np.nan, np.float32)
    with pytest.raises(TrainingError, match="step 1 .* the parameter first.bias was not finite before"):
        fit(model, **options, steps=2)


# ── errors ───────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"epochs": 1, "steps": 3}, ValueError, "give steps or epochs, one of the two"),
        ({"steps": None}, ValueError, "give steps or epochs"),
        ({"steps": -3}, ValueError, "steps must be an integer of at least 0, got -3"),
        ({"resume": True}, ValueError, "resume needs the folder of a run"),
        ({"batches": []}, ValueError, "batches gave nothing in epoch 0"),
        ({"batches": iter([1])}, TypeError, "can be gone through once only"),
        ({"loss_of_batch": lambda b: 3.0}, TypeError, "must give a Tensor with a single entry, got float"),
        ({"loss_of_batch": lambda b: tensor([1.0, 2.0])}, TypeError, r"got Tensor \(2,\)"),
        ({"validate": None, "patience": 2}, ValueError, "patience needs validate"),
        ({"monitor": "bleu"}, TrainingError, r"validate gave \['val_loss'\], the metric to follow is 'bleu'"),
        ({"mode": "best"}, ValueError, "mode must be 'min' or 'max', got 'best'"),
        ({"validate": lambda: {}}, TrainingError, "validate gave nothing"),
    ],
)
def test_errors(more, error, message):
    with pytest.raises(error, match=message):
        train(**more)


def test_a_run_with_checkpoints_is_not_overwritten(tmp_path):
    train(tmp_path, steps=2)
    with pytest.raises(TrainingError, match="holds checkpoints already; resume it"):
        train(tmp_path, steps=2)


def test_checkpoint_of_something_else_is_refused(tmp_path):
    train(tmp_path, steps=2)
    path = tmp_path / "checkpoints" / "step-00000002.safetensors"
    model = nn.Linear(3, 1)
    optimizer = optim.SGD(model.parameters())
    with pytest.raises(
        CheckpointError, match=f"{path.name}: does not fit what is being trained: .*missing weight"
    ):
        fit(
            model,
            lambda b: None,
            [1],
            optimizer=optimizer,
            steps=3,
            run=tmp_path,
            resume=True,
            progress=False,
        )
    with pytest.raises(CheckpointError, match="does not fit this model: Linear.load_state_dict: missing"):
        load_checkpoint(tmp_path, model=model, which="last")
    with pytest.raises(CheckpointError, match="does not fit .* schedule: not expected"):
        train(tmp_path, steps=4, schedule=None, resume=True)
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        load_checkpoint(tmp_path / "nowhere", model=model)


def test_batch_tensors_may_be_anything(capsys):
    model, options = parts()
    options["progress"] = True
    fit(model, **options, steps=3)
    with contextlib.suppress(AttributeError):
        assert "3/3" in capsys.readouterr().err
