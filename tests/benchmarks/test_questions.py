"""Every question runs at its smallest size; a wrong contender is named in place of a time."""

import importlib
import math
import time
from importlib.util import find_spec

import jax
import numpy as np
import pytest

from benchmarks import (
    QUESTIONS,
    gpu_kernels,
    gradient_speed,
    harness,
    limits,
    memory,
    mutation,
    pieces,
    profile,
    scaling,
    sizes,
    verification,
)
from benchmarks.harness import BURST, Elsewhere, Setting, apart, in_turns, key, measured, near, read, uncertainty, write
from benchmarks.plot import draw

QUICK = Setting(quick=True)
TINY = (3, 1, 2, 2)
CHECKER = "jax check_grads"
"""Others are left out: the test is of the question, not of them."""


@pytest.fixture
def tiny(monkeypatch):
    """The least: few sizes, few tools."""
    every, checkers = gradient_speed.contenders, verification.checkers

    def few(given):
        """The reference, which is compiled soonest, in the place of ours."""
        found = every(given)
        found["lstm_ref"] = found[gradient_speed.REFERENCE]
        return {name: found[name] for name in ("lstm_ref", "torch nn.LSTM") if name in found}

    monkeypatch.setattr(gradient_speed, "PEERS", {})
    for module in (gradient_speed, sizes, gpu_kernels):
        monkeypatch.setattr(module, "contenders", few)
    monkeypatch.setattr(gpu_kernels, "ARITHMETICS", gpu_kernels.ARITHMETICS[:1])
    monkeypatch.setattr(pieces, "SIZES", (TINY,))
    monkeypatch.setattr(pieces, "TIMES", ())
    monkeypatch.setattr(memory, "H", 4)
    monkeypatch.setattr(memory, "WAYS", {name: memory.WAYS[name] for name in (memory.OURS,)})
    monkeypatch.setattr(gradient_speed, "SIZES", (TINY,))
    monkeypatch.setattr(profile, "SIZES", (TINY,))
    monkeypatch.setattr(sizes, "SIZES", (TINY,))
    monkeypatch.setattr(sizes, "DTYPES", ("float32", "float64"))
    monkeypatch.setattr(scaling, "AXES", {"T": [TINY, (6, 1, 2, 2)]})
    monkeypatch.setattr(
        verification,
        "checkers",
        lambda *given, **how: {k: v for k, v in checkers(*given, **how).items() if k == CHECKER},
    )
    monkeypatch.setattr(mutation, "PEERS", {"lstm_ref": mutation.PEERS["lstm_ref"]})


@pytest.fixture(autouse=True, scope="module")
def compiled_in_haste():
    """No time that is taken here is looked at."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(autouse=True)
def one_thread_of_torch():
    """Several wait for one another where the machine is busy."""
    if find_spec("torch") is None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_answers(question, tiny, tmp_path):
    module = importlib.import_module(f"benchmarks.{QUESTIONS[question]}")
    rows = [{"question": question} | row for row in module.measure(QUICK)]
    assert not [row for row in rows if "wrong" in row]
    untimed = question in ("verification", "strangers", "profile")
    assert any(row["seconds"] > 0 for row in rows if "digits" in row or untimed)
    assert len({key(row) for row in rows}) == len(rows)
    write(tmp_path / "record.json", {"jax": "0"}, rows)
    assert read(tmp_path / "record.json") == ({"jax": "0"}, rows)
    assert module.table(rows)
    if question == "gradient":
        assert [row["plan"] for row in rows if row["name"] == gradient_speed.TUNED and "digits" in row]
    if question == "memory":
        pytest.importorskip("matplotlib")
        assert draw(rows, tmp_path / "picture.svg", "a picture")
        assert rows[-1]["name"] in (tmp_path / "picture.svg").read_text()


@pytest.mark.parametrize(
    ("question", "device", "says"),
    [("gpu", "cpu", "timed on a GPU"), ("memory", "gpu", "--device cpu"), ("devices", "gpu", "--device cpu")],
)
def test_what_another_device_answers_is_said(question, device, says):
    with pytest.raises(Elsewhere, match=says):
        importlib.import_module(f"benchmarks.{QUESTIONS[question]}").measure(Setting(device))


def test_a_process_that_fails_is_a_row_that_says_why():
    (row,) = apart("no_question", "timed", QUICK, name="a")
    assert row["name"] == "a"
    assert row["wrong"].startswith("its process left with 1: ImportError: cannot import name 'no_question'")


def test_the_first_call_of_a_turn_does_not_count():
    """Who comes after another takes a whole burst for it, and for later ones next to nothing."""
    before = [""]

    def contender(name):
        def run():
            time.sleep(BURST if before[0] != name else BURST / 200)
            before[0] = name

        return run

    times = in_turns({name: contender(name) for name in "ab"}, Setting())
    assert max(map(max, times.values())) < BURST / 4


def test_a_long_call_is_called_once_a_round(monkeypatch):
    """But for the first round, in which it is not known yet."""
    monkeypatch.setattr(harness, "LONG", BURST)
    calls = []

    def long():
        calls.append(0)
        time.sleep(1.5 * BURST)

    assert len(in_turns({"long": long}, Setting())["long"]) == len(calls) - 1


def test_the_interval_of_a_median_is_that_of_the_tables():
    """Of the sign test at 95 %: between the smallest and the largest of 6 to 8 times, the 6th and 15th of 20."""
    assert uncertainty([1.0] * 5) == math.inf
    assert uncertainty([5.0, 1.0, 3.0, 7.0, 2.0, 6.0, 4.0]) == (7 - 1) / 2 / 4
    assert uncertainty([float(n) for n in range(1, 21)]) == pytest.approx((15 - 6) / 2 / 10.5)


def test_rounds_go_on_until_every_median_is_certain(monkeypatch):
    """Of a time that is 2 or 1 in turns and then always 1, the interval is narrow when the 1s are enough."""
    noisy = iter([2.0, 1.0] * 4 + [1.0] * 100)
    monkeypatch.setattr(harness, "_burst", lambda run, *_: next(noisy) if run == "noisy" else 1.0)
    runs = {"steady": "steady", "noisy": "noisy"}
    found = in_turns(runs, Setting(), within=0.05)
    assert uncertainty(found["noisy"]) <= 0.05 < uncertainty(found["noisy"][:-1])
    assert len(found["steady"]) == len(found["noisy"])
    monkeypatch.setattr(harness, "LONGEST", 0.0)
    noisy = iter([2.0, 1.0] * 50)
    assert len(in_turns(runs, Setting(), within=0.05)["noisy"]) == harness.LEAST


def test_bfloat16_has_a_gradient_with_half_of_its_digits(tiny):
    given = gradient_speed.problem(*TINY, dtype=np.dtype("bfloat16"))
    judge = near(gradient_speed.truth(given)[1][2], given.dtype)
    run, of_xs = gradient_speed.contenders(given)[gradient_speed.OURS]
    assert judge(of_xs(run()))["digits"] > 1.2


def test_what_is_wrong_is_named_and_not_timed():
    calls = dict.fromkeys(("right", "off", "not a number", "single", "fails"), 0)
    truth = np.array([1.0, -2.0, 3.0])

    def contender(name, result):
        def run():
            calls[name] += 1
            if result is None:
                raise TypeError("no such dtype\nand more")
            return result

        return run, lambda found: found

    off = truth.copy()
    off[1] *= 1 + 1e-6
    results = [truth, off, truth * np.nan, truth.astype(np.float32), None]
    contenders = {name: contender(name, result) for name, result in zip(calls, results, strict=True)}
    rows = {row["name"]: row for row in measured(contenders, near(truth, np.float64), QUICK, what="a test")}
    assert calls == {"right": 1 + 2, "off": 1, "not a number": 1, "single": 1, "fails": 1}
    assert [name for name, row in rows.items() if "seconds" in row] == ["right"]
    assert "6.2 digits" in rows["off"]["wrong"]
    assert "nan digits" in rows["not a number"]["wrong"]
    assert "float32" in rows["single"]["wrong"]
    assert rows["fails"]["wrong"] == "TypeError: no such dtype"


def test_a_wrong_gradient_is_not_timed(tiny, monkeypatch):
    """One that forgets the last step."""
    contenders = gradient_speed.contenders

    def forgetful(given):
        run, _ = contenders(given)[gradient_speed.OURS]
        return {gradient_speed.OURS: (run, lambda found: found[2].at[0].set(0))}

    monkeypatch.setattr(gradient_speed, "contenders", forgetful)
    (row,) = (r for r in gradient_speed.measure(QUICK) if r["name"] == gradient_speed.OURS)
    assert "digits" in row["wrong"]
    assert "seconds" not in row


def test_an_exponent_is_that_of_the_upper_half():
    """A constant of a second hides the slope at small sizes; the upper half of these sizes shows 2 to within 0.01."""
    rows = [
        {"what": "against H", "name": "a", "H": H, "seconds": 1 + H**2 if H > 64 else 1.0, "first_call_seconds": 1}
        for H in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
    ]
    (fit,) = scaling.exponents(rows, "H")
    assert fit["points"] == [128, 256, 512, 1024, 2048, 4096]
    assert abs(fit["exponent"] - 2) < 0.01
    assert fit["standard_error"] < 0.01


def test_the_limits_count_the_products_that_jax_multiplies():
    """Operations of every dot_general of the definition's steps: 2·rows·columns·length."""
    from lstm_ref import sequence

    T, B, D, H = 3, 2, 5, 4
    given = gradient_speed.problem(T, B, D, H)
    outputs = lambda p, s, xs: sequence.loop(given.cell, p, s, xs)[0]  # noqa: E731

    def gradient(p, s, xs, bar):
        return jax.vjp(outputs, p, s, xs)[1](bar)

    read = given.params[0], given.initial[0], given.xs
    bar = given.bar._replace(final=given.bar.final[0])
    forward = jax.make_jaxpr(outputs)(*read)
    both = jax.make_jaxpr(gradient)(*read, bar)

    def counted(jaxpr):
        found = 0
        for equation in jaxpr.eqns:
            if equation.primitive.name == "dot_general":
                a, b = (v.aval for v in equation.invars)
                ((over, _), _) = equation.params["dimension_numbers"]
                length = int(np.prod([a.shape[k] for k in over]))
                found += 2 * a.size * b.size // length
            for inner in equation.params.values():
                found += counted(inner.jaxpr) if hasattr(inner, "jaxpr") else 0
        return found

    assert counted(forward.jaxpr) == limits.operations(T, B, D, H, backward=False)
    assert counted(both.jaxpr) == limits.operations(T, B, D, H, backward=True)
