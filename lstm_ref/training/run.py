"""Training: one update, and the loop; pure functions throughout.

An update has three steps: accumulate the gradients of the whole batch; clip them, as a step of its own; apply the
optimiser. The batch of step k depends only on (seed, k), so a run that stops and resumes has exactly the numbers of a
run that never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite, prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lstm_ref.clipping import clip_elementwise, clip_global_norm
from lstm_ref.data.vocabulary import Vocabulary
from lstm_ref.errors import BadInput
from lstm_ref.training.settings import Settings
from lstm_ref.training.task import Corpus, Scores, Task

OPTIMIZERS: dict[str, Callable[[float], optax.GradientTransformation]] = {
    "sgd": optax.sgd,
    "momentum": partial(optax.sgd, momentum=0.9),
    "adam": optax.adam,
}

CLIPS: dict[str, Callable[[Any, float], Any]] = {
    "value": clip_elementwise,
    "norm": clip_global_norm,
    "none": lambda gradients, _: gradients,
}


class Best(NamedTuple):
    """The best validation so far."""

    step: int
    goal: float
    params: Any


class RunState(NamedTuple):
    """The state of a run: everything that changes from step to step."""

    step: int
    params: Any
    optimizer: Any
    best: Best | None = None
    goal: float | None = None
    """The goal's value for exactly these parameters, if they were validated."""

    @property
    def chosen(self) -> Any:
        """The parameters for predictions: those of the best validation, or the last ones before any validation."""
        if self.best is None or (self.goal is not None and self.goal < self.best.goal):
            return self.params
        return self.best.params


class UpdateResult(NamedTuple):
    """The result of one update."""

    state: RunState
    loss: float
    """The batch's loss before the update."""
    symbols: int
    scores: Scores | None
    """Scores of the held-out data, at a validation."""


def dtype(settings: Settings) -> Any:
    """The dtype of the parameters."""
    return np.float64 if settings.float64 else np.float32


def optimizer(settings: Settings) -> optax.GradientTransformation:
    """The optimiser that the settings ask for."""
    return OPTIMIZERS[settings.optimizer](settings.learning_rate)


def initial_state(task: Task, settings: Settings, vocabularies: dict[str, Vocabulary]) -> RunState:
    """The state before the first step, which depends only on the settings. JAX arrays; call it inside `precision`.

    Raises MemoryError, as NumPy does, where there is not enough memory.
    """
    shapes = jax.tree.leaves(task.shapes(vocabularies, settings), is_leaf=lambda v: type(v) is tuple)
    if 8 * sum(map(prod, shapes)) >= 2**63:
        raise MemoryError("more bytes than can be counted")  # NumPy would raise ValueError for such a size
    drawn = task.initial(np.random.default_rng(settings.seed), vocabularies, settings)
    params = jax.tree.map(partial(jnp.asarray, dtype=dtype(settings)), drawn)
    return RunState(0, params, optimizer(settings).init(params))


def loss_and_gradients(task: Task, settings: Settings, params: Any, batch: Any) -> tuple[Any, Any]:
    """The loss, and its gradients with respect to the parameters: by the hand-written backward functions, or by JAX."""
    if settings.gradients == "autodiff":
        return jax.value_and_grad(lambda p: task.forward(p, batch, settings)[0])(params)
    loss, tape = task.forward(params, batch, settings)
    return loss, task.backward(params, batch, tape, settings)


@partial(jax.jit, static_argnames=("task", "settings"))
def update(task: Task, settings: Settings, params: Any, moments: Any, batch: Any) -> tuple[Any, Any, Any]:
    """Loss before the step; parameters and optimiser state after it."""
    loss, gradients = loss_and_gradients(task, settings, params, batch)
    clipped = CLIPS[settings.clip](gradients, settings.clip_bound)
    moves, moments = optimizer(settings).update(clipped, moments, params)
    return loss, optax.apply_updates(params, moves), moments


def validated(task: Task, settings: Settings, corpus: Corpus, state: RunState) -> Scores:
    """The scores of the held-out data. Raises BadInput where a score is not finite."""
    scores = task.score(state.params, corpus.held_out, settings)
    for name, value in scores.items():
        if not isfinite(value):
            raise BadInput(
                f"the held-out {name} is {value} at step {state.step}: lower the learning rate or clip harder"
            )
    return scores


def over(settings: Settings, state: RunState) -> bool:
    """Whether early stopping ends the run here."""
    since = state.step - state.best.step if state.best else 0
    return bool(settings.patience) and since >= settings.patience * settings.validate_every > 0


def run(task: Task, settings: Settings, corpus: Corpus, state: RunState, steps: int) -> Iterator[UpdateResult]:
    """Runs the updates up to step number `steps`, or to the early stop.

    Call it inside `precision`. Raises BadInput when the loss is no longer finite.
    """
    while state.step < steps and not over(settings, state):
        batch = task.batch(corpus.train, settings, state.step)
        loss, params, moments = update(task, settings, state.params, state.optimizer, batch)
        if not isfinite(loss):
            raise BadInput(f"the loss is {loss} at step {state.step + 1}: lower the learning rate or clip harder")
        state, scores = RunState(state.step + 1, params, moments, state.best), None
        if settings.validate_every and state.step % settings.validate_every == 0:
            scores = validated(task, settings, corpus, state)
            goal = task.goal(scores)
            best = Best(state.step, goal, params) if state.best is None or goal < state.best.goal else state.best
            state = state._replace(best=best, goal=goal)
        yield UpdateResult(state, float(loss), task.symbols(batch), scores)
