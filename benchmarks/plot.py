"""Draws rows: one panel per measure, sizes across, the measure upwards, one line per contender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.harness import SIZES, Row, readable, sizes_of
from lstm_ref.errors import BadInput
from lstm_ref.reporting.line_picture import require_new

ACROSS = 3
MEASURES = {"seconds": "median of the rounds", "peak_bytes": "at the peak, beside inputs and outputs"}
Panel = tuple[str, str, list[Row]]
"""Title of a panel, the field that it draws, and its rows."""


def panels(rows: list[Row]) -> list[Panel]:
    """The panels that have more than one size."""
    found = []
    for field in MEASURES:
        having = [row for row in rows if field in row]
        for what in dict.fromkeys((row["what"], row.get("dtype", "")) for row in having):
            group = [row for row in having if (row["what"], row.get("dtype", "")) == what]
            if len(set(map(sizes_of, group))) > 1:
                found.append((" ".join(what), field, group))
    return found


def draw(rows: list[Row], path: Path, title: str) -> bool:
    """Write the picture; return False if there is nothing to draw. Raises BadInput if it cannot be written."""
    require_new(path)
    shown = panels(rows)
    if not shown:
        return False
    import matplotlib
    from matplotlib.figure import Figure

    colours = dict.fromkeys(row["name"] for _, _, group in shown for row in group)
    colours = {name: matplotlib.color_sequences["tab20"][n % 20] for n, name in enumerate(colours)}
    settings: Any = {
        "svg.hashsalt": "lstm_ref",
        "svg.fonttype": "none",
        "font.size": 8,
        "font.sans-serif": ["DejaVu Sans"],
    }
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **settings}):
        deep = -(-len(shown) // ACROSS)
        figure = Figure(figsize=(4 * min(len(shown), ACROSS) + 2, 3.2 * deep), layout="constrained")
        all_axes = figure.subplots(deep, min(len(shown), ACROSS), squeeze=False).flat
        for axes, (what, field, group) in zip(all_axes, shown, strict=False):
            _panel(axes, group, field, colours)
            axes.set(yscale="log", ylabel=MEASURES[field])
            axes.yaxis.set_major_formatter(lambda value, _, field=field: readable(value, field))
            axes.set_title(what, loc="left", fontsize=8)
            axes.minorticks_off()
        for axes in list(all_axes)[len(shown) :]:
            axes.set_visible(False)
        by_name = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
        figure.legend(by_name.values(), by_name.keys(), loc="outside right upper", frameon=False)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
        try:
            with path.open("xb") as file:
                figure.savefig(file, format="svg", metadata={"Date": None, "Creator": "lstm_ref"})
        except OSError as error:
            raise BadInput(f"{path}: cannot be written: {error.strerror}") from None
    return True


def _panel(axes: Any, group: list[Row], field: str, colours: dict[str, Any]) -> None:
    """Draw a panel. The horizontal axis is the one size that differs, logarithmic; if several do, the sizes in
    order."""
    differing = [k for k in SIZES if len({row.get(k) for row in group}) > 1]
    labels = list(dict.fromkeys(map(sizes_of, group)))
    for name in dict.fromkeys(row["name"] for row in group):
        of = [row for row in group if row["name"] == name]
        x = [row[differing[0]] if len(differing) == 1 else labels.index(sizes_of(row)) for row in of]
        style = ":" if name.startswith("limit") else "-"
        axes.plot(x, [row[field] for row in of], style, color=colours[name], label=name, linewidth=1.2, clip_on=False)
    if len(differing) == 1:
        axes.set(xscale="log", xlabel=differing[0])
    else:
        axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
        axes.set_xlabel(", ".join(k for k in SIZES if k in group[0]))
    axes.grid(axis="y", color="#e5e9ee", linewidth=0.6)
    axes.tick_params(length=0)
    axes.spines[["top", "right"]].set_visible(False)
