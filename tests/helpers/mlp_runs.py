"""Runs of MLP.fit on the rows of `mlps`, and compiled calls of a chosen length."""

from mlps import rows, small

from nncore.mlp import run as mlp_run
from nncore.training import CallLength

X, Y, LABELS = rows()


def fitted(fit, **settings):
    net = small(**settings)
    net.fit(X, Y, **fit)
    return net


def calls_of(updates, monkeypatch, run=mlp_run):
    """Let every compiled call run this number of updates, however long they take."""

    class Fixed(CallLength):
        def __init__(self, longest=2000, first=1, intended=0.03):
            super().__init__(longest, min(updates, longest), intended)

        def stop(self, done):
            seconds = super().stop(done)
            self.updates = min(updates, self.longest)
            return seconds

    monkeypatch.setattr(run, "CallLength", Fixed)
