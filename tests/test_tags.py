"""One set of equation tags: the page's \\tag{...}, the code's comments, and the lines that the page's blocks check."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from asserted import asserted_tags

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
    "PO": ("pooling.md", [f"lstm_ref/layers/{kind}_over_time.py" for kind in ("mean", "max", "attention")]),
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


TAG = r"(?<![A-Za-z0-9_]){}[0-9]\*?(?![A-Za-z0-9_])"


def tags(prefix: str, text: str) -> set[str]:
    return set(re.findall(TAG.format(prefix), text))


def on_page(prefix: str) -> set[str]:
    text = (ROOT / "derivations" / HOMES[prefix][0]).read_text()
    return set(re.findall(rf"\\tag\{{({prefix}[0-9]\*?)\}}", text))


def program(page: str) -> str:
    """A page's Python blocks: they run one after another, in one namespace."""
    return "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "derivations" / page).read_text(), re.S))


def in_comments(prefix: str, source: str) -> set[str]:
    """Tags in comments, and in docstrings of what is one equation as a whole (`truncated` is T3*)."""
    comments = "\n".join(re.findall(r"#(.*)$", source, re.M))
    first_lines = "\n".join(re.findall(r'^    """(.*)$', source, re.M))
    return tags(prefix, comments) | tags(prefix, first_lines)


def test_no_two_pages_share_a_prefix():
    assert len(HOMES) == len(PAGES) + 19


@pytest.mark.parametrize("prefix", HOMES)
def test_page_and_code_have_the_same_equation_tags(prefix):
    in_code = set().union(*(in_comments(prefix, (ROOT / m).read_text()) for m in HOMES[prefix][1]))
    assert on_page(prefix)
    assert on_page(prefix) == in_code


@pytest.mark.parametrize("prefix", HOMES)
def test_every_equation_stands_on_a_line_that_an_assertion_of_its_page_depends_on(prefix):
    assert on_page(prefix) <= asserted_tags(program(HOMES[prefix][0]), TAG.format(prefix))


DEPENDED_ON = (
    "assert x == 1  # L1",
    "y = x  # L1\nz = [y]\nassert z",
    "y[x] = 2  # L1\nstep.proves(y=y)",
    "def f():\n    return x  # L1\nassert f()",
    "for y in x:  # L1\n    assert y",
)
NOT = (
    "# L1\nassert x",
    "y = x  # L1\nassert x",
    "y = x  # L1",
    "'L1'\nassert 'L1'",
    "def f():  # L1\n    return x\nassert f()",
)


@pytest.mark.parametrize("block", DEPENDED_ON)
def test_a_tagged_line_that_an_assertion_depends_on_counts(block):
    assert asserted_tags(block, TAG.format("L")) == {"L1"}


@pytest.mark.parametrize("block", NOT)
def test_a_comment_alone_does_not(block):
    assert not asserted_tags(block, TAG.format("L"))
