"""Alignment: words with objects, frames of a sound with a clip; the methods on one scale."""
