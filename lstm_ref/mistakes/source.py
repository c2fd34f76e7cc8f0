"""A hand-written backward pass as a tree whose equations can be edited, and compiled again."""

from __future__ import annotations

import ast
import copy
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.cells import Cell

CANNOT = (ValueError, TypeError, IndexError, AttributeError, ZeroDivisionError, FloatingPointError)
"""What edited code may raise at sizes that it does not fit. Code without edits must not raise it."""
TAG = re.compile(r"#.*?\b([A-Z]{1,2}\d+\*)")
TAGS = re.compile(r"(?:# |(?<=, ))([A-Z]{1,2}\d+\*?)(?=,|\s|$)")


class RightSide(NamedTuple):
    """One right-hand side of a tagged line: `target = value`, edge `tag` of the graph."""

    tag: str
    target: str
    """Source of what it computes; empty for a returned value without a name."""
    value: ast.expr
    siblings: tuple[ast.expr, ...]
    """Right-hand sides of the same line, this one among them."""


class Edit(NamedTuple):
    """One mistake: a part of an equation replaced."""

    kind: str
    tag: str
    sentence: str
    equation: str
    """The right equation, as source; `wrong` is what the edit makes of it."""
    wrong: str
    replacements: tuple[tuple[int, ast.expr], ...]
    """Number of the replaced node in the tree, and what stands there instead."""
    helper: str = ""
    """The name in `Source.helpers` of the helper whose tree it is; empty for the function itself."""


class Source:
    """The source of a function: its tagged equations, and the function with edits made."""

    def __init__(self, function: Callable[..., Any]) -> None:
        function = inspect.unwrap(getattr(function, "__wrapped__", function))
        self.name, self.module = function.__name__, function.__module__
        text = textwrap.dedent(inspect.getsource(function))
        self._namespace = {"np": np, **function.__globals__, **inspect.getclosurevars(function).nonlocals}
        self._lines = text.splitlines()
        self._tree = ast.parse(text)
        # Only expressions: operators and contexts are single objects that all trees of the process share.
        for number, node in enumerate(n for n in ast.walk(self._tree) if isinstance(n, ast.expr)):
            node.number = number  # type: ignore[attr-defined]
        _numbers_within(self._tree)
        definition: Any = self._tree.body[0]
        definition.decorator_list, definition.returns = [], None
        for argument in (*definition.args.args, *definition.args.kwonlyargs):
            argument.annotation = None
        self._definition = definition

    @cached_property
    def equations(self) -> tuple[RightSide, ...]:
        """The right-hand sides of every line whose comment has a backward tag, in the order they are computed."""
        return tuple(self._equations())

    def _equations(self) -> Iterator[RightSide]:
        for statement in ast.walk(self._definition):
            if not isinstance(statement, (ast.Assign, ast.AugAssign, ast.Return)) or statement.value is None:
                continue
            lines = self._lines[statement.lineno - 1 : statement.end_lineno]
            found = [m[1] for line in lines if (m := TAG.search(line))]
            if not found:
                continue
            target = ast.unparse(getattr(statement, "targets", [getattr(statement, "target", None)])[0] or ast.Name(""))
            parts = list(_parts(statement.value, target))
            values = tuple(value for _, value in parts)
            for name, value in parts:
                line = self._lines[value.lineno - 1]
                tag = (TAG.search(line) or [None, found[0]])[1]
                yield RightSide(str(tag), name, value, values)

    @cached_property
    def helpers(self) -> dict[str, Source]:
        """The functions that it calls and that have tagged equations too, by name: functions of its module, and the
        backward of cells that it is made of."""
        found = {}
        for node in ast.walk(self._definition):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func).removesuffix(".backward")
                value = self._namespace.get(name)
                if isinstance(value, Cell):
                    found[name] = Source(value.backward)
                elif inspect.isfunction(value) and value.__name__ == name and value.__module__ == self.module:
                    found[name] = Source(value)
        return {k: source for k, source in found.items() if source.equations}

    def cell_called(self, helper: str) -> Cell | None:
        """The inner cell of that name."""
        value = self._namespace.get(helper)
        return value if isinstance(value, Cell) else None

    def arguments_to(self, helper: str, *arguments: Any, **options: Any) -> tuple[Any, ...] | None:
        """The arguments of the first call of the helper when the function runs on these arguments; None if it is never
        called."""
        given: list[tuple[Any, ...]] = []

        def recording(right: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *read: given.append(read) or right(*read)  # type: ignore[func-returns-value]

        changed = self._instead(helper, recording)
        self._compiled(copy.deepcopy(self._definition), {helper: changed})(*arguments, **options)
        return given[0] if given else None

    def _instead(self, helper: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Any:
        """The helper changed: a function, or a cell whose backward is changed."""
        value = self._namespace[helper]
        return value._replace(backward=change(value.backward)) if isinstance(value, Cell) else change(value)

    def with_edits(self, edits: Sequence[Edit], namespace: Mapping[str, Any] | None = None) -> Callable[..., Any]:
        """The function with the edits made, in it and its helpers, and names of its module as in `namespace`."""
        mine = [e for e in edits if not e.helper]
        theirs = {k: [e._replace(helper="") for e in edits if e.helper == k] for k in {e.helper for e in edits} - {""}}
        helpers = {k: self._instead(k, lambda _, k=k: self.helpers[k].with_edits(theirs[k])) for k in theirs}  # type: ignore[misc]
        edited = replaced(self._definition, {n: new for edit in mine for n, new in edit.replacements})
        return self._compiled(edited, {**helpers, **(namespace or {})})

    def with_text(self, changes: Mapping[str, str]) -> Callable[..., Any]:
        """The function with pieces of its text (as `ast.unparse` writes it) replaced. Each must be there."""
        text = ast.unparse(self._definition)
        for right, wrong in changes.items():
            assert right in text, f"{self.name} has no {right!r}"
            text = text.replace(right, wrong)
        return self._compiled(ast.parse(text).body[0], None)

    def statements(self, edits: Sequence[Edit] = ()) -> list[tuple[str, str]]:
        """The body with edits made: the text of each statement, and the tags in its comments."""
        edited = replaced(self._definition, {n: new for edit in edits for n, new in edit.replacements})
        found = []
        for statement in edited.body:
            comments = "\n".join(self._lines[statement.lineno - 1 : statement.end_lineno])
            found.append((ast.unparse(statement), ", ".join(TAGS.findall(comments))))
        return found

    def locals_of(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """All that the function has named when it returns, for these arguments."""
        edited = ast.fix_missing_locations(_ReturnLocals().visit(copy.deepcopy(self._definition)))
        return dict(self._compiled(edited, None)(*arguments, **options))

    def value_of(self, expression: ast.expr, names: Mapping[str, Any]) -> Any:
        """The value of an expression of the source, where these names are known."""
        return eval(ast.unparse(expression), self._namespace | dict(names))

    def _compiled(self, definition: Any, namespace: Mapping[str, Any] | None) -> Any:
        scope = self._namespace | dict(namespace or {})
        exec(compile(ast.Module([definition], []), f"edited {self.name}", "exec"), scope)
        return scope[self.name]


def _parts(value: ast.expr, target: str) -> Iterator[tuple[str, ast.expr]]:
    """A line's right-hand sides, each with its name: elements of tuples and of concatenations, arguments of records."""
    names = [n.strip() for n in target.strip("()").split(",")] if "," in target else None
    if isinstance(value, ast.Tuple):
        for k, element in enumerate(value.elts):
            yield from _parts(element, names[k] if names and k < len(names) else target)
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and _builds(value.func.id):
        blocks = value.args[0].elts if value.args and isinstance(value.args[0], ast.Tuple) else None
        if blocks is not None:
            for block in blocks:
                gate = next((n.id for n in ast.walk(block) if isinstance(n, ast.Name) and n.id.endswith("_bar")), "")
                yield (f"{target}[{gate.removesuffix('_bar')}]" if gate else target), block
        else:
            for argument in value.args:
                yield from _parts(argument, target)
            for keyword in value.keywords:
                yield from _parts(keyword.value, f"{keyword.arg}_bar")
    else:
        yield target, value


def _builds(name: str) -> bool:
    """Whether a call only puts its arguments side by side: a named tuple or a concatenation."""
    return name[:1].isupper() or name == "concatenate"


class _ReturnLocals(ast.NodeTransformer):
    """Makes the function return its local names instead of its result, even if it returns nothing; functions within it
    stay as they are."""

    def __init__(self) -> None:
        self._outside = True

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if not self._outside:
            return node
        self._outside = False
        self.generic_visit(node)
        node.body.append(self.visit_Return(ast.Return()))
        return node

    def visit_Return(self, _: ast.Return) -> ast.Return:
        return ast.Return(ast.Call(ast.Name("locals", ast.Load()), [], []))

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node


def _numbers_within(node: Any) -> frozenset[int]:
    """The numbers of the node and of all nodes within it; every node is given its own set as `within`."""
    own = {node.number} if hasattr(node, "number") else set()
    node.within = frozenset(own.union(*map(_numbers_within, ast.iter_child_nodes(node))))
    return node.within


def replaced(node: Any, replacements: Mapping[int, ast.expr]) -> Any:
    """The tree with replacements where the nodes of these numbers stand; inside a replacement the others still apply.

    What does not change is shared with the tree that was given, which stays as it is.
    """
    if not replacements or (hasattr(node, "within") and node.within.isdisjoint(replacements)):
        return node
    number = getattr(node, "number", None) if isinstance(node, ast.expr) else None
    if number is not None and number in replacements:
        rest = {n: new for n, new in replacements.items() if n != number}
        new: Any = replaced(replacements[number], rest)
        return new if hasattr(new, "lineno") else ast.fix_missing_locations(ast.copy_location(new, node))
    changed = {}
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            new = replaced(value, replacements)
            if new is not value:
                changed[name] = new
        elif isinstance(value, list):
            new = [replaced(v, replacements) if isinstance(v, ast.AST) else v for v in value]
            if any(mine is not theirs for mine, theirs in zip(new, value, strict=True)):
                changed[name] = new
    if not changed:
        return node
    copied = copy.copy(node)
    for name, value in changed.items():
        setattr(copied, name, value)
    return copied
