"""The models for text, whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_ref import sequence
from lstm_ref.cells import CELLS
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.layers import dense
from lstm_ref.models import char_lm, classifier, hmm, spelling, tagger, translation
from lstm_ref.selfcheck.builtin.common import B, H, Random, T, like, numpy_alone, on_jax


def character_model(rng: Random, layer: Any = char_lm) -> Problem:
    """The character model whole: LSTM, final gate and cross-entropy over a sequence, and the initial state."""
    V = 5
    inputs = {
        "lstm": like(rng, CELLS["lstm"].parameter_shapes(V, H)),
        "head": like(rng, dense.Params((H, V), (V,))),
        "initial": like(rng, CELLS["lstm"].state_shapes(B, H)),
    }
    ids = rng.integers(0, V, (T + 1, B))
    loss, _ = char_lm.for_checking(ids[:-1], ids[1:], through=sequence.SCAN)

    def gradients(inputs: Any) -> dict[str, Any]:
        params = char_lm.Params(inputs["lstm"], inputs["head"])
        _, tape = layer.forward(params, ids[:-1], ids[1:], inputs["initial"], through=sequence.SCAN)
        params_bar, initial_bar = layer.backward(params, tape, through=sequence.SCAN)
        return {"lstm": params_bar.lstm, "head": params_bar.head, "initial": initial_bar}

    return problem(inputs, loss=loss, gradients=gradients, name="models/char-lm")


IDS = np.array([[0, 3, 1], [2, 2, 4], [2, 0, 0], [1, 3, 0]])
"""Three texts of at most four symbols each, some of them repeated."""
TEXT_LENGTHS = np.array([4, 2, 1])


def through_of(params: Any) -> sequence.Through:
    """The jitted scan for JAX arrays, the plain loop for all others."""
    return sequence.SCAN if on_jax(params) else sequence.LOOP


READ: dict[str, tuple[classifier.Read, int, bool]] = {
    "end": ("end", 3, False),
    "mean": ("mean", 3, False),
    "max": ("max", 3, False),
    "attention": ("attention", 3, False),
    "padding": ("padding", 3, False),
    "flat": ("flat", 3, False),
    "binary": ("end", 1, False),
    "both-end": ("end", 3, True),
    "both-max": ("max", 3, True),
}
"""By kind of classifier: what is read of the recurrence, the number of outputs, and whether in both directions."""


def text_classifier(kind: str, rng: Random, layer: Any = classifier) -> Problem:
    """A classifier whole: embedding, LSTM, head and loss."""
    read, K, both = READ[kind]
    steps, A = 4 if read == "flat" else 1, 2 if read == "attention" else 0
    shapes = classifier.parameter_shapes(5, 3, 2, K, steps, both=both, A=A)
    batch = classifier.Batch(IDS, TEXT_LENGTHS, rng.integers(0, max(K, 2), 3))

    def loss(inputs: Any) -> Any:
        return classifier.forward(inputs["params"], batch, read, through=through_of(inputs))[0]

    def gradients(inputs: Any) -> dict[str, Any]:
        numpy_alone(inputs["params"])
        _, tape = classifier.forward(inputs["params"], batch, read, through=sequence.LOOP)
        return {"params": layer.backward(inputs["params"], batch, tape, read, through=sequence.LOOP)}

    return problem({"params": like(rng, shapes)}, loss=loss, gradients=gradients, name=f"models/classifier-{kind}")


def spelled_words(rng: Random, layer: Any = spelling) -> Problem:
    """Words from their characters, one of them padding."""
    ids, lengths = rng.integers(0, 5, (3, 4)), np.array([3, 1, 0, 2])

    def forward(inputs: Any, through: sequence.Through) -> Any:
        return spelling.forward(inputs["params"], ids, lengths, through=through)

    def backward(inputs: Any, bar: Any) -> dict[str, Any]:
        tape = forward(inputs, sequence.LOOP)[1]
        return {"params": layer.backward(inputs["params"], tape, lengths, bar, through=sequence.LOOP)}

    return problem(
        {"params": like(rng, spelling.parameter_shapes(5, 2))},
        forward=lambda inputs: forward(inputs, through_of(inputs))[0],
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
        return tagger.forward(inputs["params"], batch, through=through_of(inputs))[0]

    def gradients(inputs: Any) -> dict[str, Any]:
        numpy_alone(inputs["params"])
        _, tape = tagger.forward(inputs["params"], batch, through=sequence.LOOP)
        return {"params": layer.backward(inputs["params"], batch, tape, through=sequence.LOOP)}

    return problem({"params": like(rng, shapes)}, loss=loss, gradients=gradients, name=f"models/tagger-{kind}")


def hidden_markov_model(rng: Random, layer: Any = hmm) -> Problem:
    """A hidden Markov model's likelihood of symbols alone; one symbol never occurs."""
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
        return translation.forward(inputs["params"], batch, through_of(inputs))[0]

    def gradients(inputs: Any) -> dict[str, Any]:
        numpy_alone(inputs["params"])
        _, tape = translation.forward(inputs["params"], batch, sequence.LOOP)
        return {"params": layer.backward(inputs["params"], batch, tape, sequence.LOOP)}

    return problem({"params": like(rng, shapes)}, loss=loss, gradients=gradients, name=f"models/translation-{kind}")
