"""What a user hands over, as something that answers a problem: a function with its gradients, a forward, a module.

Whatever it is, it is given the problem's numbers in its own layout, and copies of them, so that it may write into them.
Where there are several layers or directions, parameters, states and their gradients are lists: layer 0 onward, layer 0
backward, layer 1 onward, ...; otherwise the one of each stands alone.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.errors import BadInput
from lstm_ref.interop.conform.features import FeatureCase, LayerResult, by_jax
from lstm_ref.shapes import Outputs

AUTODIFF = ("jax", "torch", "tensorflow", "mlx", "tinygrad", "autograd", "pytensor")
"""Whose autodiff `compare` can call."""
BY_STEP = ("outputs", "the gradient of xs")
"""Names of what has the shape (T, B, ...)."""
Weights = list[dict[str, Any]]


class Theirs(NamedTuple):
    """What answers a problem, and what is known of it."""

    answer: Callable[[FeatureCase, Weights], LayerResult]
    takes_lengths: bool
    layers: int | None = None
    both: bool = False
    sizes: Mapping[str, int] = {}
    """Sizes that it is made for."""
    layout: str = ""
    """The layout that it has, where that is known."""


def answering(theirs: Any, autodiff: str | None = None, zero_state: bool = False) -> Theirs:
    """The function or module as something that answers.

    Args:
        theirs: `run(params, state, xs, cotangents) -> outputs, final, gradients`, or `forward(params, state, xs) ->
            outputs, final`, either with a further argument `lengths`; or a torch module.
        autodiff: Whose autodiff gives the gradients of a forward, one of `AUTODIFF`; by default it has none.
        zero_state: Whether it does not read the initial state, whose gradients autodiff then does not give.

    Returns:
        What `compare` asks.

    Raises:
        BadInput: It is neither, or takes other arguments.
    """
    if autodiff not in (None, *AUTODIFF):
        raise BadInput(f"autodiff must be one of {', '.join(AUTODIFF)}, got {autodiff!r}")
    if _is_module(theirs):
        return _of_module(theirs)
    if not callable(theirs):
        raise BadInput(f"expected a function run(params, state, xs, cotangents), got {type(theirs).__name__}")
    arguments = inspect.signature(theirs).parameters
    lengths = "lengths" in arguments
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    read = [v.name for v in arguments.values() if v.kind in positional and v.default is v.empty and v.name != "lengths"]
    count = len(read)
    if count == 4 and autodiff is None:
        return Theirs(partial(_run, theirs, lengths), lengths)
    if count != 3:
        wanted = "(params, state, xs)" if autodiff else "(params, state, xs, cotangents) or (params, state, xs)"
        raise BadInput(f"{_name(theirs)} must take {wanted}, and may take lengths; it takes ({', '.join(read)})")
    if autodiff is None:
        return Theirs(partial(_forward_alone, theirs, lengths), lengths)
    answer = by_jax if autodiff == "jax" else _answer_of(autodiff)
    return Theirs(partial(_differentiated, answer, theirs, lengths, zero_state), lengths)


def _answer_of(framework: str) -> Callable[..., LayerResult]:
    try:
        return importlib.import_module(f"lstm_ref.interop.conform.with_{framework}").answer
    except ModuleNotFoundError as error:
        raise BadInput(f"autodiff = {framework!r}: {framework} is not installed ({error})") from None


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


# ----------------------------------------------------------------------------------------------------- functions


def _run(function: Callable[..., Any], takes_lengths: bool, given: FeatureCase, weights: Weights) -> LayerResult:
    """The answer of a function with gradients of its own."""
    found = _call(function, takes_lengths, given, weights, Outputs(given.bar.hs, _one_or_all(given, given.bar.final)))
    if not (isinstance(found, (tuple, list)) and len(found) == 3):
        raise BadInput(f"{_name(function)} must return (outputs, final, gradients), got {_kind(found)}")
    outputs, final, gradients = found
    if not isinstance(gradients, Mapping) or not set(gradients) <= {"params", "state", "xs"}:
        raise BadInput(
            f"{_name(function)}: gradients must be a dict with some of params, state, xs, got {_kind(gradients)}"
        )
    for name, value in gradients.items():
        _require_given(f"the gradient of {name}", value)
    params, state = (_listed(given, f"the gradient of {k}", gradients.get(k)) for k in ("params", "state"))
    return LayerResult(
        _outputs(given, outputs, final),
        params and [_weights(v, w) for v, w in zip(params, weights, strict=True)],
        state and [_state("the gradient of the state", v, s) for v, s in zip(state, given.initial, strict=True)],
        _array("the gradient of xs", gradients["xs"], given.xs) if "xs" in gradients else None,
    )


def _forward_alone(
    function: Callable[..., Any], takes_lengths: bool, given: FeatureCase, weights: Weights
) -> LayerResult:
    """The answer of a forward that has no gradients."""
    return LayerResult(_outputs(given, *_two(function, _call(function, takes_lengths, given, weights))))


def _differentiated(
    answer: Callable[..., LayerResult],
    function: Callable[..., Any],
    takes_lengths: bool,
    zero_state: bool,
    given: FeatureCase,
    weights: Weights,
) -> LayerResult:
    """The answer of a forward that somebody's autodiff differentiates. What the forward does not hand out of the final
    state is zero for the autodiff, and None in the answer."""
    absent: list[list[str]] = []
    names = [list(one) for one in weights]

    def forward(given: FeatureCase, read: Weights, initial: list[Any], xs: Any) -> Outputs:
        options = {"lengths": given.lengths} if takes_lengths else {}
        read = [{k: one[k] for k in own} for one, own in zip(read, names, strict=True)]  # autodiff may sort the names
        found = function(_one_or_all(given, read), _one_or_all(given, initial), xs, **options)
        hs, final = _two(function, found)
        if hs is None:
            raise BadInput(f"{_name(function)} must return the outputs where autodiff differentiates it, got None")
        _require_shape("outputs", hs, given.bar.hs)
        states = [_fields("final", v, like) for v, like in _states(given, final)]
        for state, like in zip(states, given.initial, strict=True):
            for name, v in state.items():
                _require_shape(f"final.{name}", v, getattr(like, name))
        absent[:] = [[name for name, v in state.items() if v is None] for state in states]
        filled = [
            type(zero)(*(0 * z if v is None else v for v, z in zip(state.values(), zero, strict=True)))
            for state, zero in zip(states, initial, strict=True)
        ]
        return Outputs(hs, filled)

    found = answer(forward, given, weights)
    final = [v._replace(**dict.fromkeys(names)) for v, names in zip(found.outputs.final, absent, strict=True)]
    initial = None if zero_state else found.initial
    return found._replace(outputs=found.outputs._replace(final=final), initial=initial)


def _call(function: Callable[..., Any], takes_lengths: bool, given: FeatureCase, weights: Weights, *bar: Any) -> Any:
    weights = [{name: np.array(v, given.dtype) for name, v in one.items()} for one in weights]  # in the layout's order
    state, xs, bar = jax.tree.map(np.array, (_one_or_all(given, given.initial), given.xs, bar))
    options = {"lengths": given.lengths} if takes_lengths else {}
    return function(_one_or_all(given, weights), state, xs, *bar, **options)


def _two(function: Callable[..., Any], found: Any) -> Any:
    if not (isinstance(found, (tuple, list)) and len(found) == 2):
        raise BadInput(f"{_name(function)} must return (outputs, final), got {_kind(found)}")
    return found


def _one_or_all(given: FeatureCase, values: list[Any]) -> Any:
    return values[0] if given.feature.layers * given.feature.directions == 1 else values


def _listed(given: FeatureCase, what: str, values: Any) -> list[Any] | None:
    """One entry per layer and direction; None stays None."""
    count = given.feature.layers * given.feature.directions
    if values is None or count == 1:
        return None if values is None else [values]
    if not isinstance(values, (tuple, list)) or len(values) != count:
        raise BadInput(f"{what} must be a list of {count}, one for each layer and direction, got {_kind(values)}")
    return list(values)


# -------------------------------------------------------------------------------------------------- what comes back


def _outputs(given: FeatureCase, outputs: Any, final: Any) -> Outputs:
    if final is None and outputs is None:
        raise BadInput("outputs and final are both None: nothing can be compared")
    found = [_state("final", v, like) for v, like in _states(given, final)]
    return Outputs(None if outputs is None else _array("outputs", outputs, given.bar.hs), found)


def _states(given: FeatureCase, final: Any) -> list[tuple[Any, Any]]:
    """The final states, with the fields of the initial ones; a state that was not given is None in every field."""
    states = _listed(given, "final", final) or [(None,) * len(like) for like in given.initial]
    return list(zip(states, given.initial, strict=True))


def _state(what: str, state: Any, like: Any) -> Any:
    """A state of arrays, None for a field that was not given."""
    found = _fields(what, state, like)
    return type(like)(*(None if v is None else _array(f"{what}.{k}", v, getattr(like, k)) for k, v in found.items()))


def _fields(what: str, state: Any, like: Any) -> dict[str, Any]:
    """A state as a dict, tuple or list of its fields; one field may stand alone."""
    names = like._fields
    if isinstance(state, Mapping) and set(state) <= set(names):
        return {k: state.get(k) for k in names}
    if isinstance(state, (tuple, list)) and len(state) == len(names):
        return dict(zip(names, state, strict=True))
    if len(names) == 1 and hasattr(state, "shape"):
        return {names[0]: state}
    raise BadInput(f"{what} must be ({', '.join(names)}), as a tuple or a dict, got {_kind(state)}")


def _weights(gradients: Any, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients of the framework's arrays by name; those that are absent are left out."""
    if not isinstance(gradients, Mapping):
        raise BadInput(f"the gradient of params must be a dict of {', '.join(weights)}, got {_kind(gradients)}")
    for name in gradients:
        if name not in weights:
            raise BadInput(f"the gradient of params has the unknown name {name!r}; the names are {', '.join(weights)}")
    for name, value in gradients.items():
        _require_given(f"the gradient of {name}", value)
    return {k: _array(f"the gradient of {k}", gradients[k], v) for k, v in weights.items() if k in gradients}


def _require_given(what: str, value: Any) -> None:
    """Raises BadInput for None, which may say two things: a gradient that nothing reaches is compared, as zeros."""
    if value is None:
        raise BadInput(
            f"{what} is None: leave it out where the layer does not give it; where nothing reaches it, give zeros"
        )


def _array(what: str, value: Any, like: Any) -> np.ndarray:
    """A copy as a NumPy array, of the shape that is asked for: another shape is never broadcast. Code may compute more
    precisely than it is asked to: its result is then rounded."""
    value = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    try:
        found = np.array(value)
    except Exception as error:
        raise BadInput(f"{what} must be an array of floats, got {_kind(value)}") from error
    if found.dtype.kind != "f":
        raise BadInput(f"{what} must be an array of floats, got {found.dtype}")
    _require_shape(what, found, like)
    return found.astype(like.dtype) if found.dtype.itemsize > like.dtype.itemsize else found


def _require_shape(what: str, value: Any, like: Any) -> None:
    shape = tuple(getattr(value, "shape", like.shape))
    known = all(isinstance(n, (int, np.integer)) for n in shape)  # the sizes of pytensor's arrays are symbols
    if known and shape != like.shape:
        first = " (the batch comes first)" if what in BY_STEP and shape[:2] == like.shape[1::-1] else ""
        raise BadInput(f"{what} must have the shape {like.shape}, got {shape}{first}")


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a dict of {', '.join(map(str, value)) or 'nothing'}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"an array of shape {tuple(value.shape)}" if hasattr(value, "shape") else type(value).__name__


# -------------------------------------------------------------------------------------------------------- modules


def _is_module(theirs: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(theirs, torch.nn.Module)


def _of_module(module: Any) -> Theirs:
    """A torch module that is called as torch.nn.LSTM is, and differentiated by torch: module(xs, states)."""
    with_torch = importlib.import_module("lstm_ref.interop.conform.with_torch")
    if getattr(module, "batch_first", False):
        raise BadInput(f"{type(module).__name__}: expected sequences (T, B, D), got batch_first=True")

    is_torchs = type(module).__module__.startswith("torch.nn")
    is_cell = is_torchs and not hasattr(module, "num_layers")
    forward = partial(with_torch.stepped if is_cell else with_torch.called, module)

    def answer(given: FeatureCase, weights: Weights) -> LayerResult:
        names, own = [name for one in weights for name in one], [name for name, _ in module.named_parameters()]
        if sorted(names) != sorted(own):
            raise BadInput(
                f"{type(module).__name__} has the parameters {', '.join(own)}; the layout {', '.join(names)}"
            )
        return with_torch.answer(forward, given, weights)

    sizes = {k: getattr(module, v) for k, v in (("D", "input_size"), ("H", "hidden_size")) if hasattr(module, v)}
    if getattr(module, "proj_size", 0):
        sizes["P"] = module.proj_size
    known = f"torch.nn.{type(module).__name__}" + "(proj_size)" * bool(getattr(module, "proj_size", 0))
    known += "(relu)" * (getattr(module, "nonlinearity", "") == "relu")
    both = bool(getattr(module, "bidirectional", False))
    return Theirs(
        answer, is_torchs and not is_cell, getattr(module, "num_layers", 1), both, sizes, known if is_torchs else ""
    )
