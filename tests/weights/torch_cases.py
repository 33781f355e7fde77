"""Files in PyTorch's zip format, instruction by instruction, so that wrong ones can be written."""

import struct
import zipfile


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    return (
        b"J" + struct.pack("<i", value)
        if -(2**31) <= value < 2**31
        else b"\x8a\x09" + value.to_bytes(9, "little", signed=True)
    )


def name(module, attribute):
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def group(*items):
    return b"(" + b"".join(items) + b"t"


def ordered(items=b""):
    """An OrderedDict of (key, value) instructions."""
    return name("collections", "OrderedDict") + b")R" + b"(" + items + b"u"


def storage(key, kind, size):
    return group(text("storage"), name("torch", kind), text(key), text("cpu"), number(size)) + b"Q"


def tensor(key="0", kind="FloatStorage", size=6, offset=0, shape=(2, 3), strides=(3, 1), within=None):
    return (
        name("torch._utils", "_rebuild_tensor_v2")
        + group(
            within or storage(key, kind, size), number(offset), group(*map(number, shape)),
            group(*map(number, strides)), b"\x89", ordered(),
        )
        + b"R"
    )  # fmt: skip


def pickle(value):
    return b"\x80\x02" + value + b"."


def state(**tensors):
    return pickle(ordered(b"".join(text(k) + v for k, v in tensors.items())))


def write(path, program, storages=None, order=b"little", home="archive"):
    """The whole file; ``storages``: key → bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{home}/data.pkl", program)
        if order is not None:
            archive.writestr(f"{home}/byteorder", order)
        for key, data in (storages or {}).items():
            archive.writestr(f"{home}/data/{key}", data)
        archive.writestr(f"{home}/version", b"3\n")
    return path
