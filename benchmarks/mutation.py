"""Does the check find every mistake, and do others? `python -m benchmarks.mutation`

Our check runs at the built-in problems on every mistake that the rules make of every hand-written backward pass of this
package (`lstm_ref.selfcheck.mutants`). torch's gradcheck, JAX's check_grads and chex's assert_numerical_grads judge the
same wrong functions at the same problem, at their defaults (in float64, and in float32). All tools also judge the right
functions, and gradients that are nearly right. The output lists how many mistakes each tool finds, which survive, and
how often each calls a right function wrong.

With `--symbolic`, the question is another: is one of the mistakes proven as terms (docs/proofs.md)? None may be.

It is a campaign (`campaign.py`): `--workers`, `--executor`, and `--journal`, with which a killed run goes on.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click
import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import campaign
from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import lstm
from lstm_ref.checking.checker import check
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.errors import BadInput
from lstm_ref.oracles import ORACLES
from lstm_ref.selfcheck import builtin
from lstm_ref.selfcheck.mutants import Mutant, units
from lstm_ref.selfcheck.proofs import judged, mutants

RIGHT_SEEDS = 5
VANISHING_STEPS = 30


# -------------------------------------------------------------------------------------------------------- peers


class _Flat:
    """A problem as a NumPy function of a list of arrays, with a claim that maps such lists."""

    def __init__(self, problem: Problem, dtype: Any) -> None:
        self.problem = problem
        leaves, self._tree = jax.tree.flatten(problem.inputs)
        self.inputs = [np.asarray(v, dtype) for v in leaves]
        outputs, self._out = jax.tree.flatten(problem.function(problem.inputs))
        self.shapes = [np.shape(v) for v in outputs]
        self.dtype = np.dtype(dtype)

    def forward(self, *leaves: Any) -> list[np.ndarray]:
        outputs = self.problem.function(jax.tree.unflatten(self._tree, list(map(np.asarray, leaves))))
        return [np.asarray(v, self.dtype) for v in jax.tree.leaves(outputs)]

    def backward(self, leaves: Any, bars: Any) -> list[np.ndarray]:
        inputs = jax.tree.unflatten(self._tree, list(map(np.asarray, leaves)))
        given = self.problem.gradients(inputs, jax.tree.unflatten(self._out, list(map(np.asarray, bars))))
        full = {**jax.tree.map(np.zeros_like, inputs), **given}
        return [np.asarray(v, self.dtype) for v in jax.tree.leaves(full)]


def gradcheck(problem: Problem, dtype: Any, **options: Any) -> bool:
    """torch.autograd.gradcheck at its defaults: whether it passes."""
    import torch

    flat = _Flat(problem, dtype)

    class Claim(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *leaves: Any) -> Any:
            ctx.save_for_backward(*leaves)
            return tuple(torch.from_numpy(v.copy()) for v in flat.forward(*(v.detach().numpy() for v in leaves)))

        @staticmethod
        def backward(ctx: Any, *bars: Any) -> Any:
            leaves = [v.detach().numpy() for v in ctx.saved_tensors]
            return tuple(torch.from_numpy(v.copy()) for v in flat.backward(leaves, [b.numpy() for b in bars]))

    tensors = [torch.from_numpy(v.copy()).requires_grad_() for v in flat.inputs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(torch.autograd.gradcheck(Claim.apply, tensors, raise_exception=False, **options))


def _as_jax(problem: Problem, dtype: Any) -> tuple[Callable[..., Any], list[Any]]:
    flat = _Flat(problem, dtype)
    shapes = [jax.ShapeDtypeStruct(s, flat.dtype) for s in flat.shapes]

    @jax.custom_vjp
    def function(*leaves: Any) -> Any:
        return jax.pure_callback(flat.forward, shapes, *leaves, vmap_method="sequential")

    def forward(*leaves: Any) -> Any:
        return function(*leaves), leaves

    def backward(leaves: Any, bars: Any) -> Any:
        like = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in leaves]
        return tuple(jax.pure_callback(flat.backward, like, leaves, bars, vmap_method="sequential"))

    function.defvjp(forward, backward)
    return function, [jax.numpy.asarray(v) for v in flat.inputs]


def _passes(call: Callable[[], Any]) -> bool:
    try:
        call()
    except AssertionError:
        return False
    return True


def check_grads(problem: Problem, dtype: Any) -> bool:
    """jax.test_util.check_grads, reverse mode, at its defaults."""
    from jax.test_util import check_grads as run

    with x64():
        function, arguments = _as_jax(problem, dtype)
        return _passes(lambda: run(function, arguments, order=1, modes=["rev"]))


def assert_numerical_grads(problem: Problem, dtype: Any) -> bool:
    """chex.assert_numerical_grads, reverse mode, at its defaults."""
    import chex

    with x64():
        function, arguments = _as_jax(problem, dtype)
        return _passes(lambda: chex.assert_numerical_grads(function, arguments, order=1, modes=["rev"]))


def ours(problem: Problem) -> bool:
    """The check of this package, with the oracle that decides."""
    return check(problem, oracles=["balls"], explain=False, stateless=True).right


PEERS: dict[str, Callable[[Problem], bool]] = {
    "lstm_ref": ours,
    "torch gradcheck, float64": lambda p: gradcheck(p, np.float64),
    "torch gradcheck fast, float64": lambda p: gradcheck(p, np.float64, fast_mode=True),
    "jax check_grads, float64": lambda p: check_grads(p, np.float64),
    "chex numerical_grads, float64": lambda p: assert_numerical_grads(p, np.float64),
    "torch gradcheck, float32": lambda p: gradcheck(p, np.float32),
    "jax check_grads, float32": lambda p: check_grads(p, np.float32),
    "chex numerical_grads, float32": lambda p: assert_numerical_grads(p, np.float32),
}


# ------------------------------------------------------------------------------------------------------ the run


_ANSWERS: dict[tuple[Any, ...], Any] = {}


def _ours(mutant: Mutant, n: int) -> bool:
    """Our check of its n-th problem, whose function all mutants of the unit share: the oracle is asked once for all."""
    problem, oracle = mutant.problems[n](np.random.default_rng(0)), ORACLES["balls"]

    def once(function: Any, *read: Any, **options: Any) -> Any:
        at = (mutant.unit, n, *(np.asarray(v).tobytes() for v in jax.tree.leaves((read, options))))
        if at not in _ANSWERS:
            _ANSWERS[at] = oracle(function, *read, **options)
        return _ANSWERS[at]

    ORACLES["balls"] = once
    try:
        return ours(problem)
    finally:
        ORACLES["balls"] = oracle


def _judge(mutant: Mutant, peers: bool) -> dict[str, bool]:
    """Which tools find the mutant; ours at every built-in problem until one turns red, the others at the first.

    Empty where the check cannot run it: such a claim is nobody's to find.
    """
    first = mutant.problems[0](np.random.default_rng(0))
    try:
        found = {"lstm_ref": any(not _ours(mutant, n) for n in range(len(mutant.problems)))}
    except BadInput:
        return {}
    if peers and first.definition is None:  # a declared estimator is none of theirs
        found |= {name: not passes(first) for name, passes in PEERS.items() if name != "lstm_ref"}
    return found


BY_TERMS, BY_A_TERM = "not proven as terms", "for a line that differs"
"""What is counted of mutants in terms; all others of them have no reading as terms."""


def _judge_terms(mutant: Mutant) -> dict[str, bool]:
    proof = judged(mutant)
    return {BY_TERMS: not proof.proven, BY_A_TERM: bool(proof.differences)}


FIELDS = ("unit", "kind", "tag", "sentence", "wrong")
PARTS = 8
"""Of each unit: enough that a killed run loses little, few enough that its dictionary is not made too often."""


def judge_part(unit: str, part: int, every: int, peers: bool, symbolic: bool) -> list[Any]:
    """Mutants of a unit, of every `every`-th each `PARTS`-th one, and which tools find each."""
    which = slice(part * every, None, PARTS * every)
    with np.errstate(all="ignore"):  # what a mistake divides by zero is no news
        if symbolic:
            answers = [(m, _judge_terms(m)) for m in mutants(unit, which)]
        else:
            answers = [(m, _judge(m, peers)) for m in units()[unit](which)]
    return [[{k: getattr(m, k) for k in FIELDS}, found] for m, found in answers]


def judge_right(name: str, seed: int) -> dict[str, bool]:
    """Which tools call a built-in problem right, which it is; empty for an estimator, which is none of theirs."""
    problem = builtin.problems()[name](np.random.default_rng(seed))
    if problem.definition is not None:
        return {}
    return {tool: bool(passes(problem)) for tool, passes in PEERS.items()}


def judge_subtle(name: str) -> dict[str, bool]:
    """Which tools call a gradient right that is nearly so."""
    return {tool: bool(passes(subtle()[name])) for tool, passes in PEERS.items()}


def subtle() -> dict[str, Problem]:
    """Wrong gradients that are nearly right: one element slightly off, and cuts where the gradient has vanished."""
    right = builtin.through_time(lstm, np.random.default_rng(0))

    def off_by(part: float) -> Problem:
        def gradients(inputs: Any, bar: Any) -> Any:
            given = right.gradients(inputs, bar)
            w_h = given["params"].w_h.copy()
            w_h[1, 2] = w_h[1, 2] * (1 + part)
            return given | {"params": given["params"]._replace(w_h=w_h)}

        return replace(right, gradients=gradients)

    found = {f"one element off by {part:g} of itself": off_by(part) for part in (1e-1, 1e-2, 1e-3, 1e-6, 1e-10)}
    found |= {f"cut after {k} of {VANISHING_STEPS} steps": _cut(k) for k in (6, 12, 20, 29)}
    return found


def _cut(k: int) -> Problem:
    """An LSTM with forget bias 0 and a loss on its last output, whose backward pass stops after k steps."""
    rng = np.random.default_rng(0)
    B, D, H, T = 2, 3, 4, VANISHING_STEPS
    inputs = {
        "params": builtin.like(rng, lstm.parameter_shapes(D, H))._replace(b=np.zeros(4 * H)),
        "initial": builtin.like(rng, lstm.state_shapes(B, H)),
        "xs": rng.standard_normal((T, B, D)),
    }

    def forward(inputs: Any) -> Any:
        return sequence.loop(lstm, inputs["params"], inputs["initial"], inputs["xs"])[0].final.h

    def backward(inputs: Any, h_bar: Any) -> Any:
        outputs, tapes = sequence.loop(lstm, inputs["params"], inputs["initial"], inputs["xs"])
        final = outputs.final._replace(h=h_bar, c=0 * h_bar)
        zeros = jax.tree.map(lambda v: 0 * v, inputs["params"])
        xs_bar = [0 * x for x in inputs["xs"]]
        for t in range(T - 1, T - 1 - k, -1):
            given = lstm.backward(inputs["params"], tapes[t], final)
            final, xs_bar[t] = given.prev, given.x
            zeros = jax.tree.map(lambda a, b: a + b, zeros, given.params)
        return {"params": zeros, "initial": jax.tree.map(lambda v: 0 * v, final), "xs": np.stack(xs_bar)}

    return problem(inputs, forward=forward, backward=backward, name=f"cut after {k}")


@click.command(cls=campaign.Command)
@click.option("--every", default=1, show_default=True, type=click.IntRange(1), help="Take every n-th mutant.")
@click.option("--peers/--no-peers", default=True, show_default=True, help="Run the other tools too.")
@click.option("--symbolic", is_flag=True, help="Ask in the place of the check: is a mutant proven as terms?")
@campaign.options
@click.option("--only", default="", help="Take only the units whose name contains this: cells/, lstm, layers …")
@click.option("--output", type=click.Path(dir_okay=False, writable=True), help="Write all verdicts as JSON.")
def main(every: int, peers: bool, symbolic: bool, output: str | None, only: str, **how: Any) -> None:
    """Exit code 1 if a mutant survives our check, or cannot be run by it."""
    started, out = time.perf_counter(), Console(width=160)
    peers = peers and not symbolic
    mine = (BY_TERMS, BY_A_TERM) if symbolic else ("lstm_ref",)
    asked = [unit for unit in units() if only in unit and (not symbolic or unit.startswith(("cells/", "sequence")))]
    if not asked:
        raise click.BadParameter(f"no unit's name contains {only!r}: it is one of {', '.join(units())}")
    parts = [(unit, part, every, peers, symbolic) for unit in asked for part in range(PARTS)]
    alarms, nearly = {}, {}
    with campaign.campaign(**how) as those:
        answers = [m for part in those.verdicts("mutants", "benchmarks.mutation:judge_part", parts) for m in part]
        if peers:
            alarms = _false_alarms(those)
            each = [(name,) for name in subtle()]
            judged = those.verdicts("nearly right", "benchmarks.mutation:judge_subtle", each)
            nearly = dict(zip(subtle(), judged, strict=True))
    table = Table("tool", "mutants asked", "found", "%", "right functions called wrong", show_edge=False)
    for name in PEERS if peers else mine:
        each_found = [found[name] for _, found in answers if name in found]
        wrong = f"{alarms[name]['wrong']} of {alarms[name].total()}" if alarms else ""
        percent = 100 * sum(each_found) / max(len(each_found), 1)
        table.add_row(name, str(len(each_found)), str(sum(each_found)), f"{percent:.1f}", wrong)
    out.print(table)
    if nearly:
        fine = Table("nearly right", *PEERS, show_edge=False)
        for name, passed in nearly.items():
            fine.add_row(name, *("-" if passed[tool] else "found" for tool in PEERS))
        out.print(fine)
    out.print("mutants by unit:", dict(Counter(m["unit"] for m, _ in answers)))
    crashed = [m for m, found in answers if not found]
    survivors = [m for m, found in answers if found and not found[mine[0]]]
    for m in crashed:
        out.print(f"cannot be run: {m['unit']} {m['tag']} {m['sentence']} {m['wrong']}", markup=False)
    for m in survivors:
        out.print(f"survives: {m['unit']} {m['tag']} {m['sentence']} {m['wrong']}", markup=False)
    seconds = time.perf_counter() - started
    out.print(f"{len(answers)} mutants, {len(survivors)} survivors, {len(crashed)} crashed, {seconds:.0f} s")
    if output:
        with open(output, "w", encoding="utf-8") as file:
            json.dump(answers, file, indent=1)
    sys.exit(1 if survivors or crashed else 0)


def _false_alarms(those: campaign.Campaign) -> dict[str, Counter[str]]:
    """Counts of each tool's verdicts on the right functions."""
    names = [n for n in builtin.problems() if n.startswith(("time/", "layer/")) and "custom-vjp" not in n]
    asked = [(name, seed) for name in names for seed in range(RIGHT_SEEDS)]
    counts: dict[str, Counter[str]] = {tool: Counter() for tool in PEERS}
    for passed in those.verdicts("right functions", "benchmarks.mutation:judge_right", asked):
        for tool, right in passed.items():
            counts[tool]["right" if right else "wrong"] += 1
    return counts


if __name__ == "__main__":
    main()
