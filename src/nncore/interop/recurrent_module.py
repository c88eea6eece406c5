"""The PyTorch module that a recurrent network becomes; imported only when it is needed."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence

from nncore.rnn.settings import Returns


class RecurrentNetwork(torch.nn.Module):
    """A recurrent module, and a head that computes outputs from its hidden states.

    Parameters
    ----------
    recurrent : torch.nn.RNN, torch.nn.LSTM or torch.nn.GRU
        With ``batch_first=True``.
    head : torch.nn.Module
        An nn.Linear, or an nn.Sequential of an nn.Linear and an activation.
    returns : {"last", "sequence"}
        Which outputs the network has: those of the last step of a sequence, or of all steps.
    """

    def __init__(self, recurrent: Any, head: Any, returns: Returns) -> None:
        super().__init__()
        self.recurrent, self.head, self.returns = recurrent, head, returns

    def forward(self, x: Any) -> Any:
        """Return the outputs for sequences.

        Parameters
        ----------
        x : tensor (N, T, I) or (T, I), or PackedSequence
            The sequences; packed if they have different lengths.

        Returns
        -------
        tensor (N, O), (N, T, O), (O,) or (T, O), or PackedSequence
            The outputs of each last step, or of all steps, then packed if x is.
        """
        hidden, states = self.recurrent(x)
        if self.returns == "last":
            last = states[0] if isinstance(states, tuple) else states
            return self.head(last[-1])
        if isinstance(hidden, PackedSequence):
            return hidden._replace(data=self.head(hidden.data))
        return self.head(hidden)
