"""The journal: lines, torn ends, cutting, drawing."""

import json

import numpy as np
import pytest
from PIL import Image

from mmscratch.train import JournalError, plot_journal, read_journal
from mmscratch.train.journal import Journal, curves, smooth


def fill(path, steps):
    journal = Journal(path)
    for step in steps:
        journal.append({"step": step, "epoch": 0, "loss": np.float32(1 / (step + 1)), "lr": 0.1})
    return journal


def test_append_and_read(tmp_path):
    journal = fill(tmp_path / "journal.jsonl", range(3))
    records = read_journal(tmp_path)
    assert [r["step"] for r in records] == [0, 1, 2] and records[1]["loss"] == 0.5
    assert read_journal(tmp_path / "journal.jsonl") == records
    journal.close()


def test_torn_last_line_is_left_out(tmp_path):
    path = tmp_path / "journal.jsonl"
    fill(path, range(3)).close()
    whole = path.read_bytes()
    last = whole[:-1].rfind(b"\n") + 1
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        assert [r["step"] for r in read_journal(path)] == [0, 1]


def test_a_broken_line_elsewhere_is_an_error(tmp_path):
    path = tmp_path / "journal.jsonl"
    for bad in (b"{", b"[1]", b'{"loss": 1}', b"\xff\xfe"):
        path.write_bytes(b'{"step": 1}\n' + bad + b'\n{"step": 2}\n')
        with pytest.raises(JournalError, match="line 2 is not a record"):
            read_journal(path)
    with pytest.raises(JournalError, match="no such file"):
        read_journal(tmp_path / "absent")


def test_cut_goes_back_to_a_position(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = fill(path, range(3))
    position, kept = journal.position(), path.read_bytes()
    journal.append({"step": 3})
    journal.close()
    with open(path, "ab") as f:
        f.write(b'{"step": 4, "lo')
    journal = Journal(path)
    journal.cut(position)
    assert path.read_bytes() == kept
    journal.append({"step": 3})
    assert [r["step"] for r in read_journal(path)] == [0, 1, 2, 3]
    journal.cut(10**6)  # a journal that was shortened by someone: keep what is whole
    assert [r["step"] for r in read_journal(path)] == [0, 1, 2, 3]
    journal.close()


def test_curves_and_smoothing():
    records = [
        {"step": 1, "loss": 2.0, "lr": 0.1, "metrics": {"norm": 3.0}},
        {"step": 1, "validation": {"loss": 2.5, "bleu": 0.1}},
        {"step": 2, "loss": float("nan"), "lr": 0.1},
    ]
    found = curves(records)
    assert found["loss"] == {"training": ([1], [2.0]), "validation": ([1], [2.5])}
    assert found["bleu"] == {"validation": ([1], [0.1])} and found["norm"] == {"training": ([1], [3.0])}
    assert smooth([4.0] * 100) == pytest.approx([4.0] * 100)
    noisy = list(np.random.default_rng(0).normal(size=500))
    assert np.std(smooth(noisy)[100:]) < 0.3


def test_plot(tmp_path):
    with open(tmp_path / "journal.jsonl", "w") as f:
        for step in range(1, 101):
            f.write(
                json.dumps({"step": step, "epoch": 0, "loss": 1 / step, "lr": 0.1, "seconds": step}) + "\n"
            )
        f.write(json.dumps({"step": 100, "epoch": 0, "validation": {"loss": 0.2, "bleu": 0.5}}) + "\n")
    out = plot_journal(tmp_path, tmp_path / "a.png")
    with Image.open(out) as image:
        assert image.size[0] > 500 and image.size[1] > 500  # three panels: loss, bleu, learning rate
        assert len(image.convert("RGB").getcolors(1 << 20)) > 20
    plot_journal(tmp_path, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    (tmp_path / "journal.jsonl").write_text("")
    with pytest.raises(JournalError, match="nothing to draw yet"):
        plot_journal(tmp_path, out)
