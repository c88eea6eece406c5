"""The cells by name."""

from nncore.reference.recurrent import gru, lstm, tanh

CELL_FUNCTIONS = {"tanh": tanh.CELL, "lstm": lstm.CELL, "gru": gru.CELL}
