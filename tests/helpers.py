"""Shared by the gradient tests: a recurrence's gradient by hand and by autodiff, its noise floor, and the comparison.

No tolerance is picked by hand. The floor of a float gradient is the radius of the same equations in ball arithmetic, at
the float's precision less `LIBRARY_BITS` (checking.verdict.floor): it bounds how far rounding can move the floats from
the truth. The truth is the midpoint of the same equations at 30 digits. Autodiff also rounds, in the same arithmetic
and the same products, so hand and autodiff may differ by twice the floor.
"""

from dataclasses import replace
from functools import cache, partial

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.arithmetic.balls import as_balls, bits_of_precision, magnitudes, midpoints, precision, radii
from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.arithmetic.jaxpr import trace
from lstm_ref.arithmetic.uncompiled import uncompiled
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells.cell import arrays, in_domain
from lstm_ref.checking.verdict.compare import compare_in_balls
from lstm_ref.checking.verdict.floor import LIBRARY_BITS
from lstm_ref.leaves import paths
from lstm_ref.oracles.reverse import pullback
from lstm_ref.strategies import SHAPES, SequenceProblem, values

PROOF_DIGITS = 70
"""What equations in balls have to agree to; they are computed with 50 digits more."""

TRUTH_DIGITS = 30
"""Of the value that a float gradient is held against: 14 more than a float64 has."""


class Disagreement(AssertionError):
    """Two gradients differ by more than is allowed."""


def an_ordinary_problem(cell, sizes=SHAPES[0], seed=0, lengths=None, reverse=False):
    """Everything random and not zero: a problem built to expose mistakes."""
    T, B, D, H = sizes
    seeds = iter(range(seed, seed + 100))

    def like(shapes):
        return arrays(shapes, lambda shape: values("ordinary", next(seeds), shape))

    state = cell.state_shapes(B, H, D=D)
    return SequenceProblem(
        cell,
        like(cell.parameter_shapes(D, H)),
        in_domain(cell, like(state)),
        arrays(cell.input_shapes(B, D, H=H), lambda shape: values("ordinary", next(seeds), (T, *shape))),
        sequence.Outputs(values("ordinary", next(seeds), (T, *state.h)), like(state)),
        None if lengths is None else np.array(lengths),
        reverse,
    )


def in_balls(problem):
    params, initial, xs, bar = jax.tree.map(as_balls, (problem.params, problem.initial, problem.xs, problem.bar))
    return replace(problem, params=params, initial=initial, xs=xs, bar=bar)


# ---------------------------------------------------------------------------------------------------- gradients


def by_hand(problem, through_time=sequence):
    """(outputs, gradients) of the plain loop, in the problem's own arithmetic."""
    how = problem.lengths, problem.reverse
    outputs, tapes = through_time.loop(problem.cell, *problem.arguments, *how)
    return outputs, through_time.loop_backward(problem.cell, *problem.arguments, tapes, problem.bar, *how)


def read(gradients):
    """Path -> cotangent, of all that a recurrence reads (the adjoints of its nodes left out)."""
    return paths(gradients._asdict() | {"nodes": None})


def vjp(recurrence, cell, reverse, arguments, lengths, bar):
    """(params_bar, initial_bar, xs_bar) of a recurrence as JAX differentiates it."""
    outputs = lambda read: recurrence(cell, *read, lengths, reverse)  # noqa: E731
    return pullback(outputs, arguments, bar)


def by_bptt_and_autodiff(through_time, cell, reverse, arguments, lengths, bar):
    """The gradient by the custom VJP, which is written by hand, and by autodiff of the scan."""
    return tuple(
        sequence.Gradients(*vjp(f, cell, reverse, arguments, lengths, bar)) for f in (through_time.bptt, sequence.scan)
    )


jitted_bptt_and_autodiff = partial(jax.jit, static_argnums=(0, 1, 2))(by_bptt_and_autodiff)


def in_floats(problem, through_time=sequence, compiled=True):
    """`by_bptt_and_autodiff` in the problem's own dtype; not compiled, its trace in float64 is walked in NumPy."""
    static = through_time, problem.cell, problem.reverse
    given = problem.arguments, problem.lengths, problem.bar
    if not compiled:
        return walked_bptt_and_autodiff(static, *of_shapes(given))(*given)
    with x64():
        found = jitted_bptt_and_autodiff(*static, *given)
    return jax.tree.map(np.asarray, found)


def of_shapes(tree):
    """The structure, and the shapes and dtypes of its leaves: a key of what is traced once."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, tuple(jax.ShapeDtypeStruct(v.shape, v.dtype) for v in leaves)


@cache
def walked_bptt_and_autodiff(static, structure, leaves):
    return uncompiled(partial(by_bptt_and_autodiff, *static), *jax.tree.unflatten(structure, leaves))


def autodiff_in_balls(problem):
    """The gradient that JAX's reverse mode computes of the scan, in balls of the current precision."""

    def gradient(arguments, bar):
        return vjp(sequence.scan, problem.cell, problem.reverse, arguments, problem.lengths, bar)

    program = trace(gradient, problem.arguments, problem.bar)
    return sequence.Gradients(*program(*jax.tree.map(as_balls, (problem.arguments, problem.bar))))


# ------------------------------------------------------------------------------------------------------- floors


def noise_floor(gradients, dtype):
    """Path -> how far rounding in `dtype` can take each element of what `gradients()` computes of balls.

    Raises UndecidedComparison where rounding decides on which side of a kink a value falls.
    """
    info, precision_bits = np.finfo(dtype), bits(dtype) - LIBRARY_BITS
    with bits_of_precision(precision_bits):
        found = {path: as_balls(v) for path, v in paths(gradients()).items()}
    # Now and then arb rounds a function to the last bit of its guard digits, by luck, and the radius is next to
    # nothing: no float library has that luck. And a float below tiny / eps has lost relative precision to underflow.
    rounded = {path: np.maximum(radii(v), magnitudes(v) * 2.0**-precision_bits) for path, v in found.items()}
    return {path: radius + float(info.tiny / info.eps) for path, radius in rounded.items()}


def truth(gradients):
    """Path -> what `gradients()` computes of balls, to 30 digits, rounded once."""
    with precision(TRUTH_DIGITS):
        return {path: midpoints(v) for path, v in paths(gradients()).items()}


# -------------------------------------------------------------------------------------------------- comparisons


def assert_within(found, expected, allowed, factor=1):
    """Every element of every array is at most `factor` times `allowed` off, or Disagreement says which is not."""
    found, expected, allowed = paths(found), paths(expected), paths(allowed)
    assert found.keys() == expected.keys() <= allowed.keys()
    for path, value in found.items():
        value, right = np.asarray(value), np.asarray(expected[path])
        if value.shape != right.shape:
            raise Disagreement(f"{path} has shape {value.shape}, expected {right.shape}")
        error, limit = np.abs(value - right), factor * np.broadcast_to(allowed[path], value.shape)
        wrong = ~(error <= limit)  # NaN is wrong
        if wrong.any():
            index = tuple(int(k) for k in np.unravel_index(np.argmax(np.where(wrong, error / limit, -1)), value.shape))
            raise Disagreement(
                f"{path}{list(index)} is {value[index]!r}, expected {right[index]!r}: off by {error[index]:.3g}, "
                f"allowed {limit[index]:.3g}; {wrong.sum()} of {wrong.size} elements are wrong"
            )


def assert_digits(found, expected, doubt=None, digits=PROOF_DIGITS):
    """In balls: no element contradicts the other's, and both are known well enough to say so to this many digits.

    `doubt` is the error that `expected` admits to, beyond its radii.
    """
    found, expected = paths(found), paths(expected)
    doubt = dict.fromkeys(found, 0.0) if doubt is None else paths(doubt)
    assert found.keys() == expected.keys()
    for path, value in found.items():
        with precision(digits + 50):
            compared = compare_in_balls(as_balls(value), as_balls(expected[path]), doubt[path], 0.0)
        if not (compared.right.all() and compared.digits >= digits):
            raise Disagreement(
                f"{path}{list(compared.worst)} is {compared.claimed}, expected {compared.expected}: "
                f"{compared.digits:.1f} digits agree, {digits} are asked"
            )


def assert_hand_equals_autodiff(problem, through_time=sequence, compiled=True):
    """The hand-written gradient, by the NumPy loop and by the custom VJP, is right to the last digit that its floats
    can hold: it is the truth within the floor, and autodiff's within twice the floor."""
    gradients = lambda: read(by_hand(in_balls(problem), through_time)[1])  # noqa: E731
    dtype = problem.initial.h.dtype
    floor, exact = noise_floor(gradients, dtype), truth(gradients)
    custom, autodiff = map(read, in_floats(problem, through_time, compiled))
    for found in (read(by_hand(problem, through_time)[1]), custom):
        assert all(v.dtype == dtype for v in found.values())
        assert_within(found, exact, floor)
        assert_within(found, autodiff, floor, factor=2)


def traced(function, *arguments):
    """What JAX makes of a function, in float64. Its trace is walked: to compile what runs once takes far longer."""
    return uncompiled(function, *arguments)(*arguments)


def assert_eleven_digits(found, expected):
    """Of every array's largest element. In NumPy: outside of `x64`, JAX's own difference would be float32's."""
    found, expected = jax.tree.map(np.asarray, (found, expected))
    for mine, theirs in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        assert np.max(np.abs(mine - theirs)) <= 1e-11 * np.max(np.abs(theirs))


def assert_autodiffs(forward, backward, params):
    """`backward(params)` is the gradient of the loss `forward(params)[0]`, both as JAX code."""
    hand, autodiff = traced(lambda p: (backward(p), pullback(lambda q: forward(q)[0], p, np.ones(()))), params)
    assert_eleven_digits(hand, autodiff)


def assert_backward_is_right(backward, outputs, inputs, bar, dtype, *facts):
    """By hand in NumPy and jitted: the truth within the floor of these floats, and autodiff's within twice.

    `backward(inputs, bar, *facts)` and `outputs(inputs, *facts)`; functions of a module are compiled once.
    """
    exact = jax.tree.map(as_balls, (inputs, bar))
    gradients = lambda: backward(*exact, *facts)  # noqa: E731
    floor, right = noise_floor(gradients, dtype), truth(gradients)
    with x64():
        jitted = jax.jit(backward)(inputs, bar, *facts)
        autodiff = _autodiff(outputs, inputs, bar, facts)
    for found in (backward(inputs, bar, *facts), jitted):
        assert all(v.dtype == dtype for v in jax.tree.leaves(found))
        assert_within(found, right, floor)
        assert_within(found, autodiff, floor, factor=2)


@partial(jax.jit, static_argnums=0)
def _autodiff(outputs, inputs, bar, facts):
    return pullback(lambda inputs: outputs(inputs, *facts), inputs, bar)
