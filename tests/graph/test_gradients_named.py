"""Mistakes of strangers' backward passes are named by the lines of their forwards: how many, and none wrongly."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
from naming import forward, judged, lines, named, named_in
from slips import CELLS, SLIPS, claimed, generated, module_of, right

from lstm_ref.checking import check
from lstm_ref.checking.files.derivation_file import load
from lstm_ref.graph import sweep, trace
from lstm_ref.mistakes.on_graphs.batched import Batched
from lstm_ref.mistakes.on_graphs.claim import explain_claim_on_graph
from lstm_ref.mistakes.on_graphs.search import begin, explain
from lstm_ref.mistakes.on_graphs.words import name_in

SAMPLED = ("antisymmetric", "cornn", "delta_net", "fastgrnn", "lmu", "star")
PUBLISHED = sorted((Path(__file__).parent / "published").glob("*.py"))


@pytest.mark.parametrize("cell", CELLS)
def test_nothing_is_named_of_a_right_gradient(cell):
    found = named(cell, CELLS[cell].read_text())
    assert found.explanations == []
    assert found.is_complete


def test_slips_planted_by_hand_are_named_at_their_line():
    """A third of them; `python -m benchmarks.named` does all."""
    sample = SLIPS[::3]
    found = [judged(slip) for slip in sample]
    assert sum(f.is_named and f.at_its_line for f in found) >= 0.9 * len(sample)
    assert sum(f.is_named and f.by_its_word for f in found) >= 0.9 * len(sample)
    assert all(f.at_its_line for f in found if f.is_named)


def test_generated_slips_are_named():
    """A sample; `python -m benchmarks.named` does all."""
    sample = [slip for cell in SAMPLED for slip in generated(cell)[::5]]
    found = [judged(slip) for slip in sample]
    assert sum(f.is_named for f in found) >= 0.9 * len(sample)
    assert sum(f.is_named and f.at_its_line for f in found) >= 0.85 * len(sample)


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda f: f.stem)
def test_a_published_file_is_named_without_a_mapping(file):
    found = named_in(file)
    assert found.is_complete
    if file.stem == "float32_buffers":  # right but for rounding
        assert found.explanations == []
        return
    edges = set(re.findall("^# edge: (.*)", file.read_text(), re.M))
    assert edges & set().union(*lines(found))


LAYERS = sorted((Path(__file__).parent / "layers").glob("*.py"))
SLIPS_OF_LAYERS = [
    (file, *slip.split(" ¦ ")) for file in LAYERS for slip in re.findall("^# slip: (.*)", file.read_text(), re.M)
]


@pytest.mark.parametrize("file", LAYERS, ids=lambda f: f.stem)
def test_nothing_is_named_of_a_right_layer(file):
    found = named_in(file)
    assert found.is_complete
    assert found.explanations == []


@pytest.mark.parametrize(
    "file, edit, kind, line", SLIPS_OF_LAYERS, ids=[f"{f.stem}: {e}" for f, e, _, _ in SLIPS_OF_LAYERS]
)
def test_a_slip_in_a_layer_is_named_by_its_kind_at_its_line(file, edit, kind, line, tmp_path):
    old, new = edit.split(" => ")
    code = re.sub("^# .*\n", "", file.read_text(), flags=re.M)
    assert code.count(old) == 1
    wrong = tmp_path / file.name
    wrong.write_text(code.replace(old, new))
    found = named_in(wrong)
    assert found.is_complete
    (one,) = found.explanations
    assert kind in one.kinds
    assert any(line in text for text in lines(found)[0])


def test_what_one_of_three_gates_would_explain_is_not_told_of_all_three(tmp_path):
    """`th = np.tanh(f * c)` is c without i * g. The line of the gates runs three times a step; with zeros for all three
    of them, nothing would be left of f * c either."""
    text = (Path(__file__).parent / "layers" / "recomputed_lstm.py").read_text()
    (tmp_path / "wrong.py").write_text(text.replace("th = np.tanh(cn)", "th = np.tanh(f * c)"))
    (one,) = named_in(tmp_path / "wrong.py").explanations
    told = {c.found for c in (one.candidate, *one.also)}
    assert "c, computed anew without i * g" in told
    assert not {t for t in told if t.startswith("(i, f, o), ")}


@pytest.mark.parametrize("order", ["ifgo", "fiog"])
def test_a_line_of_a_known_cell_within_a_loss_is_given_its_derivation(order, tmp_path):
    """Its gates in another order than the page's; the loss depends on the parameters directly too."""
    code = (Path(__file__).parent / "layers" / "lstm_in_a_loss.py").read_text().replace("dc * f + 0", "dc")
    assert code.count("dc = dc\n") == 1
    if order == "fiog":
        code = code.replace(
            "i, f, g, o = sig(a[:H]), sig(a[H:2*H]), np.tanh(a[2*H:3*H]), sig(a[3*H:])",
            "f, i, o, g = sig(a[:H]), sig(a[H:2*H]), sig(a[2*H:3*H]), np.tanh(a[3*H:])",
        )
        parts = ["dc * g * i * (1 - i)", "dc * cp * f * (1 - f)", "dc * i * (1 - g * g)", "dh * u * o * (1 - o)"]
        code = code.replace(", ".join(parts), ", ".join(parts[k] for k in (1, 0, 3, 2)))
    (tmp_path / "wrong.py").write_text(code)
    (found,) = check(load(str(tmp_path / "wrong.py"))[0]).findings
    assert found.exact
    assert found.tags == ("L3*",)
    assert re.fullmatch(r"derivations/lstm\.md:\d+", found.place)


def test_two_slips_at_once_are_named_both():
    rng, both, total = random.Random(0), 0, 0
    for cell in ("star", "rhn", "lmu", "fastgrnn", "cornn", "antisymmetric", "scrn", "selective_scan"):
        slips = [s for s in SLIPS if s.cell == cell]
        source = CELLS[cell].read_text()
        for a, b in (rng.sample(slips, 2) for _ in range(1)):
            once = source.replace(a.old, a.new)
            if a.old == b.old or once.count(b.old) != 1:
                continue
            found = named(cell, once.replace(b.old, b.new))
            total += 1
            both += found.is_complete
    assert total >= 6
    assert both >= 0.85 * total


# ------------------------------------------------------------------------------------------------- never by chance


@pytest.mark.parametrize("cell", ["star", "cornn", "fastgrnn"])
def test_noise_is_not_named(cell):
    f, rng = forward(cell), np.random.default_rng(3)
    for path, value in right(cell).items():
        claim = {**right(cell), path: value * rng.uniform(0.5, 1.5, np.shape(value))}
        found = explain(f.graph, f.cotangent, claim, f.floor, f.edges)
        assert found.explanations == []
        assert not found.is_complete


def test_a_single_number_that_is_wrong_by_any_factor_is_not_named():
    f = forward("cornn")
    claim = {**right("cornn"), "gamma": right("cornn")["gamma"] * 1.2345}
    assert explain(f.graph, f.cotangent, claim, f.floor, f.edges).explanations == []


def test_a_missing_term_of_five_billionths_is_named():
    """Less than what elsewhere counts as equal."""
    w = np.array([0.3, -0.7, 1.1])
    (mistake,) = explain_claim_on_graph(_nearly_a_square, {"w": w}, 1.0, {"w": 2 * w}).mistakes
    assert "np.sin(w)" in mistake.place


def _nearly_a_square(inputs):
    w = inputs["w"]
    squares = (w * w).sum()
    little = 1e-9 * np.sin(w).sum()
    return squares + little


def test_where_nothing_is_named_the_lines_that_can_be_wrong_are_told():
    module = module_of("cornn", CELLS["cornn"].read_text())
    inputs = module.inputs(np.random.default_rng(0))
    claim = {**right("cornn"), "W": right("cornn")["W"] * np.random.default_rng(3).uniform(0.5, 1.5, (4, 4))}
    found = explain_claim_on_graph(module.loss, inputs, 1.0, claim)
    assert not found.is_complete
    assert len(found.suspects) == 1


def test_where_every_line_can_be_wrong_none_is_told():
    module = module_of("cornn", CELLS["cornn"].read_text())
    inputs, rng = module.inputs(np.random.default_rng(0)), np.random.default_rng(3)
    claim = {path: v * rng.uniform(0.5, 1.5, np.shape(v)) for path, v in right("cornn").items()}
    assert explain_claim_on_graph(module.loss, inputs, 1.0, claim).suspects == ()


# ---------------------------------------------------------------------------------------------------- how it works


@pytest.mark.parametrize("cell", ["janet", "ntm_head", "selective_scan"])
def test_many_sweeps_at_once_are_the_sweeps_one_by_one(cell):
    f = forward(cell)
    search, dictionary = begin(f.graph, f.cotangent, {}, 0.0, f.edges)
    candidates = [c for k, c in enumerate(dictionary.tier(1, -1)) if k % 40 == 0 and c.edits]
    together = Batched(f.edges, search.base.seeds).gradients([c.edits for c in candidates])
    alone = np.stack([search._swept(c.edits) for c in candidates])
    assert np.allclose(together, alone, rtol=1e-11, atol=1e-11 * np.max(np.abs(alone)))


def test_a_mistake_is_told_in_the_users_words():
    slip = next(s for s in SLIPS if s.cell == "lem" and s.edit == "dropped")
    module = module_of("lem", CELLS["lem"].read_text())
    exec(compile(CELLS["lem"].read_text(), str(CELLS["lem"]), "exec"), module.__dict__)
    inputs = module.inputs(np.random.default_rng(0))
    (mistake,) = explain_claim_on_graph(module.loss, inputs, 1.0, claimed("lem", slip.text)).mistakes
    assert mistake.place.startswith("lem.py:28  v = jnp.tanh(")
    assert mistake.sentence == "what v hands back to z_new is missing"
    assert mistake.belongs == "", "what is multiplied with Wy.T is the adjoint of what tanh reads, which has no name"


@pytest.mark.parametrize(
    "text, name",
    [
        ('p["Wy"]', "Wy"),
        ("self.c[t]", "c"),
        ("c[t - 1]", "c"),
        ('self.params["layer1"]["W"][0]', "W"),
        ("h", "h"),
        ("W.T", "W.T"),
        ("layer.0", "layer.0"),
        ('p["Wx"] @ p["x"][t] + p["b"]', 'p["Wx"] @ p["x"][t] + p["b"]'),
        ('p["Wh"].dot(h)', 'p["Wh"].dot(h)'),
        ("f[t] * c[-1] + z[t]", "f[t] * c[-1] + z[t]"),
    ],
)
def test_a_name_is_that_of_a_variable_and_never_of_a_part_of_an_expression(text, name):
    assert name_in(text) == name


BELONGS = {
    "c = f * c_prev + i * g": ("f", "df += dc * c_prev"),
    "self.c[t + 1] = f * self.c[t] - i * p['g']": ("g", "dg -= dc[t + 1] * i"),
    "h = (1 - z) * n + z * q": ("n", "dn += dh * (1 - z)"),
    "y = h @ W": ("h", "dh += dy @ W.T"),
    "y = k @ h": ("h", "dh += k.T @ dy"),
    "c = f * c + i * g": ("f", ""),
    "c = 1 + (f * c_prev) ** 2": ("f", ""),
    "c = f * c_prev * i": ("c_prev", ""),
    "c = row * c_prev": ("row", ""),
    "c = f * row + big": ("f", "df += dc * row"),
    "c = small * w + big": ("small", ""),
}


@pytest.mark.parametrize("line", BELONGS)
def test_what_belongs_is_said_where_the_adjoint_of_the_product_has_a_name(line, tmp_path):
    """And where no name of the line means two values."""
    operand, belongs = BELONGS[line]
    names = ("f", "c_prev", "i", "z", "n", "q", "h", "W", "k", "row", "big", "small", "w", "c", "g")
    shapes = {"row": (3,), "small": (1, 3), "w": (1, 3)}
    unpacked = "; ".join(f"{name} = v['{name}']" for name in names)
    file = tmp_path / "forward.py"
    file.write_text(
        f"""class Cell: pass
def forward(v):
    {unpacked}
    p, t, self = v, 0, Cell()
    self.c = [c_prev, None]
    {line}
    return {line.partition(" = ")[0]}
"""
    )
    space: dict = {}
    exec(compile(file.read_text(), str(file), "exec"), space)
    rng = np.random.default_rng(0)
    inputs = {name: rng.standard_normal(shapes.get(name, (3, 3))) for name in names}
    right = trace(space["forward"], inputs)
    bar = rng.standard_normal(np.shape(right.result))
    claim = {**sweep(right, bar).gradients}
    claim[operand] = 0 * claim[operand]
    (mistake,) = explain_claim_on_graph(space["forward"], inputs, bar, claim).mistakes
    assert mistake.belongs == belongs


def test_the_maximum_in_a_softmax_is_a_constant_to_whoever_derives():
    """With the sum below `e = np.exp(logits - logits.max())` taken for a constant, the maximum's adjoint is not 0."""
    right, wrong = "dlogits = probs[t] - np.eye(V)[text[t + 1]]", "dlogits = -np.eye(V)[text[t + 1]]"
    text = CELLS["scrn"].read_text()
    assert text.count(right) == 1
    found = named("scrn", text.replace(right, wrong))
    assert found.is_complete
    assert [next(iter(at)).startswith("cost -= np.log(e[text[t + 1]]") for at in lines(found)] == [True]
