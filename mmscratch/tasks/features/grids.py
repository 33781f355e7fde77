"""Pictures as a published network's last grid, computed once a data set and kept on disk.

Where features lie: $MMSCRATCH_FEATURES_DIR, or ``mmscratch/features`` in the user's cache. A file is named by
what went into it: the network, its weights' sha256, and of every picture the path, size and time of change
(of pictures in memory, their bytes). Change any, and the features are computed anew.
"""

import hashlib
import os
import pathlib
import sys

import numpy as np

from ...data.captions import ImageFiles
from ...data.image import read_image
from ...data.progress import progress_bar
from ..run import RunError

__all__ = [
    "CELLS",
    "NETWORKS",
    "check_weights",
    "features_folder",
    "load_network",
    "picture_features",
    "stored_features",
]

NETWORKS = {
    "vgg16": ("VGG", 16, "torchvision", 512),
    "vgg16-keras": ("VGG", 16, "keras", 512),
    "resnet18": ("ResNet", 18, "torchvision", 512),
    "resnet50": ("ResNet", 50, "torchvision", 2048),
}
"""Encoder → family, plan, whose preprocessing and names, size of a cell's vector."""
CELLS = 49  # 7 × 7, of 224 × 224 pixels
BATCH = 16


def features_folder():
    """Where computed features are kept."""
    if "MMSCRATCH_FEATURES_DIR" in os.environ:
        return pathlib.Path(os.environ["MMSCRATCH_FEATURES_DIR"])
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "mmscratch" / "features"


def check_weights(path):
    """RunError where there is no such file of weights."""
    if not pathlib.Path(path).is_file():
        raise RunError("weights", f"expected a file of weights, got {str(path)!r}, which is none")


def load_network(name, weights):
    """A published network by its name here, with the weights of a file; RunError where there is none."""
    from ...representations import image

    check_weights(weights)
    family, plan, layout, _ = NETWORKS[name]
    return getattr(image, family).published(plan, weights, image.keras_vgg if layout == "keras" else None)


def picture_features(name, network, pictures):
    """uint8 (H, W, 3) each → (N, 49, D) float32: the cells of the network's last grid, row by row."""
    from ...representations.image import grid_features

    return grid_features(network, pictures, NETWORKS[name][2], BATCH).values


def stored_features(name, weights, pictures, *, progress=False):
    """The features of a set of pictures: (N, 49, D) float32, an array on disk that is read as needed.

    Computed unless they are kept already; the file is written under another name and moved into place. Where
    their folder cannot be written they are in memory only, and one line says so.
    pictures    an ``ImageFiles``, or uint8 (N, H, W, 3)
    Errors      RunError for weights that are no file; DataError naming a picture that cannot be read
    """
    path = features_folder() / f"{name}-{_key(weights, pictures)[:32]}.npy"
    if not os.path.exists(path):
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        network = load_network(name, weights)
        shape = len(pictures), CELLS, NETWORKS[name][3]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.touch()
        except OSError as error:
            told = f"{path.parent} cannot be written ({error.strerror}); MMSCRATCH_FEATURES_DIR names another"
            print(f"mmscratch: features are kept in memory only: {told}", file=sys.stderr)
            kept = np.empty(shape, np.float32)
            _compute(kept, name, network, pictures, progress)
            return kept
        try:
            kept = np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=shape)
            _compute(kept, name, network, pictures, progress)
            kept.flush()
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _compute(kept, name, network, pictures, progress):
    """Fill ``kept`` (N, 49, D), some pictures at a time."""
    n = len(pictures)
    for start in progress_bar(range(0, n, BATCH), f"{name} features", show=progress):
        some = range(start, min(start + BATCH, n))
        if isinstance(pictures, ImageFiles):
            batch = [read_image(pictures.paths[i]) for i in some]
        else:
            batch = [pictures[i] for i in some]
        kept[start : some.stop] = picture_features(name, network, batch)


def _key(weights, pictures):
    check_weights(weights)
    with open(weights, "rb") as file:
        parts = [hashlib.file_digest(file, "sha256").hexdigest()]
    if isinstance(pictures, ImageFiles):
        for path in pictures.paths:
            found = path.stat()
            parts.append(f"{path.resolve()} {found.st_size} {found.st_mtime_ns}")
    else:
        parts += [str(pictures.shape), hashlib.sha256(np.ascontiguousarray(pictures).data).hexdigest()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
