from . import activations
