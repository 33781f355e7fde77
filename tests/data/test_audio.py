"""Sound files: what is written comes back, other kinds of samples, damage, sample rates; spoken digits."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from mmscratch.data import DataError
from mmscratch.data.audio import Sound, decode_wav, read_wav, resample, write_wav
from mmscratch.data.fsdd import load_fsdd

FSDD = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fsdd" / "recordings.zip"


def wav(samples, rate=8000):
    buffer = io.BytesIO()
    wavfile.write(buffer, rate, samples)
    return buffer.getvalue()


def test_what_is_written_comes_back(tmp_path):
    x = np.linspace(-1, 1, 1001).astype(np.float32)
    write_wav(tmp_path / "a.wav", x, 16000)
    sound = read_wav(tmp_path / "a.wav")
    assert sound.sample_rate == 16000 and sound.samples.dtype == np.float32
    assert sound.seconds == pytest.approx(1001 / 16000)
    np.testing.assert_allclose(sound.samples, x, atol=1.1 / 32768 + 0.5 / 32768)
    write_wav(tmp_path / "loud.wav", 3 * x, 16000)
    assert abs(read_wav(tmp_path / "loud.wav").samples).max() == pytest.approx(32767 / 32768)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([0, 128, 255], np.uint8), [-1, 0, 127 / 128]),
        (np.array([-32768, 0, 16384], np.int16), [-1, 0, 0.5]),
        (np.array([-(2**31), 0, 2**30], np.int32), [-1, 0, 0.5]),
        (np.array([-1.5, 0, 0.5], np.float32), [-1.5, 0, 0.5]),
        (np.array([-1, 0, 0.25], np.float64), [-1, 0, 0.25]),
    ],
)
def test_kinds_of_samples(samples, expected):
    np.testing.assert_array_equal(decode_wav(wav(samples), "a.wav").samples, np.float32(expected))


def test_24_bits():
    data = b"".join(v.to_bytes(3, "little", signed=True) for v in (-(2**23), 0, 2**22))
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + 9, b"WAVE", b"fmt ", 16, 1, 1, 8000, 24000, 3,
                         24, b"data", 9)  # fmt: skip
    np.testing.assert_array_equal(decode_wav(header + data + b"\0", "a.wav").samples, [-1, 0, 0.5])


def test_channels(tmp_path):
    x = np.stack([np.full(10, 0.5), np.full(10, -0.25)], axis=1).astype(np.float32)
    write_wav(tmp_path / "s.wav", x, 8000)
    assert read_wav(tmp_path / "s.wav", mono=False).samples.shape == (10, 2)
    np.testing.assert_allclose(read_wav(tmp_path / "s.wav").samples, 0.125, atol=1e-4)
    assert Sound(x, 8000).mono().samples.shape == (10,)


def test_another_sample_rate(tmp_path):
    t = np.arange(8000) / 8000
    x = np.sin(2 * np.pi * 500 * t)
    y = resample(x, 8000, 11025)
    assert y.shape == (11025,) and resample(x, 8000, 8000) is x
    np.testing.assert_allclose(
        y[500:-500], np.sin(2 * np.pi * 500 * np.arange(11025) / 11025)[500:-500], atol=2e-3
    )
    assert resample(np.ones((100, 2), np.float32), 16000, 8000).dtype == np.float32
    # 3 kHz does not fit into 4,000 samples a second: it must vanish, not come back as 1 kHz
    assert abs(resample(np.sin(2 * np.pi * 3000 * t), 8000, 4000)[200:-200]).max() < 0.01
    write_wav(tmp_path / "a.wav", 0.5 * x, 8000)
    sound = read_wav(tmp_path / "a.wav", sample_rate=16000)
    assert sound.sample_rate == 16000 and len(sound.samples) == 16000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"hello, this is text", "does not begin with RIFF"),
        (wav(np.ones(100, np.int16))[:150], "cut short: its b'data' chunk says 200 bytes, 106 are"),
        (wav(np.ones(100, np.int16))[:36], "no data chunk"),
        (wav(np.ones(100, np.int16))[:30], "cut short"),
        (wav(np.ones(0, np.int16)), "no samples"),
        (wav(np.array([np.nan], np.float32)), "not finite"),
        (wav(np.ones(100, np.int16), 300), "sample rate of 300 Hz"),
        (wav(np.ones((10, 80), np.int16)), "80 channels"),
        (wav(np.ones(9, np.int16)).replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 85, 1)), "readable"),
    ],
)
def test_damage(tmp_path, data, message):
    file = tmp_path / "bad.wav"
    file.write_bytes(data)
    with pytest.raises(DataError, match=message) as failure:
        read_wav(file)
    assert str(file) in str(failure.value) and "\n" not in str(failure.value)


def test_every_byte_may_be_wrong(tmp_path):
    """A header with any byte changed is read or refused, never anything else."""
    good = wav(np.arange(50, dtype=np.int16))
    for at in range(44):
        for value in (0, 1, 127, 255):
            damaged = good[:at] + bytes([value]) + good[at + 1 :]
            try:
                sound = decode_wav(damaged, "x.wav")
            except DataError:
                continue
            assert np.isfinite(sound.samples).all() and 0 < sound.samples.size <= 100


def test_refusals(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_wav(tmp_path / "none.wav")
    (tmp_path / "big.wav").write_bytes(wav(np.ones(1000, np.int16)))
    with pytest.raises(DataError, match="limit of 100"):
        read_wav(tmp_path / "big.wav", max_bytes=100)
    with pytest.raises(ValueError, match=r"floats \(T,\) or \(T, C\), got int64"):
        write_wav(tmp_path / "a.wav", np.arange(5), 8000)
    with pytest.raises(ValueError, match="must be finite"):
        write_wav(tmp_path / "a.wav", np.array([np.inf]), 8000)
    with pytest.raises(ValueError, match="target must be a positive integer .* got 0"):
        resample(np.ones(5), 8000, 0)
    with pytest.raises(ValueError, match="samples must be floats, got int64"):
        resample(np.arange(5), 8000, 4000)
    assert not (tmp_path / "a.wav").exists()


# ── spoken digits ───────────────────────────────────────────────────────────────────────────────
def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members:
            z.writestr(name, data)
    return path


def clip(value, n=50, rate=8000):
    return wav(np.full(n, value, np.int16), rate)


def test_an_archive_and_a_folder_are_the_same(tmp_path):
    files = [
        ("1_bo_0.wav", clip(1)),
        ("0_bo_10.wav", clip(2, 60)),
        ("0_bo_9.wav", clip(3)),
        ("0_al_0.wav", clip(4)),
    ]
    zipped = load_fsdd(
        archive(tmp_path / "a.zip", [("rec/" + n, d) for n, d in files] + [("rec/README", b"x")])
    )
    for name, data in files:
        (tmp_path / name).write_bytes(data)
    for d in (zipped, load_fsdd(tmp_path)):
        assert d.digits.tolist() == [0, 0, 0, 1] and d.speakers.tolist() == ["al", "bo", "bo", "bo"]
        assert d.takes.tolist() == [0, 9, 10, 0] and d.names == ["al", "bo"] and len(d) == 4
        assert [round(float(c[0]) * 32768) for c in d.clips] == [4, 3, 2, 1]
        part = d.where(d.speakers == "bo")
        assert len(part) == 3 and part.takes.tolist() == [9, 10, 0] and len(part.clips[1]) == 60


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "holds no recording"),
        ([("readme.txt", b"x")], "holds no recording"),
        ([("0_al_0.wav", b"RIFF")], "0_al_0.wav: is not a WAV"),
        ([("a/0_al_0.wav", clip(1)), ("b/0_al_0.wav", clip(1))], "two recordings named 0_al_0.wav"),
        ([("0_al_0.wav", clip(1)), ("0_al_1.wav", clip(1, rate=16000))], r"sample rates: \[8000, 16000\]"),
        ([("0_al_0.wav", bytes(9 << 20))], "more than"),
    ],
)
def test_bad_archives(tmp_path, members, message):
    with pytest.raises(DataError, match=message):
        load_fsdd(archive(tmp_path / "a.zip", members))


def test_no_archive(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK not really")
    with pytest.raises(DataError, match="not a readable zip"):
        load_fsdd(tmp_path / "a.zip")
    with pytest.raises(DataError, match="no such file"):
        load_fsdd(tmp_path / "b.zip")
    with pytest.raises(DataError, match="holds no recording"):
        load_fsdd(tmp_path)


@pytest.mark.skipif(not FSDD.is_file(), reason="needs ../shared/data/fsdd")
def test_the_real_recordings():
    d = load_fsdd(FSDD)
    assert len(d) == 2000 and d.sample_rate == 8000 and d.names == ["george", "jackson", "nicolas", "theo"]
    for name in d.names:
        assert np.bincount(d.digits[d.speakers == name]).tolist() == [50] * 10
