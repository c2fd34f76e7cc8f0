"""The check in one call, for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lstm_ref.checking.check import check
from lstm_ref.checking.problem import problem
from lstm_ref.checking.report import Report


def check_gradients(
    inputs: Mapping[str, Any],
    *,
    loss: Callable[[Any], Any] | None = None,
    gradients: Callable[[Any], Any] | None = None,
    forward: Callable[[Any], Any] | None = None,
    backward: Callable[[Any, Any], Any] | None = None,
    nodes: Sequence[str] = (),
    estimator: str | None = None,
    definition: Callable[[Any], Any] | None = None,
    name: str = "gradients",
    oracles: Iterable[str] | None = None,
    digits: int = 80,
    seed: int = 0,
) -> Report:
    """Check hand-written gradients, in NumPy or JAX, against every independent oracle that applies.

    Give a loss and its gradients, or a forward and its backward:

    - `loss(inputs)` -> one number; `gradients(inputs)` -> dict of arrays.
    - `forward(inputs)` -> array or nested structure of arrays; `backward(inputs, cotangents)` -> dict of arrays, where
      `cotangents` has the structure of the forward's result and is drawn at random from `seed`.

    `inputs` is a dict of named floating arrays; values may be nested. The gradients' keys are a subset of the inputs'
    (the others are reported as unchecked), and each gradient has its input's shape. The arithmetic checked is that of
    the inputs' dtype. `nodes` names inputs that are probes: zeros of shape (T, ...) added at named values of the
    computation, in forward order; with them, the report names the first wrong adjoint on the way back from the loss.
    `estimator` declares that the gradients are meant to be something else than the exact gradient, and `definition` is
    the JAX function (with `jax.lax.stop_gradient` at the cuts) whose autodiff gradient that is.

    Returns a `Report`; raises `BadInput` where the check cannot be made.
    """
    claim = problem(
        inputs,
        loss=loss,
        gradients=gradients,
        forward=forward,
        backward=backward,
        nodes=tuple(nodes),
        estimator=estimator,
        definition=definition,
        name=name,
    )
    return check(claim, oracles=oracles, digits=digits, seed=seed)
