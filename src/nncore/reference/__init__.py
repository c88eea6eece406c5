"""All kernels in plain NumPy: readable definitions, with which tests compare the compiled kernels.

Names, signatures and errors are those of `nncore.kernels`, which computes the same formulas in
compiled code. N is the number of rows, T of time steps, I of inputs, O of outputs, H of hidden
units, and V the size of the vocabulary. The arrays of one call are all float32 or all float64, and
so are its results. Losses are in nats and are summed over rows and outputs. Functions with a
parameter `out` store the result there and return it; it may overlap the inputs.

Every function raises `TypeError` if an argument is not a NumPy array of float32 or float64 (or, for
labels, of an integer type), `ValueError` if shapes do not fit together or an array that would be
written to is read-only, and `IndexError` if a label or id is out of range.
"""

from nncore.reference import (
    activations,
    char_rnn,
    char_rnn_sampling,
    char_rnn_training,
    char_rnn_windows,
    documentation,
    layers,
    losses,
    mlp,
    mlp_training,
    population,
    recurrent,
    rnn,
    rnn_training,
    steps,
    updates,
)
from nncore.reference.activations import *
from nncore.reference.char_rnn import *
from nncore.reference.char_rnn_sampling import *
from nncore.reference.char_rnn_training import *
from nncore.reference.char_rnn_windows import *
from nncore.reference.layers import *
from nncore.reference.losses import *
from nncore.reference.mlp import *
from nncore.reference.mlp_training import *
from nncore.reference.population import *
from nncore.reference.recurrent import *
from nncore.reference.rnn import *
from nncore.reference.rnn_training import *
from nncore.reference.steps import *
from nncore.reference.updates import *

__all__: list[str] = []
__all__ += char_rnn.__all__
__all__ += char_rnn_sampling.__all__
__all__ += char_rnn_training.__all__
__all__ += char_rnn_windows.__all__
__all__ += activations.__all__
__all__ += layers.__all__
__all__ += losses.__all__
__all__ += mlp.__all__
__all__ += mlp_training.__all__
__all__ += population.__all__
__all__ += recurrent.__all__
__all__ += rnn.__all__
__all__ += rnn_training.__all__
__all__ += steps.__all__
__all__ += updates.__all__
__all__.sort()

for _name in (*activations.__all__, *updates.__all__):
    documentation.complete(globals()[_name])
