"""Reading a folder of ONNX operator cases.

A folder holds pairs ``NAME_cases.json`` (graphs: nodes, attributes, and keys of arrays) and
``NAME_arrays.npz`` (the arrays). A graph's inputs and expected outputs come in one or more data sets.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

OPTION = "--onnx-cases"
DEFAULT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "onnx_conformance"


@dataclass
class Node:
    """One operator of a graph: the attributes have arrays in place of their keys."""

    op: str
    inputs: list
    outputs: list
    attributes: dict


@dataclass
class Case:
    """One graph with its data sets: each a pair of dicts, inputs and expected outputs by name."""

    name: str
    opset: int
    nodes: list
    initializers: dict
    data_sets: list = field(default_factory=list)

    @property
    def operators(self):
        return sorted({node.op for node in self.nodes} - {"Constant"}) or ["Constant"]


def folder_of(config):
    """The folder of cases that pytest was given; else the default, or None where that is not there."""
    given = config.getoption("onnx_cases", None)
    if given is not None:
        return Path(given)
    return DEFAULT if DEFAULT.is_dir() else None


def read_cases(folder):
    """Every case of the folder, in the order of the files; ValueError where there is none."""
    files = sorted(Path(folder).glob("*_cases.json"))
    if not files:
        raise ValueError(f"no *_cases.json in {folder}")
    return [case for file in files for case in _read_file(file)]


def _read_file(file):
    with np.load(file.with_name(file.name.replace("_cases.json", "_arrays.npz"))) as archive:
        arrays = {key: archive[key] for key in archive.files}
    for entry in json.loads(file.read_text(encoding="utf-8")):
        nodes = [
            Node(
                n["op_type"], n["inputs"], n["outputs"],
                {k: _attribute(v, arrays) for k, v in n["attributes"].items()},
            )
            for n in entry["nodes"]
        ]  # fmt: skip
        opset = entry["opset"]
        yield Case(
            entry["name"],
            opset.get("ai.onnx", opset.get("", 1)),
            nodes,
            {name: arrays[key] for name, key in entry["initializers"].items()},
            [tuple({n: arrays[k] for n, k in d[side].items()} for side in ("inputs", "outputs"))
             for d in entry["data_sets"]],
        )  # fmt: skip


def _attribute(value, arrays):
    return arrays[value["tensor"]] if isinstance(value, dict) and set(value) == {"tensor"} else value
