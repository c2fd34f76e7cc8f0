"""Which plan is chosen, by a clock that the tests set: no time is taken here."""

from collections import defaultdict
from itertools import cycle
from statistics import median

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.errors import JaxRuntimeError
from machine import Machine, candidates

from lstm_ref.through_time import plan as plan_module
from lstm_ref.through_time import tuning
from lstm_ref.through_time.plan import FastPlan, default_plan
from lstm_ref.through_time.tuning import BURST, FEW, LAST, fastest, is_faster

SIZES = 64, 32, 32, 64
DEFAULT, ONE = FastPlan("fast", 4, 64, 1, 1), FastPlan("fast", 1, 32, 1, 1)
SCAN = FastPlan("scan", 1, 64, 1, 1)


@pytest.fixture(autouse=True, scope="module")
def four_devices():
    """And two cores, without AVX-512."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "local_device_count", lambda: 4)
        patch.setattr(tuning, "cores", lambda: 2)
        for module in (plan_module, tuning):
            patch.setattr(module, "has_wide_vectors", lambda: False)
        yield


@pytest.fixture
def wide_vectors(monkeypatch):
    for module in (plan_module, tuning):
        monkeypatch.setattr(module, "has_wide_vectors", lambda: True)


@pytest.mark.usefixtures("wide_vectors")
@pytest.mark.parametrize("bits", [0, 512])
def test_with_avx_512_both_widths_are_tried_and_the_faster_wins(bits):
    best = FastPlan("fast", 2, 32, 1, 1, bits)
    assert default_plan(*SIZES).vectors == 512
    plan, medians = Machine(lambda plan: off(plan, best)).choose(SIZES)
    assert plan == best
    assert {plan.vectors for plan in medians if plan.way == "fast"} == {bits, 512}


def off(plan, best, weights=(1.0, 0.4, 0.3, 0.1, 0.2, 0.1, 0.1)):
    """Seconds that grow with every choice in which the plan is not the best one."""
    return 1.0 + sum(w * (a != b) for w, a, b in zip(weights, plan, best, strict=True))


def test_the_default_here_is_over_four_devices():
    assert default_plan(*SIZES) == DEFAULT
    assert default_plan(*SIZES, devices=1) == ONE


@pytest.mark.parametrize(
    "best",
    [
        DEFAULT,
        ONE,
        FastPlan("fast", 2, 32, 1, 1),
        FastPlan("fast", 2, 64, 1, 2),
        FastPlan("fast", 1, 16, 1, 2),
        FastPlan("fast", 4, 32, 2, 2),
        FastPlan("fast", 2, 32, 1, 1, weights_first=True),
        SCAN,
    ],
    ids=str,
)
def test_the_fastest_wins(best):
    plan, medians = Machine(lambda plan: off(plan, best)).choose(SIZES)
    assert plan == best
    assert medians[plan] == min(medians.values()) == 1.0


def test_noise_keeps_the_default():
    """Another is faster in most rounds and in the median, and by chance as often as not."""
    turns = defaultdict(lambda: cycle([0.8, 0.9, 1.3]))
    machine = Machine(lambda plan: 1.0 if plan == DEFAULT else next(turns[plan]))
    plan, medians = machine.choose(SIZES)
    assert plan == DEFAULT
    assert min(medians.values()) < medians[DEFAULT]


def test_a_drift_of_the_machine_changes_nothing():
    """It becomes slower by a third in the last rounds alone; the plan that is faster by a tenth is found."""
    best = FastPlan("fast", 2, 64, 1, 1)
    machine = Machine(lambda plan: (1 + len(machine.calls) / 100) * (1.0 if plan == best else 1.1))
    assert machine.choose(SIZES)[0] == best


def test_the_default_one_device_and_the_scan_are_in_the_last_rounds():
    best = FastPlan("fast", 2, 32, 1, 1)
    machine = Machine(lambda plan: off(plan, best))
    _, medians = machine.choose(SIZES)
    assert list(medians) == [DEFAULT, best, ONE, SCAN]
    assert machine.calls[-4 * LAST :] == [DEFAULT, best, ONE, SCAN] * LAST


@given(data=st.data())
def test_no_plan_of_the_last_rounds_is_faster_than_the_chosen_one(data):
    """Whatever was measured."""
    rounds = data.draw(st.lists(st.tuples(*[st.integers(1, 4)] * 4), min_size=LAST, max_size=2 * LAST))
    plans = [DEFAULT, FastPlan("fast", 2, 32, 1, 1), ONE, SCAN]
    times = dict(zip(plans, map(list, zip(*rounds, strict=True)), strict=True))
    chosen = fastest(times)
    assert not [plan for plan, mine in times.items() if is_faster(mine, times[chosen])]
    assert chosen == DEFAULT or median(times[chosen]) < median(times[DEFAULT])


def test_of_nine_rounds_one_may_be_lost():
    """Of two equally fast plans one wins nine or eight of nine in 10 of 512 cases, seven or more in 46."""
    times = np.ones(9)
    for lost, said in ((0, True), (1, True), (2, False)):
        theirs = times + 0.01
        theirs[:lost] = 0.5
        assert is_faster(list(times), list(theirs)) == said
    assert not is_faster([1.0] * 9, [1.0] * 9)


def test_a_plan_that_is_surely_faster_than_the_winner_wins_though_it_is_not_than_the_default():
    """The winner loses one round to the default, and another one to the third plan."""
    third, winner = FastPlan("fast", 2, 32, 1, 1), ONE
    times = {DEFAULT: [3.0] * 9, winner: [4.0, *[2.0] * 8], third: [3.5, 5.0, *[1.0] * 7]}
    assert is_faster(times[winner], times[DEFAULT])
    assert not is_faster(times[third], times[DEFAULT])
    assert fastest(times) == third


def test_plans_that_beat_each_other_in_a_circle_are_equally_fast():
    """Each wins two rounds of three, which is no chance in sixty rounds; the medians are the same."""
    times = {plan: [1.0, 2.0, 3.0][k:] + [1.0, 2.0, 3.0][:k] for k, plan in enumerate((DEFAULT, ONE, SCAN))}
    assert fastest({plan: each * 20 for plan, each in times.items()}) == DEFAULT


def test_what_needs_more_memory_than_there_is_is_left_out():
    def seconds(plan):
        if plan.way == "scan" or plan.programs == 2:
            raise JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return off(plan, ONE)

    plan, medians = Machine(seconds).choose(SIZES)
    assert plan == ONE
    assert SCAN not in medians


def test_where_the_default_fails_the_reason_is_told():
    def seconds(plan):
        raise JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    with pytest.raises(JaxRuntimeError, match="out of memory"):
        Machine(seconds).choose(SIZES)


def test_the_first_of_short_calls_does_not_count():
    """It takes longer where another plan has been called before."""
    machine = Machine(lambda plan: BURST * (0.8 if machine.calls[-1:] != [plan] else 0.5))
    _, medians = machine.choose(SIZES)
    assert list(medians.values()) == pytest.approx([BURST / 2] * len(medians))


def test_rounds_last_as_long_as_asked_and_a_long_call_is_called_as_often_as_needed():
    short, long = (Machine(lambda plan, s=s: s) for s in (0.02, 10.0))
    short.choose(SIZES, seconds=20.0)
    long.choose(SIZES, seconds=20.0)
    assert 20 <= short.now <= 25
    compared = 3 + 2 + 2 + 3  # devices, pieces, programs, products
    assert len(long.calls) == len(candidates(SIZES, "float32")) + FEW * compared + LAST * 3


def test_a_single_row_is_tried_in_blocks_and_on_one_device():
    tried = candidates((8, 1, 4, 6), "float32")
    assert {plan.devices for plan in tried} == {1}
    assert {plan.blocks for plan in tried if plan.way == "fast"} == {1, 2}
    assert {plan.every for plan in tried} == {8, 4}
    assert {plan.programs for plan in tried} == {1, 2}


def test_pieces_of_half_and_twice_as_many_steps_and_of_all_are_tried():
    size = 200, 33, 64, 64
    assert default_plan(*size).every == 25
    assert {plan.every for plan in candidates(size, "float32")} == {12, 25, 50, 200}
