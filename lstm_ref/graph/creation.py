"""Makes arrays created by traced code able to hold traced numbers, and keeps `float` and `math.exp` traced.

NumPy itself does not change. In the user's modules the names `np` and `math` are replaced by namespaces that contain
this file's array makers and pass everything else through; names imported from there (`from numpy import zeros`) and
`float` are replaced likewise. All names are restored afterwards, whatever happens. Arrays made by other code are plain,
and writing a traced number into one is refused.
"""

from __future__ import annotations

import builtins
import functools
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import compress
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from jax import lax

from lstm_ref.graph import functions, scipy_functions
from lstm_ref.graph.array import Array, is_traced, made, session, value_of, wrapped
from lstm_ref.graph.places import is_internal
from lstm_ref.graph.ufuncs import as_objects, elementwise, is_object, note_cast
from lstm_ref.places import namespaces

_float64_type = np.float64
_array = np.array


def array_of(x: Any) -> Any:
    """np.array for nested lists that may contain traced arrays; floats become an `Array`."""
    if type(x) is Array:
        return x
    if isinstance(x, np.ndarray):
        return _stack_nested(x.tolist()) if is_object(x) and _holds(x.tolist()) else _float64(x)
    if isinstance(x, (list, tuple)) and is_traced(x):
        return _stack_nested(x)
    return _float64(_array(value_of(list(x) if isinstance(x, (list, tuple)) else x)))


def _float64(x: Any) -> Any:
    return x if x.dtype.kind != "f" else x.astype(_float64_type) if x.dtype != _float64_type else x


def _holds(x: Any) -> bool:
    return is_traced(x) or (isinstance(x, (list, tuple)) and any(map(_holds, x)))


def _stack_nested(x: Any) -> Any:
    parts = [array_of(v) for v in x]
    shapes = {np.shape(value_of(p)) for p in parts}
    if len(shapes) > 1:
        raise ValueError("setting an array element with a sequence. The requested array has an inhomogeneous shape")
    value = np.stack([np.asarray(value_of(p), dtype=_float64_type) for p in parts])
    shape = shapes.pop()

    def build(*ps: Any) -> Any:
        return lax.concatenate([lax.reshape(p, (1, *shape)) for p in ps], 0)

    return made(value, build, *parts)


# -------------------------------------------------------------------------------------------------- replacements


def _maker(original: Callable[..., Any]) -> Callable[..., Any]:
    """A replacement for zeros, eye, linspace and the like that wraps their results."""

    @functools.wraps(original)
    def make(*arguments: Any, **options: Any) -> Any:
        if _holds(arguments) or _holds(list(options.values())):
            arguments, options = list(arguments), dict(options)  # type: ignore[assignment]
            if original is not np_full:
                session().refuse(f"np.{original.__name__} of a traced number")
            fill = options.pop("fill_value", None)
            fill = arguments[1] if fill is None else fill
            out = wrapped(np.zeros(value_of(arguments[0])))
            out[...] = fill
            return out
        return wrapped(original(*value_of(tuple(arguments)), **{k: value_of(v) for k, v in options.items()}))

    return make


np_full = np.full


def _converter(original: Callable[..., Any], copies: bool) -> Callable[..., Any]:
    """A replacement for array, asarray and the like, for traced and untraced arguments."""

    @functools.wraps(original)
    def convert(x: Any, dtype: Any = None, *arguments: Any, **options: Any) -> Any:
        if hasattr(x, "__next__"):
            x = list(x)
        copy = options.get("copy", arguments[0] if arguments else None)
        if dtype is not None and np.dtype(dtype) == object:
            return _objects(x)
        if dtype is not None and np.dtype(dtype).kind == "f":
            note_cast(dtype)
            dtype = _float64_type
        if type(x) is Array or _holds(x) or (is_object(x) and _holds(x.tolist())):
            made_of = array_of(x)
            if dtype is not None and np.dtype(dtype).kind != "f":
                return made_of.astype(dtype)
            if type(made_of) is Array and not isinstance(made_of.value, np.ndarray):
                made_of = _zero_dimensional(made_of)
            elif copies and copy is not False and made_of is x:
                made_of = functions.copy_of(made_of)
            least = options.get("ndmin", 0)
            while np.ndim(value_of(made_of)) < least:
                made_of = functions.expand_dims(made_of, 0)
            return made_of
        if dtype is not None:
            options["dtype"] = dtype
        if arguments:
            options["copy" if copies else "order"] = arguments[0]
        plain = original(value_of(x), **options)
        if plain is x:  # an array from before the trace stays itself, so that writing into it writes into the original
            return x
        return wrapped(plain)

    return convert


def _zero_dimensional(x: Array) -> Array:
    found: Array = made(_array(x.value), lambda p: p, x)
    return found


def _objects(x: Any) -> Any:
    if not isinstance(x, (list, tuple)):
        return as_objects(x)
    out = np.empty(len(x), dtype=object)
    for i, v in enumerate(x):
        out[i] = v
    if all(isinstance(v, (list, tuple)) for v in x) and x and len({len(v) for v in x}) == 1:
        rows = [_objects(v) for v in x]
        out = np.empty((len(x), *rows[0].shape), dtype=object)
        for i, row in enumerate(rows):
            out[i] = row
    return out


class _NumberType(type):
    """A replacement for float, np.float32 … in the user's code: calling it keeps a traced number traced."""

    original: Any

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        x = arguments[0] if arguments else None
        if type(x) is Array or (isinstance(x, (list, tuple)) and is_traced(x)):
            if cls.original is not builtins.float:
                note_cast(cls.original)
            x = array_of(x)
            if cls.original is builtins.float and session().plain:
                return builtins.float(x)
            return (
                x[()]
                if np.ndim(x.value) == 0
                else (x.item() if cls.original is builtins.float else functions.copy_of(x))
            )
        return cls.original(*arguments, **options)

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.original)

    def __subclasscheck__(cls, c: Any) -> bool:
        return issubclass(c, cls.original)

    def __eq__(cls, other: Any) -> bool:
        return other is cls or other is cls.original or (other == cls.original if other is not cls else True)

    def __hash__(cls) -> int:
        return hash(cls.original)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.original, name)


def _number_type(original: Any) -> Any:
    return _NumberType(original.__name__, (), {"original": original, "dtype": np.dtype(original)})


def _scalar_function(original: Callable[..., Any], ufunc: np.ufunc) -> Callable[..., Any]:
    """A replacement for math.exp and the like."""

    @functools.wraps(original)
    def on(*xs: Any) -> Any:
        return elementwise(ufunc, *xs) if any(type(x) is Array for x in xs) else original(*xs)

    return on


def _deciding_function(original: Callable[..., Any]) -> Callable[..., Any]:
    """A replacement for math.isnan, math.floor and the like, whose results are decisions."""

    @functools.wraps(original)
    def on(*xs: Any, **options: Any) -> Any:
        found = original(*map(value_of, xs), **options)
        return session().decide(found) if any(map(is_traced, xs)) else found

    return on


def _fsum(xs: Any) -> Any:
    xs = list(xs)
    return functions.sum_(array_of(xs)) if is_traced(xs) else math_fsum(xs)


math_fsum = math.fsum


class Vectorized:
    """np.vectorize, element by element."""

    def __init__(self, f: Any = None, *arguments: Any, **options: Any) -> None:
        self._f, self._of_numpy = f, np_vectorize(f, *arguments, **options)
        functools.update_wrapper(self, f)

    def __call__(self, *xs: Any, **options: Any) -> Any:
        """Apply the function to every element."""
        if not any(type(x) is Array for x in xs):
            return self._of_numpy(*xs, **options)
        xs = functions.broadcast_arrays(*map(array_of, xs))
        shape = np.shape(value_of(xs[0]))
        found = [self._f(*(x[i] for x in xs), **options) for i in np.ndindex(shape)]
        return (
            functions.reshape(array_of(found), shape) if is_traced(found) else np.array(value_of(found)).reshape(shape)
        )


np_vectorize = np.vectorize


def _ndenumerate(x: Any) -> Any:
    if type(x) is not Array:
        return np_ndenumerate(x)
    return zip(np.ndindex(x.value.shape), x.reshape(-1), strict=True)


np_ndenumerate = np.ndenumerate


class _Joined:
    """np.r_ and np.c_ of arrays."""

    def __init__(self, original: Any, join: Callable[..., Any]) -> None:
        self._original, self._join = original, join

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not any(type(p) is Array for p in parts):
            return wrapped(self._original[key])
        if any(isinstance(p, (str, slice)) for p in parts):
            session().refuse("np.r_ or np.c_ with slices and strings")
        return self._join([array_of(p) for p in parts])

    def __len__(self) -> int:
        return 0


def _if_traced(original: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def on(*arguments: Any, **options: Any) -> Any:
        of_traced = any(type(a) is Array or is_traced(a) for a in arguments)
        return ours(*arguments, **options) if of_traced else original(*arguments, **options)

    return on


_MAKERS = (
    *("zeros", "ones", "empty", "full", "eye", "identity", "linspace", "arange", "zeros_like", "ones_like"),
    *("empty_like", "full_like", "logspace", "geomspace", "fromiter", "fromfunction", "tri", "loadtxt", "hanning"),
    *("hamming", "blackman", "diag", "diagflat", "meshgrid"),
)
_CONVERTERS = {
    "array": True, "asarray": False, "asanyarray": False, "ascontiguousarray": False, "asfortranarray": False,
    "asarray_chkfinite": False,
}  # fmt: skip
_MATH = {
    "exp": "exp", "log1p": "log1p", "expm1": "expm1", "sqrt": "sqrt", "sin": "sin", "cos": "cos", "tan": "tan",
    "tanh": "tanh", "sinh": "sinh", "cosh": "cosh", "asin": "arcsin", "acos": "arccos", "atan": "arctan",
    "atan2": "arctan2", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "fabs": "absolute",
    "pow": "power", "hypot": "hypot", "log2": "log2", "log10": "log10", "copysign": "copysign", "fmod": "fmod",
}  # fmt: skip


_NUMBER_TYPES = ("float64", "float32", "float16", "double", "single", "half")
_DECIDING = ("isnan", "isinf", "isfinite", "floor", "ceil", "trunc", "isclose")


def _math_log(original: Callable[..., Any]) -> Callable[..., Any]:
    def log(x: Any, *base: Any) -> Any:
        if not any(type(v) is Array for v in (x, *base)):
            return original(x, *base)
        return np.log(x) / np.log(base[0]) if base else np.log(x)

    return log


def _of_lists(original: Callable[..., Any]) -> Callable[..., Any]:
    """A replacement for a NumPy function that takes a list of traced arrays too: NumPy asks its arguments for our
    versions, and not what is in them."""

    @functools.wraps(original)
    def on(*arguments: Any, **options: Any) -> Any:
        if any(isinstance(a, (list, tuple)) and is_traced(a) for a in arguments):
            return functions.call(original, arguments, options)
        return original(*arguments, **options)

    return on


class _OfLists:
    """The same for a ufunc, whose methods and attributes are the original's."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self._ufunc = ufunc

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if any(isinstance(a, (list, tuple)) and is_traced(a) for a in arguments):
            arguments = tuple(array_of(a) if isinstance(a, (list, tuple)) else a for a in arguments)
        return self._ufunc(*arguments, **options)

    def __eq__(self, other: Any) -> bool:
        return other is self or other is self._ufunc

    def __hash__(self) -> int:
        return hash(self._ufunc)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ufunc, name)


def of_lists(ufunc: np.ufunc) -> Any:
    """What stands in a ufunc's place during a trace: the same object wherever the user's code keeps one."""
    return _of_numpy().get(ufunc.__name__, ufunc) if getattr(np, ufunc.__name__, None) is ufunc else ufunc


class _Nditer:
    """np.nditer over one traced array, in C order."""

    def __init__(self, op: Any, flags: Any = (), op_flags: Any = (), *_: Any, **options: Any) -> None:
        if options or not set(flags) <= {"multi_index", "c_index", "refs_ok", "zerosize_ok"}:
            session().refuse("np.nditer with these options")
        self._array, self._at = op, 0
        self._places = list(np.ndindex(op.value.shape))

    @property
    def finished(self) -> bool:
        """Whether every element was visited."""
        return self._at >= len(self._places)

    @property
    def multi_index(self) -> tuple[int, ...]:
        """The present element's index."""
        return self._places[self._at]

    @property
    def index(self) -> int:
        """The present element's number."""
        return self._at

    @property
    def value(self) -> Any:
        """The present element, as a view without axes."""
        return self._array[(*self.multi_index, ...)]

    def iternext(self) -> bool:
        """Go on; whether there is another element."""
        self._at += 1
        return not self.finished

    def __getitem__(self, key: int) -> Any:
        if key not in (0, -1):
            raise IndexError(f"Iterator operand index {key} is out of bounds")
        return self.value

    def __setitem__(self, key: int, new: Any) -> None:
        self._array[self.multi_index] = new

    def __iter__(self) -> Iterator[Any]:
        while not self.finished:
            yield self.value
            self._at += 1

    def __enter__(self) -> _Nditer:
        return self

    def __exit__(self, *_: Any) -> None:
        pass


np_nditer = np.nditer


def _nditer(op: Any, *arguments: Any, **options: Any) -> Any:
    return (_Nditer if type(op) is Array else np_nditer)(op, *arguments, **options)


class _Namespace(ModuleType):
    """A module with some of its names replaced."""

    def __init__(self, original: ModuleType, names: dict[str, Any]) -> None:
        super().__init__(original.__name__)
        vars(self).update(names)
        vars(self)["_original"] = original

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_original"], name)


@functools.cache
def _of_numpy() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, f in vars(np).items():
        if isinstance(f, np.ufunc):
            found[name] = _OfLists(f)
        elif not name.startswith("_") and callable(f) and not isinstance(f, type) and f in functions.TABLE:
            found[name] = _of_lists(f)
    found["linalg"] = _Namespace(
        np.linalg, {name: _of_lists(f) for name, f in vars(np.linalg).items() if callable(f) and f in functions.TABLE}
    )
    found.update({name: _dispatch(getattr(np, name)) for name in _MAKERS})
    found.update({name: _converter(getattr(np, name), copies) for name, copies in _CONVERTERS.items()})
    found.update({name: _number_type(getattr(np, name)) for name in _NUMBER_TYPES})
    found.update(vectorize=Vectorized, ndenumerate=_ndenumerate, nditer=_nditer)
    found["r_"] = _Joined(np.r_, functions.TABLE[np.hstack])
    found["c_"] = _Joined(np.c_, functions.TABLE[np.column_stack])
    return found


@functools.cache
def _of_math() -> dict[str, Any]:
    found: dict[str, Any] = {name: _scalar_function(getattr(math, name), getattr(np, u)) for name, u in _MATH.items()}
    found.update({name: _deciding_function(getattr(math, name)) for name in _DECIDING})
    found.update(log=_math_log(math.log), fsum=_fsum, erf=_by_lax(math.erf, "erf"), erfc=_by_lax(math.erfc, "erfc"))
    return found


def replacements() -> dict[int, tuple[Any, Any]]:
    """The replacements during a trace: by the identity of the original, the original and its replacement."""
    found: dict[int, tuple[Any, Any]] = {id(float): (float, _number_type(float))}
    spaces = [(np, _of_numpy()), (math, _of_math())]
    scipys = _of_scipy()
    spaces += scipys
    if scipys:
        parts = {module.__name__.rpartition(".")[2]: _Namespace(module, names) for module, names in scipys}
        found[id(sys.modules["scipy"])] = sys.modules["scipy"], _Namespace(sys.modules["scipy"], parts)
    for module, names in spaces:
        found[id(module)] = module, _Namespace(module, names)
        for name, new in names.items():
            found[id(getattr(module, name))] = getattr(module, name), new
    return found


def _of_scipy() -> list[tuple[ModuleType, dict[str, Any]]]:
    """The modules of SciPy that are in use, with our versions of their functions."""
    modules = [(sys.modules.get(name), ours) for name, ours in scipy_functions.OURS.items()]
    return [
        (module, {name: _if_traced(getattr(module, name), f) for name, f in ours.items()})
        for module, ours in modules
        if module is not None
    ]


def _dispatch(original: Callable[..., Any]) -> Callable[..., Any]:
    """A maker that uses our own function, if there is one, for traced arguments."""
    ours = functions.TABLE.get(original)
    maker = _maker(original)
    return _if_array(maker, ours) if ours is not None else maker


def _if_array(maker: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(maker)
    def on(*arguments: Any, **options: Any) -> Any:
        if any(type(a) is Array for a in (*arguments, *options.values())):
            return ours(*arguments, **options)
        return maker(*arguments, **options)

    return on


def _by_lax(original: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def on(x: Any) -> Any:
        return made(original(float(x.value)), getattr(lax, name), x) if type(x) is Array else original(x)

    return on


def users_modules(more: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The namespaces of all modules that belong to no library, and the given ones."""
    found = [names for names in namespaces() if not is_internal(str(names.get("__file__")))]
    return list({id(names): names for names in (*more, *found)}.values())


def _is_numbas(x: Any) -> bool:
    """Whether this is a function that numba compiles: traced, it runs as its author wrote it."""
    return type(x).__module__.startswith("numba.") and isinstance(getattr(x, "py_func", None), FunctionType)


@contextmanager
def replaced(more: list[dict[str, Any]]) -> Iterator[None]:
    """Inside, the replacements are in force in the user's modules and in the given namespaces."""
    new = replacements()
    undo: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for names in users_modules(more):
            if str(names.get("__name__", "")).startswith("lstm_ref.graph"):
                continue
            for name, old in _replaceable(names, new):
                undo.append((names, name, old))
                names[name] = new[id(old)][1] if id(old) in new else old.py_func
            if "float" not in names:
                undo.append((names, "float", _missing))
                names["float"] = new[id(float)][1]
        yield
    finally:
        for names, name, old in reversed(undo):
            if old is _missing:
                names.pop(name, None)
            else:
                names[name] = old


def _replaceable(names: dict[str, Any], new: dict[int, Any]) -> list[tuple[str, Any]]:
    """The names in a namespace that have a replacement, with their values."""
    found = list(compress(names.items(), map(new.__contains__, map(id, names.values()))))  # thousands, at every trace
    return found if "numba" not in sys.modules else found + [(k, v) for k, v in names.items() if _is_numbas(v)]


_missing = object()
