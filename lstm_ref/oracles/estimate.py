"""The interface of all oracles: `oracle(function, inputs, cotangent) -> Estimate`. It knows nothing about cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.traceable import is_traceable
from lstm_ref.arithmetic.uncompiled import uncompiled
from lstm_ref.errors import CannotEvaluate, text_of
from lstm_ref.graph.places import is_of_jax
from lstm_ref.leaves import Function

BATCH = 256
"""Number of points at which JAX code is evaluated at once: more need memory and save no time."""

MANY_LEAVES = 1000
"""Number of arrays above which a function is not compiled as a whole: XLA's time grows with its square."""


class Estimate(NamedTuple):
    """The gradient of Σ cotangent · function(inputs) with respect to inputs, as one oracle sees it."""

    gradients: Any
    """Pytree like the inputs: float64 arrays, or `Balls`."""
    error: Any = None
    """Pytree like the inputs (`Balls` where the gradients are): the error of each element that the oracle itself
    causes. None: only rounding, which the oracle does not estimate."""
    at_kink: bool = False
    """Whether the function compares equal numbers at these inputs: a kink may lie here, and then values decide
    nothing."""


@contextmanager
def differentiated_by_jax(mode: str) -> Iterator[None]:
    """Turns JAX's refusal to differentiate (a loop whose length changes, in reverse mode; a callback) into
    CannotEvaluate."""
    try:
        yield
    except (TypeError, ValueError, NotImplementedError) as error:
        if not is_of_jax(error):
            raise
        raise CannotEvaluate(f"JAX has no {mode} mode for it: {text_of(error)}") from error


def inner(outputs: Any, cotangent: Any) -> Any:
    """Σ cotangent · output over all elements of all outputs."""
    pairs = zip(jax.tree.leaves(outputs), jax.tree.leaves(cotangent), strict=True)
    return sum((out * bar).sum() for out, bar in pairs)


TINY = 1e-3
"""An input array whose largest element is below this is measured by that element: nanometres, rates of a millionth."""


def scales(leaves: list[Any]) -> np.ndarray:
    """For every element of some arrays, flat, the unit of steps from it: its own size, but at least 1, or, if all
    elements of its array are tiny, the largest of them."""

    def of(v: np.ndarray) -> np.ndarray:
        largest = float(np.max(np.abs(v), initial=0.0, where=np.isfinite(v)))
        return np.maximum(largest if 0 < largest < TINY else 1.0, np.abs(v))

    parts = [of(np.ravel(np.asarray(v, dtype=np.float64))) for v in leaves]
    return np.concatenate(parts or [np.zeros(0)])


class FlatFunction:
    """The function as φ(x) = Σ cotangent · function(inputs) of one flat vector x (N,), evaluated at many points.

    JAX code is vmapped and takes a batch of points at once; NumPy code, and JAX code that takes no batch, is called
    point by point.
    """

    def __init__(self, function: Function, inputs: Any, cotangent: Any) -> None:
        leaves, self._tree = jax.tree.flatten(inputs)
        self._shapes = [np.shape(v) for v in leaves]
        self._ends = np.cumsum([np.size(v) for v in leaves], dtype=int).tolist()
        self.x = np.concatenate([np.ravel(np.asarray(v, dtype=np.float64)) for v in leaves] or [np.zeros(0)])
        self.scales = scales(leaves)
        self._traceable, self._takes_batches = is_traceable(function, inputs), True
        self._function, self._cotangent = function, cotangent
        self._batched: dict[Any, tuple[int, Callable[..., Any]]] = {}
        self._single: dict[Any, Callable[..., Any]] = {}

    def unravel(self, x: Any) -> Any:
        """Flat (N,) vector -> pytree like the inputs."""
        if isinstance(x, jax.Array):
            parts: Any = jnp.split(x, self._ends[:-1])
        else:  # for NumPy code at every point: np.split takes longer than many a function
            parts = [x[a:b] for a, b in zip([0, *self._ends], self._ends, strict=False)]
        return jax.tree.unflatten(self._tree, [v.reshape(s) for v, s in zip(parts, self._shapes, strict=True)])

    def _phi(self, x: Any) -> Any:
        return inner(self._function(self.unravel(x)), self._cotangent)

    def at(self, points: np.ndarray) -> np.ndarray:
        """φ at each row of points (K, N) -> (K,)."""
        if not self._takes_batches:
            if points.dtype not in self._single:
                self._single[points.dtype] = uncompiled(self._phi, self.x.astype(points.dtype))
            return np.array(list(map(self._single[points.dtype], points)), dtype=points.dtype)
        if not self._traceable:
            return np.array([_number(self._phi(p)) for p in points], dtype=points.dtype)
        size, batched = self._batched.get(points.dtype, (0, None))
        # tracing costs more than evaluating a few points beyond need
        if batched is None or size < min(BATCH, len(points)):
            size = min(BATCH, len(points))
            try:
                batched = uncompiled(jax.vmap(self._phi), points[:size])
            except NotImplementedError:  # a callback, or another primitive that takes no batch
                self._takes_batches = False
                return self.at(points)
            self._batched[points.dtype] = size, batched
        padded = np.concatenate([points, np.repeat(points[-1:], -len(points) % size, axis=0)])
        return np.concatenate([batched(padded[k : k + size]) for k in range(0, len(points), size)])[: len(points)]

    def axes(self, steps: np.ndarray, which: np.ndarray | None = None) -> np.ndarray:
        """The points x + steps[k, n] · e_n, ordered by k: steps (K, N) -> (K·N, N); only for the axes in `which`, if
        given."""
        K, n = steps.shape
        which = np.arange(n) if which is None else which
        points = np.empty((K * n, self.x.size), dtype=steps.dtype)
        points[:] = self.x
        points[np.arange(K * n), np.tile(which, K)] += steps.ravel()
        return points


def _number(v: Any) -> Any:
    if isinstance(v, (int, float, complex)):
        return v
    if getattr(v, "shape", None) == ():
        return v[()]
    raise CannotEvaluate(f"the function gave {type(v).__name__}, not a number")
