# expect: 0
# Names that look like markup, and in Greek.
import numpy as np
inputs = {"[bold]w[/]": np.array([0.5, -0.2]), "θ": np.array([0.3]), "x y": np.array(2.0)}
def loss(i): return sum((v ** 2).sum() for v in i.values())
def gradients(i): return {k: 2 * v for k, v in i.items()}
