"""Damaged and hostile files: our own exception or the very content; ``python -m tests.hostile`` has more."""

import dataclasses
import runpy
import sys
import time

import hostile_damage as damage
import pytest
from hostile_attacks import ATTACKS, MARK, Payload, attack
from hostile_formats import BY_NAME, FORMATS
from hostile_judge import SECONDS, Case, Reader, run

from mmscratch.data.errors import DataError

each_format = pytest.mark.parametrize("name", BY_NAME)


@each_format
def test_a_sample_of_damage(name, tmp_path):
    counts, _, failures = run(BY_NAME[name], tmp_path, mutations=8, cuts=10, flips=10)
    assert not failures
    assert counts["refused"] > 0


@pytest.mark.slow
@each_format
def test_more_damage(name, tmp_path):
    _, told, failures = run(BY_NAME[name], tmp_path, mutations=40, cuts=40, flips=40, first=8)
    assert not failures
    assert told > 0 or not BY_NAME[name].cut


@pytest.mark.parametrize("name", ATTACKS)
def test_a_file_made_to_harm_is_refused(name, tmp_path):
    assert attack(name, tmp_path) is None


def test_the_payload_would_run(tmp_path):
    """What keeps the test above honest: Python's own unpickler does run it."""
    import pickle

    pickle.loads(pickle.dumps(Payload(tmp_path)))
    assert (tmp_path / MARK).exists()


def dawdle(seconds):
    """Take so much processor time, however quick the processor."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        (lambda data: data, "wrong"),
        (lambda data: data[:3], "same"),
        (lambda data: int(data), "crash"),
        (lambda data: dawdle(1.1 * SECONDS), "slow"),
        (lambda data: bytearray(1 << 28) and None, "memory"),
    ],
)
def test_the_judge_sees_what_a_careless_reader_does(read, verdict, tmp_path):
    def reader(folder):
        data = (folder / "x").read_bytes()
        return data if data == b"abcdef" else read(data)[:] if verdict == "wrong" else (read(data) or data)

    careless = dataclasses.replace(
        BY_NAME["checkpoint"], file="x", make=lambda f: (f / "x").write_bytes(b"abcdef"),
        read=(lambda f: (f / "x").read_bytes()[:3]) if verdict == "same" else reader, memory=1 << 26,
    )  # fmt: skip
    judge = Reader(careless, tmp_path)
    assert judge.judge(Case("", b"abcxyz", told=True))[0] == verdict
    if verdict == "wrong":
        assert judge.judge(Case("", b"abcxyz", told=False))[0] == "other"


def test_an_error_that_names_no_file_counts_as_a_crash(tmp_path):
    def reader(folder):
        if (folder / "x").read_bytes() != b"good":
            raise DataError("elsewhere", "is bad")

    form = dataclasses.replace(
        BY_NAME["checkpoint"], file="x", make=lambda f: (f / "x").write_bytes(b"good"), read=reader
    )
    assert Reader(form, tmp_path).judge(Case("", b"bad", True))[0] == "crash"


def test_damage_is_what_it_says():
    data = bytes(range(256)) * 20
    ends = [len(cut) for _, cut in damage.cuts(data)]
    assert ends == sorted(set(ends)) and ends[0] == 0 and ends[-1] == len(data) - 1 and len(ends) >= 1400
    assert [len(cut) for _, cut in damage.cuts(data[:50])] == list(range(50))
    turned = [flipped for _, flipped in damage.flips(data, 4)]
    assert len(set(turned)) == 32 and all(
        bin(int.from_bytes(f[:4], "big") ^ 0x00010203).count("1") == 1 for f in turned
    )
    one, two = (list(damage.mutations(data, "x", k, 30)) for k in (0, 10))
    assert one[10:] == two[:20] and len({m for _, m in one}) == 30


@pytest.mark.slow
def test_the_report(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", "--mutations", "9", "--cuts", "9", "--report", str(tmp_path / "r"),
                                      "--formats", "LETOR packed", "WAV"])  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(__file__.replace("test_hostile", "__main__"), run_name="__main__")
    said = (tmp_path / "r").read_text()
    assert ended.value.code == 0 and "0 wrong loads of " in said
    assert (
        f"{len(ATTACKS)} of {len(ATTACKS)} files made to harm" in said
        and said.splitlines()[0] in capsys.readouterr().out
    )
    assert len(FORMATS) > 35
