"""Building blocks of training loops, which both networks use.

A training loop runs many updates in one compiled call and returns to Python every few
milliseconds, so that Ctrl-C, the progress bar and the callbacks work.
"""

from nncore.training.call_length import CallLength
from nncore.training.callbacks import Callback, TrainingEvent, asked_to_stop
from nncore.training.checkpoints import Checkpoints
from nncore.training.fit_settings import FitSettings
from nncore.training.growable_array import GrowableArray
from nncore.training.history import History, smoothed
from nncore.training.last_good import LastGood
from nncore.training.progress import progress_bar
from nncore.training.resuming import different_data, nothing_to_resume
from nncore.training.run import Bar, TrainingRun
from nncore.training.signals import undisturbed

__all__ = [
    "Bar",
    "CallLength",
    "Callback",
    "Checkpoints",
    "FitSettings",
    "GrowableArray",
    "History",
    "LastGood",
    "TrainingEvent",
    "TrainingRun",
    "asked_to_stop",
    "different_data",
    "nothing_to_resume",
    "progress_bar",
    "smoothed",
    "undisturbed",
]
