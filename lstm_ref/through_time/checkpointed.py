"""BPTT within a memory budget: pieces of pieces, jitted: edge CK1 forward, CK1* backward, CK2 the plan.

derivations/checkpointed.md derives each. `plan` chooses the pieces of a sequence so that the data held at a time fits
into a number of bytes. `bptt` is `sequence.bptt` under such a plan: it keeps the states between the pieces and
recomputes a piece when the backward pass reaches it, in smaller pieces if its tapes are still too large. Every level of
pieces costs one more forward pass; the gradient is the same as BPTT's.

Conventions that bite: a piece is a start and a number of steps, never a copy of its inputs, which at an upper level
would be as large as everything that is saved. JAX arrays only; `pieces.in_pieces` does the same in any arithmetic.

Source: Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost", 2016; Griewank and Walther,
"Algorithm 799: revolve", ACM Transactions on Mathematical Software 26, 2000.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from itertools import count
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lstm_ref import sequence
from lstm_ref.cells import Cell
from lstm_ref.errors import BadInput
from lstm_ref.padding import integers, keep_of
from lstm_ref.sequence import Gradients, Through
from lstm_ref.shapes import Outputs, check, check_bar, check_dtypes, is_whole

# ------------------------------------------------------------------------------------------------ the plan


class Plan(NamedTuple):
    """The pieces of a sequence."""

    pieces: tuple[int, ...]
    """Steps of a piece at every level, the longest first; empty for plain BPTT. Each level costs one more forward
    pass."""
    held: int
    """Bytes of the tapes and states held at a time."""


@lru_cache
def plan(T: int, tape: int, state: int, budget: int) -> Plan:
    """The plan with the fewest levels of pieces that fits into the budget, and among those the one with the least
    memory.

    Args:
        T: Number of steps.
        tape: Bytes of one step's tape.
        state: Bytes of one state.
        budget: Bytes that tapes and states may take at a time.

    Returns:
        The plan.

    Raises:
        BadInput: No plan fits; the message gives the smallest budget that would do.

    Example:
        >>> plan(100, tape=1000, state=100, budget=20_000)
        Plan(pieces=(3,), held=6500)
    """
    if not all(is_whole(v, 0) for v in (T, tape, state, budget)):
        raise BadInput(f"steps and bytes must be whole numbers, got T={T!r}, {tape=}, {state=}, {budget=}")
    tried = []
    for levels in range(1 + max(T - 1, 0).bit_length()):  # up to log2 T levels, which cut every piece in two
        found = in_levels(levels, T, tape, state)
        if found.held <= budget:
            return found
        tried.append(found.held)
    raise BadInput(f"{T} steps cannot go back within {budget} bytes: the least budget that would do is {min(tried)}")


def in_levels(levels: int, T: int, tape: int, state: int) -> Plan:
    """The plan with so many levels that needs the least memory; every level cuts its pieces into the same number."""
    if not levels:
        return Plan((), T * tape)

    def cut_in(n: int) -> Plan:
        steps = -(-T // n**levels)
        pieces = tuple(steps * n**level for level in reversed(range(levels)))
        return Plan(pieces, levels * (n + 1) * state + steps * tape)  # CK2

    # with `most`, a piece is one step
    most = next(n for n in count(max(1, int(T ** (1 / levels)) - 1)) if n**levels >= T)
    return min(map(cut_in, range(1, most + 1)), key=lambda found: found.held)


# -------------------------------------------------------------------------------------- forward and backward


class FixedArguments(NamedTuple):
    """The arguments that stay the same in all pieces."""

    cell: Cell
    p: Any
    xs: Any
    lengths: Any
    reverse: bool


class Span(NamedTuple):
    """A range of steps."""

    start: Any
    """The earliest step in time; JAX may trace it."""
    steps: int


def forward(
    cell: Cell,
    p: Any,
    initial: Any,
    xs: Any,
    lengths: Any = None,
    reverse: bool = False,
    *,
    pieces: tuple[int, ...],
) -> tuple[Outputs, Any]:
    """Run the cell and keep only the states between the longest pieces.

    Args:
        cell: Any cell.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D), T >= 1.
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.
        pieces: Steps of a piece at every level, the longest first.

    Returns:
        The outputs, and the states at the borders of the longest pieces, in the order of processing.

    Raises:
        BadInput: Shapes do not fit, there is no step, or a piece is not a whole number of at least 1.
    """
    check(cell, p, initial, xs, lengths, reverse)
    check_dtypes(p, initial, xs)
    if not pieces or not all(map(is_whole, pieces)):
        raise BadInput(f"a piece must have at least one step, and whole ones, got pieces={pieces!r}")
    T = len(jax.tree.leaves(xs)[0])
    if not T:
        raise BadInput(f"{cell.name} in pieces needs a step, got none")
    hs, borders = _run(cell, p, xs, integers(lengths), reverse, initial, 0, T, pieces[0])
    return Outputs(hs, jax.tree.map(lambda v: v[-1], borders)), borders


def backward(
    cell: Cell,
    p: Any,
    initial: Any,
    xs: Any,
    borders: Any,
    bar: Outputs,
    lengths: Any = None,
    reverse: bool = False,
    *,
    pieces: tuple[int, ...],
) -> Gradients:
    """Full BPTT, piece by piece from the last to the first.

    Args:
        cell, p, initial, xs, lengths, reverse, pieces: As for `forward`.
        borders: The states that `forward` returned.
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, ...).

    Returns:
        The gradients of p, initial and xs.

    Raises:
        BadInput: Shapes do not fit, or the borders belong to other pieces.
    """
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    check_dtypes(p, initial, xs, bar)
    wanted, found = -(-len(bar.hs) // pieces[0]) + 1, {v.shape[0] for v in jax.tree.leaves(borders)}
    if found != {wanted}:
        raise BadInput(f"{cell.name}: there must be {wanted} borders of pieces of {pieces[0]} steps, got {found}")
    through = FixedArguments(cell, p, xs, integers(lengths), reverse)
    back: Callable[..., Gradients] = partial(_by_tapes, through, bar.hs)
    for every in reversed(pieces[1:]):
        back = partial(_recompute, through, every, back)
    params_bar, xs_bar = jax.tree.map(lambda v: jnp.zeros(v.shape, jnp.result_type(v)), (p, xs))
    whole, after = Span(0, len(bar.hs)), Gradients(params_bar, bar.final, xs_bar)
    return _piece_by_piece(reverse, pieces[0], back, borders, whole, after)


@partial(jax.jit, static_argnames=("cell", "reverse", "steps", "every"))
def _run(
    cell: Cell, p: Any, xs: Any, lengths: Any, reverse: bool, state: Any, start: Any, steps: int, every: int
) -> tuple[Any, Any]:
    """Outputs of so many steps, and the states at the borders of pieces: before the first piece, ..., after the
    last."""
    pieces = -(-steps // every)
    keep = keep_of(len(jax.tree.leaves(xs)[0]), lengths)
    borders = jax.tree.map(lambda v: jnp.broadcast_to(v, (pieces + 1, *v.shape)), state)

    def step(carry: Any, i: Any) -> tuple[Any, Any]:
        state, borders = carry
        x, kept = jax.tree.map(lambda v: lax.dynamic_index_in_dim(v, start + i, keepdims=False), (xs, keep))
        state, output, _ = sequence._step(cell, p, state, x, kept)
        done = steps - i if reverse else i + 1
        # Every step of a piece writes the border after it; the last step's value stays.
        borders = jax.tree.map(
            lambda v, new: lax.dynamic_update_index_in_dim(v, new, -(-done // every), 0), borders, state
        )  # CK1
        return (state, borders), output

    (_, borders), hs = lax.scan(step, (state, borders), jnp.arange(steps), reverse=reverse)
    return hs, borders


def _piece_by_piece(reverse: bool, every: int, back: Any, borders: Any, span: Span, after: Gradients) -> Gradients:
    """The gradients before a span, given those after it; `initial` holds the gradient of the state there."""
    pieces, rest = divmod(span.steps, every)

    def piece(after: Gradients, j: Any, steps: int = every) -> tuple[Gradients, None]:
        before = jax.tree.map(lambda v: lax.dynamic_index_in_dim(v, j, keepdims=False), borders)
        done = j * every
        start = span.start + (span.steps - done - steps if reverse else done)
        return back(before, Span(start, steps), after), None  # CK1*

    if rest:
        after, _ = piece(after, pieces, rest)
    if pieces:
        after, _ = lax.scan(piece, after, jnp.arange(pieces), reverse=True)
    return after


def _recompute(through: FixedArguments, every: int, back: Any, before: Any, span: Span, after: Gradients) -> Gradients:
    """As `_piece_by_piece`, for a span whose borders must be recomputed."""
    _, borders = _run(*through, before, *span, every)  # CK1
    return _piece_by_piece(through.reverse, every, back, borders, span, after)


def _by_tapes(through: FixedArguments, hs_bar: Any, before: Any, span: Span, after: Gradients) -> Gradients:
    """As `_piece_by_piece`, for a span whose tapes are all held at once."""
    cell, p, xs, lengths, reverse = through
    xs_of, hs_bar_of = jax.tree.map(lambda v: lax.dynamic_slice_in_dim(v, *span), (xs, hs_bar))
    real = None if lengths is None else (lengths - span.start).clip(0, span.steps)
    _, tapes = sequence.scan_with_tape(cell, p, before, xs_of, real, reverse)
    given = sequence.scan_backward(cell, p, tapes, Outputs(hs_bar_of, after.initial), real, reverse)
    return Gradients(
        jax.tree.map(jnp.add, after.params, given.params),  # CK1*
        given.initial,  # CK1*
        jax.tree.map(lambda v, new: lax.dynamic_update_slice_in_dim(v, new, span.start, 0), after.xs, given.xs),
    )


def in_scanned_pieces(*pieces: int) -> Through:
    """The way through time in pieces of so many steps, each in pieces of the next number, and so on, jitted."""
    return Through(partial(forward, pieces=pieces), partial(backward, pieces=pieces))


# --------------------------------------------------------------------------------------- as a JAX derivative


@partial(jax.custom_vjp, nondiff_argnums=(0, 5, 6))
def _bptt(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any, reverse: bool, pieces: tuple[int, ...]) -> Outputs:
    return _forward(cell, p, initial, xs, lengths, reverse, pieces=pieces)[0]


_how = partial(jax.jit, static_argnames=("cell", "reverse", "pieces"))
_forward, _backward = _how(forward), _how(backward)


def _bptt_forward(
    cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any, reverse: bool, pieces: tuple[int, ...]
) -> tuple[Outputs, Any]:
    outputs, borders = _forward(cell, p, initial, xs, lengths, reverse, pieces=pieces)
    return outputs, (p, initial, xs, borders, lengths)


def _bptt_backward(cell: Cell, reverse: bool, pieces: tuple[int, ...], kept: Any, bar: Outputs) -> tuple[Any, ...]:
    p, initial, xs, borders, lengths = kept
    given = _backward(cell, p, initial, xs, borders, bar, lengths, reverse, pieces=pieces)
    return given.params, given.initial, given.xs, None


_bptt.defvjp(_bptt_forward, _bptt_backward)


def bptt(
    cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any = None, reverse: bool = False, *, budget: int
) -> Outputs:
    """`sequence.bptt` with a derivative that holds at most `budget` bytes of tapes and states at a time.

    Args:
        cell: Any cell.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.
        budget: Bytes for tapes and states. Inputs, outputs and their cotangents, (T, B, ...), belong to the caller and
            do not count.

    Returns:
        The outputs, differentiable by JAX.

    Raises:
        BadInput: No plan fits into the budget (the message gives the smallest budget that would do), or shapes or
            dtypes do not fit.
    """
    check(cell, p, initial, xs, lengths, reverse)
    check_dtypes(p, initial, xs)
    if not is_whole(budget, 0):
        raise BadInput(f"the budget must be a whole number of bytes, got {budget!r}")
    pieces = plan(len(jax.tree.leaves(xs)[0]), *bytes_of(cell, p, initial, xs), budget).pieces
    if not pieces:
        return sequence.bptt(cell, p, initial, xs, lengths, reverse)
    return _bptt(cell, p, initial, xs, integers(lengths), reverse, pieces)


def bytes_of(cell: Cell, p: Any, initial: Any, xs: Any) -> tuple[int, int]:
    """Bytes of one step's tape with the cotangents computed from it, and of one state."""
    x = jax.tree.map(lambda v: jax.ShapeDtypeStruct(v.shape[1:], v.dtype), xs)
    state, tape = jax.eval_shape(cell.forward, p, initial, x)
    given = jax.eval_shape(cell.backward, p, tape, state)
    size = lambda tree: sum(v.size * v.dtype.itemsize for v in jax.tree.leaves(tree))  # noqa: E731
    return size((tape, given._replace(params=None))), size(state)
