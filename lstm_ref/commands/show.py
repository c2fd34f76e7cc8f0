"""`lstm-ref show`: a cell's equations as they stand in the code, and its graph; the derivation of an equation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lstm_ref.reporting.graph import Diagram

PICTURES = ("final_gate", "bptt")


@click.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Draw the graph into this file: .svg, which needs no other library, or .png, which needs matplotlib.",
)
@click.option("--svg", "as_svg", is_flag=True, help="Print the graph alone, as SVG, on standard output.")
def show(name: str, out: Path | None, as_svg: bool) -> None:
    """Print the equations of the cell NAME, forward and backward, and its graph as a table of edges.

    Every edge has the value that flows forward along it and the adjoint that flows back, for B = D = H = 1. NAME is a
    cell (see `lstm-ref cells`), or a picture without equations: final_gate, or bptt (the LSTM's state through three
    steps). Nothing is written without --out.

    NAME may also be the tag of an equation, as a report names it: `lstm-ref show 'L4*'` prints what the derivation page
    says of it, with its code. (In quotes, because * is special in a shell.)
    """
    from lstm_ref.cells import CELLS
    from lstm_ref.errors import BadInput, nearest
    from lstm_ref.reporting import graph, graph_picture

    if re.fullmatch(r"[A-Z]+\d+\*?", name):
        if out or as_svg:
            raise BadInput(f"{name} is an equation, which has no graph: --out and --svg are for cells and pictures")
        _print_passage(name)
        return
    if name not in (*CELLS, *PICTURES):
        near = nearest(name, [*CELLS, *PICTURES], "`lstm-ref cells` lists the cells")
        raise BadInput(f"no cell, picture or equation is called {name!r}{near}")
    if out:
        graph_picture.require_drawable(out)
    if name in CELLS:
        drawn = graph.graph_of_step(CELLS[name])
    else:
        drawn = graph.graph_of_final_gate() if name == "final_gate" else graph.graph_through_time(CELLS["lstm"])
    if as_svg:
        click.echo(graph_picture.svg(drawn), nl=False)
    else:
        if name in CELLS:
            _print_equations(name)
        _print_edges(drawn)
    if out:
        graph_picture.draw(drawn, out)
        click.echo(f"wrote {out}", err=as_svg)


def _print_passage(tag: str) -> None:
    from lstm_ref.pages.passage import passage

    found = passage(tag)
    click.echo(f"{': '.join(found.headings)}\n\n{found.text}\n\nfrom {found.file}:{found.line}")


def _print_equations(name: str) -> None:
    from lstm_ref.cells import CELLS
    from lstm_ref.cells.described import equations, parameters, source, states
    from lstm_ref.pages.home import folder

    cell = CELLS[name]
    click.echo(f"{name}: {parameters(cell)} parameters; state {states(cell)}")
    click.echo(f"{source(cell)}\n")
    for side, lines in zip(("forward", "backward, from right to left"), equations(cell), strict=True):
        click.echo(side)
        for line in lines:
            click.echo(f"  {line.tag:4} {line.code}" + (f"   ({line.comment})" if line.comment else ""))
    home = folder()
    click.echo(f"\nderived in {home / cell.page}.md\n" if home else "")


def _print_edges(graph: Diagram) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from lstm_ref.reporting.graph_picture import number
    from lstm_ref.reporting.terminal import console

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in ("from", "to", "value forward", "adjoint back"):
        table.add_column(column, justify="right" if " " in column else "left")
    for edge in graph.edges:
        to = "outside" if edge.target.startswith("outside") else edge.target
        table.add_row(edge.source, to, number(edge.value), number(edge.adjoint))
    table.caption, table.caption_justify = graph.title, "left"
    console().print(table)
