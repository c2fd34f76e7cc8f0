# expect: 1
# says: The mistake: what v2 hands back to hn lacks the factor r, in
# says: gru_lines.py:14 v2 = np.concatenate([x[t], r * h], 1)
# An adapter that calls a neighbour's functions by the neighbour's name: the neighbour's own lines are named.
import gru_lines as gru


def inputs(rng):
    D, H, B, T = 3, 4, 2, 5
    return {
        "x": rng.normal(size=(T, B, D)),
        "h0": rng.normal(size=(B, H)),
        **{k: rng.normal(size=(D + H, H)) / 2 for k in ("Wz", "Wr", "Wh")},
    }


def forward(p):
    return gru.gru_forward(p["x"], p["h0"], p["Wz"], p["Wr"], p["Wh"])[0]


def backward(p, bar):
    _, tape = gru.gru_forward(p["x"], p["h0"], p["Wz"], p["Wr"], p["Wh"])
    return dict(zip(["x", "h0", "Wz", "Wr", "Wh"], gru.gru_backward(bar, tape)))
