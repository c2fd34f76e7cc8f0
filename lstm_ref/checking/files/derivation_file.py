"""Loads a derivation file: plain Python that defines inputs, a function and its hand-written gradient, under fixed
names.

The file's code runs with its own folder on the path (`checking.home`), and every error in it is reported in one line
with its place.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lstm_ref.checking.files.home import PREFIX, Home
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.errors import BadInput, LstmRefError, nearest, text_of

FUNCTIONS = ("loss", "gradients", "forward", "backward", "definition", "mapping", "readout", "adjoints")
FIELDS = tuple(field for field in signature(problem).parameters if field not in ("inputs", "name"))
"""What a file may define besides `inputs`: what `problem` takes."""
PARTNERS = {"loss": "gradients", "gradients": "loss", "forward": "backward", "backward": "forward"}

_PACKAGE = Path(__file__).parents[2]


def load(target: str, seed: int = 0) -> list[Problem]:
    """The problems of FILE, or the one of FILE::NAME, where NAME is a class in the file that holds the definitions.

    A file that defines `inputs` is one problem. So is a file whose `problem` was made by `lstm_ref.torch_function` or
    `lstm_ref.custom_vjp`. In any other file, every class with `inputs` is a problem. Raises BadInput.
    """
    file, _, name = target.partition("::")
    path = Path(file)
    with naming_lines(target):
        module, home = imported(path)
        with home:
            return _problems(path, name, module, home, seed)


def imported(path: Path) -> tuple[ModuleType, Home]:
    """A user's Python file as a module, and the context in which its functions run. Raises BadInput."""
    _require_file(path)
    home = Home(path)
    return _import(path, home), home


def _problems(path: Path, name: str, module: ModuleType, home: Home, seed: int) -> list[Problem]:
    if name:
        namespace = getattr(module, name, None)
        if namespace is None:
            raise BadInput(f"{path}: the file defines nothing called {name!r}")
        return [_problem(f"{path.stem}::{name}", path, namespace, home, seed)]
    made = getattr(module, "problem", None)
    if isinstance(made, Problem):
        return [_at_home(dataclasses.replace(made, name=path.stem), home)]
    if hasattr(module, "inputs"):
        return [_problem(path.stem, path, module, home, seed)]
    classes = [
        (key, value)
        for key, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and hasattr(value, "inputs")
    ]
    if not classes:
        raise BadInput(
            f"{path}: defines no `inputs`; a derivation file defines inputs, and loss and gradients (or forward and "
            "backward)"
        )
    return [_problem(f"{path.stem}::{key}", path, value, home, seed) for key, value in classes]


def _require_file(path: Path) -> None:
    try:
        if not path.exists():
            raise BadInput(f"{path}: no such file")
        if not path.is_file() or path.suffix != ".py":
            raise BadInput(f"{path}: a derivation file is a Python file (.py); `lstm-ref check` also reads .md, .tex")
        if not path.read_bytes().strip():
            raise BadInput(f"{path}: the file is empty")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error


def _import(path: Path, home: Home) -> ModuleType:
    """Import the file under a name that no other module has. The module stays in `sys.modules`, where dataclasses and
    pickle look for the module of a class."""
    place = hashlib.sha256(str(home.file).encode(errors="replace")).hexdigest()[:12]
    unique = PREFIX + re.sub(r"\W", "_", f"{path.stem}_{place}")
    spec = importlib.util.spec_from_file_location(unique, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    importlib.invalidate_caches()
    sys.modules[module.__name__] = module
    try:
        with home:
            spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        sys.modules.pop(module.__name__, None)
        raise BadInput(f"{path}: cannot be imported: {_describe(error, path)}") from error
    return module


def _problem(name: str, path: Path, namespace: Any, home: Home, seed: int) -> Problem:
    if not hasattr(namespace, "inputs"):
        raise BadInput(f"{path}: {name} defines no `inputs`")
    fields: dict[str, Any] = {key: getattr(namespace, key) for key in FIELDS if hasattr(namespace, key)}
    _require_pair(name, fields, vars(namespace))
    own = _own_names(fields)
    fields = {key: value for key, value in fields.items() if key not in own}
    inputs: Any = namespace.inputs
    if callable(inputs):
        inputs = _draw_inputs(name, path, inputs, seed)
    if "nodes" in fields and not (
        isinstance(fields["nodes"], (list, tuple)) and all(isinstance(n, str) for n in fields["nodes"])
    ):
        raise BadInput(f"{name}: nodes must be a list of input names, got {type(fields['nodes']).__name__}")
    made = problem(inputs, name=name, **fields)
    remarks = [f"{key} is a function of the file's own here, for {use}" for key, use in own.items()]
    return _at_home(dataclasses.replace(made, remarks=(*made.remarks, *remarks)), home)


def _require_pair(name: str, fields: dict[str, Any], names: Iterable[str]) -> None:
    """Raises BadInput where one of two functions is there without the other, with the name that is nearest to it."""
    defined = [key for key in PARTNERS if key in fields]
    if len(defined) == 1:
        missing = PARTNERS[defined[0]]
        writes = "; `lstm-ref derive` writes one" if missing in ("backward", "gradients") else ""
        raise BadInput(f"{name}: defines `{defined[0]}` and no `{missing}`{nearest(missing, names) or writes}")


def _own_names(fields: dict[str, Any]) -> dict[str, str]:
    """Names that the file uses for functions of its own, as a function `cell` of one step, each with what it would be
    otherwise."""
    functions = {key for key, value in fields.items() if callable(value)}
    found = {"cell": "a known cell is named by text"} if "cell" in functions else {}
    if "cell" in found or "cell" not in fields:
        found |= dict.fromkeys(functions & {"mapping", "readout", "adjoints"}, "no known cell is named by `cell`")
    if "definition" in functions and "estimator" not in fields:
        found["definition"] = "no estimator is named by `estimator`"
    return found


def _draw_inputs(name: str, path: Path, inputs: Callable[[np.random.Generator], Any], seed: int) -> Any:
    try:
        return inputs(np.random.default_rng(seed))
    except (LstmRefError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise BadInput(f"{name}: inputs(generator) fails: {_describe(error, path)}") from error


def _at_home(found: Problem, home: Home) -> Problem:
    """The problem, with functions that find the file's neighbouring modules whenever they are called."""
    values = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    changes: dict[str, Any] = {key: home.at_home(v) for key, v in values.items() if callable(v)}
    if found.other_convention is not None:
        changes["other_convention"] = _at_home(found.other_convention, home)
    return dataclasses.replace(found, **changes)


# ------------------------------------------------------------------------------------------------- what went wrong


@contextmanager
def naming_lines(target: str) -> Iterator[None]:
    """Around calls that run a derivation file's code: turns any failure of that code into BadInput with its file and
    line. Failures of this package pass through unchanged."""
    path = Path(target.partition("::")[0])
    try:
        yield
    except KeyboardInterrupt:
        raise
    except LstmRefError as error:
        place = (
            "" if re.search(r"line \d+\)$", str(error)) or error.__cause__ is None else _place(error, path, whole=True)
        )
        if not place:
            raise
        raise type(error)(f"{error}{place}") from error
    except BaseException as error:
        if not _is_theirs(error, path):
            raise
        raise BadInput(f"{path.stem}: its code fails: {_describe(error, path, whole=True)}") from error


def _describe(error: BaseException, path: Path, whole: bool = False) -> str:
    """The error in one line, with the line of the user's code that raised it."""
    return f"{type(error).__name__}: {text_of(error)}{_place(error, path, whole)}"


def _place(error: BaseException, path: Path, whole: bool = False) -> str:
    """The place of an error: " (line 3)" of the user's file, or " (helper.py, line 3)" of a file beside it; empty if
    neither."""
    at = [(f.filename, f.lineno) for f in _frames(error) if _is_beside(f.filename, path)]
    if isinstance(error, SyntaxError) and error.filename and _is_beside(error.filename, path):
        at.append((error.filename, error.lineno))
    if not at or at[-1][1] is None:
        return ""
    file, line = Path(at[-1][0]), at[-1][1]
    return f" ({file.name}, line {line})" if whole or file.name != path.name else f" (line {line})"


def _frames(error: BaseException | None) -> list[traceback.FrameSummary]:
    """The frames of an error, followed by those of its causes."""
    found: list[traceback.FrameSummary] = []
    while error is not None:
        found += traceback.extract_tb(error.__traceback__)
        error = error.__cause__
    return found


def _is_beside(file: str, path: Path) -> bool:
    return not file.startswith("<") and Path(file).resolve().parent == path.resolve().parent


def _is_theirs(error: BaseException, path: Path) -> bool:
    """Whether the error was raised in the user's code or in code that it called, not in this package's."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_beside(frame.filename, path):
            return True
        if _PACKAGE in Path(frame.filename).resolve().parents:
            return False
    return False
