"""The pytest plugin in a repository that only installs the package: two lines of configuration; red if wrong, green if
right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from processes import environment, run_module

EXAMPLES = Path(__file__).parents[1] / "examples"
TWO_LINES = '[tool.pytest.ini_options]\ngradient_files = ["lstm.py"]\naddopts = "--gradients-report=report.html"\n'
RIGHT = """
import numpy as np

inputs = {"w": np.array([0.5, -1.5]), "v": np.array([2.0])}

def loss(inputs):
    return (inputs["w"] ** 3).sum() * inputs["v"][0]

def gradients(inputs):
    return {"w": 3 * inputs["w"] ** 2 * inputs["v"][0], "v": np.array([1.0]) * (inputs["w"] ** 3).sum()}
"""
WRONG = RIGHT.replace("3 * inputs", "2 * inputs")


@pytest.fixture
def repository(tmp_path):
    """A folder with these files in it, and a way to run pytest there as its owner would."""

    def run(*options, **files):
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text)
        return run_module("pytest", "-p", "no:cacheprovider", *options, folder=tmp_path)

    return run


def test_two_lines_of_configuration_are_red_on_a_wrong_file_green_on_a_right_one(repository, tmp_path):
    right = repository("-k", "gradients", pyproject__toml=TWO_LINES, lstm__py=(EXAMPLES / "lstm_numpy.py").read_text())
    assert right.returncode == 0, right.stdout
    assert "5 passed" in right.stdout
    assert "exact gradient" in (tmp_path / "report.html").read_text()
    wrong = repository("-k", "gradients", lstm__py=(EXAMPLES / "lstm_mistake.py").read_text())
    assert wrong.returncode == 1
    assert "first wrong on the way back: the adjoint of c_node at step 4" in wrong.stdout
    assert "Traceback" not in wrong.stdout
    assert "7 failed" in wrong.stdout
    assert "First wrong adjoint on the way back" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("workers", [(), ("-n", "2"), ("-n", "2", "--dist", "loadfile")], ids=" ".join)
def test_every_input_is_a_test_and_reports_come_from_every_worker(repository, tmp_path, workers):
    done = repository(
        *workers,
        *("-v", "--gradients-report", "r.json", "--gradients-report", "r.xml"),
        derivation_right__py=RIGHT,
        derivation_wrong__py=WRONG,
    )
    assert done.returncode == 1
    for line in ("derivation_right.py::gradients[w]", "derivation_right.py::gradients[v]"):
        assert line in done.stdout
    assert "1 failed, 3 passed" in done.stdout
    reports = json.loads((tmp_path / "r.json").read_text())["reports"]
    assert [(r["name"], r["right"]) for r in reports] == [("derivation_right", True), ("derivation_wrong", False)]
    suites = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert [(s.get("name"), s.get("failures")) for s in suites] == [
        ("derivation_right", "0"),
        ("derivation_wrong", "1"),
    ]


def test_a_wrong_factor_is_named_in_the_failure(repository):
    done = repository(derivation_wrong__py=WRONG)
    assert "0.666667 times what it should be" in done.stdout


def test_assert_gradients_fails_with_the_report_and_its_line_not_with_a_traceback(repository, tmp_path):
    test = WRONG + "\nfrom lstm_ref import assert_gradients\n\ndef test_gradients():\n"
    test += "    assert_gradients(inputs, loss=loss, gradients=gradients, name='mine')\n"
    done = repository("--gradients-report=r.json", test_mine__py=test)
    assert done.returncode == 1
    assert "test_mine.py:15: assert_gradients fails" in done.stdout
    assert "mine: wrong" in done.stdout
    assert "check_gradients(" not in done.stdout
    assert json.loads((tmp_path / "r.json").read_text())["reports"][0]["name"] == "mine"


@pytest.mark.parametrize("full", [(), ("--full-trace",)], ids=["", "full trace"])
def test_bad_input_of_assert_gradients_shows_the_users_lines_and_not_ours(repository, full):
    test = RIGHT.replace("return {", "return broken(inputs) or {")
    test += "\ndef broken(inputs):\n    return inputs['nothing']\n\nfrom lstm_ref import assert_gradients\n"
    test += "\ndef test_its_code_fails():\n    assert_gradients(inputs, loss=loss, gradients=gradients)\n"
    test += "\ndef test_a_bad_call():\n    assert_gradients({'w': 1}, loss=loss, gradients=gradients)\n"
    done = repository(*full, test_x__py=test)
    assert done.returncode == 1
    assert "BadInput: gradients: input w must be an array of floats, got int" in done.stdout
    assert "BadInput: gradients: gradients(inputs) fails: KeyError: 'nothing'" in done.stdout
    for line in (">       return inputs['nothing']", ">       assert_gradients({'w': 1}"):
        assert line in done.stdout or full
    assert "return broken(inputs) or {" in done.stdout
    for ours in ("lstm_ref/checking/claim/evaluate.py", "lstm_ref/checking/problem.py"):
        assert (ours in done.stdout) == bool(full)


def test_assert_gradients_in_a_helper_is_found_there_and_in_the_test(repository):
    helper = WRONG + "\nfrom lstm_ref import assert_gradients\n\ndef prove():\n"
    helper += "    assert_gradients(inputs, loss=loss, gradients=gradients)\n"
    done = repository(helper__py=helper, test_mine__py="from helper import prove\n\ndef test_it():\n    prove()\n")
    assert "test_mine.py:4: " in done.stdout
    assert "helper.py:15: assert_gradients fails" in done.stdout
    nested = "\n\ndef after():\n    pass\n\ndef test_it():\n    prove()\n    after()\n"
    done = repository(test_mine__py=helper + nested)
    assert "test_mine.py:15: assert_gradients fails" in done.stdout


def test_a_claim_that_is_wrong_as_a_whole_fails_in_every_input(repository):
    writing = RIGHT.replace("    return {", "    given = {") + "    inputs['v'] *= 1.5\n    return given\n"
    done = repository(derivation_writing__py=writing)
    assert "writes into its argument: input v" in done.stdout
    assert "2 failed" in done.stdout


NAMED = """
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

inputs = {"w": np.array([0.5, -1.5])}

def loss(inputs):
    return (checkpoint_name(inputs["w"] ** 2, "square") * inputs["w"]).sum()

def gradients(inputs):
    return {"w": 3 * inputs["w"] ** 2, "square": 2 * inputs["w"]}
"""


def test_a_wrong_adjoint_of_a_named_value_is_red(repository):
    wrong = repository(derivation_named__py=NAMED)
    assert wrong.returncode == 1
    assert "first wrong on the way back: the adjoint of square" in wrong.stdout
    right = repository(derivation_named__py=NAMED.replace("2 * inputs", "inputs"))
    assert right.returncode == 0, right.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=" ".join)
def test_a_function_called_test_in_a_named_file_is_no_test_unless_python_files_says_so(repository, workers):
    text = RIGHT + "\ndef test(model):\n    return model\n"
    settings = '[tool.pytest.ini_options]\ngradient_files = ["mine.py"]\n'
    done = repository(*workers, pyproject__toml=settings, mine__py=text)
    assert "2 passed" in done.stdout
    assert "error" not in done.stdout
    text = RIGHT + "\ndef test_it():\n    pass\n"
    done = repository(*workers, pyproject__toml=settings + 'python_files = ["mi*.py"]\n', mine__py=text)
    assert "3 passed" in done.stdout


def test_a_file_that_is_not_python_is_one_clear_error(repository):
    done = repository(derivation_bad__py=RIGHT + "\ndef broken(:\n")
    assert done.returncode == 2
    assert "cannot be imported: SyntaxError: invalid syntax (line" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("place", [Path.resolve, os.path.relpath], ids=["absolute", "relative"])
def test_a_named_file_may_be_anywhere(repository, tmp_path, tmp_path_factory, monkeypatch, place):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "mine.py"
    elsewhere.write_text(RIGHT)
    monkeypatch.chdir(tmp_path)
    settings = f"[tool.pytest.ini_options]\ngradient_files = ['{place(elsewhere)}']\n"
    done = repository("-k", "gradients", pyproject__toml=settings)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_a_failing_check_is_made_once_and_told_in_every_input(repository, tmp_path):
    failing = RIGHT.replace(
        "    return {", "    open('calls', 'a').write('.')\n    raise ValueError('no')\n    return {"
    )
    done = repository(derivation_failing__py=failing)
    assert "2 failed" in done.stdout
    assert done.stdout.count("gradients(inputs) fails: ValueError: no") >= 2
    calls = (tmp_path / "calls").read_text()
    again = repository("-k", "gradients[w]", derivation_failing__py=failing)
    assert "1 failed" in again.stdout
    assert len((tmp_path / "calls").read_text()) == 2 * len(calls)


def test_a_file_that_cannot_be_checked_is_one_clear_error(repository):
    done = repository(derivation_bad__py=RIGHT.replace("gradients", "grads"))
    assert done.returncode == 2
    assert "defines `loss` and no `gradients`; did you mean grads?" in done.stdout
    assert "Traceback" not in done.stdout


def test_what_ends_a_process_or_has_no_words_is_one_line_a_file_and_the_others_are_checked(repository):
    odd = "class Odd(BaseException):\n    def __str__(self): return 1 / 0\n"
    files = {
        "a": "import sys\nsys.exit(0)\n" + RIGHT,
        "b": RIGHT + odd + "raise Odd\n",
        "c": RIGHT.replace("return (inputs", "raise SystemExit(0)\n    return (inputs"),
        "d": odd + RIGHT.replace("return (inputs", "raise Odd\n    return (inputs"),
        "e": "def __getattr__(name): raise ValueError(name)\nproblem = 3\n",
        "f": "import pytest\npytest.importorskip('nothing_like_it')\n" + RIGHT,
        "g": RIGHT,
        "h": RIGHT.replace('"w"', '"w\\x1b[2J"'),
    }
    done = repository("-v", **{f"derivation_{k}__py": text for k, text in files.items()})
    assert done.returncode == 2, "as pytest says that files could not be collected"
    assert "derivation_a.py: cannot be imported: SystemExit: 0 (line 2)" in done.stdout
    assert "derivation_b.py: cannot be imported: Odd: (its text is unavailable) (line 13)" in done.stdout
    assert "derivation_e: its code fails: ValueError: inputs (derivation_e.py, line 1)" in done.stdout
    done = repository("-v", "-rs", "--continue-on-collection-errors")
    assert "derivation_c: loss(inputs) fails: SystemExit: 0 (derivation_c.py, line 7)" in done.stdout
    assert "derivation_d: loss(inputs) fails: Odd: (its text is unavailable) (derivation_d.py, line 9)" in done.stdout
    assert "could not import 'nothing_like_it'" in done.stdout
    assert "derivation_g.py::gradients[w] PASSED" in done.stdout
    assert r"gradients[w\x1b[2J] PASSED" in done.stdout
    for text in (done.stdout, done.stderr):
        assert "INTERNALERROR" not in text
        assert "Traceback" not in text
        assert "\x1b[2J" not in text


UNDECIDED = """
from dataclasses import replace
import sys
import lstm_ref.checking.checker

def undecided(*given, check=lstm_ref.checking.checker.check, **options):
    report = check(*given, **options)
    w, v = report.inputs
    sentences = ("w: the loss is 1e-18, rescale it",)
    w = replace(w, right=False, undecided=True)
    return replace(report, verdict="undecided", undecided=sentences, inputs=(w, v))
"""


def test_what_could_not_be_decided_is_red_and_says_what_first_and_a_defect_of_ours_says_so(repository, tmp_path):
    settings = UNDECIDED.replace("lstm_ref.checking.checker.check", 'sys.modules["lstm_ref.checking.checker"].check')
    settings += 'sys.modules["lstm_ref.checking.checker"].check = undecided\n'
    test = RIGHT + "\nfrom lstm_ref import assert_gradients, UndecidedGradient, WrongGradient\n\ndef test_it():\n"
    test += "    assert_gradients(inputs, loss=loss, gradients=gradients, name='mine')\n"
    settings += "import lstm_ref.checking.api\nlstm_ref.checking.api.check = undecided\n"
    done = repository("--gradients-report=r.xml", conftest__py=settings, derivation_x__py=RIGHT, test_x__py=test)
    assert done.returncode == 1
    assert "2 failed, 1 passed" in done.stdout
    lines = done.stdout.splitlines()
    assert "derivation_x: the gradient of w could not be decided; w: the loss is 1e-18, rescale it" in lines
    assert "mine: the gradient of w could not be decided; w: the loss is 1e-18, rescale it" in lines
    assert "FAILED derivation_x.py::gradients[w] - derivation_x: the gradient" in done.stdout
    assert "Traceback" not in done.stdout
    assert [s.get("errors") for s in ElementTree.parse(tmp_path / "r.xml").getroot()] == ["1", "1"]


def test_a_defect_of_ours_says_so(repository):
    broken = "import lstm_ref.checking.claim.evaluate as module\nmodule.cotangents_of = 3\n"
    done = repository("-k", "gradients[w]", conftest__py=broken, derivation_x__py=RIGHT)
    said = "this is a defect of lstm_ref, please report it: TypeError: 'int' object is not callable (lstm_ref/checking/"
    assert said in done.stdout
    assert "1 failed" in done.stdout
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("order", [("m1", "m2"), ("m2", "m1")], ids="".join)
def test_neighbours_of_one_name_are_each_files_own_also_beside_a_test_that_imports_one(repository, tmp_path, order):
    for name, factor in (("m1", 3), ("m2", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "helper.py").write_text(f"K = {factor}\n")
        text = "from helper import K\n" + RIGHT.replace("3 * inputs", "K * inputs")
        (tmp_path / name / "derivation_x.py").write_text(text)
    (tmp_path / "m1" / "test_m1.py").write_text("import helper\n\ndef test_it():\n    assert helper.K == 3\n")
    done = repository("-v", *order)
    assert "m1/derivation_x.py::gradients[w] PASSED" in done.stdout
    assert "m2/derivation_x.py::gradients[w] FAILED" in done.stdout
    assert "m1/test_m1.py::test_it PASSED" in done.stdout


@pytest.mark.parametrize("imported", ["inputs, loss", "*"])
def test_a_file_that_imports_its_inputs_is_collected(repository, imported):
    own = f"import numpy as np\nfrom right import {imported}\n" + WRONG[WRONG.index("def gradients") :]
    done = repository("-v", right__py=RIGHT, derivation_x__py=own)
    assert done.returncode == 1
    assert "derivation_x.py::gradients[w] FAILED" in done.stdout
    assert "derivation_x.py::gradients[v] PASSED" in done.stdout


def test_somebodys_module_of_that_name_is_left_alone(repository):
    done = repository(derivation_tree__py="raise SystemExit('imported')\n", test_x__py="def test_x(): pass\n")
    assert done.returncode == 0
    assert "1 passed" in done.stdout


def test_a_named_file_is_found_outside_the_test_paths(repository, tmp_path):
    (tmp_path / "tests").mkdir()
    settings = '[tool.pytest.ini_options]\ntestpaths = ["tests"]\ngradient_files = ["*_grad.py"]\n'
    done = repository("-q", pyproject__toml=settings, my_grad__py=RIGHT)
    assert "2 passed" in done.stdout


def test_a_named_file_that_is_not_there_is_an_error(repository):
    done = repository(pyproject__toml=TWO_LINES)
    assert done.returncode == 4
    assert "gradient_files: no file matches 'lstm.py'" in done.stderr


@pytest.mark.parametrize(
    ("name", "message"), [("r.pdf", "must end in"), ("no/r.html", "there is no folder"), ("a.html", "not a report")]
)
def test_a_report_that_cannot_be_written_stops_the_run_before_it_starts(repository, tmp_path, name, message):
    (tmp_path / "a.html").write_text("<p>precious</p>")
    done = repository(f"--gradients-report={name}", derivation_right__py=RIGHT)
    assert done.returncode == 4
    assert message in done.stderr
    assert (tmp_path / "a.html").read_text() == "<p>precious</p>"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--gradients-seed=-1", "--gradients-seed must not be negative, got -1"),
        ("--gradients-digits=3", "from 20 to 1000, got 3"),
    ],
)
def test_a_setting_that_cannot_be_stops_the_run_before_it_starts(repository, option, message):
    done = repository(option, derivation_right__py=RIGHT)
    assert done.returncode == 4
    assert message in done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


def test_a_report_that_cannot_be_written_in_the_end_is_one_line_beside_the_results(repository):
    full = "import os\n\ndef full(_): raise OSError(28, 'No space left on device')\n\nos.fsync = full\n"
    done = repository("--gradients-report=r.html", conftest__py=full, derivation_right__py=RIGHT)
    assert "2 passed" in done.stdout
    assert "r.html: cannot be written: No space left on device" in done.stdout
    assert done.returncode == 4
    assert "INTERNALERROR" not in done.stdout + done.stderr


def test_a_run_in_which_nothing_is_checked_imports_nothing_heavy(tmp_path):
    heavy = {"jax", "numpy", "flint"}
    (tmp_path / "test_x.py").write_text(f"import sys\n\ndef test_x():\n    assert not {heavy} & set(sys.modules)\n")
    # jaxtyping's own plugin, where it is installed, imports NumPy
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:jaxtyping"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
