"""Backward passes that live elsewhere: custom rules of JAX, torch code, compiled code; each right one passes, each
wrong one does not, in the precision in which it runs."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_ref import BadInput, check_gradients, custom_vjp, torch_function
from lstm_ref.checking.derivation_file import load

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


# ------------------------------------------------------------------------------------------------------- torch


torch = pytest.importorskip("torch", reason="torch is not installed")


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
    for seed in range(3):
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
    assert [i.name for i in report.inputs if not i.right] == ["argument_3"]


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


def test_a_function_that_takes_no_float64_is_one_clear_error():
    weight = torch.randn(3, 3)
    with pytest.raises(BadInput, match=r"no oracle could be asked.*the function fails in float64: RuntimeError"):
        check_gradients(torch_function(lambda x: x @ weight, torch.randn(2, 3)))


def test_torch_code_that_cannot_be_checked_is_one_clear_error():
    with pytest.raises(BadInput, match="must share one dtype, got"):
        torch_function(torch.nn.Linear(3, 2), torch.randn(4, 3, dtype=torch.float64))
    with pytest.raises(BadInput, match="outputs must be floating tensors, got Tensor"):
        check_gradients(torch_function(lambda x: x.argmax(), torch.randn(3)))


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
