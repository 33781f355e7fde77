"""Freeze a small file as PyTorch saves it, and what is in it.

python tests/goldens/make_torch_file.py        (needs torch; writes torch_file.pth and .npz beside itself)
"""

import collections
import pathlib

import numpy as np
import torch

OUT = pathlib.Path(__file__).with_name("torch_file.pth")


def main():
    random = np.random.default_rng(0)
    base = torch.from_numpy(random.normal(size=(4, 6)).astype(np.float32))
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    integers = {
        kind: torch.from_numpy(random.integers(0, 100, 5)).to(getattr(torch, kind))
        for kind in ("int64", "int32", "int16", "int8", "uint8")
    }
    value = {
        "state_dict": model.state_dict(),
        "views": collections.OrderedDict(
            whole=base,
            turned=base.T,
            column=base[:, 2],
            strided=base[1::2, ::3],
            expanded=base[0:1, :2].expand(3, 2),
            parameter=torch.nn.Parameter(base[3]),
        ),
        "halves": {
            "half": base[:2].half(),
            "bfloat16": torch.tensor([1.0, -2.5, 3.1415927, 1e38, 1e-40, float("inf")]).bfloat16(),
            "double": base[0].double(),
        },
        "integers": integers,
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(7.5),
        "empty": torch.zeros(0, 3),
        "several": [torch.ones(2), (torch.zeros(1),)],
        "epoch": 3,
        "rate": 0.1,
        "name": "model",
        "nothing": None,
    }
    torch.save(value, OUT)
    found = {}

    def collect(value, name):
        if isinstance(value, torch.Tensor):
            found[name] = (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
        elif isinstance(value, dict | list | tuple):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                collect(inner, f"{name}.{key}" if name else str(key))

    collect(value, "")
    np.savez_compressed(OUT.with_suffix(".npz"), **found)


if __name__ == "__main__":
    main()
