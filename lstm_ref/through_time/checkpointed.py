"""BPTT within a memory budget: pieces of pieces, jitted: edge CK1 forward, CK1* backward, CK2 the plan.

derivations/checkpointed.md derives each. `plan` says in which pieces a sequence has to be taken so that what is held
fits into so many bytes; `bptt` is `sequence.bptt` that keeps to it: the states between the pieces are kept, and a piece
is computed again when the way back comes to it, in pieces of its own where its tapes are still too many. One more
forward pass for every level of pieces; the gradient is BPTT's.

Conventions that bite: a piece is where it begins and how many steps it has, never a copy of its inputs, which at an
upper level would be as large as all that is saved. JAX arrays; `pieces.in_pieces` is the same in any arithmetic.

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
from lstm_ref.sequence import Gradients, Outputs, Through, check, check_bar, check_dtypes, is_whole

# ------------------------------------------------------------------------------------------------ the plan


class Plan(NamedTuple):
    """In which pieces a sequence is taken."""

    pieces: tuple[int, ...]
    """Steps of a piece at every level, the longest first; none: plain BPTT. So many forward passes are made again."""
    held: int
    """Bytes of the tapes and states that are held at a time."""


@lru_cache
def plan(T: int, tape: int, state: int, budget: int) -> Plan:
    """The fewest levels of pieces whose tapes and states fit into the budget, and of those the least memory.

    `tape` and `state` are bytes of one step's. Raises BadInput where nothing fits, with the least budget that would do.
    """
    if not all(is_whole(v, 0) for v in (T, tape, state, budget)):
        raise BadInput(f"steps and bytes must be whole numbers, got T={T!r}, {tape=}, {state=}, {budget=}")
    tried = []
    for levels in range(1 + max(T - 1, 0).bit_length()):  # up to log2 T: then every piece is cut in two
        found = in_levels(levels, T, tape, state)
        if found.held <= budget:
            return found
        tried.append(found.held)
    raise BadInput(f"{T} steps cannot go back within {budget} bytes: the least budget that would do is {min(tried)}")


def in_levels(levels: int, T: int, tape: int, state: int) -> Plan:
    """The plan of so many levels that needs the least memory, every level cutting its pieces in as many."""
    if not levels:
        return Plan((), T * tape)

    def cut_in(n: int) -> Plan:
        steps = -(-T // n**levels)
        pieces = tuple(steps * n**level for level in reversed(range(levels)))
        return Plan(pieces, levels * (n + 1) * state + steps * tape)  # CK2

    most = next(n for n in count(max(1, int(T ** (1 / levels)) - 1)) if n**levels >= T)  # then a piece is one step
    return min(map(cut_in, range(1, most + 1)), key=lambda found: found.held)


# -------------------------------------------------------------------------------------- forward and backward


class Recurrence(NamedTuple):
    """What does not change on the way."""

    cell: Cell
    p: Any
    xs: Any
    lengths: Any
    reverse: bool


class Span(NamedTuple):
    """Steps that follow each other."""

    start: Any
    """The earliest in time, a number that JAX may trace."""
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
    """Outputs, and the states at the borders of the longest pieces, in the order of processing. xs (T, B, D)."""
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
    """Full BPTT, piece by piece from the last to the first, given the cotangents `bar` of the outputs."""
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    check_dtypes(p, initial, xs, bar)
    wanted, found = -(-len(bar.hs) // pieces[0]) + 1, {v.shape[0] for v in jax.tree.leaves(borders)}
    if found != {wanted}:
        raise BadInput(f"{cell.name}: there must be {wanted} borders of pieces of {pieces[0]} steps, got {found}")
    through = Recurrence(cell, p, xs, integers(lengths), reverse)
    back: Callable[..., Gradients] = partial(_by_tapes, through, bar.hs)
    for every in reversed(pieces[1:]):
        back = partial(_again, through, every, back)
    params_bar, xs_bar = jax.tree.map(lambda v: jnp.zeros(v.shape, jnp.result_type(v)), (p, xs))
    whole, after = Span(0, len(bar.hs)), Gradients(params_bar, bar.final, xs_bar)
    return _piece_by_piece(reverse, pieces[0], back, borders, whole, after)


@partial(jax.jit, static_argnames=("cell", "reverse", "steps", "every"))
def _run(
    cell: Cell, p: Any, xs: Any, lengths: Any, reverse: bool, state: Any, start: Any, steps: int, every: int
) -> tuple[Any, Any]:
    """Outputs of so many steps, and the states at the borders of pieces: before the first, ..., after the last."""
    pieces = -(-steps // every)
    keep = keep_of(len(jax.tree.leaves(xs)[0]), lengths)
    borders = jax.tree.map(lambda v: jnp.broadcast_to(v, (pieces + 1, *v.shape)), state)

    def step(carry: Any, i: Any) -> tuple[Any, Any]:
        state, borders = carry
        x, kept = jax.tree.map(lambda v: lax.dynamic_index_in_dim(v, start + i, keepdims=False), (xs, keep))
        state, output, _ = sequence._step(cell, p, state, x, kept)
        done = steps - i if reverse else i + 1
        # Each border is written by every step of the piece before it, the last of which stays.
        borders = jax.tree.map(
            lambda v, new: lax.dynamic_update_index_in_dim(v, new, -(-done // every), 0), borders, state
        )  # CK1
        return (state, borders), output

    (_, borders), hs = lax.scan(step, (state, borders), jnp.arange(steps), reverse=reverse)
    return hs, borders


def _piece_by_piece(reverse: bool, every: int, back: Any, borders: Any, span: Span, after: Gradients) -> Gradients:
    """The gradients when the span has been gone back through, given those after it: `initial` is its state's."""
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


def _again(through: Recurrence, every: int, back: Any, before: Any, span: Span, after: Gradients) -> Gradients:
    """As `_piece_by_piece`, of a span whose borders are still to be made."""
    _, borders = _run(*through, before, *span, every)  # CK1
    return _piece_by_piece(through.reverse, every, back, borders, span, after)


def _by_tapes(through: Recurrence, hs_bar: Any, before: Any, span: Span, after: Gradients) -> Gradients:
    """As `_piece_by_piece`, of a span of which all tapes are held."""
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
    """The way through time in pieces of so many steps, those in pieces of the next number, ..., jitted."""
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
    """`sequence.bptt`, whose derivative holds no more than `budget` bytes of tapes and states at a time.

    Inputs, outputs and their cotangents, (T, B, ...), are the caller's and not counted. Raises BadInput where nothing
    fits into the budget, with the least that would do, and where shapes or dtypes do not fit each other.
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
    """Bytes of what one step holds, its tape and the cotangents that are made of it, and of one state."""
    x = jax.tree.map(lambda v: jax.ShapeDtypeStruct(v.shape[1:], v.dtype), xs)
    state, tape = jax.eval_shape(cell.forward, p, initial, x)
    given = jax.eval_shape(cell.backward, p, tape, state)
    size = lambda tree: sum(v.size * v.dtype.itemsize for v in jax.tree.leaves(tree))  # noqa: E731
    return size((tape, given._replace(params=None))), size(state)
