"""Character model: one-hot characters -> LSTM -> dense "final gate" -> softmax, and its gradients by hand.

It consists of edges that are derived elsewhere: L1-L5 (derivations/lstm.md), T1 (derivations/bptt.md) and F1-F3
(derivations/final_gate.md). Sizes: T steps, B sequences, V characters, H hidden. Character numbers are integers (T, B),
time-major; the target at step t is the character at step t + 1. The tutorials draw each gate as a product with the
concatenation [h; x]; `gate_kernels` gives that view of the parameters.

Every function of the model takes the driver `through` time: SCAN (jitted JAX) or LOOP (the definition: plain Python on
JAX, NumPy or ball arrays). Both drivers run the same equations.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.cells import lstm
from lstm_ref.cells.lstm import State, split_gates, stacked_kernel
from lstm_ref.data.characters import decode, encode
from lstm_ref.errors import BadInput
from lstm_ref.layers import dense, softmax_cross_entropy
from lstm_ref.layers.reduction import Reduction
from lstm_ref.sequence import LOOP, SCAN, Through


class Params(NamedTuple):
    """All trainable parameters."""

    lstm: Any
    """w_x (V, 4H), w_h (H, 4H), b (4H,)."""
    head: dense.Params
    """The final gate: w (H, V), b (V,)."""


class Tape(NamedTuple):
    """What `forward` keeps for `backward`."""

    initial: State
    xs: Any
    steps: Any
    outputs: sequence.Outputs
    head: dense.Tape
    loss: softmax_cross_entropy.Tape


# --------------------------------------------------------------------------------------------- parameters and state


def initial_parameters(rng: np.random.Generator, V: int, H: int) -> Params:
    """Glorot kernels; zero biases, except the forget gate's, which is 1. Float64 NumPy arrays."""
    return Params(lstm.initial_parameters(rng, V, H), dense.initial_parameters(rng, H, V))


def parameter_shapes(V: int, H: int) -> Params:
    """`Params` that holds shapes."""
    return Params(lstm.parameter_shapes(V, H), dense.Params(w=(H, V), b=(V,)))


def zero_state(params: Params, B: int) -> State:
    """The zero state before each pass, (B, H), as NumPy arrays in the dtype of the parameters."""
    zero = np.zeros((B, params.head.w.shape[0]), dtype=_float_dtype(params))
    return State(h=zero, c=zero)


def gate_kernels(params: Params) -> dict[str, Any]:
    """The parameters as many tutorials draw them.

    Args:
        params: Parameters of the model.

    Returns:
        For each gate i, f, g, o its own W (H + V, H), where the gate is φ([h; x] W + b).
        Under "y" the final gate's kernel.
    """
    return dict(zip("ifgo", split_gates(stacked_kernel(params.lstm)), strict=True)) | {"y": params.head.w}


# ---------------------------------------------------------------------------------------------- loss and gradients


def forward(
    params: Params,
    inputs: Any,
    targets: Any,
    initial: State,
    reduction: Reduction = "mean",
    through: Through = SCAN,
) -> tuple[Any, Tape]:
    """Cross-entropy of the predicted next characters.

    Args:
        params: Parameters of the model.
        inputs: Character numbers, integers (T, B).
        targets: The characters after them, integers (T, B).
        initial: State before the first step, (B, H).
        reduction: "mean" is per character, over all T·B.
        through: The driver through time.

    Returns:
        The loss in nats, a scalar, and the tape that `backward` reads.

    Raises:
        BadInput: The shapes do not fit.
    """
    xs = _one_hot(params, inputs)
    outputs, steps = through.forward(lstm, params.lstm, initial, xs)  # T1, L1-L5
    logits, head_tape = dense.forward(params.head, outputs.hs)  # F1
    loss, loss_tape = softmax_cross_entropy.forward(logits, targets, reduction)  # F2, F3
    return loss, Tape(initial, xs, steps, outputs, head_tape, loss_tape)


def backward(params: Params, tape: Tape, through: Through = SCAN) -> tuple[Params, State]:
    """Gradients of the loss by full backpropagation through the whole sequence.

    Args:
        params: Parameters of the model.
        tape: The tape of `forward`.
        through: The driver through time, the same as in `forward`.

    Returns:
        The gradients with respect to the parameters and the initial state.
    """
    logits_bar = softmax_cross_entropy.backward(tape.loss)  # F3*, F2*
    head_bar, hs_bar = dense.backward(params.head, tape.head, logits_bar)  # F1*
    final_bar = State(*(v * 0 for v in tape.outputs.final))  # the loss does not read the final state
    bar = sequence.Outputs(hs_bar, final_bar)
    given = through.backward(lstm, params.lstm, tape.initial, tape.xs, tape.steps, bar)  # T1*, L5*-L1*
    return Params(given.params, head_bar), given.initial


def loss(
    params: Params,
    inputs: Any,
    targets: Any,
    initial: State,
    reduction: Reduction = "mean",
    through: Through = SCAN,
) -> Any:
    """The loss of `forward`, without the tape."""
    return forward(params, inputs, targets, initial, reduction, through)[0]


def gradients(
    params: Params,
    inputs: Any,
    targets: Any,
    initial: State,
    reduction: Reduction = "mean",
    through: Through = SCAN,
) -> tuple[Any, tuple[Params, State]]:
    """The loss, and its hand-written gradients with respect to (params, initial)."""
    value, tape = forward(params, inputs, targets, initial, reduction, through)
    return value, backward(params, tape, through)


def for_checking(
    inputs: Any, targets: Any, reduction: Reduction = "mean", through: Through = LOOP
) -> tuple[Callable[[dict[str, Any]], Any], Callable[[dict[str, Any]], dict[str, Any]]]:
    """Loss and hand-written gradients as functions of one dict {"lstm", "head", "initial"}, the form that a checker
    takes.

    With LOOP, the dict's arrays may be JAX, NumPy or balls. Character numbers are integers (T, B).
    """

    def loss_of(values: dict[str, Any]) -> Any:
        return loss(Params(values["lstm"], values["head"]), inputs, targets, values["initial"], reduction, through)

    def gradients_of(values: dict[str, Any]) -> dict[str, Any]:
        params = Params(values["lstm"], values["head"])
        _, (params_bar, initial_bar) = gradients(params, inputs, targets, values["initial"], reduction, through)
        return {"lstm": params_bar.lstm, "head": params_bar.head, "initial": initial_bar}

    return loss_of, gradients_of


def _one_hot(params: Params, ids: Any) -> Any:
    """One-hot vectors (T, B, V) in the parameters' dtype."""
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise BadInput(f"char-lm: character numbers must be integers (T, B), got {ids.dtype} {tuple(ids.shape)}")
    return (ids[..., None] == np.arange(params.head.b.shape[0])).astype(_float_dtype(params))


def _float_dtype(params: Params) -> Any:
    dtype = params.head.b.dtype
    return np.float64 if dtype.kind == "O" else dtype


# ----------------------------------------------------------------------------------------- scores and samples


def score(params: Params, inputs: Any, targets: Any) -> tuple[Any, Any]:
    """Scores from a zero state: the loss per character in nats, and the accuracy.

    inputs, targets: integers (T, B). The accuracy is the share of characters that are the model's most probable one.
    """
    value, tape = forward(params, inputs, targets, zero_state(params, inputs.shape[1]))
    return value, (tape.loss.logits.argmax(-1) == targets).mean()


def sample(params: Params, characters: str, prompt: str, length: int, temperature: float = 1.0, seed: int = 0) -> str:
    """Draws `length` characters one by one from softmax(logits / temperature), after the model has read the prompt.

    The same seed gives the same text. Raises BadInput as `check_sampling`.
    """
    ids = check_sampling(characters, prompt, length, temperature)
    numbers = np.finfo(np.float32)
    temperature = np.clip(temperature, numbers.tiny, numbers.max)  # beyond, samples are greedy, or uniform
    return decode(characters, np.asarray(_draw(params, ids, jax.random.key(seed), temperature, length)))


def check_sampling(characters: str, prompt: str, length: int, temperature: float) -> np.ndarray:
    """The prompt's character numbers.

    Raises BadInput for an empty prompt, a character that is not in the vocabulary, a negative length, or a temperature
    that is not positive.
    """
    if not prompt:
        raise BadInput("sampling needs at least one character to start from")
    if length < 0:
        raise BadInput(f"the length of a sample must not be negative, got {length}")
    if not 0 < temperature < np.inf:
        raise BadInput(f"the temperature must be positive and finite, got {temperature}")
    return encode(characters, prompt)


@partial(jax.jit, static_argnames="length")
def _draw(params: Params, prompt: Any, key: Any, temperature: Any, length: int) -> Any:
    """Character numbers, (length,)."""
    _, state = sequence.scan(lstm, params.lstm, zero_state(params, 1), _one_hot(params, prompt[:, None]))

    def step(state: State, key: Any) -> tuple[State, Any]:
        logits, _ = dense.forward(params.head, state.h)  # F1
        drawn = jax.random.categorical(key, (logits - logits.max()) / temperature)
        state, _ = lstm.forward(params.lstm, state, _one_hot(params, drawn[None])[0])  # L1-L5
        return state, drawn[0]

    return jax.lax.scan(step, state, jax.random.split(key, length))[1]
