"""The README's Python runs as it is written, block after block."""

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
