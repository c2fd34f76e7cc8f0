"""Reports to show: from a real check, right, and wrong with every feature that a display can meet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lstm_ref import check_gradients
from lstm_ref.checking.report import UNDECIDED, WRONG, Conformance, Finding, FirstWrong, NodeReport, Report

HOSTILE = ("<script>alert(1)</script>[/b]", '"><img src=x onerror=alert(2)>[/b]', "[bold]&amp;{{ 7*7 }}[/]")


@pytest.fixture(scope="session")
def right() -> Report:
    """Of an exact gradient, one of whose elements is truly zero."""
    return check_gradients(
        {"w": np.array([[0.5, -1.5, 0.0], [2.0, 1.0, 1.0]]), "v": np.array(2.0)},
        loss=lambda p: (p["w"] ** 3).sum() * p["v"],
        gradients=lambda p: {"w": 3 * p["w"] ** 2 * p["v"], "v": (p["w"] ** 3).sum()},
        name="cubes",
        oracles=["balls", "differences"],
    )


@pytest.fixture(scope="session")
def wrong(right: Report) -> Report:
    """The same, wrong in w, diagnosed, with adjoints over four steps of which c is wrong first, at step 2."""
    w, v = right.inputs
    oracles = tuple(
        replace(o, agrees=False, digits=0.4, worst=(1, 0), claimed="8.00", expected="24.0", error=16.0)
        for o in w.oracles
    )
    return replace(
        right,
        verdict=WRONG,
        inputs=(replace(w, right=False, wrong_elements=5, oracles=oracles, pattern="axis 1: wrong at 0..1 alone"), v),
        first_wrong=FirstWrong("c", 2, 4),
        inherited=("h[1]", "c[1]", "h[0]", "c[0]"),
        nodes=(
            NodeReport("c", (0.7, 0.02, 0.5, 1e-17), (True, True, True, False)),
            NodeReport("h", (1e-7, 3e-11, 2e-17, 0.0), (True, True, False, False)),
        ),
        findings=(
            Finding(
                "mistake",
                "the term next_c_bar is missing from c_bar",
                exact=True,
                tags=("L4*",),
                right=r"\bar c = \bar c^{\,next} + \bar u \odot (1 - u \odot u)",
                wrong=r"\bar c = \bar u \odot (1 - u \odot u)",
                place="derivations/lstm.md:71",
            ),
            Finding("recurrence", "right for one time step, wrong from two on"),
        ),
        conformance=Conformance("lstm", True, "the forward is lstm, to all digits"),
        undecided=("whether the mask is handled: every length is T",),
        notes=("the claim writes into its argument",),
        unchecked=("x",),
    )


@pytest.fixture(scope="session")
def undecided(right: Report) -> Report:
    """Nothing could be said of w; v is right but for the rounding of constants."""
    w, v = right.inputs
    inputs = (replace(w, right=False, undecided=True), replace(v, constants=16.1))
    return replace(right, verdict=UNDECIDED, inputs=inputs, undecided=("w: the loss is too small, rescale it",))


@pytest.fixture(scope="session")
def along(wrong: Report) -> Report:
    """Wrong, and seen along random directions alone."""
    w, v = wrong.inputs
    oracles = tuple(replace(o, directions=4, wrong_directions=3, worst=(2,)) for o in w.oracles)
    return replace(wrong, inputs=(replace(w, oracles=oracles, wrong_elements=4), v))


@pytest.fixture(scope="session")
def markup() -> tuple[str, str, str]:
    """What a user may call things: of a page, of a template and of rich."""
    return HOSTILE


@pytest.fixture(scope="session")
def hostile(wrong: Report) -> Report:
    """The wrong one, with markup wherever a user's words can come from."""
    script, image, markup = HOSTILE
    w, v = wrong.inputs
    return replace(
        wrong,
        name=script,
        inputs=(replace(w, name=image), replace(v, name=markup)),
        first_wrong=FirstWrong(script, 2, 4),
        inherited=(f"{image}[1]", f"{image}[0]"),
        nodes=tuple(replace(n, name=name) for n, name in zip(wrong.nodes, (script, image), strict=True)),
        findings=(
            Finding("mistake", image, True, (script,), rf"\text{{{image}}} < {script}", rf"\frac{{{script}", image),
        ),
        conformance=Conformance(script, False, image, markup),
        notes=(script,),
        undecided=(image,),
        unchecked=(script, image),
        skipped=((script, image), (markup, script)),
        floor=image,
        environment={script: image},
    )
