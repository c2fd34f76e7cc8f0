"""Values named with `checkpoint_name` are nodes: their adjoints are checked, and the first wrong one is reported."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

from lstm_ref import BadInput, check_gradients

RNG = np.random.default_rng(0)
INPUTS = {
    "w": 0.5 * RNG.standard_normal((3, 3)),
    "h0": RNG.standard_normal((2, 3)),
    "x": RNG.standard_normal((4, 2, 3)),
}


def step(inputs, h, x):
    a = checkpoint_name(x + h @ inputs["w"], "a")
    return checkpoint_name(jnp.tanh(a), "h")


def by_scan(inputs):
    def body(h, x):
        h = step(inputs, h, x)
        return h, h

    return jax.lax.scan(body, inputs["h0"], inputs["x"])[1]


def by_loop(inputs):
    h, hs = inputs["h0"], []
    for x in inputs["x"]:
        h = step(inputs, h, x)
        hs.append(h)
    return jnp.stack(hs)


def inside_jit_and_remat(inputs):
    return jax.jit(jax.checkpoint(by_scan))(inputs)


def backward_with(slope):
    def backward(inputs, hs_bar):
        hs = by_scan(inputs)
        prev = jnp.concatenate([inputs["h0"][None], hs[:-1]])

        def back(h_bar, now):
            bar, h = now
            h_bar = h_bar + bar
            a_bar = h_bar * slope(h)
            return a_bar @ inputs["w"].T, (h_bar, a_bar)

        h0_bar, (h_bar, a_bar) = jax.lax.scan(back, jnp.zeros_like(inputs["h0"]), (hs_bar, hs), reverse=True)
        w_bar = jnp.einsum("tbi,tbj->ij", prev, a_bar)
        return {"w": w_bar, "h0": h0_bar, "x": a_bar, "h": h_bar, "a": a_bar}

    return backward


@pytest.mark.parametrize("forward", [by_scan, by_loop, inside_jit_and_remat])
def test_the_adjoints_of_named_values_are_checked_wherever_they_are_named(forward):
    report = check_gradients(INPUTS, forward=forward, backward=backward_with(lambda h: 1 - h * h), oracles=["balls"])
    assert report.right
    assert [n.name for n in report.nodes] == ["a", "h"]
    assert report.digits_in_balls > 78


@pytest.mark.parametrize("forward", [by_scan, by_loop, inside_jit_and_remat])
def test_the_first_wrong_named_value_is_told(forward):
    report = check_gradients(INPUTS, forward=forward, backward=backward_with(lambda h: 1 - h), oracles=["reverse"])
    assert (report.first_wrong.node, report.first_wrong.step) == ("a", 3)
    assert report.inherited[:2] == ("h[2]", "a[2]")
    assert not report.nodes[1].wrong[3]


def test_names_that_the_claim_does_not_give_are_no_inputs():
    def only_w(inputs, hs_bar):
        return {"w": backward_with(lambda h: 1 - h * h)(inputs, hs_bar)["w"]}

    report = check_gradients(INPUTS, forward=by_scan, backward=only_w, oracles=["reverse"])
    assert report.right
    assert [i.name for i in report.inputs] == ["w"]
    assert report.unchecked == ("h0", "x")


def test_a_value_computed_once_may_have_its_adjoint_without_a_time_axis():
    def loss(inputs):
        return (checkpoint_name(inputs["w"] @ inputs["w"], "square") ** 2).sum()

    def gradients(inputs):
        w = inputs["w"]
        bar = 2 * w @ w
        return {"w": bar @ w.T + w.T @ bar, "square": bar}

    report = check_gradients({"w": INPUTS["w"]}, loss=loss, gradients=gradients, oracles=["reverse", "balls"])
    assert report.right
    assert report.nodes[0].errors[0] < 1e-14


def test_what_cannot_be_followed_is_one_clear_error():
    def in_while(inputs):
        def body(state):
            n, h = state
            return n + 1, checkpoint_name(jnp.tanh(h), "h")

        return jax.lax.while_loop(lambda s: s[0] < 3, body, (0, inputs["h0"]))[1]

    with pytest.raises(BadInput, match="named by checkpoint_name inside while"):
        check_gradients({"h0": INPUTS["h0"]}, forward=in_while, backward=lambda i, b: {"h0": b, "h": b[None]})

    def clash(inputs):
        return checkpoint_name(inputs["h0"] * 2, "h0")

    with pytest.raises(BadInput, match="'h0' is the name of an input and of a value"):
        check_gradients({"h0": INPUTS["h0"]}, forward=clash, backward=lambda i, b: {"h0": 2 * b})

    def two_shapes(inputs):
        return checkpoint_name(inputs["h0"], "v").sum() + checkpoint_name(inputs["w"], "v").sum()

    with pytest.raises(BadInput, match=r"'v' names values of shapes \(2, 3\) and \(3, 3\)"):
        check_gradients(INPUTS, loss=two_shapes, gradients=lambda i: {"h0": i["h0"]})
