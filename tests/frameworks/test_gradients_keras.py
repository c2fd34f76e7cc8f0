"""Our cells are the layers of Keras 3, on its JAX backend: same outputs, same gradients; masked, in both directions.

In float32: on JAX, Keras's tanh turns float64 into float32, whatever the layer's dtype is.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import numpy as np
import pytest
from helpers import an_ordinary_problem
from same import LENGTHS, SIZES, assert_jax_framework, assert_same, joined, parts

from lstm_ref import sequence
from lstm_ref.cells import CELLS
from lstm_ref.models import classifier
from lstm_ref.reporting.summary import counts
from lstm_ref.through_time import bidirectional
from lstm_ref.through_time.bidirectional import Both

keras = pytest.importorskip("keras", reason="keras is not installed")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="keras does not run on its JAX backend")

VERSION = f"keras {keras.__version__}"
T, B, D, H = SIZES
MASK = np.arange(T)[None] < np.array(LENGTHS)[:, None]
WHOLE = {"return_sequences": True, "return_state": True}


def zrn(v):
    """From our order r, z, n."""
    return joined(*(parts(v, 3)[k] for k in (1, 0, 2)))


def run(layer, weights, initial, xs, **options):
    """Outputs (T, B, H) and final states, of weights in Keras's order."""
    outputs, *states = layer.stateless_call(
        weights,
        [v.value for v in layer.non_trainable_variables],
        xs.swapaxes(0, 1),
        initial_state=list(initial),
        **options,
    )[0]
    return sequence.Outputs(outputs.swapaxes(0, 1), type(initial)(*states))


def built(layer, *places):
    layer.build((B, T, *places, D))
    return layer


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "masked"])
def test_lstm(lengths):
    layer = built(keras.layers.LSTM(H, **WHOLE))
    layer.zero_output_for_mask = True  # else it repeats the last output
    mask = {} if lengths is None else {"mask": MASK}

    def theirs(p, initial, xs):
        return run(layer, [p.w_x, p.w_h, p.b], initial, xs, **mask)

    assert_jax_framework(CELLS["lstm"], theirs, VERSION, lengths, np.float32)


def test_simple_rnn():
    layer = built(keras.layers.SimpleRNN(H, **WHOLE))
    assert_jax_framework(
        CELLS["rnn_tanh"], lambda p, s, xs: run(layer, [p.w_x, p.w_h, p.b], s, xs), VERSION, dtype=np.float32
    )


def test_gru_reset_after():
    layer = built(keras.layers.GRU(H, reset_after=True, **WHOLE))

    def theirs(p, initial, xs):
        return run(layer, [zrn(p.w_x), zrn(p.w_h), jax.numpy.stack((zrn(p.b), zrn(p.b_h)))], initial, xs)

    assert_jax_framework(CELLS["gru"], theirs, VERSION, dtype=np.float32)


def test_gru_reset_before():
    layer = built(keras.layers.GRU(H, reset_after=False, **WHOLE))

    def theirs(p, initial, xs):
        return run(layer, [zrn(p.w_x), zrn(p.w_h), zrn(p.b)], initial, xs)

    assert_jax_framework(CELLS["gru_before"], theirs, VERSION, dtype=np.float32)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_convolutional_lstm(dimensions):
    cell, places = CELLS[f"conv_lstm_{dimensions}d"], {1: (4,), 2: (2, 4)}[dimensions]
    kind = getattr(keras.layers, f"ConvLSTM{dimensions}D")
    layer = built(kind(H, 3, padding="same", **WHOLE), *places)
    assert_jax_framework(cell, lambda p, s, xs: run(layer, [p.w_x, p.w_h, p.b], s, xs), VERSION, dtype=np.float32)


@pytest.mark.parametrize("merge", bidirectional.Merge.__args__)
def test_bidirectional(merge):
    """Keras's "ave" and "mul" are our mean and product; its final states come onward first."""
    cells = Both(CELLS["lstm"], CELLS["lstm"])
    mode = {"mean": "ave", "product": "mul"}.get(merge, merge)
    layer = built(keras.layers.Bidirectional(keras.layers.LSTM(H, **WHOLE), merge_mode=mode))
    onward, back = (an_ordinary_problem(cell, SIZES, seed=n) for n, cell in enumerate(cells))
    read = Both(onward.params, back.params), Both(onward.initial, back.initial), onward.xs
    read = jax.tree.map(lambda v: v.astype(np.float32).astype(np.float64), read)

    def theirs(p, initial, xs):
        given = layer.stateless_call(
            [*p.onward, *p.back],
            [v.value for v in layer.non_trainable_variables],
            xs.swapaxes(0, 1),
            initial_state=[*initial.onward, *initial.back],
        )[0]
        states = Both(type(initial.onward)(*given[1:3]), type(initial.back)(*given[3:]))
        return sequence.Outputs(given[0].swapaxes(0, 1), states)

    outputs, tape = bidirectional.forward(cells, *read, merge=merge)
    rng = np.random.default_rng(0)
    bar = jax.tree.map(lambda v: rng.standard_normal(v.shape).astype(np.float32), outputs)
    gradients = bidirectional.backward(cells, *read, tape, bar, merge=merge)
    found, vjp = jax.vjp(theirs, *jax.tree.map(lambda v: v.astype(np.float32), read))
    assert_same(outputs, found, VERSION, np.float32)
    assert_same(gradients[:3], vjp(bar), VERSION, np.float32)


def test_the_tutorials_embedding_lstm_flatten_dense_classifier():
    """Loss, prediction and every gradient, the embedding's for a repeated word too; and the tutorial's 250,115."""
    V, D, H, T, B = 50, 5, 3, 4, 6
    inputs = keras.Input((T,), dtype="int32")
    hs, h, c = keras.layers.LSTM(H, **WHOLE)(keras.layers.Embedding(V, D)(inputs))
    model = keras.Model(inputs, [keras.layers.Dense(1)(keras.layers.Flatten()(hs)), h, c])
    rng = np.random.default_rng(0)
    drawn = classifier.initial_parameters(rng, V, D, H, K=1, steps=T)
    params = jax.tree.map(lambda v: np.float32(rng.standard_normal(v.shape) / 2), drawn)
    ids = rng.integers(0, V, (T, B))
    ids[1] = ids[0]  # every text repeats a word
    batch = classifier.Batch(ids, np.full(B, T), rng.integers(0, 2, B))

    def theirs(p):
        weights = [p.embedding, *p.cell, *p.head]
        frozen = [v.value for v in model.non_trainable_variables]
        logits, h, c = model.stateless_call(weights, frozen, ids.T)[0]
        loss = keras.losses.binary_crossentropy(batch.targets[:, None].astype("float32"), logits, from_logits=True)
        return loss.mean(), (logits, h, c)

    (loss, (logits, h, c)), gradients = jax.value_and_grad(theirs, has_aux=True)(params)
    exact = jax.tree.map(np.float64, params)
    mine, tape = classifier.forward(exact, batch, "flat", through=sequence.LOOP)
    assert_same((mine, tape.logits, *tape.outputs.final), (loss, logits, h, c), VERSION, np.float32)
    assert_same(classifier.backward(exact, batch, tape, "flat", through=sequence.LOOP), gradients, VERSION, np.float32)


def test_the_tutorials_parameters_are_as_many_as_keras_counts():
    inputs = keras.Input((2,), dtype="int32")
    hs = keras.layers.LSTM(3, return_sequences=True)(keras.layers.Embedding(50_000, 5)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(hs)))
    mine = counts(classifier.initial_parameters(np.random.default_rng(0), 50_000, 5, 3, K=1, steps=2))
    assert list(mine.values()) == [layer.count_params() for layer in model.layers if layer.count_params()]
    assert sum(mine.values()) == model.count_params() == 250_115
