"""The engine itself: mpiexec, with as many ranks as are asked for."""

import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import main
from mmscratch.representations.features import Features
from mmscratch.train import read_journal

JOBS = pathlib.Path(__file__).with_name("mpi_jobs.py")
MPIEXEC = shutil.which(
    "mpiexec", path=os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
)
there = importlib.util.find_spec("mpi4py") is not None and MPIEXEC is not None
needs_mpi = pytest.mark.skipif(not there, reason="no MPI here: pip install mpi4py mpich")
TRAIN = ["train", "caption", "--distributed", "mpi", "--quiet", "--data", "scenes:train=40,val=8,test=8"]
SETTINGS = ["--set", "steps=30", "batch_size=24", "checkpoint_every=4", "validate_every=10", "hidden=16",
            "embedding=8", "dropout=0.2"]  # fmt: skip


def start(ranks, *arguments, **options):
    return subprocess.Popen(
        [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def finish(process):
    try:
        out, error = process.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, error


def mpi(ranks, *arguments):
    return finish(start(ranks, *arguments))


def sha(out):
    return re.search(r"sha256 of the weights  ([0-9a-f]{64})", out)[1]


def test_without_mpi_one_line_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert main([*TRAIN, "--out", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and "pip install mpi4py mpich" in told[0]
    assert not (tmp_path / "run").exists()


def test_tasks_that_cannot_say_why(tmp_path, capsys):
    command = ["train", "retrieval", "--data", "scenes", "--out", str(tmp_path / "run")]
    assert main([*command, "--distributed", "serial"]) == 2
    assert "compares every pair of a batch" in capsys.readouterr().err
    assert main([*command, "--shards", "3"]) == 2
    assert "--shards: goes with --distributed" in capsys.readouterr().err


@pytest.mark.slow
@needs_mpi
@pytest.mark.parametrize("ranks", [1, 4])
def test_every_call(ranks):
    code, out, error = mpi(ranks, JOBS, "talk")
    assert (code, out.strip()) == (0, "all said"), error


@pytest.mark.slow
@needs_mpi
@pytest.mark.parametrize("job", ["fail", "fail_in_a_thread"])
def test_an_exception_ends_the_job_with_its_traceback(job):
    code, _, error = mpi(3, JOBS, job)  # without the hook it would wait for ever
    assert code != 0
    assert "rank 1 of 3 ends the job" in error and "Traceback" in error and "the reason" in error


@pytest.mark.slow
@needs_mpi
def test_search_finds_the_same():
    alone = subprocess.run(
        [sys.executable, JOBS, "search", "serial"], capture_output=True, text=True, check=True
    )
    for ranks in (2, 3):
        assert mpi(ranks, JOBS, "search")[1] == alone.stdout


@pytest.mark.slow
@needs_mpi
def test_features_of_a_folder(tmp_path):
    for i in range(20):
        rng = np.random.default_rng(i)
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(tmp_path / f"{i:02d}.png")
    found = []
    for ranks in (1, 2):
        out = tmp_path / f"{ranks}.npz"
        code, _, error = mpi(ranks, "-m", "mmscratch", "features", "image", tmp_path, "--distributed", "mpi",
                             "--out", out)  # fmt: skip
        assert code == 0, error
        found.append(Features.load(out).values)
    np.testing.assert_array_equal(*found)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """150 pictures: blocks of 64, 64 and 22, shared out among ranks."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(150):
        pixels = np.random.default_rng(i).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png", compress_level=1)
    return folder


@pytest.fixture(scope="module")
def retrieval(tmp_path_factory):
    """A run of two towers, hardly trained."""
    run = tmp_path_factory.mktemp("retrieval") / "run"
    few = ["--quiet", "--set", "steps=2", "batch_size=8", "validate_every=2"]
    assert (
        main(["train", "retrieval", "--data", "scenes:train=30,val=8,test=8", "--out", str(run), *few]) == 0
    )
    return run


@pytest.mark.slow
@needs_mpi
def test_an_index_of_pictures_is_the_same_bytes(pictures, retrieval, tmp_path):
    for method, many in (("exact", (1, 2, 3)), ("hnsw", (2,))):
        build = ["search", "build", pictures, "--model", retrieval, "--method", method]
        alone = tmp_path / f"{method}-alone"
        assert main([*map(str, build), "--out", str(alone), "--quiet"]) == 0
        for ranks in many:
            out = tmp_path / f"{method}-{ranks}"
            code, said, error = mpi(ranks, "-m", "mmscratch", *build, "--out", out, "--distributed", "mpi")
            assert code == 0, error
            assert said.count("150 pictures") == 1
            assert sorted(p.name for p in out.iterdir()) == ["pictures.index", "pictures.json"]
            for file in out.iterdir():
                assert file.read_bytes() == (alone / file.name).read_bytes()


@pytest.mark.slow
@needs_mpi
def test_a_bad_picture_of_one_rank_is_one_line_and_no_index(pictures, retrieval, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(pictures, folder)
    (folder / "149.png").write_bytes(b"no picture")
    build = ["search", "build", folder, "--model", retrieval, "--quiet", "--distributed", "mpi"]
    code, _, error = mpi(2, "-m", "mmscratch", *build, "--out", tmp_path / "index")
    assert code == 2 and error.count("149.png") == 1 and "Traceback" not in error
    assert not (tmp_path / "index").exists()


@pytest.mark.slow
@needs_mpi
def test_a_fault_in_one_ranks_encoding_ends_the_job_with_its_traceback(pictures):
    code, _, error = mpi(3, JOBS, "index_fails", "mpi", pictures)
    assert code != 0 and "rank 2 of 3 ends the job" in error and "encode_pictures" in error


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The sha256 of the captioner that one rank trains."""
    code, out, error = mpi(
        1, "-m", "mmscratch", *TRAIN, "--out", tmp_path_factory.mktemp("one") / "run", *SETTINGS
    )
    assert code == 0, error
    return sha(out)


@pytest.mark.slow
@needs_mpi
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_the_captioner_is_the_same_on_any_number_of_ranks(ranks, whole, tmp_path):
    code, out, error = mpi(ranks, "-m", "mmscratch", *TRAIN, "--out", tmp_path / "run", *SETTINGS)
    assert code == 0, error
    assert sha(out) == whole
    assert [r["step"] for r in read_journal(tmp_path / "run") if "loss" in r] == list(range(1, 31))


def rank_of(out, number):
    """The process of a rank of the job that trains into a folder."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            mine = str(out).encode() in (process / "cmdline").read_bytes().split(b"\0")
            if mine and f"PMI_RANK={number}".encode() in (process / "environ").read_bytes().split(b"\0"):
                return int(process.name)
        except OSError:
            continue
    return None


@pytest.mark.slow
@needs_mpi
@pytest.mark.skipif(not pathlib.Path("/proc").exists(), reason="finds the processes of ranks in /proc")
def test_a_rank_is_killed_and_the_run_resumed(whole, tmp_path):
    """On another number of ranks, which does not show either."""
    run = tmp_path / "run"
    job = start(2, "-m", "mmscratch", *TRAIN, "--out", run, *SETTINGS)
    until = time.monotonic() + 200
    while not list(run.glob("checkpoints/step-0000000[89]*")) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(rank_of(run, 1), signal.SIGKILL)
    code, _, _ = finish(job)  # the engine ends the others
    assert code != 0
    last = max(r["step"] for r in read_journal(run))
    assert 8 <= last < 30
    code, out, error = mpi(3, "-m", "mmscratch", *TRAIN[:5], "--out", run, "--resume")
    assert code == 0, error
    assert sha(out) == whole
    assert [r["step"] for r in read_journal(run) if "loss" in r] == list(range(1, 31))


@pytest.mark.slow
@needs_mpi
@pytest.mark.skipif(not pathlib.Path("/proc").exists(), reason="finds the processes of ranks in /proc")
def test_an_interrupt_of_one_rank_stops_all_at_one_step(tmp_path):
    run = tmp_path / "run"
    job = start(2, "-m", "mmscratch", *TRAIN, "--out", run, *SETTINGS, "steps=5000", "checkpoint_every=5000")
    until = time.monotonic() + 200
    while not (run / "journal.jsonl").exists() or not read_journal(run):
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(rank_of(run, 1), signal.SIGINT)
    code, _, error = finish(job)
    assert code == 130 and error.count("mmscratch: interrupted") == 1
    (saved,) = (run / "checkpoints").glob("step-*")
    assert saved.name == f"step-{read_journal(run)[-1]['step']:08d}.safetensors"


@pytest.mark.slow
@needs_mpi
def test_a_users_error_is_one_line(tmp_path):
    code, _, error = mpi(
        3, "-m", "mmscratch", *TRAIN[:5], "--data", "scenes:trai=9", "--out", tmp_path / "run"
    )
    assert code == 2 and len(re.findall("unknown key 'trai'", error)) == 1 and "Traceback" not in error
