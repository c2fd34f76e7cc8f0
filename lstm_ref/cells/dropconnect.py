"""LSTM with DropConnect on its recurrent kernel: edge DC1 forward, DC1* backward; derivations/dropconnect.md.

Conventions that bite: the mask is a parameter like the kernel itself. It is drawn once for a whole sequence, and it has
a gradient like everything else that the cell reads. It holds 0 or 1 / (1 - rate).
Source: Merity, Keskar and Socher, "Regularizing and optimizing LSTM language models", ICLR 2018, section 2, after Wan
et al., "Regularization of neural networks using DropConnect", ICML 2013.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.cells.cell import Cotangents, Tape
from lstm_ref.cells.lstm import State, lstm


class Params(NamedTuple):
    """Parameters, for input size D and hidden size H."""

    cell: Any
    """Parameters of the LSTM."""
    mask: Any
    """Mask of the recurrent kernel, (H, 4H)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    v: Any
    """The masked recurrent kernel, (H, 4H)."""
    cell: Any
    """Nodes of the LSTM."""


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Initialised like the LSTM; nothing is dropped."""
    return Params(lstm.initial_parameters(rng, D, H), np.ones((H, 4 * H)))


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    v = p.cell.w_h * p.mask  # DC1
    new, tape = lstm.forward(p.cell._replace(w_h=v), state, x)
    return new, Tape(x, state, Nodes(v, tape.nodes))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`."""
    x, prev, (v, nodes) = tape
    given = lstm.backward(p.cell._replace(w_h=v), Tape(x, prev, nodes), bar)
    v_bar = given.params.w_h
    w_h_bar, mask_bar = v_bar * p.mask, v_bar * p.cell.w_h  # DC1*
    return Cotangents(
        Params(given.params._replace(w_h=w_h_bar), mask_bar), given.prev, given.x, Nodes(v_bar, given.nodes)
    )


dropconnect = lstm._replace(
    name="dropconnect",
    page="dropconnect",
    params=Params(lstm.params, "H 4H"),
    initial_parameters=initial_parameters,
    forward=forward,
    backward=backward,
    by_row=False,  # the masked kernel is in the tape, and has no batch axis
)
