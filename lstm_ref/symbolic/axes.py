"""Axes as rows of blocks: "4H" is four blocks of H, "D" is one, an axis of 3 is three blocks of 1."""

from __future__ import annotations

from typing import Any, NamedTuple

from lstm_ref.symbolic.sizes import CannotProve, Size


class Axis(NamedTuple):
    """An axis: its blocks one after the other."""

    blocks: tuple[Any, ...]
    """The size of each, a product of sizes or 1."""
    interleaved: bool = False
    """The blocks' elements come in turn instead: the axis of (B, W) as one, B blocks after each other for every W."""

    @property
    def length(self) -> Any:
        """Number of elements."""
        return sum(self.blocks)


UNIT = Axis((1,))


def axis_of(whole: Any) -> Axis:
    """An axis of this size: n blocks of 1, or n blocks of a product of letters, one after the other for each part."""
    if not isinstance(whole, Size):
        return Axis((1,) * int(whole))
    blocks: list[Any] = []
    for letters, n in whole.parts.items():
        if not letters or n < 1:
            raise CannotProve(f"an axis of {whole}")
        blocks += [Size({letters: 1})] * n
    return Axis(tuple(blocks))


def common(one: Axis, other: Axis) -> Axis:
    """The axis of both, with NumPy's broadcasting."""
    if one == other or other == UNIT:
        return one
    if one == UNIT:
        return other
    raise CannotProve(f"sizes {one.length} and {other.length} of one axis")


def cut(axis: Axis, where: slice) -> slice:
    """The slice as one of blocks. It must begin and end between two."""
    if where == slice(None):
        return where
    if set(axis.blocks) == {1}:
        return where
    if axis.interleaved or where.step not in (None, 1):
        raise CannotProve(f"a slice of an axis of {axis.length}")
    ends = [0]
    for block in axis.blocks:
        ends.append(ends[-1] + block)
    bounds = []
    for bound, default in ((where.start, 0), (where.stop, len(axis.blocks))):
        if bound is None:
            bounds.append(default)
        elif any(type(bound) is type(end) and bound == end for end in ends):
            bounds.append(next(n for n, end in enumerate(ends) if type(bound) is type(end) and bound == end))
        else:
            raise CannotProve(f"a slice to {bound} of an axis of {axis.length}, which is none of its blocks' ends")
    return slice(*bounds)
