"""Hypothesis against every reader of the table: bytes of its own making, not only damage to a good file."""

import dataclasses
import json

import fuzz
import hypothesis.strategies as st
import pytest
from hostile_formats import BY_NAME
from hypothesis import HealthCheck, given, settings

quick = settings(
    derandomize=True, database=None, deadline=None, report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=3), v, max_size=3)
)
NOISE = (b"", b"\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"PK\x03\x04", b"\r\n")


def places(value, path=()):
    """The way to every value within one that JSON can say."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from places(inner, (*path, key))


def put(value, path, new):
    """The same with another value at one place."""
    if not path:
        return new
    value = dict(value) if isinstance(value, dict) else list(value)
    value[path[0]] = put(value[path[0]], path[1:], new)
    return value


def made_up(form, good):
    """Files of a format: pieces of a good one and of what means something in it, in all sorts of order."""
    piece = st.tuples(st.integers(0, len(good)), st.integers(1, 40)).map(lambda at: good[at[0] : sum(at)])
    piece = piece | st.binary(max_size=12) | st.sampled_from(form.tokens or NOISE)
    cut = st.tuples(st.integers(0, len(good)), piece, st.integers(0, 40))
    kinds = [
        st.lists(piece, max_size=6).map(b"".join),
        cut.map(lambda c: good[: c[0]] + c[1] + good[c[0] + c[2] :]),
    ]
    if form.tokens:
        word = st.sampled_from([*good.split(), *form.tokens])
        line = st.lists(word, max_size=7).map(b" ".join)
        kinds.append(st.lists(line | st.sampled_from(good.splitlines()), max_size=4).map(b"\n".join))
    try:
        record = json.loads(good)
    except ValueError:
        return st.one_of(kinds)
    changed = st.tuples(st.sampled_from(list(places(record))), VALUES)
    return st.one_of(*kinds, changed.map(lambda c: json.dumps(put(record, *c)).encode()))


def search(form, folder, examples):
    """Raises ``fuzz.Found`` where a reader has a fault."""
    target = fuzz.Target(form, folder)

    @settings(quick, max_examples=examples)
    @given(made_up(form, target.reader.good))
    def reads(data):
        target(data)

    reads()
    return target.count


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_made_up_is_refused_or_read(name, tmp_path):
    assert search(BY_NAME[name], tmp_path, 10) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_more_of_it(name, tmp_path):
    assert search(BY_NAME[name], tmp_path, 60) >= 40


def _careless(folder):
    return [float(line.split(":")[1]) for line in (folder / "x").read_text("latin-1").splitlines()]


CARELESS = dataclasses.replace(
    BY_NAME["LETOR"], file="x", make=lambda f: (f / "x").write_text("1:2\n2:3\n"), read=_careless
)


def test_a_careless_reader_is_found(tmp_path):
    with pytest.raises(fuzz.Found, match="crash"):
        search(CARELESS, tmp_path / "one", 20)
    data, said = fuzz.by_mutations(fuzz.Target(CARELESS, tmp_path / "two"), seconds=30)
    assert said.startswith("crash") and data != b"1:2\n2:3\n"


def test_the_command_without_atheris(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(fuzz, "atheris", None)
    monkeypatch.chdir(tmp_path)
    assert fuzz.main(["trec run", "--seconds", "0.2"]) == 0
    said = capsys.readouterr()
    assert "pip install atheris" in said.err and "no fault" in said.out
    monkeypatch.setitem(fuzz.BY_NAME, "trec run", CARELESS)
    assert fuzz.main(["trec run", "--seconds", "30"]) == 1
    (kept,) = tmp_path.glob("crash-*")
    assert kept.name in capsys.readouterr().out
    with pytest.raises(fuzz.Found):
        fuzz.Target(CARELESS, tmp_path / "files")(kept.read_bytes())
