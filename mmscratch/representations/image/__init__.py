"""Pictures as vectors: what published networks see in each place of a grid.

VGG.published(16, "vgg16.pth")          a network with the weights of a file, in evaluation mode
grid_features(network, pictures)        Features (B, 49, 512) of VGG, (B, 49, 2048) of ResNet-50
preprocess_torchvision, preprocess_keras    the two things that weights expect of pictures: never mix them
"""

from ...lazy import names

_HOME = {
    "RESNETS": "resnet",
    "ResNet": "resnet",
    "SmallCNN": "cnn",
    "VGG": "vgg",
    "grid_features": "grid",
    "keras_vgg": "vgg_names",
    "preprocess_keras": "preprocess",
    "preprocess_torchvision": "preprocess",
    "timm_vgg": "vgg_names",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
