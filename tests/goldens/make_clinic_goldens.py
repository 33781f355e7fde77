"""Freeze what PyTorch says where the survey's retrieval listing (§5.2) fails without an error.

    python tests/goldens/make_clinic_goldens.py      (needs torch; writes clinic.npz beside itself)

``cosine``   torch.cosine_similarity of a text tower's last state (1, B, H) and VGG16's map (B, 512, 7, 7)
             with B = H = 7, the sizes at which the two broadcast; for inputs see ``broadcasting``
``swapped``  the shape of the last state of torch.nn.LSTM, batch_first left alone, for 4 sentences of 7 words
"""

import pathlib

import numpy as np
import torch

OUT = pathlib.Path(__file__).with_name("clinic.npz")


def broadcasting(seed=0):
    """State (1, 7, 7), map (7, 512, 7, 7) as after a ReLU."""
    r = np.random.default_rng(seed)
    return r.standard_normal((1, 7, 7)), np.maximum(r.standard_normal((7, 512, 7, 7)), 0)


def main():
    state, maps = (torch.from_numpy(a) for a in broadcasting())
    _, (last, _) = torch.nn.LSTM(5, 32)(torch.zeros(4, 7, 5))
    np.savez_compressed(
        OUT, cosine=torch.cosine_similarity(state, maps).numpy(), swapped=np.array(last.shape)
    )


if __name__ == "__main__":
    main()
