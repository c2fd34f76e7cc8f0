# expect: 0
# A Kalman filter's likelihood, its derivative in forward mode.
import numpy as np
# log likelihood of a local level model, by prediction errors; gradient recursion in forward mode
y = [4.1, 3.3, 5.2, 4.8, 6.1, 5.5, 4.9]
inputs = {"logq": -0.7, "logr": 0.3}
inputs = {k: np.array(v) for k, v in inputs.items()}
def loss(p):
    q, r = np.exp(p["logq"]), np.exp(p["logr"])
    a, P, ll = 4.0, 10.0, 0.0
    for t in range(7):
        P = P + q
        v, F = y[t] - a, P + r
        ll = ll - 0.5 * np.log(2 * np.pi) - 0.5 * np.log(F) - 0.5 * v ** 2 / F
        K = P / F
        a = a + K * v
        P = P * (1 - K)
    return -ll
def gradients(p):
    q, r = np.exp(p["logq"]), np.exp(p["logr"])
    out = {}
    for name, dq, dr in (("logq", q, 0.0), ("logr", 0.0, r)):
        a, P, da, dP, dll = 4.0, 10.0, 0.0, 0.0, 0.0
        for t in range(7):
            P, dP = P + q, dP + dq
            v, F = y[t] - a, P + r
            dv, dF = -da, dP + dr
            dll = dll - 0.5 * dF / F - v * dv / F + 0.5 * v ** 2 * dF / F ** 2
            K = P / F
            dK = dP / F - P * dF / F ** 2
            a, da = a + K * v, da + dK * v + K * dv
            P, dP = P * (1 - K), dP * (1 - K) - P * dK
        out[name] = -dll
    return out
