"""The reader of weights: every format, every dtype, and files that are not what they say."""

import json
import os
import pathlib
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch_cases as t
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mmscratch.data.errors import DataError
from mmscratch.weights import Entry, describe, open_weights, read_weights
from mmscratch.weights.entry import bfloat16_to_float32, check_entries

GOLDENS = pathlib.Path(__file__).resolve().parents[1] / "goldens"
SIX = np.arange(6, dtype="<f4")


def same(found, wanted):
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)
        assert found[name].flags.c_contiguous, name


def test_a_file_of_pytorchs_own():
    """Views, shared storages, a parameter, bfloat16, half, integers, nested dicts and lists."""
    with np.load(GOLDENS / "torch_file.npz") as wanted:
        same(read_weights(GOLDENS / "torch_file.pth"), dict(wanted))
    dtypes = {name: e.dtype for name, e in open_weights(GOLDENS / "torch_file.pth").items()}
    assert dtypes["halves.bfloat16"] == "bfloat16" and dtypes["halves.half"] == "float16"


@pytest.mark.parametrize(("order", "sign"), [(b"little", "<"), (b"big", ">"), (None, "<")])
def test_byte_orders(tmp_path, order, sign):
    program = t.state(
        a=t.tensor(), b=t.tensor(key="1", kind="LongStorage", size=2, shape=(2,), strides=(1,)),
        c=t.tensor(key="2", kind="BFloat16Storage", size=2, shape=(2,), strides=(1,)),
    )  # fmt: skip
    storages = {
        "0": SIX.astype(f"{sign}f4").tobytes(), "1": np.array([1, -2], f"{sign}i8").tobytes(),
        "2": np.array([0x3F80, 0xC020], f"{sign}u2").tobytes(),
    }  # fmt: skip
    found = read_weights(t.write(tmp_path / "x.pt", program, storages, order))
    wanted = {"a": SIX.reshape(2, 3), "b": np.array([1, -2]), "c": np.array([1.0, -2.5], np.float32)}
    same(found, wanted)


def test_views_of_one_storage(tmp_path):
    program = t.state(
        turned=t.tensor(shape=(3, 2), strides=(1, 3)), tail=t.tensor(offset=4, shape=(2,), strides=(1,)),
        spread=t.tensor(shape=(2, 2), strides=(0, 5)), none=t.tensor(offset=6, shape=(0, 9), strides=(9, 1)),
    )  # fmt: skip
    found = read_weights(t.write(tmp_path / "x", program, {"0": SIX.tobytes()}))
    assert found["turned"].tolist() == SIX.reshape(2, 3).T.tolist()
    assert found["tail"].tolist() == [4, 5] and found["spread"].tolist() == [[0, 5], [0, 5]]
    assert found["none"].shape == (0, 9)


EVIL = {
    "system": t.name("os", "system") + t.group(t.text("touch {mark}")) + b"R",
    "posix": t.name("posix", "system") + t.group(t.text("touch {mark}")) + b"R",
    "eval": t.name("builtins", "eval") + t.group(t.text("open('{mark}', 'w')")) + b"R",
    "by stack": t.text("os") + t.text("system") + b"\x93" + t.group(t.text("touch {mark}")) + b"R",
    "in a dict": t.ordered(t.text("a") + t.name("os", "system") + t.group(t.text("touch {mark}")) + b"R"),
    "getattr": t.name("builtins", "getattr") + t.group(t.name("os", "path"), t.text("x")) + b"R",
    "inst": b"(" + t.text("touch {mark}") + b"ios\nsystem\n",
    "obj": b"(" + t.name("os", "system") + t.text("touch {mark}") + b"o",
    "newobj": t.name("subprocess", "Popen") + t.group(t.text("touch {mark}")) + b"\x81",
    "torch's own": t.name("torch.serialization", "load") + t.group(t.text("x")) + b"R",
    "a submodule": t.name("collections.OrderedDict", "fromkeys") + t.group(t.text("x")) + b"R",
    "dotted": t.text("collections") + t.text("OrderedDict.__init__.__globals__") + b"\x93",
    "extension": b"\x82\x01",
    "buffer": b"\x97",
}


@pytest.mark.parametrize("which", EVIL)
def test_a_malicious_pickle_is_refused_and_never_runs(tmp_path, which):
    mark = tmp_path / "was_here"
    mould = EVIL[which]
    filled = mould.replace(b"{mark}", os.fsencode(mark))
    grown = len(filled) - len(mould)
    for word in (b"touch {mark}", b"open('{mark}', 'w')"):  # the strings' lengths stand before them
        old = struct.pack("<I", len(word)) + word.replace(b"{mark}", os.fsencode(mark))
        filled = filled.replace(old, struct.pack("<I", len(word) + grown) + old[4:])
    path = t.write(tmp_path / "evil.pth", t.pickle(filled))
    with pytest.raises(DataError, match="not allowed"):
        read_weights(path)
    assert not mark.exists()


def test_the_same_stream_is_harmful_when_unpickled(tmp_path):
    """What keeps the test above honest: the stream of "system" does run in Python's own unpickler."""
    mark = tmp_path / "was_here"
    stream = t.pickle(t.name("os", "system") + t.group(t.text(f"touch '{mark}'")) + b"R")
    pickle.loads(stream)
    assert mark.exists()
    mark.unlink()
    with pytest.raises(DataError, match="'os system', which is not allowed; nothing was run"):
        read_weights(t.write(tmp_path / "evil.pth", stream))
    assert not mark.exists()


WRONG = {
    "outside": (t.state(a=t.tensor(offset=1)), "reaches number 6 of storage '0', which has 6"),
    "stride": (t.state(a=t.tensor(strides=(4, 1))), "reaches number 6"),
    "negative": (t.state(a=t.tensor(strides=(-3, 1))), "whole number of at least 0"),
    "offset": (t.state(a=t.tensor(offset=-1)), "whole number of at least 0"),
    "huge": (t.state(a=t.tensor(shape=(2**40, 2**40), strides=(0, 0))), "more than the limit"),
    "expanded": (t.state(a=t.tensor(shape=(2**20, 2), strides=(0, 0))), "over 200 times its own size"),
    "axes": (t.state(a=t.tensor(strides=(1,))), "2 sizes and 1 strides"),
    "many axes": (t.state(a=t.tensor(shape=(1,) * 60, strides=(1,) * 60)), "60 sizes"),
    "missing storage": (t.state(a=t.tensor(key="../7")), "storage '../7', which is not there"),
    "short storage": (t.state(a=t.tensor(size=7)), "has 24 bytes, expected 28"),
    "no storage": (t.state(a=t.tensor(within=t.text("x"))), "something else than a storage"),
    "odd storage": (t.state(a=t.tensor(within=t.group(t.text("x")) + b"Q")), "not described as PyTorch"),
    "other storage": (
        t.state(a=t.tensor(kind="QUInt8Storage")),
        "'torch QUInt8Storage', which is not allowed",
    ),
    "parameter": (
        t.pickle(t.name("torch._utils", "_rebuild_parameter") + t.group(b"N") + b"R"),
        "something else",
    ),
    "calls a dict": (t.pickle(b"})R"), "calls a dict"),
    "not a function": (t.pickle(t.name("torch", "FloatStorage") + b")R"), "which is no function"),
    "sets attributes": (t.pickle(t.text("x") + b"}b"), "sets attributes of a str"),
    "fills a tuple": (t.pickle(b")" + t.text("x") + t.text("y") + b"s"), "as if it were a dict"),
    "key": (t.pickle(b"}))s"), "has a tuple as a key"),
    "cut": (t.state(a=t.tensor())[:-9], "the pickle is"),
    "no stop": (t.state(a=t.tensor())[:-1], "the pickle is"),
    "empty": (b"", "the pickle is"),
    "stack": (b"\x80\x02.", "the pickle is damaged"),
    "left over": (t.pickle(b"NN"), "leaves 1 values behind"),
    "memo": (t.pickle(b"h\x09"), "damaged"),
    "noise": (bytes(range(128, 256)), "the pickle"),
    "twice": (
        t.pickle(b"}(" + t.text("a.b") + t.tensor() + t.text("a") + b"}(" + t.text("b") + t.tensor() + b"uu"),
        "holds 'a.b' twice",
    ),
}


@pytest.mark.parametrize("which", WRONG)
def test_wrong_pytorch_files(tmp_path, which):
    program, message = WRONG[which]
    with pytest.raises(DataError, match=message) as told:
        read_weights(t.write(tmp_path / "x.pth", program, {"0": SIX.tobytes()}))
    assert str(told.value).startswith(str(tmp_path)) and "\n" not in str(told.value)


def test_dicts_that_multiply(tmp_path):
    """One dict within itself, and forty doublings: bounded in depth and in number."""
    loop = t.pickle(b"}q\x00" + t.text("a") + b"h\x00s")
    pair = b"q%c}(" + t.text("a") + b"h%c" + t.text("b") + b"h%cu"
    double = b"}" + b"".join(pair % (i, i, i) for i in range(31))
    for program in (loop, b"\x80\x02" + double + b"."):
        with pytest.raises(DataError, match="nests deeper|leaves"):
            read_weights(t.write(tmp_path / "x.pth", program))


def test_two_pickles_or_another_byte_order(tmp_path):
    path = t.write(tmp_path / "x.pth", t.state(), order=b"middle")
    with pytest.raises(DataError, match="byte order b'middle'"):
        read_weights(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/data.pkl", t.state())
    with pytest.raises(DataError, match="2 files data.pkl"):
        read_weights(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickle.dumps({"a": 1}, 2), "bare pickle"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "PyTorch's format before 1.6"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "HDF5"),
        (b"GGUF" + bytes(90), "GGUF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"hello", "no safetensors, npz or PyTorch file"),
        (b"", "is empty"),
        (b"PK\x03\x04" + bytes(50), "damaged"),
        (struct.pack("<Q", 1 << 40) + b"{}", "safetensors"),
        (struct.pack("<Q", 2) + b"{]", "safetensors"),
    ],
)  # fmt: skip
def test_other_files(tmp_path, data, message):
    path = tmp_path / "model.bin"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        open_weights(path)


def test_no_file(tmp_path):
    for path, message in ((tmp_path / "none", "no such file"), (tmp_path, "folder")):
        with pytest.raises(DataError, match=message):
            open_weights(path)


def test_another_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match="neither npz nor PyTorch's"):
        open_weights(tmp_path / "x.zip")


def test_every_cut_of_every_format(tmp_path):
    """A file that ends early is refused, wherever it ends."""
    save_file({"a": SIX, "b": SIX.astype(np.float16)}, tmp_path / "x.safetensors")
    np.savez(tmp_path / "x.npz", a=SIX)
    t.write(tmp_path / "x.pth", t.state(a=t.tensor()), {"0": SIX.tobytes()})
    for file in ("x.safetensors", "x.npz", "x.pth"):
        data = (tmp_path / file).read_bytes()
        assert read_weights(tmp_path / file)
        for end in range(1, len(data), 7):
            (tmp_path / "cut").write_bytes(data[:end])
            with pytest.raises(DataError):
                read_weights(tmp_path / "cut")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_one_wrong_byte_ends_in_a_data_error_or_in_arrays(tmp_path_factory, place, byte):
    data = bytearray((GOLDENS / "torch_file.pth").read_bytes())
    data[place % len(data)] = byte
    path = tmp_path_factory.mktemp("flip") / "x.pth"
    path.write_bytes(data)
    try:
        assert all(isinstance(a, np.ndarray) for a in read_weights(path).values())
    except DataError:
        pass


def bf16(tmp_path, bits):
    header = json.dumps({"w": {"dtype": "BF16", "shape": [len(bits)], "data_offsets": [0, 2 * len(bits)]}})
    header = header.encode().ljust(-(-len(header) // 8) * 8)
    path = tmp_path / "bf16.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bits.astype("<u2").tobytes())
    return path


def test_safetensors(tmp_path):
    wanted = {
        kind: np.arange(6).reshape(2, 3).astype(kind)
        for kind in (
            "float64",
            "float32",
            "float16",
            "int64",
            "int32",
            "int16",
            "int8",
            "uint64",
            "uint8",
            "bool",
        )
    }
    save_file({**wanted, "scalar": np.full((), 3, "f4")}, tmp_path / "x.safetensors", metadata={"a": "b"})
    found = read_weights(tmp_path / "x.safetensors")
    same({k: found[k] for k in wanted}, wanted)
    assert found["scalar"].shape == () and found["scalar"] == 3


def test_every_bfloat16(tmp_path):
    """All 65,536 against the definition: (−1)^s 2^(e−127) (1 + m/128)."""
    bits = np.arange(1 << 16)
    found = read_weights(bf16(tmp_path, bits))["w"]
    sign, e, m = np.where(bits >> 15, -1.0, 1.0), bits >> 7 & 255, (bits & 127) / 128
    value = sign * np.where(e > 0, 2.0 ** (e - 127.0) * (1 + m), 2.0**-126 * m)
    value[e == 255] = np.where(m[e == 255] > 0, np.nan, sign[e == 255] * np.inf)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, value.astype(np.float32))
    assert np.signbit(bfloat16_to_float32(np.array([0x8000], np.uint16)))[0]


def test_safetensors_of_other_dtypes(tmp_path):
    path = bf16(tmp_path, np.arange(4))
    path.write_bytes(path.read_bytes().replace(b'"BF16", "shape": [4]', b'"F8_E4M3","shape":[8]'))
    with pytest.raises(DataError, match="safetensors|dtype"):
        open_weights(path)


def test_npz(tmp_path):
    wanted = {"a": SIX.reshape(2, 3), "f": np.asfortranarray(SIX.reshape(2, 3)), "i": np.int64(3).reshape(())}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", **wanted)
        same(read_weights(tmp_path / "x.npz"), wanted)
    np.savez(tmp_path / "big.npz", a=SIX.astype(">f4"))
    same(read_weights(tmp_path / "big.npz"), {"a": SIX})


def test_npz_is_never_unpickled(tmp_path):
    mark = tmp_path / "was_here"

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch '{mark}'",)

    np.savez(tmp_path / "x.npz", a=np.array([Evil()], object))
    with pytest.raises(DataError, match="'a' has dtype object"):
        read_weights(tmp_path / "x.npz")
    assert not mark.exists()
    np.savez(tmp_path / "x.npz", a=np.array(["text"]))
    with pytest.raises(DataError, match="expected numbers"):
        read_weights(tmp_path / "x.npz")


def test_npz_that_promises_more_than_it_holds(tmp_path):
    np.savez(tmp_path / "x.npz", a=SIX)
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        data = archive.read("a.npy")
    with zipfile.ZipFile(tmp_path / "y.npz", "w") as archive:
        archive.writestr("a.npy", data.replace(b"(6,), }     ", b"(6000000,), }")[: len(data)])
    with pytest.raises(DataError, match="do not hold|npz"):
        open_weights(tmp_path / "y.npz")


def test_limits(tmp_path):
    np.savez(tmp_path / "x.npz", a=SIX)
    with pytest.raises(DataError, match="arrays of 24 bytes, more than the limit of 23"):
        open_weights(tmp_path / "x.npz", max_bytes=23)
    many = {str(i): Entry(str(i), (), "float32", None) for i in range(100_001)}
    with pytest.raises(DataError, match="100,001 arrays"):
        check_entries(tmp_path / "x.npz", many, 1 << 30)
    bomb = tmp_path / "bomb.npz"
    np.savez_compressed(bomb, a=np.zeros(1 << 22, np.float32))
    with pytest.raises(DataError, match="unpacks more than 200 times"):
        open_weights(bomb)


def test_the_table(tmp_path):
    save_file({"conv.weight": np.zeros((2, 3), np.float32), "n": np.zeros((), np.int64)}, tmp_path / "x")
    lines = describe(tmp_path / "x").splitlines()
    assert lines[0].split() == ["name", "shape", "dtype", "parameters"]
    assert lines[2].split() in (["conv.weight", "2×3", "float32", "6"], ["n", "()", "int64", "1"])
    assert lines[-1].split() == ["total,", "2", "arrays", "7"]
    t.write(tmp_path / "y", t.state(**{"a\x1b[2J": t.tensor()}), {"0": SIX.tobytes()})
    assert "\x1b" not in describe(tmp_path / "y") and "a\\x1b[2J" in describe(tmp_path / "y")
