"""Is the forward the cell it claims to be, and if not, which known variant of it?

The values decide: with generic inputs, every number among the user's outputs must be an element of a state that the
cell goes through, whatever the outputs' layout. The places of these elements also show how to turn cotangents of the
user's outputs into cotangents of states.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import Cell
from lstm_ref.mistakes.arrangement import Arrangement
from lstm_ref.mistakes.recurrence import Recurrence, run
from lstm_ref.mistakes.source import CANNOT, Source

SAME = 1e-9
"""Relative distance below which two float64 numbers of one computation are the same: the forward of T steps loses at
most a few hundred units in the last place, 1e-13, and two generic states are 1/N apart."""

VARIANTS: dict[str, dict[str, dict[str, str]]] = {
    "lstm": {
        "no tanh on the output (h = o ⊙ c)": {"u = tanh(c)": "u = c"},
        "tanh(c) carried as the cell state": {"return (State(h, c)": "return (State(h, u)"},
        "coupled gates, f = 1 − i": {"o = (sigmoid(a_i), sigmoid(a_f)": "o = (sigmoid(a_i), 1 - sigmoid(a_i)"},
        "coupled gates, i = 1 − f": {"o = (sigmoid(a_i), sigmoid(a_f)": "o = (1 - sigmoid(a_f), sigmoid(a_f)"},
        "no forget gate (1997)": {"o = (sigmoid(a_i), sigmoid(a_f)": "o = (sigmoid(a_i), 1 + 0 * a_f"},
        "no input gate": {"o = (sigmoid(a_i), sigmoid(a_f)": "o = (1 + 0 * a_i, sigmoid(a_f)"},
        "no output gate": {"tanh(a_g), sigmoid(a_o)": "tanh(a_g), 1 + 0 * a_o"},
        "sigmoid for the candidate": {"tanh(a_g), sigmoid(a_o)": "sigmoid(a_g), sigmoid(a_o)"},
        "the candidate not activated": {"tanh(a_g), sigmoid(a_o)": "a_g, sigmoid(a_o)"},
        "a forget bias of 1 added at run time": {"sigmoid(a_f)": "sigmoid(a_f + 1)"},
        "bias left out": {" + p.b": ""},
        "inputs left out of the recurrence's first term (no x W_x)": {"x @ p.w_x + ": ""},
    },
    "gru": {
        "the update the other way round (h = z ⊙ n + (1 − z) ⊙ h)": {
            "(1 - z) * n + z * state.h": "z * n + (1 - z) * state.h"
        },
        "the reset gate before the product (Cho et al. 2014)": {
            "r * m_n": "(r * state.h) @ blocks(p.w_h, 3)[2] + blocks(p.b_h, 3)[2]"
        },
        "no reset gate": {"r * m_n": "m_n"},
        "bias left out": {" + p.b_h": "", " + p.b": ""},
    },
    "rnn_tanh": {"no activation": {"activation(a)": "a"}, "bias left out": {" + p.b": ""}},
    "rnn_relu": {"no activation": {"activation(a)": "a"}, "bias left out": {" + p.b": ""}},
}
"""By cell, the forwards that tutorials take for it, as replacements in the cell's source."""


class Match(NamedTuple):
    """How the user's outputs are states of the cell."""

    variant: str | None
    """None for the cell itself."""
    cell: Cell
    """The cell, or its variant, of which only the forward exists."""
    params: Any
    """With the gates in our order."""
    layout: Arrangement
    states: Any
    """State of arrays (T, B, H) that the cell goes through."""
    places: Mapping[str, np.ndarray]
    """For every output by path, where each element stands among the states after 0..T steps, field by field, flat."""
    gates: tuple[int, ...] | None = None
    """The order of the user's gate blocks, where it differs from ours."""

    def recurrence(self, bars: Mapping[str, np.ndarray]) -> Recurrence:
        """The cell, with cotangents of the outputs (by path) turned into cotangents of states.

        An output that is the last state and nothing else is the final state, unless it is the only output.
        """
        through = _trajectory(self.states, self.layout.initial)
        each, final = (np.zeros(_flat(through).shape) for _ in range(2))
        for path, where in self.places.items():
            target = final if len(self.places) > 1 and np.all(self.step_of(path) == self._T) else each
            np.add.at(target, where.ravel(), np.ravel(bars[path]))
        each, final = (_like(through, v) for v in (each, final))
        return Recurrence(
            self.cell,
            self.params,
            self.layout.initial,
            self.layout.xs,
            states_bar=jax.tree.map(lambda v: v[1:], each),
            final_bar=jax.tree.map(lambda v: v[-1], final),
            initial_bar=jax.tree.map(lambda v: v[0], each),
        )

    def step_of(self, path: str) -> np.ndarray:
        """After how many steps each element of an output is reached, in the output's shape."""
        return _steps(_trajectory(self.states, self.layout.initial))[self.places[path]]

    @property
    def _T(self) -> int:
        return int(self.layout.xs.shape[0])


def match_cell(
    cell: Cell, layout: Arrangement, outputs: Mapping[str, np.ndarray], variants: bool = True
) -> Match | None:
    """The cell, or (if `variants`) the variant of it, that goes through these outputs; or None."""
    for variant, gates, candidate, params in candidates(cell, layout, variants):
        states = _states(variant, candidate, params, layout)
        places = None if states is None else _places(outputs, states, layout.initial)
        if places is not None and _tells(places, states, layout.initial):
            return Match(variant, candidate, params, layout, states, places, gates)
    return None


def _tells(places: Mapping[str, np.ndarray], states: Any, initial: Any) -> bool:
    """Whether the outputs say anything about the cell: some must be states after a step, and not zero."""
    through = _trajectory(states, initial)
    telling = (_steps(through) > 0) & (_flat(through) != 0)
    return any(telling[where].any() for where in places.values())


def match_cell_of_loss(
    cell: Cell, layout: Arrangement, loss: float, readout: Callable[[np.ndarray], float]
) -> Match | None:
    """The cell, or its variant, whose outputs hs (T, B, H) give this loss through the readout; or None.

    Its one output is called `hs`.
    """
    for variant, gates, candidate, params in candidates(cell, layout):
        states = _states(variant, candidate, params, layout)
        if states is not None and abs(readout(states.h) - loss) <= SAME * max(abs(loss), SAME):
            places = _places({"hs": states.h}, states, layout.initial)
            return Match(variant, candidate, params, layout, states, places or {}, gates)
    return None


def candidates(
    cell: Cell, layout: Arrangement, variants: bool = True
) -> Iterator[tuple[str | None, tuple[int, ...] | None, Cell, Any]]:
    """The cell; its variants; and each of these with the gates in another order."""
    known = VARIANTS.get(cell.name, {}) if variants else {}
    cells = [(None, cell), *((name, _edited(cell, changes)) for name, changes in known.items())]
    for name, candidate in cells:
        yield name, None, candidate, layout.params
    for order in _orders(cell, layout):
        for name, candidate in cells:
            yield name, order, candidate, _in_order(layout.params, order)


def _states(variant: str | None, cell: Cell, params: Any, layout: Arrangement) -> Any:
    """The states that the cell goes through; None for a variant that cannot be computed at these sizes."""
    try:
        states, _ = run(cell, params, layout.initial, layout.xs)
    except CANNOT:
        if variant is None:
            raise
        return None
    return states


def _orders(cell: Cell, layout: Arrangement) -> list[tuple[int, ...]]:
    H, gates = layout.initial.h.shape[-1], len(cell.gates)
    if not 1 < gates <= 4 or any(v.shape[-1] != gates * H for v in jax.tree.leaves(layout.params)):
        return []
    return list(itertools.permutations(range(gates)))[1:]


def _in_order(params: Any, order: tuple[int, ...]) -> Any:
    def permuted(v: np.ndarray) -> np.ndarray:
        blocks = np.split(v, len(order), axis=-1)
        return np.concatenate([blocks[k] for k in order], axis=-1)

    return jax.tree.map(permuted, params)


def _edited(cell: Cell, changes: Mapping[str, str]) -> Cell:
    return cell._replace(forward=Source(cell.forward).with_text(changes))


def _places(outputs: Mapping[str, np.ndarray], states: Any, initial: Any) -> dict[str, np.ndarray] | None:
    """For every output, the place of each of its elements in the flat trajectory; or None."""
    through = _trajectory(states, initial)
    known = _flat(through)
    # Where a value occurs twice (zero initial states), later steps come first: they are what outputs are made of.
    latest = np.argsort(known, kind="stable")
    ranked = known[latest]
    scale = max(float(np.max(np.abs(known), initial=0.0)), 1e-300)
    found = {}
    for path, value in outputs.items():
        whole = _as_a_whole(value, through, SAME * scale)
        if whole is not None:
            found[path] = whole
            continue
        flat = np.ravel(value)
        right = np.clip(np.searchsorted(ranked, flat), 1, len(ranked) - 1)
        nearest = np.where(np.abs(ranked[right] - flat) < np.abs(ranked[right - 1] - flat), right, right - 1)
        if not np.all(np.abs(ranked[nearest] - flat) <= SAME * scale):
            return None
        found[path] = latest[nearest].reshape(np.shape(value))
    return found


def _as_a_whole(value: np.ndarray, through: Any, near: float) -> np.ndarray | None:
    """The places of an output that is a field of the last state, or of all states. Its elements need not differ: in a
    clipped state, many equal the bound."""
    at = _like(through, np.arange(_flat(through).size))
    for known, place in zip(jax.tree.leaves(through), jax.tree.leaves(at), strict=True):
        for part in (np.s_[-1], np.s_[1:], np.s_[:]):
            if known[part].shape == np.shape(value) and np.all(np.abs(known[part] - value) <= near):
                return place[part]
    return None


def _trajectory(states: Any, initial: Any) -> Any:
    """The state after 0..T steps: every field (T + 1, ...)."""
    return jax.tree.map(lambda s0, s: np.concatenate([s0[None], s]), initial, states)


def _flat(through: Any) -> np.ndarray:
    return np.concatenate([v.ravel() for v in jax.tree.leaves(through)])


def _like(through: Any, flat: np.ndarray) -> Any:
    leaves, tree = jax.tree.flatten(through)
    parts = np.split(flat, np.cumsum([v.size for v in leaves])[:-1])
    return jax.tree.unflatten(tree, [part.reshape(v.shape) for part, v in zip(parts, leaves, strict=True)])


def _steps(through: Any) -> np.ndarray:
    """The step of every element of a flat trajectory."""
    return np.concatenate([np.repeat(np.arange(len(v)), v[0].size) for v in jax.tree.leaves(through)])
