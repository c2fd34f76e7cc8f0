"""The problems on which frameworks are compared, our answers by the plain loop, and the error bounds for floats.

Parameters, initial states, inputs and cotangents of all outputs and final states are random and non-zero. Values that
exist once per layer and direction are a flat list: layer 0 onward, layer 0 backward, layer 1 onward, …
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.balls import as_balls, bits_of_precision, magnitudes, radii
from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS, Cell
from lstm_ref.cells.cell import arrays
from lstm_ref.checking.verdict.floor import LIBRARY_BITS, modelled_error
from lstm_ref.interop.layout import Layout, theirs, without_place
from lstm_ref.interop.layout import ours as theirs_to_ours
from lstm_ref.leaves import paths
from lstm_ref.sequence import LOOP
from lstm_ref.shapes import Outputs
from lstm_ref.through_time import bidirectional
from lstm_ref.through_time.bidirectional import Both


class Feature(NamedTuple):
    """Something a framework may support. The framework's layout says which cell it belongs to."""

    name: str
    layers: int = 1
    both: bool = False
    """Runs in both directions, whose outputs are merged."""
    lengths: bool = False
    """Sequences of different lengths in one batch."""
    merge: bidirectional.Merge = "concat"

    @property
    def directions(self) -> int:
        """Number of directions of each layer."""
        return 2 if self.both else 1


FEATURES = {
    feature.name: feature
    for feature in (
        Feature("rnn, tanh"),
        Feature("rnn, relu"),
        Feature("lstm"),
        Feature("gru, reset after"),
        Feature("gru, reset before"),
        Feature("lstm, peepholes"),
        Feature("lstm, projected"),
        Feature("slstm"),
        Feature("lstm, convolutional 1-D"),
        Feature("lstm, convolutional 2-D"),
        Feature("lstm, lengths", lengths=True),
        Feature("gru, lengths", lengths=True),
        Feature("lstm, both directions", both=True),
        Feature("lstm, two layers", layers=2),
        Feature("gru, two layers", layers=2),
        Feature("lstm, two layers, both directions, lengths", 2, True, True),
    )
}
"""The features, which are the rows of the table."""

SIZES = {"T": 6, "B": 2, "D": 3, "H": 5, "P": 4}
"""The sizes of a problem, unless it is given others."""


class FeatureCase(NamedTuple):
    """The problem for a feature, in one dtype."""

    feature: Feature
    cell: Cell
    params: list[Any]
    initial: list[Any]
    xs: Any
    """Inputs, (T, B, …)."""
    bar: Outputs
    """Cotangents of `hs` and `final`."""
    lengths: np.ndarray | None

    @property
    def dtype(self) -> np.dtype:
        """The dtype of all its arrays."""
        return self.xs.dtype


class LayerResult(NamedTuple):
    """Outputs, and the gradients of Σ bar · outputs if there are any."""

    outputs: Outputs
    """In it, `final` is a list."""
    params: list[Any] | None = None
    """Gradients, in the framework's layout if a framework computed them."""
    initial: list[Any] | None = None
    xs: Any = None

    @property
    def gradients(self) -> dict[str, Any]:
        """All gradients by path, None for one that is absent."""
        return {"d params": self.params, "d initial": self.initial, "d xs": self.xs}

    def arrays(self) -> dict[str, Any]:
        """All arrays by path."""
        outputs = {"outputs": self.outputs.hs, "final": self.outputs.final}
        return paths(outputs | {k: v for k, v in self.gradients.items() if v is not None})


def problem(
    feature: Feature, layout: Layout, dtype: Any, seed: int, sizes: Mapping[str, int] | None = None
) -> FeatureCase:
    """Normal numbers of scale ½, rounded to the dtype. The same seed gives the same numbers. With lengths, each row has
    three steps fewer than the one before it."""
    every = SIZES | dict(sizes or {})
    T, B, D, H = (every.pop(size) for size in "TBDH")
    cell, rng = CELLS[layout.cell], np.random.default_rng(seed)
    drawn = lambda shape: np.asarray(rng.standard_normal(shape) / 2, dtype)  # noqa: E731
    each = range(feature.layers * feature.directions)
    merged = 2 * H if feature.both and feature.merge == "concat" else H
    width = [D if n < feature.directions else merged for n in each]
    params = [arrays(cell.parameter_shapes(width[n], H, **every), drawn) for n in each]
    if without_place(layout) or layout.added:  # what the framework cannot hold is zero; b - 1 and b have the same bits
        params = [theirs_to_ours(layout, theirs(layout, p)) for p in params]
    shapes = cell.state_shapes(B, H, **every)
    initial, final_bar = ([arrays(shapes, drawn) for _ in each] for _ in "ab")
    xs = drawn((T, *cell.input_shapes(B, D, H=H)))
    hs_bar = drawn((T, *shapes.h[:-1], merged if feature.both else shapes.h[-1]))
    lengths = np.maximum(T - 3 * np.arange(B), 1) if feature.lengths else None
    return FeatureCase(feature, cell, params, initial, xs, Outputs(hs_bar, final_bar), lengths)


# --------------------------------------------------------------------------------------------------- our answer


def ours(given: FeatureCase) -> LayerResult:
    """The answer by the plain loop in float64, for exactly the problem's numbers."""
    return _by_loop(_mapped(given, lambda v: np.asarray(v, np.float64)))


def floor(given: FeatureCase, right: LayerResult) -> LayerResult:
    """How far rounding in the problem's dtype can move each element, as `checking.verdict.floor` derives it.

    This is the radius of the same loop in ball arithmetic, at the dtype's precision less `LIBRARY_BITS`, or the bound
    by the model of sums (way 4 in `floor`) where that is smaller.
    """
    precision, info = bits(given.dtype) - LIBRARY_BITS, np.finfo(given.dtype)
    read = (given.params, given.initial, given.xs)
    inputs, answers, cotangents = map(jax.tree.leaves, (read, right, given.bar))
    model = modelled_error(inputs, answers, cotangents, bits(given.dtype))

    def allowed(v: Any) -> Any:
        # Occasionally arb happens to round a function exactly, and the radius is almost zero.
        radius = np.maximum(radii(v), magnitudes(v) * 2.0**-precision)
        return np.minimum(radius, model) + float(info.tiny / info.eps)

    with bits_of_precision(precision):
        return jax.tree.map(lambda v: allowed(as_balls(v)), _by_loop(_mapped(given, as_balls)))


def in_pairs(feature: Feature, values: list[Any]) -> list[Any]:
    """Groups values that exist once per layer and direction: one `Both` per layer where there are two directions."""
    return [Both(*values[k : k + 2]) for k in range(0, len(values), 2)] if feature.both else list(values)


def _mapped(given: FeatureCase, change: Callable[[Any], Any]) -> FeatureCase:
    """The problem with every array changed."""
    changed = jax.tree.map(change, (given.params, given.initial, given.xs, given.bar))
    return given._replace(**dict(zip(("params", "initial", "xs", "bar"), changed, strict=True)))


def _by_loop(given: FeatureCase) -> LayerResult:
    """The answer by running the layers one after the other, forward and back."""
    feature = given.feature
    cell, forward, backward = given.cell, LOOP.forward, LOOP.backward
    if feature.both:
        cell = Both(cell, cell)  # type: ignore[assignment]
        forward = partial(bidirectional.forward, merge=feature.merge)
        backward = partial(bidirectional.backward, merge=feature.merge)
    params, initial, final_bar = (in_pairs(feature, v) for v in (given.params, given.initial, given.bar.final))
    read, final, tapes = [given.xs], [], []
    for p, s in zip(params, initial, strict=True):
        outputs, tape = forward(cell, p, s, read[-1], given.lengths)
        read.append(outputs.hs)
        final.append(outputs.final)
        tapes.append(tape)
    hs_bar: Any = given.bar.hs
    params_bar: list[Any] = []
    initial_bar: list[Any] = []
    for k in reversed(range(feature.layers)):
        bar = Outputs(hs_bar, final_bar[k])
        found = backward(cell, params[k], initial[k], read[k], tapes[k], bar, given.lengths)
        hs_bar = found.xs
        params_bar.insert(0, found.params)
        initial_bar.insert(0, found.initial)
    flat = lambda v: [one for both in v for one in both] if feature.both else v  # noqa: E731
    return LayerResult(Outputs(read[-1], flat(final)), flat(params_bar), flat(initial_bar), hs_bar)


# --------------------------------------------------------------------------------------------------- their answers

Forward = Callable[[FeatureCase, list[dict[str, Any]], list[Any], Any], Outputs]
"""(problem, weights, initial, xs) -> outputs, with the framework's own arrays: the function to differentiate."""


def arranged(
    layout: Layout, given: FeatureCase, of: Callable[..., dict[str, Any]] = theirs, values: Any = None
) -> list:
    """The framework's arrays by name, made from the parameters of each layer and direction, or from their gradients."""
    n = given.feature.directions
    values = given.params if values is None else values
    if of is theirs:  # a bias that two arrays add up to is in both of them
        of = partial(theirs, share=np.random.default_rng(0))
    return [of(layout, v, k // n, bool(k % n)) for k, v in enumerate(values)]


def by_jax(forward: Forward, given: FeatureCase, weights: list[dict[str, Any]]) -> LayerResult:
    """The answer of a JAX function, differentiated by JAX."""
    with x64() if given.dtype == np.float64 else nullcontext():
        read, bar = jax.tree.map(jax.numpy.asarray, ((weights, given.initial, given.xs), given.bar))
        outputs, gradients = jax.jit(lambda read, bar: _with_vjp(partial(forward, given), read, bar))(read, bar)
    return jax.tree.map(np.asarray, LayerResult(outputs, *gradients))


def _with_vjp(function: Callable[..., Any], read: tuple[Any, ...], bar: Any) -> tuple[Any, Any]:
    outputs, vjp = jax.vjp(function, *read)
    return outputs, vjp(bar)


Vjp = Callable[[Callable[..., list[Any]], list[Any], list[Any]], tuple[Any, Any]]
"""(function, arrays, cotangents) -> outputs, gradients: a framework's automatic differentiation, on flat lists."""


def differentiated_by(
    vjp: Vjp, array: Callable[[np.ndarray], Any], numpy: Callable[[Any], np.ndarray] = np.asarray
) -> Callable[[Forward, FeatureCase, list[dict[str, Any]]], LayerResult]:
    """The `answer` of a framework that differentiates functions of its own arrays.

    Args:
        vjp: Runs a function of arrays, and takes the outputs' cotangents back to them; None for one that is not read.
        array: Turns a NumPy array into one of the framework's.
        numpy: Turns it back.
    """

    def answer(forward: Forward, given: FeatureCase, weights: list[dict[str, Any]]) -> LayerResult:
        flat, structure = jax.tree.flatten((weights, given.initial, given.xs))
        shown: list[Any] = []

        def function(*arrays: Any) -> list[Any]:
            outputs, of_outputs = jax.tree.flatten(forward(given, *jax.tree.unflatten(structure, arrays)))
            shown[:] = [of_outputs]
            return outputs

        read, bars = ([array(v) for v in values] for values in (flat, jax.tree.leaves(given.bar)))
        outputs, gradients = vjp(function, read, bars)
        gradients = [array(np.zeros_like(v)) if g is None else g for g, v in zip(gradients, flat, strict=True)]
        found = jax.tree.unflatten(shown[0], list(outputs)), *jax.tree.unflatten(structure, list(gradients))
        return jax.tree.map(numpy, LayerResult(*found))

    return answer


def outputs_alone(forward: Forward, given: FeatureCase, weights: list[dict[str, Any]]) -> LayerResult:
    """The answer of a framework that has no gradients."""
    return LayerResult(forward(given, weights, given.initial, given.xs))


def step_by_step(step: Callable[[Any, Any], Any], state: Any, xs: Any, stack: Callable[[list[Any]], Any]) -> Outputs:
    """The outputs of a cell that exists step by step.

    Args:
        step: `step(x, state)` -> next state, as a tuple of its fields.
        state: The initial state.
        xs: The inputs, (T, …).
        stack: Puts a list of arrays into one array, along a new first axis.
    """
    hs = []
    for x in xs:
        state = type(state)(*step(x, state))
        hs.append(state.h)
    return Outputs(stack(hs), [state])


CONVOLUTION_IN_A_SCAN = (
    "jax 0.10.2's CPU compiler gets float64 gradients of a convolution in a scan wrong at some sizes (B=2, W=4, H=5); "
    "jax 0.12, and XLA_FLAGS=--xla_cpu_use_fusion_emitters=false, do not"
)
"""`lstm-ref conform` found this."""


def nested(weights: dict[str, Any]) -> dict[str, Any]:
    """{"a.b": v} as {"a": {"b": v}}."""
    found: dict[str, Any] = {}
    for name, v in weights.items():
        *within, last = name.split(".")
        place = found
        for part in within:
            place = place.setdefault(part, {})
        place[last] = v
    return found
