"""The names that a report uses for a function and its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lstm_ref.errors import BadInput

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def name_of(function: Any, name: str | None) -> str:
    """The name given, or the function's own. Raises BadInput if it is not a function."""
    if not callable(function):
        raise BadInput(f"the thing to check must be a function, got {type(function).__name__}")
    return str(name or getattr(function, "__name__", None) or type(function).__name__)


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The parameters' names: xs_0, xs_1 … for `*xs`, and argument_0 … where the function has no signature."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in POSITIONAL]
    rest = next((p.name for p in parameters if p.kind == inspect.Parameter.VAR_POSITIONAL), "argument")
    # a wrapper's `*args` says nothing about the names
    first = 0 if rest in ("args", "argument") else len(names)
    rest = "argument" if rest == "args" else rest
    return [names[k] if k < len(names) else f"{rest}_{k - first}" for k in range(count)]
