"""Dense layer, the tutorials' "final gate": edge F1 forward, F1* backward; derivations/final_gate.md derives it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.cells.cell import glorot
from lstm_ref.errors import BadInput


class Params(NamedTuple):
    """Parameters, for D inputs and K outputs."""

    w: Any
    """Kernel, (D, K)."""
    b: Any
    """Bias, (K,)."""


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    x: Any


def initial_parameters(rng: np.random.Generator, D: int, K: int) -> Params:
    """Glorot kernel and zero bias, float64."""
    return Params(w=glorot(rng, D, K), b=np.zeros(K))


def forward(p: Params, x: Any) -> tuple[Any, Tape]:
    """z = x w + b.

    Args:
        p: Parameters, for D inputs and K outputs.
        x: (..., D).

    Returns:
        z, (..., K), and the tape.

    Raises:
        BadInput: The last axis of x is not D.
    """
    if x.shape[-1] != p.w.shape[0]:
        raise BadInput(f"dense: x must be (..., {p.w.shape[0]}) for a {tuple(p.w.shape)} kernel, got {tuple(x.shape)}")
    return x @ p.w + p.b, Tape(x)  # F1


def backward(p: Params, tape: Tape, z_bar: Any) -> tuple[Params, Any]:
    """Cotangents of (p, x), given the cotangent of z (..., K). Leading axes are rows, over which p's cotangents are
    summed."""
    D, K = p.w.shape
    rows, rows_bar = tape.x.reshape(-1, D), z_bar.reshape(-1, K)
    return Params(w=rows.T @ rows_bar, b=rows_bar.sum(0)), z_bar @ p.w.T  # F1*
