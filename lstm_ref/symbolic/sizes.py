"""Sizes of axes that nobody has fixed: `H`, `4H`, `D + H`. What is computed with them holds whatever they are.

Code that asks for `a.shape[-1] // 4` gets such a size. A question whose answer would depend on the size (is it 1? is it
the larger?) has none: `CannotProve`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import mul
from typing import Any, NoReturn


class CannotProve(Exception):
    """This code has no reading as terms; the message says what has none."""


Letters = tuple[str, ...]


class Size:
    """A polynomial of size letters with whole coefficients; never a plain number, which is an int.

    Example:
        >>> H = size("H")
        >>> (4 * H) // 4 == H, 4 * H // H, (H + 1) - 1 == H
        (True, 4, True)
    """

    __slots__ = ("parts",)

    def __init__(self, parts: Mapping[Letters, int]) -> None:
        self.parts = dict(parts)

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, (int, Size)):
            return NotImplemented
        return _size(_sum([*self.parts.items(), *_parts(other).items()]))

    def __sub__(self, other: Any) -> Any:
        return self + -1 * other if isinstance(other, (int, Size)) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return -1 * self + other

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, (int, Size)):
            return NotImplemented
        pairs = [(a, b) for a in self.parts.items() for b in _parts(other).items()]
        return _size(_sum([(tuple(sorted(x + y)), m * n) for (x, m), (y, n) in pairs]))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        return -1 * self

    def __floordiv__(self, other: Any) -> Any:
        """The exact quotient by one product of sizes; what need not be whole is no size."""
        divisor = _parts(other)
        if len(divisor) != 1:
            raise CannotProve(f"the size {self} is divided by {other}")
        ((letters, number),) = divisor.items()
        quotient = {}
        for mine, n in self.parts.items():
            left = list(mine)
            for letter in letters:
                if letter not in left:
                    raise CannotProve(f"the size {self} is no multiple of {other}")
                left.remove(letter)
            if n % number:
                raise CannotProve(f"the size {self} is no multiple of {other}")
            quotient[tuple(left)] = n // number
        return _size(quotient)

    def __rfloordiv__(self, other: Any) -> Any:
        return Size(_parts(other)) // self

    def __pow__(self, exponent: Any) -> Any:
        """A power as an array of terms, because terms can have negative exponents."""
        from lstm_ref.symbolic.arrays import terms  # made of sizes

        return terms(self) ** exponent

    def __truediv__(self, other: Any) -> Any:
        return self**1 / other

    def __rtruediv__(self, other: Any) -> Any:
        return other * self**-1

    def __mod__(self, other: Any) -> int:
        self // other
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(frozenset(self.parts.items()))

    def __lt__(self, other: Any) -> NoReturn:
        raise CannotProve(f"a decision depends on the size {self}")

    __le__ = __gt__ = __ge__ = __lt__

    def __bool__(self) -> NoReturn:
        raise CannotProve(f"a decision depends on the size {self}")

    def __repr__(self) -> str:
        return " + ".join("".join((str(n) if n != 1 or not k else "", *k)) for k, n in self.parts.items())


def size(letter: str) -> Size:
    """The size with this letter."""
    return Size({(letter,): 1})


def product(sizes: Any) -> Any:
    """Their product, an int where all are."""
    return reduce(mul, sizes, 1)


def _parts(value: Any) -> Mapping[Letters, int]:
    return value.parts if isinstance(value, Size) else {(): int(value)}


def _sum(parts: list[tuple[Letters, int]]) -> dict[Letters, int]:
    found: dict[Letters, int] = {}
    for letters, n in parts:
        found[letters] = found.get(letters, 0) + n
    return {letters: n for letters, n in found.items() if n}


def _size(parts: Mapping[Letters, int]) -> Any:
    """An int where no letter is left."""
    return parts.get((), 0) if set(parts) <= {()} else Size(parts)
