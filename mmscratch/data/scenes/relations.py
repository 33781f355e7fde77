"""Relations between the objects of a scene.

Left, right, above and below compare centres and hold from `dead_zone` pixels of difference on: a pair that is
closer on an axis is ambiguous on that axis, and neither direction holds. `nearest(a, b)` says that a is
the object nearest to b, by a margin of a third of the dead zone over the runner-up. Distances are exact.
"""

from math import sqrt

from .graph import Object, Scene

DEAD_ZONE = 6.0
SPATIAL = ("left", "right", "above", "below")
RELATIONS = (*SPATIAL, "bigger", "smaller", "same_colour", "same_shape", "nearest")
INVERSE = {"left": "right", "right": "left", "above": "below", "below": "above", "bigger": "smaller"}
INVERSE |= {"smaller": "bigger", "same_colour": "same_colour", "same_shape": "same_shape"}


def _beyond(difference: float, dead_zone: float) -> bool:
    return difference > 0 and difference >= dead_zone


def holds(scene: Scene, relation: str, i: int, j: int, dead_zone: float = DEAD_ZONE) -> bool:
    """Whether object i stands in `relation` to object j."""
    if i == j:
        return False
    a, b = scene.objects[i], scene.objects[j]
    if relation == "left":
        return _beyond(b.x - a.x, dead_zone)
    if relation == "right":
        return _beyond(a.x - b.x, dead_zone)
    if relation == "above":
        return _beyond(b.y - a.y, dead_zone)
    if relation == "below":
        return _beyond(a.y - b.y, dead_zone)
    if relation == "bigger":
        return a.radius > b.radius
    if relation == "smaller":
        return a.radius < b.radius
    if relation == "same_colour":
        return a.colour == b.colour
    if relation == "same_shape":
        return a.shape == b.shape
    if relation == "nearest":
        return nearest(scene, j, dead_zone) == i
    raise ValueError(f"relation must be one of {', '.join(RELATIONS)}, got {relation!r}")


def distance(a: Object, b: Object) -> float:
    """Euclidean distance of two centres in pixels."""
    return sqrt((a.x - b.x) ** 2 + (a.y - b.y) ** 2)


def nearest(scene: Scene, j: int, dead_zone: float = DEAD_ZONE) -> int | None:
    """The object nearest to object j, or None where it is alone or the runner-up is as near (within the
    margin)."""
    here = scene.objects[j]
    ranked = sorted((distance(o, here), i) for i, o in enumerate(scene.objects) if i != j)
    if not ranked:
        return None
    if len(ranked) > 1 and not _beyond(ranked[1][0] - ranked[0][0], dead_zone / 3):
        return None
    return ranked[0][1]


def direction(scene: Scene, i: int, j: int, dead_zone: float = DEAD_ZONE) -> str | None:
    """The one direction of object i seen from j, or None where two directions compete.

    The larger axis difference wins if it leads the other by `dead_zone` pixels.
    """
    a, b = scene.objects[i], scene.objects[j]
    dx, dy = a.x - b.x, a.y - b.y
    if not _beyond(abs(abs(dx) - abs(dy)), dead_zone):
        return None
    if abs(dx) > abs(dy):
        return "left" if dx < 0 else "right"
    return "above" if dy < 0 else "below"


def relation_matrix(scene: Scene, dead_zone: float = DEAD_ZONE) -> dict[str, list[list[bool]]]:
    """For every relation the matrix whose entry [i][j] says whether it holds from i to j."""
    n = range(len(scene))
    return {r: [[holds(scene, r, i, j, dead_zone) for j in n] for i in n] for r in RELATIONS}


def reading_order(scene: Scene) -> list[int]:
    """Object ids as one reads a page: rows of 16 pixels from the top, left to right inside a row."""
    key = [(int(o.y // 16), o.x, o.y) for o in scene.objects]
    return sorted(range(len(scene)), key=key.__getitem__)
