"""Finds the state that a function can reach besides its inputs: module globals, modules among these, closures, objects
and their attributes.

For a run, the float arrays in that state are replaced by copies. In a traced run the copies are constants that can hold
traced numbers (a buffer made in `__init__`, data of the module). Afterwards everything is restored, and nothing traced
is left in the user's state.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CellType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from lstm_ref.graph import creation
from lstm_ref.graph.array import Array, session
from lstm_ref.graph.places import is_installed, is_internal
from lstm_ref.places import is_ours

_OF_CLASSES: Any = (FunctionType, staticmethod, classmethod)

MANY = 20_000
"""Largest number of objects to visit; the state may be endless."""


def reached(function: Callable[..., Any]) -> tuple[list[Any], list[dict[str, Any]]]:
    """The writable containers that the function can reach (dicts, lists, deques, cells), and which of them are module
    namespaces."""
    seen: dict[int, Any] = {}
    containers: list[Any] = []
    modules: list[dict[str, Any]] = []
    waiting: collections.deque[Any] = collections.deque([function])
    held: collections.deque[dict[str, Any]] = collections.deque()
    """Namespaces of the modules that were seen; visited last, because they may hold much that is never called."""

    def add(names: dict[str, Any]) -> None:
        if id(names) not in seen:
            seen[id(names)] = names
            if not str(names.get("__name__", "")).startswith("lstm_ref."):
                containers.append(names)
                waiting.extend(names.values())
            modules.append(names)

    while (waiting or held) and len(seen) < MANY:
        if not waiting:
            add(held.popleft())
            continue
        x: Any = waiting.popleft()
        kind = type(x)
        if id(x) in seen or kind in (str, int, float, bool, bytes, np.ndarray, Array) or x is None:
            continue
        seen[id(x)] = x
        if kind is FunctionType:
            if not is_installed(x.__code__.co_filename):
                add(x.__globals__)
            waiting.extend(x.__defaults__ or ())
            waiting.extend((x.__kwdefaults__ or {}).values())
            waiting.extend(vars(x).values())
            for cell in x.__closure__ or ():
                waiting.append(cell)
        elif kind is CellType:
            try:
                waiting.append(x.cell_contents)
            except ValueError:
                continue
            containers.append(x)
        elif kind is np.vectorize:
            waiting.append(x.pyfunc)
        elif kind is MethodType:
            waiting.extend((x.__self__, x.__func__))
        elif kind in (dict, collections.OrderedDict, collections.defaultdict):
            containers.append(x)
            waiting.extend(x.values())
        elif kind in (list, collections.deque):
            containers.append(x)
            waiting.extend(x)
        elif isinstance(x, tuple):
            waiting.extend(x)
        elif isinstance(x, ModuleType):
            if _is_users_module(x):
                held.append(vars(x))
        elif isinstance(x, np.generic):
            continue
        elif isinstance(x, type):
            if _is_users(x):
                waiting.extend(v for v in vars(x).values() if isinstance(v, _OF_CLASSES))
        elif isinstance(x, (staticmethod, classmethod)):
            waiting.append(x.__func__)
        elif hasattr(x, "func") and hasattr(x, "keywords"):  # functools.partial
            waiting.extend((x.func, x.args, x.keywords))
        elif hasattr(x, "__wrapped__") and callable(x):
            waiting.append(x.__wrapped__)
        elif kind is SimpleNamespace or _is_users(kind):
            waiting.append(kind)
            if isinstance(getattr(x, "__dict__", None), dict):
                containers.append(x.__dict__)
                waiting.extend(x.__dict__.values())
    return containers, modules


def _is_users_module(module: ModuleType) -> bool:
    file = vars(module).get("__file__")
    if file is None:
        return "__path__" in vars(module)  # a folder without __init__.py: it holds modules alone, each with its file
    return isinstance(file, str) and not (is_installed(file) or is_ours(file))


def _is_users(kind: Any) -> bool:
    import sys

    module = sys.modules.get(getattr(kind, "__module__", ""))
    file = getattr(module, "__file__", None)
    name = getattr(kind, "__module__", "")
    if name == "builtins" or (module is not None and file is None and name != "__main__"):
        return False
    return file is None or not (is_installed(file) or is_internal(file))


@contextmanager
def kept(containers: list[Any]) -> Iterator[None]:
    """Restores the content of the containers on exit."""
    saved = [_content(c) for c in containers]
    try:
        yield
    finally:
        for c, content in zip(containers, saved, strict=True):
            _restore(c, content)


def _content(c: Any) -> Any:
    if isinstance(c, CellType):
        return c.cell_contents
    return dict(c) if isinstance(c, dict) else list(c)


def _restore(c: Any, content: Any) -> None:
    if isinstance(c, CellType):
        c.cell_contents = content
    elif isinstance(c, dict):
        for key in [k for k, v in c.items() if k not in content and not isinstance(v, ModuleType)]:
            del c[key]  # a module stays: Python puts a submodule into its package once, when it is first imported
        for key, v in content.items():
            if key not in c or c[key] is not v:
                c[key] = v
    elif list(map(id, c)) != list(map(id, content)):
        c.clear()
        c.extend(content)


def copy(containers: list[Any], as_traced: bool) -> None:
    """Replace every float array in the containers by a copy, one for one; in a traced run, by a constant `Array`."""
    arrays = [v for c in containers for v in _values(c) if type(v) is np.ndarray and v.dtype.kind == "f"]
    by_memory: dict[int, set[int]] = {}
    for v in arrays:
        by_memory.setdefault(id(_base(v)), set()).add(id(v))
    memo: dict[int, Any] = {}

    def copied(v: Any) -> Any:
        if type(v) is np.vectorize and as_traced:
            return creation.Vectorized(v.pyfunc, v.otypes)
        if type(v) is np.ufunc and as_traced:
            return creation.of_lists(v)
        if type(v) is not np.ndarray or v.dtype.kind != "f" or len(by_memory[id(_base(v))]) > 1:
            return v  # two views of one memory stay as they are
        if id(v) not in memo:
            own = np.array(v, dtype=np.float64 if as_traced else None, order="K")
            own.flags.writeable = v.flags.writeable
            if as_traced and v.dtype != np.float64:
                session().casts.setdefault(f"{v.dtype.name} in the code's state besides its inputs")
            memo[id(v)] = Array(own) if as_traced else own
        return memo[id(v)]

    for c in containers:
        if isinstance(c, CellType):
            c.cell_contents = copied(c.cell_contents)
        elif isinstance(c, dict):
            for key, v in list(c.items()):
                c[key] = copied(v)
        else:
            for i, v in enumerate(list(c)):
                c[i] = copied(v)


def _values(c: Any) -> list[Any]:
    return [c.cell_contents] if isinstance(c, CellType) else list(c.values()) if isinstance(c, dict) else list(c)


def _base(v: Any) -> Any:
    while isinstance(v.base, np.ndarray):
        v = v.base
    return v
