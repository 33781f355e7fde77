"""One matrix product, tiled through shared memory, under everything that is a matrix product.

    out[z, m, n] = Σ_k A[z, m, k] · B[z, k, n]  (+ extra)

A kernel is made from three small device functions that say where an entry of A and of B is found and
where a result goes; so matmul, linear, every convolution and its two gradients are this one kernel with
other addresses ("implicit GEMM": the matrix of a convolution is never written out).

A block computes TILE × TILE results: it brings TILE × DEPTH pieces of A and B into shared memory, and
each thread keeps 4 × 4 results in registers. Products with fewer than ``SLIM`` rows or columns are done
by one thread a result. Long sums with few results are cut into parts which are then added in order.

Error: sums are kept in the dtype of the operands, k roundings at most for k terms.
"""

from .launch import SIMULATOR, cached, cuda, device, kernel, larger, launch, launch_each, smaller
from .memory import empty
from .reduce import reduce_rows_into

__all__ = ["PLAIN", "batch", "load_plain", "origin", "product", "store_plain"]

EACH = 4
SIDE = 2 if SIMULATOR else 16
TILE = SIDE * EACH
THREADS = SIDE * SIDE
DEPTH = 4 if SIMULATOR else 16
SLIM = 4 if SIMULATOR else 8
PART = 8 if SIMULATOR else 1024
MAX_TILES = 4 if SIMULATOR else 1 << 20


# ── addresses ────────────────────────────────────────────────────────────────────────────────────
# Address parameters are a tuple of integers p. The first five place batch entry z = (z₀, z₁, z₂):
#     p[0], p[1] = sizes of z₁ and z₂;  p[2], p[3], p[4] = what a step of z₀, z₁, z₂ adds
PLAIN = (1, 1, 0, 0, 0)
"""A single matrix."""


def batch(shape, strides):
    """The first five address parameters for batch axes (three at most) of a shape with strides."""
    fill = 3 - len(shape)
    shape, strides = (1,) * fill + tuple(shape), (0,) * fill + tuple(strides)
    return (shape[1], shape[2], *strides)


@device
def origin(z, p):
    """Where batch entry z begins."""
    middle = z // p[1]
    return middle // p[0] * p[2] + middle % p[0] * p[3] + z % p[1] * p[4]


@device
def load_plain(x, start, i, j, p):
    """Entry (i, j) of a stored matrix: p[5], p[6] are the steps of row and column."""
    return x[start + i * p[5] + j * p[6]]


@device
def store_plain(out, start, i, j, value, extra, p):
    """Entry (i, j) of a contiguous result with p[5] columns, plus extra[i · p[7] + j · p[8]] where p[6]."""
    if p[6]:
        value += extra[i * p[7] + j * p[8]]
    out[start + i * p[5] + j] = value


# ── the kernels ──────────────────────────────────────────────────────────────────────────────────
@cached
def _kernels(dtype, load_a, load_b, store):
    T = dtype.type
    rows = TILE + 1  # one more than is used: a column of the tile then lies in different memory banks

    @kernel
    def tiled(out, a, b, extra, sizes, chunk, part_step, a_down, b_down, pa, pb, po):
        """a_down: neighbours along m lie together in a; b_down: neighbours along k lie together in b."""
        tile_a = cuda.shared.array((DEPTH, rows), T)
        tile_b = cuda.shared.array((DEPTH, rows), T)
        acc = cuda.local.array((EACH, EACH), T)
        row = cuda.local.array(EACH, T)
        column = cuda.local.array(EACH, T)
        z_size, m_size, n_size, k_size = sizes
        t = cuda.threadIdx.x
        tx, ty = t % SIDE, t // SIDE
        tiles_m, tiles_n = (m_size + TILE - 1) // TILE, (n_size + TILE - 1) // TILE
        parts = larger(1, (k_size + chunk - 1) // chunk)
        for tile in range(cuda.blockIdx.x, tiles_m * tiles_n * parts * z_size, cuda.gridDim.x):
            n0 = tile % tiles_n * TILE
            m0 = tile // tiles_n % tiles_m * TILE
            part = tile // (tiles_n * tiles_m) % parts
            z = tile // (tiles_n * tiles_m * parts)
            from_a, from_b = origin(z, pa), origin(z, pb)
            k_end = smaller(k_size, (part + 1) * chunk)
            for i in range(EACH):
                for j in range(EACH):
                    acc[i, j] = T(0)
            for k0 in range(part * chunk, k_end, DEPTH):
                cuda.syncthreads()
                for e in range(t, TILE * DEPTH, THREADS):
                    mm, kk = (e % TILE, e // TILE) if a_down else (e // DEPTH, e % DEPTH)
                    v = T(0)
                    if m0 + mm < m_size and k0 + kk < k_end:
                        v = load_a(a, from_a, m0 + mm, k0 + kk, pa)
                    tile_a[kk, mm] = v
                for e in range(t, TILE * DEPTH, THREADS):
                    nn, kk = (e // DEPTH, e % DEPTH) if b_down else (e % TILE, e // TILE)
                    v = T(0)
                    if n0 + nn < n_size and k0 + kk < k_end:
                        v = load_b(b, from_b, k0 + kk, n0 + nn, pb)
                    tile_b[kk, nn] = v
                cuda.syncthreads()
                for kk in range(DEPTH):
                    for i in range(EACH):
                        row[i] = tile_a[kk, ty + SIDE * i]
                        column[i] = tile_b[kk, tx + SIDE * i]
                    for i in range(EACH):
                        for j in range(EACH):
                            acc[i, j] += row[i] * column[j]
            target = origin(z, po) + part * part_step
            for i in range(EACH):
                m = m0 + ty + SIDE * i
                for j in range(EACH):
                    n = n0 + tx + SIDE * j
                    if m < m_size and n < n_size:
                        store(out, target, m, n, acc[i, j], extra, po)

    @kernel
    def slim(out, a, b, extra, sizes, chunk, part_step, pa, pb, po):
        z_size, m_size, n_size, k_size = sizes
        parts = larger(1, (k_size + chunk - 1) // chunk)
        for item in range(cuda.grid(1), z_size * parts * m_size * n_size, cuda.gridsize(1)):
            n = item % n_size
            m = item // n_size % m_size
            part = item // (n_size * m_size) % parts
            z = item // (n_size * m_size * parts)
            from_a, from_b = origin(z, pa), origin(z, pb)
            total = T(0)
            for k in range(part * chunk, smaller(k_size, (part + 1) * chunk)):
                total += load_a(a, from_a, m, k, pa) * load_b(b, from_b, k, n, pb)
            store(out, origin(z, po) + part * part_step, m, n, total, extra, po)

    return tiled, slim


def product(out, a, b, sizes, pa, pb, po, extra=None, load_a=load_plain, load_b=load_plain,
            store=store_plain, a_down=False, b_down=False):  # fmt: skip
    """Queue out = A B; sizes (Z, M, N, K), address parameters pa, pb, po. Returns out."""
    z, m, n, k = sizes
    if out.size == 0:
        return out
    tiled, slim = _kernels(out.dtype, load_a, load_b, store)
    narrow = m < SLIM or n < SLIM
    tiles = -(-m // TILE) * -(-n // TILE) * z
    few = z * m * n <= 64 * THREADS if narrow else tiles <= 64
    parts = min(64, k // PART) if few and extra is None and k >= 2 * PART else 1
    chunk = max(1, -(-k // parts))
    parts = max(1, -(-k // chunk))
    target = out if parts == 1 else empty((parts, *out.shape), out.dtype)
    arguments = (target, a, b, out if extra is None else extra, sizes, chunk, out.size)
    if narrow:
        launch_each(slim, z * m * n * parts, *arguments, pa, pb, po)
    else:
        blocks = min(tiles * parts, MAX_TILES)
        launch(tiled, blocks, THREADS, *arguments, a_down, b_down, pa, pb, po)
    if parts > 1:
        reduce_rows_into(out, target, parts)
    return out
