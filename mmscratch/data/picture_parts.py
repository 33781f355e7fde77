"""Is a picture's file whole? What PNG and GIF say of themselves and Pillow does not look at."""

from __future__ import annotations

import os
import zlib

from .errors import DataError

__all__ = ["check_gif", "check_png"]

PNG = b"\x89PNG\r\n\x1a\n"


def check_png(data: bytes, path: str | os.PathLike) -> None:
    """Every chunk's checksum, up to the end chunk: Pillow passes over those of the pixels.

    Forward    length (4, big-endian), type (4), that many bytes, CRC-32 of type and bytes (4); … IEND
    Errors     DataError naming the chunk that is cut or does not fit its checksum
    """
    at = len(PNG)
    while True:
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + size
        if end + 4 > len(data):
            raise DataError(path, "is truncated or damaged (a PNG without its end)")
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise DataError(
                path, f"is truncated or damaged (the checksum of its {kind!r} chunk does not fit)"
            )
        if kind == b"IEND":
            return
        at = end + 4


def check_gif(data: bytes, path: str | os.PathLike) -> None:
    """Every block of an animation, up to the trailer: a cut one would be read as a shorter clip.

    Errors     DataError where the blocks do not lead to the trailer
    """
    at = 13 + _table(data[10:11])
    while data[at : at + 1] != b";":
        kind = data[at : at + 1]
        if kind == b"!":  # an extension: its label, then sub-blocks
            at += 2
        elif kind == b",":  # a frame: place and size, colours, the bits of a code, then sub-blocks
            at += 11 + _table(data[at + 9 : at + 10])
        else:
            raise DataError(path, "is truncated or damaged (a GIF without its end)")
        while size := (data[at] if at < len(data) else 0):
            at += 1 + size
        at += 1


def _table(flags: bytes) -> int:
    """Bytes of the table of colours that these flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 128 else 0
