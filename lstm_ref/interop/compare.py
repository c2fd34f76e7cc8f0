"""Anyone's recurrent layer compared with ours: one function or module, one layout, and the answer; docs/compare.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import jax
import numpy as np

from lstm_ref.cells import CELLS
from lstm_ref.checking.report import Finding
from lstm_ref.errors import BadInput, nearest
from lstm_ref.interop.cause import causes
from lstm_ref.interop.conform.features import Feature, FeatureCase, arranged, problem
from lstm_ref.interop.conform.table import Run, beside
from lstm_ref.interop.layout import Layout
from lstm_ref.interop.layout_words import from_words, require_fit
from lstm_ref.interop.layouts import LAYOUTS
from lstm_ref.interop.theirs import Theirs, answering
from lstm_ref.shapes import Outputs

SCHEMA = 1
DTYPES = ("float64", "float32")
SIZES = ("T", "B", "D", "H", "P")


@dataclass(frozen=True)
class Comparison:
    """A layer's outputs and gradients beside ours."""

    layout: str
    cell: str
    runs: tuple[Run, ...]
    """One for each dtype, without and with lengths."""
    findings: tuple[Finding, ...] = ()
    """What is wrong, the most precise answer first."""

    @property
    def agrees(self) -> bool:
        """Whether every array that was given agrees, as far as its arithmetic allows."""
        return all(run.agrees for run in self.runs)

    def as_dict(self) -> dict[str, Any]:
        """All data, JSON-serialisable."""
        runs = [
            {**asdict(run), "digits": run.digits, "agrees": run.agrees}
            | {"arrays": [asdict(v) | {"agrees": v.agrees} for v in run.arrays]}
            for run in self.runs
        ]
        findings = [asdict(finding) for finding in self.findings]
        return {"schema": SCHEMA, **asdict(self), "agrees": self.agrees, "runs": runs, "findings": findings}

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The result in words: the verdict, the cause, and the digits of every array of a run that disagrees."""
        right = sum(run.agrees for run in self.runs)
        verdict = "agrees" if self.agrees else f"WRONG in {len(self.runs) - right} of {len(self.runs)} runs"
        found = [f"{self.layout}: {verdict}, beside {self.cell}"]
        for finding in self.findings:
            tags = ", ".join(filter(None, (" ".join(finding.tags), finding.see and f"see {finding.see}")))
            found.append(f"  {finding.sentence}" + (f" ({tags})" if tags else ""))
        for run in self.runs:
            of = "outputs, final states and gradients" if run.gradients else "outputs and final states; no gradients"
            digits = f"{run.digits:.1f} digits or more" if run.agrees else "WRONG"
            found.append(f"  {run.feature}, {run.dtype}: {digits} ({of})")
            names = {path: _name(run, path) for path in (*(one.array for one in run.arrays), *run.missing)}
            width = max(map(len, names.values()))
            if not run.agrees:
                found += [f"    {names[one.array]:<{width}}  {_digits(one)}" for one in run.arrays]
            if run.missing:
                found.append(f"    not given: {', '.join(names[path] for path in run.missing)}")
        return found


def _name(run: Run, path: str) -> str:
    """An array's name as in the arguments of a function, "d state.h"; one of several layers keeps its number."""
    name = path.replace("d initial", "d state", 1)
    return name.replace(".0", "", 1) if run.feature.startswith("one layer") and "both" not in run.feature else name


def _digits(one: Any) -> str:
    numbers = one.says or f"{one.digits:4.1f} digits"
    return numbers if one.agrees else f"{numbers}  WRONG" + ("" if one.says else f", {one.bound:.1f} are required")


def compare(
    theirs: Any,
    layout: str | Layout | None = None,
    *,
    cell: str | None = None,
    autodiff: str | None = None,
    layers: int | None = None,
    both: bool | None = None,
    zero_state: bool = False,
    dtypes: Sequence[str] = DTYPES,
    sizes: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compares a recurrent layer of any framework with ours, on random numbers in its own layout.

    Args:
        theirs: One of
            `run(params, state, xs, cotangents) -> outputs, final, gradients`, a layer with its own backward pass;
            `forward(params, state, xs) -> outputs, final`, whose gradients `autodiff` makes, or that has none;
            a torch module that is called as torch.nn.LSTM is.
            params is a dict of arrays by the layout's names, state is (h, c) or what the cell's state is, each (B, H),
            xs is (T, B, D). cotangents is (of the outputs (T, B, H), of the final state). gradients is a dict with
            params, state and xs, or some of them. What a layer does not hand out, outputs, final or a field of it, is
            None: then its cotangent is zero. A function that takes `lengths` is compared with lengths (B,) too;
            without, they are None.
        layout: A name in `lstm_ref.interop.layouts.LAYOUTS`, or the layout in words, or a `Layout`. Not needed for
            torch's own modules.
        cell: Name of the cell, where it is another one than the layout's; for a layout in words "lstm" by default.
        autodiff: Whose autodiff differentiates a forward: "jax", "torch", "tensorflow", "mlx", "tinygrad", "autograd"
            or "pytensor". The arrays that the forward is given are then that framework's.
        layers: Number of layers; params, state, final and their gradients are lists if there are several.
        both: Whether it runs in both directions, whose outputs are concatenated; then these are lists too: layer 0
            onward, layer 0 backward, layer 1 onward, ...
        zero_state: Whether it takes no initial state, and starts at zeros: mistakes at the first step may not show.
        dtypes: The dtypes that it computes in.
        sizes: Sizes other than T=6, B=2, D=3, H=5 that it needs.
        seed: Seed of all numbers.

    Returns:
        The digits of agreement of every array, and the mistake where one is wrong.

    Raises:
        BadInput: An argument, or what the function returns, does not fit. The function's own exceptions pass through.

    Example:
        >>> import numpy as np
        >>> def forward(params, state, xs):
        ...     (h,), hs = state, []
        ...     for x in xs:
        ...         h = np.tanh(x @ params["W"].T + h @ params["U"].T + params["b"])
        ...         hs.append(h)
        ...     return np.stack(hs), h
        >>> compare(forward, "W: w_x h d; U: w_h h k; b: b h", cell="rnn_tanh", dtypes=["float32"]).agrees
        True
    """
    found = answering(theirs, autodiff, zero_state)
    layout = _layout(layout or found.layout, cell)
    layers = _count(layers if layers is not None else found.layers or 1)
    both = found.both if both is None else both
    sizes = dict(found.sizes) | dict(sizes or {})
    _require_options(dtypes, sizes)
    features = [_feature(layers, both, lengths) for lengths in (False, True)[: 1 + found.takes_lengths]]
    given = [problem(f, layout, dtype, seed, sizes) for f in features for dtype in dtypes]
    if zero_state:
        given = [one._replace(initial=jax.tree.map(np.zeros_like, one.initial)) for one in given]
    asked = [_Asked(found, layout, one) for one in given]
    runs = [(one, one.run()) for one in asked]
    return Comparison(layout.name, layout.cell, tuple(run for _, run in runs), tuple(_findings(runs)))


class _Asked:
    """A problem, and who answers it."""

    def __init__(self, theirs: Theirs, layout: Layout, given: FeatureCase) -> None:
        self.theirs, self.layout, self.given = theirs, layout, given
        self.in_layout = partial(arranged, layout, given)

    def run(self) -> Run:
        found = self.theirs.answer(self.given, self.in_layout())
        bar = _of_what_was_given(self.given.bar, found.outputs)
        if bar is not self.given.bar:
            self.given = self.given._replace(bar=bar)
            found = self.theirs.answer(self.given, self.in_layout())
        return beside(found, self.given, self.in_layout, self.layout.name)

    def causes(self) -> tuple[Finding, ...]:
        return causes(self.given, self.layout, self.in_layout()[0], self.theirs.answer)


def _of_what_was_given(bar: Outputs, outputs: Outputs) -> Outputs:
    """The cotangents, zero for what the layer does not hand out; themselves where it hands out everything."""
    cotangents, tree = jax.tree.flatten(bar)
    given = jax.tree.leaves(outputs, is_leaf=lambda v: v is None)
    if all(v is not None for v in given):
        return bar
    return jax.tree.unflatten(tree, [b if v is not None else 0 * b for b, v in zip(cotangents, given, strict=True)])


def _feature(layers: int, both: bool, lengths: bool) -> Feature:
    name = f"{'one' if layers == 1 else layers} layer{'s' * (layers > 1)}"
    return Feature(name + ", both directions" * both + ", lengths" * lengths, layers, both, lengths)


def _findings(runs: list[tuple[_Asked, Run]]) -> list[Finding]:
    """The cause, of the first run that is wrong and that the dictionary knows; else where it is wrong."""
    wrong = [(one, run) for one, run in runs if not run.agrees]
    if not wrong:
        return []
    one, run = wrong[0]
    found: list[Finding] = []
    if run.feature == "one layer":
        found = list(one.causes())
    elif not any(not other.agrees for other in (r for _, r in runs) if "lengths" not in other.feature):
        text = "right without lengths, wrong with them: the fault lies in what happens where a row has ended"
        found = [Finding("lengths", text)]
    return found + _where(one.given.feature, run)


def _where(feature: Feature, run: Run) -> list[Finding]:
    """Which of several layers and directions are wrong, where others are right."""
    count = feature.layers * feature.directions
    if count == 1:
        return []
    of = {k: [v for v in run.arrays if v.array.startswith((f"d params.{k}.", f"d initial.{k}."))] for k in range(count)}
    wrong = [k for k, arrays in of.items() if not all(v.agrees for v in arrays)]
    if not wrong or len(wrong) == count:
        return []
    sides = ("onward", "backward") if feature.both else ("",)
    names = [f"layer {k // len(sides)} {sides[k % len(sides)]}".strip() for k in wrong]
    return [Finding("where", f"of all gradients, those of {', '.join(names)} alone are wrong")]


# --------------------------------------------------------------------------------------------------- what is given


def _layout(layout: str | Layout, cell: str | None) -> Layout:
    """The layout, for the cell that is named. Raises BadInput."""
    if cell is not None and cell not in CELLS:
        raise BadInput(f"no cell is called {cell!r}{nearest(cell, CELLS)}")
    if isinstance(layout, str) and ":" in layout:
        return from_words(layout, cell or "lstm", "layout in words")
    if isinstance(layout, str):
        if layout not in LAYOUTS:
            near = get_close_matches(layout, LAYOUTS, 3, 0.4)
            if not layout:
                raise BadInput("give a layout: a name (`lstm_ref.interop.layouts.LAYOUTS` has them), or words")
            known = f"the nearest are {', '.join(near)}" if near else "lstm_ref.interop.layouts.LAYOUTS has the names"
            raise BadInput(f"no layout is called {layout!r}; {known}; in words, a colon follows the name of each array")
        layout = LAYOUTS[layout]
    if not isinstance(layout, Layout):
        raise BadInput(f"layout must be a name, words or a Layout, got {type(layout).__name__}")
    layout = layout if cell is None else layout._replace(cell=cell)
    require_fit(layout)
    return layout


def _count(layers: int) -> int:
    if isinstance(layers, bool) or not isinstance(layers, int) or layers < 1:
        raise BadInput(f"layers must be an integer from 1 on, got {layers!r}")
    return layers


def _require_options(dtypes: Sequence[str], sizes: Mapping[str, int]) -> None:
    if isinstance(dtypes, str) or not dtypes or not set(dtypes) <= set(DTYPES):
        raise BadInput(f"dtypes must be some of {', '.join(DTYPES)}, got {dtypes!r}")
    for name, size in sizes.items():
        if name not in SIZES or isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise BadInput(f"sizes must give some of {', '.join(SIZES)}, each from 1 on, got {name}={size!r}")
