"""A named cause is the true cause: relations that also hold for the right gradient, or that say nothing, are not
reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_ref import check_gradients
from lstm_ref.checking.diagnosis import diagnose as diagnosis
from lstm_ref.checking.diagnosis.known_cell import KnownCell
from lstm_ref.checking.diagnosis.symptoms import symptoms
from lstm_ref.checking.problem import problem as problem_of


@pytest.fixture(autouse=True)
def without_the_graph(monkeypatch):
    """The searches of this file come after the one in the forward's graph, which would name most of these mistakes."""
    monkeypatch.setattr(diagnosis, "mistakes_on_graph", lambda *_: iter(()))


RNG = np.random.default_rng(7)
UNIT = 2.0**-53


def drawn(*shape):
    return RNG.standard_normal(shape)


# ------------------------------------------------------------------------------- relations between claim and truth


def said_of(claimed, truth, inputs=None, outputs=None, unit=UNIT):
    """The symptoms of a claim, (kind, sentence, exact) each; wrong is what differs at all."""
    claimed, truth = ({k: np.asarray(v, float) for k, v in tree.items()} for tree in (claimed, truth))
    inputs = inputs or {k: drawn(*v.shape) for k, v in truth.items()}
    asked = problem_of(inputs, loss=lambda i: 0.0, gradients=lambda i: i)
    wrong = {k: claimed[k] != truth[k] for k in claimed}
    found = symptoms(asked, claimed, truth, wrong, outputs or {}, unit)
    return [(f.kind, f.sentence, f.exact) for f in found]


SQUARE, VECTOR, MATRIX = drawn(3, 3), drawn(8), drawn(4, 6)
SYMMETRIC = SQUARE + SQUARE.T
EQUAL_BLOCKS = np.concatenate([VECTOR[:2], VECTOR[:2], VECTOR[2:6]])


def with_element(v, at, by):
    v = np.array(v)
    v[at] *= by
    return v


@pytest.mark.parametrize(
    ("claim", "truth"),
    [
        (with_element(SYMMETRIC, (0, 0), 1 + 1e-9), SYMMETRIC),  # it is its own transpose
        (with_element(SYMMETRIC, (0, 0), 2), SYMMETRIC),
        ([[2.0]], [[3.0]]),  # of one element nothing is said
        ([2.0], [3.0]),
        (2.0, 4.0),
        ([0.0, 0.0, 7.0], [0.0, 0.0, 3.0]),  # nor of the only one that is not zero
        ([3.0, 3.0, 3.0, 5.0], [3.0] * 4),  # constant arrays stay what they are, wherever they are moved
        ([0.0, 3.0, 3.0, 3.0], [3.0] * 4),
        ([1.0, 2.0, 2.0, 4.0], [1.0, 2.0, 2.0, 1.0]),  # the same from both ends
        (with_element(EQUAL_BLOCKS, 6, 3), EQUAL_BLOCKS),
        (with_element(np.roll(VECTOR, 1), 3, 1.01), VECTOR),  # nearly
        (with_element(2 * np.array([1e12, 3e12, 1.0]), 2, 9), [1e12, 3e12, 1.0]),  # true of the large elements alone
        ([1 + 1e-7, 2.0, 7.0, 2 + 5e-9, 1.0], [1.0, 2.0, 7.0, 2 + 5e-9, 1 + 1e-7]),  # reversed, but for what is right
        (VECTOR * (1 + 1e-16), VECTOR),  # what floats cannot see
        (np.full(8, np.nan), VECTOR),
        (np.full(8, np.inf), VECTOR),
    ],
)
def test_what_explains_no_wrong_element_is_not_said(claim, truth):
    assert said_of({"w": claim}, {"w": truth}) == []


@pytest.mark.parametrize(
    ("claim", "truth", "words"),
    [
        (SQUARE.T, SQUARE, "of w is transposed"),
        (VECTOR[::-1], VECTOR, "of w is reversed along axis 0"),
        (-VECTOR, VECTOR, "-1 times what it should be: the sign"),
        ([0.0], [3.0], "zero throughout"),  # plain of one element
        (VECTOR * (1 + 1e-9), VECTOR, "of w is 1 + 1e-09 times"),
        (VECTOR * (1 - 3e-9), VECTOR, "of w is 1 - 3e-09 times"),
        (np.concatenate([[0], VECTOR[:-1]]), VECTOR, "of w is shifted along axis 0, one late"),
        (np.roll(MATRIX, -1, 1), MATRIX, "of w is shifted along axis 1, one early"),
        (VECTOR[[2, 3, 0, 1, 4, 5, 6, 7]], VECTOR, "of its 4 blocks along axis 0 (the gates?), number 0 holds"),
        (VECTOR[[2, 3, 0, 1, 6, 7, 6, 7]], VECTOR, "number 0 holds what belongs to 1, 1 holds what belongs to 0, 2"),
    ],
)
def test_what_explains_every_wrong_element_is_said(claim, truth, words):
    ((_, sentence, exact),) = said_of({"w": claim}, {"w": truth})
    assert words in sentence
    assert exact


def test_blocks_that_are_equal_are_not_told_apart():
    """The last block holds what belongs to the first, or to the second: nobody knows."""
    claim = np.concatenate([EQUAL_BLOCKS[:6], EQUAL_BLOCKS[:2]])
    assert said_of({"w": claim}, {"w": EQUAL_BLOCKS}) == []


def test_another_inputs_gradient_is_one_that_differs_from_its_own():
    one, two = drawn(4), drawn(4)
    assert said_of({"a": two}, {"a": one, "b": two})[0][1] == "the gradient of a is that of b"
    assert said_of({"a": with_element(one, 1, 1 + 1e-9)}, {"a": one, "b": one}) == []
    assert said_of({"a": np.ones(4)}, {"a": one, "b": np.ones(4)}) == []  # ones are the gradient of every sum


def test_a_factor_that_several_single_elements_share_is_said():
    truth = {"a": drawn(1), "b": drawn(1)}
    ((_, sentence, exact),) = said_of({k: -v for k, v in truth.items()}, truth)
    assert sentence == "every wrong gradient is -1 times what it should be: the sign (a, b)"
    assert exact


def test_a_factor_with_two_likely_reasons_is_given_both():
    ((_, sentence, _),) = said_of({"w": MATRIX / 2}, {"w": MATRIX}, {"w": MATRIX, "x": drawn(2, 3)})
    assert "when the loss has no ½; or perhaps a mean stands for a sum (2 is the size of axis 0 of x)" in sentence


@pytest.mark.parametrize(("most", "says"), [(0.25, "to the norm 0.25"), (0.2517, None), (1e-3, "to the norm 0.001")])
def test_gradients_that_are_clipped_together_are_said_to_be(most, says):
    truth = {"a": SQUARE, "b": VECTOR}
    norm = np.linalg.norm(np.concatenate([v.ravel() for v in truth.values()]))
    ((_, sentence, _),) = said_of({k: v * most / norm for k, v in truth.items()}, truth)
    assert sentence.startswith("every wrong gradient is ")
    assert (f"perhaps it is clipped, {says} (a, b)" in sentence) if says else ("clipped" not in sentence)


def test_relations_explain_the_claim_only_if_they_explain_every_wrong_gradient():
    truth = {"a": SQUARE, "b": VECTOR}
    assert [exact for *_, exact in said_of({"a": SQUARE.T, "b": VECTOR**2}, truth)] == [False]
    assert [exact for *_, exact in said_of({"a": SQUARE.T, "b": -VECTOR}, truth)] == [True, True]


def test_relations_that_are_the_same_here_are_both_said():
    ((_, sentence, _),) = said_of({"w": MATRIX[:2][::-1]}, {"w": MATRIX[:2]})
    assert sentence.startswith("the gradient of w is reversed along axis 0, or (the same here) is mixed up: of its 2")


def test_a_term_in_the_input_itself_is_told_with_its_factor():
    w, truth = {"w": drawn(3, 2)}, {"w": drawn(3, 2)}
    ((_, lacks, _),) = said_of({"w": truth["w"] - 0.2 * w["w"]}, truth, w)
    assert lacks.startswith("the gradient of w lacks 0.2 times w itself")
    ((_, much, _),) = said_of({"w": truth["w"] + 0.01 * w["w"]}, truth, w)
    assert much.startswith("the gradient of w has a surplus of 0.01 times w itself")


def test_a_float32_claim_is_compared_to_its_own_digits():
    truth = MATRIX.astype(np.float32)
    ((_, sentence, _),) = said_of({"w": truth / np.float32(6)}, {"w": truth}, unit=2.0**-24)
    assert "0.166667 times" in sentence


# --------------------------------------------------------------------------------------- problems as strangers have


T, B, D, H, K = 5, 2, 3, 4, 2


class Rnn:
    """A tanh RNN with a squared error on a readout, in plain NumPy; lines of its gradient can be replaced."""

    def __init__(self, *, bound=np.inf, carry=1.0, add=True, penalty=0.0, lengths=(T, T), pass_on=True, steps=T):
        self.bound, self.carry, self.add, self.penalty, self.pass_on = bound, carry, add, penalty, pass_on
        self.mask = (np.arange(steps)[:, None] < np.array(lengths))[:, :, None] * 1.0
        self.targets = np.random.default_rng(1).standard_normal((B, K))
        shapes = {"Wx": (D, H), "Wh": (H, H), "b": (H,), "h0": (B, H), "x": (steps, B, D), "V": (H, K), "c": (K,)}
        rng = np.random.default_rng(2)
        self.inputs = {k: (1.0 if k == "x" else 0.5) * rng.standard_normal(s) for k, s in shapes.items()}

    def states(self, i):
        h, hs = i["h0"], []
        for m, x in zip(self.mask, i["x"], strict=False):
            h = m * np.tanh(x @ i["Wx"] + h @ i["Wh"] + i["b"]) + (1 - m) * h
            hs.append(h)
        return np.stack(hs)

    def readout(self, i, hs):
        return ((hs @ i["V"] + i["c"] - self.targets) ** 2).sum() + self.penalty * (i["Wh"] ** 2).sum()

    def loss(self, i):
        return self.readout(i, self.states(i))

    def gradients(self, i):
        hs = self.states(i)
        error = 2 * (hs @ i["V"] + i["c"] - self.targets)
        g = self.backward(i, error @ i["V"].T)
        g["Wh"] = g["Wh"] + 2 * self.penalty * i["Wh"]
        return g | {"V": np.einsum("tbh,tbk->hk", hs, error), "c": error.sum((0, 1))}

    def backward(self, i, bars):
        hs, g, bar = self.states(i), {k: np.zeros_like(i[k]) for k in ("Wx", "Wh", "b", "x")}, 0
        for t in reversed(range(len(hs))):
            m, prev = self.mask[t], hs[t - 1] if t else i["h0"]
            bar = bar + bars[t]
            a = m * bar * (1 - hs[t] * hs[t])
            g["Wx"], g["b"], g["x"][t] = g["Wx"] + i["x"][t].T @ a, g["b"] + a.sum(0), a @ i["Wx"].T
            g["Wh"] = prev.T @ a + (g["Wh"] if self.add else 0)
            back = (a @ i["Wh"].T) * (self.carry if t else 1)
            bar = np.clip(back, -self.bound, self.bound) + (1 - m) * bar * self.pass_on
        return g | {"h0": bar}

    def as_loss(self, change=lambda g, i: g, **how):
        return check_gradients(
            self.inputs, loss=self.loss, gradients=lambda i: change(self.gradients(i), i), oracles=["balls"], **how
        )

    def as_outputs(self, change=lambda g, i: g, **how):
        inputs = {k: v for k, v in self.inputs.items() if k not in "Vc"}
        claim = lambda i, bars: change(self.backward(i, bars), i)  # noqa: E731
        return check_gradients(inputs, forward=self.states, backward=claim, oracles=["balls"], **how)

    def known(self):
        names = {"w_x": "Wx", "w_h": "Wh", "b": "b", "h": "h0", "xs": "x"}
        return {"cell": "rnn_tanh", "mapping": names, "readout": self.readout}


def sentences(report):
    return [f.sentence for f in report.findings]


def kinds(report):
    return {f.kind for f in report.findings}


def test_what_the_cell_has_no_part_in_is_no_mistake_of_the_cell():
    """The readout's bias is wrong: every entry that changes nothing here would explain that."""
    model = Rnn()
    report = model.as_loss(lambda g, i: g | {"c": g["c"] ** 2}, **model.known())
    assert not report.right
    assert report.conformance.conforms
    assert "mistake" not in kinds(report)


def test_a_mistake_of_the_cell_explains_its_part_and_what_is_wrong_besides_is_named():
    model = Rnn(carry=0.0)
    report = model.as_loss(lambda g, i: g | {"c": g["c"] ** 2, "V": g["V"] ** 2}, **model.known())
    first = report.findings[0]
    assert (first.kind, first.exact) == ("mistake", False)
    assert first.sentence.endswith("; this explains Wx, Wh, b, h0, x; V, c are wrong besides")


def test_a_mistake_of_the_cell_is_named_beside_a_penalty_that_the_loss_takes_of_its_kernel():
    model = Rnn(carry=0.0, penalty=0.3)
    assert model.as_loss(**model.known()).findings[0].kind == "mistake"
    right = Rnn(penalty=0.3)
    assert right.as_loss(**right.known()).right


def test_a_penalty_that_is_missing_is_told_and_is_no_mistake_of_the_cell():
    model = Rnn(penalty=0.3)
    report = model.as_loss(lambda g, i: g | {"Wh": g["Wh"] - 0.6 * i["Wh"]}, **model.known())
    assert sentences(report) == [
        "the gradient of Wh lacks 0.6 times Wh itself (a penalty on its size, or its normalisation?)"
    ]


def test_where_all_true_gradients_vanish_nothing_has_been_seen():
    """With V zero nothing reaches the cell, and every claim about it is right."""
    said = sentences(Rnn().as_loss(lambda g, i: g | {"Wx": g["Wx"] ** 2, "x": g["x"] ** 2}))
    assert not any("when V is zero" in s or "when x is zero" in s for s in said), said


def test_an_input_of_which_a_wrong_term_is_a_multiple_is_told_still():
    assert "right when Wh is zero: the error vanishes with it" in sentences(
        Rnn(carry=0.0).as_loss(lambda g, i: {k: v for k, v in g.items() if k != "h0"})
    )


def test_one_step_at_which_nothing_is_seen_is_not_taken_for_right():
    """The initial state is zero, so at one step the kernel of h has no gradient: the mistake is within a step."""
    model = Rnn()
    model.inputs["h0"] = np.zeros((B, H))
    report = check_gradients(
        {k: model.inputs[k] for k in ("Wx", "Wh", "b", "x")},
        loss=lambda i: model.loss(model.inputs | i),
        gradients=lambda i: {
            k: v**2 if k == "Wh" else v for k, v in model.gradients(model.inputs | i).items() if k in i
        },
        oracles=["balls"],
    )
    assert not report.right
    assert "recurrence" not in kinds(report)


def test_an_initial_state_that_gets_nothing_is_no_mistake_within_a_step():
    model = Rnn()

    def gradients(i):
        """Nothing is carried, not even to the initial state."""
        g = Rnn(carry=0.0).gradients(i)
        return g | {"h0": 0 * g["h0"]}

    report = check_gradients(model.inputs, loss=model.loss, gradients=gradients, oracles=["balls"])
    (told,) = [s for s in sentences(report) if "one time step" in s]
    assert told.startswith("for one time step wrong only in h0, from two on in")
    assert told.endswith("the wrong or missing term passes from step to step")


def test_a_sum_over_the_steps_that_is_wrong_is_told_from_a_carry_that_is_wrong():
    said = sentences(Rnn(add=False).as_loss())
    assert said[0].endswith(
        "the gradient of x is right at every step, so look at how the steps' contributions are computed or summed"
    )


@pytest.mark.parametrize(("lengths", "words"), [((T, 2), "up to 2 time steps"), ((T, 3), "up to 3"), ((1, T), "one")])
def test_a_row_that_ends_is_not_taken_for_a_truncation(lengths, words):
    """What comes back from the steps after a row's end is not handed on."""
    report = Rnn(lengths=lengths, pass_on=False).as_outputs()
    assert not report.right
    assert "truncation" not in kinds(report)
    (told,) = [s for s in sentences(report) if "look at how the steps after the end of a row are treated" in s]
    assert words in told
    assert f"row {lengths.index(min(lengths))} of x's axis 1 ends there" in told
    assert any(s.endswith("the others end early") for s in sentences(report))


def test_a_batch_whose_rows_end_early_is_right():
    assert Rnn(lengths=(T, 2)).as_outputs().right


def test_rows_that_end_early_by_a_mask_of_fixed_length_are_told():
    """No shorter sequence can be tried; which axis is time is told by where the rows end."""
    model = Rnn()
    mask = (np.arange(T)[:, None] < np.array([T, 3]))[:, :, None] * 1.0
    inputs = {k: model.inputs[k] for k in ("Wx", "Wh", "b", "h0", "x")}
    report = check_gradients(inputs, forward=lambda i: model.states(i) * mask, backward=model.backward)
    assert "right for row 0 of the batch alone, of 2: the others end early" in sentences(report)


def test_the_rows_of_a_dense_nets_batch_are_not_taken_for_steps():
    """A loss that is a sum over its rows; the gradient of W2 lacks all rows but one."""
    inputs = {"x": drawn(4, 3), "W1": drawn(3, 5), "W2": drawn(5, 2)}

    def loss(i):
        return ((np.tanh(i["x"] @ i["W1"]) @ i["W2"]) ** 2).sum()

    def gradients(i):
        h = np.tanh(i["x"] @ i["W1"])
        y_bar = 2 * h @ i["W2"]
        a_bar = (y_bar @ i["W2"].T) * (1 - h * h)
        return {"x": a_bar @ i["W1"].T, "W1": i["x"].T @ a_bar, "W2": h[:1].T @ y_bar[:1]}

    report = check_gradients(inputs, loss=loss, gradients=gradients, oracles=["balls"])
    assert not report.right
    assert not any("step" in s for s in sentences(report))


def test_a_search_that_fails_is_told_and_takes_nothing_else_with_it(monkeypatch):
    def fails(*_):
        raise RuntimeError("a defect")
        yield

    monkeypatch.setattr(KnownCell, "mistakes", fails)
    model = Rnn()
    said = sentences(model.as_loss(lambda g, i: g | {"b": -g["b"]}, **model.known()))
    assert said == [
        "the gradient of b is -1 times what it should be: the sign",  # what explains the claim comes first
        "the search in the dictionary of mistakes ended early: RuntimeError: a defect",
    ]


@pytest.mark.parametrize("sizes", [(6, 2, 3, 5), (3, 5, 2, 3), (1, 2, 3, 5), (2, 1, 1, 1), (3, 3, 3, 3)])
def test_a_strangers_lstm_is_named_at_sizes_of_all_kinds(sizes):
    example = (Path(__file__).parents[2] / "examples" / "lstm_columns.py").read_text()
    namespace = {}
    exec(example.replace("T, B, D, H = 6, 2, 3, 4", f"T, B, D, H = {sizes}"), namespace)
    assert namespace["H"] == sizes[-1]
    claim = {k: namespace[k] for k in ("forward", "backward", "cell", "mapping")}
    report = check_gradients(namespace["inputs"](np.random.default_rng(0)), **claim, oracles=["balls"])
    assert report.findings[0].sentence == "the derivative is taken of c and not of u in c_bar"
