"""A written derivation, from text to report."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from lstm_ref.errors import BadInput
from lstm_ref.written.chains import jacobian_line, said_to_be, without_jacobians
from lstm_ref.written.conventions import (
    ChosenReading,
    again,
    as_rows,
    choose,
    in_rows,
    of_squashed,
    with_parameters_added,
    without_dots,
)
from lstm_ref.written.derive import Deriver
from lstm_ref.written.edits import Editor, LineEdit
from lstm_ref.written.evaluate import CannotRead, KnownValues, Meaning
from lstm_ref.written.forward import softmax_over_steps
from lstm_ref.written.judge import holds_in_floats, is_contribution, judged
from lstm_ref.written.latex import Style, latex, style_of
from lstm_ref.written.macros import without_macros
from lstm_ref.written.page import RELATION, Piece, pieces, place
from lstm_ref.written.parser import WrittenEquation, expanded, parse, step_letter
from lstm_ref.written.read import read
from lstm_ref.written.reading import NOW, BackwardLine, Reading, is_hidden
from lstm_ref.written.report import LineReport, Missing, PageReport
from lstm_ref.written.shapes import Shapes, infer, of_numbers
from lstm_ref.written.templates import sets_of, without_suffix
from lstm_ref.written.terms import (
    Add,
    Adj,
    Apply,
    Jacobian,
    Name,
    SumT,
    Sym,
    Term,
    added,
    distributed,
    shifted,
    symbols,
)
from lstm_ref.written.truth import PageTruth, Scope, blank_world


def check_file(path: Path, seed: int = 0) -> PageReport:
    """The report on a written derivation.

    Args:
        path: Markdown or LaTeX.
        seed: Of the random numbers that the equations are evaluated on.

    Raises:
        BadInput: It cannot be read, or holds no equations in this notation; the message gives line and column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        at = f"byte {error.object[error.start]:#04x} at position {error.start}"
        raise BadInput(f"{path}: is not UTF-8 text: {at}") from None
    try:
        return check_text(text, is_tex=path.suffix == ".tex", name=path.name, seed=seed)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def check_text(text: str, *, is_tex: bool = False, name: str = "page", seed: int = 0) -> PageReport:
    """The report on a written derivation.

    Args:
        text: Markdown with displayed formulas, or LaTeX.
        is_tex: Whether it is LaTeX.
        name: For the report.
        seed: Of the random numbers that the equations are evaluated on.

    Raises:
        BadInput: It holds no equations in this notation; the message gives line and column.

    Example:
        >>> page = r'''
        ... $$h_t = \\tanh(W x_t + U h_{t-1})$$
        ... $$\\nabla_U L = \\sum_t ((1 - h_t^2) \\odot \\nabla_{h_t} L) h_t^\\top$$
        ... '''
        >>> report = check_text(page)
        >>> report.verdict, report.lines[0].finding
        ('wrong', 'h_t stands where h_{t-1} belongs')
    """
    start = time.perf_counter()
    text = without_macros(text, is_tex)
    step = step_letter(text)
    equations, unread = _equations(text, is_tex, step)
    in_sentences = all(e.piece.inline for e in equations) and not unread
    if in_sentences:  # a page that displays nothing
        equations = [replace(e, piece=replace(e.piece, inline=False)) for e in equations]
    try:
        reading = read(equations, step)
    except BadInput as error:
        if not unread:
            raise
        raise BadInput(f"{unread[0].finding}" if not equations else f"{error}; {unread[0].finding}") from None
    if in_sentences and not (reading.states and reading.timed):
        raise BadInput("no displayed equation was found, and the formulas of the sentences are not a recurrent step")
    unread += [_refused(e, reason) for e, reason in reading.refused if not e.piece.inline]
    sums_batch = bool(re.search(r"\\sum(?:\\limits)?_\{?[Bb]\}?(?![A-Za-z])", text))
    shapes = infer(reading, batch=2 if sums_batch else 1)
    over_steps = softmax_over_steps(reading, shapes)
    reading.lines = without_dots(reading)
    _follow_chains(reading, shapes)
    reading, shapes, chosen = _best(reading, shapes, seed)
    more_truths = again(chosen, reading, shapes, seed) if _has_kinks(reading) else ()
    checker = _Checker(_formulas(equations), reading, shapes, chosen, step, more_truths)
    lines = _as_far_as_read(checker.lines(), unread) + unread
    return PageReport(
        name=name,
        shapes=checker.shapes_shown(),
        conventions=(*checker.conventions(), *(["the softmax of a number is over the steps"] if over_steps else [])),
        lines=tuple(sorted(lines, key=lambda line: line.line)),
        missing=tuple(checker.missing()),
        seconds=time.perf_counter() - start,
    )


def _has_kinks(reading: Reading) -> bool:
    """Whether a slope is 0 or 1: on few numbers a wrong argument has the right one's sign by chance."""
    return any(isinstance(t, Apply) and t.fn.name == "relu" for d in reading.values.values() for t in d.right.subterms)


def _refused(e: WrittenEquation, reason: str) -> LineReport:
    return LineReport(e.line, e.piece.tag, _source(e), "unchecked", None, reason)


def _best(reading: Reading, shapes: Shapes, seed: int) -> tuple[Reading, Shapes, ChosenReading]:
    """The page, and its open points, read so that the most lines are right: δo and do may be the adjoints of o, or of
    what it is the sigmoid of, where the page has no symbol for that; adjoints of columns may be columns or rows; small
    letters may all be single numbers."""
    best = reading, choose(reading, shapes, seed)
    others: list[Callable[[], Reading | None]] = [
        partial(with_parameters_added, reading),
        partial(of_squashed, reading),
    ]
    others += [partial(in_rows, reading, shapes, matrices) for matrices in (False, True)]
    for other in others:
        if all(best[1].is_right):
            break
        if (read_so := other()) is not None:
            again = choose(read_so, shapes, seed)
            best = (read_so, again) if again.wrong < best[1].wrong else best
    if not all(best[1].is_right) and (numbers := of_numbers(reading)) is not None:
        again = choose(reading, numbers, seed)
        if again.wrong < best[1].wrong:
            return reading, numbers, again
    return best[0], shapes, best[1]


def _equations(text: str, is_tex: bool, step: str) -> tuple[list[WrittenEquation], list[LineReport]]:
    """The equations, and a report on each display that is none in this notation."""
    found: list[WrittenEquation] = []
    unread: list[LineReport] = []
    sets = sets_of(text)
    every = pieces(text, is_tex)
    star = _star(text, every)
    for piece in every:
        if not RELATION.search(piece.source):
            continue
        piece, own = without_suffix(piece)
        try:
            found += expanded(parse(piece, step, star), sets | own, step)
        except BadInput as error:
            if not piece.inline:  # a sentence may hold anything
                line = place(piece.text, piece.start)[0]
                source = " ".join(piece.source.split())
                unread.append(LineReport(line, piece.tag, source, "unchecked", None, str(error)))
    return found, unread


_MATRIX_STAR = re.compile(r"\$\s*(?:\*|\\ast)\s*\$[^.$]{0,40}?\bmatrix (?:product|multiplication)")


def _star(text: str, every: list[Piece]) -> str:
    """What `*` means: what a sentence of the page says, else a convolution beside ⊙, else the elementwise product."""
    if _MATRIX_STAR.search(text):
        return "matrix"
    circled = any(re.search(r"\\odot|⊙", p.source) for p in every if not p.inline)
    return "convolution" if circled else "elementwise"


def _follow_chains(reading: Reading, shapes: Shapes) -> None:
    """Replaces Jacobians on the right sides."""
    sides = [side for line in reading.lines for side in (line.left, line.right)]
    if any(isinstance(t, Jacobian) for side in sides for t in side.subterms):
        deriver = Deriver(reading, blank_world(reading, shapes), Scope("step", ()), set(), {})
        said = said_to_be(reading)
        lines = [replace(x, right=without_jacobians(x.right, deriver, said)) for x in reading.lines]
        reading.lines = [jacobian_line(x, deriver) or x for x in lines]


UNREAD = (
    "its symbol is what this line says, and no line about an adjoint reads it: nothing holds it to the forward pass"
)
_ADJOINT = re.compile(r"\\bar|\\overline|\\partial|\\nabla|\\delta|\\Delta|\\(?:var)?epsilon|d[A-Za-z]_")


def _as_far_as_read(lines: list[LineReport], unread: list[LineReport]) -> list[LineReport]:
    """The lines, none called wrong where the page may have been misread: where a display that may belong to the forward
    pass could not be read, or where most lines are wrong and what is wrong with them could not be named."""
    forward = next((u for u in unread if not _ADJOINT.search(u.source.split("=")[0])), None)
    wrong = [line for line in lines if line.verdict == "wrong"]
    unnamed = [line for line in wrong if line.corrected is None]
    if forward is not None:
        why = f"not equal as far as the page could be read; line {forward.line} could not"
    elif 2 * len(wrong) > len(lines) and 2 * len(unnamed) > len(wrong):
        why = "not equal under any reading of this page that was tried, nor are most of its lines"
    else:
        return lines
    return [_unsure(line, why) if line.verdict == "wrong" else line for line in lines]


def _unsure(report: LineReport, why: str) -> LineReport:
    return replace(report, verdict="unchecked", digits=None, finding=why, corrected=None, steps=None)


def _source(e: WrittenEquation) -> str:
    return " ".join(e.piece.source.split())


def _reads(term: Term, part: Term) -> bool:
    return part in term.subterms


def _formulas(equations: list[WrittenEquation]) -> str:
    """The text of the formulas, for the page's habits."""
    return "\n".join(e.piece.source for e in equations)


TRIED = 3000
"""Largest number of edits tried on one line; all slips planted in the tests are found within it."""

SLIPS = 3
"""Largest number of terms of one line in which slips are looked for; where more are wrong, the whole right side is
given."""


class _Checker:
    def __init__(
        self,
        text: str,
        reading: Reading,
        shapes: Shapes,
        chosen: ChosenReading,
        step: str,
        more_truths: tuple[PageTruth, ...],
    ) -> None:
        self.reading, self.shapes, self.chosen = reading, shapes, chosen
        self.style: Style = style_of(text, reading, chosen.meanings, step)
        self.style.written |= {n for n, d in reading.values.items() if self._has_line(n)}
        outside = {m.of: n for n, m in chosen.meanings.items() if m.kind == "given" and m.of is not None}
        truth = chosen.truth
        self.deriver = Deriver(reading, truth.floats, truth.scope, self.style.written, outside)
        self.editor = Editor(reading, shapes.sizes, self.style, chosen.meanings)
        self.said = said_to_be(reading)
        self.truths = [truth, *more_truths]
        """The numbers that a line must be right on."""
        self._slipped_once: list[BackwardLine] = []
        """Wrong lines that one edit makes right."""

    def _has_line(self, name: Name) -> bool:
        return any(isinstance(line.left, Adj) and line.left.of.name == name for line in self.reading.lines)

    # -------------------------------------------------------------------------------------------------- lines

    def lines(self) -> list[LineReport]:
        """The verdict on every line. If a line is wrong only because an auxiliary symbol that it reads is, the mistake
        is named at the line that says what the symbol is; if it may be in either line, both are named."""
        reports = [self.line(line) for line in self.reading.lines]
        for k, line in enumerate(self.reading.lines):
            if reports[k].verdict != "wrong" or (cause := self._cause(line)) is None:
                continue
            origin, edit = cause
            if line in self._slipped_once:
                or_there = f"{reports[k].finding}; or, in line {origin.equation.line}, {edit.sentence}"
                reports[k] = replace(reports[k], finding=or_there)
                continue
            at = self.reading.lines.index(origin)
            corrected = self._equation(origin.left, edit.right, origin.equation)
            reports[at] = replace(reports[at], verdict="wrong", finding=edit.sentence, corrected=corrected)
            reports[k] = replace(reports[k], verdict="right", finding=None, corrected=None, steps=None)
        held = self._held_symbols()
        reports = [
            replace(report, verdict="unchecked", digits=None, finding=UNREAD)
            if (name := self._auxiliary(line)) is not None and name not in held and report.verdict == "right"
            else report
            for line, report in zip(self.reading.lines, reports, strict=True)
        ]
        return [x for line, report in zip(self.reading.lines, reports, strict=True) for x in self._apart(line, report)]

    def _apart(self, line: BackwardLine, report: LineReport) -> list[LineReport]:
        """The reports on the equations that a line is the sum of. The one whose edit makes the sum right is wrong."""
        if not line.summands:
            return [report]
        alike = [
            replace(report, line=s.equation.line, tag=s.equation.piece.tag, source=_source(s.equation))
            for s in line.summands
        ]
        if report.verdict != "wrong":
            return alike
        right = lambda r: replace(r, verdict="right", finding=None, corrected=None, steps=None)  # noqa: E731
        slips = self._slips_of_summands(line)
        lines = " and ".join(str(s.equation.line) for s in line.summands)
        if not slips:
            whole = replace(report, finding=f"the sum of lines {lines} is wrong: {report.finding}", corrected=None)
            unsure = f"its sum with line {report.line} is wrong"
            return [_unsure(r, unsure) for r in alike[:-1]] + [whole]
        at = max(slips)
        said = [slips[at].sentence]
        said += [f"or, in line {alike[k].line}, {edit.sentence}" for k, edit in slips.items() if k != at]
        summand = line.summands[at]
        corrected = self._equation(summand.left, shifted(slips[at].right, -summand.apart), summand.equation)
        found = [
            _unsure(r, f"right if line {alike[at].line} is not") if k in slips else right(r)
            for k, r in enumerate(alike)
        ]
        found[at] = replace(alike[at], finding="; ".join(said), corrected=corrected)
        return found

    def _slips_of_summands(self, line: BackwardLine) -> dict[int, LineEdit]:
        """By position, the edit of each summand that makes the sum right."""
        summed = self._is_summed(line)
        terms = line.right.terms if isinstance(line.right, Add) else (line.right,)
        if len(terms) != sum(s.terms for s in line.summands):
            return {}
        derived = self._derived_of_step(line, summed)
        found, start = {}, 0
        for k, summand in enumerate(line.summands):
            end = start + summand.terms
            rest = (*terms[:start], *terms[end:])
            for edit in itertools.islice(self.editor.edits(added(list(terms[start:end])), derived), TRIED):
                if self._makes_right(line, added([*rest, edit.right]), summed):
                    found[k] = edit
                    break
            start = end
        return found

    def _auxiliary(self, line: BackwardLine) -> Name | None:
        """The symbol that is what this line says, if it is one; such a line is equal to itself."""
        if not isinstance(line.left, Sym):
            return None
        meaning = self.chosen.meanings.get(line.left.name)
        return line.left.name if meaning is not None and meaning.kind == "auxiliary" else None

    def _held_symbols(self) -> set[Name]:
        """The auxiliary symbols that lines about adjoints read, directly or through one another."""
        reads = lambda line: {s.name for s in symbols(line.right)}  # noqa: E731
        held = set().union(*(reads(line) for line in self.reading.lines if self._auxiliary(line) is None))
        for _ in self.reading.lines:
            held |= set().union(*(reads(line) for line in self.reading.lines if self._auxiliary(line) in held))
        return held

    def _cause(self, line: BackwardLine) -> tuple[BackwardLine, LineEdit] | None:
        """The line of an auxiliary symbol, and the edit of it that makes its reader right."""
        meanings, summed = self.chosen.meanings, self._is_summed(line)
        for name in self._read_through(line):
            meaning = meanings[name]
            assert meaning.line is not None
            for edit in self.editor.edits(meaning.line.right, None):
                changed = Meaning("auxiliary", line=replace(meaning.line, right=edit.right))
                there = self.chosen.truth.under(meanings | {name: changed}, self.chosen.truth.balls.activated)
                if (
                    holds_in_floats(line, line.right, there, summed)
                    and judged(line, line.right, there, summed).verdict == "right"
                ):
                    return meaning.line, edit
        return None

    def _read_through(self, line: BackwardLine) -> list[Name]:
        """The auxiliary symbols that a line reads, directly or through one another."""
        found: list[Name] = []
        rest = [line]
        while rest:
            for name in dict.fromkeys(s.name for s in symbols(rest.pop().right)):
                meaning = self.chosen.meanings.get(name)
                if meaning is not None and meaning.line not in (None, line) and name not in found:
                    found.append(name)
                    rest.append(meaning.line)
        return found

    def line(self, line: BackwardLine) -> LineReport:
        """The verdict on one line, and what is wrong with it."""
        summed = self._is_summed(line)
        verdicts = (judged(line, line.right, truth, summed) for truth in self.truths)
        found = min(verdicts, key=lambda v: ("wrong", "unchecked", "right").index(v.verdict))
        e = line.equation
        report = LineReport(
            line=e.line,
            tag=e.piece.tag,
            source=_source(e),
            verdict=found.verdict,
            digits=None if found.verdict == "unchecked" else found.digits,
            finding=found.reason or None,
        )
        if found.verdict == "unchecked" and (edit := self._slip_in_time(line, summed)) is not None:
            self._slipped_once.append(line)
            corrected = self._equation(line.jacobian or line.left, edit.right, line.equation)
            return replace(report, verdict="wrong", finding=edit.sentence, corrected=corrected)
        if found.verdict != "wrong":
            return report
        wrong, seen = found.of_steps
        if wrong < seen:
            report = replace(report, steps=f"wrong at {wrong} of {seen} steps, first at t = {found.step}")
        sentence, equation = self.diagnosis(line, summed)
        return replace(report, finding=sentence or found.reason or None, corrected=equation)

    def _is_summed(self, line: BackwardLine) -> bool:
        return (self.chosen.summed or line.equation.accumulates) and is_contribution(line)

    def _slip_in_time(self, line: BackwardLine, summed: bool) -> LineEdit | None:
        """The edit of one time that makes a line without a value right: a sum that reads a_{t-1} at the first step,
        which no equation gives there, or a chain whose links do not meet."""
        return next(
            (edit for edit in self.editor.times(line.written) if self._makes_right(line, edit.right, summed)), None
        )

    def _makes_right(self, line: BackwardLine, right: Term, summed: bool) -> bool:
        """Whether a line with this right side, as one would write it, is right."""
        if line.jacobian is not None:
            about = jacobian_line(replace(line, left=line.jacobian, right=right), self.deriver)
            if about is None:
                return False
            right = about.right
        elif any(isinstance(t, Jacobian) for t in line.right.subterms):  # no edit brings one in
            right = without_jacobians(right, self.deriver, self.said)
        holds = all(holds_in_floats(line, right, truth, summed) for truth in self.truths)
        return holds and all(judged(line, right, truth, summed).verdict == "right" for truth in self.truths)

    def _derived_of_step(self, line: BackwardLine, summed: bool) -> list[Term] | None:
        derived = self._derived(line)
        if derived is not None and summed:
            return [t.arg if isinstance(t, SumT) else t for t in derived]
        return derived

    def diagnosis(self, line: BackwardLine, summed: bool) -> tuple[str | None, str | None]:
        """What is wrong, and the equation that should stand there."""
        derived = self._derived_of_step(line, summed)
        floats = self.chosen.truth.floats
        floats.kept = KnownValues([line.left, line.right, *(derived or [])])
        try:
            return self._named(line, derived, summed)
        finally:
            floats.kept = None

    def _named(self, line: BackwardLine, derived: list[Term] | None, summed: bool) -> tuple[str | None, str | None]:
        for edit in itertools.islice(self.editor.edits(line.written, derived), TRIED):
            if not self._makes_right(line, edit.right, summed):
                continue
            if _reads(edit.right, line.left) and not _reads(line.right, line.left):  # δg_t = δg_t says itself
                continue
            self._slipped_once.append(line)
            return edit.sentence, self._equation(line.jacobian or line.left, edit.right, line.equation)
        if derived and holds_in_floats(line, added(derived), self.chosen.truth, summed):
            sentences, right = self._term_by_term(line, derived)
            return sentences, self._equation(line.left, right, line.equation)
        return None, None

    def _term_by_term(self, line: BackwardLine, derived: list[Term]) -> tuple[str | None, Term]:
        """Several slips in one line: what is wrong with each of its terms, and the right side without them."""
        claimed = list(line.right.terms) if isinstance(line.right, Add) else [line.right]
        missing, kept, sentences = list(derived), [], []
        equal = lambda a, b: holds_in_floats(BackwardLine(line.equation, b, a), a, self.chosen.truth, False)  # noqa: E731
        unmatched = []
        for term in claimed:
            same = next((d for d in missing if equal(term, d)), None)
            if same is None:
                unmatched.append(term)
            else:
                missing.remove(same)
                kept.append(term)
        if len(unmatched) > SLIPS:
            return None, added(derived)
        for term in unmatched:
            for edit in itertools.islice(self.editor.edits(term, None), TRIED):
                if (same := next((d for d in missing if equal(edit.right, d)), None)) is not None:
                    sentences.append(edit.sentence)
                    missing.remove(same)
                    kept.append(edit.right)
                    break
            else:
                sentences.append(f"the term {self.editor.show(term)} is too many")
        sentences += [f"the term {self.editor.show(d)} is missing" for d in missing]
        named = len(sentences) <= len(claimed)
        return ("; ".join(sentences) if named else None), added([*kept, *missing])

    def _derived(self, line: BackwardLine) -> list[Term] | None:
        target = self._target(line)
        try:
            terms = None if target is None else self.deriver.terms(target)
            return terms and [one for term in terms for one in distributed(term)]
        except CannotRead:
            return None

    def _target(self, line: BackwardLine) -> Sym | None:
        if isinstance(line.left, Adj):
            return line.left.of
        if isinstance(line.left, Sym):
            meaning = self.chosen.meanings.get(line.left.name)
            if meaning is not None and meaning.kind == "adjoint" and meaning.of is not None:
                return Sym(meaning.of, line.left.time or NOW)
        return None

    def _equation(self, left: Term, right: Term, like: WrittenEquation | None = None) -> str:
        """The equation, with the sign for equality of the one that it corrects."""
        accumulates, assigns = (like.accumulates, like.assigns) if like is not None else (False, False)
        relation = r"\mathrel{+}=" if accumulates else r"\leftarrow" if assigns else "="
        if self.reading.turned:
            right = as_rows(left, right, self.reading.turned)
        return f"{latex(left, self.style)} {relation} {latex(right, self.style)}"

    # ---------------------------------------------------------------------------------------------- the page

    def shapes_shown(self) -> dict[str, str]:
        """Parameters and inputs with their shapes in letters."""
        shown = (*self.reading.parameters, *self.reading.inputs, *self.reading.states)
        return {latex(Sym(n), self.style): self.shapes.letters[n] for n in dict.fromkeys(shown)}

    def conventions(self) -> list[str]:
        """How what the page leaves open was read."""
        found = []
        outputs = ", ".join(self._shown(n) for n in self.chosen.truth.scope.outputs)
        if self.reading.loss is not None:
            found.append("the loss is the page's own" + ("" if self.reading.loss_of_totals else ", of every step"))
        elif set(self.chosen.truth.scope.outputs) <= self.reading.totals:
            found.append(f"the loss reads {outputs}")
        elif self.chosen.truth.scope.kind == "time":
            found.append(f"the loss reads {outputs} of every step")
        elif self.chosen.truth.scope.kind == "last":
            found.append(f"the loss reads {outputs} of the last step alone")
        if self.chosen.truth.scope.kind == "step":
            found.append(f"one step is derived, given what arrives at {outputs}; adjoints at t-1 are its results")
        for name, meaning in self.chosen.meanings.items():
            found.append(f"{self._sign(name)} is {self._meaning(meaning)}")
        if self.chosen.truth.balls.activated:
            found.append("a slope φ'(v) of an activated value v is the slope at what was activated")
        if self.reading.row_adjoints:
            found.append(f"{self.reading.row_adjoints} (numerator layout); slips are described in columns")
        if self.reading.indexed:
            found.append("indices are those of vectors and matrices; corrections are written without them")
        for value, inner in self.style.squashed.items():
            sign = latex(Adj(Sym(value, NOW), self.style.mark), self.style)
            found.append(f"{sign} is {self._meaning(Meaning('adjoint', inner))}")
        for name in self.reading.functions:
            if name not in self.reading.said_functions:
                found.append(f"{name} is some function; {self.chosen.truth.balls.functions[name]} stands for it")
        contributes = self.chosen.summed and any(is_contribution(line) for line in self.reading.lines)
        if contributes and self.chosen.truth.scope.kind != "step":
            found.append("a parameter's line is what one step contributes, to be summed over the steps")
        return found

    def _sign(self, name: Name) -> str:
        return latex(Sym(name, NOW), self.style)

    def _shown(self, name: Name) -> str:
        return latex(self.reading.at(name) if name in self.reading.values else Sym(name), self.style)

    def _meaning(self, meaning: object) -> str:
        kind, of = meaning.kind, meaning.of  # type: ignore[attr-defined]
        if kind == "auxiliary":
            return "what its own line says"
        if kind == "given":
            return f"given: what reaches {self._shown(of)} from outside of these equations"
        if kind != "adjoint":
            return "nothing that the page defines"
        if is_hidden(of):
            value = next((n for n in self.reading.values if self.reading.preactivation(n) == of), None)
            if value is None:
                return "the adjoint of the stack of all pre-activations"
            return f"the adjoint of the pre-activation of {self._shown(value)}"
        return f"the adjoint of {self._shown(of)}"

    def missing(self) -> list[Missing]:
        """Parameters and inputs without a line, and a line for each."""
        targets = {t.name for line in self.reading.lines if (t := self._target(line)) is not None}
        found = []
        for name in (*self.reading.parameters, *self.reading.inputs):
            if name in targets:
                continue
            target = Sym(name, NOW if name in self.reading.inputs else None)
            terms = self.deriver.terms(target)
            corrected = None if not terms else self._equation(Adj(target, "?"), _one_sum(terms))
            found.append(Missing(latex(target, self.style), corrected))
        return found


def _one_sum(terms: list[Term]) -> Term:
    """Σ_t a + Σ_t b as Σ_t (a + b)."""
    if all(isinstance(t, SumT) for t in terms) and len(terms) > 1:
        return SumT(added([t.arg for t in terms]))
    return added(terms)
