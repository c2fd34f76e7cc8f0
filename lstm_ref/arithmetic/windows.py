"""Rules for the JAX primitives that slide a window: convolution, pooling, and the gradients of pooling.

All of them read one table. It lists, for every position of the window, the numbers of the elements in it; −1 is
padding.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from flint import arb

from lstm_ref.arithmetic.balls import less
from lstm_ref.arithmetic.movement import Evaluation, StepRule, boxed
from lstm_ref.arithmetic.scalars import ZERO


def positions(
    shape: Any, window: Any, strides: Any, padding: Any, dilation: Any = None, window_dilation: Any = None
) -> np.ndarray:
    """Numbers of the elements under each position of the window, (…positions, elements of the window)."""
    rank = len(shape)
    dilation, window_dilation = dilation or (1,) * rank, window_dilation or (1,) * rank
    grid = np.full([(n - 1) * d + 1 if n else 0 for n, d in zip(shape, dilation, strict=True)], -1)
    grid[tuple(slice(None, None, d) for d in dilation)] = np.arange(prod(shape)).reshape(shape)
    grid = np.pad(grid, [(max(low, 0), max(high, 0)) for low, high in padding], constant_values=-1)
    ends = [(max(-low, 0), n - max(-high, 0)) for (low, high), n in zip(padding, grid.shape, strict=True)]
    grid = grid[tuple(slice(*e) for e in ends)]
    extent = [(w - 1) * d + 1 for w, d in zip(window, window_dilation, strict=True)]
    if any(n < e for n, e in zip(grid.shape, extent, strict=True)):
        places = [max(0, (n - e) // s + 1) for n, e, s in zip(grid.shape, extent, strides, strict=True)]
        return np.empty((*places, prod(window)), dtype=int)
    views = np.lib.stride_tricks.sliding_window_view(grid, extent)
    views = views[tuple(slice(None, None, s) for s in (*strides, *window_dilation))]
    return views.reshape(*views.shape[:rank], -1)


def convolution(product: Callable[[Any, Any], Any]) -> StepRule:
    """conv_general_dilated: for each group of features, one matrix `product` of patches and kernel."""

    def rule(eqn: Any) -> Evaluation:
        p = eqn.params
        lhs, rhs, out = p["dimension_numbers"]
        x_shape, w_shape = ([v.aval.shape[i] for i in spec] for v, spec in zip(eqn.invars, (lhs, rhs), strict=True))
        batch_groups = p["batch_group_count"]
        groups = batch_groups if batch_groups > 1 else p["feature_group_count"]
        table = positions(
            x_shape[2:], w_shape[2:], p["window_strides"], p["padding"], p["lhs_dilation"], p["rhs_dilation"]
        )
        *places, K = table.shape
        N, C, F = x_shape[0] // batch_groups, x_shape[1] * batch_groups, w_shape[0]

        def step(x: Any, w: Any) -> Any:
            x = x.transpose(lhs).reshape(batch_groups, N, x_shape[1], -1)
            x = x.swapaxes(0, 1).reshape(N, C, -1)  # groups of the batch become groups of features
            padded = np.concatenate([x, np.full((N, C, 1), ZERO, dtype=object)], axis=-1)
            patches = padded[..., table.reshape(-1, K)].reshape(N, groups, C // groups, -1, K)
            patches = patches.transpose(1, 0, 3, 2, 4).reshape(groups, -1, C // groups * K)
            kernels = w.transpose(rhs).reshape(groups, F // groups, C // groups * K).swapaxes(1, 2)
            y = np.stack([product(a, b) for a, b in zip(patches, kernels, strict=True)])
            y = y.reshape(groups, N, prod(places), F // groups).transpose(1, 0, 3, 2).reshape(N, F, *places)
            return y.transpose(np.argsort(out))

        return step

    return rule


def _table(eqn: Any, operand: Any) -> Any:
    p = eqn.params
    return positions(
        operand.aval.shape,
        p["window_dimensions"],
        p["window_strides"],
        p["padding"],
        p.get("base_dilation"),
        p.get("window_dilation"),
    )


def pool(reduction: np.ufunc, padding: arb) -> StepRule:
    """reduce_window_sum, _max, _min. `padding` is the result of an empty reduction."""

    def rule(eqn: Any) -> Evaluation:
        table = _table(eqn, eqn.invars[0])

        def step(x: Any) -> Any:
            elements = np.append(x.ravel(), boxed(padding))
            return boxed(reduction.reduce(elements[table], axis=-1))

        return step

    return rule


def _winner(eqn: Any) -> Callable[[Any, Any], int]:
    """Picks the element that max pooling (or min pooling) lets through: the first of equal bests, as in XLA."""
    name = eqn.params["select_prim"].name
    beats = {"ge": lambda new, best: less(best, new), "le": less}[name]

    def winner(elements: Any, numbers: Any) -> int:
        best, *others = [n for n in numbers if n >= 0]
        for n in others:
            if beats(elements[n], elements[best]):
                best = n
        return int(best)

    return winner


def _select_and_scatter_add(eqn: Any) -> Evaluation:
    """The reverse derivative of max pooling: each cotangent goes to the winner of its window."""
    table, winner = _table(eqn, eqn.invars[1]), _winner(eqn)
    rows = table.reshape(-1, table.shape[-1]).tolist()

    def step(source: Any, operand: Any) -> Any:
        elements = operand.ravel()
        out = np.full(operand.size, ZERO, dtype=object)
        for cotangent, numbers in zip(source.ravel(), rows, strict=True):
            out[winner(elements, numbers)] += cotangent
        return out.reshape(operand.shape)

    return step


def _select_and_gather_add(eqn: Any) -> Evaluation:
    """The forward derivative of max pooling: the tangent of each window's winner."""
    table, winner = _table(eqn, eqn.invars[1]), _winner(eqn)
    rows, shape = table.reshape(-1, table.shape[-1]).tolist(), table.shape[:-1]

    def step(tangents: Any, operand: Any) -> Any:
        elements = operand.ravel()
        return tangents.ravel()[[winner(elements, numbers) for numbers in rows]].reshape(shape)

    return step


RULES: dict[str, StepRule] = {
    "select_and_scatter_add": _select_and_scatter_add,
    "select_and_gather_add": _select_and_gather_add,
}
