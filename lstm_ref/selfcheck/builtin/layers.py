"""Layers and losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from lstm_ref.checking.problem import Problem, problem
from lstm_ref.layers import (
    attention,
    attention_over_time,
    binary_cross_entropy,
    crf,
    dense,
    embedding,
    max_over_time,
    mean_over_time,
    mean_squared_error,
    softmax_cross_entropy,
)
from lstm_ref.selfcheck.builtin.common import B, D, H, K, Random, T, like


def dense_layer(rng: Random, layer: Any = dense) -> Problem:
    """The final gate, applied at every step of a sequence."""

    def backward(inputs: Any, z_bar: Any) -> dict[str, Any]:
        params_bar, x_bar = layer.backward(inputs["params"], dense.Tape(inputs["x"]), z_bar)
        return {"params": params_bar, "x": x_bar}

    return problem(
        {"params": like(rng, dense.Params((D, K), (K,))), "x": rng.standard_normal((T, B, D))},
        forward=lambda inputs: dense.forward(inputs["params"], inputs["x"])[0],
        backward=backward,
        name="layer/dense",
    )


def loss_layer(name: str, rng: Random, *, layer: Any, shape: tuple[int, ...], target: Any, **options: Any) -> Problem:
    """A loss layer; the cotangent of its scalar is random, so that a backward that forgets it fails."""
    return problem(
        {"prediction": rng.standard_normal(shape)},
        forward=lambda inputs: layer.forward(inputs["prediction"], target, **options)[0],
        backward=lambda inputs, bar: {
            "prediction": layer.backward(layer.forward(inputs["prediction"], target, **options)[1], bar)
        },
        name=f"layer/{name}",
    )


def losses() -> dict[str, Callable[..., Problem]]:
    """Every loss with every form of its target, by name: functions of a generator, and of `layer` in place of ours."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, K, (T, B))
    some_ignored = np.where(rng.random((T, B)) < 0.3, -1, classes)
    onehot = np.eye(K)[classes]
    soft = rng.random((T, B, K))  # rows that do not sum to one
    cases: dict[str, tuple[Any, tuple[int, ...], Any, dict[str, Any]]] = {
        "softmax-cross-entropy": (softmax_cross_entropy, (T, B, K), some_ignored, {"ignore_index": -1}),
        "softmax-cross-entropy-sum": (softmax_cross_entropy, (T, B, K), classes, {"reduction": "sum"}),
        "softmax-cross-entropy-onehot": (softmax_cross_entropy, (T, B, K), onehot, {}),
        "softmax-cross-entropy-soft": (softmax_cross_entropy, (T, B, K), soft, {"reduction": "sum"}),
        "binary-cross-entropy": (binary_cross_entropy, (T, B), rng.random((T, B)), {}),
        "binary-cross-entropy-sum": (binary_cross_entropy, (T, B), rng.random((T, B)), {"reduction": "sum"}),
        "mean-squared-error": (mean_squared_error, (T, B, D), rng.standard_normal((T, B, D)), {}),
        "squared-error-sum": (mean_squared_error, (T, B, D), rng.standard_normal((T, B, D)), {"reduction": "sum"}),
    }
    return {
        f"layer/{name}": partial(loss_layer, name, shape=shape, target=target, layer=layer, **options)
        for name, (layer, shape, target, options) in cases.items()
    }


def embedding_layer(rng: Random, layer: Any = embedding) -> Problem:
    """Rows of a table, some of them several times, one never."""
    ids = np.array([[0, 2, 2], [2, 3, 0], [1, 0, 2]])
    return problem(
        {"table": rng.standard_normal((K, D))},
        forward=lambda inputs: layer.forward(inputs["table"], ids)[0],
        backward=lambda inputs, bar: {"table": layer.backward(inputs["table"], embedding.Tape(ids), bar)},
        name="layer/embedding",
    )


def crf_layer(rng: Random, layer: Any = crf, reduction: Any = "mean") -> Problem:
    """A conditional random field over sequences of several lengths."""
    inputs = {"params": like(rng, crf.Params((K, K), (K,), (K,))), "emissions": rng.standard_normal((T, 3, K))}
    tags, lengths = rng.integers(0, K, (T, 3)), np.array([T, 1, 4])

    def forward(inputs: Any) -> Any:
        return crf.forward(inputs["params"], inputs["emissions"], tags, lengths, reduction)

    def backward(inputs: Any, bar: Any) -> dict[str, Any]:
        params_bar, emissions_bar = layer.backward(inputs["params"], forward(inputs)[1], bar)
        return {"params": params_bar, "emissions": emissions_bar}

    return problem(inputs, forward=lambda inputs: forward(inputs)[0], backward=backward, name=f"layer/crf-{reduction}")


def attention_layer(kind: str, rng: Random, layer: Any = attention) -> Problem:
    """Three queries over five keys, of which some are masked."""
    real = np.array([[True] * 5, [True, True, False, True, False]])
    inputs = {"queries": rng.standard_normal((B, 3, H)), "keys": rng.standard_normal((B, 5, H))}
    if kind == "additive":
        inputs |= {"params": like(rng, attention.Additive((H, 2), (H, 2), (2,)))}

    def forward(inputs: Any) -> Any:
        return attention.forward(inputs.get("params"), inputs["queries"], inputs["keys"], real)

    def backward(inputs: Any, bar: Any) -> dict[str, Any]:
        params_bar, queries_bar, keys_bar = layer.backward(inputs.get("params"), forward(inputs)[1], bar)
        given = {"queries": queries_bar, "keys": keys_bar}
        return given | {"params": params_bar} if "params" in inputs else given

    return problem(inputs, forward=lambda inputs: forward(inputs)[0], backward=backward, name=f"layer/attention-{kind}")


OVER_TIME = {"mean": mean_over_time, "max": max_over_time, "attention": attention_over_time}
"""The layers that read a sequence over its real steps."""


def over_time_layer(kind: str, rng: Random, layer: Any = None) -> Problem:
    """Three sequences of several lengths, one of them without a step."""
    ours = OVER_TIME[kind]
    inputs, lengths = {"hs": rng.standard_normal((T, 3, H))}, np.array([T, 0, 3])
    if kind == "attention":
        inputs |= {"params": like(rng, attention_over_time.parameter_shapes(H, 2))}

    def read(inputs: Any) -> tuple[Any, ...]:
        return (inputs["params"], inputs["hs"]) if "params" in inputs else (inputs["hs"],)

    def backward(inputs: Any, bar: Any) -> dict[str, Any]:
        given = (layer or ours).backward(*read(inputs)[:-1], ours.forward(*read(inputs), lengths)[1], bar)
        return {"params": given[0], "hs": given[1]} if "params" in inputs else {"hs": given}

    return problem(
        inputs,
        forward=lambda inputs: ours.forward(*read(inputs), lengths)[0],
        backward=backward,
        name=f"layer/{kind}-over-time",
    )
