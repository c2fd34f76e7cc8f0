"""A constant added to the forget gate at run time: edge FB1 forward, FB1* backward; derivations/forget_bias.md.

Conventions that bite: the constant is not a parameter, so weight decay and a reset to zero do not touch it. Frameworks
with this constant (Haiku, TensorFlow 1) store a different bias than frameworks without it.
Source: Jozefowicz, Zaremba and Sutskever, "An empirical exploration of recurrent network architectures", ICML 2015; at
run time: the `forget_bias` of TensorFlow's BasicLSTMCell, and Haiku's LSTM.
"""

from __future__ import annotations

from typing import Any

from lstm_ref.arithmetic import concatenate
from lstm_ref.cells.cell import Cell, Cotangents, Tape, blocks
from lstm_ref.cells.lstm import lstm


def with_forget_bias(inner: Cell, name: str, beta: float = 1.0) -> Cell:
    """The inner cell with `beta` added to the bias of its gate f."""
    n, place = len(inner.gates), inner.gates.index("f")

    def moved(p: Any) -> Any:
        """The parameters as the inner cell reads them."""
        parts = [part + beta if k == place else part for k, part in enumerate(blocks(p.b, n))]
        return p._replace(b=concatenate(parts, axis=-1))  # FB1

    def forward(p: Any, state: Any, x: Any) -> tuple[Any, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        b = moved(p).b  # FB1
        return inner.forward(p._replace(b=b), state, x)

    def backward(p: Any, tape: Tape, bar: Any) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`."""
        given = inner.backward(moved(p), tape, bar)
        b_bar = given.params.b  # FB1*  the added number is a constant
        return given._replace(params=given.params._replace(b=b_bar))

    return inner._replace(name=name, page="forget_bias", forward=forward, backward=backward)


lstm_forget_bias = with_forget_bias(lstm, "lstm_forget_bias")
