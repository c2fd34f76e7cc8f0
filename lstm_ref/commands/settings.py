"""Options made of a dataclass whose fields are made by `setting`: one a field, with its help, choices and default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, get_type_hints

import click


def options_of(record: type) -> list[Callable[[Any], Any]]:
    """One option a field; a bool is a flag."""
    types, found = get_type_hints(record), []
    for one in fields(record):
        name, choices = f"--{one.name.replace('_', '-')}", one.metadata["choices"]
        kind = click.Choice(choices) if choices else types[one.name]
        flag = types[one.name] is bool
        more: dict[str, Any] = {"is_flag": True} if flag else {"type": kind, "show_default": True}
        found.append(click.option(name, default=one.default, help=one.metadata["says"] or None, **more))
    return found


def explicit(names: Sequence[str], given: dict[str, Any]) -> dict[str, Any]:
    """Of these options, those that the command line gives."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    return {name: given[name] for name in names if context.get_parameter_source(name) != default}


def names_of(record: type) -> list[str]:
    """The fields' names."""
    return [one.name for one in fields(record)]
