"""The update rules of optimizers, in place.

`reference` completes the docstrings with the section Parameters.
"""

from nncore.reference.updates import adaptive, momentum, signs
from nncore.reference.updates.adaptive import *
from nncore.reference.updates.momentum import *
from nncore.reference.updates.signs import *

__all__: list[str] = []
__all__ += adaptive.__all__
__all__ += momentum.__all__
__all__ += signs.__all__
