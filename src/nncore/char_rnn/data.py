"""The text of a run, as ids: split, and identified by a fingerprint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.char_rnn.settings import CharRNNSettings
from nncore.char_rnn.text_sources import TextSource, text_name
from nncore.params import Array
from nncore.training import fingerprint


@dataclass(frozen=True)
class Data:
    """Ids to train on, and ids held out for validation."""

    train: Array
    held_out: Array

    def fingerprint(self) -> list[int]:
        """Return the length and a checksum of the ids to train on, to recognise them by."""
        return fingerprint(self.train.shape, [self.train])

    def old_fingerprint(self) -> list[int]:
        """Return what files of the first versions have instead of the fingerprint.

        It is still recognised, so that their runs can be resumed. It is a sum over a sample of the
        ids, which tells most texts apart, but not all.
        """
        sample = self.train[:: max(1, len(self.train) // 4096)].astype(np.int64)
        return [len(self.train), int(np.dot(sample, np.arange(1, len(sample) + 1)))]


def check_fraction(validation_fraction: float) -> None:
    """Raise ValueError unless the fraction is in [0, 1)."""
    if not 0 <= validation_fraction < 1:
        raise ValueError(f"validation_fraction must be in [0, 1), got {validation_fraction}")


def split(
    text: TextSource, ids: Array, validation_fraction: float, settings: CharRNNSettings
) -> Data:
    """Hold out a fraction of the ids of a text at its end; ValueError if too few are left."""
    train, held_out = np.split(ids, [len(ids) - int(len(ids) * validation_fraction)])
    needed = settings.batch_size * (settings.seq_length + 1)
    if len(train) < needed:
        raise ValueError(
            f"{text_name(text)} has {len(train)} characters to train on, expected at least "
            f"{needed} for {settings.batch_size} stream(s) of windows of {settings.seq_length}: "
            f"use more text, or a smaller batch_size or seq_length"
        )
    if validation_fraction and len(held_out) < 2:
        raise ValueError(
            f"validation_fraction of {validation_fraction} holds out {len(held_out)} of "
            f"{len(ids)} characters, expected at least 2"
        )
    return Data(train, held_out)


def epoch_length(settings: CharRNNSettings, characters: int) -> int:
    """Return the number of windows in one pass through a text."""
    length = characters // settings.batch_size
    return max(1, -(-(length - settings.seq_length - 1) // settings.seq_length))
