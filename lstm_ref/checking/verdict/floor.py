"""How wrong may a right gradient be in this arithmetic? A noise floor for every element, never a hand-picked tolerance.

Four ways, the first that applies:

1. *Derived*: run the claimed gradient itself in ball arithmetic at the float's own precision. A ball's radius then
   bounds what the same operations can lose in floats, cancellation and saturation included. Three bits are taken off,
   because the elementary functions of float libraries are right to 8 units in the last place, not to one (measured:
   XLA's float64 tanh is 6.5 off at -19.06, on the CPU).
2. *Derived for autodiff*: the same for the gradient that JAX's reverse mode computes, doubled: a hand-written gradient
   may be as wrong as twice autodiff's on the same problem.
3. *Measured*, for code in less than float64 that runs on floats only, and always in bfloat16 and float16, whose 8 or
   11 bits leave no ball of any use: the claim again at inputs and cotangents moved at random by one unit in the last
   place. Each result carries the rounding of all its operations anew, and what a unit in the inputs does besides, so
   two of them differ by more than either is off; the largest change over a whole array, doubled, is allowed to each of
   its elements (twice a same-precision baseline's error is what attention kernels are held to: Dao et al. 2022). One
   thing does not show there: where y saturates, 1 − y² is wrong by u for good. So u·max|cotangent|·max(1, |input|)
   is added, one such term.
4. *Modelled*, for float64 code that runs on floats only, and for problems too large for balls:
   m·u·(max|gradient| + max|cotangent|)·max(1, |input|)², with u the unit roundoff and each maximum over all arrays.
   A sum of n terms is wrong by at most n·u of their size (Higham, "Accuracy and Stability of Numerical Algorithms",
   2002, eq. 3.5). If its roundings are independent and of mean zero, which is *assumed*, it is wrong by at most 8·√n·u
   but with probability 2·exp(−32) (Higham and Mary, "A new approach to probabilistic rounding error analysis", 2019,
   theorem 2.4). m is the smaller, n the number of input elements. Where equal numbers are added one after another the
   same rounding comes back at every step, and the assumption is false: n times 0.1 by np.cumsum is off by 0.5, 1.8,
   6.7, 15 and 57 times 8·√n·u of its size for n = 10³ … 10⁷ in float64, by 0.6, 2.0, 1.0, 20 and 58 times in float32.
   That is still below 0.2 n·u. Random positive numbers stay below 0.1 of 8·√n·u, np.sum (in pairs) too, and BLAS (in
   blocks) below 1. So a *right* gradient is called wrong if float64 code that runs on floats only makes it of some 10⁵
   equal terms in one running sum (10⁴ are called right). n·u would allow it, and hide mistakes √n/8 times as large from
   all others. docs/verdict.md has the commands. Where
   y saturates, a derivative like 1 − y² is wrong by u, not by u times itself; a cotangent and a pre-activation, a
   product of two inputs, multiply that error on its way. Code that is not looked into makes at least ROUNDINGS of
   them one after another, however few its inputs are.

Balls bound the worst case of every operation at once, which over many steps is far worse than what floats do: where the
model allows less than a derived or measured floor does, the model holds. It knows nothing of numbers that are larger
on the way than inputs, cotangents and gradients are: what it calls wrong is measured too (`checking.allowances`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.balls import as_balls, bits_of_precision, radii
from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.checking.problem import Problem
from lstm_ref.errors import CannotEvaluate
from lstm_ref.graph.lift import lift
from lstm_ref.leaves import paths
from lstm_ref.oracles.reverse import pullback

LIBRARY_BITS = 3
SAMPLES = 2000
"""Changes of single elements that a measured floor is the largest of: of normal ones, the largest is 3.5 deviations."""
MOST_CALLS = 64
ROUNDINGS = 16


class Floor(NamedTuple):
    """Noise floor by input path, and in words how it was found."""

    by_input: dict[str, np.ndarray]
    how: str


class Floors(NamedTuple):
    """The floor that a claim is held to, and the one it is held to where that is not enough."""

    strict: Floor
    derived: dict[str, np.ndarray] | None
    """By way 1 or 2 alone, where they apply: no right claim is further off."""


def noise_floor(
    problem: Problem,
    lifted_claim: Callable[..., Any] | None,
    claimed: dict[str, np.ndarray],
    cotangents: Any,
    in_balls: bool = True,
) -> Floors:
    """The noise floor of the claimed gradient in the arithmetic of the inputs; ways 1 and 2 only `in_balls`."""
    float_bits = least_bits(problem)
    found, how, derived = None, "", None
    if in_balls and float_bits > bits(np.float16):
        derived, how = _derived(problem, lifted_claim, cotangents, float_bits)
        found = derived
    if found is None and float_bits < bits(np.float64):
        found = measured(problem, claimed, cotangents, float_bits)
        how = "measured: twice the change by one unit in the last place"
    model = modelled(problem, claimed, cotangents)
    if found is None:
        found, how = model, "modelled: m·u of the largest gradient, cotangent and input, m = min(n, 8√n) for n inputs"
    least = smallest(problem)
    return Floors(Floor({k: np.minimum(found[k], model[k]) + least for k in claimed}, how), derived)


def least_bits(problem: Problem) -> int:
    """Bits of the inputs' least precise dtype."""
    return min(bits(np.result_type(v)) for v in paths(problem.inputs).values())


def smallest(problem: Problem) -> float:
    """Below tiny/eps a float has lost relative precision to underflow somewhere on the way."""
    dtype = min((np.result_type(v) for v in paths(problem.inputs).values()), key=bits)
    return float(jax.numpy.finfo(dtype).tiny / jax.numpy.finfo(dtype).eps)


def _derived(
    problem: Problem, lifted_claim: Callable[..., Any] | None, cotangents: Any, float_bits: int
) -> tuple[dict[str, np.ndarray] | None, str]:
    """Ways 1 and 2."""
    if lifted_claim is not None:
        found = _radii(lambda: lifted_claim(problem.inputs, cotangents), float_bits)
        if found is not None:
            return found, "derived: the claim in balls of float size"
    try:
        autodiff = lift(lambda x: pullback(problem.function, x, cotangents), problem.inputs)
    except CannotEvaluate:
        return None, ""
    found = _radii(lambda: autodiff(jax.tree.map(as_balls, problem.inputs)), float_bits)
    if found is None:
        return None, ""
    return {k: 2 * v for k, v in found.items()}, "derived: twice autodiff's in balls of float size"


def measured(
    problem: Problem, claimed: dict[str, np.ndarray], cotangents: Any, float_bits: int
) -> dict[str, np.ndarray]:
    """Way 3, of code that computes with so many bits. As often as it takes to see SAMPLES changes of elements."""
    rng = np.random.default_rng(0)
    call = problem.backward(cotangents).run

    def moved(v: Any) -> Any:
        v = np.asarray(v)
        eps = 2.0 ** (1 - min(float_bits, bits(v.dtype)))
        return (v.astype(np.float64) * (1 + eps * rng.choice([-1.0, 1.0], v.shape))).astype(v.dtype)

    largest = dict.fromkeys(claimed, 0.0)
    elements = sum(v.size for v in claimed.values())
    for _ in range(min(MOST_CALLS, max(1, math.ceil(SAMPLES / max(elements, 1))))):
        given = paths(call(jax.tree.map(moved, problem.inputs), jax.tree.map(moved, cotangents)))
        for path, value in claimed.items():
            change = np.abs(given[path].astype(np.float64) - value.astype(np.float64))
            largest[path] = max(largest[path], float(np.max(change, initial=0.0, where=np.isfinite(change))))
    sizes = [
        max((float(np.max(np.abs(np.asarray(v, np.float64)), initial=0.0)) for v in values), default=0.0)
        for values in (jax.tree.leaves(cotangents), paths(problem.inputs).values())
    ]
    saturation = 2.0**-float_bits * sizes[0] * max(1.0, sizes[1])
    return {k: np.full(np.shape(v), 2 * largest[k] + saturation) for k, v in claimed.items()}


def modelled(
    problem: Problem, gradients: dict[str, np.ndarray], cotangents: Any, float_bits: int | None = None
) -> dict[str, np.ndarray]:
    """Way 4 of this page, by path; of the inputs' dtype unless told the bits that something computes with."""
    inputs = paths(problem.inputs)
    precision = least_bits(problem) if float_bits is None else float_bits
    allowed = modelled_error(inputs.values(), gradients.values(), jax.tree.leaves(cotangents), precision)
    return {k: np.full(np.shape(g), allowed) for k, g in gradients.items()}


def modelled_error(inputs: Collection[Any], gradients: Iterable[Any], cotangents: Iterable[Any], bits: int) -> float:
    """Way 4 of this page: of any element, in floats of so many bits."""
    n = sum(np.size(v) for v in inputs)
    unit = max(ROUNDINGS, min(n, 8 * n**0.5)) * 2.0**-bits
    gradient, cotangent, value = (max(map(_largest, values), default=0.0) for values in (gradients, cotangents, inputs))
    return unit * (gradient + cotangent) * max(1.0, value) ** 2


def _largest(v: Any) -> float:
    """The largest absolute value of the finite elements; 0 if there are none."""
    sizes = np.abs(np.asarray(v)).astype(np.float64, copy=False)
    found = float(sizes.max(initial=0.0))
    return found if np.isfinite(found) else float(sizes.max(initial=0.0, where=np.isfinite(sizes)))


def _radii(gradient: Callable[[], Any], float_bits: int) -> dict[str, np.ndarray] | None:
    try:
        with bits_of_precision(float_bits - LIBRARY_BITS):
            found = {k: radii(as_balls(v)) for k, v in paths(gradient()).items()}
    except CannotEvaluate:
        return None
    return found if all(np.isfinite(v).all() for v in found.values()) else None
