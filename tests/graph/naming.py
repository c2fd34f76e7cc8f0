"""What the search names of a wrong file or of a slip, and whether that is what was planted."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import numpy as np
from slips import CELLS, Slip, claimed

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.graph import trace
from lstm_ref.leaves import paths
from lstm_ref.mistakes.on_graphs.claim import FLOAT32
from lstm_ref.mistakes.on_graphs.edges import Edges
from lstm_ref.mistakes.on_graphs.search import Explained, explain

SAME = {
    "other factor": {"other cotangent", "shifted in time", "factor missing", "dropped", "factor twice", "scaled"},
    "overwritten": {"dropped", "first visit alone", "last step left out"},
    "broadcast not summed": {"first row alone"},
    "first row alone": {"overwritten"},
    "cut after 1 step": {"dropped", "last visit alone"},
    "cut after 3 steps": {"first 3 steps left out"},
    "cut after 5 steps": {"first 3 steps left out"},
    "cut after 6 steps": {"cut after 5 steps"},
    "head at the last step alone": {"last visit alone"},
    "head at its own step alone": {"carry left out"},
    "other layer's weights": {"other factor"},
    "sum for mean": {"activation's derivative missing", "scaled", "factor missing"},
    "mean for sum": {"scaled", "factor missing", "first row alone"},
    "shifted in time": {"step 0 read wrongly", "other factor", "other cotangent"},
    "activation's derivative missing": {"other cotangent", "equal gradients", "factor missing"},
    "summed over all axes": {"dropped"},
    "equal gradients": {"other cotangent"},
}
"""Other words for the edit of a slip: where both are the same edit, or give the same gradient to all digits."""


class Traced(NamedTuple):
    """A cell's forward."""

    graph: Any
    cotangent: Any
    edges: Edges
    floor: float


def traced(module: ModuleType, file: Path) -> tuple[Any, Any]:
    """Its inputs and its forward."""
    exec(compile(file.read_text(), str(file), "exec"), module.__dict__)
    inputs = module.inputs(np.random.default_rng(0))  # type: ignore[attr-defined]
    return inputs, trace(getattr(module, "loss", None) or module.forward, inputs)  # type: ignore[attr-defined]


@cache
def forward(cell: str) -> Traced:
    """A cell's, which its slips share."""
    module = ModuleType(cell)
    _, graph = traced(module, CELLS[cell])
    shape = np.shape(graph.result)
    cotangent = 1.0 if hasattr(module, "loss") else np.random.default_rng(1).standard_normal(shape)
    floor = FLOAT32 if any("float32" in c for c in graph.casts) else 0.0
    return Traced(graph, cotangent, Edges(graph), floor)


def named(cell: str, text: str) -> Explained:
    """What is named of the gradients that a changed text gives."""
    f = forward(cell)
    return explain(f.graph, f.cotangent, claimed(cell, text), f.floor, f.edges)


def named_in(file: Path) -> Explained:
    """What is named of a whole file."""
    module: Any = ModuleType(file.stem)
    inputs, graph = traced(module, file)
    with x64(), np.errstate(all="ignore"):
        if hasattr(module, "loss"):
            module.loss(inputs)
            cotangent, claim = 1.0, module.gradients(inputs)
        else:
            output = module.forward(inputs)
            cotangent = jax.tree.map(lambda v: np.random.default_rng(1).standard_normal(np.shape(v)), output)
            claim = module.backward(inputs, cotangent)
    floor = FLOAT32 if any("float32" in c for c in graph.casts) else 0.0
    return explain(graph, cotangent, {k: np.asarray(v, float) for k, v in paths(claim).items()}, floor)


def lines(found: Explained) -> list[set[str]]:
    """Of each mistake the lines of the forward, without their comments."""
    return [{re.sub(r" +# .*", "", f.text).strip() for f in e.places} for e in found.explanations]


class Judged(NamedTuple):
    """One slip's."""

    is_named: bool
    """One mistake explains the claim to all digits."""
    at_its_line: bool
    by_its_word: bool


def judged(slip: Slip) -> Judged:
    """What is named of one slip."""
    found = named(slip.cell, slip.text)
    one = found.is_complete and len(found.explanations) == 1
    kinds = found.explanations[0].kinds if one else set()
    return Judged(
        one, one and bool(lines(found)[0] & set(slip.lines)), bool(kinds & {slip.edit, *SAME.get(slip.edit, ())})
    )
