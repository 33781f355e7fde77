"""Published weights: files that others wrote, read without running anything that is in them.

read_weights("vgg16.pth")                    name → NumPy array; safetensors, npz, PyTorch's zip format
open_weights("model.safetensors")            name → Entry, nothing read yet: name, shape, dtype
load_into(model, read_weights(path))         into a module, or an error that lists every name that differs
ZOO, download("resnet50")                    files known by name, fetched once, checked by their sha256
"""

from ..lazy import names

_HOME = {
    "Entry": "entry",
    "ZOO": "zoo",
    "ZooFile": "zoo",
    "describe": "table",
    "download": "fetch",
    "list_zoo": "zoo",
    "load_into": "load",
    "open_weights": "read",
    "read_shipped": "shipped",
    "read_weights": "read",
    "under": "load",
    "write_shipped": "shipped",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
