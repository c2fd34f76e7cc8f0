"""The README, the tutorial and the how-to pages run as their readers would run them, and print what they show."""

from __future__ import annotations

import pytest
from pages import ROOT, run

PAGES = ["README.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").glob("howto/*.md")))]
PAGES += ["docs/tutorial.md", "docs/inside.md", "docs/limits.md"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_and_prints_what_it_shows(page, tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    assert run(ROOT / page, tmp_path, monkeypatch)
