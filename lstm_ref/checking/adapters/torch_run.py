"""Somebody's torch code, run as its author runs it, on copies; and the same code in float64, whatever it is written in.

In float64 means: parameters, buffers, arguments and every tensor that the code closes over or makes are float64, and
where it asks for a lower precision (`.float()`, `dtype=torch.float32`) it gets float64 too.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import sys
import traceback
import types
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import jax
import torch
from torch.overrides import TorchFunctionMode

LOWER = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
    torch.complex32: torch.complex128,
}
CASTS = {getattr(torch.Tensor, name) for name in ("float", "half", "bfloat16", "cfloat", "chalf")}
OWN_FILES = str(Path(__file__).parents[2])


class Code:
    """A module, one of its methods, or a function; with the arguments that it is called with.

    `inputs` are the floating tensors by name: a module's parameters that require a gradient, then the arguments'
    leaves. `run` calls fresh copies with other tensors in their place.
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
        # Copies of now, without history: what the user does with them later, or a state that hangs on the graph of a
        # training step, is nothing to us.
        memo: dict[int, Any] = {}
        closed: list[str] = []
        if self.module is None:
            self._function = _fresh(self._function, memo, closed)
        else:
            with torch.no_grad():
                self.module = _duplicate(self.module, memo)
                self._in_double = _duplicate(self.module, {}).double()
        self._leaves = {n: _duplicate(v, memo) for n, v in self._leaves.items()}
        self.held = [*closed, *(n for n, v in self._leaves.items() if isinstance(v, torch.nn.Module))]

    def run(self, tensors: Mapping[str, Any], *, double: bool) -> dict[str, Any]:
        """The outputs by path, what is no tensor included; nothing of the user's is written to."""
        memo: dict[int, Any] = {}
        if self.module is None:
            function = _fresh(self._function, memo, [])
        else:
            module = self._in_double if double else self.module
            # What is going to be replaced need not be copied.
            memo |= {id(p): p for n, p in module.named_parameters() if n in self.parameters}
            function = _duplicate(module, memo)
        # Clones, because code that writes into its argument may not write into a leaf of the graph.
        leaves = {n: tensors[n].clone() if n in tensors else _duplicate(v, memo) for n, v in self._leaves.items()}
        given = [jax.tree.unflatten(tree, [leaves[path] for path in paths]) for tree, paths in self._trees]
        with one_thread(), torch.enable_grad(), in_double() if double else nullcontext():
            if self.module is None:
                return dict(_flat(function(*given)))
            own = {n: tensors[n] for n in self.parameters}
            own |= {n: _with_fixed_row(own[n], k, self.inputs[n]) for n, k in self.padding.items()}
            if isinstance(function, torch.jit.ScriptModule):
                for path, tensor in own.items():  # which functional_call does not take
                    *parents, leaf = path.split(".")
                    setattr(functools.reduce(getattr, parents, function), leaf, tensor)
                return dict(_flat(getattr(function, self._method)(*given)))
            if self._method == "__call__":
                return dict(_flat(torch.func.functional_call(function, own, tuple(given))))
            caller = _Caller(function, self._method)
            own = {f"module.{n}": v for n, v in own.items()}
            return dict(_flat(torch.func.functional_call(caller, own, tuple(given))))


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


class _Caller(torch.nn.Module):
    """A module whose call is another one's method."""

    def __init__(self, module: Any, method: str) -> None:
        super().__init__()
        self.module, self.method = module, method

    def forward(self, *arguments: Any) -> Any:
        return getattr(self.module, self.method)(*arguments)


def _parts(function: Any) -> tuple[Any, str, Any]:
    """The module and the name of what is called of it; or None, and the function."""
    owner = getattr(function, "__self__", None)
    if isinstance(function, torch.nn.Module):
        return function, "__call__", None
    if isinstance(owner, torch.nn.Module) and isinstance(function, types.MethodType):
        return owner, function.__name__, None
    return None, "", function


def _padding_rows(module: Any, parameters: Mapping[str, Any]) -> dict[str, int]:
    """The rows of embeddings that torch gives no gradient, because they stand for padding, by parameter."""
    found = {}
    for name, part in module.named_modules():
        weight = f"{name}.weight" if name else "weight"
        if getattr(part, "padding_idx", None) is not None and weight in parameters:
            found[weight] = int(part.padding_idx)
    return found


def _with_fixed_row(weight: Any, row: int, given: Any) -> Any:
    """The weight with a row that stays as it was given, whatever the weight moves by."""
    moves = torch.ones_like(weight, requires_grad=False)
    moves[row] = 0.0
    return weight * moves + given.detach().to(weight) * (1 - moves)


def is_number(v: Any) -> bool:
    """Whether it is a tensor of floats, real or complex."""
    return isinstance(v, torch.Tensor) and (v.dtype.is_floating_point or v.dtype.is_complex)


# ------------------------------------------------------------------------------------------------------ copies


def _duplicate(value: Any, memo: dict[int, Any]) -> Any:
    """A deep copy; of what cannot be copied (a lock, an open file), the thing itself.

    Tensors that have a history, as states kept on `self` have after a step of training, are copied without it.
    """
    for tensor in _historic(value, set()):
        memo[id(tensor)] = tensor.detach().clone()
    try:
        return copy.deepcopy(value, memo)
    except Exception:
        return value


def _historic(value: Any, seen: set[int]) -> Iterator[Any]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        if not value.is_leaf:
            yield value
        return
    inside: Any = ()
    if isinstance(value, torch.nn.Module) and not isinstance(value, torch.jit.ScriptModule):
        inside = vars(value).values()
    elif isinstance(value, Mapping):
        inside = value.values()
    elif isinstance(value, (list, tuple)):
        inside = value
    elif _holds_tensors(value):
        inside = vars(value).values()
    for v in inside:
        yield from _historic(v, seen)


def _holds_tensors(value: Any) -> bool:
    """Whether it is an object of the user's with tensors or modules on it."""
    if isinstance(value, (type, types.ModuleType, types.FunctionType)):
        return False
    return any(isinstance(v, (torch.Tensor, torch.nn.Module)) for v in getattr(value, "__dict__", {}).values())


def _fresh(function: Any, memo: dict[int, Any], closed_over: list[str], name: str = "") -> Any:
    """The function with copies of the modules, tensors and containers that it closes over, or has as globals or `self`.

    Adds to `closed_over` what of these has parameters of its own.
    """
    if id(function) in memo:
        return memo[id(function)]
    if isinstance(function, functools.partial):
        given = [_fresh(v, memo, closed_over, "partial") for v in (function.func, *function.args)]
        made: Any = functools.partial(
            given[0], *given[1:], **{k: _fresh(v, memo, closed_over, k) for k, v in function.keywords.items()}
        )
        memo[id(function)] = made
        return made
    if isinstance(function, types.MethodType) and not isinstance(function.__self__, type):
        return types.MethodType(function.__func__, _fresh(function.__self__, memo, closed_over, "self"))
    if isinstance(function, types.FunctionType) and _is_users(function):
        return _fresh_function(function, memo, closed_over)
    if isinstance(function, torch.nn.Module):
        if any(p.requires_grad for p in function.parameters()):
            closed_over.append(name)
        return _duplicate(function, memo)
    if isinstance(function, (torch.Tensor, list, dict, set)) or _holds_tensors(function):
        return _duplicate(function, memo)
    return function


def _fresh_function(function: types.FunctionType, memo: dict[int, Any], closed_over: list[str]) -> Any:
    code = function.__code__
    cells = [types.CellType() for _ in function.__closure__ or ()]
    namespace = dict(function.__globals__)
    made = types.FunctionType(code, namespace, function.__name__, function.__defaults__, tuple(cells) or None)
    made.__kwdefaults__ = function.__kwdefaults__
    memo[id(function)] = made
    for key, old, cell in zip(code.co_freevars, function.__closure__ or (), cells, strict=True):
        try:
            value = old.cell_contents
        except ValueError:  # not assigned yet, and so not here either
            continue
        cell.cell_contents = _fresh(value, memo, closed_over, key)
    for key in _names_in(code):
        if key in namespace:
            namespace[key] = _fresh(namespace[key], memo, closed_over, key)
    return made


def _names_in(code: types.CodeType) -> list[str]:
    """The names that it, and the functions defined in it, may mean globals by."""
    inner = [n for c in code.co_consts if isinstance(c, types.CodeType) for n in _names_in(c)]
    return list(dict.fromkeys((*code.co_names, *inner)))


def _is_users(function: types.FunctionType) -> bool:
    return not _is_installed(function.__code__.co_filename)


@functools.cache
def _is_installed(file: str) -> bool:
    """Whether the file belongs to a package, to Python or to us, and not to the user."""
    path = str(Path(file).resolve()) if not file.startswith("<") else file
    library = str(Path(traceback.__file__).parent)
    return "site-packages" in path or path.startswith((library, OWN_FILES, "<frozen", sys.prefix + "/lib"))


# ------------------------------------------------------------------------------------------------- in float64


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
            return args[0]
        if func is torch.Tensor.type and len(args) > 1 and "Float" in str(args[1]):
            return args[0]
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


# ---------------------------------------------------------------------------------------------------- outputs


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What code returns, by path: tuples, lists, dicts, named tuples and dataclasses are walked into."""
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


# ----------------------------------------------------------------------------------------------------- errors


def told(error: BaseException) -> str:
    """The error in torch's words, in one line, with the line of the user's code that it came through."""
    lines = [line.strip() for line in str(error).strip().split("\n") if line.strip()] or [""]
    # TorchScript tells the cause last.
    text = lines[-1] if "TorchScript" in lines[0] else f"{type(error).__name__}: {lines[0]}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _is_installed(f.filename)]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return text[:200] + where
