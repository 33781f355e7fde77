"""One picture, one question, and where each method says the answer lies: drawn."""

import io
import pathlib

import numpy as np

from ...data.files import write_whole
from ...data.scenes import COLOURS, SHAPES
from ...models.scene_cnn import SceneCNN, load_pretrained
from ...random import Generator
from .table import METHODS, maps_of

__all__ = ["explain_figure"]


def explain_figure(path, asked, index=0):
    """The picture with its true mask, then each method's map, of the trained network and of random weights.

    The other objects of the same picture are the distractors; the outline is the mask of the one asked for.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    one = asked[index : index + 1]
    networks = {"trained": load_pretrained(), "random weights": SceneCNN(generator=Generator(0)).eval()}
    figure, axes = plt.subplots(2, 1 + len(METHODS), figsize=(1.5 * (1 + len(METHODS)), 3.7), dpi=110)
    picture, mask = one.images[0].transpose(1, 2, 0), one.masks[0].astype(float)
    name = f"{list(COLOURS)[int(one.colour[0])]} {SHAPES[int(one.shape[0])]}"
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    axes[0, 0].imshow(picture)
    axes[0, 0].contour(mask, [0.5], colors="white", linewidths=1.2)
    axes[0, 0].set_title(f"a {name}?", fontsize=9)
    axes[1, 0].imshow(mask, cmap="gray")
    axes[1, 0].set_title("the true mask", fontsize=9)
    for row, (kind, network) in zip(axes[:, 1:], networks.items(), strict=True):
        for axis, method in zip(row, METHODS, strict=True):
            heat = maps_of(method, network, one)[0]
            if heat.min() == heat.max():
                heat = heat * 0
                axis.text(32, 8, "0 everywhere", color="white", fontsize=7, ha="center")
            axis.imshow(heat / np.quantile(heat, 0.998).clip(1e-12), cmap="inferno", vmin=0, vmax=1)
            axis.contour(mask, [0.5], colors="white", linewidths=0.6)
            if network is networks["trained"]:
                axis.set_title(method.replace(" ", "\n", 1), fontsize=9)
        row[0].set_ylabel(kind, fontsize=9)
    figure.tight_layout(pad=0.4)
    buffer = io.BytesIO()
    figure.savefig(buffer, metadata={"Software": None})
    plt.close(figure)
    write_whole(path, buffer.getvalue())
    return pathlib.Path(path)
