"""For every feature of every installed framework, outputs, final states and gradients equal ours."""

import jax
import pytest
from same import LENGTHS, assert_agrees, like

from lstm_ref.errors import CannotEvaluate
from lstm_ref.interop import cudnn
from lstm_ref.interop.conform.features import FEATURES
from lstm_ref.interop.conform.table import FRAMEWORKS, compared, module_of
from lstm_ref.interop.layouts import LAYOUTS


def installed():
    """(name, module) of every framework; of one that is not installed, a skipped case."""
    for name in FRAMEWORKS:
        try:
            yield pytest.param(name, module_of(name), id=name)
        except (ModuleNotFoundError, CannotEvaluate) as error:
            yield pytest.param(name, None, id=name, marks=pytest.mark.skip(reason=f"{name}: {error}"))


EVERY = list(installed())
MODULES = {param.values[0]: param.values[1] for param in EVERY if param.values[1] is not None}
CASES = [
    pytest.param(module, feature, layout, dtype, id=f"{name}-{feature}-{layout}-{dtype}")
    for name, module in MODULES.items()
    for feature, by_layout in module.RUNS.items()
    for layout in by_layout
    for dtype in module.DTYPES
]


@pytest.mark.parametrize("module, feature, layout, dtype", CASES)
def test_a_framework_is_ours_in_outputs_and_gradients(module, feature, layout, dtype):
    assert_agrees(compared(module, FEATURES[feature], layout, dtype), module.VERSION)


@pytest.mark.parametrize("name, module", EVERY)
def test_every_feature_is_there_or_lacks_with_a_reason(name, module):
    assert set(module.RUNS) | set(module.LACKS) == set(FEATURES)
    assert not set(module.RUNS) & set(module.LACKS)
    assert all(module.LACKS.values())


@pytest.mark.parametrize("name, module", EVERY)
def test_two_gates_in_each_others_place_are_seen(name, module, monkeypatch):
    (layout,) = list(module.RUNS["lstm"])[:1]
    swap_two_gates(monkeypatch, layout)
    run = compared(module, FEATURES["lstm"], layout, "float32")
    assert not run.agrees
    assert run.digits < 2
    assert run.uncompiled is None


def test_a_mistake_of_jaxs_compiler_is_told_from_one_of_the_framework():
    if "equinox" not in MODULES:
        pytest.skip("equinox is not installed")
    module, layout = MODULES["equinox"], "equinox.nn.LSTMCell"

    def miscompiled(*read):
        found = module.RUNS["lstm"][layout](*read)
        return found if jax.config.jax_disable_jit else found._replace(hs=1.5 * found.hs)

    run = compared(module, FEATURES["lstm"], layout, "float32", forward=miscompiled)
    assert not run.agrees
    assert run.digits < 1
    assert run.uncompiled > 6


def swap_two_gates(monkeypatch, name):
    """In the kernels of the input: i stands where f does."""
    right = LAYOUTS[name]
    other = {"i": "f", "f": "i"}
    swapped = [p._replace(gates="".join(other.get(g, g) for g in p.gates)) if p.of == "w_x" else p for p in right.parts]
    wrong = right._replace(parts=tuple(swapped))
    monkeypatch.setitem(LAYOUTS, name, wrong)
    if cudnn.LAYOUT.name == name:
        monkeypatch.setattr(cudnn, "LAYOUT", wrong)


@pytest.mark.parametrize(
    "name, of, layout",
    [
        ("torch", "rnn, tanh", "torch.nn.RNN"),
        ("torch", "rnn, relu", "torch.nn.RNN(relu)"),
        ("flax", "rnn, tanh", "flax.linen.SimpleCell"),
        ("keras", "rnn, tanh", "keras.layers.SimpleRNN"),
        ("keras", "gru, reset before", "keras.layers.GRU(reset_after=False)"),
        ("onnxruntime", "rnn, tanh", "onnx.RNN"),
        ("onnxruntime", "rnn, relu", "onnx.RNN(Relu)"),
        ("onnxruntime", "gru, reset before", "onnx.GRU"),
        ("onnxruntime", "lstm, peepholes", "onnx.LSTM(P)"),
    ],
)
def test_lengths_of_other_cells(name, of, layout):
    if name not in MODULES:
        pytest.skip(f"{name} is not installed")
    like(MODULES[name], layout, of, LENGTHS)
