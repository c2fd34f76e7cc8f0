"""The backward passes of torch's resizing (`interpolate`, adaptive pooling) in NumPy, for traced arrays.

Resizing is linear in each channel's elements: resizing each element alone gives its matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

UPSAMPLED = (
    *("upsample_nearest1d", "upsample_nearest2d", "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d"),
    *("_upsample_nearest_exact1d", "_upsample_nearest_exact2d"),
)


def _through(resize: Callable[[Any], Any], bar: Any, shape: Sequence[int]) -> Any:
    """What resizing hands back to an array (batch, channels, places...) of this shape."""
    import torch

    n = math.prod(shape[2:])
    units = torch.eye(n, dtype=torch.float64).reshape(n, 1, *shape[2:])
    matrix = resize(units).reshape(n, -1).numpy()
    return np.matmul(bar.reshape(*shape[:2], -1), matrix.T).reshape(tuple(shape))


def _upsampled(name: str) -> Callable[..., Any]:
    def backward(bar: Any, output_size: Any, input_size: Any, *how: Any) -> Any:
        import torch

        return _through(lambda x: getattr(torch.ops.aten, name)(x, output_size, *how), bar, input_size)

    return backward


def _pooled(bar: Any, x: Any) -> Any:
    import torch

    size = list(bar.shape[2:])
    return _through(lambda units: torch.ops.aten._adaptive_avg_pool2d(units, size), bar, x.shape)


BACKWARD: dict[str, Callable[..., Any]] = {
    **{f"{name}_backward": _upsampled(name) for name in UPSAMPLED},
    "_adaptive_avg_pool2d_backward": _pooled,
}
"""By operation."""
