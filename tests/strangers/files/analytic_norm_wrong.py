# expect: 1
# The gradient of a determinant without its transpose.
import numpy as np
inputs = {"A": np.array([[2.0, 0.3], [-0.4, 1.1]]), "v": np.array([0.6, -0.8, 0.5])}
def loss(i): return np.linalg.norm(i["v"]) * np.linalg.det(i["A"])
def gradients(i):
    n, d = np.linalg.norm(i["v"]), np.linalg.det(i["A"])
    return {"A": n * d * np.linalg.inv(i["A"]), "v": d * i["v"] / n}
