"""Training targets on a g × g grid of cells, read off the scene graph.

An object belongs to the cell that holds its centre. Every two centres are at least 14 pixels apart (8.5 with
occlusion), so with 8-pixel cells two objects may meet in one only with occlusion; then the front one has it.
"""

from collections.abc import Sequence

import numpy as np

from .captions import Caption
from .graph import ATTRIBUTES, SIDE, Object, Scene
from .render import boxes, masks

MAX_OBJECTS = 6


def cell_of(o: Object, grid: int = 8) -> tuple[int, int]:
    """(row, column) of the cell that holds the object's centre."""
    return int(o.y * grid // SIDE), int(o.x * grid // SIDE)


def cell_targets(scenes: Sequence[Scene], grid: int = 8) -> dict[str, np.ndarray]:
    """What stands in each cell.

    Shapes     objectness (N, g, g) uint8, 0 or 1
               shape, colour, size, texture (N, g, g) int8: index into graph.SHAPES …, −1 in empty cells
               object (N, g, g) int8: the object's id, −1 in empty cells
    """
    _check_grid(grid)
    n = len(scenes)
    out = {name: np.full((n, grid, grid), -1, dtype=np.int8) for name in (*ATTRIBUTES, "object")}
    out["objectness"] = np.zeros((n, grid, grid), dtype=np.uint8)
    index = {name: {value: k for k, value in enumerate(values)} for name, values in ATTRIBUTES.items()}
    for k, scene in enumerate(scenes):
        for i, o in enumerate(scene.objects):
            at = (k, *cell_of(o, grid))
            out["objectness"][at] = 1
            out["object"][at] = i
            for name in ATTRIBUTES:
                out[name][at] = index[name][getattr(o, name)]
    return out


def object_cells(scenes: Sequence[Scene], grid: int = 8) -> np.ndarray:
    """Flat cell index (row·g + column) of each object's centre, −1 beyond the last object: (N, 6) int64."""
    _check_grid(grid)
    out = np.full((len(scenes), MAX_OBJECTS), -1, dtype=np.int64)
    for row, scene in zip(out, scenes, strict=True):
        for i, o in enumerate(scene.objects):
            y, x = cell_of(o, grid)
            row[i] = y * grid + x
    return out


def box_cells(scenes: Sequence[Scene], grid: int = 8) -> np.ndarray:
    """The same by the centre of each object's box (not a triangle's own), −1 too for what is hidden."""
    _check_grid(grid)
    out = np.full((len(scenes), MAX_OBJECTS), -1, dtype=np.int64)
    for row, scene in zip(out, scenes, strict=True):
        for i, (x0, y0, x1, y1) in enumerate(boxes(scene)):
            if x1 > x0:
                row[i] = (y0 + y1) * grid // (2 * SIDE) * grid + (x0 + x1) * grid // (2 * SIDE)
    return out


def link_cells(
    captions: Sequence[Caption], scenes: Sequence[Scene], length: int, grid: int = 8
) -> np.ndarray:
    """For each token of each caption the flat cell of the object that it mentions, −1 for none: (N,
    length) int64.

    The supervision of attention: captions longer than `length` are cut, shorter ones padded with −1.
    """
    if len(captions) != len(scenes):
        raise ValueError(f"{len(captions)} captions for {len(scenes)} scenes: one of each is expected")
    cells = object_cells(scenes, grid)
    out = np.full((len(captions), length), -1, dtype=np.int64)
    for row, caption, cell in zip(out, captions, cells, strict=True):
        for t, i in enumerate(caption.links[:length]):
            if i >= 0:
                row[t] = cell[i]
    return out


def mask_grid(scene: Scene, grid: int = 8) -> np.ndarray:
    """Share of each object's visible pixels in each cell, (objects, g, g); every object sums to 1."""
    _check_grid(grid)
    step = SIDE // grid
    parts = masks(scene).reshape(len(scene), grid, step, grid, step).sum((2, 4)).astype(np.float64)
    return parts / parts.sum((1, 2), keepdims=True)


def _check_grid(grid: int) -> None:
    if isinstance(grid, bool) or not isinstance(grid, int) or grid < 1 or SIDE % grid:
        raise ValueError(f"grid must divide the image side of {SIDE}, got {grid!r}")
