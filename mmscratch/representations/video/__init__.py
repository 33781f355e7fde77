"""Clips as vectors: frames by themselves, and nets that see time.

grid_features(clips)                 Features (B, T, D): mean colours of cells, a vector a frame
frame_features(clips, encoder)       Features (B, T, D): any net for pictures, a vector a frame
clip_features(clips, C3D())          Features (B, N, D): stretches of 16 frames
C3D, VideoResNet                     whole (Tran, 2015) and factorised (Tran, 2018) convolutions in time
FrameBag                             the control: the mean over frames, which has no order
"""

from ...lazy import names

_HOME = {
    "C3D": "c3d",
    "FrameBag": "frame_bag",
    "VideoResNet": "resnet",
    "clip_features": "clips",
    "frame_features": "clips",
    "grid_features": "clips",
    "middle_width": "resnet",
    "to_clips": "clips",
    "windows": "clips",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
