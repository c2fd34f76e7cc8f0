"""The other ways through time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from lstm_ref import sequence
from lstm_ref.arithmetic import concatenate
from lstm_ref.cells import CELLS, Cell
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.selfcheck.builtin.common import (
    LENGTHS,
    B,
    Random,
    arguments_of,
    as_arrays_of,
    like,
    named_gradients,
    numpy_alone,
    recurrence,
    reference,
    sizes_for,
)
from lstm_ref.selfcheck.builtin.recurrences import through_time
from lstm_ref.through_time import bidirectional, initial_state, rtrl


def learned_initial_state(cell: Cell, rng: Random, layer: Any = initial_state) -> Problem:
    """BPTT with an initial state that is one learned row."""
    inputs = recurrence(cell, rng)
    inputs["initial"] = like(rng, cell.state_shapes(1, sizes_for(cell)[1]))

    def forward(inputs: Any) -> sequence.Outputs:
        rows = jax.tree.map(lambda v: concatenate([v] * B), inputs["initial"])
        return reference(cell, LENGTHS)({**inputs, "initial": rows})

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["xs"])
        read = inputs["params"], layer.forward(inputs["initial"], B), inputs["xs"]
        _, tapes = sequence.loop(cell, *read, LENGTHS)
        given = sequence.loop_backward(cell, *read, tapes, bar, LENGTHS)
        return named_gradients(given) | {"initial": layer.backward(given.initial)}

    return problem(inputs, forward=forward, backward=backward, name=f"time/{cell.name}-learned-initial")


def both_directions(merge: bidirectional.Merge, rng: Random, layer: Any = bidirectional) -> Problem:
    """Two different cells over one sequence, one in each direction."""
    cells = bidirectional.Both(CELLS["lstm"], CELLS["gru"])
    onward, back = (recurrence(cell, rng) for cell in cells)
    inputs = {k: bidirectional.Both(onward[k], back[k]) for k in ("params", "initial")} | {"xs": onward["xs"]}

    def forward(inputs: Any) -> sequence.Outputs:
        onward, back = (
            reference(cell, LENGTHS, reverse=n == 1)(
                {"params": inputs["params"][n], "initial": inputs["initial"][n], "xs": inputs["xs"]}
            )
            for n, cell in enumerate(cells)
        )
        merged = {
            "concat": concatenate((onward.hs, back.hs), axis=-1),
            "sum": onward.hs + back.hs,
            "mean": (onward.hs + back.hs) / 2,
            "product": onward.hs * back.hs,
        }
        return sequence.Outputs(merged[merge], bidirectional.Both(onward.final, back.final))

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["xs"])
        _, tape = layer.forward(cells, *arguments_of(inputs), LENGTHS, merge)
        return named_gradients(layer.backward(cells, *arguments_of(inputs), tape, bar, LENGTHS, merge))

    return problem(inputs, forward=forward, backward=backward, name=f"time/bidirectional-{merge}")


def real_time_recurrent_learning(rng: Random, gradients: Any = rtrl.gradients) -> Problem:
    """The LSTM's gradient by forward accumulation, of the learned arrays only."""
    cell = CELLS["lstm"]
    inputs = recurrence(cell, rng)
    xs = inputs.pop("xs")

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["initial"])
        return gradients(inputs["params"], inputs["initial"], xs, bar, LENGTHS)[1]._asdict()

    return problem(
        inputs,
        forward=lambda inputs: reference(cell, LENGTHS)({**inputs, "xs": as_arrays_of(inputs["initial"], xs)}),
        backward=backward,
        name="time/lstm-rtrl",
    )


def other_way(cell: Cell, kind: str, through: sequence.Through) -> Callable[[Random], Problem]:
    """The problem of a way through time other than the loop, with lengths."""
    return partial(through_time, cell, lengths=LENGTHS, kind=kind, through=through)
