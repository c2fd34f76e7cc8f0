"""Complex step: Im φ(x + ih) / h has no cancellation, so h = 1e-200 gives the derivative to the last digits of float64.

The sharpest float64 oracle for NumPy code (about 3e-14), for functions that are analytic and keep the imaginary part.
Source: Squire and Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40, 1998.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from lstm_ref.errors import CannotEvaluate, text_of
from lstm_ref.leaves import Function
from lstm_ref.oracles.estimate import Estimate, FlatFunction

STEP = 1e-200
REAL_STEP = 1e-5
"""Step of the differences that the gradient is compared with; truncation and rounding are equal there."""


def complex_step(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """The derivative along every axis, from values at complex inputs.

    Args:
        function: An analytic function of pytrees: JAX code, or NumPy code.
        inputs: A pytree of arrays, the point.
        cotangent: A pytree like the outputs: the weight of each element in Σ cotangent · output.

    Returns:
        The gradient, to about 15 digits.

    Raises:
        CannotEvaluate: The function is not analytic; the message gives the cause.

    Example:
        >>> import numpy as np
        >>> found = complex_step(lambda x: (x ** 3).sum(), np.array([1.0, 2.0]), np.array(1.0))
        >>> found.gradients.round(12).tolist()
        [3.0, 12.0]
    """
    phi = FlatFunction(function, inputs, cotangent)
    N = phi.x.size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            values = phi.at(phi.axes(np.full((1, N), 1j * STEP)))
            real_step = REAL_STEP * phi.scales
            plus, minus = (np.real(phi.at(phi.axes(step[None]).astype(complex))) for step in (real_step, -real_step))
            centre = abs(phi.at(phi.x[None].astype(complex))[0]) if N else 0.0
    except np.exceptions.ComplexWarning as error:
        raise CannotEvaluate(
            "the function casts the imaginary part away, as an accumulator made with np.zeros(shape) does"
        ) from error
    except Exception as error:
        raise CannotEvaluate(
            f"the function does not take complex numbers: {text_of(error) or type(error).__name__}"
        ) from error
    gradient = np.array(values).imag / STEP
    # A function that is not analytic (abs, conj, a comparison of moduli) shows it element by element: its values do not
    # change as its complex step says. The rounding eps/h and the truncation h² are both about 1e-10.
    with np.errstate(invalid="ignore"):
        change = (plus - minus) / (2 * real_step)
        size = np.abs(gradient) + np.abs(change)
        largest = np.max(size, initial=0.0) / np.maximum(1.0, phi.scales)
        allowed = 1e-5 * size + 1e-9 * (centre / phi.scales + largest)
        off = ~(np.abs(gradient - change) <= allowed)
    if off.any():
        n = int(np.argmax(off))
        raise CannotEvaluate(
            "the function is not analytic (abs, conj, max or a comparison of complex numbers on the way, or a kink): "
            f"its complex step gives {gradient[n]:.6g} where its values change by {change[n]:.6g}"
        )
    return Estimate(phi.unravel(gradient))
