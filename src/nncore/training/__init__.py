"""Building blocks of training loops, which all networks use.

A training loop runs many updates in one compiled call and returns to Python every few
milliseconds, so that Ctrl-C, the progress bar and the callbacks work.
"""

from nncore.training.call_length import CallLength
from nncore.training.callbacks import asked_to_stop
from nncore.training.checkpoints import Checkpoints
from nncore.training.fingerprints import fingerprint
from nncore.training.fit_settings import FitSettings
from nncore.training.growable_array import GrowableArray
from nncore.training.last_good import LastGood, Snapshots
from nncore.training.progress import progress_bar
from nncore.training.run import Bar, NetworkRun, TrainingRun
from nncore.training.run_state import NetworkRunState, RunState, different_data, unfinished
from nncore.training.signals import undisturbed

__all__ = [
    "Bar",
    "CallLength",
    "Checkpoints",
    "FitSettings",
    "GrowableArray",
    "LastGood",
    "NetworkRun",
    "NetworkRunState",
    "RunState",
    "Snapshots",
    "TrainingRun",
    "asked_to_stop",
    "different_data",
    "fingerprint",
    "progress_bar",
    "undisturbed",
    "unfinished",
]
