"""How many digits of a framework's outputs and gradients are ours: measured, a feature and a framework at a time."""
