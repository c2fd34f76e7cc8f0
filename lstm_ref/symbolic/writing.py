"""Terms as text, for a person who looks for the one that is missing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from lstm_ref.symbolic.terms import IS, SIZE, STEP, Factor, Monomial, Polynomial, labels_of

BOUND = "jklmnpqrstuv"
SYMBOLS = {"sigmoid": "σ", "sqrt": "√", "log": "ln ", "log_sigmoid": "ln σ"}
MOST = 4
"""Terms that are shown of a sum."""


def text(v: Polynomial, axes: Sequence[str] = ()) -> str:
    """The polynomial; `axes` are the letters of its free labels. Like the paper's: Σ_j x[b,j] w[j,h]."""
    terms = sorted(v.terms.items(), key=lambda term: (len(term[0]), term[0]))
    parts = [_term(monomial, c, axes) for monomial, c in terms[:MOST]]
    rest = f" + {len(terms) - MOST} more" if len(terms) > MOST else ""
    return (" + ".join(parts) + rest).replace("+ -", "- ") or "0"


def _term(monomial: Monomial, coefficient: Fraction, axes: Sequence[str]) -> str:
    bound = sorted((k for k in labels_of(monomial) if k < 0), reverse=True)
    letters = {k: BOUND[(-k - 1) % len(BOUND)] for k in bound}
    letters |= {k: axes[k] if k < len(axes) else f"i{k}" for k in labels_of(monomial) if k >= 0}
    factors = [_factor(f, letters) for f in sorted(monomial, key=lambda f: (f[0].kind != SIZE, f[0].name == "", f))]
    sign = "-" if coefficient < 0 else ""
    scale = [str(abs(coefficient))] if abs(coefficient) != 1 or not factors else []
    sums = [f"Σ_{''.join(letters[k] for k in bound)}"] if bound else []
    return sign + " ".join([*sums, *scale, *factors])


def _factor(factor: Factor, letters: dict[int, str]) -> str:
    a, labels, power = factor
    index = f"[{','.join(letters[k] for k in labels)}]" if labels else ""
    if a.name:
        body = a.name + index
    else:
        inner = text(a.argument, [letters[k] for k in labels]) if a.argument is not None else ""
        body = f"[{inner} > 0]" if a.kind == STEP else f"{SYMBOLS.get(a.kind, a.kind + ' ')}({inner})"
        if a.kind in (IS, "reciprocal"):
            body = f"({inner})" if a.kind == IS else f"1/({inner})"
    return body if power == 1 else f"{body}^{power}"
