"""Complex step: Im φ(x + ih) / h has no cancellation, so h = 1e-200 gives the derivative to the last digits of float64.

The sharpest float64 oracle for NumPy code (about 3e-14), for functions that are analytic and keep the imaginary part.
Source: Squire and Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40, 1998.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from lstm_ref.errors import CannotEvaluate
from lstm_ref.oracles.estimate import Estimate, Function, Line

STEP = 1e-200


def complex_step(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """The derivative along every axis. Raises CannotEvaluate, with the cause, where the function is not analytic."""
    phi = Line(function, inputs, cotangent)
    N = phi.x.size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            # The same derivative along one random direction, at a step where truncation and rounding meet:
            # a function that is not analytic (abs, conj, a comparison of moduli) gives itself away here.
            direction = np.random.default_rng(0).choice([-1.0, 1.0], N)
            h = 1e-5
            shifts = np.array([1j * STEP, h, -h])[:, None] * direction
            axes = phi.axes(np.full((1, N), 1j * STEP))
            *values, tilted, plus, minus = phi.at(np.concatenate([axes, phi.x + shifts]))
    except np.exceptions.ComplexWarning as error:
        raise CannotEvaluate(
            "the function casts the imaginary part away (usually an accumulator made with np.zeros(shape): "
            "np.zeros(shape, dtype=x.dtype) keeps it)"
        ) from error
    except Exception as error:
        raise CannotEvaluate(f"the function does not take complex numbers: {_first_line(error)}") from error
    gradient = np.array(values).imag / STEP
    plus, minus = plus.real, minus.real
    scale = np.abs(gradient).sum() + abs(plus) + abs(minus)
    along, difference = tilted.imag / STEP, (plus - minus) / (2 * h)
    # h² of truncation and eps / h of rounding are both about 1e-10 of the scale; a broken rule is off by O(1) of it.
    if not (abs(along - gradient @ direction) <= 1e-5 * scale and abs(along - difference) <= 1e-5 * scale):
        raise CannotEvaluate(
            "the function is not analytic (abs, conj, max or a comparison of complex numbers on the way, or a kink): "
            f"its complex step gives {along:.6g} where its values change by {difference:.6g}"
        )
    return Estimate(phi.unravel(gradient))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:160] or type(error).__name__
