"""Forwards in their authors' ways to write them: convolutions by taps, windows, im2col or a library; gates in one
product; a batch norm; a piecewise activation. Each is derived, every line of its page is proven as it runs, and
reads as a person writes it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from lstm_ref import check_gradients
from lstm_ref.arithmetic.sliding import overlap, patches, spaced
from lstm_ref.deriving import patches as of_patches
from lstm_ref.deriving.derivation import derive
from lstm_ref.deriving.proof import loaded
from lstm_ref.errors import BadInput

FILES = Path(__file__).parent / "strangers"
LINES = {
    "conv_loops": [
        'Wx_bar += np.einsum("abck,abd->kcd", patches(x, (1,), (3,)), a_bar)',
        'h_prev_bar = np.einsum("abdk,kcd->abc", patches(a_bar, (1,), (3,)), np.flip(Wh, (0,)))',
    ],
    "conv_strides": [
        'Wh_bar += np.einsum("eafg,ebfgcd->abcd", gates_bar, patches(h_prev, (2, 3), (3, 3)))',
        'h_prev_bar = np.einsum("eafgcd,abcd->ebfg", patches(gates_bar, (2, 3), (3, 3)), np.flip(Wh, (2, 3)))',
    ],
    "conv_lax": [
        'Wx_bar += np.einsum("bnmckl,bnmo->klco", patches(x, (1, 2), (3, 3)), a_bar)',
        "wco_bar += (o_in_bar * c).sum(axis=0)",
    ],
    "conv_dilated": [
        "features_part = padded[:9, :] @ kernel[0] + padded[2:11, :] @ kernel[1] + padded[4:, :] @ kernel[2]"
    ],
    "conv_dilated_lax": [
        "patches(x, (2,), (5,))[:, :, :, ::2]",
        "patches(h_prev, (2,), (4,), ((3, 0),))[:, :, :, ::3]",
    ],
    "conv_halving_lax": ["patches(np.transpose(x, (1, 0, 2)), (1,), (3,))[:, ::2, :, :]", "overlap(spaced("],
    "conv_pyramid": [
        "pairs = np.concatenate([y[::2, :], y[1:, :][::2, :]], axis=1)",
        "x_bar = overlap(spaced(",
    ],
    "element_loops": ["z = sigmoid(Wz @ x + Uz @ h_prev + bz)", "Uz_bar += np.outer(z_in_bar, h_prev)"],
    "element_sums": ["a = b + W @ x + U @ h_prev", "h_prev_bar = U.T @ a_bar"],
    "element_accumulators": ["h = np.tanh(b + W @ x + U @ h_prev)"],
    "batch_loop": ["h = np.tanh(x @ W + h_prev @ U + b)", "U_bar += h_prev.T @ h_in_bar"],
    "element_lstm": ["c_new_1 = f_1 * c_prev[1] + i_1 * g_1", "c = np.stack([c_new_0, c_new_1, c_new_2], axis=0)"],
    "element_neighbours": ["new_1 = np.tanh(x[1] + u[1] * h_prev[1] + w[1] * h_prev[0])"],
    "scalar_state": ["h_prev = 0\n", "h = np.tanh(s + u * h_prev + b)"],
    "conv_im2col": ["cols_bar = (a_bar @ W.T).reshape("],
    "conv_npconv": ["patches(o_in_bar, (0,), (3,)) @ Wx[3]"],
    "mogrifier": [
        "a = x_4 @ W + h_3 @ U + b",
        "x_4_bar = a_bar @ W.T",
        "h_next_bar, c_next_bar = h_prev_bar, c_prev_bar",
    ],
    "ligru": ["v = x @ Wh", "Wh_bar += x.T @ v_bar"],
    "mingru_log": ["h_tilde = np.where((a >= 0), a + 0.5, sigmoid_a)"],
}


@pytest.mark.parametrize("name", LINES)
def test_a_strangers_forward_is_derived_as_a_person_writes_it(name, tmp_path, monkeypatch):
    d = derive(FILES / f"{name}.py")
    for line in LINES[name]:
        assert line in d.numpy, line
    run_page(d, tmp_path, monkeypatch)


def run_page(d, folder, monkeypatch):
    """The page's Python, which compares every line with autodiff."""
    monkeypatch.syspath_prepend(str(folder))
    (folder / f"{d.forward.title}.py").write_text(d.numpy)
    try:
        exec(compile("\n".join(re.findall(r"```python\n(.*?)```", d.page, re.S)), d.path.name, "exec"), {})
    finally:
        sys.modules.pop(d.forward.title, None)


@pytest.mark.parametrize("name", ["conv_loops", "conv_npconv"])
def test_a_derived_convolution_is_exact_to_sixty_digits(name):
    d = derive(FILES / f"{name}.py")
    user, ours = loaded(name, d.forward.source, d.path), loaded("ours", d.numpy, d.path)
    p = user.inputs(np.random.default_rng(0))
    report = check_gradients(p, forward=user.forward, backward=ours.backward, oracles=["balls"])
    assert report.right, report
    assert report.digits_in_balls >= 60


def test_a_convolution_is_printed_as_one():
    page = derive(FILES / "conv_lax.py").page
    assert r"$$a = x \ast W_{x} + h_{t-1} \ast W_{h} + b \tag{1}$$" in page
    assert r"\bar{h}_{t-1} = \bar{a} \ast \overleftarrow{W_{h}}" in page
    assert r"\mathrm{patches}(x)^\top\, \bar{a}" in page
    assert "at every place, the elements of $x$ under the kernel" in page
    assert "a convolution gives back the convolution with the mirrored kernel" in " ".join(page.split())


def test_a_kernel_that_is_not_mirrored_on_the_way_back_is_seen(monkeypatch, tmp_path):
    call = of_patches.ex.call
    same = lambda function, x, *more, **settings: x if function == "flip" else call(function, x, *more, **settings)  # noqa: E731
    monkeypatch.setattr(of_patches.ex, "call", same)
    with pytest.raises(AssertionError):
        run_page(derive(FILES / "conv_loops.py"), tmp_path, monkeypatch)


@pytest.mark.parametrize("pads", [None, ((0, 0), (1, 0)), ((2, 1), (0, 1))])
def test_overlap_is_the_transpose_of_patches(pads):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 4, 5, 3))
    seen = patches(x, (1, 2), (3, 2), pads)
    y = rng.standard_normal(seen.shape)
    back = overlap(y, (1, 2), (3, 2), pads, x.shape)
    assert abs(np.sum(seen * y) - np.sum(x * back)) <= 1e-15 * np.sum(np.abs(seen * y)) * seen.size


def test_spaced_is_the_transpose_of_taking_every_kth():
    rng = np.random.default_rng(1)
    x = rng.integers(-9, 9, (5, 7, 2))  # whole numbers: their sums are exact in any order
    taken = x[::2, ::3]
    y = rng.integers(-9, 9, taken.shape)
    back = spaced(y, (2, 3, 1), x.shape)
    assert np.sum(taken * y) == np.sum(x * back)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("correlate(p['x'], p['w'])", "what is written with NumPy's own functions, or with jax, is derived"),
        (
            "jax.lax.conv_general_dilated(p['x'].reshape(1, 4, -1), p['w'].reshape(2, 2, -1), (1,), 'SAME', "
            "feature_group_count=2)",
            "line 8: a convolution in 2 groups of several channels is not derived",
        ),
        (
            "jax.lax.conv_transpose(p['x'][None, None], p['w'][None, None], (2,), 'SAME', dimension_numbers="
            "('NCH', 'OIH', 'NCH'))",
            "line 8: a transposed convolution, or one that cuts its border away, is not derived",
        ),
    ],
)
def test_a_convolution_that_is_not_derived_is_one_line_with_a_remedy(body, told, tmp_path):
    pytest.importorskip("scipy")
    head = "import jax\nimport numpy as np\nfrom scipy.signal import correlate\n"
    head = head if "lax" in body else head.replace("import jax\n", "")
    (tmp_path / "bad.py").write_text(
        f"{head}inputs = {{'x': np.arange(8.0), 'w': np.ones(4)}}\n\n\ndef loss(p):\n    return ({body} ** 2).sum()\n"
    )
    with pytest.raises(BadInput, match=told) as refused:
        derive(tmp_path / "bad.py")
    assert "\n" not in str(refused.value)
