"""Does the check ever call a right gradient wrong? `python -m benchmarks.false_alarms --problems 20000`

Random right problems of every cell, with ordinary, saturated, tiny, zero, repeated and mixed values, lengths and both
directions of time; each backward pass is checked twice over: half of them as NumPy code whose equations run in balls
(noise floor derived), half as an opaque float64 function, a jitted JAX scan (noise floor modelled).
"""

from __future__ import annotations

import sys
from typing import Any

import click
import jax
import numpy as np
from rich.console import Console
from rich.progress import track

from lstm_ref import sequence
from lstm_ref.arithmetic.balls import is_balls
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS, Cell
from lstm_ref.cells.cell import arrays, in_domain
from lstm_ref.checking import Problem, check, problem
from lstm_ref.reporting.terminal import render
from lstm_ref.strategies import kinds_for, values

SHAPES = ((1, 1, 1, 1), (2, 1, 2, 1), (3, 1, 1, 2), (4, 2, 1, 1), (2, 2, 3, 2))  # T, B, D, H


def draw(rng: np.random.Generator) -> Problem:
    """A right problem."""
    cell = list(CELLS.values())[rng.integers(len(CELLS))]
    T, B, D, H = SHAPES[rng.integers(len(SHAPES))]
    lengths = rng.integers(0, T + 1, B) if rng.random() < 0.3 else None
    reverse, opaque = bool(rng.random() < 0.3), bool(rng.random() < 0.5)

    kinds = kinds_for(cell)

    def like(shapes: Any, *steps: int) -> Any:
        return arrays(shapes, lambda s: values(kinds[rng.integers(len(kinds))], int(rng.integers(2**31)), (*steps, *s)))

    inputs = {
        "params": like(cell.parameter_shapes(D, H)),
        "initial": in_domain(cell, like(cell.state_shapes(B, H, D=D))),
        "xs": like(cell.input_shapes(B, D, H=H), T),
    }

    def forward(inputs: Any) -> sequence.Outputs:
        _numpy_only(inputs)
        return sequence.loop(cell, inputs["params"], inputs["initial"], inputs["xs"], lengths, reverse)[0]

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        _numpy_only(inputs)
        read = inputs["params"], inputs["initial"], inputs["xs"]
        if opaque:
            if is_balls(inputs["initial"].h):
                raise TypeError("an opaque function takes floats alone")
            with x64():
                found = _jitted(cell, *read, bar, lengths, reverse)
        else:
            _, tapes = sequence.loop(cell, *read, lengths, reverse)
            found = sequence.loop_backward(cell, *read, tapes, bar, lengths, reverse)
        return {"params": found.params, "initial": found.initial, "xs": found.xs}

    kind = "opaque" if opaque else "equations"
    return problem(inputs, forward=forward, backward=backward, name=f"{cell.name} T={T} B={B} D={D} H={H} {kind}")


def _numpy_only(inputs: Any) -> None:
    if isinstance(inputs["initial"].h, jax.Array):
        raise TypeError("NumPy code")


def _jitted(cell: Cell, p: Any, initial: Any, xs: Any, bar: Any, lengths: Any, reverse: bool) -> Any:
    _, tapes = sequence.scan_with_tape(cell, p, initial, xs, lengths, reverse)
    gradients = sequence.scan_backward(cell, p, tapes, bar, lengths, reverse)
    return jax.tree.map(np.asarray, gradients)


@click.command()
@click.option("--problems", default=200, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--first", default=0, show_default=True, type=click.IntRange(0), help="Number of the first: its seed.")
def main(problems: int, first: int) -> None:
    """Check random right problems; exit code 1 if any is called wrong."""
    alarms, elements, least = 0, 0, 1000.0
    out = Console()
    for seed in track(range(first, first + problems), "checking", disable=not sys.stdout.isatty()):
        report = check(draw(np.random.default_rng(seed)), oracles=["balls"], seed=seed)
        elements += report.elements
        if report.digits_in_balls is not None:
            least = min(least, report.digits_in_balls)
        if not report.right:
            alarms += 1
            out.print(f"seed {seed}:", render(report))
    out.print(f"{problems} right problems, {elements} gradient elements: {alarms} false alarms")
    sys.exit(1 if alarms else 0)


if __name__ == "__main__":
    main()
