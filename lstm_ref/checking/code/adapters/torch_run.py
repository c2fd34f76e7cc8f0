"""Runs the user's torch code on copies, in its own precision or in float64.

In float64 means: parameters, buffers, arguments and every tensor that the code closes over or makes are float64, and
code that asks for a lower precision (`.float()`, `dtype=torch.float32`) gets float64 instead.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, nullcontext
from typing import Any

import jax
import torch
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.stateless import _reparametrize_module
from torch.overrides import TorchFunctionMode

from lstm_ref.checking.code.adapters.copies import duplicate, fingerprint, fresh
from lstm_ref.checking.code.adapters.in_double import LOWER, Watch, in_double, one_thread


class Code:
    """A module, one of its methods, or a function, with the arguments of its call.

    `inputs` are the floating tensors by name: a module's parameters that require a gradient, then the arguments'
    leaves. `run` calls fresh copies of the code with other tensors in their place.
    """

    def __init__(self, function: Any, arguments: tuple[Any, ...], names: list[str]) -> None:
        self.module, self._method, self._function = _parts(function)
        self.parameters = {}
        self.frozen: list[str] = []
        if self.module is not None:
            own = dict(self.module.named_parameters())
            self.parameters = {n: p for n, p in own.items() if p.requires_grad}
            self.frozen = [n for n in own if n not in self.parameters]
        self.padding = {} if self.module is None else _padding_rows(self.module, self.parameters)
        names = [f"argument_{k}" if n in self.parameters else n for k, n in enumerate(names)]
        self._trees: list[tuple[Any, list[str]]] = []
        self._leaves: dict[str, Any] = {}
        for n, value in zip(names, arguments, strict=True):
            flat, tree = jax.tree_util.tree_flatten_with_path(value, is_leaf=lambda v: v is None)
            paths = [jax.tree_util.keystr(p, simple=True, separator=".") for p, _ in flat]
            paths = [f"{n}.{path}" if path else n for path in paths]
            self._trees.append((tree, paths))
            self._leaves |= dict(zip(paths, (v for _, v in flat), strict=True))
        floating = {n: v for n, v in self._leaves.items() if is_number(v)}
        self.inputs: dict[str, Any] = {**self.parameters, **floating}
        lower = [v.dtype for v in self.inputs.values() if v.dtype in LOWER and not v.dtype.is_complex]
        self._own_dtype = lower[0] if lower else torch.float32
        self._hooks = {n: list(v._backward_hooks.values()) for n, v in self.inputs.items() if v._backward_hooks}
        """By input, the functions that the user registered to change its gradient."""
        # Copies made now, without autograd history: later changes by the user, or a state that hangs on the graph of a
        # training step, must not matter.
        memo: dict[int, Any] = {}
        closed: list[str] = []
        if self.module is None:
            self._function = fresh(self._function, memo, closed)
        else:
            with torch.no_grad():
                self.module = duplicate(self.module, memo)
                self._in_double = duplicate(self.module, {}).double()
        self._leaves = {n: duplicate(v, memo) for n, v in self._leaves.items()}
        self._unchanged: dict[bool, tuple[Any, Any]] = {}
        """A copy of the module, in float64 or not, that the last call left as it was, and its fingerprint."""
        self._has_run = False
        self._given: dict[int, str] = {}
        """The names of the inputs' tensors of the present run, by identity."""
        self._asks_for_none = False
        """Whether a run in float64 was seen to ask for no lower precision."""
        self.held = [*closed, *(n for n, v in self._leaves.items() if isinstance(v, torch.nn.Module))]

    def run(self, tensors: Mapping[str, Any], *, double: bool, stack: ExitStack | None = None) -> dict[str, Any]:
        """The outputs by path, including those that are not tensors; none of the user's objects is modified.

        A backward pass may run parts of the forward again (checkpointing). Until the `stack` is left, a module has the
        tensors in place of its parameters.
        """
        if stack is None:
            with ExitStack() as stack:
                return self.run(tensors, double=double, stack=stack)
        memo: dict[int, Any] = {}
        before = None
        stack.callback(lambda: self._keep_if_unchanged(double, function, before))
        if self.module is None:
            function = fresh(self._function, memo, [])
        elif double in self._unchanged:
            function, before = self._unchanged[double]
        else:
            module = self._in_double if double else self.module
            # Tensors that will be replaced need no copy.
            memo |= {id(p): p for n, p in module.named_parameters() if n in self.parameters}
            function = duplicate(module, memo)
            before = fingerprint(function)
        watched = in_double(self._own_dtype, not self._asks_for_none) if double else nullcontext(Watch(acted=True))
        # The first run shows which inputs the code uses as tables with a row for padding.
        tables = nullcontext() if self._has_run else _PaddingRows(self)
        try:
            with one_thread(), torch.enable_grad(), watched as seen, tables:
                found = self._call(function, tensors, memo, stack)
        except Exception:
            if not (double and self._asks_for_none):
                raise
            self._asks_for_none = False  # it does at these numbers
            return self.run(tensors, double=double, stack=stack)
        self._has_run = True
        self._asks_for_none = self._asks_for_none or not seen.acted
        return found

    def _keep_if_unchanged(self, double: bool, function: Any, before: Any) -> None:
        if self.module is not None and before == fingerprint(function):
            self._unchanged[double] = function, before
        else:
            self._unchanged.pop(double, None)

    def _call(
        self, function: Any, tensors: Mapping[str, Any], memo: dict[int, Any], stack: ExitStack
    ) -> dict[str, Any]:
        # Clones, because code that writes into its argument must not write into a leaf of the autograd graph.
        leaves = {n: tensors[n].clone() if n in tensors else duplicate(v, memo) for n, v in self._leaves.items()}
        own = {n: tensors[n].view_as(tensors[n]) if n in self._hooks else tensors[n] for n in self.parameters}
        for n, hooks in self._hooks.items():
            for hook in hooks:
                (own if n in own else leaves)[n].register_hook(fresh(hook, memo, []))
        rows = {n: k for n, k in self.padding.items() if n in leaves}
        leaves |= {n: _with_fixed_row(leaves[n], k, self.inputs[n]) for n, k in rows.items()}
        self._given = {id(v): n for n, v in (*own.items(), *leaves.items()) if n in self.inputs}
        given = [jax.tree.unflatten(tree, [leaves[path] for path in paths]) for tree, paths in self._trees]
        if self.module is None:
            return dict(_flat(function(*given)))
        own |= {n: _with_fixed_row(own[n], k, self.inputs[n]) for n, k in self.padding.items() if n in own}
        if isinstance(function, torch.jit.ScriptModule):
            for path, tensor in own.items():  # which takes no others for a while
                *parents, leaf = path.split(".")
                setattr(functools.reduce(getattr, parents, function), leaf, tensor)
            return dict(_flat(getattr(function, self._method)(*given)))
        if self._method != "__call__":
            function = _Caller(function, self._method)
            own = {f"module.{n}": v for n, v in own.items()}
        # As torch.func.functional_call, which puts the parameters back before the backward pass.
        stack.enter_context(_reparametrize_module(function, own, tie_weights=True))
        return dict(_flat(function(*given)))


class _Caller(torch.nn.Module):
    """A module that forwards its call to a method of another module."""

    def __init__(self, module: Any, method: str) -> None:
        super().__init__()
        self.module, self.method = module, method

    def forward(self, *arguments: Any) -> Any:
        return getattr(self.module, self.method)(*arguments)


def _parts(function: Any) -> tuple[Any, str, Any]:
    """The module and the name of its method that is called; or None, an empty name, and the function."""
    owner = getattr(function, "__self__", None)
    if isinstance(function, torch.nn.Module):
        return function, "__call__", None
    if isinstance(owner, torch.nn.Module) and isinstance(function, types.MethodType):
        return owner, function.__name__, None
    return None, "", function


def _padding_rows(module: Any, parameters: Mapping[str, Any]) -> dict[str, int]:
    """By parameter, the row of an embedding that stands for padding and gets no gradient from torch."""
    found = {}
    for name, part in module.named_modules():
        weight = f"{name}.weight" if name else "weight"
        if getattr(part, "padding_idx", None) is not None and weight in parameters:
            found[weight] = int(part.padding_idx)
    return found


class _PaddingRows(TorchFunctionMode):
    """Notes the inputs that the code gives to F.embedding with a `padding_idx`."""

    def __init__(self, code: Code) -> None:
        super().__init__()
        self._code = code

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (F.embedding, F.embedding_bag):
            arguments = inspect.signature(func).bind(*args, **(kwargs or {})).arguments
            row, table = arguments.get("padding_idx"), arguments["weight"]
            name = self._code._given.get(id(table))
            if row is not None and name is not None:
                self._code.padding[name] = row % len(table)
        return func(*args, **(kwargs or {}))


def _with_fixed_row(weight: Any, row: int, given: Any) -> Any:
    """The weight, with one row held at its given value whatever the other rows are changed to."""
    moves = torch.ones_like(weight, requires_grad=False)
    moves[row] = 0.0
    return weight * moves + given.detach().to(weight) * (1 - moves)


def is_number(v: Any) -> bool:
    """Whether the value is a tensor of floats, real or complex."""
    return isinstance(v, torch.Tensor) and (v.dtype.is_floating_point or v.dtype.is_complex)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values that code returns, by path: looks into tuples, lists, dicts, named tuples and dataclasses."""
    inside: Any = None
    if isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        inside = zip(value._fields, value, strict=True)
    elif isinstance(value, (list, tuple)):
        inside = enumerate(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        inside = vars(value).items()
    if inside is None:
        yield path, value
        return
    for key, v in inside:
        yield from _flat(v, f"{path}.{key}" if path else str(key))
