"""Freeze what PyTorch computes, so that our layers can be held to it without PyTorch.

    python tests/goldens/make_torch_goldens.py        (needs torch; writes torch_layers.npz beside itself)

Every layer in float64 on small inputs: its state_dict, inputs, outputs, and the gradients of
Σ y ⊙ cos(0, 1, …) with respect to inputs and parameters. Then losses, optimizers over several steps, and
learning rates. All numbers stand in one flat array; ``index``, JSON, says what lies where.
"""

import json
import pathlib

import numpy as np
import torch

OUT = pathlib.Path(__file__).with_name("torch_layers.npz")

x1, x2, x3 = (2, 4, 7), (2, 4, 6, 5), (2, 2, 4, 4, 5)
seq, sides = (4, 3, 3), {"batch_first": True}

# name of the class, arguments, options, inputs (shapes, or "int:N" shapes), options of the call
LAYERS = [
    ("Linear", (3, 4), {}, [(2, 5, 3)], {}),
    ("Linear", (3, 2), {"bias": False}, [(3,)], {}),
    ("Bilinear", (3, 2, 4), {}, [(5, 3), (5, 2)], {}),
    ("Embedding", (6, 3), {"padding_idx": 1}, [("int", 6, (2, 5))], {}),
    ("Embedding", (4, 2), {}, [("int", 4, (7,))], {}),
    *[(n, (2, 3), {}, [(3, 2)], {}) for n in ("LSTMCell", "GRUCell")],
    *[(n, (3, 2), {}, [seq], {}) for n in ("LSTM", "GRU", "RNN")],
    *[(n, (3, 2), {"num_layers": 2, "bidirectional": True, **sides}, [(3, 4, 3)], {})
      for n in ("LSTM", "GRU")],
    ("RNN", (3, 2), {"nonlinearity": "relu", "bidirectional": True, "num_layers": 2}, [seq], {}),
    *[(n, (3, 2), {"bidirectional": True}, [(5, 3, 3)], {"lengths": [3, 5, 1]})
      for n in ("LSTM", "GRU", "RNN")],
    ("LSTM", (3, 2), {"bias": False}, [(4, 3)], {}),
    ("LSTM", (3, 2), {"num_layers": 2}, [seq, ("pair", (2, 3, 2))], {}),
    ("LSTM", (3, 2), {"num_layers": 2, "bidirectional": True}, [seq, ("pair", (4, 3, 2))], {}),
    ("GRU", (3, 2), {}, [seq, (1, 3, 2)], {}),
    ("GRU", (3, 2), {"num_layers": 2, "bidirectional": True}, [seq, (4, 3, 2)], {"lengths": [3, 4, 2]}),
    ("Conv1d", (4, 3, 3), {"stride": 2, "padding": 1}, [x1], {}),
    ("Conv1d", (4, 6, 2), {"groups": 2, "dilation": 2, "padding": "same"}, [x1], {}),
    ("Conv1d", (4, 2, 3), {"padding": 1, "padding_mode": "replicate"}, [x1], {}),
    ("Conv2d", (4, 3, (3, 2)), {"stride": (2, 1), "padding": (1, 0)}, [x2], {}),
    ("Conv2d", (4, 4, 3), {"groups": 4, "bias": False, "padding": 1, "padding_mode": "reflect"}, [x2], {}),
    ("Conv3d", (2, 2, 2), {"stride": 2, "padding": 1}, [x3], {}),
    ("ConvTranspose1d", (4, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}, [x1], {}),
    ("ConvTranspose2d", (4, 2, 2), {"stride": (2, 1), "groups": 2, "dilation": 2}, [(1, 4, 3, 3)], {}),
    ("ConvTranspose3d", (2, 1, 2), {"stride": 2}, [(1, 2, 2, 2, 2)], {}),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1}, [x1], {}),
    ("MaxPool2d", (2,), {"ceil_mode": True, "return_indices": True}, [x2], {}),
    ("MaxPool3d", (2,), {"dilation": (1, 2, 1)}, [(1, 2, 4, 4, 3)], {}),
    ("AvgPool1d", (3,), {"padding": 1, "count_include_pad": False}, [x1], {}),
    ("AvgPool2d", ((3, 2),), {"stride": 2, "padding": 1, "ceil_mode": True}, [x2], {}),
    ("AvgPool3d", (2,), {}, [(1, 2, 4, 4, 3)], {}),
    ("AdaptiveAvgPool1d", (3,), {}, [x1], {}),
    ("AdaptiveAvgPool2d", ((4, 2),), {}, [x2], {}),
    ("AdaptiveAvgPool3d", (2,), {}, [(1, 2, 4, 3, 3)], {}),
    ("AdaptiveMaxPool1d", (3,), {}, [x1], {}),
    ("AdaptiveMaxPool2d", (2,), {}, [x2], {}),
    ("AdaptiveMaxPool3d", (2,), {}, [(1, 2, 4, 3, 3)], {}),
    ("LPPool2d", (2.0, 2), {}, [x2], {}),
    ("BatchNorm1d", (4,), {}, [x1], {"training": True}),
    ("BatchNorm1d", (4,), {"momentum": None}, [(5, 4)], {"training": True}),
    ("BatchNorm1d", (4,), {"track_running_stats": False, "affine": False}, [x1], {}),
    ("BatchNorm2d", (4,), {"eps": 1e-3, "momentum": 0.3}, [(2, 4, 2, 3)], {"training": True}),
    ("BatchNorm2d", (4,), {}, [(2, 4, 2, 3)], {}),
    ("BatchNorm3d", (2,), {}, [(2, 2, 2, 2, 2)], {"training": True}),
    ("LayerNorm", (4,), {}, [(3, 2, 4)], {}),
    ("LayerNorm", ((2, 4),), {"bias": False}, [(3, 2, 4)], {}),
    ("GroupNorm", (2, 4), {}, [x1], {}),
    ("InstanceNorm1d", (4,), {"affine": True}, [x1], {}),
    ("InstanceNorm2d", (4,), {"track_running_stats": True}, [(2, 4, 2, 3)], {"training": True}),
    ("InstanceNorm3d", (2,), {"track_running_stats": True, "affine": True}, [(2, 2, 2, 2, 2)], {}),
    ("RMSNorm", (4,), {"eps": 1e-5}, [(3, 2, 4)], {}),
    ("RMSNorm", (4,), {}, [(3, 4)], {}),
    *[
        (n, (), {}, [(3, 7)], {})
        for n in ("ReLU", "ReLU6", "Sigmoid", "Tanh", "Softplus", "Softsign", "SiLU", "Mish", "SELU",
                  "Hardsigmoid",
                  "Hardswish", "Hardtanh", "LogSigmoid", "GELU", "ELU", "CELU", "LeakyReLU", "PReLU")
    ],
    ("GELU", (), {"approximate": "tanh"}, [(3, 7)], {}),
    ("ELU", (), {"alpha": 0.7}, [(3, 7)], {}),
    ("PReLU", (4,), {}, [x1], {}),
    ("GLU", (1,), {}, [x1], {}),
    ("Softmax", (1,), {}, [x1], {}),
    ("LogSoftmax", (-1,), {}, [x1], {}),
    ("MultiheadAttention", (4, 2), {}, [(3, 2, 4)] * 3, {}),
    ("MultiheadAttention", (4, 2), {"kdim": 3, "vdim": 5, "bias": False, **sides},
     [(2, 3, 4), (2, 4, 3), (2, 4, 5)], {"average_attn_weights": False}),
    ("MultiheadAttention", (4, 2), {**sides}, [(2, 3, 4)] * 3,
     {"attn_mask": ("causal", 3), "key_padding_mask": ("bool", [[0, 0, 1], [0, 0, 0]])}),
    ("MultiheadAttention", (4, 2), {**sides}, [(2, 3, 4)] * 3, {"attn_mask": ("float", (4, 3, 3))}),
    ("TransformerEncoderLayer", (4, 2), {"dim_feedforward": 5, "dropout": 0.0}, [(3, 2, 4)], {}),
    ("TransformerEncoderLayer", (4, 2),
     {"dim_feedforward": 5, "dropout": 0.0, "norm_first": True, "activation": "gelu", **sides}, [(2, 3, 4)],
     {"src_key_padding_mask": ("bool", [[0, 0, 1], [0, 0, 0]])}),
    ("TransformerDecoderLayer", (4, 2), {"dim_feedforward": 5, "dropout": 0.0, **sides},
     [(2, 3, 4), (2, 4, 4)], {"tgt_mask": ("causal", 3)}),
    ("TransformerDecoderLayer", (4, 2), {"dim_feedforward": 5, "dropout": 0.0, "norm_first": True},
     [(3, 2, 4), (4, 2, 4)], {"memory_key_padding_mask": ("bool", [[0, 0, 1, 1], [0, 0, 0, 0]])}),
]  # fmt: skip

STACKS = ["TransformerEncoder", "TransformerDecoder"]

ce = [(5, 4), ("int", 4, (5,))]
LOSSES = [
    ("CrossEntropyLoss", (), {}, ce, {}),
    ("CrossEntropyLoss", (), {"weight": [0.5, 1.0, 2.0, 1.5], "label_smoothing": 0.1, "ignore_index": 2}, ce,
     {}),
    ("CrossEntropyLoss", (), {"reduction": "none"}, [(2, 4, 3), ("int", 4, (2, 3))], {}),
    ("CrossEntropyLoss", (), {"label_smoothing": 0.2}, [(5, 4), ("simplex", (5, 4))], {}),
    ("NLLLoss", (), {"weight": [0.5, 1.0, 2.0, 1.5], "ignore_index": 1}, ce, {}),
    *[(n, (), {"reduction": r}, [(3, 4), (3, 4)], {})
      for n in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss") for r in ("mean", "sum")],
    ("SmoothL1Loss", (), {"beta": 0.4}, [(3, 4), (3, 4)], {}),
    ("HuberLoss", (), {"delta": 0.6}, [(3, 4), (3, 4)], {}),
    ("BCEWithLogitsLoss", (), {}, [(3, 4), ("unit", (3, 4))], {}),
    ("BCEWithLogitsLoss", (), {"pos_weight": [0.5, 1.0, 2.0, 1.5]}, [(3, 4), ("unit", (3, 4))], {}),
    ("BCELoss", (), {}, [("chance", (3, 4)), ("unit", (3, 4))], {}),
    ("KLDivLoss", (), {"reduction": "batchmean"}, [(3, 4), ("simplex", (3, 4))], {}),
    ("KLDivLoss", (), {"reduction": "sum", "log_target": True}, [(3, 4), (3, 4)], {}),
    ("CosineEmbeddingLoss", (), {"margin": 0.1}, [(4, 3), (4, 3), ("sign", (4,))], {}),
    ("MarginRankingLoss", (), {"margin": 0.3}, [(6,), (6,), ("sign", (6,))], {}),
    ("HingeEmbeddingLoss", (), {}, [(6,), ("sign", (6,))], {}),
    ("TripletMarginLoss", (), {}, [(4, 3)] * 3, {}),
    ("TripletMarginLoss", (), {"margin": 0.5, "swap": True, "reduction": "none"}, [(4, 3)] * 3, {}),
]  # fmt: skip

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.2}),
    ("Adagrad", {"lr": 0.2, "weight_decay": 0.05, "initial_accumulator_value": 0.1}),
]

SCHEDULES = [
    ("StepLR", {"step_size": 4, "gamma": 0.3}),
    ("CosineAnnealingLR", {"T_max": 12, "eta_min": 0.01}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 20}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 20, "pct_start": 0.45, "anneal_strategy": "linear",
                    "div_factor": 10.0, "final_div_factor": 50.0}),
    ("ReduceLROnPlateau", {"factor": 0.5, "patience": 2, "cooldown": 1, "threshold": 0.01, "min_lr": 0.02}),
    ("ReduceLROnPlateau", {"mode": "max", "factor": 0.5, "patience": 1, "threshold_mode": "abs",
                           "threshold": 0.1}),
]  # fmt: skip

METRICS = [
    1.0,
    0.8,
    0.795,
    0.81,
    0.8,
    0.79,
    0.5,
    0.6,
    0.6,
    0.6,
    0.6,
    0.6,
    0.4,
    0.45,
    0.5,
    0.45,
    0.45,
    0.45,
    0.45,
]


class Store:
    """One flat list of numbers, and where each array begins in it."""

    def __init__(self):
        self.values, self.size = [], 0

    def put(self, tensor):
        array = tensor.detach().numpy() if isinstance(tensor, torch.Tensor) else np.asarray(tensor)
        entry = {"dtype": str(array.dtype), "shape": list(array.shape), "at": self.size}
        self.values.append(array.astype(np.float64).ravel())
        self.size += array.size
        return entry


def make_input(spec, random):
    kind = spec[0] if isinstance(spec[0], str) else "normal"
    if kind == "int":
        return torch.from_numpy(random.integers(0, spec[1], spec[2]))
    if kind == "pair":
        return tuple(make_input(spec[1], random) for _ in range(2))
    if kind == "sign":
        return torch.from_numpy(np.where(random.random(spec[1]) < 0.5, -1.0, 1.0))
    if kind == "unit":
        return torch.from_numpy(random.uniform(0.05, 0.95, spec[1]))
    if kind == "chance":
        return torch.from_numpy(random.uniform(0.05, 0.95, spec[1])).requires_grad_()
    if kind == "simplex":
        return torch.from_numpy(random.dirichlet(np.ones(spec[1][-1]), spec[1][:-1]))
    return torch.from_numpy(random.normal(size=spec)).requires_grad_()


def make_option(value, random):
    if isinstance(value, tuple) and value[0] == "causal":
        return ~torch.tril(torch.ones(value[1], value[1], dtype=torch.bool))
    if isinstance(value, tuple) and value[0] == "bool":
        return torch.tensor(value[1], dtype=torch.bool)
    if isinstance(value, tuple) and value[0] == "float":
        return torch.from_numpy(random.normal(size=value[1]))
    return value


def flatten(values):
    found = []
    for v in values if isinstance(values, tuple | list) else [values]:
        found += flatten(v) if isinstance(v, tuple | list) else [v]
    return found


def call(layer, inputs, options):
    lengths = options.pop("lengths", None)
    if lengths is None:
        return layer(*inputs, **options)
    pack = torch.nn.utils.rnn.pack_padded_sequence(inputs[0], torch.tensor(lengths), enforce_sorted=False)
    packed, state = layer(pack, *inputs[1:])
    return torch.nn.utils.rnn.pad_packed_sequence(packed, total_length=inputs[0].shape[0])[0], state


def layer_case(store, layer, record, specs, options, random):
    layer = layer.double()
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.from_numpy(random.normal(size=p.shape) * 0.6))
        for name, b in layer.named_buffers():
            if name.startswith("running"):
                b.copy_(torch.from_numpy(random.uniform(0.5, 1.5, b.shape)))
    layer.train(options.pop("training", False))
    record["training"] = layer.training
    record["state"] = (
        {k: store.put(v) for k, v in layer.state_dict().items()} if record["kind"] == "layer" else {}
    )
    inputs = [make_input(s, random) for s in specs]
    options = {k: make_option(v, random) for k, v in options.items()}
    record["inputs"] = [[store.put(p) for p in i] if isinstance(i, tuple) else store.put(i) for i in inputs]
    record["options"] = {k: store.put(v) if isinstance(v, torch.Tensor) else v for k, v in options.items()}
    outputs = flatten(call(layer, inputs, options))
    record["outputs"] = [store.put(y) for y in outputs]
    floats = [y for y in outputs if y.is_floating_point()]
    sum((y * torch.cos(torch.arange(y.numel()).double()).reshape(y.shape)).sum() for y in floats).backward()
    record["input_grads"] = [None if i.grad is None else store.put(i.grad) for i in flatten(inputs)]
    grads = {k: p.grad for k, p in layer.named_parameters()}
    record["parameter_grads"] = {k: None if g is None else store.put(g) for k, g in grads.items()}
    record["after"] = {k: store.put(v) for k, v in layer.named_buffers()} if record["kind"] == "layer" else {}
    return record


def construct(name, args, kwargs):
    kwargs = {k: torch.tensor(v, dtype=torch.float64) if "weight" in k else v for k, v in kwargs.items()}
    return getattr(torch.nn, name)(*args, **kwargs)


def stack(name, random):
    one = name + "Layer"
    layer = getattr(torch.nn, one)(4, 2, dim_feedforward=3, dropout=0.0, batch_first=True)
    return getattr(torch.nn, name)(layer, 2, norm=torch.nn.LayerNorm(4))


def optimizer_case(store, name, options, random):
    start = [random.normal(size=(2, 3)), random.normal(size=(4,))]
    params = [torch.nn.Parameter(torch.from_numpy(a.copy())) for a in start]
    optimizer = getattr(torch.optim, name)(params, **options)
    steps = []
    for _ in range(6):
        optimizer.zero_grad()
        sum((torch.sin(3 * p) / 3 + 0.05 * p * p).sum() for p in params).backward()
        optimizer.step()
        steps.append([store.put(p) for p in params])
    return {"name": name, "options": options, "start": [store.put(a) for a in start], "steps": steps}


def schedule_case(store, name, options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3, momentum=0.9)
    schedule = getattr(torch.optim.lr_scheduler, name)(optimizer, **options)
    group, rates, momenta = optimizer.param_groups[0], [], []
    for metric in METRICS:
        rates.append(group["lr"])
        momenta.append(group["momentum"])
        optimizer.step()
        schedule.step(*([metric] if name == "ReduceLROnPlateau" else []))
    return {"name": name, "options": options, "rates": store.put(rates), "momenta": store.put(momenta)}


def main():
    random, store = np.random.default_rng(0), Store()
    torch.manual_seed(0)
    index = {"torch": torch.__version__.split("+")[0], "layers": [], "optimizers": [], "schedules": []}
    for kind, cases in (("layer", LAYERS), ("loss", LOSSES)):
        for name, args, kwargs, specs, options in cases:
            record = {"kind": kind, "class": name, "args": args, "kwargs": kwargs}
            layer = construct(name, args, kwargs)
            index["layers"].append(layer_case(store, layer, record, specs, dict(options), random))
    for name in STACKS:
        specs = [(2, 3, 4)] if name == "TransformerEncoder" else [(2, 3, 4), (2, 2, 4)]
        record = {"kind": "layer", "class": name, "args": [], "kwargs": {}}
        index["layers"].append(layer_case(store, stack(name, random), record, specs, {}, random))
    index["optimizers"] = [optimizer_case(store, n, o, random) for n, o in OPTIMIZERS]
    index["schedules"] = [schedule_case(store, n, o) for n, o in SCHEDULES]
    index["metrics"] = METRICS
    text = np.frombuffer(json.dumps(index, separators=(",", ":")).encode(), np.uint8)
    np.savez_compressed(OUT, values=np.concatenate(store.values), index=text)
    print(f"{OUT.name}: {len(index['layers'])} layers, {store.size} numbers, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
