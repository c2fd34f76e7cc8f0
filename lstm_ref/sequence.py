"""A cell through time: edges T1-T2 forward, T1*-T3* backward; derivations/bptt.md derives each under its number.

`loop` is the definition: plain Python, any arithmetic. `scan` is the same equations as one jitted `lax.scan`: the
reference. `bptt` is `scan` with the hand-written backward pass as its JAX derivative. `truncated` is BPTT(k1, k2), an
estimator, not a gradient.

Conventions that bite. Sequences are time-major: xs (T, B, D), hs (T, B, H); a cell whose input is several arrays has
`xs` of the same named tuple, each (T, B, ...). With `lengths` (B,), step t of row n is
padding where t >= lengths[n]: it leaves the state as it is, its output is zero, and it neither gives nor receives
gradient, whatever stands in the padded input. With `reverse`, time runs from T - 1 down to 0, and stays in place: hs[t]
is the output for xs[t]. The final state is the one after the last step in processing order.

Source: Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78, 1990.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax

from lstm_ref.arithmetic import stack
from lstm_ref.cells import Cell, Cotangents, Tape
from lstm_ref.errors import BadInput
from lstm_ref.padding import choose, integers, keep_of
from lstm_ref.shapes import Outputs, as_rows, check, check_bar, check_dtypes, check_tapes, is_whole, steps_of


class Gradients(NamedTuple):
    """Cotangents of what a recurrence read, given those of its `Outputs`."""

    params: Any
    initial: Any
    """Of the initial state."""
    xs: Any
    """Of the inputs, (T, B, D)."""
    nodes: Any = None
    """Of every named value at every step, each (T, ...); None from `scan_backward`, which leaves them out."""


# ------------------------------------------------------------------------------------------------- one step


def _step(cell: Cell, p: Any, state: Any, x: Any, keep: Any) -> tuple[Any, Any, Tape]:
    """Next state, output, tape. `keep` (B, 1) is False at padding; None means no padding anywhere."""
    if keep is None:
        new, tape = cell.forward(p, state, x)  # T1
        return new, new.h, tape
    x = choose(keep, x, 0)  # so that not even a NaN in the padding can reach the gradient (0 · NaN = NaN)
    new, tape = cell.forward(p, state, x)  # T1
    output = choose(keep, new.h, 0)  # T2
    return choose(keep, new, state), output, tape  # T2


def _step_backward(cell: Cell, p: Any, tape: Tape, h_bar: Any, bar: Any, keep: Any) -> Cotangents:
    """Cotangents of one step, given `h_bar` of its output and `bar` of the state after it."""
    if keep is None:
        return cell.backward(p, tape, bar._replace(h=bar.h + h_bar))  # T1*
    held = choose(keep, 0, bar)  # T2*  padding hands the cotangent on untouched
    new = choose(keep, bar._replace(h=bar.h + h_bar), 0)  # T2*
    given = cell.backward(p, tape, new)  # T1*  linear in `new`: at padding all that it gives is zero, of x as well
    return given._replace(prev=_add(given.prev, held))


def _add(x: Any, y: Any) -> Any:
    return jax.tree.map(lambda a, b: a + b, x, y)


def _zeros(tree: Any) -> Any:
    return jax.tree.map(lambda v: v * 0, tree)


def _at(xs: Any, t: int) -> Any:
    return jax.tree.map(lambda v: v[t], xs)


def loop(
    cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any = None, reverse: bool = False
) -> tuple[Outputs, list[Tape]]:
    """Run the recurrence by a plain loop, in any arithmetic: the definition.

    Args:
        cell: Any cell.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.

    Returns:
        The outputs, hs (T, B, H) and the final state; and the tape of every step.

    Raises:
        BadInput: Shapes do not fit each other.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.cells.lstm import State, lstm
        >>> p = lstm.initial_parameters(np.random.default_rng(0), 3, 4)
        >>> initial, xs = State(np.zeros((2, 4)), np.zeros((2, 4))), np.ones((6, 2, 3))
        >>> outputs, tapes = loop(lstm, p, initial, xs)
        >>> outputs.hs.shape, outputs.final.c.shape, len(tapes)
        ((6, 2, 4), (2, 4), 6)
    """
    check(cell, p, initial, xs, lengths, reverse)
    T = steps_of(xs)
    keep, state = keep_of(T, lengths), initial
    hs: list[Any] = [None] * T
    tapes: list[Any] = [None] * T
    for t in _order(T, reverse):
        state, hs[t], tapes[t] = _step(cell, p, state, _at(xs, t), None if keep is None else keep[t])
    return Outputs(stacked(hs, like=initial.h), state), tapes


def loop_backward(
    cell: Cell,
    p: Any,
    initial: Any,
    xs: Any,
    tapes: list[Tape],
    bar: Outputs,
    lengths: Any = None,
    reverse: bool = False,
) -> Gradients:
    """Full BPTT by a plain loop, in any arithmetic.

    Args:
        cell: Any cell.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        tapes: The tapes that `loop` returned.
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, ...).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.

    Returns:
        The gradients of p, initial and xs, and of the named values at every step.

    Raises:
        BadInput: Shapes do not fit each other, or the tapes are those of another run.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.cells.lstm import State, lstm
        >>> p = lstm.initial_parameters(np.random.default_rng(0), 3, 4)
        >>> initial, xs = State(np.zeros((2, 4)), np.zeros((2, 4))), np.ones((6, 2, 3))
        >>> outputs, tapes = loop(lstm, p, initial, xs)
        >>> given = loop_backward(lstm, p, initial, xs, tapes, bar=outputs)  # of ½ Σ outputs²
        >>> given.params.w_h.shape, given.initial.c.shape, given.xs.shape, given.nodes.f.shape
        ((4, 16), (2, 4), (6, 2, 3), (6, 2, 4))
    """
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    T = steps_of(xs)
    check_tapes(cell, tapes, T)
    keep, state_bar, params_bar = keep_of(T, lengths), bar.final, _zeros(p)
    xs_bar: list[Any] = [None] * T
    nodes_bar: list[Any] = [None] * T
    for t in reversed(_order(T, reverse)):
        given = _step_backward(cell, p, tapes[t], bar.hs[t], state_bar, None if keep is None else keep[t])  # T1*
        state_bar, xs_bar[t], nodes_bar[t] = given.prev, given.x, given.nodes
        params_bar = _add(params_bar, given.params)  # T1*  every step reads the same parameters
    one = jax.tree.map(lambda v: v.sum(0), xs)
    nodes = stacked(nodes_bar, like=cell.forward(p, initial, one)[1].nodes if T == 0 else None)
    return Gradients(params_bar, state_bar, stacked(xs_bar, like=one), nodes)


def _order(T: int, reverse: bool) -> range:
    return range(T - 1, -1, -1) if reverse else range(T)


def stacked(values: list[Any], like: Any) -> Any:
    """The steps' values over time; without a step, arrays of length 0 that are shaped as `like` otherwise."""
    return jax.tree.map(lambda *v: stack(v), *values) if values else jax.tree.map(lambda v: v[None][:0], like)


# ------------------------------------------------------------------------------------ the reference: one scan


@partial(jax.jit, static_argnames=("cell", "reverse"))
def scan_with_tape(
    cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any = None, reverse: bool = False
) -> tuple[Outputs, Tape]:
    """As `loop`, jitted; the tapes come stacked over time, and all arrays must have one floating dtype."""
    check(cell, p, initial, xs, lengths, reverse)
    check_dtypes(p, initial, xs)

    def step(state: Any, now: Any) -> tuple[Any, Any]:
        x, keep = now
        state, output, tape = _step(cell, p, state, x, keep)
        return state, (output, tape)

    final, (hs, tapes) = jax.lax.scan(step, initial, (xs, keep_of(steps_of(xs), lengths)), reverse=reverse)
    return Outputs(hs, final), tapes


def scan(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any = None, reverse: bool = False) -> Outputs:
    """Run the recurrence as one jitted `lax.scan`: the reference.

    Args:
        cell: Any cell.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.

    Returns:
        The outputs, hs (T, B, H) and the final state.

    Raises:
        BadInput: Shapes or dtypes do not fit each other.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.cells.lstm import State, lstm
        >>> p = lstm.initial_parameters(np.random.default_rng(0), 3, 4)
        >>> initial, xs = State(np.zeros((2, 4)), np.zeros((2, 4))), np.ones((6, 2, 3))
        >>> outputs = scan(lstm, p, initial, xs, lengths=np.array([6, 3]))
        >>> bool((outputs.hs[3:, 1] == 0).all())  # the second row ends after three steps
        True
    """
    return _scan_forward(cell, p, initial, xs, lengths, reverse)[0]


@partial(jax.jit, static_argnames=("cell", "reverse"))
def scan_backward(
    cell: Cell, p: Any, tapes: Tape, bar: Outputs, lengths: Any = None, reverse: bool = False
) -> Gradients:
    """Full BPTT by the hand-written equations, as `loop_backward`, jitted; without the nodes' cotangents.

    The loop computes nothing but the state's cotangents. With those of all steps at hand, all steps are one batch of
    T·B rows, whose `backward` gives the gradients of parameters and inputs: one product each, in the place of T.

    Args:
        cell: Any cell.
        p: Its parameters.
        tapes: The tapes that `scan_with_tape` returned.
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, ...).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.

    Returns:
        The gradients of p, initial and xs.
    """
    keep = keep_of(bar.hs.shape[0], lengths)
    if not cell.by_row:
        return _scan_backward_step_by_step(cell, p, tapes, bar, keep, reverse)

    def step(state_bar: Any, now: Any) -> tuple[Any, Any]:
        tape, h_bar, keep = now
        return _step_backward(cell, p, tape, h_bar, state_bar, keep).prev, state_bar  # T1*

    initial_bar, state_bars = jax.lax.scan(step, bar.final, (tapes, bar.hs, keep), reverse=not reverse)
    given = _step_backward(
        *(cell, p, as_rows(tapes), as_rows(bar.hs), as_rows(state_bars)), None if keep is None else as_rows(keep)
    )  # T1*  of all steps at once
    xs_bar = jax.tree.map(lambda v: v.reshape(*bar.hs.shape[:2], *v.shape[1:]), given.x)
    return Gradients(given.params, initial_bar, xs_bar)  # T1*


def _scan_backward_step_by_step(cell: Cell, p: Any, tapes: Tape, bar: Outputs, keep: Any, reverse: bool) -> Gradients:
    """The backward pass of a cell whose steps cannot be one batch: the parameters' gradients are summed in the loop."""

    def step(carry: Any, now: Any) -> tuple[Any, Any]:
        state_bar, params_bar = carry
        tape, h_bar, keep = now
        given = _step_backward(cell, p, tape, h_bar, state_bar, keep)
        return (given.prev, _add(params_bar, given.params)), given.x  # T1*

    (initial_bar, params_bar), xs_bar = jax.lax.scan(
        step, (bar.final, _zeros(p)), (tapes, bar.hs, keep), reverse=not reverse
    )
    return Gradients(params_bar, initial_bar, xs_bar)


@partial(jax.custom_vjp, nondiff_argnums=(0, 5))
def _bptt(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any, reverse: bool) -> Outputs:
    return scan(cell, p, initial, xs, lengths, reverse)


def _bptt_forward(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any, reverse: bool) -> tuple[Outputs, Any]:
    outputs, tapes = scan_with_tape(cell, p, initial, xs, lengths, reverse)
    return outputs, (p, tapes, lengths)


def _bptt_backward(cell: Cell, reverse: bool, kept: Any, bar: Outputs) -> tuple[Any, Any, Any, None]:
    p, tapes, lengths = kept
    gradients = scan_backward(cell, p, tapes, bar, lengths, reverse)
    return gradients.params, gradients.initial, gradients.xs, None


_bptt.defvjp(_bptt_forward, _bptt_backward)


def bptt(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any = None, reverse: bool = False) -> Outputs:
    """`scan`, whose JAX derivative is the hand-written backward pass: use it inside any `jit`, `vmap` and `grad`.

    Args:
        cell: Any cell.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.

    Returns:
        The outputs, hs (T, B, H) and the final state.

    Raises:
        BadInput: Shapes or dtypes do not fit each other.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.cells.lstm import State, lstm
        >>> p = lstm.initial_parameters(np.random.default_rng(0), 3, 4)
        >>> initial, xs = State(np.zeros((2, 4)), np.zeros((2, 4))), np.ones((6, 2, 3))
        >>> given = jax.grad(lambda p: bptt(lstm, p, initial, xs).hs.sum())(p)
        >>> given.w_x.shape
        (3, 16)
    """
    check(cell, p, initial, xs, lengths, reverse)
    return _bptt(cell, p, initial, xs, integers(lengths), reverse)


# --------------------------------------------------------------------------------------- either, as one value


class Through(NamedTuple):
    """How a recurrence is driven through time."""

    forward: Callable[..., tuple[Outputs, Any]]
    """(cell, params, initial, xs, lengths, reverse) -> outputs, tapes."""
    backward: Callable[..., Gradients]
    """(cell, params, initial, xs, tapes, cotangents of the outputs, lengths, reverse) -> gradients."""


def _scan_forward(
    cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any = None, reverse: bool = False
) -> tuple[Outputs, Tape]:
    check(cell, p, initial, xs, lengths, reverse)  # under jit the lengths' values are not seen any more
    return scan_with_tape(cell, p, initial, xs, integers(lengths), reverse)


def _scan_backward(
    cell: Cell, p: Any, initial: Any, xs: Any, tapes: Tape, bar: Outputs, lengths: Any = None, reverse: bool = False
) -> Gradients:
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    check_dtypes(p, initial, xs, bar)
    T, found = steps_of(xs), {v.shape[:1] for v in jax.tree.leaves(tapes)}
    if found != {(T,)}:
        raise BadInput(f"{cell.name}: the tapes must be those of {T} steps, stacked, as scan_with_tape gives them")
    return scan_backward(cell, p, tapes, bar, integers(lengths), reverse)


LOOP = Through(loop, loop_backward)
"""The definition, in any arithmetic."""
SCAN = Through(_scan_forward, _scan_backward)
"""The reference, jitted."""


# ------------------------------------------------------------------------------------ a declared estimator


def truncated(
    cell: Cell, p: Any, initial: Any, xs: Any, tapes: list[Tape], bar: Outputs, k1: int, k2: int, lengths: Any = None
) -> Gradients:
    """BPTT(k1, k2): after every k1 steps, the newest k1 outputs are propagated back through the last k2 steps. T3*

    An *estimator* of the gradient: terms that reach further back than k2 steps are left out by intent. It equals the
    gradient when k1 = k2 = T. Blocks and steps are counted from the beginning of the batch, padding included; time runs
    onward. Any arithmetic.

    Args:
        cell: Any cell.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        tapes: The tapes that `loop` returned.
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, ...).
        k1: How many steps run before outputs are propagated back.
        k2: Through how many steps they are propagated back.
        lengths: Integers (B,), the number of real steps of each row; by default T.

    Returns:
        The estimates of the gradients of p, initial and xs.

    Raises:
        BadInput: k1 and k2 are not whole numbers with 1 <= k1 <= k2, or shapes do not fit each other.

    Source: Williams and Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories", Neural Computation 2, 1990.
    """
    if not (is_whole(k1) and is_whole(k2) and k1 <= k2):
        raise BadInput(f"truncated BPTT needs 1 <= k1 <= k2, got k1={k1}, k2={k2}: an output must reach its own step")
    check_bar(cell, p, initial, xs, bar, lengths)
    T = steps_of(xs)
    check_tapes(cell, tapes, T)
    keep = keep_of(T, lengths)
    if keep is not None:
        xs = choose(keep, xs, 0)  # so that not even a NaN in the padding is multiplied by zero
    total = Gradients(_zeros(p), _zeros(initial), _zeros(xs))
    for start, end in ((start, min(start + k1, T)) for start in range(0, T, k1)):
        oldest = max(0, end - k2)
        state_bar = bar.final if end == T else _zeros(bar.final)
        params_bar, xs_bar = total.params, [_at(total.xs, t) for t in range(T)]
        for t in range(end - 1, oldest - 1, -1):
            h_bar = bar.hs[t] if t >= start else bar.hs[t] * 0  # T3*
            given = _step_backward(cell, p, tapes[t], h_bar, state_bar, None if keep is None else keep[t])
            state_bar, xs_bar[t] = given.prev, _add(xs_bar[t], given.x)
            params_bar = _add(params_bar, given.params)
        initial_bar = _add(total.initial, state_bar) if oldest == 0 else total.initial  # T3*  else it is cut off here
        total = Gradients(params_bar, initial_bar, stacked(xs_bar, like=None))
    return total if T else total._replace(initial=bar.final)
