"""A derivation file imports its own neighbours and no other file's; each of its failures is one line with its place."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lstm_ref.checking.files.derivation_file import imported, load, naming_lines
from lstm_ref.checking.files.home import Home
from lstm_ref.checking.problem import problem
from lstm_ref.errors import BadInput
from lstm_ref.graph import trace

CUBE = """
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (i["x"] ** 3).sum()
def gradients(i): return {"x": K() * i["x"] ** 2}
"""
AT_THE_TOP = "from helper import K\n" + CUBE.replace("K()", "K")
WHEN_CALLED = CUBE + "def K():\n    from helper import K\n    return K\n"
BELOW = CUBE + "import helper.deep.er\ndef K(): return helper.deep.er.K\n"
HACKED = "import sys, pathlib\nsys.path.insert(0, str(pathlib.Path(__file__).with_name('lib')))\n" + AT_THE_TOP


@pytest.fixture
def write(tmp_path):
    def written(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return written


def slope(target):
    """The factor K that the file's claim is made with."""
    (one,) = load(target)
    return one.gradients({"x": np.ones(1)}, 1.0)["x"][0]


# -------------------------------------------------------------------------------------------------- neighbours


@pytest.mark.parametrize(
    ("text", "helper"),
    [
        (AT_THE_TOP, "helper.py"),
        (WHEN_CALLED, "helper.py"),
        (AT_THE_TOP, "helper/__init__.py"),
        (BELOW, "helper/deep/er.py"),
        (HACKED, "lib/helper.py"),
    ],
    ids=["at the top", "when called", "a package", "below", "a folder put on the path"],
)
def test_neighbours_of_one_name_are_each_files_own(write, text, helper):
    files = []
    for n in (2, 3, 4):
        write(f"m{n}/{helper}", f"K = {n}\n")
        files.append(write(f"m{n}/derivation_x.py", text))
    path, modules = sys.path[:], set(sys.modules)
    assert [slope(f) for f in files] == [2, 3, 4]
    problems = [load(f)[0] for f in files]  # all loaded before any is called, as pytest does
    assert [p.gradients({"x": np.ones(1)}, 1.0)["x"][0] for p in reversed(problems)] == [4, 3, 2]
    assert sys.path == path
    left = sys.modules.keys() - modules
    assert {n.rpartition("_")[0] for n in left} == {"derivation_file_derivation_x"}
    assert {sys.modules[n].__file__ for n in left} == set(files)


def test_a_module_that_somebody_else_has_loaded_is_neither_used_nor_lost(write, monkeypatch):
    write("elsewhere/helper.py", "K = 7\n")
    monkeypatch.syspath_prepend(write("elsewhere/x.py", "").rpartition("/")[0])
    theirs = __import__("helper")
    try:
        write("mine/helper.py", "K = 3\n")
        assert slope(write("mine/top.py", AT_THE_TOP)) == 3
        assert slope(write("mine/late.py", WHEN_CALLED)) == 3
        assert sys.modules["helper"] is theirs
    finally:
        del sys.modules["helper"]


def test_a_neighbour_is_one_module_in_every_call(write):
    """As where the forward keeps its tape on it, for the backward to read."""
    write("helper.py", "K = 2\n")
    counting = "def K():\n    import helper\n    helper.K += 1\n    return helper.K\n"
    (one,) = load(write("x.py", CUBE + counting))
    assert [one.gradients({"x": np.ones(1)}, 1.0)["x"][0] for _ in range(3)] == [3, 4, 5]


def test_a_module_of_this_folder_that_is_loaded_already_is_shared(write, monkeypatch):
    folder = write("helper.py", "K = 3\n").rpartition("/")[0]
    monkeypatch.syspath_prepend(folder)
    theirs = __import__("helper")
    try:
        write("another.py", "")
        (one,) = load(write("x.py", AT_THE_TOP + "import helper, another\n"))
        assert sys.modules["helper"] is theirs
        assert sys.modules[one.function.__module__].helper is theirs
    finally:
        del sys.modules["helper"]


@pytest.mark.parametrize("name", ["numpy", "json", "click", "wave", "this_is_no_module"])
def test_a_file_named_like_a_module_does_not_stand_in_for_it(write, name):
    """numpy is loaded already, wave (of the standard library) by nobody."""
    sys.modules.pop("wave", None)
    needs = {"this_is_no_module": "", "wave": "import wave\nwave.open\n"}.get(name, f"import {name}\n")
    file = write(f"{name}.py", needs + CUBE.replace("K()", "3"))
    assert slope(file) == 3
    assert slope(write("other.py", "import numpy\n" + CUBE.replace("K()", "numpy.float64(3)"))) == 3
    if needs:
        assert "derivation" not in str(sys.modules[name].__spec__)
        assert sys.modules[name].__file__ != file


def test_classes_of_the_file_can_be_pickled_and_are_found_by_dataclasses(write):
    text = """
from __future__ import annotations
import pickle
from dataclasses import dataclass, field
from typing import ClassVar, get_type_hints
@dataclass
class Net:
    made: ClassVar[int] = 0
    k: int = 3
def K():
    assert get_type_hints(Net)["k"] is int
    return pickle.loads(pickle.dumps(Net())).k
assert K() == 3
"""
    assert slope(write("net.py", text + CUBE)) == 3


def test_a_file_that_changes_the_directory_does_it_for_itself(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("data/k.txt", "3")
    text = "import os\nos.chdir('data')\ndef K(): return float(open('k.txt').read())\n" + CUBE
    write("mine.py", text)
    (one,) = load("mine.py")
    assert Path.cwd() == tmp_path
    with naming_lines("mine.py"):
        assert one.gradients({"x": np.ones(1)}, 1.0)["x"][0] == 3
        assert Path.cwd() == tmp_path
    (tmp_path / "data/k.txt").write_text("three")
    with pytest.raises(BadInput, match=r"\(mine.py, line 3\)$"), naming_lines("mine.py"):
        one.gradients({"x": np.ones(1)}, 1.0)


LAYER = """
import numpy as np
weight = np.full(2, 3.0)
calls = [0.0]
def f(x):
    out = np.zeros(2)
    out[:] = np.array([v for v in weight * x])
    weight[0] = 5
    calls[0] += out[0]
    return out
"""
BY_SPEC = """
import importlib.util, pathlib
_spec = importlib.util.spec_from_file_location("anything", pathlib.Path(__file__).with_name("helper.py"))
helper = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(helper)
"""
BY_PATH = "import runpy, pathlib; m = runpy.run_path(pathlib.Path(__file__).with_name('helper.py'))"


@pytest.mark.parametrize(
    ("imports", "call", "helper"),
    [
        ("from helper import f", "f", "helper.py"),
        ("import helper", "helper.f", "helper.py"),
        ("import helper.deep.er", "helper.deep.er.f", "helper/deep/er.py"),
        ("import importlib; helper = importlib.import_module('helper')", "helper.f", "helper.py"),
        (BY_SPEC, "helper.f", "helper.py"),
        (BY_PATH, "m['f']", "helper.py"),
        (f"{BY_PATH}\nimport types; n = types.SimpleNamespace(**m); del m", "n.f", "helper.py"),
        ("def k():\n    import helper\n    return helper.f", "k()", "helper.py"),
    ],
    ids=[
        "a function",
        "a module",
        "a package",
        "by its name",
        "by its place",
        "by its path",
        "in a namespace",
        "when called",
    ],
)
def test_a_neighbours_code_is_traced_and_its_state_put_back(write, imports, call, helper):
    write(helper, LAYER)
    text = f"{imports}\ndef function(x): return {call}(x)\ndef names(): return {call}.__globals__\n"
    module, home = imported(Path(write("x.py", text)))
    names = home.at_home(module.names)()
    graph = trace(home.at_home(module.function), np.array([0.5, 2.0]))
    assert list(graph.result) == [1.5, 6.0]
    assert list(names["weight"]) == [3, 3]
    assert names["calls"] == [0]
    assert names["np"] is np


def test_home_costs_a_call_little(write):
    call = Home(Path(write("x.py", ""))).at_home(lambda: None)
    call()
    started = time.perf_counter()
    for _ in range(1000):
        call()
    assert (time.perf_counter() - started) / 1000 < 1e-3


# ---------------------------------------------------------------------------------------------------- failures

ODD = """
class Odd(Exception):
    def __str__(self): raise ValueError("no words")
class Ended(BaseException): pass
"""
FAILURES = {
    "import sys\nsys.exit(0)": "cannot be imported: SystemExit: 0 (line 2)",
    ODD + "raise Odd": "cannot be imported: Odd: (its text is unavailable) (line 5)",
    ODD + "raise Ended('so')": "cannot be imported: Ended: so (line 5)",
    "def f(): f()\nf()": "cannot be imported: RecursionError: maximum recursion depth exceeded (line 1)",
    "import helper": "cannot be imported: ZeroDivisionError: division by zero (helper.py, line 2)",
    "import broken": "cannot be imported: SyntaxError: '(' was never closed (broken.py, line 1)",
    "def __getattr__(name): raise ValueError(name)": "its code fails: ValueError: problem (mine.py, line 1)",
    "def __getattr__(name): exit(3)": "its code fails: SystemExit: 3 (mine.py, line 1)",
    "import sys\ndef inputs(rng): sys.exit(0)": "inputs(generator) fails: SystemExit: 0 (line 2)",
    ODD + "def inputs(rng): raise Odd": "inputs(generator) fails: Odd: (its text is unavailable) (line 5)",
    CUBE + "class R:\n    def __repr__(self): 1 / 0\nmapping = R()\ncell = 'lstm'": "mapping must be a function of the",
    CUBE + "class R:\n    def __repr__(self): 1 / 0\nnodes = R()": "nodes must be a list of input names, got R",
    CUBE + "cell = []": "cell must be the name of a cell of lstm_ref, got list",
    CUBE + "estimator = 3\ndefinition = loss": "estimator must be a name, got int",
    CUBE + "estimator = 'e'\ndefinition = 3": "definition must be a function, got int",
    "x = '\\ud800'\nraise ValueError(x)": "cannot be imported: ValueError: \ud800 (line 2)",
}


@pytest.mark.parametrize("text", FAILURES)
def test_what_fails_in_a_file_is_one_line_with_its_place(write, text):
    write("helper.py", "x = 1\nx / 0\n")
    write("broken.py", "x = (\n")
    file = write("mine.py", text)
    with pytest.raises(BadInput) as raised:
        load(file)
    assert FAILURES[text] in str(raised.value)
    assert "\n" not in str(raised.value)


def test_ctrl_c_while_a_file_is_imported_is_no_failure_of_the_file(write):
    with pytest.raises(KeyboardInterrupt):
        load(write("mine.py", "raise KeyboardInterrupt"))


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("exit(0)", "SystemExit", "0"),
        ("raise Odd", "Odd", "(its text is unavailable)"),
        ("raise Ended('so')", "Ended", "so"),
        ("1 / 0", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_function_of_the_file_raises_only_ordinary_exceptions(write, body, kind, text):
    file = write("mine.py", ODD + CUBE.replace("def loss(i): ", f"def loss(i):\n    {body}\n    "))
    (one,) = load(file)
    with pytest.raises(Exception, match=re.escape(text)) as raised:
        one.function(one.inputs)
    assert (type(raised.value).__name__, str(raised.value)) == (kind, text)


def test_an_error_with_a_cause_in_the_file_names_the_line_and_one_of_ours_is_raised_as_it_came(write):
    file = write("mine.py", CUBE.replace("def loss(i): ", "def loss(i):\n    1 / 0\n    "))
    (one,) = load(file)

    def checked():
        try:
            one.function(one.inputs)
        except ZeroDivisionError as error:
            raise BadInput("mine: loss fails") from error

    with pytest.raises(BadInput, match=r"^mine: loss fails \(mine.py, line 5\)$"), naming_lines(file):
        checked()
    said = r"^mine: its code fails: ZeroDivisionError: division by zero \(mine.py, line 5\)$"
    with pytest.raises(BadInput, match=said), naming_lines(file):
        one.function(one.inputs)
    with pytest.raises(TypeError, match="ours"), naming_lines(file):
        raise TypeError("ours")
    with pytest.raises(BadInput, match=r"^as it is$"), naming_lines(file):
        raise BadInput("as it is")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.py", "nowhere.py: no such file"),
        ("folder.py", "folder.py: a derivation file is a Python file"),
        ("", "a derivation file is a Python file"),
        ("x" * 300 + ".py", ".py: cannot be read: File name too long"),
        ("mine.txt", "mine.txt: a derivation file is a Python file"),
    ],
)
def test_what_is_no_file_is_one_line(tmp_path, write, name, message):
    (tmp_path / "folder.py").mkdir()
    write("mine.txt", CUBE)
    with pytest.raises(BadInput, match=message):
        load(str(tmp_path / name))


# ------------------------------------------------------------------------------------------------------- inputs


class _Hostile:
    def __repr__(self):
        raise ValueError

    @property
    def dtype(self):
        raise OSError


def _circle():
    tree = {"x": np.ones(2)}
    tree["again"] = [tree]
    return tree


def _deep():
    tree = np.ones(2)
    for _ in range(100_000):
        tree = [tree]
    return tree


X = np.ones(2)
BAD_INPUTS = {
    "int key": ({1: X}, "the names of inputs must be strings, got int"),
    "None key": ({None: X}, "the names of inputs must be strings, got NoneType"),
    "tuple key": ({("a", "b"): X}, "the names of inputs must be strings, got tuple"),
    "mixed keys": ({"a": X, 1: X}, "the names of inputs must be strings, got int"),
    "mixed keys below": ({"a": {"b": X, 1: X}}, "the keys of inputs['a'] must be strings, got int, str"),
    "None key below": ({"a": {None: X}}, "the keys of inputs['a'] must be strings, got NoneType"),
    "recursive": (_circle(), "inputs['again'][0]['again'] contains itself"),
    "deep": ({"a": _deep()}, "inputs are nested too deeply"),
    "masked": ({"a": np.ma.array([1.0, 2.0], mask=[0, 1])}, "input a must be an array of floats, got a masked array"),
    "hostile": ({"a": _Hostile()}, "input a cannot be read as an array: _Hostile: OSError"),
    "nothing": ({"a": None}, "inputs hold no array"),
    "one path": ({"a.b": X, "a": {"b": X}}, "the path a.b: inputs['a.b'] and inputs['a']['b']"),
    "one path below": ({"p": {"0": X, "q": X}, "p.q": X}, "the path p.q: inputs['p']['q'] and inputs['p.q']"),
    "list": ([X], "inputs must be a non-empty dict of named arrays, got list"),
    "text": ({"a": "b"}, "input a must be an array of floats, got str"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_inputs_that_cannot_be_are_one_line(case):
    inputs, message = BAD_INPUTS[case]
    with pytest.raises(BadInput) as raised:
        problem(inputs, loss=lambda i: 0.0, gradients=lambda i: {})
    assert message in str(raised.value)


def test_a_torch_tensor_is_told_where_torch_code_goes():
    torch = pytest.importorskip("torch")
    with pytest.raises(BadInput, match=r"input a must be an array of floats, got a torch Tensor .*torch_function"):
        problem({"a": torch.ones(2)}, loss=lambda i: 0.0, gradients=lambda i: {})


def test_what_may_be_an_input_still_may():
    inputs = {"a.c": X, "a": {"b": X, "none": None}, "layers": {0: X, 1: [X, (X,)]}, "f": 1.5}
    made = problem(inputs, loss=lambda i: 0.0, gradients=lambda i: {})
    assert made.inputs.keys() == inputs.keys()


@pytest.mark.parametrize("nodes", ["x", [["x"]], [1], ["y"]])
def test_nodes_are_names_of_inputs(nodes):
    with pytest.raises(BadInput, match=r"^gradients: node"):
        problem({"x": X}, loss=lambda i: 0.0, gradients=lambda i: {}, nodes=nodes)
