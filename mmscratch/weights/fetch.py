"""Fetch published weights: whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

from ..data.errors import DataError
from ..data.files import read_text, write_whole
from .zoo import ZOO, ZooFile

__all__ = ["download"]

TIMEOUT = 30  # seconds without a byte


def download(name: str | ZooFile, folder: str | os.PathLike | None = None, progress: bool = True) -> Path:
    """The path of a listed file, which is fetched unless it is there already.

    It is fetched under another name, its sha256 is compared, then it gets its own name. Without a listed
    sha256 the one that was found is printed and kept in ``FILE.sha256``, and compared from then on.
    folder     default: $MMSCRATCH_WEIGHTS_DIR, or ``mmscratch/weights`` in the user's cache
    Errors     DataError, one line: an unknown name, pooch not installed, no connection, 404, a wrong hash
    """
    file = name if isinstance(name, ZooFile) else ZOO.get(name)
    if file is None:
        raise DataError(name, f"is not in the list of weights; known: {', '.join(ZOO)}")
    pooch = _pooch(file)
    folder = Path(
        folder or os.environ.get("MMSCRATCH_WEIGHTS_DIR") or Path(pooch.os_cache("mmscratch"), "weights")
    )
    path = folder / file.filename
    record = path.with_name(path.name + ".sha256")
    known = file.sha256 or _recorded(record)
    fresh = not path.exists()
    level = pooch.get_logger().level
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pooch.get_logger().setLevel("ERROR")  # what there is to say, we say
        pooch.retrieve(
            file.url,
            known_hash=None if known is None else f"sha256:{known}",
            fname=path.name,
            path=folder,
            downloader=pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT),
        )
    except Exception as error:  # requests' and urllib3's many, pooch's ValueError for a hash, OSError
        raise DataError(file.url, _reason(error)) from None
    finally:
        pooch.get_logger().setLevel(level)
    if known is None:
        found = _sha256(path)
        write_whole(record, f"{found}  {path.name}\n".encode())
        when = "now fetched" if fresh else "found"
        print(
            f"{path.name}: no published sha256 is known; "
            f"of the file {when} it is {found} (kept in {record.name})",
            file=sys.stderr,
        )
    return path


def _pooch(file):
    try:
        import pooch
    except ImportError:
        raise DataError(file.name, 'cannot be fetched without pooch: pip install "mmscratch[data]"') from None
    return pooch


def _recorded(record):
    if not record.exists():
        return None
    words = read_text(record, 1 << 12).split()
    if not words or not re.fullmatch("[0-9a-f]{64}", words[0]):
        raise DataError(record, "does not begin with a sha256 of 64 hex digits; delete it to record anew")
    return words[0]


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error):
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}; nothing was kept"
    text = str(error)
    if "hash" in text.lower():
        found = re.findall("[0-9a-f]{64}", text)
        told = f" (found {found[-1]}, expected {found[0]})" if len(found) > 1 else ""
        return f"what came has another sha256 than it should{told}; nothing was kept"
    return f"could not be fetched ({type(error).__name__}: {text[:200]}); nothing was kept"
