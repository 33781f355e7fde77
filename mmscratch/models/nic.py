"""Show and tell: one vector for the whole picture, and a language model that has seen it once.

Vinyals, Toshev, Bengio & Erhan, 2015 ("Neural Image Caption"). The first encoder–decoder of the captioning
line, and the control of every model that looks again at each word: whatever NIC says, it says from memory.

    symbol     shape      what
    f          (B, D)     the picture: the mean of its regions a_i (B, R, D); R = 1 for a vector a picture
    x_{−1}     (B, E)     the picture as the LSTM's first input, in the space of the words     eq. 10
    x_t        (B, E)     W_e S_t: the word at t, S_0 the start word                           eq. 11
    h_t, c_t   (B, H)     the state, of each layer                                             eq. 4 to 9
    logits     (B, V)     L_o h_t + b, of the next word                                        eq. 12

With ``init="state"`` the picture is not read, it is where the state begins (Mao et al., 2015, put it into
every step; Xu et al., 2015, §3.1.2, and Karpathy & Fei-Fei, 2015, into the first): h_0 = tanh(W_h f).
"""

from .. import nn, ops
from ..tensor import full
from .caption_decoder import CaptionDecoder, check_pictures, check_words
from .caption_regions import mean_region, real_regions

__all__ = ["NICDecoder"]


class NICDecoder(CaptionDecoder):
    """One vector of a picture to a distribution over its captions, word by word, without looking again.

    Forward    init "input":  h, c = LSTM(W_i f, 0, 0), and nothing is predicted there;
               init "state":  h_0 = tanh(W_h f), c_0 = tanh(W_c f), for each layer with rows of its own;
               then h, c = LSTM(W_e S_t, h, c), logits = L_o h + b
    Dropout    on what each layer and the output layer receive from below, and never from step to step
               (Zaremba, Sutskever & Vinyals, 2014)
    Shapes     regions (B, R, D), tokens (B, T + 1), mask (B, R) → logits (B, T, V), None; state: for each
               layer a pair h, c (B, H)
    Errors     ValueError naming the shapes that were expected, or an unknown ``init``
    Source     Vinyals et al., 2015, eq. 4 to 12

    tied       the output layer's weights are the words' vectors, W_e (Press & Wolf, 2017); needs E = H
    """

    def __init__(self, vocabulary_size, region_size, hidden=128, embedding=64, layers=1, dropout=0.0,
                 init="input", tied=False, generator=None):  # fmt: skip
        super().__init__()
        if init not in ("input", "state"):
            raise ValueError(f"NICDecoder: init must be 'input' or 'state', got {init!r}")
        if layers < 1:
            raise ValueError(f"NICDecoder: layers must be at least 1, got {layers}")
        if tied and embedding != hidden:
            raise ValueError(
                f"NICDecoder: tied weights need embedding = hidden, got {embedding} and {hidden}"
            )
        g = generator
        self.init, self.region_size, self.hidden, self.layers = init, region_size, hidden, layers
        self.E = nn.Embedding(vocabulary_size, embedding, generator=g)
        if init == "input":
            self.W_i = nn.Linear(region_size, embedding, generator=g)
        else:
            self.W_h = nn.Linear(region_size, layers * hidden, generator=g)
            self.W_c = nn.Linear(region_size, layers * hidden, generator=g)
        sizes = [embedding] + [hidden] * (layers - 1)
        self.lstm = nn.ModuleList(nn.LSTMCell(size, hidden, generator=g) for size in sizes)
        self.L_o = nn.Linear(hidden, vocabulary_size, generator=g)
        if tied:
            self.L_o.weight = self.E.weight
        self.dropout = nn.Dropout(dropout, generator=g)

    def start(self, regions, mask=None):
        """The state before the start word: (B, R, D) → for each layer h, c (B, H)."""
        check_pictures(self, regions)
        f = mean_region(regions, real_regions(self, regions, mask))
        if self.init == "state":
            begins = (ops.tanh(W(f)).split([self.hidden] * self.layers, axis=1) for W in (self.W_h, self.W_c))
            return tuple(zip(*begins, strict=True))
        nothing = full((f.shape[0], self.hidden), 0, f.dtype, device=f.device)
        state, _ = self.advance(((nothing, nothing),) * self.layers, self.W_i(f))
        return state

    def advance(self, state, x):
        """One step of all layers: state, input (B, E) → state, the top layer's h (B, H)."""
        after = []
        for cell, (h, c) in zip(self.lstm, state, strict=True):
            h, c = cell(self.dropout(x), (h, c))
            after.append((h, c))
            x = h
        return tuple(after), x

    def step(self, state, token):
        """state, the word before (B,) → state, logits of the next (B, V), None: it looks nowhere."""
        state, h = self.advance(state, self.E(token))
        return state, self.L_o(self.dropout(h)), None

    def forward(self, regions, tokens, mask=None):
        """All steps of a layer in one operation, for its inputs are known: the words, or the layer below."""
        check_words(self, regions, tokens)
        x = self.E(tokens[:, :-1]).permute(1, 0, 2)
        for cell, (h, c) in zip(self.lstm, self.start(regions, mask), strict=True):
            x, _, _ = ops.lstm(self.dropout(x), h, c, *cell.parameters())
        return self.L_o(self.dropout(x.permute(1, 0, 2))), None
