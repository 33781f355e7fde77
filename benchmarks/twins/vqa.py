"""The FiLM network once more in torch: the same names, so that it takes our weights as they are.

It follows ``mmscratch.models.film_network`` and ``vqa_questions`` line by line, the question read by an LSTM.
"""

import numpy as np

__all__ = ["build"]


def build(torch, model):
    """The twin of a ``FiLMNetwork`` with question="lstm", with its weights as they are now."""
    nn, f = torch.nn, torch.nn.functional

    class Pictures(nn.Module):
        def __init__(self, channels):
            super().__init__()
            strides = [2] * (len(channels) - 1) + [1]
            self.convolutions = nn.ModuleList(
                nn.Conv2d(c, k, 3, stride=s, padding=1)
                for c, k, s in zip((3, *channels), channels, strides, strict=False)
            )

        def forward(self, images):
            x = images - 0.5
            for convolve in self.convolutions:
                x = torch.relu(convolve(x))
            return x

    class Questions(nn.Module):
        def __init__(self, words, size, hidden, layers):
            super().__init__()
            self.embed = nn.Embedding(words, size)
            self.lstm = nn.LSTM(size, hidden, layers)
            self.join = nn.Linear(2 * layers * hidden, hidden)

        def forward(self, ids, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(self.embed(ids.T), lengths, enforce_sorted=False)
            _, (h, c) = self.lstm(packed)
            return torch.tanh(self.join(torch.cat([s[k] for k in range(len(h)) for s in (h, c)], 1)))

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.look = nn.Conv2d(channels + 2, channels, 1)
            self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(channels, affine=False)

        def forward(self, x, place, gamma, beta):
            a = torch.relu(self.look(torch.cat([x, place], 1)))
            b = self.norm(self.conv(a))
            return a + torch.relu((1 + gamma[..., None, None]) * b + beta[..., None, None])

    class Head(nn.Module):
        def __init__(self, features, hidden, answers):
            super().__init__()
            self.hidden, self.answer = nn.Linear(features, hidden), nn.Linear(hidden, answers)

        def forward(self, h):
            return self.answer(torch.relu(self.hidden(h)))

    class Twin(nn.Module):
        def __init__(self):
            super().__init__()
            channels = [c.weight.shape[0] for c in model.pictures.convolutions]
            words, size = model.questions.embed.weight.shape
            hidden = model.questions.join.weight.shape[0]
            layers = model.questions.join.weight.shape[1] // (2 * hidden)
            c, blocks = channels[-1], len(model.blocks)
            self.pictures, self.questions = Pictures(channels), Questions(words, size, hidden, layers)
            self.film = nn.Linear(hidden, 2 * blocks * c)
            self.blocks = nn.ModuleList(Block(c) for _ in range(blocks))
            self.last = nn.Conv2d(c + 2, model.last.weight.shape[0], 1)
            self.head = Head(hidden, hidden, model.head.answer.weight.shape[0])
            self.load_state_dict({k: torch.from_numpy(np.array(a)) for k, a in model.state_dict().items()})

        def forward(self, images, ids, lengths, which, image_of):
            x = self.pictures(images)[image_of]
            m, _, h, w = x.shape
            y, across = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in (h, w)), indexing="ij")
            place = torch.stack([across, y]).expand(m, -1, -1, -1)
            parts = self.film(self.questions(ids, lengths))[which].chunk(2 * len(self.blocks), 1)
            for k, block in enumerate(self.blocks):
                x = block(x, place, parts[2 * k], parts[2 * k + 1])
            return self.head(torch.relu(self.last(torch.cat([x, place], 1))).amax((2, 3)))

        def loss(self, images, ids, lengths, which, image_of, target):
            return f.cross_entropy(self(images, ids, lengths, which, image_of), target)

    return Twin()
