"""Mistakes in what is multiplied, beyond a factor: kernels that are not reversed, a matrix that is not transposed where
another mistake is made in the same term, and terms that are missing in sums of logarithms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lstm_ref.graph.rules import unbroadcast
from lstm_ref.graph.sweep import Context, RuleEdit, Where
from lstm_ref.mistakes.on_graphs.candidate import Candidate
from lstm_ref.mistakes.on_graphs.edges import EdgeGroup
from lstm_ref.mistakes.on_graphs.forwarded import is_move

if TYPE_CHECKING:
    from lstm_ref.mistakes.on_graphs.dictionary import GraphDictionary


# ------------------------------------------------------------------------------------------------------- kernels


def kernels(dictionary: GraphDictionary) -> Iterator[Candidate]:
    """The taps of a library's convolution, each multiplied with what belongs to the one from the other end."""
    edges, equations, values = dictionary.edges, dictionary.graph.equations, dictionary.values
    found: dict[Any, list[Where]] = defaultdict(list)
    for n, k in edges.edges:
        if equations[n].primitive == "mul" and edges.turn(n) != "mul":
            found[edges.place(equations[n].kind), k].append((n, k))
    for taps in found.values():
        size = len({edges.turn(n) for n, _ in taps})
        if size < 2 or len(taps) % size:
            continue
        calls = [tuple(taps[at : at + size]) for at in range(0, len(taps), size)]
        edits: dict[Where, RuleEdit] = {}
        for call in calls:
            for (n, k), (other, _) in zip(call, reversed(call), strict=True):
                value = values[equations[other].operands[1 - k]]
                if np.shape(value) != equations[n].kind.shapes[1 - k]:
                    break
                edits[n, k] = dictionary.with_operand((n, k), 1 - k, _always(value))
        if len(edits) == len(taps):
            yield dictionary.candidate("reversed", 1, edges.group(calls), edits, found="the kernel")


def reversed_kernels(dictionary: GraphDictionary, group: EdgeGroup) -> Iterator[Candidate]:
    """The kernel of a convolution that is one equation, or one product of windows and kernel."""
    n, k = group.visits[0][0]
    e = dictionary.graph.equations[n]
    if not group.is_site or len(e.operands) != 2:
        return
    if e.primitive == "conv_general_dilated":
        space = tuple(e.params["dimension_numbers"].rhs_spec[2:])
        flip = lambda v: np.flip(v, space)  # noqa: E731
        if k == 0:
            edits = {w: dictionary.with_operand(w, 1, flip) for w in group.edges}
        else:
            edits = dict.fromkeys(group.edges, lambda c, at: flip(c))
        yield dictionary.candidate("reversed", 1, group, edits, found="the kernel")
    elif e.primitive == "dot_general":
        edits = {}
        for w in group.edges:
            other = dictionary.graph.equations[w[0]].operands[1 - k]
            if np.size(dictionary.values[other]) < 2 or (value := _from_the_end(dictionary, other)) is None:
                return
            edits[w] = dictionary.with_operand(w, 1 - k, _always(value))
        yield dictionary.candidate("reversed", 1, group, edits, found="the kernel")


def _from_the_end(dictionary: GraphDictionary, v: int) -> Any:
    """A kernel in the shape and order in which it is multiplied, its taps from the other end: those of a vector, or of
    (channels, channels, taps...)."""
    if np.ndim(dictionary.values[v]) == 1:
        return dictionary.values[v][::-1]
    moves, equations = [], dictionary.graph.equations
    while (n := dictionary.edges.maker.get(v)) is not None:
        if not (is_move(equations[n]) or equations[n].primitive == "transpose"):
            return None
        moves.append(equations[n])
        v = equations[n].operands[0]
    value = dictionary.values[v]
    if not moves or np.ndim(value) < 3:
        return None
    value = np.flip(value, tuple(range(2, np.ndim(value))))
    for e in reversed(moves):
        value = e.kind.step(value, *(dictionary.values[i] for i in e.operands[1:]))
    return value


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


# --------------------------------------------------------------------------------- two mistakes in one term at once


def transposed_and_another(dictionary: GraphDictionary, group: EdgeGroup) -> Iterator[Candidate]:
    """A matrix that is not transposed, in a term that is made from another value's cotangent or lacks a factor too."""
    n, k = group.visits[0][0]
    e = dictionary.graph.equations[n]
    if not group.is_site:
        return
    if e.primitive == "dot_general" and _is_square(e.kind.shapes[1 - k]):
        own = [dictionary.graph.equations[v[0][0]].results[0] for v in group.visits]
        for numbers in dictionary.adjoints_like(own, e.kind.result_shapes[0]):
            edits: dict[Where, RuleEdit] = {}
            for visit, u in zip(group.visits, numbers, strict=True):
                edits[visit[0]] = dictionary.from_adjoint(visit[0], u, _swapped(1 - k))
            word = dictionary.edges.word(numbers[-1])
            yield dictionary.candidate("transposed, of another cotangent", 3, group, edits, found=word)
    elif e.primitive == "mul":
        yield from _through_a_product(dictionary, group)


def _is_square(shape: tuple[int, ...]) -> bool:
    return len(shape) >= 2 and shape[-2] == shape[-1] > 1


def _swapped(operand: int) -> Callable[[list[Any]], list[Any]]:
    def swap(xs: list[Any]) -> list[Any]:
        return [np.swapaxes(x, -2, -1) if j == operand else x for j, x in enumerate(xs)]

    return swap


def _through_a_product(dictionary: GraphDictionary, group: EdgeGroup) -> Iterator[Candidate]:
    """What a matrix hands back to one factor of its operand: the matrix is not transposed there, with or without the
    other factor."""
    equations, pulls = dictionary.graph.equations, dictionary.edges.pulls
    with_it: dict[Where, RuleEdit] = {}
    without: dict[Where, RuleEdit] = {}
    for ((n, k),) in (visit for visit in group.visits if len(visit) == 1):
        readers = dictionary.edges.readers.get(equations[n].results[0], [])
        if len(readers) != 1 or equations[readers[0][0]].primitive != "dot_general":
            return
        m, j = readers[0]
        reader = equations[m]
        if not _is_square(reader.kind.shapes[1 - j]):
            return
        xs = _swapped(1 - j)([dictionary.values[i] for i in reader.operands])
        ys = [dictionary.values[r] for r in reader.results]

        def handed(at: Context, xs: Any = xs, ys: Any = ys, m: int = m, j: int = j) -> Any:
            bar = at.adjoint(equations[m].results[0])
            return None if bar is None else np.reshape(pulls[m, j](bar, xs, ys), np.shape(at.bar))

        def through(c: Any, at: Context, handed: Any = handed, n: int = n, k: int = k) -> Any:
            bar = handed(at)
            return None if bar is None else pulls[n, k](bar, at.operands, at.results)

        def past(c: Any, at: Context, handed: Any = handed) -> Any:
            bar = handed(at)
            return None if bar is None else unbroadcast(bar, np.shape(c))

        with_it[n, k], without[n, k] = through, past
    factor = dictionary.factor_beside(group)
    if without:
        yield dictionary.candidate("transposed, a factor missing", 3, group, without, found=factor)
        yield dictionary.candidate("transposed", 3, group, with_it)


# ------------------------------------------------------------------------------------------------ sums of logarithms


def log_terms(dictionary: GraphDictionary, group: EdgeGroup) -> Iterator[Candidate]:
    """A message of log-probabilities (the forward and backward recursions of a CRF, an HMM, CTC) in which a term is
    missing or doubled: the adjoint, whose logarithm is the message, is off by the term's exponential."""
    equations, edges = dictionary.graph.equations, dictionary.edges
    n, _ = group.visits[0][0]
    e = equations[n]
    if not group.is_site or e.primitive not in ("add", "sub") or not dictionary.has_logarithms:
        return
    shape = e.kind.result_shapes[0]
    for line in dictionary.log_summands:
        own = np.shape(dictionary.values[line[0]])
        if len(line) != len(group.visits) or any(np.shape(dictionary.values[u]) != own for u in line):
            continue
        for fitted in _fits(own, shape):
            for kind, sign in (("log-space term missing", -1.0), ("log-space term twice", 1.0)):
                edits: dict[Where, RuleEdit] = {}
                for visit, u in zip(group.visits, line, strict=True):
                    with np.errstate(all="ignore"):
                        factor = np.exp(sign * np.reshape(dictionary.values[u], fitted))
                    edits[visit[0]] = _of_scaled_adjoint(dictionary, visit[0], factor)
                found = edges.word(line[-1])
                yield dictionary.candidate(kind, 3, group, edits, found=found)


def _fits(own: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The shapes, with axes of size one added, in which an array can be broadcast to this shape."""
    if len(own) > len(shape):
        return
    if not shape:
        yield ()
        return
    if own and own[-1] in (1, shape[-1]):
        for rest in _fits(own[:-1], shape[:-1]):
            yield (*rest, own[-1])
    if len(own) < len(shape):
        for rest in _fits(own, shape[:-1]):
            yield (*rest, 1)


def _of_scaled_adjoint(dictionary: GraphDictionary, edge: Where, factor: Any) -> RuleEdit:
    pull = dictionary.edges.pulls[edge]
    return lambda c, at: pull(at.bar * factor, at.operands, at.results)
