"""A derivation file: plain Python that defines inputs, a function and its hand-written gradient, under fixed names."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lstm_ref.checking.problem import Problem, problem
from lstm_ref.errors import BadInput, LstmRefError

FIELDS = (
    *("loss", "gradients", "forward", "backward", "nodes", "estimator", "definition", "reverse_time"),
    *("cell", "mapping", "readout", "adjoints"),
)


def load(target: str, seed: int = 0) -> list[Problem]:
    """The problems of FILE, or the one of FILE::NAME, where NAME is a class in the file that holds the definitions.

    A file that defines `inputs` itself is one problem, and one whose `problem` was made by `lstm_ref.torch_function` or
    `lstm_ref.custom_vjp` is that; else every class with `inputs` is one. Raises BadInput.
    """
    file, _, name = target.partition("::")
    path = Path(file)
    module = _import(path)
    if name:
        namespace = getattr(module, name, None)
        if namespace is None:
            raise BadInput(f"{file}: nothing is called {name!r}")
        return [_problem(f"{path.stem}::{name}", file, namespace, seed)]
    if isinstance(getattr(module, "problem", None), Problem):
        return [replace(module.problem, name=path.stem)]
    if hasattr(module, "inputs"):
        return [_problem(path.stem, file, module, seed)]
    classes = [
        (key, value)
        for key, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and hasattr(value, "inputs")
    ]
    if not classes:
        raise BadInput(
            f"{file}: defines no `inputs`; a derivation file defines inputs, and loss and gradients (or forward and "
            "backward)"
        )
    return [_problem(f"{path.stem}::{key}", file, value, seed) for key, value in classes]


def _import(path: Path) -> ModuleType:
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    if not path.is_file() or path.suffix != ".py":
        raise BadInput(f"{path}: a derivation file is a Python file (.py)")
    if not path.read_bytes().strip():
        raise BadInput(f"{path}: the file is empty")
    spec = importlib.util.spec_from_file_location(f"derivation_file_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))  # so that the file can import its neighbours, as a script can
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise BadInput(f"{path}: cannot be imported: {_where(error, path)}") from error
    finally:
        sys.path.pop(0)
    return module


def _where(error: BaseException, path: Path) -> str:
    """The error in one line, with the line of the user's file that it came through."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    text = (str(error.msg if isinstance(error, SyntaxError) else error).strip().split("\n") or [""])[0]
    return f"{type(error).__name__}: {text}" + (f" (line {line})" if line else "")


def _problem(name: str, file: str, namespace: Any, seed: int) -> Problem:
    if not hasattr(namespace, "inputs"):
        raise BadInput(f"{file}: {name} defines no `inputs`")
    fields: dict[str, Any] = {key: getattr(namespace, key) for key in FIELDS if hasattr(namespace, key)}
    inputs: Any = namespace.inputs
    if callable(inputs):
        inputs = _drawn(name, inputs, seed)
    if "nodes" in fields and not (
        isinstance(fields["nodes"], (list, tuple)) and all(isinstance(n, str) for n in fields["nodes"])
    ):
        raise BadInput(f"{name}: nodes must be a list of input names, got {fields['nodes']!r:.60}")
    return problem(inputs, name=name, **fields)


def _drawn(name: str, inputs: Callable[[np.random.Generator], Any], seed: int) -> Any:
    try:
        return inputs(np.random.default_rng(seed))
    except LstmRefError:
        raise
    except Exception as error:
        raise BadInput(f"{name}: inputs(generator) fails: {type(error).__name__}: {error}") from error
