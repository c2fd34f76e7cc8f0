"""Backward passes that live elsewhere, as problems: of a JAX function's custom rule, of torch code in any precision."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.names import without_custom_rules
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.errors import BadInput


def custom_vjp(function: Callable[..., Any], *arguments: Any, name: str | None = None) -> Problem:
    """The derivative that JAX takes of a function, custom rules and all, against the function itself without them.

    `function` is a `jax.custom_vjp` (or `custom_jvp`), or any JAX function with such in it; `arguments` are those it is
    checked at, called after its parameters. Arguments that hold no floats (indices, flags, None) are held fixed.
    Raises BadInput where no argument holds floats.
    """
    called = _name_of(function, name)
    names = _argument_names(function, len(arguments))
    inputs = {n: jax.tree.map(np.asarray, v) for n, v in zip(names, arguments, strict=True) if _holds_floats(v)}
    if not inputs:
        raise BadInput(f"{called}: none of the {len(arguments)} arguments holds floats")

    def call(values: Any) -> Any:
        return function(*(values.get(n, v) for n, v in zip(names, arguments, strict=True)))

    def backward(values: Any, bars: Any) -> Any:
        _, vjp = jax.vjp(call, values)
        return vjp(bars)[0]

    return problem(inputs, forward=without_custom_rules(call), backward=backward, name=called)


def torch_function(function: Callable[..., Any], *arguments: Any, name: str | None = None) -> Problem:
    """The backward pass of torch code against differences of its forward in float64.

    `function` is a `torch.nn.Module`, the `apply` of a `torch.autograd.Function`, or any function of tensors that gives
    a tensor or a nested tuple, list or dict of tensors; `arguments` are such too, the floating ones of one dtype:
    float64, float32, bfloat16 or float16, the arithmetic in which the backward pass is judged. A module's parameters
    that require a gradient are inputs by their own names. The module and the tensors are copied, never written to; it
    is run as it is, so call `eval()` first if it draws random numbers. Raises BadInput where torch is not installed or
    dtypes differ.
    """
    try:
        import torch
    except ImportError:
        raise BadInput("torch code cannot be checked: torch is not installed") from None
    called = _name_of(function, name)
    module = copy.deepcopy(function) if isinstance(function, torch.nn.Module) else None
    names = _argument_names(module.forward if module is not None else function, len(arguments))
    leaves = {n: jax.tree.flatten(v, is_leaf=lambda t: t is None) for n, v in zip(names, arguments, strict=True)}
    floating = {
        n if len(found) == 1 else f"{n}.{k}": v
        for n, (found, _) in leaves.items()
        for k, v in enumerate(found)
        if _is_floating(torch, v)
    }
    parameters = {} if module is None else {n: p for n, p in module.named_parameters() if p.requires_grad}
    clash = set(floating) & {n.split(".")[0] for n in parameters}
    if clash:
        raise BadInput(f"{called}: {', '.join(sorted(clash))} is both a parameter and an argument of the module")
    dtypes = {str(v.dtype) for v in (*floating.values(), *parameters.values())}
    if len(dtypes) != 1:
        raise BadInput(
            f"{called}: floating arguments and parameters must share one dtype, got {sorted(dtypes) or 'none'}"
        )
    inputs = {n: _to_numpy(torch, v) for n, v in {**parameters, **floating}.items()}

    def run(tensors: dict[str, Any]) -> Any:
        given = [
            jax.tree.unflatten(
                tree, [tensors.get(n if len(found) == 1 else f"{n}.{k}", v) for k, v in enumerate(found)]
            )
            for n, (found, tree) in leaves.items()
        ]
        if module is None:
            return function(*given)
        own = copy.deepcopy(module).to(next(iter(tensors.values())).dtype)
        return torch.func.functional_call(own, {n: tensors[n] for n in parameters}, tuple(given))

    def forward(values: Any) -> Any:
        _numpy_alone(values)
        with torch.no_grad():
            return _mapped(
                lambda v: _to_numpy(torch, v), run({n: _to_torch(torch, v) for n, v in values.items()}), called
            )

    def backward(values: Any, bars: Any) -> Any:
        _numpy_alone(values)
        tensors = {n: _to_torch(torch, v).requires_grad_() for n, v in values.items()}
        outputs = [v for v in jax.tree.leaves(_mapped(lambda v: [v], run(tensors), called)) if v.requires_grad]
        cotangents = [_to_torch(torch, np.asarray(b)) for b in jax.tree.leaves(bars)]
        if len(outputs) != len(cotangents):
            raise BadInput(f"{called}: {len(cotangents) - len(outputs)} of its outputs do not depend on its inputs")
        found = torch.autograd.grad(outputs, list(tensors.values()), cotangents, allow_unused=True)
        return {n: _to_numpy(torch, g) for n, g in zip(tensors, found, strict=True) if g is not None}

    return problem(inputs, forward=forward, backward=backward, name=called)


def _name_of(function: Any, name: str | None) -> str:
    if not callable(function):
        raise BadInput(f"a function is to be checked, got {type(function).__name__}")
    return str(name or getattr(function, "__name__", None) or type(function).__name__)


def _argument_names(function: Any, count: int) -> list[str]:
    """The names of the first positional parameters; argument_0 … where they cannot be told."""
    try:
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        names = [n for n, p in inspect.signature(function).parameters.items() if p.kind in kinds]
    except (TypeError, ValueError):
        names = []
    return [names[k] if k < len(names) else f"argument_{k}" for k in range(count)]


def _holds_floats(value: Any) -> bool:
    leaves = jax.tree.leaves(value)
    return bool(leaves) and all(
        isinstance(v, float) or (hasattr(v, "dtype") and jax.numpy.issubdtype(v.dtype, np.floating)) for v in leaves
    )


def _numpy_alone(values: Any) -> None:
    """Torch code cannot be traced by JAX, and knows no balls."""
    for v in jax.tree.leaves(values):
        if not isinstance(v, np.ndarray) or v.dtype == object or v.dtype.kind == "c":
            raise TypeError("torch code takes real arrays of floats")


def _is_floating(torch: Any, value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype.is_floating_point


def _mapped(change: Callable[[Any], Any], outputs: Any, name: str) -> Any:
    leaves, tree = jax.tree.flatten(outputs)
    for v in leaves:
        if not (hasattr(v, "requires_grad") and v.dtype.is_floating_point):
            raise BadInput(f"{name}: outputs must be floating tensors, got {type(v).__name__}")
    return jax.tree.unflatten(tree, [change(v) for v in leaves])


def _to_numpy(torch: Any, tensor: Any) -> np.ndarray:
    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:  # which NumPy has from ml_dtypes, through JAX
        return np.asarray(tensor.float().numpy()).astype(jax.numpy.bfloat16)
    return np.array(tensor.numpy())


def _to_torch(torch: Any, array: Any) -> Any:
    array = np.asarray(array)
    if array.dtype == jax.numpy.bfloat16:
        return torch.tensor(array.astype(np.float32)).to(torch.bfloat16)
    return torch.tensor(array)
