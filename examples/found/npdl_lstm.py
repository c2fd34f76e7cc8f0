"""npdl's BatchLSTM."""

from npdl.layers import BatchLSTM

layout = "AllW: b[ifog] 1 (g h), w_x[ifog] d (g h), w_h[ifog] k (g h) on axis 0"
dtypes = ["float32"]


def run(params, state, xs, cotangents):
    layer = BatchLSTM(n_out=state.h.shape[1], n_in=xs.shape[2], return_sequence=True)
    layer.connect_to()
    layer.AllW = params["AllW"]
    hs = layer.forward(xs.swapaxes(0, 1), c0=state.c, h0=state.h).swapaxes(0, 1)  # it has the batch first
    h_bar, c_bar = cotangents.final
    xs_bar = layer.backward(cotangents.hs.swapaxes(0, 1), dcn=c_bar, dhn=h_bar).swapaxes(0, 1)
    gradients = {"params": {"AllW": layer.d_AllW}, "state": (layer.d_h0, layer.d_c0), "xs": xs_bar}
    return hs, (hs[-1], layer.C[-1]), gradients
