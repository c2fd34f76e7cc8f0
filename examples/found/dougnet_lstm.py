"""dougnet's LSTM, differentiated by its graph."""

import dougnet as dn
import numpy as np

layout = "xh: w_x[ifgo] (g h) d; hh: w_h[ifgo] (g h) k; b: b[ifgo] (g h) 1"


def run(params, state, xs, cotangents):
    graph = dn.ComputationGraph()
    read = [dn.ParameterNode(v) for v in (xs.swapaxes(0, 1), state.h.T, state.c.T, *params.values())]
    x, h, c, *weights = read
    hs, ((last_h,), (last_c,)) = dn.LSTM(x, *([v] for v in weights), len(xs), [h], [c]).module_output
    loss = dn.InputNode(0.0)
    for v, bar in zip((*hs, last_h, last_c), (*cotangents.hs, *cotangents.final), strict=True):
        loss = dn.Sum(v * dn.InputNode(bar.T)) + loss
    loss.forward()
    loss.backward()
    x_bar, h_bar, c_bar, *bars = (graph.grads_[v] for v in read)
    gradients = {"params": dict(zip(params, bars, strict=True)), "state": (h_bar.T, c_bar.T)}
    gradients["xs"] = x_bar.swapaxes(0, 1)
    return np.stack([v.output.T for v in hs]), (last_h.output.T, last_c.output.T), gradients
