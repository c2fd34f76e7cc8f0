"""A traced array: a NumPy array that computes as usual, paired with the same array in a jaxpr.

NumPy's own memory determines which arrays are views of others. An `Array` that is a view knows its parent and a `View`,
which says how to read the view from the parent's newest tracer and how to put what is written into the view back into
the parent. A write goes up to the root array, whose version then increases; every other view of that memory is read
anew.

Conventions that bite. Everything traced is float64, whatever dtype the code asks for; each such place is noted. Values
that are not floats (comparisons, masks, indices, `int(x)`) are plain NumPy values, *decided* once and for all at the
traced point. A number without a tracer is a constant. Scalars are immutable, as NumPy's are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np
from jax import lax

from lstm_ref.errors import LeavesTheGraph
from lstm_ref.graph.places import users_line


class UsesJax(Exception):
    """The code passes its numbers to JAX, which can trace it by itself."""


class Session:
    """One run of the user's code with traced numbers, and what the run recorded."""

    def __init__(self, dry: bool, plain: bool = False, falsify: Callable[[Any], Any] | None = None) -> None:
        self.dry = dry
        """If dry, no jaxpr is made: the run only records the decisions at its inputs."""
        self.plain = plain
        """Whether `float(x)`, `x.item()` and `x.tolist()` give plain numbers, as a log in JSON needs them."""
        self.falsify = falsify
        """Gives another number in place of one that is read, to see whether a result depends on it."""
        self.first_read: LeavesTheGraph | None = None
        """The refusal of the first number that the code reads, raised if a result depends on it."""
        self.casts: dict[str, None] = {}
        self.decisions: list[bytes] = []
        self.places: list[str] = []
        self.tied = False
        """Whether the code compared equal numbers, so that a kink may lie at the inputs."""
        self.refused: LeavesTheGraph | None = None
        self.thread = threading.get_ident()

    def refuse(self, what: str) -> NoReturn:
        """Raise LeavesTheGraph, and remember the refusal in case the user's code catches the exception."""
        error = LeavesTheGraph(f"{what} leaves the graph at {users_line()}")
        self.refused = self.refused or error
        raise error

    def read(self, value: Any, what: str) -> Any:
        """The plain value of a traced number, for code that takes nothing else. It may be for a log alone; `trace`
        tries whether any result depends on it."""
        self.first_read = self.first_read or LeavesTheGraph(f"{what} leaves the graph at {users_line()}")
        return value if self.falsify is None else self.falsify(value)

    def decide(self, outcome: Any) -> Any:
        """Record an outcome that the graph takes as a constant: the graph is valid only where the outcome is the
        same."""
        self.decisions.append(np.asarray(outcome).tobytes())
        self.places.append(users_line())
        return outcome


_sessions: list[Session] = []


def session() -> Session:
    """The innermost run in progress."""
    if not _sessions:
        raise LeavesTheGraph(f"a traced array outlived its trace and is used at {users_line()}")
    found = _sessions[-1]
    if found.thread != threading.get_ident():
        found.refuse("a thread that the code starts")
    return found


class View(NamedTuple):
    """How an array is part of another one."""

    take: Callable[[Any], Any]
    """The parent's tracer -> the view's tracer."""
    put: Callable[[Any, Any], Any]
    """(the parent's tracer, the view's new tracer) -> the parent's new tracer."""


DRY = object()
"""A placeholder for tracers in a dry run."""


class Array:
    """A NumPy array or scalar in float64 (`value`), with its tracer if it depends on the inputs."""

    __slots__ = ("_constant", "_parent", "_root", "_seen", "_tracer", "_version", "_view", "value")
    __array_priority__ = 1000.0

    def __init__(self, value: Any, tracer: Any = None, parent: Array | None = None, view: View | None = None) -> None:
        self.value = value
        self._parent, self._view = parent, view
        self._root: Array = self if parent is None else parent._root
        self._tracer, self._version, self._seen = tracer, 0, -1
        self._constant: tuple[int, Any] | None = None

    # ------------------------------------------------------------------------------------------- memory and tracers

    @property
    def is_traced(self) -> bool:
        """Whether its memory holds anything that depends on the inputs."""
        return self._root._tracer is not None

    def lifted(self) -> Any:
        """The tracer of its present content; if nothing in it is traced, a copy of its value."""
        root = self._root
        if root._tracer is None:
            if self._constant is None or self._constant[0] != root._version:
                self._constant = root._version, np.array(self.value)
            return self._constant[1]
        if session().dry:
            return DRY
        if self._parent is None:
            return self._tracer
        assert self._view is not None
        if self._seen != root._version:
            self._tracer, self._seen = self._view.take(self._parent.lifted()), root._version
        return self._tracer

    def written(self, content: Any) -> None:
        """Record that NumPy has written into `value`. `content` is the tracer of the whole new content, or None if it
        is constant."""
        root = self._root
        if content is None and root._tracer is None:
            root._version += 1
            return
        if content is None:
            content = np.array(self.value)
        if session().dry:
            root._tracer = DRY
            root._version += 1
            return
        node, new = self, content
        while node._parent is not None:
            assert node._view is not None
            new = node._view.put(node._parent.lifted(), new)
            node = node._parent
        root._tracer = new
        root._version += 1
        if self._parent is not None:
            self._tracer, self._seen = content, root._version

    if TYPE_CHECKING:  # all of what `methods` adds

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, key: Any) -> Any: ...

    else:

        @property
        def __class__(self) -> Any:
            """The class that `isinstance` sees: an ndarray or a float64, and so a float."""
            return type(self.value)


# ------------------------------------------------------------------------------------------------ values and arrays


def value_of(x: Any) -> Any:
    """The plain value; for a list or tuple, with everything in it made plain."""
    if type(x) is Array:
        return x.value
    if isinstance(x, (list, tuple)) and type(x) in (list, tuple):
        return type(x)(value_of(v) for v in x)
    return x


def is_traced(x: Any) -> bool:
    """Whether the value is an array that depends on the inputs, or a list or tuple that holds one."""
    if type(x) is Array:
        return x.is_traced
    return isinstance(x, (list, tuple)) and any(map(is_traced, x))


def wrapped(value: Any, tracer: Any = None) -> Any:
    """A result of NumPy as the user's code receives it: floats as `Array`, everything else unchanged."""
    dtype = getattr(value, "dtype", None)
    if dtype is None and isinstance(value, float):
        value, dtype = np.float64(value), np.dtype(float)
    if dtype is not None and dtype.kind == "f":
        if dtype != np.float64:
            session().casts.setdefault(f"{dtype.name} at {users_line()}")
            value = value.astype(np.float64)
        return Array(value, tracer)
    if tracer is not None:
        kind = "complex numbers are" if dtype is not None and dtype.kind == "c" else f"{type(value).__name__} is"
        session().refuse(f"a result that does not hold floats ({kind} not traced)")
    return value


def lifted(x: Any) -> Any:
    """An operand for `lax`: a tracer, or a constant in float64."""
    if type(x) is Array:
        return x.lifted()
    if isinstance(x, (bool, int, float, np.generic)) and not isinstance(x, complex):
        return np.float64(x)
    return np.array(x, dtype=np.float64)


def made(value: Any, build: Callable[..., Any], *sources: Any) -> Any:
    """An array with this value, whose tracer `build` makes from the sources' tracers; a constant if no source is
    traced."""
    if not any(map(is_traced, sources)):
        return wrapped(value)
    if session().dry:
        return wrapped(value, DRY)
    tracer = build(*map(lifted, sources))
    if tracer.shape != np.shape(value):
        session().refuse(f"a result of shape {np.shape(value)}, traced with shape {tracer.shape},")
    return wrapped(value, tracer)


def moved(x: Array, value: Any, view: View) -> Any:
    """NumPy's result of moving elements of x: a view if it shares x's memory, otherwise a copy."""
    if isinstance(value, np.ndarray) and isinstance(x.value, np.ndarray) and np.may_share_memory(value, x.value):
        return Array(value, None, x, view)
    return made(value, view.take, x)


# ------------------------------------------------------------------------------------------------------- the views


def reshaped(x: Any, shape: Any) -> Any:
    """`lax.reshape`, if the shape changes."""
    return x if tuple(np.shape(x)) == tuple(shape) else lax.reshape(x, tuple(shape))


def reshape_view(before: Any, after: Any) -> View:
    """A view of the same elements in the same order."""
    return View(lambda p: reshaped(p, after), lambda p, v: reshaped(v, before))


def transpose_view(order: Any) -> View:
    """A view with the axes in another order."""
    order = tuple(map(int, order))
    back = tuple(int(i) for i in np.argsort(order))
    return View(lambda p: lax.transpose(p, order), lambda p, v: lax.transpose(v, back))


def index_view(index: np.ndarray, shape: Any) -> View:
    """A view of the elements with these numbers, counted in C order through an array of this shape."""
    index = np.asarray(index)

    def take(p: Any) -> Any:
        return gathered(reshaped(p, (int(np.prod(shape)),)), index)

    def put(p: Any, v: Any) -> Any:
        return reshaped(scattered(reshaped(p, (int(np.prod(shape)),)), index, v), shape)

    return View(take, put)


def gathered(flat: Any, index: np.ndarray) -> Any:
    """The elements of flat (N,) at an array of indices."""
    how = lax.GatherDimensionNumbers(offset_dims=(), collapsed_slice_dims=(0,), start_index_map=(0,))
    return lax.gather(flat, index[..., None], how, (1,), mode="clip")


def scattered(flat: Any, index: np.ndarray, new: Any, add: bool = False) -> Any:
    """flat (N,) with new values written, or added, at an array of indices; of several writes to one place the last
    counts."""
    how = lax.ScatterDimensionNumbers(
        update_window_dims=(), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)
    )
    index, new = index.ravel(), reshaped(new, (index.size,))
    if not add:
        last = np.unique(index[::-1], return_index=True)[1]
        if last.size < index.size:
            keep = np.sort(index.size - 1 - last)
            index, new = index[keep], gathered(new, keep)
        return lax.scatter(flat, index[:, None], new, how, mode="clip", unique_indices=True)
    return lax.scatter_add(flat, index[:, None], new, how, mode="clip")


def is_basic(key: Any) -> bool:
    """Whether indexing by the key makes a view: it holds only integers, slices, None and ...."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(
        k is None
        or k is Ellipsis
        or isinstance(k, slice)
        or (isinstance(k, (int, np.integer)) and not isinstance(k, bool))
        for k in parts
    )


def key_view(key: Any, shape: tuple[int, ...], result: tuple[int, ...]) -> View:
    """x[key] for an array of this shape and a result of this shape."""
    if is_basic(key):
        ranges = _ranges(key, shape)
        if all(step == 1 for _, _, step in ranges):
            starts, stops = [r[0] for r in ranges], [r[1] for r in ranges]
            window = [b - a for a, b in zip(starts, stops, strict=True)]
            if window == list(shape):
                return reshape_view(shape, result)

            def put(p: Any, v: Any) -> Any:
                return lax.dynamic_update_slice(p, reshaped(v, window), starts)

            return View(lambda p: reshaped(lax.slice(p, starts, stops), result), put)
    return index_view(np.arange(int(np.prod(shape))).reshape(shape)[key], shape)


def _ranges(key: Any, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Start, stop and step along every axis, for basic indexing that NumPy has accepted."""
    parts = [k for k in (key if isinstance(key, tuple) else (key,)) if k is not None]
    missing = len(shape) - sum(k is not Ellipsis for k in parts)
    if Ellipsis not in parts:
        parts.append(Ellipsis)
    full: list[Any] = []
    for k in parts:
        full += [slice(None)] * missing if k is Ellipsis else [k]
    found = []
    for k, n in zip(full, shape, strict=True):
        if isinstance(k, slice):
            start, stop, step = k.indices(n)
            found.append((start, max(start, stop) if step == 1 else stop, step))
        else:
            start = int(k) + n * (int(k) < 0)
            found.append((start, start + 1, 1))
    return found


def broadcast(x: Any, shape: tuple[int, ...]) -> Any:
    """A tracer or constant, broadcast to a shape as NumPy does."""
    have = np.shape(x)
    if have == tuple(shape):
        return x
    return lax.broadcast_in_dim(x, shape, range(len(shape) - len(have), len(shape)))


def assign(x: Array, key: Any, new: Any) -> None:
    """x[key] = new."""
    where = value_of(key)
    if is_traced(key):
        session().refuse("an index that is a traced float")
    plain = value_of(new)
    if isinstance(new, (list, tuple)):
        from lstm_ref.graph.creation import array_of

        new = array_of(new)
        plain = value_of(new)
    content: Any = lifted(new) if is_traced(new) and not session().dry else DRY if is_traced(new) else None
    if not isinstance(x.value, np.ndarray):
        raise TypeError("'numpy.float64' object does not support item assignment")
    x.value[where] = plain
    if content is None and not x.is_traced:
        x.written(None)
        return
    if session().dry:
        x.written(DRY)
        return
    hit = x.value[where]
    if content is None:
        content = np.array(hit)
    shape = np.shape(hit)
    if len(np.shape(content)) > len(shape):  # NumPy drops leading sizes of one
        content = reshaped(content, np.shape(content)[len(np.shape(content)) - len(shape) :])
    content = broadcast(content, shape)
    x.written(key_view(where, x.value.shape, shape).put(x.lifted(), content))
