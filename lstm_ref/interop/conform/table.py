"""Digits of agreement, feature by feature and framework by framework, judged, as plain data.

The digits of an array are -log10 of its largest error over its largest element, at most those that the dtype holds,
and never below 0; those of a feature the least over outputs, final states and gradients. They must not be fewer than
twice the floor allows (theirs and ours are off by one floor each).
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.errors import BadInput, CannotEvaluate
from lstm_ref.interop.conform.features import (
    FEATURES,
    Answer,
    Feature,
    FeatureCase,
    arranged,
    by_jax,
    floor,
    ours,
    problem,
)
from lstm_ref.interop.layout import their_gradients
from lstm_ref.interop.layouts import LAYOUTS

SCHEMA = 1

FRAMEWORKS = {
    "torch": ("with_torch", "torch"),
    "keras": ("with_keras", "keras"),
    "flax": ("with_flax", "flax"),
    "equinox": ("with_equinox", "equinox"),
    "haiku": ("with_haiku", "dm-haiku"),
    "onnxruntime": ("with_onnxruntime", "onnx onnxruntime"),
    "jax.experimental.rnn": ("with_jax_rnn", "jax"),
}
"""By name: the module that runs it, and what to install."""


@dataclass(frozen=True)
class Compared:
    """One array of theirs, beside ours."""

    array: str
    digits: float
    bound: float
    """What must agree at least."""
    says: str = ""
    """What is wrong with it, but for its numbers."""

    @property
    def agrees(self) -> bool:
        """Whether it does; NaN does not."""
        return self.digits >= self.bound and not self.says


@dataclass(frozen=True)
class Run:
    """One feature by one layout of a framework, in one dtype."""

    feature: str
    layout: str
    dtype: str
    arrays: tuple[Compared, ...]
    gradients: bool
    """Whether it has any."""
    failed: str = ""
    """Why there is no answer."""
    uncompiled: float | None = None
    """Where it disagrees: the digits of the same functions run by JAX without its compiler, where *these* agree."""

    @property
    def worst(self) -> Compared:
        """Of an array that agrees least."""
        return min(self.arrays, key=lambda one: (one.agrees, one.digits))

    @property
    def digits(self) -> float:
        """The least."""
        return min((one.digits for one in self.arrays), default=math.nan)

    @property
    def agrees(self) -> bool:
        """Whether all arrays do."""
        return not self.failed and all(one.agrees for one in self.arrays)


@dataclass(frozen=True)
class Framework:
    """What was found of one."""

    name: str
    version: str = ""
    unusable: str = ""
    """Why it was not compared."""
    runs: tuple[Run, ...] = ()
    lacks: tuple[tuple[str, str], ...] = ()
    """(feature, why)."""
    without: str = ""
    """What it lacks for all features, in a sentence."""
    traps: tuple[str, ...] = ()

    def of(self, feature: str, dtype: str) -> list[Run]:
        """The runs of one feature in one dtype."""
        return [run for run in self.runs if (run.feature, run.dtype) == (feature, dtype)]

    @property
    def gradients(self) -> bool:
        """Whether it has any."""
        return any(run.gradients for run in self.runs)

    @property
    def wrong(self) -> list[Run]:
        """What agrees to fewer digits than it must."""
        return [run for run in self.runs if not run.failed and not run.agrees]

    @property
    def failed(self) -> list[Run]:
        """What has no answer."""
        return [run for run in self.runs if run.failed]


def as_dict(found: Iterable[Framework], seed: int, environment: dict[str, str]) -> dict[str, Any]:
    """Everything, as JSON-serialisable data."""
    frameworks = []
    for one in found:
        runs = [
            asdict(run)
            | {
                "digits": None if run.failed else run.digits,
                "agrees": run.agrees,
                "arrays": [asdict(v) | {"agrees": v.agrees} for v in run.arrays],
            }
            for run in one.runs
        ]
        lacks = dict(one.lacks)
        frameworks.append(asdict(one) | {"runs": runs, "lacks": lacks, "installed": not one.unusable})
    return {"schema": SCHEMA, "seed": seed, "environment": environment, "frameworks": frameworks}


def chosen(names: Iterable[str]) -> list[str]:
    """Of the frameworks; without names all. Raises BadInput for one that there is not."""
    names = list(dict.fromkeys(names)) or list(FRAMEWORKS)
    for name in names:
        if name not in FRAMEWORKS:
            raise BadInput(f"no framework is called {name!r}; there are {', '.join(FRAMEWORKS)}")
    return names


def module_of(name: str) -> Any:
    """Runs the framework. Raises ImportError where it is not installed, CannotEvaluate where it cannot be used."""
    return importlib.import_module(f"lstm_ref.interop.conform.{FRAMEWORKS[name][0]}")


def measured(name: str, seed: int = 0) -> Framework:
    """All features of a framework, compared."""
    try:
        module = module_of(name)
    except ModuleNotFoundError:
        return Framework(name, unusable=f"not installed (pip install {FRAMEWORKS[name][1]})")
    except CannotEvaluate as error:
        return Framework(name, unusable=str(error))
    layouts = dict.fromkeys(layout for feature in module.RUNS.values() for layout in feature)
    bites: dict[str, list[str]] = {}
    for layout in layouts:
        bites.setdefault(LAYOUTS[layout].traps.rstrip("."), []).append(layout.partition(".nn.")[2] or layout)
    traps = tuple(f"{', '.join(names)}: {trap}" for trap, names in bites.items() if trap) + module.TRAPS
    runs = tuple(
        compared(module, FEATURES[feature], layout, dtype, seed)
        for feature, by_layout in module.RUNS.items()
        for layout in by_layout
        for dtype in module.DTYPES
    )
    return Framework(name, module.VERSION, "", runs, tuple(module.LACKS.items()), module.WITHOUT, traps)


def compared(
    module: Any, feature: Feature, layout: str, dtype: str, seed: int = 0, forward: Callable[..., Any] | None = None
) -> Run:
    """One run; by default with the forward that the framework's own table has for it."""
    forward = forward or module.RUNS[feature.name][layout]
    given = problem(feature, LAYOUTS[layout], dtype, seed)
    in_layout = partial(getattr(module, "arranged", arranged), LAYOUTS[layout], given)

    def run() -> Run:
        answer = module.answer(forward, given, in_layout())
        arrays = tuple(_beside(answer, given, in_layout))
        return Run(feature.name, layout, dtype, arrays, answer.params is not None)

    try:
        found = run()
        if not found.agrees and module.answer is by_jax:
            with jax.disable_jit():
                again = run()
            found = replace(found, uncompiled=again.digits if again.agrees else None)
    except Exception as error:  # whatever a framework of another version may raise
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return Run(feature.name, layout, dtype, (), False, text)
    return found


def _beside(answer: Answer, given: FeatureCase, in_layout: Callable[..., Any]) -> Iterable[Compared]:
    found = ours(given)
    right, allowed = (
        v._replace(params=in_layout(of=their_gradients, values=v.params)).arrays() for v in (found, floor(given, found))
    )
    held = bits(given.dtype) * math.log10(2)
    for path, theirs in answer.arrays().items():
        mine = right[path]
        if theirs.dtype != given.dtype or theirs.shape != mine.shape:
            says = f"is {theirs.dtype} {theirs.shape}, expected {given.dtype} {mine.shape}"
            yield Compared(path, 0.0, 0.0, says)
            continue
        largest = np.max(np.abs(mine))
        bound = _digits(2 * np.max(allowed[path]), largest, held)
        yield Compared(path, _digits(np.max(np.abs(theirs - mine)), largest, held), bound)


def _digits(error: float, largest: float, held: float) -> float:
    """Between 0 and what the dtype holds."""
    if not error < largest:  # NaN too
        return held if error == 0 else 0.0
    return min(held, -math.log10(error / largest)) if error else held
