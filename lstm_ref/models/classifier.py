"""Sequence classifier: embedding -> recurrence -> read-out -> dense -> loss, and its gradients by hand.

There are three ways to read a recurrence: "end", its state at each text's true end; "padding", its state after the
padding, as in the tutorials, where the gradient of the text vanishes; and "flat", all its outputs side by side. The
model consists of edges that are derived elsewhere: EM1 (derivations/embedding.md), the cell's, T1-T2
(derivations/bptt.md), F1-F5 (derivations/final_gate.md). A single output is a binary classifier, whose targets are 0 or
1; otherwise there is one output per class.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.arithmetic import concatenate, sigmoid, softmax
from lstm_ref.cells import Cell
from lstm_ref.cells.lstm import lstm
from lstm_ref.errors import BadInput
from lstm_ref.layers import binary_cross_entropy, dense, embedding, softmax_cross_entropy
from lstm_ref.layers.reduction import Reduction
from lstm_ref.padding import choose, keep_of
from lstm_ref.sequence import SCAN, Through

Read = Literal["end", "padding", "flat"]


class Params(NamedTuple):
    """All trainable parameters, for V symbols, D numbers each, H units and K outputs."""

    embedding: Any
    """Table, (V, D)."""
    cell: Any
    head: dense.Params
    """(H, K), or (T·H, K) for a flat read-out of T steps."""


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
    outputs: sequence.Outputs
    head: dense.Tape
    logits: Any
    loss: Any


def initial_parameters(
    rng: np.random.Generator, V: int, D: int, H: int, K: int, steps: int = 1, cell: Cell = lstm
) -> Params:
    """Initialises each part with its own function; float64 NumPy arrays. `steps` is T for a flat read-out."""
    table = embedding.initial_parameters(rng, V, D)
    return Params(table, cell.initial_parameters(rng, D, H), dense.initial_parameters(rng, steps * H, K))


def parameter_shapes(V: int, D: int, H: int, K: int, steps: int = 1, cell: Cell = lstm) -> Params:
    """`Params` that holds shapes."""
    return Params((V, D), cell.parameter_shapes(D, H), dense.Params((steps * H, K), (K,)))


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
        read: How the recurrence is read: "end", "padding" or "flat".
        cell: The recurrence.
        through: The driver through time.
        reduction: Mean or sum over the texts.

    Returns:
        The loss in nats, a scalar, and the tape that `backward` reads.

    Raises:
        BadInput: The shapes do not fit, or `read` is unknown.
    """
    B = batch.ids.shape[1]
    if read not in Read.__args__:  # type: ignore[attr-defined]
        raise BadInput(f"read must be one of {', '.join(Read.__args__)}, got {read!r}")  # type: ignore[attr-defined]
    xs, embedding_tape = embedding.forward(params.embedding, batch.ids)  # EM1
    initial = _zero_state(cell, params, B)
    outputs, steps = through.forward(cell, params.cell, initial, xs, _lengths(batch, read))  # T1, T2
    seen = outputs.hs.swapaxes(0, 1).reshape(B, -1) if read == "flat" else outputs.final.h
    logits, head_tape = dense.forward(params.head, seen)  # F1
    loss_tape: Any
    if logits.shape[1] == 1:
        targets = batch.targets.astype(_dtype(params))[:, None]
        loss, loss_tape = binary_cross_entropy.forward(logits, targets, reduction)  # F4
    else:
        loss, loss_tape = softmax_cross_entropy.forward(logits, batch.targets, reduction)  # F2, F3
    return loss, Tape(embedding_tape, initial, xs, steps, outputs, head_tape, logits, loss_tape)


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
    nothing = sequence.Outputs(*jax.tree.map(lambda v: 0 * v, tuple(tape.outputs)))
    if read == "flat":
        T, B, H = tape.outputs.hs.shape
        bar = nothing._replace(hs=seen_bar.reshape(B, T, H).swapaxes(0, 1))
    else:
        bar = nothing._replace(final=nothing.final._replace(h=seen_bar))
    given = through.backward(
        cell, params.cell, tape.initial, tape.xs, tape.steps, bar, _lengths(batch, read)
    )  # T1*, T2*
    table_bar = embedding.backward(params.embedding, tape.embedding, given.xs)  # EM1*
    return Params(table_bar, given.params, head_bar)


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
    D = params.embedding.shape[1]
    H = cell_size(cell, params.cell)
    dtype = _dtype(params)
    return jax.tree.map(
        lambda shape: np.zeros(shape, dtype), cell.state_shapes(B, H, D=D), is_leaf=lambda v: type(v) is tuple
    )


def cell_size(cell: Cell, p: Any) -> int:
    """H, from a cell's parameters."""
    from lstm_ref.cells.cell import named, solve_sizes

    return solve_sizes((cell.name, cell.params, {k: tuple(v.shape) for k, v in named(p).items()}))["H"]


def _dtype(params: Params) -> Any:
    dtype = params.embedding.dtype
    return np.float64 if getattr(dtype, "kind", "f") == "O" else dtype
