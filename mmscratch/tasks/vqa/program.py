"""Programs as answers: what a writer of programs learns from, and how its parts are judged one by one."""

import numpy as np

from ...autograd import no_grad
from ...data.image import to_float
from ...data.scenes.program_tokens import program_tokens
from ...models.program_executor import tables_of_scenes
from ...models.scene_reader import read_tables
from ...representations.image.detector import load_detector
from ..image.detection import trained_detector
from ..run import Run, RunError

__all__ = ["ProgramBatches", "ProgramValidation", "eyes", "program_figures"]


def eyes(model, folder=""):
    """Give a ``ProgramNetwork`` the detector of a run, or the one that ships."""
    detector = trained_detector(Run.open(folder, "detection")) if folder else load_detector()
    model.detector.load_state_dict(detector.state_dict())


def programs_of(asked):
    """The program of each wording, as tokens; RunError where the data has none."""
    if asked.questions.programs is None:
        raise RunError("--set model=program", "programs are known of questions about scenes only")
    found = [None] * len(asked.sentences)
    for wording, program in zip(asked.which, asked.questions.programs, strict=True):
        found[wording] = program
    return [program_tokens(p) for p in found]


class ProgramBatches:
    """Every wording once an epoch, with its program; a function of (seed, epoch, position)."""

    def __init__(self, asked, batch_size, seed):
        self.asked, self.programs = asked, programs_of(asked)
        self.batch_size, self.seed = batch_size, seed
        self.epoch = self.position = 0
        self.first = np.unique(asked.which, return_index=True)[1]  # a question in each wording

    def __len__(self):
        return -(-len(self.programs) // self.batch_size)

    def __iter__(self):
        order = np.random.Generator(np.random.Philox([self.seed, self.epoch])).permutation(len(self.programs))
        while self.position < len(self):
            chosen = np.sort(order[self.position * self.batch_size :][: self.batch_size])
            self.position += 1
            yield self.asked.batch(self.first[chosen]), [self.programs[k] for k in chosen]
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self):
        """Where we are."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        """Go on from there."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


def seen(model, asked):
    """What the model's detector sees in the pictures of a split."""
    return read_tables(model.detector, to_float(asked.images[np.arange(len(asked.images))]))


class ProgramValidation:
    """Accuracy of the answers, and of the programs, on a split whose pictures are read once."""

    def __init__(self, model, asked):
        self.model, self.asked, self.tables = model, asked, None

    def __call__(self):
        self.tables = seen(self.model, self.asked) if self.tables is None else self.tables
        batch = self.asked.batch(np.arange(len(self.asked)))
        right = self.model.answer(self.tables, batch, self.asked.image_of).argmax(1) == self.asked.target
        exact = exact_programs(self.model, self.asked)[0]
        return {"val_accuracy": float(right.mean()), "val_programs": float(exact.mean())}


def exact_programs(model, asked):
    """(is the program of each question written token by token as it should be: bool (M,), its kind)."""
    batch = asked.batch(np.arange(len(asked)))
    with no_grad():
        said, _ = model.writer.generate(batch)
    wanted = [program_tokens(p) for p in asked.questions.programs]
    exact = [tuple(said[w]) == p for w, p in zip(batch.which, wanted, strict=True)]
    return np.array(exact, bool), np.array(asked.questions.types, object)


def program_figures(model, asked):
    """Where a ``ProgramNetwork`` goes wrong: its programs, or its eyes. Nothing for data without programs.

    program accuracy                 programs that are written exactly; also of each kind of question
    accuracy, oracle scene           answers of the written programs on the true scenes
    accuracy, oracle program         answers of the true programs on the scenes that are seen
    """
    if asked.questions.programs is None:
        return {}
    exact, types = exact_programs(model, asked)
    found = {"program accuracy": float(exact.mean())}
    everything = np.arange(len(asked))
    batch = asked.batch(everything)
    with no_grad():
        scenes = tables_of_scenes(asked.questions.scenes)
        oracle = model.answer(scenes, batch, asked.image_of).argmax(1)
        true = [None] * len(batch.ids)
        for wording, program in zip(batch.which, asked.questions.programs, strict=True):
            true[wording] = program
        told = (true, np.ones(len(true)))
        given = model.answer(seen(model, asked), batch, asked.image_of, told).argmax(1)
    found["accuracy, oracle scene"] = float((oracle == asked.target).mean())
    found["accuracy, oracle program"] = float((given == asked.target).mean())
    return found | {f"program accuracy, {k}": float(exact[types == k].mean()) for k in sorted(set(types))}
