"""Tokens as published models count them: WordPiece, byte-level BPE."""
