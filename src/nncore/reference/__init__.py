"""All kernels in plain NumPy: readable definitions, with which the tests compare the compiled ones.

Names, signatures and errors are those of `nncore.kernels`, which computes the same formulas in
compiled code. N is the number of rows, T of time steps, I of inputs, O of outputs, H of hidden
units, and V the size of the vocabulary. The arrays of one call are all float32 or all float64, and
so are its results. Losses are in nats and are summed over rows and outputs. `out=`, where there is
one, receives the result and is returned; it may overlap the inputs.

Every function raises `TypeError` if an argument is not a NumPy array of float32 or float64 (or, for
labels, of an integer type), `ValueError` if shapes do not fit together or an array that would be
written to is read-only, and `IndexError` if a label is outside the vocabulary.
"""

from nncore.reference import char_rnn, elementwise, layers, losses, mlp, steps, updates
from nncore.reference.char_rnn import *
from nncore.reference.elementwise import *
from nncore.reference.layers import *
from nncore.reference.losses import *
from nncore.reference.mlp import *
from nncore.reference.steps import *
from nncore.reference.updates import *

__all__: list[str] = []
__all__ += char_rnn.__all__
__all__ += elementwise.__all__
__all__ += layers.__all__
__all__ += losses.__all__
__all__ += mlp.__all__
__all__ += steps.__all__
__all__ += updates.__all__
__all__.sort()
