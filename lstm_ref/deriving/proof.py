"""Proves derived code at once: against the user's own forward, and each of the two files against itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np

from lstm_ref.checking import Report
from lstm_ref.checking.checker import check
from lstm_ref.checking.files.home import Home
from lstm_ref.checking.problem import problem
from lstm_ref.deriving.reading import uses_jax
from lstm_ref.errors import BadInput, described


def prove(path: Path, texts: dict[str, str], seed: int = 0, digits: int = 80) -> Iterator[Report]:
    """A report on each derived file.

    Args:
        path: The user's file.
        texts: By file name, the NumPy file and the JAX file, in this order.
        seed: Seed of the inputs and of random cotangents.
        digits: Decimal digits of ball arithmetic.

    Yields:
        First the report on the file in the user's own language, whose gradient is compared with that of the user's
        forward; then on the other file, compared with its own forward, which must give the user's values.
    """
    with Home(path), TemporaryDirectory() as folder:
        user = loaded(path.stem, path.read_text(), path)
        inputs = user.inputs(np.random.default_rng(seed)) if callable(user.inputs) else user.inputs
        order = list(texts.items())[:: -1 if uses_jax(path.read_text()) else 1]
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
                report = replace(report, notes=(*report.notes, _same_values(user, derived, inputs, is_loss)))
            yield report


def _same_values(user: Any, derived: Any, inputs: Any, is_loss: bool) -> str:
    """That the other file computes what the user's file does. Raises BadInput where it does not."""
    name = "loss" if is_loss else "forward"
    theirs, ours = (np.asarray(getattr(m, name)(inputs), dtype=float) for m in (user, derived))
    scale = max(1.0, float(np.max(np.abs(theirs), initial=0.0)))
    off = float(np.max(np.abs(theirs - ours), initial=0.0)) / scale
    if not off <= 1e-4:  # JAX computes in float32 here, so this only tells another function from the same one
        raise BadInput(f"the derived forward differs from the file's own by {off:.1e}")
    return f"its own forward gives the file's values to {off:.0e}"


def loaded(name: str, text: str, path: Path) -> ModuleType:
    """The module of a text. Raises BadInput where it fails."""
    module = ModuleType(name)
    module.__file__ = str(path)
    try:
        exec(compile(text, str(path), "exec"), vars(module))
    except Exception as error:
        raise BadInput(f"{path}: cannot be imported: {described(error)}") from error
    return module


