"""Recurrent layers in NumPy with mistakes of kinds that frameworks have shipped, each in a layout of its own."""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward(kernel, b, h, c, xs, gates="ifgo", clip=None):
    """The steps of an LSTM with one kernel of [x; h]: [x; h], i, f, g, o, c of the step before, c before the clip."""
    steps, hs = [], []
    for x in xs:
        read = np.concatenate((x, h), axis=1)
        a = dict(zip(gates, np.split(read @ kernel + b, 4, axis=1), strict=True))
        i, f, g, o = sigmoid(a["i"]), sigmoid(a["f"]), np.tanh(a["g"]), sigmoid(a["o"])
        raw = f * c + i * g
        steps.append((read, i, f, g, o, c, raw))
        c = raw if clip is None else np.clip(raw, -clip, clip)
        h = o * np.tanh(c)
        hs.append(h)
    return steps, np.stack(hs), (h, c)


def backward(kernel, steps, hs, c, bar, gates="ifgo", clip=None, first=0, pairs_with=0, reads="ifgo"):
    """Its gradients: of kernel, bias, initial h and c, xs. The loop goes down to the step `first`; the gates that the
    forward kept, in the order i, f, g, o, are taken for those in `reads`; the kernel's gradient pairs each step with
    the previous h, or with that of so many steps later (1: the new one), where an index of −1 is the last."""
    hs_bar, (h_bar, c_bar) = bar
    before = [*(step[0][:, -hs.shape[2] :] for step in steps), hs[-1]]
    D, cs = steps[0][0].shape[1] - hs.shape[2], [*(step[5] for step in steps[1:]), c]
    kernel_bar, b_bar, xs_bar = 0 * kernel, 0, [0 * steps[0][0][:, :D] for _ in steps]
    for t in range(len(steps) - 1, first - 1, -1):
        read, *kept, prev_c, raw = steps[t]
        i, f, g, o = (kept[reads.index(gate)] for gate in "ifgo")
        h_bar, u = h_bar + hs_bar[t], np.tanh(cs[t])
        c_bar = c_bar + h_bar * o * (1 - u * u)
        if clip is not None:
            c_bar = c_bar * (np.abs(raw) <= clip)
        a_bar = {"i": c_bar * g * i * (1 - i), "f": c_bar * prev_c * f * (1 - f)}
        a_bar |= {"g": c_bar * i * (1 - g * g), "o": h_bar * u * o * (1 - o)}
        a_bar = np.concatenate([a_bar[gate] for gate in gates], axis=1)
        read = np.concatenate((read[:, :D], before[t + pairs_with]), axis=1)
        kernel_bar, b_bar = kernel_bar + read.T @ a_bar, b_bar + a_bar.sum(0)
        read_bar = a_bar @ kernel.T
        xs_bar[t], h_bar, c_bar = read_bar[:, :D], read_bar[:, D:], c_bar * f
    return kernel_bar, b_bar, h_bar, c_bar, np.stack(xs_bar)


def fused(params, state, xs, bar, backwards="ifgo", clip=None, backwards_clip=None):
    """A fused op: gates i, f, c, o, one kernel of [x; h]."""
    steps, hs, final = forward(params["w"], params["b"], *state, xs, clip=clip)
    w, b, h, c, x = backward(params["w"], steps, hs, final[1], bar, backwards, backwards_clip)
    return hs, final, {"params": {"w": w, "b": b}, "state": (h, c), "xs": x}


def registered_for_the_other_version(params, state, xs, bar):
    """The backward of the op's first version, whose gates are i, c, f, o."""
    return fused(params, state, xs, bar, backwards="igfo")


def made_for_the_other_version(params, state, xs, bar):
    """The whole backward takes the gates for i, c, f, o."""
    steps, hs, final = forward(params["w"], params["b"], *state, xs)
    w, b, h, c, x = backward(params["w"], steps, hs, final[1], bar, "igfo", reads="igfo")
    return hs, final, {"params": {"w": w, "b": b}, "state": (h, c), "xs": x}


def without_the_clip(params, state, xs, bar):
    """The forward clips c to ±0.5, and the backward does not know."""
    return fused(params, state, xs, bar, clip=0.5)


def right_with_the_clip(params, state, xs, bar):
    return fused(params, state, xs, bar, clip=0.5, backwards_clip=0.5)


def clipped_and_registered_for_the_other_version(params, state, xs, bar):
    return fused(params, state, xs, bar, backwards="igfo", clip=0.5)


def clipped_with_a_forget_bias(params, state, xs, bar):
    """Gates i, c, f, o, where 1 is added to f; the backward does not know the clip."""
    b = params["b"] + np.repeat(np.array([0, 0, 1, 0], xs.dtype), state[0].shape[1])
    steps, hs, final = forward(params["w"], b, *state, xs, "igfo", clip=0.5)
    w, b, h, c, x = backward(params["w"], steps, hs, final[1], bar, "igfo")
    return hs, final, {"params": {"w": w, "b": b}, "state": (h, c), "xs": x}


WRONG = ("first step", "pairs", "second bias", "exchanged")


def separate(params, state, xs, bar, wrong=()):
    """Two kernels and two biases, in rows."""
    kernel = np.concatenate((params["weight_ih_l0"], params["weight_hh_l0"]), axis=1).T
    steps, hs, final = forward(kernel, params["bias_ih_l0"] + params["bias_hh_l0"], *state, xs)
    first = int("first step" in wrong)
    pairs_with = int("pairs" in wrong) - int("early" in wrong)
    if "final" in wrong:
        bar = (bar[0], (bar[1][0], bar[1][0]))
    w, b, h, c, x = backward(kernel, steps, hs, final[1], bar, first=first, pairs_with=pairs_with)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    D = xs.shape[2]
    values = (w[:D].T, w[D:].T, b, 0 * b if "second bias" in wrong else b)
    state = (c, h) if "exchanged" in wrong else (h, c)
    return hs, final, {"params": dict(zip(names, values, strict=True)), "state": state, "xs": x}


def begun_at_the_parameters(params, state, xs, bar):
    """It takes (c, h) for (h, c); its gradients are added up in copies of the parameters; both biases share one; it has
    the slips of `separate` besides. It hands out no final state, and no gradient of the initial one."""
    zeros = [np.zeros_like(v) for v in state]
    hs, _, found = separate(params, state[::-1], xs, (bar[0], zeros), ("first step", "pairs", "second bias"))
    begin = params | {"bias_ih_l0": params["bias_ih_l0"] + params["bias_hh_l0"], "bias_hh_l0": 0}
    return hs, None, {"params": {k: v + begin[k] for k, v in found["params"].items()}, "xs": found["xs"]}


def one_row(params, state, xs, bar):
    """It fills the first row of a batch alone, and all its gradients are zero."""
    hs, _, found = separate(params, state, xs, bar)
    hs[:, 1:] = 0
    return hs, None, {"params": {k: 0 * v for k, v in found["params"].items()}, "xs": 0 * xs}


def last_alone(params, state, xs, bar):
    """It begins at zeros, and hands out the last h alone."""
    _, final, found = separate(params, [0 * v for v in state], xs, bar)
    return None, (final[0], None), {"params": found["params"], "xs": found["xs"]}
