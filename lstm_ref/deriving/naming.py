"""Loads a user's file so that its values keep the names of its statements when it is traced.

Each assignment `c = f * c + i * g` also marks its value, in the graph, as `c` of that line at that pass of its loops.
A function that `activations` may know, such as the user's own `sigmoid(a)`, has its argument and its result marked.
"""

from __future__ import annotations

import ast
import itertools
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import decode_source
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import jax
import jax.extend.source_info_util
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from lstm_ref.errors import BadInput, text_of
from lstm_ref.graph.array import Array, session

jax.extend.source_info_util.register_exclusion(__file__)  # its lines are not the user's

MARK = "lstm_ref.deriving:"


class ValueNote(NamedTuple):
    """What is known about a value of the user's code."""

    kind: str
    """value (assigned), passed (to a function or a pass of a loop), carried (by a scan), into (an argument of a call)
    or out (its result)."""
    name: str
    line: int
    loops: tuple[tuple[int, int], ...]
    """For each loop around the statement, from outside: its line, and which pass this is."""
    call: int
    """Which call, for into and out."""


def mark_of(equation: Any) -> ValueNote | None:
    """The mark that an equation of a graph carries; None for any other equation."""
    text = equation.params.get("name", "") if equation.primitive == "name" else ""
    if not text.startswith(MARK):
        return None
    kind, name, line, loops, call = json.loads(text[len(MARK) :])
    return ValueNote(kind, name, line, tuple(map(tuple, loops)), call)


class LoadedFile(NamedTuple):
    """A user's file, loaded."""

    module: ModuleType | None
    source: str
    loops: dict[int, str]
    """By line, the text of every loop."""


def load_named(path: Path, name: str) -> LoadedFile:
    """The module of a file, with marks. Raises BadInput where it cannot be imported."""
    return load_text(path, path.read_bytes(), name)


def load_text(path: Path, text: str | bytes, name: str) -> LoadedFile:
    """The module of a text that stands for a file, with marks. Bytes are decoded as Python decodes a file."""
    try:
        text = text if isinstance(text, str) else decode_source(text)
        tree = ast.parse(text)
        module = ModuleType(name)
        module.__file__ = str(path)
        names = _Names(_numbers_in(tree))
        tree = ast.fix_missing_locations(names.visit(tree))
        vars(module).update(_lstm_ref_hooks=_Hooks)
        exec(compile(tree, str(path), "exec"), vars(module))
    except Exception as error:
        raise BadInput(f"{path}: cannot be imported: {type(error).__name__}: {text_of(error)}") from error
    return LoadedFile(module, text, names.loops)


def _numbers_in(tree: ast.Module) -> set[str]:
    """Names of the module's whole numbers: `T, B = 5, 2`."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = (
                    zip(target.elts, node.value.elts, strict=False)
                    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                    else [(target, node.value)]
                )
                found |= {
                    t.id
                    for t, v in pairs
                    if isinstance(t, ast.Name) and isinstance(v, ast.Constant) and type(v.value) is int
                }
    return found


# ------------------------------------------------------------------------------------------------ when the code runs


class _Hooks:
    """What the marked code calls."""

    loops: ClassVar[list[tuple[int, int]]] = []
    calls = itertools.count()
    sizes: ClassVar[dict[str, Any]] = {}

    @staticmethod
    def name(v: Any, name: str, line: int, kind: str = "value", call: int = -1) -> Any:
        """The value, marked where it is a traced number; anything else as it came."""
        text = MARK + json.dumps([kind, name, line, _Hooks.loops, call])
        if type(v) is Array:
            if not v.is_traced or session().dry:
                return v
            return Array(np.array(v.value), checkpoint_name(v.lifted(), text))
        if isinstance(v, jax.core.Tracer) and jax.numpy.issubdtype(v.dtype, jax.numpy.floating):
            return checkpoint_name(v, text)
        return v

    @staticmethod
    def loop(line: int, items: Iterable[Any]) -> Iterator[Any]:
        """The items, counted."""
        depth = len(_Hooks.loops)
        try:
            for k, item in enumerate(items):
                _Hooks.loops[depth:] = [(line, k)]
                yield item
        finally:
            del _Hooks.loops[depth:]

    @staticmethod
    def call(function: Any, label: str, line: int, argument: Any, **options: Any) -> Any:
        """A call with one argument, both ends marked."""
        number = next(_Hooks.calls)
        marked = _Hooks.name(argument, label, line, "into", number)
        if marked is argument:
            return function(argument, **options)
        return _Hooks.name(function(marked, **options), label, line, "out", number)

    @staticmethod
    def size(name: str, value: Any) -> Any:
        """A whole number of the module that something is divided by."""
        return _Hooks.sizes.get(name, value) if type(value) is int else value

    @staticmethod
    def scan(line: int, body: Any, carry: Any, xs: Any = None, **options: Any) -> Any:
        """`jax.lax.scan`, step by step."""
        T = len(jax.tree.leaves(xs)[0]) if xs is not None else options["length"]
        order = reversed(range(T)) if options.get("reverse") else range(T)
        ys: list[Any] = [None] * T
        for t in _Hooks.loop(line, order):
            carry, ys[t] = body(carry, jax.tree.map(lambda v: v[t], xs))  # noqa: B023
            carry = jax.tree.map(lambda v: _Hooks.name(v, "", line, "carried"), carry)
        return carry, jax.tree.map(lambda *y: jax.numpy.stack(y), *ys)


def marked(v: Any, name: str, kind: str = "value") -> Any:
    """The value, marked by hand."""
    return _Hooks.name(v, name, 0, kind)


def steps_of(items: Iterable[Any]) -> Iterator[Any]:
    """The items of a loop through time, marked by hand."""
    return _Hooks.loop(0, items)


@contextmanager
def sizes_as(sizes: dict[str, Any]) -> Iterator[None]:
    """Within the block, these are the whole numbers of the module by which something is divided."""
    before, _Hooks.sizes = _Hooks.sizes, sizes
    try:
        yield
    finally:
        _Hooks.sizes = before


# ----------------------------------------------------------------------------------------------------- marking the code


class _Names(ast.NodeTransformer):
    def __init__(self, numbers: set[str]) -> None:
        self.numbers = numbers
        self.loops: dict[int, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list = [d for d in node.decorator_list if "jit" not in ast.unparse(d)]
        self.generic_visit(node)
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg != "self"]
        at = 1 if ast.get_docstring(node) is not None else 0
        node.body[at:at] = [s for n in names for s in _marking(ast.Name(n, ast.Store()), node.lineno, "passed")]
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.loops[node.lineno] = f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
        self.generic_visit(node)
        node.iter = _hook("loop", ast.Constant(node.lineno), node.iter)
        node.body[:0] = _marking(node.target, node.lineno, "passed")
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        names = [t for t in node.targets if _is_names(t)]
        if not names and isinstance(node.targets[-1], (ast.Subscript, ast.Attribute)):
            node.value = _marked(node.value, _base(node.targets[-1]), node.lineno)
            return node
        if len(node.targets) > 1 and names and isinstance(names[0], ast.Name):  # q["c"] = c = …
            node.value = _marked(node.value, names[0].id, node.lineno)
            return node
        return [node, *(s for target in names for s in _marking(target, node.lineno))]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.generic_visit(node)
        return [node, *_marking(node.target, node.lineno)] if node.value is not None else node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        return [node, *_marking(node.target, node.lineno)]

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and self._is_count(node.right):
            node.right = _Sizes().visit(node.right)
        return node

    def _is_count(self, node: ast.expr) -> bool:
        """Whether it is a product of the module's whole numbers, such as B * H."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            return self._is_count(node.left) and self._is_count(node.right)
        return isinstance(node, ast.Name) and node.id in self.numbers

    def visit_Call(self, node: ast.Call) -> Any:
        function = ast.unparse(node.func)
        self.generic_visit(node)
        if function.split(".")[-1] == "scan":
            return _hook("scan", ast.Constant(node.lineno), *node.args, keywords=node.keywords)
        if function.endswith(".append") and len(node.args) == 1 and not _is_names(node.args[0]):
            node.args = [_marked(node.args[0], _singular(_base(node.func.value)), node.lineno)]  # type: ignore[attr-defined]
            return node
        plain = isinstance(node.func, ast.Name) or (isinstance(node.func, ast.Attribute) and "nn." in function)
        if plain and len(node.args) == 1 and not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp)):
            label = ast.Constant(function.split(".")[-1])
            return _hook("call", node.func, label, ast.Constant(node.lineno), *node.args, keywords=node.keywords)
        return node


class _Sizes(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> Any:
        return _hook("size", ast.Constant(node.id), node)


def _hook(name: str, *arguments: ast.expr, keywords: list[ast.keyword] | None = None) -> Any:
    called = ast.Attribute(ast.Name("_lstm_ref_hooks", ast.Load()), name, ast.Load())
    call = ast.Call(called, list(arguments), keywords or [])
    return ast.copy_location(call, arguments[0])


def _marked(value: ast.expr, name: str, line: int, kind: str = "value") -> Any:
    return _hook("name", value, ast.Constant(name), ast.Constant(line), ast.Constant(kind))


def _marking(target: ast.expr, line: int, kind: str = "value") -> Iterator[ast.stmt]:
    """Statements that mark what was just assigned to plain names."""
    if isinstance(target, ast.Tuple):
        for element in target.elts:
            yield from _marking(element, line, kind)
    elif isinstance(target, ast.Name):
        value = _marked(ast.Name(target.id, ast.Load()), target.id, line, kind)
        yield ast.copy_location(ast.Assign([ast.Name(target.id, ast.Store())], value), target)


def _is_names(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple):
        return all(map(_is_names, target.elts))
    return isinstance(target, ast.Name)


def _base(target: ast.expr) -> str:
    """The name of what is assigned: c for self.c[t + 1], h for hs[t], beta for q["beta"]."""
    if isinstance(target, ast.Subscript):
        if isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str):
            return target.slice.value
        return _singular(_base(target.value))
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else "v"


def _singular(name: str) -> str:
    """h for hs: names of values stacked over time are plural."""
    return name[:-1] if name.endswith("s") and (len(name) == 2 or (len(name) > 2 and name[-2] not in "sui")) else name
