"""A named mistake in words: the line of the forward, the term, what was found there and what belongs there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, NamedTuple

from lstm_ref.graph.rules import OUTPUT
from lstm_ref.graph.sweep import Where
from lstm_ref.mistakes.on_graphs.edges import Edges, Frame
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
    "other factor": "{term} is multiplied with {found}",
    "other cotangent": "{term} is made from the cotangent of {found}",
    "equal gradients": "the gradient of {operand} is that of {found}",
    "shifted in time": "{term} reads {found} at the wrong step",
    "step 0 read wrongly": "{term} reads {found} wrongly at the first step",
    "transposed": "{term} has a matrix that is not transposed, or is transposed where it must not be",
    "mean for sum": "{term} is a mean where a sum belongs",
    "sum for mean": "{term} is a sum where a mean belongs",
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
    operand, result, belongs = "", "", ""
    if c.group is not None:
        n, k = c.group.visits[-1][0]
        operand = name_in(edges.word(edges.origin[n, k]))
        result = _target(edges, (n, k))
        belongs = _belongs(edges, n, k, operand, result)
    elif c.leaf >= 0:
        operand = list(edges.leaves.values())[c.leaf]
    term = f"what {result} hands back to {operand}" if result else f"the gradient of {operand}"
    fallback = "{term}: " + c.kind + (" ({found})" if c.found else "")
    if c.group is not None and edges.graph.equations[c.group.visits[-1][0][0]].primitive == OUTPUT:
        term = f"the cotangent of the output {operand}"
    sentence = SENTENCES.get(c.kind, fallback).format(
        term=term, operand=operand, found=c.found or "another value", slope=_slope_of(c.right)
    )
    if c.kind == "dropped" and c.found:
        sentence = f"{term} has {c.found} for the softmax's derivative: what its other elements contribute is missing"
    if c.kind == "shifted in time" and c.leaf >= 0:
        sentence = f"{term} is shifted by one along its first axis"
    if c.kind == "factor missing" and not c.found:
        sentence = f"{term} lacks a factor"
    places = tuple(dict.fromkeys(_place(f) for f in explanation.places))  # a line may hold several functions
    latex = rf"\bar{{{result}}}\,\frac{{\partial {result}}}{{\partial {operand}}}" if result else rf"\bar{{{operand}}}"
    return Told(c.kind, sentence, places[0] if places else "", places[1:], latex, belongs, explanation.explains)


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
    """A short name of an expression: `p["Wy"]` is Wy, `self.c[t]` is c."""
    if at := re.fullmatch(r"[\w.]*\[[\"'](\w+)[\"']\].*", text):
        return at[1]
    if at := re.fullmatch(r"(?:\w+\.)*(\w+)(?:\[.*\])?", text):
        return at[1]
    return text


def _target(edges: Edges, edge: Where) -> str:
    """What the statement of an edge assigns to: of several on its line, or in a tuple, the one that reads."""
    stack = edges.statement[edge]
    if not stack:
        return ""
    frame, (start, _) = stack[-1], edges.site[edge][1][len(stack) - 1]
    start -= frame.indent
    try:
        statements = ast.parse(frame.text).body
    except SyntaxError:
        return ""
    statement = next((s for s in statements if _holds(s, start)), statements[0] if statements else None)
    if isinstance(statement, ast.AugAssign | ast.AnnAssign):
        return name_in(ast.unparse(statement.target))
    if not isinstance(statement, ast.Assign):
        return ""
    target, value = statement.targets[-1], statement.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        target = next((t for t, v in zip(target.elts, value.elts, strict=True) if _holds(v, start)), target)
    return name_in(ast.unparse(target))


def _holds(node: ast.stmt | ast.expr, column: int) -> bool:
    return node.col_offset <= column < (node.end_col_offset or 0)


def _belongs(edges: Edges, n: int, k: int, operand: str, result: str) -> str:
    e: Any = edges.graph.equations[n]
    if len(e.operands) != 2 or not result:
        return ""
    other = name_in(edges.word(edges._origin(e.operands[1 - k])))
    if e.primitive == "mul":
        return f"d{operand} += d{result} * {other}" if operand.isidentifier() and other.isidentifier() else ""
    if e.primitive == "dot_general" and all(len(s) == 2 for s in e.kind.shapes):
        made = f"d{result} @ {other}.T" if k == 0 else f"{other}.T @ d{result}"
        return f"d{operand} += {made}" if operand.isidentifier() and other.isidentifier() else ""
    return ""
