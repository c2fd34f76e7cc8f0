"""Backward passes written elsewhere (JAX custom rules, torch code, compiled code): the check passes each right one and
fails each wrong one, in the precision in which it runs."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_ref import BadInput, check_gradients, custom_vjp, torch_function
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking.files.derivation_file import load
from lstm_ref.checking.truth.answers import NO_DIFFERENCES

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3))


def with_slope(slope):
    @jax.custom_vjp
    def act(x, k):
        return jnp.tanh(x) * k

    act.defvjp(
        lambda x, k: (act(x, k), (x, k)),
        lambda kept, bar: (bar * kept[1] * slope(jnp.tanh(kept[0])), (bar * jnp.tanh(kept[0])).sum()),
    )
    return act


@pytest.mark.parametrize(("slope", "right"), [(lambda y: 1 - y * y, True), (lambda y: 1 - y, False)])
def test_a_custom_rule_is_held_against_its_own_primal(slope, right):
    act = with_slope(slope)
    report = check_gradients(custom_vjp(act, X, np.float64(1.5)), oracles=["reverse", "balls"])
    assert report.right is right
    assert [i.name for i in report.inputs] == ["x", "k"]


@pytest.mark.parametrize(("slope", "right"), [(lambda y: 1 - y * y, True), (lambda y: 1 - y, False)])
def test_a_custom_rule_inside_other_code_is_found(slope, right):
    act = with_slope(slope)

    @jax.jit
    def scanned(x, steps):
        return jax.lax.scan(lambda h, _: (act(h, 0.5), None), x, steps)[0]

    report = check_gradients(custom_vjp(scanned, X, jnp.arange(3)), oracles=["reverse", "balls"])
    assert report.right is right
    assert [i.name for i in report.inputs] == ["x"]


def test_a_custom_rule_of_no_floats_is_a_clear_error():
    with pytest.raises(BadInput, match="none of the 1 arguments holds floats"):
        custom_vjp(with_slope(lambda y: y), jnp.arange(3))


@jax.custom_vjp
def right_tanh(x):
    return jnp.tanh(x)


@jax.custom_vjp
def wrong_tanh(x):
    return jnp.tanh(x)


@jax.custom_vjp
def shifted_tanh(x):
    return jnp.tanh(x)


right_tanh.defvjp(lambda x: (jnp.tanh(x), jnp.tanh(x)), lambda y, bar: (bar * (1 - y * y),))
wrong_tanh.defvjp(lambda x: (jnp.tanh(x), jnp.tanh(x)), lambda y, bar: (bar * (1 - y),))
shifted_tanh.defvjp(lambda x: (jnp.tanh(x) + 1e-3, jnp.tanh(x)), lambda y, bar: (bar * (1 - y * y),))
BOTH = pytest.mark.parametrize(("act", "right"), [(right_tanh, True), (wrong_tanh, False)])
X32 = jnp.asarray(X, jnp.float32)


def names_of(report):
    return [i.name for i in report.inputs]


@BOTH
def test_an_equinox_module_keeps_every_parameter(act, right):
    eqx = pytest.importorskip("equinox")
    mlp = eqx.nn.MLP(3, 2, 4, 1, activation=act, key=jax.random.key(0))
    report = check_gradients(custom_vjp(lambda model, x: jax.vmap(model)(x), mlp, X32))
    assert report.right is right
    layers = [f"model.layers.{k}.{name}" for k in range(2) for name in ("weight", "bias")]
    assert names_of(report) == [*layers, "x"]


@BOTH
def test_a_flax_module_is_checked_by_its_apply(act, right):
    nn = pytest.importorskip("flax.linen")

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(2)(act(nn.Dense(4)(x)))

    net = Net()
    report = check_gradients(custom_vjp(net.apply, net.init(jax.random.key(0), X32), X32))
    assert report.right is right
    assert "variables.params.Dense_0.kernel" in names_of(report)


@BOTH
def test_what_stands_between_the_floats_is_held_fixed(act, right):
    given = {"w": X32, "n": 2, "flag": True, "none": None, "f": jnp.sin}
    report = check_gradients(custom_vjp(lambda p, i: act(p["f"](p["w"])[:, i]) * p["n"], given, jnp.array([1, 2])))
    assert report.right is right
    assert names_of(report) == ["p.w"]


@pytest.mark.parametrize(("power", "right"), [(1, True), (2, False)])
def test_a_custom_jvp_is_held_against_its_primal(power, right):
    @jax.custom_jvp
    def softplus(x):
        return jnp.log1p(jnp.exp(x))

    softplus.defjvp(lambda x, dot: (softplus(x[0]), jax.nn.sigmoid(x[0]) ** power * dot[0]))
    assert check_gradients(custom_vjp(softplus, X32)).right is right


@BOTH
def test_a_rule_that_asks_another_rule_is_laid_open_to_the_ground(act, right):
    @jax.custom_vjp
    def outer(x):
        return act(x) ** 2

    outer.defvjp(lambda x: (outer(x), x), lambda x, bar: jax.vjp(lambda v: act(v) ** 2, x)[1](bar))
    assert check_gradients(custom_vjp(outer, X32)).right is right


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (2.0, False)])
@pytest.mark.parametrize("inside", [False, True])
def test_settings_named_by_nondiff_argnums_are_no_inputs(factor, right, inside):
    @functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
    def leaky(x, slope, f):
        return f(jnp.where(x > 0, x, slope * x))

    leaky.defvjp(
        lambda x, slope, f: (leaky(x, slope, f), x),
        lambda slope, f, x, bar: (bar * jnp.where(x > 0, 1.0, factor * slope),),
    )
    made = custom_vjp(lambda x, slope: leaky(2 * x, slope, lambda v: v), X32, 0.1)
    if not inside:
        made = custom_vjp(leaky, X32, 0.1, lambda v: v)
    assert made.remarks == (
        ("held fixed, because JAX takes no derivative with respect to it: slope",) if inside else ()
    )
    report = check_gradients(made)
    assert report.right is right
    assert names_of(report) == ["x"]


@pytest.mark.parametrize(("conjugate", "right"), [(lambda v: v, True), (jnp.conj, False)])
def test_complex_arguments_are_checked_in_jaxs_convention(conjugate, right):
    """By which the cotangent of z in z·w is bar·w; in torch's it is bar·conj(w)."""

    @jax.custom_vjp
    def product(z, w):
        return z * w

    product.defvjp(lambda z, w: (z * w, (z, w)), lambda kept, bar: tuple(bar * conjugate(v) for v in kept[::-1]))
    z, w = (RNG.standard_normal(3) + 1j * RNG.standard_normal(3) for _ in range(2))
    report = check_gradients(custom_vjp(product, z, w))
    assert report.right is right
    assert sorted(names_of(report)) == ["w.imag", "w.real", "z.imag", "z.real"]


def test_what_a_rule_returns_in_place_of_the_primal_is_there_to_compare():
    for act, off in ((right_tanh, 0.0), (shifted_tanh, 1e-3)):
        made = custom_vjp(act, X)
        with x64():
            difference = made.rule_outputs(made.inputs) - made.function(made.inputs)
        np.testing.assert_allclose(difference, off, atol=1e-15)


def test_outputs_that_are_no_floats_are_left_out_with_a_word():
    made = custom_vjp(lambda x: (right_tanh(x), x > 0, x.argmax()), X)
    assert made.remarks == ("outputs left out, because they are not floats: 1 (bool), 2 (int64)",)
    assert check_gradients(made).right
    with pytest.raises(BadInput, match="none of its outputs holds floats: the output"):
        custom_vjp(lambda x: x > 0, X)


def test_a_function_that_jax_refuses_is_one_line_in_its_words():
    with pytest.raises(BadInput, match=r"^net fails: TypeError: dot_general requires contracting dimensions[^\n]*$"):
        custom_vjp(lambda x: x @ np.ones((5, 5)), X, name="net")


# ------------------------------------------------------------------------------------------------------- torch


torch = pytest.importorskip("torch", reason="torch is not installed")

from lstm_ref.checking.code.adapters.torch_run import Code  # noqa: E402
from lstm_ref.graph.trace import graph_at  # noqa: E402

trace_module = sys.modules["lstm_ref.graph.trace"]  # its package has a function of this name


def cube(wrong):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return (x @ w) ** 3

        @staticmethod
        def backward(ctx, bar):
            x, w = ctx.saved_tensors
            y_bar = 3 * (x @ w) ** 2 * bar
            return y_bar @ w.T, (1 + wrong) * x.T @ y_bar

    return Cube.apply


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_a_right_torch_module_passes_in_every_precision(dtype):
    for seed in range(2):
        torch.manual_seed(seed)
        module = torch.nn.LSTM(3, 4).to(getattr(torch, dtype))
        xs = torch.randn(6, 2, 3).to(getattr(torch, dtype))
        report = check_gradients(torch_function(module, xs), seed=seed)
        assert report.right, report.as_json()
        assert {i.dtype for i in report.inputs} == {dtype}


@pytest.mark.parametrize(
    ("dtype", "wrong"), [("float64", 1e-8), ("float32", 3e-4), ("bfloat16", 0.2), ("float16", 0.03)]
)
def test_a_wrong_backward_is_found_in_every_precision(dtype, wrong):
    """By the last digits that its arithmetic has; a right one with the same function passes."""
    torch.manual_seed(0)
    x, w = (torch.randn(s).to(getattr(torch, dtype)) for s in ((5, 3), (3, 4)))
    assert check_gradients(torch_function(cube(0.0), x, w)).right
    report = check_gradients(torch_function(cube(wrong), x, w))
    assert not report.right
    assert [i.right for i in report.inputs] == [True, False]


def test_the_example_file_is_found_wrong_by_its_transpose():
    (problem,) = load(str(Path(__file__).parents[2] / "examples" / "torch_function.py"))
    report = check_gradients(problem)
    assert report.findings[0].sentence.endswith("is transposed")
    assert [i.name for i in report.inputs if not i.right] == ["U"]


def test_the_module_is_left_as_it_was():
    module = torch.nn.Linear(3, 2)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    x = torch.randn(4, 3)
    check_gradients(torch_function(module, x))
    assert module.weight.dtype == torch.float32
    assert module.weight.grad is None
    assert not x.requires_grad
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())


def test_states_in_a_tuple_are_inputs_each():
    state = torch.randn(1, 2, 4), torch.randn(1, 2, 4)
    report = check_gradients(torch_function(torch.nn.LSTM(3, 4), torch.randn(5, 2, 3), state))
    assert report.right
    assert {"hx.0", "hx.1", "input"} < {i.name for i in report.inputs}


def test_torch_code_that_cannot_be_checked_is_one_clear_error():
    x = torch.randn(4, 3)
    for message, made in {
        r"^Linear fails: RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float$": lambda: (
            torch_function(torch.nn.Linear(3, 2), x.double())
        ),
        r"^<lambda>: outputs must be floating tensors, got Tensor of torch.int64$": lambda: torch_function(
            lambda x: x.argmax(), x
        ),
        "^<lambda>: in torch, none of its outputs depends on its inputs$": lambda: torch_function(
            lambda x: x.detach(), x
        ),
        "^<lambda>: neither arguments nor parameters are floating tensors": lambda: torch_function(
            lambda i: i.float(), torch.tensor([1, 2])
        ),
        "^LazyLinear: its parameter weight has no shape yet": lambda: torch_function(torch.nn.LazyLinear(2), x),
        r"^failing fails: ValueError: no \(test_gradients_adapters.py, line \d+\)$": lambda: torch_function(failing, x),
        "^<lambda> fails: TypeError: .*missing 1 required keyword-only argument: 'k'$": lambda: torch_function(
            lambda x, *, k: x * k, x
        ),
        "^Dropout: .* changes from call to call: pass its random numbers": lambda: check_gradients(
            torch_function(torch.nn.Dropout(), x)
        ),
    }.items():
        with pytest.raises(BadInput, match=message):
            made()


def failing(x):
    raise ValueError("no\nnot with me")


def test_a_backward_that_fails_is_told_with_its_line():
    rule = rule_of(lambda x, w: x @ w, lambda x, w, bar: (bar @ w, x.T @ bar))
    with pytest.raises(BadInput, match=r"^Rule: its backward pass fails: .*test_gradients_adapters.py, line \d+\)$"):
        check_gradients(torch_function(rule, torch.randn(5, 3), torch.randn(3, 2)))


def test_an_oracle_that_is_not_for_torch_says_so_in_a_few_words():
    report = check_gradients(torch_function(torch.nn.Tanh(), torch.randn(3)))
    assert max(len(why) for name, why in report.skipped if "torch" in why) < 120


# ------------------------------------------------------------------------------------- torch, as people write it


def rule_of(forward, backward):
    """A custom Function of tensors that saves what it is given."""

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *given):
            ctx.save_for_backward(*given)
            return forward(*given)

        @staticmethod
        def backward(ctx, bar):
            return backward(*ctx.saved_tensors, bar)

    return Rule.apply


class Encoder(torch.nn.Module):
    """Makes its float32 states anew."""

    def __init__(self):
        super().__init__()
        self.rnn, self.out = torch.nn.LSTM(3, 2, batch_first=True), torch.nn.Linear(2, 2)

    def forward(self, x):
        zeros = torch.zeros(1, x.size(0), 2, dtype=torch.float32)
        return self.out(self.rnn(x, (zeros, zeros))[0][:, -1])


class Loop(torch.nn.Module):
    """Keeps its state on `self`."""

    def __init__(self, cut=lambda v: v):
        super().__init__()
        self.cell, self.h, self.cut = torch.nn.LSTMCell(3, 2), None, cut

    def forward(self, xs):
        if self.h is None:
            self.h = torch.zeros(xs.size(1), 2), torch.zeros(xs.size(1), 2)
        for x in xs:
            self.h = self.cell(x, tuple(map(self.cut, self.h)))
        return self.h[0]


class Packed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.GRU(3, 2)

    def forward(self, x, lengths):
        return self.rnn(torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False))


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = torch.nn.Embedding(6, 3), torch.nn.Linear(3, 6)
        self.decode.weight = self.encode.weight

    def forward(self, words):
        return self.decode(torch.tanh(self.encode(words)))


class Normed(torch.nn.Module):
    """Buffers, one of them written to."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.randn(3))
        self.register_buffer("seen", torch.zeros(3))
        self.gain = torch.nn.Parameter(torch.randn(3))

    def forward(self, x):
        self.seen += x.detach().mean(0)
        return (x - self.mean) * self.gain


class Masked(torch.nn.Module):
    """Has submodules that are named like its arguments."""

    def __init__(self):
        super().__init__()
        self.x, self.mask = torch.nn.Linear(3, 2), torch.nn.Linear(2, 2)

    def forward(self, x, mask):
        return self.mask(self.x(x)) * mask


class Scale(torch.nn.Module):
    """Has a parameter that is named like its argument."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(3))

    def forward(self, w):
        return self.w * w


class Plain:
    """No module: an object with tensors."""

    def __init__(self):
        self.w, self.h = torch.randn(3, 3), torch.zeros(2, 3)

    def __call__(self, x):
        self.h = torch.tanh(x @ self.w + self.h)
        return self.h


class Hooked(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        y = torch.tanh(x)
        if y.requires_grad:
            y.register_hook(lambda bar: self.factor * bar)
        return y


class InPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(3.0)

    @staticmethod
    def backward(ctx, bar):
        return bar * 3.0


class InPlaceWrong(InPlace):
    @staticmethod
    def backward(ctx, bar):
        return bar / 3.0


class Gate(torch.autograd.Function):
    @staticmethod
    def forward(x, w):
        return torch.sigmoid(x) * w

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, bar):
        x, w = ctx.saved_tensors
        s = torch.sigmoid(x)
        return bar * w * s * (1 - s), bar * s


class GateWrong(Gate):
    @staticmethod
    def backward(ctx, bar):
        x, w = ctx.saved_tensors
        s = torch.sigmoid(x)
        return bar * w * s * (1 - s * s), bar * s


def in_place(x):
    y = torch.zeros(3, 5)
    for k in range(3):
        y[k] = x * (k + 1)
    y += 1
    return y.pow_(2)


def scaled_without_gradient(x):
    with torch.no_grad():
        size = x.norm()
    return x / size


def force(x):
    (found,) = torch.autograd.grad((torch.tanh(x) ** 2).sum(), x, create_graph=True)
    return found


GLOBAL = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))


def reads_globals(x):
    return helper(x) @ GLOBAL


def helper(x):
    return torch.tanh(x @ GLOBAL)


def closes_over():
    net, gain = torch.nn.Linear(3, 2), torch.tensor([2.0, 3.0])
    return lambda x: net(x).relu() * gain


def after_training(module, *given):
    """Its state hangs on the graph of a step of training."""
    module(*given).sum().backward()
    return module


def linear(of_bias):
    return rule_of(lambda x, w, b: x @ w.T + b, lambda x, w, b, bar: (bar @ w, bar.T @ x, of_bias(bar)))


def numpy_sinh(x):
    return torch.as_tensor(np.sinh(x.detach().numpy()))


def numbers(*shape, dtype=None):
    return torch.randn(*shape, dtype=dtype)


def relu_net():
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))


def script(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(module)


WORDS = torch.tensor([[1, 2], [3, 1]])
RIGHT = {
    "a module that makes its states": lambda: (Encoder(), numbers(2, 4, 3)),
    "a state on self": lambda: (Loop(), numbers(3, 2, 3)),
    "a state that has a history": lambda: (after_training(Loop(), numbers(3, 2, 3)), numbers(3, 2, 3)),
    "a method": lambda: (Encoder().forward, numbers(2, 4, 3)),
    "a plain object": lambda: (Plain(), numbers(2, 3)),
    "a closure over a module": lambda: (closes_over(), numbers(4, 3)),
    "globals, through a helper": lambda: (reads_globals, numbers(2, 3)),
    "writing in place": lambda: (in_place, numbers(5)),
    "a gradient on the way": lambda: (force, numbers(4)),
    "relu": lambda: (relu_net(), numbers(4, 3)),
    "a packed sequence out": lambda: (Packed(), numbers(4, 2, 3), torch.tensor([3, 4])),
    "a packed sequence in": lambda: (
        torch.nn.GRU(3, 2),
        torch.nn.utils.rnn.pack_padded_sequence(numbers(4, 2, 3), torch.tensor([4, 3])),
    ),
    "tied weights": lambda: (Tied(), torch.tensor([1, 2, 1])),
    "buffers": lambda: (Normed(), numbers(4, 3)),
    "a sparse embedding": lambda: (torch.nn.Embedding(5, 3, sparse=True), WORDS),
    "a sparse bag, with padding": lambda: (torch.nn.EmbeddingBag(5, 3, sparse=True, padding_idx=1), WORDS),
    "an embedding with padding": lambda: (torch.nn.Embedding(5, 3, padding_idx=1, sparse=True), WORDS),
    "TorchScript": lambda: (script(relu_net()), numbers(4, 3)),
    "submodules named like arguments": lambda: (Masked(), numbers(4, 3), numbers(4, 2)),
    "a parameter named like an argument": lambda: (Scale(), numbers(4, 3)),
    "batch statistics": lambda: (torch.nn.BatchNorm1d(3), numbers(6, 3)),
    "an attention": lambda: (torch.nn.MultiheadAttention(2, 1), *[numbers(3, 2, 2)] * 3),
    "a parametrized weight": lambda: (
        torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 2)),
        numbers(4, 3),
    ),
    "float32 asked for inside": lambda: (lambda x: x.float().pow(2).type_as(x), numbers(4, dtype=torch.bfloat16)),
    "masks made floats": lambda: (
        lambda x: x * (1 - (x > 0).float()) + x**2 * (1 - (x < 0).type(torch.FloatTensor)),
        numbers(6),
    ),
    "masks, indices and None": lambda: (lambda x: (x.sin(), x > 0, None, 3, {"n": x.argmax()}), numbers(4)),
    "a complex argument": lambda: (lambda z: (z * z.conj()).real + z.imag**2, numbers(3, dtype=torch.complex64)),
    "complex outputs": lambda: (torch.fft.rfft, numbers(6)),
    "a saved rule": lambda: (linear(lambda bar: bar.sum(0)), numbers(4, 3), numbers(2, 3), numbers(2)),
    "a rule of a relu": lambda: (rule_of(lambda x: x.clamp(min=0), lambda x, bar: bar * (x > 0)), numbers(50)),
    "a rule that writes in place": lambda: (InPlace.apply, numbers(4)),
    "a rule with setup_context": lambda: (Gate.apply, numbers(4), numbers(4)),
    "a rule that leaves torch": lambda: (rule_of(numpy_sinh, lambda x, bar: bar * torch.cosh(x)), numbers(4)),
    "a complex rule": lambda: (
        rule_of(lambda z, w: z * w, lambda z, w, bar: (bar * w.conj(), bar * z.conj())),
        *(numbers(3, dtype=torch.complex64) for _ in range(2)),
    ),
    "a hook that changes nothing": lambda: (Hooked(1.0), numbers(4)),
}
WRONG = {
    "a state cut from its past": lambda: (Loop(lambda v: v.detach()), numbers(3, 2, 3)),
    "a detached mean": lambda: (lambda x: x - x.mean().detach(), numbers(5)),
    "data in place of the value": lambda: (lambda x: x * x.data, numbers(5)),
    "no_grad around a scale": lambda: (scaled_without_gradient, numbers(5)),
    "a scale that leaves torch": lambda: (lambda x: x * x.abs().max().item(), numbers(5)),
    "a copy of a tensor": lambda: (lambda x: x * x.sum().clone().detach(), numbers(5)),
    "an undeclared straight-through": lambda: (lambda x: x + (torch.round(x) - x).detach(), 3 * numbers(5)),
    "a hook that doubles": lambda: (Hooked(2.0), numbers(4)),
    "None for a bias": lambda: (linear(lambda bar: None), numbers(4, 3), numbers(2, 3), numbers(2)),
    "zero for a bias": lambda: (linear(lambda bar: 0 * bar.sum(0)), numbers(4, 3), numbers(2, 3), numbers(2)),
    "a mean for a bias": lambda: (linear(lambda bar: bar.mean(0)), numbers(4, 3), numbers(2, 3), numbers(2)),
    "a leak in a relu": lambda: (
        rule_of(lambda x: x.clamp(min=0), lambda x, bar: bar * torch.where(x > 0, 1.0, 0.01)),
        numbers(50),
    ),
    "a rule of a clamp": lambda: (rule_of(lambda x: x.clamp(-1, 1), lambda x, bar: bar), 2 * numbers(20)),
    "a rule that detaches": lambda: (rule_of(lambda x: x.detach() ** 2, lambda x, bar: bar * x), numbers(4)),
    "a rule that writes in place": lambda: (InPlaceWrong.apply, numbers(4)),
    "a rule with setup_context": lambda: (GateWrong.apply, numbers(4), numbers(4)),
    "a rule that leaves torch": lambda: (rule_of(numpy_sinh, lambda x, bar: bar * torch.sinh(x)), numbers(4)),
    "a complex rule in JAX's convention": lambda: (
        rule_of(lambda z, w: z * w, lambda z, w, bar: (bar * w, bar * z)),
        *(numbers(3, dtype=torch.complex64) for _ in range(2)),
    ),
    "a rule inside a closure": lambda: (
        lambda x: rule_of(torch.tanh, lambda x, bar: bar * (1 - torch.tanh(x)))(2 * x),
        numbers(4),
    ),
    "a rule in bfloat16": lambda: (
        rule_of(lambda x: x**3, lambda x, bar: 2 * x * bar),
        numbers(4, dtype=torch.bfloat16),
    ),
}
LEFT_TO_VALUES = {"a scale that leaves torch", "a hook that doubles", "a rule that leaves torch"}


@pytest.mark.parametrize(
    ("case", "right"), [(c, True) for c in RIGHT] + [(c, False) for c in WRONG], ids=lambda v: str(v)
)
def test_strangers_torch_code_is_judged_rightly(case, right):
    torch.manual_seed(0)
    report = check_gradients(torch_function(*(RIGHT if right else WRONG)[case]()))
    assert report.right is right, report.as_json()
    by_torch = {i.name: o.agrees for i in report.inputs for o in i.oracles if o.oracle == "torch"}
    if case in LEFT_TO_VALUES:
        assert not by_torch, "autograd does not see this, and must say so"
    else:
        assert by_torch == {i.name: i.right for i in report.inputs}


def test_autograd_sees_what_differences_over_kinks_do_not():
    """Of four layers with relu and max-pool, at 10 seeds: torch's own rules, each time."""
    for seed in range(10):
        torch.manual_seed(seed)
        net = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3), torch.nn.ReLU(), torch.nn.MaxPool1d(2), torch.nn.Flatten())
        report = check_gradients(torch_function(net, numbers(2, 1, 8)), oracles=["torch"])
        assert report.right


def test_what_is_left_out_or_held_fixed_is_told():
    def remarks(*given):
        return torch_function(*given).remarks

    x = numbers(4, 3)
    assert remarks(lambda x: (x.sin(), x > 0, None), x) == (
        "outputs left out, because they are not floats: 1 (Tensor of torch.bool)",
    )
    assert remarks(lambda x: (x.sin(), x.detach()), x) == ("outputs left out, because torch gives them no gradient: 1",)
    assert remarks(Packed(), numbers(4, 2, 3), torch.tensor([4, 3]))[0].startswith(
        "outputs left out, because they are not floats: 0.batch_sizes"
    )
    frozen = torch.nn.Linear(3, 2)
    frozen.weight.requires_grad_(False)
    assert remarks(frozen, x) == ("held fixed, because they require no gradient: weight",)
    assert remarks(closes_over(), x)[0].startswith("held fixed with their parameters: net")
    assert remarks(lambda net, x: net(x), frozen, x)[0].startswith("held fixed with their parameters: net")
    assert remarks(torch.nn.Embedding(5, 3, padding_idx=1), WORDS) == (
        "held fixed, because torch gives the row of padding_idx no gradient: row 1 of weight",
    )
    assert remarks(lambda z: z.real, numbers(3, dtype=torch.complex64)) == ("complex, so each is two inputs: z",)
    assert remarks(relu_net(), x) == ()


def test_code_that_takes_no_float64_runs_as_it_is_and_says_why():
    def stubborn(x):
        assert x.dtype == torch.float32, "float32 alone"
        return x**2

    made = torch_function(stubborn, numbers(3))
    (remark,) = made.remarks
    assert remark.startswith("the code does not run in float64: AssertionError: float32 alone (test_gradients_adapters")
    x = made.inputs["x"].astype(np.float64) + 1e-12
    np.testing.assert_array_equal(made.function({"x": x}), np.float64(np.float32(x) ** 2))


def test_float32_code_is_evaluated_in_float64_wherever_it_says_float32():
    torch.manual_seed(0)
    for made in (torch_function(Encoder(), numbers(2, 4, 3)), torch_function(closes_over(), numbers(4, 3))):
        x = {n: np.asarray(v, np.float64) for n, v in made.inputs.items()}
        moved = made.function(x | {n: v + 1e-12 for n, v in x.items()}) - made.function(x)
        assert 0 < np.abs(moved).max() < 1e-10
        assert made.function(made.inputs).dtype == np.float32
    assert torch.get_default_dtype() == torch.float32


def test_arguments_have_names_that_their_author_knows():
    for given, names in (
        ((lambda x, *rest: x + sum(rest), *[numbers(2)] * 3), ["x", "rest_0", "rest_1"]),
        ((lambda *args: sum(args), *[numbers(2)] * 2), ["argument_0", "argument_1"]),
        ((lambda x, scale=2: x * scale, numbers(2)), ["x"]),
        ((lambda batch: batch["x"][0] * batch["w"], {"x": [numbers(2), 3], "w": numbers(2)}), ["batch.w", "batch.x.0"]),
        ((Gate.apply, numbers(2), numbers(2)), ["x", "w"]),
        ((Scale(), numbers(3)), ["w", "argument_0"]),
        ((script(torch.nn.Tanh()), numbers(3)), ["input"]),
    ):
        assert list(torch_function(*given).inputs) == names


def straight_through(x):
    return x + (torch.round(x) - x).detach()


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (2.0, False)])
def test_a_declared_estimator_is_held_to_its_definition(factor, right):
    rule = rule_of(torch.round, lambda x, bar: factor * bar)
    made = torch_function(rule, 3 * numbers(5), estimator="straight-through", definition=straight_through)
    report = check_gradients(made)
    assert report.right is right
    assert report.estimator == "straight-through"


@pytest.mark.parametrize(("cut", "right"), [(lambda v: v.detach(), True), (lambda v: v, False)])
def test_a_truncated_module_is_held_to_another_with_the_same_parameters(cut, right):
    module = Loop(lambda v: v.detach())
    definition = Loop(cut)
    report = check_gradients(torch_function(module, numbers(3, 2, 3), estimator="cut", definition=definition))
    assert report.right is right


def test_a_definition_that_proves_nothing_is_refused():
    rule = rule_of(torch.round, lambda x, bar: 2 * bar)
    with pytest.raises(BadInput, match="autograd would use a custom rule, which may be the one under test: Rule"):
        check_gradients(torch_function(rule, numbers(3), estimator="mine", definition=rule))
    with pytest.raises(BadInput, match="must have the same inputs: bias, weight differ"):
        torch_function(torch.nn.Linear(3, 2), numbers(4, 3), estimator="mine", definition=straight_through)


# ------------------------------------------------------------------------------------------------ compiled code


KERNEL = """
void backward(const float *x, const float *bar, float *x_bar, int n, float factor) {
    for (int k = 0; k < n; k++) x_bar[k] = factor * x[k] * bar[k];
}
"""


@pytest.mark.parametrize(("factor", "right"), [(2.0, True), (2.0002, False)])
def test_a_compiled_float32_kernel_is_judged_by_a_float64_forward(tmp_path, factor, right):
    if shutil.which("gcc") is None:
        pytest.skip("no gcc here to compile a kernel")
    (tmp_path / "kernel.c").write_text(KERNEL)
    command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(tmp_path / "kernel.so"), str(tmp_path / "kernel.c")]
    subprocess.run(command, check=True)
    kernel = ctypes.CDLL(str(tmp_path / "kernel.so")).backward

    def backward(inputs, bar):
        x = np.ascontiguousarray(inputs["x"], np.float32)
        bar, given = np.ascontiguousarray(bar, np.float32), np.empty_like(x)
        pointers = [v.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for v in (x, bar, given)]
        kernel(*pointers, ctypes.c_int(x.size), ctypes.c_float(factor))
        return {"x": given}

    report = check_gradients(
        {"x": X.astype(np.float32)}, forward=lambda inputs: inputs["x"] * inputs["x"], backward=backward
    )
    assert report.right is right
    assert "measured" in report.floor or "derived" in report.floor


class Counting(torch.nn.Module):
    """Changes its output with every call: by a list, a tensor in place or an attribute."""

    def __init__(self, how):
        super().__init__()
        self.w, self.how = torch.nn.Parameter(torch.randn(3)), how
        self.seen, self.total, self.count = [], torch.zeros(1), 0

    def forward(self, x):
        if self.how == "list":
            self.seen.append(x)
        elif self.how == "tensor":
            self.total += 1
        elif self.how == "attribute":
            self.count += 1
        return self.w * x * (len(self.seen) + self.total + self.count)


@pytest.mark.parametrize("how", ["list", "tensor", "attribute", "none"])
def test_a_copy_of_a_module_is_used_again_only_if_the_call_left_it_as_it_was(how):
    code = Code(Counting(how), (torch.randn(3),), ["x"])
    tensors = {n: v.detach().double() for n, v in code.inputs.items()}
    first, second = (code.run(tensors, double=True)[""] for _ in range(2))
    assert torch.equal(first, second)
    assert bool(code._unchanged) is (how == "none")


def test_code_that_asks_for_float32_at_some_numbers_alone_still_runs_in_float64():
    class Sometimes(torch.nn.Module):
        def forward(self, x):
            y = x * 2
            return (y + torch.ones(3, dtype=torch.float32)) @ torch.eye(3, dtype=torch.float32) if x[0] > 0 else y

    code = Code(Sometimes(), (torch.tensor([-1.0, 2.0, 3.0]),), ["x"])
    for x in ([-1.0, 2.0, 3.0], [1.0, 1 / 3, 3.0]):
        x = torch.tensor(x, dtype=torch.float64)
        y = code.run({"x": x}, double=True)[""]
        assert torch.equal(y, 2 * x + (x[0] > 0))


def test_torch_code_is_traced_once_for_both_its_precisions(monkeypatch):
    runs = []
    numpy_code = trace_module._of_numpy
    monkeypatch.setattr(trace_module, "_of_numpy", lambda f, inputs: runs.append(1) or numpy_code(f, inputs))
    of = torch_function(torch.nn.Linear(2, 3), torch.ones(1, 2))
    graph = graph_at(of.function, of.inputs)
    assert graph_at(of.function, {n: v.astype(np.float64) for n, v in of.inputs.items()}) is graph
    assert len(runs) == 1


def test_differences_are_asked_where_they_are_named_or_needed():
    torch.manual_seed(0)
    of = torch_function(torch.nn.GRU(4, 5), torch.randn(2, 1, 4))
    report = check_gradients(of)
    assert dict(report.skipped)["differences"] == NO_DIFFERENCES
    assert {o.oracle for o in report.inputs[0].oracles} == {"balls", "trace", "torch"}
    small = check_gradients(torch_function(torch.nn.GRU(1, 2), torch.randn(2, 1, 1)))
    assert dict(small.skipped)["differences"] == NO_DIFFERENCES
    assert {o.oracle for o in small.inputs[0].oracles} == {"balls", "torch"}
    asked = check_gradients(of, oracles=["balls", "differences"])
    assert {o.oracle for o in asked.inputs[0].oracles} == {"balls", "differences"}
