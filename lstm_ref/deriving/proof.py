"""Proves derived code at once: against the user's own forward, and each of the two files against itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking import Report
from lstm_ref.checking.checker import check
from lstm_ref.checking.files.home import Home
from lstm_ref.checking.problem import problem
from lstm_ref.deriving.folding import ChosenByComparison
from lstm_ref.deriving.reading import uses_jax
from lstm_ref.errors import BadInput, described

CLOSE = 1e-9
"""Relative difference of the values of one function, written twice, in float64: rounding is 1e-16 an operation. Another
choice, branch or term moves a value by about its own size."""
CLOSE_IN_FLOAT32 = 1e-5
"""The same where the user's file keeps values in float32."""


def prove(path: Path, source: str, texts: dict[str, str], seed: int = 0, digits: int = 80) -> Iterator[Report]:
    """A report on each derived file.

    Args:
        path: The user's file.
        source: Its text; for a file that only defines a step, with the loop through time added.
        texts: By file name, the NumPy file and the JAX file, in this order.
        seed: Seed of the inputs and of random cotangents.
        digits: Decimal digits of ball arithmetic.

    Yields:
        First the report on the file in the user's own language, whose gradient is compared with that of the user's
        forward; then on the other file, compared with its own forward, which must give the user's values.
    """
    with Home(path), TemporaryDirectory() as folder:
        user = loaded(path.stem, source, path)
        inputs = user.inputs(np.random.default_rng(seed)) if callable(user.inputs) else user.inputs
        order = list(texts.items())[:: -1 if uses_jax(source) else 1]
        is_loss = hasattr(user, "loss")
        for k, (name, text) in enumerate(order):
            file = Path(folder) / name
            file.write_text(text)
            derived = loaded(file.stem, text, file)
            forward = user if k == 0 else derived
            if is_loss:
                claim = problem(inputs, name=name, loss=forward.loss, gradients=derived.gradients)
            else:
                claim = problem(inputs, name=name, forward=forward.forward, backward=derived.backward)
            report = check(claim, seed=seed, digits=digits)
            if k:
                report = replace(
                    report, notes=(*report.notes, _same_values(user, derived, inputs, is_loss, _close(source)))
                )
            yield report


def require_same_forward(path: Path, source: str, text: str, seed: int = 0) -> None:
    """Raises ChosenByComparison where the derived forward is the user's only at the inputs at which it was derived.

    NumPy code may compare its numbers, sort them or choose by a mask; what was chosen at one point is then no formula.
    """
    with Home(path):
        user, derived = loaded(path.stem, source, path), loaded(path.stem, text, path)
        name = "loss" if hasattr(user, "loss") else "forward"
        for k in range(1, 4):
            rng = np.random.default_rng(seed + k)
            moved = partial(_elsewhere, rng=rng)
            point = user.inputs(rng) if callable(user.inputs) else jax.tree.map(moved, user.inputs)
            with x64(), np.errstate(all="ignore"):
                theirs, ours = (jax.tree.leaves(getattr(m, name)(point)) for m in (user, derived))
            for a, b in zip(theirs, ours, strict=True):
                a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
                known = np.isfinite(a)
                if a.shape != b.shape or not _apart(a[known], b[known]) <= _close(source):
                    raise ChosenByComparison(
                        "the code chooses otherwise at other inputs (a comparison, an order, a mask), and what NumPy "
                        "code chooses is not derived; np.maximum, np.abs and jax.numpy.where are"
                    )


def _elsewhere(v: Any, rng: np.random.Generator) -> Any:
    """Other numbers of the same kind: the same ones in another order, and scaled."""
    if np.asarray(v).dtype.kind != "f":
        return v
    flat = np.asarray(v).ravel()
    moved = rng.permutation(flat).reshape(np.shape(v)) * rng.uniform(0.5, 1.5, np.shape(v))
    return type(v)(moved) if isinstance(v, float) else np.asarray(moved, dtype=np.asarray(v).dtype)


def _same_values(user: Any, derived: Any, inputs: Any, is_loss: bool, close: float) -> str:
    """That the other file computes what the user's file does. Raises BadInput where it does not."""
    name = "loss" if is_loss else "forward"
    with x64():
        theirs, ours = (jax.tree.leaves(getattr(m, name)(inputs)) for m in (user, derived))
    off = max(_apart(np.asarray(a, dtype=float), np.asarray(b, dtype=float)) for a, b in zip(theirs, ours, strict=True))
    if not off <= close:
        raise BadInput(f"the derived forward differs from the file's own by {off:.1e}")
    return f"its own forward gives the file's values to {off:.0e}"


def _close(source: str) -> float:
    return CLOSE_IN_FLOAT32 if "float32" in source else CLOSE


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.max(np.abs(a - b), initial=0.0)) / max(1.0, float(np.max(np.abs(a), initial=0.0)))


def loaded(name: str, text: str, path: Path) -> ModuleType:
    """The module of a text. Raises BadInput where it fails."""
    module = ModuleType(name)
    module.__file__ = str(path)
    try:
        exec(compile(text, str(path), "exec"), vars(module))
    except Exception as error:
        raise BadInput(f"{path}: cannot be imported: {described(error)}") from error
    return module
