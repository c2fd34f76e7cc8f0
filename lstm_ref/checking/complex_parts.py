"""Complex inputs and outputs as pairs of real ones: the derivative of a real number by a complex one is two numbers.

There are two conventions for writing them as one complex number: ∂L/∂a + i ∂L/∂b for z = a + ib (torch), and its
conjugate ∂L/∂a − i ∂L/∂b (JAX). Only the values tell which one an author means: a problem is checked in torch's
convention and, if it is wrong there, in JAX's. Cotangents of complex outputs use the same convention.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

TORCH, JAX = 1, -1
CONVENTIONS = {
    TORCH: "complex numbers: gradients are ∂L/∂a + i ∂L/∂b for z = a + ib, as torch has them (JAX has the conjugate)",
    JAX: "complex numbers: gradients are ∂L/∂a − i ∂L/∂b for z = a + ib, as JAX has them (torch has the conjugate)",
}


def is_complex(v: Any) -> bool:
    """Whether the value is an array or a number of complex dtype."""
    return bool(jnp.issubdtype(getattr(v, "dtype", type(v)), jnp.complexfloating))


def any_complex(tree: Any) -> bool:
    """Whether a leaf of the tree is complex."""
    return any(map(is_complex, jax.tree.leaves(tree)))


def split(tree: Any, sign: int = TORCH) -> Any:
    """The tree with each complex leaf split into {"real": …, "imag": …}; the imaginary part is multiplied by the
    sign."""

    def parts(v: Any) -> Any:
        if not is_complex(v):
            return v
        if isinstance(v, jax.Array):
            return {"real": jnp.real(v), "imag": sign * jnp.imag(v)}
        v = np.asarray(v)
        return {"real": np.ascontiguousarray(v.real), "imag": np.ascontiguousarray(sign * v.imag)}

    return jax.tree.map(parts, tree)


def join(parts: Any, like: Any, sign: int = TORCH) -> Any:
    """The inverse of `split`: complex leaves are where those of `like` are."""

    def whole(before: Any, v: Any) -> Any:
        if not is_complex(before):
            return v
        real, imag = v["real"], sign * v["imag"]
        if isinstance(real, jax.Array) or isinstance(imag, jax.Array):
            return jax.lax.complex(jnp.asarray(real), jnp.asarray(imag))
        if any(np.asarray(p).dtype.kind != "f" for p in (real, imag)):  # balls, or numbers of a complex step
            raise TypeError("a part of a complex number must be an array of floats")
        return np.asarray(real) + 1j * np.asarray(imag)

    return jax.tree.map(whole, like, parts)


def on_parts(
    inputs: Any, function: Callable[[Any], Any], claim: Callable[[Any, Any], Any], sign: int
) -> tuple[Any, Callable[[Any], Any], Callable[[Any, Any], Any]]:
    """Inputs, function and claim of a complex problem, rewritten for real parts in this convention."""
    kinds: dict[str, Any] = {}

    def real_function(parts: Any) -> Any:
        outputs = function(join(parts, inputs))
        kinds["outputs"] = jax.tree.map(lambda v: np.zeros((), np.result_type(v)), outputs)
        return split(outputs)

    def real_claim(parts: Any, bars: Any) -> Any:
        if any_complex(kinds.get("outputs")):
            bars = join(bars, kinds["outputs"], sign)
        return split(claim(join(parts, inputs), bars), sign)

    return split(inputs), real_function, real_claim
