"""What trains fusions: blended losses, modalities left out, the classifier around a fusion."""

import numpy as np
import pytest
from fusion_checks import array, check_gradients, dense, double, relu
from scipy.optimize import minimize

from mmscratch import ops
from mmscratch.models.fusion import FUSIONS, make
from mmscratch.models.fusion.blending import (
    BlendedClassifier,
    blend,
    blending_weights,
    overfitting_to_generalisation,
)
from mmscratch.models.fusion.classifier import FusionClassifier
from mmscratch.models.fusion.modality_dropout import modality_dropout
from mmscratch.optim import SGD
from mmscratch.random import Generator
from mmscratch.tensor import Tensor, tensor

TRAINING = np.array([[2.0, 2.0, 2.0], [0.2, 1.0, 1.2]])
VALIDATION = np.array([[2.1, 2.0, 2.2], [1.6, 1.2, 1.8]])


def test_weights_are_gain_over_squared_overfitting():
    gain = [0.5, 0.8, 0.4]
    overfit = [(1.6 - 0.2) - (2.1 - 2.0), (1.2 - 1.0) - (2.0 - 2.0), (1.8 - 1.2) - (2.2 - 2.0)]
    wanted = [g / o**2 for g, o in zip(gain, overfit, strict=True)]
    np.testing.assert_allclose(
        blending_weights(TRAINING, VALIDATION), np.array(wanted) / sum(wanted), rtol=1e-12
    )


def test_no_weights_overfit_less_for_what_they_generalise():
    """Proposition 1: a search over all weights finds no lower ratio, and random draws have that ratio."""
    gain, overfit = np.array([0.5, 0.8, 0.4]), np.array([1.3, 0.2, 0.4])
    best = blending_weights(TRAINING, VALIDATION)
    least = overfitting_to_generalisation(best, gain, overfit)
    random = np.random.default_rng(0)
    for _ in range(200):
        assert overfitting_to_generalisation(random.normal(size=3), gain, overfit) >= least - 1e-12
    found = minimize(overfitting_to_generalisation, np.ones(3) / 3, args=(gain, overfit), tol=1e-12)
    assert found.fun == pytest.approx(least, rel=1e-6)
    np.testing.assert_allclose(found.x / found.x.sum(), best, rtol=1e-3)
    drawn = random.normal(size=(200000, 3)) * overfit
    assert np.mean((drawn @ best / (best @ gain)) ** 2) == pytest.approx(least, rel=0.02)


def test_what_grew_on_validation_counts_nothing():
    weights = blending_weights([[1, 1], [0.1, 0.5]], [[1, 1], [1.5, 0.6]])
    np.testing.assert_array_equal(weights, [0, 1])
    even = blending_weights([[1, 1], [0.5, 0.5]], [[1, 1], [0.5, 0.5]])  # no overfitting: no division by 0
    np.testing.assert_allclose(even, [0.5, 0.5])


def test_a_blend_is_the_weighted_sum_and_so_is_its_gradient():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    blend([ops.sum(x), ops.sum(ops.square(x))], [0.25, 0.75]).backward()
    np.testing.assert_allclose(x.grad, 0.25 + 0.75 * 2 * np.array([1.0, 2.0]))


def blended_case(seed=3):
    random = np.random.default_rng(seed)
    model = double(BlendedClassifier((4, 3), 3, hidden=2, generator=Generator(0)), seed)
    model.weights = np.array([0.2, 0.3, 0.5])
    return model, random.normal(size=(5, 4)), random.normal(size=(5, 3)), np.array([0, 1, 2, 1, 0])


def test_the_blended_losses_are_their_formulas():
    """Each modality's head over the rows that have it; the joint head over all, the missing part 0."""
    model, x, y, target = blended_case()
    present = np.ones((5, 2), bool)
    present[0, 0] = present[3, 1] = False

    def lost(s, k):
        return np.log(np.exp(s).sum()) - s[k]

    own, joint = ([], []), []
    for i, k in enumerate(target):
        z = [relu(dense(model.fuse.features[m], v[i])) * present[i, m] for m, v in enumerate((x, y))]
        for m in (0, 1):
            if present[i, m]:
                own[m].append(lost(dense(model.own[m], z[m]), k))
        joint.append(lost(dense(model.head, relu(dense(model.fuse.out, np.concatenate(z)))), k))
    found = [loss.item() for loss in model.losses(target, Tensor(x), Tensor(y), present=present)]
    np.testing.assert_allclose(found, [np.mean(own[0]), np.mean(own[1]), np.mean(joint)], rtol=1e-10)
    total = model.loss(target, Tensor(x), Tensor(y), present=present).item()
    assert total == pytest.approx(np.dot(model.weights, found))


def test_the_gradient_of_a_blend():
    model, x, y, target = blended_case()
    check_gradients(model, lambda a, b: model.loss(target, a, b), x, y)


def test_a_weight_of_zero_leaves_a_head_as_it_is():
    model, x, y, target = blended_case()
    model.weights = np.array([1.0, 0, 0])
    model.loss(target, Tensor(x), Tensor(y)).backward()
    assert not np.any(model.own[1].weight.grad) and not np.any(model.head.weight.grad)
    assert np.any(model.own[0].weight.grad)
    model.weights = np.ones(2)
    with pytest.raises(ValueError, match="3 losses and 2 weights"):
        model.loss(target, Tensor(x), Tensor(y))


def test_modalities_are_left_out_as_often_as_asked_and_never_all():
    present = np.ones((20000, 3), bool)
    present[:5000, 1] = False
    kept = modality_dropout(present, 0.3, Generator(0))
    assert kept.any(1).all() and not (kept & ~present).any()
    p = 0.3
    wanted = (1 - p) + p**3 / 3  # kept at once, or all drawn and this one stays
    for m in range(3):
        assert kept[5000:, m].mean() == pytest.approx(wanted, abs=4 * (0.21 / 15000) ** 0.5)
    assert kept[:5000, 0].mean() == pytest.approx((1 - p) + p**2 / 2, abs=4 * (0.21 / 5000) ** 0.5)
    np.testing.assert_array_equal(modality_dropout(present, 0.0, Generator(0)), present)
    np.testing.assert_array_equal(kept, modality_dropout(present, 0.3, Generator(0)))
    nothing = np.array([[False, False], [True, False]])
    np.testing.assert_array_equal(modality_dropout(nothing, 0.9, Generator(0)), nothing)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_step_of_every_classifier_lowers_its_loss(name):
    random = np.random.default_rng(1)
    x, y = (tensor(random.normal(size=(16, d)).astype(np.float32)) for d in (4, 3))
    target = random.integers(0, 3, 16)
    model = FusionClassifier(name, (4, 3), 3, hidden=4, generator=Generator(0))
    assert array(model(x, y)).shape == (16, 3)
    optimizer = SGD(model.parameters(), lr=1e-2)
    before = model.loss(target, x, y)
    before.backward()
    optimizer.step()
    assert model.loss(target, x, y).item() < before.item()
    mixing = model.mixing_loss(target, x, y)
    assert (mixing is not None) == model.fuse.decides


def test_the_loss_of_a_head_is_cross_entropy():
    x, y = (tensor(np.random.default_rng(2).normal(size=(5, d)).astype(np.float32)) for d in (4, 3))
    model = FusionClassifier("tensor", (4, 3), 3, generator=Generator(0))
    z = array(model(x, y)).astype(np.float64)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    assert model.loss([0, 1, 2, 1, 0], x, y).item() == pytest.approx(
        -log_p[range(5), [0, 1, 2, 1, 0]].mean(), rel=1e-5
    )


def test_refused():
    with pytest.raises(ValueError, match=r"training: expected finite losses \(2, K\)"):
        blending_weights([1.0, 2.0], VALIDATION)
    with pytest.raises(ValueError, match="expected the same"):
        blending_weights(TRAINING[:, :2], VALIDATION)
    with pytest.raises(ValueError, match="no loss has become smaller"):
        blending_weights([[1], [0.5]], [[1], [1.5]])
    with pytest.raises(ValueError, match="2 losses and 1 weights"):
        blend([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="p: expected 0 ≤ p < 1, got 1"):
        modality_dropout(np.ones((2, 2), bool), 1)
    with pytest.raises(ValueError, match=r"present: expected bool \(B, M\), got float64"):
        modality_dropout(np.ones((2, 2)), 0.5)
    with pytest.raises(ValueError, match="fusion: expected one of"):
        FusionClassifier("sum", (4, 3), 3)
    with pytest.raises(NotImplementedError, match="join is not written"):
        type(make("tensor", (1, 1), 1)).__mro__[1]((1, 1), 1)(*(Tensor(np.ones((1, 1))),) * 2)
