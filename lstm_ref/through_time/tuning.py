"""Which plan is fastest here: candidates timed in turns, one choice after another, and judged by the rounds' noise.

derivations/fast_lstm.md says how the choice is made. This file knows sizes and plans, but no arrays: what is timed for
a plan is given by `prepare`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import comb
from statistics import median
from time import perf_counter as clock
from typing import Any

import jax
from jax.errors import JaxRuntimeError

from lstm_ref.processor import cores
from lstm_ref.through_time.plan import WIDE, FastPlan, default_plan, has_wide_vectors

Timed = Callable[[], Any]
"""A call to time, which waits for its result."""
Times = dict[FastPlan, list[float]]
"""Seconds of a call by each plan in each round."""

FEW, LAST = 3, 9
"""Least number of rounds of one choice, and of the last comparison: of nine rounds a plan may lose one and still be
faster by more than noise."""
CHANCE = 0.025
"""How often, at most, one of two equally fast plans counts as the faster."""
BURST = 0.01
"""Seconds for which a short call is repeated in its turn."""
ROWS = 8
"""Most rows of a device for which blocks of W_h are tried: more of them give every core enough to do."""


def choose(
    sizes: tuple[int, int, int, int], dtype: Any, prepare: Callable[[FastPlan], Timed], seconds: float
) -> tuple[FastPlan, dict[FastPlan, float]]:
    """The plan to use, and the median seconds of each plan of the last comparison.

    Args:
        sizes: T, B, D, H.
        dtype: The dtype of the arrays.
        prepare: Gives the call to time for a plan.
        seconds: How long all rounds last, but for the least numbers of them.

    Returns:
        The plan, and the medians by plan.
    """
    by_rule = partial(default_plan, *sizes, dtype)
    default = best = by_rule()
    alone = by_rule(devices=1)
    scan = FastPlan("scan", 1, sizes[0], 1, 1)
    choices = [_other_devices, _other_pieces, _other_programs, _other_products]
    choices += [_other_vectors] if has_wide_vectors() else []
    share = seconds / (len(choices) + 1)
    ready = _Ready(prepare)
    for others in choices:
        runs = ready.of([best, *others(sizes, by_rule, best)])
        if len(runs) > 1:
            times = in_turns(runs, FEW, share)
            best = min(times, key=lambda plan: median(times[plan]))
    times = in_turns(ready.of([default, best, alone, scan]), LAST, share)
    return fastest(times), {plan: median(each) for plan, each in times.items()}


def fastest(times: Times) -> FastPlan:
    """The first plan, unless others are faster by more than noise: then the fastest of these, judged in the same way.

    It ends, as every plan that replaces another has a smaller median.
    """
    best = next(iter(times))
    while better := [plan for plan, mine in times.items() if is_faster(mine, times[best])]:
        best = min(better, key=lambda plan: median(times[plan]))
    return best


def is_faster(mine: list[float], theirs: list[float]) -> bool:
    """Whether the median is less, and so many rounds were won as of equally fast plans one wins in at most `CHANCE` of
    cases: a sign test, whatever the distribution of the noise."""
    n, won = len(mine), sum(a < b for a, b in zip(mine, theirs, strict=True))
    by_chance = sum(comb(n, k) for k in range(won, n + 1)) / 2**n
    return median(mine) < median(theirs) and by_chance <= CHANCE


# -------------------------------------------------------------------------------------------------- candidates


def _other_devices(sizes: tuple[int, ...], by_rule: Callable[..., FastPlan], best: FastPlan) -> Iterator[FastPlan]:
    """One device, two, four, and so on up to all, as far as they divide the rows."""
    count = jax.local_device_count()
    for n in sorted({2**k for k in range(count.bit_length())} | {count}):
        if sizes[1] % n == 0:
            yield by_rule(devices=n)


def _other_pieces(sizes: tuple[int, ...], by_rule: Callable[..., FastPlan], best: FastPlan) -> Iterator[FastPlan]:
    """Half as many steps a piece, twice as many, and all."""
    T = sizes[0]
    return (best._replace(every=k) for k in (best.every // 2, best.every * 2, T) if 1 <= k <= T)


def _other_programs(sizes: tuple[int, ...], by_rule: Callable[..., FastPlan], best: FastPlan) -> Iterator[FastPlan]:
    yield best._replace(programs=3 - best.programs)


def _other_products(sizes: tuple[int, ...], by_rule: Callable[..., FastPlan], best: FastPlan) -> Iterator[FastPlan]:
    """The product of W_h and the state in the other order; of few rows, in one block or one a core."""
    if jax.default_backend() == "cpu":
        yield best._replace(blocks=1, weights_first=not best.weights_first)
        if sizes[1] <= ROWS * best.devices:
            yield from (best._replace(blocks=n, weights_first=False) for n in (1, cores()))


def _other_vectors(sizes: tuple[int, ...], by_rule: Callable[..., FastPlan], best: FastPlan) -> Iterator[FastPlan]:
    """As XLA chooses, or the widest."""
    yield best._replace(vectors=WIDE - best.vectors)


# ------------------------------------------------------------------------------------------------------ timing


class _Ready:
    """The calls of plans, each compiled when it is first asked for."""

    def __init__(self, prepare: Callable[[FastPlan], Timed]):
        self.prepare = prepare
        self.runs: dict[FastPlan, Timed | None] = {}

    def of(self, plans: Iterable[FastPlan]) -> dict[FastPlan, Timed]:
        """Their calls, without those that fail, as for want of memory; the very first must not."""
        plans = dict.fromkeys(plans)
        for plan in plans:
            if plan not in self.runs:
                self.runs[plan] = self._compiled(plan)
        return {plan: run for plan in plans if (run := self.runs[plan])}

    def _compiled(self, plan: FastPlan) -> Timed | None:
        run = self.prepare(plan)
        try:
            run()
        except JaxRuntimeError:
            if not self.runs:
                raise
            return None
        return run


def in_turns(runs: dict[FastPlan, Timed], least: int, seconds: float) -> Times:
    """Rounds A B C A B C, so that a drift of the machine affects all: for so many seconds, and `least` in any case."""
    times: Times = {plan: [] for plan in runs}
    begun = clock()
    while len(next(iter(times.values()))) < least or clock() - begun < seconds:
        for plan, run in runs.items():
            times[plan].append(_burst(run))
    return times


def _burst(run: Timed) -> float:
    """Seconds of a call. A short one is repeated, and its first call is left out: it finds the threads and caches as
    the plan before has left them."""
    times = [_seconds(run)]
    if times[0] < BURST:
        times = []
        while sum(times) < BURST:
            times.append(_seconds(run))
    return median(times)


def _seconds(run: Timed) -> float:
    before = clock()
    run()
    return clock() - before
