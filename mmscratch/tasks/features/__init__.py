"""Files and pictures to features: ``mmscratch features``, and what captioners and retrieval keep on disk."""
