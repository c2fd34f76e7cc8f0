"""Draws a `Diagram` as SVG or PNG: values above the edges in a dark colour, adjoints below them in one accent colour.

What is drawn is determined once, as shapes in inches; `svg` writes them as text, and matplotlib draws them for a PNG.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

import latex2mathml.converter

from lstm_ref.errors import BadInput
from lstm_ref.reporting.graph import Diagram, Vertex
from lstm_ref.reporting.graph_placement import CURVE, LABEL_WIDTH, VERTEX_WIDTH, Placement, place
from lstm_ref.writing import target, write_whole

OURS = b"lstm_ref"
INK, ACCENT, PALE = "#1f2933", "#c2410c", "#9aa5b1"
_FILL = {"input": "#e8eef4", "parameter": "#f6f1e1", "node": "#ffffff"}
_MARGIN, _HEAD = 0.25, 0.62
_TIP = 0.05
"""Length of an arrow's tip, and twice its half width."""
_POINTS = 72
"""Points an inch: the unit of the SVG, and of font sizes."""

Position = tuple[float, float]


def require_drawable(path: str | Path) -> None:
    """Raises BadInput where the picture cannot be written. Call it before any work is done.

    Reasons: a suffix other than .svg and .png, an existing file that is not a picture of this package, a file that
    cannot be written, or, for .png, a missing matplotlib.
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
    if path.suffix == ".png":
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            raise BadInput('a PNG needs matplotlib: pip install "lstm_ref[plots]", or name the picture *.svg') from None


def draw(graph: Diagram, path: str | Path) -> None:
    """Writes the picture in the format of the suffix, .svg or .png. The same graph gives the same file.

    Raises as `require_drawable` does.
    """
    require_drawable(path)
    write_whole(path, svg(graph).encode() if Path(path).suffix == ".svg" else _png(graph))


# ---------------------------------------------------------------------------------------------- what is drawn


class EdgeCurve(NamedTuple):
    """An edge: level through every label and bend, with S-curves between them, and a tip at its end."""

    start: Position
    pieces: tuple[tuple[Position, ...], ...]
    """Each a line to one point, or a Bézier curve of three."""
    dashed: bool


class Disc(NamedTuple):
    """A vertex; a parameter's is a box."""

    at: Position
    radius: float
    fill: str
    square: bool


class Text(NamedTuple):
    """A line of text, or a vertex's label in TeX."""

    at: Position
    text: str
    colour: str = INK
    size: float = 8
    across: str = "middle"
    """Where `at` is along the text: start or middle."""
    up: str = "middle"
    """Where the text stands: above `at`, below it, or in the middle."""
    style: str = ""
    """italic, or math for TeX."""


def _shapes(graph: Diagram, plan: Placement, height: float) -> Iterator[EdgeCurve | Disc | Text]:
    """Everything, from back to front, with the origin at the lower left."""
    top = height - _MARGIN - 0.3
    yield Text((0, top), graph.title, size=11, across="start")
    yield Text((0, top - 0.24), "above an edge: the value it carries", across="start")
    yield Text((2.3, top - 0.24), "below: the adjoint that comes back along it", ACCENT, across="start")
    for edge in graph.edges:
        x, y = plan.labels[edge]
        start, bends, end = plan.vertices[edge.source], plan.bends[edge], plan.vertices[edge.target]
        yield _curve(start, bends, end, dashed=edge.target.startswith("outside"))
        yield Text((x, y + 0.03), number(edge.value), up="above")
        yield Text((x, y - 0.04), number(edge.adjoint), ACCENT, up="below")
    for vertex in graph.vertices:
        readers = sum(e.source == vertex.name for e in graph.edges)
        yield from _vertex(vertex, plan.vertices[vertex.name], readers)


def number(value: float) -> str:
    """Three decimals, or two digits and an exponent where three decimals would show only zeros."""
    shown = f"{value:.1e}" if 0 < abs(value) < 5e-4 else f"{value:.3f}"
    return shown.replace("-", "−")


def _curve(start: Position, bends: list[Position], end: Position, dashed: bool) -> EdgeCurve:
    half = VERTEX_WIDTH / 2
    first = x, y = start[0] + half * 0.8, start[1]
    pieces: list[tuple[Position, ...]] = []
    for n, (bend_x, bend_y) in enumerate(bends):
        reach = LABEL_WIDTH / 2 if n % 2 == 0 else half
        left, right = bend_x - reach, bend_x + reach
        pieces += [(((x + left) / 2, y), ((x + left) / 2, bend_y), (left, bend_y)), ((right, bend_y),)]
        x, y = right, bend_y
    tip = end[0] - half * 0.8
    pieces += [(((x + tip) / 2, y), ((x + tip) / 2, end[1]), (tip - CURVE * 0.2, end[1])), ((tip, end[1]),)]
    return EdgeCurve(first, tuple(pieces), dashed)


def _vertex(vertex: Vertex, at: Position, readers: int) -> Iterator[Disc | Text]:
    (x, y), r = at, VERTEX_WIDTH / 2 * 0.8
    if vertex.kind == "outside":
        yield Text((x - r + 0.04, y), "outside", PALE, size=7, across="start", style="italic")
        return
    yield Disc(at, r, _FILL[vertex.kind], square=vertex.kind == "parameter")
    yield Text(at, vertex.label, size=9, style="math")
    if readers > 1:
        yield Text((x, y - r - 0.03), f"Σ {number(vertex.adjoint)}", ACCENT, size=7, up="below")


def _size(plan: Placement) -> Position:
    return plan.width + 2 * _MARGIN, plan.height + 2 * _MARGIN + _HEAD


# ------------------------------------------------------------------------------------------------------- as SVG


def svg(graph: Diagram) -> str:
    """The picture as an SVG element, which needs no library and no network. It carries the graph as JSON."""
    plan = place(graph)
    width, height = _size(plan)
    drawn = "\n".join(_element(shape, height - _MARGIN) for shape in _shapes(graph, plan, height))
    size = f"{width * _POINTS:.0f}", f"{height * _POINTS:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}pt" height="{size[1]}pt" '
        f'viewBox="0 0 {size[0]} {size[1]}" role="img" aria-label={quoteattr(graph.title)} '
        f'style="max-width: 100%; height: auto">\n'
        f"<title>{escape(graph.title)}</title>\n"
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>{OURS.decode()}</dc:creator>'
        f"<dc:description>{escape(graph.to_json())}</dc:description></metadata>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{drawn}\n</svg>\n'
    )


def _element(shape: EdgeCurve | Disc | Text, top: float) -> str:
    def at(point: Position) -> str:
        return f"{(point[0] + _MARGIN) * _POINTS:.1f},{(top - point[1]) * _POINTS:.1f}"

    if isinstance(shape, EdgeCurve):
        path = " ".join(("C" if len(piece) == 3 else "L") + " ".join(map(at, piece)) for piece in shape.pieces)
        (x, y) = shape.pieces[-1][-1]
        tip = f"M{at((x - _TIP, y + _TIP / 2))} L{at((x, y))} L{at((x - _TIP, y - _TIP / 2))}"
        dashes = ' stroke-dasharray="3 2"' if shape.dashed else ""
        style = f'fill="none" stroke="{PALE}" stroke-width="0.9"'
        return f'<path d="M{at(shape.start)} {path}" {style}{dashes}/><path d="{tip}" {style}/>'
    if isinstance(shape, Disc):
        (x, y), r = shape.at, shape.radius
        style = f'fill="{shape.fill}" stroke="{INK}" stroke-width="0.9"'
        across, down = at((x - r, y + 0.8 * r)).split(",") if shape.square else at(shape.at).split(",")
        if shape.square:
            size = f'width="{2 * r * _POINTS:.1f}" height="{1.6 * r * _POINTS:.1f}"'
            return f'<rect x="{across}" y="{down}" {size} rx="3.6" {style}/>'
        return f'<circle cx="{across}" cy="{down}" r="{r * _POINTS:.1f}" {style}/>'
    lower = {"above": 0.0, "middle": 0.35, "below": 0.8}[shape.up] * shape.size / _POINTS
    across, down = at((shape.at[0], shape.at[1] - lower)).split(",")
    family = "serif" if shape.style == "math" else "sans-serif"
    style = f'font-family="{family}" font-size="{shape.size:g}" fill="{shape.colour}" text-anchor="{shape.across}"'
    if shape.style == "italic":
        style += ' font-style="italic"'
    inside = _mathematics(shape.text) if shape.style == "math" else escape(shape.text)
    return f'<text x="{across}" y="{down}" {style}>{inside}</text>'


def _mathematics(label: str) -> str:
    """A label in TeX as pieces of text: letters slanted, indices smaller and below or above."""
    pieces: list[_Piece] = []
    for piece in _pieces(latex2mathml.converter.convert_to_element(label), 0):
        if pieces and pieces[-1][1:] == piece[1:]:
            pieces[-1] = pieces[-1]._replace(text=pieces[-1].text + piece.text)
        else:
            pieces.append(piece)
    spans, level = "", 0
    for text, slanted, to in pieces:
        style = ' font-style="italic"' if slanted else ""
        style += f' dy="{_LOWER[to] - _LOWER[level]:g}"' if to != level else ""
        style += ' font-size="6.5"' if to else ""
        spans, level = f"{spans}<tspan{style}>{escape(text)}</tspan>", to
    return spans


class _Piece(NamedTuple):
    text: str
    slanted: bool
    level: int
    """0, or -1 for an index below, or 1 for one above."""


_LOWER = {0: 0.0, -1: 2.0, 1: -3.5}
"""How far below the line a level stands, in points."""
_BAR = "\N{COMBINING MACRON}"


def _pieces(element: Element, level: int) -> Iterator[_Piece]:
    """The pieces of an element of MathML. An index of an index stays on its level."""
    if element.tag in ("msub", "msup", "msubsup"):
        levels = {"msub": (level, -1), "msup": (level, 1), "msubsup": (level, -1, 1)}[element.tag]
        for child, to in zip(element, levels, strict=True):
            yield from _pieces(child, level or to)
    elif element.tag == "mover":
        for piece in _pieces(element[0], level):
            yield piece._replace(text="".join(c + _BAR for c in piece.text))
    elif len(element):
        for child in element:
            yield from _pieces(child, level)
    elif element.text:
        yield _Piece(unescape(element.text), element.tag == "mi" and "mathvariant" not in element.attrib, level)


# ------------------------------------------------------------------------------------------------------- as PNG


def _png(graph: Diagram) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure

    plan = place(graph)
    width, height = _size(plan)
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "mathtext.fontset": "dejavuserif"}):
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-_MARGIN, width - _MARGIN), ylim=(-_MARGIN, height - _MARGIN))
        axes.axis("off")
        for shape in _shapes(graph, plan, height):
            _add(axes, shape)
        drawn = BytesIO()
        figure.savefig(drawn, format="png", dpi=110, facecolor="white", metadata={"Software": OURS.decode()})
    return drawn.getvalue()


def _add(axes: Any, shape: EdgeCurve | Disc | Text) -> None:
    from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
    from matplotlib.path import Path as Bezier

    if isinstance(shape, EdgeCurve):
        points = [shape.start, *(point for piece in shape.pieces for point in piece)]
        kinds = {1: [Bezier.LINETO], 3: [Bezier.CURVE4] * 3}
        codes = [Bezier.MOVETO, *(code for piece in shape.pieces for code in kinds[len(piece)])]
        dashes = (0, (3, 2)) if shape.dashed else "solid"
        arrow: Any = {"arrowstyle": "->,head_length=3,head_width=1.6", "shrinkA": 0, "shrinkB": 0, "fill": False}
        axes.add_patch(
            FancyArrowPatch(path=Bezier(points, codes), color=PALE, linewidth=0.9, linestyle=dashes, **arrow)
        )
    elif isinstance(shape, Disc):
        (x, y), r = shape.at, shape.radius
        style: Any = {"facecolor": shape.fill, "edgecolor": INK, "linewidth": 0.9}
        box = FancyBboxPatch((x - r, y - r * 0.8), 2 * r, 1.6 * r, boxstyle="round,pad=0,rounding_size=0.05", **style)
        axes.add_patch(box if shape.square else Circle(shape.at, r, **style))
    else:
        across = {"start": "left", "middle": "center"}[shape.across]
        math = shape.style == "math"
        up = {"above": "bottom", "below": "top", "middle": "center_baseline" if math else "center"}[shape.up]
        style = "italic" if shape.style == "italic" else "normal"
        text = f"${shape.text}$" if math else shape.text
        axes.text(*shape.at, text, color=shape.colour, fontsize=shape.size, style=style, ha=across, va=up)
