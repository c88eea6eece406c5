"""The record of the training of a `CharRNN`, and the state from which a run can be resumed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nncore.params import Array
from nncore.training import NetworkRunState


@dataclass
class History:
    """Record of the training of a `CharRNN`, extended by every call of `fit`.

    Attributes
    ----------
    seq_length : int
        Time steps of a window (T).
    loss : ndarray of shape (updates,)
        Loss of each update: nats per window, summed over its steps, mean over the streams.
    smooth_loss : ndarray of shape (updates,)
        Exponential running mean of the loss. It starts at ln(V) * seq_length, the loss of
        uniform guessing, and keeps a fraction of 0.999 per 25 characters, as in min-char-rnn.
    validation_iteration : ndarray of shape (validations,)
        Numbers of the updates after which the held-out text was evaluated.
    validation_bits_per_char : ndarray of shape (validations,)
        Loss on the held-out text, in bits per character.
    seconds : float
        Time spent in training, without validation and callbacks.
    """

    seq_length: int
    loss: Array = field(default_factory=lambda: np.empty(0))
    smooth_loss: Array = field(default_factory=lambda: np.empty(0))
    validation_iteration: Array = field(default_factory=lambda: np.empty(0, np.int64))
    validation_bits_per_char: Array = field(default_factory=lambda: np.empty(0))
    seconds: float = 0.0

    @property
    def iterations(self) -> int:
        """Number of updates so far."""
        return len(self.loss)

    @property
    def bits_per_char(self) -> Array:
        """The smoothed loss in bits per character, of shape (updates,)."""
        return np.asarray(self.smooth_loss / (self.seq_length * np.log(2)))

    def __repr__(self) -> str:
        if not self.iterations:
            return "<History: no updates yet>"
        text = (
            f"<History: {self.iterations} updates in {self.seconds:.1f} s, "
            f"smoothed loss {self.smooth_loss[-1]:.3f} nats per window "
            f"({self.bits_per_char[-1]:.3f} bits per character)"
        )
        if len(self.validation_bits_per_char):
            text += f", {self.validation_bits_per_char[-1]:.3f} on the held-out text"
        return text + ">"


def smoothed(start: float, losses: Array, keep: float) -> Array:
    """Return s with s[i] = keep * s[i-1] + (1 - keep) * losses[i], where s[-1] is start."""
    mean = start
    result = np.empty(len(losses))
    for i, loss in enumerate(losses):
        mean = keep * mean + (1 - keep) * loss
        result[i] = mean
    return result


@dataclass(kw_only=True)
class CharRNNRunState(NetworkRunState):
    """The last run of a `CharRNN`. In one that was loaded after its end, `planned` is 0."""

    updates: int = 0

    @property
    def done(self) -> int:
        """The number of updates made."""
        return self.updates

    def go_back(self, done: int) -> None:
        """Return to an earlier number of updates."""
        self.updates = done

    @property
    def characters(self) -> int:
        """The number of characters to train on."""
        return self.fingerprint[0]
