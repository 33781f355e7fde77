"""Sums in one fixed order: a binary tree over the shards, whoever has them.

Floating-point addition is not associative: (a + b) + c ≠ a + (b + c). An all-reduce adds in an order that
depends on the number of ranks, and so do its last bits. Here the order is a property of the shards:

    node (0, i) is shard i;   node (l, i) = node (l − 1, 2i) + node (l − 1, 2i + 1)     (the left one alone
    where there is no right one)

A rank adds up what lies wholly within its own shards (``partials``: at most 2 log₂ S nodes) and sends those
sums; the rest of the tree is added by whoever receives them. Errors grow like log₂ S, not S (pairwise
summation: Higham, 1993, eq. 3.6).
"""

__all__ = ["partials", "root", "tree_sum"]


def root(shards):
    """The node that covers all shards: the least (l, 0) with 2^l ≥ shards.

    Errors     ValueError where there is no shard
    """
    if shards < 1:
        raise ValueError(f"root: expected at least 1 shard, got {shards}")
    return (shards - 1).bit_length(), 0


def partials(first, last, shards):
    """The largest nodes that cover nothing but the shards first … last − 1, in the order of the shards."""
    found = []

    def visit(level, i):
        a, b = i << level, min((i + 1) << level, shards)
        if a >= b or b <= first or a >= last:
            return
        if first <= a and b <= last:
            found.append((level, i))
            return
        visit(level - 1, 2 * i)
        visit(level - 1, 2 * i + 1)

    visit(*root(shards))
    return found


def tree_sum(node, leaf, shards, known=None):
    """The sum at a node: leaf(i) → the array of shard i, or None for nothing (which adds nothing).

    known     {node: its sum}: not looked below
    Arrays that ``leaf`` gives are added into; at most l + 1 of them are held at a time.
    """
    if known is not None and node in known:
        return known[node]
    level, i = node
    if level == 0:
        return leaf(i)
    left = tree_sum((level - 1, 2 * i), leaf, shards, known)
    if (2 * i + 1) << (level - 1) >= shards:
        return left
    right = tree_sum((level - 1, 2 * i + 1), leaf, shards, known)
    if left is None or right is None:
        return right if left is None else left
    left += right
    return left
