"""Model files of MLP, as they are saved and with a change."""

from mlps import rows, small
from model_files import edited

X, Y, LABELS = rows()
MANY = 2**40


def saved(path, **settings):
    net = small(**settings)
    net.fit(X, Y, epochs=3, validation_fraction=0.2)
    net.save(path)
    return net


def forged(path, change):
    """The file of a small network after change(arrays, header)."""
    saved(path)
    return edited(path, change)
