# expect: 0
# says: rounding of constants
# Runge-Kutta's 1/6 and 1/3 on either side, adjoints packed with np.array from elements.
import numpy as np
inputs = {"theta": np.array([1.1, 0.4, 0.1, 0.4]), "y0": np.array([10.0, 5.0])}
h = 0.1
def f(y, th):
    return np.array([th[0] * y[0] - th[1] * y[0] * y[1], th[2] * y[0] * y[1] - th[3] * y[1]])
def loss(i):
    y = i["y0"]
    for _ in range(6):
        k1 = f(y, i["theta"]); k2 = f(y + h / 2 * k1, i["theta"]); k3 = f(y + h / 2 * k2, i["theta"]); k4 = f(y + h * k3, i["theta"])
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y[0] + 3 * y[1]
def vjp(y, th, g):
    dy = np.array([g[0] * (th[0] - th[1] * y[1]) + g[1] * th[2] * y[1], -g[0] * th[1] * y[0] + g[1] * (th[2] * y[0] - th[3])])
    dth = np.array([g[0] * y[0], -g[0] * y[0] * y[1], g[1] * y[0] * y[1], -g[1] * y[1]])
    return dy, dth
def gradients(i):
    th = i["theta"]; y = i["y0"]; tape = []
    for _ in range(6):
        k1 = f(y, th); k2 = f(y + 0.5 * h * k1, th); k3 = f(y + 0.5 * h * k2, th); k4 = f(y + h * k3, th)
        tape.append((y, y + 0.5 * h * k1, y + 0.5 * h * k2, y + h * k3))
        y = y + (1 / 6) * h * (k1 + 2 * k2 + 2 * k3 + k4)
    g = np.array([1.0, 3.0]); gth = 0
    for y1, y2, y3, y4 in tape[::-1]:
        b4 = g * h / 6; d4, t4 = vjp(y4, th, b4)
        b3 = g * h / 3 + h * d4; d3, t3 = vjp(y3, th, b3)
        b2 = g * h / 3 + h / 2 * d3; d2, t2 = vjp(y2, th, b2)
        b1 = g * h / 6 + h / 2 * d2; d1, t1 = vjp(y1, th, b1)
        g = g + d1 + d2 + d3 + d4
        gth = gth + t1 + t2 + t3 + t4
    return {"theta": gth, "y0": g}
