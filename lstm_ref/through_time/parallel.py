"""Cells in parallel over time, for steps that are linear in the recurrent value: edges PA1-PA3 forward, PA1*-PA2*
backward.

derivations/parallel.md derives each. The gates read only the inputs, so all are computed at once. The rest is a linear
recurrence (`linear`). Once every state is known, all steps are one step of a large batch, run by the cell's own forward
and backward. Conventions that bite: minGRU and minLSTM, whose candidates are positive, are scanned in logarithms; for
the QRNNs, whose candidates have signs, only the forget gates are in logarithms. JAX arrays.

Source: Feng et al., "Were RNNs all we needed?", 2024, appendix B; Bradbury et al., "Quasi-recurrent neural networks",
ICLR 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstm_ref.arithmetic import log_sigmoid
from lstm_ref.cells import Cell, Tape
from lstm_ref.cells.cell import blocks
from lstm_ref.cells.min_gru import log_positive
from lstm_ref.errors import BadInput
from lstm_ref.padding import at_the_end, choose, counted, flipped, is_last, keep_of
from lstm_ref.sequence import Gradients, Through
from lstm_ref.shapes import Outputs, as_rows, check, check_bar
from lstm_ref.through_time import linear


class Linear(NamedTuple):
    """A step written as v = keep · v_prev + write and h = read · v, each a function of the step's nodes."""

    value: str
    """The field of the state that holds v."""
    log_keep: Callable[[Any], Any]
    write: Callable[[Any], Any]
    """The written value, or its logarithm with `scan` = `recurrence_of_logarithms`."""
    read: Callable[[Any], Any]
    scan: Callable[[Any, Any, Any], Any]


def _of_qrnn(nodes: Any) -> Any:
    return nodes.n * (1 - nodes.f if nodes.i is None else nodes.i)


def _log_forget(nodes: Any) -> Any:
    return log_sigmoid(blocks(nodes.a, nodes.a.shape[-1] // nodes.f.shape[-1])[1])


def _output_gate(nodes: Any) -> Any:
    return jnp.ones_like(nodes.h) if getattr(nodes, "o", None) is None else nodes.o


QRNN = Linear("c", _log_forget, _of_qrnn, _output_gate, linear.recurrence)
LINEAR = {
    "min_gru": Linear(
        "h",
        lambda nodes: log_sigmoid(-blocks(nodes.a, 2)[0]),
        lambda nodes: log_sigmoid(blocks(nodes.a, 2)[0]) + log_positive(blocks(nodes.a, 2)[1]),
        _output_gate,
        linear.recurrence_of_logarithms,
    ),
    "min_lstm": Linear(
        "h",
        lambda nodes: log_sigmoid(nodes.d),
        lambda nodes: log_sigmoid(-nodes.d) + log_positive(blocks(nodes.a, 3)[2]),
        _output_gate,
        linear.recurrence_of_logarithms,
    ),
    **dict.fromkeys(("qrnn_f", "qrnn_fo", "qrnn_ifo"), QRNN),
}
"""The linear form of each cell, by the cell's name."""


def forward(
    cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any = None, reverse: bool = False
) -> tuple[Outputs, Tape]:
    """Run the cell in parallel over time, with outputs as from `sequence.scan`.

    Args:
        cell: A cell in `LINEAR`: its step is linear in the recurrent value.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.

    Returns:
        The outputs, and the tape of all steps as one batch of T·B rows.

    Raises:
        BadInput: Shapes do not fit, or the cell has no parallel form.
    """
    form = linear_form(cell)
    check(cell, p, initial, xs, lengths, reverse)
    T, B = xs.shape[:2]
    lengths = counted(lengths, T, B)
    xs = choose(keep_of(T, lengths), flipped(xs, lengths) if reverse else xs, 0)
    before = {"x": _before_each(initial.x, xs)} if "x" in initial._fields else {}

    def all_steps(values_before: Any) -> tuple[Any, Tape]:
        state = type(initial)(**{**dict.fromkeys(initial._fields, values_before), **before})
        return cell.forward(p, as_rows(state), as_rows(xs))

    initial_value = getattr(initial, form.value)
    unread = jnp.zeros((T, *initial_value.shape), jnp.result_type(initial_value))
    nodes = all_steps(unread)[1].nodes  # PA1
    log_keep, write = _as_steps((form.log_keep(nodes), form.write(nodes)), T, B)
    values = form.scan(log_keep, write, initial_value)  # PA2
    new, tape = all_steps(_before_each(initial_value, values))  # PA3
    states = _as_steps(new, T, B)
    final = type(initial)(*(at_the_end(v, v0, lengths) for v0, v in zip(initial, states, strict=True)))
    hs = choose(keep_of(T, lengths), states.h, 0)
    return Outputs(flipped(hs, lengths) if reverse else hs, final), tape


def backward(
    cell: Cell,
    p: Any,
    initial: Any,
    xs: Any,
    tape: Tape,
    bar: Outputs,
    lengths: Any = None,
    reverse: bool = False,
) -> Gradients:
    """Full BPTT in parallel over time.

    Args:
        cell, p, initial, xs, lengths, reverse: As for `forward`.
        tape: The tape that `forward` returned.
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, ...).

    Returns:
        The gradients of p, initial and xs.

    Raises:
        BadInput: Shapes do not fit.
    """
    form = linear_form(cell)
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    T, B = xs.shape[:2]
    lengths = counted(lengths, T, B)
    keep = keep_of(T, lengths)
    ended = type(initial)(*(choose(is_last(T, lengths), v[None], 0) for v in bar.final))  # T2*
    h_bar = choose(keep, flipped(bar.hs, lengths) if reverse else bar.hs, 0) + ended.h  # T2*
    log_keep, read = _as_steps((form.log_keep(tape.nodes), form.read(tape.nodes)), T, B)
    read_bar = h_bar * read + (0 if form.value == "h" else getattr(ended, form.value))
    total = linear.adjoints(log_keep, read_bar)  # PA2*
    from_next = _from_next(jnp.exp(log_keep) * total)  # PA2*
    state_bar = ended._replace(h=h_bar)
    state_bar = state_bar._replace(**{form.value: getattr(state_bar, form.value) + from_next})
    given = cell.backward(p, tape, as_rows(state_bar))  # PA1*  all steps at once
    prev_bar, xs_bar = _as_steps(given.prev, T, B), given.x.reshape(xs.shape)
    if "x" in initial._fields:
        xs_bar = xs_bar + _from_next(prev_bar.x)  # PA1*  x has two readers: its step, and the next
    handed_on = choose((lengths == 0)[:, None], bar.final, 0)  # T2*  without a step, the final state is the initial one
    initial_bar = type(initial)(*(v[:1].sum(0) + v_bar for v, v_bar in zip(prev_bar, handed_on, strict=True)))
    return Gradients(given.params, initial_bar, flipped(xs_bar, lengths) if reverse else xs_bar)


PARALLEL = Through(forward, backward)
"""The way through time for all steps at once."""


def linear_form(cell: Cell) -> Linear:
    """The cell's step in linear form. Raises BadInput if it has none."""
    if cell.name not in LINEAR:
        raise BadInput(
            f"{cell.name} has no parallel form: its step must be linear in what is recurrent, with gates that read the "
            f"inputs alone, as those of {', '.join(LINEAR)}"
        )
    return LINEAR[cell.name]


def _before_each(first: Any, values: Any) -> Any:
    """For every step, the value before it."""
    return jnp.concatenate((first[None], values))[: len(values)]


def _from_next(given: Any) -> Any:
    """For every step, the contribution of the step after it."""
    return jnp.concatenate((given[1:], jnp.zeros_like(given[:1])))


def _as_steps(rows: Any, T: int, B: int) -> Any:
    return jax.tree.map(lambda v: v.reshape(T, B, *v.shape[1:]), rows)
