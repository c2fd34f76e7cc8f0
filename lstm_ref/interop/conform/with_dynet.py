"""DyNet: its builders over one expression graph, differentiated by its backward pass."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import dynet
import numpy as np

from lstm_ref.interop.conform.features import FeatureCase, LayerResult
from lstm_ref.shapes import Outputs

VERSION = version("dynet38")
DTYPES = ("float32",)
WITHOUT = "no float64: it is built for float32"
LACKS: dict[str, str] = {}
TRAPS = (
    "an array of a batch is (D, B)",
    "backward(full=True) is what gives the gradients of inputs",
    "set_value reads an array in C order",
)


def answer(builder_of: Any, given: FeatureCase, weights: list[dict[str, Any]]) -> LayerResult:
    """The outputs and gradients of a builder that is given its weights."""
    dynet.renew_cg()
    (state,), (arrays,) = given.initial, weights
    collection = dynet.ParameterCollection()  # the builder does not keep it alive
    builder = builder_of(1, given.xs.shape[-1], state.h.shape[-1], collection)
    own = dict(zip(arrays, builder.get_parameters()[0], strict=True))
    for name, v in arrays.items():
        own[name].set_value(np.ascontiguousarray(v))
    batch = lambda v: dynet.inputTensor(np.ascontiguousarray(v.T), batched=True)  # noqa: E731
    start, xs = [batch(v) for v in (state.c, state.h)], [batch(x) for x in given.xs]
    steps = builder.initial_state(start).add_inputs(xs)
    hs, (last_c, last_h) = [step.output() for step in steps], steps[-1].s()
    (final_bar,) = given.bar.final
    pairs = [*zip(hs, given.bar.hs, strict=True), (last_h, final_bar.h), (last_c, final_bar.c)]
    loss = dynet.sum_batches(dynet.esum([dynet.dot_product(out, batch(bar)) for out, bar in pairs]))
    loss.forward()
    loss.backward(full=True)
    back = lambda v: np.asarray(v, np.float32).reshape(-1, len(state.h)).T  # noqa: E731
    final = type(state)(*(back(v.npvalue()) for v in (last_h, last_c)))
    outputs = Outputs(np.stack([back(h.npvalue()) for h in hs]), [final])
    params = {name: np.asarray(p.grad_as_array(), np.float32) for name, p in own.items()}
    c_bar, h_bar = (back(v.gradient()) for v in start)
    return LayerResult(outputs, [params], [type(state)(h_bar, c_bar)], np.stack([back(x.gradient()) for x in xs]))


RUNS: dict[str, dict[str, Any]] = {"lstm": {"dynet.VanillaLSTMBuilder": dynet.VanillaLSTMBuilder}}
