"""Arrays of terms: what a cell's own code computes on, in the place of numbers.

The array holds one polynomial for each block of its axes, the general element of it: its label k is the index along
axis k (none along a block of 1). Slices, reshapes and concatenations move blocks, and never cut one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np

from lstm_ref.symbolic.axes import UNIT, Axis, common, cut
from lstm_ref.symbolic.naming import each, naming
from lstm_ref.symbolic.sizes import CannotProve, Size, product
from lstm_ref.symbolic.terms import ZERO, Polynomial, number, power


class Terms:
    """An array whose elements are polynomials, for all sizes at once."""

    __array_ufunc__ = None  # NumPy's operators leave the operation to this class
    dtype = np.dtype(object)

    def __init__(self, grid: np.ndarray, axes: tuple[Axis, ...]) -> None:
        self.grid, self.axes = grid, axes
        naming.created(self)

    @property
    def elementary_functions(self) -> Any:
        """What `lstm_ref.arithmetic` calls for these arrays."""
        from lstm_ref.symbolic import on_terms  # it computes on this class

        return on_terms

    # ------------------------------------------------------------------------------------------------- shape

    @property
    def shape(self) -> tuple[Any, ...]:
        """Sizes of the axes; a number where an axis has as many blocks of 1."""
        return tuple(axis.length for axis in self.axes)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    def __len__(self) -> int:
        length = self.shape[0]
        if isinstance(length, Size):
            raise CannotProve(f"len() of an axis of {length}; its shape would tell")
        return length

    def __iter__(self) -> Iterator[Terms]:
        return (self[k] for k in range(len(self)))

    def __bool__(self) -> bool:
        raise CannotProve("a decision depends on a value")

    def __lt__(self, _: Any) -> NoReturn:
        raise CannotProve("a decision depends on a value")

    __le__ = __gt__ = __ge__ = __lt__

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise CannotProve("a function that takes numbers, not terms, is called")

    def __array_function__(self, function: Any, _: Any, arguments: Any, options: Any) -> Any:
        known: dict[Any, Any] = {np.concatenate: concatenate, np.stack: stack, np.split: split}
        known |= {np.ndim: lambda v: v.ndim, np.shape: lambda v: v.shape}
        if function not in known:
            raise CannotProve(f"np.{function.__name__} has no reading as terms")
        return known[function](*arguments, **options)

    @property
    def T(self) -> Terms:
        """The axes in reverse order."""
        return self.transpose(range(self.ndim)[::-1])

    def transpose(self, order: Any) -> Terms:
        """The axes in another order."""
        order = tuple(order)
        new = {old: k for k, old in enumerate(order)}
        return Terms(each(lambda v: v.relabelled(new), self.grid.transpose(order)), tuple(self.axes[k] for k in order))

    def swapaxes(self, one: int, other: int) -> Terms:
        """Two axes exchanged."""
        order = list(range(self.ndim))
        order[one], order[other] = order[other], order[one]
        return self.transpose(order)

    def reshape(self, *shape: Any) -> Terms:
        """Axes split or joined, in row-major order; one size may be -1."""
        sizes = list(shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape)
        if -1 in [s for s in sizes if isinstance(s, int)]:
            place = next(k for k, s in enumerate(sizes) if isinstance(s, int) and s == -1)
            sizes[place] = product(self.shape) // product(s for k, s in enumerate(sizes) if k != place)
        if product(sizes) != product(self.shape):
            raise CannotProve(f"{self.shape} as {tuple(sizes)}")
        current, k = self, 0
        for wanted in sizes:
            if k == current.ndim:
                current = current[..., None]
            while current.shape[k] != wanted:
                if isinstance(wanted, int) and len(current.axes[k].blocks) % wanted == 0:
                    current = current._split(k, wanted)
                elif k + 1 < current.ndim:
                    current = current._joined(k)
                else:
                    raise CannotProve(f"{self.shape} as {tuple(sizes)}")
            k += 1
        while k < current.ndim:
            current = current._joined(k - 1)
        return current

    def _split(self, k: int, n: int) -> Terms:
        """Axis k as n equal parts: a new axis of n before it."""
        blocks = self.axes[k].blocks
        part = len(blocks) // n
        if self.axes[k].interleaved or any(blocks[j] != blocks[j % part] for j in range(len(blocks))):
            raise CannotProve(f"an axis of {self.axes[k].length} in {n} equal parts")
        grid = self.grid.reshape(*self.grid.shape[:k], n, part, *self.grid.shape[k + 1 :])
        axes = (*self.axes[:k], Axis((1,) * n), Axis(blocks[:part]), *self.axes[k + 1 :])
        return Terms(each(lambda v: v.relabelled(_moved(v, k, 1)), grid), axes)

    def _joined(self, k: int) -> Terms:
        """Axes k and k + 1 as one."""
        outer, inner = self.axes[k], self.axes[k + 1]
        shape = self.grid.shape
        if set(outer.blocks) <= {1} and (not inner.interleaved or len(outer.blocks) == 1):
            axis, joined = Axis(outer.blocks and inner.blocks * len(outer.blocks), inner.interleaved), self.grid
        elif set(inner.blocks) <= {1} and (len(outer.blocks) == 1 or outer.interleaved or len(inner.blocks) == 1):
            axis = Axis(outer.blocks * len(inner.blocks), outer.interleaved or len(inner.blocks) > 1)
            joined = self.grid
        else:
            raise CannotProve(f"the axes {outer.length} and {inner.length} as one")
        grid = joined.reshape(*shape[:k], shape[k] * shape[k + 1], *shape[k + 2 :])
        axes = (*self.axes[:k], axis, *self.axes[k + 2 :])
        return Terms(each(lambda v: v.relabelled({j: j - 1 for j in v.free if j > k}), grid), axes)

    def __getitem__(self, index: Any) -> Terms:
        index = index if isinstance(index, tuple) else (index,)
        taken = sum(1 for one in index if one is not None and one is not Ellipsis)
        fill = [slice(None)] * (self.ndim - taken)
        if not any(one is Ellipsis for one in index):
            index = (*index, Ellipsis)
        at = next(k for k, one in enumerate(index) if one is Ellipsis)
        index = (*index[:at], *fill, *index[at + 1 :])
        on_grid: list[Any] = []
        axes: list[Axis] = []
        new: dict[int, int] = {}
        k = 0
        for one in index:
            if one is None:
                on_grid.append(None)
                axes.append(UNIT)
                continue
            axis = self.axes[k]
            if isinstance(one, slice):
                kept = cut(axis, one)
                on_grid.append(kept)
                new[k] = len(axes)
                axes.append(axis._replace(blocks=axis.blocks[kept]))
            else:
                if isinstance(one, Size) or set(axis.blocks) != {1} or not isinstance(one, (int, np.integer)):
                    raise CannotProve(f"the element {one} of an axis of {axis.length}")
                on_grid.append(one)
            k += 1
        grid = self.grid[tuple(on_grid)]
        return Terms(each(lambda v: v.relabelled(new), _array(grid)), tuple(axes))

    def take(self, indices: Any, axis: int) -> Terms:
        """The elements at these places of an axis of numbered elements."""
        if set(self.axes[axis].blocks) != {1}:
            raise CannotProve(f"elements {indices} of an axis of {self.axes[axis].length}")
        grid = self.grid.take(indices, axis=axis)
        return Terms(grid, (*self.axes[:axis], Axis((1,) * len(indices)), *self.axes[axis + 1 :]))

    # ------------------------------------------------------------------------------------------- arithmetic

    def each(self, function: Callable[[Polynomial], Polynomial]) -> Terms:
        """The function of every element."""
        return Terms(each(function, self.grid), self.axes)

    def with_each(self, other: Any, function: Callable[[Polynomial, Polynomial], Polynomial]) -> Terms:
        """A function of two arrays' elements, with NumPy's broadcasting."""
        other = terms(other)
        mine, theirs = _to_ndim(self, other.ndim), _to_ndim(other, self.ndim)
        axes = tuple(itertools.starmap(common, zip(mine.axes, theirs.axes, strict=True)))
        pairs = np.broadcast(mine.grid, theirs.grid)
        grid = np.empty(pairs.shape, object)
        grid.flat[:] = [function(a, b) for a, b in pairs]
        return Terms(grid, axes)

    def __add__(self, other: Any) -> Terms:
        return self.with_each(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Terms:
        return self.with_each(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Terms:
        return terms(other) - self

    def __mul__(self, other: Any) -> Terms:
        return self.with_each(other, lambda a, b: a * b)

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other: Any) -> Terms:
        return self * terms(other) ** -1

    def __rtruediv__(self, other: Any) -> Terms:
        return terms(other) * self**-1

    def __pow__(self, exponent: Any) -> Terms:
        exact = Fraction(exponent)
        return self.each(lambda v: power(v, int(exact) if exact.denominator == 1 else exact))

    def __neg__(self) -> Terms:
        return self.each(lambda v: -v)

    def __matmul__(self, other: Any) -> Terms:
        """(..., K) times (K, N)."""
        if self.ndim < 2 or other.ndim != 2 or self.axes[-1] != other.axes[0]:
            raise CannotProve(f"the product of {self.shape} and {other.shape}")
        return (self[..., None] * other).sum(-2)

    def sum(self, axis: Any = None) -> Terms:
        """Sums over one axis, several, or all."""
        if axis is None:
            axis = tuple(range(self.ndim))
        if isinstance(axis, tuple):
            result = self
            for k in sorted((k % self.ndim for k in axis), reverse=True):
                result = result.sum(k)
            return result
        k = axis % self.ndim
        parts = np.moveaxis(self.grid, k, 0)
        total = np.full(parts.shape[1:], ZERO, object)
        for part, size in zip(parts, self.axes[k].blocks, strict=True):
            over = part if size == 1 else each(lambda v: v.summed(k, size), _array(part))  # noqa: B023
            total = _array(np.add(total, over))
        lower = {j: j - 1 for j in range(k + 1, self.ndim)}
        return Terms(each(lambda v: v.relabelled(lower), _array(total)), (*self.axes[:k], *self.axes[k + 1 :]))

    def mean(self, axis: Any = None) -> Terms:
        """The sum, divided by how many are added up."""
        axes = range(self.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        return self.sum(axis) / product(self.shape[k] for k in axes)

    def __repr__(self) -> str:
        return f"Terms{self.shape}"


# ------------------------------------------------------------------------------------------------------- helpers


def terms(v: Any) -> Terms:
    """The number or the size as an array; arrays of terms as they are."""
    if isinstance(v, Terms):
        return v
    if isinstance(v, np.ndarray) and v.ndim:
        grid = np.empty(v.shape, object)
        grid.flat[:] = [number(one.item()) for one in v.flat]
        return Terms(grid, tuple(Axis((1,) * n) for n in v.shape))
    return Terms(_array(number(v.item() if hasattr(v, "item") else v)), ())


def concatenate(arrays: Any, axis: int = 0) -> Terms:
    """The arrays joined along an existing axis."""
    arrays = [terms(a) for a in arrays]
    k = axis % arrays[0].ndim
    first, *rest = ([*a.axes[:k], *a.axes[k + 1 :]] for a in arrays)
    along = [a.axes[k] for a in arrays]
    if any(other != first for other in rest) or any(one.interleaved for one in along):
        raise CannotProve(f"{', '.join(str(a.shape) for a in arrays)} side by side")
    joined = Axis(tuple(itertools.chain.from_iterable(one.blocks for one in along)))
    grid = np.concatenate([a.grid for a in arrays], axis=k)
    return Terms(grid, (*arrays[0].axes[:k], joined, *arrays[0].axes[k + 1 :]))


def stack(arrays: Any, axis: int = 0) -> Terms:
    """The arrays joined along a new axis."""
    if axis != 0:
        raise CannotProve("a stack along another axis than the first")
    return concatenate([a[None] for a in arrays])


def split(array: Terms, number: Any, axis: int = 0) -> list[Terms]:
    """Equal parts along an axis."""
    k = axis % array.ndim
    width = array.shape[k] // number
    before = (slice(None),) * k
    return [array[(*before, slice(n * width, (n + 1) * width))] for n in range(number)]


def _array(value: Any) -> np.ndarray:
    """An object array, also of a single polynomial."""
    if isinstance(value, np.ndarray):
        return value
    out = np.empty((), object)
    out[()] = value
    return out


def _moved(value: Polynomial, start: int, by: int) -> dict[int, int]:
    """The labels from this axis on, moved to later axes."""
    return {k: k + by for k in value.free if k >= start}


def _to_ndim(array: Terms, ndim: int) -> Terms:
    more = ndim - array.ndim
    return array[(*(None,) * more, ...)] if more > 0 else array
