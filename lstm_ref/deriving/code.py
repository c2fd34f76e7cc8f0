"""The derived backward pass as a Python file in the user's layout and names: NumPy, or JAX with a `jax.custom_vjp`."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.adjoints import BAR, Adjoint, Backward
from lstm_ref.deriving.as_numpy import HELPERS, numpy, used
from lstm_ref.deriving.expressions import Expression, Leaf
from lstm_ref.deriving.folding import FoldedForward, Statement, StepRead
from lstm_ref.errors import BadInput

WIDTH = 120


def tags(f: FoldedForward) -> dict[str, int]:
    """The number of every forward equation, by the name it defines."""
    return {e.name: k for k, e in enumerate((*f.before, *f.step, *f.after), start=1)}


def as_code(f: FoldedForward, b: Backward, jax: bool = False) -> str:
    """The file's text."""
    text = _Code(f, b).text()
    return _in_jax(text, f) if jax else text


class _Code:
    def __init__(self, f: FoldedForward, b: Backward) -> None:
        self.f, self.b = f, b
        self.tag = tags(f)
        self.out: list[str] = []

    def text(self) -> str:
        f = self.f
        name = "loss" if f.is_loss else "forward"
        what = "gradients" if f.is_loss else "backward"
        expressions = [e.expression for e in (*f.before, *f.step, *f.after)]
        expressions += [a.expression for a in (*self.b.before, *self.b.step, *self.b.after)]
        fixed = self._fixed(expressions)
        rows = [
            f"{n} = np.eye({size})[{list(of)}]  # the element that each step reads"
            for n, (size, of) in f.rows.items()
            if n in fixed
        ]
        head = [
            f'"""The gradient of `{name}` in {f.origin}; {f.title}.md derives each line under its number."""',
            "",
            *_users_lines(f.source, [*(n for n in fixed if n not in f.rows), "inputs"]),
            *(["", *rows] if rows else []),
        ]
        for helper in used(expressions):
            head += ["", "", HELPERS[helper]]
        self._forward()
        self._backward()
        arguments, bar = ("p", "1.0") if f.is_loss else ("p, bar", "bar")
        tail = [
            "",
            "",
            f"def {name}(p):",
            f'    """{"The loss" if f.is_loss else "What the forward returns"}."""',
            "    return forward_pass(p)[0]",
            "",
            "",
            f"def {what}({arguments}):",
            '    """The gradient of every input, by its key."""',
            f"    return backward_pass(p, forward_pass(p)[1], {bar})",
            "",
        ]
        return "\n".join([*head, "", "", *self.out, *tail])

    def _fixed(self, expressions: Iterable[Expression]) -> list[str]:
        f = self.f
        read = {name for e in expressions for name in ex.count(e)} | {r.array for r in f.reads}
        return [name for name in f.fixed if name in read]

    # ----------------------------------------------------------------------------------------------------- forward

    def _forward(self) -> None:
        f = self.f
        self._say(0, "def forward_pass(p):", '    """The result, and the tape of values that `backward_pass` reads."""')
        self._unpack(self._needed(e.expression for e in (*f.before, *f.step, *f.after)))
        for e in f.before:
            self._equation(1, e)
        if f.step:
            self._loop()
        for e in f.after:
            self._equation(1, e)
        outs = [numpy(o) for o in f.outputs]
        kept = self._outside_kept()
        tape = ["steps"] * bool(f.step) + kept
        match f.returns:
            case "dict":
                result = "{" + ", ".join(f'"{k}": {o}' for k, o in zip(f.keys, outs, strict=True)) + "}"
            case "list":
                result = f"[{', '.join(outs)}]"
            case "tuple":
                result = _tuple(outs)
            case _:
                (result,) = outs
        self._say(1, f"return {result}, {_tuple(tape)}")

    def _loop(self) -> None:
        f = self.f
        stacked = {name: whole for whole, (name, _) in f.stacked.items()}
        for s in f.states:
            self._say(1, f"{s.prev} = {numpy(s.initial)}")
        self._say(
            1,
            f"{' = '.join([*stacked.values(), 'steps'])} = []"
            if not stacked
            else f"{', '.join([*stacked.values(), 'steps'])} = {', '.join(['[]'] * (len(stacked) + 1))}",
        )
        self._say(1, f"for t in range({self._length()}):")
        for r in f.reads:
            self._say(2, f"{r.name} = {r.array}[{':, ' * r.axis}t]")
        for e in f.step:
            self._equation(2, e)
        for name, whole in stacked.items():
            self._say(2, f"{whole}.append({name})")
        self._say(2, f"steps.append({_tuple(self.b.kept)})")
        if f.states:
            self._say(2, f"{', '.join(s.prev for s in f.states)} = {', '.join(s.name for s in f.states)}")
        by_state = {s.name: s.prev for s in f.states}
        for whole, (_, axis) in f.stacked.items():
            self._say(1, f"{whole} = np.stack({whole}, axis={axis})")
        for end, name in f.last.items():
            self._say(1, f"{end} = {by_state.get(name, name)}")

    def _length(self) -> str:
        for r in self.f.reads:
            return f"{r.array}.shape[{r.axis}]" if r.axis else f"len({r.array})"
        return str(self.f.T)

    def _equation(self, depth: int, e: Statement) -> None:
        self._say(depth, f"{e.name} = {numpy(e.expression)}  # ({self.tag[e.name]})")

    # ---------------------------------------------------------------------------------------------------- backward

    def _backward(self) -> None:
        f, b = self.f, self.b
        self._say(0, "", "", "def backward_pass(p, tape, bar):")
        self._say(1, '"""The gradient of every input, given the adjoint `bar` of the result; one line an equation."""')
        lines = (*b.before, *b.step, *b.after)
        self._unpack(self._needed((a.expression for a in lines), self._zeros()))
        kept = ["steps"] * bool(f.step) + self._outside_kept()
        self._say(1, f"{_tuple(kept)} = tape" if kept else "")
        bars = ["bar"] if len(f.outputs) == 1 else [f"bar_{k}" for k in range(len(f.outputs))]
        if f.returns == "dict":
            self._say(1, f"{', '.join(bars)} = {', '.join(f'bar[{k!r}]' for k in f.keys)}".replace("'", '"'))
        elif f.returns != "array":
            self._say(1, f"{', '.join(bars)}{',' if len(bars) == 1 else ''} = bar")
        for a in b.after:
            self._adjoint(1, a)
        if f.step:
            self._reversed_loop()
        for a in b.before:
            self._adjoint(1, a)
        self._return()

    def _zeros(self) -> list[str]:
        return [n for n in self.b.accumulated if n in self.f.inputs]

    def _reversed_loop(self) -> None:
        f, b = self.f, self.b
        carried = dict.fromkeys([*b.states, *(n for n in b.last if n not in b.sums)])
        for name in carried:
            start = numpy(b.last[name]) if name in b.last else self._zero(name)
            self._say(1, f"{name}_next{BAR} = {start}")
        if b.accumulated:
            bars = ", ".join(n + BAR for n in b.accumulated)
            if len(b.accumulated) == 1:
                self._say(1, f"{bars} = np.zeros_like({b.accumulated[0]})")
            else:
                self._say(1, f"{bars} = (np.zeros_like(v) for v in ({', '.join(b.accumulated)}))")
        given = {a.of for a in b.step}
        reads = [r for r in f.reads if r.name in given]
        for r in reads:
            self._say(1, f"{r.name}{BAR}s = [None] * len(steps)")
        self._say(1, "for t in reversed(range(len(steps))):")
        if b.kept:
            self._say(2, f"{_tuple(b.kept).strip('()')} = steps[t]")
        by_name = {r.name: r for r in reads}
        names = {f"{name}_out{BAR}": f"{numpy(bar)}[{':, ' * axis}t]" for name, (bar, axis) in b.from_outputs.items()}
        for a in b.step:
            self._adjoint(2, a, names, by_name)
        prevs = {s.name: s.prev for s in f.states}
        after = [
            (f"{n}_next{BAR}", prevs[n] + BAR if n in b.states else f"np.zeros_like({n}_next{BAR})") for n in carried
        ]
        if after:
            self._say(2, f"{', '.join(a for a, _ in after)} = {', '.join(v for _, v in after)}")
        arrays: dict[str, list[StepRead]] = {}
        for r in reads:
            arrays.setdefault(r.array, []).append(r)
        for array, mine in arrays.items():
            stacked = " + ".join(f"np.stack({r.name}{BAR}s, axis={r.axis})" for r in mine)
            self._say(1, f"{array}{BAR} = {stacked}")

    def _zero(self, name: str) -> str:
        """Zeros like a state."""
        s = next((s for s in self.f.states if s.name == name), None)
        if s is not None and isinstance(s.initial, Leaf) and s.initial.name in self.f.inputs:
            return f"np.zeros_like({self._path(s.initial.name)})"
        shape = self.f.shapes[name]
        return f"np.zeros(({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''}))"

    def _adjoint(
        self,
        depth: int,
        a: Adjoint,
        names: Mapping[str, str] | None = None,
        reads: Mapping[str, StepRead] | None = None,
    ) -> None:
        value = numpy(a.expression, names)
        numbers = sorted({self.tag[r] for r in a.readers if r in self.tag}, reverse=True)
        comment = "  # " + ", ".join(f"({n}*)" for n in numbers) if numbers else ""
        if why := _readers(a):
            comment = f"{comment}  {why}" if comment else f"  # {why}"
        if reads and a.of in reads:
            self._say(depth, f"{a.of}{BAR}s[t] = {value}{comment}")
        elif depth == 2 and a.of in self.b.accumulated:
            self._say(depth, f"{a.of}{BAR} += {value}{comment}")
        else:
            self._say(depth, f"{a.of}{BAR} = {value}{comment}")

    def _return(self) -> None:
        f, b = self.f, self.b
        computed = {a.of for a in (*b.after, *b.before)} | set(b.accumulated)
        computed |= {r.array for r in f.reads if r.name in {a.of for a in b.step}}
        tree: dict[str, object] = {}
        for name, path in f.inputs.items():
            at = tree
            for key in path[:-1]:
                at = at.setdefault(key, {})  # type: ignore[assignment]
            at[path[-1]] = name + BAR if name in computed else f"np.zeros_like({self._path(name)})"
        line = f"    return {self._tree(tree)}"
        if len(line) <= WIDTH:
            self.out.append(line)
            return
        self.out.append("    return {")
        now = ""
        for key, value in tree.items():
            part = f'"{key}": {self._tree(value, (key,))},'
            if now and len(now) + len(part) + 9 > WIDTH:
                self.out.append(f"        {now}")
                now = ""
            now += f"{' ' if now else ''}{part}"
        self.out += [f"        {now}", "    }"]

    def _tree(self, tree: object, path: tuple[str, ...] = ()) -> str:
        """Gradients in the containers of the inputs."""
        if not isinstance(tree, dict):
            return str(tree)
        parts = [self._tree(v, (*path, k)) for k, v in tree.items()]
        if path and all(k.isdigit() for k in tree):
            return f"[{', '.join(parts)}]" if path in self.f.lists else _tuple(parts)
        return "{" + ", ".join(f'"{k}": {part}' for k, part in zip(tree, parts, strict=True)) + "}"

    # ------------------------------------------------------------------------------------------------------- names

    def _outside_kept(self) -> list[str]:
        """Values outside of the loop that the backward pass reads."""
        f, b = self.f, self.b
        read = {name for a in (*b.before, *b.after, *b.step) for name in ex.count(a.expression)}
        read |= {name for name in b.accumulated if name not in f.inputs}
        own = [*(e.name for e in f.before), *f.last, *f.stacked, *(e.name for e in f.after)]
        return [name for name in own if name in read]

    def _needed(self, expressions: Iterable[Expression], also: Sequence[str] | None = None) -> list[str]:
        read = {name for e in expressions for name in ex.count(e)} | set(also or ())
        if also is None:
            read |= {r.array for r in self.f.reads} | {n for s in self.f.states for n in ex.count(s.initial)}
        return [name for name in self.f.inputs if name in read]

    def _path(self, name: str) -> str:
        return "p" + "".join(f"[{int(k)}]" if k.isdigit() else f'["{k}"]' for k in self.f.inputs[name])

    def _unpack(self, names: list[str]) -> None:
        line: list[str] = []
        for name in [*names, ""]:
            size = sum(len(n) + len(self._path(n)) + 4 for n in [*line, *([name] * bool(name))])
            if line and (not name or size > WIDTH - 12):
                self._say(1, f"{', '.join(line)} = {', '.join(map(self._path, line))}")
                line = []
            line.append(name)

    def _say(self, depth: int, *lines: str) -> None:
        for line in lines:
            if line or depth == 0:
                self.out += _wrapped("    " * depth + line if line else "")


def _readers(a: Adjoint) -> str:
    """Why there are several terms."""
    if len(a.readers) < 2 or a.argument_of:
        return ""
    return f"{counted(len(a.readers))} readers: {', '.join(a.readers[:-1])} and {a.readers[-1]}"


def counted(n: int) -> str:
    """A small number as a word."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    return words[n] if n < len(words) else str(n)


def _tuple(names: Sequence[str]) -> str:
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})" if names else "()"


def _wrapped(line: str) -> list[str]:
    """A line, broken where it is too long: its comment above it, then after a comma or before an operation."""
    if len(line) <= WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    code, mark, comment = line.partition("  # ")
    out = [f"{indent}# {comment}"] if mark else []
    if len(code) <= WIDTH:
        return [*out, code]
    head, equals, value = _split(code)
    if len(head) > WIDTH - 4:  # a long tape
        return [*out, f"{indent}(", *_filled(head.strip() + ",", indent + "    "), f"{indent}){equals}{value}"]
    if value.startswith("(") and " for " in value:
        return [*out, f"{head}{equals}(", f"{indent}    {value[1:-1]}", f"{indent})"]
    pieces = _pieces(value)
    for depth in (2, 3, 4):
        if max(map(len, pieces)) > WIDTH - len(indent) - 4:
            pieces = _pieces(value, depth)
    lines, now = [], ""
    for piece in pieces:
        joined = f"{now}{'' if piece.startswith(' ') or not now else ' '}{piece}"
        if len(indent) + 4 + len(joined) > WIDTH and now:
            lines.append(now)
            joined = piece.strip()
        now = joined
    lines.append(now)
    opening, closing = ("", "") if equals == "append(" else ("(", ")")
    first = f"{head}{equals}{opening}"
    last = f"{indent}{closing}" if closing else f"{indent})"
    return [*out, first, *(f"{indent}    {part}" for part in lines), last]


def _pieces(text: str, within: int = 1) -> list[str]:
    """Where a line may be broken: after a comma within so many brackets, before a + or − outside of all brackets."""
    pieces, depth, start = [], 0, 0
    for k, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if (c == "," and depth <= within and text[k + 1 : k + 2] == " ") or (
            depth == 0 and text[k + 1 : k + 4] in (" + ", " - ")
        ):
            pieces.append(text[start : k + 1])
            start = k + 2 if c == "," else k + 1
    return [*pieces, text[start:]]


def _filled(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)


def _split(code: str) -> tuple[str, str, str]:
    """A statement, before and after its = or its call."""
    if ".append(" in code:
        head, _, value = code.partition("append(")
        return head, "append(", value[:-1]
    for mark in (" += ", " = ", "return "):
        if mark in code:
            head, _, value = code.partition(mark)
            return head, mark, value
    return code, "", ""


def _users_lines(source: str, names: Sequence[str]) -> list[str]:
    """The statements of the user's module that define these names, and what they need."""
    tree = ast.parse(source)
    lines = source.splitlines()
    defines: dict[int, set[str]] = {}
    for k, node in enumerate(tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            defines[k] = {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defines[k] = {node.name}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defines[k] = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    wanted, kept = {*names, "np"}, set()
    grown = True
    while grown:
        grown = False
        for k, defined in defines.items():
            if k not in kept and defined & wanted:
                kept.add(k)
                wanted |= {n.id for n in ast.walk(tree.body[k]) if isinstance(n, ast.Name)}
                grown = True
    if "inputs" in names and not any("inputs" in defines[k] for k in kept):
        raise BadInput("the file defines no `inputs` at its top level")
    out: list[str] = []
    has_numpy = any("np" in defines[k] for k in kept)
    if not has_numpy:
        out.append("import numpy as np")
    for k in sorted(kept):
        node = tree.body[k]
        if isinstance(node, ast.FunctionDef) or (out and isinstance(tree.body[k - 1], ast.FunctionDef)):
            out += ["", ""]
        elif out and out[-1].startswith(("import", "from")) and not isinstance(node, (ast.Import, ast.ImportFrom)):
            out.append("")
        out += lines[node.lineno - 1 : node.end_lineno]
    return out


def _in_jax(text: str, f: FoldedForward) -> str:
    """The same file for JAX, its rule given to `jax.custom_vjp`."""
    head, mark, body = text.partition("def forward_pass(p):")
    helpers = "\n\n\n".join(HELPERS[h] for h in HELPERS if HELPERS[h] in head)
    for h in HELPERS.values():
        head = head.replace("\n\n\n" + h, "")
    name = "loss" if f.is_loss else "forward"
    body, _, tail = body.partition(f"\n\n\ndef {name}(p):")
    public = "def " + tail.rpartition("\ndef ")[2]
    body = re.sub(r"\bnp\.", "jnp.", body)
    helpers = re.sub(r"\bnp\.", "jnp.", helpers)
    imports = head.replace("import numpy as np", "import jax\nimport jax.numpy as jnp\nimport numpy as np", 1)
    imports = re.sub(r"(import jax\n)(.*?)(?=\n\n)", lambda m: _once(m[0]), imports, count=1, flags=re.S)
    rule = [
        "@jax.custom_vjp",
        f"def {name}(p):",
        f'    """{"The loss" if f.is_loss else "What the forward returns"}."""',
        "    return forward_pass(p)[0]",
        "",
        "",
        "def _forward(p):",
        "    out, tape = forward_pass(p)",
        "    return out, (p, tape)",
        "",
        "",
        f"{name}.defvjp(_forward, lambda kept, bar: (backward_pass(*kept, bar),))",
        "",
        "",
        public.rstrip(),
        "",
    ]
    parts = [imports.rstrip(), *([helpers] if helpers else []), mark + body, "\n".join(rule)]
    return "\n\n\n".join(parts)


def _once(block: str) -> str:
    return "\n".join(dict.fromkeys(block.splitlines()))
