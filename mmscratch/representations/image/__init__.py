"""Pictures as vectors: regions of a grid of features, detected objects, scene graphs.

region_features(grid, boxes, side)           Features (B, N, C + 5): RoIAlign and the boxes' geometry
load_detector().regions(images)              the same from boxes that were found, not given
scene_graphs(scenes)                         nodes, edges of nine relations, masks
"""

from ...lazy import names

_HOME = {
    "Detector": "detector",
    "SceneGraphs": "scene_graph",
    "SceneGraphEncoder": "scene_graph",
    "box_geometry": "regions",
    "decode_boxes": "boxes",
    "encode_boxes": "boxes",
    "generalized_iou": "boxes",
    "load_detector": "detector",
    "nms": "boxes",
    "region_features": "regions",
    "scene_graphs": "scene_graph",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
