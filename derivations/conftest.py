"""Every Python block of every page runs as a test; `pytest -k gradients` selects them too."""

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser()], patterns=["*.md"]).pytest()


def pytest_collection_modifyitems(items):
    """Name the blocks gradient tests."""
    for item in items:
        if item.path.suffix == ".md":
            item.extra_keyword_matches.add("gradients")
