"""The ladder: every rung is right, and the page shows the rungs as they are."""

import pathlib
import re

import numpy as np
import pytest

pytest.importorskip("numba")
from mmscratch.kernels.cpu import simd

if not simd.LANES:
    pytest.skip("the vector rungs need vectors (simd.LANES is 0)", allow_module_level=True)

from benchmarks import ladder, rungs

README = pathlib.Path(ladder.README).read_text(encoding="utf-8")
SOURCE = pathlib.Path(rungs.__file__).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [n for n in rungs.__all__ if n.startswith("matmul")])
@pytest.mark.parametrize("sizes", [(3, 4, 5), (25, 70, 65), (1, 1, 1)])
def test_matmul_rungs(name, sizes):
    m, k, n = sizes
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k), dtype=np.float32), rng.standard_normal((k, n), dtype=np.float32)
    np.testing.assert_allclose(getattr(rungs, name)(a, b), a @ b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in rungs.__all__ if n.startswith("softmax")])
@pytest.mark.parametrize("columns", [1, 7, 16, 100])
def test_softmax_rungs(name, columns):
    x = np.random.default_rng(0).standard_normal((5, columns), dtype=np.float32) - 3
    e = np.exp(x.astype(np.float64))
    np.testing.assert_allclose(getattr(rungs, name)(x), e / e.sum(1, keepdims=True), rtol=1e-6)


def test_the_page_shows_the_rungs_as_they_are():
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == len(rungs.__all__)
    for block in blocks:
        assert block in SOURCE, f"kernels/README.md differs from rungs.py:\n{block}"


def test_files_named_on_the_page_exist():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if not target.endswith(".png"):
            assert (pathlib.Path(ladder.README).parent / target).exists(), target


def test_the_table_says_how_near_the_roof():
    text = ladder.table(
        [("matmul", "rows", 1, 5e9, 100.0), ("softmax", "kernel", 2, 1e9, 0.5)], {1: 1e10, 2: 2e10}, 4e9
    )
    assert "| matmul | rows | 1 | 5 | 50 % |" in text and "| softmax | kernel | 2 | 1 | 50 % |" in text
