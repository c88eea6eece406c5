"""One row, with special properties, for each activation, loss, update rule, cell and initializer.

Everything else iterates over these rows: the compiled kernels are generated from them when nncore
is built, and MLP, the estimators, the tests and the benchmarks take their names here. A row needs
its formula in `_core`, as CONTRIBUTING.md describes, and its equivalent in `reference`.

The build reads this file without the rest of nncore, so it imports nothing from nncore.
"""

import math
from collections.abc import Callable
from typing import NamedTuple


class Activation(NamedTuple):
    """An activation function.

    Rows are in the order in which they were added. Layer tables contain their indices, files their
    names.
    """

    name: str
    over_rows: bool = False  # a function of a whole row, not of each number alone
    kinks: tuple[float, ...] = ()  # inputs at which it has no slope
    init: str = "glorot_uniform"  # default initializer of the weights before it
    slope_from_input: bool = False  # its slope is not a function of its output
    signed: bool = False  # outputs from -1 to 1, whose signs are the two classes


class Loss(NamedTuple):
    """A loss, summed over outputs."""

    name: str
    takes_labels: bool = False  # one class label for each row, not a target for each output
    takes_logits: str = ""  # the activation that it applies to its predictions
    by_logits: str = ""  # the equivalent loss of logits
    outputs: tuple[str, ...] = ()  # the activations that can precede it; () for any
    targets: tuple[float, float] | None = None  # their range
    in_mlp: bool = True  # whether MLP accepts its name
    of_classes: bool = False  # whether targets are classes, of which training needs two
    of_residuals: bool = False  # whether its gradient is activation(logits) - target


class UpdateRule(NamedTuple):
    """The formula of an optimizer, by its name, and its constants, as the kernels read them.

    New fields come last, as pickles of estimators contain the values in order.
    """

    kind: str
    decay: float = 0.0  # momentum, RMSprop's decay, Adam's beta1
    decay2: float = 0.0  # Adam's beta2
    epsilon: float = 0.0
    weight_decay: float = 0.0
    epsilon_hat: bool = False  # Adam's epsilon is added before the correction for bias
    momentum_decay: float = 0.004  # of NAdam
    shrink: float = 0.5  # of Rprop, like the next three
    growth: float = 1.2
    smallest_step: float = 1e-6
    largest_step: float = 50.0


class Constant(NamedTuple):
    """A constant of an update rule, an argument of its function.

    Optimizers accept values in [low, below); kernels accept any number, but decay rates only in [0,
    1).
    """

    name: str
    default: float
    field: str  # of UpdateRule, and of the struct Rule of the kernels
    low: float = 0.0
    below: float = float("inf")
    is_fraction: bool = False  # in [0, 1) for the kernels as well, which may divide by 1 minus it


class Update(NamedTuple):
    """An update rule of the kernels, and the optimizer that applies it."""

    name: str
    optimizer: str  # its class
    slots: tuple[str, ...] = ()  # its state, vectors of the size of the parameters
    constants: tuple[Constant, ...] = ()
    takes_step: bool = False  # whether its formula contains the step number


class Cell(NamedTuple):
    """A recurrent cell: what each of its H units computes in a time step."""

    name: str
    gates: int = 1  # blocks of H columns in wxh, whh and bh
    states: int = 1  # vectors of H numbers for the next step, the outputs first; at most 2
    open_gate: int | None = None  # the gate whose biases start at 1
    recurrent_bias: bool = False  # bn (H,), added to the last block of h @ whh


class Initializer(NamedTuple):
    """A distribution of initial weights: uniform in [low, 1) times a scale, or normal."""

    name: str
    scale: Callable[[int, int], float] = lambda inputs, outputs: 1.0
    normal: bool = False  # with this standard deviation
    low: float = -1.0
    biases: bool = False  # drawn like the weights instead of 0


ACTIVATION_ROWS = (
    Activation("identity"),
    Activation("sigmoid"),
    Activation("tanh", signed=True),
    Activation("relu", kinks=(0.0,), init="he_uniform"),
    Activation("leaky_relu", kinks=(0.0,), init="he_uniform"),
    Activation("softmax", over_rows=True),
    Activation("elu", kinks=(0.0,), init="he_uniform"),
    Activation("selu", kinks=(0.0,), init="lecun_normal"),
    Activation("softplus"),
    Activation("hard_sigmoid", kinks=(-3.0, 3.0)),
    Activation("silu", init="he_uniform", slope_from_input=True),
    Activation("gelu", init="he_uniform", slope_from_input=True),
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
        of_classes=True,
    ),
    Loss(
        "sigmoid_cross_entropy",
        takes_logits="sigmoid",
        targets=CHANCES,
        in_mlp=False,
        of_classes=True,
        of_residuals=True,
    ),
    Loss("half_poisson_deviance", targets=(0.0, float("inf")), in_mlp=False),
    Loss(
        "softmax_cross_entropy",
        takes_labels=True,
        takes_logits="softmax",
        outputs=("softmax", "identity"),
        of_classes=True,
        of_residuals=True,
    ),
    Loss("log_cosh"),
    Loss("hinge", outputs=("identity", "tanh"), targets=SIGNS, of_classes=True),
    Loss("squared_hinge", outputs=("identity", "tanh"), targets=SIGNS, of_classes=True),
    Loss("kl_divergence", outputs=("sigmoid", "softmax"), targets=CHANCES),
    Loss("focal", takes_logits="sigmoid", outputs=("sigmoid",), targets=CHANCES, of_classes=True),
)

MOMENTUM = Constant("momentum", 0.9, "decay", below=1.0)
BETA1 = Constant("beta1", 0.9, "decay", below=1.0, is_fraction=True)
BETA2 = Constant("beta2", 0.999, "decay2", below=1.0, is_fraction=True)
EPSILON = Constant("epsilon", 1e-8, "epsilon")

UPDATE_ROWS = (
    Update("sgd", "SGD"),
    Update("momentum", "SGD", ("velocity",), (MOMENTUM,)),
    Update("nesterov", "SGD", ("velocity",), (MOMENTUM,)),
    Update(
        "rmsprop",
        "RMSprop",
        ("mean_square",),
        (Constant("decay", 0.9, "decay", below=1.0), EPSILON),
    ),
    Update("adagrad", "Adagrad", ("sum_square",), (EPSILON,)),
    Update("adam", "Adam", ("mean", "mean_square"), (BETA1, BETA2, EPSILON), takes_step=True),
    Update(
        "adamw",
        "AdamW",
        ("mean", "mean_square"),
        (BETA1, BETA2, EPSILON, Constant("weight_decay", 0.01, "weight_decay")),
        takes_step=True,
    ),
    Update(
        "amsgrad",
        "AMSGrad",
        ("mean", "mean_square", "largest_mean_square"),
        (BETA1, BETA2, EPSILON),
        takes_step=True,
    ),
    Update(
        "nadam",
        "NAdam",
        ("mean", "mean_square"),
        (BETA1, BETA2, EPSILON, Constant("momentum_decay", 0.004, "momentum_decay")),
        takes_step=True,
    ),
    Update(
        "lion",
        "Lion",
        ("mean",),
        (
            BETA1,
            Constant("beta2", 0.99, "decay2", below=1.0, is_fraction=True),
            Constant("weight_decay", 0.0, "weight_decay"),
        ),
    ),
    Update(
        "rprop",
        "Rprop",
        ("gradient", "step_size"),
        (
            Constant("shrink", 0.5, "shrink", below=1.0),
            Constant("growth", 1.2, "growth", low=1.0),
            Constant("smallest_step", 1e-6, "smallest_step"),
            Constant("largest_step", 50.0, "largest_step"),
        ),
    ),
)

CELL_ROWS = (
    Cell("tanh"),
    Cell("lstm", gates=4, states=2, open_gate=1),
    Cell("gru", gates=3, recurrent_bias=True),
)

INITIALIZER_ROWS = (
    # Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward networks
    Initializer("glorot_uniform", lambda i, o: math.sqrt(6 / (i + o))),
    Initializer("glorot_normal", lambda i, o: math.sqrt(2 / (i + o)), normal=True),
    # He et al. 2015, Delving deep into rectifiers
    Initializer("he_uniform", lambda i, o: math.sqrt(6 / i)),
    Initializer("he_normal", lambda i, o: math.sqrt(2 / i), normal=True),
    # LeCun et al. 1998, Efficient BackProp; Klambauer et al. 2017 take it for selu
    Initializer("lecun_uniform", lambda i, o: math.sqrt(3 / i)),
    Initializer("lecun_normal", lambda i, o: math.sqrt(1 / i), normal=True),
    Initializer("fan_in", lambda i, o: 1 / math.sqrt(i), biases=True),
    Initializer("uniform", low=0.0, biases=True),
    Initializer("symmetric", biases=True),
    Initializer("normal", normal=True, biases=True),
)

ACTIVATIONS = tuple(row.name for row in ACTIVATION_ROWS)
LOSSES = tuple(row.name for row in LOSS_ROWS)
ELEMENTWISE_LOSSES = tuple(row.name for row in LOSS_ROWS if not row.takes_labels)
MLP_LOSSES = tuple(row.name for row in LOSS_ROWS if row.in_mlp)
ACTIVATION_ROW = {row.name: row for row in ACTIVATION_ROWS}
LOSS_ROW = {row.name: row for row in LOSS_ROWS}
UPDATE_ROW = {row.name: row for row in UPDATE_ROWS}
CELL_ROW = {row.name: row for row in CELL_ROWS}
CELLS = tuple(CELL_ROW)
OPTIMIZER_NAMES = tuple(dict.fromkeys(row.optimizer for row in UPDATE_ROWS))
OPTIMIZER_SLOTS = {row.name: len(row.slots) for row in UPDATE_ROWS}
# The constants of UpdateRule that are numbers
RULE_NUMBERS = tuple(
    name for name, default in UpdateRule._field_defaults.items() if default is not False
)


def outputs_for(loss: str) -> tuple[str, ...]:
    """Return the output activations that a loss accepts."""
    return LOSS_ROW[loss].outputs or ACTIVATIONS
