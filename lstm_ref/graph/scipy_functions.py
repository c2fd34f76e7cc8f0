"""SciPy's functions that recurrent code uses, on traced arrays: of `scipy.special`, `scipy.linalg` and `scipy.signal`.

Options that are not among a function's parameters here are refused by Python itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.scipy.linalg
import numpy as np
import scipy.linalg
import scipy.special

from lstm_ref.graph import functions
from lstm_ref.graph.array import made, session, value_of

# ------------------------------------------------------------------------------------------------------ scipy.special


def softmax(x: Any, axis: Any = None) -> Any:
    """e^x over its sum."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of the softmax."""
    x = x - np.max(x, axis=axis, keepdims=True)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def logsumexp(x: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """The logarithm of the sum of b e^x."""
    top = np.max(x, axis=axis, keepdims=True)
    e = np.exp(x - top) if b is None else b * np.exp(x - top)
    found = np.log(np.sum(e, axis=axis, keepdims=True)) + top
    return found if keepdims else np.squeeze(found, axis) if axis is not None else found.reshape(())[()]


def ndtr(x: Any) -> Any:
    """The normal distribution function."""
    return 0.5 * scipy.special.erfc(-x / np.sqrt(2.0))


def entr(x: Any) -> Any:
    """−x log x."""
    return -scipy.special.xlogy(x, x)


def rel_entr(x: Any, y: Any) -> Any:
    """x log(x / y)."""
    return scipy.special.xlogy(x, x / y)


# ------------------------------------------------------------------------------------------------------- scipy.linalg


def _by_jax(name: str) -> Callable[..., Any]:
    of_scipy, of_jax = getattr(scipy.linalg, name), getattr(jax.scipy.linalg, name)

    def on(
        *xs: Any, overwrite_a: bool = False, overwrite_b: bool = False, check_finite: bool = True, **how: Any
    ) -> Any:
        xs = tuple(map(functions.array, xs))
        return made(of_scipy(*map(value_of, xs), **how), lambda *ps: of_jax(*ps, **how), *xs)

    return on


def _of_differences(name: str) -> Callable[..., Any]:
    """A matrix of the elements of a column, and of a row if one is given, by the difference of their places."""
    of_scipy = getattr(scipy.linalg, name)

    def on(c: Any, r: Any = None) -> Any:
        c = functions.ravel(c)
        r = c if r is None else functions.ravel(r)
        elements = functions.concatenate([c, r])
        n, m = len(value_of(c)), len(value_of(r))
        rows, columns = np.arange(n), n + np.arange(m)
        columns[0] = 0  # which the column gives
        if name == "circulant":
            return elements[of_scipy(rows)]
        return elements[of_scipy(rows, columns)]

    return on


# ------------------------------------------------------------------------------------------------------- scipy.signal


def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """The recurrence a₀ y_t = Σ b_k x_{t−k} − Σ a_k y_{t−k}."""
    if zi is not None:
        session().refuse("scipy.signal.lfilter with an initial state")
    b, a = functions.ravel(b), functions.ravel(a)
    x = functions.moveaxis(functions.array(x), axis, 0)
    ys: list[Any] = []
    for t in range(np.shape(value_of(x))[0]):
        y = sum(b[k] * x[t - k] for k in range(min(t + 1, len(value_of(b)))))
        y = y - sum(a[k] * ys[t - k] for k in range(1, min(t + 1, len(value_of(a)))))
        ys.append(y / a[0])
    return functions.moveaxis(functions.stack(ys), 0, axis)


def convolve(x: Any, v: Any, mode: str = "full", **_: Any) -> Any:
    """Convolution of vectors; how it is computed is not followed."""
    if np.ndim(value_of(x)) != 1:
        session().refuse("scipy.signal's convolution of more than one axis")
    if mode != "full" and len(value_of(x)) < len(value_of(v)):
        session().refuse("scipy.signal's convolution with a longer second array")
    return functions.convolve(x, v, mode)


OURS: dict[str, dict[str, Callable[..., Any]]] = {
    "scipy.special": {
        "softmax": softmax,
        "log_softmax": log_softmax,
        "logsumexp": logsumexp,
        "ndtr": ndtr,
        "entr": entr,
        "rel_entr": rel_entr,
    },
    "scipy.linalg": {
        **{
            name: _by_jax(name)
            for name in ("inv", "solve", "solve_triangular", "cholesky", "det", "expm", "block_diag")
        },
        "toeplitz": _of_differences("toeplitz"),
        "circulant": _of_differences("circulant"),
        "norm": functions.norm,
    },
    "scipy.signal": {"lfilter": lfilter, "convolve": convolve, "fftconvolve": convolve},
}
"""By module and name."""
