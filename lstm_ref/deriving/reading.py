"""From a file or a cell to its folded forward."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lstm_ref.deriving.folding import Forward, fold
from lstm_ref.deriving.naming import _Hooks, load_named
from lstm_ref.deriving.raising import Raised
from lstm_ref.errors import BadInput, CannotEvaluate
from lstm_ref.graph import trace
from lstm_ref.mistakes.on_graphs.forwarded import forwarded


def read_file(path: Path, seed: int = 0) -> tuple[Forward, Any]:
    """The folded forward of a file, and the inputs at which it was read."""
    named = load_named(path, f"lstm_ref_derived_{path.stem}")
    module = named.module
    sys.modules[module.__name__] = module
    inputs = module.inputs(np.random.default_rng(seed)) if callable(module.inputs) else module.inputs
    is_loss = hasattr(module, "loss")
    user = module.loss if is_loss else module.forward
    return read(user, inputs, path.stem, named.source, vars(module), named.loops, is_loss), inputs


def read(
    function: Callable[[Any], Any],
    inputs: Any,
    title: str,
    source: str,
    scope: dict[str, Any],
    loops: dict[int, str],
    is_loss: bool,
) -> Forward:
    """The folded forward of a function whose values are marked."""
    fixed = {k: v for k, v in scope.items() if _is_fixed(v)}
    sizes = {k: float(v) for k, v in scope.items() if type(v) is int}
    original = dict(fixed)

    def run(everything: Any) -> Any:
        scope.update(everything["fixed"])
        _Hooks.sizes = everything["sizes"]
        try:
            return function(everything["inputs"])
        finally:
            _Hooks.sizes = {}

    try:
        graph = trace(run, {"inputs": inputs, "fixed": fixed, "sizes": sizes})
    finally:
        scope.update(original)
    graph = forwarded(graph)
    raised = Raised(graph, source)
    paths, _ = jax.tree.flatten_with_path({"inputs": inputs, "fixed": fixed, "sizes": sizes})
    given, held = {}, {}
    for (path, value), v in zip(paths, graph.inputs, strict=True):
        kind, *keys = (str(getattr(k, "key", getattr(k, "idx", getattr(k, "name", k)))) for k in path)
        if kind == "inputs":
            given[v] = ("_".join(keys), tuple(keys))
        else:
            held[v] = ("_".join(keys), value)
    if isinstance(inputs, dict):  # in the author's order
        order = list(inputs)
        given = dict(sorted(given.items(), key=lambda item: order.index(item[1][1][0])))
    return fold(raised, title, source, given, held, loops, is_loss)


def _is_fixed(v: Any) -> bool:
    return isinstance(v, float) or (isinstance(v, np.ndarray) and v.dtype.kind == "f")
