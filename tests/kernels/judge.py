"""How kernel tests judge: agreement of two floors, gradients entry by entry, and other vectors."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

TOLERANCE = {np.dtype(np.float32): (2e-5, 2e-6), np.dtype(np.float64): (1e-12, 1e-13)}
STEP = 1e-3


def draw(rng, shape, dtype=np.float64):
    """Normal numbers."""
    return rng.standard_normal(shape).astype(dtype)


def agree(got, expected, rtol=None):
    """Same structure, shapes, dtypes and C order; numbers as near as the dtype allows (or rtol).

    What is left of a sum of large numbers is as uncertain as they are: so the absolute tolerance grows with
    the largest entry. NaN is equal to NaN.
    """
    if isinstance(expected, tuple | list):
        assert type(got) is type(expected) and len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            agree(g, e, rtol)
        return
    if expected is None:
        assert got is None
        return
    assert got.shape == expected.shape and got.dtype == expected.dtype
    assert got.flags.c_contiguous
    relative, absolute = TOLERANCE.get(expected.dtype, (0, 0)) if rtol is None else (rtol, 0)
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=1)
    np.testing.assert_allclose(got, expected, rtol=relative, atol=absolute * largest)


def numerical_gradient(f, inputs, cotangents):
    """∂ Σ ⟨cotangent, output⟩ / ∂ each input by five-point central differences (error of order STEP⁴)."""

    def value(i, flat, entry, delta):
        moved = flat.copy()
        moved[entry] += delta
        outputs = f(*inputs[:i], moved.reshape(inputs[i].shape), *inputs[i + 1 :])
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return sum(np.vdot(c, y) for c, y in zip(cotangents, outputs, strict=True))

    gradients = []
    for i, x in enumerate(inputs):
        flat, gradient = x.reshape(-1), np.zeros(x.size)
        for entry in range(x.size):
            near = value(i, flat, entry, STEP) - value(i, flat, entry, -STEP)
            far = value(i, flat, entry, 2 * STEP) - value(i, flat, entry, -2 * STEP)
            gradient[entry] = (8 * near - far) / (12 * STEP)
        gradients.append(gradient.reshape(x.shape))
    return gradients


def check_gradient(f, inputs, cotangents, gradients):
    """The given gradients are those of Σ ⟨cotangent, f(*inputs)⟩, to six digits in every entry."""
    expected = numerical_gradient(f, inputs, cotangents)
    assert len(expected) == len(gradients)
    for i, (wanted, got) in enumerate(zip(expected, gradients, strict=True)):
        assert got.dtype == np.float64 and got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-8, err_msg=f"gradient of input {i}")


def pass_on_vectors(width, chosen, *tests):
    """The tests that ``chosen`` (pytest's -k) picks pass on vectors of so many bytes; 0: without vectors.

    tests   files beside this one, or their tests (file::name). Skipped if the machine has none wider.
    """
    from mmscratch.kernels.cpu import simd

    if width >= simd.BYTES:
        pytest.skip(f"this machine's vectors have {simd.BYTES} bytes")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", chosen, *tests]
    environment = os.environ | {"MMSCRATCH_VECTOR_BYTES": str(width)}
    here = pathlib.Path(__file__).parent
    run = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0 and " passed" in run.stdout, run.stdout[-2000:] + run.stderr[-2000:]
