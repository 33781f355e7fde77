"""A one-stage detector: every cell of a grid says whether an object's centre is in it, its box, and its kind.

The idea of YOLO (Redmon et al., 2016; Redmon & Farhadi, 2017) without prior boxes, as in FCOS and
CenterNet (Tian et al., 2019; Zhou et al., 2019): one box a cell, trained with the focal loss against the
many empty cells (Lin et al., 2017) and with generalized IoU (Rezatofighi et al., 2019). Objects whose box
centres share a cell cannot both be found; in the scenes world without occlusion that never happens.
"""

import dataclasses
import math
import pathlib

import numpy as np

from ... import nn, ops
from ...autograd import no_grad
from ...data.scenes import COLOURS, SHAPES, SIZES
from ...tensor import Tensor, tensor
from ...weights import read_shipped
from .boxes import decode_boxes, encode_boxes, focal_loss, generalized_iou, nms
from .regions import region_features

__all__ = ["WEIGHTS", "Detections", "Detector", "detection_targets", "load_detector"]

WEIGHTS = pathlib.Path(__file__).parent / "weights" / "detector.safetensors"
ATTRIBUTES = {"shape": len(SHAPES), "colour": len(COLOURS), "size": len(SIZES)}
LOWEST = 0.01  # the score from which a box may be one of a fixed number of regions
SHARPEST = 4.0  # sizes of boxes stay within e^∓4 cells, so that a wild logit does not overflow


@dataclasses.dataclass(frozen=True)
class Detections:
    """What was found in one picture, best first.

    boxes (N, 4) x0, y0, x1, y1;  scores (N,) in [0, 1];  labels: attribute → (N,) int64
    shares: attribute → (N, K) float32, how likely each label is; None where only labels are known
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: dict
    shares: dict | None = None

    def __len__(self):
        return len(self.boxes)


def detection_targets(boxes, labels, side, stride=8):
    """What each cell should say: the object whose box has its centre there (of several the last).

    Shapes     boxes: (M_i, 4) a picture; labels: attribute → (M_i,) integers a picture; side of the pictures
               → objectness (B, g, g) float32, box (B, g, g, 4) float32, attribute (B, g, g) int64, −1 in
               empty cells; g = side / stride
    Errors     ValueError for a box that has no area or whose centre is outside
    """
    if side % stride:
        raise ValueError(f"detection_targets: side {side} must be a multiple of the stride {stride}")
    grid, count = side // stride, len(boxes)
    found = {name: np.full((count, grid, grid), -1, np.int64) for name in labels}
    found["objectness"] = np.zeros((count, grid, grid), np.float32)
    found["box"] = np.zeros((count, grid, grid, 4), np.float32)
    for b, picture in enumerate(boxes):
        picture = np.asarray(picture, np.float64).reshape(-1, 4)
        cells = np.floor((picture[:, :2] + picture[:, 2:]) / 2 / stride).astype(int)[:, ::-1]
        if len(picture) and (cells.min() < 0 or cells.max() >= grid):
            raise ValueError(f"detection_targets: picture {b} has a box centred outside 0 … {side}")
        if (picture[:, 2:] <= picture[:, :2]).any():
            raise ValueError(f"detection_targets: picture {b}: expected x0 < x1 and y0 < y1 in every box")
        at = (b, cells[:, 0], cells[:, 1])
        found["objectness"][at], found["box"][at] = 1, picture
        for name in labels:
            found[name][at] = labels[name][b]
    return found


class Detector(nn.Module):
    """Pictures → boxes with scores and attributes.

    Forward    a = relu(conv(…(x − ½))), strides 2, 2, 2, 1;   logits = W a + b, cell by cell:
               objectness o, box t̂, one row of logits an attribute
               score = σ(o);  t = (σ(t̂_x), σ(t̂_y), t̂_w, t̂_h), made a box by ``decode_boxes``
    Loss       L = 1/P Σ focal(o) + mean_P (1 − GIoU) + mean_P smooth-L1(t) + Σ_attributes mean_P CE,
               P the cells that hold an object
    Shapes     images (B, 3, H, W) in [0, 1] → features (B, C, H/8, W/8), logits (B, 1 + 4 + K, H/8, W/8)
    Begins     objectness at 1 % (Lin et al., 2017, §4.1), the rest as ``Conv2d``
    """

    STRIDE = 8

    def __init__(self, channels=(24, 48, 96, 96), attributes=None, *, generator=None):
        c1, c2, c3, c4 = channels
        self.channels = c4
        self.attributes = dict(ATTRIBUTES if attributes is None else attributes)
        self.heads = {"objectness": 1, "box": 4, **self.attributes}
        wide = {"kernel_size": 3, "padding": 1, "activation": "relu", "generator": generator}
        self.conv1 = nn.Conv2d(3, c1, stride=2, **wide)
        self.conv2 = nn.Conv2d(c1, c2, stride=2, **wide)
        self.conv3 = nn.Conv2d(c2, c3, stride=2, **wide)
        self.conv4 = nn.Conv2d(c3, c4, **wide)
        self.head = nn.Conv2d(c4, sum(self.heads.values()), 1, generator=generator)
        bias = self.head.bias.detach().numpy().copy()
        bias[0] = -math.log(99)
        nn.init.set_(self.head.bias, bias)

    def features(self, images):
        """The grid of features: (B, 3, H, W) → (B, C, H/8, W/8)."""
        s = self.STRIDE
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % s or images.shape[3] % s:
            raise ValueError(
                f"Detector: images must be (B, 3, H, W), sides multiples of {s}, got {tuple(images.shape)}"
            )
        return self.conv4(self.conv3(self.conv2(self.conv1(images - 0.5))))

    def forward(self, images):
        """Images → features, logits of all heads."""
        features = self.features(images)
        return features, self.head(features)

    def rows(self, logits, cells):
        """The logits of chosen cells (numbers in B·h·w), by head: {"box": (N, 4), …}."""
        flat = ops.reshape(ops.permute(logits, axes=(0, 2, 3, 1)), shape=(-1, logits.shape[1]))
        chosen = ops.take(flat, tensor(cells, np.int64, device=logits.device))
        return dict(zip(self.heads, ops.split(chosen, sizes=list(self.heads.values()), axis=1), strict=True))

    def loss(self, logits, targets):
        """The loss above; targets as ``detection_targets`` makes them."""
        occupied = np.asarray(targets["objectness"])
        cells = np.flatnonzero(occupied)
        wanted = tensor(occupied, logits.dtype, device=logits.device)
        loss = focal_loss(logits[:, 0], wanted) / max(len(cells), 1)
        if not len(cells):
            return loss
        rows, places = self.rows(logits, cells), _places(cells, occupied.shape)
        boxes = targets["box"].reshape(-1, 4)[cells]
        goal = tensor(encode_boxes(boxes, places, self.STRIDE), logits.dtype, device=logits.device)
        codes = _codes(rows["box"])
        found = decode_boxes(codes, places, self.STRIDE)
        overlap = generalized_iou(found, tensor(boxes, logits.dtype, device=logits.device))
        loss = loss + ops.mean(1.0 - overlap) + ops.smooth_l1_loss(codes, goal, beta=0.1)
        for name in self.attributes:
            label = tensor(targets[name].reshape(-1)[cells], np.int64, device=logits.device)
            loss = loss + ops.cross_entropy(rows[name], label)
        return loss

    def detect(self, images, threshold=0.05, iou=0.5, most=20, batch_size=128):
        """Detections of each picture; no gradient.

        Forward    cells whose score is at least ``threshold``, thinned by ``nms``, the ``most`` best
        Shapes     images (N, 3, H, W), an array → N Detections
        """
        return [found for _, found in self._detect(images, threshold, iou, most, batch_size)]

    def _detect(self, images, threshold, iou, most, batch_size):
        """(features (C, h, w), Detections) of each picture."""
        if not 0 <= threshold <= 1 or most < 1:
            raise ValueError(
                f"detect: threshold must lie in [0, 1] and most be at least 1, got {threshold}, {most}"
            )
        device, high, wide = self.head.weight.device, *(n // self.STRIDE for n in images.shape[2:])
        for start in range(0, len(images), batch_size):
            with no_grad():
                batch = Tensor(np.ascontiguousarray(images[start : start + batch_size]))
                grid, logits = self(batch.to(device))
                score = ops.sigmoid(logits[:, 0]).numpy()
                cells = np.flatnonzero(score >= threshold)
                places = _places(cells, score.shape)
                rows = self.rows(logits, cells) if len(cells) else {}
                boxes = decode_boxes(_codes(rows["box"]), places, self.STRIDE).numpy() if rows else None
            grid, owner = grid.numpy(), cells // (high * wide)
            shares = {n: ops.softmax(rows[n]).numpy() for n in self.attributes} if rows else {}
            for b in range(len(score)):
                mine = np.flatnonzero(owner == b)
                if not len(mine):
                    none = {n: np.zeros((0, k), np.float32) for n, k in self.attributes.items()}
                    yield grid[b], _found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), none)
                    continue
                own = np.clip(boxes[mine], 0, np.tile(images.shape[:1:-1], 2)).astype(np.float32)
                scores = score.reshape(-1)[cells[mine]]
                kept = nms(own, scores, iou)[:most]
                yield grid[b], _found(own[kept], scores[kept], {n: s[mine[kept]] for n, s in shares.items()})

    def regions(self, images, threshold=0.3, iou=0.5, most=8, output_size=1, batch_size=128):
        """The regions that were found, as Features (N, R, C·output_size² + 5): as ``region_features``, from
        the detector's own grid and boxes."""
        grids, boxes = [], []
        for grid, found in self._detect(images, threshold, iou, most, batch_size):
            grids.append(grid)
            boxes.append(found.boxes)
        return region_features(np.stack(grids), boxes, images.shape[2:], output_size)

    def best_regions(self, images, count=8, iou=0.5, batch_size=128):
        """The ``count`` best boxes of each picture as regions: always as many, so that no mask is needed.

        What Anderson et al. (2018, §3.1) call bottom-up attention, with a fixed number of boxes; where fewer
        than ``count`` remain after ``nms``, the whole picture stands for the rest.
        Shapes     images (N, 3, H, W), an array → features (N, count, C + 5), cells (N, count): the flat
                   index of the grid's cell in which each box has its centre
        """
        grids, boxes = [], []
        whole = np.array([[0, 0, images.shape[3], images.shape[2]]], np.float32)
        for grid, found in self._detect(images, LOWEST, iou, count, batch_size):
            grids.append(grid)
            boxes.append(np.concatenate([found.boxes, whole.repeat(count - len(found), axis=0)]))
        features = region_features(np.stack(grids), boxes, images.shape[2:]).values
        boxes = np.stack(boxes)
        wide = images.shape[3] // self.STRIDE
        centre = (boxes[:, :, :2] + boxes[:, :, 2:]) / (2 * self.STRIDE)
        x, y = np.minimum(centre, np.array([wide, images.shape[2] // self.STRIDE]) - 1).astype(np.int64).T
        return features, (y * wide + x).T

    def extra_repr(self):
        return ", ".join(f"{name}={n}" for name, n in self.heads.items())


def _found(boxes, scores, shares):
    labels = {name: s.argmax(1) for name, s in shares.items()}
    return Detections(boxes, scores, labels, shares)


def _codes(logits):
    """Box logits → t: offsets through σ, sizes held within e^∓4 cells."""
    offset, size = ops.split(logits, sizes=[2, 2], axis=1)
    return ops.concatenate([ops.sigmoid(offset), ops.clip(size, min=-SHARPEST, max=SHARPEST)], axis=1)


def _places(cells, shape):
    """Numbers of cells in (B, h, w) → (row, column) of each: (N, 2)."""
    return np.stack(np.unravel_index(cells, shape)[1:], axis=1)


def load_detector(path=WEIGHTS):
    """The detector with the weights that ship with the package, in evaluation mode.

    Errors     FileNotFoundError; ValueError where the file's sha256 is not the one in the recipe beside it
    """
    arrays, recipe = read_shipped(path)
    model = Detector(tuple(recipe["channels"]))
    model.load_state_dict(arrays)
    return model.eval()
