"""One row for each activation and loss: its name, and what is special about it.

Everything else iterates over these rows: the compiled kernels are generated from them when
nncore is built, and MLP, the estimators, the tests and the benchmarks take their names here.
A row needs its formula in `_core/c/formulas_template.h` and its twin in `reference`.

The build reads this file on its own, so it imports nothing of nncore.
"""

from typing import NamedTuple


class Activation(NamedTuple):
    """An activation function.

    Rows stand in the order in which they were added. Layer tables hold their positions, files
    their names.
    """

    name: str
    over_rows: bool = False  # of a whole row of numbers, not of each alone
    kinks: tuple[float, ...] = ()  # inputs at which it has no slope
    init: str = "glorot_uniform"  # how weights before it start by default
    slope_from_input: bool = False  # no function of its output gives its slope


class Loss(NamedTuple):
    """A loss, summed over outputs."""

    name: str
    takes_labels: bool = False  # one class label for each row, not a target for each output
    takes_logits: str = ""  # the activation that it applies to its predictions itself
    by_logits: str = ""  # the loss that is the same, from logits
    outputs: tuple[str, ...] = ()  # the activations that its predictions come from; () for any
    targets: tuple[float, float] | None = None  # their range
    in_mlp: bool = True  # MLP offers it by its name


ACTIVATION_ROWS = (
    Activation("identity"),
    Activation("sigmoid"),
    Activation("tanh"),
    Activation("relu", kinks=(0.0,), init="he_uniform"),
    Activation("leaky_relu", kinks=(0.0,), init="he_uniform"),
    Activation("softmax", over_rows=True),
    Activation("elu", kinks=(0.0,), init="he_uniform"),
    Activation("selu", kinks=(0.0,)),
    Activation("softplus"),
    Activation("hard_sigmoid", kinks=(-3.0, 3.0)),
)

CHANCES = (0.0, 1.0)  # targets that are probabilities
SIGNS = (-1.0, 1.0)  # targets of two classes

LOSS_ROWS = (
    Loss("squared_error"),
    Loss("half_squared_error"),
    Loss("absolute_error"),
    Loss("huber"),
    Loss(
        "binary_cross_entropy",
        by_logits="sigmoid_cross_entropy",
        outputs=("sigmoid", "softmax"),
        targets=CHANCES,
    ),
    Loss("sigmoid_cross_entropy", takes_logits="sigmoid", targets=CHANCES, in_mlp=False),
    Loss("half_poisson_deviance", targets=(0.0, float("inf")), in_mlp=False),
    Loss(
        "softmax_cross_entropy",
        takes_labels=True,
        takes_logits="softmax",
        outputs=("softmax", "identity"),
    ),
    Loss("log_cosh"),
    Loss("hinge", outputs=("identity", "tanh"), targets=SIGNS),
    Loss("squared_hinge", outputs=("identity", "tanh"), targets=SIGNS),
    Loss("kl_divergence", outputs=("sigmoid", "softmax"), targets=CHANCES),
    Loss("focal", takes_logits="sigmoid", outputs=("sigmoid",), targets=CHANCES),
)

ACTIVATIONS = tuple(row.name for row in ACTIVATION_ROWS)
LOSSES = tuple(row.name for row in LOSS_ROWS)
ELEMENTWISE_LOSSES = tuple(row.name for row in LOSS_ROWS if not row.takes_labels)
MLP_LOSSES = tuple(row.name for row in LOSS_ROWS if row.in_mlp)
ACTIVATION_ROW = {row.name: row for row in ACTIVATION_ROWS}
LOSS_ROW = {row.name: row for row in LOSS_ROWS}


def outputs_for(loss: str) -> tuple[str, ...]:
    """Return the activations whose outputs a loss can measure."""
    return LOSS_ROW[loss].outputs or ACTIVATIONS
