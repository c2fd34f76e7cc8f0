"""onnxruntime-training's GRUTraining and GRUGrad."""

import onnxruntime
from onnx import parser
from onnxruntime.capi._pybind_state import GradientGraphBuilder

layout, dtypes = "onnx.GRU(linear_before_reset=1)", ["float32"]
GRAPH = """<ir_version: 8, opset_import: ["" : 14, "com.microsoft" : 1]>
gru (float[6,2,3] X, float[1,15,3] W, float[1,15,5] R, float[1,30] B, float[1,2,5] h,
     float[6,1,2,5] Y_bar, float[1,2,5] h_bar) => (float loss, Y, Yh) {
    Y, Yh, gates = com.microsoft.GRUTraining <hidden_size = 5, linear_before_reset = 1> (X, W, R, B, , h)
    y1 = Mul(Y, Y_bar)  y2 = ReduceSum <keepdims = 0> (y1)
    h1 = Mul(Yh, h_bar) h2 = ReduceSum <keepdims = 0> (h1)
    loss = Add(y2, h2)
}"""

builder = GradientGraphBuilder(parser.parse_model(GRAPH).SerializeToString(), {"loss"}, set("XWRBh"), "loss", None)
builder.build()
session = onnxruntime.InferenceSession(builder.get_model())


def run(params, state, xs, cotangents):
    given = params | {"X": xs, "h": state.h[None]}
    given |= {"Y_bar": cotangents.hs[:, None], "h_bar": cotangents.final.h[None]}
    found = dict(zip((o.name for o in session.get_outputs()), session.run(None, given), strict=True))
    gradients = {"params": {k: found[f"{k}_grad"] for k in params}, "xs": found["X_grad"]}
    return found["Y"][:, 0], found["Yh"][0], gradients | {"state": (found["h_grad"][0],)}
