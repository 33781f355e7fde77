"""Installed where there is no home to write to, or no network: it trains and answers all the same."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "docs" / "example.png"
CAPTIONS = ["--data", "scenes:train=20,val=8,test=8,references=2", "--quiet", "--set", "steps=3",
            "batch_size=8", "hidden=16", "embedding=8", "validate_every=0"]  # fmt: skip
RETRIEVAL = ["--data", "scenes:train=30,val=8,test=8,level=3", "--quiet", "--set", "steps=2",
             "batch_size=8", "validate_every=2"]  # fmt: skip
PLACES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MMSCRATCH_CACHE_DIR", "MMSCRATCH_FEATURES_DIR",
          "MPLCONFIGDIR", "PYTHONPYCACHEPREFIX", "NUMBA_CACHE_DIR")  # fmt: skip

COMMANDS = """
import json, sys
from mmscratch import kernels
from mmscratch.__main__ import main
kernels.use("reference")  # no minutes of compiling: the compiled floor has a test of its own below
for command in json.loads(sys.argv[1]):
    code = main(command)
    if code:
        sys.exit(f"{command[:2]}: exit code {code}")
"""
COMPILED = """
import numpy as np
from mmscratch import kernels, ops, optim
from mmscratch.kernels.jit import cache_folder
from mmscratch.nn import Linear
from mmscratch.random import Generator
from mmscratch.tensor import Tensor
assert kernels.host().__name__.endswith(".cpu"), kernels.host()
assert cache_folder() is None, cache_folder()
g = Generator(0)
layer, x, y = Linear(4, 3, generator=g), Tensor(g.normal((24, 4))), Tensor(np.arange(24) % 3)
optimizer, losses = optim.Adam(layer.parameters(), lr=0.1), []
for _ in range(5):
    loss = ops.cross_entropy(layer(x), y)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0], losses
"""
NETWORK = """
import os, sys
def _hook(event, given):
    there = event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(given[1], tuple)
    if there or event in ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        with open(os.environ["ASKED"], "a") as file:
            print(event, given[1:], file=file)
        raise OSError("no network here")
sys.addaudithook(_hook)
"""


def everything(folder):
    """What a user does in the first quarter of an hour, in small."""
    captions, retrieval, index = (str(folder / name) for name in ("captions", "retrieval", "index"))
    pictures = folder / "pictures"
    pictures.mkdir()
    for name in "abc":
        shutil.copy(EXAMPLE, pictures / f"{name}.png")
    return [
        ["train", "caption", "--out", captions, *CAPTIONS],
        ["evaluate", captions, "--split", "test"],
        ["predict", captions, str(EXAMPLE)],
        ["plot", captions],
        ["train", "retrieval", "--out", retrieval, *RETRIEVAL],
        ["search", "build", str(pictures), "--model", retrieval, "--out", index, "--quiet"],
        ["search", "query", index, "--image", str(EXAMPLE), "--k", "2", "--sheet", str(folder / "found.png")],
    ]


def run(code, *arguments, prefix=(), cwd=None, **environment):
    inherited = {k: v for k, v in os.environ.items() if k not in PLACES or k in environment}
    return subprocess.run(
        [*prefix, sys.executable, "-c", code, *arguments], cwd=cwd, env={**inherited, **environment},
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip


def check(done, warnings):
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) <= warnings, done.stderr
    return done


def commands(folder):
    return json.dumps(everything(folder))


@pytest.fixture
def installed(tmp_path):
    """A package and a home that nobody may write to: (what to put before a command, package, home)."""
    package, home = tmp_path / "package", tmp_path / "home"
    nothing = shutil.ignore_patterns("__pycache__", "kernels")
    shutil.copytree(ROOT / "mmscratch", package / "mmscratch", ignore=nothing)
    shutil.copytree(
        ROOT / "kernels", package / "mmscratch" / "kernels", ignore=shutil.ignore_patterns("__pycache__")
    )
    home.mkdir()
    folders = [home, package, *(p for p in package.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    prefix = []
    if os.geteuid() == 0:  # permissions do not bind root, unless it gives that up
        if shutil.which("setpriv") is None:
            pytest.skip("run by root, whom permissions do not bind, and without setpriv")
        prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    wrote = subprocess.run(
        [*prefix, sys.executable, "-c", f"open({str(home / 'x')!r}, 'w')"], capture_output=True
    )
    if wrote.returncode == 0 or b"PermissionError" not in wrote.stderr:
        pytest.skip("here a folder cannot be made read-only, not even for this process")
    yield prefix, package, home
    for folder in folders:
        folder.chmod(0o755)


@pytest.mark.slow
def test_a_home_and_a_package_that_cannot_be_written(installed, tmp_path):
    prefix, package, home = installed
    done = run(
        COMMANDS, commands(tmp_path), prefix=prefix, cwd=tmp_path, HOME=str(home), PYTHONPATH=str(package)
    )
    check(done, warnings=1)  # Matplotlib's, that its own cache goes to a temporary folder
    assert (
        "truth rate" in done.stdout and list(home.iterdir()) == [] and not list(package.rglob("__pycache__"))
    )


@pytest.mark.slow
def test_the_compiled_floor_without_a_cache(tmp_path):
    """A home that cannot be made at all, for it would lie below a file: compiled, and kept nowhere."""
    pytest.importorskip("numba")
    (tmp_path / "file").write_text("")
    home = str(tmp_path / "file" / "home")
    check(run(COMPILED, HOME=home, PYTHONPATH=str(ROOT), cwd=tmp_path), warnings=0)


@pytest.fixture
def no_network(tmp_path):
    """The environment of a process in which every connection and look-up of a name fails, and is noted."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(NETWORK)
    path = os.pathsep.join([str(tmp_path / "hook"), str(ROOT)])
    home = {k: os.environ[k] for k in PLACES if k in os.environ}
    return {**home, "PYTHONPATH": path, "ASKED": str(tmp_path / "asked")}


@pytest.mark.slow
def test_nothing_asks_the_network(no_network, tmp_path):
    check(run(COMMANDS, commands(tmp_path), cwd=tmp_path, **no_network), warnings=0)
    assert not (tmp_path / "asked").exists(), (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('192.0.2.1', 80), 1)",
        "import urllib.request as u; u.urlopen('http://127.0.0.1:9/')",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))",
    ],
)
def test_the_hook_sees_who_asks(code, no_network, tmp_path):
    """What keeps the test above honest."""
    done = run(code, cwd=tmp_path, **no_network)
    assert done.returncode and "no network here" in done.stderr and (tmp_path / "asked").read_text()
