"""Optimizers, clipping of gradients, and schedules for the learning rate.

An optimizer holds the parameters in groups, each with its own options, and some state for each parameter.
A step is one kernel call a parameter, in place, where the parameter lives; nothing waits for a device.
"""

import math

import numpy as np

from . import kernels
from .nn.module import Parameter, like
from .tensor import Tensor

__all__ = [
    "SGD", "Adagrad", "Adam", "AdamW", "CosineAnnealingLR", "LambdaLR", "LinearWarmup", "OneCycleLR",
    "Optimizer", "ReduceLROnPlateau", "Schedule", "StepLR", "clip_grad_norm_",
]  # fmt: skip


class Optimizer:
    """What all optimizers share: groups, state, saving. A subclass writes ``_check`` and ``_update``.

    params: parameters, or dicts {"params": parameters, option: value, …}, one a group.
    """

    def __init__(self, params, **defaults):
        self.defaults = defaults
        self.param_groups = []
        self._state = {}
        params = list(params)
        groups = params if params and isinstance(params[0], dict) else [{"params": params}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group):
        """One more group; options that it does not name are the optimizer's own."""
        name = type(self).__name__
        parameters = group["params"]
        parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        unknown = set(group) - set(self.defaults) - {"params"}
        if unknown:
            known = ", ".join(self.defaults)
            raise ValueError(f"{name}: unknown option {sorted(unknown)[0]!r} of a group; known: {known}")
        if not parameters:
            raise ValueError(f"{name}: a group without parameters")
        held = {id(p) for g in self.param_groups for p in g["params"]}
        for p in parameters:
            if not isinstance(p, Tensor) or p.step is not None:
                what = "a result of operations" if isinstance(p, Tensor) else type(p).__name__
                raise TypeError(f"{name}: expected Parameters, got {what}")
            if id(p) in held:
                raise ValueError(f"{name}: a parameter of shape {tuple(p.shape)} was given twice")
            held.add(id(p))
        group = {**self.defaults, **group, "params": parameters}
        self._check(group)
        self.param_groups.append(group)

    def zero_grad(self):
        """Forget all gradients."""
        for p in self._parameters():
            p.grad = None

    def step(self):
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(kernels.of(p.data), p, group, self._state.setdefault(id(p), {}))

    def _parameters(self):
        return [p for group in self.param_groups for p in group["params"]]

    def _check(self, group):
        """Refuse options that cannot be meant."""
        _not_negative(self, group, "lr", "weight_decay")

    def _update(self, kernel, p, group, state):
        raise NotImplementedError

    def state_dict(self):
        """{"state": {i: {…}}, "param_groups": [{…}]}, as PyTorch lays it out; arrays are copies on the host.

        i is a parameter's place over all groups.
        """
        state, groups, place = {}, [], 0
        for group in self.param_groups:
            count = len(group["params"])
            options = {k: v for k, v in group.items() if k != "params"}
            groups.append({**options, "params": list(range(place, place + count))})
            place += count
        for i, p in enumerate(self._parameters()):
            if self._state.get(id(p)):
                state[i] = {k: _to_host(v) for k, v in self._state[id(p)].items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state):
        """Go on from what ``state_dict`` gave, for the same parameters in the same order."""
        name, parameters = f"{type(self).__name__}.load_state_dict", self._parameters()
        sizes = [len(g["params"]) for g in self.param_groups]
        if [len(g["params"]) for g in state["param_groups"]] != sizes:
            raise ValueError(
                f"{name}: groups of {[len(g['params']) for g in state['param_groups']]} parameters, "
                f"this optimizer has groups of {sizes}"
            )
        loaded = {}
        for i, values in state["state"].items():
            p = parameters[int(i)]
            for key, value in values.items():
                shape = np.shape(value)
                if key != "step" and shape != tuple(p.shape):
                    raise ValueError(
                        f"{name}: {key} of parameter {i} has shape {shape}, expected {tuple(p.shape)}"
                    )
            loaded[id(p)] = {k: int(v) if k == "step" else like(p, _to_host(v)) for k, v in values.items()}
        self._state = loaded
        for group, saved in zip(self.param_groups, state["param_groups"], strict=True):
            group.update({k: _tuple(v) for k, v in saved.items() if k in self.defaults})


def _to_host(value):
    return np.array(Tensor(value).numpy()) if hasattr(value, "dtype") else value


def _tuple(value):
    return tuple(value) if isinstance(value, list) else value


def _not_negative(optimizer, group, *names):
    for name in names:
        value = group.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ValueError(f"{type(optimizer).__name__}: {name} must be a number ≥ 0, got {value!r}")


def _zeros_like(kernel, p):
    return kernel.full(tuple(p.shape), 0, p.data.dtype)


class SGD(Optimizer):
    """Gradient descent with momentum (Polyak, 1964; Nesterov, 1983; Sutskever et al., 2013).

    Forward    g ← g + λ·w;  v ← μ·v + (1 − dampening)·g (v = g at first);
               w ← w − lr·(g + μ·v if nesterov else v)
    """

    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
            nesterov=nesterov,
        )  # fmt: skip

    def _check(self, group):
        super()._check(group)
        _not_negative(self, group, "momentum")
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError("SGD: nesterov needs momentum above 0 and dampening 0")

    def _update(self, kernel, p, group, state):
        first = "momentum_buffer" not in state
        if group["momentum"] and first:
            state["momentum_buffer"] = _zeros_like(kernel, p)
        kernel.sgd_step(
            p.data, p.grad, state.get("momentum_buffer"), group["lr"], group["momentum"],
            group["dampening"], group["weight_decay"], group["nesterov"], first,
        )  # fmt: skip


class Adam(Optimizer):
    """Steps scaled by running moments of the gradient (Kingma & Ba, 2015, algorithm 1).

    Forward    m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;
               w ← w − lr · (m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + eps),
               with g ← g + λ·w first
    """

    decoupled = False

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def _check(self, group):
        super()._check(group)
        _not_negative(self, group, "eps")
        betas = group["betas"]
        if len(betas) != 2 or not all(0 <= b < 1 for b in betas):
            raise ValueError(f"{type(self).__name__}: betas must be two numbers in [0, 1), got {betas!r}")

    def _update(self, kernel, p, group, state):
        if not state:
            state.update(step=0, exp_avg=_zeros_like(kernel, p), exp_avg_sq=_zeros_like(kernel, p))
        state["step"] += 1
        kernel.adam_step(
            p.data, p.grad, state["exp_avg"], state["exp_avg_sq"], group["lr"], *group["betas"],
            group["eps"], group["weight_decay"], self.decoupled, state["step"],
        )  # fmt: skip


class AdamW(Adam):
    """Adam with weight decay beside the gradient, not in it (Loshchilov & Hutter, 2019, algorithm 2).

    Forward    w ← w − lr·λ·w, then as ``Adam`` with λ = 0
    """

    decoupled = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)


class Adagrad(Optimizer):
    """Steps scaled by all squared gradients so far (Duchi, Hazan & Singer, 2011).

    Forward    G ← G + g²;  w ← w − lr · g/(√G + eps), with g ← g + λ·w first
    """

    def __init__(self, params, lr=1e-2, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
        super().__init__(
            params, lr=lr, weight_decay=weight_decay, eps=eps,
            initial_accumulator_value=initial_accumulator_value,
        )  # fmt: skip

    def _check(self, group):
        super()._check(group)
        _not_negative(self, group, "eps", "initial_accumulator_value")

    def _update(self, kernel, p, group, state):
        if not state:
            begin = group["initial_accumulator_value"]
            state["sum"] = kernel.full(tuple(p.shape), begin, p.data.dtype)
        kernel.adagrad_step(p.data, p.grad, state["sum"], group["lr"], group["eps"], group["weight_decay"])


def clip_grad_norm_(parameters, max_norm):
    """All gradients times min(1, max_norm/(‖g‖ + 1e-6)), ‖g‖ over all together (Pascanu et al., 2013).

    → ‖g‖ before clipping, a Tensor (): it stays on the device until asked for. A norm that is not finite
    leaves the gradients as they are.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be positive, got {max_norm}")
    parameters = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    held = [p for p in parameters if p.grad is not None]
    if not held:
        return Tensor(np.zeros((), np.float32))
    norm, clipped = kernels.of(held[0].grad).clip_global_norm([p.grad for p in held], float(max_norm))
    for p, g in zip(held, clipped, strict=True):
        p.grad = g
    return Tensor(norm)


# ── schedules: the learning rate as a function of the step ───────────────────────────────────────
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
