"""From a file or a cell to its folded forward."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lstm_ref.cells.cell import Cell, arrays, in_domain, named
from lstm_ref.checking.files.home import Home
from lstm_ref.deriving.folding import ChosenByComparison, FoldedForward, fold
from lstm_ref.deriving.naming import LoadedFile, load_named, load_text, marked, sizes_as, steps_of
from lstm_ref.deriving.raising import Raised
from lstm_ref.errors import BadInput, CannotEvaluate, LeavesTheGraph
from lstm_ref.graph import trace
from lstm_ref.mistakes.on_graphs.forwarded import forwarded

OF_A_STEP = ("params", "state", "xs")
"""Keys of the inputs of a file that defines one step; xs has the axis of time first."""
T = 4
"""Steps of a forward that is made of one step."""


def read_file(path: Path, seed: int = 0, in_jax: bool = False) -> FoldedForward:
    """The folded forward of a file.

    Args:
        path: A Python file, NumPy or JAX, that defines `inputs`, and `loss(inputs)` or `forward(inputs)`; or
            `step(params, state, x)`, with `inputs` of the keys params, state and xs.
        seed: Seed of the inputs, where they are drawn.
        in_jax: Whether `jax.numpy` stands in for the file's `numpy`, which keeps what is chosen by a comparison.

    Raises:
        BadInput: The file cannot be derived; the message names the line.
    """
    if not path.is_file() or path.suffix != ".py":
        raise BadInput(
            f"{path}: a forward to derive is a Python file (.py)" if path.exists() else f"{path}: no such file"
        )
    with Home(path):
        user = load_named(path, f"lstm_ref_derived_{path.stem}")
        module: Any = user.module
        sys.modules[module.__name__] = module
        try:
            return _read_module(path, user, seed, in_jax)
        except LeavesTheGraph as error:
            remedy = "what is written with NumPy's own functions, or with jax, is derived"
            raise BadInput(f"{path}: {error}; {remedy}") from error
        except (BadInput, CannotEvaluate) as error:
            raise (ChosenByComparison if isinstance(error, ChosenByComparison) else BadInput)(
                f"{path}: {error}"
            ) from error
        finally:
            del sys.modules[module.__name__]


def _read_module(path: Path, user: LoadedFile, seed: int, in_jax: bool) -> FoldedForward:
    module: Any = user.module
    if not hasattr(module, "inputs"):
        raise BadInput("defines no `inputs`")
    inputs = module.inputs(np.random.default_rng(seed)) if callable(module.inputs) else module.inputs
    if not isinstance(inputs, dict):
        raise BadInput(f"`inputs` must give a dict, got {type(inputs).__name__}")
    is_loss = hasattr(module, "loss")
    for name in ("loss", "forward", "step"):
        if callable(function := getattr(module, name, None)):
            break
    else:
        raise BadInput("defines neither `loss(inputs)` nor `forward(inputs)` nor `step(params, state, x)`")
    if name == "step":
        if set(inputs) != set(OF_A_STEP):
            raise BadInput(f"beside `step`, `inputs` has the keys {', '.join(OF_A_STEP)}; got {', '.join(inputs)}")
        driver = _through_time(module.step, inputs, uses_jax(user.source))
        user = load_text(path, f"{user.source.rstrip()}\n\n\n{driver}", module.__name__)
        again: Any = user.module
        function = again.forward
    scope = vars(user.module)
    before = {name: v for name, v in scope.items() if v is np}
    scope.update(dict.fromkeys(before, jax.numpy) if in_jax else {})
    try:
        found = read(function, inputs, f"{path.stem}_derived", path.name, user, is_loss)
    finally:
        scope.update(before)
    found.draws = callable(module.inputs)
    return found


def _through_time(step: Callable[..., Any], inputs: dict[str, Any], in_jax: bool) -> str:
    """A forward that runs a step through time and returns the states of all steps, as text."""
    state = inputs["state"]
    after = step(inputs["params"], state, jax.tree.map(lambda v: v[0], inputs["xs"]))
    like: Any = jax.tree.structure(state)
    alone = like == jax.tree.structure(after)
    if not alone and not (isinstance(after, tuple) and like == jax.tree.structure(after[0])):
        raise BadInput("step(params, state, x) must return the next state, or a tuple that begins with it")
    np_ = "jnp" if in_jax else "np"
    kinds: dict[Any, str] = {
        dict: f"{{k: {np_}.stack([s[k] for s in states]) for k in state}}",
        tuple: f"tuple({np_}.stack(v) for v in zip(*states))",
    }
    stacked = kinds.get(type(state), f"{np_}.stack(states)")
    return f'''{"import jax.numpy as jnp" if in_jax else "import numpy as np"}


def forward(p):
    """The states of all steps."""
    state, states = p["state"], []
    for x in p["xs"]:
        state = step(p["params"], state, x){"" if alone else "[0]"}
        states.append(state)
    return {stacked}
'''


def read_cell(cell: Cell) -> FoldedForward:
    """The folded forward of a cell of this package, over some steps."""
    rng = np.random.default_rng(0)
    B, D, H = 2, 3, 4
    drawn = lambda shapes: arrays(shapes, lambda s: rng.standard_normal(s) / 2)  # noqa: E731
    p = drawn(cell.parameter_shapes(D, H))
    state = in_domain(cell, drawn(cell.state_shapes(B, H, D=D)))
    xs = [drawn(cell.input_shapes(B, D, H=H)) for _ in range(T)]
    alone = isinstance(cell.x, str)
    read_at = {"x": np.stack(xs)} if alone else named(jax.tree.map(lambda *v: np.stack(v), *xs))
    inputs = {
        **named(p),
        **{f"{k}0": v for k, v in named(state).items()},
        **read_at,
    }
    trees = jax.tree.structure(p), jax.tree.structure(state), jax.tree.structure(xs[0])
    n, m = len(jax.tree.leaves(p)), len(jax.tree.leaves(state))

    def forward(given: Any) -> Any:
        values = list(given.values())
        params, now = jax.tree.unflatten(trees[0], values[:n]), jax.tree.unflatten(trees[1], values[n : n + m])
        out, seen = [], []
        for t in steps_of(range(T)):
            x = jax.tree.unflatten(trees[2], [marked(given[name][t], name) for name in read_at])
            now, tape = cell.forward(params, now, x)
            for name, v in named(tape.nodes).items():
                seen.append(marked(v, name))
            now = jax.tree.map(lambda v: marked(v, "", "carried"), now)
            out.append(now.h)
        return (jax.numpy.stack(out), now), seen

    outputs = 1 + m
    return read(forward, inputs, cell.name, cell.name, LoadedFile(None, "", {}), False, outputs)


def read(
    function: Callable[[Any], Any],
    inputs: dict[str, Any],
    title: str,
    origin: str,
    user: LoadedFile,
    is_loss: bool,
    outputs: int | None = None,
) -> FoldedForward:
    """The folded forward of a function whose values are marked; of its outputs, the first `outputs` count."""
    scope = vars(user.module) if user.module is not None else {}
    fixed = {k: v for k, v in scope.items() if _is_fixed(v)}
    whole = {k: float(v) for k, v in scope.items() if type(v) is int}
    original = dict(fixed)

    def run(everything: Any) -> Any:
        scope.update(everything["fixed"])
        with sizes_as(everything["sizes"]):
            return function({k: everything["inputs"][k] for k in inputs})

    try:
        graph = trace(run, {"inputs": inputs, "fixed": fixed, "sizes": whole})
    finally:
        scope.update(original)
    graph = forwarded(graph)
    raised = Raised(graph, user.source)
    paths, _ = jax.tree.flatten_with_path({"inputs": inputs, "fixed": fixed, "sizes": whole})
    given, held = {}, {}
    for (path, value), v in zip(paths, graph.inputs, strict=True):
        kind, *keys = (str(getattr(k, "key", getattr(k, "idx", getattr(k, "name", k)))) for k in path)
        if kind == "inputs":
            said = [m.name for m in raised.marks.get(v, ()) if m.name and m.kind == "value"]
            own = keys[-1] if not keys[-1].isdigit() else said[0] if said else "_".join(keys)
            given[v] = (own, tuple(keys))
        else:
            held[v] = ("_".join(keys), value)
    order = list(inputs)  # as the author wrote them
    given = dict(sorted(given.items(), key=lambda item: order.index(item[1][1][0])))
    found = fold(raised, title, origin, user.source, given, held, user.loops, is_loss, outputs)
    found.lists = frozenset(_lists(inputs, ()))
    result = graph.result
    found.returns = next((kind.__name__ for kind in (tuple, list, dict) if isinstance(result, kind)), "array")
    found.keys = tuple(sorted(result)) if isinstance(result, dict) else ()  # the order of the graph's outputs
    return found


def _lists(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths at which the inputs hold lists; elsewhere there are tuples and dicts."""
    if isinstance(tree, (list, tuple)):
        if isinstance(tree, list):
            yield path
        tree = {str(k): v for k, v in enumerate(tree)}
    if isinstance(tree, dict):
        for key, v in tree.items():
            yield from _lists(v, (*path, str(key)))


def _is_fixed(v: Any) -> bool:
    return isinstance(v, float) or (isinstance(v, np.ndarray) and v.dtype.kind == "f")


def uses_jax(source: str) -> bool:
    """Whether a file imports JAX."""
    for node in ast.walk(ast.parse(source)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.split(".")[0] == "jax" for name in names):
            return True
    return False
