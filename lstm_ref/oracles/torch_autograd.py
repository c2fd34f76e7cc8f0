"""torch's autograd: of `+ * @`, of `lstm_ref.arithmetic`, or of torch code, whose own derivative rules it never asks.

What differentiates a function must not be what is under test. Before autograd runs, torch code is laid open: a custom
`torch.autograd.Function` is replaced by the operations of its forward, and cuts (`detach()`, `.data`, `no_grad`) are
taken out, so that the values' own derivative comes out, by the rules of torch's built-in operations. What then could
still be wrong, such as a hook, shows in forward mode: reverse mode is held against it along random directions.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import jax
import numpy as np

from lstm_ref.errors import CannotEvaluate, LstmRefError, described
from lstm_ref.oracles.estimate import Estimate, Function, inner

DIRECTIONS = 2
"""In which reverse mode is held against forward mode: of ±1, so that an error of one element shows whole."""

HALF_THE_DIGITS = 2.0**-26
"""Of a float64: rounding in two orders of one sum does not reach so far; less than that is doubt, more a wrong rule."""


def torch_autograd(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """`torch.autograd.grad` in float64 of the values alone; the error is how far forward mode is from it.

    Torch code is asked through an attribute `torch` of the function, which takes tensors in place of arrays. Raises
    CannotEvaluate without torch, where it is not torch code, or where values leave torch on their way.
    """
    if importlib.util.find_spec("torch") is None:
        raise CannotEvaluate("torch is not installed")
    gradients, tree = _reverse(function, inputs, cotangent, laid_open=True)
    doubt = _doubt(function, inputs, cotangent, gradients)
    errors = [np.full(np.shape(g), doubt) for g in gradients]
    return Estimate(jax.tree.unflatten(tree, gradients), jax.tree.unflatten(tree, errors))


def torch_estimator(definition: Function, inputs: Any, cotangent: Any) -> Estimate:
    """`torch.autograd.grad` in float64 of the definition of an estimator, with the cuts that its author makes."""
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
        raise CannotEvaluate(f"autograd would ask a custom rule, which may be what is under test: {', '.join(custom)}")
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
            raise CannotEvaluate("the function does not take torch tensors") from error
        raise CannotEvaluate(f"the code fails under torch's autograd: {described(error)}") from error


def _doubt(function: Function, inputs: Any, cotangent: Any, gradients: list[np.ndarray]) -> float:
    """How far reverse mode is from forward mode along random directions; 0 where an operation has no forward mode."""
    from torch.autograd import forward_ad

    rng = np.random.default_rng(0)
    leaves, tree = jax.tree.flatten(inputs)
    worst = 0.0
    for _ in range(DIRECTIONS):
        directions = [rng.choice([-1.0, 1.0], np.shape(v)) for v in leaves]
        try:
            with warnings.catch_warnings(), forward_ad.dual_level():
                warnings.simplefilter("ignore")  # of torch, about how it loads its own rules
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
            raise CannotEvaluate(
                f"torch's reverse and forward mode contradict each other by {distance:.1e} (a hook, or a wrong rule)"
            )
        worst = max(worst, distance)
    return worst


def _tensor(v: Any) -> Any:
    import torch

    return torch.tensor(np.asarray(v, np.float64))


def _custom_rules_in(outputs: list[Any]) -> list[str]:
    """The names of the custom Functions in the graph of the outputs, those of C++ included."""
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
    """Inside, torch code is laid open: no custom rule, no cut."""
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
                raise CannotEvaluate(f"a value leaves torch on its way ({func.__name__})")
            if torch.is_inference_mode_enabled():
                raise CannotEvaluate("the code runs in inference mode, where autograd does not follow it")
            return func(*args, **(kwargs or {}))

    def primal(cls: Any, *args: Any, **kwargs: Any) -> Any:
        """A Function's forward as plain code."""
        if cls.setup_context is not torch.autograd.Function.setup_context:
            return cls.forward(*args, **kwargs)
        ctx: Any = home.FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(v, torch.Tensor) and v.requires_grad for v in args)
        return cls.forward(ctx, *args, **kwargs)

    with ExitStack() as stack:
        # What `Function.apply` calls, however early the user took hold of it.
        single = getattr(home, "_SingleLevelFunction", None)
        if single is not None and "apply" not in vars(single):
            single.apply = classmethod(primal)
            stack.callback(delattr, single, "apply")
        stack.enter_context(torch.enable_grad())
        stack.enter_context(Uncut())
        yield


def _is_followed(v: Any) -> bool:
    """Whether a derivative is taken through the value, in reverse or in forward mode."""
    from torch.autograd import forward_ad

    return getattr(v, "requires_grad", False) or (
        forward_ad._current_level >= 0 and forward_ad.unpack_dual(v).tangent is not None
    )
