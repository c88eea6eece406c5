"""Activations, forward and backward, and the functions exp and log.

`reference` completes the docstrings with the sections Parameters and Returns.
"""

from nncore.reference.activations import gated, logarithms, rectifiers, sigmoids
from nncore.reference.activations.gated import *
from nncore.reference.activations.logarithms import *
from nncore.reference.activations.rectifiers import *
from nncore.reference.activations.sigmoids import *

__all__: list[str] = []
__all__ += gated.__all__
__all__ += logarithms.__all__
__all__ += rectifiers.__all__
__all__ += sigmoids.__all__
