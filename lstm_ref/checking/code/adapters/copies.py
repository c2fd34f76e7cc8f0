"""Fresh copies of the user's code, so that no call sees the state of another and nothing of the user's is modified."""

from __future__ import annotations

import copy
import functools
import types
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from lstm_ref.places import is_users


def duplicate(value: Any, memo: dict[int, Any]) -> Any:
    """A deep copy; an object that cannot be copied (a lock, an open file) is returned itself.

    Tensors with an autograd history, such as states kept on `self` after a training step, are copied without it.
    """
    for tensor in _historic(value, set()):
        memo[id(tensor)] = tensor.detach().clone()
    try:
        made = copy.deepcopy(value, memo)
    except Exception:
        return value
    if isinstance(made, torch.nn.Module) and not isinstance(made, torch.jit.ScriptModule):
        for part in made.modules():
            _turn_to_copies(vars(part), memo)
    return made


def _turn_to_copies(holder: dict[Any, Any], memo: dict[int, Any]) -> None:
    """Make the functions that a copied module holds (`self.act = lambda v: self.scale * v`, hooks) read the copy.
    A function that torch.compile has made reads it uncompiled."""
    for key, value in holder.items():
        if type(value) in (dict, OrderedDict):
            _turn_to_copies(value, memo)
        elif isinstance(value, types.FunctionType):
            compiled = getattr(value, "_torchdynamo_orig_callable", None)
            if compiled is not None:
                holder[key] = copy.deepcopy(compiled, memo)
            elif value.__closure__ and _is_users(value):
                holder[key] = fresh(value, memo, [])


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


def fingerprint(value: Any) -> Any:
    """Data that differs after a call that changes the value: an attribute, an element, a tensor in place. An object of
    which changes could not be seen has a fingerprint that equals no other."""
    return _fingerprint(value, {})


def _fingerprint(value: Any, seen: dict[int, Any]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str, bytes, torch.dtype, torch.device)):
        return value
    if isinstance(value, torch.Tensor):
        return id(value), value._version
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType, weakref.ref)):
        return id(value)
    if id(value) in seen:
        return "seen", id(value)
    seen[id(value)] = value
    if isinstance(value, torch.nn.Module) and not isinstance(value, torch.jit.ScriptModule):
        # What functional_call leaves in a torch.nn.LSTM, its next call replaces.
        left = ("_flat_weights", "_flat_weight_refs") if isinstance(value, torch.nn.RNNBase) else ()
        return id(value), _fingerprint({k: v for k, v in vars(value).items() if k not in left}, seen)
    if isinstance(value, Mapping) and type(value) in (dict, OrderedDict):
        return [(k, _fingerprint(v, seen)) for k, v in value.items()]
    if type(value) in (list, tuple):
        return [_fingerprint(v, seen) for v in value]
    if isinstance(value, (set, frozenset)) and not value:
        return 0
    return object()


def _holds_tensors(value: Any) -> bool:
    """Whether the value is an object of the user's that has tensors or modules as attributes."""
    if isinstance(value, (type, types.ModuleType, types.FunctionType)):
        return False
    return any(isinstance(v, (torch.Tensor, torch.nn.Module)) for v in getattr(value, "__dict__", {}).values())


def fresh(function: Any, memo: dict[int, Any], closed_over: list[str], name: str = "") -> Any:
    """The function with copies of the modules, tensors and containers that it closes over, or has as globals or `self`.

    Adds to `closed_over` the names of those copies that have parameters of their own.
    """
    if id(function) in memo:
        return memo[id(function)]
    if isinstance(function, functools.partial):
        given = [fresh(v, memo, closed_over, "partial") for v in (function.func, *function.args)]
        made: Any = functools.partial(
            given[0], *given[1:], **{k: fresh(v, memo, closed_over, k) for k, v in function.keywords.items()}
        )
        memo[id(function)] = made
        return made
    if isinstance(function, types.MethodType) and not isinstance(function.__self__, type):
        return types.MethodType(function.__func__, fresh(function.__self__, memo, closed_over, "self"))
    if isinstance(function, types.FunctionType) and _is_users(function):
        return _fresh_function(function, memo, closed_over)
    if isinstance(function, torch.nn.Module):
        if any(p.requires_grad for p in function.parameters()):
            closed_over.append(name)
        return duplicate(function, memo)
    if isinstance(function, (torch.Tensor, list, dict, set)) or _holds_tensors(function):
        return duplicate(function, memo)
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
        except ValueError:  # a variable that is not assigned yet stays unassigned in the copy
            continue
        cell.cell_contents = fresh(value, memo, closed_over, key)
    for key in _names_in(code):
        if key in namespace:
            namespace[key] = fresh(namespace[key], memo, closed_over, key)
    return made


def _names_in(code: types.CodeType) -> list[str]:
    """The names of globals that the code, and the functions defined in it, may use."""
    inner = [n for c in code.co_consts if isinstance(c, types.CodeType) for n in _names_in(c)]
    return list(dict.fromkeys((*code.co_names, *inner)))


def _is_users(function: types.FunctionType) -> bool:
    return is_users(function.__code__.co_filename)
