"""A batch split over devices: DP1, DP1*. Eight simulated devices of the CPU, and two processes."""

import os
import pickle
import re
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from eight_devices import PROBLEMS
from helpers import Disagreement, assert_within, by_hand, in_balls, noise_floor, read

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "data_parallel.py"
ENVIRONMENT = os.environ | {
    "JAX_PLATFORMS": "cpu",
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    "XLA_FLAGS": "--xla_backend_optimization_level=0",  # to compile is nearly all that these programs do
}


def started(*command):
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(*processes):
    """The lines that each printed of its own, when all have ended well."""
    try:
        told = [process.communicate(timeout=600) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, complaints) in zip(processes, told, strict=True):
        assert process.returncode == 0, complaints
    return [[line for line in output.splitlines() if "[Gloo]" not in line] for output, _ in told]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `eight_devices.py` found: how many devices there are is settled when a process starts."""
    file = tmp_path_factory.mktemp("devices") / "found.pickle"
    said(started(Path(__file__).with_name("eight_devices.py"), file))
    return pickle.loads(file.read_bytes())


def assert_added_up(params_bar, each):
    """DP1*: the devices' gradients of the parameters, added up, within what the order of adding can change.

    A sum of n floats in any order is off by at most (n - 1)·u·Σ|terms| to first order, u = eps / 2: two orders differ
    by at most twice as much.
    """
    terms = jax.tree.map(lambda *v: np.stack(v), *each)
    order = jax.tree.map(lambda v: (len(v) - 1) * np.finfo(v.dtype).eps * np.abs(v).sum(0), terms)
    assert_within(params_bar, jax.tree.map(lambda v: v.sum(0), terms), order)


def assert_one_devices(given, problem):
    """The loop's with the whole batch: no matter of bits, as a product of more rows adds in another order, but both are
    within the floor of the truth."""
    floor = noise_floor(lambda: read(by_hand(in_balls(problem))[1]), np.float64)
    assert_within(read(given), read(by_hand(problem)[1]), floor, factor=2)


def laid_together(parts, axis):
    return jax.tree.map(lambda *v: np.concatenate(v, axis), *parts)


def same_bits(mine, theirs):
    return all(np.array_equal(*pair) for pair in zip(*map(jax.tree.leaves, (mine, theirs)), strict=True))


every_problem = pytest.mark.parametrize("name", PROBLEMS)


@every_problem
def test_every_row_has_the_bits_it_has_where_its_device_is_alone(name, found):
    """The same program of the same shapes runs on both: DP1, and of DP1* what belongs to a row."""
    outputs, given = found["split"][name]
    alone = found["alone"][name]
    assert same_bits(outputs.hs, laid_together([out.hs for out, _ in alone], 1))
    assert same_bits(outputs.final, laid_together([out.final for out, _ in alone], 0))
    assert same_bits(given.xs, laid_together([bars.xs for _, bars in alone], 1))
    assert same_bits(given.initial, laid_together([bars.initial for _, bars in alone], 0))


@every_problem
def test_the_parameters_gradient_is_the_sum_over_the_devices(name, found):
    assert_added_up(found["split"][name][1].params, [bars.params for _, bars in found["alone"][name]])


@every_problem
def test_eight_devices_give_what_one_gives_with_the_whole_batch(name, found):
    assert_one_devices(found["split"][name][1], PROBLEMS[name])


@pytest.mark.parametrize("mistake", ["no sum", "a mean"])
def test_a_reduction_that_is_no_sum_is_found(mistake, found):
    alone = [bars.params for _, bars in found["alone"]["lstm"]]
    with pytest.raises(Disagreement):
        assert_added_up(found[mistake][1].params, alone)
    outputs, given = found["split"]["lstm"]
    assert same_bits(found[mistake], (outputs, given._replace(params=found[mistake][1].params)))  # and nothing else


@pytest.mark.parametrize("way", ["of two axes", "by pieces", "custom"])
def test_any_mesh_any_way_and_the_custom_vjp_give_the_same(way, found):
    problem = PROBLEMS["lstm"]
    outputs, given = found[way][:2]
    assert_one_devices(given, problem)
    assert same_bits(outputs, found["split"]["lstm"][0])


def test_the_devices_tell_each_other_the_parameters_gradients_and_nothing_else(found):
    """In the compiled program of outputs and gradients of arrays that are in place already."""
    program = found["custom"][2]
    talk = re.findall(r"= (.*?) (all-\w+|reduce-scatter|collective-\w+)(?:-start)?\(", program)
    assert {how for _, how in talk} == {"all-reduce"}
    sent = [shape for what, _ in talk for shape in re.findall(r"f64\[([\d,]*)\]", what)]
    assert sorted(sent) == sorted(",".join(map(str, v.shape)) for v in PROBLEMS["lstm"].params)


def test_what_cannot_be_split_is_refused(found):
    assert found["odd rows"] == "the rows of a batch must divide evenly over the devices, got 2 rows, 8 devices"
    assert found["odd arrays"] == "the rows of a batch must divide evenly over the devices, got 12 rows, 8 devices"
    assert "must have axes of type Auto" in found.get("explicit", "must have axes of type Auto")


def test_plans_of_several_devices_give_what_one_gives_and_always_the_same_bits(found):
    assert {plan.devices for plan in found["plans"]} == {1, 2, 4, 8}
    for given, again in found["plans"].values():
        assert_one_devices(given, PROBLEMS["lstm"])
        assert same_bits(given, again)
    assert_one_devices(found["bptt by a plan"], PROBLEMS["lstm"])


def test_a_plan_for_rows_that_cannot_be_split_is_refused(found):
    rows = "the rows of a batch must divide evenly over the devices, got "
    assert found["odd rows of a plan"] == rows + "16 rows, 3 devices"
    assert found["odd rows placed"] == rows + "2 rows, 8 devices"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_two_processes_give_what_one_gives(tmp_path):
    """To the last bit, as one process with two devices: a sum of two does not know an order."""
    address = f"127.0.0.1:{free_port()}"
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    (told,) = said(started(EXAMPLE, "--devices", 2, "--save", one))
    several = [started(EXAMPLE, "--process", k, "--of", 2, "--coordinator", address, "--save", two) for k in range(2)]
    assert len(told) == 3
    assert said(*several) == [told, told]
    with np.load(one) as mine, np.load(two) as theirs:
        assert sorted(mine) == sorted(theirs) == ["b", "w_h", "w_x"]
        assert all(np.array_equal(mine[k], theirs[k]) and np.any(mine[k]) for k in mine)
