"""Where this documentation is read by somebody who has installed the package alone: on its site."""

from __future__ import annotations

SITE = "https://lstm-ref.github.io/lstm_ref/"
"""The address of the site; `tests/test_packaging.py` holds it equal to that of `pyproject.toml`."""


def page(path: str) -> str:
    """The address of a page, as `derivations/lstm.md` or `docs/verdict.md`."""
    return SITE + path.removesuffix(".md") + ".html"


def picture(name: str) -> str:
    """The address of a graph's picture, by the name of its file."""
    return f"{SITE}_images/{name}"


def equation(place: str, tag: str | None = None) -> str:
    """The address of an equation on its page.

    Args:
        place: The page, and the line if the equation is on it: `derivations/lstm.md:71`.
        tag: The equation's tag, which is its anchor on the page.

    >>> equation("derivations/lstm.md:71", "L4*")
    'https://lstm-ref.github.io/lstm_ref/derivations/lstm.html#L4*'
    """
    path, _, line = place.partition(":")
    return page(path) + (f"#{tag}" if line and tag else "")
