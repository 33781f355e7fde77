"""With Numba absent the reference floor carries everything: a browser, an Intel Mac, a 32-bit board."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
BLOCK = "import sys; sys.modules['numba'] = None; sys.modules['llvmlite'] = None\n"


def run(code, *arguments, **kwargs):
    out = subprocess.run(
        [sys.executable, "-c", BLOCK + code, *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=250, **kwargs,
    )  # fmt: skip
    assert out.returncode == 0, out.stderr
    return out.stdout


def test_the_host_floor_is_the_reference():
    code = "import mmscratch.kernels as k; print(k.host().__name__)"
    assert run(code).strip() == "mmscratch.kernels.reference"


def test_asking_for_a_compiled_floor_says_what_is_missing():
    code = (
        "import mmscratch.kernels as k\n"
        "for name in ('cpu', 'cuda'):\n"
        "    try: k.floor(name)\n"
        "    except ImportError as e: assert 'Numba' in str(e), e\n"
        "    else: raise SystemExit('no error')\n"
    )
    run(code)


def test_layers_learn():
    """Convolution, LSTM, attention, norms and an optimizer, large enough to reach every compiled path."""
    run(
        """
import numpy as np
from mmscratch import nn, ops, optim
from mmscratch.random import Generator
from mmscratch.tensor import Tensor
g = Generator(0)
conv, norm = nn.Conv2d(3, 8, 3, padding=1, generator=g), nn.BatchNorm2d(8)
lstm, head = nn.LSTM(8, 16, generator=g), nn.Linear(16, 4, generator=g)
parts = nn.ModuleList([conv, norm, lstm, head])
optimizer = optim.Adam(parts.parameters(), lr=1e-2)
x = Tensor(g.normal((16, 3, 32, 32)))
y = Tensor(np.arange(16) % 4)
losses = []
for _ in range(8):
    a = ops.gelu(norm(conv(x))).mean(3).permute(2, 0, 1)
    hs, _ = lstm(a)
    q = hs.permute(1, 0, 2)
    out, _ = ops.attention(q, q, q)
    loss = ops.cross_entropy(head(out.mean(1)), y)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0], losses
"""
    )


def test_a_captioner_trains_and_speaks(tmp_path):
    settings = "steps=3 batch_size=8 hidden=16 embedding=8 validate_every=0".split()
    data = "scenes:train=20,val=8,test=8,references=2"
    code = "from mmscratch.__main__ import main; sys.exit(main(sys.argv[1:]))"
    run(code, "train", "caption", "--data", data, "--out", tmp_path / "run", "--quiet", "--set", *settings)
    assert "truth rate" in run(code, "evaluate", tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("lesson", ["02", "03"])
def test_lessons_run(lesson):
    """Each code cell of a lesson's source, in order, as one program."""
    (path,) = (ROOT / "notebooks").glob(f"{lesson}_*[!h].py")
    code = (
        "import pathlib, matplotlib; matplotlib.use('Agg'); sys.path.insert(0, '.')\\n"
        "exec(compile(pathlib.Path(sys.argv[1]).read_text(encoding='utf-8'), sys.argv[1], 'exec'), globals())"
    ).replace("\\n", "\n")
    run(code, path, cwd=ROOT / "notebooks")
