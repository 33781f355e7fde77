"""Two towers with their loss, and a trained run read back to encode pictures, texts and sounds."""

import numpy as np

from ... import nn
from ...autograd import no_grad
from ...models.collapse import Watch
from ...models.momentum import MomentumQueue, same_item
from ...models.retrieval_losses import HardestNegative, build_loss
from ...models.scan import SCAN
from ...models.two_towers import TwoTowers, score_matrix
from ...random import Generator
from ...train import load_checkpoint
from ..captioning.model import load_vocabulary
from ..run import RunError
from .senses import PictureSense, SoundSense, TextSense
from .settings import RetrievalSettings

__all__ = ["CrossRetriever", "Retrieval", "Retriever", "load_model", "make_model", "make_senses"]


def make_senses(settings, vocabulary, data):
    """The senses of the first and of the second tower."""
    made = {"picture": PictureSense, "sound": SoundSense}
    return tuple(
        TextSense(vocabulary, data) if name == "text" else made[name](settings) for name in settings.senses
    )


class Retriever(nn.Module):
    """What is trained: both towers, the loss with its own parameters, the queue, and the watch.

    ``loss_of`` gives the loss of a batch, figures for the journal, and a line where something is wrong.
    """

    def __init__(self, senses, settings, generator=None):
        self.towers = TwoTowers(*(sense.tower(settings, generator) for sense in senses), settings.score)
        self.loss = build_loss(settings.loss, settings.margin, settings.temperature, settings.several)
        self.queue = MomentumQueue(self.towers, settings.queue, settings.momentum) if settings.queue else None
        self.watch = Watch(settings.alarm)

    def loss_of(self, first, second, items, words, share=1.0):
        """first, second: the towers' arguments; items, words (B,): which picture, which caption.

        share    of the hardest negative in its warm-up
        → the loss, a Tensor (); {name: number}; a line or None
        """
        self.loss.settle()
        if isinstance(self.loss, HardestNegative):
            self.loss.share = share
        scores = self.batch_scores(first, second, items, words)
        value = self.loss(*scores)
        found = scores[0].detach().numpy()[:, : len(items)]
        alarm = self.watch(value.item(), self.loss.blind(scores[2]), found)
        figures = dict(alarm.figures)
        if hasattr(self.loss, "tau"):
            figures["temperature"] = float(np.exp(-self.loss.tau.item()))
        return value, figures, alarm.line

    def scale_by(self, regions):
        """Let the regions of these pictures (N, R, D) say how features are scaled."""
        self.towers.first.scale_by(regions)

    def batch_scores(self, first, second, items, words):
        """What the loss reads: scores of both directions (or of rows alone, None), and their positives."""
        v, t = self.towers.encode("first", *first), self.towers.encode("second", *second)
        if self.queue is not None:
            return self.queue(self.towers, v, t, first, second, items, words)
        return self.towers.scores(v, t), None, same_item(items, words), None

    def encode(self, side, sense, entries, batch_size=256):
        """All entries through one tower, without gradients: (N, E), rows of unit length."""
        training = self.training
        self.eval()
        # sentences of one length go together, which spares the filling
        order = np.argsort([len(e) for e in entries], kind="stable") if isinstance(entries, list) else None
        order = np.arange(len(entries)) if order is None else order
        out = np.zeros((len(entries), self.towers.first.size), np.float32)
        with no_grad():
            for i in range(0, len(entries), batch_size):
                some = order[i : i + batch_size]
                out[some] = self.towers.encode(side, *sense.batch(entries, some)).numpy()
        self.train(training)
        return out

    def similarity(self, senses, pairs):
        """S (N, C) of a ``Gallery``: every first item with every second one."""
        v, t = self.encode("first", senses[0], pairs.first), self.encode("second", senses[1], pairs.second)
        with no_grad():
            return score_matrix(self.towers, v, t)


class CrossRetriever(Retriever):
    """The same with stacked cross attention in the place of two towers (``models.scan``).

    A pair has a score, a picture alone has no vector: every question reads the whole gallery.
    """

    def __init__(self, senses, settings, generator=None):
        pictures, texts = senses
        self.scan = SCAN(
            len(texts.vocabulary), pictures.width, settings.size, settings.embedding, settings.direction,
            settings.pooling, settings.rectifier, settings.smooth or None, settings.sharpness or None,
            settings.scaled, generator,
        )  # fmt: skip
        self.loss = build_loss(settings.loss, settings.margin, settings.temperature, settings.several)
        self.watch = Watch(settings.alarm)

    def scale_by(self, regions):
        self.scan.scale_by(regions)

    def batch_scores(self, first, second, items, words):
        return self.scan(*first, *second), None, same_item(items, words), None

    def encode(self, side, sense, entries, batch_size=256):
        raise RunError("model=scan", "scores pairs, and has no vector of a picture or a text alone")

    def similarity(self, senses, pairs, pictures=32, captions=512):
        """S (N, C) of a ``Gallery``, in blocks; captions of one length go together."""
        training = self.training
        self.eval()
        order = np.argsort([len(e) for e in pairs.second], kind="stable")
        out = np.zeros((len(pairs.first), len(pairs.second)), np.float32)
        with no_grad():
            seen = [
                self.scan.encode_regions(
                    *senses[0].batch(pairs.first, np.arange(i, min(i + pictures, len(out))))
                )
                for i in range(0, len(out), pictures)
            ]
            for c in range(0, len(order), captions):
                some = order[c : c + captions]
                read = self.scan.encode_words(*senses[1].batch(pairs.second, some))
                for i, block in enumerate(seen):
                    out[i * pictures : (i + 1) * pictures, some] = self.scan.score(block, read).numpy()
        self.train(training)
        return out


def make_model(senses, settings, generator=None):
    """What is trained: two towers, or stacked cross attention."""
    return (CrossRetriever if settings.model == "scan" else Retriever)(senses, settings, generator)


class Retrieval:
    """A trained run: pictures, texts and sounds to vectors of one space, (N, D), rows of unit length.

    Where ``settings.score`` is cosine, the product of two rows says how well they fit each other; of order
    embeddings ``models.two_towers.order_scores`` does.
    """

    def __init__(self, model, senses, settings, data):
        self.model, self.senses, self.settings, self.data = model, senses, settings, data

    @property
    def size(self):
        """D."""
        return self.settings.size

    def encode_pictures(self, images):
        """uint8 (N, 64, 64, 3) → (N, D); of a published network's tower a list of any sizes, too."""
        return self._encode("picture", images)

    def encode_texts(self, texts):
        """A list of N str → (N, D)."""
        return self._encode("text", texts)

    def known_words(self, text):
        """A text's words in two lists: those that training showed, and those that tell the model nothing."""
        sense = self.senses[self.settings.senses.index("text")]
        words = list(dict.fromkeys(sense.words(text)))
        return [w for w in words if w in sense.vocabulary], [w for w in words if w not in sense.vocabulary]

    def encode_sounds(self, clips):
        """N clips, floats (T,), one second at 8 kHz → (N, D)."""
        return self._encode("sound", clips)

    def _encode(self, name, given):
        names = self.settings.senses
        if name not in names:
            raise ValueError(f"this run is of {' and '.join(names)}; it encodes no {name}s")
        place = names.index(name)
        if not len(given):
            return np.zeros((0, self.size), np.float32)
        sense = self.senses[place]
        return self.model.encode(("first", "second")[place], sense, sense.entries(given))


def load_model(run):
    """The trained model of a ``Run`` (the best on validation, or the last), as a ``Retrieval``.

    Errors     RunError where the run is of another task or its settings do not fit; CheckpointError
    """
    if run.task != "retrieval":
        raise RunError(run.folder, f"is a run of task {run.task!r}, expected 'retrieval'")
    try:
        settings = RetrievalSettings(**run.settings)
    except (TypeError, ValueError) as e:
        raise RunError(run.folder / "run.json", f"settings: {e}") from None
    senses, model = untrained(run, settings)
    load_checkpoint(run.folder, model=model, which="best")
    model.eval()
    return Retrieval(model, senses, settings, run.data)


def untrained(run, settings):
    """Senses and model of a run as its training began."""
    vocabulary = load_vocabulary(run) if "text" in settings.senses else None
    senses = make_senses(settings, vocabulary, run.data)
    return senses, make_model(senses, settings, Generator(run.seed))
