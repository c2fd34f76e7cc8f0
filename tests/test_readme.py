"""The Python blocks of the README run as written, in order."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_every_python_block_of_the_readme_runs():
    blocks = re.findall(r"^ *```python\n(.*?)^ *```", README, re.S | re.M)
    assert len(blocks) >= 4
    names = {"__name__": "readme"}
    for block in blocks:
        indent = len(block) - len(block.lstrip(" "))
        exec("\n".join(line[indent:] for line in block.splitlines()), names)


def test_the_readme_counts_as_the_package_does():
    from lstm_ref.cells import CELLS
    from lstm_ref.selfcheck.builtin import problems
    from lstm_ref.tasks.batches import batch_problems

    assert f"each of its {len(problems()) + len(batch_problems())} problems" in README
    assert f"of all {len(CELLS)} cells" in README
