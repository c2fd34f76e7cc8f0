"""For every feature of every installed framework, outputs, final states and gradients equal ours.

Frameworks that have a process of their own take minutes together: they are compared where EVERY_FRAMEWORK is set, as
the scheduled workflow sets it.
"""

import os
import sys
import tomllib
from pathlib import Path

import jax
import numpy as np
import pytest
from same import LENGTHS, assert_agrees, like

from lstm_ref.commands.conform import conform
from lstm_ref.errors import CannotEvaluate
from lstm_ref.interop import cudnn
from lstm_ref.interop.conform.features import FEATURES, arranged, differentiated_by, problem
from lstm_ref.interop.conform.table import FRAMEWORKS, compared, measured, module_of
from lstm_ref.interop.layouts import LAYOUTS
from lstm_ref.leaves import paths
from lstm_ref.shapes import Outputs

APART = [name for name, adapter in FRAMEWORKS.items() if adapter.environ is not None and name != "keras"]
WRONG = {("paddle", "lstm, two layers, both directions, lengths")}
"""What is wrong in a framework; docs/frameworks.md has the reason."""


def installed():
    """(name, module) of every framework that shares this process; of one that is not installed, a skipped case."""
    for name in (name for name in FRAMEWORKS if name not in APART):
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


@pytest.mark.skipif("EVERY_FRAMEWORK" not in os.environ, reason="minutes: EVERY_FRAMEWORK is not set")
@pytest.mark.parametrize("name", APART)
def test_a_framework_in_a_process_of_its_own_is_ours_in_outputs_and_gradients(name):
    found = measured(name)
    if found.unusable:
        pytest.skip(f"{name}: {found.unusable}")
    assert found.runs
    assert not found.failed, f"{found.version}: {found.failed}"
    assert {(name, run.feature) for run in found.wrong} == {(n, feature) for n, feature in WRONG if n == name}


@pytest.mark.parametrize("name, module", EVERY)
def test_a_reason_is_given_only_for_a_feature_that_is_lacking(name, module):
    assert set(module.RUNS) | set(module.LACKS) <= set(FEATURES)
    assert not set(module.RUNS) & set(module.LACKS)
    assert all(module.LACKS.values())


def test_a_process_of_its_own_has_its_environment_and_leaves_ours(monkeypatch):
    pytest.importorskip("autograd", reason="autograd is not installed")
    monkeypatch.setitem(FRAMEWORKS, "autograd", FRAMEWORKS["autograd"]._replace(environ={"SEEN": "there"}))
    found = measured("autograd")
    assert {run.dtype for run in found.runs if run.agrees} == {"float64", "float32"}
    assert "lstm, projected" in dict(found.lacks)
    assert "SEEN" not in os.environ


def test_a_framework_that_crashes_is_a_line(monkeypatch, tmp_path):
    (tmp_path / "autograd.py").write_text("import os; os._exit(int(os.environ['CODE']))")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(FRAMEWORKS, "autograd", FRAMEWORKS["autograd"]._replace(environ={"CODE": "3"}))
    found = measured("autograd")
    assert found.unusable == "its process ended without an answer: the framework crashed"
    assert not found.runs


def test_a_framework_that_cannot_be_imported_is_a_line(monkeypatch, tmp_path):
    (tmp_path / "autograd.py").write_text("import numpy; numpy.no_such_name")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "autograd" or name.endswith("with_autograd")]:
        monkeypatch.delitem(sys.modules, name)
    assert measured("autograd").unusable.startswith("cannot be imported: AttributeError: ")


def test_every_gradient_of_a_framework_keeps_its_place():
    """`differentiated_by` keeps names and places: a vjp that only counts gives every array its own number."""
    given = problem(FEATURES["lstm"], LAYOUTS["torch.nn.LSTM"], np.float64, seed=0)
    forward = lambda given, weights, initial, xs: Outputs(given.bar.hs, initial)  # noqa: E731
    vjp = lambda function, arrays, bars: (function(*arrays), [v + n for n, v in enumerate(arrays)])  # noqa: E731
    weights = arranged(LAYOUTS["torch.nn.LSTM"], given)
    found = differentiated_by(vjp, np.array)(forward, given, weights)
    moved = found.arrays()
    assert len({round(float(np.max(moved[k] - v))) for k, v in flat_inputs(given, weights).items()}) == 7


def flat_inputs(given, weights):
    return paths({"d params": weights, "d initial": given.initial, "d xs": given.xs})


def test_the_page_and_the_command_list_every_framework():
    page = (Path(__file__).parents[2] / "docs" / "frameworks.md").read_text()
    words = set((conform.help or "").replace(",", " ").replace(";", " ").split())
    for name, adapter in FRAMEWORKS.items():
        assert f"| {name} |" in page
        assert name in words
        assert {package.strip("'") for package in adapter.packages.values()} <= PACKAGES, name


def every_package():
    """The packages that the extras install."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *(v for one in project["optional-dependencies"].values() for v in one)]
    return {text.split(">")[0].split("=")[0].lower() for text in named}


PACKAGES = every_package()


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
