"""Which tags of a program stand on lines that an assertion depends on. A comment by itself tests nothing.

A tagged line counts where it asserts, or where what it assigns or returns goes, by name, into something that does. That
is read from the text, without regard to order: a name that is made anew for another purpose counts as the same.
"""

import ast
import io
import re
import tokenize
from typing import NamedTuple


class Line(NamedTuple):
    """A simple statement, or the head of a loop or of a `with`."""

    first: int
    last: int
    reads: set[str]
    makes: set[str]
    asserts: bool


def asserted_tags(program: str, tag: str) -> set[str]:
    """The tags, as the regular expression `tag` finds them in comments, whose line an assertion depends on."""
    lines = list(lines_of(ast.parse(program)))
    comments = [t for t in tokenize.generate_tokens(io.StringIO(program).readline) if t.type == tokenize.COMMENT]
    return {
        found
        for comment in comments
        for line in lines
        if line.first <= comment.start[0] <= line.last and ends_in_an_assertion(line, lines)
        for found in re.findall(tag, comment.string)
    }


def ends_in_an_assertion(line: Line, lines: list[Line]) -> bool:
    made, before = set(line.makes), set()
    while not line.asserts and made != before:
        before = set(made)
        readers = [other for other in lines if other.reads & made]
        if any(reader.asserts for reader in readers):
            return True
        made.update(*(reader.makes for reader in readers))
    return line.asserts


def lines_of(node: ast.AST, function: str = ""):
    """The lines below a node; what a `return` makes is the name of its function."""
    for child in ast.iter_child_nodes(node):
        inside = child.name if isinstance(child, ast.FunctionDef) else function
        if isinstance(child, ast.For):
            yield Line(child.lineno, child.lineno, names(child.iter), names(child.target), False)
        elif isinstance(child, ast.With):
            for item in child.items:
                stored = names(item.optional_vars) if item.optional_vars else set()
                yield Line(child.lineno, child.lineno, names(item.context_expr), stored, False)
        elif isinstance(child, ast.stmt) and not hasattr(child, "body"):
            makes = {function} if isinstance(child, ast.Return) else made_by(child)
            yield Line(child.lineno, child.end_lineno or 0, names(child), makes, is_assertion(child))
            continue
        yield from lines_of(child, inside)


def is_assertion(statement: ast.stmt) -> bool:
    """An `assert`, or a call like `step.proves(...)` and `step.proves_the_package()`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    named = call.func.attr if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""
    return isinstance(statement, ast.Assert) or named.startswith("proves")


def made_by(statement: ast.stmt) -> set[str]:
    """Names that are assigned, also in part, as by `x[0] = 1` and `x.append(1)`."""
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, (ast.Name, ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            found |= names(node) if isinstance(node, ast.Name) else names(node.value)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("append", "insert")
        ):
            found |= names(node.func.value)
    return found


def names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
