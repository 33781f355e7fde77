"""Schedules: how the learning rate changes from step to step."""

import math

import numpy as np

__all__ = [
    "CosineAnnealingLR", "LambdaLR", "LinearWarmup", "OneCycleLR", "ReduceLROnPlateau", "Schedule", "StepLR",
]  # fmt: skip


class Schedule:
    """The rates of all groups as a function of the number of steps taken: call ``step()`` after each.

    A subclass writes ``factor(t)``, by which each group's own rate is multiplied, or ``rates(t)``.
    """

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.last_step = 0
        self._apply()

    def factor(self, t):
        """What the rates are multiplied by after t steps."""
        raise NotImplementedError

    def rates(self, t):
        """The rate of each group after t steps."""
        return [base * self.factor(t) for base in self.base_lrs]

    def step(self):
        """One step was taken: set the rates for the next."""
        self.last_step += 1
        self._apply()

    def get_last_lr(self):
        """The rates now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _apply(self):
        for group, lr in zip(self.optimizer.param_groups, self.rates(self.last_step), strict=True):
            group["lr"] = lr

    def state_dict(self):
        """Everything that changes, as plain numbers and lists."""
        return {"last_step": self.last_step, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state):
        """Go on from what ``state_dict`` gave."""
        if len(state["base_lrs"]) != len(self.optimizer.param_groups):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: rates of {len(state['base_lrs'])} groups, "
                f"the optimizer has {len(self.optimizer.param_groups)}"
            )
        self.last_step, self.base_lrs = int(state["last_step"]), list(state["base_lrs"])
        self._apply()


class LambdaLR(Schedule):
    """lr_t = lr_0 · function(t). The function is not saved: give the same one when going on."""

    def __init__(self, optimizer, lr_lambda):
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def factor(self, t):
        return self.lr_lambda(t)


class StepLR(Schedule):
    """lr_t = lr_0 · γ^⌊t/step_size⌋."""

    def __init__(self, optimizer, step_size, gamma=0.1):
        self.step_size, self.gamma = _count(self, "step_size", step_size), gamma
        super().__init__(optimizer)

    def factor(self, t):
        return self.gamma ** (t // self.step_size)


class CosineAnnealingLR(Schedule):
    """lr_t = eta_min + (lr_0 − eta_min)(1 + cos(πt/T_max))/2  (Loshchilov & Hutter, 2017, eq. 5).

    After T_max it rises again, as in PyTorch.
    """

    def __init__(self, optimizer, T_max, eta_min=0.0):
        self.T_max, self.eta_min = _count(self, "T_max", T_max), eta_min
        super().__init__(optimizer)

    def rates(self, t):
        wave = (1 + math.cos(math.pi * t / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * wave for base in self.base_lrs]


class LinearWarmup(Schedule):
    """lr_t = lr_0 · (t + 1)/warmup_steps for t < warmup_steps, then lr_0, or what ``after`` says.

    after: another schedule of the same optimizer, which begins when the warm-up ends.
    """

    def __init__(self, optimizer, warmup_steps, after=None):
        self.warmup_steps = _count(self, "warmup_steps", warmup_steps)
        if after is not None and after.optimizer is not optimizer:
            raise ValueError("LinearWarmup: after must be a schedule of the same optimizer")
        self.after = after
        super().__init__(optimizer)
        if after is not None:
            self.base_lrs = list(after.base_lrs)
            self._apply()

    def rates(self, t):
        if t < self.warmup_steps:
            return [base * (t + 1) / self.warmup_steps for base in self.base_lrs]
        return self.base_lrs if self.after is None else self.after.rates(t - self.warmup_steps)

    def state_dict(self):
        return {**super().state_dict(), "after": None if self.after is None else self.after.state_dict()}

    def load_state_dict(self, state):
        if self.after is not None:
            self.after.load_state_dict(state["after"])
        super().load_state_dict(state)


class OneCycleLR(Schedule):
    """Up from max_lr/div_factor to max_lr, then down to almost nothing; momentum the other way (Smith, 2018).

    Forward    t runs over total_steps; the first pct_start of it rises, the rest falls, along a half-wave
               a + (b − a)(1 − cos πs)/2 or, with anneal_strategy "linear", a + (b − a)s;
               after the end it stays
    """

    def __init__(self, optimizer, max_lr, total_steps, pct_start=0.3, anneal_strategy="cos",
                 cycle_momentum=True, base_momentum=0.85, max_momentum=0.95, div_factor=25.0,
                 final_div_factor=1e4):  # fmt: skip
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}"
            )
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start must be in [0, 1], got {pct_start}")
        self.total_steps, self.linear = _count(self, "total_steps", total_steps), anneal_strategy == "linear"
        count = len(optimizer.param_groups)
        self.max_lr = list(max_lr) if isinstance(max_lr, list | tuple) else [max_lr] * count
        self.top = pct_start * total_steps - 1
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        held = [k for k in ("momentum", "betas") if k in optimizer.defaults]
        if cycle_momentum and not held:
            raise ValueError("OneCycleLR: the optimizer has no momentum to cycle; give cycle_momentum=False")
        self.momentum = (held[0], base_momentum, max_momentum) if cycle_momentum else None
        super().__init__(optimizer)

    def _between(self, t, low, high, end):
        """low → high → end at step t."""
        if t <= self.top:
            a, b, share = low, high, t / self.top if self.top > 0 else 1.0
        else:
            last = self.total_steps - 1
            a, b = high, end
            share = (min(t, last) - self.top) / (last - self.top) if last > self.top else 1.0
        return a + (b - a) * (share if self.linear else (1 - math.cos(math.pi * share)) / 2)

    def rates(self, t):
        low = [top / self.div_factor for top in self.max_lr]
        pairs = zip(low, self.max_lr, strict=True)
        return [self._between(t, a, top, a / self.final_div_factor) for a, top in pairs]

    def _apply(self):
        super()._apply()
        if self.momentum is not None:
            key, base, high = self.momentum
            value = self._between(self.last_step, high, base, high)
            for group in self.optimizer.param_groups:
                group[key] = value if key == "momentum" else (value, *group["betas"][1:])


class ReduceLROnPlateau(Schedule):
    """lr ← max(lr · factor, min_lr) when a metric has not become better for more than ``patience`` calls.

    ``step(metric)`` after each validation. Better: below best·(1 − threshold) with mode "min", above
    best·(1 + threshold) with "max"; with threshold_mode "abs" best ∓ threshold.
    """

    def __init__(self, optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel",
                 cooldown=0, min_lr=0.0, eps=1e-8):  # fmt: skip
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"ReduceLROnPlateau: mode must be 'min' or 'max' and threshold_mode 'rel' or 'abs', "
                f"got {mode!r} and {threshold_mode!r}"
            )
        if not 0 < factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be in (0, 1), got {factor}")
        self.mode, self.reduction, self.patience, self.cooldown = mode, factor, patience, cooldown
        self.threshold, self.threshold_mode, self.min_lr, self.eps = threshold, threshold_mode, min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.bad, self.resting = 0, 0
        super().__init__(optimizer)

    def rates(self, t):
        return self.get_last_lr()

    def better(self, metric):
        """Is it better than the best so far, by the threshold?"""
        sign = 1 if self.mode == "min" else -1
        margin = self.threshold * (1 if self.threshold_mode == "abs" else self.best)
        if math.isinf(self.best):
            return sign * metric < sign * self.best
        return sign * metric < sign * (self.best - sign * margin)

    def step(self, metric):
        """A validation gave ``metric``."""
        self.last_step += 1
        metric = float(metric)
        if self.better(metric):
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.resting > 0:
            self.resting, self.bad = self.resting - 1, 0
        if self.bad > self.patience:
            self.resting, self.bad = self.cooldown, 0
            for group in self.optimizer.param_groups:
                lower = max(group["lr"] * self.reduction, self.min_lr)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower

    def state_dict(self):
        own = {"best": self.best, "bad": self.bad, "resting": self.resting, "lrs": self.get_last_lr()}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.best, self.bad, self.resting = state["best"], state["bad"], state["resting"]
        for group, lr in zip(self.optimizer.param_groups, state["lrs"], strict=True):
            group["lr"] = lr


def _count(schedule, name, value):
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{type(schedule).__name__}: {name} must be a positive integer, got {value!r}")
    return int(value)
