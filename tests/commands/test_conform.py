"""`lstm-ref conform` as a user runs it: the table, JSON, a broken layout, a framework that is not installed."""

from __future__ import annotations

import json
import math
import subprocess
import sys

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
    assert "lacks lstm, peepholes: no module has them" in text
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
    real = table.importlib.import_module

    def without_keras(name):
        if name.endswith("with_keras"):
            raise ModuleNotFoundError("No module named 'keras'")
        return real(name)

    monkeypatch.setattr(table.importlib, "import_module", without_keras)
    code, text = run("torch", "keras", "--quiet")
    assert code == 0
    assert text.splitlines()[0] == "keras: not installed (pip install keras)"
    code, text = run("keras")
    assert (code, text.splitlines()[0]) == (2, "keras: not installed (pip install keras)")
    found = json.loads(run("torch", "keras", "--json")[1])["frameworks"][1]
    assert (found["name"], found["installed"], found["runs"]) == ("keras", False, [])


def test_importing_the_command_imports_nothing_heavy():
    names = ("torch", "keras", "flax", "equinox", "haiku", "onnx", "onnxruntime", "jax", "numpy", "rich")
    code = f"import lstm_ref.commands.conform, sys; sys.exit(', '.join(n for n in {names} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
