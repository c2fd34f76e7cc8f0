"""Finds code that computes in lower precision than its inputs' dtype, by the noise of its values and in its source."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import jax
import numpy as np

from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.arithmetic.traceable import is_traceable
from lstm_ref.arithmetic.walk import inner_jaxprs
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking.function.run import as_it_runs, is_jax
from lstm_ref.leaves import paths
from lstm_ref.oracles.estimate import scales
from lstm_ref.oracles.noise import FLOAT64, staircase
from lstm_ref.places import is_ours

FLOAT32_BITS, FLOAT16_BITS = 24, 11
NOTHING = 2.0**-40
"""Outputs below this part of the largest output are ignored: it is far below float32's rounding of a zero, and far
above float64's."""
FLOAT32 = 2.0**-16
"""Relative noise above this level is more than a few hundred roundings in float32 make."""
FLOAT16 = 2.0**-3
"""The same level for float16."""


_known: WeakKeyDictionary[Any, dict[Any, int]] = WeakKeyDictionary()


def bits_inside(function: Callable[..., Any], inputs: Any, *others: Any) -> int:
    """Significant bits (53, 24 or 11) of the least precise float in which a function computes, inferred from the noise
    of its values. `others` are further arguments, held fixed."""
    key = tuple(str(np.result_type(v)) for v in jax.tree.leaves((inputs, others)))
    try:
        found = _known.setdefault(function, {})  # a diagnosis asks many times about the same code
    except TypeError:
        return _measure_bits(function, inputs, *others)
    if key not in found:
        found[key] = _measure_bits(function, inputs, *others)
    return found[key]


def _measure_bits(function: Callable[..., Any], inputs: Any, *others: Any) -> int:
    """`bits_inside`, measured with at most 90 evaluations."""
    leaves, tree = jax.tree.flatten(inputs)
    flat = np.concatenate([np.ravel(np.asarray(v, dtype=np.float64)) for v in leaves])
    ends = np.cumsum([np.size(v) for v in leaves]).tolist()
    parts = [(slice(a, b), np.shape(v), np.result_type(v)) for a, b, v in zip([0, *ends], ends, leaves, strict=False)]
    call = as_it_runs(function, is_jax(function, inputs, *others))
    largest: list[list[float]] = []  # of each output, on each line
    lengths: list[int] = []

    def at(points: Iterator[np.ndarray]) -> np.ndarray:
        values = []
        for point in points:
            given = jax.tree.unflatten(tree, [point[p].reshape(shape).astype(dtype) for p, shape, dtype in parts])
            found = paths(call(given, *jax.tree.map(np.copy, others)))
            outputs = [np.ravel(np.asarray(v, np.float64)) for v in found.values()]
            largest.append([float(np.max(np.abs(v), initial=0.0, where=np.isfinite(v))) for v in outputs])
            lengths[:] = [v.size for v in outputs]
            values.append(np.concatenate(outputs))
        return np.array(values)

    try:
        steps = staircase(at, flat, scales(leaves))
    except (Exception, SystemExit):  # the function fails near its inputs: nothing can be inferred
        return 53
    relative = _relative(steps, lengths, np.max(largest, axis=0))
    # The same for single elements: noise larger than float16's is not rounding.
    worst = float(np.max(relative, initial=0.0, where=relative <= FLOAT16))
    return 53 if worst <= FLOAT64 else FLOAT32_BITS if worst <= FLOAT32 else FLOAT16_BITS


def bits_of_program(function: Callable[..., Any], inputs: Any, *others: Any) -> int:
    """Significant bits of the least precise float in a program, where values may not show it; 53 where they do. XLA may
    compile away a cast to float32 and back in a JAX function's jaxpr, while autodiff still computes in float32 there.
    Code in bfloat16, which torch's operations tell, looks like a function that jumps."""
    if hasattr(function, "least_bits"):
        found: int = function.least_bits(inputs, *others)
        return found if found < FLOAT16_BITS else 53
    if others or not is_traceable(function, inputs):
        return 53
    with x64():
        return _least_bits(jax.make_jaxpr(function)(inputs).jaxpr)


def _least_bits(jaxpr: Any) -> int:
    found = [53]
    for eqn in jaxpr.eqns:
        dtypes = [getattr(v.aval, "dtype", None) for v in eqn.outvars]
        found += [bits(d) for d in dtypes if d is not None and jax.numpy.issubdtype(d, np.floating)]
        found += map(_least_bits, inner_jaxprs(eqn))
    return min(found)


def _relative(noise: np.ndarray, lengths: list[int], sizes: np.ndarray) -> np.ndarray:
    """The noise of outputs of some lengths, each relative to the output's largest element at any point. Negligible
    outputs are left out: a zero left over from cancelling terms is all noise, in any precision."""
    of_each = np.split(noise, np.cumsum(lengths)[:-1])
    return np.concatenate(
        [[0.0], *(v / size for v, size in zip(of_each, sizes, strict=True) if size > NOTHING * max(sizes))]
    )


def name_of(float_bits: int) -> str:
    """Name of the dtype with so many significant bits."""
    return {24: "float32", 11: "float16", 8: "bfloat16"}.get(float_bits, "float64")


def says_inside(which: str, function: Callable[..., Any], float_bits: int) -> str:
    """The remark on code that computes in lower precision than its inputs'."""
    line = line_of(function)
    return (
        f"the {which} computes in {name_of(float_bits)} inside{f' ({line})' if line else ''}: it is judged at the "
        "digits that remain"
    )


def line_of(function: Callable[..., Any]) -> str | None:
    """Where the source of a function, or of its module, first names float32 or less: "line 7: np.zeros((T, H),
    'f')"."""
    own = inspect.unwrap(function)
    return _first_low(own) or _first_low(sys.modules.get(getattr(own, "__module__", "")) or inspect.getmodule(own))


def _first_low(code: Any) -> str | None:
    try:
        if is_ours(inspect.getfile(code)):  # the adapter around torch code, which says nothing of that code
            return None
        lines, start = inspect.getsourcelines(code)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(_is_low(part) for part in _names(node)):
            return f"line {node.lineno + max(start, 1) - 1}: {ast.unparse(node):.60}"
    return None


LOW = {"float32", "float16", "half", "single", "bfloat16", "f", "f4", "<f4", "f2", "<f2", "e"}


def _names(call: ast.Call) -> Iterator[Any]:
    """The names in a call: the last part of the function's name, and the arguments."""
    yield call.func
    yield from call.args
    yield from (k.value for k in call.keywords)


def _is_low(node: Any) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in {"float32", "float16", "half", "single", "bfloat16"}
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in LOW
