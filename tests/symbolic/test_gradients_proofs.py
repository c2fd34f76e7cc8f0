"""Proofs by terms: of every cell and of BPTT, and of no mutant."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import mutation
from lstm_ref import sequence
from lstm_ref.arithmetic import maximum, where
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import blocks
from lstm_ref.checking.report import from_dict
from lstm_ref.commands import verify
from lstm_ref.mistakes.source import Source
from lstm_ref.selfcheck import proofs
from lstm_ref.selfcheck.builtin import problems
from lstm_ref.symbolic.prove import compare, prove, run_forward
from lstm_ref.symbolic.recurrence import prove_bptt

PAGE = Path(__file__).parents[2] / "docs" / "proofs.md"
KINKS = {
    "rnn_relu": ("a",),
    "indrnn": ("a",),
    "min_gru": ("a_n",),
    "min_lstm": ("a_n",),
    "cell_clipped": ("v",),
    "pre_clipped": ("r_i", "r_f", "r_g", "r_o"),
    "slstm": ("q", "a"),
    "slstm_exp": ("q", "a"),
    "mlstm": ("r", "g", "s", "m"),
    "mlstm_scaled_query": ("r", "g", "s", "m"),
}
"""The cells with a maximum, a clip or a relu, and what these read."""
SIZES = dict.fromkeys(["lstmp", "lstmp_peephole"], "all B, D, H, P") | {"residual_lstm": "all B, H"}
SIZES |= dict.fromkeys(["slstm", "slstm_exp", "mlstm", "mlstm_scaled_query"], "all B, D, H; N = 2")
SIZES |= dict.fromkeys(["conv_lstm_1d", "conv_lstm_1d_peephole"], "all B, D, H; K = 3; W = 4")
SIZES |= dict.fromkeys(["conv_lstm_2d", "conv_lstm_2d_peephole"], "all B, D, H; K = 3; W = 4; U = 2")
"""For which sizes, where not for all B, D, H and no others."""


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_is_proven_for_all_values_and_all_sizes(name):
    proof = proofs.of_cell(name)
    assert proof.proven, proof.differences
    assert proof.sizes == SIZES.get(name, "all B, D, H")
    assert bool(proof.kinks) == (name in KINKS)
    assert all(any(v in kink for kink in proof.kinks) for v in KINKS.get(name, ()))


@pytest.mark.parametrize("N", [1, 3])
@pytest.mark.parametrize("name", ["slstm", "mlstm"])
def test_cells_with_heads_are_proven_for_other_numbers_of_heads(name, N):
    cell = CELLS[name]
    assert compare(name, run_forward(cell, {"N": N}), cell.backward, 0).proven


@pytest.mark.parametrize("K, W", [(1, 3), (3, 1), (5, 2)])
def test_convolutions_are_proven_for_other_kernels_and_widths(K, W):
    cell = CELLS["conv_lstm_1d_peephole"]
    assert compare(cell.name, run_forward(cell, {"K": K, "W": W}), cell.backward, 0).proven


def test_the_recursion_of_bptt_is_proven():
    proof = proofs.of_loop()
    assert proof.proven, proof.differences
    assert not proof.kinks


# ---------------------------------------------------------------------------------------------------------- mutants

EVERY = {"rnn_tanh": 1, "update_gate": 1, "min_gru": 6, "lstm": 12, "gru": 12, "cifg": 20, "qrnn_fo": 20}
EVERY |= dict.fromkeys(["peephole", "cell_clipped", "sru", "multiplicative"], 25)
EVERY |= {"slstm": 40, "mlstm": 60, "conv_lstm_1d": 60, "layer_norm": 80}
"""Cells, and every which of their mutants is asked. `python -m benchmarks.mutation --symbolic` asks all of all."""


@pytest.mark.parametrize("name", EVERY)
def test_no_mutant_of_a_cell_is_proven(name):
    asked = list(proofs.mutants(f"cells/{name}", slice(0, None, EVERY[name])))
    by_a_term = 0
    for mutant in asked:
        proof = proofs.judged(mutant)
        assert not proof.proven, (mutant.sentence, mutant.wrong)
        by_a_term += bool(proof.differences)
    assert len(asked) >= 6
    assert by_a_term >= 0.85 * len(asked), "the others have no reading as terms: their shapes fit some sizes alone"


def test_no_mutant_of_the_loop_is_proven():
    mutants = list(proofs.mutants("sequence"))
    assert len(mutants) > 25
    for mutant in mutants[::4]:
        proof = proofs.judged(mutant)
        assert not proof.proven
        assert proof.differences, proof.why_not


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("bar._replace(h=bar.h + h_bar))", "bar._replace(h=h_bar))"),
        ("held = choose(keep, 0, bar)", "held = choose(keep, bar, 0)"),
        ("choose(keep, bar._replace(h=bar.h + h_bar), 0)", "bar._replace(h=bar.h + h_bar)"),
    ],
)
def test_a_wrong_body_of_the_loop_is_not_proven_though_every_loop_is_right(right, wrong):
    """The induction over time stands on the body alone, with a mask and without."""
    proof = prove_bptt(step_backward=Source(sequence._step_backward).with_text({right: wrong}))
    assert proof.differences


def edited(cell, right, wrong):
    return Source(CELLS[cell].backward).with_text({right: wrong})


def verdict(cell, right, wrong):
    forward = run_forward(CELLS[cell], dict(CELLS[cell].sizes))
    return compare(cell, forward, edited(cell, right, wrong), 0)


def test_a_wrong_line_is_named_and_no_other_for_its_sake():
    """All that comes after a wrong c_bar is wrong too; but its lines are right."""
    proof = verdict("lstm", "u_bar * (1 - u * u)", "u_bar * (1 - u)")
    assert [d.name for d in proof.differences] == ["c"]
    (only,) = proof.differences
    assert (only.derived, only.written) == ("-u[b,h]^2 u_bar[b,h]", "-u[b,h] u_bar[b,h]")
    assert f"    {proof.sentence}\n" in PAGE.read_text()


def test_a_stabiliser_taken_for_a_constant_is_no_derivative():
    """As kernels do: the same gradient where nothing reads the final state, and another function's elsewhere."""
    proof = verdict("slstm", "m_bar = bar.m - s_i_bar - s_f_bar", "m_bar = 0 * bar.m")
    assert not proof.proven
    assert {d.name.rstrip("₀₁") for d in proof.differences} == {"m"}


def test_code_that_cannot_be_read_as_terms_is_said_to_be_so():
    lstm = CELLS["lstm"]

    def decides(p, state, x):
        return lstm.forward(p, state, x) if x.sum() > 0 else lstm.forward(p, state, -x)

    def chooses(p, state, x):
        return lstm.forward(p, state, where(x, x, -x))

    def rows(p, state, x):
        return lstm.forward(p, state, x[:1] + 0 * x)

    def fails(p, state, x):
        return lstm.forward(p, state, x.flatten())

    said = {
        decides: "no: a decision depends on a value",
        chooses: "no: a choice by something else than a mask",
        rows: "no: a slice to 1 of an axis of B, which is none of its blocks' ends",
        fails: "no: AttributeError: 'Terms' object has no attribute 'flatten'",
    }
    for forward, why in said.items():
        assert prove(lstm._replace(forward=forward)).sentence == why


def test_two_inputs_of_one_name_are_not_taken_for_one():
    gru = CELLS["gru"]
    same = gru._replace(params=gru.params._asdict() | {"x": "B D"})
    assert prove(same).sentence == "no: two inputs are called x"


def test_a_forward_that_is_changed_needs_another_backward():
    lstm = CELLS["lstm"]

    def limited(p, state, x):
        new, tape = lstm.forward(p, state, x)
        return new._replace(h=maximum(new.h, 0 * new.h)), tape

    assert not prove(lstm._replace(forward=limited)).proven
    halves = lstm._replace(forward=lambda p, state, x: lstm.forward(p, state, x + blocks(x, 1)[0]))
    assert {d.name for d in prove(halves).differences} == {"x"}  # the tape holds x + x, so w_x is right


# ----------------------------------------------------------------------------------------------------- what is said


def test_every_cells_problem_says_it_and_no_layer_does():
    asked = {name: proofs.symbolic(name) for name in problems() if not name.startswith("models/")}
    assert set(asked.values()) == {None, "yes", "yes, away from kinks"}
    yes = {name for name, v in asked.items() if v}
    assert {f"cell/{name}" for name in CELLS} | {f"time/{name}-lengths" for name in CELLS} <= yes
    assert not any(name.startswith("layer/") or name.endswith(("-custom-vjp", "-parallel", "-fast")) for name in yes)


def test_where_the_loop_is_not_proven_no_recurrence_is(monkeypatch):
    wrong = Source(sequence.loop_backward).with_text({"_add(params_bar, given.params)": "given.params"})
    monkeypatch.setattr(proofs, "of_loop", lambda: prove_bptt(wrong))
    assert proofs.symbolic("time/lstm-lengths").startswith("no: in the adjoint of w, the derivative has ")
    assert proofs.symbolic("cell/lstm") == "yes"


def test_a_report_of_verify_carries_it_to_json_and_back():
    for name, said in (("cell/rnn_relu", "yes, away from kinks"), ("layer/dense", None)):
        report = verify._prove(name, data=(), oracles=["reverse"], digits=20, seed=0)
        assert report.as_dict()["symbolic"] == said
        assert from_dict(report.as_dict()) == report


def test_the_mutation_run_asks_terms_of_mutants():
    answers = mutation.judge_part("cells/rnn_tanh", 0, every=1, peers=False, symbolic=True)
    assert len(answers) >= 4
    assert all(found[mutation.BY_TERMS] for _, found in answers)
