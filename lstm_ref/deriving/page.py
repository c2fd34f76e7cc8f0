"""The derivation page: the forward numbered, the backward from right to left, each line with its reason and its proof.

The page's Python runs one step, with an adjoint from a later step, and compares every adjoint with autodiff: a zero is
added to each value, and the gradient with respect to that zero is the value's adjoint.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.adjoints import BAR, Adjoint, Backward, holds
from lstm_ref.deriving.as_latex import latex, name
from lstm_ref.deriving.as_numpy import numpy, used
from lstm_ref.deriving.code import WIDTH, _filled, _wrapped, counted, tags
from lstm_ref.deriving.expressions import Call, Contraction, Expression, Leaf, Product, Sum, kept
from lstm_ref.deriving.folding import FoldedForward, Statement
from lstm_ref.deriving.patches import under_kernel


def as_page(f: FoldedForward, b: Backward, picture: str = "") -> str:
    """The page's text, Markdown."""
    return _Page(f, b).text(picture)


class _Page:
    def __init__(self, f: FoldedForward, b: Backward) -> None:
        self.f, self.b = f, b
        self.tag = tags(f)
        self.equations = {e.name: e for e in (*f.before, *f.step, *f.after)}
        self.out: list[str] = []

    def text(self, picture: str) -> str:
        f = self.f
        self._say(f"# {_title(f)}")
        if picture:
            self._say(f"![graph of one step]({picture})")
        self._forward()
        self._backward()
        return "\n\n".join(self.out) + "\n"

    # ----------------------------------------------------------------------------------------------------- forward

    def _forward(self) -> None:
        f = self.f
        self._say("## Forward")
        if f.before:
            self._say("Before the loop:")
            self._numbered(f.before)
        if f.step:
            carried = ", ".join(f"${name(s.prev)}$" for s in f.states)
            reads = ", ".join(f"${name(r.name)}$" for r in f.reads)
            sentence = f"One step, `{f.loop}`." if f.loop else "One step."
            if reads:
                sentence += f" It reads {reads} of its time" + (
                    f", and {carried} of the step before." if carried else "."
                )
            self._say(sentence)
            self._numbered(f.step)
        if f.after:
            self._say("After the loop:" if f.step else "")
            for whole, (own, _) in f.stacked.items():
                self._say(f"${name(whole)}$ holds ${name(own)}$ of every step.")
            self._numbered(f.after)
        self._say(self._shapes())
        held = [n for n in f.fixed if n in self._read_names()]
        if held:
            numbers = [
                f"${name(n)} = {_shown(f.fixed[n])}$" if not hasattr(f.fixed[n], "shape") else f"${name(n)}$"
                for n in held
            ]
            rows = [
                f" ${name(n)}$: of the identity of size {size} the rows {', '.join(map(str, of))}, one for each step."
                for n, (size, of) in f.rows.items()
            ]
            self._say(f"Held fixed: {', '.join(numbers)}.{''.join(rows)}")
        self._block(self._forward_code())

    def _read_names(self) -> set[str]:
        return {n for e in self.equations.values() for n in ex.count(e.expression)} | {r.array for r in self.f.reads}

    def _numbered(self, equations: Iterable[Statement]) -> None:
        for e in equations:
            self._say(rf"$${name(e.name)} = {latex(e.expression)} \tag{{{self.tag[e.name]}}}$$")

    def _shapes(self) -> str:
        """One sentence: which values have which shape."""
        by_shape: dict[tuple[int, ...], list[str]] = {}
        f = self.f
        arrays = {r.array for r in f.reads}
        for n in [*(n for n in f.inputs if n not in arrays), *(r.name for r in f.reads), *self.equations]:
            by_shape.setdefault(f.shapes[n], []).append(f"${name(n)}$")
        parts = [
            f"{', '.join(names)}: " + (f"$({', '.join(map(str, shape))})$" if shape else "a number")
            for shape, names in by_shape.items()
        ]
        return "Shapes, at the sizes of this page. " + "; ".join(parts) + "."

    def _forward_code(self) -> list[str]:
        f = self.f
        path = {
            n: "p" + "".join(f"[{int(k)}]" if k.isdigit() else f'["{k}"]' for k in keys) for n, keys in f.inputs.items()
        }
        read = self._read_names() | {n for s in f.states for n in ex.count(s.initial)}
        given = [n for n in f.inputs if n in read]
        self.given = given
        fixed = [n for n in f.fixed if n in read]
        helpers = used(e.expression for e in self.equations.values())
        helpers += [h for h in used(a.expression for a in self._lines()) if h not in helpers]
        lines = [
            "import jax",
            "import jax.numpy as jnp",
            "import numpy as np",
            "from lstm_ref.arithmetic.x64 import x64",
        ]
        lines += [f"from {f.title} import {', '.join([*fixed, 'inputs'])}", ""]
        sliding = [h for h in helpers if h in ("overlap", "patches", "spaced")]
        if sliding:
            lines.insert(3, f"from lstm_ref.arithmetic.sliding import {', '.join(sorted(sliding))}")
        if elementary := [h for h in helpers if h not in sliding]:
            lines.insert(3, f"from lstm_ref.arithmetic import {', '.join(sorted(elementary))}")
        lines += ["rng = np.random.default_rng(0)", "p = inputs(rng)" if f.draws else "p = inputs"]
        path = {n: text + self._cut(n) for n, text in path.items()}
        pairs = ", ".join(f'"{n}": {path[n]}' for n in given)
        lines += [f"given = {{{pairs}}}", "names = list(given)"]
        lines += ["", "def run(given, zero):", '    """One step, with a zero added to every value."""']
        lines.append(f"    {', '.join(given)}{',' if len(given) == 1 else ''} = (given[name] for name in names)")
        for e in f.before:
            lines.append(self._probed(e))
        for s in f.states:
            lines.append(f'    {s.prev} = {numpy(s.initial)} + zero["{s.prev}"]')
        for r in f.reads:
            lines.append(f'    {r.name} = {r.array}[{":, " * r.axis}0] + zero["{r.name}"]')
        for e in f.step:
            lines.append(self._probed(e))
        for whole, (own, axis) in f.stacked.items():
            lines.append(f"    {whole} = np.stack([{own}], axis={axis})")
        for end, own in f.last.items():
            lines.append(f'    {end} = {own} + zero["{end}"]')
        for e in f.after:
            lines.append(self._probed(e))
        outs = ", ".join(numpy(o) for o in f.outputs)
        nexts = ", ".join(f'"{n}": {n}' for n in self.b.states)
        lines.append('    values = {name: v for name, v in locals().items() if name not in ("given", "zero")}')
        lines.append(f"    return ({outs},), {{{nexts}}}, values")
        lines = [re.sub(r"\bnp\.", "jnp.", line) if line.startswith("    ") else line for line in lines]
        names = [*self.equations, *self.b.arguments, *(s.prev for s in f.states), *(r.name for r in f.reads), *f.last]
        names = list(dict.fromkeys(names))
        shapes = ", ".join(f'"{n}": {self._shape(n)}' for n in names)
        lines += ["", f"shapes = {{{shapes}}}", "zero = {name: np.zeros(shape) for name, shape in shapes.items()}"]
        lines += ["with x64():", "    outs, nexts, values = jax.tree.map(np.asarray, jax.jit(run)(given, zero))"]
        lines += ["    bars = jax.tree.map(lambda v: rng.standard_normal(v.shape), (outs, nexts))"]
        lines += ["    pull = jax.jit(lambda given, zero: jax.vjp(lambda *read: run(*read)[:2], given, zero)[1](bars))"]
        lines += ["    of_given, truth = jax.tree.map(np.asarray, pull(given, zero))"]
        values = [n for n in self._kept() if n not in f.fixed]
        comma = "," if len(values) == 1 else ""
        lines.append(f'{", ".join(values)}{comma} = (values[name] for name in "{" ".join(values)}".split())')
        lines += ["", "def right(mine, autodiff):"]
        lines += [
            "    scale = max(1, np.max(np.abs(autodiff), initial=0))",
            "    return np.max(np.abs(mine - autodiff), initial=0) <= 1e-12 * scale  # thousands of roundings of 1e-16",
        ]
        return lines

    def _cut(self, n: str) -> str:
        """An index that leaves one step of an input, where what comes after the loop reads all steps."""
        f = self.f
        whole = {name for e in f.after for name in ex.count(e.expression)} & set(f.stacked)
        if not whole:
            return ""
        axis = next(axis for _, axis in f.stacked.values())
        feeds = {r.array for r in f.reads}
        for e in reversed(f.before):
            if e.name in feeds:
                feeds |= set(ex.count(e.expression))
        shape = f.shapes[n]
        return f"[{':, ' * axis}:1]" if n in feeds and len(shape) > axis and shape[axis] == f.T else ""

    def _shape(self, n: str) -> str:
        shape = self.f.shapes[n]
        step = {e.name for e in self.f.step} | {r.name for r in self.f.reads} | {s.prev for s in self.f.states}
        if any(self._cut(k) for k in self.f.inputs) and n not in step and self.f.T in shape:
            axis = shape.index(self.f.T)
            shape = (*shape[:axis], 1, *shape[axis + 1 :])
        return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"

    def _probed(self, e: Statement) -> str:
        value = e.expression
        for n, part in self.b.arguments.items():
            if self._owner(n) == e.name and n not in self.equations:
                moved = Sum(part.shape, ((ex.ONE, part), (ex.ONE, Leaf(part.shape, f'zero["{n}"]'))))
                value = _with(value, part, moved)
        zero = Leaf(value.shape, f'zero["{e.name}"]')
        return f"    {e.name} = {numpy(Sum(value.shape, ((ex.ONE, value), (ex.ONE, zero))))}  # ({self.tag[e.name]})"

    def _owner(self, argument: str) -> str:
        """The value in whose equation an argument stands; a part of it may have got a name of its own."""
        own = next(a.argument_of for a in self._lines() if a.of == argument and a.argument_of)
        part = self.b.arguments[argument]
        holding = [e.name for e in self.equations.values() if holds(e.expression, part)]
        return own if own in holding or not holding else holding[0]

    def _lines(self) -> list[Adjoint]:
        return [*self.b.after, *self.b.step, *self.b.before]

    def _kept(self) -> list[str]:
        """Values that the backward pass reads."""
        read = {n for a in self._lines() for n in ex.count(a.expression)} | set(self.b.accumulated)
        own = [
            *self.given,
            *(e.name for e in self.f.before),
            *(s.prev for s in self.f.states),
            *(r.name for r in self.f.reads),
        ]
        own += [*(r.array for r in self.f.reads if r.array not in own)]
        own += [*(e.name for e in self.f.step), *self.f.stacked, *self.f.last, *(e.name for e in self.f.after)]
        return [n for n in dict.fromkeys(own) if n in read | {r.array for r in self.f.reads}]

    # ---------------------------------------------------------------------------------------------------- backward

    def _backward(self) -> None:
        f, b = self.f, self.b
        self._say("## Backward, from right to left")
        outs = [Leaf(o.shape, "bar" if len(f.outputs) == 1 else f"bar_{k}") for k, o in enumerate(f.outputs)]
        first = [f"{o.name} = bars[0][{k}]" for k, o in enumerate(outs)]
        seeds = ", ".join(f"${name(f'{n}_next{BAR}')}$" for n in b.states)
        self._say(self._notation())
        result = "the adjoint of the loss, 1 for its gradient." if f.is_loss else "the adjoint of the result."
        parts = [f"{', '.join(f'${name(o.name)}$' for o in outs)}: {result}"]
        if seeds:
            later = "zero, or what comes from after the loop." if set(b.last) - set(b.sums) else "zero."
            parts.append(f"{seeds}: from the next step; after the last step {later}")
        parts += [f"${name(f'{n}_out{BAR}')}$: this step's part of it for ${name(n)}$." for n in b.from_outputs]
        self._say(" ".join(parts))
        self._block(first)
        for a in b.after:
            self._adjoint(a)
        if f.step:
            self._begin_step()
            inner = [a for a in b.step if a.of not in b.accumulated]
            for a in (a for a in inner if not self._is_given_back(a)):
                self._adjoint(a)
            self._parameters([a for a in b.step if a.of in b.accumulated])
            for a in (a for a in inner if self._is_given_back(a)):
                self._adjoint(a)
            self._end_step()
        if b.before:
            self._say("**Before the loop.** What all steps give back is added up." if f.step else "")
            for a in b.before:
                self._adjoint(a)

    def _notation(self) -> str:
        """What the formulas' signs mean, as far as this page has them."""
        f = self.f
        said = [*(e.expression for e in self.equations.values()), *(a.expression for a in self._lines())]
        signs = [
            "Batches are rows. $\\bar{v}$ is the adjoint of $v$, in its shape: the derivative of the result with"
            " respect to $v$, through all that reads $v$ later. A line tagged (1*) is what equation (1) gives back."
        ]
        counts = {latex(c): c for e in said for c in _parts(e) if isinstance(c, Call) and c.function == "count"}
        for text, c in counts.items():
            (axes,) = c.settings
            of = c.arguments[0]
            n = (
                "elements"
                if len(axes) == len(of.shape)
                else "rows"
                if axes == (0,)
                else "elements along its summed axes"
            )
            signs.append(f"${text}$ is the number of {n} of ${latex(of)}$.")
        slides = {c.function for e in said for c in _parts(e) if isinstance(c, Call)} & {
            "patches",
            "overlap",
            "flip",
            "spaced",
        }
        if "patches" in slides:
            signs.append(
                r"$x \ast W$ is the convolution of networks: at every place, the elements of $x$ under the kernel,"
                r" times $W$; zeros stand beyond the border. $\mathrm{patches}(x)$ are these elements for all places."
            )
        if "overlap" in slides:
            signs.append(r"$\mathrm{patches}^\top$ adds each of them up where it was read.")
        if "spaced" in slides:
            signs.append(r"$\mathrm{spaced}(x)$ puts elements back among zeros, where $[::k]$ took every $k$-th.")
        if "flip" in slides:
            signs.append(
                r"$\overleftarrow{W}$ is the kernel mirrored; a convolution sums over the channels that it gets."
            )
        if any(isinstance(c, Call) and c.function == "reshape" and 1 not in c.shape for e in said for c in _parts(e)):
            signs.append("A change of shape alone is in the Python, not in the formula.")
        if any(r"\textstyle\sum_{a" in latex(e) or r"\right]_{" in latex(e) for e in said):
            signs.append("Letters below brackets are axes; the sum is over those that the result lacks.")
        return " ".join(signs) if f.step or f.before else ""

    def _is_given_back(self, a: Adjoint) -> bool:
        """Whether it is the adjoint of what the step reads from outside or from the step before."""
        return a.of in {r.name for r in self.f.reads} | {s.prev for s in self.f.states}

    def _parameters(self, lines: list[Adjoint]) -> None:
        """What is read by every step: one line for each equation that reads."""
        groups: dict[tuple[str, ...], list[Adjoint]] = {}
        for a in lines:
            groups.setdefault(a.readers, []).append(a)
        if groups:
            self._say("**What every step reads.** The steps' adjoints are added up.")
        for readers, mine in groups.items():
            numbers = ", ".join(f"{self.tag[r]}*" for r in readers if r in self.tag)
            terms = r", \quad ".join(f"{name(a.of + BAR)} = {latex(a.expression)}" for a in mine)
            self._say(rf"$${terms} \tag{{{numbers}}}$$")
            for a in mine:
                self._code(a)

    def _begin_step(self) -> None:
        b = self.b
        lines = []
        for n in dict.fromkeys([*b.states, *(n for n in b.last if n not in b.sums)]):
            terms = ([f'bars[1]["{n}"]'] if n in b.states else []) + ([numpy(b.last[n])] if n in b.last else [])
            lines.append(f"{n}_next{BAR} = {' + '.join(terms)}")
        for n, (bar, axis) in b.from_outputs.items():
            lines.append(f"{n}_out{BAR} = {numpy(bar)}[{':, ' * axis}0]")
        for n in b.sums:
            self._say(f"${name(n)}$ is a sum over the steps: every term has the adjoint of the whole.")
        if lines:
            self._block(lines)

    def _end_step(self) -> None:
        f, b = self.f, self.b
        lines = []
        given = {a.of for a in b.step}
        arrays: dict[str, list[str]] = {}
        for r in f.reads:
            if r.name in given:
                arrays.setdefault(r.array, []).append(f"{r.array}{BAR}[{':, ' * r.axis}0] += {r.name}{BAR}")
        for array, puts in arrays.items():
            lines += [f"{array}{BAR} = np.zeros({array}.shape)", *puts]
        for s in f.states:
            if s.name in b.states:
                lines.append(f"{s.name}_next{BAR} = {s.prev}{BAR}")
        if b.states:
            pairs = ", ".join(
                f"${name(f'{s.name}_next{BAR}')} = {name(s.prev + BAR)}$" for s in f.states if s.name in b.states
            )
            self._say(f"**The step before** goes on with {pairs}. What the step gives back to its inputs is theirs:")
        if lines:
            self._block(lines)

    def _adjoint(self, a: Adjoint) -> None:
        numbers = sorted({self.tag[r] for r in a.readers if r in self.tag}, reverse=True)
        tag = rf" \tag{{{', '.join(f'{n}*' for n in numbers)}}}" if numbers else ""
        self._say(self._reason(a))
        self._say(f"$${name(a.of + BAR)} = {latex(a.expression)}{tag}$$")
        self._code(a)

    def _code(self, a: Adjoint) -> None:
        """The line, and its proof."""
        f = self.f
        numbers = sorted({self.tag[r] for r in a.readers if r in self.tag}, reverse=True)
        comment = "  # " + ", ".join(f"({n}*)" for n in numbers) if numbers else ""
        lines = _wrapped(f"{a.of}{BAR} = {numpy(a.expression)}{comment}")
        known = {*self.equations, *(s.prev for s in f.states), *(r.name for r in f.reads), *f.last}
        in_before = any(a is q for q in self.b.before)
        known |= set(self.b.arguments)
        if a.of in known and a.of not in f.stacked and not (in_before and a.of in self.given):
            lines.append(f'assert right({a.of}{BAR}, truth["{a.of}"])')
        elif a.of in self.given and self._is_last_word(a):
            lines.append(f'assert right({a.of}{BAR}, of_given["{a.of}"])')
        self._block(lines)

    def _is_last_word(self, a: Adjoint) -> bool:
        """Whether nothing is added to this input's adjoint afterwards."""
        return not any(
            q.of == a.of for q in self._lines()[1 + next(k for k, q in enumerate(self._lines()) if q is a) :]
        )

    def _reason(self, a: Adjoint) -> str:
        """Why the line is what it is: who reads the value, and what its derivative is made of."""
        what = f"**{_md(a.of)}.**"
        if a.argument_of:
            e = self.equations.get(a.argument_of)
            inner = latex(self.b.arguments[a.of])
            rule = _rule_of(e.expression) if e is not None else ""
            where = (
                f"is the argument ${inner}$ in ({self.tag[a.argument_of]})"
                if a.of.rstrip("0123456789").endswith("_in")
                else (f"stands for ${inner}$ in ({self.tag[a.argument_of]})")
            )
            return f"{what} ${name(a.of)}$ {where}" + (f"; {rule}." if rule else ".")
        readers = [f"${name(r)}$ in ({self.tag[r]})" if r in self.tag else r for r in a.readers]
        head = f"{what} " + (
            f"{counted(len(readers)).capitalize()} readers: {', '.join(readers[:-1])} and {readers[-1]}"
            if len(readers) > 1
            else f"Read by {readers[0]}"
        )
        own = [r for r in a.readers if r in self.equations]
        rules = _together(
            [(str(self.tag[r]), rule) for r in own for rule in _how(self._inner(r, a.of), a.of)], len(own) == 1
        )
        summed = any(isinstance(c, Call) and c.function == "sum" for c in _parts(a.expression))
        if summed and len(own) == 1 and a.expression.shape != self.equations[own[0]].expression.shape:
            rules.append("what is repeated along an axis is added up over it")
        return head + ("; " + "; ".join(rules) if rules else "") + "."

    def _inner(self, reader: str, of: str) -> Expression:
        """The part of an equation from which a value gets its adjoint: the argument that has an adjoint of its own."""
        e = self.equations[reader].expression
        for n, part in self.b.arguments.items():
            if self._owner(n) == reader and ex.count(part)[of] == ex.count(e)[of]:
                return part
        return e

    # --------------------------------------------------------------------------------------------------- the text

    def _say(self, text: str) -> None:
        if not text:
            return
        if text.startswith(("$$", "#", "!", "```")):
            self.out.append(text)
        else:
            unbroken = re.sub(r"\$[^$]+\$", lambda m: m[0].replace(" ", "\0"), text)  # no line ends within a formula
            self.out.append("\n".join(_filled(unbroken, "")).replace("\0", " "))

    def _block(self, lines: list[str]) -> None:
        wrapped = [w for line in lines for w in (_wrapped(line) if len(line) > WIDTH else [line])]
        body = "\n".join(wrapped)
        if self.out and self.out[-1].endswith("```") and self.out[-1].startswith("```python"):
            self.out[-1] = self.out[-1][: -len("```")] + body + "\n```"
        else:
            self.out.append(f"```python\n{body}\n```")


def _title(f: FoldedForward) -> str:
    """The first sentence of the file's own description, or its name."""
    text = ast.get_docstring(ast.parse(f.source)) or ""
    if not text:
        found = re.match(r"(?:#[^\n]*\n)+", f.source)
        text = " ".join(line.strip("# ") for line in found[0].splitlines()) if found else ""
    whole = " ".join(text.split())
    first = re.split(r"(?<=[a-z\")])(?<!et al)[.:;](?: |$)", whole)[0]
    first = first if len(first) <= 60 else re.split(r" \(|, |: ", whole)[0]
    return first if 0 < len(first) <= 90 else f.title


def _shown(v: float) -> str:
    return str(int(v)) if v == int(v) else repr(v)


def _with(e: Expression, part: Expression, new: Expression) -> Expression:
    """The expression with a part replaced, otherwise as it stands."""
    return kept(e, lambda c: new if c == part else None)


def _parts(e: Expression) -> Iterator[Expression]:
    """The expression, and all within it."""
    yield e
    for c in ex.children(e):
        yield from _parts(c)


def _md(text: str) -> str:
    return text.replace("_", r"\_")


def _slope(e: Expression, of: str) -> Expression | None:
    """The factor of a value in an expression that is linear in it, element by element; None if it is not."""
    if not ex.count(e)[of]:
        return ex.number(0)
    match e:
        case Leaf():
            return ex.number(1)
        case Sum():
            slopes = [(k, _slope(t, of)) for k, t in e.terms if ex.count(t)[of]]
            found = [(k, s) for k, s in slopes if s is not None]
            return ex.plus(*found) if len(found) == len(slopes) else None
        case Product():
            mine = [(f, p) for f, p in e.factors if ex.count(f)[of]]
            inner = _slope(mine[0][0], of) if len(mine) == 1 and mine[0][1] == 1 else None
            if inner is not None:
                others = (ex.power(f, p) for f, p in e.factors if not ex.count(f)[of])
                return ex.times(ex.number(e.number), *others, inner)
    return None


def _how(e: Expression, of: str) -> list[str]:
    """How an equation hands an adjoint back to one value that it reads."""
    if not ex.count(e)[of]:
        return []
    factor = _slope(e, of)
    if factor is not None:
        return [] if ex.number_of(factor) in (1, -1) else [f"{FACTOR}${latex(factor)}$"]
    match e:
        case Sum():
            mine = [ex.times(ex.number(k), t) for k, t in e.terms if ex.count(t)[of]]
            return [rule for t in mine for rule in _how(t, of)]
        case Contraction():
            if bool(left := ex.count(e.left)[of]) == bool(ex.count(e.right)[of]):
                return []
            other, axes = (e.right, e.letters[1]) if left else (e.left, e.letters[0])
            read = e.left if left else e.right
            read, other = under_kernel(read), under_kernel(other)
            if isinstance(read, Call) and read.function == "patches":
                return ["a convolution gives back the convolution with the mirrored kernel"]
            if isinstance(other, Call) and other.function == "patches":
                return ["a kernel gets, for each of its taps, the sum over all places"]
            transposed = len(axes) == 2 or max(map(len, e.letters[:2])) == 2
            return [f"{TRANSPOSED if transposed else FACTOR}${latex(other)}$"]
        case Product():
            reading = [(f, p) for f, p in e.factors if ex.count(f)[of]]
            if len(reading) != 1:
                return []
            ((own, p),) = reading
            if p < 0:
                return [f"a quotient gives back minus itself over ${latex(own)}$"]
            rest = ex.times(ex.number(e.number), *(ex.power(f, q) for f, q in e.factors if not ex.count(f)[of]))
            rules = [] if ex.number_of(rest) in (1, -1) else [f"{FACTOR}${latex(rest)}$"]
            return [*rules, *(["a square gives twice the value"] if p == 2 else []), *_how(own, of)]
        case Call() if e.function in ("reshape", "expand", "spread"):
            return _how(e.arguments[0], of)
        case Call():
            rule = _rule_of(e)
            inner = _how(e.arguments[0], of) if e.function == "sum" else []
            return [*([rule] if rule else []), *inner]
    return []


FACTOR = "the factor is "
TRANSPOSED = "gives back the transpose of "


def _together(rules: list[tuple[str, str]], alone: bool) -> list[str]:
    """The rules of a line, each with the number of its equation; equal kinds said once."""
    out = []
    for tag, rule in dict.fromkeys(rules):
        if rule.startswith(FACTOR):
            out.append(rule if alone else f"the factor in ({tag}) is {rule.removeprefix(FACTOR)}")
        elif not rule.startswith(TRANSPOSED) and rule not in out:
            out.append(rule)
    by = list(dict.fromkeys(rule.removeprefix(TRANSPOSED) for _, rule in rules if rule.startswith(TRANSPOSED)))
    if len(by) == 1:
        out.append(f"a product with {by[0]} gives back its transpose")
    elif by:
        out.append(f"products with {', '.join(by[:-1])} and {by[-1]} give back their transposes")
    return out


def _rule_of(e: Expression) -> str:
    """The derivative of the function that an equation applies."""
    if isinstance(e, Sum):
        inner = [t for _, t in e.terms if isinstance(t, Call)]
        return _rule_of(inner[0]) if len(inner) == 1 else ""
    if isinstance(e, Call):
        return {
            "sigmoid": r"$\sigma' = \sigma\,(1 - \sigma)$",
            "tanh": r"$\tanh' = 1 - \tanh^2$",
            "exp": r"$\exp' = \exp$",
            "log": r"$\ln' x = 1 / x$",
            "sqrt": "a root gives back one over twice itself",
            "softplus": r"the derivative of softplus is $\sigma$",
            "softmax": r"softmax gives back $p \odot (\bar p - \sum p \odot \bar p)$",
            "relu": "ReLU hands on where its argument is positive",
            "sum": "every term of a sum has the adjoint of the sum",
            "roll": "what was rolled is rolled back",
        }.get(e.function, "")
    return ""
