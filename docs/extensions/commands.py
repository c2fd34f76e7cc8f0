"""The directive `commands`: the help of every command of `lstm-ref`, as the command itself prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from lstm_ref.cli import app as program


class Commands(SphinxDirective):
    """A section a command, subcommands after their group."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        sections: list[nodes.Node] = []
        for name, text in helps(program, "lstm-ref"):
            section = nodes.section(ids=[name.replace(" ", "-")])
            section += nodes.title(text=name)
            section += nodes.literal_block(text, text, language="text")
            sections.append(section)
        return sections


def helps(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """(name, help) of a command and of all below it."""
    own = name.split()[-1]
    settings = command.context_settings | {"terminal_width": 96, "max_content_width": 96}
    context = click.Context(command, info_name=own, parent=parent, **settings)
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            below = command.get_command(context, child)
            assert below is not None
            yield from helps(below, f"{name} {child}", context)


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
