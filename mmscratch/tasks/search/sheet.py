"""A sheet of the pictures that were found, with their captions."""

import pathlib
import textwrap

__all__ = ["search_sheet"]

COLUMNS, WIDTH = 5, 24


def search_sheet(path, title, rows, asked=None):
    """One picture a place, five a row, the nearest first; the picture that was asked with stands before them.

    rows: [(picture (H, W, 3) uint8, score, caption)]; asked: None, or a picture
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    count = max(1, -(-len(rows) // COLUMNS))
    first = asked is not None
    figure, axes = plt.subplots(
        count, COLUMNS + first, figsize=(1.75 * (COLUMNS + first), 2.35 * count + 0.5), squeeze=False, dpi=120
    )
    for axis in axes.flat:
        axis.axis("off")
    if first:
        axes[0, 0].imshow(asked)
        axes[0, 0].set_title("asked with", fontsize=9, color="#3b6fb6")
    for n, (picture, score, caption) in enumerate(rows):
        axis = axes[n // COLUMNS, n % COLUMNS + first]
        axis.imshow(picture)
        axis.set_title(f"{n + 1}.  {score:.3f}", fontsize=9)
        text = textwrap.fill(caption, WIDTH, max_lines=3, placeholder=" …")
        axis.text(0.5, -0.04, text, transform=axis.transAxes, ha="center", va="top", fontsize=7.5)
    figure.suptitle(textwrap.shorten(title, 110), fontsize=11)
    figure.tight_layout(pad=0.4, rect=(0, 0.02, 1, 1))
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return pathlib.Path(path)
