"""Rumour detection: text, picture and the tree in which a post spreads."""
