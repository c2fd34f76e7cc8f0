# expect: 1
# never: defect
# bfloat16 inside, and 1 + h² in the place of 1 − h².
import jax, jax.numpy as jnp, numpy as np
inputs = {"w": np.array([[.25, -.5, .75], [.5, .125, -.25]]), "x": np.array([.5, -.25, 1.0])}
def forward(i): return jnp.tanh((i["w"].astype(jnp.bfloat16) @ i["x"].astype(jnp.bfloat16)).astype(i["x"].dtype))
def backward(i, g):
    h = forward(i)
    dz = g * (1 + h * h)
    return {"w": jnp.outer(dz, i["x"]), "x": i["w"].T @ dz}
