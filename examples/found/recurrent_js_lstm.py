"""recurrent-js-python's LSTM of one sequence, a translation of recurrentjs."""

import numpy as np
from recurrentjs import Graph, LSTMact, Mat, forwardLSTM, initLSTM

gates = zip("ifoc", "ifog", strict=True)
layout = "; ".join(f"W{k}x0: w_x[{g}] h d; W{k}h0: w_h[{g}] h k; b{k}0: b[{g}] h 1" for k, g in gates)
sizes = {"B": 1}


def run(params, state, xs, cotangents):
    H, graph = state.h.shape[1], Graph()
    h, c, *read = [Mat(v.size, 1, v.T) for v in (*state, *xs)]
    model = initLSTM(xs.shape[2], [H], 1) | {k: Mat(*v.shape, v) for k, v in params.items()}
    steps = [LSTMact([h], [c], None)]
    for x in read:
        steps.append(forwardLSTM(graph, model, [H], x, steps[-1]))
    for step, bar in zip(steps[1:], cotangents.hs, strict=True):
        step.h[0].dw += bar.T
    last_h, last_c = steps[-1].h[0], steps[-1].c[0]
    last_h.dw += cotangents.final.h.T
    last_c.dw += cotangents.final.c.T
    graph.backward()
    gradients = {"params": {k: model[k].dw for k in params}, "state": (h.dw.T, c.dw.T)}
    hs = np.stack([step.h[0].w.T for step in steps[1:]])
    return hs, (last_h.w.T, last_c.w.T), {**gradients, "xs": np.stack([x.dw.T for x in read])}
