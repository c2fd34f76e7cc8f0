"""`lstm-ref draw`: the computational graph of a cell, from the code's own nodes."""

from __future__ import annotations

from pathlib import Path

import click

PICTURES = ("final_gate", "bptt")


@click.command()
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The picture, .svg or .png. Default: NAME.svg in this folder."
)
def draw(name: str, out: Path | None) -> None:
    """Draw the graph of NAME: a cell (lstm, rnn_tanh, …), final_gate, or bptt (the LSTM's state through three steps).

    Every edge shows the value that runs forward along it and, below, the adjoint that comes back.
    """
    from lstm_ref.cells import CELLS
    from lstm_ref.errors import BadInput
    from lstm_ref.reporting import graph, graph_picture

    if name in CELLS:
        picture = graph.graph_of_step(CELLS[name])
    elif name == "final_gate":
        picture = graph.graph_of_final_gate()
    elif name == "bptt":
        picture = graph.graph_through_time(CELLS["lstm"])
    else:
        raise BadInput(f"nothing is called {name!r}; there are {', '.join([*CELLS, *PICTURES])}")
    path = out or Path(f"{name}.svg")
    if not path.parent.is_dir():
        raise BadInput(f"{path.parent}: no such folder")
    graph_picture.draw(picture, path)
    click.echo(f"wrote {path}")
