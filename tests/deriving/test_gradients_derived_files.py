"""Forwards of the literature, as strangers wrote them: derived exactly, with pages whose every line is proven."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from lstm_ref import check_gradients
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.deriving import adjoints
from lstm_ref.deriving.derivation import derive
from lstm_ref.deriving.expressions import number, times
from lstm_ref.deriving.proof import loaded
from lstm_ref.errors import BadInput

FILES = Path(__file__).parents[1] / "graph" / "cells"
DERIVED = sorted(p.stem for p in FILES.glob("*.py"))


@pytest.fixture(scope="module")
def derived():
    known = {}
    return lambda name: known.setdefault(name, derive(FILES / f"{name}.py"))


def inputs_of(module):
    return module.inputs(np.random.default_rng(0))


@pytest.mark.parametrize("name", DERIVED)
def test_the_derived_gradient_is_exact_to_sixty_digits(name, derived):
    d = derived(name)
    ours = loaded(d.forward.title, d.numpy, d.path)
    alone = (
        "import jax" in d.forward.source or "float32" in d.forward.source
    )  # float32 is no formula; values are compared
    theirs = ours if alone else loaded(name, d.forward.source, d.path)
    claim = (
        {"loss": theirs.loss, "gradients": ours.gradients}
        if d.forward.is_loss
        else {"forward": theirs.forward, "backward": ours.backward}
    )
    report = check_gradients(inputs_of(ours), **claim, oracles=["balls"])
    assert report.right, report
    assert report.digits_in_balls >= 60
    assert not report.unchecked


@pytest.mark.parametrize("name", ["lem", "selective_scan"])
def test_both_files_give_the_same_gradient(name, derived):
    d = derived(name)
    user, ours, in_jax = (loaded(name, text, d.path) for text in (d.forward.source, d.numpy, d.jax))
    p = inputs_of(user)
    with x64():
        read = jax.tree.map(jax.numpy.asarray, p)
        if d.forward.is_loss:
            found, expected = jax.grad(in_jax.loss)(read), ours.gradients(p)
        else:
            out, vjp = jax.vjp(in_jax.forward, read)
            bar = np.random.default_rng(1).standard_normal(out.shape)
            (found,), expected = vjp(jax.numpy.asarray(bar)), ours.backward(p, bar)
    for key, value in expected.items():
        assert np.max(np.abs(found[key] - value)) <= 1e-12 * max(1.0, np.max(np.abs(value))), key


@pytest.mark.parametrize("name", DERIVED)
def test_every_line_of_the_page_is_proven_as_it_runs(name, derived, tmp_path, monkeypatch):
    d = derived(name)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / f"{d.forward.title}.py").write_text(d.numpy)
    try:
        exec(compile(code_of(d.page), f"{name}.md", "exec"), {})
    finally:
        sys.modules.pop(d.forward.title, None)
    lines = {a.of for a in (*d.backward.after, *d.backward.step)}
    proven = set(re.findall(r"assert right\((\w+)_bar", d.page))
    assert lines - proven <= set(d.forward.stacked)
    tags = {int(n) for n in re.findall(r"\\tag\{(\d+)\}", d.page)}
    assert tags == set(range(1, len(tags) + 1))


def code_of(page):
    return "\n".join(re.findall(r"```python\n(.*?)```", page, re.S))


def test_a_wrong_rule_is_seen_by_the_page(monkeypatch, tmp_path):
    right = adjoints.SLOPES["tanh"]
    monkeypatch.setitem(adjoints.SLOPES, "tanh", lambda *read: times(number(2), right(*read)))
    d = derive(FILES / "star.py")
    user, ours = loaded("star", d.forward.source, d.path), loaded("ours", d.numpy, d.path)
    p = inputs_of(user)
    assert np.max(np.abs(ours.gradients(p)["Wz"] - user.gradients(p)["Wz"])) > 0.01
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "star_derived.py").write_text(d.numpy)
    with pytest.raises(AssertionError):
        exec(compile(code_of(d.page), "star.md", "exec"), {})


def test_the_phased_lstm_is_derived_where_jax_chooses(tmp_path):
    """The same file in JAX: its masks have names, and are kept in the graph."""
    head, body = (FILES / "phased_lstm.py").read_text().split("def gradients")[0].split("def sigm")
    path = tmp_path / "phased_jax.py"
    path.write_text(head + "import jax.numpy as jnp\n\n\ndef sigm" + body.replace("np.", "jnp."))
    d = derive(path)
    ours = loaded(d.forward.title, d.numpy, path)
    truth = loaded("phased_lstm", (FILES / "phased_lstm.py").read_text(), path).gradients(inputs_of(ours))
    for key, value in ours.gradients(inputs_of(ours)).items():
        np.testing.assert_allclose(value, truth[key], rtol=1e-10, atol=1e-12)


LSTM = """
import numpy as np

def inputs(rng):
    H, D, T = 3, 2, 4
    n = rng.standard_normal
    return {"W": n((4 * H, D + H)), "b": n((4 * H, 1)), "x": n((T, D, 1)), "h0": n((H, 1)), "c0": n((H, 1))}

def sigmoid(v):
    return 1 / (1 + np.exp(-v))

def forward(p):
    h, c = p["h0"], p["c0"]
    H = len(h)
    hs = []
    for x in p["x"]:
        a = p["W"] @ np.vstack((x, h)) + p["b"]
        i, f, g, o = sigmoid(a[:H]), sigmoid(a[H:2 * H]), np.tanh(a[2 * H:3 * H]), sigmoid(a[3 * H:])
        c = f * c + i * g
        h = o * np.tanh(c)
        hs.append(h)
    return np.stack(hs)
"""


def test_the_lstm_of_a_tutorial_reads_as_a_person_writes_it(tmp_path):
    (tmp_path / "lstm.py").write_text(LSTM)
    d = derive(tmp_path / "lstm.py")
    for line in (
        "tanh_c = np.tanh(c)",
        "h_bar = h_next_bar + bar[t]",
        "c_bar = c_next_bar + h_bar * o * (1 - tanh_c**2)",
        "f_bar = c_bar * c_prev",
        "np.concatenate([i_bar * i * (1 - i), f_bar * f * (1 - f), g_bar * (1 - g**2), o_bar * o * (1 - o)], axis=0)",
        "h_prev_bar = a_part_bar[x.shape[0] :]",
        "c_prev_bar = c_bar * f",
    ):
        assert line in d.numpy
    user, ours = loaded("lstm", LSTM, d.path), loaded("ours", d.numpy, d.path)
    report = check_gradients(inputs_of(user), forward=user.forward, backward=ours.backward, oracles=["balls"])
    assert report.digits_in_balls >= 60


def test_a_target_row_that_sums_to_one_makes_softmax_and_logarithm_cancel(derived):
    assert "prob_in_bar = bar * (prob - TARGET) / TARGET.shape[0]" in derived("cornn").numpy


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("inputs = {}", "defines neither `loss"),
        ("def loss(p):\n    return 0.0", "defines no `inputs`"),
        (
            "import numpy as np\ninputs = {'w': np.array([3.0, 1, 2])}\ndef loss(p):\n"
            "    return (np.sort(p['w']) * np.arange(3)).sum()",
            "the code chooses otherwise at other inputs",
        ),
        ("inputs = [", "cannot be imported"),
    ],
)
def test_a_file_that_cannot_be_derived_is_one_line(text, told, tmp_path):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(BadInput) as refused:
        derive(tmp_path / "bad.py")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "bad.py"))
