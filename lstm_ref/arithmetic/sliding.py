"""What lies under a kernel at each of its places, and the way back: for convolutions, in every arithmetic."""

from __future__ import annotations

from typing import Any

from lstm_ref.arithmetic.functions import concatenate, stack


def same(widths: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """The zeros before and behind, along each axis, with which as many places remain as elements."""
    return tuple(((width - 1) // 2, width // 2) for width in widths)


def patches(x: Any, axes: tuple[int, ...], widths: tuple[int, ...], pads: Any = None) -> Any:
    """For every place along `axes`, the elements under a kernel of these widths, zeros beyond the border.

    Args:
        x: An array.
        axes: Axes that the kernel goes along.
        widths: The kernel's width along each.
        pads: How many zeros stand before and behind x along each; by default as many places remain as elements.

    Returns:
        x with the number of places along `axes`, and the kernel's axes at the end.

    Example:
        >>> import numpy as np
        >>> patches(np.array([1.0, 2.0, 3.0]), (0,), (3,)).tolist()
        [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 0.0]]
    """
    pads = pads or same(widths)
    for axis, width, (low, high) in zip(axes, widths, pads, strict=True):
        ahead = (slice(None),) * axis
        zero = x[(*ahead, slice(0, 1))] * 0
        x = concatenate([zero] * low + [x] + [zero] * high, axis=axis)
        n = x.shape[axis] - width + 1
        x = stack([x[(*ahead, slice(k, k + n))] for k in range(width)], axis=x.ndim)
    return x


def overlap(seen: Any, axes: tuple[int, ...], widths: tuple[int, ...], pads: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of `patches`: each element of a patch is added where it was read.

    Args:
        seen: An array in the shape of `patches(x, axes, widths, pads)`.
        axes: As in `patches`, and so are widths and pads.
        widths: The kernel's width along each axis.
        pads: How many zeros stood before and behind x along each.
        shape: The shape of x.

    Returns:
        An array in the shape of x.

    Example:
        >>> import numpy as np
        >>> overlap(np.ones((3, 3)), (0,), (3,), None, (3,)).tolist()
        [2.0, 3.0, 2.0]
    """
    pads = pads or same(widths)
    for axis, width, (low, _) in reversed(list(zip(axes, widths, pads, strict=True))):
        ahead = (slice(None),) * axis
        zero = seen[(*ahead, slice(0, 1), ..., 0)] * 0
        total: Any = 0
        for k in range(width):
            total = total + concatenate([zero] * k + [seen[..., k]] + [zero] * (width - 1 - k), axis=axis)
        seen = total[(*ahead, slice(low, low + shape[axis]))]
    return seen


def spaced(x: Any, steps: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The elements of x among zeros, where `[::step]` takes them along each axis: the transpose of taking them.

    Args:
        x: An array.
        steps: One for each axis.
        shape: Of the result.

    Returns:
        An array of this shape.

    Example:
        >>> import numpy as np
        >>> spaced(np.array([1.0, 2.0]), (3,), (5,)).tolist()
        [1.0, 0.0, 0.0, 2.0, 0.0]
    """
    for axis, (step, n) in enumerate(zip(steps, shape, strict=True)):
        x = stack([x] + [x * 0] * (step - 1), axis=axis + 1)
        x = x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])[(*(slice(None),) * axis, slice(n))]
    return x
