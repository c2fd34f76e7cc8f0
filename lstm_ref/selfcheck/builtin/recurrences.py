"""Cells, one step of them and through time: BPTT, the custom VJP, truncation, the second order."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.cells import Cell, original
from lstm_ref.cells.cell import in_domain, named
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.pages.probes import with_probes
from lstm_ref.selfcheck.builtin.common import (
    LENGTHS,
    B,
    Random,
    T,
    arguments_of,
    like,
    named_gradients,
    numpy_alone,
    recurrence,
    reference,
    sizes_for,
)
from lstm_ref.through_time import checkpointed, fast_lstm, parallel

JAX_CODE = (sequence.SCAN.forward, parallel.forward, checkpointed.forward, fast_lstm.forward)
"""Ways through time that are traced; the others run on balls themselves."""


def cell_step(cell: Cell, rng: Random) -> Problem:
    """One step of a cell: parameters, previous state, input, and the adjoint of every named value."""
    D, H = sizes_for(cell)
    inputs = {
        "params": like(rng, cell.parameter_shapes(D, H)),
        "prev": in_domain(cell, like(rng, cell.state_shapes(B, H, D=D))),
        "x": like(rng, cell.input_shapes(B, D, H=H), 1.0),
    }
    _, tape = cell.forward(inputs["params"], inputs["prev"], inputs["x"])
    nodes = named(tape.nodes)
    probed = with_probes(cell)

    def forward(inputs: Any) -> Any:
        probes = jax.tree.unflatten(jax.tree.structure(tape.nodes), [inputs[n][0] for n in nodes])
        return probed(inputs["params"], inputs["prev"], inputs["x"], probes)[0]

    def backward(inputs: Any, bar: Any) -> dict[str, Any]:
        _, tape = cell.forward(inputs["params"], inputs["prev"], inputs["x"])
        given = cell.backward(inputs["params"], tape, bar)
        adjoints = {n: v[None] for n, v in named(given.nodes).items()}
        return {"params": given.params, "prev": given.prev, "x": given.x, **adjoints}

    zeros = {n: np.zeros((1, *v.shape)) for n, v in nodes.items()}
    return problem(inputs | zeros, forward=forward, backward=backward, nodes=list(nodes), name=f"cell/{cell.name}")


def through_time(
    cell: Cell,
    rng: Random,
    lengths: Any = None,
    reverse: bool = False,
    kind: str = "",
    through: sequence.Through = sequence.LOOP,
) -> Problem:
    """BPTT by the plain loop, or another way, against oracles of the jitted scan."""

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        if inspect.unwrap(getattr(through.forward, "func", through.forward)) not in JAX_CODE:
            numpy_alone(inputs["xs"])
        _, tapes = through.forward(cell, *arguments_of(inputs), lengths, reverse)
        return named_gradients(through.backward(cell, *arguments_of(inputs), tapes, bar, lengths, reverse))

    forward = reference(cell, lengths, reverse)
    return problem(recurrence(cell, rng), forward=forward, backward=backward, name=f"time/{cell.name}{kind}")


def adjoints_through_time(cell: Cell, rng: Random) -> Problem:
    """BPTT with the adjoint of every named value at every step, by which a wrong term is traced back."""
    inputs = recurrence(cell, rng)
    _, tapes = sequence.loop(cell, *arguments_of(inputs))
    nodes, structure = named(tapes[0].nodes), jax.tree.structure(tapes[0].nodes)
    probed = with_probes(cell)

    def forward(inputs: Any) -> sequence.Outputs:
        state, hs = inputs["initial"], []
        for t in range(T):
            probes = jax.tree.unflatten(structure, [inputs[n][t] for n in nodes])
            x = jax.tree.map(lambda v: v[t], inputs["xs"])  # noqa: B023
            state, _ = probed(inputs["params"], state, x, probes)
            hs.append(state.h)
        return sequence.Outputs(jax.numpy.stack(hs), state)

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["xs"])
        _, tapes = sequence.loop(cell, *arguments_of(inputs))
        given = sequence.loop_backward(cell, *arguments_of(inputs), tapes, bar)
        return named_gradients(given) | named(given.nodes)

    zeros = {n: np.zeros((T, *v.shape)) for n, v in nodes.items()}
    return problem(inputs | zeros, forward=forward, backward=backward, nodes=list(nodes), name=f"adjoints/{cell.name}")


def custom_vjp(cell: Cell, rng: Random) -> Problem:
    """`sequence.bptt`: the hand-written pass as the JAX derivative of the jitted scan, with lengths."""

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        _, vjp = jax.vjp(lambda p, initial, xs: sequence.bptt(cell, p, initial, xs, LENGTHS), *arguments_of(inputs))
        return dict(zip(("params", "initial", "xs"), vjp(bar), strict=True))

    return problem(
        recurrence(cell, rng),
        forward=reference(cell, LENGTHS),
        backward=backward,
        name=f"time/{cell.name}-custom-vjp",
    )


def truncated(
    cell: Cell,
    rng: Random,
    k1: int = 2,
    k2: int = 5,
    estimate: Callable[..., sequence.Gradients] = sequence.truncated,
) -> Problem:
    """Truncated BPTT(k1, k2), compared with its definition: every k1 outputs are computed anew from a state k2 steps
    back through which no gradient flows."""

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["xs"])
        _, tapes = sequence.loop(cell, *arguments_of(inputs), LENGTHS)
        return named_gradients(estimate(cell, *arguments_of(inputs), tapes, bar, k1, k2, LENGTHS))

    def definition(inputs: Any) -> sequence.Outputs:
        params, initial, xs = arguments_of(inputs)
        hs, final = [], initial
        for start in range(0, T, k1):
            end = min(start + k1, T)
            oldest = max(0, end - k2)
            state = initial
            if oldest > 0:
                before = jax.tree.map(lambda v: v[:oldest], xs)  # noqa: B023
                state = sequence.scan(cell, params, initial, before, LENGTHS.clip(0, oldest)).final
                state = jax.lax.stop_gradient(state)
            real = (LENGTHS - oldest).clip(0, end - oldest)
            block = sequence.scan(cell, params, state, jax.tree.map(lambda v: v[oldest:end], xs), real)  # noqa: B023
            hs.append(block.hs[start - oldest :])
            final = block.final
        return sequence.Outputs(jax.numpy.concatenate(hs), final)

    return problem(
        recurrence(cell, rng),
        forward=reference(cell, LENGTHS),
        backward=backward,
        name=f"time/{cell.name}-truncated",
        estimator=f"truncated BPTT(k1={k1}, k2={k2})",
        definition=definition,
    )


def truncated_of_1997(rng: Random, step: Any = original.truncated) -> Problem:
    """The truncated gradient of the first LSTM, compared with its definition: what a step reads of h is held fixed."""
    whole = original.original
    cut = whole._replace(backward=step)

    def held(p: Any, state: Any, x: Any) -> Any:
        return whole.forward(p, state._replace(h=jax.lax.stop_gradient(state.h)), x)

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["xs"])
        _, tapes = sequence.loop(whole, *arguments_of(inputs), LENGTHS)
        return named_gradients(sequence.loop_backward(cut, *arguments_of(inputs), tapes, bar, LENGTHS))

    return problem(
        recurrence(whole, rng),
        forward=reference(whole, LENGTHS),
        backward=backward,
        name="time/original-truncated-1997",
        estimator="the truncated gradient of Hochreiter and Schmidhuber 1997",
        definition=lambda inputs: sequence.scan(whole._replace(forward=held), *arguments_of(inputs), LENGTHS),
    )


def second_order(cell: Cell, rng: Random, steps: int = 3) -> Problem:
    """The hand-written pass differentiated again: the gradient of ⟨v, ∇L⟩, which is v times the Hessian of a loss L.

    The function takes ∇L by autodiff of the scan; the claim takes it, and its derivative, through `sequence.bptt`.
    """
    inputs = recurrence(cell, rng)
    inputs["xs"] = jax.tree.map(lambda v: v[:steps], inputs["xs"])
    weights = rng.standard_normal((steps, *inputs["initial"].h.shape))
    v = jax.tree.map(lambda a: rng.standard_normal(np.shape(a)), inputs)

    def along_v(recurrence: Callable[..., sequence.Outputs]) -> Callable[[Any], Any]:
        def loss(inputs: Any) -> Any:
            outputs = recurrence(cell, *arguments_of(inputs))
            return (weights * outputs.hs**2).sum() + sum((s**3).sum() for s in outputs.final)

        def product(inputs: Any) -> Any:
            pairs = zip(jax.tree.leaves(jax.grad(loss)(inputs)), jax.tree.leaves(v), strict=True)
            return sum((g * w).sum() for g, w in pairs)

        return product

    return problem(
        inputs,
        loss=along_v(sequence.scan),
        gradients=lambda inputs: jax.grad(along_v(sequence.bptt))(inputs),
        name=f"second-order/{cell.name}",
    )
