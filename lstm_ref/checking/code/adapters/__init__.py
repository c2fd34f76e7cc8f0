"""Backward passes that live elsewhere, as problems: of a JAX function's custom rule, of torch code in any precision."""

from lstm_ref.checking.code.adapters.custom_rule import custom_vjp
from lstm_ref.checking.code.adapters.torch_code import torch_function

__all__ = ["custom_vjp", "torch_function"]
