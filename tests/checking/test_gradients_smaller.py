"""A large problem is explained on a smaller one: the same code on shorter axes, with its own numbers put back after."""

from __future__ import annotations

import types

import jax
import numpy as np
import pytest

from lstm_ref import check_gradients
from lstm_ref.checking.diagnosis.smaller import smaller
from lstm_ref.checking.problem import problem

SOURCE = """
import numpy as np
H, V, steps = 23, 13, 6
text = np.arange(steps + 1) % V
def inputs(rng):
    return {"W": 0.3 * rng.standard_normal((4 * H, H + V)), "b": rng.standard_normal(4 * H),
            "out": rng.standard_normal((V, H))}
class Net:
    def __init__(self):
        self.hidden = H
    def forward(self, p):
        h, c = np.zeros((steps + 1, self.hidden)), np.zeros((steps + 1, self.hidden))
        self.z, self.gates = np.zeros((steps, self.hidden + V)), np.zeros((steps, 4 * self.hidden))
        total = 0.0
        for t in range(steps):
            self.z[t, :self.hidden] = h[t]
            self.z[t, self.hidden + text[t]] = 1.0
            a = p["W"] @ self.z[t] + p["b"]
            f, i, o, g = np.split(a, 4)
            f, i, o, g = 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-o)), np.tanh(g)
            self.gates[t] = np.concatenate([f, i, o, g])
            c[t + 1] = f * c[t] + i * g
            h[t + 1] = o * np.tanh(c[t + 1])
            total += ((p["out"] @ h[t + 1]) ** 2).sum()
        self.h, self.c = h, c
        return total
    def backward(self, p):
        d = {k: np.zeros_like(v) for k, v in p.items()}
        dh, dc = np.zeros(self.hidden), np.zeros(self.hidden)
        for t in reversed(range(steps)):
            dy = 2 * (p["out"] @ self.h[t + 1])
            d["out"] += np.outer(dy, self.h[t + 1])
            dh = dh + p["out"].T @ dy
            f, i, o, g = np.split(self.gates[t], 4)
            u = np.tanh(self.c[t + 1])
            dc = dc + dh * o * (1 - u * u)
            da = np.concatenate([dc * self.c[t] * f * (1 - f), dc * g * i * (1 - i), dh * u * o * (1 - o),
                                 dc * i * (1 - g * g)])
            d["W"] += np.outer(da, self.z[t])
            d["b"] += da
            dh, dc = p["W"].T[:self.hidden] @ da, dc * f
        return d
net = Net()
loss = net.forward
gradients = net.backward
"""


def module_of(source):
    found = types.ModuleType("a_strangers_net")
    exec(compile(source, "a_strangers_net.py", "exec"), found.__dict__)
    return found


def sizes(tree):
    return sum(np.size(v) for v in jax.tree.leaves(tree))


def problem_of(module):
    return problem(module.inputs(np.random.default_rng(0)), loss=module.loss, gradients=module.gradients)


def test_all_axes_of_a_length_are_shortened_together_and_the_codes_numbers_with_them():
    module = module_of(SOURCE)
    of = problem_of(module)
    with smaller(of) as small:
        assert {k: v.shape for k, v in small.inputs.items()} == {"W": (20, 12), "b": (20,), "out": (7, 5)}
        assert (module.H, module.V, module.steps, module.net.hidden) == (5, 7, 4, 5)
        assert np.isfinite(small.function(small.inputs))
    assert (module.H, module.V, module.steps, module.net.hidden) == (23, 13, 6, 23)
    assert sizes(small.inputs) < sizes(of.inputs) / 5


def test_the_parts_are_the_users_own_numbers_gate_by_gate():
    of = problem_of(module_of(SOURCE))
    with smaller(of) as small:
        rows = np.concatenate([np.arange(5) + 23 * k for k in range(4)])
        assert np.array_equal(small.inputs["b"], of.inputs["b"][rows])


def test_code_that_takes_no_shorter_axes_stays_as_it_is():
    kernel = np.random.default_rng(0).standard_normal((31, 31))
    of = problem({"x": np.ones((31, 31))}, loss=lambda i: (i["x"] @ kernel).sum(), gradients=lambda i: {"x": i["x"]})
    with smaller(of) as small:
        assert small is None


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("dc * self.c[t] * f * (1 - f)", "dc * self.c[t + 1] * f * (1 - f)", "c[t + 1] = f * c[t] + i * g"),
        ('p["W"].T[:self.hidden] @ da, dc * f', 'p["W"].T[:self.hidden] @ da, dc', "c[t + 1] = f * c[t] + i * g"),
    ],
)
def test_a_mistake_at_a_real_size_is_named_on_the_smaller_problem(right, wrong, line, tmp_path):
    assert SOURCE.count(right) == 1
    path = tmp_path / "net.py"
    path.write_text(SOURCE.replace(right, wrong))
    module = types.ModuleType("a_strangers_net")
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    report = check_gradients(module.inputs, loss=module.loss, gradients=module.gradients)
    assert report.verdict == "wrong"
    (named,) = [f for f in report.findings if f.kind == "mistake"]
    assert named.exact
    assert line in named.sentence
    assert "(found with 295 of the 3,703 elements, on shorter axes)" in named.sentence
