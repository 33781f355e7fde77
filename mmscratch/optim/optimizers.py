"""Optimizers, and the clipping of gradients.

An optimizer holds the parameters in groups, each with its own options, and some state for each parameter.
A step is one kernel call a parameter, in place, where the parameter lives; nothing waits for a device.
"""

import numpy as np

from .. import kernels
from ..nn.module import Parameter, like
from ..tensor import Tensor

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "clip_grad_norm_"]


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


def _zeros_like(kernel, p, value=0):
    """State of a parameter's shape; on a device, in memory that is not taken from passing results."""
    make = lambda: kernel.full(tuple(p.shape), value, p.data.dtype)  # noqa: E731
    if isinstance(p.data, np.ndarray):
        return make()
    from ..kernels.cuda import memory

    with memory.lasting():
        return make()


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
            state["sum"] = _zeros_like(kernel, p, begin)
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
