"""The cause of a wrong gradient is named: by the dictionary if the cell is known, otherwise by its symptoms."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_ref import BadInput, check_gradients, custom_vjp
from lstm_ref.checking.checker import check
from lstm_ref.checking.diagnosis import diagnose as diagnosis
from lstm_ref.checking.files.derivation_file import load


@pytest.fixture(autouse=True)
def without_the_graph(monkeypatch):
    """The searches of this file come after the one in the forward's graph, which would name most of these mistakes."""
    monkeypatch.setattr(diagnosis, "mistakes_on_graph", lambda *_: iter(()))


EXAMPLES = Path(__file__).parents[2] / "examples"
RNG = np.random.default_rng(3)


def report_on(example):
    (problem,) = load(str(EXAMPLES / f"{example}.py"))
    return check(problem, oracles=["balls"])


# ------------------------------------------------------------------------------------------------- a known cell


def test_a_users_own_layout_gets_the_mistake_the_edge_and_the_line():
    report = report_on("lstm_columns")
    first = report.findings[0]
    assert (first.kind, first.exact, first.tags) == ("mistake", True, ("L4*",))
    assert first.sentence == "the derivative is taken of c and not of u in c_bar"
    assert first.wrong == r"\bar c = \bar c^{\,next} + \bar u \odot (1 - c \odot c)"
    page, line = first.place.split(":")
    assert r"\tag{L4*}" in (EXAMPLES.parent / page).read_text().splitlines()[int(line) - 1]
    assert report.conformance.conforms


def test_the_documented_mapping_is_at_most_a_dozen_lines():
    lines = (EXAMPLES / "lstm_columns.py").read_text().split("def mapping(inputs):\n")[1].split("\n\n")[0].splitlines()
    assert len(lines) <= 12


def test_the_names_of_values_lead_to_the_first_wrong_one():
    report = report_on("gru_named")
    assert (report.first_wrong.node, report.first_wrong.step) == ("a", 5)


SIZES = {"T": 5, "B": 2, "D": 3, "H": 4}


def rnn_claim(change=lambda g, inputs: g, carried=1.0, head_mean=False):
    """An RNN with a squared-error loss on a readout of its outputs, our own names; and its hand-written gradient."""
    T, B, D, H = SIZES.values()
    inputs = {"w_x": (D, H), "w_h": (H, H), "b": (H,), "h": (B, H), "xs": (T, B, D), "v": (H, 2)}
    inputs = {k: 0.6 * RNG.standard_normal(s) for k, s in inputs.items()}

    def run(i):
        h, hs = i["h"], []
        for x in i["xs"]:
            h = np.tanh(x @ i["w_x"] + h @ i["w_h"] + i["b"])
            hs.append(h)
        return np.stack(hs)

    def readout(i, hs):
        return ((hs @ i["v"] - 0.3) ** 2).sum()

    def gradients(i):
        hs = run(i)
        error = 2 * (hs @ i["v"] - 0.3)
        hs_bar = error @ i["v"].T
        bars = {k: np.zeros_like(v) for k, v in i.items()}
        bars["v"] = np.einsum("tbh,tbk->hk", hs, error)
        h_bar = np.zeros_like(i["h"])
        for t in reversed(range(len(hs))):
            a_bar = (h_bar + hs_bar[t]) * (1 - hs[t] * hs[t])
            prev = hs[t - 1] if t else i["h"]
            bars["w_x"] += i["xs"][t].T @ a_bar
            bars["w_h"] += prev.T @ a_bar
            bars["b"] += a_bar.sum(0)
            bars["xs"][t] = a_bar @ i["w_x"].T
            h_bar = (carried if t else 1.0) * (a_bar @ i["w_h"].T)  # the initial state gets its own
        return change(bars | {"h": h_bar}, i)

    names = {k: k for k in ("w_x", "w_h", "b", "h", "xs")}
    return {
        "inputs": inputs,
        "loss": lambda i: readout(i, run(i)),
        "gradients": gradients,
        "cell": "rnn_tanh",
        "mapping": names,
        "readout": readout,
        "oracles": ["balls"],
    }


def test_a_loss_is_looked_up_through_its_readout():
    report = check_gradients(**rnn_claim(carried=0.0))
    assert report.findings[0].sentence in (
        "prev_h_bar is dropped",
        "nothing is carried to the step before",
    )
    assert report.conformance.conforms
    assert check_gradients(**rnn_claim()).right


def test_without_a_readout_a_loss_conforms_to_nothing_but_is_still_judged():
    claim = rnn_claim(carried=0.0)
    del claim["readout"]
    report = check_gradients(**claim)
    assert "give `readout`" in report.conformance.sentence
    assert any(f.kind == "recurrence" for f in report.findings)


def test_adjoints_that_the_author_gives_are_held_against_the_known_cells():
    T, B, D, H = SIZES.values()
    claim = rnn_claim()
    inputs = claim["inputs"]

    def adjoints(i):
        """The adjoint of h lacks, at step 1 and before it, what the step after hands back; batch first."""
        hs, h = [], i["h"]
        for x in i["xs"]:
            h = np.tanh(x @ i["w_x"] + h @ i["w_h"] + i["b"])
            hs.append(h)
        hs_bar = 2 * (np.stack(hs) @ i["v"] - 0.3) @ i["v"].T
        h_bar, a = np.zeros_like(h), {"h": [None] * T, "a": [None] * T}
        for t in reversed(range(T)):
            a["h"][t] = hs_bar[t] + (h_bar if t != 1 else 0)
            a["a"][t] = a["h"][t] * (1 - hs[t] * hs[t])
            h_bar = a["a"][t] @ i["w_h"].T
        return {k: np.stack(v).transpose(1, 0, 2) for k, v in a.items()}

    report = check_gradients(**claim, adjoints=adjoints)
    assert (report.first_wrong.node, report.first_wrong.step) == ("h", 1)
    assert report.inherited == ("a[1]", "h[0]", "a[0]")
    with pytest.raises(BadInput, match="adjoints has the unknown name 'u'; rnn_tanh has a, h"):
        check_gradients(**claim, adjoints=lambda i: {"u": np.zeros((T, B, H))})
    assert inputs["w_x"].shape == (D, H)


def test_a_forward_that_is_not_the_cell_is_a_separate_answer():
    """tanh is missing from the last line: the gradient is right for its own forward, which is no LSTM."""
    (problem,) = load(str(EXAMPLES / "lstm_columns.py"))
    namespace = {}
    text = (EXAMPLES / "lstm_columns.py").read_text()
    text = (
        text.replace("h = o * np.tanh(c)", "h = o * c")
        .replace("o * (1 - c * c)", "o")
        .replace("dh * np.tanh(c)", "dh * c")
    )
    exec(compile(text, "no_tanh.py", "exec"), namespace)
    report = check_gradients(
        problem.inputs,
        forward=namespace["forward"],
        backward=namespace["backward"],
        cell="lstm",
        mapping=namespace["mapping"],
        oracles=["balls"],
    )
    assert report.right
    assert not report.conformance.conforms
    assert report.conformance.variant.startswith("no tanh on the output")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cell": "nas"}, "cell must be the name of a cell of lstm_ref, got 'nas'"),
        ({"cell": None}, "mapping is given without cell"),
        ({"mapping": 3}, "mapping must be a function of the inputs, or a dict"),
        ({"readout": 3}, "readout must be a function, got int"),
        ({"readout": lambda i, hs: hs}, "must be one number, got shape"),
    ],
)
def test_a_known_cell_that_is_badly_told_is_one_clear_error(fields, message):
    claim = rnn_claim(carried=0.0) | fields
    if fields.get("cell", 1) is None:
        del claim["readout"]
    with pytest.raises(BadInput, match=message):
        check_gradients(**claim)


# ----------------------------------------------------------------------------------------------------- symptoms


def findings_of(change, oracles=("balls",), **claim):
    """Of the RNN as an unknown cell, with its right gradient changed."""
    made = rnn_claim(change)
    kept = {k: made[k] for k in ("inputs", "loss", "gradients")}
    return check_gradients(**kept, oracles=list(oracles)).findings


def changed(name, by):
    return lambda bars, inputs: bars | {name: by(bars[name])}


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (changed("w_x", lambda g: -g), "scale", "-1 times what it should be: the sign"),
        (changed("w_x", lambda g: g / 2), "scale", "0.5 times what it should be"),
        (changed("v", lambda g: g * 5), "scale", "a sum stands for a mean (5 is the size of axis 0 of xs)"),
        (changed("v", lambda g: g / 10), "scale", "means stand for sums"),
        (changed("b", lambda g: 0 * g), "scale", "zero throughout: nothing reaches it"),
        (changed("w_h", lambda g: g.T.copy()), "transposed", "the gradient of w_h is transposed"),
        (changed("v", lambda g: g.T.reshape(4, 2)), "transposed", "and reshaped to (4, 2)"),
        (changed("xs", lambda g: g[::-1].copy()), "reversed", "reversed along axis 0"),
        (changed("xs", lambda g: np.roll(g, 1, 0)), "shifted", "shifted along axis 0, one late"),
        (changed("w_x", lambda g: np.concatenate([g[:, 2:], g[:, :2]], 1)), "permuted", "0 holds what belongs to"),
    ],
)
def test_a_simple_relation_to_the_right_gradient_is_named(change, kind, words):
    first = findings_of(change)[0]
    assert first.kind == kind
    assert words in first.sentence
    assert first.exact


def test_one_factor_of_all_wrong_gradients_is_said_once():
    first, *rest = findings_of(lambda bars, _: {k: g / 5 for k, g in bars.items()})
    assert first.sentence.startswith(
        "every wrong gradient is 0.2 times what it should be: perhaps a mean stands for a sum"
    )
    assert not rest


def test_a_gradient_that_is_another_inputs_is_named():
    inputs = {k: RNG.standard_normal((2, 3)) for k in ("gate_i", "gate_f")}
    x = RNG.standard_normal((2, 3))

    def loss(i):
        return (np.tanh(i["gate_i"]) * x).sum() + (np.tanh(i["gate_f"]) ** 2 * x).sum()

    def gradients(i):
        y = np.tanh(i["gate_i"])
        return {"gate_i": (1 - y * y) * x, "gate_f": (1 - y * y) * x}

    found = check_gradients(inputs, loss=loss, gradients=gradients, oracles=["balls"]).findings
    assert found[0].sentence == "the gradient of gate_f is that of gate_i"


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        (lambda y: 1.0, "lacks the factor 1 − y²"),
        (lambda y: (1 - y * y) ** 2, "surplus factor 1 − y² of y = output y"),
    ],
)
def test_an_activations_derivative_that_is_missing_or_twice_there_is_named(slope, words):
    a = {"a": RNG.standard_normal((2, 3))}

    def backward(i, bar):
        return {"a": bar * slope(np.tanh(i["a"]))}

    found = check_gradients(a, forward=lambda i: np.tanh(i["a"]), backward=backward, oracles=["balls"]).findings
    assert words in found[0].sentence


def test_what_goes_from_step_to_step_is_told_from_what_is_within_a_step():
    assert "recurrence" in {f.kind for f in symptoms_of(carried=0.0)}
    wrong_step = symptoms_of(change=lambda bars, i: bars | {"w_x": bars["w_x"] ** 2})
    assert wrong_step[0].sentence == "wrong for one time step already: the mistake lies within a step"


def symptoms_of(**how):
    made = rnn_claim(**how)
    return check_gradients(**{k: made[k] for k in ("inputs", "loss", "gradients")}, oracles=["balls"]).findings


def test_a_truncation_nobody_declared_is_told_with_its_length():
    x = RNG.standard_normal((6, 2, 3))
    w = {"w": 0.7 * RNG.standard_normal((3, 3)), "x": x}

    def forward(i):
        return jax.lax.scan(lambda h, x: (jnp.tanh(x + h @ i["w"]),) * 2, jnp.zeros((2, 3)), i["x"])[1]

    def backward(i, hs_bar):
        """Each output goes back three steps."""
        hs = forward(i)
        prev = jnp.concatenate([jnp.zeros((1, 2, 3)), hs[:-1]])
        w_bar, x_bar = jnp.zeros((3, 3)), jnp.zeros_like(i["x"])
        for s in range(len(hs)):
            h_bar = hs_bar[s]
            for t in range(s, max(-1, s - 3), -1):
                a_bar = h_bar * (1 - hs[t] ** 2)
                w_bar, x_bar = w_bar + prev[t].T @ a_bar, x_bar.at[t].add(a_bar)
                h_bar = a_bar @ i["w"].T
        return {"w": w_bar, "x": x_bar}

    found = check_gradients(w, forward=forward, backward=backward, oracles=["reverse"]).findings
    assert found[0].sentence == "right up to 3 time steps, wrong from 4 on: it is cut off after 3"


def test_a_term_that_is_multiplied_by_the_initial_state_is_told():
    """What h @ w gives to w is left out: right exactly where h is zero."""

    x = RNG.standard_normal((3, 2))
    inputs = {"w": RNG.standard_normal((2, 2)), "h": RNG.standard_normal((3, 2))}

    def loss(i):
        return ((x @ i["w"] + i["h"] @ i["w"]) ** 3).sum()

    def gradients(i):
        bar = 3 * (x @ i["w"] + i["h"] @ i["w"]) ** 2
        return {"w": x.T @ bar}  # and h's part is missing

    found = check_gradients(inputs, loss=loss, gradients=gradients, oracles=["balls"]).findings
    assert "right when h is zero: the error vanishes with it" in [f.sentence for f in found]


def test_two_factors_that_are_equal_where_an_input_is_zero_are_not_said_to_be_multiplied_by_it():
    """z stands for 1 - z, and both are 0.5 where w is zero; `float` of a text hides the code from the graph."""
    x = RNG.standard_normal((3, 2))
    inputs = {"w": RNG.standard_normal((2, 2)), "h": RNG.standard_normal((3, 2))}

    def gate(i):
        return 1 / (1 + np.exp(-(x @ np.vectorize(lambda v: float(str(v)))(i["w"]))))

    def gradients(i):
        z = gate(i)
        return {"w": -x.T @ (i["h"] * z * (1 - z)), "h": z}

    report = check_gradients(inputs, loss=lambda i: ((1 - gate(i)) * i["h"]).sum(), gradients=gradients)
    assert [f.sentence for f in report.findings if f.kind == "zero"] == [
        "right when w is zero: the error vanishes with it"
    ]


def scanned_wrongly(w, h, x, *, cut=None, row=1.0, reverse=True):
    """`scanned` as a custom rule: the adjoint is cut before step `cut`, the cotangents of row 1 have a factor, or the
    backward scan runs from the first step to the last."""

    @jax.custom_vjp
    def rnn(w, h, x):
        return scanned({"w": w, "h": h, "x": x})

    def backward(saved, hs_bar):
        w, h, hs = saved
        prev = jnp.concatenate([h[None], hs[:-1]])
        hs_bar = hs_bar.at[:, 1].multiply(row)

        def step(h_bar, now):
            t, h, prev, bar = now
            a_bar = (h_bar + bar) * (1 - h**2)
            return a_bar @ w.T * (t != cut), (a_bar, prev.T @ a_bar)

        each = (jnp.arange(len(hs)), hs, prev, hs_bar)
        h_bar, (a_bar, w_bar) = jax.lax.scan(step, jnp.zeros_like(h), each, reverse=reverse)
        return w_bar.sum(0), h_bar, a_bar

    rnn.defvjp(lambda w, h, x: (hs := rnn(w, h, x), (w, h, hs)), backward)
    return custom_vjp(rnn, w, h, x)


@pytest.mark.parametrize(
    ("slip", "sentence"),
    [
        ({"cut": 2}, "right up to 2 time steps, wrong from 3 on: it is cut off after 2"),
        (
            {"reverse": False},
            "right for a sequence of one time step, but wrong for the first step of a longer one: look at the order of "
            "the steps, and at what passes between them",
        ),
        ({"row": 2.0}, "right for row 0 of the batch alone, of 2: rows are mixed up, or left out"),
    ],
)
def test_a_custom_rule_is_right_at_the_easier_problems_where_it_is(slip, sentence):
    w, h = 0.7 * RNG.standard_normal((3, 3)), RNG.standard_normal((2, 3))
    found = check_gradients(scanned_wrongly(w, h, RNG.standard_normal((4, 2, 3)), **slip), oracles=["balls"]).findings
    assert sentence in [f.sentence for f in found]


def scanned(i):
    return jax.lax.scan(lambda h, x: (jnp.tanh(x + h @ i["w"]),) * 2, i["h"], i["x"])[1]


def test_rows_of_the_batch_that_are_right_by_themselves_are_told():
    inputs = {"w": 0.7 * RNG.standard_normal((3, 3)), "h": RNG.standard_normal((2, 3))}
    inputs["x"] = RNG.standard_normal((5, 2, 3))

    def backward(i, bar):
        _, vjp = jax.vjp(scanned, i)
        return vjp(bar.at[:, 1].multiply(2.0))[0]

    found = check_gradients(inputs, forward=scanned, backward=backward, oracles=["reverse"]).findings
    assert "right for row 0 of the batch alone, of 2: rows are mixed up, or left out" in [f.sentence for f in found]


def test_steps_that_are_right_by_themselves_are_not_taken_for_rows():
    """Where the mask is the code's own, no shorter sequence can be tried, and nothing else tells which axis is time."""
    mask = np.ones((5, 2, 1))
    inputs = {"w": 0.7 * RNG.standard_normal((3, 3)), "h": RNG.standard_normal((2, 3))}
    inputs["x"] = RNG.standard_normal((5, 2, 3))

    def forward(i):
        return scanned(i | {"x": i["x"] * mask})

    def backward(i, bar):
        return jax.vjp(forward, i)[1](bar.at[3:].multiply(2.0))[0]

    found = check_gradients(inputs, forward=forward, backward=backward, oracles=["reverse"]).findings
    assert "batch" not in {f.kind for f in found}


def test_a_batch_that_comes_first_is_not_taken_for_time():
    def forward(i):
        return scanned(i | {"x": i["x"].transpose(1, 0, 2)}).transpose(1, 0, 2)

    inputs = {"w": 0.7 * RNG.standard_normal((3, 3)), "h": np.zeros((2, 3)), "x": RNG.standard_normal((2, 5, 3))}

    def backward(i, bar):
        """What goes back from step to step is stopped."""
        hs = forward(i)
        prev = jnp.concatenate([i["h"][:, None], hs[:, :-1]], axis=1)
        a_bar = bar * (1 - hs**2)
        return {"w": jnp.einsum("bti,btj->ij", prev, a_bar), "x": a_bar}

    found = check_gradients(inputs, forward=forward, backward=backward, oracles=["reverse"]).findings
    assert "recurrence" in {f.kind for f in found}


def test_a_claim_that_writes_into_its_arguments_is_told_first():
    def gradients(i):
        given = {"w": 2 * np.array(i["w"])}
        i["w"] += 1.0
        return given

    report = check_gradients({"w": np.ones(2)}, loss=lambda i: (i["w"] ** 2).sum(), gradients=gradients)
    assert (
        report.findings[0].sentence == "gradients(inputs) writes into its argument: input w is changed after the call"
    )
    assert not report.right
