"""Recurrent layers: the cells, one module each, and stacks of layers."""

from nncore.reference.recurrent import tanh
from nncore.reference.recurrent.tanh import *

__all__: list[str] = []
__all__ += tanh.__all__
