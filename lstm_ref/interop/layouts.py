"""The parameter layouts of widely used frameworks, as data.

Sources: the documentation and code of torch 2.13, Keras 3.15, Flax 0.12, Equinox 0.13, Haiku 0.0.17, ONNX opset 14,
TensorFlow 1.15 and 2.21 (raw ops), Sonnet 2.0, haste 0.4, xLSTM 2.0, FlashRNN 1.0, Paddle 3.3, MLX 0.32, Chainer 7,
DyNet 2.1, MindSpore 2.10, MXNet 1.9, tinygrad 0.14, OpenVINO 2026.4 and thinc 9. `lstm-ref conform` compares the
installed frameworks by computing with them (docs/frameworks.md). TensorFlow 1, haste, FlashRNN, Chainer, MXNet and
thinc, and the cells of Paddle and MindSpore, are compared only with their documented equations.
"""

from __future__ import annotations

from lstm_ref.interop.layout import Layout, LayoutPart
from lstm_ref.interop.layout_words import from_words

TWO_BIASES = (
    "Two biases are added: each has the whole gradient, so their sum moves twice as far in a step of gradient descent."
)


def _torch(name: str, cell: str, gates: str, second_bias: str = "b", mark: str = "_l{layer}{back}") -> Layout:
    """Transposed kernels, two biases."""
    gated = "(g h)" if gates else "h"
    return Layout(
        name,
        cell,
        (
            LayoutPart(f"weight_ih{mark}", "w_x", f"{gated} d", gates),
            LayoutPart(f"weight_hh{mark}", "w_h", f"{gated} k", gates),
            LayoutPart(f"bias_ih{mark}", "b", gated, gates),
            LayoutPart(f"bias_hh{mark}", second_bias, gated, gates),
        ),
        back="_reverse",
        traps=TWO_BIASES if second_bias == "b" else "The reset gate multiplies the second bias of n: they are not one.",
        source="https://docs.pytorch.org/docs/stable/nn.html#recurrent-layers",
    )


def _keras(name: str, cell: str, gates: str, traps: str = "", places: str = "") -> Layout:
    gated = "(g h)" if gates else "h"
    parts = (
        LayoutPart("kernel", "w_x", f"{places}d {gated}", gates),
        LayoutPart("recurrent_kernel", "w_h", f"{places}k {gated}", gates),
        LayoutPart("bias", "b", gated, gates),
    )
    return Layout(name, cell, parts, traps=traps, source="https://keras.io/api/layers/recurrent_layers/")


def _a_gate_each(input_names: str, hidden_names: str, of_gates: str) -> tuple[LayoutPart, ...]:
    """Flax: one module per gate, with the bias in the recurrent module."""
    of_x, of_h = input_names.split(), hidden_names.split()
    return (
        *(LayoutPart(f"{name}.kernel", "w_x", "d h", gate) for name, gate in zip(of_x, of_gates, strict=True)),
        *(LayoutPart(f"{name}.kernel", "w_h", "k h", gate) for name, gate in zip(of_h, of_gates, strict=True)),
        *(LayoutPart(f"{name}.bias", "b", "h", gate) for name, gate in zip(of_h, of_gates, strict=True)),
    )


FLAX = "https://flax.readthedocs.io/en/latest/api_reference/flax.linen/layers.html#rnn"
ONNX = "https://onnx.ai/onnx/operators/"
HAIKU = "https://dm-haiku.readthedocs.io/en/latest/api.html#recurrent"
HASTE = "https://github.com/lmnt-com/haste/tree/master/docs/pytorch/haste_pytorch"
ADDED = "1 is added to the forget gate at run time: the stored bias is smaller by 1 than it acts."


def _flax_simple(name: str, cell: str) -> Layout:
    parts = (LayoutPart("i.kernel", "w_x", "d h"), LayoutPart("i.bias", "b", "h"), LayoutPart("h.kernel", "w_h", "k h"))
    return Layout(name, cell, parts, source=FLAX)


def _onnx(name: str, cell: str, gates: str, second_bias: str = "b", peepholes: bool = False) -> Layout:
    gated = "(g h)" if gates else "h"
    peeps = tuple(LayoutPart("P", f"p_{gate}", "1 h") for gate in "iof") if peepholes else ()
    return Layout(
        name,
        cell,
        (
            LayoutPart("W", "w_x", f"1 {gated} d", gates),
            LayoutPart("R", "w_h", f"1 {gated} k", gates),
            LayoutPart("B", "b", f"1 {gated}", gates),
            LayoutPart("B", second_bias, f"1 {gated}", gates),
            *peeps,
        ),
        joined={"B": 1, "P": 1} if peepholes else {"B": 1},
        traps="The first axis is the direction: two directions are two such arrays, one upon the other.",
        source=ONNX,
    )


def _convolutional(name: str, dimensions: int, modules: str, kernel: str, bias: str, source: str) -> Layout:
    """Two modules, each with a bias; gates i, g, f, o."""
    x, h = modules.split()
    places = "x y"[: 2 * dimensions - 1]
    parts = (
        LayoutPart(f"{x}.{kernel}", "w_x", f"{places} d (g h)", "igfo"),
        LayoutPart(f"{h}.{kernel}", "w_h", f"{places} k (g h)", "igfo"),
        LayoutPart(f"{x}.{bias}", "b", "(g h)", "igfo"),
        LayoutPart(f"{h}.{bias}", "b", "(g h)", "igfo"),
    )
    traps = f"{ADDED} {TWO_BIASES}"
    return Layout(name, f"conv_lstm_{dimensions}d", parts, added={"f": 1.0}, traps=traps, source=source)


def _tf1(name: str, peepholes: tuple[str, ...] = ()) -> Layout:
    """TensorFlow 1: one kernel of [x; h], gates i, j, f, o, where j is the candidate."""
    peeps = (LayoutPart(array, of, "h") for array, of in zip(peepholes, ("p_i", "p_f", "p_o"), strict=False))
    return Layout(
        name,
        "peephole" if peepholes else "lstm",
        (
            LayoutPart("kernel", "w_x", "d (g h)", "igfo"),
            LayoutPart("kernel", "w_h", "k (g h)", "igfo"),
            LayoutPart("bias", "b", "(g h)", "igfo"),
            *peeps,
        ),
        joined={"kernel": 0},
        added={"f": 1.0},
        traps=ADDED,
        source="https://github.com/tensorflow/tensorflow/blob/v1.15.5/tensorflow/python/ops/rnn_cell_impl.py",
    )


TENSORFLOW = "https://www.tensorflow.org/api_docs/python/tf/raw_ops"
PADDLE = "https://www.paddlepaddle.org.cn/documentation/docs/en/api/paddle/nn"
MLX = "https://ml-explore.github.io/mlx/build/html/python/nn/layers.html"
MINDSPORE = "https://www.mindspore.cn/docs/en/master/api_python/mindspore.nn.html"
SONNET = "https://sonnet.readthedocs.io/en/latest/api.html#recurrent-modules"
OPENVINO = "https://docs.openvino.ai/2026/documentation/openvino-ir-format/operation-sets.html"
MXNET = "https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/rnn/index.html"


PEEPHOLES = "wci: p_i h; wcf: p_f h; wco: p_o h"


def _block_lstm(name: str, gates: str, traps: str, more: str = "", cell: str = "lstm") -> Layout:
    """TensorFlow's fused ops: one kernel of [x; h]."""
    text = f"w: w_x[{gates}] d (g h), w_h[{gates}] k (g h) on axis 0; b: b[{gates}] (g h); {more}"
    op, _, _ = name.rpartition(".")[2].partition("(")
    return from_words(text, cell, name, traps, f"{TENSORFLOW}/{op}")


def _sonnet(name: str, x: str, h: str, b: str, cell: str, gates: str, places: str = "") -> Layout:
    """The attributes of a core."""
    gated, order = ("(g h)", f"[{gates}]") if gates else ("h", "")
    text = f"{x}: w_x{order} {places}d {gated}; {h}: w_h{order} {places}k {gated}; {b}: b{order} {gated}"
    traps = "Reset before the product, and z writes where torch's z keeps." if cell == "gru_before_swapped" else ""
    return from_words(text, cell, name, traps, SONNET)


_SONNETS = ("_input_to_hidden.w", "_hidden_to_hidden.w")


def _openvino(name: str, cell: str, gates: str) -> Layout:
    """ONNX's arrays in another order of the gates, and one bias."""
    gated, order = ("(g h)", f"[{gates}]") if gates else ("h", "")
    text = f"W: w_x{order} 1 {gated} d; R: w_h{order} 1 {gated} k; B: b{order} 1 {gated}"
    return from_words(text, cell, name, "Inputs and outputs are (B, T, …); the first axis is the direction.", OPENVINO)


def _mxnet(name: str, cell: str, gates: str, second_bias: str = "b") -> Layout:
    gated, order = ("(g h)", f"[{gates}]") if gates else ("h", "")
    text = f"""
        l{{layer}}_i2h_weight: w_x{order} {gated} d
        l{{layer}}_h2h_weight: w_h{order} {gated} k
        l{{layer}}_i2h_bias: b{order} {gated}
        l{{layer}}_h2h_bias: {second_bias}{order} {gated}
    """
    return from_words(text, cell, name, "The backward direction's names begin with r instead of l.", MXNET)


_ALL = (
    _torch("torch.nn.LSTM", "lstm", "ifgo"),
    _torch("torch.nn.LSTMCell", "lstm", "ifgo", mark=""),
    _torch("torch.nn.GRU", "gru", "rzn", "b_h"),
    _torch("torch.nn.GRUCell", "gru", "rzn", "b_h", mark=""),
    _torch("torch.nn.RNN", "rnn_tanh", ""),
    _torch("torch.nn.RNN(relu)", "rnn_relu", ""),
    _torch("torch.nn.RNNCell", "rnn_tanh", "", mark=""),
    Layout(
        "torch.nn.LSTM(proj_size)",
        "lstmp",
        (
            LayoutPart("weight_ih_l{layer}{back}", "cell_w_x", "(g h) d", "ifgo"),
            LayoutPart("weight_hh_l{layer}{back}", "cell_w_h", "(g h) p", "ifgo"),
            LayoutPart("bias_ih_l{layer}{back}", "cell_b", "(g h)", "ifgo"),
            LayoutPart("bias_hh_l{layer}{back}", "cell_b", "(g h)", "ifgo"),
            LayoutPart("weight_hr_l{layer}{back}", "w_p", "p k"),
        ),
        gates="ifgo",
        back="_reverse",
        traps=TWO_BIASES,
        source="https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html",
    ),
    _keras("keras.layers.LSTM", "lstm", "ifgo", traps="unit_forget_bias initialises b_f with 1."),
    _keras("keras.layers.SimpleRNN", "rnn_tanh", ""),
    _keras("keras.layers.SimpleRNN(relu)", "rnn_relu", ""),
    _keras("keras.layers.ConvLSTM1D", "conv_lstm_1d", "ifgo", "unit_forget_bias initialises b_f with 1.", "x "),
    _keras("keras.layers.ConvLSTM2D", "conv_lstm_2d", "ifgo", "unit_forget_bias initialises b_f with 1.", "x y "),
    _keras("keras.layers.GRU(reset_after=False)", "gru_before", "zrn"),
    Layout(
        "keras.layers.GRU",
        "gru",
        (
            LayoutPart("kernel", "w_x", "d (g h)", "zrn"),
            LayoutPart("recurrent_kernel", "w_h", "k (g h)", "zrn"),
            LayoutPart("bias", "b", "1 (g h)", "zrn"),
            LayoutPart("bias", "b_h", "1 (g h)", "zrn"),
        ),
        joined={"bias": 0},
        traps="The update gate comes first; the bias has two rows, of the input and of the recurrent product.",
        source="https://keras.io/api/layers/recurrent_layers/gru/",
    ),
    Layout("flax.linen.LSTMCell", "lstm", _a_gate_each("ii if ig io", "hi hf hg ho", "ifgo"), source=FLAX),
    Layout("flax.linen.OptimizedLSTMCell", "lstm", _a_gate_each("ii if ig io", "hi hf hg ho", "ifgo"), source=FLAX),
    Layout("flax.nnx.LSTMCell", "lstm", _a_gate_each("ii if_ ig io", "hi hf hg ho", "ifgo"), source=FLAX),
    Layout(
        "flax.nnx.OptimizedLSTMCell",
        "lstm",
        (
            LayoutPart("dense_i.kernel", "w_x", "d (g h)", "ifgo"),
            LayoutPart("dense_h.kernel", "w_h", "k (g h)", "ifgo"),
            LayoutPart("dense_h.bias", "b", "(g h)", "ifgo"),
        ),
        source=FLAX,
    ),
    Layout(
        "flax.nnx.GRUCell",
        "gru",
        (
            LayoutPart("dense_i.kernel", "w_x", "d (g h)", "rzn"),
            LayoutPart("dense_h.kernel", "w_h", "k (g h)", "rzn"),
            LayoutPart("dense_i.bias", "b b_h", "(g h)", "rz"),
            LayoutPart("dense_i.bias", "b", "(g h)", "n"),
        ),
        joined={"dense_i.bias": 0},
        traps="One bias a gate: linen's second bias of the candidate has no place.",
        source=FLAX,
    ),
    Layout(
        "flax.linen.GRUCell",
        "gru",
        (
            *(LayoutPart(f"i{gate}.kernel", "w_x", "d h", gate) for gate in "rzn"),
            *(LayoutPart(f"h{gate}.kernel", "w_h", "k h", gate) for gate in "rzn"),
            *(LayoutPart(f"i{gate}.bias", "b b_h", "h", gate) for gate in "rz"),
            LayoutPart("in.bias", "b", "h", "n"),
            LayoutPart("hn.bias", "b_h", "h", "n"),
        ),
        traps="One bias for r and z, two for the candidate.",
        source=FLAX,
    ),
    _flax_simple("flax.linen.SimpleCell", "rnn_tanh"),
    _flax_simple("flax.linen.SimpleCell(relu)", "rnn_relu"),
    _convolutional("flax.linen.ConvLSTMCell(1-D)", 1, "ih hh", "kernel", "bias", FLAX),
    _convolutional("flax.linen.ConvLSTMCell(2-D)", 2, "ih hh", "kernel", "bias", FLAX),
    Layout(
        "equinox.nn.LSTMCell",
        "lstm",
        (
            LayoutPart("weight_ih", "w_x", "(g h) d", "ifgo"),
            LayoutPart("weight_hh", "w_h", "(g h) k", "ifgo"),
            LayoutPart("bias", "b", "(g h)", "ifgo"),
        ),
        source="https://docs.kidger.site/equinox/api/nn/rnn/",
    ),
    Layout(
        "equinox.nn.GRUCell",
        "gru",
        (
            LayoutPart("weight_ih", "w_x", "(g h) d", "rzn"),
            LayoutPart("weight_hh", "w_h", "(g h) k", "rzn"),
            LayoutPart("bias", "b b_h", "(g h)", "rz"),
            LayoutPart("bias", "b", "(g h)", "n"),
            LayoutPart("bias_n", "b_h", "h", "n"),
        ),
        joined={"bias": 0},
        traps="One bias for r and z, two for the candidate.",
        source="https://docs.kidger.site/equinox/api/nn/rnn/",
    ),
    Layout(
        "haiku.LSTM",
        "lstm",
        (
            LayoutPart("linear.w", "w_x", "d (g h)", "igfo"),
            LayoutPart("linear.w", "w_h", "k (g h)", "igfo"),
            LayoutPart("linear.b", "b", "(g h)", "igfo"),
        ),
        joined={"linear.w": 0},
        added={"f": 1.0},
        traps=ADDED,
        source="https://dm-haiku.readthedocs.io/en/latest/api.html#lstm",
    ),
    Layout(
        "haiku.GRU",
        "gru_before_swapped",
        (
            LayoutPart("w_i", "w_x", "d (g h)", "zrn"),
            LayoutPart("w_h", "w_h", "k (g h)", "zrn"),
            LayoutPart("b", "b", "(g h)", "zrn"),
        ),
        traps="Reset before the product, and z writes where torch's z keeps.",
        source="https://dm-haiku.readthedocs.io/en/latest/api.html#gru",
    ),
    Layout(
        "haiku.VanillaRNN(double_bias=False)",
        "rnn_relu",
        (
            LayoutPart("linear.w", "w_x", "d h"),
            LayoutPart("linear.b", "b", "h"),
            LayoutPart("linear_1.w", "w_h", "k h"),
        ),
        traps="Its activation is relu.",
        source="https://dm-haiku.readthedocs.io/en/latest/api.html#vanillarnn",
    ),
    _convolutional("haiku.Conv1DLSTM", 1, "input_to_hidden hidden_to_hidden", "w", "b", HAIKU),
    _convolutional("haiku.Conv2DLSTM", 2, "input_to_hidden hidden_to_hidden", "w", "b", HAIKU),
    _onnx("onnx.LSTM", "lstm", "iofg"),
    _onnx("onnx.LSTM(P)", "peephole", "iofg", peepholes=True),
    _onnx("onnx.GRU(linear_before_reset=1)", "gru", "zrn", "b_h"),
    _onnx("onnx.GRU", "gru_before", "zrn"),
    _onnx("onnx.RNN", "rnn_tanh", ""),
    _onnx("onnx.RNN(Relu)", "rnn_relu", ""),
    _tf1("tensorflow1.LSTMCell"),
    _tf1("tensorflow1.LSTMCell(use_peepholes)", ("w_i_diag", "w_f_diag", "w_o_diag")),
    _tf1("tensorflow1.LSTMBlockCell"),
    _tf1("tensorflow1.LSTMBlockCell(use_peephole)", ("w_i_peephole", "w_f_peephole", "w_o_peephole")),
    Layout(
        "haste.LSTM",
        "lstm",
        (
            LayoutPart("kernel", "w_x", "d (g h)", "igfo"),
            LayoutPart("recurrent_kernel", "w_h", "k (g h)", "igfo"),
            LayoutPart("bias", "b", "(g h)", "igfo"),
        ),
        traps="forget_bias initialises b_f; nothing is added later. Outputs in the padding are not masked.",
        source=f"{HASTE}/LSTM.md",
    ),
    Layout(
        "haste.GRU",
        "gru",
        (
            LayoutPart("kernel", "w_x", "d (g h)", "zrn"),
            LayoutPart("recurrent_kernel", "w_h", "k (g h)", "zrn"),
            LayoutPart("bias", "b", "(g h)", "zrn"),
            LayoutPart("recurrent_bias", "b_h", "(g h)", "zrn"),
        ),
        source=f"{HASTE}/GRU.md",
    ),
    Layout(
        "xlstm.sLSTMCell",
        "slstm",
        (
            LayoutPart("W", "w_x", "d g n h", "ifzo"),
            LayoutPart("recurrent_kernel", "w_h", "n k g h", "ifzo"),
            LayoutPart("bias", "b", "n g h", "ifzo"),
        ),
        traps="recurrent_kernel and bias are in the order that every backend shows, _recurrent_kernel_ as stored. "
        "The input kernel belongs to the layer around the cell; here it is called W.",
        source="https://github.com/NX-AI/xlstm/blob/main/xlstm/blocks/slstm/cell.py",
    ),
    Layout(
        "flashrnn.lstm",
        "lstm",
        (
            LayoutPart("W", "w_x", "d (g h)", "ifgo"),
            LayoutPart("R", "w_h", "g 1 h k", "ifgo"),
            LayoutPart("b", "b", "g 1 h", "ifgo"),
        ),
        traps="For one head, the second axis. The function takes Wx, not x: W stands for the kernel that made Wx.",
        source="https://github.com/NX-AI/flashrnn/blob/main/flashrnn/flashrnn/vanilla_fwbw/fw.py",
    ),
    _block_lstm("tensorflow.BlockLSTM", "igfo", f"{ADDED} cell_clip is 3 unless it is set.", "f += 1"),
    from_words(
        """
        w: w_x[igfo] d (g h), w_h[igfo] k (g h) on axis 0
        b: b[igfo] (g h)
        wci: p_i h; wcf: p_f h; wco: p_o h
        f += 1
        """,
        "peephole",
        "tensorflow.BlockLSTM(use_peephole)",
        f"{ADDED} cell_clip is 3 unless it is set.",
        f"{TENSORFLOW}/BlockLSTM",
    ),
    _block_lstm("tensorflow.BlockLSTMV2", "ifgo", "Other gates than in BlockLSTM; no forget bias, and no clip."),
    _block_lstm("tensorflow.LSTMBlockCell", "igfo", ADDED, "f += 1"),
    _block_lstm("tensorflow.LSTMBlockCell(use_peephole)", "igfo", ADDED, f"{PEEPHOLES}; f += 1", "peephole"),
    from_words(
        """
        w_ru: w_x[rz] d (g h), w_h[rz] k (g h) on axis 0
        w_c: w_x[n] d h, w_h[n] k h on axis 0
        b_ru: b[rz] (g h)
        b_c: b[n] h
        """,
        "gru_before",
        "tensorflow.GRUBlockCell",
        "Reset before the product.",
        f"{TENSORFLOW}/GRUBlockCell",
    ),
    from_words(
        "Wx: w_x[fiog] (g h) d; bx: b[fiog] (g h); Wh: w_h[fiog] (g h) k; bh: b[fiog] (g h)",
        "lstm",
        "thinc.LSTM",
        f"One flat array of Wx, bx, Wh, bh in this order. {TWO_BIASES}",
        "https://thinc.ai/docs/api-layers#lstm",
    ),
    _torch("paddle.nn.LSTM", "lstm", "ifgo")._replace(source=f"{PADDLE}/LSTM_en.html"),
    _torch("paddle.nn.LSTMCell", "lstm", "ifgo", mark="")._replace(source=f"{PADDLE}/LSTMCell_en.html"),
    _torch("paddle.nn.GRU", "gru", "rzn", "b_h")._replace(source=f"{PADDLE}/GRU_en.html"),
    from_words(
        """
        weight_ih_l{layer}{back}: cell_w_x[ifgo] (g h) d
        weight_hh_l{layer}{back}: cell_w_h[ifgo] (g h) p
        bias_ih_l{layer}{back}: cell_b[ifgo] (g h)
        bias_hh_l{layer}{back}: cell_b[ifgo] (g h)
        {layer}.cell.weight_ho: w_p k p
        gates = ifgo
        back = _reverse
        """,
        *("lstmp", "paddle.nn.LSTM(proj_size)", TWO_BIASES, f"{PADDLE}/LSTM_en.html"),
    ),
    _torch("paddle.nn.SimpleRNN", "rnn_tanh", "")._replace(source=f"{PADDLE}/SimpleRNN_en.html"),
    _torch("paddle.nn.SimpleRNN(relu)", "rnn_relu", "")._replace(source=f"{PADDLE}/SimpleRNN_en.html"),
    from_words(
        "Wx: w_x[ifgo] (g h) d; Wh: w_h[ifgo] (g h) k; bias: b[ifgo] (g h)",
        *("lstm", "mlx.nn.LSTM", "Outputs are (B, T, …).", MLX),
    ),
    from_words(
        "Wx: w_x[rzn] (g h) d; Wh: w_h[rzn] (g h) k; b: b+b_h[rz] (g h), b[n] h on axis 0; bhn: b_h[n] h",
        *("gru", "mlx.nn.GRU", "One bias for r and z, two for the candidate.", MLX),
    ),
    from_words("Wxh: w_x h d; Whh: w_h h k; bias: b h", "rnn_tanh", "mlx.nn.RNN", source=MLX),
    from_words("Wxh: w_x h d; Whh: w_h h k; bias: b h", "rnn_relu", "mlx.nn.RNN(relu)", source=MLX),
    from_words(
        "upward.W: w_x[gifo] (h g) d; upward.b: b[gifo] (h g); lateral.W: w_h[gifo] (h g) k",
        *("lstm", "chainer.links.LSTM", "The four gates of one unit are neighbours; c comes before h."),
        "https://docs.chainer.org/en/stable/reference/generated/chainer.functions.lstm.html",
    ),
    from_words(
        "Wx: w_x[ifog] (g h) d; Wh: w_h[ifog] (g h) k; b: b[ifog] (g h); f += 1",
        *("lstm", "dynet.VanillaLSTMBuilder", f"{ADDED} The initial state is c, then h."),
        "https://dynet.readthedocs.io/en/latest/python_ref.html#rnn-builders",
    ),
    _torch("mindspore.nn.LSTMCell", "lstm", "ifgo", mark="")._replace(source=MINDSPORE),
    _torch("mindspore.nn.GRUCell", "gru", "rzn", "b_h", mark="")._replace(source=MINDSPORE),
    _torch("mindspore.nn.LSTM", "lstm", "ifgo")._replace(source=MINDSPORE),
    _torch("mindspore.nn.GRU", "gru", "rzn", "b_h")._replace(source=MINDSPORE),
    _torch("mindspore.nn.RNN", "rnn_tanh", "")._replace(source=MINDSPORE),
    _torch("mindspore.nn.RNN(relu)", "rnn_relu", "")._replace(source=MINDSPORE),
    _mxnet("mxnet.gluon.rnn.LSTM", "lstm", "ifgo"),
    _mxnet("mxnet.gluon.rnn.GRU", "gru", "rzn", "b_h"),
    _mxnet("mxnet.gluon.rnn.RNN(tanh)", "rnn_tanh", ""),
    _torch("tinygrad.nn.LSTMCell", "lstm", "ifgo", mark="")._replace(source="https://docs.tinygrad.org/nn/"),
    _sonnet("sonnet.LSTM", "_w_i", "_w_h", "b", "lstm", "ifgo"),
    _sonnet("sonnet.GRU", "_w_i", "_w_h", "b", "gru_before_swapped", "zrn"),
    _sonnet("sonnet.VanillaRNN", *_SONNETS, "_b", "rnn_tanh", ""),
    _sonnet("sonnet.VanillaRNN(relu)", *_SONNETS, "_b", "rnn_relu", ""),
    _sonnet("sonnet.Conv1DLSTM", *_SONNETS, "b", "conv_lstm_1d", "ifgo", "x "),
    _sonnet("sonnet.Conv2DLSTM", *_SONNETS, "b", "conv_lstm_2d", "ifgo", "x y "),
    _openvino("openvino.LSTMSequence", "lstm", "figo"),
    _openvino("openvino.GRUSequence", "gru_before", "zrn"),
    _openvino("openvino.RNNSequence", "rnn_tanh", ""),
    _openvino("openvino.RNNSequence(relu)", "rnn_relu", ""),
    from_words(
        "W: w_x[zrn] 1 (g h) d; R: w_h[zrn] 1 (g h) k; B: b+b_h[zr] 1 (g h), b[n] 1 h, b_h[n] 1 h on axis 1",
        *("gru", "openvino.GRUSequence(linear_before_reset)", "One bias for z and r, two for the candidate."),
        OPENVINO,
    ),
    from_words(
        "\n".join(
            f"{name}: w_x[{gate}] d h, w_h[{gate}] k h, b[{gate}] 1 h on axis 0"
            for name, gate in zip(("change", "forget", "ingate", "outgate"), "gfio", strict=True)
        ),
        *("lstm", "autograd.examples.lstm", "A matrix a gate, of [x; h; 1]."),
        "https://github.com/HIPS/autograd/blob/master/examples/lstm.py",
    ),
    from_words(
        "W: w_x[ifog] d (g h); U: w_h[ifog] k (g h); b: b[ifog] (g h)",
        *("lstm", "theano.tutorial.lstm", "The tutorial's equations have a peephole to o, its code has none."),
        "http://deeplearning.net/tutorial/lstm.html",
    ),
)

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in _ALL}
"""Every layout by its name."""
