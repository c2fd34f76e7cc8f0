"""`lstm-ref cells`: lists every recurrence of this package."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--input-size", "-D", default=128, show_default=True, type=click.IntRange(1), help="Size of the input.")
@click.option("--hidden-size", "-H", default=256, show_default=True, type=click.IntRange(1), help="Hidden size.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def cells(input_size: int, hidden_size: int, as_json: bool) -> None:
    """List the cells: parameters (as a formula, and their number), state, paper, derivation page."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from lstm_ref.cells import CELLS
    from lstm_ref.cells.described import number_of_parameters, parameters, source, states
    from lstm_ref.reporting.terminal import console

    rows = [
        {
            "name": cell.name,
            "parameters": parameters(cell),
            "number": number_of_parameters(cell, input_size, hidden_size),
            "state": states(cell),
            "source": source(cell),
            "page": f"derivations/{cell.page}.md",
        }
        for cell in CELLS.values()
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("cell", no_wrap=True)
    for column in ("parameters", f"D={input_size}, H={hidden_size}", "state", "source", "page"):
        table.add_column(
            column, overflow="fold", no_wrap=column == "cell", justify="right" if "=" in column else "left"
        )
    for row in rows:
        short = str(row["source"]).split(";")[0]
        table.add_row(*(str(row[k]) for k in ("name", "parameters", "number", "state")), short, str(row["page"]))
    console().print(table)
