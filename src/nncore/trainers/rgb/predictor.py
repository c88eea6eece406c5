"""A trained network that predicts fonts, and its confusion matrix."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nncore.checks import one_of
from nncore.errors import CheckpointError
from nncore.mlp.network import MLP
from nncore.params import Array
from nncore.trainers.rgb.data import FONTS, RGBData, channel, color_array


@dataclass(frozen=True)
class Confusion:
    """Confusion matrix of the fonts; confusion["dark", "light"] is the count of one cell.

    Attributes
    ----------
    counts : ndarray of int of shape (2, 2)
        Rows are the expected font, columns the predicted one.
    names : tuple of str
        The fonts in the order of rows and columns.
    """

    counts: Array
    names: tuple[str, str] = ("dark", "light")

    def __getitem__(self, expected_and_predicted: tuple[str, str]) -> int:
        """Return the count for an expected and a predicted font."""
        expected, predicted = expected_and_predicted
        one_of("expected", expected, self.names)
        one_of("predicted", predicted, self.names)
        return int(self.counts[self.names.index(expected), self.names.index(predicted)])

    def __str__(self) -> str:
        lines = ["".ljust(14) + "".join(f"{f'predicted {name}':>18}" for name in self.names)]
        for name, row in zip(self.names, self.counts, strict=True):
            lines.append(f"{f'expected {name}':<14}" + "".join(f"{count:>18}" for count in row))
        return "\n".join(lines)


class FontPredictor:
    """A trained network that predicts the font for colours.

    Parameters
    ----------
    net : MLP
        A network with 3 inputs (red, green, blue, divided by 255) and 1 sigmoid output (the
        probability of a dark font).

    Raises
    ------
    TypeError, ValueError
        If net is not such a network.
    """

    def __init__(self, net: MLP) -> None:
        if not isinstance(net, MLP):
            raise TypeError(f"net must be an MLP, got {type(net).__name__}")
        ends = (net.layer_sizes[0], net.layer_sizes[-1], net.activations[-1])
        if ends != (3, 1, "sigmoid"):
            raise ValueError(
                f"net has {ends[0]} inputs and {ends[1]} {ends[2]} outputs, expected 3 inputs "
                f"(red, green, blue) and 1 sigmoid output (the probability of a dark font)"
            )
        self.net = net

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FontPredictor:
        """Load a network from a file written by `save`.

        Parameters
        ----------
        path : str or os.PathLike
            The file.

        Returns
        -------
        FontPredictor

        Raises
        ------
        CheckpointError
            If the file is damaged or contains another network.
        OSError
            If the file cannot be read.
        """
        net = MLP.load(path)
        try:
            return FontPredictor(net)
        except ValueError as error:
            raise CheckpointError(f"{os.fspath(path)}: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the network, without the colours, to a model file; see `MLP.save`.

        Parameters
        ----------
        path : str or os.PathLike
            The file.

        Raises
        ------
        OSError
            If the file cannot be written.
        ValueError
            If a weight is NaN or infinite.
        """
        self.net.save(path)

    def probabilities(self, rgb: npt.ArrayLike) -> Array:
        """Return the probabilities of a dark font on colours.

        Parameters
        ----------
        rgb : array-like of shape (N, 3)
            Red, green and blue from 0 to 255.

        Returns
        -------
        ndarray of shape (N,)
        """
        return self.net.predict(color_array("rgb", rgb) / 255.0)[:, 0]

    def predict_probability(self, r: int, g: int, b: int) -> float:
        """Return the probability of a dark font on a colour.

        Parameters
        ----------
        r, g, b : int
            Red, green and blue from 0 to 255.

        Returns
        -------
        float
        """
        color = [channel(name, value) for name, value in zip("rgb", (r, g, b), strict=True)]
        return float(self.probabilities([color])[0])

    def predict_font(self, r: int, g: int, b: int) -> str:
        """Return the readable font on a colour.

        Parameters
        ----------
        r, g, b : int
            Red, green and blue from 0 to 255.

        Returns
        -------
        {"dark", "light"}
        """
        return FONTS[self.predict_probability(r, g, b) > 0.5]

    def measure(self, data: RGBData) -> Confusion:
        """Return the confusion matrix of the predictions for labelled colours.

        Parameters
        ----------
        data : RGBData
            The colours and their fonts.

        Returns
        -------
        Confusion
        """
        found = self.probabilities(data.rgb) > 0.5
        counts = np.zeros((2, 2), np.int64)
        np.add.at(counts, ((~data.dark).astype(int), (~found).astype(int)), 1)
        return Confusion(counts)
