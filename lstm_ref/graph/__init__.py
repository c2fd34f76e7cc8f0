"""Any forward as one graph: a flat list of equations with values and lines, and an editable reverse sweep."""

from lstm_ref.graph.flatten import Equation, Kind, Place
from lstm_ref.graph.sweep import Adjoints, Context, Edit, sweep
from lstm_ref.graph.trace import Graph, trace

__all__ = ["Adjoints", "Context", "Edit", "Equation", "Graph", "Kind", "Place", "sweep", "trace"]
