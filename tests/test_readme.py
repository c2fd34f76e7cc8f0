"""What the README claims beside its code: counts, figures, its two commands, and its Chinese version."""

from __future__ import annotations

import re

import pytest
from pages import ROOT, blocks

README = (ROOT / "README.md").read_text()
EVIDENCE = (ROOT / "docs" / "evidence.md").read_text()


def test_the_evidence_counts_as_the_package_does():
    from lstm_ref.cells import CELLS
    from lstm_ref.selfcheck.builtin import problems
    from lstm_ref.tasks.batches import batch_problems

    assert f"Each of the {len(problems()) + len(batch_problems())} problems" in EVIDENCE
    assert f"of all {len(CELLS)} cells" in EVIDENCE
    assert f"{len(CELLS)} cells;" in README


def test_the_figures_of_the_readme_are_those_of_the_evidence():
    rows = re.findall(r"^\| (\S.*?) \| (\d+ of \d+) \| (\d+ of \d+) \| (yes|no) \|$", README, re.M)
    assert len(rows) == 4
    for tool, found, falsely, last in rows:
        (row,) = re.findall(rf"^\| {re.escape(tool)} \| (.*?) \| (.*?) \| (.*?) \|", EVIDENCE, re.M)
        assert row[:2] == (found, falsely)
        assert row[2].endswith("found") == (last == "yes")
    assert "20,000 problems as strangers write them" in README
    assert re.search(r"^\| 20,000 as strangers write \| [\d,]+ \| 0 \| 0 \|", EVIDENCE, re.M)


def test_the_two_commands_are_what_ci_runs():
    """A fresh machine needs nothing else: `.ci/run` does the same in an environment of its own."""
    section = README[README.index("## Prove ours") :]
    first, second = (line.strip() for line in section.splitlines() if line.startswith("    "))
    ci = (ROOT / ".ci" / "run").read_text()
    make, install, prove = first.split(" && ")
    assert make.split()[:3] == ["python3", "-m", "venv"]
    assert make.removesuffix(".venv") in ci
    assert install.split()[-2:] == ["-e", '".[dev]"']
    assert 'install -e ".[dev]"' in ci
    for command in (prove, second):
        assert re.search(rf"^{re.escape(command.removeprefix('.venv/bin/'))}( -q)?$", ci, re.M)


def test_the_readme_is_read_in_one_sitting():
    """It grew to 310 lines once, and nobody reached its end."""
    assert README.count("\n") <= 130


@pytest.mark.parametrize(("english", "chinese"), [("README.md", "README.zh-CN.md"), ("docs/tutorial.md", None)])
def test_the_chinese_page_has_the_headings_the_blocks_and_the_figures_of_the_english_one(english, chinese):
    one, other = ((ROOT / page).read_text() for page in (english, chinese or english.replace(".md", ".zh-CN.md")))
    assert blocks(one) != []
    assert [block[:2] for block in blocks(one)] == [block[:2] for block in blocks(other)]
    assert levels(one) == levels(other)
    assert re.findall(r"^    .*", one, re.M) == re.findall(r"^    .*", other, re.M)
    assert re.findall(r"^\$\$.*?\$\$$", one, re.M | re.S) == re.findall(r"^\$\$.*?\$\$$", other, re.M | re.S)
    assert targets(one) == targets(other)
    assert re.findall(r"\d+", " ".join(rows(one))) == re.findall(r"\d+", " ".join(rows(other)))


def levels(text):
    without = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [len(marks) for marks in re.findall(r"^(#+) ", without, re.M)]


def targets(text):
    """Where the links lead, but for those to another language."""
    return sorted(t.replace(".zh-CN", "") for t in re.findall(r"\]\((\S+?)\)", text))


def rows(text):
    return [line.replace(" of ", " / ") for line in text.splitlines() if line.startswith("| ")]
