"""A linear recurrence for all steps at once: v_t = a_t v_{t-1} + b_t, edges LR1-LR3 forward, LR2* backward.

derivations/parallel.md derives each. Two consecutive steps combine to one step of the same kind, so T steps take about
2 log₂ T rounds of pairs (`jax.lax.associative_scan`). Conventions that bite: the coefficients come as logarithms, a >
0, so that products of many small ones are sums; the initial value enters separately, with any sign. JAX arrays; (T,
...), time first.

Source: Blelloch, "Prefix sums and their applications", 1990; in logarithms, Heinsen, "Efficient parallelization of a
ubiquitous sequential computation", 2023.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def recurrence(log_a: Any, b: Any, initial: Any) -> Any:
    """Every v_t, (T, ...), of any sign, from log_a and b, (T, ...), and the initial value."""

    def after(first: Any, second: Any) -> Any:
        (log_a1, b1), (log_a2, b2) = first, second
        return log_a1 + log_a2, jnp.exp(log_a2) * b1 + b2  # LR1

    log_kept, from_zero = _scan(after, log_a, b)
    return jnp.exp(log_kept) * initial + from_zero  # LR2


def recurrence_of_logarithms(log_a: Any, log_b: Any, initial: Any) -> Any:
    """Every v_t, (T, ...), for positive b given as logarithms; sums are taken in logarithms, so that no term
    underflows."""

    def after(first: Any, second: Any) -> Any:
        (log_a1, log_b1), (log_a2, log_b2) = first, second
        return log_a1 + log_a2, jnp.logaddexp(log_a2 + log_b1, log_b2)  # LR3

    log_kept, log_from_zero = _scan(after, log_a, log_b)
    return jnp.exp(log_kept) * initial + jnp.exp(log_from_zero)  # LR2


def adjoints(log_a: Any, v_bar: Any) -> Any:
    """The total cotangent of every v_t, (T, ...), given the cotangents from all its readers other than the next
    step."""
    log_next = jnp.concatenate((log_a[1:], jnp.zeros_like(log_a[:1])))
    zero = jnp.zeros_like(v_bar[:1].sum(0))
    return recurrence(log_next[::-1], v_bar[::-1], zero)[::-1]  # LR2*  the same recurrence, back in time


def _scan(after: Any, *elements: Any) -> Any:
    return jax.lax.associative_scan(after, elements) if len(elements[0]) else elements
