"""Recurrent layers: several layers and both directions, built from ``ops.recurrence``."""

import numpy as np

from .. import ops
from ..tensor import Tensor, full, tensor
from . import init
from .check import known, positive, probability, shape
from .linear import zeros
from .module import Module

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN"]


class _Recurrent(Module):
    """Layers over time; a subclass says how one layer in one direction is run.

    Attributes are PyTorch's: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, …, with ``_reverse`` at
    the end for the direction that runs backwards.
    """

    gates = 1
    states = 1

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, *, generator=None, **unknown):  # fmt: skip
        known(self, unknown)
        positive(self, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional = bool(bias), bool(batch_first), bool(bidirectional)
        self.dropout, self.generator = probability(self, "dropout", dropout), generator
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                inputs = input_size if layer == 0 else hidden_size * self._directions
                setattr(self, f"weight_ih{suffix}", zeros(self.gates * hidden_size, inputs))
                setattr(self, f"weight_hh{suffix}", zeros(self.gates * hidden_size, hidden_size))
                if bias:
                    setattr(self, f"bias_ih{suffix}", zeros(self.gates * hidden_size))
                    setattr(self, f"bias_hh{suffix}", zeros(self.gates * hidden_size))
        self.reset_parameters(generator)

    @property
    def _directions(self):
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer):
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def reset_parameters(self, generator=None):
        """Draw all parameters anew from U(−1/√H, 1/√H)."""
        for parameter in self.parameters():
            init.uniform_(parameter, -(self.hidden_size**-0.5), self.hidden_size**-0.5, generator)

    def _weights(self, suffix):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, name + suffix, None) for name in names]

    def forward(self, x, state=None, lengths=None):
        single = x.ndim == 2  # one sequence without a batch axis
        batch_axis = 0 if self.batch_first else 1
        if single:
            x = ops.unsqueeze(x, axis=batch_axis)
            state = None if state is None else self._each(state, lambda s: ops.unsqueeze(s, axis=1))
        shape(self, "x", x, *(("B", "T") if self.batch_first else ("T", "B")), self.input_size)
        if self.batch_first:
            x = ops.permute(x, axes=(1, 0, 2))
        lengths = self._lengths(lengths, x)
        starts = self._starts(state, x)
        ends = []
        for layer in range(self.num_layers):
            if layer > 0 and self.training and self.dropout > 0:
                x = ops.dropout(x, p=self.dropout, generator=self.generator)
            outputs = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                place = layer * self._directions + direction
                start = [None if s is None else s[place] for s in starts]
                output, *end = self.run(x, start, self._weights(suffix), lengths, direction == 1)
                outputs.append(output)
                ends.append(end)
            x = outputs[0] if len(outputs) == 1 else ops.concatenate(outputs, axis=2)
        finals = [self._stack([end[k] for end in ends]) for k in range(self.states)]
        if self.batch_first:
            x = ops.permute(x, axes=(1, 0, 2))
        if single:
            x, finals = ops.squeeze(x, axis=batch_axis), [ops.squeeze(s, axis=1) for s in finals]
        return x, finals[0] if self.states == 1 else tuple(finals)

    def run(self, x, start, weights, lengths, reverse):
        """One layer, one direction, time first → outputs, final state(s)."""
        raise NotImplementedError

    @staticmethod
    def _stack(states):
        """The final states of all layers and directions; one alone is not copied."""
        return ops.unsqueeze(states[0], axis=0) if len(states) == 1 else ops.stack(states, axis=0)

    def _each(self, state, function):
        return function(state) if self.states == 1 else tuple(function(s) for s in state)

    def _starts(self, state, x):
        """The initial states, each (layers·directions, B, H) or None for zeros, checked."""
        if state is None:
            return [None] * self.states
        if self.states == 2 and not (isinstance(state, tuple | list) and len(state) == 2):
            raise ValueError(
                f"{type(self).__name__}: state must be a pair (h_0, c_0), got {type(state).__name__}"
            )
        states = [state] if self.states == 1 else list(state)
        for name, s in zip(("h_0", "c_0"), states, strict=False):
            shape(self, name, s, self.num_layers * self._directions, x.shape[1], self.hidden_size)
        return states

    def _lengths(self, lengths, x):
        """lengths as int64 (B,) beside x, each in 1 … T."""
        if lengths is None:
            return None
        values = lengths.numpy() if hasattr(lengths, "numpy") else np.asarray(lengths)
        if values.shape != (x.shape[1],) or values.dtype.kind not in "iu":
            raise ValueError(
                f"{type(self).__name__}: lengths must be {x.shape[1]} integers, "
                f"got {values.dtype} {values.shape}"
            )
        if values.size and not (1 <= values.min() and values.max() <= x.shape[0]):
            raise ValueError(
                f"{type(self).__name__}: lengths must lie in 1 … {x.shape[0]}, "
                f"got {values.min()} … {values.max()}"
            )
        if isinstance(lengths, Tensor) and lengths.data.dtype == np.int64:
            return lengths
        return tensor(values, np.int64, device=x.device) if isinstance(x, Tensor) else values.astype(np.int64)

    def extra_repr(self):
        options = [
            f"{n}={getattr(self, n)}" for n in ("num_layers", "batch_first", "dropout", "bidirectional")
        ]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *options])


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997; Gers et al., 2000).

    Forward    i, f, o = σ(·), g = tanh(·) of W_ih x_t + b_ih + W_hh h_{t−1} + b_hh;
               c_t = f ⊙ c_{t−1} + i ⊙ g;  h_t = o ⊙ tanh c_t
    Shapes     x (T, B, D), state h_0, c_0 (L·R, B, H), lengths (B,) → y (T, B, R·H), (h_n, c_n) (L·R, B, H)
               with L layers and R = 2 if bidirectional else 1; (B, T, D) → (B, T, R·H) with ``batch_first``
    Errors     ValueError naming the argument whose shape does not fit, or a length outside 1 … T; TypeError
               naming an argument that does not exist (there is no return_sequences: y is every step's)
    Begins     all parameters ~ U(−1/√H, 1/√H), states 0

    lengths: sequences of different length; y is 0 at t ≥ lengths[b], and h_n is that of the last real step.
    dropout: between the layers, in training.
    """

    gates, states = 4, 2

    def run(self, x, start, weights, lengths, reverse):
        return ops.lstm(x, *start, *weights, lengths, reverse=reverse)


class GRU(_Recurrent):
    """Gated recurrent unit (Cho et al., 2014), the reset gate after the product.

    Forward    r, z = σ(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh);
               n = tanh(W_in x_t + b_in + r ⊙ (W_hn h_{t−1} + b_hn));
               h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}
    Shapes     x (T, B, D), state (L·R, B, H), lengths (B,) → y (T, B, R·H), h_n (L·R, B, H); see ``LSTM``
    Errors     as ``LSTM``
    """

    gates = 3

    def run(self, x, start, weights, lengths, reverse):
        return ops.gru(x, *start, *weights, lengths, reverse=reverse)


class RNN(_Recurrent):
    """The simple recurrent network (Elman, 1990).

    Forward    h_t = tanh(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh), or relu
    Shapes     x (T, B, D), state (L·R, B, H), lengths (B,) → y (T, B, R·H), h_n (L·R, B, H); see ``LSTM``
    Errors     as ``LSTM``; ValueError for another nonlinearity
    """

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True,
                 batch_first=False, dropout=0.0, bidirectional=False, *, generator=None,
                 **unknown):  # fmt: skip
        known(self, unknown)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            generator=generator,
        )

    def run(self, x, start, weights, lengths, reverse):
        return ops.rnn(x, *start, *weights, lengths, reverse=reverse, nonlinearity=self.nonlinearity)


class _Cell(Module):
    gates = 1

    def __init__(self, input_size, hidden_size, bias=True, *, generator=None):
        positive(self, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.weight_ih = zeros(self.gates * hidden_size, input_size)
        self.weight_hh = zeros(self.gates * hidden_size, hidden_size)
        self.bias_ih = zeros(self.gates * hidden_size) if bias else None
        self.bias_hh = zeros(self.gates * hidden_size) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator=None):
        """Draw all parameters anew from U(−1/√H, 1/√H)."""
        for parameter in self.parameters():
            init.uniform_(parameter, -(self.hidden_size**-0.5), self.hidden_size**-0.5, generator)

    def _start(self, name, state, x):
        if state is None:
            return full((x.shape[0], self.hidden_size), 0, x.dtype, device=x.device)
        shape(self, name, state, x.shape[0], self.hidden_size)
        return state

    def _parameters(self):
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self):
        return f"{self.input_size}, {self.hidden_size}, bias={self.bias_ih is not None}"


class LSTMCell(_Cell):
    """One step of an LSTM; the formula is at ``LSTM``.

    Shapes     x (B, D), state h, c (B, H) or None for zeros → h, c (B, H)
    Errors     ValueError naming the argument whose shape does not fit
    """

    gates = 4

    def forward(self, x, state=None):
        shape(self, "x", x, "B", self.input_size)
        h, c = (None, None) if state is None else state
        return ops.lstm_cell(x, self._start("h", h, x), self._start("c", c, x), *self._parameters())


class GRUCell(_Cell):
    """One step of a GRU; the formula is at ``GRU``.

    Shapes     x (B, D), h (B, H) or None for zeros → h (B, H)
    Errors     ValueError naming the argument whose shape does not fit
    """

    gates = 3

    def forward(self, x, h=None):
        shape(self, "x", x, "B", self.input_size)
        return ops.gru_cell(x, self._start("h", h, x), *self._parameters())
