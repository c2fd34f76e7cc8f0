"""Runs torch code in float64, whatever precision it is written in, and on a single thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
DRAWN = {torch.rand, torch.randn}
DRAWN_LIKE = {torch.rand_like, torch.randn_like}
DRAWN_INTO = {torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.exponential_}
"""Functions that draw other random numbers from one seed in float64 than in a lower precision."""


@contextmanager
def in_double(own: torch.dtype, watch: bool = True) -> Iterator[Watch]:
    """Inside, everything that torch computes is float64 or complex128; random numbers are those that the code draws in
    its `own` precision. Without `watch`, only for code that asks for no other precision, as the `acted` of an earlier
    run tells."""
    before = torch.get_default_dtype()
    seen = Watch()
    with ExitStack() as stack:
        stack.callback(torch.set_default_dtype, before)
        torch.set_default_dtype(torch.float64)
        if watch:
            stack.enter_context(_Double(seen, own, before))
        yield seen


@dataclass
class Watch:
    """What was seen of a run in float64."""

    acted: bool = False
    """Whether the code asked for a lower precision, met a tensor of one, or drew in one, and was given float64."""


class _Double(TorchFunctionMode):
    """Replaces each tensor of lower precision by a float64 twin, always the same one, so that code reads back what it
    wrote."""

    def __init__(self, seen: Watch, own: torch.dtype, default: torch.dtype) -> None:
        super().__init__()
        self._seen, self._own, self._default = seen, own, default
        self._twins: dict[int, tuple[Any, Any]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in DRAWN or func in DRAWN_LIKE or func in DRAWN_INTO:
            return self._drawn(func, args, kwargs or {})
        args, kwargs = self._to_double(args), self._to_double(kwargs or {})
        if func in CASTS:
            self._seen.acted = True
            return args[0].to(CASTS[func])
        if func is torch.Tensor.type and any(kind in str(args[1:]) for kind in ("Float", "Half")):
            self._seen.acted = True
            return args[0].to(torch.float64)  # `torch.FloatTensor` is requested
        return self._to_double(func(*args, **kwargs))

    def _drawn(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The numbers that the code draws where it runs as it is written."""
        self._seen.acted = True
        if func in DRAWN_INTO:
            target = self._to_double(args[0])
            made = func(torch.empty(target.shape, dtype=self._own), *args[1:], **kwargs)
            with torch.no_grad():
                return target.copy_(made)
        dtype = self._default if func in DRAWN else self._own
        made = func(*args, **{"dtype": dtype, **kwargs})
        return made.to(torch.float64) if made.dtype in LOWER else made

    def _to_double(self, v: Any) -> Any:
        if isinstance(v, torch.Tensor):
            return v if v.dtype not in LOWER else self._twin(v)
        if isinstance(v, torch.dtype):
            self._seen.acted |= v in LOWER
            return LOWER.get(v, v)
        if type(v) in (list, tuple):
            return type(v)(map(self._to_double, v))
        if type(v) is dict:
            return {k: self._to_double(w) for k, w in v.items()}
        return v

    def _twin(self, v: Any) -> Any:
        self._seen.acted = True
        if id(v) not in self._twins:
            self._twins[id(v)] = v, v.detach().to(LOWER[v.dtype])
        return self._twins[id(v)][1]


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch uses one thread. With few numbers its threads wait for one another longer than they work (20 ms for
    a softmax of twelve, on a busy machine of two cores), and they add up sums in no fixed order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
