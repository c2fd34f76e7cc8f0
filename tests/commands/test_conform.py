"""`lstm-ref conform` as a user runs it: the table, JSON, a broken layout, a framework that is not installed."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

from lstm_ref.cli import app
from lstm_ref.errors import BadInput
from lstm_ref.interop.conform import table
from lstm_ref.interop.conform.features import FEATURES
from lstm_ref.interop.layouts import LAYOUTS


def run(*arguments):
    done = CliRunner().invoke(app, ("conform", *arguments), standalone_mode=False)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


@pytest.fixture
def torch(monkeypatch):
    """torch with two features, so that it is quick."""
    pytest.importorskip("torch", reason="torch is not installed")
    module = table.module_of("torch")
    monkeypatch.setattr(module, "RUNS", {name: module.RUNS[name] for name in ("lstm", "lstm, lengths")})
    return module


def test_a_table_of_digits_with_the_version_compared(torch):
    code, text = run("torch")
    assert code == 0
    rows = {line[:42].strip(): line[42:].split() for line in text.splitlines()}
    assert [row for row in rows if row in FEATURES] == list(FEATURES)
    assert rows["gru, reset after"] == ["-"]
    double, slash, single = rows["lstm, lengths"]
    assert (float(double) > 14, slash, float(single) > 5.5) == (True, "/", True)
    assert "-log10 of the largest error" in text
    assert "lacks gru, reset before: torch's GRU resets after the product" in text
    assert any(line.startswith("  lacks ") and line.endswith(": no layer computes it") for line in text.splitlines())
    assert "trap: LSTM, LSTMCell: Two biases are added" in text
    assert text.splitlines()[-1] == f"6 comparisons agree: torch {torch.VERSION}; seed 0"


def test_json_has_every_array_and_every_version(torch):
    code, text = run("torch", "--json", "--seed", "1")
    found = json.loads(text)
    assert code == 0
    assert (found["schema"], found["seed"]) == (table.SCHEMA, 1)
    assert {"jax", "numpy", "lstm_ref"} <= found["environment"].keys()
    (one,) = found["frameworks"]
    assert (one["name"], one["version"], one["installed"]) == ("torch", torch.VERSION, True)
    first = one["runs"][0]
    assert (first["feature"], first["layout"], first["dtype"]) == ("lstm", "torch.nn.LSTM", "float64")
    names = {v["array"] for v in first["arrays"]}
    assert {"outputs", "final.0.c", "d params.0.bias_hh_l0", "d initial.0.h", "d xs"} <= names
    assert first["digits"] == min(v["digits"] for v in first["arrays"]) <= 53 * math.log10(2)
    assert all(v["agrees"] and v["digits"] >= v["bound"] > 10 for v in first["arrays"])
    assert found["frameworks"] != json.loads(run("torch", "--json")[1])["frameworks"]


def test_more_frameworks_than_fit_are_tables_one_below_the_other(monkeypatch):
    pytest.importorskip("autograd", reason="autograd is not installed")
    monkeypatch.setattr("lstm_ref.commands.conform.COLUMNS", 1)
    monkeypatch.setitem(table.FRAMEWORKS, "again", table.FRAMEWORKS["autograd"])
    code, text = run("autograd", "again")
    assert code == 0
    assert text.count("lstm, projected ") == 2
    assert text.index("autograd") < text.index("lstm, projected ") < text.index("again")
    assert text.splitlines()[-1].startswith("4 comparisons agree: ")


def test_quiet_is_the_verdict(torch):
    code, text = run("torch", "--quiet", "--no-color")
    assert code == 0
    assert text == f"6 comparisons agree: torch {torch.VERSION}; seed 0\n"


def test_a_layout_with_a_swapped_gate_is_wrong(torch, monkeypatch):
    right = LAYOUTS["torch.nn.LSTM"]
    swapped = right._replace(parts=(right.parts[0]._replace(gates="igfo"), *right.parts[1:]))
    monkeypatch.setitem(LAYOUTS, "torch.nn.LSTM", swapped)
    code, text = run("torch")
    assert code == 1
    assert text.count("WRONG") == 4
    assert f"wrong: torch {torch.VERSION}, lstm, lengths, torch.nn.LSTM, float32: " in text
    assert "digits agree, at least" in text
    assert text.splitlines()[-1].startswith("4 of 6 comparisons wrong, 0 could not be made: torch ")
    runs = json.loads(run("torch", "--json")[1])["frameworks"][0]["runs"]
    assert [r["agrees"] for r in runs] == [False, False, True, True, False, False]


@pytest.mark.parametrize("spoilt", [math.nan, 1e-6])
def test_what_is_not_a_number_or_a_little_off_is_wrong(torch, monkeypatch, spoilt):
    right = torch.answer
    monkeypatch.setattr(
        torch, "answer", lambda *a: (found := right(*a))._replace(xs=found.xs + found.xs.dtype.type(spoilt))
    )
    code, text = run("torch", "--quiet")
    assert code == 1
    assert text.splitlines()[-1].startswith(f"{6 if math.isnan(spoilt) else 3} of 6 comparisons wrong")


def test_what_fails_is_one_line_and_exit_code_2(torch, monkeypatch):
    def fails(*_):
        raise RuntimeError("no kernel\nfor this")

    monkeypatch.setattr(torch, "answer", fails)
    code, text = run("torch", "--quiet")
    assert code == 2
    assert f"failed: torch {torch.VERSION}, lstm, torch.nn.LSTM, float64: RuntimeError: no kernel for this" in text


def test_an_unknown_name_is_one_line():
    with pytest.raises(BadInput, match=r"^no framework is called 'torhc'; there are torch, keras, .*$"):
        run("torhc")


def test_a_framework_that_is_not_installed_is_a_line_and_no_error(torch, monkeypatch):
    monkeypatch.setattr(table, "find_spec", lambda name: None if name == "flax" else find_spec(name))
    code, text = run("torch", "flax", "--quiet")
    assert code == 0
    assert text.splitlines()[0] == "flax: not installed (pip install flax)"
    code, text = run("flax")
    assert (code, text.splitlines()[0]) == (2, "flax: not installed (pip install flax)")
    found = json.loads(run("torch", "flax", "--json")[1])["frameworks"][1]
    assert (found["name"], found["installed"], found["runs"]) == ("flax", False, [])


def test_what_is_not_installed_starts_no_process(monkeypatch):
    monkeypatch.setattr(table, "find_spec", lambda name: None)
    monkeypatch.setattr(table, "ProcessPoolExecutor", None)
    assert table.measured("tensorflow").unusable == "not installed (pip install tensorflow-cpu)"
    assert table.measured("xlstm").unusable == "not installed (pip install xlstm torch)"


def test_what_is_compared_now_is_said_before_it_is(torch, monkeypatch):
    said = []
    monkeypatch.setattr(table, "compared", lambda *read: said.append(read[1].name))
    table.measured("torch", 0, said.append)
    assert said[:5] == ["torch", "torch: lstm, float64", "lstm", "torch: lstm, float32", "lstm"]


def test_importing_the_command_imports_nothing_heavy():
    names = ("torch", "keras", "flax", "equinox", "haiku", "onnx", "onnxruntime", "jax", "numpy", "rich")
    code = f"import lstm_ref.commands.conform, sys; sys.exit(', '.join(n for n in {names} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


# -------------------------------------------------------------------------------------------------- a file of one's own

RIGHT = """
import numpy as np
from beside import below, steps
print("noise")
layout, cell, dtypes = "W: w_x h d; U: w_h h k; b: b h", "rnn_tanh", ["float64"]


def run(params, state, xs, cotangents):
    W, U, b = params.values()
    hs = steps(W, U, b, state.h, xs)
    before, bar, a_bars = np.stack([state.h, *hs[:-1]]), cotangents.final.h, []
    for h, h_bar in zip(hs[::-1], cotangents.hs[::-1], strict=True):
        a_bars.insert(0, (bar + h_bar) * (1 - h * h))
        bar = a_bars[0] @ U
    a = np.stack(a_bars)
    params = {"W": np.einsum("tbh,tbd->hd", a, xs), "U": np.einsum("tbh,tbk->hk", a, before), "b": a.sum((0, 1))}
    return hs, (hs[-1],), {"params": params, "state": (bar,), "xs": a @ W}
"""
BESIDE = """
import numpy as np


def steps(W, U, b, h, xs):
    return np.stack([h := np.tanh(x @ W.T + h @ U.T + b) for x in xs])


def below(h):
    assert h.ndim == 1
"""


@pytest.fixture
def mine(tmp_path):
    """Writes a file with pieces of its text replaced, and a module beside it."""

    def write(changes=()):
        text = RIGHT
        for right, wrong in dict(changes).items():
            assert right in text
            text = text.replace(right, wrong)
        (tmp_path / "beside.py").write_text(BESIDE)
        (tmp_path / "mine.py").write_text(text)
        return str(tmp_path / "mine.py")

    return write


def test_a_file_of_ones_own_is_compared(mine):
    file = mine()
    code, text = run(file)
    assert code == 0
    assert text.splitlines()[0] == f"{file}: layout in words: agrees, beside rnn_tanh"
    assert "one layer, float64: 1" in text
    assert "noise" not in text


def test_the_mistake_in_a_file_is_named_and_the_exit_code_is_1(mine):
    file = mine({"* (1 - h * h)": "* (1 - h)"})
    code, text = run(file, "--no-color")
    assert code == 1
    assert text.splitlines()[0] == f"{file}: layout in words: WRONG in 1 of 1 runs, beside rnn_tanh"
    code, text = run(mine({"@ U\n": "@ U.T\n"}), "--no-color")
    assert code == 1
    assert "w_h is not transposed in prev_h_bar (R1*, see lstm-ref show 'R1*')" in text
    assert run(file, "--quiet") == (1, f"{file}: layout in words: WRONG in 1 of 1 runs, beside rnn_tanh\n")


def test_a_file_as_json(mine):
    code, text = run(mine({"@ U\n": "@ U.T\n"}), "--json", "--seed", "2")
    assert code == 1
    found = json.loads(text)
    assert found["seed"] == 2
    (one,) = found["comparisons"]
    assert (one["agrees"], one["cell"], one["schema"]) == (False, "rnn_tanh", 1)
    assert one["findings"][0]["sentence"] == "w_h is not transposed in prev_h_bar"
    assert {v["array"]: v["agrees"] for v in one["runs"][0]["arrays"]}["outputs"] is True


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"def run": "def walk"}, "defines no layer; it is called run, module or forward"),
        ({"W, U, b = ": "W, U = "}, r"its code fails: ValueError: too many values to unpack.*\(mine.py, line 9\)"),
        (
            {"h_bar) * (1 - h * h)": "h_bar) * below(h)"},
            r"its code fails: AssertionError: assert h.ndim == 1 \(beside.py, line 10\)",
        ),
        ({"from beside": "from besides"}, r"cannot be imported: ModuleNotFoundError: .*\(line 3\)"),
        ({"w_h h k": "w_h h d"}, "U: w_h has the axes k h, got 'h d'"),
    ],
)
def test_a_file_that_cannot_be_compared_is_one_line(mine, changes, says):
    with pytest.raises(BadInput, match=says) as caught:
        run(mine(changes))
    assert len(str(caught.value).splitlines()) == 1


def test_of_several_files_one_that_cannot_be_compared_hides_no_other(mine, tmp_path):
    right, broken = mine(), tmp_path / "broken.py"
    broken.write_text("import no_such_package")
    code, text = run(str(broken), right)
    assert code == 2
    assert text.splitlines()[0].startswith(f"{right}: layout in words: agrees")
    found = json.loads(run(str(broken), right, "--json")[1])
    assert list(found["errors"]) == [str(broken)]
    assert "No module named 'no_such_package'" in found["errors"][str(broken)]
    assert len(found["comparisons"]) == 1
    assert run(str(broken), mine({"@ U\n": "@ U.T\n"}), "--quiet")[0] == 1


def test_files_and_frameworks_are_not_compared_together(mine):
    with pytest.raises(BadInput, match="files and frameworks are compared by themselves"):
        run(mine(), "torch")
