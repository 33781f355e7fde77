"""Images as vectors: CNN grids, detected boxes, scene graphs."""
