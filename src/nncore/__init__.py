"""nncore: a compiled numerical core for small neural networks on the CPU."""

from nncore import kernels, reference
from nncore._version import __version__
from nncore.char_rnn import CharRNN, Evaluation
from nncore.config import show_config
from nncore.data import Vocabulary
from nncore.errors import CheckpointError, DivergenceError
from nncore.mlp import MLP
from nncore.mlp_run import EarlyStopping, EpochEvent, MLPHistory
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
    "History",
    "MLPHistory",
    "OnPlateau",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "StepDecay",
    "TrainingEvent",
    "Vocabulary",
    "WarmUp",
    "__version__",
    "kernels",
    "reference",
    "show_config",
]
