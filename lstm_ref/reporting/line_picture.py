"""Lines over steps on a logarithmic scale, as an SVG or PNG picture. An existing file is never overwritten."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.errors import BadInput
from lstm_ref.writing import target, write_whole

COLOURS = ("#9aa5b1", "#1f2933", "#1d6f42", "#c2410c", "#1d4ed8", "#7e22ce")
"""One colour per family; they also differ in darkness."""


class PlottedLine(NamedTuple):
    """One line, with its name in the legend."""

    name: str
    x: Any
    y: Any
    """Only positive values are visible; zeros are left out."""
    family: int = 0
    """Lines of one family share a colour."""
    dashes: str = "-"
    """Line style as in matplotlib: - -- : -."""


def require_new(path: Path) -> None:
    """Raises BadInput unless a picture can be made there. Call it before any work is done."""
    if path.suffix not in (".svg", ".png"):
        raise BadInput(f"a picture must be named *.svg or *.png, got {path.name}")
    if target(path).exists():
        raise BadInput(f"{path} exists already, and a picture is never overwritten: give another name")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise BadInput('pictures need matplotlib: pip install "lstm_ref[plots]"') from None


def draw(lines: list[PlottedLine], path: Path, title: str, across: str, up: str) -> None:
    """Writes the picture, with the axis labels `across` and `up`. The same lines give the same file.

    The description in an SVG lists the value where each line ends. Raises as `require_new` does.
    """
    require_new(path)
    drawn = _drawn(lines, path.suffix[1:], title, across, up)
    require_new(path)  # also refuses a file that appeared in the meantime
    write_whole(path, drawn)


def svg(lines: list[PlottedLine], title: str, across: str, up: str) -> str:
    """The picture as an SVG element, for a page of HTML. Raises ImportError where matplotlib is missing."""
    text = _drawn(lines, "svg", title, across, up).decode()
    return text[text.index("<svg") :]


def _drawn(lines: list[PlottedLine], kind: str, title: str, across: str, up: str) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure

    settings: Any = {"svg.hashsalt": "lstm_ref", "svg.fonttype": "path", "font.size": 8}
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **settings}):
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        axes = figure.add_subplot()
        for line in lines:
            x, y = np.asarray(line.x), np.asarray(line.y)
            colour = COLOURS[line.family % len(COLOURS)]
            axes.plot(x[y > 0], y[y > 0], line.dashes, color=colour, linewidth=1.3, label=line.name)
        axes.set(yscale="log", xlabel=across, ylabel=up)
        axes.set_title(title, loc="left", fontsize=10)
        axes.grid(color="#e5e9ee", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside right upper", frameon=False)
        ends = json.dumps({line.name: float(f"{line.y[-1]:.6g}") for line in lines}, ensure_ascii=False)
        about = {"Date": None, "Creator": "lstm_ref", "Title": title, "Description": ends}
        if kind == "png":
            about = {"Software": "lstm_ref"}
        drawn = BytesIO()
        figure.savefig(drawn, format=kind, dpi=110, facecolor="white", metadata=about)
    return drawn.getvalue()
