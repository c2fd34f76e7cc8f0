"""Mistakes in any hand-written backward pass, named by the lines of its forward."""
