"""Names for what code computes: the n-th array that a run makes is called so, wherever the code reads it.

The code itself does not change. A rehearsal tells which is the n-th.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lstm_ref.symbolic.terms import INPUT, Polynomial, atom, named, value


class Naming:
    """Gives names to values that some code computes: to the n-th array that it makes. A run before tells which is the
    n-th; in that run sums are not worked out."""

    def __init__(self) -> None:
        self.count = 0
        self.rehearsed: dict[int, tuple[Any, int]] | None = None
        self.names: dict[int, str] = {}
        self.letters = ""

    def created(self, array: Any) -> None:
        """Counts the array, and names its elements if it has a name."""
        self.count += 1
        if self.rehearsed is not None:
            self.rehearsed[id(array)] = array, self.count  # the array is kept, so that its id stays its own
            array.grid = each(lambda v: v if len(v.terms) <= 1 else ANY, array.grid)
        elif self.count in self.names:
            name = self.names[self.count]
            for n, place in enumerate(np.ndindex(array.grid.shape)):
                array.grid[place] = named(block_name(name, n, array.grid.size, self.letters), array.grid[place])


ANY = value(atom(INPUT, "any"))
"""What stands for a sum that is not worked out."""
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
naming = Naming()


def block_name(name: str, n: int, of: int, letters: str = "") -> str:
    """The name of the n-th of so many blocks: a_f where the gates have letters and as many blocks, else a₁."""
    if of == 1:
        return name
    return f"{name}_{letters[n]}" if of == len(letters) else name + str(n).translate(_SUBSCRIPTS)


def with_names(code: Callable[[], Any], values: Callable[[Any], dict[str, Any]], letters: str = "") -> Any:
    """What the code returns, with some of the values that it computes named wherever the code reads them.

    Args:
        code: Computes on arrays of terms; the same operations at every call.
        values: Which of what it returns have names: by name, the arrays. One under two names has the first.
        letters: Of the blocks, where an array has as many.
    """
    try:
        naming.count, naming.rehearsed, naming.names = 0, {}, {}
        chosen, numbers = values(code()), naming.rehearsed
        names: dict[int, str] = {}
        for name, array in chosen.items():
            if id(array) in numbers:
                names.setdefault(numbers[id(array)][1], name)
        naming.count, naming.rehearsed, naming.names, naming.letters = 0, None, names, letters
        return code()
    finally:
        naming.rehearsed, naming.names = None, {}


def each(function: Callable[[Polynomial], Polynomial], grid: np.ndarray) -> np.ndarray:
    """The function of every polynomial of a grid."""
    out = np.empty(grid.shape, object)
    out.flat[:] = [function(v) for v in grid.flat]
    return out
