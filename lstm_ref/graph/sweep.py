"""The reverse sweep: from the outputs back, each equation gives contributions to its operands, which are summed.

The contribution of one equation to one operand can be *edited*, to give the gradient of an author who gets that edge
wrong. An edited sweep starts from the unedited one and computes only the differences downstream of the edits, because
pulls are linear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.errors import BadInput
from lstm_ref.graph.rules import Pull, pulls_of


class Context(NamedTuple):
    """The data that an edit may use."""

    graph: Any
    number: int
    """Number of the equation in `graph.equations`."""
    operand: int
    bar: Any
    """The adjoint of its result; a list if there are several."""
    operands: list[Any]
    """Values."""
    results: list[Any]
    adjoint: Callable[[int], Any]
    """Of a variable, by its number, as far as it is added up by now."""


RuleEdit = Callable[[Any, Context], Any]
"""(contribution, context) -> another contribution of the same shape, or None for none."""
Where = tuple[int, int]
"""(number of an equation, which of its operands)."""


class Adjoints(NamedTuple):
    """The derivative of Σ cotangent · outputs with respect to every variable of a graph; None where it is zero."""

    graph: Any
    bars: list[Any]
    seeds: list[Any]

    @property
    def gradients(self) -> Any:
        """The gradients of the inputs, as a pytree like them."""
        return gradients_of(self.graph, self.bars)


def gradients_of(graph: Any, bars: Any) -> Any:
    """The inputs' adjoints as a pytree like the inputs."""
    leaves = []
    for i in graph.inputs:
        bar = bars[i]
        leaves.append(np.zeros(np.shape(graph.values[i])) if bar is None else np.array(bar))
    return jax.tree.unflatten(graph.input_tree, leaves)


def pulls_in(graph: Any) -> list[list[tuple[int, int, Pull]]]:
    """For each equation, (which operand, the operand's variable, pull) for every operand that gets a gradient."""
    if "pulls" not in graph.memory:
        by_kind: dict[int, Any] = {}
        found: list[Any] = []
        for e in graph.equations:
            if not any(graph.is_active[r] for r in e.results):
                found.append([])
                continue
            if id(e.kind) not in by_kind:
                by_kind[id(e.kind)] = pulls_of(e.kind)
            pulls = by_kind[id(e.kind)]
            found.append(
                [
                    (k, i, p)
                    for k, (i, p) in enumerate(zip(e.operands, pulls, strict=True))
                    if p is not None and graph.is_active[i]
                ]
            )
        graph.memory["pulls"] = found
    known: list[list[tuple[int, int, Pull]]] = graph.memory["pulls"]
    return known


def sweep(
    graph: Any,
    cotangent: Any,
    edits: Mapping[Where, RuleEdit] | None = None,
    base: Adjoints | None = None,
    noise: Callable[[Any], Any] | None = None,
) -> Adjoints:
    """The adjoints of all variables, with edits applied.

    Args:
        graph: The graph, as `trace` returns it.
        cotangent: Cotangents of the outputs, a pytree like them.
        edits: By (number of the equation, number of the operand), a function that replaces the contribution.
        base: The unedited sweep, if already computed.
        noise: A function applied to every contribution, to show the effect of rounding. Only the inputs' adjoints are
            then kept.

    Returns:
        The adjoints; `gradients` gives those of the inputs.

    Raises:
        BadInput: A cotangent or an edited contribution has the wrong shape.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.graph import sweep, trace
        >>> graph = trace(lambda i: i["x"] * i["x"], {"x": np.array([3.0])})
        >>> sweep(graph, np.ones(1)).gradients
        {'x': array([6.])}
    """
    if base is None:
        base = _sweep_unedited(graph, _seeds(graph, cotangent), noise)
    return _sweep_differences(graph, base, edits) if edits else base


def _seeds(graph: Any, cotangent: Any) -> list[Any]:
    leaves = jax.tree.leaves(cotangent)
    if len(leaves) != len(graph.outputs):
        raise BadInput(f"the function has {len(graph.outputs)} outputs, the cotangent {len(leaves)}")
    seeds = []
    for i, bar in zip(graph.outputs, leaves, strict=True):
        shape = np.shape(graph.values[i])
        if np.shape(bar) != shape:
            raise BadInput(f"an output has shape {shape}, its cotangent {np.shape(bar)}")
        seeds.append(bar if getattr(bar, "dtype", np.dtype(float)).kind == "O" else np.asarray(bar, dtype=np.float64))
    return seeds


class _Sums:
    """Sums of contributions: added in place once the memory is our own."""

    def __init__(self, size: int) -> None:
        self.bars: list[Any] = [None] * size
        self._own = bytearray(size)

    def add(self, i: int, contribution: Any) -> None:
        before = self.bars[i]
        if before is None:
            self.bars[i] = contribution
        elif self._own[i]:
            before += contribution
        else:
            total = before + contribution
            if isinstance(total, np.ndarray):
                self._own[i] = True
            self.bars[i] = total if isinstance(total, np.ndarray) else np.asarray(total)


def _sweep_unedited(graph: Any, seeds: list[Any], noise: Callable[[Any], Any] | None) -> Adjoints:
    sums = _Sums(len(graph.values))
    values = graph.values
    for i, seed in zip(graph.outputs, seeds, strict=True):
        if graph.is_active[i]:
            sums.add(i, seed)
    bars = sums.bars
    with np.errstate(all="ignore"):
        for e, pulls in zip(reversed(graph.equations), reversed(pulls_in(graph)), strict=True):
            if not pulls or all(bars[r] is None for r in e.results):
                continue
            bar: Any = [bars[r] for r in e.results] if e.kind.several else bars[e.results[0]]
            xs, ys = [values[i] for i in e.operands], [values[r] for r in e.results]
            for _, i, pull in pulls:
                contribution = pull(bar, xs, ys)
                sums.add(i, contribution if noise is None else noise(contribution))
            if noise is not None:
                for r in e.results:
                    bars[r] = None  # only the inputs' adjoints are compared
    return Adjoints(graph, bars, seeds)


def _sweep_differences(graph: Any, base: Adjoints, edits: Mapping[Where, RuleEdit]) -> Adjoints:
    """Carry back the differences that the edits make."""
    sums = _Sums(len(graph.values))
    deltas, values, known = sums.bars, graph.values, base.bars
    by_equation: dict[int, dict[int, RuleEdit]] = {}
    for (number, operand), edit in edits.items():
        by_equation.setdefault(number, {})[operand] = edit
    all_pulls = pulls_in(graph)
    adjoint = lambda i: _plus(known[i], deltas[i])  # noqa: E731
    with np.errstate(all="ignore"):
        for number in range(max(by_equation), -1, -1):
            e, pulls, here = graph.equations[number], all_pulls[number], by_equation.get(number)
            moved = any(deltas[r] is not None for r in e.results)
            if not pulls or (here is None and not moved):
                continue
            xs, ys = [values[i] for i in e.operands], [values[r] for r in e.results]
            delta: Any = [deltas[r] for r in e.results] if e.kind.several else deltas[e.results[0]]
            for k, i, pull in pulls:
                change = None if here is None else here.get(k)
                if change is None:
                    if moved:
                        sums.add(i, pull(delta, xs, ys))
                    continue
                before = [known[r] for r in e.results]
                after = [_plus(known[r], deltas[r]) for r in e.results]
                if all(b is None for b in after):
                    continue
                bar = after if e.kind.several else after[0]
                old = 0.0 if all(b is None for b in before) else pull(before if e.kind.several else before[0], xs, ys)
                new = change(pull(bar, xs, ys), Context(graph, number, k, bar, xs, ys, adjoint))
                if new is not None and np.shape(new) != np.shape(values[i]):
                    raise BadInput(f"an edit gave shape {np.shape(new)} for an operand of shape {np.shape(values[i])}")
                sums.add(i, (0.0 if new is None else new) - old)
    return Adjoints(graph, [_plus(b, d) for b, d in zip(known, deltas, strict=True)], base.seeds)


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b
