"""Every kernel is real CUDA: NVIDIA's compiler turns it into PTX, though there be no GPU."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmscratch import kernels

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_kernel_compiles_to_ptx():
    if not kernels.has_numba():
        pytest.skip("Numba is not installed")
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "compile_all.py")],
        env=environment, cwd=HERE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode == 3:
        pytest.skip("NVVM, the compiler of NVIDIA's CUDA toolkit, is not here (CUDA_HOME names its folder)")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert "compiled, 0 failed" in run.stdout
    assert int(re.search(r"(\d+) with 128-bit loads", run.stdout)[1]) > 20
