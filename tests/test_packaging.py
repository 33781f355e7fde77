"""The package as other people get it: from a wheel and from a source archive, away from the checkout."""

import pathlib
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


def run(*command, **kwargs):
    out = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **kwargs)
    assert out.returncode == 0, out.stdout + out.stderr
    return out.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """A wheel and an sdist built from a copy of the tracked files."""
    tmp = tmp_path_factory.mktemp("build")
    source = tmp / "source"
    names = run("git", "ls-files", "-z", cwd=ROOT).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp / "dist", source)
    code = "import setuptools.build_meta as b, sys; print(b.build_sdist(sys.argv[1]))"
    run(sys.executable, "-m", "pip", "install", "-q", "--target", tmp / "tools", "setuptools>=77.0.3")
    run(
        sys.executable,
        "-c",
        code,
        tmp / "dist",
        cwd=source,
        env={"PYTHONPATH": str(tmp / "tools"), "PATH": ""},
    )
    return tmp / "dist"


def files_of(archive):
    if archive.suffix == ".whl":
        return set(zipfile.ZipFile(archive).namelist())
    with tarfile.open(archive) as tar:
        return {n.partition("/")[2] for n in tar.getnames()}


def test_archives_hold_every_module(archives):
    wheel = files_of(next(archives.glob("*.whl")))
    sdist = files_of(next(archives.glob("*.tar.gz")))
    for folder, prefix in ((ROOT / "mmscratch", "mmscratch"), (ROOT / "kernels", "mmscratch/kernels")):
        for path in folder.rglob("*.py"):
            name = path.relative_to(folder).as_posix()
            assert f"{prefix}/{name}" in wheel, f"the wheel lacks {prefix}/{name}"
            assert path.relative_to(ROOT).as_posix() in sdist
    assert any(n.endswith(".safetensors") for n in wheel), "the wheel lacks the pretrained weights"
    assert not any(n.startswith("kernels/") for n in wheel), (
        "a top-level `kernels` would shadow another package"
    )


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_installed_package_works(archives, tmp_path, kind):
    """In an environment of its own, dependencies borrowed from this one, away from the checkout."""
    venv.create(tmp_path / "venv", with_pip=True, system_site_packages=False)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-deps", next(archives.glob(kind)))
    borrowed = subprocess.run(
        [sys.executable, "-c", "import numpy, os; print(os.path.dirname(os.path.dirname(numpy.__file__)))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    lib = next((tmp_path / "venv" / "lib").iterdir()) / "site-packages"
    links = tmp_path / "links"
    links.mkdir()
    for entry in pathlib.Path(borrowed).iterdir():
        if "mmscratch" not in entry.name:
            (links / entry.name).symlink_to(entry)
    (lib / "borrowed.pth").write_text(str(links) + "\n")
    code = (
        "import mmscratch, mmscratch.kernels, mmscratch.kernels.reference as r, numpy as np;"
        "assert 'site-packages' in mmscratch.kernels.__file__, mmscratch.kernels.__file__;"
        "print(r.softmax(np.zeros((1, 4)), None).sum())"
    )
    assert run(python, "-c", code, cwd=tmp_path).strip() == "1.0"
    assert "usage" in run(tmp_path / "venv" / "bin" / "mmscratch", "--help", cwd=tmp_path)
