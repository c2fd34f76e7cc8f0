"""The problems that `lstm-ref verify` proves: one for every hand-written backward pass of this package.

They are built to expose mistakes, because easy problems hide them: several steps, H ≠ D, weights about ½, every bias
and initial state random and not zero, a random cotangent on every output and on the final state.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.arithmetic import concatenate
from lstm_ref.cells import CELLS, Cell, original
from lstm_ref.cells.cell import arrays, in_domain, named
from lstm_ref.cells.described import number_of_parameters
from lstm_ref.checking.probes import with_probes
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.layers import (
    attention,
    binary_cross_entropy,
    crf,
    dense,
    embedding,
    mean_squared_error,
    softmax_cross_entropy,
)
from lstm_ref.models import char_lm, classifier, hmm, spelling, tagger, translation
from lstm_ref.through_time import bidirectional, initial_state, mlstm_parallel, parallel, rtrl
from lstm_ref.through_time.pieces import in_pieces

T, B, D, H, K = 6, 2, 3, 4, 5
SMALLER = ((3, 4), (2, 3), (1, 2))  # D, H
MANY_PARAMETERS = 250
LENGTHS = np.array([6, 3])
"""A full row and a padded one."""

THROUGH_EVERY_LOOP = ("rnn_tanh", "lstm", "gru")
"""Cells by which each way through time is proven; a way knows nothing of the cell that it takes through."""

Random = np.random.Generator


def like(rng: Random, shapes: Any, scale: float = 0.5) -> Any:
    """Normal random arrays of the given (named tuple of) shapes."""
    return arrays(shapes, lambda shape: scale * rng.standard_normal(shape))


def sizes_for(cell: Cell) -> tuple[int, int]:
    """D and H: smaller ones for a cell of many parameters, each of which costs evaluations of all steps in balls."""
    few = (sizes for sizes in SMALLER if number_of_parameters(cell, *sizes) <= MANY_PARAMETERS)
    return next(few, SMALLER[-1])


def cell_step(cell: Cell, rng: Random) -> Problem:
    """One step of a cell: parameters, previous state, input, and the adjoint of every named value."""
    D, H = sizes_for(cell)
    inputs = {
        "params": like(rng, cell.parameter_shapes(D, H)),
        "prev": in_domain(cell, like(rng, cell.state_shapes(B, H, D=D))),
        "x": like(rng, cell.input_shapes(B, D, H=H), 1.0),
    }
    _, tape = cell.forward(inputs["params"], inputs["prev"], inputs["x"])
    nodes = named(tape.nodes)
    probed = with_probes(cell)

    def forward(inputs: Any) -> Any:
        probes = jax.tree.unflatten(jax.tree.structure(tape.nodes), [inputs[n][0] for n in nodes])
        return probed(inputs["params"], inputs["prev"], inputs["x"], probes)[0]

    def backward(inputs: Any, bar: Any) -> dict[str, Any]:
        _, tape = cell.forward(inputs["params"], inputs["prev"], inputs["x"])
        given = cell.backward(inputs["params"], tape, bar)
        adjoints = {n: v[None] for n, v in named(given.nodes).items()}
        return {"params": given.params, "prev": given.prev, "x": given.x, **adjoints}

    zeros = {n: np.zeros((1, *v.shape)) for n, v in nodes.items()}
    return problem(inputs | zeros, forward=forward, backward=backward, nodes=list(nodes), name=f"cell/{cell.name}")


def recurrence(cell: Cell, rng: Random) -> dict[str, Any]:
    """Inputs of a recurrence: parameters, initial state, sequence."""
    D, H = sizes_for(cell)
    return {
        "params": like(rng, cell.parameter_shapes(D, H)),
        "initial": in_domain(cell, like(rng, cell.state_shapes(B, H, D=D))),
        "xs": arrays(cell.input_shapes(B, D, H=H), lambda shape: rng.standard_normal((T, *shape))),
    }


def _arguments(inputs: Any) -> tuple[Any, Any, Any]:
    return inputs["params"], inputs["initial"], inputs["xs"]


def _named(gradients: sequence.Gradients) -> dict[str, Any]:
    return {"params": gradients.params, "initial": gradients.initial, "xs": gradients.xs}


def _recurrence(cell: Cell, lengths: Any = None, reverse: bool = False) -> Callable[[Any], sequence.Outputs]:
    """The recurrence as a function of its inputs: the jitted scan on JAX arrays, the plain loop on all others."""

    def outputs(inputs: Any) -> sequence.Outputs:
        if _on_jax(inputs["xs"]):
            return sequence.scan(cell, *_arguments(inputs), lengths, reverse)
        return sequence.loop(cell, *_arguments(inputs), lengths, reverse)[0]

    return outputs


def _as(inputs: Any, xs: Any) -> Any:
    """The sequence as JAX arrays, where the inputs are: a constant is not by itself."""
    return jax.tree.map(jax.numpy.asarray, xs) if _on_jax(inputs) else xs


def _on_jax(xs: Any) -> bool:
    return any(isinstance(x, jax.Array) for x in jax.tree.leaves(xs))


def numpy_alone(xs: Any) -> None:
    """Keeps the plain loop the definition: it runs on NumPy and on balls, and is not unrolled into a trace."""
    if _on_jax(xs):
        raise TypeError("the plain loop is proven on NumPy arrays and balls")


def through_time(
    cell: Cell,
    rng: Random,
    lengths: Any = None,
    reverse: bool = False,
    kind: str = "",
    through: sequence.Through = sequence.LOOP,
) -> Problem:
    """BPTT by the plain loop, or another way, against oracles of the jitted scan."""

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        if through.forward is not parallel.forward:  # which is JAX code
            numpy_alone(inputs["xs"])
        _, tapes = through.forward(cell, *_arguments(inputs), lengths, reverse)
        return _named(through.backward(cell, *_arguments(inputs), tapes, bar, lengths, reverse))

    forward = _recurrence(cell, lengths, reverse)
    return problem(recurrence(cell, rng), forward=forward, backward=backward, name=f"time/{cell.name}{kind}")


def adjoints_through_time(cell: Cell, rng: Random) -> Problem:
    """BPTT with the adjoint of every named value at every step: what a wrong term is traced back by."""
    inputs = recurrence(cell, rng)
    _, tapes = sequence.loop(cell, *_arguments(inputs))
    nodes, structure = named(tapes[0].nodes), jax.tree.structure(tapes[0].nodes)
    probed = with_probes(cell)

    def forward(inputs: Any) -> sequence.Outputs:
        state, hs = inputs["initial"], []
        for t in range(T):
            probes = jax.tree.unflatten(structure, [inputs[n][t] for n in nodes])
            x = jax.tree.map(lambda v: v[t], inputs["xs"])  # noqa: B023
            state, _ = probed(inputs["params"], state, x, probes)
            hs.append(state.h)
        return sequence.Outputs(jax.numpy.stack(hs), state)

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["xs"])
        _, tapes = sequence.loop(cell, *_arguments(inputs))
        given = sequence.loop_backward(cell, *_arguments(inputs), tapes, bar)
        return _named(given) | named(given.nodes)

    zeros = {n: np.zeros((T, *v.shape)) for n, v in nodes.items()}
    return problem(inputs | zeros, forward=forward, backward=backward, nodes=list(nodes), name=f"adjoints/{cell.name}")


def custom_vjp(cell: Cell, rng: Random) -> Problem:
    """`sequence.bptt`: the hand-written pass as the JAX derivative of the jitted scan, with lengths."""

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        _, vjp = jax.vjp(lambda p, initial, xs: sequence.bptt(cell, p, initial, xs, LENGTHS), *_arguments(inputs))
        return dict(zip(("params", "initial", "xs"), vjp(bar), strict=True))

    return problem(
        recurrence(cell, rng),
        forward=_recurrence(cell, LENGTHS),
        backward=backward,
        name=f"time/{cell.name}-custom-vjp",
    )


def truncated(
    cell: Cell,
    rng: Random,
    k1: int = 2,
    k2: int = 5,
    estimate: Callable[..., sequence.Gradients] = sequence.truncated,
) -> Problem:
    """Truncated BPTT(k1, k2), held to its definition: every k1 outputs are computed anew from a state k2 steps back
    through which no gradient flows."""

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["xs"])
        _, tapes = sequence.loop(cell, *_arguments(inputs), LENGTHS)
        return _named(estimate(cell, *_arguments(inputs), tapes, bar, k1, k2, LENGTHS))

    def definition(inputs: Any) -> sequence.Outputs:
        params, initial, xs = _arguments(inputs)
        hs, final = [], initial
        for start in range(0, T, k1):
            end = min(start + k1, T)
            oldest = max(0, end - k2)
            state = initial
            if oldest > 0:
                before = jax.tree.map(lambda v: v[:oldest], xs)  # noqa: B023
                state = sequence.scan(cell, params, initial, before, LENGTHS.clip(0, oldest)).final
                state = jax.lax.stop_gradient(state)
            real = (LENGTHS - oldest).clip(0, end - oldest)
            block = sequence.scan(cell, params, state, jax.tree.map(lambda v: v[oldest:end], xs), real)  # noqa: B023
            hs.append(block.hs[start - oldest :])
            final = block.final
        return sequence.Outputs(jax.numpy.concatenate(hs), final)

    return problem(
        recurrence(cell, rng),
        forward=_recurrence(cell, LENGTHS),
        backward=backward,
        name=f"time/{cell.name}-truncated",
        estimator=f"truncated BPTT(k1={k1}, k2={k2})",
        definition=definition,
    )


def truncated_of_1997(rng: Random, step: Any = original.truncated) -> Problem:
    """The truncated gradient of the first LSTM, held to its definition: what a step reads of h is held fixed."""
    whole = original.original
    cut = whole._replace(backward=step)

    def held(p: Any, state: Any, x: Any) -> Any:
        return whole.forward(p, state._replace(h=jax.lax.stop_gradient(state.h)), x)

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["xs"])
        _, tapes = sequence.loop(whole, *_arguments(inputs), LENGTHS)
        return _named(sequence.loop_backward(cut, *_arguments(inputs), tapes, bar, LENGTHS))

    return problem(
        recurrence(whole, rng),
        forward=_recurrence(whole, LENGTHS),
        backward=backward,
        name="time/original-truncated-1997",
        estimator="the truncated gradient of Hochreiter and Schmidhuber 1997",
        definition=lambda inputs: sequence.scan(whole._replace(forward=held), *_arguments(inputs), LENGTHS),
    )


def learned_initial_state(cell: Cell, rng: Random, layer: Any = initial_state) -> Problem:
    """BPTT with an initial state that is one learned row."""
    inputs = recurrence(cell, rng)
    inputs["initial"] = like(rng, cell.state_shapes(1, sizes_for(cell)[1]))

    def forward(inputs: Any) -> sequence.Outputs:
        rows = jax.tree.map(lambda v: concatenate([v] * B), inputs["initial"])
        return _recurrence(cell, LENGTHS)({**inputs, "initial": rows})

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["xs"])
        read = inputs["params"], layer.forward(inputs["initial"], B), inputs["xs"]
        _, tapes = sequence.loop(cell, *read, LENGTHS)
        given = sequence.loop_backward(cell, *read, tapes, bar, LENGTHS)
        return _named(given) | {"initial": layer.backward(given.initial)}

    return problem(inputs, forward=forward, backward=backward, name=f"time/{cell.name}-learned-initial")


def both_directions(merge: bidirectional.Merge, rng: Random, layer: Any = bidirectional) -> Problem:
    """Two different cells over one sequence, one in each direction."""
    cells = bidirectional.Both(CELLS["lstm"], CELLS["gru"])
    onward, back = (recurrence(cell, rng) for cell in cells)
    inputs = {k: bidirectional.Both(onward[k], back[k]) for k in ("params", "initial")} | {"xs": onward["xs"]}

    def forward(inputs: Any) -> sequence.Outputs:
        onward, back = (
            _recurrence(cell, LENGTHS, reverse=n == 1)(
                {"params": inputs["params"][n], "initial": inputs["initial"][n], "xs": inputs["xs"]}
            )
            for n, cell in enumerate(cells)
        )
        merged = {
            "concat": concatenate((onward.hs, back.hs), axis=-1),
            "sum": onward.hs + back.hs,
            "mean": (onward.hs + back.hs) / 2,
            "product": onward.hs * back.hs,
        }
        return sequence.Outputs(merged[merge], bidirectional.Both(onward.final, back.final))

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["xs"])
        _, tape = layer.forward(cells, *_arguments(inputs), LENGTHS, merge)
        return _named(layer.backward(cells, *_arguments(inputs), tape, bar, LENGTHS, merge))

    return problem(inputs, forward=forward, backward=backward, name=f"time/bidirectional-{merge}")


def real_time_recurrent_learning(rng: Random, gradients: Any = rtrl.gradients) -> Problem:
    """The LSTM's gradient by forward accumulation; of what is learned alone."""
    cell = CELLS["lstm"]
    inputs = recurrence(cell, rng)
    xs = inputs.pop("xs")

    def backward(inputs: Any, bar: sequence.Outputs) -> dict[str, Any]:
        numpy_alone(inputs["initial"])
        return gradients(inputs["params"], inputs["initial"], xs, bar, LENGTHS)[1]._asdict()

    return problem(
        inputs,
        forward=lambda inputs: _recurrence(cell, LENGTHS)({**inputs, "xs": _as(inputs["initial"], xs)}),
        backward=backward,
        name="time/lstm-rtrl",
    )


def second_order(cell: Cell, rng: Random, steps: int = 3) -> Problem:
    """The hand-written pass differentiated again: the gradient of ⟨v, ∇L⟩, which is v times the Hessian of a loss L.

    The function takes ∇L by autodiff of the scan; the claim takes it, and its derivative, through `sequence.bptt`.
    """
    inputs = recurrence(cell, rng)
    inputs["xs"] = jax.tree.map(lambda v: v[:steps], inputs["xs"])
    weights = rng.standard_normal((steps, *inputs["initial"].h.shape))
    v = jax.tree.map(lambda a: rng.standard_normal(np.shape(a)), inputs)

    def along_v(recurrence: Callable[..., sequence.Outputs]) -> Callable[[Any], Any]:
        def loss(inputs: Any) -> Any:
            outputs = recurrence(cell, *_arguments(inputs))
            return (weights * outputs.hs**2).sum() + sum((s**3).sum() for s in outputs.final)

        def product(inputs: Any) -> Any:
            pairs = zip(jax.tree.leaves(jax.grad(loss)(inputs)), jax.tree.leaves(v), strict=True)
            return sum((g * w).sum() for g, w in pairs)

        return product

    return problem(
        inputs,
        loss=along_v(sequence.scan),
        gradients=lambda inputs: jax.grad(along_v(sequence.bptt))(inputs),
        name=f"second-order/{cell.name}",
    )


def dense_layer(rng: Random, layer: Any = dense) -> Problem:
    """The final gate, applied at every step of a sequence."""

    def backward(inputs: Any, z_bar: Any) -> dict[str, Any]:
        params_bar, x_bar = layer.backward(inputs["params"], dense.Tape(inputs["x"]), z_bar)
        return {"params": params_bar, "x": x_bar}

    return problem(
        {"params": like(rng, dense.Params((D, K), (K,))), "x": rng.standard_normal((T, B, D))},
        forward=lambda inputs: dense.forward(inputs["params"], inputs["x"])[0],
        backward=backward,
        name="layer/dense",
    )


def loss_layer(name: str, rng: Random, *, layer: Any, shape: tuple[int, ...], target: Any, **options: Any) -> Problem:
    """A loss layer; the cotangent of its scalar is random, so that a backward which forgets it shows."""
    return problem(
        {"prediction": rng.standard_normal(shape)},
        forward=lambda inputs: layer.forward(inputs["prediction"], target, **options)[0],
        backward=lambda inputs, bar: {
            "prediction": layer.backward(layer.forward(inputs["prediction"], target, **options)[1], bar)
        },
        name=f"layer/{name}",
    )


def losses() -> dict[str, Callable[..., Problem]]:
    """Every loss with every form of its target, by name: functions of a generator, and of `layer` in place of ours."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, K, (T, B))
    some_ignored = np.where(rng.random((T, B)) < 0.3, -1, classes)
    onehot = np.eye(K)[classes]
    soft = rng.random((T, B, K))  # rows that do not sum to one
    cases: dict[str, tuple[Any, tuple[int, ...], Any, dict[str, Any]]] = {
        "softmax-cross-entropy": (softmax_cross_entropy, (T, B, K), some_ignored, {"ignore_index": -1}),
        "softmax-cross-entropy-sum": (softmax_cross_entropy, (T, B, K), classes, {"reduction": "sum"}),
        "softmax-cross-entropy-onehot": (softmax_cross_entropy, (T, B, K), onehot, {}),
        "softmax-cross-entropy-soft": (softmax_cross_entropy, (T, B, K), soft, {"reduction": "sum"}),
        "binary-cross-entropy": (binary_cross_entropy, (T, B), rng.random((T, B)), {}),
        "binary-cross-entropy-sum": (binary_cross_entropy, (T, B), rng.random((T, B)), {"reduction": "sum"}),
        "mean-squared-error": (mean_squared_error, (T, B, D), rng.standard_normal((T, B, D)), {}),
        "squared-error-sum": (mean_squared_error, (T, B, D), rng.standard_normal((T, B, D)), {"reduction": "sum"}),
    }
    return {
        f"layer/{name}": partial(loss_layer, name, shape=shape, target=target, layer=layer, **options)
        for name, (layer, shape, target, options) in cases.items()
    }


def embedding_layer(rng: Random, layer: Any = embedding) -> Problem:
    """Rows of a table, some of them several times, one never."""
    ids = np.array([[0, 2, 2], [2, 3, 0], [1, 0, 2]])
    return problem(
        {"table": rng.standard_normal((K, D))},
        forward=lambda inputs: layer.forward(inputs["table"], ids)[0],
        backward=lambda inputs, bar: {"table": layer.backward(inputs["table"], embedding.Tape(ids), bar)},
        name="layer/embedding",
    )


def crf_layer(rng: Random, layer: Any = crf, reduction: Any = "mean") -> Problem:
    """A conditional random field over sequences of several lengths."""
    inputs = {"params": like(rng, crf.Params((K, K), (K,), (K,))), "emissions": rng.standard_normal((T, 3, K))}
    tags, lengths = rng.integers(0, K, (T, 3)), np.array([T, 1, 4])

    def forward(inputs: Any) -> Any:
        return crf.forward(inputs["params"], inputs["emissions"], tags, lengths, reduction)

    def backward(inputs: Any, bar: Any) -> dict[str, Any]:
        params_bar, emissions_bar = layer.backward(inputs["params"], forward(inputs)[1], bar)
        return {"params": params_bar, "emissions": emissions_bar}

    return problem(inputs, forward=lambda inputs: forward(inputs)[0], backward=backward, name=f"layer/crf-{reduction}")


def attention_layer(kind: str, rng: Random, layer: Any = attention) -> Problem:
    """Three queries over five keys, of which some are masked."""
    real = np.array([[True] * 5, [True, True, False, True, False]])
    inputs = {"queries": rng.standard_normal((B, 3, H)), "keys": rng.standard_normal((B, 5, H))}
    if kind == "additive":
        inputs |= {"params": like(rng, attention.Additive((H, 2), (H, 2), (2,)))}

    def forward(inputs: Any) -> Any:
        return attention.forward(inputs.get("params"), inputs["queries"], inputs["keys"], real)

    def backward(inputs: Any, bar: Any) -> dict[str, Any]:
        params_bar, queries_bar, keys_bar = layer.backward(inputs.get("params"), forward(inputs)[1], bar)
        given = {"queries": queries_bar, "keys": keys_bar}
        return given | {"params": params_bar} if "params" in inputs else given

    return problem(inputs, forward=lambda inputs: forward(inputs)[0], backward=backward, name=f"layer/attention-{kind}")


def character_model(rng: Random) -> Problem:
    """The character model whole: LSTM, final gate and cross-entropy over a sequence, and the initial state."""
    V = 5
    inputs = {
        "lstm": like(rng, CELLS["lstm"].parameter_shapes(V, H)),
        "head": like(rng, dense.Params((H, V), (V,))),
        "initial": like(rng, CELLS["lstm"].state_shapes(B, H)),
    }
    ids = rng.integers(0, V, (T + 1, B))
    loss, gradients = char_lm.for_checking(ids[:-1], ids[1:], through=sequence.SCAN)
    return problem(inputs, loss=loss, gradients=gradients, name="models/char-lm")


IDS = np.array([[0, 3, 1], [2, 2, 4], [2, 0, 0], [1, 3, 0]])
"""Three texts of four symbols and fewer: some repeated, of five none that does not occur."""
TEXT_LENGTHS = np.array([4, 2, 1])


def _through(params: Any) -> sequence.Through:
    """The jitted scan for JAX arrays, the plain loop for all others."""
    return sequence.SCAN if _on_jax(params) else sequence.LOOP


READ: dict[str, tuple[classifier.Read, int]] = {
    "end": ("end", 3),
    "padding": ("padding", 3),
    "flat": ("flat", 3),
    "binary": ("end", 1),
}
"""By kind of classifier: what is read of the recurrence, and the number of outputs."""


def text_classifier(kind: str, rng: Random, layer: Any = classifier) -> Problem:
    """A classifier whole: embedding, LSTM, head and loss."""
    read, K = READ[kind]
    shapes = classifier.parameter_shapes(5, 3, 2, K, steps=4 if read == "flat" else 1)
    batch = classifier.Batch(IDS, TEXT_LENGTHS, rng.integers(0, max(K, 2), 3))

    def loss(inputs: Any) -> Any:
        return classifier.forward(inputs["params"], batch, read, through=_through(inputs))[0]

    def gradients(inputs: Any) -> dict[str, Any]:
        numpy_alone(inputs["params"])
        _, tape = classifier.forward(inputs["params"], batch, read, through=sequence.LOOP)
        return {"params": layer.backward(inputs["params"], batch, tape, read, through=sequence.LOOP)}

    return problem({"params": like(rng, shapes)}, loss=loss, gradients=gradients, name=f"models/classifier-{kind}")


def spelled_words(rng: Random, layer: Any = spelling) -> Problem:
    """Words from their characters, one of them padding."""
    ids, lengths = rng.integers(0, 4, (3, 4)), np.array([3, 1, 0, 2])

    def forward(inputs: Any, through: sequence.Through) -> Any:
        return spelling.forward(inputs["params"], ids, lengths, through=through)

    def backward(inputs: Any, bar: Any) -> dict[str, Any]:
        tape = forward(inputs, sequence.LOOP)[1]
        return {"params": layer.backward(inputs["params"], tape, lengths, bar, through=sequence.LOOP)}

    return problem(
        {"params": like(rng, spelling.parameter_shapes(4, 2))},
        forward=lambda inputs: forward(inputs, _through(inputs))[0],
        backward=backward,
        name="models/spelling",
    )


TAGGERS = ("softmax", "crf", "spelling")


def sequence_tagger(kind: str, rng: Random, layer: Any = tagger) -> Problem:
    """A tagger whole: embedding, LSTMs in both directions, head, and either loss; words may be read by character."""
    K, spelled = 5, kind == "spelling"
    shapes = tagger.parameter_shapes(5, 3, 2, K, chain=kind == "crf", A=4 if spelled else 0, C=2 if spelled else 0)
    batch = tagger.Batch(IDS, TEXT_LENGTHS, rng.integers(0, K, IDS.shape))
    if spelled:
        word_lengths = np.array([[2, 1, 2], [1, 2, 0], [2, 0, 0], [1, 0, 0]])
        batch = batch._replace(characters=rng.integers(0, 4, (2, *IDS.shape)), word_lengths=word_lengths)

    def loss(inputs: Any) -> Any:
        return tagger.forward(inputs["params"], batch, through=_through(inputs))[0]

    def gradients(inputs: Any) -> dict[str, Any]:
        numpy_alone(inputs["params"])
        _, tape = tagger.forward(inputs["params"], batch, through=sequence.LOOP)
        return {"params": layer.backward(inputs["params"], batch, tape, through=sequence.LOOP)}

    return problem({"params": like(rng, shapes)}, loss=loss, gradients=gradients, name=f"models/tagger-{kind}")


def hidden_markov_model(rng: Random, layer: Any = hmm) -> Problem:
    """A hidden Markov model's likelihood, of symbols alone, of which one never occurs."""
    K, V = 5, 6

    def forward(inputs: Any) -> Any:
        return hmm.forward(inputs["params"], IDS, TEXT_LENGTHS)

    return problem(
        {"params": like(rng, hmm.Params((K,), (K, K), (K, V)))},
        forward=lambda inputs: forward(inputs)[0],
        backward=lambda inputs, bar: {"params": layer.backward(inputs["params"], forward(inputs)[1], bar)},
        name="models/hmm",
    )


def translator(kind: str, rng: Random, layer: Any = translation) -> Problem:
    """Encoder, decoder and attention whole; sources and targets of several lengths."""
    K = 4
    shapes = translation.parameter_shapes(5, K, 2, 2, kind == "additive")
    targets = rng.integers(0, K, (3, 3))
    inputs = np.concatenate((np.zeros((1, 3), int), targets[:-1]))
    batch = translation.Batch(IDS, TEXT_LENGTHS, inputs, targets, np.array([2, 3, 1]))

    def loss(inputs: Any) -> Any:
        return translation.forward(inputs["params"], batch, _through(inputs))[0]

    def gradients(inputs: Any) -> dict[str, Any]:
        numpy_alone(inputs["params"])
        _, tape = translation.forward(inputs["params"], batch, sequence.LOOP)
        return {"params": layer.backward(inputs["params"], batch, tape, sequence.LOOP)}

    return problem({"params": like(rng, shapes)}, loss=loss, gradients=gradients, name=f"models/translation-{kind}")


def other_way(cell: Cell, kind: str, through: sequence.Through) -> Callable[[Random], Problem]:
    """The problem of a way through time other than the loop, with lengths."""
    return partial(through_time, cell, lengths=LENGTHS, kind=kind, through=through)


def problems() -> dict[str, Callable[[Random], Problem]]:
    """Every built-in problem by name: a function of a NumPy generator."""
    found: dict[str, Callable[[Random], Problem]] = {}
    for cell in CELLS.values():
        found[f"cell/{cell.name}"] = partial(cell_step, cell)
    found["layer/dense"] = dense_layer
    found["layer/embedding"] = embedding_layer
    for reduction in ("mean", "sum"):
        found[f"layer/crf-{reduction}"] = partial(crf_layer, reduction=reduction)
    for kind in ("additive", "dot"):
        found[f"layer/attention-{kind}"] = partial(attention_layer, kind)
    found |= losses()
    for cell in CELLS.values():
        found[f"time/{cell.name}-lengths"] = partial(through_time, cell, lengths=LENGTHS, kind="-lengths")
    for name in THROUGH_EVERY_LOOP:
        cell = CELLS[name]
        found[f"time/{name}"] = partial(through_time, cell)
        found[f"time/{name}-reversed"] = partial(through_time, cell, lengths=LENGTHS, reverse=True, kind="-reversed")
        found[f"time/{name}-custom-vjp"] = partial(custom_vjp, cell)
        found[f"time/{name}-truncated"] = partial(truncated, cell)
    found["time/original-truncated-1997"] = truncated_of_1997
    for name in parallel.LINEAR:
        found[f"time/{name}-parallel"] = other_way(CELLS[name], "-parallel", parallel.PARALLEL)
    for name in ("mlstm", "mlstm_scaled_query"):
        found[f"time/{name}-parallel"] = other_way(CELLS[name], "-parallel", mlstm_parallel.PARALLEL)
    found["time/mlstm-chunkwise"] = other_way(CELLS["mlstm"], "-chunkwise", in_pieces(4, mlstm_parallel.PARALLEL))
    found["time/lstm-pieces"] = other_way(CELLS["lstm"], "-pieces", in_pieces(4))
    found["time/lstm-rtrl"] = real_time_recurrent_learning
    found["time/lstm-learned-initial"] = partial(learned_initial_state, CELLS["lstm"])
    for merge in get_args(bidirectional.Merge):
        found[f"time/bidirectional-{merge}"] = partial(both_directions, merge)
    for name in ("rnn_tanh", "lstm"):
        found[f"second-order/{name}"] = partial(second_order, CELLS[name])
    found["models/char-lm"] = character_model
    for kind in ("end", "padding", "flat", "binary"):
        found[f"models/classifier-{kind}"] = partial(text_classifier, kind)
    found["models/spelling"] = spelled_words
    for kind in TAGGERS:
        found[f"models/tagger-{kind}"] = partial(sequence_tagger, kind)
    found["models/hmm"] = hidden_markov_model
    for kind in ("additive", "dot"):
        found[f"models/translation-{kind}"] = partial(translator, kind)
    return found
