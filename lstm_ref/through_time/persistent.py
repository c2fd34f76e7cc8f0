"""The LSTM as one kernel each way, its recurrent kernel kept on the chip: edges PK1-PK5 forward, PK1*-PK5* backward.

derivations/persistent.md derives each. Two Pallas kernels run through all T steps and compute what depends on
neighbouring steps: W_h is read once, and state and cotangents never leave the chip. Everything else is one matrix
product before the loop and three after it. Rows of the batch are independent: each program of the grid takes 16 of
them. JAX arrays run on the GPU, through Triton, or are interpreted if there is none; all other arrays (NumPy, balls)
run through the same two functions, with arrays in place of references.

Conventions that bite: inside a kernel, time runs onward and padding is at the end, so with `reverse` the rows are
reversed outside. Sums, and the carried c, are float32 if the arrays are shorter. Products have the precision of
`jax.default_matmul_precision`: on a GPU that is TF32 for float32 unless it is "highest". float64, which serves for
proofs, is interpreted on a GPU too. A W_h larger than `ON_CHIP` bytes is read again at each step, tile by tile, from a
GPU's L2 cache. The constants of this file are untuned estimates. Only first derivatives are supported. JAX 0.12
announces that Pallas will drop Triton.

Source: Diamos et al., "Persistent RNNs: stashing recurrent weights on-chip", ICML 2016; Pöppel, Beck and Hochreiter,
"FlashRNN: I/O-aware optimization of traditional RNNs on modern hardware", 2024.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic import sigmoid, tanh, where
from lstm_ref.cells import Cell
from lstm_ref.errors import BadInput
from lstm_ref.padding import choose, counted, flipped, integers, keep_of
from lstm_ref.sequence import Gradients, Through
from lstm_ref.shapes import Outputs, as_rows, check, check_bar, check_dtypes

ROWS = 16
"""Rows of the batch per program: the fewest that a tensor core multiplies."""
ON_CHIP = 200 * 1024
"""Bytes of W_h that a program may keep, of the 227 KB of shared memory or 256 KB of registers of an H100: float32 up to
H = 64, 16 bits up to 128."""
TILES = 4
"""Number of tiles in each direction of a larger W_h."""
LARGEST = 512
"""Largest number of units: with more, state and cotangents of 16 rows do not fit into the registers either."""


class Residuals(NamedTuple):
    """What the backward pass reads; time runs onward, padding is at the end."""

    xs: Any
    """Inputs, (T, B, D), zero at padding."""
    hs: Any
    """States before every step, and the last: (T + 1, B, H)."""
    cs: Any
    gates: Any
    """The gates i, f, g, o: (T, B, 4, H)."""


# ------------------------------------------------------------------------------- what no step needs of another


def forward(
    cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any = None, reverse: bool = False
) -> tuple[Outputs, Residuals]:
    """Run the LSTM by the forward kernel, with outputs as from `sequence.scan`.

    Args:
        cell: The LSTM.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.

    Returns:
        The outputs, and what `backward` reads.

    Raises:
        BadInput: Shapes do not fit, or the cell is not the LSTM.
    """
    _check_cell(cell)
    check(cell, p, initial, xs, lengths, reverse)
    if xs.dtype != object:  # balls have no JAX dtype
        check_dtypes(p, initial, xs)
    (T, B), H = xs.shape[:2], initial.h.shape[-1]
    lengths = counted(lengths, T, B)
    keep = keep_of(T, lengths)
    xs = choose(keep, flipped(xs, lengths) if reverse else xs, 0)
    a_x = (_product(as_rows(xs), p.w_x) + p.b).reshape(T, B, 4, H)  # PK1
    gates, hs, cs = _run(
        forward_kernel,
        "T B 4 H, 4 H H, B, B H, B H",
        [a_x, p.w_h.reshape(H, 4, H).transpose(1, 0, 2), lengths, initial.h, initial.c],
        "T B 4 H, T+1 B H, T+1 B H",
        [p.w_h.dtype, p.w_h.dtype, a_x.dtype],
    )
    outputs = choose(keep, hs[1:], 0)  # PK5
    final = type(initial)(hs[-1], cs[-1].astype(hs.dtype))
    return Outputs(flipped(outputs, lengths) if reverse else outputs, final), Residuals(xs, hs, cs, gates)


def backward(
    cell: Cell, p: Any, initial: Any, xs: Any, kept: Residuals, bar: Outputs, lengths: Any = None, reverse: bool = False
) -> Gradients:
    """Full BPTT by the backward kernel.

    Args:
        cell, p, initial, xs, lengths, reverse: As for `forward`.
        kept: The arrays that `forward` returned.
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, ...).

    Returns:
        The gradients of p, initial and xs.

    Raises:
        BadInput: Shapes do not fit.
    """
    _check_cell(cell)
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    if kept.xs.shape != xs.shape or kept.cs.shape != (len(xs) + 1, *initial.c.shape):
        raise BadInput(f"kept must belong to these inputs, {xs.shape}, got that of {kept.xs.shape}")
    (T, B, D), H = xs.shape, initial.h.shape[-1]
    lengths = counted(lengths, T, B)
    hs_bar = flipped(bar.hs, lengths) if reverse else bar.hs
    a_bar, h_bar, c_bar = _run(
        backward_kernel,
        "T B 4 H, 4 H H, B, T+1 B H, T B H, B H, B H",
        [kept.gates, p.w_h.reshape(H, 4, H).transpose(1, 2, 0), lengths, kept.cs, hs_bar, *bar.final],
        "T B 4 H, B H, B H",
        [p.w_h.dtype] * 3,
    )
    a_bar = a_bar.reshape(T * B, 4 * H)
    w_h_bar = _product(as_rows(kept.hs[:-1]).T, a_bar)  # PK2*
    w_x_bar, b_bar = _product(as_rows(kept.xs).T, a_bar), a_bar.sum(0)  # PK1*
    xs_bar = _product(a_bar, p.w_x.T).reshape(T, B, D)  # PK1*
    params_bar = type(p)(*(v.astype(a_bar.dtype) for v in (w_x_bar, w_h_bar, b_bar)))
    xs_bar = flipped(xs_bar, lengths) if reverse else xs_bar
    return Gradients(params_bar, type(initial)(h_bar, c_bar), xs_bar.astype(a_bar.dtype))


PERSISTENT = Through(forward, backward)
"""The way through time with one kernel each way."""

_forward_jitted = jax.jit(forward, static_argnums=(0, 5))
_backward_jitted = jax.jit(backward, static_argnums=(0, 7))


@partial(jax.custom_vjp, nondiff_argnums=(0, 5))
def _bptt(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any, reverse: bool) -> Outputs:
    return _forward_jitted(cell, p, initial, xs, lengths, reverse)[0]


def _bptt_forward(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any, reverse: bool) -> tuple[Outputs, Any]:
    outputs, kept = _forward_jitted(cell, p, initial, xs, lengths, reverse)
    return outputs, (p, initial, kept, lengths)


def _bptt_backward(cell: Cell, reverse: bool, read: Any, bar: Outputs) -> tuple[Any, Any, Any, None]:
    p, initial, kept, lengths = read
    given = _backward_jitted(cell, p, initial, kept.xs, kept, bar, lengths, reverse)
    return given.params, given.initial, given.xs, None


_bptt.defvjp(_bptt_forward, _bptt_backward)


def bptt(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any = None, reverse: bool = False) -> Outputs:
    """The outputs of the LSTM by the forward kernel, with the backward kernel as their JAX derivative.

    Args:
        cell: The LSTM.
        p: Its parameters.
        initial: The state before the first step, arrays (B, H).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.

    Returns:
        The outputs, differentiable by JAX once.

    Raises:
        BadInput: Shapes or dtypes do not fit, the cell is not the LSTM, or H is above `LARGEST`.
    """
    check(cell, p, initial, xs, lengths, reverse)
    return _bptt(cell, *jax.tree.map(jnp.asarray, (p, initial, xs)), integers(lengths), reverse)


def _check_cell(cell: Cell) -> None:
    if getattr(cell, "name", "lstm") != "lstm":  # what is no cell, `check` will say
        raise BadInput(f"{cell.name} has no persistent kernel: only the LSTM has")


# ---------------------------------------------------------------------------------------------- the two kernels


def forward_kernel(
    a_x: Any, w_h: Any, lengths: Any, h_0: Any, c_0: Any, gates: Any, hs: Any, cs: Any, *, tiles: int
) -> None:
    """Write gates and states of all steps. w_h is indexed (gate, h, a); units come in tiles, each a separate value."""
    units = _in_tiles(h_0.shape[-1], tiles)
    kernel, real = _read_once(w_h, units), lengths[:]
    h, c = [h_0[:, k].astype(hs.dtype) for k in units], [c_0[:, k].astype(cs.dtype) for k in units]
    for k, h_k, c_k in zip(units, h, c, strict=True):
        hs[0, :, k], cs[0, :, k] = h_k, c_k

    def step(t: Any, prev: Any) -> Any:
        (prev_h, prev_c), h, c = prev, list[Any](), list[Any]()
        for j, k in enumerate(units):
            recurrent = [sum(_product(v, kernel(n, i, j)) for i, v in enumerate(prev_h)) for n in range(4)]
            a = [a_x[t, :, n, k] + recurrent[n] for n in range(4)]  # PK2
            values, new_h, new_c = step_forward(a, prev_h[j], prev_c[j], (t < real)[:, None])
            for n in range(4):
                gates[t, :, n, k] = values[n].astype(gates.dtype)
            hs[t + 1, :, k], cs[t + 1, :, k] = new_h, new_c
            h, c = [*h, new_h], [*c, new_c]
        return h, c

    _through(gates.shape[0], step, (h, c))


def step_forward(a: Any, prev_h: Any, prev_c: Any, keep: Any) -> tuple[Any, Any, Any]:
    """Gates, h and c of one step, for any units; the state stays unchanged where `keep` (B, 1) is False."""
    a_i, a_f, a_g, a_o = a
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)  # PK3
    c = f * prev_c + i * g  # PK4
    h = (o * tanh(c)).astype(prev_h.dtype)  # PK4
    return (i, f, g, o), where(keep, h, prev_h), where(keep, c, prev_c)  # PK5


def backward_kernel(
    gates: Any,
    w_h: Any,
    lengths: Any,
    cs: Any,
    hs_bar: Any,
    last_h_bar: Any,
    last_c_bar: Any,
    a_bar: Any,
    initial_h_bar: Any,
    initial_c_bar: Any,
    *,
    tiles: int,
) -> None:
    """Write the cotangents of all pre-activations and of the initial state. w_h is indexed (gate, a, h): transposed."""
    T, units = gates.shape[0], _in_tiles(last_h_bar.shape[-1], tiles)
    kernel, real = _read_once(w_h, units), lengths[:]

    def step(s: Any, bar: Any) -> Any:
        t, (h_bar, c_bar) = T - 1 - s, bar
        each: list[Any] = []
        for j, k in enumerate(units):
            values = [gates[t, :, n, k].astype(cs.dtype) for n in range(4)]
            read = values, cs[t, :, k], cs[t + 1, :, k], h_bar[j], c_bar[j], hs_bar[t, :, k], (t < real)[:, None]
            given, past_h_bar, prev_c_bar = step_backward(*read)
            given = [v.astype(a_bar.dtype) for v in given]
            for n in range(4):
                a_bar[t, :, n, k] = given[n]
            each.append((given, past_h_bar, prev_c_bar))
        a_bars, past, prev_c_bar = zip(*each, strict=True)
        prev_h_bar = [
            past[i] + sum(_product(a_bars[j][n], kernel(n, j, i)) for j in range(tiles) for n in range(4))  # PK2*
            for i in range(tiles)
        ]
        return prev_h_bar, list(prev_c_bar)

    dtype = np.promote_types(cs.dtype, last_h_bar.dtype)
    last = tuple([v[:, k].astype(dtype) for k in units] for v in (last_h_bar, last_c_bar))
    h_bar, c_bar = _through(T, step, last)
    for j, k in enumerate(units):
        initial_h_bar[:, k], initial_c_bar[:, k] = (v[j].astype(a_bar.dtype) for v in (h_bar, c_bar))


def step_backward(
    gates: Any, prev_c: Any, c: Any, h_bar: Any, c_bar: Any, y_bar: Any, keep: Any
) -> tuple[Any, Any, Any]:
    """Cotangents of one step, for any units: of the pre-activations, and the parts of h's and c's that bypass the
    product.

    They are computed from the cotangents of the state after the step and of its output y.
    """
    i, f, g, o = gates
    u = tanh(c)
    total_h_bar = h_bar + y_bar  # PK5*  h has two readers: the next step, and whoever reads the output
    o_bar, u_bar = total_h_bar * u, total_h_bar * o  # PK4*
    total_c_bar = c_bar + u_bar * (1 - u * u)  # PK4*  c has two readers: the next step, and u
    i_bar, f_bar, g_bar = total_c_bar * g, total_c_bar * prev_c, total_c_bar * i  # PK4*
    prev_c_bar = total_c_bar * f  # PK4*
    a_i_bar, a_f_bar = i_bar * i * (1 - i), f_bar * f * (1 - f)  # PK3*
    a_g_bar, a_o_bar = g_bar * (1 - g * g), o_bar * o * (1 - o)  # PK3*
    a_bar = tuple(where(keep, v, 0) for v in (a_i_bar, a_f_bar, a_g_bar, a_o_bar))  # PK5*
    return a_bar, where(keep, 0, h_bar), where(keep, prev_c_bar, c_bar)  # PK5*


def _in_tiles(H: int, tiles: int) -> list[slice]:
    return [slice(k, k + H // tiles) for k in range(0, H, H // tiles)]


def _read_once(w_h: Any, units: list[slice]) -> Callable[[int, int, int], Any]:
    """Reads tile (row, column) of a gate's kernel: kept from before the loop if there is only one tile, otherwise read
    on demand."""
    if len(units) > 1:
        return lambda n, row, column: w_h[n, units[row], units[column]]
    kept = [w_h[n] for n in range(4)]
    return lambda n, row, column: kept[n]


def _through(T: int, step: Callable[[Any, Any], Any], carry: Any) -> Any:
    """The carry after T steps: a loop in the kernel for JAX values, a plain loop for other arrays."""
    if any(isinstance(v, jax.Array) for v in jax.tree.leaves(carry)):
        return jax.lax.fori_loop(np.int32(0), np.int32(T), step, carry)
    for t in range(T):
        carry = step(t, carry)
    return carry


def _product(v: Any, w: Any) -> Any:
    """v @ w; short JAX floats are summed and returned in float32."""
    if isinstance(v, jax.Array) or isinstance(w, jax.Array):
        return jnp.dot(v, w, preferred_element_type=jnp.promote_types(v.dtype, jnp.float32))
    return v @ w


# ----------------------------------------------------------------------------------------------- where they run


def _run(kernel: Callable[..., None], reads: str, read: list[Any], writes: str, dtypes: list[Any]) -> list[Any]:
    """The arrays that the kernel writes. `reads` and `writes` give axes as text, "T B 4 H, B"; the first array read has
    all axes."""
    T, B, _, H = read[0].shape
    sizes = {"T": T, "T+1": T + 1, "B": B, "H": H, "4": 4}
    shapes = [[sizes[axis] for axis in axes.split()] for axes in writes.split(",")]
    if any(isinstance(v, jax.Array) for v in read):
        steps, rows = max(T, 1), ROWS * max(-(-B // ROWS), 1)
        padded = sizes | {"T": steps, "T+1": steps + 1, "B": rows, "H": max(16, 1 << (H - 1).bit_length())}
        given = _by_pallas(kernel, reads, read, writes, dtypes, padded)
        return [v[tuple(map(slice, shape))] for v, shape in zip(given, shapes, strict=True)]
    dtype = np.result_type(*(v.dtype for v in read if not np.issubdtype(v.dtype, np.integer)))
    written = [np.empty(shape, dtype) for shape in shapes]
    kernel(*read, *written, tiles=1)
    return written


def _by_pallas(
    kernel: Callable[..., None], reads: str, read: list[Any], writes: str, dtypes: list[Any], sizes: dict[str, int]
) -> list[Any]:
    """The same by a Pallas kernel, with arrays padded by zeros to sizes that Triton takes; the padding stays zero."""
    from jax.experimental import pallas as pl  # imported here, because few users need it, and some jaxlibs lack it

    H, dtype = sizes["H"], dtypes[0]
    if H > LARGEST:
        raise BadInput(f"the persistent kernel keeps the state of at most {LARGEST} units on the chip, got {H}")

    def spec(axes: str) -> Any:
        block = tuple(ROWS if axis == "B" else sizes[axis] for axis in axes.split())
        return pl.BlockSpec(block, lambda n: tuple(n if axis == "B" else 0 for axis in axes.split()))

    def zeros_added(axes: str, v: Any) -> Any:
        return jnp.pad(v, [(0, sizes[axis] - size) for axis, size in zip(axes.split(), v.shape, strict=True)])

    ours = [axes.split() for axes in writes.split(",")]
    how: dict[str, Any] = {"interpret": True}
    if _on_gpu() and dtype != jnp.float64:
        from jax.experimental.pallas import triton

        # A parameter object of Triton's selects Triton, whatever JAX's default; up to JAX 0.6 its name was longer.
        name = "CompilerParams" if hasattr(triton, "CompilerParams") else "TritonCompilerParams"
        how = {"compiler_params": getattr(triton, name)(num_warps=8 if H >= 128 else 4, num_stages=1)}
    return pl.pallas_call(
        partial(kernel, tiles=1 if 4 * H * H * dtype.itemsize <= ON_CHIP else TILES),
        out_shape=[
            jax.ShapeDtypeStruct([sizes[axis] for axis in axes], d) for axes, d in zip(ours, dtypes, strict=True)
        ],
        grid=(sizes["B"] // ROWS,),
        in_specs=[spec(axes) for axes in reads.split(",")],
        out_specs=[spec(axes) for axes in writes.split(",")],
        **how,
    )(*(zeros_added(axes, v) for axes, v in zip(reads.split(","), read, strict=True)))


def _on_gpu() -> bool:
    return jax.default_backend() == "gpu"
