"""One command per model. Its options come from a dataclass whose fields are made by `setting`: one option per field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, get_type_hints

import click

from lstm_ref.tasks import NAMES


class Models(click.Group):
    """A group with one command per model. `make(name)` builds a command when it is needed."""

    def __init__(self, *, make: Callable[[str], click.Command], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._make = make

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The models' names."""
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        return self._make(cmd_name) if cmd_name in NAMES else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the models without building their commands."""
        with formatter.section("Models"):
            formatter.write_dl(list(NAMES.items()))


def options_of(record: type) -> list[Callable[[Any], Any]]:
    """One option per field; a bool becomes a flag."""
    types, found = get_type_hints(record), []
    for one in fields(record):
        name, choices = f"--{one.name.replace('_', '-')}", one.metadata["choices"]
        kind = click.Choice(choices) if choices else types[one.name]
        flag = types[one.name] is bool
        more: dict[str, Any] = {"is_flag": True} if flag else {"type": kind, "show_default": True}
        found.append(click.option(name, default=one.default, help=one.metadata["says"] or None, **more))
    return found


def explicit(names: Sequence[str], given: dict[str, Any]) -> dict[str, Any]:
    """Those of these options that the command line gives."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    return {name: given[name] for name in names if context.get_parameter_source(name) != default}


def names_of(record: type) -> list[str]:
    """The names of the dataclass's fields."""
    return [one.name for one in fields(record)]
