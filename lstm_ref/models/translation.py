"""Translation: encoder LSTM -> decoder LSTM -> attention -> dense -> loss, with teacher forcing; gradients by hand.

The decoder starts with the encoder's final state and reads the correct symbol of the step before. Its outputs query the
encoder's outputs (global attention, after the recurrence). The model consists of edges that are derived elsewhere: EM1
(derivations/embedding.md), L1-L5 (derivations/lstm.md), T1-T2 (derivations/bptt.md), AT1-AT3
(derivations/attention.md), F1-F3 (derivations/final_gate.md).

Source: Sutskever, Vinyals and Le, "Sequence to sequence learning with neural networks", NIPS 2014; Luong, Pham and
Manning, "Effective approaches to attention-based neural machine translation", EMNLP 2015, section 3.1.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref import sequence
from lstm_ref.arithmetic import concatenate, where
from lstm_ref.cells.lstm import State, lstm
from lstm_ref.errors import BadInput
from lstm_ref.layers import attention, dense, embedding, softmax_cross_entropy
from lstm_ref.layers.reduction import Reduction
from lstm_ref.padding import keep_of
from lstm_ref.sequence import SCAN, Through

PADDING = -1
"""The target of padding, which the loss ignores."""


class Params(NamedTuple):
    """All trainable parameters, for V symbols of the source and K of the target, D numbers each, and H units."""

    source: Any
    """Table, (V, D)."""
    target: Any
    """Table, (K, D)."""
    encoder: Any
    decoder: Any
    head: dense.Params
    """(2H, K)."""
    attention: attention.Additive | None = None
    """None: dot-product attention."""


class Batch(NamedTuple):
    """Pairs of texts as numbers."""

    source: Any
    """Integers (S, B)."""
    source_lengths: Any
    """Integers (B,), at least 1."""
    inputs: Any
    """The decoder's inputs, integers (T, B): the begin symbol, then the targets shifted by one step."""
    targets: Any
    """Integers (T, B): the text followed by the end symbol; padding may hold any number."""
    lengths: Any
    """Integers (B,), including the end symbol."""


class Tape(NamedTuple):
    """What `forward` keeps for `backward`."""

    source: embedding.Tape
    target: embedding.Tape
    initial: State
    xs: Any
    encoder: Any
    encoded: sequence.Outputs
    ys: Any
    decoder: Any
    attention: attention.Tape
    head: dense.Tape
    logits: Any
    loss: softmax_cross_entropy.Tape


def initial_parameters(rng: np.random.Generator, V: int, K: int, D: int, H: int, additive: bool = True) -> Params:
    """Initialises each part with its own function; float64 NumPy arrays."""
    return Params(
        embedding.initial_parameters(rng, V, D),
        embedding.initial_parameters(rng, K, D),
        lstm.initial_parameters(rng, D, H),
        lstm.initial_parameters(rng, D, H),
        dense.initial_parameters(rng, 2 * H, K),
        attention.initial_parameters(rng, H, H, H) if additive else None,
    )


def parameter_shapes(V: int, K: int, D: int, H: int, additive: bool = True) -> Params:
    """`Params` that holds shapes."""
    cell, head = lstm.parameter_shapes(D, H), dense.Params((2 * H, K), (K,))
    return Params((V, D), (K, D), cell, cell, head, attention.Additive((H, H), (H, H), (H,)) if additive else None)


def forward(params: Params, batch: Batch, through: Through = SCAN, reduction: Reduction = "mean") -> tuple[Any, Tape]:
    """The loss of a batch.

    Args:
        params: Parameters of the model.
        batch: Pairs of texts.
        through: The driver through time.
        reduction: Mean or sum over the symbols of the targets.

    Returns:
        The loss in nats, a scalar, and the tape that `backward` reads.

    Raises:
        BadInput: The shapes do not fit.
    """
    B, S, T = batch.source.shape[1], batch.source.shape[0], batch.inputs.shape[0]
    initial = zero_state(params, B)
    xs, source_tape = embedding.forward(params.source, batch.source)  # EM1
    encoded, encoder = through.forward(lstm, params.encoder, initial, xs, batch.source_lengths)  # T1, T2
    ys, target_tape = embedding.forward(params.target, batch.inputs)  # EM1
    decoded, decoder = through.forward(lstm, params.decoder, encoded.final, ys, batch.lengths)  # T1, T2
    real = keep_of(S, batch.source_lengths)[..., 0].T
    contexts, attention_tape = attention.forward(
        params.attention, _first(decoded.hs), _first(encoded.hs), real
    )  # AT1-3
    seen = concatenate((attention_tape.queries, contexts), axis=-1)
    logits, head_tape = dense.forward(params.head, seen)  # F1
    targets = where(keep_of(T, batch.lengths)[..., 0], batch.targets, PADDING).T
    loss, loss_tape = softmax_cross_entropy.forward(logits, targets, reduction, ignore_index=PADDING)  # F2, F3
    return loss, Tape(
        *(source_tape, target_tape, initial, xs, encoder, encoded, ys, decoder),
        *(attention_tape, head_tape, logits, loss_tape),
    )


def backward(params: Params, batch: Batch, tape: Tape, through: Through = SCAN, loss_bar: Any = 1.0) -> Params:
    """Gradients of the loss of `forward`, called with the same arguments.

    Args:
        params: Parameters of the model.
        batch: Pairs of texts.
        tape: The tape of `forward`.
        through: As in `forward`.
        loss_bar: Cotangent of the loss.

    Returns:
        The gradients with respect to every parameter.
    """
    logits_bar = softmax_cross_entropy.backward(tape.loss, loss_bar)  # F3*, F2*
    head_bar, seen_bar = dense.backward(params.head, tape.head, logits_bar)  # F1*
    H = tape.initial.h.shape[1]
    attention_bar, queries_bar, keys_bar = attention.backward(
        params.attention, tape.attention, seen_bar[..., H:]
    )  # AT*
    decoded_bar = _first(seen_bar[..., :H] + queries_bar)  # an output has two readers: the head, and the attention
    nothing = State(*(0 * v for v in tape.encoded.final))
    decoder = through.backward(
        *(lstm, params.decoder, tape.encoded.final, tape.ys, tape.decoder),
        *(sequence.Outputs(decoded_bar, nothing), batch.lengths),
    )  # T1*, T2*
    encoder = through.backward(
        *(lstm, params.encoder, tape.initial, tape.xs, tape.encoder),
        *(sequence.Outputs(_first(keys_bar), decoder.initial), batch.source_lengths),
    )  # T1*, T2*  the decoder starts with the encoder's final state
    source_bar = embedding.backward(params.source, tape.source, encoder.xs)  # EM1*
    target_bar = embedding.backward(params.target, tape.target, decoder.xs)  # EM1*
    return Params(source_bar, target_bar, encoder.params, decoder.params, head_bar, attention_bar)


def zero_state(params: Params, B: int) -> State:
    """The zero state before the source, (B, H), in the dtype of the parameters."""
    H, dtype = params.encoder.w_h.shape[0], params.head.b.dtype
    zero = np.zeros((B, H), np.float64 if dtype.kind == "O" else dtype)
    return State(zero, zero)


def _first(v: Any) -> Any:
    """(T, B, ...) with the batch first; also the reverse."""
    return v.swapaxes(0, 1)


# ------------------------------------------------------------------------------------------------------- decoding


def greedy(params: Params, source: np.ndarray, lengths: np.ndarray, begin: int, end: int, steps: int) -> np.ndarray:
    """Translates with the most probable symbol at every step.

    Args:
        params: Parameters of the model.
        source: Symbols of the sources, integers (S, B).
        lengths: Lengths of the sources, integers (B,).
        begin: The symbol that the decoder reads first.
        end: The symbol that ends a translation.
        steps: The largest number of steps.

    Returns:
        Symbols, integers (T, B) with T <= steps. After the first `end`, all symbols are `end`.

    Raises:
        BadInput: steps < 1.
    """
    state, keys, real = _encoded(params, source, lengths, steps)
    symbols, found = np.full(source.shape[1], begin), []
    over = np.zeros(len(symbols), dtype=bool)
    for _ in range(steps):
        state, log_p = _step(params, state, symbols, keys, real)
        symbols = np.where(over, end, np.asarray(log_p).argmax(-1))
        over |= symbols == end
        found.append(symbols)
        if over.all():
            break
    return np.stack(found)


def beam(
    params: Params, source: np.ndarray, begin: int, end: int, steps: int, width: int = 4
) -> list[tuple[float, list[int]]]:
    """Translates one source by beam search.

    Args:
        params: Parameters of the model.
        source: Symbols of the source, integers (S,).
        begin: The symbol that the decoder reads first.
        end: The symbol that ends a translation.
        steps: The largest number of steps.
        width: Number of translations that are kept at every step.

    Returns:
        The best `width` translations, best first: pairs of log-probability and symbols without `end`. The
        log-probability is a sum, not divided by the length.

    Raises:
        BadInput: steps < 1 or width < 1.
    """
    if width < 1:
        raise BadInput(f"a beam must be at least 1 wide, got {width}")
    source = np.asarray(source)[:, None]
    state, keys, real = _encoded(params, source, np.array([len(source)]), steps)
    going: list[tuple[float, list[int]]] = [(0.0, [])]
    done: list[tuple[float, list[int]]] = []
    for _ in range(steps):
        rows = len(going)
        last = np.array([symbols[-1] if symbols else begin for _, symbols in going])
        wide = [jnp.repeat(v, rows, axis=0) for v in (keys, real)]
        state, log_p = _step(params, state, last, *wide)
        scores = np.array([score for score, _ in going])[:, None] + np.asarray(log_p)
        best = np.argsort(-scores, axis=None, kind="stable")[: 2 * width]
        extended = [(float(scores.flat[k]), *divmod(int(k), scores.shape[1])) for k in best]
        done += [(score, going[row][1]) for score, row, symbol in extended if symbol == end]
        kept = [(score, row, symbol) for score, row, symbol in extended if symbol != end][:width]
        state = jax.tree.map(lambda v: v[np.array([row for _, row, _ in kept])], state)  # noqa: B023
        going = [(score, [*going[row][1], symbol]) for score, row, symbol in kept]
        done = sorted(done, key=lambda one: -one[0])[:width]
        if len(done) == width and done[-1][0] >= going[0][0]:  # an unfinished translation can only get a lower score
            break
    return sorted(done + going, key=lambda one: -one[0])[:width] if len(done) < width else done


def _encoded(params: Params, source: Any, lengths: Any, steps: int) -> tuple[State, Any, Any]:
    """The decoder's first state, the keys (B, S, H), and which keys are real (B, S)."""
    if steps < 1:
        raise BadInput(f"a translation must have room for at least one symbol, got steps={steps}")
    xs, _ = embedding.forward(params.source, np.asarray(source))
    zeros = zero_state(params, source.shape[1])
    outputs = sequence.scan(lstm, params.encoder, zeros, jnp.asarray(xs), np.asarray(lengths))
    return outputs.final, _first(outputs.hs), jnp.asarray(keep_of(len(source), lengths)[..., 0].T)


@partial(jax.jit)
def _step(params: Params, state: State, symbols: Any, keys: Any, real: Any) -> tuple[State, Any]:
    """The state after one symbol, and the log-probabilities of the next symbol, (B, K)."""
    state, _ = lstm.forward(params.decoder, state, params.target[symbols])  # EM1, L1-L5
    query = state.h[:, None]
    context, _ = attention.forward(params.attention, query, keys, real)  # AT1-AT3
    logits, _ = dense.forward(params.head, concatenate((query, context), axis=-1)[:, 0])  # F1
    return state, jax.nn.log_softmax(logits)
