"""pyrenn's BPTT: the gradient of a recurrent network's squared error, with delays of one and two steps and a recurrent
connection of its output, for `lstm-ref check`."""

import numpy as np
import pyrenn

np.random.seed(0)
net = pyrenn.CreateNN([2, 4, 3, 2], dIn=[0, 1], dIntern=[1, 2], dOut=[1])
data, net = pyrenn.prepare_data(*np.random.randn(2, 2, 6), net)
inputs = {"w": net["w0"]}


def loss(inputs):
    return pyrenn.calc_error({**net, "w": np.array(inputs["w"])}, data)


def gradients(inputs):
    return {"w": pyrenn.BPTT({**net, "w": np.array(inputs["w"])}, data)[0]}
