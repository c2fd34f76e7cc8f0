"""torch's autograd, for functions that take torch tensors: of `+ * @`, of `lstm_ref.arithmetic`, or of torch itself."""

from __future__ import annotations

import importlib.util
from typing import Any

import jax
import numpy as np

from lstm_ref.errors import CannotEvaluate
from lstm_ref.oracles.estimate import Estimate, Function, inner


def torch_autograd(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """`torch.autograd.grad` in float64. Raises CannotEvaluate without torch, or where it is not torch code."""
    if importlib.util.find_spec("torch") is None:
        raise CannotEvaluate("torch is not installed")
    import torch

    tensor = lambda v: torch.tensor(np.asarray(v), dtype=torch.float64)  # noqa: E731
    tensors = jax.tree.map(lambda v: tensor(v).requires_grad_(), inputs)
    leaves, tree = jax.tree.flatten(tensors)
    try:
        phi = inner(function(tensors), jax.tree.map(tensor, cotangent))
        found = torch.autograd.grad(phi, leaves, allow_unused=True) if leaves else ()
    except Exception as error:
        raise CannotEvaluate("the function does not take torch tensors") from error
    gradients = [np.zeros(np.shape(v)) if g is None else g.numpy() for g, v in zip(found, leaves, strict=True)]
    return Estimate(jax.tree.unflatten(tree, gradients))
