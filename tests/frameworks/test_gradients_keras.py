"""Keras 3 on its JAX backend: merges, the tutorials' classifier, and its surprises."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import numpy as np
import pytest
from same import assert_same, like

from lstm_ref import sequence
from lstm_ref.interop.conform.features import FEATURES
from lstm_ref.interop.conform.table import compared
from lstm_ref.models import classifier
from lstm_ref.reporting.summary import counts

keras = pytest.importorskip("keras", reason="keras is not installed")
if keras.backend.backend() != "jax":
    pytest.skip("keras does not run on its JAX backend", allow_module_level=True)
from lstm_ref.interop.conform import with_keras  # noqa: E402

VERSION = f"keras {keras.__version__}"
WHOLE = {"return_sequences": True, "return_state": True}


@pytest.mark.parametrize("merge", ["sum", "mean", "product"])
def test_other_merges(merge):
    """Keras's "ave" and "mul" are our mean and product."""
    feature = FEATURES["lstm, both directions"]._replace(merge=merge)
    like(with_keras, "keras.layers.LSTM", feature.name, feature)


def test_float64_is_float32_on_the_way():
    run = compared(with_keras, FEATURES["lstm"], "keras.layers.LSTM", "float64")
    assert run.failed or run.digits < 9


def test_the_last_output_is_repeated_in_the_padding_unless_told_otherwise():
    xs, mask = np.ones((1, 4, 3), np.float32), np.array([[True, True, False, False]])
    repeated = np.asarray(keras.layers.LSTM(5, return_sequences=True)(xs, mask=mask))
    np.testing.assert_array_equal(repeated[0, 2:], repeated[0, [1, 1]])
    zero = np.asarray(keras.layers.LSTM(5, return_sequences=True, zero_output_for_mask=True)(xs, mask=mask))
    assert zero[0, 1].any()
    assert not zero[0, 2:].any()


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
