"""How long does a check of a large problem take, every element compared? `python -m benchmarks.large_check`

An LSTM of T = 100 steps, B = 32, D = 64, H = 128 in float64: one autodiff gradient, compiled; our check of the
hand-written backward pass; torch's gradcheck in its fast mode, of torch's own autograd on the same function; and JAX's
check_grads. Interleaved, medians, as multiples of the autodiff gradient. Then one element is put wrong by one part in a
million of itself: which of them sees it?
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import click
import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import lstm
from lstm_ref.checking import builtin
from lstm_ref.checking.check import check
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.oracles.reverse import pullback

T, B, D, H = 100, 32, 64, 128


def large(off_by: float = 0.0) -> Problem:
    """The problem; one element of the claimed gradient of w_h is `off_by` of itself wrong."""
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
        _, tapes = sequence.scan_with_tape(lstm, *read)
        given = sequence.scan_backward(lstm, read[0], tapes, bar)
        w_h = given.params.w_h.at[3, 5].multiply(1 + off_by)
        return {"params": given.params._replace(w_h=w_h), "initial": given.initial, "xs": given.xs}

    return problem(inputs, forward=forward, backward=backward, name="large LSTM")


def autodiff(large: Problem) -> Callable[[], Any]:
    """One gradient by JAX's reverse mode, compiled."""
    rng = np.random.default_rng(0)
    with x64():
        outputs = jax.eval_shape(large.function, large.inputs)
        bar = jax.tree.map(lambda s: jax.numpy.asarray(rng.standard_normal(s.shape)), outputs)
        inputs = jax.tree.map(jax.numpy.asarray, large.inputs)
        run = jax.jit(partial(pullback, large.function))

    def once() -> Any:
        with x64():
            return jax.block_until_ready(run(inputs, bar))

    return once


def gradcheck(large: Problem, off_by: float) -> bool:
    """torch's fast mode; our cell runs on torch tensors, and its wrong backward pass is wrapped as torch wants it."""
    import torch

    leaves, tree = jax.tree.flatten(large.inputs)

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
            bar[3, 5] *= 1 + off_by
            return bar

    tensors = [torch.tensor(v).requires_grad_() for v in leaves]
    at = next(n for n, v in enumerate(leaves) if v is large.inputs["params"].w_h)

    def run(*given: Any) -> Any:
        return forward(*(OffBy.apply(v) if n == at else v for n, v in enumerate(given)))

    return bool(torch.autograd.gradcheck(run, tensors, fast_mode=True, raise_exception=False))


def check_grads(large: Problem) -> bool:
    """JAX's check, reverse mode, of the hand-written pass as a custom derivative."""
    from jax.test_util import check_grads as run

    with x64():
        function = jax.custom_vjp(large.function)
        function.defvjp(
            lambda inputs: (large.function(inputs), inputs), lambda inputs, bar: (large.gradients(inputs, bar),)
        )
        try:
            run(function, (jax.tree.map(jax.numpy.asarray, large.inputs),), order=1, modes=["rev"])
        except AssertionError:
            return False
        return True


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
def main(rounds: int) -> None:
    """Print the table."""
    right, wrong = large(), large(off_by=1e-6)
    once = autodiff(right)
    runs: dict[str, Callable[[], Any]] = {
        "autodiff gradient (JAX, compiled)": once,
        "lstm_ref check, every element": lambda: check(right).right,
        "jax check_grads": lambda: check_grads(right),
        "torch gradcheck, fast mode": lambda: gradcheck(right, 0.0),
    }
    finds = {
        "lstm_ref check, every element": not check(wrong).right,
        "jax check_grads": not check_grads(wrong),
        "torch gradcheck, fast mode": not gradcheck(wrong, 1e-6),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for n in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if n:  # the first round compiles
                seconds[name].append(time.perf_counter() - started)
    table = Table("what", "seconds", "times autodiff", "finds 1e-6 in one element", show_edge=False)
    base = statistics.median(seconds["autodiff gradient (JAX, compiled)"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        found = {True: "yes", False: "no"}.get(finds.get(name), "")  # type: ignore[arg-type]
        table.add_row(name, f"{median:.3f}", f"{median / base:.1f}", found)
    report = check(right)
    out = Console(width=120)
    out.print(table)
    out.print(f"{report.elements} elements, all compared; {report.digits_in_floats:.1f} digits")
    out.print(f"noise floor {report.floor}")
    out.print("limits:", {i.name: f"{o.limit:.0e}" for i in report.inputs for o in i.oracles})


if __name__ == "__main__":
    main()
