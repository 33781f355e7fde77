"""Fusion: which method learns which kind of world."""
