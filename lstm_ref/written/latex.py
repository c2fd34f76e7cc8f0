"""Terms as LaTeX, in the letters and signs of the page they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from lstm_ref.written.evaluate import Meaning
from lstm_ref.written.reading import Reading, is_hidden
from lstm_ref.written.terms import (
    Add,
    Adj,
    Apply,
    Diag,
    Div,
    Dot,
    Had,
    Hole,
    Jacobian,
    Name,
    Neg,
    Num,
    Outer,
    Pow,
    Stack,
    StackedBlock,
    Steps,
    SumAll,
    SumB,
    SumT,
    Sym,
    Term,
    Time,
    Transpose,
    adjoints,
)

_SUM, _OUTER, _HAD, _DOT, _ATOM = 1, 2, 3, 4, 9
_PLAIN = {"tanh": r"\tanh", "sigmoid": r"\sigma", "exp": r"\exp", "log": r"\log"}


@dataclass
class Style:
    """How a page writes what can be written in several ways."""

    step: str = "t"
    last: str = "T"
    hadamard: str = r"\odot"
    transpose: str = r"\top"
    time: str = "_{%s}"
    mark: str = "frac"
    loss: str = "L"
    step_loss: str = "L"
    ordered: bool = False
    """A plain ∂ is the direct derivative."""
    timed: bool = True
    typefaces: dict[str, str] = field(default_factory=dict)
    symbols: dict[Name, Name] = field(default_factory=dict)
    """By value, the open symbol that is its adjoint."""
    squashed: dict[Name, Name] = field(default_factory=dict)
    """By value, its pre-activation, where the sign for the value's adjoint means the adjoint of that."""
    written: set[Name] = field(default_factory=set)
    """Quantities whose adjoint the page has a sign for, or speaks of."""


def style_of(text: str, reading: Reading, meanings: dict[Name, Meaning], step: str) -> Style:
    """The style of a page."""
    marks = [a.mark for line in reading.lines for a in adjoints(line.left) if a.mark != "?"]
    above = len(re.findall(rf"\^\s*(?:\{{\(?|\()?\s*{re.escape(step)}(?![A-Za-z])", text))
    below = len(re.findall(rf"_\s*(?:\{{[^{{}}]*)?{re.escape(step)}(?![A-Za-z])", text))
    brackets = len(re.findall(rf"[A-Za-z}}]\s*\(\s*{re.escape(step)}\s*(?:[-+]\s*1\s*)?\)", text))
    raised = "^{(%s)}" if re.search(rf"\^\s*\{{\(\s*{re.escape(step)}", text) else "^{%s}"
    symbols = {m.of: name for name, m in meanings.items() if m.kind == "adjoint" and m.of is not None}
    spoken = {a.of.name for line in reading.lines for side in (line.left, line.right) for a in adjoints(side)}
    return Style(
        step=step,
        last=r"\tau" if r"\tau" in text and step != r"\tau" else "T",
        hadamard=max((r"\odot", r"\circ", ".*", "*"), key=text.count),
        transpose=r"\top" if r"\top" in text or "^T" not in text.replace("{", "") else "T",
        time="(%s)" if brackets > max(above, below) else raised if above > below else "_{%s}",
        mark=_mark(text, marks),
        loss=reading.loss_letter,
        step_loss=reading.step_loss_letter,
        ordered=reading.ordered,
        timed=reading.timed,
        typefaces={m[2]: m[0] for m in re.finditer(r"\\(mathbf|boldsymbol|bm)\s*\{(\\?[A-Za-z]+)\}", text)},
        symbols=symbols,
        squashed=_squashed(reading, spoken, marks),
        written=spoken | set(symbols),
    )


def _mark(text: str, marks: list[str]) -> str:
    usual = max(dict.fromkeys(marks), key=marks.count) if marks else "frac"
    return "nabla" if usual == "frac" and text.count(r"\nabla") > text.count(r"\partial") else usual


def _squashed(reading: Reading, spoken: set[Name], marks: list[str]) -> dict[Name, Name]:
    found = {v: reading.preactivation(v) for v in reading.values}
    prefixed = {"d", r"\delta"} & set(marks)
    return {v: pre for v, pre in found.items() if prefixed and pre in spoken and is_hidden(pre)}


def latex(term: Term, style: Style) -> str:
    """The term as LaTeX."""
    return _Writer(style).text(term, 0)


class _Writer:
    def __init__(self, style: Style) -> None:
        self.style = style

    def text(self, term: Term, needed: int) -> str:
        shown, binds = self.write(term)
        return shown if binds >= needed else f"({shown})"

    def write(self, term: Term) -> tuple[str, int]:
        match term:
            case Num():
                return f"{term.value:g}", _ATOM
            case Steps():
                return self.style.last, _ATOM
            case Sym():
                return self.symbol(term), _ATOM
            case Adj():
                shown = self.adjoint(term)
                return shown, _DOT if shown.startswith(r"\nabla") else _ATOM
            case Neg():
                return "-" + self.text(term.arg, _OUTER), _SUM
            case Add():
                first, *rest = (self.text(t, _SUM) for t in term.terms)
                return first + "".join(f" - {t[1:]}" if t.startswith("-") else f" + {t}" for t in rest), _SUM
            case Outer():
                return rf"{self.text(term.left, _HAD)} \otimes {self.text(term.right, _HAD)}", _OUTER
            case Had():
                return f" {self.style.hadamard} ".join(self.text(f, _DOT) for f in term.factors), _HAD
            case Dot():
                return " ".join(self.text(f, _ATOM) for f in term.factors), _DOT
            case Transpose():
                return self.raised(self.text(term.arg, _ATOM), self.style.transpose), _ATOM
            case Pow() if isinstance(term.base, Apply):
                return f"{self.function(term.base)}^{term.exponent}({self.text(term.base.arg, 0)})", _ATOM
            case Pow():
                return self.raised(self.text(term.base, _ATOM), str(term.exponent)), _ATOM
            case Apply():
                return f"{self.function(term)}({self.text(term.arg, 0)})", _ATOM
            case Div():
                return rf"\frac{{{self.text(term.over, 0)}}}{{{self.text(term.under, 0)}}}", _ATOM
            case Diag():
                return rf"\mathrm{{diag}}({self.text(term.arg, 0)})", _ATOM
            case Stack():
                rows = [" & ".join(self.text(x, 0) for x in row) for row in term.rows]
                if len(rows) == 1:
                    return "[" + ", ".join(self.text(x, 0) for x in term.rows[0]) + "]", _ATOM
                return r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}", _ATOM
            case StackedBlock():
                return rf"({self.text(term.arg, 0)})_{{{self.block(term)}}}", _ATOM
            case SumT():
                return self.sum(term), _HAD
            case SumB():
                return rf"\sum_B {self.text(term.arg, _HAD)}", _HAD
            case SumAll() if isinstance(term.arg, Had) and len(term.arg.factors) == 2:
                first, second = term.arg.factors
                return rf"\langle {self.text(first, 0)}, {self.text(second, 0)} \rangle", _ATOM
            case SumAll():
                return rf"\langle {self.text(term.arg, 0)} \rangle", _ATOM
            case Jacobian():
                return rf"\frac{{\partial {self.symbol(term.of)}}}{{\partial {self.symbol(term.by)}}}", _ATOM
            case Hole():
                return r"\cdot", _ATOM
        return rf"\texttt{{{type(term).__name__}}}", _ATOM

    def sum(self, term: SumT) -> str:
        low = "" if term.low is None else f"={self.moment(term.low)}"
        high = "" if term.high is None else f"^{{{self.moment(term.high)}}}"
        return rf"\sum_{{{self.style.step}{low}}}{high} {self.text(term.arg, _HAD)}"

    def block(self, term: StackedBlock) -> str:
        name = term.like[term.index if term.index < len(term.like) else 0]
        return str(term.index + 1) if name.letter.isdigit() else self.named(name, None)

    def function(self, term: Apply) -> str:
        name = term.fn.name
        shown = _PLAIN.get(name) or (
            name.removeprefix("function ") if name.startswith("function ") else rf"\mathrm{{{name}}}"
        )
        return shown + "'" * term.fn.order

    def raised(self, text: str, power: str) -> str:
        power = power if len(power) == 1 or power.startswith("\\") else f"{{{power}}}"
        return f"{{{text}}}^{power}" if "^" in text and not text.endswith(")") else f"{text}^{power}"

    def moment(self, time: Time) -> str:
        anchor = {"t": self.style.step, "T": self.style.last, "": ""}[time.anchor]
        if not anchor:
            return str(time.offset)
        return anchor + (f"{time.offset:+d}" if time.offset else "")

    def named(self, name: Name, time: Time | None) -> str:
        if is_hidden(name):
            return rf"\mathrm{{net}}_{{{self._and_time(name.below, time)}}}"
        if " " in name.letter:  # an open symbol made of a mark and a letter
            mark, letter = name.letter.split(" ", 1)
            return f"{mark} {self.named(replace(name, letter=letter), time)}"
        letter = self.style.typefaces.get(name.letter, name.letter)
        for accent in re.findall(r"\\[a-z]+", name.accent)[::-1]:
            alone = len(letter) == 1 or re.fullmatch(r"\\[A-Za-z]+(\{.*\})?", letter)
            letter = f"{accent} {letter}" if alone else f"{accent}{{{letter}}}"
        hides = time is None or (not self.style.timed and time == Time())
        below, above = name.below, re.sub(r"(?<![^,])(\d+)(?![^,])", r"(\1)", name.above)  # h^{(2)}; h^2 is its square
        shown = "" if hides or time is None else self.moment(time)
        form = self.style.time
        if time is not None and time.where and time.where != form[0]:
            form = {"_": "_{%s}", "^": "^{%s}", "(": "(%s)"}[time.where]
        if shown and form == "_{%s}":
            below = f"{below},{shown}" if below else shown
        elif shown and form.startswith("^"):
            raised = form[2:-1] % shown
            above = f"{above},{raised}" if above else raised
        text = letter + _script("_", below) + _script("^", above)
        return text + (f"({shown})" if shown and form == "(%s)" else "")

    def _and_time(self, below: str, time: Time | None) -> str:
        return f"{below},{self.moment(time)}" if time is not None and self.style.timed else below

    def symbol(self, term: Sym) -> str:
        return self.named(term.name, term.time)

    def adjoint(self, term: Adj) -> str:
        name, time = term.of.name, term.of.time
        if not term.part and name in self.style.symbols:
            return self.named(self.style.symbols[name], time)
        mark = term.mark if term.mark != "?" else self.style.mark
        loss = self.style.loss
        value = next((v for v, inner in self.style.squashed.items() if inner == name), None)
        of = self.symbol(term.of if value is None else replace(term.of, name=value))
        if term.part:
            mark = "frac" if self.style.ordered else "step"
        if mark == "bar" and not is_hidden(name):
            return self.named(replace(name, accent=r"\bar" + name.accent), time)
        if mark == "nabla" or (mark == "frac" and not term.part and self.style.mark == "nabla"):
            return rf"\nabla_{{{of}}} {loss}"
        if mark == "ordered":
            return rf"\frac{{\partial^+ {loss}}}{{\partial {of}}}"
        if mark == "step":
            apart = int(term.part.removeprefix("step") or 0) + (time.offset if time is not None else 0)
            letter = f"{self.style.step_loss}{_script('_', self.moment(Time('t', apart)))}"
            return rf"\frac{{\partial {letter}}}{{\partial {of}}}"
        if mark in ("frac", "bar"):
            return rf"\frac{{\partial {loss}}}{{\partial {of}}}"
        return f"{mark} {of}"


def _script(sign: str, text: str) -> str:
    return "" if not text else f"{sign}{text}" if len(text) == 1 else f"{sign}{{{text}}}"
