"""The models as tasks: for each, its data, its batches, its scores and its predictions; one record per file."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lstm_ref.training.task import Task

NAMES = {
    "char-lm": "Predict the next character of a text.",
    "classifier": "Classify a text, for example by sentiment.",
    "tagger": "Tag every word, or every character, of a sentence.",
    "translation": "Translate a text, with attention.",
}


def task(name: str) -> Task:
    """The task of a model in `NAMES`."""
    found: Task = importlib.import_module(f"lstm_ref.tasks.{name.replace('-', '_')}").TASK
    return found
