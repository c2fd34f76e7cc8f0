"""A named mistake in words: the line of the forward, the term, what was found there and what belongs there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lstm_ref.graph.rules import OUTPUT
from lstm_ref.graph.sweep import Where
from lstm_ref.mistakes.on_graphs.candidate import Candidate
from lstm_ref.mistakes.on_graphs.edges import EdgeGroup, Edges, Frame
from lstm_ref.mistakes.on_graphs.search import Explanation

SENTENCES = {
    "dropped": "{term} is missing",
    "doubled": "{term} is there twice",
    "negated": "{term} has the wrong sign",
    "overwritten": "{term} is assigned where it is to be added up: only the first step's is left",
    "last of several": "{term} keeps the last of several contributions to an element, which are to be added up",
    "first visit alone": "{term} is taken at the first step alone",
    "last visit alone": "{term} is taken at the last step alone",
    "step 0 left out": "{term} leaves the first step out",
    "last step left out": "{term} leaves the last step out",
    "factor missing": "{term} lacks the factor {found}",
    "halved": "{term} is half of what it should be",
    "factor twice": "{term} has the factor {found} twice",
    "other factor": "{term} is multiplied with {found} in place of {own}",
    "other cotangent": "{term} is made from the cotangent of {found}",
    "equal gradients": "the gradient of {operand} is that of {found}",
    "shifted in time": "{term} reads {found} at the wrong step",
    "step 0 read wrongly": "{term} reads {found} wrongly at the first step",
    "transposed": "{term} has a matrix that is not transposed, or is transposed where it must not be",
    "mean for sum": "{term} is a mean where a sum belongs{times}",
    "sum for mean": "{term} is a sum where a mean belongs{times}",
    "summed over all axes": "{term} is summed over all axes",
    "first row alone": "{term} is that of the first row alone, where what is broadcast is summed",
    "clipped on the way": "{term} is clipped to {found}",
    "clipped": "{term} is clipped {found}",
    "scaled": "{term} is {found} times what it should be",
    "activation's derivative missing": "{term} lacks {slope}",
    "activation's derivative at another value": "{term} has {slope} at {found}",
    "activation's derivative of another activation": "{term} has {found} in place of {slope}",
    "activation's derivative of the doubly activated": "{term} has {found}, y activated once more, in place of {slope}",
    "activation's derivative of the activated": "{term} has {found}, of the activated value y, in place of {slope}",
    "activation's derivative of the un-activated": "{term} has {found}, of x before activation, in place of {slope}",
    "activation's derivative twice": "{term} has {slope} twice",
    "head at every step": "{term} is fed in at every step, where the last value alone is read",
    "a value where zero belongs": "{term} starts from a value where zero belongs",
    "aliased": "an array that is multiplied by {found} in place is read again afterwards",
    "blocks in another order": "the blocks of {operand} are taken in another order than in the forward: {found}",
    "neighbour's": "{term} reads {found} of another pass of the loop",
    "neighbour's cotangent": "{term} is made from the cotangent of another pass of the loop",
    "reversed cotangent": "{term} is made from the cotangent of the loop's pass from the other end",
    "transposed cotangent": "{term} is made from the cotangent of the pass with the loops exchanged",
    "reversed": "{term} reads {found} in reversed order, or does not reverse it where that belongs",
    "transposed, of another cotangent": "{term} has a matrix that is not transposed, and the cotangent of {found}",
    "transposed, a factor missing": "{term} has a matrix that is not transposed, and lacks the factor {found}",
    "log-space term missing": "{term} lacks the term {found} in its sum of logarithms",
    "log-space term twice": "{term} has the term {found} twice in its sum of logarithms",
    "recomputed otherwise": "{term} reads {found}",
    "carry left out": "{term} leaves out what comes from later steps",
}


class Told(NamedTuple):
    """An explanation for people."""

    kind: str
    sentence: str
    place: str
    """file:line, and the line."""
    other_places: tuple[str, ...]
    """Of the same effect."""
    latex: str
    """The term."""
    belongs: str
    """The line as it should be, if it is simple; else empty."""
    explains: tuple[str, ...]
    page: tuple[str, str] | None = None
    """Where the forward is one of our cells: the tag and the place of the derivation, as "derivations/lstm.md:71"."""


def told(explanation: Explanation, edges: Edges) -> Told:
    """In words."""
    c = explanation.candidate
    operand, belongs, places = "", "", dict.fromkeys(explanation.places[:1])
    results: list[str] = []
    if c.group is not None:
        n, k = c.group.visits[-1][0]
        operand = name_in(edges.word(edges.origin[n, k]))
        reading = {edges.statement[e][-1]: e for visit in c.group.visits for e in visit if edges.statement[e]}
        if len(reading) > 1:
            places = dict.fromkeys(sorted(reading))
            results = list(dict.fromkeys(_target(edges, reading[frame]) for frame in places))
        else:
            # A function is named by its value: `1 / (1 + np.exp(-a))` is of many expressions.
            is_function = c.kind.startswith("activation's derivative")
            results = [_target(edges, (n, k)) if is_function else _giver(edges, c.group)]
            belongs = _belongs(edges, n, k)
    elif c.leaf >= 0:
        operand = list(edges.leaves.values())[c.leaf]
    hand = "hands" if len(results) == 1 else "hand"
    has_names = bool(results) and all(results)
    term = f"what {' and '.join(results)} {hand} back to {operand}" if has_names else f"the gradient of {operand}"
    if c.group is not None and edges.graph.equations[c.group.visits[-1][0][0]].primitive == OUTPUT:
        term = f"the cotangent of the output {operand}"
    sentence = _sentence(c, edges, term, operand)
    here = list(dict.fromkeys(map(_place, places)))  # a line may hold several functions
    others = tuple(p for p in dict.fromkeys(map(_place, explanation.places)) if p not in here)
    given = [rf"\bar{{{r}}}\,\frac{{\partial {r}}}{{\partial {operand}}}" for r in results]
    latex = " + ".join(given) if has_names else rf"\bar{{{operand}}}"
    return Told(c.kind, sentence, " and ".join(here), others, latex, belongs, explanation.explains)


def _sentence(c: Candidate, edges: Edges, term: str, operand: str) -> str:
    """What is wrong with a term."""
    fallback = "{term}: " + c.kind + (" ({found})" if c.found else "")
    own = edges.other_factor(*c.group.visits[-1][0]) if c.group is not None else ""
    kind = "shifted in time" if c.kind == "other factor" and own and name_in(own) == c.found else c.kind
    if kind == "other factor" and " for " in c.found:  # one number for another
        return f"{term} is multiplied with {c.found}"
    if kind == "dropped" and c.found:
        return f"{term} has {c.found} for the softmax's derivative: what its other elements contribute is missing"
    if kind == "shifted in time" and c.leaf >= 0:
        return f"{term} is shifted by one along its first axis"
    if kind == "factor missing" and not c.found:
        return f"{term} lacks a factor"
    return SENTENCES.get(kind, fallback).format(
        term=term,
        operand=operand,
        found=c.found or "another value",
        slope=_slope_of(c.right),
        own=own or "its factor",
        times=f", {c.found} times as much" if c.found else "",
    )


SLOPES = {"sigmoid": "y (1 − y)", "tanh": "1 − y²", "relu": "y > 0", "exp": "y", "softplus": "σ(x)"}
"""The derivatives of activations y at x, as people write them."""


def _slope_of(activation: str) -> str:
    """The derivative of an activation in words; of an unnamed one, if the name is empty."""
    if not activation:
        return "the activation's derivative"
    return f"the derivative of {activation}" + (f", {SLOPES[activation]}" if activation in SLOPES else "")


def _place(frame: Frame) -> str:
    return f"{Path(frame.file).name}:{frame.line}  {frame.text}"


def name_in(text: str) -> str:
    """A short name of what stands in a variable: `p["Wy"]` is Wy, `self.c[t]` is c; any other expression is itself."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return text
    while isinstance(node, ast.Subscript) and not isinstance(_key(node), str):
        node = node.value
    if isinstance(node, ast.Subscript):
        return str(_key(node))
    if isinstance(node, ast.Attribute) and node.attr != "T":
        return node.attr
    return node.id if isinstance(node, ast.Name) else text


def _key(node: ast.Subscript) -> Any:
    return node.slice.value if isinstance(node.slice, ast.Constant) else None


def _statement(edges: Edges, edge: Where) -> tuple[ast.expr | None, ast.expr | None, int]:
    """What the statement of an edge assigns to, its right-hand side, and the column at which the edge's expression
    begins; of several statements on its line, or values in a tuple, those of the edge. None where it assigns
    nothing."""
    stack = edges.statement[edge]
    if not stack:
        return None, None, 0
    frame, (start, _) = stack[-1], edges.site[edge][1][len(stack) - 1]
    start -= frame.indent
    try:
        statements = ast.parse(frame.text).body
    except SyntaxError:
        return None, None, 0
    statement = next((s for s in statements if _holds(s, start)), statements[0] if statements else None)
    if isinstance(statement, ast.AugAssign) and not isinstance(statement.op, ast.Add):
        return statement.target, None, start
    if isinstance(statement, ast.AugAssign | ast.AnnAssign):
        return statement.target, statement.value, start
    if isinstance(statement, ast.Expr) and (to := _appended_to(statement.value)) is not None:
        return to, None, start
    if not isinstance(statement, ast.Assign):
        return None, None, 0
    target, value = statement.targets[-1], statement.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        both = zip(target.elts, value.elts, strict=True)
        target, value = next(((t, v) for t, v in both if _holds(v, start)), (target, value))
    return target, value, start


def _appended_to(call: ast.expr) -> ast.expr | None:
    """The list that a call appends to."""
    is_append = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "append"
    return call.func.value if is_append else None  # type: ignore[attr-defined]


def _target(edges: Edges, edge: Where) -> str:
    """The name of what the statement of an edge assigns to."""
    target, _, _ = _statement(edges, edge)
    return "" if target is None else name_in(ast.unparse(target))


def _giver(edges: Edges, group: EdgeGroup) -> str:
    """What hands back the term: what the statement assigns to; the expression, where it assigns to nothing or reads the
    value elsewhere too. Empty where it is all that the value gets."""
    visit = group.visits[-1]
    target, (stack, columns) = _target(edges, visit[0]), edges.place(edges.graph.equations[visit[0][0]].kind)
    if group.is_of_all_readers:
        return target
    of_line = [e for e in edges.readers[edges.origin[visit[0]]] if edges.statement[e] == edges.statement[visit[0]]]
    is_part = not target or set(of_line) > set(visit)
    return stack[-1].text_of(*columns[-1]) if is_part and stack == edges.statement[visit[0]] else target


def _holds(node: ast.stmt | ast.expr, column: int) -> bool:
    return node.col_offset <= column < (node.end_col_offset or 0)


def _belongs(edges: Edges, n: int, k: int) -> str:
    """The line of a backward pass for a product that is a summand of its statement, in the names of that line; empty
    where the adjoint of what is assigned is not the product's, or a name means two values there."""
    equation = edges.graph.equations[n]
    target, value, start = _statement(edges, (n, k))
    if target is None or value is None or edges.statement[n, k] != edges.stack(equation.kind):
        return ""
    summand = next((one for one in _summands(value) if one[0].col_offset == start and _holds(one[0], start)), None)
    if summand is None or not isinstance(product := summand[0], ast.BinOp) or not _is_whole(edges, n, product):
        return ""
    mine, other = (product.right, product.left) if k else (product.left, product.right)
    of, to = _adjoint(target), _adjoint(mine)
    if not of or not to or _mentions(other, target) or of == to:
        return ""
    sign, written = summand[1], ast.unparse(other)
    if not isinstance(other, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
        written = f"({written})"
    if isinstance(product.op, ast.Mult) and equation.kind.shapes[k] == equation.kind.result_shapes[0]:
        return f"{to} {sign}= {of} * {written}"
    if isinstance(product.op, ast.MatMult) and all(len(s) == 2 for s in equation.kind.shapes):
        return f"{to} {sign}= " + (f"{written}.T @ {of}" if k else f"{of} @ {written}.T")
    return ""


def _summands(value: ast.expr, sign: str = "+") -> Iterator[tuple[ast.expr, str]]:
    """The terms of a sum, with their signs."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
        other = {"+": "-", "-": "+"}[sign] if isinstance(value.op, ast.Sub) else sign
        yield from _summands(value.left, sign)
        yield from _summands(value.right, other)
    else:
        yield value, sign


def _is_whole(edges: Edges, n: int, product: ast.BinOp) -> bool:
    """Whether an equation is all of a product of two, and as large as the sums of its line: what is repeated in a sum
    has a summed adjoint."""
    equation, (stack, columns) = edges.graph.equations[n], edges.place(edges.graph.equations[n].kind)
    if equation.primitive not in ("mul", "dot_general") or columns[-1][1] - stack[-1].indent != product.end_col_offset:
        return False
    sums = (e for e in edges.graph.equations if e.primitive in ("add", "sub") and edges.stack(e.kind) == stack)
    return all(e.kind.result_shapes == equation.kind.result_shapes for e in sums)


def _adjoint(node: ast.expr) -> str:
    """A name for the adjoint of a variable: dc of `c` and `self.c`, dW of `p["W"]`, dh[t] of `h[t]`."""
    index = ""
    while isinstance(node, ast.Subscript) and not isinstance(_key(node), str):
        index = f"[{ast.unparse(node.slice)}]{index}"
        node = node.value
    name = name_in(ast.unparse(node))
    return f"d{name}{index}" if name.isidentifier() else ""


def _mentions(other: ast.expr, target: ast.expr) -> bool:
    """Whether an expression reads what its line assigns anew."""
    name = ast.unparse(target)
    return any(ast.unparse(node) == name for node in ast.walk(other) if isinstance(node, ast.expr))
