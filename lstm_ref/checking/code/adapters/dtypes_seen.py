"""The least precise float in which torch code computes, by the dtypes of its operations, forward and backward.

Values alone do not show bfloat16: its steps are so coarse that code in it looks like a function that jumps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def least_bits(run: Callable[[], Any]) -> int:
    """Significant bits of the least precise float that an operation of a run gives; 53 if there is none."""
    with _Watching() as seen:
        run()
    return seen.bits


class _Watching(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.bits = 53

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outputs = func(*args, **(kwargs or {}))
        for v in tree_leaves(outputs):
            if isinstance(v, torch.Tensor) and (v.dtype.is_floating_point or v.dtype.is_complex):
                self.bits = min(self.bits, 1 - round(math.log2(torch.finfo(v.dtype).eps)))
        return outputs
