"""A Huffman tree over words: frequent ones have short paths (Huffman, 1952)."""

from __future__ import annotations

import heapq

import numpy as np

__all__ = ["huffman_paths"]


def huffman_paths(counts):
    """For every word that occurs: the inner nodes from the root down, and which way they are left.

    The two rarest nodes become the children of a new one until one is left. Hierarchical softmax (Morin &
    Bengio, 2005) gives each inner node a vector and makes a word's probability a product over its path:
    P(w) = Π σ(±u_node · h), + where the path goes to the child of code 0.

    counts (V,) → starts (V + 1,), node int32, label float32 (1 for code 0): word w's path is starts[w] to
    starts[w + 1]; nodes are numbered from 0, the root last. Words that do not occur have an empty path.
    Errors     ValueError for fewer than two words that occur
    """
    words = np.flatnonzero(counts)
    if len(words) < 2:
        raise ValueError(f"huffman_paths: counts: expected at least two words that occur, got {len(words)}")
    heap = [(int(counts[w]), int(w), None) for w in words]  # (weight, order among equals, children)
    heapq.heapify(heap)
    for node in range(len(words) - 1):
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (first[0] + second[0], len(counts) + node, (first, second)))
    paths = [((), ())] * len(counts)
    open_ = [(heap[0], (), ())]
    while open_:
        (_, name, children), nodes, labels = open_.pop()
        if children is None:
            paths[name] = nodes, labels
            continue
        nodes = (*nodes, name - len(counts))
        open_ += [(child, nodes, (*labels, label)) for child, label in zip(children, (1, 0), strict=True)]
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum([len(nodes) for nodes, _ in paths], out=starts[1:])
    node = np.fromiter((i for nodes, _ in paths for i in nodes), np.int32, int(starts[-1]))
    label = np.fromiter((y for _, labels in paths for y in labels), np.float32, int(starts[-1]))
    return starts, node, label
