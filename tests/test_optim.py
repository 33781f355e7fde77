"""Optimizers and schedules beyond PyTorch's numbers: groups, saving, clipping, errors."""

import json
import math

import numpy as np
import pytest

from mmscratch import nn, optim
from mmscratch.tensor import tensor


def parameters(*shapes):
    rng = np.random.default_rng(0)
    return [nn.Parameter(rng.normal(size=s)) for s in shapes]


def give_gradients(params, seed):
    rng = np.random.default_rng(seed)
    for p in params:
        p.grad = rng.normal(size=p.shape)


MAKERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "plain SGD": lambda p: optim.SGD(p, lr=0.1),
    "Adam": lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_goes_on_bit_for_bit_from_its_state(make):
    params = parameters((2, 3), (4,))
    optimizer = make(params)
    for seed in range(3):
        give_gradients(params, seed)
        optimizer.step()
    saved = optimizer.state_dict()
    kept = [p.data.copy() for p in params]
    plain = json.loads(json.dumps({"param_groups": saved["param_groups"]}))  # options are plain values
    saved["param_groups"] = plain["param_groups"]
    for seed in range(3, 6):
        give_gradients(params, seed)
        optimizer.step()
    others = [nn.Parameter(a) for a in kept]
    other = make(others)
    other.param_groups[0]["lr"] = 7.0
    other.load_state_dict(saved)
    for seed in range(3, 6):
        give_gradients(others, seed)
        other.step()
    for a, b in zip(params, others, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_state_is_a_copy():
    params = parameters((3,))
    optimizer = optim.Adam(params)
    give_gradients(params, 0)
    optimizer.step()
    saved = optimizer.state_dict()
    before = saved["state"][0]["exp_avg"].copy()
    give_gradients(params, 1)
    optimizer.step()
    np.testing.assert_array_equal(saved["state"][0]["exp_avg"], before)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_gradients_are_never_written(make):
    params = parameters((3,), (3,))
    shared = np.ones(3)
    for p in params:
        p.grad = shared
    optimizer = make(params)
    for _ in range(3):
        optimizer.step()
    np.testing.assert_array_equal(shared, 1.0)


def test_groups_have_options_of_their_own():
    a, b, c = parameters((2,), (2,), (2,))
    before = [p.data.copy() for p in (a, b, c)]
    optimizer = optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b]}], lr=0.5)
    optimizer.add_param_group({"params": c, "lr": 0.0})
    for p in (a, b, c):
        p.grad = np.ones(2)
    optimizer.step()
    for p, old, lr in zip((a, b, c), before, (1.0, 0.5, 0.0), strict=True):
        np.testing.assert_allclose(p.data, old - lr)


def test_parameters_without_gradient_stay_and_have_no_state():
    a, b = parameters((2,), (2,))
    optimizer = optim.Adam([a, b])
    a.grad, before = np.ones(2), b.data.copy()
    optimizer.step()
    np.testing.assert_array_equal(b.data, before)
    assert list(optimizer.state_dict()["state"]) == [0]
    optimizer.zero_grad()
    assert a.grad is None


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_finds_the_bottom_of_a_bowl(make):
    (p,) = parameters((5,))
    optimizer = make([p])
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0
        group["lr"] = 1.0 if isinstance(optimizer, optim.Adagrad) else group["lr"]
    for _ in range(300):
        optimizer.zero_grad()
        ((p - 3.0) ** 2).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(p.data, 3.0, atol=0.02)


def test_clipping():
    a, b, c = parameters((2,), (3,), (1,))
    a.grad, b.grad = np.array([3.0, 0.0]), np.array([0.0, 4.0, 0.0])
    given = a.grad
    norm = optim.clip_grad_norm_([a, b, c], 1.0)
    assert norm.shape == () and norm.item() == pytest.approx(5.0)
    total = math.sqrt((a.grad**2).sum() + (b.grad**2).sum())
    assert total == pytest.approx(1.0, rel=1e-6) and total <= 1.0
    np.testing.assert_array_equal(given, [3.0, 0.0])
    before = a.grad
    assert optim.clip_grad_norm_([a, b], 10.0).item() == pytest.approx(1.0, rel=1e-6)
    np.testing.assert_allclose(a.grad, before)
    a.grad = np.array([np.nan, 1.0])
    assert math.isnan(optim.clip_grad_norm_([a], 1.0).item())
    assert optim.clip_grad_norm_([c], 1.0).item() == 0
    with pytest.raises(ValueError, match="max_norm must be positive, got 0"):
        optim.clip_grad_norm_([a], 0)


SCHEDULES = {
    "StepLR": lambda o: optim.StepLR(o, 3),
    "CosineAnnealingLR": lambda o: optim.CosineAnnealingLR(o, 20),
    "OneCycleLR": lambda o: optim.OneCycleLR(o, max_lr=[1.0, 2.0], total_steps=20),
    "LambdaLR": lambda o: optim.LambdaLR(o, lambda t: 1 / (1 + t)),
    "LinearWarmup": lambda o: optim.LinearWarmup(o, 5, after=optim.StepLR(o, 2)),
    "ReduceLROnPlateau": lambda o: optim.ReduceLROnPlateau(o, patience=1, factor=0.5),
}


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_schedule_goes_on_from_its_state(make):
    def fresh():
        a, b = parameters((1,), (1,))
        return optim.Adam([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.25)

    def advance(schedule, count):
        for _ in range(count):
            schedule.step(*([1.0] if isinstance(schedule, optim.ReduceLROnPlateau) else []))

    one, two = fresh(), fresh()
    schedule = make(one)
    advance(schedule, 7)
    optimizer_state, state = json.loads(json.dumps([one.state_dict(), schedule.state_dict()]))
    advance(schedule, 6)
    other = make(two)
    two.load_state_dict(optimizer_state)
    other.load_state_dict(state)
    advance(other, 6)
    assert other.get_last_lr() == schedule.get_last_lr()
    assert other.last_step == 13
    # And the other way about: a schedule made after the optimizer was loaded.
    three = fresh()
    three.load_state_dict(optimizer_state)
    late = make(three)
    late.load_state_dict(state)
    advance(late, 6)
    assert late.get_last_lr() == schedule.get_last_lr()


def rates_of(schedule, n):
    rates = []
    for _ in range(n):
        rates.append(schedule.get_last_lr()[0])
        schedule.step()
    return rates


def test_warmup_then_something():
    optimizer = optim.SGD(parameters((1,)), lr=0.8)
    assert rates_of(optim.LinearWarmup(optimizer, 4), 6) == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])
    optimizer = optim.SGD(parameters((1,)), lr=0.8)
    schedule = optim.LinearWarmup(optimizer, 2, after=optim.StepLR(optimizer, 2, gamma=0.5))
    assert rates_of(schedule, 7) == pytest.approx([0.4, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2])
    with pytest.raises(ValueError, match="the same optimizer"):
        optim.LinearWarmup(optim.SGD(parameters((1,)), lr=1.0), 2, after=schedule)


def test_lambda_and_one_cycle_beyond_its_end():
    optimizer = optim.SGD(parameters((1,)), lr=2.0)
    assert rates_of(optim.LambdaLR(optimizer, lambda t: 0.5**t), 4) == [2.0, 1.0, 0.5, 0.25]
    optimizer = optim.Adam(parameters((1,)), lr=1.0)
    schedule = optim.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    rates = rates_of(schedule, 14)
    assert max(rates) == pytest.approx(1.0) and rates[9] == pytest.approx(1 / 25 / 1e4)
    assert rates[10:] == [rates[9]] * 4
    assert optimizer.param_groups[0]["betas"] == (pytest.approx(0.95), 0.999)


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda p: optim.SGD(p, lr=-1), ValueError, "SGD: lr must be a number ≥ 0, got -1"),
        (lambda p: optim.SGD(p, lr=0.1, nesterov=True), ValueError, "SGD: nesterov needs momentum"),
        (
            lambda p: optim.Adam(p, betas=(0.9, 1.0)),
            ValueError,
            r"Adam: betas must be two numbers in \[0, 1\)",
        ),
        (lambda p: optim.AdamW(p, eps="small"), ValueError, "AdamW: eps must be a number"),
        (lambda p: optim.Adam([]), ValueError, "Adam: a group without parameters"),
        (lambda p: optim.Adam([*p, *p]), ValueError, r"a parameter of shape \(2,\) was given twice"),
        (lambda p: optim.Adam([p[0] * 2.0]), TypeError, "expected Parameters, got a result of operations"),
        (lambda p: optim.Adam([np.zeros(2)]), TypeError, "expected Parameters, got ndarray"),
        (lambda p: optim.Adam([{"params": p, "rate": 1}]), ValueError, "unknown option 'rate'.*known: lr"),
        (lambda p: optim.StepLR(optim.SGD(p), 0), ValueError, "StepLR: step_size must be a positive integer"),
        (lambda p: optim.ReduceLROnPlateau(optim.SGD(p), factor=1.0), ValueError, "factor must be in"),
        (
            lambda p: optim.ReduceLROnPlateau(optim.SGD(p), mode="best"),
            ValueError,
            "mode must be 'min' or 'max'",
        ),
        (lambda p: optim.OneCycleLR(optim.Adagrad(p), 1.0, 10), ValueError, "has no momentum to cycle"),
        (
            lambda p: optim.Adam(p).load_state_dict(optim.Adam([*p, tensor([1.0])]).state_dict()),
            ValueError,
            r"Adam.load_state_dict: groups of \[2\] parameters, this optimizer has groups of \[1\]",
        ),
    ],
)
def test_errors(run, error, message):
    with pytest.raises(error, match=message):
        run(parameters((2,)))


def test_state_of_another_shape_is_refused():
    a, b = parameters((2,)), parameters((3,))
    one, two = optim.Adam(a), optim.Adam(b)
    give_gradients(a, 0)
    one.step()
    with pytest.raises(ValueError, match=r"exp_avg of parameter 0 has shape \(2,\), expected \(3,\)"):
        two.load_state_dict(one.state_dict())
