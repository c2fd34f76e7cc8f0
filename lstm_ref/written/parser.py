r"""LaTeX of one equation as terms.

The grammar (`grammar.lark`) is that of this field's notation, for lark's LALR(1) parser. Ready-made LaTeX parsers stop
short of it. pylatexenc parses LaTeX the markup: it gives macros and groups, and does not know that `W_i x_t + b` is a
sum of a product. SymPy's `parse_latex` parses the algebra of scalars: as of 1.14 it refuses `\odot` and a superscript
`\top`, gives `c_{t-1}` as one opaque symbol, reads `\sigma(a)` as a product of two symbols, and sorts the factors of a
product as if they commuted. Time in a script, products that do not commute and transposes are what a derivation of
BPTT consists of.

Scripts are read here, from their text: a time, labels, a transpose, a power.
"""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lark

from lstm_ref.errors import BadInput
from lstm_ref.written.page import Piece, place
from lstm_ref.written.templates import Members, stands_in, substituted
from lstm_ref.written.terms import (
    Add,
    Adj,
    Apply,
    Diag,
    Div,
    Dot,
    Fn,
    Group,
    Had,
    Hole,
    Jacobian,
    Name,
    Neg,
    Num,
    Outer,
    Part,
    Pow,
    Prime,
    Stack,
    SumAll,
    SumB,
    SumT,
    Sym,
    Term,
    Time,
    Transpose,
    added,
)

FUNCTIONS = {
    "sigma": "sigmoid",
    "sigmoid": "sigmoid",
    "sigm": "sigmoid",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
    "relu": "relu",
    "exp": "exp",
    "log": "log",
    "ln": "log",
    "diag": "diag",
}
"""Functions by the word that names them, in lower case."""

_WRAPPER = re.compile(
    r"\\(?:mathbf|boldsymbol|bm|mathrm|mathit|mathsf|mathtt|text|textrm|textbf|textit|texttt|operatorname|mathcal|vec"
    r"|mathbb|mathscr|rm|bf|pmb|bold)\*?(?![A-Za-z])\s*"
)


@dataclass(frozen=True)
class Equation:
    """A written equation: its sides, from left to right, and where it stands."""

    sides: tuple[Term, ...]
    piece: Piece
    accumulates: bool = False
    """Written with +=."""
    assigns: bool = False
    """Written with an arrow, as programs do: what it defines is read by the step before."""

    @property
    def line(self) -> int:
        """The line of its first character."""
        return place(self.piece.text, self.piece.start)[0]

    @property
    def label(self) -> str:
        """The line, and the equation's tag where it has one."""
        return f"line {self.line}" + (f" ({self.piece.tag})" if self.piece.tag else "")


def parse(piece: Piece, step: str = "t", star: bool = True) -> Equation:
    """The terms of one equation.

    Args:
        piece: Where it stands.
        step: The letter that counts steps.
        star: Whether `*` multiplies elementwise. Where ⊙ does, it is a convolution.

    Raises:
        BadInput: This is not an equation in this notation; the message gives line, column and what was expected.
    """
    try:
        tree = _parser().parse(_with_paired_norms(piece.source))
    except lark.exceptions.UnexpectedInput as error:
        raise BadInput(_explained(error, piece)) from None
    try:
        sides = _Reader(step, star).transform(tree)
    except lark.exceptions.VisitError as error:
        if isinstance(error.orig_exc, BadInput):
            line, column = place(piece.text, piece.start)
            raise BadInput(f"line {line}, column {column}: {error.orig_exc}") from None
        raise
    relations = [str(t) for t in tree.children if isinstance(t, lark.Token)]
    arrow = any(r in (r"\leftarrow", r"\gets") for r in relations)
    return Equation(tuple(sides), piece, accumulates=any("+" in r for r in relations), assigns=arrow)


def expanded(e: Equation, members: Members, step: str = "t") -> list[Equation]:
    """The equation once for each member of the sets whose letters it uses.

    Args:
        e: The equation.
        members: The sets.
        step: The letter that counts steps.
    """
    found = [e]
    for letter, texts in members.items():
        if any(stands_in(side, letter) for side in e.sides):
            names = [s.name for text in texts if (s := script_symbol(text, step)) is not None]
            found = [replace(x, sides=tuple(substituted(s, letter, n) for s in x.sides)) for x in found for n in names]
    return found


def _with_paired_norms(source: str) -> str:
    r"""The text with every second `\\|` told apart from the one before it, at the same length."""
    sides = itertools.cycle(("⟦", "⟧"))
    return re.sub(r"\\\||\\Vert(?![A-Za-z])", lambda m: next(sides).ljust(len(m[0])), source)


def step_letter(text: str) -> str:
    """The letter that counts steps on a page: the one that is most often followed by −1 or +1 in a script."""
    found = re.findall(r"[_^]\s*\{[^{}]*?(?<![A-Za-z\\])(\\?[A-Za-z]+)\s*[-+−]\s*1", text)
    counts = {letter: found.count(letter) for letter in found if len(letter) == 1 or letter == r"\tau"}
    counts.pop("T", None)
    return max(counts, key=lambda letter: counts[letter]) if counts else "t"


@functools.cache
def _parser() -> lark.Lark:
    return lark.Lark((Path(__file__).parent / "grammar.lark").read_text(), start="chain", parser="lalr")


# ------------------------------------------------------------------------------------------------------------ errors

_KINDS = {
    "LETTER": "a symbol",
    "REL": "=",
    "SIGN": "+ or -",
    "RPAR": ")",
    "RBRACK": "]",
    "RBRACE": "}",
    "LBRACE": "{",
    "END": r"\end{pmatrix}",
    "RANGLE": r"\rangle",
    "COMMA": "a comma",
    "RNORM": r"\|",
    "$END": "the end",
}


def _explained(error: Any, piece: Piece) -> str:
    offset = getattr(error, "pos_in_stream", None)
    token = getattr(error, "token", None)
    at_end = token is not None and token.type == "$END"
    offset = piece.end - piece.start if at_end or offset is None else offset
    line, column = place(piece.text, min(piece.start + offset, piece.end))
    wanted = set(getattr(error, "expected", None) or getattr(error, "allowed", None) or ())
    kinds = [words for kind, words in _KINDS.items() if kind in wanted]
    closing = [words for words in kinds if words in (")", "]", "}", r"\rangle", r"\end{pmatrix}")]
    expected = closing[0] if at_end and closing else " or ".join(kinds[:3]) or "a symbol"
    rest = piece.source[offset:]
    got = "the end of the equation" if at_end else repr((re.match(r"\\[A-Za-z]+|.", rest, re.S) or [rest])[0])
    remedy = ""
    if not at_end and (command := re.match(r"\\[A-Za-z]+", rest)):
        remedy = f"; {command[0]} is not a command that is known here: write it out, or leave it away"
    return f"line {line}, column {column}: expected {expected}, got {got}{remedy}, in {_short(piece.source)}"


def _short(source: str) -> str:
    text = " ".join(source.split())
    return text if len(text) <= 60 else text[:57] + "…"


# ----------------------------------------------------------------------------------------------------------- scripts


@dataclass
class _Script:
    """What the scripts of one base say."""

    below: list[str]
    above: list[str]
    time: Time | None = None
    transposed: bool = False
    power: int | None = None
    primes: int = 0
    ordered: bool = False
    raw_below: str = ""


_TRANSPOSE = r"(?:\\top|\\intercal|\\prime|T|\\(?:mathsf|mathrm|text|mathbf)(?:\{T\}| T))"


def plain(text: str) -> str:
    """A script's text without braces, spaces and the commands that only choose a typeface."""
    text = text.strip()
    while text.startswith("{") and text.endswith("}"):
        text = text[1:-1].strip()
    text = re.sub(r"\\[,;:! ]", "", _WRAPPER.sub("", text))
    text = re.sub(r"^\{([^{}]*)\}$", r"\1", text.strip())
    return re.sub(r"(?<![A-Za-z])\s+|\s+(?![A-Za-z])", "", text.replace("−", "-"))


def _read_scripts(tokens: list[Any], step: str) -> _Script:
    script = _Script([], [])
    for token in tokens:
        if token.type == "PRIME":
            script.primes += 1
            continue
        text = str(token)[1:].strip()
        above = token.type == "SUP"
        if above and re.fullmatch(r"\{?\s*'+\s*\}?|\{?\\prime\}?", text):
            script.primes += 1
            continue
        bare = text[1:-1].strip() if text.startswith("{") else text
        if above and (found := re.fullmatch(rf"(.*?)\s*{_TRANSPOSE}", bare)):
            script.transposed = True
            text = found[1].strip(" ,")
        if not above:
            script.raw_below = bare
        for label in _labels(plain(text)):
            _put(script, label, above, step)
    return script


def _labels(text: str) -> list[str]:
    parts, depth = [""], 0
    for c in text:
        depth += (c in "({") - (c in ")}")
        if c in ",;" and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return [p for p in parts if p]


def _put(script: _Script, label: str, above: bool, step: str) -> None:
    bare = re.sub(r"^\\langle|\\rangle$|^[(<\[]|[)>\]]$", "", label).strip()
    if found := re.fullmatch(rf"({re.escape(step)}|T)([+-]\d+)?", bare):
        if script.time is not None:
            raise BadInput(f"two times at one symbol: {label}")
        script.time = Time("T" if found[1] == "T" else "t", int(found[2] or 0), "^" if above else "_")
    elif bare == "prev":
        script.time = Time("t", -1)
    elif above and re.fullmatch(r"\d+", label):
        script.power = int(label)
    elif above and (power := re.fullmatch(r"\\(?:circ|odot)(\d+)", label)):
        script.power = int(power[1])
    elif above and label == "+":
        script.ordered = True
    elif above and label == "-1":
        raise BadInput("an inverse, ^{-1}, has no place in these equations: expected a time, a label, T or a power")
    else:
        (script.above if above else script.below).append(bare)


# ------------------------------------------------------------------------------------------------------------- terms


@dataclass(frozen=True)
class _Partial:
    ordered: bool


@dataclass(frozen=True)
class _Nabla:
    by: str


@dataclass(frozen=True)
class _D:
    """∂ of a term."""

    of: Term
    ordered: bool


@dataclass(frozen=True)
class _Power:
    """tanh² before its argument."""

    fn: Fn
    exponent: int


class _Reader(lark.Transformer):
    """Builds terms from lark's tree, leaves first."""

    def __init__(self, step: str, star: bool = True) -> None:
        super().__init__()
        self.step, self.star = step, star

    # bases: each returns something that scripts can be put on

    def letter(self, children: list[Any]) -> Term:
        return Sym(Name(str(children[0]).strip()))

    bare = staticmethod(lambda children: children[0])

    def styled(self, children: list[Any]) -> Term:
        letter = _WRAPPER.sub("", str(children[0])).strip(" {}")
        style = re.match(r"\\(mathcal|mathscr)", str(children[0]))
        return Sym(Name(f"\\mathcal{{{letter}}}" if style else letter)) if not letter.isdigit() else Num(float(letter))

    def word(self, children: list[Any]) -> Term:
        word = re.sub(r"^\\[a-z]+\*?\s*\{\s*|\s*\}$", "", str(children[0]))
        return Fn(FUNCTIONS[word.lower()]) if word.lower() in FUNCTIONS else Sym(Name(rf"\mathrm{{{word}}}"))

    def number(self, children: list[Any]) -> Term:
        return Num(float(children[0]))

    def function(self, children: list[Any]) -> Term:
        word = str(children[0])[1:]
        if word not in FUNCTIONS:
            raise BadInput(rf"expected a function of {', '.join(sorted(set(FUNCTIONS.values())))}, got \{word}")
        return Fn(FUNCTIONS[word])

    def fraction_of_digits(self, children: list[Any]) -> Term:
        a, b = re.findall(r"\d", str(children[0]))[:2]
        return Div(Num(float(a)), Num(float(b)))

    def fraction(self, children: list[Any]) -> Term:
        return _quotient(*children[1:])

    def root(self, children: list[Any]) -> Term:
        raise BadInput("a square root is not in this notation")

    def accented(self, children: list[Any]) -> Term:
        accent = {"\\overline": "\\bar", "\\widetilde": "\\tilde", "\\widehat": "\\hat"}.get(
            str(children[0]), str(children[0])
        )
        inside = _bare_group(children[1])
        if isinstance(inside, Sym):
            return Sym(replace(inside.name, accent=(accent + inside.name.accent)), inside.time)
        raise BadInput(f"expected one symbol under {accent}")

    def group(self, children: list[Any]) -> Term:
        inside = children[-1]
        return inside if isinstance(inside, (Sym, Num, Fn, _D, Adj, Jacobian)) else Group(inside)

    def parens(self, children: list[Any]) -> Term:
        return Group(children[1])

    def hole(self, children: list[Any]) -> Term:
        return Group(Hole())

    def list_(self, children: list[Any]) -> Term:
        return [c for c in children if not isinstance(c, lark.Token)], str(children[1])

    def stack(self, children: list[Any]) -> Term:
        parts, separator = children[1]
        return Stack(tuple((p,) for p in parts)) if separator == ";" else Stack((tuple(parts),))

    def row(self, children: list[Any]) -> Term:
        return tuple(c for c in children if not isinstance(c, lark.Token))

    def rows(self, children: list[Any]) -> Term:
        return tuple(c for c in children if not isinstance(c, lark.Token))

    def matrix(self, children: list[Any]) -> Term:
        rows = children[1]
        return Group(rows[0][0]) if len(rows) == len(rows[0]) == 1 else Stack(rows)

    def angle(self, children: list[Any]) -> Term:
        left, right = (c for c in children if not isinstance(c, lark.Token))
        return Group(Outer(left, right))

    def norm(self, children: list[Any]) -> Term:
        return Group(SumAll(Pow(next(c for c in children if not isinstance(c, lark.Token)), 2)))

    def partial(self, children: list[Any]) -> Term:
        return _Partial(False)

    def nabla(self, children: list[Any]) -> Term:
        return _Nabla("")

    # scripts

    def atom(self, children: list[Any]) -> Term:
        base, *tokens = children
        if not tokens:
            return base
        script = _read_scripts(tokens, self.step)
        if isinstance(base, _Partial):
            return _Partial(script.ordered)
        if isinstance(base, _Nabla):
            return _Nabla(script.raw_below)
        if isinstance(base, Fn):
            fn = Fn(base.name, script.primes)
            return _Power(fn, script.power) if script.power else fn
        if isinstance(base, Group) and isinstance(base.arg, SumAll) and script.power == 2:  # a norm has its square
            return base
        if isinstance(base, Sym):
            base = self._named(base, script)
        elif script.time is not None or script.below or script.above:
            raise BadInput(f"expected a symbol below {''.join(map(str, tokens))}")
        if script.power:
            base = Pow(base, script.power)
        for _ in range(script.primes):
            base = Prime(base)
        return Transpose(base) if script.transposed else base

    def _named(self, base: Sym, script: _Script) -> Sym:
        if script.time is not None and base.time is not None:
            raise BadInput(f"two times at {base.name}")
        name = replace(
            base.name,
            below=",".join([*([base.name.below] if base.name.below else []), *script.below]),
            above=",".join([*([base.name.above] if base.name.above else []), *script.above]),
        )
        return Sym(name, script.time or base.time)

    # products and sums

    def dotted(self, children: list[Any]) -> Term:
        return children[-1]

    def divided(self, children: list[Any]) -> Term:
        return ("/", children[-1])

    def dot(self, children: list[Any]) -> Term:
        return _product(children, self.step)

    def had(self, children: list[Any]) -> Term:
        if not self.star and any(isinstance(c, lark.Token) and c.type == "STAR" for c in children):
            raise BadInput(r"* beside \odot is a convolution, which is not in this notation")
        factors = [c for c in children if not isinstance(c, lark.Token)]
        return factors[0] if len(factors) == 1 else Had(tuple(factors))

    def outer(self, children: list[Any]) -> Term:
        factors = [c for c in children if not isinstance(c, lark.Token)]
        left = factors[0]
        for right in factors[1:]:
            left = Outer(left, right)
        return left

    outer_in_sum = staticmethod(lambda children: children[0])
    term = staticmethod(lambda children: children[0])

    def total(self, children: list[Any]) -> Term:
        below = next((str(c)[1:] for c in children[1:-1] if c.type == "SUB"), "")
        above = next((str(c)[1:] for c in children[1:-1] if c.type == "SUP"), "")
        return _summed(children[-1], plain(below), plain(above), self.step)

    def sum(self, children: list[Any]) -> Term:
        terms, sign = [], "+"
        if len(children) > 1 and any(isinstance(c, (Fn, _Power)) for c in children):
            raise BadInput("a function stands without an argument")
        for child in children:
            if isinstance(child, lark.Token):
                sign = str(child)
            else:
                terms.append(child if sign == "+" else Neg(child))
                sign = "+"
        return added(terms) if len(terms) > 1 else terms[0]

    side = staticmethod(lambda children: children[0])

    def chain(self, children: list[Any]) -> Term:
        return [c for c in children if not isinstance(c, lark.Token)]


_LITTLE_D = Sym(Name("d"))


def _bare_group(term: Term) -> Term:
    while isinstance(term, Group):
        term = term.arg
    return term


def _quotient(over: Term, under: Term) -> Term:
    """A fraction, which may be a derivative."""
    over, under = _bare_group(over), _bare_group(under)
    top, bottom = _derivative(over), _derivative(under)
    if top is None or bottom is None:
        if isinstance(over, (_D, _Partial)) or isinstance(under, _D):
            raise BadInput(r"expected ∂ of one symbol above and below, as in \frac{\partial L}{\partial h_t}")
        return Div(over, under)
    return Jacobian(top.of, bottom.of, top.ordered or bottom.ordered)


def _derivative(term: Term) -> _D | None:
    """`term` as ∂v or dv."""
    if isinstance(term, _D):
        inside = _bare_group(term.of)
        return _D(inside, term.ordered) if isinstance(inside, Sym) else None
    is_it = isinstance(term, Dot) and len(term.factors) == 2 and term.factors[0] == _LITTLE_D
    return _D(term.factors[1], False) if is_it and isinstance(term.factors[1], Sym) else None


def _product(items: list[Any], step: str) -> Term:
    """Factors side by side: derivatives, functions with their arguments, times in brackets, quotients."""
    found: list[Any] = []
    k = 0
    while k < len(items):
        item = items[k]
        after = items[k + 1] if k + 1 < len(items) else None
        k += 1
        if isinstance(item, tuple) and isinstance(item[1], _Partial) and found and after is not None:
            found.append(_quotient(found.pop(), _D(after, item[1].ordered)))
            k += 1
        elif isinstance(item, tuple) and item[1] == _LITTLE_D and found[-2:-1] == [_LITTLE_D] and after is not None:
            found[-2:] = [_quotient(_D(found[-1], False), _D(after, False))]
            k += 1
        elif isinstance(item, tuple) and item[0] == "/":
            found.append(_quotient(found.pop(), item[1]) if found else item[1])
        elif isinstance(item, _Partial):
            if after is None or isinstance(after, tuple):
                raise BadInput(r"expected a symbol after \partial")
            found.append(_D(after, item.ordered))
            k += 1
        elif isinstance(item, _Nabla):
            by = _symbol_of(item.by, step)
            if isinstance(after, Sym):
                k += 1
            found.append(Jacobian(after if isinstance(after, Sym) else Sym(Name("L")), by))
        elif isinstance(item, (Fn, _Power)) and after is not None:
            fn = item.fn if isinstance(item, _Power) else item
            argument, wrap = _unwrapped(after)
            applied = Diag(argument) if fn.name == "diag" else Apply(fn, argument)
            found.append(wrap(Pow(applied, item.exponent) if isinstance(item, _Power) else applied))
            k += 1
        elif isinstance(item, Sym) and item.name.letter.startswith(r"\mathrm{") and isinstance(after, (Group, Stack)):
            known = ", ".join(sorted(set(FUNCTIONS.values())))
            raise BadInput(f"expected a function of {known}, got {item.name}")
        elif isinstance(item, Sym) and item.time is None and (moment := _bracketed_time(after, step)):
            time, wrap = moment
            found.append(wrap(Sym(item.name, time)))
            k += 1
        elif _is_functions(item) and after is not None:
            whole = _product(list(items[k:]), step)
            whole = whole.arg if isinstance(whole, Group) else whole
            fns = [row[0] for row in item.rows]
            found.append(Stack(tuple((Apply(fn, Part(whole, n, (Name(str(len(fns))),))),) for n, fn in enumerate(fns))))
            k = len(items)
        else:
            found.append(item)
    return found[0] if len(found) == 1 else Dot(tuple(found))


def _unwrapped(term: Term) -> tuple[Term, Any]:
    """The argument of a function, and what its scripts do to the function's value: `\\tanh(c)^2`."""
    if isinstance(term, (Pow, Transpose)):
        inner = term.base if isinstance(term, Pow) else term.arg
        if isinstance(inner, (Group, Transpose, Pow)):
            argument, wrap = _unwrapped(inner)
            if isinstance(term, Pow):
                return argument, lambda v: Pow(wrap(v), term.exponent)
            return argument, lambda v: Transpose(wrap(v))
    return _bare_group(term), lambda v: v


def _is_functions(term: Term) -> bool:
    return isinstance(term, Stack) and all(len(row) == 1 and isinstance(row[0], Fn) for row in term.rows)


def _bracketed_time(term: Term, step: str) -> tuple[Time, Any] | None:
    """`(t - 1)` after a symbol, and what its scripts do to the symbol: `d(t)^T`."""
    inner = term.base if isinstance(term, Pow) else term.arg if isinstance(term, Transpose) else term
    time = _time(inner.arg, step) if isinstance(inner, Group) else None
    return None if time is None else (time, _unwrapped(term)[1])


def _time(term: Term, step: str) -> Time | None:
    """`t`, `t - 1`, `T` … as a time."""
    terms = term.terms if isinstance(term, Add) else (term,)
    if len(terms) > 2 or not isinstance(terms[0], Sym) or terms[0].time is not None:
        return None
    anchor = {Name(step): "t", Name("T"): "T"}.get(terms[0].name)
    if anchor is None:
        return None
    if len(terms) == 1:
        return Time(anchor, 0, "(")
    sign, value = (-1, terms[1].arg) if isinstance(terms[1], Neg) else (1, terms[1])
    return Time(anchor, sign * int(value.value), "(") if isinstance(value, Num) else None


def _symbol_of(text: str, step: str) -> Sym:
    r"""The quantity that a script names, as in \\nabla_{h_t}."""
    try:
        term = _bare_group(_Reader(step).transform(_parser().parse(text))[0])
    except lark.exceptions.LarkError:
        term = None
    if not isinstance(term, Sym):
        raise BadInput(rf"expected one symbol below \nabla, got {text or 'nothing'}")
    return term


def script_symbol(text: str, step: str) -> Sym | None:
    r"""The quantity that a script names, as in \\delta_{c_t}; None where it is none."""
    try:
        return _symbol_of(text, step)
    except BadInput:
        return None


def _summed(term: Term, below: str, above: str, step: str) -> Term:
    if below in ("B", "b"):
        return SumB(term)
    if below == "" and above == "":
        return SumT(term)
    index, _, low = below.partition("=")
    if members := re.fullmatch(r"(\\?[A-Za-z]+)\\in\\\{(.*)\\\}", below):
        names = [script_symbol(m, step) for m in members[2].split(",")]
        return Group(added([substituted(term, members[1], n.name) for n in names if n is not None]))
    index = re.sub(r"\\leq?.*$", "", index)
    if index != step:
        raise BadInput(f"expected a sum over {step} or over the batch B, got one over {below or above}")
    return SumT(term, _bound(low, step), _bound(above, step))


def _bound(text: str, step: str) -> Time | None:
    if not text:
        return None
    if found := re.fullmatch(r"T([+-]\d+)?", text):
        return Time("T", int(found[1] or 0))
    if re.fullmatch(r"\d+", text):
        return Time("", int(text))
    raise BadInput(f"expected a bound as 1, T or T-1, got {text}")
