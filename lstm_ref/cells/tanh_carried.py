"""The LSTM that some tutorials write: tanh(c) is carried to the next step. Edge U1 forward, U1* backward.

derivations/tanh_carried.md derives both; the rest is the LSTM's. Conventions that bite: this is not the LSTM. Its
carried state is squashed at every step, so the LSTM's long path is gone: each step multiplies the cotangent by f (1 -
u²). The state's field c holds the carried value, node u. The node c is the value before tanh.
Source: none; it is found where `c = tanh(f * c + i * g)` was written by mistake, and its gradient is right for it.
"""

from __future__ import annotations

from typing import Any

from lstm_ref.cells.cell import Affine as Params
from lstm_ref.cells.cell import Cotangents, Tape
from lstm_ref.cells.lstm import State, lstm


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    new, tape = lstm.forward(p, state, x)
    carried = tape.nodes.u  # U1
    return State(new.h, carried), tape


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    u = tape.nodes.u
    c_bar = bar.c * (1 - u * u)  # U1*  the next step's cotangent comes back through tanh
    given = lstm.backward(p, tape, bar._replace(c=c_bar))
    u_bar = given.nodes.u + bar.c  # h and the next step read u
    return given._replace(nodes=given.nodes._replace(u=u_bar))


tanh_carried = lstm._replace(name="tanh_carried", page="tanh_carried", forward=forward, backward=backward)
