"""Learning-to-rank files: LibSVM text with and without qid:, the file of queries, and what is refused."""

import gzip
import pathlib

import numpy as np
import pytest

from mmscratch.data import letor
from mmscratch.data.errors import DataError
from mmscratch.data.letor import load_letor

EXAMPLE = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ltr_lightgbm"
TEXT = "2 qid:1 1:0.5 3:-1\n0 qid:1 2:2e-1 # docid = 7\n\n# a remark\n1 qid:x 3:4\n"
X = [[0.5, 0, -1], [0, 0.2, 0], [0, 0, 4]]


def write(folder, text, query=None, name="rank.train"):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    if query is not None:
        (folder / "rank.train.query").write_text(query)
    return path


def check(found):
    x, y, groups = found
    np.testing.assert_array_equal(x, X)
    assert x.dtype == np.float64 and y.dtype == groups.dtype == np.int64
    assert y.tolist() == [2, 0, 1] and groups.tolist() == [2, 1]


@pytest.mark.parametrize("name", ["rank.train", "rank.train.gz"])
def test_with_qid_and_with_a_file_of_queries(tmp_path, name):
    check(load_letor(write(tmp_path, TEXT, name=name)))
    plain = TEXT.replace(" qid:1", "").replace(" qid:x", "")
    check(load_letor(write(tmp_path, plain, "2\n1\n", name)))
    (tmp_path / "rank.train.query").rename(tmp_path / "elsewhere")
    check(load_letor(write(tmp_path, plain, name=name), query=tmp_path / "elsewhere"))


def test_qid_says_it_where_there_is_a_file_too_unless_that_is_named(tmp_path):
    path = write(tmp_path, TEXT, "1\n2\n")
    assert load_letor(path)[2].tolist() == [2, 1]
    assert load_letor(path, query=tmp_path / "rank.train.query")[2].tolist() == [1, 2]


def test_features_may_be_more_than_occur_and_may_begin_at_0(tmp_path):
    assert load_letor(write(tmp_path, TEXT), features=5)[0].shape == (3, 5)
    x, _, _ = load_letor(write(tmp_path, "1 qid:1 0:3\n0 qid:1 1:4\n"), zero_based=True)
    np.testing.assert_array_equal(x, [[3, 0], [0, 4]])


def test_the_example_of_lightgbm():
    if not EXAMPLE.is_dir():
        pytest.skip(f"needs LightGBM's ranking example, which is not at {EXAMPLE}")
    x, y, groups = load_letor(EXAMPLE / "rank.train.gz")
    assert x.shape == (3005, 300) and len(groups) == 201 and groups.sum() == 3005
    assert np.bincount(y).tolist() == [645, 1211, 858, 222, 69]
    assert x[0, 9] == 0.89 and x[1, 0] == 0.69 and x[0, 299] == 0.43


@pytest.mark.parametrize(
    "text, word",
    [
        ("", "0 bytes"),
        ("\n# nothing\n", "holds no line"),
        ("1 qid:1\n0 qid:1\n", "names no feature"),
        ("1 qid:1 1:2\nx qid:1 1:2\n", "line 2: expected a label.*'x'"),
        ("1.5 qid:1 1:2\n", "line 1: expected a label"),
        ("-1 qid:1 1:2\n", "line 1: expected a label"),
        ("1e9 qid:1 1:2\n", "line 1: expected a label"),
        ("nan qid:1 1:2\n", "line 1: expected a label"),
        ("1 qid:1 1:2\n\n1 qid:1 1=2\n", "line 3: expected feature:value, got '1=2'"),
        ("1 qid:1 1:two\n", "line 1: expected feature:value"),
        ("1 qid:1 1:inf\n", "line 1: feature 1 is inf"),
        ("1 qid:1 1:2 1:3\n", "line 1: feature 1 is there twice"),
        ("1 qid:1 0:2\n", "line 1: feature 0; with zero_based"),
        ("1 qid:1 -3:2\n", "line 1: feature -3"),
        ("1 qid:1 2000000:2\n", "line 1: feature 2000000 is beyond"),
        ("1 qid:1 1:2\n1 1:2\n", "line 2: some lines name a qid"),
        ("1 1:2\n1 qid:1 1:2\n", "line 2: some lines name a qid"),
        ("1 qid:1 1:2\n1 qid:2 1:2\n1 qid:1 1:2\n", "line 3: query '1' comes back"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, word):
    with pytest.raises(DataError, match=word):
        load_letor(write(tmp_path, text))


@pytest.mark.parametrize(
    "query, word",
    [
        (None, "no qid: and there is no rank.train.query"),
        ("2\n2\n", "counts 4 documents, the data has 3"),
        ("1\n0\n2\n", "line 2: expected a number of documents"),
        ("1\nx\n", "line 2: expected a number of documents"),
        ("1 2\n", "line 1: expected a number of documents"),
        ("3000000000000000000000\n", "line 1: expected a number of documents"),
    ],
)
def test_bad_files_of_queries_are_named(tmp_path, query, word):
    with pytest.raises(DataError, match=word):
        load_letor(write(tmp_path, "1 1:2\n1 1:2\n0 1:2\n", query))


def test_limits(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="feature 3 is beyond the 2"):
        load_letor(write(tmp_path, TEXT), features=2)
    monkeypatch.setattr(letor, "MAX_ARRAY_BYTES", 50)
    with pytest.raises(DataError, match="3 × 3 numbers, more than 50"):
        load_letor(write(tmp_path, TEXT))
    (tmp_path / "torn.gz").write_bytes(gzip.compress(TEXT.encode())[:-9])
    with pytest.raises(DataError, match="gzip"):
        load_letor(tmp_path / "torn.gz")
    monkeypatch.setattr(letor, "MAX_TEXT_BYTES", 60)
    with pytest.raises(DataError, match="more than the limit of 60"):
        load_letor(write(tmp_path, TEXT))
