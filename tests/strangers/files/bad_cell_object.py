# expect: 0 or 2
# says: cell
# `cell` is an object of the file's own, as a module for one cell calls it: it is left alone with a line, or refused.
import numpy as np
class Cell:
    def forward(self, i): self.y = np.tanh(i["x"]); return self.y
    def backward(self, i, bar): return {"x": bar * (1 - self.y ** 2)}
    def __hash__(self): raise TypeError("a cell is not hashable")
cell = Cell()
inputs = {"x": np.array([0.5, 2.0])}
forward, backward = cell.forward, cell.backward
