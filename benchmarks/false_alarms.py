"""Does the check ever call a right gradient wrong? `python -m benchmarks.false_alarms --problems 20000`

The problems are random right ones of every cell, with ordinary, saturated, tiny, zero, repeated and mixed values,
lengths and both directions of time. Half of the backward passes are NumPy code whose equations run in balls (noise
floor derived); half are opaque float64 functions, a jitted JAX scan (noise floor modelled).

With `--strangers` the problems imitate code of other authors (`strangers_code.py`). Each is checked twice with all
oracles, as it is and with a planted mistake: is a wrong one ever called right?

It is a campaign (`campaign.py`): `--workers`, `--executor`, and `--journal`, with which a killed run goes on.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import click
import jax
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.campaign import Campaign, Command, campaign, options
from lstm_ref import sequence
from lstm_ref.arithmetic.balls import is_balls
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS, Cell
from lstm_ref.cells.cell import arrays, in_domain
from lstm_ref.checking import Problem, check, problem
from lstm_ref.checking.report import UNDECIDED, WRONG
from lstm_ref.commands.verify import quick_to_compile
from lstm_ref.strategies import kinds_for, values

HERE = "benchmarks.false_alarms"
SHAPES = ((1, 1, 1, 1), (2, 1, 2, 1), (3, 1, 1, 2), (4, 2, 1, 1), (2, 2, 3, 2))  # T, B, D, H


def draw(rng: np.random.Generator) -> Problem:
    """A random right problem."""
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


@dataclass(frozen=True)
class Seen:
    """The check's verdicts on one stranger's problem, right and with a planted mistake."""

    seed: int
    style: str
    right: str
    """The verdict, or the error, for the right problem."""
    wrong: str | None
    """The same for the wrong problem; None if every gradient is zero, so that no mistake could be planted."""
    planted: str
    elements: int
    seconds: float

    @property
    def alarm(self) -> bool:
        """Whether the right problem is called anything but right."""
        return self.right != "right"

    @property
    def missed(self) -> bool:
        """Whether the wrong problem is called anything but wrong."""
        return self.wrong not in (WRONG, None)


def check_both(seed: int, only: str | None = None) -> Seen:
    """The two verdicts on the problem of this seed."""
    from benchmarks.strangers_code import draw as drawn
    from benchmarks.strangers_code import planted

    started = time.perf_counter()
    style, right = drawn(seed, only)
    verdict, elements = _verdict(right, seed)
    _, again = drawn(seed, only)  # drawn again: the first check may leave state on its objects
    wrong, what = None, ""
    try:
        mistaken = planted(again, style, seed)
    except Exception as error:
        wrong, what = f"{type(error).__name__}: {error}", "nothing could be planted"
    else:
        if mistaken is not None:
            wrong, what = _verdict(mistaken[0], seed)[0], mistaken[1]
    return Seen(seed, style, verdict, wrong, what, elements, time.perf_counter() - started)


def _verdict(problem: Problem, seed: int) -> tuple[str, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            report = check(problem, seed=seed, explain=False)
        except Exception as error:  # a check that cannot be made is a failure to count, whatever the reason
            return f"{type(error).__name__}: {error}", 0
    return ("right" if report.right else report.verdict), report.elements


def strangers_verdicts(seed: int, only: str | None) -> dict[str, Any]:
    """The same as plain data."""
    _use_one_thread()
    return asdict(check_both(seed, only))


@cache
def _use_one_thread() -> None:
    """Limit a worker to one thread, since there is one worker per core."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


def random_verdict(seed: int) -> dict[str, Any]:
    """The verdict on a random right problem, as plain data; of a false alarm the whole report too."""
    report = check(draw(np.random.default_rng(seed)), oracles=["balls"], seed=seed)
    if report.right:
        return {"verdict": "right", "elements": report.elements}
    return {"verdict": report.verdict, "elements": report.elements, "report": str(report)}


@contextmanager
def _fast_compilation() -> Iterator[None]:
    """Sets quick compilation in the environment that workers read at their start: each compiled program runs only a few
    times."""
    before = os.environ.get("XLA_FLAGS")
    os.environ["XLA_FLAGS"] = " ".join([before or "", *quick_to_compile()])
    yield
    if before is None:
        del os.environ["XLA_FLAGS"]
    else:
        os.environ["XLA_FLAGS"] = before


def strangers(seeds: Sequence[int], only: str | None, those: Campaign, out: Console) -> bool:
    """Check strangers' problems, right and wrong; return whether all verdicts are right."""
    started, found = time.perf_counter(), []
    with _fast_compilation():
        asked = [(seed, only) for seed in seeds]
        for verdicts in those.verdicts("strangers", f"{HERE}:strangers_verdicts", asked):
            one = Seen(**verdicts)
            found.append(one)
            if one.alarm:
                out.print(f"seed {one.seed}, {one.style}: right, and called {escape(one.right)}")
            if one.missed:
                out.print(f"seed {one.seed}, {one.style}: {one.planted}, and called {escape(str(one.wrong))}")
    out.print(_by_style(found))
    alarms, missed = [o.right for o in found if o.alarm], [o.wrong for o in found if o.missed]
    out.print(
        f"{len(found)} right problems, {sum(o.elements for o in found)} gradient elements: {len(alarms)} false alarms, "
        f"{alarms.count(UNDECIDED)} of them undecided"
    )
    out.print(
        f"{sum(o.wrong is not None for o in found)} with a mistake planted: {len(missed)} missed, "
        f"{missed.count(UNDECIDED)} of them undecided; {time.perf_counter() - started:.0f} s"
    )
    return not alarms and not missed


def _by_style(found: list[Seen]) -> Table:
    """A table of the problems of each style and their verdicts."""
    table = Table("style", "right", "alarms", "undecided", "planted", "missed", "undecided", "ms", box=SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    styles: dict[str, list[Seen]] = defaultdict(list)
    for one in found:
        styles[one.style].append(one)
    for style, those in sorted(styles.items()):
        right = Counter(o.right for o in those if o.alarm)
        wrong = Counter(o.wrong for o in those if o.missed)
        row = len(those), right.total(), right[UNDECIDED], sum(o.wrong is not None for o in those), wrong.total()
        milliseconds = 1000 * sum(o.seconds for o in those) / len(those)
        table.add_row(style, *map(str, row), str(wrong[UNDECIDED]), f"{milliseconds:.0f}")
    return table


def at_random(seeds: Sequence[int], those: Campaign, out: Console) -> bool:
    """Check random right problems; return whether all are called right."""
    elements, alarms = 0, []
    asked = [(seed,) for seed in seeds]
    for seed, one in zip(seeds, those.verdicts("random problems", f"{HERE}:random_verdict", asked), strict=True):
        elements += one["elements"]
        if one["verdict"] != "right":
            alarms.append(one["verdict"])
            out.print(f"seed {seed}: {one['report']}", markup=False)
    out.print(
        f"{len(seeds)} right problems, {elements} gradient elements: {len(alarms)} false alarms, "
        f"{alarms.count(UNDECIDED)} of them undecided"
    )
    return not alarms


@click.command(cls=Command)
@click.option("--problems", default=200, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--first", default=0, show_default=True, type=click.IntRange(0), help="Seed of the first problem.")
@click.option("--strangers", "written", is_flag=True, help="Imitate other authors' code, also with mistakes planted.")
@click.option("--style", "only", help="With --strangers: only this style.")
@options
def main(problems: int, first: int, written: bool, only: str | None, **how: Any) -> None:
    """Check random right problems. Exit code 1 if any is called wrong or, with --strangers, if a wrong one is not
    called wrong."""
    from benchmarks.strangers_code import STYLES

    if only is not None and not written:
        raise click.UsageError("--style needs --strangers")
    if only is not None and only not in STYLES:
        raise click.UsageError(f"--style must be one of {', '.join(STYLES)}, got {only!r}")
    out, seeds = Console(), range(first, first + problems)
    with campaign(**how) as those:
        right = strangers(seeds, only, those, out) if written else at_random(seeds, those, out)
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
