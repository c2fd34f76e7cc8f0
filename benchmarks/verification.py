"""What does a check cost: of one problem, one property example, one mutant? Beside gradcheck, check_grads and chex.

A problem is an LSTM of some size in float64 with its hand-written backward pass. It is checked by ours with all
oracles, and with autodiff alone; by JAX's check_grads and chex's assert_numerical_grads; and by torch's gradcheck, slow
and fast, which judges torch's own autograd on the same function. Times are multiples of one compiled autodiff gradient.
Ours compares all elements at every size. `finds` tells which tool finds one element that is off by one part in a
million of itself. A checker that calls the right gradient wrong is not timed. Rounds go on until every median is
certain to 5 %.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import hypothesis
import jax
import numpy as np
from hypothesis import strategies as st
from rich.table import Table

from benchmarks import mutation
from benchmarks.harness import Contender, Row, Setting, beside, judged, measured, readable, sizes_of, summary
from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import lstm
from lstm_ref.checking.checker import check
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.oracles.reverse import pullback
from lstm_ref.selfcheck import builtin
from lstm_ref.selfcheck.mutants import units
from lstm_ref.strategies import SHAPES, problems
from lstm_ref.testing import assert_gradients
from lstm_ref.through_time import fast_lstm

SIZES = ((3, 2, 2, 3), (6, 2, 3, 4), (10, 4, 8, 16), (100, 32, 64, 128))
"""T, B, D, H."""
BY_ELEMENT = 1000
"""Largest number of elements for the checks that evaluate the function once or more per element."""
BASE, OURS = "autodiff gradient", "lstm_ref"
CHECK, EXAMPLE, MUTANT = "check", "property example", "mutant"
EXAMPLES, MUTANTS = 10, 40
"""Numbers of examples and mutants; one of each in a quick run."""
OFF_BY = 1e-6
WITHIN = 0.05
"""The part of a median by which it may be uncertain."""


# ---------------------------------------------------------------------------------------------------- one problem


def lstm_of(T: int, B: int, D: int, H: int, off_by: float = 0.0) -> Problem:
    """The problem. One element of the claimed gradient of w_h is wrong by `off_by`, relative to itself."""
    rng = np.random.default_rng(0)
    inputs = {
        "params": builtin.like(rng, lstm.parameter_shapes(D, H), 0.1),
        "initial": builtin.like(rng, lstm.state_shapes(B, H)),
        "xs": rng.standard_normal((T, B, D)),
    }

    def forward(inputs: Any) -> Any:
        return sequence.scan(lstm, inputs["params"], inputs["initial"], inputs["xs"])

    def backward(inputs: Any, bar: Any) -> Any:
        read = inputs["params"], inputs["initial"], inputs["xs"]
        _, tapes = fast_lstm.forward(lstm, *read)
        given = fast_lstm.backward(lstm, *read, tapes, bar)
        w_h = given.params.w_h.at[1, 2].multiply(1 + off_by)
        return {"params": given.params._replace(w_h=w_h), "initial": given.initial, "xs": given.xs}

    return problem(inputs, forward=forward, backward=backward, name="LSTM")


def autodiff(of: Problem) -> Callable[[], bool]:
    """One gradient by JAX's reverse mode, compiled."""
    rng = np.random.default_rng(0)
    with x64():
        outputs = jax.eval_shape(of.function, of.inputs)
        bar = jax.tree.map(lambda s: jax.numpy.asarray(rng.standard_normal(s.shape)), outputs)
        inputs = jax.tree.map(jax.numpy.asarray, of.inputs)
        run = jax.jit(partial(pullback, of.function))

    def once() -> bool:
        with x64():
            jax.block_until_ready(run(inputs, bar))
        return True

    return once


def gradcheck(of: Problem, off_by: float, fast: bool) -> bool:
    """torch's gradcheck: our cell runs on torch tensors, and its wrong backward pass is wrapped as torch requires."""
    import torch

    leaves, tree = jax.tree.flatten(of.inputs)

    def forward(*leaves: Any) -> Any:
        inputs = jax.tree.unflatten(tree, leaves)
        state, hs = inputs["initial"], []
        for x in inputs["xs"]:
            state, _ = lstm.forward(inputs["params"], state, x)
            hs.append(state.h)
        return torch.stack(hs), state.h, state.c

    class OffBy(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, w: Any) -> Any:
            return w.clone()

        @staticmethod
        def backward(ctx: Any, bar: Any) -> Any:
            bar = bar.clone()
            bar[1, 2] *= 1 + off_by
            return bar

    tensors = [torch.tensor(v).requires_grad_() for v in leaves]
    at = next(n for n, v in enumerate(leaves) if v is of.inputs["params"].w_h)

    def run(*given: Any) -> Any:
        return forward(*(OffBy.apply(v) if n == at else v for n, v in enumerate(given)))

    return bool(torch.autograd.gradcheck(run, tensors, fast_mode=fast, raise_exception=False))


def by_jax(run: Callable[..., Any], of: Problem) -> bool:
    """Run a tool for JAX, in reverse mode at its defaults, on the hand-written pass as a custom derivative."""
    leaves, tree = jax.tree.flatten(of.inputs)
    whole = lambda leaves: jax.tree.unflatten(tree, leaves)  # noqa: E731
    with x64():
        function = jax.custom_vjp(lambda *leaves: of.function(whole(leaves)))
        function.defvjp(
            lambda *leaves: (of.function(whole(leaves)), leaves),
            lambda leaves, bar: tuple(jax.tree.leaves(of.gradients(whole(leaves), bar))),
        )
        try:
            run(function, tuple(map(jax.numpy.asarray, leaves)), order=1, modes=["rev"])
        except AssertionError:
            return False
        return True


def checkers(size: tuple[int, ...], off_by: float = 0.0) -> dict[str, Callable[[], bool]]:
    """By name, a function that returns whether the tool calls the claim right."""
    of = lstm_of(*size, off_by=off_by)
    found: dict[str, Callable[[], bool]] = {
        OURS: lambda: check(of).right,
        f"{OURS}, autodiff alone": lambda: check(of, oracles=["reverse"]).right,
        "jax check_grads": lambda: by_jax(jax_check_grads(), of),
        "torch gradcheck fast": lambda: gradcheck(of, off_by, fast=True),
    }
    if elements(of) <= BY_ELEMENT:
        found["chex numerical_grads"] = lambda: by_jax(chex_numerical_grads(), of)
        found["torch gradcheck"] = lambda: gradcheck(of, off_by, fast=False)
    return found


def jax_check_grads() -> Callable[..., Any]:
    """JAX's."""
    from jax.test_util import check_grads

    return check_grads


def chex_numerical_grads() -> Callable[..., Any]:
    """chex's assert_numerical_grads. Raises ImportError if chex is not installed."""
    import chex

    return chex.assert_numerical_grads


def elements(of: Problem) -> int:
    """Number of elements of all gradients."""
    return sum(int(np.size(v)) for v in jax.tree.leaves(of.inputs))


def of_a_problem(size: tuple[int, ...], setting: Setting) -> list[Row]:
    """The rows of one size: the gradient, and each checker with what it finds."""
    of = lstm_of(*size)
    about = dict(zip("TBDH", size, strict=True)) | {"dtype": "float64", "what": CHECK, "elements": elements(of)}
    runs = {BASE: autodiff(of)} | checkers(size)
    rows = measured({name: (run, bool) for name, run in runs.items()}, _is_right, setting, within=WITHIN, **about)
    wrong = checkers(size, off_by=OFF_BY)
    for row in rows:
        if "seconds" in row:
            row["seconds_per_element"] = row["seconds"] / row["elements"]
            if row["name"] in wrong:
                row["finds"] = int(not wrong[row["name"]]())
    return rows


def _is_right(said: bool) -> Row:
    return {} if said else {"wrong": "calls a right gradient wrong"}


# ------------------------------------------------------------------------------------- one example, and one mutant


def of_an_example(setting: Setting) -> list[Row]:
    """The rows of property testing: a drawn example; the same with gradients by hand and by autodiff; the same asserted
    in balls."""
    bodies = {
        "drawn": lambda example: None,
        "drawn, by hand and by autodiff": _differentiate_twice,
        "drawn, asserted in balls": _assert_in_balls,
    }
    number = 1 if setting.quick else EXAMPLES
    how = hypothesis.settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    drawn = hypothesis.given(problems(lstm, shapes=SHAPES[:1], lengths=st.none(), reverse=st.just(False)))
    runs: dict[str, Contender] = {name: (how(drawn(body)), lambda done: True) for name, body in bodies.items()}
    rows = measured(runs, _is_right, setting, within=WITHIN, what=EXAMPLE)
    return [row | {k: row[k] / number for k in ("seconds", "spread") if k in row} for row in rows]


def _differentiate_twice(example: Any) -> None:
    with x64():
        jax.block_until_ready(_by_hand_and_by_autodiff(example.arguments, example.bar))


@jax.jit
def _by_hand_and_by_autodiff(read: Any, bar: Any) -> Any:
    return [pullback(lambda read, way=way: way(lstm, *read), read, bar) for way in (sequence.bptt, sequence.scan)]


def _assert_in_balls(example: Any) -> None:
    def forward(inputs: Any) -> Any:
        return sequence.loop(lstm, inputs["params"], inputs["initial"], inputs["xs"])[0]

    def backward(inputs: Any, bar: Any) -> Any:
        read = inputs["params"], inputs["initial"], inputs["xs"]
        return sequence.loop_backward(lstm, *read, sequence.loop(lstm, *read)[1], bar)._asdict() | {"nodes": None}

    inputs = dict(zip(("params", "initial", "xs"), example.arguments, strict=True))
    assert_gradients(inputs, forward=forward, backward=backward, oracles=["balls"])


def of_a_mutant(setting: Setting) -> list[Row]:
    """The rows of mutation testing: the LSTM's mutants at the simplest problem, each judged by each tool in turn.

    A tool that calls the right function wrong is left out. One pass will do: what counts is the sum over all mutants,
    in which the noise of a call is divided by the root of their number.
    """
    every = list(units()["cells/lstm"]())
    chosen = every[:: -(-len(every) // (1 if setting.quick else MUTANTS))]
    tools = {name: passes for name, passes in mutation.PEERS.items() if "float32" not in name}
    right = partial(builtin.through_time, lstm)
    contenders: dict[str, Contender] = {k: (partial(_judge, passes, right), bool) for k, passes in tools.items()}
    rows = judged(contenders, _is_right, what=MUTANT)
    times: dict[str, list[float]] = {name: [] for name, row in rows.items() if "wrong" not in row}
    found = dict.fromkeys(times, 0)
    for mutant in setting.each(chosen, "mutants"):
        for name, taken in times.items():
            started = time.perf_counter()
            found[name] += not _judge(tools[name], mutant.problems[0])
            taken.append(time.perf_counter() - started)
    for name, taken in times.items():
        counted = {"mutants_per_second": len(taken) / sum(taken), "found": found[name], "of": len(taken)}
        rows[name] |= summary(taken) | counted
    return list(rows.values())


def _judge(passes: Callable[[Problem], bool], build: Any) -> bool:
    with np.errstate(all="ignore"):  # divisions by zero caused by a mistake do not matter
        return passes(build(np.random.default_rng(0)))


# ----------------------------------------------------------------------------------------------------- the question


def measure(setting: Setting) -> list[Row]:
    """Rows for problems of every size, for an example, and for a mutant."""
    sizes = SIZES[:1] if setting.quick else SIZES
    rows = [row for size in setting.each(sizes, "verification") for row in of_a_problem(size, setting)]
    return rows + of_an_example(setting) + of_a_mutant(setting)


def table(rows: list[Row]) -> list[Any]:
    """Tables of the checks as multiples of one gradient, then of their cost per element, example and mutant."""
    checks = [row for row in rows if row["what"] == CHECK]
    costs = Table("", "T, B, D, H", "elements", "time an element", "±", f"finds {OFF_BY:.0e} in one", title=CHECK)
    for row in (row for row in checks if "seconds" in row):
        finds = {1: "yes", 0: "no"}.get(row.get("finds", 2), "")
        each = readable(row["seconds_per_element"])
        within = f"{row['uncertainty']:.0%}" if "uncertainty" in row else ""
        costs.add_row(row["name"], sizes_of(row), str(row["elements"]), each, within, finds)
    ones = Table("", "what", "time of one", "found", title="one example, one mutant")
    for row in (row for row in rows if row["what"] != CHECK and "seconds" in row):
        found = f"{row['found']} of {row['of']}, {row['mutants_per_second']:.3g} a second" if "of" in row else ""
        ones.add_row(row["name"], row["what"], readable(row["seconds"]), found)
    return [*beside(checks, BASE), costs, ones]
