"""Losses: each returns its sum over rows and outputs, a float, and its gradient."""

from nncore.reference.losses import classification, regression
from nncore.reference.losses.classification import *
from nncore.reference.losses.regression import *

__all__: list[str] = []
__all__ += classification.__all__
__all__ += regression.__all__
