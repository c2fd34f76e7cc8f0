"""The input of a check: a function, a hand-written gradient of it, and inputs. Bad input is refused here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from lstm_ref.cells import CELLS
from lstm_ref.checking.complex_parts import CONVENTIONS, JAX, TORCH, any_complex, is_complex, on_parts
from lstm_ref.checking.function.user_function import UserFunction
from lstm_ref.errors import BadInput, nearest
from lstm_ref.leaves import places


@dataclass(frozen=True)
class Problem:
    """A claim about a derivative: that `gradients(inputs, cotangents)` is the gradient of Σ cotangents ·
    function(inputs)."""

    name: str
    inputs: dict[str, Any]
    """Named floating arrays; values may be nested (dicts, lists, named tuples)."""
    function: Callable[[Any], Any]
    gradients: Callable[[Any, Any], Any]
    is_loss: bool
    """Whether the function returns one number, with cotangent 1; otherwise cotangents are drawn at random."""
    nodes: tuple[str, ...] = ()
    """Inputs that are probes: zeros added at named values of the computation, time-major, in forward order. The
    gradient with respect to a probe is the adjoint of the value it is added to."""
    estimator: str | None = None
    """Name of the estimator that the gradients are meant to be, where they are not meant to be exact."""
    definition: Callable[[Any], Any] | None = None
    """A JAX function whose autodiff gradient is the estimator, with `jax.lax.stop_gradient` at each cut."""
    reverse_time: bool = False
    """Whether the computation runs from the last step to the first."""
    cell: str | None = None
    """Name in `lstm_ref.cells.CELLS` of the cell that the function is meant to run through time."""
    mapping: Any = None
    """How the inputs become that cell's arrays: a function that rearranges them, or a dict of names; None: the same
    names."""
    readout: Callable[[Any, Any], Any] | None = None
    """(inputs, hs (T, B, H)) -> the loss, computed from the known cell's outputs."""
    adjoints: Callable[..., Any] | None = None
    """(inputs[, cotangents]) -> dict of the author's adjoints of a known cell at every step."""
    single: bool = False
    """Whether JAX can trace the function only in float32; the inputs are then float32, and so is the check."""
    other_convention: Problem | None = None
    """The same problem with the gradients of complex numbers read as their conjugates."""
    moved: bool = False
    """Whether the inputs were moved, because the function has a kink at those given."""
    rule_outputs: Callable[[Any], Any] | None = None
    """inputs -> the outputs of the derivative rule's own forward pass, which must equal those of `function`."""
    remarks: tuple[str, ...] = ()
    """Sentences for the report's notes on inputs and outputs that the problem leaves out or holds fixed, and why."""

    @cached_property
    def forward(self) -> UserFunction:
        """The function at the inputs."""
        return UserFunction(self.function, self.inputs)

    def backward(self, cotangents: Any) -> UserFunction:
        """The claim at the inputs and these cotangents."""
        return UserFunction(self.gradients, self.inputs, cotangents)


def problem(
    inputs: Mapping[str, Any],
    *,
    loss: Callable[[Any], Any] | None = None,
    gradients: Callable[[Any], Any] | None = None,
    forward: Callable[[Any], Any] | None = None,
    backward: Callable[[Any, Any], Any] | None = None,
    nodes: tuple[str, ...] | list[str] = (),
    estimator: str | None = None,
    definition: Callable[[Any], Any] | None = None,
    reverse_time: bool = False,
    cell: str | None = None,
    mapping: Callable[[Any], Any] | Mapping[str, str] | None = None,
    readout: Callable[[Any, Any], Any] | None = None,
    adjoints: Callable[..., Any] | None = None,
    name: str = "gradients",
) -> Problem:
    """Make a problem from a loss and its gradients, or from a forward and its backward.

    Args:
        inputs: Named floating arrays; values may be nested dicts, lists or tuples.
        loss: `loss(inputs)` -> one number.
        gradients: `gradients(inputs)` -> dict of arrays, each in the shape of its input.
        forward: `forward(inputs)` -> array or nested structure of arrays.
        backward: `backward(inputs, cotangents)` -> dict of arrays, each in the shape of its input.
        nodes: As in `check_gradients`, and so are all further arguments.
        name: What the report calls the problem.

    Returns:
        The problem. Complex inputs are split into real and imaginary parts.

    Raises:
        BadInput: An argument does not fit; the message says which.

    Example:
        >>> given = problem(
        ...     {"x": np.array([1.0, 2.0])},
        ...     loss=lambda inputs: (inputs["x"] ** 3).sum(),
        ...     gradients=lambda inputs: {"x": 3 * inputs["x"] ** 2},
        ...     name="cubes",
        ... )
        >>> given.name, list(given.inputs), given.is_loss
        ('cubes', ['x'], True)
    """
    _require_inputs(name, inputs)
    has_loss, has_forward = loss is not None or gradients is not None, forward is not None or backward is not None
    if has_loss == has_forward:
        raise BadInput(f"{name}: give either loss and gradients, or forward and backward")
    given = {"loss": loss, "gradients": gradients} if has_loss else {"forward": forward, "backward": backward}
    for key, value in given.items():
        if not callable(value):
            came = "nothing" if value is None else type(value).__name__
            raise BadInput(f"{name}: {key} must be a function, got {came}")
    _require_options(name, inputs, nodes, estimator, definition)
    _require_known_cell(name, cell, mapping, readout, adjoints)
    function: Any = loss if has_loss else forward
    backwards: Any = backward if gradients is None else _of_loss(gradients)
    found = Problem(
        name=name,
        inputs=dict(inputs),
        function=function,
        gradients=after_forward(function, backwards),
        is_loss=has_loss,
        nodes=tuple(nodes),
        estimator=estimator,
        definition=definition,
        reverse_time=reverse_time,
        cell=cell,
        mapping=mapping,
        readout=readout,
        adjoints=adjoints,
    )
    return _split_into_parts(found) if any_complex(found.inputs) else found


def _split_into_parts(whole: Problem) -> Problem:
    """The complex problem rewritten as one of real and imaginary parts."""
    if whole.cell is not None or whole.nodes or whole.definition is not None:
        raise BadInput(f"{whole.name}: cell, nodes and estimator need real inputs, and some of these are complex")

    def by(sign: int, other: Problem | None) -> Problem:
        inputs, function, claim = on_parts(whole.inputs, whole.function, whole.gradients, sign)
        remarks = (*whole.remarks, CONVENTIONS[sign])
        return replace(
            whole, inputs=inputs, function=function, gradients=claim, remarks=remarks, other_convention=other
        )

    return by(TORCH, by(JAX, None))


def after_forward(function: Callable[[Any], Any], backward: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The backward pass as its author runs it: after a forward pass at the same inputs and in the same arithmetic,
    which gives a layer object its tape. The results are copied, because the next call may overwrite their buffers."""

    def claim(inputs: Any, bars: Any) -> Any:
        function(jax.tree.map(_own, inputs))
        return jax.tree.map(_own, backward(inputs, bars))

    claim.__wrapped__ = backward  # type: ignore[attr-defined]  # so that line numbers are the author's
    return claim


def _of_loss(gradients: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def backward(inputs: Any, _: Any) -> Any:
        return gradients(inputs)

    backward.__wrapped__ = gradients  # type: ignore[attr-defined]
    return backward


def _own(v: Any) -> Any:
    return v.copy() if isinstance(v, np.ndarray) else v


def with_options(given: Problem, name: str | None, **options: Any) -> Problem:
    """A problem made by an adapter, completed by the author's options. Raises BadInput as `problem` does."""
    name = given.name if name is None else name
    said = {key: value for key, value in options.items() if value not in (None, (), False)}
    found = replace(given, name=name, **said)
    _require_options(name, found.inputs, found.nodes, found.estimator, found.definition)
    _require_known_cell(name, found.cell, found.mapping, found.readout, found.adjoints)
    return replace(found, nodes=tuple(found.nodes))


def _require_options(name: str, inputs: Any, nodes: Any, estimator: Any, definition: Any) -> None:
    if (estimator is None) != (definition is None):
        raise BadInput(f"{name}: a declared estimator needs both `estimator`, a name, and `definition`, a JAX function")
    if estimator is not None and not isinstance(estimator, str):
        raise BadInput(f"{name}: estimator must be a name, got {type(estimator).__name__}")
    if definition is not None and not callable(definition):
        raise BadInput(f"{name}: definition must be a function, got {type(definition).__name__}")
    if not isinstance(nodes, (list, tuple)):
        raise BadInput(f"{name}: nodes must be a list of input names, got {type(nodes).__name__}")
    for node in nodes:
        if not isinstance(node, str) or node not in inputs:
            came = repr(node) if isinstance(node, str) else type(node).__name__
            raise BadInput(f"{name}: node {came} is not among the inputs ({', '.join(inputs)})")


def _require_known_cell(name: str, cell: Any, mapping: Any, readout: Any, adjoints: Any) -> None:
    if cell is not None and not (isinstance(cell, str) and cell in CELLS):
        came = repr(cell) if isinstance(cell, str) else type(cell).__name__
        near = nearest(str(cell), CELLS, "`lstm-ref cells` lists them")
        raise BadInput(f"{name}: cell must be the name of a cell of lstm_ref, got {came}{near}")
    for key, value in (("mapping", mapping), ("readout", readout), ("adjoints", adjoints)):
        if value is not None and cell is None:
            raise BadInput(f"{name}: {key} is given without cell, the name of a cell of lstm_ref")
        if value is not None and not callable(value) and key != "mapping":
            raise BadInput(f"{name}: {key} must be a function, got {type(value).__name__}")
    if mapping is None or callable(mapping):
        return
    if not isinstance(mapping, Mapping) or not all(isinstance(v, str) for v in (*mapping, *mapping.values())):
        raise BadInput(
            f"{name}: mapping must be a function of the inputs, or a dict from the cell's names to the inputs', got "
            f"{type(mapping).__name__}"
        )


def _require_inputs(name: str, inputs: Any) -> None:
    if not isinstance(inputs, Mapping) or not inputs:
        came = "an empty one" if isinstance(inputs, Mapping) else type(inputs).__name__
        raise BadInput(f"{name}: inputs must be a non-empty dict of named arrays, got {came}")
    for key in inputs:
        if not isinstance(key, str):
            raise BadInput(f"{name}: the names of inputs must be strings, got {type(key).__name__}")
    try:
        _require_tree(name, "inputs", dict(inputs), ())
        found = places(dict(inputs))
    except RecursionError:
        raise BadInput(f"{name}: inputs are nested too deeply") from None
    if not found:
        raise BadInput(f"{name}: inputs hold no array")
    named: dict[str, str] = {}
    for path, place, value in found:
        if path in named:
            raise BadInput(
                f"{name}: two inputs have the path {path}: inputs{named[path]} and inputs{place}; rename one of them"
            )
        named[path] = place
        try:
            _require_floats(name, path, value)
        except BadInput:
            raise
        except Exception as error:  # an object of the user's may raise anything when it is read as an array
            came = type(error).__name__
            raise BadInput(
                f"{name}: input {path} cannot be read as an array: {type(value).__name__}: {came}"
            ) from error


def _require_tree(name: str, place: str, tree: Any, above: tuple[int, ...]) -> None:
    """Refuse dicts whose keys cannot be sorted and named, and containers that contain themselves."""
    if not isinstance(tree, (dict, list, tuple)):
        return
    if id(tree) in above:
        raise BadInput(f"{name}: {place} contains itself")
    if isinstance(tree, dict) and not any(all(isinstance(k, t) for k in tree) for t in (str, int)):
        kinds = ", ".join(sorted({type(k).__name__ for k in tree}))
        raise BadInput(f"{name}: the keys of {place} must be strings, got {kinds}")
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        _require_tree(name, f"{place}[{key!r}]", value, (*above, id(tree)))


def _require_floats(name: str, path: str, value: Any) -> None:
    kind = type(value)
    if kind.__module__.partition(".")[0] == "torch":
        raise BadInput(
            f"{name}: input {path} must be an array of floats, got a torch {kind.__name__} (torch code is checked by "
            "`problem = lstm_ref.torch_function(function, *tensors)`)"
        )
    if isinstance(value, np.ma.MaskedArray):
        raise BadInput(f"{name}: input {path} must be an array of floats, got a masked array, which hides elements")
    dtype = np.dtype(np.float64) if isinstance(value, float) else getattr(value, "dtype", None)
    if dtype is None:
        raise BadInput(f"{name}: input {path} must be an array of floats, got {kind.__name__}")
    if not jax.numpy.issubdtype(dtype, np.floating) and not is_complex(value):
        raise BadInput(
            f"{name}: input {path} must be an array of floats, got {dtype} (values without a gradient, such as "
            "class numbers or lengths, belong outside `inputs`)"
        )
    finite = np.isfinite(np.asarray(value, dtype=np.complex128 if is_complex(value) else np.float64))
    if not finite.all():
        where = tuple(int(k) for k in np.argwhere(~finite)[0])
        raise BadInput(f"{name}: input {path} is not finite at index {where}: {np.asarray(value)[where]}")
