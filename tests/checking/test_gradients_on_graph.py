"""A mistake in any backward pass is named by the line of its forward, without a mapping; a right one by none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_ref import check_gradients
from lstm_ref.checking import check
from lstm_ref.checking.files.derivation_file import load

PUBLISHED = Path(__file__).parents[1] / "graph" / "published"
RNG = np.random.default_rng(0)


def edge_of(file: Path) -> str:
    """The line of the forward whose edge is wrong, as the file says it at its head."""
    return next(line for line in file.read_text().splitlines() if line.startswith("# edge: ")).removeprefix("# edge: ")


@pytest.mark.parametrize("name", ["carry_without_tanh", "whh_missing", "dh_without_the_weights"])
def test_a_published_mistake_is_named_by_its_line(name):
    file = PUBLISHED / f"{name}.py"
    (problem,) = load(str(file))
    report = check(problem)
    assert report.verdict == "wrong"
    said = [f.sentence for f in report.findings if f.kind == "mistake"]
    assert said
    assert all(f"{file.name}:" in s for s in said)
    assert any(edge_of(file) in s for s in said)


def test_two_mistakes_are_both_named():
    inputs = {"w": RNG.standard_normal((3, 2)), "v": RNG.standard_normal(3), "x": RNG.standard_normal((2, 5))}

    def loss(p):
        h = np.tanh(p["w"] @ p["x"])
        return (p["v"] @ np.exp(0.3 * h)).sum()

    def gradients(p):
        h = np.tanh(p["w"] @ p["x"])
        e_bar = np.outer(p["v"], np.ones(5))
        h_bar = 0.3 * e_bar  # the exponential's own derivative is missing
        a_bar = h_bar * (1 - h * h)
        return {"w": a_bar @ p["x"].T, "v": 2 * np.exp(0.3 * h).sum(1)}  # and v's gradient is doubled

    report = check_gradients(inputs, loss=loss, gradients=gradients)
    said = " | ".join(f.sentence for f in report.findings if f.kind == "mistake")
    assert "np.exp(0.3 * h)" in said
    assert "twice" in said


def test_numpy_code_that_leaves_the_graph_is_judged_and_not_named():
    def loss(p):
        return float(str(float((p["x"] ** 2).sum())))

    report = check_gradients({"x": RNG.standard_normal(3)}, loss=loss, gradients=lambda p: {"x": 3 * p["x"]})
    assert report.verdict == "wrong"
    assert not any(" in test_gradients_on_graph.py" in f.sentence for f in report.findings)


class Layer:
    """A recurrence as a layer object, of whose initial state nobody claims a gradient; two terms are wrong."""

    def forward(self, i):
        h, self.cache = i["h"], []
        for x in i["x"]:
            z = i["W"].dot(x) + i["U"].dot(h) + i["b"]
            new = np.tanh(z)
            self.cache.append((x, h, new))
            h = new
        return h

    def backward(self, i, bar):
        dW, dU, db = np.zeros(i["W"].shape), np.zeros(i["U"].shape), np.zeros(5)
        for x, h, new in reversed(self.cache):
            dz = bar * (1 - new)
            dW += np.outer(dz, x)
            dU += np.outer(dz, h)
            db += 2 * dz
            bar = i["U"].T.dot(dz)
        return {"W": dW, "U": dU, "b": db}


def test_two_mistakes_of_a_layer_object_are_named_where_an_input_is_not_claimed():
    shapes = {"x": (7, 3), "h": (5,), "W": (5, 3), "U": (5, 5), "b": (5,)}
    inputs = {name: 0.5 * RNG.standard_normal(shape) for name, shape in shapes.items()}
    layer = Layer()
    report = check_gradients(inputs, forward=layer.forward, backward=layer.backward)
    said = [f.sentence for f in report.findings if f.kind == "mistake"]
    assert len(said) == 2
    assert "new = np.tanh(z)" in said[0]
    assert "hands back to b is there twice" in said[1]


@pytest.mark.parametrize("folder", ["torch", "scipy", "lstm_ref/graph", "jax/numpy"])
def test_a_users_folder_may_have_a_librarys_name(folder, tmp_path):
    text = (PUBLISHED / "carry_without_tanh.py").read_text(encoding="utf-8")
    file = tmp_path / folder / "mine.py"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    (problem,) = load(str(file))
    report = check(problem)
    assert any("mine.py:" in f.sentence for f in report.findings if f.kind == "mistake")


def test_the_line_that_leaves_the_graph_is_the_users_in_a_folder_named_torch(tmp_path):
    file = tmp_path / "torch" / "mine.py"
    file.parent.mkdir()
    file.write_text(
        "import array\nimport numpy as np\ninputs = {'x': np.arange(1.0, 4.0)}\n"
        "def loss(inputs):\n    return (np.array(array.array('d', inputs['x'])) ** 2).sum()\n"
        "def gradients(inputs):\n    return {'x': 2 * inputs['x']}\n",
        encoding="utf-8",
    )
    (problem,) = load(str(file))
    report = check(problem)
    assert report.right
    assert f"leaves the graph at {file}:5 (loss)" in dict(report.skipped)["balls"]
