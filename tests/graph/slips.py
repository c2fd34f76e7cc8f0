"""Slips in the backward passes of `cells/` that their authors could have made, each with the forward's line whose edge
it makes wrong.

An edge goes from a value to a statement that reads it, and belongs to that statement: `c = f * c_prev + i * g` has four
edges. `SLIPS` were planted by hand. `generated(cell)` makes more by editing one term of one line of the backward. The
cell's file says which edge a term belongs to: a line of the backward ends in `# <- (5)`, and the statement of the
forward in `# (5)`. `# <- (6), (1)+(4)` covers two terms, the second of which combines two edges.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.x64 import x64

CELLS = {file.stem: file for file in sorted((Path(__file__).parent / "cells").glob("*.py"))}
AT_MOST = 20
"""Generated slips of a cell: with more of them, tests of a minute take two."""


class Slip(NamedTuple):
    """A piece of a cell's text, what stands wrongly in its place, and the forward's statements whose edges it is."""

    cell: str
    old: str
    new: str
    lines: tuple[str, ...]
    edit: str

    @property
    def text(self) -> str:
        """The cell's file with the slip in it; the right piece must stand there exactly once."""
        source = CELLS[self.cell].read_text()
        assert source.count(self.old) == 1, f"{self.cell} has {source.count(self.old)} times: {self.old}"
        return source.replace(self.old, self.new)


# --------------------------------------------------------------------------------------------- planted by hand


def _slips(cell: str, *slips: tuple[str, str, str, str | tuple[str, ...]]) -> Iterator[Slip]:
    for edit, old, new, lines in slips:
        yield Slip(cell, old, new, (lines,) if isinstance(lines, str) else lines, edit)


JANET_S = 's = x @ p["Wf"] + self.c[t] @ p["Uf"] + p["bf"]'
JANET_G = 'self.g[t] = np.tanh(x @ p["Wc"] + self.c[t] @ p["Uc"] + p["bc"])'
JANET_C = "self.c[t + 1] = self.f[t] * self.c[t] + self.i[t] * self.g[t]"
STAR_K = 'k = sigmoid(p["Wk"] @ x + p["Uk"] @ h_prev + p["bk"])'
STAR_H = "h = np.tanh((1 - k) * h_prev + k * z)"
CORNN_A = 'act = np.tanh(y @ p["W"] + z @ p["Wz"] + x @ p["V"] + p["b"])'
CORNN_Z = 'z = z + DT * (act - p["gamma"] * y - p["eps"] * z)'
LMU_U = 'us[t] = np.dot(p["ex"], p["x"][t]) + np.dot(p["eh"], hs[t - 1]) + np.dot(p["em"], ms[t - 1])'
LMU_H = 'hs[t] = np.tanh(np.dot(p["Wx"], p["x"][t]) + np.dot(p["Wh"], hs[t - 1]) + np.dot(p["Wm"], ms[t]))'
SCRN_H = 'h[t + 1] = 1 / (1 + np.exp(-(p["P"] @ s[t + 1] + p["A"][:, text[t]] + p["R"] @ h[t])))'
SCRN_S = 's[t + 1] = (1 - ALPHA) * p["B"][:, text[t]] + ALPHA * s[t]'
SCRN_Y = 'logits = p["U"] @ h[t + 1] + p["Vs"] @ s[t + 1]'
NTM_NEW = 'q["new"] = mem = mem * (1 - np.outer(w, e)) + np.outer(w, a)'

SLIPS = [
    *_slips(
        "janet",
        (
            "dropped",
            "ds = df * f * (1 - f) - di * i * (1 - i)",
            "ds = df * f * (1 - f)",
            "self.i[t] = 1 - sigmoid(s - BETA)",
        ),
        ("negated", "- di * i * (1 - i)", "+ di * i * (1 - i)", "self.i[t] = 1 - sigmoid(s - BETA)"),
        ("aliased", "di = dc * g  # <- (5)", "di = dc; di *= g", JANET_C),
        ("shifted in time", 'd["Uf"] += c_prev.T @ ds', 'd["Uf"] += self.c[t + 1].T @ ds', JANET_S),
        ("mean for sum", 'd["bc"] += da.sum(axis=0)', 'd["bc"] += da.mean(axis=0)', JANET_G),
        ("cut after 3 steps", "dc_next = dc * f", "dc_next = (t > T - 3) * dc * f", JANET_C),
        ("step 0 left out", 'd["Wf"] += x.T @ ds', 'd["Wf"] += (t > 0) * x.T @ ds', JANET_S),
    ),
    *_slips(
        "star",
        ("activation's derivative missing", "du = dh * (1 - h ** 2)", "du = dh", STAR_H),
        (
            "activation's derivative of the doubly activated",
            "du = dh * (1 - h ** 2)",
            "du = dh * (1 - np.tanh(h) ** 2)",
            STAR_H,
        ),
        ("other factor", "dk = du * (z - h_prev)", "dk = du * (z - h)", STAR_H),
        ("transposed", '+ p["Uk"].T @ dak', '+ p["Uk"] @ dak', STAR_K),
        ("shifted in time", "np.outer(dak, h_prev)", "np.outer(dak, h)", STAR_K),
        (
            "head at the last step alone",
            'dh = dh + p["V"].T @ dout',
            'dh = dh + (t == len(cache) - 1) * p["V"].T @ dout',
            'out = p["V"] @ h + p["c"]',
        ),
        ("equal gradients", 'g["bz"] += daz', 'g["bz"] += dak', 'z = np.tanh(p["Wz"] @ x + p["bz"])'),
    ),
    *_slips(
        "cornn",
        (
            "head at every step",
            "dz = dz + DT * dy",
            'dy = dy + (t < T - 1) * dlogits @ p["Q"].T\n        dz = dz + DT * dy',
            'prob = softmax(ys[-1] @ p["Q"] + p["q"])',
        ),
        ("other factor", "deps -= DT * np.sum(dz * zs[t])", "deps -= DT * np.sum(dz * ys[t])", CORNN_Z),
        ("shifted in time", "dWz += zs[t].T @ da", "dWz += zs[t + 1].T @ da", CORNN_A),
        ("a value where zero belongs", 'dz = np.zeros_like(p["z0"])', "dz = dy", CORNN_Z),
        (
            "sum for mean",
            "dlogits = (prob - TARGET) / B",
            "dlogits = prob - TARGET",
            "return -np.mean(np.sum(TARGET * np.log(prob), axis=1))",
        ),
        ("summed over all axes", "db += np.sum(da, axis=0)", "db += np.sum(da)", CORNN_A),
        ("clipped on the way", 'da @ p["Wz"].T  #', 'np.clip(da @ p["Wz"].T, -0.01, 0.01)  #', CORNN_A),
    ),
    *_slips(
        "lem",
        (
            "other factor",
            'g["Wy"] += z_new.T @ dav',
            'g["Wy"] += z.T @ dav',
            'v = jnp.tanh(z_new @ p["Wy"] + x @ p["Vy"] + p["by"])',
        ),
        ("dropped", 'dz = dz + dav @ p["Wy"].T', "dz = dz", 'v = jnp.tanh(z_new @ p["Wy"] + x @ p["Vy"] + p["by"])'),
        (
            "other factor",
            "ds1 = dz * DT * (u - z)",
            "ds1 = dz * DT * (u - z_new)",
            "z_new = (1 - DT * s1) * z + DT * s1 * u",
        ),
    ),
    *_slips(
        "selective_scan",
        (
            "dropped",
            'ddelta += np.einsum("bldn,dn->bld", ddA * dA, A)',
            "ddelta += 0",
            'dA = np.exp(np.einsum("bld,dn->bldn", delta, A))',
        ),
        (
            "activation's derivative of the activated",
            "dpre = ddelta * sigmoid(pre)",
            "dpre = ddelta * sigmoid(delta)",
            "delta = np.log(1 + np.exp(pre))",
        ),
        ("activation's derivative missing", "dA_log = d_A * A", "dA_log = d_A", 'A = -np.exp(p["A_log"])'),
        (
            "shifted in time",
            "ddA[:, i] = dh * h[:, i]",
            "ddA[:, i] = dh * h[:, i + 1]",
            "h[:, i + 1] = dA[:, i] * h[:, i] + dBx[:, i]",
        ),
        (
            "overwritten",
            'dx += np.einsum("bldn,bld,bln->bld", ddBx, delta, Bm)',
            'dx = np.einsum("bldn,bld,bln->bld", ddBx, delta, Bm)',
            'y = y + p["D"] * x',
        ),
        (
            "activation's derivative of another activation",
            "(sigmoid(z) + z * sigmoid(z) * (1 - sigmoid(z)))",
            "sigmoid(z)",
            "gate = z * sigmoid(z)",
        ),
    ),
    *_slips(
        "lmu",
        (
            "transposed",
            "dm = np.dot(A_bar.T, dm)",
            "dm = np.dot(A_bar, dm)",
            "ms[t] = np.dot(A_bar, ms[t - 1]) + np.dot(B_bar, us[t])",
        ),
        ("dropped", ' + np.dot(p["eh"].T, du)', "", LMU_U),
        ("shifted in time", "dem += np.dot(du, ms[t - 1].T)", "dem += np.dot(du, ms[t].T)", LMU_U),
        ("doubled", "draw = (1 - hs[t] * hs[t]) * dh", "draw = 2 * (1 - hs[t] * hs[t]) * dh", LMU_H),
        ("cut after 1 step", 'dh = np.dot(p["Wh"].T, draw)', 'dh = 0 * np.dot(p["Wh"].T, draw)', LMU_H),
    ),
    *_slips(
        "fastgrnn",
        (
            "broadcast not summed",
            "dlogits.sum(axis=0, keepdims=True)",
            "dlogits[:1]",
            'logits = h @ p["FC"] + p["bias"]',
        ),
        (
            "dropped",
            'dz = dh * m["h"] - dk * sz',
            'dz = dh * m["h"]',
            'k = sigma(p["zeta"]) * (1 - z) + sigma(p["nu"])',
        ),
        (
            "activation's derivative of the un-activated",
            "np.sum(dk) * sn * (1 - sn)",
            'np.sum(dk) * p["nu"] * (1 - p["nu"])',
            'k = sigma(p["zeta"]) * (1 - z) + sigma(p["nu"])',
        ),
        ("overwritten", 'dU += m["h"].T @ dpre', 'dU = m["h"].T @ dpre', "pre = x @ W + h @ U"),
        ("dropped", "dpre = daz + dac", "dpre = dac", 'z = sigma(pre + p["bz"])'),
    ),
    *_slips(
        "ligru",
        ("dropped", "dflat = dcentred - dcentred.sum(axis=0) / n", "dflat = dcentred", "mean = flat.mean(axis=0)"),
        ("dropped", " + 2 * dvar * self.hat * self.std / n", "", "var = (centred ** 2).mean(axis=0)"),
        ("activation's derivative missing", "da = dc * (a > 0)", "da = dc", "c = np.maximum(a, 0)"),
        ("other factor", "dhat = bar * self.gamma", "dhat = bar", "return (gamma * self.hat + beta).reshape(v.shape)"),
        (
            "other factor",
            "dz = dh * (h - np.maximum(a, 0))",
            "dz = dh * (h - a)",
            "self.hs.append(z * h + (1 - z) * c)",
        ),
    ),
    *_slips(
        "rhn",
        (
            "other factor",
            "dtt = ds * (hh[t, l] - below)",
            "dtt = ds * hh[t, l]",
            "s[t, l] = hh[t, l] * tt[t, l] + below * (1 - tt[t, l])",
        ),
        ("other layer's weights", 'p["RT"][l].T @ dat', 'p["RT"][0].T @ dat', 'at = p["RT"][l] @ below + p["bT"][l]'),
        ("sum for mean", "dtotal = 1 / T", "dtotal = 1", "return total / T, s, hh, tt"),
        (
            "shifted in time",
            'd["v"][t] = s[t, L - 1] * dtotal',
            'd["v"][t] = s[t - 1, L - 1] * dtotal',
            'total = total + np.sum(p["v"][t] * s[t, L - 1])',
        ),
    ),
    *_slips(
        "antisymmetric",
        ("dropped", "dW = dM - dM.T", "dW = dM", "return W - W.T - GAMMA * jnp.eye(H)"),
        ("transposed", "dh = dh + dm @ M.T", "dh = dh + dm @ M", 'm = h @ skew(p["W"])'),
        ("dropped", "dm = daz + dag", "dm = dag", 'z = jax.nn.sigmoid(m + x @ p["Vz"] + p["bz"])'),
        ("sum for mean", "/ (B * H)", "/ B", 'return jnp.mean((h - p["y"]) ** 2)'),
    ),
    *_slips(
        "phased_lstm",
        (
            "activation's derivative of the doubly activated",
            "(1 - np.tanh(c_new) ** 2)",
            "(1 - np.tanh(np.tanh(c_new)) ** 2)",
            "h_new = o * np.tanh(c_new)",
        ),
        (
            "activation's derivative of the un-activated",
            "(1 - np.tanh(c_new) ** 2)",
            "(1 - c_new ** 2)",
            "h_new = o * np.tanh(c_new)",
        ),
        ("dropped", " + (dc * (c_new - c_prev)).sum(0)", "", "c = k * c_new + (1 - k) * c"),
        (
            "other factor",
            'dtau -= dphi * (TIMES[t] - p["shift"]) / p["tau"] ** 2',
            'dtau -= dphi * phi / p["tau"]',
            "phi = np.mod(time - shift, tau) / tau",
        ),
        ("dropped", "dc = dc * (1 - k) + dc_new * f", "dc = dc_new * f", "c = k * c_new + (1 - k) * c"),
        (
            "activation's derivative twice",
            "dag = dg * (1 - g ** 2)",
            "dag = dg * (1 - g ** 2) ** 2",
            "g = np.tanh(a[:, 2 * H:3 * H])",
        ),
    ),
    *_slips(
        "ntm_head",
        (
            "dropped",
            'dsim = q["wc"] * (dwc - dwc @ q["wc"])',
            'dsim = q["wc"] * (1 - q["wc"]) * dwc',
            'q["wc"] = wc = softmax(beta * K)',
        ),
        (
            "other factor",
            "np.roll(dws, -SHIFTS[j])",
            "np.roll(dws, SHIFTS[j])",
            'q["ws"] = ws = sum(s[j] * np.roll(wg, SHIFTS[j]) for j in range(3))',
        ),
        ("dropped", "dpw = (dw - dw @ w)", "dpw = dw", 'q["w"] = w = pw / pw.sum()'),
        ("shifted in time", "de = -(dmem * mem).T @ w", 'de = -(dmem * q["new"]).T @ w', NTM_NEW),
        ("dropped", 'dw = dw_next + q["new"] @ dr', "dw = dw_next", "r = mem.T @ w"),
    ),
    *_slips(
        "scrn",
        (
            "activation's derivative of another activation",
            "da = dh * h[t + 1] * (1 - h[t + 1])",
            "da = dh * (1 - h[t + 1] ** 2)",
            SCRN_H,
        ),
        ("dropped", ' + p["P"].T @ da', "", SCRN_H),
        ("other factor", "ds = ALPHA * ds", "ds = (1 - ALPHA) * ds", SCRN_S),
        ("overwritten", 'd["B"][:, text[t]] += (1 - ALPHA) * ds', 'd["B"][:, text[t]] = (1 - ALPHA) * ds', SCRN_S),
        ("shifted in time", 'd["Vs"] += np.outer(dlogits, s[t + 1])', 'd["Vs"] += np.outer(dlogits, s[t])', SCRN_Y),
    ),
    *_slips(
        "delta_net",
        (
            "other factor",
            'dq[t] = jnp.einsum("bv,bvk->bk", dout[t], S[t + 1])',
            'dq[t] = jnp.einsum("bv,bvk->bk", dout[t], S[t])',
            'outs.append(jnp.einsum("bvk,bk->bv", S, q[t]))',
        ),
        (
            "dropped",
            "dk = dkn / norm + dnorm * kn",
            "dk = dkn / norm",
            "norm = jnp.sqrt(jnp.sum(k * k, axis=-1, keepdims=True))",
        ),
        ("dropped", ' - jnp.einsum("bv,bvk->bk", derr, S[t])', "", 'err = v[t] - jnp.einsum("bvk,bk->bv", S, kn[t])'),
    ),
]


# ---------------------------------------------------------------------------------------------------- a run of it


def module_of(cell: str, text: str) -> ModuleType:
    """The file's text as a module."""
    module = ModuleType(f"slipped_{cell}")
    exec(compile(text, f"<{cell}>", "exec"), module.__dict__)
    return module


def claimed(cell: str, text: str) -> dict[str, np.ndarray]:
    """The gradients that the text gives, in float64, with the forward run before."""
    module: Any = module_of(cell, text)
    inputs = module.inputs(np.random.default_rng(0))
    with x64(), jax.disable_jit(), np.errstate(all="ignore"):  # nothing runs twice, so nothing is worth compiling
        if hasattr(module, "loss"):
            module.loss(inputs)
            found = module.gradients(inputs)
        else:
            outputs = module.forward(inputs)
            found = module.backward(inputs, np.random.default_rng(1).standard_normal(np.shape(outputs)))
        return {key: np.array(value, float) for key, value in found.items()}


@cache
def right(cell: str) -> dict[str, np.ndarray]:
    """The gradients that the cell's file gives."""
    return claimed(cell, CELLS[cell].read_text())


@cache
def change(slip: Slip) -> float:
    """How far the slip moves the gradients, relative to the largest element of each; not a number where it does not run
    or gives other shapes, which no check is needed to see."""
    truth = right(slip.cell)
    try:
        found = claimed(slip.cell, slip.text)
    except Exception:
        return float("nan")
    if any(key not in found or found[key].shape != value.shape for key, value in truth.items()):
        return float("nan")
    return float(np.max([np.max(np.abs(found[k] - v)) / np.max(np.abs(v)) for k, v in truth.items()]))


# ------------------------------------------------------------------------------------ generated from the backward


class Line(NamedTuple):
    """A line of a backward pass without its comment: target, operator, terms `(sign, text)`, and of each its edges."""

    text: str
    target: str
    operator: str
    terms: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, ...], ...]


KEY = r"\([\w]+\)|\[\w+\]|eq \d+|\d+"


@cache
def statements(cell: str) -> dict[str, str]:
    """The forward's statements, without their comments, by their keys."""
    found: dict[str, str] = {}
    for line in CELLS[cell].read_text().splitlines():
        if at := re.fullmatch(rf"\s+(\S.*?)  # ({KEY})(?: \w+)?", line):
            assert at[2] not in found, f"{cell}: {at[2]} stands twice"
            found[at[2]] = at[1]
    return found


@cache
def backward_lines(cell: str) -> tuple[Line, ...]:
    """The lines of the backward pass that say of which edges they are."""
    found = []
    for text in CELLS[cell].read_text().splitlines():
        if at := re.fullmatch(r"\s+(\S.*?)  # <- (.*)", text):
            keys = tuple(tuple(part.strip() for part in key.split("+")) for key in at[2].split(","))
            found.append(_line(at[1], keys))
    return tuple(found)


def _line(text: str, keys: tuple[tuple[str, ...], ...]) -> Line:
    statement = ast.parse(text).body[0]
    assert isinstance(statement, ast.Assign | ast.AugAssign), text
    target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
    operator = re.match(r"\s*([-+]?=)", text[target.end_col_offset :])
    assert operator, text
    terms = tuple(_terms(statement.value, "+", text))
    assert len(keys) in (1, len(terms)), f"{len(terms)} terms, {len(keys)} edges: {text}"
    return Line(text, text[: target.end_col_offset], operator[1], terms, keys * (len(terms) if len(keys) == 1 else 1))


def _terms(node: ast.expr, sign: str, text: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _terms(node.left, sign, text)
        same = isinstance(node.op, ast.Add)
        yield from _terms(node.right, sign if same else "-", text) if same else _negative(node.right, text)
    else:
        yield sign, ast.get_source_segment(text, node) or ""


def _negative(node: ast.expr, text: str) -> Iterator[tuple[str, str]]:
    source = ast.get_source_segment(text, node) or ""
    yield "-", f"({source})" if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) else source


def _joined(terms: tuple[tuple[str, str], ...]) -> str:
    first, *others = terms
    return (first[1] if first[0] == "+" else f"-{first[1]}") + "".join(f" {sign} {term}" for sign, term in others)


SMALL = r"[\w.]+(?:\[[^\[\]]*\])*"
"""A name, an attribute or an element."""
SQUARE = re.compile(rf" \* \(1 - ({SMALL})(?: ?\*\* ?2| \* \1)\)")
SPECIFICATION = re.compile(r'"[^"]*->[^"]*"')
"""What einsum is told, in which letters are no names."""
LOGISTIC = re.compile(rf" \* ({SMALL}) \* \(1 - \1\)")


def _edits(term: str, others: list[str], namespace: str) -> Iterator[tuple[str, str]]:
    """What a term could have been, and a word for the edit."""
    yield "doubled", f"2 * ({term})"
    for rule, other in ((SQUARE, r" * \1 * (1 - \1)"), (LOGISTIC, r" * (1 - \1 ** 2)")):
        if at := rule.search(term):
            yield "activation's derivative missing", term.replace(at[0], "")
            yield "activation's derivative twice", term.replace(at[0], at[0] * 2)
            yield "activation's derivative of another activation", term.replace(at[0], at.expand(other))
            again = f"{namespace}.tanh({at[1]})"
            yield "activation's derivative of the doubly activated", term.replace(at[0], at[0].replace(at[1], again))
    for at in re.finditer(r"\.T\b", term):
        yield "transposed", term[: at.start()] + term[at.end() :]
    for at in re.finditer(r"\[(t|t - 1|t \+ 1)\]", term):
        for index in {"t": ("t - 1", "t + 1"), "t - 1": ("t",), "t + 1": ("t",)}[at[1]]:
            yield "shifted in time", f"{term[: at.start()]}[{index}]{term[at.end() :]}"
    if at := re.search(r"\.sum\((?:axis=)?0\)", term):
        yield "mean for sum", term.replace(at[0], at[0].replace("sum", "mean"))
        yield "summed over all axes", term.replace(at[0], ".sum()")
        yield "first row alone", term.replace(at[0], "[0]")
    for name, other in itertools.product(re.findall(rf"(?<![\w.\"])[a-zA-Z_]{SMALL}(?![\w(])", term), others):
        if name != other and name.startswith("d") == other.startswith("d"):  # a cotangent for a cotangent
            new = re.sub(rf"(?<![\w.\"]){re.escape(name)}(?![\w(\[.])", other, term, count=1)
            if SPECIFICATION.findall(new) == SPECIFICATION.findall(term):
                yield "other factor", new


def _candidates(cell: str) -> Iterator[Slip]:
    source, lines = CELLS[cell].read_text(), backward_lines(cell)
    namespace = "jnp" if "import jax.numpy" in source else "np"
    names = re.findall(rf"(?<![\w.\"])[a-zA-Z_]{SMALL}(?![\w(\".\[])", " ".join(_joined(line.terms) for line in lines))
    others = sorted({n for n in names if not n.startswith(("np.", "jnp.", "text")) and not n.isupper()})
    for line in lines:
        if source.count(line.text + "  # <-") != 1:
            continue

        def slip(edit: str, right_side: str, keys: tuple[str, ...], line: Line = line, operator: str = "") -> Slip:
            new = f"{line.target} {operator or line.operator} {right_side}"
            return Slip(cell, f"{line.text}  # <-", f"{new}  # <-", tuple(statements(cell)[k] for k in keys), edit)

        for n, (sign, term) in enumerate(line.terms):
            before, after, keys = line.terms[:n], line.terms[n + 1 :], line.keys[n]
            yield slip("dropped", _joined(before + after) if before + after else f"0 * ({term})", keys)
            yield slip("negated", _joined((*before, ("-" if sign == "+" else "+", f"({term})"), *after)), keys)
            for edit, new in _edits(term, others, namespace):
                yield slip(edit, _joined((*before, (sign, new), *after)), keys)
        if line.operator == "+=":
            before_it = [
                key for other in lines[: lines.index(line)] if other.target == line.target for key in other.keys
            ]
            lost = dict.fromkeys(key for keys in before_it or line.keys for key in keys)  # else of the other steps
            yield slip("overwritten", _joined(line.terms), tuple(lost), operator="=")


@cache
def generated(cell: str) -> tuple[Slip, ...]:
    """Slips that move the gradient by more than 1e-6 of itself: of each kind in turn, on as many lines as can be."""
    generator = np.random.default_rng(0)
    kinds: dict[str, list[Slip]] = {}
    for slip in dict.fromkeys(_candidates(cell)):
        kinds.setdefault(slip.edit, []).append(slip)
    queues = [[kind[i] for i in generator.permutation(len(kind))] for kind in kinds.values()]
    found: list[Slip] = []
    while any(queues) and len(found) < AT_MOST:
        for queue in queues:
            tried = {slip.old for slip in found}
            queue.sort(key=lambda slip: slip.old in tried)  # a line that has none yet comes first
            while queue and len(found) < AT_MOST:
                if change(slip := queue.pop(0)) > 1e-6:  # and not where it is no number
                    found.append(slip)
                    break
    return tuple(found)
