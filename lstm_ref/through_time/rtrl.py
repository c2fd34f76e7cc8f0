"""Real-time recurrent learning of the LSTM: the gradient by forward accumulation, edges RT1*-RT6*.

derivations/rtrl.md derives each from L1-L5. Nothing is stored over time: the derivative of the state with respect to
everything learned is carried beside the state, and the gradient is complete at every step. The price is P · 2H numbers
per row, with P = (D + H + 1) · 4H + 2H, and of the order of H² times as many operations as BPTT. Conventions that bite:
`v_dot` holds a derivative for each of P learned numbers, (B, P, ...): the parameters by rows [x; h; 1] and columns of
a, then h_0 and c_0. Only the gradient of learned values results, not that of the inputs.

Source: Williams and Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural
Computation 1, 1989.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate
from lstm_ref.cells import Tape, lstm
from lstm_ref.cells.lstm import Params, State, split_gates
from lstm_ref.padding import choose, counted, keep_of
from lstm_ref.sequence import stacked
from lstm_ref.shapes import Outputs, check_bar


class Learned(NamedTuple):
    """Gradients of the learned values."""

    params: Params
    initial: State


def gradients(p: Params, initial: State, xs: Any, bar: Outputs, lengths: Any = None) -> tuple[Outputs, Learned]:
    """The outputs of the LSTM and the gradients of Σ bar · outputs, in one forward pass, in any arithmetic.

    Args:
        p: Parameters of the LSTM.
        initial: The state before the first step, arrays (B, H).
        xs: Inputs, (T, B, D).
        bar: Cotangents of the outputs: hs (T, B, H) and the final state.
        lengths: Integers (B,), the number of real steps of each row; by default T.

    Returns:
        The outputs, and the gradients of p and initial.
    """
    check_bar(lstm, p, initial, xs, bar, lengths)
    T, B, D = xs.shape
    keep = keep_of(T, counted(lengths, T, B))
    state, state_dot = initial, _initially(initial, D)
    total, hs = 0 * state_dot.h[..., 0], []
    for t in range(T):
        new, tape = lstm.forward(p, state, choose(keep[t], xs[t], 0))  # T1
        state_dot = choose(keep[t], tangent(p, tape, state_dot), state_dot)  # T2*
        state = choose(keep[t], new, state)  # T2
        hs.append(choose(keep[t], state.h, 0))  # T2
        total = total + (state_dot.h * choose(keep[t], bar.hs[t], 0)[:, None, :]).sum(-1)  # RT6*
    for v_dot, v_bar in zip(state_dot, bar.final, strict=True):
        total = total + (v_dot * v_bar[:, None, :]).sum(-1)  # RT6*
    return Outputs(stacked(hs, like=initial.h), state), _unpack(total, D, initial.h.shape[1])


def tangent(p: Params, tape: Tape, prev_dot: State) -> State:
    """The derivative of the state after a step, given that of the state before it: (B, P, H) each."""
    x, prev, (_, i, f, g, o, _, u, _) = tape
    prev_c, i, f, g, o, u = (v[:, None, :] for v in (prev.c, i, f, g, o, u))  # the same for all P
    a_dot = prev_dot.h @ p.w_h + directly(x, prev.h)  # RT1*
    a_i_dot, a_f_dot, a_g_dot, a_o_dot = split_gates(a_dot)
    i_dot, f_dot, o_dot = a_i_dot * i * (1 - i), a_f_dot * f * (1 - f), a_o_dot * o * (1 - o)  # RT2*
    g_dot = a_g_dot * (1 - g * g)  # RT2*
    c_dot = f_dot * prev_c + f * prev_dot.c + i_dot * g + i * g_dot  # RT3*
    u_dot = c_dot * (1 - u * u)  # RT4*
    h_dot = o_dot * u + o * u_dot  # RT5*
    return State(h_dot, c_dot)


def directly(x: Any, prev_h: Any) -> Any:
    """The direct derivative of a with respect to each learned number at this step: a_k by W_mk is [x; h; 1]_m. (B, P,
    4H)."""
    H = prev_h.shape[1]
    read = concatenate((x, prev_h, 0 * prev_h[:, :1] + 1), axis=1)
    by_parameters = read[:, :, None, None] * np.eye(4 * H, dtype=bool)
    by_parameters = by_parameters.reshape(len(x), read.shape[1] * 4 * H, 4 * H)
    by_initial = concatenate((0 * prev_h,) * 4, axis=1)[:, None] * np.ones((2 * H, 1), dtype=bool)
    return concatenate((by_parameters, by_initial), axis=1)


def _initially(initial: State, D: int) -> State:
    """The derivative of the initial state with respect to each learned number: 1 for itself."""
    H = initial.h.shape[1]
    parameters = (D + H + 1) * 4 * H
    of_h = np.eye(parameters + 2 * H, H, -parameters, dtype=bool)  # RT1*
    of_c = np.eye(parameters + 2 * H, H, -parameters - H, dtype=bool)  # RT1*
    one = 0 * initial.h[:, None, :] + 1
    return State(one * of_h, one * of_c)


def _unpack(total: Any, D: int, H: int) -> Learned:
    """The gradients of the P numbers, (B, P), sorted into the parameters and the initial state."""
    parameters = (D + H + 1) * 4 * H
    rows = total[:, :parameters].sum(0).reshape(-1, 4 * H)
    h_bar, c_bar = total[:, parameters : parameters + H], total[:, parameters + H :]
    return Learned(Params(rows[:D], rows[D : D + H], rows[D + H]), State(h_bar, c_bar))
