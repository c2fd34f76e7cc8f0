"""Is a hand-written gradient right, to how many digits, and if not, where is it wrong?"""

from lstm_ref.checking.api import check_gradients
from lstm_ref.checking.checker import check
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.checking.report import Report

__all__ = ["Problem", "Report", "check", "check_gradients", "problem"]
