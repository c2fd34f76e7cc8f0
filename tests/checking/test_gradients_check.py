"""The checker: it finds planted mistakes, names their place, and never calls a right gradient wrong."""

from __future__ import annotations

import array
import json
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_ref import BadInput, WrongGradient, assert_gradients, check_gradients, torch_function
from lstm_ref.arithmetic import traceable
from lstm_ref.arithmetic.balls import as_balls, is_balls
from lstm_ref.arithmetic.memory import kinds_of
from lstm_ref.cells import lstm
from lstm_ref.checking.checker import check
from lstm_ref.checking.code.size import MANY_OF_TORCH
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.selfcheck.builtin import problems, through_time

RNG = np.random.default_rng(7)
X = RNG.standard_normal((3, 2))
INPUTS = {"w": RNG.standard_normal((2, 4)), "b": RNG.standard_normal(4)}


def loss(inputs: Any) -> Any:
    return (np.tanh(X @ inputs["w"] + inputs["b"]) ** 2).sum()


def gradients(inputs: Any) -> Any:
    y = np.tanh(X @ inputs["w"] + inputs["b"])
    a_bar = 2 * y * (1 - y * y)
    return {"w": X.T @ a_bar, "b": a_bar.sum(0)}


def planted(relative: Any, name: str = "w", index: Any = (1, 2)) -> Any:
    """The right gradients, but for one element that is off by a relative error."""

    def wrong(inputs: Any) -> Any:
        found = gradients(inputs)
        found[name] = found[name].copy()
        found[name][index] = found[name][index] * (1 + relative)
        return found

    return wrong


def test_a_right_numpy_gradient_agrees_to_all_digits():
    report = assert_gradients(INPUTS, loss=loss, gradients=gradients)
    assert report.verdict == "exact gradient"
    assert report.digits_in_balls >= 75
    assert report.digits_in_floats >= 14
    assert {o.oracle for o in report.inputs[0].oracles} == {"balls", "complex", "differences"}


def test_a_right_jax_gradient_is_asked_of_every_oracle_in_jax():
    def jax_loss(inputs: Any) -> Any:
        return (jnp.tanh(X @ inputs["w"] + inputs["b"]) ** 2).sum()

    report = assert_gradients(INPUTS, loss=jax_loss, gradients=jax.grad(jax_loss))
    assert {o.oracle for o in report.inputs[0].oracles} >= {"balls", "complex", "reverse", "forward", "differences"}
    assert report.digits_in_balls >= 75


@pytest.mark.parametrize("name, index", [("w", (1, 2)), ("w", (0, 0)), ("b", (3,))])
def test_a_relative_error_of_1e_30_in_one_element_is_found_in_balls(name, index):
    def wrong(inputs: Any) -> Any:
        # 1e-30 exists in balls alone: 1 + 1e-30 is 1 in floats, so this gradient's floats are right to the last bit.
        tiny = as_balls(10.0) ** -30 if is_balls(inputs["w"]) else 0.0
        return planted(tiny, name, index)(inputs)

    report = check_gradients(INPUTS, loss=loss, gradients=wrong)
    assert report.verdict == "wrong"
    culprit = next(i for i in report.inputs if i.name == name)
    assert (culprit.right, culprit.wrong_elements) == (False, 1)
    assert culprit.oracles[0].worst == index
    assert 29 <= culprit.digits_in_balls <= 32
    assert culprit.digits_in_floats > 14
    assert all(i.right for i in report.inputs if i.name != name)


@pytest.mark.parametrize("oracle", ["balls", "complex"])
def test_a_relative_error_of_1e_11_in_one_element_is_found_in_float64(oracle):
    """By an opaque function: only its float64 numbers can be judged, so the floor is the modelled one."""

    def opaque(inputs: Any) -> Any:
        return planted(1e-11)({k: np.reshape(array.array("d", np.ravel(v)), np.shape(v)) for k, v in inputs.items()})

    report = check_gradients(INPUTS, loss=loss, gradients=opaque, oracles=[oracle])
    assert report.verdict == "wrong"
    assert report.digits_in_balls is None
    (wrong,) = [i for i in report.inputs if not i.right]
    assert (wrong.name, wrong.wrong_elements, wrong.oracles[0].worst) == ("w", 1, (1, 2))


def test_1e_11_is_found_in_every_element_of_the_lstm_through_time():
    """Element by element, each relative to its own size, against the derived noise floor."""
    right = through_time(lstm, np.random.default_rng(0))
    bar_and_claim: dict[str, Any] = {}

    def recorded(inputs: Any, bar: Any) -> Any:
        bar_and_claim["claim"] = right.gradients(inputs, bar)
        return bar_and_claim["claim"]

    report = check(Problem(right.name, right.inputs, right.function, recorded, is_loss=False), oracles=["balls"])
    assert report.right
    rng = np.random.default_rng(1)
    for input_report in rng.choice(np.array(report.inputs, dtype=object), 3, replace=False):
        path = input_report.name.split(".")
        index = tuple(int(rng.integers(n)) for n in input_report.shape)

        def wrong(inputs: Any, bar: Any, path: Any = path, index: Any = index) -> Any:
            found = jax.tree.map(np.asarray, right.gradients(inputs, bar))
            if is_balls(inputs["xs"]):
                return found
            leaf = found[path[0]] if len(path) == 1 else getattr(found[path[0]], path[1])
            leaf[index] *= 1 + 1e-11
            return found

        claim = Problem(right.name, right.inputs, right.function, wrong, is_loss=False)
        assert not check(claim, oracles=["balls"], explain=False).right, (path, index)


def test_a_kink_is_not_held_against_a_gradient_and_hides_no_mistake():
    """At relu(0) every slope from 0 to 1 may be taken; the check is made beside the kink, where one is right."""
    inputs = {"x": np.array([-1.0, 0.0, 2.0])}
    relu_loss = lambda inputs: np.maximum(inputs["x"], 0.0).sum()  # noqa: E731
    for slope, factor, right in ((0.0, 1.0, True), (0.5, 1.0, True), (1.0, 1.0, True), (0.0, 1.1, False)):
        claim = lambda i, s=slope, k=factor: {"x": k * np.heaviside(i["x"], s)}  # noqa: E731
        report = check_gradients(inputs, loss=relu_loss, gradients=claim, oracles=["balls"])
        assert report.right == right, (slope, factor)
        # The difference is taken to the right, so the slope there passes where it stands.
        assert any("kink" in note for note in report.notes) == (slope != 1.0)


def test_the_first_wrong_node_is_named_and_the_rest_is_inherited():
    T = 4
    inputs = {"w": np.array(0.7), "x": RNG.standard_normal(T), "h": np.zeros(T)}

    def run(inputs: Any) -> list[Any]:
        hs, h = [], 0.3
        for t in range(T):
            h = np.tanh(inputs["w"] * h + inputs["x"][t]) + inputs["h"][t]
            hs.append(h)
        return hs

    def wrong_from(step: int) -> Any:
        def wrong(inputs: Any) -> Any:
            hs = run(inputs)
            bars, bar = [None] * T, 1.0
            for t in reversed(range(T)):
                bars[t] = bar
                y = hs[t] - inputs["h"][t]
                bar = bar * (1 - y * y) * inputs["w"] * (2.0 if t == step else 1.0)
            return {"h": np.stack(bars)}

        return wrong

    report = check_gradients(inputs, loss=lambda i: run(i)[-1], gradients=wrong_from(2), nodes=["h"])
    assert (report.first_wrong.node, report.first_wrong.step) == ("h", 1)
    assert report.inherited == ("h[0]",)
    assert report.unchecked == ("w", "x")
    assert report.inputs[0].pattern == "axis 0: right from index 2 on, wrong at 0..1"


def test_a_backward_that_writes_into_its_arguments_is_reported():
    def writes(inputs: Any) -> Any:
        found = gradients(inputs)
        inputs["b"] += 1
        return found

    report = check_gradients(INPUTS, loss=loss, gradients=writes)
    assert not report.right
    assert any("writes into its argument: input b" in note for note in report.notes)


def test_state_left_from_the_last_call_is_reported():
    total = {"w": np.zeros((2, 4)), "b": np.zeros(4)}

    def accumulates(inputs: Any) -> Any:
        for key, value in gradients(inputs).items():
            total[key] = total[key] + value
        return dict(total)

    report = check_gradients(INPUTS, loss=loss, gradients=accumulates)
    assert not report.right
    assert any("state remains from the previous call" in note for note in report.notes)


def test_a_check_asks_jax_once_in_each_precision_whether_it_can_trace_the_code():
    """Whatever asks afterwards, the answer is remembered with the function."""
    tried: list[str] = []

    def noted(name: str, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            leaf = jax.tree.leaves(arguments)[0]
            tried.extend([name] * (type(leaf).__name__ == "DynamicJaxprTracer"))
            return np.float64(function(*arguments)) if name == "loss" else function(*arguments)  # not JAX

        return call

    report = check_gradients(INPUTS, loss=noted("loss", loss), gradients=noted("gradients", gradients))
    assert report.right
    # In float64 and in float32, by itself and before its gradient.
    assert tried == ["loss"] * 4


def with_zeros(inputs: Any) -> Any:
    a = np.zeros((3, 4))
    a[:] = X @ inputs["w"] + inputs["b"]
    return (np.tanh(a) ** 2).sum()


def test_code_that_fills_a_buffer_of_floats_is_proven_through_its_graph():
    """Both the function and the claim, which is wrong by less than the modelled floor of its floats."""

    def filled(inputs: Any) -> Any:
        return {k: np.zeros(np.shape(v)) + v for k, v in gradients(inputs).items()}

    def buffered(inputs: Any) -> Any:
        found = filled(inputs)
        found["w"][...] += gradients(inputs)["w"]
        return found | {"w": found["w"] / 2}

    report = check_gradients(INPUTS, loss=with_zeros, gradients=buffered)
    assert report.right
    assert report.digits_in_balls >= 75
    assert "casts the imaginary part away" in dict(report.skipped)["complex"]
    assert report.inputs[0].oracles[0].oracle == "balls"

    def wrong(inputs: Any) -> Any:
        found = buffered(inputs)
        found["w"][1, 2] *= 1 + 1e-13
        return found

    report = check_gradients(INPUTS, loss=with_zeros, gradients=wrong)
    assert report.verdict == "wrong"
    assert 12 <= report.digits_in_balls <= 14


def test_code_that_leaves_the_graph_is_named_with_its_line_and_judged_by_the_other_oracles():
    def in_c(inputs: Any) -> Any:
        return with_zeros({k: np.reshape(array.array("d", np.ravel(v)), np.shape(v)) for k, v in inputs.items()})

    report = check_gradients(INPUTS, loss=in_c, gradients=gradients)
    assert report.right
    assert f"leaves the graph at {__file__}" in dict(report.skipped)["balls"]
    assert report.inputs[0].oracles[0].oracle == "differences"


def test_a_kink_in_a_branch_of_code_that_fills_a_buffer_is_seen():
    """Both one-sided slopes are called right, as the relu's of any code at zero."""
    x = np.array([1.0, 0.0, -2.0])

    def loss(inputs: Any) -> Any:
        y = np.zeros(3)
        for k in range(3):
            if inputs["x"][k] > 0:
                y[k] = inputs["x"][k]
        return (y * [1.0, 2.0, 3.0]).sum()

    report = check_gradients({"x": x}, loss=loss, gradients=lambda i: {"x": (i["x"] >= 0) * [1.0, 2.0, 3.0]})
    assert report.right, report


def test_autodiff_that_is_led_astray_does_not_decide():
    """A stop_gradient in the function misleads autodiff, not its values: the right gradient passes, with a note."""

    def stopped(inputs: Any) -> Any:
        return (inputs["x"] * jax.lax.stop_gradient(inputs["x"])).sum()

    inputs = {"x": RNG.standard_normal(3)}
    report = check_gradients(inputs, loss=stopped, gradients=lambda i: {"x": 2 * i["x"]})
    assert report.right
    assert any("reverse contradicts" in note for note in report.notes)
    assert not check_gradients(inputs, loss=stopped, gradients=lambda i: {"x": i["x"]}).right


def test_a_declared_estimator_is_held_to_its_definition_and_to_nothing_else():
    def definition(inputs: Any) -> Any:
        return (inputs["x"] * jax.lax.stop_gradient(inputs["x"])).sum()

    inputs = {"x": RNG.standard_normal(3)}
    claim = {"loss": lambda i: (i["x"] * i["x"]).sum(), "estimator": "half of it", "definition": definition}
    report = check_gradients(inputs, gradients=lambda i: {"x": i["x"]}, **claim)
    assert report.verdict == "intended estimator"
    assert check_gradients(inputs, gradients=lambda i: {"x": 2 * i["x"]}, **claim).verdict == "wrong"


def test_a_large_problem_is_checked_along_random_directions():
    inputs = {"w": RNG.standard_normal((40, 30)), "b": RNG.standard_normal(30)}
    x = RNG.standard_normal((2, 40)) / 10
    big_loss = lambda i: (np.tanh(x @ i["w"] + i["b"]) ** 2).sum()  # noqa: E731

    def big_gradients(i: Any) -> Any:
        y = np.tanh(x @ i["w"] + i["b"])
        a_bar = 2 * y * (1 - y * y)
        return {"w": x.T @ a_bar, "b": a_bar.sum(0)}

    assert_gradients(inputs, loss=big_loss, gradients=big_gradients)

    def wrong(i: Any) -> Any:
        found = big_gradients(i)
        found["w"][7, 3] = found["w"][7, 3] * (1 + 1e-6)
        return found

    report = check_gradients(inputs, loss=big_loss, gradients=wrong)
    assert [i.name for i in report.inputs if not i.right] == ["w"]


def test_float32_is_judged_by_what_float32_can_do():
    inputs = {k: v.astype(np.float32) for k, v in INPUTS.items()}
    right = lambda i: {k: v.astype(np.float32) if not is_balls(v) else v for k, v in gradients(i).items()}  # noqa: E731
    report = check_gradients(inputs, loss=loss, gradients=right)
    assert report.right
    assert 5 < report.digits_in_floats < 9
    wrong = lambda i: {**right(i), "b": right(i)["b"] * np.float32(1 + 1e-4)}  # noqa: E731
    assert not check_gradients(inputs, loss=loss, gradients=wrong).right


@pytest.mark.parametrize("name", ["cell/lstm", "layer/dense", "time/rnn_relu-lengths", "time/lstm-truncated"])
def test_built_in_derivations_agree_to_60_digits_in_balls_and_13_in_float64(name):
    report = check(problems()[name](np.random.default_rng(3)), seed=3)
    assert report.right
    assert report.digits_in_balls >= 60
    assert report.digits_in_floats >= 13


def test_the_failure_of_the_assertion_is_the_report():
    with pytest.raises(WrongGradient, match=r"(?s)wrong.*w.*WRONG: 1 of 8.*worst at w\[1, 2\]"):
        assert_gradients(INPUTS, loss=loss, gradients=planted(0.5))


def test_the_report_is_json_with_a_schema():
    data = json.loads(check_gradients(INPUTS, loss=loss, gradients=planted(0.5)).as_json())
    assert data["schema"] == 3
    assert data["verdict"] == "wrong"
    assert data["inputs"][0]["oracles"][0]["worst"] == [1, 2]
    assert data["environment"]["jax"] == jax.__version__


def test_the_checker_leaves_jax_as_it_was():
    before = jax.config.jax_enable_x64
    check_gradients(INPUTS, loss=lambda i: jnp.sum(i["w"] ** 2), gradients=lambda i: {"w": 2 * i["w"]})
    assert jax.config.jax_enable_x64 == before


BAD = {
    "inputs must be a non-empty dict": dict(inputs={}, loss=loss, gradients=gradients),
    "input b must be an array of floats, got int64": dict(
        inputs={**INPUTS, "b": np.arange(4)}, loss=loss, gradients=gradients
    ),
    "input b must be an array of floats, got str": dict(inputs={**INPUTS, "b": "zero"}, loss=loss, gradients=gradients),
    r"input w is not finite at index \(0, 1\): nan": dict(
        inputs={**INPUTS, "w": np.array([[1.0, np.nan], [0, 0]])}, loss=loss, gradients=gradients
    ),
    "give either loss and gradients, or forward and backward": dict(inputs=INPUTS),
    r"inputs\(generator\) fails: ZeroDivisionError: division by zero": dict(
        inputs=lambda rng: 1 / 0, loss=loss, gradients=gradients
    ),
    "inputs must be a non-empty dict of named arrays, got NoneType": dict(
        inputs=lambda rng: None, loss=loss, gradients=gradients
    ),
    "gradients must be a function, got nothing": dict(inputs=INPUTS, loss=loss),
    "loss.inputs. fails: KeyError: 'b'": dict(inputs={"w": INPUTS["w"]}, loss=loss, gradients=gradients),
    r"loss.inputs. must be one number, got shape \(2, 4\)": dict(
        inputs=INPUTS, loss=lambda i: i["w"], gradients=gradients
    ),
    r"gradients.inputs. returns 'v', which is no input \(w, b\)": dict(
        inputs=INPUTS, loss=loss, gradients=lambda i: {"v": i["w"]}
    ),
    r"returns 'b.x', which is no input \(w, b\)": dict(
        inputs=INPUTS, loss=loss, gradients=lambda i: {"b": {"x": i["b"]}}
    ),
    r"the gradient of b is a list or tuple: an array of shape \(4,\) is expected": dict(
        inputs=INPUTS, loss=loss, gradients=lambda i: {"b": i["b"].tolist()}
    ),
    r"the gradient of l.0.w is a list or tuple: an array of shape \(2, 2\) is expected": dict(
        inputs={"l": [{"w": np.eye(2)}]},
        loss=lambda i: (i["l"][0]["w"] ** 2).sum(),
        gradients=lambda i: {"l": [{"w": tuple(map(tuple, i["l"][0]["w"].tolist()))}]},
    ),
    r"the gradient of b must have its shape \(4,\), got \(2, 4\)": dict(
        inputs=INPUTS, loss=loss, gradients=lambda i: {"b": i["w"]}
    ),
    "must return a dict of gradients by input name, got ndarray": dict(
        inputs=INPUTS, loss=loss, gradients=lambda i: i["w"]
    ),
    "claims no gradient": dict(inputs=INPUTS, loss=loss, gradients=lambda i: {}),
    "unknown oracle 'magic'": dict(inputs=INPUTS, loss=loss, gradients=gradients, oracles=["magic"]),
    "digits must be at least 20": dict(inputs=INPUTS, loss=loss, gradients=gradients, digits=5),
    r"node 'c' is not among the inputs \(w, b\)": dict(inputs=INPUTS, loss=loss, gradients=gradients, nodes=["c"]),
    "needs both `estimator`": dict(inputs=INPUTS, loss=loss, gradients=gradients, estimator="mine"),
    "is not finite on finite inputs": dict(
        inputs=INPUTS, loss=lambda i: np.sum(i["w"]) / np.float64(0.0), gradients=gradients
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_one_line_that_names_the_culprit(message):
    with pytest.raises(BadInput, match=message) as error:
        check_gradients(**BAD[message])
    assert "\n" not in str(error.value)


def test_a_function_that_changes_from_call_to_call_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="changes from call to call"):
        check_gradients(INPUTS, loss=lambda i: np.sum(np.tanh(i["w"])) + rng.random(), gradients=gradients)


def test_a_problem_can_be_built_once_and_checked_with_other_seeds():
    claim = problem(INPUTS, forward=lambda i: i["w"] ** 2, backward=lambda i, bar: {"w": 2 * i["w"] * bar})
    assert all(check(claim, seed=seed).right for seed in (0, 1))


def test_inputs_may_be_drawn_as_in_a_derivation_file():
    """The seed draws them; a claim that is right at one draw only is wrong at another."""

    def inputs(rng):
        return {"w": rng.integers(1, 3, 4).astype(float)}

    def check_at(seed):
        first = inputs(np.random.default_rng(0))["w"]
        return check_gradients(
            inputs, loss=lambda i: (i["w"] ** 2).sum(), gradients=lambda i: {"w": i["w"] + first}, seed=seed
        )

    assert check_at(0).right
    assert not check_at(1).right


@pytest.mark.parametrize("library", [np, jnp], ids=["numpy", "jax"])
def test_a_check_traces_each_function_of_the_users_once_in_each_dtype(library, monkeypatch):
    traced = []
    original = traceable._why_untraceable
    monkeypatch.setattr(
        traceable, "_why_untraceable", lambda f, given: traced.append((f, kinds_of(given))) or original(f, given)
    )

    def forward(inputs):
        return library.tanh(inputs["w"] @ inputs["x"])

    def backward(inputs, bar):
        a_bar = bar * (1 - forward(inputs) ** 2)
        return {"w": library.outer(a_bar, inputs["x"]), "x": inputs["w"].T @ a_bar}

    given = problem({"w": np.full((3, 2), 0.5), "x": np.arange(2.0)}, forward=forward, backward=backward)
    assert check(given).verdict == "exact gradient"
    assert {given.function, given.gradients} <= {f for f, _ in traced}
    assert len(set(traced)) == len(traced)


def test_a_check_traces_torch_code_once_and_its_gradient_once(monkeypatch):
    """Along directions too, balls follow the graph that judged every element."""
    torch = pytest.importorskip("torch")
    traced = []
    module = sys.modules["lstm_ref.graph.trace"]  # the package's `trace` is the function
    original = module.trace
    monkeypatch.setattr(module, "trace", lambda f, inputs: traced.append(f) or original(f, inputs))
    given = torch_function(torch.nn.LSTM(4, 5), torch.randn(3, 2, 4))
    assert sum(np.size(v) for v in given.inputs.values()) > MANY_OF_TORCH
    report = check(given)
    assert report.verdict == "exact gradient"
    assert all(r.digits_in_balls is not None for r in report.inputs)
    assert len(traced) == 2
