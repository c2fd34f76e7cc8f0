"""Any JAX function in float64, run without XLA: its jaxpr is walked, and NumPy computes equation by equation.

A function that runs once takes longer to compile than to run: a gradient of a few hundred equations takes XLA a tenth
of a second and more, NumPy a few milliseconds. Where NumPy has no equivalent, JAX computes the primitive itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr

from lstm_ref.arithmetic import movement, on_numpy
from lstm_ref.arithmetic.jaxpr import Numbers, Prepared
from lstm_ref.arithmetic.movement import Evaluation, StepRule
from lstm_ref.arithmetic.primitives import EXACT, dot_general, is_key
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import UnknownPrimitive


def uncompiled(function: Callable[..., Any], *example: Any) -> Callable[..., Any]:
    """`function` for NumPy arrays with the shapes and dtypes of these examples. It is traced here; JAX's errors pass
    through.

    A function that contains a program NumPy cannot walk into (a kernel, a solver) is compiled instead.
    """
    with x64():
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*example)
    avals, outputs = [v.aval for v in closed.jaxpr.invars], jax.tree.structure(shape)
    try:
        prepared = Prepared(closed, FLOATS)
    except UnknownPrimitive:
        return _compiled(function)

    def run(*arguments: Any) -> Any:
        values = [_constant(aval, x) for aval, x in zip(avals, jax.tree.leaves(arguments), strict=True)]
        with np.errstate(all="ignore"):
            return jax.tree.unflatten(outputs, prepared(*values))

    return run


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    jitted = jax.jit(function)

    def run(*arguments: Any) -> Any:
        with x64():
            return jax.tree.map(np.asarray, jitted(*arguments))

    return run


def _constant(aval: Any, x: Any) -> Any:
    """A value from outside, in the form the walk uses: a NumPy array, or JAX's keys."""
    return x if is_key(aval) else np.asarray(x, dtype=aval.dtype)


def _step_for(eqn: Any) -> Evaluation:
    """Computes the equation by NumPy where NumPy means the same, else by JAX."""
    name, avals = eqn.primitive.name, [v.aval for v in (*eqn.invars, *eqn.outvars)]
    dtypes = {_name(getattr(a, "dtype", None)) for a in avals}
    if name in movement.ANY_DTYPE and not any(map(is_key, avals)):
        return movement.ANY_DTYPE[name](eqn)
    if (dtypes <= {"float64", "bool"} and name in RULES) or (dtypes == {"complex128"} and name in ANALYTIC):
        return RULES[name](eqn)
    if (
        name == "convert_element_type"
        and dtypes <= INTEGERS | {"float64"}
        and _name(avals[-1].dtype) in ("float64", "bool")
    ):
        return lambda x, *_: x.astype(avals[-1].dtype)
    if dtypes <= INTEGERS and name in EXACT:
        return EXACT[name](eqn)
    return _native(eqn)


@cache  # NumPy makes the name anew each time
def _name(dtype: Any) -> str:
    """The dtype's name; empty for what has none."""
    return getattr(dtype, "name", "")


def _native(eqn: Any) -> Evaluation:
    """JAX's own evaluation of one equation. Raises UnknownPrimitive where the equation contains a program."""
    inner = [v for v in eqn.params.values() if isinstance(v, (Jaxpr, ClosedJaxpr))]
    if inner and not eqn.primitive.name.startswith("scatter"):
        raise UnknownPrimitive(f"{eqn.primitive.name} can be computed only by XLA")

    avals = [v.aval for v in eqn.invars]

    def step(*operands: Any) -> Any:
        given = [_constant(aval, x) for aval, x in zip(avals, operands, strict=True)]  # a sweep computes in float64
        with x64():
            out = eqn.primitive.bind(*given, **eqn.params)
        taken = [x if is_key(x) else np.asarray(x) for x in (out if eqn.primitive.multiple_results else [out])]
        return taken if eqn.primitive.multiple_results else taken[0]

    return step


def _numpy(f: Callable[..., Any]) -> StepRule:
    return lambda eqn: lambda *xs: np.asarray(f(*xs))


def _sum(eqn: Any) -> Evaluation:
    axes = tuple(eqn.params["axes"])
    wide = np.longdouble if eqn.outvars[0].aval.dtype == np.float64 else np.clongdouble  # the extra digits cost nothing
    return lambda x: np.asarray(np.add.reduce(x, axis=axes, dtype=wide), dtype=x.dtype)


def _integer_pow(eqn: Any) -> Evaluation:
    n = eqn.params["y"]
    if n < 0:
        return _native(eqn)

    def step(x: Any) -> Any:
        power = np.ones_like(x) if n == 0 else x
        for _ in range(n - 1):
            power = power * x
        return np.asarray(power)

    return step if n <= 4 else _native(eqn)


RULES: dict[str, StepRule] = {
    "add": _numpy(np.add),
    "add_any": _numpy(np.add),
    "sub": _numpy(np.subtract),
    "mul": _numpy(np.multiply),
    "div": _numpy(np.divide),
    "neg": _numpy(np.negative),
    "max": _numpy(np.maximum),
    "min": _numpy(np.minimum),
    "abs": _numpy(np.abs),
    "square": _numpy(np.square),
    "sqrt": _numpy(np.sqrt),
    "exp": _numpy(np.exp),
    "log": _numpy(np.log),
    "log1p": _numpy(np.log1p),
    "expm1": _numpy(np.expm1),
    "tanh": _numpy(np.tanh),
    "sin": _numpy(np.sin),
    "cos": _numpy(np.cos),
    "logistic": _numpy(on_numpy.sigmoid),
    "integer_pow": _integer_pow,
    "dot_general": lambda eqn: dot_general(eqn, np.matmul),
    "reduce_sum": _sum,
    "eq": _numpy(np.equal),
    "ne": _numpy(np.not_equal),
    "lt": _numpy(np.less),
    "le": _numpy(np.less_equal),
    "gt": _numpy(np.greater),
    "ge": _numpy(np.greater_equal),
    "reduce_max": lambda eqn: (
        lambda x: np.asarray(np.maximum.reduce(x, axis=tuple(eqn.params["axes"]), initial=-np.inf))
    ),
}
"""Functions of float64, and comparisons."""
INTEGERS = {"bool", *(f"{sign}int{n}" for sign in ("", "u") for n in (8, 16, 32, 64))}
ANALYTIC = {
    *("add", "add_any", "sub", "mul", "div", "neg", "square", "exp", "tanh", "sin", "cos", "logistic"),
    *("integer_pow", "dot_general", "reduce_sum"),
}
"""Functions that NumPy continues to complex numbers as JAX does."""

FLOATS = Numbers(_constant, _step_for)
