"""The true adjoint of every quantity of a page, at every step, in ball arithmetic.

The forward pass that the page defines runs through time as a JAX function, with a zero added to every value; autodiff's
gradient with respect to these zeros is the adjoint of each value over all paths. JAX traces it, balls evaluate it
(`arithmetic.jaxpr`). Nothing of the page's backward pass is used.

What the loss reads is a `Scope`: every step's outputs ("time"), those of the last step ("last"), or, for a page that
derives one step, the outputs and states of that step ("step").
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.balls import as_balls, midpoints, precision
from lstm_ref.arithmetic.jaxpr import trace
from lstm_ref.errors import BadInput
from lstm_ref.written.evaluate import Meaning, Misfit, NotThen, World, evaluate
from lstm_ref.written.reading import Reading
from lstm_ref.written.shapes import Shapes
from lstm_ref.written.terms import Apply, Name, SumT, adjoints, symbols

STEPS = 4
"""Steps of a problem: a first and a last one, and two between them whose neighbours are neither."""
DIGITS = 50


@dataclass(frozen=True)
class Scope:
    """What the loss reads: `kind` is "time", "last" or "step"; `outputs` are the values that it reads."""

    kind: str
    outputs: tuple[Name, ...]
    of_last: tuple[Name, ...] = ()
    """Values of the last step that the forward pass reads, as h_T."""

    @property
    def steps(self) -> int:
        """Number of steps."""
        return 1 if self.kind == "step" else STEPS


@dataclass
class PageTruth:
    """One world in balls, and the same in floats."""

    scope: Scope
    balls: World
    floats: World = field(init=False)
    known: dict[Any, Any] = field(default_factory=dict, init=False)
    """For whoever asks the same of these numbers again, under any reading of what the page leaves open."""

    def __post_init__(self) -> None:
        names = ("values", "parameters", "adjoints", "direct", "parameter_adjoints", "contributions", "given")
        tables: dict[str, Any] = {n: {k: midpoints(v) for k, v in getattr(self.balls, n).items()} for n in names}
        self.floats = replace(self.balls, **tables)

    def under(self, meanings: dict[Name, Meaning], activated: dict[Name, Name]) -> PageTruth:
        """The same numbers under another reading of what the page leaves open."""
        new = copy.copy(self)
        new.balls = replace(self.balls, meanings=meanings, activated=activated)
        new.floats = replace(self.floats, meanings=meanings, activated=activated)
        return new


MOST = 32
"""Forward passes whose truths are kept: another reading of a page's backward pass, and a page that is corrected line by
line, have the same ones."""
_kept: dict[object, PageTruth] = {}
"""The last used stands last."""


def truth(reading: Reading, shapes: Shapes, scope: Scope, functions: dict[Name, str], seed: int = 0) -> PageTruth:
    """Values and adjoints of the page's forward pass at random numbers. Read it `under` some meanings.

    Args:
        reading: The page.
        shapes: Its shapes.
        scope: What the loss reads.
        functions: The activation that each unnamed function stands for.
        seed: Of the random numbers.

    Raises:
        BadInput: The forward pass cannot be evaluated.
    """
    of_reading = (
        tuple((name, d.right) for name, d in reading.values.items()),
        *map(tuple, (reading.parameters, reading.inputs, reading.states, reading.targets, _counted(reading))),
        frozenset(reading.totals),
        reading.loss,
        reading.rows,
        _reads_direct(reading),
    )
    key = of_reading, tuple(shapes.sizes.items()), scope, tuple(functions.items()), seed
    _kept[key] = found = _kept.pop(key, None) or _computed(reading, shapes, scope, functions, seed)
    if len(_kept) > MOST:
        del _kept[next(iter(_kept))]
    return found


def _computed(reading: Reading, shapes: Shapes, scope: Scope, functions: dict[Name, str], seed: int) -> PageTruth:
    world, given = _random_world(reading, shapes, scope, functions, seed)
    run = _program(reading, world, scope, given)
    theta = (
        [world.parameters[n] for n in reading.parameters],
        _keyed(world.values),
        [np.zeros(shapes.sizes[n]) for _ in _steps(scope) for n in reading.values],
        [np.zeros(shapes.sizes[n]) for _ in _steps(scope) for n in _counted(reading)],
    )
    try:
        program = trace(run, *theta)
    except (Misfit, NotThen) as error:
        raise BadInput(f"the forward pass cannot be evaluated: {error}") from None
    with precision(DIGITS):
        results = program(*theta)
    balls = replace(world, values={}, adjoints={}, direct={}, parameters={}, parameter_adjoints={})
    with precision(DIGITS):
        _fill(balls, reading, shapes, world, scope, given, results)
    return PageTruth(scope, balls)


def blank_world(reading: Reading, shapes: Shapes) -> World:
    """A world of zeros, for what only the shapes matter for."""
    world = World(1, reading.rows, functions=dict.fromkeys(reading.functions, "tanh"))
    world.parameters = {n: np.zeros(shapes.sizes[n]) for n in reading.parameters}
    timed = (*reading.values, *reading.inputs, *reading.targets)
    world.values = {(n, step): np.zeros(shapes.sizes[n]) for n in timed for step in range(-1, 4)}
    world.lengths = {n: shapes.sizes[n][1 if reading.rows else 0] for n in timed}
    return world


def _steps(scope: Scope) -> range:
    """The steps that are computed. One more than the loss reads, since lines speak of t + 1."""
    return range(1, scope.steps + 2)


def _keyed(values: dict[tuple[Name, int], Any]) -> dict[str, Any]:
    """The table under keys that JAX can sort."""
    return {f"{name}@{step}": v for (name, step), v in values.items()}


def _random_world(
    reading: Reading, shapes: Shapes, scope: Scope, functions: dict[Name, str], seed: int
) -> tuple[World, dict[tuple[Name, int], Any]]:
    """Random parameters, inputs, and values before the first step; and what arrives from outside at the outputs."""
    rng = np.random.default_rng(seed)
    world = World(scope.steps, reading.rows, functions=functions)
    axis = 1 if reading.rows else 0
    world.lengths = {n: shapes.sizes[n][axis] for n in (*reading.values, *reading.inputs)}
    for name in reading.parameters:
        world.parameters[name] = rng.standard_normal(shapes.sizes[name]) / 2
    distributions = _distributions(reading)
    for name in (*reading.inputs, *reading.targets):
        for step in range(-1, scope.steps + 3):
            shape = shapes.sizes[name]
            drawn = _shares(rng, shape, axis) if name in distributions else rng.standard_normal(shape)
            one_for_all = reading.loss_of_totals and name in reading.targets and (name, -1) in world.values
            world.values[name, step] = world.values[name, -1] if one_for_all else drawn
    for name in reading.values if scope.kind == "step" else reading.states:  # through time only states begin before 1
        for step in (-1, 0):
            world.values[name, step] = rng.standard_normal(shapes.sizes[name]) / 2
    given = {}
    for step in range(scope.steps if scope.kind == "last" else 1, scope.steps + 1):
        for name in scope.outputs:
            given[name, step] = rng.standard_normal(shapes.sizes[name])
    return world, given


def _distributions(reading: Reading) -> set[Name]:
    """Targets beside a logarithm: they are probabilities, which add to 1."""
    if reading.loss is None:
        return set()
    logs = [t for t in reading.loss.subterms if isinstance(t, Apply) and t.fn.name == "log"]
    inside = {s.name for t in logs for s in symbols(t)}
    return {n for n in reading.targets if n not in inside} if logs else set()


def _shares(rng: np.random.Generator, shape: tuple[int, int], axis: int) -> np.ndarray:
    """Positive numbers that add to exactly 1: whole 64ths."""
    n = shape[axis]
    rows = []
    for _ in range(shape[1 - axis]):
        cuts = np.sort(rng.choice(np.arange(1, 64), n - 1, replace=False))
        rows.append(np.diff([0, *cuts, 64]) / 64)
    return np.stack(rows, axis=1 - axis)


def _program(reading: Reading, world: World, scope: Scope, given: dict[tuple[Name, int], Any]) -> Any:
    """(parameters, inputs and earlier values, zeros for values, and for parameters at each step) -> all values, the
    loss's gradients, those without recurrence."""
    keys = {key: f"{key[0]}@{key[1]}" for key in world.values}
    names, counted, stages = list(reading.values), _counted(reading), _stages(reading)

    def run(parameters: Any, outside: Any, zeros: Any, copies: Any) -> Any:
        def loss(moved: Any, detached: bool) -> tuple[Any, dict[str, Any]]:
            parameters, outside, zeros, copies = moved
            here = replace(
                world,
                parameters=dict(zip(reading.parameters, parameters, strict=True)),
                values={key: outside[text] for key, text in keys.items()},
            )
            total = jnp.zeros(())
            moved_by = dict(zip(((name, t) for t in _steps(scope) for name in names), zeros, strict=True))
            own = dict(zip(((name, t) for t in _steps(scope) for name in counted), copies, strict=True))
            for stage, t in itertools.product(stages, _steps(scope)):
                for name, parameter in zip(reading.parameters, parameters, strict=True):
                    here.parameters[name] = parameter + own[name, t] if name in counted else parameter
                for name in stage:
                    if name in reading.totals and t > 1:
                        here.values[name, t] = here.values[name, 1]
                    else:
                        reads = _detached(here, t, names) if detached else here
                        here.values[name, t] = evaluate(reading.values[name].right, reads, t) + moved_by[name, t]
                    if (name, t) in given and (name not in reading.totals or t == scope.steps):
                        total = total + jnp.sum(here.values[name, t] * given[name, t])
            for t in (
                range(scope.steps if reading.loss_of_totals else 1, scope.steps + 1) if reading.loss is not None else ()
            ):
                total = total + jnp.sum(evaluate(reading.loss, here, t))
            computed = {f"{n}@{t}": here.values[n, t] for t in _steps(scope) for n in names}
            return total, computed

        moved = (parameters, outside, zeros, copies)
        gradients, values = jax.grad(loss, has_aux=True)(moved, False)
        direct = jax.grad(loss, has_aux=True)(moved, True)[0] if _reads_direct(reading) else None
        return values, gradients, direct

    return run


def _stages(reading: Reading) -> list[list[Name]]:
    """The values; those that read a sum over the steps come after all steps of what is summed."""
    stage: dict[Name, int] = {}
    for name, d in reading.values.items():
        now = {s.name for s in symbols(d.right) if s.time is None or s.time.offset == 0}
        summed = {s.name for t in d.right.subterms if isinstance(t, SumT) for s in symbols(t)}
        summed |= {s.name for s in symbols(d.right) if s.time is not None and s.time.anchor == "T"}
        stage[name] = max((stage[n] + (n in summed) for n in now if n in stage), default=0)
    for name, d in reading.values.items():
        for s in symbols(d.right):
            if stage.get(s.name, 0) > stage[name]:
                raise BadInput(f"{d.equation.label}: it reads {s.name}, which is a sum over steps that are yet to come")
    return [[n for n in stage if stage[n] == k] for k in range(max(stage.values(), default=0) + 1)]


def _detached(world: World, t: int, names: list[Name]) -> World:
    """The world in which no derivative flows into earlier steps."""
    stopped = {k: jax.lax.stop_gradient(v) if k[1] < t and k[0] in names else v for k, v in world.values.items()}
    return replace(world, values=stopped)


def _reads_direct(reading: Reading) -> bool:
    return any(a.part == "step" for line in reading.lines for side in (line.left, line.right) for a in adjoints(side))


def _counted(reading: Reading) -> list[Name]:
    """Parameters of which the page speaks step by step."""
    sides = [side for line in reading.lines for side in (line.left, line.right)]
    spoken = {a.of.name for side in sides for a in adjoints(side) if a.of.time is not None}
    return [name for name in reading.parameters if name in spoken]


def _fill(balls: World, reading: Reading, shapes: Shapes, world: World, scope: Scope, given: Any, results: Any) -> None:
    values, gradients, direct = results
    parameters, outside, zeros, copies = gradients
    for n, name in enumerate(reading.parameters):
        balls.parameters[name] = as_balls(world.parameters[name])
        balls.parameter_adjoints[name] = as_balls(parameters[n])
    for key, value in world.values.items():
        balls.values[key] = as_balls(value)
    differentiable = {*reading.inputs, *reading.targets, *reading.states}
    for (name, step), text in ((key, f"{key[0]}@{key[1]}") for key in world.values):
        if name in differentiable and (step >= 1 or name in reading.states):
            balls.adjoints[name, step] = as_balls(outside[text])
    places = [(name, step) for step in _steps(scope) for name in reading.values]
    for n, (name, step) in enumerate(places):
        balls.values[name, step] = as_balls(values[f"{name}@{step}"])
        at = places.index((name, 1)) if name in reading.totals else n
        balls.adjoints[name, step] = as_balls(zeros[at])
        if direct is not None:
            balls.direct[name, step] = as_balls(direct[2][at])
    of_steps = [(name, step) for step in _steps(scope) for name in _counted(reading)]
    balls.contributions = {key: as_balls(copy) for key, copy in zip(of_steps, copies, strict=True)}
    for name in scope.outputs:
        for step in _steps(scope):
            at = scope.steps if name in reading.totals else step
            balls.given[name, step] = as_balls(given.get((name, at), np.zeros(shapes.sizes[name])))
