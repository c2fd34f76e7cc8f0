"""Derived from our own cells' forwards, the backward pass is our own: the same values, and the same equations."""

from __future__ import annotations

import functools
from fractions import Fraction

import jax
import numpy as np
import pytest

from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import Tape, arrays, in_domain, named
from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.adjoints import differentiate
from lstm_ref.deriving.as_numpy import HELPERS, numpy
from lstm_ref.deriving.raising import Raised
from lstm_ref.deriving.reading import read_cell
from lstm_ref.graph import trace

B, D, H = 2, 3, 4
DERIVED = list(CELLS)


@functools.cache
def derivation_of(name):
    """The folded forward of a cell and its backward pass, derived once for all tests: they read them alone."""
    f = read_cell(CELLS[name])
    return f, differentiate(f)


def drawn(cell, seed=1):
    """Parameters, previous state, input and the next state's cotangent."""
    rng = np.random.default_rng(seed)
    draw = lambda shapes: arrays(shapes, lambda s: rng.standard_normal(s) / 2)  # noqa: E731
    states = cell.state_shapes(B, H, D=D)
    p, prev, x, bar = map(draw, (cell.parameter_shapes(D, H), states, cell.input_shapes(B, D, H=H), states))
    return p, in_domain(cell, prev), x, bar


def inputs_of(x):
    """What a step reads, by name: x, or the fields of a record."""
    return named(x) if isinstance(x, tuple) else {"x": x}


def derived_step(cell, p, prev, x, bar):
    """The namespace after the derived equations of one step have run, forward and backward."""
    f, b = derivation_of(cell.name)
    space = {"np": np}
    for helper in HELPERS.values():
        exec(helper, space)
    given = {**named(p), **{f"{k}0": v for k, v in named(prev).items()}}
    space |= {name: given[path[0]] for name, path in f.inputs.items() if path[0] in given}
    space |= {s.prev: space[s.initial.name] for s in f.states}
    space |= {r.name: v for r in f.reads for name, v in inputs_of(x).items() if f.inputs[r.array] == (name,)}
    for out, field in zip(f.outputs[1:], named(bar).values(), strict=True):
        if out.name in f.last:
            space[f"{f.last[out.name]}_next_bar"] = field
    space |= {f"{name}_out_bar": 0.0 for name in b.from_outputs}
    for e in (*f.before, *f.step):
        space[e.name] = eval(numpy(e.expression), space)
    for a in b.step:
        space[f"{a.of}_bar"] = eval(numpy(a.expression), space)
    for name, other in b.same.items():
        if all(n in space for n in ex.count(other)):
            space[f"{name}_bar"] = eval(numpy(other), space)
    return f, space


@pytest.mark.parametrize("name", DERIVED)
def test_every_derived_adjoint_is_the_hand_written_one(name):
    cell = CELLS[name]
    p, prev, x, bar = drawn(cell)
    _, tape = cell.forward(p, prev, x)
    own = cell.backward(p, tape, bar)
    f, space = derived_step(cell, p, prev, x, bar)
    by_input = {s.initial.name: s.prev for s in f.states}
    expected = {f"{k}_bar": v for k, v in named(own.params).items()}
    expected |= {f"{by_input[k]}_bar": v for k, v in _prevs(own.prev, f).items() if k in by_input}
    for name, v in inputs_of(own.x).items():
        expected |= {f"{r.name}_bar": v for r in f.reads if f.inputs[r.array] == (name,)}
    steps = {e.name for e in f.step}
    nodes = {f"{k}_bar": v for k, v in named(own.nodes).items() if k in steps}
    assert len(nodes) >= 0.6 * len(named(own.nodes))
    for key, value in {**expected, **nodes}.items():
        error = np.max(np.abs(space[key] - value), initial=0.0)
        assert error <= 1e-13 * max(1.0, np.max(np.abs(value), initial=0.0)), key


def _prevs(prev, f):
    """Cotangents of the previous state, by the name of the initial value."""
    by_path = {path[0]: name for name, path in f.inputs.items()}
    return {by_path[f"{k}0"]: v for k, v in named(prev).items() if f"{k}0" in by_path}


# ---------------------------------------------------------------------------------------------- the same equations


def polynomial(e, inline):
    """An expression as a sum of products of what is neither a sum nor a product: the same for every way to write it."""
    match e:
        case ex.Number():
            return {(): e.value} if e.value else {}
        case ex.Constant() if len(set(e.value.ravel())) == 1:
            return polynomial(ex.number(e.value.flat[0]), inline)
        case ex.Leaf():
            return inline[e.name] if e.name in inline else {(("leaf", e.name, 1),): Fraction(1)}
        case ex.Sum():
            return added([(k, polynomial(t, inline)) for k, t in e.terms])
        case ex.Product():
            out = {(): e.number}
            for f, p in e.factors:
                if p < 0:
                    out = multiplied(out, {((("inverse", frozen(polynomial(f, inline))), "", -p),): Fraction(1)})
                for _ in range(max(p, 0)):
                    out = multiplied(out, polynomial(f, inline))
            return out
        case ex.Contraction():
            return dotted(e, inline)
        case ex.Call() if e.function in ("concatenate", "stack"):
            atom = (e.function, e.settings, tuple(frozen(polynomial(a, inline)) for a in e.arguments))
        case ex.Call() if e.function in ("sum", "slice", "expand", "reshape", "transpose", "index"):
            out = {}
            for monomial, k in polynomial(e.arguments[0], inline).items():
                atom = (e.function, str(e.settings), monomial)
                out[((atom, "", 1),)] = out.get(((atom, "", 1),), 0) + k
            return out
        case ex.Call():
            atom = (e.function, str(e.settings), tuple(frozen(polynomial(a, inline)) for a in e.arguments))
        case _:
            atom = (type(e).__name__, str(e))
    return {((atom, "", 1),): Fraction(1)}


def dotted(e, inline):
    """A product of matrices is a sum of products of their terms; letters are renamed, operands ordered."""
    out = {}
    left, right = polynomial(e.left, inline), polynomial(e.right, inline)
    for a, k in left.items():
        for b, m in right.items():
            sides = sorted([(a, e.letters[0]), (b, e.letters[1])], key=str)
            new = {}
            letters = "".join(new.setdefault(c, chr(97 + len(new))) for side in sides for c in side[1])
            result = "".join(new[c] for c in e.letters[2])
            atom = ("dot", letters, result, tuple(side[0] for side in sides))
            key = ((atom, "", 1),)
            out[key] = out.get(key, 0) + k * m
    return out


def frozen(p):
    return tuple(sorted(p.items(), key=str))


def added(terms):
    out = {}
    for k, p in terms:
        for monomial, m in p.items():
            out[monomial] = out.get(monomial, 0) + k * m
    return {monomial: m for monomial, m in out.items() if m}


def multiplied(a, b):
    out = {}
    for x, k in a.items():
        for y, m in b.items():
            powers = {}
            for kind, name, p in (*x, *y):
                powers[kind, name] = powers.get((kind, name), 0) + p
            key = tuple(sorted(((*atom, p) for atom, p in powers.items()), key=str))
            out[key] = out.get(key, 0) + k * m
    return {key: v for key, v in out.items() if v}


def one_leaf(p):
    """The leaf that a polynomial is, if it is nothing else."""
    ((monomial, k),) = p.items() if len(p) == 1 else (((), 0),)
    return (
        monomial[0][1] if k == 1 and len(monomial) == 1 and monomial[0][0] == "leaf" and monomial[0][2] == 1 else None
    )


def leaf(name):
    return {(("leaf", name, 1),): Fraction(1)}


def derived_equations(name, own_names):
    """By named value, the polynomial of its derived adjoint, in adjoints that the hand-written pass names too."""
    f, b = derivation_of(name)
    inline = {f"{n}_out_bar": {} for n in b.from_outputs}
    for out, field in zip(f.outputs[1:], named(CELLS[name].state), strict=True):
        if out.name in f.last:
            inline[f"{f.last[out.name]}_next_bar"] = leaf(f"bar_{field}")
    found = {}
    for a in b.step:
        found[a.of] = polynomial(a.expression, inline)
        if a.of not in own_names or one_leaf(found[a.of]):
            inline[f"{a.of}_bar"] = found[a.of]
    for n, other in b.same.items():
        found[n] = polynomial(other, inline)
    return found


def hand_written_equations(name, f):
    """By named value, the polynomial of the hand-written backward pass, which is traced."""
    cell = CELLS[name]
    p, prev, x, bar = drawn(cell)
    _, tape = cell.forward(p, prev, x)
    given = {"p": p, "prev": prev, "x": x, "nodes": tape.nodes, "bar": bar}

    def results(own):
        by_field = {**named(own.params), **{f"{k}0": v for k, v in named(own.prev).items()}}
        by_field |= inputs_of(own.x)
        return {**{f"{k}_bar": v for k, v in named(own.nodes).items()}, **by_field}

    def run(g):
        g = jax.tree.map(jax.numpy.asarray, g)
        return list(results(cell.backward(g["p"], Tape(g["x"], g["prev"], g["nodes"]), g["bar"])).values())

    seen = list(results(cell.backward(p, tape, bar)))
    graph = trace(run, given)
    raised = Raised(graph)
    order = {"bar": [f"bar_{k}" for k in named(bar)], "nodes": list(named(tape.nodes)), "p": list(named(p))}
    by_path = {path[0]: text for text, path in f.inputs.items()}
    prevs = {s.initial.name: s.prev for s in f.states}
    order["prev"] = [prevs.get(by_path.get(f"{k}0"), f"{k}_prev") for k in named(prev)]
    order["x"] = list(inputs_of(x))
    labels = [label for key in sorted(given) for label in order[key]]
    leaves = dict(zip(graph.inputs, labels, strict=True))
    roots = {key: raised.root_of(v) for v, key in zip(graph.outputs, seen, strict=True)}
    cuts = {root: key for key, root in reversed(roots.items()) if key.endswith("_bar") and root not in leaves}
    raised.cuts = {*leaves, *cuts}
    name_of = {**leaves, **cuts}
    said = lambda key: key.removesuffix("_bar") if key.endswith("_bar") else prevs.get(by_path.get(key), key)  # noqa: E731
    inline, found = {}, {}
    for _ in range(2):  # adjoints that are only other adjoints are known after the first pass
        for key, root in roots.items():
            e = raised.expression(root) if root not in leaves else ex.Leaf((), root)
            if cuts.get(root, key) != key:
                e = ex.Leaf((), root)
            found[said(key)] = polynomial(ex.renamed(e, lambda v: name_of[v]), inline)
        inline = {f"{key}_bar": p for key, p in found.items() if one_leaf(p)}
    return found


OTHER_FORMS = {
    "rnn_relu": "ReLU's slope is read off h by hand, off a when derived",
    "noaf": "c and u are one value with two names",
    "tanh_carried": "u, which is carried, has no adjoint of its own by hand",
    **dict.fromkeys(("layer_norm", "layer_norm_carried"), "one equation by hand, several when derived"),
    **dict.fromkeys(("cell_clipped", "pre_clipped"), "a mask by hand, a choice when derived"),
    "lstm_forget_bias": "the blocks of the bias are joined again when derived",
    "variational": "the masks are states by hand, and what is held when derived",
    **dict.fromkeys(("slstm", "slstm_exp"), "the larger is a mask by hand, a choice when derived; heads are joined"),
    **dict.fromkeys(("mlstm", "mlstm_scaled_query"), "as slstm"),
    **dict.fromkeys(
        (f"conv_lstm_{d}{p}" for d in ("1d", "2d") for p in ("", "_peephole")),
        "a sum over taps by hand, the patches of an array when derived",
    ),
    "min_gru": "σ is read off n by hand, and has a name when derived",
    "min_lstm": "log σ is a function by hand, and what it is made of when derived",
}
"""Cells of which an equation has another form; its value is the same (above)."""


@pytest.mark.parametrize("name", [name for name in DERIVED if name not in OTHER_FORMS])
def test_the_derived_equations_are_the_hand_written_ones(name):
    own = hand_written_equations(name, derivation_of(name)[0])
    derived = derived_equations(name, own)
    compared = [key for key in own if key in derived]
    assert len(compared) >= len(own) - 1  # all but the adjoint of a state that the step does not read
    for key in compared:
        assert frozen(derived[key]) == frozen(own[key]), key


def test_thirty_cells_have_the_same_equations_and_the_others_have_not():
    assert len(DERIVED) - len(OTHER_FORMS) >= 30
    for name in OTHER_FORMS:
        own = hand_written_equations(name, derivation_of(name)[0])
        derived = derived_equations(name, own)
        assert any(frozen(derived[key]) != frozen(own[key]) for key in own if key in derived), name


def test_a_dropped_term_is_another_equation():
    own = hand_written_equations("gru", derivation_of("gru")[0])
    wrong = dict(own["h_prev"])
    wrong.popitem()
    assert frozen(wrong) != frozen(derived_equations("gru", own)["h_prev"])
