"""Does code compute in less than its inputs' dtype on the way? Measured on its values, and looked up in its source."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.problem import in_own_arithmetic, paths
from lstm_ref.oracles.estimate import scales
from lstm_ref.oracles.noise import FLOAT64, noise

FLOAT32_BITS, FLOAT16_BITS = 24, 11
FLOAT32 = 2.0**-16
"""Noise relative to the values, above which it is not that of a few hundred roundings in float32."""
FLOAT16 = 2.0**-3
"""Likewise, in float16."""


def bits_inside(function: Callable[..., Any], inputs: Any, *others: Any) -> int:
    """Bits of the least precise float that a function of the inputs computes with, told by the noise of its values:
    53, 24 or 11. `others` are further arguments, held fixed."""
    leaves, tree = jax.tree.flatten(inputs)
    flat = np.concatenate([np.ravel(np.asarray(v, dtype=np.float64)) for v in leaves])
    sizes = np.cumsum([np.size(v) for v in leaves])[:-1]
    call = in_own_arithmetic(function, inputs, *others)

    def at(points: np.ndarray) -> np.ndarray:
        given_back = []
        for point in points:
            parts = zip(np.split(point, sizes), leaves, strict=True)
            given = jax.tree.unflatten(tree, [p.reshape(np.shape(v)).astype(np.result_type(v)) for p, v in parts])
            outputs = paths(call(given, *jax.tree.map(np.copy, others)))
            given_back.append(np.concatenate([_relative(np.asarray(v, np.float64)) for v in outputs.values()]))
        return np.array(given_back)

    try:
        found = noise(at, flat, scales(leaves))
    except (Exception, SystemExit):  # it fails beside its inputs: nothing is known
        return 53
    # What is nothing but noise is a zero that its terms leave, whatever they are rounded to: a bias before a norm.
    worst = float(np.max(found, initial=0.0, where=found <= FLOAT16))
    return 53 if worst <= FLOAT64 else FLOAT32_BITS if worst <= FLOAT32 else FLOAT16_BITS


def _relative(v: np.ndarray) -> np.ndarray:
    """An output's elements relative to the power of two of its largest: a scale that moves in no small step."""
    size = float(np.max(np.abs(v), initial=0.0, where=np.isfinite(v)))
    return np.ravel(v) / 2.0 ** np.ceil(np.log2(size)) if size > 0 else np.ravel(v)


def name_of(float_bits: int) -> str:
    """Of the dtype."""
    return {24: "float32", 11: "float16"}.get(float_bits, "float64")


def says_inside(which: str, function: Callable[..., Any], float_bits: int) -> str:
    """The sentence on code that computes in less than its inputs' precision."""
    line = line_of(function)
    return (
        f"the {which} computes in {name_of(float_bits)} inside{f' ({line})' if line else ''}: it is judged at the "
        "digits that remain"
    )


def line_of(function: Callable[..., Any]) -> str | None:
    """Where the source of a function's file first names float32 or less, as "line 7: np.zeros((T, H), 'f')"."""
    try:
        module = sys.modules.get(getattr(function, "__module__", "")) or inspect.getmodule(function)
        tree = ast.parse(textwrap.dedent(inspect.getsource(module if module is not None else function)))
    except (OSError, TypeError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(_is_low(part) for part in _names(node)):
            return f"line {node.lineno}: {ast.unparse(node):.60}"
    return None


LOW = {"float32", "float16", "half", "single", "bfloat16", "f", "f4", "<f4", "f2", "<f2", "e"}


def _names(call: ast.Call) -> Iterator[Any]:
    """What a call names: its own last name, and its arguments."""
    yield call.func
    yield from call.args
    yield from (k.value for k in call.keywords)


def _is_low(node: Any) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in {"float32", "float16", "half", "single", "bfloat16"}
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in LOW
