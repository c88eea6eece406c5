"""Valid targets for each loss of MLP."""

import numpy as np
from mlps import rows

from nncore.registry import CHANCES, LOSS_ROW, MLP_LOSSES, SIGNS, outputs_for

X, Y, LABELS = rows()
FITTING = [  # output activation, loss
    (activation, loss) for loss in MLP_LOSSES for activation in outputs_for(loss)
]


def chances(y=Y):
    return (y + 1) / 2


def answers(loss):
    """Valid targets for the loss."""
    row = LOSS_ROW[loss]
    if row.takes_labels:
        return LABELS
    if row.targets == SIGNS:
        return np.sign(Y)
    return chances() if row.targets == CHANCES else Y
