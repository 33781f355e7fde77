"""The training loop: steps, validation, early stopping, journal, checkpoints, and going on bit for bit."""

import dataclasses
import math
import pathlib
import time

import numpy as np

from .. import optim
from ..autograd import detect_anomaly, no_grad
from ..data.progress import progress_bar
from ..distributed import SERIAL
from .checkpoint import CheckpointError, Checkpoints, digest, write
from .feed import Feed
from .interrupt import Interrupt
from .journal import NAME, Journal
from .parallel import Shards
from .state import Everything

__all__ = ["Fitted", "TrainingError", "fit"]


class TrainingError(RuntimeError):
    """A training that cannot go on: ``str`` is one line that names the step and the reason."""


@dataclasses.dataclass
class Fitted:
    """How a training ended.

    step, epoch   steps taken, epochs finished       loss     of the last step, None if none was taken
    metrics       of the last validation             stopped  "end" or "patience"
    best          the monitored metric's best value  best_step, best_metrics   of that validation
    """

    step: int = 0
    epoch: int = 0
    loss: float | None = None
    metrics: dict = dataclasses.field(default_factory=dict)
    best: float | None = None
    best_step: int | None = None
    best_metrics: dict = dataclasses.field(default_factory=dict)
    validated: int | None = None
    misses: int = 0
    stopped: str | None = None


def fit(model, loss_of_batch, batches, *, optimizer, steps=None, epochs=None, validate=None,
        validate_every=None, monitor=None, mode=None, patience=None, restore_best=False, schedule=None,
        clip=None, checkpoint_every=None, run=None, resume=False, progress=True, generator=None,
        log_every=1, parallel=None, cut=None):  # fmt: skip
    """Train a model; returns a ``Fitted``.

    loss_of_batch     batch → the loss, a Tensor (); or (loss, {name: number}), more for the journal
    batches           what gives the batches of an epoch: see ``Feed``; ``generator`` is handed to a function
    steps, epochs     how long: one of the two
    validate          () → {name: number}, called in evaluation mode without gradients, every
                      ``validate_every`` steps or else after each epoch, and at the end
    monitor, mode     which of its metrics is followed (the first), and whether "min" or "max" is better
                      ("min" if its name has "loss" or "error" in it, else "max")
    patience          stop when so many validations in a row were not better
    restore_best      end with the weights that were best on validation
    schedule          of the learning rate: stepped after each step (``ReduceLROnPlateau``: each validation)
    clip              the largest norm that the gradients may have together
    run               a folder for journal and checkpoints: every ``checkpoint_every`` steps, and at the end
    resume            go on from the run's last checkpoint, if it has one
    parallel          a ``train.Parallel``: every batch in shards, on the ranks of its communicator. All ranks
                      call ``fit`` with the same; rank 0 alone validates, writes the run and shows progress
    cut               (batch, n) → n ``train.Shard``s, for a batch that ``cut_rows`` cannot cut by itself

    Two runs of one seed are equal to the bit, however often one was interrupted and resumed, and with
    ``parallel`` on however many ranks. (A run without it has other last bits: it adds in another order, and
    where there is dropout or batch norm, it draws other masks, and its statistics are the whole batch's.)
    Errors     TrainingError where the loss or the norm of the gradients is not finite: it names the step and
               the operation; JournalError where another training is writing into the run's folder;
               ``KeyboardInterrupt`` (once) finishes the step and saves before it is raised
    """
    if (steps is None) == (epochs is None):
        raise ValueError(f"fit: give steps or epochs, one of the two; got steps={steps}, epochs={epochs}")
    for name, value in (("steps", steps), ("epochs", epochs)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise ValueError(f"fit: {name} must be an integer of at least 0, got {value!r}")
    if mode not in (None, "min", "max"):
        raise ValueError(f"fit: mode must be 'min' or 'max', got {mode!r}")
    plateau = isinstance(schedule, optim.ReduceLROnPlateau)
    for name, given in (("patience", patience), ("restore_best", restore_best), ("this schedule", plateau)):
        if given and validate is None:
            raise ValueError(f"fit: {name} needs validate, which says what is better")
    training = _Training(
        model=model, loss_of_batch=loss_of_batch, optimizer=optimizer, schedule=schedule, clip=clip,
        steps=steps, epochs=epochs, validate=validate, validate_every=validate_every, monitor=monitor,
        mode=mode, patience=patience, restore_best=restore_best, checkpoint_every=checkpoint_every,
        log_every=log_every, parallel=parallel,
        everything=Everything(model, optimizer, schedule, Feed(batches, generator), generator),
    )  # fmt: skip
    if parallel is not None:
        training.shards = Shards(parallel, cut, training._loss, model, optimizer, training.everything)
    return training.go(run, resume, progress)


@dataclasses.dataclass
class _Training:
    model: object
    loss_of_batch: object
    optimizer: object
    schedule: object
    clip: float | None
    steps: int | None
    epochs: int | None
    validate: object
    validate_every: int | None
    monitor: str | None
    mode: str | None
    patience: int | None
    restore_best: bool
    checkpoint_every: int | None
    log_every: int
    parallel: object
    everything: Everything
    shards: Shards | None = None
    journal: Journal | None = None
    checkpoints: Checkpoints | None = None
    best_weights: dict | None = None

    def go(self, run, resume, progress):
        self.at, self.began = Fitted(), time.monotonic()
        self.comm = SERIAL if self.parallel is None else self.parallel.comm
        self.kept = run is not None
        if resume and run is None:
            raise ValueError("fit: resume needs the folder of a run")
        if self.kept:
            self.comm.first(lambda: self._open(pathlib.Path(run), resume))
        if self.shards is not None:
            self.at = self.shards.begin(self.at)
        total = self.steps
        if total is None and hasattr(self.feed.batches, "__len__"):
            total = self.epochs * len(self.feed)
        show = progress and self.comm.rank == 0
        self.bar = progress_bar(total=total, initial=self.at.step, show=show, unit="step")
        try:
            with Interrupt() as self.interrupt:
                self._loop()
        finally:
            self.bar.close()
            if self.journal is not None:
                self.journal.close()
        return self.at

    @property
    def feed(self):
        return self.everything.feed

    def _open(self, run, resume):
        self.checkpoints = Checkpoints(run / "checkpoints")
        if not resume and self.checkpoints.paths():
            raise TrainingError(f"{run}: holds checkpoints already; resume it, or give another folder")
        run.mkdir(parents=True, exist_ok=True)
        self.journal = Journal(run / NAME)  # first: it keeps others away from the rest
        try:
            found = self.checkpoints.load() if resume else None
            self.checkpoints.create()
            position = 0
            if found is not None:
                path, state = found
                self._check_shards(path, state.get("shards"))
                self.everything.load_state_dict(state, path)
                self.at = Fitted(**state["at"])
                position = state["journal"]
            self.journal.cut(position)
        except BaseException:
            self.journal.close()
            raise

    def _check_shards(self, path, began):
        """The sums of a run have one order from its beginning to its end."""
        now = None if self.parallel is None else self.parallel.shards
        if began != now:
            was, would = (f"--shards {n}" if n else "no --distributed" for n in (began, now))
            raise CheckpointError(path, f"was trained with {was}, which cannot become {would} on resuming")

    def _loop(self):
        """Epochs of steps until the end; what is unfinished when interrupted is undone, then saved."""
        self.mark = self.everything.mark()
        self.agreed = False  # to stop, all ranks at one step
        self.model.train()
        try:
            while not self._over():
                for batch in self.feed.rest():
                    self._step(batch)
                    if self._over() or self.asked:
                        break
                else:
                    self.at.epoch = self.feed.epoch
                    if self.validate_every is None:
                        self._validate()
                    self.mark = self.everything.mark()
                if self.asked:
                    raise self.comm.agreed(KeyboardInterrupt())
            self._validate()
        except KeyboardInterrupt as stop:
            alone = self.comm.size > 1 and not getattr(stop, "agreed", False)  # the others know nothing of it
            if self.mark is not None and not alone:  # None while the parameters are being changed
                self.everything.go_back(self.mark)
                self._save()
            raise
        self.at.stopped = self.at.stopped or "end"
        self._save()
        if self.restore_best:
            self._restore_best()

    @property
    def asked(self):
        return self.interrupt.asked if self.shards is None else self.agreed

    def _over(self):
        if self.at.stopped == "patience":
            return True
        return self.at.step >= self.steps if self.steps is not None else self.feed.epoch >= self.epochs

    def _step(self, batch):
        """Forward, backward, clip, update; then whatever is due."""
        value, metrics = self._gradients(batch)
        if self.clip is not None:
            norm = optim.clip_grad_norm_(self.model.parameters(), self.clip).item()
            if not math.isfinite(norm):
                raise self._explain(batch, f"the norm of the gradients is {norm}")
            metrics["norm"] = norm
        rates = [group["lr"] for group in self.optimizer.param_groups]
        self.mark = None
        self.optimizer.step()
        if self.schedule is not None and not self._plateau():
            self.schedule.step()
        self.at.step, self.at.loss = self.at.step + 1, value
        self.mark = self.everything.mark()
        self.bar.set_postfix(loss=f"{value:.4g}", refresh=False)
        self.bar.update()
        if self.at.step % self.log_every == 0:
            self._log(loss=value, lr=rates[0], **({"metrics": metrics} if metrics else {}))
        if self.validate_every and self.at.step % self.validate_every == 0:
            self._validate()
        if self.checkpoint_every and self.at.step % self.checkpoint_every == 0:
            self._save()

    def _gradients(self, batch):
        """Loss and metrics of a batch; its gradients are left on the parameters."""
        if self.shards is not None:
            value, metrics, self.agreed = self.shards.gradients(batch, self.interrupt.asked)
            if not math.isfinite(value):
                raise self._explain(batch, f"the loss is {value}")
            return value, metrics
        loss, metrics = self._loss(batch)
        value = loss.item()
        if not math.isfinite(value):
            raise self._explain(batch, f"the loss is {value}")
        self.optimizer.zero_grad()
        loss.backward()
        return value, metrics

    def _loss(self, batch):
        result = self.loss_of_batch(batch)
        loss, metrics = result if isinstance(result, tuple) else (result, {})
        if getattr(loss, "size", None) != 1 or not hasattr(loss, "backward"):
            raise TypeError(
                f"fit: loss_of_batch must give a Tensor with a single entry, got {type(loss).__name__} "
                f"{tuple(getattr(loss, 'shape', ()))}"
            )
        return loss, {name: _number(v) for name, v in metrics.items()}

    def _explain(self, batch, what):
        """The error for a step that is not finite: the batch once more, watching every operation."""
        where = f"step {self.at.step + 1} (epoch {self.at.epoch}): {what}"
        bad = [n for n, p in self.model.named_parameters() if not np.isfinite(p.detach().numpy()).all()]
        if bad:
            why = f"the parameter {bad[0]} was not finite before this step"
            return self.comm.agreed(TrainingError(f"{where}; {why}"))
        self.everything.go_back(self.mark)  # the same dropout, the same running averages
        found = self._watch(batch) if self.shards is None else self.shards.explain(batch, self._watch)
        why = "every operation was finite when the batch was computed once more"
        return self.comm.agreed(TrainingError(f"{where}; {f'first not finite: {found}' if found else why}"))

    def _watch(self, batch):
        """Which operation gives what is not finite: text, or None."""
        try:
            with detect_anomaly():
                self._loss(batch)[0].backward()
        except FloatingPointError as e:
            return str(e)
        return None

    def _validate(self):
        """Metrics in evaluation mode; remembers the best, counts the misses. Once a step at most."""
        if self.validate is None or self.at.validated == self.at.step:
            return
        metrics, drawn = self.comm.first(self._measure)
        for generator, state in zip(self.everything.generators.values(), drawn, strict=True):
            generator.load_state_dict(state)
        name = self.monitor or next(iter(metrics))
        self.at.metrics, self.at.validated, value = metrics, self.at.step, metrics[name]
        self._log(validation=metrics)
        if self._better(name, value):
            self.at.best, self.at.best_step, self.at.best_metrics = value, self.at.step, metrics
            self.at.misses = 0
            self._keep_best()
        else:
            self.at.misses += 1
            if self.patience is not None and self.at.misses >= self.patience:
                self.at.stopped = "patience"
        if self._plateau():
            self.schedule.step(value)
        self.mark = self.everything.mark()

    def _measure(self):
        """The metrics, and where the generators are after they were found."""
        self.model.eval()
        with no_grad():
            metrics = {name: _number(v) for name, v in self.validate().items()}
        self.model.train()
        if not metrics:
            raise TrainingError(f"step {self.at.step}: validate gave nothing, expected {{name: number}}")
        if self.monitor and self.monitor not in metrics:
            raise TrainingError(f"validate gave {sorted(metrics)}, the metric to follow is {self.monitor!r}")
        return metrics, [g.state_dict() for g in self.everything.generators.values()]

    def _better(self, name, value):
        mode = self.mode or ("min" if "loss" in name or "error" in name else "max")
        if self.at.best is None or math.isnan(self.at.best):
            return True
        return value < self.at.best if mode == "min" else value > self.at.best

    def _plateau(self):
        return isinstance(self.schedule, optim.ReduceLROnPlateau)

    def _keep_best(self):
        if self.checkpoints is not None:
            state = {"model": self.model.state_dict(), "step": self.at.step, "epoch": self.at.epoch}
            write(self.checkpoints.best, {**state, "metrics": self.at.metrics})
        elif self.restore_best:
            self.best_weights = self.model.state_dict()

    def _restore_best(self):
        from .state import load_checkpoint

        if self.checkpoints is not None and self.checkpoints.best.exists():
            load_checkpoint(self.checkpoints.best, model=self.model)
        elif self.best_weights is not None:
            self.model.load_state_dict(self.best_weights)
        if self.comm.size > 1:  # what was best before a resume is on rank 0's disk alone
            self.model.load_state_dict(self.comm.broadcast(self.model.state_dict()))

    def _log(self, **record):
        if self.journal is not None:
            seconds = round(time.monotonic() - self.began, 3)
            self.journal.append({"step": self.at.step, "epoch": self.at.epoch, **record, "seconds": seconds})

    def _save(self):
        if self.shards is not None and self.kept:
            self.shards.check(digest(self.model.state_dict()))
        if self.kept:
            self.comm.first(self._write)

    def _write(self):
        state = self.everything.state_dict()
        own = {"step": self.at.step, "epoch": self.at.epoch, "metrics": self.at.metrics}
        own |= {"at": dataclasses.asdict(self.at), "journal": self.journal.position()}
        own["shards"] = None if self.parallel is None else self.parallel.shards
        self.checkpoints.save(self.at.step, {**own, **state})


def _number(value):
    return float(value.item() if hasattr(value, "item") else value)
