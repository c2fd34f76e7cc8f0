"""What a classifier of texts has to beat: logistic regression on n-grams, by scikit-learn.

It reads the same numbers as the classifier, and of a text only which short sequences occur in it, not where. N-grams
are weighted by tf-idf; everything is at scikit-learn's defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec

import numpy as np

LONGEST = {"char": 4, "word": 2}
"""By unit, how many symbols the longest n-gram has."""


def installed() -> bool:
    """Whether scikit-learn is there (`pip install "lstm_ref[baselines]"`)."""
    return find_spec("sklearn") is not None


def fit(texts: Sequence[np.ndarray], classes: np.ndarray, longest: int) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
    """Learns from texts as numbers and their classes (N,); returns a function of texts, which gives their classes."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    counting = TfidfVectorizer(analyzer=partial(ngrams, longest=longest))
    return make_pipeline(counting, LogisticRegression()).fit(texts, classes).predict


def ngrams(text: np.ndarray, longest: int) -> Iterator[tuple[int, ...]]:
    """All sequences of 1 to `longest` adjacent symbols.

    Example:
        >>> list(ngrams(np.array([7, 8, 9]), 2))
        [(7,), (8,), (9,), (7, 8), (8, 9)]
    """
    ids = text.tolist()
    return (one for n in range(1, longest + 1) for one in zip(*(ids[k:] for k in range(n)), strict=False))
