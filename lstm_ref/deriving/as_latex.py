"""Expressions as LaTeX, in the user's names: c_prev is c at t − 1, Wf is W with index f, beta is β."""

from __future__ import annotations

import re
from fractions import Fraction

from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.adjoints import BAR
from lstm_ref.deriving.as_numpy import COMPARED, as_ratio, decimal
from lstm_ref.deriving.expressions import Call, Constant, Contraction, Expression, Leaf, Number, Product, Sum

SUM, PRODUCT, ATOM = 1, 2, 9
GREEK = {
    *("alpha", "beta", "gamma", "delta", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho"),
    *("sigma", "tau", "phi", "chi", "psi", "omega", "epsilon"),
}
SHOWN = {"eps": r"\varepsilon", "lam": r"\lambda"}
FUNCTIONS = {
    "sigmoid": r"\sigma",
    "tanh": r"\tanh",
    "exp": r"\exp",
    "log": r"\ln",
    "sin": r"\sin",
    "cos": r"\cos",
    "max": r"\max",
    "maximum": r"\max",
}
ENDINGS = {"in": r"\mathrm{in}", "part": r"\mathrm{part}", "next": r"\mathrm{next}", "out": r"\mathrm{out}"}


def name(text: str) -> str:
    """A name as a letter with indices; `…_bar` as an adjoint."""
    bar = text.endswith(BAR) or text == "bar"
    text = text.removesuffix(BAR) if text != "bar" else ""
    if not text:
        return r"\overline{\mathrm{out}}"
    if found := re.fullmatch(r"bar_(\d+)", text):
        return rf"\overline{{\mathrm{{out}}}}_{{{found[1]}}}"
    pieces = text.split("_")
    top = [ENDINGS[p] for p in pieces[1:] if p in ENDINGS]
    below = ["t-1" if p == "prev" else p for p in pieces[1:] if p not in ENDINGS and p]
    letter, inner = _letter(pieces[0])
    below = [*inner, *(_index(b) for b in below)]
    out = rf"\bar{{{letter}}}" if bar else letter
    if below:
        out += f"_{{{','.join(below)}}}"
    if top:
        out += rf"^{{\,{' '.join(top)}}}"
    return out


def _index(text: str) -> str:
    if text in GREEK:
        return rf"\{text}"
    return text if len(text) == 1 or text == "t-1" or text.isdigit() else rf"\mathrm{{{text}}}"


def _letter(text: str) -> tuple[str, list[str]]:
    """The letter, and indices that are written behind it: Wf, s1."""
    low = text.lower()
    if low in SHOWN:
        return SHOWN[low], []
    if low in GREEK:
        return rf"\{text if text == low or low in ('gamma', 'delta', 'theta') else low}", []
    if len(text) == 1:
        return text, []
    if found := re.fullmatch(r"([A-Za-z])(\d+)", text):
        return found[1], [found[2]]
    if (len(text) == 2 and not text.isupper()) or (text[0].isupper() and text[1:].islower() and len(text) <= 6):
        return text[0], [_index(text[1:])]
    return rf"\mathrm{{{text}}}", []


def latex(e: Expression) -> str:
    """The LaTeX of an expression."""
    return _text(e)[0]


def _inside(e: Expression, needed: int) -> str:
    text, binds = _text(e)
    return text if binds >= needed else f"({text})"


def _text(e: Expression) -> tuple[str, int]:
    match e:
        case Leaf():
            return name(e.name), ATOM
        case Number():
            return _number(e.value), ATOM if e.value >= 0 else SUM
        case Constant():
            return _constant(e), ATOM
        case Sum():
            out = ""
            for k, t in sorted(e.terms, key=lambda kt: kt[0] < 0) if e.terms[0][0] < 0 else e.terms:
                size = abs(k)
                text, binds = _text(ex.times(ex.number(size), t)) if size != 1 else _text(t)
                body = text if binds > SUM else f"({text})"
                out += (" - " if k < 0 else " + ") + body if out else ("-" if k < 0 else "") + body
            return out, SUM
        case Product():
            return _product(e)
        case Contraction():
            return _dot(e)
        case Call():
            return _call(e)
    raise TypeError(type(e).__name__)


def _number(v: Fraction) -> str:
    top, bottom = as_ratio(v)
    return decimal(top) if bottom == 1 else rf"\tfrac{{{decimal(top)}}}{{{bottom}}}"


def _constant(e: Constant) -> str:
    values = set(e.value.ravel().tolist())
    if values == {0.0}:
        return "0"
    if len(e.shape) == 2 and e.shape[0] == e.shape[1] and values == {0.0, 1.0}:
        return "I"
    return r"\mathrm{const}"


def _product(e: Product) -> tuple[str, int]:
    top, bottom = as_ratio(abs(e.number))
    above = sorted(((f, p) for f, p in e.factors if p > 0), key=lambda fp: _is_sum(fp[0]))
    over = [_power(f, p) for f, p in above]
    if above and _is_sum(above[-1][0]) and above[-1][1] == 1:
        over[-1] = _text(above[-1][0])[0]
    under = [_power(f, -p) for f, p in e.factors if p < 0]
    scalars = [f.shape == () for f, _ in above]
    text = ""
    for k, factor in enumerate(over):
        sign = r"\, " if k and (scalars[k - 1] or scalars[k]) else r" \odot "
        text += (sign if k else "") + factor
    if top != 1 or not text:
        text = decimal(top) + (rf"\, {text}" if text else "")
    if bottom > 1:
        under.insert(0, str(bottom))
    sign = "-" if e.number < 0 else ""
    if under:
        if len(under) == 1 and len(e.factors) - len(under) <= 1 and re.fullmatch(r"\((.*)\)", text):
            text = text[1:-1]
        below = r" \odot ".join(under)
        below = below[1:-1] if len(under) == 1 and below.startswith("(") and below.endswith(")") else below
        return rf"{sign}\frac{{{text}}}{{{below}}}", PRODUCT
    return sign + text, SUM if sign else PRODUCT


def _is_sum(e: Expression) -> bool:
    return isinstance(e, Call) and e.function == "sum"


def _power(f: Expression, p: int) -> str:
    if p == 1:
        return _inside(f, PRODUCT + 1)
    return f"{_inside(f, ATOM)}^{{{p}}}"


def _dot(e: Contraction) -> tuple[str, int]:
    la, lb, lo = e.letters
    for (seen, ls), (other, lk) in (((e.left, la), (e.right, lb)), ((e.right, lb), (e.left, la))):
        if isinstance(seen, Call) and seen.function == "patches":
            taps = ls[len(ls) - len(seen.settings[1]) :]
            if set(taps) <= set(lk) and not set(taps) & set(lo):
                return rf"{_inside(seen.arguments[0], PRODUCT + 1)} \ast {_inside(other, PRODUCT + 1)}", PRODUCT
            if set(taps) <= set(lo) and not set(taps) & set(lk):
                return rf"{latex(seen)}^\top\, {_inside(other, PRODUCT + 1)}", PRODUCT
    shared = [s for s in la if s in lb and s not in lo]
    batch = [s for s in la if s in lb and s in lo]
    if not batch and max(len(la), len(lb)) <= 2 and len(shared) <= 1:
        first, second = (e.left, la), (e.right, lb)
        if lo and lo[0] in lb:
            first, second = second, first
        if not shared:
            return rf"{_inside(first[0], PRODUCT + 1)}\, {_inside(second[0], PRODUCT + 1)}^\top", PRODUCT
        k = shared[0]
        if len(lo) == 1 and len(first[1]) == 1:
            first, second = second, first
        left = _transposed(first[0], (len(first[1]) == 2 and first[1][0] == k) or len(first[1]) == len(second[1]) == 1)
        right = _transposed(second[0], len(second[1]) == 2 and second[1][1] == k)
        return rf"{left}\, {right}", PRODUCT
    if not batch and len(shared) == 1 and len(lb) == 2 and la[-1] == shared[0] and lo[:-1] == la[:-1]:
        return rf"{_inside(e.left, PRODUCT + 1)}\, {_transposed(e.right, lb[1] == shared[0])}", PRODUCT
    summed = rf"\textstyle\sum_{{{' '.join(dict.fromkeys(s for s in la + lb if s not in lo))}}} "
    return f"{summed if set(la + lb) - set(lo) else ''}{_indexed(e.left, la)}\\, {_indexed(e.right, lb)}", PRODUCT


def _transposed(e: Expression, turned: bool) -> str:
    return _inside(e, ATOM) + r"^\top" if turned else _inside(e, PRODUCT + 1)


def _indexed(e: Expression, letters: str) -> str:
    return rf"\left[{_text(e)[0]}\right]_{{{letters}}}" if letters else _inside(e, PRODUCT + 1)


def _call(e: Call) -> tuple[str, int]:
    x = e.arguments[0]
    match e.function:
        case "sum":
            axes = (
                ""
                if len(e.settings[0]) == len(x.shape)
                else rf"_{{\mathrm{{axis}}\,{', '.join(map(str, e.settings[0]))}}}"
            )
            return rf"\textstyle\sum{axes} {_inside(x, PRODUCT)}", PRODUCT
        case "expand" | "spread" | "reshape":
            return _text(x)
        case "transpose":
            return _inside(x, ATOM) + r"^\top", ATOM
        case "head" | "tail":
            return rf"\left[{latex(x)}\right]_{{{'1' if e.function == 'head' else '2'}}}", ATOM
        case "index":
            inner = _inside(x, ATOM)
            return (rf"[{inner}]" if "_" in inner else inner) + f"_{{{e.settings[1]}}}", ATOM
        case "slice":
            return _slice(e, x), ATOM
        case "every":
            return rf"{_inside(x, ATOM)}_{{[{', '.join(f'::{s}' if s != 1 else ':' for s in e.settings[0])}]}}", ATOM
        case "spaced":
            return rf"\mathrm{{spaced}}({latex(x)})", ATOM
        case "concatenate" | "stack":
            return rf"[{', '.join(latex(a) for a in e.arguments)}]", ATOM
        case "put" | "place":
            return rf"[0, {latex(x)}, 0]", ATOM
        case "roll":
            return rf"\mathrm{{roll}}_{{{e.settings[0]}}}({latex(x)})", ATOM
        case "patches":
            return rf"\mathrm{{patches}}({latex(x)})", ATOM
        case "overlap":
            return rf"\mathrm{{patches}}^\top({latex(x)})", ATOM
        case "flip":
            return rf"\overleftarrow{{{latex(x)}}}", ATOM
        case "count":
            return rf"n_{{{latex(x)}}}", ATOM
        case "sqrt":
            return rf"\sqrt{{{latex(x)}}}", ATOM
        case "power":
            return f"{_inside(x, ATOM)}^{{{latex(e.arguments[1])}}}", ATOM
        case "floor":
            return rf"\lfloor {latex(x)} \rfloor", ATOM
        case "abs":
            return rf"|{latex(x)}|", ATOM
        case "where":
            condition, a, b = e.arguments
            return rf"\begin{{cases}} {latex(a)} & {latex(condition)} \\ {latex(b)} & \text{{else}} \end{{cases}}", ATOM
    if e.function in COMPARED:
        left, right = map(latex, e.arguments)
        shown = {">=": r"\ge", "<=": r"\le", "!=": r"\ne", "==": "="}.get(COMPARED[e.function], COMPARED[e.function])
        return rf"[{left} {shown} {right}]", ATOM
    head = FUNCTIONS.get(e.function) or rf"\mathrm{{{e.function.replace('_', ' ')}}}"
    return f"{head}({', '.join(latex(a) for a in e.arguments)})", ATOM


def _slice(e: Call, x: Expression) -> str:
    bounds = [f"{a}:{b}" if (a, b) != (0, n) else ":" for (a, b), n in zip(e.settings[0], x.shape, strict=True)]
    return f"{_inside(x, ATOM)}_{{[{', '.join(bounds)}]}}"
