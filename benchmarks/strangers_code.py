"""Right problems as other authors write them, one style per function, and the same with a planted mistake: `draw`,
`planted`.

Each style draws sizes, values and constants, and writes the forward one way and the backward another, as people do: a
mean in one place and `1 / n` in the other, a division here and a factor there. A planted mistake adds a part of one
array's largest element, to one element or to the whole array: at least 1e-6 of it in float64, 1e-2 with float32 inside.
"""

from __future__ import annotations

import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lstm_ref
from lstm_ref.checking import Problem, problem
from lstm_ref.checking.claim.evaluate import cotangents_of
from lstm_ref.leaves import paths

Rng = np.random.Generator
ODD = (1, 2, 3, 5)
"""Sizes to draw from: small, because checking many elements takes long; hardly any divides another."""


@dataclass(frozen=True)
class Style:
    """A style of code: `draw(rng)` is a right problem in it."""

    draw: Callable[[Rng], Problem]
    weight: int = 3
    """Relative frequency: styles that compile take long and are drawn less often."""
    least: float = 1e-6
    """Least relative size of a mistake planted in it."""
    needs: str | None = None


STYLES: dict[str, Style] = {}


def style(weight: int = 3, least: float = 1e-6, needs: str | None = None) -> Callable[[Any], Any]:
    """Register a function as a style, under its name."""

    def enter(function: Any) -> Any:
        STYLES[function.__name__] = Style(function, weight, least, needs)
        return function

    return enter


def draw(seed: int, only: str | None = None) -> tuple[str, Problem]:
    """A right problem and the name of its style, determined by the seed."""
    rng = np.random.default_rng(seed)
    names = [n for n, s in STYLES.items() if s.needs is None or find_spec(s.needs)]
    weights = np.array([STYLES[n].weight for n in names], float)
    name = str(rng.choice(names, p=weights / weights.sum()))
    name = only or name
    return name, replace(STYLES[name].draw(rng), name=f"{name} {seed}")


def planted(right: Problem, name: str, seed: int) -> tuple[Problem, str] | None:
    """The problem with a mistake in its gradient, and a description of it; None if every gradient is zero."""
    rng = np.random.default_rng([seed, 1])
    bars = cotangents_of(right, seed)
    right.function(_copy(right.inputs))
    claimed = {k: np.asarray(v, float) for k, v in paths(right.gradients(_copy(right.inputs), bars)).items()}
    paths_ = [k for k, v in claimed.items() if np.any(v)]
    if not paths_:
        return None
    path = paths_[rng.integers(len(paths_))]
    least = STYLES[name].least
    size = float(least * (1 / least) ** rng.random()) * (1 if rng.random() < 0.5 else -1)
    largest = int(np.abs(claimed[path]).argmax())
    where = int(rng.integers(claimed[path].size)) if rng.random() < 0.5 else None

    def mistaken(gradient: Any) -> Any:
        if where is None:
            return gradient * (1 + size)
        one = np.zeros(gradient.size)
        one[where] = size
        one = one.reshape(gradient.shape).astype(gradient.dtype if gradient.dtype != object else float)
        return gradient + gradient.reshape(-1)[largest] * one

    def gradients(inputs: Any, cotangents: Any) -> Any:
        return _at(path, right.gradients(inputs, cotangents), mistaken)

    place = f"{path}, all of it" if where is None else f"{path}, element {where}"
    return replace(right, gradients=gradients), f"{size:.1e} of the largest element planted in {place}"


def _copy(inputs: Any) -> Any:
    return jax.tree.map(np.array, inputs)


def _at(path: str, tree: Any, change: Callable[[Any], Any], so_far: str = "") -> Any:
    """The tree with the leaf at this path changed."""
    if isinstance(tree, dict):
        return {k: _at(path, v, change, f"{so_far}.{k}" if so_far else str(k)) for k, v in tree.items()}
    if isinstance(tree, list):
        return [_at(path, v, change, f"{so_far}.{k}") for k, v in enumerate(tree)]
    if so_far != path:
        return tree
    return change(tree if isinstance(tree, jax.Array) or hasattr(tree, "aval") else np.asarray(tree))


def sizes(rng: Rng, count: int, most: int = max(ODD)) -> list[int]:
    """Random sizes, up to the one given."""
    return [int(v) for v in rng.choice([n for n in ODD if n <= most], count)]


def constant(rng: Rng) -> float:
    """A constant as people write one: with few decimals, as a fraction, or with all digits."""
    return [
        lambda: round(float(rng.uniform(0.05, 3)), int(rng.integers(1, 4))) or 0.1,
        lambda: float(rng.integers(1, 12)) / float(rng.integers(1, 12)),
        lambda: float(rng.uniform(0.1, 3)),
        lambda: float(10.0 ** -rng.integers(1, 4)),
    ][rng.integers(4)]()


def divisor(rng: Rng) -> float:
    """A constant by which the argument of an activation may be divided."""
    return float(np.clip(constant(rng), 0.3, 4))


def near_kinks(rng: Rng, *shape: int) -> np.ndarray:
    """Normal numbers, some of which lie close to zero."""
    x = rng.normal(size=shape)
    close = rng.random(shape) < 0.1
    return np.where(close, np.sign(x) * 10.0 ** -rng.uniform(2, 5, shape), x)


def sigmoid(a: Any) -> Any:
    """The logistic function in its usual form."""
    return 1 / (1 + np.exp(-a))


def gelu(x: Any) -> Any:
    """The tanh form."""
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu_slope(x: Any) -> Any:
    """The derivative of `gelu`, with its constant written as a literal."""
    t = np.tanh(0.7978845608028654 * x * (1 + 0.044715 * x * x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.7978845608028654 * (1 + 0.134145 * x * x)


ACTIVATIONS = {
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    "sigmoid": (sigmoid, lambda a: sigmoid(a) * (1 - sigmoid(a))),
    "softplus": (lambda a: np.log(1 + np.exp(a)), sigmoid),
    "square": (lambda a: a**2, lambda a: 2 * a),
    "sine": (np.sin, np.cos),
    "gelu": (gelu, gelu_slope),
}


def activation(rng: Rng) -> Any:
    """A function and its derivative."""
    return list(ACTIVATIONS.values())[rng.integers(len(ACTIVATIONS))]


# Constants on either side.


@style()
def mean_of_an_activation(rng: Rng) -> Problem:
    """A dense layer and a mean; the claim divides by the number of elements."""
    B, D, K = sizes(rng, 3)
    c, (f, slope) = constant(rng), activation(rng)
    inputs = {"w": rng.normal(size=(D, K)), "b": rng.normal(size=K), "x": rng.normal(size=(B, D))}

    def loss(i: Any) -> Any:
        return np.mean(f(i["x"] @ i["w"] + i["b"])) / c

    def gradients(i: Any) -> Any:
        a_bar = slope(i["x"] @ i["w"] + i["b"]) * (1 / c / (B * K))
        return {"w": i["x"].T @ a_bar, "b": a_bar.sum(0), "x": a_bar @ i["w"].T}

    return problem(inputs, loss=loss, gradients=gradients)


@style()
def least_squares(rng: Rng) -> Problem:
    """(2/n) Xᵀ(Xw − y), with a decay."""
    n, D = sizes(rng, 2)
    X, y, decay = rng.normal(size=(n, D)), rng.normal(size=n), constant(rng)
    inputs = {"w": rng.normal(size=D), "b": np.array(rng.normal())}

    def loss(i: Any) -> Any:
        return ((X @ i["w"] + i["b"] - y) ** 2).mean() + decay / 2 * (i["w"] ** 2).sum()

    def gradients(i: Any) -> Any:
        r = X @ i["w"] + i["b"] - y
        return {"w": (2 / n) * X.T @ r + decay * i["w"], "b": 2 * r.mean()}

    return problem(inputs, loss=loss, gradients=gradients)


@style()
def scaled(rng: Rng) -> Problem:
    """A value shifted, divided by one constant and the root of another; the backward pass multiplies."""
    shape = sizes(rng, int(rng.integers(1, 4)))
    m, s, d, (f, slope) = constant(rng), divisor(rng), constant(rng), activation(rng)

    def forward(i: Any) -> Any:
        return f((i["x"] - m) / s) / np.sqrt(d)

    def backward(i: Any, bar: Any) -> Any:
        return {"x": bar * d**-0.5 * slope((i["x"] - m) * (1 / s)) * (1 / s)}

    return problem({"x": rng.normal(size=shape)}, forward=forward, backward=backward)


@style()
def normalised(rng: Rng) -> Problem:
    """Layer norm with gain and bias, over a number of features that divides nothing."""
    B, D = sizes(rng, 1)[0], int(rng.choice((3, 5, 7)))
    eps = float(rng.choice((1e-3, 1e-2, 0.1)))
    inputs = {"x": rng.normal(size=(B, D)), "g": rng.normal(size=D), "b": rng.normal(size=D)}

    def forward(i: Any) -> Any:
        x = i["x"]
        return i["g"] * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) + i["b"]

    def backward(i: Any, bar: Any) -> Any:
        x = i["x"]
        z = x - x.sum(-1, keepdims=True) / D
        r = ((z * z).sum(-1, keepdims=True) / D + eps) ** -0.5
        n, d = z * r, bar * i["g"]
        x_bar = r * (d - d.mean(-1, keepdims=True) - n * (d * n).mean(-1, keepdims=True))
        return {"x": x_bar, "g": (bar * n).sum(0), "b": bar.sum(0)}

    return problem(inputs, forward=forward, backward=backward)


@style()
def smoothed_cross_entropy(rng: Rng) -> Problem:
    """A softmax with a temperature and smoothed labels, a mean over a batch."""
    B, K = sizes(rng, 1)[0], int(rng.choice((2, 3, 5)))
    labels, eps, tau = rng.integers(K, size=B), float(rng.choice((0.1, 0.05, 0.3))), float(rng.uniform(0.3, 2))

    def softmax(z: Any) -> Any:
        e = np.exp(z - z.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def loss(i: Any) -> Any:
        p = np.log(softmax(i["z"] / tau))
        return -(1 - eps) * p[np.arange(B), labels].mean() - eps / K * p.sum(1).mean()

    def gradients(i: Any) -> Any:
        target = (1 - eps) * np.eye(K)[labels] + eps / K
        return {"z": (softmax(i["z"] * (1 / tau)) - target) / (B * tau)}

    return problem({"z": rng.normal(size=(B, K))}, loss=loss, gradients=gradients)


@style()
def weighted_losses(rng: Rng) -> Problem:
    """Three losses, weighted."""
    n = int(rng.choice((2, 3, 5)))
    a, b, c = constant(rng), constant(rng), divisor(rng)
    inputs = {"u": rng.normal(size=n), "v": rng.normal(size=n)}

    def loss(i: Any) -> Any:
        return a * (i["u"] ** 2).mean() + b * np.exp(i["v"] * c).mean() + (1 - a) * np.sum(i["u"] * i["v"])

    def gradients(i: Any) -> Any:
        return {
            "u": 2 * a / n * i["u"] + (1 - a) * i["v"],
            "v": b * c * np.exp(c * i["v"]) / n + (1 - a) * i["u"],
        }

    return problem(inputs, loss=loss, gradients=gradients)


@style()
def attention(rng: Rng) -> Problem:
    """One head, by einsum, divided by a root."""
    T, S, D = sizes(rng, 3)
    inputs = {"q": rng.normal(size=(T, D)), "k": rng.normal(size=(S, D)), "v": rng.normal(size=(S, D))}

    def weights(i: Any) -> Any:
        e = np.exp(np.einsum("td,sd->ts", i["q"], i["k"]) / np.sqrt(D))
        return e / e.sum(1, keepdims=True)

    def forward(i: Any) -> Any:
        return np.einsum("ts,sd->td", weights(i), i["v"])

    def backward(i: Any, bar: Any) -> Any:
        p = weights(i)
        p_bar = bar @ i["v"].T
        s_bar = p * (p_bar - (p * p_bar).sum(1, keepdims=True)) * D**-0.5
        return {"q": s_bar @ i["k"], "k": s_bar.T @ i["q"], "v": p.T @ bar}

    return problem(inputs, forward=forward, backward=backward)


@style()
def moving_average(rng: Rng) -> Problem:
    """A decay with two decimals; its complement is a difference in the forward and a literal in the backward pass."""
    T, decay = int(rng.choice((2, 3, 5))), round(float(rng.uniform(0.5, 0.99)), 2)
    left = round(1 - decay, 2)

    def loss(i: Any) -> Any:
        m = i["m"]
        for x in i["x"]:
            m = decay * m + (1 - decay) * x
        return np.sin(m / (1 - decay**T))

    def gradients(i: Any) -> Any:
        share = np.array([left * decay ** (T - 1 - t) for t in range(T)])
        m = decay**T * i["m"] + (share * i["x"]).sum()
        bar = np.cos(m / (1 - decay**T)) / (1 - decay**T)
        return {"x": bar * share, "m": bar * decay**T}

    return problem({"x": rng.normal(size=T), "m": np.array(rng.normal())}, loss=loss, gradients=gradients)


@style()
def embedding(rng: Rng) -> Problem:
    """Rows of a table, some of them twice, scaled by the root of their size."""
    V, D, n = (int(k) for k in rng.choice((2, 3, 5), 3))
    words, y = rng.integers(V, size=n), rng.normal(size=(n, D))

    def loss(i: Any) -> Any:
        return ((i["table"][words] * np.sqrt(D) - y) ** 2).mean()

    def gradients(i: Any) -> Any:
        found = np.zeros_like(i["table"])
        np.add.at(found, words, 2 / (n * D) * (i["table"][words] * D**0.5 - y) * D**0.5)
        return {"table": found}

    return problem({"table": rng.normal(size=(V, D))}, loss=loss, gradients=gradients)


# State between calls.


class Dense:
    """A layer that keeps its input, and adds its gradients to accumulators that its forward clears."""

    def __init__(self, f: Any, slope: Any) -> None:
        self.f, self.slope = f, slope

    def forward(self, w: Any, b: Any, x: Any) -> Any:
        """f(xw + b)."""
        self.w, self.x, self.a = w, x, x @ w + b
        self.dw, self.db = np.zeros_like(w), np.zeros_like(b)
        return self.f(self.a)

    def backward(self, bar: Any) -> Any:
        """The cotangent of x."""
        da = bar * self.slope(self.a)
        self.dw += self.x.T @ da
        self.db += da.sum(axis=0)
        return da @ self.w.T


@style()
def layer_objects(rng: Rng) -> Problem:
    """A network of layer objects."""
    B, *widths = sizes(rng, int(rng.integers(3, 5)), most=3)
    layers = [Dense(*activation(rng)) for _ in widths[1:]]
    inputs: dict[str, Any] = {"x": rng.normal(size=(B, widths[0]))}
    for n, (before, after) in enumerate(pairwise(widths)):
        inputs |= {f"w{n}": rng.normal(size=(before, after)) / 2, f"b{n}": rng.normal(size=after)}

    def forward(i: Any) -> Any:
        h = i["x"]
        for n, layer in enumerate(layers):
            h = layer.forward(i[f"w{n}"], i[f"b{n}"], h)
        return h

    def backward(i: Any, bar: Any) -> Any:
        for layer in reversed(layers):
            bar = layer.backward(bar)
        found = {"x": bar}
        for n, layer in enumerate(layers):
            found |= {f"w{n}": layer.dw, f"b{n}": layer.db}
        return found

    return problem(inputs, forward=forward, backward=backward)


class Recurrent:
    """A recurrent layer that keeps its steps in a list."""

    def forward(self, i: Any) -> Any:
        """All states after the first."""
        self.steps, h, hs = [], i["h"], []
        for x in i["x"]:
            prev, h = h, np.tanh(x @ i["w"] + h @ i["u"] + i["b"])
            self.steps.append((x, prev, h))
            hs.append(h)
        return np.stack(hs)

    def backward(self, i: Any, bars: Any) -> Any:
        """The gradients; this empties the list."""
        found = {k: np.zeros_like(v) for k, v in i.items()}
        dh, t = np.zeros_like(i["h"]), len(bars)
        while self.steps:
            t, (x, prev, h) = t - 1, self.steps.pop()
            da = (bars[t] + dh) * (1 - h * h)
            found["w"] += x.T @ da
            found["u"] += prev.T @ da
            found["b"] += da.sum(0)
            found["x"][t] = da @ i["w"].T
            dh = da @ i["u"].T
        found["h"] = dh
        return found


@style()
def recurrent_object(rng: Rng) -> Problem:
    """A recurrent layer object of odd sizes."""
    (B, D, H), T = sizes(rng, 3, most=3), int(rng.choice((1, 2, 4)))
    shapes = {"w": (D, H), "u": (H, H), "b": (H,), "h": (B, H), "x": (T, B, D)}
    layer = Recurrent()
    inputs = {k: rng.normal(size=s) / 2 for k, s in shapes.items()}
    return problem(inputs, forward=layer.forward, backward=layer.backward)


@style(weight=1)
def layer_object_in_jax(rng: Rng) -> Problem:
    """A layer object whose tape holds JAX arrays."""
    B, D, K = sizes(rng, 3)
    kept: dict[str, Any] = {}

    def forward(i: Any) -> Any:
        kept["y"] = jnp.tanh(i["x"] @ i["w"])
        return kept["y"]

    def backward(i: Any, bar: Any) -> Any:
        a_bar = bar * (1 - kept["y"] ** 2)
        return {"x": a_bar @ i["w"].T, "w": i["x"].T @ a_bar}

    inputs = {"x": rng.normal(size=(B, D)), "w": rng.normal(size=(D, K))}
    return problem(inputs, forward=forward, backward=backward)


# float32 inside.


@style(least=1e-2)
def float32_buffer(rng: Rng) -> Problem:
    """Outputs are collected in a buffer of float32."""
    n, (f, slope) = int(rng.choice(ODD)), activation(rng)

    def forward(i: Any) -> Any:
        out = np.zeros(n, "f")
        for k in range(n):
            out[k] = f(i["x"][k])
        return out

    def backward(i: Any, bar: Any) -> Any:
        return {"x": bar * slope(i["x"])}

    return problem({"x": rng.uniform(0.2, 1.5, n)}, forward=forward, backward=backward)


@style(least=1e-2)
def float32_cast(rng: Rng) -> Problem:
    """Inputs are cast to float32, and gradients back."""
    B, D, K = sizes(rng, 3)
    f, slope = activation(rng)

    def forward(i: Any) -> Any:
        return f(i["x"].astype(np.float32) @ i["w"].astype(np.float32))

    def backward(i: Any, bar: Any) -> Any:
        x, w = i["x"].astype(np.float32), i["w"].astype(np.float32)
        a_bar = np.asarray(bar).astype(np.float32) * slope(x @ w)
        return {"x": (a_bar @ w.T).astype(float), "w": (x.T @ a_bar).astype(float)}

    # Weights as people initialise them: for a tanh at 7, float32 keeps no digit of 1 - y².
    inputs = {"x": rng.uniform(0.2, 1.5, (B, D)), "w": rng.normal(size=(D, K)) / D**0.5}
    return problem(inputs, forward=forward, backward=backward)


@style(least=1e-2)
def float32_inputs(rng: Rng) -> Problem:
    """All inputs are float32."""
    B, D, K = sizes(rng, 3)
    scale = {"x": 1, "w": D**-0.5, "b": 1}
    inputs = {
        k: (rng.normal(size=s) * scale[k]).astype(np.float32) for k, s in {"x": (B, D), "w": (D, K), "b": (K,)}.items()
    }

    def forward(i: Any) -> Any:
        return np.tanh(i["x"] @ i["w"] + i["b"])

    def backward(i: Any, bar: Any) -> Any:
        a_bar = bar * (1 - np.tanh(i["x"] @ i["w"] + i["b"]) ** 2)
        return {"x": a_bar @ i["w"].T, "w": i["x"].T @ a_bar, "b": a_bar.sum(0)}

    return problem(inputs, forward=forward, backward=backward)


# Kinks; and code that takes nothing but floats.


def floats(v: Any) -> Any:
    """An array of floats that Python's own array has held: no graph follows them there."""
    return np.array(array.array("d", np.ravel(v))).reshape(np.shape(v))


def buffered(v: Any) -> Any:
    """An array of floats in a buffer of NumPy's."""
    out = np.zeros(np.shape(v))
    out[...] = v
    return out


def relu_network(rng: Rng, floats: Callable[[Any], Any]) -> Problem:
    """Linear, relu, linear, a mean of squares."""
    B, D, H, K = sizes(rng, 4, most=3)
    inputs = {"w": near_kinks(rng, D, H), "v": rng.normal(size=(H, K)), "b": near_kinks(rng, H)}
    x = rng.normal(size=(B, D))

    def loss(i: Any) -> Any:
        return (np.maximum(x @ floats(i["w"]) + floats(i["b"]), 0) @ floats(i["v"]) ** 2).mean()

    def gradients(i: Any) -> Any:
        a, v = x @ floats(i["w"]) + floats(i["b"]), floats(i["v"])
        y_bar = np.full((B, K), 1 / (B * K))
        a_bar = (a > 0) * (y_bar @ (v**2).T)
        return {"w": x.T @ a_bar, "b": a_bar.sum(0), "v": 2 * v * ((a * (a > 0)).T @ y_bar)}

    return problem(inputs, loss=loss, gradients=gradients)


@style()
def relu_network_in_numpy(rng: Rng) -> Problem:
    """A version that takes any numbers."""
    return relu_network(rng, lambda v: v)


@style()
def relu_network_of_floats(rng: Rng) -> Problem:
    """A version that takes nothing but floats."""
    return relu_network(rng, floats)


@style()
def kinks_of_floats(rng: Rng) -> Problem:
    """abs, clip, leaky relu or hinge, of numbers some of which lie close to the kink."""
    n, c = int(rng.choice((3, 5, 12))), constant(rng)
    w = rng.normal(size=n)
    f, slope = [
        (np.abs, np.sign),
        (lambda x: np.clip(x, -1, 1), lambda x: (np.abs(x) < 1) * 1.0),
        (lambda x: np.where(x > 0, x, c * x), lambda x: np.where(x > 0, 1, c)),
        (lambda x: np.maximum(0, x) ** 2 + np.minimum(x, 0), lambda x: np.where(x > 0, 2 * x, 1)),
    ][rng.integers(4)]

    def loss(i: Any) -> Any:
        return float(w @ f(floats(i["x"])))

    def gradients(i: Any) -> Any:
        return {"x": w * slope(floats(i["x"]))}

    return problem({"x": near_kinks(rng, n)}, loss=loss, gradients=gradients)


@style()
def max_over_time(rng: Rng) -> Problem:
    """The largest of each column, as a text classifier pools; floats alone for half of them."""
    T, H = int(rng.choice((2, 3, 5))), sizes(rng, 1)[0]
    only = floats if rng.random() < 0.5 else lambda v: v

    def forward(i: Any) -> Any:
        return np.max(np.tanh(only(i["x"])), axis=0)

    def backward(i: Any, bar: Any) -> Any:
        y = np.tanh(only(i["x"]))
        return {"x": bar * (y == y.max(0)) * (1 - y * y)}

    return problem({"x": rng.normal(size=(T, H))}, forward=forward, backward=backward)


@style(weight=2)
def lstm_of_floats(rng: Rng) -> Problem:
    """An LSTM, a kernel a gate, column vectors, floats alone."""
    return column_lstm(rng, floats)


@style(weight=2)
def lstm_of_buffers(rng: Rng) -> Problem:
    """The same in buffers, which hold nothing but floats."""
    return column_lstm(rng, buffered)


@style()
def relu_network_of_buffers(rng: Rng) -> Problem:
    """A relu network in buffers, which hold nothing but floats."""
    return relu_network(rng, buffered)


def column_lstm(rng: Rng, floats: Callable[[Any], Any]) -> Problem:
    """An LSTM, a kernel a gate, column vectors."""
    T, (D, H) = int(rng.choice((1, 2, 3))), sizes(rng, 2, most=2)
    shapes: dict[str, Any] = {"x": (T, D, 1), "h": (H, 1), "c": (H, 1)}
    shapes |= {f"W{k}": (H, H + D) for k in "fico"} | {f"b{k}": (H, 1) for k in "fico"}
    inputs = {k: rng.normal(size=s) / 2 for k, s in shapes.items()}

    def run(i: Any) -> Any:
        i = {k: floats(v) for k, v in i.items()}
        h, c, steps = i["h"], i["c"], []
        for x in i["x"]:
            z = np.vstack([h, x])
            f, u, o = (sigmoid(i[f"W{k}"] @ z + i[f"b{k}"]) for k in "fio")
            g = np.tanh(i["Wc"] @ z + i["bc"])
            prev, c = c, f * c + u * g
            h = o * np.tanh(c)
            steps.append((z, prev, c, f, u, g, o))
        return i, h, steps

    def loss(i: Any) -> Any:
        return 0.5 * float((run(i)[1] ** 2).sum())

    def gradients(i: Any) -> Any:
        i, dh, steps = run(i)
        found, dc = {k: np.zeros_like(v) for k, v in i.items()}, 0.0
        for t in reversed(range(T)):
            z, prev, c, f, u, g, o = steps[t]
            dc = dc + dh * o * (1 - np.tanh(c) ** 2)
            da = {
                "f": dc * prev * f * (1 - f),
                "i": dc * g * u * (1 - u),
                "c": dc * u * (1 - g * g),
                "o": dh * np.tanh(c) * o * (1 - o),
            }
            dz = sum(i[f"W{k}"].T @ d for k, d in da.items())
            for k, d in da.items():
                found[f"W{k}"] += d @ z.T
                found[f"b{k}"] += d
            found["x"][t], dh, dc = dz[H:], dz[:H], dc * f
        return found | {"h": dh, "c": dc}

    return problem(inputs, loss=loss, gradients=gradients)


# JAX and torch.


@style(weight=1)
def mean_in_jax(rng: Rng) -> Problem:
    """A mean of an activation of jax.nn, the claim in jnp."""
    B, D = sizes(rng, 2)
    c = divisor(rng)
    f, slope = [
        (lambda x: jax.nn.gelu(x, approximate=False), lambda x: _erf_gelu_slope(x)),
        (jax.nn.silu, lambda x: jax.nn.sigmoid(x) * (1 + x * (1 - jax.nn.sigmoid(x)))),
        (lambda x: jax.nn.relu(x) ** 2, lambda x: 2 * x * (x > 0)),
        (lambda x: jax.nn.elu(x, c), lambda x: jnp.where(x > 0, 1.0, c * jnp.exp(x))),
    ][rng.integers(4)]

    def loss(i: Any) -> Any:
        return jnp.mean(f(i["x"] / c))

    def gradients(i: Any) -> Any:
        return {"x": slope(i["x"] / c) * (1 / c) / (B * D)}

    return problem({"x": rng.normal(size=(B, D))}, loss=loss, gradients=gradients)


def _erf_gelu_slope(x: Any) -> Any:
    return 0.5 * (1 + jax.scipy.special.erf(x / jnp.sqrt(2.0))) + x * jnp.exp(-x * x / 2) / jnp.sqrt(2 * jnp.pi)


@style(weight=1, least=1e-2)
def cast_in_jax(rng: Rng) -> Problem:
    """A cast to float32 in the middle."""
    B, D = sizes(rng, 2)
    inputs = {"x": rng.uniform(0.2, 1.5, (B, D)), "w": rng.normal(size=D) / D**0.5}

    def loss(i: Any) -> Any:
        return jnp.mean(jnp.tanh(i["x"] @ i["w"]).astype(jnp.float32) ** 2)

    def gradients(i: Any) -> Any:
        h = jnp.tanh(i["x"] @ i["w"])
        a_bar = 2 / B * h * (1 - h * h)
        return {"x": jnp.outer(a_bar, i["w"]), "w": i["x"].T @ a_bar}

    return problem(inputs, loss=loss, gradients=gradients)


@style(weight=1)
def rule_in_jax(rng: Rng) -> Problem:
    """A custom_vjp against its own primal."""
    n, c = sizes(rng, 1)[0], divisor(rng)

    @jax.custom_vjp
    def f(x: Any) -> Any:
        return jnp.sin(x / c)

    f.defvjp(lambda x: (jnp.sin(x / c), x), lambda x, bar: (bar * jnp.cos(x / c) * (1 / c),))
    return lstm_ref.custom_vjp(f, rng.normal(size=n))


def torch_module(rng: Rng, dtype: str) -> Problem:
    """A Sequential of linear layers and what people put between them."""
    import torch

    torch.manual_seed(int(rng.integers(2**31)))
    between = (torch.nn.Tanh, torch.nn.ReLU, torch.nn.ReLU, torch.nn.Sigmoid, torch.nn.LeakyReLU, torch.nn.GELU)
    B, *widths = sizes(rng, int(rng.integers(3, 5)), most=3)
    layers: list[Any] = []
    for before, after in pairwise(widths):
        layers += [torch.nn.Linear(before, after), between[rng.integers(len(between))]()]
    module = torch.nn.Sequential(*layers[:-1]).to(getattr(torch, dtype))
    return lstm_ref.torch_function(module, torch.randn(B, widths[0], dtype=getattr(torch, dtype)))


@style(weight=1, needs="torch")
def torch_module_in_float64(rng: Rng) -> Problem:
    """After `.double()`."""
    return torch_module(rng, "float64")


@style(weight=1, least=1e-2, needs="torch")
def torch_module_in_float32(rng: Rng) -> Problem:
    """As modules are made."""
    return torch_module(rng, "float32")


@style(weight=2, needs="torch")
def torch_autograd_function(rng: Rng) -> Problem:
    """A Function with constants of its own, and a mean."""
    import torch

    c, shape = divisor(rng), sizes(rng, 2)

    class MeanSwish(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return (x * torch.sigmoid(x / c)).mean(0)

        @staticmethod
        def backward(ctx: Any, bar: Any) -> Any:
            (x,) = ctx.saved_tensors
            s = torch.sigmoid(x / c)
            return bar / len(x) * s * (1 + x * (1 / c) * (1 - s))

    return lstm_ref.torch_function(MeanSwish.apply, torch.tensor(rng.normal(size=shape)))
