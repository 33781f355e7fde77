"""The attention captioner once more in torch: the same names, so that it takes our weights as they are.

Encoder, decoder and losses follow ``mmscratch.models.scene_cnn`` and ``captioner`` line by line;
``train_step`` does what ``mmscratch.train.fit`` does with a batch. query is "current", as by default.
"""

import numpy as np

__all__ = ["build", "train_step"]


def build(torch, model):
    """The twin of a ``PictureCaptioner``, with its weights; its ``loss`` takes what the loader has made."""
    nn, f = torch.nn, torch.nn.functional

    class Encoder(nn.Module):
        def __init__(self, channels):
            super().__init__()
            sizes = [3, *channels]
            for i, (c, k) in enumerate(zip(sizes, sizes[1:], strict=False), 1):
                setattr(self, f"conv{i}", nn.Conv2d(c, k, 3, stride=1 if i == 4 else 2, padding=1))
            self.heads = nn.Conv2d(sizes[-1], 13, 1)

        def forward(self, images):
            x = images - 0.5
            for convolve in (self.conv1, self.conv2, self.conv3, self.conv4):
                x = torch.relu(convolve(x))
            return x

    class Decoder(nn.Module):
        def __init__(self, vocabulary, region, hidden, embedding, attention):
            super().__init__()
            self.E = nn.Embedding(vocabulary, embedding)
            self.init_h, self.init_c = nn.Linear(region, hidden), nn.Linear(region, hidden)
            self.W_a = nn.Linear(region, attention, bias=False)
            self.U_a = nn.Linear(hidden, attention)
            self.v = nn.Linear(attention, 1, bias=False)
            self.beta = nn.Linear(hidden, 1)
            self.lstm = nn.LSTMCell(embedding + region, hidden)
            self.L_h = nn.Linear(hidden, embedding)
            self.L_z = nn.Linear(region, embedding, bias=False)
            self.L_o = nn.Linear(embedding, vocabulary)

        def attend(self, regions, projected, h):
            e = self.v(torch.tanh(projected + self.U_a(h).unsqueeze(1))).squeeze(2)
            alpha = torch.softmax(e, dim=1)
            return alpha, torch.sigmoid(self.beta(h)) * torch.bmm(alpha.unsqueeze(1), regions).squeeze(1)

        def forward(self, regions, tokens):
            mean = regions.mean(1)
            h, c, z = torch.tanh(self.init_h(mean)), torch.tanh(self.init_c(mean)), mean * 0.0
            projected, embedded = self.W_a(regions), self.E(tokens[:, :-1])
            alphas, hs, zs = [], [], []
            for t in range(tokens.shape[1] - 1):
                h, c = self.lstm(torch.cat([embedded[:, t], z], 1), (h, c))
                alpha, z = self.attend(regions, projected, h)
                alphas.append(alpha)
                hs.append(h)
                zs.append(z)
            logits = self.L_o(embedded + self.L_h(torch.stack(hs, 1)) + self.L_z(torch.stack(zs, 1)))
            return logits, torch.stack(alphas, 1)

    class Twin(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, d = Encoder([w.shape[0] for w in _convolutions(model)]), model.decoder
            self.decoder = Decoder(*_sizes(d))
            state = {name: torch.from_numpy(np.array(a)) for name, a in model.state_dict().items()}
            self.load_state_dict(state)

        def grid_regions(self, images):
            grid = self.encoder(images)
            b, c, h, w = grid.shape
            y, x = torch.meshgrid(*(torch.arange(n, device=grid.device) for n in (h, w)), indexing="ij")
            place = torch.stack([(x + 0.5) / w * 2 - 1, (y + 0.5) / h * 2 - 1], -1).reshape(1, h * w, 2)
            return torch.cat([grid.reshape(b, c, h * w).permute(0, 2, 1), place.expand(b, -1, -1)], 2)

        def loss(self, regions, tokens, spoken, pad, supervision):
            logits, alpha = self.decoder(regions, tokens)
            loss = f.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=pad)
            if supervision and bool((spoken >= 0).any()):
                pointed = f.nll_loss((alpha + 1e-8).log().flatten(0, 1), spoken.flatten(), ignore_index=-1)
                loss = loss + supervision * pointed
            return loss

    return Twin()


def _convolutions(model):
    e = model.encoder
    return [c.weight for c in (e.conv1, e.conv2, e.conv3, e.conv4)]


def _sizes(decoder):
    """vocabulary, region, hidden, embedding, attention."""
    (vocabulary, embedding), (attention, region) = decoder.E.weight.shape, decoder.W_a.weight.shape
    return vocabulary, region, decoder.L_h.weight.shape[1], embedding, attention


def train_step(torch, loss_of_batch, parameters, optimizer, schedule, clip):
    """A call that does one step as our loop does: loss, zero, backward, clip, update. → loss and norm"""

    def call():
        loss = loss_of_batch()
        value = loss.item()
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, clip).item()
        optimizer.step()
        schedule.step()
        return [np.float32(value), np.float32(norm)]

    return call
