"""Optimizers as small value objects: an update rule, its step size and its constants.

They hold no state. The vectors that an update rule keeps for each parameter belong to the network
that is trained, so one optimizer object can serve many networks. A new optimizer begins with a row
of `UPDATE_ROWS` in `nncore.registry`.
"""

from nncore.optimizers import adaptive, momentum, signs
from nncore.optimizers.adaptive import *
from nncore.optimizers.base import Optimizer
from nncore.optimizers.lookup import OPTIMIZERS as OPTIMIZERS
from nncore.optimizers.lookup import check_optimizer as check_optimizer
from nncore.optimizers.lookup import optimizer_from as optimizer_from
from nncore.optimizers.momentum import *
from nncore.optimizers.signs import *

__all__ = ["Optimizer"]
__all__ += adaptive.__all__
__all__ += momentum.__all__
__all__ += signs.__all__
