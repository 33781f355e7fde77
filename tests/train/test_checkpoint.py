"""Checkpoints: round trip, atomic writing, and that no damaged file is ever loaded."""

import json
import os
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mmscratch.train import CheckpointError, Checkpoints, digest
from mmscratch.train.checkpoint import read, write

STATE = {
    "model": {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(3),
              "flag": np.array([True])},
    "optimizer": {"state": {0: {"step": 4, "m": np.zeros((0, 2))}},
                  "param_groups": [{"lr": 0.1, "betas": [0.9, 1e-17]}]},
    "schedule": None,
    "text": 'quotes " and ünïcode \\ {"sha256": "' + "0" * 64,
    "seed": 2**64 - 1,
    "best": float("inf"),
    "yes": True,
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "c.safetensors", STATE)
    return tmp_path / "c.safetensors"


def same(a, b):
    if isinstance(a, dict):
        assert {str(k) for k in a} == set(b)
        for k in a:
            same(a[k], b[str(k)])
    elif isinstance(a, list):
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b and type(a) is type(b)


def test_round_trip(path):
    same(STATE, read(path))
    assert read(path)["model"]["n"].flags.writeable


def test_bytes_depend_on_the_contents_alone(tmp_path, path):
    write(tmp_path / "other", json.loads(json.dumps({})) | dict(reversed(STATE.items())))
    write(tmp_path / "again", STATE)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    same(STATE, read(tmp_path / "other"))


def test_any_safetensors_reader_opens_it(path):
    arrays = load_file(path)
    np.testing.assert_array_equal(arrays["model/a.weight"], STATE["model"]["a.weight"])


def test_empty_and_odd_states(tmp_path):
    for state in ({}, {"a": []}, {"a": {"b": np.float32(1.5)}}, {"a/b": 1, "a": {"b": 2}}):
        write(tmp_path / "x", state)
        read(tmp_path / "x")
    with pytest.raises(TypeError, match="state/f is a function"):
        write(tmp_path / "x", {"state": {"f": test_round_trip}})
    with pytest.raises(TypeError, match="a is a ndarray"):
        write(tmp_path / "x", {"a": np.array([object()])})
    with pytest.raises(TypeError, match="two entries are called 'a/b'"):
        write(tmp_path / "x", {"a/b": np.zeros(1), "a": {"b": np.zeros(1)}})


# ── damage ───────────────────────────────────────────────────────────────────────────────────────
def refused(path, reason=None):
    with pytest.raises(CheckpointError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert reason is None or reason in message
    return message


def test_every_truncation_is_refused(path):
    data = path.read_bytes()
    for n in range(len(data)):
        path.write_bytes(data[:n])
        refused(path)
    path.write_bytes(data + b"\0")
    refused(path, "damaged")


def test_every_flipped_bit_is_refused(path):
    data = path.read_bytes()
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        refused(path)


def test_random_mutations_are_refused(path):
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(500):
        damaged = bytearray(data)
        first, count = rng.integers(len(data)), rng.integers(1, 40)
        kind = rng.integers(4)
        if kind == 0:
            damaged[first : first + count] = rng.bytes(count)
        elif kind == 1:
            del damaged[first : first + count]
        elif kind == 2:
            damaged[first:first] = rng.bytes(count)
        else:
            second = rng.integers(len(data))
            damaged[first], damaged[second] = damaged[second], damaged[first]
        if damaged != data:
            path.write_bytes(damaged)
            refused(path)


def test_wrong_files_are_refused(tmp_path, path):
    refused(tmp_path / "absent", "no such file")
    refused(tmp_path, "is not a file")
    other = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3)}, other)
    refused(other, "no checkpoint of this library")
    save_file({"a": np.zeros(3)}, other, metadata={"mmscratch": json.dumps({"sha256": "0" * 64})})
    refused(other, "damaged")
    for junk in (b"", b"\x80\x04\x95pickle", b"PK\x03\x04" * 50, os.urandom(1000), b"\0" * 100):
        other.write_bytes(junk)
        refused(other)


def test_huge_header_asks_for_no_memory(tmp_path):
    path = tmp_path / "huge"
    for size in (2**63, 2**64 - 1, 200 << 20, 1 << 40):
        path.write_bytes(struct.pack("<Q", size) + b"{}" * 8)
        refused(path, "no possible size")


def test_unreadable_file(tmp_path, path, monkeypatch):
    def denied(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    refused(path, "cannot be opened (Permission denied)")


def signed(path, content, arrays):
    """A file with a right hash and any content: what a person could write on purpose."""
    import hashlib

    from safetensors.numpy import save

    data = bytearray(save(arrays, metadata={"mmscratch": json.dumps({"sha256": "0" * 64, **content})}))
    place = data.find(b"0" * 64)
    data[place : place + 64] = hashlib.sha256(data).hexdigest().encode()
    path.write_bytes(data)


def test_well_signed_nonsense_is_refused(tmp_path):
    path, good = tmp_path / "x", "mmscratch checkpoint 1"
    for content, arrays in (
        ({}, {}),
        ({"format": "mmscratch checkpoint 99", "state": {"dict": {}}}, {}),
        ({"format": good}, {}),
        ({"format": good, "state": {"dict": {"a": {"array": "gone"}}}}, {}),
        ({"format": good, "state": {"dict": {}}}, {"left": np.zeros(1)}),
        ({"format": good, "state": {"what": 1}}, {}),
        ({"format": good, "state": 3}, {}),
    ):
        signed(path, content, arrays)
        refused(path)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────
def test_failed_writing_leaves_the_old_file_and_no_litter(path, monkeypatch):
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(path, {"a": np.ones(3)})
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_written_flushed_renamed_flushed_in_this_order(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace

    def flush(handle):
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    def rename(a, b):
        done.append("rename")
        replace(a, b)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    write(tmp_path / "c", STATE)
    assert done == (["file", "rename", "folder"] if os.path.isdir("/proc/self/fd") else done)
    assert os.listdir(tmp_path) == ["c"]


def test_last_two_are_kept_and_stale_temporaries_swept(tmp_path):
    checkpoints = Checkpoints(tmp_path / "c")
    checkpoints.create()
    (checkpoints.folder / ".step-00000001.safetensors.123.tmp").write_bytes(b"half")
    (checkpoints.folder / "notes.txt").write_text("mine")
    checkpoints.create()
    assert os.listdir(checkpoints.folder) == ["notes.txt"]
    assert checkpoints.load() is None
    for step in (5, 10, 15, 100000000):
        checkpoints.save(step, {"step": step})
    names = sorted(p.name for p in checkpoints.paths())
    assert names == ["step-00000015.safetensors", "step-100000000.safetensors"]
    path, state = checkpoints.load()
    assert state["step"] == 100000000 and path == checkpoints.paths()[-1]


def test_damaged_newest_is_passed_over_with_a_warning(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    first, second = (checkpoints.save(step, {"step": step}) for step in (1, 2))
    data = bytearray(second.read_bytes())
    data[-5] ^= 1
    second.write_bytes(data)
    with pytest.warns(RuntimeWarning, match="step-00000002.*damaged.*the checkpoint before it"):
        assert checkpoints.load() == (first, {"step": 1})
    first.write_bytes(b"")
    with pytest.warns(RuntimeWarning), pytest.raises(CheckpointError, match="step-00000002"):
        checkpoints.load()


def test_digest_sees_names_types_shapes_and_bytes():
    state = {"a": np.arange(6.0), "b": np.zeros(2, np.int64)}
    others = [
        {"a": np.arange(6.0).reshape(2, 3), "b": state["b"]},
        {"a": np.arange(6.0), "b": np.zeros(2)},
        {"a": np.arange(6.0), "c": state["b"]},
        {"a": np.nextafter(np.arange(6.0), 9), "b": state["b"]},
    ]
    assert digest(state) == digest(dict(reversed(state.items())))
    assert len({digest(s) for s in [state, *others]}) == 5
