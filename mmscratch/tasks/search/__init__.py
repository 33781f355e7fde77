"""Searching a folder of pictures, by composed queries too: ``mmscratch search``."""
