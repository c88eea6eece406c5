"""Model files of CharRNN, as they are saved and with a change."""

from char_rnns import TEXT, small
from model_files import edited

MANY = 2**40


def forged(path, change):
    """The file of a small network after change(arrays, header)."""
    model = small()
    model.fit(TEXT, iterations=3, validation_fraction=0.1)
    model.save(path)
    return edited(path, change)
