"""Rows, verdicts, the command and RESULTS.md, with made-up results; no row is measured here."""

import json

import pytest
from benchmark_records import MACHINE, Peaks, record

from benchmarks import __main__ as command
from benchmarks import figures, place, report, rows, run, store
from benchmarks.case import Case, Row, choose
from benchmarks.growth import points

ROW = Row("a/one", "Topic", "what", "(2, 3)", None, targets={"torch": 0.5}, flops=1e9)


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────
def test_names_are_unique_and_every_row_can_be_judged():
    every = [*rows.every(), *points()]
    names = [r.name for r in every]
    assert len(names) == len(set(names)) and len(names) > 80
    assert "growth" not in names
    for row in rows.every():
        assert row.targets or row.limit is not None or row.share is not None, row.name
        assert all(t > 0 for t in row.targets.values()) and set(row.libraries) <= set(place.LIBRARIES)
        assert row.device == ("cuda" if row.name.startswith("cuda/") else "cpu")


@pytest.mark.parametrize("name", [
    "vgg/features-1", "vgg/features-8", "vgg/whole-1", "conv3x3/64x64-3-32", "conv/1x1", "conv/stride2",
    "conv/grouped", "conv/1d", "conv/3d", "lstm/64x20x256x512", "gru/16x8x64x128",
    "attention/64x8x196x512-mask-step", "cross-entropy/1024x10000", "layer-norm/8192x512", "gelu/4M",
    "embedding/1280-of-10000x256", "adam/10M", "topk/1-of-1M", "topk/64-of-1M", "topk/64-of-1M-memory",
    "wordpiece/new", "word2vec/sgns",
    "tape/4", "tape/1M", "captioner/finetune", "captioner/finetune-memory", "start/import", "start/demo-line",
    "cuda/adam", "cuda/matmul/4096x4096x4096", "cuda/lstm/64x20x256x512",
])  # fmt: skip
def test_hot_paths_are_in_the_table(name):
    assert name in {r.name for r in rows.every()}


def test_a_library_that_may_not_be_used_is_missing():
    nowhere = place.Place(libraries=())
    assert [getattr(nowhere, name) for name in place.LIBRARIES] == [None] * len(place.LIBRARIES)
    with pytest.raises(AttributeError, match="a place has no 'jax'"):
        nowhere.jax  # noqa: B018


def test_operations_are_counted_as_the_formula_has_them():
    found = {r.name: r for r in rows.every()}
    assert found["vgg/features-1"].flops == pytest.approx(30.7e9, rel=0.01)  # 15.3 G products
    assert found["vgg/whole-1"].flops - found["vgg/features-1"].flops == pytest.approx(2 * 123.6e6, rel=0.01)
    assert found["conv3x3/32x32-32-64"].flops == 3 * 2 * 32 * 64 * 32 * 32 * 32 * 9
    assert found["conv3x3/64x64-3-32"].flops == 2 * 2 * 32 * 32 * 64 * 64 * 3 * 9
    assert found["conv/stride2"].flops == 3 * 2 * 32 * 64 * 16 * 16 * 32 * 9
    assert found["matmul/36x64x64x196"].flops == 2 * 36 * 64 * 64 * 196


def test_rows_are_chosen_by_name_beginning_and_glob():
    every = [Row(n, "T", "", "", None, targets={"torch": 1}) for n in ("a/1", "a/10", "b/1", "b/1-memory")]
    names = lambda *patterns: [r.name for r in choose(every, patterns)]  # noqa: E731
    assert names() == ["a/1", "a/10", "b/1", "b/1-memory"]
    assert names("a/") == ["a/1", "a/10"]
    assert names("a/1") == ["a/1"], "a whole name means that row alone"
    assert names("*/1") == ["a/1", "b/1"]
    assert names("b/1-memory", "a/10") == ["a/10", "b/1-memory"], "in the order of the table"
    with pytest.raises(ValueError, match="'c/1'"):
        choose(every, ["c/1"])


@pytest.mark.parametrize("wrong, message", [
    ({"kind": "tim"}, "kind"), ({"flops": 1.0, "moved": 1.0}, "flops or moved"), ({"share": 0.5}, "share"),
    ({"targets": {"faiss": 1.0}}, "faiss"),
])  # fmt: skip
def test_a_row_that_cannot_be_meant_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Row("a", "T", "", "", None, **wrong)


# ── measuring, with a case that costs nothing ────────────────────────────────────────────────────
def made(row_options=None, **peers):
    """A row whose sides return the given numbers."""
    import numpy as np

    def setup(place):
        calls = {lib: {"": lambda v=v: [np.float32(v)]} for lib, v in peers.items() if lib != "ours"}
        return Case(lambda: [np.float32(peers["ours"])], calls)

    return Row("made", "T", "", "", setup, **{"targets": {"torch": 1.0}, **(row_options or {})})


@pytest.fixture
def at_once(monkeypatch):
    """Measuring without any time: every estimate and block is 1 s of ours, 2 s of others."""

    def seconds(calls, estimates, **options):
        return {side: [1.0 if side[0] == "ours" else 2.0] * 3 for side in calls}, 0

    monkeypatch.setattr(run, "Place", lambda device: type("Nowhere", (), {"finish": staticmethod(int)}))
    monkeypatch.setattr(run.timing, "warm_up", lambda call, finish: 1.0)
    monkeypatch.setattr(run.timing, "in_turns", seconds)


def test_a_record_has_medians_ratio_rate_and_share(at_once):
    found = run.measure_row(made({"flops": 50e9}, ours=1, torch=1), Peaks())
    assert found["error"] is None
    assert (found["ours"]["median"], found["peers"]["torch"]["median"]) == (1.0, 2.0)
    assert found["ratio"] == {"torch": 0.5} and found["rate"] == 50e9 and found["share"] == 0.5


def test_a_missing_library_leaves_its_place_empty(at_once):
    found = run.measure_row(made(ours=1))
    assert found["peers"] == {} and found["ratio"] == {} and found["error"] is None
    (verdict,) = run.judge(found)
    assert (verdict.state, verdict.value, verdict.bad) == ("no peer", None, False)


def test_a_row_whose_results_differ_is_not_timed_but_failed(at_once):
    found = run.measure_row(made(ours=1.01, torch=1))
    assert "differ from torch" in found["error"] and found["ours"] is None
    assert [v.state for v in run.judge(found)] == ["failed"]


def test_rounds_that_disagree_are_measured_again_and_then_told(at_once, monkeypatch):
    """A side that is slow in most rounds but not in all: whatever the ratio, it is no result."""
    tried = []

    def seconds(calls, estimates, **options):
        tried.append(1)
        calm = len(tried) == 3 and steady_at_last
        return {side: [1.0] * 5 if side[0] == "ours" or calm else [0.5, 88, 90, 0.6, 89] for side in calls}, 0

    monkeypatch.setattr(run.timing, "in_turns", seconds)
    steady_at_last = False
    found = run.measure_row(made(ours=1, torch=1))
    assert len(tried) == 3 and found["unsteady"] == ["torch"] and found["ratio"]["torch"] < 0.02
    assert [(v.state, v.bad) for v in run.judge(found)] == [("unsteady", True)]
    tried.clear()
    steady_at_last = True
    found = run.measure_row(made(ours=1, torch=1))
    assert found["unsteady"] == [] and [v.state for v in run.judge(found)] == ["met"]


# ── verdicts ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("ours, state", [
    (0.5, "met"), (0.51, "within 15 %"), (0.574, "within 15 %"), (0.58, "missed"), (5.0, "missed"),
])  # fmt: skip
def test_a_ratio_is_judged_by_its_target(ours, state):
    (verdict,) = run.judge(record(ROW, ours, torch=1.0))
    assert verdict.state == state and verdict.value == pytest.approx(ours)


def test_a_row_disturbed_in_most_rounds_is_not_met():
    found = record(ROW, 0.1, torch=1.0, disturbed=4)
    found["ours"]["rounds"] = 7
    assert [v.state for v in run.judge(found)] == ["unsteady"]
    found["disturbed"] = 3
    assert [v.state for v in run.judge(found)] == ["met"]


@pytest.mark.parametrize("ours, state", [(9e6, "met"), (11e6, "within 15 %"), (12e6, "missed")])
def test_a_limit_needs_no_peer(ours, state):
    row = Row("m", "T", "", "", None, kind="memory", limit=10e6, libraries=())
    (verdict,) = run.judge(record(row, ours))
    assert (verdict.beside, verdict.state) == ("limit", state)


@pytest.mark.parametrize("seconds, state", [(1.2, "met"), (1.4, "within 15 %"), (1.5, "missed")])
def test_a_share_of_the_peak_is_to_be_large(seconds, state):
    row = Row("cuda/p", "T", "", "", None, share=0.8, moved=10e9, device="cuda")
    (verdict,) = run.judge(record(row, seconds))
    assert (verdict.beside, verdict.state) == ("peak", state)
    assert verdict.value == pytest.approx(1 / seconds)


# ── the command ──────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def fake(monkeypatch, tmp_path):
    """The command with rows and results of its own; returns a function that sets ours' seconds."""
    chosen = {"ours": 0.4, "peers": {"torch": 1.0}, "error": None}
    kept = [ROW, Row("b/two", "Topic", "other", "", None, targets={"torch": 2.0}, moved=1e9)]
    monkeypatch.setattr(rows, "every", lambda device=None: kept)
    monkeypatch.setattr(
        run, "measure_row",
        lambda row, *a, **k: record(row, chosen["ours"], chosen["error"], **chosen["peers"]),
    )  # fmt: skip
    monkeypatch.setattr("benchmarks.machine.describe", lambda device="cpu": MACHINE)
    monkeypatch.setattr("benchmarks.place.Place", lambda device: None)
    monkeypatch.setattr(store, "FILE", tmp_path / "results.json")
    for name in ("RESULTS", "BARS", "GROWTH"):
        monkeypatch.setattr(command, name, tmp_path / f"{name.lower()}.png")
    monkeypatch.setattr(store.load, "__defaults__", (tmp_path / "results.json",))
    return chosen, tmp_path


def test_check_is_0_while_targets_are_met(fake, capsys):
    assert command.main(["--check"]) == 0
    out = capsys.readouterr().out
    assert "a/one" in out and "≤ 0.50" in out and "2 met" in out


def test_check_is_1_after_a_miss(fake, capsys):
    fake[0]["ours"] = 0.7
    assert command.main(["--check"]) == 1
    assert "1 missed, 1 met" in capsys.readouterr().out
    assert command.main([]) == 0, "without --check nothing is judged"
    assert command.main(["b/two", "--check"]) == 0, "only what was asked for"


def test_check_counts_rows_without_a_peer_and_passes(fake, capsys):
    fake[0]["peers"] = {}
    assert command.main(["--check"]) == 0
    assert "2 no peer" in capsys.readouterr().out


def test_check_is_1_where_a_row_failed(fake, capsys):
    fake[0]["error"] = "MemoryError: too large"
    assert command.main(["--check"]) == 1
    assert "too large" in capsys.readouterr().out


def test_json_holds_the_whole_run(fake, tmp_path):
    assert command.main(["--json", str(tmp_path / "out.json")]) == 0
    held = json.loads((tmp_path / "out.json").read_text())
    assert list(held["cpu"]["rows"]) == ["a/one", "b/two"] and held["cpu"]["machine"] == MACHINE
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".tmp"]


def test_write_keeps_the_other_rows_of_the_same_machine(fake, monkeypatch):
    chosen, folder = fake
    assert command.main(["a/one", "--write"]) == 0
    chosen["ours"] = 0.3
    assert command.main(["b/two", "--write"]) == 0
    held = store.load(folder / "results.json")["cpu"]["rows"]
    assert {n: r["ours"]["median"] for n, r in held.items()} == {"a/one": 0.4, "b/two": 0.3}
    assert (folder / "bars.png").read_bytes().startswith(b"\x89PNG")
    assert command.main(["--saved", "--check"]) == 0
    monkeypatch.setattr("benchmarks.machine.describe", lambda device="cpu": {**MACHINE, "cpu": "Another"})
    assert command.main(["b/two", "--write"]) == 0
    assert list(store.load(folder / "results.json")["cpu"]["rows"]) == ["b/two"], "one table, one machine"
    assert command.main(["--saved", "--check"]) == 1, "a row of the table was not measured"


@pytest.mark.parametrize("arguments, message", [
    (["no/such"], "no/such"), (["--rounds", "0"], "--rounds"), (["growth", "a/one"], "growth"),
    (["--saved"], "no results"),
])  # fmt: skip
def test_wrong_arguments_are_one_line_and_2(fake, capsys, arguments, message):
    assert command.main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_cuda_without_a_gpu_is_one_clear_line(fake, monkeypatch, capsys):
    monkeypatch.setattr(place, "gpu", lambda: None)
    assert command.main(["--device", "cuda"]) == 2
    assert "no NVIDIA GPU" in capsys.readouterr().err


def test_a_file_that_is_no_result_is_refused(tmp_path):
    (tmp_path / "r.json").write_text("[1]")
    with pytest.raises(ValueError, match="r.json"):
        store.load(tmp_path / "r.json")


# ── RESULTS.md ───────────────────────────────────────────────────────────────────────────────────
def page(records, growth=None, cuda=None):
    results = store.merged(store.empty(), "cpu", MACHINE, records=records, growth=growth,
                           peaks={"flops": 100e9, "copy": 10e9})  # fmt: skip
    return report.markdown({**results, "cuda": cuda})


def cells(text, name):
    (found,) = [line for line in text.splitlines() if line.startswith(f"| `{name}`")]
    return [c.strip() for c in found.strip("|").split("|")]


def test_a_row_of_results_md():
    text = page([record(ROW, 0.02, torch=0.05)])
    assert "## Topic" in text and "Some CPU, AVX2; 4 cores, 4 threads used" in text
    assert "torch not installed" in text and "100 GFLOP/s" in text and "2025-01-02" in text
    assert cells(text, "a/one") == [
        "`a/one`", "what, (2, 3)", "20.0 ms", "50.0 ms", "**0.40**", "≤ 0.50", "50.0 GFLOP/s", "50%"
    ]  # fmt: skip


def test_memory_has_a_column_where_it_was_measured():
    row = record(ROW, 0.02, torch=0.05)
    row["bytes"] = {"ours": 2e6, "torch": 3_500_000}
    text = page([row, record(Row("a/two", "Topic", "", "", None), 1.0)])
    assert cells(text, "a/one")[-1] == "2.00 MB (3.50 MB)" and cells(text, "a/two")[-1] == ""
    assert "memory" not in page([record(ROW, 0.02, torch=0.05)]).split("## Topic")[1]


def test_memory_is_asked_once_a_side_and_only_of_those_who_were_timed(monkeypatch):
    asked = []

    def measure(names, side):
        asked.append((side, names))
        return [len(names) * 1000 + i for i in range(len(names))]

    monkeypatch.setattr(run.memory, "measure", measure)
    both, alone = record(ROW, 1.0, torch=1.0), record(Row("b", "T", "", "", None), 1.0)
    failed = record(Row("c", "T", "", "", None), 1.0, error="no")
    wall = record(Row("d", "T", "", "", None, kind="wall"), 1.0)
    run.add_memory([both, alone, failed, wall])
    assert asked == [("ours", ["a/one", "b"]), ("torch", ["a/one"])]
    assert both["bytes"] == {"ours": 2000, "torch": 1000} and alone["bytes"] == {"ours": 2001}
    assert failed["bytes"] == wall["bytes"] == {}


def test_memory_is_measured_on_request_and_its_failure_keeps_the_times(fake, monkeypatch, capsys):
    def fail(names, side):
        raise RuntimeError("no room")

    monkeypatch.setattr(run.memory, "measure", fail)
    assert command.main(["--write"]) == 0
    assert "no room" not in capsys.readouterr().err
    assert command.main(["--write", "--memory"]) == 0
    assert "no room" in capsys.readouterr().err
    assert len(store.load(fake[1] / "results.json")["cpu"]["rows"]) == 2


def test_a_missing_peer_is_an_empty_column():
    assert cells(page([record(ROW, 0.02)]), "a/one")[3:6] == ["", "", "≤ 0.50"]


def test_misses_failures_and_disturbance_are_told():
    assert "≤ 0.50 missed" in page([record(ROW, 0.9, torch=1.0)])
    for trouble in ({"disturbed": 2}, {"unsteady": ["torch"]}):
        text = page([record(ROW, 0.1, torch=1.0, **trouble)])
        assert "`a/one` ⚠" in text and "| (0.10) |" in text and "**0.10**" not in text
    assert "MemoryError: no" in page([record(ROW, 1.0, error="MemoryError: no")])


def test_every_table_has_one_number_of_columns():
    faiss = Row("c", "Topic", "", "", None, libraries=("torch", "faiss"), targets={"faiss": 1.0}, limit=1.0)
    text = page([record(ROW, 0.02, torch=0.05), record(faiss, 0.02, faiss=0.1)])
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_cuda_says_that_it_was_not_run():
    assert report.NOT_YET in page([record(ROW, 0.02)])
    row = Row("cuda/p", "CUDA", "", "", None, share=0.8, moved=10e9, device="cuda")
    machine = {**MACHINE, "gpu": "Some GPU"}
    section = store.merged(store.empty(), "cuda", machine, records=[record(row, 2.0)])["cuda"]
    text = page([record(ROW, 0.02)], cuda=section)
    assert report.NOT_YET not in text and "Some GPU" in text and "50% (≥ 80% missed)" in text


GROWTH = {"lstm": {"title": "LSTM", "unsteady": [], "against": "length", "sizes": [8, 16, 1024], "sides": {
    "ours": {"seconds": [1e-3, 2e-3, 4e-3], "bytes": [1e6, 2e6, 4e6], "time_exponent": 1.0,
             "memory_exponent": 0.98},
    "torch": {"seconds": [1e-3, 2e-3, 5e-3], "bytes": None, "time_exponent": 1.1, "memory_exponent": None},
}}}  # fmt: skip


def test_growth_has_its_exponents():
    text = page([record(ROW, 0.02)], growth=GROWTH)
    assert "| LSTM | length 8 to 1,024 | ours | 4.00 ms | 1.00 | 4.00 MB | 0.98 |" in text
    assert "| LSTM | length 8 to 1,024 | torch | 5.00 ms | 1.10 |  |  |" in text
    assert "## Growth" not in page([record(ROW, 0.02)])


def test_pictures_are_drawn(tmp_path):
    records = [record(ROW, 0.02, torch=0.05), record(ROW, 0.3, torch=0.05)]
    assert figures.bars(records, MACHINE, tmp_path / "b.png").exists()
    assert (
        figures.bars([record(ROW, 0.02, torch=9.0, unsteady=["torch"])], MACHINE, tmp_path / "x.png") is None
    )
    assert figures.bars([record(ROW, 0.02)], MACHINE, tmp_path / "none.png") is None
    assert figures.growth_figure(GROWTH, tmp_path / "g.png").exists()


@pytest.mark.parametrize("value, text", [
    (12.345e-3, "12.3 ms"), (1.5, "1.50 s"), (150.2e-6, "150 µs"), (2e-7, "0.20 µs"), (0.0999999, "100 ms"),
])  # fmt: skip
def test_seconds_have_three_digits(value, text):
    assert report.seconds_text(value) == text
