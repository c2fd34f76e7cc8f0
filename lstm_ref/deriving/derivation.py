"""A derivation as a whole: the page, the code, the test and the picture of one file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import decode_source
from pathlib import Path

from lstm_ref.deriving.adjoints import Backward, differentiate
from lstm_ref.deriving.code import as_code
from lstm_ref.deriving.folding import ChosenByComparison, FoldedForward
from lstm_ref.deriving.page import as_page
from lstm_ref.deriving.picture import picture_of
from lstm_ref.deriving.proof import require_same_forward
from lstm_ref.deriving.reading import read_file, uses_jax
from lstm_ref.errors import BadInput
from lstm_ref.reporting import graph_picture
from lstm_ref.writing import target, write_whole


@dataclass(frozen=True)
class Derivation:
    """What is derived of one file."""

    path: Path
    """The user's file."""
    forward: FoldedForward
    backward: Backward
    numpy: str
    """The code in NumPy."""
    jax: str
    """The code in JAX, with a `jax.custom_vjp`."""
    page: str
    """The page, Markdown with LaTeX and Python that runs."""

    @property
    def code(self) -> dict[str, str]:
        """Both files of code, by name."""
        title = self.forward.title
        return {f"{title}.py": self.numpy, f"{title}_jax.py": self.jax}


def derive(path: Path | str, seed: int = 0) -> Derivation:
    """Derives the backward pass of a file.

    Args:
        path: A Python file that defines `inputs`, and `loss(inputs)` or `forward(inputs)` with its loop through time.
        seed: Seed of the inputs, where the file draws them.

    Returns:
        The page and the code; `lstm_ref.deriving.proof.prove` proves the code.

    Raises:
        BadInput: Something in the file is not derived; the message names its line.
    """
    path = Path(path)
    try:
        return _derived(path, seed, False)
    except ChosenByComparison as error:
        try:  # what NumPy chooses by a comparison is a number in the graph; jax.numpy keeps the comparison
            return _derived(path, seed, True)
        except Exception:
            raise error from None


def _derived(path: Path, seed: int, in_jax: bool) -> Derivation:
    forward = read_file(path, seed, in_jax)
    try:
        backward = differentiate(forward)
        numpy, jax = as_code(forward, backward), as_code(forward, backward, jax=True)
        page = as_page(forward, backward, f"{forward.title}.svg")
        require_same_forward(path, forward.source, numpy, seed)
    except BadInput as error:
        raise type(error)(f"{path}: {error}") from error
    return Derivation(path, forward, backward, numpy, jax, page)


def write(derivation: Derivation, folder: Path) -> list[Path]:
    """Writes page, code, test and picture into a folder that exists. Raises BadInput where a file is there already."""
    title = derivation.forward.title
    texts = {
        f"{title}.md": derivation.page,
        **derivation.code,
        f"test_gradients_{title}.py": _test(derivation, folder),
    }
    picture = folder / f"{title}.svg"
    for path in (*(folder / name for name in texts), picture):
        target(path)
        if path.exists():
            raise BadInput(f"{path} exists, and is not overwritten")
    graph_picture.require_drawable(picture)
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    graph_picture.draw(picture_of(derivation.forward, derivation.backward), picture)
    return [*(folder / name for name in texts), picture]


_TEST = '''"""The gradient derived of {file}: proven, and its page runs."""

import importlib
import re
import sys
from pathlib import Path

from lstm_ref import assert_gradients

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "{folder}")]
user = importlib.import_module("{stem}")
derived = importlib.import_module("{module}")
{driver}

def test_the_derived_gradient_is_that_of_the_forward():
    inputs = {inputs}
    report = assert_gradients(inputs, {claim})
    assert report.digits_in_balls is None or report.digits_in_balls >= 60


def test_every_adjoint_of_the_page_is_that_of_autodiff():
    page = (HERE / "{title}.md").read_text()
    blocks = re.findall(r"```python\\n(.*?)```", page, re.S)
    exec(compile("\\n".join(blocks), "{title}.md", "exec"), {{}})
'''


def _test(derivation: Derivation, folder: Path) -> str:
    f, path = derivation.forward, derivation.path
    own = decode_source(path.read_bytes()).rstrip()
    driver = f.source[len(own) :].strip() if len(f.source.rstrip()) > len(own) else ""  # of a file with a step alone
    whose = "" if driver else "user."
    return _TEST.format(
        driver=f"step = user.step\n{driver}\n" if driver else "",
        file=path.name,
        folder=Path(os.path.relpath(path.resolve().parent, folder.resolve())).as_posix(),
        stem=path.stem,
        module=f"{f.title}_jax" if uses_jax(f.source) else f.title,
        title=f.title,
        inputs='user.inputs(importlib.import_module("numpy").random.default_rng(0))' if f.draws else "user.inputs",
        claim=(
            f"loss={whose}loss, gradients=derived.gradients"
            if f.is_loss
            else f"forward={whose}forward, backward=derived.backward"
        ),
    )
