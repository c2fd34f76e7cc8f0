"""The problems of the vectors: every cell for one step and through time, every layer and loss, with hashed inputs.

An input number depends only on its name, so any language can compute it, and no random generator is needed: SHA-256 of
"PROBLEM/ARRAY/INDEX" (for example "time/lstm/input.params.w_x/0"; the index counts in C order) modulo 2048, less 1024,
in units of 2^-10. This is a multiple of 2^-10 in [-1, 1), exact in every floating format. Fields of a state that must
be positive (`Cell.positive`) take the absolute value, with 1 in place of 0. The bias of `rnn_relu` takes the absolute
value too; otherwise none of its units would be above zero. Means are taken over 2, 4 or 8 terms, so that the float
1/count in the layers is exact.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from types import ModuleType
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.cells import CELLS, Cell, rnn_relu
from lstm_ref.cells.cell import in_domain, is_shape
from lstm_ref.layers import (
    attention,
    binary_cross_entropy,
    crf,
    dense,
    embedding,
    mean_squared_error,
    softmax_cross_entropy,
)
from lstm_ref.leaves import paths
from lstm_ref.padding import choose, keep_of

T, B, D, H, K = 6, 2, 3, 4, 5
LENGTHS = np.array([6, 3])
"""A full row and a padded row."""


class RightValues(NamedTuple):
    """The right values, each a dict of (structures of) arrays."""

    outputs: dict[str, Any]
    gradients: dict[str, Any]
    """By the names of the inputs."""
    nodes: dict[str, Any] = {}  # noqa: RUF012
    """Named values of the forward pass; through time they are time-major, and zero at padding."""
    adjoints: dict[str, Any] = {}  # noqa: RUF012
    """Adjoints of the nodes."""


ROLES = {"outputs": "output", "nodes": "node", "adjoints": "adjoint", "gradients": "gradient"}
"""The role in array names for each field of `RightValues`."""


class Case(NamedTuple):
    """One problem, which can be evaluated in any arithmetic."""

    name: str
    what: str
    page: str
    """The derivation page."""
    tags: tuple[str, ...]
    """The edges that the page derives, and that contribute to the arrays."""
    inputs: dict[str, Any]
    """Float64 arrays that have a gradient."""
    constants: dict[str, np.ndarray]
    """Inputs without a gradient: lengths, class numbers, targets."""
    cotangents: dict[str, Any]
    """Cotangents of the outputs."""
    evaluate: Callable[[Any, Any], RightValues]
    """(inputs, cotangents) -> values, in the arithmetic of the inputs."""
    cell: Cell | None = None


def arrays(values: RightValues) -> dict[str, Any]:
    """All arrays by name: the role, a dot, and the path, as in "gradient.params.w_x"."""
    return {f"{role}.{path}": v for field, role in ROLES.items() for path, v in paths(getattr(values, field)).items()}


def given(case: Case) -> dict[str, np.ndarray]:
    """The arrays that a problem gives, by name: inputs, constants and cotangents."""
    told = {f"input.{path}": v for path, v in {**paths(case.inputs), **case.constants}.items()}
    return told | {f"cotangent.{path}": v for path, v in paths(case.cotangents).items()}


def cases() -> dict[str, Callable[[], Case]]:
    """Every problem by name."""
    every = {f"cell/{cell.name}": partial(one_step, cell) for cell in CELLS.values()}
    every |= {f"time/{cell.name}": partial(through_time, cell) for cell in CELLS.values()}
    return every | {f"layer/{name}": partial(make, f"layer/{name}") for name, make in LAYERS.items()}


# ------------------------------------------------------------------------------------------------------ inputs


def hashed(problem: str, array: str, index: int) -> int:
    """SHA-256 of a number's name, as an integer."""
    return int.from_bytes(sha256(f"{problem}/{array}/{index}".encode()).digest(), "big")


def number(problem: str, array: str, index: int) -> float:
    """The input number with this name: a multiple of 2^-10 in [-1, 1)."""
    return (hashed(problem, array, index) % 2048 - 1024) / 1024


def drawn(problem: str, role: str, shapes: dict[str, Any]) -> dict[str, Any]:
    """The arrays for these (structures of) shapes."""

    def one(path: Any, shape: tuple[int, ...]) -> np.ndarray:
        array = f"{role}.{jax.tree_util.keystr(path, simple=True, separator='.')}"
        numbers = [number(problem, array, k) for k in range(int(np.prod(shape)))]
        return np.array(numbers, np.float64).reshape(shape)

    tree = jax.tree_util.tree_map_with_path(one, shapes, is_leaf=is_shape)
    return {name: tree[name] for name in shapes}


# ------------------------------------------------------------------------------------------------------- cells


def one_step(cell: Cell) -> Case:
    """One step of a cell."""
    name = f"cell/{cell.name}"
    inputs = _inputs(name, cell, "prev", "x")

    def evaluate(inputs: Any, bar: Any) -> RightValues:
        state, tape = cell.forward(inputs["params"], inputs["prev"], inputs["x"])
        back = cell.backward(inputs["params"], tape, bar["state"])
        gradients = {"params": back.params, "prev": back.prev, "x": back.x}
        return RightValues({"state": state}, gradients, tape.nodes._asdict(), back.nodes._asdict())

    bar = drawn(name, "cotangent", {"state": cell.state_shapes(B, H, D=D)})
    page, tags = f"derivations/{cell.page}.md", _tags(cell)
    return Case(name, f"one step of {cell.name}", page, tags, inputs, {}, bar, evaluate, cell)


def through_time(cell: Cell) -> Case:
    """Six steps of a cell. The second row of the batch has only three steps."""
    name = f"time/{cell.name}"
    inputs = _inputs(name, cell, "initial", "xs", T)

    def evaluate(inputs: Any, bar: Any) -> RightValues:
        read = inputs["params"], inputs["initial"], inputs["xs"]
        outputs, tapes = sequence.loop(cell, *read, LENGTHS)
        cotangents = sequence.Outputs(bar["hs"], bar["final"])
        back = sequence.loop_backward(cell, *read, tapes, cotangents, LENGTHS)
        nodes = sequence.stacked([tape.nodes for tape in tapes], like=None)
        gradients = {"params": back.params, "initial": back.initial, "xs": back.xs}
        return RightValues(outputs._asdict(), gradients, real_alone(nodes)._asdict(), back.nodes._asdict())

    state = cell.state_shapes(B, H, D=D)
    bar = drawn(name, "cotangent", {"hs": (T, *state.h), "final": state})
    what = f"{T} steps of {cell.name} with lengths: state after state, and back through all of them"
    page, tags = f"derivations/{cell.page}.md", (*_tags(cell), *_tags(sequence))
    return Case(name, what, page, tags, inputs, {"lengths": LENGTHS}, bar, evaluate, cell)


def real_alone(nodes: Any) -> Any:
    """The nodes (T, B, ...) with zeros at padding. A node without batch rows, such as a masked kernel, is unchanged."""
    keep = keep_of(T, LENGTHS)
    return jax.tree.map(lambda v: choose(keep, v, 0) if v.shape[1] == B else v, nodes)


def _inputs(name: str, cell: Cell, state: str, x: str, *steps: int) -> dict[str, Any]:
    of_x = jax.tree.map(lambda shape: (*steps, *shape), cell.input_shapes(B, D, H=H), is_leaf=is_shape)
    of_state = cell.state_shapes(B, H, D=D)
    inputs = drawn(name, "input", {"params": cell.parameter_shapes(D, H), state: of_state, x: of_x})
    inputs[state] = in_domain(cell, inputs[state])
    if cell is rnn_relu:
        inputs["params"] = inputs["params"]._replace(b=np.abs(inputs["params"].b))
    return inputs


def _tags(owner: Cell | ModuleType) -> tuple[str, ...]:
    """The tags of the forward and backward functions, in the order of the code."""
    text = inspect.getsource(owner) if isinstance(owner, ModuleType) else "".join(map(inspect.getsource, owner[5:7]))
    return tuple(dict.fromkeys(re.findall(r"# ([A-Z]{1,2}\d+\*?)", text)))


# ------------------------------------------------------------------------------------------------------ layers


def dense_layer(name: str) -> Case:
    """The final gate at every step of a sequence."""
    inputs = drawn(name, "input", {"params": dense.Params((D, K), (K,)), "x": (T, B, D)})

    def evaluate(inputs: Any, bar: Any) -> RightValues:
        z, tape = dense.forward(inputs["params"], inputs["x"])
        params_bar, x_bar = dense.backward(inputs["params"], tape, bar["z"])
        return RightValues({"z": z}, {"params": params_bar, "x": x_bar})

    return _layer(name, dense, "z = x w + b", "final_gate", inputs, {}, {"z": (T, B, K)}, evaluate)


def embedding_layer(name: str) -> Case:
    """Rows of a table. One row is never used, others are used several times."""
    ids = np.array([[0, 2, 2], [2, 3, 0], [1, 0, 2]])

    def evaluate(inputs: Any, bar: Any) -> RightValues:
        x, tape = embedding.forward(inputs["table"], ids)
        return RightValues({"x": x}, {"table": embedding.backward(inputs["table"], tape, bar["x"])})

    inputs = drawn(name, "input", {"table": (K, D)})
    return _layer(name, embedding, "x = table[ids]", "embedding", inputs, {"ids": ids}, {"x": (3, 3, D)}, evaluate)


def _loss(name: str, layer: Any, what: str, shape: tuple[int, ...], target: np.ndarray, **options: Any) -> Case:
    def evaluate(inputs: Any, bar: Any) -> RightValues:
        loss, tape = layer.forward(inputs["prediction"], target, **options)
        return RightValues({"loss": loss}, {"prediction": layer.backward(tape, bar["loss"])})

    inputs = drawn(name, "input", {"prediction": shape})
    return _layer(name, layer, what, "final_gate", inputs, {"target": target}, {"loss": ()}, evaluate)


def softmax_loss(name: str) -> Case:
    """Class numbers; two of ten rows are ignored, so the mean is over eight."""
    classes = np.array([[0, 3], [-1, 1], [4, 4], [2, -1], [1, 0]])
    what = "mean of -ln softmax(prediction)[target] over the rows whose target is not -1"
    return _loss(name, softmax_cross_entropy, what, (5, B, K), classes, ignore_index=-1)


def binary_loss(name: str) -> Case:
    """Eight logits and targets in [0, 1]."""
    target = np.abs(drawn(name, "input", {"target": (4, B)})["target"])
    what = "mean of -target ln s(prediction) - (1 - target) ln s(-prediction), s the logistic function"
    return _loss(name, binary_cross_entropy, what, (4, B), target)


def squared_loss(name: str) -> Case:
    """Eight numbers."""
    target = drawn(name, "input", {"target": (4, B)})["target"]
    return _loss(name, mean_squared_error, "mean of (prediction - target)^2", (4, B), target)


def attention_layer(name: str) -> Case:
    """Three queries over five keys. Two keys are masked in the second row."""
    real = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 1, 0]])
    shapes: dict[str, Any] = {"queries": (B, 3, H), "keys": (B, 5, H)}
    if name.endswith("additive"):
        shapes["params"] = attention.Additive((H, 2), (H, 2), (2,))

    def evaluate(inputs: Any, bar: Any) -> RightValues:
        contexts, tape = attention.forward(inputs.get("params"), inputs["queries"], inputs["keys"], real == 1)
        params_bar, *others = attention.backward(inputs.get("params"), tape, bar["contexts"])
        gradients = dict(zip(("queries", "keys"), others, strict=True))
        if params_bar is not None:
            gradients["params"] = params_bar
        return RightValues({"contexts": contexts, "weights": tape.weights}, gradients)

    score = "v tanh(q w_q + k w_k)" if "params" in shapes else "q k"
    what = f"contexts = weights keys, weights = softmax of {score} over the keys that are real; weights have no bar"
    inputs = drawn(name, "input", shapes)
    return _layer(name, attention, what, "attention", inputs, {"real": real}, {"contexts": (B, 3, H)}, evaluate)


def crf_layer(name: str) -> Case:
    """Four sequences of different lengths, one with a single step."""
    tags = np.array([[hashed(name, "input.tags", 4 * t + n) % K for n in range(4)] for t in range(T)])
    lengths = np.array([T, 1, 4, 2])

    def evaluate(inputs: Any, bar: Any) -> RightValues:
        loss, tape = crf.forward(inputs["params"], inputs["emissions"], tags, lengths)
        params_bar, emissions_bar = crf.backward(inputs["params"], tape, bar["loss"])
        return RightValues({"loss": loss}, {"params": params_bar, "emissions": emissions_bar})

    inputs = drawn(name, "input", {"params": crf.Params((K, K), (K,), (K,)), "emissions": (T, 4, K)})
    what = "mean over the sequences of -ln p(tags | emissions), a linear chain"
    return _layer(name, crf, what, "crf", inputs, {"tags": tags, "lengths": lengths}, {"loss": ()}, evaluate)


def _layer(
    name: str,
    layer: ModuleType,
    what: str,
    page: str,
    inputs: dict[str, Any],
    constants: dict[str, np.ndarray],
    outputs: dict[str, tuple[int, ...]],
    evaluate: Callable[[Any, Any], RightValues],
) -> Case:
    bar = drawn(name, "cotangent", outputs)
    return Case(name, what, f"derivations/{page}.md", _tags(layer), inputs, constants, bar, evaluate)


LAYERS: dict[str, Callable[[str], Case]] = {
    "dense": dense_layer,
    "embedding": embedding_layer,
    "softmax-cross-entropy": softmax_loss,
    "binary-cross-entropy": binary_loss,
    "mean-squared-error": squared_loss,
    "attention-additive": attention_layer,
    "attention-dot": attention_layer,
    "crf": crf_layer,
}
