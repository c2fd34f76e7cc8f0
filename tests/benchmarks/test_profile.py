"""The parts of a call's time: which operation is of which kind, and that the parts of a real call add up to it."""

import jax
import numpy as np
import pytest

from benchmarks import profile
from benchmarks.profile import AROUND, ELEMENTWISE, LOOP, WAITING, Event, kind_of, operations, parts


@pytest.mark.parametrize(
    "name, is_in_loop, kind",
    [
        ("ynn_fusion.3", True, LOOP),
        ("ynn_fusion", False, AROUND),
        ("dot_general.12", False, None),  # its event ends when it is handed to other threads
        ("multiply_add_fusion", True, ELEMENTWISE),
        ("copy.14", False, ELEMENTWISE),
        ("all-reduce", False, WAITING),
        ("Rendezvous", False, None),  # within the all-reduce
        ("while.31", False, None),
        ("end: copy.14", True, None),
        ("ThunkExecutor::Execute", False, None),
        ("ThreadpoolListener::StartRegion", False, None),
        ("Wait: pending_threads=1/2", False, None),
    ],
)
def test_an_operation_is_told_by_its_name(name, is_in_loop, kind):
    assert kind_of(name, is_in_loop) == kind


def test_parts_are_means_over_calls_and_devices():
    T, calls, over = 3, 2, 2
    events = [Event("ynn_fusion", 1.0)] * (T * calls * over) + [Event("ynn_fusion.1", 5.0)] * (calls * over)
    assert parts(events, calls, over, T) == {LOOP: 3.0, AROUND: 5.0, ELEMENTWISE: 0.0, WAITING: 0.0}


def test_operations_are_those_of_the_products():
    T, B, D, H = 5, 3, 2, 4
    assert operations(T, B, D, H, backward=False) == {LOOP: T * 2 * B * H * 4 * H, AROUND: T * 2 * B * D * 4 * H}
    assert operations(T, B, D, H, backward=True) == {LOOP: 2 * T * 2 * B * H * 4 * H}


def test_a_loops_product_is_seen_as_often_as_it_runs():
    pytest.importorskip("jax.profiler", reason="this JAX has no profiler")
    if not hasattr(jax.profiler, "ProfileData"):
        pytest.skip(f"jax {jax.__version__} cannot read its own profile")
    steps, calls = 7, 3
    read = np.ones((64, 64), np.float32), np.ones((32, 64), np.float32)
    run = jax.jit(lambda w, h: jax.lax.scan(lambda h, _: (jax.numpy.tanh(h @ w), None), h, None, steps)[0])
    taken, events = profile.traced(lambda: jax.block_until_ready(run(*read)), calls)
    often = [e for e in events if kind_of(e.name, True) == LOOP]
    assert len(often) in (0, steps * calls)  # 0: another version gives products of this size another name
    assert 0 < sum(e.seconds for e in events if kind_of(e.name, True)) <= taken * calls
