"""The computational graph of one step, traced from the code's own nodes: plain data, a value and an adjoint per edge.

A vertex is one element of a *named* value: an input, a parameter, or a field of the cell's `Nodes`. An edge is direct
dependence, found by walking the reader's jaxpr back to the next named values. An edge's `value` is its source's value.
Its `adjoint` is what this one reader sends back: the reader's adjoint times the local partial derivative, which JAX
takes on that stretch of the jaxpr alone. A vertex's adjoint is the sum over its readers. The cells' hand-written
backward passes are not used here.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np

from lstm_ref import display
from lstm_ref.arithmetic import logsumexp
from lstm_ref.arithmetic.walk import between
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS, Cell
from lstm_ref.cells.cell import arrays, named
from lstm_ref.layers import dense
from lstm_ref.sequence import loop

# Example numbers, used in a cycle: mixed signs, none zero, none special, so that no term is hidden.
_NUMBERS = (0.8, -0.5, 0.6, 0.7, -0.4, 0.9, 0.3, -0.6, 0.5, 0.4, -0.9, 0.2, 1.1)
_PROBES = 8
_DIGITS = 6


class Vertex(NamedTuple):
    """One element of a named value."""

    name: str
    """A unique name: the value's name, with the element's index where there are several."""
    label: str
    """The name as mathematics, in TeX."""
    kind: str
    """input, parameter, node, or outside (a reader outside this picture: the loss, the next step)."""
    value: float
    adjoint: float
    """The total over all readers."""


class Edge(NamedTuple):
    """One reader of one element."""

    source: str
    target: str
    value: float
    """The source's value, which flows forward."""
    partial: float
    """Derivative of the target by the source. Everything else that the target reads directly is held fixed."""
    adjoint: float
    """The target's adjoint times `partial`, which flows back along this edge."""


class Diagram(NamedTuple):
    """The data of a picture."""

    title: str
    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]

    def __repr__(self) -> str:
        return f"<Diagram {self.title!r}: {len(self.vertices)} vertices, {len(self.edges)} edges>"

    def _repr_html_(self) -> str:
        return display.html(self)

    def to_json(self) -> str:
        """JSON with one vertex or edge per line, and numbers to 6 digits."""
        rows = {kind: [_rounded(row._asdict()) for row in getattr(self, kind)] for kind in ("vertices", "edges")}
        lists = (f'  "{k}": [\n' + ",\n".join(f"    {json.dumps(row)}" for row in v) + "\n  ]" for k, v in rows.items())
        return "{\n" + ",\n".join([f'  "title": {json.dumps(self.title)}', *lists]) + "\n}\n"


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {k: float(f"{v:.{_DIGITS}g}") if isinstance(v, float) else v for k, v in row.items()}


# ------------------------------------------------------------------------------------------------ the pictures


def graph_of_step(cell: Cell) -> Diagram:
    """One step of a cell for B = D = H = 1. Its next state has cotangents from outside."""
    numbers = itertools.cycle(_NUMBERS)
    ones = dict.fromkeys([*dict(cell.sizes), "D"], 1)
    x = _deal_fields(numbers, cell.input_shapes(1, H=1, **ones))
    states = cell.state_shapes(1, 1, **ones)
    prev, params, bar = (_deal_fields(numbers, s) for s in (states, cell.parameter_shapes(H=1, **ones), states))
    before = {f"{field}_prev": value for field, value in named(prev).items()}
    parameters, inputs = named(params), named(x) if hasattr(x, "_fields") else {"x": x}

    def step(values: Mapping[str, Any]) -> dict[str, Any]:
        read = (
            jax.tree.unflatten(jax.tree.structure(tree), [values[name] for name in names])
            for tree, names in ((params, parameters), (prev, before), (x, inputs))
        )
        after, tape = cell.forward(*read)
        return {**named(tape.nodes), **{f"{field}_next": value for field, value in named(after).items()}}

    return graph_of(
        f"{cell.name}: one step, B = D = H = 1",
        step,
        {**inputs, **before, **parameters},
        {f"{field}_next": value for field, value in named(bar).items()},
        parameters=tuple(parameters),
    )


def graph_of_final_gate() -> Diagram:
    """Dense, log-softmax and cross-entropy on one hidden unit and three classes, targets 0.7, 0.2, 0.1."""
    numbers = itertools.cycle(_NUMBERS)
    h, w, b = (_deal(numbers, shape) for shape in ((1, 1), (1, 3), (3,)))
    y = np.array([[0.7, 0.2, 0.1]])

    def layers(values: Mapping[str, Any]) -> dict[str, Any]:
        z, _ = dense.forward(dense.Params(values["w"], values["b"]), values["h"])
        log_p = z - logsumexp(z)[..., None]  # as in softmax_cross_entropy.forward, which does not name it
        return {"z": z, "l": log_p, "loss": -(y * log_p).sum()}

    return graph_of(
        "final gate: D = 1, K = 3, l = ln p", layers, {"h": h, "w": w, "b": b}, {"loss": np.ones(())}, ("w", "b")
    )


def graph_through_time(cell: Cell, T: int = 3, parameters: tuple[str, ...] = ()) -> Diagram:
    """The state of a cell through T steps, B = D = H = 1; outputs and final state have cotangents from outside.

    Inputs are held fixed, and so are all parameters except those named. Each element of a named parameter is one
    vertex, which all steps read.
    """
    numbers = itertools.cycle(_NUMBERS)
    initial, p = (_deal_fields(numbers, s) for s in (cell.state_shapes(1, 1), cell.parameter_shapes(1, 1)))
    xs = _deal(numbers, (T, 1, 1))
    start = {f"{field}_0": value for field, value in initial._asdict().items()}

    def steps(values: Mapping[str, Any]) -> dict[str, Any]:
        params = p._replace(**{name: values[name] for name in parameters})
        state, out = type(initial)(*(values[name] for name in start)), {}
        for t in range(T):
            state = loop(cell, params, state, xs[t : t + 1])[0].final
            out.update({f"{field}_{t + 1}": value for field, value in state._asdict().items()})
        return out

    from_outside = {f"h_{t}": _deal(numbers, (1, 1)) for t in range(1, T + 1)}
    from_outside |= {f"{field}_{T}": _deal(numbers, (1, 1)) for field in initial._fields if field != "h"}
    held = "the inputs" if parameters else "inputs and parameters"
    title = f"{cell.name}: {T} steps, {held} held fixed"
    chosen = {name: getattr(p, name) for name in parameters}
    return graph_of(title, steps, {**start, **chosen}, from_outside, parameters)


PICTURES: dict[str, Callable[[], Diagram]] = {
    **{name: (lambda cell=cell: graph_of_step(cell)) for name, cell in CELLS.items()},  # type: ignore[misc]
    "final_gate": graph_of_final_gate,
    "rnn_through_time": lambda: graph_through_time(CELLS["rnn_tanh"], parameters=("w_h",)),
    "lstm_through_time": lambda: graph_through_time(CELLS["lstm"]),
}
"""Every picture that can be drawn, by name."""


def _deal(numbers: Iterator[float], shape: tuple[int, ...]) -> np.ndarray:
    return np.array([next(numbers) for _ in range(int(np.prod(shape)))]).reshape(shape)


def _deal_fields(numbers: Iterator[float], shapes: Any) -> Any:
    return arrays(shapes, lambda shape: _deal(numbers, shape))


# -------------------------------------------------------------------------------------------------- the tracing


class _Stretch(NamedTuple):
    """One named value as a function of the named values it reads directly."""

    sources: tuple[str, ...]
    function: Callable[..., Any]


def graph_of(
    title: str,
    function: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    inputs: Mapping[str, Any],
    cotangents: Mapping[str, Any],
    parameters: tuple[str, ...] = (),
) -> Diagram:
    """The graph of `function` between its named inputs and the named values it returns, in float64.

    If two names stand for one value, they share a vertex, under the first name. `cotangents` come from outside, by
    name.
    """
    with x64():
        arrays = {name: jnp.asarray(value, jnp.float64) for name, value in inputs.items()}
        stretches, values, first_name = _contract(function, arrays)
        adjoints = {name: np.zeros(value.shape) for name, value in values.items()}
        given = {first_name.get(name, name): np.asarray(value) for name, value in cotangents.items()}
        for name, cotangent in given.items():
            adjoints[name] = adjoints[name] + cotangent.reshape(adjoints[name].shape)
        links = []
        for name, stretch in reversed(stretches.items()):
            for source, partial, depends in _partials(stretch, values, values[name].size):
                contribution = adjoints[name].reshape(-1, 1) * partial
                adjoints[source] = adjoints[source] + contribution.sum(0).reshape(adjoints[source].shape)
                links += [(source, k, name, m, partial[m, k], contribution[m, k]) for m, k in np.argwhere(depends)]
    called, labels = _element_names(values, [(source, k, name, m) for source, k, name, m, _, _ in links])
    flat = {name: np.asarray(value).ravel() for name, value in values.items()}
    edges = [
        Edge(called[s, k], called[n, m], float(flat[s][k]), float(partial), float(adjoint))
        for s, k, n, m, partial, adjoint in links
    ]
    kinds = {name: "parameter" if name in parameters else "input" if name in arrays else "node" for name in values}
    vertices = [
        Vertex(called[name, k], labels[name, k], kinds[name], float(flat[name][k]), float(adjoints[name].ravel()[k]))
        for name in values
        for k in range(values[name].size)
    ]
    for name, cotangent in given.items():
        for k, bar in enumerate(cotangent.ravel()):
            outside = f"outside of {called[name, k]}"
            vertices.append(Vertex(outside, "", "outside", float(flat[name][k]), float(bar)))
            edges.append(Edge(called[name, k], outside, float(flat[name][k]), 1.0, float(bar)))
    order = {v.name: n for n, v in enumerate(vertices)}
    return Diagram(title, tuple(vertices), tuple(sorted(edges, key=lambda e: (order[e.source], order[e.target]))))


def _contract(
    function: Callable[..., Any], inputs: Mapping[str, Any]
) -> tuple[dict[str, _Stretch], dict[str, Any], dict[str, str]]:
    """Every named value's stretch in order of evaluation, all values, and the first name for each second name."""
    names: list[str] = []

    def flat(*values: Any) -> tuple[Any, ...]:
        named = function(dict(zip(inputs, values, strict=True)))
        names[:] = named
        return tuple(named.values())

    closed = jax.make_jaxpr(flat)(*inputs.values())
    jaxpr = closed.jaxpr
    results = dict(zip(names, jax.extend.core.jaxpr_as_fun(closed)(*inputs.values()), strict=True))
    name_of: dict[Any, str] = dict(zip(jaxpr.invars, inputs, strict=True))
    first_name: dict[str, str] = {}
    for name, variable in zip(names, jaxpr.outvars, strict=True):
        if isinstance(variable, jax.extend.core.Literal):
            continue  # a constant, which depends on nothing
        first_name[name] = name_of.setdefault(variable, name)
    made_by = {variable: n for n, equation in enumerate(jaxpr.eqns) for variable in equation.outvars}
    stretches = {}
    for variable in sorted((v for v in name_of if v in made_by), key=lambda v: made_by[v]):
        part = between(jaxpr, list(name_of), [variable])
        run = jax.extend.core.jaxpr_as_fun(jax.extend.core.ClosedJaxpr(part, closed.consts))
        sources = tuple(name_of[v] for v in part.invars)
        stretches[name_of[variable]] = _Stretch(sources, lambda *a, run=run: run(*a)[0])
    values = dict(inputs) | {name: results[name] for name in names if first_name.get(name) == name}
    return stretches, values, first_name


def _partials(stretch: _Stretch, values: Mapping[str, Any], size: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """For each source: its name, the Jacobian (size, source size), and where the Jacobian is not structurally zero.

    One element depends on another if the derivative is non-zero here or at one of 8 random points.
    """
    jacobian = jax.jacrev(stretch.function, argnums=tuple(range(len(stretch.sources))))
    here = [values[name] for name in stretch.sources]
    rng = np.random.default_rng(0)
    points = [here, *([jnp.asarray(rng.uniform(0.1, 0.9, v.shape)) for v in here] for _ in range(_PROBES))]
    at_points = [[np.asarray(j).reshape(size, -1) for j in jacobian(*point)] for point in points]
    for n, name in enumerate(stretch.sources):
        yield name, at_points[0][n], np.any([at_point[n] != 0 for at_point in at_points], axis=0)


def _element_names(values: Mapping[str, Any], links: list[tuple[str, int, str, int]]) -> tuple[dict, dict]:
    """Names and TeX labels of all elements. An element with a single reader of its own is named after it: a_i feeds
    i."""
    readers: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for source, k, name, m in links:
        readers.setdefault((source, k), set()).add((name, m))
    suffixes: dict[str, list[str]] = {}
    for name in reversed(list(values)):  # readers come after the values they read
        size = values[name].size
        if size == 1:
            suffixes[name] = [""]
            continue
        proposed = []
        for k in range(size):
            (reader, m), *others = sorted(readers.get((name, k), {("", 0)}))
            proposed.append("" if others or not reader else suffixes[reader][m] or reader)
        distinct = all(proposed) and len(set(proposed)) == size
        suffixes[name] = proposed if distinct else [str(k + 1) for k in range(size)]
    called, labels = {}, {}
    for name, value in values.items():
        for k in range(value.size):
            base, *below = name.replace("_prev", "_t-1").split("_")
            below += [suffixes[name][k]] * bool(suffixes[name][k])
            called[name, k] = "_".join([name, suffixes[name][k]]).rstrip("_")
            shown = {"l": r"\ell"}.get(base, base if len(base) == 1 else rf"\mathrm{{{base}}}")
            labels[name, k] = shown + (f"_{{{','.join(below)}}}" if below else "")
    return called, labels
