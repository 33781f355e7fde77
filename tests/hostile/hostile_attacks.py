"""Files made to harm: bombs, payloads, paths out of the folder, sizes that lie. Each must be refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
from hostile_judge import grown
from PIL import Image

from mmscratch.data import audio, coco, flickr8k, fsdd, letor, mnist, shapeworld
from mmscratch.data.errors import DataError
from mmscratch.data.files import read_arrays, read_json
from mmscratch.data.image import read_image
from mmscratch.data.video import read_video
from mmscratch.search import load_index
from mmscratch.train import checkpoint
from mmscratch.weights import read_weights

MEMORY = 96 << 20
"""What refusing one of these may cost, in bytes."""
MARK = "payload-ran"


class Payload:
    """Unpickled, it makes a file: the sign that something in the file was run."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / MARK),)


def _zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _npy(shape="(3,)", dtype="<f4", data=b"\0" * 12):
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data


def _objects(folder):
    buffer = io.BytesIO()
    np.save(buffer, np.array([Payload(folder)], object), allow_pickle=True)
    return buffer.getvalue()


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width, height, *more, rows=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [_chunk(b"IHDR", head), *more, _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")]
    )


def _jpeg(width, height):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _overlapping(path, members=60, size=1 << 24):
    """Many directory entries of one packed member, as in Fifield's bombs: little is stored, much declared."""
    _zip(path, {"0.npy": bytes(size)})
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    entry, end = data[start : data.index(b"PK\x05\x06")], bytearray(data[data.index(b"PK\x05\x06") :])
    end[8:16] = struct.pack("<HHI", members, members, members * len(entry))
    path.write_bytes(data[:start] + entry * members + end)
    return path


def _lying_size(path):
    """Its directory says 1,000 bytes; unpacked, the member is 16 MB."""
    _zip(path, {"a.npy": bytes(1 << 24)})
    data = path.read_bytes().replace(struct.pack("<I", 1 << 24), struct.pack("<I", 1000))
    path.write_bytes(data)
    return path


def _safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _coco(folder, name):
    record = {"images": [{"id": 1, "file_name": name}], "annotations": [{"image_id": 1, "caption": "x"}]}
    (folder / "captions_train.json").write_text(json.dumps(record))
    return coco.load_coco(folder)


def _flickr(folder, name):
    (folder / "Flickr8k.token.txt").write_text(f"{name}#0\tx\n")
    (folder / "Flickr_8k.trainImages.txt").write_text(f"{name}\n")
    return flickr8k.load_flickr8k(folder)


def _wav(**fields):
    told = {
        "kind": 1,
        "channels": 1,
        "rate": 8000,
        "speed": 16000,
        "block": 2,
        "bits": 16,
        "size": 8,
    } | fields
    size = told.pop("size")
    return (b"RIFF" + struct.pack("<I", 44) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, *told.values())
            + b"data" + struct.pack("<I", size) + bytes(8))  # fmt: skip


def _shapeworld_zip(folder):
    inside = {"a/caption.txt": bytes(1 << 26), "a/agreement.txt": b"1.0\n"}
    _zip(folder / "original_files.zip", inside)
    return shapeworld.read_configurations(folder)


def _written(reader, data, name="x"):
    """An attack that is one file: its bytes (or a function of the folder), given to a reader."""

    def act(folder):
        (folder / name).write_bytes(data(folder) if callable(data) else data)
        return reader(folder / name)

    return act


def _torch(protocol):
    def make(folder):
        _zip(folder / "x", {"archive/data.pkl": pickle.dumps({"w": Payload(folder)}, protocol)})
        return read_weights(folder / "x")

    return make


def _fifo(folder):
    os.mkfifo(folder / "x")
    return read_image(folder / "x")


def _loop(folder):
    (folder / "x").symlink_to(folder / "x")
    return read_json(folder / "x")


DEEP = b"[" * 200_000 + b"]" * 200_000
ATTACKS = {
    **{f"pickle in a .pth, protocol {p}": _torch(p) for p in range(6)},
    "pickle instead of a .pth": _written(read_weights, lambda f: pickle.dumps(Payload(f))),
    "pickle instead of a checkpoint": _written(checkpoint.read, lambda f: pickle.dumps(Payload(f))),
    "pickle in an npz": lambda f: read_arrays(_zip(f / "x", {"a.npy": _objects(f)})),
    "pickle in an npz of weights": lambda f: read_weights(_zip(f / "x", {"a.npy": _objects(f)})),
    "pickle as a member of an npz": lambda f: read_arrays(_zip(f / "x", {"a.npy": pickle.dumps(Payload(f))})),
    "zip bomb, npz": lambda f: read_arrays(_zip(f / "x", {"a.npy": bytes(1 << 26)})),
    "zip bomb, npz of weights": lambda f: read_weights(_zip(f / "x", {"a.npy": bytes(1 << 26)})),
    "zip bomb, .pth": lambda f: read_weights(_zip(f / "x", {"a/data.pkl": bytes(1 << 26)})),
    "zip bomb, spoken digits": lambda f: fsdd.load_fsdd(_zip(f / "x", {"1_a_1.wav": bytes(1 << 26)})),
    "zip bomb, ShapeWorld": _shapeworld_zip,
    "zip bomb of members over each other": lambda f: read_arrays(_overlapping(f / "x")),
    "zip member larger than declared": lambda f: read_arrays(_lying_size(f / "x")),
    "npz of more numbers than bytes": lambda f: read_arrays(_zip(f / "x", {"a.npy": _npy("(1 << 40,)")})),
    "npz with a shape of 10^12": lambda f: read_arrays(_zip(f / "x", {"a.npy": _npy("(1000000000000,)")})),
    "npz with a shape below 0": lambda f: read_arrays(_zip(f / "x", {"a.npy": _npy("(-3,)")})),
    "npz with a call as its shape": lambda f: read_arrays(
        _zip(f / "x", {"a.npy": _npy(f"__import__('os').mkdir('{f / MARK}')")})
    ),
    "npz with one name twice": lambda f: read_arrays(_twice(f / "x")),
    "gzip bomb, LETOR": _written(letor.load_letor, lambda f: gzip.compress(bytes(1 << 26)), "x.gz"),
    "gzip bomb, IDX": _written(mnist.read_idx, lambda f: gzip.compress(bytes(1 << 26))),
    "PNG bomb in its header": _written(read_image, _png(60_000, 60_000)),
    "PNG bomb in its text": _written(
        read_image, _png(1, 1, _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 26))), rows=bytes(4))
    ),
    "PNG bomb in its colours": _written(
        read_image, _png(9000, 9000, _chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 26))))
    ),
    "PNG of fewer pixels than it says": _written(read_image, _png(4000, 4000, rows=bytes(100))),
    "JPEG bomb": _written(read_image, _jpeg(65_000, 65_000)),
    "GIF bomb": _written(
        read_video, b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b";", "x.gif"
    ),
    "SVG with an entity bomb": _written(read_image, b'<!DOCTYPE x [<!ENTITY a "aaaa">]><svg>&a;</svg>'),
    "PostScript": _written(read_image, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n"),
    "checkpoint with a header of 2^63 bytes": _written(checkpoint.read, struct.pack("<Q", 1 << 63) + b"{}"),
    "safetensors with a header of 2^40 bytes": _written(read_weights, struct.pack("<Q", 1 << 40) + b"{}"),
    "safetensors of arrays over each other": _written(
        read_weights,
        _safetensors({k: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for k in "ab"}, bytes(8)),
    ),
    "safetensors with a shape whose product overflows": _written(
        read_weights,
        _safetensors({"a": {"dtype": "F32", "shape": [2**33, 2**33], "data_offsets": [0, 8]}}, bytes(8)),
    ),
    "safetensors of nested JSON": _written(read_weights, _safetensors(b'{"a":' + DEEP)),
    "index with a pickle": _written(load_index, lambda f: pickle.dumps(Payload(f))),
    "JSON without end": _written(read_json, DEEP),
    "JSON with a number of a million digits": _written(read_json, b"[" + b"9" * 1_000_000 + b"]"),
    "JSON with half of a surrogate pair": _written(read_json, rb'["\ud800"]'),
    "JSON in UTF-16": _written(read_json, '["x"]'.encode("utf-16")),
    "COCO picture above its folder": lambda f: _coco(f, "../../../etc/passwd"),
    "COCO picture at the root": lambda f: _coco(f, "/etc/passwd"),
    "COCO picture with a NUL": lambda f: _coco(f, "a\0.png"),
    "Flickr8k picture above its folder": lambda f: _flickr(f, "../../../etc/passwd"),
    "WAV without channels": _written(audio.read_wav, _wav(channels=0, block=0, speed=0)),
    "WAV of 65,535 channels": _written(audio.read_wav, _wav(channels=65_535, block=65_534, speed=2**31)),
    "WAV of 4 GB in 52 bytes": _written(audio.read_wav, _wav(size=2**32 - 8)),
    "WAV at 4 GHz": _written(audio.read_wav, _wav(rate=2**31 - 1, speed=2**32 - 2)),
    "IDX of 2^96 numbers": _written(mnist.read_idx, b"\0\0\x08\x03" + b"\xff" * 12),
    "LETOR with feature 10^15": _written(letor.load_letor, b"1 qid:1 1000000000000000:1\n"),
    "LETOR that needs 800 GB": _written(
        letor.load_letor, b"1 qid:1 1000000:1\n" + b"1 qid:1 1:1\n" * 100_000
    ),
    "a pipe without a writer": _fifo,
    "a link to itself": _loop,
}  # fmt: skip


def _twice(path):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(path, "w") as archive:
            for value in (b"\0" * 12, b"\1" * 12):
                archive.writestr("a.npy", _npy(data=value))
    return path


def attack(name, folder: Path):
    """None where the file was refused as it should be, else what happened instead."""
    peak, began = grown(), time.process_time()
    try:
        value = ATTACKS[name](folder)
        return f"loaded as a {type(value).__name__}"
    except DataError as error:
        if "\n" in str(error):
            return f"more than one line: {error}"
    except Exception as error:  # the finding
        return f"{type(error).__name__}: {error}"
    finally:
        ran = (folder / MARK).exists()
    if ran:
        return "the payload was run"
    seconds, more = time.process_time() - began, grown() - peak
    if more > MEMORY + (1 << 26):  # of which the attack itself takes up to 64 MB to make
        return f"took {more / 1e6:.0f} MB"
    return None if seconds < 2 else f"took {seconds:.1f} s"
