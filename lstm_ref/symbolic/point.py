"""Terms at one point: random numbers for the inputs, small numbers for the sizes.

Two polynomials that differ there are not the same: this needs no normal form. That they agree there proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lstm_ref.arithmetic import exp, log, log_sigmoid, sigmoid, sqrt, step, tanh
from lstm_ref.symbolic.sizes import Size, product
from lstm_ref.symbolic.terms import IS, MASK, SIZE, STEP, Atom, Polynomial, labels_of

VALUES: dict[str, Callable[[Any], Any]] = {
    IS: lambda v: v,
    STEP: step,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "exp": exp,
    "log": log,
    "sqrt": sqrt,
    "reciprocal": lambda v: 1 / v,
    "log_sigmoid": log_sigmoid,
}
"""Every function in floats."""
LEAST, MOST = 2, 4
"""The sizes are drawn from these, letter by letter."""
RELATIVE = 1e-6
"""A sum of float64 terms that is not zero to this part of their absolute sum is not zero: rounding is 1e-13 of it, with
the few hundred operations that a term is made of, and cancellation within an argument takes some digits more."""


class Point:
    """Numbers for all inputs and sizes, each drawn when it is first asked for."""

    def __init__(self, seed: int = 0, inputs: Mapping[str, np.ndarray] | None = None, **sizes: int) -> None:
        """Inputs may be given by the name of their atom, and sizes by their letter."""
        self._rng = np.random.default_rng(seed)
        self._inputs, self._sizes = dict(inputs or {}), dict(sizes)
        self._values: dict[Atom, np.ndarray] = {}

    def size(self, of: Any) -> int:
        """The number that a size is here."""
        if not isinstance(of, Size):
            return int(of)
        for letter in sorted({s for letters in of.parts for s in letters} - self._sizes.keys()):
            self._sizes[letter] = int(self._rng.integers(LEAST, MOST, endpoint=True))
        return sum(n * product(self._sizes[s] for s in letters) for letters, n in of.parts.items())

    def value(self, a: Atom) -> np.ndarray:
        """The atom's value, an axis for each of its labels."""
        if a not in self._values:
            self._values[a] = self._value(a)
        return self._values[a]

    def _value(self, a: Atom) -> np.ndarray:
        if a.kind == SIZE:
            return np.array(float(self.size(Size({(a.name,): 1}))))
        if a.argument is not None:
            return np.asarray(VALUES[a.kind](self.polynomial(a.argument, a.sizes)[0]))
        if a.name in self._inputs:
            return self._inputs[a.name]
        shape = tuple(map(self.size, a.sizes))
        return self._rng.integers(0, 1, shape, endpoint=True) * 1.0 if a.kind == MASK else self._rng.normal(size=shape)

    def polynomial(self, v: Polynomial, sizes: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray]:
        """The value, an axis for each of its free labels 0, 1, … of these sizes; and the sum of its terms' absolute
        values."""
        shape = tuple(map(self.size, sizes))
        total, absolute = np.zeros(shape), np.zeros(shape)
        for monomial, coefficient in v.terms.items():
            letters = {label: n for n, label in enumerate(labels_of(monomial))}
            operands: list[Any] = [np.array(float(coefficient)), []]
            for a, labels, power in monomial:
                operands += [self.value(a) ** float(power), [letters[k] for k in labels]]
            kept = [k for k in range(len(shape)) if k in letters]
            term = np.einsum(*operands, [letters[k] for k in kept])
            wide = tuple(shape[k] if k in kept else 1 for k in range(len(shape)))
            total = total + term.reshape(wide)
            absolute = absolute + np.abs(term).reshape(wide)
        return total, absolute

    def tells_from_zero(self, v: Polynomial) -> bool:
        """Whether the polynomial is certainly not zero everywhere."""
        labels = tuple(v.free)
        close = v.relabelled({label: k for k, label in enumerate(labels)})
        with np.errstate(all="ignore"):
            total, absolute = self.polynomial(close, tuple(v.free.values()))
            return bool(np.any(np.abs(total) > RELATIVE * absolute))
