"""Pictures as vectors: what networks see in each place of a grid, in regions, in objects and their relations.

VGG.published(16, "vgg16.pth")               a network with the weights of a file, in evaluation mode
grid_features(network, pictures)             Features (B, 49, 512) of VGG, (B, 49, 2048) of ResNet-50
preprocess_torchvision, preprocess_keras     the two things that weights expect of pictures: never mix them
CLIP.from_state_dict(state).features(pictures)   patches of a Vision Transformer
region_features(grid, boxes, side)           Features (B, N, C + 5): RoIAlign and the boxes' geometry
load_detector().regions(images)              the same from boxes that were found, not given
scene_graphs(scenes)                         nodes, edges of nine relations, masks
"""

from ...lazy import names

_HOME = {
    "CLIP": "clip",
    "CLIPConfig": "clip",
    "Detector": "detector",
    "RESNETS": "resnet",
    "ResNet": "resnet",
    "SceneGraphEncoder": "scene_graph",
    "SceneGraphs": "scene_graph",
    "SmallCNN": "cnn",
    "VGG": "vgg",
    "VisionTransformer": "vit",
    "box_geometry": "regions",
    "decode_boxes": "boxes",
    "encode_boxes": "boxes",
    "generalized_iou": "boxes",
    "grid_features": "grid",
    "keras_vgg": "vgg_names",
    "load_detector": "detector",
    "nms": "boxes",
    "preprocess_keras": "preprocess",
    "preprocess_torchvision": "preprocess",
    "region_features": "regions",
    "scene_graphs": "scene_graph",
    "timm_vgg": "vgg_names",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
