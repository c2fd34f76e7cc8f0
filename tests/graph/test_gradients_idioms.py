"""Idioms of recurrent NumPy code: each is traced correctly, or refused with the reason."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from lstm_ref.errors import CannotEvaluate
from lstm_ref.graph import sweep, trace
from tests.graph.idioms import REFUSED, TRACED, function_of, lines

MODULE = """
import array, collections, copy, ctypes, decimal, functools, json, math, pickle, statistics, struct
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from math import exp as mexp
from numpy import zeros
from scipy import linalg, signal, special
from scipy.linalg import expm
from scipy.special import expit
buf = np.linspace(-1, 1, 12).reshape(3, 4)
mask = np.array([True, False, True, True])
count, log, act = [], [], np.tanh
pool = ThreadPoolExecutor(1)
def sig(v): return 1 / (1 + np.exp(-v))
vsig = np.vectorize(lambda v: 1 / (1 + math.exp(-v)), otypes=[float])
class RNN:
    def __init__(self, W):
        self.W, self.h = W, np.zeros(4)
    def step(self, a):
        self.h[:] = np.tanh(self.W @ self.h + a)
rnn = RNN(np.eye(4) * 0.5)
@functools.lru_cache
def cached(v): return v * v
class Calls:
    n = 0
    def __call__(self):
        Calls.n += 1
        return Calls.n
calls = Calls()
"""


def module() -> dict:
    names = {"__name__": "idioms_of_a_stranger", "numpy_itself": _Hidden()}
    exec(compile(MODULE, "idioms_of_a_stranger.py", "exec"), names)
    return names


class _Hidden:
    """numpy, out of the trace's sight."""

    __module__ = "builtins"

    def __getattr__(self, name):
        return getattr(sys.modules["numpy"], name)


def inputs() -> dict:
    rng = np.random.default_rng(5)
    x = np.array([0.4, 0.7, -0.9, 1.3])
    shapes = {"A": (3, 4), "B": (4, 4), "c": (4, 1)}
    return {"x": x, **{k: 0.7 * rng.standard_normal(v) for k, v in shapes.items()}, "s": 0.6}


def moved(p: dict, by: float, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    return {k: v + by * rng.uniform(-1, 1, np.shape(v)) for k, v in p.items()}


def own(p: dict) -> dict:
    return {k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in p.items()}


def called(code: str, name: str, p: dict) -> float:
    return float(function_of(name, code, module())(own(p)))


@pytest.mark.parametrize("name, code, _", lines(TRACED), ids=[n for n, _, _ in lines(TRACED)])
def test_an_idiom_is_traced_and_its_sweep_equals_differences(name, code, _):
    p = inputs()
    graph = trace(function_of(name, code, module()), p)
    single = 2e-7 if graph.casts else 1e-14  # of values of size 10: some roundings of either precision
    for point in (p, moved(p, 1e-3, 1), moved(p, 1e-3, 2)):
        value = called(code, name, point)
        assert abs(float(graph.at(point).result) - value) <= single * max(1.0, abs(value)) * 10
    gradients = sweep(graph, 1.0).gradients
    rng = np.random.default_rng(3)
    direction = {k: rng.uniform(0.5, 1, np.shape(v)) for k, v in p.items()}
    # Differences of the fourth order: h⁴ of truncation, 1e-16/h of rounding; of float32 code too little remains.
    h = 1e-3 if not graph.casts else 3e-2
    along = [called(code, name, {k: v + j * h * direction[k] for k, v in p.items()}) for j in (-2, -1, 1, 2)]
    slope = (along[0] - 8 * along[1] + 8 * along[2] - along[3]) / (12 * h)
    claim = sum(np.sum(gradients[k] * direction[k]) for k in p)
    scale = sum(np.sum(np.abs(gradients[k] * direction[k])) for k in p)
    assert abs(slope - claim) <= (1e-3 if graph.casts else 1e-8) * max(1.0, scale)


@pytest.mark.parametrize("name, code, words", lines(REFUSED), ids=[n for n, _, _ in lines(REFUSED)])
def test_an_idiom_that_leaves_the_graph_is_refused_by_name(name, code, words):
    with pytest.raises(CannotEvaluate) as caught:
        trace(function_of(name, code, module()), inputs())
    assert words in str(caught.value)
    if words not in ("differ", "complex"):
        assert f"idiom: {name}" in str(caught.value)


def test_there_are_many_idioms_and_each_name_is_its_own():
    names = [n for n, _, _ in lines(TRACED) + lines(REFUSED)]
    assert len(names) == len(set(names))
    assert len(names) >= 200
