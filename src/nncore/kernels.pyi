# The compiled kernels have the very signatures of their twins in `reference`.
from nncore.reference.char_rnn import *
from nncore.reference.elementwise import *
from nncore.reference.layers import *
from nncore.reference.losses.classification import *
from nncore.reference.losses.regression import *
from nncore.reference.mlp import *
from nncore.reference.steps import *
from nncore.reference.updates import *
from nncore.sparse import SparseRows

LEVELS: tuple[str, ...]
level: str

def available_levels() -> list[str]: ...
def rows_are_sound(x: SparseRows) -> bool: ...
