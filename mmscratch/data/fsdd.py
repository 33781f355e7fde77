"""The Free Spoken Digit Dataset: people saying 0 to 9 (Jackson et al., 8 kHz, CC BY-SA 4.0)."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .archives import check_archive
from .audio import decode_wav
from .errors import DataError
from .files import check_file, read_bytes

__all__ = ["SpokenDigits", "load_fsdd"]

NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[A-Za-z]+)_(?P<take>\d{1,4})\.wav")
MAX_ARCHIVE_BYTES = 256 << 20
MAX_UNPACKED_BYTES = 1 << 30
MAX_CLIP_BYTES = 8 << 20
MAX_CLIPS = 50_000


@dataclass(frozen=True)
class SpokenDigits:
    """Clips of one sample rate with what is said, by whom, and which of the speaker's takes it is.

    clips                     float32 (T_i,) each
    digits, speakers, takes   (N,) int64, str, int64; in the order of digit, speaker, take
    """

    clips: tuple[np.ndarray, ...]
    digits: np.ndarray
    speakers: np.ndarray
    takes: np.ndarray
    sample_rate: int

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def names(self) -> list[str]:
        """The speakers, in alphabetical order."""
        return sorted(set(self.speakers.tolist()))

    def where(self, chosen: np.ndarray) -> SpokenDigits:
        """Those that a mask or a list of numbers chooses."""
        rows = np.arange(len(self))[chosen]
        clips = tuple(self.clips[i] for i in rows)
        return SpokenDigits(clips, self.digits[rows], self.speakers[rows], self.takes[rows], self.sample_rate)


def load_fsdd(path: str | os.PathLike) -> SpokenDigits:
    """Every recording in a zip file or a folder: files {digit}_{speaker}_{take}.wav, other files passed over.

    Errors     DataError for a file that is no such archive or no WAV, for sizes beyond the limits, for two
               files of one name, for different sample rates, and where there is no recording
    """
    path = Path(path)
    found = _folder(path) if path.is_dir() else _archive(path)
    if not found:
        raise DataError(path, "holds no recording (a file named DIGIT_SPEAKER_TAKE.wav)")
    order = sorted(found)
    sounds = [decode_wav(found[key], path / "{}_{}_{}.wav".format(*key)).mono() for key in order]
    rates = {sound.sample_rate for sound in sounds}
    if len(rates) > 1:
        raise DataError(path, f"holds recordings of different sample rates: {sorted(rates)}")
    digits, speakers, takes = zip(*order, strict=True)
    return SpokenDigits(
        tuple(sound.samples for sound in sounds),
        np.array(digits, np.int64),
        np.array(speakers),
        np.array(takes, np.int64),
        rates.pop(),
    )


def _archive(path):
    path = check_file(path, MAX_ARCHIVE_BYTES)
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_CLIPS:
                raise DataError(path, f"has {len(members):,} members, more than the limit of {MAX_CLIPS:,}")
            for member in check_archive(path, archive, MAX_UNPACKED_BYTES):
                key = _key(Path(member.filename).name)
                if key is None or member.is_dir():
                    continue
                if member.file_size > MAX_CLIP_BYTES:
                    raise DataError(
                        path, f"member {member.filename!r} has {member.file_size:,} bytes, "
                        f"more than the limit of {MAX_CLIP_BYTES:,}",
                    )  # fmt: skip
                _put(found, key, archive.read(member), path)
    except DataError:
        raise
    except Exception as error:  # zipfile and zlib each have their own set of exceptions
        raise DataError(path, f"is not a readable zip file ({type(error).__name__}: {error})") from None
    return found


def _folder(path):
    found = {}
    files = [(key, file) for file in sorted(path.iterdir()) if (key := _key(file.name)) is not None]
    if len(files) > MAX_CLIPS:
        raise DataError(path, f"has {len(files):,} recordings, more than the limit of {MAX_CLIPS:,}")
    for key, file in files:
        _put(found, key, read_bytes(file, MAX_CLIP_BYTES), path)
    return found


def _key(name):
    match = NAME.fullmatch(name)
    return (int(match["digit"]), match["speaker"], int(match["take"])) if match else None


def _put(found, key, data, path):
    if key in found:
        raise DataError(path, "holds two recordings named {}_{}_{}.wav".format(*key))
    found[key] = data
