"""The two towers once more in torch: the same names, so that the twin takes our weights as they are.

It follows ``mmscratch.models.two_towers`` line by line: regions of pictures added up, the last state of an
LSTM over the words, cosines, InfoNCE with a learnt temperature whose further positives share the target.
"""

import numpy as np

__all__ = ["build"]


def build(torch, model):
    """The twin of a ``Retriever`` of an LSTM and regions under InfoNCE, with its weights as they are."""
    nn, f = torch.nn, torch.nn.functional

    class Regions(nn.Module):
        def __init__(self, region, size, hidden):
            super().__init__()
            self.W1, self.W1a = nn.Linear(region, hidden), nn.Linear(hidden, hidden)
            self.W2, self.W3 = nn.Linear(hidden, hidden), nn.Linear(hidden, size)

        def forward(self, regions):
            each = torch.relu(self.W1a(torch.relu(self.W1(regions))))
            return self.W3(torch.relu(self.W2(each.sum(1))))

    class Words(nn.Module):
        def __init__(self, words, embedding, hidden, size):
            super().__init__()
            self.E, self.rnn = nn.Embedding(words, embedding), nn.LSTM(embedding, hidden)
            self.W = nn.Linear(hidden, size)

        def forward(self, tokens, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(self.E(tokens.T), lengths, enforce_sorted=False)
            return self.W(self.rnn(packed)[1][0][-1])

    class Towers(nn.Module):
        def __init__(self, first, second):
            super().__init__()
            (hidden, region), size = first.W1.weight.shape, first.size
            (words, embedding), wide = second.E.weight.shape, second.W.weight.shape[1]
            self.first = Regions(region, size, hidden)
            self.second = Words(words, embedding, wide, size)

    class Loss(nn.Module):
        def __init__(self):
            super().__init__()
            self.tau = nn.Parameter(torch.zeros(()))

    class Twin(nn.Module):
        def __init__(self):
            super().__init__()
            self.towers, self.loss_ = Towers(model.towers.first, model.towers.second), Loss()
            state = {k.replace("loss.", "loss_."): torch.from_numpy(np.array(a)) for k, a in _weights(model)}
            self.load_state_dict(state)

        def loss(self, regions, tokens, lengths, positives):
            with torch.no_grad():
                self.loss_.tau.clamp_(max=float(np.log(100)))
            v = f.normalize(self.towers.first(regions), dim=1)
            t = f.normalize(self.towers.second(tokens, lengths), dim=1)
            scores = v @ t.T * self.loss_.tau.exp()
            wanted = positives / positives.sum(1, keepdim=True)
            return (f.cross_entropy(scores, wanted) + f.cross_entropy(scores.T, wanted)) / 2

    return Twin()


def _weights(model):
    """(name, array) of what is learnt; the watch for collapse has a count of its own."""
    return [(name, a) for name, a in model.state_dict().items() if not name.startswith("watch.")]
