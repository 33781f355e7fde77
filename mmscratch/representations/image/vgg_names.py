"""VGG's weights as Keras and timm keep them → as our VGG, and torchvision's, has them."""

from __future__ import annotations

import re

import numpy as np

from .vgg import convolution_names

__all__ = ["keras_vgg", "timm_vgg"]

_NAME = re.compile(
    r"(?:.*/)?(?:block(?P<block>\d)_conv(?P<number>\d)|(?P<dense>fc1|fc2|predictions))"
    r"[/_](?P<kind>kernel|bias|W|b)(?:_1)?(?::0)?"
)
_DENSE = {"fc1": "classifier.0", "fc2": "classifier.3", "predictions": "classifier.6"}


def keras_vgg(network):
    """The map (as of ``weights.load_into``) for a VGG16 or VGG19 of Keras.

    Forward    convolution: W[o, i, y, x] = kernel[y, x, i, o];  dense: W[o, i] = kernel[i, o]
               fc1 reads the grid in the order (y, x, c), ours in (c, y, x): its inputs are reordered, too
    Names      "block1_conv1/kernel:0", "fc1/bias", and the older "block1_conv1_W_1:0"
    Errors     ValueError naming an array that is none of a VGG's
    Note       such a network wants pictures from ``preprocess_keras``
    """
    names = convolution_names(network)
    side = network.avgpool.output_size

    def map(arrays):
        found = {}
        for name, array in arrays.items():
            match = _NAME.fullmatch(name)
            target = match and (
                _DENSE[match["dense"]]
                if match["dense"]
                else names.get((int(match["block"]), int(match["number"])))
            )
            if not target:
                raise ValueError(f"keras_vgg: {name!r} is no array of this VGG")
            kernel = match["kind"] in ("kernel", "W")
            found[f"{target}.{'weight' if kernel else 'bias'}"] = (
                _kernel(name, np.asarray(array), match["dense"], side) if kernel else array
            )
        return found

    return map


def _kernel(name, array, dense, side):
    if array.ndim != (2 if dense else 4):
        raise ValueError(f"keras_vgg: {name!r} has shape {array.shape}, expected {2 if dense else 4} axes")
    if not dense:
        return array.transpose(3, 2, 0, 1)
    if dense == "fc1":
        if array.shape[0] % side**2:
            raise ValueError(
                f"keras_vgg: {name!r} has {array.shape[0]} rows, expected a multiple of {side**2}"
            )
        array = array.reshape(side, side, -1, array.shape[1]).transpose(2, 0, 1, 3).reshape(array.shape)
    return array.T


_TIMM = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3", "head.fc": "classifier.6"}


def timm_vgg(arrays):
    """The map (as of ``weights.load_into``) for timm's VGG, which is torchvision's with a convolutional end.

    Forward    W₆[o, (c, y, x)] = fc1[o, c, y, x], W₇[o, i] = fc2[o, i, 0, 0]: only shapes and names differ
    Note       such a network wants pictures from ``preprocess_torchvision``
    """
    found = {}
    for name, array in arrays.items():
        stem, _, kind = name.rpartition(".")
        if stem in _TIMM and kind == "weight":
            array = np.asarray(array).reshape(len(array), -1)
        found[f"{_TIMM.get(stem, stem)}.{kind}"] = array
    return found
