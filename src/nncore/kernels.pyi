# The compiled kernels have the same signatures as the functions of `reference`.
from nncore.reference.activations.gated import *
from nncore.reference.activations.logarithms import *
from nncore.reference.activations.rectifiers import *
from nncore.reference.activations.sigmoids import *
from nncore.reference.char_rnn import *
from nncore.reference.char_rnn_sampling import *
from nncore.reference.char_rnn_training import *
from nncore.reference.char_rnn_windows import *
from nncore.reference.layers import *
from nncore.reference.losses.classification import *
from nncore.reference.losses.regression import *
from nncore.reference.mlp import *
from nncore.reference.mlp_training import *
from nncore.reference.population import *
from nncore.reference.recurrent.gru import *
from nncore.reference.recurrent.lstm import *
from nncore.reference.recurrent.tanh import *
from nncore.reference.rnn import *
from nncore.reference.rnn_training import *
from nncore.reference.steps import *
from nncore.reference.updates.adaptive import *
from nncore.reference.updates.momentum import *
from nncore.reference.updates.signs import *
from nncore.sparse import SparseRows

LEVELS: tuple[str, ...]
level: str

def available_levels() -> list[str]: ...
def rows_are_valid(x: SparseRows) -> bool: ...
