"""The examples in docstrings run and give what they show."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [path.relative_to(ROOT) for path in sorted((ROOT / "lstm_ref").rglob("*.py")) if ">>> " in path.read_text()]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_the_examples_of_a_module_run(file):
    if "import lstm_ref, torch" in (ROOT / file).read_text():
        pytest.importorskip("torch")
    module = importlib.import_module(".".join(file.with_suffix("").parts))
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0
