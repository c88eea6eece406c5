"""nncore: a compiled numerical core for small neural networks on the CPU."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nncore import kernels, reference
from nncore._version import __version__
from nncore.config import show_config
from nncore.errors import CheckpointError, DivergenceError
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

if TYPE_CHECKING:
    from nncore.char_rnn import CharRNN, Evaluation
    from nncore.data import Vocabulary
    from nncore.gradients import GradientCheck, check_gradients, numerical_gradient
    from nncore.mlp import MLP
    from nncore.mlp_run_settings import EarlyStopping, EpochEvent
    from nncore.mlp_run_state import MLPHistory
    from nncore.mlp_trace import Trace
    from nncore.sweeps import Ensemble, Member, Sweep, sweep
    from nncore.trainers.neuron import fit_weight, train_regressor
    from nncore.trainers.rgb import train_rgb
    from nncore.trainers.xor import train_xor
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
    "Ensemble",
    "EpochEvent",
    "Evaluation",
    "ExponentialDecay",
    "GradientCheck",
    "History",
    "MLPHistory",
    "Member",
    "OnPlateau",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "StepDecay",
    "Sweep",
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
    "sweep",
    "train_regressor",
    "train_rgb",
    "train_xor",
]

# Loaded at their first use: no program needs all of them, and importing nncore stays quick.
_LATER = {
    "CharRNN": "char_rnn",
    "Evaluation": "char_rnn",
    "Vocabulary": "data",
    "GradientCheck": "gradients",
    "check_gradients": "gradients",
    "numerical_gradient": "gradients",
    "MLP": "mlp",
    "EarlyStopping": "mlp_run_settings",
    "EpochEvent": "mlp_run_settings",
    "MLPHistory": "mlp_run_state",
    "Trace": "mlp_trace",
    "Ensemble": "sweeps",
    "Member": "sweeps",
    "Sweep": "sweeps",
    "sweep": "sweeps",
    "fit_weight": "trainers.neuron",
    "train_regressor": "trainers.neuron",
    "train_rgb": "trainers.rgb",
    "train_xor": "trainers.xor",
    "History": "training",
    "TrainingEvent": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'nncore' has no attribute {name!r}")
    found = getattr(import_module(f"nncore.{_LATER[name]}"), name)
    globals()[name] = found  # the next time without this function
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
