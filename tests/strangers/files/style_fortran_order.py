# expect: 0
# Arrays in Fortran's order, a transposed view and a read-only one as inputs.
import numpy as np
r = np.random.default_rng(0)
ro = r.normal(size=(2, 3))
ro.flags.writeable = False
inputs = {"F": np.asfortranarray(r.normal(size=(3, 4))), "T": r.normal(size=(4, 2)).T, "ro": ro}
def loss(i): return np.sum(np.sin(i["ro"] @ i["F"]) * i["T"])
def gradients(i):
    c = np.cos(i["ro"] @ i["F"]) * i["T"]
    return {"F": i["ro"].T @ c, "T": np.sin(i["ro"] @ i["F"]), "ro": c @ i["F"].T}
