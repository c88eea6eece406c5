"""The record of the training of an `MLP`."""

from __future__ import annotations

from nncore.training.epochs.history import EpochHistory


class MLPHistory(EpochHistory):
    """Record of the training of an `MLP`, extended by every call of `fit`.

    Attributes
    ----------
    loss : ndarray of shape (epochs,)
        Objective of each epoch, including penalties: the mean over its rows, where each batch is
        evaluated before its update.
    validation_loss : ndarray of shape (epochs,)
        Loss of the validation data after each epoch, without penalties; NaN for epochs without
        validation data.
    validation_accuracy : ndarray of shape (epochs,)
        Fraction of the validation data classified correctly after each epoch; NaN for epochs
        without validation data, and for targets that are not classes.
    updates : int
        Number of updates so far.
    best_epoch : int
        Epoch after which early stopping found the best parameters, counted from 1; 0 without early
        stopping.
    seconds : float
        Time spent in training, without validation and callbacks.
    """
