"""`pytest -m quick` in a repository of four modules: what it runs, in which order, until when; and where time went."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = {
    "conftest.py": "pytest_plugins = ['quick_tests', 'time_by_file']\n",
    "lstm_ref/__init__.py": "",
    "lstm_ref/gru.py": "gru = 1\n",
    "lstm_ref/cells.py": "from lstm_ref.gru import gru\n",
    "lstm_ref/other.py": "raise RuntimeError('a file that is far is not imported')\n",
    "tests/test_a.py": "from lstm_ref import cells\ndef test_any(): pass\ndef test_of_gru(): pass\n",
    "tests/test_b.py": "from lstm_ref.gru import gru\ndef test_near(): pass\n",
    "tests/test_other.py": "from lstm_ref import other\ndef test_far(): pass\n",
    "tests/test_docs.py": "PAGE = 'docs/gru.md'\ndef test_page(): pass\n",
    "docs/gru.md": "A page.\n",
}


@pytest.fixture
def repository(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / ".gitignore").write_text("__pycache__\n.pytest_cache\n")
    as_someone = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for command in (["init", "-q"], ["add", "."], [*as_someone, "commit", "-q", "-m", "a"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def quick(folder, *options, before="pass", marker="quick"):
    """What was run, in order, and all that was printed. `before` is run in the process first."""
    start = f"import sys, quick_tests; {before}; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "-v", *options]
    command += ["-m", marker] if marker else []
    where = {"PYTHONPATH": f"{HERE}:{folder}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=where, capture_output=True, text=True)
    return re.findall(r"::(\w+) (?:PASSED|FAILED)", done.stdout), done.stdout + done.stderr


def edit(folder, name):
    with (folder / name).open("a") as file:
        file.write("\n")


def test_the_tests_of_what_changed_run_nearest_first_and_those_named_after_it_before_others(repository):
    edit(repository, "lstm_ref/gru.py")
    ran, said = quick(repository)
    assert ran == ["test_near", "test_of_gru", "test_any"]
    assert "quick: 2 test files and pages near gru.py" in said
    assert "left to the daily command: 0 tests of 5 s or more, 0 after 45 s" in said


def test_a_page_has_the_tests_that_name_it_and_a_new_file_counts(repository):
    edit(repository, "docs/gru.md")
    assert quick(repository)[0] == ["test_page"]
    (repository / "tests" / "test_new.py").write_text("def test_it(): pass\n")
    assert quick(repository)[0] == ["test_it", "test_page"]


def test_in_a_clean_tree_it_is_the_last_commit_that_changed_something(repository):
    edit(repository, "docs/gru.md")
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qam", "b"], cwd=repository)
    assert quick(repository)[0] == ["test_page"]


def test_after_enough_time_no_further_test_begins(repository):
    edit(repository, "lstm_ref/gru.py")
    ran, said = quick(repository, before="quick_tests.ENOUGH = quick_tests.AT_LEAST = 0.0")
    assert ran == []
    assert "3 after 0 s" in said


def test_on_a_busy_machine_whose_imports_took_the_time_some_tests_run_all_the_same(repository):
    edit(repository, "lstm_ref/gru.py")
    assert len(quick(repository, before="quick_tests.ENOUGH = 0.0")[0]) == 3


def test_a_test_that_took_long_is_left_out_the_next_time_unless_its_own_file_changed(repository):
    edit(repository, "lstm_ref/gru.py")
    ran, _ = quick(repository, before="quick_tests.KEPT = 0.0")
    assert len(ran) == 3
    ran, said = quick(repository, before="quick_tests.LONG = 0.0")  # and 0.0 s is what each took
    assert ran == []
    assert "3 tests of 0 s or more" in said
    edit(repository, "tests/test_b.py")
    assert quick(repository, before="quick_tests.LONG = 0.0")[0] == ["test_near"]


def test_where_the_time_went_is_said_of_a_long_run_alone(repository):
    options = ["tests/test_a.py", "tests/test_b.py"]
    _, said = quick(repository, *options, before="import time_by_file; time_by_file.WORTH_SAYING = 0.0", marker="")
    assert re.search(r"^ +\d+\.\d s +\d+% +2 tests  tests/test_a\.py$", said, re.M)
    assert re.search(r"^ +\d+\.\d s  in all, without imports and collection$", said, re.M)
    assert "where the time went" not in quick(repository, *options, marker="")[1]


def test_without_git_it_says_so_in_a_line(tmp_path):
    (tmp_path / "conftest.py").write_text(FILES["conftest.py"])
    ran, said = quick(tmp_path)
    assert ran == []
    assert "-m quick asks git what changed: " in said
