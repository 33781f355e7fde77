"""FiLM over a picture's cells: its formula written out with SciPy, gradients, what it begins as."""

import numpy as np
import pytest
from scipy.signal import correlate2d

from mmscratch.gradcheck import gradcheck
from mmscratch.models.film_network import FiLMBlock, FiLMNetwork, coordinates
from mmscratch.models.vqa_questions import QuestionBatch
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(0)


def double(module):
    for part in (*module.parameters(), *module.buffers()):
        if part.data.dtype == np.float32:
            part.data = part.data.astype(np.float64)
    return module


def values(parameter):
    return parameter.detach().numpy()


def convolve(x, weight, bias=0.0):
    """(C, H, W), (K, C, n, n) → (K, H, W), zeros around."""
    bias = np.broadcast_to(bias, len(weight))
    planes = [sum(correlate2d(p, k, "same") for p, k in zip(x, kernel, strict=True)) for kernel in weight]
    return np.stack([plane + b for plane, b in zip(planes, bias, strict=True)])


def block_by_hand(block, x, place, gamma, beta):
    """Of a block in evaluation mode with running mean 0 and variance 1."""
    a = np.maximum(
        convolve(np.concatenate([x, place]), values(block.look.weight), values(block.look.bias)), 0
    )
    b = convolve(a, values(block.conv.weight)) / np.sqrt(1 + 1e-5)
    return a + np.maximum((1 + gamma[:, None, None]) * b + beta[:, None, None], 0)


def test_a_block_is_its_formula():
    block = double(FiLMBlock(4, Generator(0))).eval()
    x, place = RANDOM.normal(size=(2, 4, 5, 6)), np.stack([coordinates(5, 6).astype(np.float64)] * 2)
    gamma, beta = RANDOM.normal(size=(2, 2, 4))
    found = values(block(Tensor(x), Tensor(place), Tensor(gamma), Tensor(beta)))
    for m in range(2):
        np.testing.assert_allclose(
            found[m], block_by_hand(block, x[m], place[m], gamma[m], beta[m]), rtol=1e-9
        )


def test_the_network_is_its_formula():
    model = double(FiLMNetwork(9, 3, channels=(3, 4), hidden=5, blocks=2, generator=Generator(0))).eval()
    questions, image_of = QuestionBatch.of([[4, 5], [6]], [0, 1, 1]), np.array([0, 0, 1])
    images = RANDOM.random((2, 3, 8, 10))
    found = values(model(Tensor(images), questions, image_of))
    grid = values(model.pictures.grid(Tensor(images)))
    film = values(model.film(model.questions(questions)))
    place = coordinates(*grid.shape[2:]).astype(np.float64)
    for m in range(3):
        x, parts = grid[image_of[m]], film[questions.which[m]].reshape(4, -1)
        for k, block in enumerate(model.blocks):
            x = block_by_hand(block, x, place, parts[2 * k], parts[2 * k + 1])
        last = np.maximum(
            convolve(np.concatenate([x, place]), values(model.last.weight), values(model.last.bias)), 0
        )
        h = last.max((1, 2))
        h = np.maximum(values(model.head.hidden.weight) @ h + values(model.head.hidden.bias), 0)
        z = values(model.head.answer.weight) @ h + values(model.head.answer.bias)
        np.testing.assert_allclose(found[m], z, rtol=1e-8, atol=1e-10)


def test_gradients():
    block = double(FiLMBlock(2, Generator(1)))
    place = Tensor(np.stack([coordinates(3, 3).astype(np.float64)] * 2))
    shapes = [(2, 2, 3, 3), (2, 2), (2, 2)]
    inputs = [Tensor(RANDOM.normal(size=s), requires_grad=True) for s in shapes]
    gradcheck(lambda x, g, b: block(x, place, g, b), *inputs)


def test_coordinates_and_refusals():
    place = coordinates(3, 5)
    np.testing.assert_allclose(place[0, 0], [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(place[1, :, 0], [-1, 0, 1])
    with pytest.raises(ValueError, match="question: expected one of bow, lstm, both, got 'gru'"):
        FiLMNetwork(9, 3, question="gru")
    with pytest.raises(ValueError, match="blocks: expected at least 1, got 0"):
        FiLMNetwork(9, 3, blocks=0)
