"""npdl's BatchLSTM with return_sequence=False: it hands out the last h alone."""

from npdl.layers import BatchLSTM

layout = "AllW: b[ifog] 1 (g h), w_x[ifog] d (g h), w_h[ifog] k (g h) on axis 0"
dtypes = ["float32"]


def run(params, state, xs, cotangents):
    layer = BatchLSTM(n_out=state.h.shape[1], n_in=xs.shape[2], return_sequence=False)
    layer.connect_to()
    layer.AllW = params["AllW"]
    last = layer.forward(xs.swapaxes(0, 1), c0=state.c, h0=state.h)  # it has the batch first
    xs_bar = layer.backward(cotangents.final.h).swapaxes(0, 1)
    return None, (last, None), {"params": {"AllW": layer.d_AllW}, "xs": xs_bar}
