"""One function of the user's, examined: JAX, NumPy or torch, and in which precision it computes."""
