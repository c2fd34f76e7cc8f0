"""The errors a caller is meant to read: one line that says what was expected, what came, and where."""


class LstmRefError(Exception):
    """Base of every error this package raises on purpose."""


class BadInput(LstmRefError, ValueError):
    """Something the caller gave cannot be used: a shape, a name, a dtype, a file."""


class CannotEvaluate(LstmRefError, ArithmeticError):
    """A function cannot be evaluated in the asked-for arithmetic (it may be right all the same)."""


class UndecidedComparison(CannotEvaluate):
    """Two balls overlap, so no comparison of the numbers they hold can be decided."""


class UnknownPrimitive(CannotEvaluate):
    """A JAX primitive or NumPy function that ball arithmetic does not know."""
