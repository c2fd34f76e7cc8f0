"""A layout in a few words, one clause per line (or after a semicolon):

    kernel: w_x[igfo] d (g h), w_h[igfo] k (g h) on axis 0
    bias: b[igfo] (g h)
    f += 1

A clause `ARRAY: PARAMETER[GATES] AXES` says that an array of the framework holds these gates of our parameter, in this
order, with these axes: g gates, d input, k the state that is read, h the state that is made, n heads, p projection, x y
places, 1 an axis of size one; (g h) is one axis on which the gates follow each other, each with h elements. A parameter
without gates has no brackets. Parts of one array are separated by commas and followed by the axis on which they lie.
`b+b_h` is an array that acts as the sum of two of ours. `{layer}` and `{back}` in a name stand for the layer's number
and the mark of the backward direction, which `back = _reverse` sets. `f += 1` is a constant that the framework adds to
a gate's bias at run time.

The letters of the gates are those of our cell, whatever the framework calls them: an LSTM's candidate is g.
"""

from __future__ import annotations

import re
from collections import Counter

from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import named
from lstm_ref.errors import BadInput
from lstm_ref.interop.layout import Layout, LayoutPart, axes_of, gates_of, without_place

_PART = re.compile(r"(?P<of>\w+(\s*\+\s*\w+)*)\s*(\[(?P<gates>\w+)\])?\s+(?P<axes>[a-z1() ]+)")
_ARRAY = re.compile(r"(?P<name>[^:]+):\s*(?P<parts>.+?)(\s+on\s+axis\s+(?P<axis>\d+))?")
_ADDED = re.compile(r"(?P<gate>\w)\s*\+=\s*(?P<constant>[-+\d.e]+)")
_SET = re.compile(r"(?P<word>back|gates)\s*=\s*(?P<value>\S+)")


def from_words(text: str, cell: str, name: str = "layout", traps: str = "", source: str = "") -> Layout:
    """Reads a layout.

    Args:
        text: The clauses, as this module's page describes them.
        cell: Name in `CELLS` of the cell whose parameters these are.
        name: What messages call the layout.
        traps: Pitfalls, for its users.
        source: The documentation that describes it.

    Returns:
        The layout.

    Raises:
        BadInput: A clause cannot be read, or does not fit the cell; the message names the clause.

    Example:
        >>> layout = from_words("W: w_h[ifog] k (g h), w_x[ifog] d (g h) on axis 0; b: b[ifog] (g h)", "lstm")
        >>> [part.of for part in layout.parts], layout.joined
        (['w_h', 'w_x', 'b'], {'W': 0})
    """
    if cell not in CELLS:
        raise BadInput(f"{name}: no cell is called {cell!r}; `lstm-ref cells` lists them")
    parts: list[LayoutPart] = []
    joined: dict[str, int] = {}
    added: dict[str, float] = {}
    words = {"back": "", "gates": ""}
    for clause in filter(None, (line.strip() for line in re.split(r"[;\n]", text))):
        if found := _SET.fullmatch(clause):
            words[found["word"]] = found["value"]
        elif found := _ADDED.fullmatch(clause):
            added[found["gate"]] = _number(name, clause, found["constant"])
        elif found := _ARRAY.fullmatch(clause):
            held = [_part(name, clause, found["name"].strip(), one) for one in found["parts"].split(",")]
            parts += held
            if (len(held) > 1) != (found["axis"] is not None):
                raise BadInput(f"{name}: {clause!r} must end in `on axis N` if, and only if, it has several parts")
            if len(held) > 1:
                joined[held[0].name] = int(found["axis"])
        else:
            raise BadInput(f"{name}: {clause!r} is no clause; one is `ARRAY: PARAMETER[GATES] AXES`, or `f += 1`")
    layout = Layout(name, cell, tuple(parts), words["gates"], joined, added, words["back"], traps, source)
    require_fit(layout)
    return layout


def in_words(layout: Layout) -> str:
    """The clauses of a layout: `from_words` reads them back."""
    arrays: dict[str, list[str]] = {}
    for part in layout.parts:
        gates = f"[{part.gates}]" if part.gates else ""
        arrays.setdefault(part.name, []).append(f"{part.of.replace(' ', '+')}{gates} {part.axes}")
    lines = [
        f"{name}: {', '.join(parts)}" + (f" on axis {layout.joined[name]}" if len(parts) > 1 else "")
        for name, parts in arrays.items()
    ]
    lines += [f"{gate} += {constant:g}" for gate, constant in layout.added.items()]
    lines += [f"{word} = {value}" for word in ("gates", "back") if (value := getattr(layout, word))]
    return "\n".join(lines)


def _number(name: str, clause: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{name}: {clause!r} must add a number, got {text!r}") from None


def _part(name: str, clause: str, array: str, text: str) -> LayoutPart:
    found = _PART.fullmatch(text.strip())
    if found is None:
        raise BadInput(f"{name}: {text.strip()!r} in {clause!r} is no part; one is `w_x[ifgo] d (g h)`")
    axes = " ".join(re.sub(r"([()])", r" \1 ", found["axes"]).split()).replace("( ", "(").replace(" )", ")")
    return LayoutPart(array, " ".join(re.split(r"[\s+]+", found["of"])), axes, found["gates"] or "")


# --------------------------------------------------------------------------------------------- what fits the cell


def require_fit(layout: Layout) -> None:
    """Every part is one of the cell's parameters with its axes and gates, and every parameter has a place."""
    every, known = named(CELLS[layout.cell].params), gates_of(layout)
    for part in layout.parts:
        where = f"{layout.name}: {part.name}"
        for of in part.of.split():
            if of not in every:
                raise BadInput(f"{where}: {layout.cell} has no parameter {of!r}; it has {', '.join(every)}")
            whole, block = axes_of(layout, of)
            gated = whole != block
            if gated != bool(part.gates) or not set(part.gates) <= set(known) or len({*part.gates}) < len(part.gates):
                wanted = f"in brackets some of its gates {known}, each once" if gated else "no gates in brackets"
                perhaps = _perhaps(layout.cell, known, part.gates)
                raise BadInput(f"{where}: {of} must have {wanted}, got {part.gates or 'none'}{perhaps}")
            axes, given = Counter(block.split()), Counter(re.sub(r"[()1]", " ", part.axes).split())
            if len(part.gates) > 1:
                axes["g"] = 1
            else:
                given.pop("g", None)  # an axis of one gate
            if given != axes:
                raise BadInput(f"{where}: {of} has the axes {' '.join(axes)}, got {part.axes!r}")
    for gate in layout.added:
        if gate not in known:
            raise BadInput(f"{layout.name}: {layout.cell} has the gates {known}, none is {gate!r}")
    held = {of for part in layout.parts for of in part.of.split()}
    absent = [of for of in every if of not in held]
    absent += [f"{of}[{gate}]" for of, gate in without_place(layout) if of in held]
    absent = list(filter(lambda of: not of.startswith("b"), absent))  # a bias without a place is zero
    if absent:
        raise BadInput(f"{layout.name}: no array holds {', '.join(absent)} of {layout.cell}")


def _perhaps(cell: str, known: str, given: str) -> str:
    """What gates that do not fit may have been meant for: another cell, or one of ours by another letter."""
    cells = [name for name, one in CELLS.items() if sorted(one.gates) == sorted(given) and name != cell]
    theirs, ours = (sorted(set(a) - set(b)) for a, b in ((given, known), (known, given)))
    if cells:
        return f": is it cell={cells[0]!r}?"
    return f": is its {theirs[0]} our {ours[0]}?" if len(theirs) == len(ours) == 1 else ""
