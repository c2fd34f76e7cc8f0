"""`lstm-ref analyse`: how far a gradient reaches, measured on text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lstm_ref.vanishing import Reach

DISTANCES = (1, 2, 5, 10, 20, 50, 100)
SENTENCE = "There was a river that forgot."
WIDTH = 100
"""Minimum width of the tables, in columns; a pipe may report fewer."""

OF = {"h": "∂h/∂h", "c": "∂c/∂c", "f": "Π f"}


@click.group()
def analyse() -> None:
    """Measure how far a gradient reaches."""


def _plot(_: click.Context, __: click.Parameter, value: Path | None) -> Path | None:
    if value is not None:
        from lstm_ref.reporting.line_picture import require_new

        require_new(value)
    return value


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--hidden", type=click.IntRange(1), default=32, show_default=True, help="Hidden size."),
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the parameters."),
        click.option("--plot", type=click.Path(path_type=Path), callback=_plot, help="New file, .svg or .png."),
        click.option("--json", "as_json", is_flag=True, help="Print all numbers as JSON."),
    )[::-1]:
        command = option(command)
    return command


@analyse.command(short_help="Jacobians of the last state, by distance.")
@click.option("--data", type=click.Path(), help="UTF-8 text to read; default: the package's short story.")
@click.option("--steps", type=click.IntRange(2), default=104, show_default=True, help="Characters to read, T.")
@_options
def vanishing(data: str | None, steps: int, hidden: int, seed: int, plot: Path | None, as_json: bool) -> None:
    """Measure the Jacobians of the last state with respect to earlier states, for freshly initialised cells.

    The first T characters of a text are read as one-hot vectors. The table shows, for states T - t steps apart, the
    spectral norms of ∂h_T/∂h_t and ∂c_T/∂c_t along all paths, and of the carousel alone, which is the product Π f of
    the forget gates. Next to them stand the factor per step (the geometric mean over all steps), and 0.5^n for
    comparison.

    The derivation: lstm-ref show 'VA2*'.
    """
    from lstm_ref.data.characters import read_text
    from lstm_ref.errors import BadInput
    from lstm_ref.vanishing import reach_on_text

    text, source = read_text(data), data or "the story"
    if len(text) < steps:
        raise BadInput(f"{source} has {len(text)} characters, and --steps asks for {steps}")
    found = reach_on_text(text[:steps], hidden, seed)
    if plot:
        _draw_vanishing(found, steps, plot)
    if as_json:
        facts = {"steps": steps, "hidden": hidden, "seed": seed, "characters": len(set(text[:steps]))}
        numbers = [{**r._asdict(), "norms": r.norms.tolist(), "decay": r.decay} for r in found]
        _print_json({"text": source, **facts, "norm": "spectral", "rows": numbers})
        return
    distances = [n for n in DISTANCES if n < steps] + [steps]
    rows = [[_name(r), OF[r.of], *(_small(r.norms[n]) for n in distances), f"{r.decay:.3f}"] for r in found]
    rows.append(["0.5^n", "", *(_small(0.5**n) for n in distances), "0.500"])
    _print_table(["cell", "T - t", *map(str, distances), "a step"], rows)
    click.echo(f"spectral norms by T - t, T = {steps} characters of {source}; hidden size {hidden}, seed {seed}")
    _say_written(plot)


@analyse.command(short_help="What padding leaves of a gradient.")
@click.option("--text", default=SENTENCE, show_default=True, help="What the classifier reads.")
@_options
def padding(text: str, hidden: int, seed: int, plot: Path | None, as_json: bool) -> None:
    """Measure how much of a text's gradient is left when a classifier reads its state after padding.

    The table shows the norm of the loss's gradient with respect to the embedding of the text's last character, for a
    freshly initialised classifier with forget bias 0 and 1. The state is read at the text's true end (0 steps of
    padding) and after up to 190 steps of padding; a second column shows the share that is left. Only a recurrence that
    knows the lengths gives the first row for every amount of padding.
    """
    from lstm_ref.vanishing import PADDINGS, after_padding

    found = after_padding(text, hidden, seed)
    if plot:
        from lstm_ref.reporting.line_picture import PlottedLine, draw

        lines = [PlottedLine("0.5^n", PADDINGS, [0.5**n for n in PADDINGS], dashes=":")]
        lines += [PlottedLine(f"forget bias {r.forget_bias:g}", PADDINGS, r.left, k) for k, r in enumerate(found, 3)]
        draw(lines, plot, "Gradient of a text's last character", "steps of padding", "share that is left")
    if as_json:
        numbers = [{**r._asdict(), "norms": r.norms.tolist(), "left": r.left.tolist()} for r in found]
        _print_json({"text": text, "hidden": hidden, "seed": seed, "padding": PADDINGS, "rows": numbers})
        return
    heads = [h for r in found for h in (f"norm, forget bias {r.forget_bias:g}", "left")]
    rows = [
        [str(n), *(_small(v) for r in found for v in (r.norms[k], r.left[k])), _small(0.5**n)]
        for k, n in enumerate(PADDINGS)
    ]
    _print_table(["padding", *heads, "0.5^n"], rows)
    click.echo(f"gradient of the last of {len(text)} characters; hidden size {hidden}, seed {seed}")
    _say_written(plot)


# ---------------------------------------------------------------------------------------------------- presentation


def _draw_vanishing(found: list[Reach], steps: int, path: Path) -> None:
    from lstm_ref.reporting.line_picture import PlottedLine, draw

    across, families = range(steps + 1), list(dict.fromkeys(map(_name, found)))
    lines = [PlottedLine("0.5^n", across, [0.5**n for n in across], dashes=":")]
    for r in found:
        family = 1 + families.index(_name(r))
        lines.append(
            PlottedLine(f"{_name(r)}: {OF[r.of]}", across, r.norms, family, {"h": "-", "c": "--", "f": ":"}[r.of])
        )
    draw(lines, path, f"Jacobians of the state after {steps} characters", "distance T - t", "spectral norm")


def _name(r: Reach) -> str:
    return r.cell if r.forget_bias is None else f"{r.cell}, b_f = {r.forget_bias:g}"


def _small(v: float) -> str:
    """Three decimals, or an exponent where the number needs one."""
    return f"{v:.3f}" if v == 0 or 0.01 <= v < 1000 else f"{v:.1e}"


def _print_table(heads: list[str], rows: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from lstm_ref.reporting.terminal import console

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for k, head in enumerate(heads):
        table.add_column(head, no_wrap=True, justify="left" if k == 0 or not rows[0][k][0].isdigit() else "right")
    for row in rows:
        table.add_row(*row)
    out = console()
    out.width = max(out.width, WIDTH)
    out.print(table)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1))


def _say_written(path: Path | None) -> None:
    if path:
        click.echo(f"wrote {path}")
