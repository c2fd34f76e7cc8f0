"""Sequence classifier: embedding -> recurrence -> read-out -> dense -> loss, and its gradients by hand.

There are six ways to read a recurrence: "end", its state at each text's true end; "mean", "max" and "attention", its
outputs over the text's time, as one; "padding", its state after the padding, as in the tutorials, where the gradient of
the text vanishes; and "flat", all its outputs side by side. It runs in one direction or, where the parameters are those
of two, in both. The model consists of edges that are derived elsewhere: EM1 (derivations/embedding.md), the cell's,
T1-T2 (derivations/bptt.md), BI1-BI2 (derivations/bidirectional.md), PO1-PO3 (derivations/pooling.md), F1-F5
(derivations/final_gate.md). A single output is a binary classifier, whose targets are 0 or 1; otherwise there is one
output per class.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, softmax
from lstm_ref.cells import Cell
from lstm_ref.cells.lstm import lstm
from lstm_ref.errors import BadInput
from lstm_ref.layers import (
    attention,
    attention_over_time,
    binary_cross_entropy,
    dense,
    embedding,
    max_over_time,
    mean_over_time,
    softmax_cross_entropy,
)
from lstm_ref.layers.reduction import Reduction
from lstm_ref.padding import choose, keep_of
from lstm_ref.sequence import SCAN, Gradients, Outputs, Through
from lstm_ref.through_time import bidirectional
from lstm_ref.through_time.bidirectional import Both

Read = Literal["end", "mean", "max", "attention", "padding", "flat"]


class Params(NamedTuple):
    """All trainable parameters, for V symbols, D numbers each, H units in each direction and K outputs."""

    embedding: Any
    """Table, (V, D)."""
    cell: Any
    """Of one direction, or a `Both`."""
    head: dense.Params
    """(H, K), (2H, K) for both directions; for a flat read-out T times as many rows."""
    attention: attention.Additive | None = None
    """The score of a step, where the read-out is by attention."""


class Batch(NamedTuple):
    """Texts as numbers."""

    ids: Any
    """Integers (T, B). Padding may hold any number that the table has."""
    lengths: Any
    """Number of steps of each text, integers (B,)."""
    targets: Any
    """Classes, integers (B,). For a binary classifier 0 and 1."""


class Tape(NamedTuple):
    """What `forward` keeps for `backward`."""

    embedding: embedding.Tape
    initial: Any
    xs: Any
    steps: Any
    outputs: Outputs
    reading: Any
    head: dense.Tape
    logits: Any
    loss: Any


def initial_parameters(
    rng: np.random.Generator,
    V: int,
    D: int,
    H: int,
    K: int,
    steps: int = 1,
    cell: Cell = lstm,
    both: bool = False,
    A: int = 0,
) -> Params:
    """Initialises each part with its own function; float64 NumPy arrays.

    `steps` is T for a flat read-out; with `both`, each direction has H units; with A > 0, the score of attention has A.
    """
    table = embedding.initial_parameters(rng, V, D)
    one = cell.initial_parameters(rng, D, H)
    of_cell = Both(one, cell.initial_parameters(rng, D, H)) if both else one
    head = dense.initial_parameters(rng, steps * _width(H, both), K)
    score = attention_over_time.initial_parameters(rng, _width(H, both), A) if A else None
    return Params(table, of_cell, head, score)


def parameter_shapes(
    V: int, D: int, H: int, K: int, steps: int = 1, cell: Cell = lstm, both: bool = False, A: int = 0
) -> Params:
    """`Params` that holds shapes."""
    one = cell.parameter_shapes(D, H)
    head = dense.Params((steps * _width(H, both), K), (K,))
    score = attention_over_time.parameter_shapes(_width(H, both), A) if A else None
    return Params((V, D), Both(one, one) if both else one, head, score)


def forward(
    params: Params,
    batch: Batch,
    read: Read = "end",
    cell: Cell = lstm,
    through: Through = SCAN,
    reduction: Reduction = "mean",
) -> tuple[Any, Tape]:
    """The loss of a batch.

    Args:
        params: Parameters of the model.
        batch: The texts and their classes.
        read: How the recurrence is read: "end", "mean", "max", "attention", "padding" or "flat".
        cell: The recurrence.
        through: The driver through time.
        reduction: Mean or sum over the texts.

    Returns:
        The loss in nats, a scalar, and the tape that `backward` reads.

    Raises:
        BadInput: The shapes do not fit, `read` is unknown, or the parameters have no score to read by attention.
    """
    B = batch.ids.shape[1]
    if read not in Read.__args__:  # type: ignore[attr-defined]
        raise BadInput(f"read must be one of {', '.join(Read.__args__)}, got {read!r}")  # type: ignore[attr-defined]
    xs, embedding_tape = embedding.forward(params.embedding, batch.ids)  # EM1
    initial = _zero_state(cell, params, B)
    outputs, steps = _recur(params, initial, xs, _lengths(batch, read), cell, through)  # T1, T2, BI1, BI2
    seen, reading = _read(params, outputs, batch.lengths, read)  # PO1, PO2, PO3
    logits, head_tape = dense.forward(params.head, seen)  # F1
    loss_tape: Any
    if logits.shape[1] == 1:
        targets = batch.targets.astype(_dtype(params))[:, None]
        loss, loss_tape = binary_cross_entropy.forward(logits, targets, reduction)  # F4
    else:
        loss, loss_tape = softmax_cross_entropy.forward(logits, batch.targets, reduction)  # F2, F3
    return loss, Tape(embedding_tape, initial, xs, steps, outputs, reading, head_tape, logits, loss_tape)


def backward(
    params: Params,
    batch: Batch,
    tape: Tape,
    read: Read = "end",
    cell: Cell = lstm,
    through: Through = SCAN,
    loss_bar: Any = 1.0,
) -> Params:
    """Gradients of the loss of `forward`, called with the same arguments.

    Args:
        params: Parameters of the model.
        batch: The texts and their classes.
        tape: The tape of `forward`.
        read: As in `forward`.
        cell: As in `forward`.
        through: As in `forward`.
        loss_bar: Cotangent of the loss.

    Returns:
        The gradients with respect to every parameter.
    """
    loss = binary_cross_entropy if tape.logits.shape[1] == 1 else softmax_cross_entropy
    logits_bar = loss.backward(tape.loss, loss_bar)  # F3*, F2*
    head_bar, seen_bar = dense.backward(params.head, tape.head, logits_bar)  # F1*
    score_bar, bar = _read_backward(params, tape, seen_bar, read)  # PO1*, PO2*, PO3*
    given = _recur_backward(params, tape, bar, _lengths(batch, read), cell, through)  # BI2*, BI1*, T1*, T2*
    table_bar = embedding.backward(params.embedding, tape.embedding, given.xs)  # EM1*
    return Params(table_bar, given.params, head_bar, score_bar)


# --------------------------------------------------------------------------------------- one direction, or both


def _recur(params: Params, initial: Any, xs: Any, lengths: Any, cell: Cell, through: Through) -> tuple[Outputs, Any]:
    """The recurrence over the text."""
    if isinstance(params.cell, Both):
        return bidirectional.forward(Both(cell, cell), params.cell, initial, xs, lengths, through=through)
    return through.forward(cell, params.cell, initial, xs, lengths)


def _recur_backward(params: Params, tape: Tape, bar: Outputs, lengths: Any, cell: Cell, through: Through) -> Gradients:
    """Of what `_recur` read."""
    read = params.cell, tape.initial, tape.xs, tape.steps, bar, lengths
    if isinstance(params.cell, Both):
        return bidirectional.backward(Both(cell, cell), *read, through=through)
    return through.backward(cell, *read)


# ------------------------------------------------------------------------------------- what the head sees of it


def _read(params: Params, outputs: Outputs, lengths: Any, read: Read) -> tuple[Any, Any]:
    """The numbers that the head sees of every text, (B, ·), and the tape of a read-out over time."""
    if read == "mean":
        return mean_over_time.forward(outputs.hs, lengths)  # PO1
    if read == "max":
        return max_over_time.forward(outputs.hs, lengths)  # PO2
    if read == "attention":
        if params.attention is None:
            raise BadInput("classifier: the parameters have no score, which reading by attention needs")
        return attention_over_time.forward(params.attention, outputs.hs, lengths)  # PO3
    if read == "flat":
        return outputs.hs.swapaxes(0, 1).reshape(outputs.hs.shape[1], -1), None
    final = outputs.final
    return concatenate((final.onward.h, final.back.h), axis=-1) if isinstance(final, Both) else final.h, None


def _read_backward(params: Params, tape: Tape, seen_bar: Any, read: Read) -> tuple[attention.Additive | None, Outputs]:
    """Cotangents of the score and of the outputs."""
    nothing = jax.tree.map(lambda v: 0 * v, tape.outputs)
    if read == "mean":
        return None, nothing._replace(hs=mean_over_time.backward(tape.reading, seen_bar))  # PO1*
    if read == "max":
        return None, nothing._replace(hs=max_over_time.backward(tape.reading, seen_bar))  # PO2*
    if read == "attention":
        assert params.attention is not None
        score_bar, hs_bar = attention_over_time.backward(params.attention, tape.reading, seen_bar)  # PO3*
        return score_bar, nothing._replace(hs=hs_bar)
    if read == "flat":
        T, B, H = tape.outputs.hs.shape
        return None, nothing._replace(hs=seen_bar.reshape(B, T, H).swapaxes(0, 1))
    final = nothing.final
    if isinstance(final, Both):
        H = final.onward.h.shape[1]
        onward = final.onward._replace(h=seen_bar[:, :H])
        return None, nothing._replace(final=Both(onward, final.back._replace(h=seen_bar[:, H:])))
    return None, nothing._replace(final=final._replace(h=seen_bar))


# ------------------------------------------------------------------------------------------------- predictions


def predict(params: Params, batch: Batch, read: Read = "end", cell: Cell = lstm) -> Any:
    """The probability of each class.

    Args:
        params: Parameters of the model.
        batch: The texts.
        read: As in `forward`.
        cell: As in `forward`.

    Returns:
        Probabilities, (B, K). For a binary classifier those of 0 and 1, (B, 2).
    """
    return probabilities(forward(params, batch._replace(targets=0 * batch.lengths), read, cell)[1].logits)


def probabilities(logits: Any) -> Any:
    """Probabilities as in `predict`, given the outputs (B, K)."""
    if logits.shape[1] > 1:
        return softmax(logits)
    return concatenate((sigmoid(-logits), sigmoid(logits)), axis=1)


def gradient_by_character(params: Params, batch: Batch, read: Read = "end", cell: Cell = lstm) -> Any:
    """For each symbol, the norm of the gradient of its text's loss with respect to its embedding, (T, B)."""
    T, B = batch.ids.shape
    _, tape = forward(params, batch, read, cell, reduction="sum")
    rows = type(tape.embedding)(np.arange(T * B).reshape(T, B))  # each position has its own row
    table = tape.xs.reshape(T * B, -1)
    of_places = backward(params._replace(embedding=table), batch, tape._replace(embedding=rows), read, cell).embedding
    norms = jax.numpy.sqrt((of_places**2).sum(-1)).reshape(T, B)
    return choose(keep_of(T, batch.lengths)[..., 0][..., None], norms[..., None], 0)[..., 0]


def _lengths(batch: Batch, read: Read) -> Any:
    """The lengths that the recurrence is given; None where padding is read like text."""
    return None if read == "padding" else batch.lengths


def _zero_state(cell: Cell, params: Params, B: int) -> Any:
    """Zeros in the parameters' dtype."""
    D, dtype = params.embedding.shape[1], _dtype(params)

    def zeros(p: Any) -> Any:
        shapes = cell.state_shapes(B, cell_size(cell, p), D=D)
        return jax.tree.map(lambda shape: np.zeros(shape, dtype), shapes, is_leaf=lambda v: type(v) is tuple)

    return Both(*map(zeros, params.cell)) if isinstance(params.cell, Both) else zeros(params.cell)


def cell_size(cell: Cell, p: Any) -> int:
    """H, from a cell's parameters."""
    from lstm_ref.cells.cell import named, solve_sizes

    return solve_sizes((cell.name, cell.params, {k: tuple(v.shape) for k, v in named(p).items()}))["H"]


def _width(H: int, both: bool) -> int:
    """Numbers per step that a recurrence of H units in each direction hands on."""
    return 2 * H if both else H


def _dtype(params: Params) -> Any:
    dtype = params.embedding.dtype
    return np.float64 if getattr(dtype, "kind", "f") == "O" else dtype
