"""torch's linear algebra in NumPy, for traced arrays: inverses, linear systems, determinants, exponentials.

torch hands a factorisation on to the backward pass. Here it hands on the matrix itself, marked by pivots of zero, which
no factorisation has: systems are solved anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_ref.graph.array import session
from lstm_ref.graph.scipy_functions import OURS

_expm, _solve_triangular = (OURS["scipy.linalg"][name] for name in ("expm", "solve_triangular"))


def _t(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _no_pivots(x: Any) -> np.ndarray:
    return np.zeros(x.shape[:-1], np.int32)


def _info(x: Any) -> np.ndarray:
    return np.zeros(x.shape[:-2], np.int32)


def inverse(x: Any, check_errors: bool = False) -> Any:
    """linalg_inv_ex."""
    return np.linalg.inv(x), _info(x)


def solved(x: Any, b: Any, left: bool = True) -> Any:
    """The solution y of x y = b, or of y x = b; of a vector b too."""
    if b.ndim == 1 or (b.ndim == x.ndim - 1 and b.shape == x.shape[:-1]):
        return np.squeeze(np.linalg.solve(x, np.expand_dims(b, -1)), -1)
    return np.linalg.solve(x, b) if left else _t(np.linalg.solve(_t(x), _t(b)))


def solve(x: Any, b: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    """_linalg_solve_ex."""
    return solved(x, b, left), x.copy(), _no_pivots(x), _info(x)


def lu_solve(lu: Any, pivots: Any, b: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """linalg_lu_solve, with the matrix that `solve` and the determinants hand on."""
    if np.any(np.asarray(pivots)):
        session().refuse("a traced number, solved for with an LU factorisation,")
    return solved(_t(lu) if adjoint else lu, b, left)


def _handed_on(x: Any) -> Any:
    """What torch factorises for a determinant: the transposed matrix, where the matrix lies row by row."""
    return _t(x).copy() if x.flags["C_CONTIGUOUS"] else x.copy()


def determinant(x: Any) -> Any:
    """_linalg_det."""
    return np.linalg.det(x), _handed_on(x), _no_pivots(x)


def sign_and_logarithm(x: Any) -> Any:
    """_linalg_slogdet."""
    sign, log = np.linalg.slogdet(x)
    return np.asarray(sign), log, _handed_on(x), _no_pivots(x)


def cholesky(x: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """linalg_cholesky_ex."""
    lower = np.linalg.cholesky(x)
    return (_t(lower).copy() if upper else lower), _info(x)


def exponential(x: Any) -> Any:
    """linalg_matrix_exp."""
    return _expm(x)


def solve_triangular(x: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """linalg_solve_triangular."""
    if x.ndim > 2:
        session().refuse("a batch of triangular systems")
    if not left:
        return solve_triangular(x.T, b.T, upper=not upper, unitriangular=unitriangular).T.copy()
    return _solve_triangular(x, b, lower=not upper, unit_diagonal=unitriangular)
