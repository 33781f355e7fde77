"""Every kind of file that the library reads: how a good one is made, how it is read, what damage it can show.

``sealed`` is what the format itself lets a reader know:

    "all"      a checksum covers the contents: a change of a byte is refused, or changes nothing that is read
    "header"   the header's fields agree with each other and with the length: any change of one is noticed,
               but a changed number or letter behind it is another number or letter
    "none"     text or pixels without redundancy: a changed byte may be another content, equally well formed
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mmscratch import ranking, search
from mmscratch.data import (
    audio,
    caption_files,
    coco,
    easy_vqa,
    flickr8k,
    fsdd,
    letor,
    mnist,
    shapeworld,
    trec,
    vqa,
    vqa_results,
)
from mmscratch.data.image import read_image
from mmscratch.data.tokenizers import WordPiece
from mmscratch.data.video import read_video, write_video
from mmscratch.representations.features import Features
from mmscratch.representations.text import WordVectors
from mmscratch.train import checkpoint, journal
from mmscratch.weights import read_shipped, read_weights, write_shipped

MEGABYTE = 1 << 20
GOLDENS = Path(__file__).resolve().parents[1] / "goldens"


@dataclasses.dataclass(frozen=True)
class Format:
    """One row of the corpus.

    file      the file that is damaged, below the folder that ``make`` fills
    sealed    see above                      cut     is every truncation refused, or harmless?
    header    bytes of the header: each of its bits is flipped
    memory    how much a damaged file may make the process grow, in bytes
    tokens    what means something in a text format: written over and into it, too
    """

    name: str
    file: str
    make: Callable[[Path], None]
    read: Callable[[Path], object]
    sealed: str
    cut: bool = True
    header: int = 64
    memory: int = 64 * MEGABYTE
    tokens: tuple[bytes, ...] = ()


RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (2, 12, 10, 3), dtype=np.uint8)
ARRAYS = {
    "conv.weight": RNG.normal(size=(3, 2, 3)).astype(np.float32),
    "half": RNG.normal(size=5).astype(np.float16),
    "count": np.array(7),
}
CAPTIONS = {
    "images": [{"id": k, "file_name": f"p{k}.png", "width": 8, "height": 6} for k in (3, 1, 2)],
    "annotations": [
        {"id": 10, "image_id": 1, "caption": "A red circle."},
        {"id": 11, "image_id": 3, "caption": "Ein grüner Kreis."},
        {"id": 12, "image_id": 2, "caption": 'A blue one \\ "quoted".'},
    ],
}
QUESTIONS = {
    "questions": [
        {"question_id": 70, "image_id": 2, "question": "What colour?"},
        {"question_id": 71, "image_id": 1, "question": "How many?"},
    ],
    "images": CAPTIONS["images"],
}
ANSWERS = {
    "annotations": [
        {"question_id": 71, "image_id": 1, "multiple_choice_answer": "2", "answer_type": "number"},
        {
            "question_id": 70,
            "image_id": 2,
            "multiple_choice_answer": "red",
            "answers": [{"answer": "red", "answer_id": 1}, {"answer": "dark red", "answer_id": 2}],
        },
    ]
}
JSON_TOKENS = tuple(
    b'{ } [ ] : , " \\ null true false NaN Infinity -0 1e999 0x1 "id" "image_id" \\ud800 \xff \x00'.split(
        b" "
    )
)
NUMBER_TOKENS = (b"nan", b"inf", b"-1", b"1e999", b":", b" ", b"\n", b"#", b"\xff", b"\x00", b"9" * 30)


# ── good files ──────────────────────────────────────────────────────────────────────────────────
def _checkpoint(folder):
    state = {
        "model": {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(3)},
        "optimizer": {"state": {0: {"step": 4, "m": np.zeros((0, 2))}}, "lr": 0.1},
        "generators": {"default": {"seed": 2**64 - 1}},
        "best": float("inf"),
        "text": 'ü "',
    }
    checkpoint.write(folder / "step-00000001.safetensors", state)


def _safetensors(folder):
    from safetensors.numpy import save_file

    save_file(ARRAYS, folder / "x.safetensors", metadata={"made by": "somebody"})


def _pth(folder):
    shutil.copy(GOLDENS / "torch_file.pth", folder / "x.pth")


def _picture(kind, **options):
    def make(folder):
        Image.fromarray(PIXELS[0]).save(folder / f"x.{kind}", **options)

    return make


def _wav(folder):
    audio.write_wav(
        folder / "x.wav", np.sin(np.arange(400) / 7).astype(np.float32)[:, None] * [0.9, 0.3], 8000
    )


def _pictures(folder):
    for k in (1, 2, 3):
        (folder / "images").mkdir(exist_ok=True)
        Image.new("RGB", (8, 6), (10 * k, 0, 0)).save(folder / "images" / f"p{k}.png")


def _json(name, record):
    def make(folder):
        _pictures(folder)
        (folder / name).write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")

    return make


def _karpathy(folder):
    images = [
        {"filename": f"p{k}.png", "split": "train", "cocoid": 100 + k,
         "sentences": [{"raw": f"Number {k}.", "tokens": ["number", str(k)]}, {"tokens": ["n", str(k)]}]}
        for k in (1, 2)
    ]  # fmt: skip
    _json("dataset_coco.json", {"images": images, "dataset": "coco"})(folder)


def _vqa(folder):
    _json("questions_train.json", QUESTIONS)(folder)
    (folder / "annotations_train.json").write_text(json.dumps(ANSWERS))


def _easy_vqa(folder):
    entries = [["what is the blue shape?", "circle", 0], ["is there a red shape?", "no", 1]]
    (folder / "train_questions.json").write_text(json.dumps(entries))
    (folder / "answers.txt").write_text("circle\nno\nyes\n")
    np.savez(folder / "train_images.npz", image_ids=np.arange(2), images=PIXELS)


def _flickr(folder):
    _pictures(folder)
    (folder / "Flickr8k.token.txt").write_text(
        "p1.png#0\tA circle .\np1.png#1\tRed .\np2.png#0\tA square .\n"
    )
    (folder / "Flickr_8k.trainImages.txt").write_text("p1.png\np2.png\n")


def _idx(folder, pack=bytes, end=""):
    images = RNG.integers(0, 256, (2, 28, 28), dtype=np.uint8)
    for name, array in (("images-idx3", images), ("labels-idx1", np.array([3, 9], np.uint8))):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"train-{name}-ubyte{end}").write_bytes(pack(head + array.tobytes()))


LETOR = "2 qid:10 1:0.03 2:0.89 # docid = 42\n0 qid:10 1:0.5 3:-1.5e-3\n1 qid:12 2:7\n0 qid:12 1:1\n"


def _letor(folder):
    (folder / "rank.train").write_text(LETOR)


def _letor_gz(folder):
    (folder / "rank.train.gz").write_bytes(gzip.compress(LETOR.encode(), mtime=0))


def _shapeworld(folder):
    with zipfile.ZipFile(folder / "original_files.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(2):
            buffer = io.BytesIO()
            Image.fromarray(PIXELS[k]).save(buffer, "PNG")
            archive.writestr(f"agreement/one/world-{k}.png", buffer.getvalue())
        archive.writestr("agreement/one/caption.txt", "There is a circle .\nThere is no circle .\n")
        archive.writestr("agreement/one/agreement.txt", "1.0\n0.0\n")


def _fsdd(folder):
    with zipfile.ZipFile(folder / "recordings.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for take in range(2):
            audio.write_wav(folder / "one.wav", np.sin(np.arange(200) / (3 + take)).astype(np.float32), 8000)
            archive.write(folder / "one.wav", f"recordings/{take}_jackson_{take}.wav")
    (folder / "one.wav").unlink()


def _index(method, **settings):
    def make(folder):
        rows = np.random.default_rng(1).normal(size=(40, 8)).astype(np.float32)
        index = search.make_index(method, 8, **settings)
        index.build(rows)
        index.save(folder / "x.index")

    return make


def _read_index(folder):
    index = search.load_index(folder / "x.index")
    return index.method, index.settings(), index.count, index.trained, index._arrays()


def _ranker(folder):
    x, y = np.random.default_rng(2).normal(size=(12, 3)), np.arange(12) % 3
    ranking.LambdaMART(n_estimators=2, num_leaves=3, min_data_in_leaf=1).fit(x, y, [6, 6]).save(
        folder / "x.npz"
    )


def _read_ranker(folder):
    ranker = ranking.load_ranker(folder / "x.npz")
    return type(ranker).__name__, ranker.get_params(), ranker.n_features_in_, ranker._arrays()


def _journal(folder):
    (folder / "journal.jsonl").write_text(
        "".join(
            json.dumps({"step": k, "epoch": 0, "loss": 1.5 / (k + 1), "seconds": 0.1}) + "\n"
            for k in range(4)
        )
    )


def _wordpiece(folder):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "##s", "circle", "ü", "a"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")


def _at(name, function):
    return lambda folder: function(folder / name)


def _opened(caption_set):
    """A caption or question set with its pictures' pixels."""
    return dataclasses.replace(caption_set, images=[np.asarray(image) for image in caption_set.images])


IMAGE_MEMORY = 400 * MEGABYTE
"""A header may promise 50 million pixels, which is the stated limit: as RGB, twice, they are 300 MB."""

FORMATS = [
    Format("checkpoint", "step-00000001.safetensors", _checkpoint,
           _at("step-00000001.safetensors", checkpoint.read), "all", header=256),
    Format("shipped weights", "x.safetensors",
           lambda f: write_shipped(f / "x.safetensors", ARRAYS, {"recipe": "by hand"}),
           _at("x.safetensors", read_shipped), "all"),
    Format("recipe of shipped weights", "x.json",
           lambda f: write_shipped(f / "x.safetensors", ARRAYS, {"recipe": "by hand"}),
           lambda f: read_shipped(f / "x.safetensors")[0], "all", header=40, tokens=JSON_TOKENS),
    Format("search index, exact", "x.index", _index("exact"), _read_index, "all", header=200),
    Format("search index, HNSW", "x.index", _index("hnsw", degree=3, ef_construction=8), _read_index, "all"),
    Format("search index, IVF-PQ", "x.index", _index("ivfpq", cells=3, probes=2, parts=2, codewords=4), _read_index, "all"),
    Format("search index, LSH", "x.index", _index("lsh", tables=2, bits=3), _read_index, "all"),
    Format("safetensors of others", "x.safetensors", _safetensors, _at("x.safetensors", read_weights), "none"),
    Format("npz, weights", "x.npz", lambda f: np.savez(f / "x.npz", **ARRAYS), _at("x.npz", read_weights), "all"),
    Format("npz packed, weights", "x.npz", lambda f: np.savez_compressed(f / "x.npz", **ARRAYS),
           _at("x.npz", read_weights), "all"),
    Format("PyTorch's .pth", "x.pth", _pth, _at("x.pth", read_weights), "all"),
    Format("npz, clip", "x.npz", lambda f: write_video(f / "x.npz", PIXELS), _at("x.npz", read_video), "all"),
    Format("npz, word vectors", "x.npz",
           lambda f: WordVectors(["a", "red", "ü"], ARRAYS["conv.weight"][:, 0]).save(f / "x.npz"),
           _at("x.npz", lambda p: (lambda v: (v.words, v.vectors))(WordVectors.load(p))), "all"),
    Format("npz, features", "x.npz",
           lambda f: Features(ARRAYS["conv.weight"], np.ones((3, 2), bool)).save(f / "x.npz"),
           _at("x.npz", lambda p: (lambda v: (v.values, v.mask))(Features.load(p))), "all"),
    Format("npz, ranker", "x.npz", _ranker, _read_ranker, "all"),
    Format("PNG", "x.png", _picture("png"), _at("x.png", read_image), "all"),
    Format("JPEG", "x.jpg", _picture("jpg", quality=80), _at("x.jpg", read_image), "none",
           header=256, memory=IMAGE_MEMORY),
    Format("GIF, clip", "x.gif", lambda f: write_video(f / "x.gif", PIXELS), _at("x.gif", read_video), "none",
           memory=IMAGE_MEMORY),
    Format("PNG, clip", "x.png", lambda f: write_video(f / "x.png", PIXELS), _at("x.png", read_video), "all"),
    Format("WAV", "x.wav", _wav, _at("x.wav", lambda p: audio.read_wav(p, mono=False)), "header", header=44),
    Format("ShapeWorld archive", "original_files.zip", _shapeworld, shapeworld.read_configurations, "all"),
    Format("spoken digits archive", "recordings.zip", _fsdd, _at("recordings.zip", fsdd.load_fsdd), "all"),
    Format("MNIST, IDX", "train-images-idx3-ubyte", _idx, mnist.load_mnist, "header", header=16),
    Format("MNIST, IDX packed", "train-images-idx3-ubyte.gz",
           lambda f: _idx(f, lambda data: gzip.compress(data, mtime=0), ".gz"), mnist.load_mnist, "all", header=20),
    Format("MNIST, npz", "x.npz",
           lambda f: np.savez_compressed(f / "x.npz", images=np.zeros((2, 28, 28), np.uint8), labels=np.array([1, 2])),
           mnist.load_mnist, "all"),
    Format("LETOR", "rank.train", _letor, _at("rank.train", letor.load_letor), "none", cut=False,
           tokens=NUMBER_TOKENS),
    Format("LETOR packed", "rank.train.gz", _letor_gz, _at("rank.train.gz", letor.load_letor), "all", header=20),
    Format("trec qrels", "x.qrels", lambda f: (f / "x.qrels").write_text("q1 0 d1 2\nq1 0 d2 0\nq2 0 d1 1\n"),
           _at("x.qrels", trec.load_qrels), "none", cut=False, tokens=NUMBER_TOKENS),
    Format("trec run", "x.run",
           lambda f: (f / "x.run").write_text("q1 Q0 d1 1 2.5 us\nq1 Q0 d2 2 1.5 us\nq2 Q0 d1 1 0.25 us\n"),
           _at("x.run", trec.load_run), "none", cut=False, tokens=NUMBER_TOKENS),
    Format("COCO captions", "captions_train.json", _json("captions_train.json", CAPTIONS),
           lambda f: _opened(coco.load_coco(f)), "none", tokens=JSON_TOKENS),
    Format("Karpathy's captions", "dataset_coco.json", _karpathy, lambda f: _opened(coco.load_coco(f)), "none",
           tokens=JSON_TOKENS),
    Format("COCO results", "said.json",
           lambda f: (f / "said.json").write_text(json.dumps(CAPTIONS["annotations"]))
           and (f / "captions.json").write_text(json.dumps(CAPTIONS)),
           lambda f: caption_files.load_scored_captions(f / "said.json", [f / "captions.json"]), "none",
           tokens=JSON_TOKENS),
    Format("VQA questions", "questions_train.json", _vqa, lambda f: _opened(vqa.load_vqa(f)), "none",
           tokens=JSON_TOKENS),
    Format("VQA annotations", "annotations_train.json", _vqa, lambda f: _opened(vqa.load_vqa(f)), "none",
           tokens=JSON_TOKENS),
    Format("VQA results", "x.json",
           lambda f: (f / "x.json").write_text(json.dumps([{"question_id": 1, "answer": "yes"}])),
           _at("x.json", vqa_results.load_results), "none", tokens=JSON_TOKENS),
    Format("easy-VQA questions", "train_questions.json", _easy_vqa, lambda f: _opened(easy_vqa.load_easy_vqa(f)),
           "none", tokens=JSON_TOKENS),
    Format("easy-VQA pictures", "train_images.npz", _easy_vqa, lambda f: _opened(easy_vqa.load_easy_vqa(f)), "all"),
    Format("Flickr8k captions", "Flickr8k.token.txt", _flickr, lambda f: _opened(flickr8k.load_flickr8k(f)), "none",
           cut=False, tokens=NUMBER_TOKENS),
    Format("WordPiece vocabulary", "vocab.txt", _wordpiece,
           _at("vocab.txt", lambda p: WordPiece.from_vocab(p).tokens), "none", cut=False),
    Format("journal", "journal.jsonl", _journal, _at("journal.jsonl", journal.read_journal), "none", cut=False,
           tokens=JSON_TOKENS),
]  # fmt: skip
BY_NAME = {f.name: f for f in FORMATS}
