"""Clips as vectors: convolutions over time."""
