"""The check in one call, for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lstm_ref.checking.checker import check
from lstm_ref.checking.problem import Problem, problem, with_options
from lstm_ref.checking.report import Report
from lstm_ref.errors import BadInput


def check_gradients(
    inputs: Mapping[str, Any] | Problem,
    *,
    loss: Callable[[Any], Any] | None = None,
    gradients: Callable[[Any], Any] | None = None,
    forward: Callable[[Any], Any] | None = None,
    backward: Callable[[Any, Any], Any] | None = None,
    nodes: Sequence[str] = (),
    estimator: str | None = None,
    definition: Callable[[Any], Any] | None = None,
    reverse_time: bool = False,
    cell: str | None = None,
    mapping: Callable[[Any], Any] | Mapping[str, str] | None = None,
    readout: Callable[[Any, Any], Any] | None = None,
    adjoints: Callable[..., Any] | None = None,
    name: str | None = None,
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

    `reverse_time` says that the computation runs from the last step to the first. `cell` names the cell of
    `lstm_ref.cells.CELLS` that the function runs through time, and `mapping(inputs)` gives that cell's arrays by name
    (parameters, initial state, xs), rearranging, adding and scaling the inputs and nothing else: then a wrong gradient
    is looked up in the dictionary of that cell's mistakes. A loss needs `readout(inputs, hs)` besides: what it does
    with the cell's outputs hs (T, B, H). `adjoints` gives the author's adjoints of the cell's named values, as
    `{"c": (T, B, H), …}`, of the inputs, or of the inputs and the cotangents.

    In place of `inputs` a whole `Problem` may be given, as `torch_function` and `custom_vjp` make one; it has its own
    functions, and takes every other keyword.

    Returns a `Report`; raises `BadInput` where the check cannot be made.
    """
    functions: dict[str, Any] = {"loss": loss, "gradients": gradients, "forward": forward, "backward": backward}
    options: dict[str, Any] = {
        "nodes": tuple(nodes),
        "estimator": estimator,
        "definition": definition,
        "reverse_time": reverse_time,
        "cell": cell,
        "mapping": mapping,
        "readout": readout,
        "adjoints": adjoints,
    }
    if isinstance(inputs, Problem):
        for key, value in functions.items():
            if value is not None:
                raise BadInput(f"{inputs.name}: a Problem has its own functions: {key} cannot be given beside it")
        claim = with_options(inputs, name, **options)
    else:
        claim = problem(inputs, **functions, **options, name=name or "gradients")
    return check(claim, oracles=oracles, digits=digits, seed=seed)
