"""Sentiment: of rated texts (``mmscratch train sentiment``), of scenes, and of digits seen and heard."""
