"""The rules that make mistakes: what can go wrong with one edge of a graph, applied to every edge.

Each rule reads one tagged equation of a backward pass and yields edits of it: the adjoint dropped, doubled, negated,
carried without a factor, a factor applied twice, fed from a neighbouring value or gate, a matrix not transposed, a
derivative taken of the wrong side of the activation or of the other activation, a delta copied from another gate, a
mean for a sum, a step's values taken from the step before or after.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lstm_ref.mistakes.latex import BLOCK
from lstm_ref.mistakes.source import Edit, RightSide, Source, replaced

Values = Mapping[str, Any]
Rule = Callable[[Source, RightSide, Values], Iterator[Edit]]
SELECTS = ("where", "choose", "select")
"""Names of functions that choose one of two values by a mask: NumPy's and ours, padding's, XLA's."""


def edits_of(source: Source, *example: Any, rules: Sequence[Rule] | None = None, **options: Any) -> list[Edit]:
    """Every edit that the rules, RULES unless given, make of the source's equations. `example` holds arguments, whose
    shapes show what can be mistaken for what. Edits that give the same text appear once; the caller must find out
    whether an edit runs."""
    values = source.locals_of(*example, **options)
    found: dict[tuple[Any, ...], Edit] = {}
    for equation in source.equations:
        for rule in rules or RULES:
            for edit in rule(source, equation, values):
                if edit.wrong != edit.equation:
                    found.setdefault((equation.value.number, edit.wrong), edit)  # type: ignore[attr-defined]
    for name, helper in source.helpers.items():
        read = source.arguments_to(name, *example, **options)
        of_helper = [] if read is None else edits_of(helper, *read, rules=rules)
        found |= {(name, k): edit._replace(helper=name) for k, edit in enumerate(of_helper) if not edit.helper}
    return list(found.values())


# --------------------------------------------------------------------------------------------------- the rules


def dropped(_: Source, equation: RightSide, __: Values) -> Iterator[Edit]:
    """A whole adjoint, or one of the terms that add up to it."""
    yield _edit("dropped", equation, equation.value, _product(0, equation.value), "{target} is dropped")
    for node in _inside(equation.value):
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and not _is_one(node.left):
            right = ast.UnaryOp(ast.USub(), node.right) if isinstance(node.op, ast.Sub) else node.right
            yield _edit(
                "dropped", equation, node, node.left, f"the term {_text(node.right)} is missing from {{target}}"
            )
            yield _edit("dropped", equation, node, right, f"the term {_text(node.left)} is missing from {{target}}")


def scaled(source: Source, equation: RightSide, values: Values) -> Iterator[Edit]:
    """Doubled or negated: a whole adjoint, or one of its terms. A list is not doubled: 2 * list repeats it."""
    for node in [equation.value, *_terms(equation.value)]:
        whole = "{target}" if node is equation.value else f"the term {_text(node)} of {{target}}"
        is_list = isinstance(node, ast.ListComp) or isinstance(_value(source, node, values), (tuple, list))
        if not is_list:
            yield _edit("doubled", equation, node, _product(2, node), f"{whole} is doubled")
        yield _edit("negated", equation, node, ast.UnaryOp(ast.USub(), node), f"{whole} has the wrong sign")


def factors(_: Source, equation: RightSide, __: Values) -> Iterator[Edit]:
    """A factor left out, or applied twice."""
    for node in _inside(equation.value):
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)):
            continue
        for factor, rest in ((node.left, node.right), (node.right, node.left)):
            if isinstance(factor, ast.BinOp) and isinstance(factor.op, ast.Mult):
                continue  # a nested product is visited by itself
            yield _edit(
                "factor left out", equation, node, rest, f"{{target}} is carried without the factor {_text(factor)}"
            )
            twice = ast.BinOp(node, ast.Mult(), factor)
            yield _edit(
                "factor twice", equation, node, twice, f"the factor {_text(factor)} is applied twice in {{target}}"
            )


def transposed(source: Source, equation: RightSide, values: Values) -> Iterator[Edit]:
    """A transpose left out: of a square matrix, or of each square block of one that holds the gates side by side."""
    for node in _inside(equation.value):
        if isinstance(node, ast.Attribute) and node.attr == "T":
            shape = _shape(source, node.value, values) or ()
            if len(shape) == 2 and shape[1] % shape[0] == 0:
                sentence = f"{_text(node.value)} is not transposed" + (
                    ", gate by gate," if shape[0] != shape[1] else ""
                )
                new = _call(
                    "np.concatenate", [_call("np.split", [node.value, _shape_ratio(node.value), ast.Constant(1)])]
                )
                yield _edit("not transposed", equation, node, new, sentence + " in {target}")
    if isinstance(equation.value, ast.BinOp) and isinstance(equation.value.op, ast.MatMult):
        shape = _shape(source, equation.value, values) or ()
        if len(shape) == 2 and shape[1] % shape[0] == 0 and shape[0] > 1:
            blocks = ast.parse("np.concatenate([_w.T for _w in np.split(_v, _v.shape[1] // _v.shape[0], 1)], 1)").body[
                0
            ]
            assert isinstance(blocks, ast.Expr)
            new = _substitute(blocks.value, {"_v": equation.value})
            yield _edit("transposed", equation, equation.value, new, "{target} is transposed")


def fed_from_a_neighbour(source: Source, equation: RightSide, values: Values) -> Iterator[Edit]:
    """A value of the same shape in the place of the right one: another gate, another node, the other step's state."""
    pool = _pool(source, values)
    for node in _inside(equation.value):
        text = ast.unparse(node)
        if isinstance(node, (ast.Name, ast.Attribute)) and text in pool:
            for other in pool:
                if other != text and _alike(source, node, pool[other], other, equation, values):
                    yield _edit(
                        "fed from a neighbour",
                        equation,
                        node,
                        pool[other],
                        f"{_text(pool[other])} stands for {_text(node)} in {{target}}",
                    )


def derivatives(source: Source, equation: RightSide, values: Values) -> Iterator[Edit]:
    """The derivative of an activation, taken of a wrong value (all of its occurrences), or of the other activation."""
    pool = _pool(source, values) | _blocks(source, values)
    for node in _inside(equation.value):
        slope = _slope(node)
        if slope is None:
            continue
        y, kind = slope
        one, square = ast.Constant(1), ast.BinOp(y, ast.Mult(), y)
        sigmoids = ast.BinOp(y, ast.Mult(), ast.BinOp(one, ast.Sub(), y))
        right, wrong, new = (
            ("tanh", "sigmoid", sigmoids) if kind == "tanh" else ("sigmoid", "tanh", ast.BinOp(one, ast.Sub(), square))
        )
        if kind == "tanh":
            yield _edit(
                "wrong derivative",
                equation,
                node,
                new,
                f"the derivative of {wrong} stands for that of {right} in {{target}}",
            )
        elif isinstance(node, ast.BinOp) and isinstance(node.left, ast.BinOp):  # (bar · y) · (1 − y)
            bar = node.left.left
            yield _edit(
                "wrong derivative",
                equation,
                node,
                ast.BinOp(bar, ast.Mult(), new),
                f"the derivative of {wrong} stands for that of {right} in {{target}}",
            )
        for other, replacement in pool.items():
            if other != ast.unparse(y) and _same_shape(source, y, replacement, values) and not _is_adjoint(other):
                swapped = _substitute(node, {ast.unparse(y): replacement})
                sentence = f"the derivative is taken of {_text(replacement)} and not of {_text(y)} in {{target}}"
                yield _edit("derivative of the wrong value", equation, node, swapped, sentence)


def copied(_: Source, equation: RightSide, __: Values) -> Iterator[Edit]:
    """The right-hand side is that of a neighbour on the same line."""
    for other in equation.siblings:
        if other is not equation.value:
            yield _edit("copied", equation, equation.value, other, f"{_text(other)} stands for {_text(equation.value)}")


def averaged(_: Source, equation: RightSide, __: Values) -> Iterator[Edit]:
    """A mean in the place of a sum, and a sum over the wrong part."""
    for node in _inside(equation.value):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sum":
            mean = ast.Call(ast.Attribute(node.func.value, "mean", ast.Load()), node.args, node.keywords)
            yield _edit("mean for sum", equation, node, mean, "a mean stands for the sum in {target}")
            first = ast.Subscript(node.func.value, ast.Constant(0), ast.Load())
            if node.args and ast.unparse(node.args[0]) == "0":
                yield _edit("first row", equation, node, first, "the first row alone stands for the sum in {target}")


def masked(_: Source, equation: RightSide, __: Values) -> Iterator[Edit]:
    """A mask the other way round, or none; of two structures that add up, one missing."""
    for node in _inside(equation.value):
        if _selects(node):
            mask, *sides = node.args
            other = ast.Call(node.func, [mask, *sides[::-1]], [])
            yield _edit("mask", equation, node, other, "the mask in {target} is the wrong way round")
            for side in sides:
                if not isinstance(side, ast.Constant):
                    sentence = f"the mask is missing in {{target}}: it is {_text(side)} everywhere"
                    yield _edit("mask", equation, node, side, sentence)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_add":
            for missing, left in (node.args, node.args[::-1]):
                yield _edit("dropped", equation, node, left, f"the term {_text(missing)} is missing from {{target}}")


def shifted(_: Source, equation: RightSide, __: Values) -> Iterator[Edit]:
    """Values of the step before or after, wrapping around at the ends, where this step's belong."""
    for node in _inside(equation.value):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name) and node.slice.id == "t":
            name = _text(node.value)
            for by, when in ((-1, "step before (at t = 0 it wraps around to the last)"), (1, "step after")):
                index = ast.parse(f"(t + {by}) % T", mode="eval").body
                new = ast.Subscript(node.value, index, ast.Load())
                yield _edit("shifted in time", equation, node, new, f"{name} is read at the {when}")


RULES: tuple[Rule, ...] = (
    dropped,
    scaled,
    factors,
    transposed,
    derivatives,
    fed_from_a_neighbour,
    copied,
    averaged,
    masked,
    shifted,
)


# --------------------------------------------------------------------------------------------- parts of a tree


def _edit(kind: str, equation: RightSide, node: ast.AST, new: ast.expr, sentence: str) -> Edit:
    number = node.number  # type: ignore[attr-defined]
    wrong = replaced(equation.value, {number: new})
    text = f"{equation.target} = " if equation.target else ""
    return Edit(
        kind,
        equation.tag,
        sentence.format(target=equation.target or "the result"),
        text + ast.unparse(equation.value),
        text + ast.unparse(wrong),
        ((number, new),),
    )


def _inside(value: ast.AST) -> Iterator[Any]:
    """The expression and everything in it, outermost first, except what is multiplied by 0: editing that changes
    nothing."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and ast.unparse(value.right) == "0":
        return
    if isinstance(value, ast.expr):
        yield value
    for child in ast.iter_child_nodes(value):
        yield from _inside(child)


def _terms(value: ast.expr) -> Iterator[ast.expr]:
    """Terms of sums: what is added up, not the sum itself; `1 - y` is one thing."""
    for node in _inside(value):
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and not _is_one(node.left):
            yield node.left
            yield node.right


def _selects(node: ast.AST) -> bool:
    """Whether it is a call that takes one of two values by a mask."""
    return isinstance(node, ast.Call) and len(node.args) == 3 and ast.unparse(node.func).split(".")[-1] in SELECTS


def _is_one(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _product(k: int, node: ast.expr) -> ast.expr:
    return ast.BinOp(ast.Constant(k), ast.Mult(), node)


def _call(name: str, arguments: list[ast.expr]) -> ast.expr:
    return ast.Call(ast.parse(name, mode="eval").body, arguments, [])


def _shape_ratio(node: ast.expr) -> ast.expr:
    text = ast.unparse(node)
    return ast.parse(f"{text}.shape[1] // {text}.shape[0]", mode="eval").body


def _slope(node: ast.AST) -> tuple[ast.expr, str] | None:
    """(y, activation) where the node is 1 − y·y, or bar · y · (1 − y)."""
    if not isinstance(node, ast.BinOp):
        return None
    if isinstance(node.op, ast.Sub) and _is_one(node.left) and isinstance(node.right, ast.BinOp):
        y = node.right.left
        if isinstance(node.right.op, ast.Mult) and ast.dump(y) == ast.dump(node.right.right):
            return y, "tanh"
    if isinstance(node.op, ast.Mult) and isinstance(node.right, ast.BinOp) and isinstance(node.right.op, ast.Sub):
        y = node.right.right
        has_y = isinstance(node.left, ast.BinOp) and ast.unparse(node.left.right) == ast.unparse(y)
        if _is_one(node.right.left) and has_y:
            return y, "sigmoid"
    return None


def _substitute(node: ast.expr, by: Mapping[str, ast.expr]) -> ast.expr:
    class Names(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            if isinstance(node, ast.expr) and ast.unparse(node) in by:
                return copy.deepcopy(by[ast.unparse(node)])
            return self.generic_visit(node)

    return Names().visit(copy.deepcopy(node))


def _text(node: ast.AST) -> str:
    """The expression in short: `prev.c` is c_prev, `tape.nodes.h` h, a block of pre-activations a_i."""
    block = r"np\.split\(tape\.nodes\.a, (\d+), -1\)\[(\d)\]"
    text = re.sub(block, lambda m: f"a_{BLOCK.format(m[2])}", ast.unparse(node))
    text = text.replace("tape.nodes.", "").replace("bar.", "next_")
    return re.sub(r"\bp\.", "", re.sub(r"\bprev\.(\w+)", r"\1_prev", re.sub(r"\bnext_(\w+)", _adjoint_given, text)))


def _adjoint_given(match: re.Match[str]) -> str:
    """`bar.h` is what the output's readers hand back, `bar.c` what the next step hands back."""
    return "h_bar" if match[1] == "h" else f"next_{match[1]}_bar"


# ------------------------------------------------------------------------------------ what can be mistaken for what


def _pool(source: Source, values: Values) -> dict[str, ast.expr]:
    """Every array that the function can read by name: its locals, and the fields of its records."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name.startswith("_"):
            continue
        if hasattr(value, "shape"):
            found[name] = value
        for record, prefix in ((value, name), (getattr(value, "nodes", None), f"{name}.nodes")):
            for field in getattr(record, "_fields", ()):
                if hasattr(getattr(record, field), "shape"):
                    found[f"{prefix}.{field}"] = getattr(record, field)
    seen: dict[int, str] = {}  # one name for one array: the shortest
    for name in sorted(found, key=len):
        seen.setdefault(id(found[name]), name)
    return {name: ast.parse(name, mode="eval").body for name in seen.values()}


def _blocks(source: Source, values: Values) -> dict[str, ast.expr]:
    """The gates' blocks of pre-activations."""
    nodes = getattr(values.get("tape"), "nodes", None)
    if nodes is None or not hasattr(nodes, "a") or not hasattr(nodes, "h"):
        return {}
    H, width = nodes.h.shape[-1], nodes.a.shape[-1]
    names = [f"tape.nodes.a[..., {k}:{k + H}]" for k in range(0, width, H)] if width > H else ["tape.nodes.a"]
    texts = [f"np.split(tape.nodes.a, {width // H}, -1)[{k}]" if width > H else name for k, name in enumerate(names)]
    return {text: ast.parse(text, mode="eval").body for text in texts}


def _alike(source: Source, node: ast.expr, other: ast.expr, name: str, equation: RightSide, values: Values) -> bool:
    """Same shape, both adjoints or both values, and not computed after this equation."""
    text = ast.unparse(node)
    if _is_adjoint(text) != _is_adjoint(name) or text.split(".")[-1] == equation.target:
        return False
    if _is_adjoint(name) and "." not in name and not _before(source, name, equation):
        return False
    return _same_shape(source, node, other, values)


def _before(source: Source, name: str, equation: RightSide) -> bool:
    """Whether `name` is computed on a line above the equation's, or given."""
    for earlier in source.equations:
        if earlier.value.lineno >= equation.siblings[0].lineno:
            break
        if earlier.target == name:
            return True
    return name not in {e.target for e in source.equations}


def _is_adjoint(name: str) -> bool:
    return "bar" in name


def _same_shape(source: Source, node: ast.expr, other: ast.expr, values: Values) -> bool:
    one, two = _shape(source, node, values), _shape(source, other, values)
    return one is not None and one == two


def _shape(source: Source, node: ast.expr, values: Values) -> tuple[int, ...] | None:
    """None where the expression has none: a record, a mask that is not there, a variable of a comprehension."""
    value = _value(source, node, values)
    try:
        return None if value is None else np.shape(value)
    except (ValueError, TypeError):
        return None


def _value(source: Source, node: ast.expr, values: Values) -> Any:
    """The value of the expression; None if it cannot be computed, because it reads a mask that is None or a variable of
    a comprehension."""
    try:
        return source.value_of(node, values)
    except (NameError, AttributeError, ValueError, TypeError):
        return None
