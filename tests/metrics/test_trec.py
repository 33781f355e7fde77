"""trec_eval's measures: its own published values, small cases by hand, and what must hold of any run."""

import json
import pathlib

import numpy as np
import pytest

from mmscratch.__main__ import main
from mmscratch.data.errors import DataError
from mmscratch.data.trec import load_qrels, load_run
from mmscratch.metrics import trec
from mmscratch.metrics.trec import evaluate_queries, evaluate_run, measures_of, ranked

PUBLISHED = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data" / "trec_eval"


@pytest.fixture(scope="module")
def published():
    if not PUBLISHED.is_dir():
        pytest.skip(f"needs trec_eval's test files, which are not at {PUBLISHED}")
    return load_qrels(PUBLISHED / "qrels.test"), load_run(PUBLISHED / "results.test")


def expected(name):
    for line in (PUBLISHED / name).read_text().splitlines():
        measure, query, value = line.split()
        if measure not in ("runid", "relstring"):
            yield measure, query, float(value)


@pytest.mark.parametrize("name", ["out.test", "out.test.a", "out.test.aq"])
def test_every_published_value_of_every_measure_we_name(published, name):
    each, mean = evaluate_queries(*published), evaluate_run(*published)
    compared = 0
    for measure, query, value in expected(name):
        found = (mean if query == "all" else each[query]).get(measure)
        if found is not None:
            assert found == pytest.approx(value, abs=5.1e-5), f"{measure} of {query}"
            compared += 1
    assert compared >= {"out.test": 28, "out.test.a": 80, "out.test.aq": 300}[name]


JUDGED = {"a": 2, "b": 0, "c": 1, "d": 0, "e": 1}


def test_a_case_by_hand():
    """Order b a x c: one hit at rank 2, one at 4, of three; x was never judged."""
    m = measures_of(JUDGED, {"b": 4, "a": 3, "x": 2, "c": 1})
    assert m["map"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert m["recip_rank"] == 0.5 and m["Rprec"] == pytest.approx(1 / 3)
    assert m["P_5"] == 0.4 and m["recall_5"] == pytest.approx(2 / 3) and m["success_1"] == 0
    assert m["bpref"] == pytest.approx(2 * (1 - 1 / 2) / 3)
    gain = 2 / np.log2(3) + 1 / np.log2(5)
    assert m["ndcg"] == pytest.approx(gain / (2 + 1 / np.log2(3) + 1 / np.log2(4)))


def test_ties_go_by_name_and_the_rank_column_says_nothing():
    assert ranked({"a": 1.0, "c": 1.0, "b": 2.0}) == ["b", "c", "a"]
    assert ranked({"a": 1 + 1e-9, "c": 1.0}) == ["c", "a"], "as float32 they tie"


def test_a_perfect_order_has_the_best_of_each():
    m = measures_of(JUDGED, {"a": 3, "c": 2, "e": 1})
    for name in ("map", "Rprec", "recip_rank", "ndcg", "bpref", "infAP", "set_F", "11pt_avg"):
        assert m[name] == pytest.approx(1, abs=1e-4), name


def test_nothing_found_is_zero_and_nothing_relevant_is_no_division():
    assert measures_of(JUDGED, {"x": 1.0})["map"] == 0
    assert measures_of({"a": 0}, {"a": 1.0})["ndcg"] == 0


@pytest.mark.parametrize(
    "name, fault",
    [
        ("ranked", lambda scores: sorted(scores, key=lambda d: scores[d])),
        ("_ndcg", lambda g, p, k: float((2.0 ** np.maximum(g[:k], 0) - 1).sum())),
        ("_bpref", lambda g, total, others: 0.5),
    ],
)
def test_a_seeded_fault_is_caught(published, name, fault, monkeypatch):
    monkeypatch.setattr(trec, name, fault)
    with pytest.raises(AssertionError):
        test_every_published_value_of_every_measure_we_name(published, "out.test.aq")


@pytest.mark.parametrize(
    "text, word",
    [
        ("1 0 a\n", "4 fields"),
        ("1 0 a x\n", "whole number"),
        ("1 0 a 1\n1 0 a 1\n", "twice"),
        ("\n", "no line"),
    ],
)
def test_bad_judgements_name_the_line(tmp_path, text, word):
    (tmp_path / "q").write_text(text)
    with pytest.raises(DataError, match=word):
        load_qrels(tmp_path / "q")


@pytest.mark.parametrize("text, word", [("1 Q0 a 1 x r\n", "a number"), ("1 Q0 a 1 nan r\n", "not a number")])
def test_bad_runs_name_the_line(tmp_path, text, word):
    (tmp_path / "r").write_text(text)
    with pytest.raises(DataError, match=word):
        load_run(tmp_path / "r")


def test_no_common_query_is_an_error():
    with pytest.raises(ValueError, match="no query"):
        evaluate_run({"1": {"a": 1}}, {"2": {"a": 1.0}})


def test_the_command_prints_and_writes_trec_evals_values(published, tmp_path, capsys):
    out = tmp_path / "measures.json"
    files = [str(PUBLISHED / name) for name in ("qrels.test", "results.test")]
    assert main(["score", "ranking", *files, "--json", str(out), "--per-query"]) == 0
    said = {tuple(line.split()[:2]): line.split()[2] for line in capsys.readouterr().out.splitlines()}
    found = json.loads(out.read_text())
    for measure, query, value in expected("out.test.aq"):
        values = found if query == "all" else found["per_query"][query]
        if measure in values:
            assert float(said[measure, query]) == pytest.approx(value, abs=1.1e-4)
            assert values[measure] == pytest.approx(value, abs=5.1e-5)


def test_the_command_refuses_what_it_cannot_judge(tmp_path, capsys):
    (tmp_path / "q").write_text("1 0 a 1\n")
    (tmp_path / "r").write_text("2 Q0 a 1 0.5 me\n")
    assert main(["score", "ranking", str(tmp_path / "q"), str(tmp_path / "r")]) == 2
    assert "no query" in capsys.readouterr().err
    assert main(["score", "ranking", str(tmp_path / "none"), str(tmp_path / "r")]) == 2
    assert "no such file" in capsys.readouterr().err
