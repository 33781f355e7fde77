"""Who does what: so many items in so many pieces, each piece in a row, sizes that differ by one at most."""

__all__ = ["bounds", "owned", "owner"]


def bounds(count, pieces):
    """[(first, last)] of each piece: ⌊i · count / pieces⌋ for i = 0 … pieces.

    Errors     ValueError where count is negative, or there is no piece
    """
    if count < 0 or pieces < 1:
        raise ValueError(f"bounds: expected count ≥ 0 and pieces ≥ 1, got {count} and {pieces}")
    edges = [i * count // pieces for i in range(pieces + 1)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def owned(shards, comm):
    """The shards of this rank, a range: neighbours, so that sums of theirs can be made before sending."""
    return range(*bounds(shards, comm.size)[comm.rank])


def owner(shards, size):
    """Which rank has each of the shards: a list of ``shards`` numbers."""
    return [rank for rank, (a, b) in enumerate(bounds(shards, size)) for _ in range(a, b)]
