"""Every mistake that the rules make of every hand-written backward pass of this package, as a claim to be refuted.

The suite tests itself with them: each must turn the check of a built-in problem red.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, NamedTuple, get_args

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.arithmetic.uncompiled import uncompiled
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS, Cell
from lstm_ref.checking.problem import Problem
from lstm_ref.layers import (
    attention,
    attention_over_time,
    binary_cross_entropy,
    crf,
    dense,
    embedding,
    max_over_time,
    mean_over_time,
    mean_squared_error,
    softmax_cross_entropy,
)
from lstm_ref.mistakes import gate_orders
from lstm_ref.mistakes.dictionary import dictionary
from lstm_ref.mistakes.edits import edits_of
from lstm_ref.mistakes.recurrence import Recurrence
from lstm_ref.mistakes.source import CANNOT, Edit, Source
from lstm_ref.models import char_lm, classifier, hmm, spelling, tagger, translation
from lstm_ref.padding import keep_of
from lstm_ref.selfcheck import builtin
from lstm_ref.through_time import (
    bidirectional,
    checkpointed,
    fast_lstm,
    initial_state,
    linear,
    mlstm_parallel,
    parallel,
    persistent,
    pieces,
    rtrl,
)
from lstm_ref.through_time.checkpointed import in_scanned_pieces
from lstm_ref.through_time.pieces import in_pieces

Builder = Callable[[np.random.Generator], Problem]


HOW = ((builtin.LENGTHS, False), (None, False), (builtin.LENGTHS, True), (np.array([0, 4]), False))
"""Lengths and direction in which a way through time is compared with the definition; the last has a row without
steps."""


class Mutant(NamedTuple):
    """One wrong backward pass."""

    unit: str
    """File or part of the package whose backward pass it is, as "cells/lstm"."""
    kind: str
    tag: str
    sentence: str
    wrong: str
    """The wrong line, as source; empty for a mistake between the steps."""
    problems: tuple[Builder, ...]
    """Built-in problems with the wrong backward pass in the place of ours, the plainest first."""


Maker = Callable[..., Iterator[Mutant]]
"""Makes the mutants of one part, all or a slice of them. Edits that fail to run are skipped."""
EVERY = slice(None)


def units() -> dict[str, Maker]:
    """What makes the mutants of every part: the cells' steps, what happens between the steps, the loop, the layers."""
    makers: dict[str, Maker] = {}
    for cell in CELLS.values():
        makers[f"cells/{cell.name}"] = partial(of_cell, cell)
        makers[f"between steps/{cell.name}"] = partial(between_steps, cell)
    makers |= {f"through_time/{name}": partial(of_way, name) for name in WAYS}
    makers |= {unit: partial(of_layer, unit) for unit in LAYERS}
    return makers | {"sequence": partial(of_sequence, CELLS["lstm"])}


def of_cell(cell: Cell, which: slice = EVERY) -> Iterator[Mutant]:
    """The mistakes within one step."""
    entries = dictionary(cell.name)
    for edit in entries.edits[which]:
        wrong = cell._replace(backward=entries.step_with([edit]))
        builders = (partial(builtin.through_time, wrong), partial(builtin.cell_step, wrong))
        if all(map(_runs, builders)):
            yield _mutant(f"cells/{cell.name}", edit, builders)


def between_steps(cell: Cell, which: slice = EVERY) -> Iterator[Mutant]:
    """The mistakes between the steps, as made by a loop of T steps. One gate order of each kind will do: to the check
    they are all alike."""
    made = [m for m in dictionary(cell.name).mistakes(builtin.T) if not m.edits]
    orders = {m.sentence.partition(":")[0]: m for m in made if m.kind == gate_orders.KIND}
    for mistake in [*(m for m in made if m.kind != gate_orders.KIND), *orders.values()][which]:

        def loop_backward(
            cell: Cell, p: Any, initial: Any, xs: Any, tapes: Any, bar: Any, *_: Any, wrong: Any = mistake.gradients
        ) -> Any:
            builtin.numpy_alone(xs)
            zeros = jax.tree.map(lambda v: 0 * v, bar.final)
            each = jax.tree.map(lambda v: np.zeros((len(bar.hs), *v.shape)), initial)._replace(h=bar.hs)
            given = wrong(Recurrence(cell, p, initial, xs, each, bar.final, zeros))
            return sequence.Gradients(given.params, given.initial, given.xs)

        build = partial(builtin.through_time, cell, through=sequence.LOOP._replace(backward=loop_backward))
        if _runs(build):
            yield Mutant(f"between steps/{cell.name}", mistake.kind, mistake.tag, mistake.sentence, "", (build,))


def of_sequence(cell: Cell, which: slice = EVERY) -> Iterator[Mutant]:
    """The mistakes of the loop itself, with padding, and of truncated BPTT."""
    rng = np.random.default_rng(0)
    inputs = builtin.recurrence(cell, rng)
    read = inputs["params"], inputs["initial"], inputs["xs"]
    outputs, tapes = sequence.loop(cell, *read, builtin.LENGTHS)
    bar = jax.tree.map(lambda v: rng.standard_normal(v.shape), outputs)
    keep = np.array([[True], [False]])
    loop, step = Source(sequence.loop_backward), Source(sequence._step_backward)
    cut = Source(sequence.truncated)
    for source, arguments in (
        (loop, (cell, *read, tapes, bar, builtin.LENGTHS)),
        (step, (cell, read[0], tapes[0], bar.hs[0], bar.final, keep)),
        (cut, (cell, *read, tapes, bar, 2, 3)),
    ):
        mine = [e for e in edits_of(source, *arguments) if not e.helper]  # helpers are mutated by themselves
        for edit in mine[which]:
            edited = source.with_edits([edit])
            if source is step:
                edited = loop.with_edits([], {"_step_backward": edited})
            if source is cut:
                builders: tuple[Any, ...] = (partial(builtin.truncated, cell, estimate=edited),)
            else:
                way = sequence.LOOP._replace(backward=edited)
                builders = tuple(
                    partial(builtin.through_time, cell, lengths=lengths, reverse=reverse, through=way)
                    for lengths, reverse in HOW
                )
            if all(map(_runs, builders)):
                yield _mutant(f"sequence.{source.name.lstrip('_')}", edit, builders)


class Way(NamedTuple):
    """A way through time, with an example of what its backward is called with."""

    backward: Callable[..., Any]
    arguments: tuple[Any, ...]
    wronged: Callable[[Any], tuple[Builder, ...]]
    """The problems with another backward in its place."""
    options: dict[str, Any] = {}  # noqa: RUF012


def _through(cell: Cell, way: sequence.Through, backward: Any = None, **options: Any) -> Way:
    """A way that has the loop's arguments."""
    inputs = builtin.recurrence(cell, np.random.default_rng(0))
    read = inputs["params"], inputs["initial"], inputs["xs"]
    outputs, tape = way.forward(cell, *read, builtin.LENGTHS)
    bar = jax.tree.map(lambda v: np.ones(v.shape, v.dtype), outputs)

    def wronged(edited: Any) -> tuple[Builder, ...]:
        wrong = way._replace(backward=partial(edited, **options))
        return tuple(
            partial(builtin.through_time, cell, lengths=lengths, reverse=reverse, through=wrong)
            for lengths, reverse in HOW
        )

    return Way(backward or way.backward, (cell, *read, tape, bar, builtin.LENGTHS), wronged, options)


def _both_directions() -> Way:
    cells = bidirectional.Both(CELLS["lstm"], CELLS["gru"])
    each = [builtin.recurrence(cell, np.random.default_rng(0)) for cell in cells]
    params, initial = (bidirectional.Both(*(inputs[k] for inputs in each)) for k in ("params", "initial"))
    read = cells, params, initial, each[0]["xs"]
    outputs, tape = bidirectional.forward(*read, builtin.LENGTHS)
    return Way(
        bidirectional.backward,
        (*read, tape, jax.tree.map(np.ones_like, outputs), builtin.LENGTHS),
        lambda edited: tuple(
            partial(builtin.both_directions, merge, layer=_layer(bidirectional.forward, edited))
            for merge in get_args(bidirectional.Merge)
        ),
    )


def _layer(forward: Any, backward: Any) -> Any:
    return SimpleNamespace(forward=forward, backward=backward)


def _rtrl() -> Way:
    inputs = builtin.recurrence(CELLS["lstm"], np.random.default_rng(0))
    read = inputs["params"], inputs["initial"], inputs["xs"]
    bar = jax.tree.map(np.ones_like, sequence.loop(CELLS["lstm"], *read)[0])
    return Way(
        rtrl.gradients,
        (*read, bar, builtin.LENGTHS),
        lambda edited: (partial(builtin.real_time_recurrent_learning, gradients=edited),),
    )


def _learned() -> Way:
    initial = builtin.recurrence(CELLS["lstm"], np.random.default_rng(0))["initial"]
    return Way(
        initial_state.backward,
        (initial,),
        lambda edited: (
            partial(builtin.learned_initial_state, CELLS["lstm"], layer=_layer(initial_state.forward, edited)),
        ),
    )


def _parallel(cell: Cell) -> Way:
    """The parallel form; its forward pass, which is no mutant's, is compiled."""
    forward = jax.jit(parallel.forward, static_argnums=(0, 5))
    way = _through(cell, sequence.Through(forward, parallel.backward))
    return way._replace(wronged=lambda edited: way.wronged(_walked(edited)))


def _scan() -> Way:
    """The scan of the total cotangents, within the parallel form."""
    within, way = Source(parallel.backward), _parallel(CELLS["min_gru"])
    values = np.ones((6, 2, 4))
    return Way(
        linear.adjoints,
        (values, values),
        lambda edited: way.wronged(
            within.with_edits([], {"linear": SimpleNamespace(**{**vars(linear), "adjoints": edited})})
        ),
    )


def _kernel() -> Way:
    """The backward kernel, and a step of it, within the pass that runs it."""
    within, way = Source(persistent.backward), _through(CELLS["lstm"], persistent.PERSISTENT)
    _, p, initial, _, kept, bar, lengths = way.arguments
    w_h = p.w_h.reshape(-1, 4, initial.h.shape[1]).transpose(1, 2, 0)
    written = np.empty_like(kept.gates), *map(np.empty_like, initial)
    return Way(
        persistent.backward_kernel,
        (kept.gates, w_h, lengths, kept.cs, bar.hs, *bar.final, *written),
        lambda edited: way.wronged(within.with_edits([], {"backward_kernel": edited})),
        {"tiles": 1},
    )


def _walked(backward: Callable[..., Any]) -> Callable[..., Any]:
    """The backward pass, its trace walked in NumPy: each mutant runs only a few times, and is not worth compiling."""

    def run(cell: Cell, p: Any, initial: Any, xs: Any, tape: Any, bar: Any, *how: Any, **options: Any) -> Any:
        def of(*read: Any) -> Any:
            return backward(cell, *read, *how, **options)

        read = p, initial, xs, tape, bar
        is_traced = any(isinstance(v, jax.core.Tracer) for v in jax.tree.leaves(read))
        return of(*read) if is_traced else uncompiled(of, *read)(*read)

    return run


def _checkpointed() -> Way:
    """One of several pieces, with its tapes kept. Pieces of pieces call the same code, and take twice the time."""
    within = Source(checkpointed.backward)
    way = _through(CELLS["lstm"], in_scanned_pieces(4), checkpointed.backward, pieces=(4,))
    cell, p, initial, xs, _, bar, lengths = way.arguments
    after = sequence.Gradients(p, bar.final, xs)
    return Way(
        checkpointed._by_tapes,
        (
            checkpointed.FixedArguments(cell, p, xs, lengths, False),
            *(bar.hs, initial, checkpointed.Span(0, len(xs)), after),
        ),
        lambda edited: way.wronged(_walked(within.with_edits([], {"_by_tapes": edited}))),
    )


def _scanned(part: str, cell: Cell) -> Way:
    """The backward pass of the jitted scan, or its loop for a cell whose steps cannot be one batch."""
    within, whole = Source(sequence._scan_backward), Source(sequence.scan_backward)
    way = _through(cell, sequence.SCAN)
    _, p, _, _, tapes, bar, lengths = way.arguments
    arguments: dict[str, Any] = {
        "scan_backward": (lengths,),
        "_scan_backward_step_by_step": (keep_of(builtin.T, lengths), False),
    }

    def wronged(edited: Any) -> tuple[Builder, ...]:
        if part != "scan_backward":
            edited = whole.with_edits([], {part: edited})
        return way.wronged(_walked(within.with_edits([], {"scan_backward": edited})))

    return Way(getattr(sequence, part), (cell, p, tapes, bar, *arguments[part]), wronged)


def _fast(part: str) -> Way:
    """The LSTM arranged for speed: the whole, a piece of it, or a step of one."""
    whole, within, piece = (Source(f) for f in (fast_lstm.backward, fast_lstm._backward, fast_lstm._piece_backward))
    way = _through(CELLS["lstm"], fast_lstm.with_pieces_of(4), fast_lstm.backward, every=4)
    cell, p, _, xs, tape, bar, lengths = way.arguments
    keep, times_w_h = keep_of(builtin.T, lengths), fast_lstm._times(p.w_h.T, builtin.B, blocks=1)
    read = cell, p, times_w_h, tape
    arguments: dict[str, Any] = {  # at the last steps the second row is padded, and the first is not
        "_backward": (cell, p, xs, tape, bar, lengths, False, 4),
        "_piece_backward": (*read, (xs, bar.hs, keep), 4, (builtin.T, sequence.Gradients(p, bar.final, xs)), None),
        "_step_backward": (*read, bar.hs, keep, (builtin.T, bar.final), None),
    }

    def wronged(edited: Any) -> tuple[Builder, ...]:
        if part == "_step_backward":
            edited = piece.with_edits([], {part: edited})
        if part != "_backward":
            edited = within.with_edits([], {"_piece_backward": edited})
        return way.wronged(_walked(whole.with_edits([], {"_backward": edited})))

    return Way(getattr(fast_lstm, part), arguments[part], wronged)


WAYS: dict[str, Callable[[], Way]] = {
    "initial_state": _learned,
    "pieces": lambda: _through(CELLS["lstm"], in_pieces(4), pieces.backward, every=4),
    "checkpointed": _checkpointed,
    "scan": lambda: _scanned("scan_backward", CELLS["lstm"]),
    "scan step by step": lambda: _scanned("_scan_backward_step_by_step", CELLS["dropconnect"]),
    "fast": lambda: _fast("_backward"),
    "fast piece": lambda: _fast("_piece_backward"),
    "fast step": lambda: _fast("_step_backward"),
    "bidirectional": _both_directions,
    "rtrl": _rtrl,
    "linear": _scan,
    "parallel": lambda: _parallel(CELLS["qrnn_fo"]),
    "persistent": lambda: _through(CELLS["lstm"], persistent.PERSISTENT),
    "persistent kernel": _kernel,
    "mlstm_parallel": lambda: _through(CELLS["mlstm"], mlstm_parallel.PARALLEL),
}
"""The other ways through time."""


def of_way(name: str, which: slice = EVERY) -> Iterator[Mutant]:
    """The mistakes of another way through time."""
    way = WAYS[name]()
    source = Source(way.backward)
    with jax.disable_jit():  # so that helpers are not given tracers
        edits = edits_of(source, *way.arguments, **way.options)
    for edit in edits[which]:
        builders = way.wronged(source.with_edits([edit]))
        if all(map(_runs, builders)):
            yield _mutant(f"through_time/{name}", edit, builders)


def _losses_of(layer: Any) -> list[Callable[..., Problem]]:
    return [b for b in builtin.losses().values() if b.keywords["layer"] is layer]  # type: ignore[attr-defined]


LAYERS: dict[str, tuple[Any, Callable[[], list[Callable[..., Problem]]]]] = {
    "layers/dense": (dense, lambda: [builtin.dense_layer]),
    "layers/embedding": (embedding, lambda: [builtin.embedding_layer]),
    "layers/crf": (crf, lambda: [builtin.crf_layer]),
    "layers/attention": (
        attention,
        lambda: [partial(builtin.attention_layer, kind) for kind in ("additive", "dot")],
    ),
    "layers/mean_over_time": (mean_over_time, lambda: [partial(builtin.over_time_layer, "mean")]),
    "layers/max_over_time": (max_over_time, lambda: [partial(builtin.over_time_layer, "max")]),
    "layers/attention_over_time": (attention_over_time, lambda: [partial(builtin.over_time_layer, "attention")]),
    "layers/softmax_cross_entropy": (softmax_cross_entropy, lambda: _losses_of(softmax_cross_entropy)),
    "layers/binary_cross_entropy": (binary_cross_entropy, lambda: _losses_of(binary_cross_entropy)),
    "layers/mean_squared_error": (mean_squared_error, lambda: _losses_of(mean_squared_error)),
    "models/char_lm": (char_lm, lambda: [builtin.character_model]),
    "models/classifier": (classifier, lambda: [partial(builtin.text_classifier, kind) for kind in builtin.READ]),
    "models/tagger": (tagger, lambda: [partial(builtin.sequence_tagger, kind) for kind in builtin.TAGGERS]),
    "models/spelling": (spelling, lambda: [builtin.spelled_words]),
    "models/hmm": (hmm, lambda: [builtin.hidden_markov_model]),
    "models/translation": (
        translation,
        lambda: [partial(builtin.translator, kind) for kind in ("additive", "dot")],
    ),
}
"""By unit: a module with a hand-written `backward`, and the problems that take one in its place as `layer`."""


def of_layer(unit: str, which: slice = EVERY) -> Iterator[Mutant]:
    """The mistakes of a layer, of a loss, or of a model's way from its loss to its parameters."""
    module, builders = LAYERS[unit]
    source = Source(module.backward)
    arguments, options = _called_with(module, builders()[0])
    for edit in edits_of(source, *arguments, **options)[which]:
        wrong = _layer(module.forward, source.with_edits([edit]))
        wronged = tuple(partial(build, layer=wrong) for build in builders())
        if all(map(_runs, wronged)):
            yield _mutant(unit, edit, wronged)


def _called_with(module: Any, build: Callable[..., Problem]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the module's backward is called with in the problem."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def noted(*arguments: Any, **options: Any) -> Any:
        calls.append((arguments, options))
        return module.backward(*arguments, **options)

    problem = build(np.random.default_rng(0), layer=_layer(module.forward, noted))
    outputs = problem.function(problem.inputs)
    problem.gradients(problem.inputs, jax.tree.map(lambda v: np.ones(np.shape(v)), outputs))
    return calls[0]


def _mutant(unit: str, edit: Edit, builders: tuple[Any, ...]) -> Mutant:
    return Mutant(unit, edit.kind, edit.tag, edit.sentence, edit.wrong, builders)


def _runs(build: Builder) -> bool:
    """Whether the edited code runs and gives arrays of the inputs' shapes: if not, its author would notice."""
    try:
        problem, _, given = claim(build)
    except (*CANNOT, NameError):
        return False
    mine, theirs = (jax.tree.leaves({k: tree[k] for k in given}) for tree in (problem.inputs, given))
    return [np.shape(v) for v in mine] == [np.shape(v) for v in theirs]


class ProblemGradients(NamedTuple):
    """What the backward pass of a problem gives."""

    problem: Problem
    bars: Any
    """Large cotangents of the outputs; for a loss 1, the only cotangent that its gradient is made for."""
    given: Any


@lru_cache(maxsize=8)  # asked twice in a row: whether it runs, and what it gives
def claim(build: Builder) -> ProblemGradients:
    """The gradients of a built-in problem, wrong or right. Our backward passes keep nothing from a forward pass, so
    none has to run first, as one must for users' code."""
    problem = build(np.random.default_rng(0))
    bars = jax.tree.map(np.copy, _cotangents(problem))
    backward = problem.gradients.__wrapped__  # type: ignore[attr-defined]
    with x64(), np.errstate(all="ignore"):  # a mistake may divide by zero
        given = backward(jax.tree.map(np.copy, problem.inputs), bars)
        return ProblemGradients(
            problem, bars, jax.tree.map(np.asarray, given)
        )  # a JAX array would be cut to float32 outside


def _cotangents(problem: Problem) -> Any:
    """Drawn once for all problems of one name and one shape, whatever their backward pass."""
    key = problem.name, *map(np.shape, jax.tree.leaves(problem.inputs))
    if key not in _drawn:
        rng = np.random.default_rng(0)
        outputs = problem.function(jax.tree.map(np.copy, problem.inputs))
        drawn = jax.tree.map(lambda v: 100 * rng.standard_normal(np.shape(v)), outputs)
        _drawn[key] = np.ones_like(outputs) if problem.is_loss else drawn
    return _drawn[key]


_drawn: dict[tuple[Any, ...], Any] = {}
