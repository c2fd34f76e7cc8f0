"""Checks hand-written gradients in one call, for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lstm_ref.checking.checker import check
from lstm_ref.checking.problem import Problem, problem, with_options
from lstm_ref.checking.report import Report
from lstm_ref.errors import BadInput, described


def check_gradients(
    inputs: Mapping[str, Any] | Callable[[np.random.Generator], Mapping[str, Any]] | Problem,
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

    Give either `loss` and `gradients`, or `forward` and `backward`. The check judges the code in the arithmetic of the
    inputs' dtype.

    Args:
        inputs: A dict of named floating arrays (float64, float32, bfloat16 or float16); values may be nested dicts,
            lists or tuples. Or a function of a NumPy generator that returns one, as in a derivation file; `seed` seeds
            the generator. Or a whole `Problem`, as `torch_function` and `custom_vjp` make one; a `Problem` brings its
            own functions and takes every other keyword.
        loss: `loss(inputs)` -> one number.
        gradients: `gradients(inputs)` -> dict of arrays. Its keys are a subset of the inputs' keys (the report lists
            the other inputs as unchecked); each gradient has the shape of its input.
        forward: `forward(inputs)` -> array or nested structure of arrays.
        backward: `backward(inputs, cotangents)` -> dict of arrays, as for `gradients`. `cotangents` has the structure
            of the forward's result and is drawn at random from `seed`.
        nodes: Names of inputs that are probes: zeros of shape (T, ...), added at named values of the computation, in
            forward order. With them, the report names the first wrong adjoint on the way back from the loss.
        estimator: Name of the estimator that the gradients are meant to be, where they are not meant to be exact.
        definition: A JAX function whose autodiff gradient is that estimator, with `jax.lax.stop_gradient` at each cut.
        reverse_time: Whether the computation runs from the last step to the first.
        cell: Name, in `lstm_ref.cells.CELLS`, of the cell that the function runs through time. A wrong gradient is then
            looked up in the dictionary of that cell's mistakes.
        mapping: `mapping(inputs)` -> dict of the cell's arrays by name (parameters, initial state, xs). It may only
            rearrange, add and scale the inputs. A dict from the cell's names to the inputs' names also works.
        readout: `readout(inputs, hs)` -> the loss, from the cell's outputs hs (T, B, H). Needed with `loss` and `cell`.
        adjoints: A function of the inputs, or of the inputs and the cotangents, that returns the author's adjoints of
            the cell's named values, as `{"c": (T, B, H), …}`.
        name: What the report calls the problem.
        oracles: Names of the oracles to ask; by default all that apply.
        digits: Decimal digits of ball arithmetic, at least 20.
        seed: Seed of random cotangents and directions, and of inputs that are drawn.

    Returns:
        A `Report`; `report.right` tells whether the claim holds.

    Raises:
        BadInput: The check cannot be made; the message says why in one line.

    Example:
        >>> import numpy as np
        >>> from lstm_ref import check_gradients
        >>> report = check_gradients(
        ...     {"w": np.array([1.0, 2.0])}, loss=lambda i: (i["w"] ** 2).sum(), gradients=lambda i: {"w": 2 * i["w"]}
        ... )
        >>> report.verdict, report.elements
        ('exact gradient', 2)
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
    if callable(inputs):
        inputs = _drawn(inputs, name or "gradients", seed)
    if isinstance(inputs, Problem):
        for key, value in functions.items():
            if value is not None:
                raise BadInput(f"{inputs.name}: a Problem has its own functions: {key} cannot be given beside it")
        claim = with_options(inputs, name, **options)
    else:
        claim = problem(inputs, **functions, **options, name=name or "gradients")
    return check(claim, oracles=oracles, digits=digits, seed=seed)


def _drawn(inputs: Callable[[np.random.Generator], Mapping[str, Any]], name: str, seed: int) -> Mapping[str, Any]:
    try:
        return inputs(np.random.default_rng(seed))
    except Exception as error:
        raise BadInput(f"{name}: inputs(generator) fails: {described(error)}") from error
