"""Answers by programs: the question becomes a program, the picture a scene, and the one runs on the other."""

from __future__ import annotations

import numpy as np

from .. import nn
from ..autograd import no_grad
from ..data.scenes.program_tokens import PROGRAM_TOKENS, program_of
from ..data.scenes.programs import ProgramError
from ..representations.image.detector import Detector
from ..tensor import Tensor
from .program_executor import answer_shares
from .program_generator import ProgramGenerator
from .scene_reader import read_tables

__all__ = ["ProgramNetwork"]

FLOOR = 1e-6


class CertainAnswers:
    """Stands where other models have an ``AnswerHead``: the logits are the logarithms of probabilities."""

    kind = "softmax"


class ProgramNetwork(nn.Module):
    """Question → program → answer on the scene that a detector sees (Johnson et al., 2017; Yi et al., 2018).

    Forward    π = program of the question, of probability p(π | q); s = answers of π on the picture's table;
               z_a = log(p(π | q) s_a + (1 − p(π | q) Σ s) / K)
               what is not known (another program, a question without an answer here) is any of the K answers
    Shapes     x (N, 3, 64, 64), M questions in U wordings, image_of (M,) → z (M, K)
    Note       only the writer of programs is learnt, from programs; the detector is as it came, and its
               weights are part of the model. A program that cannot be read leaves all answers as likely: the
               first of them is said
    """

    def __init__(self, words, answers, hidden=128, detector=None, generator=None):
        self.answers = tuple(answers)
        self.writer = ProgramGenerator(words, PROGRAM_TOKENS, hidden, generator=generator)
        self.detector = (Detector() if detector is None else detector).requires_grad_(False)
        self.head = CertainAnswers()

    def programs(self, questions):
        """The program of each wording, None where what is written is none; and their probability (U,)."""
        found, p = self.writer.generate(questions)
        return [_read(tokens) for tokens in found], p

    def answer(self, tables, questions, image_of, programs=None):
        """Log-probabilities of the answers (M, K), an array, on tables of objects of the N pictures.

        programs    of each wording, with their probability (U,); the model's own unless given
        """
        programs, p = self.programs(questions) if programs is None else programs
        image_of, k = np.asarray(image_of), len(self.answers)
        found = np.zeros((len(image_of), k))
        place = {answer: i for i, answer in enumerate(self.answers)}
        for wording, program in enumerate(programs):
            asking = np.flatnonzero(questions.which == wording)
            if program is None or not len(asking):
                continue
            names, shares = answer_shares(program, tables.take(image_of[asking]))
            known = [i for i, name in enumerate(names) if name in place]
            columns = [place[names[i]] for i in known]
            found[asking[:, None], columns] = shares[:, known] * p[wording]
        rest = 1 - found.sum(1, keepdims=True)
        return np.log(np.maximum(found + rest / k, FLOOR))

    def forward(self, images, questions, image_of):
        tables = read_tables(self.detector, images.numpy())
        with no_grad():
            return Tensor(self.answer(tables, questions, image_of).astype(np.float32))


def _read(tokens):
    try:
        return program_of(tokens)
    except ProgramError:
        return None
