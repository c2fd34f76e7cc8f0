"""`lstm-ref show`: a cell's equations as they stand in the code, and its computational graph."""

from __future__ import annotations

from pathlib import Path

import click

PICTURES = ("final_gate", "bptt")


@click.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Picture file, .svg or .png. Default: NAME.svg.")
def show(name: str, out: Path | None) -> None:
    """Print the equations of the cell NAME, forward and backward, and draw its graph.

    Every edge shows the value that flows forward along it and, below, the adjoint that flows back. NAME is a cell (see
    `lstm-ref cells`), or a picture without equations: final_gate, or bptt (the LSTM's state through three steps).
    """
    from lstm_ref.cells import CELLS
    from lstm_ref.cells.described import equations, parameters, source, states
    from lstm_ref.errors import BadInput
    from lstm_ref.reporting import graph, graph_picture

    path = out or Path(f"{name}.svg")
    if name in (*CELLS, *PICTURES):
        graph_picture.require_drawable(path)
    if name in CELLS:
        picture = graph.graph_of_step(CELLS[name])
    elif name == "final_gate":
        picture = graph.graph_of_final_gate()
    elif name == "bptt":
        picture = graph.graph_through_time(CELLS["lstm"])
    else:
        raise BadInput(f"no cell or picture is called {name!r}; there are {', '.join([*CELLS, *PICTURES])}")
    if name in CELLS:
        cell = CELLS[name]
        click.echo(f"{name}: {parameters(cell)} parameters; state {states(cell)}")
        click.echo(f"{source(cell)}\n")
        for side, lines in zip(("forward", "backward, from right to left"), equations(cell), strict=True):
            click.echo(side)
            for line in lines:
                click.echo(f"  {line.tag:4} {line.code}" + (f"   ({line.comment})" if line.comment else ""))
        click.echo(f"\nderived in derivations/{cell.page}.md")
    graph_picture.draw(picture, path)
    click.echo(f"wrote {path}")
