"""Any forward as one graph: a flat list of equations with values and lines, and an editable reverse sweep."""

from lstm_ref.graph.flatten import Equation, Kind, Place
from lstm_ref.graph.sweep import Adjoints, Context, RuleEdit, sweep
from lstm_ref.graph.trace import Graph, trace

__all__ = ["Adjoints", "Context", "Equation", "Graph", "Kind", "Place", "RuleEdit", "sweep", "trace"]
