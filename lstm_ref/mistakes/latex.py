"""Equations of a backward pass as LaTeX, in the letters of the derivation pages."""

from __future__ import annotations

import ast
import re

_PRODUCT, _SUM = 2, 1
BLOCK = "⟦{}⟧"
"""Stands for the letter of a gate, until it is known whose blocks they are."""


def latex(equation: str, gates: str = "") -> str:
    """LaTeX of a line of source, `target = expression` or an expression alone; `gates` are the letters of blocks."""
    target, _, value = equation.rpartition(" = ")
    text = _expression(ast.parse(value, mode="eval").body)[0]
    return with_letters(f"{_name(target)} = {text}" if target else text, gates)


def with_letters(text: str, gates: str) -> str:
    """The text with each block's number replaced by its letter."""
    for k, letter in enumerate(gates):
        text = text.replace(BLOCK.format(k), letter)
    return text


def _name(name: str) -> str:
    """`prev_h_bar` is h̄ at t − 1, `w_x_bar` the cotangent of W_x, `a_bar[f]` the block of the forget gate."""
    block = re.search(r"\[(\w)\]$", name)
    name = name.split("[")[0].replace("tape.nodes.", "").replace("p.", "").replace("prev.", "prev_")
    is_bar = name.endswith("_bar") or name.startswith("bar.")
    name = name.removesuffix("_bar").replace("bar.", "" if name == "bar.h" else "next_")
    name = name.replace(".", "_")
    before, after = name.startswith("prev_"), name.startswith("next_")
    name = name.removeprefix("prev_").removeprefix("next_")
    letter, _, below = name.partition("_")
    letter = letter.upper() if letter == "w" else letter
    letter = letter if len(letter) == 1 else rf"\mathrm{{{letter}}}"
    lower = ",".join(s for s in (below, block[1] if block else "", "t-1" if before else "") if s)
    text = rf"\bar {letter}" if is_bar else letter
    return text + (f"_{{{lower}}}" if lower else "") + (r"^{\,next}" if after else "")


def _expression(node: ast.expr) -> tuple[str, int]:
    """LaTeX, and how tightly its outermost operation binds."""
    match node:
        case ast.Constant():
            return str(node.value), 9
        case ast.Name() | ast.Attribute() if not (isinstance(node, ast.Attribute) and node.attr == "T"):
            return _name(ast.unparse(node)), 9
        case ast.Attribute():
            return _in_brackets(node.value, 9) + r"^\top", 9
        case ast.UnaryOp(op=ast.USub()):
            return "-" + _in_brackets(node.operand, _PRODUCT), _SUM
        case ast.BinOp(op=ast.Add()):
            return f"{_expression(node.left)[0]} + {_expression(node.right)[0]}", _SUM
        case ast.BinOp(op=ast.Sub()):
            return f"{_expression(node.left)[0]} - {_in_brackets(node.right, _PRODUCT)}", _SUM
        case ast.BinOp(op=ast.Mult()) if isinstance(node.left, ast.Constant):
            factor = repr(node.left.value)
            return "0" if factor == "0" else f"{factor}\\,{_in_brackets(node.right, _PRODUCT)}", _PRODUCT
        case ast.BinOp(op=ast.Mult()):
            return rf"{_in_brackets(node.left, _PRODUCT)} \odot {_in_brackets(node.right, _PRODUCT)}", _PRODUCT
        case ast.BinOp(op=ast.MatMult()):
            return rf"{_in_brackets(node.left, _PRODUCT)}\, {_in_brackets(node.right, _PRODUCT)}", _PRODUCT
        case ast.BinOp(op=ast.Div()):
            return rf"\frac{{{_expression(node.left)[0]}}}{{{_expression(node.right)[0]}}}", 9
        case ast.Subscript():
            return _subscript(node), 9
        case ast.Call():
            return _call(node)
    return rf"\texttt{{{ast.unparse(node)}}}", 9


def _in_brackets(node: ast.expr, needed: int) -> str:
    text, binds = _expression(node)
    return text if binds >= needed else f"({text})"


def _subscript(node: ast.Subscript) -> str:
    text = ast.unparse(node)
    if block := re.fullmatch(r"np\.split\((.*), (\d+), -1\)\[(\d+)\]", text):
        return f"{_name(block[1])}_{BLOCK.format(block[3])}"
    if isinstance(node.slice, ast.Constant) and node.slice.value == 0:
        return _in_brackets(node.value, _PRODUCT) + r"|_{\mathrm{row}\,0}"
    if text.endswith("[..., None]"):
        return _expression(node.value)[0]
    return rf"{_in_brackets(node.value, _PRODUCT)}_{{{ast.unparse(node.slice)}}}"


def _call(node: ast.Call) -> tuple[str, int]:
    name = ast.unparse(node.func)
    if name == "np.concatenate" and isinstance(node.args[0], ast.Call):  # blocks that were not transposed
        return _expression(node.args[0].args[0])[0], 9
    if name == "np.concatenate" and isinstance(node.args[0], ast.ListComp):  # blocks that were
        split = node.args[0].generators[0].iter
        assert isinstance(split, ast.Call)
        return f"({_expression(split.args[0])[0]})^\\top", 9
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("sum", "mean"):
        over = {"0": "B", "-1": "k"}.get(ast.unparse(node.args[0]) if node.args else "", "")
        mean = rf"\tfrac{{1}}{{{over or 'n'}}}" if node.func.attr == "mean" else ""
        return rf"{mean}\textstyle\sum_{{{over}}} {_in_brackets(node.func.value, _PRODUCT)}", _PRODUCT
    inside = ", ".join(_expression(a)[0] for a in node.args)
    shown = {"derivative": r"\varphi'", "sigmoid": r"\sigma", "tanh": r"\tanh", "softmax": r"\mathrm{softmax}"}
    head = shown.get(name) or rf"\mathrm{{{name.replace('_', ' ')}}}"
    return f"{head}({inside})", 9
