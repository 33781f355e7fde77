"""Files: the same index comes back; damaged, foreign and lying files are refused in one line."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from search_cases import MAKE, D, K, N, built, queries, rows

from mmscratch.data.errors import DataError
from mmscratch.search import IVFPQ, load_index
from mmscratch.search.index_file import SEAL, seal

KEY = "mmscratch.index"


@pytest.fixture
def saved(tmp_path):
    def save(name):
        path = tmp_path / f"{name}.index"
        built(name).save(path)
        return path

    return save


def head_of(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(json.loads(data[8 : 8 + size])["__metadata__"][KEY])


def test_a_file_is_the_same_bytes_each_time(tmp_path):
    index = built("exact")
    for k in range(8):  # safetensors by itself orders the header's own keys by a hash with a random seed
        index.save(tmp_path / str(k))
    assert len({(tmp_path / str(k)).read_bytes() for k in range(8)}) == 1
    assert len(load_index(tmp_path / "0")) == N


@pytest.mark.parametrize("name", MAKE)
def test_the_same_index_comes_back_and_can_grow(name, saved):
    path = saved(name)
    index = load_index(path)
    assert repr(index) == repr(built(name)) and len(index) == N
    for a, b in zip(index.search(queries(), K), built(name).search(queries(), K), strict=True):
        np.testing.assert_array_equal(a, b)
    whole = MAKE[name]().train(rows())
    whole.add(np.concatenate([rows(), queries()]))
    index.add(queries())
    for a, b in zip(index.search(queries(), K), whole.search(queries(), K), strict=True):
        np.testing.assert_array_equal(a, b)
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_or_untrained_index_comes_back(tmp_path):
    for i, index in enumerate(
        [MAKE["hnsw"](), MAKE["ivfpq"](), MAKE["ivfpq"]().train(rows()), MAKE["lsh"]()]
    ):
        index.save(tmp_path / str(i))
        again = load_index(tmp_path / str(i))
        assert len(again) == 0 and again.trained == index.trained
        again.build(rows())
        assert len(again) == N


def test_codes_take_a_few_bytes_a_row(saved):
    assert isinstance(built("codes"), IVFPQ)
    assert saved("codes").stat().st_size < N * (8 + 8) + 20 * D * 4 + 32 * D * 4 + 2000


def change(path, edit, head=None):
    about = head_of(path)
    arrays = {k: v.copy() for k, v in load_file(path).items()}
    edit(arrays)
    text = json.dumps({**about, **(head or {})})
    save_file(arrays, path, {KEY: text, SEAL: seal(text, arrays)})


def put(name, where, value):
    def edit(arrays):
        arrays[name][where] = value

    return edit


FAULTS = [
    ("hnsw", put("base", (3, 0), N), {}, "'base' has values outside -1 … 899"),
    ("hnsw", put("base", (3, 0), -7), {}, "'base' has values outside"),
    ("hnsw", put("base", (3, 0), -1), {}, "follows an empty place"),
    ("hnsw", lambda a: put("upper", (0, 0), a["level"].argmin())(a), {}, "not on its layer"),
    ("hnsw", put("level", 5, 9), {}, "'upper': expected int32"),
    ("hnsw", put("entry", 0, N), {}, "'entry' has values outside"),
    ("hnsw", put("entry", 1, 0), {}, "'entry' is not a node of the highest layer"),
    ("hnsw", put("vectors", (0, 0), np.nan), {}, "'vectors' holds NaN"),
    ("hnsw", put("vectors", 0, 2), {}, "'vectors' has rows that are not of unit length"),
    ("hnsw", lambda a: a.pop("level"), {}, "it has no array 'level'"),
    ("hnsw", lambda a: a.update(more=np.zeros(3)), {}, "it holds more, which the method does not know"),
    ("hnsw", lambda a: a.update(base=a["base"].astype(np.int64)), {}, "'base': expected int32"),
    ("hnsw", lambda a: None, {"rows": N + 1}, "'vectors': expected float32 (901, 40)"),
    ("hnsw", lambda a: None, {"rows": -1}, "rows: expected a whole number"),
    ("hnsw", lambda a: None, {"rows": 10**30}, "rows: expected a whole number"),
    ("hnsw", lambda a: None, {"method": "lsh"}, "unknown setting"),
    ("hnsw", lambda a: None, {"method": "annoy"}, "method 'annoy', this version reads 2"),
    ("hnsw", lambda a: None, {"method": ["lsh"]}, "header cannot be read"),
    ("hnsw", lambda a: None, {"format": 1}, "format 1"),
    ("hnsw", lambda a: None, {"settings": {"dimension": 10**12}}, "dimension: expected a whole number"),
    ("hnsw", lambda a: None, {"settings": [3]}, "is damaged"),
    ("ivfpq", put("cell", 4, 20), {}, "'cell' has values outside 0 … 19"),
    ("ivfpq", put("code", (4, 0), 32), {}, "'code' has values outside 0 … 31"),
    ("ivfpq", put("centres", (0, 0), np.inf), {}, "'centres' holds NaN or infinity"),
    ("ivfpq", lambda a: None, {"trained": False}, "has rows, but was not trained"),
    ("lsh", put("bucket", (0, 0), 128), {}, "'bucket' has values outside 0 … 127"),
    ("lsh", put("bucket", (0, 0), -1), {}, "'bucket' has values outside"),
]


@pytest.mark.parametrize("name, edit, head, said", FAULTS)
def test_a_file_that_lies_is_refused(name, edit, head, said, saved):
    path = saved(name)
    change(path, edit, head)
    with pytest.raises(DataError) as error:
        load_index(path)
    assert said in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


def test_foreign_and_cut_files_are_refused(saved, tmp_path):
    path = saved("lsh")
    data = path.read_bytes()
    for bad in (b"", b"no index", data[:-10], data[: len(data) // 2], data + b"more", b"\xff" * 64, data[8:]):
        path.write_bytes(bad)
        with pytest.raises(DataError):
            load_index(path)
    save_file({"x": np.zeros(3)}, path)
    with pytest.raises(DataError, match="is no index of ours"):
        load_index(path)
    with pytest.raises(DataError, match="no such file"):
        load_index(tmp_path / "nothing")
    with pytest.raises(DataError, match="is a folder"):
        load_index(tmp_path)


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    path = saved("exact")
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        built("exact").save(path)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]
