"""How wrong may a right gradient be in this arithmetic? A noise floor for every element, never a hand-picked tolerance.

Three ways, the first that applies:

1. *Derived*: run the claimed gradient itself in ball arithmetic at the float's own precision. A ball's radius then
   bounds what the same operations can lose in floats, cancellation and saturation included. Three bits are taken off,
   because the elementary functions of float libraries are right to 8 units in the last place, not to one (measured:
   XLA's float64 tanh is 6.5 off at -19.06, on the CPU).
2. *Derived for autodiff*: the same for the gradient that JAX's reverse mode computes, doubled: a hand-written gradient
   may be as wrong as twice autodiff's on the same problem.
3. *Modelled*, for code that runs on floats only: n·u·(max|gradient| + max|cotangent|)·max(1, |input|)², with u the unit
   roundoff, n the number of input elements, and each maximum over all arrays. A sum of n terms is wrong by at most n·u
   of their size (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, eq. 3.5). Where y saturates, a
   derivative like 1 − y² is wrong by u, not by u times itself; a cotangent and a pre-activation, a product of two
   inputs, multiply that error on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.balls import as_balls, bits_of_precision, radii
from lstm_ref.arithmetic.lift import lift
from lstm_ref.checking.problem import Problem, paths
from lstm_ref.errors import CannotEvaluate
from lstm_ref.oracles.reverse import pullback

LIBRARY_BITS = 3


class Floor(NamedTuple):
    """Noise floor by input path, and in words how it was found."""

    by_input: dict[str, np.ndarray]
    how: str


def bits(dtype: Any) -> int:
    """Bits of a float's significand: 53 for float64, 24 for float32, 11 for float16, 8 for bfloat16."""
    return int(jax.numpy.finfo(dtype).nmant) + 1


def noise_floor(
    problem: Problem, lifted_claim: Callable[..., Any] | None, claimed: dict[str, np.ndarray], cotangents: Any
) -> Floor:
    """The noise floor of the claimed gradient in the arithmetic of the inputs."""
    inputs = paths(problem.inputs)
    dtype = min((np.result_type(v) for v in inputs.values()), key=bits)
    # Below tiny/eps a float has lost relative precision to underflow somewhere on the way.
    smallest = float(jax.numpy.finfo(dtype).tiny / jax.numpy.finfo(dtype).eps)
    if lifted_claim is not None:
        found = _radii(lambda: lifted_claim(problem.inputs, cotangents), bits(dtype))
        if found is not None:
            return Floor({k: found[k] + smallest for k in claimed}, "derived: the claim in balls of float size")
    try:
        autodiff = lift(lambda x: pullback(problem.function, x, cotangents), problem.inputs)
    except CannotEvaluate:
        found = None
    else:
        found = _radii(lambda: autodiff(jax.tree.map(as_balls, problem.inputs)), bits(dtype))
    if found is not None:
        return Floor({k: 2 * found[k] + smallest for k in claimed}, "derived: twice autodiff's in balls of float size")
    return Floor(
        {k: v + smallest for k, v in modelled(problem, claimed, cotangents).items()},
        "modelled: n·u of the largest gradient, cotangent and input, for n input elements",
    )


def modelled(problem: Problem, gradients: dict[str, np.ndarray], cotangents: Any) -> dict[str, np.ndarray]:
    """Way 3 of this page, by path: also what is allowed to an oracle that computes in floats itself."""
    inputs = paths(problem.inputs)
    n = sum(np.size(v) for v in inputs.values())
    unit = n * 2.0 ** -min(bits(np.result_type(v)) for v in inputs.values())
    largest = [
        max((float(np.max(np.abs(v), initial=0.0, where=np.isfinite(v))) for v in values), default=0.0)
        for values in (gradients.values(), jax.tree.leaves(cotangents), inputs.values())
    ]
    size = (largest[0] + largest[1]) * max(1.0, largest[2]) ** 2
    return {k: np.full(np.shape(g), unit * size) for k, g in gradients.items()}


def _radii(gradient: Callable[[], Any], float_bits: int) -> dict[str, np.ndarray] | None:
    try:
        with bits_of_precision(float_bits - LIBRARY_BITS):
            found = {k: radii(as_balls(v)) for k, v in paths(gradient()).items()}
    except CannotEvaluate:
        return None
    return found if all(np.isfinite(v).all() for v in found.values()) else None
