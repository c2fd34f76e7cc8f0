"""The imports of the code follow the tables in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
LIFE = PAGE.index("## The life of a check")
EVERYWHERE = {"__init__"}
"""Hands on names; imports nothing until one of them is used."""


def rows(text):
    """The names in the first column of the table, row by row: ["errors", "leaves"], without folders and suffixes."""
    lines = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [[name.strip("/").split("/")[-1].removesuffix(".py") for name in re.findall(r"`([^`]+)`", n)] for n in lines]


def imports(file, package):
    """The modules of a package that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != package else [f"{package}.{n.name}" for n in node.names]
            yield from (name for name in names if name.startswith(package + "."))
        elif isinstance(node, ast.Import):
            yield from (n.name for n in node.names if n.name.startswith(package + "."))


HOUSES = {
    "lstm_ref": (ROOT / "lstm_ref", rows(PAGE[:LIFE])),
    "lstm_ref.checking": (ROOT / "lstm_ref" / "checking", rows(PAGE[LIFE : PAGE.index("## To add")])),
}


LOOKS_AT_EQUATIONS = {
    "arithmetic/movement.py": "is the function inside a scatter an addition?",
    "checking/function/rerun.py": "which values are named, has a rule of the user's?",
    "checking/diagnosis/iteration.py": "does a float decide when a loop ends?",
    "checking/function/bits.py": "what is the least precise float?",
    "reporting/graph.py": "in which order are named values computed?",
}
"""Modules other than the walk that read the equations of a jaxpr, and the question they ask; they compute no value."""


def test_equations_of_jaxprs_are_evaluated_in_the_walk_alone():
    reading = {
        file.relative_to(ROOT / "lstm_ref").as_posix()
        for file in (ROOT / "lstm_ref").rglob("*.py")
        if any(isinstance(n, ast.Attribute) and n.attr == "eqns" for n in ast.walk(ast.parse(file.read_text())))
    }
    assert reading == {"arithmetic/walk.py", *LOOKS_AT_EQUATIONS}


CONTRACTS = {
    "Params State Nodes Tape": "cells layers models through_time symbolic",
    "Batch Settings Asking Examples": "models tasks training",
}
"""Names that every cell, layer, model or task gives to its own parts, and where these stand."""


def test_a_class_has_a_name_of_its_own():
    homes = {}
    for file in (ROOT / "lstm_ref").rglob("*.py"):
        room = file.relative_to(ROOT / "lstm_ref").parts[0]
        shared = {name for names, rooms in CONTRACTS.items() if room in rooms.split() for name in names.split()}
        for node in ast.parse(file.read_text()).body:
            match node:
                case ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                    if name[0].isupper() and not name.isupper() and name not in shared:
                        homes.setdefault(name, []).append(str(file.relative_to(ROOT)))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


@pytest.mark.parametrize("package", HOUSES)
def test_every_room_is_drawn(package):
    folder, drawn = HOUSES[package]
    built = {p.stem for p in folder.iterdir() if p.suffix == ".py" or (p.is_dir() and any(p.glob("*.py")))}
    assert built - EVERYWHERE == {name for row in drawn for name in row}


@pytest.mark.parametrize("package", HOUSES)
def test_a_room_imports_only_from_those_above_it(package):
    folder, drawn = HOUSES[package]
    floor = {name: k for k, row in enumerate(drawn) for name in row}
    upward = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in folder.rglob("*.py")
        if (here := file.relative_to(folder).parts[0].removesuffix(".py")) not in EVERYWHERE
        for module in imports(file, package)
        if (there := module.removeprefix(package + ".").split(".")[0]) != here and floor[there] > floor[here]
    ]
    assert not upward


def test_the_check_passes_each_room_once():
    """The functions that the page calls, in their order, come from rooms in the order of the drawing."""
    _, drawn = HOUSES["lstm_ref.checking"]
    floor = {name: k for k, row in enumerate(drawn) for name in row}
    tree = ast.parse((ROOT / "lstm_ref" / "checking" / "checker.py").read_text())
    home = {
        alias.name: node.module.split(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("lstm_ref.checking.")
        for alias in node.names
    }
    page = next(f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == "_check")
    calls = [n for n in ast.walk(page) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    rooms = [floor[home[c.func.id]] for c in sorted(calls, key=lambda c: (c.lineno, c.col_offset)) if c.func.id in home]
    assert len(set(rooms)) > 3
    assert rooms == sorted(rooms)
