"""nncore: a compiled numerical core for small neural networks on the CPU."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nncore import kernels, reference
from nncore._version import __version__
from nncore.config import show_config
from nncore.errors import CheckpointError, DivergenceError
from nncore.registry import OPTIMIZER_NAMES

if TYPE_CHECKING:
    from nncore.char_rnn.fit_settings import TrainingEvent
    from nncore.char_rnn.history import History
    from nncore.char_rnn.network import CharRNN
    from nncore.char_rnn.state import Evaluation
    from nncore.char_rnn.text import Vocabulary
    from nncore.gradients import GradientCheck, check_gradients, numerical_gradient
    from nncore.mlp.history import MLPHistory
    from nncore.mlp.network import MLP
    from nncore.optimizers import *
    from nncore.optimizers import Optimizer
    from nncore.population.event import PopulationEvent
    from nncore.population.history import PopulationHistory
    from nncore.population.network import Population
    from nncore.rnn.history import RNNHistory
    from nncore.rnn.network import RNN
    from nncore.rnn.windows import windows
    from nncore.schedules import (
        Constant,
        CosineDecay,
        ExponentialDecay,
        OnPlateau,
        Schedule,
        StepDecay,
        WarmUp,
    )
    from nncore.sweeps.plan import Plan
    from nncore.sweeps.sweep import Ensemble, Member, Sweep, sweep
    from nncore.trace import Trace
    from nncore.trainers.neuron import fit_weight, train_regressor
    from nncore.trainers.rgb.train import train_rgb
    from nncore.trainers.xor.train import train_xor
    from nncore.training.epochs.settings import EarlyStopping, EpochEvent

__all__ = [
    "MLP",
    "RNN",
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
    "Plan",
    "Population",
    "PopulationEvent",
    "PopulationHistory",
    "RNNHistory",
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
    "windows",
]
__all__.extend(OPTIMIZER_NAMES)

# Loaded at their first use: no program needs all of them, and importing nncore stays quick.
_LAZY = {
    "CharRNN": "char_rnn.network",
    "Evaluation": "char_rnn.state",
    "History": "char_rnn.history",
    "TrainingEvent": "char_rnn.fit_settings",
    "Vocabulary": "char_rnn.text",
    "GradientCheck": "gradients",
    "check_gradients": "gradients",
    "numerical_gradient": "gradients",
    "MLP": "mlp.network",
    "EarlyStopping": "training.epochs.settings",
    "EpochEvent": "training.epochs.settings",
    "MLPHistory": "mlp.history",
    "Trace": "trace",
    "Population": "population.network",
    "PopulationEvent": "population.event",
    "PopulationHistory": "population.history",
    "RNN": "rnn.network",
    "RNNHistory": "rnn.history",
    "windows": "rnn.windows",
    "Ensemble": "sweeps.sweep",
    "Member": "sweeps.sweep",
    "Plan": "sweeps.plan",
    "Sweep": "sweeps.sweep",
    "sweep": "sweeps.sweep",
    "fit_weight": "trainers.neuron",
    "train_regressor": "trainers.neuron",
    "train_rgb": "trainers.rgb.train",
    "train_xor": "trainers.xor.train",
    "Constant": "schedules",
    "CosineDecay": "schedules",
    "ExponentialDecay": "schedules",
    "OnPlateau": "schedules",
    "Schedule": "schedules",
    "StepDecay": "schedules",
    "WarmUp": "schedules",
    **dict.fromkeys(["Optimizer", *OPTIMIZER_NAMES], "optimizers"),
}
_SUBMODULES = ("interop", "optimizers", "schedules")  # imported at their first use as well


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"nncore.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'nncore' has no attribute {name!r}")
    found = getattr(import_module(f"nncore.{_LAZY[name]}"), name)
    globals()[name] = found  # the next time without this function
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_SUBMODULES})
