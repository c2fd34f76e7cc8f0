"""Digits of agreement for every feature and framework, with a verdict on each, as plain data.

The digits of an array are -log10 of its largest error relative to its largest element, limited to the range from 0 to
the digits that the dtype holds. The digits of a feature are the fewest over outputs, final states and gradients. The
error may be at most twice the floor, because the framework's result and ours may each be off by one floor.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.util import find_spec
from itertools import product
from multiprocessing import get_context
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.errors import BadInput, CannotEvaluate
from lstm_ref.interop.conform.features import (
    FEATURES,
    Feature,
    FeatureCase,
    LayerResult,
    arranged,
    by_jax,
    floor,
    ours,
    problem,
)
from lstm_ref.interop.layout import their_gradients
from lstm_ref.interop.layouts import LAYOUTS

SCHEMA = 1


class Adapter(NamedTuple):
    """How a framework is run."""

    module: str
    """The module of this folder that runs it."""
    packages: Mapping[str, str]
    """What to install, by the name under which it is imported."""
    environ: Mapping[str, str] | None = None
    """Environment variables that it reads when it is imported. A framework that has them, even none, runs in a process
    of its own, because its libraries do not bear with another's."""


_KERAS = {backend: {"KERAS_BACKEND": backend} for backend in ("jax", "tensorflow", "torch")}
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}
_TENSORFLOW = {"tensorflow": "tensorflow-cpu"}

FRAMEWORKS = {
    "torch": Adapter("with_torch", {"torch": "torch"}),
    "keras": Adapter("with_keras", {"keras": "keras"}, _KERAS["jax"]),
    "flax": Adapter("with_flax", {"flax": "flax"}),
    "equinox": Adapter("with_equinox", {"equinox": "equinox"}),
    "haiku": Adapter("with_haiku", {"haiku": "dm-haiku"}),
    "onnxruntime": Adapter("with_onnxruntime", {"onnx": "onnx", "onnxruntime": "onnxruntime"}),
    "jax.experimental.rnn": Adapter("with_jax_rnn", {"jax": "jax"}),
    "keras-tensorflow": Adapter("with_keras", {"keras": "keras", **_TENSORFLOW}, _KERAS["tensorflow"] | _QUIET),
    "keras-torch": Adapter("with_keras", {"keras": "keras", "torch": "torch"}, _KERAS["torch"] | _QUIET),
    "tensorflow": Adapter("with_tensorflow", _TENSORFLOW, _QUIET),
    "sonnet": Adapter("with_sonnet", {"sonnet": "dm-sonnet", **_TENSORFLOW}, _QUIET),
    "paddle": Adapter("with_paddle", {"paddle": "paddlepaddle"}, {}),
    "mindspore": Adapter("with_mindspore", {"mindspore": "mindspore"}, {}),
    "mlx": Adapter("with_mlx", {"mlx": "'mlx[cpu]'"}),
    "tinygrad": Adapter("with_tinygrad", {"tinygrad": "tinygrad"}, {}),
    "openvino": Adapter("with_openvino", {"openvino": "openvino"}, {}),
    "xlstm": Adapter("with_xlstm", {"xlstm": "xlstm", "torch": "torch"}, {}),
    "dynet": Adapter("with_dynet", {"dynet": "dynet38"}, {}),
    "autograd": Adapter("with_autograd", {"autograd": "autograd"}),
    "pytensor": Adapter("with_pytensor", {"pytensor": "pytensor"}, {"PYTENSOR_FLAGS": "cxx="}),
}
"""The frameworks by name, in the order of the table."""
NO_LAYER = "no layer computes it"
"""Why a framework lacks a feature for which its module gives no other reason."""


@dataclass(frozen=True)
class Compared:
    """One array of the framework, compared with ours."""

    array: str
    digits: float
    bound: float
    """The smallest number of digits that counts as agreement."""
    says: str = ""
    """What is wrong other than its numbers, such as its shape."""

    @property
    def agrees(self) -> bool:
        """Whether it agrees; a NaN does not."""
        return self.digits >= self.bound and not self.says


@dataclass(frozen=True)
class Run:
    """One feature in one layout and one dtype of a framework."""

    feature: str
    layout: str
    dtype: str
    arrays: tuple[Compared, ...]
    gradients: bool
    """Whether the framework gave gradients."""
    failed: str = ""
    """Why there is no answer."""
    uncompiled: float | None = None
    """Only where the run disagrees and the same functions agree without JAX's compiler: the digits without it."""
    missing: tuple[str, ...] = ()
    """Gradients that were not given, where others were."""

    @property
    def worst(self) -> Compared:
        """The array that agrees least."""
        return min(self.arrays, key=lambda one: (one.agrees, one.digits))

    @property
    def digits(self) -> float:
        """The fewest digits over all arrays."""
        return min((one.digits for one in self.arrays), default=math.nan)

    @property
    def agrees(self) -> bool:
        """Whether all arrays agree."""
        return not self.failed and all(one.agrees for one in self.arrays)


@dataclass(frozen=True)
class Framework:
    """The results for one framework."""

    name: str
    version: str = ""
    unusable: str = ""
    """Why the framework was not compared."""
    runs: tuple[Run, ...] = ()
    lacks: tuple[tuple[str, str], ...] = ()
    """Pairs (feature, reason)."""
    without: str = ""
    """What the framework lacks for all features, in a sentence."""
    traps: tuple[str, ...] = ()

    def of(self, feature: str, dtype: str) -> list[Run]:
        """The runs of one feature in one dtype."""
        return [run for run in self.runs if (run.feature, run.dtype) == (feature, dtype)]

    @property
    def gradients(self) -> bool:
        """Whether the framework gave any gradients."""
        return any(run.gradients for run in self.runs)

    @property
    def wrong(self) -> list[Run]:
        """The runs that agree to fewer digits than required."""
        return [run for run in self.runs if not run.failed and not run.agrees]

    @property
    def failed(self) -> list[Run]:
        """The runs without an answer."""
        return [run for run in self.runs if run.failed]


def as_dict(found: Iterable[Framework], seed: int, environment: dict[str, str]) -> dict[str, Any]:
    """All results, as JSON-serialisable data."""
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
    """The frameworks with these names, or all. Raises BadInput for an unknown name."""
    names = list(dict.fromkeys(names)) or list(FRAMEWORKS)
    for name in names:
        if name not in FRAMEWORKS:
            raise BadInput(f"no framework is called {name!r}; there are {', '.join(FRAMEWORKS)}")
    return names


def module_of(name: str) -> Any:
    """The module that runs the framework. Raises ImportError where it is not installed, CannotEvaluate where it is
    unusable."""
    return importlib.import_module(f"lstm_ref.interop.conform.{FRAMEWORKS[name].module}")


def measured(name: str, seed: int = 0, say: Callable[[str], None] = lambda _: None) -> Framework:
    """Compares all features of a framework, here or in a process of its own.

    Args:
        name: Its name.
        seed: The seed of all numbers.
        say: Called with what is compared now.

    Returns:
        Its results.
    """
    adapter = FRAMEWORKS[name]
    missing = [package for module, package in adapter.packages.items() if find_spec(module) is None]
    if missing:  # asked here, because a process takes a second of CPU to start
        return Framework(name, unusable=f"not installed (pip install {' '.join(missing)})")
    say(name)
    return _here(name, seed, say) if adapter.environ is None else _apart(name, seed, adapter.environ)


def _here(name: str, seed: int, say: Callable[[str], None] = lambda _: None) -> Framework:
    try:
        module = module_of(name)
    except CannotEvaluate as error:
        return Framework(name, unusable=str(error))
    except Exception as error:  # a framework that does not fit what else is installed may raise anything
        return Framework(name, unusable=f"cannot be imported: {_one_line(error)}")
    layouts = dict.fromkeys(layout for feature in module.RUNS.values() for layout in feature)
    bites: dict[str, list[str]] = {}
    for layout in layouts:
        bites.setdefault(LAYOUTS[layout].traps.rstrip("."), []).append(layout.partition(".nn.")[2] or layout)
    traps = tuple(f"{', '.join(names)}: {trap}" for trap, names in bites.items() if trap) + module.TRAPS
    runs = []
    for feature, by_layout in module.RUNS.items():
        for layout, dtype in product(by_layout, module.DTYPES):
            say(f"{name}: {feature}, {dtype}")
            runs.append(compared(module, FEATURES[feature], layout, dtype, seed))
    lacks = tuple((f, module.LACKS.get(f, NO_LAYER)) for f in FEATURES if f not in module.RUNS)
    return Framework(name, module.VERSION, "", tuple(runs), lacks, module.WITHOUT, traps)


def _apart(name: str, seed: int, environ: Mapping[str, str]) -> Framework:
    """Compares in a new process, whose environment is set before anything is imported."""
    before = dict(os.environ)
    os.environ.update(environ)
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(_here, name, seed).result()
    except BrokenProcessPool:
        return Framework(name, unusable="its process ended without an answer: the framework crashed")
    finally:
        os.environ.clear()
        os.environ.update(before)


def compared(
    module: Any, feature: Feature, layout: str, dtype: str, seed: int = 0, forward: Callable[..., Any] | None = None
) -> Run:
    """One run. By default it uses the forward function in the framework's own table."""
    forward = forward or module.RUNS[feature.name][layout]
    given = problem(feature, LAYOUTS[layout], dtype, seed)
    in_layout = partial(getattr(module, "arranged", arranged), LAYOUTS[layout], given)

    def run() -> Run:
        return beside(module.answer(forward, given, in_layout()), given, in_layout, layout)

    try:
        found = run()
        if not found.agrees and module.answer is by_jax:
            with jax.disable_jit():
                again = run()
            found = replace(found, uncompiled=again.digits if again.agrees else None)
    except Exception as error:  # a framework of another version may raise anything
        return Run(feature.name, layout, dtype, (), False, _one_line(error))
    return found


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def beside(answer: LayerResult, given: FeatureCase, in_layout: Callable[..., Any], layout: str) -> Run:
    """An answer beside ours, array by array. `in_layout` arranges parameters, or gradients, as the answer does."""
    found = ours(given)
    right, allowed = (
        v._replace(params=in_layout(of=their_gradients, values=v.params)).arrays() for v in (found, floor(given, found))
    )
    arrays = tuple(_beside(answer, given, right, allowed))
    has_gradients = any(path.startswith("d ") for path in answer.arrays())
    missing = tuple(path for path in right if path not in answer.arrays()) if has_gradients else ()
    return Run(given.feature.name, layout, given.dtype.name, arrays, has_gradients, missing=missing)


def _beside(answer: LayerResult, given: FeatureCase, right: Mapping[str, Any], allowed: Any) -> Iterable[Compared]:
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
    """Digits of an error, between 0 and what the dtype holds."""
    if not error < largest:  # also for NaN
        return held if error == 0 else 0.0
    return min(held, -math.log10(error / largest)) if error else held
