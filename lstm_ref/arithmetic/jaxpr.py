"""Any JAX function in ball arithmetic: evaluates every primitive of the function's jaxpr on arrays of balls.

`in_balls(f)` is f at any number of digits. `trace(f, …)` does the same in two steps, for callers that evaluate often.
The walk is in `walk`, the rules for single primitives in `primitives` and the modules below it. This file prepares a
jaxpr for many runs (`Prepared`, which `uncompiled` uses for floats), and has the rules of the primitives that contain
jaxprs themselves. (The technique: "Autodidax: JAX core from scratch", the JAX authors, 2021.)

Conventions that bite. The function is traced in float64 whatever the inputs' dtype, and no operation rounds to a dtype:
the result is the real-number meaning of the program. A literal means its exact binary value: `0.1` is the float64
nearest to 0.1. A constant that JAX rounds inside a derivative rule (2/√π of erf, erfc and erf_inv; 1/3 of cbrt) limits
`jax.grad` of that function to 16 digits, while the function's own values have all digits. JAX itself computes integers,
bools and random keys, exactly. While a program runs, its elements are *real* balls (`flint.arb`), because complex ones
turn 2·(−inf) into NaN.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.extend.source_info_util
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic import constants
from lstm_ref.arithmetic.balls import is_balls, objects, precision
from lstm_ref.arithmetic.movement import Evaluation, boxed, dtype_of, is_float, unknown
from lstm_ref.arithmetic.primitives import (
    APPROXIMATED,
    EXACT,
    MADE_FROM_INTEGERS,
    RULES,
    is_key,
    native,
    reals,
    to_complex,
)
from lstm_ref.arithmetic.walk import CALLS, called, is_jaxs_own, name_in_jax, needed, opened, unrolled, walk
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import BadInput, CannotEvaluate, UnknownPrimitive

# No line of this file counts as a line of the user's function.
jax.extend.source_info_util.register_exclusion(__file__)


def in_balls(f: Callable[..., Any], digits: int = 80) -> Callable[..., Any]:
    """`f`, computed in ball arithmetic with `digits` decimal digits.

    `f` is traced once for each structure, shape and dtype of its inputs. As under `jax.jit`, values that `f` closes
    over are read during the trace.

    Args:
        f: A function of pytrees that JAX can trace.
        digits: Number of decimal digits to compute with.

    Returns:
        A function with the signature of `f`. Float outputs are `Balls`; other outputs are NumPy arrays.

    Raises:
        UnknownPrimitive: `f` uses a primitive without a rule; the message names the line of `f`.
        UndecidedComparison: Two balls overlap in a comparison; the message names the line of `f`.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from lstm_ref.arithmetic.balls import radii
        >>> y = in_balls(jnp.tanh, digits=50)(np.array([0.5, 2.0]))
        >>> bool((radii(y) < 1e-48).all())
        True
    """
    programs: dict[Any, Program] = {}

    @functools.wraps(f)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = jax.tree.flatten((args, kwargs))
        key = structure, tuple(map(_kind, leaves))
        if key not in programs:
            programs[key] = trace(f, *args, **kwargs)
        with precision(digits):
            return programs[key](*args, **kwargs)

    return evaluate


def trace(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Program:
    """`f` as a `Program` for inputs with the structure, shapes and dtypes of these examples.

    Floats become float64. Code that keeps something in float32, and therefore cannot be traced in float64, is traced in
    float32: the program means the same real numbers.
    """
    try:
        jaxpr, out = _traced(f, np.float64, args, kwargs)
    except TypeError as error:
        try:
            jaxpr, out = _traced(f, np.float32, args, kwargs)
        except Exception:
            raise error from None
    return Program(jaxpr, jax.tree.structure((args, kwargs)), jax.tree.structure(out))


class Program:
    """A traced function, callable with the inputs' pytrees. It computes with the digits of the current flint
    context."""

    def __init__(self, jaxpr: Any, inputs: Any, outputs: Any) -> None:
        self.jaxpr, self._inputs, self._outputs = jaxpr, inputs, outputs
        self._avals = [v.aval for v in jaxpr.jaxpr.invars]
        self.prepared = Prepared(jaxpr)
        """The callable form that takes and returns leaves of real balls."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's output: `Balls` where it is float, NumPy arrays where it is integer or bool."""
        leaves, structure = jax.tree.flatten((args, kwargs))
        if structure != self._inputs:
            raise BadInput(f"the program was traced for inputs {self._inputs}, got {structure}")
        return jax.tree.unflatten(self._outputs, self.on_leaves(leaves))

    def on_leaves(self, leaves: Sequence[Any]) -> list[Any]:
        """The output's leaves, given the inputs' leaves in `jax.tree.flatten` order."""
        values = [_enter(aval, x) for aval, x in zip(self._avals, leaves, strict=True)]
        return [_leave(v) for v in self.prepared(*values)]


def _kind(leaf: Any) -> Any:
    """The part of an input that the trace depends on. Python scalars differ from arrays, because their dtype is
    weak."""
    if isinstance(leaf, (bool, int, float)):
        return type(leaf)
    return np.shape(leaf), "float" if is_balls(leaf) or is_float(leaf) else dtype_of(leaf)


def _traced(f: Callable[..., Any], dtype: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    examples = jax.tree.map(lambda leaf: _example(leaf, dtype), (args, kwargs))
    with x64(dtype == np.float64):
        traced: tuple[Any, Any] = jax.make_jaxpr(f, return_shape=True)(*examples[0], **examples[1])
    return traced


def _example(leaf: Any, dtype: Any) -> Any:
    if is_balls(leaf) or is_float(leaf):
        return jax.ShapeDtypeStruct(np.shape(leaf), dtype)
    if jnp.issubdtype(dtype_of(leaf), jnp.complexfloating):
        raise UnknownPrimitive("ball arithmetic is over the reals; an input is complex")
    return leaf


def _enter(aval: Any, x: Any) -> Any:
    if np.shape(x) != aval.shape:
        raise BadInput(f"the program was traced for an input of shape {aval.shape}, got {np.shape(x)}")
    if is_balls(x) and not is_float(aval):
        raise BadInput(f"the program was traced for an input of dtype {aval.dtype}, got balls")
    return constant(aval, x)


def _leave(value: Any) -> Any:
    """A copy for the caller: never a view of an input or of a constant in the program."""
    if is_key(value):
        return value
    return objects(to_complex(value)) if value.dtype == object else np.array(value)


def constant(aval: Any, x: Any) -> Any:
    """A value from outside, in the form the walk uses: an object array of real balls, NumPy's integers, or JAX's
    keys."""
    if is_float(aval):
        return reals(x)
    return x if is_key(aval) else np.asarray(x, dtype=aval.dtype)


def from_code(aval: Any, x: Any) -> Any:
    """A literal of the program, or a constant it closes over. A float may be moved by its rounding."""
    found = constants.current()
    if found is None or not is_float(aval) or is_balls(x):
        return constant(aval, x)
    bits = constants.bits_of(x, int(jnp.finfo(aval.dtype).nmant) + 1)
    x = np.asarray(x, dtype=np.float64)
    largest = float(np.max(np.abs(x), initial=0.0))
    return boxed(np.frompyfunc(lambda v: found.taken(float(v), bits, largest), 1, 1)(x))


# ------------------------------------------------------------------------------------------------ many runs


class Numbers(NamedTuple):
    """The arithmetic that a jaxpr is walked in."""

    constant: Callable[[Any, Any], Any]
    """(abstract value, a value from outside) -> the value in the walk's own form."""
    step_for: Callable[[Any], Evaluation]
    """Chooses how to compute an equation that contains no jaxpr."""


class Prepared:
    """A jaxpr prepared for many runs: each equation has its rule, and each variable a slot in a list."""

    def __init__(self, closed: Any, of: Numbers | None = None) -> None:
        of = of or BALLS
        jaxpr, consts = opened(closed)
        self._start: list[Any] = []
        self._steps: list[tuple[Any, Evaluation, list[int], list[int]]] = []

        def slot(value: Any = None) -> int:
            self._start.append(value)
            return len(self._start) - 1

        def step(eqn: Any, ins: list[int]) -> list[int]:
            outs = [slot() for _ in eqn.outvars]
            self._steps.append((eqn, _step_for(eqn, of), ins, outs))
            return outs

        arguments = [slot() for _ in jaxpr.invars]  # first of all, where `__call__` puts them
        constants = [slot(of.constant(v.aval, x)) for v, x in zip(jaxpr.constvars, consts, strict=True)]
        self._arity = len(arguments)
        self._outs = walk(needed(jaxpr), constants, arguments, step, lambda v: slot(of.constant(v.aval, v.val)))

    def __call__(self, *args: Any) -> list[Any]:
        """The jaxpr's outputs."""
        values = self._start.copy()
        values[: self._arity] = args
        for eqn, step, ins, outs in self._steps:
            try:
                results = step(*[values[i] for i in ins])
            except CannotEvaluate as error:
                raise _located(error, eqn) from None
            if not eqn.primitive.multiple_results:
                results = (results,)
            for i, result in zip(outs, results, strict=True):
                values[i] = result
        return [values[i] for i in self._outs]


def _located(error: CannotEvaluate, eqn: Any) -> CannotEvaluate:
    """The error, with the innermost primitive and the innermost line of the user's code in its message."""
    located: Any = type(error)(str(error))
    located.reason = getattr(error, "reason", str(error))
    located.primitive = getattr(error, "primitive", eqn.primitive.name)
    located.where = getattr(error, "where", "")
    if not located.where or is_jaxs_own(eqn):
        located.where = jax.extend.source_info_util.summarize(eqn.source_info)
    located.args = (f"`{located.primitive}`{' at ' * bool(located.where)}{located.where}: {located.reason}",)
    return located


def _step_for(eqn: Any, of: Numbers) -> Evaluation:
    """How one equation is computed."""
    name = eqn.primitive.name
    return HIGHER_ORDER[name](eqn, of) if name in HIGHER_ORDER else of.step_for(eqn)


def step_for(eqn: Any) -> Evaluation:
    """The step in balls. An unknown primitive is reported only when it is reached: it may be in a branch not taken."""
    name, avals = eqn.primitive.name, [v.aval for v in (*eqn.invars, *eqn.outvars)]
    if any(jnp.issubdtype(dtype_of(a), jnp.complexfloating) for a in avals):
        return unknown("ball arithmetic is over the reals, this is complex")
    if any(is_key(a) for a in avals):
        return native(eqn)
    if not any(is_float(a) for a in avals):
        return EXACT.get(name, native)(eqn)
    if name in RULES:
        return RULES[name](eqn)
    if name in MADE_FROM_INTEGERS and not any(is_float(v.aval) for v in eqn.invars):
        return native(eqn)
    return unknown("this primitive is not known in ball arithmetic")


BALLS = Numbers(from_code, step_for)


# ----------------------------------------------------------------------- primitives that hold jaxprs themselves


def _call(eqn: Any, of: Numbers) -> Evaluation:
    """jit, remat, custom derivatives: each means what the function inside it means."""
    inner = called(eqn)
    if of is BALLS and name_in_jax(inner) in APPROXIMATED:
        meant = APPROXIMATED[name_in_jax(inner)](eqn)
        return lambda x: [meant(x)]
    return Prepared(inner, of)


def _scan(eqn: Any, of: Numbers) -> Evaluation:
    body = Prepared(eqn.params["jaxpr"], of)

    def slices(x: Any, _: Any) -> list[Any]:
        return [x[t, ...] for t in range(eqn.params["length"])]

    return lambda *operands: unrolled(
        eqn, operands, lambda given: body(*given), slices, lambda ys, v: _stacked(ys, v.aval, of)
    )


def _stacked(values: list[Any], aval: Any, of: Numbers) -> Any:
    if is_key(aval):
        return jnp.stack(values)
    if not values:
        return of.constant(aval, np.empty(aval.shape, aval.dtype))
    return np.stack(values)


def _while(eqn: Any, of: Numbers) -> Evaluation:
    n_cond, n_body = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    condition, body = (Prepared(eqn.params[name], of) for name in ("cond_jaxpr", "body_jaxpr"))

    def step(*operands: Any) -> Sequence[Any]:
        cond_consts, body_consts = operands[:n_cond], operands[n_cond : n_cond + n_body]
        carry: Sequence[Any] = operands[n_cond + n_body :]
        while (going := condition(*cond_consts, *carry)[0]).any():
            new = body(*body_consts, *carry)
            carry = [_where(going, n, old) for n, old in zip(new, carry, strict=True)] if going.ndim else new
        return carry

    return step


def _where(going: np.ndarray, new: Any, old: Any) -> Any:
    """Selects new values where the loop still runs. vmap merges several loops into one, and each stops on its own."""
    going = going.reshape(going.shape + (1,) * (new.ndim - going.ndim))
    return (jnp if is_key(new) else np).where(going, new, old)


def _cond(eqn: Any, of: Numbers) -> Evaluation:
    branches = [Prepared(b, of) for b in eqn.params["branches"]]
    return lambda index, *operands: branches[int(index)](*operands)


HIGHER_ORDER: dict[str, Callable[[Any, Numbers], Evaluation]] = {
    **dict.fromkeys(CALLS, _call),
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}
