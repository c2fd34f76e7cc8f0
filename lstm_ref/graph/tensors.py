"""Traces torch code: every operation on tensors that depend on the inputs is made by NumPy on traced arrays.

torch reports each operation of a run, forward or backward, to a dispatch mode below its autograd. The tensors here
share their memory with traced arrays, so that views and writes are known as for NumPy code. An operation is looked up
in `aten`; one that is not there is taken apart by torch's own decompositions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.extend.source_info_util
import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lstm_ref.errors import CannotEvaluate
from lstm_ref.graph.array import Array, assign, index_view, session
from lstm_ref.graph.aten import LEAVES, OPERATIONS, VIEWS

# The line that names an operation is the user's, not one of torch's that it calls.
jax.extend.source_info_util.register_exclusion(str(Path(torch.__file__).parent))

Strides = tuple[int, tuple[int, ...], tuple[int, ...]]
"""Offset in elements, sizes and strides of a tensor within its memory."""


def run_on_tensors(function: Callable[[Any], Any], values: Any) -> Any:
    """The outputs of torch code, a function of a pytree of float64 tensors, on traced arrays; traced where they depend
    on them.

    Raises LeavesTheGraph where a traced number leaves torch, or an operation is not known.
    """
    tracer = _Tracer()
    with tracer:
        outputs = function(jax.tree.map(tracer.tensor_of, values, is_leaf=_is_array))
    return jax.tree.map(lambda v: tracer.array_of(v) if isinstance(v, torch.Tensor) else v, outputs)


def run_plain(function: Callable[[Any], Any], values: Any) -> Any:
    """The outputs of torch code on arrays, as arrays."""
    outputs = function(jax.tree.map(lambda v: torch.from_numpy(np.array(v)), values))
    return jax.tree.map(lambda v: _plain(v) if isinstance(v, torch.Tensor) else v, outputs)


def _is_array(v: Any) -> bool:
    return type(v) is Array


class _Tracer(TorchDispatchMode):
    """Knows the traced array of each tensor."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, dict[Strides, tuple[Array, int]]] = {}
        """By address of a memory: its arrays by layout, and the version of the root for which a copy was made."""
        self._roots: dict[int, tuple[Array, Strides, Any]] = {}

    # ------------------------------------------------------------------------------------------ tensors and arrays

    def tensor_of(self, v: Any) -> Any:
        """A tensor in the memory of an array."""
        if not _is_array(v):
            return torch.from_numpy(np.array(v))
        x = _in_memory(v)
        tensor = torch.from_numpy(x.value)
        self._add(tensor, x)
        return tensor

    def array_of(self, tensor: Any) -> Any:
        """The array of a tensor: traced if its memory is known, otherwise its values."""
        key, layout = _key(tensor), _layout(tensor)
        if key not in self._roots or tensor.dtype != torch.float64:
            return _plain(tensor)
        root, of_root, _ = self._roots[key]
        found = self._known[key].get(layout)
        if found is None or (found[0]._root is not root and found[1] != root._version):
            self._known[key][layout] = found = self._view(tensor, root, of_root), root._version
        return found[0]

    def _add(self, tensor: Any, x: Array) -> None:
        """Remember the array of a tensor with a memory of its own."""
        key, layout = _key(tensor), _layout(tensor)
        self._roots[key] = x, layout, tensor  # the tensor keeps the memory from being used again
        self._known[key] = {layout: (x, 0)}

    def _view(self, tensor: Any, root: Array, of_root: Strides) -> Array:
        """The array of a tensor that lies somehow in known memory."""
        numbers = {int(p): k for k, p in enumerate(_positions(of_root).ravel())}
        try:
            index = np.vectorize(numbers.__getitem__, otypes=[np.int64])(_positions(_layout(tensor)))
        except KeyError:
            session().refuse("a tensor that lies outside of the memory it shares")
        return Array(tensor.detach().numpy(), None, root, index_view(index, root.value.shape))

    def _own_memory(self, tensor: Any) -> None:
        """Begin to follow the memory of a tensor, whose values are constants up to now."""
        if _key(tensor) not in self._roots:
            flat = torch.as_strided(tensor.detach(), (tensor.untyped_storage().nbytes() // tensor.itemsize,), (1,), 0)
            self._add(flat, Array(flat.numpy()))

    def _is_traced(self, v: Any) -> bool:
        if isinstance(v, torch.Tensor):
            return v.layout == torch.strided and _key(v) in self._roots
        return isinstance(v, (list, tuple)) and any(map(self._is_traced, v))

    # ---------------------------------------------------------------------------------------------- the operations

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.partition("::")[2]
        if not any(map(self._is_traced, (*args, *kwargs.values()))):
            return func(*args, **kwargs)
        dtype = kwargs.get("dtype")
        if name in _COMPLEX or (dtype is not None and dtype.is_complex):
            session().refuse("a traced number, made complex,")
        if name in _DRAWN:
            drawn = func(*args, **kwargs)
            session().decide(drawn.detach().numpy())
            return drawn
        if _has_no_tensors(func) and name not in LEAVES:
            return func(*args, **kwargs)
        if dtype is not None and not dtype.is_floating_point and name.startswith("new_") | name.endswith("_like"):
            return func(*args, **kwargs)  # whole numbers in the shape of a tensor
        if name in LEAVES:
            if args[0].dtype.is_floating_point:
                session().refuse(f"a number of a tensor ({LEAVES[name]})")
            return func(*args, **kwargs)
        written = _written(func, args, kwargs)
        if written:
            return self._write(func, name, written, args, kwargs)
        if name in VIEWS:
            return self._look(func, name, args, kwargs)
        if name not in OPERATIONS:
            return self._take_apart(func, name, args, kwargs)
        arrays, words = self._arrays(args), {k: self._arrays(v) for k, v in kwargs.items()}
        made = OPERATIONS[name](*arrays, **{k: v for k, v in words.items() if k not in _OF_MEMORY})
        if isinstance(made, tuple):
            return tuple(None if v is None else self._made(v) for v in made)
        return self._made(made)

    def _arrays(self, v: Any) -> Any:
        if isinstance(v, torch.Tensor):
            return self.array_of(v)
        return type(v)(map(self._arrays, v)) if isinstance(v, (list, tuple)) else v

    def _made(self, v: Any) -> Any:
        """A new tensor with these values."""
        if not _is_array(v):
            return torch.from_numpy(np.array(v))
        x = v if v._parent is None else v.copy()
        return self.tensor_of(x)

    def _look(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """A view: torch makes it, NumPy too."""
        made = func(*args, **kwargs)
        if args[0].dtype != torch.float64 or (isinstance(made, torch.Tensor) and made.dtype != torch.float64):
            return made
        x = self.array_of(args[0])
        seen = VIEWS[name](x, *args[1:], **kwargs)
        tensors, views = (made, seen) if isinstance(made, (list, tuple)) else ([made], [seen])
        for tensor, view in zip(tensors, views, strict=True):
            if _is_array(view) and view.value.shape == tuple(tensor.shape):
                self._known[_key(tensor)].setdefault(_layout(tensor), (view, x._root._version))
        return made

    def _write(self, func: Any, name: str, written: list[Any], args: Any, kwargs: Any) -> Any:
        """An operation that writes into a tensor: what it computes is computed first, then written into the array."""
        if not name.endswith("_") and name != "copy_to" and "out" not in kwargs:  # batch norm: into its running means
            return self._take_apart(func, name, args, kwargs)
        if len(written) > 1 or written[0].dtype != torch.float64:
            session().refuse(f"a traced number, written by aten.{name},")
        (target,) = written
        if name.removesuffix("_") in VIEWS:  # it changes the shape alone
            return func(*args, **kwargs)
        self._own_memory(target)
        if name in _CONSTANTS:
            func(*args, **kwargs)
            self.array_of(target).written(None)
            return target
        if name in ("copy_", "copy_to"):
            content = self.array_of(args[1])
        elif name in ("fill_", "zero_"):
            content = self.array_of(args[1]) if len(args) > 1 and isinstance(args[1], torch.Tensor) else [*args, 0][1]
        else:
            functional = getattr(torch.ops.aten, name.removesuffix("_"), None)
            if functional is None:
                session().refuse(f"a traced number, written by aten.{name},")
            given = {k: v for k, v in kwargs.items() if k != "out"}
            with self:
                content = self.array_of(functional(*args, **given))
        assign(self.array_of(target), ..., content)
        return target

    def _take_apart(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Run torch's own decomposition of an operation."""
        apart = _decompositions().get(func)
        with self:
            found = func.decompose(*args, **kwargs)
            if found is NotImplemented and apart is not None:
                return apart(*args, **kwargs)
        if found is NotImplemented and _is_view(func):
            return func(*args, **kwargs)
        if found is NotImplemented:
            session().refuse(f"a traced number, as an operand of aten.{name}, which is not followed,")
        return found


_OF_MEMORY = {"dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking", "generator"}
_COMPLEX = {"complex", "polar", "view_as_complex"}
_DRAWN = {"rand_like", "randn_like", "randint_like", "bernoulli", "multinomial"}
_CONSTANTS = {"uniform_", "normal_", "bernoulli_", "exponential_", "random_"}


def _decompositions() -> Any:
    global _found
    if _found is None:
        from torch._decomp import core_aten_decompositions, decomposition_table

        _found = {**decomposition_table, **core_aten_decompositions()}
    return _found


_found: Any = None


def _written(func: Any, args: Any, kwargs: Any) -> list[Any]:
    """The tensors among the arguments that the operation writes into."""
    if not func._schema.is_mutable:
        return []
    found = []
    for k, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[k] if k < len(args) else kwargs.get(argument.name)
            found += [value] if isinstance(value, torch.Tensor) else list(value or ())
    return found


def _has_no_tensors(func: Any) -> bool:
    """Whether the operation only answers a question, such as whether two tensors are alike."""
    returns = func._schema.returns
    return bool(returns) and not any("Tensor" in str(r.type) for r in returns)


def _is_view(func: Any) -> bool:
    """Whether the operation's results share the memory of its first argument."""
    returns = func._schema.returns
    return bool(returns) and all(r.alias_info is not None and not r.alias_info.is_write for r in returns)


def _in_memory(x: Array) -> Array:
    """The array, or a copy, such that torch can share its memory."""
    if isinstance(x.value, np.ndarray) and x.value.flags.writeable and all(s >= 0 for s in x.value.strides):
        return x
    return Array(np.array(x.value, dtype=np.float64), x.lifted() if x.is_traced else None)


def _key(tensor: Any) -> int:
    return int(tensor.untyped_storage()._cdata)


def _layout(tensor: Any) -> Strides:
    return int(tensor.storage_offset()), tuple(tensor.shape), tuple(tensor.stride())


def _positions(layout: Strides) -> np.ndarray:
    """The places of a tensor's elements in its memory."""
    offset, sizes, strides = layout
    found = np.full(sizes, offset)
    for axis, (n, step) in enumerate(zip(sizes, strides, strict=True)):
        found += (step * np.arange(n)).reshape((n,) + (1,) * (len(sizes) - 1 - axis))
    return found


def _plain(tensor: Any) -> np.ndarray:
    tensor = tensor.detach()
    if tensor.dtype.is_complex or tensor.layout != torch.strided:
        raise CannotEvaluate("complex and sparse tensors are not traced")
    return np.array(tensor.cpu().resolve_neg().numpy()) if tensor.dtype != torch.bfloat16 else tensor.double().numpy()
