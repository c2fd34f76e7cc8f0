"""Custom autograd.Functions as people write them: proven in balls, and a slip named by a line of their forward."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from lstm_ref import check_gradients, torch_function  # noqa: E402

FOLDER = Path(__file__).parent / "torch_code"
STEP = "z = x @ W.t() + h @ U.t() + b"
CALL = "torch.lstm_cell(x, (h, c), W, U)"
SLIPS = {
    "lstm_cell_call": {
        "dc * g, dc * c, dc * i": {"dc * g, dc * c_new, dc * i": CALL, "dc * i, dc * c, dc * i": CALL},
        "dh * o * (1 - t * t)": {"dh * o": CALL, "dh * (1 - t * t)": CALL},
        "dg * (1 - g * g)": {"dg * (1 - g)": CALL},
        "dc * f, dz.t() @ x": {"dc, dz.t() @ x": CALL},
    },
    "lstm_step": {
        "dc = dc + dh * o * (1 - t * t)": {
            "dc = dc + dh * o * (1 - c_new * c_new)": "h_new = o * torch.tanh(c_new)",
            "dc = dh * o * (1 - t * t)": "c_new = f * c + i * g",
            "dc = dc + dh * o": "h_new = o * torch.tanh(c_new)",
            "dc = dc + dh * (1 - t * t)": "h_new = o * torch.tanh(c_new)",
            "dc = dc - dh * o * (1 - t * t)": "h_new = o * torch.tanh(c_new)",
        },
        "do = dh * t": {"do = dh * c_new": "h_new = o * torch.tanh(c_new)"},
        "df = dc * c\n": {"df = dc * c_new\n": "c_new = f * c + i * g"},
        "di, dg = dc * g, dc * i": {
            "di, dg = dc * i, dc * g": "i = torch.sigmoid(i)",
            "di, dg = dc * g, dc": "c_new = f * c + i * g",
        },
        "dg * (1 - g * g)": {"dg * (1 - g)": "g = torch.tanh(g)", "dg": "g = torch.tanh(g)"},
        "di * i * (1 - i)": {"di * i": "i = torch.sigmoid(i)"},
        "dz @ W, dz @ U, dc * f": {"dz @ W, dz @ U, dc": "c_new = f * c + i * g"},
        "dz.t() @ h, dz.sum(0)": {"dz.t() @ h, dz[0]": STEP},
    },
    "light_gru": {
        "dh = dh * z + dz @ Uz.t() + dn @ Un.t()": {
            "dh = dz @ Uz.t() + dn @ Un.t()": "hs[t + 1] = z * hs[t] + (1 - z) * n",
            "dh = dh * z + dn @ Un.t()": "z = torch.sigmoid(xs[t] @ Wz + hs[t] @ Uz)",
            "dh = dh * z + dz @ Uz + dn @ Un.t()": "z = torch.sigmoid(xs[t] @ Wz + hs[t] @ Uz)",
            "dh = dh * z + dz @ Uz.t() + dn @ Un": "n = torch.relu(xs[t] @ Wn + hs[t] @ Un)",
        },
        "dh * (hs[t] - n) * z": {"dh * (n - hs[t]) * z": "z = torch.sigmoid(xs[t] @ Wz + hs[t] @ Uz)"},
        "dn = dh * (1 - z) * (n > 0).to(n.dtype)": {
            "dn = dh * (1 - z)": "n = torch.relu(xs[t] @ Wn + hs[t] @ Un)",
            "dn = dh * z * (n > 0).to(n.dtype)": "hs[t + 1] = z * hs[t] + (1 - z) * n",
        },
        "dUz += hs[t].t() @ dz": {
            "dUz += hs[t + 1].t() @ dz": "z = torch.sigmoid(xs[t] @ Wz + hs[t] @ Uz)",
            "dUz = hs[t].t() @ dz": "z = torch.sigmoid(xs[t] @ Wz + hs[t] @ Uz)",
        },
        "dWn += xs[t].t() @ dn": {"dWn += xs[0].t() @ dn": "n = torch.relu(xs[t] @ Wn + hs[t] @ Un)"},
        "dxs[t] = dz @ Wz.t() + dn @ Wn.t()": {
            "dxs[t] = dn @ Wn.t()": "z = torch.sigmoid(xs[t] @ Wz + hs[t] @ Uz)",
            "dxs[t] = 2 * (dz @ Wz.t()) + dn @ Wn.t()": "z = torch.sigmoid(xs[t] @ Wz + hs[t] @ Uz)",
        },
    },
}
"""By file and right text of its backward pass: the wrong text, and the line of the forward that must be named."""

CASES = [
    (file, right, wrong, line)
    for file, by in SLIPS.items()
    for right, some in by.items()
    for wrong, line in some.items()
]


def report_on(file, folder, right="", wrong=""):
    text = (FOLDER / f"{file}.py").read_text()
    if right:
        assert text.count(right) == 1, right
        text = text.replace(right, wrong)
    path = folder / f"{file}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(f"torch_code_{file}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function, arguments = module.problem()
    return check_gradients(torch_function(function, *arguments))


@pytest.mark.parametrize("file", SLIPS)
def test_a_function_is_right_and_proven_in_balls(file, tmp_path):
    report = report_on(file, tmp_path)
    assert report.right
    assert min(i.digits_in_balls for i in report.inputs) >= 79


@pytest.mark.parametrize(("file", "right", "wrong", "line"), CASES, ids=[c[2].strip() for c in CASES])
def test_a_slip_is_named_by_its_line(file, right, wrong, line, tmp_path):
    report = report_on(file, tmp_path, right, wrong)
    assert not report.right
    named = [f for f in report.findings if f.kind == "mistake" and f.exact]
    assert named, report
    assert all(line in f.sentence for f in named[:1]), named[0].sentence
