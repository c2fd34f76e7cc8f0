# expect: 0
# The file trains when it is run, and only then.
import numpy as np
inputs = {"w": np.array([0.5, -0.2])}
def loss(i): return (np.sin(i["w"]) ** 2).sum()
def gradients(i): return {"w": np.sin(2 * i["w"])}
if __name__ == "__main__":
    w = inputs["w"]
    while True: w = w - 0.1 * gradients({"w": w})["w"]
