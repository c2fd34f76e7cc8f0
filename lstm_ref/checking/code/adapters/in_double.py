"""torch code in float64, whatever it is written in; and without torch's threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

LOWER = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
    torch.complex32: torch.complex128,
}
CASTS = {getattr(torch.Tensor, name): torch.float64 for name in ("float", "half", "bfloat16")}
CASTS |= {getattr(torch.Tensor, name): torch.complex128 for name in ("cfloat", "chalf")}


@contextmanager
def in_double() -> Iterator[None]:
    """Everything that torch computes from here on is float64, or complex128."""
    before = torch.get_default_dtype()
    with ExitStack() as stack:
        stack.callback(torch.set_default_dtype, before)
        torch.set_default_dtype(torch.float64)
        stack.enter_context(_Double())
        yield


class _Double(TorchFunctionMode):
    """Tensors of lower precision are replaced by twins in float64 as they are met, the same twin each time: what is
    written into it is there when it is read."""

    def __init__(self) -> None:
        super().__init__()
        self._twins: dict[int, tuple[Any, Any]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = self._doubled(args), self._doubled(kwargs or {})
        if func in CASTS:
            return args[0].to(CASTS[func])
        if func is torch.Tensor.type and any(kind in str(args[1:]) for kind in ("Float", "Half")):
            return args[0].to(torch.float64)  # what `torch.FloatTensor` asks for
        return self._doubled(func(*args, **kwargs))

    def _doubled(self, v: Any) -> Any:
        if isinstance(v, torch.Tensor):
            return v if v.dtype not in LOWER else self._twin(v)
        if isinstance(v, torch.dtype):
            return LOWER.get(v, v)
        if type(v) in (list, tuple):
            return type(v)(map(self._doubled, v))
        if type(v) is dict:
            return {k: self._doubled(w) for k, w in v.items()}
        return v

    def _twin(self, v: Any) -> Any:
        if id(v) not in self._twins:
            self._twins[id(v)] = v, v.detach().to(LOWER[v.dtype])
        return self._twins[id(v)][1]


@contextmanager
def one_thread() -> Iterator[None]:
    """torch without its threads, which on few numbers wait for one another longer than they work (20 ms for a softmax
    of twelve, on a busy machine of two cores), and whose sums come out in no fixed order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
