"""Numerical gradients, and the comparison of a network's gradients with them."""

from nncore.gradients.check import GradientCheck, check_gradients
from nncore.gradients.numerical import numerical_gradient

__all__ = ["GradientCheck", "check_gradients", "numerical_gradient"]
