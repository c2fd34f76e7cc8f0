"""Checks the derivative that JAX takes of a function, custom rules included, against the function without those
rules."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking.code.adapters.signature import argument_names, name_of
from lstm_ref.checking.function.rerun import without_custom_rules
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.errors import BadInput, described


def custom_vjp(function: Callable[..., Any], *arguments: Any, name: str | None = None) -> Problem:
    """A problem that checks JAX's derivative of a function, custom rules included, against the function without the
    rules.

    Args:
        function: A `jax.custom_vjp` or `jax.custom_jvp`, or any JAX function that contains some.
        *arguments: The arguments at which to check. Every floating array or float in them becomes an input, named after
            its parameter and its path. A complex array becomes two inputs, its real and its imaginary part. Everything
            else (indices, flags, functions, None) is held fixed, and so are arguments in `nondiff_argnums`. The report
            notes which outputs are left out because they are not floats.
        name: What the report calls the problem; by default the function's name.

    Returns:
        A `Problem` for `check_gradients` or `assert_gradients`.

    Raises:
        BadInput: No argument or no output holds floats, or JAX cannot trace the function.

    Example:
        >>> import jax, jax.numpy as jnp, lstm_ref
        >>> @jax.custom_vjp
        ... def square(x):
        ...     return x * x
        >>> square.defvjp(lambda x: (x * x, x), lambda x, bar: (3 * x * bar,))
        >>> lstm_ref.check_gradients(lstm_ref.custom_vjp(square, jnp.arange(3.0))).verdict
        'wrong'
    """
    called = name_of(function, name)
    names = argument_names(function, len(arguments))
    fixed = set(_nondifferentiable(function))
    open_to = [k for k in range(len(arguments)) if k not in fixed]
    remarks: list[str] = []
    if not any(_is_number(v) for k in open_to for v in jax.tree.leaves(arguments[k])):
        raise BadInput(f"{called}: none of the {len(arguments)} arguments holds floats")
    if not _has_derivative(function, arguments, open_to):
        # A plain number is often a setting that goes to a rule inside by `nondiff_argnums`.
        arrays = [k for k in open_to if not isinstance(arguments[k], (float, complex))]
        if arrays and len(arrays) < len(open_to) and _has_derivative(function, arguments, arrays):
            settings = ", ".join(names[k] for k in open_to if k not in arrays)
            remarks.append(f"held fixed, because JAX takes no derivative with respect to it: {settings}")
            open_to = arrays
    weak = _weak_of(arguments)
    inputs = {names[k]: _inputs_of(arguments[k], weak) for k in open_to}
    inputs = {n: v for n, v in inputs.items() if jax.tree.leaves(v)}

    def whole(values: Any) -> Any:
        return function(*(_merge(v, values[n]) if n in values else v for n, v in zip(names, arguments, strict=True)))

    outputs = _outputs_of(whole, inputs, called)

    def call(values: Any) -> Any:
        return jax.tree.map(_comparable_parts, outputs, whole(values))

    def backward(values: Any, bars: Any) -> Any:
        _, vjp = jax.vjp(call, values)
        return vjp(bars)[0]

    split = [names[k] for k in open_to if any(map(_is_complex, jax.tree.leaves(arguments[k])))]
    remarks += [f"complex, so each is two inputs: {', '.join(split)}"] * bool(split)
    remarks += _remarks_on_left_out(outputs, called)
    made = problem(inputs, forward=without_custom_rules(call), backward=backward, name=called)
    return replace(made, rule_outputs=lambda values: jax.vjp(call, values)[0], remarks=tuple(remarks))


def _nondifferentiable(function: Any) -> tuple[int, ...]:
    """Positions of the arguments that a custom rule excludes from the derivative."""
    given = getattr(function, "nondiff_argnums", ())
    return tuple(given) if isinstance(given, (tuple, list)) else (given,)


def _has_derivative(function: Callable[..., Any], arguments: tuple[Any, ...], open_to: list[int]) -> bool:
    """Whether JAX can take the derivative with respect to the numbers in these arguments."""

    def call(given: list[Any]) -> Any:
        merged = dict(zip(open_to, given, strict=True))
        outputs = function(*(_merge(v, merged[k]) if k in merged else v for k, v in enumerate(arguments)))
        return jax.tree.map(_comparable_parts, outputs, outputs)

    try:
        with x64():
            weak = _weak_of(arguments)
            jax.eval_shape(lambda given: jax.vjp(call, given)[0], [_inputs_of(arguments[k], weak) for k in open_to])
    except Exception:
        return False
    return True


def _outputs_of(whole: Callable[[Any], Any], inputs: Any, called: str) -> Any:
    """The outputs' shapes and dtypes. Raises BadInput with JAX's own message where JAX cannot trace the function."""
    try:
        with x64():
            return jax.eval_shape(whole, inputs)
    except Exception as error:
        why = described(error)
        with x64(False), suppress(Exception):
            jax.eval_shape(whole, inputs)
            why = (
                "it runs in float32 alone. A check switches float64 on, where a NumPy number such as np.sqrt(3) makes "
                "float64 of what it meets: write float(np.sqrt(3))"
            )
        raise BadInput(f"{called} fails: {why}") from error


def _remarks_on_left_out(outputs: Any, called: str) -> list[str]:
    """A remark on the outputs that are not floats. Raises BadInput if no output is left."""
    leaves = jax.tree_util.tree_flatten_with_path(outputs)[0]
    left = [
        f"{jax.tree_util.keystr(path, simple=True, separator='.') or 'the output'} ({v.dtype})"
        for path, v in leaves
        if not _is_number(v)
    ]
    if len(left) == len(leaves):
        raise BadInput(f"{called}: none of its outputs holds floats: {', '.join(left) or 'there is none'}")
    return [f"outputs left out, because they are not floats: {', '.join(left)}"] if left else []


def _comparable_parts(shape: Any, v: Any) -> Any:
    """The part of an output that is compared: none of it if it holds no floats, two parts if it is complex."""
    if not _is_number(shape):
        return None
    return {"real": jnp.real(v), "imag": jnp.imag(v)} if _is_complex(shape) else v


def _is_number(v: Any) -> bool:
    return isinstance(v, (float, complex)) or (hasattr(v, "dtype") and jnp.issubdtype(v.dtype, jnp.inexact))


def _is_complex(v: Any) -> bool:
    return isinstance(v, complex) or (hasattr(v, "dtype") and jnp.issubdtype(v.dtype, jnp.complexfloating))


def _inputs_of(argument: Any, weak: Any) -> Any:
    """The numbers of an argument, in its own structure, or by path if the argument holds other things too.

    A complex number becomes two parts. A number without a dtype takes `weak`, because JAX lets it follow the arrays.
    """

    def leaf(v: Any) -> Any:
        if not hasattr(v, "dtype"):
            v = np.asarray(v, (weak.type(0) + 0j).dtype if isinstance(v, complex) else weak)
        v = np.asarray(v)
        return {"real": np.ascontiguousarray(v.real), "imag": np.ascontiguousarray(v.imag)} if _is_complex(v) else v

    if _is_plain(argument):
        return jax.tree.map(leaf, argument)
    return {path: leaf(v) for path, v in _by_path(argument) if _is_number(v)}


def _merge(argument: Any, values: Any) -> Any:
    """The argument with its numbers replaced by `values`, in the form that `_inputs_of` returns."""
    leaves: list[Any]
    tree: Any
    leaves, tree = jax.tree.flatten(argument)
    if _is_plain(argument):
        found = iter(tree.flatten_up_to(values))
    else:
        found = iter([values[path] for path, v in _by_path(argument) if _is_number(v)])
    return jax.tree.unflatten(tree, [_join(v, next(found)) if _is_number(v) else v for v in leaves])


def _join(before: Any, value: Any) -> Any:
    return jax.lax.complex(value["real"], value["imag"]) if _is_complex(before) else value


def _is_plain(tree: Any) -> bool:
    """Whether the tree is numbers in dicts, lists and tuples only; other classes may transform the arrays given to
    them."""
    if isinstance(tree, dict):
        return all(map(_is_plain, tree.values()))
    if isinstance(tree, (list, tuple)):
        return all(map(_is_plain, tree))
    return _is_number(tree)


def _by_path(tree: Any) -> list[tuple[str, Any]]:
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [(jax.tree_util.keystr(path, simple=True, separator=".") or "value", v) for path, v in flat]


def _weak_of(arguments: Any) -> Any:
    """The dtype that numbers without one take when they meet these arguments."""
    dtypes = [v.dtype for v in jax.tree.leaves(arguments) if hasattr(v, "dtype") and _is_number(v)]
    with x64():
        return np.dtype(jnp.finfo(jnp.result_type(*dtypes)).dtype) if dtypes else np.dtype(np.float64)
