# expect: 0
# says: torch
# |z|^2 and its gradient as torch has it, dL/da + i dL/db.
import numpy as np
inputs = {"z": np.array([0.5 + 0.2j, -1.5 + 1j, 0.3 - 0.9j])}
def loss(i): return np.sum(np.real(i["z"]) ** 2 + 3 * np.imag(i["z"]) ** 2)
def gradients(i): return {"z": 2 * np.real(i["z"]) + 6j * np.imag(i["z"])}
