"""The measured noise of a function's values equals the effect of their rounding; kinks are not taken for noise."""

import numpy as np
import pytest

from lstm_ref import check_gradients, torch_function
from lstm_ref.checking.function.bits import bits_inside
from lstm_ref.oracles.noise import FLOAT64
from lstm_ref.oracles.noise import noise as measured
from lstm_ref.oracles.noise import staircase as measured_in_steps

FACTOR = 16.0
"""To which the noise is to be told: a step of differences, √(noise), then is the best one to a factor of four."""
LESS = {np.float16: np.float32, np.float32: np.float64, np.float64: np.longdouble}
BITS = {np.float16: 11, np.float32: 24, np.float64: 53}
DTYPES = pytest.mark.parametrize("dtype", list(BITS), ids=lambda d: d.__name__)
SIZES = pytest.mark.parametrize("N", [1, 2, 10, 100, 1000])


def in_(dtype, of=np.float64):
    """A smooth function that computes in a dtype inside, and gives floats of the dtype that its values are held in."""

    def function(x):
        x = np.asarray(x).astype(dtype)
        w = np.cos(1.7 * np.arange(x.size) + 0.3).astype(dtype)
        return np.sum(w * x * x + x).astype(of)

    return function


def noise(function, x):
    return measured(function, x, np.maximum(1.0, np.abs(x)))


def staircase(function, x):
    return measured_in_steps(function, x, np.maximum(1.0, np.abs(x)))


def at_points(function):
    return lambda points: np.array([function(p) for p in points])


def true_noise(function, exact, x):
    """The standard deviation of the errors at inputs close by."""
    rng = np.random.default_rng(9)
    nearby = [x * (1 + 1e-3 * rng.standard_normal(x.shape)) for _ in range(300)]
    return float(np.std([function(p) - exact(p) for p in nearby]))


@DTYPES
@SIZES
@pytest.mark.parametrize("seed", range(3))
def test_the_noise_of_a_function_is_that_of_its_roundings(dtype, N, seed):
    x = np.random.default_rng(seed).standard_normal(N)
    function, exact = in_(dtype), in_(LESS[dtype], of=LESS[dtype])
    true = true_noise(function, exact, x)
    assert true / FACTOR <= noise(at_points(function), x) <= true * FACTOR


@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=lambda d: d.__name__)
@SIZES
def test_low_precision_in_a_part_of_a_value_is_the_noise_of_all_of_it(dtype, N):
    x = np.random.default_rng(N).standard_normal(N)
    part, exact = in_(dtype), in_(LESS[dtype], of=LESS[dtype])
    true = true_noise(part, exact, x)
    assert true / FACTOR <= noise(at_points(lambda p: np.sum(p**3) + part(p)), x) <= true * FACTOR


@pytest.mark.parametrize("offset", [1e6, 1e11])
def test_a_large_offset_is_as_noisy_as_its_last_place(offset):
    x = np.random.default_rng(0).standard_normal(4)
    exact = true_noise(
        lambda p: np.sum(np.sin(p)) + offset, lambda p: np.sum(np.sin(p.astype(np.longdouble))) + offset, x
    )
    assert exact / FACTOR <= noise(at_points(lambda p: np.sum(np.sin(p)) + offset), x) <= exact * FACTOR


@SIZES
@pytest.mark.parametrize("distance", [0.0, 1e-12, 1e-9, 1e-7, -1e-6, 1e-5, -1e-4, 1e-3, -0.01, 0.1])
@pytest.mark.parametrize(
    "function", [lambda x: np.maximum(x, 0).sum() + 1, lambda x: np.abs(x).sum() + 1, lambda x: x.max() + x @ x + 1]
)
def test_a_kink_at_the_inputs_or_beside_them_is_no_noise(function, distance, N):
    x = np.random.default_rng(N).standard_normal(N)
    x[0] = distance
    x[-1] = x.max() if N > 1 else x[-1]  # the largest of equals
    assert noise(at_points(function), x) <= FLOAT64 * function(x)


def test_many_inputs_at_their_kinks_are_no_noise():
    def dead(x):
        return np.sum(np.maximum(x, 0) * np.arange(1, 501)) + 1

    assert noise(at_points(dead), np.zeros(500)) <= FLOAT64


def test_each_output_has_a_noise_of_its_own():
    x = np.array([0.3, -0.7])
    both = at_points(lambda p: np.array([in_(np.float64)(p), in_(np.float32)(p)]))
    double, single = noise(both, x)
    assert double < 1e-14 < 1e-9 < single


def test_a_function_that_is_not_finite_beside_its_inputs_is_as_noisy_as_can_be():
    assert noise(at_points(lambda x: np.where(x[0] == 0.5, 1.0, np.nan)), np.array([0.5])) == np.inf


@pytest.mark.filterwarnings("ignore:invalid value")
def test_the_end_of_the_domain_within_the_longer_lines_is_no_noise():
    x = np.array([1e-3, 1.0])
    assert noise(at_points(lambda p: np.sum(np.log(p))), x) <= FLOAT64 * 7


@DTYPES
def test_the_bits_inside_are_those_of_the_least_precise_dtype_on_the_way(dtype):
    x = np.random.default_rng(0).standard_normal(5)
    assert bits_inside(lambda given: in_(dtype)(given["x"]), {"x": x}) == BITS[dtype]
    assert bits_inside(lambda given: {"y": given["x"], "z": in_(dtype)(given["x"])}, {"x": x}) == BITS[dtype]


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_kinks_take_no_bits(scale):
    x = np.array([0.0, 1.0, -1.0, 0.0, 1.0])
    assert bits_inside(lambda given: scale * np.maximum(given["x"], 0), {"x": x}) == 53
    assert bits_inside(lambda given: scale * np.max(given["x"]), {"x": x}) == 53


W = np.random.default_rng(0).standard_normal((4, 3))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("factor, right", [(1.0, True), (1.03, False)])
def test_a_layer_in_float32_with_a_residual_in_float64_is_judged_by_its_float32(seed, factor, right):
    def loss(inputs):
        h = np.zeros(4, "f")
        h[:] = W @ np.asarray(inputs["x"], dtype=float)
        return (np.asarray(inputs["x"], dtype=float) ** 3).sum() + float(np.tanh(h).sum())

    def gradients(inputs):
        x = np.asarray(inputs["x"], dtype=float)
        return {"x": factor * 3 * x**2 + W.T @ (1 - np.tanh(W @ x) ** 2)}

    x = np.random.default_rng(seed).standard_normal(3)
    report = check_gradients({"x": x}, loss=loss, gradients=gradients)
    assert report.right is right
    assert not right or any("the forward computes in float32 inside" in note for note in report.notes)


def test_the_line_that_a_remark_quotes_is_the_users_and_never_this_packages():
    """A torch problem's functions are methods of our adapter, whose source names bfloat16."""
    torch = pytest.importorskip("torch", reason="torch is not installed")

    class Rounded(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        def backward(ctx, bar):
            (x,) = ctx.saved_tensors
            return (bar * x.cos()).float().double()

    problem = torch_function(Rounded.apply, torch.tensor([0.3, 0.7], dtype=torch.float64))
    (note,) = [note for note in check_gradients(problem).notes if "inside" in note]
    assert note == "the backward computes in float32 inside: it is judged at the digits that remain"


@pytest.mark.parametrize("distance", [1e-5, 1e-3, 3e-2])
def test_a_gradient_that_jumps_at_kinks_close_by_is_no_staircase(distance):
    """The slopes of relu and abs jump from one to another at a few points of a line, not at nearly all of them."""
    x = np.array([distance, 0.7, -2 * distance, 1.3])
    jumping = lambda p: np.array([np.sign(v) + (v > 0) * w for v, w in zip(p, (0.3, 2.0, -1.0, 5.0), strict=True)])  # noqa: E731
    assert np.max(staircase(at_points(jumping), x)) == 0
    assert np.max(staircase(at_points(lambda p: jumping(p) + np.sin(p).astype("f")), x)) > FLOAT64


def test_one_jump_of_a_function_that_changes_everywhere_is_no_noise():
    """The derivative is that of relu² on one side of zero, and 1 on the other."""

    def slope(p):
        return np.where(p > 0, 2 * p, 1.0)

    x = np.repeat([-5.7e-4, 5.7e-4], 6)
    assert np.max(staircase(at_points(slope), x)) <= FLOAT64
    low = lambda p: slope(p).astype(np.float16).astype(float)  # noqa: E731
    assert np.max(staircase(at_points(low), np.array([0.3]))) > FLOAT64


@pytest.mark.parametrize("part, calls", [(1.0, 45), (0.0, 90)])
def test_the_coarse_lines_are_asked_about_what_is_flat_on_the_fine_ones(part, calls):
    asked = []

    def function(p):
        asked.append(p)
        return np.array([np.sin(p).sum(), part * p[0]])

    staircase(at_points(function), np.array([0.3, 0.7]))
    assert len(asked) == calls
