"""Attention over time: the mean of a sequence, weighted by what a learned score says of each step.

Edge PO3 forward, PO3* backward; derivations/pooling.md derives both. It is additive attention (AT1-AT3,
derivations/attention.md) with a query that is the constant 1, so that W_q is the bias of the score
v · tanh(h W_k + W_q). Convention that bites: a row without a step is read at step 0, where the output of a recurrence
is its initial state.
Source: Yang et al., "Hierarchical attention networks for document classification", NAACL 2016, equations 5-7.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_ref.layers import attention
from lstm_ref.layers.attention import Additive, Tape
from lstm_ref.padding import read_steps


def initial_parameters(rng: np.random.Generator, H: int, A: int) -> Additive:
    """As of `attention`, but a bias of zero. Float64."""
    drawn = attention.initial_parameters(rng, 1, H, A)
    return drawn._replace(w_q=0 * drawn.w_q)


def parameter_shapes(H: int, A: int) -> Additive:
    """`Additive` that holds shapes: its query has the size 1."""
    return Additive((1, A), (H, A), (A,))


def forward(p: Additive, hs: Any, lengths: Any = None) -> tuple[Any, Tape]:
    """The weighted mean over time.

    Args:
        p: Parameters of the score, for A units.
        hs: (T, B, H), T >= 1.
        lengths: Integers (B,), the number of real steps of each row; by default T.

    Returns:
        The means, (B, H), and the tape, which holds the weights (B, 1, T).

    Raises:
        BadInput: Shapes do not fit.
    """
    real = read_steps("attention_over_time", hs, lengths)[..., 0].T
    queries = np.ones((hs.shape[1], 1, 1), np.float64 if hs.dtype == object else hs.dtype)
    contexts, tape = attention.forward(p, queries, hs.swapaxes(0, 1), real)  # AT1-AT3
    return contexts[:, 0], tape  # PO3


def backward(p: Additive, tape: Tape, mean_bar: Any) -> tuple[Additive, Any]:
    """Cotangents of (p, hs), given the cotangent of the means (B, H). The query is a constant, whose cotangent nobody
    reads."""
    p_bar, _, keys_bar = attention.backward(p, tape, mean_bar[:, None])  # AT3*-AT1*
    assert p_bar is not None
    return p_bar, keys_bar.swapaxes(0, 1)  # PO3*
