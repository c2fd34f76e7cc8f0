"""`lstm-ref derive`: the code and its proof on standard output, files on request, one line for what is not derived."""

from __future__ import annotations

import runpy
import sys

import pytest
from click.testing import CliRunner

from lstm_ref.cli import app
from lstm_ref.deriving import proof
from lstm_ref.errors import BadInput

STEP = '''"""A leaky unit."""
import numpy as np

inputs = {
    "params": {"W": np.array([[0.5, -0.4], [0.3, 0.8], [0.2, 0.1]]), "leak": [np.array([0.3, 0.6])]},
    "state": (np.array([[0.1, -0.2]]),),
    "xs": np.array([[[0.5, -1.0, 0.3]], [[0.7, 0.2, -0.4]], [[-0.6, 0.9, 0.8]]]),
}


def step(params, state, x):
    (h,) = state
    (leak,) = params["leak"]
    u = np.tanh(x @ params["W"])
    h_new = leak * h + u
    return (h_new,), u
'''


def run(*arguments):
    return CliRunner().invoke(app, ["derive", *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("derived")
    (folder / "leaky.py").write_text(STEP)
    (folder / "into").mkdir()
    return folder


def test_the_code_is_printed(folder, monkeypatch):
    monkeypatch.setattr(proof, "prove", lambda *_: iter(()))  # the proof is the next test's
    done = run(folder / "leaky.py")
    assert done.exit_code == 0, done.output
    assert "h_bar = h_new_next_bar * leak" in done.stdout or "h_bar = h_new_bar * leak" in done.stdout


@pytest.mark.parametrize(
    ("head", "encoding"), [("", "utf-8-sig"), ("# -*- coding: latin-1 -*-\n# forget gate of café\n", "latin-1")]
)
def test_a_file_is_decoded_as_python_decodes_it(tmp_path, monkeypatch, head, encoding):
    """An editor on Windows begins a file with a byte order mark, and ends its lines with two characters."""
    monkeypatch.setattr(proof, "prove", lambda *_: iter(()))
    (tmp_path / "leaky.py").write_bytes((head + STEP).replace("\n", "\r\n").encode(encoding))
    done = run(tmp_path / "leaky.py")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "leak" in done.stdout


def test_a_file_that_is_in_no_encoding_is_one_line(tmp_path):
    (tmp_path / "leaky.py").write_bytes(("# é\n" + STEP).encode("latin-1"))
    error = run(tmp_path / "leaky.py").exception
    assert isinstance(error, BadInput)
    assert "leaky.py: cannot be imported: SyntaxError: invalid or missing encoding declaration" in str(error)


def test_into_writes_page_code_test_and_picture_with_their_proof_and_never_overwrites(folder, monkeypatch):
    done = run(folder / "leaky.py", "--into", folder / "into")
    assert done.exit_code == 0, done.output
    assert "leaky_derived.py: exact gradient" in done.stdout
    assert "leaky_derived_jax.py: exact gradient" in done.stdout
    assert done.stdout.count(" digits in balls") == 2
    before = {p.name: p.read_bytes() for p in (folder / "into").iterdir()}
    assert set(before) == {
        *("leaky_derived.md", "leaky_derived.py", "leaky_derived_jax.py", "leaky_derived.svg"),
        "test_gradients_leaky_derived.py",
    }
    again = run(folder / "leaky.py", "--into", folder / "into")
    assert isinstance(again.exception, BadInput)
    assert "is not overwritten" in str(again.exception)
    assert before == {p.name: p.read_bytes() for p in (folder / "into").iterdir()}
    monkeypatch.setattr(sys, "path", sys.path[:])
    written = runpy.run_path(str(folder / "into" / "test_gradients_leaky_derived.py"))
    for name, test in written.items():
        if name.startswith("test_"):
            test()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (STEP.replace("return (h_new,), u", "return u"), "must return the next state"),
        (STEP.replace('"xs": ', '"x": '), "has the keys params, state, xs"),
        (
            STEP.replace('u = np.tanh(x @ params["W"])', 'u = x @ params["W"]\n    u = u * (u > 0)'),
            "`u` is not computed in the same way in every step",
        ),
        (STEP.replace("np.tanh(x", "np.cumsum(x"), "line 14: `cumsum` is not derived"),
    ],
)
def test_what_is_not_derived_is_one_line(text, told, tmp_path):
    (tmp_path / "bad.py").write_text(text)
    done = run(tmp_path / "bad.py")
    assert isinstance(done.exception, BadInput)
    assert told in str(done.exception)
    assert "\n" not in str(done.exception)
