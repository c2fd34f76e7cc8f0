"""The operators, methods and attributes that `Array` shares with `np.ndarray`, and those that it refuses."""

from __future__ import annotations

import dis
import sys
from typing import Any

import numpy as np

from lstm_ref.graph import functions, places, ufuncs
from lstm_ref.graph.array import (
    Array,
    UsesJax,
    assign,
    is_traced,
    key_view,
    moved,
    session,
    value_of,
    wrapped,
)


def _operator(name: str, ufunc: np.ufunc) -> None:
    def forward(self: Any, other: Any) -> Any:
        return NotImplemented if _is_other(other) else ufuncs.elementwise(ufunc, self, other)

    def reflected(self: Any, other: Any) -> Any:
        return NotImplemented if _is_other(other) else ufuncs.elementwise(ufunc, other, self)

    def in_place(self: Any, other: Any) -> Any:
        if not isinstance(self.value, np.ndarray):
            return NotImplemented  # for a scalar, Python rebinds the name
        new = ufuncs.elementwise(ufunc, self, other)
        if np.shape(value_of(new)) != self.value.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {self.value.shape} "
                f"doesn't match the broadcast shape {np.shape(value_of(new))}"
            )
        assign(self, ..., new)
        return self

    for prefix, method in (("", forward), ("r", reflected), ("i", in_place)):
        setattr(Array, f"__{prefix}{name}__", method)


def _is_other(x: Any) -> bool:
    return not isinstance(x, (Array, np.ndarray, np.generic, bool, int, float, list, tuple))


for _name, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "matmul": np.matmul,
}.items():  # fmt: skip
    _operator(_name, _ufunc)


def _comparison(name: str, ufunc: np.ufunc) -> None:
    def compare(self: Any, other: Any) -> Any:
        if other is None or _is_other(other):
            return NotImplemented
        return ufuncs.elementwise(ufunc, self, other)

    setattr(Array, f"__{name}__", compare)


for _name, _ufunc in {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}.items():  # fmt: skip
    _comparison(_name, _ufunc)


def _formats(frame: Any) -> bool:
    """Whether the current instruction is `"…" % x`."""
    code = frame.f_code.co_code
    instruction = dis.opname[code[frame.f_lasti]]
    return instruction == "BINARY_OP" and code[frame.f_lasti + 1] in (6, 19)


def _decide(x: Any, value: Any) -> Any:
    return session().decide(value) if x.is_traced else value


class _Methods:
    """All methods of this class become attributes of `Array`."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return ufuncs.call(ufunc, method, *inputs, **options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        return functions.call(function, arguments, options)

    def __array__(self: Any, dtype: Any = None, copy: Any = None) -> Any:
        if not self.is_traced:
            plain = np.asarray(self.value, dtype).view()
            plain.flags.writeable = False  # writes by other code would not be seen
            return plain
        if dtype is not None and np.dtype(dtype).kind == "O":
            return ufuncs.as_objects(self)
        frame = sys._getframe(1)
        while places.is_internal(frame.f_code.co_filename) and frame.f_back is not None:
            if places.is_jaxs(frame.f_code.co_filename):
                raise UsesJax
            frame = frame.f_back
        what = "a traced array that compiled code or another library turns into a plain one"
        plain = np.array(session().read(self.value, what), dtype)
        plain.flags.writeable = False
        return plain

    def __jax_array__(self: Any) -> Any:
        raise UsesJax

    # ------------------------------------------------------------------------------------------------ as a number

    def __float__(self: Any) -> float:
        if self.is_traced and not _formats(sys._getframe(1)):
            return float(session().read(self.value, "a traced number converted to a plain float"))
        return float(self.value)

    def __int__(self: Any) -> int:
        return int(_decide(self, int(self.value)))

    def __bool__(self: Any) -> bool:
        return bool(_decide(self, bool(self.value)))

    def __complex__(self: Any) -> complex:
        session().refuse("a traced number converted to complex")

    def __hash__(self: Any) -> int:
        if isinstance(self.value, np.ndarray):
            raise TypeError("unhashable type: 'numpy.ndarray'")
        if self.is_traced:
            session().refuse("a traced number used as the key of a dict or set")
        return hash(self.value)

    def __format__(self: Any, spec: str) -> str:
        return format(self.value, spec)

    def __repr__(self: Any) -> str:
        return repr(self.value)

    def __str__(self: Any) -> str:
        return str(self.value)

    def __round__(self: Any, digits: int | None = None) -> Any:
        return int(_decide(self, round(float(self.value)))) if digits is None else functions.round_(self, digits)

    def __trunc__(self: Any) -> int:
        return self.__int__()

    def __floor__(self: Any) -> int:
        import math

        return int(_decide(self, math.floor(self.value)))

    def __ceil__(self: Any) -> int:
        import math

        return int(_decide(self, math.ceil(self.value)))

    def __neg__(self) -> Any:
        return ufuncs.elementwise(np.negative, self)

    def __pos__(self) -> Any:
        return ufuncs.elementwise(np.positive, self)

    def __abs__(self) -> Any:
        return ufuncs.elementwise(np.absolute, self)

    def __divmod__(self, other: Any) -> Any:
        return ufuncs.elementwise(np.divmod, self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return ufuncs.elementwise(np.divmod, other, self)

    # ---------------------------------------------------------------------------------------------- as a container

    def __len__(self: Any) -> int:
        return len(self.value)

    def __iter__(self: Any) -> Any:
        return (self[i] for i in range(len(self.value)))

    def __contains__(self: Any, other: Any) -> bool:
        return bool(np.any(self == other))

    def __getitem__(self: Any, key: Any) -> Any:
        if is_traced(key):
            session().refuse("an index that is a traced float")
        key = value_of(key)
        value = self.value[key]
        return moved(self, value, key_view(key, np.shape(self.value), np.shape(value)))

    def __setitem__(self: Any, key: Any, new: Any) -> None:
        assign(self, key, new)

    def item(self: Any, *where: Any) -> Any:
        """One element."""
        if not where:
            found = functions.reshape(self, ())[()]
        else:
            found = self.ravel()[where[0]] if len(where) == 1 and not isinstance(where[0], tuple) else self[where]
        return float(found) if session().plain else found

    def tolist(self: Any) -> Any:
        """Lists of scalars."""
        return [v.tolist() for v in self] if np.ndim(self.value) else float(self) if session().plain else self

    # --------------------------------------------------------------------------------------------------- attributes

    @property
    def shape(self: Any) -> Any:
        return self.value.shape

    @shape.setter
    def shape(self: Any, new: Any) -> None:
        session().refuse("a traced array whose shape is assigned")

    @property
    def ndim(self: Any) -> Any:
        return self.value.ndim

    @property
    def size(self: Any) -> Any:
        return self.value.size

    @property
    def dtype(self: Any) -> Any:
        return self.value.dtype

    @property
    def nbytes(self: Any) -> Any:
        return self.value.nbytes

    @property
    def itemsize(self: Any) -> Any:
        return self.value.itemsize

    @property
    def strides(self: Any) -> Any:
        return self.value.strides

    @property
    def flags(self: Any) -> Any:
        return self.value.flags

    @property
    def base(self: Any) -> Any:
        return self._parent

    @property
    def T(self) -> Any:
        return functions.transpose(self)

    @property
    def mT(self: Any) -> Any:
        return functions.swapaxes(self, -1, -2)

    @property
    def real(self) -> Any:
        return self

    @property
    def imag(self: Any) -> Any:
        return wrapped(np.zeros_like(self.value))

    @property
    def flat(self) -> Any:
        return _Flat(self)

    @flat.setter
    def flat(self, new: Any) -> None:
        _Flat(self)[:] = new

    def is_integer(self: Any) -> bool:
        """Whether a scalar has no fraction."""
        return bool(_decide(self, float(self.value).is_integer()))

    # ------------------------------------------------------------------------------------------------------ methods

    def astype(self: Any, dtype: Any, *_: Any, copy: bool = True, **__: Any) -> Any:
        """A copy; in float64 if the dtype is a floating one."""
        dtype = np.dtype(dtype)
        if dtype.kind == "O":
            return ufuncs.as_objects(self)
        if dtype.name == "bfloat16":  # which only JAX has
            raise UsesJax
        ufuncs.note_cast(dtype)
        if dtype.kind == "f":
            return functions.copy_of(self) if copy else self
        return _decide(self, self.value.astype(dtype))

    def reshape(self: Any, *shape: Any, order: str = "C", **_: Any) -> Any:
        """The elements in another shape."""
        return functions.reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self: Any, *axes: Any) -> Any:
        """The axes in another order."""
        return functions.transpose(self, None if not axes else axes[0] if len(axes) == 1 else axes)

    def ravel(self: Any, order: str = "C") -> Any:
        """One axis, as a view where that is possible."""
        return functions.ravel(self, order)

    def flatten(self: Any, order: str = "C") -> Any:
        """One axis, as a copy."""
        return functions.ravel(functions.copy_of(self), order)

    def copy(self: Any, order: str = "C") -> Any:
        """A copy."""
        return functions.copy_of(self)

    def __copy__(self) -> Any:
        return functions.copy_of(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return functions.copy_of(self)

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        session().refuse("a traced array that is pickled")

    def dot(self, other: Any, out: Any = None) -> Any:
        """np.dot."""
        return functions.dot(self, other, out)

    def fill(self: Any, new: Any) -> None:
        """Set all elements to one value."""
        assign(self, ..., new)

    def sort(self: Any, axis: int = -1, **_: Any) -> None:
        """In place."""
        assign(self, ..., functions.sort(self, axis))

    def put(self: Any, where: Any, new: Any, mode: str = "raise") -> None:
        """Write elements by their numbers."""
        _Flat(self)[np.asarray(value_of(where))] = new

    def itemset(self: Any, *arguments: Any) -> None:
        """One element."""
        *where, new = arguments
        self[tuple(where)] = new

    def view(self: Any, *arguments: Any) -> Any:
        """The array itself, as a view."""
        if arguments:
            session().refuse("a view of another type")
        return self[...]

    def setflags(self: Any, **flags: Any) -> None:
        """NumPy's."""
        self.value.setflags(**flags)

    def __getattr__(self: Any, name: str) -> Any:
        if name == "at":  # x.at[i].set(y)
            raise UsesJax
        if name.startswith("__") or not hasattr(self.value, name):
            raise AttributeError(f"'{type(self.value).__name__}' object has no attribute '{name}'")
        if name in functions.METHODS:
            return lambda *arguments, **options: functions.METHODS[name](self, *arguments, **options)
        if not self.is_traced:
            return getattr(self.value, name)
        if name in ("tobytes", "tofile", "dump", "dumps"):
            return getattr(session().read(self.value, f"a traced array's .{name}"), name)
        return session().refuse(f"a traced array's .{name}")


for _name, _method in list(vars(_Methods).items()):
    if _name not in ("__module__", "__dict__", "__weakref__", "__doc__", "__qualname__"):
        setattr(Array, _name, _method)


class _Flat:
    """`x.flat`: the elements in C order."""

    def __init__(self, array: Any) -> None:
        self._array = array
        shape = np.shape(array.value)
        self._numbers = np.arange(array.value.size).reshape(-1)
        self._shape = shape

    def __getitem__(self, key: Any) -> Any:
        return functions.ravel(functions.copy_of(self._array))[key]

    def __setitem__(self, key: Any, new: Any) -> None:
        numbers = self._numbers[value_of(key)]
        if np.ndim(numbers) and np.ndim(value_of(new)):
            new = functions.resize(new, np.shape(numbers))
        assign(self._array, np.unravel_index(numbers, self._shape), new)

    def __iter__(self) -> Any:
        return iter(functions.ravel(functions.copy_of(self._array)))

    def __len__(self) -> int:
        return len(self._numbers)

    def copy(self) -> Any:
        """One axis."""
        return functions.ravel(functions.copy_of(self._array))
