"""Draws a `Graph` as SVG or PNG: values above the edges in a dark colour, adjoints below them in one accent colour."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from lstm_ref.errors import BadInput
from lstm_ref.reporting.graph import Graph, Vertex
from lstm_ref.reporting.graph_layout import CURVE, LABEL_WIDTH, VERTEX_WIDTH, place
from lstm_ref.writing import target, write_whole

OURS = b"lstm_ref"
INK, ACCENT, PALE = "#1f2933", "#c2410c", "#9aa5b1"
_FILL = {"input": "#e8eef4", "parameter": "#f6f1e1", "node": "#ffffff"}
_MARGIN, _HEAD = 0.25, 0.62


def require_drawable(path: str | Path) -> None:
    """Raises BadInput where the picture cannot be written. Call it before any work is done.

    Reasons: a suffix other than .svg and .png, an existing file that is not a picture of this package, a file that
    cannot be written, or a missing matplotlib.
    """
    path = Path(path)
    if path.suffix not in (".svg", ".png"):
        raise BadInput(f"a picture must be named *.svg or *.png, got {path.name}")
    place = target(path)
    try:
        if place.exists() and OURS not in place.read_bytes():
            raise BadInput(f"{path} exists and is not a picture made by lstm_ref: give another name")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise BadInput('pictures need matplotlib: pip install "lstm_ref[plots]"') from None


def draw(graph: Graph, path: str | Path) -> None:
    """Writes the picture in the format of the suffix, .svg or .png. The same graph gives the same file.

    Raises as `require_drawable` does.
    """
    require_drawable(path)
    import matplotlib
    from matplotlib.figure import Figure

    settings: Any = {
        "svg.hashsalt": "lstm_ref",
        "svg.fonttype": "path",
        "mathtext.fontset": "dejavuserif",
        "font.size": 8,
    }
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **settings}):
        figure = _figure(graph, Figure)
        about = {"Date": None, "Creator": "lstm_ref", "Title": graph.title, "Description": graph.to_json()}
        kind, drawn = Path(path).suffix[1:], BytesIO()
        if kind == "png":
            about = {"Software": OURS.decode()}
        figure.savefig(drawn, format=kind, dpi=110, facecolor="white", metadata=about)
    write_whole(path, drawn.getvalue())


def _figure(graph: Graph, new_figure: Any) -> Any:
    plan = place(graph)
    width, height = plan.width + 2 * _MARGIN, plan.height + 2 * _MARGIN + _HEAD
    figure = new_figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-_MARGIN, width - _MARGIN), ylim=(-_MARGIN, height - _MARGIN))
    axes.axis("off")
    top = height - _MARGIN - 0.3
    axes.text(0, top, graph.title, color=INK, fontsize=11, va="center")
    axes.text(0, top - 0.24, "above an edge: the value it carries", color=INK, va="center")
    axes.text(2.3, top - 0.24, "below: the adjoint that comes back along it", color=ACCENT, va="center")
    for edge in graph.edges:
        outside = edge.target.startswith("outside")
        x, y = plan.labels[edge]
        _draw_edge(axes, plan.vertices[edge.source], plan.bends[edge], plan.vertices[edge.target], outside)
        axes.text(x, y + 0.03, number(edge.value), color=INK, ha="center", va="bottom")
        axes.text(x, y - 0.04, number(edge.adjoint), color=ACCENT, ha="center", va="top")
    readers = {v.name: sum(e.source == v.name for e in graph.edges) for v in graph.vertices}
    for vertex in graph.vertices:
        _draw_vertex(axes, vertex, plan.vertices[vertex.name], readers[vertex.name])
    return figure


def number(value: float) -> str:
    """Three decimals, or two digits and an exponent where three decimals would show only zeros."""
    shown = f"{value:.1e}" if 0 < abs(value) < 5e-4 else f"{value:.3f}"
    return shown.replace("-", "−")


def _draw_edge(axes: Any, start: tuple[float, float], bends: list, end: tuple[float, float], outside: bool) -> None:
    """Draws the edge level through every label and bend, with S-curves between them and an arrow at the end."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    half = VERTEX_WIDTH / 2
    x, y = start[0] + half * 0.8, start[1]
    points, codes = [(x, y)], [Curve.MOVETO]
    for n, (bend_x, bend_y) in enumerate(bends):
        reach = LABEL_WIDTH / 2 if n % 2 == 0 else half
        left, right = bend_x - reach, bend_x + reach
        points += [((x + left) / 2, y), ((x + left) / 2, bend_y), (left, bend_y), (right, bend_y)]
        codes += [Curve.CURVE4, Curve.CURVE4, Curve.CURVE4, Curve.LINETO]
        x, y = right, bend_y
    tip = end[0] - half * 0.8
    points += [((x + tip) / 2, y), ((x + tip) / 2, end[1]), (tip - CURVE * 0.2, end[1]), (tip, end[1])]
    codes += [Curve.CURVE4, Curve.CURVE4, Curve.CURVE4, Curve.LINETO]
    style = "->,head_length=3,head_width=1.6"
    axes.add_patch(
        FancyArrowPatch(
            path=Curve(points, codes),
            arrowstyle=style,
            color=PALE,
            linewidth=0.9,
            linestyle=(0, (3, 2)) if outside else "solid",
            shrinkA=0,
            shrinkB=0,
            fill=False,
        )
    )


def _draw_vertex(axes: Any, vertex: Vertex, at: tuple[float, float], readers: int) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch

    (x, y), r = at, VERTEX_WIDTH / 2 * 0.8
    if vertex.kind == "outside":
        axes.text(x - r + 0.04, y, "outside", color=PALE, fontsize=7, style="italic", va="center")
        return
    style: Any = {"facecolor": _FILL[vertex.kind], "edgecolor": INK, "linewidth": 0.9}
    if vertex.kind == "parameter":
        box = "round,pad=0,rounding_size=0.05"
        axes.add_patch(FancyBboxPatch((x - r, y - r * 0.8), 2 * r, 1.6 * r, boxstyle=box, **style))
    else:
        axes.add_patch(Circle((x, y), r, **style))
    axes.text(x, y, f"${vertex.label}$", color=INK, fontsize=9, ha="center", va="center_baseline")
    if readers > 1:
        axes.text(x, y - r - 0.03, f"Σ {number(vertex.adjoint)}", color=ACCENT, fontsize=7, ha="center", va="top")
