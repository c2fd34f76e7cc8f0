"""The site, built from the pages where they lie: `python -m sphinx -c docs . docs/_build`.

The source folder is the repository, so that pages of `docs/` and `derivations/` link to each other, and to code, by the
same relative paths here and on the code host. The theme is furo: search and a dark mode without a service, readable
with nothing but its own files. The pages are parsed by myst-parser, not MyST-NB: their code runs in the tests, where a
failure has a line, and a build stays a matter of seconds.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

import lstm_ref

project = "lstm_ref"
author = copyright = "lstm_ref developers"
release = version = lstm_ref.__version__
root_doc = "docs/index"
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml", "commands", "pictures"]
include_patterns = [
    "docs/**.md",
    "derivations/*.md",
    "derivations/papers/*.md",
    "benchmarks/README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = [
    "docs/README.md",  # for readers on a code host; docs/index.md is the same for the site
    "**/.*",
    "docs/_build",
    "**/node_modules",
    "**/__pycache__",
    "tests",
    "lstm_ref",
    "build",
    "dist",
]

myst_enable_extensions = ["dollarmath", "colon_fence", "linkify"]
myst_heading_anchors = 3
myst_linkify_fuzzy_links = False

html_theme = "furo"
html_title = "lstm_ref"
html_math_renderer = "mathml"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["root"]
html_copy_source = False
pygments_dark_style = "monokai"  # the theme's own underlines what is imported, like a link
html_theme_options = {
    "source_repository": "https://github.com/lstm-ref/lstm_ref/",
    "source_branch": "main",
    "source_directory": "",
}

default_role = "code"  # a docstring's `name` is code
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring, napoleon_numpy_docstring = True, False
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # links between pages are checked; annotations name other projects' types
