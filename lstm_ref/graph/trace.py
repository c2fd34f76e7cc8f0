"""Traces any forward to one graph: JAX code by its jaxpr, NumPy code by running it on traced arrays, torch code
(a function with an attribute `torch`, the same function of tensors) by running it on tensors in their memory.

A graph is never trusted: it is compared with what the code itself gives, at the inputs and near them, within the error
of rounding. If the code decides something differently at the nearby point, a nearer point is tried. A graph that
disagrees is refused.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.extend.core
import numpy as np

import lstm_ref.graph.methods  # noqa: F401  # adds the methods of `Array`
from lstm_ref.arithmetic.jaxpr import Numbers
from lstm_ref.arithmetic.memory import Memory, kinds_of, remembered
from lstm_ref.arithmetic.uncompiled import FLOATS
from lstm_ref.arithmetic.walk import with_lines
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import CannotEvaluate, LeavesTheGraph, text_of
from lstm_ref.graph import rounding
from lstm_ref.graph.array import DRY, Array, Session, UsesJax, _sessions, lifted, value_of
from lstm_ref.graph.creation import array_of, replaced
from lstm_ref.graph.flatten import Equation, flatten
from lstm_ref.graph.places import is_installed, is_of_jax
from lstm_ref.graph.world import copy, kept, reached
from lstm_ref.leaves import Function

NEAR = (2.0**-10, 2.0**-16, 2.0**-22)
"""Relative distances from the inputs at which a graph is compared with the code; the next one is used if a decision
changes."""


@dataclass(frozen=True)
class Graph:
    """A function at one point: its equations in the order in which they run, and the value of every variable."""

    equations: list[Equation]
    values: list[Any]
    """The value of each variable, by its number: float64 arrays, or integers and bools."""
    inputs: list[int]
    """Numbers of the variables of the inputs' leaves."""
    outputs: list[int]
    is_active: list[bool]
    """For each variable, by its number, whether it depends on an input through floats."""
    input_tree: Any
    output_tree: Any
    jaxpr: Any
    casts: tuple[str, ...] = ()
    """Places where the code asks for another dtype than the graph's float64: "float32 at file:line (function)"."""
    tied: bool = False
    """Whether NumPy code compared equal numbers on the way (`x > 0` at 0), so that a kink may lie at this point."""
    decided_at: tuple[str, ...] = ()
    """Lines of NumPy or torch code where values decided which code runs: "file:line (function)"."""
    memory: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """Results remembered for this graph."""

    def at(self, inputs: Any, numbers: Numbers = FLOATS) -> Graph:
        """The same computation at other inputs, or in other numbers."""
        return replace(self, **flatten(self.jaxpr, jax.tree.leaves(inputs), numbers)._asdict(), memory={})

    def as_jax(self, *arguments: Any) -> Any:
        """The same computation as JAX code: a function of the inputs' pytree."""
        outputs = jax.extend.core.jaxpr_as_fun(self.jaxpr)(*jax.tree.leaves(arguments))
        return jax.tree.unflatten(self.output_tree, outputs)

    @property
    def result(self) -> Any:
        """The function's output, as NumPy arrays."""
        return jax.tree.unflatten(self.output_tree, [self.values[i] for i in self.outputs])


def trace(function: Function, inputs: Any) -> Graph:
    """Trace a function.

    Args:
        function: NumPy or JAX code: a function of a pytree of arrays that returns arrays.
        inputs: The pytree of real arrays at which to trace; floats are traced in float64.

    Returns:
        The graph, with the value of every variable.

    Raises:
        LeavesTheGraph: A traced number leaves the graph; the message names the line.
        CannotEvaluate: The function cannot be traced for another reason, or disagrees with its graph.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.graph.trace import trace
        >>> graph = trace(lambda i: np.tanh(i["x"]) * 2, {"x": np.zeros(3)})
        >>> [equation.primitive for equation in graph.equations]
        ['tanh', 'mul']
    """
    inputs = _as_traced(function, inputs)
    try:
        return _of_numpy(function, inputs)
    except UsesJax:
        return _of_jax(function, inputs)
    except _Raised as raised:
        error = raised.error
    try:  # a library that takes plain numbers alone, such as json: they may be read for a log
        return _of_numpy(function, inputs, plain=True)
    except (CannotEvaluate, UsesJax, _Raised):
        pass
    try:
        _plain(function, inputs)
    except (Exception, SystemExit) as own:
        raise CannotEvaluate(f"the function itself raises {type(own).__name__}: {text_of(own)}") from None
    told = f"{type(error).__name__}: {text_of(error)}"
    raise LeavesTheGraph(f"a traced number is not accepted at {_line_of(error)}: {told}") from None


def graph_at(function: Callable[..., Any], *arguments: Any) -> Graph:
    """The graph of a function at these arguments, traced once. With several arguments, its input is their tuple. Raises
    CannotEvaluate if it cannot be traced."""
    arguments = _as_traced(function, arguments)
    key = kinds_of(arguments), b"".join(np.asarray(v).tobytes() for v in jax.tree.leaves(arguments))
    found = remembered(_graphs, function, key, lambda: _traced(function, arguments))
    if isinstance(found, CannotEvaluate):
        raise found
    graph: Graph = found
    return graph


_graphs: Memory = WeakKeyDictionary()


def _as_traced(function: Callable[..., Any], arguments: Any) -> Any:
    """The arguments in the dtypes in which they are traced: torch code, written in whatever precision, runs in float64
    on arrays of float64."""
    if not hasattr(function, "torch"):
        return arguments
    return jax.tree.map(lambda v: np.asarray(v, np.float64) if _is_real(v) else v, arguments)


def _traced(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Graph | CannotEvaluate:
    try:
        if len(arguments) == 1:
            return trace(function, arguments[0])
        return trace(_of_one(function), arguments)
    except CannotEvaluate as error:
        return error.with_traceback(None)


def _of_one(function: Callable[..., Any]) -> Function:
    """A function of several arguments as a function of their tuple."""

    def found(several: Any) -> Any:
        return function(*several)

    of_torch = getattr(function, "torch", None)
    if of_torch is not None:
        found.torch = lambda several: of_torch(*several)  # type: ignore[attr-defined]
    return found


class _Raised(Exception):
    """Carries the exception that the user's code raised on traced numbers."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _line_of(error: BaseException) -> str:
    """The innermost line of the user's code in an error's traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not is_installed(f.filename)]
    return f"{frames[-1].filename}:{frames[-1].lineno} ({frames[-1].name})" if frames else "an unknown line"


def _of_jax(function: Function, inputs: Any) -> Graph:
    leaves, tree = jax.tree.flatten(inputs)
    containers, _ = reached(function)
    try:
        with x64(), kept(containers):
            copy(containers, as_traced=False)
            examples = [jax.ShapeDtypeStruct(np.shape(v), np.float64) if _is_float(v) else v for v in leaves]
            closed, shape = jax.make_jaxpr(function, return_shape=True)(jax.tree.unflatten(tree, examples))
    except (Exception, SystemExit) as error:
        raise CannotEvaluate(f"JAX cannot trace the function in float64: {text_of(error)}") from None
    closed = with_lines(closed)
    return Graph(*flatten(closed, leaves), tree, jax.tree.structure(shape), closed)


def _is_float(v: Any) -> bool:
    return np.asarray(v).dtype.kind == "f"


def _is_real(v: Any) -> bool:
    """Whether these are floats, NumPy's own or bfloat16."""
    return bool(jax.numpy.issubdtype(np.asarray(v).dtype, np.floating))


# ------------------------------------------------------------------------------------------------------- NumPy code


def run(function: Function, inputs: Any, session: Session, tracers: Sequence[Any] | None = None) -> Any:
    """The function's output on traced inputs."""
    leaves, tree = jax.tree.flatten(inputs)
    of_torch = getattr(function, "torch", None)
    containers, modules = reached(function) if of_torch is None else ([], [])
    tracers = list(tracers) if tracers is not None else [DRY if _is_float(v) else None for v in leaves]
    with ExitStack() as stack:
        stack.enter_context(kept(containers))
        _sessions.append(session)
        stack.callback(_sessions.pop)
        copy(containers, as_traced=True)
        traced = [_input(v, t, session) for v, t in zip(leaves, tracers, strict=True)]
        stack.enter_context(replaced(modules))
        try:
            with np.errstate():
                given = jax.tree.unflatten(tree, traced)
                return function(given) if of_torch is None else _on_tensors(of_torch, given)
        except (CannotEvaluate, UsesJax):
            raise
        except (Exception, SystemExit) as error:
            raise (UsesJax if is_of_jax(error) else _Raised(error)) from None


def _on_tensors(function: Function, inputs: Any) -> Any:
    from lstm_ref.graph.tensors import run_on_tensors  # torch may be missing

    return run_on_tensors(function, inputs)


def _input(v: Any, tracer: Any, session: Session) -> Any:
    if np.iscomplexobj(v):
        raise CannotEvaluate("complex inputs are not traced")
    if not _is_float(v):
        return np.array(v) if isinstance(v, np.ndarray) else v
    if np.asarray(v).dtype != np.float64:
        session.casts.setdefault(f"{np.asarray(v).dtype.name} in the inputs")
    value = (
        np.array(v, dtype=np.float64, order="K")
        if isinstance(v, np.ndarray) or hasattr(v, "devices")
        else np.float64(v)
    )
    return Array(value, tracer)


def _of_numpy(function: Function, inputs: Any, plain: bool = False) -> Graph:
    leaves, tree = jax.tree.flatten(inputs)
    session = Session(dry=False, plain=plain)
    found: dict[str, Any] = {}

    def traced(*tracers: Any) -> list[Any]:
        by_leaf = [t if _is_float(v) else None for t, v in zip(tracers, leaves, strict=True)]
        output = run(function, inputs, session, by_leaf)
        if session.refused is not None:
            raise session.refused
        _sessions.append(session)
        try:
            outs, found["tree"] = _outputs(output)
            if any(isinstance(v, jax.core.Tracer) for v in outs):
                raise UsesJax
            found["values"] = [np.array(value_of(v)) for v in outs]
            return [lifted(v) if _is_float(value_of(v)) else np.asarray(v) for v in outs]
        finally:
            _sessions.pop()

    with x64():
        closed = jax.make_jaxpr(traced)(*(np.asarray(v, dtype=np.float64) if _is_float(v) else v for v in leaves))
    closed = with_lines(closed)
    flat = flatten(closed, leaves)
    graph = Graph(
        *flat, tree, found["tree"], closed, tuple(session.casts), session.tied, tuple(dict.fromkeys(session.places))
    )
    if session.first_read is not None:
        _require_only_read(function, inputs, session, found["values"])
    _compare(function, inputs, graph, session)
    if graph.casts and _is_same(function, inputs, replace(graph, casts=()), NEAR[:2]):
        return replace(graph, casts=())  # what is cast is for a log, say: it makes no difference
    return graph


def _require_only_read(function: Function, inputs: Any, session: Session, values: list[Any]) -> None:
    """Raise the refusal of what was read, unless it was read only for a log: unless no output changes by a bit when the
    code reads other numbers. Nearby ones come first, because they make no loop run forever; then NaN, which no rounding
    hides, or huge ones where NaN is refused."""
    assert session.first_read is not None

    def changes(falsify: Callable[[Any], Any]) -> bool:
        seen = Session(dry=True, plain=session.plain, falsify=falsify)
        again = [np.array(value_of(v)) for v in _outputs(run(function, inputs, seen))[0]]
        return seen.refused is not None or len(again) != len(values) or not all(map(_same_bits, again, values))

    try:
        if changes(_nearby):
            raise session.first_read
        try:
            is_used = changes(_not_a_number)
        except _Raised:
            is_used = changes(_huge)
    except (UsesJax, _Raised):
        is_used = True
    if is_used:
        raise session.first_read


def _nearby(v: Any) -> Any:
    return np.asarray(v) * (1 + 2.0**-10) + 2.0**-10


def _not_a_number(v: Any) -> Any:
    return np.full(np.shape(v), np.nan)


def _huge(v: Any) -> Any:
    return 2.0**40 * (1 + np.asarray(v))


def _same_bits(a: Any, b: Any) -> bool:
    return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())


def _outputs(output: Any) -> tuple[list[Any], Any]:
    """The leaves of the output; a list of numbers counts as several leaves."""
    leaves, tree = jax.tree.flatten(output, is_leaf=lambda v: type(v) is Array)
    found = []
    for v in leaves:
        if isinstance(v, np.ndarray) and v.dtype == object:
            v = array_of(v)
        found.append(v)
    return found, tree


# ------------------------------------------------------------------------------------------------------- comparison


def _compare(function: Function, inputs: Any, graph: Graph, session: Session) -> None:
    """Raise CannotEvaluate unless the graph agrees with the code, at the inputs and at a point near them."""
    plain = _plain(function, inputs)
    _require_same(graph, plain, "at the inputs")
    rng = np.random.default_rng(0)
    leaves, tree = jax.tree.flatten(inputs)
    for near in NEAR:
        for _ in range(2):
            beside = [_moved(v, near, rng) for v in leaves]
            point = jax.tree.unflatten(tree, beside)
            seen = Session(dry=True, plain=session.plain)
            run(function, point, seen)
            if seen.decisions == session.decisions:
                _require_same(graph.at(point), _plain(function, point), "near the inputs")
                return
    if _is_same(function, inputs, graph, NEAR):
        return  # what is decided otherwise, such as the int of a number in a log, changes nothing
    changed = next(
        (p for a, b, p in zip(seen.decisions, session.decisions, session.places, strict=False) if a != b), ""
    )
    raise CannotEvaluate(
        "the code decides otherwise (another branch, index or order) at every point near the inputs"
        f"{' at ' * bool(changed)}{changed}"
    )


def _is_same(function: Function, inputs: Any, graph: Graph, distances: Sequence[float]) -> bool:
    """Whether the graph agrees with the code near the inputs, also where the code decides otherwise."""
    rng = np.random.default_rng(1)
    leaves, tree = jax.tree.flatten(inputs)
    try:
        for near in distances:
            point = jax.tree.unflatten(tree, [_moved(v, near, rng) for v in leaves])
            _require_same(graph.at(point), _plain(function, point), "near the inputs")
    except CannotEvaluate:
        return False
    return True


def _moved(v: Any, near: float, rng: Any) -> Any:
    if not _is_float(v):
        return v
    x = np.asarray(v, dtype=np.float64)
    step = near * rng.uniform(0.5, 1, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    moved = x + step * np.where(x == 0, np.max(np.abs(x), initial=0.0) or 1.0, np.abs(x))
    if isinstance(v, np.ndarray):
        out = np.empty_like(v)
        out[...] = moved
        return out
    return type(v)(moved) if isinstance(v, (float, np.generic)) else moved


def _plain(function: Function, inputs: Any) -> list[Any]:
    """The outputs of the code itself, run on copies of the inputs."""
    if hasattr(function, "torch"):
        from lstm_ref.graph.tensors import run_plain

        return jax.tree.leaves(run_plain(function.torch, inputs))
    containers, _ = reached(function)
    own = jax.tree.map(lambda v: np.array(v, order="K") if isinstance(v, np.ndarray) else v, inputs)
    with kept(containers):
        copy(containers, as_traced=False)
        output = function(own)
    return [np.array(array_of(v) if isinstance(v, list) else v) for v in jax.tree.leaves(output)]


def _require_same(graph: Graph, plain: list[Any], where: str) -> None:
    if len(plain) != len(graph.outputs):
        raise CannotEvaluate(f"the code returns {len(plain)} arrays {where}, but {len(graph.outputs)} when traced")
    for k, (number, own) in enumerate(zip(graph.outputs, plain, strict=True)):
        value = graph.values[number]
        if np.shape(value) != np.shape(own):
            raise CannotEvaluate(f"output {k} has shape {np.shape(own)} {where}, but {np.shape(value)} when traced")
    if not all(
        np.array_equal(np.isnan(graph.values[n]), np.isnan(o)) for n, o in zip(graph.outputs, plain, strict=True)
    ):
        raise CannotEvaluate(f"the code and its graph differ in which elements are NaN {where}")
    off, allowed = rounding.distance(graph, plain, graph.casts)
    if not off <= allowed:
        raise CannotEvaluate(
            f"the code and its graph differ by {off:.1e} {where}, where rounding makes at most {allowed:.1e}: "
            "the trace misses something in the code, or the code differs from call to call"
        )
