"""A picture on a page is as wide as the text, and a link to itself: a graph's numbers are read in its full size."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def widen(app: Sphinx, document: nodes.document) -> None:
    """Gives every picture a width; Sphinx makes those that have one links."""
    for picture in document.findall(nodes.image):
        picture["width"] = "100%"


def setup(app: Sphinx) -> dict[str, Any]:
    """Listens for every page that was read."""
    app.connect("doctree-read", widen)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
