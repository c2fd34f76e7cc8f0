"""A model's complete gradient on a batch of its data, as a problem to check against autodiff in float64.

The built-in problems (`selfcheck.builtin`) are small and random, and proven in balls. These batches are real texts with
their real lengths, computed by the same functions that training calls.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.problem import Problem, problem
from lstm_ref.data.reading import Bad
from lstm_ref.tasks import NAMES, task
from lstm_ref.training.task import Task

ORACLES = ["reverse"]
"""The oracle that needs one evaluation for all elements."""

PREFIX = "models/batch-"


def batch_problems() -> list[str]:
    """The names of the problems."""
    return [f"{PREFIX}{name}" for name in NAMES]


def batch_problem(name: str, rng: np.random.Generator, paths: list[Path]) -> Problem:
    """The problem with this name on the first batch of the files' texts; without files, of the package's own data.

    Weights are normal with standard deviation 1/2. Raises BadInput as the task's `prepare`.
    """
    model, settings = _small(name)
    corpus = model.prepare(paths, settings)
    batch = model.batch(corpus.train, settings, 0)
    drawn = model.initial(rng, corpus.vocabularies, settings)
    params = jax.tree.map(lambda v: rng.standard_normal(v.shape) / 2, drawn)

    def gradients(inputs: Any) -> dict[str, Any]:
        _, tape = model.forward(inputs["params"], batch, settings)
        return {"params": model.backward(inputs["params"], batch, tape, settings)}

    return problem(
        {"params": params},
        loss=lambda inputs: model.forward(inputs["params"], batch, settings)[0],
        gradients=gradients,
        name=name,
    )


def left_out(name: str, paths: list[Path]) -> list[Bad]:
    """The rows of the files that the problem leaves out."""
    model, settings = _small(name)
    return model.prepare(paths, settings).bad


def _small(name: str) -> tuple[Task, Any]:
    """The task, with small sizes."""
    model = task(name.removeprefix(PREFIX))
    sizes: dict[str, Any] = {"hidden": 8, "batch": 8, "float64": True}
    sizes |= {"sequence": 32} if model.name == "char-lm" else {"embedding": 6}
    sizes |= {"characters": 4} if model.name == "tagger" else {}
    return model, model.Settings(**sizes)
