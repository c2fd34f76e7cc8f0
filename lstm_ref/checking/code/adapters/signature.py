"""What a function and its arguments are called in a report."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lstm_ref.errors import BadInput

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def name_of(function: Any, name: str | None) -> str:
    """The name given, or the function's own. Raises BadInput where it is no function."""
    if not callable(function):
        raise BadInput(f"a function is to be checked, got {type(function).__name__}")
    return str(name or getattr(function, "__name__", None) or type(function).__name__)


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The parameters' names; those of `*xs` are xs_0, xs_1 …; argument_0 … where they cannot be told."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in POSITIONAL]
    rest = next((p.name for p in parameters if p.kind == inspect.Parameter.VAR_POSITIONAL), "argument")
    # of code that only hands on, `*args` says no more than that there are arguments
    first = 0 if rest in ("args", "argument") else len(names)
    rest = "argument" if rest == "args" else rest
    return [names[k] if k < len(names) else f"{rest}_{k - first}" for k in range(count)]
