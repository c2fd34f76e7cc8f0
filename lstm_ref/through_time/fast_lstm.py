"""The LSTM through time, arranged for speed: edges FL1-FL3 forward, FL3*-FL5* backward around the cell's own L1-L5.

derivations/fast_lstm.md derives each and measures the gain. The sequence is cut into pieces so short that a piece's
results are still in the cache when they are read again. In a piece, the input product is computed before the loop over
its steps and the weights' gradients after it, one product each; the loop contains only what depends on the previous
step. Gates and states are kept, tanh(c) is recomputed; every step writes its results to their final place. Conventions
that bite: the tape is in the order of processing and has one more state than steps; LSTM only; JAX arrays of one dtype.

Source: the products outside the loop, Appleyard, Kocisky and Blunsom, "Optimizing performance of recurrent neural
networks on GPUs", 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from lstm_ref.arithmetic import sigmoid, tanh
from lstm_ref.arithmetic.tracing import is_tracing
from lstm_ref.cells import Cell, lstm
from lstm_ref.cells import Tape as Step
from lstm_ref.cells.lstm import Nodes, Params, State, split_gates
from lstm_ref.errors import BadInput
from lstm_ref.padding import choose, integers, keep_of
from lstm_ref.sequence import SCAN, Gradients, Through
from lstm_ref.shapes import Outputs, as_rows, check, check_bar, check_dtypes, is_whole
from lstm_ref.through_time import data_parallel, kept_plans, tuning
from lstm_ref.through_time.plan import (
    FastPlan,
    blocks_of,
    check_plan,
    check_sizes,
    piece_length,
    puts_weights_first,
)
from lstm_ref.through_time.plan import default_plan as default_plan

LARGE = 2**22
"""Bytes of a kernel's gradient from which on its left factor is copied, which costs nothing beside the product."""


class Tape(NamedTuple):
    """What `forward` leaves for `backward`, in the order of processing."""

    states: State
    """States before every step, and after the last, (T + 1, B, H)."""
    gates: tuple[Any, Any, Any, Any]
    """i, f, g, o of every step, (T, B, H)."""


def with_pieces_of(every: int) -> Through:
    """The fast LSTM in pieces of another length than the one that `FAST` chooses.

    Args:
        every: Steps of a piece; the last piece has what remains.

    Returns:
        The way, with the arguments of the loop.

    Raises:
        BadInput: `every` is not a whole number of at least 1.
    """
    if not is_whole(every):
        raise BadInput(f"a piece must have at least one step, and whole ones, got every={every!r}")
    return _arranged(int(every))


def _arranged(every: int, blocks: int | None = None, weights_first: bool | None = None) -> Through:
    how: dict[str, Any] = {"every": every, "blocks": blocks, "weights_first": weights_first}
    return Through(partial(forward, **how), partial(backward, **how))


def forward(
    cell: Cell,
    p: Params,
    initial: State,
    xs: Any,
    lengths: Any = None,
    reverse: bool = False,
    *,
    every: int | None = None,
    blocks: int | None = None,
    weights_first: bool | None = None,
) -> tuple[Outputs, Tape]:
    """Run the LSTM, with outputs as from `sequence.scan`.

    Args:
        cell: The LSTM.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.
        every: Steps of a piece; by default as many as fit into the cache.
        blocks: Blocks of W_h in its product with the state; by default one, or for a single row one per core.
        weights_first: Whether that product is computed as (W_hᵀ hᵀ)ᵀ, which is faster where W_h is large beside the
            state, and then blocks are not used; by default as `plan.puts_weights_first` says.

    Returns:
        The outputs, and the tape.

    Raises:
        BadInput: Shapes or dtypes do not fit, or the cell is not the LSTM.
    """
    _check_cell(cell)
    check(cell, p, initial, xs, lengths, reverse)
    check_dtypes(p, initial, xs)
    return _forward(p, initial, xs, integers(lengths), reverse, every, blocks, weights_first)


def backward(
    cell: Cell,
    p: Params,
    initial: State,
    xs: Any,
    tape: Tape,
    bar: Outputs,
    lengths: Any = None,
    reverse: bool = False,
    *,
    every: int | None = None,
    blocks: int | None = None,
    weights_first: bool | None = None,
) -> Gradients:
    """Full BPTT.

    Args:
        cell, p, initial, xs, lengths, reverse, every, blocks, weights_first: As for `forward`.
        tape: The tape that `forward` returned.
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, ...).

    Returns:
        The gradients of p, initial and xs.

    Raises:
        BadInput: Shapes do not fit, or the tape has another number of steps.
    """
    _check_cell(cell)
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    check_dtypes(p, initial, xs, bar)
    states, wanted = tape.states.h.shape, (len(xs) + 1, *initial.h.shape)
    if states != wanted:  # JAX would read a step beyond the end as the last one
        raise BadInput(f"{cell.name}: the tape's states must have shape {wanted}, one more than steps, got {states}")
    return _backward(cell, p, xs, tape, bar, integers(lengths), reverse, every, blocks, weights_first)


FAST = Through(forward, backward)
"""The LSTM, arranged for speed."""


@partial(jax.jit, static_argnames=("reverse", "every", "blocks", "weights_first"))
def _forward(
    p: Params,
    initial: State,
    xs: Any,
    lengths: Any,
    reverse: bool,
    every: int | None = None,
    blocks: int | None = None,
    weights_first: bool | None = None,
) -> tuple[Outputs, Tape]:
    keep = keep_of(len(xs), lengths)
    steps = _in_order((xs if keep is None else choose(keep, xs, 0), keep), reverse)
    times_w_h = _times(p.w_h, len(initial.h), blocks, weights_first)

    def piece(k: int, carry: Any, _: None) -> tuple[Any, None]:
        xs, keep = _span(steps, carry[0], k)
        # Gate by gate: if XLA's loop had to cut the gates out of one array, a step would take several times as long.
        a_xs = split_gates(xs @ p.w_x + p.b)  # FL1
        return jax.lax.scan(step, carry, (a_xs, keep))[0], None

    def step(carry: Any, now: Any) -> tuple[Any, None]:
        (t, state, tape), (a_x, keep) = carry, now
        a_i, a_f, a_g, a_o = map(jnp.add, a_x, split_gates(times_w_h(state.h)))  # FL2
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)  # L2
        c = f * state.c + i * g  # L3
        u = tanh(c)  # L4
        h = o * u  # L5
        new = State(h, c) if keep is None else choose(keep, State(h, c), state)  # T2
        return (t + 1, new, Tape(_put(tape.states, t + 1, new), _put(tape.gates, t, (i, f, g, o)))), None

    carry = 0, initial, _empty(len(xs), initial)
    for number, k in _pieces(xs, initial.h, every):
        carry, _ = jax.lax.scan(partial(piece, k), carry, None, number)
    _, final, tape = carry
    hs = _in_order(tape.states.h[1:], reverse)
    return Outputs(hs if keep is None else choose(keep, hs, 0), final), tape  # T2


@partial(jax.jit, static_argnames=("cell", "reverse", "every", "blocks", "weights_first"))
def _backward(
    cell: Cell,
    p: Params,
    xs: Any,
    tape: Tape,
    bar: Outputs,
    lengths: Any,
    reverse: bool,
    every: int | None = None,
    blocks: int | None = None,
    weights_first: bool | None = None,
) -> Gradients:
    keep = keep_of(len(xs), lengths)
    steps = _in_order((xs if keep is None else choose(keep, xs, 0), bar.hs, keep), reverse)
    times_w_h = _times(p.w_h.T, xs.shape[1], blocks, weights_first)
    carry = len(xs), Gradients(jax.tree.map(lambda v: v * 0, p), bar.final, jnp.zeros_like(xs))
    for number, k in reversed(_pieces(xs, bar.final.h, every)):
        back = partial(_piece_backward, cell, p, times_w_h, tape, steps, k)
        carry, _ = jax.lax.scan(back, carry, None, number)
    given = carry[1]
    xs_bar = _in_order(given.xs, reverse)  # FL5*
    return given._replace(xs=xs_bar)


def _piece_backward(
    cell: Cell, p: Params, times_w_h: Any, tape: Tape, steps: Any, k: int, carry: tuple[Any, Gradients], _: None
) -> tuple[tuple[Any, Gradients], None]:
    """(First step of a piece, gradients from there on), given (the step after the piece, gradients after it)."""
    (end, after), (xs, hs_bar, keep) = carry, steps
    step = partial(_step_backward, cell, p, times_w_h, tape, hs_bar, keep)
    (start, state_bar), a_bars = jax.lax.scan(step, (end, after.initial), None, k, reverse=True)
    prev_h, xs = _span((tape.states.h, xs), start, k)
    a_bar, H = as_rows(a_bars), prev_h.shape[-1]
    w_bar = _laid_out(as_rows(jnp.concatenate((prev_h, xs), axis=-1)).T, a_bar) @ a_bar  # FL4*
    b_bar = a_bar.sum(0)  # FL4*
    p_bar = Params(after.params.w_x + w_bar[H:], after.params.w_h + w_bar[:H], after.params.b + b_bar)  # FL4*
    xs_bar = _put(after.xs, start, a_bars @ p.w_x.T)  # FL5*
    return (start, Gradients(p_bar, state_bar, xs_bar)), None


def _step_backward(
    cell: Cell, p: Params, times_w_h: Any, tape: Tape, hs_bar: Any, keep: Any, carry: tuple[Any, State], _: None
) -> tuple[tuple[Any, State], Any]:
    """((Step, cotangent of the state before it), cotangent of its pre-activations), given (next step, cotangent of the
    state after)."""
    t, state_bar = carry[0] - 1, carry[1]
    (i, f, g, o), prev, h_bar, keep = _at((tape.gates, tape.states, hs_bar, keep), t)
    bar = State(state_bar.h + h_bar, state_bar.c)  # T1*
    bar = bar if keep is None else choose(keep, bar, 0)  # T2*
    c = _at(tape.states.c, t + 1)
    u = tanh(c)  # L4, recomputed
    given = cell.backward(p, Step(prev.h[:, :0], prev, Nodes(None, i, f, g, o, c, u, None)), bar)  # L5 to L2, backward
    prev_bar = State(times_w_h(given.nodes.a), given.prev.c)  # FL3*
    return (t, prev_bar if keep is None else choose(keep, prev_bar, state_bar)), given.nodes.a  # T2*


@partial(jax.jit, static_argnames=("reverse", "way"))
def _outputs(p: Params, initial: State, xs: Any, lengths: Any, reverse: bool, way: Through) -> Outputs:
    """Only the outputs of `way.forward`: compiled by itself, it does not write the rest of the tape."""
    return way.forward(lstm, p, initial, xs, lengths, reverse)[0]


@partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _bptt(p: Params, initial: State, xs: Any, lengths: Any, reverse: bool, way: Through) -> Outputs:
    return _outputs(p, initial, xs, lengths, reverse, way)


def _bptt_forward(p: Params, initial: State, xs: Any, lengths: Any, reverse: bool, way: Through) -> tuple[Outputs, Any]:
    outputs, tape = way.forward(lstm, p, initial, xs, lengths, reverse)
    return outputs, (p, initial, xs, tape, lengths)


def _bptt_backward(reverse: bool, way: Through, kept: Any, bar: Outputs) -> tuple[Any, Any, Any, None]:
    *read, lengths = kept
    gradients = way.backward(lstm, *read, bar, lengths, reverse)
    return gradients.params, gradients.initial, gradients.xs, None


_bptt.defvjp(_bptt_forward, _bptt_backward)


def bptt(
    p: Params, initial: State, xs: Any, lengths: Any = None, reverse: bool = False, *, plan: FastPlan | None = None
) -> Outputs:
    """As `sequence.bptt` for the LSTM, but faster: its JAX derivative is `backward`.

    Args:
        p: Parameters of the LSTM.
        initial: The state before the first step, arrays (B, H).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.
        plan: From `default_plan` or `tune`; by default the rows are not split. Its number of programs and its
            vectors are the caller's choice here: what stands under one `jit` is one program, and that takes the
            plan's `compiler_options`.

    Returns:
        The outputs, differentiable by JAX.

    Raises:
        BadInput: Shapes or dtypes do not fit, or the plan cannot be run here.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.cells import lstm
        >>> p = lstm.initial_parameters(np.random.default_rng(0), 3, 4)
        >>> initial = type(lstm.state_shapes(2, 4))(np.zeros((2, 4)), np.zeros((2, 4)))
        >>> bptt(p, initial, np.zeros((5, 2, 3))).hs.shape
        (5, 2, 4)
    """
    check(lstm, p, initial, xs, lengths, reverse)
    check_dtypes(p, initial, xs)
    return _bptt(p, initial, xs, integers(lengths), reverse, FAST if plan is None else through(plan))


# ------------------------------------------------------------------------------------------------------- a plan


def through(plan: FastPlan) -> Through:
    """The way through time of a plan.

    Args:
        plan: From `default_plan` or `tune`.

    Returns:
        The way, with the arguments of the loop; the same object for the same plan, so that JAX compiles it once.

    Raises:
        BadInput: The plan cannot be run here, as it needs more devices.

    Example:
        >>> one_piece = default_plan(T=6, B=2, D=3, H=4)._replace(every=6)
        >>> way = through(one_piece)
    """
    check_plan(plan)
    return _through(plan, _mesh(plan))


def gradients(plan: FastPlan) -> Callable[..., Gradients]:
    """The LSTM's gradient as the plan has it, compiled as one program or two.

    Args:
        plan: From `default_plan` or `tune`.

    Returns:
        A function (p, initial, xs, bar, lengths=None, reverse=False) -> Gradients, the same one for the same
        plan. It is fastest where its arrays are `placed` already.

    Raises:
        BadInput: The plan cannot be run here. From the function: shapes or dtypes do not fit.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.cells import lstm
        >>> p = lstm.initial_parameters(np.random.default_rng(0), 3, 4)
        >>> initial = State(np.zeros((2, 4)), np.zeros((2, 4)))
        >>> bar = Outputs(np.ones((5, 2, 4)), initial)
        >>> plan = default_plan(T=5, B=2, D=3, H=4)
        >>> gradients(plan)(p, initial, np.zeros((5, 2, 3)), bar).params.w_h.shape
        (4, 16)
    """
    check_plan(plan)
    return _gradients(plan, _mesh(plan))


def compiler_options(plan: FastPlan) -> dict[str, Any]:
    """What XLA is told for a plan, for a program of your own that calls `bptt` or `through`: `jax.jit(…,
    compiler_options=…)`. `gradients` does it by itself, where it is not a part of another program.

    Args:
        plan: From `default_plan` or `tune`.

    Returns:
        Options of XLA by name; none where the plan leaves them to XLA, and on other devices than a CPU.

    Raises:
        BadInput: The plan cannot be run here.

    Example:
        >>> compiler_options(default_plan(T=6, B=2, D=3, H=4)._replace(vectors=0))
        {}
    """
    check_plan(plan)
    on_cpu = jax.default_backend() == "cpu"
    return {"xla_cpu_prefer_vector_width": plan.vectors} if plan.vectors and on_cpu else {}


def placed(plan: FastPlan, p: Params, initial: State, xs: Any, bar: Outputs) -> tuple[Params, State, Any, Outputs]:
    """The arrays where the plan reads them: parameters copied to its devices, rows split over them.

    Args:
        plan: From `default_plan` or `tune`.
        p: Parameters of the LSTM.
        initial: The state before the first step, arrays (B, H).
        xs: Inputs, (T, B, D).
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, H).

    Returns:
        The same as JAX arrays, in this order.

    Raises:
        BadInput: The plan cannot be run here, or not with so many rows.
    """
    check_plan(plan, len(initial.h))
    mesh = _mesh(plan)
    if mesh is None:
        return jax.tree.map(jnp.asarray, (p, initial, xs, bar))
    split = partial(data_parallel.split, mesh)
    rows = split(initial, axis=0), split(xs, axis=1), Outputs(split(bar.hs, axis=1), split(bar.final, axis=0))
    return data_parallel.copied(mesh, p), *rows


def tune(
    T: int,
    B: int,
    D: int,
    H: int,
    dtype: Any = "float32",
    *,
    seconds: float = 5.0,
    cache: bool | str | Path = True,
) -> FastPlan:
    """The plan that is fastest on this machine, by a short measurement; kept, so that the next call reads it.

    Measured are gradients of a random problem, in turns: other numbers of devices than the default plan's, other
    pieces, programs, products and vectors; at last the best beside the default, one device and `sequence.SCAN`.
    The default stays unless another is faster than it by more than the rounds' noise, and no plan of the last rounds is
    faster than the chosen one by more than that. On a machine that is busy with other work the noise is larger.

    JAX counts the CPU as one device, however many cores it has. For plans that split the batch over two, call
    `jax.config.update("jax_num_cpu_devices", 2)` before JAX is used for anything else.

    Args:
        T, B, D, H: Numbers of steps, rows, inputs and units.
        dtype: One of float32, float64, bfloat16, float16, by name or as a dtype.
        seconds: How long the rounds last where one gradient is short. Compilation comes on top, of some ten programs;
            of a long gradient, some 70 are computed in any case.
        cache: Whether the plan is kept in a file; or the folder of these files, by default lstm_ref/plans in
            $XDG_CACHE_HOME or ~/.cache. A file is read only on the same processor, number of cores, devices and their
            kind, versions of JAX, jaxlib and lstm_ref, XLA_FLAGS and precision of products, for the same sizes and
            dtype. Removed, it is measured anew. Where it cannot be written, a warning says so.

    Returns:
        The plan, for `gradients`, `through` and `bptt`.

    Raises:
        BadInput: A size is not a whole number of at least 1, the dtype is none of these or is switched off, or
            another argument is of the wrong kind.

    Example:
        >>> plan = tune(T=4, B=2, D=3, H=4, seconds=0, cache=False)
        >>> plan.devices in (1, 2)
        True
    """
    dtype = check_sizes(T, B, D, H, dtype)
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 <= seconds < float("inf"):
        raise BadInput(f"seconds must be a number of at least 0, got {seconds!r}")
    if not isinstance(cache, (bool, str, Path)):
        raise BadInput(f"cache must be True, False or a folder, got {cache!r}")
    sizes = int(T), int(B), int(D), int(H)
    where, about = None if isinstance(cache, bool) else Path(cache), kept_plans.key(sizes, dtype)
    plan = None if cache is False else kept_plans.read(where, about)
    if plan is None:
        with jax.ensure_compile_time_eval():  # so that it may be called while JAX traces
            plan, medians = tuning.choose(sizes, dtype, _prepared(sizes, dtype), seconds)
        if cache is not False:
            kept_plans.keep(where, about, plan, medians)
    return plan


def _prepared(sizes: tuple[int, int, int, int], dtype: Any) -> Callable[[FastPlan], Callable[[], Any]]:
    """By plan, a call that computes the gradient of a random problem of these sizes."""
    (T, B, D, H), rng = sizes, np.random.default_rng(0)
    drawn = lambda *shape: np.asarray(rng.standard_normal(shape, np.float32), dtype)  # noqa: E731
    state = lambda: State(drawn(B, H), drawn(B, H))  # noqa: E731
    p = jax.tree.map(lambda v: np.asarray(v, dtype), lstm.initial_parameters(rng, D, H))
    problem = p, state(), drawn(T, B, D), Outputs(drawn(T, B, H), state())
    there: dict[int, Any] = {}

    def prepare(plan: FastPlan) -> Callable[[], Any]:
        if plan.devices not in there:
            there[plan.devices] = placed(plan, *problem)
        read, run = there[plan.devices], gradients(plan)
        return lambda: jax.block_until_ready(run(*read))

    return prepare


@cache
def _through(plan: FastPlan, mesh: Mesh | None) -> Through:
    way = SCAN if plan.way == "scan" else _arranged(plan.every, plan.blocks, plan.weights_first)
    return way if mesh is None else data_parallel.over(mesh, way)


@cache
def _gradients(plan: FastPlan, mesh: Mesh | None) -> Callable[..., Gradients]:
    alone = _compiled(plan, mesh, compiler_options(plan))
    # JAX takes no options for a part of a program.
    within = alone if not compiler_options(plan) else _compiled(plan, mesh, {})

    def run(p: Params, initial: State, xs: Any, bar: Outputs, lengths: Any = None, reverse: bool = False) -> Gradients:
        if lengths is not None:
            check(lstm, p, initial, xs, lengths, reverse)  # compiled code does not see their values
        return (within if is_tracing() else alone)(p, initial, xs, bar, integers(lengths), reverse=reverse)

    return run


def _compiled(plan: FastPlan, mesh: Mesh | None, options: dict[str, Any]) -> Callable[..., Gradients]:
    """The gradient as one program or two."""
    compiled = partial(jax.jit, static_argnames="reverse", compiler_options=options or None)
    halves = jax.jit if plan.programs == 1 else partial(jax.jit, compiler_options=options or None)
    there, back = (halves(partial(half, lstm), static_argnames="reverse") for half in _through(plan, mesh))

    def both(p: Params, initial: State, xs: Any, bar: Outputs, lengths: Any, reverse: bool) -> Gradients:
        how = {"lengths": lengths, "reverse": reverse}
        return back(p, initial, xs, there(p, initial, xs, **how)[1], bar, **how)

    return both if plan.programs == 2 else compiled(both)


def _mesh(plan: FastPlan) -> Mesh | None:
    """The devices of a plan; None for one, which is the caller's choice."""
    return Mesh(np.array(jax.local_devices()[: plan.devices]), ("rows",)) if plan.devices > 1 else None


def _check_cell(cell: Cell) -> None:
    if getattr(cell, "name", "lstm") != "lstm":  # what is no cell, `check` will say
        raise BadInput(
            f"this way through time is only for the LSTM, got the cell {cell.name}: sequence.bptt takes any cell"
        )


# ------------------------------------------------------------------------------------------------- arrangement


def _times(w: Any, B: int, blocks: int | None = None, weights_first: bool | None = None) -> Any:
    """v ↦ v w, for v (B, K): as (wᵀvᵀ)ᵀ, or with K in so many blocks, or in fewer that divide it, one product per
    block."""
    blocks = blocks or blocks_of(B)
    if weights_first is None:
        weights_first = blocks == 1 and puts_weights_first(B, min(w.shape), w.dtype.itemsize)
    if weights_first:
        w_t, as_it_stands = w.T, jax.lax.optimization_barrier  # or XLA makes v w of it
        return lambda v: as_it_stands(w_t @ as_it_stands(v.T)).T  # FL2
    number = gcd(len(w), blocks)
    if number == 1:
        return lambda v: v @ w
    parts = w.reshape(number, -1, w.shape[1])
    return lambda v: jnp.einsum("bjk,jkn->jbn", v.reshape(len(v), *parts.shape[:2]), parts).sum(0)  # FL2


def _laid_out(v: Any, w: Any) -> Any:
    """The transposed left factor of v w, (K, N) and (N, M), before a large product on a CPU: a copy that XLA may not
    make a transposed operand of again, with which its product is slower."""
    is_large = v.shape[0] * w.shape[1] * w.dtype.itemsize >= LARGE and jax.default_backend() == "cpu"
    return jax.lax.optimization_barrier(v) if is_large else v


def _pieces(xs: Any, h: Any, every: int | None) -> list[tuple[int, int]]:
    """(Number of pieces, steps of each), in the order of processing: pieces of one length, and a shorter last one."""
    T, (B, H) = len(xs), h.shape
    every = every or piece_length(T, B, H, h.dtype.itemsize)
    return [(number, k) for number, k in ((T // every, every), (1, T % every)) if number * k]


def _empty(T: int, initial: State) -> Tape:
    """An empty tape for T steps."""
    states = jax.tree.map(lambda v: jnp.broadcast_to(v, (T + 1, *v.shape)), initial)
    gate = jnp.zeros((T, *initial.h.shape), initial.h.dtype)
    return Tape(states, (gate, gate, gate, gate))


def _in_order(steps: Any, reverse: bool) -> Any:
    """(T, ...) from the order of time to the order of processing, or back."""
    return jax.tree.map(lambda v: v[::-1], steps) if reverse else steps


def _at(steps: Any, t: Any) -> Any:
    """Step t of (T, ...)."""
    return jax.tree.map(lambda v: jax.lax.dynamic_index_in_dim(v, t, keepdims=False), steps)


def _span(steps: Any, start: Any, k: int) -> Any:
    """The k steps from `start` on of (T, ...)."""
    return jax.tree.map(lambda v: jax.lax.dynamic_slice_in_dim(v, start, k), steps)


def _put(steps: Any, t: Any, new: Any) -> Any:
    """(T, ...) with step t, or the steps from t on, replaced."""

    def put(v: Any, one: Any) -> Any:
        return jax.lax.dynamic_update_slice_in_dim(v, one if one.ndim == v.ndim else one[None], t, 0)

    return jax.tree.map(put, steps, new)
