"""A layout is data: which array holds which gates of which of our parameters, and in which order of axes.

`theirs` and `ours` convert parameters, `their_gradients` converts gradients. All three are linear, apart from constants
that a framework adds to a bias at run time, and work on NumPy, JAX and torch arrays alike. `lost` and `shared` list
what a round trip does not keep; where they are empty, it keeps every bit.

Where a framework has two biases and our cell has one, every step adds the two. Ours is their sum, and each of theirs
has the *whole* gradient of ours. A step of gradient descent with rate η therefore moves the sum by 2η times the
gradient: the bias learns at twice the rate. Neither side makes a mistake.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np
from einops import EinopsError, rearrange

from lstm_ref.arithmetic import concatenate, stack
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import named, solve_sizes
from lstm_ref.errors import BadInput
from lstm_ref.through_time.bidirectional import Both


class LayoutPart(NamedTuple):
    """An array of the framework, or a part of it."""

    name: str
    """Name of the array. `{layer}` and `{back}` stand for the layer's number and the direction's mark."""
    of: str
    """Our parameter. Where it lists several, "b b_h", the array holds their sum."""
    axes: str
    """The array's axes in einops notation: g gates, d input, h state, k the state that a kernel reads, n heads, p
    projection, x y positions of a convolution's kernel."""
    gates: str = ""
    """The gates that the array holds, in its order; empty where our parameter has no gates."""


class Layout(NamedTuple):
    """How a framework lays out a cell's parameters."""

    name: str
    cell: str
    """Name in `CELLS` of the cell whose equations it computes."""
    parts: tuple[LayoutPart, ...]
    gates: str = ""
    """Our order of the gates, where it is that of an inner cell and not in the cell's record."""
    joined: dict[str, int] = {}  # noqa: RUF012
    """For arrays made of several parts: the axis along which the parts follow each other."""
    added: dict[str, float] = {}  # noqa: RUF012
    """By gate: the constant that the framework adds to our `b` at run time. Its own bias is smaller by as much."""
    back: str = ""
    """The mark of the backward direction in names, where there is one."""
    traps: str = ""
    """Pitfalls."""
    source: str = ""
    """The documentation or source that describes the layout."""


# ------------------------------------------------------------------------------------------------------ one cell


def theirs(
    layout: Layout, params: Any, layer: int = 0, back: bool = False, share: np.random.Generator | None = None
) -> dict[str, Any]:
    """Converts a cell's parameters to a framework's arrays.

    Where the framework has two arrays for one of ours, the first gets all of it, and the second is zero; or, with
    `share`, both get a random part of it, so that a second bias which is not read is seen.

    Args:
        layout: The framework's layout.
        params: Parameters of the cell `layout.cell`.
        layer: Number of the layer, for the arrays' names.
        back: Whether the names are those of the backward direction.
        share: Draws the parts. Their sum is ours to the last bit.

    Returns:
        The framework's arrays by name.

    Raises:
        BadInput: The parameters are those of another cell.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.cells import lstm
        >>> from lstm_ref.interop.layouts import LAYOUTS
        >>> p = lstm.initial_parameters(np.random.default_rng(0), 3, 2)
        >>> {name: v.shape for name, v in theirs(LAYOUTS["keras.layers.LSTM"], p).items()}
        {'kernel': (3, 8), 'recurrent_kernel': (2, 8), 'bias': (8,)}
    """
    shift = {gate: -v for gate, v in layout.added.items()}
    return _arranged(layout, _moved(layout, _gates_of(layout, params), shift), layer, back, share)


def their_gradients(layout: Layout, bars: Any, layer: int = 0, back: bool = False) -> dict[str, Any]:
    """Converts gradients of our parameters to gradients of the framework's arrays.

    Args:
        layout: The framework's layout.
        bars: Gradients, in the structure of the cell's parameters.
        layer: Number of the layer, for the arrays' names.
        back: Whether the names are those of the backward direction.

    Returns:
        The gradients by the arrays' names. Each of two biases has the whole gradient of ours.
    """
    return _arranged(layout, _gates_of(layout, bars), layer, back, gradients=True)


def ours(layout: Layout, arrays: Mapping[str, Any], layer: int = 0, back: bool = False) -> Any:
    """Converts a framework's arrays to a cell's parameters.

    Args:
        layout: The framework's layout.
        arrays: The framework's arrays by name.
        layer: Number of the layer in the arrays' names.
        back: Whether the names are those of the backward direction.

    Returns:
        Parameters of the cell `layout.cell`.

    Raises:
        BadInput: An array is absent, or its shape does not fit.
    """
    found: ByGate = defaultdict(dict)
    by_name = _by_name(layout, layer, back)
    for name, parts in by_name.items():
        if name not in arrays:
            raise BadInput(f"{layout.name}: {name} is absent; there are {', '.join(arrays) or 'no arrays'}")
        for part, array in zip(parts, _split(layout, name, by_name, arrays), strict=True):
            target = part.of.split()[0]  # of a sum, the first parameter gets everything, the others zero
            for gate, v in _unpacked(layout, part, array).items():
                found[target][gate] = found[target][gate] + v if gate in found[target] else v
            for other in part.of.split()[1:]:
                for gate, v in _unpacked(layout, part, array).items():
                    found[other].setdefault(gate, 0 * v)
    for of, gate in without_place(layout):
        found[of][gate] = 0 * (found["b"][gate] if gate in found["b"] else found["w_x"][gate][0])
    params = _of_gates(layout, _moved(layout, found, layout.added))
    cell = CELLS[layout.cell]
    solve_sizes((f"{layout.name}: parameter", cell.params, {k: tuple(v.shape) for k, v in named(params).items()}))
    return params


def lost(layout: Layout) -> list[str]:
    """The parts of our parameters that a round trip ours → theirs → ours does not keep.

    Args:
        layout: The framework's layout.

    Returns:
        One sentence for each loss; empty where the round trip keeps every bit.
    """
    said = []
    for part in layout.parts:
        if len(part.of.split()) > 1:
            said.append(f"{part.of.replace(' ', ' and ')} of the gates {', '.join(part.gates)} become one, their sum")
    said += [f"{of} of the gate {gate} has no place, and is zero there" for of, gate in without_place(layout)]
    if layout.added:
        said.append("the last bit of biases to which a constant is added at run time may be rounded")
    return said


def without_place(layout: Layout) -> list[tuple[str, str]]:
    """Pairs (our bias, gate) that no array of the framework holds."""
    held = {(of, gate) for part in layout.parts for of in part.of.split() for gate in part.gates}
    gated = [name for name in named(CELLS[layout.cell].params) if len(set(axes_of(layout, name))) == 2]
    return [(name, gate) for name in gated for gate in gates_of(layout) if (name, gate) not in held]


def shared(layout: Layout) -> list[str]:
    """The arrays of a framework that a round trip theirs → ours → theirs adds up.

    Args:
        layout: The framework's layout.

    Returns:
        One sentence for each pair of arrays.
    """
    holders = defaultdict(list)
    for part in layout.parts:
        for gate in part.gates or "-":
            holders[part.of.split()[0], gate].append(part.name)
    pairs = {tuple(names): of for (of, _), names in holders.items() if len(names) > 1}
    return [f"{_both(*names)} are added up in {of}: both have its gradient" for names, of in pairs.items()]


def _both(one: str, other: str) -> str:
    return f"the halves of {one}" if one == other else f"{one} and {other}"


# ---------------------------------------------------------------------------- several layers, two directions


def all_theirs(layout: Layout, layers: Sequence[Any], of: Callable[..., dict[str, Any]] = theirs) -> dict[str, Any]:
    """The arrays of a stack of layers. Each layer is parameters, or `Both`; `of` = `their_gradients` converts
    gradients."""
    found: dict[str, Any] = {}
    for k, layer in enumerate(layers):
        for back, params in enumerate(layer if isinstance(layer, Both) else (layer,)):
            if back and not layout.back:
                raise BadInput(f"{layout.name} has no direction back in its names: convert each direction by itself")
            found |= of(layout, params, k, bool(back))
    return found


def all_ours(layout: Layout, arrays: Mapping[str, Any], layers: int = 1, both: bool = False) -> list[Any]:
    """The parameters of each layer, `Both` where the arrays have both directions."""
    one = lambda k, back=False: ours(layout, arrays, k, back)  # noqa: E731
    return [Both(one(k), one(k, True)) if both else one(k) for k in range(layers)]


# --------------------------------------------------------------------------------------------------- gates as a dict

ByGate = dict[str, dict[str, Any]]
"""By parameter and gate: the gate's block, without a gates' axis; "-" stands in for the gate of a parameter without
any."""


def axes_of(layout: Layout, name: str) -> tuple[str, str]:
    """The axes of our parameter and of one gate's block, in einops notation: "d (g h)" and "d h" for "D 4H"."""
    cell = CELLS[layout.cell]
    *rows, last = named(cell.params)[name].split()
    letters, places = [], iter("xy")
    for word in rows:
        letters.append(next(places) if word == "K" else "k" if word == "H" else word.lower())
    inner = " ".join(last.lstrip("0123456789").lower())
    gated = last[0].isdigit() and len(gates_of(layout)) > 1
    return " ".join([*letters, f"(g {inner})" if gated else inner]), " ".join([*letters, inner])


def gates_of(layout: Layout) -> str:
    """Our order of the cell's gates, or of those of the cell within it."""
    return layout.gates or CELLS[layout.cell].gates


def _gates_of(layout: Layout, params: Any) -> ByGate:
    cell = CELLS[layout.cell]
    given, wanted = named(params), named(cell.params)
    if list(given) != list(wanted):
        raise BadInput(
            f"{layout.name}: the parameters must be {cell.name}'s, {', '.join(wanted)}, got {', '.join(given)}"
        )
    sizes = solve_sizes((f"{layout.name}: parameter", cell.params, {k: tuple(v.shape) for k, v in given.items()}))
    return {name: _blocks(layout, name, v, sizes) for name, v in given.items()}


def _blocks(layout: Layout, name: str, v: Any, sizes: Mapping[str, int]) -> dict[str, Any]:
    whole, block = axes_of(layout, name)
    if whole == block:
        return {"-": v}
    known = {"n": sizes["N"]} if "n" in whole.split("(")[1] else {}
    split = rearrange(v, f"{whole} -> g {block}", g=len(gates_of(layout)), **known)
    return {gate: split[k] for k, gate in enumerate(gates_of(layout))}


def _of_gates(layout: Layout, by_gate: ByGate) -> Any:
    found = []
    for name in named(CELLS[layout.cell].params):
        whole, block = axes_of(layout, name)
        blocks = by_gate[name]
        if whole == block:
            found.append(blocks["-"])
        else:
            found.append(rearrange(stack([blocks[gate] for gate in gates_of(layout)]), f"g {block} -> {whole}"))
    return _rebuilt(CELLS[layout.cell].params, iter(found))


def _rebuilt(shapes: Any, flat: Any) -> Any:
    """The structure of the shapes, with arrays in their places."""
    if shapes is None or isinstance(shapes, str):
        return shapes and next(flat)
    return type(shapes)(*(_rebuilt(v, flat) for v in shapes))


def _moved(layout: Layout, by_gate: ByGate, by: Mapping[str, float]) -> ByGate:
    """The gates with constants added to those of b."""
    return (
        by_gate
        if not by
        else {**by_gate, "b": {gate: v + by[gate] if gate in by else v for gate, v in by_gate["b"].items()}}
    )


# -------------------------------------------------------------------------------------------------------- arrays


def _by_name(layout: Layout, layer: int, back: bool) -> dict[str, list[LayoutPart]]:
    """The parts of each array."""
    found = defaultdict(list)
    for part in layout.parts:
        found[part.name.format(layer=layer, back=layout.back if back else "")].append(part)
    return found


def _arranged(
    layout: Layout,
    by_gate: ByGate,
    layer: int,
    back: bool,
    share: np.random.Generator | None = None,
    gradients: bool = False,
) -> dict[str, Any]:
    """Fills each array. For gradients every array that holds our block gets all of it; otherwise only the first does,
    or each gets a share."""
    found = {}
    held = Counter((of, gate) for part in layout.parts for gate in part.gates or "-" for of in part.of.split())
    left = {(of, gate): v for of, blocks in by_gate.items() for gate, v in blocks.items()}

    def taken(of: str, gate: str) -> Any:
        """What an array gets of our block; the rest of the block is left for the other arrays."""
        v = left[of, gate]
        held[of, gate] -= 1
        if share is not None and held[of, gate]:  # from half of v to all of it: then v minus it is exact (Sterbenz)
            v = np.asarray(v * share.uniform(0.6, 0.9, np.shape(v)), np.asarray(v).dtype)
        left[of, gate] = 0 * v if share is None else left[of, gate] - v
        return v

    for name, parts in _by_name(layout, layer, back).items():
        packed = []
        for part in parts:
            blocks = []
            for gate in part.gates or "-":
                if gradients:
                    blocks.append(by_gate[part.of.split()[0]][gate])
                else:
                    first, *others = (taken(of, gate) for of in part.of.split())
                    blocks.append(sum(others, first))
            packed.append(_packed(layout, part, blocks))
        found[name] = concatenate(packed, axis=layout.joined[name]) if len(packed) > 1 else packed[0]
    return found


def _packed(layout: Layout, part: LayoutPart, blocks: list[Any]) -> Any:
    _, block = axes_of(layout, part.of.split()[0])
    if "g" not in _letters(part.axes):
        return rearrange(blocks[0], f"{block} -> {part.axes}")
    return rearrange(stack(blocks), f"g {block} -> {part.axes}")


def _unpacked(layout: Layout, part: LayoutPart, array: Any) -> dict[str, Any]:
    """The blocks that an array holds. Raises BadInput where its shape does not fit."""
    _, block = axes_of(layout, part.of.split()[0])
    try:
        if "g" not in _letters(part.axes):
            return {part.gates or "-": rearrange(array, f"{part.axes} -> {block}")}
        split = rearrange(array, f"{part.axes} -> g {block}", g=len(part.gates))
    except EinopsError:
        of = f" for the gates {part.gates}" if part.gates else ""
        raise BadInput(
            f"{layout.name}: {part.name} must have the axes {part.axes}{of}, got shape {tuple(array.shape)}"
        ) from None
    return {gate: split[k] for k, gate in enumerate(part.gates)}


def _letters(axes: str) -> list[str]:
    return axes.replace("(", " ").replace(")", " ").split()


def _split(layout: Layout, name: str, by_name: Mapping[str, list[LayoutPart]], arrays: Mapping[str, Any]) -> list[Any]:
    """Splits an array into its parts along the axis where they follow each other.

    How far a part reaches is the product of the sizes on its axis. All but one of them are known, from this array's
    other axes or from other arrays: the part with the last one, the input's beside the state's, gets what is left.
    """
    array, parts = arrays[name], by_name[name]
    if len(parts) == 1:
        return [array]
    axis, sizes = layout.joined[parts[0].name], _sizes(layout, by_name, arrays)
    known = [prod(_size(part, letter, sizes) for letter in _groups(part)[axis]) for part in parts]
    left = array.shape[axis] - sum(known)
    ends = [0, *accumulate(size or left for size in known)]
    if ends[-1] != array.shape[axis] or any(end <= start for start, end in pairwise(ends)):
        raise BadInput(f"{layout.name}: {parts[0].name} cannot be of shape {tuple(array.shape)}")
    return [array[(slice(None),) * axis + (slice(start, end),)] for start, end in pairwise(ends)]


def _sizes(layout: Layout, by_name: Mapping[str, list[LayoutPart]], arrays: Mapping[str, Any]) -> dict[str, int]:
    """The sizes by letter, as far as axes that no parts share show them."""
    found: dict[str, int] = {}
    for name, parts in by_name.items():
        for part in parts if name in arrays else []:
            for axis, group in enumerate(_groups(part)[: arrays[name].ndim]):
                unknown = [letter for letter in group if letter not in "g1"]
                if len(unknown) == 1 and (len(parts) == 1 or axis != layout.joined[part.name]):
                    found.setdefault(
                        unknown[0], arrays[name].shape[axis] // (_size(part, "g", {}) if "g" in group else 1)
                    )
    for one, other in ("hk", "kh"):  # a kernel reads as many elements of the state as it makes
        if one in found:
            found.setdefault(other, found[one])
    return found


def _size(part: LayoutPart, letter: str, sizes: Mapping[str, int]) -> int:
    """The size of an axis; 0 where it is not known."""
    return 1 if letter == "1" else len(part.gates) or 1 if letter == "g" else sizes.get(letter, 0)


def _groups(part: LayoutPart) -> list[list[str]]:
    """The letters on each axis of the array."""
    return [group.strip("()").split() for group in re.findall(r"\([^)]*\)|\S+", part.axes)]
