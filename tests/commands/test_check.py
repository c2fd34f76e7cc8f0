"""`lstm-ref check` and `verify` as a user runs them: exit codes, one clear line for every bad file, JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from lstm_ref import check_gradients
from lstm_ref.cli import main
from lstm_ref.commands.collecting import in_folder

ROOT = Path(__file__).parents[2]
RIGHT = """
import numpy as np
inputs = {"x": np.array([1.0, 2.0])}
def loss(inputs): return (inputs["x"] ** 3).sum()
def gradients(inputs): return {"x": 3 * inputs["x"] ** 2}
"""
TWICE = RIGHT.replace("3 * inputs", "2 * inputs")


def run(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lstm_ref.cli", *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )


def check_text(tmp_path: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "mine.py"
    file.write_text(text)
    return run("check", str(file), *options)


@pytest.mark.parametrize("example, code", [("lstm_numpy", 0), ("gru_jax", 0), ("lstm_mistake", 1)])
def test_gradients_of_the_examples_are_right_right_and_wrong(example, code):
    done = run("check", str(ROOT / "examples" / f"{example}.py"), "--no-color")
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr == ""
    if code:
        assert "first wrong on the way back: the adjoint of c_node at step 4" in done.stdout
        assert "WRONG: 112 of 112" in done.stdout
    else:
        assert "exact gradient" in done.stdout


def test_json_is_json(tmp_path):
    done = check_text(tmp_path, RIGHT, "--json", "--oracles", "balls,differences")
    report = json.loads(done.stdout)
    assert (done.returncode, report["right"], report["schema"]) == (0, True, 3)
    assert [o["oracle"] for o in report["reports"][0]["inputs"][0]["oracles"]] == ["balls", "differences"]


def test_quiet_is_one_line(tmp_path):
    assert check_text(tmp_path, RIGHT, "--quiet").stdout == "mine: exact gradient\n"


SEARCH_ENDS_ALL = "import os\nfrom lstm_ref.checking import checker\nchecker.explain_claim = lambda *_: os._exit(3)\n"


def test_quiet_looks_for_no_cause_unless_something_shows_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = check_text(tmp_path, SEARCH_ENDS_ALL + TWICE, "--quiet")
    assert (done.returncode, done.stdout) == (1, "mine: wrong\n")
    for shows in ("--json", "--report=r.html", "--no-color"):
        quiet = () if shows == "--no-color" else ("--quiet",)
        assert run("check", "mine.py", *quiet, shows).returncode == 3


def test_quiet_changes_no_exit_code_of_a_mapping_that_does_not_fit(tmp_path):
    text = TWICE + "cell = 'lstm'\ndef mapping(inputs): return 3\n"
    for quiet in ((), ("--quiet",)):
        assert check_text(tmp_path, text, *quiet).returncode == 2


def test_several_derivations_in_one_file_are_classes_and_can_be_named(tmp_path):
    body = "\n".join("    " + line for line in RIGHT.splitlines())
    text = f"class cube:\n{body}\nclass wrong:\n{body.replace('3 * inputs', '2 * inputs')}"
    assert check_text(tmp_path, text, "--quiet").stdout == "mine::cube: exact gradient\nmine::wrong: wrong\n"
    assert run("check", f"{tmp_path / 'mine.py'}::cube", "--quiet").returncode == 0
    assert run("check", f"{tmp_path / 'mine.py'}::other").returncode == 2


BAD_FILES = {
    "": "the file is empty",
    "x = (": "cannot be imported: SyntaxError: '(' was never closed (line 1)",
    "import nothing_like_it": "cannot be imported: ModuleNotFoundError: No module named 'nothing_like_it' (line 1)",
    "x = 1\ny = x / 0": "cannot be imported: ZeroDivisionError: division by zero (line 2)",
    "x = 1": "defines no `inputs`",
    RIGHT.replace("def loss", "def losss"): "defines `gradients` and no `loss`; did you mean losss?",
    RIGHT.replace("def gradients", "def zz"): "defines `loss` and no `gradients`; `lstm-ref derive` writes one\n",
    RIGHT.replace("[1.0, 2.0]", "[1, 2]"): "input x must be an array of floats, got int64",
    RIGHT.replace("[1.0, 2.0]", "[1.0, np.nan]"): "input x is not finite at index (1,)",
    RIGHT.replace('{"x": 3', '{"y": 3'): "returns 'y', which is no input (x)",
    RIGHT.replace("** 2}", "** 2 + np.zeros((3, 2))}"): "the gradient of x must have its shape (2,), got (3, 2)",
    RIGHT.replace('inputs["x"] ** 3', 'inputs["y"] ** 3'): "loss(inputs) fails: KeyError: 'y'",
    RIGHT.replace("return {", "raise SystemExit(3); return {"): "gradients(inputs) fails: SystemExit: 3",
    RIGHT + "nodes = 'x'": "nodes must be a list of input names",
    "def inputs(rng): return 1 / 0": "inputs(generator) fails: ZeroDivisionError",
    "import sys\nsys.exit(0)": "cannot be imported: SystemExit: 0 (line 2)",
    "import sys\ndef inputs(rng): sys.exit(0)": "inputs(generator) fails: SystemExit: 0 (line 2)",
    "raise BaseException('\\x1b[2J')": r"cannot be imported: BaseException: \x1b[2J (line 1)",
    RIGHT.replace("def loss", "def f(): return f()\ndef loss").replace("return (", "f(); return ("): (
        "loss(inputs) fails: RecursionError: maximum recursion depth exceeded (mine.py, line 4)"
    ),
    RIGHT.replace("return {", "1 / 0; return {"): "fails: ZeroDivisionError: division by zero (mine.py, line 5)",
    RIGHT.replace("return (", "raise Odd; return (") + "class Odd(Exception): __str__ = lambda e: 1 / 0": (
        "loss(inputs) fails: Odd: (its text is unavailable) (mine.py, line 4)"
    ),
    RIGHT + "cell = []": "cell must be the name of a cell of lstm_ref, got list",
    RIGHT + "cell = 'lsmt'": "got 'lsmt'; did you mean lstm?",
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_bad_file_is_one_clear_line_and_exit_code_2(told, tmp_path, text):
    (tmp_path / "mine.py").write_text(text)
    code, _, error = told("check", str(tmp_path / "mine.py"))
    assert code == 2
    assert BAD_FILES[text] in error
    assert error.startswith("lstm-ref: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("check", "nowhere.py"), "nowhere.py: no such file"),
        (("check", "LICENSE"), "a derivation file is a Python file"),
        (("check", "README.md"), "README.md: no equation was found"),
        (("check", "x.py", "--oracles", "magic"), "unknown oracle 'magic'"),
        (("check", "x.py", "--digits", "3"), "Invalid value for '--digits'"),
        (("check", "x.py", "--timeout", "0"), "Invalid value for '--timeout'"),
        (("check", "docs"), "docs: there is no derivation file in this folder"),
        (("check",), "Missing argument"),
        (("check", ""), "a derivation file is a Python file"),
        (("check", "\x1b[2Jx.py"), r"\x1b[2Jx.py: no such file"),
        (("verify", "zzz"), "no derivation is called 'zzz'; their names begin with cell/, layer/, time/,"),
        (("verify", "lsmt"), "no derivation is called 'lsmt'; did you mean lstm?"),
        (("verify", ""), "a name is empty: to prove all, give no names"),
        (("verify", "layer/dense", ""), "a name is empty"),
    ],
)
def test_bad_arguments_are_said_and_exit_with_2(told, arguments, message):
    code, out, error = told(*arguments)
    assert code == 2
    assert message in error
    assert "Traceback" not in out + error


# ------------------------------------------------------------------------------------ several files, and folders


@pytest.fixture
def folder(tmp_path):
    """Right, wrong and broken derivations under the same name in two folders, beside files that are none."""
    for path, text in {
        "a/mine.py": RIGHT,
        "b/mine.py": TWICE,
        "b/derivation_broken.py": RIGHT + "1 / 0",
        "b/helper.py": "inputs = open('never run')",
        ".hidden/mine.py": TWICE,
        "env/pyvenv.cfg": "",
        "env/lib/mine.py": TWICE,
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_a_folder_stands_for_the_derivation_files_below_it(folder):
    found = [path.relative_to(folder).as_posix() for path in in_folder(folder)[0]]
    assert found == ["a/mine.py", "b/derivation_broken.py", "b/mine.py"]


OWN_BACKWARD = "\ndef gradients(inputs): return {'x': 2 * inputs['x']}\n"


@pytest.mark.parametrize(
    "text",
    [
        "from a.mine import inputs, loss" + OWN_BACKWARD,
        "from a.mine import inputs, loss, gradients",
        "from a.mine import *",
        "from a.mine import drawn as inputs, grad as gradients",
        "import a.mine\ninputs, (loss, gradients) = a.mine.parts()",
        "try:\n    from a.mine import inputs, loss\nexcept ImportError:\n    from b import inputs",
        "import a.mine\nglobals().update(vars(a.mine))" + OWN_BACKWARD,
        "from a.mine import Base\nclass Mine(Base):" + OWN_BACKWARD.replace("\n", "\n  "),
        "from a.mine import inputs, loss\ndef grad(inputs:",
    ],
)
def test_a_file_of_that_name_is_found_however_it_comes_by_its_inputs(tmp_path, text):
    (tmp_path / "derivation_x.py").write_text(text)
    assert [path.name for path in in_folder(tmp_path)[0]] == ["derivation_x.py"]
    (tmp_path / "derivation_x.py").rename(tmp_path / "x.py")
    assert in_folder(tmp_path)[0] == []


def test_a_file_of_that_name_that_has_nothing_to_do_with_gradients_is_not_found(tmp_path):
    text = '"""The problem of its inputs."""\nfrom ast import walk\ndef tree(inputs):\n    problem = inputs\n'
    (tmp_path / "derivation_tree.py").write_text(text + "class Net(list):\n    def forward(self): ...\n")
    assert in_folder(tmp_path)[0] == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (RIGHT + "def later(:", "SyntaxError"),
        (RIGHT.replace("gradients", "grads"), "no gradients"),
        (RIGHT.replace("loss", "loss_of"), "no loss"),
        (RIGHT.replace("inputs =", "x ="), "no inputs"),
        ("class Mine:" + RIGHT.replace("gradients", "grads").replace("\n", "\n  "), "no gradients"),
        ("from a import inputs, loss" + OWN_BACKWARD, "imports inputs, loss"),
    ],
)
def test_what_looks_like_a_derivation_file_and_is_none_is_named(told, folder, monkeypatch, text, why):
    monkeypatch.chdir(folder)
    ordinary = "from a.mine import inputs, loss, gradients\ndef main(): ...\n"
    layers = "class Dense:\n    def forward(self): ...\n    def backward(self): ...\n"
    for name, content in {"x": text, "main": ordinary, "layers": layers, "net": "def forward(): ...\n"}.items():
        Path(f"a/{name}.py").write_text(content)
    Path("a/derivation_half.py").write_text("def forward(p): return p\n")
    code, out, error = told("check", "a", "--quiet", "--oracles", "differences")
    assert (code, out) == (0, "a/mine.py: exact gradient\n")
    assert error == f"left out: a/derivation_half.py (no inputs, backward), a/x.py ({why})\n"


def test_of_many_files_that_are_left_out_some_are_named(told, folder, monkeypatch):
    monkeypatch.chdir(folder)
    for k in range(13):
        Path(f"a/x{k:02}.py").write_text("def (\n")
    _, _, error = told("check", "a", "--quiet", "--oracles", "differences")
    assert error.startswith("left out: a/x00.py (SyntaxError), ")
    assert error.endswith("a/x09.py (SyntaxError), and 3 more\n")


def test_the_examples_of_the_package_are_found():
    names = {path.name for path in in_folder(ROOT / "examples")[0]}
    assert {"lstm_numpy.py", "gru_jax.py", "lstm_mistake.py", "torch_function.py"} <= names
    assert "data_parallel.py" not in names


def test_several_files_are_summed_up_and_only_what_is_not_right_is_shown_in_full(told, folder, monkeypatch):
    monkeypatch.chdir(folder)
    code, out, error = told("check", "a", "b", "--no-color", "--oracles", "differences")
    assert code == 1
    assert (
        error == "lstm-ref: b/derivation_broken.py: cannot be imported: ZeroDivisionError: division by zero (line 6)\n"
    )
    lines = [line.split() for line in out.splitlines()]
    assert ["a/mine.py", "2", "-"] in [line[:3] for line in lines]
    assert "b/mine.py: wrong" in out
    assert "a/mine.py: exact gradient" not in out
    assert out.splitlines()[-1] == "of 3: 1 wrong, 1 not checked"


@pytest.mark.parametrize(
    ("targets", "code"),
    [(("a/mine.py", "a"), 0), (("a", "b/derivation_broken.py"), 2), (("b/derivation_broken.py", "b/mine.py"), 1)],
)
def test_the_exit_code_of_several_files_is_the_worst(told, folder, monkeypatch, targets, code):
    monkeypatch.chdir(folder)
    assert told("check", *targets, "--quiet", "--oracles", "differences")[0] == code


def test_json_of_several_files_is_one_object_whose_reports_are_named_by_file(told, folder, monkeypatch):
    monkeypatch.chdir(folder)
    code, out, _ = told("check", ".", "--json", "--oracles", "differences", "--report", "r.xml", "--report", "r.html")
    found = json.loads(out)
    assert (code, found["right"]) == (1, False)
    assert [(r["name"], r["right"]) for r in found["reports"]] == [("a/mine.py", True), ("b/mine.py", False)]
    (broken,) = found["errors"]
    assert broken["file"] == "b/derivation_broken.py"
    assert "ZeroDivisionError" in broken["error"]
    suites = ElementTree.parse(folder / "r.xml").getroot()
    assert [(s.get("name"), s.get("failures"), s.get("errors")) for s in suites] == [
        ("a/mine.py", "0", "0"),
        ("b/mine.py", "1", "0"),
        ("b/derivation_broken.py", "0", "1"),
    ]
    assert "? b/derivation_broken.py could not be checked" in (folder / "r.html").read_text()


def test_written_derivations_may_be_among_several_files(told, folder, monkeypatch):
    monkeypatch.chdir(folder)
    page = (ROOT / "tests" / "written" / "pages" / "elman_rnn.md").read_text()
    Path("right.md").write_text(page)
    code, out, error = told("check", "a", "right.md", "--json")
    found = json.loads(out)
    assert (code, found["right"], error) == (0, True, "")
    assert [(p["name"], p["verdict"]) for p in found["written"]] == [("right.md", "right")]
    assert told("check", "a", "right.md", "--quiet")[1] == "a/mine.py: exact gradient\nright.md: right\n"
    Path("wrong.md").write_text(page.replace("1 - ", "2 - "))
    code, out, _ = told("check", "a", "right.md", "wrong.md", "--no-color")
    assert code == 1
    assert "right.md: right\n" in out
    assert out.splitlines()[-1] == "of 3: 1 wrong"


def test_a_file_that_could_not_be_checked_is_not_right_in_json(told, folder, monkeypatch):
    monkeypatch.chdir(folder)
    code, out, _ = told("check", "a/mine.py", "b/derivation_broken.py", "--json", "--oracles", "differences")
    assert (code, json.loads(out)["right"]) == (2, False)


def test_a_page_on_files_none_of_which_could_be_checked_does_not_say_right(told, folder, monkeypatch):
    monkeypatch.chdir(folder)
    broken = "b/derivation_broken.py"
    assert told("check", broken, "b/none.py", "--report", "r.html")[0] == 2
    page = (folder / "r.html").read_text()
    assert "<title>? 0 checks" in page
    assert "right</span>" not in page


# --------------------------------------------------------------------------------------- codes and what is said


@pytest.fixture
def told(monkeypatch, capsys):
    """The command as its user meets it, in this process: exit code, standard output, standard error."""

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["lstm-ref", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, error = capsys.readouterr()
        return ended.value.code, out, error

    return called


@pytest.fixture
def reporting(monkeypatch, tmp_path):
    """Makes the check give a report of these verdicts, one a problem."""
    (tmp_path / "mine.py").write_text("\n".join(f"class c{k}:" + RIGHT.replace("\n", "\n  ") for k in range(3)))
    (made,) = [check_gradients({"x": np.ones(2)}, loss=lambda i: i["x"].sum(), gradients=lambda i: {"x": np.ones(2)})]

    def reports(*verdicts, before=lambda progress: None):
        left = list(verdicts)

        def check(problem, *, oracles, digits, seed, progress=None, **_):
            before(progress)
            verdict = left.pop(0)
            bad = {"right": False, "undecided": verdict == "undecided"} if verdict != "exact gradient" else {}
            return replace(made, name=problem.name, verdict=verdict, inputs=(replace(made.inputs[0], **bad),))

        monkeypatch.setattr(sys.modules["lstm_ref.checking.checker"], "check", check)
        return str(tmp_path / "mine.py")

    return reports


EXACT, WRONG, UNDECIDED = "exact gradient", "wrong", "undecided"


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [((EXACT,) * 3, 0), ((EXACT, UNDECIDED, EXACT), 2), ((EXACT, UNDECIDED, WRONG), 1), ((WRONG, EXACT, EXACT), 1)],
)
def test_wrong_is_1_else_undecided_is_2_else_right_is_0(told, reporting, verdicts, code):
    file = reporting(*verdicts)
    given, out, error = told("check", file, "--quiet")
    assert given == code
    assert out.splitlines() == [f"mine::c{k}: {v}" for k, v in enumerate(verdicts)]
    assert error == ""


def test_a_defect_of_ours_says_so_and_is_not_a_wrong_gradient(told, reporting):
    def broken(progress):
        raise TypeError("\x1b[2Joh\nno")

    file = reporting(EXACT, before=broken)
    code, out, error = told("check", file)
    assert code == 2
    assert error.startswith(
        r"lstm-ref: this is a defect of lstm_ref, please report it: TypeError: \x1b[2Joh (lstm_ref/commands/check.py:"
    )
    assert error.count("\n") == 1
    code, out, error = told("--debug", "check", file)
    assert (code, out) == (2, "")
    assert "Traceback" in error
    assert "this is a defect of lstm_ref" in error


def test_what_the_file_prints_goes_to_standard_error_and_json_stays_json(tmp_path):
    noisy = "import ctypes, os, sys, warnings\nprint('import')\nos.system('echo child')\n" + RIGHT.replace(
        "def loss(inputs): ",
        "def loss(inputs):\n    print('loss'); sys.__stdout__.write('raw'); ctypes.CDLL(None).puts(b'from C')\n"
        "    warnings.warn('at inputs of ours')\n    ",
    )
    done = check_text(tmp_path, noisy, "--json", "--oracles", "differences")
    assert json.loads(done.stdout)["right"] is True
    for said in ("import", "child", "loss", "raw", "from C"):
        assert said in done.stderr
    assert "at inputs of ours" not in done.stderr


def test_what_c_code_has_not_flushed_yet_goes_to_standard_error_too():
    code = "import ctypes\nfrom lstm_ref.commands.running import prints_to_stderr\n"
    code += "with prints_to_stderr():\n    ctypes.CDLL(None).puts(b'from C')\nprint('ours')\n"
    buffered = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}  # which would unbuffer C's output too
    done = subprocess.run([sys.executable, "-c", code], env=buffered, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("ours\n", "from C\n")


def test_prints_go_to_standard_error_in_this_process_too(told, tmp_path):
    loud = RIGHT.replace("def loss(inputs): ", "def loss(inputs): print(1); ")
    (tmp_path / "mine.py").write_text("print('import')\n" + loud)
    code, out, error = told("check", str(tmp_path / "mine.py"), "--quiet", "--oracles", "differences")
    assert (code, out) == (0, "mine: exact gradient\n")
    assert error.startswith("import\n1\n")


NEVER_ENDS = RIGHT.replace(
    "def loss(inputs): ",
    """def loss(inputs):
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True:
        try: time.sleep(9)
        except BaseException: pass
    """,
)


def test_a_check_that_takes_too_long_is_ended_whatever_it_does_and_leaves_no_file(tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)  # what is compiled goes to TMPDIR
    done = check_text(tmp_path, NEVER_ENDS, "--timeout", "3")
    assert done.returncode == 2
    step = "mine: running the forward and the backward pass"
    assert done.stderr == f"lstm-ref: not finished within 3 s (--timeout); the last step was: {step}\n"
    assert not [*temporary.iterdir()]


SEARCHES_ON = (
    "import time\nfrom lstm_ref.checking import checker\n"
    "def explain_claim(*_): time.sleep(999)\nchecker.explain_claim = explain_claim\n"
)


def test_a_verdict_stands_where_the_time_is_up_before_the_cause_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = check_text(tmp_path, SEARCHES_ON + TWICE, "--timeout", "15", "--json", "--report", "r.json")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == Path("r.json").read_text()
    found = json.loads(done.stdout)
    (report,) = found["reports"]
    assert (report["name"], report["verdict"], report["findings"], found["errors"]) == ("mine", "wrong", [], [])
    assert ["diagnosis", "the time was up before the cause was found"] in report["skipped"]
    assert 0 < report["seconds"] < 15


@pytest.mark.parametrize(
    ("stops", "why"),
    [
        (
            NEVER_ENDS,
            "not finished within 15 s (--timeout); the last step was: c: running the forward and the backward",
        ),
        (RIGHT + "import os\nos.kill(os.getpid(), 11)", "the check was ended by SIGSEGV"),
    ],
    ids=["never ends", "dies"],
)
def test_a_file_that_does_not_end_loses_nothing_of_the_others(tmp_path, monkeypatch, stops, why):
    monkeypatch.chdir(tmp_path)
    for name, text in {"a": RIGHT, "b": TWICE, "c": stops, "d": RIGHT, "e": TWICE}.items():
        Path(f"{name}.py").write_text(text)
    files = [f"{name}.py" for name in "abcde"]
    done = run("check", *files, "--timeout", "15", "--json", "--report", "r.xml", "--oracles", "differences")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert [(r["name"], r["verdict"]) for r in found["reports"]] == [("a.py", "exact gradient"), ("b.py", "wrong")]
    assert found["reports"][1]["findings"]
    assert [e["file"] for e in found["errors"]] == ["c.py", "d.py", "e.py"]
    assert found["errors"][0]["error"].startswith(f"c.py: {why}")
    assert found["errors"][1]["error"] == "d.py: not reached: the check ended at c.py"
    assert done.stderr.splitlines() == [f"lstm-ref: {e['error']}" for e in found["errors"]]
    assert [(s.get("failures"), s.get("errors")) for s in ElementTree.parse("r.xml").getroot()] == [
        *(("0", "0"), ("1", "0")),
        *[("0", "1")] * 3,
    ]
    done = run("check", "c.py", "a.py", "--timeout", "3", "--no-color")
    assert (done.returncode, done.stdout) == (2, "of 2: 2 not checked\n")


def test_a_part_of_a_file_that_does_not_end_loses_nothing_of_the_others(tmp_path):
    parts = [
        f"class {name}:" + text.replace("\n", "\n  ")
        for name, text in {"a": TWICE, "b": NEVER_ENDS, "c": RIGHT}.items()
    ]
    done = check_text(tmp_path, "\n".join(parts), "--timeout", "15", "--quiet", "--oracles", "differences")
    assert (done.returncode, done.stdout) == (1, "mine::a: wrong\n")
    assert "mine.py: not finished within 15 s (--timeout); the last step was: mine::b: running" in done.stderr


@pytest.mark.parametrize(("text", "code"), [(RIGHT, 0), (RIGHT.replace("3 * inputs", "2 * inputs"), 1), ("x = 1", 2)])
def test_a_check_that_ends_in_time_is_as_it_would_be_without(tmp_path, text, code):
    done = check_text(tmp_path, text, "--timeout", "100", "--quiet", "--oracles", "differences")
    assert done.returncode == code
    assert done.stderr.count("\n") == (code == 2)


def test_a_process_that_dies_is_told_as_that(tmp_path):
    dying = RIGHT.replace("def loss(inputs): ", "def loss(inputs):\n    import os; os.kill(os.getpid(), 11)\n    ")
    done = check_text(tmp_path, dying, "--timeout", "100")
    assert (done.returncode, done.stderr) == (2, "lstm-ref: the check was ended by SIGSEGV\n")


def test_a_terminal_sees_what_is_being_done_and_the_first_verdict_at_once(told, reporting, monkeypatch):
    seen = []

    class Status:
        def __init__(self, *_, **__): ...
        def __enter__(self):
            return self

        def __exit__(self, *_): ...

        def update(self, text):
            seen.append(text)

    monkeypatch.setattr("rich.console.Console.status", Status)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    file = reporting(WRONG, EXACT, EXACT, before=lambda say: say("verdict: wrong; looking for the cause ..."))
    told("check", file, "--json")
    assert seen[:2] == [f"reading {file}", "mine::c0: verdict: wrong; looking for the cause ..."]
    seen.clear()
    told("check", reporting(WRONG, EXACT, EXACT), "--quiet")
    assert seen == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_under_standard_output_is_an_error_and_no_verdict(tmp_path):
    (tmp_path / "mine.py").write_text(RIGHT)
    command = f"{sys.executable} -m lstm_ref.cli check {tmp_path}/mine.py --oracles differences > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "lstm-ref: standard output cannot be written: No space left on device\n"


def test_a_reader_that_goes_away_changes_no_verdict_and_loses_no_report(tmp_path):
    (tmp_path / "mine.py").write_text(RIGHT.replace("3 * inputs", "2 * inputs"))
    command = f"{sys.executable} -m lstm_ref.cli check {tmp_path}/mine.py --oracles differences --report r.json"
    shell = f"({command}; echo $? > code) | true"
    done = subprocess.run(shell, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (tmp_path / "code").read_text() == "1\n"
    assert done.stderr == ""
    assert json.loads((tmp_path / "r.json").read_text())["right"] is False


@pytest.mark.parametrize(
    ("command", "reader", "code"),
    [("cells", "| true", 141), ("cells", ">&-", 0), ("train char-lm --steps 2 --hidden 4", "| true", 141)],
)
def test_other_commands_without_a_reader_say_nothing(tmp_path, command, reader, code):
    command = f"({sys.executable} -m lstm_ref.cli {command}; echo $? > code) {reader}"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ((tmp_path / "code").read_text(), done.stderr) == (f"{code}\n", "")


def test_what_an_encoding_lacks_is_escaped_as_json_does(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "0"}
    command = [sys.executable, "-m", "lstm_ref.cli", "cells"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.isascii()
    assert r"DH + H\u00b2" in " ".join(done.stdout.split())


def test_verify_says_how_many_are_wrong_and_how_many_undecided(told, monkeypatch):
    verdicts = {"layer/dense": WRONG, "layer/embedding": UNDECIDED}
    made = check_gradients({"x": np.ones(2)}, loss=lambda i: i["x"].sum(), gradients=lambda i: {"x": np.ones(2)})
    monkeypatch.setattr("lstm_ref.commands.verify._prove", lambda n, **_: replace(made, name=n, verdict=verdicts[n]))
    monkeypatch.setattr("lstm_ref.commands.verify._workers", lambda _: nullcontext())
    code, out, _ = told("verify", *verdicts)
    assert code == 1
    assert "of 2: 1 wrong, 1 undecided: 4 gradient elements" in out
    code, out, _ = told("verify", "layer/embedding")
    assert code == 2
    assert "of 1: 1 undecided" in out


def test_verify_says_where_the_time_went(told, monkeypatch):
    seconds = {"layer/dense": 3.0, "layer/embedding": 0.5, "cell/gru": 6.5}
    made = check_gradients({"x": np.ones(2)}, loss=lambda i: i["x"].sum(), gradients=lambda i: {"x": np.ones(2)})
    monkeypatch.setattr(
        "lstm_ref.commands.verify._prove", lambda n, **_: replace(made, name=n, seconds=seconds.get(n, 0.0))
    )
    monkeypatch.setattr("lstm_ref.commands.verify._workers", lambda _: nullcontext())
    _, out, _ = told("verify", *seconds)
    assert "time of the checks: 65% cell/, 35% layer/; the longest: cell/gru, 6.5 s" in " ".join(out.split())
    assert "time of the checks" not in told("verify", "layer/dense")[1]


def test_predict_help_ends_its_sentences(told):
    code, out, _ = told("predict", "char-lm", "--help")
    said = " ".join(out.split())
    assert code in (None, 0)
    assert "or the lines of standard input. The model uses the parameters of its best validation." in said


def test_verify_proves_the_named_gradients():
    done = run("verify", "layer/dense", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert [r["name"] for r in report["reports"]] == ["layer/dense"]
    assert report["reports"][0]["digits_in_balls"] >= 60


def test_verify_takes_the_name_of_a_cell_for_that_cell_alone():
    done = run("verify", "mgu", "--json", "--oracles", "balls", "--digits", "20")
    names = [r["name"] for r in json.loads(done.stdout)["reports"]]
    assert names == ["cell/mgu", "time/mgu-lengths"]  # and not mgu_keeps


def test_ctrl_c_leaves_cleanly(tmp_path):
    file, begun = tmp_path / "slow.py", tmp_path / "begun"
    file.write_text(
        RIGHT.replace(
            "def loss(inputs): ",
            f"import pathlib, time\ndef loss(inputs): pathlib.Path({str(begun)!r}).touch(); time.sleep(0.2); ",
        )
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "lstm_ref.cli", "check", str(file)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 90
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.strip() == "lstm-ref: interrupted"


def test_help_answers_without_jax():
    code = "import sys\nfrom lstm_ref import cli\nassert 'jax' not in sys.modules, 'jax was imported'"
    subprocess.run([sys.executable, "-c", code], check=True)
