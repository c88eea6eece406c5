"""nncore: a compiled numerical core for small neural networks on the CPU."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nncore import kernels, reference
from nncore._version import __version__
from nncore.char_rnn import CharRNN, Evaluation
from nncore.config import show_config
from nncore.data import Vocabulary
from nncore.errors import CheckpointError, DivergenceError
from nncore.gradients import GradientCheck, check_gradients, numerical_gradient
from nncore.mlp import MLP
from nncore.mlp_run import EarlyStopping, EpochEvent, MLPHistory
from nncore.mlp_trace import Trace
from nncore.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from nncore.schedules import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    OnPlateau,
    Schedule,
    StepDecay,
    WarmUp,
)
from nncore.training import History, TrainingEvent

if TYPE_CHECKING:
    from nncore.trainers.neuron import fit_weight, train_regressor
    from nncore.trainers.rgb import train_rgb
    from nncore.trainers.xor import train_xor

__all__ = [
    "MLP",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CharRNN",
    "CheckpointError",
    "Constant",
    "CosineDecay",
    "DivergenceError",
    "EarlyStopping",
    "EpochEvent",
    "Evaluation",
    "ExponentialDecay",
    "GradientCheck",
    "History",
    "MLPHistory",
    "OnPlateau",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "StepDecay",
    "Trace",
    "TrainingEvent",
    "Vocabulary",
    "WarmUp",
    "__version__",
    "check_gradients",
    "fit_weight",
    "kernels",
    "numerical_gradient",
    "reference",
    "show_config",
    "train_regressor",
    "train_rgb",
    "train_xor",
]

# The trainers are loaded at their first use: most programs that import nncore use none.
_TRAINERS = {
    "fit_weight": "nncore.trainers.neuron",
    "train_regressor": "nncore.trainers.neuron",
    "train_rgb": "nncore.trainers.rgb",
    "train_xor": "nncore.trainers.xor",
}


def __getattr__(name: str) -> Any:
    if name not in _TRAINERS:
        raise AttributeError(f"module 'nncore' has no attribute {name!r}")
    return getattr(import_module(_TRAINERS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_TRAINERS})
