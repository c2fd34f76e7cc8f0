"""A page as mathematics, from its equations: which of them are the forward pass, and what is in each."""

from __future__ import annotations

from lstm_ref.errors import BadInput
from lstm_ref.written.backward import read_backward
from lstm_ref.written.brackets import each, flat, function_letters, resolved, with_times
from lstm_ref.written.forward import read_forward
from lstm_ref.written.indices import indexed_letters, without_indices
from lstm_ref.written.marks import is_backward, loss_letters, said_to_be_adjoints, with_adjoints
from lstm_ref.written.parser import WrittenEquation
from lstm_ref.written.reading import Reading
from lstm_ref.written.terms import Fn, Had, Outer, SumAll, SumI, Sym, Term


def read(equations: list[WrittenEquation], step: str = "t") -> Reading:
    """The forward pass and the backward lines of a page.

    Args:
        equations: Those of displays and, marked inline, those of the text.
        step: The letter that counts steps.

    Raises:
        BadInput: The page has no forward pass, or one that goes round in circles.
    """
    reading = Reading()
    displayed = [e for e in equations if not e.piece.inline]
    equations = with_times([e for e in equations if len(e.sides) > 1])
    definitions = [e for e in equations if _says_a_function(e)]
    equations = [e for e in equations if not _says_a_function(e)]
    functions = function_letters(equations)
    reading.functions = sorted(functions, key=str)
    said = {left.name: right.name for left, right in (e.sides for e in definitions)}
    reading.said_functions = {name: function for name, function in said.items() if name in functions}
    equations = [resolved(e, functions) for e in equations]
    reading.indexed = any(
        isinstance(t, SumI) for e in equations if not e.piece.inline for s in e.sides for t in s.subterms
    )
    matrices = indexed_letters(equations)
    equations, reading.refused = without_indices(equations)
    reading.loss_letter, reading.step_loss_letter, reading.ordered = loss_letters(equations)
    equations = with_adjoints(equations, step, matrices)
    adjoints = said_to_be_adjoints(equations)
    forward: list[WrittenEquation] = []
    backward: list[WrittenEquation] = []
    for e in equations:
        (backward if is_backward(e, adjoints) else forward).append(e)
    if not any(not e.piece.inline for e in forward):
        if reading.refused:
            raise BadInput(reading.refused[0][1])
        what = "no equation" if not displayed else "no forward pass"
        raise BadInput(f"{what} was found: expected displayed equations such as $$h_t = \\tanh(W x_t + U h_{{t-1}})$$")
    for is_angle, change in ((True, _inner), (False, _elementwise)):
        terms = [t for e in forward if not e.piece.inline for s in e.sides for t in s.subterms]
        if any(isinstance(t, Outer) and t.is_angle == is_angle for t in terms):
            forward, backward = each(forward, change), each(backward, change)
    read_forward(reading, forward, backward)
    read_backward(reading, [e for e in backward if not e.piece.inline], [e for e in backward if e.piece.inline])
    return reading


def _says_a_function(e: WrittenEquation) -> bool:
    """Whether it is f = tanh, which says what f( ) is."""
    return len(e.sides) == 2 and isinstance(e.sides[0], Sym) and isinstance(e.sides[1], Fn)


def _inner(term: Term) -> Term:
    """⟨·, ·⟩ as the inner product, where the forward pass has one; elsewhere it is the outer product, as Greff's."""
    return SumAll(flat(Had((term.left, term.right)))) if isinstance(term, Outer) and term.is_angle else term


def _elementwise(term: Term) -> Term:
    """⊗ as ⊙, on a page whose forward pass multiplies gates with it."""
    return flat(Had((term.left, term.right))) if isinstance(term, Outer) else term
