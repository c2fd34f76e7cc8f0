"""What does a check of files in other people's style cost, right and wrong? Beside gradcheck and check_grads.

Six kinds of files: a character model after min-char-rnn, a NumPy LSTM of 73,165 parameters, layer objects, LEM in JAX,
Mamba's S6 with 12,416 elements, and torch.nn.LSTM of two sizes. Ours compares every element; a wrong file is explained
too, and `named` tells whether the report names a line. torch's gradcheck judges NumPy code wrapped as an
autograd.Function, slow and fast; JAX's check_grads judges JAX code wrapped as a custom_vjp. A checker that calls a
right file wrong is not timed. Peers that evaluate once per element are asked about at most 2,000 elements.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.table import Table

from benchmarks.harness import Row, Setting, readable
from benchmarks.verification import by_jax, jax_check_grads
from lstm_ref.arithmetic.traceable import is_traceable
from lstm_ref.checking.checker import check
from lstm_ref.checking.files.derivation_file import load
from lstm_ref.checking.problem import Problem

HERE = Path(__file__).parent
OWN, CELLS = HERE / "strangers", HERE.parent / "tests" / "graph" / "cells"
BY_ELEMENT = 2000
ROUNDS = 3
OURS = "lstm_ref"
RIGHT, WRONG = "right", "wrong"


class File(NamedTuple):
    """A stranger's file: its path, an edit that sets its sizes, and the mistake that makes it wrong."""

    path: Path
    sizes: tuple[str, str] = ("", "")
    mistake: tuple[str, str] = ("", "")
    """The right text of a line and the wrong one."""


FILES = {
    "min-char-rnn": File(OWN / "min_char_rnn.py", mistake=('dhnext = p["Whh"].T @ draw', 'dhnext = p["Whh"] @ draw')),
    "column LSTM": File(OWN / "column_lstm.py", mistake=("dc * c[t] * f * (1 - f)", "dc * c[t + 1] * f * (1 - f)")),
    "layer objects": File(OWN / "layer_objects.py", mistake=("dh = da @ self.Wh.T", "dh = dh @ self.Wh.T")),
    "LEM": File(CELLS / "lem.py", mistake=("dav = dv * (1 - v**2)", "dav = dv * (1 - v)")),
    "S6": File(
        CELLS / "selective_scan.py",
        ("b, l, d, n = 2, 5, 3, 4", "b, l, d, n = 2, 8, 64, 16"),
        ("dA_log = d_A * A ", "dA_log = d_A "),
    ),
}
MODULES = {"torch.nn.LSTM(6, 8)": (6, 8), "torch.nn.LSTM(64, 128)": (64, 128)}


# ------------------------------------------------------------------------------------------------------- the problems


def problem_of(name: str, which: str, folder: Path) -> Problem:
    """The problem of a file, right or with its mistake. The edited file is written to the folder."""
    if name in MODULES:
        import torch

        from lstm_ref import torch_function

        torch.manual_seed(0)
        D, H = MODULES[name]
        return torch_function(torch.nn.LSTM(D, H), torch.randn(5, 3, D))
    file = FILES[name]
    text = file.path.read_text(encoding="utf-8").replace(*file.sizes)
    if which == WRONG:
        assert text.count(file.mistake[0]) == 1, (name, file.mistake)
        text = text.replace(*file.mistake)
    copied = folder / f"{which}_{file.path.name}"
    copied.write_text(text, encoding="utf-8")
    (found,) = load(str(copied))
    return found


def elements(of: Problem) -> int:
    """Number of elements of all inputs."""
    return sum(int(np.size(v)) for v in jax.tree.leaves(of.inputs))


# ----------------------------------------------------------------------------------------------------------- the tools


def ours(of: Problem, name: str, which: str) -> Row:
    """Our verdict, and whether the report on a wrong file has the line whose term is wrong."""
    report = check(of)
    found: Row = {"right": int(report.right), "seen": sum(i.elements for i in report.inputs)}
    if which == WRONG:
        found["named"] = int(any(f.exact and re.search(r"\.py:\d+", f.sentence) for f in report.findings))
    return found


def gradcheck(of: Problem, fast: bool) -> Row:
    """torch's gradcheck of a problem in NumPy code as an autograd.Function."""
    import torch

    leaves, tree = jax.tree.flatten(of.inputs)
    whole = lambda values: jax.tree.unflatten(tree, [v.numpy() for v in values])  # noqa: E731

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *values: Any) -> Any:
            ctx.save_for_backward(*values)
            return tuple(torch.tensor(np.array(v)) for v in jax.tree.leaves(of.function(whole(values))))

        @staticmethod
        def backward(ctx: Any, *bars: Any) -> Any:
            values = whole(ctx.saved_tensors)
            shape = jax.tree.structure(of.function(whole(ctx.saved_tensors)))
            given = of.gradients(values, jax.tree.unflatten(shape, [b.numpy() for b in bars]))
            return tuple(torch.tensor(np.array(given[k])) for k in sorted(of.inputs))

    tensors = [torch.tensor(np.array(v)).requires_grad_() for v in leaves]
    return {"right": int(torch.autograd.gradcheck(Wrapped.apply, tensors, fast_mode=fast, raise_exception=False))}


def gradcheck_module(size: tuple[int, int], fast: bool) -> Row:
    """torch's gradcheck of a module's own autograd."""
    import torch

    torch.manual_seed(0)
    D, H = size
    module = torch.nn.LSTM(D, H).double()
    names, values = zip(*module.named_parameters(), strict=True)

    def run(x: Any, *given: Any) -> Any:
        out, (h, c) = torch.func.functional_call(module, dict(zip(names, given, strict=True)), (x,))
        return out, h, c

    tensors = [torch.randn(5, 3, D, dtype=torch.float64), *(v.detach() for v in values)]
    with_gradients = [v.clone().requires_grad_() for v in tensors]
    return {"right": int(torch.autograd.gradcheck(run, with_gradients, fast_mode=fast, raise_exception=False))}


def tools(name: str, which: str, of: Problem) -> dict[str, Callable[[], Row]]:
    """By name, the checks that apply to a problem."""
    found: dict[str, Callable[[], Row]] = {OURS: partial(ours, of, name, which)}
    fast = [True, False] if elements(of) <= BY_ELEMENT else [True]
    if name in MODULES:
        found |= {_gradcheck(f): partial(gradcheck_module, MODULES[name], f) for f in fast}
    elif is_traceable(of.function, of.inputs):
        found["jax check_grads"] = lambda: {"right": int(by_jax(jax_check_grads(), of))}
    else:
        found |= {_gradcheck(f): partial(gradcheck, of, f) for f in fast}
    return found


def _gradcheck(fast: bool) -> str:
    return "torch gradcheck fast" if fast else "torch gradcheck"


# -------------------------------------------------------------------------------------------------------- the question


def measure(setting: Setting) -> list[Row]:
    """A row for each file, right and wrong, and each tool: median of the rounds, in turns."""
    modules: Iterable[str] = ()
    with suppress(ImportError):
        import torch

        torch.set_num_threads(1)  # more of them gain nothing here, and wait busily afterwards, in the next tool's time
        modules = MODULES
    cases = [(name, RIGHT) for name in (*FILES, *modules)] + [(name, WRONG) for name in FILES]
    if setting.quick:
        cases = [("layer objects", RIGHT), ("layer objects", WRONG)]
    with tempfile.TemporaryDirectory() as folder:
        return [row for case in setting.each(cases, "strangers") for row in _of_case(*case, Path(folder), setting)]


def _of_case(name: str, which: str, folder: Path, setting: Setting) -> list[Row]:
    times: dict[str, list[float]] = {}
    rows: dict[str, Row] = {}
    for _ in range(1 if setting.quick else ROUNDS):
        of = problem_of(name, which, folder)  # loaded again: nothing is remembered of the round before
        for tool, run in tools(name, which, of).items():
            started = time.perf_counter()
            about: Row = {"what": f"{name}, {which}", "name": tool, "dtype": "float64", "elements": elements(of)}
            try:
                rows[tool] = about | run()
            except ImportError:  # a tool that is not installed is left out; the command names it
                continue
            times.setdefault(tool, []).append(time.perf_counter() - started)
    for tool, taken in times.items():
        low, median, high = np.percentile(taken, (25, 50, 75)).tolist()
        if which == RIGHT and not rows[tool]["right"]:
            rows[tool]["wrong"] = "calls a right file wrong"
        else:
            rows[tool] |= {"seconds": median, "spread": high - low, "rounds": len(taken)}
    return list(rows.values())


def table(rows: list[Row]) -> list[Any]:
    """One table: a line for each file and tool."""
    found = Table("file", "elements", "tool", "time of a check", "verdict", "named", title="strangers' files")
    before = ""
    for row in rows:
        verdict = row.get("wrong") or ("right" if row["right"] else "wrong")
        named = {1: "yes", 0: "no"}.get(row.get("named", 2), "")
        file, size = (row["what"], str(row["elements"])) if row["what"] != before else ("", "")
        before = row["what"]
        found.add_row(file, size, row["name"], readable(row["seconds"]) if "seconds" in row else "", verdict, named)
    return [found]
