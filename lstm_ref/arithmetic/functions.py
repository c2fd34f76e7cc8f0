"""One name for each elementary function in every arithmetic: JAX, NumPy (float or complex), balls, torch.

`tanh(x)` looks at `x` and calls the function of its arithmetic. Everything else a cell needs (`+ * @ .T .sum`) the
arrays provide themselves. All functions are stable at |x| = 1e4. At its kink, `relu` has the subgradient 0, as in JAX
and torch.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic import on_balls, on_jax, on_numpy
from lstm_ref.arithmetic.balls import is_balls


def _arithmetic_of(*values: Any) -> ModuleType:
    """The module of functions for these values. Where arithmetics are mixed, plain numbers are converted to the other
    one. An arithmetic of a later floor is named by its arrays themselves, as `elementary_functions`."""
    for v in values:
        if type(v) is not np.ndarray or v.dtype.hasobject:
            break
    else:  # nearly always, so it is asked first
        return on_numpy
    for v in values:
        if hasattr(v, "elementary_functions"):
            return v.elementary_functions
    if any(isinstance(v, jax.Array) for v in values):
        return on_jax
    if any(is_balls(v) for v in values):
        return on_balls
    torch = sys.modules.get("torch")
    if torch is not None and any(isinstance(v, torch.Tensor) for v in values):
        from lstm_ref.arithmetic import on_torch

        return on_torch
    return on_numpy


def _array(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, (bool, int, float, complex)) else x


def exp(x: Any) -> Any:
    """eˣ, elementwise."""
    return _arithmetic_of(x).exp(_array(x))


def log(x: Any) -> Any:
    """ln x, elementwise."""
    return _arithmetic_of(x).log(_array(x))


def sqrt(x: Any) -> Any:
    """Square root, elementwise."""
    return _arithmetic_of(x).sqrt(_array(x))


def tanh(x: Any) -> Any:
    """Hyperbolic tangent, elementwise; tanh' = 1 − tanh²."""
    return _arithmetic_of(x).tanh(_array(x))


def sigmoid(x: Any) -> Any:
    """σ(x) = 1 / (1 + e⁻ˣ), elementwise; σ' = σ (1 − σ)."""
    return _arithmetic_of(x).sigmoid(_array(x))


def relu(x: Any) -> Any:
    """max(x, 0), elementwise."""
    return _arithmetic_of(x).relu(_array(x))


def step(x: Any) -> Any:
    """The derivative of `relu`: 1 where x > 0, else 0, in x's dtype."""
    return _arithmetic_of(x).step(_array(x))


def maximum(x: Any, y: Any) -> Any:
    """The larger of x and y, elementwise."""
    return _arithmetic_of(x, y).maximum(x, y)


def clip(x: Any, bound: float) -> Any:
    """x limited to [-bound, bound]; the derivative at the bound itself is 1."""
    return _arithmetic_of(x).clip(_array(x), bound)


def softplus(x: Any) -> Any:
    """ln(1 + eˣ), elementwise; its derivative is `sigmoid`."""
    return _arithmetic_of(x).softplus(_array(x))


def log_sigmoid(x: Any) -> Any:
    """ln σ(x) = −softplus(−x), elementwise."""
    return _arithmetic_of(x).log_sigmoid(_array(x))


def softmax(x: Any, axis: int = -1) -> Any:
    """eˣ / Σ eˣ along `axis`."""
    return _arithmetic_of(x).softmax(_array(x), axis)


def logsumexp(x: Any, axis: int = -1) -> Any:
    """ln Σ eˣ along `axis`, which is removed; its gradient is `softmax`."""
    return _arithmetic_of(x).logsumexp(_array(x), axis)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y, elementwise."""
    return _arithmetic_of(condition, x, y).where(condition, x, y)


def scatter_add(zeros: Any, rows: Any, values: Any) -> Any:
    """`zeros` (V, ...) with values[n] added to row rows[n] for every n; rows (N,), values (N, ...). Repeated rows add
    up."""
    return _arithmetic_of(zeros, values).scatter_add(zeros, rows, values)


def scan(step: Any, carry: Any, xs: Any, reverse: bool = False) -> tuple[Any, Any]:
    """`jax.lax.scan`; on arrays that are not JAX's, the same as a plain loop. With no steps, ys have the carry's
    shape."""
    if any(isinstance(v, jax.Array) for v in jax.tree.leaves((carry, xs))):
        return jax.lax.scan(step, carry, xs, reverse=reverse)
    T = len(jax.tree.leaves(xs)[0])
    ys: list[Any] = [None] * T
    for t in reversed(range(T)) if reverse else range(T):
        carry, ys[t] = step(carry, jax.tree.map(lambda v: v[t], xs))  # noqa: B023
    return carry, jax.tree.map(lambda *y: stack(y), *ys) if ys else jax.tree.map(lambda v: v[None][:0], carry)


def concatenate(arrays: Any, axis: int = 0) -> Any:
    """The arrays joined along an existing axis."""
    return _arithmetic_of(*arrays).concatenate(arrays, axis)


def stack(arrays: Any, axis: int = 0) -> Any:
    """The arrays joined along a new axis."""
    return _arithmetic_of(*arrays).stack(arrays, axis)
