"""Every kernel in plain NumPy: the readable definition, and the oracle of the tests.

The names, signatures and errors are those of `nncore.kernels`, which runs the same
formulas in compiled code. Letters: N rows, T time steps, I inputs, O outputs, H
hidden units, V vocabulary size. Arrays are float32 or float64, all of one call of one
dtype; results have it too. Losses are in nats, summed over rows and outputs.

Errors, the same for every function: `TypeError` for what is no NumPy array or not of
float32 or float64 (or, for labels, of an integer type), `ValueError` for shapes that
do not fit together and for read-only arrays that would be written, `IndexError` for
labels outside the vocabulary. `out=`, where there is one, takes the result and is
returned; it may overlap the inputs.
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
