"""Reads a word from its characters: embedding -> recurrence in both directions -> both final states side by side.

It consists of edges that are derived elsewhere: EM1 (derivations/embedding.md), BI1 (derivations/bidirectional.md), the
cell's, T1-T2 (derivations/bptt.md). A word without characters, such as padding, gives zeros and gets no gradient.
Source: Lample et al., "Neural architectures for named entity recognition", NAACL 2016, section 4.1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.arithmetic import concatenate
from lstm_ref.cells import Cell
from lstm_ref.cells.cell import arrays
from lstm_ref.cells.lstm import lstm
from lstm_ref.layers import embedding
from lstm_ref.sequence import SCAN, Through
from lstm_ref.through_time import bidirectional
from lstm_ref.through_time.bidirectional import Both


class Params(NamedTuple):
    """All trainable parameters, for A characters, C numbers each, and C units per direction."""

    embedding: Any
    """Table, (A, C)."""
    cells: Both


class Tape(NamedTuple):
    """What `forward` keeps for `backward`."""

    embedding: embedding.Tape
    initial: Both
    xs: Any
    steps: bidirectional.Tape
    outputs: sequence.Outputs


def initial_parameters(rng: np.random.Generator, A: int, C: int, cell: Cell = lstm) -> Params:
    """Initialises each part with its own function; float64 NumPy arrays."""
    table = embedding.initial_parameters(rng, A, C)
    return Params(table, Both(cell.initial_parameters(rng, C, C), cell.initial_parameters(rng, C, C)))


def parameter_shapes(A: int, C: int, cell: Cell = lstm) -> Params:
    """`Params` that holds shapes."""
    return Params((A, C), Both(cell.parameter_shapes(C, C), cell.parameter_shapes(C, C)))


def forward(p: Params, ids: Any, lengths: Any, cell: Cell = lstm, through: Through = SCAN) -> tuple[Any, Tape]:
    """Word vectors (N, 2C) from characters, integers (L, N), and lengths (N,). Raises BadInput where shapes do not
    fit."""
    N, C = ids.shape[1], p.embedding.shape[1]
    dtype = np.float64 if p.embedding.dtype.kind == "O" else p.embedding.dtype
    zeros = arrays(cell.state_shapes(N, C), lambda shape: np.zeros(shape, dtype))
    xs, embedding_tape = embedding.forward(p.embedding, ids)  # EM1
    cells, initial = Both(cell, cell), Both(zeros, zeros)
    outputs, steps = bidirectional.forward(cells, p.cells, initial, xs, lengths, through=through)  # BI1
    spelled = concatenate((outputs.final.onward.h, outputs.final.back.h), axis=-1)
    return spelled, Tape(embedding_tape, initial, xs, steps, outputs)


def backward(
    p: Params, tape: Tape, lengths: Any, spelled_bar: Any, cell: Cell = lstm, through: Through = SCAN
) -> Params:
    """Cotangents of the parameters, given those of the word vectors."""
    C = p.embedding.shape[1]
    nothing = jax.tree.map(lambda v: 0 * v, tape.outputs)  # only the final states are read, not the outputs before them
    onward, back = nothing.final
    final_bar = Both(onward._replace(h=spelled_bar[:, :C]), back._replace(h=spelled_bar[:, C:]))
    given = bidirectional.backward(
        *(Both(cell, cell), p.cells, tape.initial, tape.xs, tape.steps),
        *(sequence.Outputs(nothing.hs, final_bar), lengths),
        through=through,
    )  # BI1*
    return Params(embedding.backward(p.embedding, tape.embedding, given.xs), given.params)  # EM1*
