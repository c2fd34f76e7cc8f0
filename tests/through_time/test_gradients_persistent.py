"""The persistent kernels: interpreted, they give the loop's gradients; for a GPU, they compile to Triton. PK1-PK5,
PK1*-PK5*."""

from contextlib import nullcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import an_ordinary_problem, assert_eleven_digits, assert_hand_equals_autodiff, by_hand, vjp

from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import arrays
from lstm_ref.errors import BadInput
from lstm_ref.strategies import SequenceProblem, Sizes
from lstm_ref.through_time import persistent

LSTM = CELLS["lstm"]


class KERNELS:
    """As `sequence` is asked for: both kernels on NumPy and balls, and by Pallas as a custom VJP."""

    loop, loop_backward, bptt = persistent.forward, persistent.backward, persistent.bptt


def cast(problem, dtype):
    values = jax.tree.map(lambda v: v.astype(dtype), (problem.params, problem.initial, problem.xs, problem.bar))
    return SequenceProblem(LSTM, *values, problem.lengths, problem.reverse)


def by_pallas(problem):
    """Outputs and gradients, as a list of arrays."""
    with x64():
        read, bar = jax.tree.map(jnp.asarray, (problem.arguments, problem.bar))
        outputs = persistent.bptt(LSTM, *read, problem.lengths, problem.reverse)
        gradients = vjp(persistent.bptt, LSTM, problem.reverse, read, problem.lengths, bar)
    return jax.tree.leaves((outputs, gradients))


@pytest.mark.parametrize(("dtype", "reverse"), [(np.float32, False), (np.float64, True)])
def test_the_kernels_gradient_is_the_truth_within_the_floor_of_its_floats(dtype, reverse):
    problem = an_ordinary_problem(LSTM, Sizes(5, 3, 2, 4), lengths=[5, 0, 3], reverse=reverse)
    assert_hand_equals_autodiff(cast(problem, dtype), KERNELS)


@pytest.mark.parametrize("sizes", [Sizes(1, 1, 2, 3), Sizes(3, 19, 2, 17)], ids=str)
def test_rows_and_units_that_are_added_for_the_gpu_change_nothing(sizes):
    problem = an_ordinary_problem(LSTM, sizes)
    found = by_pallas(problem)
    outputs, gradients = by_hand(problem)
    assert_eleven_digits(found, jax.tree.leaves((outputs, gradients[:3])))


def test_a_kernel_in_tiles_is_the_kernel_in_one(monkeypatch):
    monkeypatch.setattr(persistent, "ON_CHIP", 0)
    monkeypatch.setattr(persistent, "TILES", 2)
    problem = an_ordinary_problem(LSTM, Sizes(3, 2, 2, 20), lengths=[3, 2])  # 20 are 32 on a GPU: two tiles of 16
    found = by_pallas(problem)
    outputs, gradients = by_hand(problem)
    assert_eleven_digits(found, jax.tree.leaves((outputs, gradients[:3])))


def test_without_a_step_state_and_cotangent_are_handed_on():
    problem = an_ordinary_problem(LSTM, Sizes(0, 2, 3, 4))
    with x64():
        read, bar = jax.tree.map(jnp.asarray, (problem.arguments, problem.bar))
        outputs, kept = persistent.forward(LSTM, *read)
        given = persistent.backward(LSTM, *read, kept, bar)
    for mine, right in ((outputs.final, problem.initial), (given.initial, problem.bar.final)):
        assert all(np.array_equal(a, b) for a, b in zip(mine, right, strict=True))
    assert all(not np.any(np.asarray(v)) for v in given.params)
    assert outputs.hs.shape == (0, 2, 4)
    assert given.xs.shape == (0, 2, 3)


def test_in_bfloat16_the_error_is_at_most_twice_the_scans():
    """Both round what enters a product; the scan its sums too, which here are float32. And both round what comes out,
    by at most half of eps, from which chance may spare the scan."""
    short = cast(an_ordinary_problem(LSTM, Sizes(5, 3, 2, 4), lengths=[5, 5, 2]), jnp.bfloat16)
    outputs, gradients = by_hand(cast(short, np.float64))
    truth = jax.tree.leaves((outputs, gradients[:3]))
    read, bar = jax.tree.map(jnp.asarray, (short.arguments, short.bar))
    scans = jax.tree.leaves(
        (sequence.scan(LSTM, *read, short.lengths), vjp(sequence.scan, LSTM, False, read, short.lengths, bar))
    )
    for mine, theirs, right in zip(by_pallas(short), scans, truth, strict=True):
        assert mine.dtype == jnp.bfloat16
        error, scans_error = (np.max(np.abs(np.asarray(v, np.float64) - right)) for v in (mine, theirs))
        assert error <= 2 * scans_error + float(jnp.finfo(jnp.bfloat16).eps) / 2 * np.max(np.abs(right))


def an_h100():
    """What JAX from 0.11 on asks of a machine without a GPU: a device to compile for, by name."""
    try:
        device = jax.sharding.AbstractDevice(device_kind="NVIDIA H100 80GB HBM3", num_cores=None, platform="gpu")
    except (AttributeError, TypeError):  # older, and needs none
        return nullcontext()
    return jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((1,), ("x",), abstract_device=device))


@pytest.mark.parametrize("H", [64, 128, 256])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_both_kernels_lower_for_a_gpu(monkeypatch, dtype, H):
    """To Triton's language; whether that compiles, and how fast it is, needs the GPU itself."""
    pytest.importorskip("jax._src.lib.triton", reason="this jaxlib is built without Triton's dialect")
    monkeypatch.setattr(persistent, "_on_gpu", lambda: True)
    jax.clear_caches()  # of what was interpreted
    zeros = lambda shapes: arrays(shapes, lambda shape: jnp.zeros(shape, dtype))  # noqa: E731
    read = zeros(LSTM.parameter_shapes(3, H)), zeros(LSTM.state_shapes(32, H)), jnp.zeros((5, 32, 3), dtype)
    bar = sequence.Outputs(jnp.zeros((5, 32, H), dtype), read[1])
    gradients = jax.jit(lambda read, bar: vjp(persistent.bptt, LSTM, False, read, None, bar))
    with an_h100():
        text = gradients.trace(read, bar).lower(lowering_platforms=("cuda",)).as_text()
    jax.clear_caches()
    assert text.count("@__gpu$xla.gpu.triton(") == 2


def test_bad_input_is_said_at_once():
    problem = an_ordinary_problem(LSTM, Sizes(2, 1, 2, 600))
    with pytest.raises(BadInput, match="at most 512 units on the chip, got 1024"):
        persistent.bptt(LSTM, *problem.arguments)
    problem = an_ordinary_problem(LSTM, Sizes(2, 1, 2, 3))
    with pytest.raises(BadInput, match="one floating dtype"):
        persistent.bptt(LSTM, problem.params, problem.initial, problem.xs.astype(jnp.bfloat16))
    gru = an_ordinary_problem(CELLS["gru"], Sizes(2, 1, 2, 3))
    with pytest.raises(BadInput, match="gru has no persistent kernel"):
        persistent.bptt(CELLS["gru"], *gru.arguments)
