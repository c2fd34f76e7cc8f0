"""Every way through time refuses arguments that do not fit, at once and by name, forward and backward."""

from functools import partial

import jax
import numpy as np
import pytest
from helpers import an_ordinary_problem
from jax.sharding import Mesh, PartitionSpec

from lstm_ref import sequence
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import arrays
from lstm_ref.errors import BadInput
from lstm_ref.leaves import paths
from lstm_ref.through_time import checkpointed, data_parallel, fast_lstm, persistent
from lstm_ref.through_time.checkpointed import in_scanned_pieces
from lstm_ref.through_time.pieces import in_pieces

lstm = CELLS["lstm"]
MESH = Mesh(np.array(jax.devices()[:1]), ("rows",))
WAYS = {
    "loop": sequence.LOOP,
    "scan": sequence.SCAN,
    "fast": fast_lstm.FAST,
    "pieces": in_pieces(2),
    "scanned pieces": in_scanned_pieces(2),
    "persistent": persistent.PERSISTENT,
    "data parallel": data_parallel.over(MESH),
}
RECURRENCES = {
    "sequence": partial(sequence.bptt, lstm),
    "fast": fast_lstm.bptt,
    "checkpointed": partial(checkpointed.bptt, lstm, budget=2**12),
    "persistent": partial(persistent.bptt, lstm),
    "data parallel": partial(data_parallel.bptt(MESH), lstm),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
each_recurrence = pytest.mark.parametrize("recurrence", RECURRENCES.values(), ids=RECURRENCES)

BAD = {
    r"lengths must have shape \(2,\), one a row of the batch, got \(1,\)": {"lengths": [2]},
    r"lengths must have shape \(2,\), one a row of the batch, got \(\)": {"lengths": 2},
    "lengths must be integers, got float64": {"lengths": [5.9, 4.9]},
    "lengths must be integers, got bool": {"lengths": [True, False]},
    r"lengths must lie in 0\.\.6, got 3\.\.7": {"lengths": [7, 3]},
    "lengths must be one array of 2 integers, got": {"lengths": [[1], [2, 3]]},
    "reverse must be True or False, and under jit static, got 'no'": {"reverse": "no"},
    "the cell must be a Cell, .* got 'lstm'": {"cell": "lstm"},
    r"parameters must be a named tuple of w_x, w_h, b, got a named tuple of w_x, w_h, b \(list\)": {
        "p": lambda p: p._replace(b=[0.0] * 16)
    },
    r"parameter w_h must have shape \(4, 16\)": {"p": lambda p: p._replace(w_h=p.w_h.T)},
    "initial state must be arrays, h too, got 0.0": {"initial": lambda s: type(s)(0.0, 0.0)},
    "xs must be an array, got 1.0": {"xs": 1.0},
    "xs must be in this machine's byte order": {"xs": lambda v: v.astype(v.dtype.newbyteorder())},
}


def float32(tree):
    return jax.tree.map(np.float32, tree)


def a_problem():
    """Cell, parameters, initial state, inputs, cotangents: what all ways take."""
    problem = an_ordinary_problem(lstm)
    return dict(zip(("p", "initial", "xs", "bar"), float32((*problem.arguments, problem.bar)), strict=True))


@each_way
@pytest.mark.parametrize("message", BAD)
def test_both_passes_say_what_does_not_fit(way, message):
    given = {"cell": lstm, "lengths": None, "reverse": False} | a_problem()
    ahead = ("cell", "p", "initial", "xs")
    _, tape = way.forward(*(given[k] for k in ahead))
    given |= {k: change(given[k]) if callable(change) else change for k, change in BAD[message].items()}
    first, last = [given[k] for k in ahead], [given["lengths"], given["reverse"]]
    with pytest.raises(BadInput, match=message):
        way.forward(*first, *last)
    with pytest.raises(BadInput, match=message):
        way.backward(*first, tape, given["bar"], *last)


@each_way
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (tuple, "must be a named tuple of hs, final, got tuple"),
        (lambda bar: bar._replace(hs=None), r"must be a named tuple of hs, final, got a named tuple of hs \(None\)"),
        (lambda bar: bar._replace(final=tuple(bar.final)), r"named tuple of hs, final \(tuple\)"),
        (lambda bar: bar._replace(final=type(bar.final)(0.0, 0.0)), "must be arrays, final.h too, got 0.0"),
        (lambda bar: bar._replace(hs=bar.hs[:, :1]), r"cotangent of hs must have shape \(6, 2, 4\), got \(6, 1, 4\)"),
    ],
)
def test_the_backward_pass_says_what_does_not_fit_of_the_cotangents(way, change, message):
    p, initial, xs, bar = a_problem().values()
    _, tape = way.forward(lstm, p, initial, xs)
    with pytest.raises(BadInput, match=message):
        way.backward(lstm, p, initial, xs, tape, change(bar))


@pytest.mark.parametrize("name", ["scan", "fast", "scanned pieces"])
def test_cotangents_of_another_dtype_are_named(name):
    p, initial, xs, bar = a_problem().values()
    _, tape = WAYS[name].forward(lstm, p, initial, xs)
    with pytest.raises(BadInput, match=r"share one floating dtype, got bar\.hs: int32, .*xs: float32"):
        WAYS[name].backward(lstm, p, initial, xs, tape, bar._replace(hs=bar.hs.astype(np.int32)))


@each_way
def test_a_tape_of_other_steps_is_no_tape(way):
    p, initial, xs, bar = a_problem().values()
    _, tape = way.forward(lstm, p, initial, xs[:3])
    with pytest.raises(BadInput):
        way.backward(lstm, p, initial, xs, tape, bar)


def test_a_stacked_tape_is_not_the_loops_and_the_loops_is_not_the_scans():
    p, initial, xs, bar = a_problem().values()
    tapes = {name: WAYS[name].forward(lstm, p, initial, xs)[1] for name in ("loop", "scan")}
    for name, other, message in (("loop", "scan", "as loop gives them"), ("scan", "loop", "as scan_with_tape gives")):
        with pytest.raises(BadInput, match=message):
            WAYS[name].backward(lstm, p, initial, xs, tapes[other], bar)


@each_recurrence
def test_lengths_that_jax_traces_show_their_dtype_and_no_more(recurrence):
    p, initial, xs, _ = a_problem().values()
    hs = jax.jit(lambda lengths, reverse: recurrence(p, initial, xs, lengths, reverse).hs, static_argnums=1)
    with pytest.raises(BadInput, match="lengths must be integers, got float32"):
        hs(np.array([4.9, 2.0]), False)
    with pytest.raises(BadInput, match="lengths must be integers, got bool"):
        hs(np.array([True, False]), False)
    with pytest.raises(BadInput, match="lengths must be one array of 2 integers, got"):
        hs((1, 2), False)
    for reverse in (False, True):  # more than there are, unseen, are all
        np.testing.assert_allclose(hs(np.array([9, 3]), reverse), hs(np.array([6, 3]), reverse), rtol=1e-6)


@each_recurrence
@pytest.mark.parametrize("sizes", [(2, 0, 2, 3), (2, 2, 0, 3), (1, 1, 0, 1)], ids=["B=0", "D=0", "T=B=H=1, D=0"])
def test_a_size_may_be_zero(recurrence, sizes):
    T, B, D, H = sizes
    rng = np.random.default_rng(0)
    p = float32(lstm.initial_parameters(rng, max(D, 1), H))
    initial = float32(arrays(lstm.state_shapes(B, H), rng.standard_normal))
    read = p._replace(w_x=p.w_x[:D]), initial, rng.standard_normal((T, B, D)).astype(np.float32)
    loss = lambda recurrence: lambda read: (recurrence(*read).hs ** 2).sum()  # noqa: E731
    found, expected = (jax.grad(loss(r))(read) for r in (recurrence, partial(sequence.scan, lstm)))
    for path, value in paths(found).items():
        np.testing.assert_allclose(value, paths(expected)[path], rtol=1e-5, atol=1e-6)


def test_whole_numbers_may_be_numpys_and_nothing_else_is_whole():
    p, initial, xs, _ = a_problem().values()
    expected = sequence.scan(lstm, p, initial, xs).hs
    two = np.int64(2)
    for way in (in_pieces(two), in_scanned_pieces(two), fast_lstm.with_pieces_of(two)):
        np.testing.assert_allclose(way.forward(lstm, p, initial, xs)[0].hs, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(checkpointed.bptt(lstm, p, initial, xs, budget=np.int64(2**12)).hs, expected, rtol=1e-6)
    for every in (0, False, True, -1, 2.5, "2", [2]):
        for make in (in_pieces, in_scanned_pieces, fast_lstm.with_pieces_of):
            with pytest.raises(BadInput, match="at least one step, and whole ones, got"):
                make(every).forward(lstm, p, initial, xs)
    for budget in ([1], 1e6, True, None):
        with pytest.raises(BadInput, match="whole number of bytes, got"):
            checkpointed.bptt(lstm, p, initial, xs, budget=budget)
    for k1, k2 in ((2.0, 2), ("1", 2), (1, np.inf), (None, 2)):
        with pytest.raises(BadInput, match="1 <= k1 <= k2, got"):
            sequence.truncated(lstm, p, initial, xs, [], None, k1, k2)


@each_recurrence
def test_dtypes_are_those_that_jax_makes_of_them(recurrence):
    p, initial, xs, _ = a_problem().values()
    double = jax.tree.map(np.float64, initial)  # which JAX takes as float32
    np.testing.assert_array_equal(recurrence(p, double, xs).hs, recurrence(p, initial, xs).hs)
    for other in (jax.numpy.bfloat16, np.int32, np.bool_):
        with pytest.raises(BadInput, match="share one floating dtype"):
            recurrence(p, initial, xs.astype(other))
        with pytest.raises(BadInput, match="share one floating dtype"):
            recurrence(*jax.tree.map(lambda v: v.astype(np.bool_), (p, initial)), xs.astype(np.bool_))


@pytest.mark.parametrize("given", [(None,), ([MESH],), (MESH, "scan")], ids=["no mesh", "a list", "no way"])
def test_a_mesh_and_a_way_are_what_they_are(given):
    for make in (data_parallel.over, data_parallel.bptt):
        with pytest.raises(BadInput, match=r"a jax\.sharding\.Mesh and a way through time are needed, got"):
            make(*given)


def test_rows_stand_along_an_axis_that_there_is():
    xs = np.zeros((4, 6, 2), np.float32)
    assert data_parallel.split(MESH, xs, -2).sharding.spec == PartitionSpec(None, ("rows",))
    for axis in (3, -4):
        with pytest.raises(BadInput, match=rf"along axis {axis}, got an array of shape \(4, 6, 2\)"):
            data_parallel.split(MESH, xs, axis)
