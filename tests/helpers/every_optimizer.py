"""An optimizer for each update rule of the kernels, in the order of their rows."""

from nncore import SGD
from nncore.optimizers import OPTIMIZERS, Optimizer
from nncore.registry import UPDATE_ROWS, UpdateRule


def larger(cls: type[Optimizer]) -> Optimizer:
    """An optimizer with a step size for which a few dozen updates have a noticeable effect."""
    return cls(min(10 * cls().learning_rate, 0.1))  # type: ignore[call-arg]


EVERY_OPTIMIZER = [
    SGD(0.05),
    SGD(0.02, momentum=0.9),
    SGD(0.02, momentum=0.9, nesterov=True),
    *(larger(cls) for cls in OPTIMIZERS.values() if cls is not SGD),
]
EVERY_RULE = [
    UpdateRule(row.name, **{constant.field: constant.default for constant in row.constants})
    for row in UPDATE_ROWS
]
