"""The page's \tag{...}, the code's comments, and the tests or executed blocks name the same equation tags."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lstm_ref.cells import CELLS

ROOT = Path(__file__).parents[1]
PAGES = sorted({cell.page for cell in CELLS.values()})


def prefix_of(page: str) -> str:
    """Of the first tag on a page."""
    return re.search(r"\\tag\{([A-Z]+)", (ROOT / "derivations" / f"{page}.md").read_text())[1]  # type: ignore[index]


HOMES = {
    **{prefix_of(page): (f"{page}.md", [f"lstm_ref/cells/{page}.py"]) for page in PAGES},
    "F": ("final_gate.md", sorted(str(f.relative_to(ROOT)) for f in (ROOT / "lstm_ref/layers").glob("*.py"))),
    "T": ("bptt.md", ["lstm_ref/sequence.py"]),
    "VA": ("vanishing.md", ["lstm_ref/vanishing.py"]),
    **{
        prefix: (f"{page}.md", [f"lstm_ref/layers/{page}.py"])
        for prefix, page in (("EM", "embedding"), ("AT", "attention"), ("CR", "crf"))
    },
    "HM": ("hmm.md", ["lstm_ref/models/hmm.py"]),
    **{
        prefix: (f"{page}.md", [f"lstm_ref/through_time/{file}.py"])
        for prefix, page, file in (
            ("LI", "initial_state", "initial_state"),
            ("PC", "pieces", "pieces"),
            ("FL", "fast_lstm", "fast_lstm"),
            ("DP", "data_parallel", "data_parallel"),
            ("CK", "checkpointed", "checkpointed"),
            ("BI", "bidirectional", "bidirectional"),
            ("RT", "rtrl", "rtrl"),
            ("LR", "parallel", "linear"),
            ("PA", "parallel", "parallel"),
            ("MC", "mlstm_parallel", "mlstm_parallel"),
            ("PK", "persistent", "persistent"),
        )
    },
}


def tags(prefix: str, text: str, pattern: str = r"(?<![A-Za-z0-9_])({}[1-9]\*?)(?![A-Za-z0-9_])") -> set[str]:
    return set(re.findall(pattern.format(prefix), text))


def in_comments(prefix: str, source: str) -> set[str]:
    """Tags in comments, and in docstrings of what is one equation as a whole (`truncated` is T3*)."""
    comments = "\n".join(re.findall(r"#(.*)$", source, re.M))
    first_lines = "\n".join(re.findall(r'^    """(.*)$', source, re.M))
    return tags(prefix, comments) | tags(prefix, first_lines)


def test_no_two_pages_share_a_prefix():
    assert len(HOMES) == len(PAGES) + 18


@pytest.mark.parametrize("prefix", HOMES)
def test_page_and_code_have_the_same_equation_tags(prefix):
    page, modules = HOMES[prefix]
    on_page = tags(prefix, (ROOT / "derivations" / page).read_text(), r"\\tag\{{({}[1-9]\*?)\}}")
    in_code = set().union(*(in_comments(prefix, (ROOT / m).read_text()) for m in modules))
    assert on_page
    assert on_page == in_code


@pytest.mark.parametrize("prefix", HOMES)
def test_every_equation_is_named_by_a_test_or_an_executed_block(prefix):
    page, _ = HOMES[prefix]
    text = (ROOT / "derivations" / page).read_text()
    blocks = "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))
    named = in_comments(prefix, blocks)
    for file in ROOT.glob("tests/**/test_gradients_*.py"):
        named |= tags(prefix, file.read_text())
    assert tags(prefix, text, r"\\tag\{{({}[1-9]\*?)\}}") <= named
