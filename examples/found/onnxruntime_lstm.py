"""onnxruntime-training's LSTMTraining and LSTMGrad."""

import onnxruntime
from onnx import parser
from onnxruntime.capi._pybind_state import GradientGraphBuilder

layout, dtypes = "onnx.LSTM", ["float32"]
GRAPH = """<ir_version: 8, opset_import: ["" : 14, "com.microsoft" : 1]>
lstm (float[6,2,3] X, float[1,20,3] W, float[1,20,5] R, float[1,40] B, float[1,2,5] h, float[1,2,5] c,
      float[6,1,2,5] Y_bar, float[1,2,5] h_bar, float[1,2,5] c_bar) => (float loss, Y, Yh, Yc) {
    Y, Yh, Yc, cs, gates = com.microsoft.LSTMTraining <hidden_size = 5> (X, W, R, B, , h, c)
    y1 = Mul(Y, Y_bar)  y2 = ReduceSum <keepdims = 0> (y1)
    h1 = Mul(Yh, h_bar) h2 = ReduceSum <keepdims = 0> (h1)
    c1 = Mul(Yc, c_bar) c2 = ReduceSum <keepdims = 0> (c1)
    l1 = Add(y2, h2)    loss = Add(l1, c2)
}"""

builder = GradientGraphBuilder(parser.parse_model(GRAPH).SerializeToString(), {"loss"}, set("XWRBhc"), "loss", None)
builder.build()
session = onnxruntime.InferenceSession(builder.get_model())


def run(params, state, xs, cotangents):
    given = params | {"X": xs, "h": state.h[None], "c": state.c[None]}
    given |= {"Y_bar": cotangents.hs[:, None], "h_bar": cotangents.final.h[None], "c_bar": cotangents.final.c[None]}
    found = dict(zip((o.name for o in session.get_outputs()), session.run(None, given), strict=True))
    gradients = {"params": {k: found[f"{k}_grad"] for k in params}, "xs": found["X_grad"]}
    gradients["state"] = (found["h_grad"][0], found["c_grad"][0])
    return found["Y"][:, 0], (found["Yh"][0], found["Yc"][0]), gradients
