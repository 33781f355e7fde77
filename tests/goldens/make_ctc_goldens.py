"""Freeze PyTorch's CTC: losses and gradients by the logits, in float64.

    python tests/goldens/make_ctc_goldens.py    (needs torch; writes ctc.npz here)

Rows of several lengths, repeated labels, an empty target, and one row with too few frames (infinite).
"""

import pathlib

import numpy as np
import torch
from torch.nn import functional as F

OUT = pathlib.Path(__file__).with_name("ctc.npz")
T, B, K = 9, 6, 5
TARGETS = [[1, 1, 2, 0], [3, 4, 3, 4], [2, 0, 0, 0], [1, 2, 3, 4], [0, 0, 0, 0], [1, 1, 1, 0]]
LENGTHS, FRAMES = [3, 4, 1, 4, 0, 3], [9, 7, 9, 4, 5, 4]


def main():
    torch.manual_seed(0)
    logits = torch.randn(T, B, K, dtype=torch.float64)
    out = {"logits": logits.numpy(), "targets": np.array(TARGETS), "lengths": np.array(LENGTHS),
           "frames": np.array(FRAMES)}  # fmt: skip
    for reduction in ("none", "sum", "mean"):
        for zero in (False, True):
            x = logits.clone().requires_grad_()
            loss = F.ctc_loss(F.log_softmax(x, 2), torch.tensor(TARGETS), torch.tensor(FRAMES),
                              torch.tensor(LENGTHS), reduction=reduction, zero_infinity=zero)  # fmt: skip
            name = f"{reduction}{'-zero' if zero else ''}"
            out[f"{name}/loss"] = loss.detach().numpy()
            if zero:
                (loss * torch.arange(1, B + 1)).sum().backward() if reduction == "none" else loss.backward()
                out[f"{name}/grad"] = x.grad.numpy()
    np.savez_compressed(OUT, **out)


if __name__ == "__main__":
    main()
