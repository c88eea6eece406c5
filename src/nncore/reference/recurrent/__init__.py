"""Recurrent layers: the cells, one module each, and stacks of layers."""

from nncore.reference.recurrent import gru, lstm, tanh
from nncore.reference.recurrent.gru import *
from nncore.reference.recurrent.lstm import *
from nncore.reference.recurrent.tanh import *

__all__: list[str] = []
__all__ += gru.__all__
__all__ += lstm.__all__
__all__ += tanh.__all__
