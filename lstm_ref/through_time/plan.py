"""How one gradient of the fast LSTM is arranged on a machine: the plan, and the one that is chosen by rule.

derivations/fast_lstm.md says what each choice is for and how the rules' constants were measured. A plan decides how
long a gradient takes and in which order its sums are added; with one plan, the same inputs give the same bits. It is
plain data: `plan._asdict()` can be written as JSON. `fast_lstm` runs it, and `fast_lstm.tune` measures which is best.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.errors import BadInput
from lstm_ref.processor import cores, facts
from lstm_ref.shapes import is_whole

DTYPES = ("float32", "float64", "bfloat16", "float16")
WAYS = ("fast", "scan")

CACHE = 2**20
"""Bytes for the pre-activations of a piece: the size of a core's own cache."""
ROWS = 512
"""Least number of rows (steps times batch) of a piece. The sum of the kernels' gradients is read and written once per
piece; with fewer rows this costs more than the cache saves. Both numbers are measured, `python -m benchmarks
pieces`."""
FRESH = 2**24
"""Bytes of a tape above which a program takes more memory than glibc's malloc keeps for the next call, 32 MiB at
most."""
UNITS_A_ROW = 16
"""Hidden units per row of a device above which what is done to W_h at every step, however few the rows, costs more than
it should. So a batch is not split into fewer rows, and W_h stands first from there on: XLA does not pack it anew then.
Measured on two cores: derivations/fast_lstm.md."""
WORTH = 2**15
"""Least bytes of a step's pre-activations for which a batch is split."""
WIDE = 512
"""Bits of AVX-512's vectors. On an Intel Xeon a gradient took 0.87 to 1.06 of the time with them at the sizes of
`python -m benchmarks gradient`, the outputs alone 0.84 to 0.99."""


class FastPlan(NamedTuple):
    """One arrangement of the LSTM's gradient."""

    way: str
    """"fast", or "scan": `sequence.SCAN`, which has neither pieces nor blocks."""
    devices: int
    """Over how many of this process's JAX devices the rows are split."""
    every: int
    """Steps of a piece."""
    blocks: int
    """Into how many blocks W_h is cut for its product with the state, as far as they divide it (FL2)."""
    programs: int
    """1: forward and backward are compiled together. 2: each by itself, so that the tape is arrays of its own and not
    part of the one block of memory that a program takes, which above 32 MiB the system allocates and clears anew at
    every call."""
    vectors: int = 0
    """Bits of the vectors that XLA is asked to prefer on a CPU; 0: as XLA chooses, which is 256 also where 512 are
    faster. It belongs to a whole program: `fast_lstm.compiler_options`."""
    weights_first: bool = False
    """Whether a step's product is computed as (W_hᵀ h_{t−1}ᵀ)ᵀ, and its adjoint likewise (FL2, FL3*). XLA's products on
    a CPU pack their right factor anew at every step, so the smaller one should stand there. Not with blocks."""


def default_plan(T: int, B: int, D: int, H: int, dtype: Any = "float32", *, devices: int | None = None) -> FastPlan:
    """The plan for these sizes by rule, without measuring.

    JAX counts the CPU as one device, however many cores it has. To have a batch split over two, call
    `jax.config.update("jax_num_cpu_devices", 2)` before JAX is used for anything else.

    Args:
        T, B, D, H: Numbers of steps, rows, inputs and units.
        dtype: One of float32, float64, bfloat16, float16, by name or as a dtype.
        devices: Over how many devices the rows are split; by default over all, or where that does not pay over one.

    Returns:
        The plan.

    Raises:
        BadInput: A size is not a whole number of at least 1, the dtype is none of these or is switched off, or there
            are not so many devices.

    Example:
        >>> default_plan(T=100, B=64, D=256, H=256, devices=1)[:5]
        ('fast', 1, 10, 1, 2)
    """
    itemsize = check_sizes(T, B, D, H, dtype).itemsize
    n = _devices(B, H, itemsize) if devices is None else devices
    tape = 6 * T * B * H * itemsize  # i, f, g, o, c, h
    plan = FastPlan("fast", n, 1, 1, 1)
    check_plan(plan, B)
    rows = B // n
    programs = 2 if tape > FRESH * n else 1
    every, blocks = piece_length(T, rows, H, itemsize), blocks_of(rows)
    plan = plan._replace(
        every=every, blocks=blocks, programs=programs, weights_first=puts_weights_first(rows, H, itemsize)
    )
    return plan._replace(vectors=WIDE if has_wide_vectors() else 0)


def _devices(B: int, H: int, itemsize: int) -> int:
    """The number of devices over which it pays to split the rows."""
    every = jax.local_device_count()
    worth = 4 * B * H * itemsize >= WORTH and H * every <= UNITS_A_ROW * B
    return every if B % every == 0 and worth else 1


def piece_length(T: int, B: int, H: int, itemsize: int) -> int:
    """Steps of a piece: as many as fit into the cache, or up to √2 times more or fewer if that avoids a shorter last
    piece.

    A GPU gets all steps as one piece: there, larger products are faster.
    """
    if jax.default_backend() != "cpu":
        return max(1, T)
    fit = max(CACHE // max(1, 4 * B * H * itemsize), -(-ROWS // max(1, B)), 1)
    near = [k for k in range(1, T + 1) if T % k == 0 and fit**2 <= 2 * k**2 <= 4 * fit**2]
    return min(near, key=lambda k: max(k / fit, fit / k), default=max(1, min(T, fit)))


def blocks_of(B: int) -> int:
    """Blocks of W_h: for a single row on a CPU one per core, as a row times a matrix is computed by one core."""
    return cores() if B == 1 and jax.default_backend() == "cpu" else 1


def puts_weights_first(B: int, H: int, itemsize: int) -> bool:
    """Whether W_h is the left factor of its product with the state: on a CPU where it has left the cache by the next
    step, and is large beside the state."""
    large = 4 * H * H * itemsize >= CACHE and H >= UNITS_A_ROW * B
    return jax.default_backend() == "cpu" and large and B > 1


@cache
def has_wide_vectors() -> bool:
    """Whether the processor has AVX-512, and whoever runs it has not told XLA which vectors to prefer."""
    told = "xla_cpu_prefer_vector_width" in os.environ.get("XLA_FLAGS", "")
    return jax.default_backend() == "cpu" and not told and "avx512f" in facts()["vector extensions"].split()


# --------------------------------------------------------------------------------------------------- bad input


def check_sizes(T: Any, B: Any, D: Any, H: Any, dtype: Any) -> np.dtype[Any]:
    """The dtype. Raises BadInput unless the sizes are whole numbers of at least 1, and JAX computes in the dtype."""
    for name, size in zip("TBDH", (T, B, D, H), strict=True):
        if not is_whole(size):
            raise BadInput(f"{name} must be a whole number of at least 1, got {size!r}")
    try:
        found = None if dtype is None else jnp.dtype(dtype)  # NumPy takes None for float64
    except TypeError:
        found = None
    if found is None or found.name not in DTYPES or not found.isnative:
        raise BadInput(f"the dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    if found == np.float64 and not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        raise BadInput(
            "float64 is switched off in JAX, which computes in float32: lstm_ref.arithmetic.x64 switches it on"
        )
    return found


def check_plan(plan: Any, B: int | None = None) -> None:
    """Raises BadInput unless it is a plan that can be run here, with B rows if they are given."""
    if not isinstance(plan, FastPlan):
        raise BadInput(f"a FastPlan is needed, as fast_lstm.default_plan gives one, got {plan!r}")
    counts = plan.devices, plan.every, plan.blocks, plan.programs
    is_width = plan.vectors == 0 or is_whole(plan.vectors)
    is_order = plan.weights_first is False or (plan.weights_first is True and plan.blocks == 1)
    if plan.way not in WAYS or not all(map(is_whole, counts)) or plan.programs > 2 or not is_width or not is_order:
        expected = (
            "way 'fast' or 'scan', devices, every and blocks whole numbers of at least 1, 1 or 2 programs, "
            "weights_first True (with one block) or False, and vectors of 0 bits or more"
        )
        raise BadInput(f"a plan must have {expected}, got {plan}")
    if plan.devices > jax.local_device_count():
        more = f'; jax.config.update("jax_num_cpu_devices", {plan.devices}), before JAX is used, makes them of a CPU'
        more = more if jax.default_backend() == "cpu" else ""
        raise BadInput(f"the plan needs {plan.devices} JAX devices, and there are {jax.local_device_count()}{more}")
    if B is not None and B % plan.devices:
        raise BadInput(f"the rows of a batch must divide evenly over the devices, got {B} rows, {plan.devices} devices")
