"""The example of docs/papers.md gives the output that stands there."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from lstm_ref.reporting.written import render
from lstm_ref.written import check_text

PAGE = (Path(__file__).parents[2] / "docs" / "papers.md").read_text()


def test_the_example_gives_the_output_of_the_page():
    [example] = re.findall(r"```markdown\n(.*?)```", PAGE, re.S)
    [shown] = re.findall(r"```text\n(.*?)```", PAGE, re.S)
    out = io.StringIO()
    console = Console(file=out, color_system=None, highlight=False, emoji=False)
    console.print(render(check_text(example, name="mine.md")), soft_wrap=True)
    timeless = [re.sub(r"\d+\.\d s\)", "s)", text) for text in (out.getvalue(), shown)]
    assert timeless[0] == timeless[1]
