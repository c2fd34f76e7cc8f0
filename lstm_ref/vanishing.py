"""How far a gradient reaches: Jacobians of a state with respect to earlier states, VA1*-VA3*; derivations/vanishing.md.

Their size is measured by the spectral norm: the largest factor by which the way back can lengthen a gradient. Some
gradient attains it.

Conventions that bite. ∂c_T/∂c_t is the derivative along *all* paths, including those through the gates. The product of
the forget gates is only one path, the carousel. A distance is a number of steps: the initial state is T steps from s_T,
but the first symbol enters s_1, which is T - 1 steps from s_T.
Source: Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", 1991; Bengio, Simard and Frasconi, "Learning
long-term dependencies with gradient descent is difficult", 1994; the carousel: Hochreiter and Schmidhuber, "Long
short-term memory", 1997; its forget gate, and that gate's bias: Gers, Schmidhuber and Cummins, "Learning to forget",
2000.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import Cell, gru, lstm, rnn_tanh
from lstm_ref.cells.cell import arrays
from lstm_ref.cells.lstm import split_gates
from lstm_ref.data.characters import encode, vocabulary
from lstm_ref.models import classifier
from lstm_ref.shapes import check

BIASES = (0.0, 1.0, 3.0)
"""Forget biases to compare: 0; 1, as in Jozefowicz et al. 2015; 3, where the gate keeps 95 percent per step."""

PADDINGS = (0, 1, 2, 5, 10, 20, 50, 100, 190)
"""Steps of padding to compare; the tutorials pad to 200."""


# ------------------------------------------------------------------------------------------------ exact Jacobians


def state_jacobians(cell: Cell, p: Any, initial: Any, xs: Any) -> Iterator[Any]:
    """∂s_T/∂s_{T-n} for n = 0 … T, by the hand-written backward pass.

    Args:
        cell: The cell.
        p: Its parameters, NumPy floats or balls.
        initial: Its initial state, arrays (B, H).
        xs: Inputs, (T, B, D).

    Yields:
        A state of states for each n, as `jax.jacrev` returns it: in J, J.c.h is ∂c_T/∂h_{T-n}, (B, H, H), with one row
        per element of c_T.

    Raises:
        BadInput: The shapes do not fit each other.
    """
    check(cell, p, initial, xs, None)
    inputs = [jax.tree.map(lambda v, t=t: v[t], xs) for t in range(len(jax.tree.leaves(xs)[0]))]
    states = [initial]
    for x in inputs:
        states.append(cell.forward(p, states[-1], x)[0])
    leaves, structure = jax.tree.leaves(initial), jax.tree.structure(initial)
    B, ends = len(leaves[0]), np.cumsum([prod(v.shape[1:]) for v in leaves])
    copies = np.repeat(np.arange(B), ends[-1])  # each row of the batch, once for each element of its state
    units = np.split(np.tile(np.eye(ends[-1]), (B, 1)), ends[:-1], axis=1)
    bar = jax.tree.unflatten(structure, [one.reshape(-1, *v.shape[1:]) for one, v in zip(units, leaves, strict=True)])

    def blocks() -> Any:
        """The rows of `bar` as a state of states."""
        parts = (np.split(v.reshape(B, -1, *v.shape[1:]), ends[:-1], axis=1) for v in jax.tree.leaves(bar))
        found = [
            jax.tree.unflatten(structure, [part.reshape(B, *v.shape[1:], *part.shape[2:]) for part in row])
            for v, row in zip(leaves, zip(*parts, strict=True), strict=True)
        ]
        return jax.tree.unflatten(structure, found)

    yield blocks()
    for prev, x in zip(states[-2::-1], inputs[::-1], strict=True):
        _, tape = cell.forward(p, *jax.tree.map(lambda v: v[copies], (prev, x)))
        bar = cell.backward(p, tape, bar).prev  # VA1*, VA2*
        yield blocks()


def carousel(cell: Cell, p: Any, initial: Any, xs: Any) -> Iterator[Any]:
    """f_T ⊙ … ⊙ f_{T-n+1} for n = 0 … T: the part of ∂c_T/∂c_{T-n} that passes no kernel and no squashing function.

    Args:
        cell: A cell that has a node f.
        p: Its parameters, in any arithmetic.
        initial: Its initial state, arrays (B, H).
        xs: Inputs, (T, B, D).

    Yields:
        The product for each n, (B, H).

    Raises:
        BadInput: The shapes do not fit each other.
    """
    _, tapes = sequence.loop(cell, p, initial, xs)
    kept = 0 * initial.c + 1
    yield kept
    for tape in reversed(tapes):
        kept = kept * tape.nodes.f  # VA3*
        yield kept


def spectral_norms(jacobian: Any) -> np.ndarray:
    """Spectral norms.

    Args:
        jacobian: Floats: matrices (B, m, n), or the diagonals of diagonal matrices (B, n).

    Returns:
        One norm per row of the batch, (B,).

    Example:
        >>> import numpy as np
        >>> spectral_norms(np.array([[0.5, -2.0]])).tolist()
        [2.0]
    """
    if jacobian.ndim == 2:
        return np.max(np.abs(jacobian), axis=1)
    return np.linalg.norm(jacobian, 2, axis=(1, 2))


# --------------------------------------------------------------------------------------------- measured on a text


class Reach(NamedTuple):
    """How one Jacobian grows or shrinks with the distance."""

    cell: str
    forget_bias: float | None
    """None for a cell without a forget gate."""
    of: str
    """Which Jacobian: `h` is ∂h_T/∂h_t, `c` is ∂c_T/∂c_t, `f` is the carousel alone."""
    norms: np.ndarray
    """Spectral norm by distance T - t, float64 (T + 1,)."""

    @property
    def decay(self) -> float:
        """Factor per step, the geometric mean over all steps, or over those at which float64 can represent the norm."""
        (within,) = np.nonzero(self.norms >= np.finfo(float).tiny)
        return float(self.norms[within[-1]] ** (1 / max(within[-1], 1)))


def reach_on_text(text: str, H: int, seed: int = 0) -> list[Reach]:
    """Measures rnn_tanh, gru, and lstm with each of `BIASES`, with freshly initialised parameters and a zero state.

    The three LSTMs share their kernels.

    Args:
        text: The text, read as one-hot vectors.
        H: Hidden size.
        seed: Seed of the parameters.

    Returns:
        One `Reach` per cell, forget bias and Jacobian.

    Raises:
        BadInput: The text has fewer than two distinct characters.
    """
    ids = encode(characters := vocabulary(text), text)
    xs = np.eye(len(characters))[ids][:, None]

    def start(cell: Cell) -> tuple[Any, Any]:
        zeros = arrays(cell.state_shapes(1, H, D=len(characters)), np.zeros)
        return cell.initial_parameters(np.random.default_rng(seed), len(characters), H), zeros

    def norms(jacobians: Iterator[Any]) -> np.ndarray:
        return np.concatenate([spectral_norms(v) for v in jacobians])

    found = []
    for cell in (rnn_tanh, gru):
        p, initial = start(cell)
        found.append(Reach(cell.name, None, "h", norms(J.h.h for J in state_jacobians(cell, p, initial, xs))))
    for bias in BIASES:
        p, initial = start(lstm)
        split_gates(p.b)[1][:] = bias
        both = np.array([(*map(spectral_norms, (J.h.h, J.c.c)),) for J in state_jacobians(lstm, p, initial, xs)])
        along = norms(carousel(lstm, p, initial, xs))
        found += [Reach("lstm", bias, of, v) for of, v in zip("hcf", (*both[..., 0].T, along), strict=True)]
    return found


class AfterPadding(NamedTuple):
    """The gradient of a text's last character that is left where the state is read after padding."""

    forget_bias: float
    norms: np.ndarray
    """Norm of the loss's gradient with respect to that character's embedding, for each of `PADDINGS`; float64."""

    @property
    def left(self) -> np.ndarray:
        """The norms, divided by the norm at the text's true end."""
        return self.norms / self.norms[0]


def after_padding(text: str, H: int, seed: int = 0, biases: tuple[float, ...] = BIASES[:2]) -> list[AfterPadding]:
    """Measures a freshly initialised classifier (H numbers per symbol, H units, two classes) that reads a text of one
    class.

    The padding is a symbol with its own embedding, as in the tutorials. Raises BadInput for a text with fewer than two
    distinct characters.
    """
    ids = 1 + encode(characters := vocabulary(text), text)  # 0 is the padding
    lengths = len(ids) + np.array(PADDINGS)  # n steps of padding read as n more steps of text
    padded = np.zeros((lengths.max(), len(lengths)), int)
    padded[: len(ids)] = ids[:, None]
    batch = classifier.Batch(padded, lengths, 0 * lengths)
    found = []
    for bias in biases:
        params = classifier.initial_parameters(np.random.default_rng(seed), len(characters) + 1, H, H, K=2)
        split_gates(params.cell.b)[1][:] = bias
        with x64():
            params = jax.tree.map(jax.numpy.asarray, params)
            norms = np.asarray(classifier.gradient_by_character(params, batch))[len(ids) - 1]
        found.append(AfterPadding(bias, norms))
    return found
