"""torch's autograd, for functions of `+ * @` and of `lstm_ref.arithmetic`, and for torch code without its custom rules.

The rule that differentiates a function must not be the one under test. So before autograd runs, torch code is opened:
each custom `torch.autograd.Function` is replaced by the operations of its forward, and cuts (`detach()`, `.data`,
`no_grad`) are removed. The result is the derivative of the values, by the rules of torch's built-in operations.
Anything that could still be wrong, such as a hook, shows in forward mode: reverse mode is compared with it along random
directions.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import jax
import numpy as np

from lstm_ref.errors import CannotEvaluate, LstmRefError, described, text_of
from lstm_ref.graph.places import is_of_jax
from lstm_ref.leaves import Function
from lstm_ref.oracles.estimate import Estimate, inner

DIRECTIONS = 2
"""Directions in which reverse mode is compared with forward mode; their entries are ±1, so that an error of one element
shows in full."""

HALF_THE_DIGITS = 2.0**-26
"""Largest relative difference between the modes: two orders of one sum do not differ by more. A smaller difference
counts as the oracle's error, a larger one means a wrong rule."""


def torch_autograd(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """`torch.autograd.grad` in float64, of the values alone; the error is the difference from forward mode.

    Torch code is called through the function's attribute `torch`, which takes tensors in place of arrays.

    Args:
        function: A function of pytrees that torch tensors can pass through.
        inputs: A pytree of arrays, the point.
        cotangent: A pytree like the outputs: the weight of each element in Σ cotangent · output.

    Returns:
        The gradient, and one bound of the error for all of its elements.

    Raises:
        CannotEvaluate: torch is not installed, the function is not torch code, or values leave torch on the way.
    """
    if importlib.util.find_spec("torch") is None:
        raise CannotEvaluate("torch is not installed")
    if "torch" not in sys.modules:  # to import it takes longer than a check of a small problem
        _refuse_code_of_numpy_and_jax(function, inputs)
    gradients, tree = _reverse(function, inputs, cotangent, laid_open=True)
    doubt = _mode_difference(function, inputs, cotangent, gradients)
    errors = [np.full(np.shape(g), doubt) for g in gradients]
    return Estimate(jax.tree.unflatten(tree, gradients), jax.tree.unflatten(tree, errors))


NO_TENSORS, LEAVES = "the function does not take torch tensors", "a value leaves torch ({})"
FUNCTIONS_ALONE = re.compile("no callable (exp|expm1|log|log1p|tanh|sin|cos) method")
"""What NumPy says of a function that an array has neither as a method nor as an operator."""
MOST = 20_000
"""Elements above which operators take too long on Python's floats."""


def _refuse_code_of_numpy_and_jax(function: Function, inputs: Any) -> None:
    """Raises CannotEvaluate if arrays of Python's floats show that the code takes no tensors: functions of NumPy and of
    JAX refuse both, and operators take both."""
    leaves, tree = jax.tree.flatten(inputs)
    if sum(map(np.size, leaves)) > MOST:
        return
    try:
        function(jax.tree.unflatten(tree, [np.asarray(v, np.float64).astype(object) for v in leaves]))
    except (Exception, SystemExit) as error:
        if is_of_jax(error):
            raise CannotEvaluate(NO_TENSORS) from error
        if isinstance(error, TypeError) and FUNCTIONS_ALONE.search(text_of(error)):
            raise CannotEvaluate(LEAVES.format("__array__")) from error


def torch_estimator(definition: Function, inputs: Any, cotangent: Any) -> Estimate:
    """`torch.autograd.grad` in float64 of an estimator's definition, with the cuts that its author makes."""
    gradients, tree = _reverse(definition, inputs, cotangent, laid_open=False)
    return Estimate(jax.tree.unflatten(tree, gradients))


def _reverse(function: Function, inputs: Any, cotangent: Any, laid_open: bool) -> tuple[list[np.ndarray], Any]:
    import torch

    tensors = jax.tree.map(lambda v: _tensor(v).requires_grad_(), inputs)
    leaves, tree = jax.tree.flatten(tensors)
    if not leaves:
        return [], tree
    outputs = _outputs(function, tensors, laid_open)
    custom = _custom_rules_in(jax.tree.leaves(outputs))
    if custom:
        raise CannotEvaluate(f"autograd would use a custom rule, which may be the one under test: {', '.join(custom)}")
    with torch.enable_grad():
        try:
            phi = inner(outputs, jax.tree.map(_tensor, cotangent))
            found = torch.autograd.grad(phi, leaves, allow_unused=True)
        except LstmRefError:
            raise
        except Exception as error:
            raise CannotEvaluate(f"torch's autograd fails: {described(error)}") from error
    zeros = [np.zeros(np.shape(v)) for v in leaves]
    return [z if g is None else g.to_dense().numpy() for g, z in zip(found, zeros, strict=True)], tree


def _outputs(function: Function, tensors: Any, laid_open: bool) -> Any:
    import torch

    forward: Callable[..., Any] | None = getattr(function, "torch", None)
    try:
        with _values_alone() if laid_open else torch.enable_grad():
            return (forward or function)(tensors)
    except CannotEvaluate:
        raise
    except Exception as error:
        if forward is None:
            raise CannotEvaluate(NO_TENSORS) from error
        raise CannotEvaluate(f"the code fails under torch's autograd: {described(error)}") from error


def _mode_difference(function: Function, inputs: Any, cotangent: Any, gradients: list[np.ndarray]) -> float:
    """The largest difference between reverse and forward mode along random directions; 0 if an operation has no forward
    mode."""
    from torch.autograd import forward_ad

    rng = np.random.default_rng(0)
    leaves, tree = jax.tree.flatten(inputs)
    worst = 0.0
    for _ in range(DIRECTIONS):
        directions = [rng.choice([-1.0, 1.0], np.shape(v)) for v in leaves]
        try:
            with warnings.catch_warnings(), forward_ad.dual_level():
                warnings.simplefilter("ignore")  # torch warns about how it loads its own rules
                duals = [forward_ad.make_dual(_tensor(v), _tensor(d)) for v, d in zip(leaves, directions, strict=True)]
                outputs = jax.tree.leaves(_outputs(function, jax.tree.unflatten(tree, duals), laid_open=True))
                dots = [forward_ad.unpack_dual(v).tangent for v in outputs]
        except (Exception, CannotEvaluate):
            return worst
        bars = [np.asarray(b, np.float64) for b in jax.tree.leaves(cotangent)]
        forward = [np.sum(b * d.detach().numpy()) for b, d in zip(bars, dots, strict=True) if d is not None]
        reverse = [np.sum(g * d) for g, d in zip(gradients, directions, strict=True)]
        distance = abs(float(np.sum(forward) - np.sum(reverse)))
        size = sum(float(np.sum(np.abs(g))) for g in gradients) + sum(map(abs, map(float, forward)))
        if not distance <= HALF_THE_DIGITS * size:
            raise CannotEvaluate(f"torch's reverse and forward mode differ by {distance:.1e} (a hook, or a wrong rule)")
        worst = max(worst, distance)
    return worst


def _tensor(v: Any) -> Any:
    import torch

    return torch.tensor(np.asarray(v, np.float64))


def _custom_rules_in(outputs: list[Any]) -> list[str]:
    """The names of the custom Functions in the graph of the outputs, including those written in C++."""
    from torch.autograd.function import BackwardCFunction

    found: dict[str, None] = {}
    seen, stack = set(), [v.grad_fn for v in outputs if getattr(v, "grad_fn", None) is not None]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, BackwardCFunction) or "CppNode" in node.name():
            found[node.name().removesuffix("Backward")] = None
        stack += [n for n, _ in node.next_functions if n is not None]
    return list(found)


@contextmanager
def _values_alone() -> Iterator[None]:
    """Inside, torch code runs without custom rules and without cuts."""
    import torch
    from torch.autograd import function as home
    from torch.overrides import TorchFunctionMode

    leaving = {torch.Tensor.item, torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.__float__}
    leaving |= {torch.Tensor.__array__, torch.Tensor.__complex__}

    class Uncut(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            first = args[0] if args else None
            if func in (torch.Tensor.detach, torch.Tensor.detach_, torch.detach) or (
                getattr(func, "__self__", None) is torch.Tensor.data and func.__name__ == "__get__"
            ):
                return first
            if func is torch.tensor and isinstance(first, torch.Tensor):
                return first.clone()
            if getattr(func, "__name__", "") == "_set_grad_enabled":
                return None
            if func in leaving and _is_followed(first):
                raise CannotEvaluate(LEAVES.format(func.__name__))
            if torch.is_inference_mode_enabled():
                raise CannotEvaluate("the code runs in inference mode, where autograd records nothing")
            return func(*args, **(kwargs or {}))

    def primal(cls: Any, *args: Any, **kwargs: Any) -> Any:
        """A Function's forward as plain code."""
        if cls.setup_context is not torch.autograd.Function.setup_context:
            return cls.forward(*args, **kwargs)
        ctx: Any = home.FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(v, torch.Tensor) and v.requires_grad for v in args)
        return cls.forward(ctx, *args, **kwargs)

    with ExitStack() as stack:
        # `Function.apply` calls this, even if the user took a reference to `apply` earlier.
        single = getattr(home, "_SingleLevelFunction", None)
        if single is not None and "apply" not in vars(single):
            single.apply = classmethod(primal)
            stack.callback(delattr, single, "apply")
        stack.enter_context(torch.enable_grad())
        stack.enter_context(Uncut())
        yield


def _is_followed(v: Any) -> bool:
    """Whether autograd follows the value, in reverse or in forward mode."""
    from torch.autograd import forward_ad

    return getattr(v, "requires_grad", False) or (
        forward_ad._current_level >= 0 and forward_ad.unpack_dual(v).tangent is not None
    )
