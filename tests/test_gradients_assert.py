"""`assert_gradients` takes what `check_gradients` takes, and says once what is wrong."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from processes import run_module

from lstm_ref import assert_gradients, check_gradients
from lstm_ref.checking.report import UNDECIDED
from lstm_ref.testing import failure

ROOT = Path(__file__).parents[1]
X = {"x": np.array([1.0, 2.0])}


def cubes(inputs):
    return (inputs["x"] ** 3).sum()


def wrong(inputs):
    return {"x": 2 * inputs["x"] ** 2}


def test_it_has_the_keywords_of_check_gradients():
    assert inspect.signature(assert_gradients) == inspect.signature(check_gradients)


def test_a_misspelt_keyword_is_an_error_of_types(tmp_path, request):
    """What mypy has read of our code, it reads again only where the code has changed."""
    pytest.importorskip("mypy", reason="mypy is not installed")
    file = tmp_path / "mine.py"
    file.write_text(
        "from lstm_ref import assert_gradients\n"
        "assert_gradients({}, los=lambda i: 1.0)\n"
        "assert_gradients({}, digits='80')\n"
        "assert_gradients({}, loss=lambda i: 1.0, digits=80)\n"
        "reveal_type(assert_gradients({}))\n"
    )
    ours_alone = ("--no-site-packages", "--follow-imports=silent")  # the types of JAX and NumPy take ten times as long
    kept = request.config.cache.mkdir("mypy") if hasattr(request.config, "cache") else tmp_path
    command = [sys.executable, "-m", "mypy", *ours_alone, f"--cache-dir={kept}", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'mine.py:2: error: Unexpected keyword argument "los" for "assert_gradients"' in done.stdout, done.stdout
    assert 'mine.py:3: error: Argument "digits" to "assert_gradients" has incompatible type "str"' in done.stdout
    assert 'mine.py:5: note: Revealed type is "lstm_ref.checking.report.Report"' in done.stdout
    assert "Found 2 errors" in done.stdout


def test_a_wrong_gradient_says_everything_once():
    with pytest.raises(AssertionError) as raised:
        assert_gradients(X, loss=cubes, gradients=wrong, oracles=["differences"])
    assert str(raised.value) == f"\n{raised.value.report}\n"


def test_what_could_not_be_decided_is_said_once_and_first():
    report = check_gradients(X, loss=cubes, gradients=wrong, oracles=["differences"], name="mine")
    inputs = (replace(report.inputs[0], undecided=True),)
    why = "x: the loss is 1e-18, rescale it"
    text = str(failure(replace(report, verdict=UNDECIDED, inputs=inputs, undecided=(why,))))
    assert text.splitlines()[1] == f"mine: the gradient of x could not be decided; {why}"
    assert text.count(why) == 1


@pytest.mark.parametrize("plugins", [(), ("-p", "no:lstm_ref")])
def test_under_pytest_the_text_appears_once(tmp_path, plugins):
    (tmp_path / "test_mine.py").write_text(
        "import numpy as np\nfrom lstm_ref import assert_gradients\n\ndef test_it():\n"
        "    x = {'x': np.ones(2)}\n"
        "    assert_gradients(x, loss=lambda i: (i['x'] ** 3).sum(), gradients=lambda i: {'x': i['x']}, "
        "oracles=['differences'])\n"
    )
    # -rN: pytest's own summary is whole where the variable CI is set, and says the text again
    options = ("-q", "-rN", "-p", "no:cacheprovider", *plugins)
    done = run_module("pytest", *options, str(tmp_path), folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout.count("WRONG: 2 of 2") == 1
    assert done.stdout.count("gradients: wrong") == 1
