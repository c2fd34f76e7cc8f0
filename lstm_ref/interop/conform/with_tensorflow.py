"""TensorFlow: the fused ops of `tf.raw_ops`, whose backward passes are ops too.

Its GradientTape calls BlockLSTMGrad. The ops of the two cells have no gradient registered: as TensorFlow 1 did, theirs
is made here from LSTMBlockCellGrad and GRUBlockCellGrad, and the products for the weights.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from lstm_ref.interop.conform.features import FeatureCase, differentiated_by, step_by_step
from lstm_ref.shapes import Outputs

VERSION = tf.__version__
DTYPES = ("float32",)
WITHOUT = "no float64: the fused ops are for float32 and float16"
LACKS = {"gru, reset after": "GRUBlockCell resets before the product"} | dict.fromkeys(
    ("lstm, lengths", "lstm, both directions", "lstm, two layers", "lstm, two layers, both directions, lengths"),
    "an op is one layer in one direction, and seq_len_max is one number for all rows",
)
TRAPS = (
    "cell_clip of BlockLSTM is 3 unless it is set (here it is off)",
    "LSTMBlockCell and GRUBlockCell have no gradient registered: the caller makes it of their Grad ops",
)
PEEPHOLES = ("wci", "wcf", "wco")


def _of_lstm(weights: dict[str, Any], state: Any) -> dict[str, Any]:
    """What the LSTM's ops are given besides their input and options."""
    unused = tf.zeros_like(state.c[0])
    peepholes = {name: weights.get(name, unused) for name in PEEPHOLES}
    return {"cs_prev": state.c, "h_prev": state.h, "w": weights["w"], "b": weights["b"], **peepholes}


def _sequence(given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Outputs:
    read = _of_lstm(weights[0], initial[0])
    op = tf.raw_ops.BlockLSTM(x=xs, seq_len_max=len(xs), cell_clip=-1.0, use_peephole="wci" in weights[0], **read)
    return Outputs(op.h, [type(initial[0])(op.h[-1], op.cs[-1])])


def _steps(given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Outputs:
    """LSTMBlockCell and LSTMBlockCellGrad, which gives the gradients of the gates' inputs."""
    peephole = "wci" in weights[0]

    @tf.custom_gradient
    def cell(x: Any, *values: Any) -> Any:
        read = dict(zip(("cs_prev", "h_prev", "w", "b", *PEEPHOLES), values, strict=True))
        op = tf.raw_ops.LSTMBlockCell(x=x, cell_clip=-1.0, use_peephole=peephole, **read)

        def back(h_bar: Any, c_bar: Any) -> Any:
            tape = {name: getattr(op, name) for name in ("i", "cs", "f", "o", "ci", "co")}
            prev, a_bar, *peepholes = tf.raw_ops.LSTMBlockCellGrad(
                x=x, **read, **tape, cs_grad=c_bar, h_grad=h_bar, use_peephole=peephole
            )
            x_bar, h_prev_bar = _of_both(a_bar, read["w"], x)
            w_bar = tf.matmul(tf.concat((x, read["h_prev"]), 1), a_bar, transpose_a=True)
            return x_bar, prev, h_prev_bar, w_bar, tf.reduce_sum(a_bar, 0), *peepholes

        return (op.h, op.cs), back

    return step_by_step(lambda x, s: cell(x, *_of_lstm(weights[0], s).values()), initial[0], xs, tf.stack)


def _gru(given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Outputs:
    """GRUBlockCell and GRUBlockCellGrad, which gives the gradients of the gates' inputs."""

    @tf.custom_gradient
    def cell(x: Any, h_prev: Any, w_ru: Any, w_c: Any, b_ru: Any, b_c: Any) -> Any:
        read = {"x": x, "h_prev": h_prev, "w_ru": w_ru, "w_c": w_c, "b_ru": b_ru, "b_c": b_c}
        op = tf.raw_ops.GRUBlockCell(**read)

        def back(h_bar: Any) -> Any:
            grad = tf.raw_ops.GRUBlockCellGrad(**read, r=op.r, u=op.u, c=op.c, d_h=h_bar)
            w_ru_bar = tf.matmul(tf.concat((x, h_prev), 1), grad.d_r_bar_u_bar, transpose_a=True)
            w_c_bar = tf.matmul(tf.concat((x, h_prev * op.r), 1), grad.d_c_bar, transpose_a=True)
            b_bars = tf.reduce_sum(grad.d_r_bar_u_bar, 0), tf.reduce_sum(grad.d_c_bar, 0)
            return grad.d_x, grad.d_h_prev, w_ru_bar, w_c_bar, *b_bars

        return op.h, back

    of_gru = [weights[0][name] for name in ("w_ru", "w_c", "b_ru", "b_c")]
    return step_by_step(lambda x, s: (cell(x, s.h, *of_gru),), initial[0], xs, tf.stack)


def _of_both(a_bar: Any, w: Any, x: Any) -> Any:
    """The gradients of x and h, which one kernel reads."""
    return tf.split(tf.matmul(a_bar, w, transpose_b=True), (x.shape[1], w.shape[0] - x.shape[1]), 1)


def _vjp(function: Any, arrays: list[Any], bars: list[Any]) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(arrays)
        outputs = function(*arrays)
    return outputs, tape.gradient(outputs, arrays, bars)


RUNS = {
    "lstm": {"tensorflow.BlockLSTM": _sequence, "tensorflow.LSTMBlockCell": _steps},
    "gru, reset before": {"tensorflow.GRUBlockCell": _gru},
    "lstm, peepholes": {
        "tensorflow.BlockLSTM(use_peephole)": _sequence,
        "tensorflow.LSTMBlockCell(use_peephole)": _steps,
    },
}
answer = differentiated_by(_vjp, tf.constant)
