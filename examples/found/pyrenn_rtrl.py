"""pyrenn's RTRL: the Jacobian of a recurrent network's errors, of which the squared error's gradient is made; for
`lstm-ref check`."""

import numpy as np
import pyrenn

np.random.seed(0)
net = pyrenn.CreateNN([2, 4, 3, 2], dIn=[0, 1], dIntern=[1, 2], dOut=[1])
data, net = pyrenn.prepare_data(*np.random.randn(2, 2, 6), net)
inputs = {"w": net["w0"]}


def loss(inputs):
    return pyrenn.calc_error({**net, "w": np.array(inputs["w"])}, data)


def gradients(inputs):
    jacobian, _, errors = pyrenn.RTRL({**net, "w": np.array(inputs["w"])}, data)
    return {"w": 2 * jacobian.T @ errors}
