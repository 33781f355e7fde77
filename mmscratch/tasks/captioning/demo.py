"""``mmscratch demo``: from nothing to captions with attention, within a minute, and how true they are."""

import pathlib
import time

from ...data.vocabulary import Vocabulary
from ...random import Generator
from ...train import digest
from ..figures import caption_figure, caption_page
from .data import load_split
from .judge import judge
from .model import PictureCaptioner, describe
from .settings import CaptionSettings
from .task import learn

__all__ = ["run"]

SPEC = "scenes:train=3000,val=300,test=500,level=1,lang=en"
SHOWN = 6


def run(out="demo", seed=0, settings=None):
    """Train on one-object captions, judge on held-out scenes, draw; returns the exit code 0."""
    began = time.perf_counter()
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    settings = settings or CaptionSettings(steps=550, hidden=96, validate_every=550)
    print(f"data      {SPEC}")
    trained = load_split(SPEC, "train", progress=True)
    checked = load_split(SPEC, "val")
    vocabulary = Vocabulary.from_tokens(trained.sentences())
    model = PictureCaptioner(len(vocabulary), settings, Generator(seed))
    learn(model, vocabulary, settings, trained, checked, seed=seed)
    held_out = load_split(SPEC, "test")
    figures = judge(model, vocabulary, held_out, trained, seed)
    rows = [
        ("", "model", "majority caption"),
        ("caption loss (nats a word)", f"{figures['loss per word']:.3f}", ""),
        ("BLEU-4", f"{figures['Bleu_4']:.3f}", f"{figures['Bleu_4, majority caption']:.3f}"),
        (
            "truth rate",
            f"{figures['truth rate: true']:.1%}",
            f"{figures['truth rate: true, majority caption']:.1%}",
        ),
        ("truth rate, pictures shuffled", f"{figures['truth rate: true, shuffled pictures']:.1%}", ""),
    ]
    print(f"\nheld-out scenes: {len(held_out)}, seed {seed}")
    for name, value, beside in rows:
        print(f"{name:32} {value:>8} {beside:>18}")
    sha256 = digest(model.state_dict())
    print(f"sha256 of the weights  {sha256}")
    draw(out, model, vocabulary, held_out, rows, sha256, seed)
    print(f"figure  {out / 'captions.png'}\npage    {out / 'index.html'}")
    print(f"{time.perf_counter() - began:.0f} s")
    return 0


def draw(out, model, vocabulary, split, rows, digest, seed):
    """The figure and the page: the first pictures of the split, whatever the model says of them."""
    images = split.images[:SHOWN]
    words, _, looks = describe(model, vocabulary, model.encode(split.floats()[:SHOWN]), max_length=20)
    judged = ["true" if t else "false" for t in split.judge(words, range(SHOWN))]
    caption_figure(out / "captions.png", images, words, looks, judged)
    intro = (
        f"A captioner (convolutional network, LSTM, soft attention) trained on {SPEC}, seed {seed}. "
        "A caption is true if, parsed and executed on the scene's graph, it holds."
    )
    table = [(n, f"{v}   (majority caption: {b})" if b else v) for n, v, b in rows[1:]]
    table.append(("sha256 of the weights", digest))
    caption_page(out / "index.html", "What the captioner saw", intro, table, images, words, looks, judged)
