"""Terms from the tree of the grammar, leaves first."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import lark

from lstm_ref.errors import BadInput
from lstm_ref.written.derivatives import D, Nabla, Partial, bare_group, quotient
from lstm_ref.written.products import FUNCTIONS, Power, product
from lstm_ref.written.scripts import WRAPPER, Scripts, plain, read_scripts
from lstm_ref.written.terms import (
    Adj,
    Apply,
    Brackets,
    Div,
    Dot,
    Fn,
    Had,
    Hole,
    Jacobian,
    Name,
    Neg,
    Num,
    Outer,
    Pow,
    Prime,
    Stack,
    SumAll,
    Sym,
    Term,
    Transpose,
    added,
)
from lstm_ref.written.totals import summed


@functools.cache
def grammar() -> lark.Lark:
    """The parser of one equation."""
    return lark.Lark((Path(__file__).parent / "grammar.lark").read_text(), start="chain", parser="lalr")


def sides_of(tree: lark.Tree[Any], step: str, star: str = "elementwise") -> list[Term]:
    """The sides of one equation as terms, from left to right.

    Args:
        tree: What the grammar makes of it.
        step: The letter that counts steps.
        star: What `*` means: "elementwise", "matrix" product, or "convolution".
    """
    return _Builder(step, star).transform(tree)


class _Builder(lark.Transformer):
    """Builds terms from lark's tree, leaves first."""

    def __init__(self, step: str, star: str = "elementwise") -> None:
        super().__init__()
        self.step, self.star = step, star

    # bases: each returns something that scripts can be put on

    def letter(self, children: list[Any]) -> Term:
        return Sym(Name(str(children[0]).strip()))

    bare = staticmethod(lambda children: children[0])

    def styled(self, children: list[Any]) -> Term:
        letter = WRAPPER.sub("", str(children[0])).strip(" {}")
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
        return quotient(*children[1:])

    def root(self, children: list[Any]) -> Term:
        raise BadInput("a square root is not in this notation")

    def accented(self, children: list[Any]) -> Term:
        accent = {"\\overline": "\\bar", "\\widetilde": "\\tilde", "\\widehat": "\\hat"}.get(
            str(children[0]), str(children[0])
        )
        inside = bare_group(children[1])
        if isinstance(inside, Sym):
            return Sym(replace(inside.name, accent=(accent + inside.name.accent)), inside.time)
        raise BadInput(f"expected one symbol under {accent}")

    def group(self, children: list[Any]) -> Term:
        inside = children[-1]
        return inside if isinstance(inside, (Sym, Num, Fn, D, Adj, Jacobian)) else Brackets(inside)

    def parens(self, children: list[Any]) -> Term:
        return Brackets(children[1])

    def hole(self, children: list[Any]) -> Term:
        return Brackets(Hole())

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
        return Brackets(rows[0][0]) if len(rows) == len(rows[0]) == 1 else Stack(rows)

    def angle(self, children: list[Any]) -> Term:
        left, right = (c for c in children if not isinstance(c, lark.Token))
        return Brackets(Outer(left, right, is_angle=True))

    def norm(self, children: list[Any]) -> Term:
        return Brackets(SumAll(Pow(next(c for c in children if not isinstance(c, lark.Token)), 2)))

    def partial(self, children: list[Any]) -> Term:
        return Partial(False)

    def nabla(self, children: list[Any]) -> Term:
        return Nabla(None)

    # scripts

    def atom(self, children: list[Any]) -> Term:
        base, *tokens = children
        if not tokens:
            return base
        if base == Sym(Name("e")) and (risen := self._exponent(tokens)) is not None:
            return Apply(Fn("exp"), risen)
        script = read_scripts(tokens, self.step)
        if isinstance(base, Partial):
            return Partial(script.ordered)
        if isinstance(base, Nabla):
            return Nabla(symbol_of(script.raw_below, self.step))
        if isinstance(base, Fn):
            fn = Fn(base.name, script.primes)
            return Power(fn, script.power) if script.power else fn
        if isinstance(base, Brackets) and isinstance(base.arg, SumAll) and script.power == 2:  # a norm has its square
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

    def _exponent(self, tokens: list[Any]) -> Term | None:
        """The a_t of e^{a_t}: what is raised has a script of its own, which a time or a label lacks."""
        text = str(tokens[0])[1:].strip()
        if len(tokens) != 1 or tokens[0].type != "SUP" or "_" not in text:
            return None
        try:
            return bare_group(sides_of(grammar().parse(text), self.step, self.star)[0])
        except lark.exceptions.LarkError:
            return None

    def _named(self, base: Sym, script: Scripts) -> Sym:
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
        return product(children, self.step)

    def had(self, children: list[Any]) -> Term:
        starred = any(isinstance(c, lark.Token) and c.type == "STAR" for c in children)
        if starred and self.star == "convolution":
            raise BadInput(r"* beside \odot is a convolution, which is not in this notation")
        factors = [c for c in children if not isinstance(c, lark.Token)]
        if starred and self.star == "matrix":
            return Dot(tuple(factors))
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
        return summed(children[-1], plain(below), plain(above), self.step, script_symbol)

    def sum(self, children: list[Any]) -> Term:
        terms, sign = [], "+"
        if len(children) > 1 and any(isinstance(c, (Fn, Power)) for c in children):
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


def symbol_of(text: str, step: str) -> Sym:
    r"""The quantity that a script names, as in \\nabla_{h_t}."""
    try:
        term = bare_group(sides_of(grammar().parse(text), step)[0])
    except lark.exceptions.LarkError:
        term = None
    if not isinstance(term, Sym):
        raise BadInput(rf"expected one symbol below \nabla, got {text or 'nothing'}")
    return term


def script_symbol(text: str, step: str) -> Sym | None:
    r"""The quantity that a script names, as in \\delta_{c_t}; None where it is none."""
    try:
        return symbol_of(text, step)
    except BadInput:
        return None
