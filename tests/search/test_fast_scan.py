"""Codes of half a byte: how they lie, what rounding costs, and that a fault in it is seen."""

import numpy as np
import pytest
from search_cases import MAKE, D, K, built, queries, rows, truth

from mmscratch import kernels
from mmscratch.search import IVFPQ, fast_scan, recall
from mmscratch.search.fast_scan import BLOCK, blocks_of, bytes_of


@pytest.mark.parametrize("parts", [1, 4, 7])
def test_every_code_lies_where_it_should(parts):
    rng = np.random.default_rng(parts)
    cells, count = 9, 500
    cell = rng.choice([0, 1, 3, 4, 8], count, p=[0.5, 0.3, 0.1, 0.06, 0.04])  # some cells are empty
    code = rng.integers(0, 16, (count, parts), dtype=np.uint8)
    blocks, ids, starts, sizes = blocks_of(code, cell, cells)
    assert (
        blocks.shape == (starts[-1], -(-parts // 2), BLOCK)
        and (sizes == np.bincount(cell, minlength=9)).all()
    )
    for c in range(cells):
        mine = ids[starts[c] * BLOCK : starts[c + 1] * BLOCK]
        np.testing.assert_array_equal(mine[: sizes[c]], np.flatnonzero(cell == c))
        assert (mine[sizes[c] :] == -1).all() and len(mine) - sizes[c] < BLOCK
        for n, row in enumerate(mine[: sizes[c]]):
            of_row = blocks[starts[c] + n // BLOCK, :, n % BLOCK]
            halves = np.stack([of_row % 16, of_row // 16], 1).reshape(-1)[:parts]
            np.testing.assert_array_equal(halves, code[row])


def test_the_layout_is_that_of_the_kernel():
    bytes_ = pytest.importorskip("mmscratch.kernels.cpu.simd_bytes")
    assert (fast_scan.BLOCK, fast_scan.PARTS, fast_scan.WORDS) == (bytes_.ROWS, bytes_.MOST, 16)


def test_no_rows():
    blocks, ids, starts, sizes = blocks_of(np.zeros((0, 6), np.uint8), np.zeros(0, np.int64), 3)
    assert blocks.shape == (0, 3, BLOCK) and ids.size == 0 and not starts.any() and not sizes.any()


def test_rounded_entries_are_within_half_a_step():
    table = np.random.default_rng(0).standard_normal((20, 16)).astype(np.float32)
    b, low, step = bytes_of(table)
    assert b.dtype == np.uint8 and b.max() == 255 and (b.min(1) == 0).all()
    near = table.min(1, keepdims=True) + step * b.astype(np.float32)
    assert np.abs(near - table).max() <= 0.5001 * step
    np.testing.assert_allclose(low, table.min(1).sum(), rtol=1e-6)
    flat = bytes_of(np.full((3, 16), 0.25, np.float32))
    assert not flat[0].any() and flat[1] == 0.75 and flat[2] == 1, "a table of equal entries has no step"


def test_sums_are_near_those_of_floats():
    """Off by at most m δ / 2; δ of the largest part."""
    index = MAKE["fast"](probes=20, rerank=900).build(rows())
    q = np.zeros((len(queries()), index._panels.shape[0] * index._panels.shape[1]), np.float32)
    q[:, :D] = queries()
    for floor in ("reference", kernels.host().__name__.rpartition(".")[2]):
        with kernels.use(floor):
            ids, sums = index.near(q, 900)
        stands = index._centres[index._cell[:900]] + index._book.decode(index._code[:900])
        exact = np.take_along_axis(queries() @ stands.T, ids, 1)
        table = index._book.table(queries())
        step = (table.max(2) - table.min(2)).max(1, keepdims=True) / 255
        gap = np.abs(sums - exact)
        assert (gap <= index.parts * step / 2 + 1e-6).all()
        assert gap.mean() < np.sqrt(index.parts / 12) * step.mean()
        assert (np.sort(ids, 1) == np.arange(900)).all()


def test_rounding_hardly_costs_recall():
    """Beside the same codes added as floats, which rows without ``rerank`` are."""
    fast = MAKE["fast"]().build(rows())
    found = recall(fast.search(queries(), K)[1], truth())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IVFPQ, "_in_registers", lambda self: False)
        plain = recall(MAKE["fast"]().build(rows()).search(queries(), K)[1], truth())
    assert found > plain - 0.01 and found > 0.97


def test_rerank_decides_and_may_change():
    index = MAKE["fast"]().build(rows())
    assert index._in_registers() and not built("ivfpq")._in_registers() and not built("codes")._in_registers()
    before = index.search(queries(), K)
    index.rerank = 0
    score, ids = index.search(queries(), K)
    stands = index._centres[index._cell[:900]] + index._book.decode(index._code[:900])
    np.testing.assert_allclose(score, np.take_along_axis(queries() @ stands.T, ids, 1), atol=2e-6)
    index.rerank = 50
    for a, b in zip(index.search(queries(), K), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("codewords", [1, 5, 16])
@pytest.mark.parametrize("parts", [1, 5, 8])
def test_fewer_words_and_odd_parts(codewords, parts):
    index = MAKE["fast"](codewords=codewords, parts=parts, probes=20, rerank=900).build(rows())
    np.testing.assert_array_equal(index.search(queries(), K)[1], truth())


@pytest.mark.parametrize("wrong", ["halves swapped", "rounded to 2 bits", "no centre"])
def test_a_fault_is_seen(wrong, monkeypatch):
    right = fast_scan.fast_scan

    def scan(tasks, q, coarse, half, panels, words, blocks, *rest):
        if wrong == "halves swapped":
            blocks = blocks >> 4 | blocks << 4
        elif wrong == "no centre":
            half, coarse = coarse[0] * 0 + half, coarse * 0
        right(tasks, q, coarse, half, panels, words, blocks, *rest)

    def coarsely(table):
        b, low, step = bytes_of(table)
        return b >> 6 << 6, low, step

    with kernels.use("reference"):
        index = MAKE["fast"](rerank=12).build(rows())
        good = recall(index.search(queries(), K)[1], truth())
        if wrong == "rounded to 2 bits":
            monkeypatch.setattr(fast_scan, "bytes_of", coarsely)
        else:
            monkeypatch.setattr(fast_scan, "fast_scan", scan)
        assert recall(index.search(queries(), K)[1], truth()) < good - 0.05
