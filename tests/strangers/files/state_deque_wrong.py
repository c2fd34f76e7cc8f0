# expect: 1
# The window's gradient divides by three everywhere, at the beginning too.
from collections import deque
import numpy as np
class Window:
    def forward(self, i):
        q, self.seen, out = deque(maxlen=3), [], []
        for t, v in enumerate(i["x"]):
            q.append(t)
            self.seen.append(list(q))
            out.append(sum(i["x"][k] for k in q) / len(q))
        return np.array(out)
    def backward(self, i, bar):
        d = [0.0] * len(i["x"])
        for b, ks in zip(bar, self.seen):
            for k in ks: d[k] = d[k] + b / 3
        return {"x": np.array(d)}
w = Window()
inputs = {"x": np.array([0.5, -1.5, 0.3, 0.9, 2.0])}
forward, backward = w.forward, w.backward
