"""`lstm-ref cells`: lists every recurrence of this package."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--input-size", "-D", default=128, show_default=True, type=click.IntRange(1), help="Size of the input.")
@click.option("--hidden-size", "-H", default=256, show_default=True, type=click.IntRange(1), help="Hidden size.")
@click.option("--sources", is_flag=True, help="Print each cell's derivation page and paper instead.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def cells(input_size: int, hidden_size: int, sources: bool, as_json: bool) -> None:
    """List the cells, one a line: parameters (as a formula, and their number), and the arrays of the state.

    With --sources, the derivation page and the paper. With --json, everything.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from lstm_ref.cells import CELLS
    from lstm_ref.cells.cell import named
    from lstm_ref.cells.described import number_of_parameters, parameters, source, states
    from lstm_ref.pages.home import folder
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
    if sources:
        for row in rows:
            click.echo(f"{row['name']} ({row['page']}): {row['source']}")
        if home := folder():
            click.echo(f"\nderivations/ is {home}")
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0, header_style="bold")
    for column in ("cell", "parameters", "number", "state"):
        table.add_column(column, no_wrap=True, justify="right" if column == "number" else "left")
    for cell, row in zip(CELLS.values(), rows, strict=True):
        table.add_row(cell.name, str(row["parameters"]), f"{row['number']:,}", ", ".join(named(cell.state)))
    table.caption, table.caption_justify = f"number of parameters for D={input_size}, H={hidden_size}", "left"
    console().print(table)
