"""Mistakes made between the steps of BPTT, whatever the cell: in what is carried, read, added up and cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.mistakes.recurrence import ClaimedAdjoints, Recurrence, backward, run

StepsMistake = Callable[[Recurrence], ClaimedAdjoints]
CLIPPING_BOUNDS = (0.1, 0.5, 1.0, 5.0, 10.0)
"""Bounds that tutorials clip at; clipping at any other bound is not recognised."""


class Structural(NamedTuple):
    """One mistake between the steps, and the gradients that it leads to."""

    kind: str
    sentence: str
    gradients: StepsMistake


def mistakes_between_steps(T: int, state: Any) -> Iterator[Structural]:
    """Every mistake for T steps of a cell whose state is such a named tuple."""
    yield from _what_is_carried(T, state)
    yield from _what_is_read(state)
    yield from _what_is_added_up()


def _zero(tree: Any) -> Any:
    return jax.tree.map(lambda v: 0 * v, tree)


def _what_is_carried(T: int, state: Any) -> Iterator[Structural]:
    zero: Any = _zero
    yield _wrong("recurrence dropped", "nothing is carried to the step before", carried=lambda t, bar: zero(bar))
    for k in range(1, T):
        steps = f"{k} step" + "s" * (k > 1)
        yield Structural("truncated", f"each output is propagated back through {steps} only", _truncated(k))
        yield _wrong(
            "truncated",
            f"the loop runs back over the last {steps} only" + ", and does not come to the first" * (k == T - 1),
            step=lambda r, k=k: _last_steps_only(r, k),
        )
        if k > 1:
            yield _wrong(
                "truncated",
                f"nothing is carried across the borders of blocks of {steps}",
                carried=lambda t, bar, k=k: zero(bar) if (t + 1) % k == 0 and t + 1 < T else bar,
            )
    if T > 1:
        yield _wrong(
            "first step",
            "the loop ends before the first step: what the second hands back is taken for the initial state's gradient",
            prepare=lambda r: replace(
                r, states_bar=jax.tree.map(lambda v: _at_steps(np.arange(r.T) > 0, v) * v, r.states_bar)
            ),
            step=_not_at_the_first_step,
        )
    for field in state._fields:
        yield _wrong(
            "final state ignored",
            f"the cotangent of the final {field} is ignored",
            prepare=lambda r, f=field: replace(r, final_bar=r.final_bar._replace(**{f: zero(getattr(r.final_bar, f))})),
        )
    yield _wrong(
        "final state ignored",
        "the cotangent of the final state is ignored",
        prepare=lambda r: replace(r, final_bar=zero(r.final_bar)),
    )
    for one, two in combinations(state._fields, 2):
        exchanged = {one: two, two: one}
        for taken, sentence in (
            (exchanged, f"the cotangents of the final {one} and {two} are in each other's place"),
            ({two: one}, f"the cotangent of the final {one} is taken for that of the final {two} too"),
            ({one: two}, f"the cotangent of the final {two} is taken for that of the final {one} too"),
        ):
            yield _wrong(
                "final state mixed up",
                sentence,
                prepare=lambda r, taken=taken: replace(r, final_bar=_taken(r.final_bar, taken)),
            )
    for bound in CLIPPING_BOUNDS:
        clip: Any = lambda bar, c=bound: jax.tree.map(lambda v: np.clip(v, -c, c), bar)  # noqa: E731
        yield _wrong(
            "clipped in the recursion",
            f"the cotangent is clipped to ±{bound:g} on its way from step to step",
            carried=lambda t, bar, clip=clip: clip(bar),
        )
        yield _wrong(
            "clipped in the recursion",
            f"what every step hands back is clipped to ±{bound:g}",
            step=lambda r, clip=clip: _prev_through(r, clip),
        )


def _what_is_read(state: Any) -> Iterator[Structural]:
    def outputs(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Recurrence], Recurrence]:
        return lambda r: replace(r, states_bar=jax.tree.map(change, r.states_bar))

    last_alone: Any = lambda v: np.concatenate([0 * v[:-1], v[-1:]])  # noqa: E731
    reads: tuple[tuple[str, Any], ...] = (
        ("the last output's cotangent is fed in at every step", lambda v: np.broadcast_to(v[-1], v.shape)),
        ("the last output's cotangent alone is read", last_alone),
        ("the outputs' cotangents are read in reversed time", lambda v: v[::-1]),
        ("the output's cotangent is read one step early", lambda v: np.roll(v, 1, axis=0)),
        ("the output's cotangent is read one step late", lambda v: np.roll(v, -1, axis=0)),
        ("the sum of all outputs' cotangents is fed in at every step", lambda v: np.broadcast_to(v.sum(0), v.shape)),
    )
    yield _wrong(
        "outputs ignored",
        "the outputs' cotangents are ignored: the final state's are read alone",
        prepare=outputs(lambda v: 0 * v),
    )
    for sentence, change in reads:
        yield _wrong("output read at the wrong step", sentence, prepare=outputs(change))
    yield _wrong(
        "head at every step",
        "the final state's cotangent is fed in at every step",
        prepare=lambda r: replace(
            r,
            states_bar=jax.tree.map(
                lambda s, f: s + f * _at_steps(np.arange(r.T) < r.T - 1, s), r.states_bar, r.final_bar
            ),
        ),
    )
    ends = (
        (
            "the first step reads the last state as its previous one (index −1 wraps around)",
            lambda states, zeros: states,
        ),
        ("the first step's previous state is taken as zero", lambda states, zeros: zeros),
    )
    for fields in ((f,) for f in state._fields):
        yield from _first_step(fields, ends)
    if len(state._fields) > 1:
        yield from _first_step(state._fields, ends)
    for fields in dict.fromkeys((*((f,) for f in state._fields), state._fields)):
        yield _wrong(
            "previous state one step early",
            f"the previous state is read one index too early: {', '.join(fields)} (the first step's wraps around)",
            tapes=lambda r, tapes, fields=fields: _one_step_early(r, tapes, fields),
        )
    yield _wrong("stale values", "every step reads the last step's values", tapes=lambda r, tapes: [tapes[-1]] * r.T)
    yield _wrong(
        "stale values",
        "the steps' values are read in the order of the forward pass",
        tapes=lambda r, tapes: tapes[::-1],
    )
    yield _wrong(
        "stale values", "every step reads the step before's values", tapes=lambda r, tapes: [*tapes[-1:], *tapes[:-1]]
    )
    yield _wrong(
        "stale values", "every step reads the step after's values", tapes=lambda r, tapes: [*tapes[1:], *tapes[:1]]
    )


def _first_step(fields: tuple[str, ...], ends: Any) -> Iterator[Structural]:
    for sentence, choose in ends:

        def tapes(r: Recurrence, tapes: list[Any], choose: Any = choose) -> list[Any]:
            states, _ = run(r.cell, r.params, r.initial, r.xs)
            first = tapes[0].prev
            last = jax.tree.map(lambda v: v[-1], states)
            new = {f: choose(getattr(last, f), _zero(getattr(first, f))) for f in fields}
            return [tapes[0]._replace(prev=first._replace(**new)), *tapes[1:]]

        yield _wrong("first step", f"{sentence}: {', '.join(fields)}", tapes=tapes)


def _taken(state: Any, taken: dict[str, str]) -> Any:
    """The state with one field's array in another's place, where both have one shape."""
    alike = {k: v for k, v in taken.items() if np.shape(getattr(state, k)) == np.shape(getattr(state, v))}
    return state._replace(**{k: getattr(state, v) for k, v in alike.items()})


def _one_step_early(r: Recurrence, tapes: list[Any], fields: tuple[str, ...]) -> list[Any]:
    """The tapes, each with the previous state of the tape before it."""
    states, _ = run(r.cell, r.params, r.initial, r.xs)
    last = jax.tree.map(lambda v: v[-1], states)
    earlier = [last, *(tape.prev for tape in tapes[:-1])]
    return [
        tape._replace(prev=tape.prev._replace(**{f: getattr(prev, f) for f in fields}))
        for tape, prev in zip(tapes, earlier, strict=True)
    ]


def _what_is_added_up() -> Iterator[Structural]:
    def every(parts: list[Any], keep: Callable[[int, int], bool]) -> Any:
        kept = [p if keep(t, len(parts)) else _zero(p) for t, p in enumerate(parts)]
        return jax.tree.map(lambda *v: sum(v[1:], v[0]), *kept)

    sums = (
        ("the parameters' cotangents are assigned, not added up: the first step's alone is left", lambda t, T: t == 0),
        ("the parameters' cotangents are the last step's alone", lambda t, T: t == T - 1),
        ("the first step is left out of the parameters' sum", lambda t, T: t > 0),
        ("the last step is left out of the parameters' sum", lambda t, T: t < T - 1),
    )
    for sentence, keep in sums:
        yield _wrong("not added up", sentence, collect=lambda parts, keep=keep: every(parts, keep))
    for name, factor in (("T", lambda r: r.T), ("B", lambda r: r.B), ("T·B", lambda r: r.T * r.B)):
        for sentence, power in (
            ("the mean over {} stands for the sum in the parameters", -1),
            ("the parameters are {} times too large", 1),
        ):
            yield Structural("mean for sum", sentence.format(name), _scaled(factor, power))
    yield Structural("initial state", "the initial state's gradient is not handed on", _without_initial)
    yield Structural("reversed", "the inputs' gradients stand in reversed time", _reversed_xs)


# ------------------------------------------------------------------------------------------------ how it is made


def _wrong(
    kind: str,
    sentence: str,
    *,
    prepare: Any = lambda r: r,
    tapes: Any = lambda r, tapes: tapes,
    step: Any = lambda r: None,
    carried: Any = lambda t, bar: bar,
    collect: Any = None,
) -> Structural:
    """BPTT with another recurrence, other tapes, another step, another carry or another sum."""

    def gradients(r: Recurrence) -> ClaimedAdjoints:
        return backward(prepare(r), tapes(r, r.tapes()), step(r), carried, collect)

    return Structural(kind, sentence, gradients)


def _at_steps(which: np.ndarray, values: np.ndarray) -> np.ndarray:
    """1 at these steps, 0 at the others, to multiply values (T, ...) with."""
    return which.astype(np.float64).reshape(-1, *(1,) * (values.ndim - 1))


def _truncated(k: int) -> StepsMistake:
    """BPTT(1, k): what each output sends back is followed through k steps."""

    def gradients(r: Recurrence) -> ClaimedAdjoints:
        tapes, parts = r.tapes(), []
        for s in range(r.T):
            alone = replace(
                r,
                states_bar=jax.tree.map(lambda v, s=s: v * _at_steps(np.arange(r.T) == s, v), r.states_bar),
                final_bar=jax.tree.map(lambda v, s=s: v * (s == r.T - 1), r.final_bar),
                initial_bar=jax.tree.map(lambda v, s=s: v * (s == 0), r.initial_bar),
            )
            parts.append(backward(alone, tapes, _from_step(r, max(0, s + 1 - k))))
        return jax.tree.map(lambda *v: sum(v[1:], v[0]), *parts)

    return gradients


def _last_steps_only(r: Recurrence, k: int) -> Any:
    return _from_step(r, r.T - k)


def _from_step(r: Recurrence, first: int) -> Any:
    """The cell's backward, but with no gradient at the steps before `first` (counted back from the last one)."""
    left = iter(range(r.T - 1, -1, -1))

    def step(p: Any, tape: Any, bar: Any) -> Any:
        given = r.cell.backward(p, tape, bar)
        return given if next(left) >= first else _zero(given)

    return step


def _not_at_the_first_step(r: Recurrence) -> Any:
    """The cell's backward, except that the first step only hands on what it is given."""
    left = iter(range(r.T - 1, -1, -1))

    def step(p: Any, tape: Any, bar: Any) -> Any:
        given = r.cell.backward(p, tape, bar)
        return given if next(left) > 0 else _zero(given)._replace(prev=bar)

    return step


def _prev_through(r: Recurrence, change: Callable[[Any], Any]) -> Any:
    def step(p: Any, tape: Any, bar: Any) -> Any:
        given = r.cell.backward(p, tape, bar)
        return given._replace(prev=change(given.prev))

    return step


def _scaled(factor: Callable[[Recurrence], int], power: int) -> StepsMistake:
    def gradients(r: Recurrence) -> ClaimedAdjoints:
        right = backward(r, r.tapes())
        return right._replace(params=jax.tree.map(lambda v: v * float(factor(r)) ** power, right.params))

    return gradients


def _without_initial(r: Recurrence) -> ClaimedAdjoints:
    right = backward(r, r.tapes())
    return right._replace(initial=_zero(right.initial))


def _reversed_xs(r: Recurrence) -> ClaimedAdjoints:
    right = backward(r, r.tapes())
    return right._replace(xs=jax.tree.map(lambda v: v[::-1], right.xs))
